//! JSON that is safe to print: what [`super::escape`] says of text holds for strings in JSON too.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::escape::is_harmful;

/// Writes `value` on one line, with a line feed.
pub(crate) fn write_line(to: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write(to, value, CompactFormatter)
}

/// Writes `value` indented, with a line feed.
pub(crate) fn write_pretty(to: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write(to, value, PrettyFormatter::new())
}

/// Bytes gathered before they are given to the writer: JSON is written by the quotation mark.
const GATHERED: usize = 8 << 10;

fn write(to: &mut dyn Write, value: &impl Serialize, formatter: impl Formatter) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(GATHERED, to);
    value.serialize(&mut Serializer::with_formatter(&mut to, Safe(formatter)))?;
    to.write_all(b"\n")?;
    // What is behind it is flushed by its owner.
    to.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
}

/// Escapes as `\uXXXX` what JSON itself would let through.
struct Safe<F>(F);

impl<F: Formatter> Formatter for Safe<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        // Most strings are plain, and bytes are looked at faster than characters, by the block.
        let is_plain = |block: &[u8]| block.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
        if fragment.as_bytes().chunks(32).all(is_plain) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(is_harmful) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut tail = from.chars();
            if let Some(c) = tail.next() {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = tail.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_array(w)
    }
    fn end_array<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array(w)
    }
    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }
    fn end_array_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_array_value(w)
    }
    fn begin_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object(w)
    }
    fn end_object<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object(w)
    }
    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }
    fn end_object_key<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object_key(w)
    }
    fn begin_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.begin_object_value(w)
    }
    fn end_object_value<W: ?Sized + Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.0.end_object_value(w)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_hold_no_terminal_escapes() {
        let mut out = Vec::new();
        write_line(&mut out, &["a\u{1b}[0m\u{9b}\u{202e}\u{e0001}b", "ü"]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "[\"a\\u001b[0m\\u009b\\u202e\\udb40\\udc01b\",\"ü\"]\n");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap()[0], "a\u{1b}[0m\u{9b}\u{202e}\u{e0001}b");
    }
}
