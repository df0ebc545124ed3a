//! `inspector doctor`: why a connection gave no HTTP, and what to do.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use inspector_core::{
    connection::{ConnectionReport, Plaintext, Reason},
    context::BodyPolicy,
    exchange::Exchange,
    note::Note,
    report::Report,
    secrets::keylog::KeyKind,
};
use serde::Serialize;

use crate::{
    args::{Format, Listing},
    commands::judging::{Asked, Bench, Judge},
    exit::{Exit, Failure},
    output::{
        count,
        human::{connections::Connections, place, unread},
        json, remedy, wrap,
    },
    run::{self, Give, Outcome, Reader, Recording, Session},
};

/// Runs the command.
pub(crate) fn run(listing: &Listing) -> Result<Exit, Failure> {
    let reading = &listing.reading;
    let mut to = super::output_of(reading)?;
    if listing.format == Format::Json {
        to.write_all(b"[")?;
    }
    let digests = listing.format != Format::Human;
    let (mut listed, mut entries) = (0_u64, 0_u64);
    let (mut connections, mut reports) = (Connections::default(), Vec::new());
    // What is missing besides connections is what the judgement misses.
    let bench = Bench::new(reading, &listing.judging, &Asked::default())?;
    let make = |recording: &Recording| Examiner {
        recording: recording.clone(),
        format: listing.format,
        hosts: &reading.host,
        show_secrets: reading.show_secrets,
        entries: 0,
        judge: (listing.format == Format::Human).then(|| bench.judge(recording)),
    };
    let session = run::read_all(reading, BodyPolicy::Tokens, digests, &make, &mut |part| {
        match part {
            Part::Connection(path, report) => connections.add(&path, &report),
            Part::Row(row) => {
                to.write_all(if listing.format == Format::Json && listed > 0 { b"," } else { b"" })?;
                to.write_all(&row)?;
                listed += 1;
            }
            Part::Rest(more, report) => {
                entries += more;
                reports.extend(report.map(|report| *report));
            }
        }
        Ok(())
    })?;
    match listing.format {
        Format::Json => to.write_all(b"]\n")?,
        Format::Ndjson => {}
        Format::Human => {
            let report = Report::merge(reports);
            let is_whole = report.as_ref().is_none_or(unread::is_empty);
            connections.write(&mut *to, is_whole)?;
            if entries > 0 {
                let entries = count(entries, "exchange", "exchanges");
                wrap::hanging(
                    &mut *to,
                    "",
                    &format!("{entries} came from a HAR or transcript, which has no connections"),
                )?;
            }
            if let Some(report) = &report {
                unread::write(&mut *to, report)?;
            }
            write_keys(&mut *to, &session)?;
        }
    }
    to.flush()?;
    Ok(Exit::Pass)
}

/// What the keys were good for.
fn write_keys(to: &mut dyn Write, session: &Session) -> io::Result<()> {
    let mut first = true;
    let mut files = session.key_files.iter();
    for source in session.keys.sources() {
        if std::mem::take(&mut first) {
            writeln!(to, "\nkeys")?;
        }
        let secrets = count(source.secrets, "secret", "secrets");
        let file = if source.kind == KeyKind::Recorded { None } else { files.next() };
        let file = file.map_or("", |file| place::short(file));
        let what = match source.kind {
            KeyKind::Log => format!("{file}, key log with {secrets}"),
            KeyKind::Recorded => format!("in the recordings, {secrets}"),
            KeyKind::RsaPrivateKey => {
                format!("{file}, {}", count(source.secrets, "RSA private key", "RSA private keys"))
            }
        };
        let used = match source.connections {
            0 if source.secrets == 0 => "it is empty: was it copied before the client wrote to it?".to_owned(),
            0 => "opened no connection: another client's, another time's, or another server's".to_owned(),
            number => format!("opened {}", count(number, "connection", "connections")),
        };
        let mut odd = String::new();
        for (number, words) in [
            (source.damaged, "lines could not be read"),
            (source.dropped, "secrets were dropped by a limit (--max-memory)"),
        ] {
            if number > 0 {
                let _ = write!(odd, "; {number} {words}");
            }
        }
        wrap::hanging(to, "  ", &format!("{what}: {used}{odd}"))?;
    }
    Ok(())
}

/// What is found in a recording.
enum Part {
    /// A connection and the name of its input, for people.
    Connection(String, Box<ConnectionReport>),
    /// A connection as it is written.
    Row(Vec<u8>),
    /// Exchanges without a connection, and the judgement, for people.
    Rest(u64, Option<Box<Report>>),
}

/// Looks at the connections of one recording.
struct Examiner<'l> {
    recording: Recording,
    format: Format,
    hosts: &'l [String],
    show_secrets: bool,
    entries: u64,
    judge: Option<Judge<'l>>,
}

impl Reader for Examiner<'_> {
    type Part = Part;

    fn exchange(&mut self, exchange: &Exchange, _: &mut Give<'_, Part>) -> io::Result<()> {
        self.entries += u64::from(exchange.connection.is_none());
        self.judge.as_mut().map_or(Ok(()), |judge| judge.exchange(exchange, &mut |_| Ok(())))
    }

    fn connection(&mut self, report: &ConnectionReport, give: &mut Give<'_, Part>) -> io::Result<()> {
        if let Some(judge) = &mut self.judge {
            judge.connection(report, &mut |_| Ok(()))?;
        }
        if !self.is_asked_for(report) {
            return Ok(());
        }
        let first = report.connection.first.frame().map(|frame| self.recording.place(frame));
        let (path, frame) = first.map_or_else(|| (self.recording.name(), None), |(name, frame)| (name, Some(frame)));
        let mut report = report.clone();
        if !self.show_secrets {
            report.conceal();
        }
        if self.format == Format::Human {
            return give(Part::Connection(path.to_owned(), Box::new(report)));
        }
        let mut row = Vec::new();
        let unseen = json::Unseen::with(self.show_secrets);
        json::write_line(&mut row, &Row::new(path, frame, &report), unseen)?;
        give(Part::Row(row))
    }

    fn note(&mut self, note: &Note) {
        if let Some(judge) = &mut self.judge {
            judge.note(note);
        }
    }

    fn end(self, read: Result<&Outcome, &str>, give: &mut Give<'_, Part>) -> io::Result<()> {
        let mut report = None;
        if let Some(judge) = self.judge {
            judge.end(read, &mut |part| {
                report = Some(Box::new(part.report));
                Ok(())
            })?;
        }
        give(Part::Rest(self.entries, report))
    }
}

impl Examiner<'_> {
    /// Whether the connection went to one of the hosts of `--host`, by name or address.
    fn is_asked_for(&self, report: &ConnectionReport) -> bool {
        let address = report.connection.server.address.to_string();
        let fits = |pattern: &String| {
            report.server_name.iter().chain([&address]).any(|host| inspector_core::host::matches(pattern, host))
        };
        self.hosts.is_empty() || self.hosts.iter().any(fits)
    }
}

/// One connection as `doctor` lists it.
#[derive(Serialize)]
struct Row<'c> {
    input: &'c str,
    connection: u64,
    first_frame: Option<u64>,
    client: String,
    server: String,
    transport: &'static str,
    application: &'static str,
    sni: Option<&'c str>,
    alpn: Option<&'c str>,
    tls: Option<&'static str>,
    suite: Option<&'c str>,
    decrypted: bool,
    reason: Option<&'static str>,
    detail: Option<&'c str>,
    remedy: Option<&'static str>,
    exchanges: u64,
    gaps: u64,
    bytes_missing: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<Digests>,
}

/// All application data of each side.
#[derive(Serialize)]
struct Digests {
    client_bytes: u64,
    client_sha256: String,
    server_bytes: u64,
    server_sha256: String,
}

impl<'c> Row<'c> {
    fn new(input: &'c str, first_frame: Option<u64>, report: &'c ConnectionReport) -> Self {
        let connection = &report.connection;
        Self {
            input,
            connection: connection.id.0,
            first_frame,
            client: connection.client.to_string(),
            server: connection.server.to_string(),
            transport: report.transport.as_str(),
            application: report.application.as_str(),
            sni: report.server_name.as_deref(),
            alpn: report.application_protocol.as_deref(),
            tls: report.tls.filter(|version| !version.is_empty()),
            suite: report.suite.as_deref(),
            decrypted: report.decrypted,
            reason: report.reason.map(Reason::as_str),
            detail: Some(report.detail.as_str()).filter(|detail| !detail.is_empty()),
            remedy: report.reason.map(remedy::of).filter(|remedy| !remedy.is_empty()),
            exchanges: report.exchanges,
            gaps: connection.gaps.iter().sum(),
            bytes_missing: connection.bytes_missing.iter().sum(),
            plaintext: report.plaintext.as_ref().map(digests),
        }
    }
}

fn digests(plaintext: &Plaintext) -> Digests {
    let [client_bytes, server_bytes] = plaintext.bytes;
    let [client_sha256, server_sha256] = plaintext.sha256.each_ref().map(|digest| hex(digest));
    Digests { client_bytes, client_sha256, server_bytes, server_sha256 }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
