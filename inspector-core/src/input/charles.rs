//! Sessions of Charles: the JSON session (`.chlsj`) and the XML session (`.chlsx`, and `.xml` of Charles 3).
//!
//! ```text
//! [{"status":"COMPLETE","method":"GET","scheme":"https","host":"mail.contoso.com","actualPort":443,"path":"/ews",
//!   "request":{"header":{"firstLine":"GET /ews HTTP/1.1","headers":[{"name":"Host","value":"…"}]},"body":{"text":"…"}},…},…]
//!
//! <charles-session><transaction method="GET" protocol="https" host="…" path="/ews" startTimeMillis="…">
//!   <request><headers><first-line>…</first-line><header><name>Host</name><value>…</value></header></headers><body>…</body>
//! ```
//!
//! Charles undoes content codings and leaves the field that names them: contents are not decoded again. A tunnel that was
//! not decrypted is a transaction with `tunnel`. Entities and the document type's address are never followed.
//!
//! Source: importers and exporters of other tools; no description by the maker is public.

use std::{
    borrow::Cow,
    io::{BufReader, Read},
    net::IpAddr,
};

use serde::Deserialize;

use super::{
    Format, ItemSink, ReadError,
    recorded::{Content, Draft, Fields, Recorded, RequestDraft, ResponseDraft, protocol_of},
    xml::{Event, Xml, append},
};
use crate::{
    evidence::Endpoint,
    exchange::{Mark, Scheme, TlsSession},
    http::base64,
    limits::Limits,
    note::NoteKind,
    probe::Probe,
    time::Timestamp,
};

/// The JSON session.
#[derive(Clone, Copy, Debug)]
pub struct CharlesJson;

/// The XML session.
#[derive(Clone, Copy, Debug)]
pub struct CharlesXml;

/// Braces of one transaction, those in texts among them: as many objects take some 50 bytes each.
const OBJECTS: usize = 256 << 10;

/// Members of a transaction that no other format has.
const MEMBERS: [&[u8]; 5] =
    [b"\"protocolVersion\"", b"\"actualPort\"", b"\"keptAlive\"", b"\"remoteAddress\"", b"\"firstLine\""];

impl Format for CharlesJson {
    fn name(&self) -> &'static str {
        "charles-json"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let is_list = text.first() == Some(&b'[');
        let text = text.strip_prefix(b"[").unwrap_or(text).trim_ascii_start();
        if text.first() != Some(&b'{') {
            return if text.is_empty() && is_list { Probe::Likely } else { Probe::No };
        }
        let has = |name: &&&[u8]| memchr::memmem::find(text, name).is_some();
        if MEMBERS.iter().filter(has).count() >= 3 { Probe::Certain } else { Probe::No }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut source = super::netlog::stream::Source::new(input, limits.entry);
        let mut recorded = Recorded::new(sink, limits);
        let mut is_list = false;
        while source.bytes().len() < 3 && source.more()? {}
        if source.bytes().starts_with(b"\xef\xbb\xbf") {
            source.consume(3);
        }
        while let Some(byte) = source.next()? {
            if recorded.is_stopped() {
                return Ok(());
            }
            match byte {
                b'[' if !is_list => {
                    is_list = true;
                    source.consume(1);
                    continue;
                }
                b']' => {
                    is_list = false;
                    source.consume(1);
                    continue;
                }
                b'{' => {}
                _ => {
                    recorded.note(NoteKind::MalformedBlock { what: "something among the transactions is none" });
                    break;
                }
            }
            recorded.before_read();
            let offset = source.offset();
            match source.value()? {
                super::netlog::stream::Taken::Value(length)
                    if memchr::memchr_iter(b'{', source.bytes().get(..length).unwrap_or_default()).count()
                        > OBJECTS =>
                {
                    recorded.skip("a transaction has more members than are kept");
                    source.consume(length);
                }
                super::netlog::stream::Taken::Value(length) => {
                    match serde_json::from_slice::<Transaction<'_>>(source.bytes().get(..length).unwrap_or_default()) {
                        Ok(transaction) => recorded.hand_out(transaction.draft()),
                        Err(_) => recorded.skip("a transaction cannot be read"),
                    }
                    source.consume(length);
                }
                super::netlog::stream::Taken::TooLarge => {
                    recorded.skip("a transaction is larger than what is kept (limit: entry)");
                }
                super::netlog::stream::Taken::Cut => {
                    is_list = false;
                    recorded.note(NoteKind::TruncatedInput { offset });
                    break;
                }
            }
        }
        if is_list {
            recorded.note(NoteKind::TruncatedInput { offset: source.offset() });
        }
        recorded.finish();
        if recorded.entries() == 0 && !recorded.is_stopped() {
            return Err(ReadError::Damaged {
                format: self.name(),
                what: "not one transaction in it is whole".to_owned(),
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction<'t> {
    #[serde(borrow, default)]
    status: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    method: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    protocol_version: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    scheme: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    host: Option<Cow<'t, str>>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    actual_port: Option<u16>,
    #[serde(borrow, default)]
    path: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    query: Option<Cow<'t, str>>,
    #[serde(default)]
    tunnel: bool,
    #[serde(default)]
    web_socket: bool,
    #[serde(borrow, default)]
    remote_address: Option<Cow<'t, str>>,
    #[serde(borrow, default)]
    client_address: Option<Cow<'t, str>>,
    #[serde(default)]
    client_port: Option<u16>,
    #[serde(borrow, default)]
    times: Option<Times<'t>>,
    #[serde(borrow, default)]
    ssl: Option<Ssl<'t>>,
    #[serde(borrow, default)]
    request: Option<Message<'t>>,
    #[serde(borrow, default)]
    response: Option<Message<'t>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Times<'t> {
    #[serde(borrow)]
    start: Option<Cow<'t, str>>,
    #[serde(borrow)]
    request_begin: Option<Cow<'t, str>>,
    #[serde(borrow)]
    end: Option<Cow<'t, str>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ssl<'t> {
    #[serde(borrow)]
    protocol: Option<Cow<'t, str>>,
    #[serde(borrow)]
    cipher_suite: Option<Cow<'t, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'t> {
    status: Option<u16>,
    sizes: Option<Sizes>,
    #[serde(borrow)]
    header: Option<Header<'t>>,
    #[serde(borrow)]
    body: Option<Body<'t>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Sizes {
    body: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Header<'t> {
    #[serde(borrow)]
    first_line: Option<Cow<'t, str>>,
    #[serde(borrow)]
    headers: Vec<Field<'t>>,
}

#[derive(Deserialize)]
struct Field<'t> {
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    #[serde(borrow, default)]
    value: Option<Cow<'t, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body<'t> {
    #[serde(borrow)]
    text: Option<Cow<'t, str>>,
    #[serde(borrow)]
    encoding: Option<Cow<'t, str>>,
    #[serde(borrow)]
    encoded: Option<Cow<'t, str>>,
}

fn text<'d>(value: &'d Option<Cow<'_, str>>) -> &'d str {
    value.as_deref().unwrap_or_default()
}

impl<'t> Transaction<'t> {
    fn draft(&self) -> Draft<'_> {
        let facts = Facts {
            status: text(&self.status),
            method: text(&self.method),
            version: text(&self.protocol_version),
            scheme: text(&self.scheme),
            host: text(&self.host),
            port: self.port.or(self.actual_port),
            path: text(&self.path),
            query: text(&self.query),
            is_tunnel: self.tunnel,
        };
        let mut draft = facts.draft();
        let time = |value: &Option<Cow<'_, str>>| value.as_deref().and_then(Timestamp::parse_rfc3339);
        if let Some(times) = &self.times {
            draft.begin = time(&times.request_begin).or_else(|| time(&times.start));
            draft.end = time(&times.end);
        }
        draft.client = address(text(&self.client_address))
            .map(|address| Endpoint { address, port: self.client_port.unwrap_or(0) });
        draft.server = address(text(&self.remote_address))
            .map(|address| Endpoint { address, port: self.actual_port.unwrap_or(0) });
        draft.tls = self.ssl.as_ref().and_then(tls);
        let request = self.request.as_ref();
        if let Some(sent) = draft.request.as_mut() {
            sent.fields = request.map(Message::fields).unwrap_or_default();
            (sent.content, sent.cut) = request.map(|message| message.content(&sent.fields)).unwrap_or_default();
        }
        let response = self.response.as_ref();
        if [request, response].into_iter().flatten().any(Message::has_odd_field) {
            draft.marks.add(Mark::EntryMalformed);
        }
        draft.response = response.and_then(|message| {
            let fields = message.fields();
            let (status, reason) = message.status_line();
            let (content, cut) = message.content(&fields);
            Some(ResponseDraft { status: status?, reason, fields, content, cut, ..ResponseDraft::default() })
        });
        if self.web_socket {
            // The session does not tell the messages where this program knows to look for them.
            draft.marks.add(Mark::Upgraded);
            draft.marks.add(Mark::BodyCut);
        }
        draft
    }
}

fn tls(ssl: &Ssl<'_>) -> Option<TlsSession> {
    let version = match text(&ssl.protocol) {
        "TLSv1" | "TLSv1.0" => "1.0",
        "TLSv1.1" => "1.1",
        "TLSv1.2" => "1.2",
        "TLSv1.3" => "1.3",
        _ => return None,
    };
    Some(TlsSession { version, suite: text(&ssl.cipher_suite).to_owned().into(), ..TlsSession::default() })
}

/// `name/address`, or an address.
fn address(text: &str) -> Option<IpAddr> {
    text.rsplit('/').next()?.parse().ok()
}

impl Message<'_> {
    /// Whether a field has no name or no value; an empty value is one.
    fn has_odd_field(&self) -> bool {
        self.header.iter().flat_map(|header| &header.headers).any(|one| one.name.is_empty() || one.value.is_none())
    }

    fn fields(&self) -> Fields<'_> {
        let headers = self.header.iter().flat_map(|header| &header.headers);
        headers.map(|field| (field.name.as_bytes().into(), text(&field.value).as_bytes().into())).collect()
    }

    /// Status and reason of a response.
    fn status_line(&self) -> (Option<u16>, Cow<'_, [u8]>) {
        let line = self.header.as_ref().map(|header| text(&header.first_line)).unwrap_or_default();
        let mut words = line.splitn(3, ' ').skip(1);
        let status = words.next().and_then(|status| status.parse().ok());
        (self.status.filter(|status| *status > 0).or(status), words.next().unwrap_or_default().as_bytes().into())
    }

    /// The content, and whether some of it is missing.
    fn content(&self, fields: &Fields<'_>) -> (Content<'_>, bool) {
        let size = self.sizes.as_ref().and_then(|sizes| sizes.body).unwrap_or(0);
        let body = self.body.as_ref();
        if let Some(encoded) = body
            .filter(|body| text(&body.encoding).eq_ignore_ascii_case("base64"))
            .and_then(|body| body.encoded.as_deref())
        {
            return match base64::decode(encoded) {
                Some(decoded) => (Content::Decoded(decoded.bytes.into()), false),
                None => (Content::Unrecorded, true),
            };
        }
        match body.and_then(|body| body.text.as_deref()) {
            Some(text) => (Content::Decoded(text.as_bytes().into()), false),
            None if size > 0 || declares_content(fields) => (Content::Unrecorded, true),
            None => (Content::None, false),
        }
    }
}

fn declares_content(fields: &Fields<'_>) -> bool {
    fields.iter().any(|(name, value)| {
        (name.eq_ignore_ascii_case(b"content-length") && **value != *b"0")
            || name.eq_ignore_ascii_case(b"transfer-encoding")
    })
}

/// What both forms tell of a transaction.
struct Facts<'t> {
    status: &'t str,
    method: &'t str,
    version: &'t str,
    scheme: &'t str,
    host: &'t str,
    port: Option<u16>,
    path: &'t str,
    query: &'t str,
    is_tunnel: bool,
}

impl Facts<'_> {
    /// An exchange with the request's first line.
    fn draft<'d>(&self) -> Draft<'d> {
        let is_http = matches!(self.scheme, "http" | "ws");
        let scheme = if is_http { "http" } else { "https" };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_owned() };
        let default = if is_http { 80 } else { 443 };
        let port = self.port.filter(|port| *port != default && *port != 0);
        let authority = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let is_tunnel = self.is_tunnel || self.method == "CONNECT";
        let (method, target) = if is_tunnel {
            ("CONNECT", format!("{host}:{}", self.port.unwrap_or(443)))
        } else {
            let query = if self.query.is_empty() || self.path.contains('?') { "" } else { self.query };
            let mark = if query.is_empty() { "" } else { "?" };
            (self.method, format!("{scheme}://{authority}{}{mark}{query}", self.path))
        };
        let mut draft = Draft {
            request: Some(RequestDraft {
                method: method.as_bytes().to_vec().into(),
                target: target.into_bytes().into(),
                ..RequestDraft::default()
            }),
            protocol: protocol_of(self.version.as_bytes()),
            scheme: Some(if is_http && !is_tunnel { Scheme::Http } else { Scheme::Https }),
            ..Draft::default()
        };
        // It was still going on, or failed on the way.
        if !self.status.is_empty() && self.status != "COMPLETE" && self.status.contains("ING") {
            draft.marks.add(Mark::EntryCut);
        }
        draft
    }
}

impl Format for CharlesXml {
    fn name(&self) -> &'static str {
        "charles-xml"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        super::xml::probe(head, &[b"charles-session"])
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut input = BufReader::with_capacity(64 << 10, input);
        let mut reading =
            XmlReading { xml: Xml::new(&mut input, limits), recorded: Recorded::new(sink, limits), limits };
        reading.document()?;
        if reading.recorded.entries() == 0 && !reading.recorded.is_stopped() {
            return Err(ReadError::Damaged {
                format: self.name(),
                what: "not one transaction in it is whole".to_owned(),
            });
        }
        Ok(())
    }
}

struct XmlReading<'r, 'i> {
    xml: Xml<'i>,
    recorded: Recorded<'r>,
    limits: &'r Limits,
}

/// A message of the XML form.
#[derive(Default)]
struct XmlMessage {
    is_there: bool,
    status: Option<u16>,
    has_content: bool,
    first_line: Vec<u8>,
    /// Names and values, as far as they were there.
    fields: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    content: Option<Vec<u8>>,
    is_base64: bool,
}

/// A transaction of the XML form.
#[derive(Default)]
struct XmlTransaction {
    attributes: Vec<(String, String)>,
    request: XmlMessage,
    response: XmlMessage,
    /// Bytes of the texts in them.
    weight: usize,
    /// A text has elements in it.
    is_odd: bool,
}

impl XmlReading<'_, '_> {
    fn document(&mut self) -> Result<(), ReadError> {
        let mut transaction: Option<XmlTransaction> = None;
        let (mut in_response, mut path, mut text) = (false, Vec::<String>::new(), Vec::new());
        // Elements among the transactions.
        let mut foreign = 0_u64;
        loop {
            if self.recorded.is_stopped() {
                return Ok(());
            }
            match self.xml.next()? {
                Event::Open { name, attributes } => {
                    text.clear();
                    // Texts have no elements in them: something is not escaped, and some of the text is lost.
                    let is_in_text =
                        matches!(path.last().map(String::as_str), Some("body" | "first-line" | "name" | "value"));
                    if let Some(transaction) = transaction.as_mut().filter(|_| is_in_text) {
                        transaction.is_odd = true;
                    }
                    match (name.as_str(), &mut transaction) {
                        ("transaction", before) => {
                            if before.is_some() {
                                self.recorded.skip("a transaction has no end");
                            }
                            transaction = Some(XmlTransaction { attributes, ..XmlTransaction::default() });
                        }
                        ("request" | "response", Some(transaction)) => {
                            in_response = name == "response";
                            let message = transaction.message(in_response);
                            message.is_there = true;
                            message.status = attribute(&attributes, "status").parse().ok();
                            message.has_content = attribute(&attributes, "body") == "true";
                        }
                        ("body", Some(transaction)) => {
                            let message = transaction.message(in_response);
                            message.is_base64 = attribute(&attributes, "encoding").eq_ignore_ascii_case("base64");
                        }
                        ("header", Some(transaction)) => {
                            // One more than what is kept tells that there are more.
                            let fields = &mut transaction.message(in_response).fields;
                            if fields.len() <= self.limits.fields {
                                fields.push((Vec::new(), None));
                            }
                        }
                        (_, None) if path.len() == 1 => foreign += 1,
                        _ => {}
                    }
                    path.push(name);
                    if path.len() > 64 {
                        path.remove(0);
                    }
                }
                Event::Text(piece) => {
                    let kept = transaction.as_ref().map_or(0, |transaction| transaction.weight);
                    if kept + text.len() + piece.len() <= self.limits.entry {
                        append(&mut text, piece);
                    } else if transaction.take().is_some() {
                        self.recorded.skip("a transaction is larger than what is kept (limit: entry)");
                    }
                }
                Event::Close(name) => {
                    path.pop();
                    let text = std::mem::take(&mut text);
                    if name == "transaction" {
                        if let Some(transaction) = transaction.take() {
                            self.recorded.hand_out(transaction.draft());
                        }
                    } else if let Some(transaction) = &mut transaction {
                        transaction.weight += text.len();
                        transaction.message(in_response).take(&name, text);
                    }
                }
                Event::TooLarge => {
                    transaction = None;
                    self.recorded.skip("a transaction is larger than what is kept (limit: entry)");
                }
                Event::End(problem) => {
                    if let Some(problem) = problem {
                        self.recorded.note(problem);
                    } else if transaction.is_some() || !path.is_empty() {
                        self.recorded.note(NoteKind::TruncatedInput { offset: self.xml.offset() });
                    }
                    if foreign > 0 {
                        self.recorded.skip(foreign_elements(foreign));
                    }
                    self.recorded.finish();
                    return Ok(());
                }
            }
        }
    }
}

fn foreign_elements(count: u64) -> String {
    match count {
        1 => "something among the transactions is none".to_owned(),
        _ => format!("{count} elements among the transactions are none"),
    }
}

fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> &'a str {
    attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

impl XmlMessage {
    fn take(&mut self, name: &str, text: Vec<u8>) {
        match name {
            "first-line" => self.first_line = text,
            "name" => {
                if let Some((name, _)) = self.fields.last_mut() {
                    *name = text;
                }
            }
            "value" => {
                if let Some((_, value)) = self.fields.last_mut() {
                    *value = Some(text);
                }
            }
            "body" => self.content = Some(text),
            _ => {}
        }
    }

    fn fields(&self) -> Fields<'_> {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (name.as_slice().into(), value.as_deref().unwrap_or_default().into())).collect()
    }

    fn content(&self) -> (Content<'_>, bool) {
        match &self.content {
            Some(content) if self.is_base64 => match std::str::from_utf8(content).ok().and_then(base64::decode) {
                Some(decoded) => (Content::Decoded(decoded.bytes.into()), false),
                None => (Content::Unrecorded, true),
            },
            Some(content) => (Content::Decoded(content.as_slice().into()), false),
            None if self.has_content || declares_content(&self.fields()) => (Content::Unrecorded, true),
            None => (Content::None, false),
        }
    }
}

impl XmlTransaction {
    const fn message(&mut self, is_response: bool) -> &mut XmlMessage {
        if is_response { &mut self.response } else { &mut self.request }
    }

    fn draft(&self) -> Draft<'_> {
        let is_odd = |(name, value): &(Vec<u8>, Option<Vec<u8>>)| name.is_empty() || value.is_none();
        let of = |name| attribute(&self.attributes, name);
        let port = of("port").parse().ok();
        let actual = of("actualPort").parse().ok();
        let facts = Facts {
            status: of("status"),
            method: of("method"),
            version: of("protocolVersion"),
            scheme: of("protocol"),
            host: of("host"),
            port: port.or(actual),
            path: of("path"),
            query: of("query"),
            is_tunnel: of("tunnel") == "true",
        };
        let mut draft = facts.draft();
        let has_odd_field =
            [&self.request, &self.response].into_iter().any(|message| message.fields.iter().any(is_odd));
        if has_odd_field || self.is_odd {
            draft.marks.add(Mark::EntryMalformed);
        }
        let millis = of("startTimeMillis").parse::<i64>().ok();
        draft.begin = millis
            .and_then(|millis| millis.checked_mul(1_000_000))
            .map(Timestamp::from_nanos)
            .or_else(|| Timestamp::parse_rfc3339(of("startTime")));
        draft.end = Timestamp::parse_rfc3339(of("endTime"));
        draft.client = address(of("clientAddress")).map(|address| Endpoint { address, port: 0 });
        draft.server = address(of("remoteAddress")).map(|address| Endpoint { address, port: actual.unwrap_or(0) });
        if let Some(request) = draft.request.as_mut() {
            request.fields = self.request.fields();
            (request.content, request.cut) = self.request.content();
        }
        if self.response.is_there {
            let line = String::from_utf8_lossy(&self.response.first_line);
            let mut words = line.splitn(3, ' ').skip(1);
            let status = words.next().and_then(|status| status.parse().ok());
            let (content, cut) = self.response.content();
            if let Some(status) = self.response.status.filter(|status| *status > 0).or(status) {
                draft.response = Some(ResponseDraft {
                    status,
                    reason: words.next().unwrap_or_default().as_bytes().to_vec().into(),
                    fields: self.response.fields(),
                    content,
                    cut,
                    ..ResponseDraft::default()
                });
            }
        }
        draft
    }
}
