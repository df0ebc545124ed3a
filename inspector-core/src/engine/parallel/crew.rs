//! The work that waits, and the threads that do it.
//!
//! Every thread does what is due wherever it would have to wait: the stream's while the groups are behind, the calling one
//! while the merge has nothing, and further ones all the time. So no thread is one too many, and none is idle as long as
//! there is something to do. A group's batches are worked on one after the other, by whoever takes them.

use std::{
    collections::VecDeque,
    hint,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    super::Options,
    batch::Batch,
    group::Group,
    results::{Chunk, Yield},
};
use crate::{
    flow::Weight,
    input::helpers::{Helpers, Over, Work},
    limits::Limits,
    secrets::keylog::{Keys, Turns},
};

/// Batches that wait for a group before the stream helps.
pub(super) const QUEUED: usize = 4;

/// For so long who waits looks whether something changed before he sleeps: to be woken takes longer than most of what is
/// waited for.
const AWAKE: Duration = Duration::from_micros(50);

/// Pauses of the processor between two looks.
const LOOKS: usize = 20;

/// After so long who waits for a turn looks again, as he may not have been told.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// The crew. Producers of results are the groups by their numbers, and behind them the stream.
pub(super) struct Crew {
    groups: Box<[Mutex<Group>]>,
    /// The turn each group is in: it is done with all before.
    turns: Box<[AtomicU64]>,
    state: Mutex<State>,
    /// For the stream, the merge, and who waits for a turn.
    changed: Condvar,
    /// For the other threads.
    tasks: Condvar,
    /// How often something changed. Goes around.
    changes: AtomicUsize,
    /// Threads that wait for a turn.
    waiting: AtomicUsize,
    stopped: AtomicBool,
    /// Threads besides the stream's.
    helpers: usize,
}

/// Bytes of memory that each kind of what is on its way may take, whatever the number of threads and groups: shares of
/// [`Limits::in_flight`].
#[derive(Clone, Copy)]
struct Shares {
    /// Batches that are not worked off, with the window's buffers.
    batches: usize,
    /// Results that wait for the merge.
    results: usize,
    /// Batches that are kept to be filled again, and the same of the room of results.
    spares: usize,
}

impl Shares {
    const fn new(limits: &Limits) -> Self {
        let all = limits.in_flight;
        Self { batches: all / 2, results: 3 * (all / 8), spares: all / 16 }
    }
}

/// Batches that were dealt together and look at the same buffer of the window.
struct Flight {
    /// The turn at which they end, by which they are known.
    end: u64,
    /// Bytes of memory they take.
    bytes: usize,
    /// So many of them are not worked off.
    left: usize,
}

/// What the threads share.
struct State {
    shares: Shares,
    /// One for each group.
    queues: Box<[Queue]>,
    /// One for each producer.
    outputs: Box<[Output]>,
    /// What the format left.
    work: VecDeque<Work>,
    /// The latest last.
    flights: VecDeque<Flight>,
    /// Bytes of all flights.
    flying: usize,
    /// Bytes of the results in all outputs, and of those the merge is at.
    held: usize,
    /// The producer that the merge waits for.
    wanted: Option<usize>,
    spares: Vec<Batch>,
    /// Room for results, from which the merge took those that were in it.
    emptied: Vec<VecDeque<Yield>>,
    /// Bytes of the spares, and of that room.
    spare_bytes: usize,
    emptied_bytes: usize,
    /// Threads that wait for a change, and those that wait for tasks.
    sleeping: usize,
    idle: usize,
    /// Nothing more comes from the stream.
    ended: bool,
    over: bool,
}

/// The batches of a group.
#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    /// Somebody works on one of them.
    busy: bool,
    /// The weights it was asked for, by periods.
    weights: VecDeque<Vec<Weight>>,
}

/// Results of a producer that wait for the merge.
#[derive(Default)]
struct Output {
    chunks: VecDeque<Chunk>,
    /// Bytes of those that the merge is at.
    taken: usize,
    /// All results of turns before this one are here, or were.
    covered: u64,
}

/// What the merge gets from a producer.
pub(super) enum Taken {
    /// Further results.
    Results(Chunk),
    /// There are none of turns before this one.
    Covered(u64),
}

/// Something to do.
enum Task {
    /// A batch of a group, and room for what it yields.
    Batch(usize, Batch, VecDeque<Yield>),
    Work(Work),
}

/// Which tasks.
#[derive(Clone, Copy)]
enum Tasks {
    /// All, but first those of a group.
    Any(Option<usize>),
    /// Events of turns before this one, for which somebody waits.
    Before(u64),
}

impl State {
    fn take(&mut self, tasks: Tasks) -> Option<Task> {
        let (preferred, before) = match tasks {
            Tasks::Any(group) => (group, None),
            Tasks::Before(turn) => (None, Some(turn)),
        };
        let due = |(number, queue): (usize, &Queue)| {
            let turn = queue.batches.front().filter(|_| !queue.busy)?.turn();
            let may = match before {
                Some(before) => turn < before,
                None => self.may_yield(number),
            };
            may.then_some((preferred != Some(number), turn, number))
        };
        if let Some((.., number)) = self.queues.iter().enumerate().filter_map(due).min() {
            let queue = self.queues.get_mut(number)?;
            queue.busy = true;
            let batch = queue.batches.pop_front()?;
            let room = self.emptied.pop().unwrap_or_default();
            self.emptied_bytes -= bytes_of(&room);
            return Some(Task::Batch(number, batch, room));
        }
        if before.is_some() {
            return None;
        }
        self.work.pop_front().map(Task::Work)
    }

    /// Whether a producer may go on. That for which the merge waits may until there is something of it: what the others hold
    /// comes after it.
    fn may_yield(&self, producer: usize) -> bool {
        let is_missing = || self.outputs.get(producer).is_some_and(|output| output.chunks.is_empty());
        self.held < self.shares.results || (self.wanted == Some(producer) && is_missing())
    }

    /// Puts results down, after which there are none of turns before `covered`. Whether there may be more.
    fn put(&mut self, producer: usize, chunk: Chunk, covered: u64) -> bool {
        let Some(output) = self.outputs.get_mut(producer) else { return false };
        output.covered = covered;
        if chunk.results.is_empty() {
            self.keep_room(chunk.results);
        } else {
            self.held += chunk.weight;
            output.chunks.push_back(chunk);
        }
        self.may_yield(producer)
    }

    /// Keeps room for results that come.
    fn keep_room(&mut self, room: VecDeque<Yield>) {
        let bytes = bytes_of(&room);
        if bytes > 0 && self.emptied_bytes + bytes <= self.shares.spares {
            self.emptied_bytes += bytes;
            self.emptied.push(room);
        }
    }

    /// A batch that was worked off. Keeps it to be filled again.
    fn land(&mut self, mut batch: Batch) {
        let landed = self.flights.iter().position(|flight| flight.end == batch.end);
        if let Some((index, flight)) = landed.and_then(|index| Some((index, self.flights.get_mut(index)?))) {
            flight.left = flight.left.saturating_sub(1);
            if flight.left == 0 {
                self.flying = self.flying.saturating_sub(flight.bytes);
                self.flights.remove(index);
            }
        }
        batch.clear();
        let bytes = batch.room();
        if bytes > 0 && self.spare_bytes + bytes <= self.shares.spares {
            self.spare_bytes += bytes;
            self.spares.push(batch);
        }
    }

    /// A batch to be filled.
    fn spare(&mut self) -> Batch {
        let batch = self.spares.pop().unwrap_or_default();
        self.spare_bytes -= batch.room();
        batch
    }

    /// Whether the stream may go on.
    fn has_room(&self) -> bool {
        self.flying < self.shares.batches
            && self.queues.iter().all(|queue| queue.batches.len() < QUEUED)
            && self.may_yield(self.queues.len())
    }
}

/// Bytes of memory of room for results.
fn bytes_of(room: &VecDeque<Yield>) -> usize {
    room.capacity() * size_of::<Yield>()
}

impl Crew {
    /// A crew whose connections are dealt to so many groups, with so many threads besides the stream's.
    pub(super) fn new(groups: usize, helpers: usize, keys: &Keys, options: &Options) -> Arc<Self> {
        let group = |crew: &Weak<Self>, number| {
            let twin = keys.twin(Arc::new(Turn { crew: Weak::clone(crew), group: number }));
            Mutex::new(Group::new(twin, options))
        };
        Arc::new_cyclic(|crew| Self {
            groups: (0..groups).map(|number| group(crew, number)).collect(),
            turns: (0..groups).map(|_| AtomicU64::new(0)).collect(),
            state: Mutex::new(State {
                shares: Shares::new(&options.limits),
                queues: (0..groups).map(|_| Queue::default()).collect(),
                outputs: (0..=groups).map(|_| Output::default()).collect(),
                work: VecDeque::new(),
                flights: VecDeque::new(),
                flying: 0,
                held: 0,
                wanted: None,
                spares: Vec::new(),
                emptied: Vec::new(),
                spare_bytes: 0,
                emptied_bytes: 0,
                sleeping: 0,
                idle: 0,
                ended: false,
                over: false,
            }),
            changed: Condvar::new(),
            tasks: Condvar::new(),
            changes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            helpers,
        })
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The groups, once all threads are done.
    pub(super) fn into_groups(self) -> impl Iterator<Item = Group> {
        self.groups.into_iter().map(|group| group.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for something else than a task.
    fn tell(&self, state: &State) {
        self.changes.fetch_add(1, Ordering::Release);
        if state.sleeping > 0 {
            self.changed.notify_all();
        }
    }

    /// Tells of so many tasks.
    fn tell_of_tasks(&self, state: &State, count: usize) {
        (0..count.min(state.idle)).for_each(|_| self.tasks.notify_one());
    }

    /// Waits for a change.
    fn sleep<'s>(&'s self, state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let before = self.changes.load(Ordering::Acquire);
        let has_changed = || self.changes.load(Ordering::Acquire) != before;
        drop(state);
        let begun = Instant::now();
        while !has_changed() && begun.elapsed() < AWAKE {
            (0..LOOKS).for_each(|_| hint::spin_loop());
            // Others may need the processor.
            thread::yield_now();
        }
        let mut state = self.state();
        if has_changed() {
            return state;
        }
        state.sleeping += 1;
        let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.sleeping -= 1;
        state
    }

    /// Does what there is to do until something is `ready`.
    fn work_until<T>(
        &self,
        preferred: Option<usize>,
        mut ready: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Over> {
        let mut state = self.state();
        loop {
            if state.over {
                return Err(Over);
            }
            if let Some(found) = ready(&mut state) {
                return Ok(found);
            }
            state = match state.take(Tasks::Any(preferred)) {
                Some(task) => {
                    drop(state);
                    self.work(task, None)
                }
                None => self.sleep(state),
            };
        }
    }

    /// Does what there is to do until reading is over.
    pub(super) fn help(&self) {
        let mut state = self.state();
        while !state.over {
            state = match state.take(Tasks::Any(None)) {
                Some(task) => {
                    drop(state);
                    self.work(task, None)
                }
                None => {
                    state.idle += 1;
                    let mut state = self.tasks.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.idle -= 1;
                    state
                }
            };
        }
    }

    /// Does something; of a batch only what comes before a turn, if somebody waits for that.
    fn work(&self, task: Task, before: Option<u64>) -> MutexGuard<'_, State> {
        match task {
            Task::Work(work) => {
                work();
                let state = self.state();
                self.tell(&state);
                state
            }
            Task::Batch(number, batch, room) => self.work_on(number, batch, room, before),
        }
    }

    fn work_on(
        &self,
        number: usize,
        mut batch: Batch,
        room: VecDeque<Yield>,
        before: Option<u64>,
    ) -> MutexGuard<'_, State> {
        let mut results = Chunk::default();
        if let Some(group) = self.groups.get(number) {
            let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
            group.give_room(room);
            let mut go_on = true;
            while go_on && before.is_none_or(|before| batch.turn() < before) {
                let Some(event) = batch.events.pop_front() else { break };
                self.begin(number, event.turn);
                if let Some(weights) = group.take(event, &batch) {
                    self.weighed(number, weights);
                }
                if group.has_enough() {
                    let mut state = self.state();
                    go_on = state.put(number, group.take_results(), batch.turn()) || before.is_some();
                    self.tell(&state);
                }
            }
            results = group.take_results();
        }
        let turn = batch.turn();
        self.begin(number, turn);
        let mut state = self.state();
        state.put(number, results, turn);
        let is_done = batch.events.is_empty();
        if let Some(queue) = state.queues.get_mut(number) {
            queue.busy = false;
            if !is_done {
                queue.batches.push_front(batch);
                self.tell(&state);
                return state;
            }
        }
        state.land(batch);
        self.tell(&state);
        state
    }

    /// Takes the stream's batches, one for each group, with all events before a turn, and its own results. They take so many
    /// `bytes` together. Works until there is room for more.
    pub(super) fn deal(&self, batches: &mut [Batch], bytes: usize, results: Chunk, end: u64) -> Result<(), Over> {
        let mut guard = self.state();
        let state = &mut *guard;
        for (number, batch) in batches.iter_mut().enumerate() {
            let mut full = std::mem::replace(batch, state.spare());
            full.end = end;
            if let Some(queue) = state.queues.get_mut(number) {
                queue.batches.push_back(full);
            }
        }
        state.flights.push_back(Flight { end, bytes, left: batches.len() });
        state.flying += bytes;
        state.put(self.groups.len(), results, end);
        self.tell(state);
        self.tell_of_tasks(state, batches.len());
        drop(guard);
        self.work_until(None, |state| state.has_room().then_some(()))
    }

    fn weighed(&self, group: usize, weights: Vec<Weight>) {
        let mut state = self.state();
        if let Some(queue) = state.queues.get_mut(group) {
            queue.weights.push_back(weights);
        }
        self.tell(&state);
    }

    /// The weights of the earliest period that were not taken yet. Their batches must have been dealt.
    pub(super) fn weights(&self) -> Result<Vec<Weight>, Over> {
        self.work_until(None, |state| {
            if state.queues.iter().any(|queue| queue.weights.is_empty()) {
                return None;
            }
            Some(state.queues.iter_mut().filter_map(|queue| queue.weights.pop_front()).flatten().collect())
        })
    }

    /// What a producer has for the merge, which has got all of turns before `covered`. Works until there is something.
    /// Everything is covered once the producer is done, and when reading is over. `emptied`: the room in which the last
    /// results were.
    pub(super) fn take(&self, producer: usize, covered: u64, emptied: VecDeque<Yield>) -> Taken {
        if emptied.capacity() > 0 {
            self.state().keep_room(emptied);
        }
        let taken = self.work_until(Some(producer), |state| {
            let had_room = state.held < state.shares.results;
            // What it got before was handed out.
            let output = state.outputs.get_mut(producer)?;
            state.held = state.held.saturating_sub(std::mem::take(&mut output.taken));
            let has_room = state.held < state.shares.results;
            if has_room && !had_room {
                self.tell(state);
                self.tell_of_tasks(state, state.queues.len());
            }
            let output = state.outputs.get_mut(producer)?;
            let is_idle = |queue: &Queue| queue.batches.is_empty() && !queue.busy;
            if let Some(chunk) = output.chunks.pop_front() {
                state.wanted = None;
                output.taken = chunk.weight;
                return Some(Taken::Results(chunk));
            }
            if output.covered > covered {
                state.wanted = None;
                return Some(Taken::Covered(output.covered));
            }
            if state.ended && state.queues.get(producer).is_none_or(is_idle) {
                state.wanted = None;
                return Some(Taken::Covered(u64::MAX));
            }
            if state.wanted != Some(producer) {
                state.wanted = Some(producer);
                if !has_room {
                    self.tell(state);
                }
            }
            None
        });
        taken.unwrap_or(Taken::Covered(u64::MAX))
    }

    /// Asks the stream to read no further.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Nobody waits for anything any more.
    fn end(&self) {
        self.stop();
        let mut state = self.state();
        state.over = true;
        self.tell(&state);
        self.tasks.notify_all();
    }

    /// A group begins a turn.
    fn begin(&self, group: usize, turn: u64) {
        if let Some(own) = self.turns.get(group) {
            own.store(turn, Ordering::Release);
        }
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.changed.notify_all();
        }
    }

    fn turn(&self, group: usize) -> u64 {
        self.turns.get(group).map_or(0, |turn| turn.load(Ordering::Acquire))
    }

    /// All turns before this one are over.
    fn settled(&self) -> u64 {
        self.turns.iter().map(|turn| turn.load(Ordering::Acquire)).min().unwrap_or(0)
    }

    /// A group on whose batches nobody works is done with all before the next of them: else who waits for that would wait
    /// for a batch that is none of his tasks.
    fn pass_later(&self, state: &State) {
        for (turn, queue) in self.turns.iter().zip(&state.queues) {
            if let Some(next) = queue.batches.front().filter(|_| !queue.busy) {
                turn.fetch_max(next.turn(), Ordering::AcqRel);
            }
        }
    }

    /// Works on what comes before the turn that a group is in, until it is over.
    fn settle(&self, group: usize) {
        let turn = self.turn(group);
        if self.settled() >= turn {
            return;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut state = self.state();
        while self.settled() < turn && !state.over {
            state = match state.take(Tasks::Before(turn)) {
                Some(task) => {
                    drop(state);
                    self.work(task, Some(turn))
                }
                None => {
                    self.pass_later(&state);
                    if self.settled() >= turn {
                        break;
                    }
                    state.sleeping += 1;
                    // To miss nobody's turn would cost every event a barrier; so what was missed is looked for again.
                    let waited = self.changed.wait_timeout(state, LOOK_AGAIN);
                    let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                    state.sleeping -= 1;
                    state
                }
            };
        }
        drop(state);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Helpers for Crew {
    fn count(&self) -> usize {
        self.helpers
    }

    fn leave(&self, work: Work) {
        let mut state = self.state();
        state.work.push_back(work);
        self.tell(&state);
        self.tell_of_tasks(&state, 1);
    }

    fn help_until(&self, done: &mut dyn FnMut() -> bool) -> Result<(), Over> {
        self.work_until(None, |_| done().then_some(()))
    }
}

/// What a thread is to the others.
pub(super) enum Role {
    /// It reads.
    Stream,
    /// It hands out.
    Merge,
    /// It helps.
    Helper,
}

/// Held by a thread as long as it works; however it ends, nobody waits for it afterwards.
pub(super) struct Presence<'c>(pub(super) &'c Crew, pub(super) Role);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let Self(crew, role) = self;
        match role {
            Role::Stream => {
                let mut state = crew.state();
                state.ended = true;
                crew.tell(&state);
            }
            Role::Merge => crew.end(),
            Role::Helper => {}
        }
        if thread::panicking() {
            crew.end();
        }
    }
}

/// A group's place in the order of turns.
struct Turn {
    crew: Weak<Crew>,
    group: usize,
}

impl Turns for Turn {
    fn now(&self) -> u64 {
        self.crew.upgrade().map_or(0, |crew| crew.turn(self.group))
    }

    fn settled(&self) -> u64 {
        self.crew.upgrade().map_or(0, |crew| crew.settled())
    }

    fn wait(&self) {
        if let Some(crew) = self.crew.upgrade() {
            crew.settle(self.group);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::{
        engine::parallel::{
            batch::{Event, Kind},
            results,
        },
        note::{Note, NoteKind},
    };

    /// How long anything may take that would hang if it were broken.
    const PATIENCE: Duration = Duration::from_secs(120);

    fn crew(groups: usize) -> Arc<Crew> {
        Crew::new(groups, 1, &Keys::default(), &Options::default())
    }

    /// A batch with events in these turns that ask for weights.
    fn batch(turns: &[u64]) -> Batch {
        let event = |turn: &u64| Event { turn: *turn, item: 0, kind: Kind::Weigh(Vec::new()) };
        Batch { events: turns.iter().map(event).collect(), ..Batch::default() }
    }

    fn taken(crew: &Crew, producer: usize, covered: u64) -> Taken {
        crew.take(producer, covered, VecDeque::new())
    }

    fn weighed(crew: &Crew, group: usize) -> usize {
        crew.state().queues[group].weights.len()
    }

    /// Results that weigh so many bytes.
    fn results(weight: usize) -> Chunk {
        let mut chunk = Chunk::default();
        while chunk.weight < weight {
            chunk.push(1, 1, results::Kind::Note(Note::input(NoteKind::BadKeyLogLine)));
        }
        chunk
    }

    /// As many results as may wait.
    fn full() -> Chunk {
        results(Shares::new(&Limits::default()).results)
    }

    #[test]
    fn who_waits_for_a_turn_does_what_comes_before_it_and_no_more() {
        let crew = crew(3);
        assert!(
            crew.deal(&mut [Batch::default(), batch(&[3, 5, 20]), batch(&[4, 11])], 0, Chunk::default(), 30).is_ok()
        );
        // Even if nobody wants more of their results for now.
        crew.state().put(1, full(), 0);
        crew.begin(0, 10);
        Turn { crew: Arc::downgrade(&crew), group: 0 }.wait();
        assert_eq!((weighed(&crew, 1), weighed(&crew, 2)), (2, 1));
        assert_eq!((crew.turn(1), crew.turn(2), crew.settled()), (20, 11, 10));
    }

    #[test]
    fn who_waits_for_a_turn_goes_on_once_others_did_what_comes_before_it() {
        let crew = crew(2);
        crew.begin(0, 10);
        // Somebody works on it.
        crew.state().queues[1].busy = true;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| crew.settle(0));
            let begun = Instant::now();
            while crew.waiting.load(Ordering::SeqCst) == 0 {
                assert!(begun.elapsed() < PATIENCE);
                thread::yield_now();
            }
            crew.begin(1, 9);
            assert!(!waiting.is_finished());
            crew.begin(1, 10);
            waiting.join().unwrap();
        });
    }

    #[test]
    fn groups_rest_while_enough_results_wait_but_not_the_one_that_is_waited_for() {
        let crew = crew(2);
        assert!(crew.deal(&mut [batch(&[1]), batch(&[2])], 0, Chunk::default(), 10).is_ok());
        crew.state().put(0, full(), 0);
        assert!(matches!(taken(&crew, 1, 0), Taken::Covered(10)));
        assert_eq!((weighed(&crew, 0), weighed(&crew, 1)), (0, 1));
        assert!(matches!(taken(&crew, 0, 0), Taken::Results(_)));
        assert!(matches!(taken(&crew, 0, 1), Taken::Covered(10)));
        assert_eq!(weighed(&crew, 0), 1);
    }

    #[test]
    fn results_of_all_producers_have_one_budget() {
        let most = Shares::new(&Limits::default()).results;
        for groups in 1..8 {
            let crew = crew(groups);
            let mut state = crew.state();
            let mut producers = (0..=groups).cycle();
            while producers.next().is_some_and(|producer| state.put(producer, results(10_000), 0)) {}
            assert!((most..most + 11_000).contains(&state.held), "{groups} {}", state.held);
            assert!(!state.has_room() && state.queues.iter().enumerate().all(|(number, _)| !state.may_yield(number)));
        }
    }

    #[test]
    fn what_the_merge_is_at_counts_as_waiting() {
        let crew = crew(2);
        crew.state().put(0, full(), 5);
        assert!(matches!(taken(&crew, 0, 0), Taken::Results(_)));
        assert!(!crew.state().may_yield(1) && !crew.state().has_room());
        // Until it asks for more of the same.
        assert!(matches!(taken(&crew, 0, 0), Taken::Covered(5)));
        assert!(crew.state().may_yield(1) && crew.state().has_room());
        assert_eq!(crew.state().held, 0);
    }

    #[test]
    fn the_stream_helps_when_too_much_waits() {
        let crew = crew(1);
        for turn in 1..=QUEUED as u64 + 4 {
            assert!(crew.deal(&mut [batch(&[turn])], 0, Chunk::default(), turn + 1).is_ok());
        }
        assert_eq!(weighed(&crew, 0), 5);
        assert_eq!(crew.state().queues[0].batches.len(), QUEUED - 1);
    }

    #[test]
    fn batches_of_all_groups_have_one_budget() {
        let most = Shares::new(&Limits::default()).batches;
        for groups in 1..8 {
            let crew = crew(groups);
            for turn in 0..20 {
                let mut batches: Vec<Batch> = (0..groups as u64).map(|group| batch(&[10 * turn + group])).collect();
                assert!(crew.deal(&mut batches, most / 3 + 1, Chunk::default(), 10 * turn + 9).is_ok());
                let state = crew.state();
                assert!(state.flying < most, "{groups} {turn}");
                assert_eq!(state.flying, state.flights.len() * (most / 3 + 1));
            }
            drop(Presence(&crew, Role::Stream));
            (0..groups).for_each(|group| while !matches!(taken(&crew, group, 199), Taken::Covered(u64::MAX)) {});
            let state = crew.state();
            assert_eq!((state.flying, state.flights.len()), (0, 0));
            let bytes = |batches: &[Batch]| batches.iter().map(Batch::room).sum::<usize>();
            assert_eq!(state.spare_bytes, bytes(&state.spares));
        }
    }

    #[test]
    fn all_is_covered_once_the_stream_is_done() {
        let crew = crew(1);
        assert!(crew.deal(&mut [batch(&[1])], 0, Chunk::default(), 2).is_ok());
        drop(Presence(&crew, Role::Stream));
        assert!(matches!(taken(&crew, 0, 0), Taken::Covered(2)));
        assert!(matches!(taken(&crew, 0, 2), Taken::Covered(u64::MAX)));
        assert!(matches!(taken(&crew, 1, 2), Taken::Covered(u64::MAX)));
        drop(Presence(&crew, Role::Merge));
        assert!(crew.deal(&mut [batch(&[3])], 0, Chunk::default(), 4).is_err());
        assert!(crew.is_stopped());
    }

    #[test]
    fn nobody_waits_for_a_thread_that_panicked() {
        let crew = crew(1);
        let (sender, begun) = mpsc::channel();
        crew.leave(Box::new(move || {
            sender.send(()).unwrap();
            panic!("broken work");
        }));
        thread::scope(|scope| {
            let helper = scope.spawn(|| {
                let _presence = Presence(&crew, Role::Helper);
                crew.help();
            });
            begun.recv_timeout(PATIENCE).unwrap();
            assert_eq!(crew.help_until(&mut || false), Err(Over));
            assert!(helper.join().is_err());
        });
    }

    #[test]
    fn a_group_whose_next_event_comes_later_is_not_waited_for() {
        for turns in [&[9][..], &[5, 9], &[6], &[]] {
            let crew = crew(2);
            crew.begin(0, 5);
            let mut later = batch(turns);
            later.end = 10;
            crew.state().queues[1].batches.push_back(later);
            let (done, wait) = mpsc::channel();
            let waiting = Arc::clone(&crew);
            // The only thread there is: nobody else would work on the batch.
            thread::spawn(move || {
                waiting.settle(0);
                let _ = done.send(());
            });
            wait.recv_timeout(PATIENCE).unwrap();
            assert_eq!(weighed(&crew, 1), 0);
        }
    }
}
