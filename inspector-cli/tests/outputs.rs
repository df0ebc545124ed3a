//! The forms other programs read: exit codes are the same in each, files are written beside, and pages and scripts come out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{
    fs,
    process::{Command, Output},
};

use common::{folder, scenarios};

const FORMATS: [&str; 10] =
    ["human", "json", "ndjson", "sarif", "junit", "github", "gitlab", "markdown", "csv", "html"];

fn inspector(arguments: &[&str], summary: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspector"));
    command.args(arguments).env_remove("GITHUB_STEP_SUMMARY");
    if let Some(summary) = summary {
        command.env("GITHUB_STEP_SUMMARY", summary);
    }
    command.output().unwrap()
}

#[test]
fn exit_codes_are_the_same_in_every_format() {
    let folder = folder("codes");
    let empty = folder.join("empty");
    fs::create_dir_all(&empty).unwrap();
    let damaged = folder.join("damaged.har");
    fs::write(
        &damaged,
        "{\"log\":{\"entries\":[{\"request\":{\"method\":\"GET\",\"url\":\"https://mail.contoso.com/EWS/",
    )
    .unwrap();
    let scenario = |name: &str| scenarios().join(name).join("recording.har").display().to_string();
    for (path, code) in [
        (scenario("handshake-complete"), 0),
        (scenario("basic-sent"), 1),
        (scenario("discovery-only"), 3),
        (damaged.display().to_string(), 3),
        (empty.display().to_string(), 4),
        (folder.join("nothing.har").display().to_string(), 4),
    ] {
        for format in FORMATS {
            let run = inspector(&["check", "-q", "--format", format, &path], None);
            assert_eq!(run.status.code(), Some(code), "{format} {path}: {}", String::from_utf8_lossy(&run.stderr));
            // What could not be read at all has no answer in any form.
            assert_eq!(run.stdout.is_empty(), code == 4, "{format} {path}");
        }
    }
    let run = inspector(&["check", "--format", "nonsense", "x"], None);
    assert_eq!(run.status.code(), Some(2));
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn reports_are_written_beside_the_answer() {
    let folder = folder("files");
    let input = scenarios().join("basic-sent/recording.har").display().to_string();
    let to = |format: &str| format!("{format}={}", folder.join(format).display());
    let options: Vec<String> = FORMATS.iter().map(|format| to(format)).collect();
    let mut arguments = vec!["check", input.as_str()];
    options.iter().for_each(|option| arguments.extend(["--report", option]));
    let run = inspector(&arguments, None);
    assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(String::from_utf8_lossy(&run.stdout).starts_with("FAIL"));
    for format in FORMATS {
        let alone = inspector(&["check", "--format", format, &input], None).stdout;
        assert_eq!(fs::read(folder.join(format)).unwrap(), alone, "{format}");
    }
    for (option, message) in [
        (format!("sarif={input}"), "is an input"),
        ("sarif".to_owned(), "FORMAT=FILE"),
        ("nonsense=x".to_owned(), "is no format"),
        ("sarif=".to_owned(), "the file is missing"),
    ] {
        let run = inspector(&["check", &input, "--report", &option], None);
        assert_eq!(run.status.code(), Some(2), "{option}");
        assert!(
            String::from_utf8_lossy(&run.stderr).contains(message),
            "{option}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn a_workflow_gets_its_summary() {
    let folder = folder("summary");
    let input = scenarios().join("basic-sent/recording.har").display().to_string();
    let summary = folder.join("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let run = inspector(&["check", "--format", "github", &input], Some(&summary.display().to_string()));
    assert!(String::from_utf8_lossy(&run.stdout).starts_with("::error title=inspector::fail"));
    let text = fs::read_to_string(&summary).unwrap();
    assert!(text.starts_with("before\n## FAIL: "), "{text}");
    // Who asks for something else gets none.
    inspector(&["check", &input], Some(&summary.display().to_string()));
    assert_eq!(fs::read_to_string(&summary).unwrap(), text);
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn pages_and_completions_come_out() {
    let folder = folder("man");
    let run = inspector(&["man", &folder.display().to_string()], None);
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    for page in ["inspector.1", "inspector-check.1", "inspector-decode.1"] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = inspector(&["completions", shell], None);
        assert_eq!(run.status.code(), Some(0), "{shell}");
        assert!(String::from_utf8_lossy(&run.stdout).contains("fail-on"), "{shell}");
    }
    let _ = fs::remove_dir_all(&folder);
}
