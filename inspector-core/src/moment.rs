//! Earlier and later: by the times of the recording, whatever the order in which it was read.
//!
//! Exporters list the newest first, captures are appended to one another in any order, and a set of files is read as it
//! was named. So nothing concludes from the place of an exchange that comes after another one in the file alone.

use crate::time::Timestamp;

/// When a request was recorded: its time; and its place in the reading, which decides between equal times and where a
/// time is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    time: Option<Timestamp>,
    place: u64,
}

impl Moment {
    /// A moment at a place in the reading.
    pub const fn new(time: Option<Timestamp>, place: u64) -> Self {
        Self { time, place }
    }

    /// Whether it is later than another.
    pub fn is_after(self, other: Self) -> bool {
        match (self.time, other.time) {
            (Some(one), Some(other)) if one != other => one > other,
            _ => self.place > other.place,
        }
    }

    /// The later of two.
    #[must_use]
    pub fn latest(self, other: Self) -> Self {
        if other.is_after(self) { other } else { self }
    }

    /// The later of this and of what was known.
    pub(crate) fn keep_latest(self, known: &mut Option<Self>) {
        *known = Some(known.map_or(self, |known| known.latest(self)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_decide_and_places_between_equals() {
        let at = |seconds: i64, place| Moment::new(Some(Timestamp::from_seconds(seconds)), place);
        let without = |place| Moment::new(None, place);
        for (one, other, after) in [
            (at(2, 1), at(1, 2), true),
            (at(1, 2), at(2, 1), false),
            (at(1, 2), at(1, 1), true),
            (at(1, 1), at(1, 1), false),
            (without(2), at(9, 1), true),
            (at(9, 1), without(2), false),
            (without(2), without(1), true),
        ] {
            assert_eq!(one.is_after(other), after, "{one:?} {other:?}");
        }
        assert_eq!(at(2, 1).latest(at(1, 2)), at(2, 1));
    }
}
