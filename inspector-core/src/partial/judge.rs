//! Merges partial results: puts their lines in the order of the recordings, and judges each recording once.

use std::{
    collections::{BTreeMap, HashMap},
    io,
};

use foldhash::fast::RandomState;

use super::{
    read::{self, Lines, Place},
    record::{End, Line, PartOf, PolicyText},
    source::{PartialError, Source},
    write::learn,
};
use crate::{
    analysis::Analysis,
    coverage::Coverage,
    evidence::{ConnectionId, SourceId},
    exchange::Exchange,
    limits::Limits,
    losses,
    policy::Policy,
    report::{Input, Report},
    secret::Fingerprint,
    time::Timestamp,
    token::{extract::extract, interner::Interner},
};

/// When tokens were first seen.
pub type Moments = HashMap<Fingerprint, Timestamp, RandomState>;

/// What the parts came to.
pub struct Merged {
    /// The report.
    pub report: Report,
    /// When each token was first seen.
    pub first_seen: Moments,
    /// Sightings of tokens after a limit was reached.
    pub beyond: u64,
    /// So many recordings could be read.
    pub readable: u64,
}

/// All parts of the files, in the order of the recordings' names.
pub(super) fn places(sources: &[Source]) -> Result<Vec<Place>, PartialError> {
    let mut all = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        all.extend(read::parts(number, &source.name, &*source.open)?);
    }
    all.sort_by(|one, other| (&one.part.path, &one.part.of).cmp(&(&other.part.path, &other.part.of)));
    Ok(all)
}

/// Judges the recordings that files of partial results are of.
///
/// The report is that of the recordings themselves, in the order of their names: whatever the order of the files and of the
/// parts in them.
///
/// # Errors
/// A file cannot be read, or there is none.
pub fn merge(sources: &[Source], policy: &Policy, limits: &Limits) -> Result<Merged, PartialError> {
    let mut recordings: Vec<Vec<Place>> = Vec::new();
    for place in places(sources)? {
        let same = |known: &&mut Vec<Place>| {
            known.first().is_some_and(|first| match (&first.part.of, &place.part.of) {
                (Some(one), Some(other)) => (&first.part.path, &one.id) == (&place.part.path, &other.id),
                _ => false,
            })
        };
        match recordings.iter_mut().rev().find(same) {
            Some(known) => known.push(place),
            None => recordings.push(vec![place]),
        }
    }
    let (mut reports, mut first_seen, mut beyond, mut readable) = (Vec::new(), Moments::default(), 0, 0);
    let mut next = 0_u32;
    for places in recordings {
        let source = SourceId(next);
        let mut judging = Judging::new(source, &places, policy, limits);
        judging.read(sources, &places)?;
        readable += u64::from(judging.is_readable);
        let (report, files) = judging.finish();
        next = next.saturating_add(files.max(1));
        reports.push(report.report);
        #[expect(clippy::iter_over_hash_type, reason = "the earliest of two moments is the same in any order")]
        for (token, seen) in report.first_seen {
            let first = first_seen.entry(token).or_insert(seen);
            *first = seen.min(*first);
        }
        beyond += report.beyond;
    }
    let report = Report::merge(reports).ok_or(PartialError::Nothing)?;
    Ok(Merged { report, first_seen, beyond, readable })
}

/// The report of the parts of a file as if each were a recording by itself.
///
/// # Errors
/// It cannot be read.
pub fn alone(source: &Source, policy: &Policy, limits: &Limits) -> Result<Report, PartialError> {
    let mut reports = Vec::new();
    for (mut place, number) in places(std::slice::from_ref(source))?.into_iter().zip(0..) {
        place.part.of = None;
        let places = [place];
        let mut judging = Judging::new(SourceId(number), &places, policy, limits);
        judging.read(std::slice::from_ref(source), &places)?;
        reports.push(judging.finish().0.report);
    }
    Report::merge(reports).ok_or(PartialError::Nothing)
}

/// The options of the first part in the order of the recordings' names, and whether all parts have the same.
///
/// # Errors
/// A file cannot be read.
pub fn options(sources: &[Source]) -> Result<(PolicyText, bool), PartialError> {
    let places = places(sources)?;
    let first = places.first().ok_or(PartialError::Nothing)?.part.policy.clone();
    let same = places.iter().all(|place| place.part.policy == first);
    Ok((first, same))
}

/// A part that is read, and its next line.
struct Stream {
    lines: Lines,
    next: Option<Line>,
    /// Its number among the parts.
    number: usize,
}

impl Stream {
    /// Reads on to the next line that has a place; takes down what stands in for secrets.
    fn advance(&mut self) {
        loop {
            self.next = self.lines.next();
            match &self.next {
                Some(Line::Secrets(rows)) => learn(rows),
                _ => return,
            }
        }
    }

    /// Where its next line stands in the recording: exchanges before what became of connections.
    fn key(&self, ranks: &Ranks) -> Option<(u64, u8, u64, usize)> {
        Some(match self.next.as_ref()? {
            Line::Exchange(row) => (row.k, 0, row.c.map_or(0, |id| ranks.of(self.number, id)), self.number),
            Line::Connection(row) => {
                let id = row.v.get("connection").and_then(serde_json::Value::as_u64).unwrap_or_default();
                (row.k, 1, ranks.of(self.number, id), self.number)
            }
            Line::Note(row) => (row.k, 2, 0, self.number),
            _ => (u64::MAX, 3, 0, self.number),
        })
    }
}

/// Numbers of connections over all parts, in the order of their first packets. Of a whole recording they are those it has.
#[derive(Default)]
struct Ranks(Option<BTreeMap<(usize, u64), u64>>);

impl Ranks {
    fn of(&self, part: usize, id: u64) -> u64 {
        self.0.as_ref().map_or(id, |ranks| ranks.get(&(part, id)).copied().unwrap_or_default())
    }
}

struct Judging<'p> {
    source: SourceId,
    path: String,
    analysis: Analysis,
    interner: Interner,
    limits: &'p Limits,
    first_seen: Moments,
    coverage: Coverage,
    format: String,
    files: Vec<(String, Result<String, String>, Coverage)>,
    exchanges: u64,
    unreadable: Option<String>,
    is_readable: bool,
    /// Parts whose ends were read.
    ends: Vec<usize>,
}

impl<'p> Judging<'p> {
    fn new(source: SourceId, places: &[Place], policy: &Policy, limits: &'p Limits) -> Self {
        let path = places.first().map(|place| place.part.path.clone()).unwrap_or_default();
        let mut analysis = Analysis::new(policy.clone(), limits);
        analysis.input(source, &path, "");
        analysis.verified_before(places.len());
        Self {
            source,
            path,
            analysis,
            interner: Interner::new(limits),
            limits,
            first_seen: Moments::default(),
            coverage: Coverage::default(),
            format: String::new(),
            files: Vec::new(),
            exchanges: 0,
            unreadable: None,
            is_readable: false,
            ends: Vec::new(),
        }
    }

    fn read(&mut self, sources: &[Source], places: &[Place]) -> Result<(), PartialError> {
        let places = self.complete(places);
        let is_split = places.iter().any(|place| place.part.of.is_some());
        let ranks = if is_split { ranks(sources, &places)? } else { Ranks::default() };
        let mut streams = Vec::with_capacity(places.len());
        for (number, place) in places.iter().enumerate() {
            let lines = open(sources, place)?;
            let mut stream = Stream { lines, next: None, number };
            stream.advance();
            streams.push(stream);
        }
        loop {
            let first = streams.iter().enumerate().filter_map(|(at, stream)| Some((stream.key(&ranks)?, at))).min();
            let Some(stream) = first.and_then(|(_, at)| streams.get_mut(at)) else { break };
            let number = stream.number;
            let Some(line) = stream.next.take() else { break };
            let count = stream.lines.count;
            self.take(line, number, count, is_split, &ranks);
            stream.advance();
            if stream.next.is_none() && !self.ended(number) {
                let which = places.get(number).and_then(|place| place.part.of.as_ref());
                let which = which.map_or_else(
                    || "the partial result".to_owned(),
                    |of| format!("part {} of {}", of.number, of.parts),
                );
                self.analysis
                    .file_unreadable(self.source, &format!("{which} breaks off, so that what follows is unknown"));
            }
        }
        Ok(())
    }

    /// The parts, each once. Says which are missing, and which are there more than once.
    fn complete(&mut self, places: &[Place]) -> Vec<Place> {
        let mut by_number: BTreeMap<u32, Vec<Place>> = BTreeMap::new();
        for place in places {
            by_number.entry(place.part.of.as_ref().map_or(0, |of| of.number)).or_default().push(place.clone());
        }
        let Some(PartOf { parts, .. }) = places.iter().find_map(|place| place.part.of.clone()) else {
            return places.to_vec();
        };
        for number in 1..=parts {
            let how = match by_number.get(&number).map_or(0, Vec::len) {
                0 => "is missing, so that what it holds is unknown",
                1 => continue,
                _ => "was given more than once; it is counted once, and it is unknown whether they are the same",
            };
            self.analysis.lacks_part(self.source, &format!("part {number} of {parts} {how}"));
        }
        by_number.into_values().filter_map(|same| same.into_iter().next()).collect()
    }

    fn ended(&self, number: usize) -> bool {
        self.ends.contains(&number)
    }

    fn take(&mut self, line: Line, part: usize, count: u64, is_split: bool, ranks: &Ranks) {
        match line {
            Line::Exchange(row) => {
                let mut exchange = row.exchange();
                exchange.source = self.source;
                self.exchanges += 1;
                if is_split {
                    exchange.number = self.exchanges;
                    exchange.connection = exchange.connection.map(|id| ConnectionId(ranks.of(part, id.0)));
                }
                self.exchange(&exchange);
            }
            Line::Connection(row) => match losses::connection_from_json(&row.v) {
                Some(mut report) => {
                    report.connection.id = ConnectionId(ranks.of(part, report.connection.id.0));
                    report.client_randoms = row.r.iter().filter_map(|text| super::record::unhex(text)).collect();
                    self.analysis.connection(self.source, &report);
                }
                None => self.analysis.lacks_part(self.source, "a connection of the partial result cannot be read"),
            },
            Line::Note(row) => {
                let mut note = losses::note_from_json(&row.v);
                note.connection = note.connection.map(|id| ConnectionId(ranks.of(part, id.0)));
                self.analysis.note(self.source, &note);
            }
            Line::End(end) => self.end(*end, part, count),
            Line::Part(_) | Line::Secrets(_) => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let extraction = extract(exchange, &mut self.interner, self.limits);
        for sighting in &extraction.sightings {
            let Some(at) = sighting.at.time() else { continue };
            let layers = std::iter::successors(Some(&*sighting.token), |token| token.actor.as_deref());
            for token in layers {
                if self.first_seen.len() < self.limits.tokens {
                    self.first_seen.entry(token.id).or_insert(at);
                }
            }
        }
        self.analysis.exchange(exchange, &extraction);
    }

    fn end(&mut self, end: End, part: usize, count: u64) {
        self.ends.push(part);
        if end.lines != count {
            self.analysis.lacks_part(self.source, "lines of a partial result are missing");
        }
        if !end.exact {
            self.analysis.lacks_part(
                self.source,
                "without its secrets a part is not judged as with them; check the recording as a whole",
            );
        }
        self.coverage.add(&end.coverage);
        self.format = end.format;
        self.files.extend(end.files);
        self.is_readable |= end.unreadable.is_none();
        self.unreadable = self.unreadable.take().or(end.unreadable);
        for (token, signature, reason) in end.signatures {
            if let Some(token) = super::record::unhex(&token).map(Fingerprint::from_bytes) {
                self.analysis.signature(token, signature, &reason);
            }
        }
        end.publishers.iter().for_each(|issuer| self.analysis.publisher(issuer));
    }

    /// The report, and how many files it has.
    fn finish(self) -> (Merged, u32) {
        let Self { source, path, mut analysis, interner, first_seen, coverage, format, files, unreadable, .. } = self;
        let merged = |report| Merged { report, first_seen, beyond: interner.overflow(), readable: 1 };
        if let (Some(why), false) = (unreadable, self.is_readable) {
            analysis.unreadable(source, &path, &why);
            return (merged(analysis.finish()), 1);
        }
        analysis.input(source, &path, &format);
        analysis.input_done(source, coverage);
        if files.len() < 2 {
            return (merged(analysis.finish()), 1);
        }
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
        let mut inputs = Vec::with_capacity(files.len());
        for ((path, format, coverage), source) in files.into_iter().zip((source.0..).map(SourceId)) {
            if let Err(why) = &format {
                analysis.file_unreadable(source, why);
            }
            inputs.push(Input::file(source, path, format.unwrap_or_else(|_| "unreadable".to_owned()), coverage));
        }
        (merged(analysis.finish().by_file(source, inputs)), count)
    }
}

fn open(sources: &[Source], place: &Place) -> Result<Lines, PartialError> {
    let source = sources.get(place.file).ok_or(PartialError::Nothing)?;
    let io = |error: io::Error| PartialError::Io { name: source.name.clone(), error };
    Lines::new((source.open)().map_err(io)?, place.offset).map_err(io)
}

/// Numbers the connections of all parts by their first packets.
fn ranks(sources: &[Source], places: &[Place]) -> Result<Ranks, PartialError> {
    let mut firsts: Vec<(u64, usize, u64)> = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let mut lines = open(sources, place)?;
        while let Some(Line::Connection(row)) = lines.next_of(b"{\"connection\":") {
            let id = row.v.get("connection").and_then(serde_json::Value::as_u64).unwrap_or_default();
            let first = row.v.pointer("/first/frame").and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
            firsts.push((first, number, id));
        }
    }
    firsts.sort_unstable();
    Ok(Ranks(Some(firsts.into_iter().zip(1..).map(|((_, part, id), rank)| ((part, id), rank)).collect())))
}
