//! Which datagrams are of ordinary protocols, and what some of the others are called.

use crate::{note::PacketSkip, packet::Datagram};

/// Where HTTP/3 is spoken.
pub(super) const HTTPS: u16 = 443;

/// Ports (IANA "Service Name and Transport Protocol Port Number Registry") of protocols over UDP that carry no HTTP, in
/// ascending order.
const PORTS: [u16; 74] = [
    7, 9, 13, 19, 37, 67, 68, 69, 88, 111, 135, 137, 138, 161, 162, 177, 389, 427, 464, 497, 500, 514, 517, 518, 520,
    521, 546, 547, 623, 646, 1434, 1645, 1646, 1719, 1812, 1813, 1900, 1985, 2029, 2049, 2055, 2123, 2222, 2427, 2727,
    3343, 3389, 3478, 3479, 3480, 3481, 3702, 3784, 3785, 4739, 4784, 5004, 5005, 5060, 5061, 5349, 5350, 5351, 5405,
    6343, 8125, 8805, 9995, 9996, 17_500, 27_036, 44_818, 47_808, 57_621,
];

/// Whether the datagram is of a protocol that is known to carry no HTTP.
pub(super) fn is(datagram: &Datagram<'_>) -> bool {
    let payload = datagram.payload;
    let ports = [datagram.source.port, datagram.destination.port];
    // Nothing was sent, or only a keepalive.
    payload.len() < 2
        || is_stun(payload)
        || ports.iter().any(|port| match port {
            53 | 5353 | 5355 => is_dns(payload),
            123 => is_time(payload),
            // Behind the marker of RFC 3948 §2.2 stands IKE; the rest is ESP.
            4500 => payload.starts_with(&[0; 4]),
            // Probes that trace a route.
            33_434..=33_534 => payload.len() <= 64,
            port => PORTS.binary_search(port).is_ok(),
        })
}

pub(super) fn has_port(datagram: &Datagram<'_>, port: u16) -> bool {
    datagram.source.port == port || datagram.destination.port == port
}

/// RFC 1035 §4.1.1: an operation code, and counts that are small.
fn is_dns(payload: &[u8]) -> bool {
    let Some(&[_, _, flags, _, q0, q1, a0, a1, n0, n1, r0, r1]) = payload.first_chunk::<12>() else { return false };
    let counts = [[q0, q1], [a0, a1], [n0, n1], [r0, r1]].map(u16::from_be_bytes);
    flags >> 3 & 0x0f <= 6 && counts.iter().all(|count| *count <= 512)
}

/// RFC 5905 §7.3: versions 1 to 4 and a mode; control messages are shorter than the rest.
fn is_time(payload: &[u8]) -> bool {
    let first = payload.first().copied().unwrap_or_default();
    matches!(first >> 3 & 7, 1..=4) && (payload.len() >= 48 || (matches!(first & 7, 6 | 7) && payload.len() >= 8))
}

/// RFC 8489 §5: the first two bits are 0, then the magic cookie at 4.
fn is_stun(payload: &[u8]) -> bool {
    matches!(payload, [0..=0x3f, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..])
}

/// What a datagram that cannot be read is called, by its form or by its port.
pub(super) fn foreign(datagram: &Datagram<'_>) -> Option<PacketSkip> {
    if is_wireguard(datagram.payload) {
        return Some(PacketSkip::Encrypted("WireGuard"));
    }
    if is_dtls(datagram.payload) {
        return Some(PacketSkip::Encrypted("DTLS"));
    }
    let of = |port: u16| match port {
        1194 => Some(PacketSkip::Encrypted("OpenVPN")),
        1701 => Some(PacketSkip::Protocol("L2TP")),
        2152 => Some(PacketSkip::Protocol("GTP")),
        3544 => Some(PacketSkip::Protocol("Teredo")),
        4500 => Some(PacketSkip::Encrypted("IPsec ESP")),
        4789 | 4790 | 8472 => Some(PacketSkip::Protocol("VXLAN")),
        5246 | 5247 => Some(PacketSkip::Protocol("CAPWAP")),
        5555 => Some(PacketSkip::Protocol("Aruba remote mirroring")),
        6080 => Some(PacketSkip::Protocol("generic UDP encapsulation")),
        6081 => Some(PacketSkip::Protocol("Geneve")),
        9993 => Some(PacketSkip::Encrypted("ZeroTier")),
        12_222 | 12_223 => Some(PacketSkip::Protocol("LWAPP")),
        37_008 => Some(PacketSkip::Protocol("TZSP")),
        _ => None,
    };
    of(datagram.destination.port).or_else(|| of(datagram.source.port))
}

/// Types 1 to 4 in four bytes, with the lengths of each (wireguard.com/protocol).
const fn is_wireguard(payload: &[u8]) -> bool {
    match (payload, payload.len()) {
        ([1, 0, 0, 0, ..], 148) | ([2, 0, 0, 0, ..], 92) | ([3, 0, 0, 0, ..], 64) => true,
        ([4, 0, 0, 0, ..], length) => length >= 32 && length.is_multiple_of(16),
        _ => false,
    }
}

/// RFC 6347 §4.1: a content type, version 1.0 or 1.2, or what Cisco made of a draft; RFC 9147 §4 hides all but the first
/// bits, and is told as unknown.
const fn is_dtls(payload: &[u8]) -> bool {
    matches!(payload, [20..=26, 0xfe, 0xfd | 0xff, ..] | [20..=26, 1, 0, ..])
}
