//! A campaign of mutations: takes the recordings of the fixtures, does to them what happens to recordings in the world, and
//! checks that no answer is better or worse than what is left allows.
//!
//! ```text
//! cargo run --profile campaign -p benches --example campaign                 # 24,000 mutants
//! cargo run --profile campaign -p benches --example campaign -- --short      # those of CI
//! cargo run --profile campaign -p benches --example campaign -- --mutants 500 --base golden/tls13 --seed 7
//! ```
//!
//! | module | does |
//! |---|---|
//! | [`base`] | knows the recordings: which packet carries which exchange, which exchange decides |
//! | [`packets`], [`entries`] | change captures and HAR files |
//! | [`oracle`] | tells what may be answered, by what is left |
//! | [`judge`] | runs the library |
//!
//! The table counts mutants by their first change. Of its last columns, `shy` are passes that became inconclusive though
//! nothing was lost (not wrong, but worth a look), and `wrong` are those no rule allows.
//!
//! A mutant is made of one to three changes, by its number and the seed alone. One that is answered wrongly is made smaller
//! (changes are left out while it stays wrong) and written to `target/mutants/NUMBER/`: the files, the key log, and what
//! was done. Exit code 1 if there was any.
#![forbid(unsafe_code)]
// What is made here is not hostile: a mistake shall end the campaign. It prints, as that is what it is for.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

mod base;
mod capture;
mod entries;
mod judge;
mod oracle;
mod packets;
mod random;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use base::{Base, Content};
use judge::{Given, judge};
use oracle::Allowed;
use packets::Change;
use random::Random;

/// Mutants of the long form.
const LONG: u64 = 24_000;
/// Mutants of the short form.
const SHORT: u64 = 4_000;
/// Wrong ones that are written out; the others are counted.
const WRITTEN: usize = 40;

/// What is asked for on the command line.
struct Arguments {
    mutants: u64,
    first: u64,
    seed: u64,
    filter: String,
    kind: String,
    out: PathBuf,
}

impl Arguments {
    fn read() -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/mutants");
        let mut arguments =
            Self { mutants: LONG, first: 0, seed: 1, filter: String::new(), kind: String::new(), out: target };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("the option takes a value");
            let number = |text: String| text.parse().expect("the value is a number");
            match word.as_str() {
                "--short" => arguments.mutants = SHORT,
                "--mutants" => arguments.mutants = number(value()),
                "--first" => arguments.first = number(value()),
                "--seed" => arguments.seed = number(value()),
                "--base" => arguments.filter = value(),
                "--kind" => arguments.kind = value(),
                "--out" => arguments.out = value().into(),
                other => panic!("{other} is no option"),
            }
        }
        arguments
    }
}

/// A mutant that was judged.
struct Judged {
    /// The kind of its first change.
    kind: &'static str,
    given: Given,
    what: Vec<String>,
    allowed: Allowed,
    word: &'static str,
    reason: String,
    /// Why it is wrong.
    wrong: Option<String>,
}

/// Makes a mutant and judges it; `None` if no change had anything to do.
fn run(base: &Base, changes: &[Change]) -> Option<Judged> {
    let mut what = Vec::new();
    let mut kind = None;
    let (given, allowed) = match &base.content {
        Content::Capture(capture) => {
            let mut mutant = packets::Mutant::new(capture);
            for change in changes {
                let (name, same, apply) = packets::KINDS[change.kind];
                if let Some(text) = apply(&mut mutant, capture, change.picks) {
                    mutant.same_content &= same;
                    what.push(format!("{name}: {text}"));
                    kind = kind.or(Some(name));
                }
            }
            let given = mutant.given();
            (given, oracle::of_capture(base, capture, &mutant))
        }
        Content::Archive(list) => {
            let mut mutant = entries::Mutant::new(list);
            for change in changes {
                if let Some(text) = mutant.change(*change) {
                    let name = entries::KINDS[change.kind].0;
                    what.push(format!("{name}: {text}"));
                    kind = kind.or(Some(name));
                }
            }
            let given = mutant.given();
            (given, oracle::of_archive(base, &mutant))
        }
    };
    let answer = judge(&given, base.profile, 1);
    let word = answer.word();
    let mut wrong = (!allowed.has(word)).then(|| format!("{word}, not {}", allowed.text()));
    if wrong.is_none() {
        let again = judge(&given, base.profile, 2);
        if answer.text() != again.text() {
            wrong = Some(format!("{word} on one thread, {} on two, or other findings", again.word()));
        }
    }
    Some(Judged { kind: kind?, given, what, allowed, reason: answer.reason().to_owned(), word, wrong })
}

/// The changes of a mutant, by the seed and its number.
fn changes_of(base: &Base, random: &mut Random, kind: &str) -> Vec<Change> {
    let names: Vec<&str> = match &base.content {
        Content::Capture(_) => packets::KINDS.iter().map(|kind| kind.0).collect(),
        Content::Archive(_) => entries::KINDS.iter().map(|kind| kind.0).collect(),
    };
    let fits: Vec<usize> = (0..names.len()).filter(|index| names[*index].contains(kind)).collect();
    let count = [1, 1, 1, 2, 2, 3][(random.next() % 6) as usize];
    let mut changes = Vec::new();
    for number in 0..count {
        let any = random.next() as usize;
        let kind = if number == 0 && !fits.is_empty() { fits[any % fits.len()] } else { any % names.len() };
        changes.push(Change { kind, picks: [random.next(), random.next(), random.next()] });
    }
    changes
}

/// Leaves out changes while the mutant stays wrong in the same way.
fn smaller(base: &Base, mut changes: Vec<Change>, judged: Judged) -> Judged {
    let mut best = judged;
    let mut index = 0;
    while changes.len() > 1 && index < changes.len() {
        let mut fewer = changes.clone();
        fewer.remove(index);
        match run(base, &fewer) {
            Some(other) if other.wrong.is_some() && other.word == best.word => {
                best = other;
                changes = fewer;
            }
            _ => index += 1,
        }
    }
    best
}

/// Counts of a cell of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    mutants: u64,
    pass: u64,
    fail: u64,
    inconclusive: u64,
    unreadable: u64,
    /// Passes that became inconclusive though nothing was lost.
    shy: u64,
    wrong: u64,
}

impl Counts {
    fn add(&mut self, judged: &Judged) {
        self.mutants += 1;
        match judged.word {
            "pass" => self.pass += 1,
            "fail" => self.fail += 1,
            "inconclusive" => self.inconclusive += 1,
            _ => self.unreadable += 1,
        }
        let shy = judged.word == "inconclusive" && judged.allowed.pass && judged.allowed.why == "nothing was lost";
        self.shy += u64::from(shy);
        self.wrong += u64::from(judged.wrong.is_some());
    }
}

/// What the threads gather.
#[derive(Default)]
struct Results {
    table: BTreeMap<(String, &'static str), Counts>,
    wrong: Vec<(u64, String, Judged)>,
}

fn write_out(folder: &Path, base: &str, number: u64, judged: &Judged) {
    let folder = folder.join(number.to_string());
    fs::create_dir_all(&folder).expect("the folder can be made");
    let several = judged.given.recordings.len() > 1 || judged.given.recordings[0].len() > 1;
    for (index, piece) in judged.given.recordings.iter().flatten().enumerate() {
        let name = if several { format!("mutant.pcap{}", index + 1) } else { "mutant".to_owned() };
        fs::write(folder.join(name), piece).expect("the file can be written");
    }
    if let Some(keys) = &judged.given.keys {
        fs::write(folder.join("mutant.keys"), keys).expect("the file can be written");
    }
    let text = format!(
        "{base}\n{}\nanswer: {}: {}\nallowed: {}\n{}\n",
        judged.wrong.as_deref().unwrap_or_default(),
        judged.word,
        judged.reason,
        judged.allowed.text(),
        judged.what.join("\n")
    );
    fs::write(folder.join("what.txt"), text).expect("the file can be written");
}

fn main() -> ExitCode {
    let arguments = Arguments::read();
    // A panic is an answer here, and a wrong one; it is told with the others.
    std::panic::set_hook(Box::new(|_| {}));
    let (bases, unlike) = base::all(&arguments.filter);
    unlike.iter().for_each(|line| println!("wrong: {line}"));
    println!("{} recordings", bases.len());
    if bases.is_empty() {
        return ExitCode::FAILURE;
    }
    let next = AtomicU64::new(0);
    let results = Mutex::new(Results::default());
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= arguments.mutants {
                break;
            }
            let number = number + arguments.first;
            let mut random = Random::new(arguments.seed << 40 ^ number);
            let base = &bases[(number % bases.len() as u64) as usize];
            let (changes, judged) = loop {
                let changes = changes_of(base, &mut random, &arguments.kind);
                if let Some(judged) = run(base, &changes) {
                    break (changes, judged);
                }
            };
            let mut results = results.lock().expect("nobody panics while counting");
            results.table.entry((base.transport.clone(), judged.kind)).or_default().add(&judged);
            if judged.wrong.is_some() {
                let judged = smaller(base, changes, judged);
                results.wrong.push((number, base.name.clone(), judged));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let mut results = results.into_inner().expect("nobody panics while counting");
    results.wrong.sort_by_key(|(number, ..)| *number);
    report(&results, &arguments.out);
    ExitCode::from(u8::from(!results.wrong.is_empty() || !unlike.is_empty()))
}

fn report(results: &Results, out: &Path) {
    println!("transport\tmutation\tmutants\tpass\tfail\tinconclusive\tunreadable\tshy\twrong");
    let mut total = Counts::default();
    for ((transport, kind), counts) in &results.table {
        let Counts { mutants, pass, fail, inconclusive, unreadable, shy, wrong } = *counts;
        println!("{transport}\t{kind}\t{mutants}\t{pass}\t{fail}\t{inconclusive}\t{unreadable}\t{shy}\t{wrong}");
        total.mutants += mutants;
        total.pass += pass;
        total.fail += fail;
        total.inconclusive += inconclusive;
        total.unreadable += unreadable;
        total.shy += shy;
        total.wrong += wrong;
    }
    println!(
        "all\t\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        total.mutants, total.pass, total.fail, total.inconclusive, total.unreadable, total.shy, total.wrong
    );
    for (number, base, judged) in &results.wrong {
        println!("wrong {number}: {base}: {}: {}", judged.wrong.as_deref().unwrap_or_default(), judged.what.join("; "));
    }
    let _ = fs::remove_dir_all(out);
    for (number, base, judged) in results.wrong.iter().take(WRITTEN) {
        write_out(out, base, *number, judged);
    }
}
