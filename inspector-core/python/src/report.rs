//! Reports, and the functions that make them.

use inspector_core::{output, report::Report as Source, report::v1};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
};
use pythonize::pythonize;
use serde_json::Value;

use crate::{
    errors,
    options::{Judging, Said},
    progress::Progress,
    rows,
    source::Source as Recording,
};

/// What came of one recording, or of several.
#[pyclass(frozen, module = "inspector")]
pub(crate) struct Report {
    source: Source,
    error: Option<String>,
}

impl Report {
    pub(crate) const fn new(source: Source) -> Self {
        Self { source, error: None }
    }

    pub(crate) const fn unreadable(source: Source, error: String) -> Self {
        Self { source, error: Some(error) }
    }

    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    fn member<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let document = v1::Report::streamed(&self.source);
        match name {
            "findings" => Ok(pythonize(py, &document.findings)?),
            "handshakes" => Ok(pythonize(py, &document.handshakes)?),
            "inputs" => Ok(pythonize(py, &document.inputs)?),
            "tokens" => Ok(pythonize(py, &document.tokens)?),
            _ => Ok(pythonize(py, &document.coverage)?),
        }
    }

    fn of(&self, name: &str) -> PyResult<Vec<u8>> {
        let Some(output) = output::find(name) else {
            let known: Vec<&str> = output::OUTPUTS.iter().map(|output| output.name()).collect();
            return Err(PyValueError::new_err(format!("there is no format '{name}', but {}", known.join(", "))));
        };
        let mut written = Vec::new();
        output.write(&self.source, &mut written)?;
        Ok(written)
    }
}

#[pymethods]
impl Report {
    /// `pass`, `fail` or `inconclusive`.
    #[getter]
    fn outcome(&self) -> PyResult<String> {
        text(serde_json::to_value(self.source.outcome))
    }

    /// Why, in one sentence.
    #[getter]
    fn reason(&self) -> String {
        v1::Report::streamed(&self.source).reason
    }

    /// The exit code of the command: 0 pass, 1 fail, 3 inconclusive, 4 nothing could be read.
    #[getter]
    fn exit_code(&self) -> u8 {
        if self.error.is_some() { 4 } else { self.source.exit_code() }
    }

    /// Why the recording could not be read; None if it could.
    #[getter]
    fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// What to do next.
    #[getter]
    fn next_steps(&self) -> Vec<String> {
        v1::Report::streamed(&self.source).next_steps
    }

    /// The inputs, each with its own outcome.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.member(py, "inputs")
    }

    /// What was found.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.member(py, "findings")
    }

    /// Who called whom.
    #[getter]
    fn handshakes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.member(py, "handshakes")
    }

    /// The distinct tokens, in the order of their first sighting.
    #[getter]
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.member(py, "tokens")
    }

    /// How much was read.
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.member(py, "coverage")
    }

    /// The whole report, `inspector-report/1`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(pythonize(py, &v1::Report::streamed(&self.source))?)
    }

    /// The text `inspector check --format json` prints.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.to(py, "json")
    }

    /// The text of any format of the command: "sarif", "junit", "markdown", "csv" …
    fn to(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        let written = py.detach(|| self.of(format))?;
        String::from_utf8(written).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Findings as a stream of Arrow's C interface; `table("handshakes")` and `table("tokens")` likewise.
    #[pyo3(signature = (name = "findings"))]
    fn table(&self, name: &str) -> PyResult<rows::Table> {
        rows::Table::of_report(&self.source, name)
    }

    fn __repr__(&self) -> PyResult<String> {
        Ok(format!("<inspector.Report {}: {}>", self.outcome()?, self.reason()))
    }
}

fn text(value: serde_json::Result<Value>) -> PyResult<String> {
    let value = value.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// Reads a recording and judges it.
#[pyfunction]
#[pyo3(signature = (source, *, name=None, keys=Vec::new(), profile=None, realm=None, hosts=Vec::new(), jwks=Vec::new(), at="capture", jobs=1, max_memory=None, progress=None), text_signature = r#"(source, *, name=None, keys=(), profile="exchange-s2s", realm=None, hosts=(), jwks=(), at="capture", jobs=1, max_memory=None, progress=None)"#)]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn check<'py>(
    py: Python<'py>,
    source: &Bound<'py, PyAny>,
    name: Option<String>,
    keys: Vec<Bound<'py, PyAny>>,
    profile: Option<Bound<'py, PyAny>>,
    realm: Option<String>,
    hosts: Vec<String>,
    jwks: Vec<Bound<'py, PyAny>>,
    at: &str,
    jobs: usize,
    max_memory: Option<u64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Report> {
    let recording = Recording::new(source)?;
    let said = Said { profile: usual(py, profile), realm, hosts, jwks, at: at.to_owned() };
    let judging = Judging::new(&said, &keys, jobs, max_memory)?;
    let name = name.unwrap_or_else(|| recording.name());
    let progress = Progress::new(progress, recording.size());
    let mut judge = judging.judge()?;
    let read = py.detach(|| judge.file(&name, &|| recording.open(&progress)));
    progress.end(py)?;
    read.map(Report::new).map_err(|error| errors::of_reading(&error, &name))
}

/// The profile that was named, or the usual one.
pub(crate) fn usual<'py>(py: Python<'py>, profile: Option<Bound<'py, PyAny>>) -> Bound<'py, PyAny> {
    let usual = || pyo3::types::PyString::new(py, inspector_core::policy::ProfileText::USUAL).into_any();
    profile.unwrap_or_else(usual)
}
