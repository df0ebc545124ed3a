//! Thumbprints of certificates in every spelling senders use.
//!
//! RFC 7515 §4.1.7 wants base64url of the 20 bytes of a SHA-1 (27 characters, no padding). Senders also write the
//! hexadecimal form Windows shows, pad the base64, or encode the hexadecimal text instead of the bytes.

use std::fmt;

use crate::http::base64;

/// How a thumbprint was spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThumbprintForm {
    /// Base64url without padding, as RFC 7515 wants it.
    Base64Url,
    /// Base64 with padding, the standard alphabet or stray bits.
    LaxBase64,
    /// Hexadecimal, as Windows shows it.
    Hexadecimal,
    /// Base64 of the hexadecimal text.
    Base64OfHexadecimal,
}

impl fmt::Display for ThumbprintForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64Url => "base64url",
            Self::LaxBase64 => "padded or standard base64",
            Self::Hexadecimal => "hexadecimal",
            Self::Base64OfHexadecimal => "base64 of the hexadecimal text",
        })
    }
}

/// A thumbprint's bytes: 20 of a SHA-1, 32 of a SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thumbprint {
    pub(super) bytes: Vec<u8>,
    pub(super) form: ThumbprintForm,
}

impl Thumbprint {
    /// Reads any of the spellings; `None` if the text is no thumbprint.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(bytes) = hexadecimal(text.as_bytes()) {
            return Self::of(bytes, ThumbprintForm::Hexadecimal);
        }
        let decoded = base64::decode(text)?;
        if let Some(bytes) = hexadecimal(&decoded.bytes) {
            return Self::of(bytes, ThumbprintForm::Base64OfHexadecimal);
        }
        let lax = decoded.padding || decoded.standard || decoded.whitespace || decoded.trailing_bits;
        Self::of(decoded.bytes, if lax { ThumbprintForm::LaxBase64 } else { ThumbprintForm::Base64Url })
    }

    fn of(bytes: Vec<u8>, form: ThumbprintForm) -> Option<Self> {
        matches!(bytes.len(), 20 | 32).then_some(Self { bytes, form })
    }
}

/// 40 or 64 hexadecimal digits, with or without `:` and blanks between them.
fn hexadecimal(text: &[u8]) -> Option<Vec<u8>> {
    // The longest form has 64 digits and 63 separators.
    if text.len() > 127 {
        return None;
    }
    let digits: Vec<u8> = text
        .iter()
        .filter(|byte| !matches!(byte, b':' | b' '))
        .map(|&byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    matches!(pairs.len(), 20 | 32).then(|| pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_gives_the_same_bytes() {
        let expected = hexadecimal(b"8bf833e6a7d8a7960f5802b5fffd188599e2a4b2").unwrap();
        for (text, form) in [
            ("i_gz5qfYp5YPWAK1__0YhZnipLI", ThumbprintForm::Base64Url),
            ("i_gz5qfYp5YPWAK1__0YhZnipLI=", ThumbprintForm::LaxBase64),
            ("i/gz5qfYp5YPWAK1//0YhZnipLI=", ThumbprintForm::LaxBase64),
            ("8BF833E6A7D8A7960F5802B5FFFD188599E2A4B2", ThumbprintForm::Hexadecimal),
            ("8b:f8:33:e6:a7:d8:a7:96:0f:58:02:b5:ff:fd:18:85:99:e2:a4:b2", ThumbprintForm::Hexadecimal),
            ("OEJGODMzRTZBN0Q4QTc5NjBGNTgwMkI1RkZGRDE4ODU5OUUyQTRCMg", ThumbprintForm::Base64OfHexadecimal),
        ] {
            assert_eq!(Thumbprint::parse(text), Some(Thumbprint { bytes: expected.clone(), form }), "{text}");
        }
        assert_eq!(Thumbprint::parse("tkkU9EzS9n_N-9BVijkTXES-F9Sl5_anDDav8pQwNeo").unwrap().bytes.len(), 32);
        for text in ["", "key-1", "4", "i_gz5qfYp5YPWAK1__0YhZnipA", "!"] {
            assert_eq!(Thumbprint::parse(text), None, "{text}");
        }
    }
}
