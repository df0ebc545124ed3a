//! The paved path: one recording in, one report out.

use std::io::{self, Read};

use crate::{
    analysis::Analysis,
    connection::ConnectionReport,
    context::BodyPolicy,
    engine::{self, Options, Reading, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::{
        self, Control, Item, Producer, ReadError, Seekable, f5,
        set::{Piece, Set},
    },
    note::Note,
    policy::Policy,
    report::Report,
    secrets::keylog::{KeyError, KeySummary, Keys},
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
        let mut input = input;
        let mut keys = self.keys.fork();
        self.judge(name, &mut input, &mut keys)
    }

    /// As [`Judge::recording`], of what can be read more than once: a file, or bytes in memory. `open` opens it at its
    /// beginning. So secrets are found that lie behind the packets they open, and formats that are read from place to
    /// place need no memory for it. This is what the command does with a file.
    ///
    /// ```
    /// use std::io::Cursor;
    /// use inspector_core::{Judge, policy::PolicyOptions};
    ///
    /// let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".as_slice();
    /// let policy = PolicyOptions::default().build(&Default::default())?.policy;
    /// let report = Judge::new(policy).file("a.http", &|| Ok(Box::new(Cursor::new(bytes))))?;
    /// assert_eq!(report.inputs[0].path, "a.http");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Nothing of it could be read; later damage is a finding of the report.
    pub fn file(&mut self, name: &str, open: &Opener<'_>) -> Result<Report, ReadError> {
        let mut keys = self.keys_with_those_of(open)?;
        let mut set = Set::new(vec![Piece::file(|| open().map(|file| -> Box<dyn Seekable> { file }), 0)]);
        let read = self.judge(name, &mut set, &mut keys);
        of_only(set, read)
    }

    /// The report on a recording of which nothing could be read: anything can be in it, so that it is inconclusive. `why` is
    /// what an error said.
    pub fn unreadable(&mut self, name: &str, why: &str) -> Report {
        let source = SourceId(self.next);
        self.next += 1;
        let mut analysis = Analysis::new(self.policy.clone(), &self.options.limits);
        analysis.unreadable(source, name, why);
        analysis.finish()
    }

    /// Reads what can be read more than once and hands out its exchanges in capture order, with sizes of contents but
    /// without contents. [`crate::report::v1::Exchange`] makes the row of one.
    ///
    /// # Errors
    /// Nothing of it could be read.
    pub fn exchanges(
        &mut self,
        open: &Opener<'_>,
        take: &mut (dyn FnMut(Box<Exchange>) -> Control + Send),
    ) -> Result<Reading, ReadError> {
        let source = SourceId(self.next);
        self.next += 1;
        let mut keys = self.keys_with_those_of(open)?;
        let mut set = Set::new(vec![Piece::file(|| open().map(|file| -> Box<dyn Seekable> { file }), 0)]);
        let options = Options { bodies: BodyPolicy::Measure, ..self.options.clone() };
        let read = engine::read_from(source, &mut set, &mut keys, &options, &mut Exchanges(take));
        of_only(set, read)
    }

    fn judge(&mut self, name: &str, producer: &mut dyn Producer, keys: &mut Keys) -> Result<Report, ReadError> {
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
        let reading = engine::read_from(source, producer, keys, &self.options, &mut hearing)?;
        hearing.analysis.input(source, name, &reading.format);
        hearing.analysis.input_done(source, reading.coverage);
        Ok(hearing.analysis.finish())
    }

    /// The keys, with the secrets inside the recording: a pcapng may hold them behind the packets they open.
    fn keys_with_those_of(&self, open: &Opener<'_>) -> Result<Keys, ReadError> {
        let (limits, mut keys) = (&self.options.limits, self.keys.fork());
        let may_hold = match input::identify(&mut *open()?, limits)?.format {
            "pcapng" => true,
            "pcap" => {
                let mut beginning = Vec::new();
                open()?.take(F5_BEGINNING).read_to_end(&mut beginning)?;
                f5::holds_trailer(&beginning)
            }
            _ => false,
        };
        if may_hold {
            let mut sink = |item: Item<'_>| {
                if let Item::Secrets(text) = item {
                    keys.add_recorded(text);
                }
                Control::Continue
            };
            // What is wrong with the file is said when it is read.
            let _ = input::read_recording(&mut *open()?, limits, &mut sink);
        }
        Ok(keys)
    }
}

/// In so many first bytes of a capture a load balancer's trailers are looked for.
const F5_BEGINNING: u64 = 64 << 10;

/// Opens a recording at its beginning, as often as it is asked.
pub type Opener<'o> = dyn Fn() -> io::Result<Box<dyn Seekable + 'o>> + Send + Sync + 'o;

/// Of a set of one file: why that could not be read.
fn of_only<T>(set: Set<'_>, read: Result<T, ReadError>) -> Result<T, ReadError> {
    read.map_err(|error| match (error, set.into_read().pop().map(|piece| piece.result)) {
        (ReadError::Empty, Some(Err(of_file))) => of_file,
        (error, _) => error,
    })
}

/// Hands exchanges on, and nothing else.
struct Exchanges<'t>(&'t mut (dyn FnMut(Box<Exchange>) -> Control + Send));

impl Receiver for Exchanges<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        (self.0)(exchange)
    }

    fn connection(&mut self, _: ConnectionReport) {}

    fn note(&mut self, _: Note) {}
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
