//! Streams and connections through the whole table, with a consumer that records and checks the order of events.

mod lifecycle;
mod places;
mod streams;

use std::net::{IpAddr, Ipv4Addr};

use super::{Connection, Consumer, End, Side, StreamEvent, table::FlowTable};
use crate::{
    evidence::{At, ConnectionId, Endpoint},
    limits::Limits,
    packet::{Flags, Segment},
    time::Timestamp,
};

pub(super) const SYN: u8 = Flags::SYN;
pub(super) const ACK: u8 = Flags::ACK;
pub(super) const FIN: u8 = Flags::FIN;
pub(super) const RST: u8 = Flags::RST;
pub(super) const PSH: u8 = Flags::PSH;

/// Nanoseconds in a millisecond.
pub(super) const MS: i64 = 1_000_000;

/// One connection as the consumer saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) id: ConnectionId,
    /// Bytes by side; a gap is filled with `?`.
    pub(super) bytes: [Vec<u8>; 2],
    /// Offset and length of the gaps, by side.
    pub(super) gaps: [Vec<(u64, u64)>; 2],
    pub(super) ends: [Option<End>; 2],
    /// `C` and `S` for every stretch of data, `c` and `s` for gaps, in the order handed out.
    pub(super) order: String,
    pub(super) closed: Option<Connection>,
    /// Length of each data event.
    pub(super) pieces: Vec<usize>,
}

/// Records what comes, and fails on events out of order.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) seen: Vec<Seen>,
    /// Swap roles at this data event of a connection, counted from 1.
    pub(super) swap_at: Option<usize>,
    pub(super) close_order: Vec<u64>,
    /// What was recorded of a connection has weight.
    pub(super) heavy: bool,
}

impl Consumer for Recorder {
    type State = usize;

    fn open(&mut self, connection: &Connection) -> usize {
        assert_eq!(connection.id.0 as usize, self.seen.len() + 1);
        self.seen.push(Seen {
            id: connection.id,
            bytes: Default::default(),
            gaps: Default::default(),
            ends: [None; 2],
            order: String::new(),
            closed: None,
            pieces: Vec::new(),
        });
        self.seen.len() - 1
    }

    fn event(&mut self, state: &mut usize, connection: &mut Connection, event: StreamEvent<'_>) {
        let seen = &mut self.seen[*state];
        assert!(seen.closed.is_none());
        let letter = match event {
            StreamEvent::Data { side, offset, bytes, .. } => {
                assert!(!bytes.is_empty());
                assert_eq!(offset, seen.bytes[side.index()].len() as u64);
                assert_eq!(seen.ends[side.index()], None);
                seen.bytes[side.index()].extend_from_slice(bytes);
                seen.pieces.push(bytes.len());
                ['C', 'S'][side.index()]
            }
            StreamEvent::Gap { side, offset, bytes, .. } => {
                assert_eq!(offset, seen.bytes[side.index()].len() as u64);
                assert_eq!(seen.ends[side.index()], None);
                assert!(bytes > 0);
                let length = seen.bytes[side.index()].len() + usize::try_from(bytes).unwrap();
                seen.bytes[side.index()].resize(length, b'?');
                seen.gaps[side.index()].push((offset, bytes));
                ['c', 's'][side.index()]
            }
            StreamEvent::End { side, how, .. } => {
                assert_eq!(seen.ends[side.index()].replace(how), None, "a second end");
                '.'
            }
        };
        if letter != '.' && !seen.order.ends_with(letter) {
            seen.order.push(letter);
        }
        if self.swap_at == Some(seen.pieces.len()) {
            self.swap_at = None;
            connection.swap_roles();
            seen.bytes.swap(0, 1);
            seen.gaps.swap(0, 1);
            seen.ends.swap(0, 1);
        }
        let sum = |side: Side| connection.bytes[side.index()] + connection.bytes_missing[side.index()];
        for side in [Side::Client, Side::Server] {
            assert_eq!(sum(side), seen.bytes[side.index()].len() as u64, "{side:?} after {event:?}");
        }
    }

    fn weight(&self, state: &usize) -> usize {
        self.seen.get(*state).map_or(0, |seen| if self.heavy { seen.bytes.iter().map(Vec::len).sum() } else { 0 })
    }

    fn close(&mut self, state: usize, connection: Connection) {
        let seen = &mut self.seen[state];
        assert!(seen.ends.iter().all(Option::is_some), "closed before both ends");
        assert_eq!(connection.gaps, [seen.gaps[0].len() as u64, seen.gaps[1].len() as u64]);
        self.close_order.push(connection.id.0);
        assert!(seen.closed.replace(connection).is_none());
    }
}

/// An owned segment. `from` is 0 for the end with the high port.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) ends: [Endpoint; 2],
    pub(super) from: usize,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
    pub(super) flags: u8,
    pub(super) payload: Vec<u8>,
    pub(super) missing: u32,
    pub(super) encapsulation: u32,
    /// TCP header and data, if its checksum is to be looked at.
    pub(super) whole: Vec<u8>,
    pub(super) nanos: Option<i64>,
}

pub(super) fn end(host: u8, port: u16) -> Endpoint {
    Endpoint { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), port }
}

/// A table, its consumer, and the count of packets so far.
pub(super) struct Bench {
    pub(super) table: FlowTable<Recorder>,
    pub(super) recorder: Recorder,
    pub(super) number: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(&Limits::default())
    }

    pub(super) fn with(limits: &Limits) -> Self {
        Self { table: FlowTable::new(limits), recorder: Recorder::default(), number: 0 }
    }

    pub(super) fn push(&mut self, packet: &Packet) {
        self.number += 1;
        let segment = Segment {
            source: packet.ends[packet.from],
            destination: packet.ends[1 - packet.from],
            sequence: packet.sequence,
            acknowledgment: packet.acknowledgment,
            flags: Flags(packet.flags),
            payload: &packet.payload,
            missing: packet.missing,
            encapsulation: packet.encapsulation,
            whole: &packet.whole,
            damaged: false,
            at: At::Frame { number: self.number, time: packet.nanos.map(Timestamp::from_nanos) },
        };
        self.table.push(&segment, &mut self.recorder);
    }

    pub(super) fn finish(mut self) -> Recorder {
        self.table.finish(&mut self.recorder);
        assert_eq!(self.table.held(), 0);
        assert_eq!(self.table.open_connections(), 0);
        assert!(self.recorder.seen.iter().all(|seen| seen.closed.is_some()));
        self.recorder
    }
}

/// Writes the packets of one connection as an ideal wire would have them: every byte acknowledged by what answers it.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) packets: Vec<Packet>,
    pub(super) ends: [Endpoint; 2],
    /// Next sequence number by sender.
    pub(super) next: [u32; 2],
    /// Capture time of the next packet.
    pub(super) nanos: Option<i64>,
    /// Capture time between packets.
    pub(super) step: i64,
}

impl Talk {
    pub(super) fn new(next: [u32; 2]) -> Self {
        let ends = [end(1, 50_000), end(2, 443)];
        Self { packets: Vec::new(), ends, next, nanos: Some(1_700_000_000_000 * MS), step: 2 * MS }
    }

    /// One segment at the sender's next number.
    pub(super) fn send(&mut self, from: usize, flags: u8, payload: &[u8]) -> &mut Packet {
        let sequence = self.next[from];
        let count = payload.len() as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        self.next[from] = sequence.wrapping_add(count);
        self.raw(from, sequence, flags, payload)
    }

    /// One segment at any number.
    pub(super) fn raw(&mut self, from: usize, sequence: u32, flags: u8, payload: &[u8]) -> &mut Packet {
        let acknowledgment = if flags & ACK == 0 { 0 } else { self.next[1 - from] };
        let payload = payload.to_vec();
        let (ends, nanos) = (self.ends, self.nanos);
        self.nanos = self.nanos.map(|nanos| nanos + self.step);
        self.packets.push(Packet {
            ends,
            from,
            sequence,
            acknowledgment,
            flags,
            payload,
            missing: 0,
            encapsulation: 0,
            whole: Vec::new(),
            nanos,
        });
        self.packets.last_mut().unwrap()
    }

    pub(super) fn handshake(mut self) -> Self {
        self.send(0, SYN, b"");
        self.send(1, SYN | ACK, b"");
        self.send(0, ACK, b"");
        self
    }

    pub(super) fn data(&mut self, from: usize, payload: &[u8]) -> &mut Self {
        self.send(from, ACK | PSH, payload);
        self
    }

    /// FIN of the client, then of the server, then the last acknowledgment.
    pub(super) fn goodbye(&mut self) -> &mut Self {
        self.send(0, FIN | ACK, b"");
        self.send(1, FIN | ACK, b"");
        self.send(0, ACK, b"");
        self
    }

    pub(super) fn run(&self) -> Recorder {
        run(&self.packets)
    }
}

pub(super) fn run(packets: &[Packet]) -> Recorder {
    let mut bench = Bench::new();
    packets.iter().for_each(|packet| bench.push(packet));
    bench.finish()
}

/// Bytes that tell their own place.
pub(super) fn pattern(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(31) ^ (at >> 8)) as u8 ^ salt).collect()
}
