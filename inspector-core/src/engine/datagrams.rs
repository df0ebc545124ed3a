//! Datagrams: QUIC is followed as connections, and what else is not understood by whom it went between, so that nothing that
//! could hide a call is passed over in silence.
//!
//! A datagram says nothing of its protocol. In this order it is taken for
//!
//! 1. QUIC, by a long header, or because its conversation began with one;
//! 2. an ordinary protocol that carries no HTTP, by its port ([`ordinary`]), or traffic to a group;
//! 3. QUIC joined midway, by its port, or by what all short headers have in common ([`Unread::is_quic`]);
//! 4. media (RTP), by what its headers have in common;
//! 5. something unknown, with a name where its form or port has one ([`foreign`]).

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    Options,
    ordinary::{self, HTTPS},
    quic::{Connections, World},
};
use crate::{
    engine::delivery::Outcome,
    evidence::{At, ConnectionId, Endpoint},
    flow::Side,
    note::{Between, Note, NoteKind, PacketSkip},
    packet::{Datagram, quic, tally::Tally},
    quic::packet as quic_packet,
};

/// Conversations of unknown protocols looked at at once; they are settled when there are more.
const MOST_UNREAD: usize = 4096;

/// The conversations over UDP of a recording, by their two ends.
pub(super) struct Datagrams {
    flows: HashMap<(Endpoint, Endpoint), Flow, RandomState>,
    quic: Connections,
    /// Ends between which QUIC may be spoken, and how many are.
    most: usize,
    bound: usize,
    /// What is known not to be understood.
    unread: Tally<PacketSkip>,
}

enum Flow {
    Quic(Bound),
    Unread(Box<Unread>),
}

/// The connection that two ends speak.
#[derive(Clone, Copy)]
struct Bound {
    place: usize,
    id: ConnectionId,
    /// Which of them is its server.
    server: Endpoint,
}

impl Datagrams {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            flows: HashMap::default(),
            quic: Connections::new(options.bodies),
            most: options.limits.connections,
            bound: 0,
            unread: Tally::default(),
        }
    }

    /// Takes a datagram; `number` gives a connection that begins its number.
    pub(super) fn push<O: Outcome>(
        &mut self,
        datagram: &Datagram<'_>,
        world: &mut World<'_, O>,
        number: impl FnOnce() -> ConnectionId,
    ) {
        let key = key(datagram);
        let header = quic::long_header(datagram.payload);
        if self.is_of_known_quic(datagram, key, header, world) {
            return;
        }
        if let Some(Flow::Unread(flow)) = self.flows.get_mut(&key)
            && header.is_none()
        {
            return flow.push(datagram);
        }
        if header.is_none() && (between(datagram).is_to_group() || ordinary::is(datagram)) {
            return;
        }
        let joined = header.is_none() && ordinary::has_port(datagram, HTTPS) && ordinary::foreign(datagram).is_none();
        if (header.is_some() || joined) && self.bound < self.most {
            return self.begin_quic(datagram, key, header, world, number());
        }
        if self.flows.len().saturating_sub(self.bound) >= MOST_UNREAD {
            self.settle(&mut None::<fn() -> ConnectionId>);
        }
        if matches!(self.flows.get(&key), Some(Flow::Quic(_))) {
            self.bound -= 1;
        }
        let mut flow = Unread::new(datagram);
        flow.push(datagram);
        self.flows.insert(key, Flow::Unread(Box::new(flow)));
    }

    /// Takes a datagram of a QUIC connection that is followed: by what it is sent to, else by its ends.
    fn is_of_known_quic<O: Outcome>(
        &mut self,
        datagram: &Datagram<'_>,
        key: (Endpoint, Endpoint),
        header: Option<quic::LongHeader<'_>>,
        world: &mut World<'_, O>,
    ) -> bool {
        if self.quic.count() == 0 {
            return false;
        }
        let payload = datagram.payload;
        let destination = header.map(|header| header.destination);
        let bound = match self.flows.get(&key) {
            Some(Flow::Quic(bound)) if self.quic.is_followed(bound.place, bound.id) => Some(*bound),
            _ => None,
        };
        if let Some(bound) = bound {
            let is_from_server = datagram.source == bound.server;
            let by_ends = if is_from_server { Side::Server } else { Side::Client };
            let own = self.quic.sender(bound.place, payload, destination);
            let nameless = is_from_server && self.quic.is_client_nameless(bound.place);
            let sender = own.or_else(|| (nameless && header.is_none()).then_some(Side::Server));
            if let Some(sender) = sender {
                self.push_to(bound.place, sender, datagram, key, world);
                return true;
            }
            let elsewhere = if quic_packet::is_initial(payload) { None } else { self.quic.find(payload, destination) };
            if let Some((place, sender)) = elsewhere {
                self.push_to(place, sender, datagram, key, world);
                return true;
            }
            let adopts = header.is_none() || self.quic.adopts(bound.place, payload, is_from_server);
            if adopts {
                self.push_to(bound.place, by_ends, datagram, key, world);
            }
            return adopts;
        }
        // It came from elsewhere before. One that begins is another's, though it is to the same identifier.
        if quic_packet::is_initial(payload) || self.bound >= self.most {
            return false;
        }
        let Some((place, sender)) = self.quic.find(payload, destination) else { return false };
        let Some(id) = self.quic.id(place) else { return false };
        let server = if sender == Side::Server { datagram.source } else { datagram.destination };
        self.bind(key, Bound { place, id, server });
        self.push_to(place, sender, datagram, key, world);
        true
    }

    fn bind(&mut self, key: (Endpoint, Endpoint), bound: Bound) {
        match self.flows.insert(key, Flow::Quic(bound)) {
            Some(Flow::Quic(_)) => {}
            Some(Flow::Unread(earlier)) => {
                self.quic.follow(bound.place, &earlier);
                self.bound += 1;
            }
            None => self.bound += 1,
        }
    }

    fn begin_quic<O: Outcome>(
        &mut self,
        datagram: &Datagram<'_>,
        key: (Endpoint, Endpoint),
        header: Option<quic::LongHeader<'_>>,
        world: &mut World<'_, O>,
        id: ConnectionId,
    ) {
        let place = self.quic.open(datagram.source, datagram.destination, datagram.at, id, header.is_some());
        let Some(server) = self.quic.server(place) else { return };
        self.bind(key, Bound { place, id, server });
        if header.is_some_and(|header| header.version != 0 && !quic_packet::is_read(header.version)) {
            self.quic.call_foreign(place);
        }
        let sender = if datagram.source == server { Side::Server } else { Side::Client };
        self.push_to(place, sender, datagram, key, world);
    }

    fn push_to<O: Outcome>(
        &mut self,
        place: usize,
        sender: Side,
        datagram: &Datagram<'_>,
        key: (Endpoint, Endpoint),
        world: &mut World<'_, O>,
    ) {
        self.quic.push(place, sender, datagram, world);
        // Its packets may have shown who the server is.
        if let Some(server) = self.quic.server(place)
            && (key.0 == server || key.1 == server)
            && let Some(Flow::Quic(bound)) = self.flows.get_mut(&key)
            && bound.place == place
        {
            bound.server = server;
        }
    }

    /// Decides what the conversations of unknown protocols are.
    fn settle(&mut self, number: &mut Option<impl FnMut() -> ConnectionId>) {
        let mut rest: Vec<Box<Unread>> = Vec::new();
        self.flows.retain(|_, flow| match flow {
            Flow::Quic(_) => true,
            Flow::Unread(flow) => {
                rest.push(std::mem::replace(flow, Box::new(Unread::empty(flow.source, flow.destination, flow.first))));
                false
            }
        });
        rest.sort_by_key(|flow| flow.first.order());
        for flow in rest {
            match number {
                Some(number) if flow.is_quic() && self.bound < self.most => {
                    self.bound += 1;
                    self.quic.open_joined(&flow, number());
                }
                _ => flow.tell(&mut self.unread),
            }
        }
    }

    /// What was not understood, and how many packets it was in all.
    pub(super) fn finish(&mut self, number: impl FnMut() -> ConnectionId) -> (Vec<Note>, u64) {
        self.settle(&mut Some(number));
        let mut all = 0;
        let notes = self.unread.take().map(|(what, between, group)| {
            all += group.packets;
            let kind = NoteKind::PacketSkipped { what, between, packets: group.packets };
            Note { at: group.first, connection: None, kind }
        });
        (notes.collect(), all)
    }

    /// The recording is over: ends the QUIC connections, in the order of their numbers.
    pub(super) fn close<O: Outcome>(&mut self, world: &mut World<'_, O>) {
        self.flows.clear();
        self.quic.finish(world);
    }
}

/// A conversation whose protocol is not known (yet).
pub(super) struct Unread {
    pub(super) first: At,
    pub(super) last: At,
    /// The sender of the first datagram.
    pub(super) source: Endpoint,
    pub(super) destination: Endpoint,
    /// From the source, and to it.
    pub(super) sides: [Sender; 2],
    /// What it is, if a datagram told.
    name: Option<PacketSkip>,
}

/// What one end sent.
#[derive(Clone, Copy)]
pub(super) struct Sender {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// The beginning of the first datagram.
    head: [u8; Self::HEAD],
    /// So many bytes after the first are the same in all datagrams.
    common: usize,
    /// All look like short headers of QUIC.
    short: bool,
    /// So many end like something encrypted.
    random: u64,
    /// All look like RTP or RTCP of one source.
    media: bool,
}

impl Sender {
    /// First byte, and the longest connection identifier of QUIC.
    const HEAD: usize = 21;

    const NONE: Self = Self {
        packets: 0,
        bytes: 0,
        head: [0; Self::HEAD],
        common: Self::HEAD - 1,
        short: true,
        random: 0,
        media: true,
    };

    fn push(&mut self, payload: &[u8]) {
        let mut head = [0; Self::HEAD];
        head.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        if self.packets == 0 {
            self.head = head;
        }
        let same = |from: usize, to: usize| self.head.get(from..to) == head.get(from..to);
        let rest = || self.head.iter().zip(&head).skip(1);
        self.common = self.common.min(rest().take_while(|(a, b)| a == b).count());
        self.short &= quic::may_be_short_header(payload);
        self.random += u64::from(quic::ends_random(payload));
        let [first, kind, ..] = head;
        // RFC 3550 §5.1, §6: version 2; RTCP's types; in RTP the source stands at 8.
        self.media &= payload.len() >= 8 && first >> 6 == 2 && (matches!(kind, 192..=223) || same(8, 12));
        self.packets += 1;
        self.bytes += payload.len() as u64;
    }
}

impl Unread {
    fn new(datagram: &Datagram<'_>) -> Self {
        Self::empty(datagram.source, datagram.destination, datagram.at)
    }

    const fn empty(source: Endpoint, destination: Endpoint, first: At) -> Self {
        Self { first, last: first, source, destination, sides: [Sender::NONE; 2], name: None }
    }

    fn push(&mut self, datagram: &Datagram<'_>) {
        self.last = datagram.at;
        if self.name.is_none() {
            self.name = ordinary::foreign(datagram);
        }
        let [from, to] = &mut self.sides;
        (if datagram.source == self.source { from } else { to }).push(datagram.payload);
    }

    fn packets(&self) -> u64 {
        self.sides.iter().map(|side| side.packets).sum()
    }

    /// Whether all datagrams can be of QUIC (RFC 9000 §17.3.1) and something else is improbable: they end in what looks
    /// random, and those one end sends begin with the same connection identifier, or there are too many for chance.
    fn is_quic(&self) -> bool {
        const IDENTIFIER: usize = 4;
        const MANY: u64 = 8;
        let short = self.sides.iter().all(|side| side.short);
        let identified = self.sides.iter().any(|side| side.packets > 1 && side.common >= IDENTIFIER);
        let random: u64 = self.sides.iter().map(|side| side.random).sum();
        let encrypted = random >= self.packets() - self.packets() / 8;
        self.name.is_none() && short && encrypted && (identified || self.packets() >= MANY)
    }

    fn is_media(&self) -> bool {
        self.name.is_none() && self.packets() > 3 && self.sides.iter().all(|side| side.media)
    }

    /// Counts it as not understood, unless it is media.
    fn tell(&self, unread: &mut Tally<PacketSkip>) {
        if self.is_media() {
            return;
        }
        let unknown = PacketSkip::Datagram(self.destination.port.min(self.source.port));
        let what = match self.name {
            Some(name) => name,
            None if self.is_quic() => PacketSkip::Encrypted("QUIC"),
            None => unknown,
        };
        let between = Between::Hosts(self.source.address, self.destination.address);
        unread.add(what, between, self.packets(), Some(self.first));
    }
}

const fn between(datagram: &Datagram<'_>) -> Between {
    Between::Hosts(datagram.source.address, datagram.destination.address)
}

fn key(datagram: &Datagram<'_>) -> (Endpoint, Endpoint) {
    ends(datagram.source, datagram.destination)
}

/// The two ends, in the same order for both directions.
pub(super) fn ends(a: Endpoint, b: Endpoint) -> (Endpoint, Endpoint) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        connection::{ConnectionReport, Reason, Transport},
        context::Sink,
        exchange::Exchange,
        secrets::keylog::Keys,
        time::Timestamp,
    };

    const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 50_000);
    const SERVER: [u8; 4] = [10, 0, 0, 2];

    fn end((address, port): ([u8; 4], u16)) -> Endpoint {
        Endpoint { address: address.into(), port }
    }

    /// A short header with this first byte, an identifier, and bytes that look random.
    fn short(first: u8, identifier: &[u8], seed: u8) -> Vec<u8> {
        let noise = (0..40_u8).map(|at| at.wrapping_mul(seed.wrapping_mul(57) | 1).wrapping_add(seed) ^ 0xa5);
        [&[first], identifier, &noise.collect::<Vec<u8>>()].concat()
    }

    type Quic = (String, u64, [u64; 2]);

    #[derive(Default)]
    struct Reports(Vec<ConnectionReport>);

    impl Sink for Reports {
        fn exchange(&mut self, _: Exchange) {}
        fn note(&mut self, _: Note) {}
    }

    impl Outcome for Reports {
        fn exchanges(&self) -> u64 {
            0
        }
        fn open(&mut self, _: ConnectionId, _: Option<u64>, _: Option<u64>) {}
        fn report(&mut self, report: ConnectionReport) {
            self.0.push(report);
        }
    }

    /// The names of what was not understood with counts, and the QUIC connections as (server, packets, bytes).
    fn told(datagrams: &[(bool, Vec<u8>)], port: u16) -> (Vec<(String, u64)>, Vec<Quic>) {
        let (options, keys, mut reports) = (Options::default(), Keys::default(), Reports::default());
        let mut all = Datagrams::new(&options);
        let mut world = World { keys: &keys, limits: &options.limits, outcome: &mut reports };
        let mut latest = 0;
        let mut number = || {
            latest += 1;
            ConnectionId(latest)
        };
        for (index, (from_client, payload)) in (1..).zip(datagrams) {
            let (a, b) = (end(CLIENT), end((SERVER, port)));
            let (source, destination) = if *from_client { (a, b) } else { (b, a) };
            let at = At::Frame { number: index, time: Some(Timestamp::from_seconds(1)) };
            all.push(&Datagram { source, destination, payload, at }, &mut world, &mut number);
        }
        let (notes, packets) = all.finish(&mut number);
        let named = notes.iter().map(|note| {
            let NoteKind::PacketSkipped { what, packets, between } = note.kind else { panic!("{note:?}") };
            assert_eq!(between, Between::Hosts(CLIENT.0.into(), SERVER.into()));
            assert_eq!(note.at.and_then(At::frame), Some(1));
            (what.to_string(), packets)
        });
        let named: Vec<_> = named.collect();
        assert_eq!(named.iter().map(|(_, packets)| packets).sum::<u64>(), packets);
        all.close(&mut world);
        let quic = reports.0.into_iter().map(|report| {
            assert_eq!((report.transport, report.decrypted), (Transport::Quic, false));
            assert_eq!(report.reason, Some(Reason::HandshakeMissing));
            (report.connection.server.to_string(), report.connection.packets, report.connection.bytes)
        });
        (named, quic.collect())
    }

    fn both_ways(count: u8, client: &[u8], server: &[u8]) -> Vec<(bool, Vec<u8>)> {
        let pair = |seed: u8| {
            let first = 0x40 | seed.wrapping_mul(7) & 0x3f;
            [(true, short(first, client, seed)), (false, short(first ^ 5, server, seed ^ 0x77))]
        };
        (1..=count).flat_map(pair).collect()
    }

    #[test]
    fn quic_that_was_joined_midway_is_a_connection() {
        let (named, quic) = told(&both_ways(3, b"\x01\x02\x03\x04\x05\x06\x07\x08", b""), 443);
        assert_eq!((named.len(), quic.len()), (0, 1));
        assert_eq!((quic[0].0.as_str(), quic[0].1), ("10.0.0.2:443", 6));
        assert_eq!(quic[0].2, [3 * 49, 3 * 41]);
        // A protocol with a first byte of that kind and numbers behind it.
        let numbers =
            |number| (number % 2 == 0, [&[0x48, 0x20, 0, 0x5c, 0, 0, 0, number][..], &[0, 1, 0, 8].repeat(9)].concat());
        assert_eq!(told(&(0..20).map(numbers).collect::<Vec<_>>(), 8443).1.len(), 0);
        // One datagram is enough at the port of HTTP/3, whatever its second bit.
        for first in [0x40, 0x5f, 0x01] {
            assert_eq!(told(&[(true, short(first, b"", 9))], 443).1.len(), 1);
            assert_eq!(told(&[(false, short(first, b"", 9))], 443).1[0].0, "10.0.0.2:443");
        }
        // Elsewhere by its connection identifiers, or because there are many.
        for port in [8443, 4433, 50_001] {
            for identifier in [4, 8, 18, 20] {
                assert_eq!(told(&both_ways(2, &vec![0xc1; identifier], b""), port).1.len(), 1, "{port} {identifier}");
            }
            assert_eq!(told(&both_ways(4, b"", b""), port).1.len(), 1);
            let (named, quic) = told(&both_ways(1, b"", b""), port);
            assert_eq!(quic.len(), 0);
            assert_eq!(
                named,
                [(format!("UDP of an unknown protocol, port {}, is not dissected", port.min(50_000)), 2)]
            );
        }
    }

    #[test]
    fn a_long_header_makes_what_came_before_a_connection() {
        let mut datagrams = both_ways(1, b"", b"");
        datagrams.push((true, [&b"\xe3\0\0\0\x01\x08"[..], &[1; 8], &[0; 30]].concat()));
        datagrams.push((false, short(0x41, b"", 3)));
        let (named, quic) = told(&datagrams, 8443);
        assert_eq!((named.len(), quic.len(), quic[0].1), (0, 1, 4));
    }

    #[test]
    fn ordinary_protocols_are_not_reported() {
        let dns = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x04mail\0\0\x01\0\x01".to_vec();
        let time = [&[0x23][..], &[0; 47]].concat();
        for (port, payload) in [
            (53, dns.clone()),
            (5353, dns),
            (123, time),
            (88, vec![0x6a; 200]),
            (161, vec![0x30; 60]),
            (500, vec![0x30; 60]),
            (3478, vec![0x40; 60]),
            (4500, vec![0; 60]),
            (4500, vec![0xff]),
            (33_440, vec![0x40; 32]),
            (9999, b"\0\x01\0\0\x21\x12\xa4\x42123456789012".to_vec()),
        ] {
            assert_eq!(told(&[(true, payload.clone()), (false, payload)], port), (vec![], vec![]), "{port}");
        }
        // What is to a group reaches no host that is asked.
        let (options, keys) = (Options::default(), Keys::default());
        let mut world = World { keys: &keys, limits: &options.limits, outcome: &mut Reports::default() };
        let mut all = Datagrams::new(&options);
        let destination = end(([239, 1, 2, 3], 7777));
        let at = At::Frame { number: 1, time: None };
        let datagram = Datagram { source: end(CLIENT), destination, payload: &[7; 50], at };
        all.push(&datagram, &mut world, || ConnectionId(1));
        assert_eq!(all.finish(|| ConnectionId(1)).1, 0);
    }

    #[test]
    fn media_is_told_by_its_source() {
        let packet = |number: u8, kind: u8| {
            let noise = [number; 120].map(|byte| byte.wrapping_mul(31));
            [&[0x80, kind, 0, number, 0, 0, 0, number][..], b"SRCE", &noise].concat()
        };
        let media: Vec<_> =
            (0..6).map(|number| (number % 2 == 0, packet(number, if number == 5 { 200 } else { 111 }))).collect();
        assert_eq!(told(&media, 50_020), (vec![], vec![]));
        assert_eq!(told(&media[..2], 50_020).0.len(), 1, "too few to tell");
    }

    #[test]
    fn tunnels_are_named() {
        for (port, payload, words) in [
            (51_820, [&[4, 0, 0, 0][..], &[0x99; 60]].concat(), "encrypted by WireGuard"),
            (53, [&[4, 0, 0, 0][..], &[0x99; 60]].concat(), "encrypted by WireGuard"),
            (41_641, [&[1, 0, 0, 0][..], &[0x99; 144]].concat(), "encrypted by WireGuard"),
            (443, b"\x17\xfe\xfd\0\x01\0\0\0\0\0\x01\0\x10................".to_vec(), "encrypted by DTLS"),
            (1194, [&[0x48][..], &[0x99; 60]].concat(), "encrypted by OpenVPN"),
            (1701, vec![0xc8; 60], "L2TP is not dissected"),
            (5247, vec![0; 60], "CAPWAP is not dissected"),
            (5555, vec![0; 60], "Aruba remote mirroring is not dissected"),
            (6000, vec![0xab; 60], "UDP of an unknown protocol, port 6000, is not dissected"),
            (
                6000,
                b"GET / HTTP/1.1 over something odd".to_vec(),
                "UDP of an unknown protocol, port 6000, is not dissected",
            ),
        ] {
            assert_eq!(told(&[(true, payload)], port), (vec![(words.to_owned(), 1)], vec![]), "{port}");
        }
    }

    /// More conversations than are looked at at once: none is lost.
    #[test]
    fn conversations_beyond_the_bound_are_settled() {
        let (options, keys) = (Options::default(), Keys::default());
        let mut world = World { keys: &keys, limits: &options.limits, outcome: &mut Reports::default() };
        let mut all = Datagrams::new(&options);
        let count = 3 * MOST_UNREAD as u32 / 2;
        for number in 0..count {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into();
            let source = Endpoint { address, port: 6000 };
            let at = At::Frame { number: u64::from(number) + 1, time: None };
            let datagram = Datagram { source, destination: end((SERVER, 6001)), payload: &[0xab; 30], at };
            all.push(&datagram, &mut world, || ConnectionId(1));
            assert!(all.flows.len() <= MOST_UNREAD);
        }
        assert_eq!(all.finish(|| ConnectionId(1)).1, u64::from(count));
    }
}
