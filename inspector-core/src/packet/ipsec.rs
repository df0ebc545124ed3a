//! IPsec ESP whose content is not encrypted (RFC 2410), told by its trailer as RFC 5879 does.
//!
//! Nothing in the packet says whether it is encrypted, nor how long its integrity check value is. So each length in use is
//! tried, and what stands before the trailer must be a packet of the protocol the trailer names:
//! ```text
//! 0 security parameters index | 4 sequence | 8 [initialization vector] | packet | 1 2 3 … | pad length | next header | ICV
//! ```
//! A right checksum of the inner packet proves it. Where the sender left the checksum to its network card it is still a
//! good guess, which is said ([`Guess::EspNull`]).

use std::net::IpAddr;

use super::{Cursor, Hosts, Layer, net::protocol};
use crate::note::{Guess, PacketSkip};

/// Bytes of initialization vector and integrity check value: HMAC-MD5-96 and HMAC-SHA-1-96, HMAC-SHA-256-128, AES-GMAC,
/// HMAC-SHA-384-192, HMAC-SHA-512-256, none.
const SIZES: [(usize, usize); 6] = [(0, 12), (0, 16), (8, 16), (0, 24), (0, 32), (0, 0)];

/// How sure it is that the bytes are what they seem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Guessed,
    Proved,
}

/// What an ESP packet carries, if it can be read.
pub(crate) fn esp(hosts: Hosts, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const ENCRYPTED: PacketSkip = PacketSkip::Encrypted("IPsec ESP");
    // The trailer is at the end, so that all of it must be there.
    if cursor.cut > 0 {
        return Err(ENCRYPTED);
    }
    let found = SIZES.iter().filter_map(|(vector, check)| content(hosts, cursor.bytes, *vector, *check));
    let Some((protocol, inner, certainty)) = found.max_by_key(|(.., certainty)| *certainty == Certainty::Proved) else {
        return Err(ENCRYPTED);
    };
    let mut inner = cursor.on(Layer::Transport(Hosts { protocol, ..hosts }), inner);
    inner.bounded = true;
    Ok(match certainty {
        Certainty::Proved => inner,
        Certainty::Guessed => inner.guessed(Guess::EspNull),
    })
}

/// Protocol and packet before the trailer.
fn content(hosts: Hosts, bytes: &[u8], vector: usize, check: usize) -> Option<(u8, &[u8], Certainty)> {
    let end = bytes.len().checked_sub(check)?;
    let body = bytes.get(8 + vector..end)?;
    // RFC 4303 §2.4: the trailer ends at a multiple of 4 bytes.
    if body.len() % 4 != 0 {
        return None;
    }
    let (rest, &[padding, next]) = body.split_last_chunk::<2>()?;
    let (inner, padding) = rest.split_at_checked(rest.len().checked_sub(padding.into())?)?;
    if padding.iter().zip(1_u8..).any(|(byte, expected)| *byte != expected) {
        return None;
    }
    let certainty = match next {
        protocol::TCP => tcp(hosts, inner)?,
        protocol::UDP => udp(hosts, inner)?,
        protocol::IPV4 => ipv4(inner)?,
        protocol::IPV6 => ipv6(inner)?,
        _ => return None,
    };
    Some((next, inner, certainty))
}

fn tcp(hosts: Hosts, segment: &[u8]) -> Option<Certainty> {
    let &[.., offset, flags, _, _, c0, c1, _, _] = segment.first_chunk::<20>()?;
    let header = usize::from(offset >> 4) * 4;
    // The bits between are reserved, but for the last (RFC 9293 §3.1, RFC 3540); SYN stands with neither FIN nor RST.
    let is_odd = offset & 0x0e != 0 || (flags & 0x02 != 0 && flags & 0x05 != 0) || flags & 0x16 == 0;
    if header < 20 || header > segment.len() || is_odd {
        return None;
    }
    checked(u16::from_be_bytes([c0, c1]), hosts, protocol::TCP, segment)
}

fn udp(hosts: Hosts, datagram: &[u8]) -> Option<Certainty> {
    let &[.., l0, l1, c0, c1] = datagram.first_chunk::<8>()?;
    if usize::from(u16::from_be_bytes([l0, l1])) != datagram.len() {
        return None;
    }
    checked(u16::from_be_bytes([c0, c1]), hosts, protocol::UDP, datagram)
}

/// RFC 1071: over the pseudo-header and the packet with its own checksum the sum is all ones. A network card that shall
/// fill it in is left nothing, or the sum over the pseudo-header.
fn checked(field: u16, hosts: Hosts, protocol: u8, packet: &[u8]) -> Option<Certainty> {
    let pseudo = pseudo_header(hosts, protocol, packet.len())?;
    if field != 0 && fold(pseudo + sum(packet)) == 0xffff {
        return Some(Certainty::Proved);
    }
    (field == 0 || field == fold(pseudo)).then_some(Certainty::Guessed)
}

fn ipv4(packet: &[u8]) -> Option<Certainty> {
    let &[version, _, l0, l1, ..] = packet.first_chunk::<20>()?;
    let header = packet.get(..usize::from(version & 0x0f) * 4).filter(|header| header.len() >= 20)?;
    let fits = version >> 4 == 4 && usize::from(u16::from_be_bytes([l0, l1])) == packet.len();
    (fits && fold(sum(header)) == 0xffff).then_some(Certainty::Proved)
}

fn ipv6(packet: &[u8]) -> Option<Certainty> {
    let &[version, _, _, _, l0, l1, ..] = packet.first_chunk::<40>()?;
    let fits = version >> 4 == 6 && usize::from(u16::from_be_bytes([l0, l1])) + 40 == packet.len();
    fits.then_some(Certainty::Guessed)
}

/// The sum over addresses, protocol and length (RFC 9293 §3.1, RFC 8200 §8.1).
fn pseudo_header(hosts: Hosts, protocol: u8, length: usize) -> Option<u64> {
    let addresses = match (hosts.source, hosts.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => sum(&source.octets()) + sum(&destination.octets()),
        (IpAddr::V6(source), IpAddr::V6(destination)) => sum(&source.octets()) + sum(&destination.octets()),
        _ => return None,
    };
    Some(addresses + u64::from(protocol) + length as u64)
}

/// Of the bytes in pairs, the last padded with 0.
fn sum(bytes: &[u8]) -> u64 {
    let (pairs, last) = bytes.as_chunks::<2>();
    let last = last.first().map_or(0, |byte| u64::from(*byte) << 8);
    pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>() + last
}

/// With the carries added in.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::tests::{guess_of, hex, ipv4, skip_of, tcp_packet};

    const HOSTS: Hosts = Hosts {
        source: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)),
        destination: IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)),
        protocol: protocol::ESP,
        damaged: false,
    };

    /// A segment whose checksum is what `field` makes of the right one.
    fn segment(hosts: Hosts, data: &[u8], field: impl FnOnce(u16) -> u16) -> Vec<u8> {
        let mut segment = [&hex("c000 0050 00000001 00000002 5018 ffff 0000 0000")[..], data].concat();
        let right = !fold(pseudo_header(hosts, protocol::TCP, segment.len()).unwrap() + sum(&segment));
        segment[16..18].copy_from_slice(&field(right).to_be_bytes());
        segment
    }

    fn packet(next: u8, inner: &[u8], vector: usize, check: usize) -> Vec<u8> {
        let padding = (2 - inner.len() as isize - vector as isize).rem_euclid(4) as u8;
        let trailer: Vec<u8> = (1..=padding).chain([padding, next]).collect();
        [&hex("00002002 00000001")[..], &vec![0xaa; vector], inner, &trailer, &vec![0xbb; check]].concat()
    }

    fn in_esp(inner: &[u8], vector: usize, check: usize) -> Vec<u8> {
        ipv4(protocol::ESP, &packet(protocol::TCP, inner, vector, check))
    }

    #[test]
    fn content_that_is_not_encrypted_is_read() {
        for (vector, check) in SIZES {
            for data in [&b""[..], b"d", b"da", b"dat", b"data"] {
                let proved = in_esp(&segment(HOSTS, data, |right| right), vector, check);
                assert_eq!(guess_of(101, &proved), (vec![], data.to_vec()), "{vector} {check}");
                let pseudo = fold(pseudo_header(HOSTS, protocol::TCP, 20 + data.len()).unwrap());
                for left in [0, pseudo] {
                    let guessed = in_esp(&segment(HOSTS, data, |_| left), vector, check);
                    assert_eq!(guess_of(101, &guessed), (vec![Guess::EspNull], data.to_vec()), "{vector} {check}");
                }
                let wrong = in_esp(&segment(HOSTS, data, |right| right ^ 0x100), vector, check);
                assert_eq!(skip_of(101, &wrong), "encrypted by IPsec ESP");
            }
        }
    }

    #[test]
    fn tunnels_and_the_other_version() {
        let segment_of = |hosts| segment(hosts, b"data", |right| right);
        let mut inner = tcp_packet(b"data");
        let checksum = !fold(sum(&inner[..20]));
        inner[10..12].copy_from_slice(&checksum.to_be_bytes());
        let tunnel = ipv4(protocol::ESP, &packet(protocol::IPV4, &inner, 0, 12));
        assert_eq!(guess_of(101, &tunnel), (vec![], b"data".to_vec()));
        let six = Hosts { source: IpAddr::from([0xfd; 16]), destination: IpAddr::from([0xfe; 16]), ..HOSTS };
        let esp = packet(protocol::TCP, &segment_of(six), 0, 16);
        let header = [&hex("60000000")[..], &(esp.len() as u16).to_be_bytes(), &[50, 64], &[0xfd; 16], &[0xfe; 16]];
        assert_eq!(guess_of(101, &[header.concat(), esp].concat()), (vec![], b"data".to_vec()));
        // Behind a network address translation, in UDP.
        let esp = packet(protocol::TCP, &segment_of(HOSTS), 0, 12);
        let udp = [&hex("1194 1194 0000 0000")[..], &esp].concat();
        assert_eq!(guess_of(101, &ipv4(17, &udp)), (vec![], b"data".to_vec()));
    }

    #[test]
    fn what_is_cut_is_not_told() {
        let whole = in_esp(&segment(HOSTS, b"data", |right| right), 0, 12);
        let cut = crate::packet::tests::try_segment(101, &whole[..whole.len() - 1], whole.len());
        assert!(cut.unwrap_err().contains("IPsec ESP"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_is_encrypted_is_not_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(skip_of(101, &ipv4(protocol::ESP, &bytes)), "encrypted by IPsec ESP");
        }
    }
}
