//! A whole file in memory, for formats that go from place to place in it and come from where that is not possible: a pipe, a
//! compressed file, an archive.

use std::{
    io::{self, Read, Seek, SeekFrom},
    sync::Arc,
};

use super::{Item, ItemSink, ReadError, Seekable};
use crate::{
    limits::Limits,
    note::{Note, NoteKind},
};

/// Bytes of one piece: a file is gathered without being copied as it grows.
const PIECE: usize = 256 << 10;

/// The bytes of a file. Clones share them, and stand each at a place of its own.
#[derive(Clone)]
pub(crate) struct Held {
    /// All of the same length but the last one.
    pieces: Arc<[Box<[u8]>]>,
    length: u64,
    position: u64,
    is_whole: bool,
}

impl Held {
    /// Reads all of an input, up to [`Limits::file`] bytes. A cut compression ends it as a cut file.
    ///
    /// # Errors
    /// The operating system's, and those of the compression.
    pub(crate) fn read(input: &mut dyn Read, limits: &Limits) -> io::Result<Self> {
        let (mut pieces, mut length, mut is_whole) = (Vec::new(), 0_usize, true);
        loop {
            let room = PIECE.min(limits.file.saturating_sub(length));
            // One byte more tells whether there is more.
            let mut piece = Vec::with_capacity(room.max(1));
            match Read::take(&mut *input, room.max(1) as u64).read_to_end(&mut piece) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                _ => {}
            }
            if room == 0 {
                is_whole = piece.is_empty();
                break;
            }
            length += piece.len();
            let is_last = piece.len() < room;
            if !piece.is_empty() {
                pieces.push(piece.into_boxed_slice());
            }
            if is_last {
                break;
            }
        }
        Ok(Self { pieces: pieces.into(), length: length as u64, position: 0, is_whole })
    }

    /// Whether that is all of it.
    pub(crate) const fn is_whole(&self) -> bool {
        self.is_whole
    }
}

impl Read for Held {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let (index, at) = (self.position / PIECE as u64, self.position % PIECE as u64);
        let piece = usize::try_from(index).ok().and_then(|index| self.pieces.get(index));
        let mut rest = piece.and_then(|piece| piece.get(usize::try_from(at).ok()?..)).unwrap_or_default();
        let count = rest.read(to)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Held {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Reads a recording that has to be held, by how it is read at any place; what did not fit is said.
pub(crate) fn read_held(
    input: &mut dyn Read,
    limits: &Limits,
    sink: &mut dyn ItemSink,
    read: fn(&mut dyn Seekable, &Limits, &mut dyn ItemSink) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let mut held = Held::read(input, limits)?;
    let is_whole = held.is_whole();
    read(&mut held, limits, sink).map_err(|error| match error {
        ReadError::Damaged { format, .. } if !is_whole => {
            let what = "it comes compressed or through a pipe and is larger than can be held (limit: file): give the file itself";
            ReadError::Damaged { format, what: what.to_owned() }
        }
        error => error,
    })?;
    if !is_whole {
        sink.item(Item::Note(Note::input(NoteKind::Limit { limit: "file" })));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_place_of_it_is_read() {
        let bytes: Vec<u8> = (0..2 * PIECE + 10).map(|at| (at % 251) as u8).collect();
        let read = |limit: usize| {
            let limits = Limits { file: limit, ..Limits::default() };
            Held::read(&mut &*bytes, &limits).unwrap()
        };
        for (limit, whole) in [(bytes.len(), true), (bytes.len() - 1, false), (PIECE, false), (5, false), (0, false)] {
            let mut held = read(limit);
            let mut all = Vec::new();
            held.read_to_end(&mut all).unwrap();
            assert_eq!((held.is_whole(), &*all), (whole, &bytes[..limit.min(bytes.len())]), "{limit}");
        }
        let mut held = read(usize::MAX);
        for place in [0, 1, PIECE - 2, PIECE, 2 * PIECE - 1, bytes.len() - 3, bytes.len(), bytes.len() + 9] {
            let mut part = Vec::new();
            held.seek(SeekFrom::Start(place as u64)).unwrap();
            Read::take(&mut held, 5).read_to_end(&mut part).unwrap();
            let end = bytes.len().min(place + 5);
            assert_eq!(part, bytes[place.min(end)..end], "{place}");
        }
        assert_eq!(held.seek(SeekFrom::End(-2)).unwrap(), bytes.len() as u64 - 2);
        assert!(held.seek(SeekFrom::Current(i64::MIN)).is_err());
    }
}
