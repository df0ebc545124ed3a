//! An exchange: a request and the final response to it, where captures and HAR files meet.
//!
//! Everything behind this type (tokens, handshakes, rules, reports) is blind to the format of the recording.

pub mod message;

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    evidence::{ConnectionId, Endpoint, SourceId},
    exchange::message::{Message, Start},
};

/// The protocol an exchange was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/0.9 or HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    H2,
    /// HTTP/3.
    H3,
}

impl Protocol {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "http/1.0",
            Self::Http11 => "http/1.1",
            Self::H2 => "h2",
            Self::H3 => "h3",
        }
    }
}

/// Whether the exchange was protected by TLS as far as the recording tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Clear text at the place of the recording.
    Http,
    /// TLS at the place of the recording, or an `https` URL in a HAR.
    Https,
}

impl Scheme {
    /// The URI scheme.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What a decrypted connection agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSession {
    /// `1.0` … `1.3`.
    pub version: &'static str,
    /// IANA name of the cipher suite.
    pub suite: Cow<'static, str>,
    /// Server name indication.
    pub server_name: Option<String>,
    /// Application protocol agreed on.
    pub application_protocol: Option<String>,
    /// DER of the client's certificate, if it sent one in the handshake.
    pub client_certificate: Option<Box<[u8]>>,
    /// Both sides' part of the handshake was read, and it resumes no earlier session: without a certificate above, the
    /// client has shown none.
    pub whole_handshake: bool,
}

/// A mark on an exchange: what is missing or odd about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mark {
    /// No response was recorded.
    ResponseMissing,
    /// The response's request was not recorded.
    RequestMissing,
    /// Content is missing from the recording.
    BodyCut,
    /// Content was longer than what is kept; the rest was not searched.
    BodyLimit,
    /// A content coding is unknown or damaged; the content was not searched.
    CodingUnknown,
    /// A gap in the stream touches the exchange.
    Gap,
    /// The header section is cut.
    HeadCut,
    /// The header section breaks RFC 9112 and was read leniently.
    Malformed,
    /// Lengths contradict each other (RFC 9112 §6.3); the reading is named in the module docs of `http::h1`.
    AmbiguousLength,
    /// A line was folded (RFC 9112 §5.2).
    ObsFold,
    /// Lines end in LF without CR.
    BareLf,
    /// Chunked coding is damaged.
    BadChunk,
    /// The server reset or closed before the message was complete.
    ClosedEarly,
    /// HTTP/2, HTTP/3: a header field refers to a table entry that was not recorded.
    HeaderUnknown,
    /// HTTP/2, HTTP/3: the stream was reset.
    StreamReset,
    /// HTTP/2, HTTP/3: the request was promised by the server.
    Pushed,
    /// The connection switched to another protocol after this exchange.
    Upgraded,
    /// HAR: the entry breaks the format and was read leniently; something of it could not be read.
    EntryMalformed,
    /// HAR: the exporter took values out.
    Sanitized,
    /// HAR: the browser did not send the request (blocked, cache).
    NotSent,
    /// HAR: the recording ends inside the entry.
    EntryCut,
    /// HAR: a text of the entry is longer than what is kept.
    StringCut,
    /// Behind a hole in the recording it cannot be told which request and which response belong together: each is given by
    /// itself.
    PairUncertain,
    /// The server said so without being asked: it had received nothing that was not answered.
    Unsolicited,
    /// The server sent no answer: its stream was recorded up to its end.
    NoAnswer,
}

impl Mark {
    const ALL: [Self; 25] = [
        Self::ResponseMissing,
        Self::RequestMissing,
        Self::BodyCut,
        Self::BodyLimit,
        Self::CodingUnknown,
        Self::Gap,
        Self::HeadCut,
        Self::Malformed,
        Self::AmbiguousLength,
        Self::ObsFold,
        Self::BareLf,
        Self::BadChunk,
        Self::ClosedEarly,
        Self::HeaderUnknown,
        Self::StreamReset,
        Self::Pushed,
        Self::Upgraded,
        Self::EntryMalformed,
        Self::Sanitized,
        Self::NotSent,
        Self::EntryCut,
        Self::StringCut,
        Self::PairUncertain,
        Self::Unsolicited,
        Self::NoAnswer,
    ];

    /// The mark of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mark| mark.as_str() == word)
    }

    /// The word of `notes` in `inspector exchanges`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ResponseMissing => "response-missing",
            Self::RequestMissing => "request-missing",
            Self::BodyCut => "body-cut",
            Self::BodyLimit => "body-limit",
            Self::CodingUnknown => "coding-unknown",
            Self::Gap => "gap",
            Self::HeadCut => "head-cut",
            Self::Malformed => "malformed",
            Self::AmbiguousLength => "ambiguous-length",
            Self::ObsFold => "obs-fold",
            Self::BareLf => "bare-lf",
            Self::BadChunk => "bad-chunk",
            Self::ClosedEarly => "closed-early",
            Self::HeaderUnknown => "header-unknown",
            Self::StreamReset => "stream-reset",
            Self::Pushed => "pushed",
            Self::Upgraded => "upgraded",
            Self::EntryMalformed => "entry-malformed",
            Self::Sanitized => "sanitized",
            Self::NotSent => "not-sent",
            Self::EntryCut => "entry-cut",
            Self::StringCut => "string-cut",
            Self::PairUncertain => "pair-uncertain",
            Self::Unsolicited => "unsolicited",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// A set of [`Mark`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Marks(u32);

impl Marks {
    /// Adds a mark.
    pub const fn add(&mut self, mark: Mark) {
        self.0 |= 1 << mark as u8;
    }

    /// Takes a mark away.
    pub(crate) const fn remove(&mut self, mark: Mark) {
        self.0 &= !(1 << mark as u8);
    }

    /// Whether the mark is there.
    pub const fn has(self, mark: Mark) -> bool {
        self.0 & (1 << mark as u8) != 0
    }

    /// Whether there is any mark.
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// Adds all marks of another set.
    pub const fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The marks in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |mark| self.has(*mark))
    }
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A request and the final response to it. At least one of the two is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The input it comes from. Set by the engine.
    pub source: SourceId,
    /// Number within the input, from 1, in capture order. Set by the engine.
    pub number: u64,
    /// Its connection; `None` in a HAR.
    pub connection: Option<ConnectionId>,
    /// HTTP/2 or HTTP/3 stream.
    pub stream: Option<u64>,
    /// Protocol version.
    pub protocol: Protocol,
    /// Whether TLS protected it at the place of the recording.
    pub scheme: Scheme,
    /// Who asked.
    pub client: Option<Endpoint>,
    /// Who was asked.
    pub server: Option<Endpoint>,
    /// TLS session, if it was decrypted.
    pub tls: Option<Arc<TlsSession>>,
    /// The request, unless only its response was recorded.
    pub request: Option<Message>,
    /// The final response.
    pub response: Option<Message>,
    /// What is missing or odd.
    pub marks: Marks,
}

impl Exchange {
    /// Bytes of memory it takes, about.
    pub fn weight(&self) -> usize {
        [&self.request, &self.response].into_iter().flatten().fold(512, |sum, message| sum + message.weight())
    }

    /// The authority of the request, as sent: from the target, `:authority`, or the `Host` field. Without user information.
    pub fn authority(&self) -> Option<Cow<'_, str>> {
        let request = self.request.as_ref()?;
        let head = &request.head;
        let target = head.target();
        if let Some(rest) = after_scheme(target) {
            let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
            let authority = rest.get(..end).unwrap_or_default();
            let host = authority
                .iter()
                .rposition(|b| *b == b'@')
                .map_or(authority, |at| authority.get(at + 1..).unwrap_or_default());
            return Some(String::from_utf8_lossy(host));
        }
        if head.method() == b"CONNECT" {
            return Some(String::from_utf8_lossy(target));
        }
        if let Start::Request { authority: Some(range), .. } = head.start() {
            return Some(String::from_utf8_lossy(head.slice(range)));
        }
        head.value("host").map(String::from_utf8_lossy)
    }

    /// The request's URL: the target resolved against scheme and authority (or the server's address). Verbatim bytes
    /// are kept; user information in the target stays, so mask before showing.
    pub fn url(&self) -> String {
        let Some(request) = &self.request else { return String::new() };
        let target = String::from_utf8_lossy(request.head.target());
        if after_scheme(target.as_bytes()).is_some() {
            return target.into_owned();
        }
        let authority = self
            .authority()
            .map(Cow::into_owned)
            .filter(|a| !a.is_empty())
            .or_else(|| self.server.map(|s| s.to_string()))
            .unwrap_or_default();
        if request.head.method() == b"CONNECT" {
            return authority;
        }
        let slash = if target.starts_with('/') || target.is_empty() || target == "*" { "" } else { "/" };
        let target = if target == "*" { Cow::Borrowed("") } else { target };
        format!("{}://{authority}{slash}{target}", self.scheme.as_str())
    }

    /// The status of the final response.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().and_then(|response| response.head.status())
    }
}

/// What follows `scheme://`, if the target is in absolute form.
fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let colon = target.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')))?;
    if colon == 0 || !target.first()?.is_ascii_alphabetic() {
        return None;
    }
    target.get(colon..)?.strip_prefix(b"://")
}
