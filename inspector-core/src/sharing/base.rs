//! Base64 as it stands in a text: decoded, and encoded again in the same way.

use ::base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};

use crate::encoding::base64;

/// The bytes of a text, and a way to write others of the same length in its place; `None` if writing them again would change
/// the text.
pub(super) fn decode(text: &str) -> Option<(Vec<u8>, Encode)> {
    let decoded = base64::decode(text)?;
    // Both alphabets agree where neither's own letters occur; new bytes could need them, and a padded text is the standard's.
    let standard = decoded.standard || (decoded.padding && !text.contains(['-', '_']));
    let encode = Encode { standard, padding: decoded.padding };
    (encode.encode(&decoded.bytes) == text).then_some((decoded.bytes, encode))
}

/// How a text was encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encode {
    standard: bool,
    padding: bool,
}

impl Encode {
    /// Encodes bytes in the same way.
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match (self.standard, self.padding) {
            (true, true) => STANDARD.encode(bytes),
            (true, false) => STANDARD_NO_PAD.encode(bytes),
            (false, true) => URL_SAFE.encode(bytes),
            (false, false) => URL_SAFE_NO_PAD.encode(bytes),
        }
    }
}
