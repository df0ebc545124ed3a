//! The pcapng capture file: sections of blocks, each framed by its length on both sides.
//!
//! ```text
//! block   type:4  length:4  body  length:4         length counts all of it, a multiple of 4
//! file    section header, interface descriptions, packets and others, …, section header, …
//! ```
//!
//! Every block is framed here before anything in it is looked at: its length is checked, and the whole block waits in the
//! window. So a length *inside* a block that overruns it is a fault of that block alone; it is noted, and the next block is
//! read. A fault of the framing itself loses the chain; then the next place is searched where a known block type, a
//! sane length and the same length at its end agree.
//!
//! Byte order and interfaces belong to a section. Frame numbers count over the whole file, as Wireshark's do.
//!
//! Source: draft-ietf-opsawg-pcapng.

use std::{
    io::{self, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use super::{Control, Format, Item, ItemSink, ReadError, magic, order::Order, split_block, window::Window};
use crate::{
    evidence::At,
    limits::Limits,
    losses,
    note::{Note, NoteKind},
    packet::frame::{Buffer, Frame, LinkType},
    probe::Probe,
    time::Timestamp,
};

use pcap_parser::{
    CB_MAGIC as CUSTOM, DCB_MAGIC as CUSTOM_NOT_COPIED, DSB_MAGIC as DECRYPTION_SECRETS, EPB_MAGIC as ENHANCED_PACKET,
    IDB_MAGIC as INTERFACE_DESCRIPTION, ISB_MAGIC as INTERFACE_STATISTICS, NRB_MAGIC as NAME_RESOLUTION,
    SHB_MAGIC as SECTION_HEADER, SJE_MAGIC as JOURNAL, SPB_MAGIC as SIMPLE_PACKET, SecretsType,
};

/// Replaced by the enhanced packet block in 2004, still written by old programs.
const OBSOLETE_PACKET: u32 = 2;

/// Blocks that carry no packet, but that Wireshark shows as records and so gives frame numbers.
const NUMBERED: [u32; 3] = [JOURNAL, CUSTOM, CUSTOM_NOT_COPIED];

/// `secrets_type` of an NSS key log.
const TLS_KEY_LOG: u32 = SecretsType::TlsKeyLog.0;

/// Type, length and length again.
const SMALLEST_BLOCK: u32 = 12;
/// Largest block that is taken for one when the chain was lost.
const LARGEST_FOUND_BLOCK: u32 = 64 << 10;

/// The format.
#[derive(Debug)]
pub struct Pcapng;

impl Format for Pcapng {
    fn name(&self) -> &'static str {
        "pcapng"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        magic(head, &SECTION_HEADER.to_be_bytes())
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut window = Window::new(input, limits.block);
        if order_of_section(window.fill(SMALLEST_BLOCK as usize)?).is_none() {
            let what = "the section header is cut or damaged".into();
            return Err(ReadError::Damaged { format: self.name(), what });
        }
        let section = Section { order: Order::Little, interfaces: Vec::new(), interfaces_full: false, known: true };
        let mut blocks = Blocks { window, limits, out: Out { sink, number: 0, part: None, timeless: false }, section };
        while blocks.next()? == Control::Continue {}
        blocks.out.part_ends(blocks.window.offset());
        Ok(())
    }
}

/// How the ticks of an interface's clock become nanoseconds (`if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolution {
    /// A tick is so many nanoseconds.
    Multiply(u64),
    /// So many ticks are a nanosecond.
    Divide(u128),
    /// 2ⁿ ticks are a second.
    Binary(u32),
    /// More ticks a nanosecond than a clock can count.
    Finer,
}

impl Resolution {
    const MICROSECONDS: Self = Self::Multiply(1000);

    fn from_option(value: u8) -> Self {
        let exponent = u32::from(value & 0x7f);
        if value & 0x80 != 0 {
            return Self::Binary(exponent);
        }
        match 9_u32.checked_sub(exponent) {
            Some(exponent) => 10_u64.checked_pow(exponent).map_or(Self::Finer, Self::Multiply),
            None => 10_u128.checked_pow(exponent.saturating_sub(9)).map_or(Self::Finer, Self::Divide),
        }
    }

    /// Below 2⁹⁴, since a tick is a second at most.
    fn nanos(self, ticks: u64) -> i128 {
        match self {
            Self::Multiply(factor) => i128::from(ticks).saturating_mul(i128::from(factor)),
            Self::Divide(divisor) => {
                i128::try_from(u128::from(ticks).checked_div(divisor).unwrap_or_default()).unwrap_or_default()
            }
            Self::Binary(exponent) => {
                i128::from(ticks).saturating_mul(1_000_000_000).checked_shr(exponent).unwrap_or_default()
            }
            Self::Finer => 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    /// Within its section.
    number: u32,
    link: LinkType,
    /// 0 means that nothing was cut.
    snap_length: u32,
    resolution: Resolution,
    /// Added to every time (`if_tsoffset`), in nanoseconds.
    offset: i128,
}

impl Interface {
    /// `None` where the clock says something outside 1677 to 2262.
    #[inline]
    fn time(&self, high: u32, low: u32) -> Option<Timestamp> {
        let ticks = (u64::from(high) << 32) | u64::from(low);
        if let (Resolution::Multiply(factor), 0) = (self.resolution, self.offset)
            && let Some(nanos) = ticks.checked_mul(factor).and_then(|nanos| i64::try_from(nanos).ok())
        {
            return Some(Timestamp::from_nanos(nanos));
        }
        i64::try_from(self.resolution.nanos(ticks).saturating_add(self.offset)).ok().map(Timestamp::from_nanos)
    }
}

struct Section {
    order: Order,
    interfaces: Vec<Interface>,
    interfaces_full: bool,
    /// Whether its major version is one that can be read.
    known: bool,
}

/// One block, framed.
#[derive(Clone, Copy)]
struct Block<'w> {
    kind: u32,
    order: Order,
    /// What lies between its lengths.
    body: &'w [u8],
    /// The buffer the body is part of.
    buffer: &'w Buffer,
}

/// Where items go, and the number of the packet read last.
struct Out<'s> {
    sink: &'s mut dyn ItemSink,
    number: u64,
    /// It is a part of a capture ([`super::split_block`]), and whether it was said to be whole.
    part: Option<bool>,
    /// The next packet has no time.
    timeless: bool,
}

struct Blocks<'r, 's> {
    window: Window<&'r mut dyn Read>,
    limits: &'s Limits,
    out: Out<'s>,
    section: Section,
}

/// A fault of one block, in a few words.
struct Fault(&'static str);

impl Blocks<'_, '_> {
    /// Reads one block. `Stop` at the end of the input, or if the sink says so.
    fn next(&mut self) -> io::Result<Control> {
        let truncated = NoteKind::TruncatedInput { offset: self.window.offset() };
        let head = self.window.fill(SMALLEST_BLOCK as usize)?;
        if head.is_empty() {
            return Ok(Control::Stop);
        }
        let Some(header) = head.first_chunk::<{ SMALLEST_BLOCK as usize }>() else {
            self.out.note(truncated);
            return Ok(Control::Stop);
        };
        let Some((kind, order, length)) = block_header(header, self.section.order) else {
            return self.search("the byte-order magic of a section header is damaged");
        };
        if length < SMALLEST_BLOCK {
            self.out.count(kind);
            return self.search("a block is shorter than its own frame");
        }
        let padded = u64::from(length).next_multiple_of(4);
        if padded > self.limits.block as u64 {
            return self.skip(kind, padded, truncated);
        }
        let padded = padded as usize;
        self.window.fill(padded)?;
        let Some(block) = self.window.bytes().get(..padded) else {
            self.cut_packet(kind, order);
            self.out.note(truncated);
            return Ok(Control::Stop);
        };
        let length = length as usize;
        let exact = order.u32(block, length.saturating_sub(4)) == Some(length as u32);
        let fault = match (exact, length.is_multiple_of(4)) {
            (true, true) => None,
            (_, false) => Some("the length of a block is no multiple of four"),
            (false, true) => Some("the two lengths of a block differ"),
        };
        let Some(fault) = fault else {
            let body = block.get(8..length - 4).unwrap_or_default();
            let block = Block { kind, order, body, buffer: self.window.buffer() };
            let control = self.section.block(block, self.limits, &mut self.out);
            self.window.consume(length);
            return Ok(control);
        };
        if self.out.note(NoteKind::MalformedBlock { what: fault }) == Control::Stop {
            return Ok(Control::Stop);
        }
        self.misframed(kind, order, length, exact)
    }

    /// The packet the input ends in gives what there is of it.
    #[cold]
    fn cut_packet(&mut self, kind: u32, order: Order) {
        let body = self.window.bytes().get(8..).unwrap_or_default();
        let fields = match kind {
            ENHANCED_PACKET | OBSOLETE_PACKET => 20,
            SIMPLE_PACKET => 4,
            _ => return,
        };
        if self.section.known && body.len() > fields {
            let block = Block { kind, order, body, buffer: self.window.buffer() };
            self.out.count(kind);
            // That the packet overruns what there is of its block is what the note says that follows.
            let _ = match kind {
                ENHANCED_PACKET => self.section.enhanced_packet(block, &mut self.out),
                OBSOLETE_PACKET => self.section.obsolete_packet(block, &mut self.out),
                _ => self.section.simple_packet(block, &mut self.out),
            };
        }
    }

    /// Makes the best of a block whose two lengths disagree, or are no multiples of four.
    ///
    /// Some writers pad a body that is no multiple of four without counting it, others do not pad, and a damaged block may
    /// have either length right. It is read if the next block begins where it says. Otherwise it is lost: reading it before
    /// searching inside it could cost its length again and again.
    #[cold]
    fn misframed(&mut self, kind: u32, order: Order, length: usize, exact: bool) -> io::Result<Control> {
        let padded = length.next_multiple_of(4);
        let size = if exact && self.is_block_at(length, order)? {
            length
        } else if self.is_block_at(padded, order)? {
            padded
        } else {
            self.out.count(kind);
            self.seek_block()?;
            return Ok(Control::Continue);
        };
        let body = self.window.bytes().get(8..length.saturating_sub(4)).unwrap_or_default();
        let block = Block { kind, order, body, buffer: self.window.buffer() };
        let control = self.section.block(block, self.limits, &mut self.out);
        self.window.consume(size);
        Ok(control)
    }

    /// Whether a block header, or the end of the input, lies `distance` bytes ahead.
    fn is_block_at(&mut self, distance: usize, order: Order) -> io::Result<bool> {
        let bytes = self.window.fill(distance.saturating_add(SMALLEST_BLOCK as usize))?;
        let Some(rest) = bytes.get(distance..) else { return Ok(false) };
        let Some(header) = rest.first_chunk() else { return Ok(rest.is_empty()) };
        Ok(block_header(header, order).is_some_and(|(kind, _, length)| is_known(kind) && length >= SMALLEST_BLOCK))
    }

    /// Passes over a block too large to be held.
    #[cold]
    fn skip(&mut self, kind: u32, length: u64, truncated: NoteKind) -> io::Result<Control> {
        self.out.count(kind);
        if self.out.note(NoteKind::Limit { limit: "block" }) == Control::Stop {
            return Ok(Control::Stop);
        }
        if self.window.skip(length)? < length {
            self.out.note(truncated);
            return Ok(Control::Stop);
        }
        Ok(Control::Continue)
    }

    #[cold]
    fn search(&mut self, what: &'static str) -> io::Result<Control> {
        if self.out.note(NoteKind::MalformedBlock { what }) == Control::Stop {
            return Ok(Control::Stop);
        }
        self.seek_block()?;
        Ok(Control::Continue)
    }

    /// Moves the window to the next place that can only be a block, or to the end of the input.
    fn seek_block(&mut self) -> io::Result<()> {
        loop {
            self.window.consume(4);
            let Some(header) = self.window.fill(SMALLEST_BLOCK as usize)?.first_chunk() else {
                self.window.consume(usize::MAX);
                return Ok(());
            };
            let Some((kind, order, length)) = block_header(header, self.section.order) else { continue };
            if !is_known(kind) || !(SMALLEST_BLOCK..=LARGEST_FOUND_BLOCK).contains(&length) || length % 4 != 0 {
                continue;
            }
            let block = self.window.fill(length as usize)?;
            if order.u32(block, length as usize - 4) == Some(length) {
                return Ok(());
            }
        }
    }
}

impl Out<'_> {
    /// Numbers a packet block, whether or not it can be read, and what else Wireshark numbers.
    fn count(&mut self, kind: u32) {
        if is_packet(kind) || NUMBERED.contains(&kind) {
            self.number = self.number.saturating_add(1);
        }
    }

    /// A part that breaks off between two blocks looks whole, but for its last block.
    #[cold]
    fn part_ends(&mut self, offset: u64) {
        if self.part == Some(false) {
            self.note(NoteKind::TruncatedInput { offset });
        }
    }

    /// A block of a part of a capture.
    #[cold]
    fn of_part(&mut self, kind: u32, body: &[u8]) -> Control {
        match kind {
            split_block::BEGIN => {
                self.part = Some(false);
                return self.note(NoteKind::Selected { how: super::SPLIT });
            }
            split_block::END if self.part.is_some() => {
                self.part = Some(true);
                let end: serde_json::Value = serde_json::from_slice(body.trim_ascii_end()).unwrap_or_default();
                for note in end.get("notes").and_then(serde_json::Value::as_array).into_iter().flatten() {
                    if self.sink.item(Item::Note(losses::note_from_json(note))) == Control::Stop {
                        return Control::Stop;
                    }
                }
            }
            split_block::TIMELESS => self.timeless = self.part.is_some(),
            _ => {}
        }
        Control::Continue
    }

    fn note(&mut self, kind: NoteKind) -> Control {
        self.sink.item(Item::Note(Note::input(kind)))
    }

    fn packet(
        &mut self,
        interface: &Interface,
        time: Option<Timestamp>,
        original: u32,
        bytes: &[u8],
        buffer: &Buffer,
    ) -> Control {
        let at = At::Frame { number: self.number, time };
        let original_length = original.max(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let buffer = Some(buffer);
        self.sink.item(Item::Frame(Frame {
            link: interface.link,
            at,
            original_length,
            interface: interface.number,
            bytes,
            buffer,
        }))
    }
}

impl Section {
    /// Reads the body of one block.
    fn block(&mut self, block: Block<'_>, limits: &Limits, out: &mut Out<'_>) -> Control {
        let Block { kind, order, body, .. } = block;
        if kind == SECTION_HEADER {
            return self.begin(order, body, out);
        }
        out.count(kind);
        if !self.known {
            return Control::Continue;
        }
        let done = match kind {
            INTERFACE_DESCRIPTION => self.interface(body, limits, out),
            ENHANCED_PACKET => self.enhanced_packet(block, out),
            OBSOLETE_PACKET => self.obsolete_packet(block, out),
            SIMPLE_PACKET => self.simple_packet(block, out),
            NAME_RESOLUTION => self.names(body, out),
            DECRYPTION_SECRETS => self.secrets(body, out),
            split_block::BEGIN | split_block::END | split_block::TIMELESS => Ok(out.of_part(kind, body)),
            _ => Ok(Control::Continue),
        };
        done.unwrap_or_else(|Fault(what)| {
            let kind = NoteKind::MalformedBlock { what };
            if !is_packet_fault(what) {
                return out.note(kind);
            }
            let at = At::Frame { number: out.number, time: None };
            out.sink.item(Item::Note(Note::at(at, kind)))
        })
    }

    fn begin(&mut self, order: Order, body: &[u8], out: &mut Out<'_>) -> Control {
        self.order = order;
        self.interfaces.clear();
        self.interfaces_full = false;
        self.known = order.u16(body, 4) == Some(1);
        if self.known {
            return Control::Continue;
        }
        out.note(NoteKind::MalformedBlock { what: "a section has an unknown version; it was skipped" })
    }

    fn interface(&mut self, body: &[u8], limits: &Limits, out: &mut Out<'_>) -> Result<Control, Fault> {
        if self.interfaces.len() >= limits.interfaces {
            let first = !std::mem::replace(&mut self.interfaces_full, true);
            return Ok(if first { out.note(NoteKind::Limit { limit: "interfaces" }) } else { Control::Continue });
        }
        // A description too short to read still takes its number, so that later ones keep theirs.
        let mut interface = Interface {
            number: u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX),
            link: LinkType(self.order.u16(body, 0).unwrap_or(u16::MAX)),
            snap_length: self.order.u32(body, 4).unwrap_or_default(),
            resolution: Resolution::MICROSECONDS,
            offset: 0,
        };
        let mut options = body.get(8..);
        while let Some(bytes) = options.filter(|bytes| !bytes.is_empty()) {
            let Some((code, value, rest)) = type_length_value(self.order, bytes) else {
                options = None;
                break;
            };
            match code {
                0 => break,
                9 => interface.resolution = value.first().map_or(interface.resolution, |v| Resolution::from_option(*v)),
                14 => {
                    let seconds = self.order.i64(value, 0).unwrap_or_default();
                    interface.offset = i128::from(seconds).saturating_mul(1_000_000_000);
                }
                _ => {}
            }
            options = Some(rest);
        }
        self.interfaces.push(interface);
        options.map(|_| Control::Continue).ok_or(Fault("an interface description is damaged"))
    }

    fn enhanced_packet(&self, block: Block<'_>, out: &mut Out<'_>) -> Result<Control, Fault> {
        let (fields, data) = block.body.split_first_chunk::<20>().ok_or(CUT_PACKET)?;
        let word = |at| self.order.u32(fields, at).unwrap_or_default();
        if out.part.is_some() {
            out.number = self.number_of(data, word(12)).unwrap_or(out.number);
        }
        self.timed_packet(word(0), [word(4), word(8)], [word(12), word(16)], data, block.buffer, out)
    }

    /// The number a packet of a part has in the capture: its `epb_packetid`.
    fn number_of(&self, data: &[u8], captured: u32) -> Option<u64> {
        let mut options = data.get((captured as usize).checked_next_multiple_of(4)?..)?;
        loop {
            let (code, value, rest) = type_length_value(self.order, options)?;
            match code {
                0 => return None,
                5 => return Some(u64::from_le_bytes(*value.first_chunk()?)),
                _ => options = rest,
            }
        }
    }

    fn obsolete_packet(&self, block: Block<'_>, out: &mut Out<'_>) -> Result<Control, Fault> {
        let (fields, data) = block.body.split_first_chunk::<20>().ok_or(CUT_PACKET)?;
        let word = |at| self.order.u32(fields, at).unwrap_or_default();
        let interface = u32::from(self.order.u16(fields, 0).unwrap_or_default());
        self.timed_packet(interface, [word(4), word(8)], [word(12), word(16)], data, block.buffer, out)
    }

    fn timed_packet(
        &self,
        interface: u32,
        [high, low]: [u32; 2],
        [captured, original]: [u32; 2],
        data: &[u8],
        buffer: &Buffer,
        out: &mut Out<'_>,
    ) -> Result<Control, Fault> {
        let interface = self.interfaces.get(interface as usize).ok_or(UNKNOWN_INTERFACE)?;
        let (bytes, overruns) = prefix(data, captured);
        let time = if std::mem::take(&mut out.timeless) { None } else { interface.time(high, low) };
        if out.packet(interface, time, original, bytes, buffer) == Control::Stop {
            return Ok(Control::Stop);
        }
        if overruns { Err(OVERRUN_PACKET) } else { Ok(Control::Continue) }
    }

    fn simple_packet(&self, block: Block<'_>, out: &mut Out<'_>) -> Result<Control, Fault> {
        let (fields, data) = block.body.split_first_chunk::<4>().ok_or(CUT_PACKET)?;
        let interface = self.interfaces.first().ok_or(UNKNOWN_INTERFACE)?;
        let original = self.order.u32(fields, 0).unwrap_or_default();
        let captured = match interface.snap_length {
            0 => original,
            snap_length => original.min(snap_length),
        };
        let (bytes, overruns) = prefix(data, captured);
        if out.packet(interface, None, original, bytes, block.buffer) == Control::Stop {
            return Ok(Control::Stop);
        }
        if overruns { Err(OVERRUN_PACKET) } else { Ok(Control::Continue) }
    }

    fn names(&self, mut body: &[u8], out: &mut Out<'_>) -> Result<Control, Fault> {
        loop {
            let (kind, value, rest) =
                type_length_value(self.order, body).ok_or(Fault("a name resolution block is damaged"))?;
            let (address, names) = match kind {
                0 => return Ok(Control::Continue),
                1 => match value.split_first_chunk::<4>() {
                    Some((address, names)) => (IpAddr::from(Ipv4Addr::from(*address)), names),
                    None => return Err(Fault("a name resolution block is damaged")),
                },
                2 => match value.split_first_chunk::<16>() {
                    Some((address, names)) => (IpAddr::from(Ipv6Addr::from(*address)), names),
                    None => return Err(Fault("a name resolution block is damaged")),
                },
                _ => {
                    body = rest;
                    continue;
                }
            };
            for name in names.split(|byte| *byte == 0).filter_map(|name| std::str::from_utf8(name).ok()) {
                if !name.is_empty() && out.sink.item(Item::Name(address, name)) == Control::Stop {
                    return Ok(Control::Stop);
                }
            }
            body = rest;
        }
    }

    fn secrets(&self, body: &[u8], out: &mut Out<'_>) -> Result<Control, Fault> {
        let (fields, data) = body.split_first_chunk::<8>().ok_or(Fault("a decryption secrets block is cut"))?;
        let (secrets, overruns) = prefix(data, self.order.u32(fields, 4).unwrap_or_default());
        if self.order.u32(fields, 0) == Some(TLS_KEY_LOG) && out.sink.item(Item::Secrets(secrets)) == Control::Stop {
            return Ok(Control::Stop);
        }
        if overruns { Err(Fault("a decryption secrets block is cut")) } else { Ok(Control::Continue) }
    }
}

const CUT_PACKET: Fault = Fault("a packet block is too short");
const OVERRUN_PACKET: Fault = Fault("the captured length of a packet overruns its block");
const UNKNOWN_INTERFACE: Fault = Fault("a packet names an interface that was not described");

fn is_packet_fault(what: &str) -> bool {
    [CUT_PACKET.0, OVERRUN_PACKET.0, UNKNOWN_INTERFACE.0].contains(&what)
}

/// The first `length` bytes of `data`, and whether there are fewer. What follows them is padding and options.
fn prefix(data: &[u8], length: u32) -> (&[u8], bool) {
    data.get(..length as usize).map_or((data, true), |bytes| (bytes, false))
}

/// Splits `type:2 length:2 value`, padded to four bytes, off the front.
fn type_length_value(order: Order, bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(order.u16(bytes, 2)?);
    let value = bytes.get(4..)?.get(..length)?;
    let rest = bytes.get(length.next_multiple_of(4).saturating_add(4)..).unwrap_or_default();
    Some((order.u16(bytes, 0)?, value, rest))
}

/// Type, byte order and length of a block. `None` for a section header whose byte order is neither.
fn block_header(bytes: &[u8; SMALLEST_BLOCK as usize], order: Order) -> Option<(u32, Order, u32)> {
    let kind = order.u32(bytes, 0)?;
    // This type reads the same in both byte orders.
    let order = if kind == SECTION_HEADER { order_of_section(bytes)? } else { order };
    Some((kind, order, order.u32(bytes, 4)?))
}

fn order_of_section(bytes: &[u8]) -> Option<Order> {
    match bytes.get(8..12)? {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(Order::Big),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(Order::Little),
        _ => None,
    }
}

const fn is_packet(kind: u32) -> bool {
    matches!(kind, ENHANCED_PACKET | OBSOLETE_PACKET | SIMPLE_PACKET)
}

const fn is_known(kind: u32) -> bool {
    is_packet(kind)
        || matches!(
            kind,
            SECTION_HEADER | INTERFACE_DESCRIPTION | NAME_RESOLUTION | INTERFACE_STATISTICS | DECRYPTION_SECRETS
        )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::input::tests::{items, items_of};

    /// Writes blocks in one byte order.
    #[derive(Clone, Copy)]
    struct Write(bool);

    impl Write {
        fn u16(self, value: u16) -> Vec<u8> {
            if self.0 { value.to_le_bytes() } else { value.to_be_bytes() }.to_vec()
        }

        fn words(self, values: &[u32]) -> Vec<u8> {
            values.iter().flat_map(|v| if self.0 { v.to_le_bytes() } else { v.to_be_bytes() }).collect()
        }

        fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
            [self.u16(code), self.u16(value.len() as u16), padded(value)].concat()
        }

        fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
            let body = padded(body);
            let length = self.words(&[body.len() as u32 + 12]);
            [self.words(&[kind]), length.clone(), body, length].concat()
        }

        fn section(self) -> Vec<u8> {
            let body = [self.words(&[0x1a2b_3c4d]), self.u16(1), self.u16(0), vec![0xff; 8]].concat();
            self.block(SECTION_HEADER, &body)
        }

        fn interface(self, link: u16, snap_length: u32, options: &[Vec<u8>]) -> Vec<u8> {
            let body = [self.u16(link), self.u16(0), self.words(&[snap_length]), options.concat()].concat();
            self.block(INTERFACE_DESCRIPTION, &body)
        }

        fn enhanced(self, interface: u32, ticks: u64, original: u32, data: &[u8]) -> Vec<u8> {
            let (high, low) = ((ticks >> 32) as u32, ticks as u32);
            let fields = self.words(&[interface, high, low, data.len() as u32, original]);
            self.block(ENHANCED_PACKET, &[fields, padded(data), self.option(1, b"comment")].concat())
        }

        fn obsolete(self, interface: u16, data: &[u8]) -> Vec<u8> {
            let fields = self.words(&[0, 7, data.len() as u32, 1500]);
            self.block(OBSOLETE_PACKET, &[self.u16(interface), self.u16(0), fields, data.to_vec()].concat())
        }

        fn simple(self, original: u32, data: &[u8]) -> Vec<u8> {
            self.block(SIMPLE_PACKET, &[self.words(&[original]), data.to_vec()].concat())
        }

        fn names(self) -> Vec<u8> {
            let six = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..], b"six\0"].concat();
            let body = [self.option(1, b"\x0a\0\0\x01four\0vier\0"), self.option(3, &[1; 9]), self.option(2, &six)];
            self.block(NAME_RESOLUTION, &[body.concat(), self.option(0, b""), self.option(1, b"a comment")].concat())
        }

        fn secrets(self, kind: u32, secrets: &[u8]) -> Vec<u8> {
            self.block(
                DECRYPTION_SECRETS,
                &[self.words(&[kind, secrets.len() as u32]), padded(secrets), self.option(1, b"x")].concat(),
            )
        }

        fn all(self) -> Vec<u8> {
            [
                self.section(),
                self.interface(1, 0, &[self.option(2, b"eth0"), self.option(0, b"")]),
                self.block(0x7fff_0000, &[0, 0, 0, 1, 2, 3, 4, 5]),
                self.interface(101, 4, &[self.option(9, &[9]), self.option(14, &self.long(-10))]),
                self.secrets(TLS_KEY_LOG, b"CLIENT_RANDOM 1 2"),
                self.secrets(0x5747_4b4c, b"wireguard"),
                self.enhanced(0, 1_000_001, 3, b"abc"),
                self.names(),
                self.enhanced(1, 10_000_000_003, 60, b"abcd"),
                self.obsolete(1, b"x"),
                self.simple(2, b"yz"),
                self.block(INTERFACE_STATISTICS, &[0; 12]),
            ]
            .concat()
        }

        fn long(self, value: i64) -> Vec<u8> {
            if self.0 { value.to_le_bytes() } else { value.to_be_bytes() }.to_vec()
        }
    }

    fn padded(bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    const LITTLE: Write = Write(true);
    const BIG: Write = Write(false);

    /// Two sections of either byte order.
    pub(crate) fn sample() -> Vec<u8> {
        [LITTLE.all(), BIG.all()].concat()
    }

    fn note(what: &str) -> String {
        format!("MalformedBlock {{ what: \"{what}\" }}")
    }

    #[test]
    fn reads_every_block_in_both_byte_orders() {
        let wanted = |first: u64| {
            [
                "secrets CLIENT_RANDOM 1 2".to_string(),
                format!("#{first} 1 Some(1000001000) 3 [61, 62, 63]"),
                "10.0.0.1 four".into(),
                "10.0.0.1 vier".into(),
                "2001:db8::1 six".into(),
                format!("#{} 101 Some(3) 60 [61, 62, 63, 64]", first + 1),
                format!("#{} 101 Some(-9999999993) 1500 [78]", first + 2),
                format!("#{} 1 None 2 [79, 7a]", first + 3),
            ]
        };
        assert_eq!(items(&LITTLE.all()), wanted(1));
        assert_eq!(items(&BIG.all()), wanted(1));
        assert_eq!(items(&sample()), [wanted(1), wanted(5)].concat());
    }

    /// On well-formed blocks another reader sees the same packets.
    #[test]
    fn agrees_with_pcap_parser() {
        use pcap_parser::{Block, PcapBlockOwned, PcapError, PcapNGReader, traits::PcapReaderIterator};
        let sample = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.enhanced(0, 1, 3, b"abc"),
            LITTLE.enhanced(0, 2, 60, b"abcd"),
        ]
        .concat();
        let mut reader = PcapNGReader::new(1 << 16, sample.as_slice()).unwrap();
        let mut theirs = Vec::new();
        loop {
            match reader.next() {
                Ok((length, PcapBlockOwned::NG(block))) => {
                    if let Block::EnhancedPacket(packet) = block {
                        theirs.push(packet.data[..packet.caplen as usize].to_vec());
                    }
                    reader.consume(length);
                }
                Err(PcapError::Eof) => break,
                Err(PcapError::Incomplete(_)) => reader.refill().unwrap(),
                _ => panic!("the sample is well-formed"),
            }
        }
        let ours: Vec<String> = items(&sample);
        assert_eq!((ours.len(), theirs.len()), (2, 2));
        assert!(ours.iter().zip(&theirs).all(|(ours, theirs)| ours.ends_with(&format!("{theirs:x?}"))));
    }

    #[test]
    fn clocks_of_any_resolution_and_offset() {
        // (if_tsresol, if_tsoffset, ticks, nanoseconds)
        let table = [
            (None, 0, 1_700_000_000_123_456, Some(1_700_000_000_123_456_000_i64)),
            (Some(0), 0, 7, Some(7_000_000_000)),
            (Some(3), 0, 7, Some(7_000_000)),
            (Some(9), 0, u64::MAX, None),
            (Some(12), 0, 999_999_999_999, Some(999_999_999)),
            (Some(28), 0, u64::MAX, Some(1)),
            (Some(29), 0, u64::MAX, Some(0)),
            (Some(0x7f), 0, u64::MAX, Some(0)),
            (Some(0x80), 0, 7, Some(7_000_000_000)),
            (Some(0x8a), 0, 1536, Some(1_500_000_000)),
            (Some(0x94), 0, 3 << 19, Some(1_500_000_000)),
            (Some(0xff), 0, u64::MAX, Some(0)),
            (None, -1, 0, Some(-1_000_000_000)),
            (None, 7_258_118_400, 0, Some(7_258_118_400_000_000_000)),
            (None, i64::MIN, 0, None),
            (Some(0), i64::MAX, u64::MAX, None),
        ];
        for write in [LITTLE, BIG] {
            for (resolution, offset, ticks, wanted) in table {
                let mut options = vec![write.option(14, &write.long(offset))];
                options.extend(resolution.map(|value: u8| write.option(9, &[value])));
                let bytes = [write.section(), write.interface(1, 0, &options), write.enhanced(0, ticks, 1, b"a")];
                assert_eq!(
                    items(&bytes.concat()),
                    [format!("#1 1 {wanted:?} 1 [61]")],
                    "{resolution:?} {offset} {ticks}"
                );
            }
        }
    }

    #[test]
    fn a_simple_packet_is_as_long_as_the_snap_length_lets_it() {
        for (snap_length, original, wanted) in
            [(0, 6, "6 [31, 32, 33, 34, 35, 36]"), (4, 6, "6 [31, 32, 33, 34]"), (9, 5, "5 [31, 32, 33, 34, 35]")]
        {
            let bytes = [BIG.section(), BIG.interface(1, snap_length, &[]), BIG.simple(original, b"123456")].concat();
            assert_eq!(items(&bytes), [format!("#1 1 None {wanted}")]);
        }
    }

    #[test]
    fn interfaces_belong_to_their_section() {
        let bytes = [
            LITTLE.section(),
            LITTLE.interface(1, 0, &[]),
            LITTLE.interface(113, 0, &[]),
            BIG.section(),
            BIG.interface(276, 0, &[]),
            BIG.enhanced(0, 0, 1, b"a"),
            BIG.enhanced(1, 0, 1, b"b"),
            BIG.enhanced(0, 0, 1, b"c"),
        ];
        let wanted = ["#1 276 Some(0) 1 [61]", &note(UNKNOWN_INTERFACE.0), "#3 276 Some(0) 1 [63]"];
        assert_eq!(items(&bytes.concat()), wanted);
    }

    /// `change` is applied to the second of three packets.
    fn damaged(change: impl FnOnce(&mut Vec<u8>)) -> Vec<String> {
        let mut second = LITTLE.enhanced(0, 0, 4, b"WXYZ");
        change(&mut second);
        let start = [LITTLE.section(), LITTLE.interface(1, 0, &[]), LITTLE.enhanced(0, 0, 1, b"a")].concat();
        items(&[start, second, LITTLE.enhanced(0, 0, 1, b"c"), LITTLE.names()].concat())
    }

    #[test]
    fn a_lying_block_costs_itself_at_most() {
        let set =
            |at: usize, value: u32| move |block: &mut Vec<u8>| block[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let end = LITTLE.enhanced(0, 0, 4, b"WXYZ").len() - 4;
        let odd = "the length of a block is no multiple of four";
        let differ = "the two lengths of a block differ";
        let packet = "#2 1 Some(0) 4 [57, 58, 59, 5a]";
        let table = [
            // A captured length past the block's end: what pcap-parser's reader takes for the end of the file.
            (damaged(set(20, 1000)), vec![OVERRUN_PACKET.0], 2),
            (damaged(set(20, u32::MAX)), vec![OVERRUN_PACKET.0], 2),
            (damaged(set(8, 9)), vec![UNKNOWN_INTERFACE.0], 1),
            (damaged(set(4, 0)), vec!["a block is shorter than its own frame"], 1),
            (damaged(set(4, 11)), vec!["a block is shorter than its own frame"], 1),
            (damaged(set(4, 13)), vec![odd], 1),
            (damaged(set(4, 12)), vec![differ], 1),
            (damaged(set(4, 64)), vec![differ], 1),
            (damaged(set(end, 8)), vec![differ], 2),
            (damaged(|block| block.truncate(end)), vec![differ], 1),
            (damaged(|block| drop(block.drain(28..32))), vec![differ], 1),
        ];
        for (index, (items, faults, frames)) in table.into_iter().enumerate() {
            assert_eq!(items.iter().filter(|item| item.contains("[61]")).count(), 1, "{index}: {items:#?}");
            let notes: Vec<_> = items.iter().filter(|item| item.starts_with("Malformed")).cloned().collect();
            assert_eq!(notes, faults.into_iter().map(note).collect::<Vec<_>>(), "{index}: {items:#?}");
            let others = items.iter().filter(|item| item.starts_with("#2")).count();
            assert_eq!(others, frames - 1, "{index}: {items:#?}");
            if index == 8 {
                assert!(items.contains(&packet.to_string()));
            }
            assert!(items.iter().any(|item| item.ends_with("[63]")), "{index}: {items:#?}");
            assert!(items.contains(&"10.0.0.1 four".to_string()), "{index}: {items:#?}");
        }
    }

    #[test]
    fn lengths_that_do_not_count_the_padding_are_forgiven() {
        for write in [LITTLE, BIG] {
            // Body of 23 bytes: padded but not counted, and neither padded nor counted.
            let body = [write.words(&[0, 0, 0, 3, 3]), b"abc".to_vec()].concat();
            let length = write.words(&[35]);
            for padding in [1, 0] {
                let block =
                    [write.words(&[6]), length.clone(), body.clone(), vec![0; padding], length.clone()].concat();
                let bytes =
                    [write.section(), write.interface(1, 0, &[]), block, write.enhanced(0, 0, 1, b"z")].concat();
                let wanted = [
                    &note("the length of a block is no multiple of four"),
                    "#1 1 Some(0) 3 [61, 62, 63]",
                    "#2 1 Some(0) 1 [7a]",
                ];
                assert_eq!(items(&bytes), wanted, "{padding}");
            }
        }
    }

    #[test]
    fn a_block_over_the_limit_is_passed_over_by_its_length() {
        let limits = Limits { block: 300_000, ..Limits::default() };
        let start = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
        let bytes =
            [start.clone(), LITTLE.enhanced(0, 0, 9, &vec![1; 300_000]), LITTLE.enhanced(0, 0, 1, b"z")].concat();
        let (result, items) = items_of(&mut &bytes[..], &limits);
        result.unwrap();
        assert_eq!(items, ["Limit { limit: \"block\" }", "#2 1 Some(0) 1 [7a]"]);
        // A block that claims four gigabytes.
        let bytes = [start, LITTLE.words(&[6, 0xffff_fffc, 0])].concat();
        let (_, items) = items_of(&mut &bytes[..], &limits);
        assert_eq!(items, ["Limit { limit: \"block\" }", "TruncatedInput { offset: 48 }"]);
    }

    #[test]
    fn other_faults() {
        let start = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
        let mut version = LITTLE.section();
        version[12] = 2;
        let mut order = LITTLE.section();
        order[8] = 0;
        let mut secrets = LITTLE.secrets(TLS_KEY_LOG, b"KEYS");
        secrets[12] = 200;
        let packet = LITTLE.enhanced(0, 0, 1, b"z");
        let z = "#1 1 Some(0) 1 [7a]";
        let table = [
            (
                vec![version, packet.clone(), start.clone(), packet.clone()],
                vec![note("a section has an unknown version; it was skipped"), "#2 1 Some(0) 1 [7a]".into()],
            ),
            (
                vec![start.clone(), order, packet.clone()],
                vec![note("the byte-order magic of a section header is damaged"), z.into()],
            ),
            (
                vec![LITTLE.section(), LITTLE.interface(1, 0, &[vec![2, 0, 99, 0]]), packet.clone()],
                vec![note("an interface description is damaged"), z.into()],
            ),
            (
                vec![start.clone(), LITTLE.block(NAME_RESOLUTION, &[1, 0, 99, 0]), packet.clone()],
                vec![note("a name resolution block is damaged"), z.into()],
            ),
            (
                vec![LITTLE.section(), secrets],
                vec!["secrets KEYS\u{1}\0\u{1}\0x\0\0\0".into(), note("a decryption secrets block is cut")],
            ),
            (
                vec![start, LITTLE.block(ENHANCED_PACKET, &[0; 16]), packet],
                vec![note(CUT_PACKET.0), "#2 1 Some(0) 1 [7a]".into()],
            ),
        ];
        for (bytes, wanted) in table {
            assert_eq!(items(&bytes.concat()), wanted);
        }
    }

    #[test]
    fn frame_numbers_are_those_of_wireshark() {
        let (start, packet) = ([LITTLE.section(), LITTLE.interface(1, 0, &[])].concat(), LITTLE.simple(1, b"z"));
        // Custom blocks and journal entries are records there; statistics, names, secrets and unknown blocks are not.
        for (kind, number) in [(9, 2), (0x0bad, 2), (0x4000_0bad, 2), (5, 1), (0x7fff_0000, 1)] {
            let bytes = [start.clone(), LITTLE.block(kind, &[0; 12]), packet.clone()].concat();
            assert_eq!(items(&bytes), [format!("#{number} 1 None 1 [7a]")], "{kind}");
        }
    }

    #[test]
    fn interfaces_are_bounded() {
        let limits = Limits { interfaces: 2, ..Limits::default() };
        let interface = LITTLE.interface(1, 0, &[]);
        let bytes =
            [LITTLE.section(), interface.repeat(4), LITTLE.enhanced(1, 0, 1, b"z"), LITTLE.enhanced(2, 0, 1, b"z")];
        let (_, items) = items_of(&mut &bytes.concat()[..], &limits);
        let wanted = ["Limit { limit: \"interfaces\" }", "#1 1 Some(0) 1 [7a]", &note(UNKNOWN_INTERFACE.0)];
        assert_eq!(items, wanted);
    }
}
