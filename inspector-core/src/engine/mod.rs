//! Wires the stages for one recording: items to packets to streams to exchanges, in capture order.
//!
//! ```text
//! read_recording ─ Item::Frame ─► Dissector ─► FlowTable ─► App (TLS, HTTP) ─► Ordered ─► Receiver
//!                └ Item::Exchange (HAR, transcript) ───────────────────────────────────► Receiver
//! ```
//!
//! Everything right of here is blind to the recording's format.

mod conversations;
mod order;
mod quic;
mod shares;

use std::io::Read;

pub use self::shares::Shares;

use self::conversations::Conversations;
use crate::{
    connection::ConnectionReport,
    context::BodyPolicy,
    coverage::Coverage,
    evidence::SourceId,
    flow::table::FlowTable,
    http::exchange::{Exchange, Mark},
    input::{Control, Frame, Item, ItemSink, Producer, ReadError},
    limits::Limits,
    note::{Note, NoteKind, PacketSkip},
    packet::{Dissector, Packet},
    tls::keylog::Keys,
};

/// How a recording is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// Which contents to decode.
    pub bodies: BodyPolicy,
    /// Digest each side's decrypted bytes (for comparing decryptions).
    pub digests: bool,
    /// Threads that may work on one recording at once; 0 counts as 1. What is handed out is the same for any number.
    pub jobs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), bodies: BodyPolicy::default(), digests: false, jobs: 1 }
    }
}

/// Receives what a recording yields: exchanges in capture order, the rest as it becomes known.
pub trait Receiver {
    /// An exchange. Its number counts from 1. [`Control::Stop`] ends the reading, as at the end of the input.
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control;

    /// A connection is over.
    fn connection(&mut self, report: ConnectionReport);

    /// Something limits the conclusions.
    fn note(&mut self, note: Note);
}

/// A recording was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Its format, with the compression around it: `pcapng`, `har`, `pcap+gzip`.
    pub format: String,
    /// How much was read.
    pub coverage: Coverage,
}

/// Reads one recording to its end.
///
/// # Errors
/// [`ReadError`] if nothing of it could be read. Later damage is a note.
pub fn read(
    source: SourceId,
    input: &mut dyn Read,
    keys: &mut Keys,
    options: &Options,
    receiver: &mut dyn Receiver,
) -> Result<Reading, ReadError> {
    let mut input = input;
    read_from(source, &mut input, keys, options, receiver)
}

/// Reads one recording to its end, from wherever its items come: a file, or the files of a set.
///
/// # Errors
/// [`ReadError`] if nothing of it could be read. Later damage is a note.
pub fn read_from(
    source: SourceId,
    producer: &mut dyn Producer,
    keys: &mut Keys,
    options: &Options,
    receiver: &mut dyn Receiver,
) -> Result<Reading, ReadError> {
    let mut pipeline = Pipeline {
        source,
        options,
        dissector: Dissector::default(),
        table: FlowTable::new(&options.limits),
        conversations: Conversations::new(source, keys, options),
        quic: quic::QuicFlows::new(&options.limits),
        coverage: Coverage::default(),
        entries: 0,
        receiver,
        control: Control::Continue,
    };
    // The calling thread is one of them.
    let workers = options.jobs.saturating_sub(1);
    let recording = producer.produce(&options.limits, workers, &mut pipeline)?;
    let coverage = pipeline.finish();
    Ok(Reading { format: recording.to_string(), coverage })
}

/// The stages of one recording.
struct Pipeline<'a> {
    source: SourceId,
    options: &'a Options,
    dissector: Dissector,
    table: FlowTable<Conversations<'a>>,
    conversations: Conversations<'a>,
    quic: quic::QuicFlows,
    coverage: Coverage,
    /// Exchanges that came finished.
    entries: u64,
    receiver: &'a mut dyn Receiver,
    control: Control,
}

impl ItemSink for Pipeline<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        match item {
            Item::Frame(frame) => self.frame(&frame),
            Item::Exchange(exchange) => self.entry(exchange),
            Item::Secrets(text) => self.conversations.secrets(text),
            Item::Name(..) => {}
            Item::Note(note) => self.note(note),
        }
        self.control
    }
}

impl Pipeline<'_> {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.coverage.packets += 1;
        match self.dissector.dissect(frame, &self.options.limits) {
            Ok(Packet::Tcp(segment)) => {
                self.table.push(&segment, &mut self.conversations);
                if self.conversations.has_results() {
                    self.hand_out(false);
                }
            }
            Ok(Packet::Udp(datagram)) => {
                if self.quic.push(&datagram, &self.options.limits) {
                    let id = self.table.allocate_id();
                    self.quic.open(&datagram, id, &self.options.limits);
                }
            }
            Ok(Packet::Fragment | Packet::Other { .. }) => {}
            Err(what) => {
                self.coverage.packets_skipped +=
                    u64::from(!matches!(what, PacketSkip::EtherType(_) | PacketSkip::IpProtocol(_)));
                self.receiver.note(Note::at(frame.at, NoteKind::PacketSkipped { what }));
            }
        }
    }

    fn entry(&mut self, mut exchange: Box<Exchange>) {
        self.entries += 1;
        exchange.source = self.source;
        exchange.number = self.entries;
        self.deliver(exchange);
    }

    fn note(&mut self, note: Note) {
        match note.kind {
            NoteKind::EntrySkipped { .. } => self.coverage.entries_skipped += 1,
            NoteKind::Sanitized { .. } => self.coverage.sanitized = true,
            _ => {}
        }
        self.receiver.note(note);
    }

    fn deliver(&mut self, exchange: Box<Exchange>) {
        let coverage = &mut self.coverage;
        coverage.exchanges += 1;
        coverage.exchanges_without_response += u64::from(exchange.response.is_none());
        coverage.bodies_cut += u64::from(exchange.marks.has(Mark::BodyCut));
        if self.control == Control::Continue {
            self.control = self.receiver.exchange(exchange);
        }
    }

    fn hand_out(&mut self, all: bool) {
        while let Some(note) = self.conversations.next_note() {
            self.note(note);
        }
        while let Some(exchange) = self.conversations.next_exchange(all) {
            self.deliver(exchange);
        }
        while let Some(report) = self.conversations.next_report() {
            self.report(report);
        }
    }

    fn report(&mut self, report: ConnectionReport) {
        let coverage = &mut self.coverage;
        let connection = &report.connection;
        coverage.connections += 1;
        coverage.tls_connections += u64::from(report.tls.is_some());
        coverage.tls_decrypted += u64::from(report.tls.is_some() && report.decrypted);
        coverage.gaps += connection.gaps.iter().sum::<u64>();
        coverage.bytes_missing += connection.bytes_missing.iter().sum::<u64>();
        coverage.duplicates += connection.duplicates;
        self.receiver.connection(report);
    }

    /// Datagrams of which fragments are missing.
    fn count_fragments(&mut self) {
        let unfinished = self.dissector.finish();
        self.coverage.packets_skipped += unfinished.packets;
        for _ in 0..unfinished.packets {
            self.receiver.note(Note::input(NoteKind::PacketSkipped { what: PacketSkip::Fragment }));
        }
        if unfinished.limit_reached {
            self.receiver.note(Note::input(NoteKind::Limit { limit: "fragments" }));
        }
    }

    fn finish(mut self) -> Coverage {
        self.count_fragments();
        self.table.finish(&mut self.conversations);
        self.hand_out(true);
        if self.table.totals().evicted_with_data > 0 {
            self.receiver.note(Note::input(NoteKind::Limit { limit: "connections" }));
        }
        for report in self.quic.finish() {
            self.report(report);
        }
        self.coverage
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[derive(Default)]
    struct Notes(Vec<NoteKind>);

    impl Receiver for Notes {
        fn exchange(&mut self, _: Box<Exchange>) -> Control {
            Control::Continue
        }

        fn connection(&mut self, _: ConnectionReport) {}

        fn note(&mut self, note: Note) {
            self.0.push(note.kind);
        }
    }

    #[test]
    fn connections_that_had_to_make_room_are_told_of_once() {
        let mut file = [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 1 << 18, 1].map(u32::to_le_bytes).concat();
        let header = file.clone();
        // The data of the first one, or none at all.
        for (connections, data, told) in [(3, "GET /", 1), (5, "GET /", 0), (3, "", 0)] {
            file.clone_from(&header);
            for port in 1..=5 {
                let mut packet = Vec::new();
                let builder = PacketBuilder::ethernet2([2; 6], [4; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
                let data = if port == 1 { data.as_bytes() } else { b"" };
                builder.tcp(port, 80, 1, 64).syn().write(&mut packet, data).unwrap();
                let length = packet.len() as u32;
                file.extend([1, 0, length, length].map(u32::to_le_bytes).concat());
                file.extend(packet);
            }
            let limits = Limits { connections, ..Limits::default() };
            let (options, mut notes) = (Options { limits, ..Options::default() }, Notes::default());
            let reading = read(SourceId(0), &mut &*file, &mut Keys::default(), &options, &mut notes).unwrap();
            assert_eq!(reading.coverage.connections, 5);
            assert_eq!(notes.0, vec![NoteKind::Limit { limit: "connections" }; told]);
        }
    }
}
