//! Where a message ends (RFC 9112 §6.3), from its header section.
//!
//! What contradicts itself is read as most servers and Wireshark do, and marked [`Mark::AmbiguousLength`]:
//!
//! | fields | reading |
//! |---|---|
//! | `Transfer-Encoding` ends in `chunked`, and `Content-Length` | chunked, if the content begins with a clean chunk size; else the length |
//! | `chunked` not last, misspelt (`xchunked`, `chunked;`), or in HTTP/1.0 | the same |
//! | `Transfer-Encoding` of other codings only | `Content-Length`, else to the end |
//! | several different `Content-Length` | the last that is a number |
//! | `Content-Length` with text behind the digits (`68.9`, `68;`) | the digits |
//! | `Content-Length` without digits, or beyond 64 bits | as if absent |
//! | content announced with 204 | none |

use super::head::Parsed;
use crate::{
    exchange::{Mark, Marks, Protocol, message::Head},
    http::content::contains_chunked,
};

/// How the end of a content is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(u64),
    /// At the last chunk. If the content does not begin with a chunk, `or` holds.
    Chunked {
        /// Only a clean chunk size is believed.
        strict: bool,
        /// What else the fields say.
        or: Plain,
    },
    /// At the end of the stream.
    Close,
}

/// A [`Framing`] without chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    None,
    Length(u64),
    Close,
}

impl From<Plain> for Framing {
    fn from(plain: Plain) -> Self {
        match plain {
            Plain::None | Plain::Length(0) => Self::None,
            Plain::Length(length) => Self::Length(length),
            Plain::Close => Self::Close,
        }
    }
}

/// What a response's framing depends on besides itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Method {
    /// `HEAD`: the response has no content.
    Head,
    /// `CONNECT`: a 2xx response ends HTTP.
    Connect,
    /// Any other, or the request is unknown.
    #[default]
    Other,
}

impl Method {
    pub(super) fn of(head: &Head) -> Self {
        match head.method() {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Framing of a request. One without length has no content, except that of HTTP/1.0's `POST` and `PUT`, which lasts
/// until the connection ends unless it is kept alive.
pub(super) fn of_request(parsed: &mut Parsed) -> Framing {
    if Method::of(&parsed.head) == Method::Connect {
        return Framing::None;
    }
    let is_kept_alive = |head: &Head| {
        head.values("connection").chain(head.values("proxy-connection")).any(|value| has_word(value, b"keep-alive"))
    };
    let needs_length = parsed.protocol == Protocol::Http10 && matches!(parsed.head.method(), b"POST" | b"PUT");
    let without = if needs_length && !is_kept_alive(&parsed.head) { Plain::Close } else { Plain::None };
    by_fields(parsed, without)
}

/// Framing of a final response.
pub(super) fn of_response(parsed: &mut Parsed, method: Method) -> Framing {
    let status = parsed.head.status().unwrap_or_default();
    if method == Method::Head || status == 304 || (100..200).contains(&status) {
        return Framing::None;
    }
    if status == 204 {
        if content_length(&parsed.head, &mut parsed.marks).is_some_and(|length| length > 0) {
            parsed.marks.add(Mark::AmbiguousLength);
        }
        return Framing::None;
    }
    by_fields(parsed, Plain::Close)
}

fn by_fields(parsed: &mut Parsed, without: Plain) -> Framing {
    let length = content_length(&parsed.head, &mut parsed.marks).map(Plain::Length);
    let (strict, is_clean) = match transfer(&parsed.head) {
        Transfer::None => return length.unwrap_or(without).into(),
        Transfer::Other => {
            parsed.marks.add(Mark::AmbiguousLength);
            return length.unwrap_or(without).into();
        }
        Transfer::Chunked => (false, true),
        Transfer::ChunkedAfterUnknown => (false, false),
        Transfer::Misspelt => (true, false),
    };
    let is_ambiguous = length.is_some() || parsed.protocol == Protocol::Http10;
    if is_ambiguous || !is_clean {
        parsed.marks.add(Mark::AmbiguousLength);
    }
    Framing::Chunked { strict: strict || is_ambiguous, or: length.unwrap_or(without) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transfer {
    /// No coding, or `identity` only.
    None,
    /// `chunked`, last and once, after known codings only.
    Chunked,
    /// `chunked` last, after something else.
    ChunkedAfterUnknown,
    /// Something with `chunked` in it.
    Misspelt,
    /// Codings that are not chunked.
    Other,
}

fn transfer(head: &Head) -> Transfer {
    let mut found = Transfer::None;
    let members = head.values("transfer-encoding").flat_map(|value| value.split(|byte| *byte == b','));
    for member in members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty()) {
        let is = |name: &[u8]| member.eq_ignore_ascii_case(name);
        found = if is(b"chunked") {
            match found {
                Transfer::None => Transfer::Chunked,
                Transfer::Other if only_known_codings(head) => Transfer::Chunked,
                _ => Transfer::ChunkedAfterUnknown,
            }
        } else if contains_chunked(member) {
            Transfer::Misspelt
        } else {
            match found {
                found @ Transfer::None if is(b"identity") => found,
                Transfer::None | Transfer::Other => Transfer::Other,
                _ => Transfer::Misspelt,
            }
        };
    }
    found
}

/// Whether all members before `chunked` compress, as RFC 9112 §7.2 knows them.
fn only_known_codings(head: &Head) -> bool {
    let known = [b"gzip".as_slice(), b"x-gzip", b"deflate", b"compress", b"x-compress", b"chunked", b"identity"];
    let mut members = head.values("transfer-encoding").flat_map(|value| value.split(|byte| *byte == b','));
    members.all(|member| known.iter().any(|name| member.trim_ascii().eq_ignore_ascii_case(name)))
}

/// The content's length as the fields have it; contradictions are marked.
fn content_length(head: &Head, marks: &mut Marks) -> Option<u64> {
    let mut found = None;
    for value in head.values("content-length") {
        for member in value.split(|byte| *byte == b',') {
            let member = member.trim_ascii();
            let digits = member.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let number = member.get(..digits).and_then(parse_digits);
            if digits != member.len() || number.is_none() || found.is_some_and(|found| Some(found) != number) {
                marks.add(Mark::AmbiguousLength);
            }
            found = number.or(found);
        }
    }
    found
}

fn parse_digits(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0'))))
}

/// Whether a comma-separated list has the word, letter case aside.
pub(super) fn has_word(list: &[u8], word: &[u8]) -> bool {
    list.split(|byte| *byte == b',').any(|member| member.trim_ascii().eq_ignore_ascii_case(word))
}
