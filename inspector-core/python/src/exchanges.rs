//! The exchanges of a recording, as they are read: a thread reads, and whoever iterates takes what it has found.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use arrow_schema::ArrowError;
use inspector_core::{
    Exchange,
    input::{Control, ReadError},
    report::v1,
};
use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyCapsule};
use pythonize::pythonize;
use serde_json::Value;

use crate::{
    errors,
    options::Judging,
    progress::Progress,
    rows::{BATCH, EXCHANGES, batch, capsule},
    source::Source,
};

/// Chunks of rows that wait to be taken.
const WAITING: usize = 2;

/// The exchanges of a recording. Each iteration reads it anew, and holds no more than some thousand rows.
#[pyclass(frozen, module = "inspector")]
pub(crate) struct Exchanges {
    reading: Arc<Reading>,
}

struct Reading {
    source: Source,
    name: String,
    judging: Judging,
    show_secrets: bool,
    /// Rows that are made before they are handed over.
    progress: Option<Py<PyAny>>,
}

/// What comes from the thread that reads.
enum Message {
    Rows(Vec<Value>),
    /// Reading ended: why, if it was not at the end.
    End(Result<(), ReadError>, Progress),
}

impl Reading {
    /// Begins to read. The thread ends when nobody takes its rows any more.
    fn begin(self: &Arc<Self>, py: Python<'_>) -> PyResult<Receiver<Message>> {
        let mut judge = self.judging.judge()?;
        let reading = Arc::clone(self);
        let callback = self.progress.as_ref().map(|callback| callback.clone_ref(py));
        let progress = Progress::new(callback, self.source.size());
        let (to, rows) = sync_channel(WAITING);
        thread::Builder::new()
            .name("inspector".to_owned())
            .spawn(move || {
                let mut sender =
                    Sender { names: [reading.name.clone()], show: reading.show_secrets, rows: Vec::new(), to };
                let read = judge.exchanges(&|| reading.source.open(&progress), &mut |exchange| sender.take(&exchange));
                sender.send();
                // That nobody wants to know is no error.
                let _ = sender.to.send(Message::End(read.map(|_| ()), progress));
            })
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(rows)
    }
}

struct Sender {
    names: [String; 1],
    show: bool,
    rows: Vec<Value>,
    to: SyncSender<Message>,
}

impl Sender {
    fn take(&mut self, exchange: &Exchange) -> Control {
        let row = serde_json::to_value(v1::Exchange::new(&self.names, exchange, self.show));
        self.rows.extend(row);
        if self.rows.len() < BATCH { Control::Continue } else { self.send() }
    }

    fn send(&mut self) -> Control {
        let rows = std::mem::take(&mut self.rows);
        if self.to.send(Message::Rows(rows)).is_ok() { Control::Continue } else { Control::Stop }
    }
}

#[pymethods]
impl Exchanges {
    fn __iter__(&self, py: Python<'_>) -> PyResult<ExchangeIterator> {
        Ok(ExchangeIterator {
            reading: Arc::clone(&self.reading),
            rows: Mutex::new(Some(self.reading.begin(py)?)),
            ready: Vec::new().into_iter(),
        })
    }

    /// The exchanges as a stream of Arrow's C interface, in batches of 1,024.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface allows to ignore it.
        drop(requested_schema);
        let name = self.reading.name.clone();
        let mut rows = self.reading.begin(py)?.into_iter();
        let batches = std::iter::from_fn(move || match rows.next()? {
            Message::Rows(rows) => Some(batch(EXCHANGES, &rows)),
            Message::End(read, progress) => {
                let error = |error: String| Some(Err(ArrowError::ExternalError(error.into())));
                match (Python::attach(|py| progress.end(py)), read) {
                    (Err(raised), _) => error(raised.to_string()),
                    (Ok(()), Err(why)) => error(format!("cannot read '{name}': {why}")),
                    (Ok(()), Ok(())) => None,
                }
            }
        });
        capsule(py, EXCHANGES, batches)
    }
}

/// Goes over the exchanges of one reading.
#[pyclass(module = "inspector")]
pub(crate) struct ExchangeIterator {
    reading: Arc<Reading>,
    /// Behind a lock for Python's sake: two of its threads may share it.
    rows: Mutex<Option<Receiver<Message>>>,
    ready: std::vec::IntoIter<Value>,
}

#[pymethods]
impl ExchangeIterator {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        loop {
            if let Some(row) = self.ready.next() {
                return Ok(Some(pythonize(py, &row)?));
            }
            let waiting = self.rows.get_mut().unwrap_or_else(PoisonError::into_inner).take();
            let Some(rows) = waiting else { return Ok(None) };
            let (rows, message) = py.detach(move || {
                let message = rows.recv();
                (rows, message)
            });
            match message {
                Ok(Message::Rows(ready)) => {
                    self.ready = ready.into_iter();
                    self.rows = Mutex::new(Some(rows));
                }
                Ok(Message::End(read, progress)) => {
                    progress.end(py)?;
                    read.map_err(|error| errors::of_reading(&error, &self.reading.name))?;
                }
                Err(_) => return Err(PyRuntimeError::new_err("the thread that reads the recording failed")),
            }
        }
    }
}

/// Reads a recording and gives its exchanges.
#[pyfunction]
#[pyo3(signature = (source, *, name=None, keys=Vec::new(), jobs=1, max_memory=None, show_secrets=false, progress=None), text_signature = r#"(source, *, name=None, keys=(), jobs=1, max_memory=None, show_secrets=False, progress=None)"#)]
pub(crate) fn exchanges(
    source: &Bound<'_, PyAny>,
    name: Option<String>,
    keys: Vec<Bound<'_, PyAny>>,
    jobs: usize,
    max_memory: Option<u64>,
    show_secrets: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Exchanges> {
    let source = Source::new(source)?;
    if let Source::Path(path) = &source {
        // Said here, not at the first row.
        path.metadata().map_err(|error| errors::of_system(&error, &source.name()))?;
    }
    let judging = Judging::of_nothing(&keys, jobs, max_memory)?;
    let name = name.unwrap_or_else(|| source.name());
    Ok(Exchanges { reading: Arc::new(Reading { source, name, judging, show_secrets, progress }) })
}
