//! A real provider and its resource, recorded while a client makes each fault (`fixtures/faults/*/`): every one is found by
//! its rule. What was refused is told as that and fails no receiver; what was taken is graver.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{collections::BTreeSet, fs};

use common::run;
use serde_json::Value;

/// What is seen of a fault: the recording, the rule, its gravest severity, and a piece of its words.
type Fault = (&'static str, &'static str, &'static str, &'static str);

/// Refused by who checks what it is given; a right call came before or after.
const REFUSED: [Fault; 38] = [
    ("assertion-and-secret", "OAU-025", "medium", "a client secret is sent beside the assertion"),
    ("assertion-expired", "OAU-025", "medium", "it is over"),
    ("assertion-for-another", "OAU-025", "low", "other-login.example.test"),
    ("client-of-wrong-secret", "BAS-005", "info", "login.example.test"),
    ("code-of-another-client", "OAU-039", "info", "was refused to client \"other-web\""),
    ("code-twice", "OAU-015", "info", "refused the second time"),
    ("dpop-another-key", "JWT-030", "low", "the token is bound to"),
    ("dpop-as-bearer", "JWT-030", "low", "a token bound to a key came by Bearer"),
    ("dpop-hmac", "JWT-030", "low", "the proof has an HMAC"),
    ("dpop-no-ath", "JWT-030", "low", "no ath"),
    ("dpop-none", "JWT-030", "low", "the proof is not signed"),
    ("dpop-private-key", "JWT-030", "low", "the proof's key is private"),
    ("dpop-proof-missing", "JWT-030", "low", "without a proof"),
    ("dpop-replayed", "JWT-020", "low", "the same proof of possession again"),
    ("dpop-wrong-ath", "JWT-030", "low", "the proof is for another access token"),
    ("dpop-wrong-signature", "JWT-030", "low", "the proof's signature is not by its own key"),
    ("dpop-wrong-target", "JWT-030", "low", "htm is POST"),
    ("id-token-as-access-token", "JWT-028", "low", "it was issued as id_token"),
    ("mtls-another-certificate", "JWT-029", "low", "the client showed"),
    ("mtls-no-certificate", "JWT-029", "low", "the client showed none"),
    ("pkce-missing", "OAU-005", "low", "code_verifier is missing"),
    ("pkce-wrong", "OAU-005", "low", "code_verifier does not fit"),
    ("redirect-changed", "OAU-036", "info", "refused with https://app.example.test/elsewhere"),
    ("refresh-of-another-client", "OAU-039", "info", "a refresh token of client \"web\" was refused to"),
    ("refresh-replayed", "OAU-014", "info", "a replaced refresh token was refused"),
    ("revoked-token", "OAU-038", "info", "an access token was refused after"),
    ("scope-raised", "OAU-017", "info", "was refused: api:write"),
    ("token-changed", "JWT-031", "low", "one signature over different claims"),
    ("token-changed", "JWT-018", "low", "does not verify"),
    ("token-expired", "JWT-012", "low", "the token had expired"),
    ("token-hmac-of-public-key", "JWT-033", "low", "SubjectPublicKeyInfo"),
    ("token-hmac-of-public-key", "JWT-003", "low", "HS256"),
    ("token-none", "JWT-001", "low", "alg \"none\""),
    ("token-of-another-api", "JWT-009", "low", "graph.example.org"),
    // What is refused and ordinary: a nonce that was renewed, a reference that is used up, nobody who authenticates, a key that may be new.
    ("dpop-wrong-nonce", "", "", ""),
    ("introspection-open", "", "", ""),
    ("pushed-twice", "", "", ""),
    ("token-unknown-key", "", "", ""),
];

/// Taken by who checks nothing, with what becomes of the outcome.
const TAKEN: [(Fault, &str); 27] = [
    (("assertion-of-ten-years-accepted", "OAU-025", "medium", "more than a week"), "pass"),
    (("dpop-another-key-accepted", "JWT-030", "high", "the token is bound to"), "fail"),
    (("dpop-as-bearer-accepted", "JWT-030", "high", "came by Bearer"), "fail"),
    (("dpop-hmac-accepted", "JWT-030", "high", "HMAC"), "fail"),
    (("dpop-no-ath-accepted", "JWT-030", "high", "no ath"), "fail"),
    (("dpop-none-accepted", "JWT-030", "high", "not signed"), "fail"),
    (("dpop-private-key-accepted", "JWT-030", "high", "private"), "fail"),
    (("dpop-proof-missing-accepted", "JWT-030", "high", "without a proof"), "fail"),
    (("dpop-replayed-accepted", "JWT-020", "medium", "the same proof"), "pass"),
    (("dpop-wrong-ath-accepted", "JWT-030", "high", "another access token"), "fail"),
    (("dpop-wrong-nonce-accepted", "JWT-030", "high", "another nonce"), "fail"),
    (("dpop-wrong-signature-accepted", "JWT-030", "high", "not by its own key"), "fail"),
    (("dpop-wrong-target-accepted", "JWT-030", "high", "htu"), "fail"),
    (("id-token-as-access-token-accepted", "JWT-028", "medium", "issued as id_token"), "pass"),
    (("mtls-another-certificate-accepted", "JWT-029", "high", "the client showed"), "fail"),
    (("mtls-no-certificate-accepted", "JWT-029", "high", "the client showed none"), "fail"),
    // Its client authenticates, so that a code without PKCE is no grave fault.
    (("pkce-none-accepted", "OAU-005", "low", "without PKCE"), "pass"),
    (("revoked-token-accepted", "OAU-038", "high", "accepted after its revocation"), "fail"),
    (("token-changed-accepted", "JWT-018", "high", "does not verify"), "fail"),
    (("token-expired-accepted", "JWT-012", "medium", "had expired"), "pass"),
    (("token-hmac-of-public-key-accepted", "JWT-033", "critical", "HS256"), "fail"),
    // A token in a query has leaked, taken or not.
    (("token-in-query", "OAU-001", "high", "access_token"), "fail"),
    (("token-in-query-accepted", "OAU-001", "high", "access_token"), "fail"),
    (("token-none-accepted", "JWT-001", "critical", "none"), "fail"),
    // An audience that names another host may be a name of this one.
    (("token-of-another-api-accepted", "JWT-009", "low", "graph.example.org"), "pass"),
    // Its key is not among those that the provider published in the recording, which need not be all.
    (("token-unknown-key-accepted", "", "", ""), "pass"),
    (("pkce-not-asked", "OAU-005", "low", "code_verifier does not fit"), "pass"),
];

fn report(name: &str) -> Value {
    let recording = format!("../faults/{name}/recording.pcap");
    let keys = format!("../faults/{name}/recording.keys");
    run(&["check", &recording, "--keys", &keys, "--profile", "generic", "--format", "json"]).json()
}

fn weight(severity: &str) -> usize {
    ["", "info", "low", "medium", "high", "critical"].iter().position(|known| *known == severity).unwrap()
}

/// The gravest severity with which a rule says these words.
fn gravest(report: &Value, rule: &str, words: &str) -> String {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["rule"] == rule && finding["detail"].as_str().unwrap().contains(words))
        .map(|finding| finding["severity"].as_str().unwrap().to_owned())
        .max_by_key(|severity| weight(severity))
        .unwrap_or_default()
}

#[test]
fn every_recording_is_expected() {
    let all: BTreeSet<String> = fs::read_dir(common::scenarios().join("../faults"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    let refused = REFUSED.iter().map(|fault| fault.0.to_owned());
    let expected: BTreeSet<String> = refused.chain(TAKEN.iter().map(|(fault, _)| fault.0.to_owned())).collect();
    assert_eq!(all, expected);
}

#[test]
fn what_was_refused_is_told_and_fails_nobody() {
    let mut wrong = Vec::new();
    for (name, rule, severity, words) in REFUSED {
        let report = report(name);
        let found = gravest(&report, rule, words);
        let grave: Vec<&str> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|finding| weight(finding["severity"].as_str().unwrap()) > 2)
            .map(|finding| finding["rule"].as_str().unwrap())
            .filter(|grave| weight(severity) < 3 || *grave != rule)
            .collect();
        if found != severity || report["outcome"] != "pass" || !grave.is_empty() {
            wrong.push(format!("{name}: {rule} {found:?}, {} {grave:?}: {}", report["outcome"], report["reason"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_was_taken_is_told_as_grave_as_it_is() {
    let mut wrong = Vec::new();
    for ((name, rule, severity, words), outcome) in TAKEN {
        let report = report(name);
        let found = gravest(&report, rule, words);
        if found != severity || report["outcome"] != outcome {
            wrong.push(format!("{name}: {rule} {found:?}, {}: {}", report["outcome"], report["reason"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
