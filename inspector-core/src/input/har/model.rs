//! The members of an entry this program reads, as they stand in the document.
//!
//! Every member is optional, of any type and in any order. Of duplicates the last counts, except that headers add up:
//! no credential may be lost because another list follows.
//!
//! What stands where something else should stand is not taken for absent: a field without name or value, a text that is an
//! object, a member that comes twice make what they are part of *odd*, and somebody has to look at the file.

use super::{
    json::{Json, Text, Value},
    window::UNREAD_MEMBER,
};
use crate::{exchange::message::BodyCut, http::auth::is_credentials_field};

/// Whether anything is read of an entry's member.
pub(crate) fn reads_member(name: &[u8]) -> bool {
    matches!(
        name,
        b"startedDateTime"
            | b"time"
            | b"request"
            | b"response"
            | b"serverIPAddress"
            | b"_serverPort"
            | b"_error"
            | b"_blocked"
            | b"_blockedReason"
            | b"_fromCache"
            | b"_frames"
            | b"_tls"
            | b"_notes"
    )
}

/// An entry.
#[derive(Debug, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) started: Option<Text<'a>>,
    /// Milliseconds.
    pub(crate) time: Option<f64>,
    pub(crate) request: Option<Request<'a>>,
    pub(crate) response: Option<Response<'a>>,
    pub(crate) server_address: Option<Text<'a>>,
    pub(crate) server_port: Option<i64>,
    pub(crate) error: Option<Text<'a>>,
    pub(crate) blocked: bool,
    pub(crate) from_cache: bool,
    /// JSON that this program wrote beside what a HAR has: where it was, how it was protected, what was missing.
    pub(crate) frames: Option<&'a [u8]>,
    pub(crate) tls: Option<&'a [u8]>,
    pub(crate) notes: Option<&'a [u8]>,
    /// `request` or `response` came twice, or is something else than an object.
    pub(crate) odd: bool,
    /// The document ends inside of it.
    pub(crate) cut: bool,
}

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    pub(crate) method: Option<Text<'a>>,
    pub(crate) url: Option<Text<'a>>,
    pub(crate) version: Option<Text<'a>>,
    pub(crate) headers: Headers<'a>,
    pub(crate) body_size: Option<i64>,
    pub(crate) content: Content<'a>,
    /// `queryString`, if the URL has no query.
    pub(crate) query: Vec<(Text<'a>, Text<'a>)>,
    /// `cookies`, if there is no field for them.
    pub(crate) cookies: Vec<(Text<'a>, Text<'a>)>,
    /// The exporter says that it left the content out.
    pub(crate) discarded: bool,
    /// Something of it cannot be read as what it should be.
    pub(crate) odd: bool,
    /// Its end is there.
    pub(crate) closed: bool,
}

/// A response.
#[derive(Debug, Default)]
pub(crate) struct Response<'a> {
    pub(crate) status: Option<Text<'a>>,
    pub(crate) reason: Option<Text<'a>>,
    pub(crate) version: Option<Text<'a>>,
    pub(crate) headers: Headers<'a>,
    pub(crate) redirect: Option<Text<'a>>,
    pub(crate) body_size: Option<i64>,
    pub(crate) content: Content<'a>,
    pub(crate) error: Option<Text<'a>>,
    /// `cookies`, if there is no field for them.
    pub(crate) cookies: Vec<(Text<'a>, Text<'a>)>,
    /// Trailer fields, which only this program writes.
    pub(crate) trailers: Headers<'a>,
    pub(crate) discarded: bool,
    pub(crate) odd: bool,
    pub(crate) closed: bool,
}

/// `postData` or `content`.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: Option<Text<'a>>,
    pub(crate) media_type: Option<Text<'a>>,
    pub(crate) encoding: Option<Text<'a>>,
    pub(crate) size: Option<i64>,
    pub(crate) parameters: Vec<(Text<'a>, Text<'a>)>,
    /// This program says why it is not whole.
    pub(crate) cut: Option<BodyCut>,
    /// The exporter says that some of it is left out, or something of it cannot be read.
    pub(crate) truncated: bool,
}

/// The pseudo-header fields there are (RFC 9113 §8.3, RFC 8441), without their colon.
const PSEUDO: [&[u8]; 6] = [b"method", b"scheme", b"authority", b"path", b"protocol", b"status"];

/// Stands for the value of a field of credentials that is no text, so that it counts as one that was taken out.
const NO_TEXT: Text<'static> = Text::new(b"[unreadable]");

/// Fields in order, with HTTP/2's pseudo-header fields apart.
#[derive(Debug, Default)]
pub(crate) struct Headers<'a> {
    pub(crate) fields: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) pseudo: Vec<(Text<'a>, Text<'a>)>,
    /// A field has no name, or no value that is a text.
    pub(crate) odd: bool,
    /// The document goes on behind them.
    pub(crate) closed: bool,
    /// The entry has the member, be it empty.
    pub(crate) is_there: bool,
}

impl<'a> Headers<'a> {
    /// The first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<Text<'a>> {
        self.fields.iter().find(|(n, _)| n.raw.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// The pseudo-header field of that name, without its colon.
    pub(crate) fn pseudo(&self, name: &str) -> Option<Text<'a>> {
        let is = |text: &Text<'_>| text.raw.strip_prefix(b":").is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
        self.pseudo.iter().find(|(name, _)| is(name)).map(|(_, value)| *value)
    }

    /// Bytes they take as field lines, about.
    pub(crate) fn size(&self) -> usize {
        self.fields.iter().map(|(name, value)| name.raw.len() + value.raw.len() + 4).sum()
    }

    /// Adds a field. A number is the value of one that carries no credentials.
    fn add(&mut self, name: Option<Text<'a>>, value: Option<Value<'a>>) {
        let Some(name) = name.filter(|name| !name.raw.trim_ascii().is_empty() && !name.is_open()) else {
            self.odd = true;
            return;
        };
        let text = match value {
            // The beginning of a value tells one thing for certain.
            Some(Value::String(text)) if text.is_open() && !is_basic(text.raw) => {
                self.odd = true;
                return;
            }
            Some(Value::String(text)) => text,
            Some(Value::Literal(text)) if text.number().is_some() && !is_credentials_field(name.raw) => text,
            _ => {
                self.odd = true;
                if is_credentials_field(name.raw) { NO_TEXT } else { Text::default() }
            }
        };
        let is_pseudo = name.raw.strip_prefix(b":").is_some_and(|name| PSEUDO.contains(&name));
        if is_pseudo { self.pseudo.push((name, text)) } else { self.fields.push((name, text)) }
    }

    /// Reads an array of `{name, value}`, of `[name, value]`, of `"name: value"`, of one-member objects, or an object.
    fn read(&mut self, json: &mut Json<'a>) {
        self.is_there = true;
        match json.peek() {
            Some(b'{') => self.read_map(json),
            Some(b'[') => {
                json.enter_array();
                self.fields.reserve(16);
                while json.element() {
                    self.read_element(json);
                }
            }
            _ => {
                self.odd = true;
                json.skip();
            }
        }
        self.closed = !json.is_over();
    }

    fn read_element(&mut self, json: &mut Json<'a>) {
        match json.peek() {
            Some(b'{') => self.read_pair(json),
            Some(b'[') => {
                json.enter_array();
                let (mut name, mut value, mut index) = (None, None, 0_u8);
                while json.element() {
                    match index {
                        0 => name = Some(json.value()),
                        1 => value = Some(json.value()),
                        _ => json.skip(),
                    }
                    index = index.saturating_add(1);
                }
                if value.is_some() || !json.is_over() {
                    self.add(name.and_then(string), value);
                }
            }
            Some(b'"') => {
                let line = json.scalar().unwrap_or_default();
                match line.raw.iter().skip(1).position(|byte| *byte == b':').map(|at| at + 1) {
                    Some(colon) => {
                        let (name, value) = line.raw.split_at_checked(colon).unwrap_or((line.raw, b""));
                        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
                        let value = Text { raw: value, missing: line.missing };
                        self.add(Some(Text::new(name.trim_ascii())), Some(Value::String(value)));
                    }
                    None => self.add(Some(line), None),
                }
            }
            _ => {
                self.odd = true;
                json.skip();
            }
        }
    }

    fn read_pair(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        let (mut name, mut value, mut other, mut others) = (None, None, None, 0_u32);
        while let Some(member) = json.name() {
            match member {
                b"name" => {
                    self.odd |= name.is_some();
                    name = Some(json.value());
                }
                b"value" => {
                    self.odd |= value.is_some();
                    value = Some(json.value());
                }
                b"comment" => json.skip(),
                _ => {
                    other = Some((Text::new(member), json.value()));
                    others += 1;
                }
            }
        }
        match (name, value, other) {
            (_, None, None) if json.is_over() => self.odd = true,
            (None, None, Some((name, value))) if others == 1 => self.add(Some(name), Some(value)),
            (name, value, _) => self.add(name.and_then(string), value),
        }
    }

    fn read_map(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        while let Some(name) = json.name() {
            let name = Some(Text::new(name));
            if json.peek() == Some(b'[') {
                json.enter_array();
                while json.element() {
                    let value = json.value();
                    self.add(name, Some(value));
                }
            } else {
                let value = json.value();
                self.add(name, Some(value));
            }
        }
    }
}

/// Whether a value begins as Basic credentials do.
fn is_basic(value: &[u8]) -> bool {
    value.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic "))
}

/// The text, if it is one.
const fn string(value: Value<'_>) -> Option<Text<'_>> {
    if let Value::String(text) = value { Some(text) } else { None }
}

/// Reads a text into `place`. Anything but a text or `null` is odd, and so is a second one.
fn read_text<'a>(json: &mut Json<'a>, place: &mut Option<Text<'a>>, odd: &mut bool) {
    let value = json.value();
    let text = string(value);
    *odd |= place.is_some() || (text.is_none() && !matches!(value, Value::Null));
    *place = text.or(*place);
}

/// Reads an array of `{name, value}`: whether anything else is in its place, or a name or value is missing.
fn read_pairs<'a>(json: &mut Json<'a>, pairs: &mut Vec<(Text<'a>, Text<'a>)>) -> bool {
    match json.peek() {
        Some(b'[') => json.enter_array(),
        _ => return !matches!(json.value(), Value::Null),
    };
    let mut odd = false;
    while json.element() {
        if json.peek() != Some(b'{') {
            odd = true;
            json.skip();
            continue;
        }
        json.enter_object();
        let (mut name, mut value) = (None, None);
        while let Some(member) = json.name() {
            match member {
                b"name" => {
                    odd |= name.is_some();
                    name = json.value().text();
                }
                b"value" => {
                    odd |= value.is_some();
                    value = json.value().text();
                }
                _ => json.skip(),
            }
        }
        odd |= value.is_none();
        match name {
            Some(name) => pairs.push((name, value.unwrap_or_default())),
            None => odd = true,
        }
    }
    odd
}

impl<'a> Entry<'a> {
    /// Reads an entry; what is not there stays empty.
    pub(crate) fn read(json: &mut Json<'a>) -> Self {
        let mut entry = Self::default();
        if !json.enter_object() {
            return entry;
        }
        while let Some(name) = json.name() {
            match name {
                b"startedDateTime" => entry.started = json.scalar(),
                b"time" => entry.time = json.scalar().and_then(Text::number),
                b"serverIPAddress" => entry.server_address = json.scalar(),
                b"_serverPort" => entry.server_port = json.scalar().and_then(Text::integer),
                b"_error" => entry.error = json.scalar(),
                b"_blocked" | b"_blockedReason" => entry.blocked |= is_set(json.scalar()),
                b"_fromCache" => entry.from_cache |= is_set(json.scalar()),
                b"_frames" => entry.frames = Some(json.crossed()),
                b"_tls" => entry.tls = Some(json.crossed()),
                b"_notes" => entry.notes = Some(json.crossed()),
                b"request" => {
                    entry.odd |= entry.request.is_some();
                    if json.peek() == Some(b'{') {
                        entry.request.get_or_insert_default().read(json);
                    } else {
                        entry.odd |= !matches!(json.value(), Value::Null);
                    }
                }
                b"response" => {
                    entry.odd |= entry.response.is_some();
                    if json.peek() == Some(b'{') {
                        entry.response.get_or_insert_default().read(json);
                    } else {
                        entry.odd |= !matches!(json.value(), Value::Null);
                    }
                }
                _ => {
                    let start = json.position();
                    json.skip();
                    // The scanner looks for an entry in it whose start was taken for a member's.
                    if json.position().saturating_sub(start) > UNREAD_MEMBER {
                        json.doubt();
                    }
                }
            }
        }
        entry
    }
}

impl<'a> Request<'a> {
    fn read(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        while let Some(name) = json.name() {
            match name {
                b"method" => read_text(json, &mut self.method, &mut self.odd),
                b"url" => read_text(json, &mut self.url, &mut self.odd),
                b"httpVersion" => self.version = json.scalar(),
                b"headers" => self.headers.read(json),
                b"bodySize" => self.body_size = json.scalar().and_then(Text::integer),
                b"postData" => self.content.read(json),
                b"queryString" if !self.url.is_some_and(has_query) => {
                    self.odd |= read_pairs(json, &mut self.query);
                }
                b"cookies" if self.headers.field("cookie").is_none() => {
                    self.odd |= read_pairs(json, &mut self.cookies);
                }
                b"_requestBodyStatus" => self.discarded |= is_discarded(json.scalar()),
                _ => json.skip(),
            }
        }
        self.closed = !json.is_over();
    }
}

impl<'a> Response<'a> {
    fn read(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        while let Some(name) = json.name() {
            match name {
                b"status" => self.status = json.scalar(),
                b"statusText" => self.reason = json.scalar(),
                b"httpVersion" => self.version = json.scalar(),
                b"headers" => self.headers.read(json),
                b"redirectURL" => self.redirect = json.scalar(),
                b"bodySize" => self.body_size = json.scalar().and_then(Text::integer),
                b"content" => self.content.read(json),
                b"cookies" if self.headers.field("set-cookie").is_none() => {
                    self.odd |= read_pairs(json, &mut self.cookies);
                }
                b"_error" => self.error = json.scalar(),
                b"_trailers" => self.trailers.read(json),
                b"_responseBodyStatus" => self.discarded |= is_discarded(json.scalar()),
                _ => json.skip(),
            }
        }
        self.closed = !json.is_over();
    }
}

impl<'a> Content<'a> {
    fn read(&mut self, json: &mut Json<'a>) {
        if json.peek() != Some(b'{') {
            read_text(json, &mut self.text, &mut self.truncated);
            return;
        }
        json.enter_object();
        while let Some(name) = json.name() {
            match name {
                b"text" => self.read_content(json),
                b"mimeType" => self.media_type = json.scalar(),
                b"encoding" => self.encoding = json.scalar(),
                b"size" => self.size = json.scalar().and_then(Text::integer),
                b"params" => {
                    self.truncated |= !self.parameters.is_empty();
                    self.truncated |= read_pairs(json, &mut self.parameters);
                }
                b"comment" => self.truncated |= json.scalar().is_some_and(|comment| says_truncated(comment.raw)),
                b"_cut" => match json.scalar() {
                    Some(Text { raw: b"limit", .. }) => self.cut = Some(BodyCut::Limit),
                    Some(Text { raw: b"coding", .. }) => self.cut = Some(BodyCut::Coding),
                    other => self.truncated |= is_set(other),
                },
                b"cut" | b"truncated" | b"_truncated" | b"_isTruncated" | b"isTruncated" => {
                    self.truncated |= is_set(json.scalar());
                }
                _ => json.skip(),
            }
        }
    }

    /// Reads the text. A number is one, too: a content of JSON that some exporters unpack.
    fn read_content(&mut self, json: &mut Json<'a>) {
        let value = json.value();
        self.truncated |= self.text.is_some() || matches!(value, Value::Container);
        self.text = value.text().or(self.text);
    }
}

fn has_query(url: Text<'_>) -> bool {
    memchr::memchr(b'?', url.raw).is_some()
}

/// Whether a flag is set: neither missing nor `false`, `0`, `no` or empty.
fn is_set(value: Option<Text<'_>>) -> bool {
    value.is_some_and(|value| !matches!(value.raw, b"" | b"false" | b"0" | b"no" | b"none"))
}

fn is_discarded(value: Option<Text<'_>>) -> bool {
    value.is_some_and(|value| value.raw.starts_with(b"discarded"))
}

/// Whether an exporter's comment on a content says that it is not whole.
fn says_truncated(comment: &[u8]) -> bool {
    let comment = comment.to_ascii_lowercase();
    [&b"truncat"[..], b"not included", b"too large", b"omitted", b"discarded", b"removed"]
        .iter()
        .any(|word| memchr::memmem::find(&comment, word).is_some())
}
