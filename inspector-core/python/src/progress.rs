//! How far reading is, and whether somebody wants it to end: a callback, and Ctrl-C.
//!
//! The interpreter's lock is not held while a recording is read. It is taken some times a second, so that a signal is seen
//! and the callback is called.

use std::{
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use pyo3::prelude::*;

/// Time between two calls.
const INTERVAL: Duration = Duration::from_millis(100);

/// Of one reading.
pub(crate) struct Progress {
    /// Called with the bytes read so far and their number in all, or `None`.
    callback: Option<Py<PyAny>>,
    total: Option<u64>,
    read: AtomicU64,
    state: Mutex<State>,
}

struct State {
    told: Instant,
    /// What the callback or a signal raised.
    raised: Option<PyErr>,
}

impl Progress {
    pub(crate) fn new(callback: Option<Py<PyAny>>, total: Option<u64>) -> Self {
        let state = State { told: Instant::now(), raised: None };
        Self { callback, total, read: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// So many more bytes were read.
    ///
    /// # Errors
    /// Something was raised: reading ends. [`Progress::raised`] has it.
    pub(crate) fn add(&self, bytes: u64) -> io::Result<()> {
        let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        // Who tells already does it for the others.
        let Ok(mut state) = self.state.try_lock() else { return Ok(()) };
        if state.raised.is_some() {
            return Err(io::ErrorKind::Other.into());
        }
        if state.told.elapsed() < INTERVAL {
            return Ok(());
        }
        state.told = Instant::now();
        if let Err(raised) = Python::attach(|py| self.tell(py, read)) {
            state.raised = Some(raised);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(())
    }

    /// Tells that all was read, and what was raised meanwhile.
    ///
    /// # Errors
    /// What was raised.
    pub(crate) fn end(&self, py: Python<'_>) -> PyResult<()> {
        let raised = self.state.lock().unwrap_or_else(PoisonError::into_inner).raised.take();
        match raised {
            Some(raised) => Err(raised),
            None => self.tell(py, self.total.unwrap_or_else(|| self.read.load(Ordering::Relaxed))),
        }
    }

    fn tell(&self, py: Python<'_>, read: u64) -> PyResult<()> {
        py.check_signals()?;
        if let Some(callback) = &self.callback {
            // A recording may be read twice, first for the secrets in it.
            let read = self.total.map_or(read, |total| read.min(total));
            callback.call1(py, (read, self.total))?;
        }
        Ok(())
    }
}
