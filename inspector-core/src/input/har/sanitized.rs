//! How exporters and sanitisers leave their traces.
//!
//! Chrome and Edge from 130 on export without `Authorization`, `Cookie` and `Set-Cookie` unless asked otherwise, and say
//! so nowhere: their creator stays `WebInspector 537.36`. Other sanitisers (Cloudflare's, Google's, Okta's) put a
//! placeholder in the place of a value: `[authorization redacted]`, `eyJ….eyJ….redacted`, `***`. A recording of either
//! kind says nothing about what credentials were sent.

use std::sync::LazyLock;

use memchr::{
    memchr, memchr2_iter,
    memmem::{self, Finder},
    memrchr2,
};

/// First version of Chrome that strips credentials from its exports.
const FIRST_STRIPPING_CHROME: u32 = 130;

/// A placeholder stands within so many bytes of a value's start or end; the middle of a long value is not searched.
const PLACEHOLDER: usize = 128;

/// The word placeholders in texts end with, before a bracket.
static REDACTED: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["redacted", "REDACTED"].map(Finder::new));

/// What one entry tells about its exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traces {
    /// A field that a stripping exporter would have left out is there.
    pub(crate) credentials: bool,
    /// Version of Chrome that the request names.
    pub(crate) chrome: Option<u32>,
    /// A placeholder stands in the place of a value.
    pub(crate) placeholder: bool,
}

impl Traces {
    /// Looks at a field.
    pub(crate) fn see_field(&mut self, name: &[u8], value: &[u8]) {
        if is_stripped(name) {
            self.credentials = true;
        }
        if is_secret(name) {
            self.placeholder |= is_placeholder(value);
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            self.chrome = self.chrome.or_else(|| chrome_version(value));
        } else {
            self.placeholder |= has_suffix(value, b"redacted]");
        }
    }

    /// Looks at a URL, a form or a JSON document.
    pub(crate) fn see_text(&mut self, text: &[u8]) {
        self.placeholder |= REDACTED.iter().any(|word| {
            word.find_iter(text).any(|at| {
                let end = text.get(at + word.needle().len()..).unwrap_or_default();
                end.starts_with(b"]") || end.starts_with(b"%5D")
            })
        });
    }
}

/// The traces of a whole recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    entries: u64,
    all: Traces,
    /// The creator is Chrome's or Edge's developer tools.
    pub(crate) devtools: bool,
}

impl Summary {
    /// Adds an entry.
    pub(crate) fn add(&mut self, traces: Traces) {
        self.entries += 1;
        self.all.credentials |= traces.credentials;
        self.all.placeholder |= traces.placeholder;
        self.all.chrome = self.all.chrome.or(traces.chrome);
    }

    /// How it was told that the recording is sanitised, if it is.
    pub(crate) fn verdict(&self) -> Option<&'static str> {
        if self.all.placeholder {
            return Some("values were replaced by placeholders such as [REDACTED]");
        }
        if self.entries == 0 || !self.devtools || self.all.credentials {
            return None;
        }
        match self.all.chrome {
            Some(version) if version >= FIRST_STRIPPING_CHROME => {
                Some("Chrome's default export: no entry has Authorization, Cookie or Set-Cookie")
            }
            Some(_) => None,
            None => {
                Some("an export of Chrome's developer tools where no entry has Authorization, Cookie or Set-Cookie")
            }
        }
    }
}

/// Fields that a stripping export leaves out.
fn is_stripped(name: &[u8]) -> bool {
    [&b"authorization"[..], b"cookie", b"set-cookie"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Fields whose whole value is a secret.
fn is_secret(name: &[u8]) -> bool {
    is_stripped(name)
        || [&b"proxy-authorization"[..], b"x-auth-token", b"x-access-token", b"x-api-key", b"x-csrf-token"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a secret's value is one no server would take: a placeholder, or masked by asterisks.
fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 7] =
        [b"removed", b"masked", b"sanitized", b"sanitised", b"filtered", b"hidden", b"obfuscated"];
    let value = value.trim_ascii();
    if value.len() > 2 * PLACEHOLDER {
        let (start, end) = value.split_at_checked(value.len() - PLACEHOLDER).unwrap_or((value, b""));
        return is_placeholder(start.get(..PLACEHOLDER).unwrap_or_default()) || is_placeholder(end);
    }
    // Behind the scheme, or behind a cookie's name.
    let last = memrchr2(b' ', b'=', value).and_then(|at| value.get(at + 1..)).unwrap_or(value);
    let word = last.trim_ascii().strip_suffix(b";").unwrap_or(last);
    let word = unbracketed(unbracketed(word));
    // This program's marks tell what stood there (`redact::mark`).
    let is_mark = |at: usize| {
        value
            .get(at + 8..at + 24)
            .is_some_and(|digits| digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    };
    let stands_at =
        |at: usize| value.get(at..at + 8).is_some_and(|part| part.eq_ignore_ascii_case(b"redacted")) && !is_mark(at);
    memchr2_iter(b'r', b'R', value).any(stands_at)
        || (memchr(b'*', value).is_some() && value.windows(3).any(|part| part == b"***"))
        || WORDS.iter().any(|known| word.eq_ignore_ascii_case(known))
        || (word.len() >= 3 && word.iter().all(|byte| matches!(byte, b'x' | b'X')))
}

fn unbracketed(word: &[u8]) -> &[u8] {
    match word {
        [b'[' | b'<' | b'(' | b'{' | b'"', inside @ .., b']' | b'>' | b')' | b'}' | b'"'] => inside,
        _ => word,
    }
}

fn has_suffix(value: &[u8], suffix: &[u8]) -> bool {
    value
        .len()
        .checked_sub(suffix.len())
        .and_then(|at| value.get(at..))
        .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// `130` of `… Chrome/130.0.0.0 Safari/537.36`.
fn chrome_version(user_agent: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"Chrome/";
    let version = user_agent.get(memmem::find(user_agent, NAME)? + NAME.len()..)?;
    let digits = version.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(version.get(..digits)?).ok()?.parse().ok()
}
