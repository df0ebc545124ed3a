//! A rolling view of an input that is read front to back.
//!
//! Packets are handed out as slices of the window, so that nothing is copied per packet: only the few bytes of the record
//! that straddles the end of the buffer move to its front before the next large read. Who hands packets to other threads
//! need not copy them either: it keeps the [buffer](Window::buffer), and the window reads on in another one.
//!
//! ```text
//! offset()                                   reads go here
//!    v                                            v
//! ---|============ bytes() ===================|.......|
//!    start                                    end     capacity, grows up to the limit
//! ```
//!
//! A reader asks for the bytes it needs to go on ([`Window::fill`]) and gets at least those unless the input ends, so a
//! pipe that delivers a byte at a time and a file look the same, and a live pipe is never waited on for more than needed.

use crate::packet::frame::Buffer;
use std::{
    io::{self, Read},
    sync::Arc,
};

/// Bytes asked of the input at once. Small enough to stay in the second-level cache, large enough to hide the call.
const STEP: usize = 256 << 10;

/// Most buffers that are kept to be used again.
const SPARES: usize = 16;

/// A rolling buffer over a reader.
#[derive(Debug)]
pub struct Window<R> {
    input: R,
    buffer: Buffer,
    /// Buffers that others kept, and may still keep.
    spares: Vec<Buffer>,
    start: usize,
    end: usize,
    offset: u64,
    limit: usize,
    ended: bool,
}

impl<R: Read> Window<R> {
    /// A window that grows to hold `limit` bytes at once (256 KiB where `limit` is smaller), in a buffer twice as large: so
    /// the bytes moved to the front are never more than those consumed since the last move, whatever is asked for.
    pub fn new(input: R, limit: usize) -> Self {
        Self {
            input,
            buffer: Buffer::default(),
            spares: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            limit: limit.max(STEP),
            ended: false,
        }
    }

    /// The buffer that [`Window::bytes`] are part of. While somebody keeps it, its bytes stay as they are.
    pub const fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// How many bytes of the input lie before the window.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes that are there already.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until the window holds `wanted` bytes and returns all it holds: fewer only if the input ends before, or if
    /// `wanted` is larger than the limit.
    ///
    /// # Errors
    /// What the input reports, except interruption.
    #[inline]
    pub fn fill(&mut self, wanted: usize) -> io::Result<&[u8]> {
        if self.end.saturating_sub(self.start) < wanted {
            self.refill(wanted)?;
        }
        Ok(self.bytes())
    }

    /// Drops `count` bytes from the front of the window, or all of it.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end.saturating_sub(self.start));
        self.start = self.start.saturating_add(count);
        self.offset = self.offset.saturating_add(count as u64);
    }

    /// Drops `count` bytes of the input, reading over those that are not in the window. Returns how many were there.
    ///
    /// # Errors
    /// What the input reports, except interruption.
    pub fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut skipped = 0;
        while skipped < count {
            let have = self.fill(1)?.len();
            if have == 0 {
                break;
            }
            let step = usize::try_from(count.saturating_sub(skipped)).map_or(have, |left| left.min(have));
            self.consume(step);
            skipped = skipped.saturating_add(step as u64);
        }
        Ok(skipped)
    }

    #[cold]
    fn refill(&mut self, wanted: usize) -> io::Result<()> {
        if Arc::get_mut(&mut self.buffer).is_none() {
            self.change_buffer();
        }
        // Nobody else has it now, so that this copies nothing.
        let buffer = Arc::make_mut(&mut self.buffer);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        let wanted = wanted.min(self.limit);
        if self.start.saturating_add(wanted) > buffer.len() {
            buffer.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
            if wanted.saturating_mul(2) > buffer.len() {
                let size = wanted.saturating_mul(2).max(STEP).next_power_of_two();
                buffer.resize(size.min(self.limit.saturating_mul(2)), 0);
            }
        }
        while self.end.saturating_sub(self.start) < wanted && !self.ended {
            let space = buffer.get_mut(self.end..).unwrap_or_default();
            match self.input.read(space) {
                Ok(0) => self.ended = true,
                Ok(count) => self.end = self.end.saturating_add(count.min(space.len())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes on in another buffer, because somebody keeps this one.
    fn change_buffer(&mut self) {
        let free = self.spares.iter_mut().position(|spare| Arc::get_mut(spare).is_some());
        let mut next = free.map_or_else(Buffer::default, |index| self.spares.swap_remove(index));
        let buffer = Arc::make_mut(&mut next);
        let held = self.bytes().len();
        if buffer.len() < held.max(STEP) {
            buffer.resize(held.max(STEP).next_power_of_two(), 0);
        }
        if let Some(to) = buffer.get_mut(..held) {
            to.copy_from_slice(self.bytes());
        }
        let kept = std::mem::replace(&mut self.buffer, next);
        // One of exceptional size is not used again.
        if kept.len() <= 2 * STEP && self.spares.len() < SPARES {
            self.spares.push(kept);
        }
        self.start = 0;
        self.end = held;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::Dribble;

    fn data(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index / 7 + index) as u8).collect()
    }

    #[test]
    fn hands_out_the_input_whatever_the_reads_and_pieces() {
        let data = data(1_500_000);
        for reads in [1 << 20, 65_537, 4_093] {
            for piece in [1_000_000, 300_000, 65_536, 1_537] {
                let mut window = Window::new(Dribble::new(&data, reads), 2 << 20);
                let mut seen = 0;
                loop {
                    let bytes = window.fill(piece).unwrap();
                    let take = bytes.len().min(piece);
                    assert_eq!(&bytes[..take], &data[seen..seen + take]);
                    if take == 0 {
                        break;
                    }
                    window.consume(take);
                    seen += take;
                    assert_eq!(window.offset(), seen as u64);
                }
                assert_eq!(seen, data.len());
            }
        }
    }

    #[test]
    fn what_is_kept_stays_as_it_is() {
        let data = data(3_000_000);
        let mut window = Window::new(Dribble::new(&data, 100_000), 2 << 20);
        let mut kept = Vec::new();
        let mut seen = 0;
        while seen < data.len() {
            let bytes = window.fill(70_000).unwrap();
            let (length, start) = (bytes.len(), bytes.as_ptr().addr());
            // The first ones are given back, so that they come again.
            kept.truncate(if seen < 1_000_000 { 1 } else { usize::MAX });
            kept.push((Arc::clone(window.buffer()), start - window.buffer().as_ptr().addr(), seen..seen + length));
            window.consume(length);
            seen += length;
        }
        assert!(kept.len() > 20);
        for (buffer, start, range) in kept {
            assert_eq!(&buffer[start..start + range.len()], &data[range]);
        }
        assert!(window.spares.len() <= SPARES);
    }

    #[test]
    fn buffers_that_nobody_keeps_are_used_again() {
        let data = data(4 << 20);
        let mut window = Window::new(&data[..], 1 << 20);
        let mut kept = Vec::new();
        while !window.fill(STEP).unwrap().is_empty() {
            kept.push(Arc::clone(window.buffer()));
            if kept.len() > 3 {
                kept.remove(0);
            }
            window.consume(STEP);
        }
        assert_eq!(window.spares.len(), 3);
    }

    #[test]
    fn asks_a_pipe_for_no_more_than_needed() {
        let data = data(100);
        let mut window = Window::new(Dribble::new(&data, 1), 1 << 20);
        assert_eq!(window.fill(4).unwrap(), &data[..4]);
        assert_eq!(window.fill(6).unwrap(), &data[..6]);
        window.consume(5);
        assert_eq!(window.fill(1).unwrap(), &data[5..6]);
        assert_eq!(window.fill(1000).unwrap(), &data[5..]);
    }

    #[test]
    fn grows_to_its_limit_and_no_further() {
        let data = data(1 << 20);
        let mut window = Window::new(&data[..], 400_000);
        for _ in 0..100 {
            assert!(window.fill(usize::MAX).unwrap().len() >= 400_000);
            assert_eq!(window.buffer.len(), 800_000);
            window.consume(4);
        }
        assert_eq!(window.offset(), 400);
    }

    #[test]
    fn skips_over_what_it_never_held() {
        let data = data(1 << 20);
        let mut window = Window::new(&data[..], 1);
        window.fill(10).unwrap();
        assert_eq!(window.skip(900_001).unwrap(), 900_001);
        assert_eq!(window.fill(3).unwrap()[..3], data[900_001..900_004]);
        assert_eq!(window.skip(u64::MAX).unwrap(), (1 << 20) - 900_001);
        assert_eq!(window.offset(), 1 << 20);
        assert!(window.bytes().is_empty());
    }
}
