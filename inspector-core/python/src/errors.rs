//! Errors as Python has them: `FileNotFoundError` and its kin with the path, `ValueError` with the place.

use std::io;

use inspector_core::{input::ReadError, policy::PolicyError, secrets::keylog::KeyError};
use pyo3::{
    PyErr,
    exceptions::{PyOSError, PyValueError},
};

/// What the system says about a file. Python makes the fitting kind of `OSError` of the number.
pub(crate) fn of_system(error: &io::Error, path: &str) -> PyErr {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            // Python puts the number before the words itself.
            let words = text.split(" (os error").next().unwrap_or_default().to_owned();
            PyOSError::new_err((number, words, path.to_owned()))
        }
        None => PyOSError::new_err(format!("cannot read '{path}': {error}")),
    }
}

/// Why a recording could not be read.
pub(crate) fn of_reading(error: &ReadError, name: &str) -> PyErr {
    match error {
        ReadError::Io(error) => of_system(error, name),
        _ => PyValueError::new_err(format!("cannot read '{name}': {error}")),
    }
}

/// What is wrong with a policy.
pub(crate) fn of_policy(error: &PolicyError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// Why a file holds no keys.
pub(crate) fn of_keys(error: &KeyError, name: &str) -> PyErr {
    PyValueError::new_err(format!("cannot use the keys '{name}': {error}"))
}
