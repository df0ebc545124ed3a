//! Tells copies of a packet made by the recording from retransmissions made by TCP.
//!
//! Mirror ports that see a packet both coming and going, `-i any`, and Windows' pktmon (one copy per network component)
//! record a packet several times within microseconds. TCP repeats a segment too, but only after a timeout (200 ms and
//! more) or a round trip with three acknowledgments. A packet is therefore taken for a **copy** if an earlier one of
//! the same connection and direction has the same sequence number, acknowledgment, flags, length and bytes (compared by
//! a sample of three times 16), at most [`COPY_PACKETS`] packets of the connection lie between, and
//!
//! * at most [`COPY_NANOS`] of capture time, or
//! * at most [`MIRROR_NANOS`], where VLAN or tunnel differ (a copy on the other side of a router), or
//! * where the recording has no times, at most [`TIMELESS_PACKETS`] packets.
//!
//! An acknowledgment without data is repeated by TCP at once when segments arrive out of order, so that equal ones
//! prove nothing: they count only where the encapsulation differs or copies were already proven on the connection.
//!
//! What is a copy is only counted, never left out: to the streams a copy is one more retransmission.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use crate::packet::{Flags, Segment};

/// Most packets of the connection between a packet and its copy.
pub const COPY_PACKETS: u32 = 32;

/// Most nanoseconds of capture time between a packet and its copy.
pub const COPY_NANOS: u64 = 1_000_000;

/// The same where the encapsulations differ.
pub const MIRROR_NANOS: u64 = 50_000_000;

/// Most packets of the connection between a packet and its copy where times are unknown.
pub const TIMELESS_PACKETS: u32 = 8;

/// Packets remembered, of all connections.
const REMEMBERED: usize = 2048;

/// Places for packets whose hashes begin alike.
const WAYS: usize = 4;

#[derive(Clone, Copy, Default)]
struct Seen {
    /// [`TIMELESS`] where the recording has no times.
    nanos: i64,
    packets: u32,
    encapsulation: u32,
}

/// No time.
const TIMELESS: i64 = i64::MIN;

/// Packets whose hashes begin alike: two cache lines, the hashes side by side in the first, for they are all that most
/// packets look at.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Set {
    tags: [u64; WAYS],
    seen: [Seen; WAYS],
    /// The place that is given away next.
    next: u8,
}

/// The latest packets of all connections; each overwrites an old one among those its hash tells.
pub(crate) struct Recent {
    sets: Box<[Set]>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self { sets: vec![Set::default(); REMEMBERED / WAYS].into_boxed_slice() }
    }

    /// Whether a packet that opens a connection is a copy of one remembered.
    pub(crate) fn knows(&self, connection: u64, first: bool, packets: u32, segment: &Segment<'_>) -> bool {
        let tag = tag(connection, first, segment);
        let Some(set) = self.sets.get(place(tag)) else { return false };
        let known = set.tags.iter().zip(&set.seen).find(|(known, _)| **known == tag);
        known.is_some_and(|(_, then)| is_near(then, &Seen::of(packets, segment)))
    }

    /// Remembers a packet; whether it is a copy of one remembered. `proven`: copies were seen on this connection before.
    pub(crate) fn is_copy(
        &mut self,
        connection: u64,
        first: bool,
        packets: u32,
        proven: bool,
        segment: &Segment<'_>,
    ) -> bool {
        let tag = tag(connection, first, segment);
        let now = Seen::of(packets, segment);
        let Some(set) = self.sets.get_mut(place(tag)) else { return false };
        let known = set.tags.iter().position(|known| *known == tag);
        let at = known.unwrap_or_else(|| {
            // The oldest makes room.
            let oldest = usize::from(set.next) % WAYS;
            set.next = set.next.wrapping_add(1);
            oldest
        });
        let (Some(of), Some(seen)) = (set.tags.get_mut(at), set.seen.get_mut(at)) else { return false };
        *of = tag;
        let then = std::mem::replace(seen, now);
        if known.is_none() {
            return false;
        }
        let elsewhere = then.encapsulation != now.encapsulation;
        let telling = !segment.payload.is_empty() || segment.flags.0 & (Flags::SYN | Flags::FIN | Flags::RST) != 0;
        is_near(&then, &now) && (telling || elsewhere || proven)
    }
}

impl Seen {
    fn of(packets: u32, segment: &Segment<'_>) -> Self {
        let nanos = segment.at.time().map_or(TIMELESS, crate::time::Timestamp::nanos);
        Self { nanos, packets, encapsulation: segment.encapsulation }
    }
}

const fn place(tag: u64) -> usize {
    (tag >> 32) as usize % (REMEMBERED / WAYS)
}

/// Whether two equal packets were recorded so close to each other that TCP did not repeat one.
fn is_near(then: &Seen, now: &Seen) -> bool {
    let between = now.packets.wrapping_sub(then.packets);
    let near = if then.nanos == TIMELESS || now.nanos == TIMELESS {
        between <= TIMELESS_PACKETS
    } else {
        let most = if then.encapsulation == now.encapsulation { COPY_NANOS } else { MIRROR_NANOS };
        then.nanos.abs_diff(now.nanos) <= most
    };
    near && between <= COPY_PACKETS
}

fn tag(connection: u64, first: bool, segment: &Segment<'_>) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write_u64(connection << 1 | u64::from(first));
    hasher.write_u64(u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgment));
    let payload = segment.payload;
    let length = payload.len();
    hasher.write_u64((length as u64) << 32 | u64::from(segment.missing) << 8 | u64::from(segment.flags.0));
    let sample = |from: usize| {
        let piece = payload.get(from..).and_then(<[u8]>::first_chunk::<16>);
        piece.map_or(0, |piece| u128::from_le_bytes(*piece))
    };
    if length >= 16 {
        hasher.write_u128(sample(0));
        hasher.write_u128(sample(length / 2 - 8));
        hasher.write_u128(sample(length - 16));
    } else {
        let mut piece = [0; 16];
        piece.iter_mut().zip(payload).for_each(|(to, from)| *to = *from);
        hasher.write_u128(u128::from_le_bytes(piece));
    }
    // 0 marks an empty place.
    hasher.finish() | 1
}
