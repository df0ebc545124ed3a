//! The shell part of the action for workflows: its exit codes are the program's, and nothing of its inputs is a command.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn folder() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("action-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

fn run(folder: &Path, paths: &str, more: &[(&str, &str)]) -> Output {
    let mut command = Command::new("bash");
    command.arg(root().join(".github/actions/check/check.sh")).current_dir(folder);
    command.env("INSPECTOR_PATHS", paths).env("INSPECTOR_BINARY", env!("CARGO_BIN_EXE_inspector"));
    command.env("GITHUB_OUTPUT", folder.join("output")).env_remove("GITHUB_STEP_SUMMARY");
    command.envs(more.iter().copied()).output().unwrap()
}

#[test]
fn the_action_ends_as_the_program_does() {
    let folder = folder();
    let scenario =
        |name: &str| root().join("fixtures/scenarios").join(name).join("recording.har").display().to_string();
    for (paths, code) in [
        (scenario("handshake-complete"), 0),
        (scenario("basic-sent"), 1),
        (scenario("discovery-only"), 3),
        (format!("{}\n\n  \n{}\n", scenario("handshake-complete"), scenario("basic-sent")), 1),
        ("nothing.har".to_owned(), 4),
        ("\n".to_owned(), 2),
        ("$(touch pwned)\n; touch pwned".to_owned(), 4),
    ] {
        let output = run(&folder, &paths, &[]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{paths}: {said}");
        assert!(!folder.join("pwned").exists());
    }
    assert!(fs::read_to_string(folder.join("output")).unwrap().starts_with("code=0\ncode=1\ncode=3\n"));
    let sarif = fs::read_to_string(folder.join("inspector.sarif")).unwrap();
    assert!(sarif.contains("\"version\": \"2.1.0\""));
    // Arguments reach the program, and another program is not run.
    let good = scenario("accepted-then-expired");
    assert_eq!(run(&folder, &good, &[("INSPECTOR_ARGUMENTS", "--fail-on\nlow")]).status.code(), Some(1));
    assert_eq!(run(&folder, &good, &[("INSPECTOR_SHA256", &"0".repeat(64))]).status.code(), Some(2));
    assert_eq!(run(&folder, &good, &[("INSPECTOR_BINARY", "no-such-program")]).status.code(), Some(2));
    let _ = fs::remove_dir_all(&folder);
}
