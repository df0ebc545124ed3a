//! A HAR in UTF-16, as `>` of Windows PowerShell writes it, read as the UTF-8 it should be.
//!
//! ```text
//! ff fe 7b 00 22 00 …  ─►  7b 22 …
//! ```

use std::io;

/// Bytes that are converted at once.
const CHUNK: usize = 64 << 10;

/// The text of `input` in UTF-8. A surrogate without its other half becomes U+FFFD.
pub(super) struct Utf16<R> {
    input: R,
    big_endian: bool,
    /// What was read and not converted: half a unit.
    rest: Option<u8>,
    /// The first half of a pair of surrogates.
    half: Option<u16>,
    text: Vec<u8>,
    at: usize,
}

impl<R: io::Read> Utf16<R> {
    pub(super) const fn new(input: R, big_endian: bool) -> Self {
        Self { input, big_endian, rest: None, half: None, text: Vec::new(), at: 0 }
    }

    /// Converts the next bytes; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = vec![0; CHUNK];
        let length = self.input.read(&mut bytes)?;
        bytes.truncate(length);
        self.text.clear();
        self.at = 0;
        if length == 0 {
            let cut = self.half.take().is_some() || self.rest.take().is_some();
            if cut {
                self.text.extend("\u{fffd}".as_bytes());
            }
            return Ok(cut);
        }
        for byte in bytes {
            let Some(first) = self.rest.take() else {
                self.rest = Some(byte);
                continue;
            };
            let pair = [first, byte];
            self.unit(if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
        }
        Ok(true)
    }

    fn unit(&mut self, unit: u16) {
        let units = match self.half.take() {
            Some(high) if (0xdc00..0xe000).contains(&unit) => vec![high, unit],
            Some(high) if (0xd800..0xdc00).contains(&unit) => {
                self.half = Some(unit);
                vec![high]
            }
            Some(high) => vec![high, unit],
            None if (0xd800..0xdc00).contains(&unit) => {
                self.half = Some(unit);
                return;
            }
            None => {
                // Most of a HAR is ASCII.
                if let Ok(ascii @ 0..=0x7f) = u8::try_from(unit) {
                    return self.text.push(ascii);
                }
                vec![unit]
            }
        };
        for letter in char::decode_utf16(units) {
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

impl<R: io::Read> io::Read for Utf16<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.text.len() {
            if !self.fill()? {
                return Ok(0);
            }
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let length = rest.read(to)?;
        self.at += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::input::tests::Dribble;

    #[test]
    fn however_it_arrives() {
        let text = "{\"log\": \"jürgen ✓ 𝄞\"}";
        for big in [false, true] {
            let bytes: Vec<u8> = text
                .encode_utf16()
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect();
            for most in [1, 2, 3, 1000] {
                let mut out = String::new();
                Utf16::new(Dribble::new(&bytes, most), big).read_to_string(&mut out).unwrap();
                assert_eq!(out, text);
            }
            let mut out = String::new();
            Utf16::new(&bytes[..bytes.len() - 1], big).read_to_string(&mut out).unwrap();
            assert!(out.ends_with("\"\u{fffd}"), "{out}");
        }
        let mut out = String::new();
        Utf16::new(&[0x00, 0xd8, 0x41, 0x00, 0x00, 0xd8][..], false).read_to_string(&mut out).unwrap();
        assert_eq!(out, "\u{fffd}A\u{fffd}");
    }
}
