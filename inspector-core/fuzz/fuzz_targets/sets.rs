//! A recording in several files, read as one. The first byte tells whether the rest are files of any kind, with their
//! lengths before them, or one capture that is cut into files between its packets; that gives the exchanges of the whole.
//!
//! ```text
//! | mode | length, 2 | file |  again and again       or       | mode | packets of the first file | capture |
//! ```
#![no_main]

use std::io::{self, Cursor, Read};

use inspector_core::{
    input::set::{Piece, Set},
    limits::Limits,
};
use inspector_core_fuzz::{Heard, hear, hear_bytes, limits, made::CAPTURE, policy};
use libfuzzer_sys::fuzz_target;

/// A file that gives at most so many bytes at once.
struct File(Cursor<Vec<u8>>, usize);

impl Read for File {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = to.len().min(self.1);
        self.0.read(&mut to[..most])
    }
}

fn hear_set(files: &[Vec<u8>], at_once: usize, jobs: usize, limits: &Limits) -> Heard {
    let piece = |file: &Vec<u8>| {
        let file = file.clone();
        Piece::new(move || Ok(Box::new(File(Cursor::new(file.clone()), at_once)) as Box<dyn Read>), 0)
    };
    let mut set = Set::new(files.iter().map(piece).collect());
    let heard = hear(&mut set, jobs, limits, policy());
    assert!(set.into_read().len() <= files.len());
    heard
}

/// The packets of a capture in the classic format with this program's usual header.
fn packets(capture: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = capture.strip_prefix(CAPTURE.get(..4)?)?.get(20..)?;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(*rest.get(8..)?.first_chunk()?) as usize;
        let (packet, after) = rest.split_at_checked(length.checked_add(16)?)?;
        packets.push(packet);
        rest = after;
    }
    Some(packets)
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    let mut files = Vec::new();
    let mut whole = None;
    if mode % 2 == 0 {
        let mut rest = rest;
        while let Some(([low, high], after)) = rest.split_first_chunk::<2>() {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let (file, after) = after.split_at(length.min(after.len()));
            files.push(file.to_vec());
            rest = after;
        }
    } else {
        let Some((first, capture)) = rest.split_first() else { return };
        let Some(packets) = packets(capture) else { return };
        let Some((one, two)) = packets.split_at_checked(usize::from(*first)) else { return };
        if one.is_empty() || two.is_empty() {
            return;
        }
        let header = &capture[..24];
        files = [one, two].map(|part| [header, &part.concat()].concat()).into();
        whole = Some(hear_bytes(capture, 1, &Limits::default()));
    }
    files.truncate(4);
    if let Some(whole) = whole {
        let set = hear_set(&files, usize::MAX, 1, &Limits::default());
        assert_eq!(whole.exchanges.len(), set.exchanges.len(), "exchanges of the whole and of its files");
        assert_eq!(whole.connections.len(), set.connections.len(), "connections of the whole and of its files");
    } else {
        let limits = limits(input);
        let heard = hear_set(&files, usize::MAX, 1, &limits);
        assert_eq!(heard, hear_set(&files, 50, 2, &limits), "read in pieces by two");
    }
});
