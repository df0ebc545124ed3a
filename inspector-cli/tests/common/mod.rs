//! Runs the built program in an environment that is the same everywhere.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

/// What a run gave.
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The folder of the scenarios; runs happen there, so that paths are short and the same on every machine.
pub(crate) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios")
}

/// The program, ready to run.
pub(crate) fn inspector(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspector"));
    command.args(arguments).current_dir(scenarios()).stdin(Stdio::null());
    for name in [
        "RUST_BACKTRACE",
        "RUST_LOG",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "FORCE_COLOR",
        "CI",
        "COLUMNS",
        "LINES",
        "SSLKEYLOGFILE",
        "TERM",
    ] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str]) -> Run {
    finish(inspector(arguments))
}

/// Runs it with `input` as standard input.
pub(crate) fn run_with(arguments: &[&str], input: &[u8]) -> Run {
    let mut command = inspector(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that stops reading early is no failure of the test.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    outcome(&output)
}

fn finish(mut command: Command) -> Run {
    outcome(&command.output().unwrap())
}

fn outcome(output: &std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).expect("standard output is UTF-8"),
        err: String::from_utf8(output.stderr.clone()).expect("standard error is UTF-8"),
    }
}

/// The recordings of a scenario: how they are named, and the arguments that read them.
pub(crate) const RECORDINGS: [(&str, Option<&str>); 7] = [
    ("clear.pcap", None),
    ("recording.har", None),
    ("tls12.pcap", Some("tls12.keys")),
    ("tls13.pcap", Some("tls13.keys")),
    ("dsb.pcapng", None),
    ("h2.pcap", Some("h2.keys")),
    ("h3.pcap", Some("h3.keys")),
];

/// The names of the scenarios.
pub(crate) fn scenario_names() -> Vec<String> {
    let folders = fs::read_dir(scenarios()).unwrap().flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Arguments of a command on a recording of a scenario.
pub(crate) fn on(command: &str, scenario: &str, recording: &str, keys: Option<&str>, rest: &[&str]) -> Vec<String> {
    let mut arguments = vec![command.to_owned(), format!("{scenario}/{recording}")];
    if let Some(keys) = keys {
        arguments.extend(["--keys".to_owned(), format!("{scenario}/{keys}")]);
    }
    arguments.extend(rest.iter().map(|&argument| argument.to_owned()));
    arguments
}

/// As [`run`], for owned arguments.
pub(crate) fn run_all(arguments: &[String]) -> Run {
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0u32, |sum, at| (sum << 8) | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..=group.len() {
            text.push(char::from(ALPHABET[(number >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

/// A new, empty folder of this test program.
pub(crate) fn folder(name: &str) -> PathBuf {
    let name = format!("{}-{name}-{}", env!("CARGO_CRATE_NAME"), std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs it; it must end with that code.
pub(crate) fn ran(code: i32, arguments: &[&str]) -> Run {
    let run = run(arguments);
    assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
    run
}
