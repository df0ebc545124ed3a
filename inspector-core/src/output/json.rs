//! JSON that is safe to print, and the report as JSON.
//!
//! A string of a recording can hold escape sequences that recolour, retitle or rewrite a terminal, or bidirectional marks
//! that turn text around: every character that is not seen as it is ([`redact::is_invisible`]) is written as its escape.
//!
//! JSON shows what people see, no more: a character that is not seen stands there as the text of its escape, so that no
//! reader of the JSON brings it back. With `--show-secrets` strings are as they were sent, and only spelt with escapes.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::Output;
use crate::{
    redact,
    report::{Report, v1},
};

/// How characters that are not seen are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// As text: `\\u{202e}`. A reader of the JSON gets what people see. Line feeds and tabulators stay.
    Shown,
    /// As JSON's own escapes: `\u202e`. A reader of the JSON gets what was sent.
    AsSent,
}

impl Unseen {
    /// For a command that was told to show secrets, or not.
    #[must_use]
    pub const fn with(show_secrets: bool) -> Self {
        if show_secrets { Self::AsSent } else { Self::Shown }
    }
}

/// `inspector-report/1`, indented.
pub(super) struct Json;

impl Output for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn write(&self, report: &Report, to: &mut dyn Write) -> io::Result<()> {
        write_pretty(to, &v1::Report::streamed(report), Unseen::Shown)
    }

    fn write_revealed(&self, report: &Report, to: &mut dyn Write) -> io::Result<()> {
        write_pretty(to, &v1::Report::revealed(report, true), Unseen::AsSent)
    }
}

/// `inspector-report/1` on one line.
pub(super) struct Ndjson;

impl Output for Ndjson {
    fn name(&self) -> &'static str {
        "ndjson"
    }

    fn media_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn write(&self, report: &Report, to: &mut dyn Write) -> io::Result<()> {
        write_line(to, &v1::Report::streamed(report), Unseen::Shown)
    }

    fn write_revealed(&self, report: &Report, to: &mut dyn Write) -> io::Result<()> {
        write_line(to, &v1::Report::revealed(report, true), Unseen::AsSent)
    }
}

/// Writes `value` on one line, with a line feed.
///
/// # Errors
/// What the writer reports.
pub fn write_line(to: &mut dyn Write, value: &impl Serialize, unseen: Unseen) -> io::Result<()> {
    write(to, value, CompactFormatter, unseen)
}

/// Writes `value` indented, with a line feed.
///
/// # Errors
/// What the writer reports.
pub fn write_pretty(to: &mut dyn Write, value: &impl Serialize, unseen: Unseen) -> io::Result<()> {
    write(to, value, PrettyFormatter::new(), unseen)
}

/// Bytes gathered before they are given to the writer: JSON is written by the quotation mark.
const GATHERED: usize = 8 << 10;

fn write(to: &mut dyn Write, value: &impl Serialize, formatter: impl Formatter, unseen: Unseen) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(GATHERED, to);
    value.serialize(&mut Serializer::with_formatter(&mut to, Safe(formatter, unseen)))?;
    to.write_all(b"\n")?;
    // What is behind it is flushed by its owner.
    to.into_inner().map(drop).map_err(io::IntoInnerError::into_error)
}

/// Escapes what JSON itself would let through.
struct Safe<F>(F, Unseen);

impl<F> Safe<F> {
    fn unseen<W: ?Sized + Write>(&self, writer: &mut W, c: char) -> io::Result<()> {
        if self.1 == Unseen::Shown {
            return write!(writer, "\\{}", c.escape_default());
        }
        let mut units = [0; 2];
        c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
    }
}

impl<F: Formatter> Formatter for Safe<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if redact::is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(redact::is_invisible) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut tail = from.chars();
            if let Some(c) = tail.next() {
                self.unseen(writer, c)?;
            }
            rest = tail.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        let c = match escape {
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::CarriageReturn => '\r',
            CharEscape::AsciiControl(byte) => char::from(byte),
            other => return self.0.write_char_escape(writer, other),
        };
        match self.1 {
            Unseen::Shown => self.unseen(writer, c),
            Unseen::AsSent => self.0.write_char_escape(writer, escape),
        }
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
        let sent = ["a\u{1b}[0m\u{9b}\u{202e}\u{e0001}b\r\n\u{61c}", "ü"];
        let written = |unseen| {
            let mut out = Vec::new();
            write_line(&mut out, &sent, unseen).unwrap();
            String::from_utf8(out).unwrap()
        };
        let text = written(Unseen::AsSent);
        assert_eq!(text, "[\"a\\u001b[0m\\u009b\\u202e\\udb40\\udc01b\\r\\n\\u061c\",\"ü\"]\n");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), sent);
        let read: Vec<String> = serde_json::from_str(&written(Unseen::Shown)).unwrap();
        assert_eq!(read, ["a\\u{1b}[0m\\u{9b}\\u{202e}\\u{e0001}b\\r\n\\u{61c}", "ü"]);
    }
}
