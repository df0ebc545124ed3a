//! Whatever is read, however it comes, and whatever goes wrong: several threads hand out what one does.

use std::{
    fs,
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use etherparse::PacketBuilder;
use proptest::prelude::*;

use crate::{
    connection::ConnectionReport,
    context::BodyPolicy,
    engine::{Options, Reading, Receiver, read},
    evidence::SourceId,
    exchange::Exchange,
    input::{Control, ReadError, unpack::tests::gzip},
    limits::Limits,
    note::Note,
    secrets::keylog::Keys,
};

/// How long anything may take that would hang if it were broken.
const PATIENCE: Duration = Duration::from_secs(120);

/// Everything a receiver is told, in order.
#[derive(Default)]
struct Log(Vec<String>);

impl Receiver for Log {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        self.0.push(format!("{exchange:?}"));
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.0.push(format!("{report:?}"));
    }

    fn note(&mut self, note: Note) {
        self.0.push(format!("{note:?}"));
    }
}

/// Gives at most so many bytes at once.
struct Portions<'a>(&'a [u8], usize);

impl Read for Portions<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let most = to.len().min(self.1);
        self.0.read(&mut to[..most])
    }
}

/// What a reading gives: the outcome, what the receiver was told, and what the keys were good for.
fn outcome(file: &[u8], keys: &[&[u8]], options: &Options, portion: usize) -> (String, Vec<String>, String) {
    let mut all = Keys::new(&options.limits);
    for one in keys {
        let _ = all.add(one);
    }
    let mut log = Log::default();
    let reading = read(SourceId(3), &mut Portions(file, portion), &mut all, options, &mut log);
    let sources: Vec<_> = all.sources().collect();
    (format!("{:?}", reading.map_err(|error: ReadError| error.to_string())), log.0, format!("{sources:?}"))
}

fn assert_same(name: &str, file: &[u8], keys: &[&[u8]], options: &Options, portions: &[usize]) {
    let alone = outcome(file, keys, &Options { jobs: 1, ..options.clone() }, usize::MAX);
    for jobs in [2, 3, 8] {
        for portion in portions {
            let together = outcome(file, keys, &Options { jobs, ..options.clone() }, *portion);
            assert_eq!(alone.0, together.0, "{name} {jobs} {portion}");
            for (number, (one, other)) in alone.1.iter().zip(&together.1).enumerate() {
                assert_eq!(one, other, "{name} {jobs} {portion}: {number}");
            }
            assert_eq!(alone.1.len(), together.1.len(), "{name} {jobs} {portion}");
            assert_eq!(alone.2, together.2, "{name} {jobs} {portion}");
        }
    }
}

fn recordings() -> Vec<(PathBuf, Vec<Vec<u8>>)> {
    let live = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/live");
    let mut found = Vec::new();
    for folder in fs::read_dir(live).unwrap().map(|folder| folder.unwrap().path()) {
        let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        let is_key = |path: &&PathBuf| path.extension().is_some_and(|kind| kind == "keys" || kind == "pem");
        let keys = files.iter().filter(is_key).map(|path| fs::read(path).unwrap()).collect::<Vec<_>>();
        let recording = files.into_iter().find(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("recording.p"))
                || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("recording.har"))
        });
        found.extend(recording.map(|recording| (recording, keys)));
    }
    found
}

#[test]
fn every_recording_gives_the_same() {
    let recordings = recordings();
    assert!(recordings.len() >= 25);
    let full = Options { digests: true, bodies: BodyPolicy::Measure, ..Options::default() };
    let limits = Limits { tls_pending_total: 8 << 10, tls_records_total: 64 << 10, reorder: 2, ..Limits::default() };
    let tight = Options { limits: Limits { connections: 2, connections_total: 40_000, ..limits }, ..full.clone() };
    for (path, keys) in recordings {
        let (name, file) = (path.display().to_string(), fs::read(&path).unwrap());
        let given: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
        assert_same(&name, &file, &given, &full, &[usize::MAX, 5_000]);
        assert_same(&name, &file, &given, &tight, &[3_000]);
        assert_same(&name, &file, &[], &full, &[60_000]);
        // With one secret only, what is resumed can be opened by what an earlier connection taught.
        let first = keys.iter().filter_map(|log| Some(log.split_inclusive(|byte| *byte == b'\n').next()?.to_vec()));
        let first: Vec<Vec<u8>> = first.collect();
        let first: Vec<&[u8]> = first.iter().map(Vec::as_slice).collect();
        assert_same(&name, &file, &first, &full, &[9_000]);
        assert_same(&name, &file[..file.len() * 2 / 3], &given, &full, &[usize::MAX]);
    }
}

/// One segment of a synthetic recording.
#[derive(Clone, Debug)]
struct Segment {
    port: u16,
    to_server: bool,
    sequence: u32,
    acknowledgment: u32,
    syn: bool,
    fin: bool,
    payload: Vec<u8>,
}

fn file_of(segments: &[Segment]) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 1 << 18, 1].map(u32::to_le_bytes).concat();
    for (number, segment) in (0_u32..).zip(segments) {
        let (from, to) = if segment.to_server { (1, 2) } else { (2, 1) };
        let (source, target) = if segment.to_server { (segment.port, 80) } else { (80, segment.port) };
        let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, from], [10, 0, 0, to], 64);
        let mut builder = builder.tcp(source, target, segment.sequence, 65_000);
        builder = if segment.syn { builder.syn() } else { builder };
        builder = if segment.fin { builder.fin() } else { builder };
        if !segment.syn || !segment.to_server {
            builder = builder.ack(segment.acknowledgment);
        }
        let mut packet = Vec::new();
        builder.write(&mut packet, &segment.payload).unwrap();
        let length = packet.len() as u32;
        file.extend([1 + number / 100, number % 100 * 10_000, length, length].map(u32::to_le_bytes).concat());
        file.extend(packet);
    }
    file
}

/// A connection with so many exchanges, whose contents are so long, in segments of so many bytes.
fn connection(port: u16, exchanges: usize, content: usize, piece: usize, open: bool) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut next = [1_000_u32, 5_000];
    let mut send = |side: usize, bytes: &[u8], syn: bool, fin: bool| {
        let chunks: Vec<&[u8]> = if bytes.is_empty() { vec![&[]] } else { bytes.chunks(piece.max(1)).collect() };
        for chunk in chunks {
            let [sequence, acknowledgment] = [next[side], next[1 - side]];
            segments.push(Segment {
                port,
                to_server: side == 0,
                sequence,
                acknowledgment,
                syn,
                fin,
                payload: chunk.to_vec(),
            });
            next[side] += chunk.len() as u32 + u32::from(syn) + u32::from(fin);
        }
    };
    if open {
        send(0, b"", true, false);
        send(1, b"", true, false);
    }
    for number in 0..exchanges {
        let request = format!("GET /{port}/{number} HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic YTpi\r\n\r\n");
        send(0, request.as_bytes(), false, false);
        // Some contents come again and again, and hold nothing.
        let (coding, body) = if number % 2 == 0 {
            ("identity", vec![b'x'; content])
        } else {
            ("gzip", gzip("dull ".repeat(100 + content % 3).as_bytes()))
        };
        let fields = format!("Content-Type: text/html\r\nContent-Encoding: {coding}\r\nContent-Length: {}", body.len());
        send(1, &[format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes(), &body].concat(), false, false);
    }
    send(0, b"", false, true);
    send(1, b"", false, true);
    segments
}

fn any_recording() -> impl Strategy<Value = Vec<Segment>> {
    let one = (0_usize..4, 0_usize..3_000, 1_usize..1_500, prop::bool::weighted(0.8));
    let all = prop::collection::vec(one, 1..9);
    // Which connection sends next, whether its segment is lost or doubled, and how far it is displaced.
    let turns = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..40, 0_usize..6), 400);
    (all, turns).prop_map(|(all, turns)| {
        let ports = 40_000_u16..;
        let mut queues: Vec<std::collections::VecDeque<Segment>> = ports
            .zip(all)
            .map(|(port, (count, content, piece, open))| connection(port, count, content, piece, open).into())
            .collect();
        let mut mixed: Vec<Segment> = Vec::new();
        for (which, fate, displaced) in turns {
            queues.retain(|queue| !queue.is_empty());
            if queues.is_empty() {
                break;
            }
            let queue = which.index(queues.len());
            let Some(segment) = queues[queue].pop_front() else { continue };
            if fate == 0 {
                continue;
            }
            let place = mixed.len().saturating_sub(if fate < 8 { displaced } else { 0 });
            mixed.insert(place, segment.clone());
            if fate == 39 {
                mixed.push(segment);
            }
        }
        mixed
    })
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let sizes = (1_usize..6, 1_000_usize..60_000, 500_usize..20_000, 0_usize..4);
    prop_oneof![
        Just(Limits::default()),
        sizes.prop_map(|(connections, connections_total, out_of_order, reorder)| Limits {
            connections,
            connections_total,
            out_of_order,
            out_of_order_total: out_of_order * 2,
            barren: out_of_order / 4,
            reorder,
            ..Limits::default()
        })
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_segments_gives_the_same(
        segments in any_recording(),
        limits in any_limits(),
        portion in prop_oneof![Just(usize::MAX), 1_usize..20_000],
    ) {
        let options = Options { limits, ..Options::default() };
        assert_same("synthetic", &file_of(&segments), &[], &options, &[portion]);
    }
}

/// Says what it was told as it is told.
struct Talker(mpsc::Sender<u64>);

impl Receiver for Talker {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let _ = self.0.send(exchange.number);
        Control::Continue
    }

    fn connection(&mut self, _: ConnectionReport) {}

    fn note(&mut self, _: Note) {}
}

/// A pipe on which nothing more comes before the first exchange was told of.
struct Pipe<'a> {
    before: &'a [u8],
    told: mpsc::Receiver<u64>,
    after: &'a [u8],
    waited: bool,
}

impl Read for Pipe<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if !self.before.is_empty() {
            return self.before.read(to);
        }
        if !std::mem::replace(&mut self.waited, true) {
            assert_eq!(self.told.recv_timeout(PATIENCE), Ok(1));
        }
        self.after.read(to)
    }
}

#[test]
fn a_live_pipe_is_answered_before_it_ends() {
    let segments = connection(40_000, 2, 100, 1_000, true);
    let whole = file_of(&segments);
    // The handshake and the first exchange.
    let first = file_of(&segments[..4]).len();
    for jobs in [1, 2, 8] {
        let (sender, told) = mpsc::channel();
        let (before, after) = whole.split_at(first);
        let mut pipe = Pipe { before, told, after, waited: false };
        let options = Options { jobs, ..Options::default() };
        let reading = read(SourceId(0), &mut pipe, &mut Keys::default(), &options, &mut Talker(sender)).unwrap();
        assert!(pipe.waited);
        assert_eq!((reading.coverage.exchanges, reading.coverage.packets), (2, segments.len() as u64));
    }
}

fn many() -> Vec<u8> {
    let segments: Vec<Segment> = (0..200).flat_map(|port| connection(40_000 + port, 3, 20_000, 1_400, true)).collect();
    file_of(&segments)
}

fn with<R: Receiver>(input: &mut (dyn Read + Send), receiver: &mut R) -> Result<Reading, ReadError> {
    let options = Options { jobs: 3, ..Options::default() };
    read(SourceId(0), input, &mut Keys::default(), &options, receiver)
}

/// Does something at the exchange of that number.
struct At<F>(u64, F);

impl<F: FnMut() -> Control> Receiver for At<F> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        if exchange.number == self.0 { (self.1)() } else { Control::Continue }
    }

    fn connection(&mut self, _: ConnectionReport) {}

    fn note(&mut self, _: Note) {}
}

#[test]
fn a_receiver_that_says_stop_is_told_of_no_further_exchange() {
    let file = many();
    let mut calls = 0;
    let reading = with(
        &mut &*file,
        &mut At(2, || {
            calls += 1;
            Control::Stop
        }),
    );
    assert!(reading.is_ok());
    assert_eq!(calls, 1);
}

#[test]
fn a_panic_on_one_thread_ends_all() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            assert!(!self.0.is_empty(), "broken input");
            let most = to.len().min(100_000);
            self.0.read(&mut to[..most])
        }
    }
    let file = many();
    let words = |panic: Box<dyn std::any::Any + Send>| panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let receiver = catch_unwind(AssertUnwindSafe(|| with(&mut &*file, &mut At(2, || panic!("broken receiver")))));
    assert_eq!(receiver.err().and_then(words).as_deref(), Some("broken receiver"));
    let input = catch_unwind(AssertUnwindSafe(|| with(&mut Broken(&file), &mut Log::default())));
    assert_eq!(input.err().and_then(words).as_deref(), Some("broken input"));
}
