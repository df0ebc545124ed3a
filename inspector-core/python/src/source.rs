//! What is read: a path, or bytes in memory.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::PathBuf,
    sync::Arc,
};

use inspector_core::input::Seekable;
use pyo3::{exceptions::PyTypeError, prelude::*, pybacked::PyBackedBytes};

use crate::{errors, progress::Progress};

/// How bytes are called in a report that was not told.
const BYTES: &str = "<bytes>";

/// A recording, or a file of keys.
#[derive(Clone)]
pub(crate) enum Source {
    /// A file.
    Path(PathBuf),
    /// Its content. Shared with the object Python has, which cannot change it.
    Bytes(Arc<PyBackedBytes>),
}

impl Source {
    /// Of a `str`, an `os.PathLike`, `bytes`, a `bytearray` or a `memoryview`.
    pub(crate) fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.extract::<PyBackedBytes>() {
            return Ok(Self::Bytes(Arc::new(bytes)));
        }
        if let Ok(path) = object.extract::<PathBuf>() {
            return Ok(Self::Path(path));
        }
        let kind = object.get_type();
        if kind.name()? == "memoryview" {
            let bytes = object.call_method0("tobytes")?.extract::<PyBackedBytes>()?;
            return Ok(Self::Bytes(Arc::new(bytes)));
        }
        Err(PyTypeError::new_err(format!("a path or bytes are wanted, not {}", kind.name()?)))
    }

    /// How a report names it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Bytes(_) => BYTES.to_owned(),
        }
    }

    /// Its size in bytes, where it can be told.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Path(path) => path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
        }
    }

    /// All of it.
    pub(crate) fn content(&self) -> PyResult<Vec<u8>> {
        match self {
            Self::Path(path) => std::fs::read(path).map_err(|error| errors::of_system(&error, &self.name())),
            Self::Bytes(bytes) => Ok(bytes.to_vec()),
        }
    }

    /// Opens it at its beginning; what is read of it is told to `progress`.
    pub(crate) fn open<'p>(&'p self, progress: &'p Progress) -> io::Result<Box<dyn Seekable + 'p>> {
        Ok(match self {
            Self::Path(path) => {
                if path.is_dir() {
                    return Err(io::Error::from_raw_os_error(IS_A_FOLDER));
                }
                Box::new(Counted { inner: BufReader::new(File::open(path)?), progress })
            }
            Self::Bytes(bytes) => Box::new(Counted { inner: Cursor::new(&bytes[..]), progress }),
        })
    }
}

/// EISDIR, the same on every system that has it.
const IS_A_FOLDER: i32 = 21;

struct Counted<'p, R> {
    inner: R,
    progress: &'p Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(to)?;
        self.progress.add(count as u64)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
