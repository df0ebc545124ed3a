//! One exchange as it is listed: a line of `inspector exchanges --format ndjson`, and the row bindings give.

use std::borrow::Cow;

use serde::Serialize;

use crate::{
    evidence::SourceId,
    exchange::{
        Exchange as Source, Mark,
        message::{Head, Message},
    },
    redact::{self, Level},
};

/// One exchange.
#[derive(Clone, Debug, Serialize)]
pub struct Exchange<'e> {
    /// The file that has the request, or else the response.
    pub input: &'e str,
    /// Its number within the input, from 1.
    pub exchange: u64,
    /// Connection number from 1; null of an entry.
    pub connection: Option<u64>,
    /// Entry index from 0; null in a capture.
    pub entry: Option<u64>,
    /// Frame that completes the request's header section.
    pub request_frame: Option<u64>,
    /// Frame that completes the response's header section.
    pub response_frame: Option<u64>,
    /// The file that has the response, where it is another than that of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_input: Option<&'e str>,
    /// When it began (RFC 3339).
    pub time: Option<String>,
    /// Address and port of the client.
    pub client: Option<String>,
    /// Address and port of the server.
    pub server: Option<String>,
    /// `http/1.0`, `http/1.1`, `h2`, `h3`.
    pub protocol: &'static str,
    /// Stream number, of HTTP/2 and HTTP/3.
    pub stream: Option<u64>,
    /// TLS version; null in clear text.
    pub tls: Option<&'static str>,
    /// TLS cipher suite.
    pub suite: Option<&'e str>,
    /// Server name the client indicated.
    pub sni: Option<Cow<'e, str>>,
    /// The method.
    pub method: Option<String>,
    /// The target as sent.
    pub target: Option<String>,
    /// The target, resolved.
    pub url: Option<String>,
    /// The status; null when no response was seen.
    pub status: Option<u16>,
    /// Fields of the request, in wire order.
    pub request_headers: Vec<(String, String)>,
    /// Fields of the response, in wire order.
    pub response_headers: Vec<(String, String)>,
    /// Decoded bytes of the request's content.
    pub request_body_bytes: Option<u64>,
    /// Decoded bytes of the response's content.
    pub response_body_bytes: Option<u64>,
    /// `response-missing`, `body-cut`, `gap` …
    pub notes: Vec<&'static str>,
}

impl<'e> Exchange<'e> {
    /// The row of an exchange of the recording that was read from `files`, in the order they were read. Secrets are masked
    /// unless they are to be shown.
    pub fn new(files: &'e [String], exchange: &'e Source, show_secrets: bool) -> Self {
        let request = exchange.request.as_ref();
        let response = exchange.response.as_ref();
        let place = |message: &Message| message.head_end.frame().map(|frame| place(files, frame));
        let (asked, answered) = (request.and_then(place), response.and_then(place));
        let whole = files.first().map_or("", String::as_str);
        let input = asked.or(answered).map_or(whole, |(name, _)| name);
        let first = request.or(response);
        let url = |text: String| if show_secrets { text } else { owned(redact::url, text) };
        let known = |text: Cow<'e, str>| match redact::text(&text, Level::Known) {
            Cow::Owned(masked) if !show_secrets => Cow::Owned(masked),
            _ => text,
        };
        let tls = exchange.tls.as_deref();
        Self {
            input,
            exchange: exchange.number,
            connection: exchange.connection.map(|id| id.0),
            entry: first.and_then(|message| message.first.entry()),
            request_frame: asked.map(|(_, frame)| frame),
            response_frame: answered.map(|(_, frame)| frame),
            response_input: answered.map(|(name, _)| name).filter(|name| *name != input),
            time: first.and_then(|message| message.first.time()).map(|time| time.to_string()),
            client: exchange.client.map(|end| end.to_string()),
            server: exchange.server.map(|end| end.to_string()),
            protocol: exchange.protocol.as_str(),
            stream: exchange.stream,
            tls: tls.map(|session| session.version),
            suite: tls.map(|session| session.suite.as_ref()),
            sni: tls.and_then(|session| session.server_name.as_deref()).map(|name| known(Cow::Borrowed(name))),
            method: request.map(|message| known(text(message.head.method())).into_owned()),
            target: request.map(|message| url(text(message.head.target()).into_owned())),
            url: request.map(|_| url(exchange.url())),
            status: exchange.status(),
            request_headers: request.map(|message| headers(&message.head, show_secrets)).unwrap_or_default(),
            response_headers: response.map(|message| headers(&message.head, show_secrets)).unwrap_or_default(),
            request_body_bytes: request.map(|message| message.body.size()),
            response_body_bytes: response.map(|message| message.body.size()),
            notes: exchange.marks.iter().map(Mark::as_str).collect(),
        }
    }
}

/// Of a recording that was read from `files`: the file that has the frame of that number, and the frame's number in it.
pub fn place(files: &[String], frame: u64) -> (&str, u64) {
    let (file, frame) = SourceId(0).of_frame(frame);
    (files.get(file.0 as usize).map_or("", String::as_str), frame)
}

fn headers(head: &Head, show_secrets: bool) -> Vec<(String, String)> {
    head.iter()
        .map(|(name, value)| {
            let (name, value) = (text(name), text(value));
            if show_secrets {
                return (name.into_owned(), value.into_owned());
            }
            let shown = redact::field_value(&name, &value).into_owned();
            (redact::field_name(&name).into_owned(), shown)
        })
        .collect()
}

/// What `mask` makes of a text, without a copy if that is the text itself.
fn owned(mask: fn(&str) -> Cow<'_, str>, text: String) -> String {
    match mask(&text) {
        Cow::Owned(masked) => masked,
        Cow::Borrowed(_) => text,
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
