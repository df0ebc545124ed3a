//! The consumer behind the flow table: one [`App`] per connection, and the results waiting to be handed out.

use std::collections::VecDeque;

use super::{Options, order::Ordered};
use crate::{
    app::App,
    connection::ConnectionReport,
    context::{Context, Sink},
    evidence::SourceId,
    flow::{Connection, Consumer, StreamEvent},
    http::{barren::Barren, exchange::Exchange},
    note::{Note, NoteKind},
    tls::keylog::Keys,
};

/// What is kept per connection.
pub(crate) struct Conversation {
    app: App,
    exchanges: u64,
    /// Frame at which its oldest unfinished exchange began.
    oldest: Option<u64>,
}

/// Feeds the connections' streams to their applications.
pub(crate) struct Conversations<'a> {
    source: SourceId,
    keys: &'a mut Keys,
    options: &'a Options,
    barren: Barren,
    results: Results,
}

struct Results {
    ordered: Ordered,
    notes: VecDeque<Note>,
    reports: VecDeque<ConnectionReport>,
    /// Exchanges taken in all.
    pushed: u64,
    /// Something changed since results were last handed out.
    changed: bool,
}

impl Sink for Results {
    fn exchange(&mut self, exchange: Exchange) {
        self.pushed += 1;
        self.changed = true;
        self.ordered.push(exchange);
    }

    fn note(&mut self, note: Note) {
        self.notes.push_back(note);
    }
}

impl<'a> Conversations<'a> {
    pub(crate) fn new(source: SourceId, keys: &'a mut Keys, options: &'a Options) -> Self {
        let results = Results {
            ordered: Ordered::new(&options.limits),
            notes: VecDeque::new(),
            reports: VecDeque::new(),
            pushed: 0,
            changed: false,
        };
        Self { source, keys, options, barren: Barren::default(), results }
    }

    /// Takes the text of a key log found in the recording.
    pub(crate) fn secrets(&mut self, text: &[u8]) {
        if self.keys.add(text).is_err() {
            self.results.notes.push_back(Note::input(NoteKind::BadKeyLogLine));
        }
    }

    pub(crate) fn has_results(&self) -> bool {
        self.results.changed || !self.results.reports.is_empty() || !self.results.notes.is_empty()
    }

    pub(crate) fn next_exchange(&mut self, all: bool) -> Option<Box<Exchange>> {
        self.results.changed = false;
        let mut exchange = self.results.ordered.pop(all)?;
        exchange.source = self.source;
        Some(exchange)
    }

    pub(crate) fn next_note(&mut self) -> Option<Note> {
        self.results.notes.pop_front()
    }

    pub(crate) fn next_report(&mut self) -> Option<ConnectionReport> {
        self.results.reports.pop_front()
    }
}

/// A context for one call into an application.
macro_rules! context {
    ($self:ident, $connection:expr) => {
        Context {
            connection: $connection,
            tls: None,
            keys: &*$self.keys,
            limits: &$self.options.limits,
            bodies: $self.options.bodies,
            barren: &$self.barren,
            sink: &mut $self.results,
        }
    };
}

impl Consumer for Conversations<'_> {
    type State = Conversation;

    fn open(&mut self, _: &Connection) -> Conversation {
        Conversation { app: App::new(self.options.digests), exchanges: 0, oldest: None }
    }

    fn event(&mut self, state: &mut Conversation, connection: &mut Connection, event: StreamEvent<'_>) {
        let id = connection.id;
        let before = self.results.pushed;
        state.app.event(event, &mut context!(self, connection));
        state.exchanges += self.results.pushed - before;
        let oldest = state.app.oldest_open();
        if oldest != state.oldest {
            self.results.ordered.open(id, state.oldest, oldest);
            state.oldest = oldest;
            self.results.changed = true;
        }
    }

    fn weight(&self, state: &Conversation) -> usize {
        state.app.weight()
    }

    fn close(&mut self, mut state: Conversation, mut connection: Connection) {
        let before = self.results.pushed;
        state.app.close(&mut context!(self, &mut connection));
        state.exchanges += self.results.pushed - before;
        self.results.ordered.open(connection.id, state.oldest, None);
        let report = state.app.report(connection, state.exchanges);
        self.results.reports.push_back(report);
    }
}
