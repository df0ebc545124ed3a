//! What people see, compared with files. `UPDATE_SNAPSHOTS=1 cargo test -p inspector-cli --test snapshots` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{env, fs, path::Path};

use common::{on, run_all};

fn compare(name: &str, arguments: &[String], code: i32) {
    let run = run_all(arguments);
    assert_eq!(run.code, code, "{name}: {}", run.err);
    let wide: Vec<&str> = run.out.lines().filter(|line| line.chars().count() > 80).collect();
    // A listing has a line for each exchange, however long its URL is.
    assert!(wide.is_empty() || name.starts_with("exchanges"), "{name} is wider than 80 columns: {wide:?}");
    assert!(!run.out.contains('\u{1b}'), "{name} has colours in a file");
    assert!(run.out.lines().all(|line| line.trim_end() == line), "{name} has blanks at the end of a line");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &run.out).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == run.out, "{name} differs; the output is now:\n{}", run.out);
}

#[test]
fn check() {
    for (scenario, recording, keys, code) in [
        ("handshake-complete", "tls13.pcap", Some("tls13.keys"), 0),
        ("handshake-complete", "recording.har", None, 0),
        ("handshake-complete", "tls13.pcap", None, 3),
        ("basic-sent", "dsb.pcapng", None, 1),
        ("refused-invalid-signature", "h2.pcap", Some("h2.keys"), 1),
        ("discovery-only", "clear.pcap", None, 3),
        ("opaque-bearer", "recording.har", None, 3),
    ] {
        let keyed = if keys.is_some() { "-keys" } else { "" };
        let name = format!("check-{scenario}-{}{keyed}.txt", recording.replace('.', "-"));
        compare(&name, &on("check", scenario, recording, keys, &["--no-found-keys"]), code);
    }
}

#[test]
fn listings() {
    for (command, scenario, recording, keys) in [
        ("tokens", "handshake-complete", "tls12.pcap", Some("tls12.keys")),
        ("timeline", "handshake-complete", "clear.pcap", None),
        ("doctor", "handshake-complete", "tls13.pcap", None),
        ("exchanges", "handshake-complete", "recording.har", None),
    ] {
        let name = format!("{command}-{scenario}.txt");
        compare(&name, &on(command, scenario, recording, keys, &["--no-found-keys"]), 0);
    }
}
