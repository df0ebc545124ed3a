//! Captures in clear text with other bytes in their packets: lengths, times and addresses stay, and checksums that were right
//! are right again.
//!
//! ```text
//! file ─► packets ─► segments by direction, by sequence number ─► a stream ─► messages ─► their heads and contents
//!                                                                                 │ what changed
//! file ◄─ patches, in every segment that holds the byte (retransmissions, too) ◄──┘
//! ```
//!
//! What is held: 32 bytes a segment, a stream's window of a few MiB at a time, and the bytes that change. A content that is
//! compressed, or a secret that cannot be replaced in its place, ends the work: the recording can be written as HAR.

use std::{
    collections::HashMap,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use super::{Pseudonyms, Redactor, readdress::Addresses, text};
use crate::{
    coding::Codings,
    evidence::{At, Endpoint},
    limits::Limits,
    packet::{
        Dissector, Flags, Packet,
        frame::{Frame, LinkType},
    },
};

/// Bytes of a stream that are looked at together.
const WINDOW: usize = 8 << 20;
/// So many bytes before the end of a window are looked at again with what follows.
const OVERLAP: usize = 128 << 10;
/// Segments that are held.
const SEGMENTS: usize = 4_000_000;

/// Why a capture cannot be redacted in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is neither pcap nor pcapng, or it is damaged.
    #[error("it is no capture whose packets can be found: {0}")]
    Form(&'static str),
    /// A secret stands where it cannot be replaced.
    #[error("a content with a secret is coded ({0}), so that it cannot be replaced in its place")]
    Coded(String),
    /// It has more segments than are held.
    #[error("it has more segments than are held at once")]
    TooLarge,
}

/// A packet's bytes in the file.
struct Place {
    offset: u64,
    length: u32,
    original: u32,
    link: LinkType,
    interface: u32,
}

/// Data of one direction in one packet.
#[derive(Clone, Copy)]
struct Piece {
    sequence: u32,
    /// Where the data stands in the file.
    offset: u64,
    length: u32,
    /// Where the TCP header stands.
    header: u64,
}

/// A direction of a connection.
#[derive(Default)]
struct Stream {
    pieces: Vec<Piece>,
}

/// Writes a capture without its secrets.
///
/// # Errors
/// [`CaptureError`]; what was written is of no use then.
pub fn rewrite<I: Read + Seek>(
    input: &mut I,
    output: &mut dyn Write,
    redactor: &mut Redactor,
) -> Result<(), CaptureError> {
    let mut addresses = Addresses::default();
    let streams = streams(input, redactor, &mut addresses)?;
    let mut patches: Vec<(u64, Box<[u8]>)> = Vec::new();
    let mut sums: HashMap<u64, i64> = HashMap::new();
    for stream in streams {
        redact(&stream, input, redactor, &mut patches, &mut sums)?;
    }
    mend(input, sums, &mut patches)?;
    patches.sort_unstable_by_key(|(offset, _)| *offset);
    match redactor.pseudonyms_mut() {
        Some(pseudonyms) => renamed(input, output, &patches, &addresses, pseudonyms)?,
        None => patched(input, output, &patches)?,
    }
    output.flush()?;
    Ok(())
}

/// Copies a file with other bytes in some places.
fn patched<I: Read + Seek>(input: &mut I, output: &mut dyn Write, patches: &[(u64, Box<[u8]>)]) -> io::Result<()> {
    input.seek(SeekFrom::Start(0))?;
    let mut at = 0;
    for (offset, bytes) in patches {
        if *offset < at {
            continue;
        }
        io::copy(&mut (&mut *input).take(offset - at), output)?;
        output.write_all(bytes)?;
        input.seek(SeekFrom::Current(bytes.len() as i64))?;
        at = offset + bytes.len() as u64;
    }
    io::copy(input, output)?;
    Ok(())
}

/// The same, with other addresses in every packet.
fn renamed<I: Read + Seek>(
    input: &mut I,
    output: &mut dyn Write,
    patches: &[(u64, Box<[u8]>)],
    addresses: &Addresses,
    pseudonyms: &mut Pseudonyms,
) -> Result<(), CaptureError> {
    let (mut dissector, limits) = (Dissector::default(), Limits::default());
    let (mut number, mut at, mut next) = (0_u64, 0_u64, 0_usize);
    let mut bytes = Vec::new();
    packets(input, &mut |input, place| {
        number += 1;
        bytes.resize(place.length as usize, 0);
        input.read_exact(&mut bytes)?;
        let end = place.offset + u64::from(place.length);
        while let Some((offset, patch)) = patches.get(next).filter(|(offset, _)| *offset < end) {
            let start = usize::try_from(offset.saturating_sub(place.offset)).unwrap_or(usize::MAX);
            if let Some(room) = start.checked_add(patch.len()).and_then(|until| bytes.get_mut(start..until)) {
                room.copy_from_slice(patch);
            }
            next += 1;
        }
        let frame = Frame {
            link: place.link,
            at: At::Frame { number, time: None },
            original_length: place.original,
            interface: place.interface,
            bytes: &bytes,
            buffer: None,
        };
        let new = addresses.rewrite(&frame, &mut dissector, &limits, pseudonyms);
        input.seek(SeekFrom::Start(at))?;
        io::copy(&mut (&mut *input).take(place.offset.saturating_sub(at)), output)?;
        output.write_all(&new)?;
        at = end;
        Ok(())
    })?;
    input.seek(SeekFrom::Start(at))?;
    io::copy(input, output)?;
    Ok(())
}

/// The directions of all TCP connections.
fn streams<I: Read + Seek>(
    input: &mut I,
    redactor: &mut Redactor,
    addresses: &mut Addresses,
) -> Result<Vec<Stream>, CaptureError> {
    let (mut dissector, limits) = (Dissector::default(), Limits::default());
    let mut current: HashMap<(Endpoint, Endpoint), usize, foldhash::fast::RandomState> = HashMap::default();
    let mut all: Vec<Stream> = Vec::new();
    let (mut number, mut held) = (0_u64, 0_usize);
    let mut bytes = Vec::new();
    packets(input, &mut |input, place| {
        number += 1;
        bytes.resize(place.length as usize, 0);
        input.read_exact(&mut bytes)?;
        let at = At::Frame { number, time: None };
        let frame = Frame {
            link: place.link,
            at,
            original_length: place.original,
            interface: place.interface,
            bytes: &bytes,
            buffer: None,
        };
        let dissected = dissector.dissect(&frame, &limits);
        if let Some(pseudonyms) = redactor.pseudonyms_mut() {
            let ends = match &dissected {
                Ok(Packet::Tcp(segment)) => vec![segment.source, segment.destination],
                Ok(Packet::Udp(datagram)) => vec![datagram.source, datagram.destination],
                _ => Vec::new(),
            };
            ends.into_iter().for_each(|end| addresses.add(end.address, pseudonyms));
        }
        let Ok(Packet::Tcp(segment)) = dissected else { return Ok(()) };
        let inside = |part: &[u8]| {
            (part.as_ptr() as usize)
                .checked_sub(bytes.as_ptr() as usize)
                .filter(|start| start + part.len() <= bytes.len())
        };
        let key = (segment.source, segment.destination);
        let syn = segment.flags.has(Flags::SYN);
        let stream = match current.get(&key) {
            Some(known) if !syn => *known,
            _ => {
                all.push(Stream::default());
                current.insert(key, all.len() - 1);
                all.len() - 1
            }
        };
        if segment.payload.is_empty() {
            return Ok(());
        }
        // A datagram that came in fragments stands in no single packet.
        let (Some(start), Some(header)) = (inside(segment.payload), inside(segment.whole)) else {
            return Err(CaptureError::Form("data is spread over IP fragments"));
        };
        held += 1;
        if held > SEGMENTS {
            return Err(CaptureError::TooLarge);
        }
        if let Some(stream) = all.get_mut(stream) {
            stream.pieces.push(Piece {
                sequence: segment.sequence.wrapping_add(u32::from(syn)),
                offset: place.offset + start as u64,
                length: segment.payload.len() as u32,
                header: if segment.whole.is_empty() { u64::MAX } else { place.offset + header as u64 },
            });
        }
        Ok(())
    })?;
    Ok(all)
}

/// Replaces the secrets of a stream; what changed becomes patches.
fn redact<I: Read + Seek>(
    stream: &Stream,
    input: &mut I,
    redactor: &mut Redactor,
    patches: &mut Vec<(u64, Box<[u8]>)>,
    sums: &mut HashMap<u64, i64>,
) -> Result<(), CaptureError> {
    let Some(first) = stream.pieces.first().map(|piece| piece.sequence) else { return Ok(()) };
    // Positions from the first piece on; what came before it by number has negative ones.
    let position = |piece: &Piece| i64::from(piece.sequence.wrapping_sub(first).cast_signed());
    let mut pieces: Vec<(i64, Piece)> = stream.pieces.iter().map(|piece| (position(piece), *piece)).collect();
    pieces.sort_by_key(|(at, _)| *at);
    let mut begin = 0;
    while begin < pieces.len() {
        // As many as follow each other without a hole.
        let start = pieces.get(begin).map_or(0, |(at, _)| *at);
        let (mut end, mut until) = (begin, start);
        while let Some((at, piece)) = pieces.get(end) {
            if *at > until || until - start > WINDOW as i64 {
                break;
            }
            until = until.max(at + i64::from(piece.length));
            end += 1;
        }
        let run = pieces.get(begin..end).unwrap_or_default();
        let mut bytes = vec![0; usize::try_from(until - start).unwrap_or_default()];
        let mut filled = start;
        let mut buffer = Vec::new();
        for (at, piece) in run {
            let next = at + i64::from(piece.length);
            if next <= filled {
                continue;
            }
            buffer.resize(piece.length as usize, 0);
            input.seek(SeekFrom::Start(piece.offset))?;
            input.read_exact(&mut buffer)?;
            let skip = usize::try_from(filled - at).unwrap_or_default();
            let to = usize::try_from(filled - start).unwrap_or_default();
            if let (Some(new), Some(room)) = (buffer.get(skip..), bytes.get_mut(to..)) {
                let length = new.len().min(room.len());
                room.get_mut(..length).unwrap_or_default().copy_from_slice(new.get(..length).unwrap_or_default());
            }
            filled = next;
        }
        let new = messages(&bytes, redactor)?;
        let is_last = end >= pieces.len() || pieces.get(end).is_some_and(|(at, _)| *at > until);
        let settled = if is_last { bytes.len() } else { bytes.len().saturating_sub(OVERLAP) };
        for (at, piece) in run {
            let from = usize::try_from(at - start).unwrap_or_default();
            let range = from..(from + piece.length as usize).min(settled);
            let (Some(old), Some(now)) = (bytes.get(range.clone()), new.get(range)) else { continue };
            if old != now {
                note_changes(piece, old, now, sums);
                patches.push((piece.offset, now.into()));
            }
        }
        if is_last {
            begin = end;
        } else {
            let keep = start + settled as i64 - OVERLAP as i64;
            let next = begin
                + run.iter().position(|(at, piece)| at + i64::from(piece.length) > keep).unwrap_or(run.len()).max(1);
            begin = next;
        }
    }
    Ok(())
}

/// Adds up by how much the words change that a checksum is over (RFC 1624).
fn note_changes(piece: &Piece, old: &[u8], new: &[u8], sums: &mut HashMap<u64, i64>) {
    if piece.header == u64::MAX {
        return;
    }
    let first = piece.offset - piece.header;
    let sum = sums.entry(piece.header).or_default();
    for (at, (old, new)) in (first..).zip(old.iter().zip(new)) {
        let change = i64::from(*new) - i64::from(*old);
        *sum += if at % 2 == 0 { change << 8 } else { change };
    }
}

/// Mends the checksums of the headers whose data changed.
fn mend<I: Read + Seek>(input: &mut I, sums: HashMap<u64, i64>, patches: &mut Vec<(u64, Box<[u8]>)>) -> io::Result<()> {
    let mut sums: Vec<(u64, i64)> = sums.into_iter().collect();
    sums.sort_unstable();
    for (header, change) in sums {
        let place = header + 16;
        let mut old = [0; 2];
        input.seek(SeekFrom::Start(place))?;
        input.read_exact(&mut old)?;
        let sum = (i64::from(!u16::from_be_bytes(old)) + change).rem_euclid(0xffff);
        let new = !(sum as u16);
        patches.push((place, new.to_be_bytes().to_vec().into()));
    }
    Ok(())
}

/// The bytes of a stream with other secrets in them, message by message.
fn messages(bytes: &[u8], redactor: &mut Redactor) -> Result<Vec<u8>, CaptureError> {
    let mut new = Vec::with_capacity(bytes.len());
    while let Some(rest) = bytes.get(new.len()..).filter(|rest| !rest.is_empty()) {
        if is_tls(rest) || rest.starts_with(b"PRI * HTTP/2.0") {
            // Nothing of it can be replaced here but the names of its handshake; what is in it is found by the search.
            new.extend(greeted(rest, redactor));
            break;
        }
        let Some(head) = head_end(rest).filter(|_| is_start(rest)) else {
            // Joined midway, or no HTTP/1: up to where a message begins again.
            let next = next_start(rest).unwrap_or(rest.len());
            new.extend(text::rewrite(rest.get(..next).unwrap_or_default(), redactor));
            continue;
        };
        let (header, rest) = rest.split_at_checked(head).unwrap_or((rest, b""));
        new.extend(text::rewrite(header, redactor));
        let framing = Framing::of(header);
        let ranges = framing.content(rest);
        let length = ranges.last().map_or(0, |range| range.end);
        let content: Vec<u8> = ranges.iter().filter_map(|range| rest.get(range.clone())).flatten().copied().collect();
        let changed = content_of(&framing, &content, redactor)?;
        let mut body = rest.get(..length).unwrap_or_default().to_vec();
        let mut from = 0;
        for range in ranges {
            let size = range.len();
            if let (Some(place), Some(piece)) = (body.get_mut(range), changed.get(from..from + size)) {
                place.copy_from_slice(piece);
            }
            from += size;
        }
        new.extend(body);
    }
    Ok(new)
}

/// TLS with other names in the handshake records that are in the clear: the server's name, its certificate.
fn greeted(bytes: &[u8], redactor: &mut Redactor) -> Vec<u8> {
    const HEADER: usize = 5;
    const HANDSHAKE: u8 = 22;
    const CIPHERS_CHANGE: u8 = 20;
    let Some(pseudonyms) = redactor.pseudonyms_mut().filter(|_| is_tls(bytes)) else { return bytes.to_vec() };
    let mut new = bytes.to_vec();
    let mut at = 0;
    while let Some([kind, _, _, high, low]) = bytes.get(at..).and_then(<[u8]>::first_chunk::<HEADER>) {
        let start = at + HEADER;
        let end = (start + usize::from(u16::from_be_bytes([*high, *low]))).min(bytes.len());
        match *kind {
            HANDSHAKE => {
                let record = bytes.get(start..end).unwrap_or_default();
                if let Some(place) = new.get_mut(start..end) {
                    place.copy_from_slice(&pseudonyms.bytes(record.to_vec()));
                }
            }
            CIPHERS_CHANGE => break,
            _ => {}
        }
        at = end;
    }
    new
}

/// A content with other secrets in it, of the same length.
fn content_of(framing: &Framing, content: &[u8], redactor: &mut Redactor) -> Result<Vec<u8>, CaptureError> {
    let mut codings = Codings::default();
    codings.add_list(framing.coding.as_bytes());
    if codings.is_empty() || content.is_empty() {
        let is_text = crate::http::content::is_text(content);
        return Ok(redactor.content(content, is_text));
    }
    let limits = Limits::default();
    let mut plain = Vec::new();
    let decoded = codings.decoder(&limits).is_some_and(|mut decoder| {
        let mut out = |piece: &[u8]| {
            plain.extend_from_slice(piece);
            Ok(())
        };
        let read = decoder.decode(content, &mut out);
        read.and_then(|()| decoder.finish(&mut out)).is_ok()
    });
    let is_text = crate::http::content::is_text(&plain);
    let new = redactor.content(&plain, is_text);
    if new == plain {
        return Ok(content.to_vec());
    }
    let packed =
        (decoded && framing.coding.trim().eq_ignore_ascii_case("gzip")).then(|| gzip(&new, content.len())).flatten();
    packed.ok_or_else(|| CaptureError::Coded(framing.coding.clone()))
}

/// A gzip member of exactly that length (RFC 1952): what is left over is a comment in its header.
fn gzip(plain: &[u8], length: usize) -> Option<Vec<u8>> {
    let pack = |comment: Option<usize>| -> Option<Vec<u8>> {
        let mut builder = flate2::GzBuilder::new();
        if let Some(size) = comment {
            builder = builder.comment(vec![b'x'; size]);
        }
        let mut encoder = builder.write(Vec::new(), flate2::Compression::best());
        encoder.write_all(plain).ok()?;
        encoder.finish().ok()
    };
    let shortest = pack(None)?;
    match length.checked_sub(shortest.len())? {
        0 => Some(shortest),
        room => pack(Some(room - 1)).filter(|packed| packed.len() == length),
    }
}

/// How a message's content is framed and coded, by its header.
struct Framing {
    length: Option<usize>,
    chunked: bool,
    coding: String,
    has_content: bool,
    to_end: bool,
}

impl Framing {
    fn of(header: &[u8]) -> Self {
        let text = String::from_utf8_lossy(header);
        let field = |name: &str| {
            text.lines().skip(1).find_map(|line| {
                let (own, value) = line.split_once(':')?;
                own.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let status = text.split(' ').nth(1).filter(|_| text.starts_with("HTTP/")).unwrap_or_default().to_owned();
        let has_content = !(status.starts_with('1') || status == "204" || status == "304");
        let chunked = field("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
        let length = field("content-length").and_then(|length| length.parse().ok());
        let to_end = text.starts_with("HTTP/") && length.is_none() && !chunked;
        Self { length, chunked, coding: field("content-encoding").unwrap_or_default(), has_content, to_end }
    }

    /// Where the content stands behind the header, in pieces.
    fn content(&self, rest: &[u8]) -> Vec<Range<usize>> {
        // An answer to HEAD tells a length and has no content.
        if !self.has_content || (rest.starts_with(b"HTTP/1.") && is_start(rest)) {
            return Vec::new();
        }
        if self.chunked {
            return chunks(rest);
        }
        let length = if self.to_end { rest.len() } else { self.length.unwrap_or(0).min(rest.len()) };
        if length == 0 { Vec::new() } else { std::iter::once(0..length).collect() }
    }
}

/// The data of chunks (RFC 9112 §7.1). The last range is empty and stands behind the last chunk's line.
fn chunks(rest: &[u8]) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(line) = rest.get(at..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let digits = rest.get(at..at + line).unwrap_or_default();
        let text = String::from_utf8_lossy(digits);
        let Ok(size) = usize::from_str_radix(text.split(';').next().unwrap_or_default().trim(), 16) else { break };
        let start = at + line + 1;
        let end = start.saturating_add(size).min(rest.len());
        ranges.push(start..end);
        if size == 0 || end == rest.len() {
            break;
        }
        at = end;
        at += rest
            .get(at..)
            .map_or(0, |rest| rest.iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count());
    }
    ranges
}

/// The length of a header, its empty line included.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let crlf = memchr::memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4);
    let lf = memchr::memmem::find(bytes, b"\n\n").map(|at| at + 2);
    match (crlf, lf) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn is_start(bytes: &[u8]) -> bool {
    let line = bytes.get(..memchr::memchr(b'\n', bytes).unwrap_or(bytes.len())).unwrap_or_default();
    let line = line.trim_ascii_end();
    line.starts_with(b"HTTP/1.")
        || ((line.ends_with(b"HTTP/1.1") || line.ends_with(b"HTTP/1.0"))
            && line.first().is_some_and(u8::is_ascii_uppercase))
}

/// The next line that begins a message.
fn next_start(bytes: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', bytes)
        .map(|at| at + 1)
        .find(|at| bytes.get(*at..).is_some_and(|rest| !rest.is_empty() && is_start(rest)))
}

fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [20..=23, 3, 0..=4, ..])
}

/// Goes over the packets of a pcap or pcapng; `take` reads one.
fn packets<I: Read + Seek>(
    input: &mut I,
    take: &mut dyn FnMut(&mut I, Place) -> Result<(), CaptureError>,
) -> Result<(), CaptureError> {
    let end = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(0))?;
    let mut magic = [0; 4];
    input.read_exact(&mut magic)?;
    match magic {
        [0x0a, 0x0d, 0x0d, 0x0a] => blocks(input, end, take),
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => records(input, end, false, 16, take),
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => records(input, end, true, 16, take),
        [0x34, 0xcd, 0xb2, 0xa1] => records(input, end, false, 24, take),
        [0xa1, 0xb2, 0xcd, 0x34] => records(input, end, true, 24, take),
        _ => Err(CaptureError::Form("it is neither pcap nor pcapng, or is compressed")),
    }
}

fn number(big: bool, bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).copied().unwrap_or_default();
    if big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
}

fn records<I: Read + Seek>(
    input: &mut I,
    end: u64,
    big: bool,
    header: usize,
    take: &mut dyn FnMut(&mut I, Place) -> Result<(), CaptureError>,
) -> Result<(), CaptureError> {
    let mut bytes = [0; 24];
    input.seek(SeekFrom::Start(0))?;
    input.read_exact(&mut bytes)?;
    let link = LinkType((number(big, &bytes, 20) & 0xffff) as u16);
    let mut at = 24;
    while at + header as u64 <= end {
        input.seek(SeekFrom::Start(at))?;
        input.read_exact(bytes.get_mut(..header).unwrap_or_default())?;
        let (length, original) = (number(big, &bytes, 8), number(big, &bytes, 12));
        let offset = at + header as u64;
        if offset + u64::from(length) > end {
            // The last packet is cut; what there is of it is taken.
            let length = (end - offset) as u32;
            take(input, Place { offset, length, original, link, interface: 0 })?;
            break;
        }
        take(input, Place { offset, length, original, link, interface: 0 })?;
        at = offset + u64::from(length);
    }
    Ok(())
}

fn blocks<I: Read + Seek>(
    input: &mut I,
    end: u64,
    take: &mut dyn FnMut(&mut I, Place) -> Result<(), CaptureError>,
) -> Result<(), CaptureError> {
    let (mut at, mut big) = (0_u64, false);
    let mut links: Vec<LinkType> = Vec::new();
    let mut bytes = [0; 28];
    while at + 12 <= end {
        let there = 28.min((end - at) as usize);
        input.seek(SeekFrom::Start(at))?;
        input.read_exact(bytes.get_mut(..there).unwrap_or_default())?;
        if bytes.first_chunk() == Some(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            big = bytes.get(8) == Some(&0x1a);
            links.clear();
        }
        let (kind, length) = (number(big, &bytes, 0), number(big, &bytes, 4));
        if length < 12 || !length.is_multiple_of(4) {
            return Err(CaptureError::Form("a block is damaged"));
        }
        let two = |at: usize| {
            let two = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>).copied().unwrap_or_default();
            if big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
        };
        let interface = number(big, &bytes, 8);
        let packet = match kind {
            1 => {
                links.push(LinkType(two(8)));
                None
            }
            6 => Some((28, number(big, &bytes, 20), number(big, &bytes, 24), interface)),
            2 => Some((28, number(big, &bytes, 20), number(big, &bytes, 24), u32::from(two(8)))),
            3 => Some((12, number(big, &bytes, 8).min(length.saturating_sub(16)), number(big, &bytes, 8), 0)),
            _ => None,
        };
        if let Some((from, size, original, interface)) = packet {
            let offset = at + from;
            let size =
                u64::from(size).min(u64::from(length).saturating_sub(from + 4)).min(end.saturating_sub(offset)) as u32;
            input.seek(SeekFrom::Start(offset))?;
            let link = links.get(interface as usize).copied().unwrap_or(LinkType(1));
            take(input, Place { offset, length: size, original, link, interface })?;
        }
        at += u64::from(length);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_has_the_length_that_was_asked_for() {
        let plain = b"{\"access_token\":\"redacted1f2e3d4c5b6a7988xxxxxxxxxxxx\"}".repeat(3);
        for length in [100, 150, 500, 5000] {
            let packed = gzip(&plain, length).unwrap();
            assert_eq!(packed.len(), length);
            let mut again = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut again).unwrap();
            assert_eq!(again, plain);
        }
        assert!(gzip(&plain, 10).is_none());
    }

    #[test]
    fn messages_keep_their_lengths_and_lose_their_secrets() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{\"access_token\":\"9xQ\r\n10\r\n2mZ7vL4kR8wT1a\"}\r\n0\r\n\r\n";
        let call = "GET /?access_token=9xQ2mZ7vL4kR8wT1a HTTP/1.1\r\nHost: h\r\nCookie: s=qwertzuiop1\r\n\r\n";
        let bytes = format!("midway 9xQ2mZ7vL4kR8wT1a\n{call}{chunked}{call}");
        let mut redactor = Redactor::default();
        let _ = redactor.field("Authorization", "Bearer 9xQ2mZ7vL4kR8wT1a");
        redactor.settle().unwrap();
        let new = String::from_utf8(messages(bytes.as_bytes(), &mut redactor).unwrap()).unwrap();
        assert_eq!(new.len(), bytes.len());
        assert!(!new.contains("2mZ7vL4kR8wT1a") && !new.contains("9xQ") && !new.contains("qwertz"), "{new}");
        assert!(new.contains("\r\n10\r\n") && new.contains("{\"access_token\":\""), "{new}");
    }
}
