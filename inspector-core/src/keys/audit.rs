//! Which secrets open which connections, which are unused, and which are missing.

use std::collections::BTreeSet;

use serde::Serialize;

use super::log::{self, ClientRandom};
use crate::connection::ConnectionReport;

/// A TLS connection and whether it could be opened.
#[derive(Clone, Debug, Serialize)]
pub struct Connection {
    /// The recording.
    pub input: String,
    /// Its number in the recording.
    pub connection: u64,
    /// Client random of its first handshake, hexadecimal; `None` if the capture lacks it.
    pub client_random: Option<String>,
    /// Server name indication.
    pub sni: Option<String>,
    /// The server's address.
    pub server: String,
    /// All of it that was recorded was decrypted.
    pub opened: bool,
    /// Why not: the words of `inspector doctor`.
    pub reason: Option<&'static str>,
    /// It belongs to a host that was asked for.
    pub in_scope: bool,
    /// Client randoms of all its handshakes.
    #[serde(skip)]
    pub client_randoms: Vec<ClientRandom>,
}

impl Connection {
    /// What is told of a connection; `None` if it spoke no TLS.
    pub fn of(input: &str, report: &ConnectionReport, in_scope: bool) -> Option<Self> {
        report.tls?;
        let mut shown = report.clone();
        shown.conceal();
        Some(Self {
            input: input.to_owned(),
            connection: report.connection.id.0,
            client_random: report.client_randoms.first().map(log::hex),
            sni: shown.server_name,
            server: report.connection.server.to_string(),
            opened: report.decrypted,
            reason: report.reason.filter(|_| !report.decrypted).map(|reason| reason.as_str()),
            in_scope,
            client_randoms: report.client_randoms.clone(),
        })
    }
}

/// A source of secrets: a file, or the recordings themselves.
#[derive(Clone, Debug, Serialize)]
pub struct Source {
    /// Its name.
    pub source: String,
    /// Secrets in it (lines, or private keys).
    pub secrets: u64,
    /// Connections opened with it.
    pub opened: u64,
    /// Secrets that opened nothing here.
    pub unused: u64,
}

impl Source {
    /// What a key log is good for. `opened` is how many connections it opened, as the engine counted.
    pub fn of_log(source: &str, text: &[u8], opened: u64, connections: &[Connection]) -> Self {
        let used: BTreeSet<ClientRandom> = used(connections);
        let text = log::ascii(text);
        let (mut secrets, mut unused) = (0, 0);
        for line in log::lines(&text) {
            secrets += 1;
            let is_used = match line.client_random {
                Some(random) => used.contains(&random),
                // Which connection such a line belongs to is not told.
                None => opened > 0,
            };
            unused += u64::from(!is_used);
        }
        Self { source: source.to_owned(), secrets, opened, unused }
    }

    /// What private keys are good for.
    pub fn of_private(source: &str, keys: u64, opened: u64) -> Self {
        Self { source: source.to_owned(), secrets: keys, opened, unused: if opened == 0 { keys } else { 0 } }
    }
}

/// Client randoms of the connections that were opened, even in part.
fn used(connections: &[Connection]) -> BTreeSet<ClientRandom> {
    let opened = connections.iter().filter(|one| one.opened || one.reason == Some("gap"));
    opened.flat_map(|one| one.client_randoms.iter().copied()).collect()
}

/// Client randoms of the connections in scope, whose secrets are worth keeping.
pub fn in_scope(connections: &[Connection]) -> BTreeSet<ClientRandom> {
    connections.iter().filter(|one| one.in_scope).flat_map(|one| one.client_randoms.iter().copied()).collect()
}

/// The answer of `inspector keys audit`, schema `inspector-keys/1`.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// `inspector-keys/1`.
    pub schema: &'static str,
    /// TLS connections.
    pub connections: Vec<Connection>,
    /// Sources of secrets.
    pub keys: Vec<Source>,
}

impl Audit {
    /// An answer.
    pub fn new(connections: Vec<Connection>, keys: Vec<Source>) -> Self {
        Self { schema: "inspector-keys/1", connections, keys }
    }
}
