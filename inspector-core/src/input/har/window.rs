//! A rolling window over a HAR that holds at most one entry, and crosses strings.
//!
//! ```text
//!            ┌ held                    ┌ position   ┌ filled
//! buffer  ...{"startedDateTime":"2026…","request":{…|…      |        room for the next read
//!            └──── the entry so far ───────────────┘
//! ```
//!
//! Most bytes of a HAR are contents, so strings are crossed by `memchr`: the next quotation mark ends the string unless
//! an odd number of reverse solidi stands before it. Long strings are remembered with the entry, so that its parser can
//! jump over them instead of searching them again.
//!
//! An entry larger than the limit loses the ends of its long strings (contents) and its large members nobody reads
//! (recorded WebSocket messages), never the structure around them. What is lost does not depend on how the input's
//! bytes arrive.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter};

use super::json::{blanks, first_in_word, is_literal};

/// Bytes asked for by one read.
pub(super) const READ: usize = 256 << 10;
/// Bytes of the window at first. Small enough to stay in the processor's cache.
const SIZE: usize = 1 << 20;
/// A read with less room than this is not worth its call.
const ROOM: usize = READ / 4;
/// Shortest string that is remembered as long, in bytes.
const LONG: usize = 512;
/// A member nobody reads is not held beyond this size.
pub(super) const UNREAD_MEMBER: usize = 64 << 10;

/// How far an object's first name may reach behind its brace when the next entry is looked for after damage.
const LOOKAHEAD: usize = 512;
/// Members an entry begins with, besides those of exporters' own, whose names begin with `_`.
const FIRST_NAMES: [&[u8]; 9] = [
    b"startedDateTime",
    b"request",
    b"response",
    b"pageref",
    b"cache",
    b"timings",
    b"time",
    b"serverIPAddress",
    b"connection",
];
const SWALLOWED: &str = "its end is missing: another entry begins inside of it";
/// Members that objects inside an entry begin with too.
const COMMON_NAMES: [&[u8]; 6] = [b"", b"name", b"type", b"url", b"id", b"time"];

/// A string of an entry that its parser need not search: offsets within the entry's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LongString {
    /// Behind the opening quotation mark.
    pub(crate) start: usize,
    /// At the closing quotation mark.
    pub(crate) end: usize,
    /// Bytes (still escaped) that were cut off before the closing quotation mark.
    pub(crate) missing: u64,
}

/// The bytes of one entry and its long strings, in order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RawEntry<'a> {
    /// A complete JSON object.
    pub(crate) bytes: &'a [u8],
    /// Its long strings.
    pub(crate) long: &'a [LongString],
}

/// Why the window could not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The input ended.
    End,
    /// A token stands where none can; what is wrong, in a few words.
    Damage(&'static str),
    /// The operating system refused.
    Io(io::Error),
}

/// The window.
pub(super) struct Window<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    filled: usize,
    position: usize,
    /// Bytes read from the input.
    total: u64,
    ended: bool,
    /// What reading past the window met.
    failure: Option<io::Error>,
    limit: usize,
    /// Start of the bytes that are kept.
    held: Option<usize>,
    /// What is held grew beyond the limit and was given up.
    oversize: bool,
    /// A name stands in what is held that only entries have.
    suspect: bool,
    /// How much of what is held was searched for the start of another entry.
    searched: usize,
    /// Name of the first member of the first complete entry.
    first_name: Vec<u8>,
    /// Bytes of long strings that were cut off, in what is held.
    dropped: u64,
    /// The string being crossed.
    open: Option<Open>,
    /// Start of the value of a member nobody reads, relative to `held`, and whether some of it was dropped already.
    unread: Option<(usize, bool)>,
    long: Vec<LongString>,
}

/// A string being crossed; offsets are relative to what is held.
#[derive(Clone, Copy)]
struct Open {
    start: usize,
    /// Where it was cut: bytes from here to the position come from behind the cut.
    cut: Option<usize>,
    missing: u64,
}

impl<'r> Window<'r> {
    /// A window over `input` that holds no more than `limit` bytes.
    pub(super) fn new(input: &'r mut dyn Read, limit: usize) -> Self {
        Self {
            input,
            buffer: vec![0; SIZE],
            filled: 0,
            position: 0,
            total: 0,
            ended: false,
            failure: None,
            limit: limit.max(LONG),
            held: None,
            oversize: false,
            suspect: false,
            searched: 0,
            first_name: Vec::new(),
            dropped: 0,
            open: None,
            unread: None,
            long: Vec::new(),
        }
    }

    /// Offset of the position in the input.
    pub(super) const fn offset(&self) -> u64 {
        self.total.saturating_sub(self.filled.saturating_sub(self.position) as u64)
    }

    /// Goes on by `count` bytes of the window.
    pub(super) fn advance(&mut self, count: usize) {
        self.position = self.position.saturating_add(count).min(self.filled);
    }

    /// The bytes from the position on that are in the window.
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.position..self.filled).unwrap_or_default()
    }

    /// Reads until at least `count` bytes are ahead, or the input ends.
    pub(super) fn look_ahead(&mut self, count: usize) -> Result<&[u8], Halt> {
        while self.filled.saturating_sub(self.position) < count {
            match self.refill() {
                Ok(()) => {}
                Err(Halt::End) => break,
                Err(halt) => return Err(halt),
            }
        }
        Ok(self.ahead())
    }

    /// Reads until twice as much is ahead: `false` if the input ends before, or the window is too small for it.
    ///
    /// # Errors
    /// Those of the input.
    pub(super) fn read_on(&mut self) -> io::Result<bool> {
        let wanted = self.ahead().len().saturating_mul(2).max(1);
        if wanted > self.buffer.len().saturating_sub(ROOM) {
            return Ok(false);
        }
        match self.look_ahead(wanted) {
            Ok(ahead) => Ok(ahead.len() >= wanted),
            Err(Halt::Io(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// The name entries begin with, or nothing before the first entry.
    pub(super) fn first_name(&self) -> &[u8] {
        &self.first_name
    }

    /// Takes the bytes that are ahead out of the window.
    pub(super) fn take(&mut self) -> &[u8] {
        self.release();
        let from = std::mem::replace(&mut self.position, self.filled);
        self.buffer.get(from..self.filled).unwrap_or_default()
    }

    /// Reads once, past the window, of which all was taken; nothing at the end of the input. An error is kept for the next
    /// read into the window.
    pub(super) fn read_past(&mut self, room: &mut [u8]) -> usize {
        if self.ended || self.failure.is_some() {
            return 0;
        }
        match self.read_once(room) {
            Ok(count) => count,
            Err(Halt::Io(error)) => {
                self.failure = Some(error);
                0
            }
            Err(_) => 0,
        }
    }

    /// Puts bytes ahead that were taken, or read past the window; nothing is ahead.
    pub(super) fn give_back(&mut self, bytes: &[u8]) {
        if self.buffer.len() < bytes.len() + ROOM {
            self.buffer.resize(bytes.len() + ROOM, 0);
        }
        if let Some(to) = self.buffer.get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
        }
        self.position = 0;
        self.filled = bytes.len();
    }

    /// Keeps the bytes from the position on.
    pub(super) fn hold(&mut self) {
        self.release();
        self.held = Some(self.position);
    }

    /// Gives up what is held.
    pub(super) fn release(&mut self) {
        self.held = None;
        self.oversize = false;
        self.suspect = false;
        self.searched = 0;
        self.dropped = 0;
        self.open = None;
        self.unread = None;
        self.long.clear();
    }

    /// Ends what is held at the position: `false` if it is larger than the limit even after its long strings were cut.
    pub(super) fn complete(&mut self) -> bool {
        self.shorten();
        !self.oversize && self.held.is_some_and(|held| self.position.saturating_sub(held) <= self.limit)
    }

    /// Remembers what entries begin with; what is held is one.
    pub(super) fn learn(&mut self) {
        if self.first_name.is_empty() {
            self.first_name = first_name(self.entry().bytes).unwrap_or_default().to_vec();
        }
    }

    /// What is held, up to the position.
    pub(super) fn entry(&self) -> RawEntry<'_> {
        let bytes = self.held.and_then(|held| self.buffer.get(held..self.position)).unwrap_or_default();
        RawEntry { bytes, long: &self.long }
    }

    /// Bytes of what is held, by offsets relative to its start.
    pub(super) fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.held.and_then(|held| self.buffer.get(held + from..held + to)).unwrap_or_default()
    }

    /// The next byte that is no white space. It stays unread.
    #[inline]
    pub(super) fn significant(&mut self) -> Result<u8, Halt> {
        loop {
            let part = self.buffer.get(self.position..self.filled).unwrap_or_default();
            self.position += blanks(part);
            match self.buffer.get(self.position..self.filled).and_then(<[u8]>::first) {
                Some(byte) => return Ok(*byte),
                None => self.refill()?,
            }
        }
    }

    /// Crosses a number, `true`, `false`, `null` or what is meant as such.
    pub(super) fn literal(&mut self) -> Result<(), Halt> {
        loop {
            let part = self.buffer.get(self.position..self.filled).unwrap_or_default();
            let end = part.iter().position(|byte| !is_literal(*byte));
            if let Some(end) = end {
                self.position += end;
                return Ok(());
            }
            self.position = self.filled;
            self.refill()?;
        }
    }

    /// Crosses a string from behind its opening to behind its closing quotation mark. Yields where it is, relative to
    /// what is held; nothing is held, nothing is yielded.
    pub(super) fn string(&mut self) -> Result<Option<LongString>, Halt> {
        self.open = self.held.map(|held| Open { start: self.position.saturating_sub(held), cut: None, missing: 0 });
        let mut odd = false;
        loop {
            let part = self.buffer.get(self.position..self.filled).unwrap_or_default();
            if let Some(end) = closing_quote(part, odd) {
                self.position += end + 1;
                return Ok(self.close());
            }
            odd = ends_in_escape(part, odd);
            self.position = self.filled;
            self.refill()?;
        }
    }

    /// Remembers a string that ended just before the position, if it is long.
    fn close(&mut self) -> Option<LongString> {
        let (open, held) = (self.open.take()?, self.held?);
        let end = self.position.saturating_sub(held + 1);
        let mut string = LongString { start: open.start, end, missing: open.missing };
        if let Some(cut) = open.cut {
            string.missing += end.saturating_sub(cut) as u64;
            self.cut(held + cut, held + end);
            string.end = cut;
        }
        if string.missing > 0 || end.saturating_sub(open.start) >= LONG {
            self.long.push(string);
        }
        Some(string)
    }

    /// Says that nobody reads the value that begins at the position.
    pub(super) fn skip_member(&mut self) {
        self.unread = self.held.map(|held| (self.position.saturating_sub(held), false));
    }

    /// Says that an array inside of the entry holds what has a name that only entries have. In a value nobody reads,
    /// an extension's objects may have it too; there one has to begin as an entry begins.
    pub(super) const fn suspect(&mut self) -> Result<(), Halt> {
        self.suspect = true;
        if self.unread.is_some() { Ok(()) } else { Err(Halt::Damage(SWALLOWED)) }
    }

    /// Whether another entry begins inside of what is held, if there was a sign of it.
    pub(super) fn search_if_suspect(&mut self) -> Result<(), Halt> {
        if self.suspect { self.search() } else { Ok(()) }
    }

    /// Ends a member at the position; a large one that nobody reads is dropped.
    #[inline]
    pub(super) fn end_member(&mut self) -> Result<(), Halt> {
        let (Some((start, dropped)), Some(held)) = (self.unread.take(), self.held) else { return Ok(()) };
        let from = held + start;
        if self.suspect || (!dropped && self.position.saturating_sub(from) > UNREAD_MEMBER) {
            self.search()?;
        }
        if dropped || self.position.saturating_sub(from) > UNREAD_MEMBER {
            self.long.retain(|string| string.start < start);
            if let Some(first) = self.buffer.get_mut(from) {
                *first = b'0';
            }
            self.remove(from + 1, self.position);
            self.searched = self.searched.min(self.position.saturating_sub(held));
        }
        Ok(())
    }

    /// Before held bytes are dropped: whether another entry begins inside of what is held, because its end was lost.
    fn search(&mut self) -> Result<(), Halt> {
        let Some(held) = self.held else { return Ok(()) };
        let from = held + self.searched.max(1);
        let bytes = self.buffer.get(from..self.position).unwrap_or_default();
        let mut braces = memchr_iter(b'{', bytes).filter(|at| is_element(bytes.get(..*at).unwrap_or_default()));
        let is_entry = |name: &[u8]| name == b"startedDateTime" || self.is_first_name(name);
        if braces.any(|at| bytes.get(at..).and_then(first_name).is_some_and(is_entry)) {
            return Err(Halt::Damage(SWALLOWED));
        }
        self.searched = self.position.saturating_sub(held).saturating_sub(LOOKAHEAD);
        Ok(())
    }

    fn is_first_name(&self, name: &[u8]) -> bool {
        name == self.first_name && !COMMON_NAMES.contains(&name)
    }

    /// Goes back to just behind the start of what is held, which is then held no more.
    fn rewind(&mut self) {
        if let Some(held) = self.held {
            self.position = (held + 1).min(self.position);
        }
        self.release();
    }

    /// After damage, or the end of the input, inside of an entry: goes to the next object that begins as an entry does,
    /// from the damaged entry's start on: where an entry's end is lost, the next ones were taken for its members.
    /// `false` at the end of the input.
    pub(super) fn resync(&mut self) -> Result<bool, Halt> {
        self.rewind();
        loop {
            let Some(brace) = memchr(b'{', self.ahead()) else {
                self.position = self.filled;
                if self.look_ahead(1)?.is_empty() {
                    return Ok(false);
                }
                continue;
            };
            self.position += brace;
            let is_element = is_element(self.buffer.get(..self.position).unwrap_or_default());
            self.look_ahead(LOOKAHEAD)?;
            let name = first_name(self.ahead()).unwrap_or_default();
            if is_element && (FIRST_NAMES.contains(&name) || name.starts_with(b"_") || self.is_first_name(name)) {
                return Ok(true);
            }
            self.position += 1;
        }
    }

    /// Takes `from..to` out of the window; `to` is not behind the position.
    fn remove(&mut self, from: usize, to: usize) {
        if from >= to || to > self.filled {
            return;
        }
        self.buffer.copy_within(to..self.filled, from);
        self.filled -= to - from;
        self.position = self.position.saturating_sub(to - from);
    }

    /// Takes the end of a string out of the window.
    fn cut(&mut self, from: usize, to: usize) {
        self.dropped = self.dropped.saturating_add(to.saturating_sub(from) as u64);
        self.remove(from, to);
    }

    const fn kept_of_string(&self) -> usize {
        let part = self.limit / 16;
        if part > LONG { part } else { LONG }
    }

    /// Cuts the long strings of an entry that is larger than the limit.
    fn shorten(&mut self) {
        let Some(held) = self.held else { return };
        let size = (self.position.saturating_sub(held) as u64).saturating_add(self.dropped);
        if size <= self.limit as u64 {
            return;
        }
        let keep = self.kept_of_string();
        let mut long = std::mem::take(&mut self.long);
        let mut shift = 0;
        for string in &mut long {
            string.start = string.start.saturating_sub(shift);
            string.end = string.end.saturating_sub(shift);
            let content = self.slice(string.start, string.end);
            if content.len() > keep {
                let end = string.start + boundary(content, keep);
                let length = string.end.saturating_sub(end);
                self.cut(held + end, held + string.end);
                string.missing += length as u64;
                string.end = end;
                shift += length;
            }
        }
        self.long = long;
        if let Some(open) = &mut self.open {
            open.start = open.start.saturating_sub(shift);
            open.cut = open.cut.map(|at| at.saturating_sub(shift));
        }
    }

    /// Makes what is held smaller while it is still being read.
    fn elide(&mut self) {
        let Some(held) = self.held else { return };
        if let Some((start, dropped)) = &mut self.unread {
            let start = *start;
            *dropped = true;
            if let Some(open) = &mut self.open {
                *open = Open { start, cut: None, missing: 0 };
            }
            self.long.retain(|string| string.start < start);
            // One byte stays in the place of the value.
            self.remove(held + start + 1, self.position);
            return;
        }
        // The size so far counts, so that the cut is the same as for an entry that was read at once.
        self.dropped = self.dropped.saturating_add(1);
        self.shorten();
        self.dropped = self.dropped.saturating_sub(1);
        let Some(open) = self.open else { return };
        let content = self.slice(open.start, self.position.saturating_sub(held));
        if content.len() <= self.kept_of_string() {
            return;
        }
        let cut = open.cut.unwrap_or_else(|| open.start + boundary(content, self.kept_of_string()));
        let length = self.position.saturating_sub(held + cut);
        self.cut(held + cut, self.position);
        self.open = Some(Open { start: open.start, cut: Some(cut), missing: open.missing + length as u64 });
    }

    /// Reads more. What is before the held bytes, or the position, is given up.
    fn refill(&mut self) -> Result<(), Halt> {
        if self.ended {
            return Err(Halt::End);
        }
        if self.held.is_some_and(|held| self.position.saturating_sub(held) >= self.limit) {
            self.search()?;
            self.elide();
            self.searched = self.searched.min(self.position.saturating_sub(self.held.unwrap_or(self.position)));
            if self.held.is_some_and(|held| self.position.saturating_sub(held) > self.limit) {
                self.release();
                self.oversize = true;
            }
        }
        if let Some(error) = self.failure.take() {
            return Err(Halt::Io(error));
        }
        self.make_room();
        let end = self.buffer.len().min(self.filled + READ);
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.read_once(buffer.get_mut(self.filled..end).unwrap_or_default());
        self.buffer = buffer;
        self.filled += result?;
        Ok(())
    }

    /// Reads at least a byte.
    fn read_once(&mut self, room: &mut [u8]) -> Result<usize, Halt> {
        loop {
            match self.input.read(room) {
                Ok(0) => break,
                Ok(count) => {
                    let count = count.min(room.len());
                    self.total += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A decompressor's word for a stream that is cut off.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(Halt::Io(error)),
            }
        }
        self.ended = true;
        Err(Halt::End)
    }

    fn make_room(&mut self) {
        if self.buffer.len().saturating_sub(self.filled) >= ROOM {
            return;
        }
        let from = self.held.unwrap_or(self.position);
        self.buffer.copy_within(from..self.filled, 0);
        self.filled -= from;
        self.position -= from;
        self.held = self.held.map(|_| 0);
        if self.buffer.len().saturating_sub(self.filled) < ROOM {
            let most = self.limit.saturating_add(2 * READ);
            self.buffer.resize(self.buffer.len().saturating_mul(2).min(most), 0);
        }
    }
}

/// Where a string ends in `part`. `odd`: an odd number of reverse solidi stands before `part`.
#[inline]
pub(super) fn closing_quote(part: &[u8], odd: bool) -> Option<usize> {
    let quote = quotation_mark(part)?;
    if !ends_in_escape(part.get(..quote)?, odd) {
        return Some(quote);
    }
    closing_quote_behind(part, quote + 1, odd)
}

/// Where a string ends in `part`, behind `from`. In a text with quotation marks (JSON in JSON) one follows the other, and
/// a search for each costs more than comparing all bytes with their neighbours.
fn closing_quote_behind(part: &[u8], from: usize, odd: bool) -> Option<usize> {
    const STEP: usize = 64;
    let is_end = |at: usize| part.get(at) == Some(&b'"') && part.get(..at).is_some_and(|p| !ends_in_escape(p, odd));
    let mut from = from;
    while from < 2 {
        if is_end(from) {
            return Some(from);
        }
        from += 1;
    }
    while let (Some(bytes), Some(before), Some(twice)) = (
        part.get(from..).and_then(<[u8]>::first_chunk::<STEP>),
        part.get(from - 1..).and_then(<[u8]>::first_chunk::<STEP>),
        part.get(from - 2..).and_then(<[u8]>::first_chunk::<STEP>),
    ) {
        // A mark behind exactly one reverse solidus ends nothing; whether any other does is looked at closely.
        let mut found = false;
        for ((byte, before), twice) in bytes.iter().zip(before).zip(twice) {
            found |= (*byte == b'"') & ((*before != b'\\') | (*twice == b'\\'));
        }
        if found && let Some(end) = (from..from + STEP).find(|at| is_end(*at)) {
            return Some(end);
        }
        from += STEP;
    }
    (from..part.len()).find(|at| is_end(*at))
}

/// The first quotation mark. Most strings of a HAR are names and short values, for which a call of `memchr` costs more
/// than the search itself.
#[inline]
fn quotation_mark(part: &[u8]) -> Option<usize> {
    let mut rest = part;
    for words in 0..3_usize {
        let Some((word, later)) = rest.split_first_chunk::<8>() else { break };
        if let Some(at) = first_in_word(*word, b'"') {
            return Some(words * 8 + at);
        }
        rest = later;
    }
    memchr(b'"', rest).map(|at| part.len() - rest.len() + at)
}

/// Whether the byte behind `part` is escaped.
#[inline]
fn ends_in_escape(part: &[u8], odd: bool) -> bool {
    let run = part.iter().rev().take_while(|byte| **byte == b'\\').count();
    (run % 2 == 1) ^ (odd && run == part.len())
}

/// The largest offset not behind `most` at which an escaped string can be cut without cutting an escape or a UTF-8
/// sequence.
fn boundary(content: &[u8], most: usize) -> usize {
    let mut at = most.min(content.len());
    // An escape is at most 12 bytes long: a surrogate pair.
    let near = content.get(at.saturating_sub(12)..at).unwrap_or_default();
    if let Some(back) = near.iter().rev().position(|byte| *byte == b'\\') {
        at -= back + 1;
        at -= content.get(..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count();
        // The first half of a surrogate pair goes with the second.
        let before = content.get(at.saturating_sub(6)..at).unwrap_or_default();
        if matches!(before, [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..]) {
            at -= before.len();
        }
    }
    while at > 0 && content.get(at).is_some_and(|byte| byte & 0xc0 == 0x80) {
        at -= 1;
    }
    at
}

/// Whether an object behind these bytes is no member's value.
pub(super) fn is_element(before: &[u8]) -> bool {
    before.trim_ascii_end().last() != Some(&b':')
}

/// The name of an object's first member, still escaped.
pub(super) fn first_name(object: &[u8]) -> Option<&[u8]> {
    let object = object.get(..LOOKAHEAD).unwrap_or(object);
    let inside = object.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let (name, rest) = inside.split_at_checked(memchr(b'"', inside)?)?;
    rest.strip_prefix(b"\"")?.trim_ascii_start().first().filter(|byte| **byte == b':')?;
    Some(name)
}
