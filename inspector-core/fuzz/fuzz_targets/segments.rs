//! Segments of a few connections through the flow table. Every stream must be without holes that were not told, and
//! must not continue after its end. Each byte sent is the low byte of its sequence number, so bytes at the wrong place
//! are seen.
//!
//! ```text
//! | connection 2 bits, direction 1, known acknowledgment 1 | flags | sequence, 2 | length | missing | time |   7 bytes each
//! ```
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use inspector_core::{
    evidence::{At, Endpoint},
    flow::{Connection, Consumer, StreamEvent, table::FlowTable},
    packet::{Flags, Segment},
    time::Timestamp,
};
use inspector_core_fuzz::limits;
use libfuzzer_sys::fuzz_target;

#[derive(Default)]
struct Checked {
    opened: u64,
    closed: u64,
}

#[derive(Default)]
struct Stream {
    next: [u64; 2],
    /// What the low byte of the sequence number differs from the offset by.
    skew: [Option<u8>; 2],
    ended: [bool; 2],
    bytes: [u64; 2],
}

impl Consumer for Checked {
    type State = Stream;

    fn open(&mut self, _: &Connection) -> Stream {
        self.opened += 1;
        Stream::default()
    }

    fn event(&mut self, stream: &mut Stream, _: &mut Connection, event: StreamEvent<'_>) {
        let (StreamEvent::Data { side, .. } | StreamEvent::Gap { side, .. } | StreamEvent::End { side, .. }) = event;
        let side = side.index();
        assert!(!stream.ended[side], "{event:?} after the end");
        match event {
            StreamEvent::Data { offset, bytes, .. } => {
                assert_eq!(offset, stream.next[side], "a hole that was not told");
                assert!(!bytes.is_empty(), "data without bytes");
                for (place, byte) in (offset..).zip(bytes) {
                    let skew = byte.wrapping_sub(place as u8);
                    assert_eq!(*stream.skew[side].get_or_insert(skew), skew, "a byte at the wrong place");
                }
                stream.next[side] += bytes.len() as u64;
                stream.bytes[side] += bytes.len() as u64;
            }
            StreamEvent::Gap { offset, bytes, .. } => {
                assert_eq!(offset, stream.next[side], "a gap at the wrong place");
                assert!(bytes > 0, "an empty gap");
                stream.next[side] += bytes;
            }
            StreamEvent::End { .. } => stream.ended[side] = true,
        }
    }

    fn close(&mut self, stream: Stream, connection: Connection) {
        self.closed += 1;
        assert_eq!(stream.ended, [true; 2], "closed without its ends");
        assert_eq!(stream.bytes, connection.bytes, "miscounted");
    }
}

/// First sequence numbers, by direction; two wrap around.
const STARTS: [u32; 2] = [u32::MAX - 300, 0x7fff_ff80];

fuzz_target!(|input: &[u8]| {
    let limits = limits(input);
    let (mut table, mut consumer) = (FlowTable::new(&limits), Checked::default());
    let end = |host: u8, port: u16| Endpoint { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)), port };
    let mut nanos = 1_700_000_000_000_000_000_i64;
    for (number, record) in (1..).zip(input.chunks_exact(7)) {
        let [which, flags, low, high, length, missing, time] = *record else { continue };
        let (client, server) = (end(1, 50_000 + u16::from(which & 3)), end(2, 443));
        let way = usize::from(which >> 2 & 1);
        let [source, destination] = if way == 0 { [client, server] } else { [server, client] };
        let place = u32::from(u16::from_le_bytes([low, high]));
        // A step now and then leaves the window.
        let place = if which & 0xc0 == 0xc0 { place << 14 } else { place };
        let sequence = STARTS[way].wrapping_add(place);
        let has_syn = flags & Flags::SYN != 0;
        let first = sequence.wrapping_add(u32::from(has_syn));
        let payload: Vec<u8> = (0..u32::from(length)).map(|at| first.wrapping_add(at) as u8).collect();
        nanos += i64::from(time) * i64::from(time) * 10_000_000;
        let segment = Segment {
            source,
            destination,
            sequence,
            acknowledgment: STARTS[1 - way].wrapping_add(u32::from(missing) << (which >> 4 & 3)),
            flags: Flags(flags & 0x1f),
            payload: &payload,
            missing: if which & 8 != 0 { u32::from(missing) } else { 0 },
            encapsulation: 0,
            whole: &[],
            damaged: false,
            at: At::Frame { number, time: (time != 255).then(|| Timestamp::from_nanos(nanos)) },
        };
        table.push(&segment, &mut consumer);
    }
    table.finish(&mut consumer);
    assert_eq!(consumer.opened, consumer.closed, "a connection was lost");
    assert_eq!(table.held(), 0);
});
