//! Whether a stream is TLS, from its first bytes.

use super::{
    record::{HANDSHAKE, Header},
    session::hello_sender,
};
use crate::{flow::Side, probe::Probe};

/// Judges the first bytes of a direction.
///
/// `Certain`: a hello, or two records in a row. `Likely`: all bytes so far fit a record, so that more of them may
/// decide (a connection that is joined late begins with application data). `No`: it is something else.
pub fn looks_like_tls(first_bytes: &[u8]) -> Probe {
    if hello_sender(first_bytes).is_some() {
        return match first_bytes.first_chunk() {
            Some(header) if first_bytes.first() == Some(&HANDSHAKE) && Header::parse(*header).is_none() => Probe::No,
            _ => Probe::Certain,
        };
    }
    let mut padded = [HANDSHAKE, 3, 1, 0, 4];
    padded.iter_mut().zip(first_bytes).for_each(|(to, from)| *to = *from);
    let v2 = [0x80, 46, 1, 3];
    let could_be_v2 = first_bytes.len() < 4 && v2_begins(first_bytes, &v2);
    let Some(header) = Header::parse(padded).filter(|header| header.length > 0) else {
        return if could_be_v2 { Probe::Likely } else { Probe::No };
    };
    // A handshake that begins with something else than a hello is not the begin of a connection, but TLS.
    match first_bytes.get(usize::from(header.length) + 5..).and_then(<[u8]>::first_chunk) {
        Some(next) => Header::parse(*next).map_or(Probe::No, |_| Probe::Certain),
        None => Probe::Likely,
    }
}

fn v2_begins(bytes: &[u8], pattern: &[u8; 4]) -> bool {
    bytes.iter().zip(pattern).enumerate().all(|(at, (byte, pattern))| match at {
        0 => byte & 0x80 != 0,
        1 => true,
        _ => byte == pattern,
    })
}

/// The TLS role of whoever sent these first bytes: a ClientHello or a ServerHello tells.
pub fn hello_role(first_bytes: &[u8]) -> Option<Side> {
    hello_sender(first_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_first_bytes() {
        for (bytes, expected) in [
            (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..], Probe::Certain),
            (b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76", Probe::Certain),
            (b"\x16\x03\x01\x02\x00", Probe::Likely),
            (b"\x16", Probe::Likely),
            (b"", Probe::Likely),
            (b"\x17\x03\x03\x00\x20abcd", Probe::Likely),
            (b"\x17\x03\x03\x00\x02ab\x17\x03\x03\x00\x20", Probe::Certain),
            (b"\x17\x03\x03\x00\x02abHTTP/", Probe::No),
            (b"\x16\x03\x01\xff\xff\x01", Probe::No),
            (b"\x16\x02\x01\x00\x20\x01", Probe::No),
            (b"\x80\x2e\x01\x03\x01", Probe::Certain),
            (b"\x80\x2e", Probe::Likely),
            (b"GET / HTTP/1.1\r\n", Probe::No),
            (b"HTTP/1.1 200 OK", Probe::No),
            (b"SSH-2.0-", Probe::No),
        ] {
            assert_eq!(looks_like_tls(bytes), expected, "{bytes:02x?}");
        }
        assert_eq!(hello_role(b"\x16\x03\x03\x00\x7a\x02"), Some(Side::Server));
    }
}
