//! Content codings (RFC 9110 §8.4), undone in pieces and in bounded memory.
//!
//! A [`Decoder`] is a chain of layers in the reverse order of the `Content-Encoding` list. What one layer yields goes
//! to the next in pieces of at most 16 KiB, so a bomb (203 bytes of brotli make 256 MiB) is stopped while it unfolds:
//! either the receiver of the last pieces refuses, or a layer yields more than [`Limits::decode_ratio`] times the
//! bytes that went into the chain.
//!
//! ```text
//! Content-Encoding: deflate, gzip      bytes ─► gzip ─► deflate ─► receiver
//! ```
//!
//! Reading is lenient where browsers are: `deflate` may be raw or wrapped by zlib (or gzip), several gzip members may
//! follow each other, and bytes after the end of a compressed stream are ignored.

pub mod barren;

use std::{fmt, io::Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use smallvec::SmallVec;

use crate::limits::Limits;

/// A content coding this program can undo: one row of [`CODINGS`].
pub struct Coding {
    /// Its names, lower case (RFC 9110 §8.4.1 and the IANA registry).
    pub names: &'static [&'static str],
    new: fn() -> Box<dyn Undo>,
}

impl PartialEq for Coding {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Coding {}

impl fmt::Debug for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Coding").field(&self.names).finish()
    }
}

/// All codings known.
pub static CODINGS: &[Coding] = &[
    Coding { names: &["gzip", "x-gzip"], new: || Box::new(Inflate::new(false)) },
    Coding { names: &["deflate", "x-deflate"], new: || Box::new(Inflate::new(true)) },
    Coding { names: &["br"], new: || Box::new(Brotli::new()) },
    Coding { names: &["zstd"], new: || Box::new(Zstd::new()) },
];

/// Names that mean "as it is".
const NO_CODING: &[&str] = &["identity", "none"];

/// The codings of a message in the order they were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codings {
    known: SmallVec<[&'static Coding; 2]>,
    unknown: bool,
}

impl Codings {
    /// Appends a list as `Content-Encoding` carries it. Letter case, empty members, and bytes around a name that no
    /// token can have (NUL, no-break space) do not matter.
    pub fn add_list(&mut self, value: &[u8]) {
        for member in value.split(|byte| *byte == b',') {
            self.add(trim_to_token(member));
        }
    }

    fn add(&mut self, name: &[u8]) {
        let is = |known: &&str| name.eq_ignore_ascii_case(known.as_bytes());
        if name.is_empty() || NO_CODING.iter().any(is) {
            return;
        }
        match CODINGS.iter().find(|coding| coding.names.iter().any(is)) {
            Some(coding) => self.known.push(coding),
            None => self.unknown = true,
        }
    }

    /// Whether there is nothing to undo.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && !self.unknown
    }

    /// Whether there is one layer to undo.
    pub(crate) fn is_single(&self) -> bool {
        self.known.len() == 1 && !self.unknown
    }

    /// A decoder for all of them; `None` if one is unknown or there are more than [`Limits::codings`].
    pub fn decoder(&self, limits: &Limits) -> Option<Decoder> {
        if self.unknown || self.known.len() > limits.codings {
            return None;
        }
        let layers = self.known.iter().rev().map(|coding| Layer::new((coding.new)())).collect();
        Some(Decoder { layers, fed: 0, ratio: limits.decode_ratio as u64 })
    }
}

/// `bytes` without what surrounds the first and the last byte of a token (RFC 9110 §5.6.2; letters, digits, `-_.+`).
pub(crate) fn trim_to_token(bytes: &[u8]) -> &[u8] {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+');
    let Some(start) = bytes.iter().position(is_name) else { return b"" };
    let end = bytes.iter().rposition(is_name).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// Why decoding stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The coded bytes are damaged, or end too early.
    Damaged,
    /// The receiver refused more, or the ratio was passed.
    Limit,
}

/// Takes decoded pieces; refuses more with [`Stop::Limit`].
pub type Receiver<'r> = dyn FnMut(&[u8]) -> Result<(), Stop> + 'r;

/// Undoes one coding.
trait Undo: Send {
    /// Decodes what `input` allows.
    fn decode(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Result<(), Stop>;

    /// The coded bytes are over: hands out what was held back; `Damaged` if the stream is not complete.
    fn finish(&mut self, out: &mut Receiver<'_>) -> Result<(), Stop>;
}

/// One coding of a chain.
struct Layer {
    /// `None` once the bytes turned out not to be coded so: they go through as they are.
    undo: Option<Box<dyn Undo>>,
    yielded: u64,
    /// What went in before anything came out, so that it can still go through as it is; `None` if that is too much.
    seen: Option<Vec<u8>>,
}

/// Undoes the codings of one content.
///
/// A layer that fails before it yielded a byte was declared and not applied, as servers do: it is left out, and
/// [`Decoder::finish`] reports `Damaged`.
pub struct Decoder {
    layers: SmallVec<[Layer; 2]>,
    fed: u64,
    ratio: u64,
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("layers", &self.layers.len()).field("fed", &self.fed).finish()
    }
}

/// What may be decoded before the ratio counts.
pub(crate) const FREE_OF_RATIO: u64 = 1 << 20;

/// Longest beginning that is kept while a layer yields nothing.
const SEEN: usize = 4 << 10;

impl Decoder {
    /// Decodes the next piece. After an error the decoder must be dropped; what `out` got until then stands.
    pub fn decode(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Result<(), Stop> {
        self.fed = self.fed.saturating_add(input.len() as u64);
        let most = self.most();
        feed(&mut self.layers, input, most, out)
    }

    /// The coded bytes are over.
    pub fn finish(&mut self, out: &mut Receiver<'_>) -> Result<(), Stop> {
        let most = self.most();
        let mut layers = self.layers.as_mut_slice();
        while let Some((layer, inner)) = layers.split_first_mut() {
            if let Some(undo) = &mut layer.undo {
                let yielded = &mut layer.yielded;
                let result = undo.finish(&mut |piece| count_and_feed(yielded, inner, piece, most, out));
                layer.settle(result, b"", inner, most, out)?;
            }
            layers = inner;
        }
        if self.layers.iter().any(|layer| layer.undo.is_none()) { Err(Stop::Damaged) } else { Ok(()) }
    }

    /// The most any layer may have yielded by now.
    fn most(&self) -> u64 {
        self.fed.saturating_mul(self.ratio).max(FREE_OF_RATIO)
    }
}

impl Layer {
    fn new(undo: Box<dyn Undo>) -> Self {
        Self { undo: Some(undo), yielded: 0, seen: Some(Vec::new()) }
    }

    /// Judges the outcome for `input`: a failure before the first byte leaves the layer out.
    fn settle(
        &mut self,
        result: Result<(), Stop>,
        input: &[u8],
        inner: &mut [Self],
        most: u64,
        out: &mut Receiver<'_>,
    ) -> Result<(), Stop> {
        if self.yielded > 0 {
            self.seen = None;
            return result;
        }
        let Some(mut seen) = self.seen.take() else { return result };
        if result == Err(Stop::Damaged) {
            self.undo = None;
            seen.extend_from_slice(input);
            return count_and_feed(&mut self.yielded, inner, &seen, most, out);
        }
        if seen.len() + input.len() <= SEEN {
            seen.extend_from_slice(input);
            self.seen = Some(seen);
        }
        result
    }
}

fn feed(layers: &mut [Layer], input: &[u8], most: u64, out: &mut Receiver<'_>) -> Result<(), Stop> {
    let Some((layer, inner)) = layers.split_first_mut() else {
        return if input.is_empty() { Ok(()) } else { out(input) };
    };
    let yielded = &mut layer.yielded;
    let Some(undo) = &mut layer.undo else { return count_and_feed(yielded, inner, input, most, out) };
    let result = undo.decode(input, &mut |piece| count_and_feed(yielded, inner, piece, most, out));
    layer.settle(result, input, inner, most, out)
}

fn count_and_feed(
    yielded: &mut u64,
    inner: &mut [Layer],
    piece: &[u8],
    most: u64,
    out: &mut Receiver<'_>,
) -> Result<(), Stop> {
    *yielded = yielded.saturating_add(piece.len() as u64);
    feed(inner, piece, most, out)?;
    if *yielded > most { Err(Stop::Limit) } else { Ok(()) }
}

/// Size of a decoded piece.
const PIECE: usize = 16 << 10;

/// gzip (RFC 1952), zlib (RFC 1950) and raw DEFLATE (RFC 1951). The first two bytes tell which, not the name.
struct Inflate {
    raw_allowed: bool,
    first: SmallVec<[u8; 2]>,
    stream: InflateState,
}

enum InflateState {
    /// The first two bytes are not there yet.
    Start,
    Running {
        inflate: Decompress,
        gzip: bool,
    },
    Done {
        gzip: bool,
    },
}

impl Inflate {
    fn new(raw_allowed: bool) -> Self {
        Self { raw_allowed, first: SmallVec::new(), stream: InflateState::Start }
    }

    fn start(&mut self, first: [u8; 2]) -> Result<(), Stop> {
        let [cmf, flags] = first;
        let is_zlib = cmf & 0x0f == 8 && cmf >> 4 <= 7 && (u16::from(cmf) << 8 | u16::from(flags)).is_multiple_of(31);
        let (inflate, gzip) = match first {
            [0x1f, 0x8b] => (Decompress::new_gzip(15), true),
            _ if is_zlib => (Decompress::new(true), false),
            _ if self.raw_allowed => (Decompress::new(false), false),
            _ => return Err(Stop::Damaged),
        };
        self.stream = InflateState::Running { inflate, gzip };
        Ok(())
    }

    /// Decodes until the input is used up or the stream ends; returns the input not used.
    fn run<'i>(&mut self, mut input: &'i [u8], out: &mut Receiver<'_>) -> Result<&'i [u8], Stop> {
        let InflateState::Running { inflate, gzip } = &mut self.stream else { return Ok(input) };
        let gzip = *gzip;
        let mut piece = [0; PIECE];
        loop {
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(input, &mut piece, FlushDecompress::None);
            let read = usize::try_from(inflate.total_in().saturating_sub(read)).unwrap_or(usize::MAX);
            let written = usize::try_from(inflate.total_out().saturating_sub(written)).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            if let Some(decoded) = piece.get(..written).filter(|decoded| !decoded.is_empty()) {
                out(decoded)?;
            }
            match status {
                Err(_) => return Err(Stop::Damaged),
                Ok(Status::StreamEnd) => {
                    self.stream = InflateState::Done { gzip };
                    return Ok(input);
                }
                Ok(_) if written < piece.len() && (input.is_empty() || read == 0) => return Ok(b""),
                Ok(_) => {}
            }
        }
    }
}

impl Undo for Inflate {
    fn decode(&mut self, mut input: &[u8], out: &mut Receiver<'_>) -> Result<(), Stop> {
        while !input.is_empty() {
            match self.stream {
                InflateState::Running { .. } => input = self.run(input, out)?,
                InflateState::Done { gzip: false } => return Ok(()),
                InflateState::Start | InflateState::Done { gzip: true } => {
                    let Some((byte, rest)) = input.split_first() else { return Ok(()) };
                    self.first.push(*byte);
                    input = rest;
                    let [one, two] = *self.first.as_slice() else { continue };
                    self.first.clear();
                    match self.stream {
                        InflateState::Start => self.start([one, two])?,
                        // Another member may follow; anything else is padding.
                        _ if [one, two] == [0x1f, 0x8b] => self.start([one, two])?,
                        _ => self.stream = InflateState::Done { gzip: false },
                    }
                    self.run(&[one, two], out)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut Receiver<'_>) -> Result<(), Stop> {
        match self.stream {
            InflateState::Done { .. } => Ok(()),
            // No content at all: responses to HEAD and 304 carry the coding of what they stand for.
            InflateState::Start if self.first.is_empty() => Ok(()),
            _ => Err(Stop::Damaged),
        }
    }
}

/// Brotli (RFC 7932), without the large windows that are no part of the content coding.
struct Brotli {
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    started: bool,
    done: bool,
}

impl Brotli {
    fn new() -> Self {
        let state =
            BrotliState::new_strict(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
        Self { state: Box::new(state), started: false, done: false }
    }
}

impl Undo for Brotli {
    fn decode(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Result<(), Stop> {
        if self.done || input.is_empty() {
            return Ok(());
        }
        self.started = true;
        let mut piece = [0; PIECE];
        let (mut left, mut read) = (input.len(), 0);
        loop {
            let (mut room, mut written, mut total) = (piece.len(), 0, 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut read,
                input,
                &mut room,
                &mut written,
                &mut piece,
                &mut total,
                &mut self.state,
            );
            if let Some(decoded) = piece.get(..written).filter(|decoded| !decoded.is_empty()) {
                out(decoded)?;
            }
            match result {
                BrotliResult::ResultSuccess => {
                    self.done = true;
                    return Ok(());
                }
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::ResultFailure => return Err(Stop::Damaged),
            }
        }
    }

    fn finish(&mut self, _: &mut Receiver<'_>) -> Result<(), Stop> {
        if self.done || !self.started { Ok(()) } else { Err(Stop::Damaged) }
    }
}

/// Zstandard (RFC 8878), framed here: the decoder sees whole frame headers and whole blocks.
///
/// ```text
/// magic 4 │ descriptor 1 │ window 0-1 │ dictionary 0-4 │ content size 0-8 │ block… │ checksum 0|4
/// block: header 3 (last 1 bit, type 2 bits, size 21 bits), content
/// ```
struct Zstd {
    decoder: FrameDecoder,
    pending: Vec<u8>,
    state: ZstdState,
}

enum ZstdState {
    Frame,
    Block {
        checksum: bool,
    },
    Skip(u64),
    /// After a frame came bytes that begin no other.
    Over,
}

/// Largest window of the content coding (RFC 9659 §3).
const ZSTD_WINDOW: u64 = 8 << 20;

/// An empty last block, and a checksum that is not looked at: ends a frame whose rest is missing.
const ZSTD_END: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

impl Zstd {
    fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(ZSTD_WINDOW);
        Self { decoder, pending: Vec::new(), state: ZstdState::Frame }
    }

    /// Takes one header or block off the front of `input`. `None` if it is not complete.
    fn step(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Option<Result<usize, Stop>> {
        match &mut self.state {
            ZstdState::Over => Some(Ok(input.len())),
            ZstdState::Skip(left) => {
                let skipped = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= skipped as u64;
                if *left == 0 {
                    self.state = ZstdState::Frame;
                }
                Some(Ok(skipped))
            }
            ZstdState::Frame => self.frame(input),
            ZstdState::Block { checksum } => {
                let header: [u8; 4] = [*input.first()?, *input.get(1)?, *input.get(2)?, 0];
                let header = u32::from_le_bytes(header);
                let (last, kind, size) = (header & 1 == 1, header >> 1 & 3, header >> 3);
                let content = if kind == 1 { 1 } else { size as usize };
                if content > 128 << 10 {
                    return Some(Err(Stop::Damaged));
                }
                let length = 3 + content + if last && *checksum { 4 } else { 0 };
                let block = input.get(..length)?;
                if self.decoder.decode_blocks(block, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                    return Some(Err(Stop::Damaged));
                }
                if last {
                    self.state = ZstdState::Frame;
                }
                Some(self.drain(out).map(|()| length))
            }
        }
    }

    fn frame(&mut self, input: &[u8]) -> Option<Result<usize, Stop>> {
        let magic = u32::from_le_bytes(*input.first_chunk()?);
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            self.state = ZstdState::Skip(u64::from(u32::from_le_bytes(*input.get(4..)?.first_chunk()?)));
            return Some(Ok(8));
        }
        if magic != 0xfd2f_b528 {
            let is_first = self.decoder.bytes_read_from_source() == 0;
            self.state = ZstdState::Over;
            return Some(if is_first { Err(Stop::Damaged) } else { Ok(input.len()) });
        }
        let descriptor = *input.get(4)?;
        let single_segment = descriptor & 0x20 != 0;
        let window = usize::from(!single_segment);
        let dictionary = match descriptor & 3 {
            3 => 4,
            n => usize::from(n),
        };
        let size = match descriptor >> 6 {
            0 => usize::from(single_segment),
            n => 1 << n,
        };
        let header = input.get(..5 + window + dictionary + size)?;
        if self.decoder.reset(header).is_err() {
            return Some(Err(Stop::Damaged));
        }
        self.state = ZstdState::Block { checksum: descriptor & 4 != 0 };
        Some(Ok(header.len()))
    }

    fn drain(&mut self, out: &mut Receiver<'_>) -> Result<(), Stop> {
        let mut piece = [0; PIECE];
        loop {
            let written = self.decoder.read(&mut piece).map_err(|_| Stop::Damaged)?;
            match piece.get(..written) {
                None | Some([]) => return Ok(()),
                Some(decoded) => out(decoded)?,
            }
        }
    }

    /// Decodes whole blocks of `input`; returns the bytes used.
    fn blocks(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Result<usize, Stop> {
        let mut used = 0;
        while let Some(rest) = input.get(used..).filter(|rest| !rest.is_empty()) {
            match self.step(rest, out) {
                None => break,
                Some(Ok(length)) => used += length,
                Some(Err(stop)) => {
                    if stop == Stop::Damaged {
                        self.salvage(out)?;
                    }
                    return Err(stop);
                }
            }
        }
        Ok(used)
    }

    /// The decoder holds back a window of decoded bytes until the frame's end: end it here.
    fn salvage(&mut self, out: &mut Receiver<'_>) -> Result<(), Stop> {
        if matches!(self.state, ZstdState::Block { .. }) {
            let _ = self.decoder.decode_blocks(ZSTD_END.as_slice(), BlockDecodingStrategy::UptoBlocks(1));
            self.drain(out)?;
        }
        Ok(())
    }
}

impl Undo for Zstd {
    fn decode(&mut self, input: &[u8], out: &mut Receiver<'_>) -> Result<(), Stop> {
        if self.pending.is_empty() {
            let used = self.blocks(input, out)?;
            self.pending.extend_from_slice(input.get(used..).unwrap_or_default());
            return Ok(());
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.extend_from_slice(input);
        let used = self.blocks(&pending, out)?;
        pending.drain(..used.min(pending.len()));
        self.pending = pending;
        Ok(())
    }

    fn finish(&mut self, out: &mut Receiver<'_>) -> Result<(), Stop> {
        match self.state {
            ZstdState::Block { .. } => {
                self.salvage(out)?;
                Err(Stop::Damaged)
            }
            ZstdState::Skip(_) => Err(Stop::Damaged),
            ZstdState::Frame if !self.pending.is_empty() && self.decoder.bytes_read_from_source() == 0 => {
                Err(Stop::Damaged)
            }
            ZstdState::Frame | ZstdState::Over => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn codings(list: &str) -> Codings {
        let mut codings = Codings::default();
        codings.add_list(list.as_bytes());
        codings
    }

    /// Decodes `input` in pieces of `size`, with everything that came out before an error.
    fn decode(list: &str, input: &[u8], size: usize, most: usize) -> (Vec<u8>, Result<(), Stop>) {
        let mut decoded = Vec::new();
        let mut decoder = codings(list).decoder(&Limits::default()).expect("known codings");
        let mut out = |piece: &[u8]| {
            decoded.extend_from_slice(piece);
            if decoded.len() > most { Err(Stop::Limit) } else { Ok(()) }
        };
        let mut run = || {
            for piece in input.chunks(size.max(1)) {
                decoder.decode(piece, &mut out)?;
            }
            decoder.finish(&mut out)
        };
        let result = run();
        (decoded, result)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    /// `{"access_token":"eyJ"}` as brotli: a stored metablock made by hand (RFC 7932 §9.2).
    const BROTLI: &[u8] = b"\x8b\x0a\x80{\"access_token\":\"eyJ\"}\x03";
    const TEXT: &[u8] = b"{\"access_token\":\"eyJ\"}";

    #[test]
    fn every_coding_is_undone_at_any_split() {
        let long: Vec<u8> = (0..200_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let skippable = [b"\x50\x2a\x4d\x18\x03\0\0\0abc".as_slice(), &zstd(TEXT), &zstd(TEXT)].concat();
        let twice = [TEXT, TEXT].concat();
        for (list, coded, plain) in [
            ("gzip", gzip(TEXT), TEXT),
            ("X-GZip", gzip(&long), &long),
            ("gzip", [gzip(TEXT), gzip(TEXT)].concat(), &twice),
            ("gzip", [gzip(TEXT), b"\0\0\0\0junk".to_vec()].concat(), TEXT),
            ("deflate", zlib(TEXT), TEXT),
            ("deflate", deflate(TEXT), TEXT),
            ("deflate", gzip(TEXT), TEXT),
            ("gzip", zlib(TEXT), TEXT),
            ("br", BROTLI.to_vec(), TEXT),
            ("zstd", zstd(TEXT), TEXT),
            ("zstd", zstd(&long), &long),
            ("zstd", skippable, &twice),
            ("zstd", [zstd(TEXT), b"junk".to_vec()].concat(), TEXT),
            ("deflate, gzip", gzip(&deflate(TEXT)), TEXT),
            ("identity,\x0bgzip\0,,", gzip(TEXT), TEXT),
            ("gzip", Vec::new(), b""),
            ("br", Vec::new(), b""),
            ("zstd", Vec::new(), b""),
        ] {
            for size in [1, 7, 1460, usize::MAX] {
                if size == 1 && plain.len() > 1000 {
                    continue;
                }
                let (decoded, result) = decode(list, &coded, size, usize::MAX);
                assert_eq!((decoded.as_slice(), result), (plain, Ok(())), "{list} {} bytes by {size}", coded.len());
            }
        }
    }

    #[test]
    fn unknown_names_and_too_many_layers_have_no_decoder() {
        let limits = Limits::default();
        for list in ["lzma", "gzip, foo", "gzip,gzip,gzip,gzip", "def\0late"] {
            assert!(codings(list).decoder(&limits).is_none(), "{list}");
        }
        assert!(codings("identity, ,none").is_empty());
        assert!(!codings("lzma").is_empty());
    }

    #[test]
    fn damage_keeps_what_was_decoded() {
        let long: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
        for (list, coded) in [("gzip", gzip(&long)), ("deflate", zlib(&long)), ("zstd", zstd(&long))] {
            let cut = &coded[..coded.len() * 3 / 4];
            let (decoded, result) = decode(list, cut, usize::MAX, usize::MAX);
            assert_eq!(result, Err(Stop::Damaged), "{list}");
            assert!(decoded.len() > long.len() / 4 && long.starts_with(&decoded), "{list} {}", decoded.len());
        }
        let mut bad_sum = gzip(TEXT);
        let sum = bad_sum.len() - 8;
        bad_sum[sum] ^= 1;
        assert_eq!(decode("gzip", &bad_sum, 5, usize::MAX), (TEXT.to_vec(), Err(Stop::Damaged)));
    }

    #[test]
    fn a_coding_that_was_not_applied_is_left_out() {
        for (list, coded) in [
            ("gzip", TEXT.to_vec()),
            ("zstd", TEXT.to_vec()),
            ("gzip, gzip", gzip(TEXT)),
            ("gzip, deflate", gzip(TEXT)),
            ("deflate, gzip", deflate(TEXT)),
            ("br, gzip", gzip(&[b'\xff'; 9])),
        ] {
            let plain = if list == "br, gzip" { [b'\xff'; 9].as_slice() } else { TEXT };
            for size in [1, usize::MAX] {
                let (decoded, result) = decode(list, &coded, size, usize::MAX);
                assert_eq!((decoded.as_slice(), result), (plain, Err(Stop::Damaged)), "{list} by {size}");
            }
        }
    }

    #[test]
    fn a_bomb_costs_the_limit_only() {
        let zeros = vec![0; 64 << 20];
        for (list, coded) in [("gzip", gzip(&zeros)), ("zstd", zstd(&zeros)), ("gzip,gzip", gzip(&gzip(&zeros)))] {
            let (decoded, result) = decode(list, &coded, usize::MAX, 8 << 20);
            assert_eq!(result, Err(Stop::Limit), "{list}");
            assert!(decoded.len() <= (8 << 20) + PIECE, "{list} {}", decoded.len());
            let mut counted = 0_u64;
            let mut decoder = codings(list).decoder(&Limits::default()).unwrap();
            let result = decoder.decode(&coded, &mut |piece| {
                counted += piece.len() as u64;
                Ok(())
            });
            assert_eq!(result, Err(Stop::Limit), "{list}");
            assert!(counted <= coded.len() as u64 * 200 + (1 << 20), "{list} {counted}");
        }
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes: Vec<u8>, list in 0..4_usize, at in 0..64_usize, flip: u8) {
            let name = CODINGS[list].names[0];
            let _ = decode(name, &bytes, 3, 1 << 20);
            let mut coded = match name { "gzip" => gzip(&bytes), "deflate" => deflate(&bytes), "zstd" => zstd(&bytes), _ => BROTLI.to_vec() };
            let at = at % coded.len().max(1);
            if let Some(byte) = coded.get_mut(at) { *byte ^= flip; }
            let _ = decode(name, &coded, 1, 1 << 20);
        }
    }
}
