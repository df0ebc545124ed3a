//! Many recordings, several at once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use inspector_core::{Judge, report::Report as Judged};
use pyo3::prelude::*;

use crate::{
    errors,
    options::{Judging, Said},
    progress::Progress,
    report::{Report, usual},
    source::Source,
};

/// Judges each recording by itself and gives their reports in the same order. One that cannot be read has a report, too,
/// which is inconclusive and whose `error` says why.
#[pyfunction]
#[pyo3(signature = (sources, *, keys=Vec::new(), profile=None, realm=None, hosts=Vec::new(), jwks=Vec::new(), at="capture", jobs=0, max_memory=None), text_signature = r#"(sources, *, keys=(), profile="exchange-s2s", realm=None, hosts=(), jwks=(), at="capture", jobs=0, max_memory=None)"#)]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(crate) fn check_many<'py>(
    py: Python<'py>,
    sources: &Bound<'py, PyAny>,
    keys: Vec<Bound<'py, PyAny>>,
    profile: Option<Bound<'py, PyAny>>,
    realm: Option<String>,
    hosts: Vec<String>,
    jwks: Vec<Bound<'py, PyAny>>,
    at: &str,
    jobs: usize,
    max_memory: Option<u64>,
) -> PyResult<Vec<Report>> {
    let sources = sources.try_iter()?.map(|source| Source::new(&source?)).collect::<PyResult<Vec<_>>>()?;
    let said = Said { profile: usual(py, profile), realm, hosts, jwks, at: at.to_owned() };
    let judging = Judging::new(&said, &keys, jobs, max_memory)?;
    let threads = judging.jobs().min(sources.len()).max(1);
    let judging = judging.one_job();
    let judges = (0..threads).map(|_| judging.judge()).collect::<PyResult<Vec<_>>>()?;
    let progress = Progress::new(None, None);
    let next = AtomicUsize::new(0);
    let made: Mutex<Vec<(usize, Report)>> = Mutex::new(Vec::with_capacity(sources.len()));
    py.detach(|| {
        let work = |mut judge: Judge| {
            while let Some((number, source)) = take(&next, &sources) {
                let report = one(&mut judge, source, &progress);
                made.lock().unwrap_or_else(PoisonError::into_inner).push((number, report));
            }
        };
        thread::scope(|scope| {
            for judge in judges {
                scope.spawn(|| work(judge));
            }
        });
    });
    progress.end(py)?;
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, report)| report).collect())
}

fn take<'s>(next: &AtomicUsize, sources: &'s [Source]) -> Option<(usize, &'s Source)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    sources.get(number).map(|source| (number, source))
}

fn one(judge: &mut Judge, source: &Source, progress: &Progress) -> Report {
    let name = source.name();
    match judge.file(&name, &|| source.open(progress)) {
        Ok(report) => Report::new(report),
        Err(error) => {
            let judged: Judged = judge.unreadable(&name, &error.to_string());
            let said = Python::attach(|py| errors::of_reading(&error, &name).value(py).to_string());
            Report::unreadable(judged, said)
        }
    }
}
