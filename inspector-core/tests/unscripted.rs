//! Rules that no transcript can show: what a capture lacks, hides or damages, and the limits of this program. Each speaks
//! and stays quiet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::support;

use std::{fs, path::PathBuf};

use inspector_core::{Judge, engine::Options, finding::Severity, limits::Limits, report::Report};
use serde_json::json;
use support::{blocks, call, capture::Capture, codes, entry, good, har, has, judge, ok, passes, policy, severity};

fn bearer() -> Vec<u8> {
    call(&format!("Bearer {}", good()))
}

/// A capture that passes, changed by what follows on its connection.
fn recorded(add: impl FnOnce(&mut Capture)) -> Vec<u8> {
    let mut capture = Capture::new();
    let mut connection = capture.connect();
    connection.exchange(&mut capture, &bearer(), &ok());
    connection.close(&mut capture);
    add(&mut capture);
    capture.bytes()
}

fn with_limits(change: impl FnOnce(&mut Limits), recording: &[u8]) -> Report {
    let mut limits = Limits::default();
    change(&mut limits);
    let mut judge = Judge::new(policy()).with_options(Options { limits, ..Options::default() });
    judge.recording("limited", &mut &*recording).unwrap()
}

#[test]
fn cov_001_an_encrypted_connection_without_its_key() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios/handshake-cached");
    let capture = fs::read(folder.join("tls13.pcap")).unwrap();
    let dark = judge("tls13.pcap", &capture);
    assert!(blocks(&dark, "COV-001") && severity(&dark, "COV-001") == Some(Severity::Info), "{:?}", codes(&dark));
    let mut judge = Judge::new(policy());
    judge.add_keys(&fs::read(folder.join("tls13.keys")).unwrap()).unwrap();
    let read = judge.recording("tls13.pcap", &mut capture.as_slice()).unwrap();
    assert!(!has(&read, "COV-001") && passes(&read), "{:?}", codes(&read));
}

#[test]
fn cov_002_a_hole_in_a_stream() {
    let holed = recorded(|capture| {
        let mut connection = capture.connect();
        let (request, half) = (bearer(), 700);
        connection.send(capture, true, &request[..half]);
        connection.lose(true, 100);
        connection.send(capture, true, &request[half + 100..]);
        connection.send(capture, false, &ok());
        connection.close(capture);
    });
    let report = judge("holed.pcap", &holed);
    assert!(blocks(&report, "COV-002") && !passes(&report), "{:?}", codes(&report));
    // An archive in which nothing is known of a request's header section.
    let mut headless = entry(None);
    headless["request"]["headers"] = json!([]);
    assert!(blocks(&judge("headless.har", &har(&[entry(Some(&format!("Bearer {}", good()))), headless])), "COV-002"));
    let whole = judge("whole.pcap", &recorded(|_| {}));
    assert!(!has(&whole, "COV-002") && passes(&whole), "{:?}", codes(&whole));
}

#[test]
fn cov_003_a_content_that_is_not_whole() {
    let mut cut = entry(Some(&format!("Bearer {}", good())));
    cut["response"]["content"] = json!({"size": 5000, "mimeType": "text/xml"});
    let report = judge("cut.har", &har(&[cut]));
    assert!(
        blocks(&report, "COV-003") && severity(&report, "COV-003") == Some(Severity::Medium),
        "{:?}",
        codes(&report)
    );
    // Of a picture nothing of interest is missing.
    let mut picture = entry(None);
    picture["request"]["method"] = json!("GET");
    picture["request"]["url"] = json!("https://mail.contoso.com/logo.png");
    picture["response"]["content"] = json!({"size": 5000, "mimeType": "image/png"});
    let report = judge("picture.har", &har(&[entry(Some(&format!("Bearer {}", good()))), picture]));
    assert!(passes(&report) && !blocks(&report, "COV-003"), "{:?}", codes(&report));
}

#[test]
fn cov_009_a_limit_of_this_program() {
    let recording = recorded(|_| {});
    let reached = with_limits(|limits| limits.token = 64, &recording);
    assert!(has(&reached, "COV-009") && !passes(&reached), "{:?}", codes(&reached));
    let unreached = with_limits(|_| {}, &recording);
    assert!(!has(&unreached, "COV-009") && passes(&unreached), "{:?}", codes(&unreached));
}

#[test]
fn cov_010_damage() {
    let whole = recorded(|_| {});
    let report = judge("tail.pcap", &whole[..whole.len() - 20]);
    assert!(
        has(&report, "COV-010") && blocks(&report, "COV-010") && !passes(&report),
        "the packet that the file ends in is cut: {:?}",
        codes(&report)
    );
    let broken = har(&[entry(Some(&format!("Bearer {}", good()))), json!("no entry")]);
    assert!(blocks(&judge("broken.har", &broken), "COV-010"), "an entry in the middle does");
    assert!(!has(&judge("whole.pcap", &whole), "COV-010"));
}

#[test]
fn cov_011_packets_of_protocols_that_are_not_read() {
    let hidden = recorded(|capture| capture.packet(50, &[7; 60]));
    let report = judge("esp.pcap", &hidden);
    assert_eq!(severity(&report, "COV-011"), Some(Severity::Medium), "{:?}", codes(&report));
    // A protocol that carries no TCP is complete.
    let icmp = judge("icmp.pcap", &recorded(|capture| capture.packet(1, &[7; 60])));
    assert!(!has(&icmp, "COV-011") && passes(&icmp), "{:?}", codes(&icmp));
}
