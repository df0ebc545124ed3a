//! One answer for several recordings, or for the parts of one.

use std::{
    fs::File,
    io::{self, Cursor},
    sync::Arc,
};

use inspector_core::{
    finding::Severity,
    input::Seekable,
    partial::{self, PartialError, PolicyText},
    policy::{Clock, PolicyOptions, ProfileText},
    report::Report as Judged,
};
use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    pybacked::PyBackedBytes,
};

use crate::{errors, options, report::Report, source::Source};

/// Joins reports of whole recordings, or judges partial results (`inspector check --partial`), which are paths or bytes: in
/// any order and grouping they give the report of the whole.
#[pyfunction]
#[pyo3(signature = (parts, *, max_memory=None))]
pub(crate) fn merge(py: Python<'_>, parts: &Bound<'_, PyAny>, max_memory: Option<u64>) -> PyResult<Report> {
    let parts = parts.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    if let Some(reports) = parts.iter().map(|part| part.extract::<PyRef<'_, Report>>().ok()).collect::<Option<Vec<_>>>()
    {
        let sources = reports.iter().map(|report| report.source().clone()).collect();
        return Judged::merge(sources)
            .map(Report::new)
            .ok_or_else(|| PyValueError::new_err("there is nothing to merge"));
    }
    if parts.iter().any(|part| part.is_instance_of::<Report>()) {
        return Err(PyTypeError::new_err("reports and partial results are not merged with each other"));
    }
    let sources = parts.iter().map(|part| Ok(of(Source::new(part)?))).collect::<PyResult<Vec<_>>>()?;
    let limits = options::limits(max_memory)?;
    let merged = py.detach(|| {
        let (text, same) = partial::options(&sources).map_err(|error| failed(&error))?;
        if !same {
            return Err(PyValueError::new_err("the partial results were made with different options; make them anew"));
        }
        let policy = said(text)?.build(&limits).map_err(|error| errors::of_policy(&error))?.policy;
        partial::merge(&sources, &policy, &limits).map_err(|error| failed(&error))
    })?;
    let nothing = "no recording of these partial results could be read".to_owned();
    Ok(match merged.readable {
        0 => Report::unreadable(merged.report, nothing),
        _ => Report::new(merged.report),
    })
}

/// The options the partial results were made with.
fn said(text: PolicyText) -> PyResult<PolicyOptions> {
    let profile = match text.profile_text {
        Some(content) => ProfileText::File { name: text.profile, bytes: content.into_bytes() },
        None => ProfileText::Builtin(text.profile),
    };
    Ok(PolicyOptions {
        profile,
        hosts: text.hosts,
        realms: text.realms,
        clock: Clock::parse(&text.at, options::now).map_err(|error| errors::of_policy(&error))?,
        fail_on: text.fail_on.as_deref().and_then(Severity::parse),
        ..PolicyOptions::default()
    })
}

fn failed(error: &PartialError) -> PyErr {
    match error {
        PartialError::Io { name, error } => errors::of_system(error, name),
        _ => PyValueError::new_err(error.to_string()),
    }
}

fn of(source: Source) -> partial::Source {
    let name = source.name();
    let open = move || -> io::Result<Box<dyn Seekable>> {
        Ok(match &source {
            Source::Path(path) => Box::new(File::open(path)?),
            Source::Bytes(bytes) => Box::new(Cursor::new(Shared(Arc::clone(bytes)))),
        })
    };
    partial::Source { name, open: Box::new(open) }
}

/// Bytes of Python that are read in several places.
struct Shared(Arc<PyBackedBytes>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
