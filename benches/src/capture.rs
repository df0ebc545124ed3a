//! Packets around conversations, and pcap files around packets; made one by one, so that a file of any size takes no memory.
//!
//! ```text
//! | record header, 16 | Ethernet, 14 | IPv4, 20 | TCP, 20 | at most 1,460 bytes |
//! ```

use inspector_core::flow::Side;

use crate::{Pieces, Random, http1, made::Made, token};

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

    fn close(&mut self) {
        self.segment(Side::Client, FIN | ACK, &[]);
        self.segment(Side::Server, FIN | ACK, &[]);
    }

    fn take(&mut self) -> Vec<Packet> {
        std::mem::take(&mut self.packets)
    }

    fn segment(&mut self, side: Side, flags: u8, payload: &[u8]) {
        let [_, high, middle, low] = u32::try_from(self.number / PORTS).expect("so many clients").to_be_bytes();
        let client = ([10, 1 + high, middle, low], 5000 + (self.number % PORTS) as u16);
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
    stream(pieces.iter().cloned()).collect()
}

/// The packets of one connection, in order, made as its pieces come.
pub fn stream(pieces: impl Iterator<Item = (Side, Vec<u8>)>) -> impl Iterator<Item = Packet> {
    let mut writer = Writer::open(0);
    pieces.map(Some).chain([None]).flat_map(move |piece| {
        match piece {
            Some((side, bytes)) => writer.data(side, &bytes),
            None => writer.close(),
        }
        writer.take()
    })
}

/// The packets of `count` connections of one exchange each, one after the other.
pub fn connections(count: usize) -> impl Iterator<Item = Packet> {
    let tokens: Vec<String> = (0..10).map(token::outer).collect();
    let exchanges: Vec<Pieces> = tokens.iter().map(|token| http1::exchange(0, token).into()).collect();
    (0..count).flat_map(move |number| {
        let mut writer = Writer::open(number);
        for (side, bytes) in &exchanges[number % exchanges.len()] {
            writer.data(*side, bytes);
        }
        writer.close();
        writer.take()
    })
}

/// The packets of `count` connections of one call each, every one by another client.
pub fn clients(count: usize) -> impl Iterator<Item = Packet> {
    let pieces = http1::exchange(0, &token::outer(0));
    (0..count).flat_map(move |number| {
        // Every connection has the first port of its own client.
        let mut writer = Writer::open(number * PORTS);
        for (side, bytes) in &pieces {
            writer.data(*side, bytes);
        }
        writer.close();
        writer.take()
    })
}

/// The packets of `count` connections that say all the same and are never closed.
pub fn open(count: usize, pieces: Pieces) -> impl Iterator<Item = Packet> {
    (0..count).flat_map(move |number| {
        let mut writer = Writer::open(number);
        for (side, bytes) in &pieces {
            writer.data(*side, bytes);
        }
        writer.take()
    })
}

/// The first packets of `count` connections, each by another client, that are never answered.
pub fn half_open(count: usize) -> impl Iterator<Item = Packet> {
    (0..count).flat_map(|number| {
        let mut writer = Writer::open(number);
        writer.packets.truncate(1);
        writer.take()
    })
}

/// The first fragments of `count` datagrams (RFC 791 §3.2) of which no other one comes.
pub fn fragments(count: usize) -> impl Iterator<Item = Packet> {
    (0..count).map(|number| {
        let mut writer = Writer { number, next: [1000, 5000], packets: Vec::new() };
        writer.segment(Side::Client, PSH | ACK, &[b'a'; SEGMENT - 4]);
        let mut packet = writer.packets.remove(0);
        // The identification and "more fragments" of the IPv4 header, which begins behind 14 bytes.
        packet.bytes[18..20].copy_from_slice(&(number as u16).to_be_bytes());
        packet.bytes[20] = 0x20;
        packet
    })
}

/// Every second packet with data changes places with the one after it, if both have data.
pub fn swapped(packets: impl IntoIterator<Item = Packet>) -> impl Iterator<Item = Packet> {
    let (mut packets, mut late) = (packets.into_iter().peekable(), None);
    std::iter::from_fn(move || {
        if let Some(packet) = late.take() {
            return Some(packet);
        }
        let packet = packets.next()?;
        let Some(next) = packets.next_if(|next| packet.has_data && next.has_data) else { return Some(packet) };
        late = Some(packet);
        Some(next)
    })
}

/// Loses `percent` of the packets with data.
pub fn lossy(mut packets: Vec<Packet>, percent: u64) -> Vec<Packet> {
    let mut random = Random::default();
    packets.retain(|packet| !packet.has_data || random.below(100) >= percent);
    packets
}

/// A pcap file of link type Ethernet.
pub fn pcap(packets: impl IntoIterator<Item = Packet, IntoIter: Send>) -> Vec<u8> {
    streamed(packets).into_bytes()
}

/// A pcap file of link type Ethernet, made as it is read.
pub fn streamed(
    packets: impl IntoIterator<Item = Packet, IntoIter: Send>,
) -> Made<impl Iterator<Item = Vec<u8>> + Send> {
    let header = words(&[0xa1b2_c3d4, 2 | 4 << 16, 0, 0, 1 << 18, 1]);
    let mut time = (token::NOT_BEFORE + 3600) * 1_000_000;
    let records = packets.into_iter().map(move |packet| {
        let length = packet.bytes.len() as u64;
        let mut record = words(&[time / 1_000_000, time % 1_000_000, length, length]);
        record.extend_from_slice(&packet.bytes);
        time += INTERVAL;
        record
    });
    Made::new([header].into_iter().chain(records))
}

fn words(values: &[u64]) -> Vec<u8> {
    let word = |value: &u64| u32::try_from(*value).expect("a field of a capture fits").to_le_bytes();
    values.iter().flat_map(word).collect()
}
