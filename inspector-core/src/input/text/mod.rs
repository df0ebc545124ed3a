//! Plain transcripts: requests and responses as text, as people write them down and as `curl -v` prints them.
//!
//! ```text
//! # @time 2026-01-01T00:00:00Z              > GET /ews HTTP/1.1
//! GET /ews HTTP/1.1                         > Host: mail.contoso.com
//! Host: mail.contoso.com                    >
//!                                           < HTTP/1.1 401 Unauthorized
//! HTTP/1.1 401 Unauthorized                 < Content-Length: 6
//! Content-Length: 6                         <
//!                                           denied
//! denied                                    * Connection #0 to host mail.contoso.com left intact
//! ###
//! ```
//!
//! Lines end in LF or CRLF. A content ends at its `Content-Length` if a message, a separator or the end follows there;
//! lengths of edited text often lie, and then it ends before the next start line or separator. `# @time`, `# @scheme`,
//! `# @client` and `# @server` state facts of the exchange that follows, `# @notes` what it lacks, and `# @lost` what the recording
//! lacked this one was made of. Without one the scheme is `https`: clear text
//! is claimed only where the target, a line or curl's report of the connection says so.

mod syntax;

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    io::{self, Read},
    net::IpAddr,
    str::Utf8Error,
};

use memchr::{memchr, memmem};

use self::syntax::{
    chunk_size, dechunked, endpoint, fact, first_line, is_beside, is_boundary, is_report, is_start_line,
    last_delimiter, next_boundary, protocol, request_line, scheme, status_line, unmarked, without_line_ends,
    without_report,
};
use super::{Control, Format, Item, ItemSink, ReadError, har::sanitized::Traces};
use crate::{
    evidence::{At, Endpoint, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme,
        message::{Body, BodyCut, Head, HeadBuilder, Message},
    },
    limits::Limits,
    losses::{Losses, marks_from_json},
    note::{Note, NoteKind},
    probe::Probe,
    time::Timestamp,
};

/// Lines searched for a start line when the format is told.
const PROBED_LINES: usize = 64;

/// Bytes of room for the text at first; it grows by doubling.
const STEP: usize = 64 << 10;

/// How often the length of the text may be looked at in vain.
const LOOKAHEADS: usize = 16;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Transcript;

impl Format for Transcript {
    fn name(&self) -> &'static str {
        "http"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        for _ in 0..PROBED_LINES {
            let (line, later) = first_line(rest);
            let (_, line) = unmarked(line);
            if is_start_line(line) {
                return Probe::Likely;
            }
            if rest.is_empty() || line.contains(&0) {
                break;
            }
            rest = later;
        }
        Probe::No
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let (text, beyond) = read_at_most(input, limits.entry)?;
        if text.is_empty() {
            return Err(ReadError::Empty);
        }
        let mut reading = Reading::new(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text), limits, sink);
        while reading.control == Control::Continue && reading.step() {}
        reading.flush();
        if beyond {
            reading.note(NoteKind::Limit { limit: "file" });
        }
        if reading.index == 0 {
            return Err(ReadError::Damaged { format: "http", what: "no request or response was found".to_owned() });
        }
        if reading.sanitized {
            reading.note(NoteKind::Sanitized { how: "values were replaced by placeholders such as [REDACTED]" });
        }
        Ok(())
    }
}

/// Reads so many bytes, or what there is, in room for no more; and whether there is more. What ends within a compressed
/// recording that is cut counts as the end.
fn read_at_most(input: &mut dyn Read, most: usize) -> io::Result<(Vec<u8>, bool)> {
    let mut text = Vec::new();
    loop {
        let wanted = text.len().clamp(STEP, most.saturating_sub(text.len()).max(STEP));
        let wanted = wanted.min(most.saturating_sub(text.len()));
        text.reserve_exact(wanted);
        let read = match input.take(wanted as u64).read_to_end(&mut text) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
            Err(_) => return Ok((text, false)),
            Ok(read) => read,
        };
        if read < wanted {
            return Ok((text, false));
        }
        if text.len() >= most {
            let beyond = input.take(1).read_to_end(&mut Vec::new());
            return Ok((text, beyond.is_ok_and(|read| read > 0)));
        }
    }
}

/// Facts of an exchange that no message states.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    time: Option<Timestamp>,
    scheme: Option<Scheme>,
    client: Option<Endpoint>,
    server: Option<Endpoint>,
    marks: Marks,
}

/// A request whose response has not come yet.
struct Pending {
    message: Message,
    protocol: Protocol,
    marks: Marks,
    facts: Facts,
}

/// One run over a transcript.
struct Reading<'t> {
    text: &'t [u8],
    position: usize,
    limits: &'t Limits,
    sink: &'t mut dyn ItemSink,
    control: Control,
    /// Exchanges handed out.
    index: u64,
    facts: Facts,
    /// What curl says of its connection; it holds until the next one.
    connection: Facts,
    pending: Option<Pending>,
    sanitized: bool,
    /// A line that belongs to nothing was noted.
    stray: bool,
    /// Bytes that may still be looked at in vain.
    lookahead: usize,
}

impl<'t> Reading<'t> {
    fn new(text: &'t [u8], limits: &'t Limits, sink: &'t mut dyn ItemSink) -> Self {
        Self {
            text,
            position: 0,
            limits,
            sink,
            control: Control::Continue,
            index: 0,
            facts: Facts::default(),
            connection: Facts::default(),
            pending: None,
            sanitized: false,
            stray: false,
            lookahead: text.len().saturating_mul(LOOKAHEADS),
        }
    }

    fn note(&mut self, kind: NoteKind) {
        if self.control == Control::Continue {
            self.control = self.sink.item(Item::Note(Note::input(kind)));
        }
    }

    fn give(&mut self, item: Item<'_>) {
        if self.control == Control::Continue {
            self.control = self.sink.item(item);
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Goes over the next line.
    fn line(&mut self) -> &'t [u8] {
        let rest = self.rest();
        let (line, later) = first_line(rest);
        self.position += rest.len() - later.len();
        line
    }

    /// Reads a message, or a line outside of any; `false` at the end.
    fn step(&mut self) -> bool {
        if self.rest().is_empty() {
            return false;
        }
        let line = self.line();
        let (mark, start) = unmarked(line);
        if let Some((version, status, reason)) = status_line(start) {
            self.response(version, status, reason, mark);
        } else if let Some((method, target, version)) = request_line(start) {
            self.flush();
            self.request(method, target, version, mark);
        } else if let Some((name, value)) = fact(line) {
            self.flush();
            self.state(name, value);
        } else if line.starts_with(b"###") {
            self.flush();
            self.facts = Facts::default();
        } else if let Some(information) = line.strip_prefix(b"* ") {
            self.information(&String::from_utf8_lossy(information));
        } else if !is_beside(line) && !self.stray {
            self.stray = true;
            self.note(NoteKind::MalformedBlock { what: "a line that belongs to no message" });
        }
        true
    }

    /// Takes a fact of the exchange that follows.
    fn state(&mut self, name: &str, value: &str) {
        match name {
            "time" => self.facts.time = Timestamp::parse_rfc3339(value),
            "scheme" if value.eq_ignore_ascii_case("http") => self.facts.scheme = Some(Scheme::Http),
            "scheme" => self.facts.scheme = Some(Scheme::Https),
            "client" => self.facts.client = endpoint(value),
            "notes" => {
                let marks = serde_json::from_str(value).ok().as_ref().and_then(marks_from_json);
                // What cannot be read is missing.
                self.facts.marks.merge(marks.unwrap_or_else(|| {
                    let mut marks = Marks::default();
                    marks.add(Mark::EntryMalformed);
                    marks
                }));
            }
            "lost" => {
                let Losses { connections, notes } = Losses::read(value.as_bytes());
                for note in notes {
                    self.give(Item::Note(note));
                }
                for report in connections {
                    self.give(Item::Connection(Box::new(report)));
                }
            }
            _ => self.facts.server = endpoint(value),
        }
    }

    /// Takes what curl says: `Connected to NAME (ADDRESS) port PORT`, in newer versions `Established connection to NAME
    /// (ADDRESS port PORT) from ADDRESS port PORT`, and that TLS was spoken.
    fn information(&mut self, line: &str) {
        const TLS: [&str; 4] = ["SSL connection using", "ALPN", "(TLS handshake", "(OUT), TLS"];
        let words: Vec<_> = line.split(['(', ')', ' ']).filter(|word| !word.is_empty()).collect();
        let place = |at: usize| -> Option<Endpoint> {
            let (address, behind) = words.get(at..)?.split_first()?;
            let port = match behind {
                ["port", port, ..] => port.parse().ok()?,
                _ => 0,
            };
            Some(Endpoint { address: address.parse::<IpAddr>().ok()?, port })
        };
        if line.starts_with("Connected to ") || line.starts_with("Established connection to ") {
            let mut places = (3..words.len()).filter_map(place);
            self.connection = Facts { scheme: Some(Scheme::Http), server: places.next(), ..Facts::default() };
            self.connection.client = places.next();
        } else if TLS.iter().any(|word| line.contains(word)) {
            self.connection.scheme = Some(Scheme::Https);
        }
    }

    fn request(&mut self, method: &[u8], target: &[u8], version: &[u8], mark: Option<u8>) {
        let facts = std::mem::take(&mut self.facts);
        let mut marks = Marks::default();
        let head = self.head(HeadBuilder::request(method, target, None), mark, &mut marks);
        let body = self.body(&head, mark, self.limits.body, false, &mut marks);
        let message = self.message(head, body, facts.time);
        self.pending = Some(Pending { message, protocol: protocol(version), marks, facts });
    }

    fn response(&mut self, version: &[u8], status: u16, reason: &[u8], mark: Option<u8>) {
        let mut marks = Marks::default();
        let head = self.head(HeadBuilder::response(status, reason), mark, &mut marks);
        if matches!(status, 100..=199) && status != 101 {
            return;
        }
        let method = self.pending.as_ref().map(|pending| pending.message.head.method()).unwrap_or_default();
        let empty = matches!(status, 101 | 204 | 304)
            || method == b"HEAD"
            || (method == b"CONNECT" && (200..300).contains(&status));
        let body = self.body(&head, mark, self.limits.decoded_body, empty, &mut marks);
        let facts = self.pending.as_ref().map_or(self.facts, |pending| pending.facts);
        let message = self.message(head, body, facts.time);
        match self.pending.take() {
            Some(mut pending) => {
                pending.marks.merge(marks);
                let Pending { message: request, protocol, marks, .. } = pending;
                self.emit(Some(request), Some(message), protocol, marks, facts);
            }
            None => {
                self.facts = Facts::default();
                marks.add(Mark::RequestMissing);
                self.emit(None, Some(message), protocol(version), marks, facts);
            }
        }
    }

    /// Hands out a request that got no response.
    fn flush(&mut self) {
        if let Some(Pending { message, protocol, mut marks, facts }) = self.pending.take() {
            marks.add(Mark::ResponseMissing);
            self.emit(Some(message), None, protocol, marks, facts);
        }
    }

    fn message(&self, head: Head, body: Body, time: Option<Timestamp>) -> Message {
        let at = At::Entry { index: self.index, time };
        Message { head, body, trailers: None, first: at, head_end: at, end: at }
    }

    fn emit(
        &mut self,
        request: Option<Message>,
        response: Option<Message>,
        protocol: Protocol,
        mut marks: Marks,
        facts: Facts,
    ) {
        let mut traces = Traces::default();
        for message in request.iter().chain(&response) {
            message.head.iter().for_each(|(name, value)| traces.see_field(name, value));
            traces.see_text(message.head.target());
        }
        if traces.placeholder {
            self.sanitized = true;
            marks.add(Mark::Sanitized);
        }
        marks.merge(facts.marks);
        let target = request.as_ref().map(|request| request.head.target()).unwrap_or_default();
        let scheme = facts.scheme.or_else(|| scheme(target)).or(self.connection.scheme).unwrap_or(Scheme::Https);
        let exchange = Exchange {
            source: SourceId(0),
            number: 0,
            connection: None,
            stream: None,
            protocol,
            scheme,
            client: facts.client.or(self.connection.client),
            server: facts.server.or(self.connection.server),
            tls: None,
            request,
            response,
            marks,
        };
        self.index += 1;
        if self.control == Control::Continue {
            self.control = self.sink.item(Item::Exchange(Box::new(exchange)));
        }
    }

    /// Reads the fields and the blank line behind them. A start line or separator ends them too.
    fn head(&mut self, mut builder: HeadBuilder, mark: Option<u8>, marks: &mut Marks) -> Head {
        let mut field: Option<(&[u8], Vec<u8>)> = None;
        let mut count = 0;
        while !self.rest().is_empty() {
            let (line, _) = first_line(self.rest());
            // curl reports in the middle of a header section, too.
            if mark.is_some() && is_report(line) {
                self.line();
                if let Some(information) = line.strip_prefix(b"* ") {
                    self.information(&String::from_utf8_lossy(information));
                }
                continue;
            }
            let (found, line) = unmarked(line);
            if found != mark || line.is_empty() || is_start_line(line) || line.starts_with(b"###") {
                if line.is_empty() {
                    self.line();
                }
                break;
            }
            self.line();
            if count >= self.limits.fields || builder.len() + line.len() > self.limits.head {
                marks.add(Mark::HeadCut);
                marks.add(Mark::Malformed);
                continue;
            }
            if let (b' ' | b'\t', Some((_, value))) = (line.first().copied().unwrap_or_default(), &mut field) {
                marks.add(Mark::ObsFold);
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
                continue;
            }
            // A pseudo-header field, as some tools print HTTP/2, is none of the header section's.
            let colon = memchr(b':', line).filter(|at| *at > 0);
            if let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) {
                if let Some((name, value)) =
                    field.replace((name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii().to_vec()))
                {
                    builder.field(name, &value);
                }
                count += 1;
            } else if !line.starts_with(b":") && !line.starts_with(b"#") {
                marks.add(Mark::Malformed);
            }
        }
        if let Some((name, value)) = field {
            builder.field(name, &value);
        }
        builder.finish()
    }

    /// Reads the content behind a header section. `empty`: this message has none, whatever its fields say.
    fn body(&mut self, head: &Head, mark: Option<u8>, limit: usize, empty: bool, marks: &mut Marks) -> Body {
        if empty {
            return Body { decoded: Some(0), ..Body::default() };
        }
        let rest = self.rest();
        let declared = head.text("content-length").and_then(|length| length.parse::<usize>().ok());
        let truthful = |length: &usize| is_boundary(rest, *length, mark);
        let is_chunked = head.text("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        let (content, used) = if let Some(length) = declared.filter(truthful) {
            (Content::from(rest.get(..length).unwrap_or_default()), length)
        } else if is_chunked
            && chunk_size(rest).is_some()
            && let Some(found) = self.ahead(|text| dechunked(text, limit).filter(|(.., used)| truthful(used)))
        {
            let (kept, length, used) = found;
            (Content { bytes: Cow::Owned(kept), length }, used)
        } else {
            let last = last_delimiter(head);
            let end = last.and_then(|last| self.ahead(|text| Some(memmem::find(text, last.as_bytes())? + last.len())));
            let used = end.unwrap_or_else(|| next_boundary(rest, mark));
            let content = without_report(rest.get(..used).unwrap_or_default(), mark);
            (Content::from(without_line_ends(content)), used)
        };
        self.position += used;
        self.kept(head, content, declared, limit, marks)
    }

    /// Tries a reading that may have to look far ahead. What failing ones look at is bounded in all.
    fn ahead<T>(&mut self, read: impl FnOnce(&'t [u8]) -> Option<T>) -> Option<T> {
        let text = self.rest();
        let text = text.get(..self.lookahead).unwrap_or(text);
        let found = read(text);
        if found.is_none() {
            self.lookahead -= text.len().min(self.lookahead);
        }
        found
    }

    fn kept(
        &self,
        head: &Head,
        content: Content<'_>,
        declared: Option<usize>,
        limit: usize,
        marks: &mut Marks,
    ) -> Body {
        let Content { mut bytes, length } = content;
        let mut body = Body { transferred: length as u64, decoded: Some(length as u64), kept: None, cut: None };
        // Text that lost its carriage returns, and its last line end, is shorter than its length says and still whole.
        let lines = memchr::memchr_iter(b'\n', &bytes).count();
        if declared.is_some_and(|declared| declared > length + lines + 2) {
            body.cut = Some(BodyCut::Recording);
            marks.add(Mark::BodyCut);
        }
        let coded = head.text("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity"));
        // A character may be cut where the content is.
        let is_text = |error: Utf8Error| error.error_len().is_none() && bytes.len() < length;
        if coded && !std::str::from_utf8(&bytes).map_or_else(is_text, |_| true) {
            body.cut = Some(BodyCut::Coding);
            body.decoded = None;
            marks.add(Mark::CodingUnknown);
            return body;
        }
        if length > limit {
            match &mut bytes {
                Cow::Borrowed(bytes) => *bytes = bytes.get(..limit).unwrap_or(bytes),
                Cow::Owned(bytes) => bytes.truncate(limit),
            }
            body.cut = body.cut.or(Some(BodyCut::Limit));
            marks.add(Mark::BodyLimit);
        }
        if length > 0 {
            body.kept = Some(bytes.into());
        }
        body
    }
}

/// A content of the text.
struct Content<'t> {
    /// Its bytes, or its first ones.
    bytes: Cow<'t, [u8]>,
    /// How many it has.
    length: usize,
}

impl<'t> From<&'t [u8]> for Content<'t> {
    fn from(bytes: &'t [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), length: bytes.len() }
    }
}
