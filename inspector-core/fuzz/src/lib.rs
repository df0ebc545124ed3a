//! What the fuzz targets share: contexts that forget, scripts of what the two sides of a connection do, and the checks
//! on what comes out.
//!
//! Targets whose input is a file take the file's bytes as they are, so that every fixture is a seed. Targets behind the
//! flow table take a script ([`steps`]):
//!
//! ```text
//! | operation, 1 | length, 2 (little endian) | length bytes |   again and again
//!   bit 0: the server's;  bits 1-3: 0-5 data, 6 a gap of that length (no bytes follow), 7 the end of that side
//! ```
//!
//! Seeds are made from the fixtures: `cargo run --example seeds` in this folder. Then, for example,
//! `cargo +nightly fuzz run tls -- -max_total_time=600 -rss_limit_mb=1024 -timeout=10`.
#![forbid(unsafe_code)]

pub mod plaintext;

use std::{
    io::{self, Read},
    net::{IpAddr, Ipv4Addr},
};

use inspector_core::{
    context::{BodyPolicy, Context, Sink},
    evidence::{At, ConnectionId, Endpoint},
    flow::{Connection, End, Side},
    http::{exchange::Exchange, message::Message},
    limits::Limits,
    note::Note,
    time::Timestamp,
    tls::keylog::Keys,
};

/// The place of everything in scripts.
pub const AT: At = At::Frame { number: 1, time: Some(Timestamp::from_seconds(1_700_000_000)) };

/// The key logs of all connections in `fixtures/tls`, and its private key.
pub const STREAM_KEYS: &[&[u8]] = &include!("stream_keys.in");

/// Something that happens on a connection.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Bytes of one side.
    Data(Side, &'a [u8]),
    /// So many bytes of one side were not recorded.
    Gap(Side, u64),
    /// One side ends.
    End(Side, End),
}

/// Reads a script.
pub fn steps(mut script: &[u8]) -> impl Iterator<Item = Step<'_>> {
    std::iter::from_fn(move || {
        let ([operation, low, high], rest) = script.split_first_chunk::<3>()?;
        let side = if operation & 1 == 0 { Side::Client } else { Side::Server };
        let length = u16::from_le_bytes([*low, *high]);
        script = rest;
        Some(match operation >> 1 & 7 {
            6 => Step::Gap(side, u64::from(length)),
            7 => Step::End(side, [End::Fin, End::Reset, End::Abandoned, End::Input][usize::from(length & 3)]),
            _ => {
                let (bytes, rest) = rest.split_at(rest.len().min(usize::from(length)));
                script = rest;
                Step::Data(side, bytes)
            }
        })
    })
}

/// Writes a step of a script: the reverse of [`steps`].
pub fn write_data(script: &mut Vec<u8>, side: Side, bytes: &[u8]) {
    for piece in bytes.chunks(usize::from(u16::MAX)) {
        script.push(side.index() as u8);
        script.extend_from_slice(&(piece.len() as u16).to_le_bytes());
        script.extend_from_slice(piece);
    }
}

/// Limits, small where small ones can be reached by small inputs if the input's length is odd.
pub fn limits(input: &[u8]) -> Limits {
    let mut limits = Limits::default();
    if input.len() % 2 == 1 {
        limits.block = 4096;
        limits.entry = 2048;
        limits.connections = 2;
        limits.out_of_order = 512;
        limits.out_of_order_total = 768;
        limits.fragments = 512;
        limits.encapsulations = 3;
        limits.tls_handshake = 256;
        limits.tls_pending_total = 1024;
        limits.tls_records_total = 2048;
        limits.tls_sessions = 1;
        limits.keys = 1024;
        limits.head = 256;
        limits.fields = 4;
        limits.body = 256;
        limits.decoded_body = 512;
        limits.decode_ratio = 2;
        limits.codings = 1;
        limits.h2_streams = 2;
        limits.h2_table = 128;
        limits.pipeline = 2;
        limits.held = 64;
        limits.tokens = 1;
        limits.tokens_total = 1024;
        limits.token = 256;
        limits.token_depth = 1;
        limits.json_members = 16;
        limits.per_exchange = 2;
        limits.reorder = 2;
        limits.findings = 2;
        limits.evidence = 1;
        limits.hosts = 2;
        limits.calls = 2;
        limits.interfaces = 1;
        limits.unpack_ratio = 4;
        limits.unpack_window = 1024;
    }
    limits
}

/// All keys of [`STREAM_KEYS`].
pub fn stream_keys(limits: &Limits) -> Keys {
    let mut keys = Keys::new(limits);
    for file in STREAM_KEYS {
        let _ = keys.add(file);
    }
    keys
}

/// A connection between two hosts.
pub fn connection() -> Connection {
    let end = |port| Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    Connection {
        id: ConnectionId(1),
        first: AT,
        last: AT,
        client: end(50_000),
        server: end(443),
        roles_known: false,
        from_start: [true; 2],
        packets: 0,
        gaps: [0; 2],
        bytes_missing: [0; 2],
        duplicates: 0,
        overlaps_differing: 0,
        strays: 0,
        standing: inspector_core::flow::Standing::default(),
        bytes: [0; 2],
    }
}

/// Keeps exchanges after looking at them, and counts notes.
#[derive(Default)]
pub struct Recorder {
    /// The exchanges.
    pub exchanges: Vec<Exchange>,
    /// Notes.
    pub notes: u64,
}

impl Sink for Recorder {
    fn exchange(&mut self, exchange: Exchange) {
        look_at(&exchange);
        self.exchanges.push(exchange);
    }

    fn note(&mut self, _: Note) {
        self.notes += 1;
    }
}

/// Calls `run` with a context of a fresh connection, and returns what came out.
pub fn with_context(keys: &Keys, limits: &Limits, run: impl FnOnce(&mut Context<'_>)) -> Recorder {
    let (mut connection, mut sink) = (connection(), Recorder::default());
    run(&mut Context {
        connection: &mut connection,
        tls: None,
        keys,
        limits,
        bodies: if limits.pipeline % 2 == 0 { BodyPolicy::Tokens } else { BodyPolicy::Measure },
        barren: &inspector_core::http::barren::Barren::default(),
        sink: &mut sink,
    });
    sink
}

/// What holds for every exchange.
pub fn look_at(exchange: &Exchange) {
    assert!(exchange.request.is_some() || exchange.response.is_some(), "an exchange of nothing");
    let _ = (exchange.url(), exchange.authority(), exchange.status());
    for message in [&exchange.request, &exchange.response].into_iter().flatten() {
        look_at_message(message);
    }
}

fn look_at_message(message: &Message) {
    for head in std::iter::once(&message.head).chain(message.trailers.as_deref()) {
        for field in head.fields() {
            for range in [&field.name, &field.value] {
                assert!(
                    range.start <= range.end && range.end as usize <= head.bytes().len(),
                    "a range outside its head"
                );
            }
        }
        let _ = (head.method(), head.target(), head.media_type());
    }
    assert!(message.first <= message.head_end && message.head_end <= message.end, "a message ends before it begins");
}

/// Gives at most so many bytes at once.
pub struct Dribble<'a>(pub &'a [u8], pub usize);

impl Read for Dribble<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = to.len().min(self.1);
        self.0.read(&mut to[..most])
    }
}

/// What an HTTP/2 client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The key logs of the scenario `handshake-complete`, as one.
const RECORDING_KEYS: &[&[u8]] = &[
    include_bytes!("../../../fixtures/scenarios/handshake-complete/tls12.keys"),
    include_bytes!("../../../fixtures/scenarios/handshake-complete/tls13.keys"),
    include_bytes!("../../../fixtures/scenarios/handshake-complete/h2.keys"),
];

/// Keys for some of the recordings in `fixtures/scenarios`.
pub fn recording_keys(limits: &Limits) -> Keys {
    let mut keys = Keys::new(limits);
    for file in RECORDING_KEYS {
        let _ = keys.add(file);
    }
    keys
}
