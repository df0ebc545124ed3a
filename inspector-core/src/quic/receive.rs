//! One direction of a stream: its bytes in order.
//!
//! Bytes that come in order are handed on as they are; what came out of order waits as a copy. Of bytes that come twice
//! the first are taken: both are authentic, and the sender may not change them (RFC 9000 §2.2).

use std::collections::BTreeMap;

use crate::evidence::At;

/// What a stream yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received<'b> {
    /// The next bytes.
    Data(&'b [u8], At),
    /// So many of the next bytes were not recorded. The place is that of what follows them.
    Gap(u64, At),
    /// The sender ended it.
    End(At),
}

/// Receives what a stream yields.
pub(super) type Out<'o> = dyn FnMut(Received<'_>) + 'o;

/// A direction of a stream.
#[derive(Debug, Default)]
pub(super) struct Receive {
    /// Offset of the next byte.
    next: u64,
    /// What came out of order, by offset; these do not touch.
    waiting: BTreeMap<u64, (At, Box<[u8]>)>,
    held: usize,
    /// Where it ends, and the packet that said so.
    end: Option<(u64, At)>,
}

impl Receive {
    /// Bytes that wait.
    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        self.held.saturating_add(self.waiting.len().saturating_mul(96))
    }

    /// Whether bytes are missing before others that came.
    pub(super) fn is_stalled(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All was handed on, to its end.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some_and(|(end, _)| self.next >= end)
    }

    /// Takes bytes from `offset` on; `last`: the stream ends after them.
    pub(super) fn push(&mut self, offset: u64, bytes: &[u8], last: bool, at: At, out: &mut Out<'_>) {
        let Some(end) = offset.checked_add(bytes.len() as u64) else { return };
        let was_over = self.is_over();
        if last {
            self.end.get_or_insert((end, at));
        }
        // What comes after the end is none of it.
        let end = self.end.map_or(end, |(last, _)| end.min(last));
        let known = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..known).unwrap_or(bytes);
        if offset <= self.next && self.waiting.is_empty() {
            if end > self.next {
                let fresh = usize::try_from(self.next - offset).ok().and_then(|done| bytes.get(done..));
                out(Received::Data(fresh.unwrap_or_default(), at));
                self.next = end;
            }
        } else if end > self.next {
            self.keep(offset, end, bytes, at);
            self.hand_on(out);
        }
        self.end_if_over(was_over, out);
    }

    /// Its sender gives it up at `size`. Bytes before that which were not recorded are told of.
    pub(super) fn reset(&mut self, size: u64, at: At, out: &mut Out<'_>) {
        while self.give_up(out) {}
        if let Some(missing) = size.checked_sub(self.next).filter(|missing| *missing > 0) {
            out(Received::Gap(missing, at));
            self.next = size;
        }
    }

    /// Nothing more comes: what waits is handed on, with the holes before it.
    pub(super) fn finish(&mut self, out: &mut Out<'_>) {
        let was_over = self.is_over();
        while self.give_up(out) {}
        if let Some((end, at)) = self.end
            && end > self.next
        {
            out(Received::Gap(end - self.next, at));
            self.next = end;
        }
        self.end_if_over(was_over, out);
    }

    /// Declares the first hole to be one, and hands on what came behind it. `false` if there is none.
    pub(super) fn give_up(&mut self, out: &mut Out<'_>) -> bool {
        let Some((&offset, (at, _))) = self.waiting.first_key_value() else { return false };
        out(Received::Gap(offset.saturating_sub(self.next), *at));
        self.next = offset;
        self.hand_on(out);
        true
    }

    fn end_if_over(&self, was_over: bool, out: &mut Out<'_>) {
        if let Some((_, at)) = self.end
            && self.is_over()
            && !was_over
        {
            out(Received::End(at));
        }
    }

    /// Keeps what of `offset..end` is not there yet.
    fn keep(&mut self, offset: u64, end: u64, bytes: &[u8], at: At) {
        let mut from = offset.max(self.next);
        let before = self.waiting.range(..=from).next_back();
        if let Some((start, (_, kept))) = before {
            from = from.max(start.saturating_add(kept.len() as u64));
        }
        while from < end {
            let next = self.waiting.range(from..end).next().map(|(start, (_, kept))| (*start, kept.len() as u64));
            let to = next.map_or(end, |(start, _)| start);
            let piece = usize::try_from(from - offset).ok().zip(usize::try_from(to - offset).ok());
            if let Some(piece) = piece.and_then(|(from, to)| bytes.get(from..to)).filter(|piece| !piece.is_empty()) {
                self.held = self.held.saturating_add(piece.len());
                self.waiting.insert(from, (at, piece.into()));
            }
            let Some((start, length)) = next else { return };
            from = start.saturating_add(length);
        }
    }

    /// Hands on what is next by now.
    fn hand_on(&mut self, out: &mut Out<'_>) {
        while let Some(entry) = self.waiting.first_entry()
            && *entry.key() <= self.next
        {
            let (_, (at, piece)) = entry.remove_entry();
            self.held = self.held.saturating_sub(piece.len());
            self.next = self.next.saturating_add(piece.len() as u64);
            out(Received::Data(&piece, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AT: At = At::Frame { number: 1, time: None };

    /// The bytes, with `None` for those that are missing, and how often it ended.
    fn run(pieces: &[(u64, &[u8], bool)]) -> (Vec<Option<u8>>, usize) {
        let (mut bytes, mut ends) = (Vec::new(), 0);
        let mut out = |received: Received<'_>| match received {
            Received::Data(data, _) => bytes.extend(data.iter().map(|byte| Some(*byte))),
            Received::Gap(length, _) => bytes.extend((0..length).map(|_| None)),
            Received::End(_) => ends += 1,
        };
        let mut receive = Receive::default();
        for (offset, data, last) in pieces {
            receive.push(*offset, data, *last, AT, &mut out);
        }
        receive.finish(&mut out);
        assert_eq!((receive.held(), receive.is_stalled()), (0, false));
        (bytes, ends)
    }

    proptest! {
        /// Pieces in any order, twice, overlapping, and some of them lost.
        #[test]
        fn as_a_table(
            pieces in proptest::collection::vec((0..40_usize, 0..12_usize), 0..30),
            length in 30..60_usize,
            whole: bool,
        ) {
            let stream: Vec<u8> = (0..length as u8).collect();
            let mut sent: Vec<(u64, &[u8], bool)> = Vec::new();
            let mut known = vec![false; length];
            for (start, size) in pieces {
                let end = (start + size).min(length);
                let start = start.min(end);
                known[start..end].fill(true);
                sent.push((start as u64, &stream[start..end], whole && end == length));
            }
            sent.push((length as u64, &[], whole));
            let (got, ends) = run(&sent);
            let highest = if whole { length } else { known.iter().rposition(|known| *known).map_or(0, |last| last + 1) };
            let expected: Vec<_> = (0..highest).map(|place| known[place].then_some(place as u8)).collect();
            prop_assert_eq!(got, expected);
            prop_assert_eq!(ends, usize::from(whole));
        }
    }
}
