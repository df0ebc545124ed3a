//! Whether a secret stands in what was written: by other means than those that replaced it.
//!
//! Every secret is looked for in every form it can have (as it is, in percent-encoding, in escapes of JSON and XML, in base64 at
//! each of its three offsets, in hexadecimal, in UTF-16), letter case aside. Where it is looked is the raw bytes of the output,
//! and everything that can be decoded from it.

use std::io::{self, Read};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use super::word::is_word;
use crate::{encoding::base64 as tolerant, encoding::percent, limits::Limits};

/// Bytes at either end of a secret by which it is found: a part of it is a leak, too.
const END: usize = 16;
/// Shortest form that is looked for.
const SHORTEST: usize = 6;
/// Bytes looked at in one go.
const BLOCK: usize = 1 << 20;
/// Encodings inside encodings.
const DEPTH: usize = 3;
/// What is decoded at most of one compressed piece.
const UNPACKED: usize = 16 << 20;

/// Looks for secrets.
pub struct Search {
    finder: AhoCorasick,
    longest: usize,
    /// They are words: as a part of another word they are none, and what is no text has none.
    words: bool,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").field("patterns", &self.finder.patterns_len()).finish_non_exhaustive()
    }
}

impl Search {
    /// A search for these secrets.
    ///
    /// # Errors
    /// There are more than can be searched for.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s [u8]>) -> Result<Self, aho_corasick::BuildError> {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        for secret in secrets {
            let ends = [secret.get(..END), secret.get(secret.len().saturating_sub(END)..)];
            let whole = (secret.len() <= END).then_some(secret);
            for piece in ends.into_iter().flatten().filter(|_| whole.is_none()).chain(whole) {
                forms(piece, &mut patterns);
            }
        }
        patterns.retain(|pattern| pattern.len() >= SHORTEST);
        patterns.sort_unstable();
        patterns.dedup();
        let longest = patterns.iter().map(Vec::len).max().unwrap_or_default();
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(aho_corasick::AhoCorasickKind::ContiguousNFA))
            .build(&patterns)?;
        Ok(Self { finder, longest, words: false })
    }

    /// A search for words, letter case aside.
    ///
    /// # Errors
    /// There are more than can be searched for.
    pub fn of_words<'s>(words: impl IntoIterator<Item = &'s str>) -> Result<Self, aho_corasick::BuildError> {
        let words: Vec<&str> = words.into_iter().collect();
        let longest = words.iter().map(|word| word.len()).max().unwrap_or_default();
        let finder =
            AhoCorasick::builder().ascii_case_insensitive(true).match_kind(MatchKind::LeftmostLongest).build(&words)?;
        Ok(Self { finder, longest, words: true })
    }

    /// Whether any of them stands in these bytes as they are.
    fn stands_in(&self, bytes: &[u8]) -> bool {
        if !self.words {
            return self.finder.is_match(bytes);
        }
        // Four letters come up by chance in what is encrypted, but hardly between what is text.
        let is_text = |at: Option<&u8>| at.is_none_or(|byte| byte.is_ascii());
        self.finder.find_iter(bytes).any(|hit| {
            is_word(bytes, &hit.range())
                && is_text(hit.start().checked_sub(1).and_then(|at| bytes.get(at)))
                && is_text(bytes.get(hit.end()))
        })
    }

    /// Whether any of them stands in these bytes, or in what they encode.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.is_in_at(bytes, DEPTH)
    }

    fn is_in_at(&self, bytes: &[u8], depth: usize) -> bool {
        if self.stands_in(bytes) {
            return true;
        }
        if depth == 0 || (self.words && self.finder.patterns_len() == 0) {
            return false;
        }
        let next = |inside: &[u8]| self.is_in_at(inside, depth - 1);
        if memchr::memchr(b'%', bytes).is_some() {
            let decoded = percent::bytes(bytes);
            if *decoded != *bytes && next(&decoded) {
                return true;
            }
        }
        if memchr::memchr(b'\\', bytes).is_some() {
            let mut plain = Vec::with_capacity(bytes.len());
            crate::input::har_unescape(bytes, usize::MAX, &mut plain);
            if plain != bytes && next(&plain) {
                return true;
            }
        }
        if let Some(plain) = without_entities(bytes)
            && next(&plain)
        {
            return true;
        }
        // Text of two bytes a character.
        if bytes.len() >= 8 && bytes.iter().filter(|byte| **byte == 0).count() * 3 > bytes.len() {
            let narrow: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
            if next(&narrow) {
                return true;
            }
        }
        self.is_packed(bytes, depth) || self.is_in_words(bytes, depth)
    }

    /// In the words that are base64.
    fn is_in_words(&self, bytes: &[u8], depth: usize) -> bool {
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/=".contains(byte);
        bytes.split(|byte| !is_letter(byte)).filter(|word| word.len() >= 8).any(|word| {
            let text = std::str::from_utf8(word).unwrap_or_default();
            // Parts of a token, and what a parameter's sign joins, are decoded by themselves.
            let holds = |text: &str| {
                tolerant::decode(text).is_some_and(|decoded| {
                    let is_asked = !self.words || std::str::from_utf8(&decoded.bytes).is_ok();
                    is_asked && self.is_in_at(&decoded.bytes, depth - 1)
                })
            };
            holds(text) || text.split('=').filter(|piece| piece.len() >= 8 && piece.len() < text.len()).any(holds)
        })
    }

    /// In what is compressed there.
    fn is_packed(&self, bytes: &[u8], depth: usize) -> bool {
        let starts = memchr::memmem::find_iter(bytes, b"\x1f\x8b\x08").take(64);
        starts.into_iter().any(|start| {
            let mut unpacked = Vec::new();
            let rest = bytes.get(start..).unwrap_or_default();
            let _ = flate2::read::MultiGzDecoder::new(rest).take(UNPACKED as u64).read_to_end(&mut unpacked);
            !unpacked.is_empty() && self.is_in_at(&unpacked, depth - 1)
        })
    }

    /// Whether any of them stands in an input, in blocks that overlap.
    ///
    /// # Errors
    /// Those of the input.
    pub fn is_in_stream(&self, input: &mut dyn Read) -> io::Result<bool> {
        let mut block = Vec::with_capacity(2 * BLOCK);
        loop {
            let before = block.len();
            let count = (&mut *input).take(BLOCK as u64).read_to_end(&mut block)?;
            if self.is_in(&block) {
                return Ok(true);
            }
            if count == 0 {
                return Ok(false);
            }
            // Words that reach over the end are looked at again as a whole, as far as they are of a sensible length.
            let keep = (self.longest + (64 << 10)).min(block.len());
            let _ = before;
            block.drain(..block.len() - keep);
            if count < BLOCK {
                return Ok(false);
            }
        }
    }

    /// Whether any of them stands in an output, also in what a compression around it holds.
    ///
    /// # Errors
    /// Those of the input.
    pub fn is_in_recording(&self, open: &mut dyn FnMut() -> io::Result<Box<dyn Read>>) -> io::Result<bool> {
        if self.is_in_stream(&mut *open()?)? {
            return Ok(true);
        }
        let mut raw = open()?;
        let mut unpacked = crate::input::unpack::Unpacked::open(&mut *raw, &Limits::default())?;
        if unpacked.compressions().is_empty() { Ok(false) } else { self.is_in_stream(&mut unpacked) }
    }
}

/// A piece of a secret in every form it can stand in.
fn forms(piece: &[u8], patterns: &mut Vec<Vec<u8>>) {
    patterns.push(piece.to_vec());
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    if !piece.iter().all(is_plain) {
        let coded = |all: bool| -> Vec<u8> {
            piece
                .iter()
                .flat_map(|byte| if !all && is_plain(byte) { vec![*byte] } else { format!("%{byte:02X}").into_bytes() })
                .collect()
        };
        patterns.push(coded(false));
        let text = String::from_utf8_lossy(piece);
        let quoted = serde_json::to_string(&text).unwrap_or_default();
        patterns.push(quoted.trim_matches('"').as_bytes().to_vec());
        patterns.push(text.replace('/', "\\/").into_bytes());
        let entities = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        patterns.push(entities.into_bytes());
    }
    let coded: Vec<u8> = piece.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect();
    patterns.push(coded);
    patterns.push(piece.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
    patterns.push(piece.iter().flat_map(|byte| [*byte, 0]).collect());
    patterns.push(piece.iter().flat_map(|byte| [0, *byte]).collect());
    for offset in 0..3_usize {
        let shifted = [&vec![0; offset], piece].concat();
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // Letters that the bytes before and behind have a part in are left out.
            let start = (offset * 8).div_ceil(6);
            let end = shifted.len() * 8 / 6;
            let inner = text.get(start..end).unwrap_or_default();
            // The case of base64 matters, and the search is without it: shorter ones would be found by chance.
            if inner.len() >= 12 {
                patterns.push(inner.as_bytes().to_vec());
            }
        }
    }
}

/// Undoes references to characters; `None` if there are none.
fn without_entities(bytes: &[u8]) -> Option<Vec<u8>> {
    memchr::memmem::find(bytes, b"&")?;
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    let mut changed = false;
    while let Some(at) = rest.find('&') {
        out.push_str(rest.get(..at)?);
        rest = rest.get(at..)?;
        let end = rest.char_indices().take(12).find(|(_, c)| *c == ';').map(|(end, _)| end);
        let name = end.and_then(|end| rest.get(1..end)).unwrap_or_default();
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let c = match name {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            name => match name.strip_prefix('#') {
                Some(digits) => match digits.strip_prefix(['x', 'X']) {
                    Some(digits) => number(digits, 16),
                    None => number(digits, 10),
                },
                None => None,
            },
        };
        match (c, end) {
            (Some(c), Some(end)) => {
                changed = true;
                out.push(c);
                rest = rest.get(end + 1..)?;
            }
            _ => {
                out.push('&');
                rest = rest.get(1..)?;
            }
        }
    }
    out.push_str(rest);
    changed.then_some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let secret = b"9xQ2mZ7vL4kR8wT1+/&\"aaZZ";
        let search = Search::new([&secret[..]]).unwrap();
        let text = std::str::from_utf8(secret).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(format!("before {text} behind").as_bytes()).unwrap();
        let gzip = gzip.finish().unwrap();
        let base = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes).into_bytes();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let in_token = format!("eyJhbGciOiJub25lIn0.{}.", URL_SAFE_NO_PAD.encode(format!("{{\"a\":\"{text}\"}}")));
        let forms: Vec<Vec<u8>> = vec![
            secret.to_vec(),
            text.to_ascii_uppercase().into_bytes(),
            format!("a={}", text.replace('+', "%2B").replace('/', "%2f").replace('&', "%26")).into_bytes(),
            serde_json::to_vec(text).unwrap(),
            text.replace('+', "\\u002b").into_bytes(),
            text.replace('&', "&amp;").replace('"', "&#34;").into_bytes(),
            base(secret),
            base(format!("x{text}").as_bytes()),
            base(format!("user:{text}").as_bytes()),
            base(&base(format!("user:{text}").as_bytes())),
            utf16.clone(),
            base(&utf16),
            gzip.clone(),
            base(&gzip),
            in_token.into_bytes(),
            secret.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect(),
            // A part of it is enough.
            secret[..16].to_vec(),
            secret[8..].to_vec(),
        ];
        for form in forms {
            let around = [b"some text ".as_slice(), &form, b" and more"].concat();
            assert!(search.is_in(&around), "{}", String::from_utf8_lossy(&form));
            assert!(search.is_in_stream(&mut &around[..]).unwrap());
        }
        for other in [&b"nothing of it"[..], b"9xQ2mZ", b"redacted1f2e3d4c5b6a7988xxxxxxxx"] {
            assert!(!search.is_in(other));
        }
    }

    #[test]
    fn long_inputs_are_searched_over_the_ends_of_blocks() {
        let search = Search::new([&b"9xQ2mZ7vL4kR8wT1"[..]]).unwrap();
        for before in [BLOCK - 8, BLOCK, 2 * BLOCK - 3] {
            let mut bytes = vec![b' '; before];
            bytes.extend_from_slice(b"9xQ2mZ7vL4kR8wT1");
            bytes.resize(3 * BLOCK, b' ');
            assert!(search.is_in_stream(&mut &bytes[..]).unwrap(), "{before}");
        }
    }
}
