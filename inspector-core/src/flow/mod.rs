//! Segments to streams: which connection a segment belongs to, and its bytes in order.
//!
//! This module knows nothing of TLS or HTTP: what a connection's bytes are handed to is a [`Consumer`].

pub mod conversation;
pub mod delivered;
pub mod duplicates;
pub mod reassembly;
mod slots;
pub mod table;
mod views;
pub mod waiting;

#[cfg(test)]
mod tests;

use crate::evidence::{At, ConnectionId, Endpoint};

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Who opened it.
    Client,
    /// Who accepted it.
    Server,
}

impl Side {
    /// The other side.
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// 0 for the client, 1 for the server.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// How a direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// FIN.
    Fin,
    /// RST by this side.
    Reset,
    /// Quiet for `Limits::idle_nanos`, pushed out by `Limits::connections`, its ports were used anew, or the other side
    /// reset the connection.
    Abandoned,
    /// The recording ended.
    Input,
}

/// What happens on a connection, in order within each direction.
#[derive(Clone, Copy, Debug)]
pub enum StreamEvent<'a> {
    /// Bytes of one direction. `side` sent them.
    Data {
        /// Sender.
        side: Side,
        /// Offset of the first byte in the direction's stream; gaps count.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
        /// The packet that brought them.
        at: At,
    },
    /// Bytes of one direction that were never recorded.
    Gap {
        /// Sender.
        side: Side,
        /// Offset of the first missing byte.
        offset: u64,
        /// How many are missing.
        bytes: u64,
        /// The packet after the hole.
        at: At,
    },
    /// One direction is over. Comes once a side.
    End {
        /// Sender.
        side: Side,
        /// How it ended.
        how: End,
        /// The packet that ended it, or the last one.
        at: At,
    },
}

/// What is known of a connection, and what was counted on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Number within the input.
    pub id: ConnectionId,
    /// First packet.
    pub first: At,
    /// Last packet so far.
    pub last: At,
    /// The side that opened it: told by SYN, else guessed from ports and corrected by content.
    pub client: Endpoint,
    /// The side that accepted it.
    pub server: Endpoint,
    /// The roles are certain (a SYN was seen, or content told).
    pub roles_known: bool,
    /// The beginning of each side's stream is known: its SYN was seen, or the other's SYN acknowledged it. By `Side::index`.
    pub from_start: [bool; 2],
    /// Packets.
    pub packets: u64,
    /// Gaps, each direction by `Side::index`.
    pub gaps: [u64; 2],
    /// Bytes in those gaps.
    pub bytes_missing: [u64; 2],
    /// Duplicate packets dropped (mirror ports, pktmon): same bytes again at once; retransmissions by TCP are not counted.
    pub duplicates: u64,
    /// Bytes sent again that differ from those handed out or kept, and those of which it is not known any more.
    pub overlaps_differing: u64,
    /// Bytes of segments that have the connection's addresses and ports, but no place in its streams.
    pub strays: u64,
    /// Bytes handed out, by `Side::index`.
    pub bytes: [u64; 2],
    /// Where what is handed out now stands.
    pub standing: Standing,
}

/// Where in the two streams of a connection the latest event stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Offset of its first byte in its direction's stream. Of what is inside TLS: no later than that of its record.
    pub began: u64,
    /// Up to which offset its packet acknowledges the other direction's stream, as far as that is known.
    pub acknowledged: Option<u64>,
    /// Up to which offset each direction's stream was handed out or given up, by `Side::index`.
    pub reached: [u64; 2],
}

impl Connection {
    /// A connection of which nothing is known but its ends and where it was first seen.
    pub const fn new(id: ConnectionId, client: Endpoint, server: Endpoint, first: At) -> Self {
        Self {
            id,
            first,
            last: first,
            client,
            server,
            roles_known: false,
            from_start: [false; 2],
            packets: 0,
            gaps: [0; 2],
            bytes_missing: [0; 2],
            duplicates: 0,
            overlaps_differing: 0,
            strays: 0,
            bytes: [0; 2],
            standing: Standing { began: 0, acknowledged: None, reached: [0; 2] },
        }
    }

    /// Exchanges the roles of the two ends; content has shown that the guess was wrong. Counters follow.
    pub const fn swap_roles(&mut self) {
        std::mem::swap(&mut self.client, &mut self.server);
        self.from_start = [self.from_start[1], self.from_start[0]];
        self.gaps = [self.gaps[1], self.gaps[0]];
        self.bytes_missing = [self.bytes_missing[1], self.bytes_missing[0]];
        self.bytes = [self.bytes[1], self.bytes[0]];
        self.standing.reached = [self.standing.reached[1], self.standing.reached[0]];
        self.roles_known = true;
    }
}

impl Standing {
    /// So many bytes of that side are handed out, or given up, from an offset on.
    pub(crate) const fn reach(&mut self, side: Side, offset: u64, bytes: u64) {
        self.began = offset;
        let [client, server] = &mut self.reached;
        let reached = if matches!(side, Side::Client) { client } else { server };
        *reached = offset.saturating_add(bytes);
    }
}

/// How much memory a connection's state takes.
#[derive(Clone, Copy, Debug)]
pub struct Weight {
    /// The connection.
    pub connection: ConnectionId,
    /// Where the table keeps it.
    pub(crate) place: u32,
    /// As [`Consumer::weight`] says.
    pub bytes: usize,
}

/// Takes the streams of all connections. One value serves the whole input; `State` is what it keeps per connection.
///
/// During `event` the consumer may call [`Connection::swap_roles`]; the sides of later events follow.
pub trait Consumer {
    /// Kept per connection.
    type State;

    /// What each state takes by itself, in bytes.
    const STATE: usize = size_of::<Self::State>();

    /// A connection begins.
    fn open(&mut self, connection: &Connection) -> Self::State;

    /// Something happened on it.
    fn event(&mut self, state: &mut Self::State, connection: &mut Connection, event: StreamEvent<'_>);

    /// Bytes of memory the state takes, about: what [`Limits::connections_total`](crate::limits::Limits) bounds.
    fn weight(&self, _state: &Self::State) -> usize {
        0
    }

    /// A period of the recording is over. Given the weights, at its end, of the connections on which something happened in
    /// it; returns the weights to go by, which may be those of an earlier period.
    fn weighed(&mut self, weights: Vec<Weight>) -> Vec<Weight> {
        weights
    }

    /// It is over: both directions ended, or it was abandoned. `End` events of both sides came before.
    fn close(&mut self, state: Self::State, connection: Connection);
}
