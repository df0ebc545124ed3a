//! Integers of QUIC and HTTP/3 (RFC 9000 §16): the length in the first two bits, as a power of two.

/// The integer at the front, and what comes after it.
pub(crate) fn variable_integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    if first < 0x40 {
        return Some((u64::from(first), bytes.get(1..)?));
    }
    let length = 1 << (first >> 6);
    let (value, rest) = bytes.split_at_checked(length)?;
    let value = value.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    // The two bits that told the length are the highest of the value.
    Some((value & (u64::MAX >> (66 - 8 * length)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_rfc_9000() {
        // Section A.1.
        for (bytes, value) in [
            (&b"\xc2\x19\x7c\x5e\xff\x14\xe8\x8c"[..], 151_288_809_941_952_652),
            (b"\x9d\x7f\x3e\x7d", 494_878_333),
            (b"\x7b\xbd", 15_293),
            (b"\x25", 37),
            (b"\x40\x25", 37),
        ] {
            assert_eq!(variable_integer(bytes), Some((value, &[][..])));
            assert_eq!(variable_integer(&bytes[..bytes.len() - 1]), None);
        }
    }
}
