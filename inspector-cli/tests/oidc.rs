//! A real OpenID provider, recorded (`fixtures/live/oidc-provider*`): every flow is found, and its own keys verify its tokens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;

use common::{Run, run};
use serde_json::Value;

/// The recordings: in clear text, and behind TLS with the clients' key log.
const RECORDINGS: [&[&str]; 2] = [
    &["../live/oidc-provider/recording.pcap"],
    &["../live/oidc-provider-tls13/recording.pcap", "--keys", "../live/oidc-provider-tls13/recording.keys"],
];

fn on(command: &str, recording: &[&str], more: &[&str]) -> Run {
    run(&[&[command], recording, more].concat())
}

fn tokens(recording: &[&str]) -> Vec<Value> {
    let got = on("tokens", recording, &["--format", "ndjson"]);
    got.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Kind, `typ`, subject and places of a token.
fn essence(token: &Value) -> String {
    let places: Vec<&str> = token["places"].as_array().unwrap().iter().map(|place| place.as_str().unwrap()).collect();
    let words = [&token["kind"], &token["header"]["typ"], &token["claims"]["sub"]].map(|it| it.as_str().unwrap_or("-"));
    // HTTP does not mind the case of field names, and clients differ in it.
    format!("{}: {}", words.join(" "), places.join(", ").to_lowercase())
}

#[test]
fn the_tokens_of_every_flow_are_found() {
    let used = "issued response.body /access_token, presented request.header authorization";
    for recording in RECORDINGS {
        let found: Vec<String> = tokens(recording).iter().map(essence).collect();
        let expected = [
            // Authorization code with PKCE, then refresh, introspection and revocation.
            format!("jwt at+jwt megan: {used}"),
            "jwt - megan: issued response.body /id_token".to_owned(),
            "opaque - -: issued response.body /refresh_token, assertion request.body refresh_token, mentioned request.body token".to_owned(),
            format!("jwt at+jwt megan: {used}"),
            // Client credentials, then DPoP with a proof for the token endpoint and one for the resource.
            format!("jwt at+jwt service: {used}"),
            "dpop dpop+jwt -: mentioned request.header dpop".to_owned(),
            format!("jwt at+jwt service: {used}"),
            "dpop dpop+jwt -: mentioned request.header dpop".to_owned(),
            // Device code.
            format!("jwt at+jwt megan: {used}"),
            "jwt - megan: issued response.body /id_token".to_owned(),
        ];
        assert_eq!(found, expected, "{recording:?}");
    }
}

#[test]
fn every_flow_is_reconstructed() {
    for recording in RECORDINGS {
        let report = on("check", recording, &["--profile", "generic", "--format", "json"]).json();
        let handshakes = report["handshakes"].as_array().unwrap();
        let words = |handshake: &Value, name: &str| -> BTreeSet<String> {
            handshake[name].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        let grants: BTreeSet<String> = handshakes.iter().flat_map(|handshake| words(handshake, "grants")).collect();
        for grant in [
            "authorization-code+pkce",
            "refresh-token",
            "client-credentials",
            "device-code",
            "introspection",
            "revocation",
        ] {
            assert!(grants.contains(grant), "{grant}: {grants:?}");
        }
        let with_calls: Vec<&Value> = handshakes.iter().filter(|one| one["calls"] != 0).collect();
        let calls = |name: &str| with_calls.iter().map(|one| one[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!((calls("calls"), calls("accepted"), calls("refused")), (5, 5, 0));
        let steps: BTreeSet<&str> = with_calls
            .iter()
            .flat_map(|one| one["steps"].as_array().unwrap())
            .map(|step| step["step"].as_str().unwrap())
            .collect();
        for step in ["authorization", "authorization-response", "token-request", "token", "renewal", "call", "answer"] {
            assert!(steps.contains(step), "{step}: {steps:?}");
        }
    }
}

#[test]
fn the_providers_own_keys_verify_its_tokens() {
    for recording in RECORDINGS {
        let found = tokens(recording);
        let by_provider: Vec<&Value> = found.iter().filter(|token| token["kind"] == "jwt").collect();
        assert_eq!(by_provider.len(), 7);
        for token in by_provider {
            assert_eq!(token["signature"], "verified", "{token:#}");
            let key = &token["signature_key"];
            assert_eq!((&key["origin"], &key["pinned"]), (&"the recording".into(), &false.into()), "{token:#}");
            assert_eq!((&key["kid"], &key["kind"]), (&"rsa-of-the-day".into(), &"RSA 2048".into()), "{token:#}");
        }
        // A DPoP proof is signed by a key of the client's, an opaque token by none that could be known.
        let others = found.iter().filter(|token| token["kind"] != "jwt");
        assert!(
            others.into_iter().all(|token| token["signature"] == "unverifiable" && token["signature_reason"] != "")
        );
    }
}

#[test]
fn findings_are_those_a_support_engineer_would_make() {
    for recording in RECORDINGS {
        let got = on("check", recording, &["--profile", "generic", "--format", "json"]);
        let report = got.json();
        assert_eq!((got.code, &report["outcome"]), (0, &"pass".into()), "{}", report["reason"]);
        let mut found: Vec<(String, String, u64)> = report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| {
                let word = |name: &str| finding[name].as_str().unwrap().to_owned();
                (word("rule"), word("severity"), finding["count"].as_u64().unwrap())
            })
            .collect();
        found.sort();
        let expected = [
            // Code, refresh, two introspections, a revocation.
            ("BAS-005", "info", 5),
            // Whoever has no session signs in at the provider, as they should: once for the code, once for the device.
            ("BAS-012", "info", 1),
            ("BAS-012", "info", 1),
            ("JWT-018", "info", 3),
            ("JWT-018", "info", 10),
            // Every answer with tokens: no-store, and no word for caches of HTTP/1.0.
            ("OAU-009", "low", 5),
            ("OAU-011", "info", 2),
            // The device asks for a code, and then after two seconds; without an interval it is five (RFC 8628 §3.2).
            ("OAU-022", "info", 1),
            ("OAU-022", "info", 1),
        ];
        let expected: Vec<(String, String, u64)> =
            expected.into_iter().map(|(rule, severity, count)| (rule.into(), severity.into(), count)).collect();
        assert_eq!(found, expected, "{recording:?}");
    }
}

#[test]
fn nothing_of_the_users_and_the_clients_secrets_is_shown() {
    let secrets = ["not-her-password", "a-secret-of-the-web-client"];
    for recording in RECORDINGS {
        for command in ["check", "tokens", "timeline", "exchanges"] {
            for format in ["human", "json"] {
                let got = on(command, recording, &["--format", format]);
                assert!(!secrets.iter().any(|secret| got.out.contains(secret)), "{command} {format}");
            }
        }
    }
}
