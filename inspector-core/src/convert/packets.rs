//! Messages as packets that Wireshark exports (link type 252), in a pcapng.
//!
//! ```text
//! tag:2 length:2 value …   big-endian; 12 the protocol's name, 20 to 23 addresses, 24 kind of port, 25 and 26 ports, 0 the end
//! the bytes of one message, as HTTP/1.1
//! ```
//!
//! A block holds so much at most; what is longer is cut, and its original length is told. That this is no capture of all there
//! was is in the link type: nothing proves that a unit is missing.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
};

use super::{RecordingWriter, message};
use crate::{
    connection::ConnectionReport,
    evidence::Endpoint,
    exchange::{Exchange, message::Message},
    input::exported,
    losses,
    note::{Note, NoteKind},
    time::Timestamp,
};

const LINK_TYPE: u16 = 252;
/// Bytes of a packet at most: what Wireshark takes.
const LARGEST: usize = 256 << 10;
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const COMMENT: u16 = 1;

/// Writes a pcapng.
pub(super) struct PacketWriter<'w> {
    to: &'w mut dyn Write,
}

impl<'w> PacketWriter<'w> {
    pub(super) fn new(to: &'w mut dyn Write) -> io::Result<Self> {
        let mut writer = Self { to };
        let mut body = Vec::new();
        body.extend(0x1a2b_3c4d_u32.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        body.extend(u64::MAX.to_le_bytes());
        option(4, b"inspector", &mut body);
        option(0, b"", &mut body);
        writer.block(SECTION_HEADER, &body)?;
        body.clear();
        body.extend(LINK_TYPE.to_le_bytes());
        body.extend([0; 2]);
        body.extend(0_u32.to_le_bytes());
        // Times in nanoseconds.
        option(9, &[9], &mut body);
        option(0, b"", &mut body);
        writer.block(INTERFACE, &body)?;
        Ok(writer)
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len() + 12).map_err(io::Error::other)?;
        self.to.write_all(&kind.to_le_bytes())?;
        self.to.write_all(&length.to_le_bytes())?;
        self.to.write_all(body)?;
        self.to.write_all(&length.to_le_bytes())
    }

    fn packet(&mut self, time: Option<Timestamp>, bytes: &[u8], comment: &str) -> io::Result<()> {
        let kept = bytes.get(..LARGEST).unwrap_or(bytes);
        let nanos = time.map_or(0, Timestamp::nanos).max(0) as u64;
        let mut body = Vec::with_capacity(kept.len() + 64);
        body.extend(0_u32.to_le_bytes());
        body.extend(((nanos >> 32) as u32).to_le_bytes());
        body.extend((nanos as u32).to_le_bytes());
        body.extend((kept.len() as u32).to_le_bytes());
        body.extend((bytes.len() as u32).to_le_bytes());
        body.extend(kept);
        body.resize(body.len().next_multiple_of(4), 0);
        if !comment.is_empty() {
            option(COMMENT, comment.as_bytes(), &mut body);
            option(0, b"", &mut body);
        }
        self.block(ENHANCED_PACKET, &body)
    }

    /// Says what the recording lacked, as a unit of a protocol of its own.
    fn loss(&mut self, json: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        tag(12, exported::LOSSES, &mut bytes);
        tag(0, b"", &mut bytes);
        bytes.extend_from_slice(json.as_bytes());
        self.packet(None, &bytes, "")
    }

    fn message(&mut self, exchange: &Exchange, one: &Message, is_request: bool) -> io::Result<()> {
        let nobody = Endpoint { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
        let ends = [exchange.client.unwrap_or(nobody), exchange.server.unwrap_or(nobody)];
        let [from, to] = if is_request { ends } else { [ends[1], ends[0]] };
        let mut bytes = Vec::new();
        tag(12, b"http", &mut bytes);
        for (end, four, six) in [(from, 20, 22), (to, 21, 23)] {
            match end.address {
                IpAddr::V4(address) => tag(four, &address.octets(), &mut bytes),
                IpAddr::V6(address) => tag(six, &address.octets(), &mut bytes),
            }
        }
        // TCP is 2 among Wireshark's kinds of ports.
        tag(24, &2_u32.to_be_bytes(), &mut bytes);
        tag(25, &u32::from(from.port).to_be_bytes(), &mut bytes);
        tag(26, &u32::from(to.port).to_be_bytes(), &mut bytes);
        if let Some(frame) = one.head_end.frame().and_then(|frame| u32::try_from(frame).ok()) {
            tag(30, &frame.to_be_bytes(), &mut bytes);
        }
        tag(0, b"", &mut bytes);
        message::write(exchange, one, &mut bytes)?;
        let comment = if exchange.marks.any() {
            format!("inspector: {}", losses::marks_to_json(exchange.marks))
        } else {
            String::new()
        };
        self.packet(one.first.time(), &bytes, &comment)
    }
}

/// A tag of an exported packet.
fn tag(number: u16, value: &[u8], to: &mut Vec<u8>) {
    let length = value.len().next_multiple_of(4);
    to.extend(number.to_be_bytes());
    to.extend((length as u16).to_be_bytes());
    to.extend(value);
    to.resize(to.len() + length - value.len(), 0);
}

/// An option of a block.
fn option(code: u16, value: &[u8], to: &mut Vec<u8>) {
    let value = value.get(..usize::from(u16::MAX) - 3).unwrap_or(value);
    to.extend(code.to_le_bytes());
    to.extend((value.len() as u16).to_le_bytes());
    to.extend(value);
    to.resize(to.len().next_multiple_of(4), 0);
}

impl RecordingWriter for PacketWriter<'_> {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        if let Some(request) = &exchange.request {
            self.message(exchange, request, true)?;
        }
        if let Some(response) = &exchange.response {
            self.message(exchange, response, false)?;
        }
        // Packets tell neither that something was missing nor what was cut.
        if exchange.marks.any() {
            let words = losses::marks_to_json(exchange.marks);
            let why = format!("exchange {} of the recording this one was made of: {words}", exchange.number);
            return self.note(&Note::input(NoteKind::EntrySkipped { why }));
        }
        Ok(())
    }

    fn connection(&mut self, report: &ConnectionReport) -> io::Result<()> {
        let c = &report.connection;
        let is_whole = report.reason.is_none_or(|reason| !reason.is_dark())
            && c.gaps == [0; 2]
            && c.bytes_missing == [0; 2]
            && [c.overlaps_differing, c.strays, report.unread] == [0; 3];
        if is_whole {
            Ok(())
        } else {
            self.loss(&format!("{{\"connections\":[{}]}}", losses::connection_to_json(report)))
        }
    }

    fn note(&mut self, note: &Note) -> io::Result<()> {
        self.loss(&format!("{{\"notes\":[{}]}}", losses::note_to_json(note)))
    }

    fn finish(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
