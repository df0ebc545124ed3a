//! Checksums of TCP over IP (RFC 1071, RFC 9293 §3.1).
//!
//! With offloading the sender's kernel leaves them to the network card, and segments that were joined on receipt
//! (GRO, LRO) keep that of their first part. So a wrong one says something only beside right ones of the same sender:
//! whether it does is decided where both are known ([`crate::flow`]).

use std::net::IpAddr;

use super::Segment;

/// Largest data of a segment, in bytes, whose checksum is looked at: larger ones never were on a wire as they are.
const LARGEST: usize = 9000;

/// What a segment's checksums say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// Both are right.
    Right,
    /// One is wrong.
    Wrong,
    /// Nothing: the segment is cut, joined from several, or was left to the network card.
    Unknown,
}

/// The sum of 16-bit words in the order of this machine's reading (little endian), not folded.
fn sum(bytes: &[u8]) -> u64 {
    let mut pieces = bytes.chunks_exact(32);
    let mut lanes = [0_u64; 8];
    for piece in &mut pieces {
        let (words, _) = piece.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane += u64::from(u32::from_le_bytes(*word));
        }
    }
    let mut sum: u64 = lanes.iter().sum();
    let (words, odd) = pieces.remainder().as_chunks::<2>();
    for word in words {
        sum += u64::from(u16::from_le_bytes(*word));
    }
    if let [last] = odd {
        sum += u64::from(*last);
    }
    sum
}

const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether the header of an IPv4 packet was damaged on its way. A checksum of zero was left to the network card.
#[inline]
pub(crate) fn is_damaged_header(header: &[u8; 20]) -> bool {
    let &[.., c0, c1, _, _, _, _, _, _, _, _] = header;
    if header[0] != 0x45 || (c0 | c1) == 0 {
        return false;
    }
    let (words, _) = header.as_chunks::<4>();
    fold(words.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum()) != 0xffff
}

impl Segment<'_> {
    /// What its checksums say.
    pub fn checksum(&self) -> Checksum {
        if self.missing > 0 || self.whole.len() < 20 || self.payload.len() > LARGEST {
            return Checksum::Unknown;
        }
        let address = |address: IpAddr| match address {
            IpAddr::V4(address) => sum(&address.octets()),
            IpAddr::V6(address) => sum(&address.octets()),
        };
        // Protocol 6 and the length, as they stand in the pseudo header, read as the rest is.
        let length = u64::from((self.whole.len() as u16).swap_bytes());
        let pseudo = address(self.source.address) + address(self.destination.address) + 0x0600 + length;
        let is_right = fold(pseudo + sum(self.whole)) == 0xffff;
        if is_right && !self.damaged { Checksum::Right } else { Checksum::Wrong }
    }
}
