//! A group: the applications of the connections that were dealt to it.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::{
    super::{
        Options,
        conversations::{Conversation, Conversations},
    },
    batch::{Batch, Event, Kind, Known, What},
    results::{Chunk, Marked, Yield},
};
use crate::{
    evidence::{At, ConnectionId},
    flow::{Connection, Consumer as _, StreamEvent, Weight},
    secrets::keylog::Keys,
};

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

/// The connections of a group.
pub(super) struct Group {
    /// By their places. Boxed, because room for places grows by doubling.
    followed: Vec<Option<Box<Followed>>>,
    /// The place of each.
    places: HashMap<ConnectionId, u32, RandomState>,
    conversations: Conversations<Keys, Marked>,
}

impl Group {
    /// One without connections yet.
    pub(super) fn new(keys: Keys, options: &Options) -> Self {
        let conversations = Conversations::new(keys, options, Marked::default());
        Self { followed: Vec::new(), places: HashMap::default(), conversations }
    }

    /// Its keys.
    pub(super) const fn keys(&self) -> &Keys {
        &self.conversations.keys
    }

    /// Takes room for results.
    pub(super) fn give_room(&mut self, room: VecDeque<Yield>) {
        let results = &mut self.conversations.results.chunk.results;
        if results.is_empty() && results.capacity() < room.capacity() {
            *results = room;
        }
    }

    /// What its connections have yielded.
    pub(super) fn take_results(&mut self) -> Chunk {
        std::mem::take(&mut self.conversations.results.chunk)
    }

    /// Whether it is time to take its results.
    pub(super) const fn has_enough(&self) -> bool {
        self.conversations.results.chunk.is_full()
    }

    /// Takes an event out of a batch. Gives weights back if it asked for them.
    pub(super) fn take(&mut self, event: Event, batch: &Batch) -> Option<Vec<Weight>> {
        let conversations = &mut self.conversations;
        (conversations.results.turn, conversations.results.item) = (event.turn, event.item);
        match event.kind {
            Kind::Open { place, connection } => {
                let state = conversations.open(&connection);
                self.places.insert(connection.id, place);
                let followed =
                    Followed { state, connection: *connection, last: None, exchanged: false, reversed: false };
                let index = place as usize;
                if index >= self.followed.len() {
                    self.followed.resize_with(index.saturating_add(1), || None);
                }
                *self.followed.get_mut(index)? = Some(Box::new(followed));
            }
            Kind::Stream { place, known, side, at, what } => {
                let followed = self.followed.get_mut(place as usize)?.as_mut()?;
                followed.learn(known, at);
                let side = if followed.reversed { side.other() } else { side };
                let event = match what {
                    What::Data { offset, bytes } => {
                        let buffer = batch.buffer.as_ref().and_then(|buffer| buffer.get(bytes));
                        StreamEvent::Data { side, offset, bytes: buffer.unwrap_or_default(), at }
                    }
                    What::Copy { offset, bytes } => {
                        StreamEvent::Data { side, offset, bytes: batch.copies.get(bytes).unwrap_or_default(), at }
                    }
                    What::Gap { offset, bytes } => StreamEvent::Gap { side, offset, bytes, at },
                    What::End(how) => StreamEvent::End { side, how, at },
                };
                let client = followed.connection.client;
                conversations.event(&mut followed.state, &mut followed.connection, event);
                followed.reversed ^= followed.connection.client != client;
            }
            Kind::Last { place, at } => self.followed.get_mut(place as usize)?.as_mut()?.last = Some(at),
            Kind::Close { place, mut connection } => {
                self.places.remove(&connection.id);
                let followed = self.followed.get_mut(place as usize)?.take()?;
                if followed.reversed {
                    connection.swap_roles();
                }
                connection.standing = followed.connection.standing;
                conversations.close(followed.state, *connection);
            }
            Kind::Secrets(text) => {
                // The stream adds the same text to the original of the keys, and tells of what is wrong with it.
                let _ = conversations.add_secrets(&text);
            }
            Kind::Weigh(mut weights) => {
                for weight in &mut weights {
                    let place = self.places.get(&weight.connection);
                    let followed = place.and_then(|place| self.followed.get(*place as usize)?.as_ref());
                    // Those of which nothing came yet are not known here.
                    let least = || conversations.least_weight();
                    weight.bytes = followed.map_or_else(least, |followed| conversations.weight(&followed.state));
                }
                return Some(weights);
            }
        }
        None
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
        connection.standing.acknowledged = known.acknowledged;
        connection.last = self.last.take().unwrap_or(at);
    }
}
