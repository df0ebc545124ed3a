//! Shards, to which the connections are dealt by their numbers.
//!
//! What the connections of a recording have in common and what depends on their order is kept once a shard. The shards are
//! the same however many of them are worked on at once, so whichever connection reaches a bound, it is the same one.

use crate::evidence::ConnectionId;

/// How many there are: so many connections can be worked on at once.
pub(crate) const SHARDS: usize = 4;

/// The shard of a connection.
pub(crate) const fn of(connection: ConnectionId) -> usize {
    (connection.0 % SHARDS as u64) as usize
}

/// What each shard may hold if all may hold `limit`.
pub(crate) const fn share(limit: usize) -> usize {
    limit / SHARDS
}

/// A value for each shard.
#[derive(Debug, Default)]
pub(crate) struct Shards<T>([T; SHARDS]);

impl<T> Shards<T> {
    /// A value each.
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self(std::array::from_fn(|_| make()))
    }

    /// The value of the shard of a connection.
    pub(crate) fn of(&self, connection: ConnectionId) -> &T {
        let [first, ..] = &self.0;
        self.0.get(of(connection)).unwrap_or(first)
    }
}
