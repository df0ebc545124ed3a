//! Every scenario in every recording of it: outcome, exit code, the rules that must fire, those that must not, and no other
//! at or above medium.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{collections::BTreeSet, fs};

use common::{RECORDINGS, on, run_all, scenarios};
use serde_json::Value;

fn expected() -> serde_json::Map<String, Value> {
    let text = fs::read_to_string(scenarios().join("scenarios.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().clone()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

fn rules(report: &Value) -> BTreeSet<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

/// The rules that speak at or above medium.
fn grave(report: &Value) -> BTreeSet<&str> {
    let findings = report["findings"].as_array().unwrap().iter();
    let grave =
        findings.filter(|finding| ["medium", "high", "critical"].contains(&finding["severity"].as_str().unwrap()));
    grave.map(|finding| finding["rule"].as_str().unwrap()).collect()
}

/// Runs one kind of recording through all scenarios and collects what is not as expected.
fn check(recording: &str, keys: Option<&str>) {
    let mut wrong = Vec::new();
    let all = expected();
    assert!(all.len() >= 63);
    for (name, expected) in &all {
        let run = run_all(&on("check", name, recording, keys, &["--format", "json"]));
        let report = run.json();
        let fired = rules(&report);
        let outcome = &report["outcome"];
        if *outcome != expected["outcome"] || i64::from(run.code) != expected["exit"].as_i64().unwrap() {
            wrong.push(format!(
                "{name}: {outcome} and exit code {}, not {}: {}",
                run.code, expected["outcome"], report["reason"]
            ));
        }
        for rule in strings(&expected["rules"]) {
            if !fired.contains(rule) {
                wrong.push(format!("{name}: {rule} did not fire"));
            }
        }
        for rule in strings(&expected["silent"]) {
            if fired.contains(rule) {
                wrong.push(format!("{name}: {rule} fired"));
            }
        }
        let grave = grave(&report);
        let allowed: BTreeSet<&str> = strings(&expected["grave"]).into_iter().collect();
        // Clear text is told where it is: on a loopback interface it is medium.
        let clear: BTreeSet<&str> = if recording == "clear.pcap" { ["S2S-050"].into() } else { BTreeSet::new() };
        if !grave.is_superset(&allowed) || grave.difference(&allowed).any(|rule| !clear.contains(rule)) {
            wrong.push(format!("{name}: {grave:?} at or above medium, not {allowed:?}"));
        }
        if report["coverage"]["exchanges"] != expected["exchanges"] {
            wrong.push(format!("{name}: {} exchanges", report["coverage"]["exchanges"]));
        }
    }
    assert!(wrong.is_empty(), "{recording}:\n{}", wrong.join("\n"));
}

#[test]
fn clear_text() {
    check("clear.pcap", None);
}

#[test]
fn har() {
    check("recording.har", None);
}

#[test]
fn tls_1_2() {
    check("tls12.pcap", Some("tls12.keys"));
}

#[test]
fn tls_1_3() {
    check("tls13.pcap", Some("tls13.keys"));
}

#[test]
fn secrets_inside_the_recording() {
    check("dsb.pcapng", None);
}

#[test]
fn http_2() {
    check("h2.pcap", Some("h2.keys"));
}

#[test]
fn http_3() {
    check("h3.pcap", Some("h3.keys"));
}

#[test]
fn without_keys_nothing_is_concluded() {
    for name in expected().keys() {
        for recording in ["tls12.pcap", "tls13.pcap", "h2.pcap", "h3.pcap"] {
            let run = run_all(&on("check", name, recording, None, &["--format", "json", "--no-found-keys"]));
            let report = run.json();
            let fired = rules(&report);
            assert_eq!((run.code, &report["outcome"]), (3, &Value::from("inconclusive")), "{name} {recording}");
            assert!(fired.contains("COV-001") && !fired.contains("S2S-001"), "{name} {recording}: {fired:?}");
        }
    }
    assert_eq!(RECORDINGS.iter().filter(|(_, keys)| keys.is_some()).count(), 4);
}
