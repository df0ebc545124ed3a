//! The tokens of a recording.

use std::sync::Arc;

use inspector_core::report::v1;
use pyo3::{exceptions::PyRuntimeError, prelude::*, types::PyCapsule};
use pythonize::pythonize;

use crate::{
    errors,
    options::{Judging, Said},
    progress::Progress,
    report::usual,
    rows::{TOKENS, Table},
    source::Source,
};

/// The distinct tokens of a recording, in the order of their first sighting.
#[pyclass(frozen, module = "inspector")]
pub(crate) struct Tokens {
    table: Arc<Table>,
}

#[pymethods]
impl Tokens {
    fn __len__(&self) -> usize {
        self.table.rows().len()
    }

    fn __iter__(&self) -> TokenIterator {
        TokenIterator { table: Arc::clone(&self.table), next: 0 }
    }

    /// The tokens as a stream of Arrow's C interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.table.stream(py, requested_schema)
    }
}

/// Goes over the tokens.
#[pyclass(module = "inspector")]
pub(crate) struct TokenIterator {
    table: Arc<Table>,
    next: usize,
}

#[pymethods]
impl TokenIterator {
    const fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(row) = self.table.rows().get(self.next) else { return Ok(None) };
        self.next += 1;
        Ok(Some(pythonize(py, row)?))
    }
}

/// Reads a recording and lists its tokens with their claims.
#[pyfunction]
#[pyo3(signature = (source, *, name=None, keys=Vec::new(), profile=None, jwks=Vec::new(), at="capture", jobs=1, max_memory=None, show_secrets=false, progress=None), text_signature = r#"(source, *, name=None, keys=(), profile="exchange-s2s", jwks=(), at="capture", jobs=1, max_memory=None, show_secrets=False, progress=None)"#)]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn tokens<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    name: Option<String>,
    keys: Vec<Bound<'py, PyAny>>,
    profile: Option<Bound<'py, PyAny>>,
    jwks: Vec<Bound<'py, PyAny>>,
    at: &str,
    jobs: usize,
    max_memory: Option<u64>,
    show_secrets: bool,
    progress: Option<Py<PyAny>>,
) -> PyResult<Tokens> {
    let recording = Source::new(source)?;
    let said = Said { profile: usual(py, profile), realm: None, hosts: Vec::new(), jwks, at: at.to_owned() };
    let judging = Judging::new(&said, &keys, jobs, max_memory)?;
    let name = name.unwrap_or_else(|| recording.name());
    let progress = Progress::new(progress, recording.size());
    let mut judge = judging.judge()?;
    let read = py.detach(|| {
        let report = judge.file(&name, &|| recording.open(&progress));
        report.map(|report| v1::tokens(&report, show_secrets).collect::<Result<Vec<_>, _>>())
    });
    progress.end(py)?;
    let rows = read.map_err(|error| errors::of_reading(&error, &name))?;
    let rows = rows.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(Tokens { table: Arc::new(Table::new(TOKENS, rows)) })
}
