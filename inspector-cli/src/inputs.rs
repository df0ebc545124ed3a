//! What was given on the command line, told by content: recordings, keys that lie beside them, and what cannot be read.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use inspector_core::{
    input::{self, ReadError},
    limits::Limits,
    tls::keylog::Keys,
};

/// Largest file that is looked through for keys.
const KEY_FILE: u64 = 256 << 20;

/// So many first bytes tell whether a file holds keys: hundreds of lines of a key log, or any private key.
const KEY_FILE_BEGINNING: u64 = 256 << 10;
/// Files that are passed over get a line each, so many.
const LINES: usize = 20;
/// Folders in folders.
const DEEPEST: u32 = 32;

/// A file, or standard input.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// `None` is standard input.
    pub(crate) path: Option<PathBuf>,
    /// Told by content; `None` of what can be read but once (standard input, a named pipe).
    pub(crate) format: Option<&'static str>,
}

/// What a path led to.
pub(crate) enum Found {
    /// Something to read.
    Recording(Input),
    /// What was asked for and cannot be read, with the reason.
    Unreadable(String, String),
}

/// Everything the command line led to.
#[derive(Default)]
pub(crate) struct Gathered {
    /// In the order of the command line; a folder's files in the order of their names.
    pub(crate) found: Vec<Found>,
    /// Files with keys among the recordings.
    pub(crate) keys: Vec<PathBuf>,
    /// Files of folders that are none of these, with what they look like.
    passed_over: Vec<(String, String)>,
}

impl Gathered {
    /// Follows the paths and looks at the first bytes of each file.
    pub(crate) fn from_paths(paths: &[PathBuf], limits: &Limits) -> Self {
        let mut gathered = Self::default();
        for path in paths {
            if path.as_os_str() == "-" {
                gathered.found.push(Found::Recording(Input { name: "-".to_owned(), path: None, format: None }));
            } else if path.is_dir() {
                let (mut files, mut problems) = (Vec::new(), Vec::new());
                walk(path, 0, &mut files, &mut problems);
                gathered.found.extend(problems.into_iter().map(|(name, why)| Found::Unreadable(name, why)));
                files.into_iter().for_each(|file| gathered.look_at(file, false, limits));
            } else if path.exists() {
                gathered.look_at(path.clone(), true, limits);
            } else {
                let why = "it does not exist; check the path, and quote it if it has blanks";
                gathered.found.push(Found::Unreadable(path.display().to_string(), why.to_owned()));
            }
        }
        gathered
    }

    /// Takes a file for what its first bytes say. Of folders, what is no recording is passed over; what was `named` never, nor
    /// what looks like a recording that is empty or damaged.
    fn look_at(&mut self, path: PathBuf, named: bool, limits: &Limits) {
        let name = path.display().to_string();
        if !path.is_file() {
            // A pipe would lose the bytes that are looked at.
            self.found.push(Found::Recording(Input { name, path: Some(path), format: None }));
            return;
        }
        let identified =
            File::open(&path).map_err(ReadError::from).and_then(|mut file| input::identify(&mut file, limits));
        match identified {
            Ok(recording) => {
                self.found.push(Found::Recording(Input { name, path: Some(path), format: Some(recording.format) }));
            }
            Err(ReadError::UnknownFormat(_)) if holds_keys(&path, limits) => self.keys.push(path),
            Err(error @ (ReadError::UnknownFormat(_) | ReadError::Empty)) if !named && !looks_like_recording(&path) => {
                self.passed_over.push((name, error.to_string()));
            }
            Err(error) => self.found.push(Found::Unreadable(name, advised(&error))),
        }
    }

    /// A line for each file that was passed over, as far as there is room.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let line = |(name, why): &(String, String)| format!("note: {} is passed over: {why}", quoted(name));
        let mut lines: Vec<String> = self.passed_over.iter().take(LINES).map(line).collect();
        match self.passed_over.len().saturating_sub(LINES) {
            0 => {}
            1 => lines.push("note: one more file of the folders is no recording and is passed over".to_owned()),
            more => lines.push(format!("note: {more} more files of the folders are no recordings and are passed over")),
        }
        lines
    }
}

/// A name for a message of one line: whatever characters it has.
pub(crate) fn quoted(name: &str) -> String {
    format!("'{}'", crate::output::escape::line(name))
}

/// An error of reading, with what to do where the system's words do not tell.
pub(crate) fn advised(error: &ReadError) -> String {
    match error {
        ReadError::Io(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            format!("{cause}; it belongs to another user or is open elsewhere: copy it, or change its permissions")
        }
        _ => error.to_string(),
    }
}

/// Whether the file is a key log or a private key that opens recordings, by its beginning: a key file is told by that, and
/// whatever else lies in a folder is not read into memory.
fn holds_keys(path: &Path, limits: &Limits) -> bool {
    let small = path.metadata().is_ok_and(|metadata| metadata.len() <= KEY_FILE);
    small && read_up_to(path, KEY_FILE_BEGINNING).is_ok_and(|bytes| Keys::new(limits).add(&bytes).is_ok())
}

/// Whether a file without a beginning that tells its format was a recording: its name says so, also before the ending of a
/// compression or with the number of a ring buffer (`trace.pcap12`), or it has the members of a HAR.
fn looks_like_recording(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["pcap", "pcapng", "cap", "ntar", "har", "http"];
    const MEMBERS: [&[u8]; 2] = [b"\"startedDateTime\"", b"\"entries\""];
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let inner = [".gz", ".zst", ".lz4"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let ending = inner.rsplit_once('.').map_or("", |(_, ending)| ending.trim_end_matches(|c: char| c.is_ascii_digit()));
    let has = |bytes: &[u8], member: &[u8]| bytes.windows(member.len()).any(|window| window == member);
    ENDINGS.contains(&ending)
        || read_up_to(path, KEY_FILE_BEGINNING).is_ok_and(|bytes| MEMBERS.iter().all(|member| has(&bytes, member)))
}

/// The regular files under a folder in the order of their names, hidden ones aside; and what cannot be listed.
pub(crate) fn walk(folder: &Path, depth: u32, files: &mut Vec<PathBuf>, problems: &mut Vec<(String, String)>) {
    let entries = match folder.read_dir() {
        Ok(entries) if depth < DEEPEST => entries,
        Ok(_) => return problems.push((folder.display().to_string(), "folders are nested too deep".to_owned())),
        Err(error) => return problems.push((folder.display().to_string(), advised(&error.into()))),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden || (path.is_symlink() && path.is_dir()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth + 1, files, problems);
        } else if path.is_file() {
            files.push(path);
        }
    }
}

/// Reads a file the user named for its content (keys, profiles), up to a size that no such file has.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    read_up_to(path, KEY_FILE)
}

fn read_up_to(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
