//! Flow files of mitmproxy: one tnetstring a flow, behind each other, in every version from 0.10 to 12.
//!
//! ```text
//! 1234:4:type;4:http; 7:version;2:21# 7:request; 512:6:method;3:GET, … } … }
//! ^    ^length, payload, type of each: , bytes  ; text  # integer  ^ float  ! bool  ~ null  ] list  } dictionary
//! ```
//!
//! Dictionaries are read whole, for the order of their members differs by version. Names of members changed, too: what is
//! needed of each version is asked for by all the names it had (`Value::any`). Flows whose user changed them before they
//! went on (`backup`) are told of, for what they show is not what was sent. A content of `null` was not kept, which is not an
//! empty one. A recorder that was killed leaves its last flow cut.
//!
//! Sources: mitmproxy's `io/tnetstring.py`, `io/compat.py`.

use std::{
    io::{BufRead, BufReader, Read},
    net::IpAddr,
};

use super::{
    Format, ItemSink, ReadError,
    recorded::{Content, Draft, Fields, Recorded, RequestDraft, ResponseDraft, protocol_of},
};
use crate::{
    evidence::Endpoint,
    exchange::{Mark, Scheme, TlsSession},
    limits::Limits,
    note::NoteKind,
    probe::Probe,
    time::Timestamp,
};

/// Dictionaries and lists in each other.
const DEEPEST: usize = 32;
/// Digits of a length.
const DIGITS: usize = 12;
/// Values of one flow: each takes some 40 bytes, and as few as three in the file.
const VALUES: usize = 256 << 10;
/// Members of a flow whose names tell that it is one.
const MEMBERS: [&[u8]; 6] = [b"version", b"request", b"response", b"type", b"websocket", b"client_conn"];

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Flows;

impl Format for Flows {
    fn name(&self) -> &'static str {
        "mitmproxy"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > DIGITS {
            return Probe::No;
        }
        let rest = head.get(digits..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(b":") else {
            return if rest.is_empty() { Probe::Likely } else { Probe::No };
        };
        // The first member's name.
        let inner = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(name) = rest.get(inner..).and_then(|rest| rest.strip_prefix(b":")) else {
            return if rest.len() <= 3 && inner == rest.len() { Probe::Likely } else { Probe::No };
        };
        let length = rest.get(..inner).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        match length.and_then(|length| Some((name.get(..length)?, name.get(length)?))) {
            Some((name, b',' | b';')) if is_name(name) => Probe::Certain,
            Some(_) => Probe::No,
            None if length.is_some_and(|length| length <= 32) => Probe::Likely,
            None => Probe::No,
        }
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut reading = Reading {
            input: BufReader::with_capacity(64 << 10, input),
            offset: 0,
            limits,
            recorded: Recorded::new(sink, limits),
            upgraded: None,
            merged: Vec::new(),
        };
        while !reading.recorded.is_stopped() && reading.flow()? {}
        reading.release();
        reading.recorded.finish();
        if reading.recorded.entries() == 0 && !reading.recorded.is_stopped() {
            return Err(ReadError::Damaged { format: self.name(), what: "not one flow in it is whole".to_owned() });
        }
        Ok(())
    }
}

fn is_name(name: &[u8]) -> bool {
    MEMBERS.contains(&name)
        || (!name.is_empty() && name.iter().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'0'..=b'9')))
}

/// A value of a tnetstring.
#[derive(Debug)]
enum Value<'f> {
    /// Bytes or text.
    Text(&'f [u8]),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Null,
    List(Vec<Self>),
    Dictionary(Vec<(&'f [u8], Self)>),
}

const NULL: &Value<'static> = &Value::Null;

impl<'f> Value<'f> {
    /// Reads the value that `bytes` begin with, and what follows it.
    fn parse(bytes: &'f [u8]) -> Option<(Self, &'f [u8])> {
        let mut left = VALUES;
        Self::nested(bytes, 0, &mut left)
    }

    /// As [`Value::parse`], inside of so many others; so many may yet come.
    fn nested(bytes: &'f [u8], depth: usize, left: &mut usize) -> Option<(Self, &'f [u8])> {
        *left = left.checked_sub(1)?;
        let digits = bytes.iter().take(DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let length: usize = std::str::from_utf8(bytes.get(..digits)?).ok()?.parse().ok()?;
        let rest = bytes.get(digits..)?.strip_prefix(b":")?;
        let (payload, rest) = rest.split_at_checked(length)?;
        let (kind, rest) = rest.split_first()?;
        let text = || std::str::from_utf8(payload).ok();
        let value = match kind {
            b',' | b';' => Self::Text(payload),
            b'#' => Self::Integer(text()?.parse().ok()?),
            b'^' => Self::Float(text()?.parse().ok()?),
            b'!' => Self::Bool(payload == b"true"),
            b'~' => Self::Null,
            b']' if depth < DEEPEST => {
                let (mut list, mut inside) = (Vec::new(), payload);
                while !inside.is_empty() {
                    let (value, after) = Self::nested(inside, depth + 1, left)?;
                    list.push(value);
                    inside = after;
                }
                Self::List(list)
            }
            b'}' if depth < DEEPEST => {
                let (mut members, mut inside) = (Vec::new(), payload);
                while !inside.is_empty() {
                    let (name, after) = Self::nested(inside, depth + 1, left)?;
                    let (value, after) = Self::nested(after, depth + 1, left)?;
                    members.push((name.text()?, value));
                    inside = after;
                }
                Self::Dictionary(members)
            }
            _ => return None,
        };
        Some((value, rest))
    }

    fn text(&self) -> Option<&'f [u8]> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A member of a dictionary; null if there is none.
    fn get(&self, name: &str) -> &Self {
        let Self::Dictionary(members) = self else { return NULL };
        members.iter().find(|(known, _)| *known == name.as_bytes()).map_or(NULL, |(_, value)| value)
    }

    /// The first member of these names that is there and not null.
    fn any(&self, names: &[&str]) -> &Self {
        names.iter().map(|name| self.get(name)).find(|value| !value.is_null()).unwrap_or(NULL)
    }

    fn time(&self) -> Option<Timestamp> {
        let seconds = self.number().filter(|seconds| seconds.is_finite() && *seconds > 0.0)?;
        let whole = seconds.floor();
        // The fraction has six digits that count.
        let micros = ((seconds - whole) * 1e6).round() as i64;
        Some(Timestamp::from_nanos((whole as i64).saturating_mul(1_000_000_000).saturating_add(micros * 1000)))
    }

    /// `[host, port]`, or `{"address": [host, port]}` before version 2.
    fn endpoint(&self) -> Option<Endpoint> {
        let list = if self.get("address").is_null() { self.list() } else { self.get("address").list() };
        let [host, port, ..] = list else { return None };
        let host = std::str::from_utf8(host.text()?).ok()?;
        let address: IpAddr = host.split('%').next()?.parse().ok()?;
        let port = port.number().filter(|port| (0.0..=65535.0).contains(port))? as u16;
        Some(Endpoint { address: address.to_canonical(), port })
    }

    /// Whether a list of fields has one without a name or a value, or is none.
    fn has_odd_field(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Dictionary(_) => self.get("fields").has_odd_field(),
            Self::List(list) => list
                .iter()
                .any(|pair| !matches!(pair.list(), [Self::Text(name), Self::Text(_), ..] if !name.is_empty())),
            _ => true,
        }
    }

    fn fields(&self) -> Fields<'f> {
        let pair = |pair: &Self| match pair.list() {
            [name, value, ..] => Some((name.text()?.into(), value.text()?.into())),
            _ => None,
        };
        match self {
            // 0.17 had them below a name.
            Self::Dictionary(_) => self.get("fields").fields(),
            _ => self.list().iter().filter_map(pair).collect(),
        }
    }
}

struct Reading<'s, R> {
    input: BufReader<R>,
    /// In the file.
    offset: u64,
    limits: &'s Limits,
    recorded: Recorded<'s>,
    /// A flow that became a WebSocket waits for its messages, which older versions wrote as a flow of their own.
    upgraded: Option<Vec<u8>>,
    /// Identifier of the flow that got its messages last: they are written again when more come.
    merged: Vec<u8>,
}

impl<R: Read> Reading<'_, R> {
    /// Reads the next flow; `false` at the end.
    fn flow(&mut self) -> Result<bool, ReadError> {
        self.recorded.before_read();
        let begin = self.offset;
        let Some(length) = self.length()? else { return Ok(false) };
        // The type follows the payload.
        let whole = length.saturating_add(1);
        if whole > self.limits.entry as u64 {
            let skipped = std::io::copy(&mut (&mut self.input).take(whole), &mut std::io::sink())?;
            self.offset = self.offset.saturating_add(skipped);
            if skipped < whole {
                self.recorded.note(NoteKind::TruncatedInput { offset: begin });
                return Ok(false);
            }
            self.recorded.skip("a flow is larger than what is kept (limit: entry)");
            return Ok(true);
        }
        let mut record = format!("{length}:").into_bytes();
        let read = match (&mut self.input).take(whole).read_to_end(&mut record) {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
            Err(_) => 0,
            Ok(read) => read as u64,
        };
        self.offset = self.offset.saturating_add(read);
        if read < whole {
            self.recorded.note(NoteKind::TruncatedInput { offset: begin });
            return Ok(false);
        }
        self.record(record);
        Ok(true)
    }

    /// The length a record begins with. What begins with none ends the reading: the next record cannot be found.
    fn length(&mut self) -> Result<Option<u64>, ReadError> {
        let (mut digits, begin) = (Vec::new(), self.offset);
        loop {
            let byte = match self.input.fill_buf() {
                Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Err(_) => None,
                Ok(bytes) => bytes.first().copied(),
            };
            self.input.consume(usize::from(byte.is_some()));
            self.offset += u64::from(byte.is_some());
            match byte {
                Some(digit @ b'0'..=b'9') if digits.len() < DIGITS => digits.push(digit),
                Some(b':') if !digits.is_empty() => break,
                // Some editors end a file with a line end.
                Some(b'\r' | b'\n') if digits.is_empty() => {}
                None if digits.is_empty() => return Ok(None),
                None => {
                    self.recorded.note(NoteKind::TruncatedInput { offset: begin });
                    return Ok(None);
                }
                Some(_) => {
                    let what = "a flow does not begin with its length; what follows cannot be found";
                    self.recorded.note(NoteKind::MalformedBlock { what });
                    return Ok(None);
                }
            }
        }
        Ok(std::str::from_utf8(&digits).ok().and_then(|digits| digits.parse().ok()))
    }

    fn record(&mut self, record: Vec<u8>) {
        let Some((flow, _)) = Value::parse(&record) else {
            self.release();
            self.recorded.skip("a flow is damaged");
            return;
        };
        match flow.get("type").text() {
            Some(b"http") | None if !flow.get("request").is_null() => {
                self.release();
                let upgrades = flow.get("response").any(&["status_code", "code"]).number() == Some(101.0);
                if upgrades && flow.get("websocket").is_null() {
                    drop(flow);
                    self.upgraded = Some(record);
                } else {
                    self.hand_out(&flow, flow.get("websocket").get("messages"));
                }
            }
            Some(b"websocket") => self.messages(&flow),
            Some(b"dns") if flow.get("request").get("headers").is_null() => {}
            Some(b"tcp") => {
                self.release();
                self.recorded.skip("a TCP flow: its bytes were not read as HTTP by mitmproxy, and are not here");
            }
            Some(b"udp") => {
                self.release();
                self.recorded.skip("a UDP flow: its bytes were not read as HTTP by mitmproxy, and are not here");
            }
            _ => {
                self.release();
                self.recorded.skip("a flow of a kind that is not known");
            }
        }
    }

    /// Messages of a WebSocket in a flow of their own, as before version 11.
    fn messages(&mut self, flow: &Value<'_>) {
        let handshake = flow.get("metadata").any(&["websocket_handshake"]).text();
        let handshake = handshake.or_else(|| flow.get("handshake_flow").get("id").text()).unwrap_or_default();
        let held = self.upgraded.take();
        let parsed = held.as_deref().and_then(Value::parse);
        match parsed {
            Some((http, _)) if http.get("id").text() == Some(handshake) => {
                self.merged = handshake.to_vec();
                self.hand_out(&http, flow.get("messages"));
            }
            _ => {
                if let Some((http, _)) = parsed {
                    self.hand_out(&http, NULL);
                }
                // They were written before, with the same handshake.
                if handshake.is_empty() || self.merged != handshake {
                    self.recorded.skip("messages of a WebSocket whose handshake is not before them");
                }
            }
        }
    }

    /// Hands the flow out that waited for messages.
    fn release(&mut self) {
        if let Some(held) = self.upgraded.take()
            && let Some((http, _)) = Value::parse(&held)
        {
            self.hand_out(&http, NULL);
        }
    }

    fn hand_out(&mut self, flow: &Value<'_>, messages: &Value<'_>) {
        if !flow.get("backup").is_null() {
            self.recorded.note_entry(NoteKind::Edited {
                how: "a flow was changed in mitmproxy before it went on: the file shows what its user made of it",
            });
        }
        let mut draft = draft(flow);
        if !messages.list().is_empty() {
            with_messages(&mut draft, messages);
        }
        self.recorded.hand_out(draft);
    }
}

fn draft<'f>(flow: &Value<'f>) -> Draft<'f> {
    let (request, response) = (flow.get("request"), flow.get("response"));
    let (client, server) = (flow.get("client_conn"), flow.get("server_conn"));
    let scheme = match request.get("scheme").text() {
        Some(b"http") => Some(Scheme::Http),
        _ => Some(Scheme::Https),
    };
    let version = request.get("http_version").text();
    let old_version = || match request.get("httpversion").list() {
        [_, minor, ..] if minor.number() == Some(0.0) => &b"HTTP/1.0"[..],
        _ => b"HTTP/1.1",
    };
    let mut draft = Draft {
        request: Some(request_of(request)),
        protocol: protocol_of(version.unwrap_or_else(old_version)),
        scheme,
        client: client.any(&["peername", "address"]).endpoint(),
        server: ["peername", "ip_address", "address"].iter().find_map(|name| server.get(name).endpoint()),
        begin: request.get("timestamp_start").time(),
        end: response.any(&["timestamp_end", "timestamp_start"]).time(),
        ..Draft::default()
    };
    if scheme == Some(Scheme::Https) {
        draft.tls = tls(server);
    }
    let parts = [(request, "headers"), (request, "trailers"), (response, "headers"), (response, "trailers")];
    if parts.iter().any(|(message, name)| message.get(name).has_odd_field()) {
        draft.marks.add(Mark::EntryMalformed);
    }
    if !response.is_null() {
        let status = response.any(&["status_code", "code"]).number().unwrap_or(0.0);
        let content = content(response, false);
        draft.response = Some(ResponseDraft {
            status: status as u16,
            reason: response.any(&["reason", "msg"]).text().unwrap_or_default().into(),
            fields: response.get("headers").fields(),
            trailers: response.get("trailers").fields(),
            content,
            ..ResponseDraft::default()
        });
    }
    draft
}

fn request_of<'f>(request: &Value<'f>) -> RequestDraft<'f> {
    let text = |name| request.get(name).text().unwrap_or_default();
    let (method, path, authority) = (text("method"), text("path"), text("authority"));
    let mut fields = request.get("headers").fields();
    let has_host = fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    let place = || {
        let port = request.get("port").number().unwrap_or(0.0) as u16;
        let host = String::from_utf8_lossy(text("host"));
        let host = if host.contains(':') { format!("[{host}]") } else { host.into_owned() };
        format!("{host}:{port}").into_bytes()
    };
    let target = if method == b"CONNECT" {
        place().into()
    } else if has_host {
        path.into()
    } else if !authority.is_empty() {
        fields.insert(0, (b":authority"[..].into(), authority.into()));
        path.into()
    } else {
        [text("scheme"), b"://", &place(), path].concat().into()
    };
    RequestDraft {
        method: method.into(),
        target,
        content: content(request, true),
        trailers: request.get("trailers").fields(),
        fields,
        ..RequestDraft::default()
    }
}

/// The content; the versions 0.14 and 0.15 called it `body`.
fn content<'f>(message: &Value<'f>, is_request: bool) -> Content<'f> {
    match message.any(&["content", "body"]) {
        Value::Text(bytes) => Content::Transferred((*bytes).into()),
        // Very old versions wrote what stands for "missing" as a number.
        Value::Null | Value::Integer(_) if !is_request || has_content(message) => Content::Unrecorded,
        _ => Content::None,
    }
}

fn has_content(request: &Value<'_>) -> bool {
    let fields = request.get("headers").fields();
    let has = |known: &[u8]| fields.iter().any(|(name, value)| name.eq_ignore_ascii_case(known) && **value != *b"0");
    has(b"content-length")
        || has(b"transfer-encoding")
        || has(b"content-type")
        || !matches!(request.get("method").text(), Some(b"GET" | b"HEAD" | b"OPTIONS" | b"CONNECT" | b"DELETE"))
}

fn tls(server: &Value<'_>) -> Option<TlsSession> {
    let version = match server.get("tls_version").text()? {
        b"TLSv1" | b"TLSv1.0" => "1.0",
        b"TLSv1.1" => "1.1",
        b"TLSv1.2" => "1.2",
        b"TLSv1.3" | b"QUIC" | b"QUICv1" => "1.3",
        _ => return None,
    };
    let text = |value: &Value<'_>| value.text().map(|text| String::from_utf8_lossy(text).into_owned());
    // OpenSSL's names of older suites are not IANA's.
    let suite = text(server.any(&["cipher", "cipher_name"])).filter(|name| name.starts_with("TLS_"));
    Some(TlsSession {
        version,
        suite: suite.unwrap_or_default().into(),
        server_name: text(server.get("sni")),
        application_protocol: text(server.any(&["alpn", "alpn_proto_negotiated"])),
        ..TlsSession::default()
    })
}

/// Text messages of a WebSocket become the contents of both sides, one a line.
fn with_messages(draft: &mut Draft<'_>, messages: &Value<'_>) {
    draft.marks.add(Mark::Upgraded);
    let mut sides = [Vec::new(), Vec::new()];
    for message in messages.list() {
        let [kind, from_client, content, ..] = message.list() else { continue };
        let [client, server] = &mut sides;
        let side = if matches!(from_client, Value::Bool(true)) { client } else { server };
        if kind.number() == Some(1.0) {
            side.extend_from_slice(content.text().unwrap_or_default());
            side.push(b'\n');
        }
    }
    let [client, server] = sides;
    if let Some(request) = draft.request.as_mut().filter(|_| !client.is_empty()) {
        request.content = Content::Decoded(client.into());
    }
    if let Some(response) = draft.response.as_mut().filter(|_| !server.is_empty()) {
        response.content = Content::Decoded(server.into());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        exchange::Exchange,
        input::{
            Control, Item, read_recording,
            tests::{Dribble, items_of},
        },
    };

    /// Writes a value: `key=value` pairs of a dictionary are written by [`dictionary`].
    fn net(payload: &[u8], kind: u8) -> Vec<u8> {
        [payload.len().to_string().as_bytes(), b":", payload, &[kind]].concat()
    }

    fn text(text: &str) -> Vec<u8> {
        net(text.as_bytes(), b',')
    }

    fn dictionary(members: &[(&str, Vec<u8>)], key: u8) -> Vec<u8> {
        let inside: Vec<u8> =
            members.iter().flat_map(|(name, value)| [net(name.as_bytes(), key), value.clone()].concat()).collect();
        net(&inside, b'}')
    }

    fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
        let pairs: Vec<u8> =
            fields.iter().flat_map(|(name, value)| net(&[text(name), text(value)].concat(), b']')).collect();
        net(&pairs, b']')
    }

    fn request(content: Vec<u8>) -> Vec<u8> {
        let members = [
            ("method", text("POST")),
            ("scheme", text("https")),
            ("host", text("mail.contoso.com")),
            ("port", net(b"443", b'#')),
            ("path", text("/ews")),
            ("http_version", text("HTTP/1.1")),
            ("headers", headers(&[("Host", "mail.contoso.com"), ("Authorization", "Bearer a.b.c")])),
            ("content", content),
            ("timestamp_start", net(b"1795901092.5", b'^')),
        ];
        dictionary(&members, b';')
    }

    fn response(status: &str) -> Vec<u8> {
        let members = [
            ("status_code", net(status.as_bytes(), b'#')),
            ("reason", text("OK")),
            ("headers", headers(&[])),
            ("content", text("body")),
        ];
        dictionary(&members, b';')
    }

    pub(crate) fn flow(more: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut members =
            vec![("type", net(b"http", b';')), ("version", net(b"21", b'#')), ("request", request(text("hello")))];
        members.extend(more.iter().cloned());
        dictionary(&members, b';')
    }

    fn read(bytes: &[u8]) -> (Vec<Exchange>, Vec<NoteKind>) {
        let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
        let mut sink = |item: Item<'_>| {
            match item {
                Item::Exchange(exchange) => exchanges.push(*exchange),
                Item::Note(note) => notes.push(note.kind),
                _ => {}
            }
            Control::Continue
        };
        read_recording(&mut &*bytes, &Limits::default(), &mut sink).unwrap();
        (exchanges, notes)
    }

    #[test]
    fn a_flow_is_an_exchange() {
        let (exchanges, notes) = read(&flow(&[("response", response("200"))]));
        let exchange = &exchanges[0];
        assert_eq!((exchange.url().as_str(), exchange.status()), ("https://mail.contoso.com/ews", Some(200)));
        let request = exchange.request.as_ref().unwrap();
        assert_eq!(request.body.kept.as_deref(), Some(&b"hello"[..]));
        assert_eq!(request.first.time().unwrap().nanos(), 1_795_901_092_500_000_000);
        assert!(notes.is_empty() && !exchange.marks.any());
    }

    #[test]
    fn what_is_not_as_it_was_sent_is_said() {
        let edited = flow(&[("response", response("200")), ("backup", dictionary(&[("id", text("x"))], b';'))]);
        assert!(matches!(read(&edited).1[..], [NoteKind::Edited { .. }]));
        let members =
            [("version", net(b"21", b'#')), ("type", net(b"http", b';')), ("request", request(net(b"", b'~')))];
        let (exchanges, _) = read(&dictionary(&members, b';'));
        assert!(exchanges[0].marks.has(Mark::BodyCut) && exchanges[0].marks.has(Mark::ResponseMissing));
        let tcp = dictionary(&[("type", net(b"tcp", b';')), ("version", net(b"21", b'#'))], b';');
        assert!(matches!(read(&[flow(&[]), tcp].concat()).1[..], [NoteKind::EntrySkipped { .. }]));
    }

    #[test]
    fn messages_of_both_shapes_are_contents() {
        let message = |from_client: &str, content: &str| {
            net(&[net(b"1", b'#'), net(from_client.as_bytes(), b'!'), text(content)].concat(), b']')
        };
        let messages = net(&[message("true", "from client"), message("false", "from server")].concat(), b']');
        let inside =
            flow(&[("response", response("101")), ("websocket", dictionary(&[("messages", messages.clone())], b';'))]);
        let http = flow(&[("response", response("101")), ("id", text("one"))]);
        let separate = dictionary(
            &[
                ("type", net(b"websocket", b';')),
                ("metadata", dictionary(&[("websocket_handshake", text("one"))], b';')),
                ("messages", messages),
            ],
            b';',
        );
        for bytes in [inside, [http.clone(), separate.clone(), separate.clone()].concat()] {
            let (exchanges, notes) = read(&bytes);
            assert_eq!((exchanges.len(), notes.len()), (1, 0));
            let kept = |body: &crate::exchange::message::Body| body.kept.clone().unwrap();
            assert_eq!(&*kept(&exchanges[0].request.as_ref().unwrap().body), b"from client\n");
        }
        assert_eq!(read(&http).0.len(), 1);
        assert!(matches!(read(&[flow(&[]), separate].concat()).1[..], [NoteKind::EntrySkipped { .. }]));
    }

    #[test]
    fn a_cut_file_gives_what_is_whole_and_says_so() {
        let one = flow(&[("response", response("200"))]);
        let both = [one.clone(), one.clone()].concat();
        for length in one.len() + 1..both.len() {
            let (exchanges, notes) = read(&both[..length]);
            assert_eq!(exchanges.len(), 1);
            assert_eq!(notes, [NoteKind::TruncatedInput { offset: one.len() as u64 }]);
        }
        let (result, _) = items_of(&mut &one[..one.len() - 3], &Limits::default());
        assert!(result.is_err());
    }

    #[test]
    fn a_field_without_a_name_or_a_value_is_said() {
        let with = |fields: Vec<u8>| {
            let members = [
                ("method", text("GET")),
                ("scheme", text("https")),
                ("host", text("mail.contoso.com")),
                ("path", text("/ews")),
                ("headers", net(&fields, b']')),
            ];
            let request = dictionary(&members, b';');
            let flow = dictionary(&[("type", text("http")), ("request", request)], b';');
            read(&flow).0[0].marks.has(Mark::EntryMalformed)
        };
        let pair = |parts: &[Vec<u8>]| net(&parts.concat(), b']');
        let host = pair(&[text("Host"), text("mail.contoso.com")]);
        assert!(!with(host.clone()) && !with([host.clone(), pair(&[text("A"), text("")])].concat()));
        let null = net(b"", b'~');
        for odd in [pair(&[text("A")]), pair(&[text("A"), null.clone()]), pair(&[text(""), text("b")]), null] {
            assert!(with([host.clone(), odd].concat()));
        }
        // Queries of names have none.
        let flow = |kind: &str| dictionary(&[("type", text(kind)), ("request", request(text("")))], b';');
        assert_eq!(read(&[flow("http"), flow("dns")].concat()).1.len(), 1);
    }

    #[test]
    fn damage_never_panics_and_splits_do_not_matter() {
        let whole = [flow(&[("response", response("200"))]), flow(&[])].concat();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x15;
            let (_, items) = items_of(&mut &bytes[..], &Limits::default());
            let (_, split) = items_of(&mut Dribble::new(&bytes, 3), &Limits::default());
            assert_eq!(items, split, "{at}");
        }
        // Lists in lists.
        let mut deep = Vec::new();
        for _ in 0..1000 {
            deep = net(&deep, b']');
        }
        let bytes = flow(&[("metadata", deep)]);
        let (_, items) = items_of(&mut &bytes[..], &Limits::default());
        assert_eq!(items.len(), 1);
    }
}
