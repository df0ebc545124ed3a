//! What goes from the groups, and from the stream, to the merge.

use std::collections::VecDeque;

use crate::{
    connection::ConnectionReport, context::Sink, engine::delivery::Outcome, evidence::ConnectionId, exchange::Exchange,
    note::Note,
};

/// Bytes of results, as they are weighed, that are handed on at once.
const CHUNK: usize = 128 << 10;

/// One result.
pub(super) struct Yield {
    pub(super) turn: u64,
    /// The item that caused it.
    pub(super) item: u64,
    pub(super) kind: Kind,
}

/// The kinds of results.
pub(super) enum Kind {
    /// A connection's exchange.
    Exchange(Box<Exchange>),
    /// A note that waits until its packet is dealt with.
    Note(Note),
    /// [`Outcome::open`].
    Open { connection: ConnectionId, before: Option<u64>, now: Option<u64> },
    /// A connection is over.
    Report(Box<ConnectionReport>),
    /// A note of its own.
    Direct(Note),
    /// An exchange that came finished.
    Entry(Box<Exchange>),
    /// Nothing more comes of the items so far.
    Settled,
    /// Nothing more comes of the connections.
    Finished,
}

/// Results of one producer, in the order of turns.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) results: VecDeque<Yield>,
    pub(super) weight: usize,
}

impl Chunk {
    /// Whether it is time to hand it on.
    pub(super) const fn is_full(&self) -> bool {
        self.weight >= CHUNK
    }

    /// Adds a result.
    pub(super) fn push(&mut self, turn: u64, item: u64, kind: Kind) {
        let apart = match &kind {
            Kind::Exchange(exchange) | Kind::Entry(exchange) => size_of::<Exchange>() + exchange.weight(),
            Kind::Report(report) => size_of::<ConnectionReport>() + report.detail.len(),
            Kind::Note(_) | Kind::Open { .. } | Kind::Direct(_) | Kind::Settled | Kind::Finished => 0,
        };
        self.weight += size_of::<Yield>() + apart;
        self.results.push_back(Yield { turn, item, kind });
    }
}

/// Marks what a group's connections yield with the turn it is in.
#[derive(Default)]
pub(super) struct Marked {
    pub(super) chunk: Chunk,
    pub(super) turn: u64,
    pub(super) item: u64,
    exchanges: u64,
}

impl Marked {
    fn push(&mut self, kind: Kind) {
        self.chunk.push(self.turn, self.item, kind);
    }
}

impl Sink for Marked {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges += 1;
        self.push(Kind::Exchange(Box::new(exchange)));
    }

    fn note(&mut self, note: Note) {
        self.push(Kind::Note(note));
    }
}

impl Outcome for Marked {
    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>) {
        if before != now {
            self.push(Kind::Open { connection, before, now });
        }
    }

    fn report(&mut self, report: ConnectionReport) {
        self.push(Kind::Report(Box::new(report)));
    }
}
