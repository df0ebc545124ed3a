//! Trailers that F5 BIG-IP writes behind each frame (`tcpdump -i 0.0:nnnp`), and the TLS secrets in them
//! (`sys db tcpdump.sslprovider`).
//!
//! ```text
//! … IP packet   f5 de b0 f5  length:2 version:2   [provider:2 type:2 length:2 version:2 data]…      all big-endian
//! provider 4    type 0  master secret:48 client random:32 server random:32                          up to TLS 1.2
//!               type 2  n:1 [early:n in version 1] client handshake:n server handshake:n
//!                       client:n server:n  client random:32 server random:32                        TLS 1.3
//! ```
//!
//! Secrets that are not known yet are zeros: those of a connection come with later frames than the first ones they open.
//!
//! Source: Wireshark's `epan/dissectors/packet-f5ethtrailer.c` for the layout.

use std::fmt::Write;

use super::order::Order;
use crate::packet::frame::Frame;

const MAGIC: [u8; 4] = [0xf5, 0xde, 0xb0, 0xf5];
const HEADER: usize = 8;
const TLS: u16 = 4;
const RANDOM: usize = 32;
const MASTER: usize = 48;

/// What stands behind the IP packet of an Ethernet frame, if there is room for a trailer. Looked at for every frame.
#[inline]
fn behind_packet<'f>(frame: &Frame<'f>) -> Option<&'f [u8]> {
    if frame.link.0 != 1 {
        return None;
    }
    let bytes = frame.bytes;
    let (kind, begin) = match bytes.get(12..14)? {
        [0x81, 0x00] => (bytes.get(16..18)?, 18),
        kind => (kind, 14),
    };
    let length = match kind {
        [0x08, 0x00] => usize::from(Order::Big.u16(bytes, begin + 2)?),
        [0x86, 0xdd] => usize::from(Order::Big.u16(bytes, begin + 4)?) + 40,
        _ => return None,
    };
    bytes.get(begin + length..).filter(|rest| rest.len() >= 2 * HEADER && length > 0)
}

/// The secrets of a frame's trailer as lines of a key log; `None` if it has none.
#[inline]
pub(crate) fn secrets(frame: &Frame<'_>) -> Option<String> {
    behind_packet(frame).and_then(of_trailer)
}

/// Whether bytes of a capture hold the mark of such a trailer.
pub fn holds_trailer(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, &MAGIC).is_some()
}

#[cold]
fn of_trailer(rest: &[u8]) -> Option<String> {
    // A short packet is filled up first.
    let at = memchr::memmem::find(rest.get(..64).unwrap_or(rest), &MAGIC)?;
    let trailer = rest.get(at..)?;
    let length = usize::from(Order::Big.u16(trailer, 4)?);
    let mut rest = trailer.get(HEADER..length.min(trailer.len()))?;
    let mut lines = String::new();
    while let (Some(provider), Some(kind), Some(length), Some(version)) =
        (Order::Big.u16(rest, 0), Order::Big.u16(rest, 2), Order::Big.u16(rest, 4), Order::Big.u16(rest, 6))
    {
        let Some((item, after)) = rest.split_at_checked(usize::from(length)).filter(|_| length >= 8) else { break };
        let data = item.get(HEADER..).unwrap_or_default();
        match (provider, kind) {
            (TLS, 0) => master(data, &mut lines),
            (TLS, 2) => traffic(data, version, &mut lines),
            _ => {}
        }
        rest = after;
    }
    (!lines.is_empty()).then_some(lines)
}

/// A line, unless the secret or the random is all zeros.
fn line(label: &str, random: &[u8], secret: &[u8], lines: &mut String) {
    if [random, secret].iter().any(|bytes| bytes.iter().all(|byte| *byte == 0)) {
        return;
    }
    lines.push_str(label);
    for bytes in [random, secret] {
        lines.push(' ');
        // A String takes everything.
        let _ = bytes.iter().try_for_each(|byte| write!(lines, "{byte:02x}"));
    }
    lines.push('\n');
}

fn master(data: &[u8], lines: &mut String) {
    if let (Some(secret), Some(random)) = (data.get(..MASTER), data.get(MASTER..MASTER + RANDOM)) {
        line("CLIENT_RANDOM", random, secret, lines);
    }
}

fn traffic(data: &[u8], version: u16, lines: &mut String) {
    const LABELS: [&str; 5] = [
        "CLIENT_EARLY_TRAFFIC_SECRET",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
    ];
    let Some((length, rest)) = data.split_first() else { return };
    let length = usize::from(*length);
    let labels = LABELS.get(usize::from(version == 0)..).unwrap_or_default();
    let Some(random) = rest.get(labels.len() * length..labels.len() * length + RANDOM) else { return };
    for (at, label) in labels.iter().enumerate() {
        if let Some(secret) = rest.get(at * length..(at + 1) * length).filter(|secret| !secret.is_empty()) {
            line(label, random, secret, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{evidence::At, packet::frame::LinkType};

    fn item(kind: u16, version: u16, data: &[u8]) -> Vec<u8> {
        [[TLS, kind, 8 + data.len() as u16, version].map(u16::to_be_bytes).concat(), data.to_vec()].concat()
    }

    /// An Ethernet frame with a padded IPv4 packet and a trailer of these items.
    fn frame(items: &[u8]) -> Vec<u8> {
        let mut bytes = vec![2; 12];
        bytes.extend([8, 0, 0x45, 0, 0, 20]);
        bytes.resize(14 + 20 + 6, 0);
        bytes.extend(MAGIC);
        bytes.extend([8 + items.len() as u16, 1].map(u16::to_be_bytes).concat());
        bytes.extend(items);
        bytes
    }

    fn lines(bytes: &[u8]) -> Option<String> {
        let at = At::Frame { number: 1, time: None };
        secrets(&Frame { link: LinkType(1), at, original_length: 0, interface: 0, bytes, buffer: None })
    }

    #[test]
    fn secrets_of_both_kinds_are_lines_of_a_key_log() {
        let hex = |byte: &str, count| byte.repeat(count);
        let old = item(0, 0, &[[1; 48].as_slice(), &[2; 32], &[3; 32]].concat());
        assert_eq!(lines(&frame(&old)).unwrap(), format!("CLIENT_RANDOM {} {}\n", hex("02", 32), hex("01", 48)));
        for (version, early) in [(0, 0), (1, 1)] {
            let secrets = [vec![9; 32 * early], vec![4; 32], vec![0; 32], vec![5; 32], vec![6; 32]].concat();
            let new = item(2, version, &[vec![32], secrets, vec![7; 32], vec![8; 32]].concat());
            let read = lines(&frame(&[item(9, 0, b"noise"), new].concat())).unwrap();
            assert_eq!(read.lines().count(), 3 + early, "{read}");
            assert!(read.contains(&format!("CLIENT_TRAFFIC_SECRET_0 {} {}", hex("07", 32), hex("05", 32))));
            assert!(!read.contains("SERVER_HANDSHAKE"));
        }
    }

    #[test]
    fn other_trailers_and_damage_have_none() {
        let old = frame(&item(0, 0, &[1; 112]));
        assert!(lines(&old[..40]).is_none() && lines(&old[..60]).is_none());
        for at in 0..old.len() {
            let mut bytes = old.clone();
            bytes[at] ^= 0xff;
            let _ = lines(&bytes);
        }
    }
}
