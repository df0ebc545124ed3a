//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{
    Cursor, Hosts, Layer, Step,
    defrag::{Key, Piece},
};
use crate::note::PacketSkip;

/// Extension headers looked through in one IPv6 header chain. RFC 8200 §4.1 names seven; hostile chains are longer.
const EXTENSION_HEADERS: usize = 8;

/// IP protocol and IPv6 next-header numbers (IANA).
pub(crate) mod protocol {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const ESP: u8 = 50;
    pub(crate) const AUTHENTICATION: u8 = 51;
    pub(crate) const MINIMAL_ENCAPSULATION: u8 = 55;
    pub(crate) const DESTINATION_OPTIONS: u8 = 60;
    pub(crate) const IPIP: u8 = 94;
    pub(crate) const ETHER_IP: u8 = 97;
    pub(crate) const IPCOMP: u8 = 108;
    pub(crate) const L2TP: u8 = 115;
    pub(crate) const MPLS: u8 = 137;
    pub(crate) const HIP: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
    pub(crate) const ETHERNET: u8 = 143;
}

/// IP whose version only the header itself tells.
pub(crate) fn ip(cursor: Cursor<'_>) -> Result<Step<'_>, PacketSkip> {
    match cursor.bytes.first().map(|first| first >> 4) {
        Some(4) => ipv4(cursor),
        Some(6) => ipv6(cursor),
        _ => Err(PacketSkip::Malformed("IP")),
    }
}

/// RFC 791 §3.1:
/// ```text
/// 0 version, IHL | 2 total length | 4 identification | 6 flags, fragment offset | 9 protocol | 12 source | 16 destination
/// ```
#[inline]
pub(crate) fn ipv4(cursor: Cursor<'_>) -> Result<Step<'_>, PacketSkip> {
    const WHAT: &str = "IPv4";
    let (header, _) = cursor.take::<20>(WHAT)?;
    let &[version, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = header;
    let header_length = usize::from(version & 0x0f) * 4;
    if version >> 4 != 4 || header_length < 20 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let hosts = Hosts {
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        damaged: super::checksum::is_damaged_header(header),
    };
    let body = cursor.skip(header_length, Layer::Transport(hosts), WHAT)?;
    let body = match usize::from(u16::from_be_bytes([l0, l1])) {
        // Segmentation offload: the sender's kernel left the length to the network card.
        0 => body,
        total => body.clip(total.checked_sub(header_length).ok_or(PacketSkip::Malformed(WHAT))?),
    };
    let fragment = u16::from_be_bytes([f0, f1]);
    if fragment & 0x3fff == 0 {
        return Ok(Step::Next(body));
    }
    let id = u32::from(u16::from_be_bytes([i0, i1]));
    let key =
        Key { source: hosts.source, destination: hosts.destination, id, protocol, encapsulation: cursor.encapsulation };
    let offset = usize::from(fragment & 0x1fff) * 8;
    Ok(Step::Fragment(Piece::new(key, protocol, offset, fragment & 0x2000 != 0, &body)))
}

/// RFC 8200 §3:
/// ```text
/// 0 version, class, flow label | 4 payload length | 6 next header | 7 hop limit | 8 source | 24 destination
/// ```
pub(crate) fn ipv6(cursor: Cursor<'_>) -> Result<Step<'_>, PacketSkip> {
    const WHAT: &str = "IPv6";
    let (fixed, rest) = cursor.take::<8>(WHAT)?;
    let &[version, _, _, _, l0, l1, next, _] = fixed;
    let (source, rest) = rest.split_first_chunk::<16>().ok_or(PacketSkip::Malformed(WHAT))?;
    let (destination, rest) = rest.split_first_chunk::<16>().ok_or(PacketSkip::Malformed(WHAT))?;
    if version >> 4 != 6 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let hosts = Hosts {
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination)),
        protocol: next,
        damaged: false,
    };
    let body = cursor.on(Layer::Transport(hosts), rest);
    let body = match usize::from(u16::from_be_bytes([l0, l1])) {
        // Segmentation offload, or a jumbogram (RFC 2675), whose length is the frame's too.
        0 => body,
        length => body.clip(length),
    };
    match next {
        protocol::TCP | protocol::UDP => Ok(Step::Next(body)),
        _ => extensions(hosts, body),
    }
}

/// Looks through the extension headers up to the first header that is none.
fn extensions<'p>(mut hosts: Hosts, mut body: Cursor<'p>) -> Result<Step<'p>, PacketSkip> {
    const WHAT: &str = "IPv6 extension";
    for _ in 0..EXTENSION_HEADERS {
        let unit = match hosts.protocol {
            protocol::HOP_BY_HOP
            | protocol::DESTINATION_OPTIONS
            | protocol::ROUTING
            | protocol::HIP
            | protocol::SHIM6 => 8,
            protocol::AUTHENTICATION => 4,
            protocol::FRAGMENT => {
                let (header, rest) = body.take::<8>(WHAT)?;
                let &[next, _, o0, o1, id @ ..] = header;
                let offset = u16::from_be_bytes([o0, o1]);
                body = body.on(body.layer, rest);
                if offset & 0xfff9 == 0 {
                    // An atomic fragment (RFC 6946) is a datagram of its own.
                    hosts.protocol = next;
                    continue;
                }
                let key = Key {
                    source: hosts.source,
                    destination: hosts.destination,
                    id: u32::from_be_bytes(id),
                    protocol: protocol::FRAGMENT,
                    encapsulation: body.encapsulation,
                };
                let piece = Piece::new(key, next, usize::from(offset & 0xfff8), offset & 1 != 0, &body);
                return Ok(Step::Fragment(piece));
            }
            _ => return Ok(Step::Next(body.on(Layer::Transport(hosts), body.bytes))),
        };
        let (header, _) = body.take::<4>(WHAT)?;
        let &[next, length, kind, left] = header;
        if hosts.protocol == protocol::ROUTING && left > 0 {
            hosts.destination = final_destination(body.bytes, length, kind).unwrap_or(hosts.destination);
        }
        // RFC 8200 §4.3 counts in 8 bytes without the first 8; RFC 4302 §2.2 in 4 bytes without the first 8.
        let length = if unit == 8 { (usize::from(length) + 1) * 8 } else { (usize::from(length) + 2) * 4 };
        hosts.protocol = next;
        body = body.skip(length, body.layer, WHAT)?;
    }
    Err(PacketSkip::TooDeep)
}

/// Where a source-routed packet shall end, so that both directions of its connection meet: the last address of types 0
/// (RFC 2460 §4.4) and 2 (RFC 6275 §6.4), the first of type 4 (RFC 8754 §2).
fn final_destination(header: &[u8], length: u8, kind: u8) -> Option<IpAddr> {
    let count = usize::from(length / 2);
    let index = match kind {
        0 | 2 => count.checked_sub(1)?,
        4 if count > 0 => 0,
        _ => return None,
    };
    let address = header.get(8 + index * 16..)?.first_chunk::<16>()?;
    Some(IpAddr::V6(Ipv6Addr::from(*address)))
}

/// What the IP protocol number announces, except for TCP and UDP.
pub(crate) fn other_protocol(hosts: Hosts, cursor: Cursor<'_>) -> Result<Step<'_>, PacketSkip> {
    match hosts.protocol {
        protocol::IPV4 => ipv4(cursor.within(&hosts)),
        protocol::IPV6 => ipv6(cursor.within(&hosts)),
        protocol::IPIP => ip(cursor.within(&hosts)),
        protocol::MPLS => super::tunnel::mpls(cursor.within(&hosts)).map(Step::Next),
        protocol::ETHERNET => super::link::ethernet(cursor.within(&hosts)).map(Step::Next),
        protocol::GRE => super::tunnel::gre(cursor.within(&hosts)).map(Step::Next),
        // RFC 3378 §3: version 3 in the first nibble, the rest reserved.
        protocol::ETHER_IP => cursor.within(&hosts).skip(2, Layer::Ethernet, "EtherIP").map(Step::Next),
        protocol::AUTHENTICATION => {
            let (&[next, length], _) = cursor.take::<2>("AH")?;
            let layer = Layer::Transport(Hosts { protocol: next, ..hosts });
            cursor.skip((usize::from(length) + 2) * 4, layer, "AH").map(Step::Next)
        }
        protocol::ESP => super::ipsec::esp(hosts, cursor.within(&hosts)).map(Step::Next),
        protocol::IPCOMP => Err(PacketSkip::Protocol("IPComp")),
        protocol::L2TP => Err(PacketSkip::Protocol("L2TPv3")),
        protocol::MINIMAL_ENCAPSULATION => Err(PacketSkip::Protocol("minimal IP encapsulation")),
        protocol => Err(PacketSkip::IpProtocol(protocol)),
    }
}
