//! The keyword arguments that all functions share.

use std::{
    ffi::OsStr,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use inspector_core::{
    Judge,
    engine::Options,
    limits::Limits,
    policy::{Clock, Policy, PolicyOptions, ProfileText},
    time::Timestamp,
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{errors, source::Source};

/// How recordings are judged: everything that is the same for all of them.
pub(crate) struct Judging {
    policy: Policy,
    options: Options,
    /// Each with how errors name it.
    keys: Vec<(String, Vec<u8>)>,
}

/// What was said of the judging.
pub(crate) struct Said<'py> {
    pub(crate) profile: Bound<'py, PyAny>,
    pub(crate) realm: Option<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) jwks: Vec<Bound<'py, PyAny>>,
    pub(crate) at: String,
}

impl Judging {
    pub(crate) fn new(
        said: &Said<'_>,
        keys: &[Bound<'_, PyAny>],
        jobs: usize,
        max_memory: Option<u64>,
    ) -> PyResult<Self> {
        let options = reading(jobs, max_memory)?;
        let signing_keys = named(&said.jwks)?;
        let clock = Clock::parse(&said.at, now).map_err(|error| errors::of_policy(&error))?;
        let policy = PolicyOptions {
            profile: profile(&said.profile)?,
            hosts: said.hosts.clone(),
            realms: said.realm.iter().cloned().collect(),
            signing_keys,
            clock,
            ..PolicyOptions::default()
        };
        let made = policy.build(&options.limits).map_err(|error| errors::of_policy(&error))?;
        Ok(Self { policy: made.policy, options, keys: named(keys)? })
    }

    /// For whoever wants the exchanges alone.
    pub(crate) fn of_nothing(keys: &[Bound<'_, PyAny>], jobs: usize, max_memory: Option<u64>) -> PyResult<Self> {
        let options = reading(jobs, max_memory)?;
        let made = PolicyOptions::default().build(&options.limits).map_err(|error| errors::of_policy(&error))?;
        Ok(Self { policy: made.policy, options, keys: named(keys)? })
    }

    /// A judge.
    ///
    /// # Errors
    /// A file of keys holds none.
    pub(crate) fn judge(&self) -> PyResult<Judge> {
        let mut judge = Judge::new(self.policy.clone()).with_options(self.options.clone());
        for (name, bytes) in &self.keys {
            judge.add_keys(bytes).map_err(|error| errors::of_keys(&error, name))?;
        }
        Ok(judge)
    }

    /// Threads that may work at once.
    pub(crate) const fn jobs(&self) -> usize {
        self.options.jobs
    }

    /// The same, on one thread a recording.
    pub(crate) fn one_job(mut self) -> Self {
        self.options.jobs = 1;
        self
    }
}

/// The bounds of so many bytes of memory.
pub(crate) fn limits(max_memory: Option<u64>) -> PyResult<Limits> {
    match max_memory {
        Some(bytes) if bytes < Limits::LEAST_MEMORY => {
            Err(PyValueError::new_err(format!("max_memory is at least {} bytes", Limits::LEAST_MEMORY)))
        }
        Some(bytes) => Ok(Limits::for_memory(bytes)),
        None => Ok(Limits::default()),
    }
}

fn reading(jobs: usize, max_memory: Option<u64>) -> PyResult<Options> {
    let limits = limits(max_memory)?;
    let jobs = if jobs == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { jobs };
    Ok(Options { limits, jobs, ..Options::default() })
}

/// The contents of files, or bytes, with their names.
fn named(objects: &[Bound<'_, PyAny>]) -> PyResult<Vec<(String, Vec<u8>)>> {
    let one = |object| {
        let source = Source::new(object)?;
        Ok((source.name(), source.content()?))
    };
    objects.iter().map(one).collect()
}

/// A built-in profile by its name, or a file: what ends in `.toml`, and every `os.PathLike`.
fn profile(object: &Bound<'_, PyAny>) -> PyResult<ProfileText> {
    if let Ok(name) = object.extract::<String>() {
        let is_file = Path::new(&name).extension().is_some_and(|ending: &OsStr| ending.eq_ignore_ascii_case("toml"));
        if !is_file {
            return Ok(ProfileText::Builtin(name));
        }
    }
    let source = Source::new(object)?;
    Ok(ProfileText::File { name: source.name(), bytes: source.content()? })
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
