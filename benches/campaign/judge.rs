//! Runs the library on what a mutant became, as the program does.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    engine::{self, Options, Reading, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::{
        self, Control, Item, ReadError,
        set::{Piece, Set},
    },
    limits::Limits,
    note::Note,
    policy::Policy,
    profile::Profile,
    report::{Report, v1},
    secrets::keylog::Keys,
    token::{extract::extract, interner::Interner},
};

/// What the program is given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// The recordings; each in the files that make one recording, in order.
    pub(crate) recordings: Vec<Vec<Vec<u8>>>,
    /// The key log beside them, if there is one.
    pub(crate) keys: Option<String>,
}

/// What it answered.
#[derive(Debug)]
pub(crate) enum Answer {
    Report(Box<Report>),
    /// No input could be read, or the keys could not.
    Unreadable(String),
    Panicked(String),
}

impl Answer {
    /// `pass`, `fail`, `inconclusive`, `unreadable` or `panic`.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Report(report) => report.outcome.as_str(),
            Self::Unreadable(_) => "unreadable",
            Self::Panicked(_) => "panic",
        }
    }

    /// The sentence that goes with it.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Report(report) => &report.reason,
            Self::Unreadable(why) | Self::Panicked(why) => why,
        }
    }

    /// Everything there is to compare.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Report(report) => {
                serde_json::to_string(&v1::Report::from(&**report)).expect("a report is written to memory")
            }
            other => format!("{}: {}", other.word(), other.reason()),
        }
    }
}

struct Hearing<'a> {
    source: SourceId,
    analysis: Analysis,
    interner: Interner,
    limits: &'a Limits,
    exchanges: Option<&'a mut Vec<Exchange>>,
}

impl Receiver for Hearing<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let extraction = extract(&exchange, &mut self.interner, self.limits);
        self.analysis.exchange(&exchange, &extraction);
        if let Some(list) = &mut self.exchanges {
            list.push(*exchange);
        }
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.analysis.connection(self.source, &report);
    }

    fn note(&mut self, note: Note) {
        self.analysis.note(self.source, &note);
    }
}

/// Judges what is given by a built-in profile on so many threads.
pub(crate) fn judge(given: &Given, profile: &str, jobs: usize) -> Answer {
    let run = || run(given, profile, jobs, None);
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Answer::Panicked(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
    })
}

/// Judges, and gives the exchanges too.
pub(crate) fn listen(given: &Given, profile: &str) -> (Answer, Vec<Exchange>) {
    let mut exchanges = Vec::new();
    (run(given, profile, 1, Some(&mut exchanges)), exchanges)
}

fn run(given: &Given, profile: &str, jobs: usize, mut exchanges: Option<&mut Vec<Exchange>>) -> Answer {
    let policy = Policy::new(Profile::builtin(profile).expect("the profile is built in"));
    let options = Options { jobs, ..Options::default() };
    let mut keys = Keys::default();
    if let Some(text) = &given.keys
        && let Err(error) = keys.add(text.as_bytes())
    {
        return Answer::Unreadable(error.to_string());
    }
    // Secrets may stand behind the connections they open, and in another file: they are looked for first.
    for piece in given.recordings.iter().flatten() {
        let mut sink = |item: Item<'_>| {
            if let Item::Secrets(text) = item {
                keys.add_recorded(text);
            }
            Control::Continue
        };
        let _ = input::read_recording(&mut piece.as_slice(), &options.limits, &mut sink);
    }
    let mut reports = Vec::new();
    let mut error = String::new();
    let mut source = 0;
    for pieces in &given.recordings {
        let mut hearing = Hearing {
            source: SourceId(source),
            analysis: Analysis::new(policy.clone(), &options.limits),
            interner: Interner::new(&options.limits),
            limits: &options.limits,
            exchanges: exchanges.as_deref_mut(),
        };
        source += pieces.len() as u32;
        match read(pieces, &mut keys.fork(), &options, &mut hearing) {
            Ok(reading) => {
                hearing.analysis.input(hearing.source, "mutant", &reading.format);
                hearing.analysis.input_done(hearing.source, reading.coverage);
                reports.push(hearing.analysis.finish());
            }
            Err(why) => {
                error = why.to_string();
                let mut analysis = Analysis::new(policy.clone(), &options.limits);
                analysis.unreadable(hearing.source, "mutant", &error);
                reports.push(analysis.finish());
            }
        }
    }
    let read = reports.iter().any(|report| report.inputs.iter().any(|input| input.format != "unreadable"));
    match Report::merge(reports).filter(|_| read) {
        Some(report) => Answer::Report(Box::new(report)),
        None => Answer::Unreadable(error),
    }
}

fn read(
    pieces: &[Vec<u8>],
    keys: &mut Keys,
    options: &Options,
    hearing: &mut Hearing<'_>,
) -> Result<Reading, ReadError> {
    let source = hearing.source;
    if let [piece] = pieces {
        return engine::read(source, &mut piece.as_slice(), keys, options, hearing);
    }
    let pieces = pieces.iter().map(|piece| Piece::new(|| Ok(Box::new(Cursor::new(piece.as_slice()))), 0)).collect();
    engine::read_from(source, &mut Set::new(pieces), keys, options, hearing)
}
