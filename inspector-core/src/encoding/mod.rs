//! How bytes are written in text: base64, percent-encoding and letter case, read as tolerantly as receivers read them.

pub(crate) mod any_case;
pub(crate) mod base64;
pub(crate) mod percent;
pub(crate) mod varint;
