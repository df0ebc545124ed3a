//! HAR 1.2 (<http://www.softwareishard.com/blog/har-12-spec/>), with what it has no member for under names of its own.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::RecordingWriter;
use crate::{
    connection::ConnectionReport,
    evidence::At,
    exchange::{
        Exchange, Protocol, TlsSession,
        message::{Body, BodyCut, Head, Message},
    },
    losses,
    note::{Note, NoteKind},
    report::v1::TOOL,
    time::Timestamp,
};

/// Bytes of losses that are held until the entries are written. What is beyond is one loss more.
const LOSSES: usize = 8 << 20;

/// Writes a HAR.
pub(super) struct HarWriter<'w> {
    to: &'w mut dyn Write,
    entries: u64,
    connections: Vec<String>,
    notes: Vec<String>,
    held: usize,
    overflowed: bool,
}

impl<'w> HarWriter<'w> {
    pub(super) fn new(to: &'w mut dyn Write) -> io::Result<Self> {
        let creator = json!({"name": TOOL.name, "version": TOOL.version});
        write!(to, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},\"pages\":[],\"entries\":[")?;
        Ok(Self { to, entries: 0, connections: Vec::new(), notes: Vec::new(), held: 0, overflowed: false })
    }

    /// Whether there is room for so many bytes more.
    fn has_room(&mut self, bytes: usize) -> bool {
        self.held = self.held.saturating_add(bytes);
        self.overflowed |= self.held > LOSSES;
        !self.overflowed
    }
}

impl RecordingWriter for HarWriter<'_> {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.to.write_all(if self.entries == 0 { b"\n" } else { b",\n" })?;
        self.entries += 1;
        serde_json::to_writer(&mut self.to, &entry(exchange)).map_err(io::Error::from)
    }

    fn connection(&mut self, report: &ConnectionReport) -> io::Result<()> {
        let text = losses::connection_to_json(report).to_string();
        if self.has_room(text.len()) {
            self.connections.push(text);
        }
        Ok(())
    }

    fn note(&mut self, note: &Note) -> io::Result<()> {
        let text = losses::note_to_json(note).to_string();
        if self.has_room(text.len()) {
            self.notes.push(text);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.overflowed {
            self.notes.push(losses::note_to_json(&Note::input(NoteKind::Limit { limit: "losses" })).to_string());
        }
        self.to.write_all(b"\n]")?;
        if !self.connections.is_empty() || !self.notes.is_empty() {
            let (connections, notes) = (self.connections.join(",\n"), self.notes.join(",\n"));
            write!(self.to, ",\"_inspector\":{{\"connections\":[{connections}],\"notes\":[{notes}]}}")?;
        }
        self.to.write_all(b"}}\n")?;
        self.to.flush()
    }
}

fn entry(exchange: &Exchange) -> Value {
    let first = exchange.request.as_ref().or(exchange.response.as_ref()).and_then(|message| message.first.time());
    let last = exchange.response.as_ref().and_then(|message| message.end.time());
    let time = first.zip(last).map_or(0, |(first, last)| last.nanos().saturating_sub(first.nanos())).max(0);
    let time = time as f64 / 1e6;
    let started = first.unwrap_or(Timestamp::from_seconds(0)).to_string();
    let started = if started.contains('.') { started } else { started.replace('Z', ".000Z") };
    let mut entry = json!({
        "startedDateTime": started,
        "time": time,
        "request": request(exchange),
        "response": response(exchange),
        "cache": {},
        "timings": {"send": 0, "wait": time, "receive": 0},
    });
    if let Some(members) = entry.as_object_mut() {
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        if let Some(server) = exchange.server {
            add("serverIPAddress", server.address.to_string().into());
            if server.port != 0 {
                add("_serverPort", server.port.into());
            }
        }
        if let Some(connection) = exchange.connection {
            add("connection", connection.0.to_string().into());
        }
        add("_frames", frames(exchange));
        if let Some(tls) = &exchange.tls {
            add("_tls", session(tls));
        }
        if exchange.marks.any() {
            add("_notes", losses::marks_to_json(exchange.marks));
        }
    }
    entry
}

fn frames(exchange: &Exchange) -> Value {
    let mut frames = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            frames.insert(name.to_owned(), value);
        }
    };
    let (request, response) = (exchange.request.as_ref(), exchange.response.as_ref());
    let frame = |message: Option<&Message>| message.and_then(|message| message.head_end.frame()).into();
    add("connection", exchange.connection.map(|connection| connection.0).into());
    add("scheme", exchange.scheme.as_str().into());
    add("stream", exchange.stream.into());
    add("request", frame(request));
    add("response", frame(response));
    add("client", exchange.client.map(|it| it.to_string()).into());
    add("server", exchange.server.map(|it| it.to_string()).into());
    let times = |message: Option<&Message>| match message {
        Some(it) => [it.first, it.head_end, it.end].map(|at: At| at.time().map(Timestamp::nanos)),
        None => [None; 3],
    };
    add("times", [times(request), times(response)].concat().into());
    frames.into()
}

fn session(tls: &TlsSession) -> Value {
    json!({
        "version": tls.version,
        "suite": tls.suite,
        "server_name": tls.server_name,
        "application_protocol": tls.application_protocol,
        "client_certificate": tls.client_certificate.as_deref().map(|der| STANDARD.encode(der)),
        "whole_handshake": tls.whole_handshake,
    })
}

const fn version(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http10 => "HTTP/1.0",
        Protocol::Http11 => "HTTP/1.1",
        Protocol::H2 => "HTTP/2.0",
        Protocol::H3 => "HTTP/3.0",
    }
}

fn text(bytes: &[u8]) -> Value {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn fields(head: &Head) -> Value {
    head.iter().map(|(name, value)| json!({"name": text(name), "value": text(value)})).collect()
}

/// `text`, and `encoding` where the bytes are no text.
fn content(body: &Body, members: &mut Map<String, Value>) {
    if let Some(kept) = body.kept.as_deref() {
        let readable = std::str::from_utf8(kept).ok().filter(|text| !text.contains('\0'));
        match readable {
            Some(text) => members.insert("text".to_owned(), text.into()),
            None => {
                members.insert("text".to_owned(), STANDARD.encode(kept).into());
                members.insert("encoding".to_owned(), "base64".into())
            }
        };
    }
    if let Some(cut) = body.cut {
        let word = match cut {
            BodyCut::Recording => "recording",
            BodyCut::Limit => "limit",
            BodyCut::Coding => "coding",
        };
        members.insert("_cut".to_owned(), word.into());
    }
}

fn media_type(head: &Head) -> Value {
    text(head.value("content-type").unwrap_or_default())
}

fn size(bytes: u64) -> Value {
    i64::try_from(bytes).unwrap_or(i64::MAX).into()
}

fn request(exchange: &Exchange) -> Value {
    let Some(message) = &exchange.request else {
        return json!({
            "method": "", "url": "", "httpVersion": version(exchange.protocol), "cookies": [], "headers": [],
            "queryString": [], "headersSize": -1, "bodySize": 0,
        });
    };
    let head = &message.head;
    let mut request = json!({
        "method": text(head.method()),
        "url": exchange.url(),
        "httpVersion": version(exchange.protocol),
        "cookies": [],
        "headers": fields(head),
        "queryString": [],
        "headersSize": -1,
        "bodySize": size(message.body.transferred),
    });
    let is_empty = message.body.kept.as_deref().unwrap_or_default().is_empty();
    if (!is_empty || message.body.cut.is_some())
        && let Some(members) = request.as_object_mut()
    {
        let mut data = Map::new();
        data.insert("mimeType".to_owned(), media_type(head));
        content(&message.body, &mut data);
        members.insert("postData".to_owned(), data.into());
    }
    request
}

fn response(exchange: &Exchange) -> Value {
    let Some(message) = &exchange.response else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [], "redirectURL": "",
            "headersSize": -1, "bodySize": -1, "content": {"size": 0, "mimeType": "x-unknown"},
        });
    };
    let head = &message.head;
    let mut data = Map::new();
    data.insert("size".to_owned(), size(message.body.size()));
    data.insert("mimeType".to_owned(), media_type(head));
    content(&message.body, &mut data);
    let reason = match head.start() {
        crate::exchange::message::Start::Response { reason, .. } => head.slice(reason),
        _ => b"",
    };
    let mut response = json!({
        "status": head.status().unwrap_or_default(),
        "statusText": text(reason),
        "httpVersion": version(exchange.protocol),
        "cookies": [],
        "headers": fields(head),
        "content": data,
        "redirectURL": text(head.value("location").unwrap_or_default()),
        "headersSize": -1,
        "bodySize": size(message.body.transferred),
    });
    if let (Some(trailers), Some(members)) = (&message.trailers, response.as_object_mut()) {
        members.insert("_trailers".to_owned(), fields(trailers));
    }
    response
}
