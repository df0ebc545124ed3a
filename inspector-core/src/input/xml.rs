//! XML as exporters write it, piece by piece and in bounded memory. Entities are never expanded, but for the five that XML
//! itself has and for characters by number; a document type is gone over, whatever it declares.

use std::io::{self, BufRead, Read};

use quick_xml::{Reader, events};

use super::ReadError;
use crate::{limits::Limits, note::NoteKind, probe::Probe};

/// The documents whose root has one of these names: `Certain` where it stands, `Likely` while it may still come.
pub(crate) fn probe(head: &[u8], roots: &[&[u8]]) -> Probe {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    loop {
        let end = match rest {
            [] | [b'<'] => return Probe::Likely,
            [b'<', b'?', ..] => memchr::memmem::find(rest, b"?>").map(|at| at + 2),
            [b'<', b'!', b'-', ..] => memchr::memmem::find(rest, b"-->").map(|at| at + 3),
            [b'<', b'!', ..] => doctype_end(rest),
            [b'<', name @ ..] => {
                let length = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
                let root = name.get(..length).unwrap_or_default();
                if roots.contains(&root) && name.len() > length {
                    return Probe::Certain;
                }
                let may_come = name.len() == length && roots.iter().any(|known| known.starts_with(root));
                return if may_come { Probe::Likely } else { Probe::No };
            }
            _ => return Probe::No,
        };
        let Some(after) = end.and_then(|end| rest.get(end..)) else { return Probe::Likely };
        rest = after.trim_ascii_start();
    }
}

/// Where a document type ends: behind the `>` that stands in no brackets.
fn doctype_end(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'>' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Attributes of an element that are kept.
const ATTRIBUTES: usize = 256;

/// Most bytes of an element's attributes, as they stand.
const ATTRIBUTES_TOTAL: usize = 1 << 20;

/// Bytes of a text from which on it takes its room along instead of being copied.
const LONG: usize = 16 << 10;

/// A piece of a document.
pub(crate) enum Event {
    /// An element begins.
    Open {
        /// Its name.
        name: String,
        /// Names and values of its attributes.
        attributes: Vec<(String, String)>,
    },
    /// Some of an element's text.
    Text(Vec<u8>),
    /// An element ends.
    Close(String),
    /// Something is larger than what is kept; nothing more is read.
    TooLarge,
    /// The document is over; what is wrong with its end, if something is.
    End(Option<NoteKind>),
}

/// A document.
pub(crate) struct Xml<'i> {
    reader: Reader<Bounded<'i>>,
    buffer: Vec<u8>,
    limit: usize,
    /// An element without content is told as begun; its end follows.
    closing: Option<String>,
    is_over: bool,
}

impl<'i> Xml<'i> {
    pub(crate) fn new(input: &'i mut dyn BufRead, limits: &Limits) -> Self {
        let mut reader = Reader::from_reader(Bounded { input, left: limits.entry });
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.check_comments = false;
        Self { reader, buffer: Vec::new(), limit: limits.entry, closing: None, is_over: false }
    }

    /// Bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.reader.buffer_position()
    }

    /// The next piece.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn next(&mut self) -> Result<Event, ReadError> {
        if let Some(name) = self.closing.take() {
            return Ok(Event::Close(name));
        }
        loop {
            if self.is_over {
                return Ok(Event::End(None));
            }
            self.buffer.clear();
            self.reader.get_mut().left = self.limit;
            let offset = self.reader.buffer_position();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => event,
                Err(quick_xml::Error::Io(error)) if error.kind() == io::ErrorKind::FileTooLarge => {
                    self.is_over = true;
                    self.buffer = Vec::new();
                    return Ok(Event::TooLarge);
                }
                Err(quick_xml::Error::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                    return Err(ReadError::Io(io::Error::new(error.kind(), error.to_string())));
                }
                Err(_) => {
                    self.is_over = true;
                    return Ok(Event::End(Some(NoteKind::TruncatedInput { offset })));
                }
            };
            let event = match event {
                events::Event::Start(start) | events::Event::Empty(start) if start.len() > ATTRIBUTES_TOTAL => {
                    self.is_over = true;
                    Event::TooLarge
                }
                events::Event::Start(start) => open(&start),
                events::Event::Empty(start) => {
                    let event = open(&start);
                    if let Event::Open { name, .. } = &event {
                        self.closing = Some(name.clone());
                    }
                    event
                }
                events::Event::End(end) => Event::Close(String::from_utf8_lossy(end.name().as_ref()).into_owned()),
                events::Event::Text(text) => {
                    let place = Place::of(&text);
                    place.take_from(&mut self.buffer)
                }
                events::Event::CData(text) => {
                    let place = Place::of(&text);
                    place.take_from(&mut self.buffer)
                }
                events::Event::GeneralRef(name) => {
                    let mut text = Vec::new();
                    reference(&name, &mut text);
                    Event::Text(text)
                }
                events::Event::Eof => {
                    self.is_over = true;
                    Event::End(None)
                }
                _ => continue,
            };
            if self.buffer.capacity() > 4 * LONG {
                self.buffer = Vec::new();
            }
            return Ok(event);
        }
    }
}

/// Where a text lies.
struct Place {
    address: usize,
    length: usize,
}

impl Place {
    fn of(text: &[u8]) -> Self {
        Self { address: text.as_ptr().addr(), length: text.len() }
    }

    /// The text, which lies in this buffer.
    fn take_from(&self, buffer: &mut Vec<u8>) -> Event {
        let start = self.address.wrapping_sub(buffer.as_ptr().addr());
        let range = start..start.saturating_add(self.length);
        if self.length < LONG || buffer.get(range.clone()).is_none() {
            return Event::Text(buffer.get(range).unwrap_or_default().to_vec());
        }
        let mut text = std::mem::take(buffer);
        text.truncate(range.end);
        text.drain(..start);
        Event::Text(text)
    }
}

/// Puts a piece behind a text.
pub(crate) fn append(text: &mut Vec<u8>, piece: Vec<u8>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.extend(piece);
    }
}

fn open(start: &events::BytesStart<'_>) -> Event {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut attributes = start.attributes();
    let attributes = attributes.with_checks(false).flatten().take(ATTRIBUTES);
    let attributes = attributes.map(|one| (text(one.key.as_ref()), text(&unescaped(&one.value)))).collect();
    Event::Open { name: text(start.name().as_ref()), attributes }
}

/// A value without its references.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some(at) = memchr::memchr(b'&', rest) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, b""));
        out.extend_from_slice(before);
        let end = memchr::memchr(b';', after).filter(|end| *end <= 12);
        match end.and_then(|end| Some((after.get(1..end)?, after.get(end + 1..)?))) {
            Some((name, later)) => {
                reference(name, &mut out);
                rest = later;
            }
            None => {
                out.push(b'&');
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What a reference stands for, if XML itself says so; else the reference as it stands.
fn reference(name: &[u8], out: &mut Vec<u8>) {
    let number = |digits: &[u8], radix| u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
    let letter = match name {
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"amp" => Some('&'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16).and_then(char::from_u32),
        [b'#', digits @ ..] => number(digits, 10).and_then(char::from_u32),
        _ => None,
    };
    match letter {
        Some(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            out.push(b'&');
            out.extend_from_slice(name);
            out.push(b';');
        }
    }
}

/// Fails where one piece of a document takes more than it may.
struct Bounded<'i> {
    input: &'i mut dyn BufRead,
    left: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.input.read(to)
    }
}

impl BufRead for Bounded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.input.consume(count);
    }
}
