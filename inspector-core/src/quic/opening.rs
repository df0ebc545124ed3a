//! Packets to frames: which keys there are, and which of them opens a packet.

use super::{
    connection::{Connection, Env, Initial, Level, MOST_IDENTIFIERS, Space},
    frame::frame,
    handshake::{Crypto, Handshake},
    packet::{Identifier, Long},
    protection::{Opened, Protection},
    ranges::Ranges,
};
use crate::{
    evidence::At,
    flow::Side,
    secrets::{
        Origin,
        keylog::{Keys, Label},
    },
    tls::suites::Suite,
};

/// Most destinations whose Initial keys are tried: the client's first, and those of a Retry or of other versions.
const MOST_INITIAL: usize = 4;

/// Sizes of segments that are tried first where a datagram is several in one, largest first.
const SEGMENTS: [usize; 10] = [1472, 1452, 1444, 1372, 1357, 1350, 1280, 1252, 1232, 1200];

/// The largest and the smallest size of a segment that is tried.
const LARGEST_SEGMENT: usize = 1500;
const SMALLEST_SEGMENT: usize = 64;

/// Bytes that searching for segments may decrypt on one connection, and on all, before it is given up.
const SEARCHED: usize = 8 << 20;
const SEARCHED_TOTAL: usize = 512 << 20;

impl Connection {
    pub(super) fn add_initial(&mut self, version: u32, destination: Identifier) {
        let is_known = |initial: &Initial| initial.version == version && initial.destination == destination;
        if self.initial.iter().any(is_known) {
            return;
        }
        let protections = [Side::Client, Side::Server].map(|side| Protection::initial(version, &destination, side));
        if let [Some(client), Some(server)] = protections {
            if self.initial.len() >= MOST_INITIAL {
                self.initial.remove(1);
            }
            self.initial.push(Initial { version, destination, protections: [client, server] });
        }
    }

    /// An identifier that a side chose.
    pub(super) fn learn(&mut self, side: Side, id: Identifier) {
        let identifiers = &mut self.side_mut(side).identifiers;
        if !identifiers.contains(&id) && identifiers.len() < MOST_IDENTIFIERS {
            identifiers.push(id);
            self.fresh.push((side, id));
        }
    }

    pub(super) fn initial(&mut self, sender: Side, packet: &Long<'_>, at: At, env: &mut Env<'_>) -> Side {
        let mut sender = sender;
        let expected = self.side(sender).received.first().map_or(0, Ranges::end);
        let mut opened = self.open_initial(sender, packet, expected, env.buffer);
        if opened.is_none() {
            // By its own destination: the client's first, one after a Retry that was not recorded, or the first of all,
            // though it seemed to be the server's.
            let own = Protection::initial(packet.version, &packet.destination, Side::Client);
            let own = own.and_then(|mut own| own.open(packet.packet, packet.number, expected, env.buffer));
            if own.is_some() {
                if sender == Side::Server && !self.known {
                    self.exchange_roles();
                    sender = Side::Client;
                }
                self.add_initial(packet.version, packet.destination);
                self.progress |= !self.pending.is_empty();
            }
            opened = own.map(|own| (packet.destination, own));
        }
        // Another version than that of the client's first packet (RFC 9368 §2.3): the same destination.
        if opened.is_none() && !self.initial.iter().any(|initial| initial.version == packet.version) {
            let destinations: Vec<Identifier> = self.initial.iter().map(|initial| initial.destination).collect();
            destinations.into_iter().for_each(|destination| self.add_initial(packet.version, destination));
            opened = self.open_initial(sender, packet, expected, env.buffer);
        }
        let Some((destination, opened)) = opened else {
            if !self.known && !packet.is_cut {
                self.wait(sender, packet.packet, 0, at, env);
            }
            return sender;
        };
        if sender == Side::Client {
            if !std::mem::replace(&mut self.known, true) {
                self.connection.roles_known = true;
                self.connection.from_start = [true; 2];
                self.progress |= !self.pending.is_empty();
            }
            let begins = (packet.version, destination);
            if self.begun_with.replace(begins).is_some_and(|before| before != begins) && self.handshake.suite.is_none()
            {
                self.begin_anew(packet.version);
            }
            // A destination chosen at random is the server's for as long as the client uses it.
            self.learn(Side::Server, packet.destination);
        }
        self.learn(sender, packet.source);
        if self.version == 0 {
            self.version = packet.version;
        }
        let had_suite = self.handshake.suite.is_some();
        self.opened(sender, Space::Initial, opened, at, env);
        if !had_suite && self.handshake.suite.is_some() {
            // The version of the ServerHello is the one agreed on.
            self.version = packet.version;
        }
        sender
    }

    /// The client begins anew, after a Retry or with another version: some send another ClientHello, and with another version
    /// it counts its packets anew.
    fn begin_anew(&mut self, version: u32) {
        self.handshake = Handshake::default();
        let counts_anew = self.version != version;
        for side in &mut self.sides {
            let ([initial, ..], [crypto, _]) = (&mut side.received, &mut side.crypto);
            *crypto = Crypto::default();
            if counts_anew {
                *initial = Ranges::default();
            }
        }
        self.version = version;
        self.negotiates = false;
    }

    fn open_initial(
        &mut self,
        sender: Side,
        packet: &Long<'_>,
        expected: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<(Identifier, Opened)> {
        // While the version changes some send the packets of one under the keys of the other.
        let (same, others): (Vec<_>, Vec<_>) =
            self.initial.iter_mut().rev().partition(|initial| initial.version == packet.version);
        same.into_iter()
            .chain(others)
            .filter_map(|initial| {
                let [client, server] = &mut initial.protections;
                let protection = if sender == Side::Client { client } else { server };
                Some((initial.destination, protection.open(packet.packet, packet.number, expected, buffer)?))
            })
            .next()
    }

    /// What seemed to be the server is the client.
    fn exchange_roles(&mut self) {
        self.connection.swap_roles();
        self.sides.reverse();
        for pending in &mut self.pending {
            pending.sender = pending.sender.other();
        }
    }

    /// A packet with a long header under keys of the key log.
    pub(super) fn protected(&mut self, sender: Side, level: Level, packet: &Long<'_>, at: At, env: &mut Env<'_>) {
        if packet.is_cut {
            return;
        }
        if self.version == 0 {
            self.version = packet.version;
        }
        if !self.has_keys(sender, level, packet.version, env.keys) {
            return self.wait(sender, packet.packet, 0, at, env);
        }
        let space = if level == Level::Early { Space::Application } else { Space::Handshake };
        match self.open(sender, level, packet.packet, packet.number, env) {
            Some(opened) => {
                if level == Level::Early {
                    self.side_mut(sender).opened += 1;
                } else if self.handshake.suite.is_none() {
                    self.version = packet.version;
                }
                self.opened(sender, space, opened, at, env);
            }
            None if level == Level::Early => self.side_mut(sender).dark_early += 1,
            None => {}
        }
    }

    /// Whether there are keys to try on packets of a side at a level.
    fn has_keys(&mut self, sender: Side, level: Level, version: u32, keys: &Keys) -> bool {
        let Some(random) = self.handshake.client_random else { return false };
        let suite = self.handshake.suite.filter(|_| level != Level::Early);
        let has_suite = suite.is_some();
        let [client, server] = &mut self.sides;
        let [early, handshake, application] =
            if sender == Side::Client { &mut client.levels } else { &mut server.levels };
        let (candidates, label) = match (level, sender) {
            (Level::Early, _) => (early, Label::ClientEarlyTraffic),
            (Level::Handshake, Side::Client) => (handshake, Label::ClientHandshakeTraffic),
            (Level::Handshake, Side::Server) => (handshake, Label::ServerHandshakeTraffic),
            (Level::Application, Side::Client) => (application, Label::ClientTraffic),
            (Level::Application, Side::Server) => (application, Label::ServerTraffic),
        };
        if candidates.tried {
            return !candidates.all.is_empty();
        }
        candidates.tried = true;
        for found in keys.all_secrets(label, &random) {
            // The suite is in the ServerHello. Without it, and for early data, whose suite is that of an earlier connection,
            // each one is tried that has secrets of this length.
            let suites: &[u16] = match suite.as_slice() {
                [] if found.value.len() == 48 => &[0x1302],
                [] => &[0x1301, 0x1303, 0x1304],
                agreed => agreed,
            };
            for suite in suites.iter().filter_map(|suite| Suite::find(*suite)).filter(|suite| suite.is_tls13()) {
                let origin = Some(Origin::Log(found.source));
                candidates.all.extend(Protection::new(suite, version, found.value, origin));
            }
        }
        // With the ServerHello there may be others.
        candidates.tried = has_suite || level == Level::Early || !candidates.all.is_empty();
        !candidates.all.is_empty()
    }

    fn open(&mut self, sender: Side, level: Level, packet: &[u8], number: usize, env: &mut Env<'_>) -> Option<Opened> {
        let side = self.side_mut(sender);
        let [_, handshake, application] = &side.received;
        let expected = if level == Level::Handshake { handshake.end() } else { application.end() };
        let [early, handshake, later] = &mut side.levels;
        let candidates = match level {
            Level::Early => early,
            Level::Handshake => handshake,
            Level::Application => later,
        };
        let mut all = candidates.all.iter_mut().enumerate();
        let (place, opened) =
            all.find_map(|(place, keys)| Some((place, keys.open(packet, number, expected, env.buffer)?)))?;
        if !candidates.confirmed {
            candidates.confirmed = true;
            candidates.all.swap(0, place);
            candidates.all.truncate(1);
            if level == Level::Application
                && self.sides.iter().all(|side| side.opened == 0)
                && let Some(origin) = self.origin(sender)
            {
                env.keys.mark_origin(origin);
            }
        }
        Some(opened)
    }

    fn origin(&self, sender: Side) -> Option<Origin> {
        let [.., application] = &self.side(sender).levels;
        application.all.first()?.origin
    }

    /// The packets with a short header that a datagram holds from `start` on.
    pub(super) fn short(&mut self, sender: Side, datagram: &[u8], start: usize, at: At, env: &mut Env<'_>) {
        if !self.has_keys(sender, Level::Application, self.version, env.keys) {
            return self.wait(sender, datagram, start, at, env);
        }
        let mut start = start;
        while start < datagram.len() {
            let rest = datagram.get(start..).unwrap_or_default();
            let Some((length, opened)) = self.open_short(sender, datagram, start, env) else {
                let is_reset = rest.last_chunk::<16>().is_some_and(|end| self.side(sender).tokens.contains(end));
                let side = self.side_mut(sender);
                if is_reset {
                    side.closed = true;
                } else {
                    side.dark += 1;
                }
                return;
            };
            start += length;
            self.side_mut(sender).opened += 1;
            self.opened(sender, Space::Application, opened, at, env);
        }
    }

    /// Opens the packet at `start`, and finds out how long it is: where datagrams were joined they have one size, but for the
    /// last.
    fn open_short(
        &mut self,
        sender: Side,
        datagram: &[u8],
        start: usize,
        env: &mut Env<'_>,
    ) -> Option<(usize, Opened)> {
        let rest = datagram.get(start..)?;
        let receiver = self.side(sender.other());
        let is_to = |id: &&Identifier| rest.get(1..).is_some_and(|rest| rest.starts_with(id.as_slice()));
        let destination = receiver.identifiers.iter().rev().find(is_to).or(receiver.identifiers.last());
        let number = 1 + destination.map_or(0, Identifier::len);
        let known = self.side(sender).segment;
        // Segments begin at multiples of their size.
        let length_of = |segment: usize| segment - start % segment;
        if known > 0
            && let Some(packet) = rest.get(..length_of(known))
            && let Some(opened) = self.open(sender, Level::Application, packet, number, env)
        {
            return Some((packet.len(), opened));
        }
        if let Some(opened) = self.open(sender, Level::Application, rest, number, env) {
            return Some((rest.len(), opened));
        }
        let sizes = SEGMENTS.into_iter().chain((SMALLEST_SEGMENT..=LARGEST_SEGMENT).rev());
        for size in sizes {
            let length = length_of(size);
            if length >= rest.len() || self.searched > SEARCHED || env.searched.get() > SEARCHED_TOTAL {
                continue;
            }
            let packet = rest.get(..length)?;
            self.searched += length;
            env.searched.set(env.searched.get().saturating_add(length));
            if let Some(opened) = self.open(sender, Level::Application, packet, number, env) {
                self.side_mut(sender).segment = size;
                return Some((length, opened));
            }
        }
        None
    }

    /// A packet was opened; its frames are in the buffer.
    pub(super) fn opened(&mut self, sender: Side, space: Space, opened: Opened, at: At, env: &mut Env<'_>) {
        let [initial, handshake, application] = &mut self.side_mut(sender).received;
        let received = match space {
            Space::Initial => initial,
            Space::Handshake => handshake,
            Space::Application => application,
        };
        if received.has(opened.number) || opened.number < received.forgotten() {
            self.connection.duplicates += 1;
            return;
        }
        received.insert(opened.number, opened.number.saturating_add(1));
        let buffer = std::mem::take(env.buffer);
        let (from, to) = opened.frames;
        let mut rest = buffer.get(from..to).unwrap_or_default();
        while !rest.is_empty() {
            let Ok((found, after)) = frame(rest) else {
                self.side_mut(sender).odd += 1;
                break;
            };
            rest = after;
            self.frame(sender, space, found, at, env);
        }
        *env.buffer = buffer;
    }
}
