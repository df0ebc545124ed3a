//! Times are judged when they were recorded, unless another moment is asked for; and by the server's clock where the
//! recorder's is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::support;

use inspector_core::{
    finding::Severity,
    policy::{Clock, Policy},
    report::Report,
    time::Timestamp,
};
use serde_json::json;
use support::{
    NOW, actor, at, call, codes, good, has, judge_by, outer_of, passes, policy, response, severity, transcript,
};

/// One accepted call with a token, two minutes after the tokens begin; `date` is the server's clock.
fn with(policy: Policy, token: &str, date: &str) -> Report {
    let fields = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
    let answer = response("200 OK", &format!("{fields}Content-Type: text/xml\r\n"), "<ok/>");
    judge_by(policy, "times.http", &transcript(&[(call(&format!("Bearer {token}")), answer)]))
}

fn lives(from: i64, to: i64) -> String {
    let moment = |offset: i64| json!(i64::try_from(NOW).unwrap() + offset);
    outer_of(&actor(json!({})), json!({"nbf": moment(from), "exp": moment(to)}))
}

#[test]
fn the_time_of_the_recording_decides() {
    for (from, to, outside) in [
        (0, 3600, false),
        // Five minutes of difference are normal: the call is 120 seconds after the beginning.
        (-3600, -170, false),
        (-3600, -190, true),
        (410, 3600, false),
        (430, 3600, true),
    ] {
        let report = with(policy(), &lives(from, to), "");
        assert_eq!(has(&report, "S2S-045"), outside, "{from} {to}: {:?}", codes(&report));
        assert_eq!(severity(&report, "S2S-045"), outside.then_some(Severity::Medium));
        assert!(passes(&report), "the server accepted it");
    }
}

#[test]
fn another_moment_can_be_asked_for() {
    for (moment, outside) in [
        ("2026-01-01T01:00:00Z", false),
        ("2026-01-01T09:30:00+01:00", true),
        ("2025-12-31T23:50:00Z", true),
        ("2036-01-01T00:00:00Z", true),
    ] {
        let report = with(at(moment), &good(), "");
        assert_eq!(has(&report, "S2S-045"), outside, "{moment}: {:?}", codes(&report));
    }
    // Now is a moment like any other: the program's caller says which.
    let now = Policy { clock: Clock::Fixed(Timestamp::parse_rfc3339("2030-01-01T00:00:00Z").unwrap()), ..policy() };
    assert!(has(&with(now, &good(), ""), "S2S-045"));
}

#[test]
fn the_servers_clock_goes_before_a_wrong_one_of_the_recorder() {
    // The server's clock is right by the token, the recorder's two minutes past midnight is not.
    let later = lives(86_400, 90_000);
    let alone = with(policy(), &later, "");
    assert!(has(&alone, "S2S-045") && !has(&alone, "COV-007"), "{:?}", codes(&alone));
    let told = with(policy(), &later, "Fri, 02 Jan 2026 00:10:00 GMT");
    assert!(!has(&told, "S2S-045") && has(&told, "COV-007"), "{:?}", codes(&told));
    let said = told.findings.iter().find(|finding| finding.meta.code == "COV-007").unwrap();
    assert!(said.detail.contains("86"), "the difference is told: {}", said.detail);
    // A difference within five minutes is none.
    let near = with(policy(), &good(), "Thu, 01 Jan 2026 00:05:00 GMT");
    assert!(!has(&near, "COV-007"), "{:?}", codes(&near));
    // A moment that was asked for stays what it is.
    assert!(has(&with(at("2026-01-01T00:03:00Z"), &later, "Fri, 02 Jan 2026 00:10:00 GMT"), "S2S-045"));
}

/// A token that is younger than the call by its `iat` tells of a clock that is behind.
#[test]
fn a_token_from_the_future_tells_of_a_clock() {
    let issued = |offset: u64| outer_of(&actor(json!({"iat": NOW + offset})), json!({}));
    assert!(!has(&with(policy(), &issued(60), ""), "JWT-013"));
    assert!(!has(&with(policy(), &issued(400), ""), "JWT-013"));
    assert_eq!(severity(&with(policy(), &issued(7200), ""), "JWT-013"), Some(Severity::Low));
}

#[test]
fn encodings_are_normalised_and_told() {
    let forms = [
        (json!(NOW + 60), ""),
        (json!((NOW + 60).to_string()), "string"),
        (json!((NOW + 60) * 1000), "milliseconds"),
        (json!((NOW + 60 + 11_644_473_600) * 10_000_000), "FILETIME"),
        (json!(NOW as f64 + 60.5), "fraction"),
    ];
    for (begins, form) in forms {
        let token = outer_of(&actor(json!({})), json!({"nbf": begins, "exp": NOW + 3600}));
        let report = with(policy(), &token, "");
        let told = report.findings.iter().find(|finding| finding.meta.code == "JWT-014");
        assert_eq!(told.is_some(), !form.is_empty(), "{begins}");
        assert!(told.is_none_or(|told| told.detail.contains(form)), "{form}: {:?}", told.map(|told| &told.detail));
        assert!(passes(&report) && !has(&report, "S2S-045"), "{form}: {:?}", codes(&report));
    }
}
