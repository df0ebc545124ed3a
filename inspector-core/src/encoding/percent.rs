//! Percent-encoding (RFC 3986 §2.1). A `%` that is not followed by two digits stands for itself.

use std::borrow::Cow;

/// Undoes percent-encoding, once. Text that is not UTF-8 then is read with replacement characters.
pub(crate) fn decode(input: &[u8]) -> Cow<'_, str> {
    match bytes(input) {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => owned(bytes),
    }
}

/// The text of bytes that are UTF-8 but for damage.
pub(crate) fn owned(bytes: Vec<u8>) -> Cow<'static, str> {
    Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The bytes that percent-encoded text stands for.
pub(crate) fn bytes(input: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', input) else { return Cow::Borrowed(input) };
    let mut bytes = Vec::with_capacity(input.len());
    let (plain, mut rest) = input.split_at(first);
    bytes.extend_from_slice(plain);
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail.split_first_chunk().and_then(|([high, low], after)| Some((hex(*high)?, hex(*low)?, after)));
        match digits {
            Some((high, low, after)) if *byte == b'%' => {
                bytes.push(high << 4 | low);
                rest = after;
            }
            _ => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    Cow::Owned(bytes)
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
