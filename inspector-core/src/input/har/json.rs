//! A pull parser over one entry: names are compared as they stand, values are taken as slices, and nothing that is not
//! wanted is looked at more than it takes to get past it.
//!
//! It never fails: on bytes that are no JSON it yields what it has and stands at the end. Numbers are taken for strings
//! and strings for numbers, because exporters do not agree on which is which.
//!
//! It is used in two ways. Behind the scanner it reads what was found sound. Before it, strictly, it reads an entry
//! whose end nobody knows yet: most entries are sound and whole in the window, and then one pass finds both the end and
//! the members. Whatever it stops at is left to the scanner from the entry's start on.

use std::borrow::Cow;

use memchr::memchr;

use super::window::{LongString, RawEntry, closing_quote};

/// A scalar as it stands in the document: a string's content still escaped, or a literal.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Text<'a> {
    /// The bytes.
    pub(crate) raw: &'a [u8],
    /// Bytes (still escaped) that were cut off behind them; [`OPEN`] where the document ends inside of them.
    pub(crate) missing: u64,
}

/// Stands for a number of bytes that nobody knows.
pub(crate) const OPEN: u64 = u64::MAX;

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
        /// Digits of which a float holds every number.
        const EXACT: usize = 15;
        if (1..=EXACT).contains(&self.raw.len()) && self.raw.iter().all(u8::is_ascii_digit) {
            return Some(self.raw.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')));
        }
        // A float beyond the range saturates.
        self.number().map(|number| number as i64)
    }

    /// Whether a limit cut it.
    pub(crate) const fn is_cut(self) -> bool {
        self.missing > 0 && self.missing != OPEN
    }

    /// Whether the document ends inside of it.
    pub(crate) const fn is_open(self) -> bool {
        self.missing == OPEN
    }

    /// Whether there are no bytes.
    pub(crate) const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }
}

/// A value of which a text is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// A string.
    String(Text<'a>),
    /// A number, `true` or `false`.
    Literal(Text<'a>),
    /// `null`.
    Null,
    /// An object or an array.
    Container,
}

impl<'a> Value<'a> {
    /// What stands there, if it is no object, array or `null`.
    pub(crate) const fn text(self) -> Option<Text<'a>> {
        match self {
            Self::String(text) | Self::Literal(text) => Some(text),
            Self::Null | Self::Container => None,
        }
    }
}

/// Why a strict parser stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The bytes end inside of the value.
    End,
    /// A token stands where none can, or something that only the scanner can judge.
    Doubt,
}

/// The parser.
pub(crate) struct Json<'a> {
    bytes: &'a [u8],
    position: usize,
    long: &'a [LongString],
    /// A value ended here: a comma comes next, or the end of what it is in.
    after_value: bool,
    /// Objects and arrays entered around the position.
    depth: u32,
    /// Nobody has looked at the order of tokens before.
    strict: bool,
    flaw: Option<Flaw>,
}

impl<'a> Json<'a> {
    /// A parser that stands before the value `entry`, which the scanner found sound.
    pub(crate) const fn new(entry: RawEntry<'a>) -> Self {
        Self {
            bytes: entry.bytes,
            position: 0,
            long: entry.long,
            after_value: false,
            depth: 0,
            strict: false,
            flaw: None,
        }
    }

    /// A parser that stands before a value at the start of `bytes` that nobody has looked at. It takes what the scanner
    /// takes without a doubt, and nothing else.
    pub(crate) const fn strict(bytes: &'a [u8]) -> Self {
        let mut json = Self::new(RawEntry { bytes, long: &[] });
        json.strict = true;
        json
    }

    /// Bytes read so far.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    /// Why it stopped; then nothing it yielded counts.
    pub(crate) const fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The next byte that is no white space; it stays unread.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.position..)?;
        let blanks = blanks(rest);
        self.position += blanks;
        rest.get(blanks).copied()
    }

    #[cold]
    fn stop(&mut self) {
        let flaw = if self.peek().is_none() { Flaw::End } else { Flaw::Doubt };
        self.flaw = self.flaw.or(Some(flaw));
        self.position = self.bytes.len();
    }

    /// Leaves the judgement to the scanner, unless it has judged.
    #[cold]
    pub(crate) fn doubt(&mut self) {
        if self.strict {
            self.flaw = self.flaw.or(Some(Flaw::Doubt));
            self.position = self.bytes.len();
        }
    }

    /// Goes into an object or array, if one begins here with that bracket; any other value is skipped.
    fn enter(&mut self, bracket: u8) -> bool {
        if self.peek() == Some(bracket) {
            self.position += 1;
            self.depth = self.depth.saturating_add(1);
            self.after_value = false;
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

    fn leave(&mut self) {
        self.position += 1;
        self.depth = self.depth.saturating_sub(1);
        self.after_value = true;
    }

    /// The next byte inside an object or array, behind the comma if one has to be there.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        if byte != Some(b',') || !self.after_value {
            return byte;
        }
        self.position += 1;
        self.after_value = false;
        self.peek()
    }

    /// The name of the next member, before whose value the parser then stands; `None` leaves the object.
    #[inline]
    pub(crate) fn name(&mut self) -> Option<&'a [u8]> {
        match self.next() {
            Some(b'"') if !self.after_value => {
                let name = self.string().raw;
                if self.peek() != Some(b':') {
                    self.stop();
                    return None;
                }
                self.position += 1;
                if self.depth > 1 && name == ENTRY_NAME {
                    self.doubt();
                }
                Some(name)
            }
            Some(b'}') => {
                self.leave();
                None
            }
            _ => {
                self.stop();
                None
            }
        }
    }

    /// Whether there is another element, before which the parser then stands; `false` leaves the array.
    #[inline]
    pub(crate) fn element(&mut self) -> bool {
        match self.next() {
            Some(b']') => {
                self.leave();
                false
            }
            Some(byte) if !self.after_value && !matches!(byte, b'}' | b':' | b',') => true,
            _ => {
                self.stop();
                false
            }
        }
    }

    /// A string or literal. `null`, objects and arrays are skipped.
    #[inline]
    pub(crate) fn scalar(&mut self) -> Option<Text<'a>> {
        match self.peek() {
            Some(b'"') => Some(self.string()),
            Some(byte) if is_literal(byte) => {
                Some(self.literal()).filter(|text| text.raw != b"null" && !text.is_empty())
            }
            _ => {
                self.skip();
                None
            }
        }
    }

    /// The value that begins here; of an object or array, which is skipped, only that it is one.
    #[inline]
    pub(crate) fn value(&mut self) -> Value<'a> {
        match self.peek() {
            Some(b'"') => Value::String(self.string()),
            Some(byte) if is_literal(byte) => match self.literal() {
                text if text.raw == b"null" || text.is_empty() => Value::Null,
                text => Value::Literal(text),
            },
            _ => {
                self.skip();
                Value::Container
            }
        }
    }

    /// Whether nothing is left to read.
    pub(crate) const fn is_over(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// The string that begins here.
    #[inline]
    fn string(&mut self) -> Text<'a> {
        self.after_value = true;
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
        let end = closing_quote(rest, false);
        let length = end.unwrap_or(rest.len());
        self.position = start + length + 1;
        Text { raw: rest.get(..length).unwrap_or_default(), missing: if end.is_some() { 0 } else { OPEN } }
    }

    /// The number or word that begins here; nothing if more of it may have stood behind the end of the document.
    #[inline]
    fn literal(&mut self) -> Text<'a> {
        self.after_value = true;
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let end = rest.iter().position(|byte| !is_literal(*byte));
        self.position += end.unwrap_or(rest.len());
        Text::new(end.and_then(|end| rest.get(..end)).unwrap_or_default())
    }

    /// Gets past one value, and yields its bytes.
    pub(crate) fn crossed(&mut self) -> &'a [u8] {
        self.peek();
        let start = self.position;
        self.skip();
        self.bytes.get(start..self.position).unwrap_or_default()
    }

    /// Gets past one value.
    pub(crate) fn skip(&mut self) {
        match self.peek() {
            Some(b'"') => _ = self.string(),
            Some(b'{' | b'[') => {
                if self.strict {
                    self.skip_strictly()
                } else {
                    self.skip_container()
                }
                self.after_value = true;
            }
            Some(byte) if is_literal(byte) => _ = self.literal(),
            _ => self.stop(),
        }
    }

    /// Gets past an object or array that the scanner found sound.
    fn skip_container(&mut self) {
        let mut depth = 0_u64;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => _ = self.string(),
                b'{' | b'[' => {
                    self.position += 1;
                    depth += 1;
                }
                b'}' | b']' => {
                    self.position += 1;
                    depth = depth.saturating_sub(1);
                }
                b',' | b':' => self.position += 1,
                byte if is_literal(byte) => _ = self.literal(),
                _ => return self.stop(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Gets past an object or array that nobody has looked at.
    fn skip_strictly(&mut self) {
        let mut nest = Nest::default();
        loop {
            // Before a member or an element, or the end of what holds none or ends in a comma.
            match self.peek() {
                Some(b'"') if nest.in_object() => {
                    let name = self.string().raw;
                    if self.peek() != Some(b':') || name == ENTRY_NAME {
                        return self.stop();
                    }
                    self.position += 1;
                    if !self.skip_start(&mut nest) {
                        return self.stop();
                    }
                }
                Some(bracket @ (b'}' | b']')) if nest.closes(bracket) => self.position += 1,
                _ if nest.in_object() || !self.skip_start(&mut nest) => return self.stop(),
                _ => {}
            }
            if nest.opened {
                nest.opened = false;
                continue;
            }
            // Behind a value.
            loop {
                if nest.is_empty() {
                    return;
                }
                match self.peek() {
                    Some(b',') => break self.position += 1,
                    Some(bracket @ (b'}' | b']')) if nest.closes(bracket) => self.position += 1,
                    _ => return self.stop(),
                }
            }
        }
    }

    /// Gets past a scalar, or goes into an object or array; `false` if there is no value, or it nests too deep.
    #[inline]
    fn skip_start(&mut self, nest: &mut Nest) -> bool {
        match self.peek() {
            Some(b'"') => _ = self.string(),
            Some(bracket @ (b'{' | b'[')) => {
                self.position += 1;
                return nest.opens(bracket);
            }
            Some(byte) if is_literal(byte) => _ = self.literal(),
            _ => return false,
        }
        true
    }
}

/// The kinds of the objects and arrays around a position. What nests deeper than there are bits is left to the scanner.
struct Nest {
    /// The innermost in the lowest bit, set for an object. The highest bit set stands for none.
    kinds: u64,
    opened: bool,
}

impl Default for Nest {
    fn default() -> Self {
        Self { kinds: 1, opened: false }
    }
}

impl Nest {
    const fn is_empty(&self) -> bool {
        self.kinds == 1
    }

    const fn in_object(&self) -> bool {
        self.kinds > 1 && self.kinds & 1 == 1
    }

    const fn opens(&mut self, bracket: u8) -> bool {
        self.opened = true;
        let fits = self.kinds >> 62 == 0;
        self.kinds = self.kinds << 1 | (bracket == b'{') as u64;
        fits
    }

    const fn closes(&mut self, bracket: u8) -> bool {
        let fits = self.kinds > 1 && (self.kinds & 1 == 1) == (bracket == b'}');
        if fits {
            self.kinds >>= 1;
        }
        fits
    }
}

/// The name by which an entry is told, where nothing but an entry should have it.
const ENTRY_NAME: &[u8] = b"startedDateTime";

/// Whether a byte is one of a number, `true`, `false`, `null` or what is meant as such.
#[inline]
pub(super) const fn is_literal(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.') || byte.is_ascii_alphanumeric()
}

/// Bytes of white space at the start: mostly none or one, else a line's end and the next one's indent.
#[inline]
pub(super) fn blanks(bytes: &[u8]) -> usize {
    const SPACES: u64 = 0x2020_2020_2020_2020;
    let mut rest = bytes;
    while let Some((b' ' | b'\n' | b'\r' | b'\t', later)) = rest.split_first() {
        rest = later;
        while let Some((word, later)) = rest.split_first_chunk::<8>() {
            let other = u64::from_le_bytes(*word) ^ SPACES;
            if other != 0 {
                rest = rest.get((other.trailing_zeros() / 8) as usize..).unwrap_or_default();
                break;
            }
            rest = later;
        }
    }
    bytes.len() - rest.len()
}

/// Undoes the escapes of a string's content: at most `limit` bytes go to `out`; yields how long the whole would be.
///
/// A lone surrogate becomes U+FFFD; an escape JSON does not know stays as it is.
pub(crate) fn unescape(raw: &[u8], limit: usize, out: &mut Vec<u8>) -> u64 {
    // No escape is shorter than what it stands for.
    if raw.len() <= limit.saturating_sub(out.len()) {
        let before = out.len();
        unescape_whole(raw, out);
        return (out.len() - before) as u64;
    }
    let mut length = 0_u64;
    let mut rest = raw;
    let mut put = |piece: &[u8]| {
        length += piece.len() as u64;
        let room = limit.saturating_sub(out.len());
        out.extend_from_slice(piece.get(..room).unwrap_or(piece));
    };
    while let Some((plain, escape)) = memchr(b'\\', rest).and_then(|at| rest.split_at_checked(at)) {
        put(plain);
        let (piece, used) = unescape_one(escape);
        put(piece.encode_utf8(&mut [0; 4]).as_bytes());
        rest = escape.get(used..).unwrap_or_default();
    }
    put(rest);
    length
}

/// Undoes the escapes where all of it is wanted. Escapes stand close to each other in the texts that have them (JSON in
/// JSON), so that most pieces between them are too short for a search and a copy each.
fn unescape_whole(raw: &[u8], out: &mut Vec<u8>) {
    /// Words without escape after which the next escape is searched for.
    const CALM: u32 = 8;
    out.reserve(raw.len());
    let mut rest = raw;
    let mut calm = 0;
    loop {
        let plain = match rest.split_first_chunk::<8>() {
            Some((word, later)) if calm < CALM => {
                out.extend_from_slice(word);
                let Some(plain) = first_in_word(*word, b'\\') else {
                    rest = later;
                    calm += 1;
                    continue;
                };
                out.truncate(out.len() + plain - word.len());
                plain
            }
            _ => {
                let plain = memchr(b'\\', rest).unwrap_or(rest.len());
                out.extend_from_slice(rest.get(..plain).unwrap_or_default());
                plain
            }
        };
        calm = 0;
        let Some(escape) = rest.get(plain..).filter(|escape| !escape.is_empty()) else { return };
        let byte = escape.get(1).and_then(|byte| SHORT.get(usize::from(*byte))).copied().unwrap_or_default();
        let mut used = 2;
        if byte != 0 {
            out.push(byte);
        } else {
            let character;
            (character, used) = unescape_one(escape);
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = escape.get(used..).unwrap_or_default();
    }
}

/// How long what a string's content stands for is; `None` if it has an escape `\u`.
///
/// Most strings have quotation marks and line ends escaped, and nothing else: of these all bytes are compared with their
/// neighbours, for escapes stand too close to each other for a search for each.
pub(crate) fn simple_length(raw: &[u8]) -> Option<u64> {
    const STEP: usize = 64;
    let mut escapes = 0_u64;
    let mut at = 1;
    // The first byte is looked at in any case: nothing escapes it.
    let mut is_simple = raw.first() != Some(&b'\\');
    while is_simple
        && let Some(bytes) = raw.get(at..).and_then(<[u8]>::first_chunk::<STEP>)
        && let Some(before) = raw.get(at - 1..).and_then(<[u8]>::first_chunk::<STEP>)
    {
        let (mut count, mut other) = (0_u8, false);
        for (byte, before) in bytes.iter().zip(before) {
            let is_escaped = *before == b'\\';
            count += u8::from(is_escaped);
            other |=
                is_escaped & (*byte != b'"') & (*byte != b'n') & (*byte != b'r') & (*byte != b't') & (*byte != b'/');
        }
        escapes += u64::from(count);
        is_simple = !other;
        at += STEP;
    }
    if !is_simple {
        return exact_length(raw);
    }
    // A reverse solidus before the rest escapes its first byte, and was not counted yet.
    let rest = raw.get(at - 1..).unwrap_or_default();
    Some((raw.len() - rest.len()) as u64 - escapes + exact_length(rest)?)
}

/// [`simple_length`] of any string, escape by escape.
fn exact_length(raw: &[u8]) -> Option<u64> {
    let mut length = raw.len() as u64;
    let mut rest = raw;
    while let Some(escape) = memchr(b'\\', rest).and_then(|at| rest.get(at..)) {
        let letter = escape.get(1).copied().unwrap_or_default();
        if letter == b'u' {
            return None;
        }
        let is_known = SHORT.get(usize::from(letter)).is_some_and(|byte| *byte != 0);
        length -= u64::from(is_known);
        rest = escape.get(if is_known { 2 } else { 1 }..).unwrap_or_default();
    }
    Some(length)
}

/// What a reverse solidus and a byte stand for, where that is one byte; else 0.
const SHORT: [u8; 256] = {
    let mut table = [0; 256];
    let mut known: &[(u8, u8)] = &[
        (b'n', b'\n'),
        (b'r', b'\r'),
        (b't', b'\t'),
        (b'b', 8),
        (b'f', 12),
        (b'"', b'"'),
        (b'\\', b'\\'),
        (b'/', b'/'),
    ];
    while let Some(((letter, byte), rest)) = known.split_first() {
        if let Some(place) = table.split_at_mut(*letter as usize).1.first_mut() {
            *place = *byte;
        }
        known = rest;
    }
    table
};

/// What the escape at the start of `escape` stands for, and how many bytes spell it.
fn unescape_one(escape: &[u8]) -> (char, usize) {
    match escape.get(1) {
        Some(b'u') => unicode(escape),
        Some(letter) => match SHORT.get(usize::from(*letter)) {
            Some(byte @ 1..) => (char::from(*byte), 2),
            _ => ('\\', 1),
        },
        None => ('\\', 1),
    }
}

/// The first place of a byte in a word.
#[inline]
pub(super) fn first_in_word(word: [u8; 8], byte: u8) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // A byte of `other` is zero where it stands; the lowest flag is exact.
    let other = u64::from_le_bytes(word) ^ (ONES * byte as u64);
    let flags = other.wrapping_sub(ONES) & !other & (ONES << 7);
    (flags != 0).then(|| (flags.trailing_zeros() / 8) as usize)
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
