//! A pull parser over one entry: names are compared as they stand, values are taken as slices, and nothing that is not
//! wanted is looked at more than it takes to get past it.
//!
//! It never fails: on bytes that are no JSON it yields what it has and stands at the end. Numbers are taken for strings
//! and strings for numbers, because exporters do not agree on which is which.

use std::borrow::Cow;

use memchr::memchr;

use super::window::{LongString, RawEntry, closing_quote};

/// A scalar as it stands in the document: a string's content still escaped, or a literal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Text<'a> {
    /// The bytes.
    pub(crate) raw: &'a [u8],
    /// Bytes (still escaped) that were cut off behind them.
    pub(crate) missing: u64,
}

impl<'a> Text<'a> {
    /// A text without cut.
    pub(crate) const fn new(raw: &'a [u8]) -> Self {
        Self { raw, missing: 0 }
    }

    /// The bytes it stands for, as UTF-8.
    pub(crate) fn bytes(self) -> Cow<'a, [u8]> {
        if memchr(b'\\', self.raw).is_none() {
            return Cow::Borrowed(self.raw);
        }
        let mut out = Vec::with_capacity(self.raw.len());
        unescape(self.raw, usize::MAX, &mut out);
        Cow::Owned(out)
    }

    /// The bytes as text; what is not UTF-8 is replaced.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self.bytes() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => {
                Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()))
            }
        }
    }

    /// The number it spells.
    pub(crate) fn number(self) -> Option<f64> {
        std::str::from_utf8(self.raw).ok()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The whole number it spells; fractions are cut off.
    pub(crate) fn integer(self) -> Option<i64> {
        // A float beyond the range saturates.
        self.number().map(|number| number as i64)
    }

    /// Whether there are no bytes.
    pub(crate) const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }
}

/// The parser.
pub(crate) struct Json<'a> {
    bytes: &'a [u8],
    position: usize,
    long: &'a [LongString],
}

impl<'a> Json<'a> {
    /// A parser that stands before the value `entry`.
    pub(crate) const fn new(entry: RawEntry<'a>) -> Self {
        Self { bytes: entry.bytes, position: 0, long: entry.long }
    }

    /// The next byte that is no white space; it stays unread.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.position..)?;
        let blanks = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))?;
        self.position += blanks;
        rest.get(blanks).copied()
    }

    fn stop(&mut self) {
        self.position = self.bytes.len();
    }

    /// Goes into an object or array, if one begins here with that bracket; any other value is skipped.
    fn enter(&mut self, bracket: u8) -> bool {
        if self.peek() == Some(bracket) {
            self.position += 1;
            return true;
        }
        self.skip();
        false
    }

    /// Goes into an object; any other value is skipped.
    pub(crate) fn enter_object(&mut self) -> bool {
        self.enter(b'{')
    }

    /// Goes into an array; any other value is skipped.
    pub(crate) fn enter_array(&mut self) -> bool {
        self.enter(b'[')
    }

    /// The name of the next member, before whose value the parser then stands; `None` leaves the object.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        loop {
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b'"') => {
                    let name = self.string();
                    if self.peek() == Some(b':') {
                        self.position += 1;
                    }
                    return Some(name.raw);
                }
                Some(b'}') => {
                    self.position += 1;
                    return None;
                }
                _ => {
                    self.stop();
                    return None;
                }
            }
        }
    }

    /// Whether there is another element, before which the parser then stands; `false` leaves the array.
    pub(crate) fn element(&mut self) -> bool {
        loop {
            match self.peek() {
                Some(b',') => self.position += 1,
                Some(b']') => {
                    self.position += 1;
                    return false;
                }
                Some(b'}' | b':') | None => {
                    self.stop();
                    return false;
                }
                Some(_) => return true,
            }
        }
    }

    /// A string or literal. `null`, objects and arrays are skipped.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Option<Text<'a>> {
        match self.peek()? {
            b'"' => Some(self.string()),
            b'{' | b'[' => {
                self.skip();
                None
            }
            _ => Some(self.literal()).filter(|text| text.raw != b"null"),
        }
    }

    /// The string that begins here.
    #[inline]
    fn string(&mut self) -> Text<'a> {
        let start = self.position + 1;
        while let Some((first, later)) = self.long.split_first()
            && first.start <= start
        {
            self.long = later;
            if first.start == start {
                self.position = first.end + 1;
                let raw = self.bytes.get(start..first.end).unwrap_or_default();
                return Text { raw, missing: first.missing };
            }
        }
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = closing_quote(rest, false).unwrap_or(rest.len());
        self.position = start + length + 1;
        Text::new(rest.get(..length).unwrap_or_default())
    }

    fn literal(&mut self) -> Text<'a> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let end = rest.iter().position(|b| !matches!(b, b'-' | b'+' | b'.') && !b.is_ascii_alphanumeric());
        // At least one byte, so that whoever asks again gets on.
        let length = end.unwrap_or(rest.len()).max(1);
        self.position += length;
        Text::new(rest.get(..length).unwrap_or(rest))
    }

    /// Gets past one value.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0_u64;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => _ = self.string(),
                b'{' | b'[' => {
                    self.position += 1;
                    depth += 1;
                }
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    self.position += 1;
                    depth -= 1;
                }
                b',' | b':' if depth > 0 => {
                    self.position += 1;
                    continue;
                }
                b',' | b':' => return,
                _ => _ = self.literal(),
            }
            if depth == 0 {
                return;
            }
        }
    }
}

/// Undoes the escapes of a string's content: at most `limit` bytes go to `out`; yields how long the whole would be.
///
/// A lone surrogate becomes U+FFFD; an escape JSON does not know stays as it is.
pub(crate) fn unescape(raw: &[u8], limit: usize, out: &mut Vec<u8>) -> u64 {
    let mut length = 0_u64;
    let mut rest = raw;
    let mut put = |piece: &[u8]| {
        length += piece.len() as u64;
        let room = limit.saturating_sub(out.len());
        out.extend_from_slice(piece.get(..room).unwrap_or(piece));
    };
    while let Some((plain, escape)) = memchr(b'\\', rest).and_then(|at| rest.split_at_checked(at)) {
        put(plain);
        let byte = match escape.get(1) {
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'u') => {
                let (character, used) = unicode(escape);
                put(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = escape.get(used..).unwrap_or_default();
                continue;
            }
            _ => {
                put(escape.get(..1).unwrap_or_default());
                rest = escape.get(1..).unwrap_or_default();
                continue;
            }
        };
        put(&[byte]);
        rest = escape.get(2..).unwrap_or_default();
    }
    put(rest);
    length
}

/// The character of a `\u` escape (or of two, for a surrogate pair) and how many bytes spell it.
fn unicode(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        let digits = escape.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
    };
    let Some(first) = unit(0) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if let Some(character) = char::from_u32(first) {
        return (character, 6);
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00);
    second
        .and_then(|second| char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)))
        .map_or((char::REPLACEMENT_CHARACTER, 6), |character| (character, 12))
}
