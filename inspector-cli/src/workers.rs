//! Several threads, one order: jobs are taken in their order and done at once, and what they give comes out in their
//! order, whatever thread was faster.
//!
//! Whoever is ahead of his turn waits once his channel is full, so that memory is bounded whatever the jobs give. And as each
//! job may take memory in proportion to what it reads, those that are done at once have a weight in all.

use std::{
    io,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Results that may wait for their turn, per job.
const WAITING: usize = 4;

/// What the jobs weigh that may be done at once: a job that weighs as much, or more, is done while no other one is.
pub(crate) const MOST: u64 = 8 << 20;

/// What hands results on, in the order of the jobs. Fails once nobody takes them.
pub(crate) type Give<'g, T> = dyn FnMut(T) -> io::Result<()> + 'g;

/// Does `jobs` jobs on so many `threads`, at once as many of them as weigh no more than [`MOST`] by `weigh`. `work` does the
/// job of that number and hands on what it gives; `take` gets it all in the order of the jobs. Once `take` fails, what is
/// handed on fails too, and no further job begins.
///
/// # Errors
/// What `take` said.
pub(crate) fn in_order<T: Send>(
    jobs: usize,
    threads: usize,
    weigh: &(dyn Fn(usize) -> u64 + Sync),
    work: &(dyn Fn(usize, &mut Give<'_, T>) + Sync),
    take: &mut Give<'_, T>,
) -> io::Result<()> {
    if threads <= 1 || jobs <= 1 {
        return alone(jobs, work, take);
    }
    let (senders, receivers): (Vec<Slot<T>>, Vec<Receiver<T>>) = (0..jobs)
        .map(|_| {
            let (sender, receiver) = sync_channel(WAITING);
            (Mutex::new(Some(sender)), receiver)
        })
        .unzip();
    let next = AtomicUsize::new(0);
    let scale = Scale::default();
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = senders.get(job) else { return };
                    let sender = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let Some(sender) = sender else { continue };
                    let _on_it = scale.step_on(job, weigh(job).min(MOST));
                    work(job, &mut |result| sender.send(result).map_err(|_| io::ErrorKind::BrokenPipe.into()));
                }
            });
        }
        let taken = receivers.into_iter().try_for_each(|receiver| receiver.into_iter().try_for_each(&mut *take));
        // What is still to come has nobody to take it: begin nothing more. The receivers are gone, so that nobody waits.
        if taken.is_err() {
            next.store(jobs, Ordering::Relaxed);
        }
        taken
    })
}

/// Lets jobs begin in their order, which is what makes it sure that each may at last: who is on the scale comes before those
/// that wait for it, so that what he hands on is taken.
#[derive(Default)]
struct Scale {
    state: Mutex<OnScale>,
    changed: Condvar,
}

#[derive(Default)]
struct OnScale {
    /// The job that steps on it next.
    next: usize,
    weight: u64,
}

impl Scale {
    /// Waits until it is the job's turn and there is room for its weight.
    fn step_on(&self, job: usize, weight: u64) -> Weighed<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.next != job || state.weight.saturating_add(weight) > MOST {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.next += 1;
        state.weight += weight;
        drop(state);
        self.changed.notify_all();
        Weighed { scale: self, weight }
    }
}

/// A job's weight on the scale, for as long as this lives.
struct Weighed<'s> {
    scale: &'s Scale,
    weight: u64,
}

impl Drop for Weighed<'_> {
    fn drop(&mut self) {
        self.scale.state.lock().unwrap_or_else(PoisonError::into_inner).weight -= self.weight;
        self.scale.changed.notify_all();
    }
}

/// Where a job finds its end of the channel.
type Slot<T> = Mutex<Option<SyncSender<T>>>;

fn alone<T>(jobs: usize, work: &dyn Fn(usize, &mut Give<'_, T>), take: &mut Give<'_, T>) -> io::Result<()> {
    for job in 0..jobs {
        let mut failure = None;
        work(job, &mut |result| match (&failure, take(result)) {
            (None, Err(error)) => {
                failure = Some(error);
                Err(io::ErrorKind::BrokenPipe.into())
            }
            (Some(_), _) => Err(io::ErrorKind::BrokenPipe.into()),
            (None, Ok(())) => Ok(()),
        });
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(threads: usize, fail_at: Option<usize>) -> (Vec<(usize, usize)>, bool) {
        let mut got = Vec::new();
        let work = |job: usize, give: &mut Give<'_, (usize, usize)>| {
            for part in 0..(20 - job) * 3 {
                if give((job, part)).is_err() {
                    return;
                }
            }
        };
        // Some are done alone, and some by twos.
        let weigh = |job: usize| [0, MOST / 2, 7 * MOST, 1][job % 4];
        let result = in_order(20, threads, &weigh, &work, &mut |part| {
            if fail_at == Some(got.len()) {
                return Err(io::ErrorKind::Other.into());
            }
            got.push(part);
            Ok(())
        });
        (got, result.is_ok())
    }

    #[test]
    fn the_order_is_that_of_the_jobs() {
        let alone = run(1, None);
        assert!(alone.1 && alone.0.is_sorted() && alone.0.len() == 630);
        for threads in [2, 3, 8, 40] {
            assert_eq!(run(threads, None), alone, "{threads}");
        }
    }

    #[test]
    fn no_more_is_done_at_once_than_weighs_so_much() {
        let (now, most) = (Mutex::new(0), Mutex::new(0));
        let weigh = |job: usize| [MOST / 4, MOST / 2, 3 * MOST][job % 3];
        let work = |job: usize, give: &mut Give<'_, usize>| {
            *now.lock().unwrap() += weigh(job);
            let beside = *now.lock().unwrap();
            let mut most = most.lock().unwrap();
            *most = beside.max(*most);
            assert!(beside <= MOST.max(weigh(job)), "{job}");
            drop(most);
            let _ = give(job);
            thread::yield_now();
            *now.lock().unwrap() -= weigh(job);
        };
        let mut got = Vec::new();
        in_order(60, 8, &weigh, &work, &mut |job| {
            got.push(job);
            Ok(())
        })
        .unwrap();
        assert_eq!((got.len(), got.is_sorted(), *most.lock().unwrap()), (60, true, 3 * MOST));
    }

    #[test]
    fn a_failure_ends_it_at_the_same_place_and_is_told() {
        for threads in [1, 2, 8] {
            let (got, fine) = run(threads, Some(100));
            assert!(!fine);
            assert_eq!(got.len(), 100, "{threads}");
        }
        assert!(in_order::<()>(0, 4, &|_| 0, &|_, _| (), &mut |()| Ok(())).is_ok());
    }
}
