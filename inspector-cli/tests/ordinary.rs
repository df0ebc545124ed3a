//! Ordinary flows of real programs (`fixtures/ordinary/*/`): what their owner reads of them is true, and nothing alarms but what has to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{collections::BTreeSet, fs, path::PathBuf};

use common::{Run, run};
use serde_json::Value;

/// What a recording has to give under the profile `generic`.
struct Expected {
    name: &'static str,
    outcome: &'static str,
    /// Calls accepted, refused, and in all.
    calls: (u64, u64, u64),
    /// Callers of the handshakes that have calls; "-" is one that no token names.
    callers: &'static [&'static str],
    /// How tokens were asked for.
    grants: &'static [&'static str],
    /// Findings at or above medium, each with the reason why it is true.
    grave: &'static [(&'static str, &'static str)],
}

const fn passes(
    name: &'static str,
    calls: (u64, u64, u64),
    callers: &'static [&'static str],
    grants: &'static [&'static str],
) -> Expected {
    Expected { name, outcome: "pass", calls, callers, grants, grave: &[] }
}

const CODE: &str = "authorization-code+pkce";
const ALONE: &str = "client-credentials";
const REFRESH: &str = "refresh-token";

const ALL: [Expected; 26] = [
    passes("apns", (2, 0, 2), &["-"], &[]),
    passes("appauth", (2, 0, 2), &["notes-desktop"], &[CODE, REFRESH, "revocation"]),
    passes("browser-server", (2, 0, 2), &["orders-web"], &[CODE]),
    passes("browser-spa", (3, 0, 3), &["notes-spa"], &[CODE, REFRESH]),
    passes("client-credentials", (6, 0, 6), &["import-job", "nightly-job", "report-job"], &[ALONE]),
    passes("code-confidential", (4, 0, 4), &["web-shop"], &[CODE, REFRESH, "introspection", "revocation"]),
    passes("device", (1, 0, 1), &["television"], &["device-code"]),
    // The resource asks for a nonce once.
    passes("dpop", (3, 1, 4), &["mobile-app"], &[CODE, REFRESH]),
    // What is not there is told with the status of NOT_FOUND, which says nothing of the token.
    passes("graphql", (3, 0, 4), &["orders-service"], &[ALONE]),
    passes("grpc", (2, 0, 3), &["stock-service"], &[ALONE]),
    passes("grpc-python", (2, 0, 2), &["python-service"], &[ALONE]),
    passes("grpc-web", (4, 0, 8), &["shop-front"], &[ALONE]),
    passes("msal-node", (2, 0, 2), &["b14a7505-96e9-4927-91e8-0601d0fc9caa"], &[CODE, REFRESH]),
    passes("msal-python", (3, 0, 3), &["6a8f5c5e-0d57-4f3a-8f43-4f8d1c1f5b11"], &[ALONE]),
    passes("mtls", (2, 0, 2), &["payment-service"], &[ALONE]),
    passes("opaque-introspection", (2, 0, 2), &["-"], &[CODE, "introspection", "revocation"]),
    passes("par-jar", (2, 0, 2), &["bank-app"], &[CODE, REFRESH]),
    passes("registry", (4, 0, 4), &["-"], &["registry"]),
    passes("service-accounts", (3, 0, 3), &["-"], &["assertion"]),
    Expected {
        name: "signed-urls",
        outcome: "inconclusive",
        calls: (0, 0, 0),
        callers: &[],
        grants: &[],
        grave: &[("COV-012", "no bearer token was sent, only signed URLs")],
    },
    passes("sse", (2, 0, 2), &["dashboard"], &[ALONE]),
    Expected {
        name: "supabase",
        outcome: "fail",
        calls: (7, 0, 7),
        callers: &["-"],
        grants: &["password", REFRESH],
        grave: &[
            ("BAS-010", "the user's password goes to a token endpoint"),
            ("OAU-004", "its client uses the password grant, with content in JSON"),
        ],
    },
    passes("token-exchange", (2, 0, 2), &["front-end", "gateway"], &[ALONE, "on-behalf-of"]),
    passes("two-clients", (3, 0, 3), &["Stock-Job", "Stock-SPA"], &[ALONE, CODE]),
    passes("userinfo", (1, 0, 1), &["-"], &[CODE]),
    passes("websocket", (3, 0, 3), &["live-board"], &[ALONE]),
];

fn folder(name: &str) -> PathBuf {
    common::scenarios().join("../ordinary").join(name)
}

fn on(command: &str, name: &str, more: &[&str]) -> Run {
    let recording = format!("../ordinary/{name}/recording.pcap");
    let keys = format!("../ordinary/{name}/recording.keys");
    run(&[&[command, &recording, "--keys", &keys, "--profile", "generic"], more].concat())
}

fn words(handshakes: &[Value], member: &str) -> BTreeSet<String> {
    handshakes
        .iter()
        .flat_map(|one| one[member].as_array().unwrap())
        .map(|word| word.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_recording_is_expected() {
    let all: BTreeSet<String> = fs::read_dir(folder(""))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let expected: BTreeSet<String> = ALL.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(all, expected);
}

#[test]
fn nothing_alarms_but_what_is_true() {
    let mut wrong = Vec::new();
    for expected in &ALL {
        let report = on("check", expected.name, &["--format", "json"]).json();
        let grave: BTreeSet<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| {
                let severity = finding["severity"].as_str().unwrap();
                ["medium", "high", "critical"].contains(&severity) || finding["blocks"] == true
            })
            .map(|finding| finding["rule"].as_str().unwrap())
            .collect();
        let true_ones: BTreeSet<&str> = expected.grave.iter().map(|(rule, _)| *rule).collect();
        if report["outcome"] != expected.outcome || grave != true_ones {
            wrong.push(format!("{}: {} {grave:?}: {}", expected.name, report["outcome"], report["reason"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_called_and_how_tokens_were_got_is_told() {
    let mut wrong = Vec::new();
    for expected in &ALL {
        let report = on("check", expected.name, &["--format", "json"]).json();
        let handshakes = report["handshakes"].as_array().unwrap();
        let count = |name: &str| handshakes.iter().map(|one| one[name].as_u64().unwrap()).sum::<u64>();
        let calls = (count("accepted"), count("refused"), count("calls"));
        let callers: BTreeSet<&str> = handshakes
            .iter()
            .filter(|one| one["calls"] != 0)
            .map(|one| one["caller"].as_str().unwrap_or("-"))
            .collect();
        let grants = words(handshakes, "grants");
        if calls != expected.calls
            || callers != expected.callers.iter().copied().collect()
            || grants != expected.grants.iter().map(|&grant| grant.to_owned()).collect()
        {
            wrong.push(format!("{}: {calls:?} {callers:?} {grants:?}", expected.name));
        }
        // What an authorization server gave belongs to the calls that were made with it.
        let alone: Vec<&Value> = handshakes.iter().filter(|one| one["flow"] == "token-only").collect();
        if !alone.is_empty() {
            wrong.push(format!("{}: {} stories without a call", expected.name, alone.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn steps_are_told_as_they_were() {
    for (name, sentences, never) in [
        (
            "par-jar",
            &["pushes its authorization request to login.example.test", "gives a reference to it"][..],
            "comes back",
        ),
        (
            "two-clients",
            &[
                "calls api.example.test/Stock/Items as Stock-SPA",
                "sends the user back to app.example.test/SignIn/Callback with the code",
            ][..],
            "/stock/items",
        ),
        ("dpop", &["asks for a nonce in the proof: 400 use_dpop_nonce"][..], "refuses: 400"),
        ("device", &["asks login.example.test for a device code", "not yet: authorization_pending"][..], "refuses"),
        ("registry", &["for repository:team/shop:pull with its own credentials"][..], "issued before, or elsewhere"),
        (
            "code-confidential",
            &["gives a token back to login.example.test", "the token is not active"][..],
            "no token was issued",
        ),
        (
            "browser-server",
            &["sends the user back to app.example.test/oauth2/callback with the code"][..],
            "the user comes back",
        ),
    ] {
        let told = on("timeline", name, &[]);
        let plain = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in sentences {
            assert!(plain.contains(sentence), "{name}: {sentence}\n{}", told.out);
        }
        assert!(!plain.contains(never), "{name}: {never}\n{}", told.out);
    }
}

#[test]
fn a_browsers_own_recording_says_the_same() {
    for (name, outcome, reason) in [
        ("browser-spa", "pass", "api.example.test accepted 3 calls"),
        // The tokens went between the servers only.
        ("browser-server", "inconclusive", "No request carried a bearer token; what was sent: cookies"),
    ] {
        let recording = format!("../ordinary/{name}/recording.har");
        let report = run(&["check", &recording, "--profile", "generic", "--format", "json"]).json();
        assert_eq!(report["outcome"], outcome, "{name}");
        assert!(report["reason"].as_str().unwrap().starts_with(reason), "{name}: {}", report["reason"]);
        let grave = report["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] != "info");
        assert!(grave.clone().all(|finding| finding["severity"] == "low"), "{name}: {report:#}");
    }
}

#[test]
fn no_secret_of_the_flows_is_shown() {
    for expected in &ALL {
        for command in ["check", "timeline", "tokens", "exchanges"] {
            let got = on(command, expected.name, &[]);
            for secret in ["not-her-password", "a-password-of-the-registry", "the-secret-of-"] {
                assert!(!got.out.contains(secret), "{} {command}: {secret}", expected.name);
            }
        }
    }
}
