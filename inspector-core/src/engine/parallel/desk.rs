//! Where results lie until the merge takes them, and how far everybody is.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::super::handout::Outcome;
use crate::{
    connection::ConnectionReport, context::Sink, evidence::ConnectionId, http::exchange::Exchange, note::Note,
    tls::keylog::Turns,
};

/// Bytes of results, as they are weighed, that one producer may have ahead of the merge.
pub(super) const HELD: usize = 1 << 20;

/// After so long who waits for a turn looks again, as he may not have been told.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What a result without content weighs.
const SMALL: usize = 64;

/// One result.
pub(super) struct Yield {
    pub(super) turn: u64,
    /// The item that caused it.
    pub(super) item: u64,
    pub(super) kind: Kind,
}

/// The kinds of results.
pub(super) enum Kind {
    /// A connection's exchange.
    Exchange(Box<Exchange>),
    /// A note that waits until its packet is dealt with.
    Note(Note),
    /// [`Outcome::open`].
    Open { connection: ConnectionId, before: Option<u64>, now: Option<u64> },
    /// A TCP connection is over.
    Report(Box<ConnectionReport>),
    /// A note of its own.
    Direct(Note),
    /// An exchange that came finished.
    Entry(Box<Exchange>),
    /// Nothing more comes of the items so far.
    Settled,
    /// Nothing more comes of the connections.
    Finished,
    /// A conversation over QUIC.
    Quic(Box<ConnectionReport>),
}

/// Results of one producer, in the order of turns.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) results: Vec<Yield>,
    /// All results of turns before this one are here, or were in earlier chunks.
    pub(super) covered: u64,
    weight: usize,
}

impl Chunk {
    /// Whether it is time to put it on the desk.
    pub(super) const fn is_full(&self) -> bool {
        self.weight >= HELD / 4
    }

    /// Adds a result.
    pub(super) fn push(&mut self, turn: u64, item: u64, kind: Kind) {
        self.weight += match &kind {
            Kind::Exchange(exchange) | Kind::Entry(exchange) => exchange.weight(),
            Kind::Report(_) | Kind::Quic(_) => 8 * SMALL,
            _ => SMALL,
        };
        self.results.push(Yield { turn, item, kind });
    }
}

/// The merge has gone: nobody wants results any more.
pub(super) struct Closed;

/// The desk. Producers are the workers by their numbers, and behind them the stream.
pub(super) struct Desk {
    state: Mutex<State>,
    /// For the merge: a chunk was put.
    put: Condvar,
    /// For producers: a chunk was taken, or somebody waits for a turn.
    taken: Condvar,
    /// For those who wait for a turn.
    moved: Condvar,
    /// The turn each worker is in: it is done with all before.
    turns: Box<[AtomicU64]>,
    /// Workers that wait for a turn.
    waiting: AtomicUsize,
    stopped: AtomicBool,
}

struct State {
    producers: Box<[Producer]>,
    /// The producer the merge waits for.
    wanted: Option<usize>,
    closed: bool,
}

#[derive(Default)]
struct Producer {
    chunks: VecDeque<Chunk>,
    weight: usize,
    done: bool,
}

impl Desk {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            state: Mutex::new(State {
                producers: (0..=workers).map(|_| Producer::default()).collect(),
                wanted: None,
                closed: false,
            }),
            put: Condvar::new(),
            taken: Condvar::new(),
            moved: Condvar::new(),
            turns: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            waiting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a chunk down, as soon as there is room. Nobody is kept while a worker waits for a turn: it may be his.
    pub(super) fn put(&self, producer: usize, chunk: Chunk) -> Result<(), Closed> {
        let mut state = self.state();
        loop {
            if state.closed {
                return Err(Closed);
            }
            let Some(own) = state.producers.get_mut(producer) else { return Err(Closed) };
            if own.weight < HELD || self.waiting.load(Ordering::SeqCst) > 0 {
                own.weight += chunk.weight;
                own.chunks.push_back(chunk);
                if state.wanted == Some(producer) {
                    self.put.notify_one();
                }
                return Ok(());
            }
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next chunk of a producer; `None` once there are no more.
    pub(super) fn take(&self, producer: usize) -> Option<Chunk> {
        let mut state = self.state();
        loop {
            let own = state.producers.get_mut(producer)?;
            if let Some(chunk) = own.chunks.pop_front() {
                let kept = own.weight >= HELD;
                own.weight -= chunk.weight;
                if kept && own.weight < HELD {
                    self.taken.notify_all();
                }
                return Some(chunk);
            }
            if own.done {
                return None;
            }
            state.wanted = Some(producer);
            state = self.put.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.wanted = None;
        }
    }

    /// Asks the stream to read no further.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A worker begins a turn.
    pub(super) fn begin(&self, worker: usize, turn: u64) {
        if let Some(own) = self.turns.get(worker) {
            own.store(turn, Ordering::Release);
        }
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.moved.notify_all();
        }
    }

    fn turn(&self, worker: usize) -> u64 {
        self.turns.get(worker).map_or(0, |turn| turn.load(Ordering::Acquire))
    }

    /// All turns before this one are over.
    fn settled(&self) -> u64 {
        self.turns.iter().map(|turn| turn.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    fn wait(&self, worker: usize) {
        let turn = self.turn(worker);
        if self.settled() >= turn {
            return;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state();
        self.taken.notify_all();
        while self.settled() < turn {
            // To miss nobody's turn would cost every event a barrier; so what was missed is looked for again.
            let waited = self.moved.wait_timeout(state, LOOK_AGAIN);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Held by a producer as long as it works; however it ends, nobody waits for it afterwards.
pub(super) struct Presence<'d> {
    pub(super) desk: &'d Desk,
    pub(super) producer: usize,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.desk.begin(self.producer, u64::MAX);
        if let Some(own) = self.desk.state().producers.get_mut(self.producer) {
            own.done = true;
        }
        self.desk.put.notify_one();
    }
}

/// Held by the merge; however it ends, nobody produces for it afterwards.
pub(super) struct Reception<'d>(pub(super) &'d Desk);

impl Drop for Reception<'_> {
    fn drop(&mut self) {
        self.0.stop();
        self.0.state().closed = true;
        self.0.taken.notify_all();
    }
}

/// A worker's place in the order of turns.
pub(super) struct Turn {
    desk: Arc<Desk>,
    worker: usize,
}

impl Turn {
    pub(super) const fn new(desk: Arc<Desk>, worker: usize) -> Self {
        Self { desk, worker }
    }
}

impl Turns for Turn {
    fn now(&self) -> u64 {
        self.desk.turn(self.worker)
    }

    fn settled(&self) -> u64 {
        self.desk.settled()
    }

    fn wait(&self) {
        self.desk.wait(self.worker);
    }
}

/// Marks what a worker's connections yield with the turn it is in.
#[derive(Default)]
pub(super) struct Marked {
    pub(super) chunk: Chunk,
    pub(super) turn: u64,
    pub(super) item: u64,
    exchanges: u64,
}

impl Marked {
    fn push(&mut self, kind: Kind) {
        self.chunk.push(self.turn, self.item, kind);
    }
}

impl Sink for Marked {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges += 1;
        self.push(Kind::Exchange(Box::new(exchange)));
    }

    fn note(&mut self, note: Note) {
        self.push(Kind::Note(note));
    }
}

impl Outcome for Marked {
    fn exchanges(&self) -> u64 {
        self.exchanges
    }

    fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>) {
        self.push(Kind::Open { connection, before, now });
    }

    fn report(&mut self, report: ConnectionReport) {
        self.push(Kind::Report(Box::new(report)));
    }
}
