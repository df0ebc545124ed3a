//! The stages, each fed by hand, and all of them together.

use std::{
    fs,
    io::Read,
    net::{IpAddr, Ipv4Addr},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    context::{BodyPolicy, Context, Sink},
    engine::{self, Options, Receiver},
    evidence::{At, ConnectionId, Endpoint, SourceId},
    exchange::Exchange,
    flow::{Connection, Consumer, StreamEvent, table::FlowTable},
    input::{Control, Item, ReadError, read_recording},
    limits::Limits,
    note::{Note, NoteKind},
    packet::{Dissector, Packet, Segment, frame::Frame},
    policy::Policy,
    profile::Profile,
    report::{Report, v1},
    secrets::keylog::Keys,
    time::Timestamp,
    token::{extract::extract, interner::Interner},
};

use crate::capture;

const SOURCE: SourceId = SourceId(0);

/// The place of everything fed by hand.
pub const AT: At = At::Frame { number: 1, time: Some(Timestamp::from_seconds(1_700_000_000)) };

/// What was found in a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Exchanges.
    pub exchanges: u64,
    /// Those with a response.
    pub answered: u64,
    /// Distinct tokens.
    pub tokens: usize,
    /// Holes in streams.
    pub gaps: u64,
}

struct Judge<'l> {
    analysis: Analysis,
    interner: Interner,
    limits: &'l Limits,
    found: Found,
}

impl Receiver for Judge<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let extraction = extract(&exchange, &mut self.interner, self.limits);
        self.analysis.exchange(&exchange, &extraction);
        self.found.exchanges += 1;
        self.found.answered += u64::from(exchange.response.is_some());
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.analysis.connection(SOURCE, &report);
    }

    fn note(&mut self, note: Note) {
        self.analysis.note(SOURCE, &note);
    }
}

/// The keys of a key log; none if it is empty.
pub fn keys(key_log: &str) -> Keys {
    let mut keys = Keys::default();
    if !key_log.is_empty() {
        keys.add(key_log.as_bytes()).expect("the workload's key log can be read");
    }
    keys
}

/// The judgement of one input that begins.
pub fn analysis(limits: &Limits) -> Analysis {
    let profile = Profile::builtin("exchange-s2s").expect("the program has this profile");
    let mut analysis = Analysis::new(Policy::new(profile), limits);
    analysis.input(SOURCE, "workload", "workload");
    analysis
}

/// All stages, from the recording's bytes to the report and its JSON.
pub fn check(mut recording: &[u8], key_log: &str) -> Found {
    check_from(&mut recording, key_log)
}

/// All stages, from a recording that is made as it is read to the report and its JSON.
pub fn check_from(recording: &mut (dyn Read + Send), key_log: &str) -> Found {
    let (report, found) = judged(recording, key_log, &Options::default()).expect(READ);
    serde_json::to_writer_pretty(std::io::sink(), &v1::Report::streamed(&report)).expect("a report can be written");
    found
}

/// The report on a recording.
pub fn report(mut recording: &[u8]) -> Report {
    judged(&mut recording, "", &Options::default()).map(|(report, _)| report).expect(READ)
}

const READ: &str = "the workload can be read";

/// The report on whatever is read, on so many threads, as JSON; or why it cannot be read.
pub fn report_on(recording: &mut (dyn Read + Send), jobs: usize) -> String {
    match judged(recording, "", &Options { jobs, ..Options::default() }) {
        Ok((report, _)) => serde_json::to_string(&v1::Report::streamed(&report)).expect("a report can be written"),
        Err(error) => error.to_string(),
    }
}

fn judged(recording: &mut (dyn Read + Send), key_log: &str, options: &Options) -> Result<(Report, Found), ReadError> {
    let mut judge = Judge {
        analysis: analysis(&options.limits),
        interner: Interner::new(&options.limits),
        limits: &options.limits,
        found: Found::default(),
    };
    let reading = engine::read(SOURCE, recording, &mut keys(key_log), options, &mut judge)?;
    judge.analysis.input_done(SOURCE, reading.coverage);
    let report = judge.analysis.finish();
    Ok((report, Found { tokens: judge.interner.len(), gaps: reading.coverage.gaps, ..judge.found }))
}

/// The most memory this process had, in KiB; 0 if the system does not tell.
pub fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// The limits that reading a recording reached, in order.
pub fn limits_reached(recording: &mut (dyn Read + Send), key_log: &str, limits: Limits) -> Vec<&'static str> {
    #[derive(Default)]
    struct Reached(Vec<&'static str>);
    impl Receiver for Reached {
        fn exchange(&mut self, _: Box<Exchange>) -> Control {
            Control::Continue
        }
        fn connection(&mut self, _: ConnectionReport) {}
        fn note(&mut self, note: Note) {
            if let NoteKind::Limit { limit } = note.kind {
                self.0.push(limit);
            }
        }
    }
    let (options, mut reached) = (Options { limits, ..Options::default() }, Reached::default());
    engine::read(SOURCE, recording, &mut keys(key_log), &options, &mut reached).expect("the workload can be read");
    reached.0
}

/// The exchanges of a recording.
pub fn exchanges(recording: &[u8]) -> Vec<Exchange> {
    #[derive(Default)]
    struct Kept(Vec<Exchange>);
    impl Receiver for Kept {
        fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
            self.0.push(*exchange);
            Control::Continue
        }
        fn connection(&mut self, _: ConnectionReport) {}
        fn note(&mut self, _: Note) {}
    }
    let mut kept = Kept::default();
    engine::read(SOURCE, &mut &*recording, &mut Keys::default(), &Options::default(), &mut kept)
        .expect("the workload can be read");
    kept.0
}

/// Reads a recording of any format and forgets its items; returns how many came.
pub fn items(recording: &[u8], limits: &Limits) -> u64 {
    let mut items = 0;
    let mut sink = |item: Item<'_>| {
        std::hint::black_box(&item);
        items += 1;
        Control::Continue
    };
    read_recording(&mut &*recording, limits, &mut sink).expect("the workload can be read");
    items
}

/// Packets as the reader of captures hands them out.
pub fn frames(packets: &[capture::Packet]) -> Vec<Frame<'_>> {
    let frame = |(number, packet)| {
        let packet: &capture::Packet = packet;
        let time = Timestamp::from_nanos(1_700_000_000_000_000_000 + 20_000 * number as i64);
        Frame {
            link: inspector_core::packet::frame::LinkType(1),
            at: At::Frame { number, time: Some(time) },
            original_length: packet.bytes.len() as u32,
            interface: 0,
            bytes: &packet.bytes,
            buffer: None,
        }
    };
    (1..).zip(packets).map(frame).collect()
}

/// The TCP segments in packets.
pub fn segments<'p>(frames: &'p [Frame<'p>]) -> Vec<Segment<'p>> {
    let limits = Limits::default();
    let mut segments = Vec::new();
    for frame in frames {
        // Each borrows its dissector, so that one serves one frame.
        let mut dissector = Dissector::default();
        if let Ok(Packet::Tcp(segment)) = dissector.dissect(frame, &limits) {
            let start = frame.bytes.len() - segment.payload.len();
            let header = segment.whole.len() - segment.payload.len();
            segments.push(Segment { payload: &frame.bytes[start..], whole: &frame.bytes[start - header..], ..segment });
        }
    }
    segments
}

/// Counts the bytes of all streams.
#[derive(Debug, Default)]
pub struct Counter {
    /// Bytes handed out.
    pub bytes: u64,
    /// Holes.
    pub gaps: u64,
}

impl Consumer for Counter {
    type State = ();

    fn open(&mut self, _: &Connection) {}

    fn event(&mut self, (): &mut (), _: &mut Connection, event: StreamEvent<'_>) {
        match event {
            StreamEvent::Data { bytes, .. } => self.bytes += bytes.len() as u64,
            StreamEvent::Gap { .. } => self.gaps += 1,
            StreamEvent::End { .. } => {}
        }
    }

    fn close(&mut self, (): (), _: Connection) {}
}

/// Segments to streams.
pub fn reassemble(segments: &[Segment<'_>], limits: &Limits) -> Counter {
    let (mut table, mut counter) = (FlowTable::new(limits), Counter::default());
    for segment in segments {
        table.push(segment, &mut counter);
    }
    table.finish(&mut counter);
    counter
}

/// Counts exchanges.
#[derive(Debug, Default)]
pub struct Exchanges(pub u64);

impl Sink for Exchanges {
    fn exchange(&mut self, exchange: Exchange) {
        std::hint::black_box(&exchange);
        self.0 += 1;
    }

    fn note(&mut self, _: Note) {}
}

/// Calls `run` with the context of a connection that was just opened; returns the exchanges it yields.
pub fn with_context(keys: &Keys, limits: &Limits, run: impl FnOnce(&mut Context<'_>)) -> u64 {
    let end = |port| Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    let mut connection = Connection {
        roles_known: true,
        from_start: [true; 2],
        ..Connection::new(ConnectionId(1), end(50_000), end(443), AT)
    };
    let mut sink = Exchanges::default();
    run(&mut Context {
        connection: &mut connection,
        tls: None,
        keys,
        limits,
        bodies: BodyPolicy::Tokens,
        barren: &inspector_core::coding::barren::Barren::new(|_| true),
        sink: &mut sink,
    });
    sink.0
}
