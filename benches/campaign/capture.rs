//! Captures as lists of packets: read from files, changed, and written in any container.
//!
//! Packets are Ethernet with IPv4 and TCP while they are in memory, as all fixtures are; other link types are put around
//! them when they are written.

use std::{io::Write as _, ops::Range};

use flate2::{Compression, write::GzEncoder};

/// TCP's flags.
pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;

/// A packet, and what it holds of a packet of the recording that was mutated.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    /// The frame as far as it was captured.
    pub(crate) bytes: Vec<u8>,
    /// Bytes it had.
    pub(crate) length: u32,
    /// The packet it was, by its place, and the part of that one's payload that it holds unchanged.
    pub(crate) origin: Option<(usize, Range<usize>)>,
    /// What of a thing in scope that cannot be read it shows: [`HEAD`], [`BODY`], [`EITHER`].
    pub(crate) dark: u8,
}

/// It tells whose it is.
pub(crate) const HEAD: u8 = 1;
/// It tells that something was sent.
pub(crate) const BODY: u8 = 2;
/// It is one of two copies that differ: nobody can tell which the receiver took, and what it said is judged.
pub(crate) const EITHER: u8 = 4;

/// Where things are in a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    pub(crate) ip: usize,
    pub(crate) tcp: usize,
    pub(crate) payload: usize,
    /// Where the segment ends by the IP header's length; the frame may be cut before.
    pub(crate) end: usize,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    /// Address and port of both ends, the sender first.
    pub(crate) ends: [([u8; 4], u16); 2],
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// Finds IPv4 and TCP in an Ethernet frame; `None` for anything else and for frames cut inside the headers.
pub(crate) fn tcp(frame: &[u8]) -> Option<Tcp> {
    let ip = 14;
    if frame.len() < ip + 20 || be16(frame, 12) != 0x0800 || frame[ip + 9] != 6 {
        return None;
    }
    let tcp = ip + usize::from(frame[ip] & 15) * 4;
    if frame.len() < tcp + 20 {
        return None;
    }
    let address = |at: usize| [frame[at], frame[at + 1], frame[at + 2], frame[at + 3]];
    Some(Tcp {
        ip,
        tcp,
        payload: tcp + usize::from(frame[tcp + 12] >> 4) * 4,
        end: ip + usize::from(be16(frame, ip + 2)),
        sequence: be32(frame, tcp + 4),
        acknowledgement: be32(frame, tcp + 8),
        flags: frame[tcp + 13],
        ends: [(address(ip + 12), be16(frame, tcp)), (address(ip + 16), be16(frame, tcp + 2))],
    })
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Writes right checksums into a whole frame.
pub(crate) fn fix_checksums(frame: &mut [u8]) {
    let Some(at) = tcp(frame) else { return };
    if frame.len() < at.end {
        return;
    }
    frame[at.ip + 10..at.ip + 12].fill(0);
    let sum = checksum(&[&frame[at.ip..at.tcp]]);
    frame[at.ip + 10..at.ip + 12].copy_from_slice(&sum.to_be_bytes());
    frame[at.tcp + 16..at.tcp + 18].fill(0);
    let length = (at.end - at.tcp) as u16;
    let pseudo = [&frame[at.ip + 12..at.ip + 20], &[0, 6], &length.to_be_bytes()].concat();
    let sum = checksum(&[&pseudo, &frame[at.tcp..at.end]]);
    frame[at.tcp + 16..at.tcp + 18].copy_from_slice(&sum.to_be_bytes());
}

/// A copy of a frame with another payload, which begins `offset` bytes later in the stream.
pub(crate) fn with_payload(frame: &[u8], offset: usize, payload: &[u8]) -> Option<Vec<u8>> {
    let at = tcp(frame)?;
    let mut bytes = frame.get(..at.payload)?.to_vec();
    bytes.extend_from_slice(payload);
    let length = u16::try_from(bytes.len() - at.ip).ok()?;
    bytes[at.ip + 2..at.ip + 4].copy_from_slice(&length.to_be_bytes());
    let sequence = at.sequence.wrapping_add(offset as u32);
    bytes[at.tcp + 4..at.tcp + 8].copy_from_slice(&sequence.to_be_bytes());
    fix_checksums(&mut bytes);
    Some(bytes)
}

/// Gives the ends of a frame other addresses and ports.
pub(crate) fn readdress(frame: &mut [u8], ends: [([u8; 4], u16); 2]) {
    let Some(at) = tcp(frame) else { return };
    let [(source, source_port), (destination, destination_port)] = ends;
    frame[at.ip + 12..at.ip + 16].copy_from_slice(&source);
    frame[at.ip + 16..at.ip + 20].copy_from_slice(&destination);
    frame[at.tcp..at.tcp + 2].copy_from_slice(&source_port.to_be_bytes());
    frame[at.tcp + 2..at.tcp + 4].copy_from_slice(&destination_port.to_be_bytes());
    fix_checksums(frame);
}

/// A frame of an EtherType with what follows the Ethernet header.
pub(crate) fn ethernet(kind: u16, content: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 8][..], &kind.to_be_bytes(), content].concat()
}

/// An IPv4 packet of another protocol between two addresses.
pub(crate) fn ipv4(protocol: u8, source: [u8; 4], destination: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = (20 + content.len()) as u16;
    let mut ip =
        [&[0x45, 0][..], &length.to_be_bytes(), &[0, 1, 0, 0, 64, protocol, 0, 0], &source, &destination].concat();
    let sum = checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip.extend_from_slice(content);
    ethernet(0x0800, &ip)
}

/// How a capture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) pcapng: bool,
    pub(crate) nanoseconds: bool,
    pub(crate) big_endian: bool,
    pub(crate) gzip: bool,
    pub(crate) link: Link,
    /// pcapng: blocks that carry no packets stand between the packets.
    pub(crate) extras: bool,
}

impl Default for Container {
    fn default() -> Self {
        Self { pcapng: false, nanoseconds: false, big_endian: false, gzip: false, link: Link::Ethernet, extras: false }
    }
}

/// What is around the IP packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Ethernet,
    /// Ethernet with a tag of 802.1Q.
    Vlan,
    /// `LINKTYPE_RAW`.
    Raw,
    /// `LINKTYPE_LINUX_SLL`.
    Cooked,
    /// `LINKTYPE_NULL`.
    Null,
}

impl Link {
    fn number(self) -> u16 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::Raw => 101,
            Self::Cooked => 113,
            Self::Null => 0,
        }
    }

    /// The frame in this link type; `None` if it cannot hold the frame.
    fn wrap(self, frame: &[u8]) -> Option<Vec<u8>> {
        let (kind, content) = (frame.get(12..14)?, frame.get(14..)?);
        let is_ip = kind == [8, 0];
        Some(match self {
            Self::Ethernet => frame.to_vec(),
            Self::Vlan => [&frame[..12], &[0x81, 0, 0, 7], kind, content].concat(),
            Self::Raw => {
                if is_ip {
                    content.to_vec()
                } else {
                    Vec::new()
                }
            }
            Self::Cooked => [&[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], kind, content].concat(),
            Self::Null => {
                if is_ip {
                    [&[2, 0, 0, 0], content].concat()
                } else {
                    Vec::new()
                }
            }
        })
        .filter(|bytes: &Vec<u8>| !bytes.is_empty())
    }
}

/// Numbers in the byte order of a file.
struct Writer {
    bytes: Vec<u8>,
    big_endian: bool,
}

impl Writer {
    fn u16(&mut self, value: u16) {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend(if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    /// A block of a pcapng.
    fn block(&mut self, kind: u32, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self { bytes: Vec::new(), big_endian: self.big_endian };
        fill(&mut inner);
        inner.bytes.resize(inner.bytes.len().next_multiple_of(4), 0);
        let length = inner.bytes.len() as u32 + 12;
        self.u32(kind);
        self.u32(length);
        self.bytes.append(&mut inner.bytes);
        self.u32(length);
    }

    fn padded(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Writes a file. `secrets` is a key log that stands inside (pcapng only). Gives the file and where, before it is
/// compressed, each packet's record begins and ends.
pub(crate) fn write(packets: &[Packet], container: Container, secrets: Option<&str>) -> (Vec<u8>, Vec<Range<usize>>) {
    let mut to = Writer { bytes: Vec::new(), big_endian: container.big_endian };
    if container.pcapng {
        to.block(0x0a0d_0d0a, |to| {
            to.u32(0x1a2b_3c4d);
            to.u16(1);
            to.u16(0);
            to.bytes.extend([0xff; 8]);
        });
    } else {
        to.u32(if container.nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 });
        to.u16(2);
        to.u16(4);
        for word in [0, 0, 1 << 18, u32::from(container.link.number())] {
            to.u32(word);
        }
    }
    if container.pcapng {
        to.block(1, |to| {
            to.u16(container.link.number());
            to.u16(0);
            to.u32(1 << 18);
            to.u16(9);
            to.u16(1);
            to.padded(&[if container.nanoseconds { 9 } else { 6 }]);
            to.u32(0);
        });
        if let Some(text) = secrets {
            to.block(10, |to| {
                to.u32(0x544c_534b);
                to.u32(text.len() as u32);
                to.padded(text.as_bytes());
            });
        }
    }
    let mut records = Vec::new();
    for (index, packet) in packets.iter().enumerate() {
        let Some(bytes) = container.link.wrap(&packet.bytes) else {
            records.push(to.bytes.len()..to.bytes.len());
            continue;
        };
        let length = (packet.length as usize + bytes.len()).saturating_sub(packet.bytes.len()) as u32;
        if container.pcapng && container.extras && index % 3 == 1 {
            extra(&mut to, index);
        }
        let before = to.bytes.len();
        if container.pcapng {
            let time = if container.nanoseconds { packet.time } else { packet.time / 1000 };
            to.block(6, |to| {
                for word in [0, (time >> 32) as u32, time as u32, bytes.len() as u32, length] {
                    to.u32(word);
                }
                to.padded(&bytes);
                if container.extras {
                    // A comment.
                    to.u16(1);
                    to.u16(5);
                    to.padded(b"hello");
                    to.u32(0);
                }
            });
        } else {
            let below = packet.time % 1_000_000_000;
            to.u32((packet.time / 1_000_000_000) as u32);
            to.u32(if container.nanoseconds { below } else { below / 1000 } as u32);
            to.u32(bytes.len() as u32);
            to.u32(length);
            to.bytes.extend_from_slice(&bytes);
        }
        records.push(before..to.bytes.len());
    }
    let mut file = to.bytes;
    if container.gzip {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&file).expect("memory takes everything");
        file = encoder.finish().expect("memory takes everything");
    }
    (file, records)
}

/// A block without packets: statistics, names, or one that nobody knows.
fn extra(to: &mut Writer, index: usize) {
    match index / 3 % 3 {
        0 => to.block(5, |to| [0, 0, 0].into_iter().for_each(|word| to.u32(word))),
        1 => to.block(4, |to| {
            to.u16(1);
            to.u16(15);
            to.padded(&[&[10, 9, 9, 9][..], b"other.test\0"].concat());
            to.u32(0);
        }),
        _ => to.block(0x0bad, |to| to.padded(b"a block of another program")),
    }
}

/// Reads the fixtures: pcap and pcapng as tcpdump, editcap and dumpcap write them on this kind of machine. Gives the packets
/// and the key log inside.
pub(crate) fn read(file: &[u8]) -> (Vec<Packet>, String) {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
    let mut packets = Vec::new();
    let mut secrets = String::new();
    let mut add = |time: u64, bytes: &[u8], length: u32| {
        let index = packets.len();
        let payload = tcp(bytes).map_or(0, |at| at.end - at.payload);
        // The loopback interface computes none.
        let mut bytes = bytes.to_vec();
        fix_checksums(&mut bytes);
        packets.push(Packet { time, bytes, length, origin: Some((index, 0..payload)), dark: 0 });
    };
    let mut at = 0;
    if word(0) != 0x0a0d_0d0a {
        let unit = match word(0) {
            0xa1b2_c3d4 => 1000,
            0xa1b2_3c4d => 1,
            other => panic!("{other:x} is no fixture's magic number"),
        };
        at = 24;
        while at < file.len() {
            let length = word(at + 8) as usize;
            let time = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * unit;
            add(time, &file[at + 16..at + 16 + length], word(at + 12));
            at += 16 + length;
        }
        return (packets, secrets);
    }
    let mut unit = 1000;
    while at < file.len() {
        match word(at) {
            // The interface: if_tsresol is its option 9.
            1 => {
                let mut option = at + 16;
                while word(option) & 0xffff != 0 && option < at + word(at + 4) as usize - 4 {
                    if word(option) & 0xffff == 9 {
                        unit = if file[option + 4] == 9 { 1 } else { 1000 };
                    }
                    option += 4 + (word(option) as usize >> 16).next_multiple_of(4);
                }
            }
            6 => {
                let length = word(at + 20) as usize;
                let time = (u64::from(word(at + 12)) << 32 | u64::from(word(at + 16))) * unit;
                add(time, &file[at + 28..at + 28 + length], word(at + 24));
            }
            10 => {
                let length = word(at + 12) as usize;
                secrets.push_str(&String::from_utf8_lossy(&file[at + 16..at + 16 + length]));
            }
            _ => {}
        }
        at += word(at + 4) as usize;
    }
    (packets, secrets)
}
