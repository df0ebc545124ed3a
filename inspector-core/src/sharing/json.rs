//! JSON with other strings in it: everything else stays byte by byte.
//!
//! ```text
//! {"name": "Authorization", "value": "Bearer 9xQ2…"}          what a value is, its object's members tell
//! {"text": "eyJh…", "encoding": "base64"}
//! {"url": "https://…"}                                         or its own name
//! ```
//!
//! The document is read in pieces: one ends where an object closes at the third level or above it, which in a HAR is an entry
//! or less. Strings are rewritten once their object is closed. What is no JSON is passed on, its strings rewritten as text.

use std::{borrow::Cow, io, io::Read, io::Write, ops::Range};

use super::{Kind, Redactor, base};
use crate::{
    input::har_unescape as unescape,
    redact::{self, Level},
};

/// Levels at which a closed object ends a piece.
const OUTER: usize = 3;
/// Bytes read at once.
const READ: usize = 256 << 10;

/// Rewrites a document. What is held is a piece, at most `largest` bytes of it.
///
/// # Errors
/// Those of reading and writing, and `InvalidData` if a piece is larger.
pub fn rewrite(
    input: &mut dyn Read,
    output: &mut dyn Write,
    largest: usize,
    redactor: &mut Redactor,
) -> io::Result<()> {
    let mut walker =
        Walker { held: Vec::new(), at: 0, stack: Vec::new(), in_string: None, edits: Vec::new(), redactor };
    let mut buffer = vec![0; READ];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        };
        walker.held.extend_from_slice(buffer.get(..count).unwrap_or_default());
        walker.walk(output)?;
        if walker.held.len() > largest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "an entry is larger than what is held"));
        }
    }
    walker.end(output)
}

/// An object or array that is open.
#[derive(Default)]
struct Open {
    is_object: bool,
    /// The name that was read last, whose value comes.
    name: Option<String>,
    /// Name of the member this container is the value of.
    own: String,
    /// Strings that are values, with the names of their members.
    strings: Vec<(String, Range<usize>)>,
}

struct Walker<'r> {
    held: Vec<u8>,
    at: usize,
    stack: Vec<Open>,
    /// Start of the string the position is in.
    in_string: Option<usize>,
    /// New contents of strings, in any order.
    edits: Vec<(Range<usize>, Vec<u8>)>,
    redactor: &'r mut Redactor,
}

impl Walker<'_> {
    fn walk(&mut self, output: &mut dyn Write) -> io::Result<()> {
        loop {
            if let Some(start) = self.in_string {
                let Some(end) = self.string_end() else { return Ok(()) };
                self.in_string = None;
                self.at = end + 1;
                self.string(start..end);
                continue;
            }
            let Some(byte) = self.held.get(self.at).copied() else { return Ok(()) };
            match byte {
                b'"' => {
                    self.in_string = Some(self.at + 1);
                    self.at += 1;
                }
                b'{' | b'[' => {
                    let own = self.stack.last_mut().and_then(|level| level.name.take());
                    let own =
                        own.unwrap_or_else(|| self.stack.last().map(|level| level.own.clone()).unwrap_or_default());
                    self.stack.push(Open { is_object: byte == b'{', own, ..Open::default() });
                    self.at += 1;
                }
                b'}' | b']' => {
                    self.at += 1;
                    if let Some(level) = self.stack.pop() {
                        self.close(&level);
                    }
                    if self.stack.len() <= OUTER {
                        self.flush(output)?;
                    }
                }
                b',' => {
                    if let Some(level) = self.stack.last_mut() {
                        level.name = None;
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
        }
    }

    /// The quotation mark that ends the string, looked for from the position on.
    fn string_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.held.get(self.at..)?;
            let hit = memchr::memchr2(b'"', b'\\', rest)?;
            let place = self.at + hit;
            if self.held.get(place) == Some(&b'"') {
                return Some(place);
            }
            if place + 1 >= self.held.len() {
                self.at = place;
                return None;
            }
            self.at = place + 2;
        }
    }

    fn string(&mut self, range: Range<usize>) {
        let Some(level) = self.stack.last_mut() else { return self.edit(&[], range, "") };
        // The first string of a member is its name.
        if level.is_object && level.name.is_none() {
            let name = decoded(self.held.get(range.clone()).unwrap_or_default());
            level.name = Some(name.clone());
            self.edit(&[], range, "name of a member");
            return;
        }
        let name = level.name.take().unwrap_or_else(|| level.own.clone());
        level.strings.push((name, range));
    }

    /// Rewrites the strings of a container whose members are all known.
    fn close(&mut self, level: &Open) {
        let text = |name: &str| {
            let string = level.strings.iter().find(|(member, _)| member == name);
            string.map(|(_, range)| decoded(self.held.get(range.clone()).unwrap_or_default()))
        };
        let field = text("name").filter(|_| level.is_object);
        let is_base64 = text("encoding").is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"));
        let pairs: Vec<String> = match &field {
            Some(field) => vec![level.own.clone(), field.clone()],
            None if is_base64 => vec!["base64".to_owned()],
            None => Vec::new(),
        };
        for (name, range) in &level.strings {
            self.edit(&pairs, range.clone(), name);
        }
    }

    /// Rewrites one string. `around` tells of its object: the list it is in and the name it gives, or how it is encoded.
    fn edit(&mut self, around: &[String], range: Range<usize>, name: &str) {
        let raw = self.held.get(range.clone()).unwrap_or_default();
        if raw.is_empty() {
            return;
        }
        let bytes = unescaped(raw);
        let new = match (around, name) {
            ([list, field], "value") => self.value(list, field, &bytes),
            ([base], "text") if base == "base64" => self.base64(&bytes),
            (_, "url" | "redirectURL" | "documentURL" | "_initiator") => {
                self.redactor.bytes(&bytes, &mut |it, text| it.url(text))
            }
            // A name, or a word of the format.
            (
                _,
                "name of a member" | "name" | "mimeType" | "encoding" | "method" | "httpVersion" | "startedDateTime",
            ) => self.redactor.bytes(&bytes, &mut |it, text| it.text(text, Level::Known)),
            (_, "text") => {
                let is_text = crate::http::content::is_text(&bytes);
                self.redactor.content(&bytes, is_text)
            }
            (_, name) => self.member(name, &bytes),
        };
        if new != bytes {
            self.edits.push((range, escaped(&new)));
        }
    }

    /// `value` of `{"name": …, "value": …}`.
    fn value(&mut self, list: &str, field: &str, bytes: &[u8]) -> Vec<u8> {
        match list {
            "cookies" => self.redactor.bytes(bytes, &mut |it, text| it.value(text, Kind::Cookie)),
            "headers" | "trailers" | "_trailers" => self.redactor.bytes(bytes, &mut |it, text| it.field(field, text)),
            _ => self.member(field, bytes),
        }
    }

    /// The value of a member or parameter of that name.
    fn member(&mut self, name: &str, bytes: &[u8]) -> Vec<u8> {
        if redact::is_secret_name(name) && !matches!(name, "key" | "code" | "state") {
            return self.redactor.bytes(bytes, &mut |it, text| it.value(text, Kind::Opaque));
        }
        let level = if name.starts_with('_') { Level::Known } else { Level::Prose };
        self.redactor.bytes(bytes, &mut |it, text| it.text(text, level))
    }

    fn base64(&mut self, bytes: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some((inside, encode)) = base::decode(&text) else {
            return self.redactor.bytes(bytes, &mut |it, text| it.text(text, Level::Prose));
        };
        let is_text = crate::http::content::is_text(&inside);
        let new = self.redactor.content(&inside, is_text);
        if new == inside { bytes.to_vec() } else { encode.encode(&new).into_bytes() }
    }

    /// Writes what is behind, with its edits.
    fn flush(&mut self, output: &mut dyn Write) -> io::Result<()> {
        // Strings of containers that are still open wait with their bytes: they are before the position.
        let open: Vec<(String, Range<usize>)> =
            self.stack.iter_mut().flat_map(|level| std::mem::take(&mut level.strings)).collect();
        for (name, range) in open {
            self.edit(&[], range, &name);
        }
        self.edits.sort_unstable_by_key(|(range, _)| range.start);
        let mut done = 0;
        for (range, new) in std::mem::take(&mut self.edits) {
            output.write_all(self.held.get(done..range.start).unwrap_or_default())?;
            output.write_all(&new)?;
            done = range.end;
        }
        output.write_all(self.held.get(done..self.at).unwrap_or_default())?;
        self.held.drain(..self.at);
        self.at = 0;
        Ok(())
    }

    /// The document ends, maybe in the middle of a string.
    fn end(mut self, output: &mut dyn Write) -> io::Result<()> {
        if let Some(start) = self.in_string.take() {
            self.at = self.held.len();
            self.string(start..self.held.len());
        }
        self.at = self.held.len();
        while let Some(level) = self.stack.pop() {
            self.close(&level);
        }
        self.flush(output)
    }
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    if memchr::memchr(b'\\', raw).is_none() {
        return raw.to_vec();
    }
    let mut bytes = Vec::with_capacity(raw.len());
    unescape(raw, usize::MAX, &mut bytes);
    bytes
}

fn decoded(raw: &[u8]) -> String {
    String::from_utf8_lossy(&unescaped(raw)).into_owned()
}

/// A string's content as JSON writes it.
fn escaped(bytes: &[u8]) -> Vec<u8> {
    let text: Cow<'_, str> = String::from_utf8_lossy(bytes);
    let quoted = serde_json::to_string(&text).unwrap_or_default();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, step: usize) -> String {
        struct Slow<'t>(&'t [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let count = self.0.len().min(self.1).min(to.len());
                to[..count].copy_from_slice(&self.0[..count]);
                self.0 = &self.0[count..];
                Ok(count)
            }
        }
        let mut output = Vec::new();
        rewrite(&mut Slow(text.as_bytes(), step), &mut output, 1 << 20, &mut Redactor::default()).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn only_secrets_change_however_it_comes() {
        let text = "{ \"log\": {\"entries\" :[ {\"request\":{\"headers\":[{\"value\":\"Bearer 9xQ2mZ7vL4kR8wT1\",\"name\":\"Authorization\"}],\n\
            \"cookies\":[{\"name\":\"sid\",\"value\":\"abcd\"}], \"url\":\"https:\\/\\/h\\/?access_token=9xQ2mZ7vL4kR8wT1\", \"n\": 1.50e3},\n\
            \"response\":{\"content\":{\"text\":\"eyJwYXNzd29yZCI6IldpbnRlcjIwMjYhIn0=\",\"encoding\":\"base64\"}}}]}}";
        let new = rewritten(text, usize::MAX);
        for step in [1, 2, 3, 7, 50] {
            assert_eq!(rewritten(text, step), new, "{step}");
        }
        for secret in ["9xQ2mZ7vL4kR8wT1", "\"abcd\"", "eyJwYXNzd29yZCI6IldpbnRlcjIwMjYhIn0="] {
            assert!(!new.contains(secret), "{secret}: {new}");
        }
        assert!(new.contains("\"n\": 1.50e3") && new.contains("{ \"log\": {\"entries\" :[ {"), "{new}");
        assert!(serde_json::from_str::<serde_json::Value>(&new).is_ok());
        assert_eq!(rewritten(&new, usize::MAX), new);
    }

    #[test]
    fn documents_that_end_early_or_are_none_keep_no_secret() {
        let text = "{\"log\":{\"entries\":[{\"request\":{\"headers\":[{\"name\":\"Authorization\",\"value\":\"Bearer 9xQ2mZ7vL4kR8wT1\"}]}}]}}";
        for end in 0..text.len() {
            let new = rewritten(&text[..end], usize::MAX);
            assert!(!new.contains("9xQ2mZ7v") || end < text.find("9xQ2mZ7vL4kR8wT1").unwrap() + 16, "{end}: {new}");
        }
        assert_eq!(rewritten("]}{\"a\"::\"b\"", 3), "]}{\"a\"::\"b\"");
    }
}
