//! TCP (RFC 9293) and UDP (RFC 768).

use super::{
    Cursor, Datagram, Flags, Hosts, Packet, Segment, Step,
    net::{other_protocol, protocol},
    tunnel::udp_tunnel,
};
use crate::{
    evidence::{At, Endpoint},
    note::PacketSkip,
};

/// What the IP protocol number announces.
#[inline]
pub(crate) fn transport(hosts: Hosts, cursor: Cursor<'_>, at: At) -> Result<Step<'_>, PacketSkip> {
    match hosts.protocol {
        protocol::TCP => tcp(hosts, cursor, at).map(Step::Packet),
        protocol::UDP => udp(hosts, cursor, at),
        _ => other_protocol(hosts, cursor),
    }
}

/// RFC 9293 §3.1. Everything needed stands in the first 14 bytes, so that a capture cut inside the header still tells
/// how many bytes of data were sent:
/// ```text
/// 0 source port | 2 destination port | 4 sequence | 8 acknowledgment | 12 data offset | 13 control bits
/// ```
#[inline]
fn tcp(hosts: Hosts, cursor: Cursor<'_>, at: At) -> Result<Packet<'_>, PacketSkip> {
    const WHAT: &str = "TCP";
    let (header, _) = cursor.take::<14>(WHAT)?;
    let &[s0, s1, d0, d1, q0, q1, q2, q3, a0, a1, a2, a3, offset, flags] = header;
    let header_length = usize::from(offset >> 4) * 4;
    let sent = cursor.sent().checked_sub(header_length).filter(|_| header_length >= 20);
    let sent = sent.ok_or(PacketSkip::Malformed(WHAT))?;
    let payload = cursor.bytes.get(header_length..).unwrap_or_default();
    Ok(Packet::Tcp(Segment {
        source: Endpoint { address: hosts.source, port: u16::from_be_bytes([s0, s1]) },
        destination: Endpoint { address: hosts.destination, port: u16::from_be_bytes([d0, d1]) },
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgment: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: Flags(flags),
        payload,
        missing: u32::try_from(sent.saturating_sub(payload.len())).unwrap_or(u32::MAX),
        encapsulation: cursor.encapsulation,
        whole: if cursor.cut == 0 { cursor.bytes } else { &[] },
        damaged: hosts.damaged,
        at,
    }))
}

/// A datagram, or what a tunnel over UDP carries.
fn udp(hosts: Hosts, cursor: Cursor<'_>, at: At) -> Result<Step<'_>, PacketSkip> {
    let (header, rest) = cursor.take::<8>("UDP")?;
    let &[s0, s1, d0, d1, l0, l1, _, _] = header;
    let body = cursor.on(cursor.layer, rest);
    let body = match usize::from(u16::from_be_bytes([l0, l1])).checked_sub(8) {
        Some(length) if length <= body.sent() => body.clip(length),
        _ => body,
    };
    let (source, destination) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    if let Some(inner) = udp_tunnel(hosts, source, destination, body) {
        return inner.map(|inner| Step::Next(inner.within(&hosts)));
    }
    Ok(Step::Packet(Packet::Udp(Datagram {
        source: Endpoint { address: hosts.source, port: source },
        destination: Endpoint { address: hosts.destination, port: destination },
        payload: body.bytes,
        at,
    })))
}
