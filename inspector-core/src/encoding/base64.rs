//! base64 as recordings hold it: either alphabet, padded or not, folded, with stray bits at the end.
//!
//! Receivers differ in what they tolerate, so the tolerant reading here tells every deviation from the strict form of
//! RFC 7515 §2 (URL-safe alphabet, no padding).

use std::borrow::Cow;

use ::base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};

/// Both alphabets once `+/` became `-_`, without padding, any bits at the end.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Decoded bytes and how the text deviated from strict base64url.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// `=` at the end.
    pub(crate) padding: bool,
    /// `+` or `/`.
    pub(crate) standard: bool,
    /// Blanks or line ends.
    pub(crate) whitespace: bool,
    /// The last character's unused bits are not zero.
    pub(crate) trailing_bits: bool,
}

/// Decodes `text` tolerantly; `None` if it is no base64 by any reading.
pub(crate) fn decode(text: &str) -> Option<Decoded> {
    if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) {
        return Some(Decoded { bytes, ..Decoded::default() });
    }
    let mut decoded = Decoded::default();
    let mut text = Cow::Borrowed(text);
    if text.bytes().any(|b| b.is_ascii_whitespace()) {
        decoded.whitespace = true;
        text = Cow::Owned(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    }
    if text.ends_with('=') {
        decoded.padding = true;
        text = Cow::Owned(text.trim_end_matches('=').to_owned());
    }
    if text.bytes().any(|b| matches!(b, b'+' | b'/')) {
        decoded.standard = true;
        text = Cow::Owned(text.replace('+', "-").replace('/', "_"));
    }
    decoded.bytes = if let Ok(bytes) = URL_SAFE_NO_PAD.decode(text.as_bytes()) {
        bytes
    } else {
        decoded.trailing_bits = true;
        TOLERANT.decode(text.as_bytes()).ok()?
    };
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_gives_the_same_bytes() {
        // 0xfb 0xff 0xfe 0x61: uses the characters in which the alphabets differ.
        for (text, [padding, standard, whitespace, trailing_bits]) in [
            ("-__-YQ", [false; 4]),
            ("-__-YQ==", [true, false, false, false]),
            ("+//+YQ", [false, true, false, false]),
            ("+//+\r\n YQ==\t", [true, true, true, false]),
            ("-__-YR", [false, false, false, true]),
        ] {
            let expected = Decoded { bytes: b"\xfb\xff\xfea".to_vec(), padding, standard, whitespace, trailing_bits };
            assert_eq!(decode(text), Some(expected), "{text:?}");
        }
        for text in ["a", "a.b", "***", "ab\u{e4}="] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
