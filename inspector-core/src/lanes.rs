//! Lanes, to which the connections are dealt by their numbers.
//!
//! What the connections of a recording have in common and what depends on their order is kept once a lane. The lanes are
//! the same however many of them are worked on at once, so whichever connection reaches a bound, it is the same one.

use crate::evidence::ConnectionId;

/// How many there are: so many connections can be worked on at once.
pub(crate) const LANES: usize = 4;

/// The lane of a connection.
pub(crate) const fn lane(connection: ConnectionId) -> usize {
    (connection.0 % LANES as u64) as usize
}

/// What each lane may hold if all may hold `limit`.
pub(crate) const fn share(limit: usize) -> usize {
    limit / LANES
}

/// A value for each lane.
#[derive(Debug, Default)]
pub(crate) struct Lanes<T>([T; LANES]);

impl<T> Lanes<T> {
    /// A value each.
    pub(crate) fn new(make: impl Fn() -> T) -> Self {
        Self(std::array::from_fn(|_| make()))
    }

    /// The value of the lane of a connection.
    pub(crate) fn of(&self, connection: ConnectionId) -> &T {
        let [first, ..] = &self.0;
        self.0.get(lane(connection)).unwrap_or(first)
    }
}
