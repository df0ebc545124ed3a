//! From paths to recordings: opens the inputs and the keys, shows progress, and reports what could not be opened.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use inspector_core::{
    connection::ConnectionReport,
    context::BodyPolicy,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    http::exchange::Exchange,
    input::{self, Control, Item, ReadError},
    limits::Limits,
    note::Note,
    tls::keylog::Keys,
};

use crate::{
    args,
    exit::{Failure, complain},
};

/// Inputs from this size on show a progress bar.
const PROGRESS_FROM: u64 = 32 << 20;

/// Largest key file that is read.
const KEY_FILE: u64 = 256 << 20;

/// What a command does with the recordings.
pub(crate) trait Handler {
    /// A recording was opened and begins to be read. They are read one after the other.
    fn begin(&mut self, source: SourceId, name: &str);

    /// An exchange, in capture order.
    ///
    /// # Errors
    /// Writing the output failed; reading stops.
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()>;

    /// A connection is over.
    ///
    /// # Errors
    /// Writing the output failed.
    fn connection(&mut self, _source: SourceId, _report: &ConnectionReport) -> io::Result<()> {
        Ok(())
    }

    /// Something limits the conclusions.
    fn note(&mut self, _source: SourceId, _note: &Note) {}

    /// The recording was read to its end.
    fn end(&mut self, _source: SourceId, _reading: &engine::Reading) {}

    /// Something that was asked for could not be read. [`Handler::begin`] may have come before.
    fn unreadable(&mut self, _source: SourceId, _name: &str, _why: &str) {}
}

/// One input.
struct Input {
    name: String,
    /// `None` is standard input.
    path: Option<PathBuf>,
    /// Named by the user, not found in a folder.
    named: bool,
}

/// How the recordings of a run were read.
pub(crate) struct Session {
    pub(crate) keys: Keys,
    /// Names of the key files, in the order they were added.
    pub(crate) key_files: Vec<String>,
}

/// Reads every recording of the command line through `handler`.
///
/// # Errors
/// [`Failure::NoInput`] if not one could be read, [`Failure::Usage`] if a key file is no key file.
pub(crate) fn read_all(
    reading: &args::Reading,
    bodies: BodyPolicy,
    digests: bool,
    handler: &mut dyn Handler,
) -> Result<Session, Failure> {
    let options = Options { limits: Limits::for_memory(reading.max_memory), bodies, digests, jobs: jobs(reading) };
    let mut session = load_keys(reading, &options.limits)?;
    let (inputs, problems) = expand(reading);
    let mut source = SourceId(0);
    for (name, why) in &problems {
        complain(&format!("error: cannot read '{name}': {why}"));
        handler.unreadable(source, name, why);
        source.0 += 1;
    }
    let (mut read, mut unknown) = (0_u32, 0_u32);
    for input in &inputs {
        match read_one(input, source, reading, &options, &mut session, handler) {
            Ok(()) => read += 1,
            Err(Problem::Output(error)) => return Err(Failure::Output(error)),
            Err(Problem::Read(ReadError::UnknownFormat(_) | ReadError::Empty)) if !input.named => {
                unknown += 1;
                continue;
            }
            Err(Problem::Read(error)) => {
                complain(&format!("error: cannot read '{}': {error}", input.name));
                handler.unreadable(source, &input.name, &error.to_string());
            }
        }
        source.0 = source.0.saturating_add(1);
    }
    if unknown > 0 && !reading.quiet {
        complain(&format!(
            "note: {unknown} files of the folders are no recordings of a known format and were passed over"
        ));
    }
    if read == 0 {
        if problems.is_empty() && (inputs.is_empty() || unknown > 0) {
            complain(
                "error: no recording was found. Known formats: pcap, pcapng, HAR, HTTP transcripts, also compressed.",
            );
        }
        return Err(Failure::NoInput);
    }
    Ok(session)
}

/// Threads that may work at once.
fn jobs(reading: &args::Reading) -> usize {
    let given = reading.jobs.map(usize::from).filter(|jobs| *jobs > 0);
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

enum Problem {
    Read(ReadError),
    Output(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Read(error.into())
    }
}

fn read_one(
    input: &Input,
    source: SourceId,
    reading: &args::Reading,
    options: &Options,
    session: &mut Session,
    handler: &mut dyn Handler,
) -> Result<(), Problem> {
    let (mut stream, bar): (Box<dyn Read + Send>, ProgressBar) = match &input.path {
        None => (Box::new(io::stdin()), ProgressBar::hidden()),
        Some(path) => {
            scan_for_secrets(path, options, &mut session.keys)?;
            let file = File::open(path)?;
            let bar = progress(file.metadata()?.len(), &input.name, reading.quiet);
            (Box::new(bar.wrap_read(file)), bar)
        }
    };
    handler.begin(source, &input.name);
    let mut receiver = Forward { source, handler, failed: None };
    let result = engine::read(source, &mut *stream, &mut session.keys, options, &mut receiver);
    let failed = receiver.failed.take();
    bar.finish_and_clear();
    if let Some(error) = failed {
        return Err(Problem::Output(error));
    }
    handler.end(source, &result.map_err(Problem::Read)?);
    Ok(())
}

/// Hands the engine's results on, and stops it once writing failed.
struct Forward<'a> {
    source: SourceId,
    handler: &'a mut dyn Handler,
    failed: Option<io::Error>,
}

impl Receiver for Forward<'_> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        match self.handler.exchange(&exchange) {
            Ok(()) => Control::Continue,
            Err(error) => {
                self.failed = Some(error);
                Control::Stop
            }
        }
    }

    fn connection(&mut self, report: ConnectionReport) {
        if self.failed.is_none()
            && let Err(error) = self.handler.connection(self.source, &report)
        {
            self.failed = Some(error);
        }
    }

    fn note(&mut self, note: Note) {
        self.handler.note(self.source, &note);
    }
}

/// A pcapng may hold its secrets behind the packets they open. A file can be read twice, so they are gathered first.
fn scan_for_secrets(path: &Path, options: &Options, keys: &mut Keys) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut magic = [0; 4];
    if !file.metadata()?.is_file() || file.read_exact(&mut magic).is_err() || magic != [0x0a, 0x0d, 0x0d, 0x0a] {
        return Ok(());
    }
    let mut sink = |item: Item<'_>| {
        if let Item::Secrets(text) = item {
            keys.add_recorded(text);
        }
        Control::Continue
    };
    let _ = input::read_recording(&mut File::open(path)?, &options.limits, &mut sink);
    Ok(())
}

fn progress(size: u64, name: &str, quiet: bool) -> ProgressBar {
    if quiet || size < PROGRESS_FROM || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% {binary_bytes_per_sec} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(crate::output::escape::fitted(name, 30));
    bar
}

/// Files and folders of the command line as inputs, a folder's files in the order of their names; and what of them cannot be
/// read, with the reason.
fn expand(reading: &args::Reading) -> (Vec<Input>, Vec<(String, String)>) {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for path in &reading.paths {
        if path.as_os_str() == "-" {
            inputs.push(Input { name: "-".to_owned(), path: None, named: true });
        } else if path.is_dir() {
            walk(path, 0, &mut inputs, &mut problems);
        } else if path.exists() {
            inputs.push(Input { name: path.display().to_string(), path: Some(path.clone()), named: true });
        } else {
            let why = "it does not exist; check the path, and quote it if it has blanks";
            problems.push((path.display().to_string(), why.to_owned()));
        }
    }
    (inputs, problems)
}

fn walk(folder: &Path, depth: u32, inputs: &mut Vec<Input>, problems: &mut Vec<(String, String)>) {
    const DEEPEST: u32 = 32;
    let entries = match folder.read_dir() {
        Ok(entries) if depth < DEEPEST => entries,
        Ok(_) => return problems.push((folder.display().to_string(), "folders are nested too deep".to_owned())),
        Err(error) => return problems.push((folder.display().to_string(), error.to_string())),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden || (path.is_symlink() && path.is_dir()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth + 1, inputs, problems);
        } else if path.is_file() {
            inputs.push(Input { name: path.display().to_string(), path: Some(path), named: false });
        }
    }
}

/// Loads the key files of the command line. Of a folder, files that hold no keys are passed over.
///
/// # Errors
/// A file is missing, or holds neither a key log nor a private key.
fn load_keys(reading: &args::Reading, limits: &Limits) -> Result<Session, Failure> {
    let mut session = Session { keys: Keys::new(limits), key_files: Vec::new() };
    for path in &reading.keys {
        if path.is_dir() {
            let (mut files, mut problems) = (Vec::new(), Vec::new());
            walk(path, 0, &mut files, &mut problems);
            for (name, why) in &problems {
                complain(&format!("warning: keys in '{name}' cannot be read: {why}"));
            }
            for file in files.iter().filter_map(|input| input.path.as_deref()) {
                if let Ok(bytes) = read_small(file)
                    && session.keys.add(&bytes).is_ok()
                {
                    session.key_files.push(file.display().to_string());
                }
            }
            continue;
        }
        let name = path.display();
        let bytes = read_small(path)
            .map_err(|error| Failure::Usage(format!("the key file '{name}' cannot be read: {error}")))?;
        session.keys.add(&bytes).map_err(|error| Failure::Usage(format!("the key file '{name}': {error}")))?;
        session.key_files.push(name.to_string());
    }
    Ok(session)
}

/// Reads a file the user named for its content (keys, profiles), up to a size that no such file has.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(KEY_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}
