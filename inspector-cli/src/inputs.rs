//! What was given on the command line, told by content: recordings, keys that lie beside them, and what cannot be read.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use inspector_core::{
    input::{
        self, ReadError, Recording,
        archive::{Archive, Listing, Member},
    },
    limits::Limits,
    redact::{self, Level},
    report::Skipped,
    secrets::keylog::{KeyKind, Keys},
};

/// Largest file that is looked through for keys.
const KEY_FILE: u64 = 256 << 20;

/// So many first bytes tell whether a file holds keys: hundreds of lines of a key log, or any private key.
const KEY_FILE_BEGINNING: u64 = 256 << 10;
/// Messages of one kind get a line each, so many.
pub(crate) const LINES: usize = 5;
/// Folders in folders.
const DEEPEST: u32 = 32;

/// A file, a member of an archive, or standard input.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// `None` is standard input. A member of an archive has the path it would have if the archive were a folder.
    pub(crate) path: Option<PathBuf>,
    /// The archive and the member, if it is one.
    pub(crate) inside: Option<(Arc<Archive>, Member)>,
    /// Told by content; `None` of what can be read but once (standard input, a named pipe).
    pub(crate) format: Option<&'static str>,
    /// It is compressed, or has compressed parts.
    pub(crate) packed: bool,
}

/// Formats that are compressed by themselves.
const PACKED: [&str; 2] = ["saz", "har+zlib"];

/// What a compressed recording may unpack to, times its size, before it counts as one of the largest: far more than any real
/// one does.
const UNPACKED: u64 = 256;

impl Input {
    /// A file.
    pub(crate) const fn file(name: String, path: PathBuf, format: Option<&'static str>) -> Self {
        Self { name, path: Some(path), inside: None, format, packed: false }
    }

    /// Bytes of its content, as far as that is known before it is read, unpacked.
    pub(crate) fn weight(&self) -> u64 {
        let bytes = match &self.inside {
            Some((_, member)) => Some(member.size),
            None => self.path.as_ref().and_then(|path| path.metadata().ok()).map(|metadata| metadata.len()),
        };
        bytes.map_or(u64::MAX, |bytes| if self.packed { bytes.saturating_mul(UNPACKED) } else { bytes })
    }

    /// Opens the file or the member; standard input is not opened here.
    ///
    /// # Errors
    /// The operating system's, and `InvalidData` for a damaged archive.
    pub(crate) fn open(&self, limits: &Limits) -> io::Result<Box<dyn Read + Send>> {
        match (&self.inside, &self.path) {
            (Some((archive, member)), _) => archive.open(member, limits),
            (None, Some(path)) => Ok(Box::new(File::open(path)?)),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Its first bytes, up to so many.
    ///
    /// # Errors
    /// As of [`Input::open`].
    pub(crate) fn beginning(&self, most: u64, limits: &Limits) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(limits)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All of it, for its keys.
    ///
    /// # Errors
    /// As of [`Input::open`].
    pub(crate) fn keys(&self, limits: &Limits) -> io::Result<Vec<u8>> {
        self.beginning(KEY_FILE, limits)
    }
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
    pub(crate) keys: Vec<Input>,
    /// Files of folders that are none of these, with what they look like.
    pub(crate) skipped: Vec<Skipped>,
    /// Files that were named before, by this or another path.
    again: Vec<String>,
    /// Files that were named themselves, not found in a folder.
    named: BTreeSet<PathBuf>,
    /// The files so far, by what tells that two paths lead to one file.
    known: BTreeSet<PathBuf>,
}

impl Gathered {
    /// Follows the paths and looks at the first bytes of each file.
    pub(crate) fn from_paths(paths: &[PathBuf], limits: &Limits) -> Self {
        let mut gathered = Self::default();
        for path in paths {
            if path.as_os_str() == "-" {
                if !gathered.known.insert(path.clone()) {
                    gathered.again.push("-".to_owned());
                    continue;
                }
                let input = Input { name: "-".to_owned(), path: None, inside: None, format: None, packed: false };
                gathered.found.push(Found::Recording(input));
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
        if !self.known.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
            return self.again.push(name);
        }
        if named {
            self.named.insert(path.clone());
        }
        if !path.is_file() {
            // A pipe would lose the bytes that are looked at.
            self.found.push(Found::Recording(Input::file(name, path, None)));
            return;
        }
        match Archive::list(&path, limits) {
            Ok(Some((archive, listing))) => self.look_into(&name, &path, &archive, listing, named, limits),
            Ok(None) => self.identify(Input::file(name, path, None), named, limits),
            Err(error) => self.found.push(Found::Unreadable(name, advised(&error.into()))),
        }
    }

    /// Takes the members of an archive as the files of a folder.
    fn look_into(
        &mut self,
        name: &str,
        path: &Path,
        archive: &Arc<Archive>,
        listing: Listing,
        named: bool,
        limits: &Limits,
    ) {
        let before = self.found.len() + self.keys.len();
        for (member, why) in listing.problems {
            let name = if member.is_empty() { name.to_owned() } else { member_name(name, &member) };
            self.found.push(Found::Unreadable(name, why));
        }
        for member in listing.members {
            let name = member_name(name, &member.name);
            let place = path.join(&member.name);
            let inside = Some((Arc::clone(archive), member));
            self.identify(Input { name, path: Some(place), inside, format: None, packed: false }, false, limits);
        }
        if named && self.found.len() + self.keys.len() == before {
            let why = "it is an archive, and no recording is in it".to_owned();
            self.found.push(Found::Unreadable(name.to_owned(), why));
        }
    }

    fn identify(&mut self, mut input: Input, named: bool, limits: &Limits) {
        match told(&input, limits) {
            Ok(recording) => {
                input.format = Some(recording.format);
                input.packed = !recording.compressions.is_empty() || PACKED.contains(&recording.format);
                self.found.push(Found::Recording(input));
            }
            Err((ReadError::UnknownFormat(_), head)) if holds_keys(&input, &head, limits) => self.keys.push(input),
            Err((error @ (ReadError::UnknownFormat(_) | ReadError::Empty), head))
                if !named && !looks_like_recording(&input, &head) =>
            {
                self.skipped.push(Skipped { path: input.name, why: error.to_string() });
            }
            Err((error, _)) => self.found.push(Found::Unreadable(input.name, advised(&error))),
        }
    }

    /// Key logs in the folders of the recordings that were named: those called like the recording, or like a key log.
    pub(crate) fn keys_beside(&self, limits: &Limits) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for one in &self.found {
            let Found::Recording(Input { path: Some(path), format: Some("pcap" | "pcapng"), .. }) = one else {
                continue;
            };
            if !self.named.contains(path) {
                continue;
            }
            let folder = path.parent().map(Path::to_owned).unwrap_or_default();
            folders.entry(folder).or_default().push(stem(path));
        }
        for (folder, stems) in folders {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
            let Ok(entries) = folder.read_dir() else { continue };
            let mut paths: Vec<PathBuf> = entries.flatten().take(BESIDE).map(|entry| entry.path()).collect();
            paths.sort();
            for path in paths {
                let known = path.canonicalize().is_ok_and(|path| self.known.contains(&path));
                if !known && path.is_file() && is_called_like_keys(&path, &stems) && holds_key_log(&path, limits) {
                    found.push(path);
                }
            }
        }
        found
    }

    /// A line for each file that is not read (again), as far as there is room for its kind.
    pub(crate) fn remarks(&self) -> Vec<String> {
        let mut kinds: Vec<(&str, Vec<&Skipped>)> = Vec::new();
        for one in &self.skipped {
            match kinds.iter_mut().find(|(why, _)| *why == one.why) {
                Some((_, all)) => all.push(one),
                None => kinds.push((&one.why, vec![one])),
            }
        }
        let mut lines = Vec::new();
        for (why, all) in kinds {
            let shown = all.iter().take(LINES);
            lines.extend(shown.map(|one| format!("note: {} is passed over: {why}", quoted(&one.path))));
            lines.extend(more(
                all.len(),
                "file is passed over for that reason",
                "files are passed over for that reason",
            ));
        }
        let again = self.again.iter().take(LINES);
        lines.extend(again.map(|name| format!("note: {} was named before, and is read once", quoted(name))));
        lines.extend(more(self.again.len(), "file was named before", "files were named before"));
        lines
    }
}

/// What a member of an archive is called. Its name is not the user's own: a saved URL, with the token in it, is one.
fn member_name(archive: &str, member: &str) -> String {
    format!("{archive}!{}", redact::text(member, Level::Known))
}

/// The line for messages of a kind beyond those that have a line each.
pub(crate) fn more(all: usize, one: &str, many: &str) -> Option<String> {
    match all.saturating_sub(LINES) {
        0 => None,
        1 => Some(format!("note: 1 more {one}")),
        number => Some(format!("note: {number} more {many}")),
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

/// What the content tells of an input; why it is no recording, and its beginning. A member of an archive is opened but once:
/// it is found by going over others, and its beginning tells as much as all of it.
fn told(input: &Input, limits: &Limits) -> Result<Recording, (ReadError, Vec<u8>)> {
    let nothing = |error: io::Error| (error.into(), Vec::new());
    if input.inside.is_some() {
        let head = input.beginning(KEY_FILE_BEGINNING, limits).map_err(nothing)?;
        return input::identify(&mut head.as_slice(), limits).map_err(|error| (error, head));
    }
    let mut file = input.open(limits).map_err(nothing)?;
    input::identify(&mut *file, limits).map_err(|error| {
        let is_none = matches!(error, ReadError::UnknownFormat(_) | ReadError::Empty);
        let head = is_none.then(|| input.beginning(KEY_FILE_BEGINNING, limits).ok()).flatten();
        (error, head.unwrap_or_default())
    })
}

/// Whether the file is a key log or a private key that opens recordings, by its beginning: a key file is told by that, and
/// whatever else lies in a folder is not read into memory.
fn holds_keys(input: &Input, head: &[u8], limits: &Limits) -> bool {
    let length = match &input.inside {
        Some((_, member)) => Some(member.size),
        None => input.path.as_ref().and_then(|path| path.metadata().ok()).map(|metadata| metadata.len()),
    };
    length.is_some_and(|length| length <= KEY_FILE) && Keys::new(limits).add(head).is_ok()
}

/// Entries of a folder that are looked at for keys.
const BESIDE: usize = 4096;

/// A name without its endings, in lower case.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.split('.').next().unwrap_or_default().to_owned()
}

/// Whether a file is called as somebody calls a key log that belongs to one of these recordings.
fn is_called_like_keys(path: &Path, stems: &[String]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let general = ["keys", "keylog", "sslkeys", "sslkeylog", "sslkeylogfile", "tlskeys", "secrets"];
    let own = stem(path);
    let fits = stems.contains(&own) && matches!(ending, "keys" | "key" | "keylog" | "log" | "txt" | "nss");
    fits || (general.contains(&own.as_str()) && !name.starts_with('.'))
}

/// Whether the file is a key log. A private key that lies beside a recording is not taken without being asked for.
fn holds_key_log(path: &Path, limits: &Limits) -> bool {
    let small = path.metadata().is_ok_and(|metadata| metadata.len() <= KEY_FILE);
    let kind = || Keys::new(limits).add(&read_up_to(path, KEY_FILE_BEGINNING).ok()?).ok();
    small && kind().is_some_and(|added| added.kind == KeyKind::Log)
}

/// Whether a file without a beginning that tells its format was a recording: its name says so, also before the ending of a
/// compression or with the number of a ring buffer (`trace.pcap12`), or it has the members of a HAR.
fn looks_like_recording(input: &Input, head: &[u8]) -> bool {
    const ENDINGS: [&str; 6] = ["pcap", "pcapng", "cap", "ntar", "har", "http"];
    const MEMBERS: [&[u8]; 2] = [b"\"startedDateTime\"", b"\"entries\""];
    let path = input.path.as_deref().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let inner = [".gz", ".zst", ".lz4"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    let ending = inner.rsplit_once('.').map_or("", |(_, ending)| ending.trim_end_matches(|c: char| c.is_ascii_digit()));
    let has = |bytes: &[u8], member: &[u8]| bytes.windows(member.len()).any(|window| window == member);
    ENDINGS.contains(&ending) || MEMBERS.iter().all(|member| has(head, member))
}

/// Names in the order in which people count: `case 2` before `case 10`.
fn by_number(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        let (text, number, rest) = split(one);
        let (other_text, other_number, other_rest) = split(other);
        let digits = |number: &str| number.trim_start_matches('0').len();
        let order = text.cmp(other_text).then_with(|| digits(number).cmp(&digits(other_number)));
        let order = order.then_with(|| number.trim_start_matches('0').cmp(other_number.trim_start_matches('0')));
        if order.is_ne() || (rest.is_empty() && other_rest.is_empty()) {
            return order;
        }
        (one, other) = (rest, other_rest);
    }
}

/// What stands before the first digits, these, and the rest.
fn split(name: &str) -> (&str, &str, &str) {
    let begin = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (text, rest) = name.split_at(begin);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    (text, number, rest)
}

/// The regular files under a folder in the order of their names, hidden ones aside; and what cannot be listed.
pub(crate) fn walk(folder: &Path, depth: u32, files: &mut Vec<PathBuf>, problems: &mut Vec<(String, String)>) {
    let entries = match folder.read_dir() {
        Ok(entries) if depth < DEEPEST => entries,
        Ok(_) => return problems.push((folder.display().to_string(), "folders are nested too deep".to_owned())),
        Err(error) => return problems.push((folder.display().to_string(), advised(&error.into()))),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths
        .sort_by(|one, other| by_number(&one.to_string_lossy(), &other.to_string_lossy()).then_with(|| one.cmp(other)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = ["case10.har", "case2.har", "b", "case1.har", "a10b2", "a10b1", "case", "a9", "case02b"];
        names.sort_by(|one, other| by_number(one, other));
        assert_eq!(names, ["a9", "a10b1", "a10b2", "b", "case", "case1.har", "case2.har", "case02b", "case10.har"]);
    }
}
