//! Event traces of Windows (`.etl`) with packets in them: `netsh trace start capture=yes`, `New-NetEventSession`, `pktmon`.
//!
//! ```text
//! file    buffers of one size, each of one processor, written as they fill
//! buffer  size:4 … filled:4 @0x30 flags:2 @0x34 type:2 @0x36 … events from 0x48 on, each aligned to 8
//! event   size:2 type:1 0xc0 flags:2 … time:8 @0x10 provider:16 @0x18 id:2 @0x28 … keyword:8 @0x30 …  data from 0x50 on
//! ```
//!
//! Packets of different processors lie out of order: the file is read twice, first for where its packets are, then in the
//! order of their times. The clock is one of three (counter, FILETIME, processor cycles), told by the first event. The same
//! packet is seen at several layers or components; one of each is kept. Windows 7 logs a packet in fragments.
//!
//! Sources: Geoff Chappell, "TRACE_LOGFILE_HEADER" and "EVENT_HEADER"; the manifests of the two providers.

mod buffers;
mod events;

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    hash::BuildHasher,
    io::{Read, SeekFrom},
};

use foldhash::fast::FixedState;

pub(crate) use self::events::packet_of_event;
use self::{
    buffers::{Clock, File},
    events::{Found, Logged, Piece},
};
use super::{Control, Format, Item, ItemSink, ReadError, Seekable, held::read_held, helpers::Helpers, order::Order};
use crate::{
    evidence::At,
    limits::Limits,
    note::{Note, NoteKind},
    packet::frame::{Frame, LinkType},
    probe::Probe,
};

/// Packets put in order at once: some 100 bytes each.
const RUN: usize = 128 << 10;
/// Copies of a packet at other layers follow it within so many packets, and so many nanoseconds.
const NEAR: usize = 64;
const NEAR_NANOS: i64 = 1_000_000;
/// Ethernet.
const ETHERNET: LinkType = LinkType(1);

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Etl;

impl Format for Etl {
    fn name(&self) -> &'static str {
        "etl"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let Some(size) = Order::Little.u32(head, 0) else { return Probe::No };
        if !size.is_power_of_two() || !(1 << 10..=16 << 20).contains(&size) {
            return Probe::No;
        }
        let Some(repeated) = Order::Little.u32(head, 0x68) else { return Probe::No };
        let is_header = Order::Little.u16(head, 0x36) == Some(4) || head.get(0x4b) == Some(&0xc0);
        let is_first = matches!(head.get(0x4a), Some(1 | 2));
        if is_header && is_first && repeated == size { Probe::Certain } else { Probe::No }
    }

    fn wants_any_place(&self, head: &[u8]) -> bool {
        self.probe(head) == Probe::Certain
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        read_held(input, limits, sink, read)
    }

    fn read_any_place(
        &self,
        input: &mut dyn Seekable,
        limits: &Limits,
        _: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        read(input, limits, sink)
    }
}

fn read(input: &mut dyn Seekable, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
    let mut file = File::open(input)?;
    let mut reading = Reading {
        sink,
        limits,
        clock: file.clock,
        number: 0,
        run: Vec::new(),
        fragments: Vec::new(),
        lately: VecDeque::new(),
    };
    let mut notes = Notes::default();
    if file.lost > 0 {
        notes.add("events were lost while it was recorded");
    }
    let mut control = Control::Continue;
    while let Some(buffer) = file.next_buffer(limits, &mut notes)? {
        for event in events::of(&buffer, &mut notes) {
            reading.found(event, &mut notes);
        }
        if reading.run.len() >= RUN {
            control = reading.hand_out(file.input(), &mut notes)?;
            if control == Control::Stop {
                break;
            }
        }
    }
    if control == Control::Continue {
        control = reading.hand_out(file.input(), &mut notes)?;
    }
    if control == Control::Continue && !reading.fragments.is_empty() {
        notes.add("a packet was logged without its end");
        reading.run = std::mem::take(&mut reading.fragments);
        reading.run.iter_mut().for_each(|packet| (packet.begins, packet.ends) = (true, true));
        control = reading.hand_out(file.input(), &mut notes)?;
    }
    if reading.number == 0 && control == Control::Continue {
        let what = "it is an event trace without captured packets: record with netsh trace start capture=yes, or with \
                    pktmon start --capture --pkt-size 0";
        return Err(ReadError::Damaged { format: "etl", what: what.to_owned() });
    }
    if control == Control::Continue {
        notes.hand_out(reading.sink);
    }
    Ok(())
}

/// What is wrong with the file, each once.
#[derive(Default)]
struct Notes {
    damaged: Vec<&'static str>,
    truncated: Option<u64>,
    filtered: bool,
}

impl Notes {
    fn add(&mut self, what: &'static str) {
        if !self.damaged.contains(&what) {
            self.damaged.push(what);
        }
    }

    fn hand_out(self, sink: &mut dyn ItemSink) {
        let damaged = self.damaged.into_iter().map(|what| NoteKind::MalformedBlock { what });
        let truncated = self.truncated.map(|offset| NoteKind::TruncatedInput { offset });
        let how = "pktmon recorded what its filters let through";
        let filtered = self.filtered.then_some(NoteKind::Selected { how });
        for kind in damaged.chain(truncated).chain(filtered) {
            if sink.item(Item::Note(Note::input(kind))) == Control::Stop {
                return;
            }
        }
    }
}

struct Reading<'r> {
    sink: &'r mut dyn ItemSink,
    limits: &'r Limits,
    clock: Clock,
    number: u64,
    run: Vec<Logged>,
    /// Packets of which more is to come.
    fragments: Vec<Logged>,
    /// Packets before: hash, interface and time.
    lately: VecDeque<(u64, u32, i64)>,
}

impl Reading<'_> {
    fn found(&mut self, event: Found, notes: &mut Notes) {
        let mut packet = match event {
            Found::Filter => {
                notes.filtered = true;
                return;
            }
            Found::Cut => {
                notes.add("a packet's event is cut");
                return;
            }
            Found::Unknown => {
                notes.add("packets are logged in a version that is not known");
                return;
            }
            Found::Packet(packet) => *packet,
        };
        if packet.cut > 0 {
            notes.add("packets were cut when they were recorded: start pktmon with --pkt-size 0");
        }
        packet.time = self.clock.time(packet.ticks);
        self.run.push(packet);
    }

    /// Joins the parts of packets, which come in the order of their times; yields a packet that is whole.
    fn joined(&mut self, part: Logged, notes: &mut Notes) -> Option<Logged> {
        if part.begins && part.ends {
            return Some(part);
        }
        let goes_on = |known: &Logged| known.interface == part.interface && known.direction == part.direction;
        let same = self.fragments.iter().position(|known| goes_on(known) && known.processor == part.processor);
        if part.begins {
            if let Some(at) = same {
                self.fragments.remove(at);
                notes.add("a packet was logged without its end");
            }
            if self.fragments.len() >= NEAR {
                self.fragments.remove(0);
                notes.add("a packet was logged without its end");
            }
            self.fragments.push(part);
            return None;
        }
        // The thread may have gone to another processor.
        let Some(at) = same.or_else(|| self.fragments.iter().rposition(goes_on)) else {
            // Of one that says neither, all is there.
            if part.ends {
                notes.add("a packet was logged without its beginning");
            }
            return (!part.ends).then_some(part);
        };
        let begun = self.fragments.get_mut(at)?;
        begun.pieces.extend(part.pieces);
        let is_whole = part.ends || begun.length() > self.limits.block;
        is_whole.then(|| self.fragments.remove(at))
    }

    /// Hands out the packets that were found, in the order of their times, one of those that are the same.
    fn hand_out(&mut self, input: &mut dyn Seekable, notes: &mut Notes) -> Result<Control, ReadError> {
        let mut run = std::mem::take(&mut self.run);
        run.sort_by_key(|packet| (packet.time, packet.pieces.first().map(|piece| piece.offset)));
        let mut run: Vec<Logged> = run.into_iter().filter_map(|part| self.joined(part, notes)).collect();
        // A packet stands where its first part does.
        run.sort_by_key(|packet| packet.time);
        // Of a pktmon packet, the copy that is Ethernet and longest.
        let mut best: HashMap<(u64, u16), (bool, usize, usize)> = HashMap::new();
        for (at, packet) in run.iter().enumerate() {
            if let Some(group) = packet.group {
                let rank = (packet.link == ETHERNET, packet.length(), usize::MAX - at);
                best.entry(group).and_modify(|known| *known = rank.max(*known)).or_insert(rank);
            }
        }
        let mut bytes = Vec::new();
        for (at, packet) in run.into_iter().enumerate() {
            let is_copy =
                packet.group.is_some_and(|group| best.get(&group).is_some_and(|(_, _, best)| *best != usize::MAX - at));
            if is_copy {
                continue;
            }
            if self.packet(&packet, input, &mut bytes)? == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    fn packet(&mut self, packet: &Logged, input: &mut dyn Seekable, bytes: &mut Vec<u8>) -> Result<Control, ReadError> {
        bytes.clear();
        for Piece { offset, length } in &packet.pieces {
            input.seek(SeekFrom::Start(*offset))?;
            (&mut *input).take(u64::from(*length)).read_to_end(bytes)?;
        }
        // The driver has decrypted the frame already.
        if packet.link == LinkType(105)
            && let Some(control) = bytes.get_mut(1)
        {
            *control &= !0x40;
        }
        if packet.group.is_none() && self.is_copy(packet, bytes) {
            return Ok(Control::Continue);
        }
        self.number += 1;
        let at = At::Frame { number: self.number, time: packet.time };
        let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let original_length = captured.saturating_add(packet.cut).max(sent_length(packet.link, bytes));
        Ok(self.sink.item(Item::Frame(Frame {
            link: packet.link,
            at,
            original_length,
            interface: 0,
            bytes,
            buffer: None,
        })))
    }

    /// Whether the same packet was seen just before at another layer.
    fn is_copy(&mut self, packet: &Logged, bytes: &[u8]) -> bool {
        let (hash, time) = (FixedState::default().hash_one(bytes), packet.time.map_or(0, |time| time.nanos()));
        let is_copy = self.lately.iter().any(|(known, interface, at)| {
            *known == hash && *interface != packet.interface && time.saturating_sub(*at) <= NEAR_NANOS
        });
        if !is_copy {
            if self.lately.len() >= NEAR {
                self.lately.pop_front();
            }
            self.lately.push_back((hash, packet.interface, time));
        }
        is_copy
    }
}

/// The length of an Ethernet frame by its IPv4 or IPv6 header: what was cut off is not logged.
fn sent_length(link: LinkType, bytes: &[u8]) -> u32 {
    let header = if link == ETHERNET { 14 } else { 0 };
    let kind = Order::Big.u16(bytes, 12).filter(|_| link == ETHERNET);
    let version = bytes.get(header).map_or(0, |byte| byte >> 4);
    let length = match (kind, version) {
        (Some(0x0800) | None, 4) => Order::Big.u16(bytes, header + 2).map(u32::from),
        (Some(0x86dd) | None, 6) => Order::Big.u16(bytes, header + 4).map(|length| u32::from(length) + 40),
        _ => None,
    };
    length.map_or(0, |length| length + header as u32)
}
