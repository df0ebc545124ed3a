//! One QUIC connection: its packets opened, its streams handed to HTTP/3.
//!
//! ```text
//! datagram ─► packets ─► keys? ─ no ─► pending, until the handshake or a key log brings them
//!                        └ yes ─► frames ─┬ CRYPTO ─► handshake ─► keys
//!                                         ├ STREAM ─► streams in order ─► HTTP/3 ─► exchanges
//!                                         └ ACK ─► which packets of the other side got there
//! ```
//!
//! What a packet held that was not recorded cannot be known. If the other side acknowledged it, or said nothing of it, it
//! counts as a hole; if the other side tells that it did not get it, what was in it was sent again, or never mattered.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
};

use super::{
    handshake::{Crypto, Handshake},
    packet::{Identifier, Kind, Long, long},
    protection::{Protection, WEIGHT, is_retry},
    ranges::Ranges,
    receive::Receive,
};
use crate::{
    coding::barren::Barren,
    context::{BodyPolicy, Sink},
    evidence::{At, ConnectionId, Endpoint},
    flow::{self, Side},
    http::h3::Http3,
    limits::Limits,
    note::{Note, NoteKind},
    secrets::keylog::Keys,
};

/// Most identifiers, and tokens, of one side that are known.
pub(super) const MOST_IDENTIFIERS: usize = 64;

/// What a connection needs of the world.
pub(crate) struct Env<'a> {
    pub(crate) keys: &'a Keys,
    pub(crate) limits: &'a Limits,
    pub(crate) bodies: BodyPolicy,
    pub(crate) barren: &'a Barren,
    pub(crate) sink: &'a mut dyn Sink,
    /// Bytes of packets that wait, in all connections.
    pub(crate) pending: &'a Cell<usize>,
    /// Bytes that were tried to part joined datagrams, in all connections.
    pub(crate) searched: &'a Cell<usize>,
    /// Packets are opened here.
    pub(crate) buffer: &'a mut Vec<u8>,
}

/// What a packet is protected with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Early,
    Handshake,
    Application,
}

/// The packet number spaces, of which early and later application data share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Initial,
    Handshake,
    Application,
}

/// The keys of a direction at a level: one of these, until one has opened a packet.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) all: Vec<Protection>,
    pub(super) confirmed: bool,
    /// They were looked for since the last news.
    pub(super) tried: bool,
}

/// What one side sends.
#[derive(Debug, Default)]
pub(super) struct Sender {
    /// The identifiers it chose: destinations of packets to it.
    pub(super) identifiers: Vec<Identifier>,
    /// What ends the connection if it lost its state.
    pub(super) tokens: Vec<[u8; 16]>,
    pub(super) received: [Ranges; 3],
    /// Of its application packets, those the other side got, and those it told of at all.
    pub(super) acknowledged: Ranges,
    pub(super) told: Ranges,
    pub(super) crypto: [Crypto; 2],
    pub(super) levels: [Candidates; 3],
    /// Packets with application data that were opened, and that were not.
    pub(super) opened: u64,
    pub(super) dark: u64,
    /// Early ones that were not.
    pub(super) dark_early: u64,
    /// A packet held what could not be read as frames.
    pub(super) odd: u64,
    /// The size of the segments that its datagrams have where several are recorded as one.
    pub(super) segment: usize,
    /// It closed the connection.
    pub(super) closed: bool,
}

impl Sender {
    /// Whether it counts the packets of all spaces together: none of their numbers comes twice.
    pub(super) fn counts_together(&self) -> bool {
        let [initial, handshake, application] = &self.received;
        let apart = |one: &Ranges, other: &Ranges| one.iter().flat_map(|(from, to)| from..to).all(|n| !other.has(n));
        initial.first().is_some()
            && handshake.first().is_some()
            && apart(initial, handshake)
            && apart(initial, application)
            && apart(handshake, application)
    }
}

/// A packet that waits for its keys.
pub(super) struct Pending {
    pub(super) sender: Side,
    pub(super) at: At,
    /// From its first byte on; of one with a short header, the whole datagram.
    pub(super) bytes: Box<[u8]>,
    /// Where it begins.
    pub(super) start: usize,
}

/// Initial keys.
pub(super) struct Initial {
    pub(super) version: u32,
    pub(super) destination: Identifier,
    pub(super) protections: [Protection; 2],
}

/// A connection.
pub(crate) struct Connection {
    pub(super) connection: flow::Connection,
    /// The client's first packet was read: it is known who is who.
    pub(super) known: bool,
    /// The version in use; 0 if none that is read.
    pub(super) version: u32,
    pub(super) initial: Vec<Initial>,
    /// The latest of these that opened a packet of the client.
    pub(super) begun_with: Option<(u32, Identifier)>,
    pub(super) handshake: Handshake,
    pub(super) sides: [Sender; 2],
    pub(super) streams: BTreeMap<(u64, Side), Receive>,
    /// Bytes all these hold.
    pub(super) held: usize,
    /// Streams that are over, by type and side.
    pub(super) done: [Ranges; 8],
    /// Streams of requests of which anything came.
    pub(super) requests: Ranges,
    pub(super) http: Option<Box<Http3>>,
    /// Application data of a protocol that is not HTTP/3, or of no stream.
    pub(super) other: [u64; 2],
    pub(super) pending: VecDeque<Pending>,
    pub(super) pending_bytes: usize,
    /// More waited than there is room for.
    pub(super) overflowed: bool,
    pub(super) generation: u64,
    /// Keys may be found now that could not before.
    pub(super) progress: bool,
    pub(super) searched: usize,
    /// Identifiers since the last time these were asked for.
    pub(super) fresh: Vec<(Side, Identifier)>,
    /// Its server refuses its version.
    pub(super) negotiates: bool,
    /// It is of a version that is not read.
    pub(super) is_foreign: bool,
    pub(super) unread: u64,
}

impl Connection {
    /// A connection that begins with a datagram between these.
    pub(crate) fn new(id: ConnectionId, client: Endpoint, server: Endpoint, first: At, roles_known: bool) -> Self {
        Self {
            connection: flow::Connection { roles_known, ..flow::Connection::new(id, client, server, first) },
            known: false,
            version: 0,
            initial: Vec::new(),
            begun_with: None,
            handshake: Handshake::default(),
            sides: Default::default(),
            streams: BTreeMap::new(),
            held: 0,
            done: Default::default(),
            requests: Ranges::default(),
            http: None,
            other: [0; 2],
            pending: VecDeque::new(),
            pending_bytes: 0,
            overflowed: false,
            generation: 0,
            progress: false,
            searched: 0,
            fresh: Vec::new(),
            negotiates: false,
            is_foreign: false,
            unread: 0,
        }
    }

    /// Its number.
    pub(crate) const fn id(&self) -> ConnectionId {
        self.connection.id
    }

    /// Its server, as far as it is known.
    pub(crate) const fn server(&self) -> Endpoint {
        self.connection.server
    }

    /// Its last packet.
    pub(crate) const fn last(&self) -> At {
        self.connection.last
    }

    /// Whether a side has closed it.
    pub(crate) fn is_closed(&self) -> bool {
        self.sides.iter().any(|side| side.closed)
    }

    /// Whether anything of it was read that is lost if it is ended early.
    pub(crate) const fn is_read(&self) -> bool {
        self.http.is_some()
    }

    /// The place of the oldest exchange that is not finished.
    pub(crate) fn oldest_open(&self) -> Option<u64> {
        self.http.as_ref()?.oldest_open().map(At::order)
    }

    /// Bytes of memory it takes, about.
    pub(crate) fn weight(&self) -> usize {
        let sides = self.sides.iter().map(|side| {
            let ranges =
                side.received.iter().chain([&side.acknowledged, &side.told]).map(Ranges::weight).sum::<usize>();
            let keys = side.levels.iter().map(|level| level.all.len()).sum::<usize>() * WEIGHT;
            let crypto = side.crypto.iter().map(Crypto::weight).sum::<usize>();
            ranges + keys + crypto + side.identifiers.capacity() * size_of::<Identifier>()
        });
        let sides = sides.sum::<usize>();
        let http = self.http.as_ref().map_or(0, |http| http.weight());
        size_of::<Self>()
            + sides
            + self.initial.len() * 2 * WEIGHT
            + self.streams.len() * (size_of::<Receive>() + 32)
            + self.held
            + self.pending_bytes
            + self.pending.capacity() * size_of::<Pending>()
            + http
    }

    /// Whether an identifier is one that this side chose.
    pub(crate) fn has(&self, side: Side, id: &Identifier) -> bool {
        self.side(side).identifiers.contains(id)
    }

    /// The length of the identifiers that a side chose, if any is known.
    pub(crate) fn identifier_length(&self, side: Side) -> Option<usize> {
        self.side(side).identifiers.last().map(Identifier::len)
    }

    /// Identifiers that became known since it was last asked.
    pub(crate) fn take_fresh(&mut self) -> Vec<(Side, Identifier)> {
        std::mem::take(&mut self.fresh)
    }

    /// All identifiers.
    pub(crate) fn identifiers(&self) -> impl Iterator<Item = (Side, Identifier)> + '_ {
        [Side::Client, Side::Server]
            .into_iter()
            .flat_map(|side| self.side(side).identifiers.iter().map(move |id| (side, *id)))
    }

    /// Whether a datagram between its ends that begins with a packet to an unknown destination is its own: its client begins
    /// anew, after a Retry or with another version, or nothing of it was understood so far.
    pub(crate) fn adopts(&self, payload: &[u8], is_from_server: bool) -> bool {
        if !self.known || is_from_server {
            return true;
        }
        let Some((packet, _)) = long(payload) else { return true };
        let begins = packet.kind == Kind::Initial && !self.has(Side::Server, &packet.destination);
        let is_same_client = self.has(Side::Client, &packet.source);
        !begins || self.handshake.suite.is_none() && (self.negotiates || is_same_client)
    }

    pub(super) fn side(&self, side: Side) -> &Sender {
        let [client, server] = &self.sides;
        if side == Side::Client { client } else { server }
    }

    pub(super) const fn side_mut(&mut self, side: Side) -> &mut Sender {
        let [client, server] = &mut self.sides;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// Counts what is of the connection though nothing more than that is known of it.
    pub(crate) fn count(&mut self, sender: Side, packets: u64, bytes: u64) {
        self.connection.packets += packets;
        let [client, server] = &mut self.connection.bytes;
        *(if sender == Side::Client { client } else { server }) += bytes;
    }

    /// Packets that came before it was known what they are.
    pub(crate) fn follow(&mut self, [first, last]: [At; 2], sender: Side, packets: u64, bytes: u64) {
        self.connection.last = self.connection.last.later(last);
        if first.order() < self.connection.first.order() {
            self.connection.first = first;
        }
        self.count(sender, packets, bytes);
        self.side_mut(sender).dark += packets;
    }

    /// It is of a version that is not read.
    pub(crate) const fn call_foreign(&mut self) {
        self.is_foreign = true;
    }

    /// Takes a datagram.
    pub(crate) fn datagram(&mut self, sender: Side, payload: &[u8], at: At, env: &mut Env<'_>) {
        self.connection.last = at;
        self.count(sender, 1, payload.len() as u64);
        if self.generation != env.keys.generation() {
            self.generation = env.keys.generation();
            self.news();
        }
        self.packets(sender, payload, 0, at, env);
        while std::mem::take(&mut self.progress) {
            self.retry(env);
        }
    }

    /// Keys may be found now.
    pub(super) fn news(&mut self) {
        self.progress = !self.pending.is_empty();
        for level in self.sides.iter_mut().flat_map(|side| &mut side.levels) {
            level.tried = false;
            if !level.confirmed {
                level.all.clear();
            }
        }
    }

    /// Tries what waits.
    fn retry(&mut self, env: &mut Env<'_>) {
        env.pending.set(env.pending.get().saturating_sub(self.pending_bytes));
        self.pending_bytes = 0;
        for waiting in std::mem::take(&mut self.pending) {
            let Pending { sender, at, bytes, start } = waiting;
            self.packets(sender, &bytes, start, at, env);
        }
    }

    pub(super) fn wait(&mut self, sender: Side, bytes: &[u8], start: usize, at: At, env: &mut Env<'_>) {
        if self.overflowed {
            self.side_mut(sender).dark += 1;
            return;
        }
        let has_room = self.pending_bytes.saturating_add(bytes.len()) <= env.limits.quic_pending
            && env.pending.get().saturating_add(bytes.len()) <= env.limits.quic_pending_total;
        if !has_room {
            self.overflowed = true;
            self.side_mut(sender).dark += 1;
            let kind = NoteKind::Limit { limit: "quic_pending" };
            return env.sink.note(Note { at: Some(at), connection: Some(self.connection.id), kind });
        }
        self.pending_bytes += bytes.len();
        env.pending.set(env.pending.get() + bytes.len());
        self.pending.push_back(Pending { sender, at, bytes: bytes.into(), start });
    }

    /// The packets of a datagram from `start` on.
    fn packets(&mut self, sender: Side, datagram: &[u8], start: usize, at: At, env: &mut Env<'_>) {
        let mut sender = sender;
        let mut rest = datagram.get(start..).unwrap_or_default();
        while let Some(first) = rest.first() {
            if first & 0x80 == 0 {
                // Some senders fill datagrams up behind their packets.
                if rest.iter().any(|byte| *byte != 0) {
                    self.short(sender, datagram, datagram.len() - rest.len(), at, env);
                }
                return;
            }
            let Some((packet, after)) = long(rest) else {
                match rest.get(1..5) {
                    Some([0, 0, 0, 0]) => self.negotiates |= sender == Side::Server && self.handshake.suite.is_none(),
                    _ if self.known => self.side_mut(sender).dark += 1,
                    _ => self.is_foreign = true,
                }
                return;
            };
            sender = self.long(sender, &packet, at, env);
            rest = after;
        }
    }

    /// A packet with a long header. Who has sent it, which it may show.
    fn long(&mut self, sender: Side, packet: &Long<'_>, at: At, env: &mut Env<'_>) -> Side {
        if packet.is_cut {
            // What was behind it in the datagram is missing, too.
            self.side_mut(sender).dark += 1;
        }
        match packet.kind {
            Kind::Retry => {
                let is_answer = |initial: &Initial| is_retry(packet.version, &initial.destination, packet.packet);
                if sender == Side::Server && self.initial.iter().any(is_answer) {
                    self.add_initial(packet.version, packet.source);
                    self.learn(Side::Server, packet.source);
                    self.progress = !self.pending.is_empty();
                }
                sender
            }
            Kind::Initial => self.initial(sender, packet, at, env),
            Kind::Early => {
                self.protected(Side::Client, Level::Early, packet, at, env);
                sender
            }
            Kind::Handshake => {
                self.learn(sender, packet.source);
                self.protected(sender, Level::Handshake, packet, at, env);
                sender
            }
        }
    }
}
