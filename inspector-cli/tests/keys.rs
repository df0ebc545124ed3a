//! The secrets of recordings: told apart, taken out, put back, and kept for one connection only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{fs, process::Command};

use common::{folder, ran, scenarios};

const SCENARIO: &str = "handshake-complete";

#[test]
fn an_audit_tells_opened_unused_and_missing() {
    let capture = format!("{SCENARIO}/tls13.pcap");
    let keys = format!("{SCENARIO}/tls13.keys");
    let all = ran(0, &["keys", "audit", &capture, "--keys", &keys, "--format", "json"]).json();
    let connections = all["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2);
    for one in connections {
        assert_eq!((one["opened"].as_bool(), one["reason"].is_null()), (Some(true), true));
        assert_eq!(one["client_random"].as_str().unwrap().len(), 64);
    }
    assert_eq!(connections[0]["sni"], "mail.contoso.com");
    let source = &all["keys"][0];
    assert_eq!(
        (source["secrets"].as_u64(), source["opened"].as_u64(), source["unused"].as_u64()),
        (Some(10), Some(2), Some(0))
    );
    // Another version's keys open nothing.
    let other = format!("{SCENARIO}/tls12.keys");
    let none = ran(0, &["keys", "audit", &capture, "--keys", &other, "--format", "json"]).json();
    assert!(
        none["connections"].as_array().unwrap().iter().all(|one| one["opened"] == false && one["reason"] == "no-key")
    );
    assert_eq!(none["keys"][0]["secrets"], none["keys"][0]["unused"]);
    let shown = ran(0, &["keys", "audit", &capture, "--no-found-keys"]).out;
    assert!(shown.contains("0 TLS connections opened, 2 not") && shown.contains("no keys were given"), "{shown}");
    // No secret is shown.
    let log = fs::read_to_string(scenarios().join(&keys)).unwrap();
    let secrets: Vec<&str> =
        log.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(2)).collect();
    let text = ran(0, &["keys", "audit", &capture, "--keys", &keys]).out + &all.to_string();
    assert!(secrets.len() == 10 && secrets.iter().all(|secret| !text.contains(secret)));
}

#[test]
fn what_is_taken_out_goes_back_byte_by_byte() {
    let folder = folder("round");
    let at = |name: &str| folder.join(name).display().to_string();
    let capture = format!("{SCENARIO}/dsb.pcapng");
    ran(0, &["keys", "extract", &capture, "-o", &at("all.keys")]);
    ran(0, &["keys", "strip", &capture, "-o", &at("bare.pcapng")]);
    ran(3, &["check", "-q", "--no-found-keys", &at("bare.pcapng")]);
    ran(0, &["check", "-q", "--keys", &at("all.keys"), &at("bare.pcapng")]);
    ran(4, &["keys", "extract", &at("bare.pcapng"), "-o", &at("none.keys")]);
    ran(0, &["keys", "inject", &at("bare.pcapng"), "--keys", &at("all.keys"), "-o", &at("again.pcapng")]);
    assert_eq!(fs::read(folder.join("again.pcapng")).unwrap(), fs::read(scenarios().join(&capture)).unwrap());
    // Only what has a place for keys; and a private key has none.
    ran(4, &["keys", "strip", &format!("{SCENARIO}/tls13.pcap"), "-o", &at("x")]);
    ran(4, &["keys", "inject", &format!("{SCENARIO}/recording.har"), "--keys", &at("all.keys"), "-o", &at("x")]);
    ran(2, &["keys", "inject", &at("bare.pcapng"), "--keys", &format!("{SCENARIO}/recording.har"), "-o", &at("x")]);
    ran(2, &["keys", "strip", &at("bare.pcapng"), "-o", &at("bare.pcapng")]);
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "nothing is left of what failed: {names:?}");
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn one_session_can_be_shared_without_the_others() {
    let folder = folder("minimise");
    let at = |name: &str| folder.join(name).display().to_string();
    let capture = format!("{SCENARIO}/dsb.pcapng");
    ran(0, &["keys", "minimise", &capture, "--host", "mail.contoso.com", "-o", &at("one.pcapng")]);
    ran(
        0,
        &[
            "keys",
            "minimize",
            &format!("{SCENARIO}/tls13.pcap"),
            "--keys",
            &format!("{SCENARIO}/tls13.keys"),
            "--host",
            "mail.contoso.com",
            "-o",
            &at("one.keys"),
        ],
    );
    ran(0, &["keys", "minimise", &capture, "--log", "--host", "mail.contoso.com", "-o", &at("two.keys")]);
    assert_eq!(fs::read(folder.join("one.keys")).unwrap(), fs::read(folder.join("two.keys")).unwrap());
    let audit = ran(0, &["keys", "audit", &at("one.pcapng"), "--format", "json"]).json();
    let opened: Vec<(&str, bool)> = audit["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["sni"].as_str().unwrap(), one["opened"].as_bool().unwrap()))
        .collect();
    assert_eq!(opened, [("mail.contoso.com", true), ("accounts.accesscontrol.windows.net", false)]);
    // By the bytes: of the other session no secret is left.
    let log = fs::read_to_string(scenarios().join(format!("{SCENARIO}/tls13.keys"))).unwrap();
    let mine = fs::read_to_string(folder.join("one.keys")).unwrap();
    let bytes = fs::read(folder.join("one.pcapng")).unwrap();
    for line in log.lines().filter(|line| !line.starts_with('#')) {
        let secret = line.split(' ').nth(2).unwrap().as_bytes();
        let there = bytes.windows(secret.len()).any(|window| window == secret);
        assert_eq!(there, mine.contains(line), "{line}");
    }
    ran(1, &["keys", "minimise", &capture, "--host", "nobody.example", "-o", &at("none.pcapng")]);
    ran(2, &["keys", "minimise", &capture]);
    assert!(!folder.join("none.pcapng").exists());
    // Wireshark reads the same, where there is one.
    if let Ok(output) = Command::new("tshark")
        .args([
            "-r",
            &at("one.pcapng"),
            "-Y",
            "http",
            "-T",
            "fields",
            "-e",
            "tls.handshake.extensions_server_name",
            "-e",
            "http.host",
        ])
        .output()
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("mail.contoso.com") && !text.contains("accesscontrol"), "{text}");
    }
    let _ = fs::remove_dir_all(&folder);
}
