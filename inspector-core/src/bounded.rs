//! Collections whose memory is bounded: by what they forget, or by whoever fills them.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// A hash map without an order; nothing ever iterates over it. Whoever fills it bounds it.
pub(crate) type Index<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// A map that forgets its oldest entries: at most `limit` entries; inserting beyond drops the one inserted first.
#[derive(Debug)]
pub struct Memory<K, V> {
    entries: HashMap<K, V, foldhash::fast::RandomState>,
    order: VecDeque<K>,
    limit: usize,
}

impl<K: Clone + Eq + Hash, V> Memory<K, V> {
    /// An empty memory of at most `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self { entries: HashMap::default(), order: VecDeque::new(), limit }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn recall(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The value of a key, for changing it.
    pub fn recall_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Keeps a value; a key that is known keeps its age.
    pub fn keep(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
}

/// Room for 4096 entries.
impl<K: Clone + Eq + Hash, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self::new(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let mut memory = Memory::new(2);
        for key in [1, 2, 1, 3] {
            memory.keep(key, key * 10);
        }
        assert_eq!((memory.recall(&1), memory.recall(&2), memory.recall(&3)), (None, Some(&20), Some(&30)));
    }
}
