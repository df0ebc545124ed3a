//! Files that are there whole or not at all: written beside their place, and moved there once they are good.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// A file in the making. Dropped without [`Staged::keep`], nothing is left of it.
pub(crate) struct Staged {
    to: PathBuf,
    part: PathBuf,
    kept: bool,
}

impl Staged {
    /// Begins a file that will be at `to`. Only its owner can read it until it is done.
    ///
    /// # Errors
    /// It cannot be written there.
    pub(crate) fn new(to: &Path) -> Result<(Self, File), Failure> {
        let mut name = to.file_name().map(std::ffi::OsStr::to_os_string).unwrap_or_default();
        if name.is_empty() || to.is_dir() {
            return Err(Failure::Usage(format!("cannot write '{}' (--output): it is no file", to.display())));
        }
        name.push(format!(".{}.part", std::process::id()));
        let part = to.with_file_name(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&part)
            .map_err(|error| Failure::Usage(format!("cannot write '{}' (--output): {error}", to.display())))?;
        Ok((Self { to: to.to_owned(), part, kept: false }, file))
    }

    /// Where it is being written.
    pub(crate) fn part(&self) -> &Path {
        &self.part
    }

    /// Puts it in its place.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn keep(mut self) -> io::Result<()> {
        fs::rename(&self.part, &self.to)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.part);
        }
    }
}
