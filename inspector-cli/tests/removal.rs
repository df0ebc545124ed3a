//! Evidence that is taken away never leaves a pass.
//!
//! From each recording that passes, one piece after the other is removed. What remains has to be inconclusive or fail:
//! any piece that is gone may have been a password or a refusal.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::{Value, json};
use support::{Pcap, fixture, inspector, ndjson, without_random, work_file};

/// The scenarios that pass, by `scenarios.json`.
fn passing() -> Vec<String> {
    let text = fs::read_to_string(fixture("scenarios/scenarios.json")).unwrap();
    let scenarios: Value = serde_json::from_str(&text).unwrap();
    let passing: Vec<String> = scenarios
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, expected)| expected["outcome"] == "pass")
        .map(|(name, _)| name.clone())
        .collect();
    assert!(passing.len() >= 10, "{passing:?}");
    passing
}

fn passes(recording: &Path, keys: Option<&Path>) -> bool {
    let mut arguments = vec!["check".as_ref(), recording.as_os_str(), "--quiet".as_ref()];
    if let Some(keys) = keys {
        arguments.extend(["--keys".as_ref(), keys.as_os_str()]);
    }
    inspector(&arguments).status.code() == Some(0)
}

/// A recording from which something was taken, and what.
struct Variant {
    what: String,
    bytes: Vec<u8>,
}

/// The scenario whose first exchange is another host's: what is missing of it concerns nobody.
const OUT_OF_SCOPE: &str = "identity-token-is-not-s2s";

/// Checks all variants of one recording; gives those that pass.
fn wrong_passes(name: &str, kind: &str, variants: Vec<Variant>, keys: Option<&Path>) -> Vec<String> {
    assert!(!variants.is_empty(), "{name} {kind}: nothing was removed");
    let file = |index: usize| format!("removal-{name}-{index}-{kind}");
    let concerns =
        |what: &str| name != OUT_OF_SCOPE || !(what.starts_with("entry 0") || what.starts_with("connection 0"));
    variants
        .into_iter()
        .filter(|variant| concerns(&variant.what))
        .enumerate()
        .filter_map(|(index, variant)| {
            let path = work_file(&file(index), &variant.bytes);
            let wrong = passes(&path, keys).then(|| format!("{name}/{kind}: {}", variant.what));
            fs::remove_file(path).unwrap();
            wrong
        })
        .collect()
}

/// Runs `check` for all passing scenarios on two threads.
fn over_all(check: impl Fn(&str, PathBuf) -> Vec<String> + Sync) {
    let names = passing();
    let (first, second) = names.split_at(names.len() / 2);
    let some = |names: &[String]| -> Vec<String> {
        names.iter().flat_map(|name| check(name, fixture("scenarios").join(name))).collect()
    };
    let wrong = thread::scope(|scope| {
        let other = scope.spawn(|| some(second));
        let mut wrong = some(first);
        wrong.extend(other.join().unwrap());
        wrong
    });
    assert!(wrong.is_empty(), "{} wrong passes:\n{}", wrong.len(), wrong.join("\n"));
}

/// Every packet with payload dropped, or its payload cut in half; each side of each connection gone.
fn packet_variants(pcap: &Pcap) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (index, packet) in pcap.packets.iter().enumerate().filter(|(_, packet)| packet.payload_length() > 0) {
        let frame = index + 1;
        variants.push(Variant { what: format!("packet {frame} dropped"), bytes: pcap.without(index) });
        let half = packet.cut(packet.payload_length() / 2);
        variants.push(Variant { what: format!("packet {frame} cut"), bytes: pcap.replaced(index, &half) });
    }
    let connections = pcap.packets.iter().map(|packet| packet.connection).max().unwrap() + 1;
    for connection in 0..connections {
        for client in [false, true] {
            let gone = |packet: &support::Packet| packet.connection == connection && packet.from_client == client;
            let side = if client { "client" } else { "server" };
            let what = format!("connection {connection} without its {side}'s packets");
            variants.push(Variant { what, bytes: pcap.keep(|packet| !gone(packet)) });
        }
    }
    variants
}

#[test]
fn no_packet_can_be_lost_from_clear_text() {
    over_all(|name, folder| {
        let path = folder.join("clear.pcap");
        assert!(passes(&path, None), "{name} passes");
        wrong_passes(name, "clear.pcap", packet_variants(&Pcap::read(&path)), None)
    });
}

#[test]
fn no_packet_can_be_lost_from_tls() {
    let mut wrong = Vec::new();
    for name in ["handshake-complete", "handshake-cached"] {
        for version in ["tls12", "tls13", "h2"] {
            let folder = fixture("scenarios").join(name);
            let (path, keys) = (folder.join(format!("{version}.pcap")), folder.join(format!("{version}.keys")));
            assert!(passes(&path, Some(&keys)), "{name} {version} passes");
            wrong.extend(wrong_passes(name, version, packet_variants(&Pcap::read(&path)), Some(&keys)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong passes:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_response_can_be_cut_off_at_the_end() {
    over_all(|name, folder| {
        let pcap = Pcap::read(&folder.join("clear.pcap"));
        // The recording ends after a request, before its response.
        let variants = pcap
            .packets
            .iter()
            .enumerate()
            .filter(|(_, packet)| packet.from_client && packet.payload().starts_with(b"POST "))
            .map(|(index, _)| Variant {
                what: format!("ends after packet {}", index + 1),
                bytes: pcap.with(&pcap.packets[..=index]),
            })
            .collect();
        wrong_passes(name, "end.pcap", variants, None)
    });
}

#[test]
fn no_connection_can_lose_its_key() {
    over_all(|name, folder| {
        let mut wrong = Vec::new();
        for version in ["tls12", "tls13", "h2"] {
            let path = folder.join(format!("{version}.pcap"));
            let log = fs::read_to_string(folder.join(format!("{version}.keys"))).unwrap();
            let mut randoms: Vec<&str> =
                log.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(1)).collect();
            randoms.sort_unstable();
            randoms.dedup();
            assert!(!randoms.is_empty(), "{name} {version}");
            for random in randoms {
                let keys = work_file(
                    &format!("removal-{name}-{version}-{random}.keys"),
                    without_random(&log, random).as_bytes(),
                );
                if passes(&path, Some(&keys)) && !is_elsewhere(&path, &keys) {
                    wrong.push(format!("{name}/{version}: without the key of {random}"));
                }
                fs::remove_file(keys).unwrap();
            }
        }
        wrong
    });
}

/// Whether what cannot be read with these keys is the host's that concerns nobody.
fn is_elsewhere(recording: &Path, keys: &Path) -> bool {
    let arguments = ["doctor".as_ref(), recording.as_os_str(), "--keys".as_ref(), keys.as_os_str()];
    let rows = ndjson(&[&arguments[..], &["--format".as_ref(), "ndjson".as_ref()]].concat());
    let mut dark = rows.iter().filter(|row| row["decrypted"] == false).peekable();
    dark.peek().is_some() && dark.all(|row| row["sni"] == "addin.contoso.com")
}

/// A HAR, changed at one of its entries.
fn har_variant(har: &Value, what: String, change: impl FnOnce(&mut Vec<Value>)) -> Variant {
    let mut har = har.clone();
    change(har["log"]["entries"].as_array_mut().unwrap());
    Variant { what, bytes: har.to_string().into_bytes() }
}

/// Takes the second half of a text, if there is one.
fn halve(text: &mut Value) -> bool {
    let Some(whole) = text.as_str().filter(|text| text.len() > 1) else { return false };
    let half = whole[..whole.len() / 2].to_owned();
    *text = half.into();
    true
}

#[test]
fn nothing_can_be_taken_from_a_har() {
    over_all(|name, folder| {
        let path = folder.join("recording.har");
        assert!(passes(&path, None), "{name} passes");
        let har: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let count = har["log"]["entries"].as_array().unwrap().len();
        let mut variants = vec![har_variant(&har, "no Authorization".to_owned(), |entries| {
            for entry in entries {
                let headers = entry["request"]["headers"].as_array_mut().unwrap();
                headers.retain(|header| header["name"] != "Authorization");
            }
        })];
        for at in 0..count {
            variants.push(har_variant(&har, format!("entry {at} without response"), |entries| {
                entries[at].as_object_mut().unwrap().remove("response");
            }));
            // As a browser writes a request that got no answer.
            variants.push(har_variant(&har, format!("entry {at} with an empty response"), |entries| {
                entries[at]["response"] = json!({ "status": 0, "statusText": "", "httpVersion": "", "headers": [],
                    "cookies": [], "content": { "size": 0, "mimeType": "x-unknown" }, "redirectURL": "",
                    "headersSize": -1, "bodySize": -1 });
            }));
            let mut cut = har.clone();
            if halve(&mut cut["log"]["entries"][at]["request"]["postData"]["text"]) {
                let what = format!("entry {at} with half its request's content");
                variants.push(Variant { what, bytes: cut.to_string().into_bytes() });
            }
            let mut cut = har.clone();
            if halve(&mut cut["log"]["entries"][at]["response"]["content"]["text"]) {
                let what = format!("entry {at} with half its response's content");
                variants.push(Variant { what, bytes: cut.to_string().into_bytes() });
            }
        }
        wrong_passes(name, "recording.har", variants, None)
    });
}
