//! How bytes are written in text: base64 and percent-encoding, read as tolerantly as receivers read them.

pub(crate) mod base64;
pub(crate) mod percent;
pub(crate) mod varint;
