//! Real clients and servers, recorded (`fixtures/live`): every exchange is found, and what cannot be read is explained.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use support::{Pcap, fixture, inspector, ndjson, without_random, work_file};

/// What the recording lacks, so that fewer exchanges are found than were made. The tests below say what is found.
const INCOMPLETE: [&str; 6] =
    ["dropped-packets", "dropped-packets-tls", "h3-dropped-packets", "handshake-cut", "snap-length", "truncated"];

fn recording(name: &str) -> PathBuf {
    let folder = fixture("live").join(name);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let is_recording = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("recording.") && name != "recording.keys"
    };
    files.map(|file| file.unwrap().path()).find(is_recording).unwrap()
}

/// The keys that belong to a recording: its log, else the server's private key.
fn keys(name: &str) -> Option<PathBuf> {
    let folder = fixture("live").join(name);
    ["recording.keys", "server.pem"].map(|file| folder.join(file)).into_iter().find(|path| path.exists())
}

fn run(command: &str, recording: &Path, keys: Option<&Path>) -> Vec<Value> {
    let mut arguments = vec![command.as_ref(), recording.as_os_str(), "--format".as_ref(), "ndjson".as_ref()];
    if let Some(keys) = keys {
        arguments.extend(["--keys".as_ref(), keys.as_os_str()]);
    } else {
        // The key logs lie beside the recordings.
        arguments.push("--no-found-keys".as_ref());
    }
    // Targets as they were sent, to be compared with the server's log.
    if command == "exchanges" {
        arguments.push("--show-secrets".as_ref());
    }
    ndjson(&arguments)
}

/// What identifies an exchange: method, target, status, protocol and version of TLS.
fn essence(exchange: &Value) -> String {
    ["method", "target", "status", "protocol", "tls"].map(|name| exchange[name].to_string()).join(" ")
}

fn expected(name: &str) -> Vec<String> {
    let text = fs::read_to_string(fixture("live").join(name).join("expected.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let exchanges = document["exchanges"].as_array().unwrap();
    assert!(!exchanges.is_empty(), "{name} expects nothing");
    exchanges
        .iter()
        .map(|exchange| {
            let mut exchange = exchange.clone();
            // A HAR has URLs, and says nothing of TLS.
            if name == "browser-har" {
                exchange["target"] = format!("https://localhost:8443{}", exchange["target"].as_str().unwrap()).into();
                exchange["tls"] = Value::Null;
            }
            essence(&exchange)
        })
        .collect()
}

fn names() -> Vec<String> {
    let folders = fs::read_dir(fixture("live")).unwrap();
    let mut names: Vec<String> =
        folders.map(|folder| folder.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn every_exchange_is_found() {
    let names = names();
    assert!(names.len() >= 25, "recordings are missing: {names:?}");
    let mut wrong = Vec::new();
    for name in names.iter().filter(|name| !INCOMPLETE.contains(&name.as_str())) {
        let mut found: Vec<String> =
            run("exchanges", &recording(name), keys(name).as_deref()).iter().map(essence).collect();
        let mut expected = expected(name);
        found.sort();
        expected.sort();
        if found != expected {
            wrong.push(format!("{name}\n  found    {found:#?}\n  expected {expected:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_connection_with_keys_is_decrypted() {
    for name in names().iter().filter(|name| !INCOMPLETE.contains(&name.as_str())) {
        for row in run("doctor", &recording(name), keys(name).as_deref()) {
            let has_exchanges = row["exchanges"].as_u64().unwrap() > 0;
            assert_eq!(row["reason"], if has_exchanges { Value::Null } else { "empty".into() }, "{name}: {row}");
            assert!(row["tls"].is_null() || row["decrypted"] == true, "{name}: {row}");
        }
    }
}

#[test]
fn incomplete_recordings_give_what_they_have_and_say_what_they_lack() {
    for name in INCOMPLETE {
        let expected = expected(name);
        let found = run("exchanges", &recording(name), keys(name).as_deref());
        assert!(!found.is_empty(), "{name}");
        // Behind a hole a response may stand by itself: which request it answers is not known then.
        let paired = |exchange: &&Value| !exchange["status"].is_null() && !exchange["method"].is_null();
        for exchange in found.iter().filter(paired) {
            assert!(expected.contains(&essence(exchange)), "{name}: {exchange}");
        }
        let report = report(&recording(name), keys(name).as_deref());
        assert_ne!(report["outcome"], "pass", "{name}");
    }
}

fn report(recording: &Path, keys: Option<&Path>) -> Value {
    let mut arguments = vec!["check".as_ref(), recording.as_os_str(), "--format".as_ref(), "json".as_ref()];
    if let Some(keys) = keys {
        arguments.extend(["--keys".as_ref(), keys.as_os_str()]);
    }
    serde_json::from_slice(&inspector(&arguments).stdout).unwrap()
}

#[test]
fn what_was_lost_is_counted() {
    let count = |name: &str, figure: &str| {
        report(&recording(name), keys(name).as_deref())["coverage"][figure].as_u64().unwrap()
    };
    for (name, figure) in [
        ("dropped-packets", "gaps"),
        ("h3-dropped-packets", "gaps"),
        ("dropped-packets", "bytes_missing"),
        ("dropped-packets-tls", "gaps"),
        ("snap-length", "bytes_missing"),
        ("truncated", "bytes_missing"),
        ("truncated", "bodies_cut"),
    ] {
        assert!(count(name, figure) > 0, "{name} {figure}");
    }
    for name in ["http1-clear", "http1-small-mtu", "tls13-small-mtu", "reordered", "duplicated", "nanoseconds"] {
        for figure in ["gaps", "bytes_missing", "bodies_cut", "packets_skipped", "exchanges_without_response"] {
            assert_eq!(count(name, figure), 0, "{name} {figure}");
        }
    }
    assert!(count("duplicated", "duplicates") > 0);
}

#[test]
fn a_web_socket_message_shows_its_token() {
    for name in ["websocket", "websocket-deflate"] {
        let tokens = run("tokens", &recording(name), None);
        assert_eq!(tokens.len(), 1, "{name}: {tokens:?}");
        assert_eq!(tokens[0]["claims"]["sub"], "socket", "{name}");
    }
}

#[test]
fn no_secret_is_printed() {
    for name in names() {
        for command in ["exchanges", "tokens", "check", "doctor", "timeline"] {
            let (path, keys) = (recording(&name), keys(&name));
            let mut arguments = vec![command.as_ref(), path.as_os_str()];
            if let Some(keys) = &keys {
                arguments.extend(["--keys".as_ref(), keys.as_os_str()]);
            }
            let output = inspector(&arguments);
            let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
            // Of `alice:wonderland` and `proxyuser:proxypass`, and the form's client secret.
            for secret in ["wonderland", "YWxpY2U6d29uZGVybGFuZA", "proxypass", "cHJveHl1c2VyOnByb3h5cGFzcw", "s3cret"]
            {
                assert!(!text.contains(secret), "{name} {command} prints {secret}");
            }
        }
    }
}

/// Each reason the doctor gives, once per connection that carried application data.
fn reasons(recording: &Path, keys: Option<&Path>) -> Vec<String> {
    let mut reasons: Vec<String> = run("doctor", recording, keys)
        .iter()
        .filter(|row| row["reason"] != "empty")
        .map(|row| {
            let reason = row["reason"].as_str();
            assert!(reason.is_none() || row["detail"].is_string() && row["remedy"].is_string(), "{row}");
            reason.unwrap_or("read").to_owned()
        })
        .collect();
    reasons.sort();
    reasons.dedup();
    reasons
}

fn log(name: &str) -> String {
    fs::read_to_string(keys(name).unwrap()).unwrap()
}

#[test]
fn the_doctor_says_why_keys_open_nothing() {
    let key = |name: &str| fixture("live").join(name).join("server.pem");
    let written = |name: &str, text: String| work_file(name, text.as_bytes());
    let master_secrets: String = log("tls13-http1")
        .lines()
        .filter_map(|line| line.strip_prefix("CLIENT_TRAFFIC_SECRET_0 "))
        .map(|rest| format!("CLIENT_RANDOM {}\n", &rest[..64 + 1 + 96]))
        .collect();
    let traffic_secrets: String = log("tls12-ecdhe-h2")
        .lines()
        .filter_map(|line| line.strip_prefix("CLIENT_RANDOM "))
        .flat_map(|rest| ["CLIENT", "SERVER"].map(|side| format!("{side}_TRAFFIC_SECRET_0 {}\n", &rest[..64 + 1 + 64])))
        .collect();
    let handshake_only: String = log("tls13-http1")
        .lines()
        .filter(|line| line.contains("HANDSHAKE_TRAFFIC_SECRET"))
        .map(|line| format!("{line}\n"))
        .collect();
    let flip = |line: &str| {
        let last = if line.ends_with('0') { "1" } else { "0" };
        format!("{}{last}\n", &line[..line.len() - 1])
    };
    let flipped_12: String = log("tls12-ecdhe-h2").lines().map(flip).collect();
    let flipped_13: String = log("tls13-http1").lines().map(flip).collect();
    let cases = [
        ("tls13-http1", None, "no-key"),
        ("tls12-ecdhe-h2", None, "no-key"),
        ("tls12-rsa", None, "no-key"),
        ("tls13-http1", keys("tls13-h2"), "no-key"),
        ("tls12-ecdhe-h2", keys("tls13-h2"), "no-key"),
        ("tls13-http1", Some(written("master.keys", master_secrets)), "wrong-key-kind"),
        ("tls12-ecdhe-h2", Some(written("traffic.keys", traffic_secrets)), "wrong-key-kind"),
        ("tls13-http1", Some(written("handshake.keys", handshake_only)), "key-incomplete"),
        ("tls12-ecdhe-h2", Some(key("tls12-ecdhe-h2")), "forward-secrecy"),
        ("tls13-http1", Some(key("tls13-h2")), "forward-secrecy"),
        ("tls12-rsa", Some(fixture("tls/other.pem")), "private-key-mismatch"),
        ("tls12-ecdhe-h2", Some(written("flipped-12.keys", flipped_12)), "not-authentic"),
        ("tls13-http1", Some(written("flipped-13.keys", flipped_13)), "not-authentic"),
    ];
    let mut wrong = Vec::new();
    for (name, keys, reason) in cases {
        let given = reasons(&recording(name), keys.as_deref());
        if given != [reason] {
            wrong.push(format!("{name} with {keys:?}: {given:?} is not {reason}"));
        }
        assert!(run("exchanges", &recording(name), keys.as_deref()).is_empty(), "{name} {reason}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_doctor_says_what_the_recording_lacks() {
    let rsa = Pcap::read(&recording("tls12-rsa-resumed"));
    let resumed = work_file("resumed.pcap", &rsa.keep(|packet| packet.connection == 1));
    assert_eq!(reasons(&resumed, keys("tls12-rsa-resumed").as_deref()), ["resumption-unknown"]);

    // Without the first flights the randoms are unknown; the rest of each connection is application data.
    for name in ["tls13-http1", "tls12-ecdhe-h2", "tls12-rsa"] {
        let all = Pcap::read(&recording(name));
        let late = work_file(&format!("late-{name}.pcap"), &all.keep(|packet| packet.in_connection >= 10));
        assert_eq!(reasons(&late, keys(name).as_deref()), ["handshake-missing"], "{name}");
    }
    assert_eq!(
        reasons(&recording("handshake-cut"), keys("handshake-cut").as_deref()),
        ["handshake-missing", "read"],
        "the first connection's first flight was cut"
    );
}

/// What is dark must never look like another protocol, which hides no request.
#[test]
fn a_tls_connection_is_told_wherever_the_recording_begins() {
    for name in ["tls13-small-mtu", "tls12-resumed"] {
        let pcap = Pcap::read(&recording(name));
        for first in 0..pcap.packets.len() {
            let rest = &pcap.packets[first..];
            for row in run("doctor", &work_file("begins.pcap", &pcap.with(rest)), None) {
                // Connections are numbered as they come.
                let mut order: Vec<usize> = rest.iter().map(|packet| packet.connection).collect();
                order.dedup();
                let number = order[row["connection"].as_u64().unwrap() as usize - 1];
                let own = rest.iter().filter(|packet| packet.connection == number);
                let bytes: usize = own.map(support::Packet::payload_length).sum();
                let is_dark = ["no-key", "handshake-missing"].iter().any(|reason| row["reason"] == *reason);
                let is_empty = row["reason"] == "empty" && bytes == 0;
                assert!(is_dark || is_empty, "{name} from packet {}: {row}", first + 1);
            }
        }
    }
}

#[test]
fn one_connection_without_its_key_is_told_from_the_others() {
    let name = "tls13-http1";
    let log = log(name);
    let random = log.split_whitespace().nth(1).unwrap();
    let less = work_file("less.keys", without_random(&log, random).as_bytes());
    assert_eq!(reasons(&recording(name), Some(&less)), ["no-key", "read"]);
    let found = run("exchanges", &recording(name), Some(&less)).len();
    assert!(found > 0 && found < expected(name).len(), "{found}");
}

/// A pipe that is written as a recorder writes it: the recording's file header, then its packets one by one.
struct Recorder {
    child: std::process::Child,
    input: Option<std::process::ChildStdin>,
    header: Vec<u8>,
    packets: Vec<Vec<u8>>,
}

impl Recorder {
    fn new(name: &str, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Self {
        let bytes = fs::read(recording(name)).unwrap();
        let (header, mut rest) = bytes.split_at(24);
        let mut packets = Vec::new();
        while rest.len() >= 16 {
            let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
            let (packet, more) = rest.split_at(16 + length);
            packets.push(packet.to_vec());
            rest = more;
        }
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_inspector"))
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        Self { child, input, header: header.to_vec(), packets }
    }

    fn write(&mut self, bytes: &[u8]) {
        use std::io::Write as _;
        let input = self.input.as_mut().unwrap();
        input.write_all(bytes).unwrap();
        input.flush().unwrap();
    }

    fn write_all(&mut self) {
        self.write(&self.header.clone());
        for packet in self.packets.clone() {
            self.write(&packet);
        }
    }

    /// What it printed, and its exit code; the pipe stays open unless it was closed.
    fn end(mut self) -> (String, i32) {
        use std::io::Read as _;
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        (text, self.child.wait().unwrap().code().unwrap_or(-1))
    }
}

fn generic(keys: &Path) -> Vec<std::ffi::OsString> {
    let words = ["check", "-", "--profile", "generic", "--format", "json", "--keys"];
    words.iter().map(std::ffi::OsString::from).chain([keys.as_os_str().to_owned()]).collect()
}

#[test]
fn a_key_log_that_grows_opens_a_live_pipe() {
    for name in ["tls13-http1", "tls13-h2", "tls12-ecdhe-h2"] {
        let log = work_file(&format!("grows-{name}.keys"), b"");
        let mut recorder = Recorder::new(name, &generic(&log));
        // The recorder is ahead of the client's log.
        recorder.write_all();
        fs::write(&log, fs::read(keys(name).unwrap()).unwrap()).unwrap();
        recorder.input = None;
        let (text, _) = recorder.end();
        let document: Value = serde_json::from_str(&text).unwrap();
        let coverage = &document["coverage"];
        assert_eq!(coverage["tls_decrypted"], coverage["tls_connections"], "{name}: {coverage}");
        assert_eq!(coverage["exchanges"].as_u64().unwrap() as usize, expected(name).len(), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn a_signal_ends_a_live_pipe_with_its_report() {
    for signal in ["INT", "TERM"] {
        let mut recorder = Recorder::new("http1-clear", &generic(&keys("tls13-http1").unwrap()));
        recorder.write_all();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        let id = recorder.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let (text, code) = recorder.end();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["coverage"]["exchanges"].as_u64().unwrap() as usize, expected("http1-clear").len());
        assert_eq!(document["exit_code"], code, "{signal}");
    }
}

#[test]
fn a_live_pipe_ends_after_its_time_or_with_the_verdict() {
    let mut recorder =
        Recorder::new("http1-clear", &["check", "-", "--profile", "generic", "--format", "json", "--for", "1s"]);
    recorder.write_all();
    let open = recorder.input.take();
    let (text, _) = recorder.end();
    assert!(serde_json::from_str::<Value>(&text).unwrap()["coverage"]["exchanges"].as_u64().unwrap() > 0);
    drop(open);

    let bytes = fs::read(fixture("scenarios/basic-sent/clear.pcap")).unwrap();
    let mut recorder = Recorder::new("http1-clear", &["check", "-", "--format", "json", "--until-verdict"]);
    recorder.write(&bytes);
    let open = recorder.input.take();
    let (text, code) = recorder.end();
    assert_eq!((code, &serde_json::from_str::<Value>(&text).unwrap()["outcome"]), (1, &Value::from("fail")));
    drop(open);
}

#[test]
fn listings_of_a_live_pipe_print_as_they_come() {
    use std::io::{BufRead as _, BufReader};
    for arguments in [&["exchanges", "--format", "ndjson", "-"][..], &["timeline", "--all", "-"]] {
        let mut recorder = Recorder::new("http1-clear", arguments);
        let mut lines = BufReader::new(recorder.child.stdout.take().unwrap()).lines();
        recorder.write_all();
        // The pipe is still open.
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("8080") || first.contains("localhost") || first.contains("127.0.0.1"), "{first}");
        recorder.input = None;
        assert!(lines.count() > 0);
        recorder.child.wait().unwrap();
    }
}
