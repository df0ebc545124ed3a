//! Bytes of a recording never reach a terminal as they are.
//!
//! A header can hold escape sequences that recolour, retitle or rewrite a terminal, or bidirectional marks that turn
//! text around. Every character that is not printable is shown as its escape.

use std::borrow::Cow;

/// Text for one line: control characters (line ends too), invisible and bidirectional marks become escapes.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_harmful)
}

/// Text of several lines: line feeds stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_harmful(c))
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

fn escape(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Whether a character can change how a terminal shows its surroundings.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
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
    }
}
