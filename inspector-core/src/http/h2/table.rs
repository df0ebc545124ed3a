//! HPACK's static and dynamic tables (RFC 7541 §2.3, appendix A).
//!
//! A recording can begin in the middle of a connection, or lose packets. The entries that were inserted before are then
//! unknown, but those inserted since are at the front and keep their right numbers, as indices count from the newest.

use std::collections::VecDeque;

use crate::http::compression::{Entry, size_of_entry};

/// Appendix A, index 1 first.
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// What an index refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found<'t> {
    /// An entry; its name may be unknown.
    Entry {
        /// Name.
        name: Option<&'t [u8]>,
        /// Value.
        value: &'t [u8],
    },
    /// An entry that was inserted where the recording has a hole.
    Unknown,
    /// Index 0, or beyond any table.
    Invalid,
}

/// The tables of one direction.
#[derive(Debug)]
pub(super) struct Table {
    dynamic: VecDeque<Entry>,
    size: usize,
    /// Current maximum, as the encoder announced it.
    maximum: usize,
    /// Largest size kept, whatever the encoder announces.
    cap: usize,
    /// Entries may be missing at the old end.
    incomplete: bool,
}

impl Table {
    pub(super) fn new(cap: usize) -> Self {
        Self { dynamic: VecDeque::new(), size: 0, maximum: 4096.min(cap), cap, incomplete: false }
    }

    /// The recording lacks some of the encoder's output: what was inserted by it is unknown from now on.
    pub(super) fn lose(&mut self) {
        self.dynamic.clear();
        self.size = 0;
        // The encoder's maximum may have been announced in what is missing. Keeping more than it does no harm.
        self.maximum = self.cap;
        self.incomplete = true;
    }

    pub(super) fn resize(&mut self, maximum: usize) {
        self.incomplete |= maximum > self.cap;
        self.maximum = maximum.min(self.cap);
        self.evict(0);
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        // The size by §4.1 has each entry's bytes, and the allocator's cost of them.
        self.size.saturating_add(self.dynamic.capacity().saturating_mul(size_of::<Entry>()))
    }

    pub(super) fn find(&self, index: usize) -> Found<'_> {
        let Some(static_index) = index.checked_sub(1) else { return Found::Invalid };
        if let Some((name, value)) = STATIC.get(static_index) {
            return Found::Entry { name: Some(name), value };
        }
        match self.dynamic.get(static_index - STATIC.len()) {
            Some(entry) => {
                let (name, value) = entry.parts();
                Found::Entry { name, value }
            }
            None if self.incomplete => Found::Unknown,
            None => Found::Invalid,
        }
    }

    /// Inserts an entry; an unknown name counts as empty.
    pub(super) fn insert(&mut self, name: Option<&[u8]>, value: &[u8]) {
        let size = size_of_entry(name, value);
        self.evict(size);
        if size > self.maximum {
            self.incomplete |= self.maximum == self.cap && size <= self.cap.saturating_mul(16);
            return;
        }
        self.dynamic.push_front(Entry::new(name, value));
        self.size += size;
    }

    fn evict(&mut self, coming: usize) {
        while self.size.saturating_add(coming) > self.maximum {
            let Some(entry) = self.dynamic.pop_back() else { return };
            self.size = self.size.saturating_sub(entry.size());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'t>(name: &'t [u8], value: &'t [u8]) -> Found<'t> {
        Found::Entry { name: Some(name), value }
    }

    #[test]
    fn indices_and_eviction() {
        let mut table = Table::new(4096);
        assert_eq!(table.find(0), Found::Invalid);
        assert_eq!(table.find(2), entry(b":method", b"GET"));
        assert_eq!(table.find(23), entry(b"authorization", b""));
        assert_eq!(table.find(61), entry(b"www-authenticate", b""));
        assert_eq!(table.find(62), Found::Invalid);
        table.insert(Some(b"a"), b"1");
        table.insert(Some(b"b"), b"2");
        assert_eq!((table.find(62), table.find(63)), (entry(b"b", b"2"), entry(b"a", b"1")));
        table.resize(34);
        assert_eq!((table.find(62), table.find(63)), (entry(b"b", b"2"), Found::Invalid));
        table.insert(Some(b"too long"), b"for thirty-four");
        assert_eq!(table.find(62), Found::Invalid);
    }

    #[test]
    fn after_a_loss_old_entries_are_unknown_and_new_ones_right() {
        let mut table = Table::new(4096);
        table.insert(Some(b"old"), b"0");
        table.lose();
        assert_eq!(table.find(62), Found::Unknown);
        table.insert(Some(b"new"), b"1");
        table.insert(None, b"2");
        assert_eq!(table.find(62), Found::Entry { name: None, value: b"2" });
        assert_eq!((table.find(63), table.find(64)), (entry(b"new", b"1"), Found::Unknown));
    }
}
