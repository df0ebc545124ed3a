//! Bytes of one direction that cannot be handed out yet: copied, without overlaps, ordered by position.
//!
//! Where bytes arrive twice, those that came first are kept:
//!
//! ```text
//!   waiting      .....AAAA......BBB...
//!   arriving       CCCCCCCCCCCCCCCCC      C over A and B is compared and dropped
//!   afterwards   ..CCCAAAACCCCCCBBBCC.    five chunks
//! ```

use std::collections::BTreeMap;

use super::reassembly::{Arrival, Now};

/// What a waiting chunk costs beside its bytes (map node, allocation); counts towards the limits.
pub const CHUNK_OVERHEAD: usize = 96;

/// Bytes waiting for those before them, or for those they answer.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The bytes.
    pub(crate) bytes: Box<[u8]>,
    /// The packet that brought them.
    pub(crate) now: Now,
    /// Position the other direction must have reached first.
    pub(super) needs: u64,
    /// Up to which offset the packet acknowledges the other direction's stream.
    pub(crate) acknowledged: Option<u64>,
    /// Bytes cut off by snap length directly behind.
    pub(super) cut: u32,
}

/// The chunks that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    chunks: BTreeMap<u64, Chunk>,
    charge: usize,
}

/// Bytes that differ between two readings of the same positions.
fn differing(left: &[u8], right: &[u8]) -> u64 {
    if left.get(..right.len()) == Some(right) || right.get(..left.len()) == Some(left) {
        return 0;
    }
    left.iter().zip(right).filter(|(left, right)| left != right).count() as u64
}

/// Splits off the first `count` bytes, or as many as there are.
pub(super) fn split_at_most(bytes: &[u8], count: u64) -> (&[u8], &[u8]) {
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len());
    bytes.split_at_checked(count).unwrap_or((bytes, &[]))
}

impl Waiting {
    pub(super) const fn new() -> Self {
        Self { chunks: BTreeMap::new(), charge: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Bytes and overhead.
    pub(super) const fn charge(&self) -> usize {
        self.charge
    }

    /// The same with one more chunk of so many bytes.
    pub(super) const fn charge_with(&self, bytes: usize) -> usize {
        self.charge.saturating_add(bytes).saturating_add(CHUNK_OVERHEAD)
    }

    /// The first chunk with its position.
    pub(super) fn first(&self) -> Option<(u64, &Chunk)> {
        self.chunks.first_key_value().map(|(start, chunk)| (*start, chunk))
    }

    /// Takes the first chunk out.
    pub(super) fn take_first(&mut self) -> Option<Chunk> {
        let (_, chunk) = self.chunks.pop_first()?;
        self.charge = self.charge.saturating_sub(chunk.bytes.len().saturating_add(CHUNK_OVERHEAD));
        Some(chunk)
    }

    /// Position after the last chunk.
    pub(super) fn end(&self) -> Option<u64> {
        let (start, chunk) = self.chunks.last_key_value()?;
        Some(start.saturating_add(chunk.bytes.len() as u64))
    }

    /// Whether all bytes between two positions wait.
    pub(super) fn covers(&self, mut from: u64, to: u64) -> bool {
        while from < to {
            let Some((start, chunk)) = self.chunks.range(..=from).next_back() else { return false };
            let end = start.saturating_add(chunk.bytes.len() as u64);
            if end <= from {
                return false;
            }
            from = end;
        }
        true
    }

    /// Whether bytes are others than those that wait.
    pub(super) fn differs(&self, position: u64, bytes: &[u8]) -> bool {
        let end = position.saturating_add(bytes.len() as u64);
        let before = self.chunks.range(..position).next_back();
        before.into_iter().chain(self.chunks.range(position..end)).any(|(&start, chunk)| {
            let (_, known) = split_at_most(&chunk.bytes, position.saturating_sub(start));
            let (_, bytes) = split_at_most(bytes, start.saturating_sub(position));
            differing(known, bytes) > 0
        })
    }

    /// Moves all positions up.
    pub(super) fn shift(&mut self, by: u64) {
        let chunks = std::mem::take(&mut self.chunks);
        self.chunks = chunks.into_iter().map(|(position, chunk)| (position.wrapping_add(by), chunk)).collect();
    }

    /// Copies those bytes that do not wait yet; how many others differ from those that do.
    pub(super) fn keep(&mut self, arrival: Arrival<'_>) -> u64 {
        let Arrival { mut position, payload: mut bytes, missing, needs, acknowledged, now, .. } = arrival;
        let mut differ = 0;
        if let Some((&start, chunk)) = self.chunks.range(..=position).next_back() {
            let (_, known) = split_at_most(&chunk.bytes, position - start);
            let (overlap, rest) = split_at_most(bytes, known.len() as u64);
            differ += differing(known, overlap);
            position = position.saturating_add(overlap.len() as u64);
            bytes = rest;
        }
        while !bytes.is_empty() {
            let following = self.chunks.range(position..).next();
            let room = following.map_or(u64::MAX, |(&start, _)| start - position);
            let (piece, rest) = split_at_most(bytes, room);
            let (overlap, rest) = match following {
                Some((_, chunk)) if !rest.is_empty() => {
                    let (overlap, rest) = split_at_most(rest, chunk.bytes.len() as u64);
                    differ += differing(&chunk.bytes, overlap);
                    (overlap.len() as u64, rest)
                }
                _ => (0, rest),
            };
            let start = position;
            position = position.saturating_add(piece.len() as u64).saturating_add(overlap);
            bytes = rest;
            if !piece.is_empty() {
                let cut = if overlap == 0 { missing } else { 0 };
                self.charge = self.charge_with(piece.len());
                self.chunks.insert(start, Chunk { bytes: piece.into(), now, needs, acknowledged, cut });
            }
        }
        differ
    }
}
