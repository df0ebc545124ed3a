//! What hostile recordings take: less than 64 MiB, whatever they fill, on one thread and on two, with the same report; and an
//! end. Those that would take hours if bytes were read again and again are told by that alone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::{
    collections::hash_map::DefaultHasher,
    env,
    hash::{Hash as _, Hasher as _},
    process::Command,
};

use benches::{hostile::HOSTILE, run};

/// MiB that a process may take.
const MOST: u64 = 64;

const CASE: &str = "HOSTILE_CASE";
const JOBS: &str = "HOSTILE_JOBS";

#[test]
fn memory_is_bounded_and_reports_are_the_same_for_any_number_of_jobs() {
    let mut over = Vec::new();
    for case in &HOSTILE {
        let [one, two] = ["1", "2"].map(|jobs| apart(case.name, jobs));
        assert_eq!(one.report, two.report, "{}", case.name);
        over.extend(
            [(1, one.peak), (2, two.peak)]
                .into_iter()
                .filter(|(_, peak)| *peak > MOST)
                .map(|(jobs, peak)| format!("{} with {jobs} jobs: {peak} MiB", case.name)),
        );
    }
    assert!(over.is_empty(), "{over:#?}");
}

/// What came of a run.
struct Run {
    /// MiB at most; 0 where the system does not tell it.
    peak: u64,
    /// A digest of the report.
    report: u64,
}

/// Reads in a process of its own, so that its peak of memory is its own.
fn apart(case: &str, jobs: &str) -> Run {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "one", "--ignored", "--nocapture"])
        .env(CASE, case)
        .env(JOBS, jobs)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let figures = text.lines().find_map(|line| line.strip_prefix("figures ")?.split_once(' '));
    let Some((peak, report)) = figures else {
        panic!("{case}: {text}{}", String::from_utf8_lossy(&output.stderr));
    };
    Run { peak: peak.parse().unwrap(), report: report.parse().unwrap() }
}

#[test]
#[ignore = "a run of the other test"]
fn one() {
    let (name, jobs) = (env::var(CASE).unwrap(), env::var(JOBS).unwrap());
    let case = HOSTILE.iter().find(|case| case.name == name).unwrap();
    let report = run::report_on(&mut *(case.make)(), jobs.parse().unwrap());
    let mut hasher = DefaultHasher::new();
    report.hash(&mut hasher);
    println!("figures {} {}", run::peak() >> 10, hasher.finish());
}
