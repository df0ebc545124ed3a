//! Chunked transfer coding (RFC 9112 §7.1) as a state machine over pieces of any size.
//!
//! ```text
//! 1a; name=value CRLF          size in hexadecimal, extensions to the end of the line
//! 26 bytes of content CRLF
//! 0 CRLF                       last chunk; the trailer section follows and is not this module's
//! ```
//!
//! Recordings hold what servers and evasion tools really send, so reading is lenient as long as the sizes stay
//! readable, and [`Chunked::damaged`] tells: blanks around the size, text after it, empty lines before it (which are
//! no last chunk: `httparse::parse_chunk_size` reads them as one), a missing line end after the content.

use memchr::memchr;

/// Where the decoder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size line.
    Size {
        size: u64,
        /// A digit was seen.
        digits: bool,
        /// The digits are over and so are the blanks behind them; the rest is skipped to the end of the line.
        rest: bool,
        /// Blanks follow the digits.
        blank: bool,
        /// The byte before was CR.
        cr: bool,
        /// Bytes of the line so far.
        length: u32,
    },
    /// In a chunk's content.
    Data { left: u64 },
    /// Behind it, before the line end.
    AfterData { cr: bool },
    /// The last chunk was seen.
    Last,
    /// A size was not readable.
    Broken,
}

const SIZE: State = State::Size { size: 0, digits: false, rest: false, blank: false, cr: false, length: 0 };

/// Longest size line, with its extensions.
const SIZE_LINE: u32 = 16 << 10;

/// Decodes one chunked content.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// The coding breaks the grammar and was read leniently, or could not be read.
    pub damaged: bool,
    /// A line ended in LF without CR.
    pub bare_lf: bool,
}

/// What a step of [`Chunked::step`] met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'i> {
    /// All input is used up.
    More,
    /// Content.
    Data(&'i [u8]),
    /// The last chunk: the trailer section follows.
    Last,
    /// A size is not readable; framing is lost.
    Broken,
}

impl Default for Chunked {
    fn default() -> Self {
        Self { state: SIZE, damaged: false, bare_lf: false }
    }
}

impl Chunked {
    /// Reads on; returns how many bytes of `input` it used, and what it met. Call again with the rest.
    pub fn step<'i>(&mut self, input: &'i [u8]) -> (usize, Step<'i>) {
        let mut used = 0;
        while let Some(byte) = input.get(used) {
            match &mut self.state {
                State::Data { left } => {
                    let rest = input.get(used..).unwrap_or_default();
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::AfterData { cr: false };
                    }
                    return (used + take, Step::Data(rest.get(..take).unwrap_or_default()));
                }
                State::Size { rest: true, cr, length, .. } if !matches!(byte, b'\n') => {
                    let rest = input.get(used..).unwrap_or_default();
                    let skip = memchr(b'\n', rest).unwrap_or(rest.len());
                    self.damaged |= *cr && skip > 0;
                    *cr = rest.get(..skip).and_then(<[u8]>::last) == Some(&b'\r');
                    *length = length.saturating_add(u32::try_from(skip).unwrap_or(u32::MAX));
                    used += skip;
                    if *length > SIZE_LINE {
                        self.fail();
                    }
                }
                State::Last => return (used, Step::Last),
                State::Broken => return (used, Step::Broken),
                _ => {
                    let byte = *byte;
                    if self.byte(byte) {
                        used += 1;
                    }
                }
            }
        }
        match self.state {
            State::Last => (used, Step::Last),
            State::Broken => (used, Step::Broken),
            _ => (used, Step::More),
        }
    }

    /// One byte of a size line or of the line end after a content. Whether it is used up.
    fn byte(&mut self, byte: u8) -> bool {
        match &mut self.state {
            State::Size { size, digits, rest, blank, cr, length } => {
                *length += 1;
                match byte {
                    b'\n' if *digits => {
                        self.bare_lf |= !*cr;
                        self.state = if *size == 0 { State::Last } else { State::Data { left: *size } };
                    }
                    b'\r' if *digits => {
                        *rest = true;
                        *cr = true;
                    }
                    b' ' | b'\t' if *digits => *blank = true,
                    b';' if *digits => *rest = true,
                    _ if *blank => {
                        self.damaged = true;
                        *rest = true;
                    }
                    b'\r' | b'\n' | b' ' | b'\t' | b'\x0b' | b'\x0c' if !*digits && *length < SIZE_LINE => {
                        self.damaged = true;
                    }
                    _ => match (char::from(byte).to_digit(16), size.checked_mul(16)) {
                        (Some(digit), Some(shifted)) => {
                            *size = shifted | u64::from(digit);
                            *digits = true;
                        }
                        (None, _) if *digits => {
                            self.damaged = true;
                            *rest = true;
                        }
                        _ => self.fail(),
                    },
                }
                true
            }
            State::AfterData { cr } => match byte {
                b'\n' => {
                    self.bare_lf |= !*cr;
                    self.state = SIZE;
                    true
                }
                b'\r' if !*cr => {
                    *cr = true;
                    true
                }
                _ => {
                    self.damaged = true;
                    self.state = SIZE;
                    false
                }
            },
            State::Data { .. } | State::Last | State::Broken => false,
        }
    }

    const fn fail(&mut self) {
        self.damaged = true;
        self.state = State::Broken;
    }

    /// `bytes` of the coded stream are missing. Whether the decoder still knows where it is: only if they all belong to
    /// the content of the present chunk.
    pub const fn skip(&mut self, bytes: u64) -> bool {
        match &mut self.state {
            State::Data { left } if bytes <= *left => {
                *left -= bytes;
                if *left == 0 {
                    self.state = State::AfterData { cr: false };
                }
                true
            }
            _ => false,
        }
    }
}

/// Whether a content that may or may not be chunked begins with a chunk. `None` if more bytes are needed.
///
/// `strict` asks for a clean size line, for when the fields leave doubt; otherwise any readable size will do.
pub fn begins_chunked(bytes: &[u8], strict: bool) -> Option<bool> {
    let mut chunked = Chunked::default();
    let (_, step) = chunked.step(bytes);
    if step == Step::Broken || (strict && chunked.damaged) {
        return Some(false);
    }
    if !matches!(chunked.state, State::Size { .. }) || step == Step::Last {
        return Some(true);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, what ended it, and the bytes behind it.
    fn run(input: &[u8], size: usize) -> (Vec<u8>, Option<bool>, usize, bool, bool) {
        let (mut chunked, mut content, mut position) = (Chunked::default(), Vec::new(), 0);
        loop {
            let end = (position + size).min(input.len());
            let (used, step) = chunked.step(&input[position..end]);
            position += used;
            let ended = match step {
                Step::Data(data) => {
                    content.extend_from_slice(data);
                    continue;
                }
                Step::More if position == input.len() => None,
                Step::More => continue,
                Step::Last => Some(true),
                Step::Broken => Some(false),
            };
            return (content, ended, input.len() - position, chunked.damaged, chunked.bare_lf);
        }
    }

    #[test]
    fn reads_clean_and_odd_chunks_at_any_split() {
        let (clean, damaged) = ((false, false), (true, false));
        for (input, content, ended, left, flags) in [
            (b"3\r\nabc\r\n0\r\n\r\n".as_slice(), b"abc".as_slice(), Some(true), 2, clean),
            (b"0003\r\nabc\r\n2\r\nde\r\n000\r\nA: b\r\n\r\n", b"abcde", Some(true), 8, clean),
            (b"3 ;a=\"b;c\"\r\nabc\r\n0;x\r\n\r\n", b"abc", Some(true), 2, clean),
            (b"F\r\n0123456789abcde\r\n0\r\n", b"0123456789abcde", Some(true), 0, clean),
            (b"3\nabc\n0\n\n", b"abc", Some(true), 1, (false, true)),
            (b"\r\n3\r\nabc\r\n0\r\n\r\n", b"abc", Some(true), 2, damaged),
            (b"3\r\nabc\r\n\r\n0\r\n", b"abc", Some(true), 0, damaged),
            (b" 3\r\nabc\r\n0\r\n", b"abc", Some(true), 0, damaged),
            (b"3x\r\nabc\r\n0x\r\n", b"abc", Some(true), 0, damaged),
            (b"3\r\r\nabc\r\n0\r\n", b"abc", Some(true), 0, damaged),
            (b"3\r\nabc0\r\n", b"abc", Some(true), 0, damaged),
            (b"\r\n\r\n", b"", None, 0, damaged),
            (b"3\r\nab", b"ab", None, 0, clean),
            (b"3\r\nabc\r\nxyz", b"abc", Some(false), 2, damaged),
            (b"-1\r\n", b"", Some(false), 3, damaged),
            (b"+5\r\n", b"", Some(false), 3, damaged),
            (b"ffffffffffffffff1\r\n", b"", Some(false), 2, damaged),
        ] {
            for size in [1, 2, 3, 5, usize::MAX / 2] {
                let shown = String::from_utf8_lossy(input);
                assert_eq!(run(input, size), (content.to_vec(), ended, left, flags.0, flags.1), "{shown:?} by {size}");
            }
        }
    }

    #[test]
    fn a_size_line_without_end_is_given_up() {
        let long = [b"5;".as_slice(), &[b'x'; 20_000]].concat();
        assert_eq!(run(&long, 1000).1, Some(false));
    }

    #[test]
    fn a_gap_inside_a_chunk_is_counted_through() {
        let mut chunked = Chunked::default();
        assert_eq!(chunked.step(b"a\r\n012"), (3 + 3, Step::Data(b"012")));
        assert!(!chunked.clone().skip(8));
        assert!(chunked.skip(5) && chunked.skip(2));
        assert_eq!(chunked.step(b"\r\n0\r\n"), (5, Step::Last));
        assert!(!Chunked::default().skip(1));
    }

    #[test]
    fn tells_whether_a_content_begins_chunked() {
        for (input, strict, lenient) in [
            (b"5\r\n".as_slice(), Some(true), Some(true)),
            (b"5", None, None),
            (b"0\r\n", Some(true), Some(true)),
            (b"", None, None),
            (b"Add a line\r\n", Some(false), Some(true)),
            (b"<html>", Some(false), Some(false)),
            (b"\r\n5\r\n", Some(false), Some(true)),
        ] {
            let shown = String::from_utf8_lossy(input);
            assert_eq!((begins_chunked(input, true), begins_chunked(input, false)), (strict, lenient), "{shown:?}");
        }
    }
}
