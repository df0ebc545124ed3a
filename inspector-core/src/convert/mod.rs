//! Recordings in another form: what was read of one, written as another.
//!
//! | word | what | what it keeps |
//! |---|---|---|
//! | `har` | HAR 1.2 | everything that is judged: what a HAR has no member for stands in `_frames`, `_tls`, `_notes` and `_inspector` |
//! | `ndjson` | one JSON object a line, an exchange each, with contents | everything but that nothing reads it again |
//! | `http` | a transcript | messages; what was missing is said in `# @` lines |
//! | `pcapng` | exported packets (link type 252), which Wireshark shows | messages with their addresses, times and ports |
//!
//! Nothing is invented, and nothing is lost without a word: an inconclusive recording stays inconclusive. Who writes gets
//! exchanges as they are; masking is done before ([`crate::sharing`]).

mod har;
mod message;
mod ndjson;
mod packets;
mod transcript;

use std::io::{self, Write};

use crate::{connection::ConnectionReport, exchange::Exchange, note::Note};

/// A form recordings are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// HAR 1.2.
    Har,
    /// One JSON object a line.
    Ndjson,
    /// A transcript.
    Http,
    /// Exported packets.
    Pcapng,
}

impl Target {
    /// All of them with their words.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Har, "har"), (Self::Ndjson, "ndjson"), (Self::Http, "http"), (Self::Pcapng, "pcapng")];

    /// By its word, or by the ending of a file's name.
    pub fn named(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let word = match word.as_str() {
            "jsonl" => "ndjson",
            "txt" => "http",
            word => word,
        };
        Self::ALL.into_iter().find(|(_, name)| *name == word).map(|(target, _)| target)
    }

    /// A writer of that form.
    ///
    /// # Errors
    /// What `to` reports.
    pub fn writer<'w>(self, to: &'w mut dyn Write) -> io::Result<Box<dyn RecordingWriter + 'w>> {
        Ok(match self {
            Self::Har => Box::new(har::HarWriter::new(to)?),
            Self::Ndjson => Box::new(ndjson::NdjsonWriter::new(to)),
            Self::Http => Box::new(transcript::TranscriptWriter::new(to)),
            Self::Pcapng => Box::new(packets::PacketWriter::new(to)?),
        })
    }
}

/// Writes what a recording yields. Exchanges come in capture order.
pub trait RecordingWriter {
    /// An exchange.
    ///
    /// # Errors
    /// What the writer reports.
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()>;

    /// What became of a connection.
    ///
    /// # Errors
    /// What the writer reports.
    fn connection(&mut self, report: &ConnectionReport) -> io::Result<()>;

    /// Something limits the conclusions.
    ///
    /// # Errors
    /// What the writer reports.
    fn note(&mut self, note: &Note) -> io::Result<()>;

    /// The end.
    ///
    /// # Errors
    /// What the writer reports.
    fn finish(&mut self) -> io::Result<()>;
}
