//! What a line of a transcript is, and where a content ends.

use std::net::SocketAddr;

use memchr::{memchr, memmem};

use crate::{
    evidence::Endpoint,
    exchange::{Protocol, Scheme, message::Head},
};

/// A start line longer than this does not end the content before it, in bytes.
const START_LINE: usize = 64 << 10;
/// Longest line that tells a chunk's size.
const CHUNK_LINE: usize = 256;

/// The first line without its end, and what follows.
pub(super) fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text).unwrap_or(text.len());
    let (line, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..).unwrap_or_default())
}

/// curl's mark of a header line (`>` sent, `<` received), and the line without it.
pub(super) fn unmarked(line: &[u8]) -> (Option<u8>, &[u8]) {
    match line {
        [mark @ (b'>' | b'<'), b' ', rest @ ..] => (Some(*mark), rest),
        [mark @ (b'>' | b'<')] => (Some(*mark), b""),
        _ => (None, line),
    }
}

/// `POST /ews HTTP/1.1`: method, target and version. An absolute URL may stand without version.
pub(super) fn request_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let (method, target) = (words.next()?, words.next()?);
    let is_method = method.len() >= 3
        && method.first().is_some_and(u8::is_ascii_uppercase)
        && method.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    let version = match words.next() {
        Some(version) => {
            version.strip_prefix(b"HTTP/").filter(|digits| digits.first().is_some_and(u8::is_ascii_digit))?
        }
        None => scheme(target).map(|_| &b"1.1"[..])?,
    };
    (is_method && words.next().is_none()).then_some((method, target, version))
}

/// `HTTP/1.1 401 Unauthorized`: version, status and reason.
pub(super) fn status_line(line: &[u8]) -> Option<(&[u8], u16, &[u8])> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let (version, rest) = rest.split_at_checked(memchr(b' ', rest)?)?;
    let rest = rest.trim_ascii();
    let (status, reason) = rest.split_at_checked(3)?;
    let is_alone = reason.first().is_none_or(|byte| *byte == b' ');
    let status = std::str::from_utf8(status).ok()?.parse().ok().filter(|status| (100..=999).contains(status))?;
    (is_alone && version.first()?.is_ascii_digit()).then_some((version, status, reason.trim_ascii()))
}

pub(super) fn is_start_line(line: &[u8]) -> bool {
    status_line(line).is_some() || request_line(line).is_some()
}

/// `# @time 2026-01-01T00:00:00Z`: name and value of a fact.
pub(super) fn fact(line: &[u8]) -> Option<(&str, &str)> {
    let comment = line.strip_prefix(b"#").or_else(|| line.strip_prefix(b"//"))?;
    let text = std::str::from_utf8(comment).ok()?.trim().strip_prefix('@')?;
    let (name, value) = text.split_once([' ', '\t'])?;
    matches!(name, "time" | "scheme" | "client" | "server" | "notes" | "lost").then_some((name, value.trim()))
}

/// A line that may stand between messages: blank, a comment, or curl's account of its progress.
pub(super) fn is_beside(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty()
        || matches!(line, b">" | b"<")
        || [&b"#"[..], b"//", b"*", b"{ [", b"} [", b"%", b"Dload"].iter().any(|start| line.starts_with(start))
        || line.iter().all(|byte| matches!(byte, b'0'..=b'9' | b' ' | b':' | b'-' | b'.' | b'k' | b'M'))
}

/// Whether this is a line of curl's own: what it does, or how much data came.
pub(super) fn is_report(line: &[u8]) -> bool {
    [&b"* "[..], b"{ [", b"} ["].iter().any(|start| line.starts_with(start))
}

/// Whether this line ends the content before it.
fn ends_content(line: &[u8], mark: Option<u8>) -> bool {
    if line.starts_with(b"###") || fact(line).is_some() {
        return true;
    }
    match mark {
        None => is_start_line(line),
        Some(_) => is_report(line) || unmarked(line).0.is_some(),
    }
}

/// Whether nothing, or something that ends a content, stands at `at`, blank lines and comments aside. A message may
/// follow on the same line.
pub(super) fn is_boundary(text: &[u8], at: usize, mark: Option<u8>) -> bool {
    let Some((before, after)) = text.split_at_checked(at) else { return false };
    let mut after = after.get(..START_LINE).unwrap_or(after);
    let mut begins_line = before.last().is_none_or(|byte| *byte == b'\n') || matches!(after, [b'\r' | b'\n', ..]);
    loop {
        after = after.trim_ascii_start();
        let (line, later) = first_line(after);
        if after.is_empty() || is_start_line(line) || (begins_line || mark.is_some()) && ends_content(line, mark) {
            return true;
        }
        if !begins_line || !(line.starts_with(b"#") || line.starts_with(b"//")) {
            return false;
        }
        after = later;
        begins_line = true;
    }
}

/// Length of what stands before the next line that ends a content.
pub(super) fn next_boundary(text: &[u8], mark: Option<u8>) -> usize {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, later) = first_line(rest);
        if ends_content(line, mark) {
            break;
        }
        rest = later;
    }
    text.len() - rest.len()
}

/// The last delimiter of a multipart content (RFC 2046 §5.1.1). Its parts can hold start lines.
pub(super) fn last_delimiter(head: &Head) -> Option<String> {
    let kind = head.text("content-type").filter(|kind| kind.to_ascii_lowercase().starts_with("multipart/"))?;
    let at = kind.to_ascii_lowercase().find("boundary=")?;
    let boundary = kind.get(at + "boundary=".len()..)?.split(';').next()?.trim().trim_matches('"');
    Some(format!("--{boundary}--"))
}

/// A content without curl's report that follows it on the same line.
pub(super) fn without_report(content: &[u8], mark: Option<u8>) -> &[u8] {
    const REPORTS: [&[u8]; 2] = [b"* Connection #", b"* Closing connection"];
    let report = mark.and_then(|_| REPORTS.iter().filter_map(|report| memmem::rfind(content, report)).min());
    report.and_then(|at| content.get(..at)).unwrap_or(content)
}

/// The size of the chunk that begins here, and what follows its line.
pub(super) fn chunk_size(text: &[u8]) -> Option<(usize, &[u8])> {
    let (line, _) = first_line(text.get(..CHUNK_LINE).unwrap_or(text));
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((size, first_line(text).1))
}

/// Undoes the chunked coding (RFC 9112 §7.1): the first `most` bytes of the content, its length, and how many bytes it took.
/// `None` if it is not in it.
pub(super) fn dechunked(text: &[u8], most: usize) -> Option<(Vec<u8>, usize, usize)> {
    let mut content = Vec::new();
    let mut length = 0;
    let mut rest = text;
    loop {
        let (size, data) = chunk_size(rest)?;
        if size == 0 {
            let (trailer, after) = first_line(data);
            return trailer.is_empty().then(|| (content, length, text.len() - after.len()));
        }
        let (chunk, after) = data.split_at_checked(size)?;
        let room = most.saturating_sub(content.len());
        content.extend_from_slice(chunk.get(..room).unwrap_or(chunk));
        length += chunk.len();
        let (end, later) = first_line(after);
        if !end.is_empty() {
            return None;
        }
        rest = later;
    }
}

pub(super) fn protocol(version: &[u8]) -> Protocol {
    match version {
        b"1.0" | b"0.9" => Protocol::Http10,
        [b'2', ..] => Protocol::H2,
        [b'3', ..] => Protocol::H3,
        _ => Protocol::Http11,
    }
}

/// The scheme of an absolute target.
pub(super) fn scheme(target: &[u8]) -> Option<Scheme> {
    let is = |scheme: &[u8]| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    if is(b"http://") {
        return Some(Scheme::Http);
    }
    is(b"https://").then_some(Scheme::Https)
}

/// `192.0.2.1:443`, or an address alone.
pub(super) fn endpoint(text: &str) -> Option<Endpoint> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Some(Endpoint { address: both.ip(), port: both.port() });
    }
    Some(Endpoint { address: text.parse().ok()?, port: 0 })
}

/// A content without the line ends behind it.
pub(super) fn without_line_ends(content: &[u8]) -> &[u8] {
    let kept = content.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    content.get(..kept).unwrap_or_default()
}
