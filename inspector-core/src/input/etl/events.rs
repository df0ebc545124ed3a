//! The events of a buffer that carry packets.

use smallvec::{SmallVec, smallvec};

use super::{
    super::order::Order,
    Notes,
    buffers::{Buffer, HEADER},
};
use crate::{packet::frame::LinkType, time::Timestamp};

/// Microsoft-Windows-NDIS-PacketCapture {2ed6006e-4729-4609-b423-3ee7bcd678ef}, as its bytes lie in an event.
const NDIS: [u8; 16] = guid(0x2ed6_006e, 0x4729, 0x4609, [0xb4, 0x23, 0x3e, 0xe7, 0xbc, 0xd6, 0x78, 0xef]);
/// Microsoft-Windows-Ras-NdisWanPacketCapture {d84521f7-2235-4237-a7c0-14e3a9676286}.
const WAN: [u8; 16] = guid(0xd845_21f7, 0x2235, 0x4237, [0xa7, 0xc0, 0x14, 0xe3, 0xa9, 0x67, 0x62, 0x86]);
/// Microsoft-Windows-PktMon {4d4f80d9-c8bd-4d73-bb5b-19c90402c5ac}.
const PKTMON: [u8; 16] = guid(0x4d4f_80d9, 0xc8bd, 0x4d73, [0xbb, 0x5b, 0x19, 0xc9, 0x04, 0x02, 0xc5, 0xac]);

const EVENT_HEADER: usize = 0x50;
/// Keywords of NDIS-PacketCapture.
const BEGINS: u64 = 0x4000_0000;
const ENDS: u64 = 0x8000_0000;
const DIRECTION: u64 = 0x3_0000_0000;
const WWAN: u64 = 0x200;
const WIRELESS: u64 = 0x1_0000;

const fn guid(a: u32, b: u16, c: u16, d: [u8; 8]) -> [u8; 16] {
    let ([e, f, g, h], [i, j], [k, l]) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes());
    let [m, n, o, p, q, r, s, t] = d;
    [e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t]
}

/// Bytes of a packet in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// A packet, or a part of one, and where its bytes are.
#[derive(Clone, Debug)]
pub(super) struct Logged {
    pub(super) ticks: i64,
    pub(super) time: Option<Timestamp>,
    pub(super) link: LinkType,
    pub(super) interface: u32,
    pub(super) pieces: SmallVec<[Piece; 1]>,
    /// Bytes that were sent behind those and not logged, as far as it is told.
    pub(super) cut: u32,
    /// pktmon's number of the packet, the same for its copies.
    pub(super) group: Option<(u64, u16)>,
    /// The packet begins with this event, and ends with it. Neither is told of a part in the middle, nor where nobody tells.
    pub(super) begins: bool,
    pub(super) ends: bool,
    /// Bits that tell whether it was sent or received.
    pub(super) direction: u64,
    pub(super) processor: u16,
}

impl Logged {
    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.length as usize).sum()
    }
}

/// What an event turned out to be.
pub(super) enum Found {
    Packet(Box<Logged>),
    /// pktmon had a filter.
    Filter,
    /// The event is shorter than what it says of its packet.
    Cut,
    /// A version that is not known.
    Unknown,
}

/// The events of a buffer that matter.
pub(super) fn of(buffer: &Buffer, notes: &mut Notes) -> Vec<Found> {
    let (mut at, mut found) = (HEADER, Vec::new());
    while let Some(head) = buffer.bytes.get(at..).filter(|rest| rest.len() >= 8) {
        let (kind, marker) = (head.get(2).copied().unwrap_or(0), head.get(3).copied().unwrap_or(0));
        let size = match kind {
            // SYSTEM, COMPACT and PERFINFO have the size behind a version or the type.
            1..=4 | 0x10 | 0x11 => Order::Little.u16(head, 4),
            0x0a | 0x0b | 0x0f | 0x12..=0x15 => Order::Little.u16(head, 0),
            _ => None,
        };
        let size = usize::from(size.unwrap_or(0));
        let is_padding = Order::Little.u16(head, 0).is_some_and(|word| matches!(word, 0 | 0xffff));
        if is_padding {
            break;
        }
        if marker & 0x80 == 0 || size < 8 {
            notes.add("an event of a buffer cannot be read; the rest of the buffer was left out");
            break;
        }
        let Some(event) = head.get(..size) else {
            notes.add("an event of a buffer is cut");
            break;
        };
        if matches!(kind, 0x12 | 0x13) {
            found.extend(packet(event, buffer.offset + at as u64, buffer.processor));
        }
        at = (at + size).next_multiple_of(8);
    }
    found
}

/// The packet in an event that Network Monitor saved as a frame.
pub(crate) fn packet_of_event(event: &[u8]) -> Option<(LinkType, &[u8])> {
    let Some(Found::Packet(part)) = packet(event, 0, 0) else { return None };
    let piece = part.pieces.first()?;
    let begin = usize::try_from(piece.offset).ok()?;
    Some((part.link, event.get(begin..begin + piece.length as usize)?))
}

/// Looks for a packet in an event that lies at `offset`.
fn packet(event: &[u8], offset: u64, processor: u16) -> Option<Found> {
    let provider: [u8; 16] = *event.get(0x18..)?.first_chunk()?;
    if ![NDIS, WAN, PKTMON].contains(&provider) {
        return None;
    }
    let (id, version) = (Order::Little.u16(event, 0x28)?, *event.get(0x2a)?);
    let ticks = Order::Little.i64(event, 0x10)?;
    let keyword = Order::Little.i64(event, 0x30)? as u64;
    let begin = data_of(event)?;
    let data = event.get(begin..)?;
    let place = |at: usize, length: u32| -> Option<Piece> {
        data.get(at..at.checked_add(length as usize)?)?;
        Some(Piece { offset: offset + (begin + at) as u64, length })
    };
    let word = |at| Order::Little.u32(data, at);
    let part = |link, interface, piece: Option<Piece>| {
        let Some(piece) = piece else { return Found::Cut };
        Found::Packet(Box::new(Logged {
            ticks,
            time: None,
            link,
            interface,
            pieces: smallvec![piece],
            cut: 0,
            group: None,
            begins: keyword & BEGINS != 0,
            ends: keyword & ENDS != 0,
            direction: keyword & DIRECTION,
            processor,
        }))
    };
    let link = if keyword & WIRELESS != 0 {
        LinkType(105)
    } else if keyword & WWAN != 0 {
        LinkType(101)
    } else {
        LinkType(1)
    };
    match (provider, id) {
        (NDIS, 1001) => Some(part(link, word(4)?, place(12, word(8)?))),
        (NDIS, 1003) => {
            // Port's name, adapter's name and its type, then eight bytes for each destination.
            let mut at = 12;
            for _ in 0..3 {
                at = behind_text(data, at)?;
            }
            at = at.checked_add(4 + word(at)? as usize * 8)?;
            Some(part(link, word(4)?, place(at + 4, word(at)?)))
        }
        (WAN, 5001 | 5002) => {
            let at = behind_text(data, behind_text(data, 0)?)?;
            Some(part(LinkType(1), 0, place(at + 4, word(at)?)))
        }
        (PKTMON, 100) => Some(Found::Filter),
        // Dropped packets (170) were not sent.
        (PKTMON, 160) => Some(if version == 0 { monitored(data, ticks, &place) } else { Found::Unknown }),
        _ => None,
    }
}

/// A packet of pktmon.
fn monitored(data: &[u8], ticks: i64, place: &dyn Fn(usize, u32) -> Option<Piece>) -> Found {
    let short = |at| Order::Little.u16(data, at);
    let group = Order::Little.i64(data, 0);
    let (Some(group), Some(number), Some(kind), Some(component)) = (group, short(8), short(14), short(16)) else {
        return Found::Cut;
    };
    let (Some(original), Some(logged)) = (short(30), short(32)) else { return Found::Cut };
    let link = match kind {
        1 => LinkType(1),
        2 => LinkType(105),
        3 => LinkType(101),
        _ => return Found::Unknown,
    };
    let Some(piece) = place(34, u32::from(logged)) else { return Found::Cut };
    let packet = Logged {
        ticks,
        time: None,
        link,
        interface: u32::from(component),
        pieces: smallvec![piece],
        cut: u32::from(original.saturating_sub(logged)),
        group: Some((group as u64, number)),
        begins: true,
        ends: true,
        direction: 0,
        processor: 0,
    };
    Found::Packet(Box::new(packet))
}

/// Where an event's own data begins: behind the extended items, if there are any.
fn data_of(event: &[u8]) -> Option<usize> {
    let flags = Order::Little.u16(event, 4)?;
    let mut at = EVENT_HEADER;
    if flags & 1 == 0 {
        return Some(at);
    }
    loop {
        let (linkage, size) = (Order::Little.u16(event, at + 4)?, Order::Little.u16(event, at + 6)?);
        at = (at + 8 + usize::from(size)).next_multiple_of(8);
        if linkage & 1 == 0 {
            return Some(at);
        }
    }
}

/// Where what follows a text in UTF-16 with a NUL at its end begins.
fn behind_text(data: &[u8], at: usize) -> Option<usize> {
    let end = data.get(at..)?.chunks_exact(2).position(|pair| pair == [0, 0])?;
    Some(at + 2 * end + 2)
}
