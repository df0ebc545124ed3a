//! From paths to recordings: opens the inputs and the keys, reads several at once, and reports what could not be opened.
//!
//! ```text
//! paths ─ inputs ─► groups (one input, or the files of a set) ─► a Reader each, on a thread ─► its parts, in order
//! ```

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
};

use indicatif::{ProgressBar, ProgressStyle};
use inspector_core::{
    connection::ConnectionReport,
    context::BodyPolicy,
    coverage::Coverage,
    engine::{self, CoverageByFile, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::{
        self, Control, Item, f5,
        set::{Piece, Set},
    },
    limits::Limits,
    note::Note,
    report::{Skipped, v1},
    secrets::keylog::{KeyError, KeyKind, Keys},
};

use crate::{
    args,
    exit::{Failure, complain},
    inputs::{self, Found, Gathered, Input, quoted},
    live::{self, Pipe},
    sets::{self, Group},
    workers,
};
pub(crate) use crate::{inputs::read_small, workers::Give};

/// Recordings that cannot be read get a line each, so many.
const COMPLAINTS: u64 = 20;

/// In so many first bytes of a capture a load balancer's trailers are looked for.
const F5_BEGINNING: u64 = 64 << 10;

/// Inputs from this size on show a progress bar.
const PROGRESS_FROM: u64 = 32 << 20;

/// What a command makes of one recording, on whatever thread.
pub(crate) trait Reader {
    /// What it hands to the command.
    type Part: Send;

    /// An exchange, in capture order.
    ///
    /// # Errors
    /// Nobody wants further parts; reading stops.
    fn exchange(&mut self, exchange: &Exchange, give: &mut Give<'_, Self::Part>) -> io::Result<()>;

    /// A connection is over.
    ///
    /// # Errors
    /// As for exchanges.
    fn connection(&mut self, _report: &ConnectionReport, _give: &mut Give<'_, Self::Part>) -> io::Result<()> {
        Ok(())
    }

    /// Something limits the conclusions.
    fn note(&mut self, _note: &Note) {}

    /// The recording was read to its end, or could not be read (further): then nothing of it counts but what was given.
    ///
    /// # Errors
    /// As for exchanges.
    fn end(self, read: Result<&Outcome, &str>, give: &mut Give<'_, Self::Part>) -> io::Result<()>;
}

/// A recording of the run: one file, the files of a set, or standard input.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// Its number; of the later files of a set, the numbers that follow.
    pub(crate) source: SourceId,
    /// The names of its files.
    pub(crate) names: Vec<String>,
}

impl Recording {
    /// The file that has the frame of that number, and the frame's number in the file.
    pub(crate) fn place(&self, frame: u64) -> (&str, u64) {
        v1::exchange::place(&self.names, frame)
    }

    /// The name of its first file.
    pub(crate) fn name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// How a recording was read.
pub(crate) struct Outcome {
    /// Of each file: its format, or why it could not be read; and how much was read of it.
    pub(crate) files: Vec<(Result<String, String>, Coverage)>,
    /// Format and coverage of the whole.
    pub(crate) reading: engine::Reading,
}

/// How the recordings of a run were read.
pub(crate) struct Session {
    pub(crate) keys: Keys,
    /// Names of the key files, in the order they were added.
    pub(crate) key_files: Vec<String>,
    /// Key logs of the command line, with how much of each was read.
    pub(crate) logs: Vec<(PathBuf, u64)>,
    /// So many of them were found beside the recordings.
    pub(crate) found_keys: usize,
    /// What lay in folders and was not read.
    pub(crate) skipped: Vec<Skipped>,
    /// How much was read of all.
    pub(crate) coverage: Coverage,
    /// Recordings, or files of a set, that could not be read.
    pub(crate) unreadable: u64,
}

/// A group in the order of the run, or what could not be opened.
enum Job {
    Read(Recording, Group),
    Unreadable(Recording, String),
}

/// What comes back from the threads.
enum Message<T> {
    Part(T),
    /// A recording is done: how much of it was read, if anything, and what to complain of.
    Done(Option<Coverage>, Vec<String>),
}

/// Reads every recording of the command line. `make` makes the reader of a recording, `take` gets what the readers give in
/// the order of the inputs.
///
/// # Errors
/// [`Failure::NoInput`] if not one could be read, [`Failure::Usage`] if a key file is no key file, or what `take` said.
pub(crate) fn read_all<R: Reader>(
    reading: &args::Reading,
    bodies: BodyPolicy,
    digests: bool,
    make: &(dyn Fn(&Recording) -> R + Sync),
    take: &mut dyn FnMut(R::Part) -> io::Result<()>,
) -> Result<Session, Failure> {
    let limits = Limits::for_memory(reading.max_memory);
    let mut session = load_keys(reading, &limits)?;
    let gathered = Gathered::from_paths(&reading.paths, &limits);
    let remark = |line: &str| {
        if !reading.quiet {
            complain(line);
        }
    };
    let among = if reading.no_found_keys { &[][..] } else { &gathered.keys };
    for (number, keys) in among.iter().enumerate() {
        add_found_keys(keys, &limits, &mut session, &|line| {
            if number < inputs::LINES {
                remark(line);
            }
        });
    }
    let beside =
        if reading.keys.is_empty() && !reading.no_found_keys { gathered.keys_beside(&limits) } else { Vec::new() };
    for path in beside.into_iter().take(inputs::LINES) {
        let keys = Input::file(path.display().to_string(), path, None);
        add_found_keys(&keys, &limits, &mut session, &remark);
    }
    inputs::more(among.len(), "file with keys is used", "files with keys are used")
        .iter()
        .for_each(|line| remark(line));
    gathered.remarks().iter().for_each(|line| remark(line));
    session.skipped = gathered.skipped;
    let jobs = jobs_of(gathered.found, &limits, &remark);
    let threads = threads(reading);
    scan_for_secrets(&jobs, threads, &limits, &mut session.keys);
    let at_once = threads.min(jobs.len()).max(1);
    let live = is_live(reading);
    // What comes is wanted at once: several threads would wait for more of it.
    let together = Options { limits, bodies, digests, jobs: if live { 1 } else { (threads / at_once).max(1) } };
    // A recording that is read while no other one is has all threads.
    let alone = Options { jobs: if live { 1 } else { threads }, ..together.clone() };
    let weigh = |number: usize| match jobs.get(number) {
        Some(Job::Read(_, group)) if !live => {
            group.files.iter().fold(0_u64, |sum, input| sum.saturating_add(input.weight()))
        }
        _ => 0,
    };
    if live {
        live::listen();
    }
    let bar = progress(&jobs, reading.quiet);
    let keys = &session.keys;
    let work = |number: usize, give: &mut Give<'_, Message<R::Part>>| {
        let Some(job) = jobs.get(number) else { return };
        // That nobody takes it any more ends the job, and there is nobody to tell.
        let _ = match job {
            Job::Unreadable(recording, why) => unreadable(make(recording), recording, why, give),
            Job::Read(recording, group) => {
                let reader = make(recording);
                let options = if weigh(number) < workers::MOST { &together } else { &alone };
                Run { recording, group, options, bar: &bar, reading, logs: &session.logs, live }.read(
                    reader,
                    keys.fork(),
                    give,
                )
            }
        };
    };
    let (mut any, mut coverage, mut unreadable) = (false, Coverage::default(), 0_u64);
    workers::in_order(jobs.len(), at_once, &weigh, &work, &mut |message| match message {
        Message::Part(part) => take(part),
        Message::Done(read, complaints) => {
            any |= read.is_some();
            read.iter().for_each(|read| coverage.add(read));
            for line in &complaints {
                unreadable += 1;
                if unreadable <= COMPLAINTS {
                    complain(line);
                }
            }
            Ok(())
        }
    })
    .map_err(Failure::Output)?;
    bar.finish_and_clear();
    if unreadable > COMPLAINTS {
        complain(&format!("error: {} more cannot be read; --format json lists them all", unreadable - COMPLAINTS));
    }
    if any {
        (session.coverage, session.unreadable) = (coverage, unreadable);
        return Ok(session);
    }
    if jobs.is_empty() {
        complain(
            "error: no recording was found. Known formats: captures of packets, HAR, exports of proxies, NetLog, HTTP transcripts, also in archives.",
        );
    }
    Err(Failure::NoInput)
}

/// Whether standard input or a named pipe is read: what comes is wanted at once.
pub(crate) fn is_live(reading: &args::Reading) -> bool {
    reading.paths.iter().any(|path| path.as_os_str() == "-" || (path.exists() && !path.is_file() && !path.is_dir()))
}

/// Whether there may be several recordings, so that each has to be named.
pub(crate) fn may_be_several(reading: &args::Reading) -> bool {
    reading.paths.len() > 1 || reading.paths.iter().any(|path| path.is_dir())
}

/// Threads that may work at once.
fn threads(reading: &args::Reading) -> usize {
    let given = reading.jobs.map(usize::from).filter(|jobs| *jobs > 0);
    given.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Puts files that are pieces of one recording together, and numbers all in their order.
fn jobs_of(found: Vec<Found>, limits: &Limits, remark: &dyn Fn(&str)) -> Vec<Job> {
    let mut inputs = Vec::new();
    // What cannot be opened stands where it was named: before the recording of that place.
    let mut unreadable: Vec<(usize, String, String)> = Vec::new();
    for one in found {
        match one {
            Found::Recording(input) => inputs.push(input),
            Found::Unreadable(name, why) => unreadable.push((inputs.len(), name, why)),
        }
    }
    let groups = sets::group(inputs, limits);
    let mut jobs = Vec::new();
    let mut next = 0_u32;
    let mut number = |files: usize| {
        let source = SourceId(next);
        next = next.saturating_add(u32::try_from(files).unwrap_or(u32::MAX));
        source
    };
    let mut unreadable = unreadable.into_iter().peekable();
    for group in groups {
        while let Some((_, name, why)) = unreadable.next_if(|(before, ..)| *before <= group.place) {
            jobs.push(Job::Unreadable(Recording { source: number(1), names: vec![name] }, why));
        }
        let names: Vec<String> = group.files.iter().map(|input| input.name.clone()).collect();
        if let (Some(first), Some(last), 2..) = (names.first(), names.last(), names.len()) {
            let (first, last) = (quoted(first), quoted(last));
            let missing = match group.missing.iter().sum::<u64>() {
                0 => String::new(),
                1 => "; by its number, one between them is missing".to_owned(),
                more => format!("; by their numbers, {more} between them are missing"),
            };
            remark(&format!("note: {} files from {first} to {last} are read as one recording{missing}", names.len()));
        }
        jobs.push(Job::Read(Recording { source: number(names.len()), names }, group));
    }
    for (_, name, why) in unreadable {
        jobs.push(Job::Unreadable(Recording { source: number(1), names: vec![name] }, why));
    }
    jobs
}

fn unreadable<R: Reader>(
    reader: R,
    recording: &Recording,
    why: &str,
    give: &mut Give<'_, Message<R::Part>>,
) -> io::Result<()> {
    reader.end(Err(why), &mut |part| give(Message::Part(part)))?;
    give(Message::Done(None, vec![complaint(recording.name(), why)]))
}

fn complaint(name: &str, why: &str) -> String {
    format!("error: cannot read {}: {why}", quoted(name))
}

/// The reading of one recording.
struct Run<'r> {
    recording: &'r Recording,
    group: &'r Group,
    options: &'r Options,
    bar: &'r ProgressBar,
    reading: &'r args::Reading,
    /// Key logs and how much of them is known.
    logs: &'r [(PathBuf, u64)],
    live: bool,
}

impl Run<'_> {
    fn read<R: Reader>(&self, reader: R, mut keys: Keys, give: &mut Give<'_, Message<R::Part>>) -> io::Result<()> {
        let pieces = self.group.files.iter().zip(&self.group.missing).map(|(input, missing)| {
            match (&input.path, &input.inside) {
                (Some(path), None) if input.format.is_some() => Piece::file(move || self.open_file(path), *missing),
                _ => Piece::new(move || self.open(input), *missing),
            }
        });
        let mut set = Set::new(pieces.collect());
        let mut give_part = |part| give(Message::Part(part));
        let mut forward = Forward { reader, give: &mut give_part, shares: CoverageByFile::new(), failed: None };
        let source = self.recording.source;
        let result = if self.live {
            let mut follower = live::Follower::new(&mut set, self.logs.to_vec(), self.reading.quiet);
            engine::read_from(source, &mut follower, &mut keys, self.options, &mut forward)
        } else {
            engine::read_from(source, &mut set, &mut keys, self.options, &mut forward)
        };
        let Forward { reader, shares, failed, .. } = forward;
        if let Some(error) = failed {
            return Err(error);
        }
        let pieces = set.into_read();
        let packets: Vec<u64> = pieces.iter().map(|piece| piece.packets).collect();
        let reading = match result {
            Ok(reading) => reading,
            Err(error) => {
                let why = inputs::advised(&error);
                reader.end(Err(&why), &mut |part| give(Message::Part(part)))?;
                return give(Message::Done(None, vec![complaint(self.recording.name(), &why)]));
            }
        };
        // A recording in one file has entries and other things without a frame: what was counted is the engine's.
        let figures = if pieces.len() > 1 { shares.finish(&packets) } else { vec![reading.coverage] };
        let format = |piece: input::set::PieceRead| match piece.result {
            Ok(recording) => Ok(recording.to_string()),
            Err(error) => Err(inputs::advised(&error)),
        };
        let files: Vec<_> = pieces.into_iter().map(format).zip(figures).collect();
        let complaints = files.iter().zip(&self.recording.names);
        let complaints = complaints.filter_map(|((result, _), name)| Some(complaint(name, result.as_ref().err()?)));
        let complaints = complaints.collect();
        let coverage = reading.coverage;
        reader.end(Ok(&Outcome { files, reading }), &mut |part| give(Message::Part(part)))?;
        give(Message::Done(Some(coverage), complaints))
    }

    fn open_file(&self, path: &Path) -> io::Result<Box<dyn input::Seekable + '_>> {
        Ok(Box::new(self.bar.wrap_read(File::open(path)?)))
    }

    fn open(&self, input: &Input) -> io::Result<Box<dyn Read + '_>> {
        match &input.path {
            Some(path) if input.inside.is_some() || path.is_file() => {
                Ok(Box::new(self.bar.wrap_read(input.open(&self.options.limits)?)))
            }
            Some(path) => {
                let path = path.clone();
                Ok(Box::new(Pipe::new(move || File::open(path), self.reading.time, !self.logs.is_empty())))
            }
            None => Ok(Box::new(Pipe::new(|| Ok(io::stdin()), self.reading.time, !self.logs.is_empty()))),
        }
    }
}

/// Hands the engine's results on, and stops it once nobody wants them.
struct Forward<'g, R: Reader> {
    reader: R,
    give: &'g mut Give<'g, R::Part>,
    shares: CoverageByFile,
    failed: Option<io::Error>,
}

impl<R: Reader> Receiver for Forward<'_, R> {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        self.shares.exchange(&exchange);
        live::count_exchange();
        match self.reader.exchange(&exchange, self.give) {
            Ok(()) => Control::Continue,
            Err(error) => {
                self.failed = Some(error);
                Control::Stop
            }
        }
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.shares.connection(&report);
        if self.failed.is_none()
            && let Err(error) = self.reader.connection(&report, self.give)
        {
            self.failed = Some(error);
        }
    }

    fn note(&mut self, note: Note) {
        self.shares.note(&note);
        self.reader.note(&note);
    }
}

/// A pcapng may hold its secrets behind the packets they open, and in another file of its set. Files can be read twice, so
/// they are gathered first, for all inputs.
fn scan_for_secrets(jobs: &[Job], threads: usize, limits: &Limits, keys: &mut Keys) {
    let files: Vec<&Input> = jobs
        .iter()
        .filter_map(|job| match job {
            Job::Read(_, group) => Some(&group.files),
            Job::Unreadable(..) => None,
        })
        .flatten()
        .filter(|input| match input.format {
            Some("pcapng") => true,
            // Of captures of a load balancer, secrets come behind the packets they open, too.
            Some("pcap") => input.beginning(F5_BEGINNING, limits).is_ok_and(|bytes| f5::holds_trailer(&bytes)),
            _ => false,
        })
        .collect();
    let scan = |number: usize, give: &mut Give<'_, Vec<u8>>| {
        let Some(mut file) = files.get(number).and_then(|input| input.open(limits).ok()) else { return };
        let mut sink = |item: Item<'_>| match item {
            Item::Secrets(text) if give(text.to_vec()).is_err() => Control::Stop,
            _ => Control::Continue,
        };
        // What is wrong with the file is said when it is read.
        let _ = input::read_recording(&mut *file, limits, &mut sink);
    };
    let weigh = |number: usize| files.get(number).map_or(0, |input| input.weight());
    let _ = workers::in_order(files.len(), threads, &weigh, &scan, &mut |text| {
        keys.add_recorded(&text);
        Ok(())
    });
}

/// One bar over all files of the run.
fn progress(jobs: &[Job], quiet: bool) -> ProgressBar {
    let files = jobs.iter().filter_map(|job| match job {
        Job::Read(_, group) => Some(&group.files),
        Job::Unreadable(..) => None,
    });
    let files: Vec<&Input> = files.flatten().collect();
    let length = |input: &&Input| match &input.inside {
        Some((_, member)) => Some(member.size),
        None => Some(input.path.as_ref()?.metadata().ok()?.len()),
    };
    let size = files.iter().filter_map(length).sum();
    if quiet || size < PROGRESS_FROM || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(size);
    let style = ProgressStyle::with_template("{msg} {bar:30} {percent}% {binary_bytes_per_sec} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(match files.as_slice() {
        [one] => crate::output::escape::fitted(&one.name, 30),
        all => format!("{} files", all.len()),
    });
    bar
}

/// Loads the key files of the command line. Of a folder, files that hold no keys are passed over.
///
/// # Errors
/// A file is missing, or is neither a key log nor a private key.
fn load_keys(reading: &args::Reading, limits: &Limits) -> Result<Session, Failure> {
    let mut session = Session {
        keys: Keys::new(limits),
        key_files: Vec::new(),
        logs: Vec::new(),
        found_keys: 0,
        skipped: Vec::new(),
        coverage: Coverage::default(),
        unreadable: 0,
    };
    for (name, text) in &reading.key_texts {
        let added = session.keys.add(text.as_bytes());
        added.map_err(|error| Failure::Usage(format!("the keys of the variable {name}: {error}")))?;
        session.key_files.push(format!("env:{name}"));
    }
    for path in &reading.keys {
        if path.is_dir() {
            let (mut files, mut problems) = (Vec::new(), Vec::new());
            inputs::walk(path, 0, &mut files, &mut problems);
            for (name, why) in &problems {
                complain(&format!("warning: cannot read the keys in {}: {why}", quoted(name)));
            }
            for file in files {
                if let Ok(bytes) = read_small(&file)
                    && session.keys.add(&bytes).is_ok()
                {
                    session.key_files.push(file.display().to_string());
                }
            }
            continue;
        }
        let name = path.display().to_string();
        let bytes = read_small(path)
            .map_err(|error| Failure::Usage(format!("cannot read {} (--keys): {error}", quoted(&name))))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1);
        match session.keys.add(&bytes) {
            Ok(added) if added.kind == KeyKind::Log => session.logs.push((path.clone(), whole)),
            Ok(_) => {}
            // The client may have written nothing yet: the recording is judged without.
            Err(error @ KeyError::Empty) => {
                complain(&format!("warning: the key file {} is empty: {error}", quoted(&name)));
                session.keys.add_empty();
                session.logs.push((path.clone(), whole));
            }
            Err(error) => return Err(Failure::Usage(format!("the key file {}: {error}", quoted(&name)))),
        }
        session.key_files.push(name);
    }
    Ok(session)
}

/// Keys that lie among the recordings are used as if they were given with `--keys`: nobody puts them there for another
/// purpose, and what they do not open they do not harm.
fn add_found_keys(input: &Input, limits: &Limits, session: &mut Session, remark: &dyn Fn(&str)) {
    let name = input.name.clone();
    if session.key_files.contains(&name) {
        return;
    }
    let added = input.keys(limits).ok().and_then(|bytes| session.keys.add(&bytes).ok());
    if let Some(added) = added {
        session.found_keys += 1;
        let what = match added.kind {
            KeyKind::RsaPrivateKey => "an RSA private key",
            _ => "a TLS key log",
        };
        remark(&format!("note: {} is {what} and is used, as with --keys", quoted(&name)));
        session.key_files.push(name);
    }
}
