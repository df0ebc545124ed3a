//! The Python package `inspector`: what the library offers, in Python's own terms.
//!
//! ```text
//! path or bytes ─ source ─► Judge (core, without the interpreter's lock) ─► Report ─► dict, JSON, Arrow
//!                    └─ progress, Ctrl-C                 └─► rows ─────────────────► iterator, Arrow
//! ```
//!
//! Nothing is judged here. Reports are the command's, member by member; `tests` hold both to it over all scenarios.
#![forbid(unsafe_code)]

mod errors;
mod exchanges;
mod many;
mod merging;
mod options;
mod progress;
mod report;
mod rows;
mod source;
mod tokens;

use pyo3::prelude::*;

/// The compiled part of `inspector`; `inspector/__init__.py` has what is meant to be used.
#[pymodule]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        exchanges::{ExchangeIterator, Exchanges, exchanges},
        many::check_many,
        merging::merge,
        report::{Report, check},
        rows::Table,
        tokens::{TokenIterator, Tokens, tokens},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
