//! A whole recording to a report. No token that was found in it is to be read in the report.
#![no_main]

use std::sync::{Arc, OnceLock};

use inspector_core::{
    analysis::Analysis,
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::Control,
    limits::Limits,
    note::Note,
    policy::Policy,
    profile::Profile,
    report::v1,
    token::{Token, extract::extract, interner::Interner},
};
use inspector_core_fuzz::{limits, recording_keys};
use libfuzzer_sys::fuzz_target;

const SOURCE: SourceId = SourceId(0);

struct Judge {
    analysis: Analysis,
    interner: Interner,
    limits: Limits,
    tokens: Vec<Arc<Token>>,
}

impl Receiver for Judge {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let extraction = extract(&exchange, &mut self.interner, &self.limits);
        self.analysis.exchange(&exchange, &extraction);
        self.tokens.extend(extraction.sightings.into_iter().map(|sighting| sighting.token));
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.analysis.connection(SOURCE, &report);
    }

    fn note(&mut self, note: Note) {
        self.analysis.note(SOURCE, &note);
    }
}

fn policy() -> Policy {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    Policy::new(PROFILE.get_or_init(|| Profile::builtin("exchange-s2s").expect("a profile of this program")).clone())
}

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let mut keys = recording_keys(&limits);
    let mut judge = Judge {
        analysis: Analysis::new(policy(), &limits),
        interner: Interner::new(&limits),
        limits: limits.clone(),
        tokens: Vec::new(),
    };
    judge.analysis.input(SOURCE, "recording", "fuzz");
    let options = Options { limits, ..Options::default() };
    let Ok(reading) = engine::read(SOURCE, &mut &*bytes, &mut keys, &options, &mut judge) else { return };
    judge.analysis.input_done(SOURCE, reading.coverage);
    let report = judge.analysis.finish();
    assert!(report.exit_code() <= 3);
    let shown = serde_json::to_string(&v1::Report::from(&report)).expect("a report serialises");
    for token in judge.tokens {
        let raw: &str = token.raw.reveal();
        assert!(!token.kind.is_readable() || raw.len() < 24 || !shown.contains(raw), "{raw} in {shown}");
    }
});
