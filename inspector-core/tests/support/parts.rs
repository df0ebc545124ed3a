//! Damaged recordings of every format, read in one piece by one thread and in pieces by several: all must give the same.
//!
//! A case is made of the fixtures by its number alone:
//!
//! ```text
//! fixture ─ cut into files (one of five) ─ edits ─ gzip, zstd or lz4 around it, edited again (one of three)
//!     ├─► whole, 1 job               ┐ the same exchanges, connections,
//!     └─► pieces, 1, 2, 3 and 8 jobs ┘ notes and report
//! ```
//!
//! The formats of other tools are written from some of the scenarios. Those that are read from place to place are read so,
//! too, and must give the same as from front to back.
//!
//! Edits set, insert, remove, repeat and swap bytes, or cut the end off. A third of the cases is read within limits so
//! small that most of them are reached.

#[path = "packed.rs"]
#[allow(unreachable_pub)] // The fuzz targets use it too.
mod packed;
#[path = "written.rs"]
mod written;

use std::{
    collections::VecDeque,
    fs,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::{
        Control, Seekable,
        set::{Piece, Set},
    },
    limits::Limits,
    note::Note,
    policy::Policy,
    profile::Profile,
    report::v1,
    secrets::keylog::Keys,
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
    bases.extend(written_bases(&fixtures));
    bases.sort_by(|a, b| a.path.cmp(&b.path));
    bases
}

/// Scenarios that are written in the formats of other tools.
const WRITTEN: [&str; 4] = ["basic-sent", "golden", "handshake-complete", "username-token"];

/// Scenarios in the formats of other tools.
fn written_bases(fixtures: &Path) -> Vec<Base> {
    use written::{
        asciidump, burp, charles, charles_xml, curl, etl, exported, f5, flows, hexdump, netlog, netmon, packets, saz,
        sniffer, snoop, zap,
    };
    let mut bases = Vec::new();
    for folder in WRITTEN.map(|name| fixtures.join("scenarios").join(name)) {
        let scenario = folder.file_name().unwrap().to_str().unwrap();
        let read = |name: &str| fs::read(folder.join(name)).unwrap();
        let frames = packets(scenario);
        let json = charles(scenario).iter().map(ToString::to_string).collect::<Vec<_>>().join(",\n");
        let all = [
            ("saz", saz(scenario)),
            ("flows", flows(scenario)),
            ("chlsj", format!("[{json}]").into()),
            ("chlsx", charles_xml(scenario)),
            ("burp", burp(scenario)),
            ("zap", zap(scenario)),
            ("netlog", netlog(scenario)),
            ("curl", curl(scenario)),
            ("zhar", packed::zlib(&read("recording.har"))),
            ("snoop", snoop(&frames)),
            ("sniffer", sniffer(&frames)),
            ("netmon", netmon(&frames)),
            ("etl", etl(&frames)),
            ("hex", hexdump(&frames)),
            ("ascii", asciidump(&frames)),
            ("exported", exported(&frames)),
            ("f5", f5(&read("tls12.pcap"), &String::from_utf8(read("tls12.keys")).unwrap())),
        ];
        bases.extend(all.into_iter().map(|(ending, bytes)| Base {
            path: folder.join(format!("written.{ending}")),
            bytes,
            keys: Vec::new(),
        }));
    }
    assert!(bases.len() > 30, "{}", bases.len());
    bases
}

/// Gives its bytes in pieces of random lengths, or as many as are wanted.
struct Pieces {
    rest: VecDeque<u8>,
    whole: bool,
    most: usize,
    random: Random,
}

impl Read for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let most = if self.whole { room.len() } else { (1 + self.random.below(self.most)).min(room.len()) };
        self.rest.read(&mut room[..most])
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

/// How the files of a case are read.
#[derive(Clone, Copy)]
enum How {
    /// In one piece each.
    Whole,
    /// In pieces of at most a number of bytes, by a seed.
    Pieces(usize, u64),
    /// As the only file of a set, in one piece or at any place.
    InSet { at_any_place: bool },
}

/// Reads the files.
fn answer(base: &Base, files: &[Vec<u8>], how: How, jobs: usize, limits: &Limits) -> Answer {
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
    let (whole, most, seed) = match how {
        How::Whole | How::InSet { .. } => (true, usize::MAX, 0),
        How::Pieces(most, seed) => (false, most, seed),
    };
    let open = |file: &[u8]| Pieces { rest: file.to_vec().into(), whole, most, random: Random(seed) };
    let read = if let ([file], How::InSet { at_any_place }) = (files, how) {
        let piece = if at_any_place {
            Piece::file(move || Ok(Box::new(Cursor::new(file.as_slice())) as Box<dyn Seekable + '_>), 0)
        } else {
            Piece::new(move || Ok(Box::new(open(file)) as Box<dyn Read>), 0)
        };
        engine::read_from(SOURCE, &mut Set::new(vec![piece]), &mut keys, &options, &mut hearing)
    } else if let [file] = files {
        engine::read(SOURCE, &mut open(file), &mut keys, &options, &mut hearing)
    } else {
        let piece = |file| Piece::new(move || Ok(Box::new(open(file)) as Box<dyn Read>), 0);
        let mut set = Set::new(files.iter().map(|file| piece(file.as_slice())).collect());
        let read = engine::read_from(SOURCE, &mut set, &mut keys, &options, &mut hearing);
        hearing.answer.notes.extend(set.into_read().iter().map(|one| format!("{one:?}")));
        read
    };
    match read {
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

/// Cuts a capture in the classic format between its packets into so many files, each with the header of the whole; other
/// recordings anywhere.
fn files(bytes: &[u8], count: usize, random: &mut Random) -> Vec<Vec<u8>> {
    let mut ends = vec![0];
    if bytes.starts_with(b"\xd4\xc3\xb2\xa1") {
        let mut at = 24;
        while let Some(length) = bytes.get(at + 8..).and_then(|rest| rest.first_chunk::<4>()) {
            ends.push(at);
            at += 16 + u32::from_le_bytes(*length) as usize;
        }
    }
    let header = &bytes[..if ends.len() > 1 { 24 } else { 0 }];
    let mut cuts: Vec<usize> = (1..count)
        .map(|_| if ends.len() > 1 { ends[random.below(ends.len())] } else { random.below(bytes.len()) })
        .map(|cut| cut.clamp(header.len(), bytes.len()))
        .collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut start = header.len();
    cuts.iter()
        .map(|end| {
            let part = [header, &bytes[start..*end]].concat();
            start = *end;
            part
        })
        .collect()
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
    // Most are one file; a capture may have been written in several.
    let count = if random.below(5) == 0 { 2 + random.below(2) } else { 1 };
    let mut files = if count > 1 { files(&base.bytes, count, &mut random) } else { vec![base.bytes.clone()] };
    for file in &mut files {
        for _ in 0..random.below(5) {
            edit(file, &mut random);
        }
        if random.below(3) == 0 {
            *file = [packed::gzip, packed::zstd, packed::lz4][random.below(3)](file);
            if random.below(2) == 0 {
                edit(file, &mut random);
            }
        }
    }
    let limits = match random.below(6) {
        0 | 1 => small(),
        2 => Limits::for_memory(4 << 20),
        _ => Limits::default(),
    };
    let whole = answer(base, &files, How::Whole, 1, &limits);
    for jobs in [1, 2, 3, 8] {
        let most = [1, 40, 1500, 100_000][random.below(4)];
        let how = How::Pieces(most, random.next());
        if let Some(difference) = whole.difference(&answer(base, &files, how, jobs, &limits)) {
            let name = base.path.display();
            let kind = if files.len() > 1 { format!("{} files", files.len()) } else { "one file".to_owned() };
            return Err((
                format!("case {number}, {name}, {kind}, {jobs} jobs, reads of {most}: {difference}"),
                files.concat(),
            ));
        }
    }
    // What is larger than can be held is read at any place only.
    if files.len() == 1 && files[0].len() < limits.file {
        let [in_order, at_any_place] =
            [false, true].map(|at_any_place| answer(base, &files, How::InSet { at_any_place }, 2, &limits));
        if let Some(difference) = in_order.difference(&at_any_place) {
            return Err((
                format!("case {number}, {}, at any place: {difference}", base.path.display()),
                files.concat(),
            ));
        }
    }
    Ok(())
}
