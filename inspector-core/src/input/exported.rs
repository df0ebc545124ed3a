//! Protocol data units that Wireshark exported from another capture (link type 252, "Export PDUs to File…").
//!
//! ```text
//! tag:2 length:2 value …   big-endian; 12 the protocol's name, 20 to 23 addresses, 24 kind of port, 25 and 26 ports, 0 the end
//! what one message, or one record of TLS after its decryption, held
//! ```
//!
//! There are no segments, so that nothing tells whether a unit is missing or was filtered out; that is said. The units of one
//! direction between two ends, put together, are its stream, and are read as HTTP here. That a stream was not protected is
//! not told either: it counts as protected. What is still TLS cannot be opened, for the handshake is not among the units.
//!
//! Source: Wireshark's `epan/exported_pdu.h`.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Control, Item, ItemSink, order::Order};
use crate::{
    coding::barren::Barren,
    context::{BodyPolicy, Context, Sink},
    evidence::{At, ConnectionId, Endpoint},
    exchange::{Exchange, Scheme},
    flow::{Connection, End, Side},
    http::{
        h1::{self, Http1},
        h2::{Http2, PREFACE, looks_like_frames},
    },
    limits::Limits,
    losses::Losses,
    note::{Between, Note, NoteKind, PacketSkip},
    packet::frame::Frame,
    secrets::keylog::Keys,
    token::extract::may_tell,
};

/// The link type.
pub(crate) const LINK: u16 = 252;

/// Protocols whose units are bytes of HTTP.
const NAMES: [&[u8]; 8] =
    [b"http", b"http2", b"http-over-tls", b"data", b"data-text-lines", b"http.tcp", b"tls.http", b"media"];

/// The name of a unit in which this program says what the recording lacked it was made of.
pub(crate) const LOSSES: &[u8] = b"inspector.losses";

/// A unit and what its tags tell.
struct Unit<'f> {
    name: &'f [u8],
    source: Endpoint,
    destination: Endpoint,
    bytes: &'f [u8],
}

impl<'f> Unit<'f> {
    fn parse(mut rest: &'f [u8]) -> Option<Self> {
        let nowhere = Endpoint { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
        let mut unit = Self { name: b"", source: nowhere, destination: nowhere, bytes: b"" };
        loop {
            let (tag, length) = (Order::Big.u16(rest, 0)?, usize::from(Order::Big.u16(rest, 2)?));
            let (value, after) = rest.get(4..)?.split_at_checked(length)?;
            let port = || Order::Big.u32(value, 0).and_then(|port| u16::try_from(port).ok());
            let four = || value.first_chunk::<4>().map(|four| IpAddr::V4(Ipv4Addr::from(*four)));
            let sixteen = || value.first_chunk::<16>().map(|six| IpAddr::V6(Ipv6Addr::from(*six)));
            match tag {
                0 => {
                    unit.bytes = after;
                    return Some(unit);
                }
                // The value is filled up with zeros.
                12 => unit.name = value.split(|byte| *byte == 0).next().unwrap_or_default(),
                20 => unit.source.address = four()?,
                21 => unit.destination.address = four()?,
                22 => unit.source.address = sixteen()?,
                23 => unit.destination.address = sixteen()?,
                25 => unit.source.port = port()?,
                26 => unit.destination.port = port()?,
                _ => {}
            }
            rest = after;
        }
    }
}

/// The streams of a recording.
pub(crate) struct Exported {
    streams: HashMap<(Endpoint, Endpoint), Stream>,
    keys: Keys,
    barren: Barren,
    next: u64,
    /// Bytes of memory that the streams take, about.
    weight: usize,
    limits: Limits,
}

/// The two directions between two ends.
struct Stream {
    connection: Connection,
    speaks: Speaks,
    used: u64,
    weight: usize,
}

enum Speaks {
    Unknown,
    Http1(Box<Http1>),
    Http2(Box<Http2>),
}

/// What streams yielded.
#[derive(Default)]
struct Yield {
    exchanges: Vec<Exchange>,
    notes: Vec<Note>,
}

impl Sink for Yield {
    fn exchange(&mut self, mut exchange: Exchange) {
        exchange.scheme = Scheme::Https;
        exchange.connection = None;
        self.exchanges.push(exchange);
    }

    fn note(&mut self, mut note: Note) {
        note.connection = None;
        self.notes.push(note);
    }
}

impl Yield {
    fn hand_out(self, sink: &mut dyn ItemSink) -> Control {
        let notes = self.notes.into_iter().map(Item::Note);
        let exchanges = self.exchanges.into_iter().map(|exchange| Item::Exchange(Box::new(exchange)));
        for item in notes.chain(exchanges) {
            if sink.item(item) == Control::Stop {
                return Control::Stop;
            }
        }
        Control::Continue
    }
}

impl Exported {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            streams: HashMap::new(),
            keys: Keys::new(limits),
            barren: Barren::new(may_tell),
            next: 0,
            weight: 0,
            limits: limits.clone(),
        }
    }

    /// Takes a frame of the link type.
    pub(crate) fn frame(&mut self, frame: &Frame<'_>, sink: &mut dyn ItemSink) -> Control {
        let skipped =
            |what, between| Item::Note(Note::at(frame.at, NoteKind::PacketSkipped { what, between, packets: 1 }));
        let Some(unit) = Unit::parse(frame.bytes) else {
            return sink.item(skipped(PacketSkip::Malformed("exported PDU"), Between::Unknown));
        };
        let between = Between::Hosts(unit.source.address, unit.destination.address);
        if matches!(unit.name, b"tls" | b"ssl") {
            return sink.item(skipped(PacketSkip::Encrypted("TLS in exported PDUs"), between));
        }
        if unit.name == LOSSES {
            let Losses { connections, notes } = Losses::read(unit.bytes.trim_ascii());
            let connections = connections.into_iter().map(|report| Item::Connection(Box::new(report)));
            let mut items = notes.into_iter().map(Item::Note).chain(connections);
            let stops = items.any(|item| sink.item(item) == Control::Stop);
            return if stops { Control::Stop } else { Control::Continue };
        }
        if !NAMES.contains(&unit.name) && h1_kind(unit.bytes).is_none() && !unit.bytes.starts_with(PREFACE) {
            return sink.item(skipped(PacketSkip::Protocol("an exported PDU of another protocol"), between));
        }
        let mut found = Yield::default();
        self.unit(&unit, frame.at, &mut found);
        if frame.original_length as usize > frame.bytes.len() {
            found.note(Note::at(frame.at, NoteKind::MalformedBlock { what: "an exported PDU is cut" }));
        }
        found.hand_out(sink)
    }

    fn unit(&mut self, unit: &Unit<'_>, at: At, found: &mut Yield) {
        let forth = (unit.source, unit.destination);
        let key = if self.streams.contains_key(&(unit.destination, unit.source)) { (forth.1, forth.0) } else { forth };
        if self.streams.len() >= self.limits.h2_streams && !self.streams.contains_key(&key) {
            self.make_room(found);
        }
        while self.weight > self.limits.connections_total && self.streams.len() > 1 {
            self.make_room(found);
        }
        self.next += 1;
        let next = self.next;
        let stream = self.streams.entry(key).or_insert_with(|| Stream::new(next, unit, at));
        stream.used = next;
        stream.take(unit, at, &self.keys, &self.barren, &self.limits, found);
        self.weight = self.weight.saturating_sub(stream.weight);
        stream.weight = stream.weigh();
        self.weight += stream.weight;
    }

    /// Ends the stream that was quiet longest.
    fn make_room(&mut self, found: &mut Yield) {
        let oldest = self.streams.iter().min_by_key(|(_, stream)| stream.used).map(|(key, _)| *key);
        if let Some(mut stream) = oldest.and_then(|key| self.streams.remove(&key)) {
            stream.close(&self.keys, &self.barren, &self.limits, found);
            self.weight = self.weight.saturating_sub(stream.weight);
            found.note(Note::input(NoteKind::Limit { limit: "connections" }));
        }
    }

    /// The recording is over.
    pub(crate) fn finish(mut self, sink: &mut dyn ItemSink) {
        let mut found = Yield::default();
        let mut streams: Vec<_> = std::mem::take(&mut self.streams).into_values().collect();
        streams.sort_by_key(|stream| stream.connection.id.0);
        for stream in &mut streams {
            stream.close(&self.keys, &self.barren, &self.limits, &mut found);
        }
        let how = "units that Wireshark exported from a capture: which of them its filter left out cannot be told";
        found.note(Note::input(NoteKind::Selected { how }));
        found.hand_out(sink);
    }
}

/// Whether bytes begin a message of HTTP/1, and of which side.
fn h1_kind(bytes: &[u8]) -> Option<Side> {
    if h1::looks_like_response(bytes) == h1::Probe::Certain {
        return Some(Side::Server);
    }
    (h1::looks_like_request(bytes) == h1::Probe::Certain).then_some(Side::Client)
}

impl Stream {
    fn new(number: u64, unit: &Unit<'_>, at: At) -> Self {
        // Who asks is told by what is said first, else by the ports.
        let is_answer = h1_kind(unit.bytes) == Some(Side::Server)
            || (!unit.bytes.starts_with(PREFACE)
                && unit.source.port < unit.destination.port
                && unit.source.port < 32_768);
        let (client, server) =
            if is_answer { (unit.destination, unit.source) } else { (unit.source, unit.destination) };
        let connection = Connection::new(ConnectionId(number), client, server, at);
        Self { connection, speaks: Speaks::Unknown, used: number, weight: 0 }
    }

    fn take(&mut self, unit: &Unit<'_>, at: At, keys: &Keys, barren: &Barren, limits: &Limits, sink: &mut dyn Sink) {
        let connection = &mut self.connection;
        let side = if unit.source == connection.client { Side::Client } else { Side::Server };
        connection.last = at;
        connection.packets += 1;
        let [client, server] = &mut connection.bytes;
        let bytes = if side == Side::Client { client } else { server };
        let began = *bytes;
        *bytes += unit.bytes.len() as u64;
        connection.standing.began = began;
        connection.standing.reached = connection.bytes;
        let mut cx = Context { connection, tls: None, keys, limits, bodies: BodyPolicy::of(limits), barren, sink };
        if matches!(self.speaks, Speaks::Unknown) {
            self.speaks = if unit.bytes.starts_with(PREFACE) {
                Speaks::Http2(Box::new(Http2::new(&cx)))
            } else if unit.name == b"http2" || (h1_kind(unit.bytes).is_none() && looks_like_frames(unit.bytes)) {
                Speaks::Http2(Box::new(if side == Side::Server { Http2::new(&cx) } else { Http2::joined(&cx) }))
            } else {
                Speaks::Http1(Box::new(Http1::new()))
            };
        }
        match &mut self.speaks {
            Speaks::Http1(http) => {
                // What follows an upgrade or a tunnel is not read.
                let _ = http.data(side, unit.bytes, at, &mut cx);
            }
            Speaks::Http2(http) => http.data(side, unit.bytes, at, &mut cx),
            Speaks::Unknown => {}
        }
    }

    fn weigh(&self) -> usize {
        size_of::<Self>()
            + match &self.speaks {
                Speaks::Http1(http) => http.weight(),
                Speaks::Http2(http) => http.weight(),
                Speaks::Unknown => 0,
            }
    }

    fn close(&mut self, keys: &Keys, barren: &Barren, limits: &Limits, sink: &mut dyn Sink) {
        let connection = &mut self.connection;
        let mut cx = Context { connection, tls: None, keys, limits, bodies: BodyPolicy::of(limits), barren, sink };
        match &mut self.speaks {
            Speaks::Http1(http) => http.close(&mut cx),
            Speaks::Http2(http) => {
                http.end(Side::Client, End::Input);
                http.end(Side::Server, End::Input);
                http.close(&mut cx);
            }
            Speaks::Unknown => {}
        }
    }
}
