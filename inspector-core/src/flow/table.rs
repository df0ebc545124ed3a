//! Which connection a segment belongs to, and how long connections live.
//!
//! A connection is known by its two ends, and where two networks were recorded that use the same addresses and ports, by
//! the place of its packets, their numbers and bytes (`views`). The same ends may serve several
//! connections one after the other: a SYN with new numbers begins the next one. After both directions ended, the ends stay
//! known for a while (*lingering*, as in TIME-WAIT), so that late retransmissions and acknowledgments do not look like a new connection.
//!
//! ```text
//!             SYN or anything else          both ended                 LINGER_NANOS, or pushed out
//!   (unknown) ────────────────────► open ───────────────► lingering ────────────────────► (unknown)
//!                                    │ RST accepted            ▲
//!                                    └────────► reset ─────────┘ RESET_NANOS, or pushed out
//! ```
//!
//! Everything is O(1) per segment but the rules of holes (O(log n) in what waits): each state is a list in order of
//! entry (open: of use), so that only its front need be looked at for age. Hash maps are never iterated.

use std::{
    collections::{HashMap, VecDeque},
    hash::{Hash, Hasher},
    net::IpAddr,
};

use foldhash::fast::RandomState;

use super::{
    Connection, Consumer, End, Weight,
    conversation::{Belongs, Conversation, Outlet, REUSE_WINDOW, Way, guess_roles},
    delivered::{self, Comparison, Delivered},
    duplicates::Recent,
    reassembly::{LARGEST_TAIL, LARGEST_WINDOW},
    slots::{List, NONE, Slots},
    views::{Fit, Views},
};
use crate::{
    evidence::{ConnectionId, Endpoint},
    limits::Limits,
    packet::{Flags, Segment},
    time::Timestamp,
};

/// Nanoseconds of capture time for which segments after an accepted RST are still taken, before the connection closes.
pub const RESET_NANOS: i64 = 2_000_000_000;

/// Most connections that were reset and are not closed yet.
pub const RESET_CONNECTIONS: usize = 1024;

/// Nanoseconds of capture time for which the ends of a closed connection stay known.
pub const LINGER_NANOS: i64 = 60_000_000_000;

/// Most closed connections whose ends stay known.
pub const LINGERING: usize = 16_384;

/// Most connections that ended for being quiet whose ends stay known, however long: what comes at last may tell of bytes
/// that were not recorded.
pub const ASLEEP: usize = 16_384;

/// What of [`Limits::connections_total`] the connections that are closed, and those that ended for being quiet, may take each.
const CLOSED_SHARE: usize = 8;

/// What the table takes for each connection it knows, open or closed, in bytes, about: its slot and its place, both of which
/// are in rooms that grow by doubling.
const PLACE: usize = 384;

/// Closed connections of which it stays known what they carried at last.
pub const REMEMBERED: usize = 128;

/// Most connections, open and closed, whose ends are the same and that are known at a time.
pub const SIBLINGS: usize = 16;

/// Connections are weighed when the segments that came since take this part of what all connections may take together.
/// Not with every segment, because what a consumer keeps may be known to it a little later only.
const PERIODS: usize = 64;

/// What a segment counts for besides its payload.
const SEGMENT: usize = 128;

/// Connections closed for their age at one segment, at most; the next segment goes on.
const EXPIRE_AT_ONCE: usize = 32;

/// What was counted over all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Segments.
    pub segments: u64,
    /// Connections.
    pub connections: u64,
    /// Copies of packets made by the recording (mirror ports, pktmon).
    pub duplicates: u64,
    /// Gaps.
    pub gaps: u64,
    /// Bytes in gaps.
    pub bytes_missing: u64,
    /// Overlapping bytes that differed from those kept.
    pub overlaps_differing: u64,
    /// Segments ignored: of no connection that could be told, RST with a wrong number, SYN out of place.
    pub strays: u64,
    /// Late segments of closed connections.
    pub late: u64,
    /// Connections ended for being quiet (`Limits::idle_nanos`).
    pub idle: u64,
    /// Connections ended to make room (`Limits::connections`, `Limits::connections_total`).
    pub evicted: u64,
    /// Those of them that had carried data: what they were about to say may be lost.
    pub evicted_with_data: u64,
    /// Times `Limits::out_of_order` was reached.
    pub direction_limit: u64,
    /// Times `Limits::out_of_order_total` was reached.
    pub total_limit: u64,
}

/// The two ends, lower first, packed for hashing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    low: u128,
    high: u128,
    ports: u32,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.low);
        state.write_u128(self.high);
        state.write_u32(self.ports);
    }
}

impl Key {
    fn new(one: Endpoint, other: Endpoint) -> Self {
        let pack = |end: Endpoint| {
            let address = match end.address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            (address.to_bits(), end.port)
        };
        let (low, high) = (pack(one).min(pack(other)), pack(one).max(pack(other)));
        Self { low: low.0, high: high.0, ports: u32::from(low.1) << 16 | u32::from(high.1) }
    }
}

/// What stays of a closed connection.
#[derive(Debug)]
struct Closed {
    id: u64,
    /// Number of the first byte, as far as known, by [`Way`].
    starts: [Option<u32>; 2],
    /// Number after the last byte, by [`Way`].
    ends: [Option<u32>; 2],
    packets: u32,
    /// Copies were seen on it.
    copies: bool,
    /// The SYN of each side was seen, by [`Way`].
    syns: [bool; 2],
    /// It ended for being quiet only.
    asleep: bool,
    /// The direction of its client, if that is known.
    client: Option<Way>,
    /// What it carried at last, by [`Way`].
    delivered: Option<Box<[Delivered; 2]>>,
}

/// What a segment between the ends of a closed connection is.
enum Afterwards {
    /// A late one, of no interest.
    Late,
    /// The first of a new connection.
    New,
    /// The connection goes on, or tells of bytes that were not recorded.
    Resumed,
}

/// What a connection goes on from that was quiet for long, by the ways of the segment that told.
struct Resumed {
    ends: [Option<u32>; 2],
    client: Option<Way>,
}

impl Resumed {
    fn new(closed: &Closed, way: Way) -> Self {
        let [first, second] = closed.ends;
        match way {
            Way::First => Self { ends: [first, second], client: closed.client },
            Way::Second => Self { ends: [second, first], client: closed.client.map(Way::other) },
        }
    }
}

enum State<S> {
    Open(Box<Conversation<S>>),
    Closed(Closed),
}

/// One pair of ends.
struct Entry<S> {
    /// Sender and receiver of the first packet.
    ends: [Endpoint; 2],
    /// Capture time at which its age begins.
    stamp: i64,
    state: State<S>,
    /// Where it was recorded.
    views: Views,
    /// Place of another connection between the same ends.
    next: u32,
    /// There are others between the same ends.
    has_siblings: bool,
}

impl<S> Entry<S> {
    /// Nothing was recorded of the direction.
    fn is_unheard(&self, way: Way) -> bool {
        matches!(&self.state, State::Open(conversation) if conversation.direction(way).is_unheard())
    }
}

/// The connection of a segment.
struct Found {
    place: u32,
    way: Way,
    /// It is not the only one by its ends and places: how well the segment fits.
    fit: Option<Fit>,
}

/// What a new connection begins from.
enum Origin {
    /// One between the same ends that was quiet for long.
    Resumed(Resumed),
    /// The packets were taken for those of another one between the same ends, that began with these numbers, by the ways
    /// of the segment that told.
    Branch([Option<u32>; 2]),
}

/// All connections of an input.
pub struct FlowTable<C: Consumer> {
    limits: Limits,
    slots: Slots<Entry<C::State>>,
    places: HashMap<Key, u32, RandomState>,
    /// Open connections, the one quiet longest first.
    open: List,
    /// Reset connections.
    reset: List,
    /// Closed connections.
    lingering: List,
    /// Connections closed for being quiet.
    asleep: List,
    /// Closed connections of which it is known what they carried at last, the oldest first.
    remembered: VecDeque<u32>,
    /// Place of the latest segment's connection: the next one is likely of the same.
    latest: u32,
    recent: Recent,
    /// Bytes waiting in all connections.
    held: usize,
    /// Bytes of memory all connections take, about, without those, as of their latest weighing.
    weight: usize,
    /// Bytes taken in this period.
    period: usize,
    /// Connections to which segments were fed in this period.
    touched: Vec<(u32, ConnectionId)>,
    /// Connections that may hold bytes, by place and number, in the order in which they began to.
    holding: VecDeque<(u32, ConnectionId)>,
    /// Capture time of the latest segment that had one.
    clock: i64,
    /// Capture time at which something may be too old.
    due: i64,
    totals: Totals,
}

/// Bytes that hold at least one whole quarter of a piece, wherever they begin.
const TINY: usize = 2 * delivered::QUARTER - 1;

const fn of_way<T: Copy>(values: &[T; 2], way: Way) -> T {
    let [first, second] = *values;
    match way {
        Way::First => first,
        Way::Second => second,
    }
}

/// The direction of a segment between these ends.
#[inline]
fn way_of(ends: &[Endpoint; 2], segment: &Segment<'_>) -> Option<Way> {
    let [first, second] = ends;
    if (*first, *second) == (segment.source, segment.destination) {
        Some(Way::First)
    } else if (*first, *second) == (segment.destination, segment.source) {
        Some(Way::Second)
    } else {
        None
    }
}

impl Closed {
    /// Whether a segment's numbers are those it ended at, and its bytes no others.
    fn is_near(&self, way: Way, segment: &Segment<'_>) -> bool {
        if segment.flags.has(Flags::SYN) {
            return !of_way(&self.syns, way) && of_way(&self.starts, way) == Some(segment.sequence.wrapping_add(1));
        }
        let near = |end: Option<u32>, number: u32| {
            end.is_some_and(|end| u64::from(number.wrapping_sub(end).cast_signed().unsigned_abs()) <= REUSE_WINDOW)
        };
        near(of_way(&self.ends, way), segment.sequence)
            && (!segment.flags.has(Flags::ACK) || near(of_way(&self.ends, way.other()), segment.acknowledgment))
            && (segment.payload.is_empty() || !self.contradicts(way, segment))
    }

    /// What a segment is to it.
    fn judge(&self, way: Way, segment: &Segment<'_>, recent: &Recent) -> Afterwards {
        let flags = segment.flags;
        if flags.has(Flags::SYN) && !flags.has(Flags::RST) {
            let fits = of_way(&self.starts, way) == Some(segment.sequence.wrapping_add(1));
            let is_late = !of_way(&self.syns, way) || recent.knows(self.id, way == Way::First, self.packets, segment);
            return if fits && is_late { Afterwards::Late } else { Afterwards::New };
        }
        if self.asleep {
            return self.awake(way, segment);
        }
        // Empty segments and garbage at the end tell of nothing new; bytes beyond the end, or far before it, do.
        if segment.payload.is_empty() {
            return Afterwards::Late;
        }
        let after = segment.sequence.wrapping_add(segment.payload.len() as u32);
        let Some(end) = of_way(&self.ends, way) else { return Afterwards::New };
        let behind = end.wrapping_sub(after);
        if u64::from(behind) <= LARGEST_WINDOW && !self.contradicts(way, segment) {
            Afterwards::Late
        } else {
            Afterwards::New
        }
    }

    /// What a segment is after a long silence.
    fn awake(&self, way: Way, segment: &Segment<'_>) -> Afterwards {
        let (Some(own), peer) = (of_way(&self.ends, way), of_way(&self.ends, way.other())) else {
            return if segment.payload.is_empty() { Afterwards::Late } else { Afterwards::New };
        };
        let length = (segment.payload.len() as u32).wrapping_add(segment.missing);
        let ahead = segment.sequence.wrapping_add(length).wrapping_sub(own).cast_signed();
        let acknowledges = segment.flags.has(Flags::ACK);
        let answers =
            peer.filter(|_| acknowledges).map_or(0, |peer| segment.acknowledgment.wrapping_sub(peer).cast_signed());
        let most = LARGEST_TAIL as i32;
        let is_near = |distance: i32| (-most..=most).contains(&distance);
        if !is_near(ahead) || !is_near(answers) {
            return if segment.payload.is_empty() { Afterwards::Late } else { Afterwards::New };
        }
        // One number more is a FIN that was not recorded.
        let tells = ahead > i32::from(segment.payload.is_empty()) || answers > 1;
        let is_probe = segment.payload.len() == 1 && ahead == 0;
        match (tells, segment.payload.is_empty() || is_probe) {
            (true, _) => Afterwards::Resumed,
            (false, true) => Afterwards::Late,
            (false, false) if self.contradicts(way, segment) => Afterwards::New,
            (false, false) => Afterwards::Late,
        }
    }

    /// Whether bytes that come late are others than those it carried, or it is not known any more what it carried.
    fn contradicts(&self, way: Way, segment: &Segment<'_>) -> bool {
        let (Some(start), Some([first, second])) = (of_way(&self.starts, way), self.delivered.as_deref()) else {
            return true;
        };
        let delivered = if way == Way::First { first } else { second };
        let end = of_way(&self.ends, way).unwrap_or(start);
        // Garbage of a probe, or what lies before the beginning.
        let offset = segment.sequence.wrapping_sub(start);
        let is_probe = segment.payload.len() == 1 && end.wrapping_sub(segment.sequence) <= 2;
        let is_same = match delivered.compare(u64::from(offset), segment.payload) {
            Comparison::Same => true,
            // No digest is of a part of it. So few bytes amid others are no request with credentials, and the numbers of
            // both sides fit.
            Comparison::Unknown => offset > 0 && segment.payload.len() < TINY && self.is_acknowledging(way, segment),
            Comparison::Differs | Comparison::TooOld => false,
        };
        !is_probe && !is_same
    }

    /// Whether a segment acknowledges what the other side of it sent.
    fn is_acknowledging(&self, way: Way, segment: &Segment<'_>) -> bool {
        let (start, end) = (of_way(&self.starts, way.other()), of_way(&self.ends, way.other()));
        let (Some(start), Some(end)) = (start, end) else { return false };
        // A FIN takes a number, too.
        let room = end.wrapping_sub(start).wrapping_add(1);
        segment.flags.has(Flags::ACK) && segment.acknowledgment.wrapping_sub(start) <= room
    }
}

impl<C: Consumer> FlowTable<C> {
    /// A table without connections.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            slots: Slots::new(),
            places: HashMap::default(),
            open: List::new(),
            reset: List::new(),
            lingering: List::new(),
            asleep: List::new(),
            remembered: VecDeque::new(),
            latest: NONE,
            recent: Recent::new(),
            held: 0,
            weight: 0,
            period: 0,
            touched: Vec::new(),
            holding: VecDeque::new(),
            clock: 0,
            due: i64::MIN,
            totals: Totals::default(),
        }
    }

    /// What was counted so far.
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Bytes (with their overhead) that wait out of order in all connections.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Connections that are not closed.
    pub const fn open_connections(&self) -> usize {
        self.open.len() + self.reset.len()
    }

    /// Connections whose ends are known, open and closed.
    #[cfg(test)]
    pub(super) const fn known_connections(&self) -> usize {
        self.open_connections() + self.lingering.len() + self.asleep.len()
    }

    /// A number for a conversation that is followed elsewhere (QUIC), in the same order as those of this table.
    pub const fn allocate_id(&mut self) -> ConnectionId {
        self.totals.connections += 1;
        ConnectionId(self.totals.connections)
    }

    /// Takes a segment; what it makes known goes to the consumer.
    pub fn push(&mut self, segment: &Segment<'_>, consumer: &mut C) {
        self.totals.segments = self.totals.segments.saturating_add(1);
        let time = segment.at.time().map(Timestamp::nanos);
        if let Some(time) = time {
            self.clock = time;
            // After the clock was set back, `due` must not stay out of reach.
            self.due = self.due.min(time.saturating_add(RESET_NANOS));
            if time >= self.due {
                self.expire(consumer);
            }
        }
        let (mut place, mut way, contradicts) = match self.find(segment) {
            Some(Found { place, way, fit }) => (place, way, self.locate(place, way, fit, segment, consumer)),
            None => {
                let origin = self.answered(segment);
                (self.begin(segment, origin, consumer), Way::First, false)
            }
        };
        let mut belongs = if contradicts { Belongs::No } else { self.judge(place, way, segment) };
        if belongs == Belongs::Idle {
            self.totals.idle = self.totals.idle.saturating_add(1);
            self.drop_connection(place, End::Abandoned, true, consumer);
            belongs = self.judge(place, way, segment);
        }
        if matches!(belongs, Belongs::No | Belongs::Resumed) {
            let elsewhere = self.slots.get(place).is_some_and(|entry| entry.views.has_others(segment.encapsulation));
            let origin = if belongs == Belongs::No && elsewhere {
                self.part(place, way, segment).filter(|_| contradicts)
            } else {
                self.drop_connection(place, End::Abandoned, false, consumer);
                let before = self.forget(place).filter(|_| belongs == Belongs::Resumed);
                before.map(|closed| Origin::Resumed(Resumed::new(&closed, way)))
            };
            (place, way) = (self.begin(segment, origin, consumer), Way::First);
            belongs = Belongs::Yes;
        }
        self.latest = place;
        self.feed(place, way, segment, belongs, consumer);
        if self.held > self.limits.out_of_order_total {
            self.shed(consumer);
        }
        self.period = self.period.saturating_add(segment.payload.len()).saturating_add(SEGMENT);
        if self.period > self.limits.connections_total / PERIODS {
            self.weigh(consumer);
        }
    }

    /// The end of the input: hands out all that waits, and closes all connections in the order of their numbers.
    pub fn finish(&mut self, consumer: &mut C) {
        let open = |(place, entry): (u32, &Entry<C::State>)| match &entry.state {
            State::Open(conversation) => Some((conversation.connection.id, place)),
            State::Closed(_) => None,
        };
        let mut places: Vec<_> = self.slots.iter().filter_map(open).collect();
        places.sort_unstable();
        for (_, place) in places {
            let Some(entry) = self.slots.remove(place) else { continue };
            if let State::Open(conversation) = entry.state {
                let how = if conversation.is_reset() { End::Abandoned } else { End::Input };
                conversation.close(how, &self.limits, &mut Outlet { consumer, totals: &mut self.totals });
            }
        }
        let (limits, totals) = (self.limits.clone(), self.totals);
        *self = Self { totals, ..Self::new(&limits) };
    }

    fn find(&self, segment: &Segment<'_>) -> Option<Found> {
        let latest = self.slots.get(self.latest);
        let (place, way) = match latest.and_then(|entry| way_of(&entry.ends, segment)) {
            Some(way) => (self.latest, way),
            None => {
                let place = *self.places.get(&Key::new(segment.source, segment.destination))?;
                (place, way_of(&self.slots.get(place)?.ends, segment)?)
            }
        };
        let entry = self.slots.get(place)?;
        if !entry.has_siblings && entry.views.is_only(way, segment.encapsulation) {
            return Some(Found { place, way, fit: None });
        }
        self.choose(segment)
    }

    /// That of several connections between the same ends, or of one recorded at several places, which fits best.
    #[cold]
    fn choose(&self, segment: &Segment<'_>) -> Option<Found> {
        let mut place = *self.places.get(&Key::new(segment.source, segment.destination))?;
        let mut best: Option<Found> = None;
        while let Some(entry) = self.slots.get(place) {
            if let Some(way) = way_of(&entry.ends, segment)
                && let Some(fit) = self.fit(entry, way, segment)
                && best.as_ref().is_none_or(|best| Some(fit) > best.fit)
            {
                best = Some(Found { place, way, fit: Some(fit) });
            }
            place = entry.next;
        }
        best
    }

    /// How well a segment fits a connection between its ends.
    fn fit(&self, entry: &Entry<C::State>, way: Way, segment: &Segment<'_>) -> Option<Fit> {
        let view = segment.encapsulation;
        let is_here = entry.views.has(way, view);
        let (is_copy, fits) = match &entry.state {
            State::Open(conversation) => {
                let connection = &conversation.connection;
                let packets = connection.packets as u32;
                let is_copy = self.recent.knows(connection.id.0, way == Way::First, packets, segment);
                (is_copy, conversation.fits(way, segment, is_here, is_copy))
            }
            State::Closed(closed) => {
                let is_copy = self.recent.knows(closed.id, way == Way::First, closed.packets, segment);
                (is_copy, Some(is_copy || closed.is_near(way, segment)))
            }
        };
        Some(match fits {
            None if is_here && entry.views.is_shared(way, view) => Fit::Contradicts,
            None | Some(false) if is_here => Fit::Far,
            None | Some(false) => return None,
            Some(true) if is_here => Fit::Here,
            Some(true) if is_copy => Fit::Copy,
            Some(true) if !entry.is_unheard(way) => Fit::Elsewhere,
            Some(true) if entry.views.has(way.other(), view) => Fit::Opposite,
            Some(true) => Fit::Open,
        })
    }

    /// Remembers where the connection's packets are recorded. Tells whether the segment contradicts those recorded
    /// elsewhere, and is therefore of another connection.
    fn locate(&mut self, place: u32, way: Way, fit: Option<Fit>, segment: &Segment<'_>, consumer: &mut C) -> bool {
        let Some(fit) = fit else { return false };
        if let Some(entry) = self.slots.get_mut(place)
            && fit > Fit::Far
            && (fit == Fit::Copy || matches!(entry.state, State::Open(_)))
        {
            let first = entry.is_unheard(way);
            entry.views.add(way, segment.encapsulation, first);
        }
        if fit < Fit::Here && segment.flags.has(Flags::SYN) {
            self.displace(place, segment, consumer);
        }
        fit == Fit::Contradicts
    }

    /// A new connection is opened at this place, by the numbers of none of the others there: it is theirs no longer.
    fn displace(&mut self, place: u32, segment: &Segment<'_>, consumer: &mut C) {
        let mut other = self.places.get(&Key::new(segment.source, segment.destination)).copied().unwrap_or(NONE);
        while let Some(entry) = self.slots.get(other) {
            let (this, next) = (other, entry.next);
            other = next;
            let Some(way) = way_of(&entry.ends, segment) else { continue };
            let is_left = this != place && self.fit(entry, way, segment) == Some(Fit::Far);
            if is_left && let Some(entry) = self.slots.get_mut(this) {
                entry.views.remove(way, segment.encapsulation);
                if entry.views.is_empty() {
                    self.drop_connection(this, End::Abandoned, false, consumer);
                    self.forget(this);
                }
            }
        }
    }

    /// A SYN of another connection than those known answers one that was taken for a copy of another's.
    fn answered(&mut self, segment: &Segment<'_>) -> Option<Origin> {
        if segment.flags.0 & (Flags::SYN | Flags::ACK | Flags::RST) != Flags::SYN | Flags::ACK {
            return None;
        }
        let mut place = *self.places.get(&Key::new(segment.source, segment.destination))?;
        loop {
            let entry = self.slots.get(place)?;
            if let (Some(way), State::Open(conversation)) = (way_of(&entry.ends, segment), &entry.state)
                && entry.views.has(way.other(), segment.encapsulation)
                && entry.views.is_shared(way.other(), segment.encapsulation)
                && of_way(&conversation.first_sequences(), way.other()) == Some(segment.acknowledgment)
            {
                return self.part(place, way, segment);
            }
            place = entry.next;
        }
    }

    /// The packets recorded where the segment was are of another connection than this.
    fn part(&mut self, place: u32, way: Way, segment: &Segment<'_>) -> Option<Origin> {
        let view = segment.encapsulation;
        let entry = self.slots.get_mut(place)?;
        let State::Open(conversation) = &entry.state else { return None };
        let starts = conversation.first_sequences();
        let start = |way| if entry.views.has(way, view) { of_way(&starts, way) } else { None };
        let starts = [start(way), start(way.other())];
        Way::BOTH.into_iter().for_each(|way| entry.views.remove(way, view));
        Some(Origin::Branch(starts))
    }

    /// Opens a connection.
    fn begin(&mut self, segment: &Segment<'_>, origin: Option<Origin>, consumer: &mut C) -> u32 {
        while self.open_connections() >= self.limits.connections.max(1) {
            let Some(oldest) = self.reset.first().or(self.open.first()) else { break };
            self.evict(oldest, consumer);
        }
        self.totals.connections = self.totals.connections.saturating_add(1);
        let known = match &origin {
            Some(Origin::Resumed(resumed)) => resumed.client,
            _ => None,
        };
        let (client, roles_known) = known.map_or_else(|| guess_roles(segment), |client| (client, true));
        let (client_end, server_end) = match client {
            Way::First => (segment.source, segment.destination),
            Way::Second => (segment.destination, segment.source),
        };
        let connection = Connection {
            roles_known,
            ..Connection::new(ConnectionId(self.totals.connections), client_end, server_end, segment.at)
        };
        let state = consumer.open(&connection);
        let mut conversation = Box::new(Conversation::new::<C>(connection, state, client));
        match origin {
            Some(Origin::Resumed(resumed)) => conversation.resume(resumed.ends),
            Some(Origin::Branch(starts)) => conversation.branch(starts),
            None => {}
        }
        self.weight = self.weight.saturating_add(conversation.weight).saturating_add(PLACE);
        let place = self.slots.insert(Entry {
            ends: [segment.source, segment.destination],
            stamp: self.clock,
            state: State::Open(conversation),
            views: Views::new(segment.encapsulation),
            next: NONE,
            has_siblings: false,
        });
        self.slots.link(&mut self.open, place);
        if let Some(sibling) = self.places.insert(Key::new(segment.source, segment.destination), place) {
            self.join(place, sibling, consumer);
        }
        place
    }

    /// A connection begins between ends that have others.
    #[cold]
    fn join(&mut self, place: u32, sibling: u32, consumer: &mut C) {
        for (place, next) in [(place, Some(sibling)), (sibling, None)] {
            if let Some(entry) = self.slots.get_mut(place) {
                entry.next = next.unwrap_or(entry.next);
                entry.has_siblings = true;
            }
        }
        let (mut last, mut count) = (place, 1);
        while let Some(next) = self.slots.get(last).map(|entry| entry.next).filter(|next| *next != NONE) {
            (last, count) = (next, count + 1);
        }
        if count > SIBLINGS {
            self.evict(last, consumer);
            self.forget(last);
        }
    }

    /// Takes a connection out of those between its ends.
    fn leave(&mut self, place: u32, ends: [Endpoint; 2], next: u32) {
        let [first, second] = ends;
        let key = Key::new(first, second);
        let Some(&head) = self.places.get(&key) else { return };
        let head = if head == place { next } else { head };
        if head == NONE {
            self.places.remove(&key);
            return;
        }
        self.places.insert(key, head);
        let mut other = head;
        while let Some(entry) = self.slots.get_mut(other) {
            if entry.next == place {
                entry.next = next;
            }
            other = entry.next;
        }
        if let Some(entry) = self.slots.get_mut(head) {
            entry.has_siblings = entry.next != NONE;
        }
    }

    /// Whether the segment is of the connection at this place, closed or open.
    fn judge(&mut self, place: u32, way: Way, segment: &Segment<'_>) -> Belongs {
        let time = segment.at.time();
        let Some(entry) = self.slots.get_mut(place) else { return Belongs::No };
        match &mut entry.state {
            State::Open(conversation) => {
                // Against the newest packet, not the last: one packet with a wrong time must not split a connection.
                let quiet =
                    time.zip(conversation.newest).map(|(now, newest)| now.nanos().saturating_sub(newest.nanos()));
                if quiet.is_some_and(|quiet| quiet > self.limits.idle_nanos) {
                    return Belongs::Idle;
                }
                conversation.belongs(way, segment, &self.recent)
            }
            State::Closed(closed) => {
                let quiet = time.map_or(0, |time| time.nanos().saturating_sub(entry.stamp));
                if quiet > LINGER_NANOS && !closed.asleep {
                    return Belongs::No;
                }
                match closed.judge(way, segment, &self.recent) {
                    Afterwards::Late => Belongs::Yes,
                    Afterwards::New => Belongs::No,
                    Afterwards::Resumed => Belongs::Resumed,
                }
            }
        }
    }

    /// Gives the segment to its connection, and sees to what has become of that.
    fn feed(&mut self, place: u32, way: Way, segment: &Segment<'_>, belongs: Belongs, consumer: &mut C) {
        let Some(entry) = self.slots.get_mut(place) else { return };
        let conversation = match &mut entry.state {
            State::Open(conversation) => conversation,
            State::Closed(closed) => {
                self.totals.late = self.totals.late.saturating_add(1);
                closed.packets = closed.packets.wrapping_add(1);
                if self.recent.is_copy(closed.id, way == Way::First, closed.packets, closed.copies, segment) {
                    self.totals.duplicates = self.totals.duplicates.saturating_add(1);
                    closed.copies = true;
                }
                return;
            }
        };
        let was_reset = conversation.is_reset();
        let before = conversation.charge();
        let out = &mut Outlet { consumer, totals: &mut self.totals };
        conversation.receive(way, segment, belongs, &mut self.recent, &self.limits, out);
        let after = conversation.charge();
        self.held = self.held.saturating_sub(before).saturating_add(after);
        if !std::mem::replace(&mut conversation.touched, true) {
            self.touched.push((place, conversation.connection.id));
        }
        let (ended, is_reset) = (conversation.has_ended(), conversation.is_reset());
        let queue = after > 0 && !conversation.queued;
        let id = conversation.connection.id;
        conversation.queued |= queue;
        if !(was_reset && is_reset) {
            entry.stamp = entry.stamp.max(self.clock);
        }
        if queue {
            self.queue(place, id);
        }
        match (was_reset, is_reset) {
            (false, true) => {
                self.slots.unlink(&mut self.open, place);
                self.slots.link(&mut self.reset, place);
            }
            (true, false) => {
                self.slots.unlink(&mut self.reset, place);
                self.slots.link(&mut self.open, place);
            }
            (false, false) => self.slots.touch(&mut self.open, place),
            (true, true) => {}
        }
        if ended {
            self.drop_connection(place, End::Fin, false, consumer);
        } else if self.reset.len() > RESET_CONNECTIONS
            && let Some(oldest) = self.reset.first()
        {
            self.drop_connection(oldest, End::Abandoned, false, consumer);
        }
    }

    /// Closes the connection at this place, if it is open. Its ends linger; those of one that was only quiet stay known.
    fn drop_connection(&mut self, place: u32, how: End, asleep: bool, consumer: &mut C) {
        let Some(entry) = self.slots.get_mut(place) else { return };
        let State::Open(conversation) = &mut entry.state else { return };
        let charge = conversation.charge();
        // What waits tells where the connection stands.
        conversation.release_all(&self.limits, &mut Outlet { consumer, totals: &mut self.totals });
        self.held = self.held.saturating_sub(charge).saturating_add(conversation.charge());
        let delivered = conversation.take_delivered();
        let ways = Way::BOTH.map(|way| conversation.direction(way));
        let closed = Closed {
            id: conversation.connection.id.0,
            starts: ways.map(|direction| direction.base_sequence()),
            ends: ways.map(|direction| (!direction.is_unknown()).then(|| direction.next_sequence())),
            packets: conversation.connection.packets as u32,
            copies: conversation.connection.duplicates > 0,
            syns: ways.map(|direction| direction.first_sequence().is_some()),
            asleep,
            client: conversation.client(),
            delivered: Some(Box::new(delivered)),
        };
        entry.stamp = self.clock;
        let State::Open(conversation) = std::mem::replace(&mut entry.state, State::Closed(closed)) else { return };
        self.held = self.held.saturating_sub(conversation.charge());
        self.weight = self.weight.saturating_sub(conversation.weight);
        let list = if conversation.is_reset() { &mut self.reset } else { &mut self.open };
        self.slots.unlink(list, place);
        self.slots.link(if asleep { &mut self.asleep } else { &mut self.lingering }, place);
        conversation.close(how, &self.limits, &mut Outlet { consumer, totals: &mut self.totals });
        self.remembered.push_back(place);
        if self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.pop_front()
            && !self.remembered.contains(&oldest)
            && let Some(Entry { state: State::Closed(closed), .. }) = self.slots.get_mut(oldest)
        {
            closed.delivered = None;
        }
        let (list, most) = if asleep { (&self.asleep, ASLEEP) } else { (&self.lingering, LINGERING) };
        let affordable = self.limits.connections_total / CLOSED_SHARE / PLACE;
        let oldest = list.first().filter(|_| list.len() > most.min(self.limits.connections).min(affordable));
        if let Some(oldest) = oldest {
            self.forget(oldest);
        }
    }

    /// Forgets the ends of a closed connection.
    fn forget(&mut self, place: u32) -> Option<Closed> {
        let Some(Entry { state: State::Closed(closed), .. }) = self.slots.get(place) else { return None };
        let list = if closed.asleep { &mut self.asleep } else { &mut self.lingering };
        self.slots.unlink(list, place);
        let entry = self.slots.remove(place)?;
        self.weight = self.weight.saturating_sub(PLACE);
        self.leave(place, entry.ends, entry.next);
        match entry.state {
            State::Closed(closed) => Some(closed),
            State::Open(_) => None,
        }
    }

    /// Closes connections that have been quiet, reset or lingering for too long.
    fn expire(&mut self, consumer: &mut C) {
        let now = self.clock;
        let mut due = now.saturating_add(RESET_NANOS);
        for _ in 0..EXPIRE_AT_ONCE {
            let candidates = [
                (self.open.first(), self.limits.idle_nanos),
                (self.reset.first(), RESET_NANOS),
                (self.lingering.first(), LINGER_NANOS),
            ];
            let mut expired = None;
            for (place, age) in candidates {
                let Some(place) = place else { continue };
                let Some(entry) = self.slots.get_mut(place) else { continue };
                // The front is the oldest by order of packets: a later stamp is of a clock that was set back since.
                entry.stamp = entry.stamp.min(now);
                let end = entry.stamp.saturating_add(age);
                if end < now {
                    expired = Some(place);
                    break;
                }
                due = due.min(end.saturating_add(1));
            }
            let Some(place) = expired else {
                self.due = due;
                return;
            };
            match self.slots.get(place) {
                Some(Entry { state: State::Open(conversation), .. }) => {
                    let asleep = !conversation.is_reset();
                    self.totals.idle = self.totals.idle.saturating_add(u64::from(asleep));
                    self.drop_connection(place, End::Abandoned, asleep, consumer);
                }
                _ => drop(self.forget(place)),
            }
        }
        self.due = now;
    }

    /// Remembers that a connection holds bytes.
    fn queue(&mut self, place: u32, id: ConnectionId) {
        // Entries of closed connections are swept out when they are most of the queue: O(1) in the long run.
        if self.holding.len() > 2 * self.open_connections() + 1024 {
            let slots = &self.slots;
            self.holding.retain(|(place, id)| {
                let entry = slots.get(*place);
                matches!(entry, Some(Entry { state: State::Open(open), .. }) if open.connection.id == *id)
            });
        }
        self.holding.push_back((place, id));
    }

    /// The end of a period: weighs what was touched in it, and makes room.
    #[cold]
    fn weigh(&mut self, consumer: &mut C) {
        self.period = 0;
        let mut weights = Vec::with_capacity(self.touched.len());
        for (place, connection) in self.touched.drain(..) {
            if let Some(Entry { state: State::Open(open), .. }) = self.slots.get_mut(place)
                && open.connection.id == connection
            {
                open.touched = false;
                weights.push(Weight { connection, place, bytes: open.state_weight(consumer) });
            }
        }
        for Weight { connection, place, bytes } in consumer.weighed(weights) {
            if let Some(Entry { state: State::Open(open), .. }) = self.slots.get_mut(place)
                && open.connection.id == connection
            {
                let weight = Conversation::least_weight::<C>().saturating_add(bytes).saturating_add(open.memory());
                self.weight = self.weight.saturating_sub(open.weight).saturating_add(weight);
                open.weight = weight;
            }
        }
        self.lighten(consumer);
    }

    /// Ends the connections that were quiet longest until all others together are light enough; never that of the latest
    /// segment.
    fn lighten(&mut self, consumer: &mut C) {
        while self.weight > self.limits.connections_total {
            let latest = self.latest;
            let oldest = [self.reset.first(), self.open.first()].into_iter().flatten().find(|place| *place != latest);
            let Some(oldest) = oldest else { return };
            self.evict(oldest, consumer);
        }
    }

    /// Ends a connection to make room.
    fn evict(&mut self, place: u32, consumer: &mut C) {
        let Some(Entry { state: State::Open(conversation), .. }) = self.slots.get(place) else { return };
        let has_data = conversation.connection.bytes != [0; 2] || conversation.charge() > 0;
        self.totals.evicted = self.totals.evicted.saturating_add(1);
        self.totals.evicted_with_data = self.totals.evicted_with_data.saturating_add(u64::from(has_data));
        self.drop_connection(place, End::Abandoned, false, consumer);
    }

    /// Gives up holes, of those connections first that have waited longest, until the limit of all is kept.
    fn shed(&mut self, consumer: &mut C) {
        self.totals.total_limit = self.totals.total_limit.saturating_add(1);
        while self.held > self.limits.out_of_order_total {
            let Some((place, id)) = self.holding.pop_front() else { return };
            let Some(Entry { state: State::Open(conversation), .. }) = self.slots.get_mut(place) else { continue };
            if conversation.connection.id != id {
                continue;
            }
            conversation.queued = false;
            let before = conversation.charge();
            conversation.release_all(&self.limits, &mut Outlet { consumer, totals: &mut self.totals });
            self.held = self.held.saturating_sub(before).saturating_add(conversation.charge());
            if conversation.has_ended() {
                self.drop_connection(place, End::Fin, false, consumer);
            }
        }
    }
}
