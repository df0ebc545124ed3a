//! Multipart contents (RFC 2046 §5.1): forms, MTOM, and batches of whole requests.
//!
//! ```text
//! --boundary
//! Content-Type: application/http
//!
//! GET /api/v2.0/me HTTP/1.1
//! Authorization: Bearer eyJ0…
//!
//! --boundary--
//! ```

use std::borrow::Cow;

use super::{Extractor, Place, Site, token_name};
use crate::{
    evidence::Part,
    http::{auth::text, base64},
    token::{Role, mask::safe_name, scan::may_hold},
};

impl Extractor<'_> {
    /// A multipart content; without a boundary in the type its first line tells it.
    pub(super) fn multipart(&mut self, place: Place, content_type: &str, bytes: &[u8], depth: usize) {
        let Some(boundary) = boundary(content_type, bytes).filter(|boundary| !boundary.is_empty()) else {
            self.of_no_parts(place, bytes, depth);
            return;
        };
        let mut any = false;
        let mut delimiter = b"--".to_vec();
        delimiter.extend_from_slice(&boundary);
        let mut starts = memchr::memmem::find_iter(bytes, &delimiter).filter(|at| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let behind = bytes.get(at + delimiter.len());
            matches!(before, None | Some(b'\n')) && matches!(behind, None | Some(b'\r' | b'\n' | b'-' | b' ' | b'\t'))
        });
        let mut start = starts.next();
        let mut count = 0;
        while let Some(at) = start {
            start = starts.next();
            let part = bytes.get(at + delimiter.len()..start.unwrap_or(bytes.len())).unwrap_or_default();
            if part.starts_with(b"--") {
                break;
            }
            if !self.has_room(count) {
                return;
            }
            count += 1;
            any = true;
            self.part(place, part, depth);
        }
        if !any {
            self.of_no_parts(place, bytes, depth);
        }
    }

    /// A content that is called multipart and has no part.
    fn of_no_parts(&mut self, place: Place, bytes: &[u8], depth: usize) {
        if place.part == Part::RequestBody {
            self.read(place, "", bytes, depth);
        } else {
            self.search(place, Role::Mentioned, "content", bytes);
        }
    }

    /// One part: what follows its delimiter.
    fn part(&mut self, place: Place, part: &[u8], depth: usize) {
        let part = memchr::memchr(b'\n', part).and_then(|end| part.get(end + 1..)).unwrap_or_default();
        let (head, content) = head_and_content(part);
        let (mut content_type, mut name, mut encoding) = (String::new(), None, Cow::Borrowed(""));
        for (field, value) in lines(head) {
            if field.eq_ignore_ascii_case(b"content-type") {
                content_type = text(value).into_owned();
            } else if field.eq_ignore_ascii_case(b"content-transfer-encoding") {
                encoding = text(value);
            } else if field.eq_ignore_ascii_case(b"content-disposition") {
                name = parameter(&text(value), "name");
            }
        }
        let content =
            content.strip_suffix(b"\n").map_or(content, |content| content.strip_suffix(b"\r").unwrap_or(content));
        let decoded = decoded(content, &encoding);
        let content = decoded.as_ref();
        match name {
            Some(name) if content_type.is_empty() || content_type.starts_with("text/plain") => {
                let value = text(content);
                let request = place.part == Part::RequestBody;
                if request {
                    self.parameter(place.part, &name, &value);
                    if value.trim_start().starts_with(['{', '[', '<']) {
                        self.logins(place, value.as_bytes());
                    }
                }
                if token_name(&name).is_some() || may_hold(content) {
                    let site = if request { Site::Parameter } else { Site::Elsewhere };
                    self.named(Place { site, ..place }, &name, &safe_name(&name), &value);
                }
            }
            _ => self.read(place, &content_type, content, depth),
        }
    }

    /// A whole message inside a content.
    pub(super) fn embedded(&mut self, place: Place, bytes: &[u8], depth: usize) {
        let (head, content) = head_and_content(bytes);
        let end = memchr::memchr(b'\n', head).map_or(head.len(), |end| end + 1);
        let (start, fields) = head.split_at_checked(end).unwrap_or((head, b""));
        if start.starts_with(b"HTTP/") {
            self.search(place, Role::Mentioned, "content", fields);
        } else {
            let target = start.split(|b| *b == b' ').nth(1).unwrap_or_default();
            self.url(Place { site: Site::Parameter, ..place }, "", target.trim_ascii(), false);
            self.embedded_fields(place.part, place.at, fields);
        }
        let content_type = lines(fields).find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
        let content_type = content_type.map(|(_, value)| text(value)).unwrap_or_default();
        self.read(place, &content_type, content, depth);
    }
}

/// A part's content without its transfer encoding (RFC 2045 §6).
fn decoded<'c>(content: &'c [u8], encoding: &str) -> Cow<'c, [u8]> {
    if encoding.eq_ignore_ascii_case("base64") {
        let text = text(content);
        return base64::decode(&text).map_or(Cow::Borrowed(content), |decoded| Cow::Owned(decoded.bytes));
    }
    if encoding.eq_ignore_ascii_case("quoted-printable") {
        return Cow::Owned(without_quotes(content));
    }
    Cow::Borrowed(content)
}

/// Undoes quoted-printable (RFC 2045 §6.7); what breaks its rules stays as it is.
fn without_quotes(mut content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    while let Some(at) = memchr::memchr(b'=', content) {
        let (before, behind) = content.split_at_checked(at).unwrap_or((content, b""));
        out.extend_from_slice(before);
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        content = match behind {
            [b'=', b'\r', b'\n', rest @ ..] | [b'=', b'\n', rest @ ..] => rest,
            [b'=', high, low, rest @ ..] if digit(high).is_some() && digit(low).is_some() => {
                let value = digit(high).unwrap_or_default() * 16 + digit(low).unwrap_or_default();
                out.extend(u8::try_from(value));
                rest
            }
            _ => {
                out.push(b'=');
                behind.get(1..).unwrap_or_default()
            }
        };
    }
    out.extend_from_slice(content);
    out
}

/// What stands before and behind the first empty line.
fn head_and_content(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut line = 0;
    while let Some(length) = memchr::memchr(b'\n', bytes.get(line..).unwrap_or_default()) {
        let next = line + length + 1;
        if bytes.get(line..next).is_some_and(|line| line.trim_ascii().is_empty()) {
            return (bytes.get(..line).unwrap_or_default(), bytes.get(next..).unwrap_or_default());
        }
        line = next;
    }
    (bytes, b"")
}

/// The fields of a head, unfolded ones only.
fn lines(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|b| *b == b'\n').filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?.trim_ascii()))
    })
}

fn boundary(content_type: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    parameter(content_type, "boundary").map(String::into_bytes).or_else(|| {
        let line = bytes.strip_prefix(b"--")?.split(|b| *b == b'\n').next()?;
        Some(line.trim_ascii_end().to_vec())
    })
}

/// A parameter of a field's value (RFC 9110 §5.6.6), quoted or not.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value;
    loop {
        let (_, after) = rest.split_once(';')?;
        let (name, value) = after.split_once('=')?;
        let (value, behind) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at_checked(value.find(';').unwrap_or(value.len()))?,
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value.trim().to_owned());
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read() {
        for (value, expected) in [
            ("multipart/mixed; boundary=abc", Some("abc")),
            ("multipart/mixed;charset=\"a;boundary=x\" ; Boundary = \"b c\";d=e", Some("b c")),
            ("multipart/mixed; a=b ;boundary=c; d", Some("c")),
            ("multipart/mixed", None),
            ("multipart/mixed; boundary", None),
        ] {
            assert_eq!(parameter(value, "boundary").as_deref(), expected, "{value}");
        }
        assert_eq!(head_and_content(b"a: b\r\n\r\nc"), (b"a: b\r\n".as_slice(), b"c".as_slice()));
        assert_eq!(head_and_content(b"\nc"), (b"".as_slice(), b"c".as_slice()));
        assert_eq!(head_and_content(b"a"), (b"a".as_slice(), b"".as_slice()));
    }
}
