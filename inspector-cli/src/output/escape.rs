//! Bytes of a recording never reach a terminal as they are.
//!
//! A header can hold escape sequences that recolour, retitle or rewrite a terminal, or bidirectional marks that turn
//! text around. Every character that is not seen as it is (`is_invisible`) is shown as its escape.

use std::borrow::Cow;

pub(crate) use inspector_core::redact::is_invisible as is_harmful;
use inspector_core::redact::{escaped, escaped_where};

/// Text for one line: control characters (line ends too), invisible and bidirectional marks become escapes.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text)
}

/// Text of several lines: line feeds stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped_where(text, |c| c != '\n' && is_harmful(c))
}

/// At most `width` characters of a line, the last one an ellipsis if it is longer.
pub(crate) fn fitted(text: &str, width: usize) -> String {
    let text = line(text);
    if text.chars().count() <= width {
        return text.into_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// At most `width` characters of a line, with an ellipsis in the middle if it is longer: both ends tell something.
pub(crate) fn middle(text: &str, width: usize) -> String {
    let text = line(text);
    let length = text.chars().count();
    if length <= width {
        return text.into_owned();
    }
    let room = width.saturating_sub(1);
    let tail = room / 2;
    let mut out: String = text.chars().take(room - tail).collect();
    out.push('…');
    out.extend(text.chars().skip(length - tail));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_unescaped() {
        assert_eq!(line("a\u{1b}[31mb\r\n\u{9b}2J\u{202e}c"), "a\\u{1b}[31mb\\r\\n\\u{9b}2J\\u{202e}c");
        assert_eq!(lines("a\nb\tc"), "a\nb\\tc");
        assert_eq!(line("jürgen ✓"), "jürgen ✓");
        assert_eq!(fitted("abcdef", 4), "abc…");
        assert_eq!(fitted("abcd", 4), "abcd");
        assert_eq!(
            (middle("abcdefgh", 6), middle("abcdefgh", 8), middle("ab", 1)),
            ("abc…gh".into(), "abcdefgh".into(), "…".into())
        );
    }
}
