//! The first stage: reads the recording and keeps the flow table, whose events it deals out.
//!
//! A connection is dealt to its group with the first that comes on it. One on which nothing ever comes, as in a scan of ports
//! or a flood of SYNs, is closed here: to hand it to another thread would cost more than all the rest of it.

use std::{collections::VecDeque, sync::Arc};

use super::{
    super::{
        Options,
        conversations::{Conversation, Conversations, WEIGHED_LATE},
        datagrams::Datagrams,
        note_of, note_of_skipped, notes_of,
        quic::World,
    },
    batch::{BATCH_BYTES, Batch, Event, Kind, Known, What, range_in},
    crew::{Crew, Presence, Role},
    results::{self, Marked},
};
use crate::{
    coverage::Coverage,
    evidence::{At, ConnectionId, Endpoint},
    flow::{Connection, Consumer, End, Side, StreamEvent, Weight, table::FlowTable},
    input::{Control, Item, ItemSink, Producer, ReadError, Recording},
    limits::Limits,
    note::{Note, NoteKind},
    packet::{
        Dissector, Packet,
        frame::{Buffer, Frame},
    },
    secrets::keylog::{KeyError, Keys},
    shard,
};

/// Batches are sent on within the work on one item only where it yields this many times as much as a batch should.
const OVERFULL: usize = 4;

/// The stages up to the flow table.
pub(super) struct Stream<'a, 'c> {
    options: &'a Options,
    dissector: Dissector,
    table: FlowTable<Dealer<'c>>,
    datagrams: Datagrams,
    dealer: Dealer<'c>,
    coverage: Coverage,
}

impl<'a, 'c> Stream<'a, 'c> {
    /// Reads the input to its end.
    pub(super) fn read(
        producer: &mut dyn Producer,
        keys: &'c mut Keys,
        options: &'a Options,
        crew: &'c Crew,
    ) -> (Result<Recording, ReadError>, Coverage) {
        let mut stream = Stream {
            options,
            dissector: Dissector::default(),
            table: FlowTable::new(&options.limits),
            datagrams: Datagrams::new(options),
            dealer: Dealer::new(keys, options, crew),
            coverage: Coverage::default(),
        };
        let outcome = producer.produce(&options.limits, crew, &mut stream);
        if outcome.is_ok() {
            stream.finish();
        }
        stream.dealer.send(true);
        (outcome, stream.coverage)
    }

    fn frame(&mut self, frame: &Frame<'_>) {
        self.coverage.packets += 1;
        self.dealer.look_at(frame.buffer);
        match self.dissector.dissect(frame, &self.options.limits) {
            Ok(Packet::Tcp(segment)) => {
                self.dealer.tell_pending();
                self.table.push(&segment, &mut self.dealer);
            }
            Ok(Packet::Udp(datagram)) => {
                self.dealer.tell_pending();
                let table = &mut self.table;
                let mut world = self.dealer.world(&self.options.limits);
                self.datagrams.push(&datagram, &mut world, || table.allocate_id());
            }
            Ok(Packet::Fragment) => {}
            Err(skipped) => {
                if let Some(note) = note_of_skipped(frame, skipped) {
                    self.coverage.packets_skipped += 1;
                    self.dealer.tell(results::Kind::Direct(note));
                }
            }
        }
    }

    fn finish(&mut self) {
        let dealer = &mut self.dealer;
        let unfinished = self.dissector.finish();
        self.coverage.packets_skipped += unfinished.packets;
        for note in notes_of(unfinished, &mut self.dissector) {
            dealer.item += 1;
            dealer.tell(results::Kind::Direct(note));
        }
        let table = &mut self.table;
        let (notes, packets) = self.datagrams.finish(|| table.allocate_id());
        self.coverage.packets_skipped += packets;
        for note in notes {
            dealer.item += 1;
            dealer.tell(results::Kind::Direct(note));
        }
        dealer.item += 1;
        dealer.tell_pending();
        self.table.finish(dealer);
        self.datagrams.close(&mut dealer.world(&self.options.limits));
        dealer.tell(results::Kind::Finished);
        if let Some(note) = note_of(self.table.totals()) {
            dealer.tell(results::Kind::Direct(note));
        }
    }
}

impl ItemSink for Stream<'_, '_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        self.dealer.item += 1;
        match item {
            Item::Frame(frame) => self.frame(&frame),
            Item::Exchange(exchange) => self.dealer.tell(results::Kind::Entry(exchange)),
            Item::Secrets(text) => self.dealer.secrets(text),
            Item::Name(..) => {}
            Item::Note(note) => self.dealer.tell(results::Kind::Direct(note)),
            Item::Connection(report) => self.dealer.tell(results::Kind::Report(report)),
        }
        let dealer = &mut self.dealer;
        if dealer.is_full(1) {
            dealer.send(true);
        }
        if dealer.closed || dealer.crew.is_stopped() { Control::Stop } else { Control::Continue }
    }

    fn before_read(&mut self) {
        self.dealer.send(true);
    }
}

/// Deals the events to the groups.
struct Dealer<'c> {
    keys: &'c mut Keys,
    crew: &'c Crew,
    /// The buffer of the packets that come.
    buffer: Option<Buffer>,
    /// The turns at which periods were over whose weights are to come.
    weighings: VecDeque<u64>,
    /// One for each group.
    batches: Vec<Batch>,
    places: Vec<Places>,
    /// Of the connections on which nothing comes. Its results are all of the stream's.
    silent: Conversations<Keys, Marked>,
    /// Notes that wait for the next segment.
    pending: Vec<Note>,
    /// The next turn.
    turn: u64,
    item: u64,
    /// The turn at which the last batches ended.
    sent: u64,
    /// In the batches, without those of the buffer.
    bytes: usize,
    /// Nobody takes anything any more.
    closed: bool,
    _presence: Presence<'c>,
}

/// What the dealer keeps of a connection.
enum Dealt {
    /// Nothing came on it yet. How each side ended, if it did, in their order.
    Silent([Option<(Side, End, At)>; 2]),
    /// Its group has it.
    Followed {
        /// Its client when it was dealt.
        client: Endpoint,
        /// Where its group keeps it.
        place: u32,
    },
}

/// The places of the connections of a group.
#[derive(Default)]
struct Places {
    free: Vec<u32>,
    next: u32,
}

impl Places {
    fn take(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

impl<'c> Dealer<'c> {
    fn new(keys: &'c mut Keys, options: &Options, crew: &'c Crew) -> Self {
        Self {
            keys,
            silent: Conversations::new(Keys::default(), options, Marked::default()),
            crew,
            batches: (0..crew.groups()).map(|_| Batch::default()).collect(),
            places: (0..crew.groups()).map(|_| Places::default()).collect(),
            _presence: Presence(crew, Role::Stream),
            buffer: None,
            weighings: VecDeque::new(),
            pending: Vec::new(),
            turn: 0,
            item: 0,
            sent: 0,
            bytes: 0,
            closed: false,
        }
    }

    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    /// For the connections that are followed here: their results are the stream's.
    fn world<'w>(&'w mut self, limits: &'w Limits) -> World<'w, Marked> {
        let turn = self.next_turn();
        let results = &mut self.silent.results;
        (results.turn, results.item) = (turn, self.item);
        World { keys: &*self.keys, limits, outcome: results }
    }

    /// A result of the stream itself.
    fn tell(&mut self, kind: results::Kind) {
        let turn = self.next_turn();
        self.silent.results.chunk.push(turn, self.item, kind);
    }

    fn tell_pending(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        for note in std::mem::take(&mut self.pending) {
            self.tell(results::Kind::Note(note));
        }
    }

    /// Takes the text of a key log found in the recording.
    fn secrets(&mut self, text: &[u8]) {
        if self.keys.learn(text).is_err_and(|error| error != KeyError::Empty) {
            self.pending.push(Note::input(NoteKind::BadKeyLogLine));
        }
        let text: Arc<[u8]> = text.into();
        let turn = self.next_turn();
        for batch in &mut self.batches {
            batch.events.push_back(Event { turn, item: self.item, kind: Kind::Secrets(Arc::clone(&text)) });
        }
        self.bytes += text.len();
    }

    /// Bytes that lie elsewhere than in the buffer.
    fn copy(&mut self, connection: &Connection, offset: u64, bytes: &[u8]) -> What {
        self.bytes += bytes.len();
        let copies = pick(&mut self.batches, connection.id).map(|batch| &mut batch.copies);
        let start = copies.as_ref().map_or(0, |copies| copies.len());
        if let Some(copies) = copies {
            copies.extend_from_slice(bytes);
        }
        What::Copy { offset, bytes: start..start + bytes.len() }
    }

    fn deal(&mut self, connection: ConnectionId, kind: Kind) {
        let event = Event { turn: self.next_turn(), item: self.item, kind };
        self.bytes += event.weight();
        if let Some(batch) = pick(&mut self.batches, connection) {
            batch.events.push_back(event);
        }
        if self.is_full(OVERFULL) {
            self.send(false);
        }
    }

    /// Deals a connection to its group.
    fn follow(&mut self, connection: &Connection) -> Dealt {
        let group = group_of(connection.id, self.places.len());
        let place = group.and_then(|group| self.places.get_mut(group)).map_or(0, Places::take);
        self.deal(connection.id, Kind::Open { place, connection: Box::new(connection.clone()) });
        Dealt::Followed { client: connection.client, place }
    }

    /// Passes an event on to the group that has the connection.
    fn pass_on(&mut self, dealt: &Dealt, connection: &Connection, event: StreamEvent<'_>) {
        let Dealt::Followed { client, place } = *dealt else { return };
        let (StreamEvent::Data { at, .. } | StreamEvent::Gap { at, .. } | StreamEvent::End { at, .. }) = event;
        if connection.last != at {
            self.deal(connection.id, Kind::Last { place, at: connection.last });
        }
        let (side, what) = match event {
            StreamEvent::Data { side, offset, bytes, .. } => {
                let kept = self.buffer.as_ref().and_then(|buffer| range_in(buffer, bytes));
                (side, kept.map_or_else(|| self.copy(connection, offset, bytes), |bytes| What::Data { offset, bytes }))
            }
            StreamEvent::Gap { side, offset, bytes, .. } => (side, What::Gap { offset, bytes }),
            StreamEvent::End { side, how, .. } => (side, What::End(how)),
        };
        let known = Known {
            from_start: connection.from_start,
            roles_known: connection.roles_known,
            exchanged: connection.client != client,
            acknowledged: connection.standing.acknowledged,
        };
        self.deal(connection.id, Kind::Stream { place, known, side, at, what });
    }

    /// Closes a connection on which nothing came.
    fn close_silent(&mut self, ended: [Option<(Side, End, At)>; 2], mut connection: Connection) {
        let turn = self.next_turn();
        let silent = &mut self.silent;
        (silent.results.turn, silent.results.item) = (turn, self.item);
        let mut state = silent.open(&connection);
        for (side, how, at) in ended.into_iter().flatten() {
            silent.event(&mut state, &mut connection, StreamEvent::End { side, how, at });
        }
        silent.close(state, connection);
        if self.is_full(OVERFULL) {
            self.send(false);
        }
    }

    fn is_full(&self, times: usize) -> bool {
        self.bytes >= times * BATCH_BYTES || self.silent.results.chunk.is_full()
    }

    /// Sends everything on. `settled`: between two items. What comes of the same buffer afterwards is copied until it is
    /// looked at again.
    fn send(&mut self, settled: bool) {
        let buffer = self.buffer.take();
        if self.sent == self.turn || self.closed {
            return;
        }
        if settled {
            self.tell(results::Kind::Settled);
        }
        let end = self.turn.saturating_add(1);
        self.sent = self.turn;
        let bytes = std::mem::take(&mut self.bytes) + buffer.as_ref().map_or(0, |buffer| buffer.len());
        for batch in &mut self.batches {
            batch.buffer.clone_from(&buffer);
        }
        // The window may use it again once the groups are done.
        drop(buffer);
        self.closed =
            self.crew.deal(&mut self.batches, bytes, std::mem::take(&mut self.silent.results.chunk), end).is_err();
    }

    /// The next packets are in this buffer.
    fn look_at(&mut self, buffer: Option<&Buffer>) {
        let is_same = match (&self.buffer, buffer) {
            (Some(kept), Some(buffer)) => Arc::ptr_eq(kept, buffer),
            (kept, buffer) => kept.is_none() && buffer.is_none(),
        };
        if !is_same {
            self.send(true);
            self.buffer = buffer.cloned();
        }
    }
}

/// The batch of a connection's group.
fn pick(batches: &mut [Batch], connection: ConnectionId) -> Option<&mut Batch> {
    let group = group_of(connection, batches.len())?;
    batches.get_mut(group)
}

/// The number of a connection's group.
fn group_of(connection: ConnectionId, groups: usize) -> Option<usize> {
    shard::of(connection).checked_rem(groups)
}

impl Consumer for Dealer<'_> {
    type State = Dealt;

    const STATE: usize = size_of::<Conversation>();

    fn open(&mut self, _: &Connection) -> Dealt {
        Dealt::Silent([None; 2])
    }

    fn event(&mut self, dealt: &mut Dealt, connection: &mut Connection, event: StreamEvent<'_>) {
        if let Dealt::Silent(ended) = dealt {
            if let StreamEvent::End { side, how, at } = event {
                if let Some(free) = ended.iter_mut().find(|ended| ended.is_none()) {
                    *free = Some((side, how, at));
                }
                return;
            }
            let ended = *ended;
            *dealt = self.follow(connection);
            for (side, how, at) in ended.into_iter().flatten() {
                self.pass_on(dealt, connection, StreamEvent::End { side, how, at });
            }
        }
        self.pass_on(dealt, connection, event);
    }

    fn weighed(&mut self, weights: Vec<Weight>) -> Vec<Weight> {
        let mut shares: Vec<Vec<Weight>> = self.batches.iter().map(|_| Vec::new()).collect();
        for weight in weights {
            if let Some(share) = group_of(weight.connection, shares.len()).and_then(|group| shares.get_mut(group)) {
                share.push(weight);
            }
        }
        let turn = self.next_turn();
        for (batch, share) in self.batches.iter_mut().zip(shares) {
            let event = Event { turn, item: self.item, kind: Kind::Weigh(share) };
            self.bytes += event.weight();
            batch.events.push_back(event);
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
        let weights = self.crew.weights();
        self.closed = weights.is_err();
        weights.unwrap_or_default()
    }

    fn close(&mut self, dealt: Dealt, connection: Connection) {
        match dealt {
            Dealt::Silent(ended) => self.close_silent(ended, connection),
            Dealt::Followed { place, .. } => {
                let group = group_of(connection.id, self.places.len());
                if let Some(places) = group.and_then(|group| self.places.get_mut(group)) {
                    places.free.push(place);
                }
                self.deal(connection.id, Kind::Close { place, connection: Box::new(connection) });
            }
        }
    }
}
