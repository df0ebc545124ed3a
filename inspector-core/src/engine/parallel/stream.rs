//! The first stage: reads the recording and keeps the flow table, whose events it deals out.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
};

use super::{
    super::{
        Options,
        conversations::{Conversation, WEIGHED_LATE},
        counts_as_skipped, note_of, notes_of,
        quic::QuicFlows,
    },
    batch::{BATCH_BYTES, BATCH_EVENTS, Batch, Event, Kind, Known, What},
    desk::{self, Chunk, Desk, Presence},
};
use crate::{
    coverage::Coverage,
    evidence::{ConnectionId, Endpoint},
    flow::{Connection, Consumer, StreamEvent, Weight, table::FlowTable},
    input::{Control, Frame, Item, ItemSink, Producer, ReadError, Recording},
    lanes::lane,
    note::{Note, NoteKind},
    packet::{Dissector, Packet},
    tls::keylog::Keys,
};

/// Batches are sent on within the work on one item only where it yields this many times as much as a batch should.
const OVERFULL: usize = 4;

/// The stages up to the flow table.
pub(super) struct Stream<'a, 'd> {
    options: &'a Options,
    dissector: Dissector,
    table: FlowTable<Dealer<'d>>,
    quic: QuicFlows,
    dealer: Dealer<'d>,
    coverage: Coverage,
}

impl<'a, 'd> Stream<'a, 'd> {
    /// Reads the input to its end.
    pub(super) fn read(
        producer: &mut dyn Producer,
        keys: &'d mut Keys,
        options: &'a Options,
        ends: Ends,
        desk: &'d Desk,
    ) -> (Result<Recording, ReadError>, Coverage) {
        let mut stream = Stream {
            options,
            dissector: Dissector::default(),
            table: FlowTable::new(&options.limits),
            quic: QuicFlows::new(&options.limits),
            dealer: Dealer::new(keys, ends, desk),
            coverage: Coverage::default(),
        };
        // A format that has work for further threads has none for the workers.
        let outcome = producer.produce(&options.limits, options.jobs.saturating_sub(1), &mut stream);
        if outcome.is_ok() {
            stream.finish();
        }
        stream.dealer.send(true);
        (outcome, stream.coverage)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.coverage.packets += 1;
        match self.dissector.dissect(frame, &self.options.limits) {
            Ok(Packet::Tcp(segment)) => {
                self.dealer.tell_pending();
                self.table.push(&segment, &mut self.dealer);
            }
            Ok(Packet::Udp(datagram)) => {
                if self.quic.push(&datagram, &self.options.limits) {
                    let id = self.table.allocate_id();
                    self.quic.open(&datagram, id, &self.options.limits);
                }
            }
            Ok(Packet::Fragment | Packet::Other { .. }) => {}
            Err(what) => {
                self.coverage.packets_skipped += u64::from(counts_as_skipped(what));
                self.dealer.tell(desk::Kind::Direct(Note::at(frame.at, NoteKind::PacketSkipped { what })));
            }
        }
    }

    fn finish(&mut self) {
        let dealer = &mut self.dealer;
        let unfinished = self.dissector.finish();
        self.coverage.packets_skipped += unfinished.packets;
        for note in notes_of(unfinished) {
            dealer.item += 1;
            dealer.tell(desk::Kind::Direct(note));
        }
        dealer.item += 1;
        dealer.tell_pending();
        self.table.finish(dealer);
        dealer.tell(desk::Kind::Finished);
        if let Some(note) = note_of(self.table.totals()) {
            dealer.tell(desk::Kind::Direct(note));
        }
        for report in self.quic.finish() {
            dealer.tell(desk::Kind::Quic(Box::new(report)));
        }
    }
}

impl ItemSink for Stream<'_, '_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        self.dealer.item += 1;
        match item {
            Item::Frame(frame) => self.frame(&frame),
            Item::Exchange(exchange) => self.dealer.tell(desk::Kind::Entry(exchange)),
            Item::Secrets(text) => self.dealer.secrets(text),
            Item::Name(..) => {}
            Item::Note(note) => self.dealer.tell(desk::Kind::Direct(note)),
        }
        let dealer = &mut self.dealer;
        if dealer.is_full(1) {
            dealer.send(true);
        }
        if dealer.closed || dealer.desk.is_stopped() { Control::Stop } else { Control::Continue }
    }

    fn before_read(&mut self) {
        self.dealer.send(true);
    }
}

/// The ends of the channels to and from the workers.
pub(super) struct Ends {
    /// To each worker.
    pub(super) outlets: Vec<SyncSender<Batch>>,
    /// From each worker: for each period the weights of its connections.
    pub(super) weights: Vec<Receiver<Vec<Weight>>>,
    /// Batches to be filled again.
    pub(super) emptied: Receiver<Batch>,
}

/// Deals the events to the workers.
struct Dealer<'d> {
    keys: &'d mut Keys,
    desk: &'d Desk,
    ends: Ends,
    /// The turns at which periods were over whose weights are to come.
    weighings: VecDeque<u64>,
    /// One for each worker.
    batches: Vec<Batch>,
    chunk: Chunk,
    /// Notes that wait for the next segment.
    pending: Vec<Note>,
    /// The next turn.
    turn: u64,
    item: u64,
    /// The turn at which the last batches ended.
    sent: u64,
    /// In the batches.
    bytes: usize,
    events: usize,
    /// A worker or the merge has gone.
    closed: bool,
    _presence: Presence<'d>,
}

/// What the dealer keeps of a connection: its client at the beginning.
struct Client(Endpoint);

impl<'d> Dealer<'d> {
    fn new(keys: &'d mut Keys, ends: Ends, desk: &'d Desk) -> Self {
        Self {
            keys,
            desk,
            batches: ends.outlets.iter().map(|_| Batch::default()).collect(),
            _presence: Presence { desk, producer: ends.outlets.len() },
            ends,
            weighings: VecDeque::new(),
            chunk: Chunk::default(),
            pending: Vec::new(),
            turn: 0,
            item: 0,
            sent: 0,
            bytes: 0,
            events: 0,
            closed: false,
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// A result of the stream itself.
    fn tell(&mut self, kind: desk::Kind) {
        let turn = self.next_turn();
        self.chunk.push(turn, self.item, kind);
    }

    fn tell_pending(&mut self) {
        for note in std::mem::take(&mut self.pending) {
            self.tell(desk::Kind::Note(note));
        }
    }

    /// Takes the text of a key log found in the recording.
    fn secrets(&mut self, text: &[u8]) {
        if self.keys.add(text).is_err() {
            self.pending.push(Note::input(NoteKind::BadKeyLogLine));
        }
        let text: Arc<[u8]> = text.into();
        let turn = self.next_turn();
        for batch in &mut self.batches {
            batch.events.push(Event { turn, item: self.item, kind: Kind::Secrets(Arc::clone(&text)) });
        }
        self.bytes += text.len();
    }

    fn deal(&mut self, connection: &Connection, kind: Kind) {
        let (turn, item) = (self.next_turn(), self.item);
        if let Some(batch) = pick(&mut self.batches, connection) {
            batch.events.push(Event { turn, item, kind });
        }
        self.events += 1;
        if self.is_full(OVERFULL) {
            self.send(false);
        }
    }

    fn is_full(&self, times: usize) -> bool {
        self.bytes >= times * BATCH_BYTES || self.events >= times * BATCH_EVENTS || self.chunk.is_full()
    }

    /// Sends everything on. `settled`: between two items.
    fn send(&mut self, settled: bool) {
        if self.sent == self.turn || self.closed {
            return;
        }
        if settled {
            self.tell(desk::Kind::Settled);
        }
        let end = self.turn.saturating_add(1);
        self.sent = self.turn;
        (self.bytes, self.events) = (0, 0);
        for (batch, outlet) in self.batches.iter_mut().zip(&self.ends.outlets) {
            let mut full = std::mem::replace(batch, self.ends.emptied.try_recv().unwrap_or_default());
            full.end = end;
            self.closed |= outlet.send(full).is_err();
        }
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.covered = end;
        self.closed |= self.desk.put(self.ends.outlets.len(), chunk).is_err();
    }
}

/// The batch of a connection's worker.
fn pick<'b>(batches: &'b mut [Batch], connection: &Connection) -> Option<&'b mut Batch> {
    let worker = worker_of(connection.id, batches.len())?;
    batches.get_mut(worker)
}

/// The number of a connection's worker.
fn worker_of(connection: ConnectionId, workers: usize) -> Option<usize> {
    lane(connection).checked_rem(workers)
}

impl Consumer for Dealer<'_> {
    type State = Client;

    const STATE: usize = size_of::<Conversation>();

    fn open(&mut self, connection: &Connection) -> Client {
        self.deal(connection, Kind::Open(Box::new(connection.clone())));
        Client(connection.client)
    }

    fn event(&mut self, client: &mut Client, connection: &mut Connection, event: StreamEvent<'_>) {
        let (StreamEvent::Data { at, .. } | StreamEvent::Gap { at, .. } | StreamEvent::End { at, .. }) = event;
        if connection.last != at {
            self.deal(connection, Kind::Last(connection.id, connection.last));
        }
        let (side, what) = match event {
            StreamEvent::Data { side, offset, bytes, .. } => {
                let Some(batch) = pick(&mut self.batches, connection) else { return };
                let start = batch.bytes.len();
                batch.bytes.extend_from_slice(bytes);
                self.bytes += bytes.len();
                (side, What::Data { offset, bytes: start..start + bytes.len() })
            }
            StreamEvent::Gap { side, offset, bytes, .. } => (side, What::Gap { offset, bytes }),
            StreamEvent::End { side, how, .. } => (side, What::End(how)),
        };
        let known = Known {
            from_start: connection.from_start,
            roles_known: connection.roles_known,
            exchanged: connection.client != client.0,
        };
        self.deal(connection, Kind::Stream { connection: connection.id, known, side, at, what });
    }

    fn weighed(&mut self, weights: Vec<Weight>) -> Vec<Weight> {
        let mut shares: Vec<Vec<Weight>> = self.batches.iter().map(|_| Vec::new()).collect();
        for weight in weights {
            if let Some(share) = worker_of(weight.connection, shares.len()).and_then(|worker| shares.get_mut(worker)) {
                share.push(weight);
            }
        }
        let turn = self.next_turn();
        for (batch, share) in self.batches.iter_mut().zip(shares) {
            batch.events.push(Event { turn, item: self.item, kind: Kind::Weigh(share) });
        }
        self.weighings.push_back(turn);
        if self.weighings.len() <= WEIGHED_LATE {
            return Vec::new();
        }
        if self.weighings.pop_front().is_some_and(|turn| turn > self.sent) {
            self.send(false);
        }
        if self.closed {
            return Vec::new();
        }
        // A worker that has gone is noticed when the next batch is sent.
        self.ends.weights.iter().flat_map(|weights| weights.recv().unwrap_or_default()).collect()
    }

    fn close(&mut self, _: Client, connection: Connection) {
        let kind = Kind::Close(Box::new(connection.clone()));
        self.deal(&connection, kind);
    }
}
