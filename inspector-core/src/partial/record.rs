//! The lines of a partial result.
//!
//! ```text
//! {"part":{…}}       what it is a part of, and how it is judged
//! {"secrets":[…]}    the digests of what the stand-ins of the next lines stand for
//! {"exchange":{…}}   an exchange, without its secrets
//! {"connection":{…}} what became of a connection
//! {"note":{…}}       something that limits the conclusions
//! {"end":{…}}        figures; without it the part is cut
//! ```
//!
//! A file may hold several parts, one after the other: files are put together by writing one behind the other.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    coverage::Coverage,
    evidence::{At, ConnectionId, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme, TlsSession,
        message::{Body, BodyCut, Field, Head, Message, Start},
    },
    handshake::signatures::Signature,
    losses,
    time::Timestamp,
};

/// The version of the form.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// A part begins.
    Part(Part),
    /// What stand-ins stand for.
    Secrets(Vec<SecretRow>),
    /// An exchange.
    Exchange(Box<ExchangeRow>),
    /// A connection.
    Connection(ConnectionRow),
    /// A note.
    Note(NoteRow),
    /// The part is whole.
    End(Box<End>),
}

/// What a part is a part of, and how it is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The version of the form.
    pub version: u32,
    /// The version of the program.
    pub tool: String,
    /// The recording's name, by which it is reported.
    pub path: String,
    /// What it is a part of; absent of a whole recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<PartOf>,
    /// Options it is judged by unless others are given.
    pub policy: PolicyText,
}

/// Which part of a recording that was split.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartOf {
    /// Tells the recordings apart.
    pub id: String,
    /// Which part, from 1.
    pub number: u32,
    /// Of how many.
    pub parts: u32,
}

/// How a part is judged, as it was said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyText {
    /// The profile's name, or that of its file.
    pub profile: String,
    /// The content of the file, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_text: Option<String>,
    /// Hosts that limit the scope.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Realms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub realms: Vec<String>,
    /// `capture`, or the moment (RFC 3339).
    pub at: String,
    /// `--fail-on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<String>,
}

/// What a stand-in stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SecretRow {
    /// The first bytes of the stand-in's own SHA-256, in hexadecimal.
    pub(super) s: String,
    /// The first bytes of the SHA-256 of the secret; all of it, where nobody finds that by trying.
    pub(super) d: String,
    /// The family of an opaque token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) f: Option<String>,
}

/// Bytes: text as it is behind `=`, others in base64 behind `~`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Box<[u8]>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.collect_str(&format_args!("={text}")),
            Err(_) => serializer.collect_str(&format_args!("~{}", STANDARD.encode(&self.0))),
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        match text.split_at_checked(1) {
            Some(("=", text)) => Ok(Self(text.as_bytes().into())),
            Some(("~", text)) => {
                STANDARD.decode(text).map(|bytes| Self(bytes.into())).map_err(serde::de::Error::custom)
            }
            _ => Err(serde::de::Error::custom("bytes begin with = or ~")),
        }
    }
}

/// A place: a frame (`true`) or an entry, its number, and its time in nanoseconds.
pub(super) type AtRow = (bool, u64, Option<i64>);

fn at_row(at: At) -> AtRow {
    (matches!(at, At::Frame { .. }), at.order(), at.time().map(|time| time.nanos()))
}

fn at_of((is_frame, number, time): AtRow) -> At {
    let time = time.map(Timestamp::from_nanos);
    if is_frame { At::Frame { number, time } } else { At::Entry { index: number, time } }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HeadRow {
    /// The bytes.
    b: Bytes,
    /// Of a request: ranges of method, target and, if there is one, authority. Of a response: status and range of reason.
    s: StartRow,
    /// Ranges of names and values.
    f: Vec<[u32; 4]>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum StartRow {
    #[serde(rename = "q")]
    Request([u32; 2], [u32; 2], Option<[u32; 2]>),
    #[serde(rename = "r")]
    Response(u16, [u32; 2]),
    #[serde(rename = "t")]
    Trailers,
}

impl HeadRow {
    fn new(head: &Head) -> Self {
        let pair = |range: &std::ops::Range<u32>| [range.start, range.end];
        let s = match head.start() {
            Start::Request { method, target, authority } => {
                StartRow::Request(pair(method), pair(target), authority.as_ref().map(pair))
            }
            Start::Response { status, reason } => StartRow::Response(*status, pair(reason)),
            Start::Trailers => StartRow::Trailers,
        };
        let field = |field: &Field| [field.name.start, field.name.end, field.value.start, field.value.end];
        Self { b: Bytes(head.bytes().into()), s, f: head.fields().iter().map(field).collect() }
    }

    fn head(self) -> Head {
        let range = |[start, end]: [u32; 2]| start..end;
        let start = match self.s {
            StartRow::Request(method, target, authority) => {
                Start::Request { method: range(method), target: range(target), authority: authority.map(range) }
            }
            StartRow::Response(status, reason) => Start::Response { status, reason: range(reason) },
            StartRow::Trailers => Start::Trailers,
        };
        let field = |[a, b, c, d]: [u32; 4]| Field { name: a..b, value: c..d };
        Head::new(self.b.0, start, self.f.into_iter().map(field).collect())
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct MessageRow {
    h: HeadRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<HeadRow>,
    /// Bytes transferred and decoded.
    n: (u64, Option<u64>),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k: Option<Bytes>,
    /// Why it is cut: 0 by the recording, 1 by a limit, 2 by its coding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u8>,
    a: [AtRow; 3],
}

impl MessageRow {
    fn new(message: &Message) -> Self {
        let body = &message.body;
        Self {
            h: HeadRow::new(&message.head),
            t: message.trailers.as_deref().map(HeadRow::new),
            n: (body.transferred, body.decoded),
            k: body.kept.clone().map(Bytes),
            c: body.cut.map(|cut| match cut {
                BodyCut::Recording => 0,
                BodyCut::Limit => 1,
                BodyCut::Coding => 2,
            }),
            a: [at_row(message.first), at_row(message.head_end), at_row(message.end)],
        }
    }

    fn message(self) -> Message {
        let [first, head_end, end] = self.a.map(at_of);
        let cut = self.c.map(|cut| match cut {
            1 => BodyCut::Limit,
            2 => BodyCut::Coding,
            _ => BodyCut::Recording,
        });
        let body = Body { transferred: self.n.0, decoded: self.n.1, kept: self.k.map(|bytes| bytes.0), cut };
        Message { head: self.h.head(), body, trailers: self.t.map(|head| Box::new(head.head())), first, head_end, end }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TlsRow {
    v: String,
    s: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<Bytes>,
    w: bool,
}

impl TlsRow {
    fn new(tls: &TlsSession) -> Self {
        Self {
            v: tls.version.to_owned(),
            s: tls.suite.clone().into_owned(),
            n: tls.server_name.clone(),
            p: tls.application_protocol.clone(),
            c: tls.client_certificate.clone().map(Bytes),
            w: tls.whole_handshake,
        }
    }

    fn session(self) -> TlsSession {
        TlsSession {
            version: losses::word(&self.v),
            suite: Cow::Owned(self.s),
            server_name: self.n,
            application_protocol: self.p,
            client_certificate: self.c.map(|bytes| bytes.0),
            whole_handshake: self.w,
        }
    }
}

/// An exchange.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ExchangeRow {
    /// Its place in the order of the recording.
    pub(super) k: u64,
    n: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) c: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<u64>,
    p: String,
    /// Protected.
    e: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cl: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<TlsRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    q: Option<MessageRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<MessageRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    m: Vec<String>,
}

const PROTOCOLS: [Protocol; 4] = [Protocol::Http10, Protocol::Http11, Protocol::H2, Protocol::H3];

impl ExchangeRow {
    pub(super) fn new(exchange: &Exchange, key: u64) -> Self {
        Self {
            k: key,
            n: exchange.number,
            c: exchange.connection.map(|id| id.0),
            s: exchange.stream,
            p: exchange.protocol.as_str().to_owned(),
            e: exchange.scheme == Scheme::Https,
            cl: exchange.client.map(|end| end.to_string()),
            sv: exchange.server.map(|end| end.to_string()),
            tls: exchange.tls.as_deref().map(TlsRow::new),
            q: exchange.request.as_ref().map(MessageRow::new),
            r: exchange.response.as_ref().map(MessageRow::new),
            m: exchange.marks.iter().map(|mark| mark.as_str().to_owned()).collect(),
        }
    }

    pub(super) fn exchange(self) -> Exchange {
        let mut marks = Marks::default();
        for word in &self.m {
            marks.add(Mark::named(word).unwrap_or(Mark::EntryMalformed));
        }
        let end = |text: Option<String>| text.and_then(|text| losses::endpoint_from(&text));
        Exchange {
            source: SourceId(0),
            number: self.n,
            connection: self.c.map(ConnectionId),
            stream: self.s,
            protocol: PROTOCOLS.into_iter().find(|one| one.as_str() == self.p).unwrap_or(Protocol::Http11),
            scheme: if self.e { Scheme::Https } else { Scheme::Http },
            client: end(self.cl),
            server: end(self.sv),
            tls: self.tls.map(|tls| Arc::new(tls.session())),
            request: self.q.map(MessageRow::message),
            response: self.r.map(MessageRow::message),
            marks,
        }
    }
}

/// A connection, in the form [`crate::losses`] gives it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ConnectionRow {
    pub(super) k: u64,
    pub(super) v: Value,
    /// Client randoms in hexadecimal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) r: Vec<String>,
}

/// A note.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct NoteRow {
    pub(super) k: u64,
    pub(super) v: Value,
}

/// The end of a part.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct End {
    /// The recording's format.
    pub(super) format: String,
    /// Why nothing of it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unreadable: Option<String>,
    pub(super) coverage: Coverage,
    /// Its files, if there are several: path, format or why it could not be read, and coverage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<(String, Result<String, String>, Coverage)>,
    /// Signatures that were settled with keys: token (SHA-256 prefix), state and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) signatures: Vec<(String, Signature, String)>,
    /// Issuers that publish their keys, by the keys that were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) publishers: Vec<String>,
    /// Lines of the part, with its first and this one.
    pub(super) lines: u64,
    /// Judged by itself, it is judged as the recording itself was.
    pub(super) exact: bool,
}

/// Hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of hexadecimal digits.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
