//! Link layers: what a frame begins with, by its capture's link type (tcpdump.org LINKTYPE_ registry), and what follows by
//! EtherType.
//!
//! A link type that is not here is named in the result ([`PacketSkip::LinkType`]), never guessed from its bytes.

use super::{Cursor, Layer, Tag, serial, tunnel, wireless};
use crate::{
    note::{Guess, PacketSkip},
    packet::frame::LinkType,
};

/// The smallest EtherType; smaller values are the length of an IEEE 802.3 frame (IEEE 802.3-2018 §3.2.6).
pub(crate) const SMALLEST_ETHER_TYPE: u16 = 0x0600;

/// The first header of a frame.
#[inline]
pub(crate) fn link(link: LinkType, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    if link.0 == 1 { ethernet(cursor) } else { other_link(link, cursor) }
}

fn other_link(link: LinkType, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match link.0 {
        // NULL: the address family in the byte order of the capturing machine.
        0 => loopback(cursor),
        // LOOP: in network byte order, which `loopback` tells by the value.
        108 => loopback(cursor),
        6 => token_ring(cursor),
        7 => arcnet(cursor, 2),
        8 => cursor.skip(16, Layer::Ip, "SLIP"),
        9 => serial::ppp(cursor),
        10 => fddi(cursor),
        12 | 14 | 101 => Ok(cursor.on(Layer::Ip, cursor.bytes)),
        50 => serial::ppp_or_cisco_hdlc(cursor),
        51 => serial::pppoe_session(cursor),
        // ATM_RFC1483: LLC over AAL5.
        100 => llc(cursor),
        104 => serial::cisco_hdlc(cursor),
        105 => wireless::ieee80211(cursor, false),
        107 => serial::frame_relay(cursor),
        109 => encapsulating_interface(cursor),
        113 => linux_cooked(cursor),
        117 => packet_filter_log(cursor),
        119 => wireless::prism(cursor),
        // IP_OVER_FC (RFC 2625): a network header of 16 bytes.
        122 => cursor.skip(16, Layer::Llc, "IP over Fibre Channel"),
        123 => sun_atm(cursor),
        127 => wireless::radiotap(cursor),
        129 => arcnet(cursor, 4),
        // APPLE_IP_OVER_IEEE1394: two addresses of 8 bytes.
        138 => after_addresses(cursor, 16, "IP over IEEE 1394"),
        143 => docsis(cursor),
        // USER2 was what macOS wrote before PKTAP had its own number.
        149 => packet_tap(cursor).map_err(|_| PacketSkip::LinkType(149)),
        163 => wireless::avs(cursor),
        // PPP_PPPD: a direction in place of the address, then the control field.
        166 => cursor.skip(2, Layer::Ppp, "PPP"),
        192 => wireless::per_packet_information(cursor),
        // PPP, Cisco HDLC and frame relay after a direction.
        204 => cursor.skip(1, Layer::Ppp, "PPP"),
        205 => serial::cisco_hdlc(cursor.skip(1, Layer::Llc, "Cisco HDLC")?),
        206 => serial::frame_relay(cursor.skip(1, Layer::Llc, "frame relay")?),
        226 => solaris_ipnet(cursor),
        228 => Ok(cursor.on(Layer::Ipv4, cursor.bytes)),
        229 => Ok(cursor.on(Layer::Ipv6, cursor.bytes)),
        239 => netfilter_log(cursor),
        // NETANALYZER: 4 bytes of its own, then Ethernet; with its preamble in the transparent variant.
        240 => cursor.skip(4, Layer::Ethernet, "netANALYZER"),
        241 => cursor.skip(12, Layer::Ethernet, "netANALYZER"),
        // IPOIB: a global routing header, then EtherType and two reserved bytes (RFC 4391 §6).
        242 => ip_over_infiniband(cursor),
        258 => packet_tap(cursor),
        276 => linux_cooked2(cursor),
        // Distributed Switch Architecture: the switch's tag stands before the EtherType, or before all.
        281 | 284 => after_addresses(cursor, 16, "DSA"),
        282 => cursor.skip(4, Layer::Ethernet, "DSA"),
        285 => after_addresses(cursor, 20, "DSA"),
        other => Err(PacketSkip::LinkType(other)),
    }
}

/// Destination (6), source (6), EtherType or length.
#[inline]
pub(crate) fn ethernet(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[first, .., high, low], rest) = cursor.take::<14>("Ethernet")?;
    Ok(match u16::from_be_bytes([high, low]) {
        0x0800 => cursor.on(Layer::Ipv4, rest),
        0x86dd => cursor.on(Layer::Ipv6, rest),
        // What pktmon records of Wi-Fi, and calls Ethernet.
        _ if first & 0x4f == 0x08 && wireless::fits(&cursor) => {
            return Ok(wireless::ieee80211(cursor, false)?.guessed(Guess::WirelessAsEthernet));
        }
        kind => cursor.on(Layer::EtherType(kind), rest),
    })
}

/// An EtherType after `count` bytes of addresses and the like.
fn after_addresses<'p>(cursor: Cursor<'p>, count: usize, what: &'static str) -> Result<Cursor<'p>, PacketSkip> {
    let after = cursor.skip(count, Layer::Ethernet, what)?;
    let (&kind, rest) = after.take::<2>(what)?;
    Ok(after.on(Layer::EtherType(u16::from_be_bytes(kind)), rest))
}

/// What this EtherType (IANA "IEEE 802 Numbers") announces.
pub(crate) fn ether_type(kind: u16, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match kind {
        0x0800 => Ok(cursor.on(Layer::Ipv4, cursor.bytes)),
        0x86dd => Ok(cursor.on(Layer::Ipv6, cursor.bytes)),
        // 802.1Q, 802.1ad, and the numbers used for QinQ before it.
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
            let (&[t0, t1, high, low], rest) = cursor.take::<4>("VLAN")?;
            // VLAN 0 is a priority without a VLAN (IEEE 802.1Q §9.6).
            let vlan = u32::from(u16::from_be_bytes([t0, t1]) & 0x0fff);
            let cursor = if vlan == 0 { cursor } else { cursor.tagged(Tag::Vlan, vlan) };
            Ok(cursor.on(Layer::EtherType(u16::from_be_bytes([high, low])), rest))
        }
        0x8847 | 0x8848 => tunnel::mpls(cursor),
        0x8864 => serial::pppoe_session(cursor),
        0x880b => Ok(cursor.on(Layer::Ppp, cursor.bytes)),
        // Transparent Ethernet bridging.
        0x6558 => Ok(cursor.on(Layer::Ethernet, cursor.bytes)),
        // Provider backbone bridging, IEEE 802.1Q §9.7: flags, 24 bits of service, the customer's frame.
        0x88e7 => {
            let (&[_, s0, s1, s2], rest) = cursor.take::<4>("PBB")?;
            Ok(cursor.tagged(Tag::Service, u32::from_be_bytes([0, s0, s1, s2])).on(Layer::Ethernet, rest))
        }
        // E-TAG (IEEE 802.1BR), VN-Tag, Cisco metadata: tags between two EtherTypes.
        0x893f => after_addresses(cursor, 6, "E-TAG"),
        0x8926 => after_addresses(cursor, 4, "VN-Tag"),
        // High-availability seamless redundancy (IEC 62439-3): path and size, sequence.
        0x892f => after_addresses(cursor, 4, "HSR"),
        0x8909 => after_addresses(cursor, 6, "Cisco metadata"),
        0x88e5 => macsec(cursor),
        0x22f3 => trill(cursor),
        0x894f => tunnel::service_header(cursor),
        0x8870 => llc(cursor),
        0..SMALLEST_ETHER_TYPE => llc(cursor),
        other => Err(PacketSkip::EtherType(other)),
    }
}

/// MACsec (IEEE 802.1AE §9): control, short length, packet number (4), with bit SC a channel (8). Integrity alone leaves
/// the frame readable.
fn macsec(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[control, ..], _) = cursor.take::<6>("MACsec")?;
    if control & 0x0c != 0 {
        return Err(PacketSkip::Encrypted("MACsec"));
    }
    after_addresses(cursor, if control & 0x20 != 0 { 14 } else { 6 }, "MACsec")
}

/// TRILL (RFC 6325 §3): version (2 bits), reserved (2), multi-destination, length of options in 4 bytes (5), hops (6);
/// two nicknames; the options; the customer's frame.
fn trill(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[h0, h1], _) = cursor.take::<2>("TRILL")?;
    let options = usize::from(u16::from_be_bytes([h0, h1]) >> 6 & 0x1f) * 4;
    cursor.skip(6 + options, Layer::Ethernet, "TRILL")
}

/// IEEE 802.2 logical link control: destination and source access point, control.
pub(crate) fn llc(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match cursor.bytes {
        [0xaa, 0xaa, 0x03, rest @ ..] => snap(cursor.on(Layer::Llc, rest)),
        [0x06, 0x06, 0x03, rest @ ..] => Ok(cursor.on(Layer::Ipv4, rest)),
        [0xfe, 0xfe, 0x03, rest @ ..] => serial::network_layer_protocol(cursor.on(Layer::Llc, rest)),
        [0xff, 0xff, ..] | [0xe0, 0xe0, ..] => Err(PacketSkip::Control("IPX")),
        [0x42, 0x42, ..] => Err(PacketSkip::Control("spanning tree")),
        [0xf0, 0xf0 | 0xf1, ..] => Err(PacketSkip::Control("NetBIOS over LLC")),
        // XID and TEST (IEEE 802.2 §5.4), with or without the poll bit.
        [_, _, 0xaf | 0xbf | 0xe3 | 0xf3, ..] => Err(PacketSkip::Control("LLC management")),
        [_, _, ..] => Err(PacketSkip::Protocol("LLC")),
        _ => Err(PacketSkip::Malformed("LLC")),
    }
}

/// Subnetwork access protocol: organisation (3), protocol (2).
pub(crate) fn snap(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "SNAP";
    let (&[o0, o1, o2, high, low], rest) = cursor.take::<5>(WHAT)?;
    let kind = u16::from_be_bytes([high, low]);
    match ([o0, o1, o2], kind) {
        // Encapsulated Ethernet, and bridge tunnelling (RFC 1042, IEEE 802.1H).
        ([0, 0, 0] | [0, 0, 0xf8], SMALLEST_ETHER_TYPE..) => Ok(cursor.on(Layer::EtherType(kind), rest)),
        // Bridged Ethernet (RFC 2684 §5.2) with two bytes of padding.
        ([0x00, 0x80, 0xc2], 1 | 7) => cursor.on(Layer::Ethernet, rest).skip(2, Layer::Ethernet, WHAT),
        ([0x00, 0x00, 0x0c], _) => Err(PacketSkip::Control("a discovery protocol of Cisco")),
        ([0x08, 0x00, 0x07], 0x809b) => Err(PacketSkip::Control("AppleTalk")),
        _ => Err(PacketSkip::Protocol("SNAP protocol other than IP")),
    }
}

/// An address family (4 bytes). The values are small, so that the byte order tells itself; those of IPv6 differ by system.
fn loopback(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&family, rest) = cursor.take::<4>("loopback")?;
    let family = u32::from_be_bytes(family);
    address_family(if family > 0xffff { family.swap_bytes() } else { family }, cursor.on(Layer::Ip, rest))
}

/// AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, 23 on Windows, 24 to 30 on the BSDs and macOS, 26 on Solaris.
fn address_family(family: u32, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match family {
        2 => Ok(cursor.on(Layer::Ipv4, cursor.bytes)),
        10 | 23 | 24 | 26 | 28 | 30 => Ok(cursor.on(Layer::Ipv6, cursor.bytes)),
        _ => Err(PacketSkip::Protocol("address family other than IP")),
    }
}

/// LINUX_SLL, big-endian: packet type, ARPHRD, address length (2 each), address (8), protocol (2).
fn linux_cooked(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[_, _, h0, h1, .., p0, p1], rest) = cursor.take::<16>("Linux cooked")?;
    cooked_protocol(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), cursor.on(Layer::Ip, rest))
}

/// LINUX_SLL2, big-endian: protocol, reserved (2 each), interface (4), ARPHRD (2), packet type, address length, address (8).
fn linux_cooked2(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (header, rest) = cursor.take::<20>("Linux cooked v2")?;
    let &[p0, p1, _, _, i0, i1, i2, i3, h0, h1, ..] = header;
    let cursor = cursor.tagged(Tag::Interface, u32::from_be_bytes([i0, i1, i2, i3]));
    cooked_protocol(u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]), cursor.on(Layer::Ip, rest))
}

/// The protocol of a cooked header means an EtherType, except on some kinds of interfaces (ARPHRD, Linux if_arp.h).
fn cooked_protocol(hardware: u16, protocol: u16, cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match (hardware, protocol) {
        (801, _) => wireless::ieee80211(cursor, false),
        (802, _) => wireless::prism(cursor),
        (803, _) => wireless::radiotap(cursor),
        (824, _) => Err(PacketSkip::LinkType(253)),
        (_, 0x0001) => Err(PacketSkip::Control("IPX")),
        (_, 0x0004) => llc(cursor),
        (_, SMALLEST_ETHER_TYPE..) => Ok(cursor.on(Layer::EtherType(protocol), cursor.bytes)),
        _ => Err(PacketSkip::EtherType(protocol)),
    }
}

/// FDDI: frame control, two addresses, LLC in frames whose control says so.
fn fddi(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[control, ..], rest) = cursor.take::<13>("FDDI")?;
    if control & 0x70 != 0x50 {
        return Err(PacketSkip::Control("FDDI management"));
    }
    Ok(cursor.on(Layer::Llc, rest))
}

/// Token Ring: access control, frame control, two addresses; a route (its length in the first 5 bits) if the source's
/// highest bit is set; LLC.
fn token_ring(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "Token Ring";
    let (&[_, control, _, _, _, _, _, _, source, ..], rest) = cursor.take::<14>(WHAT)?;
    if control & 0xc0 != 0x40 {
        return Err(PacketSkip::Control("Token Ring management"));
    }
    let route = if source & 0x80 == 0 { Some(0) } else { rest.first().map(|first| usize::from(first & 0x1f)) };
    cursor.on(Layer::Llc, rest).skip(route.ok_or(PacketSkip::Malformed(WHAT))?, Layer::Llc, WHAT)
}

/// ARCNET (RFC 1201): addresses (and on Linux an offset), protocol, split flag, sequence (2); RFC 1051 has the protocol only.
fn arcnet(cursor: Cursor<'_>, addresses: usize) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "ARCNET";
    match cursor.bytes.get(addresses..) {
        Some([0xd4, 0, _, _, rest @ ..] | [0xf0, rest @ ..]) => Ok(cursor.on(Layer::Ipv4, rest)),
        Some([0xc4, 0, _, _, rest @ ..]) => Ok(cursor.on(Layer::Ipv6, rest)),
        Some([0xd4 | 0xc4, _, ..]) => Err(PacketSkip::Protocol("ARCNET fragment")),
        Some([_, ..]) => Err(PacketSkip::Protocol("ARCNET protocol other than IP")),
        _ => Err(PacketSkip::Malformed(WHAT)),
    }
}

/// OpenBSD's encapsulating interface: family, security parameter index, flags (4 each), in the machine's byte order.
fn encapsulating_interface(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "enc";
    loopback(cursor)?.skip(8, Layer::Ip, WHAT)
}

/// OpenBSD's packet filter log: its length without padding to 4 bytes, the address family, more.
fn packet_filter_log(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[length, family], _) = cursor.take::<2>("pflog")?;
    address_family(family.into(), cursor.skip(usize::from(length).next_multiple_of(4), Layer::Ip, "pflog")?)
}

/// SunATM: direction and kind of traffic, path (1), channel (2).
fn sun_atm(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match cursor.bytes {
        [kind, _, _, _, rest @ ..] if kind & 0x0f == 2 => Ok(cursor.on(Layer::Llc, rest)),
        [_, _, _, _, ..] => Err(PacketSkip::Protocol("ATM traffic other than LLC")),
        _ => Err(PacketSkip::Malformed("SunATM")),
    }
}

/// DOCSIS: frame control, parameter, length (2), extended header as long as the parameter says if its flag is set, check
/// sequence (2); Ethernet in packet frames. An extended header of baseline privacy means encryption.
fn docsis(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "DOCSIS";
    let (&[control, parameter, _, _, extended, _], _) = cursor.take::<6>(WHAT)?;
    match (control >> 6, control & 1) {
        (0, 0) => cursor.skip(6, Layer::Ethernet, WHAT),
        (0, _) if matches!(extended >> 4, 3 | 4) => Err(PacketSkip::Encrypted("DOCSIS baseline privacy")),
        (0, _) => cursor.skip(6 + usize::from(parameter), Layer::Ethernet, WHAT),
        _ => Err(PacketSkip::Control("DOCSIS management")),
    }
}

/// Solaris IPNET: version, address family, hook type (2), and so on to 24 bytes.
fn solaris_ipnet(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[_, family, ..], rest) = cursor.take::<24>("ipnet")?;
    address_family(family.into(), cursor.on(Layer::Ip, rest))
}

/// IPOIB: 40 bytes of global routing header, EtherType (2), reserved (2).
fn ip_over_infiniband(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "IP over InfiniBand";
    let after = after_addresses(cursor, 40, WHAT)?;
    after.skip(2, after.layer, WHAT)
}

/// NFLOG: family, version, resource (2); then attributes of length and type (2 each, in the machine's byte order) padded to
/// 4 bytes. Attribute 9 is the packet. The types are small, so that the byte order tells itself.
fn netfilter_log(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "nflog";
    let (&[_, version, _, _], mut rest) = cursor.take::<4>(WHAT)?;
    while let Some((&[l0, l1, t0, t1], value)) = rest.split_first_chunk::<4>() {
        let (length, kind) = if t1 == 0 { ([l0, l1], t0) } else { ([l1, l0], t1) };
        let length = usize::from(u16::from_le_bytes(length));
        match kind {
            _ if version != 0 || length < 4 => break,
            9 => return Ok(cursor.on(Layer::Ip, value)),
            _ => {}
        }
        let Some(next) = rest.get(length.next_multiple_of(4)..) else { break };
        rest = next;
    }
    Err(PacketSkip::Malformed(WHAT))
}

/// Apple's PKTAP, little-endian: length of this header, type of record (1, a packet), link type (4 each), and more.
fn packet_tap(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "PKTAP";
    let (&[l0, l1, 0, 0, 1, 0, 0, 0, t0, t1, 0, 0], _) = cursor.take::<12>(WHAT)? else {
        return Err(PacketSkip::Malformed(WHAT));
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if length < 60 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    cursor.skip(length, Layer::Link(LinkType(u16::from_le_bytes([t0, t1]))), WHAT)
}

#[cfg(test)]
mod tests {
    use crate::packet::tests::{ETHERNET, hex, skip_of, tcp_in, tcp6_in};

    const MACS: &str = "020000000001 020000000002";

    #[test]
    fn link_types() {
        let zeros = |count: usize| "00".repeat(count);
        for (link, header) in [
            (0, "02000000".to_owned()),
            (0, "00000002".to_owned()),
            (108, "00000002".to_owned()),
            (1, ETHERNET.to_owned()),
            (6, format!("1040 {MACS} aaaa03 000000 0800")),
            (6, "1040 020000000001 820000000002 0420 0011 aaaa03 000000 0800".to_owned()),
            (7, "0102 d4 00 0001".to_owned()),
            (10, format!("50 {MACS} aaaa03 000000 0800")),
            (12, String::new()),
            (14, String::new()),
            (100, "aaaa03 000000 0800".to_owned()),
            (100, format!("aaaa03 0080c2 0007 0000 {ETHERNET}")),
            (101, String::new()),
            (109, format!("02000000 {}", zeros(8))),
            (113, "0000 0001 0006 0200000000010000 0800".to_owned()),
            (113, "0000 0001 0006 0200000000010000 8100 0007 0800".to_owned()),
            (117, format!("3d02 {}", zeros(62))),
            (122, format!("{} aaaa03 000000 0800", zeros(16))),
            (123, "02000064 aaaa03 000000 0800".to_owned()),
            (129, "01020000 d4 00 0001".to_owned()),
            (129, "01020000 f0".to_owned()),
            (138, format!("{} 0800", zeros(16))),
            (143, format!("00 00 0040 0000 {ETHERNET}")),
            (143, format!("01 02 0040 0000 0000 {ETHERNET}")),
            (149, format!("3c000000 01000000 01000000 {} {ETHERNET}", zeros(48))),
            (226, format!("0102 {}", zeros(22))),
            (228, String::new()),
            (239, "0200 0000 0800 0100 08000000 0600 0a00 ffff0000 2c00 0900".to_owned()),
            (239, "0200 0000 0008 0001 00080000 002c 0009".to_owned()),
            (240, format!("00000000 {ETHERNET}")),
            (241, format!("00000000 55555555555555d5 {ETHERNET}")),
            (242, format!("{} 0800 0000", zeros(40))),
            (258, format!("3c000000 01000000 0c000000 {}", zeros(48))),
            (276, "0800 0000 00000001 0001 00 06 0200000000010000".to_owned()),
            (281, format!("{MACS} 00000001 0800")),
            (282, format!("00000001 {ETHERNET}")),
            (284, format!("{MACS} 40000001 0800")),
            (285, format!("{MACS} dada 0000 40000001 0800")),
        ] {
            tcp_in(link, &header);
        }
        for (link, header) in [(0, "1e000000"), (0, "00000018"), (229, ""), (101, ""), (129, "01020000 c4 00 0001")] {
            tcp6_in(link, header);
        }
    }

    #[test]
    fn ether_types() {
        let cases = [
            "8100 0007 0800".to_owned(),
            "88a8 0007 8100 0008 0800".to_owned(),
            "9100 0007 9200 0008 9300 0009 0800".to_owned(),
            format!("88a8 0007 88e7 00001234 {ETHERNET}"),
            "893f 000000000000 0800".to_owned(),
            "8926 00000000 8100 0001 0800".to_owned(),
            "8909 01010001 0002 0800".to_owned(),
            "88e5 00000000 0001 0800".to_owned(),
            "88e5 20000000 0001 0200000000010001 0800".to_owned(),
            format!("22f3 0042 0001 0002 00000000 {ETHERNET}"),
            format!("6558 {ETHERNET}"),
            "8864 1100 0007 0000 0021".to_owned(),
            "8870 aaaa03 000000 0800".to_owned(),
            "0038 aaaa03 000000 0800".to_owned(),
            "0038 aaaa03 0000f8 0800".to_owned(),
            "0033 060603".to_owned(),
            "892f 0040 0001 0800".to_owned(),
        ];
        for case in cases {
            tcp_in(1, &format!("{MACS} {case}"));
        }
    }

    #[test]
    fn what_is_not_ip_is_named() {
        for (link, bytes, words) in [
            (1, format!("{MACS} 0806"), "EtherType 0x0806 is not IP"),
            (1, format!("{MACS} 08"), "damaged Ethernet header"),
            (1, format!("{MACS} 8100 00"), "damaged VLAN header"),
            (1, format!("{MACS} 88e5 2c00 00000001"), "encrypted by MACsec"),
            (1, format!("{MACS} 0026 424203"), "spanning tree carries no HTTP"),
            (1, format!("{MACS} 0026 ffff"), "IPX carries no HTTP"),
            (1, format!("{MACS} 0026 aaaa03 00000c 2000"), "a discovery protocol of Cisco carries no HTTP"),
            (1, format!("{MACS} 0026 aaaa03 080007 809b"), "AppleTalk carries no HTTP"),
            (1, format!("{MACS} 0026 aaaa03 00aabb 2000"), "SNAP protocol other than IP is not dissected"),
            (1, format!("{MACS} 0026 f0f003"), "NetBIOS over LLC carries no HTTP"),
            (1, format!("{MACS} 0026 0001af 8101"), "LLC management carries no HTTP"),
            (1, format!("{MACS} 0026 101003"), "LLC is not dissected"),
            (1, format!("{MACS} 88b5 00"), "EtherType 0x88b5 is not IP"),
            (0, "07000000".into(), "address family other than IP is not dissected"),
            (6, format!("1000 {MACS}"), "Token Ring management carries no HTTP"),
            (10, format!("41 {MACS}"), "FDDI management carries no HTTP"),
            (113, "0000 0338 0000 0000000000000000 0000".into(), "link type 253 is not dissected"),
            (129, "01020000 d4 01 0001".into(), "ARCNET fragment is not dissected"),
            (143, "01 06 0040 4501 0000".into(), "encrypted by DOCSIS baseline privacy"),
            (143, "c2 00 0040 0000".into(), "DOCSIS management carries no HTTP"),
            (149, "00".into(), "link type 149 is not dissected"),
            (149, "00".repeat(100), "link type 149 is not dissected"),
            (239, "0200 0000 0300 0100".into(), "damaged nflog header"),
            (258, "00".repeat(100), "damaged PKTAP header"),
            (147, String::new(), "link type 147 is not dissected"),
        ] {
            assert_eq!(skip_of(link, &hex(&bytes)), words, "{link} {bytes}");
        }
    }
}
