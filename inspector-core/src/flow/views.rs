//! Where a connection's packets were recorded: on which VLAN, in which tunnel, on which interface.
//!
//! Most connections are recorded in one place, both directions alike. But one packet may be recorded at several places
//! (mirror ports, both sides of a router, outside and inside a tunnel), the two directions may take different ways, and
//! two networks may use the same addresses and ports, so that two connections have the same ends. The place alone tells
//! none of this from the others; the numbers and the bytes do:
//!
//! ```text
//!   place   direction   numbers, bytes              the segment is of
//!   known   any         as expected                 the connection
//!   new     unseen      acknowledge the other's     the connection: its directions take two ways
//!   new     seen        the same again              the connection: it is recorded twice
//!   new     seen        go on where it stands       the connection: it takes another way now
//!   new     any         others                      another connection between the same ends
//! ```

use super::conversation::Way;

/// No place is known. The hashes of places are odd, or 0.
const UNSEEN: u32 = 2;

/// Most further places kept in mind for a connection; a segment at any other is judged by itself.
const OTHERS: usize = 8;

/// The places of a connection.
#[derive(Debug)]
pub(super) struct Views {
    /// The first of each direction, by [`Way`]. A direction of which nothing was recorded yet is expected where the other is.
    home: [u32; 2],
    others: Vec<(Way, u32)>,
}

/// How well a segment fits a connection between its ends; the best comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// The place is the connection's, and its bytes are others than those already recorded at other places.
    Contradicts,
    /// The place is the connection's, the numbers are far from it.
    Far,
    /// The numbers fit; this direction was recorded at other places only.
    Elsewhere,
    /// The numbers fit; nothing was recorded of this direction.
    Open,
    /// The numbers fit, and the place is that of the other direction.
    Opposite,
    /// It is a copy of a packet recorded just before.
    Copy,
    /// Place and numbers fit.
    Here,
}

impl Views {
    pub(super) const fn new(view: u32) -> Self {
        Self { home: [view; 2], others: Vec::new() }
    }

    #[inline]
    const fn home(&self, way: Way) -> u32 {
        let [first, second] = self.home;
        match way {
            Way::First => first,
            Way::Second => second,
        }
    }

    const fn home_mut(&mut self, way: Way) -> &mut u32 {
        let [first, second] = &mut self.home;
        match way {
            Way::First => first,
            Way::Second => second,
        }
    }

    /// The direction was recorded at this place, and the connection nowhere twice.
    #[inline]
    pub(super) const fn is_only(&self, way: Way, view: u32) -> bool {
        self.home(way) == view && self.others.is_empty()
    }

    /// The direction was recorded at this place.
    pub(super) fn has(&self, way: Way, view: u32) -> bool {
        self.home(way) == view || self.others.contains(&(way, view))
    }

    /// The direction was recorded at another place, too.
    pub(super) fn is_shared(&self, way: Way, view: u32) -> bool {
        let home = self.home(way);
        (home != view && home != UNSEEN) || self.others.iter().any(|(other, place)| *other == way && *place != view)
    }

    /// One of the directions was recorded at another place.
    pub(super) fn has_others(&self, view: u32) -> bool {
        Way::BOTH.into_iter().any(|way| self.is_shared(way, view))
    }

    /// No place is known.
    pub(super) fn is_empty(&self) -> bool {
        self.home == [UNSEEN; 2] && self.others.is_empty()
    }

    /// The direction is recorded at this place, too; `first`: nothing was recorded of it before.
    pub(super) fn add(&mut self, way: Way, view: u32, first: bool) {
        if first || self.home(way) == UNSEEN {
            *self.home_mut(way) = view;
        } else if !self.has(way, view) && self.others.len() < OTHERS {
            self.others.push((way, view));
        }
    }

    /// The place is another connection's.
    pub(super) fn remove(&mut self, way: Way, view: u32) {
        self.others.retain(|other| *other != (way, view));
        if self.home(way) == view {
            let next = self.others.iter().position(|(other, _)| *other == way);
            let next = next.map(|next| self.others.swap_remove(next).1);
            *self.home_mut(way) = next.unwrap_or(UNSEEN);
        }
    }
}
