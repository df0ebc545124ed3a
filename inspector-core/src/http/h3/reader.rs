//! Where the reader of one direction of a stream stands, and the headers of frames (RFC 9114 §7).

use super::qpack::Waiting;
use crate::{encoding::varint::variable_integer, evidence::At};

/// Frame types this program acts on.
pub(super) mod kind {
    pub(in crate::http::h3) const DATA: u64 = 0x0;
    pub(in crate::http::h3) const HEADERS: u64 = 0x1;
    pub(in crate::http::h3) const SETTINGS: u64 = 0x4;
    pub(in crate::http::h3) const GOAWAY: u64 = 0x7;
    /// What follows on the stream is no frame (draft-ietf-webtrans-http3 §4.2).
    pub(in crate::http::h3) const WEBTRANSPORT: u64 = 0x41;
}

/// Where a reader stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// At the header of a frame, or in it.
    Frame,
    /// In the payload of a DATA frame.
    Data { left: u64 },
    /// In a field section.
    Section { length: usize },
    /// In a frame of no interest.
    Skip { left: u64 },
    /// Behind a hole, or in something that is no frame: nothing more is read.
    Lost,
}

/// One direction of a stream of frames.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) position: Position,
    /// What came of a frame's header, or of a field section.
    pub(super) partial: Vec<u8>,
    /// The first and the latest packet of that.
    pub(super) places: Option<(At, At)>,
    /// A field section that waits for instructions, with its places.
    pub(super) waiting: Option<Box<(Waiting, (At, At))>>,
    /// What came after that.
    pub(super) held: Vec<(At, Box<[u8]>)>,
    /// The stream ended behind it, here.
    pub(super) ends: Option<At>,
    /// Frames came.
    pub(super) begun: bool,
    /// Nothing more comes of this side.
    pub(super) over: bool,
}

impl Reader {
    pub(super) const fn new() -> Self {
        Self {
            position: Position::Frame,
            partial: Vec::new(),
            places: None,
            waiting: None,
            held: Vec::new(),
            ends: None,
            begun: false,
            over: false,
        }
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| size_of::<Waiting>() + waiting.0.section.capacity());
        let held = self.held.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        let held = held.saturating_add(self.held.capacity().saturating_mul(size_of::<(At, Box<[u8]>)>()));
        self.partial.capacity().saturating_add(waiting).saturating_add(held)
    }

    /// Bytes that wait, or were begun.
    pub(super) fn unfinished(&self) -> u64 {
        let waiting = self.waiting.as_ref().map_or(0, |waiting| waiting.0.section.len());
        let held = self.held.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        (self.partial.len() + waiting + held) as u64
    }

    /// A piece of a frame's beginning came at this place.
    pub(super) fn meet(&mut self, at: At) {
        self.places = Some(self.places.map_or((at, at), |(first, last)| (first, last.later(at))));
    }

    /// The header of a frame, once it is whole: type, length, and what comes after it.
    pub(super) fn header<'b>(&mut self, bytes: &'b [u8], at: At) -> Option<(u64, u64, &'b [u8])> {
        if self.partial.is_empty()
            && let Some((kind, length, rest)) = frame_header(bytes)
        {
            self.places = Some((at, at));
            return Some((kind, length, rest));
        }
        self.meet(at);
        let before = self.partial.len();
        self.partial.extend(bytes.iter().take(LONGEST_HEADER.saturating_sub(before)));
        let (kind, length, rest) = frame_header(&self.partial)?;
        let taken = self.partial.len().saturating_sub(rest.len()).saturating_sub(before);
        self.partial.clear();
        Some((kind, length, bytes.get(taken..).unwrap_or_default()))
    }
}

/// Two integers of eight bytes.
const LONGEST_HEADER: usize = 16;

/// Type, length, and what comes after them. What says that the stream holds no frames has no length.
fn frame_header(bytes: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (kind, rest) = variable_integer(bytes)?;
    let (length, rest) = variable_integer(rest)?;
    Some((kind, length, rest))
}
