//! What became of each connection: the facts behind `inspector doctor` and the coverage rules.

use std::{borrow::Cow, fmt};

use crate::{flow::Connection, redact::shown_line};

/// The transport below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// QUIC over UDP.
    Quic,
}

impl Transport {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        }
    }
}

/// What a connection spoke, as far as it could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Application {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2.
    H2,
    /// HTTP/3.
    H3,
    /// WebSocket after an upgrade.
    WebSocket,
    /// Another protocol that was recognised; its name.
    Other(&'static str),
    /// Not recognised, or dark.
    #[default]
    Unknown,
}

impl Application {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http1 => "http/1",
            Self::H2 => "h2",
            Self::H3 => "h3",
            Self::WebSocket => "websocket",
            Self::Other(name) => name,
            Self::Unknown => "unknown",
        }
    }
}

/// Why a connection (or a part of it) could not be read as HTTP. The words are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reason {
    /// No secret for this client random among the keys, or no keys at all.
    NoKey,
    /// A key log was given, and it has no secret at all.
    KeyLogEmpty,
    /// The key log has only secrets of another version (`CLIENT_RANDOM` for TLS 1.3, or the reverse).
    WrongKeyKind,
    /// Some but not all secrets this connection needs are in the key log.
    KeyIncomplete,
    /// The capture lacks the handshake, so that keys cannot be matched.
    HandshakeMissing,
    /// A private key was given, but the suite has forward secrecy.
    ForwardSecrecy,
    /// A private key was given, but it is not the server's.
    PrivateKeyMismatch,
    /// The suite or version is not supported.
    SuiteUnsupported,
    /// A record failed its authentication.
    NotAuthentic,
    /// Bytes of the handshake, or so many records that the rest is lost, are missing.
    Gap,
    /// Resumed from a session that was not recorded or whose secret is unknown.
    ResumptionUnknown,
    /// Encrypted client hello: the name is hidden, and no key fits.
    EncryptedClientHello,
    /// The TLS handshake failed or was cut off before application data.
    HandshakeFailed,
    /// A version of QUIC that is recognised, not decrypted.
    Quic,
    /// Another protocol that would switch to TLS (SMTP, IMAP, LDAP, …).
    StartTls,
    /// The bytes are not HTTP.
    NotHttp,
    /// No application bytes were recorded.
    Empty,
    /// A limit of this program was reached.
    Limit,
}

impl Reason {
    /// All of them.
    const ALL: [Self; 18] = [
        Self::NoKey,
        Self::KeyLogEmpty,
        Self::WrongKeyKind,
        Self::KeyIncomplete,
        Self::HandshakeMissing,
        Self::ForwardSecrecy,
        Self::PrivateKeyMismatch,
        Self::SuiteUnsupported,
        Self::NotAuthentic,
        Self::Gap,
        Self::ResumptionUnknown,
        Self::EncryptedClientHello,
        Self::HandshakeFailed,
        Self::Quic,
        Self::StartTls,
        Self::NotHttp,
        Self::Empty,
        Self::Limit,
    ];

    /// The reason of a code.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == code)
    }

    /// The stable kebab-case code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::KeyLogEmpty => "key-log-empty",
            Self::WrongKeyKind => "wrong-key-kind",
            Self::KeyIncomplete => "key-incomplete",
            Self::HandshakeMissing => "handshake-missing",
            Self::ForwardSecrecy => "forward-secrecy",
            Self::PrivateKeyMismatch => "private-key-mismatch",
            Self::SuiteUnsupported => "suite-unsupported",
            Self::NotAuthentic => "not-authentic",
            Self::Gap => "gap",
            Self::ResumptionUnknown => "resumption-unknown",
            Self::EncryptedClientHello => "encrypted-client-hello",
            Self::HandshakeFailed => "handshake-failed",
            Self::Quic => "quic",
            Self::StartTls => "starttls",
            Self::NotHttp => "not-http",
            Self::Empty => "empty",
            Self::Limit => "limit",
        }
    }

    /// Whether the connection's content is hidden from us (as against: it is readable, or there is none).
    pub const fn is_dark(self) -> bool {
        !matches!(self, Self::NotHttp | Self::Empty | Self::StartTls | Self::HandshakeFailed)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Length and SHA-256 of all decrypted application data of each side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plaintext {
    /// Bytes by `Side::index`.
    pub bytes: [u64; 2],
    /// SHA-256 by `Side::index`.
    pub sha256: [[u8; 32]; 2],
}

/// One connection, after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionReport {
    /// Ends, number and counters.
    pub connection: Connection,
    /// Transport.
    pub transport: Transport,
    /// What it spoke.
    pub application: Application,
    /// Server name indication.
    pub server_name: Option<String>,
    /// Application protocol agreed on (ALPN).
    pub application_protocol: Option<String>,
    /// TLS was spoken: its version, empty if the hellos were not seen.
    pub tls: Option<&'static str>,
    /// Client randoms of its TLS handshakes, by which key logs name it; a few at most.
    pub client_randoms: Vec<[u8; 32]>,
    /// Cipher suite by its IANA name.
    pub suite: Option<Cow<'static, str>>,
    /// All application data of a TLS connection that was recorded was decrypted.
    pub decrypted: bool,
    /// Why it is not readable, if it is not.
    pub reason: Option<Reason>,
    /// The reason in one sentence with its particulars (client random prefix, suite, record number).
    pub detail: String,
    /// Exchanges found on it.
    pub exchanges: u64,
    /// Bytes the client sent on an HTTP connection, in a tunnel or after a switch that could not be read as a request or
    /// as part of one.
    pub unread: u64,
    /// The authority a proxy was asked to connect to, if the connection became a tunnel.
    pub tunnel: Option<String>,
    /// Digest of the plaintext, if it was asked for.
    pub plaintext: Option<Plaintext>,
}

impl ConnectionReport {
    /// Masks what of its texts is a secret, and escapes what is not seen. All of them are from the recording.
    pub fn conceal(&mut self) {
        let texts = [&mut self.server_name, &mut self.application_protocol, &mut self.tunnel];
        for text in texts.into_iter().flatten().chain([&mut self.detail]) {
            if let Cow::Owned(shown) = shown_line(text) {
                *text = shown;
            }
        }
    }
}
