//! Packets around conversations, and pcap files around packets.
//!
//! ```text
//! | record header, 16 | Ethernet, 14 | IPv4, 20 | TCP, 20 | at most 1,460 bytes |
//! ```

use inspector_core::flow::Side;

use crate::{Pieces, Random, http1, token};

/// Most bytes of a segment.
const SEGMENT: usize = 1460;
/// Microseconds between two packets.
const INTERVAL: u64 = 20;
/// Ports used of one client address.
const PORTS: usize = 60_000;
const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// An Ethernet frame.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The frame's bytes.
    pub bytes: Vec<u8>,
    /// It carries data.
    pub has_data: bool,
}

/// One TCP connection in the making.
struct Writer {
    /// Address and port of the client tell the connection's number.
    number: usize,
    /// Next sequence number of each side.
    next: [u32; 2],
    packets: Vec<Packet>,
}

impl Writer {
    fn open(number: usize) -> Self {
        let mut writer = Self { number, next: [1000, 5000], packets: Vec::new() };
        writer.segment(Side::Client, SYN, &[]);
        writer.segment(Side::Server, SYN | ACK, &[]);
        writer.segment(Side::Client, ACK, &[]);
        writer
    }

    fn data(&mut self, side: Side, bytes: &[u8]) {
        for segment in bytes.chunks(SEGMENT) {
            self.segment(side, PSH | ACK, segment);
        }
    }

    fn close(mut self) -> Vec<Packet> {
        self.segment(Side::Client, FIN | ACK, &[]);
        self.segment(Side::Server, FIN | ACK, &[]);
        self.packets
    }

    fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let client = ([10, 0, 1, (self.number / PORTS) as u8], 5000 + (self.number % PORTS) as u16);
        let server = ([10, 0, 0, 2], 80);
        let [source, destination] = match side {
            Side::Client => [client, server],
            Side::Server => [server, client],
        };
        let length = u16::try_from(40 + payload.len()).expect("a segment fits a packet");
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend_from_slice(&source.0);
        bytes.extend_from_slice(&destination.0);
        bytes.extend_from_slice(&source.1.to_be_bytes());
        bytes.extend_from_slice(&destination.1.to_be_bytes());
        bytes.extend_from_slice(&self.next[side.index()].to_be_bytes());
        bytes.extend_from_slice(&self.next[side.other().index()].to_be_bytes());
        bytes.extend_from_slice(&[0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend_from_slice(payload);
        let counted = u32::try_from(payload.len()).expect("a segment is short") + u32::from(flags & (SYN | FIN) != 0);
        self.next[side.index()] = self.next[side.index()].wrapping_add(counted);
        self.packets.push(Packet { bytes, has_data: !payload.is_empty() });
    }
}

/// The packets of one connection, in order.
pub fn packets(pieces: &Pieces) -> Vec<Packet> {
    let mut writer = Writer::open(0);
    for (side, bytes) in pieces {
        writer.data(*side, bytes);
    }
    writer.close()
}

/// The packets of `count` connections of one exchange each, one after the other.
pub fn connections(count: usize) -> Vec<Packet> {
    let tokens: Vec<String> = (0..10).map(token::outer).collect();
    let exchanges: Vec<Pieces> = tokens.iter().map(|token| http1::exchange(0, token).into()).collect();
    let mut packets = Vec::new();
    for number in 0..count {
        let mut writer = Writer::open(number);
        for (side, bytes) in &exchanges[number % exchanges.len()] {
            writer.data(*side, bytes);
        }
        packets.extend(writer.close());
    }
    packets
}

/// Every second packet with data changes places with the one after it, if both have data.
pub fn swapped(mut packets: Vec<Packet>) -> Vec<Packet> {
    let mut at = 0;
    while at + 1 < packets.len() {
        if packets[at].has_data && packets[at + 1].has_data {
            packets.swap(at, at + 1);
            at += 1;
        }
        at += 1;
    }
    packets
}

/// Loses `percent` of the packets with data.
pub fn lossy(mut packets: Vec<Packet>, percent: u64) -> Vec<Packet> {
    let mut random = Random::default();
    packets.retain(|packet| !packet.has_data || random.below(100) >= percent);
    packets
}

/// A pcap file of link type Ethernet.
pub fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut file = Vec::with_capacity(24 + packets.iter().map(|packet| packet.bytes.len() + 16).sum::<usize>());
    let word = |file: &mut Vec<u8>, value: u64| {
        file.extend_from_slice(&u32::try_from(value).expect("a field of a capture fits").to_le_bytes());
    };
    for value in [0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 1 << 18, 1] {
        word(&mut file, value);
    }
    let mut time = (token::NOT_BEFORE + 3600) * 1_000_000;
    for packet in packets {
        let length = packet.bytes.len() as u64;
        for value in [time / 1_000_000, time % 1_000_000, length, length] {
            word(&mut file, value);
        }
        file.extend_from_slice(&packet.bytes);
        time += INTERVAL;
    }
    file
}
