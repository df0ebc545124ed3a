//! Packets with other addresses in them.
//!
//! What is replaced are the addresses of the connections of the capture, wherever they stand in front of a segment's data,
//! in tunnels, too, and anywhere in a packet that carries no TCP (ARP, ICMP, DNS). Checksums that were right are right again.
//!
//! ```text
//! [ link ][ IPv4: …, checksum, source, destination ][ TCP: …, checksum, … ][ data ]
//!                    mended    ▲       ▲                    mended
//! ```

use std::{collections::HashMap, net::IpAddr};

use super::Pseudonyms;
use crate::{
    limits::Limits,
    packet::frame::Frame,
    packet::{Dissector, Packet},
};

/// Addresses that are remembered.
const MOST: usize = 500_000;
/// Protocol numbers of IP.
const TCP: u8 = 6;
const UDP: u8 = 17;

/// The addresses of a capture, and what they become.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    v4: HashMap<[u8; 4], [u8; 4], foldhash::fast::RandomState>,
    v6: HashMap<[u8; 16], [u8; 16], foldhash::fast::RandomState>,
}

impl Addresses {
    /// Takes one down.
    pub(super) fn add(&mut self, address: IpAddr, pseudonyms: &mut Pseudonyms) {
        if self.v4.len() + self.v6.len() >= MOST {
            return;
        }
        match address {
            IpAddr::V4(old) if !self.v4.contains_key(&old.octets()) => {
                if let IpAddr::V4(new) = pseudonyms.address(address) {
                    self.v4.insert(old.octets(), new.octets());
                }
            }
            IpAddr::V6(old) if !self.v6.contains_key(&old.octets()) => {
                if let IpAddr::V6(new) = pseudonyms.address(address) {
                    self.v6.insert(old.octets(), new.octets());
                }
            }
            _ => {}
        }
    }

    /// Rewrites a packet. Its data, if it is TCP, was rewritten before.
    pub(super) fn rewrite(
        &self,
        frame: &Frame<'_>,
        dissector: &mut Dissector,
        limits: &Limits,
        pseudonyms: &mut Pseudonyms,
    ) -> Vec<u8> {
        let old = frame.bytes;
        let mut new = old.to_vec();
        let inside = |part: &[u8]| {
            let start = (part.as_ptr() as usize).checked_sub(old.as_ptr() as usize);
            start.filter(|start| start + part.len() <= old.len())
        };
        // Up to where addresses are looked for.
        let end = match dissector.dissect(frame, limits) {
            Ok(Packet::Tcp(segment)) if !segment.whole.is_empty() => inside(segment.whole).unwrap_or(old.len()),
            Ok(Packet::Udp(datagram)) => {
                if let Some(start) = inside(datagram.payload)
                    && let Some(place) = new.get_mut(start..start + datagram.payload.len())
                {
                    place.copy_from_slice(&pseudonyms.bytes(datagram.payload.to_vec()));
                }
                old.len()
            }
            _ => old.len(),
        };
        let mut headers: Vec<usize> = Vec::new();
        let mut at = 0;
        while at < end {
            let rest = old.get(at..end).unwrap_or_default();
            if let Some(other) = rest.first_chunk::<16>().and_then(|address| self.v6.get(address)) {
                put(&mut new, at, other);
                headers.extend([at.checked_sub(8), at.checked_sub(24)].into_iter().flatten());
                at += 16;
            } else if let Some(other) = rest.first_chunk::<4>().and_then(|address| self.v4.get(address)) {
                put(&mut new, at, other);
                headers.extend([at.checked_sub(12), at.checked_sub(16)].into_iter().flatten());
                at += 4;
            } else {
                at += 1;
            }
        }
        headers.sort_unstable();
        headers.dedup();
        // The innermost first: an outer checksum is over the inner ones.
        for header in headers.into_iter().rev() {
            mend(old, &mut new, header);
        }
        new
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Mends the checksums of the IP header at a place, if there is one, and of what it carries.
fn mend(old: &[u8], new: &mut [u8], header: usize) {
    let Some(bytes) = old.get(header..) else { return };
    let (length, addresses, protocol, total) = match bytes.first().map(|byte| byte >> 4) {
        Some(4) => {
            let length = usize::from(bytes.first().copied().unwrap_or_default() & 15) * 4;
            let is_header = length >= 20 && bytes.get(..length).is_some_and(|header| fold(sum(header)) == 0xffff);
            let unset = bytes.get(10..12) == Some(&[0, 0]);
            if !is_header && !unset {
                return;
            }
            if is_header && !unset {
                let change = difference(old, new, header + 12..header + length);
                adjust(new, header + 10, change);
            }
            (length, header + 12..header + 20, bytes.get(9).copied(), number(bytes, 2))
        }
        Some(6) => (40, header + 8..header + 40, bytes.get(6).copied(), number(bytes, 4) + 40),
        _ => return,
    };
    let start = header + length;
    let end = (header + total).min(old.len()).max(start);
    match protocol {
        // Its data was mended when it was rewritten.
        Some(TCP) if start + 18 <= old.len() => {
            let change = difference(old, new, addresses);
            adjust(new, start + 16, change);
        }
        Some(UDP) if start + 8 <= old.len() && old.get(start + 6..start + 8) != Some(&[0, 0]) => {
            let change = difference(old, new, addresses) + difference(old, new, start + 8..end);
            adjust(new, start + 6, change);
        }
        _ => {}
    }
}

fn number(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<2>).map_or(0, |two| usize::from(u16::from_be_bytes(*two)))
}

/// The sum of the words of a header.
fn sum(bytes: &[u8]) -> u64 {
    let (words, odd) = bytes.as_chunks::<2>();
    words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>()
        + odd.first().map_or(0, |last| u64::from(*last) << 8)
}

const fn fold(mut sum: u64) -> u64 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}

/// By how much the sum over a range changed; it begins at an even place of its packet.
fn difference(old: &[u8], new: &[u8], range: std::ops::Range<usize>) -> i64 {
    let of = |bytes: &[u8]| sum(bytes.get(range.clone()).unwrap_or_default()).cast_signed();
    of(new) - of(old)
}

/// Changes a checksum by as much (RFC 1624).
fn adjust(bytes: &mut [u8], at: usize, change: i64) {
    let Some(old) = bytes.get(at..).and_then(<[u8]>::first_chunk::<2>).copied() else { return };
    let sum = (i64::from(!u16::from_be_bytes(old)) + change).rem_euclid(0xffff);
    put(bytes, at, &(!(sum as u16)).to_be_bytes());
}
