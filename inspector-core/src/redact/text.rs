//! Running text: what of it is a secret, whatever field, member or message it is from.
//!
//! ```text
//! 2000001;reason="cannot parse Bearer 9xQ2mZ…";error_category="invalid_token"     a scheme and its credentials
//! 0;url=/x?password=Winter2026                                                      a name and its value
//! https://megan:Winter2026@mail.contoso.com/;jsessionid=9xQ2mZ7vL4kR8wT1            user information, a name
//! %7B%22access_token%22%3A%229xQ2mZ%22%7D                                           the same, encoded
//! ```
//!
//! Each detector notes the places of secrets; places that overlap are one. What is masked already is left as it is, so that
//! masking twice changes nothing.

use std::{borrow::Cow, ops::Range, sync::LazyLock};

use memchr::memmem::Finder;

use super::{
    Level, compact, encoded,
    glance::{Bytes, Signs},
    opaque, pairs, prose, schemes, shown,
};

/// Encodings inside encodings that are looked into.
pub(super) const DEPTH: usize = 4;
/// Runs of letters shorter than that, without any sign that divides a name from its value, hide nothing.
const SHORTEST_RUN: usize = 8;

/// Places of secrets in a text.
#[derive(Debug, Default)]
pub(super) struct Spots(Vec<Range<usize>>);

impl Spots {
    /// Notes one.
    pub(super) fn add(&mut self, range: Range<usize>) {
        if range.start < range.end {
            self.0.push(range);
        }
    }

    fn render(mut self, text: &str) -> Cow<'_, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        let done = masks(text);
        self.0.retain(|range| !done.iter().any(|mask| range.start < mask.end && mask.start < range.end));
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        self.0.sort_unstable_by_key(|range| (range.start, range.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut spots = self.0.into_iter().peekable();
        while let Some(Range { start, mut end }) = spots.next() {
            while let Some(next) = spots.next_if(|next| next.start <= end) {
                end = end.max(next.end);
            }
            // Ranges are found between characters; one that is not would show nothing of what is behind `done`.
            out.push_str(text.get(done..start).unwrap_or_default());
            out.push_str(&shown(text.get(start..end).unwrap_or_default()));
            done = end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// `text` with every secret in it masked, as far as `level` goes.
pub fn text(text: &str, level: Level) -> Cow<'_, str> {
    masked(text, level, DEPTH)
}

/// `text` with every compact token in it masked, and nothing else.
pub fn tokens_masked(text: &str) -> Cow<'_, str> {
    if !compact::may_hold(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut spots = Spots::default();
    tokens(text, Signs::of(text, SHORTEST_RUN), &mut spots);
    spots.render(text)
}

/// As [`text`]; `depth` encodings are undone at most.
pub(super) fn masked(text: &str, level: Level, depth: usize) -> Cow<'_, str> {
    let signs = Signs::of(text, SHORTEST_RUN);
    let has = |any| signs.has(any);
    let hides = [Signs::LONG, Signs::PAIR, Signs::PERCENT, Signs::AT, Signs::ESCAPE, Signs::UNPRINTABLE];
    if !hides.into_iter().any(has) {
        return Cow::Borrowed(text);
    }
    let escapes = has(Signs::ESCAPE) || has(Signs::UNPRINTABLE);
    if depth == DEPTH && escapes && encoded::hides_behind_characters(text, level) {
        return Cow::Owned(shown(text));
    }
    let mut spots = Spots::default();
    tokens(text, signs, &mut spots);
    if has(Signs::DASH) && has(Signs::SPACE) {
        private_keys(text, &mut spots);
    }
    if has(Signs::SLASH) && has(Signs::AT) {
        user_information(text, &mut spots);
    }
    if has(Signs::GAP) {
        schemes::find(text, level, &mut spots);
    }
    if has(Signs::PAIR) {
        pairs::find(text, level, &mut spots);
    }
    if has(Signs::SPACE) && matches!(level, Level::Prose | Level::Field) {
        prose::find(text, &mut spots);
    }
    if has(Signs::LONG) {
        words(text, level, depth, &mut spots);
    }
    spots.render(text)
}

/// Compact tokens, whole or cut, and what belongs to them in a laxer reading of base64.
fn tokens(text: &str, signs: Signs, spots: &mut Spots) {
    const LETTERS: Bytes = Bytes::letters_and(b"-_.+/=");
    if signs.has(Signs::OPENING) {
        for hit in compact::scan(text.as_bytes()) {
            spots.add(hit.range.start..lax_end(text, hit.range.end));
        }
    }
    // One that was broken over lines.
    if spots.0.is_empty() && signs.has(Signs::SPACE) && compact::is_broken_token(text) {
        spots.add(0..text.len());
    }
    if !signs.has(Signs::LONG) {
        return;
    }
    for run in runs(text, &LETTERS) {
        let word = text.get(run.clone()).unwrap_or_default();
        if word.len() < SHORTEST_RUN || !compact::may_begin(word) {
            continue;
        }
        if word.len() >= 16 && compact::begins(word.as_bytes()) && (word.contains('.') || word.len() >= 24) {
            spots.add(run);
        } else if let Some((header, _)) = word.split_once('.')
            && header.len() >= 8
            && compact::is_header(header)
        {
            spots.add(run);
        }
    }
}

/// The end of a token in text, with what can be the rest of a signature in the standard alphabet: letters behind `+`, `/`
/// or `=` that are no path.
fn lax_end(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    if !rest.starts_with(['+', '/', '=']) {
        return end;
    }
    let length = rest.bytes().position(|b| !(b.is_ascii_alphanumeric() || b"+/=-_".contains(&b))).unwrap_or(rest.len());
    let more = rest.get(..length).unwrap_or_default();
    let is_path = more.starts_with('/') && more.split('/').all(opaque::is_wordy);
    if is_path { end } else { end + length }
}

/// The content of private keys in PEM (RFC 7468), to its end or that of the text.
fn private_keys(text: &str, spots: &mut Spots) {
    static LABEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("PRIVATE KEY-----"));
    let mut from = 0;
    while let Some(at) = text.as_bytes().get(from..).and_then(|rest| LABEL.find(rest)) {
        let start = from + at + LABEL.needle().len();
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find("-----END").map_or(text.len(), |end| start + end);
        spots.add(start..end);
        from = end + usize::from(text.is_char_boundary(end + 1) && end < text.len());
        if end >= text.len() {
            break;
        }
    }
}

/// The passwords of user information (RFC 3986 §3.2.1), and a user that is a secret itself. One slash will do: paths are
/// shown with their slashes folded.
fn user_information(text: &str, spots: &mut Spots) {
    for at in memchr::memchr_iter(b'/', text.as_bytes()) {
        let start = at + 1;
        let is_authority = text.get(..at).unwrap_or_default().ends_with('/');
        let rest = text.get(start..).unwrap_or_default();
        let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\') || c.is_whitespace();
        let authority = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
        let Some((information, _)) = authority.rsplit_once('@') else { continue };
        match information.split_once(':') {
            Some((user, password)) if !is_masked(password) => {
                spots.add(start + user.len() + 1..start + information.len());
            }
            None if is_authority && opaque::is_opaque(information, Level::Field) => {
                spots.add(start..start + information.len())
            }
            _ => {}
        }
    }
}

/// Words that are secrets by their looks, or hide one in an encoding.
fn words(text: &str, level: Level, depth: usize, spots: &mut Spots) {
    const LETTERS: Bytes = Bytes::letters_and(b"-_.+/~%=");
    for run in runs(text, &LETTERS) {
        let word = text.get(run.clone()).unwrap_or_default();
        if word.len() < SHORTEST_RUN || opaque::is_uuid(word) {
            continue;
        }
        // `name=value` is two words; padding belongs to the one before it.
        let mut start = run.start;
        for piece in word.split_inclusive('=') {
            let whole = piece.len() + start;
            let ends_word = text.get(whole..run.end).unwrap_or_default().bytes().all(|byte| byte == b'=');
            let end = if ends_word { run.end } else { whole };
            word_at(text, start..end, level, depth, spots);
            start = end;
            if start >= run.end {
                break;
            }
        }
    }
}

fn word_at(text: &str, range: Range<usize>, level: Level, depth: usize, spots: &mut Spots) {
    let word = text.get(range.clone()).unwrap_or_default();
    if depth > 0 && encoded::is_percent_encoded(word) {
        // Between the escapes the letters look like none.
        if encoded::hides_by_percent(word, level, depth) {
            spots.add(range);
        }
        return;
    }
    let is_base64 = word.len() >= 12 && !word.contains(['%', '~']);
    if is_base64 && depth > 0 && encoded::hides_in_base64(word, depth) {
        return spots.add(range);
    }
    if !word.contains('/') {
        if opaque::is_opaque(word, level) {
            spots.add(range);
        }
        return;
    }
    let mut start = range.start;
    let before = spots.0.len();
    for segment in word.split('/') {
        if opaque::is_opaque(segment, level) {
            spots.add(start..start + segment.len());
        }
        start += segment.len() + 1;
    }
    let is_path =
        word.starts_with('/') || word.split('/').any(|segment| segment.len() > 3 && opaque::is_wordy(segment));
    if !is_path && (spots.0.len() > before || opaque::is_opaque(word, level)) {
        spots.add(range);
    }
}

/// Where this program's masks stand in a text, by their exact form: `***(16 bytes, sha256 1f2e3d4c5b6a7988)`.
fn masks(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, opening) in ["***(", "\u{2026}(", "\u{2026} ("].iter().flat_map(|mark| text.match_indices(mark)) {
        let inside = at + opening.len();
        let rest = text.get(inside..).unwrap_or_default();
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(behind) = [" bytes", " chars", " characters"].iter().find_map(|word| unit.strip_prefix(word)) else {
            continue;
        };
        let digest = behind.strip_prefix(", sha256 ").and_then(|digest| digest.split_at_checked(16));
        let end = match digest {
            Some((digits, end)) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => end,
            _ => behind,
        };
        if unit.len() < rest.len() && end.starts_with(')') {
            found.push(at..text.len() - end.len() + 1);
        }
    }
    found
}

/// The runs of those letters.
pub(super) fn runs<'t>(text: &'t str, letters: &'t Bytes) -> impl Iterator<Item = Range<usize>> + 't {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(|byte| letters.has(*byte))?;
        let rest = bytes.get(start..)?;
        at = start + rest.iter().position(|byte| !letters.has(*byte)).unwrap_or(rest.len());
        Some(start..at)
    })
}

/// Whether a value stands for a secret already: a mask of this program, or what a recording put in its place.
pub(super) fn is_masked(value: &str) -> bool {
    let value = value.trim();
    if value.starts_with("***(") || super::placeholder::is_redacted(value) {
        return true;
    }
    // `eyJ0…(2129 chars, …`, or what is left of it before the parenthesis.
    if let Some((start, rest)) = value.split_once('\u{2026}')
        && start.len() <= 12
        && (rest.is_empty() || rest.starts_with(['(', ' ']))
    {
        return true;
    }
    // `(29 bytes, masked)`, `(13 characters, sha256 …`.
    value.strip_prefix('(').is_some_and(|rest| {
        let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        unit.len() < rest.len()
            && (unit.is_empty() || [" bytes", " char", " byte"].iter().any(|word| unit.starts_with(word)))
    })
}
