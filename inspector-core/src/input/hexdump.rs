//! Packets as hexadecimal text: what `tcpdump -x`, `-X`, `-xx` and `-XX` and what `tshark -x` print.
//!
//! ```text
//! 21:24:44.555508 IP 127.0.0.1.42402 > 127.0.0.1.38081: Flags [P.], …      tcpdump: a line, then the packet
//!         0x0000:  4500 01c4 dc26 4000 4006 5f0b 7f00 0001  E....&@.@._.....
//!
//! Frame (220 bytes):                                                       tshark: several buffers have titles
//! 0000  00 00 00 00 00 00 00 00 00 00 00 00 08 00 45 00   ..............E.
//! ```
//!
//! All bytes are there, so that they become packets again. Where a packet begins is told by the offset 0; of the buffers of
//! TShark only a frame is one, for the others are put together of frames. What the first header is is not written: it is told
//! by where an IP header can be. A time has a date only with `-tttt`, and is left out without one.

use std::io::{BufRead, BufReader, Read};

use super::{Control, Format, Item, ItemSink, ReadError, order::Order, recorded::first_line};
use crate::{
    encoding::percent::hex,
    evidence::At,
    limits::Limits,
    note::{Note, NoteKind},
    packet::frame::{Frame, LinkType},
    probe::Probe,
    time::Timestamp,
};

/// Longest line that is looked at.
const LINE: usize = 4096;
/// Lines in which the first bytes of a packet are looked for.
const PROBED_LINES: usize = 40;

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct HexDump;

impl Format for HexDump {
    fn name(&self) -> &'static str {
        "hexdump"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let mut offset = 0;
        for _ in 0..PROBED_LINES {
            let (line, later) = first_line(rest);
            if rest.is_empty() || line.contains(&0) || line.len() > LINE {
                return Probe::No;
            }
            // The line may go on.
            let is_whole = rest.len() > line.len();
            match Line::parse(line) {
                Some(Line { offset: at, bytes, .. }) if is_whole && at == offset => {
                    offset += bytes.len();
                    // Two lines that follow each other, or one of a short packet.
                    if offset >= 32 {
                        return Probe::Certain;
                    }
                }
                Some(_) if offset > 0 && is_whole => return Probe::No,
                _ => {}
            }
            rest = later;
        }
        Probe::No
    }

    fn read(&self, input: &mut dyn Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        let mut reading = Reading { sink, number: 0, packet: Vec::new(), time: None, heading: None, is_frame: true };
        let mut input = BufReader::with_capacity(64 << 10, input);
        let (mut line, mut offset) = (Vec::new(), 0);
        loop {
            line.clear();
            reading.sink.before_read();
            let read = match (&mut input).take(LINE as u64).read_until(b'\n', &mut line) {
                Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Err(_) => 0,
                Ok(read) => read,
            };
            if read == 0 {
                break;
            }
            offset += read as u64;
            let (text, _) = first_line(&line);
            if reading.line(text, limits, offset - read as u64) == Control::Stop {
                return Ok(());
            }
        }
        if reading.flush() == Control::Stop {
            return Ok(());
        }
        if reading.number == 0 {
            return Err(ReadError::Damaged { format: self.name(), what: "no packet in it is whole".to_owned() });
        }
        let what = "it is a text of packets, in which the kind of their first header is not written";
        reading.sink.item(Item::Note(Note::input(NoteKind::HarmlessDamage { what })));
        Ok(())
    }
}

/// A line of bytes.
struct Line {
    offset: usize,
    bytes: Vec<u8>,
    /// The bytes were cut within a line.
    is_odd: bool,
}

impl Line {
    /// `\t0x0010:  4500 01c4 …  ascii` or `0010  45 00 01 c4 …   ascii`.
    fn parse(line: &[u8]) -> Option<Self> {
        let text = line.trim_ascii_start();
        let is_tcpdump = text.starts_with(b"0x");
        let digits = text.strip_prefix(b"0x").unwrap_or(text);
        let count = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let offset = usize::from_str_radix(std::str::from_utf8(digits.get(..count)?).ok()?, 16).ok()?;
        let rest = digits.get(count..)?;
        let rest = if is_tcpdump {
            rest.strip_prefix(b":")?.strip_prefix(b"  ")?
        } else {
            // An offset is as long as TShark writes it, and stands at the line's start.
            rest.strip_prefix(b"  ").filter(|_| matches!(count, 4 | 6 | 8) && text.len() == line.len())?
        };
        let (mut bytes, mut is_odd) = (Vec::with_capacity(16), false);
        // Two blanks end the bytes.
        let mut groups = rest.split(|byte| *byte == b' ');
        while let Some(group) = groups.next().filter(|group| !group.is_empty() && bytes.len() < 16) {
            if !is_tcpdump && group.len() != 2 || group.len() > 4 || !group.iter().all(u8::is_ascii_hexdigit) {
                is_odd = true;
                break;
            }
            for pair in group.chunks(2) {
                match pair {
                    [high, low] => bytes.push(hex(*high)? << 4 | hex(*low)?),
                    _ => is_odd = true,
                }
            }
        }
        (!bytes.is_empty() && offset % 16 == 0).then_some(Self { offset, bytes, is_odd })
    }
}

/// Title of a buffer: whether it is a frame.
fn title(line: &[u8]) -> Option<bool> {
    let is_title = line.ends_with(b" bytes):") && line.contains(&b'(');
    is_title.then(|| line.starts_with(b"Frame ("))
}

struct Reading<'s> {
    sink: &'s mut dyn ItemSink,
    number: u64,
    packet: Vec<u8>,
    time: Option<Timestamp>,
    /// Time of the line that announces the packet to come.
    heading: Option<Timestamp>,
    /// The buffer at hand is a packet.
    is_frame: bool,
}

impl Reading<'_> {
    fn line(&mut self, line: &[u8], limits: &Limits, offset: u64) -> Control {
        let Some(Line { offset: at, bytes, is_odd }) = Line::parse(line) else {
            if let Some(is_frame) = title(line) {
                let control = self.flush();
                self.is_frame = is_frame;
                return control;
            }
            // A blank line ends a packet of TShark, a line of words announces one of tcpdump.
            if line.trim_ascii().is_empty() || line.first().is_some_and(u8::is_ascii_digit) {
                let control = self.flush();
                self.heading = moment(line).or(self.heading.filter(|_| line.is_empty()));
                self.is_frame |= !line.is_empty();
                return control;
            }
            return Control::Continue;
        };
        if at == 0 {
            if self.flush() == Control::Stop {
                return Control::Stop;
            }
            self.time = self.heading.take();
        }
        if at != self.packet.len() || self.packet.len() + bytes.len() > limits.block {
            self.packet.clear();
            let what = "lines of a packet are missing";
            return self.sink.item(Item::Note(Note::input(NoteKind::MalformedBlock { what })));
        }
        self.packet.extend(bytes);
        if is_odd {
            return self.sink.item(Item::Note(Note::input(NoteKind::TruncatedInput { offset })));
        }
        Control::Continue
    }

    /// Hands the packet out that was gathered.
    fn flush(&mut self) -> Control {
        let packet = std::mem::take(&mut self.packet);
        if packet.is_empty() {
            return Control::Continue;
        }
        if !std::mem::replace(&mut self.is_frame, true) {
            return Control::Continue;
        }
        self.number += 1;
        let link = link_of(&packet);
        let at = At::Frame { number: self.number, time: self.time.take() };
        let header = header_of(link).unwrap_or(0);
        let sent = ip_length(packet.get(header..).unwrap_or_default()).map_or(0, |length| length + header);
        let original_length = u32::try_from(sent.max(packet.len())).unwrap_or(u32::MAX);
        let frame = Frame { link, at, original_length, interface: 0, bytes: &packet, buffer: None };
        self.sink.item(Item::Frame(frame))
    }
}

/// Length of the link header of a type that is told here.
const fn header_of(link: LinkType) -> Option<usize> {
    match link.0 {
        0 => Some(4),
        1 => Some(14),
        101 => Some(0),
        113 => Some(16),
        276 => Some(20),
        _ => None,
    }
}

/// The whole length of an IP packet by its header.
fn ip_length(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? >> 4 {
        4 if bytes.first()? & 0x0f >= 5 => Order::Big.u16(bytes, 2).map(usize::from).filter(|length| *length >= 20),
        6 => Order::Big.u16(bytes, 4).map(|length| usize::from(length) + 40),
        _ => None,
    }
}

/// What a packet begins with, by where an IP header can be that has no more bytes than there are.
fn link_of(packet: &[u8]) -> LinkType {
    let kind = |at: usize| matches!(Order::Big.u16(packet, at), Some(0x0800 | 0x86dd));
    let is_ip = |at: usize| packet.get(at..).and_then(ip_length).is_some();
    let is_all = |at: usize| packet.get(at..).and_then(ip_length).is_some_and(|length| length + at >= packet.len());
    if kind(12) && is_ip(14) {
        LinkType(1)
    } else if kind(14) && is_ip(16) {
        LinkType(113)
    } else if kind(0) && is_ip(20) {
        LinkType(276)
    } else if is_all(0) {
        LinkType(101)
    } else if matches!(packet, [2 | 24 | 28 | 30, 0, 0, 0, ..] | [0, 0, 0, 2 | 24 | 28 | 30, ..]) && is_ip(4) {
        LinkType(0)
    } else {
        LinkType(1)
    }
}

/// The time of `2026-11-28 21:24:44.555508 IP …`.
fn moment(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line).ok()?;
    let (date, rest) = text.split_once(' ')?;
    let time = rest.split(' ').next()?;
    (date.len() == 10 && date.as_bytes().get(4) == Some(&b'-'))
        .then(|| Timestamp::parse_rfc3339(&format!("{date} {time}")))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::tests::{Dribble, items, items_of};

    /// An IPv4 packet of forty bytes, and the same in Ethernet.
    fn packets() -> [Vec<u8>; 2] {
        let mut ip = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6];
        ip.extend(10..40);
        let mut ethernet = vec![2; 12];
        ethernet.extend([8, 0]);
        ethernet.extend(&ip);
        [ip, ethernet]
    }

    fn dump(packet: &[u8], tcpdump: bool, ascii: bool) -> String {
        let mut text = String::new();
        for (row, bytes) in packet.chunks(16).enumerate() {
            let hex: String = bytes
                .iter()
                .enumerate()
                .map(|(at, byte)| format!("{}{byte:02x}", if at > 0 && (!tcpdump || at % 2 == 0) { " " } else { "" }))
                .collect();
            let offset = row * 16;
            text +=
                &if tcpdump { format!("\t0x{offset:04x}:  {hex:<39}") } else { format!("{offset:04x}  {hex:<47} ") };
            if ascii {
                text += "  ..a b  0a 0b.";
            }
            text = format!("{}\n", text.trim_end());
        }
        text
    }

    #[test]
    fn each_form_gives_its_packets() {
        let [ip, ethernet] = packets();
        let end = "HarmlessDamage { what: \"it is a text of packets, in which the kind of their first header is not written\" }";
        for (packet, link) in [(&ip, 101), (&ethernet, 1)] {
            let length = packet.len();
            for ascii in [false, true] {
                let heads =
                    ["21:24:44.555508 IP 10.0.0.1.1 > 10.0.0.2.2: Flags [P.]\n", "2026-11-28 21:24:44.5 IP a > b\n"];
                let text = heads.map(|head| format!("{head}{}", dump(packet, true, ascii))).concat();
                let wanted = [
                    format!("#1 {link} None {length} {packet:02x?}"),
                    format!("#2 {link} Some(1795901084500000000) {length} {packet:02x?}"),
                    end.to_owned(),
                ];
                assert_eq!(items(text.as_bytes()), wanted);
                let (_, split) = items_of(&mut Dribble::new(text.as_bytes(), 3), &Limits::default());
                assert_eq!(split, wanted);
            }
            let one = dump(packet, false, true);
            let text = format!("{one}\nFrame (9 bytes):\n{one}Reassembled TCP (54 bytes):\n{one}\n{one}");
            let numbers: Vec<_> = items(text.as_bytes()).iter().map(|item| item[..2].to_owned()).collect();
            assert_eq!(numbers, ["#1", "#2", "#3", "Ha"]);
        }
    }

    #[test]
    fn a_cut_packet_keeps_its_length_and_missing_lines_are_said() {
        let [ip, _] = packets();
        let text = dump(&ip, true, true);
        let cut = items(format!("x\n{}", text.lines().take(2).collect::<Vec<_>>().join("\n") + "\n").as_bytes());
        assert!(cut[0].starts_with("#1 101 None 40 "), "{cut:?}");
        let two = [
            &dump(&ip, true, true),
            "\n",
            &text
                .lines()
                .enumerate()
                .filter(|(at, _)| *at != 1)
                .map(|(_, line)| format!("{line}\n"))
                .collect::<String>(),
        ]
        .concat();
        assert!(items(two.as_bytes()).iter().any(|item| item.contains("lines of a packet are missing")));
    }

    #[test]
    fn other_text_is_none() {
        for text in ["0000: 47 45 54 20 GET\n", "GET / HTTP/1.1\n\n", "0010  45 00\n", "2026 12 11 aa\n"] {
            assert_eq!(HexDump.probe(text.as_bytes()), Probe::No, "{text}");
        }
    }
}
