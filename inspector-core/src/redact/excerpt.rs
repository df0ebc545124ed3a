//! Excerpts: what a report quotes of a recording.

use std::borrow::Cow;

use super::{Level, escaped, is_plain, mask, text::text};

/// Longest excerpt, in characters.
const LONGEST: usize = 300;
/// Words so long that they may be secrets.
const LONG_WORD: usize = 48;
/// Bytes of a text that can matter for its excerpt.
const WINDOW: usize = 16 << 10;

/// Text from a recording: secrets and long words are replaced by length and fingerprint, characters that are not seen by
/// their escapes, and the rest is cut at 300 characters.
pub fn excerpt(content: &str) -> String {
    let window = content.get(..content.floor_char_boundary(WINDOW)).unwrap_or(content);
    let masked = text(window, Level::Prose);
    if masked.len() < LONG_WORD && is_plain(&masked) {
        return masked.into_owned();
    }
    let mut shown = String::with_capacity(masked.len().min(LONGEST));
    let in_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'=' | b'~' | b'%');
    let mut rest: &str = &masked;
    while !rest.is_empty() && shown.len() <= LONGEST {
        let end = rest.bytes().position(|byte| !in_word(byte)).unwrap_or(rest.len());
        // A byte that is no word's ends the word at a character's boundary: words are ASCII.
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if word.len() >= LONG_WORD {
            shown.push_str(&mask(word.as_bytes()));
        } else {
            shown.push_str(word);
        }
        let mut chars = after.chars();
        if let Some(c) = chars.next() {
            shown.push_str(&escaped(c.encode_utf8(&mut [0; 4])));
        }
        rest = chars.as_str();
    }
    if shown.len() > LONGEST {
        let end = shown.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST).last().unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

/// A line that was made of masked excerpts, names and numbers, as it is shown: once more without tokens and credentials,
/// and without characters that are not seen.
pub fn shown_line(line: &str) -> Cow<'_, str> {
    match text(line, Level::Facts) {
        Cow::Borrowed(line) => escaped(line),
        Cow::Owned(line) => Cow::Owned(escaped(&line).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_long_words_do_not_show() {
        let jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhIjoxfQ.";
        let long = "a".repeat(64);
        for secret in [jwt, long.as_str()] {
            let shown = excerpt(&format!("Bearer {secret}, x"));
            assert!(!shown.contains(secret) && shown.contains("sha256"), "{shown}");
        }
        assert_eq!(
            excerpt("00000004-0000-0ff1-ce00-000000000000@contoso.com"),
            "00000004-0000-0ff1-ce00-000000000000@contoso.com"
        );
        assert_eq!(excerpt("a\u{1b}[31m\r\n\u{61c}"), "a\\u{1b}[31m\\r\\n\\u{61c}");
        assert!(excerpt(&"ab ".repeat(1000)).chars().count() <= LONGEST + 1);
        assert!(excerpt(&"é ".repeat(1000)).ends_with('…'));
    }
}
