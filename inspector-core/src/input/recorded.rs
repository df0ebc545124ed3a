//! Exchanges of tools that record messages rather than packets: from the parts such a tool kept to an [`Exchange`].
//!
//! Proxies, browsers and command-line clients differ in their files, not in what a file can tell of an exchange. A reader of
//! such a format fills a [`Draft`]; [`Recorded`] makes the exchange of it, numbers it and hands it out:
//!
//! ```text
//! file ─► Draft { request, response, marks, … } ─► Recorded::hand_out ─► Item::Exchange
//!                                              └► Recorded::skip      ─► Note: an entry was skipped
//! ```
//!
//! What a content is differs by tool, and the difference decides what may be concluded: see [`Content`].

use std::borrow::Cow;

use memchr::memchr;

use super::{Control, Item, ItemSink, har::sanitized::Traces};
use crate::{
    coding::barren::Barren,
    context::BodyPolicy,
    evidence::{At, Endpoint, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme, TlsSession,
        message::{Body, BodyCut, Head, HeadBuilder, Message},
    },
    http::{
        chunked::{Chunked, Step},
        content::{Collector, can_hold_token},
    },
    limits::Limits,
    note::{Note, NoteKind},
    time::Timestamp,
    token::extract::may_tell,
};

/// Names and values of fields, in the order of the recording.
pub(crate) type Fields<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// The content of a message, as far as the tool kept it.
#[derive(Debug, Default)]
pub(crate) enum Content<'a> {
    /// There was none, or none is to be expected.
    #[default]
    None,
    /// As sent, after the transfer coding and with its content codings.
    Transferred(Cow<'a, [u8]>),
    /// As sent, perhaps still with the chunked coding: tools differ, and some differ by their settings.
    Framed(Cow<'a, [u8]>),
    /// The tool undid all codings.
    Decoded(Cow<'a, [u8]>),
    /// The tool kept no part of it.
    Unrecorded,
}

/// A request as a tool recorded it.
#[derive(Debug, Default)]
pub(crate) struct RequestDraft<'a> {
    pub(crate) method: Cow<'a, [u8]>,
    /// As sent, or the whole URL.
    pub(crate) target: Cow<'a, [u8]>,
    pub(crate) fields: Fields<'a>,
    pub(crate) content: Content<'a>,
    pub(crate) trailers: Fields<'a>,
    /// The tool says that not all of the content is there.
    pub(crate) cut: bool,
}

/// A response as a tool recorded it.
#[derive(Debug, Default)]
pub(crate) struct ResponseDraft<'a> {
    pub(crate) status: u16,
    pub(crate) reason: Cow<'a, [u8]>,
    pub(crate) fields: Fields<'a>,
    pub(crate) content: Content<'a>,
    pub(crate) trailers: Fields<'a>,
    /// The tool says that not all of the content is there.
    pub(crate) cut: bool,
}

/// All that a tool recorded of an exchange.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) request: Option<RequestDraft<'a>>,
    pub(crate) response: Option<ResponseDraft<'a>>,
    pub(crate) protocol: Protocol,
    /// `None` if only the target tells it, if at all.
    pub(crate) scheme: Option<Scheme>,
    pub(crate) client: Option<Endpoint>,
    pub(crate) server: Option<Endpoint>,
    pub(crate) tls: Option<TlsSession>,
    pub(crate) begin: Option<Timestamp>,
    pub(crate) end: Option<Timestamp>,
    pub(crate) marks: Marks,
}

impl Default for Draft<'_> {
    fn default() -> Self {
        Self {
            request: None,
            response: None,
            protocol: Protocol::Http11,
            scheme: None,
            client: None,
            server: None,
            tls: None,
            begin: None,
            end: None,
            marks: Marks::default(),
        }
    }
}

/// Hands the exchanges of one recording out.
pub(crate) struct Recorded<'s> {
    sink: &'s mut dyn ItemSink,
    limits: &'s Limits,
    barren: Barren,
    /// Index of the next entry.
    index: u64,
    control: Control,
    placeholder: bool,
}

impl<'s> Recorded<'s> {
    pub(crate) fn new(sink: &'s mut dyn ItemSink, limits: &'s Limits) -> Self {
        Self { sink, limits, barren: Barren::new(may_tell), index: 0, control: Control::Continue, placeholder: false }
    }

    /// Entries so far, those that were skipped among them.
    pub(crate) const fn entries(&self) -> u64 {
        self.index
    }

    /// Whether nobody wants more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.control == Control::Stop
    }

    /// The input is about to be asked for more.
    pub(crate) fn before_read(&mut self) {
        self.sink.before_read();
    }

    /// Says something about the recording as a whole.
    pub(crate) fn note(&mut self, kind: NoteKind) {
        self.item(Item::Note(Note::input(kind)));
    }

    /// Says something about the next entry.
    pub(crate) fn note_entry(&mut self, kind: NoteKind) {
        let at = At::Entry { index: self.index, time: None };
        self.item(Item::Note(Note::at(at, kind)));
    }

    /// The next entry is none that can be read.
    pub(crate) fn skip(&mut self, why: impl Into<String>) {
        let at = At::Entry { index: self.index, time: None };
        self.index += 1;
        self.item(Item::Note(Note::at(at, NoteKind::EntrySkipped { why: why.into() })));
    }

    /// Hands the next exchange out.
    pub(crate) fn hand_out(&mut self, draft: Draft<'_>) {
        if draft.request.is_none() && draft.response.is_none() {
            self.skip("it holds neither a request nor a response");
            return;
        }
        let exchange = self.exchange(draft);
        self.index += 1;
        self.item(Item::Exchange(Box::new(exchange)));
    }

    /// The recording is over: says what its entries showed together.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.placeholder) {
            self.note(NoteKind::Sanitized { how: "values were replaced by placeholders such as [REDACTED]" });
        }
    }

    fn item(&mut self, item: Item<'_>) {
        if self.control == Control::Continue {
            self.control = self.sink.item(item);
        }
    }

    fn exchange(&mut self, draft: Draft<'_>) -> Exchange {
        let Draft { request, response, protocol, scheme, client, server, tls, begin, end, mut marks } = draft;
        let mut traces = Traces::default();
        let method = request.as_ref().map(|request| request.method.to_vec()).unwrap_or_default();
        let target = request.as_ref().map(|request| request.target.to_vec()).unwrap_or_default();
        match (&request, &response) {
            (None, _) => marks.add(Mark::RequestMissing),
            (_, None) if !marks.has(Mark::NotSent) => marks.add(Mark::ResponseMissing),
            _ => {}
        }
        let request_at = At::Entry { index: self.index, time: begin };
        let response_at = At::Entry { index: self.index, time: end.or(begin) };
        let is_text = matches!(protocol, Protocol::Http10 | Protocol::Http11);
        let surplus = [
            request.as_ref().is_some_and(|one| is_text && has_surplus(&one.fields, &one.content, true)),
            response.as_ref().is_some_and(|one| is_text && has_surplus(&one.fields, &one.content, false)),
        ];
        // Bytes behind a message are those of another one, which nobody shows.
        if surplus.contains(&true) && method != b"CONNECT" && !marks.has(Mark::Upgraded) {
            marks.add(Mark::EntryMalformed);
        }
        let request = request.map(|request| self.request(request, request_at, &mut marks, &mut traces));
        let response = response.map(|response| self.response(response, &method, response_at, &mut marks, &mut traces));
        if traces.placeholder {
            self.placeholder = true;
            marks.add(Mark::Sanitized);
        }
        let scheme = scheme_of(&target).or(scheme).unwrap_or(Scheme::Https);
        Exchange {
            source: SourceId(0),
            number: 0,
            connection: None,
            stream: None,
            protocol,
            scheme,
            client,
            server,
            tls: tls.map(std::sync::Arc::new),
            request,
            response,
            marks,
        }
    }

    fn request(&self, draft: RequestDraft<'_>, at: At, marks: &mut Marks, traces: &mut Traces) -> Message {
        let RequestDraft { method, target, fields, content, trailers, cut } = draft;
        let pseudo = |name: &[u8]| fields.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value);
        let authority = pseudo(b":authority").filter(|_| scheme_of(&target).is_none());
        let method = if method.is_empty() { pseudo(b":method").unwrap_or_default() } else { &*method };
        let target = if target.is_empty() { pseudo(b":path").unwrap_or_default() } else { &*target };
        let mut target = target;
        if target.len() > self.limits.head {
            marks.add(Mark::HeadCut);
            target = target.get(..self.limits.head).unwrap_or_default();
        }
        if method.is_empty() || target.is_empty() {
            marks.add(Mark::EntryMalformed);
        }
        traces.see_text(target);
        let head = self.head(HeadBuilder::request(method, target, authority), &fields, marks, traces);
        // A tunnel's bytes are no content.
        let content = if method == b"CONNECT" { Content::None } else { content };
        let mut body = self.body(&head, content, self.limits.body, marks);
        mark_cut(&mut body, cut, marks);
        traces.see_text(body.kept.as_deref().unwrap_or_default());
        let trailers = self.trailers(&trailers, marks, traces);
        Message { head, body, trailers, first: at, head_end: at, end: at }
    }

    fn response(
        &self,
        draft: ResponseDraft<'_>,
        method: &[u8],
        at: At,
        marks: &mut Marks,
        traces: &mut Traces,
    ) -> Message {
        let ResponseDraft { status, reason, fields, content, trailers, cut } = draft;
        let head = self.head(HeadBuilder::response(status, &reason), &fields, marks, traces);
        let is_empty = matches!(status, 100 | 102..=199 | 204 | 304)
            || method == b"HEAD"
            || (method == b"CONNECT" && (200..300).contains(&status));
        let content = if is_empty { Content::None } else { content };
        let mut body = match content {
            Content::None if is_empty => Body { decoded: Some(0), ..Body::default() },
            content => self.body(&head, content, self.limits.decoded_body, marks),
        };
        mark_cut(&mut body, cut && !is_empty, marks);
        let trailers = self.trailers(&trailers, marks, traces);
        Message { head, body, trailers, first: at, head_end: at, end: at }
    }

    /// Writes the fields; pseudo-header fields (RFC 9113 §8.3) are in the start already.
    fn head(&self, mut head: HeadBuilder, fields: &Fields<'_>, marks: &mut Marks, traces: &mut Traces) -> Head {
        let mut count = 0;
        for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with(b":")) {
            count += 1;
            if count > self.limits.fields || head.len() + name.len() + value.len() > 2 * self.limits.head {
                marks.add(Mark::HeadCut);
                marks.add(Mark::Malformed);
                break;
            }
            let (name, value) = (name.trim_ascii(), value.trim_ascii());
            if name.is_empty() || name.iter().any(|byte| *byte <= b' ' || *byte == b':') {
                marks.add(Mark::EntryMalformed);
                if name.is_empty() {
                    continue;
                }
            }
            traces.see_field(name, value);
            head.field(name, value);
        }
        head.finish()
    }

    fn trailers(&self, fields: &Fields<'_>, marks: &mut Marks, traces: &mut Traces) -> Option<Box<Head>> {
        (!fields.is_empty()).then(|| Box::new(self.head(HeadBuilder::trailers(), fields, marks, traces)))
    }

    fn body(&self, head: &Head, content: Content<'_>, limit: usize, marks: &mut Marks) -> Body {
        let declared = head.text("content-length").and_then(|length| length.parse::<u64>().ok());
        let mut body = match content {
            Content::None => Body { decoded: Some(0), ..Body::default() },
            Content::Unrecorded => {
                Body { transferred: declared.unwrap_or(0), cut: Some(BodyCut::Recording), ..Body::default() }
            }
            Content::Decoded(bytes) => return decoded_body(head, bytes, limit, marks),
            Content::Transferred(bytes) => self.collected(head, &bytes, false, marks),
            Content::Framed(bytes) => {
                let is_chunked =
                    head.values("transfer-encoding").any(crate::http::content::contains_chunked) && !bytes.is_empty();
                match is_chunked.then(|| dechunked(&bytes, &mut |_| {})).flatten() {
                    Some((whole, _)) => {
                        let mut collector = Collector::new(head, BodyPolicy::Tokens);
                        let _ = dechunked(&bytes, &mut |data| collector.push(data, self.limits));
                        return self.finished(collector, !whole, marks);
                    }
                    None => self.collected(head, &bytes, false, marks),
                }
            }
        };
        if body.cut.is_none() && declared.is_some_and(|declared| declared > body.transferred) {
            body.cut = Some(BodyCut::Recording);
        }
        if body.cut == Some(BodyCut::Recording) {
            marks.add(Mark::BodyCut);
        }
        body
    }

    fn collected(&self, head: &Head, bytes: &[u8], is_cut: bool, marks: &mut Marks) -> Body {
        let mut collector = Collector::new(head, BodyPolicy::of(self.limits));
        collector.push(bytes, self.limits);
        self.finished(collector, is_cut, marks)
    }

    fn finished(&self, mut collector: Collector, is_cut: bool, marks: &mut Marks) -> Body {
        if is_cut {
            collector.missing();
        }
        let (body, found) = collector.finish(self.limits, &self.barren);
        marks.merge(found);
        body
    }
}

fn mark_cut(body: &mut Body, cut: bool, marks: &mut Marks) {
    if cut {
        body.cut = Some(BodyCut::Recording);
        marks.add(Mark::BodyCut);
    }
}

/// A content without codings, whatever the fields say.
fn decoded_body(head: &Head, bytes: Cow<'_, [u8]>, limit: usize, marks: &mut Marks) -> Body {
    let length = bytes.len() as u64;
    let mut body = Body { transferred: length, decoded: Some(length), kept: None, cut: None };
    if head.status().is_none() || head.value("content-type").is_none_or(can_hold_token) {
        let kept = bytes.get(..limit).unwrap_or(&bytes);
        if kept.len() < bytes.len() {
            body.cut = Some(BodyCut::Limit);
            marks.add(Mark::BodyLimit);
        }
        body.kept = Some(kept.into());
    }
    body
}

/// Whether a content as it was sent is longer than its message (RFC 9112 §6.3): what is behind it is another message, for
/// no tool writes two as one. White space counts as nothing, and the answer that lasts to the connection's end is all.
fn has_surplus(fields: &Fields<'_>, content: &Content<'_>, is_request: bool) -> bool {
    let Content::Framed(bytes) = content else { return false };
    let of = |known: &'static [u8]| {
        fields.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(known)).map(|(_, value)| &**value)
    };
    let rest = if of(b"transfer-encoding").next().is_some() {
        match dechunked(bytes, &mut |_| {}) {
            Some((true, rest)) => rest,
            _ => return false,
        }
    } else {
        let mut lengths =
            of(b"content-length").map(|value| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok());
        match (lengths.next(), is_request) {
            (Some(Some(length)), _) => bytes.get(length..).unwrap_or_default(),
            // No length is told of some that an extension or a converter wrote: then only a request is one.
            (None, true) => return bytes.split(|byte| *byte == b'\n').any(ends_as_request_line),
            _ => return false,
        }
    };
    !rest.trim_ascii().is_empty()
}

fn ends_as_request_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.ends_with(b" HTTP/1.1") || line.ends_with(b" HTTP/1.0")
}

/// Undoes the chunked coding, piece by piece: whether its last chunk was there, and what follows its trailer section. `None`
/// if the bytes are not in it.
fn dechunked<'c>(mut input: &'c [u8], each: &mut dyn FnMut(&[u8])) -> Option<(bool, &'c [u8])> {
    let (mut chunked, mut any) = (Chunked::default(), false);
    loop {
        let (used, step) = chunked.step(input);
        input = input.get(used..).unwrap_or_default();
        match step {
            Step::Data(data) => {
                any = true;
                each(data);
            }
            Step::Last => return Some((true, behind_trailers(input))),
            Step::More | Step::Broken => return any.then_some((false, b"")),
        }
    }
}

/// What follows the blank line that ends a trailer section.
fn behind_trailers(mut rest: &[u8]) -> &[u8] {
    while !rest.is_empty() {
        let (line, later) = first_line(rest);
        rest = later;
        if line.is_empty() {
            break;
        }
    }
    rest
}

/// The scheme of an absolute target.
pub(crate) fn scheme_of(target: &[u8]) -> Option<Scheme> {
    let is = |scheme: &[u8]| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if is(b"http://") || is(b"ws://") {
        return Some(Scheme::Http);
    }
    (is(b"https://") || is(b"wss://")).then_some(Scheme::Https)
}

/// The protocol of a version as tools spell it: `HTTP/1.1`, `HTTP/2.0`, `HTTP/2`, `h2`, `HTTP/3`.
pub(crate) fn protocol_of(version: &[u8]) -> Protocol {
    let upper = version.trim_ascii().to_ascii_uppercase();
    let number = upper.strip_prefix(b"HTTP/").or_else(|| upper.strip_prefix(b"H")).unwrap_or(&upper);
    match number {
        b"1.0" | b"0.9" => Protocol::Http10,
        [b'2', ..] => Protocol::H2,
        [b'3', ..] => Protocol::H3,
        _ => Protocol::Http11,
    }
}

/// The start line of a message and the fields that follow it, as text of HTTP/1.
pub(crate) struct Text<'a> {
    /// The start line's words: method, target and version, or version, status and reason.
    pub(crate) start: [&'a [u8]; 3],
    pub(crate) fields: Fields<'a>,
    /// What follows the blank line.
    pub(crate) content: &'a [u8],
    /// The blank line is there.
    pub(crate) closed: bool,
    /// A line is no field.
    pub(crate) odd: bool,
    /// A line was folded.
    pub(crate) folded: bool,
}

impl<'a> Text<'a> {
    /// Reads the text of a message; `None` if its first line is no start line. Of its fields, one more than are kept of any
    /// message tells that there are more.
    pub(crate) fn parse(text: &'a [u8], limits: &Limits) -> Option<Self> {
        let (line, mut rest) = first_line(text);
        let mut words = line.splitn(3, |byte| *byte == b' ');
        let start = [words.next()?, words.next()?, words.next().unwrap_or_default()];
        let mut read = Self { start, fields: Vec::new(), content: b"", closed: false, odd: false, folded: false };
        while !rest.is_empty() {
            let (line, later) = first_line(rest);
            rest = later;
            if line.is_empty() {
                read.closed = true;
                read.content = rest;
                break;
            }
            if let (Some(b' ' | b'\t'), Some((_, value))) = (line.first(), read.fields.last_mut()) {
                read.folded = true;
                let value = value.to_mut();
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
                continue;
            }
            // A pseudo-header field begins with a colon.
            let colon = memchr(b':', line.get(1..).unwrap_or_default()).map(|at| at + 1);
            match colon.and_then(|at| line.split_at_checked(at)) {
                Some(_) if read.fields.len() > limits.fields => {}
                Some((name, value)) => {
                    read.fields.push((name.trim_ascii().into(), value.get(1..).unwrap_or_default().trim_ascii().into()))
                }
                None => read.odd = true,
            }
        }
        Some(read)
    }

    /// What the shape of the text says of the exchange.
    pub(crate) fn marks(&self) -> Marks {
        let mut marks = Marks::default();
        if !self.closed {
            marks.add(Mark::HeadCut);
        }
        if self.odd {
            marks.add(Mark::Malformed);
            marks.add(Mark::EntryMalformed);
        }
        if self.folded {
            marks.add(Mark::ObsFold);
        }
        marks
    }

    /// The status of a response; `None` if this is none.
    pub(crate) fn status(&self) -> Option<u16> {
        let [version, status, _] = self.start;
        let is_response = version.starts_with(b"HTTP/");
        let status = std::str::from_utf8(status).ok()?.parse().ok();
        status.filter(|status| is_response && *status <= 999)
    }
}

/// The first line without its end, and what follows.
pub(crate) fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text).unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default())
}
