//! Finds the entries of a HAR, wherever in the document they are, and hands them out one by one.
//!
//! The scanner knows JSON's grammar only as far as strings, nesting and the order of tokens go. The order is checked
//! because that is what finds damage: a lost quotation mark swaps what is inside and outside of strings, and the next
//! token then stands where none can. From there the scanner goes on with the next object that begins as an entry
//! begins, so that one broken entry costs one entry.

use std::io::{self, Read};

use memchr::memmem;

use super::{
    json::{Flaw, blanks},
    model,
    window::{Halt, RawEntry, Window},
};
use crate::limits::Limits;

/// Bytes asked for at once when the scanner looks for the array of entries after damage.
const LOOKAHEAD: usize = 512;

/// What the scanner found next.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// A complete entry.
    Entry(RawEntry<'a>),
    /// An element of `entries` that could not be read, and why.
    Skipped(&'static str),
    /// An entry that is larger than `Limits::entry` even without its long strings.
    TooLarge,
    /// The value of `log.creator`.
    Creator(RawEntry<'a>),
    /// The value of `log._inspector`: what the recording this one was made of lacked. Nothing of it, if it is too long.
    Losses(RawEntry<'a>),
    /// Damage outside of entries that hides none: what, in a few words.
    Damaged(&'static str),
    /// Damage outside of entries in which entries can be lost.
    Hiding(&'static str),
    /// Damage before any entries, and none behind it.
    Hopeless(&'static str),
    /// The input ends inside a value that begins at this offset. If that is an entry, or one was to follow: what there is
    /// of it.
    Cut(u64, Option<RawEntry<'a>>),
}

/// A [`Piece`] whose bytes are still held.
enum Step {
    Nothing,
    Entry,
    Creator,
    Losses,
    TooLarge,
    Skipped(&'static str),
    Damaged(&'static str),
    Hiding(&'static str),
}

/// Where in the document the scanner stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    /// In the outermost object.
    Top,
    /// In the `log` object.
    Log,
    /// In an array of entries, which is a value of that object, or the document itself.
    Entries(Around),
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Top,
    Log,
}

/// What may come next inside a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    /// A value, or the end of the array.
    Element,
    /// A name, or the end of the object.
    Name,
    Colon,
    /// A comma, or the end of the array or object.
    Separator,
}

impl Expect {
    const fn missed(self) -> &'static str {
        match self {
            Self::Value | Self::Element => "a value is missing or damaged",
            Self::Name => "a member's name is missing or damaged",
            Self::Colon => "a member's value is missing",
            Self::Separator => "a comma or closing bracket is missing, or a quotation mark is too many",
        }
    }
}

/// The containers around a position. Their kinds are remembered 128 levels deep; below, either bracket closes.
#[derive(Default)]
struct Nest {
    depth: u64,
    objects: u128,
    /// Containers that are elements of an array.
    elements: u128,
}

impl Nest {
    fn bit(&self) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(self.depth.saturating_sub(1)).ok()?)
    }

    /// Whether the innermost container is an object, if that is remembered.
    fn in_object(&self) -> Option<bool> {
        self.bit().map(|bit| self.objects & bit != 0)
    }

    /// Whether the innermost container is an element of an array, if that is remembered.
    fn is_element(&self) -> bool {
        self.bit().is_some_and(|bit| self.elements & bit != 0)
    }

    fn open(&mut self, object: bool, element: bool) {
        self.depth = self.depth.saturating_add(1);
        if let Some(bit) = self.bit() {
            self.objects = if object { self.objects | bit } else { self.objects & !bit };
            self.elements = if element { self.elements | bit } else { self.elements & !bit };
        }
    }

    /// Leaves the innermost container, unless `bracket` does not close it.
    fn close(&mut self, bracket: u8) -> bool {
        let fits = self.in_object().is_none_or(|object| object == (bracket == b'}'));
        if fits {
            self.depth = self.depth.saturating_sub(1);
        }
        fits
    }
}

/// Bytes of white space and commas before an entry.
pub(super) fn between_entries(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += blanks(bytes.get(at..).unwrap_or_default());
        if bytes.get(at) != Some(&b',') {
            return at;
        }
        at += 1;
    }
}

/// Hands out the pieces of one HAR.
pub(crate) struct Scanner<'r> {
    window: Window<'r>,
    place: Place,
    found: bool,
    /// The document being read has no array of entries so far.
    is_bare: bool,
    /// An entry began, or a comma promised one.
    promised: bool,
}

impl<'r> Scanner<'r> {
    /// A scanner of `input`.
    pub(crate) fn new(input: &'r mut dyn Read, limits: &Limits) -> Self {
        Self {
            window: Window::new(input, limits.entry),
            place: Place::Start,
            found: false,
            is_bare: true,
            promised: false,
        }
    }

    /// Whether an array of entries was found.
    pub(crate) const fn found_entries(&self) -> bool {
        self.found
    }

    /// The next piece; `None` at the end of the document.
    ///
    /// # Errors
    /// Those of the input.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.window.release();
        let mut start = self.window.offset();
        loop {
            let step = match self.place {
                Place::End => return Ok(None),
                Place::Start => self.document(),
                Place::Top | Place::Log => self.member(),
                Place::Entries(around) => self.element(around, &mut start),
            };
            match step {
                Ok(Step::Nothing) => {}
                Ok(Step::Entry) => return Ok(Some(Piece::Entry(self.window.entry()))),
                Ok(Step::Creator) => return Ok(Some(Piece::Creator(self.window.entry()))),
                Ok(Step::Losses) => return Ok(Some(Piece::Losses(self.window.entry()))),
                Ok(Step::TooLarge) => return Ok(Some(Piece::TooLarge)),
                Ok(Step::Skipped(why)) => return Ok(Some(Piece::Skipped(why))),
                Ok(Step::Damaged(what)) if self.found => return Ok(Some(Piece::Damaged(what))),
                Ok(Step::Hiding(what)) if self.found => return Ok(Some(Piece::Hiding(what))),
                Ok(Step::Damaged(what) | Step::Hiding(what)) => return Ok(Some(Piece::Hopeless(what))),
                Err(Halt::End) => return Ok(Some(self.cut(start))),
                Err(Halt::Damage(what)) => return self.damage(what).map(Some),
                // Nothing but entries is held to be handed out.
                Err(Halt::Large) => self.window.release(),
                Err(Halt::Io(error)) => return Err(error),
            }
        }
    }

    /// What is left where the input ends. A document that follows another and shows no entries hides them.
    fn cut(&mut self, start: u64) -> Piece<'_> {
        self.place = Place::End;
        Piece::Cut(start, (self.promised || (self.found && self.is_bare)).then(|| self.window.entry()))
    }

    /// Goes on behind damage outside of entries.
    fn damage(&mut self, what: &'static str) -> io::Result<Piece<'static>> {
        let was_found = self.found;
        match self.find_entries() {
            Err(Halt::Io(error)) => Err(error),
            _ if was_found => Ok(Piece::Hiding(what)),
            _ if self.found => Ok(Piece::Damaged(what)),
            _ => Ok(Piece::Hopeless(what)),
        }
    }

    /// Whether it stands between two entries, behind the first complete one: what that begins with is needed to tell
    /// others.
    pub(crate) fn is_among_entries(&self) -> bool {
        matches!(self.place, Place::Entries(_)) && !self.window.first_name().is_empty()
    }

    /// The window.
    pub(super) const fn window(&mut self) -> &mut Window<'r> {
        &mut self.window
    }

    /// Hands out the next entry by `read`, which is given the bytes it begins with and yields what it made of it and its
    /// length. Of what `read` refuses nothing is crossed: the next piece tells what it is.
    ///
    /// # Errors
    /// Those of the input.
    pub(crate) fn entry_by<T>(
        &mut self,
        mut read: impl FnMut(&[u8]) -> Result<(T, usize), Flaw>,
    ) -> io::Result<Option<T>> {
        if !self.is_among_entries() {
            return Ok(None);
        }
        self.window.release();
        loop {
            let ahead = self.window.ahead();
            let between = between_entries(ahead);
            let entry = ahead.get(between..).unwrap_or_default();
            match read(entry) {
                Ok((value, length)) => {
                    self.window.advance(between + length);
                    self.promised = false;
                    return Ok(Some(value));
                }
                Err(Flaw::End) if self.window.read_on()? => {}
                Err(_) => return Ok(None),
            }
        }
    }

    /// Reads the start of the document.
    fn document(&mut self) -> Result<Step, Halt> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if self.window.look_ahead(BYTE_ORDER_MARK.len())?.starts_with(BYTE_ORDER_MARK) {
            self.window.advance(BYTE_ORDER_MARK.len());
        }
        self.place = match self.window.significant()? {
            b'{' => Place::Top,
            b'[' => Place::Entries(Around::Nothing),
            _ => {
                self.place = Place::End;
                return Ok(Step::Damaged("it does not begin as JSON does"));
            }
        };
        self.found |= self.place != Place::Top;
        self.is_bare = self.place == Place::Top;
        self.window.advance(1);
        Ok(Step::Nothing)
    }

    /// Reads one member of the outermost or the `log` object.
    fn member(&mut self) -> Result<Step, Halt> {
        match self.window.significant()? {
            b',' => {
                self.window.advance(1);
                return Ok(Step::Nothing);
            }
            b'}' if self.place == Place::Log => return Ok(self.leave(Place::Top)),
            b'}' => return self.end(),
            b'"' => {}
            _ => return Err(Halt::Damage(Expect::Name.missed())),
        }
        self.window.advance(1);
        self.window.hold_loosely();
        self.window.string()?;
        let name = self.window.last_string();
        let (entries, log, creator) = (name == b"entries", name == b"log", name == b"creator");
        let losses = name == b"_inspector";
        self.window.release();
        if self.window.significant()? != b':' {
            return Err(Halt::Damage(Expect::Colon.missed()));
        }
        self.window.advance(1);
        match (self.place, self.window.significant()?) {
            (Place::Log, b'[') if entries => Ok(self.enter(Around::Log)),
            (_, b'[') if entries => Ok(self.enter(Around::Top)),
            (Place::Top, b'{') if log => Ok(self.leave(Place::Log)),
            (Place::Log, b'{') if creator => {
                self.window.hold_loosely();
                self.value(true)?;
                Ok(if self.window.is_kept() { Step::Creator } else { Step::Nothing })
            }
            (Place::Log, _) if losses => {
                self.window.hold_loosely();
                self.value(false)?;
                if !self.window.is_kept() {
                    self.window.release();
                }
                Ok(Step::Losses)
            }
            _ => self.value(false).map(|()| Step::Nothing),
        }
    }

    fn enter(&mut self, around: Around) -> Step {
        self.found = true;
        self.is_bare = false;
        self.leave(Place::Entries(around))
    }

    /// Goes over a bracket into another place.
    fn leave(&mut self, place: Place) -> Step {
        self.window.advance(1);
        self.place = place;
        self.promised = false;
        Step::Nothing
    }

    /// Goes over the document's last bracket.
    fn end(&mut self) -> Result<Step, Halt> {
        const BARE: &str = "a document that follows another has no entries that could be found";
        self.leave(Place::End);
        let is_hiding = self.found && self.is_bare;
        match self.window.significant() {
            // Archives that were joined without their brackets: the next is read like the first.
            Ok(b'{' | b'[') => {
                self.place = Place::Start;
                let what = "another document follows the first, and was read like it";
                Ok(if is_hiding { Step::Hiding(BARE) } else { Step::Damaged(what) })
            }
            Ok(_) => {
                let what = "bytes behind the end of the document were not read";
                self.place = Place::Top;
                let is_hiding = self.find_entries()? || is_hiding;
                Ok(if is_hiding { Step::Hiding(what) } else { Step::Damaged(what) })
            }
            Err(Halt::End) => Ok(if is_hiding { Step::Hiding(BARE) } else { Step::Nothing }),
            Err(halt) => Err(halt),
        }
    }

    /// Reads one element of `entries`. `start` becomes its offset.
    fn element(&mut self, around: Around, start: &mut u64) -> Result<Step, Halt> {
        let byte = self.window.significant()?;
        *start = self.window.offset();
        match (byte, around) {
            (b',', _) => {
                self.window.advance(1);
                *start = self.window.offset();
                self.promised = true;
                return Ok(Step::Nothing);
            }
            (b']', Around::Log) => return Ok(self.leave(Place::Log)),
            (b']', Around::Top) => return Ok(self.leave(Place::Top)),
            (b']', Around::Nothing) => return self.end(),
            (b'}' | b':', _) => {
                self.resync()?;
                return Ok(Step::Hiding("a bracket or colon between entries that belongs to nothing"));
            }
            (b'{', _) => self.window.hold(),
            _ => {}
        }
        self.promised = true;
        let step = match self.whole(byte == b'{') {
            Ok(()) if byte != b'{' => Ok(Step::Skipped("it is no object")),
            Ok(()) => {
                let is_kept = self.window.is_kept();
                self.window.learn();
                Ok(if is_kept { Step::Entry } else { Step::TooLarge })
            }
            Err(Halt::Damage(why)) => {
                self.resync()?;
                Ok(Step::Skipped(why))
            }
            // An entry without its end swallows those behind it; without any, the input was cut off.
            Err(Halt::End) if byte == b'{' && self.window.resync()? => Ok(Step::Skipped("its end is missing")),
            Err(halt) => Err(halt),
        };
        self.promised &= step.is_err();
        step
    }

    /// Crosses an element of `entries`, again from its start if it turns out to be larger than the limit.
    fn whole(&mut self, is_object: bool) -> Result<(), Halt> {
        let result = self.value(is_object);
        let is_large = match &result {
            Err(Halt::Large) => true,
            Ok(()) | Err(Halt::Damage(_)) => self.window.is_beyond(),
            Err(Halt::End | Halt::Io(_)) => false,
        };
        if is_large {
            self.window.shorten();
            return self.value(is_object);
        }
        result
    }

    /// Crosses one value. `entry`: large members at its first level that nobody reads are dropped.
    fn value(&mut self, entry: bool) -> Result<(), Halt> {
        let mut nest = Nest::default();
        let mut expect = Expect::Value;
        // The first member of an object that is an element comes next.
        let mut is_first = false;
        loop {
            let byte = self.window.significant()?;
            expect = match (expect, byte) {
                _ if nest.in_object().is_none() => self.deep(&mut nest, byte)?,
                (Expect::Value | Expect::Element, b'"') => {
                    self.window.cross(b'"');
                    self.window.string()?;
                    Expect::Separator
                }
                (Expect::Name, b'"') => {
                    self.name(entry.then_some(&nest), is_first)?;
                    is_first = false;
                    Expect::Value
                }
                (Expect::Value | Expect::Element, b'{' | b'[') => {
                    self.window.cross(byte);
                    nest.open(byte == b'{', expect == Expect::Element);
                    is_first = byte == b'{' && expect == Expect::Element;
                    if byte == b'{' { Expect::Name } else { Expect::Element }
                }
                (Expect::Separator, b',') => {
                    self.window.cross(b',');
                    if nest.in_object().unwrap_or(true) { Expect::Name } else { Expect::Element }
                }
                (Expect::Separator, b'}' | b']') | (Expect::Element, b']') | (Expect::Name, b'}') => {
                    if !nest.close(byte) {
                        return Err(Halt::Damage("its brackets do not match"));
                    }
                    self.window.cross(byte);
                    is_first = false;
                    Expect::Separator
                }
                (Expect::Value | Expect::Element, b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z') => {
                    self.window.literal()?;
                    Expect::Separator
                }
                _ => return Err(Halt::Damage(expect.missed())),
            };
            if expect == Expect::Separator && nest.depth <= 1 {
                if nest.depth == 0 {
                    return Ok(());
                }
                self.window.end_member()?;
            }
        }
    }

    /// Crosses one token so deep inside that the kind of its container is not remembered.
    fn deep(&mut self, nest: &mut Nest, byte: u8) -> Result<Expect, Halt> {
        match byte {
            b'{' | b'[' => nest.open(byte == b'{', false),
            b'}' | b']' => _ = nest.close(byte),
            b',' | b':' => {}
            b'"' => {
                self.window.cross(b'"');
                return self.window.string().map(|()| Expect::Separator);
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                return self.window.literal().map(|()| Expect::Separator);
            }
            _ => return Err(Halt::Damage(Expect::Value.missed())),
        }
        self.window.cross(byte);
        Ok(Expect::Separator)
    }

    /// Crosses a member's name and its colon. `inside`: where in an entry it is, if it is in one. `is_first`: it is the
    /// first of an object that is an element.
    fn name(&mut self, inside: Option<&Nest>, is_first: bool) -> Result<(), Halt> {
        self.window.cross(b'"');
        self.window.string()?;
        let name = self.window.last_string();
        let read = inside.is_none_or(|nest| nest.depth > 1) || name.is_empty() || model::reads_member(name);
        if inside.is_some_and(|nest| nest.depth > 1 && nest.is_element()) {
            self.window.look_at_name(is_first)?;
        }
        if self.window.significant()? != b':' {
            return Err(Halt::Damage(Expect::Colon.missed()));
        }
        self.window.cross(b':');
        if !read {
            self.window.skip_member();
        }
        Ok(())
    }

    /// Goes to the next entry behind damage: `false` if there is none.
    fn resync(&mut self) -> Result<bool, Halt> {
        let found = self.window.resync()?;
        if !found {
            self.place = Place::End;
        }
        Ok(found)
    }

    /// After damage outside of entries: goes to the array of entries, if it was not found before, else to what begins as an
    /// entry does. Whether there was any.
    fn find_entries(&mut self) -> Result<bool, Halt> {
        const NAME: &[u8] = b"\"entries\"";
        self.window.release();
        let around = if self.place == Place::Log { Around::Log } else { Around::Top };
        self.place = Place::End;
        if self.found {
            let is_there = self.window.resync()?;
            if is_there {
                self.place = Place::Entries(around);
                self.is_bare = false;
            }
            return Ok(is_there);
        }
        while !self.found {
            let ahead = self.window.look_ahead(LOOKAHEAD)?;
            let Some(at) = memmem::find(ahead, NAME) else {
                if ahead.len() < LOOKAHEAD {
                    return Ok(false);
                }
                let searched = ahead.len() - (NAME.len() - 1);
                self.window.advance(searched);
                continue;
            };
            self.window.advance(at + NAME.len());
            if self.window.significant()? == b':' {
                self.window.advance(1);
                if self.window.significant()? == b'[' {
                    self.enter(around);
                }
            }
        }
        Ok(true)
    }
}
