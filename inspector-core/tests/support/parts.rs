//! Damaged recordings of every format, read in one piece by one thread and in pieces by several: all must give the same.
//!
//! A case is made of the fixtures by its number alone:
//!
//! ```text
//! fixture ─ edits of its bytes ─ gzip around it, edited again (one of four) ─► whole, 1 job   ┐ the same exchanges,
//!                                                                          ├─► pieces, 2 jobs ├ connections, notes and
//!                                                                          └─► pieces, 3 or 8 ┘ report
//! ```
//!
//! Edits set, insert, remove, repeat and swap bytes, or cut the end off. A third of the cases is read within limits so
//! small that most of them are reached.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use inspector_core::{
    analysis::{Analysis, Policy},
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    http::exchange::Exchange,
    input::Control,
    limits::Limits,
    note::Note,
    profile::Profile,
    report::v1,
    tls::keylog::Keys,
    token::{extract::extract, interner::Interner},
};

const SOURCE: SourceId = SourceId(0);
/// Larger fixtures take longer than they are worth.
const LARGEST: usize = 300_000;

/// Numbers from a seed: the generator SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A number below `end`, or 0.
    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }
}

/// A recording of the fixtures, with the keys beside it.
pub(crate) struct Base {
    path: PathBuf,
    bytes: Vec<u8>,
    keys: Vec<Vec<u8>>,
}

/// Every recording of the fixtures that is not too large.
pub(crate) fn bases() -> Vec<Base> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let mut bases = Vec::new();
    let mut folders: Vec<PathBuf> = ["live", "scenarios", "ordinary", "rules"].map(|name| fixtures.join(name)).into();
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let kind = |path: &Path| path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let is_key = |path: &&PathBuf| matches!(kind(path).as_str(), "keys" | "pem");
        let keys: Vec<Vec<u8>> = paths.iter().filter(is_key).map(|path| fs::read(path).unwrap()).collect();
        for path in &paths {
            if path.is_dir() {
                folders.push(path.clone());
            } else if matches!(kind(path).as_str(), "pcap" | "pcapng" | "har" | "http") {
                let bytes = fs::read(path).unwrap();
                if bytes.len() <= LARGEST {
                    bases.push(Base { path: path.clone(), bytes, keys: keys.clone() });
                }
            }
        }
    }
    // Transcripts are many and alike.
    let mut transcripts = 0;
    bases.retain(|base| {
        let is_transcript = base.path.extension().is_some_and(|kind| kind == "http");
        transcripts += usize::from(is_transcript);
        !is_transcript || transcripts % 16 == 0
    });
    bases.sort_by(|a, b| a.path.cmp(&b.path));
    bases
}

/// Gives its bytes in pieces of random lengths.
struct Pieces<'a> {
    rest: &'a [u8],
    most: usize,
    random: Random,
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = (1 + self.random.below(self.most)).min(room.len()).min(self.rest.len());
        let (piece, rest) = self.rest.split_at(length);
        room[..length].copy_from_slice(piece);
        self.rest = rest;
        Ok(length)
    }
}

/// What came out of a recording.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Answer {
    exchanges: Vec<String>,
    connections: Vec<String>,
    notes: Vec<String>,
    report: String,
}

impl Answer {
    /// Where two answers differ, in a few words.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let lists = [
            ("exchange", &self.exchanges, &other.exchanges),
            ("connection", &self.connections, &other.connections),
            ("note", &self.notes, &other.notes),
        ];
        for (what, one, two) in lists {
            if one != two {
                let at = one.iter().zip(two).take_while(|(one, two)| one == two).count();
                let of = |list: &Vec<String>| list.get(at).map_or("none".to_owned(), |text| format!("{text:.600}"));
                return Some(format!("{what} {at} of {}/{}:\n{}\n{}", one.len(), two.len(), of(one), of(two)));
            }
        }
        (self.report != other.report).then(|| format!("report:\n{:.900}\n{:.900}", self.report, other.report))
    }
}

struct Hearing<'a> {
    answer: Answer,
    analysis: Analysis,
    interner: Interner,
    limits: &'a Limits,
}

impl Receiver for Hearing<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        self.answer.exchanges.push(format!("{exchange:?}"));
        let extraction = extract(&exchange, &mut self.interner, self.limits);
        self.analysis.exchange(&exchange, &extraction);
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.answer.connections.push(format!("{report:?}"));
        self.analysis.connection(SOURCE, &report);
    }

    fn note(&mut self, note: Note) {
        self.answer.notes.push(format!("{note:?}"));
        self.analysis.note(SOURCE, &note);
    }
}

fn answer(base: &Base, mut input: impl Read + Send, jobs: usize, limits: &Limits) -> Answer {
    let mut keys = Keys::new(limits);
    base.keys.iter().for_each(|file| _ = keys.add(file));
    let policy = Policy::new(Profile::builtin("exchange-s2s").unwrap());
    let mut hearing = Hearing {
        answer: Answer::default(),
        analysis: Analysis::new(policy, limits),
        interner: Interner::new(limits),
        limits,
    };
    hearing.analysis.input(SOURCE, "recording", "");
    let options = Options { limits: limits.clone(), jobs, ..Options::default() };
    match engine::read(SOURCE, &mut input, &mut keys, &options, &mut hearing) {
        Ok(reading) => {
            hearing.analysis.input(SOURCE, "recording", &reading.format);
            hearing.analysis.input_done(SOURCE, reading.coverage);
        }
        Err(error) => hearing.answer.notes.push(error.to_string()),
    }
    let report = hearing.analysis.finish();
    hearing.answer.report = serde_json::to_string(&v1::Report::from(&report)).unwrap();
    hearing.answer
}

/// Damages `bytes` in one place.
fn edit(bytes: &mut Vec<u8>, random: &mut Random) {
    const TEXTS: [&[u8]; 14] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"\\",
        b"\r\n",
        b"\0\0\0\0",
        b"\xff\xff",
        b"{\"startedDateTime\":\"a\",",
        b"]}}{\"log\":{\"entries\":[",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    ];
    let at = random.below(bytes.len());
    let most = [8, 200, 5000][random.below(3)];
    let end = (at + 1 + random.below(most)).min(bytes.len());
    match random.below(7) {
        0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = random.next() as u8),
        2 => _ = bytes.splice(at..at, TEXTS[random.below(TEXTS.len())].iter().copied()).count(),
        3 => _ = bytes.drain(at.min(end)..end),
        4 => {
            let part = bytes[at.min(end)..end].to_vec();
            _ = bytes.splice(at..at, part).count();
        }
        5 => {
            let (part, to) = (bytes.drain(at.min(end)..end).collect::<Vec<_>>(), random.below(bytes.len()));
            _ = bytes.splice(to..to, part).count();
        }
        _ => bytes.truncate(at),
    }
}

/// A gzip member around the bytes, in stored blocks (RFC 1951 §3.2.4, RFC 1952).
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let mut blocks = bytes.chunks(60_000).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    let crc = bytes
        .iter()
        .fold(!0_u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1))));
    out.extend((!crc).to_le_bytes());
    out.extend((bytes.len() as u32).to_le_bytes());
    out
}

/// Limits that are reached by small recordings.
fn small() -> Limits {
    let mut limits = Limits::for_memory(4 << 20);
    limits.block = 4096;
    limits.entry = 6000;
    limits.connections = 3;
    limits.out_of_order = 4096;
    limits.out_of_order_total = 8192;
    limits.fragments = 2048;
    limits.tls_handshake = 2048;
    limits.head = 1024;
    limits.fields = 16;
    limits.body = 700;
    limits.decoded_body = 1500;
    limits.h2_streams = 3;
    limits.pipeline = 3;
    limits.held = 512;
    limits.reorder = 8;
    limits
}

/// Makes the case of that number and reads it in all ways: what differs, if anything does; and the bytes.
pub(crate) fn case(bases: &[Base], number: u64) -> Result<(), (String, Vec<u8>)> {
    let mut random = Random(number.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let base = &bases[random.below(bases.len())];
    let mut bytes = base.bytes.clone();
    for _ in 0..random.below(5) {
        edit(&mut bytes, &mut random);
    }
    if random.below(4) == 0 {
        bytes = gzip(&bytes);
        if random.below(2) == 0 {
            edit(&mut bytes, &mut random);
        }
    }
    let limits = match random.below(6) {
        0 | 1 => small(),
        2 => Limits::for_memory(4 << 20),
        _ => Limits::default(),
    };
    let whole = answer(base, &bytes[..], 1, &limits);
    for jobs in [1, 2, [3, 8][random.below(2)]] {
        let most = [1, 40, 1500, 100_000][random.below(4)];
        let input = Pieces { rest: &bytes, most, random: Random(random.next()) };
        if let Some(difference) = whole.difference(&answer(base, input, jobs, &limits)) {
            let name = base.path.display();
            return Err((format!("case {number}, {name}, {jobs} jobs, reads of {most}: {difference}"), bytes));
        }
    }
    Ok(())
}
