//! Captures of Solaris' `snoop` (RFC 1761); the Surveyor of Shomiti and Finisar wrote them, too.
//!
//! ```text
//! file    "snoop\0\0\0"  version:4  datalink:4                                        all big-endian
//! record  original:4 included:4 record length:4 drops:4 seconds:4 microseconds:4  data, filled up to the record length
//! ```
//!
//! The drops count packets that were lost up to there, which is said: anything may have been in them.

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

const MAGIC: [u8; 8] = *b"snoop\0\0\0";
const FILE_HEADER: usize = 16;
const RECORD_HEADER: usize = 24;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Snoop;

/// The LINKTYPE_ of a datalink type (RFC 1761 §4, and Shomiti's); others are given a number that nothing dissects.
const fn link_type(version: u32, datalink: u32) -> LinkType {
    LinkType(match (version, datalink) {
        (_, 0 | 4) | (3..=5, 2) => 1,
        (_, 1 | 2) => 6,
        (_, 8) => 10,
        (_, 9) => 0,
        (_, 12) => 101,
        (_, 26) => 123,
        _ => u16::MAX,
    })
}

impl Format for Snoop {
    fn name(&self) -> &'static str {
        "snoop"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        magic(head, &MAGIC)
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut window = Window::new(input, limits.block);
        let header = window.fill(FILE_HEADER)?;
        let (Some(version), Some(datalink)) = (Order::Big.u32(header, 8), Order::Big.u32(header, 12)) else {
            return Err(ReadError::Damaged { format: self.name(), what: "the file header is cut".into() });
        };
        if !(2..=5).contains(&version) {
            let what = format!("version {version} of the file is not known");
            return Err(ReadError::Damaged { format: self.name(), what });
        }
        window.consume(FILE_HEADER);
        read_records(link_type(version, datalink), &mut window, limits, sink)
    }
}

fn read_records(
    link: LinkType,
    window: &mut Window<&mut dyn Read>,
    limits: &Limits,
    sink: &mut dyn ItemSink,
) -> Result<(), ReadError> {
    let (mut number, mut drops) = (0, 0);
    loop {
        let offset = window.offset();
        let truncated = Item::Note(Note::input(NoteKind::TruncatedInput { offset }));
        let bytes = window.fill(RECORD_HEADER)?;
        let Some(header) = bytes.first_chunk::<RECORD_HEADER>() else {
            if !bytes.is_empty() {
                sink.item(truncated);
            }
            return Ok(());
        };
        let word = |at| Order::Big.u32(header, at).unwrap_or(0);
        let (original, included, length, dropped) = (word(0), word(4), word(8) as usize, word(12));
        let seconds = i64::from(word(16)).saturating_mul(1_000_000_000);
        let time = Timestamp::from_nanos(seconds.saturating_add(i64::from(word(20)) * 1000));
        number += 1;
        let at = At::Frame { number, time: Some(time) };
        let data = RECORD_HEADER.saturating_add(included as usize);
        if length < data || length > data.saturating_add(1 << 16) {
            let what = "the lengths of a packet contradict each other; what follows it cannot be found";
            sink.item(Item::Note(Note::at(at, NoteKind::MalformedBlock { what })));
            return Ok(());
        }
        if dropped > drops {
            drops = dropped;
            let what = "the recorder lost packets before this one";
            if sink.item(Item::Note(Note::at(at, NoteKind::MalformedBlock { what }))) == Control::Stop {
                return Ok(());
            }
        }
        if data > limits.block {
            let control = sink.item(Item::Note(Note::at(at, NoteKind::Limit { limit: "block" })));
            if control == Control::Stop || window.skip(length as u64)? < length as u64 {
                return Ok(());
            }
            continue;
        }
        let have = window.fill(length)?.len();
        let bytes = window.bytes().get(RECORD_HEADER..data.min(have)).unwrap_or_default();
        let original_length = original.max(included);
        let frame = Frame { link, at, original_length, interface: 0, bytes, buffer: Some(window.buffer()) };
        if !bytes.is_empty() && sink.item(Item::Frame(frame)) == Control::Stop {
            return Ok(());
        }
        // Only what fills the last record up may be missing.
        if have < data {
            sink.item(truncated);
            return Ok(());
        }
        window.consume(length);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::tests::{Dribble, items, items_of};

    /// A file with these packets: seconds, drops, original length, data.
    pub(crate) fn file(packets: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([2_u32, 4].map(u32::to_be_bytes).concat());
        for (seconds, drops, original, data) in packets {
            let padded = data.len().next_multiple_of(4);
            let words = [*original, data.len() as u32, (24 + padded) as u32, *drops, *seconds, 5];
            out.extend(words.map(u32::to_be_bytes).concat());
            out.extend(*data);
            out.resize(out.len() + padded - data.len(), 0);
        }
        out
    }

    #[test]
    fn records_are_packets_and_drops_are_told_once() {
        let bytes = file(&[(1, 0, 3, b"abc"), (2, 7, 9, b"01234"), (3, 7, 4, b"wxyz")]);
        let what = "MalformedBlock { what: \"the recorder lost packets before this one\" }";
        let wanted = [
            "#1 1 Some(1000005000) 3 [61, 62, 63]",
            what,
            "#2 1 Some(2000005000) 9 [30, 31, 32, 33, 34]",
            "#3 1 Some(3000005000) 4 [77, 78, 79, 7a]",
        ];
        assert_eq!(items(&bytes), wanted);
        for most in [1, 5, 30] {
            let (_, split) = items_of(&mut Dribble::new(&bytes, most), &Limits::default());
            assert_eq!(split, wanted);
        }
    }

    #[test]
    fn damage_is_said_and_never_panics() {
        let bytes = file(&[(1, 0, 3, b"abc"), (2, 0, 9, b"01234")]);
        for length in 0..bytes.len() {
            let (result, items) = items_of(&mut &bytes[..length], &Limits::default());
            let is_whole = matches!(length, 16 | 43 | 44) || length >= bytes.len() - 3;
            let told = items.last().is_some_and(|last| last.starts_with("TruncatedInput"));
            assert!(result.is_err() || told != is_whole, "{length} {items:?}");
        }
        let mut wrong = bytes.clone();
        wrong[27] = 5;
        assert!(items(&wrong)[0].starts_with("MalformedBlock"));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0xa5;
            let _ = items_of(&mut &wrong[..], &Limits::default());
        }
    }
}
