//! IP fragments to datagrams (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! Fragments come in any order and more than once (mirror ports). Where they overlap, the first to come wins. A fragment
//! whose end was cut off by the snap length still covers its place, so that the datagram completes; only the bytes before
//! the first hole are handed out, and the rest is counted as cut.
//!
//! A complete datagram stays in the table until its time is over: a late duplicate of one of its fragments is told by its
//! bytes, instead of starting a datagram that never completes or, worse, mixing with a later one of the same number.

use std::{collections::VecDeque, net::IpAddr};

use foldhash::{HashMap, HashMapExt};
use smallvec::SmallVec;

use super::{Cursor, Hosts, Unfinished, tally::Tally};
use crate::{
    limits::Limits,
    note::{Between, Guess, PacketSkip},
    time::Timestamp,
};

/// How long fragments wait for the others, in capture time: what Linux does (RFC 8200 §4.5 allows 60 seconds).
const TIMEOUT_NANOS: i64 = 30 * 1_000_000_000;

/// The largest end of a datagram's payload.
const LARGEST: usize = 65_535;

/// Most pieces apart from each other in one datagram. Keeping them in order takes time for each; real fragments have
/// hundreds of bytes and make fewer than 128.
const MOST_RANGES: usize = 1024;

/// What a waiting datagram costs besides its buffer, about: itself, and twice its entries, whose rooms grow by doubling.
const OVERHEAD: usize = size_of::<Partial>() + 2 * (size_of::<(Key, Box<Partial>)>() + size_of::<(u64, Key)>());

/// Fragments with the same key belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) id: u32,
    /// The IPv4 header's protocol. For IPv6, where only the first fragment's next header counts, 44.
    pub(crate) protocol: u8,
    /// Where they were recorded: other networks may use the same addresses and numbers.
    pub(crate) encapsulation: u32,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'p> {
    key: Key,
    protocol: u8,
    offset: usize,
    more: bool,
    bytes: &'p [u8],
    cut: usize,
    encapsulation: u32,
    guess: Option<Guess>,
    /// How many headers may yet follow.
    depth: usize,
}

impl<'p> Piece<'p> {
    /// A fragment whose payload `body` stands on. `protocol` is that of its payload's first header if `offset` is 0.
    pub(crate) const fn new(key: Key, protocol: u8, offset: usize, more: bool, body: &Cursor<'p>) -> Self {
        let Cursor { bytes, cut, encapsulation, guess, .. } = *body;
        Self { key, protocol, offset, more, bytes, cut, encapsulation, guess, depth: 0 }
    }

    /// Sender and receiver.
    pub(crate) const fn key(&self) -> Key {
        self.key
    }

    pub(crate) const fn hosts(&self) -> (IpAddr, IpAddr) {
        (self.key.source, self.key.destination)
    }

    /// With so many headers that may yet follow.
    pub(crate) const fn with_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }
}

/// How to read a complete datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    pub(crate) hosts: Hosts,
    /// Bytes of the datagram after those handed out.
    pub(crate) cut: usize,
    pub(crate) encapsulation: u32,
    pub(crate) guess: Option<Guess>,
    pub(crate) depth: usize,
}

/// Disjoint, not touching ranges in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(SmallVec<[(usize, usize); 4]>);

impl Ranges {
    /// Adds `start..end` and calls `fresh` for each part of it that was not covered yet.
    pub(crate) fn insert(&mut self, start: usize, end: usize, mut fresh: impl FnMut(usize, usize)) {
        if start >= end {
            return;
        }
        let first = self.0.partition_point(|range| range.1 < start);
        let (mut low, mut high, mut at, mut last) = (start, end, start, first);
        while let Some(&(from, to)) = self.0.get(last).filter(|range| range.0 <= end) {
            if from > at {
                fresh(at, from);
            }
            (low, high, at, last) = (low.min(from), high.max(to), at.max(to), last + 1);
        }
        if at < end {
            fresh(at, end);
        }
        match self.0.get_mut(first).filter(|_| last > first) {
            Some(range) => {
                *range = (low, high);
                self.0.drain(first + 1..last);
            }
            None => self.0.insert(first, (low, high)),
        }
    }

    /// The end of what is covered from 0 on without a hole.
    pub(crate) fn prefix(&self) -> usize {
        self.0.first().filter(|range| range.0 == 0).map_or(0, |range| range.1)
    }

    /// How many pieces are apart from each other.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    fn heap(&self) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<(usize, usize)>() } else { 0 }
    }
}

/// A datagram whose fragments are coming in.
#[derive(Debug, Default)]
struct Partial {
    /// Tells this datagram from others of the same key in the order of arrival.
    serial: u64,
    first: Option<Timestamp>,
    packets: u64,
    /// The payload's first header, once its fragment came.
    protocol: Option<u8>,
    /// Length of the payload, once the last fragment came.
    total: Option<usize>,
    /// Where bytes were sent.
    sent: Ranges,
    /// Where bytes were captured.
    captured: Ranges,
    buffer: Vec<u8>,
    complete: bool,
}

impl Partial {
    fn cost(&self) -> usize {
        OVERHEAD + self.buffer.capacity() + self.sent.heap() + self.captured.heap()
    }

    fn is_expired(&self, now: Option<Timestamp>) -> bool {
        let age = now.zip(self.first).map(|(now, first)| now.nanos().saturating_sub(first.nanos()));
        age.is_some_and(|age| age > TIMEOUT_NANOS)
    }

    /// Whether the piece only repeats what this datagram holds already.
    fn repeats(&self, piece: &Piece<'_>) -> bool {
        let kept = self.buffer.get(piece.offset..).and_then(|rest| rest.get(..piece.bytes.len()));
        kept == Some(piece.bytes)
    }

    fn add(&mut self, piece: &Piece<'_>) {
        self.packets = self.packets.saturating_add(1);
        if piece.offset == 0 && self.protocol.is_none() {
            self.protocol = Some(piece.protocol);
        }
        let sent_end = piece.offset.saturating_add(piece.bytes.len()).saturating_add(piece.cut);
        if !piece.more && self.total.is_none() {
            self.total = Some(sent_end);
        }
        let captured_end = piece.offset.saturating_add(piece.bytes.len());
        if self.buffer.len() < captured_end {
            self.buffer.resize(captured_end, 0);
        }
        self.sent.insert(piece.offset, sent_end, |_, _| ());
        let buffer = &mut self.buffer;
        self.captured.insert(piece.offset, captured_end, |from, to| {
            let new = piece.bytes.get(from.saturating_sub(piece.offset)..to.saturating_sub(piece.offset));
            if let (Some(old), Some(new)) = (buffer.get_mut(from..to), new) {
                old.copy_from_slice(new);
            }
        });
    }

    /// Protocol, length and captured prefix of the datagram, if all of it was sent.
    fn whole(&self) -> Option<(u8, usize, &[u8])> {
        let (protocol, total) = self.protocol.zip(self.total)?;
        let prefix = self.captured.prefix().min(total);
        (self.sent.prefix() >= total).then(|| (protocol, total, self.buffer.get(..prefix).unwrap_or_default()))
    }
}

/// The datagrams whose fragments are coming in, bounded by [`Limits::fragments`]: the oldest makes room.
#[derive(Debug)]
pub(crate) struct Defragmenter {
    partials: HashMap<Key, Box<Partial>>,
    /// Keys in order of arrival. An entry is stale if its number is no longer that of the key's datagram.
    order: VecDeque<(u64, Key)>,
    serial: u64,
    /// What all datagrams cost.
    bytes: usize,
    lost: Unfinished,
    /// The packets of `lost`.
    given_up: Tally<()>,
}

impl Default for Defragmenter {
    fn default() -> Self {
        Self {
            partials: HashMap::new(),
            order: VecDeque::new(),
            serial: 0,
            bytes: 0,
            lost: Unfinished { packets: 0, limit_reached: false },
            given_up: Tally::default(),
        }
    }
}

impl Defragmenter {
    /// Takes a fragment. If it completes its datagram, the datagram is written to `into`.
    ///
    /// # Errors
    /// [`PacketSkip::Malformed`] if the fragment ends where no datagram can.
    pub(crate) fn push(
        &mut self,
        piece: &Piece<'_>,
        now: Option<Timestamp>,
        limits: &Limits,
        into: &mut Vec<u8>,
    ) -> Result<Option<Whole>, PacketSkip> {
        if piece.offset.saturating_add(piece.bytes.len()).saturating_add(piece.cut) > LARGEST {
            return Err(PacketSkip::Malformed("IP fragment"));
        }
        self.expire(now);
        match self.partials.get(&piece.key) {
            Some(partial) if partial.complete && partial.repeats(piece) => return Ok(None),
            Some(partial) if partial.complete || partial.is_expired(now) => self.remove(&piece.key),
            _ => {}
        }
        let (serial, order) = (&mut self.serial, &mut self.order);
        let partial = self.partials.entry(piece.key).or_insert_with(|| {
            *serial = serial.wrapping_add(1);
            order.push_back((*serial, piece.key));
            Box::new(Partial { serial: *serial, first: now, ..Partial::default() })
        });
        let before = if partial.packets == 0 { 0 } else { partial.cost() };
        partial.add(piece);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(partial.cost());
        let whole = partial.whole().map(|(protocol, total, bytes)| {
            into.clear();
            into.extend_from_slice(bytes);
            Whole {
                hosts: Hosts { source: piece.key.source, destination: piece.key.destination, protocol, damaged: false },
                cut: total.saturating_sub(bytes.len()),
                encapsulation: piece.encapsulation,
                guess: piece.guess,
                depth: piece.depth,
            }
        });
        partial.complete = whole.is_some();
        if partial.sent.count().max(partial.captured.count()) > MOST_RANGES && whole.is_none() {
            self.lost.limit_reached = true;
            self.remove(&piece.key);
        }
        self.make_room(limits.fragments);
        Ok(whole)
    }

    pub(crate) const fn unfinished(&self) -> Unfinished {
        self.lost
    }

    pub(crate) fn finish(&mut self) -> Unfinished {
        // In any order: they are only counted.
        std::mem::take(&mut self.partials).iter().for_each(|(key, partial)| self.give_up(key, partial));
        self.order.clear();
        self.bytes = 0;
        self.lost
    }

    fn remove(&mut self, key: &Key) {
        let Some(partial) = self.partials.remove(key) else { return };
        self.bytes = self.bytes.saturating_sub(partial.cost());
        self.give_up(key, &partial);
    }

    /// Counts the packets of a datagram that never came together. What runs the network (ICMP) hides nothing.
    fn give_up(&mut self, key: &Key, partial: &Partial) {
        let protocol = partial.protocol.unwrap_or(key.protocol);
        if !partial.complete && !PacketSkip::IpProtocol(protocol).is_control() {
            self.lost.packets = self.lost.packets.saturating_add(partial.packets);
            self.given_up.add((), Between::Hosts(key.source, key.destination), partial.packets, None);
        }
    }

    /// The packets that were given up, by whom they went between.
    pub(crate) fn take_unfinished(&mut self) -> impl Iterator<Item = (Between, u64)> + use<> {
        self.given_up.take().map(|((), between, group)| (between, group.packets))
    }

    /// Drops from the front of the order what is stale or too old.
    fn expire(&mut self, now: Option<Timestamp>) {
        while let Some(&(serial, key)) = self.order.front() {
            let current = self.partials.get(&key).filter(|partial| partial.serial == serial);
            match current {
                Some(partial) if !partial.is_expired(now) => break,
                Some(_) => self.remove(&key),
                None => {}
            }
            self.order.pop_front();
        }
        // Stale entries behind one that waits long must not pile up.
        if self.order.len() > 2 * self.partials.len() + 16 {
            let partials = &self.partials;
            self.order.retain(|(serial, key)| partials.get(key).is_some_and(|partial| partial.serial == *serial));
        }
    }

    fn make_room(&mut self, limit: usize) {
        while self.bytes > limit {
            let Some((serial, key)) = self.order.pop_front() else { return };
            if let Some(partial) = self.partials.get(&key).filter(|partial| partial.serial == serial) {
                self.lost.limit_reached |= !partial.complete;
                self.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packet::Layer;

    fn piece(id: u32, offset: usize, more: bool, bytes: &[u8], cut: usize) -> Piece<'_> {
        let host = IpAddr::from([10, 0, 0, 1]);
        let key = Key { source: host, destination: host, id, protocol: 6, encapsulation: 0 };
        Piece::new(
            key,
            6,
            offset,
            more,
            &Cursor { layer: Layer::Ip, bytes, cut, bounded: true, encapsulation: 0, guess: None },
        )
    }

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::from_seconds(seconds))
    }

    /// Pushes the pieces at second 0 and gives what came out last.
    fn push_all(defragmenter: &mut Defragmenter, pieces: &[Piece<'_>]) -> Option<(Vec<u8>, usize)> {
        let mut into = Vec::new();
        let mut last = None;
        for piece in pieces {
            last = defragmenter.push(piece, at(0), &Limits::default(), &mut into).unwrap().map(|whole| whole.cut);
        }
        last.map(|cut| (into, cut))
    }

    #[test]
    fn overlapping_and_cut_fragments() {
        let (a, b, c) = ([b'a'; 8], [b'b'; 16], [b'c'; 4]);
        type Case<'c> = (&'c [Piece<'c>], Option<(&'c [u8], usize)>);
        let cases: &[Case<'_>] = &[
            (&[piece(1, 0, true, &a, 0), piece(1, 8, false, &c, 0)], Some((b"aaaaaaaacccc", 0))),
            (&[piece(1, 8, false, &c, 0), piece(1, 0, true, &a, 0)], Some((b"aaaaaaaacccc", 0))),
            // The first to come wins, on both sides of a later piece that spans it.
            (
                &[piece(1, 8, true, &a, 0), piece(1, 0, true, &b, 0), piece(1, 16, false, &c, 0)],
                Some((b"bbbbbbbbaaaaaaaacccc", 0)),
            ),
            // A second end is not believed.
            (
                &[piece(1, 8, false, &c, 0), piece(1, 32, false, &c, 0), piece(1, 0, true, &a, 0)],
                Some((b"aaaaaaaacccc", 0)),
            ),
            // A hole.
            (&[piece(1, 0, true, &a, 0), piece(1, 16, false, &c, 0)], None),
            (&[piece(1, 0, true, &a, 0), piece(2, 8, false, &c, 0)], None),
            // Cut: sent in full, captured in part.
            (&[piece(1, 0, true, &a, 8), piece(1, 16, false, &c, 0)], Some((b"aaaaaaaa", 12))),
            (&[piece(1, 0, true, &a, 0), piece(1, 8, false, &c, 100)], Some((b"aaaaaaaacccc", 100))),
            (&[piece(1, 0, true, &[], 8), piece(1, 8, false, &c, 0)], Some((b"", 12))),
            // A fuller copy of a cut fragment fills it.
            (
                &[piece(1, 0, true, &c, 4), piece(1, 0, true, &a, 0), piece(1, 8, false, &c, 0)],
                Some((b"ccccaaaacccc", 0)),
            ),
        ];
        for (number, (pieces, expected)) in cases.iter().enumerate() {
            let got = push_all(&mut Defragmenter::default(), pieces);
            assert_eq!(got, expected.map(|(bytes, cut)| (bytes.to_vec(), cut)), "case {number}");
        }
    }

    #[test]
    fn late_duplicates_do_not_start_a_datagram() {
        let (a, b, c) = ([b'a'; 8], [b'b'; 8], [b'c'; 4]);
        let mut defragmenter = Defragmenter::default();
        let both = [piece(1, 0, true, &a, 0), piece(1, 0, true, &a, 0), piece(1, 8, false, &c, 0)];
        assert!(push_all(&mut defragmenter, &both).is_some());
        assert_eq!(push_all(&mut defragmenter, &both[1..]), None);
        assert_eq!(defragmenter.unfinished(), Unfinished::default());
        // The number is used anew with other bytes.
        let anew = [piece(1, 0, true, &b, 0), piece(1, 8, false, &c, 0)];
        assert_eq!(push_all(&mut defragmenter, &anew).unwrap().0, b"bbbbbbbbcccc");
        assert_eq!(defragmenter.finish(), Unfinished::default());
    }

    #[test]
    fn old_fragments_are_given_up() {
        let (a, c) = ([b'a'; 8], [b'c'; 4]);
        let (mut defragmenter, mut into) = (Defragmenter::default(), Vec::new());
        let limits = Limits::default();
        let mut push = |piece: &Piece<'_>, time| defragmenter.push(piece, time, &limits, &mut into).unwrap().is_some();
        assert!(!push(&piece(1, 0, true, &a, 0), at(0)));
        assert!(!push(&piece(1, 8, false, &c, 0), at(31)), "the first was too old");
        assert!(!push(&piece(2, 0, true, &a, 0), None));
        assert!(push(&piece(2, 8, false, &c, 0), at(1000)), "without a time nothing is too old");
        assert_eq!(defragmenter.finish(), Unfinished { packets: 2, limit_reached: false });
    }

    #[test]
    fn the_oldest_makes_room() {
        let limits = Limits { fragments: 64 << 10, ..Limits::default() };
        let (mut defragmenter, mut into) = (Defragmenter::default(), Vec::new());
        let bytes = vec![7; 8 << 10];
        for id in 0..100 {
            assert!(defragmenter.push(&piece(id, 0, true, &bytes, 0), at(0), &limits, &mut into).unwrap().is_none());
            assert!(defragmenter.bytes <= limits.fragments);
        }
        assert!(defragmenter.partials.len() >= 7);
        assert!(defragmenter.push(&piece(99, 8 << 10, false, b"x", 0), at(0), &limits, &mut into).unwrap().is_some());
        assert!(defragmenter.push(&piece(0, 8 << 10, false, b"x", 0), at(0), &limits, &mut into).unwrap().is_none());
        assert_eq!(defragmenter.finish(), Unfinished { packets: 100, limit_reached: true });
    }

    #[test]
    fn the_order_stays_short_behind_one_that_waits() {
        let (mut defragmenter, mut into) = (Defragmenter::default(), Vec::new());
        let limits = Limits::default();
        defragmenter.push(&piece(0, 0, true, &[0; 8], 0), at(0), &limits, &mut into).unwrap();
        for round in 0..200_u8 {
            // One number used again and again leaves a stale entry each time.
            for (offset, more) in [(0, true), (8, false)] {
                defragmenter.push(&piece(1, offset, more, &[round; 8], 0), at(0), &limits, &mut into).unwrap();
            }
        }
        assert!(defragmenter.order.len() <= 32, "{}", defragmenter.order.len());
    }

    #[test]
    fn a_datagram_in_too_many_pieces_is_given_up() {
        let (mut defragmenter, mut into) = (Defragmenter::default(), Vec::new());
        for place in 0..=MOST_RANGES {
            let piece = piece(1, place * 16, true, &[0; 8], 0);
            assert!(defragmenter.push(&piece, at(0), &Limits::default(), &mut into).unwrap().is_none());
        }
        assert_eq!((defragmenter.partials.len(), defragmenter.bytes), (0, 0));
        assert_eq!(defragmenter.finish(), Unfinished { packets: MOST_RANGES as u64 + 1, limit_reached: true });
    }

    #[test]
    fn a_fragment_past_the_largest_datagram_is_malformed() {
        let mut into = Vec::new();
        let result =
            Defragmenter::default().push(&piece(1, 65_528, false, &[0; 8], 0), at(0), &Limits::default(), &mut into);
        assert_eq!(result.map(|_| ()), Err(PacketSkip::Malformed("IP fragment")));
    }

    proptest! {
        /// Against a bitmap: the ranges cover what was put in, and each place is fresh once.
        #[test]
        fn ranges_cover_what_was_inserted(inserts in proptest::collection::vec((0_usize..64, 0_usize..24), 1..24)) {
            let (mut ranges, mut covered, mut fresh) = (Ranges::default(), [false; 96], [0; 96]);
            for (start, length) in inserts {
                ranges.insert(start, start + length, |from, to| fresh[from..to].iter_mut().for_each(|n| *n += 1));
                covered[start..start + length].fill(true);
            }
            for (place, covered) in covered.iter().enumerate() {
                prop_assert_eq!(ranges.0.iter().any(|range| (range.0..range.1).contains(&place)), *covered);
                prop_assert_eq!(fresh[place], i32::from(*covered));
            }
            prop_assert!(ranges.0.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }

        /// Any cut of a datagram into fragments, in any order and with repetitions, gives the datagram once.
        #[test]
        fn any_order_of_fragments(
            blocks in 2_usize..40,
            tail in 0_usize..8,
            ends in proptest::collection::btree_set(1_usize..40, 1..8),
            order in proptest::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let data: Vec<u8> = (0..blocks * 8 + tail).map(|place| place as u8).collect();
            let mut bounds: Vec<usize> = ends.into_iter().filter(|end| *end < blocks).map(|end| end * 8).collect();
            prop_assume!(!bounds.is_empty());
            bounds.insert(0, 0);
            bounds.push(data.len());
            let all: Vec<_> = bounds.windows(2)
                .map(|pair| piece(1, pair[0], pair[1] != data.len(), &data[pair[0]..pair[1]], 0))
                .collect();
            let (mut defragmenter, mut into, mut complete) = (Defragmenter::default(), Vec::new(), 0);
            let shuffled = order.iter().map(|index| *index.get(&all)).chain(all.iter().copied());
            for piece in shuffled {
                if let Some(whole) = defragmenter.push(&piece, at(0), &Limits::default(), &mut into).unwrap() {
                    complete += 1;
                    prop_assert_eq!(whole.cut, 0);
                    prop_assert_eq!(&into, &data);
                }
            }
            prop_assert_eq!(complete, 1);
        }
    }
}
