//! Codings of a request's content that no field of it tells: compressed once more, or base64 of all of it.
//!
//! What says nothing of its coding is told by its first bytes: gzip (RFC 1952 §2.3.1), zlib (RFC 1950 §2.2), Zstandard
//! (RFC 8878 §3.1.1). Brotli has no signature.

use std::borrow::Cow;

use super::Extractor;
use crate::{
    coding::{Codings, Stop},
    http::{base64, content::is_text},
    limits::Limits,
};

/// Codings upon codings that are undone.
const LAYERS: usize = 5;
/// Shortest text that is taken for base64.
const SHORTEST: usize = 16;

/// What became of a layer.
enum Layer {
    None,
    Undone(Vec<u8>),
    /// It begins like a coding, and cannot be decoded.
    Damaged,
}

impl Extractor<'_> {
    /// The content without the codings it turns out to have.
    pub(super) fn without_codings<'c>(&mut self, bytes: &'c [u8]) -> Cow<'c, [u8]> {
        let mut plain = Cow::Borrowed(bytes);
        for _ in 0..LAYERS {
            match layer(&plain, self.limits) {
                Layer::None => return plain,
                Layer::Undone(inner) => plain = Cow::Owned(inner),
                Layer::Damaged => {
                    self.found.undecoded = true;
                    return plain;
                }
            }
        }
        self.found.undecoded = !matches!(layer(&plain, self.limits), Layer::None);
        plain
    }
}

fn layer(bytes: &[u8], limits: &Limits) -> Layer {
    let (name, is_certain) = match bytes {
        [0x1f, 0x8b, 8, ..] => ("gzip", true),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", true),
        // Compression method 8, and the check bits of the two bytes.
        [method, flags, ..] if method & 0x8f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0 => {
            ("deflate", false)
        }
        _ => return from_base64(bytes),
    };
    match decoded(name, bytes, limits) {
        Some(decoded) => Layer::Undone(decoded),
        None if is_certain => Layer::Damaged,
        None => Layer::None,
    }
}

/// What was coded, as far as it can be decoded; `None` if nothing can, or more than the limits allow.
fn decoded(coding: &str, bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let mut codings = Codings::default();
    codings.add_list(coding.as_bytes());
    let mut decoder = codings.decoder(limits)?;
    let mut plain = Vec::new();
    let mut out = |piece: &[u8]| {
        let has_room = plain.len().saturating_add(piece.len()) <= limits.decoded_body;
        plain.extend_from_slice(if has_room { piece } else { b"" });
        if has_room { Ok(()) } else { Err(Stop::Limit) }
    };
    let result = decoder.decode(bytes, &mut out).and_then(|()| decoder.finish(&mut out));
    result.is_ok().then_some(plain)
}

/// A content that is base64 of a text, or of something coded, from its first letter to its last.
fn from_base64(bytes: &[u8]) -> Layer {
    let text = bytes.trim_ascii().trim_ascii_end();
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n');
    if text.len() < SHORTEST || !text.iter().take(64).all(is_digit) || !text.iter().all(is_digit) {
        return Layer::None;
    }
    let Ok(text) = std::str::from_utf8(text) else { return Layer::None };
    // A form with one pair can be written in the same letters.
    let stripped: String = text.split_ascii_whitespace().collect();
    if stripped.trim_end_matches('=').contains('=') {
        return Layer::None;
    }
    match base64::decode(&stripped) {
        Some(decoded) if is_coded(&decoded.bytes) || is_text(&decoded.bytes) => Layer::Undone(decoded.bytes),
        _ => Layer::None,
    }
}

/// Whether it begins as something compressed does.
fn is_coded(bytes: &[u8]) -> bool {
    matches!(bytes, [0x1f, 0x8b, 8, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..])
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ::base64::{Engine as _, engine::general_purpose::STANDARD};
    use flate2::{Compression, write};

    use super::*;
    use crate::token::{extract::Extraction, interner::Interner};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn plain(bytes: &[u8]) -> (Vec<u8>, bool) {
        let limits = Limits::default();
        let mut interner = Interner::new(&limits);
        let mut extractor = Extractor {
            interner: &mut interner,
            limits: &limits,
            cut_at: None,
            socket: false,
            found: Extraction::default(),
        };
        let plain = extractor.without_codings(bytes).into_owned();
        (plain, extractor.found.undecoded)
    }

    #[test]
    fn codings_that_nothing_tells_are_undone() {
        let text = b"username=megan&password=Winter2026".to_vec();
        for coded in [
            gzip(&text),
            gzip(&gzip(&text)),
            zlib(&text),
            zlib(&gzip(&gzip(&text))),
            STANDARD.encode(&text).into_bytes(),
            STANDARD.encode(gzip(&text)).into_bytes(),
            gzip(STANDARD.encode(&text).as_bytes()),
            STANDARD.encode(STANDARD.encode(&text)).into_bytes(),
        ] {
            assert_eq!(plain(&coded), (text.clone(), false));
        }
        for as_it_is in [&text[..], b"", b"x=1", b"x^2+1", b"QUJD", b"hello", b"grant_type=cGFzc3dvcmQ", b"\x78\x9c-"] {
            assert_eq!(plain(as_it_is), (as_it_is.to_vec(), false), "{as_it_is:?}");
        }
        let mut damaged = gzip(&text);
        damaged.truncate(15);
        assert!(plain(&damaged).1);
        let deep = (0..6).fold(text, |inner, _| gzip(&inner));
        assert!(plain(&deep).1);
    }
}
