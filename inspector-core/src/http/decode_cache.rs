//! What coded bytes were decoded to, remembered for a while.
//!
//! Recordings repeat themselves: the same token comes with every request, the same page with every visit. To find coded
//! bytes again and compare them costs a tenth of decoding them.
//!
//! What bytes decode to depends on nothing but them, so that what is remembered, and by which thread, shows nowhere.

use std::{
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

use foldhash::quality::RandomState;

use crate::bounded::Index;

/// Coded bytes of one kind of codings, and what each was decoded to.
pub(super) struct DecodeCache<K> {
    state: RandomState,
    /// By the hash of the coded bytes; of two with the same hash the later is kept.
    known: Index<u64, Entry<K>>,
    bytes: usize,
    most: usize,
}

/// Bytes that were decoded.
#[derive(Clone)]
pub(super) struct Entry<K> {
    kind: K,
    /// The bytes.
    pub(super) coded: Arc<[u8]>,
    /// What they decode to.
    pub(super) decoded: Box<[u8]>,
}

/// What an entry takes besides its bytes, about.
const OVERHEAD: usize = 128;

impl<K> Entry<K> {
    fn weight(&self) -> usize {
        self.coded.len().saturating_add(self.decoded.len()).saturating_add(OVERHEAD)
    }
}

impl<K: PartialEq> DecodeCache<K> {
    /// One that remembers up to `most` bytes of memory; then it begins anew.
    pub(super) fn new(most: usize) -> Self {
        Self { state: RandomState::default(), known: Index::default(), bytes: 0, most }
    }

    /// The entry of these bytes in this kind of coding.
    pub(super) fn find(&self, kind: &K, coded: &[u8]) -> Option<&Entry<K>> {
        let entry = self.known.get(&self.hash(coded))?;
        (entry.kind == *kind && *entry.coded == *coded).then_some(entry)
    }

    /// Remembers what bytes were decoded to, unless that would take more than an eighth of the memory there is.
    pub(super) fn keep(&mut self, kind: K, coded: impl Into<Arc<[u8]>>, decoded: &[u8]) {
        let entry = Entry { kind, coded: coded.into(), decoded: decoded.into() };
        let weight = entry.weight();
        if weight > self.most / 8 {
            return;
        }
        if self.bytes.saturating_add(weight) > self.most {
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(weight);
        if let Some(replaced) = self.known.insert(self.hash(&entry.coded), entry) {
            self.bytes = self.bytes.saturating_sub(replaced.weight());
        }
    }

    fn hash(&self, coded: &[u8]) -> u64 {
        let mut hasher = self.state.build_hasher();
        hasher.write(coded);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'l>(cache: &'l DecodeCache<u8>, kind: u8, coded: &[u8]) -> Option<&'l [u8]> {
        cache.find(&kind, coded).map(|entry| &*entry.decoded)
    }

    #[test]
    fn what_was_kept_is_found_and_nothing_else() {
        let mut cache = DecodeCache::new(10_000);
        cache.keep(1, b"one".as_slice(), b"ONE");
        cache.keep(1, b"two".as_slice(), b"TWO");
        assert_eq!(found(&cache, 1, b"one"), Some(b"ONE".as_slice()));
        assert_eq!(found(&cache, 1, b"two"), Some(b"TWO".as_slice()));
        assert_eq!(found(&cache, 2, b"one"), None, "of another kind");
        cache.keep(2, b"one".as_slice(), b"other");
        assert_eq!((found(&cache, 2, b"one"), found(&cache, 1, b"one")), (Some(b"other".as_slice()), None));
        // Of the same hash.
        let entry = cache.known.remove(&cache.hash(b"two")).unwrap();
        cache.known.insert(cache.hash(b"three"), entry);
        assert_eq!(found(&cache, 1, b"three"), None);
    }

    #[test]
    fn no_more_is_remembered_than_allowed() {
        let mut cache = DecodeCache::new(10_000);
        let mut fullest = 0;
        for n in 0_u32..300 {
            for coded in [n.to_be_bytes().as_slice(), b"again"] {
                cache.keep(0, coded, &vec![7; n as usize]);
                assert!(found(&cache, 0, coded).is_some());
            }
            let weight: usize = cache.known.values().map(Entry::weight).sum();
            assert_eq!(weight, cache.bytes);
            fullest = fullest.max(weight);
        }
        assert!((5000..=10_000).contains(&fullest), "{fullest}");
        cache.keep(0, b"large".as_slice(), &[7; 1250]);
        assert!(found(&cache, 0, b"large").is_none());
    }
}
