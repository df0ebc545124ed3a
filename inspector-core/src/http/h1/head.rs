//! Header sections: where they end, what begins one, and their parts.
//!
//! Fields are parsed by `httparse`. What it refuses is read again line by line as lenient servers do, and marked:
//!
//! ```text
//! Name : value          the blank goes                               Malformed
//! Name: a CRLF SP b     one value; CR and LF of the fold become SP    ObsFold
//! Name: a CR Other: b   two fields; any other bare CR becomes SP      Malformed
//! Name                  not a field                                   Malformed
//! ```
//!
//! Apart from these replaced bytes (RFC 9112 §2.2, §5.2) a [`Head`] holds the section verbatim.

use std::ops::Range;

use httparse::{EMPTY_HEADER, Error, Header, Status};
use memchr::{memchr, memmem, memrchr};

use crate::{
    exchange::{
        Mark, Marks, Protocol,
        message::{Field, Head, Start},
    },
    flow::Side,
    limits::Limits,
    probe::Probe,
};

/// Longest method that is believed.
const METHOD: usize = 32;

/// Methods that are believed without a version (HTTP/0.9) too.
const KNOWN_METHODS: &[&[u8]] =
    &[b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT", b"PATCH"];

/// Whether a stream of bytes begins with a request: a method of letters, `-` and `_`, a blank, a target, and a version
/// at the end of the line (RFC 9112 §3); or HTTP/0.9 with a well-known method. Empty lines before it do not matter.
pub fn looks_like_request(bytes: &[u8]) -> Probe {
    let bytes = bytes.get(empty_lines(bytes)..).unwrap_or_default();
    let method =
        bytes.iter().take(METHOD + 1).take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')).count();
    if method > METHOD {
        return Probe::No;
    }
    let Some(rest) = bytes.get(method..).filter(|rest| !rest.is_empty()) else { return Probe::Likely };
    let [b' ' | b'\t', rest @ ..] = rest else { return Probe::No };
    if method == 0 {
        return Probe::No;
    }
    let Some(end) = memchr(b'\n', rest) else {
        // Control bytes in front of the line's end are no target; further on they are the parser's matter.
        let is_text = rest.iter().take(64).all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r'));
        return if is_text { Probe::Likely } else { Probe::No };
    };
    let line = rest.get(..end).unwrap_or_default();
    if version_in_request(line).is_some() {
        return Probe::Certain;
    }
    let is_known = bytes.get(..method).is_some_and(|method| KNOWN_METHODS.contains(&method));
    let target = line.trim_ascii();
    let is_target = target.starts_with(b"/") || target.starts_with(b"http://") || target.starts_with(b"HTTP/1.");
    let other_protocol = target.rsplit(|b| *b == b' ').next().is_some_and(is_other_version);
    if is_known && is_target && !other_protocol { Probe::Certain } else { Probe::No }
}

/// Whether `bytes` begin with a well-known method and a blank, or with the first letters of one.
pub(super) fn begins_known_method(bytes: &[u8]) -> bool {
    KNOWN_METHODS.iter().any(|method| match bytes.strip_prefix(*method) {
        Some(rest) => matches!(rest, [] | [b' ', ..]),
        None => method.starts_with(bytes),
    })
}

/// Whether `bytes` without a line end are a request line as far as they go: a well-known method and a target.
pub(super) fn is_cut_request_line(bytes: &[u8]) -> bool {
    let bytes = without_cut_version(bytes);
    let target = memchr(b' ', bytes).and_then(|blank| bytes.get(blank + 1..)).unwrap_or_default();
    begins_known_method(bytes) && !target.is_empty() && target.iter().all(u8::is_ascii_graphic)
}

/// `bytes` without the first letters of a version at their end.
pub(super) fn without_cut_version(bytes: &[u8]) -> &[u8] {
    let Some((before, last)) = memrchr(b' ', bytes).and_then(|blank| bytes.split_at_checked(blank)) else {
        return bytes;
    };
    if b" HTTP/1.1\r".starts_with(last) && memchr(b' ', before).is_some() { before } else { bytes }
}

/// `RTSP/1.0`, `SIP/2.0`, `ICAP/1.0`: the version of a protocol that is only like HTTP.
fn is_other_version(word: &[u8]) -> bool {
    let Some(slash) = memchr(b'/', word).filter(|slash| *slash > 0) else { return false };
    let (name, version) = word.split_at_checked(slash).unwrap_or_default();
    name != b"HTTP" && name.iter().all(u8::is_ascii_uppercase) && version.get(1).is_some_and(u8::is_ascii_digit)
}

/// Range of `HTTP/…` in a request line: the last one behind a blank and before a digit.
fn version_in_request(line: &[u8]) -> Option<Range<usize>> {
    // As nearly all lines end; nothing behind it can be a later one.
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    if matches!(text, [.., b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1']) {
        return Some(text.len().saturating_sub(8)..line.len());
    }
    let mut end = line.len();
    loop {
        let at = memmem::rfind(line.get(..end)?, b"HTTP/")?;
        let before = at.checked_sub(1).and_then(|before| line.get(before));
        let behind = line.get(at + 5);
        if matches!(before, Some(b' ' | b'\t')) && behind.is_some_and(u8::is_ascii_digit) {
            return Some(at..line.len());
        }
        end = at + 4;
    }
}

/// Whether a stream of bytes begins with a response: `HTTP/`, a version, a blank and a status of three digits
/// (RFC 9112 §4), or `ICY 200` of streaming servers. Empty lines before it do not matter.
pub fn looks_like_response(bytes: &[u8]) -> Probe {
    let bytes = bytes.get(empty_lines(bytes)..).unwrap_or_default();
    let rest = match (strip(bytes, b"HTTP/"), strip(bytes, b"ICY ")) {
        (Ok(rest), _) => {
            // A digit, and whatever damage or evasion put behind it.
            let is_version =
                |(index, byte): &(usize, &u8)| if *index == 0 { byte.is_ascii_digit() } else { !is_blank(**byte) };
            let version = rest.iter().enumerate().take(9).take_while(is_version).count();
            match rest.get(version..) {
                None | Some([]) if version < 9 => return Probe::Likely,
                Some([b' ' | b'\t', rest @ ..]) if version > 0 => rest,
                _ => return Probe::No,
            }
        }
        (_, Ok(rest)) => rest,
        (Err(Probe::Likely), _) | (_, Err(Probe::Likely)) => return Probe::Likely,
        _ => return Probe::No,
    };
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let status = rest.get(blanks..).unwrap_or_default();
    let digits = status.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    match digits {
        3 => Probe::Certain,
        _ if digits == status.len() && blanks < 64 => Probe::Likely,
        _ => Probe::No,
    }
}

fn strip<'b>(bytes: &'b [u8], prefix: &[u8]) -> Result<&'b [u8], Probe> {
    match bytes.strip_prefix(prefix) {
        Some(rest) => Ok(rest),
        None if prefix.starts_with(bytes) => Err(Probe::Likely),
        None => Err(Probe::No),
    }
}

pub(super) const fn kind(role: Side) -> Kind {
    match role {
        Side::Client => Kind::Request,
        Side::Server => Kind::Response,
    }
}

/// Whether a message begins here beyond doubt: unlike HTTP/0.9, a version tells.
pub(super) fn is_versioned(role: Side, view: &[u8]) -> bool {
    match role {
        Side::Server => looks_like_response(view) == Probe::Certain,
        Side::Client => {
            let line = memchr(b'\n', view).and_then(|end| view.get(..end)).unwrap_or(view);
            looks_like_request(view) == Probe::Certain && memmem::find(line, b" HTTP/").is_some()
        }
    }
}

/// A start line with its version; HTTP/0.9 is not looked for among other bytes.
pub(super) fn probe_versioned(role: Side, bytes: &[u8]) -> Probe {
    let probe = match role {
        Side::Client => looks_like_request(bytes),
        Side::Server => looks_like_response(bytes),
    };
    if probe == Probe::Certain && !is_versioned(role, bytes) { Probe::No } else { probe }
}

/// Length of the empty lines (any CR and LF) `bytes` begin with.
pub(super) fn empty_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
}

/// Looks for the empty line that ends a section, piece by piece and without looking at a byte twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scan {
    from: usize,
    /// A line ended in LF without CR.
    pub(super) bare_lf: bool,
}

impl Scan {
    /// The length of the section `bytes` begin with, if its end is there. `bytes` must begin with those of the last
    /// call.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(found) = memchr(b'\n', bytes.get(self.from..)?) {
            let at = self.from + found;
            let has_cr = at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\r');
            self.bare_lf |= !has_cr;
            match (bytes.get(at + 1), bytes.get(at + 2)) {
                (Some(b'\n'), _) => {
                    self.bare_lf = true;
                    return Some(at + 2);
                }
                (Some(b'\r'), Some(b'\n')) => return Some(at + 3),
                (None, _) | (Some(b'\r'), None) => {
                    self.from = at;
                    return None;
                }
                _ => self.from = at + 1,
            }
        }
        self.from = bytes.len();
        None
    }
}

/// A parsed header section.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) head: Head,
    pub(super) protocol: Protocol,
    pub(super) marks: Marks,
}

/// What kind of section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Response,
    Trailers,
}

/// Parses a whole section: `bytes` begin with its start line (or first trailer) and end behind its empty line. Of a
/// section that is cut they hold what is there.
pub(super) fn parse(bytes: &[u8], kind: Kind, bare_lf: bool, limits: &Limits) -> Parsed {
    let mut marks = Marks::default();
    if bare_lf {
        marks.add(Mark::BareLf);
    }
    let line = if kind == Kind::Trailers { 0..0 } else { line_at(bytes, 0, &mut marks) };
    let (start, protocol) = match kind {
        Kind::Request => request_line(bytes, line.clone(), &mut marks),
        Kind::Response => status_line(bytes, line.clone(), &mut marks),
        Kind::Trailers => (Start::Trailers, Protocol::Http11),
    };
    let fields_from = if kind == Kind::Trailers { 0 } else { next_line(bytes, line.end) };
    let has_version = kind != Kind::Request || has_version(bytes.get(line).unwrap_or_default());
    let head = match strict_fields(bytes, fields_from, limits) {
        Some(fields) => Head::new(bytes, start, fields),
        None => {
            let mut copy = bytes.to_vec();
            let fields = lenient_fields(&mut copy, fields_from, limits, &mut marks);
            Head::new(copy, start, fields)
        }
    };
    if !has_version && !head.fields().is_empty() {
        marks.add(Mark::Malformed);
    }
    Parsed { head, protocol, marks }
}

/// The line at `from`, without its end. A bare CR ends it if a field follows.
fn line_at(bytes: &[u8], from: usize, marks: &mut Marks) -> Range<usize> {
    let rest = bytes.get(from..).unwrap_or_default();
    let mut line = memchr(b'\n', rest).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    if let Some(without) = line.strip_suffix(b"\r") {
        line = without;
    }
    let mut searched = 0;
    while let Some(found) = memchr(b'\r', line.get(searched..).unwrap_or_default()) {
        let at = searched + found;
        marks.add(Mark::Malformed);
        if begins_field(line.get(at + 1..).unwrap_or_default()) {
            return from..from + at;
        }
        searched = at + 1;
    }
    from..from + line.len()
}

/// Where the line behind a line's `end` begins: past CR LF, LF, or a single CR that ended it.
fn next_line(bytes: &[u8], end: usize) -> usize {
    match bytes.get(end..) {
        Some([b'\r', b'\n', ..]) => end + 2,
        Some([_, ..]) => end + 1,
        _ => end,
    }
}

/// Whether `bytes` begin with a field name and a colon.
fn begins_field(bytes: &[u8]) -> bool {
    let name = bytes.iter().take_while(|byte| is_token(**byte)).count();
    name > 0 && bytes.get(name) == Some(&b':')
}

/// `tchar` of RFC 9110 §5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `range` without blanks at its ends.
fn trim(bytes: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && bytes.get(range.start).is_some_and(|byte| is_blank(*byte)) {
        range.start += 1;
    }
    while range.start < range.end && bytes.get(range.end - 1).is_some_and(|byte| is_blank(*byte)) {
        range.end -= 1;
    }
    range
}

fn narrow(range: Range<usize>) -> Range<u32> {
    u32::try_from(range.start).unwrap_or(u32::MAX)..u32::try_from(range.end).unwrap_or(u32::MAX)
}

fn request_line(bytes: &[u8], line: Range<usize>, marks: &mut Marks) -> (Start, Protocol) {
    let text = bytes.get(line.clone()).unwrap_or_default();
    let method = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    let version = version_of(text, method);
    let target_end = version.as_ref().map_or(text.len(), |version| version.start.max(method));
    let target = trim(text, method..target_end);
    let version = version.and_then(|version| text.get(version));
    let odd_target = text.get(target.clone()).unwrap_or_default().iter().any(|byte| !byte.is_ascii_graphic());
    let blanks = text.len() - method - target.len() - version.map_or(0, <[u8]>::len);
    if odd_target || target.is_empty() || blanks != if version.is_some() { 2 } else { 1 } {
        marks.add(Mark::Malformed);
    }
    let protocol = protocol_of(version.unwrap_or(b"HTTP/1.0"), marks);
    let place = |range: Range<usize>| narrow(line.start + range.start..line.start + range.end);
    (Start::Request { method: place(0..method), target: place(target), authority: None }, protocol)
}

/// Whether a request line names a version behind its target.
fn has_version(line: &[u8]) -> bool {
    version_of(line, line.iter().position(|byte| is_blank(*byte)).unwrap_or(line.len())).is_some()
}

/// Range of the version in a request line whose method ends at `method`. Without a target between them it is none.
fn version_of(line: &[u8], method: usize) -> Option<Range<usize>> {
    version_in_request(line).filter(|version| !trim(line, method..version.start).is_empty())
}

fn status_line(bytes: &[u8], line: Range<usize>, marks: &mut Marks) -> (Start, Protocol) {
    let text = bytes.get(line.clone()).unwrap_or_default();
    let version = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let blanks = text.get(version..).unwrap_or_default().iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let from = version + blanks;
    let digits = text.get(from..).unwrap_or_default().iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    let status = text.get(from..from + digits).unwrap_or_default();
    let status = status.iter().fold(0, |sum: u16, digit| sum * 10 + u16::from(digit - b'0'));
    let is_clean = blanks == 1 && digits == 3 && matches!(text.get(from + 3), None | Some(b' '));
    let reason = trim(text, from + digits..text.len());
    if !is_clean || text.contains(&0) {
        marks.add(Mark::Malformed);
    }
    let protocol = protocol_of(text.get(..version).unwrap_or_default(), marks);
    let reason = narrow(line.start + reason.start..line.start + reason.end);
    (Start::Response { status, reason }, protocol)
}

/// The protocol of a version as sent; other versions than 1.0 and 1.1 are marked and read by their numbers.
fn protocol_of(version: &[u8], marks: &mut Marks) -> Protocol {
    match version {
        b"HTTP/1.1" => return Protocol::Http11,
        b"HTTP/1.0" | b"ICY" => return Protocol::Http10,
        _ => marks.add(Mark::Malformed),
    }
    if version.starts_with(b"HTTP/0") || version.starts_with(b"HTTP/1.0") { Protocol::Http10 } else { Protocol::Http11 }
}

/// Header slots tried one after the other; most sections fit the first, which lives on the stack.
const SLOTS: usize = 32;
const MORE_SLOTS: usize = 256;

/// The fields by the grammar, or `None` if they break it (or are more than [`Limits::fields`]).
fn strict_fields(bytes: &[u8], from: usize, limits: &Limits) -> Option<Vec<Field>> {
    let section = bytes.get(from..)?;
    let mut few = [EMPTY_HEADER; SLOTS];
    match httparse::parse_headers(section, few.get_mut(..limits.fields.min(SLOTS)).unwrap_or_default()) {
        Ok(Status::Complete((_, headers))) => return ranges(bytes, headers),
        Err(Error::TooManyHeaders) => {}
        _ => return None,
    }
    more_fields(bytes, section, limits)
}

#[cold]
fn more_fields(bytes: &[u8], section: &[u8], limits: &Limits) -> Option<Vec<Field>> {
    for slots in [MORE_SLOTS.min(limits.fields), limits.fields] {
        let mut many = vec![EMPTY_HEADER; slots];
        match httparse::parse_headers(section, &mut many) {
            Ok(Status::Complete((_, headers))) => return ranges(bytes, headers),
            Err(Error::TooManyHeaders) => {}
            _ => return None,
        }
    }
    None
}

fn ranges(bytes: &[u8], headers: &[Header<'_>]) -> Option<Vec<Field>> {
    let base = bytes.as_ptr() as usize;
    let range = |part: &[u8]| {
        let start = (part.as_ptr() as usize).checked_sub(base)?;
        Some(narrow(trim(bytes, start..start.checked_add(part.len())?)))
    };
    let mut fields = Vec::with_capacity(headers.len());
    for header in headers {
        // An empty value's pointer need not lie in the section.
        let value = if header.value.is_empty() { 0..0 } else { range(header.value)? };
        fields.push(Field { name: range(header.name.as_bytes())?, value });
    }
    Some(fields)
}

/// The fields of a section that breaks the grammar. Folds and bare CR in `bytes` are replaced by blanks.
fn lenient_fields(bytes: &mut [u8], from: usize, limits: &Limits, marks: &mut Marks) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    // Whether the line before was a field, so that a fold belongs to it.
    let mut foldable = false;
    // The end of that line. What a fold adds is looked at by itself: a value of many folds is walked once.
    let mut line_before = from;
    let mut at = from;
    while at < bytes.len() {
        let line = line_at(bytes, at, marks);
        let next = next_line(bytes, line.end);
        if line.is_empty() && !matches!(bytes.get(at), Some(b'\r')) || line.is_empty() && next >= bytes.len() {
            break;
        }
        let is_fold = matches!(bytes.get(at), Some(b' ' | b'\t')) && at > from;
        let is_full = fields.len() >= limits.fields;
        match fields.last_mut() {
            Some(last) if is_fold && foldable => {
                marks.add(Mark::ObsFold);
                blank(bytes, line_before..line.end);
                let more = trim(bytes, at..line.end);
                if !more.is_empty() {
                    let start = if last.value.is_empty() { more.start } else { last.value.start as usize };
                    last.value = narrow(start..more.end);
                }
            }
            _ if is_full => {
                marks.add(Mark::Malformed);
                marks.add(Mark::HeadCut);
                break;
            }
            _ => {
                foldable = false;
                if is_fold {
                    marks.add(Mark::Malformed);
                } else if let Some(field) = lenient_field(bytes, line.clone(), marks) {
                    fields.push(field);
                    foldable = true;
                }
            }
        }
        line_before = line.end;
        at = next.max(at + 1);
    }
    fields
}

fn lenient_field(bytes: &mut [u8], line: Range<usize>, marks: &mut Marks) -> Option<Field> {
    let text = bytes.get(line.clone())?;
    let Some(colon) = memchr(b':', text) else {
        marks.add(Mark::Malformed);
        return None;
    };
    let name = trim(bytes, line.start..line.start + colon);
    let is_name = bytes.get(name.clone()).is_some_and(|name| name.iter().all(|byte| is_token(*byte)));
    let value = line.start + colon + 1..line.end;
    let is_value = bytes
        .get(value.clone())
        .is_some_and(|value| value.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || *byte == b'\t'));
    if !is_name || !is_value || name != (line.start..line.start + colon) {
        marks.add(Mark::Malformed);
    }
    if name.is_empty() {
        return None;
    }
    blank(bytes, value.clone());
    Some(Field { name: narrow(name), value: narrow(trim(bytes, value)) })
}

/// Replaces CR and LF by blanks.
fn blank(bytes: &mut [u8], range: Range<usize>) {
    for byte in bytes.get_mut(range).unwrap_or_default() {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
}
