//! What goes from the flow table to a group.

use std::{collections::VecDeque, ops::Range, sync::Arc};

use crate::{
    evidence::At,
    flow::{Connection, End, Side, Weight},
    packet::frame::Buffer,
};

/// Bytes of events and copies, of all groups together, after which their batches are sent on.
pub(super) const BATCH_BYTES: usize = 256 << 10;

/// Bytes of events, and of copies, for which a batch keeps room when it comes back.
const LARGEST: usize = BATCH_BYTES / 2;

/// Events of the connections of one group, in the order of turns.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: VecDeque<Event>,
    /// The window's buffer, of which events have bytes.
    pub(super) buffer: Option<Buffer>,
    /// The bytes of events that are not part of the buffer.
    pub(super) copies: Vec<u8>,
    /// The turn after the last of this batch: those between are others'.
    pub(super) end: u64,
}

impl Batch {
    /// The turn of its next event, or of its end.
    pub(super) fn turn(&self) -> u64 {
        self.events.front().map_or(self.end, |event| event.turn)
    }

    /// Makes it ready to be filled again, with little room.
    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.buffer = None;
        self.copies.clear();
        self.events.shrink_to(LARGEST / size_of::<Event>());
        self.copies.shrink_to(LARGEST);
    }

    /// Bytes of memory of its room.
    pub(super) fn room(&self) -> usize {
        self.events.capacity() * size_of::<Event>() + self.copies.capacity()
    }
}

/// Something that happened on a connection, or to all.
pub(super) struct Event {
    pub(super) turn: u64,
    /// The item that caused it.
    pub(super) item: u64,
    pub(super) kind: Kind,
}

impl Event {
    /// Bytes of memory it takes, without those of packets.
    pub(super) fn weight(&self) -> usize {
        let apart = match &self.kind {
            Kind::Open { .. } | Kind::Close { .. } => size_of::<Connection>(),
            Kind::Weigh(weights) => size_of_val(weights.as_slice()),
            // All groups have the same.
            Kind::Stream { .. } | Kind::Last { .. } | Kind::Secrets(_) => 0,
        };
        size_of::<Self>() + apart
    }
}

/// What happened. The group keeps a connection at a place that others have before and after it.
pub(super) enum Kind {
    /// A connection begins.
    Open { place: u32, connection: Box<Connection> },
    /// Something came on one of its streams.
    Stream {
        place: u32,
        /// What the flow table knows by now.
        known: Known,
        /// By the roles it knows.
        side: Side,
        at: At,
        what: What,
    },
    /// The connection's last packet, where it is not that of the next event.
    Last { place: u32, at: At },
    /// It is over.
    Close { place: u32, connection: Box<Connection> },
    /// A key log in the recording.
    Secrets(Arc<[u8]>),
    /// A period is over: these are to be weighed.
    Weigh(Vec<Weight>),
}

/// What came on a stream.
pub(super) enum What {
    /// Bytes of the batch's buffer.
    Data {
        offset: u64,
        bytes: Range<usize>,
    },
    /// Bytes of its copies.
    Copy {
        offset: u64,
        bytes: Range<usize>,
    },
    Gap {
        offset: u64,
        bytes: u64,
    },
    End(End),
}

/// Where in a buffer a part of it lies; `None` if it is a part of something else.
pub(super) fn range_in(buffer: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
    let range = start..start.checked_add(part.len())?;
    // As long as the buffer lives nothing else lies at its addresses.
    buffer.get(range.clone()).map(|_| range)
}

/// What may change during a connection and is looked at before its end.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// By the roles the flow table knows.
    pub(super) from_start: [bool; 2],
    pub(super) roles_known: bool,
    /// The flow table exchanged the roles since the connection began.
    pub(super) exchanged: bool,
    /// Up to where the packet acknowledges the other stream.
    pub(super) acknowledged: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_by_where_it_lies() {
        let (buffer, other) = (b"abcabc".to_vec(), b"abcabc".to_vec());
        assert_eq!(range_in(&buffer, &buffer[3..5]), Some(3..5));
        assert_eq!(range_in(&buffer, &buffer[..]), Some(0..6));
        assert_eq!(range_in(&buffer[..4], &buffer[3..5]), None);
        assert_eq!(range_in(&buffer[2..], &buffer[1..3]), None);
        assert_eq!(range_in(&buffer, &other[3..5]), None);
    }
}
