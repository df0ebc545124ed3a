//! What was handed out of one direction lately, as digests: what a retransmission is compared with.
//!
//! TCP sends the same bytes again, or it is not TCP: two recordings of different conversations were merged, a copy was
//! damaged on its way, or somebody sent other bytes in their place. Only the beginnings of what a side says are kept in
//! mind, for that is where the header sections are: the first [`BEGINNING`] bytes since the other side spoke.
//!
//! Each segment handed out is divided from its first byte on, so that one sent again as it was, in smaller segments, or
//! together with its neighbours meets the same pieces:
//!
//! ```text
//!   handed out     |--64--|--64--|--64--|-20-|      one digest each
//!   sent again     |--------- 100 ---------|        the first piece is compared
//! ```

use std::collections::VecDeque;

/// Bytes since the other side spoke of which digests are kept.
pub const BEGINNING: u64 = 8 << 10;

/// Most digests kept of a direction.
pub const DIGESTS: usize = 256;

/// Most segments kept of a direction.
pub const SEGMENTS: usize = 24;

/// Bytes of one digest.
const PIECE: usize = 64;

/// A segment that was handed out.
#[derive(Clone, Copy, Debug)]
struct Range {
    offset: u64,
    length: u32,
    pieces: u32,
}

/// What a comparison gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// What could be compared is the same.
    Same,
    /// It differs.
    Differs,
    /// It lies within what was handed out lately, but no digest is of a part of it.
    Unknown,
    /// So far back that nothing is known of it any more, and further than TCP goes.
    TooOld,
}

/// The digests.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    ranges: VecDeque<Range>,
    digests: VecDeque<u32>,
    /// Where the side stood when the other spoke last.
    turn: u64,
}

/// A number that other bytes hardly share: the sum of products of pairs of words, each by its place.
fn digest(piece: &[u8]) -> u32 {
    let mut whole = [0; PIECE];
    whole.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
    digest_of_whole(&whole) ^ piece.len() as u32
}

/// The same of a piece that is none of the last, without its length. The products wait for nothing but their words.
#[inline]
fn digest_of_whole(piece: &[u8; PIECE]) -> u32 {
    const SEEDS: [u128; PIECE / 16] = [
        0x9e37_79b9_7f4a_7c15_c2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9_27d4_eb2f_1656_67c5,
        0xd6e8_feb8_6659_fd93_a076_1d64_78bd_642f,
        0xe703_7ed1_a0b4_28db_8ebc_6af0_9c88_c6e3,
    ];
    let (pairs, _) = piece.as_chunks::<16>();
    let sum = pairs.iter().zip(SEEDS).fold(0_u64, |sum, (pair, seed)| {
        let mixed = u128::from_le_bytes(*pair) ^ seed;
        let product = u128::from(mixed as u64) * u128::from((mixed >> 64) as u64);
        sum.wrapping_add(product as u64 ^ (product >> 64) as u64)
    });
    (sum >> 32) as u32 ^ sum as u32
}

impl Delivered {
    pub(super) const fn new() -> Self {
        Self { ranges: VecDeque::new(), digests: VecDeque::new(), turn: 0 }
    }

    /// Bytes of memory besides its own.
    pub(super) fn weight(&self) -> usize {
        self.ranges.capacity() * size_of::<Range>() + self.digests.capacity() * size_of::<u32>()
    }

    /// The other side has spoken since; this one goes on at `offset`.
    pub(super) const fn begin_turn(&mut self, offset: u64) {
        self.turn = offset;
    }

    /// Whether bytes at `offset` are of the beginning of what the side says.
    #[inline]
    pub(super) const fn is_beginning(&self, offset: u64) -> bool {
        offset.wrapping_sub(self.turn) < BEGINNING
    }

    /// Bytes are handed out.
    #[inline]
    pub(super) fn keep(&mut self, offset: u64, bytes: &[u8]) {
        if self.is_beginning(offset) {
            self.keep_digests(offset, bytes.get(..BEGINNING as usize).unwrap_or(bytes));
        }
    }

    fn keep_digests(&mut self, offset: u64, bytes: &[u8]) {
        let before = self.digests.len();
        let (pieces, rest) = bytes.as_chunks::<PIECE>();
        self.digests.extend(pieces.iter().map(|piece| digest_of_whole(piece) ^ PIECE as u32));
        self.digests.extend((!rest.is_empty()).then(|| digest(rest)));
        let pieces = (self.digests.len() - before) as u32;
        self.ranges.push_back(Range { offset, length: bytes.len() as u32, pieces });
        while self.digests.len() > DIGESTS || self.ranges.len() > SEGMENTS {
            let Some(oldest) = self.ranges.pop_front() else { return };
            self.digests.drain(..(oldest.pieces as usize).min(self.digests.len()));
        }
    }

    /// Compares bytes at offsets below that of the byte expected next.
    pub(super) fn compare(&self, offset: u64, bytes: &[u8]) -> Comparison {
        let end = offset.saturating_add(bytes.len() as u64);
        let (mut compared, mut overlaps) = (false, false);
        let mut first = 0;
        for range in &self.ranges {
            let digests = self.digests.range(first.min(self.digests.len())..);
            first += range.pieces as usize;
            let known_end = range.offset.saturating_add(u64::from(range.length));
            if known_end <= offset || range.offset >= end {
                continue;
            }
            overlaps = true;
            for (index, known) in digests.take(range.pieces as usize).enumerate() {
                let from = range.offset.saturating_add((index * PIECE) as u64);
                let to = from.saturating_add(PIECE as u64).min(known_end);
                let piece = from.checked_sub(offset).and_then(|from| {
                    let from = usize::try_from(from).ok()?;
                    bytes.get(from..)?.get(..(to.saturating_sub(offset) as usize).checked_sub(from)?)
                });
                match piece {
                    Some(piece) if digest(piece) != *known => return Comparison::Differs,
                    Some(_) => compared = true,
                    None => {}
                }
            }
        }
        match (compared, overlaps) {
            (true, _) => Comparison::Same,
            (false, true) => Comparison::Unknown,
            (false, false) if end <= self.turn => Comparison::TooOld,
            (false, false) => Comparison::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at.wrapping_mul(167) ^ (at >> 7)) as u8).collect()
    }

    #[test]
    fn what_is_sent_again_is_compared_however_it_is_divided() {
        let sent = bytes(3000);
        let mut delivered = Delivered::default();
        delivered.begin_turn(500);
        for (at, piece) in [(0, 100), (100, 1400), (1500, 1460), (2960, 40)] {
            delivered.keep(500 + at as u64, &sent[at..at + piece]);
        }
        for (at, length) in [(0, 100), (0, 3000), (100, 1400), (100, 400), (0, 1500), (300, 2000), (2960, 40)] {
            assert_eq!(delivered.compare(500 + at as u64, &sent[at..at + length]), Comparison::Same, "{at} {length}");
            // Every byte that lies in a whole piece tells.
            let mut other = sent[at..at + length].to_vec();
            other[length / 2] ^= 1;
            assert_eq!(delivered.compare(500 + at as u64, &other), Comparison::Differs, "{at} {length}");
        }
    }

    #[test]
    fn each_byte_of_a_segment_sent_again_counts() {
        let sent = bytes(333);
        let mut delivered = Delivered::default();
        delivered.begin_turn(0);
        delivered.keep(0, &sent);
        for at in 0..sent.len() {
            let mut other = sent.clone();
            other[at] ^= 0x20;
            assert_eq!(delivered.compare(0, &other), Comparison::Differs, "{at}");
        }
    }

    #[test]
    fn only_so_much_is_kept() {
        let mut delivered = Delivered::default();
        let sent = bytes(1400);
        for turn in 0..100 {
            delivered.begin_turn(turn * 1400);
            delivered.keep(turn * 1400, &sent);
        }
        assert!(delivered.weight() < 4096, "{}", delivered.weight());
        assert_eq!(delivered.compare(99 * 1400, &sent), Comparison::Same);
        assert_eq!(delivered.compare(90 * 1400, &sent[1..]), Comparison::Differs);
        // What no digest is kept of any more, and the other side has answered since.
        assert_eq!(delivered.compare(0, &sent), Comparison::TooOld);
    }

    #[test]
    fn bulk_is_not_kept_in_mind() {
        let mut delivered = Delivered::default();
        delivered.begin_turn(0);
        let sent = bytes(1400);
        (0..1000).for_each(|piece| delivered.keep(piece * 1400, &sent));
        assert_eq!(delivered.compare(0, &sent), Comparison::Same);
        assert_eq!(delivered.compare(0, &sent[1..]), Comparison::Differs);
        assert_eq!(delivered.compare(500_000, &sent), Comparison::Unknown);
    }
}
