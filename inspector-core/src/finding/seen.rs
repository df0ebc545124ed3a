//! How often something was seen, and where.

use crate::evidence::Evidence;

/// How often, and the first few places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// The first few.
    pub evidence: Vec<Evidence>,
    /// How many of them are about tokens of strangers that were refused.
    pub strangers: u64,
}

impl Seen {
    /// Whether all are about tokens of strangers that were refused.
    pub const fn is_of_strangers(&self) -> bool {
        self.count > 0 && self.strangers == self.count
    }

    /// Counts one more; its place is asked for only while there is room.
    pub fn add(&mut self, limit: usize, evidence: impl FnOnce() -> Evidence) {
        self.count = self.count.saturating_add(1);
        if self.evidence.len() < limit {
            // Few have more than one piece, and there may be thousands of them.
            self.evidence.reserve_exact(1);
            self.evidence.push(evidence());
        }
    }

    /// Adds another's.
    pub fn merge(&mut self, other: Self, limit: usize) {
        self.count = self.count.saturating_add(other.count);
        self.strangers = self.strangers.saturating_add(other.strangers);
        let room = limit.saturating_sub(self.evidence.len());
        self.evidence.extend(other.evidence.into_iter().take(room));
    }
}
