//! How time and memory grow with the input: each case at a size, and at ten times that size.
//!
//! ```text
//! cargo bench --bench growth                      # sizes that take seconds
//! cargo bench --bench growth -- --full            # those of which growth is promised; also GROWTH=full
//! cargo bench --bench growth -- streams           # cases with that word in their name
//! ```
//!
//! Recordings are made as they are read, so that one of 10 GB needs no memory and no disk. Each run is a process of its own,
//! so that its peak of memory is its own. Time is that of the processor (where the system tells it), without what it took
//! to make the recording, and the least of several runs.
// What is run here is not hostile: a mistake shall end the bench.
#![allow(clippy::expect_used, clippy::panic)]

use std::{
    env,
    io::{self, Read},
    process::Command,
    time::Duration,
};

use benches::{
    cases::{CASES, Case, Recording},
    run,
};

/// Ten times the input may take so many times as long.
const MOST: f64 = 10.5;
/// Runs end when they took so long together, but there are at least [`FEWEST`].
const ENOUGH: Duration = Duration::from_secs(1);
const FEWEST: usize = 2;
const MOST_RUNS: usize = 10;

/// A run in figures.
struct Figures {
    seconds: f64,
    bytes: u64,
    /// The peak of memory in KiB; 0 where the system does not tell it.
    peak: u64,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [one, case, size] = arguments.as_slice()
        && one == "--one"
    {
        let case = CASES.iter().find(|known| known.name == case).expect("the case is known");
        return measure(case, size.parse().expect("a size is a number"));
    }
    let has = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
    // Without it, cargo wants to know only whether the bench runs.
    let is_bench = has("--bench");
    let full = has("--full") || env::var("GROWTH").is_ok_and(|value| value == "full");
    let words: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word.as_str()));
    print(format_args!(
        "{:33} {:>13} {:>8} {:>9} {:>8} {:>8}   times (at most {MOST})",
        "case", "size", "MB", "seconds", "MB/s", "peak MiB"
    ));
    for case in CASES.iter().filter(wanted) {
        let [usual, whole] = case.sizes;
        let size = match (is_bench, full) {
            (false, _) => usual / 10,
            (true, false) => usual,
            (true, true) => whole,
        };
        let small = apart(case, size);
        print(line(case, size, &small, ""));
        let large = apart(case, 10 * size);
        print(line(case, 10 * size, &large, &format!("   {:.2}", large.seconds / small.seconds)));
    }
}

#[expect(clippy::print_stdout, reason = "that is what a bench is for")]
fn print(line: impl std::fmt::Display) {
    println!("{line}");
}

fn line(case: &Case, size: usize, figures: &Figures, times: &str) -> String {
    let megabytes = figures.bytes as f64 / 1e6;
    format!(
        "{:33} {:>13} {:>8.1} {:>9.4} {:>8.0} {:>8.1}{times}   {}",
        case.name,
        size,
        megabytes,
        figures.seconds,
        megabytes / figures.seconds,
        figures.peak as f64 / 1024.0,
        case.unit,
    )
}

/// Measures in a process of its own.
fn apart(case: &Case, size: usize) -> Figures {
    let program = env::current_exe().expect("a program knows where it is");
    let output = Command::new(program).args(["--one", case.name, &size.to_string()]).output().expect("it can be run");
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<&str> = text.split_whitespace().collect();
    let [seconds, bytes, peak] = numbers.as_slice() else {
        panic!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    };
    let number = |text: &str| text.parse().expect("a figure is a number");
    Figures { seconds: seconds.parse().expect("a figure is a number"), bytes: number(bytes), peak: number(peak) }
}

fn measure(case: &Case, size: usize) {
    let (mut least, mut bytes, mut spent, mut runs) = (Duration::MAX, 0, Duration::ZERO, 0);
    let key_log = (case.key_log)();
    while runs < FEWEST || (spent < ENOUGH && runs < MOST_RUNS) {
        let mut recording = Timed { recording: (case.make)(size), spent: Duration::ZERO, bytes: 0 };
        let begun = now();
        let found = run::check_from(&mut recording, &key_log);
        let taken = now().saturating_sub(begun);
        let wanted = (case.exchanges)(size);
        assert!(wanted.is_none_or(|wanted| found.exchanges == wanted as u64), "{found:?}, and not {wanted:?}");
        least = least.min(taken.saturating_sub(recording.spent));
        bytes = recording.bytes;
        spent += taken;
        runs += 1;
    }
    print(format_args!("{} {bytes} {}", least.as_secs_f64(), run::peak()));
}

/// A recording, and what it takes to make it.
struct Timed {
    recording: Recording,
    spent: Duration,
    bytes: u64,
}

impl Read for Timed {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let begun = now();
        let count = self.recording.read(to)?;
        self.spent += now().saturating_sub(begun);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The time the processor spent on this thread.
#[cfg(unix)]
fn now() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// The time.
#[cfg(not(unix))]
fn now() -> Duration {
    use std::{sync::LazyLock, time::Instant};
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGUN.elapsed()
}
