//! A worker: the applications of the connections that were dealt to it.

use std::{
    collections::HashMap,
    sync::mpsc::{Receiver, Sender, TryRecvError},
};

use foldhash::fast::RandomState;

use super::{
    super::{
        Options,
        conversations::{Conversation, Conversations},
    },
    batch::{BATCH_BYTES, Batch, Event, Kind, Known, What},
    desk::{Closed, Desk, Marked, Presence},
};
use crate::{
    evidence::{At, ConnectionId},
    flow::{Connection, Consumer as _, StreamEvent, Weight},
    tls::keylog::Keys,
};

/// Bytes for which a batch keeps room when it goes back.
const LARGEST: usize = 2 * BATCH_BYTES;

/// What a worker is given.
pub(super) struct Worker<'d> {
    pub(super) number: usize,
    pub(super) inbox: Receiver<Batch>,
    /// Where batches go that were worked through, to be filled again.
    pub(super) spares: Sender<Batch>,
    /// Where weights go.
    pub(super) weights: Sender<Vec<Weight>>,
    pub(super) desk: &'d Desk,
}

/// A connection.
struct Followed {
    state: Conversation,
    /// As the flow table knows it, but for the roles.
    connection: Connection,
    /// Its last packet, where it is not that of the next event.
    last: Option<At>,
    /// The flow table exchanged the roles since it began.
    exchanged: bool,
    /// Its content showed the roles to be the reverse of what the flow table knows.
    reversed: bool,
}

impl Worker<'_> {
    /// Works until there are no more batches. Gives its keys back.
    pub(super) fn run(self, mut keys: Keys, options: &Options) -> Keys {
        let _presence = Presence { desk: self.desk, producer: self.number };
        let mut connections = Connections {
            followed: HashMap::default(),
            conversations: Conversations::new(&mut keys, options, Marked::default()),
            weights: &self.weights,
        };
        while let Some(mut batch) = self.next(&mut connections) {
            for event in batch.events.drain(..) {
                self.desk.begin(self.number, event.turn);
                let turn = event.turn;
                connections.take(event, &batch.bytes);
                if connections.conversations.results.chunk.is_full()
                    && self.put(&mut connections, turn.saturating_add(1)).is_err()
                {
                    return keys;
                }
            }
            self.desk.begin(self.number, batch.end);
            connections.conversations.results.chunk.covered = batch.end;
            batch.bytes.clear();
            // One of exceptional size is not kept.
            batch.bytes.shrink_to(LARGEST);
            // At the end of the input nobody is there to fill it.
            let _ = self.spares.send(batch);
        }
        let _ = self.put(&mut connections, u64::MAX);
        keys
    }

    /// The next batch. Before it waits for one it puts down what it has.
    fn next(&self, connections: &mut Connections<'_>) -> Option<Batch> {
        match self.inbox.try_recv() {
            Ok(batch) => return Some(batch),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let covered = connections.conversations.results.chunk.covered;
        self.put(connections, covered).ok()?;
        self.inbox.recv().ok()
    }

    fn put(&self, connections: &mut Connections<'_>, covered: u64) -> Result<(), Closed> {
        let mut chunk = std::mem::take(&mut connections.conversations.results.chunk);
        connections.conversations.results.chunk.covered = covered;
        chunk.covered = covered;
        self.desk.put(self.number, chunk)
    }
}

/// The connections of a worker.
struct Connections<'a> {
    followed: HashMap<ConnectionId, Followed, RandomState>,
    conversations: Conversations<'a, Marked>,
    weights: &'a Sender<Vec<Weight>>,
}

impl Connections<'_> {
    fn take(&mut self, event: Event, bytes: &[u8]) {
        let conversations = &mut self.conversations;
        (conversations.results.turn, conversations.results.item) = (event.turn, event.item);
        match event.kind {
            Kind::Open(connection) => {
                let state = conversations.open(&connection);
                let id = connection.id;
                let followed =
                    Followed { state, connection: *connection, last: None, exchanged: false, reversed: false };
                self.followed.insert(id, followed);
            }
            Kind::Stream { connection, known, side, at, what } => {
                let Some(followed) = self.followed.get_mut(&connection) else { return };
                followed.learn(known, at);
                let side = if followed.reversed { side.other() } else { side };
                let event = match what {
                    What::Data { offset, bytes: range } => {
                        StreamEvent::Data { side, offset, bytes: bytes.get(range).unwrap_or_default(), at }
                    }
                    What::Gap { offset, bytes } => StreamEvent::Gap { side, offset, bytes, at },
                    What::End(how) => StreamEvent::End { side, how, at },
                };
                let client = followed.connection.client;
                conversations.event(&mut followed.state, &mut followed.connection, event);
                followed.reversed ^= followed.connection.client != client;
            }
            Kind::Last(connection, at) => {
                if let Some(followed) = self.followed.get_mut(&connection) {
                    followed.last = Some(at);
                }
            }
            Kind::Close(mut connection) => {
                let Some(followed) = self.followed.remove(&connection.id) else { return };
                if followed.reversed {
                    connection.swap_roles();
                }
                conversations.close(followed.state, *connection);
            }
            Kind::Secrets(text) => {
                // The stream adds the same text to the original of the keys, and tells of what is wrong with it.
                let _ = conversations.add_secrets(&text);
            }
            Kind::Weigh(mut weights) => {
                for weight in &mut weights {
                    let followed = self.followed.get(&weight.connection);
                    weight.bytes = followed.map_or(0, |followed| conversations.weight(&followed.state));
                }
                // At the end of the input nobody is there to go by it.
                let _ = self.weights.send(weights);
            }
        }
    }
}

impl Followed {
    /// Takes over what the flow table knows.
    fn learn(&mut self, known: Known, at: At) {
        let connection = &mut self.connection;
        if self.exchanged != known.exchanged {
            self.exchanged = known.exchanged;
            connection.swap_roles();
        }
        let [client, server] = known.from_start;
        connection.from_start = if self.reversed { [server, client] } else { [client, server] };
        connection.roles_known = known.roles_known || self.reversed;
        connection.last = self.last.take().unwrap_or(at);
    }
}
