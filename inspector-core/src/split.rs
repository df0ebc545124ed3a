//! Splits a capture by its connections, for machines that read the parts apart.
//!
//! ```text
//! capture ─► packets ─► a hash of the two ends ─► part 1 … part N, each a pcapng
//!                │ nobody's: ──────────────────► part 1
//!                └ secrets: ───────────────────► all
//! ```
//!
//! The two directions of a connection have one hash, and so have its packets inside tunnels and outside. Fragments wait for
//! the first packet that tells whose they are. Datagrams are dealt by their server's end, so that a QUIC connection stays in
//! one part wherever its client moves to. What nobody understands goes to the first part, and so does what is wrong with the
//! capture itself.
//!
//! Packets keep their numbers: `epb_packetid` has them, which readers of pcapng pass over. Two blocks of types for local use
//! (draft-ietf-opsawg-pcapng, section 10.1) say what the file is a part of, and that it is whole:
//!
//! ```text
//! 0x80494E53  {"path":…,"format":…,"id":…,"number":1,"parts":4,"salt":…}     behind the section header
//! 0x80494E54  {"packets":…,"notes":[…]}                                      at the end
//! 0x80494E55  the next packet has no time
//! ```

use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    evidence::{At, Endpoint},
    input::{Control, Item, ItemSink, split_block},
    limits::Limits,
    losses,
    note::Note,
    packet::{
        Dissector, FragmentKey, Packet,
        frame::{Frame, LinkType},
    },
    partial::PartOf,
};

/// Parts at most.
pub const MOST_PARTS: usize = 256;
/// Bytes of fragments that wait.
const WAITING: usize = 8 << 20;

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const SECRETS: u32 = 10;
const TLS_KEY_LOG: u32 = 0x544c_534b;

/// What a file is a part of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The capture's name.
    pub path: String,
    /// Its format.
    pub format: String,
    /// Which part.
    #[serde(flatten)]
    pub of: PartOf,
    /// Goes into what stands in for secrets: the same in all parts.
    salt: String,
}

impl Marker {
    /// The salt.
    pub fn salt(&self) -> [u8; 32] {
        Sha256::digest(self.salt.as_bytes()).into()
    }
}

/// What a capture that begins so is a part of; `None` if it is none.
pub fn marker(beginning: &mut dyn Read) -> Option<Marker> {
    let mut bytes = Vec::new();
    beginning.take(64 << 10).read_to_end(&mut bytes).ok()?;
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let header = word(4)? as usize;
    if word(0)? != SECTION_HEADER || word(header)? != split_block::BEGIN {
        return None;
    }
    let length = word(header + 4)? as usize;
    let body = bytes.get(header + 8..(header + length).checked_sub(4)?)?;
    serde_json::from_slice(body.trim_ascii_end()).ok()
}

/// A capture that cannot be split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A part could not be written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It holds exchanges.
    #[error("it holds exchanges and no packets; give it to inspector check as it is")]
    NoPackets,
}

struct PartFile<'w> {
    to: Box<dyn Write + 'w>,
    /// Link types of the interfaces described in the current section.
    interfaces: Vec<LinkType>,
}

/// A frame that waits.
struct Waiting {
    link: LinkType,
    at: At,
    original_length: u32,
    interface: u32,
    bytes: Box<[u8]>,
}

/// Deals the packets of a capture to its parts.
pub struct Splitter<'w> {
    parts: Vec<PartFile<'w>>,
    limits: Limits,
    dissector: Dissector,
    waiting: HashMap<FragmentKey, Vec<Waiting>, RandomState>,
    waiting_bytes: usize,
    notes: Vec<Value>,
    packets: u64,
    latest: u64,
    failed: Option<SplitError>,
}

impl<'w> Splitter<'w> {
    /// Begins the parts. `beginning` are bytes of the capture, by which it is told from others.
    ///
    /// # Errors
    /// What the writers report.
    pub fn new(
        parts: Vec<Box<dyn Write + 'w>>,
        path: &str,
        format: &str,
        beginning: &[u8],
        limits: &Limits,
    ) -> Result<Self, SplitError> {
        let digest = |word: &str| -> String {
            let digest = Sha256::new().chain_update(word).chain_update(path).chain_update(beginning).finalize();
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let (salt, count) = (digest("salt"), u32::try_from(parts.len()).unwrap_or(u32::MAX));
        let id: String = digest("id").chars().take(16).collect();
        let mut all = Vec::with_capacity(parts.len());
        for (to, number) in parts.into_iter().zip(1..) {
            let of = PartOf { id: id.clone(), number, parts: count };
            let marker = Marker { path: path.to_owned(), format: format.to_owned(), of, salt: salt.clone() };
            let mut part = PartFile { to, interfaces: Vec::new() };
            part.section()?;
            part.local(split_block::BEGIN, &serde_json::to_vec(&marker).map_err(io::Error::other)?)?;
            all.push(part);
        }
        Ok(Self {
            parts: all,
            limits: limits.clone(),
            dissector: Dissector::default(),
            waiting: HashMap::default(),
            waiting_bytes: 0,
            notes: Vec::new(),
            packets: 0,
            latest: 0,
            failed: None,
        })
    }

    /// Ends the parts; how many packets there were.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub fn finish(mut self) -> Result<u64, SplitError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.give_up_waiting()?;
        let notes = std::mem::take(&mut self.notes);
        for (number, part) in self.parts.iter_mut().enumerate() {
            let notes = if number == 0 { notes.as_slice() } else { &[] };
            let end = serde_json::json!({"packets": self.packets, "notes": notes});
            part.local(split_block::END, &serde_json::to_vec(&end).map_err(io::Error::other)?)?;
            part.to.flush()?;
        }
        Ok(self.packets)
    }

    /// Fragments of which the rest never came are nobody's.
    fn give_up_waiting(&mut self) -> io::Result<()> {
        let mut all: Vec<Waiting> = std::mem::take(&mut self.waiting).into_values().flatten().collect();
        all.sort_by_key(|waiting| waiting.at.order());
        self.waiting_bytes = 0;
        all.iter().try_for_each(|waiting| self.write(0, waiting))
    }

    fn write(&mut self, part: usize, waiting: &Waiting) -> io::Result<()> {
        let Waiting { link, at, original_length, interface, bytes } = waiting;
        let frame = Frame {
            link: *link,
            at: *at,
            original_length: *original_length,
            interface: *interface,
            bytes,
            buffer: None,
        };
        self.parts.get_mut(part).map_or(Ok(()), |part| part.packet(&frame))
    }

    fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        self.packets += 1;
        self.latest = frame.at.order();
        let count = self.parts.len();
        let part = match self.dissector.dissect(frame, &self.limits) {
            Ok(Packet::Tcp(segment)) => Some(deal(&[segment.source, segment.destination], count)),
            Ok(Packet::Udp(datagram)) => {
                // The server's port is the lower one: it listens where others know it.
                let ends = [datagram.source, datagram.destination];
                let server = ends.into_iter().min_by_key(|end| (end.port, end.address)).unwrap_or(datagram.source);
                Some(deal(&[server], count))
            }
            Ok(Packet::Fragment) => None,
            Err(_) => Some(0),
        };
        let Some((outer, inner)) = self.dissector.take_fragments() else {
            return self.parts.get_mut(part.unwrap_or(0)).map_or(Ok(()), |part| part.packet(frame));
        };
        let mut own = self.waiting.remove(&outer).unwrap_or_default();
        if let Some(inner) = inner {
            own.extend(self.waiting.remove(&inner).unwrap_or_default());
        }
        own.push(Waiting {
            link: frame.link,
            at: frame.at,
            original_length: frame.original_length,
            interface: frame.interface,
            bytes: frame.bytes.into(),
        });
        self.waiting_bytes += frame.bytes.len();
        match part {
            Some(part) => {
                own.sort_by_key(|waiting| waiting.at.order());
                for waiting in own {
                    self.waiting_bytes = self.waiting_bytes.saturating_sub(waiting.bytes.len());
                    self.write(part, &waiting)?;
                }
            }
            None => {
                self.waiting.insert(inner.unwrap_or(outer), own);
                if self.waiting_bytes > WAITING {
                    self.give_up_waiting()?;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, item: Item<'_>) -> Result<(), SplitError> {
        match item {
            Item::Frame(frame) => self.frame(&frame)?,
            Item::Secrets(text) => {
                for part in &mut self.parts {
                    part.secrets(text)?;
                }
            }
            Item::Note(note) => {
                let at = note.at.unwrap_or(At::Frame { number: self.latest, time: None });
                self.notes.push(losses::note_to_json(&Note { at: Some(at), ..note }));
            }
            Item::Exchange(_) | Item::Connection(_) => return Err(SplitError::NoPackets),
            Item::Name(..) => {}
        }
        Ok(())
    }
}

impl ItemSink for Splitter<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        match self.take(item) {
            Ok(()) => Control::Continue,
            Err(error) => {
                self.failed = Some(error);
                Control::Stop
            }
        }
    }
}

/// The part of a connection between these ends: FNV-1a over them in their order, mixed.
fn deal(ends: &[Endpoint], parts: usize) -> usize {
    let mut ends: Vec<Endpoint> =
        ends.iter().map(|end| Endpoint { address: end.address.to_canonical(), port: end.port }).collect();
    ends.sort_unstable();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for end in ends {
        match end.address {
            std::net::IpAddr::V4(address) => address.octets().into_iter().for_each(&mut add),
            std::net::IpAddr::V6(address) => address.octets().into_iter().for_each(&mut add),
        }
        end.port.to_be_bytes().into_iter().for_each(&mut add);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((hash >> 32) % parts.max(1) as u64) as usize
}

impl PartFile<'_> {
    fn block(&mut self, kind: u32, pieces: &[&[u8]]) -> io::Result<()> {
        let body: usize = pieces.iter().map(|piece| piece.len()).sum();
        let length = u32::try_from(body.next_multiple_of(4) + 12).map_err(io::Error::other)?.to_le_bytes();
        self.to.write_all(&kind.to_le_bytes())?;
        self.to.write_all(&length)?;
        for piece in pieces {
            self.to.write_all(piece)?;
        }
        self.to.write_all([0; 3].get(..body.next_multiple_of(4) - body).unwrap_or_default())?;
        self.to.write_all(&length)
    }

    fn section(&mut self) -> io::Result<()> {
        self.interfaces.clear();
        let mut body = [0; 16];
        for (to, from) in body.iter_mut().zip([0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0].into_iter().chain([0xff; 8])) {
            *to = from;
        }
        self.block(SECTION_HEADER, &[&body])
    }

    /// JSON, filled up with blanks.
    fn local(&mut self, kind: u32, json: &[u8]) -> io::Result<()> {
        let blanks = json.len().next_multiple_of(4) - json.len();
        self.block(kind, &[json, b"   ".get(..blanks).unwrap_or_default()])
    }

    fn secrets(&mut self, text: &[u8]) -> io::Result<()> {
        let length = u32::try_from(text.len()).map_err(io::Error::other)?.to_le_bytes();
        self.block(SECRETS, &[&TLS_KEY_LOG.to_le_bytes(), &length, text])
    }

    /// Describes the frame's interface, and those of lower numbers, if that was not done.
    fn describe(&mut self, interface: usize, link: LinkType) -> io::Result<()> {
        if self.interfaces.get(interface).is_some_and(|known| *known != link) {
            self.section()?;
        }
        while self.interfaces.len() <= interface {
            let link_bytes = link.0.to_le_bytes();
            // Times in nanoseconds.
            self.block(INTERFACE, &[&link_bytes, &[0; 6], &[9, 0, 1, 0, 9, 0, 0, 0], &[0; 4]])?;
            self.interfaces.push(link);
        }
        Ok(())
    }

    fn packet(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        let interface = frame.interface as usize;
        if self.interfaces.get(interface) != Some(&frame.link) {
            self.describe(interface, frame.link)?;
        }
        let time = frame.at.time();
        if time.is_none() {
            self.block(split_block::TIMELESS, &[])?;
        }
        let nanos = time.map_or(0, |time| time.nanos()) as u64;
        let mut head = [0_u8; 20];
        let captured = u32::try_from(frame.bytes.len()).map_err(io::Error::other)?;
        let words = [frame.interface, (nanos >> 32) as u32, nanos as u32, captured, frame.original_length];
        for (to, from) in head.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        let padding = frame.bytes.len().next_multiple_of(4) - frame.bytes.len();
        let mut tail = [0_u8; 16];
        for (to, from) in tail.iter_mut().zip([5, 0, 8, 0].into_iter().chain(frame.at.order().to_le_bytes())) {
            *to = from;
        }
        self.block(ENHANCED_PACKET, &[&head, frame.bytes, [0; 3].get(..padding).unwrap_or_default(), &tail])
    }
}

#[cfg(test)]
mod tests;
