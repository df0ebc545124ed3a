//! What goes from the flow table to a worker.

use std::{ops::Range, sync::Arc};

use crate::{
    evidence::{At, ConnectionId},
    flow::{Connection, End, Side, Weight},
};

/// Bytes of streams after which a batch is sent on. The copies are still in the second-level cache then.
pub(super) const BATCH_BYTES: usize = 256 << 10;

/// Events after which a batch is sent on.
pub(super) const BATCH_EVENTS: usize = 4096;

/// Batches that wait for one worker.
pub(super) const QUEUED: usize = 4;

/// Events of the connections of one worker, in the order of turns.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// The bytes of all its events.
    pub(super) bytes: Vec<u8>,
    /// The turn after the last of this batch: those between are others'.
    pub(super) end: u64,
}

/// Something that happened on a connection, or to all.
pub(super) struct Event {
    pub(super) turn: u64,
    /// The item that caused it.
    pub(super) item: u64,
    pub(super) kind: Kind,
}

/// What happened.
pub(super) enum Kind {
    /// A connection begins.
    Open(Box<Connection>),
    /// Something came on one of its streams.
    Stream {
        connection: ConnectionId,
        /// What the flow table knows by now.
        known: Known,
        /// By the roles it knows.
        side: Side,
        at: At,
        what: What,
    },
    /// The connection's last packet, where it is not that of the next event.
    Last(ConnectionId, At),
    /// It is over.
    Close(Box<Connection>),
    /// A key log in the recording.
    Secrets(Arc<[u8]>),
    /// A period is over: these are to be weighed.
    Weigh(Vec<Weight>),
}

/// What came on a stream.
pub(super) enum What {
    Data { offset: u64, bytes: Range<usize> },
    Gap { offset: u64, bytes: u64 },
    End(End),
}

/// What may change during a connection and is looked at before its end.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// By the roles the flow table knows.
    pub(super) from_start: [bool; 2],
    pub(super) roles_known: bool,
    /// The flow table exchanged the roles since the connection began.
    pub(super) exchanged: bool,
}
