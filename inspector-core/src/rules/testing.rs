//! Transcripts to reports, for tests: a reader of the fixtures' form.
//!
//! ```text
//! # @time 2026-01-01T00:00:00Z
//! # @client 10.0.0.1:5000
//! POST /EWS/Exchange.asmx HTTP/1.1
//! Host: mail.contoso.com
//! Authorization: Bearer {…}
//!
//! HTTP/1.1 200 OK
//!
//! ###
//! ```

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    analysis::Analysis,
    coverage::Coverage,
    evidence::{At, Endpoint, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme,
        message::{Body, HeadBuilder, Message},
    },
    limits::Limits,
    policy::Policy,
    profile::Profile,
    report::Report,
    time::Timestamp,
    token::{self, Token, extract::Extraction, interner::Interner},
};

/// A report on a transcript by the usual profile.
pub(crate) fn judge(text: &str) -> Report {
    judge_by(policy(), text)
}

/// The usual policy.
pub(crate) fn policy() -> Policy {
    Policy::new(Profile::builtin("exchange-s2s").unwrap())
}

/// A report on a transcript.
pub(crate) fn judge_by(policy: Policy, text: &str) -> Report {
    judge_exchanges(policy, exchanges(text))
}

/// A report on exchanges.
pub(crate) fn judge_exchanges(policy: Policy, exchanges: Vec<Exchange>) -> Report {
    let mut analysis = analysis(policy);
    for exchange in &exchanges {
        analysis.exchange(exchange, &extract(exchange));
    }
    done(analysis, exchanges.len())
}

/// An analysis with one input begun.
pub(crate) fn analysis(policy: Policy) -> Analysis {
    let mut analysis = Analysis::new(policy, &Limits::default());
    analysis.input(SourceId(0), "test.http", "http");
    analysis
}

/// Ends the input and the analysis.
pub(crate) fn done(mut analysis: Analysis, exchanges: usize) -> Report {
    let coverage = Coverage { exchanges: exchanges as u64, ..Coverage::default() };
    analysis.input_done(SourceId(0), coverage);
    analysis.finish()
}

/// The codes of a report's findings above a severity, in order.
pub(crate) fn codes(report: &Report, above: crate::finding::Severity) -> Vec<&'static str> {
    report.findings.iter().filter(|f| f.severity > above).map(|f| f.meta.code).collect()
}

/// The exchanges of a transcript.
pub(crate) fn exchanges(text: &str) -> Vec<Exchange> {
    let text = text.replace("\r\n", "\n");
    text.split("\n###")
        .map(|piece| piece.trim_matches('\n'))
        .filter(|piece| !piece.trim().is_empty())
        .zip(1..)
        .map(exchange)
        .collect()
}

fn exchange((text, number): (&str, u64)) -> Exchange {
    let mut exchange = Exchange {
        source: SourceId(0),
        number,
        connection: None,
        stream: None,
        protocol: Protocol::Http11,
        scheme: Scheme::Https,
        client: None,
        server: None,
        tls: None,
        request: None,
        response: None,
        marks: Marks::default(),
    };
    let mut time = None;
    let mut rest = text.trim_start_matches('#').trim_start();
    while let Some(line) = rest.strip_prefix("# @").or_else(|| rest.strip_prefix("@")) {
        let (line, after) = line.split_once('\n').unwrap_or((line, ""));
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let endpoint = || value.parse::<SocketAddr>().ok().map(|a| Endpoint { address: a.ip(), port: a.port() });
        match name {
            "time" => time = Timestamp::parse_rfc3339(value),
            "scheme" if value == "http" => exchange.scheme = Scheme::Http,
            "client" => exchange.client = endpoint(),
            "server" => exchange.server = endpoint(),
            _ => {}
        }
        rest = after;
    }
    let at = At::Entry { index: number - 1, time };
    let split = rest.starts_with("HTTP/").then_some(0).or_else(|| rest.find("\nHTTP/").map(|at| at + 1));
    let (request, response) = rest.split_at(split.unwrap_or(rest.len()));
    exchange.request = (!request.trim().is_empty()).then(|| message(request, at));
    exchange.response = (!response.trim().is_empty()).then(|| message(&answered(request, response), at));
    if exchange.response.is_none() {
        exchange.marks.add(Mark::ResponseMissing);
    }
    exchange
}

/// A 200 to credentials that says nothing else gets the content its endpoint gives: an answer without it shows nothing.
fn answered(request: &str, response: &str) -> String {
    let has = |text: &str, name: &str| text.lines().any(|line| line.to_ascii_lowercase().starts_with(name));
    let is_bare =
        response.starts_with("HTTP/1.1 200") && !response.trim_end().contains("\n\n") && !has(response, "content-");
    let by_method = ["HEAD ", "OPTIONS "].iter().any(|method| request.starts_with(method));
    if !is_bare || by_method || !has(request, "authorization:") {
        return response.to_owned();
    }
    let line = request.lines().next().unwrap_or_default().to_ascii_lowercase();
    let (kind, content) = if line.contains("/ews") || line.contains("/autodiscover") {
        ("text/xml", "<s:Envelope><s:Body/></s:Envelope>")
    } else {
        ("application/json", "{}")
    };
    format!("{}\nContent-Type: {kind}\n\n{content}", response.trim_end())
}

fn message(text: &str, at: At) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (one, two) = (first.next().unwrap(), first.next().unwrap_or_default());
    let mut builder = match one.strip_prefix("HTTP/") {
        Some(_) => HeadBuilder::response(two.parse().unwrap(), b""),
        None => HeadBuilder::request(one.as_bytes(), two.as_bytes(), None),
    };
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        builder.field(name.as_bytes(), value.trim().as_bytes());
    }
    let body = body.trim_end_matches('\n').as_bytes();
    let kept = (!body.is_empty()).then(|| Box::from(body));
    let body = Body { transferred: body.len() as u64, decoded: Some(body.len() as u64), kept, cut: None };
    Message { head: builder.finish(), body, trailers: None, first: at, head_end: at, end: at }
}

/// What the program finds in an exchange.
pub(crate) fn extract(exchange: &Exchange) -> Extraction {
    let limits = Limits::default();
    token::extract::extract(exchange, &mut Interner::new(&limits), &limits)
}

/// A compact JWT; the signature is zeros.
pub(crate) fn jwt(header: &Value, claims: &Value, signature: usize) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes()),
        part(&vec![7; signature])
    )
}

/// Decodes and classifies.
pub(crate) fn decode(raw: &str) -> Token {
    token::compact::decode(raw, &Limits::default())
}

/// An actor token as the Access Control Service issues it.
pub(crate) fn actor(caller: &str) -> String {
    let realm = caller.rsplit('@').next().unwrap_or_default();
    let claims = serde_json::json!({
        "aud": format!("00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@{realm}"),
        "iss": format!("00000001-0000-0000-c000-000000000000@{realm}"), "nameid": caller,
        "trustedfordelegation": "true"
    });
    jwt(&serde_json::json!({"typ": "JWT", "alg": "RS256"}), &claims, 256)
}

/// An outer token in that caller's name, with the actor token that fits.
pub(crate) fn outer(caller: &str) -> String {
    let realm = caller.rsplit('@').next().unwrap_or_default();
    let audience = format!("00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@{realm}");
    let inner = actor(caller);
    let claims = serde_json::json!({
        "aud": audience, "iss": caller, "nameid": "10032001a1b2c3d4", "upn": "megan@contoso.com", "actortoken": inner
    });
    jwt(&serde_json::json!({"typ": "JWT", "alg": "none"}), &claims, 0)
}
