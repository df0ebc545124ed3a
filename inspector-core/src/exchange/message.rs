//! HTTP messages: a header section kept verbatim, and as much of the content as is of interest.
//!
//! A [`Head`] is one allocation of bytes and ranges into it, so that a finding can point at the very bytes of a field:
//!
//! ```text
//! bytes   POST /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.contoso.com\r\nAuthorization: Bearer eyJ…\r\n\r\n
//! start   ^^^^ ^^^^^^^^^^^^^^^^^^
//! fields                                      ^^^^  ^^^^^^^^^^^^^^^^    ^^^^^^^^^^^^^  ^^^^^^^^^^^^
//! ```
//!
//! HTTP/2 and HAR have no such bytes; [`HeadBuilder`] writes them in the same form, so that everything behind this
//! module sees one shape.

use std::{borrow::Cow, ops::Range};

use crate::evidence::At;

/// A request's or response's start line (RFC 9112 §3, §4; for HTTP/2 the pseudo-header fields).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// A request.
    Request {
        /// Method, verbatim.
        method: Range<u32>,
        /// Request target as sent; HTTP/2 `:path`; HAR `url`.
        target: Range<u32>,
        /// HTTP/2 `:authority`.
        authority: Option<Range<u32>>,
    },
    /// A response.
    Response {
        /// Status code; 0 where a HAR entry records a blocked or failed request.
        status: u16,
        /// Reason phrase.
        reason: Range<u32>,
    },
    /// A trailer section.
    Trailers,
}

/// A field line: ranges of its name and its value, without surrounding white space, in the head's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Range of the name.
    pub name: Range<u32>,
    /// Range of the value.
    pub value: Range<u32>,
}

/// A header (or trailer) section: verbatim bytes and ranges into them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    bytes: Box<[u8]>,
    start: Start,
    fields: Vec<Field>,
    /// A bit for each name's length and first letter ([`bit`]): a field that is not there is told at once.
    names: u64,
}

/// The bit of a field's name, letter case aside.
fn bit(name: &[u8]) -> u64 {
    let first = name.first().map_or(0, |first| usize::from(first | 0x20));
    1 << (name.len().wrapping_mul(7).wrapping_add(first) % 64)
}

impl Head {
    /// A head over `bytes`; ranges that leave `bytes` read as empty.
    pub fn new(bytes: impl Into<Box<[u8]>>, start: Start, fields: Vec<Field>) -> Self {
        let mut head = Self { bytes: bytes.into(), start, fields, names: 0 };
        head.names = head.fields.iter().fold(0, |names, field| names | bit(head.slice(&field.name)));
        head
    }

    /// The verbatim bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of memory it takes besides its own, about.
    pub fn weight(&self) -> usize {
        self.bytes.len().saturating_add(self.fields.capacity().saturating_mul(size_of::<Field>()))
    }

    /// The start line's parts.
    pub const fn start(&self) -> &Start {
        &self.start
    }

    /// The bytes of a range of this head.
    pub fn slice(&self, range: &Range<u32>) -> &[u8] {
        self.bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// The request's method, empty for a response.
    pub fn method(&self) -> &[u8] {
        match &self.start {
            Start::Request { method, .. } => self.slice(method),
            _ => b"",
        }
    }

    /// The request's target as sent, empty for a response.
    pub fn target(&self) -> &[u8] {
        match &self.start {
            Start::Request { target, .. } => self.slice(target),
            _ => b"",
        }
    }

    /// The response's status code.
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            Start::Response { status, .. } => Some(status),
            _ => None,
        }
    }

    /// The field lines in wire order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// All fields as `(name, value)` in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.slice(&field.name), self.slice(&field.value)))
    }

    /// The values of every field of that name (ASCII case-insensitive), in wire order.
    pub fn values<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h [u8]> {
        let fits = move |field: &&Field| self.is_named(field, name);
        self.fields_like(name).iter().filter(fits).map(|field| self.slice(&field.value))
    }

    /// All fields if one may be named so, else none.
    fn fields_like(&self, name: &str) -> &[Field] {
        if self.names & bit(name.as_bytes()) == 0 { &[] } else { &self.fields }
    }

    /// Whether the field's name is that. The length tells most apart.
    fn is_named(&self, field: &Field, name: &str) -> bool {
        let length = field.name.end.saturating_sub(field.name.start) as usize;
        length == name.len() && self.slice(&field.name).eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether there is a field of any of these names.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.fields_like(name).iter().any(|field| self.is_named(field, name)))
    }

    /// The first value of that name.
    pub fn value<'h>(&'h self, name: &'h str) -> Option<&'h [u8]> {
        self.values(name).next()
    }

    /// The first value of that name, if it is UTF-8, without surrounding white space.
    pub fn text<'h>(&'h self, name: &'h str) -> Option<&'h str> {
        self.value(name).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim)
    }

    /// The media type of `Content-Type`, lower case, without parameters.
    pub fn media_type(&self) -> Option<Cow<'_, str>> {
        let value = self.text("content-type")?;
        let media = value.split(';').next().unwrap_or_default().trim();
        let is_lower = !media.bytes().any(|byte| byte.is_ascii_uppercase());
        Some(if is_lower { Cow::Borrowed(media) } else { Cow::Owned(media.to_ascii_lowercase()) })
    }
}

/// Writes a [`Head`] for messages that have no bytes of their own (HTTP/2, HAR).
#[derive(Debug)]
pub struct HeadBuilder {
    bytes: Vec<u8>,
    start: Start,
    fields: Vec<Field>,
}

impl HeadBuilder {
    /// Bytes most heads fit into.
    const ROOM: usize = 512;

    /// A request. `authority` is HTTP/2's `:authority`.
    pub fn request(method: &[u8], target: &[u8], authority: Option<&[u8]>) -> Self {
        Self::request_with_room(Self::ROOM, method, target, authority)
    }

    /// A request whose head takes about so many bytes.
    pub fn request_with_room(room: usize, method: &[u8], target: &[u8], authority: Option<&[u8]>) -> Self {
        let mut bytes = Vec::with_capacity(room);
        let method = append(&mut bytes, method);
        bytes.push(b' ');
        let target = append(&mut bytes, target);
        bytes.extend_from_slice(b"\r\n");
        let authority = authority.map(|value| {
            bytes.extend_from_slice(b":authority: ");
            let range = append(&mut bytes, value);
            bytes.extend_from_slice(b"\r\n");
            range
        });
        Self { bytes, start: Start::Request { method, target, authority }, fields: Vec::with_capacity(16) }
    }

    /// A response.
    pub fn response(status: u16, reason: &[u8]) -> Self {
        Self::response_with_room(Self::ROOM, status, reason)
    }

    /// A response whose head takes about so many bytes.
    pub fn response_with_room(room: usize, status: u16, reason: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(room);
        bytes.extend_from_slice(status.to_string().as_bytes());
        bytes.push(b' ');
        let reason = append(&mut bytes, reason);
        bytes.extend_from_slice(b"\r\n");
        Self { bytes, start: Start::Response { status, reason }, fields: Vec::with_capacity(16) }
    }

    /// A trailer section.
    pub fn trailers() -> Self {
        Self { bytes: Vec::new(), start: Start::Trailers, fields: Vec::new() }
    }

    /// Appends a field.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        let name = append(&mut self.bytes, name);
        self.bytes.extend_from_slice(b": ");
        let value = append(&mut self.bytes, value);
        self.bytes.extend_from_slice(b"\r\n");
        self.fields.push(Field { name, value });
        self
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was written yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The finished head.
    pub fn finish(self) -> Head {
        Head::new(self.bytes, self.start, self.fields)
    }
}

fn append(bytes: &mut Vec<u8>, piece: &[u8]) -> Range<u32> {
    let start = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(piece);
    start..u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The content of a message (RFC 9110 §6.4), after transfer coding and, where it was kept, after content codings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Bytes seen after transfer coding, before content codings are undone.
    pub transferred: u64,
    /// Bytes after content codings were undone, where they were (always under `BodyPolicy::Measure`).
    pub decoded: Option<u64>,
    /// The decoded bytes, if this kind of content can hold a token; at most `Limits::decoded_body`. Of a content of a
    /// plain answer (2xx, 3xx) in which nothing is to be found (`token::extract::may_tell`) it can be the beginning only,
    /// by which its form is told: of a coded one that was seen before (`coding::barren`), and of one of a HAR.
    pub kept: Option<Box<[u8]>>,
    /// Some of the content is not there: why.
    pub cut: Option<BodyCut>,
}

/// Why a content is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyCut {
    /// The recording lacks bytes: a gap, a snap length, the end of the capture, an exporter that dropped it.
    Recording,
    /// A limit of this program: the content is longer than what is kept.
    Limit,
    /// A content coding that is unknown or damaged.
    Coding,
}

impl Body {
    /// The decoded size if known, else the transferred one.
    pub fn size(&self) -> u64 {
        self.decoded.unwrap_or(self.transferred)
    }
}

/// A request or a response with the places of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Header section.
    pub head: Head,
    /// Content.
    pub body: Body,
    /// Trailer section, if one came.
    pub trailers: Option<Box<Head>>,
    /// Where its first byte was.
    pub first: At,
    /// Where its header section was complete (in reports `request_frame`, `response_frame`).
    pub head_end: At,
    /// Where its last byte was.
    pub end: At,
}

impl Message {
    /// Bytes of memory it takes besides its own, about.
    pub fn weight(&self) -> usize {
        let trailers = self.trailers.as_ref().map_or(0, |head| size_of::<Head>().saturating_add(head.weight()));
        let kept = self.body.kept.as_ref().map_or(0, |kept| kept.len());
        self.head.weight().saturating_add(kept).saturating_add(trailers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_head_reads_back() {
        let mut builder = HeadBuilder::request(b"GET", b"/ews", Some(b"mail.contoso.com"));
        builder.field(b"Accept", b"a").field(b"accept", b"b").field(b"Content-Type", b"Text/XML; charset=utf-8");
        let head = builder.finish();
        assert_eq!((head.method(), head.target()), (b"GET".as_slice(), b"/ews".as_slice()));
        assert_eq!(head.values("ACCEPT").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(head.media_type().as_deref(), Some("text/xml"));
        assert_eq!(head.status(), None);
        assert_eq!(HeadBuilder::response(401, b"Unauthorized").finish().status(), Some(401));
    }
}
