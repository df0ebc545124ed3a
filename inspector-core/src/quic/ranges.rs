//! Numbers in ranges: packets, streams.

/// Most ranges apart from each other. Beyond, the lowest are forgotten.
const MOST: usize = 1024;

/// Sorted ranges that do not touch, each from its first number up to the one after its last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    ranges: Vec<(u64, u64)>,
    /// Of lower numbers nothing is known any more.
    forgotten: u64,
}

impl Ranges {
    /// Adds the numbers from `start` up to, but not with, `end`.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        let start = start.max(self.forgotten);
        if start >= end {
            return;
        }
        // In order, which is the rule.
        if let Some((_, last)) = self.ranges.last_mut()
            && *last == start
        {
            *last = end;
            return;
        }
        let first = self.ranges.partition_point(|range| range.1 < start);
        let behind = self.ranges.get(first..).unwrap_or_default().partition_point(|range| range.0 <= end) + first;
        let touched = self.ranges.get(first..behind).unwrap_or_default();
        let low = touched.first().map_or(start, |range| range.0.min(start));
        let high = touched.last().map_or(end, |range| range.1.max(end));
        self.ranges.splice(first..behind, [(low, high)]);
        if self.ranges.len() > MOST {
            let (_, end) = self.ranges.remove(0);
            self.forgotten = end;
        }
    }

    /// Whether a number is there.
    pub(super) fn has(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= number);
        let range = after.checked_sub(1).and_then(|place| self.ranges.get(place));
        range.is_some_and(|range| number < range.1)
    }

    /// Below this number nothing is known.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number after the highest.
    pub(super) fn end(&self) -> u64 {
        self.ranges.last().map_or(self.forgotten, |range| range.1)
    }

    /// The lowest number.
    pub(super) fn first(&self) -> Option<u64> {
        self.ranges.first().map(|range| range.0)
    }

    /// The ranges, lowest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().copied()
    }

    /// What lies between the ranges, from `from` up to `to`.
    pub(super) fn holes(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut at = from.max(self.forgotten);
        let mut holes = Vec::new();
        for (start, end) in self.iter() {
            if start > at {
                holes.push((at, start.min(to)));
            }
            at = at.max(end);
        }
        if at < to {
            holes.push((at, to));
        }
        holes.retain(|(start, end)| start < end);
        holes
    }

    /// Bytes of memory it takes besides its own.
    pub(super) const fn weight(&self) -> usize {
        self.ranges.capacity() * size_of::<(u64, u64)>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_a_set(inserted in proptest::collection::vec((0..60_u64, 0..9_u64), 0..40)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (start, length) in inserted {
                ranges.insert(start, start + length);
                set.extend(start..start + length);
            }
            for number in 0..80 {
                prop_assert_eq!(ranges.has(number), set.contains(&number));
            }
            prop_assert_eq!(ranges.end(), set.last().map_or(0, |last| last + 1));
            let holes: BTreeSet<u64> = ranges.holes(5, 70).into_iter().flat_map(|(start, end)| start..end).collect();
            prop_assert_eq!(holes, (5..70).filter(|number| !set.contains(number)).collect::<BTreeSet<_>>());
            prop_assert!(ranges.ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }

    #[test]
    fn the_lowest_are_forgotten() {
        let mut ranges = Ranges::default();
        (0..2000).for_each(|number| ranges.insert(2 * number, 2 * number + 1));
        assert_eq!(ranges.iter().count(), MOST);
        assert!(ranges.forgotten() > 0 && ranges.has(3998) && !ranges.has(0));
    }
}
