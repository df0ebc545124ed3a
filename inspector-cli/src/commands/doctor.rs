//! `inspector doctor`: why a connection gave no HTTP, and what to do.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use inspector_core::{
    connection::{ConnectionReport, Plaintext, Reason},
    context::BodyPolicy,
    evidence::SourceId,
    http::exchange::Exchange,
    note::Note,
    tls::keylog::KeyKind,
};
use serde::Serialize;

use crate::{
    args::{Format, Listing},
    exit::{Exit, Failure},
    output::{
        count,
        human::{connections::Connections, place, unread::Unread},
        json, remedy, wrap,
    },
    run::{self, Handler, Session},
};

/// Runs the command.
pub(crate) fn run(listing: &Listing) -> Result<Exit, Failure> {
    let reading = &listing.reading;
    let mut doctor = Doctor {
        to: super::output_of(reading)?,
        format: listing.format,
        hosts: reading.host.clone(),
        path: String::new(),
        listed: 0,
        entries: 0,
        connections: Connections::default(),
        unread: Unread::default(),
    };
    if doctor.format == Format::Json {
        doctor.to.write_all(b"[")?;
    }
    let digests = doctor.format != Format::Human;
    let session = run::read_all(reading, BodyPolicy::Tokens, digests, &mut doctor)?;
    let to = &mut *doctor.to;
    match doctor.format {
        Format::Json => to.write_all(b"]\n")?,
        Format::Ndjson => {}
        Format::Human => {
            doctor.connections.write(to, doctor.unread.is_empty())?;
            if doctor.entries > 0 {
                let entries = count(doctor.entries, "exchange", "exchanges");
                wrap::hanging(to, "", &format!("{entries} came from a HAR or transcript, which has no connections"))?;
            }
            doctor.unread.write(to)?;
            write_keys(to, &session)?;
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

struct Doctor {
    to: Box<dyn Write>,
    format: Format,
    hosts: Vec<String>,
    path: String,
    listed: u64,
    entries: u64,
    connections: Connections,
    unread: Unread,
}

impl Handler for Doctor {
    fn begin(&mut self, _: SourceId, name: &str) {
        name.clone_into(&mut self.path);
    }

    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.entries += u64::from(exchange.connection.is_none());
        Ok(())
    }

    fn connection(&mut self, _: SourceId, report: &ConnectionReport) -> io::Result<()> {
        if !self.is_asked_for(report) {
            return Ok(());
        }
        let path = self.path.as_str();
        match self.format {
            Format::Human => self.connections.add(path, report),
            Format::Ndjson => json::write_line(&mut *self.to, &Row::new(path, report))?,
            Format::Json => {
                self.to.write_all(if self.listed == 0 { b"" } else { b"," })?;
                json::write_line(&mut *self.to, &Row::new(path, report))?;
            }
        }
        self.listed += 1;
        Ok(())
    }

    fn note(&mut self, _: SourceId, note: &Note) {
        self.unread.add(&self.path, note);
    }
}

impl Doctor {
    /// Whether the connection went to one of the hosts of `--host`, by name or address.
    fn is_asked_for(&self, report: &ConnectionReport) -> bool {
        let address = report.connection.server.address.to_string();
        let fits = |pattern: &String| {
            report.server_name.iter().chain([&address]).any(|host| inspector_core::host::matches(pattern, host))
        };
        self.hosts.is_empty() || self.hosts.iter().any(fits)
    }
}

/// One connection as the contract lists it.
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
    fn new(input: &'c str, report: &'c ConnectionReport) -> Self {
        let connection = &report.connection;
        Self {
            input,
            connection: connection.id.0,
            first_frame: connection.first.frame(),
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
