//! One JSON object a line: an exchange with its contents, or what limits the conclusions.

use std::io::{self, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::RecordingWriter;
use crate::{
    connection::ConnectionReport,
    exchange::{
        Exchange,
        message::{Head, Message},
    },
    losses,
    note::Note,
};

/// Writes lines.
pub(super) struct NdjsonWriter<'w>(&'w mut dyn Write);

impl<'w> NdjsonWriter<'w> {
    pub(super) fn new(to: &'w mut dyn Write) -> Self {
        Self(to)
    }

    fn line(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.0, value)?;
        self.0.write_all(b"\n")
    }
}

fn fields(head: Option<&Head>) -> Value {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    head.into_iter().flat_map(Head::iter).map(|(name, value)| json!([text(name), text(value)])).collect()
}

fn message(message: &Message) -> Value {
    let body = &message.body;
    let kept = body.kept.as_deref().unwrap_or_default();
    let readable = std::str::from_utf8(kept).ok();
    json!({
        "headers": fields(Some(&message.head)),
        "trailers": fields(message.trailers.as_deref()),
        "time": message.first.time(),
        "frame": message.head_end.frame(),
        "bytes": body.size(),
        "text": readable,
        "base64": readable.is_none().then(|| STANDARD.encode(kept)),
        "cut": body.cut.is_some(),
    })
}

impl RecordingWriter for NdjsonWriter<'_> {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let method = exchange.request.as_ref().map(|it| String::from_utf8_lossy(it.head.method()).into_owned());
        self.line(&json!({
            "exchange": exchange.number,
            "connection": exchange.connection.map(|connection| connection.0),
            "stream": exchange.stream,
            "client": exchange.client.map(|it| it.to_string()),
            "server": exchange.server.map(|it| it.to_string()),
            "protocol": exchange.protocol.as_str(),
            "tls": exchange.tls.as_ref().map(|tls| tls.version),
            "method": method,
            "url": exchange.request.as_ref().map(|_| exchange.url()),
            "status": exchange.status(),
            "request": exchange.request.as_ref().map(message),
            "response": exchange.response.as_ref().map(message),
            "notes": losses::marks_to_json(exchange.marks),
        }))
    }

    fn connection(&mut self, report: &ConnectionReport) -> io::Result<()> {
        self.line(&json!({"loss": losses::connection_to_json(report)}))
    }

    fn note(&mut self, note: &Note) -> io::Result<()> {
        self.line(&json!({"loss": losses::note_to_json(note)}))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
