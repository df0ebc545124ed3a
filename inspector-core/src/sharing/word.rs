//! Words, by themselves.

use std::ops::Range;

/// Whether a range is a word by itself: no letter or digit before or behind it, but for those of an escape.
pub(super) fn is_word(bytes: &[u8], range: &Range<usize>) -> bool {
    let before = range.start.checked_sub(1).and_then(|at| bytes.get(at)).copied();
    let behind = bytes.get(range.end).copied();
    let is_escape =
        |length: usize, sign: u8| range.start.checked_sub(length).is_some_and(|at| bytes.get(at) == Some(&sign));
    let is_hex = |length: usize| {
        range
            .start
            .checked_sub(length)
            .and_then(|at| bytes.get(at..range.start))
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let escaped = (is_escape(3, b'%') && is_hex(2))
        || (is_escape(6, b'\\') && is_hex(4))
        // `\n`, `\r`, `\t` of JSON inside JSON.
        || (is_escape(2, b'\\') && before.is_some_and(|byte| matches!(byte, b'n' | b'r' | b't')));
    (escaped || before.is_none_or(|byte| !byte.is_ascii_alphanumeric()))
        && behind.is_none_or(|byte| !byte.is_ascii_alphanumeric())
}
