//! Where a fact was seen, so that a reader can look at the same bytes.

use std::net::{IpAddr, SocketAddr};

use crate::{heap, time::Timestamp};

/// Index of an input among those of one run, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u32);

/// Bits of a frame's number within its file. A recording that was written in several files numbers its frames over all of
/// them: the place of the file in the set stands in the bits above, so that numbers order the frames and tell their files.
const FRAME_BITS: u32 = 40;

impl SourceId {
    /// The file of a recording in several files that has the frame `number`, and the frame's number in that file. `self` is
    /// the first file; the others follow it. Of a recording in one file both stay what they are.
    pub const fn of_frame(self, number: u64) -> (Self, u64) {
        let piece = (number >> FRAME_BITS) as u32;
        (Self(self.0.saturating_add(piece)), number & ((1 << FRAME_BITS) - 1))
    }
}

/// The number, over a recording in several files, of a frame of the file at that place (from 0).
pub(crate) const fn number_in_set(piece: u32, frame: u64) -> u64 {
    ((piece as u64) << FRAME_BITS) | frame
}

/// Number of a connection within its input, from 1, in the order of their first packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A position in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// A packet of a capture. `number` counts from 1 over the whole file, as Wireshark does; of the later files of a
    /// recording in several files, see [`SourceId::of_frame`].
    Frame {
        /// Wireshark's frame number.
        number: u64,
        /// When the packet was captured; `None` where the format does not tell (a pcapng simple packet block).
        time: Option<Timestamp>,
    },
    /// An entry of a HAR or a transcript. `index` counts from 0, as `log.entries[index]` does.
    Entry {
        /// Index of the entry.
        index: u64,
        /// `startedDateTime` of the entry, or the end of it where the position is the response.
        time: Option<Timestamp>,
    },
}

impl At {
    /// When it happened.
    pub const fn time(self) -> Option<Timestamp> {
        match self {
            Self::Frame { time, .. } | Self::Entry { time, .. } => time,
        }
    }

    /// The frame number, if this is a packet.
    pub const fn frame(self) -> Option<u64> {
        match self {
            Self::Frame { number, .. } => Some(number),
            Self::Entry { .. } => None,
        }
    }

    /// The entry index, if this is an entry.
    pub const fn entry(self) -> Option<u64> {
        match self {
            Self::Frame { .. } => None,
            Self::Entry { index, .. } => Some(index),
        }
    }

    /// The number that orders positions of one input.
    pub const fn order(self) -> u64 {
        match self {
            Self::Frame { number, .. } => number,
            Self::Entry { index, .. } => index,
        }
    }

    /// The later of two positions of one input, in the order of the recording. What a stream holds comes out of that order
    /// where a packet was sent again or overtook another.
    pub(crate) const fn later(self, other: Self) -> Self {
        if other.order() < self.order() { self } else { other }
    }
}

/// One end of a connection. A HAR tells the server's address only, and not always its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// IP address.
    pub address: IpAddr,
    /// TCP or UDP port; 0 where the recording does not tell.
    pub port: u16,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::new(self.address, self.port).fmt(f)
    }
}

/// The part of an exchange (or of its connection) a fact was seen in. Serialises as its word in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub enum Part {
    /// A field of the request's header.
    #[serde(rename = "request.header")]
    RequestHeader,
    /// The request's target.
    #[serde(rename = "request.url")]
    RequestUrl,
    /// The request's content.
    #[serde(rename = "request.body")]
    RequestBody,
    /// A field of the response's header.
    #[serde(rename = "response.header")]
    ResponseHeader,
    /// The response's content.
    #[serde(rename = "response.body")]
    ResponseBody,
    /// The TLS handshake or records of the connection.
    #[serde(rename = "tls")]
    Tls,
    /// The TCP (or UDP) conversation.
    #[serde(rename = "tcp")]
    Tcp,
}

impl Part {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequestHeader => "request.header",
            Self::RequestUrl => "request.url",
            Self::RequestBody => "request.body",
            Self::ResponseHeader => "response.header",
            Self::ResponseBody => "response.body",
            Self::Tls => "tls",
            Self::Tcp => "tcp",
        }
    }
}

/// One piece of evidence of a finding. `excerpt` is masked by whoever makes it: an `Evidence` holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Evidence {
    /// The input, as the report's `inputs[]` names it.
    pub input: SourceId,
    /// Frame number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Connection number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// Exchange number from 1, in capture order within the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<u64>,
    /// Entry index from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Where in the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Name of the field, parameter or member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The masked text, for example `Bearer eyJ0…(2129 chars, sha256 1f2e3d4c5b6a7988)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

impl Evidence {
    /// Bytes of memory it takes, about.
    pub(crate) fn weight(&self) -> usize {
        let texts = [&self.name, &self.excerpt].into_iter().flatten();
        texts.fold(size_of::<Self>(), |sum, text| sum.saturating_add(heap::block(text.capacity())))
    }

    /// Names the file and the frame in it, where the recording was written in several files.
    pub fn localize(&mut self) {
        if let Some(number) = self.frame {
            let (input, frame) = self.input.of_frame(number);
            self.input = input;
            // Where no packet is meant, the number only tells the file.
            self.frame = Some(frame).filter(|frame| *frame > 0);
        }
    }
}

/// The JSON has the input's path; the report replaces the index when it serialises.
impl serde::Serialize for SourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}
