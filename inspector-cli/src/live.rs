//! Reading a pipe while it is written: it ends by itself, by a signal or after a while, and what was seen is judged all the
//! same.
//!
//! ```text
//! pipe ─ a thread that reads ─► chunks ─► Pipe (looks at the clock and for signals) ─► Follower (key logs that grow) ─► engine
//! ```

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read, Seek as _, SeekFrom},
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use inspector_core::{
    input::{Control, Item, ItemSink, Producer, ReadError, Recording, helpers::Helpers},
    limits::Limits,
};

/// A signal asked for the end.
static STOPPED: AtomicBool = AtomicBool::new(false);
/// The verdict is known, and no more is wanted.
static DECIDED: AtomicBool = AtomicBool::new(false);
/// Exchanges so far, for the progress.
static EXCHANGES: AtomicU64 = AtomicU64::new(0);

/// Bytes that are read at once, and chunks that may wait.
const CHUNK: usize = 64 << 10;
const WAITING: usize = 256;
/// Where key logs grow, packets wait so long for their keys: a recorder is quicker than the client that logs.
const HOLD: Duration = Duration::from_millis(400);
/// How often signals and the clock are looked at while nothing comes.
const TICK: Duration = Duration::from_millis(50);
/// After a signal the recorder may still write what it has; it is waited for so long, and for so long a silence.
const GRACE: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_millis(300);
/// How often key logs are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Largest growth of a key log that is read at once.
const GROWTH: u64 = 16 << 20;

/// Lets Ctrl-C and SIGTERM end the reading; a second one ends the program at once.
pub(crate) fn listen() {
    // Where it cannot be set, the signal ends the program as usual.
    let _ = ctrlc::set_handler(|| {
        if STOPPED.swap(true, Ordering::SeqCst) {
            #[expect(clippy::exit, reason = "asked for twice")]
            std::process::exit(130);
        }
    });
}

/// The verdict is known.
pub(crate) fn decided() {
    DECIDED.store(true, Ordering::SeqCst);
}

/// One more exchange was read.
pub(crate) fn count_exchange() {
    EXCHANGES.fetch_add(1, Ordering::Relaxed);
}

/// A pipe that is read by a thread of its own, so that waiting for it can end.
pub(crate) struct Pipe {
    chunks: Receiver<io::Result<(Instant, Vec<u8>)>>,
    hold: Duration,
    chunk: Vec<u8>,
    at: usize,
    end: Option<Instant>,
    stopped: Option<Instant>,
    latest: Instant,
    is_over: bool,
}

impl Pipe {
    /// Begins to read. `open` is called on the thread: opening a named pipe waits for its writer.
    pub(crate) fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        time: Option<Duration>,
        keys_grow: bool,
    ) -> Self {
        let (sender, chunks) = sync_channel(WAITING);
        thread::spawn(move || {
            let mut input = match open() {
                Ok(input) => input,
                Err(error) => return drop(sender.send(Err(error))),
            };
            loop {
                let mut chunk = vec![0; CHUNK];
                match input.read(&mut chunk) {
                    Ok(0) => return,
                    Ok(length) => {
                        chunk.truncate(length);
                        chunk.shrink_to_fit();
                        if sender.send(Ok((Instant::now(), chunk))).is_err() {
                            return;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return drop(sender.send(Err(error))),
                }
            }
        });
        let now = Instant::now();
        let end = time.and_then(|time| now.checked_add(time));
        let hold = if keys_grow { HOLD } else { Duration::ZERO };
        Self { chunks, hold, chunk: Vec::new(), at: 0, end, stopped: None, latest: now, is_over: false }
    }

    /// Whether nothing more is to be read.
    fn is_done(&mut self) -> bool {
        let now = Instant::now();
        if DECIDED.load(Ordering::Relaxed) || self.end.is_some_and(|end| now >= end) {
            return true;
        }
        if !STOPPED.load(Ordering::Relaxed) {
            return false;
        }
        let stopped = *self.stopped.get_or_insert(now);
        now.duration_since(stopped) >= GRACE || now.duration_since(stopped.max(self.latest)) >= SILENCE
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.chunk.len() {
            if self.is_over || self.is_done() {
                self.is_over = true;
                return Ok(0);
            }
            match self.chunks.recv_timeout(TICK) {
                Ok(chunk) => {
                    let (came, chunk) = chunk?;
                    thread::sleep(self.hold.saturating_sub(came.elapsed()));
                    (self.chunk, self.at) = (chunk, 0);
                    self.latest = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
        }
        let mut rest = self.chunk.get(self.at..).unwrap_or_default();
        let length = rest.read(buffer)?;
        self.at += length;
        Ok(length)
    }
}

/// A key log that its client may still write.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    read: u64,
}

/// Hands items on, and what key logs have got meanwhile before them.
pub(crate) struct Follower<'p> {
    producer: &'p mut dyn Producer,
    logs: Vec<Log>,
    bar: ProgressBar,
}

impl<'p> Follower<'p> {
    /// Follows logs of which so many bytes are known.
    pub(crate) fn new(producer: &'p mut dyn Producer, logs: Vec<(PathBuf, u64)>, quiet: bool) -> Self {
        let logs = logs.into_iter().map(|(path, read)| Log { path, read }).collect();
        let bar = if quiet || !io::stderr().is_terminal() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { producer, logs, bar }
    }
}

impl Producer for Follower<'_> {
    fn produce(
        &mut self,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<Recording, ReadError> {
        let logs = std::mem::take(&mut self.logs);
        let (packets, bytes) = (0, 0);
        let mut following = Following { sink, logs, looked: None, bar: &self.bar, packets, bytes };
        let result = self.producer.produce(limits, helpers, &mut following);
        // What the client wrote last may open what came last.
        following.look();
        self.bar.finish_and_clear();
        result
    }
}

struct Following<'s> {
    sink: &'s mut dyn ItemSink,
    logs: Vec<Log>,
    looked: Option<Instant>,
    bar: &'s ProgressBar,
    packets: u64,
    bytes: u64,
}

impl Following<'_> {
    fn look(&mut self) {
        for log in &mut self.logs {
            if let Some(text) = log.grown() {
                // That the engine wants no more is told by the next item.
                let _ = self.sink.item(Item::Secrets(&text));
            }
        }
        self.looked = Some(Instant::now());
        let exchanges = EXCHANGES.load(Ordering::Relaxed);
        self.bar.set_message(format!(
            "{}, {}, {}; Ctrl-C ends the recording and judges it",
            crate::output::count(self.packets, "packet", "packets"),
            crate::output::count(self.bytes, "byte", "bytes"),
            crate::output::count(exchanges, "exchange", "exchanges"),
        ));
        self.bar.tick();
    }
}

impl ItemSink for Following<'_> {
    fn item(&mut self, item: Item<'_>) -> Control {
        if let Item::Frame(frame) = &item {
            self.packets += 1;
            self.bytes += frame.bytes.len() as u64;
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.look();
        }
        self.sink.item(item)
    }
}

impl Log {
    /// The whole lines that were written since.
    fn grown(&mut self) -> Option<Vec<u8>> {
        let length = self.path.metadata().ok()?.len();
        if length < self.read {
            // It was begun anew.
            self.read = 0;
        }
        if length == self.read {
            return None;
        }
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let mut text = Vec::new();
        file.take(GROWTH).read_to_end(&mut text).ok()?;
        let end = text.iter().rposition(|byte| *byte == b'\n')? + 1;
        text.truncate(end);
        self.read += end as u64;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn whole_lines_of_a_log_that_grows() {
        let path = std::env::temp_dir().join(format!("inspector-grows-{}", std::process::id()));
        let mut file = File::create(&path).unwrap();
        let mut log = Log { path: path.clone(), read: 0 };
        assert_eq!(log.grown(), None);
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(log.grown().as_deref(), Some(&b"one\n"[..]));
        assert_eq!(log.grown(), None);
        file.write_all(b"o\n").unwrap();
        assert_eq!(log.grown().as_deref(), Some(&b"two\n"[..]));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_pipe_ends_after_its_time() {
        struct Endless;
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                thread::sleep(Duration::from_millis(5));
                buffer[..2].copy_from_slice(b"ab");
                Ok(2)
            }
        }
        let mut text = Vec::new();
        let length = Pipe::new(|| Ok(Endless), Some(Duration::from_millis(200)), false).read_to_end(&mut text).unwrap();
        assert!(length >= 2 && text.starts_with(b"abab"), "{length}");
        let mut text = Vec::new();
        Pipe::new(|| Ok(&b"all of it"[..]), None, true).read_to_end(&mut text).unwrap();
        assert_eq!(text, b"all of it");
    }
}
