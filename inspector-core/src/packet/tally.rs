//! Packets that led to nothing, counted by kind and by whom they went between: a recording has millions of them between few.

use std::collections::BTreeMap;

use crate::{evidence::At, note::Between};

/// Groups kept. Beyond, packets are counted between unknown addresses, so that none is lost for the outcome.
const MOST: usize = 4096;

/// What is known of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Packets in it.
    pub packets: u64,
    /// The first of them, if it has a place.
    pub first: Option<At>,
}

/// Counts packets by kind, both directions between two hosts alike.
#[derive(Clone, Debug)]
pub struct Tally<K> {
    groups: BTreeMap<(K, Between), Group>,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { groups: BTreeMap::new() }
    }
}

impl<K: Copy + Ord> Tally<K> {
    /// Counts packets of a kind.
    pub fn add(&mut self, kind: K, between: Between, packets: u64, first: Option<At>) {
        // A group has no address that is a host's: which side it is on is told by the order.
        let between = if between.is_to_group() { between } else { between.unordered() };
        let mut key = (kind, between);
        if self.groups.len() >= MOST && !self.groups.contains_key(&key) {
            key.1 = Between::Unknown;
        }
        let group = self.groups.entry(key).or_insert(Group { packets: 0, first });
        group.packets = group.packets.saturating_add(packets);
        if let (Some(known), Some(first)) = (group.first, first)
            && first.order() < known.order()
        {
            group.first = Some(first);
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Takes the groups out, in the order of kinds and addresses.
    pub fn take(&mut self) -> impl Iterator<Item = (K, Between, Group)> + use<K> {
        std::mem::take(&mut self.groups).into_iter().map(|((kind, between), group)| (kind, between, group))
    }
}
