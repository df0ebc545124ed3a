//! The compression around a recording, undone while reading: gzip, zstd and LZ4 frames, told by their magic numbers.
//!
//! A compressed file is a row of frames (gzip calls them members), and each library stops after the first or stumbles over
//! what follows the last. So the row is walked here, frame by frame, in any mix, skippable frames and zero padding
//! included. Nothing is held but one buffer of input and the window the coding itself needs.
//!
//! ```text
//! file ─ Source ─ Layer (frames ─ decoder) ─ Source ─ [Layer ─ Source] ─ format
//! ```
//!
//! What a decoder produced before damage stays valid: damage looks like the end of the input to the format, and
//! [`Unpacked::damage`] tells of it afterwards.

use std::{
    cell::Cell,
    fmt,
    io::{self, BufRead, Read},
    rc::Rc,
};

use super::{gunzip::Member, magic, unzstd::Frame};
use crate::{limits::Limits, note::NoteKind, probe::Probe};

/// Most bytes looked at to tell a format, and the size of a layer's input buffer.
pub(crate) const LOOKAHEAD: usize = 64 << 10;

/// Whether a recording yields more than it may is looked at whenever it yielded so many more bytes.
const CHECKED: u64 = 1 << 20;

/// Compressions undone one over the other.
const LAYERS: usize = 2;

const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LZ4: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// Skippable frames (RFC 8878 §3.1.2) begin with 0x50 to 0x5f and this.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];

/// A compression of a whole recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The LZ4 frame format.
    Lz4,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        })
    }
}

/// What begins at a place between frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Frame(Compression),
    Skippable,
}

impl Start {
    fn probe(head: &[u8]) -> (Probe, Self) {
        let skippable = match head.split_first() {
            Some((0x50..=0x5f, rest)) => magic(rest, &SKIPPABLE),
            _ => Probe::No,
        };
        [
            (magic(head, &GZIP), Self::Frame(Compression::Gzip)),
            (magic(head, &ZSTD), Self::Frame(Compression::Zstd)),
            (magic(head, &LZ4), Self::Frame(Compression::Lz4)),
            (skippable, Self::Skippable),
        ]
        .into_iter()
        .max_by_key(|(probe, _)| *probe)
        .unwrap_or((Probe::No, Self::Skippable))
    }
}

/// A recording with its compressions undone.
pub struct Unpacked<'r> {
    source: Source<'r>,
    compressions: Vec<Compression>,
}

impl<'r> Unpacked<'r> {
    /// Looks at the first bytes of `input`, as few as needed, and undoes the compressions found: two at most.
    ///
    /// # Errors
    /// What `input` reports.
    pub fn open(input: &'r mut dyn Read, limits: &Limits) -> io::Result<Self> {
        let taken = Rc::new(Cell::new(0));
        let mut source = Source::new(Origin::Recording { input, taken: Rc::clone(&taken) });
        let mut compressions = Vec::new();
        while compressions.len() < LAYERS {
            let start = source.start().map_err(|error| source.failure.take().unwrap_or(error))?;
            let Some(start) = start else { break };
            compressions.push(match start {
                Start::Frame(compression) => compression,
                Start::Skippable => Compression::Zstd,
            });
            source = Source::new(Origin::Layer(Box::new(Layer::new(source, Rc::clone(&taken), limits))));
        }
        Ok(Self { source, compressions })
    }

    /// The compressions undone, from the outside in.
    pub fn compressions(&self) -> &[Compression] {
        &self.compressions
    }

    /// Reads until `wanted` bytes (64 KiB at most) wait to be read, and returns all that wait, without taking them. Fewer
    /// only at the end of the input.
    ///
    /// # Errors
    /// What the input reports.
    pub fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if let Err(error) = self.source.peek(wanted) {
            return Err(self.source.failure.take().unwrap_or(error));
        }
        Ok(self.source.waiting())
    }

    /// What ended the unpacking before the end of the input, as far as it was read.
    pub fn damage(&self) -> Option<NoteKind> {
        let mut source = &self.source;
        let mut found = None;
        let mut produced = None;
        // The layer nearest to the file is the cause; the others only saw its output end.
        while let Origin::Layer(layer) = &source.origin {
            produced = produced.or(Some(layer.produced));
            if let Some(damage) = &layer.damage {
                found = Some(damage);
            }
            let Some(inner) = layer.decoder.source() else { break };
            source = inner;
        }
        Some(match found? {
            Damage::Truncated => NoteKind::TruncatedInput { offset: produced.unwrap_or_default() },
            Damage::Corrupt(what) => NoteKind::DamagedCompression { what: what.clone() },
            Damage::Limit(limit) => NoteKind::Limit { limit },
        })
    }
}

impl Read for Unpacked<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.source.read(to).map_err(|error| self.source.failure.take().unwrap_or(error))
    }
}

enum Origin<'r> {
    Recording { input: &'r mut dyn Read, taken: Rc<Cell<u64>> },
    Layer(Box<Layer<'r>>),
}

/// Bytes of an origin with lookahead.
struct Source<'r> {
    origin: Origin<'r>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    /// Somebody wanted bytes after the last one.
    starved: bool,
    /// The operating system's error, kept because decoders wrap what they get.
    failure: Option<io::Error>,
}

impl<'r> Source<'r> {
    fn new(origin: Origin<'r>) -> Self {
        Self { origin, buffer: vec![0; LOOKAHEAD], start: 0, end: 0, ended: false, starved: false, failure: None }
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let wanted = wanted.min(self.buffer.len());
        if self.start.saturating_add(wanted) > self.buffer.len() || self.start == self.end {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        while self.end.saturating_sub(self.start) < wanted && !self.ended {
            let space = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.origin.read(space) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = self.end.saturating_add(count.min(space.len())),
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(self.waiting())
    }

    fn failed(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.failure = Some(error);
        kind.into()
    }

    /// What frame begins here, if one does, reading no further than needed to tell.
    fn start(&mut self) -> io::Result<Option<Start>> {
        let mut wanted = 1;
        loop {
            let head = self.peek(wanted)?;
            match Start::probe(head) {
                (Probe::Certain, start) => return Ok(Some(start)),
                (Probe::Likely, _) if head.len() >= wanted => wanted = head.len().saturating_add(1),
                _ => return Ok(None),
            }
        }
    }

    /// Drops `count` bytes; false if there are fewer.
    fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        while count > 0 {
            let have = self.peek(1)?.len();
            if have == 0 {
                return Ok(false);
            }
            let step = usize::try_from(count).map_or(have, |count| count.min(have));
            self.consume(step);
            count = count.saturating_sub(step as u64);
        }
        Ok(true)
    }
}

impl Origin<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let input = match self {
            Self::Recording { input, .. } => input,
            Self::Layer(layer) => return layer.read(to),
        };
        loop {
            match input.read(to) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        // Large reads of a recording that is not compressed go straight into the format's window.
        if self.start == self.end && to.len() >= self.buffer.len() && !self.ended && self.failure.is_none() {
            let count = self.origin.read(to).map_err(|error| self.failed(error))?;
            self.ended = count == 0;
            self.starved |= self.ended;
            return Ok(count);
        }
        let from = self.fill_buf()?;
        let count = from.len().min(to.len());
        if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.peek(1)?.is_empty() {
            self.starved = true;
        }
        Ok(self.waiting())
    }

    fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if let Origin::Recording { taken, .. } = &self.origin {
            taken.set(taken.get().saturating_add(count as u64));
        }
    }
}

/// Why a layer ended before its input did.
enum Damage {
    Truncated,
    Corrupt(String),
    Limit(&'static str),
}

/// One compression: a row of frames.
struct Layer<'r> {
    decoder: Decoder<'r>,
    damage: Option<Damage>,
    produced: u64,
    /// Bytes taken of the recording itself, below all layers.
    taken: Rc<Cell<u64>>,
    /// It may yield so many bytes, and `ratio` for each byte taken.
    free: u64,
    ratio: u64,
    zstd_window: u64,
}

enum Decoder<'r> {
    Between(Source<'r>),
    Gzip(Box<Member<Source<'r>>>),
    Zstd(Box<Frame<Source<'r>>>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<Source<'r>>>),
    Ended,
}

impl<'r> Decoder<'r> {
    fn source(&self) -> Option<&Source<'r>> {
        Some(match self {
            Self::Between(source) => source,
            Self::Gzip(decoder) => &decoder.source,
            Self::Zstd(decoder) => &decoder.source,
            Self::Lz4(decoder) => decoder.get_ref(),
            Self::Ended => return None,
        })
    }

    fn into_source(self) -> Option<Source<'r>> {
        Some(match self {
            Self::Between(source) => source,
            Self::Gzip(decoder) => decoder.source,
            Self::Zstd(decoder) => decoder.source,
            Self::Lz4(decoder) => decoder.into_inner(),
            Self::Ended => return None,
        })
    }
}

impl<'r> Layer<'r> {
    fn new(source: Source<'r>, taken: Rc<Cell<u64>>, limits: &Limits) -> Self {
        Self {
            decoder: Decoder::Between(source),
            damage: None,
            produced: 0,
            taken,
            free: limits.unpack_free as u64,
            ratio: limits.unpack_ratio as u64,
            zstd_window: limits.unpack_window as u64,
        }
    }

    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let until_checked = usize::try_from(CHECKED - self.produced % CHECKED).unwrap_or(usize::MAX);
        let most = to.len().min(until_checked);
        let to = to.get_mut(..most).unwrap_or_default();
        while self.damage.is_none() && !to.is_empty() {
            let step = match &mut self.decoder {
                Decoder::Ended => return Ok(0),
                Decoder::Between(_) => {
                    self.next_frame()?;
                    continue;
                }
                Decoder::Gzip(decoder) => decoder.read(to),
                Decoder::Lz4(decoder) => decoder.read(to),
                Decoder::Zstd(decoder) => decoder.read(to),
            };
            match step {
                Ok(0) => self.end_frame(),
                Ok(count) => return Ok(self.count(count)),
                Err(error) => self.fail(&error)?,
            }
        }
        Ok(0)
    }

    /// Counts what a step yielded; ends the layer if the yield is that of a bomb.
    ///
    /// The measure is the recording itself and not the layer below, so that layers do not multiply. It is looked at at
    /// every [`CHECKED`] bytes only, so that the place of the end does not depend on the size of the reads.
    fn count(&mut self, count: usize) -> usize {
        self.produced = self.produced.saturating_add(count as u64);
        let allowed = self.free.saturating_add(self.ratio.saturating_mul(self.taken.get()));
        if self.produced.is_multiple_of(CHECKED) && self.produced > allowed {
            self.damage = Some(Damage::Limit("unpack_ratio"));
        }
        count
    }

    fn next_frame(&mut self) -> io::Result<()> {
        let Decoder::Between(source) = &mut self.decoder else { return Ok(()) };
        let outcome = source.next_frame();
        if let Some(error) = source.failure.take() {
            return Err(error);
        }
        let compression = match outcome? {
            Next::Frame(compression) => compression,
            Next::Skipped => return Ok(()),
            Next::End(damage) => {
                self.damage = damage;
                if self.damage.is_none() {
                    self.decoder = Decoder::Ended;
                }
                return Ok(());
            }
        };
        let Some(source) = std::mem::replace(&mut self.decoder, Decoder::Ended).into_source() else { return Ok(()) };
        self.decoder = match compression {
            Compression::Gzip => Decoder::Gzip(Box::new(Member::new(source))),
            Compression::Lz4 => Decoder::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(source))),
            Compression::Zstd => Decoder::Zstd(Box::new(Frame::new(source, self.zstd_window))),
        };
        Ok(())
    }

    /// A decoder has nothing more to give.
    fn end_frame(&mut self) {
        // LZ4's decoder takes the end of the input for the end of a frame. At the end proper it wants nothing more.
        if matches!(&self.decoder, Decoder::Lz4(decoder) if decoder.get_ref().starved) {
            self.damage = Some(Damage::Truncated);
            return;
        }
        if let Some(source) = std::mem::replace(&mut self.decoder, Decoder::Ended).into_source() {
            self.decoder = Decoder::Between(source);
        }
    }

    /// Tells an error of the operating system, which is passed on, from one of the decoder, which is kept.
    fn fail(&mut self, error: &io::Error) -> io::Result<()> {
        let source = match &mut self.decoder {
            Decoder::Gzip(decoder) => &mut decoder.source,
            Decoder::Lz4(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => &mut decoder.source,
            Decoder::Between(source) => source,
            Decoder::Ended => return Ok(()),
        };
        if let Some(failure) = source.failure.take() {
            return Err(failure);
        }
        let starved = source.starved;
        let window = matches!(&self.decoder, Decoder::Zstd(decoder) if decoder.window_refused);
        self.damage = Some(match (window, starved) {
            (true, _) => Damage::Limit("unpack_window"),
            (false, true) => Damage::Truncated,
            (false, false) => Damage::Corrupt(error.to_string()),
        });
        Ok(())
    }
}

enum Next {
    Frame(Compression),
    Skipped,
    End(Option<Damage>),
}

impl Source<'_> {
    fn next_frame(&mut self) -> io::Result<Next> {
        // Tapes and block devices pad with zeros.
        if let Some(zeros) = self.peek(1)?.iter().position(|byte| *byte != 0).or(Some(self.waiting().len()))
            && zeros > 0
        {
            self.consume(zeros);
            return Ok(Next::Skipped);
        }
        if self.waiting().is_empty() {
            return Ok(Next::End(None));
        }
        match self.start()? {
            Some(Start::Frame(compression)) => Ok(Next::Frame(compression)),
            Some(Start::Skippable) => {
                let Some(length) = self.peek(8)?.get(4..).and_then(|length| length.first_chunk()) else {
                    return Ok(Next::End(Some(Damage::Truncated)));
                };
                let length = u64::from(u32::from_le_bytes(*length)).saturating_add(8);
                Ok(if self.skip(length)? { Next::Skipped } else { Next::End(Some(Damage::Truncated)) })
            }
            None => {
                let likely = self.ended && Start::probe(self.waiting()).0 == Probe::Likely;
                Ok(Next::End(Some(if likely {
                    Damage::Truncated
                } else {
                    Damage::Corrupt("the bytes after the compressed data are not compressed; they were ignored".into())
                })))
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use super::*;
    use crate::input::tests::Dribble;

    pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    pub(crate) fn lz4(bytes: &[u8]) -> Vec<u8> {
        let info = lz4_flex::frame::FrameInfo::new().content_checksum(true).block_checksums(true);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn skippable(length: u32) -> Vec<u8> {
        [&[0x5a, 0x2a, 0x4d, 0x18][..], &length.to_le_bytes(), &vec![0x28; length as usize]].concat()
    }

    fn unpack(bytes: &[u8], limits: &Limits) -> (Vec<u8>, Option<NoteKind>) {
        let mut outcomes = [usize::MAX, 3].into_iter().map(|most| {
            let mut input = Dribble::new(bytes, most);
            let mut unpacked = Unpacked::open(&mut input, limits).unwrap();
            let mut content = Vec::new();
            unpacked.read_to_end(&mut content).unwrap();
            let damage = unpacked.damage();
            (content, damage)
        });
        let (first, second) = (outcomes.next().unwrap(), outcomes.next().unwrap());
        assert!(first == second, "depends on the reads");
        first
    }

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        (0..length)
            .map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // Compressible to about a half.
                if index % 3 == 0 { (state >> 24) as u8 } else { b'a' }
            })
            .collect()
    }

    type Pack = fn(&[u8]) -> Vec<u8>;
    const PACKS: [Pack; 3] = [gzip, zstd, lz4];

    #[test]
    fn frames_of_any_kind_follow_each_other() {
        let data = noise(400_000);
        for pack in PACKS {
            for other in PACKS {
                let bytes = [
                    pack(&data),
                    skippable(70_000),
                    vec![0; 513],
                    other(b""),
                    other(&data[..1000]),
                    skippable(0),
                    pack(b"end"),
                    vec![0; 100_000],
                ];
                let (content, damage) = unpack(&bytes.concat(), &Limits::default());
                assert!(content == [&data[..], &data[..1000], b"end"].concat());
                assert_eq!(damage, None);
            }
        }
        assert_eq!(unpack(&[skippable(9), zstd(b"hello")].concat(), &Limits::default()), (b"hello".to_vec(), None));
    }

    #[test]
    fn two_layers_are_undone_and_no_more() {
        for outer in PACKS {
            for inner in PACKS {
                assert_eq!(unpack(&outer(&inner(b"hello")), &Limits::default()), (b"hello".to_vec(), None));
                assert_eq!(unpack(&gzip(&outer(&inner(b"hello"))), &Limits::default()).0, inner(b"hello"));
            }
        }
    }

    #[test]
    fn what_comes_before_damage_is_kept() {
        let data = noise(600_000);
        let junk = "the bytes after the compressed data are not compressed; they were ignored";
        for (index, pack) in PACKS.into_iter().enumerate() {
            let packed = pack(&data);
            let (content, damage) = unpack(&[&packed[..], b"junk"].concat(), &Limits::default());
            assert!(content == data);
            assert_eq!(damage, Some(NoteKind::DamagedCompression { what: junk.into() }));

            for cut in [packed.len() - 1, packed.len() - 5, packed.len() / 2, packed.len() / 3] {
                let (content, damage) = unpack(&packed[..cut], &Limits::default());
                assert!(data.starts_with(&content), "{index} {cut}");
                assert!(
                    content.len() + (300 << 10) > data.len() * cut / packed.len(),
                    "{index} {cut} {}",
                    content.len()
                );
                assert_eq!(damage, Some(NoteKind::TruncatedInput { offset: content.len() as u64 }), "{index} {cut}");
            }

            let mut flipped = packed.clone();
            let place = flipped.len() - 3;
            flipped[place] ^= 1;
            let (content, damage) = unpack(&flipped, &Limits::default());
            assert!(matches!(damage, Some(NoteKind::DamagedCompression { .. })), "{index} {damage:?}");
            assert!(content == data, "{index}");
        }
    }

    /// Source: RFC 8878 §3.1.1: header with a window descriptor, then blocks that repeat one byte 128 Ki times.
    fn zstd_bomb(window: u8, blocks: usize) -> Vec<u8> {
        let mut bytes = [&ZSTD[..], &[0, window]].concat();
        for index in 0..blocks {
            let header = ((128_u32 << 10) << 3) | (1 << 1) | u32::from(index + 1 == blocks);
            bytes.extend_from_slice(&header.to_le_bytes()[..3]);
            bytes.push(b'a');
        }
        bytes
    }

    #[test]
    fn a_bomb_ends_with_a_note() {
        let limits = Limits { unpack_free: 3 << 20, unpack_ratio: 50, ..Limits::default() };
        // The packed bytes are a few KiB, or with two layers a few hundred.
        let most = 3 << 20;
        let note = Some(NoteKind::Limit { limit: "unpack_ratio" });
        let flat = |length: usize| vec![b'a'; length];
        let bombs = [zstd_bomb(0x38, 1000), gzip(&flat(8 << 20)), lz4(&flat(8 << 20)), gzip(&gzip(&flat(64 << 20)))];
        for (index, bomb) in bombs.iter().enumerate() {
            let mut input = &bomb[..];
            let mut unpacked = Unpacked::open(&mut input, &limits).unwrap();
            let mut content = Vec::new();
            unpacked.read_to_end(&mut content).unwrap();
            assert_eq!(unpacked.damage(), note, "{index}");
            let allowed = most + 50 * bomb.len();
            assert!(content.len() > most && content.len() <= allowed + (1 << 20), "{index} {}", content.len());
            for reads in [1, 1000, 100_000] {
                let mut input = Dribble::new(bomb, reads);
                let mut unpacked = Unpacked::open(&mut input, &limits).unwrap();
                let length = io::copy(&mut unpacked, &mut io::sink()).unwrap();
                assert_eq!((length, unpacked.damage()), (content.len() as u64, note.clone()), "{index} by {reads}");
            }
            assert!(content.iter().all(|byte| *byte == b'a'));
        }
        let (content, damage) = unpack(&zstd_bomb(0x38, 24), &limits);
        assert_eq!((content.len(), damage), ((24 * 128) << 10, None));
    }

    #[test]
    fn a_zstd_window_that_would_not_fit_is_refused() {
        // 16 MiB is 2^(10 + 14), one eighth more is too much.
        let (content, damage) = unpack(&zstd_bomb(14 << 3, 2), &Limits::default());
        assert_eq!((content.len(), damage), (256 << 10, None));
        for window in [(14 << 3) + 1, 0xff] {
            let refused = Some(NoteKind::Limit { limit: "unpack_window" });
            assert_eq!(unpack(&zstd_bomb(window, 2), &Limits::default()), (Vec::new(), refused));
        }
    }
}
