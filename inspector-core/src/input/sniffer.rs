//! Captures of Network General's Sniffer for DOS (`.enc`, `.cap`), not compressed.
//!
//! ```text
//! file    "TRSNIFF data    \x1a"
//! record  type:2 length:2 reserved:2  data                                                       little-endian
//!         1 version   major:2 minor:2 time:2 date:2 type:1 network:1 format:1 unit:1 …
//!         4 frame     ticks:5 day:1 size:2 …:2 original:2 …:2  bytes
//! ```
//!
//! Times are counted from the midnight before the recording, in the local time of the machine that recorded.
//!
//! Source: Wireshark's `wiretap/ngsniffer.c` for the layout.

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

const MAGIC: [u8; 17] = *b"TRSNIFF data    \x1a";
const RECORD: usize = 6;
const FRAME: usize = 14;
/// Picoseconds of a tick, by the file's unit.
const UNITS: [u64; 7] = [15_000_000, 838_096, 15_000_000, 500_000, 2_000_000, 1_000_000, 100_000];

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Sniffer;

impl Format for Sniffer {
    fn name(&self) -> &'static str {
        "sniffer"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        magic(head, &MAGIC)
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let damaged = |what: &str| ReadError::Damaged { format: "sniffer", what: what.to_owned() };
        let mut window = Window::new(input, limits.block);
        let start = MAGIC.len() + RECORD;
        let bytes = window.fill(start + 18)?;
        let record =
            bytes.get(start..).filter(|rest| rest.len() >= 18).ok_or_else(|| damaged("the file header is cut"))?;
        let header = Header::parse(record).ok_or_else(|| damaged("the file header is cut"))?;
        if header.is_compressed {
            let what = "it is compressed in a way of its own: convert it with editcap -F pcapng in.enc out.pcapng";
            return Err(damaged(what));
        }
        let length = usize::from(Order::Little.u16(bytes, MAGIC.len() + 2).unwrap_or(18));
        window.consume(start + length);
        let what = "times are the local ones of the machine that recorded; their zone is not in the file";
        if sink.item(Item::Note(Note::input(NoteKind::HarmlessDamage { what }))) == Control::Stop {
            return Ok(());
        }
        read_records(&header, &mut window, limits, sink)
    }
}

struct Header {
    link: LinkType,
    /// Midnight before the recording.
    start: Option<Timestamp>,
    unit: u64,
    is_compressed: bool,
}

impl Header {
    fn parse(record: &[u8]) -> Option<Self> {
        let date = Order::Little.u16(record, 6)?;
        let (year, month, day) = (1980 + (date >> 9), date >> 5 & 15, date & 31);
        let start = Timestamp::parse_rfc3339(&format!("{year:04}-{month:02}-{day:02}T00:00:00Z"));
        let link = match record.get(9)? {
            1 => 1,
            0 => 6,
            9 => 10,
            _ => u16::MAX,
        };
        let unit = UNITS.get(usize::from(*record.get(11)?)).copied().unwrap_or(1_000_000);
        Some(Self { link: LinkType(link), start, unit, is_compressed: *record.get(10)? != 1 })
    }

    fn time(&self, record: &[u8]) -> Option<Timestamp> {
        let low = u64::from(Order::Little.u32(record, 0)?);
        let (high, day) = (u64::from(*record.get(4)?), i64::from(*record.get(5)?));
        let nanos = i64::try_from((high << 32 | low).checked_mul(self.unit)? / 1000).ok()?;
        let days = day.checked_mul(86_400 * 1_000_000_000)?;
        Some(Timestamp::from_nanos(self.start?.nanos().checked_add(nanos)?.checked_add(days)?))
    }
}

fn read_records(
    header: &Header,
    window: &mut Window<&mut dyn Read>,
    limits: &Limits,
    sink: &mut dyn ItemSink,
) -> Result<(), ReadError> {
    let mut number = 0;
    loop {
        let offset = window.offset();
        let bytes = window.fill(RECORD)?;
        let (Some(kind), Some(length), true) =
            (Order::Little.u16(bytes, 0), Order::Little.u16(bytes, 2), bytes.len() >= RECORD)
        else {
            if !bytes.is_empty() {
                sink.item(Item::Note(Note::input(NoteKind::TruncatedInput { offset })));
            }
            return Ok(());
        };
        let whole = RECORD + usize::from(length);
        // The end record.
        if kind == 3 {
            return Ok(());
        }
        let have = window.fill(whole)?.len().min(whole);
        let record = window.bytes().get(RECORD..have).unwrap_or_default();
        if kind == 4 || kind == 8 || kind == 12 {
            number += 1;
            let at = At::Frame { number, time: header.time(record) };
            let size = Order::Little.u16(record, 6).unwrap_or(0);
            let original = Order::Little.u16(record, 10).filter(|size| *size > 0).unwrap_or(size);
            let data = record.get(FRAME..).unwrap_or_default();
            let data = data.get(..usize::from(size)).unwrap_or(data);
            let (link, original_length) =
                (if kind == 4 { header.link } else { LinkType(u16::MAX) }, u32::from(original.max(size)));
            let frame = Frame { link, at, original_length, interface: 0, bytes: data, buffer: Some(window.buffer()) };
            if !data.is_empty() && sink.item(Item::Frame(frame)) == Control::Stop {
                return Ok(());
            }
            if usize::from(size) > data.len() && have == whole {
                let what = "the lengths of a packet contradict each other";
                if sink.item(Item::Note(Note::at(at, NoteKind::MalformedBlock { what }))) == Control::Stop {
                    return Ok(());
                }
            }
        }
        if have < whole {
            sink.item(Item::Note(Note::input(NoteKind::TruncatedInput { offset })));
            return Ok(());
        }
        let _ = limits;
        window.consume(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::{Dribble, items, items_of};

    fn file(format: u8, packets: &[(u32, &[u8])]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([1, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0x7c, 0x5d, 4, 1, format, 5, 0, 0, 0, 0, 0, 0]);
        for (ticks, data) in packets {
            out.extend([4, (FRAME + data.len()) as u16, 0].map(u16::to_le_bytes).concat());
            out.extend(ticks.to_le_bytes());
            out.extend([0, 0]);
            out.extend([data.len() as u16, 0, 1500, 0].map(u16::to_le_bytes).concat());
            out.extend(*data);
        }
        out.extend([3, 0, 0, 0, 0, 0]);
        out
    }

    #[test]
    fn frames_are_packets() {
        let bytes = file(1, &[(1_000_000, b"abc"), (3_000_000, b"d")]);
        let midnight = 1_795_824_000_000_000_000_i64;
        let found = items(&bytes);
        let wanted = [
            format!("#1 1 Some({}) 1500 [61, 62, 63]", midnight + 1_000_000_000),
            format!("#2 1 Some({}) 1500 [64]", midnight + 3_000_000_000),
        ];
        assert_eq!(found[1..], wanted);
        let (_, split) = items_of(&mut Dribble::new(&bytes, 3), &Limits::default());
        assert_eq!(split, found);
        let (result, _) = items_of(&mut &file(2, &[])[..], &Limits::default());
        assert!(result.unwrap_err().to_string().contains("editcap"));
    }

    #[test]
    fn damage_is_said_and_never_panics() {
        let bytes = file(1, &[(1, b"abc")]);
        for length in 42..bytes.len() - 6 {
            let (_, items) = items_of(&mut &bytes[..length], &Limits::default());
            assert!(items.last().unwrap().starts_with("TruncatedInput"), "{length} {items:?}");
        }
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0xa5;
            let _ = items_of(&mut &wrong[..], &Limits::default());
        }
    }
}
