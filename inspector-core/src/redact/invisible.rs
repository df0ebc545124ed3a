//! Characters that change how the text around them is shown, or are not seen at all.
//!
//! A field can hold escape sequences that recolour or retitle a terminal, marks that turn text around, and characters
//! without any ink that make two names look like one. All of them are shown as escapes, in every output.

use std::borrow::Cow;

/// Ranges of characters that are not shown as they are, beside the ASCII control characters: the Unicode categories Cc,
/// Cf, Zl, Zp and Zs (but the blank), the code points that are ignored by default (variation selectors, tags, fillers), a
/// blank Braille cell, and what is no character. In order.
const RANGES: &[(char, char)] = &[
    ('\u{7f}', '\u{a0}'),
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{2000}', '\u{200f}'),
    ('\u{2028}', '\u{202f}'),
    ('\u{205f}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{16fe4}', '\u{16fe4}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d159}', '\u{1d159}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Whether a character is shown as its escape: a control, format or bidirectional character, or one that is not seen.
pub fn is_invisible(c: char) -> bool {
    if c < '\u{7f}' {
        return c < ' ';
    }
    RANGES.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Text of one line: whatever [`is_invisible`] becomes an escape like `\u{202e}`, line ends too.
pub fn escaped(text: &str) -> Cow<'_, str> {
    escaped_where(text, is_invisible)
}

/// Text in which the characters that `harmful` tells become escapes.
pub fn escaped_where(text: &str, harmful: impl Fn(char) -> bool) -> Cow<'_, str> {
    if is_plain(text) || !text.chars().any(&harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if harmful(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Whether there is nothing but printable ASCII. Most text is, and bytes are looked at faster than characters, by the
/// block.
pub fn is_plain(text: &str) -> bool {
    let is_plain = |block: &[u8]| block.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    text.as_bytes().chunks(32).all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_escaped() {
        for c in [
            '\0',
            '\u{1b}',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{600}',
            '\u{61c}',
            '\u{6dd}',
            '\u{70f}',
            '\u{8e2}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2061}',
            '\u{2066}',
            '\u{2069}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{ffff}',
            '\u{110bd}',
            '\u{13430}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{e0100}',
            '\u{e01ef}',
        ] {
            let text = format!("a{c}b");
            let shown = escaped(&text);
            assert!(is_invisible(c) && !shown.contains(c) && shown.starts_with("a\\"), "{c:?}: {shown}");
        }
        for text in ["", "plain ~", "jürgen ✓ 密码 😀 \u{fffd} \u{301}"] {
            assert_eq!(escaped(text), text);
        }
        assert!(RANGES.iter().all(|(first, last)| first <= last));
        assert!(RANGES.windows(2).all(|two| matches!(two, [(_, last), (first, _)] if last < first)));
    }

    #[test]
    fn every_control_character_of_the_standard_library_is_one() {
        for c in (0..0x11_0000).filter_map(char::from_u32) {
            assert!(!c.is_control() || is_invisible(c), "{c:?}");
            assert!(
                !c.is_alphanumeric()
                    || !is_invisible(c)
                    || matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'),
                "{c:?}"
            );
        }
    }
}
