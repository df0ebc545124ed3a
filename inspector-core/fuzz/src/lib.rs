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
//! Seeds are made from the fixtures: `cargo run --example seeds` in this folder. `./campaign` builds and runs all targets.
#![forbid(unsafe_code)]

#[path = "../../tests/support/literals.rs"]
mod literals;
pub mod made;
#[path = "../../tests/support/packed.rs"]
pub mod packed;
pub mod plaintext;
#[path = "../../tests/support/quic.rs"]
pub mod quic;

use std::{
    io::{self, Read},
    net::{IpAddr, Ipv4Addr},
    sync::OnceLock,
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    context::{BodyPolicy, Context, Sink},
    engine::{self, Options, Receiver},
    evidence::{At, ConnectionId, Endpoint, SourceId},
    exchange::{Exchange, message::Message},
    flow::{Connection, End, Side},
    input::{Control, Item, Producer, read_recording},
    limits::Limits,
    note::Note,
    packet::frame::Frame,
    policy::Policy,
    profile::Profile,
    report::v1,
    secrets::keylog::Keys,
    time::Timestamp,
    token::{
        extract::{Extraction, extract},
        interner::Interner,
    },
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
        limits.quic_total = 64 << 10;
        limits.quic_pending = 2048;
        limits.quic_pending_total = 4096;
        limits.quic_streams = 4;
        limits.h3_streams = 2;
        limits.qpack_table = 128;
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
    Connection { from_start: [true; 2], ..Connection::new(ConnectionId(1), end(50_000), end(443), AT) }
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
        barren: &inspector_core::coding::barren::Barren::new(|_| true),
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

/// What came out of a recording, in words that can be compared.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    /// Exchanges, in order.
    pub exchanges: Vec<String>,
    /// Connections, in order.
    pub connections: Vec<String>,
    /// Notes, and why nothing could be read.
    pub notes: Vec<String>,
    /// The report, as JSON.
    pub report: String,
}

struct Hearing<'a> {
    heard: Heard,
    analysis: Analysis,
    interner: Interner,
    limits: &'a Limits,
}

impl Receiver for Hearing<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        look_at(&exchange);
        self.heard.exchanges.push(format!("{exchange:?}"));
        let extraction = extract(&exchange, &mut self.interner, self.limits);
        self.analysis.exchange(&exchange, &extraction);
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.heard.connections.push(format!("{report:?}"));
        self.analysis.connection(SourceId(0), &report);
    }

    fn note(&mut self, note: Note) {
        self.heard.notes.push(format!("{note:?}"));
        self.analysis.note(SourceId(0), &note);
    }
}

/// The profile all targets judge by.
pub fn policy() -> Policy {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    Policy::new(PROFILE.get_or_init(|| Profile::builtin("exchange-s2s").expect("a profile of this program")).clone())
}

/// Reads a recording with so many jobs, and judges it.
pub fn hear(producer: &mut dyn Producer, jobs: usize, limits: &Limits, policy: Policy) -> Heard {
    let mut keys = recording_keys(limits);
    let mut hearing = Hearing {
        heard: Heard::default(),
        analysis: Analysis::new(policy, limits),
        interner: Interner::new(limits),
        limits,
    };
    hearing.analysis.input(SourceId(0), "recording", "");
    let options = Options { limits: limits.clone(), jobs, ..Options::default() };
    match engine::read_from(SourceId(0), producer, &mut keys, &options, &mut hearing) {
        Ok(reading) => {
            hearing.analysis.input(SourceId(0), "recording", &reading.format);
            hearing.analysis.input_done(SourceId(0), reading.coverage);
        }
        Err(error) => hearing.heard.notes.push(error.to_string()),
    }
    let report = hearing.analysis.finish();
    assert!(report.exit_code() <= 3);
    hearing.heard.report = serde_json::to_string(&v1::Report::from(&report)).expect("a report serialises");
    hearing.heard
}

/// As [`hear`], of what a reader gives.
pub fn hear_bytes(mut input: impl Read + Send, jobs: usize, limits: &Limits) -> Heard {
    let mut input: &mut (dyn Read + Send) = &mut input;
    hear(&mut input, jobs, limits, policy())
}

/// The items a recording yields, read at most so many bytes at once.
pub fn items(bytes: &[u8], at_once: usize, limits: &Limits) -> (bool, Vec<String>) {
    let mut items = Vec::new();
    let mut sink = |item: Item<'_>| {
        // The buffer a frame lies in is that of the reads.
        items.push(match item {
            Item::Frame(frame) => format!("{:?}", Item::Frame(Frame { buffer: None, ..frame })),
            item => format!("{item:?}"),
        });
        Control::Continue
    };
    let result = read_recording(&mut Dribble(bytes, at_once), limits, &mut sink);
    (result.is_ok(), items)
}

/// What is found in an exchange: nothing beyond the limits, and the same when it is read again.
///
/// # Panics
///
/// If one of these does not hold.
pub fn extracted(exchange: &Exchange, limits: &Limits) -> Extraction {
    let mut interner = Interner::new(limits);
    let found = extract(exchange, &mut interner, limits);
    for kept in [found.credentials.len(), found.sightings.len(), found.parameters.len(), found.passwords.len()] {
        assert!(kept <= limits.per_exchange, "{kept} kept");
    }
    assert_eq!(format!("{found:?}"), format!("{:?}", extract(exchange, &mut interner, limits)), "extracted again");
    found
}
