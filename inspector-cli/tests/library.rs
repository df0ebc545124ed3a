//! The library gives what the command gives, member by member: bindings are made on it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{fs, fs::File, io, path::PathBuf};

use common::{RECORDINGS, on, run_all, scenario_names, scenarios};
use inspector_core::{
    Judge,
    exchange::Exchange,
    input::{Control, Seekable},
    limits::Limits,
    output::{self, json},
    policy::PolicyOptions,
    report::v1,
};

/// A judge with a scenario's keys.
fn judge(scenario: &str, keys: Option<&str>) -> Judge {
    let policy = PolicyOptions::default().build(&Limits::default()).unwrap().policy;
    let mut judge = Judge::new(policy);
    if let Some(keys) = keys {
        judge.add_keys(&fs::read(scenarios().join(scenario).join(keys)).unwrap()).unwrap();
    }
    judge
}

fn opener(path: PathBuf) -> impl Fn() -> io::Result<Box<dyn Seekable>> + Send + Sync {
    move || Ok(Box::new(File::open(&path)?))
}

#[test]
fn reports_and_rows_are_those_of_the_command() {
    let mut compared = 0;
    for scenario in scenario_names() {
        for (recording, keys) in RECORDINGS {
            let name = format!("{scenario}/{recording}");
            let open = opener(scenarios().join(&name));
            let report = judge(&scenario, keys).file(&name, &open).unwrap();
            let mut written = Vec::new();
            output::find("json").unwrap().write(&report, &mut written).unwrap();
            let run = run_all(&on("check", &scenario, recording, keys, &["--format", "json", "--no-found-keys"]));
            assert_eq!(String::from_utf8(written).unwrap(), run.out, "{name}");
            assert_eq!(i32::from(report.exit_code()), run.code, "{name}");

            compared += 1;
            if !["recording.har", "dsb.pcapng"].contains(&recording) {
                continue;
            }
            let (files, mut rows) = ([name.clone()], Vec::new());
            let mut take = |exchange: Box<Exchange>| {
                json::write_line(&mut rows, &v1::Exchange::new(&files, &exchange, false), json::Unseen::Shown).unwrap();
                Control::Continue
            };
            judge(&scenario, keys).exchanges(&open, &mut take).unwrap();
            let run = run_all(&on("exchanges", &scenario, recording, keys, &["--format", "ndjson"]));
            assert_eq!(String::from_utf8(rows).unwrap(), run.out, "{name}");

            let mut rows = Vec::new();
            for token in v1::tokens(&report, false) {
                json::write_line(&mut rows, &token.unwrap(), json::Unseen::Shown).unwrap();
            }
            let run = run_all(&on("tokens", &scenario, recording, keys, &["--format", "ndjson"]));
            assert_eq!(String::from_utf8(rows).unwrap(), run.out, "{name}");
        }
    }
    assert!(compared >= 63 * RECORDINGS.len());
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let error = judge("", None).file("x", &opener(scenarios().join("scenarios.json"))).unwrap_err();
    assert!(!error.to_string().is_empty());
    assert!(judge("", None).file("x", &opener(scenarios().join("missing"))).is_err());
    let empty = || -> io::Result<Box<dyn Seekable>> { Ok(Box::new(io::Cursor::new(Vec::<u8>::new()))) };
    assert!(judge("", None).file("x", &empty).is_err());
}
