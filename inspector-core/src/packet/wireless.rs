//! IEEE 802.11 and the headers capture tools put before it: radiotap, Prism, AVS, PPI.

use super::{Cursor, Layer, tunnel::ip_fits};
use crate::{note::PacketSkip, packet::frame::LinkType};

/// A data frame (IEEE 802.11-2020 §9.3.2.1). Fields are little-endian:
/// ```text
/// 0 frame control | 2 duration | 4 three addresses | 22 sequence | [6 fourth address] [2 QoS control] [4 HT control] | LLC
/// ```
/// `padded`: the capture tool aligned the body to 4 bytes.
pub(crate) fn ieee80211(cursor: Cursor<'_>, padded: bool) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "IEEE 802.11";
    let (&[control, flags], _) = cursor.take::<2>(WHAT)?;
    let (version, kind, subtype) = (control & 3, control >> 2 & 3, control >> 4);
    match (version, kind) {
        (0, 2) if subtype & 4 == 0 => {}
        (0, 2) => return Err(PacketSkip::Control("an IEEE 802.11 data frame without data")),
        (0, 0) => return Err(PacketSkip::Control("IEEE 802.11 management")),
        (0, 1) => return Err(PacketSkip::Control("IEEE 802.11 control")),
        _ => return Err(PacketSkip::Malformed(WHAT)),
    }
    if flags & 0x40 != 0 {
        return Err(PacketSkip::Encrypted("WEP or WPA"));
    }
    let (header, _) = cursor.take::<24>(WHAT)?;
    let &[.., sequence, _] = header;
    if flags & 0x04 != 0 || sequence & 0x0f != 0 {
        return Err(PacketSkip::Protocol("IEEE 802.11 fragment"));
    }
    let addresses = if flags & 3 == 3 { 30 } else { 24 };
    let quality = subtype & 8 != 0;
    let length = addresses + if quality { 2 } else { 0 } + if quality && flags & 0x80 != 0 { 4 } else { 0 };
    if quality && cursor.bytes.get(addresses).is_some_and(|control| control & 0x80 != 0) {
        return Err(PacketSkip::Protocol("IEEE 802.11 aggregate of several packets"));
    }
    let length = if padded { length.next_multiple_of(4) } else { length };
    cursor.skip(length, Layer::Llc, WHAT)
}

/// Whether the bytes are a data frame with an IP packet, ARP or EAPOL behind its LLC header: some twelve bytes of it are
/// fixed, so that nothing else looks so.
pub(crate) fn fits(cursor: &Cursor<'_>) -> bool {
    let Some(&[control, flags]) = cursor.bytes.first_chunk::<2>() else { return false };
    // Version 0, type data, no fragment that has more; what is encrypted shows no LLC header.
    if control & 0x4f != 0x08 || flags & 0x44 != 0 {
        return false;
    }
    let Ok(body) = ieee80211(*cursor, false) else { return false };
    match body.bytes {
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, 0x08, 0x00, ip @ ..] => {
            ip.first().is_some_and(|first| first >> 4 == 4) && ip_fits(&body.on(Layer::Ip, ip))
        }
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, 0x86, 0xdd, ip @ ..] => {
            ip.first().is_some_and(|first| first >> 4 == 6) && ip_fits(&body.on(Layer::Ip, ip))
        }
        [0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x06, 0, 1, 8, 0, ..] | [0xaa, 0xaa, 3, 0, 0, 0, 0x88, 0x8e, 1..=3, ..] => true,
        _ => false,
    }
}

/// Radiotap (radiotap.org), little-endian. Of its fields only the flags matter: they tell whether the body is padded.
/// ```text
/// 0 version (0) | 1 pad | 2 length | 4 present, as many words as have bit 31 set | [8 time, aligned] [1 flags] …
/// ```
pub(crate) fn radiotap(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "radiotap";
    let (&[version, _, l0, l1, p0, _, _, p3], _) = cursor.take::<8>(WHAT)?;
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 || length < 8 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let mut offset: usize = 8;
    let mut more = p3 & 0x80 != 0;
    while more && offset < length {
        more = cursor.bytes.get(offset + 3).is_some_and(|byte| byte & 0x80 != 0);
        offset += 4;
    }
    if p0 & 1 != 0 {
        offset = offset.next_multiple_of(8) + 8;
    }
    let padded = p0 & 2 != 0 && cursor.bytes.get(offset).is_some_and(|flags| flags & 0x20 != 0);
    ieee80211(cursor.skip(length, Layer::Llc, WHAT)?, padded)
}

/// Prism: 144 bytes, unless the message code says that it is AVS.
pub(crate) fn prism(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match cursor.bytes {
        [0x80, 0x21, 0x10, ..] => avs(cursor),
        _ => ieee80211(cursor.skip(144, Layer::Llc, "Prism")?, false),
    }
}

/// AVS: version and length, each 4 bytes, big-endian.
pub(crate) fn avs(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[_, _, _, _, _, _, l0, l1], _) = cursor.take::<8>("AVS")?;
    ieee80211(cursor.skip(usize::from(u16::from_be_bytes([l0, l1])), Layer::Llc, "AVS")?, false)
}

/// Per-Packet Information, little-endian: version, flags, length (2), link type (4).
pub(crate) fn per_packet_information(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "PPI";
    let (&[version, _, l0, l1, t0, t1, 0, 0], _) = cursor.take::<8>(WHAT)? else {
        return Err(PacketSkip::Malformed(WHAT));
    };
    let length = usize::from(u16::from_le_bytes([l0, l1]));
    if version != 0 || length < 8 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    cursor.skip(length, Layer::Link(LinkType(u16::from_le_bytes([t0, t1]))), WHAT)
}

#[cfg(test)]
mod tests {
    use crate::{
        note::Guess,
        packet::tests::{guess_of, hex, ipv4, skip_of, tcp_in, tcp_packet},
    };

    const ADDRESSES: &str = "0000 020000000001 020000000002 020000000003 1000";
    const SNAP: &str = "aaaa03 000000 0800";

    #[test]
    fn data_frames_carry_ip() {
        let plain = format!("0801 {ADDRESSES} {SNAP}");
        let quality = format!("8802 {ADDRESSES} 0000 {SNAP}");
        let ordered = format!("8882 {ADDRESSES} 0000 00000000 {SNAP}");
        let four = format!("0803 {ADDRESSES} 020000000004 {SNAP}");
        let padded = format!("8801 {ADDRESSES} 0000 0000 {SNAP}");
        for frame in [&plain, &quality, &ordered, &four] {
            tcp_in(105, frame);
            tcp_in(127, &format!("0000 0800 00000000 {frame}"));
            tcp_in(192, &format!("0000 0800 69000000 {frame}"));
            tcp_in(163, &format!("00000001 0000000a 0000 {frame}"));
            tcp_in(119, &format!("80211001 0000000a 0000 {frame}"));
            tcp_in(119, &format!("44000000 {} {frame}", "00".repeat(140)));
        }
        tcp_in(127, &format!("0000 0900 02000000 20 {padded}"));
        // Time before the flags, and a second word of present bits.
        tcp_in(127, &format!("0000 1900 03000080 00000000 00000000 1122334455667788 20 {padded}"));
    }

    #[test]
    fn other_frames_are_named() {
        for (frame, words) in [
            (format!("0841 {ADDRESSES} {SNAP}"), "encrypted by WEP or WPA"),
            (format!("0805 {ADDRESSES} {SNAP}"), "IEEE 802.11 fragment is not dissected"),
            (format!("8801 {ADDRESSES} 8000 {SNAP}"), "IEEE 802.11 aggregate of several packets is not dissected"),
            (format!("4801 {ADDRESSES}"), "an IEEE 802.11 data frame without data carries no HTTP"),
            (format!("8000 {ADDRESSES}"), "IEEE 802.11 management carries no HTTP"),
            ("d400 0000".into(), "IEEE 802.11 control carries no HTTP"),
            ("0b00 0000".into(), "damaged IEEE 802.11 header"),
        ] {
            assert_eq!(skip_of(105, &hex(&frame)), words, "{frame}");
        }
    }

    /// Plain, with QoS and HT control, and with four addresses.
    fn frames() -> Vec<Vec<u8>> {
        let headers = [
            format!("0801 {ADDRESSES} {SNAP}"),
            format!("0802 {ADDRESSES} aaaa03 0000f8 0800"),
            format!("8802 {ADDRESSES} 0000 {SNAP}"),
            format!("8882 {ADDRESSES} 0000 00000000 {SNAP}"),
            format!("0803 {ADDRESSES} 020000000004 {SNAP}"),
            format!("8883 {ADDRESSES} 020000000004 0000 00000000 {SNAP}"),
        ];
        headers.iter().map(|header| [hex(header), tcp_packet(b"data")].concat()).collect()
    }

    #[test]
    fn frames_under_a_link_type_that_says_ethernet_are_told_by_their_form() {
        for frame in frames() {
            assert_eq!(guess_of(1, &frame), (vec![Guess::WirelessAsEthernet], b"data".to_vec()));
            assert_eq!(guess_of(105, &frame), (vec![], b"data".to_vec()));
        }
        let six = [hex(&format!("0801 {ADDRESSES} aaaa03 000000 86dd")), crate::packet::tests::tcp6_packet()].concat();
        assert_eq!(guess_of(1, &six).0, [Guess::WirelessAsEthernet]);
        let arp = hex(&format!("0801 {ADDRESSES} aaaa03 000000 0806 0001 0800 0604"));
        assert_eq!(skip_of(1, &arp), "EtherType 0x0806 is not IP");
        // Encrypted, without an LLC header, and a host whose address begins like a data frame.
        for header in [format!("0841 {ADDRESSES}"), format!("0801 {ADDRESSES} bbbb")] {
            let what = skip_of(1, &[hex(&header), tcp_packet(b"data")].concat());
            assert!(what.starts_with("EtherType") || what.starts_with("LLC"), "{what}");
        }
        assert_eq!(guess_of(1, &[hex("080027000001 020000000002 8100 0007 0800"), tcp_packet(b"data")].concat()).0, []);
    }

    #[test]
    fn frames_in_tunnels_of_access_points() {
        for frame in frames() {
            for header in ["0000 8200", "2000 8210 00000007", "1000 82f0 00000001", "0000 8300", "0000 9000"] {
                let packet = ipv4(47, &[hex(header), frame.clone()].concat());
                assert_eq!(guess_of(101, &packet), (vec![Guess::WirelessInTunnel], b"data".to_vec()), "{header}");
            }
            let mirrored = [hex("c000 15b3 0000 0000"), vec![0; 16], frame].concat();
            assert_eq!(guess_of(101, &ipv4(17, &mirrored)), (vec![Guess::WirelessInTunnel], b"data".to_vec()));
        }
        for (payload, words) in [
            (format!("8841 {ADDRESSES} 0000 0000002000000000"), "encrypted by WEP or WPA"),
            // A beacon could be anything else.
            (format!("8000 {ADDRESSES}"), "EtherType 0x8200 is not IP"),
            (String::new(), "EtherType 0x8200 is not IP"),
        ] {
            assert_eq!(skip_of(101, &ipv4(47, &hex(&format!("0000 8200 {payload}")))), words);
        }
    }
}
