//! The members of an entry this program reads, as they stand in the document.
//!
//! Every member is optional, of any type and in any order. Of duplicates the last counts, except that headers add up:
//! no credential may be lost because another list follows.

use super::{
    json::{Json, Text},
    window::UNREAD_MEMBER,
};
use crate::http::auth::is_credentials_field;

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
    /// `request` or `response` came twice.
    pub(crate) duplicate: bool,
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
    /// The exporter says that it left the content out.
    pub(crate) discarded: bool,
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
    pub(crate) discarded: bool,
}

/// `postData` or `content`.
#[derive(Debug, Default)]
pub(crate) struct Content<'a> {
    pub(crate) text: Option<Text<'a>>,
    pub(crate) media_type: Option<Text<'a>>,
    pub(crate) encoding: Option<Text<'a>>,
    pub(crate) size: Option<i64>,
    pub(crate) parameters: Vec<(Text<'a>, Text<'a>)>,
    /// The exporter says that some of it is left out.
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

    fn add(&mut self, name: Option<Text<'a>>, value: Option<Text<'a>>) {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        let value = value.unwrap_or_default();
        let value = if value.raw == NO_TEXT.raw && !is_credentials_field(name.raw) { Text::default() } else { value };
        let is_pseudo = name.raw.strip_prefix(b":").is_some_and(|name| PSEUDO.contains(&name));
        if is_pseudo { self.pseudo.push((name, value)) } else { self.fields.push((name, value)) }
    }

    /// Reads an array of `{name, value}`, of `[name, value]`, of `"name: value"`, of one-member objects, or an object.
    fn read(&mut self, json: &mut Json<'a>) {
        match json.peek() {
            Some(b'{') => self.read_map(json),
            Some(b'[') => {
                json.enter_array();
                self.fields.reserve(16);
                while json.element() {
                    self.read_element(json);
                }
            }
            _ => json.skip(),
        }
    }

    fn read_element(&mut self, json: &mut Json<'a>) {
        match json.peek() {
            Some(b'{') => self.read_pair(json),
            Some(b'[') => {
                json.enter_array();
                let (mut name, mut value, mut index) = (None, None, 0_u8);
                while json.element() {
                    match index {
                        0 => name = json.scalar(),
                        1 => value = json.scalar(),
                        _ => json.skip(),
                    }
                    index = index.saturating_add(1);
                }
                self.add(name, value);
            }
            Some(b'"') => {
                let line = json.scalar().unwrap_or_default().raw;
                let colon = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
                let (name, value) = line.split_at_checked(colon).unwrap_or((line, b""));
                let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
                self.add(Some(Text::new(name.trim_ascii())), Some(Text::new(value)));
            }
            _ => json.skip(),
        }
    }

    fn read_pair(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        let (mut name, mut value, mut other) = (None, None, None);
        while let Some(member) = json.name() {
            match member {
                b"name" => name = json.scalar(),
                b"value" => value = json.scalar().or(Some(NO_TEXT)),
                b"comment" => json.skip(),
                _ => other = Some((Text::new(member), json.scalar())),
            }
        }
        match (name, other) {
            (None, Some((name, value))) => self.add(Some(name), value),
            (name, _) => self.add(name, value),
        }
    }

    fn read_map(&mut self, json: &mut Json<'a>) {
        json.enter_object();
        while let Some(name) = json.name() {
            let name = Some(Text::new(name));
            if json.peek() == Some(b'[') {
                json.enter_array();
                while json.element() {
                    let value = json.scalar();
                    self.add(name, value);
                }
            } else {
                let value = json.scalar();
                self.add(name, value);
            }
        }
    }
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
                b"request" if json.peek() == Some(b'{') => {
                    entry.duplicate |= entry.request.is_some();
                    entry.request.get_or_insert_default().read(json);
                }
                b"response" if json.peek() == Some(b'{') => {
                    entry.duplicate |= entry.response.is_some();
                    entry.response.get_or_insert_default().read(json);
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
                b"method" => self.method = json.scalar(),
                b"url" => self.url = json.scalar(),
                b"httpVersion" => self.version = json.scalar(),
                b"headers" => self.headers.read(json),
                b"bodySize" => self.body_size = json.scalar().and_then(Text::integer),
                b"postData" => self.content.read(json),
                b"_requestBodyStatus" => self.discarded |= is_discarded(json.scalar()),
                _ => json.skip(),
            }
        }
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
                b"_error" => self.error = json.scalar(),
                b"_responseBodyStatus" => self.discarded |= is_discarded(json.scalar()),
                _ => json.skip(),
            }
        }
    }
}

impl<'a> Content<'a> {
    fn read(&mut self, json: &mut Json<'a>) {
        if json.peek() == Some(b'"') {
            self.text = json.scalar();
            return;
        }
        if !json.enter_object() {
            return;
        }
        while let Some(name) = json.name() {
            match name {
                b"text" => self.text = json.scalar(),
                b"mimeType" => self.media_type = json.scalar(),
                b"encoding" => self.encoding = json.scalar(),
                b"size" => self.size = json.scalar().and_then(Text::integer),
                b"params" => self.read_parameters(json),
                b"comment" => self.truncated |= json.scalar().is_some_and(|comment| says_truncated(comment.raw)),
                b"_cut" | b"cut" | b"truncated" | b"_truncated" | b"_isTruncated" | b"isTruncated" => {
                    self.truncated |= is_set(json.scalar());
                }
                _ => json.skip(),
            }
        }
    }

    fn read_parameters(&mut self, json: &mut Json<'a>) {
        if !json.enter_array() {
            return;
        }
        while json.element() {
            if !json.enter_object() {
                continue;
            }
            let (mut name, mut value) = (None, None);
            while let Some(member) = json.name() {
                match member {
                    b"name" => name = json.scalar(),
                    b"value" => value = json.scalar(),
                    _ => json.skip(),
                }
            }
            if let Some(name) = name {
                self.parameters.push((name, value.unwrap_or_default()));
            }
        }
    }
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
