//! One capture on several processors, with the same results as on one.
//!
//! ```text
//!            stream                        worker × lanes                 the calling thread
//! frames ─► Dissector ─► FlowTable ─┬─ Batch ─► App (TLS, HTTP) ─ Chunk ─┬─► merge ─► Ordered ─► Receiver
//!                                   ├─ Batch ─► App (TLS, HTTP) ─ Chunk ─┤
//!                                   └────────── Chunk (notes) ───────────┘
//! ```
//!
//! What belongs to the recording as a whole is done once and in order: one thread reads and keeps the one flow table, so
//! that connections are numbered, bounded, expired and mended as ever; the calling thread hands out. Between them the
//! connections are dealt to workers by their numbers.
//!
//! **The order.** Every event of a stream has a number, its *turn*, and the number of the item (frame) that caused it.
//! Results carry both, and the merge takes them in the order of turns: it knows of each producer up to which turn there
//! is nothing more to come. So [`Results`] sees them in the order in which one thread would have yielded them, and closes
//! an item where that thread would have.
//!
//! **What connections have in common**, and how it stays independent of who is ahead:
//!
//! * keys: each worker has its own view; secrets found in the recording reach it in turn;
//! * sessions to be resumed ([`Turns`](crate::tls::keylog)): who looks one up, which is rare, waits until all turns
//!   before are over;
//! * bounds on what all connections hold: divided among [lanes](crate::lanes), also on one thread;
//! * the memory that the applications take together, for which quiet connections must make room: the flow table goes by
//!   what it was two periods ago, also on one thread, and waits for the workers before it is further ahead;
//! * contents known to hold nothing (`Barren`), of which less is kept: each lane has its own.
//!
//! The roles of a connection, which content may correct, are the one thing that flows back on one thread: there the
//! flow table learns of it. It needs not, since it only names the sides; here the worker renames them.
//!
//! **Bounds.** Bytes are copied into batches of [`BATCH_BYTES`](batch::BATCH_BYTES), of which at most
//! [`QUEUED`](batch::QUEUED) wait for a worker; results of [`desk::HELD`] bytes wait for the merge, from each producer.
//! Whoever has too much ahead waits; the order of turns makes sure that somebody never does. Before the input is read
//! (it may be a pipe on which nothing more comes for now) all that was found so far is sent on.
//!
//! Where [`Receiver::exchange`] says stop, reading ends a little later than on one thread; what comes after is counted,
//! and its connections are reported. A panic on any thread is one on the calling thread.

mod batch;
mod desk;
mod merge;
mod stream;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    panic,
    sync::{Arc, mpsc},
    thread::{self, ScopedJoinHandle},
};

use self::{
    desk::{Desk, Turn},
    merge::Merge,
    stream::{Ends, Stream},
    worker::Worker,
};
use super::{Options, Reading, Receiver, handout::Handout};
use crate::{
    evidence::SourceId,
    input::{Producer, ReadError},
    lanes::LANES,
    tls::keylog::Keys,
};

/// Most bytes that copies of the keys take in all, should the recording hold further ones. With larger keys fewer workers
/// read, or none besides the calling thread.
const KEYS: usize = 32 << 20;

/// How many workers may read besides each other.
pub(super) fn workers(keys: &Keys, options: &Options) -> usize {
    let affordable = KEYS.checked_div(keys.size()).unwrap_or(LANES);
    // The stream and the calling thread have about as much to do as one worker.
    options.jobs.saturating_sub(1).min(LANES).min(affordable)
}

/// Reads one recording to its end with so many workers.
pub(super) fn read(
    source: SourceId,
    producer: &mut dyn Producer,
    keys: &mut Keys,
    options: &Options,
    receiver: &mut dyn Receiver,
    workers: usize,
) -> Result<Reading, ReadError> {
    let desk = &Arc::new(Desk::new(workers));
    let (outcome, coverage, twins) = thread::scope(|scope| {
        let (spares, emptied) = mpsc::channel();
        let mut ends = Ends { outlets: Vec::new(), weights: Vec::new(), emptied };
        let mut threads = Vec::with_capacity(workers);
        for number in 0..workers {
            let (outlet, inbox) = mpsc::sync_channel(batch::QUEUED);
            let twin = keys.twin(Arc::new(Turn::new(Arc::clone(desk), number)));
            let (scales, weights) = mpsc::channel();
            let worker = Worker { number, inbox, spares: spares.clone(), weights: scales, desk };
            threads.push(scope.spawn(move || worker.run(twin, options)));
            ends.outlets.push(outlet);
            ends.weights.push(weights);
        }
        let keys = &mut *keys;
        let stream = scope.spawn(move || Stream::read(producer, keys, options, ends, desk));
        let mut handout = Handout::new(source, receiver);
        Merge::new(&mut handout, &options.limits, workers + 1).run(desk);
        let mut coverage = handout.coverage;
        // The scope would panic by itself, but without the cause.
        let twins = threads.into_iter().map(joined).collect::<Vec<_>>();
        let (outcome, counts) = joined(stream);
        coverage.add(&counts);
        (outcome, coverage, twins)
    });
    twins.iter().for_each(|twin| keys.absorb(twin));
    outcome.map(|recording| Reading { format: recording.to_string(), coverage })
}

/// What a thread returned; its panic becomes one of this thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
}
