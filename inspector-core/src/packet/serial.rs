//! Point-to-point links: PPP (RFC 1661, 1662), PPPoE (RFC 2516), Cisco HDLC, frame relay (RFC 2427), SLIP.

use super::{Cursor, Layer, Tag};
use crate::note::PacketSkip;

/// PPP. The address and control fields are there or not, the protocol field has one byte if it is odd (RFC 1661 §6.5):
/// ```text
/// [FF 03] protocol (1 or 2)
/// ```
pub(crate) fn ppp(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "PPP";
    let bytes = cursor.bytes.strip_prefix(&[0xff, 0x03]).unwrap_or(cursor.bytes);
    let (protocol, rest) = match bytes {
        [low, rest @ ..] if low & 1 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(PacketSkip::Malformed(WHAT)),
    };
    match protocol {
        0x0021 => Ok(cursor.on(Layer::Ipv4, rest)),
        0x0057 => Ok(cursor.on(Layer::Ipv6, rest)),
        0x0281 | 0x0283 => Ok(cursor.on(Layer::Mpls, rest)),
        // RFC 3518 §4.2, bridged: flags and pads, MAC type 1 is Ethernet.
        0x0031 if rest.get(1) == Some(&1) => cursor.on(Layer::Ethernet, rest).skip(2, Layer::Ethernet, WHAT),
        0x002d | 0x002f => Err(PacketSkip::Protocol("PPP Van Jacobson compression")),
        0x003d => Err(PacketSkip::Protocol("PPP multilink")),
        0x0053 | 0x0055 => Err(PacketSkip::Encrypted("PPP")),
        0x00fb | 0x00fd => Err(PacketSkip::Protocol("PPP compressed or encrypted datagram")),
        0x8000..=0xffff => Err(PacketSkip::Control("PPP control")),
        _ => Err(PacketSkip::Protocol("PPP network protocol other than IP")),
    }
}

/// PPP in HDLC-like framing, or Cisco HDLC where its addresses stand.
pub(crate) fn ppp_or_cisco_hdlc(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match cursor.bytes {
        [0x0f | 0x8f, 0x00, ..] => cisco_hdlc(cursor),
        _ => ppp(cursor),
    }
}

/// Address (0F unicast, 8F multicast), control (00), EtherType.
pub(crate) fn cisco_hdlc(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    let (&[_, _, high, low], rest) = cursor.take::<4>("Cisco HDLC")?;
    match u16::from_be_bytes([high, low]) {
        // ISO protocols, with an LLC header from its control field on.
        0xfefe => Err(PacketSkip::Protocol("ISO network protocol")),
        kind => Ok(cursor.on(Layer::EtherType(kind), rest)),
    }
}

/// RFC 2516 §4: version and type (1, 1), code (0), session, length; then PPP from its protocol field on.
pub(crate) fn pppoe_session(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "PPPoE";
    let (&[version, code, s0, s1, l0, l1], rest) = cursor.take::<6>(WHAT)?;
    if version != 0x11 || code != 0 {
        return Err(PacketSkip::Malformed(WHAT));
    }
    let body = cursor.tagged(Tag::Session, u32::from(u16::from_be_bytes([s0, s1]))).on(Layer::Ppp, rest);
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    Ok(if length == 0 || length > body.sent() { body } else { body.clip(length) })
}

/// Frame relay: a Q.922 address of 2 to 4 bytes, then a network layer protocol identifier (RFC 2427 §4), or an EtherType in
/// Cisco's own encapsulation.
pub(crate) fn frame_relay(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    const WHAT: &str = "frame relay";
    // The last byte of the address has its lowest bit set; the others do not.
    let last = cursor.bytes.iter().take(4).position(|byte| byte & 1 == 1).filter(|last| *last > 0);
    let rest = last.and_then(|last| cursor.bytes.get(last + 1..)).ok_or(PacketSkip::Malformed(WHAT))?;
    match rest {
        // The control field of unnumbered information, perhaps a pad.
        [0x03, 0x00, rest @ ..] | [0x03, rest @ ..] => network_layer_protocol(cursor.on(Layer::Ip, rest)),
        [high, low, rest @ ..] => {
            let kind = u16::from_be_bytes([*high, *low]);
            let plausible = kind >= 0x0600;
            if plausible { Ok(cursor.on(Layer::EtherType(kind), rest)) } else { Err(PacketSkip::Protocol(WHAT)) }
        }
        _ => Err(PacketSkip::Malformed(WHAT)),
    }
}

/// A network layer protocol identifier (ISO/IEC TR 9577).
pub(crate) fn network_layer_protocol(cursor: Cursor<'_>) -> Result<Cursor<'_>, PacketSkip> {
    match cursor.bytes {
        [0xcc, rest @ ..] => Ok(cursor.on(Layer::Ipv4, rest)),
        [0x8e, rest @ ..] => Ok(cursor.on(Layer::Ipv6, rest)),
        [0xcf, rest @ ..] => Ok(cursor.on(Layer::Ppp, rest)),
        [0x80, rest @ ..] => super::link::snap(cursor.on(Layer::Llc, rest)),
        [_, ..] => Err(PacketSkip::Protocol("ISO network protocol")),
        [] => Err(PacketSkip::Malformed("network layer protocol")),
    }
}

#[cfg(test)]
mod tests {
    use crate::packet::tests::{hex, skip_of, tcp_in};

    #[test]
    fn point_to_point_headers() {
        for (link, header) in [
            (9, "ff03 0021"),
            (9, "0021"),
            (9, "21"),
            (50, "ff03 0021"),
            (50, "0f00 0800"),
            (51, "1100 0007 0000 0021"),
            (104, "0f00 0800"),
            (104, "8f00 8847 00010140"),
            (107, "1841 03cc"),
            (107, "1841 03 00 cc"),
            (107, "1841 0800"),
            (107, "1840 0001 03 00 80 000000 0800"),
            (166, "0003 0021"),
            (204, "00 ff03 0021"),
            (205, "01 0f00 0800"),
            (206, "01 1841 03cc"),
            (8, "00 45 0000 0000 0000 0000 0000 0000 0000"),
        ] {
            tcp_in(link, header);
        }
    }

    #[test]
    fn what_is_not_ip_is_named() {
        for (link, bytes, words) in [
            (9, "ff03 c021 01010004", "PPP control carries no HTTP"),
            (9, "ff03 00fd 900001", "PPP compressed or encrypted datagram is not dissected"),
            (9, "ff", "PPP network protocol other than IP is not dissected"),
            (9, "00", "damaged PPP header"),
            (104, "0f00 8035 00000002", "EtherType 0x8035 is not IP"),
            (51, "2100 0007 0000 0021", "damaged PPPoE header"),
            (107, "1840 1840 1840", "damaged frame relay header"),
        ] {
            assert_eq!(skip_of(link, &hex(bytes)), words, "{link} {bytes}");
        }
    }
}
