//! What the tests of the judgement share: tokens, messages, captures of clear text, archives, and the judge.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub(crate) mod capture;
pub(crate) mod literals;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use inspector_core::{
    Judge,
    finding::Severity,
    policy::{Clock, Policy},
    profile::Profile,
    report::Report,
    verdict::Outcome,
};
use serde_json::{Value, json};

pub(crate) const REALM: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
pub(crate) const OTHER_REALM: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const ACS: &str = "00000001-0000-0000-c000-000000000000";
pub(crate) const EXCHANGE: &str = "00000002-0000-0ff1-ce00-000000000000";
pub(crate) const SKYPE: &str = "00000004-0000-0ff1-ce00-000000000000";
pub(crate) const SCHEDULER: &str = "7557eb47-c689-4224-abcf-aef9bd7573df";
pub(crate) const HOST: &str = "mail.contoso.com";
/// 2026-01-01T00:00:00Z, when the tokens begin to be valid. Captures are two minutes younger.
pub(crate) const NOW: u64 = 1_767_225_600;
/// `contoso\svc-s4b` with the password `P@ss:w0rd!`.
pub(crate) const BASIC: &str = "Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=";

/// A part of a compact JWT.
pub(crate) fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A compact JWT with a signature of that many bytes, which nothing verifies.
pub(crate) fn jwt(header: &Value, claims: &Value, signature: usize) -> String {
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(vec![7; signature]))
}

pub(crate) fn rs256() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "x5t": "kffOifMumUumZzdvj-9dJbxzK1Y"})
}

pub(crate) fn none() -> Value {
    json!({"typ": "JWT", "alg": "none"})
}

fn merged(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// The claims of an actor token as the token service issues it, with changes (null removes).
pub(crate) fn actor_claims(changes: Value) -> Value {
    let claims = json!({
        "aud": format!("{EXCHANGE}/{HOST}@{REALM}"), "iss": format!("{ACS}@{REALM}"), "nbf": NOW, "exp": NOW + 86_700,
        "nameid": format!("{SKYPE}@{REALM}"), "trustedfordelegation": "true",
    });
    merged(claims, changes)
}

pub(crate) fn actor(changes: Value) -> String {
    jwt(&rs256(), &actor_claims(changes), 256)
}

/// The claims of an outer token around that actor token, with changes.
pub(crate) fn outer_claims(actor: &str, changes: Value) -> Value {
    let claims = json!({
        "aud": format!("{EXCHANGE}/{HOST}@{REALM}"), "iss": format!("{SKYPE}@{REALM}"), "nbf": (NOW + 60).to_string(),
        "exp": (NOW + 28_860).to_string(), "nameid": "10032001a1b2c3d4", "nii": "urn:federation:MicrosoftOnline",
        "smtp": "megan@contoso.com", "upn": "megan@contoso.com", "actortoken": actor,
    });
    merged(claims, changes)
}

pub(crate) fn outer_of(actor: &str, changes: Value) -> String {
    jwt(&none(), &outer_claims(actor, changes), 0)
}

/// A token that passes.
pub(crate) fn good() -> String {
    outer_of(&actor(json!({})), json!({}))
}

/// A request with a content; `fields` end in CRLF each.
pub(crate) fn request(target: &str, fields: &str, content: &str) -> Vec<u8> {
    let length = content.len();
    format!("POST {target} HTTP/1.1\r\nHost: {HOST}\r\n{fields}Content-Length: {length}\r\n\r\n{content}").into_bytes()
}

/// A call of web services.
pub(crate) fn call(authorization: &str) -> Vec<u8> {
    request("/EWS/Exchange.asmx", &format!("Authorization: {authorization}\r\nContent-Type: text/xml\r\n"), "<a/>")
}

/// A response.
pub(crate) fn response(status: &str, fields: &str, content: &str) -> Vec<u8> {
    let length = content.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{content}").into_bytes()
}

/// A response as web services send it.
pub(crate) fn ok() -> Vec<u8> {
    response("200 OK", "Content-Type: text/xml\r\n", "<ok/>")
}

pub(crate) fn policy() -> Policy {
    Policy::new(Profile::builtin("exchange-s2s").unwrap())
}

/// Judges a recording by the usual profile.
pub(crate) fn judge(name: &str, recording: &[u8]) -> Report {
    judge_by(policy(), name, recording)
}

pub(crate) fn judge_by(policy: Policy, name: &str, mut recording: &[u8]) -> Report {
    Judge::new(policy).recording(name, &mut recording).unwrap()
}

/// Judges exchanges written as text at the time of the tokens.
pub(crate) fn judge_exchanges(exchanges: &[(Vec<u8>, Vec<u8>)]) -> Report {
    judge("exchanges.http", &transcript(exchanges))
}

/// Judges one exchange.
pub(crate) fn judge_one(request: Vec<u8>, response: Vec<u8>) -> Report {
    judge_exchanges(&[(request, response)])
}

/// Exchanges as text.
pub(crate) fn transcript(exchanges: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut text = Vec::new();
    for (request, response) in exchanges {
        text.extend_from_slice(b"# @time 2026-01-01T00:02:00Z\n");
        text.extend_from_slice(request);
        text.extend_from_slice(b"\r\n\r\n");
        text.extend_from_slice(response);
        text.extend_from_slice(b"\r\n\r\n###\n");
    }
    text
}

/// An entry of an archive, protected by TLS.
pub(crate) fn entry(authorization: Option<&str>) -> Value {
    let mut headers =
        vec![json!({"name": "Host", "value": HOST}), json!({"name": "Content-Type", "value": "text/xml"})];
    headers.extend(authorization.map(|value| json!({"name": "Authorization", "value": value})));
    json!({
        "startedDateTime": "2026-01-01T00:02:00.000Z", "time": 12,
        "request": {
            "method": "POST", "url": "https://mail.contoso.com/EWS/Exchange.asmx", "httpVersion": "HTTP/1.1",
            "headers": headers, "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 4,
            "postData": {"mimeType": "text/xml", "text": "<a/>"},
        },
        "response": {
            "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Content-Type", "value": "text/xml"}], "cookies": [],
            "content": {"size": 5, "mimeType": "text/xml", "text": "<ok/>"}, "redirectURL": "", "headersSize": -1,
            "bodySize": 5,
        },
        "cache": {}, "timings": {"send": 0, "wait": 12, "receive": 0},
    })
}

/// An archive.
pub(crate) fn har(entries: &[Value]) -> Vec<u8> {
    json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}})
        .to_string()
        .into_bytes()
}

/// The codes that speak, each once, in order.
pub(crate) fn codes(report: &Report) -> Vec<&'static str> {
    let mut all: Vec<&str> = report.findings.iter().map(|finding| finding.meta.code).collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub(crate) fn has(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.meta.code == code)
}

/// The gravest severity with which a rule speaks.
pub(crate) fn severity(report: &Report, code: &str) -> Option<Severity> {
    report.findings.iter().filter(|finding| finding.meta.code == code).map(|finding| finding.severity).max()
}

/// The codes at or above medium.
pub(crate) fn grave(report: &Report) -> Vec<&'static str> {
    let mut all: Vec<&str> =
        report.findings.iter().filter(|f| f.severity >= Severity::Medium).map(|f| f.meta.code).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a coverage finding of that code keeps the recording from passing.
pub(crate) fn blocks(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.meta.code == code && finding.blocks)
}

pub(crate) fn passes(report: &Report) -> bool {
    report.outcome == Outcome::Pass
}

/// A policy that judges at a fixed moment.
pub(crate) fn at(moment: &str) -> Policy {
    let moment = inspector_core::time::Timestamp::parse_rfc3339(moment).unwrap();
    Policy { clock: Clock::Fixed(moment), ..policy() }
}
