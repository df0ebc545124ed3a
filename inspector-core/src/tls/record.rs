//! Streams to records: the frame of TLS, without a look inside.
//!
//! ```text
//!  0      1      2      3      4      5
//!  +------+------+------+------+------+----- - - -
//!  | type | version     | length      | body
//!  +------+------+------+------+------+----- - - -
//! ```
//!
//! A record is handed out whole in a [`Buffer`] of its own, so that it can be decrypted in place: one copy per
//! record, whether it came in one segment or in twelve. Buffers come from a small pool, and only a connection in the
//! middle of a record holds one.
//!
//! Bytes that were never recorded end the record they fell into. If the next record's place does not follow from
//! the lengths, the reader searches for two headers in a row.

use crate::bounded::{Budget, Reservation};
use std::{cell::RefCell, sync::Arc};

/// ChangeCipherSpec.
pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
/// Alert.
pub(crate) const ALERT: u8 = 21;
/// Handshake.
pub(crate) const HANDSHAKE: u8 = 22;
/// Application data.
pub(crate) const APPLICATION_DATA: u8 = 23;
/// Heartbeat (RFC 6520).
const HEARTBEAT: u8 = 24;

/// Most bytes in a record's body: 2^14 of content and 2048 of protection (RFC 5246 §6.2.3).
pub(crate) const MAX_BODY: usize = (1 << 14) + 2048;
/// Fewest bytes of a protected record with its header: one of content, a tag of 16.
pub(crate) const MIN_PROTECTED: u64 = 5 + 17;
/// Longest SSL 2.0 compatible hello that is read.
const MAX_V2_HELLO: usize = 1024;
/// Buffers that are kept for the next record. A buffer larger than a record is not kept.
const POOLED: usize = 16;

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Content type, as sent in clear.
    pub(crate) content_type: u8,
    /// Version, as sent in clear.
    pub(crate) version: u16,
    /// Length of the body.
    pub(crate) length: u16,
}

impl Header {
    /// Reads a header; `None` if it cannot be one of TLS.
    pub(crate) const fn parse(bytes: [u8; 5]) -> Option<Self> {
        let [content_type, major, minor, high, low] = bytes;
        let length = u16::from_be_bytes([high, low]);
        let known = matches!(content_type, CHANGE_CIPHER_SPEC..=HEARTBEAT);
        if !known || major != 3 || minor > 4 || length as usize > MAX_BODY {
            return None;
        }
        Some(Self { content_type, version: u16::from_be_bytes([major, minor]), length })
    }

    /// The header as it was sent.
    pub(crate) const fn bytes(self) -> [u8; 5] {
        let [major, minor] = self.version.to_be_bytes();
        let [high, low] = self.length.to_be_bytes();
        [self.content_type, major, minor, high, low]
    }
}

/// Whether `bytes` begin with an SSL 2.0 compatible ClientHello for SSL 3.0 or later (RFC 5246 appendix E.2).
pub(crate) const fn v2_hello_length(bytes: &[u8]) -> Option<usize> {
    let [high, low, 1, 3, ..] = bytes else { return None };
    if *high & 0x80 == 0 {
        return None;
    }
    let length = (((*high & 0x7f) as usize) << 8 | *low as usize) + 2;
    if length < 2 + 9 + 3 + 16 || length > MAX_V2_HELLO {
        return None;
    }
    Some(length)
}

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A record, or a part of one, with its header. Its memory returns to the pool.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    _reservation: Option<Reservation>,
}

impl Buffer {
    fn new(reservation: Option<Reservation>) -> Self {
        let bytes = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop()).ok().flatten().unwrap_or_default();
        Self { bytes, _reservation: reservation }
    }

    /// A record kept for later.
    pub(crate) fn kept(record: &[u8]) -> Self {
        Self { bytes: record.to_vec(), _reservation: None }
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The header, if the buffer holds a record and not an SSL 2.0 hello.
    pub(crate) fn header(&self) -> Option<Header> {
        Header::parse(*self.bytes.first_chunk()?)
    }

    /// The body.
    pub(crate) fn body(&mut self) -> &mut [u8] {
        self.bytes.get_mut(5..).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.capacity() == 0 || self.bytes.capacity() > 2 * (MAX_BODY + 5) {
            return;
        }
        self.bytes.clear();
        let bytes = std::mem::take(&mut self.bytes);
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.len() < POOLED
            {
                pool.push(bytes);
            }
        });
    }
}

/// Bounds on gathering, shared by all connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gathering<'a> {
    /// What all hold.
    pub(crate) budget: &'a Arc<Budget>,
    /// What all may hold.
    pub(crate) limit: usize,
}

/// What the reader found.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A whole record.
    Record(Buffer),
    /// The header of a record whose body is not wanted; the body is skipped.
    Unwanted(Header),
    /// So many bytes belong to no record that can be read.
    Lost(u64),
    /// As before, because `Limits::tls_records_total` is reached.
    Limit(u64),
}

/// Cuts one direction's stream into records.
#[derive(Debug)]
pub(crate) struct Reader {
    state: State,
    /// Nothing was read so far: an SSL 2.0 hello may come.
    start: bool,
    /// What a search had gathered when it ended; it is read before further input.
    carried: Vec<u8>,
}

#[derive(Debug)]
enum State {
    /// In a header.
    Header { bytes: [u8; 5], have: usize },
    /// In a record of `length` bytes with its header.
    Body { buffer: Buffer, length: usize },
    /// In a record that is not wanted, or broken.
    Skip { left: usize },
    /// Anywhere in the stream.
    Search(Buffer),
}

impl Default for Reader {
    fn default() -> Self {
        Self { state: Self::HEADER, start: true, carried: Vec::new() }
    }
}

impl Reader {
    const HEADER: State = State::Header { bytes: [0; 5], have: 0 };

    /// The next byte begins a record.
    pub(crate) const fn is_between(&self) -> bool {
        matches!(self.state, State::Header { have: 0, .. }) && self.carried.is_empty()
    }

    /// Takes the next piece off the front of `input`, or all of `input` if that completes none. With `wanted` unset
    /// bodies are skipped, not gathered.
    pub(crate) fn piece(&mut self, input: &mut &[u8], wanted: bool, gathering: Gathering<'_>) -> Option<Piece> {
        loop {
            if !self.carried.is_empty() {
                let carried = std::mem::take(&mut self.carried);
                let mut rest = carried.as_slice();
                let piece = self.step(&mut rest, wanted, gathering);
                if !rest.is_empty() {
                    let mut rest = rest.to_vec();
                    rest.append(&mut self.carried);
                    self.carried = rest;
                }
                if piece.is_some() {
                    return piece;
                }
            } else if input.is_empty() {
                return None;
            } else if let Some(piece) = self.step(input, wanted, gathering) {
                return Some(piece);
            }
        }
    }

    /// One step; takes at least one byte of `input`, which is not empty.
    fn step(&mut self, input: &mut &[u8], wanted: bool, gathering: Gathering<'_>) -> Option<Piece> {
        match &mut self.state {
            State::Header { have: 0, .. } if wanted && let Some((record, rest)) = whole_record(input) => {
                let mut buffer = Buffer::new(None);
                buffer.bytes.extend_from_slice(record);
                *input = rest;
                self.start = false;
                Some(Piece::Record(buffer))
            }
            State::Header { bytes, have } => {
                let missing = bytes.get_mut(*have..).unwrap_or_default();
                let taken = take(input, missing.len());
                missing.iter_mut().zip(taken).for_each(|(to, from)| *to = *from);
                *have += taken.len();
                if *have < 5 {
                    return None;
                }
                let bytes = *bytes;
                self.header(bytes, wanted, gathering)
            }
            State::Body { buffer, length } => {
                let missing = length.saturating_sub(buffer.bytes.len());
                buffer.bytes.extend_from_slice(take(input, missing));
                if buffer.bytes.len() < *length {
                    return None;
                }
                let State::Body { buffer, .. } = std::mem::replace(&mut self.state, Self::HEADER) else { return None };
                Some(Piece::Record(buffer))
            }
            State::Skip { left } => {
                *left -= take(input, *left).len();
                if *left == 0 {
                    self.state = Self::HEADER;
                }
                None
            }
            State::Search(buffer) => {
                let room = SEARCHED.saturating_sub(buffer.bytes.len());
                buffer.bytes.extend_from_slice(take(input, room));
                self.search(input.is_empty())
            }
        }
    }

    /// Handles a complete header.
    fn header(&mut self, bytes: [u8; 5], wanted: bool, gathering: Gathering<'_>) -> Option<Piece> {
        let start = std::mem::take(&mut self.start);
        let (length, header) = match (Header::parse(bytes), v2_hello_length(&bytes)) {
            (Some(header), _) => (usize::from(header.length) + 5, header),
            (None, Some(length)) if start => (length, Header { content_type: HANDSHAKE, version: 2, length: 0 }),
            (None, _) => {
                let mut buffer = Buffer::new(None);
                buffer.bytes.extend_from_slice(&bytes);
                self.state = State::Search(buffer);
                return None;
            }
        };
        let skip = if length > 5 { State::Skip { left: length - 5 } } else { Self::HEADER };
        if !wanted {
            self.state = skip;
            return Some(Piece::Unwanted(header));
        }
        let mut reservation = Reservation::new(Arc::clone(gathering.budget));
        if !reservation.grow(length, gathering.limit) {
            self.state = skip;
            return Some(Piece::Limit(length as u64));
        }
        let mut buffer = Buffer::new(Some(reservation));
        buffer.bytes.reserve(length);
        buffer.bytes.extend_from_slice(&bytes);
        if length == 5 {
            self.state = Self::HEADER;
            return Some(Piece::Record(buffer));
        }
        self.state = State::Body { buffer, length };
        None
    }

    /// `bytes` of the stream were never recorded. Returns how many bytes are lost: those, the ones already gathered of
    /// a record that is now broken, and the ones of it still to come.
    pub(crate) fn gap(&mut self, bytes: u64) -> u64 {
        self.start = false;
        // Held so far, still to come of the record, and already counted as lost.
        let (held, left, counted) = match &self.state {
            State::Header { have, .. } => (*have as u64, 0, 0),
            State::Body { buffer, length } => {
                (buffer.bytes.len() as u64, length.saturating_sub(buffer.bytes.len()) as u64, 0)
            }
            State::Skip { left } => (0, *left as u64, *left as u64),
            State::Search(buffer) => (buffer.bytes.len() as u64, 0, 0),
        };
        let aligned = matches!(self.state, State::Body { .. } | State::Skip { .. });
        self.state = match left.checked_sub(bytes) {
            Some(0) if aligned => Self::HEADER,
            Some(left) if aligned => State::Skip { left: usize::try_from(left).unwrap_or(MAX_BODY) },
            _ => State::Search(Buffer::new(None)),
        };
        held.saturating_add(left.max(bytes)).saturating_sub(counted)
    }

    /// The stream is over: a search ends with what it has, and an unfinished record is lost. To be called until it
    /// returns `None`.
    pub(crate) fn finish(&mut self, gathering: Gathering<'_>) -> Option<Piece> {
        loop {
            if let Some(piece) = self.piece(&mut (&[] as &[u8]), true, gathering) {
                return Some(piece);
            }
            match &mut self.state {
                State::Search(buffer) if !buffer.bytes.is_empty() => {
                    let piece = self.search(true).or_else(|| self.forget(SEARCHED));
                    if piece.is_some() {
                        return piece;
                    }
                }
                State::Header { have: 1.., .. } | State::Body { .. } => {
                    let lost = self.gap(0);
                    self.state = Self::HEADER;
                    return Some(Piece::Lost(lost));
                }
                State::Header { .. } | State::Skip { .. } | State::Search(_) => return None,
            }
        }
    }

    /// Looks for a record in what was gathered. `boundary`: what was gathered ends where a segment ended, so that a
    /// record which ends there, too, is taken for one without a second header.
    fn search(&mut self, boundary: bool) -> Option<Piece> {
        let State::Search(buffer) = &mut self.state else { return None };
        let full = buffer.bytes.len() >= SEARCHED;
        let mut at = 0;
        loop {
            let bytes = buffer.bytes.get(at..).unwrap_or_default();
            match judge(bytes, boundary) {
                Judgement::Never => at += 1,
                Judgement::Later if full => at += 1,
                Judgement::Later => return self.forget(at),
                Judgement::Record => {
                    self.carried = buffer.bytes.split_off(at);
                    self.state = Self::HEADER;
                    return (at > 0).then_some(Piece::Lost(at as u64));
                }
            }
        }
    }

    /// Drops up to `bytes` from the front of the search.
    fn forget(&mut self, bytes: usize) -> Option<Piece> {
        let State::Search(buffer) = &mut self.state else { return None };
        let bytes = bytes.min(buffer.bytes.len());
        buffer.bytes.drain(..bytes);
        (bytes > 0).then_some(Piece::Lost(bytes as u64))
    }
}

/// Bytes a search gathers: the record that is looked for, and the header that proves it.
const SEARCHED: usize = 2 * (MAX_BODY + 5);

enum Judgement {
    /// No record begins here.
    Never,
    /// More bytes are needed to tell.
    Later,
    /// A record begins here.
    Record,
}

/// Whether a record begins at the front of `bytes`: its header is sound, and so is the next.
fn judge(bytes: &[u8], boundary: bool) -> Judgement {
    let Some(header) = bytes.first_chunk::<5>() else {
        return if could_begin(bytes) { Judgement::Later } else { Judgement::Never };
    };
    let Some(header) = Header::parse(*header).filter(|header| header.length > 0) else {
        return Judgement::Never;
    };
    match bytes.get(usize::from(header.length) + 5..) {
        None => Judgement::Later,
        Some([]) if boundary => Judgement::Record,
        Some(next) => match next.first_chunk::<5>() {
            Some(next) if Header::parse(*next).is_some() => Judgement::Record,
            Some(_) => Judgement::Never,
            None if could_begin(next) => Judgement::Later,
            None => Judgement::Never,
        },
    }
}

/// Whether fewer than five bytes can be the beginning of a header.
fn could_begin(bytes: &[u8]) -> bool {
    let mut header = [APPLICATION_DATA, 3, 3, 0, 0];
    header.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    Header::parse(header).is_some()
}

/// Takes up to `length` bytes off the front.
fn take<'b>(input: &mut &'b [u8], length: usize) -> &'b [u8] {
    let (taken, rest) = input.split_at(length.min(input.len()));
    *input = rest;
    taken
}

/// The record at the front of `input`, if all of it is there.
fn whole_record(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = Header::parse(*input.first_chunk()?)?;
    input.split_at_checked(usize::from(header.length) + 5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(reader: &mut Reader, mut input: &[u8], wanted: bool) -> Vec<Result<Vec<u8>, u64>> {
        let budget = Arc::new(Budget::default());
        let gathering = Gathering { budget: &budget, limit: 1 << 20 };
        std::iter::from_fn(|| reader.piece(&mut input, wanted, gathering)).map(show).collect()
    }

    fn show(piece: Piece) -> Result<Vec<u8>, u64> {
        match piece {
            Piece::Record(buffer) => Ok(buffer.bytes().to_vec()),
            Piece::Unwanted(header) => Ok(header.bytes().to_vec()),
            Piece::Lost(bytes) | Piece::Limit(bytes) => Err(bytes),
        }
    }

    fn record(content_type: u8, length: usize) -> Vec<u8> {
        let mut record = Header { content_type, version: 0x0303, length: length as u16 }.bytes().to_vec();
        record.extend((0..length).map(|i| (i % 251) as u8 | 0x40));
        record
    }

    #[test]
    fn a_gap_inside_a_record_leaves_the_next_one_in_place() {
        for (have, gap) in [(6, 10), (6, 99), (50, 55), (105, 0)] {
            let (one, two) = (record(23, 100), record(23, 30));
            let mut reader = Reader::default();
            assert_eq!(run(&mut reader, &one[..have], true), if have == 105 { vec![Ok(one.clone())] } else { vec![] });
            if gap == 0 {
                continue;
            }
            assert_eq!(reader.gap(gap as u64), 105);
            assert_eq!(run(&mut reader, &[&one[have + gap..], &two].concat(), true), [Ok(two)]);
        }
    }

    #[test]
    fn two_gaps_in_a_record_count_its_bytes_once() {
        let one = record(23, 100);
        let mut reader = Reader::default();
        run(&mut reader, &one[..20], true);
        assert_eq!(reader.gap(10), 105);
        run(&mut reader, &one[30..50], true);
        assert_eq!(reader.gap(10), 0);
        assert_eq!(reader.gap(60), 15);
        assert!(matches!(reader.state, State::Search(_)));
    }

    #[test]
    fn a_search_finds_the_next_record() {
        let mut reader = Reader::default();
        run(&mut reader, &record(23, 100)[..50], true);
        assert_eq!(reader.gap(1000), 1050);
        let (one, two) = (record(23, 100), record(23, 30));
        let stream = [&[0x17, 3, 3, 0x55, 0x17][..], &one, &two].concat();
        assert_eq!(run(&mut reader, &stream, true), [Err(5), Ok(one), Ok(two)]);
    }

    #[test]
    fn a_search_ends_with_the_stream() {
        let budget = Arc::new(Budget::default());
        let gathering = Gathering { budget: &budget, limit: 1 << 20 };
        let mut reader = Reader::default();
        reader.gap(7);
        assert_eq!(run(&mut reader, &[1; 100], true).iter().map(|lost| lost.clone().unwrap_err()).sum::<u64>(), 100);
        run(&mut reader, &record(23, 100)[..50], true);
        let lost: u64 = std::iter::from_fn(|| reader.finish(gathering)).map(|piece| show(piece).unwrap_err()).sum();
        assert_eq!(lost, 50);
    }

    #[test]
    fn the_budget_bounds_what_is_gathered() {
        let budget = Arc::new(Budget::default());
        let gathering = Gathering { budget: &budget, limit: 150 };
        let (one, two) = (record(23, 100), record(23, 30));
        let mut first = Reader::default();
        let mut second = Reader::default();
        assert!(first.piece(&mut &one[..50], true, gathering).is_none());
        let stream = [&one[..], &two].concat();
        let (mut head, mut tail) = stream.split_at(60);
        assert!(matches!(second.piece(&mut head, true, gathering), Some(Piece::Limit(105))));
        assert!(second.piece(&mut head, true, gathering).is_none());
        assert!(matches!(second.piece(&mut tail, true, gathering), Some(Piece::Record(_))));
        drop((first, second));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn reads_an_ssl_2_hello_at_the_start_only() {
        let hello = [&[0x80, 46, 1, 3, 1, 0, 3, 0, 0, 0, 32, 0, 0, 0x2f][..], &[7; 34]].concat();
        assert_eq!(v2_hello_length(&hello), Some(48));
        assert_eq!(run(&mut Reader::default(), &hello, true), [Ok(hello.clone())]);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_records(
            lengths in prop::collection::vec(0_usize..400, 1..8),
            cuts in prop::collection::vec(0_usize..2000, 0..8),
            wanted: bool,
        ) {
            let stream: Vec<u8> = lengths.iter().flat_map(|length| record(23, *length)).collect();
            let whole = run(&mut Reader::default(), &stream, wanted);
            let mut reader = Reader::default();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> =
                cuts.windows(2).flat_map(|cut| run(&mut reader, &stream[cut[0]..cut[1]], wanted)).collect();
            prop_assert_eq!(whole, pieces);
        }

        #[test]
        fn every_byte_is_handed_out_or_counted(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..600), 0_u64..300), 1..6),
        ) {
            let budget = Arc::new(Budget::default());
            let gathering = Gathering { budget: &budget, limit: 1 << 20 };
            let mut reader = Reader::default();
            let (mut total, mut seen) = (0, 0);
            let mut overrun = 0;
            for (bytes, gap) in &parts {
                total += bytes.len() as u64 + gap;
                seen += run(&mut reader, bytes, true).into_iter().map(|p| p.map_or_else(|l| l, |r| r.len() as u64)).sum::<u64>();
                seen += reader.gap(*gap);
                overrun = if let State::Skip { left } = &reader.state { *left as u64 } else { 0 };
            }
            while let Some(piece) = reader.finish(gathering) {
                seen += show(piece).map_or_else(|l| l, |r| r.len() as u64);
            }
            prop_assert_eq!(seen, total + overrun);
        }
    }
}
