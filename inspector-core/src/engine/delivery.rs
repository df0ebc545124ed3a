//! The last stage: what the connections yielded, put in order, counted, and handed to the receiver.
//!
//! Results are gathered while one packet is dealt with, and handed out when it was: notes first, then the exchanges whose
//! turn it is, then the connections that are over.

use std::collections::VecDeque;

use crate::{
    connection::ConnectionReport,
    context::Sink,
    coverage::Coverage,
    engine::{Receiver, order::Ordered},
    evidence::{ConnectionId, SourceId},
    exchange::{Exchange, Mark},
    input::Control,
    limits::Limits,
    note::{Note, NoteKind},
};

/// Receives all that the applications of the connections yield.
pub(super) trait Outcome: Sink {
    /// Exchanges received so far.
    fn exchanges(&self) -> u64;

    /// A connection's oldest unfinished exchange changed from `before` to `now` (frame numbers).
    fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>);

    /// A connection is over.
    fn report(&mut self, report: ConnectionReport);
}

/// What waits to be handed out.
pub(super) struct Results {
    ordered: Ordered,
    notes: VecDeque<Note>,
    reports: VecDeque<ConnectionReport>,
    exchanges: u64,
    /// Something changed since results were last handed out.
    changed: bool,
}

impl Results {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            ordered: Ordered::new(limits),
            notes: VecDeque::new(),
            reports: VecDeque::new(),
            exchanges: 0,
            changed: false,
        }
    }

    /// As [`Sink::exchange`].
    pub(super) fn push(&mut self, exchange: Box<Exchange>) {
        self.exchanges += 1;
        self.changed = true;
        self.ordered.push(exchange);
    }

    /// Whether there may be anything to hand out.
    pub(super) fn is_changed(&self) -> bool {
        self.changed || !self.reports.is_empty() || !self.notes.is_empty()
    }
}

impl Sink for Results {
    fn exchange(&mut self, exchange: Exchange) {
        self.push(Box::new(exchange));
    }

    fn note(&mut self, note: Note) {
        self.notes.push_back(note);
    }
}

impl Outcome for Results {
    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>) {
        self.ordered.open(connection, before, now);
        self.changed = true;
    }

    fn report(&mut self, report: ConnectionReport) {
        self.reports.push_back(report);
    }
}

/// Hands out and counts.
pub(super) struct Handout<'a> {
    source: SourceId,
    receiver: &'a mut dyn Receiver,
    pub(super) coverage: Coverage,
    /// Exchanges that came finished.
    entries: u64,
    /// What the receiver said last.
    pub(super) control: Control,
}

impl<'a> Handout<'a> {
    pub(super) fn new(source: SourceId, receiver: &'a mut dyn Receiver) -> Self {
        Self { source, receiver, coverage: Coverage::default(), entries: 0, control: Control::Continue }
    }

    /// An exchange that came finished.
    pub(super) fn entry(&mut self, mut exchange: Box<Exchange>) {
        self.entries += 1;
        exchange.number = self.entries;
        self.deliver(exchange);
    }

    pub(super) fn note(&mut self, note: Note) {
        match note.kind {
            NoteKind::EntrySkipped { .. } => self.coverage.entries_skipped += 1,
            NoteKind::Sanitized { .. } => self.coverage.sanitized = true,
            _ => {}
        }
        self.receiver.note(note);
    }

    pub(super) fn report(&mut self, report: ConnectionReport) {
        let coverage = &mut self.coverage;
        let connection = &report.connection;
        coverage.connections += 1;
        coverage.tls_connections += u64::from(report.tls.is_some());
        coverage.tls_decrypted += u64::from(report.tls.is_some() && report.decrypted);
        coverage.gaps += connection.gaps.iter().sum::<u64>();
        coverage.bytes_missing += connection.bytes_missing.iter().sum::<u64>();
        coverage.duplicates += connection.duplicates;
        self.receiver.connection(report);
    }

    /// Hands out what can be; with `all`, at the end of the input, also what waits for its turn.
    pub(super) fn hand_out(&mut self, results: &mut Results, all: bool) {
        while let Some(note) = results.notes.pop_front() {
            self.note(note);
        }
        results.changed = false;
        while let Some(exchange) = results.ordered.pop(all) {
            self.deliver(exchange);
        }
        while let Some(report) = results.reports.pop_front() {
            self.report(report);
        }
    }

    fn deliver(&mut self, mut exchange: Box<Exchange>) {
        exchange.source = self.source;
        let coverage = &mut self.coverage;
        coverage.exchanges += 1;
        coverage.exchanges_without_response += u64::from(exchange.response.is_none());
        coverage.bodies_cut += u64::from(exchange.marks.has(Mark::BodyCut));
        if self.control == Control::Continue {
            self.control = self.receiver.exchange(exchange);
        }
    }
}
