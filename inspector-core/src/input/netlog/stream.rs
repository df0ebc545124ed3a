//! The file as a stream: the members of the object, and the events of its list one by one.
//!
//! Chrome writes an event a line, and the list is most of the file. A line that ends as an event does is taken as one
//! without looking at what is in it; anything else (a file that a tool has laid out anew) is followed brace by brace.

use std::io::{self, Read};

use memchr::memchr;

/// Read at once, in bytes.
const PIECE: usize = 256 << 10;

/// The input, of which a part is at hand.
pub(in crate::input) struct Source<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    /// What is used up of the buffer.
    start: usize,
    /// Bytes of the input before the buffer.
    before: u64,
    is_over: bool,
    limit: usize,
}

/// What came of asking for a value.
pub(in crate::input) enum Taken {
    /// So many bytes at the front are one.
    Value(usize),
    /// It was larger than what is kept and was gone over.
    TooLarge,
    /// The input ends inside it.
    Cut,
}

impl<'r> Source<'r> {
    /// At most `limit` bytes are at hand for one value.
    pub(in crate::input) fn new(input: &'r mut dyn Read, limit: usize) -> Self {
        Self { input, buffer: Vec::with_capacity(PIECE), start: 0, before: 0, is_over: false, limit }
    }

    /// What is at hand.
    pub(in crate::input) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    pub(in crate::input) fn offset(&self) -> u64 {
        self.before + self.start as u64
    }

    pub(in crate::input) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }

    /// Reads more behind what is at hand; `false` at the end.
    pub(in crate::input) fn more(&mut self) -> io::Result<bool> {
        if self.is_over {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.before += self.start as u64;
            self.start = 0;
        }
        let length = self.buffer.len();
        self.buffer.resize(length + PIECE, 0);
        let read = match self.input.read(self.buffer.get_mut(length..).unwrap_or_default()) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => {
                self.buffer.truncate(length);
                return Err(error);
            }
        };
        self.buffer.truncate(length + read);
        self.is_over = read == 0;
        Ok(read > 0)
    }

    /// The next byte that is no white space and no comma, without using it up.
    pub(in crate::input) fn next(&mut self) -> io::Result<Option<u8>> {
        loop {
            let blank = self.bytes().iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b',').count();
            self.consume(blank);
            if let Some(byte) = self.bytes().first() {
                return Ok(Some(*byte));
            }
            if !self.more()? {
                return Ok(None);
            }
        }
    }

    /// Looks for the end of the event at the front: the fast way by its line, else by its braces.
    pub(in crate::input) fn event(&mut self) -> io::Result<Taken> {
        loop {
            match memchr(b'\n', self.bytes()) {
                Some(at) => {
                    let line = self.bytes().get(..at).unwrap_or_default().trim_ascii_end();
                    let line = line.strip_suffix(b",").unwrap_or(line);
                    if event_type(line).is_some() {
                        return Ok(Taken::Value(line.len()));
                    }
                    break;
                }
                None if self.bytes().len() <= self.limit && self.more()? => {}
                None => break,
            }
        }
        self.value()
    }

    /// Looks for the end of the value at the front.
    pub(in crate::input) fn value(&mut self) -> io::Result<Taken> {
        let mut braces = Braces::default();
        let mut seen = 0;
        let mut is_large = false;
        loop {
            let bytes = self.bytes();
            if let Some(end) = braces.end(bytes.get(seen..).unwrap_or_default()) {
                let length = seen + end;
                if is_large {
                    self.consume(length);
                    return Ok(Taken::TooLarge);
                }
                return Ok(Taken::Value(length));
            }
            seen = bytes.len();
            if seen > self.limit {
                is_large = true;
            }
            if is_large {
                self.consume(seen);
                seen = 0;
            }
            if !self.more()? {
                return Ok(Taken::Cut);
            }
        }
    }
}

/// The number of an event's type, if the text ends as Chrome's events do: `"time":"1234","type":105}`.
pub(in crate::input) fn event_type(text: &[u8]) -> Option<u32> {
    let rest = text.strip_suffix(b"}")?;
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, number) = rest.split_at_checked(rest.len() - digits)?;
    let rest = rest.strip_suffix(b"\",\"type\":")?;
    let time = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_event = rest.get(..rest.len() - time)?.ends_with(b",\"time\":\"") && text.starts_with(b"{");
    std::str::from_utf8(number).ok()?.parse().ok().filter(|_| is_event)
}

/// Follows a value to its end.
#[derive(Default)]
struct Braces {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// A number or a word.
    bare: bool,
}

impl Braces {
    /// Where the value ends in these bytes, which follow those before.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    // The end of what the value is in.
                    if self.depth == 0 {
                        return Some(at);
                    }
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                b',' | b'\n' | b' ' if self.depth == 0 && self.bare => return Some(at),
                _ if self.depth == 0 && !byte.is_ascii_whitespace() => self.bare = true,
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_by_its_end() {
        let table: &[(&[u8], Option<u32>)] = &[
            (br#"{"phase":1,"source":{"id":5,"start_time":"1","type":1},"time":"12","type":105}"#, Some(105)),
            (br#"{"phase":1,"source":{"id":5,"start_time":"1","type":1}"#, None),
            (br#""time":"12","type":105}"#, None),
            (b"}", None),
            (b"", None),
        ];
        for (text, wanted) in table {
            assert_eq!(event_type(text), *wanted);
        }
    }

    #[test]
    fn values_end_where_their_braces_do() {
        let table: &[(&[u8], Option<usize>)] =
            &[(br#"{"a":"}\"","b":[1,{}]},"#, Some(22)), (b"12,", Some(2)), (b"\"a,b\"]", Some(5)), (b"{\"a\":", None)];
        for (text, wanted) in table {
            assert_eq!(Braces::default().end(text), *wanted, "{}", String::from_utf8_lossy(text));
            let mut braces = Braces::default();
            let end = (0..text.len()).find_map(|at| braces.end(&text[at..=at]).map(|end| at + end));
            assert_eq!(end, *wanted);
        }
    }
}
