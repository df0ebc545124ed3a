//! The classic capture file of libpcap: a file header, then records without any mark to find the next one by.
//!
//! ```text
//! file    magic:4  major:2 minor:2  zone:4  accuracy:4  snap length:4  FCS:4 bits, link type:28 bits
//! record  seconds:4  fraction:4  captured:4  original:4  [index:4 protocol:2 kind:1 pad:1 if modified]  data
//! ```
//!
//! The magic number tells the byte order, the unit of the fraction, and the record layout (Alexey Kuznetzov's `modified`
//! one, of old Linux distributions, has eight bytes more). Because records carry no mark, a record whose captured length
//! is impossible ends the reading, as it does in libpcap: whatever were read as the next record could be payload.
//!
//! Source: draft-ietf-opsawg-pcap, and libpcap's `sf-pcap.c` for what old writers did.

use std::io::Read;

use super::{Control, Format, Item, ItemSink, ReadError, magic, order::Order, window::Window};
use crate::{
    evidence::At,
    limits::Limits,
    note::{Note, NoteKind},
    packet::frame::{Frame, LinkType},
    probe::Probe,
    time::Timestamp,
};

/// Captured length above which a record is damaged unless the file's own snap length allows it (libpcap's
/// `MAXIMUM_SNAPLEN`).
const LARGEST_CAPTURED: u32 = 262_144;

const FILE_HEADER: usize = 24;

/// The format.
#[derive(Debug)]
pub struct Pcap;

#[derive(Clone, Copy)]
struct Variant {
    magic: [u8; 4],
    order: Order,
    /// Nanoseconds in one unit of the fraction.
    unit: u32,
    /// Length of a record's header.
    record_header: usize,
}

const VARIANTS: [Variant; 6] = [
    Variant { magic: [0xd4, 0xc3, 0xb2, 0xa1], order: Order::Little, unit: 1000, record_header: 16 },
    Variant { magic: [0xa1, 0xb2, 0xc3, 0xd4], order: Order::Big, unit: 1000, record_header: 16 },
    Variant { magic: [0x4d, 0x3c, 0xb2, 0xa1], order: Order::Little, unit: 1, record_header: 16 },
    Variant { magic: [0xa1, 0xb2, 0x3c, 0x4d], order: Order::Big, unit: 1, record_header: 16 },
    Variant { magic: [0x34, 0xcd, 0xb2, 0xa1], order: Order::Little, unit: 1000, record_header: 24 },
    Variant { magic: [0xa1, 0xb2, 0xcd, 0x34], order: Order::Big, unit: 1000, record_header: 24 },
];

struct FileHeader {
    variant: Variant,
    major: u16,
    minor: u16,
    link: LinkType,
    snap_length: u32,
}

#[derive(Debug, PartialEq, Eq)]
struct RecordHeader {
    time: Timestamp,
    captured: u32,
    original: u32,
}

impl FileHeader {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let variant = *VARIANTS.iter().find(|variant| bytes.starts_with(&variant.magic))?;
        let major = variant.order.u16(bytes, 4)?;
        let minor = variant.order.u16(bytes, 6)?;
        let snap_length = variant.order.u32(bytes, 16)?;
        let network = variant.order.u32(bytes, 20)?;
        Some(Self {
            variant,
            // The upper sixteen bits hold the length of the frame check sequence and reserved bits.
            link: LinkType((network & 0xffff) as u16),
            snap_length,
            major,
            minor,
        })
    }

    #[inline]
    fn record(&self, bytes: &[u8]) -> Option<RecordHeader> {
        let words = bytes.get(..self.variant.record_header)?.first_chunk::<16>()?;
        let [seconds, fraction, mut captured, mut original] = self.variant.order.words(words);
        let (seconds, fraction) = (i64::from(seconds), i64::from(fraction));
        if captured > original && self.minor <= 3 {
            // Some writers of version 2.3 and older put the two lengths in the other order.
            (captured, original) = (original, captured);
        }
        // 2³² seconds and 2³² microseconds stay far below 2⁶³ nanoseconds.
        let nanos = seconds.saturating_mul(1_000_000_000).saturating_add(fraction * i64::from(self.variant.unit));
        Some(RecordHeader { time: Timestamp::from_nanos(nanos), captured, original: original.max(captured) })
    }

    const fn is_impossible(&self, record: &RecordHeader) -> bool {
        record.captured > LARGEST_CAPTURED && record.captured > self.snap_length
    }
}

impl Format for Pcap {
    fn name(&self) -> &'static str {
        "pcap"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        VARIANTS.iter().map(|variant| magic(head, &variant.magic)).max().unwrap_or(Probe::No)
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut window = Window::new(input, limits.block);
        let Some(header) = FileHeader::parse(window.fill(FILE_HEADER)?) else {
            return Err(ReadError::Damaged { format: self.name(), what: "the file header is cut".into() });
        };
        // 543 is DG/UX's.
        if !matches!(header.major, 2 | 543) {
            let what = format!("version {}.{} of the file is not known", header.major, header.minor);
            return Err(ReadError::Damaged { format: self.name(), what });
        }
        window.consume(FILE_HEADER);
        let mut header = header;
        if is_nokia(&header, &mut window)? {
            header.variant.record_header = NOKIA_HEADER;
        }
        read_records(&header, &mut window, limits, sink)
    }
}

/// Length of a record's header in captures of Nokia's IPSO: four bytes more, and nothing in the file header tells.
const NOKIA_HEADER: usize = 20;

/// Whether the records are Nokia's: the first one has an Ethernet type where it belongs only so, and the second one can be one
/// only so. Of other captures, nothing is waited for but the first packet's beginning.
fn is_nokia(header: &FileHeader, window: &mut Window<&mut dyn Read>) -> Result<bool, ReadError> {
    const COMMON: usize = 16;
    if header.link.0 != 1 || header.variant.record_header != COMMON || header.variant.unit != 1000 {
        return Ok(false);
    }
    let is_ip =
        |bytes: &[u8], at: usize| matches!(bytes.get(at..at + 2), Some([0x08, 0x00] | [0x86, 0xdd] | [0x81, 0x00]));
    let bytes = window.fill(NOKIA_HEADER + 14)?;
    if is_ip(bytes, COMMON + 12) || !is_ip(bytes, NOKIA_HEADER + 12) {
        return Ok(false);
    }
    let Some(first) = header.record(bytes) else { return Ok(false) };
    if header.is_impossible(&first) {
        return Ok(false);
    }
    let length = first.captured as usize;
    let bytes = window.fill(NOKIA_HEADER + length + COMMON)?;
    let can_follow = |at: usize| {
        let next = bytes.get(at..).and_then(|rest| header.record(rest));
        next.is_some_and(|next| {
            let seconds = next.time.seconds().abs_diff(first.time.seconds());
            !header.is_impossible(&next)
                && seconds < 86_400 * 31
                && next.original >= next.captured
                && next.original < 1 << 20
        })
    };
    Ok(!can_follow(COMMON + length) && (can_follow(NOKIA_HEADER + length) || bytes.len() == NOKIA_HEADER + length))
}

fn read_records(
    header: &FileHeader,
    window: &mut Window<&mut dyn Read>,
    limits: &Limits,
    sink: &mut dyn ItemSink,
) -> Result<(), ReadError> {
    let header_length = header.variant.record_header;
    let mut number = 0;
    loop {
        let offset = window.offset();
        let truncated = || Note::input(NoteKind::TruncatedInput { offset });
        let bytes = window.fill(header_length)?;
        let Some(record) = header.record(bytes) else {
            if !bytes.is_empty() {
                sink.item(Item::Note(truncated()));
            }
            return Ok(());
        };
        number += 1;
        let at = At::Frame { number, time: Some(record.time) };
        if header.is_impossible(&record) {
            let what = "the captured length of a packet is impossible; what follows it cannot be found";
            sink.item(Item::Note(Note::at(at, NoteKind::MalformedBlock { what })));
            return Ok(());
        }
        let length = header_length.saturating_add(record.captured as usize);
        if length > limits.block {
            if sink.item(Item::Note(Note::at(at, NoteKind::Limit { limit: "block" }))) == Control::Stop {
                return Ok(());
            }
            if window.skip(length as u64)? < length as u64 {
                sink.item(Item::Note(truncated()));
                return Ok(());
            }
            continue;
        }
        window.fill(length)?;
        let Some(bytes) = window.bytes().get(header_length..length) else {
            // The packet the file ends in gives what there is of it.
            let bytes = window.bytes().get(header_length..).unwrap_or_default();
            let buffer = Some(window.buffer());
            let frame = Frame { link: header.link, at, original_length: record.original, interface: 0, bytes, buffer };
            if !bytes.is_empty() && sink.item(Item::Frame(frame)) == Control::Stop {
                return Ok(());
            }
            sink.item(Item::Note(truncated()));
            return Ok(());
        };
        let buffer = Some(window.buffer());
        let frame = Frame { link: header.link, at, original_length: record.original, interface: 0, bytes, buffer };
        if sink.item(Item::Frame(frame)) == Control::Stop {
            return Ok(());
        }
        window.consume(length);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::tests::{items, items_of};

    fn word(value: u32, little: bool) -> [u8; 4] {
        if little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn file(kind: usize, little: bool, version: [u16; 2], snap_length: u32, network: u32) -> Vec<u8> {
        let mut bytes = word([0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34][kind], little).to_vec();
        for part in version {
            bytes.extend(if little { part.to_le_bytes() } else { part.to_be_bytes() });
        }
        for part in [0, 0, snap_length, network] {
            bytes.extend(word(part, little));
        }
        bytes
    }

    fn record(kind: usize, little: bool, fields: [u32; 4], data: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = fields.iter().flat_map(|field| word(*field, little)).collect();
        if kind == 2 {
            bytes.extend([9; 8]);
        }
        bytes.extend(data);
        bytes
    }

    /// Three packets: whole, empty, cut. `kind` is 0 for microseconds, 1 for nanoseconds, 2 for modified.
    pub(crate) fn sample(kind: usize, little: bool) -> Vec<u8> {
        let mut bytes = file(kind, little, [2, 4], 65_535, 1);
        bytes.extend(record(kind, little, [1, 2, 3, 3], b"abc"));
        bytes.extend(record(kind, little, [u32::MAX, 999_999, 0, 0], b""));
        bytes.extend(record(kind, little, [3, 4, 5, 1500], b"01234"));
        bytes
    }

    #[test]
    fn reads_every_variant_in_both_byte_orders() {
        for (kind, unit) in [(0, 1000_i64), (1, 1), (2, 1000)] {
            let second = 1_000_000_000;
            let wanted = [
                format!("#1 1 Some({}) 3 [61, 62, 63]", second + 2 * unit),
                format!("#2 1 Some({}) 0 []", 4_294_967_295 * second + 999_999 * unit),
                format!("#3 1 Some({}) 1500 [30, 31, 32, 33, 34]", 3 * second + 4 * unit),
            ];
            for little in [true, false] {
                assert_eq!(items(&sample(kind, little)), wanted, "{kind} {little}");
            }
        }
    }

    #[test]
    fn a_header_alone_is_no_packets_and_no_fault() {
        assert!(items(&file(0, true, [2, 4], 65_535, 1)).is_empty());
    }

    #[test]
    fn the_link_type_is_cleared_of_the_check_sequence() {
        let mut bytes = file(0, true, [2, 4], 65_535, 0x2400_0001);
        bytes.extend(record(0, true, [0, 0, 1, 1], b"a"));
        assert_eq!(items(&bytes), ["#1 1 Some(0) 1 [61]"]);
    }

    #[test]
    fn other_versions_are_refused() {
        let (result, _) = items_of(&mut &file(0, true, [1, 2], 65_535, 1)[..], &Limits::default());
        assert_eq!(result.unwrap_err().to_string(), "pcap: version 1.2 of the file is not known");
    }

    #[test]
    fn lengths_that_lie() {
        // (version, snap length, captured, original, data, items)
        let note = "MalformedBlock { what: \"the captured length of a packet is impossible; what follows it cannot be found\" }";
        let truncated = "TruncatedInput { offset: 41 }";
        type Row<'a> = ([u16; 2], u32, u32, u32, &'a [u8], &'a [&'a str]);
        let table: [Row<'_>; 9] = [
            // Larger than the snap length, but possible: as libpcap reads it.
            ([2, 4], 2, 3, 3, b"abc", &["#2 1 Some(0) 3 [61, 62, 63]"]),
            // Larger than the original: the captured bytes count.
            ([2, 4], 99, 3, 1, b"abc", &["#2 1 Some(0) 3 [61, 62, 63]"]),
            // Old versions wrote the lengths in the other order.
            ([2, 2], 99, 9, 3, b"abc", &["#2 1 Some(0) 9 [61, 62, 63]"]),
            ([543, 0], 99, 9, 3, b"abc", &["#2 1 Some(0) 9 [61, 62, 63]"]),
            ([2, 4], 65_535, 262_145, 262_145, b"abc", &[note]),
            ([2, 4], 65_535, u32::MAX, 60, b"abc", &[note]),
            ([2, 4], 65_535, 4, 4, b"abc", &["#2 1 Some(0) 4 [61, 62, 63]", truncated]),
            ([2, 4], 65_535, 4, 9, b"abc", &["#2 1 Some(0) 9 [61, 62, 63]", truncated]),
            ([2, 4], 65_535, 4, 4, b"", &[truncated]),
        ];
        for (version, snap_length, captured, original, data, wanted) in table {
            let mut bytes = file(0, true, version, snap_length, 1);
            bytes.extend(record(0, true, [0, 0, 1, 1], b"z"));
            bytes.extend(record(0, true, [0, 0, captured, original], data));
            let mut all = vec!["#1 1 Some(0) 1 [7a]"];
            all.extend(wanted);
            assert_eq!(items(&bytes), all);
        }
    }

    #[test]
    fn a_record_over_the_limit_is_passed_over_by_its_length() {
        let limits = Limits { block: 300_000, ..Limits::default() };
        let mut bytes = file(0, true, [2, 4], 1 << 30, 1);
        bytes.extend(record(0, true, [0, 0, 299_984, 299_984], &vec![1; 299_984]));
        bytes.extend(record(0, true, [0, 0, 299_985, 299_985], &vec![1; 299_985]));
        bytes.extend(record(0, true, [0, 0, 1, 1], b"z"));
        let (result, items) = items_of(&mut &bytes[..], &limits);
        result.unwrap();
        assert_eq!(items.len(), 3);
        assert!(items[0].starts_with("#1 1 Some(0) 299984 "));
        assert_eq!(items[1..], ["Limit { limit: \"block\" }", "#3 1 Some(0) 1 [7a]"]);
        let (_, items) = items_of(&mut &bytes[..400_000], &limits);
        assert_eq!(items[1..], ["Limit { limit: \"block\" }", "TruncatedInput { offset: 300024 }"]);
    }
}
