//! What limits the conclusions: facts about the recording, not about the traffic.
//!
//! A [`Note`] never stops the run and is never dropped: notes become coverage figures and COV findings.

use std::fmt;

use crate::evidence::{At, ConnectionId};

/// A fact that limits what can be concluded from an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where, if it has a place.
    pub at: Option<At>,
    /// The connection it concerns.
    pub connection: Option<ConnectionId>,
    /// What it is.
    pub kind: NoteKind,
}

/// The kinds of notes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// The input ends inside a record, block, entry or compressed stream; everything before it was read.
    TruncatedInput {
        /// Offset in the (unpacked) input where the unfinished piece begins.
        offset: u64,
    },
    /// A record or block contradicts its own lengths; it was skipped.
    MalformedBlock {
        /// What was wrong, in a few words.
        what: &'static str,
    },
    /// A compressed input is damaged from here on.
    DamagedCompression {
        /// The decoder's words.
        what: String,
    },
    /// A packet was not understood; `what` names the protocol or the reason. Counted in `packets_skipped`.
    PacketSkipped {
        /// For example `link type 147` or `IPv4 header cut`.
        what: PacketSkip,
    },
    /// A HAR entry could not be read.
    EntrySkipped {
        /// Why, in words for the user.
        why: String,
    },
    /// A bound of [`crate::limits::Limits`] was reached.
    Limit {
        /// The field's name.
        limit: &'static str,
    },
    /// TCP bytes of a stream were never recorded.
    Gap {
        /// How many.
        bytes: u64,
    },
    /// Bytes of an HTTP connection that belong to no message that could be read.
    Unread {
        /// How many.
        bytes: u64,
    },
    /// The same bytes of a stream were sent with different contents; the first were kept.
    OverlapDiffers,
    /// A duplicate packet (mirror port, pktmon) was dropped.
    Duplicate,
    /// A TLS record failed its authentication.
    RecordNotAuthentic {
        /// Number of the record in its direction, from 0.
        record: u64,
    },
    /// Secrets in the file (DSB) or key log lines that could not be read.
    BadKeyLogLine,
    /// Files of a recording that was written in several files are missing before this place.
    FilesMissing {
        /// How many, by their numbers.
        count: u64,
    },
    /// A file of a recording in several files begins before the one before it ends.
    FilesOverlap {
        /// By so many nanoseconds.
        nanos: u64,
    },
    /// The recording was sanitised by its exporter.
    Sanitized {
        /// How that was told.
        how: &'static str,
    },
}

/// Why a packet was skipped. A closed set without allocation: a capture can hold millions of such packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PacketSkip {
    /// A link type this program does not dissect (LINKTYPE_ number).
    LinkType(u16),
    /// An EtherType that is not IP (ARP and the like): complete, but of no interest.
    EtherType(u16),
    /// An IP protocol that carries no TCP or UDP.
    IpProtocol(u8),
    /// A protocol between the link and the transport layer that this program does not dissect; its name.
    Protocol(&'static str),
    /// A header is cut or contradicts itself; the layer's name.
    Malformed(&'static str),
    /// Deeper nesting than `Limits::encapsulations`.
    TooDeep,
    /// An IP fragment whose other fragments never came.
    Fragment,
    /// Encrypted below TCP: IPsec ESP, WPA, MACsec; the layer's name.
    Encrypted(&'static str),
}

impl fmt::Display for PacketSkip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkType(n) => write!(f, "link type {n} is not dissected"),
            Self::EtherType(n) => write!(f, "EtherType 0x{n:04x} is not IP"),
            Self::IpProtocol(n) => write!(f, "IP protocol {n} carries no TCP"),
            Self::Protocol(name) => write!(f, "{name} is not dissected"),
            Self::Malformed(what) => write!(f, "damaged {what} header"),
            Self::TooDeep => f.write_str("too many nested headers"),
            Self::Fragment => f.write_str("IP fragment without the rest of its datagram"),
            Self::Encrypted(what) => write!(f, "encrypted by {what}"),
        }
    }
}

impl Note {
    /// A note about a place.
    pub const fn at(at: At, kind: NoteKind) -> Self {
        Self { at: Some(at), connection: None, kind }
    }

    /// A note about the input as a whole.
    pub const fn input(kind: NoteKind) -> Self {
        Self { at: None, connection: None, kind }
    }
}
