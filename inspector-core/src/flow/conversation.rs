//! Both directions of a connection together: what each tells about the other.
//!
//! **Causal order.** What a side sends acknowledges what it has received. Recordings do not always keep that order
//! (several receive queues, mirror ports): the response may be recorded before the request. So bytes that acknowledge
//! bytes of the other direction not seen yet wait for these (`Block::Gate`), for at most
//! [`LATE_PACKETS`](super::reassembly::LATE_PACKETS); then either the hole they wait for is declared a gap, or, if
//! nothing tells that the sender went on, they are let go.
//!
//! **Gaps** are declared
//!
//! 1. when a hole is ripe (`Direction::hole_is_ripe`): acknowledged long enough ago, or cut off by snap length and
//!    acknowledged, or the other side is not recorded;
//! 2. when a limit is reached, so that data flows on;
//! 3. at the end: idle, evicted, ports reused, reset and quiet, end of input. Then bytes that were acknowledged though
//!    nothing behind them was recorded are declared too.
//!
//! **Doubt.** A segment with a wrong checksum was dropped by its receiver, if its sender's checksums are right otherwise. It
//! is put aside until a copy of it comes, which counts then, or until the receiver acknowledges it all the same: then
//! its checksum was left to a network card, or it was joined from several on receipt.
//!
//! A FIN never gives up bytes before it; its `End` comes after them. An RST ends nothing at once, since segments
//! recorded after it may still fill holes: the table closes the connection a moment later.

use super::{
    Connection, Consumer, End, Side, StreamEvent,
    delivered::Delivered,
    duplicates::Recent,
    reassembly::{Arrival, Block, Direction, LARGEST_TAIL, LARGEST_WINDOW, Now, OLDEST},
    table::Totals,
};
use crate::{
    evidence::{At, Endpoint},
    limits::Limits,
    packet::{Flags, Segment, checksum::Checksum},
    time::Timestamp,
};

/// How far from the expected number, in bytes, a SYN (or any segment once the connection is closing) is clearly of
/// another connection.
pub const REUSE_WINDOW: u64 = 1 << 20;

/// So many segments in a row at unrelated numbers are another connection whose beginning was not recorded. One is
/// enough if its acknowledgment is unrelated too.
pub const STRAYS: u8 = 3;

/// What a consumer's bookkeeping, and the allocator, add to the memory of a connection, in bytes, about.
const OVERHEAD: usize = 256;

/// Most bytes of segments put aside for their checksums, in both directions.
pub const DOUBTFUL: usize = 64 << 10;

/// A direction, named by who sent the connection's first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the sender of the first packet.
    First,
    /// From the other.
    Second,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

/// Whether a segment is of the connection that has its addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belongs {
    /// It is.
    Yes,
    /// It answers the same SYN with new numbers.
    Restart,
    /// It cannot be told; to be ignored.
    Stray,
    /// The connection was quiet for too long to go on.
    Idle,
    /// It is of one that was closed for being quiet, and goes on, or tells of what was not recorded.
    Resumed,
    /// It is of a new one.
    No,
}

/// What is released beyond what is ripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Nothing.
    Ripe,
    /// Whatever blocks this direction.
    Forced(Way),
    /// All.
    All,
}

/// A connection that is followed.
#[derive(Debug)]
pub(crate) struct Conversation<S> {
    pub(crate) connection: Connection,
    state: S,
    first: Direction,
    second: Direction,
    /// The direction of the client.
    client: Way,
    reset: bool,
    /// Something was handed out: the sides are settled.
    is_told: bool,
    /// Whose bytes were handed out last.
    speaker: Option<Way>,
    /// A SYN with another number came in the middle, with this first byte.
    anew: Option<(Way, u32)>,
    /// Where an RST stood that was not taken: who sent it, its number, and the one it acknowledged.
    last_word: Option<(Way, u32, Option<u32>)>,
    /// Segments put aside for their checksums.
    doubtful: Vec<Doubtful>,
    /// The greatest capture time of its packets.
    pub(crate) newest: Option<Timestamp>,
    /// In the table's queue of connections that hold bytes.
    pub(crate) queued: bool,
    /// Something happened on it in this period.
    pub(crate) touched: bool,
    /// Bytes of memory it takes, about, without what waits out of order.
    pub(crate) weight: usize,
}

/// A segment put aside.
#[derive(Debug)]
struct Doubtful {
    way: Way,
    sequence: u32,
    acknowledgment: u32,
    flags: Flags,
    payload: Box<[u8]>,
    now: Now,
}

/// Where events go.
pub(crate) struct Outlet<'a, C: Consumer> {
    pub(crate) consumer: &'a mut C,
    pub(crate) totals: &'a mut Totals,
}

const fn pick(counters: &mut [u64; 2], side: Side) -> &mut u64 {
    let [client, server] = counters;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}

/// The ports servers of interest listen on; before any other below 1024.
const WELL_KNOWN: [u16; 8] = [443, 80, 8080, 8443, 8000, 8008, 8888, 3128];

/// How likely a server listens on the port: lower is likelier.
fn port_rank(port: u16) -> u32 {
    let known = WELL_KNOWN.iter().zip(0u32..).find(|(known, _)| **known == port);
    match known {
        Some((_, rank)) => rank,
        None if port < 1024 => 100 + u32::from(port),
        None => u32::MAX,
    }
}

/// Client and server by the first segment, and whether that is certain.
pub(crate) fn guess_roles(segment: &Segment<'_>) -> (Way, bool) {
    match (segment.flags.has(Flags::SYN), segment.flags.has(Flags::ACK)) {
        (true, false) => (Way::First, true),
        (true, true) => (Way::Second, true),
        _ if port_rank(segment.source.port) < port_rank(segment.destination.port) => (Way::Second, false),
        _ => (Way::First, false),
    }
}

impl<S> Conversation<S> {
    pub(crate) fn new<C: Consumer<State = S>>(connection: Connection, state: S, client: Way) -> Self {
        let (first, second) = (Direction::new(), Direction::new());
        let weight = Self::least_weight::<C>();
        Self {
            connection,
            state,
            first,
            second,
            client,
            reset: false,
            speaker: None,
            anew: None,
            is_told: false,
            last_word: None,
            doubtful: Vec::new(),
            newest: None,
            queued: false,
            touched: false,
            weight,
        }
    }

    /// What one takes whose consumer keeps nothing beside its state, and what it knows of the connection. The places in the
    /// table come on top.
    pub(crate) const fn least_weight<C: Consumer<State = S>>() -> usize {
        size_of::<Conversation<()>>() + C::STATE + size_of::<Connection>() + OVERHEAD
    }

    /// What its state takes, about.
    pub(crate) fn state_weight<C: Consumer<State = S>>(&self, consumer: &C) -> usize {
        consumer.weight(&self.state)
    }

    pub(crate) const fn direction(&self, way: Way) -> &Direction {
        match way {
            Way::First => &self.first,
            Way::Second => &self.second,
        }
    }

    const fn pair(&mut self, way: Way) -> (&mut Direction, &mut Direction) {
        match way {
            Way::First => (&mut self.first, &mut self.second),
            Way::Second => (&mut self.second, &mut self.first),
        }
    }

    fn side(&self, way: Way) -> Side {
        if way == self.client { Side::Client } else { Side::Server }
    }

    /// The direction of the client, if it is certain.
    pub(crate) fn client(&self) -> Option<Way> {
        self.connection.roles_known.then_some(self.client)
    }

    /// Both directions have ended.
    pub(crate) const fn has_ended(&self) -> bool {
        self.first.has_ended() && self.second.has_ended()
    }

    /// An RST was accepted.
    pub(crate) const fn is_reset(&self) -> bool {
        self.reset
    }

    /// Bytes and overhead of what waits.
    pub(crate) const fn charge(&self) -> usize {
        self.first.charge().saturating_add(self.second.charge()).saturating_add(self.doubtful_bytes())
    }

    const fn doubtful_bytes(&self) -> usize {
        let (mut sum, mut rest) = (0, self.doubtful.as_slice());
        while let [first, others @ ..] = rest {
            sum += first.payload.len() + size_of::<Doubtful>();
            rest = others;
        }
        sum
    }

    /// Bytes of what is known of the bytes handed out.
    pub(crate) fn memory(&self) -> usize {
        self.first.memory().saturating_add(self.second.memory())
    }

    /// The sides' data was handed out.
    fn has_carried(&self) -> bool {
        self.connection.bytes != [0; 2]
    }

    /// Goes on where a connection between the same ends stood that was quiet for long.
    pub(crate) fn resume(&mut self, ends: [Option<u32>; 2]) {
        let [first, second] = ends;
        for (direction, end) in [(&mut self.first, first), (&mut self.second, second)] {
            if let Some(end) = end {
                direction.resume(end);
            }
        }
    }

    /// Takes what is known of the bytes handed out, by [`Way`].
    pub(crate) fn take_delivered(&mut self) -> [Delivered; 2] {
        [self.first.take_delivered(), self.second.take_delivered()]
    }

    fn now(&self, at: At) -> Now {
        Now { packets: self.connection.packets as u32, at }
    }

    /// Whether the segment is of this connection.
    pub(crate) fn belongs(&mut self, way: Way, segment: &Segment<'_>, recent: &Recent) -> Belongs {
        let closing = self.reset || self.first.is_closing() || self.second.is_closing();
        let over = (self.first.has_finish() && self.second.has_finish()) || (self.reset && self.has_carried());
        let (id, packets) = (self.connection.id.0, self.connection.packets as u32);
        let anew = self.anew;
        let (own, peer) = self.pair(way);
        let flags = segment.flags;
        let acknowledges = flags.has(Flags::ACK);
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            let first = segment.sequence.wrapping_add(1);
            // After the end a SYN begins another connection, whatever its number, if it is none recorded twice or late.
            if over && own.first_sequence().is_some() && !recent.knows(id, way == Way::First, packets, segment) {
                return Belongs::No;
            }
            // So does one that was ignored in the middle, once it is answered.
            let is_answer = |(other, number): (Way, u32)| other != way && segment.acknowledgment == number;
            if acknowledges && anew.is_some_and(is_answer) {
                return Belongs::No;
            }
            if own.fits_start(first) != Some(false) {
                let unrelated = acknowledges && peer.is_far(segment.acknowledgment, REUSE_WINDOW, REUSE_WINDOW);
                return if unrelated { Belongs::No } else { Belongs::Yes };
            }
            if acknowledges && !closing && peer.first_sequence() == Some(segment.acknowledgment) {
                // It answers the SYN of this connection. What was acknowledged by the client counts.
                return if own.is_established() { Belongs::Stray } else { Belongs::Restart };
            }
            let other = closing || own.is_unknown() || own.is_far(first, REUSE_WINDOW, REUSE_WINDOW);
            if !acknowledges {
                self.anew = Some((way, first));
            }
            return if other { Belongs::No } else { Belongs::Stray };
        }
        if segment.payload.is_empty() {
            return Belongs::Yes;
        }
        let (behind, ahead) = if closing { (REUSE_WINDOW, REUSE_WINDOW) } else { (OLDEST, LARGEST_WINDOW) };
        let far = own.is_far(segment.sequence, behind, ahead);
        let strays = own.stray(far);
        if !far {
            return Belongs::Yes;
        }
        let unrelated = acknowledges && peer.is_far(segment.acknowledgment, behind, ahead);
        if unrelated || strays >= STRAYS { Belongs::No } else { Belongs::Stray }
    }

    /// Whether the numbers of a segment are those of this connection, and its bytes no others than those recorded; without
    /// an answer, the bytes are others. `is_here`: it was recorded where the others of its direction were. `is_copy`: it is
    /// a copy of one recorded just before.
    pub(crate) fn fits(&self, way: Way, segment: &Segment<'_>, is_here: bool, is_copy: bool) -> Option<bool> {
        let (own, peer) = (self.direction(way), self.direction(way.other()));
        let flags = segment.flags;
        let acknowledges = flags.has(Flags::ACK);
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            let starts = own.fits_start(segment.sequence.wrapping_add(1));
            let answers = !acknowledges
                || peer.first_sequence().map_or_else(
                    || !peer.is_elsewhere(segment.acknowledgment, REUSE_WINDOW),
                    |first| first == segment.acknowledgment,
                );
            let may_be = is_here || is_copy || !own.is_established();
            return Some(starts != Some(false) && answers && may_be);
        }
        if own.is_elsewhere(segment.sequence, REUSE_WINDOW)
            || (acknowledges && peer.is_elsewhere(segment.acknowledgment, REUSE_WINDOW))
        {
            return Some(false);
        }
        let is_damaged = || own.soundness.is_sound() && segment.checksum() == Checksum::Wrong;
        let differs = own.has_others(segment.sequence, segment.payload) && !is_damaged();
        (!differs).then_some(true)
    }

    /// The numbers after the SYNs, by [`Way`], as far as they were seen.
    pub(crate) fn first_sequences(&self) -> [Option<u32>; 2] {
        Way::BOTH.map(|way| self.direction(way).first_sequence())
    }

    /// Begins with these numbers, which those of another connection between the same ends were taken for.
    pub(crate) fn branch(&mut self, starts: [Option<u32>; 2]) {
        for (way, start) in Way::BOTH.into_iter().zip(starts) {
            let (own, _) = self.pair(way);
            if start.is_some_and(|start| own.begin_with(start, true)) {
                self.mark_start(way);
            }
        }
    }

    /// Takes a segment that belongs to the connection.
    pub(crate) fn receive<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        belongs: Belongs,
        recent: &mut Recent,
        limits: &Limits,
        out: &mut Outlet<'_, C>,
    ) {
        let at = segment.at;
        let now = self.now(at);
        self.connection.packets = self.connection.packets.saturating_add(1);
        self.connection.last = at;
        self.newest = self.newest.max(at.time());
        let proven = self.connection.duplicates > 0;
        let copy = recent.is_copy(self.connection.id.0, way == Way::First, now.packets, proven, segment);
        if copy {
            self.connection.duplicates = self.connection.duplicates.saturating_add(1);
            out.totals.duplicates = out.totals.duplicates.saturating_add(1);
        }
        if !self.doubtful.is_empty() {
            self.resolve(Some((way, segment)), now, limits, out);
        }
        let (own, _) = self.pair(way);
        if belongs == Belongs::Stray || (segment.flags.has(Flags::RST) && !own.fits_reset(segment.sequence)) {
            self.ignore(way, segment, belongs, out);
        } else if !self.is_doubtful(way, segment) || !self.put_aside(way, segment, now) {
            self.take(way, segment, belongs, copy, now, limits, out);
        }
    }

    /// A segment that is not taken. An RST stands where its sender stands, unless that goes on at another place.
    fn ignore<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        belongs: Belongs,
        out: &mut Outlet<'_, C>,
    ) {
        out.totals.strays = out.totals.strays.saturating_add(1);
        self.connection.strays = self.connection.strays.saturating_add(segment.payload.len() as u64);
        if belongs != Belongs::Stray && segment.flags.has(Flags::RST) {
            let acknowledged = segment.flags.has(Flags::ACK).then_some(segment.acknowledgment);
            self.last_word = Some((way, segment.sequence, acknowledged));
        }
    }

    /// Nothing more comes: takes the numbers of an RST for where its sender stood.
    fn take_last_word(&mut self) {
        let Some((way, sequence, acknowledged)) = self.last_word.take() else { return };
        let (own, peer) = self.pair(way);
        if own.is_unknown() || own.is_far(sequence, 0, LARGEST_TAIL) {
            return;
        }
        own.stand(sequence);
        if let Some(number) = acknowledged.filter(|number| !peer.is_far(*number, 0, LARGEST_TAIL)) {
            peer.acknowledge(number, false, false);
        }
    }

    /// Whether the receiver dropped the segment, by its checksums.
    fn is_doubtful(&mut self, way: Way, segment: &Segment<'_>) -> bool {
        let begins = self.speaker != Some(way);
        let (own, peer) = self.pair(way);
        if segment.payload.is_empty() || !own.soundness.is_of_interest() {
            return false;
        }
        if !begins && !own.is_beginning(segment.sequence) {
            return false;
        }
        match segment.checksum() {
            Checksum::Right => own.soundness.sound(),
            Checksum::Wrong => return own.soundness.is_wrong() && !peer.is_unheard(),
            Checksum::Unknown => {}
        }
        false
    }

    /// Puts a segment aside, if there is room.
    fn put_aside(&mut self, way: Way, segment: &Segment<'_>, now: Now) -> bool {
        let Segment { sequence, acknowledgment, flags, payload, .. } = *segment;
        if self.doubtful_bytes().saturating_add(payload.len()) > DOUBTFUL {
            return false;
        }
        self.doubtful.push(Doubtful { way, sequence, acknowledgment, flags, payload: payload.into(), now });
        true
    }

    /// Takes those put aside that the receiver took, as a segment of it tells, or all without one; drops those of which a
    /// copy came.
    fn resolve<C: Consumer<State = S>>(
        &mut self,
        segment: Option<(Way, &Segment<'_>)>,
        now: Now,
        limits: &Limits,
        out: &mut Outlet<'_, C>,
    ) {
        for doubtful in std::mem::take(&mut self.doubtful) {
            let Doubtful { way, sequence, acknowledgment, flags, ref payload, now: then } = doubtful;
            let end = sequence.wrapping_add(payload.len() as u32);
            let (own, _) = self.pair(way);
            let is_past = |number: u32| number.wrapping_sub(end).cast_signed() >= 0;
            if own.has(sequence, payload.len()) {
                continue;
            }
            let is_acknowledged = segment.is_some_and(|(from, segment)| {
                from != way && segment.flags.has(Flags::ACK) && is_past(segment.acknowledgment)
            });
            if is_acknowledged {
                own.soundness.disregard();
            } else if segment.is_some() && !now.is_late(then) {
                self.doubtful.push(doubtful);
                continue;
            }
            let ends = (self.connection.client, self.connection.server);
            let (source, destination) = if way == self.client { ends } else { (ends.1, ends.0) };
            let segment = Segment {
                source,
                destination,
                sequence,
                acknowledgment,
                flags,
                payload,
                missing: 0,
                encapsulation: 0,
                whole: &[],
                damaged: false,
                at: then.at,
            };
            self.take(way, &segment, Belongs::Yes, false, then, limits, out);
        }
    }

    /// Takes a segment.
    #[expect(clippy::too_many_arguments, reason = "what is known of the segment")]
    fn take<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        belongs: Belongs,
        copy: bool,
        now: Now,
        limits: &Limits,
        out: &mut Outlet<'_, C>,
    ) {
        let flags = segment.flags;
        let resets = flags.has(Flags::RST);
        if self.last_word.is_some_and(|(by, ..)| by == way) {
            self.last_word = None;
        }
        let (own, _) = self.pair(way);
        own.hear(now);
        let opens = flags.has(Flags::SYN) && !resets;
        if opens {
            self.open(way, segment, belongs == Belongs::Restart);
            if segment.checksum() == Checksum::Right {
                self.pair(way).0.soundness.sound();
            }
        }
        if flags.has(Flags::ACK) {
            let (own, peer) = self.pair(way);
            let firm = own.first_sequence().is_some() || !segment.payload.is_empty();
            if peer.acknowledge(segment.acknowledgment, opens, firm) {
                self.mark_start(way.other());
            }
        }
        self.take_data(way, segment, copy, now, limits, out);
        if resets {
            self.reset = true;
            self.pair(way).0.set_reset(segment.sequence, segment.at);
        }
        if self.first.is_pending() || self.second.is_pending() {
            self.settle(Mode::Ripe, now, out);
        }
    }

    fn mark_start(&mut self, way: Way) {
        let [client, server] = &mut self.connection.from_start;
        *(if way == self.client { client } else { server }) = true;
    }

    /// A SYN.
    fn open(&mut self, way: Way, segment: &Segment<'_>, restart: bool) {
        let first = segment.sequence.wrapping_add(1);
        let revives = self.reset && segment.flags.has(Flags::ACK) && self.direction(way).is_unknown();
        let (own, peer) = self.pair(way);
        if revives {
            // Refused at first; the same SYN, repeated, was accepted.
            own.clear_reset();
            peer.clear_reset();
        }
        if restart {
            own.begin_again(first);
        } else if !own.begin_with(first, true) {
            return;
        }
        self.reset &= !revives;
        if !self.connection.roles_known {
            let client = if segment.flags.has(Flags::ACK) { way.other() } else { way };
            if client == self.client {
                self.connection.roles_known = true;
            } else if !self.is_told {
                self.connection.swap_roles();
                self.client = client;
            }
        }
        self.mark_start(way);
    }

    /// The data and the FIN of a segment.
    fn take_data<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        segment: &Segment<'_>,
        copy: bool,
        now: Now,
        limits: &Limits,
        out: &mut Outlet<'_, C>,
    ) {
        let flags = segment.flags;
        let finishes = flags.has(Flags::FIN);
        let bare = segment.payload.is_empty() && segment.missing == 0;
        let sequence = segment.sequence.wrapping_add(u32::from(flags.has(Flags::SYN)));
        let (own, peer) = self.pair(way);
        if bare && !finishes {
            if flags.0 & (Flags::SYN | Flags::RST) == 0 {
                own.stand(sequence);
            }
            return;
        }
        let acknowledges = flags.has(Flags::ACK);
        let needs = if acknowledges { peer.needed(segment.acknowledgment, now) } else { 0 };
        let acknowledged = if acknowledges { peer.offset_of(segment.acknowledgment) } else { None };
        let open = needs <= peer.passed();
        let Some(position) = own.locate(sequence, segment.payload, flags.has(Flags::PSH), now) else { return };
        let passed =
            if open && segment.missing == 0 && !bare { own.pass(position, segment.payload.len()) } else { None };
        if let Some(offset) = passed {
            self.data(way, offset, segment.payload, acknowledged, now.at, out);
        } else if !bare {
            let Segment { payload, missing, .. } = *segment;
            if own.contradicts(position, payload, copy) {
                self.differ(payload.len() as u64, out);
            }
            let mut arrival = Arrival { position, payload, missing, needs, open, acknowledged, now };
            let (own, _) = self.pair(way);
            if !own.has_room(&arrival, limits.out_of_order) {
                self.make_room(way, &mut arrival, limits, out);
            }
            let (own, _) = self.pair(way);
            let (bytes, differing) = own.receive(arrival);
            if differing > 0 {
                self.differ(differing, out);
            }
            if let Some((offset, bytes)) = bytes {
                self.data(way, offset, bytes, acknowledged, now.at, out);
            }
        }
        if finishes {
            let length = (segment.payload.len() as u64).saturating_add(u64::from(segment.missing));
            self.pair(way).0.finish_at(position.saturating_add(length), needs, now);
        }
    }

    /// Bytes came twice, and differ.
    fn differ<C: Consumer<State = S>>(&mut self, bytes: u64, out: &mut Outlet<'_, C>) {
        self.connection.overlaps_differing = self.connection.overlaps_differing.saturating_add(bytes);
        out.totals.overlaps_differing = out.totals.overlaps_differing.saturating_add(bytes);
    }

    /// Gives up what blocks a direction until the segment can be kept, or handed out.
    fn make_room<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        arrival: &mut Arrival<'_>,
        limits: &Limits,
        out: &mut Outlet<'_, C>,
    ) {
        out.totals.direction_limit = out.totals.direction_limit.saturating_add(1);
        loop {
            if !self.release(Mode::Forced(way), arrival.now, out) {
                break;
            }
            self.settle(Mode::Ripe, arrival.now, out);
            let (own, peer) = self.pair(way);
            arrival.open = arrival.needs <= peer.passed();
            if own.has_room(arrival, limits.out_of_order) {
                return;
            }
        }
        // Nothing waits, and the segment alone is too large.
        let (own, peer) = self.pair(way);
        own.settle_start();
        peer.concede(arrival.needs);
        arrival.open = true;
        if arrival.position > own.expected() {
            self.gap(way, arrival.position, arrival.now.at, out);
        }
    }

    /// Hands out what can be, releases what is ripe (or more, by `mode`), and so on until nothing moves.
    fn settle<C: Consumer<State = S>>(&mut self, mode: Mode, now: Now, out: &mut Outlet<'_, C>) {
        loop {
            while self.drain(Way::First, out) | self.drain(Way::Second, out) {}
            self.first.observe(now);
            self.second.observe(now);
            if !self.release(mode, now, out) {
                return;
            }
        }
    }

    /// Hands out the waiting bytes and the end of one direction, as far as nothing blocks them.
    fn drain<C: Consumer<State = S>>(&mut self, way: Way, out: &mut Outlet<'_, C>) -> bool {
        let mut moved = false;
        loop {
            let (own, peer) = self.pair(way);
            let passed = peer.passed();
            if let Some((offset, chunk)) = own.pop(passed) {
                self.data(way, offset, &chunk.bytes, chunk.acknowledged, chunk.now.at, out);
            } else if let Some(at) = own.finished(passed) {
                own.set_ended();
                self.end(way, End::Fin, at, out);
            } else {
                return moved;
            }
            moved = true;
        }
    }

    /// Removes one obstacle, if there is one that may be removed.
    fn release<C: Consumer<State = S>>(&mut self, mode: Mode, now: Now, out: &mut Outlet<'_, C>) -> bool {
        if let Mode::Forced(way) = mode {
            return self.give_up(way, now, out);
        }
        for way in Way::BOTH {
            let finishing = self.first.has_finish() && self.second.has_finish();
            let own = self.direction(way);
            let ripe = mode == Mode::All || own.start_is_ripe(finishing, now);
            if matches!(own.block(), Block::Start) && ripe {
                return self.give_up(way, now, out);
            }
        }
        for way in Way::BOTH {
            let (own, peer) = (self.direction(way), self.direction(way.other()));
            if let Block::Hole { end, beyond } = own.block()
                && own.hole_is_ripe(end, beyond, peer, now)
            {
                return self.give_up(way, now, out);
            }
        }
        for way in Way::BOTH {
            let (own, peer) = (self.direction(way), self.direction(way.other()));
            if let Block::Gate { needs, now: then } = own.block()
                && (now.is_late(then) || peer.is_silent(now))
            {
                let hole = matches!(peer.block(), Block::Hole { end, .. } if end <= needs);
                return self.give_up(if hole { way.other() } else { way }, now, out);
            }
        }
        if mode != Mode::All {
            return false;
        }
        let way = match (self.first.block(), self.second.block()) {
            (Block::Nothing, Block::Nothing) => return false,
            (Block::Hole { beyond: Some(first), .. }, Block::Hole { beyond: Some(second), .. })
            | (Block::Gate { now: first, .. }, Block::Gate { now: second, .. }) => {
                if first.at.order() <= second.at.order() { Way::First } else { Way::Second }
            }
            (Block::Hole { beyond: Some(_), .. }, _) => Way::First,
            (_, Block::Hole { beyond: Some(_), .. }) => Way::Second,
            (Block::Hole { .. }, _) => Way::First,
            (_, Block::Hole { .. }) => Way::Second,
            (Block::Nothing, _) => Way::Second,
            _ => Way::First,
        };
        self.give_up(way, now, out)
    }

    /// Removes what blocks a direction, whatever it is.
    fn give_up<C: Consumer<State = S>>(&mut self, way: Way, now: Now, out: &mut Outlet<'_, C>) -> bool {
        let (own, peer) = self.pair(way);
        match own.block() {
            Block::Nothing => return false,
            Block::Start => own.settle_start(),
            Block::Gate { needs, .. } => peer.concede(needs),
            Block::Hole { end, beyond } => self.gap(way, end, beyond.map_or(now.at, |beyond| beyond.at), out),
        }
        true
    }

    /// Declares every hole, and hands out all that waits.
    pub(crate) fn release_all<C: Consumer<State = S>>(&mut self, limits: &Limits, out: &mut Outlet<'_, C>) {
        let now = self.now(self.connection.last);
        self.resolve(None, now, limits, out);
        self.settle(Mode::All, now, out);
    }

    /// Ends both directions.
    pub(crate) fn close<C: Consumer<State = S>>(mut self, how: End, limits: &Limits, out: &mut Outlet<'_, C>) {
        self.release_all(limits, out);
        self.take_last_word();
        let last = self.connection.last;
        for way in Way::BOTH {
            if let Some(end) = self.direction(way).lost_tail() {
                self.gap(way, end, last, out);
            }
        }
        for way in Way::BOTH {
            let (own, _) = self.pair(way);
            if own.has_ended() {
                continue;
            }
            let (how, at) = own.reset_at().map_or((how, last), |at| (End::Reset, at));
            own.set_ended();
            self.end(way, how, at, out);
        }
        out.consumer.close(self.state, self.connection);
    }

    fn data<C: Consumer<State = S>>(
        &mut self,
        way: Way,
        offset: u64,
        bytes: &[u8],
        acknowledged: Option<u64>,
        at: At,
        out: &mut Outlet<'_, C>,
    ) {
        let begins = self.speaker != Some(way);
        let (own, _) = self.pair(way);
        if begins {
            own.begin_turn(offset);
        }
        own.deliver(offset, bytes);
        self.speaker = Some(way);
        self.connection.standing.acknowledged = acknowledged;
        let side = self.side(way);
        let counter = pick(&mut self.connection.bytes, side);
        *counter = counter.saturating_add(bytes.len() as u64);
        self.event(StreamEvent::Data { side, offset, bytes, at }, out);
    }

    fn gap<C: Consumer<State = S>>(&mut self, way: Way, end: u64, at: At, out: &mut Outlet<'_, C>) {
        let (offset, bytes) = self.pair(way).0.skip_to(end);
        if bytes == 0 {
            return;
        }
        let side = self.side(way);
        let counter = pick(&mut self.connection.gaps, side);
        *counter = counter.saturating_add(1);
        let counter = pick(&mut self.connection.bytes_missing, side);
        *counter = counter.saturating_add(bytes);
        out.totals.gaps = out.totals.gaps.saturating_add(1);
        out.totals.bytes_missing = out.totals.bytes_missing.saturating_add(bytes);
        self.event(StreamEvent::Gap { side, offset, bytes, at }, out);
    }

    fn end<C: Consumer<State = S>>(&mut self, way: Way, how: End, at: At, out: &mut Outlet<'_, C>) {
        let side = self.side(way);
        self.event(StreamEvent::End { side, how, at }, out);
    }

    /// Hands an event out. The consumer may swap the roles meanwhile; sides are told anew for each event.
    fn event<C: Consumer<State = S>>(&mut self, event: StreamEvent<'_>, out: &mut Outlet<'_, C>) {
        let before: Endpoint = self.connection.client;
        self.is_told = true;
        out.consumer.event(&mut self.state, &mut self.connection, event);
        if self.connection.client != before {
            self.client = self.client.other();
        }
    }
}
