//! Packets in a datagram (RFC 9000 §17): where each begins and ends, as far as that stands unprotected.
//!
//! ```text
//! long    | 1, type, 4 | version, 32 | length, 8 | destination | length, 8 | source | ... | length | number | payload |
//! short   | 0, flags, 7 | destination, as long as its owner knows | number | payload, to the end of the datagram |
//! ```
//!
//! A datagram can hold several packets with a long header and, behind them, one with a short one. Where the sender's or the
//! receiver's kernel cuts or joins datagrams (UDP segmentation offload), what is recorded is several datagrams in one.

use super::version::{VERSION_2, initial_salt};
use crate::encoding::varint::variable_integer;

/// The longest connection identifier.
pub(super) const LONGEST_ID: usize = 20;

/// A connection identifier. Its bytes beyond its length are zeros.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identifier {
    length: u8,
    bytes: [u8; LONGEST_ID],
}

impl Identifier {
    /// `None` if it is too long.
    pub(crate) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; LONGEST_ID];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { length: u8::try_from(id.len()).ok()?, bytes })
    }

    /// Its bytes.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.length)
    }

    /// The destination of a packet with a short header, if identifiers have so many bytes.
    pub(crate) fn of_short(payload: &[u8], length: usize) -> Option<Self> {
        Self::new(payload.get(1..)?.get(..length)?)
    }
}

/// Whether packets of a version are read.
pub(crate) const fn is_read(version: u32) -> bool {
    initial_salt(version).is_some()
}

/// Whether a datagram begins with a packet that begins a connection.
pub(crate) fn is_initial(payload: &[u8]) -> bool {
    long(payload).is_some_and(|(packet, _)| packet.kind == Kind::Initial)
}

/// The types of packets with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    Early,
    Handshake,
    Retry,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Long<'p> {
    pub(super) kind: Kind,
    pub(super) version: u32,
    pub(super) destination: Identifier,
    pub(super) source: Identifier,
    /// All of it; of a Retry packet, to the end of the datagram.
    pub(super) packet: &'p [u8],
    /// Where its number begins; of a Retry packet, its token.
    pub(super) number: usize,
    /// It is longer than what was captured.
    pub(super) is_cut: bool,
}

/// The packet with a long header at the front of `bytes`, and what follows it. `None` if it is of a version that is not read,
/// or contradicts itself.
pub(super) fn long(bytes: &[u8]) -> Option<(Long<'_>, &[u8])> {
    let (&[first, v0, v1, v2, v3], rest) = bytes.split_first_chunk::<5>()?;
    let version = u32::from_be_bytes([v0, v1, v2, v3]);
    if first & 0x80 == 0 || initial_salt(version).is_none() {
        return None;
    }
    let (destination, rest) = identifier(rest)?;
    let (source, rest) = identifier(rest)?;
    // Version 2 numbers the types one further (RFC 9369 §3.2).
    let kind = match (first >> 4).wrapping_sub(u8::from(version == VERSION_2)) & 3 {
        0 => Kind::Initial,
        1 => Kind::Early,
        2 => Kind::Handshake,
        _ => Kind::Retry,
    };
    let mut packet = Long { kind, version, destination, source, packet: bytes, number: 0, is_cut: false };
    if kind == Kind::Retry {
        packet.number = bytes.len() - rest.len();
        return Some((packet, b""));
    }
    let rest = if kind == Kind::Initial {
        let (token, rest) = variable_integer(rest)?;
        rest.get(usize::try_from(token).ok()?..)?
    } else {
        rest
    };
    let (length, rest) = variable_integer(rest)?;
    packet.number = bytes.len() - rest.len();
    let length = usize::try_from(length).ok()?;
    match bytes.split_at_checked(packet.number.checked_add(length)?) {
        Some((whole, after)) => {
            packet.packet = whole;
            Some((packet, after))
        }
        None => {
            packet.is_cut = true;
            Some((packet, b""))
        }
    }
}

fn identifier(bytes: &[u8]) -> Option<(Identifier, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_at_checked(length.into())?;
    Some((Identifier::new(id)?, rest))
}

/// A packet number whose end was sent in `length` bytes, near the one that is expected next (RFC 9000 §A.3).
pub(super) const fn whole_number(sent: u64, length: usize, expected: u64) -> u64 {
    let window = 1_u64 << (8 * length);
    let half = window / 2;
    let candidate = (expected & !(window - 1)) | sent;
    if candidate.saturating_add(half) <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected.saturating_add(half) && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        // RFC 9000 §A.3.
        assert_eq!(whole_number(0x9b32, 2, 0xa82f_30eb), 0xa82f_9b32);
        assert_eq!(whole_number(0, 1, 0), 0);
        assert_eq!(whole_number(0xff, 1, 0), 0xff);
        assert_eq!(whole_number(0xff, 1, 0x100), 0xff);
        assert_eq!(whole_number(0, 1, 0xff), 0x100);
        assert_eq!(whole_number(1, 1, 0x1fe), 0x201);
    }
}
