//! Packets inside packets: MPLS, GRE and ERSPAN, network service headers, and tunnels over UDP.
//!
//! A tunnel over UDP is known by nothing but its port, and any datagram may use that port. So its header must fit, and what
//! it carries must look like the beginning of an Ethernet frame or an IP packet; else the datagram stays a datagram.

use super::{Cursor, Hosts, Layer, Tag, ipsec, link::SMALLEST_ETHER_TYPE, wireless};
use crate::note::{Guess, PacketSkip};

/// A stack of labels (RFC 3032 §2.1), each label (20 bits), class (3), bottom of stack (1), time to live (8).
///
/// Nothing names what follows the last label; routers look at the first nibble, which is why pseudowires have a control word
/// (RFC 4385 §3): 0 a control word before the frame, 1 an associated channel, 4 and 6 IP. A pseudowire without control word
/// begins with the frame's destination, of which some begin with 4 or 6 as well, so that a frame with IP in it is looked for
/// first.
pub(crate) fn mpls(mut cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    loop {
        let (&[l0, l1, l2, _], rest) = cursor.take::<4>("MPLS")?;
        let label = u32::from_be_bytes([0, l0, l1, l2]) >> 4;
        cursor = cursor.tagged(Tag::Mpls, label).on(Layer::Ip, rest);
        if l2 & 1 == 1 {
            break;
        }
    }
    let frame = cursor.on(Layer::Ethernet, cursor.bytes);
    let after_word = frame.on(Layer::Ethernet, cursor.bytes.get(4..).unwrap_or_default());
    match (cursor.bytes.first().map(|first| first >> 4), ethernet_fits(&frame)) {
        (Some(4 | 6), Fit::No) => Ok(cursor),
        (Some(4 | 6), Fit::Other) if ip_fits(&cursor) => Ok(cursor),
        (Some(0), fit) if ethernet_fits(&after_word) > fit => Ok(after_word),
        (_, Fit::Ip | Fit::Other) => Ok(frame),
        (first, Fit::No) => Err(match first {
            Some(1) => PacketSkip::Control("MPLS associated channel"),
            Some(_) => PacketSkip::Protocol("MPLS payload other than IP and Ethernet"),
            None => PacketSkip::Malformed("MPLS"),
        }),
    }
}

/// GRE (RFC 2784, 2890), and PPTP's variant of it (RFC 2637 §4.1):
/// ```text
/// 0 flags, version | 2 protocol | [checksum, reserved (4)] [key (4)] [sequence (4)] [version 1: acknowledgment (4)]
/// ```
pub(crate) fn gre(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "GRE";
    const CHECKSUM: u16 = 0x8000;
    const ROUTING: u16 = 0x4000;
    const KEY: u16 = 0x2000;
    const SEQUENCE: u16 = 0x1000;
    const ACKNOWLEDGMENT: u16 = 0x0080;
    let (&[f0, f1, p0, p1], rest) = cursor.take::<4>(WHAT)?;
    let (flags, kind) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
    let (version, mut cursor) = (flags & 7, cursor.on(Layer::EtherType(kind), rest));
    if flags & ROUTING != 0 {
        return Err(PacketSkip::Protocol("GRE with source routing"));
    }
    if flags & CHECKSUM != 0 {
        cursor = cursor.skip(4, cursor.layer, WHAT)?;
    }
    if flags & KEY != 0 {
        let (&[k0, k1, k2, k3], rest) = cursor.take::<4>(WHAT)?;
        // Version 1 has the payload's length in the first half.
        let key = if version == 1 { [0, 0, k2, k3] } else { [k0, k1, k2, k3] };
        cursor = cursor.tagged(Tag::Key, u32::from_be_bytes(key)).on(cursor.layer, rest);
    }
    if flags & SEQUENCE != 0 {
        cursor = cursor.skip(4, cursor.layer, WHAT)?;
    }
    match (version, kind) {
        (1, 0x880b) if flags & SEQUENCE == 0 => Err(PacketSkip::Control("PPTP acknowledgment")),
        (1, 0x880b) => cursor.skip(if flags & ACKNOWLEDGMENT == 0 { 0 } else { 4 }, Layer::Ppp, WHAT),
        (0, 0x88be) => erspan2(cursor, flags & SEQUENCE != 0),
        (0, 0x22eb) => erspan3(cursor),
        // WCCP version 2 puts 4 bytes of its own before the packet, version 1 does not.
        (0, 0x883e) => {
            let own = if cursor.bytes.first().is_some_and(|first| first >> 4 == 4) { 0 } else { 4 };
            cursor.skip(own, Layer::Ipv4, "WCCP")
        }
        // Ethernet over IP of MikroTik, whose key is a length and a number.
        (1, 0x6400) => Ok(cursor.on(Layer::Ethernet, cursor.bytes)),
        (0, 0) if cursor.sent() == 0 => Err(PacketSkip::Control("GRE keepalive")),
        (0, 0x2001) => Err(PacketSkip::Control("NHRP")),
        // What Aruba's access points mirror and tunnel, by numbers that are registered for nothing of the kind.
        (0, 0x8200..=0x83ff | 0x9000..=0x91ff) if !is_vlan(kind) => wireless_mirror(kind, cursor),
        (0, _) => Ok(cursor),
        _ => Err(PacketSkip::Malformed(WHAT)),
    }
}

/// IEEE 802.11 in GRE: told by the form of the frame.
fn wireless_mirror(kind: u16, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    if wireless::fits(&cursor) {
        return Ok(wireless::ieee80211(cursor, false)?.guessed(Guess::WirelessInTunnel));
    }
    Err(match wireless::ieee80211(cursor, false) {
        Err(encrypted @ PacketSkip::Encrypted(_)) => encrypted,
        _ => PacketSkip::EtherType(kind),
    })
}

const fn is_vlan(kind: u16) -> bool {
    matches!(kind, 0x9100)
}

/// ERSPAN type I, which has no header and no GRE sequence number, and type II (draft-foschiano-erspan §4):
/// ```text
/// version (4 bits), VLAN (12) | class (3), encapsulation (2), truncated (1), session (10) | reserved, port index (4)
/// ```
fn erspan2(cursor: Cursor<'_>, has_header: bool) -> Result<Cursor<'_>, PacketSkip> {
    if !has_header {
        return Ok(cursor.on(Layer::Ethernet, cursor.bytes));
    }
    let (&[version, _, s0, s1, ..], rest) = cursor.take::<8>("ERSPAN")?;
    if version >> 4 != 1 {
        return Err(PacketSkip::Malformed("ERSPAN"));
    }
    Ok(cursor.tagged(Tag::Session, session([s0, s1])).on(Layer::Ethernet, rest))
}

/// ERSPAN type III: as type II up to the session, then time (4), group (2), and 16 bits: frame type from the second on (5),
/// and in the last whether 8 bytes for the platform follow.
fn erspan3(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "ERSPAN";
    let (&[version, _, s0, s1, _, _, _, _, _, _, kind, last], rest) = cursor.take::<12>(WHAT)?;
    if version >> 4 != 2 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let layer = match kind >> 2 & 0x1f {
        0 => Layer::Ethernet,
        2 => Layer::Ip,
        _ => return Err(PacketSkip::Protocol("ERSPAN frame other than Ethernet and IP")),
    };
    let cursor = cursor.tagged(Tag::Session, session([s0, s1])).on(layer, rest);
    cursor.skip(if last & 1 == 0 { 0 } else { 8 }, layer, WHAT)
}

fn session(bytes: [u8; 2]) -> u32 {
    u32::from(u16::from_be_bytes(bytes) & 0x03ff)
}

/// A network service header (RFC 8300 §2.2): version (2 bits), flags, time to live (6), length in 4 bytes (6), metadata
/// type (1), next protocol (1); service path (3), index (1).
pub(crate) fn service_header(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "NSH";
    let (&[version, length, _, next, p0, p1, p2, _], _) = cursor.take::<8>(WHAT)?;
    let length = usize::from(length & 0x3f) * 4;
    if version >> 6 != 0 || length < 8 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let layer = match next {
        1 => Layer::Ipv4,
        2 => Layer::Ipv6,
        3 => Layer::Ethernet,
        4 => Layer::EtherType(0x894f),
        5 => Layer::Mpls,
        _ => return Err(PacketSkip::Protocol("NSH payload other than IP, Ethernet and MPLS")),
    };
    cursor.tagged(Tag::Service, u32::from_be_bytes([0, p0, p1, p2])).skip(length, layer, WHAT)
}

/// What a datagram between these ports carries, if it is a tunnel; `None` if it stays a datagram.
pub(crate) fn udp_tunnel<'p>(
    hosts: Hosts,
    source: u16,
    destination: u16,
    body: Cursor<'p>,
) -> Option<Result<Cursor<'p>, PacketSkip>> {
    let port = |wanted: u16| source == wanted || destination == wanted;
    let inner = if port(4789) || port(8472) {
        vxlan(body)
    } else if port(4790) {
        vxlan_generic(body)
    } else if port(6081) {
        geneve(body)
    } else if port(2152) {
        gtp_user(body)
    } else if port(3544) {
        teredo(body)
    } else if port(1701) {
        l2tp(body)
    } else if port(37008) {
        tzsp(body)
    } else if port(4500) {
        return is_ipsec(body.bytes).then(|| ipsec::esp(hosts, body));
    } else if port(5555) {
        wireless_mirror_in_udp(body)
    } else {
        None
    }?;
    let fits = match inner.layer {
        Layer::Ethernet => ethernet_fits(&inner) != Fit::No,
        Layer::Ip | Layer::Ipv4 | Layer::Ipv6 => ip_fits(&inner),
        _ => true,
    };
    fits.then_some(Ok(inner))
}

/// VXLAN (RFC 7348 §5): flags (1), of which bit I is set; reserved (3); network (3); reserved (1).
fn vxlan(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let (&[flags, _, _, _, n0, n1, n2, 0], rest) = body.bytes.split_first_chunk::<8>()? else { return None };
    (flags & 0x08 != 0)
        .then(|| body.tagged(Tag::Network, u32::from_be_bytes([0, n0, n1, n2])).on(Layer::Ethernet, rest))
}

/// VXLAN-GPE: as VXLAN; with bit P the fourth byte is the next protocol.
fn vxlan_generic(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let inner = vxlan(body)?;
    let &[flags, _, _, next, ..] = body.bytes.first_chunk::<8>()?;
    let layer = match next {
        _ if flags & 0x04 == 0 => Layer::Ethernet,
        1 => Layer::Ipv4,
        2 => Layer::Ipv6,
        3 => Layer::Ethernet,
        4 => Layer::EtherType(0x894f),
        _ => return None,
    };
    Some(inner.on(layer, inner.bytes))
}

/// Geneve (RFC 8926 §3.4): version (2 bits, 0), length of options in 4 bytes (6), flags (1), EtherType (2), network (3),
/// reserved (1), the options.
fn geneve(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let (&[length, _, p0, p1, n0, n1, n2, _], rest) = body.bytes.split_first_chunk::<8>()?;
    let layer = match u16::from_be_bytes([p0, p1]) {
        0x0800 => Layer::Ipv4,
        0x86dd => Layer::Ipv6,
        0x6558 => Layer::Ethernet,
        _ => return None,
    };
    let rest = rest.get(usize::from(length & 0x3f) * 4..).filter(|_| length >> 6 == 0)?;
    Some(body.tagged(Tag::Network, u32::from_be_bytes([0, n0, n1, n2])).on(layer, rest))
}

/// GTP-U (3GPP TS 29.281 §5.1): version 1 (3 bits), protocol type 1, flags E, S, PN; message type (255: a user's packet);
/// length after this (2); tunnel (4). With any flag sequence (2), number (1), next extension (1); each extension has its
/// length in 4 bytes first and the next extension last.
fn gtp_user(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let (&[flags, 0xff, l0, l1, t0, t1, t2, t3], rest) = body.bytes.split_first_chunk::<8>()? else { return None };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if flags >> 4 != 3 || length > body.sent().saturating_sub(8) {
        return None;
    }
    let mut inner = body.tagged(Tag::Tunnel, u32::from_be_bytes([t0, t1, t2, t3])).on(Layer::Ip, rest).clip(length);
    if flags & 7 != 0 {
        let (&[.., mut next], mut rest) = inner.bytes.split_first_chunk::<4>()?;
        while flags & 4 != 0 && next != 0 {
            let extension = usize::from(*rest.first()?) * 4;
            let (header, after) = rest.split_at_checked(extension)?;
            (next, rest) = (*header.last()?, after);
        }
        inner = inner.on(Layer::Ip, rest);
    }
    Some(inner)
}

/// Teredo (RFC 4380 §5.1): IPv6, before it perhaps an authentication (0001, lengths of client and value, those, nonce (8),
/// confirmation (1)) and an origin (0000, port, address).
fn teredo(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let mut bytes = body.bytes;
    if let [0, 1, client, value, rest @ ..] = bytes {
        bytes = rest.get(usize::from(*client) + usize::from(*value) + 9..)?;
    }
    if let [0, 0, _, _, _, _, _, _, rest @ ..] = bytes {
        bytes = rest;
    }
    (bytes.first()? >> 4 == 6).then(|| body.on(Layer::Ipv6, bytes))
}

/// L2TP version 2, data messages (RFC 2661 §3.1): flags and version (2), [length (2)], tunnel (2), session (2),
/// [sequence numbers (4)], [offset (2) and as many bytes]; PPP.
fn l2tp(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let (&flags, mut rest) = body.bytes.split_first_chunk::<2>()?;
    let flags = u16::from_be_bytes(flags);
    // T: control; the reserved bits are 0; version 2.
    if flags & 0x8000 != 0 || flags & 0x34ff != 2 {
        return None;
    }
    if flags & 0x4000 != 0 {
        let (&length, after) = rest.split_first_chunk::<2>()?;
        if usize::from(u16::from_be_bytes(length)) > body.sent() {
            return None;
        }
        rest = after;
    }
    let (&ids, mut rest) = rest.split_first_chunk::<4>()?;
    if flags & 0x0800 != 0 {
        rest = rest.get(4..)?;
    }
    if flags & 0x0200 != 0 {
        let (&offset, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_be_bytes(offset))..)?;
    }
    let known = matches!(rest.strip_prefix(&[0xff, 0x03]).unwrap_or(rest), [0, 0x21 | 0x57, ..] | [0x21 | 0x57, ..]);
    known.then(|| body.tagged(Tag::Session, u32::from_be_bytes(ids)).on(Layer::Ppp, rest))
}

/// TZSP, which access points and routers mirror frames with: version (1), type (0 received, 1 to transmit), protocol (2),
/// then tags of type, length, value up to the end tag 1; tag 0 is padding.
fn tzsp(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let (&[1, 0 | 1, 0, protocol], mut rest) = body.bytes.split_first_chunk::<4>()? else { return None };
    let link = match protocol {
        1 => Layer::Ethernet,
        18 => Layer::Link(crate::packet::frame::LinkType(105)),
        119 => Layer::Link(crate::packet::frame::LinkType(119)),
        127 => Layer::Link(crate::packet::frame::LinkType(163)),
        _ => return None,
    };
    loop {
        rest = match rest {
            [0, rest @ ..] => rest,
            [1, rest @ ..] => return Some(body.on(link, rest)),
            [_, length, rest @ ..] => rest.get(usize::from(*length)..)?,
            _ => return None,
        };
    }
}

/// ESP in UDP (RFC 3948 §2): a security parameter index that is not 0 (which marks IKE) nor small (reserved), and a sequence
/// number. A keepalive is one byte.
fn is_ipsec(bytes: &[u8]) -> bool {
    let Some((&index, rest)) = bytes.split_first_chunk::<4>() else { return false };
    u32::from_be_bytes(index) > 255 && rest.len() >= 16 && super::quic::long_header(bytes).is_none()
}

/// What Aruba's access points mirror by UDP: a record's header as in pcap (16), the frame.
fn wireless_mirror_in_udp(body: Cursor<'_>) -> Option<Cursor<'_>> {
    let frame = body.on(Layer::Llc, body.bytes.get(16..)?);
    let frame = frame.guessed(Guess::WirelessInTunnel);
    if wireless::fits(&frame) { wireless::ieee80211(frame, false).ok() } else { None }
}

/// How much bytes look like an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// By an EtherType that is seen inside tunnels, or a length that fits and an LLC header.
    Other,
    /// By IP's EtherType and an IP header that fits.
    Ip,
}

/// Judges an Ethernet frame by its EtherType. Looks no deeper, so that a chain of labels costs no more than its length.
fn ethernet_fits(frame: &Cursor<'_>) -> Fit {
    let Some((&[.., high, low], rest)) = frame.bytes.split_first_chunk::<14>() else { return Fit::No };
    let kind = u16::from_be_bytes([high, low]);
    let fits = match kind {
        0x0800 | 0x86dd => {
            let version = if kind == 0x0800 { 4 } else { 6 };
            let ip = frame.on(Layer::Ip, rest);
            return if rest.first().is_some_and(|first| first >> 4 == version) && ip_fits(&ip) {
                Fit::Ip
            } else {
                Fit::No
            };
        }
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 | 0x8847 | 0x8848 | 0x8864 | 0x88e7 | 0x88e5 => true,
        0x0806 | 0x8035 | 0x8863 | 0x888e | 0x88cc | 0x88f7 | 0x8809 | 0x9000 => true,
        ..SMALLEST_ETHER_TYPE => {
            usize::from(kind) <= rest.len().saturating_add(frame.cut)
                && matches!(rest, [0xaa, 0xaa, 3, ..] | [0x42, 0x42, 3, ..] | [0xfe, 0xfe, 3, ..])
        }
        _ => false,
    };
    if fits { Fit::Other } else { Fit::No }
}

/// Whether the bytes look like an IP packet that its outer packet can hold.
pub(super) fn ip_fits(cursor: &Cursor<'_>) -> bool {
    match *cursor.bytes {
        [first @ 0x45..=0x4f, _, l0, l1, ..] => {
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            length == 0 || (length >= usize::from(first & 0x0f) * 4 && length <= cursor.sent())
        }
        [0x60..=0x6f, _, _, _, l0, l1, ..] => usize::from(u16::from_be_bytes([l0, l1])) + 40 <= cursor.sent(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::Packet;
    use crate::packet::tests::{ETHERNET, dissect, hex, ipv4, segment, skip_of, tcp_in, tcp_in_ip, tcp_packet};

    const SPAN: &str = "0064 0005 00000000";

    #[test]
    fn labels() {
        for header in [
            "00064140".to_owned(),
            "00064040 00065140".to_owned(),
            // A pseudowire with and without control word; without, to addresses that begin like IP and like a control word.
            format!("00064140 00000001 {ETHERNET}"),
            format!("00064140 {ETHERNET}"),
            "00064140 450000000001 020000000002 0800".to_owned(),
            "00064140 650000000001 020000000002 0800".to_owned(),
            "00064140 000000000001 020000000002 0800".to_owned(),
            "00064140 00000001 020000000001 020000000002 8100 0007 0800".to_owned(),
        ] {
            tcp_in(1, &format!("020000000001 020000000002 8847 {header}"));
        }
        for (header, words) in [
            ("00064140", "damaged MPLS header"),
            ("00064040", "damaged MPLS header"),
            ("00064140 10000021 00", "MPLS associated channel carries no HTTP"),
            ("00064140 a0", "MPLS payload other than IP and Ethernet is not dissected"),
        ] {
            assert_eq!(skip_of(104, &hex(&format!("0f00 8847 {header}"))), words);
        }
    }

    #[test]
    fn generic_routing_encapsulation() {
        for header in [
            "0000 0800".to_owned(),
            "8000 0800 00000000".to_owned(),
            "b000 0800 00000000 00000007 00000001".to_owned(),
            "2000 6558 00000007".to_owned() + ETHERNET,
            "0000 8847 00064140".to_owned(),
            "0000 883e".to_owned(),
            "0000 883e 00000000".to_owned(),
            "3001 880b 00280007 00000001 ff03 0021".to_owned(),
            "3081 880b 00280007 00000001 00000002 21".to_owned(),
            format!("0000 88be {ETHERNET}"),
            format!("1000 88be 00000001 1{} {ETHERNET}", &SPAN[1..]),
            format!("1000 22eb 00000001 2064 0005 00000000 0000 0000 {ETHERNET}"),
            format!("1000 22eb 00000001 2064 0005 00000000 0000 0001 0000000000000000 {ETHERNET}"),
            "1000 22eb 00000001 2064 0005 00000000 0000 0800".to_owned(),
            "0000 894f 0fc2 0101 00000aff".to_owned(),
            format!("0000 894f 0fc6 0103 00000aff {} {ETHERNET}", "00".repeat(16)),
            "0000 894f 0fc2 0104 00000aff 0fc2 0101 00000aff".to_owned(),
        ] {
            tcp_in_ip(47, &header);
        }
        for (header, words) in [
            ("4000 0800", "GRE with source routing is not dissected"),
            ("0003 0800", "damaged GRE header"),
            ("2081 880b 00000007 00000001", "PPTP acknowledgment carries no HTTP"),
            ("1000 88be 00000001 3064 0005 00000000", "damaged ERSPAN header"),
            ("0000 0806", "EtherType 0x0806 is not IP"),
        ] {
            assert_eq!(skip_of(101, &ipv4(47, &hex(header))), words, "{header}");
        }
    }

    #[test]
    fn ip_in_ip() {
        for (protocol, header) in [
            (4, ""),
            (94, ""),
            (97, "3000 020000000001 020000000002 0800"),
            (51, "0404 0000 00000001 00000001 000000000000000000000000"),
            (137, "00064140"),
            (143, ETHERNET),
        ] {
            tcp_in_ip(protocol, header);
        }
        for (protocol, words) in [
            (50, "encrypted by IPsec ESP"),
            (55, "minimal IP encapsulation is not dissected"),
            (115, "L2TPv3 is not dissected"),
        ] {
            assert_eq!(skip_of(101, &ipv4(protocol, &[0; 20])), words);
        }
    }

    fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        let datagram = [&[0xc0, 0x00][..], &port.to_be_bytes(), &length, &[0, 0], payload].concat();
        ipv4(17, &datagram)
    }

    fn tunnels() -> Vec<(u16, String)> {
        vec![
            (4789, format!("08000000 00000700 {ETHERNET}")),
            (8472, format!("08000000 00000700 {ETHERNET}")),
            (4789, format!("88000001 00000700 {ETHERNET}")),
            (4790, "0c000001 00000700".to_owned()),
            (4790, format!("0c000003 00000700 {ETHERNET}")),
            (4790, "0c000004 00000700 0fc2 0101 00000aff".to_owned()),
            (6081, format!("0000 6558 00000700 {ETHERNET}")),
            (6081, "0200 0800 00000700 0000000100000002".to_owned()),
            (2152, "30ff LEN0 00000007".to_owned()),
            (2152, "32ff LEN4 00000007 0001 00 00".to_owned()),
            (2152, "34ff LEN8 00000007 0000 00 85 01000500".to_owned()),
            (1701, "0002 0001 0002 0021".to_owned()),
            (1701, "0a02 0001 0002 00000001 0001 00 ff03 0021".to_owned()),
            (37008, format!("0100 0001 00 0a01ff 01 {ETHERNET}")),
        ]
    }

    #[test]
    fn tunnels_over_udp() {
        let tcp = tcp_packet(b"data");
        for (port, header) in tunnels() {
            let mut header = header;
            for extra in [0, 4, 8] {
                header = header.replace(&format!("LEN{extra}"), &format!("{:04x}", tcp.len() + extra));
            }
            let payload = [hex(&header), tcp.clone()].concat();
            let packet = udp(port, &payload);
            assert_eq!(segment(101, &packet, packet.len()).0, b"data", "{port} {header}");
            // Cut everywhere: never more than what was there, and nothing panics.
            for end in 0..packet.len() {
                if let Ok((data, missing)) = crate::packet::tests::try_segment(101, &packet[..end], packet.len()) {
                    assert_eq!(data.len() + missing as usize, 4, "{port} {header} cut to {end}");
                }
            }
            // Without sense inside it stays a datagram.
            let hollow = udp(port, &vec![0xee; payload.len()]);
            assert!(dissect(101, &hollow, |packet| matches!(packet, Ok(Packet::Udp(_)))), "{port}");
        }
        let teredo =
            [&hex("0001 0000 0000000000000000 00 0000 1234 0a000001")[..], &crate::packet::tests::tcp6_packet()]
                .concat();
        for start in [0, 13, 21] {
            assert_eq!(segment(101, &udp(3544, &teredo[start..]), 500).0, b"six");
        }
    }

    #[test]
    fn esp_in_udp_is_encrypted_and_ike_is_not() {
        let esp = [&hex("12345678 00000001")[..], &[7; 32]].concat();
        let ike = [&hex("00000000 12345678")[..], &[7; 32]].concat();
        assert_eq!(skip_of(101, &udp(4500, &esp)), "encrypted by IPsec ESP");
        for other in [&ike[..], &[0xff]] {
            assert!(dissect(101, &udp(4500, other), |packet| matches!(packet, Ok(Packet::Udp(_)))));
        }
    }

    #[test]
    fn identifiers_are_hashed() {
        let of = |header: &str| {
            let bytes = [hex(&format!("020000000001 020000000002 {header}")), tcp_packet(b"")].concat();
            dissect(1, &bytes, |packet| match packet {
                Ok(Packet::Tcp(segment)) => segment.encapsulation,
                other => panic!("{other:?}"),
            })
        };
        let hashes = [
            of("0800"),
            of("8100 0007 0800"),
            of("8100 0008 0800"),
            of("88a8 0007 8100 0008 0800"),
            of("88a8 0008 8100 0007 0800"),
            of("8847 00007140"),
            of("8864 1100 0007 0000 0021"),
        ];
        assert_eq!(hashes[0], 0);
        assert_eq!(of("8100 e000 0800"), 0, "a priority is no VLAN");
        assert_eq!(of("8100 0007 0800"), of("8100 e007 0800"));
        for (place, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..place].contains(hash));
        }
    }
}
