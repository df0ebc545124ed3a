//! A recording that its recorder wrote in several files, read as one.
//!
//! Ring buffers and size limits cut a capture anywhere: `dumpcap -b`, `tcpdump -C` and `-G`. Connections and TLS sessions
//! go on in the next file, so the files' frames are handed out as those of one capture. Each file is read by its own
//! reader, and so its damage ends with it. The frames' numbers tell their files ([`crate::evidence::SourceId::of_frame`]).
//!
//! Which files belong together, and in which order, is for the caller to tell.

use std::io::{self, Read};

use super::{
    Control, Item, ItemSink, Producer, ReadError, Recording, Seekable, helpers::Helpers, read_file_with,
    read_recording_with,
};
use crate::{
    evidence::{At, number_in_set},
    limits::Limits,
    note::{Note, NoteKind},
    time::Timestamp,
};

/// Files may overlap by so many nanoseconds without a word: packets of several interfaces are written out of order.
pub const TOLERANCE: u64 = 1_000_000_000;

/// Opens a file of a set.
enum Open<'f> {
    /// From the beginning to the end.
    Stream(Box<dyn FnMut() -> io::Result<Box<dyn Read + 'f>> + Send + 'f>),
    /// At any place.
    File(Box<dyn FnMut() -> io::Result<Box<dyn Seekable + 'f>> + Send + 'f>),
}

impl Open<'_> {
    fn read(
        &mut self,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<Recording, ReadError> {
        match self {
            Self::Stream(open) => read_recording_with(&mut *open()?, limits, helpers, sink),
            Self::File(open) => read_file_with(&mut *open()?, limits, helpers, sink),
        }
    }
}

/// One file of a set.
pub struct Piece<'f> {
    open: Open<'f>,
    missing: u64,
}

impl<'f> Piece<'f> {
    /// A file that `open` opens when its turn comes. So many files are `missing` before it, by their numbers.
    pub fn new(open: impl FnMut() -> io::Result<Box<dyn Read + 'f>> + Send + 'f, missing: u64) -> Self {
        Self { open: Open::Stream(Box::new(open)), missing }
    }

    /// As [`Piece::new`], of a file that can be read at any place.
    pub fn file(open: impl FnMut() -> io::Result<Box<dyn Seekable + 'f>> + Send + 'f, missing: u64) -> Self {
        Self { open: Open::File(Box::new(open)), missing }
    }
}

/// How the reading of one file of a set went.
#[derive(Debug)]
pub struct PieceRead {
    /// What it turned out to be, or why it could not be read.
    pub result: Result<Recording, ReadError>,
    /// Packets handed out of it.
    pub packets: u64,
}

/// The files of one recording, in order.
pub struct Set<'f> {
    pieces: Vec<Piece<'f>>,
    read: Vec<PieceRead>,
}

impl<'f> Set<'f> {
    /// A set of these files.
    pub const fn new(pieces: Vec<Piece<'f>>) -> Self {
        Self { pieces, read: Vec::new() }
    }

    /// What became of the files, once they were read; fewer if the reading was stopped.
    pub fn into_read(self) -> Vec<PieceRead> {
        self.read
    }
}

impl Producer for Set<'_> {
    fn produce(
        &mut self,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<Recording, ReadError> {
        let mut latest = None;
        for (number, piece) in self.pieces.iter_mut().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let mut renumber =
                Renumber { sink, piece: number, missing: piece.missing, latest, frame: 0, packets: 0, stopped: false };
            let result = piece.open.read(limits, helpers, &mut renumber);
            let Renumber { latest: last, packets, stopped, .. } = renumber;
            latest = last;
            self.read.push(PieceRead { result, packets });
            if stopped {
                break;
            }
        }
        let readable = self.read.iter().position(|piece| piece.result.is_ok()).unwrap_or(0);
        match self.read.get_mut(readable).map(|piece| &mut piece.result) {
            Some(Ok(recording)) => Ok(recording.clone()),
            // The caller gets the error of the first instead.
            Some(Err(error)) => Err(std::mem::replace(error, ReadError::Empty)),
            None => Err(ReadError::Empty),
        }
    }
}

/// Gives frames their numbers over the set, and says what is wrong between two files.
struct Renumber<'s> {
    sink: &'s mut dyn ItemSink,
    piece: u32,
    /// Files missing before this one; said at its first frame.
    missing: u64,
    /// The latest time in the set so far.
    latest: Option<Timestamp>,
    /// The file's frame that came last.
    frame: u64,
    packets: u64,
    stopped: bool,
}

impl Renumber<'_> {
    fn renumbered(&self, at: At) -> At {
        match at {
            At::Frame { number, time } => At::Frame { number: number_in_set(self.piece, number), time },
            entry @ At::Entry { .. } => entry,
        }
    }

    /// Says what lies between the file before and this one.
    fn seam(&mut self, at: At) {
        let missing = std::mem::take(&mut self.missing);
        if missing > 0 {
            self.sink.item(Item::Note(Note::at(at, NoteKind::FilesMissing { count: missing })));
        }
        if let (Some(latest), Some(begin)) = (self.latest, at.time()) {
            let nanos = u64::try_from(latest.nanos().saturating_sub(begin.nanos())).unwrap_or(0);
            if nanos > TOLERANCE {
                self.sink.item(Item::Note(Note::at(at, NoteKind::FilesOverlap { nanos })));
            }
        }
    }
}

impl ItemSink for Renumber<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        let item = match item {
            Item::Frame(mut frame) => {
                self.frame = frame.at.frame().unwrap_or(self.frame);
                frame.at = self.renumbered(frame.at);
                if self.packets == 0 {
                    self.seam(frame.at);
                }
                self.packets += 1;
                self.latest = self.latest.max(frame.at.time());
                Item::Frame(frame)
            }
            Item::Note(mut note) => {
                // What has no place is told of a file of the set by its last frame.
                let at = note.at.unwrap_or(At::Frame { number: self.frame, time: None });
                note.at = Some(self.renumbered(at));
                Item::Note(note)
            }
            other => other,
        };
        let control = self.sink.item(item);
        self.stopped |= control == Control::Stop;
        control
    }

    fn before_read(&mut self) {
        self.sink.before_read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::SourceId,
        input::{
            helpers::Nobody,
            pcap,
            tests::{Record, samples},
        },
    };

    fn piece(bytes: Vec<u8>, missing: u64) -> Piece<'static> {
        Piece::new(move || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read>), missing)
    }

    fn read(pieces: Vec<Piece<'static>>) -> (Result<Recording, ReadError>, Vec<PieceRead>, Vec<String>) {
        let mut set = Set::new(pieces);
        let mut record = Record::default();
        let result = set.produce(&Limits::default(), &Nobody, &mut record);
        (result, set.into_read(), record.0)
    }

    fn places(items: &[String]) -> Vec<(u32, u64)> {
        let numbers = items.iter().filter_map(|item| item.strip_prefix('#')?.split(' ').next()?.parse().ok());
        numbers.map(|number| SourceId(0).of_frame(number)).map(|(source, frame)| (source.0, frame)).collect()
    }

    #[test]
    fn frames_are_numbered_by_their_files() {
        let sample = pcap::tests::sample(0, true);
        let (result, read, items) = read(vec![piece(sample.clone(), 0), piece(sample, 0)]);
        assert_eq!(result.unwrap().to_string(), "pcap");
        assert_eq!(places(&items), [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3)]);
        assert_eq!(read.iter().map(|piece| piece.packets).collect::<Vec<_>>(), [3, 3]);
        // The sample's second packet is the latest possible, so that the second file begins before it.
        assert_eq!(items.iter().filter(|item| item.starts_with("FilesOverlap")).count(), 1);
    }

    #[test]
    fn one_file_is_what_it_is_by_itself() {
        for (name, bytes) in samples() {
            let mut alone = Record::default();
            read_recording_with(&mut &bytes[..], &Limits::default(), &Nobody, &mut alone).unwrap();
            assert_eq!(read(vec![piece(bytes, 0)]).2, alone.0, "{name}");
        }
    }

    #[test]
    fn damage_ends_with_its_file_and_is_said_there() {
        let sample = pcap::tests::sample(0, true);
        let cut = sample[..sample.len() - 2].to_vec();
        let mut notes = Vec::new();
        let mut sink = |item: Item<'_>| {
            if let Item::Note(note) = item {
                notes.push((note.kind, SourceId(5).of_frame(note.at.unwrap().frame().unwrap())));
            }
            Control::Continue
        };
        let mut set =
            Set::new(vec![piece(sample.clone(), 0), piece(cut, 2), piece(b"junk\0\xff".to_vec(), 0), piece(sample, 0)]);
        set.produce(&Limits::default(), &Nobody, &mut sink).unwrap();
        let read = set.into_read();
        assert_eq!(read.iter().map(|piece| piece.packets).collect::<Vec<_>>(), [3, 3, 0, 3]);
        assert!(matches!(read[2].result, Err(ReadError::UnknownFormat(_))));
        let of =
            |wanted: &NoteKind| notes.iter().filter(|(kind, _)| kind == wanted).map(|(_, at)| *at).collect::<Vec<_>>();
        assert_eq!(of(&NoteKind::FilesMissing { count: 2 }), [(SourceId(6), 1)]);
        assert_eq!(of(&NoteKind::TruncatedInput { offset: 59 }), [(SourceId(6), 3)]);
    }

    #[test]
    fn nothing_readable_is_the_error_of_the_first() {
        let (result, ..) = read(vec![piece(Vec::new(), 0), piece(b"XCP\0".to_vec(), 0)]);
        assert!(matches!(result, Err(ReadError::Empty)));
        let (result, ..) = read(vec![piece(b"XCP\0".to_vec(), 0), piece(Vec::new(), 0)]);
        assert!(matches!(result, Err(ReadError::UnknownFormat(_))));
    }

    #[test]
    fn a_sink_that_says_stop_gets_no_more() {
        let sample = pcap::tests::sample(0, true);
        let mut count = 0;
        let mut sink = |_: Item<'_>| {
            count += 1;
            Control::Stop
        };
        Set::new(vec![piece(sample.clone(), 0), piece(sample, 0)])
            .produce(&Limits::default(), &Nobody, &mut sink)
            .unwrap();
        assert_eq!(count, 1);
    }
}
