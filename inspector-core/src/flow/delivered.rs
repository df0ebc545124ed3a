//! What was handed out of one direction lately, as digests: what a retransmission is compared with.
//!
//! TCP sends the same bytes again, or it is not TCP: two recordings of different conversations were merged, a copy was
//! damaged on its way, or somebody sent other bytes in their place. Only the beginnings of what a side says are kept in
//! mind whole, for that is where the header sections are: the first [`BEGINNING`] bytes since the other side spoke.
//!
//! Each segment handed out is divided from its first byte on, so that one sent again as it was, in smaller segments, or
//! together with its neighbours meets the same pieces:
//!
//! ```text
//!   handed out     |----64----|----64----|----64----|-20-|      four digests each, of 16 bytes
//!   sent again        |--------- 100 ---------|                 the digests of whole quarters are compared
//! ```
//!
//! Of what lies behind a beginning a sample of each of the latest [`BULK`] segments is kept, which is compared where the
//! whole segment comes again.

use std::collections::VecDeque;

/// Bytes since the other side spoke of which digests are kept.
pub const BEGINNING: u64 = 8 << 10;

/// Most pieces whose digests are kept of a direction.
pub const DIGESTS: usize = 256;

/// Most segments kept of a direction.
pub const SEGMENTS: usize = 24;

/// Bytes of four digests.
const PIECE: usize = 64;

/// Bytes of one digest.
pub(crate) const QUARTER: usize = 16;

/// A segment that was handed out.
#[derive(Clone, Copy, Debug)]
struct Range {
    offset: u64,
    length: u32,
    pieces: u32,
}

/// Most segments kept of a direction behind a beginning.
pub const BULK: usize = 64;

/// A segment that was handed out behind a beginning.
#[derive(Clone, Copy, Debug)]
struct Bulk {
    offset: u64,
    length: u32,
    digest: u32,
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
    digests: VecDeque<u64>,
    bulk: VecDeque<Bulk>,
    /// Where the side stood when the other spoke last.
    turn: u64,
}

/// A number that other bytes hardly share. `place` tells equal bytes at several places apart. It waits for nothing but the
/// words.
#[inline]
fn fold(bytes: [u8; QUARTER], place: u64) -> u64 {
    let mixed = u128::from_le_bytes(bytes) ^ 0x9e37_79b9_7f4a_7c15_c2b2_ae3d_27d4_eb4f;
    let product = u128::from(mixed as u64 ^ place) * u128::from((mixed >> 64) as u64);
    product as u64 ^ (product >> 64) as u64
}

/// Sixteen bits for each quarter of a piece, the first ones lowest.
#[inline]
fn digests(piece: &[u8; PIECE]) -> u64 {
    let (quarters, _) = piece.as_chunks::<QUARTER>();
    quarters.iter().rev().fold(0, |all, quarter| all << 16 | fold(*quarter, 0) >> 48)
}

/// The same of a piece that can be the last.
fn digests_of_last(piece: &[u8]) -> u64 {
    let mut whole = [0; PIECE];
    whole.iter_mut().zip(piece).for_each(|(to, from)| *to = *from);
    digests(&whole)
}

/// Whether a part of a piece, from byte `from` of it on, is as in the piece with those digests; `None` if the part holds no
/// whole quarter. `length` is that of the piece, whose last quarter can be shorter.
fn is_part(known: u64, length: usize, from: usize, part: &[u8]) -> Option<bool> {
    let first = from.div_ceil(QUARTER);
    let end = from + part.len();
    let last = if end == length { end.div_ceil(QUARTER) } else { end / QUARTER };
    let part = part.get(first * QUARTER - from..)?.get(..(last * QUARTER).min(end).checked_sub(first * QUARTER)?)?;
    if part.is_empty() {
        return None;
    }
    let count = part.len().div_ceil(QUARTER) as u32;
    let mask = u64::MAX >> (64 - 16 * count);
    Some((digests_of_last(part) ^ (known >> (16 * first))) & mask == 0)
}

/// A number that other bytes hardly share, of a quarter of them and the last ones: who sends something else in place of a
/// segment changes most of it, and all bytes of all streams would take too long.
fn sampled(bytes: &[u8]) -> u32 {
    let (pieces, rest) = bytes.as_chunks::<PIECE>();
    let starts = pieces.iter().filter_map(|piece| piece.first_chunk()).zip(1_u64..);
    let sum = starts.fold(0_u64, |sum, (start, at)| sum.wrapping_add(fold(*start, at << 48)));
    let last = match bytes.last_chunk() {
        Some(last) => fold(*last, 0),
        None => digests_of_last(rest) ^ bytes.len() as u64,
    };
    let sum = sum.wrapping_add(last);
    (sum >> 32) as u32 ^ sum as u32
}

impl Delivered {
    pub(super) const fn new() -> Self {
        Self { ranges: VecDeque::new(), digests: VecDeque::new(), bulk: VecDeque::new(), turn: 0 }
    }

    /// Bytes of memory besides its own.
    pub(super) fn weight(&self) -> usize {
        self.ranges.capacity() * size_of::<Range>()
            + self.digests.capacity() * size_of::<u64>()
            + self.bulk.capacity() * size_of::<Bulk>()
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
        if !self.is_beginning(offset) {
            return self.keep_bulk(offset, bytes);
        }
        let (beginning, rest) = bytes.split_at_checked(BEGINNING as usize).unwrap_or((bytes, &[]));
        self.keep_digests(offset, beginning);
        if !rest.is_empty() {
            self.keep_bulk(offset.saturating_add(BEGINNING), rest);
        }
    }

    fn keep_bulk(&mut self, offset: u64, bytes: &[u8]) {
        if self.bulk.len() >= BULK {
            self.bulk.pop_front();
        }
        self.bulk.push_back(Bulk { offset, length: bytes.len() as u32, digest: sampled(bytes) });
    }

    fn keep_digests(&mut self, offset: u64, bytes: &[u8]) {
        let before = self.digests.len();
        let (pieces, rest) = bytes.as_chunks::<PIECE>();
        self.digests.extend(pieces.iter().map(digests));
        self.digests.extend((!rest.is_empty()).then(|| digests_of_last(rest)));
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
                let (start, stop) = (from.max(offset), to.min(end));
                let Some(length) = stop.checked_sub(start).filter(|length| *length > 0) else { continue };
                let part = bytes.get((start - offset) as usize..).and_then(|rest| rest.get(..length as usize));
                let same = part.and_then(|part| is_part(*known, (to - from) as usize, (start - from) as usize, part));
                match same {
                    Some(false) => return Comparison::Differs,
                    Some(true) => compared = true,
                    None => {}
                }
            }
        }
        for bulk in &self.bulk {
            let bulk_end = bulk.offset.saturating_add(u64::from(bulk.length));
            overlaps |= bulk.offset < end && offset < bulk_end;
            let from = bulk.offset.checked_sub(offset).and_then(|from| usize::try_from(from).ok());
            let whole = from.and_then(|from| bytes.get(from..)?.get(..bulk.length as usize));
            match whole {
                Some(whole) if sampled(whole) != bulk.digest => return Comparison::Differs,
                Some(_) => compared = true,
                None => {}
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
    fn parts_of_pieces_are_compared_by_their_quarters() {
        let sent = bytes(333);
        let mut delivered = Delivered::default();
        delivered.begin_turn(0);
        delivered.keep(0, &sent);
        for from in 0..sent.len() {
            for length in 1..(sent.len() - from).min(150) {
                let part = &sent[from..from + length];
                let same = delivered.compare(from as u64, part);
                assert!(same == Comparison::Same || (same == Comparison::Unknown && length < 31), "{from} {length}");
                let other: Vec<u8> = part.iter().map(|byte| byte ^ 0x20).collect();
                let differs = delivered.compare(from as u64, &other);
                assert_eq!(differs == Comparison::Differs, same == Comparison::Same, "{from} {length}");
            }
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
    fn of_bulk_the_latest_segments_are_compared() {
        let mut delivered = Delivered::default();
        delivered.begin_turn(0);
        let sent = bytes(1400);
        (0..1000).for_each(|piece| delivered.keep(piece * 1400, &sent));
        assert_eq!(delivered.compare(0, &sent), Comparison::Same);
        assert_eq!(delivered.compare(0, &sent[1..]), Comparison::Differs);
        assert_eq!(delivered.compare(500 * 1400, &sent), Comparison::Unknown);
        let three = [sent.as_slice(), &sent, &sent].concat();
        let other: Vec<u8> = sent.iter().map(|byte| byte ^ 0x20).collect();
        for piece in 940..999 {
            assert_eq!(delivered.compare(piece * 1400, &sent), Comparison::Same, "{piece}");
            assert_eq!(delivered.compare(piece * 1400, &other), Comparison::Differs, "{piece}");
            // In smaller segments it cannot be told, together with its neighbours it can.
            assert_eq!(delivered.compare(piece * 1400, &other[..700]), Comparison::Unknown, "{piece}");
            assert_eq!(delivered.compare((piece - 2) * 1400, &three), Comparison::Same, "{piece}");
            let changed = [sent.as_slice(), &other, &sent].concat();
            assert_eq!(delivered.compare((piece - 2) * 1400, &changed), Comparison::Differs, "{piece}");
        }
        assert!(delivered.weight() < 8192, "{}", delivered.weight());
        // Short ones have no sample but themselves.
        let mut short = Delivered::default();
        short.keep(BEGINNING, b"short");
        assert_eq!(short.compare(BEGINNING, b"short"), Comparison::Same);
        assert_eq!(short.compare(BEGINNING, b"shirt"), Comparison::Differs);
    }

    #[test]
    fn one_segment_can_be_a_beginning_and_more() {
        let mut delivered = Delivered::default();
        let sent = bytes(40_000);
        delivered.keep(0, &sent);
        let mut other = sent.clone();
        assert_eq!(delivered.compare(0, &sent), Comparison::Same);
        other[20_000..21_000].fill(b'y');
        assert_eq!(delivered.compare(0, &other), Comparison::Differs);
    }
}
