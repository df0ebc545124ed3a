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
//! An entry larger than the limit is crossed again from its start, and then kept without its white space, the ends of
//! its long strings (contents) and the members nobody reads (recorded WebSocket messages), never without the structure
//! around them. An entry's size, the place of its damage and what is read again after it are counted in bytes of the
//! input: nothing depends on how these arrive.

use std::io::{self, Read};

use memchr::memchr;

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
/// The name only entries have.
const STARTED: &[u8] = b"startedDateTime";
/// After damage so many bytes are read again, besides as many as were read.
const REREAD: u64 = 1 << 20;
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
    /// What is held is larger than the limit.
    Large,
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
    /// What is held is given up beyond the limit, without a word.
    loose: bool,
    /// The entry being crossed, if it is larger than the limit.
    short: Option<Short>,
    /// Name of the first member of the first complete entry.
    first_name: Vec<u8>,
    /// Where the string that was crossed last is, relative to what is held.
    last: (usize, usize),
    /// Start of the value of a member nobody reads, relative to what is held.
    unread: Option<usize>,
    /// In that value an object begins as entries do.
    like_entry: bool,
    /// Bytes that were read again after damage.
    reread: u64,
    long: Vec<LongString>,
}

/// What is kept of an entry that is larger than the limit: no white space, no members nobody reads, and of long strings
/// their beginnings.
#[derive(Default)]
struct Short {
    /// Offset of the entry in the input.
    start: u64,
    bytes: Vec<u8>,
    /// Inside of a member nobody reads.
    muted: bool,
    /// Even so it is larger than the limit.
    oversize: bool,
    /// Beginning of the string that was crossed last.
    text: Vec<u8>,
}

impl Short {
    fn push(&mut self, bytes: &[u8], limit: usize) {
        if self.muted || self.oversize {
            return;
        }
        if self.bytes.len().saturating_add(bytes.len()) > limit {
            self.oversize = true;
            self.bytes = Vec::new();
        } else {
            if self.bytes.capacity() == 0 {
                // To double it as it grows would take half as much again at the end. What is not used takes no memory.
                self.bytes.reserve_exact(limit);
            }
            self.bytes.extend_from_slice(bytes);
        }
    }
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
            loose: false,
            short: None,
            first_name: Vec::new(),
            last: (0, 0),
            unread: None,
            like_entry: false,
            reread: 0,
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

    /// Crosses a byte of an entry that is ahead.
    #[inline]
    pub(super) fn cross(&mut self, byte: u8) {
        self.advance(1);
        if let Some(short) = &mut self.short {
            short.push(&[byte], self.limit);
        }
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

    /// Keeps the bytes from the position on. Beyond the limit the window [halts](Halt::Large).
    pub(super) fn hold(&mut self) {
        self.release();
        self.held = Some(self.position);
    }

    /// Keeps the bytes from the position on, or nothing of them if they are more than the limit.
    pub(super) fn hold_loosely(&mut self) {
        self.hold();
        self.loose = true;
    }

    /// Gives up what is held.
    pub(super) fn release(&mut self) {
        self.held = None;
        self.loose = false;
        self.short = None;
        self.last = (0, 0);
        self.unread = None;
        self.like_entry = false;
        self.long.clear();
    }

    /// Whether the position is farther behind the start of what is held than the limit.
    pub(super) fn is_beyond(&self) -> bool {
        self.held.is_some_and(|held| self.position.saturating_sub(held) > self.limit)
    }

    /// Goes back to the start of what is held, which is larger than the limit, to [cross](Self::cross) it again while only
    /// its beginnings are kept.
    pub(super) fn shorten(&mut self) {
        let start = self.held.unwrap_or(self.position);
        self.release();
        self.position = start;
        self.short = Some(Short { start: self.offset(), ..Short::default() });
    }

    /// Whether what is held, or kept of it, is within the limit.
    pub(super) fn is_kept(&self) -> bool {
        match &self.short {
            Some(short) => !short.oversize,
            None => self.held.is_some() && !self.is_beyond(),
        }
    }

    /// Remembers what entries begin with; what is held is one.
    pub(super) fn learn(&mut self) {
        if self.first_name.is_empty() {
            self.first_name = first_name(self.entry().bytes).unwrap_or_default().to_vec();
        }
    }

    /// What is held, up to the position, or what is kept of it.
    pub(super) fn entry(&self) -> RawEntry<'_> {
        let held = || self.held.and_then(|held| self.buffer.get(held..self.position)).unwrap_or_default();
        RawEntry { bytes: self.short.as_ref().map_or_else(held, |short| &short.bytes), long: &self.long }
    }

    /// The content of the string that was crossed last, if something is held; of a very long one only the beginning.
    pub(super) fn last_string(&self) -> &[u8] {
        match (&self.short, self.held) {
            (Some(short), _) => &short.text,
            (None, Some(held)) => self.buffer.get(held + self.last.0..held + self.last.1).unwrap_or_default(),
            (None, None) => &[],
        }
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
            let length = end.unwrap_or(part.len());
            if let Some(short) = &mut self.short {
                short.push(part.get(..length).unwrap_or_default(), self.limit);
            }
            self.position += length;
            if end.is_some() {
                return Ok(());
            }
            self.refill()?;
        }
    }

    /// Crosses a string from behind its opening to behind its closing quotation mark.
    pub(super) fn string(&mut self) -> Result<(), Halt> {
        if self.short.is_some() {
            return self.long_string();
        }
        let start = self.held.map_or(0, |held| self.position.saturating_sub(held));
        let mut odd = false;
        loop {
            let part = self.buffer.get(self.position..self.filled).unwrap_or_default();
            if let Some(end) = closing_quote(part, odd) {
                self.position += end + 1;
                break;
            }
            odd = ends_in_escape(part, odd);
            self.position = self.filled;
            self.refill()?;
        }
        if let Some(held) = self.held {
            let end = self.position.saturating_sub(held + 1);
            self.last = (start, end);
            if end.saturating_sub(start) >= LONG {
                self.long.push(LongString { start, end, missing: 0 });
            }
        }
        Ok(())
    }

    /// Crosses a string of which only the beginning is kept.
    fn long_string(&mut self) -> Result<(), Halt> {
        /// More than it takes to see that a cut divides nothing.
        const MARGIN: usize = 16;
        let keep = (self.limit / 16).max(LONG);
        let (mut length, mut odd) = (0_usize, false);
        if let Some(short) = &mut self.short {
            short.text.clear();
        }
        loop {
            let part = self.buffer.get(self.position..self.filled).unwrap_or_default();
            let end = closing_quote(part, odd);
            let piece = end.and_then(|end| part.get(..end)).unwrap_or(part);
            length = length.saturating_add(piece.len());
            if let Some(short) = &mut self.short {
                let room = (keep + MARGIN).saturating_sub(short.text.len());
                short.text.extend_from_slice(piece.get(..room).unwrap_or(piece));
            }
            if end.is_some() {
                self.position += piece.len() + 1;
                break;
            }
            odd = ends_in_escape(part, odd);
            self.position = self.filled;
            if let Err(halt) = self.refill() {
                // What there is of it is kept without its end.
                self.keep_string(length, keep, false);
                return Err(halt);
            }
        }
        self.keep_string(length, keep, true);
        Ok(())
    }

    /// Keeps the beginning of a string of that length.
    fn keep_string(&mut self, length: usize, keep: usize, has_end: bool) {
        let Some(short) = &mut self.short else { return };
        let most = if length > keep { boundary(&short.text, keep) } else { length };
        short.text.truncate(most);
        let text = std::mem::take(&mut short.text);
        let start = short.bytes.len();
        short.push(&text, self.limit);
        if has_end || length > most {
            short.push(b"\"", self.limit);
        }
        let missing = length.saturating_sub(most) as u64;
        if !short.muted && !short.oversize && (has_end || missing > 0) && (missing > 0 || text.len() >= LONG) {
            self.long.push(LongString { start, end: start + text.len(), missing });
        }
        short.text = text;
    }

    /// Says that nobody reads the value that begins at the position.
    pub(super) fn skip_member(&mut self) {
        if let Some(short) = &mut self.short {
            // Something has to stand in the place of the value.
            short.push(b"0", self.limit);
            short.muted = true;
            self.unread = Some(0);
        } else {
            self.unread = self.held.map(|held| self.position.saturating_sub(held));
        }
    }

    /// Looks at the name of an object that is an element of an array inside of the entry, and is `first` in it. Where an
    /// entry's end is lost, the next ones are taken for elements of what it was in.
    ///
    /// What has a name that only entries have is one. In a value nobody reads, an extension's objects may have that name
    /// too; there one has to begin as an entry begins.
    pub(super) fn look_at_name(&mut self, first: bool) -> Result<(), Halt> {
        let name = self.last_string();
        let (is_started, is_unread) = (name == STARTED, self.unread.is_some());
        let is_like = first && is_unread && self.is_first_name(name);
        self.like_entry |= is_like;
        if is_started && (first || !is_unread) || is_like && self.short.is_some() {
            return Err(Halt::Damage(SWALLOWED));
        }
        Ok(())
    }

    /// Ends a member at the position.
    #[inline]
    pub(super) fn end_member(&mut self) -> Result<(), Halt> {
        let Some(start) = self.unread.take() else { return Ok(()) };
        let like_entry = std::mem::take(&mut self.like_entry);
        match (&mut self.short, self.held) {
            (Some(short), _) => short.muted = false,
            (None, Some(held)) if like_entry && self.position.saturating_sub(held + start) > UNREAD_MEMBER => {
                return Err(Halt::Damage(SWALLOWED));
            }
            _ => {}
        }
        Ok(())
    }

    fn is_first_name(&self, name: &[u8]) -> bool {
        name == self.first_name && !COMMON_NAMES.contains(&name)
    }

    /// Goes back to where the next entry is looked for: just behind the start of what is held, for where an entry's end is
    /// lost the next ones were taken for its members; in an entry that is not held, to just before the position. What is
    /// read again may not be more than what was read once.
    fn go_back(&mut self) {
        let far = match (&self.short, self.held) {
            (Some(short), _) => LOOKAHEAD.min(self.offset().saturating_sub(short.start + 1) as usize),
            (None, Some(held)) => self.position.saturating_sub(held + 1),
            (None, None) => 0,
        };
        let reread = self.reread.saturating_add(far as u64);
        if reread <= self.offset().saturating_add(REREAD) {
            self.reread = reread;
            self.position = self.position.saturating_sub(far);
        }
    }

    /// After damage, or the end of the input, inside of an entry: goes to the next object that begins as an entry does.
    /// `false` if there is none; what is held is still held then if the input had ended before.
    pub(super) fn resync(&mut self) -> Result<bool, Halt> {
        if self.ended && self.position == self.filled && self.short.is_some() {
            return Ok(false);
        }
        let (held, had_ended) = (self.held, self.ended);
        self.go_back();
        if !had_ended {
            self.release();
        }
        self.held = None;
        // The last byte before the position that is no white space.
        let mut before = 0;
        let last_of = |part: &[u8], before: u8| part.trim_ascii_end().last().copied().unwrap_or(before);
        loop {
            let Some(brace) = memchr(b'{', self.ahead()) else {
                before = last_of(self.ahead(), before);
                self.position = self.filled;
                if self.look_ahead(1)?.is_empty() {
                    self.held = held.filter(|_| had_ended);
                    return Ok(false);
                }
                continue;
            };
            before = last_of(self.ahead().get(..brace).unwrap_or_default(), before);
            self.position += brace;
            self.look_ahead(LOOKAHEAD)?;
            let name = first_name(self.ahead()).unwrap_or_default();
            let is_known = FIRST_NAMES.contains(&name) || name.starts_with(b"_") || self.is_first_name(name);
            if before != b':' && is_known {
                self.release();
                return Ok(true);
            }
            before = b'{';
            self.position += 1;
        }
    }

    /// Reads more. What is before the held bytes, or the position, is given up.
    fn refill(&mut self) -> Result<(), Halt> {
        if self.held.is_some_and(|held| self.filled.saturating_sub(held) > self.limit) {
            if !self.loose {
                return Err(Halt::Large);
            }
            self.release();
        }
        if self.ended {
            return Err(Halt::End);
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
        // After damage in an entry that is not held, the next one is looked for from a little before.
        let near = if self.short.is_some() { LOOKAHEAD } else { 0 };
        let from = self.held.unwrap_or(self.position.saturating_sub(near));
        self.buffer.copy_within(from..self.filled, 0);
        self.filled -= from;
        self.position -= from;
        self.held = self.held.map(|_| 0);
        if self.buffer.len().saturating_sub(self.filled) < ROOM {
            let most = self.limit.saturating_add(2 * READ).max(self.filled + READ);
            let size = self.buffer.len().saturating_mul(2).min(most);
            self.buffer.resize(size.max(self.buffer.len()), 0);
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
