//! The QUIC connections of a recording: which one a datagram is of, and how many there is room for.
//!
//! A connection is found by the identifier a packet is sent to, which is what its ends go by; where identifiers are empty, or
//! not known yet, by its addresses and ports. All of them are followed in one place and in the order of the recording, however
//! many threads there are: a connection can come from other addresses at any time.

use std::{cell::Cell, collections::HashMap};

use foldhash::fast::RandomState;

use super::{datagrams::Unread, ordinary::HTTPS};
use crate::{
    coding::barren::Barren,
    context::BodyPolicy,
    engine::delivery::Outcome,
    evidence::{At, ConnectionId, Endpoint},
    flow::Side,
    limits::Limits,
    note::{Note, NoteKind},
    packet::Datagram,
    quic::{
        connection::{Connection, Env},
        packet::Identifier,
    },
    secrets::keylog::Keys,
    token::extract::may_tell,
};

/// What is kept per connection.
struct Followed {
    connection: Connection,
    exchanges: u64,
    /// Frame at which its oldest unfinished exchange began.
    oldest: Option<u64>,
    weight: usize,
}

/// The connections.
pub(super) struct Connections {
    /// By their places. Boxed, because room for places grows by doubling.
    followed: Vec<Option<Box<Followed>>>,
    free: Vec<usize>,
    /// Who chose an identifier.
    identifiers: HashMap<Identifier, (usize, Side), RandomState>,
    /// The lengths of these, a bit for each.
    lengths: u32,
    reading: Reading,
    /// What all weigh together.
    weight: usize,
    /// How many there are.
    count: usize,
}

/// What all connections read with.
struct Reading {
    barren: Barren,
    bodies: BodyPolicy,
    pending: Cell<usize>,
    searched: Cell<usize>,
    buffer: Vec<u8>,
}

impl Reading {
    /// Lets a connection read, and counts the exchanges that come of it.
    fn read<O: Outcome>(
        &mut self,
        followed: &mut Followed,
        world: &mut World<'_, O>,
        act: impl FnOnce(&mut Connection, &mut Env<'_>),
    ) {
        let before = world.outcome.exchanges();
        let mut env = Env {
            keys: world.keys,
            limits: world.limits,
            bodies: self.bodies,
            barren: &self.barren,
            sink: &mut *world.outcome,
            pending: &self.pending,
            searched: &self.searched,
            buffer: &mut self.buffer,
        };
        act(&mut followed.connection, &mut env);
        followed.exchanges += world.outcome.exchanges() - before;
    }
}

/// Keys and results for one call.
pub(super) struct World<'w, O> {
    pub(super) keys: &'w Keys,
    pub(super) limits: &'w Limits,
    pub(super) outcome: &'w mut O,
}

impl Connections {
    pub(super) fn new(bodies: BodyPolicy) -> Self {
        Self {
            followed: Vec::new(),
            free: Vec::new(),
            identifiers: HashMap::default(),
            lengths: 0,
            reading: Reading {
                barren: Barren::new(may_tell),
                bodies,
                pending: Cell::new(0),
                searched: Cell::new(0),
                buffer: Vec::new(),
            },
            weight: 0,
            count: 0,
        }
    }

    /// How many are followed.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// Begins a connection with a datagram that is still to be pushed; `begins`: with a long header. Its place.
    pub(super) fn open(
        &mut self,
        source: Endpoint,
        destination: Endpoint,
        at: At,
        id: ConnectionId,
        begins: bool,
    ) -> usize {
        // A port of a service tells the server; else the first to send is taken for the client.
        let is_service = |end: Endpoint| end.port == HTTPS || end.port < 1024;
        let to_client = is_service(source) && !is_service(destination);
        let roles_known = begins || is_service(source) != is_service(destination);
        let (client, server) = if to_client { (destination, source) } else { (source, destination) };
        let connection = Connection::new(id, client, server, at, roles_known);
        let weight = connection.weight();
        let followed = Some(Box::new(Followed { connection, exchanges: 0, oldest: None, weight }));
        self.weight += weight;
        self.count += 1;
        match self.free.pop() {
            Some(place) => {
                if let Some(free) = self.followed.get_mut(place) {
                    *free = followed;
                }
                place
            }
            None => {
                self.followed.push(followed);
                self.followed.len() - 1
            }
        }
    }

    fn get(&self, place: usize) -> Option<&Connection> {
        self.followed.get(place)?.as_ref().map(|followed| &followed.connection)
    }

    /// Whether the connection at a place is this one, and not over.
    pub(super) fn is_followed(&self, place: usize, id: ConnectionId) -> bool {
        self.get(place).is_some_and(|connection| connection.id() == id)
    }

    /// The number of the connection at a place.
    pub(super) fn id(&self, place: usize) -> Option<ConnectionId> {
        self.get(place).map(Connection::id)
    }

    /// Whether the client has chosen to have no identifier.
    pub(super) fn is_client_nameless(&self, place: usize) -> bool {
        self.get(place).and_then(|connection| connection.identifier_length(Side::Client)) == Some(0)
    }

    /// The server of the connection at a place.
    pub(super) fn server(&self, place: usize) -> Option<Endpoint> {
        self.get(place).map(Connection::server)
    }

    /// The connection to one of whose identifiers a datagram is sent, and who has sent it.
    pub(super) fn find(&self, payload: &[u8], destination: Option<&[u8]>) -> Option<(usize, Side)> {
        if self.identifiers.is_empty() {
            return None;
        }
        let known = |id: Identifier| self.identifiers.get(&id).map(|(place, owner)| (*place, owner.other()));
        if let Some(destination) = destination {
            return known(Identifier::new(destination).filter(|id| id.len() > 0)?);
        }
        // Shorter ones are found by chance, too.
        let lengths = (4..=20).rev().filter(|length| self.lengths & 1 << length != 0);
        lengths.filter_map(|length| Identifier::of_short(payload, length)).find_map(known)
    }

    /// Who has sent a datagram, if it is to an identifier of this connection.
    pub(super) fn sender(&self, place: usize, payload: &[u8], destination: Option<&[u8]>) -> Option<Side> {
        let connection = self.get(place)?;
        [Side::Client, Side::Server]
            .into_iter()
            .find(|side| {
                let id = match destination {
                    Some(destination) => Identifier::new(destination),
                    None => {
                        connection.identifier_length(*side).and_then(|length| Identifier::of_short(payload, length))
                    }
                };
                id.is_some_and(|id| id.len() > 0 && connection.has(*side, &id))
            })
            .map(Side::other)
    }

    /// Whether a datagram between the ends of a connection, to an unknown identifier, is its own and not a new one's.
    pub(super) fn adopts(&self, place: usize, payload: &[u8], is_from_server: bool) -> bool {
        self.get(place).is_some_and(|connection| connection.adopts(payload, is_from_server))
    }

    /// A conversation of which only short headers were recorded.
    pub(super) fn open_joined(&mut self, unread: &Unread, id: ConnectionId) {
        let place = self.open(unread.source, unread.destination, unread.first, id, false);
        self.follow(place, unread);
    }

    /// Packets that came before it was known what they are.
    pub(super) fn follow(&mut self, place: usize, earlier: &Unread) {
        let Some(followed) = self.followed.get_mut(place).and_then(Option::as_mut) else { return };
        for (sender, address) in earlier.sides.iter().zip([earlier.source, earlier.destination]) {
            let side = if address == followed.connection.server() { Side::Server } else { Side::Client };
            followed.connection.follow([earlier.first, earlier.last], side, sender.packets, sender.bytes);
        }
    }

    /// It is of a version that is not read.
    pub(super) fn call_foreign(&mut self, place: usize) {
        if let Some(followed) = self.followed.get_mut(place).and_then(Option::as_mut) {
            followed.connection.call_foreign();
        }
    }

    /// Takes a datagram of a connection.
    pub(super) fn push<O: Outcome>(
        &mut self,
        place: usize,
        sender: Side,
        datagram: &Datagram<'_>,
        world: &mut World<'_, O>,
    ) {
        let Some(followed) = self.followed.get_mut(place).and_then(Option::as_mut) else { return };
        self.reading.read(followed, world, |connection, env| {
            connection.datagram(sender, datagram.payload, datagram.at, env);
        });
        let oldest = followed.connection.oldest_open();
        if oldest != followed.oldest {
            world.outcome.open(followed.connection.id(), followed.oldest, oldest);
            followed.oldest = oldest;
        }
        let weight = followed.connection.weight();
        self.weight = self.weight.saturating_sub(followed.weight).saturating_add(weight);
        followed.weight = weight;
        for (owner, id) in followed.connection.take_fresh() {
            if id.len() > 0 {
                self.lengths |= 1 << id.len();
                self.identifiers.insert(id, (place, owner));
            }
        }
        if self.weight > world.limits.quic_total {
            self.make_room(place, datagram.at, world);
        }
    }

    /// Ends those that were quiet longest, or are closed, until a quarter of the room is free.
    fn make_room<O: Outcome>(&mut self, but: usize, at: At, world: &mut World<'_, O>) {
        let all = self.followed.iter().enumerate().filter(|(place, _)| *place != but);
        let mut quiet: Vec<(bool, u64, usize)> = all
            .filter_map(|(place, followed)| {
                let connection = &followed.as_ref()?.connection;
                Some((!connection.is_closed(), connection.last().order(), place))
            })
            .collect();
        quiet.sort_unstable();
        for (is_open, _, place) in quiet {
            if self.weight <= world.limits.quic_total / 4 * 3 {
                return;
            }
            let Some(connection) = self.get(place) else { continue };
            let quiet_for =
                at.time().zip(connection.last().time()).map(|(now, last)| now.nanos().saturating_sub(last.nanos()));
            let is_idle = quiet_for.is_some_and(|nanos| nanos > world.limits.idle_nanos);
            if is_open && connection.is_read() && !is_idle {
                let kind = NoteKind::Limit { limit: "quic_total" };
                world.outcome.note(Note { at: Some(at), connection: Some(connection.id()), kind });
            }
            self.close(place, world);
        }
    }

    /// A connection is over.
    fn close<O: Outcome>(&mut self, place: usize, world: &mut World<'_, O>) {
        let Some(mut followed) = self.followed.get_mut(place).and_then(Option::take) else { return };
        self.free.push(place);
        self.count -= 1;
        self.weight = self.weight.saturating_sub(followed.weight);
        for (_, id) in followed.connection.identifiers() {
            if self.identifiers.get(&id).is_some_and(|(owner, _)| *owner == place) {
                self.identifiers.remove(&id);
            }
        }
        self.reading.read(&mut followed, world, Connection::finish);
        world.outcome.open(followed.connection.id(), followed.oldest, None);
        let Followed { connection, exchanges, .. } = *followed;
        world.outcome.report(connection.report(world.keys, exchanges));
    }

    /// The recording is over: ends all, in the order of their numbers.
    pub(super) fn finish<O: Outcome>(&mut self, world: &mut World<'_, O>) {
        let all = self.followed.iter().enumerate();
        let mut places: Vec<(ConnectionId, usize)> =
            all.filter_map(|(place, followed)| Some((followed.as_ref()?.connection.id(), place))).collect();
        places.sort_unstable();
        for (_, place) in places {
            self.close(place, world);
        }
    }
}

#[cfg(test)]
mod tests;
