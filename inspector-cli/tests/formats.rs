//! Every scenario in the formats of other tools, written here from its HAR or its capture in clear text: the same outcome,
//! or a weaker one where the format tells less. No format may turn a scenario into a pass that is none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;
#[path = "../../inspector-core/tests/support/written.rs"]
mod written;

use std::{fs, path::PathBuf};

use common::{run, scenarios};
use serde_json::Value;
use written::{
    Packet, burp, charles, charles_xml, curl, etl, exported, flows, hexdump, netlog, netmon, packets, saz, sniffer,
    snoop, text, zap, zip,
};

/// What a format can tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tells {
    /// All that a HAR tells.
    All,
    /// What was sent, but not all that was: a pass is not possible.
    Part,
    /// Not the time, or not the contents that were sent.
    Less,
}

/// Judges each scenario in the form that `write` gives it.
fn check(name: &str, tells: Tells, write: impl Fn(&str) -> Vec<u8>) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("formats-{name}"));
    fs::create_dir_all(&folder).unwrap();
    let expected: Value =
        serde_json::from_str(&fs::read_to_string(scenarios().join("scenarios.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
    for (scenario, expected) in expected.as_object().unwrap() {
        let path = folder.join(scenario);
        fs::write(&path, write(scenario)).unwrap();
        let report = run(&["check", "--format", "json", path.to_str().unwrap()]).json();
        let (outcome, wanted) = (report["outcome"].as_str().unwrap(), expected["outcome"].as_str().unwrap());
        *outcomes.entry(outcome.to_owned()).or_default() += 1;
        let fits = match (tells, wanted) {
            // What was left out can also be what would have turned a failure around.
            (Tells::Part, "pass") => outcome == "inconclusive",
            (Tells::Part, wanted) => outcome == wanted || outcome == "inconclusive",
            (Tells::Less, wanted) => outcome == wanted || outcome == "inconclusive",
            _ => outcome == wanted,
        };
        if !fits {
            wrong.push(format!("{scenario}: {outcome}, not {wanted}: {}", report["reason"]));
        }
        let format = report["inputs"][0]["format"].as_str().unwrap_or_default();
        if format != name {
            wrong.push(format!("{scenario}: read as {format}"));
        }
        if report["coverage"]["exchanges"] != expected["exchanges"] {
            wrong.push(format!("{scenario}: {} exchanges", report["coverage"]["exchanges"]));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    assert!(tells == Tells::Part || outcomes.len() >= 2, "{name}: {outcomes:?}");
}

#[test]
fn fiddler() {
    check("saz", Tells::All, saz);
}

#[test]
fn mitmproxy() {
    check("mitmproxy", Tells::All, flows);
}

#[test]
fn charles_sessions() {
    check("charles-json", Tells::All, |scenario| serde_json::to_vec(&charles(scenario)).unwrap());
    check("charles-xml", Tells::All, charles_xml);
}

#[test]
fn selections() {
    check("burp", Tells::Part, burp);
    check("zap", Tells::Part, zap);
}

#[test]
fn chromium_netlog() {
    check("netlog", Tells::Less, netlog);
}

#[test]
fn curl_trace() {
    check("curl-trace", Tells::Less, curl);
}

#[test]
fn captures_of_other_programs() {
    for (name, write) in [
        ("snoop", snoop as fn(&[Packet]) -> Vec<u8>),
        ("netmon", netmon),
        ("etl", etl),
        ("hexdump", hexdump),
        ("sniffer", sniffer),
    ] {
        check(name, Tells::All, |scenario| write(&packets(scenario)));
    }
}

/// Units that were exported from a capture are a selection.
#[test]
fn exported_units() {
    check("pcap", Tells::Part, |scenario| exported(&packets(scenario)));
}

/// Recorded from real programs: see `fixtures/gen/formats.py`.
#[test]
fn recordings_of_real_programs() {
    let folder = scenarios().join("../formats");
    for (name, format) in [
        ("curl.trace", "curl-trace"),
        ("curl.trace-ascii", "curl-trace"),
        ("curl-v.txt", "http"),
        ("mitmproxy.flows", "mitmproxy"),
    ] {
        let path = folder.join(name);
        let listed = run(&["exchanges", "--format", "ndjson", path.to_str().unwrap()]).out;
        let read: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let wanted = fs::read_to_string(folder.join(format!("{name}.expected.json"))).unwrap();
        let wanted: Vec<Value> = serde_json::from_str(&wanted).unwrap();
        assert_eq!(read.len(), wanted.len(), "{name}");
        for (read, wanted) in read.iter().zip(&wanted) {
            assert_eq!((&read["method"], &read["status"]), (&wanted["method"], &wanted["status"]), "{name}");
            assert!(text(read, "/url").ends_with(text(wanted, "/target")), "{name}: {}", read["url"]);
        }
        let report = run(&["check", "--format", "json", path.to_str().unwrap()]).json();
        assert_eq!(report["inputs"][0]["format"], format);
        // The token that was sent is unsigned.
        assert_eq!(report["outcome"], "fail", "{name}: {}", report["reason"]);
    }
}

#[test]
fn members_of_an_archive_are_inputs_and_its_keys_open_them() {
    let folder = scenarios().join("handshake-complete");
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    let inner = zip(&[("recording.har".to_owned(), read("recording.har"))]);
    let members = [
        ("traces/tls13.pcap".to_owned(), read("tls13.pcap")),
        ("keys.log".to_owned(), read("tls13.keys")),
        ("more.zip".to_owned(), inner),
        ("case.saz".to_owned(), saz("handshake-complete")),
        ("notes.txt".to_owned(), b"what happened".to_vec()),
        ("__MACOSX/._x".to_owned(), b"\0\x05\x16\x07".to_vec()),
    ];
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("case.zip");
    fs::write(&path, zip(&members)).unwrap();
    let path = path.to_str().unwrap();
    let report = run(&["check", "--format", "json", path]).json();
    let inputs: Vec<_> = report["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| (input["path"].as_str().unwrap().strip_prefix(path).unwrap(), input["format"].as_str().unwrap()))
        .collect();
    assert_eq!(inputs, [("!traces/tls13.pcap", "pcap"), ("!more.zip!recording.har", "har"), ("!case.saz", "saz")]);
    assert_eq!(
        (report["outcome"].as_str(), report["coverage"]["tls_decrypted"].as_u64() > Some(0)),
        (Some("pass"), true)
    );
    // So may what only its name says is macOS's own, and an archive too deep in others.
    let har = || ("a.har".to_owned(), read("recording.har"));
    let outcome = |members: &[(String, Vec<u8>)]| {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("members.zip");
        fs::write(&place, zip(members)).unwrap();
        run(&["check", "--format", "json", place.to_str().unwrap()]).json()["outcome"].as_str().unwrap().to_owned()
    };
    let basic = fs::read(scenarios().join("basic-sent/recording.har")).unwrap();
    assert_eq!(outcome(&[har()]), "pass");
    assert_eq!(outcome(&[har(), ("__MACOSX/._a".to_owned(), b"\0\x05\x16\x07\0".to_vec())]), "pass");
    assert_eq!(outcome(&[har(), ("__MACOSX/b.har".to_owned(), basic.clone())]), "fail");
    let deep = zip(&[("deeper.zip".to_owned(), zip(&[("b.har".to_owned(), basic)]))]);
    assert_eq!(outcome(&[har(), ("deep.zip".to_owned(), deep)]), "inconclusive");
    // Names of members are not the user's own, and are shown as other texts of a recording.
    let token = "eyJhbGciOiJub25lIn0.eyJhdWQiOiJub2JvZHkifQ.c2lnbmF0dXJlLW9mLW5vYm9keQ";
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("names.zip");
    let named = |name: String| {
        [har(), (format!("{name}.har"), read("recording.har")), (format!("{name}.saz"), b"PK\x03\x04".to_vec())]
    };
    fs::write(&place, zip(&named(format!("page?access_token={token}")))).unwrap();
    for command in ["check", "exchanges", "tokens", "timeline", "doctor"] {
        let run = run(&[command, place.to_str().unwrap()]);
        assert!(!format!("{}{}", run.out, run.err).contains("eyJhdWQiOiJub2JvZHkifQ"), "{command}");
    }
    // A member that wants a password may hold anything.
    let mut locked = zip(&[members[0].clone(), ("a.har".to_owned(), read("recording.har"))]);
    let at = locked.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    locked[at + 8] |= 1;
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("locked.zip");
    fs::write(&place, locked).unwrap();
    let report = run(&["check", "--format", "json", place.to_str().unwrap()]).json();
    assert_eq!(report["outcome"], "inconclusive");
}
