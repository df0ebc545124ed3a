//! Versions of QUIC: what differs between those that are read.

/// RFC 9000.
pub(super) const VERSION_1: u32 = 1;
/// RFC 9369.
pub(super) const VERSION_2: u32 = 0x6b33_43cf;

/// The labels keys are derived with (RFC 9001 §5.1, RFC 9369 §3.3.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) key: &'static str,
    pub(super) iv: &'static str,
    pub(super) header: &'static str,
    pub(super) update: &'static str,
}

/// Those of a version.
pub(super) const fn labels(version: u32) -> &'static Labels {
    if version == VERSION_2 {
        &Labels { key: "quicv2 key", iv: "quicv2 iv", header: "quicv2 hp", update: "quicv2 ku" }
    } else {
        &Labels { key: "quic key", iv: "quic iv", header: "quic hp", update: "quic ku" }
    }
}

/// The salt of the Initial keys; `None` for a version that is not read: RFC 9001 §5.2, RFC 9369 §3.3.1, and
/// draft-ietf-quic-tls-23 and -29 §5.2. mvfst has numbers of its own for two drafts.
pub(super) const fn initial_salt(version: u32) -> Option<&'static [u8; 20]> {
    Some(match version {
        VERSION_1 | 0xff00_0021 | 0xff00_0022 => {
            b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a"
        }
        VERSION_2 => b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        0xff00_001d..=0xff00_0020 | 0xface_b00e => {
            b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
        }
        0xff00_0017..=0xff00_001c | 0xface_b002 => {
            b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02"
        }
        _ => return None,
    })
}

/// Key and nonce of the tag that ends a Retry packet (RFC 9001 §5.8, RFC 9369 §3.3.3).
pub(super) const fn retry_key(version: u32) -> Option<(&'static [u8; 16], &'static [u8; 12])> {
    Some(match version {
        VERSION_1 | 0xff00_0021 | 0xff00_0022 => (
            b"\xbe\x0c\x69\x0b\x9f\x66\x57\x5a\x1d\x76\x6b\x54\xe3\x68\xc8\x4e",
            b"\x46\x15\x99\xd3\x5d\x63\x2b\xf2\x23\x98\x25\xbb",
        ),
        VERSION_2 => (
            b"\x8f\xb4\xb0\x1b\x56\xac\x48\xe2\x60\xfb\xcb\xce\xad\x7c\xcc\x92",
            b"\xd8\x69\x69\xbc\x2d\x7c\x6d\x99\x90\xef\xb0\x4a",
        ),
        _ => return None,
    })
}
