//! Text with other secrets in it: transcripts, and every export that is text.
//!
//! Lines that look like fields are read as such, whatever stands in front of them (`> Cookie: …`); everything else is running
//! text. Lengths stay, so that what counts bytes still does.

use std::{borrow::Cow, ops::Range};

use super::Redactor;
use crate::redact::Level;

/// Longest line that is taken for a field, in bytes.
const LONGEST_NAME: usize = 64;
/// Bytes of lines that are looked at together: a secret of several lines does not reach further.
const BLOCK: usize = 256 << 10;

/// Rewrites a text.
pub fn rewrite(bytes: &[u8], redactor: &mut Redactor) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut running: &[u8] = b"";
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', bytes.get(at..).unwrap_or_default()).map_or(bytes.len(), |end| at + end + 1);
        let line = bytes.get(at..end).unwrap_or_default();
        let field = field(line);
        let target = target(line);
        if field.is_some() || target.is_some() || end - start > BLOCK {
            running = bytes.get(start..at).unwrap_or_default();
            out.extend(flushed(running, redactor));
            start = at;
        }
        if let Some((name, value)) = field {
            let from = line.len() - value.len();
            let body = value.strip_suffix(b"\n").unwrap_or(value);
            let body = body.strip_suffix(b"\r").unwrap_or(body);
            let after = value.get(body.len()..).unwrap_or_default();
            let before = line.get(..from).unwrap_or_default();
            out.extend_from_slice(before);
            out.extend(redactor.bytes(body, &mut |it, text| it.field(&name, text)));
            out.extend_from_slice(after);
            start = end;
        }
        if let Some(range) = target {
            out.extend_from_slice(line.get(..range.start).unwrap_or_default());
            out.extend(redactor.bytes(line.get(range.clone()).unwrap_or_default(), &mut |it, text| it.url(text)));
            out.extend_from_slice(line.get(range.end..).unwrap_or_default());
            start = end;
        }
        at = end;
    }
    running = bytes.get(start..).unwrap_or(running);
    out.extend(flushed(running, redactor));
    out
}

fn flushed(bytes: &[u8], redactor: &mut Redactor) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    redactor.bytes(bytes, &mut |it, text| -> Cow<'_, str> { it.text(text, Level::Prose) })
}

/// The target of a line that is a request's start line, or the reason of a status line: the rest of both is no secret.
fn target(line: &[u8]) -> Option<Range<usize>> {
    let mark = if line.starts_with(b"> ") || line.starts_with(b"< ") { 2 } else { 0 };
    let text = line.get(mark..)?.trim_ascii_end();
    let is_version = |word: &[u8]| word.starts_with(b"HTTP/") && word.len() <= 8;
    let first = memchr::memchr(b' ', text)?;
    if is_version(text.get(..first)?) {
        let reason = memchr::memchr(b' ', text.get(first + 1..)?).map_or(text.len(), |at| first + 1 + at);
        return Some(mark + reason..mark + text.len());
    }
    let last = memchr::memrchr(b' ', text)?;
    let is_method = text.get(..first)?.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    (first < last && is_method && is_version(text.get(last + 1..)?)).then(|| mark + first + 1..mark + last)
}

/// Name and value of a line that is a field.
fn field(line: &[u8]) -> Option<(String, &[u8])> {
    let marked = line.strip_prefix(b"> ").or_else(|| line.strip_prefix(b"< ")).unwrap_or(line);
    let colon = memchr::memchr(b':', marked.get(..LONGEST_NAME.min(marked.len()))?)?;
    let name = marked.get(..colon)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(byte);
    if name.is_empty() || !name.iter().all(is_token) || !name.first()?.is_ascii_alphabetic() {
        return None;
    }
    let value = marked.get(colon + 1..)?;
    // `https://…` is none.
    if value.starts_with(b"//") {
        return None;
    }
    Some((String::from_utf8_lossy(name).into_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_running_text() {
        let text = "> POST /token?code=9xQ2mZ7vL4kR8wT1 HTTP/1.1\r\n> Host: h\r\n> Cookie: sid=abcdefgh; x=y\r\n>\r\ngrant_type=password&password=Winter2026!\nHTTP/1.1 200 OK\nSet-Cookie: id=qwertz123\n\n{\"access_token\":\"9xQ2mZ7vL4kR8wT1zz\"}";
        let mut redactor = Redactor::default();
        let new = String::from_utf8(rewrite(text.as_bytes(), &mut redactor)).unwrap();
        assert_eq!(new.len(), text.len());
        for secret in ["9xQ2mZ7v", "abcdefgh", "=y", "Winter2026", "qwertz123"] {
            assert!(!new.contains(secret), "{secret}: {new}");
        }
        for kept in ["> POST /token?code=", "> Host: h\r\n", "grant_type=password&password=", "Set-Cookie: id="] {
            assert!(new.contains(kept), "{kept}: {new}");
        }
        assert_eq!(rewrite(new.as_bytes(), &mut redactor), new.as_bytes());
        let binary = [b"\x00\xff Authorization: Basic dXNlcjpwYXNzd29yZA==\n".as_slice(), &[0xfe; 40]].concat();
        assert_eq!(rewrite(&binary, &mut redactor).len(), binary.len());
    }
}
