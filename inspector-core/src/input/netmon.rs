//! Captures of Microsoft's Network Monitor, versions 1 and 2 (`.cap`).
//!
//! ```text
//! file    "RTSS" or "GMBU"  minor:1 major:1 network:2 start:16 (SYSTEMTIME)  table offset:4 length:4  …      128 bytes
//! frame   1.x  delta:4 ms   original:2 included:2  data
//!         2.x  delta:8 µs   original:4 included:4  data  [2.1 network:2] [2.2 process:4] [2.3 FILETIME:8 zone:1]
//! table   offset:4 of each frame
//! ```
//!
//! Frames are found by the table, not by going from one to the next: other data lies in between. The start is the local time
//! of the machine that recorded; its zone is not in the file. Only 2.3 has times in UTC. Events of Windows' tracing among the
//! frames are packets if they are NDIS-PacketCapture's ([`super::etl`]); Network Monitor's own notes are none.
//!
//! Source: Wireshark's `wiretap/netmon.c` for the layout.

use std::io::{Read, SeekFrom};

use super::{
    Control, Format, Item, ItemSink, ReadError, Seekable, etl, held::read_held, helpers::Helpers, magic, order::Order,
};
use crate::{
    evidence::At,
    limits::Limits,
    note::{Note, NoteKind},
    packet::frame::{Frame, LinkType},
    probe::Probe,
    time::Timestamp,
};

const HEADER: usize = 128;
/// Bytes of the table read at once.
const TABLE: usize = 16 << 10;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct NetMon;

impl Format for NetMon {
    fn name(&self) -> &'static str {
        "netmon"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        magic(head, b"GMBU").max(magic(head, b"RTSS"))
    }

    fn wants_any_place(&self, head: &[u8]) -> bool {
        self.probe(head) == Probe::Certain
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        read_held(input, limits, sink, read)
    }

    fn read_any_place(
        &self,
        input: &mut dyn Seekable,
        limits: &Limits,
        _: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        read(input, limits, sink)
    }
}

/// What the file header tells.
struct Header {
    is_new: bool,
    minor: u8,
    network: u16,
    start: Option<Timestamp>,
    table: u32,
    entries: u32,
    has_odd_table: bool,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at| Order::Little.u16(bytes, at);
        let length = Order::Little.u32(bytes, 28)?;
        Some(Self {
            is_new: bytes.starts_with(b"GMBU"),
            minor: *bytes.get(4)?,
            network: word(6)?,
            start: system_time(bytes.get(8..24)?),
            table: Order::Little.u32(bytes, 24)?,
            entries: length / 4,
            has_odd_table: length % 4 != 0,
        })
    }

    /// Length of what precedes a frame's data.
    const fn frame_header(&self) -> usize {
        if self.is_new { 16 } else { 8 }
    }

    /// Length of what follows a frame's data.
    const fn trailer(&self) -> usize {
        match (self.is_new, self.minor) {
            (false, _) | (true, 0) => 0,
            (true, 1) => 2,
            (true, 2) => 6,
            (true, _) => 15,
        }
    }
}

/// A SYSTEMTIME: year, month, day of week, day, hour, minute, second, milliseconds.
fn system_time(bytes: &[u8]) -> Option<Timestamp> {
    let word = |at: usize| Order::Little.u16(bytes, at * 2).and_then(|word| i16::try_from(word).ok());
    let small = |at| word(at).and_then(|word| i8::try_from(word).ok());
    let nanos = i32::from(word(7)?).checked_mul(1_000_000)?;
    let time =
        jiff::civil::DateTime::new(word(0)?, small(1)?, small(3)?, small(4)?, small(5)?, small(6)?, nanos).ok()?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond();
    i64::try_from(time).ok().map(Timestamp::from_nanos)
}

/// 100 nanoseconds since 1601, as a moment.
pub(crate) fn file_time(ticks: u64) -> Option<Timestamp> {
    /// Seconds from 1601 to 1970.
    const EPOCH: i128 = 11_644_473_600;
    let nanos = i128::from(ticks) * 100 - EPOCH * 1_000_000_000;
    i64::try_from(nanos).ok().filter(|_| ticks > 0).map(Timestamp::from_nanos)
}

/// What a network number says of a frame.
enum Network {
    Link(LinkType),
    /// An event of Windows' tracing.
    Event,
    /// Network Monitor's own.
    Note,
}

fn network(number: u16) -> Network {
    Network::Link(LinkType(match number {
        0 | 1 => 1,
        2 => 6,
        3 => 10,
        7..=9 => 101,
        0xe000..=0xefff => number - 0xe000,
        0xffe0 => return Network::Event,
        0xfffb..=0xffff => return Network::Note,
        // Among them IEEE 802.11 behind a header of Network Monitor's own, and ATM.
        _ => u16::MAX,
    }))
}

fn read(input: &mut dyn Seekable, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
    let damaged = |what: &str| ReadError::Damaged { format: "netmon", what: what.to_owned() };
    let mut bytes = [0; HEADER];
    input.read_exact(&mut bytes).map_err(|_| damaged("the file header is cut"))?;
    let header = Header::parse(&bytes).ok_or_else(|| damaged("the file header is cut"))?;
    let length = input.seek(SeekFrom::End(0))?;
    let mut reading = Reading { header, input, length, limits, sink, number: 0, ends: 0 };
    if !reading.header.is_new || reading.header.minor < 3 {
        let what = "times are the local ones of the machine that recorded; their zone is not in the file";
        if reading.note(None, NoteKind::HarmlessDamage { what }) == Control::Stop {
            return Ok(());
        }
    }
    reading.table()
}

struct Reading<'r> {
    header: Header,
    input: &'r mut dyn Seekable,
    length: u64,
    limits: &'r Limits,
    sink: &'r mut dyn ItemSink,
    number: u64,
    /// Where the frame ends that ends last.
    ends: u64,
}

impl Reading<'_> {
    fn note(&mut self, at: Option<At>, kind: NoteKind) -> Control {
        self.sink.item(Item::Note(at.map_or_else(|| Note::input(kind.clone()), |at| Note::at(at, kind.clone()))))
    }

    fn table(&mut self) -> Result<(), ReadError> {
        let (begin, entries) = (u64::from(self.header.table), u64::from(self.header.entries));
        let whole = self.length.saturating_sub(begin) / 4;
        let mut frame = Vec::new();
        let mut read = 0;
        while read < entries.min(whole) {
            let count = (entries.min(whole) - read).min(TABLE as u64 / 4);
            let mut table = vec![0; usize::try_from(count).unwrap_or(0) * 4];
            self.input.seek(SeekFrom::Start(begin + read * 4))?;
            self.input.read_exact(&mut table)?;
            for offset in table.chunks_exact(4) {
                let offset = Order::Little.u32(offset, 0).unwrap_or(0);
                if self.frame(u64::from(offset), &mut frame)? == Control::Stop {
                    return Ok(());
                }
            }
            read += count;
        }
        if whole < entries || self.header.has_odd_table {
            let offset = begin.min(self.length);
            self.note(None, NoteKind::TruncatedInput { offset });
        }
        Ok(())
    }

    fn frame(&mut self, offset: u64, frame: &mut Vec<u8>) -> Result<Control, ReadError> {
        self.number += 1;
        let at = At::Frame { number: self.number, time: None };
        let mut head = [0; 16];
        let head = head.get_mut(..self.header.frame_header()).unwrap_or_default();
        let data = offset.saturating_add(head.len() as u64);
        if data > self.length || offset < HEADER as u64 {
            return Ok(
                self.note(Some(at), NoteKind::MalformedBlock { what: "a packet lies beyond the end of the file" })
            );
        }
        self.input.seek(SeekFrom::Start(offset))?;
        self.input.read_exact(head)?;
        let is_new = self.header.is_new;
        let word = |at| Order::Little.u32(head, at).unwrap_or(0);
        let short = |at| u32::from(Order::Little.u16(head, at).unwrap_or(0));
        let (nanos, original, included) = if is_new {
            (Order::Little.i64(head, 0).unwrap_or(0).saturating_mul(1000), word(8), word(12))
        } else {
            (i64::from(word(0)) * 1_000_000, short(4), short(6))
        };
        let trailer = self.header.trailer();
        if included as usize > self.limits.block {
            return Ok(self.note(Some(at), NoteKind::Limit { limit: "block" }));
        }
        if data.saturating_add(u64::from(included)) > self.length {
            return Ok(
                self.note(Some(at), NoteKind::MalformedBlock { what: "a packet lies beyond the end of the file" })
            );
        }
        if offset < self.ends
            && self.note(Some(at), NoteKind::HarmlessDamage { what: "packets are not in the order of the file" })
                == Control::Stop
        {
            return Ok(Control::Stop);
        }
        self.ends = self.ends.max(data + u64::from(included));
        frame.clear();
        (&mut *self.input).take(u64::from(included) + trailer as u64).read_to_end(frame)?;
        let (bytes, trailer) = frame.split_at_checked(included as usize).unwrap_or((frame, b""));
        let link = Order::Little.u16(trailer, 0).unwrap_or(self.header.network);
        let utc =
            trailer.get(6..14).and_then(<[u8]>::first_chunk).and_then(|ticks| file_time(u64::from_le_bytes(*ticks)));
        let start = self.header.start.map(|start| Timestamp::from_nanos(start.nanos().saturating_add(nanos)));
        let at = At::Frame { number: self.number, time: utc.or(start) };
        let (link, bytes) = match network(link) {
            Network::Link(link) => (link, bytes),
            Network::Note => return Ok(Control::Continue),
            Network::Event => match etl::packet_of_event(bytes) {
                Some(packet) => packet,
                None => return Ok(Control::Continue),
            },
        };
        let original_length = original.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).max(included);
        Ok(self.sink.item(Item::Frame(Frame { link, at, original_length, interface: 0, bytes, buffer: None })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::{items, items_of};

    /// A file of that version with these packets.
    fn file(magic: &[u8], minor: u8, packets: &[&[u8]]) -> Vec<u8> {
        let mut out = magic.to_vec();
        out.extend([minor, if magic == b"GMBU" { 2 } else { 1 }, 1, 0]);
        out.extend([2026_u16, 11, 6, 28, 21, 5, 4, 250].map(u16::to_le_bytes).concat());
        out.resize(HEADER, 0);
        let mut table = Vec::new();
        for (at, data) in packets.iter().enumerate() {
            table.extend((out.len() as u32).to_le_bytes());
            if magic == b"GMBU" {
                out.extend((at as u64 * 1_000_000).to_le_bytes());
                out.extend([1500, data.len() as u32].map(u32::to_le_bytes).concat());
            } else {
                out.extend((at as u32 * 1000).to_le_bytes());
                out.extend([1500, data.len() as u16].map(u16::to_le_bytes).concat());
            }
            out.extend(*data);
            if magic == b"GMBU" && minor >= 1 {
                // Raw IP.
                out.extend([9, 0]);
            }
            if magic == b"GMBU" && minor >= 3 {
                out.extend([0; 4]);
                out.extend((116_444_736_000_000_000_u64 + at as u64 * 10_000_000 + 10).to_le_bytes());
                out.push(0);
            }
            // What lies between the frames.
            out.extend(b"???");
        }
        let (begin, length) = (out.len() as u32, table.len() as u32);
        out[24..28].copy_from_slice(&begin.to_le_bytes());
        out[28..32].copy_from_slice(&length.to_le_bytes());
        out.extend(table);
        out
    }

    const ZONE: &str = "HarmlessDamage { what: \"times are the local ones of the machine that recorded; their zone is not in the \
                        file\" }";

    #[test]
    fn each_version_is_read() {
        let start = 1_795_899_904_250_000_000_i64;
        let table: [(&[u8], u8, u16, i64, bool); 4] = [
            (b"RTSS", 1, 1, start, true),
            (b"GMBU", 0, 1, start, true),
            (b"GMBU", 1, 101, start, true),
            (b"GMBU", 3, 101, 1000, false),
        ];
        for (magic, minor, link, first, is_local) in table {
            let mut wanted = vec![ZONE.to_owned()];
            wanted.retain(|_| is_local);
            for (number, data) in [(1, "[61, 62, 63]"), (2, "[64]")] {
                let time = first + i64::from(number - 1) * 1_000_000_000;
                wanted.push(format!("#{number} {link} Some({time}) 1500 {data}"));
            }
            assert_eq!(items(&file(magic, minor, &[b"abc", b"d"])), wanted);
        }
    }

    #[test]
    fn damage_is_said_and_never_panics() {
        let whole = file(b"GMBU", 3, &[b"abc", b"d"]);
        for length in HEADER..whole.len() {
            let (_, items) = items_of(&mut &whole[..length], &Limits::default());
            assert!(items.iter().any(|item| item.starts_with("TruncatedInput")), "{length}");
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xc3;
            let _ = items_of(&mut &bytes[..], &Limits::default());
        }
        let mut beyond = whole.clone();
        let end = beyond.len();
        beyond[end - 2] = 0xff;
        assert!(items(&beyond).iter().any(|item| item.contains("beyond the end")));
    }
}
