//! The number of jobs changes nothing of what is printed.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::{ffi::OsStr, fs, path::PathBuf};

use support::{fixture, inspector};

/// Every recording of the fixtures that has a folder of its own, with its keys.
fn recordings() -> Vec<(PathBuf, Option<PathBuf>)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> =
        fs::read_dir(fixture("live")).unwrap().map(|folder| folder.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let keys = files.iter().find(|path| path.extension().is_some_and(|kind| kind == "keys" || kind == "pem"));
        let is_recording = |path: &&PathBuf| {
            path.file_stem().is_some_and(|name| name == "recording")
                && path.extension().is_none_or(|kind| kind != "keys")
        };
        if let Some(recording) = files.iter().find(is_recording) {
            found.push((recording.clone(), keys.cloned()));
        }
    }
    let scenario = fixture("scenarios").join("s01-good");
    if scenario.is_dir() {
        for (recording, keys) in [("clear.pcap", None), ("tls13.pcap", Some("tls13.keys")), ("dsb.pcapng", None)] {
            found.push((scenario.join(recording), keys.map(|keys| scenario.join(keys))));
        }
    }
    found
}

#[test]
fn output_is_the_same_for_any_number_of_jobs() {
    let recordings = recordings();
    assert!(recordings.len() >= 25, "{recordings:?}");
    let formats = ["json", "ndjson", "text"];
    for (number, (recording, keys)) in recordings.iter().enumerate() {
        for (place, command) in ["check", "exchanges", "tokens", "doctor"].into_iter().enumerate() {
            let format = formats[(number + place) % formats.len()];
            let run = |jobs: &str| {
                let mut arguments: Vec<&OsStr> = vec![command.as_ref(), recording.as_os_str()];
                arguments.extend(["--format", format, "--jobs", jobs].map(OsStr::new));
                if let Some(keys) = keys {
                    arguments.extend([OsStr::new("--keys"), keys.as_os_str()]);
                }
                let output = inspector(&arguments);
                (
                    output.status.code(),
                    String::from_utf8(output.stdout).unwrap(),
                    String::from_utf8(output.stderr).unwrap(),
                )
            };
            let alone = run("1");
            for jobs in ["2", "8"] {
                assert_eq!(run(jobs), alone, "{} {command} {format} --jobs {jobs}", recording.display());
            }
        }
    }
}
