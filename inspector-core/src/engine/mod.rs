//! Wires the stages for one recording: items to packets to streams to exchanges, in capture order.
//!
//! ```text
//! read_recording ─ Item::Frame ─► Dissector ─► FlowTable ─► App (TLS, HTTP) ─► Ordered ─► Receiver
//!                │                  └► Datagrams (QUIC, HTTP/3) ───────────────────────►│
//!                └ Item::Exchange (HAR, transcript) ───────────────────────────────────► Receiver
//! ```
//!
//! Everything right of here is blind to the recording's format.

mod conversations;
mod coverage_by_file;
mod datagrams;
mod delivery;
mod order;
mod ordinary;
mod parallel;
mod quic;

use std::io::Read;

pub use crate::engine::coverage_by_file::CoverageByFile;

use self::{conversations::Conversations, datagrams::Datagrams, quic::World};
use crate::{
    connection::ConnectionReport,
    context::{BodyPolicy, Sink as _},
    coverage::Coverage,
    engine::delivery::{Handout, Results},
    evidence::SourceId,
    exchange::Exchange,
    flow::table::{FlowTable, Totals},
    input::{Control, Item, ItemSink, Producer, ReadError, helpers::Nobody},
    limits::Limits,
    note::{Note, NoteKind, PacketSkip},
    packet::{Dissector, Packet, Skipped, Unfinished, frame::Frame},
    secrets::keylog::{KeyError, Keys},
    shard,
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
    input: &mut (dyn Read + Send),
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
    // Every lane has a cache of its own.
    let whole_contents = options.bodies == BodyPolicy::Whole;
    let limits = Limits { barren: shard::share(options.limits.barren), whole_contents, ..options.limits.clone() };
    let options = &Options { limits, ..options.clone() };
    let groups = parallel::groups(keys, options);
    if groups > 0 {
        return parallel::read(source, producer, keys, options, receiver, groups);
    }
    let mut pipeline = Pipeline {
        options,
        dissector: Dissector::default(),
        table: FlowTable::new(&options.limits),
        conversations: Conversations::new(keys, options, Results::new(&options.limits)),
        datagrams: Datagrams::new(options),
        handout: Handout::new(source, receiver),
    };
    let recording = producer.produce(&options.limits, &Nobody, &mut pipeline)?;
    let coverage = pipeline.finish();
    Ok(Reading { format: recording.to_string(), coverage })
}

/// The stages of one recording.
struct Pipeline<'a> {
    options: &'a Options,
    dissector: Dissector,
    table: FlowTable<Conversations<&'a mut Keys, Results>>,
    conversations: Conversations<&'a mut Keys, Results>,
    datagrams: Datagrams,
    handout: Handout<'a>,
}

impl ItemSink for Pipeline<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        match item {
            Item::Frame(frame) => self.frame(&frame),
            Item::Exchange(exchange) => self.handout.entry(exchange),
            Item::Secrets(text) => {
                if self.conversations.add_secrets(text).is_err_and(|error| error != KeyError::Empty) {
                    self.conversations.results.note(Note::input(NoteKind::BadKeyLogLine));
                }
            }
            Item::Name(..) => {}
            Item::Note(note) => self.handout.note(note),
            Item::Connection(report) => self.handout.report(*report),
        }
        self.handout.control
    }
}

impl Pipeline<'_> {
    fn frame(&mut self, frame: &Frame<'_>) {
        self.handout.coverage.packets += 1;
        match self.dissector.dissect(frame, &self.options.limits) {
            Ok(Packet::Tcp(segment)) => {
                self.table.push(&segment, &mut self.conversations);
                if self.conversations.results.is_changed() {
                    self.handout.hand_out(&mut self.conversations.results, false);
                }
            }
            Ok(Packet::Udp(datagram)) => {
                let Conversations { keys, results, .. } = &mut self.conversations;
                let mut world = World { keys, limits: &self.options.limits, outcome: results };
                let table = &mut self.table;
                self.datagrams.push(&datagram, &mut world, || table.allocate_id());
                if self.conversations.results.is_changed() {
                    self.handout.hand_out(&mut self.conversations.results, false);
                }
            }
            Ok(Packet::Fragment) => {}
            Err(skipped) => {
                if let Some(note) = note_of_skipped(frame, skipped) {
                    self.handout.coverage.packets_skipped += 1;
                    self.handout.note(note);
                }
            }
        }
    }

    fn finish(mut self) -> Coverage {
        let unfinished = self.dissector.finish();
        self.handout.coverage.packets_skipped += unfinished.packets;
        notes_of(unfinished, &mut self.dissector).for_each(|note| self.handout.note(note));
        let table = &mut self.table;
        let (notes, packets) = self.datagrams.finish(|| table.allocate_id());
        self.handout.coverage.packets_skipped += packets;
        notes.into_iter().for_each(|note| self.handout.note(note));
        self.table.finish(&mut self.conversations);
        let Conversations { keys, results, .. } = &mut self.conversations;
        self.datagrams.close(&mut World { keys, limits: &self.options.limits, outcome: results });
        self.handout.hand_out(&mut self.conversations.results, true);
        if let Some(note) = note_of(self.table.totals()) {
            self.handout.note(note);
        }
        self.handout.coverage
    }
}

/// What is to be said of a packet that was not understood. Nothing, if it cannot hold anything of interest.
fn note_of_skipped(frame: &Frame<'_>, skipped: Skipped) -> Option<Note> {
    let Skipped { what, between } = skipped;
    let kind = NoteKind::PacketSkipped { what, between, packets: 1 };
    (!what.is_control()).then_some(Note::at(frame.at, kind))
}

/// What is to be said of datagrams of which fragments are missing, and of packets that were read by their form.
fn notes_of(unfinished: Unfinished, dissector: &mut Dissector) -> impl Iterator<Item = Note> + use<> {
    let fragments = dissector.take_unfinished().map(|(between, packets)| {
        Note::input(NoteKind::PacketSkipped { what: PacketSkip::Fragment, between, packets })
    });
    let guessed = dissector.take_guessed().map(|(what, between, group)| Note {
        at: group.first,
        connection: None,
        kind: NoteKind::PacketGuessed { what, between, packets: group.packets },
    });
    let limit = unfinished.limit_reached.then_some(Note::input(NoteKind::Limit { limit: "fragments" }));
    fragments.chain(guessed).chain(limit)
}

/// What is to be said of connections that had to make room.
fn note_of(totals: &Totals) -> Option<Note> {
    (totals.evicted_with_data > 0).then_some(Note::input(NoteKind::Limit { limit: "connections" }))
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
