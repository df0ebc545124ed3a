//! Several threads, one order: jobs are taken in their order and done at once, and what they give comes out in their
//! order, whatever thread was faster.
//!
//! Whoever is ahead of his turn waits once his channel is full, so that memory is bounded whatever the jobs give.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

/// Results that may wait for their turn, per job.
const WAITING: usize = 4;

/// What hands results on, in the order of the jobs. Fails once nobody takes them.
pub(crate) type Give<'g, T> = dyn FnMut(T) -> io::Result<()> + 'g;

/// Does `jobs` jobs on so many `threads`. `work` does the job of that number and hands on what it gives; `take` gets it all
/// in the order of the jobs. Once `take` fails, what is handed on fails too, and no further job begins.
///
/// # Errors
/// What `take` said.
pub(crate) fn in_order<T: Send>(
    jobs: usize,
    threads: usize,
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
    thread::scope(|scope| {
        for _ in 0..threads.min(jobs) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = senders.get(job) else { return };
                    let sender = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let Some(sender) = sender else { continue };
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
        let result = in_order(20, threads, &work, &mut |part| {
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
    fn a_failure_ends_it_at_the_same_place_and_is_told() {
        for threads in [1, 2, 8] {
            let (got, fine) = run(threads, Some(100));
            assert!(!fine);
            assert_eq!(got.len(), 100, "{threads}");
        }
        assert!(in_order::<()>(0, 4, &|_, _| (), &mut |()| Ok(())).is_ok());
    }
}
