//! Collections whose memory is bounded: by what they forget, or by whoever fills them.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
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

/// A count of bytes held by several connections together.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

#[cfg(test)]
impl Budget {
    /// What all shares hold.
    pub(crate) fn held(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Reservation {
    /// An empty share.
    pub(crate) const fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes `bytes` more unless all shares together would pass `limit`.
    pub(crate) fn grow(&mut self, bytes: usize, limit: usize) -> bool {
        let all = self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        if all.saturating_add(bytes) > limit {
            self.budget.0.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// Gives `bytes` back.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.bytes);
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
