//! NetLogs of Chrome, Edge, WebView2, Electron and Cronet (`chrome://net-export`, `--log-net-log`).
//!
//! ```text
//! {"constants":{"logEventTypes":{"REQUEST_ALIVE":1,…},"logSourceType":{…},…},
//! "events": [
//! {"params":{…},"phase":1,"source":{"id":76,"type":1},"time":"1234","type":105},
//! …
//! ```
//!
//! Numbers mean what the file's own constants say; they change with every version. An exchange is what the events of one
//! source of the type `URL_REQUEST` tell between two starts of its job: a redirect and a repetition with credentials start
//! it again. The same headers stand in the events of HTTP/2 and HTTP/3 sessions once more; those count only where the
//! request's own are missing. A file of a browser that was ended has no end, and is read up to there.
//!
//! # What a NetLog does not tell
//! In its default mode the values of `Authorization` and cookies are taken out *with the scheme*: nothing can be said about
//! Basic then, and it is said so. What a request sent as content is in no event of its own, so that it counts as not recorded.

mod request;
pub(super) mod stream;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::BuildHasher,
    io::Read,
};

use foldhash::fast::FixedState;
use serde::Deserialize;

use self::{
    request::Open,
    stream::{Source, Taken, event_type},
};
use super::{Format, ItemSink, ReadError, recorded::Recorded};
use crate::{
    exchange::{Mark, Protocol},
    limits::Limits,
    note::NoteKind,
    probe::Probe,
    time::Timestamp,
};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct NetLog;

/// Largest constants, in bytes: those of Chrome have less than a tenth of it.
const CONSTANTS_SIZE: usize = 4 << 20;

/// Members of the constants, any of which tells them.
const CONSTANTS: [&[u8]; 4] =
    [b"\"logEventTypes\"", b"\"activeFieldTrialGroups\"", b"\"addressFamily\"", b"\"logSourceType\""];

impl Format for NetLog {
    fn name(&self) -> &'static str {
        "netlog"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let Some(rest) = head.strip_prefix(b"{") else {
            return if head.is_empty() { Probe::Likely } else { Probe::No };
        };
        let name = b"\"constants\"";
        let rest = rest.trim_ascii_start();
        if name.starts_with(rest) && rest.len() < name.len() {
            return Probe::Likely;
        }
        let has = |name: &&[u8]| memchr::memmem::find(rest, name).is_some();
        match rest.starts_with(name) {
            true if CONSTANTS.iter().any(has) => Probe::Certain,
            true => Probe::Likely,
            false => Probe::No,
        }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut reading = Reading {
            source: Source::new(input, limits.entry),
            limits,
            recorded: Recorded::new(sink, limits),
            constants: None,
            open: BTreeMap::new(),
            of_source: HashMap::new(),
            next: 0,
            weight: 0,
            sent: VecDeque::new(),
        };
        reading.document()
    }
}

/// What an event is about, of those that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The request exists.
    Alive,
    StartJob,
    SendHeaders(Protocol),
    ResponseHeaders,
    /// Content as sent.
    Read,
    /// Content after its codings were undone.
    Filtered,
    Upload,
    /// Of a session: a request's header section.
    SessionSent(Protocol),
    /// Of a session: a response's header section.
    SessionReceived,
}

/// Names of the events that matter.
const EVENTS: [(&str, Kind); 14] = [
    ("REQUEST_ALIVE", Kind::Alive),
    ("URL_REQUEST_START_JOB", Kind::StartJob),
    ("HTTP_TRANSACTION_SEND_REQUEST_HEADERS", Kind::SendHeaders(Protocol::Http11)),
    ("HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS", Kind::SendHeaders(Protocol::H2)),
    ("HTTP_TRANSACTION_SPDY_SEND_REQUEST_HEADERS", Kind::SendHeaders(Protocol::H2)),
    ("HTTP_TRANSACTION_QUIC_SEND_REQUEST_HEADERS", Kind::SendHeaders(Protocol::H3)),
    ("HTTP_TRANSACTION_READ_RESPONSE_HEADERS", Kind::ResponseHeaders),
    ("URL_REQUEST_JOB_BYTES_READ", Kind::Read),
    ("URL_REQUEST_JOB_FILTERED_BYTES_READ", Kind::Filtered),
    ("UPLOAD_DATA_STREAM_INIT", Kind::Upload),
    ("HTTP2_SESSION_SEND_HEADERS", Kind::SessionSent(Protocol::H2)),
    ("HTTP2_SESSION_RECV_HEADERS", Kind::SessionReceived),
    ("HTTP3_HEADERS_SENT", Kind::SessionSent(Protocol::H3)),
    ("HTTP3_HEADERS_DECODED", Kind::SessionReceived),
];

/// What the file says its numbers mean.
#[derive(Default)]
struct Constants {
    kinds: HashMap<u32, Kind>,
    url_request: Option<u32>,
    begin: u32,
    end: u32,
    /// Milliseconds from 1970 to where times are counted from.
    offset: f64,
    /// The mode that leaves values out.
    is_default: bool,
}

impl Constants {
    fn read(text: &[u8]) -> Option<Self> {
        let json: serde_json::Value = serde_json::from_slice(text).ok()?;
        let number =
            |object: &str, name: &str| json.get(object)?.get(name)?.as_u64().and_then(|n| u32::try_from(n).ok());
        json.get("logEventTypes")?;
        let kinds = EVENTS.iter().filter_map(|(name, kind)| Some((number("logEventTypes", name)?, *kind))).collect();
        let offset = json
            .get("timeTickOffset")
            .and_then(|offset| offset.as_f64().or_else(|| offset.as_str().and_then(|text| text.trim().parse().ok())));
        Some(Self {
            kinds,
            url_request: number("logSourceType", "URL_REQUEST"),
            begin: number("logEventPhase", "PHASE_BEGIN").unwrap_or(1),
            end: number("logEventPhase", "PHASE_END").unwrap_or(2),
            offset: offset.unwrap_or(0.0),
            // Older versions called the modes otherwise: what is not one that keeps values may be one that does not.
            is_default: !json.get("logCaptureMode").and_then(serde_json::Value::as_str).is_none_or(|mode| {
                mode.contains("Sensitive") || mode.contains("Everything") || mode.contains("SOCKET")
            }),
        })
    }

    fn time(&self, milliseconds: &str) -> Option<Timestamp> {
        let time: f64 = milliseconds.parse().ok()?;
        let milliseconds = self.offset + time;
        let whole = milliseconds.floor();
        // Nanoseconds since 1970 are more than a float tells apart.
        let nanos = ((milliseconds - whole) * 1e6) as i64;
        let whole = (whole.abs() < 9e12).then_some(whole as i64)?;
        Some(Timestamp::from_nanos(whole.saturating_mul(1_000_000).saturating_add(nanos)))
    }
}

/// An event.
#[derive(Deserialize)]
struct Event<'e> {
    #[serde(borrow, default)]
    params: Option<&'e serde_json::value::RawValue>,
    #[serde(default)]
    phase: u32,
    source: EventSource,
    #[serde(default)]
    time: std::borrow::Cow<'e, str>,
    #[serde(rename = "type")]
    kind: u32,
}

#[derive(Deserialize)]
struct EventSource {
    id: u64,
    #[serde(rename = "type")]
    kind: u32,
}

/// The parameters that matter, of all events.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Params {
    url: Option<String>,
    method: Option<String>,
    line: Option<String>,
    headers: Headers,
    bytes: Option<String>,
    byte_count: u64,
    total_size: u64,
    is_chunked: bool,
    stream_id: Option<u64>,
    quic_stream_id: Option<u64>,
}

/// A list of `Name: value`; other writers have an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    List(Vec<String>),
    Object(serde_json::Map<String, serde_json::Value>),
    Other(serde::de::IgnoredAny),
}

impl Default for Headers {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Headers {
    fn lines(self) -> Vec<String> {
        match self {
            Self::List(lines) => lines,
            Self::Object(members) => {
                // A value that is no text leaves a line that is no field.
                let line = |(name, value): (&String, &serde_json::Value)| match value.as_str() {
                    Some(value) => format!("{name}: {value}"),
                    None => name.replace(':', " "),
                };
                members.iter().map(line).collect()
            }
            Self::Other(_) => Vec::new(),
        }
    }
}

/// What an exchange in progress is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Of {
    Request(u64),
    /// A session and its stream.
    Stream(u64, u64),
}

struct Reading<'r> {
    source: Source<'r>,
    limits: &'r Limits,
    recorded: Recorded<'r>,
    constants: Option<Constants>,
    /// Exchanges in the order of their requests, until those before them are over.
    open: BTreeMap<u64, Open>,
    of_source: HashMap<Of, u64>,
    next: u64,
    /// Bytes of memory that `open` takes, about.
    weight: usize,
    /// Header sections that requests' own events told, until the session's event repeats them.
    sent: VecDeque<u64>,
}

impl Reading<'_> {
    fn document(&mut self) -> Result<(), ReadError> {
        let damaged = |what: &str| ReadError::Damaged { format: "netlog", what: what.to_owned() };
        while self.source.bytes().len() < 3 && self.source.more()? {}
        if self.source.bytes().starts_with(b"\xef\xbb\xbf") {
            self.source.consume(3);
        }
        self.source.next()?;
        self.source.consume(1);
        let (mut has_events, mut is_ended) = (false, false);
        while let Some(byte) = self.source.next()? {
            if byte != b'"' {
                is_ended = byte == b'}';
                self.source.consume(1);
                if !is_ended {
                    self.recorded.note(NoteKind::MalformedBlock { what: "a member of the file has no name" });
                }
                break;
            }
            let Taken::Value(length) = self.source.value()? else { break };
            let name = self.source.bytes().get(1..length.saturating_sub(1)).unwrap_or_default().to_vec();
            self.source.consume(length);
            if self.source.next()? == Some(b':') {
                self.source.consume(1);
            }
            let first = self.source.next()?;
            if matches!(&*name, b"events" | b"traceEvents") && first == Some(b'[') {
                if self.constants.is_none() {
                    return Err(damaged("its constants do not come before its events"));
                }
                has_events = true;
                self.source.consume(1);
                if !self.events()? {
                    break;
                }
                continue;
            }
            match self.source.value()? {
                Taken::Value(length) => {
                    if name == b"constants" && length > CONSTANTS_SIZE {
                        return Err(damaged("its constants are too large"));
                    }
                    if name == b"constants" {
                        self.constants = Constants::read(self.source.bytes().get(..length).unwrap_or_default());
                        if self.constants.is_none() {
                            return Err(damaged("its constants cannot be read"));
                        }
                    }
                    self.source.consume(length);
                }
                Taken::TooLarge if name == b"constants" => return Err(damaged("its constants are too large")),
                Taken::TooLarge => {}
                Taken::Cut if has_events => break,
                Taken::Cut => return Err(damaged("it ends before its events")),
            }
        }
        if !has_events {
            return Err(damaged("it has no events"));
        }
        if is_ended && !self.recorded.is_stopped() && self.source.next()?.is_some() {
            self.recorded.note(NoteKind::MalformedBlock { what: "something follows the end of the log" });
        }
        self.finish();
        Ok(())
    }

    /// Reads the events; `false` if nothing can follow.
    fn events(&mut self) -> Result<bool, ReadError> {
        loop {
            if self.recorded.is_stopped() {
                return Ok(false);
            }
            if self.source.bytes().len() < 2 {
                self.recorded.before_read();
            }
            let offset = self.source.offset();
            match self.source.next()? {
                Some(b'{') => {}
                Some(b']') => {
                    self.source.consume(1);
                    return Ok(true);
                }
                Some(_) => {
                    self.recorded.note(NoteKind::MalformedBlock { what: "something in the list of events is none" });
                    return Ok(false);
                }
                None => {
                    self.recorded.note(NoteKind::TruncatedInput { offset });
                    return Ok(false);
                }
            }
            match self.source.event()? {
                Taken::Value(length) => {
                    self.event(length);
                    self.source.consume(length);
                }
                Taken::TooLarge => self.recorded.note(NoteKind::Limit { limit: "file" }),
                Taken::Cut => {
                    self.recorded.note(NoteKind::TruncatedInput { offset });
                    return Ok(false);
                }
            }
        }
    }

    fn event(&mut self, length: usize) {
        let Some(constants) = &self.constants else { return };
        let text = self.source.bytes().get(..length).unwrap_or_default();
        if event_type(text).is_some_and(|number| !constants.kinds.contains_key(&number)) {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event<'_>>(text) else {
            self.recorded.note(NoteKind::MalformedBlock { what: "an event cannot be read" });
            return;
        };
        let Some(kind) = constants.kinds.get(&event.kind).copied() else { return };
        // A list of fields takes many times what it has in the file, if they are short.
        let has_fields = !matches!(kind, Kind::Read | Kind::Filtered);
        if has_fields && length > 4 * self.limits.head {
            self.recorded.note(NoteKind::Limit { limit: "file" });
            return;
        }
        // Heads count whatever they are of.
        let is_head =
            matches!(kind, Kind::SessionSent(_) | Kind::SessionReceived | Kind::SendHeaders(_) | Kind::ResponseHeaders);
        if !is_head && constants.url_request.is_some_and(|number| number != event.source.kind) {
            return;
        }
        let params = match event.params.map(|params| serde_json::from_str::<Params>(params.get())) {
            None => Params::default(),
            Some(Ok(params)) => params,
            Some(Err(_)) => {
                self.recorded.note(NoteKind::MalformedBlock { what: "parameters of an event cannot be read" });
                return;
            }
        };
        let at = constants.time(&event.time);
        let (is_begin, is_end) = (event.phase == constants.begin, event.phase == constants.end);
        let id = event.source.id;
        match kind {
            Kind::SessionSent(protocol) => self.session_sent(id, protocol, params, at),
            Kind::SessionReceived => {
                let stream = params.stream_id.or(params.quic_stream_id).unwrap_or(0);
                self.change(Of::Stream(id, stream), |open| open.response(params.headers.lines(), at));
            }
            Kind::Alive if is_begin => {}
            Kind::Alive if is_end => self.close(Of::Request(id)),
            Kind::StartJob if is_begin => {
                self.close(Of::Request(id));
                self.begin(Of::Request(id), Open::new(params.url, params.method));
            }
            Kind::Alive | Kind::StartJob => {}
            Kind::SendHeaders(protocol) => self.send(id, protocol, params, at),
            Kind::ResponseHeaders => {
                // What was asked is not in the file, but that it was is.
                if !self.of_source.contains_key(&Of::Request(id)) {
                    self.begin(Of::Request(id), Open::new(None, None));
                }
                self.change(Of::Request(id), |open| open.response(params.headers.lines(), at));
            }
            Kind::Read | Kind::Filtered => {
                let most = self.limits.decoded_body;
                let is_filtered = kind == Kind::Filtered;
                self.change(Of::Request(id), |open| open.content(params.bytes, params.byte_count, is_filtered, most));
            }
            Kind::Upload if is_end => self.change(Of::Request(id), |open| {
                open.uploads |= params.total_size > 0 || params.is_chunked;
            }),
            Kind::Upload => {}
        }
    }

    fn begin(&mut self, of: Of, open: Open) {
        self.weight += open.weight();
        self.open.insert(self.next, open);
        self.of_source.insert(of, self.next);
        self.next += 1;
        self.release();
    }

    fn change(&mut self, of: Of, change: impl FnOnce(&mut Open)) {
        let Some(open) = self.of_source.get(&of).and_then(|place| self.open.get_mut(place)) else { return };
        self.weight = self.weight.saturating_sub(open.weight());
        change(open);
        self.weight += open.weight();
        if self.weight > self.limits.connections_total {
            self.release();
        }
    }

    /// A request's header section.
    fn send(&mut self, id: u64, protocol: Protocol, params: Params, at: Option<Timestamp>) {
        let of = Of::Request(id);
        let lines = params.headers.lines();
        if protocol >= Protocol::H2 {
            if self.sent.len() >= self.limits.reorder {
                self.sent.pop_front();
            }
            self.sent.push_back(digest(&lines));
        }
        let place = self.of_source.get(&of).and_then(|place| self.open.get(place));
        // It was sent again, without the job being started again; or its start is not in the file.
        if place.is_none_or(|open| open.is_sent()) {
            let (url, method) = place.map(|open| (open.url.clone(), open.method.clone())).unwrap_or_default();
            self.close(of);
            self.begin(of, Open::new(url, method));
        }
        self.change(of, |open| open.request(params.line, lines, protocol, at));
    }

    /// A session's event of a request: counts if the request's own is missing.
    fn session_sent(&mut self, id: u64, protocol: Protocol, params: Params, at: Option<Timestamp>) {
        let stream = params.stream_id.or(params.quic_stream_id).unwrap_or(0);
        let lines = params.headers.lines();
        if !lines.iter().any(|line| line.starts_with(":method:")) {
            return;
        }
        let digest = digest(&lines);
        if let Some(at) = self.sent.iter().position(|sent| *sent == digest) {
            self.sent.remove(at);
            return;
        }
        self.begin(Of::Stream(id, stream), Open::new(None, None));
        self.change(Of::Stream(id, stream), |open| open.request(None, lines, protocol, at));
    }

    /// Nothing follows of that exchange.
    fn close(&mut self, of: Of) {
        if let Some(place) = self.of_source.remove(&of)
            && let Some(open) = self.open.get_mut(&place)
        {
            open.is_over = true;
            self.release();
        }
    }

    /// Hands out what is over, in order; more if there is no room.
    fn release(&mut self) {
        loop {
            let is_full = self.open.len() > self.limits.reorder || self.weight > self.limits.connections_total;
            let Some(entry) = self.open.first_entry().filter(|entry| entry.get().is_over || is_full) else { return };
            let open = entry.remove();
            self.weight = self.weight.saturating_sub(open.weight());
            self.hand_out(open);
        }
    }

    /// Requests that were not sent (answered by the cache, blocked, not resolved) are no exchanges.
    fn hand_out(&mut self, open: Open) {
        if open.is_sent() || open.is_answered() {
            let mut draft = open.draft();
            if open.is_stripped() {
                draft.marks.add(Mark::Sanitized);
            }
            self.recorded.hand_out(draft);
        }
    }

    fn finish(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            self.hand_out(open);
        }
        if self.constants.as_ref().is_some_and(|constants| constants.is_default) {
            self.recorded.note(NoteKind::Sanitized {
                how: "a NetLog in the default mode: values of Authorization and cookies were taken out with their schemes; \
                      record again with \"Include cookies and credentials\" (--net-log-capture-mode=IncludeSensitive)",
            });
        }
        self.recorded.finish();
    }
}

fn digest(lines: &[String]) -> u64 {
    FixedState::default().hash_one(lines)
}

#[cfg(test)]
mod tests;
