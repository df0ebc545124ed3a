//! Which rules are asked about an exchange is a matter of speed alone: every fixture is judged with all rules asked about
//! every exchange and with those that say they have something to say, and the reports are the same.
//!
//! Fixtures are short, and what is asked less comes with repetition. So each exchange is shown several times in a row, and
//! the whole recording twice.

#![allow(clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    coverage::Coverage,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::Control,
    limits::Limits,
    note::Note,
    policy::Policy,
    profile::Profile,
    report::v1,
    secrets::keylog::Keys,
    token::{extract::extract, interner::Interner},
};

const SOURCE: SourceId = SourceId(0);

/// What a recording holds.
#[derive(Default)]
struct Recorded {
    exchanges: Vec<Exchange>,
    connections: Vec<ConnectionReport>,
    notes: Vec<Note>,
    coverage: Coverage,
}

impl Receiver for Recorded {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        self.exchanges.push(*exchange);
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.connections.push(report);
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

fn recorded(path: &Path) -> Option<Recorded> {
    let mut keys = Keys::default();
    if let Ok(log) = fs::read(path.with_extension("keys")) {
        keys.add(&log).ok()?;
    }
    let mut all = Recorded::default();
    let bytes = fs::read(path).expect("readable");
    let reading = engine::read(SOURCE, &mut bytes.as_slice(), &mut keys, &Options::default(), &mut all).ok()?;
    all.coverage = reading.coverage;
    Some(all)
}

/// The report in its JSON form.
fn report(all: &Recorded, mut analysis: Analysis, limits: &Limits) -> String {
    let mut interner = Interner::new(limits);
    analysis.input(SOURCE, "recording", "");
    for exchange in all.exchanges.iter().chain(&all.exchanges) {
        let extraction = extract(exchange, &mut interner, limits);
        for _ in 0..4 {
            analysis.exchange(exchange, &extraction);
        }
    }
    for connection in &all.connections {
        analysis.connection(SOURCE, connection);
    }
    for note in &all.notes {
        analysis.note(SOURCE, note);
    }
    analysis.input_done(SOURCE, all.coverage);
    serde_json::to_string_pretty(&v1::Report::from(&analysis.finish())).expect("serialisable")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The first line in which they differ.
fn difference(one: &str, other: &str) -> String {
    let at = one.lines().zip(other.lines()).position(|(one, other)| one != other).unwrap_or_default();
    let around = |text: &str| text.lines().skip(at.saturating_sub(4)).take(9).collect::<Vec<_>>().join("\n");
    format!("all asked:\n{}\nfew asked:\n{}", around(one), around(other))
}

#[test]
fn the_reports_on_all_fixtures_are_the_same_whoever_is_asked() {
    let mut all = Vec::new();
    files(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures"), &mut all);
    all.sort();
    let usual = Profile::builtin("exchange-s2s").expect("built in");
    let limits = Limits::default();
    let (mut judged, mut wrong) = (0, Vec::new());
    for path in all {
        let Some(recorded) = recorded(&path) else { continue };
        let analysis = || Analysis::new(Policy::new(usual.clone()), &limits);
        let thorough = report(&recorded, analysis().thorough(), &limits);
        let quick = report(&recorded, analysis(), &limits);
        judged += usize::from(!recorded.exchanges.is_empty());
        if thorough != quick {
            wrong.push(format!("{}: {}", path.display(), difference(&thorough, &quick)));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 1000, "only {judged} judged");
}
