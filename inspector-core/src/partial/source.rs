//! Files of partial results, and why one cannot be read.

use std::io;

use crate::input::Seekable;

/// A file of partial results.
pub struct Source {
    /// Its name.
    pub name: String,
    /// Opens it at its beginning.
    pub open: Box<Open>,
}

/// Opens a file of partial results at its beginning.
pub type Open = dyn Fn() -> io::Result<Box<dyn Seekable>> + Send + Sync;

/// A partial result cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartialError {
    /// The operating system failed.
    #[error("cannot read '{name}': {error}")]
    Io {
        /// The file.
        name: String,
        /// How.
        error: io::Error,
    },
    /// It is none, or of another version.
    #[error("cannot read '{name}': {what}")]
    Form {
        /// The file.
        name: String,
        /// Why.
        what: String,
    },
    /// No part was given.
    #[error("there is no partial result to merge")]
    Nothing,
}
