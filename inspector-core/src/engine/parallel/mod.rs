//! One capture on several processors, with the same results as on one.
//!
//! ```text
//!            stream                        groups                         merge (the calling thread)
//! frames ─► Dissector ─► FlowTable ─┬─ Batch ─► App (TLS, HTTP) ─ Chunk ─┬─► Ordered ─► Receiver
//!                                   ├─ Batch ─► App (TLS, HTTP) ─ Chunk ─┤
//!                                   └────────── Chunk (notes) ───────────┘
//! ```
//!
//! What belongs to the recording as a whole is done once and in order: the stream's thread reads and keeps the one flow
//! table, so that connections are numbered, bounded, expired and mended as ever; the calling thread hands out. Between
//! them the connections are dealt to groups by their numbers. A group is worked on by whichever thread has nothing better
//! to do ([`crew`]), so that two threads share three stages of any proportions.
//!
//! **No copies.** A batch keeps the window's buffer instead of copying what its events are about; the window reads on in
//! another one ([`crate::input::window`]). Only bytes that waited for others before them are copied.
//!
//! **The order.** Every event of a stream has a number, its *turn*, and the number of the item (frame) that caused it.
//! Results carry both, and the merge takes them in the order of turns: it knows of each producer up to which turn there
//! is nothing more to come. So [`Results`](crate::engine::delivery::Results) sees them in the order in which one thread would have
//! yielded them, and closes an item where that thread would have.
//!
//! **What connections have in common**, and how it stays independent of who is ahead:
//!
//! * keys: each group has its own view; secrets found in the recording reach it in turn;
//! * sessions to be resumed ([`Turns`](crate::secrets::keylog)): who looks one up, which is rare, first does what all others
//!   have to do in the turns before;
//! * bounds on what all connections hold: divided among [lanes](crate::shard), also on one thread;
//! * the memory that the applications take together, for which quiet connections must make room: the flow table goes by
//!   what it was two periods ago, also on one thread, and waits for the groups before it is further ahead;
//! * contents known to hold nothing (`Barren`), of which less is kept: each lane has its own.
//!
//! The roles of a connection, which content may correct, are the one thing that flows back on one thread: there the
//! flow table learns of it. It needs not, since it only names the sides; here the group renames them.
//!
//! **Bounds.** What is on its way has one budget, [`Limits::in_flight`](crate::limits::Limits::in_flight), however many
//! groups and threads there are. Half of it is for the batches that are not worked off, with their buffers: the stream does
//! others' work while they take more, or while [`crew::QUEUED`] of them wait for a group. Three eighths are for the results
//! that wait for the merge or that it is at: while they take more, only the producer goes on for which the merge waits, so that it never waits for
//! one that rests. The rest is for room that is kept. Before the input is read (it may be a pipe on which nothing more comes
//! for now) all that was found so far is sent on.
//!
//! Where [`Receiver::exchange`] says stop, reading ends a little later than on one thread; what comes after is counted,
//! and its connections are reported. A panic on any thread is one on the calling thread.

mod batch;
mod crew;
mod group;
mod merge;
mod results;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    panic,
    sync::Arc,
    thread::{self, Builder, ScopedJoinHandle},
};

use self::{
    crew::{Crew, Presence, Role},
    merge::Merge,
    stream::Stream,
};
use super::{Options, Reading, Receiver};
use crate::{
    engine::delivery::Handout,
    evidence::SourceId,
    input::{Producer, ReadError},
    secrets::keylog::Keys,
    shard::SHARDS,
};

/// Most bytes that copies of the keys take in all, should the recording hold further ones. With larger keys there are fewer
/// groups, or the calling thread reads alone.
const KEYS: usize = 16 << 20;

/// Threads besides the stream's and the calling one that are of use: with these two, which help, there is one for each lane.
/// More would be idle most of the time, and each keeps room in a heap of its own.
const MOST_HELPERS: usize = SHARDS - 2;

/// How many groups the connections are dealt to; 0 if one thread shall do everything.
pub(super) fn groups(keys: &Keys, options: &Options) -> usize {
    if options.jobs <= 1 {
        return 0;
    }
    let affordable = KEYS.checked_div(keys.size()).unwrap_or(SHARDS);
    options.jobs.min(SHARDS).min(affordable)
}

/// Reads one recording to its end, with its connections dealt to so many groups.
pub(super) fn read(
    source: SourceId,
    producer: &mut dyn Producer,
    keys: &mut Keys,
    options: &Options,
    receiver: &mut dyn Receiver,
    groups: usize,
) -> Result<Reading, ReadError> {
    let threads = options.jobs.saturating_sub(2).min(MOST_HELPERS);
    let crew = Crew::new(groups, threads + 1, keys, options);
    let (outcome, coverage) = thread::scope(|scope| {
        let crew = &*crew;
        let keys = &mut *keys;
        let stream = scope.spawn(move || Stream::read(producer, keys, options, crew));
        let help = || {
            let _presence = Presence(crew, Role::Helper);
            crew.help();
        };
        // Without some of them it only takes longer.
        let helpers: Vec<_> = (0..threads).map_while(|_| Builder::new().spawn_scoped(scope, help).ok()).collect();
        let mut handout = Handout::new(source, receiver);
        Merge::new(&mut handout, &options.limits, groups + 1).run(crew);
        let mut coverage = handout.coverage;
        // The scope would panic by itself, but without the cause.
        helpers.into_iter().for_each(joined);
        let (outcome, counts) = joined(stream);
        coverage.add(&counts);
        (outcome, coverage)
    });
    let groups = Arc::into_inner(crew).into_iter().flat_map(Crew::into_groups);
    groups.for_each(|group| keys.absorb(group.keys()));
    outcome.map(|recording| Reading { format: recording.to_string(), coverage })
}

/// What a thread returned; its panic becomes one of this thread.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
}
