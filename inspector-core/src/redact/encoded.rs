//! Secrets behind an encoding: percent, base64, escapes of JSON and XML, UTF-16, characters that are not seen.
//!
//! What is decoded cannot be told in the places of the text it came from, so that a word which hides a secret is masked as
//! a whole.

use std::borrow::Cow;

use super::{Level, glance::Bytes, invisible::is_invisible, text::masked};
use crate::encoding::{base64, percent};

/// Times percent-encoding is undone.
const ROUNDS: usize = 3;
/// Longest base64 that is decoded, in characters.
const LONGEST: usize = 16 << 10;

/// Whether there is an escape in a word.
pub(super) fn is_percent_encoded(word: &str) -> bool {
    word.contains('%') && *percent::bytes(word.as_bytes()) != *word.as_bytes()
}

/// Whether a percent-encoded word hides a secret.
pub(super) fn hides_by_percent(word: &str, level: Level, depth: usize) -> bool {
    let mut decoded = Cow::Borrowed(word);
    for _ in 0..ROUNDS {
        let again = percent::decode(decoded.as_bytes()).into_owned();
        if again == *decoded {
            return false;
        }
        // The next round undoes what is encoded twice.
        if is_hiding(&again, level, depth.saturating_sub(1)) {
            return true;
        }
        decoded = Cow::Owned(again);
    }
    // So often encoded text hides something.
    decoded.contains('%')
}

/// Whether a word is the base64 of text with a secret in it, or of `user:password`.
pub(super) fn hides_in_base64(word: &str, depth: usize) -> bool {
    if word.len() > LONGEST || word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte == b'.') {
        return false;
    }
    if !opens_text(word) {
        return false;
    }
    let Some(bytes) = base64::decode(word).map(|decoded| decoded.bytes) else { return false };
    let Some(text) = readable(&bytes) else { return false };
    // SASL PLAIN: `NUL user NUL password`.
    let parts = text.split('\0').count();
    let is_pair = |text: &str| {
        text.split_once(':').is_some_and(|(user, password)| {
            !user.is_empty()
                && !password.is_empty()
                && !password.starts_with("//")
                && !text.contains(char::is_whitespace)
        })
    };
    parts == 3 || is_pair(text.trim()) || is_hiding(&text, Level::Prose, depth)
}

/// Whether the first three bytes that base64 stands for can be of text: most words are no base64 of any.
fn opens_text(word: &str) -> bool {
    const LETTERS: Bytes = Bytes::letters_and(b"+/-_=");
    let Some([a, b, c, d]) = word.as_bytes().first_chunk() else { return false };
    let (Some(a), Some(b), Some(c), Some(d)) = (value(*a), value(*b), value(*c), value(*d)) else { return false };
    let is_text = |byte: u32| {
        let byte = (byte & 0xff) as u8;
        !byte.is_ascii_control() || matches!(byte, 0 | b'\n' | b'\r' | b'\t')
    };
    let bits = a << 18 | b << 12 | c << 6 | d;
    is_text(bits >> 16) && is_text(bits >> 8) && is_text(bits) && word.bytes().all(|byte| LETTERS.has(byte))
}

/// The six bits a base64 letter of either alphabet stands for.
const fn value(letter: u8) -> Option<u32> {
    Some(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

/// The text that bytes are, in UTF-8 or UTF-16; `None` if they are none.
fn readable(bytes: &[u8]) -> Option<String> {
    if bytes.len() < 4 {
        return None;
    }
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\0'));
    let zeros = |at: usize| bytes.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count() * 3 > bytes.len();
    if zeros(0) || zeros(1) {
        let little = zeros(1);
        let units = bytes.chunks_exact(2).map(|two| match two {
            [a, b] if little => u16::from_le_bytes([*a, *b]),
            [a, b] => u16::from_be_bytes([*a, *b]),
            _ => 0,
        });
        return String::from_utf16(&units.collect::<Vec<_>>()).ok().filter(|text| is_text(text));
    }
    std::str::from_utf8(bytes).ok().filter(|text| is_text(text)).map(str::to_owned)
}

/// Whether a text hides a secret by escapes of JSON or XML, or by characters between its letters that are not seen.
pub(super) fn hides_behind_characters(text: &str, level: Level) -> bool {
    let escapes = text.contains("\\u00") || text.contains("\\x") || text.contains("&#") || text.contains("&quot;");
    let invisible = !super::invisible::is_plain(text) && text.chars().any(is_invisible);
    if !escapes && !invisible {
        return false;
    }
    let depth = super::text::DEPTH - 1;
    let seen = masked(text, level, depth);
    let mut plain = text.to_owned();
    if invisible {
        plain.retain(|c| !is_invisible(c) || c == '\n' || c == '\t');
    }
    if escapes {
        plain = unescaped(&plain);
    }
    // A secret that is found as it stands is masked where it stands.
    matches!(seen, Cow::Borrowed(_)) && is_hiding(&plain, level, depth)
}

fn is_hiding(text: &str, level: Level, depth: usize) -> bool {
    matches!(masked(text, level, depth.saturating_sub(1)), Cow::Owned(_))
}

/// Undoes `\u0065`, `\x65`, `&#101;`, `&#x65;` and `&quot;`.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (found, length) = escape(rest).unwrap_or((c, c.len_utf8()));
        out.push(found);
        rest = rest.get(length..).unwrap_or_default();
    }
    out
}

fn escape(text: &str) -> Option<(char, usize)> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    if let Some(rest) = text.strip_prefix("\\u") {
        return Some((number(rest.get(..4)?, 16)?, 6));
    }
    if let Some(rest) = text.strip_prefix("\\x") {
        return Some((number(rest.get(..2)?, 16)?, 4));
    }
    if text.starts_with("&quot;") {
        return Some(('"', 6));
    }
    let rest = text.strip_prefix("&#")?;
    let end = rest.find(';').filter(|end| *end <= 8)?;
    let digits = rest.get(..end)?;
    let c = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => number(digits, 16)?,
        None => number(digits, 10)?,
    };
    Some((c, end + 3))
}
