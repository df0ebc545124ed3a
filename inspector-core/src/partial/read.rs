//! Reads the lines of partial results.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use super::{
    record::{Line, Part, VERSION},
    source::{Open, PartialError},
};
use crate::input::Seekable;

/// Longest line, in bytes: two contents as they are kept, escaped.
const LONGEST: u64 = 64 << 20;

/// What a line of a part begins with.
const BEGIN: &[u8] = b"{\"part\":";

/// A part in a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Which file.
    pub(super) file: usize,
    /// Where it begins in the file.
    pub(super) offset: u64,
    pub(super) part: Part,
}

/// The parts of a file.
pub(super) fn parts(file: usize, name: &str, open: &Open) -> Result<Vec<Place>, PartialError> {
    let wrong = |what: String| PartialError::Form { name: name.to_owned(), what };
    let io = |error: io::Error| PartialError::Io { name: name.to_owned(), error };
    let mut from = BufReader::with_capacity(1 << 20, open().map_err(io)?);
    let (mut places, mut offset, mut line) = (Vec::new(), 0_u64, Vec::new());
    loop {
        line.clear();
        let length = (&mut from).take(LONGEST).read_until(b'\n', &mut line).map_err(io)? as u64;
        if length == 0 {
            break;
        }
        if line.starts_with(BEGIN) {
            let read: Line = serde_json::from_slice(&line).map_err(|error| wrong(error.to_string()))?;
            if let Line::Part(part) = read {
                if part.version != VERSION {
                    return Err(wrong(format!(
                        "its form is of version {}, and this program reads {VERSION}",
                        part.version
                    )));
                }
                places.push(Place { file, offset, part });
            }
        } else if offset == 0 {
            return Err(wrong("it is no partial result; inspector check --partial writes one".to_owned()));
        }
        offset += length;
    }
    if places.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(places)
}

/// The lines of one part.
pub(super) struct Lines {
    from: BufReader<Box<dyn Seekable>>,
    line: Vec<u8>,
    /// Lines read.
    pub(super) count: u64,
    /// It is over, or cannot be read on.
    ended: bool,
}

impl Lines {
    /// The lines behind the first.
    pub(super) fn new(mut file: Box<dyn Seekable>, offset: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        let mut lines =
            Self { from: BufReader::with_capacity(256 << 10, file), line: Vec::new(), count: 0, ended: false };
        lines.next_line()?;
        Ok(lines)
    }

    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let length = (&mut self.from).take(LONGEST).read_until(b'\n', &mut self.line)?;
        self.count += 1;
        Ok(length > 0 && self.line.ends_with(b"\n"))
    }

    /// The next line; `None` at the end of the part, and where it breaks off.
    pub(super) fn next(&mut self) -> Option<Line> {
        if self.ended {
            return None;
        }
        let read = self.next_line().unwrap_or(false).then(|| serde_json::from_slice(&self.line).ok()).flatten();
        let read = read.filter(|line| !matches!(line, Line::Part(_)));
        self.ended = matches!(read, None | Some(Line::End(_)));
        read
    }

    /// The next line whose text begins so; others are passed over unread. `None` at the end.
    pub(super) fn next_of(&mut self, begin: &[u8]) -> Option<Line> {
        loop {
            if self.ended || !self.next_line().unwrap_or(false) || self.line.starts_with(BEGIN) {
                return None;
            }
            if self.line.starts_with(begin) {
                return serde_json::from_slice(&self.line).ok();
            }
        }
    }
}
