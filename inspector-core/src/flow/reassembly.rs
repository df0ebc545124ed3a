//! One direction of a connection: its bytes in order, whatever order they were recorded in.
//!
//! Sequence numbers (RFC 9293 §3.4) are unwrapped to 64-bit *positions* against the byte expected next, so that streams
//! longer than 4 GiB and numbers around the wrap need no special care:
//!
//! ```text
//!   base          next        hole         chunk      hole   chunk
//!    |  handed out  |.............|#############|........|#####|
//!    offset 0       expected byte  waiting bytes, copied
//! ```
//!
//! Bytes that arrive at `next` are passed through borrowed. Only bytes beyond a hole are copied; where bytes arrive
//! twice, those that came first are kept. Which holes are given up is decided one floor up, where both directions are
//! known ([`super::conversation`]); this module tells what blocks the direction and how ripe it is.
//!
//! **Where a stream begins.** A SYN, or the acknowledgment of one, tells. Without (recording begun in mid-stream) the
//! number of an earlier empty segment or the other side's acknowledgment may confirm that the first data seen is the
//! next due. If nothing does, the first data is *held* for [`HOLD_PACKETS`] packets of the connection, so that a
//! segment recorded a little too late still finds its place before it. Nothing is reordered against the other side by
//! that: what answers held bytes waits for them.

use super::{
    delivered::{Comparison, Delivered},
    waiting::{Chunk, Waiting, split_at_most},
};
use crate::evidence::At;

/// Packets of the connection for which the first bytes of a direction without SYN are held.
pub const HOLD_PACKETS: u32 = 8;

/// How far before the first data seen, in bytes, a late segment (or SYN) may still set the start of a direction.
pub const START_WINDOW: u64 = 64 << 10;

/// Largest distance, in bytes, at which an acknowledgment or a segment is believed: the largest TCP window (RFC 7323 §2.3).
pub const LARGEST_WINDOW: u64 = 1 << 30;

/// How far behind the expected byte, in bytes, a segment may be as a retransmission. Beyond, it is of another connection.
pub const OLDEST: u64 = 1 << 28;

/// Packets of the connection for which an acknowledged hole is kept open in case its bytes were recorded late, and for
/// which bytes that answer unseen bytes wait for these.
pub const LATE_PACKETS: u32 = 64;

/// The same for slow connections: so many packets,
pub const LATE_PACKETS_SLOW: u32 = 8;

/// and so many nanoseconds of capture time.
pub const LATE_NANOS: i64 = 1_000_000_000;

/// Packets without one of the other side after which it counts as not recorded, and holes are released without its
/// acknowledgment.
pub const ONE_SIDED_PACKETS: u32 = 256;

/// The same in nanoseconds of capture time where the other side was never seen at all.
pub const ONE_SIDED_NANOS: i64 = 3_000_000_000;

/// Most bytes believed lost at the end of a direction when only one side tells of them.
pub const LARGEST_TAIL: u64 = 1 << 24;

/// Largest segment believed, in bytes: original lengths of cut packets are not to be trusted further.
const LARGEST_SEGMENT: u32 = 1 << 24;

/// Position of the sequence number `anchor`. Far from 0, so that positions before it need no sign.
const ORIGIN: u64 = 1 << 40;

/// The moment of a packet, on the two scales by which lateness is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    /// Number of the packet within its connection; wraps.
    pub(crate) packets: u32,
    /// The packet.
    pub(crate) at: At,
}

impl Now {
    /// Packets since `then`.
    pub(crate) const fn since(self, then: u32) -> u32 {
        self.packets.wrapping_sub(then)
    }

    /// What was recorded late would have come since `then`: [`LATE_PACKETS`], or [`LATE_PACKETS_SLOW`] and [`LATE_NANOS`].
    pub(crate) fn is_late(&self, then: Self) -> bool {
        let packets = self.since(then.packets);
        packets >= LATE_PACKETS || (packets >= LATE_PACKETS_SLOW && self.elapsed(then.at, LATE_NANOS))
    }

    /// At least `nanos` of capture time went by since `then`. Unknown times and clocks set back are no evidence.
    pub(crate) fn elapsed(self, then: At, nanos: i64) -> bool {
        match (self.at.time(), then.time()) {
            (Some(now), Some(then)) => now.nanos().saturating_sub(then.nanos()) >= nanos,
            _ => false,
        }
    }
}

/// The end of a direction, told by FIN.
#[derive(Clone, Copy, Debug)]
struct Finish {
    position: u64,
    needs: u64,
    now: Now,
}

/// How much of its beginning is known of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// No data seen.
    Unknown,
    /// Data seen, and kept back in case some comes from before it.
    Held,
    /// Settled.
    Known,
}

/// When acknowledgments were last noted down while a hole was open.
#[derive(Clone, Copy, Debug)]
struct Mark {
    acknowledged: u64,
    now: Now,
}

/// A segment's data on its way in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'p> {
    /// Position of the first byte.
    pub(crate) position: u64,
    /// The bytes captured.
    pub(crate) payload: &'p [u8],
    /// Bytes cut off behind them.
    pub(crate) missing: u32,
    /// Position the other direction must have reached first; 0 if none.
    pub(crate) needs: u64,
    /// That position is reached.
    pub(crate) open: bool,
    /// Up to which offset the packet acknowledges the other direction's stream.
    pub(crate) acknowledged: Option<u64>,
    /// The packet.
    pub(crate) now: Now,
}

/// What keeps a direction from going on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Block {
    /// Nothing: nothing waits.
    Nothing,
    /// The start is not settled.
    Start,
    /// The next bytes (or the FIN) answer bytes of the other direction that were not seen yet.
    Gate {
        /// Position the other direction must reach.
        needs: u64,
        /// When they came.
        now: Now,
    },
    /// Bytes are missing.
    Hole {
        /// Position after the hole.
        end: u64,
        /// When what lies beyond came; `None` if only sequence numbers tell of it.
        beyond: Option<Now>,
    },
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Direction {
    start: Start,
    /// Its SYN was seen; the start is exact.
    syn: bool,
    ended: bool,
    /// Segments far from the expected one, in a row.
    strays: u8,
    /// Sequence number at [`ORIGIN`]; meaningful unless the start is unknown.
    anchor: u32,
    /// While the start is unknown: the number the sender stood at, by its empty segments. Then: the start given up by
    /// [`Self::begin_again`].
    own_hint: Option<u32>,
    /// While the start is unknown: the lowest number the other side expected lately.
    peer_hint: Option<u32>,
    /// The same, where it is certain that what follows it was sent while the recording ran: from the other side's handshake,
    /// or with its data.
    firm_hint: Option<u32>,
    base: u64,
    next: u64,
    /// Highest position acknowledged by the other side; 0 for none.
    acknowledged: u64,
    /// Highest position the sender stood at, by its empty segments; 0 for none.
    stood: u64,
    /// Up to here the bytes after `next` were cut off by snap length.
    cut: u64,
    /// What answers bytes up to here no longer waits for them.
    conceded: u64,
    /// Acknowledged since long enough that late recording is ruled out.
    confirmed: u64,
    mark: Option<Mark>,
    /// Packet number of its last packet.
    heard: Option<u32>,
    held_since: u32,
    waiting: Waiting,
    finish: Option<Finish>,
    reset: Option<At>,
    delivered: Delivered,
    pub(crate) soundness: Soundness,
}

/// What is known of the checksums a side sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Soundness {
    /// One was right.
    right: bool,
    /// Wrong ones that say nothing, as there was none that is right, or the other side took the segment.
    meaningless: u8,
}

/// So many wrong checksums without meaning, and no further one is looked at.
const MEANINGLESS: u8 = 3;

impl Soundness {
    /// Whether they are still looked at.
    pub(crate) const fn is_of_interest(self) -> bool {
        self.meaningless < MEANINGLESS
    }

    /// There was one that is right.
    pub(crate) const fn is_sound(self) -> bool {
        self.right
    }

    /// A right one.
    pub(crate) const fn sound(&mut self) {
        self.right = true;
    }

    /// A wrong one; whether that means something.
    pub(crate) const fn is_wrong(&mut self) -> bool {
        if !self.right {
            self.disregard();
        }
        self.right
    }

    /// A wrong one meant nothing.
    pub(crate) const fn disregard(&mut self) {
        self.meaningless = self.meaningless.saturating_add(1);
    }
}

impl Direction {
    /// A direction of which nothing was seen.
    pub(crate) const fn new() -> Self {
        Self {
            start: Start::Unknown,
            syn: false,
            ended: false,
            strays: 0,
            anchor: 0,
            own_hint: None,
            peer_hint: None,
            firm_hint: None,
            base: ORIGIN,
            next: ORIGIN,
            acknowledged: 0,
            stood: 0,
            cut: 0,
            conceded: 0,
            confirmed: 0,
            mark: None,
            heard: None,
            held_since: 0,
            waiting: Waiting::new(),
            finish: None,
            reset: None,
            delivered: Delivered::new(),
            soundness: Soundness { right: false, meaningless: 0 },
        }
    }

    /// The position of a sequence number: the one nearest to the byte expected next.
    pub(crate) const fn position(&self, sequence: u32) -> u64 {
        let expected = self.sequence(self.next);
        let distance = sequence.wrapping_sub(expected).cast_signed();
        self.next.wrapping_add_signed(distance as i64)
    }

    /// The sequence number of a position.
    pub(crate) const fn sequence(&self, position: u64) -> u32 {
        self.anchor.wrapping_add(position.wrapping_sub(ORIGIN) as u32)
    }

    /// Sequence number of the byte after the SYN, if the SYN was seen.
    pub(crate) fn first_sequence(&self) -> Option<u32> {
        self.syn.then_some(self.anchor)
    }

    /// Sequence number of the next byte (after the FIN, if that was reached).
    pub(crate) const fn next_sequence(&self) -> u32 {
        self.sequence(self.reached())
    }

    /// Position up to which everything was handed out or given up; the FIN counts one.
    pub(crate) const fn reached(&self) -> u64 {
        self.next.saturating_add(self.ended as u64)
    }

    /// Position up to which nothing waits for this direction any more.
    pub(crate) fn passed(&self) -> u64 {
        self.reached().max(self.conceded)
    }

    /// Offset of the next byte in the stream.
    pub(crate) const fn offset(&self) -> u64 {
        self.next.saturating_sub(self.base)
    }

    /// Bytes and overhead of what waits.
    pub(crate) const fn charge(&self) -> usize {
        self.waiting.charge()
    }

    /// Bytes of what is known of the bytes handed out.
    pub(crate) fn memory(&self) -> usize {
        self.delivered.weight()
    }

    /// The offset that a number acknowledges, if the stream is known from its beginning on.
    pub(crate) fn offset_of(&self, number: u32) -> Option<u64> {
        let position = self.position(number);
        let is_known = self.start == Start::Known && position.saturating_sub(self.next) <= LARGEST_WINDOW;
        if is_known { position.checked_sub(self.base) } else { None }
    }

    /// The other side spoke since this one did.
    pub(crate) const fn begin_turn(&mut self, offset: u64) {
        self.delivered.begin_turn(offset);
    }

    /// Whether bytes with this number are of the beginning of what the side says.
    pub(crate) fn is_beginning(&self, sequence: u32) -> bool {
        self.delivered.is_beginning(self.position(sequence).saturating_sub(self.base))
    }

    /// Whether so many bytes from a number on were handed out, or wait.
    pub(crate) fn has(&self, sequence: u32, length: usize) -> bool {
        let position = self.position(sequence);
        self.start != Start::Unknown
            && self.waiting.covers(position.max(self.next), position.saturating_add(length as u64))
    }

    /// Bytes are handed out.
    #[inline]
    pub(crate) fn deliver(&mut self, offset: u64, bytes: &[u8]) {
        self.delivered.keep(offset, bytes);
    }

    /// Whether bytes that come again are others than those handed out. `copy`: the packet is a copy of one just recorded.
    pub(crate) fn contradicts(&self, position: u64, payload: &[u8], copy: bool) -> bool {
        // RFC 9293 §3.8.4: one garbage octet of a probe is no data.
        let is_probe = payload.len() == 1 && position.saturating_add(1) == self.next;
        if self.start != Start::Known || position >= self.next || is_probe {
            return false;
        }
        let (_, payload) = split_at_most(payload, self.base.saturating_sub(position));
        let position = position.max(self.base);
        let (old, _) = split_at_most(payload, self.next.saturating_sub(position));
        match self.delivered.compare(position - self.base, old) {
            Comparison::Same | Comparison::Unknown => false,
            Comparison::Differs => !old.is_empty(),
            Comparison::TooOld => !copy && !old.is_empty(),
        }
    }

    /// Whether bytes with this number are others than those handed out, or waiting, as far as these are known.
    pub(crate) fn has_others(&self, sequence: u32, payload: &[u8]) -> bool {
        let position = self.position(sequence);
        self.start != Start::Unknown
            && (self.contradicts(position, payload, true) || self.waiting.differs(position, payload))
    }

    /// Takes what is known of the bytes handed out.
    pub(crate) fn take_delivered(&mut self) -> Delivered {
        std::mem::take(&mut self.delivered)
    }

    /// Goes on where a connection that was quiet for long stood.
    pub(crate) fn resume(&mut self, next: u32) {
        self.begin(next, Start::Known);
    }

    /// The end was handed out.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The end is handed out; once.
    pub(crate) const fn set_ended(&mut self) {
        self.ended = true;
    }

    /// A FIN or RST was seen.
    pub(crate) const fn is_closing(&self) -> bool {
        self.finish.is_some() || self.reset.is_some()
    }

    /// A FIN was seen.
    pub(crate) const fn has_finish(&self) -> bool {
        self.finish.is_some()
    }

    /// The packet of the RST by this side.
    pub(crate) const fn reset_at(&self) -> Option<At> {
        self.reset
    }

    /// An RST was accepted.
    pub(crate) fn set_reset(&mut self, sequence: u32, at: At) {
        self.reset.get_or_insert(at);
        if self.start != Start::Unknown {
            self.stood = self.stood.max(self.position(sequence));
        }
    }

    /// The RST turned out not to be the end.
    pub(crate) const fn clear_reset(&mut self) {
        self.reset = None;
    }

    /// Nothing tells yet where the direction begins.
    pub(crate) fn is_unknown(&self) -> bool {
        self.start == Start::Unknown
    }

    /// A packet of this side came.
    pub(crate) const fn hear(&mut self, now: Now) {
        self.heard = Some(now.packets);
    }

    /// The side has not been seen for so long that it is not, or no longer, recorded.
    pub(crate) fn is_silent(&self, now: Now) -> bool {
        now.since(self.heard.unwrap_or(0)) >= ONE_SIDED_PACKETS
    }

    /// The side was never seen.
    pub(crate) const fn is_unheard(&self) -> bool {
        self.heard.is_none()
    }

    /// Something of this direction waits, or is known to be missing.
    pub(crate) fn is_pending(&self) -> bool {
        !self.waiting.is_empty()
            || self.start == Start::Held
            || self.cut > self.next
            || self.stood > self.next
            || (self.finish.is_some() && !self.ended)
    }

    /// Bytes or the FIN were seen, or the other side has acknowledged the SYN.
    pub(crate) fn is_established(&self) -> bool {
        self.next != self.base || !self.waiting.is_empty() || self.finish.is_some() || self.acknowledged >= self.base
    }

    /// Sequence number of the first byte, unless nothing is known of it.
    pub(crate) fn base_sequence(&self) -> Option<u32> {
        (self.start != Start::Unknown).then(|| self.sequence(self.base))
    }

    fn begin(&mut self, sequence: u32, start: Start) {
        self.start = start;
        self.anchor = sequence;
        self.base = ORIGIN;
        self.next = ORIGIN;
        self.own_hint = None;
        self.firm_hint = None;
        if let Some(hint) = self.peer_hint.take() {
            self.acknowledge(hint, false, false);
        }
    }

    /// Whether a SYN whose first byte has this number belongs to what was seen so far. `None`: nothing tells.
    pub(crate) fn fits_start(&self, first: u32) -> Option<bool> {
        let near = |later: u64, earlier: u64| later >= earlier && later - earlier <= START_WINDOW;
        match self.start {
            _ if self.syn => Some(self.anchor == first),
            Start::Unknown => {
                let hint = self.peer_hint.or(self.own_hint)?;
                Some(u64::from(hint.wrapping_sub(first)) <= START_WINDOW)
            }
            Start::Held => Some(near(self.next, self.position(first))),
            Start::Known => Some(near(self.base, self.position(first))),
        }
    }

    /// The SYN was seen (or acknowledged in the handshake), and fits. Tells whether offset 0 is the stream's beginning.
    pub(crate) fn begin_with(&mut self, first: u32, seen: bool) -> bool {
        match self.start {
            Start::Unknown => self.begin(first, Start::Known),
            Start::Held => {
                let position = self.position(first);
                if position > self.next || self.next - position > START_WINDOW {
                    return false;
                }
                self.next = position;
                self.settle_start();
            }
            Start::Known if self.position(first) != self.base => return false,
            Start::Known => {}
        }
        // Relative to the SYN from here on: `anchor` is what later SYNs are compared with.
        if seen {
            let base = self.base;
            self.syn = self.sequence(base) == first && base == ORIGIN;
            if !self.syn {
                self.rebase(first);
            }
        }
        true
    }

    /// Moves the origin of positions to the start of the stream: a held direction began before its first segment.
    fn rebase(&mut self, first: u32) {
        let shift = ORIGIN.wrapping_sub(self.base);
        let move_up = |position: u64| if position == 0 { 0 } else { position.wrapping_add(shift) };
        self.anchor = first;
        self.base = ORIGIN;
        self.next = self.next.wrapping_add(shift);
        self.acknowledged = move_up(self.acknowledged);
        self.stood = move_up(self.stood);
        self.cut = move_up(self.cut);
        self.conceded = move_up(self.conceded);
        self.confirmed = move_up(self.confirmed);
        self.mark = None;
        if let Some(finish) = &mut self.finish {
            finish.position = finish.position.wrapping_add(shift);
        }
        self.waiting.shift(shift);
        self.syn = true;
    }

    /// A SYN was answered anew with another number before anything was acknowledged. Which answer counts is told by the
    /// acknowledgment: the number given up is kept as a hint.
    pub(crate) fn begin_again(&mut self, first: u32) {
        let given_up = Some(self.anchor);
        *self = Self { heard: self.heard, ..Self::new() };
        self.begin(first, Start::Known);
        self.own_hint = given_up;
        self.syn = true;
    }

    /// Where the data of a segment lies; begins the direction if this is its first. `None`: no data (a keep-alive probe
    /// as the first thing seen).
    pub(crate) fn locate(&mut self, sequence: u32, payload: &[u8], pushed: bool, now: Now) -> Option<u64> {
        if self.start != Start::Unknown {
            return Some(self.position(sequence));
        }
        // RFC 9293 §3.8.4: a probe may carry one garbage octet just before the next sequence number.
        if payload == [0] && !pushed {
            self.own_hint = Some(sequence.wrapping_add(1));
            return None;
        }
        match self.own_hint.take().map(|hint| (hint, sequence.wrapping_sub(hint))) {
            // An empty keep-alive stands one before the next byte.
            Some((_, 0 | 1)) => self.begin(sequence, Start::Known),
            Some((hint, distance)) if u64::from(distance) <= START_WINDOW => self.begin(hint, Start::Known),
            _ if self.peer_hint == Some(sequence) => self.begin(sequence, Start::Known),
            // The other side waited for what comes from there on.
            _ if self.firm_hint.is_some_and(|hint| u64::from(sequence.wrapping_sub(hint)) <= START_WINDOW) => {
                self.begin(self.firm_hint.unwrap_or(sequence), Start::Held);
                self.held_since = now.packets;
            }
            _ => {
                self.begin(sequence, Start::Held);
                self.held_since = now.packets;
            }
        }
        Some(self.position(sequence))
    }

    /// An empty segment with this number came.
    pub(crate) fn stand(&mut self, sequence: u32) {
        if self.start == Start::Unknown {
            self.own_hint = Some(sequence);
            return;
        }
        let position = self.position(sequence);
        if position > self.next && position - self.next <= LARGEST_WINDOW {
            let end = self.finish.map_or(u64::MAX, |finish| finish.position);
            self.stood = self.stood.max(position.min(end));
        }
    }

    /// The other side acknowledged up to this number; `handshake` if it did with its own SYN. Tells whether that made
    /// the start exact.
    pub(crate) fn acknowledge(&mut self, number: u32, handshake: bool, firm: bool) -> bool {
        if handshake && !self.syn && self.fits_start(number) != Some(false) && self.begin_with(number, false) {
            return true;
        }
        if self.start == Start::Unknown {
            // The lowest of those near each other: acknowledgments too may be recorded out of order.
            let lower = |hint: u32| u64::from(number.wrapping_sub(hint)) <= START_WINDOW;
            self.peer_hint = Some(self.peer_hint.filter(|hint| lower(*hint)).unwrap_or(number));
            if firm {
                self.firm_hint = self.peer_hint;
            }
            return false;
        }
        if self.own_hint == Some(number) && self.syn && !self.is_established() {
            self.begin_again(number);
        }
        let position = self.position(number);
        if position > self.acknowledged && position.saturating_sub(self.next) <= LARGEST_WINDOW {
            self.acknowledged = position;
        }
        false
    }

    /// The position what acknowledges this number has to wait for; 0 if it need not.
    pub(crate) fn needed(&self, number: u32, now: Now) -> u64 {
        if self.start == Start::Unknown || self.ended || self.is_silent(now) {
            return 0;
        }
        let position = self.position(number);
        if position <= self.passed() && self.start == Start::Known {
            return 0;
        }
        if position <= self.next || position - self.next > LARGEST_WINDOW {
            return 0;
        }
        self.finish.map_or(position, |finish| position.min(finish.position.max(self.next)))
    }

    /// Whether this number lies more than `behind` bytes before or `ahead` bytes after the expected one.
    pub(crate) const fn is_far(&self, sequence: u32, behind: u64, ahead: u64) -> bool {
        if matches!(self.start, Start::Unknown) {
            return false;
        }
        let position = self.position(sequence);
        self.next.saturating_sub(position) > behind || position.saturating_sub(self.next) > ahead
    }

    /// Whether this number lies more than so many bytes from the expected one, or from those that tell of it.
    pub(crate) fn is_elsewhere(&self, sequence: u32, most: u64) -> bool {
        if self.start != Start::Unknown {
            return self.is_far(sequence, most, most);
        }
        let hint = self.own_hint.or(self.peer_hint);
        hint.is_some_and(|hint| u64::from(sequence.wrapping_sub(hint).cast_signed().unsigned_abs()) > most)
    }

    /// Counts segments that are [far](Self::is_far) in a row; tells how many there are now.
    pub(crate) const fn stray(&mut self, far: bool) -> u8 {
        self.strays = if far { self.strays.saturating_add(1) } else { 0 };
        self.strays
    }

    /// Whether an RST with this number can be the sender's: one of those it stands at, as far as is known.
    pub(crate) fn fits_reset(&self, sequence: u32) -> bool {
        if self.start == Start::Unknown {
            return self.peer_hint.or(self.own_hint).is_none_or(|hint| hint == sequence);
        }
        let position = self.position(sequence);
        let low = if self.acknowledged == 0 { self.next } else { self.next.min(self.acknowledged) };
        let waiting = self.waiting.end().unwrap_or(0);
        let finish = self.finish.map_or(0, |finish| finish.position.saturating_add(1));
        let high = self.reached().max(self.acknowledged).max(self.stood).max(self.cut).max(waiting).max(finish);
        (low..=high).contains(&position)
    }

    /// Position of the byte expected next.
    pub(crate) const fn expected(&self) -> u64 {
        self.next
    }

    /// Goes past `length` bytes at `position` if they are just the next due, with nothing held, waiting or finished; tells
    /// their offset. What [`Self::receive`] would do with them, at once: it is so of nearly all segments.
    #[inline]
    pub(crate) fn pass(&mut self, position: u64, length: usize) -> Option<u64> {
        let is_straight = position == self.next
            && self.start == Start::Known
            && !self.ended
            && self.finish.is_none()
            && self.waiting.is_empty();
        if !is_straight {
            return None;
        }
        let offset = self.offset();
        self.next = self.next.saturating_add(length as u64);
        Some(offset)
    }

    /// Whether a segment's data can be handed out or kept without exceeding `limit`.
    pub(crate) fn has_room(&self, arrival: &Arrival<'_>, limit: usize) -> bool {
        let direct = arrival.open && arrival.position <= self.next && self.start == Start::Known;
        let old = arrival.position.saturating_add(arrival.payload.len() as u64) <= self.next;
        direct || old || self.waiting.charge_with(arrival.payload.len()) <= limit
    }

    /// Takes a segment's data. What can be handed out at once is returned, borrowed, with its offset; the rest is kept
    /// or dropped as old. The second value is how many bytes differ from bytes still waiting.
    pub(crate) fn receive<'p>(&mut self, arrival: Arrival<'p>) -> (Option<(u64, &'p [u8])>, u64) {
        let Arrival { position, payload, missing, .. } = arrival;
        let end = position.saturating_add(payload.len() as u64);
        let last = self.finish.map_or(u64::MAX, |finish| finish.position);
        let missing = missing.min(LARGEST_SEGMENT);
        if self.start == Start::Held && position < self.next && self.next - position <= START_WINDOW {
            self.next = position;
        }
        if payload.is_empty() || end <= self.next || self.ended || position >= last {
            if missing > 0 && !self.ended {
                self.note_cut(end, u64::from(missing));
            }
            return (None, 0);
        }
        let (payload, _) = split_at_most(payload, last - position);
        let (_, payload) = split_at_most(payload, self.next.saturating_sub(position));
        let position = position.max(self.next);
        let arrival = Arrival { position, payload, missing, ..arrival };
        if position > self.next || !arrival.open || self.start == Start::Held {
            return (None, self.waiting.keep(arrival));
        }
        // In order. Bytes that already wait came first and win.
        let room = self.waiting.first().map_or(u64::MAX, |(start, _)| start.saturating_sub(position));
        let (now, later) = split_at_most(payload, room);
        let offset = self.offset();
        self.next = self.next.saturating_add(now.len() as u64);
        let differing = if later.is_empty() {
            if missing > 0 {
                self.note_cut(self.next, u64::from(missing));
            }
            0
        } else {
            self.waiting.keep(Arrival { position: self.next, payload: later, ..arrival })
        };
        ((!now.is_empty()).then_some((offset, now)), differing)
    }

    /// Bytes after `end` were sent, but cut off.
    fn note_cut(&mut self, end: u64, missing: u64) {
        let until = end.saturating_add(missing);
        if until > self.next && end <= self.next.max(self.cut) {
            self.cut = self.cut.max(until);
        } else if until > self.next && until - self.next <= LARGEST_WINDOW {
            self.stood = self.stood.max(until);
        }
    }

    /// The FIN: the direction ends at this position. A FIN before bytes already seen, or a second one, is ignored.
    pub(crate) fn finish_at(&mut self, position: u64, needs: u64, now: Now) {
        let seen = self.waiting.end().unwrap_or(self.next);
        let far = position.saturating_sub(self.next) > LARGEST_WINDOW;
        if self.ended || self.finish.is_some() || position < seen || far {
            return;
        }
        self.finish = Some(Finish { position, needs, now });
        self.stood = self.stood.min(position);
    }

    /// The next waiting bytes with their offset, if nothing is missing before them and `passed` of the other direction
    /// lets them go.
    pub(crate) fn pop(&mut self, passed: u64) -> Option<(u64, Chunk)> {
        if self.start != Start::Known || self.ended {
            return None;
        }
        let (start, chunk) = self.waiting.first()?;
        if start > self.next || chunk.needs > passed {
            return None;
        }
        let chunk = self.waiting.take_first()?;
        let offset = self.offset();
        self.next = self.next.saturating_add(chunk.bytes.len() as u64);
        if chunk.cut > 0 {
            self.note_cut(self.next, u64::from(chunk.cut));
        }
        Some((offset, chunk))
    }

    /// The packet of the FIN, if the direction has come to it and `passed` of the other direction lets it go.
    pub(crate) fn finished(&self, passed: u64) -> Option<At> {
        let finish = self.finish?;
        let there = self.start == Start::Known && !self.ended && self.next >= finish.position;
        (there && finish.needs <= passed).then_some(finish.now.at)
    }

    /// What keeps the direction from going on, after everything possible was popped.
    pub(crate) fn block(&self) -> Block {
        if self.ended || self.start == Start::Unknown {
            return Block::Nothing;
        }
        if self.start == Start::Held {
            return Block::Start;
        }
        if let Some((start, chunk)) = self.waiting.first() {
            return if start > self.next {
                Block::Hole { end: start, beyond: Some(chunk.now) }
            } else {
                Block::Gate { needs: chunk.needs, now: chunk.now }
            };
        }
        match self.finish {
            Some(finish) if finish.position > self.next => {
                Block::Hole { end: finish.position, beyond: Some(finish.now) }
            }
            Some(finish) => Block::Gate { needs: finish.needs, now: finish.now },
            None if self.cut > self.next => {
                let acknowledged = self.acknowledged > self.next;
                Block::Hole { end: if acknowledged { self.cut.min(self.acknowledged) } else { self.cut }, beyond: None }
            }
            // One missing number without data behind is a FIN that was not recorded.
            None if self.stood > self.next.saturating_add(1) => Block::Hole { end: self.stood, beyond: None },
            None => Block::Nothing,
        }
    }

    /// The start was held long enough; or both sides are finishing, and the other does not expect earlier bytes.
    pub(crate) const fn start_is_ripe(&self, finishing: bool, now: Now) -> bool {
        let expects_earlier = self.acknowledged != 0 && self.acknowledged < self.next;
        now.since(self.held_since) >= HOLD_PACKETS || (finishing && !expects_earlier)
    }

    /// The start is settled: the lowest position seen.
    pub(crate) fn settle_start(&mut self) {
        if self.start == Start::Held {
            self.start = Start::Known;
            self.base = self.next;
        }
    }

    /// Notes acknowledgments down while a hole is open, so that it is known which of them are old enough. The first one
    /// past the hole is noted at once.
    pub(crate) fn observe(&mut self, now: Now) {
        let Block::Hole { end, .. } = self.block() else {
            self.mark = None;
            return;
        };
        if let Some(mark) = self.mark {
            if now.is_late(mark.now) {
                self.confirmed = self.confirmed.max(mark.acknowledged);
            } else if mark.acknowledged >= end || self.acknowledged < end {
                return;
            }
        }
        self.mark = Some(Mark { acknowledged: self.acknowledged, now });
    }

    /// Whether the bytes of the hole before `end` will not come any more:
    ///
    /// 1. they were recorded, but cut off, and the other side has acknowledged them; or
    /// 2. the other side acknowledged them, and since then [`LATE_PACKETS`] went by (of a slow connection less)
    ///    (a recording may have the acknowledgment before the data); or
    /// 3. the other side is not recorded, and [`ONE_SIDED_PACKETS`] packets (or, if it never was, [`ONE_SIDED_NANOS`])
    ///    went by since bytes beyond the hole came.
    pub(crate) fn hole_is_ripe(&self, end: u64, beyond: Option<Now>, peer: &Self, now: Now) -> bool {
        if self.acknowledged >= end {
            let waited = beyond.is_none_or(|beyond| now.since(beyond.packets) >= LATE_PACKETS_SLOW);
            return self.cut >= end || (self.confirmed >= end && waited);
        }
        beyond.is_some_and(|beyond| {
            (peer.is_silent(now) && now.since(beyond.packets) >= ONE_SIDED_PACKETS)
                || (peer.is_unheard() && now.elapsed(beyond.at, ONE_SIDED_NANOS))
        })
    }

    /// Gives the bytes before `end` up: the offset of the first and how many there are.
    pub(crate) fn skip_to(&mut self, end: u64) -> (u64, u64) {
        let offset = self.offset();
        let bytes = end.saturating_sub(self.next);
        self.next = self.next.max(end);
        (offset, bytes)
    }

    /// What answers bytes up to `position` need no longer wait for them.
    pub(crate) fn concede(&mut self, position: u64) {
        self.conceded = self.conceded.max(position);
    }

    /// At the end of all: up to which position bytes are known to have been sent, though nothing is left waiting.
    ///
    /// One number more than expected is a FIN that was not recorded. A single witness (the acknowledgments, or the
    /// sender's own empty segments) is believed up to [`LARGEST_TAIL`].
    pub(crate) fn lost_tail(&self) -> Option<u64> {
        if self.start != Start::Known || self.ended || self.finish.is_some() {
            return None;
        }
        let both = self.acknowledged.min(self.stood);
        let either = self.acknowledged.max(self.stood);
        let known = if either.saturating_sub(self.next) <= LARGEST_TAIL { either } else { both };
        (known > self.next.saturating_add(1)).then_some(known)
    }
}
