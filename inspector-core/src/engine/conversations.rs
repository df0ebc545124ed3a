//! The consumer behind the flow table: one [`App`] per connection.

use std::{borrow::BorrowMut, collections::VecDeque};

use super::Options;
use crate::{
    app::App,
    coding::barren::Barren,
    context::Context,
    engine::delivery::Outcome,
    flow::{Connection, Consumer, StreamEvent, Weight},
    secrets::keylog::{KeyError, Keys},
    shard::Shards,
    token::extract::may_tell,
};

/// So many periods after its end the weights of one are gone by. Where the applications run on other threads than the flow
/// table, it need not wait for them meanwhile; and elsewhere the same connections shall make room.
pub(super) const WEIGHED_LATE: usize = 2;

/// What is kept per connection.
pub(crate) struct Conversation {
    app: App,
    exchanges: u64,
    /// Frame at which its oldest unfinished exchange began.
    oldest: Option<u64>,
}

/// Feeds the connections' streams to their applications, which use keys of its own or someone else's.
pub(super) struct Conversations<K, O> {
    pub(super) keys: K,
    options: Options,
    /// One for each lane: what is known of a content decides what is kept of it.
    barren: Shards<Barren>,
    /// Of the latest periods.
    weights: VecDeque<Vec<Weight>>,
    pub(super) results: O,
}

impl<K: BorrowMut<Keys>, O: Outcome> Conversations<K, O> {
    pub(super) fn new(keys: K, options: &Options, results: O) -> Self {
        Self {
            keys,
            options: options.clone(),
            barren: Shards::new(|| Barren::new(may_tell)),
            weights: VecDeque::new(),
            results,
        }
    }

    /// Bytes of memory that the state of a connection takes on which nothing came yet, about.
    pub(super) fn least_weight(&self) -> usize {
        App::new(self.options.digests).weight()
    }

    /// Takes the text of a key log found in the recording; whether it is one.
    pub(super) fn add_secrets(&mut self, text: &[u8]) -> Result<(), KeyError> {
        self.keys.borrow_mut().learn(text).map(drop)
    }
}

/// A context for one call into an application.
macro_rules! context {
    ($self:ident, $connection:ident) => {
        Context {
            barren: $self.barren.of($connection.id),
            connection: $connection,
            tls: None,
            keys: $self.keys.borrow(),
            limits: &$self.options.limits,
            bodies: $self.options.bodies,
            sink: &mut $self.results,
        }
    };
}

impl<K: BorrowMut<Keys>, O: Outcome> Consumer for Conversations<K, O> {
    type State = Conversation;

    fn open(&mut self, _: &Connection) -> Conversation {
        Conversation { app: App::new(self.options.digests), exchanges: 0, oldest: None }
    }

    fn event(&mut self, state: &mut Conversation, connection: &mut Connection, event: StreamEvent<'_>) {
        let id = connection.id;
        let before = self.results.exchanges();
        state.app.event(event, &mut context!(self, connection));
        state.exchanges += self.results.exchanges() - before;
        let oldest = state.app.oldest_open();
        if oldest != state.oldest {
            self.results.open(id, state.oldest, oldest);
            state.oldest = oldest;
        }
    }

    fn weight(&self, state: &Conversation) -> usize {
        state.app.weight()
    }

    fn weighed(&mut self, weights: Vec<Weight>) -> Vec<Weight> {
        self.weights.push_back(weights);
        if self.weights.len() > WEIGHED_LATE { self.weights.pop_front().unwrap_or_default() } else { Vec::new() }
    }

    fn close(&mut self, mut state: Conversation, mut ended: Connection) {
        let before = self.results.exchanges();
        let connection = &mut ended;
        state.app.close(&mut context!(self, connection));
        state.exchanges += self.results.exchanges() - before;
        self.results.open(ended.id, state.oldest, None);
        let report = state.app.report(ended, state.exchanges);
        self.results.report(report);
    }
}
