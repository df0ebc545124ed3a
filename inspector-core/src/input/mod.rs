//! Bytes to items: what a recording is made of, told by its content and never by its name.
//!
//! A [`Format`] drives: it reads its input and pushes [`Item`]s into a sink, borrowing from its window. A capture yields
//! frames and key-log secrets; a HAR or a transcript yields finished exchanges. Nothing else differs behind this module.

pub mod har;
pub mod pcap;
pub mod pcapng;
pub mod text;
pub mod unpack;
pub mod window;

use std::{io, net::IpAddr};

use crate::{evidence::At, http::exchange::Exchange, limits::Limits, note::Note};

/// A link-layer header type, numbered as in the tcpdump.org LINKTYPE_ registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

/// One captured packet, borrowed from the read window.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// How to read its first header.
    pub link: LinkType,
    /// Number and time.
    pub at: At,
    /// Length on the wire; larger than `bytes.len()` where the capture's snap length cut it.
    pub original_length: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
}

/// A piece of a recording.
#[derive(Debug)]
pub enum Item<'a> {
    /// A packet.
    Frame(Frame<'a>),
    /// A finished exchange, from formats that record exchanges.
    Exchange(Box<Exchange>),
    /// The text of an NSS key log found in the recording (pcapng decryption secrets block of type `TLSK`).
    Secrets(&'a [u8]),
    /// A name the recording gives to an address (pcapng name resolution block).
    Name(IpAddr, &'a str),
    /// Something that limits the conclusions.
    Note(Note),
}

/// Whether the producer shall go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop reading; the result is what was handed out so far.
    Stop,
}

/// Receives the items of a recording.
pub trait ItemSink {
    /// Takes one item.
    fn item(&mut self, item: Item<'_>) -> Control;
}

impl<F: FnMut(Item<'_>) -> Control> ItemSink for F {
    fn item(&mut self, item: Item<'_>) -> Control {
        self(item)
    }
}

/// How sure a format is of being the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// It is something else.
    No,
    /// It may be.
    Likely,
    /// A magic number says so.
    Certain,
}

/// Why a recording could not be read at all, or not further. What was handed out before stays valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The first bytes fit no known format.
    #[error("{0}")]
    UnknownFormat(String),
    /// The input has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The format is known, but nothing of it could be read.
    #[error("{format}: {what}")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// What is wrong, in words for the user.
        what: String,
    },
}

/// A format of recordings.
pub trait Format: Sync {
    /// Its name as `inputs[].format` shows it: `pcap`, `pcapng`, `har`, `http`.
    fn name(&self) -> &'static str;

    /// Judges the first bytes (up to 64 KiB, fewer where the input is shorter).
    fn probe(&self, head: &[u8]) -> Probe;

    /// Reads the input to its end, pushing items. Damage after the first item is a [`Note`], not an error.
    ///
    /// # Errors
    /// [`ReadError`] if not one item could be read, or the operating system fails.
    fn read(&self, input: &mut dyn io::Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError>;
}
