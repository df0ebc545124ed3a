//! The paved path: one recording in, one report out.

use std::io::Read;

use crate::{
    analysis::Analysis,
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    http::exchange::Exchange,
    input::{Control, ReadError},
    note::Note,
    policy::Policy,
    report::Report,
    tls::keylog::{KeyError, KeySummary, Keys},
    token::{extract::extract, interner::Interner},
};

/// Judges recordings by one policy. Several reports are joined by [`Report::merge`].
#[derive(Debug)]
pub struct Judge {
    policy: Policy,
    options: Options,
    keys: Keys,
    next: u32,
}

impl Judge {
    /// A judge with the default bounds and no keys.
    pub fn new(policy: Policy) -> Self {
        Self { policy, options: Options::default(), keys: Keys::default(), next: 0 }
    }

    /// Reads with other options.
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Adds secrets that open encrypted connections: the text of an NSS key log, or an RSA private key (PEM or DER).
    ///
    /// # Errors
    /// The bytes are neither.
    pub fn add_keys(&mut self, bytes: &[u8]) -> Result<KeySummary, KeyError> {
        self.keys.add(bytes)
    }

    /// Reads a recording to its end and judges it. `name` is how the report calls it.
    ///
    /// # Errors
    /// Nothing of it could be read; later damage is a finding of the report.
    pub fn recording(&mut self, name: &str, input: &mut (dyn Read + Send)) -> Result<Report, ReadError> {
        let source = SourceId(self.next);
        self.next += 1;
        let limits = &self.options.limits;
        let mut hearing = Hearing {
            source,
            analysis: Analysis::new(self.policy.clone(), limits),
            interner: Interner::new(limits),
            options: &self.options,
        };
        hearing.analysis.input(source, name, "");
        let reading = engine::read(source, input, &mut self.keys, &self.options, &mut hearing)?;
        hearing.analysis.input(source, name, &reading.format);
        hearing.analysis.input_done(source, reading.coverage);
        Ok(hearing.analysis.finish())
    }
}

/// Hands what is read to the analysis.
struct Hearing<'a> {
    source: SourceId,
    analysis: Analysis,
    interner: Interner,
    options: &'a Options,
}

impl Receiver for Hearing<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let extraction = extract(&exchange, &mut self.interner, &self.options.limits);
        self.analysis.exchange(&exchange, &extraction);
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.analysis.connection(self.source, &report);
    }

    fn note(&mut self, note: Note) {
        self.analysis.note(self.source, &note);
    }
}
