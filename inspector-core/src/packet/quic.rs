//! What a datagram looks like that is QUIC, of any version. What is in it: `crate::quic`.

/// RFC 9000.
const VERSION_1: u32 = 1;
/// RFC 9369.
const VERSION_2: u32 = 0x6b33_43cf;

/// What stands unprotected in a packet with a long header (RFC 8999 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongHeader<'p> {
    /// Version; 0 in version negotiation.
    pub version: u32,
    /// Destination connection identifier, up to 20 bytes.
    pub destination: &'p [u8],
    /// Source connection identifier, up to 20 bytes.
    pub source: &'p [u8],
}

/// Recognises the first packet of a datagram as QUIC: a long header of a known version (1, 2, drafts 17 to 34, mvfst, Google's
/// Q043 to Q050 and T050, T051) or version negotiation. Packets with a short header have nothing to be recognised by.
pub fn long_header(payload: &[u8]) -> Option<LongHeader<'_>> {
    let (&[first, v0, v1, v2, v3], rest) = payload.split_first_chunk::<5>()?;
    if first & 0x80 == 0 {
        return google_public_header(payload);
    }
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    let by_nibbles = match version {
        // Both lengths in one byte, each less 3, before draft 22.
        0xff00_0011..=0xff00_0015 | 0x5130_3434..=0x5130_3439 => true,
        0 | VERSION_1 | VERSION_2 | 0xff00_0016..=0xff00_0022 => false,
        0xface_b000..=0xface_b00f | 0x5130_3530 | 0x5430_3530 | 0x5430_3531 => false,
        _ => return None,
    };
    if version != 0 && first & 0x40 == 0 {
        return None;
    }
    let (destination, source, rest) = if by_nibbles {
        let (&lengths, rest) = rest.split_first()?;
        let length = |nibble: u8| usize::from(nibble) + if nibble == 0 { 0 } else { 3 };
        let (destination, rest) = rest.split_at_checked(length(lengths >> 4))?;
        let (source, rest) = rest.split_at_checked(length(lengths & 0x0f))?;
        (destination, source, rest)
    } else {
        let (destination, rest) = connection_id(rest)?;
        let (source, rest) = connection_id(rest)?;
        (destination, source, rest)
    };
    // Version negotiation lists versions of 4 bytes each (RFC 8999 §6).
    if rest.is_empty() || version == 0 && rest.len() % 4 != 0 {
        return None;
    }
    Some(LongHeader { version, destination, source })
}

/// Whether a datagram can be a packet with a short header (RFC 9000 §17.3.1): the second bit is set unless the ends agreed
/// otherwise (RFC 9287), what follows is protected and looks random, and there is enough of it to take a sample of (RFC
/// 9001 §5.4.2). Text, of which the first byte of many protocols is, is none.
pub fn may_be_short_header(payload: &[u8]) -> bool {
    const SHORTEST: usize = 21;
    const LOOKED_AT: usize = 64;
    let is_text = || payload.iter().take(LOOKED_AT).all(|byte| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~'));
    payload.len() >= SHORTEST && payload.first().is_some_and(|first| first >> 6 == 1) && !is_text()
}

/// Whether a datagram ends in what looks random, as packets do whose last 16 bytes authenticate them. Of 16 random bytes
/// some 15 differ.
pub fn ends_random(payload: &[u8]) -> bool {
    const DIFFERENT: u32 = 12;
    let mut seen = [0_u128; 2];
    let last = payload.last_chunk::<16>().copied().unwrap_or_default();
    for byte in last {
        let [low, high] = &mut seen;
        *(if byte < 128 { low } else { high }) |= 1 << (byte & 127);
    }
    seen.iter().map(|bits| bits.count_ones()).sum::<u32>() >= DIFFERENT
}

fn connection_id(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    if length > 20 { None } else { rest.split_at_checked(length.into()) }
}

/// Up to Q043: flags (version and an identifier of 8 bytes are there), identifier, version, all in ASCII.
fn google_public_header(payload: &[u8]) -> Option<LongHeader<'_>> {
    let (&[0x09 | 0x0d], rest) = payload.split_first_chunk::<1>()? else { return None };
    let (destination, rest) = rest.split_at_checked(8)?;
    let (&version @ [b'Q', b'0', b'0'..=b'9', b'0'..=b'9'], _) = rest.split_first_chunk::<4>()? else { return None };
    Some(LongHeader { version: u32::from_be_bytes(version), destination, source: &[] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::hex;

    #[test]
    fn recognition() {
        for (bytes, expected) in [
            ("c3 00000001 08 0102030405060708 00 00", Some((1, 8, 0))),
            ("e3 00000001 08 0102030405060708 00 00", Some((1, 8, 0))),
            ("d3 6b3343cf 00 02 0102 00", Some((VERSION_2, 0, 2))),
            ("c3 6b3343cf 00 02 0102 00", Some((VERSION_2, 0, 2))),
            ("c3 ff00001d 01 01 00 00", Some((0xff00_001d, 1, 0))),
            ("c3 51303436 50 0102030405060708 00", Some((0x5130_3436, 8, 0))),
            ("c3 51303530 08 0102030405060708 00 00", Some((0x5130_3530, 8, 0))),
            ("0d 0102030405060708 51303433 01", Some((0x5130_3433, 8, 0))),
            ("80 00000000 01 01 01 02 00000001 6b3343cf", Some((0, 1, 1))),
            ("80 00000000 01 01 01 02 00000001 6b33", None),
            ("83 00000001 08 0102030405060708 00 00", None),
            ("c3 00000002 08 0102030405060708 00 00", None),
            ("c3 00000001 15 000000000000000000000000000000000000000000 00 00", None),
            ("c3 00000001 08 0102030405060708 00", None),
            ("43 0102030405060708", None),
            ("0d 0102030405060708 48303433 01", None),
        ] {
            let bytes = hex(bytes);
            let got = long_header(&bytes).map(|h| (h.version, h.destination.len(), h.source.len()));
            assert_eq!(got, expected, "{bytes:02x?}");
        }
    }
}
