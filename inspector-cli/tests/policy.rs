//! What a pipeline agrees on: settings of a file, ignores that end, and a baseline. None makes a run green for a wrong reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use common::scenarios;
use serde_json::Value;

fn folder(name: &str) -> PathBuf {
    let path = common::folder(name);
    fs::create_dir_all(path.join("deep/er")).unwrap();
    path
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inspector"));
    command.args(arguments).current_dir(folder).env_remove("GITHUB_STEP_SUMMARY").env_remove("INSPECTOR_TEST_KEYS");
    command.output().unwrap()
}

fn code(folder: &Path, arguments: &[&str]) -> i32 {
    run_in(folder, arguments).status.code().unwrap()
}

fn scenario(path: &str) -> String {
    fs::canonicalize(scenarios().join(path)).unwrap().display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn settings_are_found_upwards_and_what_is_typed_goes_before() {
    let folder = folder("upwards");
    let good = scenario("handshake-complete/recording.har");
    fs::write(folder.join("inspector.toml"), "realms = [\"fabrikam.com\"]\nformats = [\"json\", \"csv=out.csv\"]\n")
        .unwrap();
    for below in ["", "deep", "deep/er"] {
        let run = run_in(&folder.join(below), &["check", &good]);
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(
            (run.status.code(), &report["outcome"]),
            (Some(1), &Value::from("fail")),
            "another realm is expected"
        );
        assert!(text(&run.stderr).contains("inspector.toml apply"));
        assert!(fs::read_to_string(folder.join("out.csv")).unwrap().starts_with("input,rule"));
    }
    let run =
        run_in(&folder, &["check", "--realm", "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", "--format", "human", &good]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stdout));
    assert!(text(&run.stdout).starts_with("PASS"));
    assert_eq!(code(&folder, &["check", "--no-config", &good]), 0);
    // A file that is named, and one that is wrong.
    fs::write(folder.join("other.toml"), "profile = \"generic\"\n").unwrap();
    let run = run_in(&folder, &["check", "--config", "other.toml", "--format", "json", &good]);
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["profile"], "generic");
    for (wrong, word) in [
        ("profle = \"x\"", "did you mean"),
        ("formats = [\"jsn\"]", "no format"),
        ("keys = [\"env:INSPECTOR_TEST_KEYS\"]", "not set"),
    ] {
        fs::write(folder.join("other.toml"), wrong).unwrap();
        let run = run_in(&folder, &["check", "--config", "other.toml", &good]);
        assert_eq!(run.status.code(), Some(2), "{wrong}");
        assert!(text(&run.stderr).contains(word), "{wrong}: {}", text(&run.stderr));
    }
    assert_eq!(code(&folder, &["check", "--config", "nowhere.toml", &good]), 2);
    assert_eq!(code(&folder, &["check", "--config", "other.toml", "--no-config", &good]), 2);
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn keys_come_from_files_beside_the_settings_and_from_variables() {
    let folder = folder("keys");
    let capture = scenario("handshake-complete/tls13.pcap");
    fs::copy(&capture, folder.join("deep/capture.pcap")).unwrap();
    fs::copy(scenario("handshake-complete/tls13.keys"), folder.join("secret.log")).unwrap();
    fs::write(folder.join("inspector.toml"), "keys = [\"secret.log\"]\n").unwrap();
    assert_eq!(code(&folder.join("deep"), &["check", "-q", "capture.pcap"]), 0);
    assert_eq!(code(&folder.join("deep"), &["check", "-q", "--no-config", "capture.pcap"]), 3);
    // Where nothing is judged, the keys count, too.
    assert_eq!(code(&folder.join("deep"), &["convert", "-q", "capture.pcap", "-o", "out.har"]), 0);
    assert!(fs::read_to_string(folder.join("deep/out.har")).unwrap().contains("/EWS/Exchange.asmx"));
    fs::write(folder.join("inspector.toml"), "keys = [\"env:INSPECTOR_TEST_KEYS\"]\n").unwrap();
    let log = fs::read_to_string(folder.join("secret.log")).unwrap();
    for value in [folder.join("secret.log").display().to_string(), log] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_inspector"));
        command.args(["check", "-q", "deep/capture.pcap"]).current_dir(&folder).env("INSPECTOR_TEST_KEYS", &value);
        assert_eq!(command.output().unwrap().status.code(), Some(0), "{value}");
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn an_ignore_counts_until_its_end_and_never_makes_evidence() {
    let folder = folder("ignores");
    let basic = scenario("basic-sent/recording.har");
    let ignore = |until: &str| format!("[[ignores]]\nrule = \"BAS-001\"\nreason = \"the probe\"\nuntil = {until}\n");
    let before: Value =
        serde_json::from_slice(&run_in(&folder, &["check", "-q", "--format", "json", &basic]).stdout).unwrap();
    let count =
        |report: &Value| report["findings"].as_array().unwrap().iter().filter(|it| it["rule"] == "BAS-001").count();
    assert!(count(&before) > 0);
    fs::write(folder.join("inspector.toml"), ignore("2099-01-01")).unwrap();
    let report: Value =
        serde_json::from_slice(&run_in(&folder, &["check", "-q", "--format", "json", &basic]).stdout).unwrap();
    assert_eq!(count(&report), 0);
    assert_eq!(report["ignored"][0]["reason"], "the probe");
    fs::write(folder.join("inspector.toml"), ignore("2020-01-01")).unwrap();
    let run = run_in(&folder, &["check", "--format", "json", &basic]);
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((count(&report), run.status.code()), (count(&before), Some(1)));
    assert!(text(&run.stderr).contains("ended with 2020-01-01"), "{}", text(&run.stderr));
    // What blocks stays.
    let open = scenario("discovery-only/recording.har");
    let all = "[[ignores]]\nrule = \"COV-001\"\nreason = \"r\"\nuntil = 2099-01-01\n";
    fs::write(folder.join("inspector.toml"), all).unwrap();
    assert_eq!(code(&folder, &["check", "-q", &open]), 3);
    // Unless somebody said that this is all right.
    fs::write(folder.join("inspector.toml"), "allow-inconclusive = true\n").unwrap();
    let run = run_in(&folder, &["check", "--format", "json", &open]);
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(
        (run.status.code(), &report["outcome"], &report["exit_code"]),
        (Some(0), &Value::from("inconclusive"), &Value::from(0))
    );
    assert!(text(&run.stderr).contains("allow-inconclusive"));
    assert_eq!(code(&folder, &["check", "-q", &basic]), 1, "a fail is never allowed");
    assert_eq!(code(&folder, &["check", "-q", "nothing.har"]), 4);
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn a_baseline_keeps_known_findings_from_failing_the_run_and_nothing_else() {
    let folder = folder("baseline");
    let good = scenario("accepted-then-expired/recording.har");
    let basic = scenario("basic-sent/recording.har");
    let open = scenario("discovery-only/recording.har");
    for (input, before, after) in [(&good, 1, 0), (&basic, 1, 1), (&open, 3, 3)] {
        assert_eq!(
            code(&folder, &["check", "-q", "--fail-on", "low", "--write-baseline", "known.json", input]),
            before
        );
        let run = run_in(
            &folder,
            &["check", "-q", "--fail-on", "low", "--baseline", "known.json", "--format", "json", input],
        );
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!(run.status.code(), Some(after), "{input}: {report:#}");
        assert_eq!(
            (&report["baseline"]["new"], report["exit_code"].as_i64()),
            (&Value::from(0), Some(i64::from(after)))
        );
        assert_eq!(
            code(&folder, &["check", "-q", "--baseline", "known.json", input]),
            code(&folder, &["check", "-q", input])
        );
    }
    // Of another recording, all is new and the known ones are gone.
    assert_eq!(code(&folder, &["check", "-q", "--write-baseline", "known.json", &basic]), 1);
    let run = run_in(&folder, &["check", "-q", "--fail-on", "low", "--baseline", "known.json", &good]);
    let shown = text(&run.stdout);
    assert!(run.status.code() == Some(1) && shown.contains("gone: BAS-001 mail.contoso.com"), "{shown}");
    for wrong in ["{}", "", "[1]"] {
        fs::write(folder.join("known.json"), wrong).unwrap();
        assert_eq!(code(&folder, &["check", "-q", "--baseline", "known.json", &good]), 2);
    }
    assert_eq!(code(&folder, &["check", "-q", "--baseline", "nowhere.json", &good]), 2);
    assert_eq!(code(&folder, &["check", "-q", "--write-baseline", &good, &good]), 2, "never over an input");
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn config_shows_what_is_in_force_and_from_where() {
    let folder = folder("config");
    let shown = |arguments: &[&str]| {
        let run = run_in(&folder, arguments);
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        text(&run.stdout)
    };
    assert!(shown(&["config", "--no-config"]).contains("defaults are in force"));
    fs::write(
        folder.join("inspector.toml"),
        "fail-on = \"high\"\n[[ignores]]\nrule = \"BAS-003\"\nreason = \"r\"\nuntil = 2020-01-01\n",
    )
    .unwrap();
    let human = shown(&["config"]);
    assert!(human.contains("inspector.toml:1") && human.contains("ended, counts no more: BAS-003"), "{human}");
    let json: Value = serde_json::from_str(&shown(&["config", "--format", "json"])).unwrap();
    assert_eq!(json["schema"], "inspector-config/1");
    let of = |name: &str| json["settings"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!(
        (&of("fail-on")["value"], &of("fail-on")["source"]),
        (&Value::from("high"), &Value::from("inspector.toml:1"))
    );
    assert_eq!(of("profile")["source"], "default");
    assert_eq!(
        (&json["ignores"][0]["ended"], &json["ignores"][0]["source"]),
        (&Value::from(true), &Value::from("inspector.toml:3"))
    );
    fs::write(folder.join("inspector.toml"), "x = 1").unwrap();
    assert_eq!(code(&folder, &["config"]), 2);
    let _ = fs::remove_dir_all(&folder);
}
