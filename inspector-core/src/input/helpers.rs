//! Threads that a format may leave work to.

/// Work that any thread may do.
pub type Work = Box<dyn FnOnce() + Send>;

/// Reading is over: nobody works any more, for nobody wants what is read, or a thread panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over;

/// Threads besides the calling one.
pub trait Helpers: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Leaves work to whoever has time for it first: one of the threads, or the calling one once it waits.
    fn leave(&self, work: Work);

    /// Helps with what there is to do until `done` says so.
    ///
    /// # Errors
    /// That will never be.
    fn help_until(&self, done: &mut dyn FnMut() -> bool) -> Result<(), Over>;
}

/// There are none.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Helpers for Nobody {
    fn count(&self) -> usize {
        0
    }

    fn leave(&self, work: Work) {
        work();
    }

    fn help_until(&self, done: &mut dyn FnMut() -> bool) -> Result<(), Over> {
        if done() { Ok(()) } else { Err(Over) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Helpers that do nothing before somebody waits, and then what was left last.
    pub(crate) struct Lazy {
        count: usize,
        left: Mutex<Vec<Work>>,
    }

    impl Lazy {
        pub(crate) const fn new(count: usize) -> Self {
            Self { count, left: Mutex::new(Vec::new()) }
        }
    }

    impl Helpers for Lazy {
        fn count(&self) -> usize {
            self.count
        }

        fn leave(&self, work: Work) {
            self.left.lock().unwrap().push(work);
        }

        fn help_until(&self, done: &mut dyn FnMut() -> bool) -> Result<(), Over> {
            while !done() {
                let Some(work) = self.left.lock().unwrap().pop() else { return Err(Over) };
                work();
            }
            Ok(())
        }
    }
}
