//! Contents: which reader a body gets.
//!
//! The media type proposes, the first character decides: servers label JSON as `text/html` and leave the type out. What
//! has no reader, or breaks its reader, is searched for JWTs by value.
//!
//! What a request says of its content is not believed, for a password can be behind it: whatever the type, the content
//! decides, after codings that no field tells (`super::coded`).

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;

use super::{Extractor, Place, Site, traces::has_traces};
use crate::{evidence::Part, exchange::message::Message, token::Role};

/// Contents inside contents that are read (multipart in multipart, requests in batches).
const DEPTH: usize = 4;

/// Longest request line inside a content that is recognised by itself.
const LONGEST_REQUEST_LINE: usize = 16 << 10;

/// What a body of a request can hold besides: the parameters of the OAuth endpoints.
static PARAMETERS: LazyLock<[Finder<'static>; 5]> =
    LazyLock::new(|| ["grant_type", "client_", "ecret", "passwd", "pwd"].map(Finder::new));

/// A part of a batch can be coded, and then nothing else of it shows.
static CODED_PARTS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["ransfer-", "RANSFER-"].map(Finder::new));

/// The readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Form,
    Json,
    Xml,
    Multipart,
    /// A whole HTTP message (`application/http`).
    Http,
    /// By value only.
    Search,
}

impl Extractor<'_> {
    /// The content of a message.
    pub(super) fn content(&mut self, message: &Message, request: bool) {
        let Some(bytes) = message.body.kept.as_deref().filter(|bytes| !bytes.is_empty()) else { return };
        let (part, site) =
            if request { (Part::RequestBody, Site::RequestMember) } else { (Part::ResponseBody, Site::ResponseMember) };
        let content_type = message.head.text("content-type").unwrap_or_default();
        self.read(Place { part, at: message.end, site }, content_type, bytes, DEPTH);
    }

    /// A content of that type. `depth` is how many contents may still be inside it.
    pub(super) fn read(&mut self, place: Place, content_type: &str, bytes: &[u8], depth: usize) {
        let request = place.part == Part::RequestBody;
        let bytes = if request { self.without_codings(bytes) } else { Cow::Borrowed(bytes) };
        let bytes = utf8(&bytes);
        let reader = if request { reader_of_request(content_type, &bytes) } else { reader(content_type, &bytes) };
        let matters = (request && reader == Reader::Form)
            || (request && reader == Reader::Multipart && CODED_PARTS.iter().any(|name| name.find(&bytes).is_some()))
            || has_traces(&bytes)
            || (request && PARAMETERS.iter().any(|name| name.find(&bytes).is_some()));
        if matters {
            self.read_by(reader, place, content_type, &bytes, depth);
        }
        if request && matches!(reader, Reader::Json | Reader::Xml | Reader::Search) {
            self.logins(place, &bytes);
        }
    }

    fn read_by(&mut self, reader: Reader, place: Place, content_type: &str, bytes: &[u8], depth: usize) {
        let request = place.part == Part::RequestBody;
        match reader {
            Reader::Form => {
                let site = if request { Site::Parameter } else { Site::Elsewhere };
                let pairs = if request { on_one_line(bytes.trim_ascii()) } else { Cow::Borrowed(bytes.trim_ascii()) };
                self.pairs(Place { site, ..place }, "", &pairs, request);
            }
            Reader::Json => self.json(place, bytes),
            Reader::Xml => self.xml(place, bytes),
            Reader::Multipart if depth > 0 => self.multipart(place, content_type, bytes, depth - 1),
            Reader::Http if depth > 0 => self.embedded(place, bytes, depth - 1),
            Reader::Multipart | Reader::Http | Reader::Search => {
                self.search(place, Role::Mentioned, "content", bytes);
            }
        }
    }
}

/// The reader of a request's content, whatever its type says.
fn reader_of_request(content_type: &str, bytes: &[u8]) -> Reader {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match first(bytes) {
        Some(b'{' | b'[') => Reader::Json,
        Some(b'<') => Reader::Xml,
        _ if media.starts_with("multipart/") || bytes.starts_with(b"--") => Reader::Multipart,
        _ if is_request(bytes) => Reader::Http,
        _ if media == "application/http" => Reader::Http,
        _ if media == "application/x-www-form-urlencoded" || is_form_of_any(bytes) => Reader::Form,
        // `while(1);{…}` and the like stand before JSON against inclusion as a script.
        _ if media.ends_with("json") => Reader::Json,
        _ => Reader::Search,
    }
}

fn reader(content_type: &str, bytes: &[u8]) -> Reader {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // Pages and scripts are text in which anything can stand.
    if media.contains("html") || media.contains("javascript") || media.contains("ecmascript") || media == "text/css" {
        return match first(bytes) {
            Some(b'{' | b'[') if !media.contains("script") && media != "text/css" => Reader::Json,
            _ => Reader::Search,
        };
    }
    if media.starts_with("multipart/") {
        return Reader::Multipart;
    }
    if media == "application/http" {
        return Reader::Http;
    }
    match first(bytes) {
        Some(b'{' | b'[') => Reader::Json,
        Some(b'<') if starts_page(bytes) => Reader::Search,
        Some(b'<') => Reader::Xml,
        _ if media == "application/x-www-form-urlencoded" => Reader::Form,
        Some(b'-') if bytes.starts_with(b"--") => Reader::Multipart,
        _ if has_format_of_its_own(&media) => Reader::Search,
        _ if is_request(bytes) => Reader::Http,
        _ if is_form(bytes) => Reader::Form,
        // `while(1);{…}` and the like stand before JSON against inclusion as a script.
        _ if media.ends_with("json") => Reader::Json,
        _ => Reader::Search,
    }
}

/// Pictures and the like: what looks like text in them is none.
fn has_format_of_its_own(media: &str) -> bool {
    matches!(media.split('/').next(), Some("image" | "audio" | "video" | "font")) || media == "application/pdf"
}

/// Whether a content begins with a request line: a batch's part without its type.
fn is_request(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let line = bytes.get(..LONGEST_REQUEST_LINE).unwrap_or(bytes).split(|b| *b == b'\n').next().unwrap_or_default();
    let mut words = line.trim_ascii_end().split(|b| *b == b' ');
    let method = words.next().is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_uppercase));
    method && words.next_back().is_some_and(|version| version.starts_with(b"HTTP/")) && words.next().is_some()
}

fn first(bytes: &[u8]) -> Option<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().copied().find(|b| !b.is_ascii_whitespace())
}

pub(super) fn starts_page(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    [b"<!doctype html".as_slice(), b"<html"]
        .iter()
        .any(|start| bytes.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
}

/// Whether unlabelled text starts like a form: a name and an equals sign.
fn is_form(bytes: &[u8]) -> bool {
    let name = bytes.iter().take(64).position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')));
    name.is_some_and(|length| length > 0 && bytes.get(length) == Some(&b'='))
}

/// The same for names of any letters, also percent-encoded ones and those of arrays (`user[password]=`).
fn is_form_of_any(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    let name = bytes.iter().take(128).position(|b| !is_of_name(*b)).unwrap_or_default();
    name > 0 && bytes.get(name) == Some(&b'=')
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'$' | b':' | b'%' | b'+' | b'@')
}

/// A form with a pair a line (`enctype="text/plain"`) as others are.
fn on_one_line(form: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\n', form).is_none() {
        return Cow::Borrowed(form);
    }
    let pairs = form.iter().filter(|b| **b != b'\r').map(|b| if *b == b'\n' { b'&' } else { *b });
    Cow::Owned(pairs.collect())
}

/// The text in UTF-8, if a byte order mark says it is in UTF-16 or UTF-32, or its first letters are written so.
pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => return from_utf32(rest, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, rest @ ..] => return from_utf32(rest, u32::from_be_bytes),
        [first, 0, 0, 0, second, 0, 0, 0, ..] if is_letter(*first) && is_letter(*second) => {
            return from_utf32(bytes, u32::from_le_bytes);
        }
        [0, 0, 0, first, 0, 0, 0, second, ..] if is_letter(*first) && is_letter(*second) => {
            return from_utf32(bytes, u32::from_be_bytes);
        }
        _ => {}
    }
    let (rest, little) = match bytes {
        [0xff, 0xfe, rest @ ..] => (rest, true),
        [0xfe, 0xff, rest @ ..] => (rest, false),
        // Without the mark: two bytes a character.
        [first, 0, second, 0, ..] if is_letter(*first) && is_letter(*second) => (bytes, true),
        [0, first, 0, second, ..] if is_letter(*first) && is_letter(*second) => (bytes, false),
        _ => return Cow::Borrowed(bytes),
    };
    let (pairs, _) = rest.as_chunks::<2>();
    let units = pairs.iter().map(|pair| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) });
    let text = char::decode_utf16(units);
    Cow::Owned(text.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes())
}

fn from_utf32(bytes: &[u8], read: fn([u8; 4]) -> u32) -> Cow<'static, [u8]> {
    let (units, _) = bytes.as_chunks::<4>();
    let text = units.iter().map(|unit| char::from_u32(read(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
    Cow::Owned(text.collect::<String>().into_bytes())
}

const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_chosen_by_type_and_content() {
        for (content_type, bytes, expected) in [
            ("application/json", "{}", Reader::Json),
            ("application/json", ")]}',\n{}", Reader::Json),
            ("text/html", " {}", Reader::Json),
            ("text/html", "<html>", Reader::Search),
            ("application/javascript", "{}", Reader::Search),
            ("text/xml; charset=utf-8", "<a/>", Reader::Xml),
            ("", "<!DOCTYPE HTML>", Reader::Search),
            ("", "grant_type=x", Reader::Form),
            ("", "hello=", Reader::Form),
            ("", "=x", Reader::Search),
            ("Application/X-WWW-Form-UrlEncoded; charset=x", "x", Reader::Form),
            ("application/x-www-form-urlencoded", "{\"a\":1}", Reader::Json),
            ("multipart/mixed; boundary=b", "", Reader::Multipart),
            ("", "--b\r\n", Reader::Multipart),
            ("application/http; msgtype=request", "GET / HTTP/1.1", Reader::Http),
            ("image/png", "x=y", Reader::Search),
        ] {
            assert_eq!(reader(content_type, bytes.as_bytes()), expected, "{content_type} {bytes}");
        }
        for bytes in [
            &b"\xff\xfe<\0a\0"[..],
            b"<\0a\0",
            b"\0<\0a",
            b"\xff\xfe\0\0<\0\0\0a\0\0\0",
            b"\0\0\xfe\xff\0\0\0<\0\0\0a",
            b"<\0\0\0a\0\0\0",
            b"\0\0\0<\0\0\0a",
        ] {
            assert_eq!(utf8(bytes), b"<a".as_slice(), "{bytes:?}");
        }
        assert_eq!(utf8(b"\xfe\xff\0<"), b"<".as_slice());
    }
}
