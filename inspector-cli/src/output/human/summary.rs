//! The first screen: the answer, why, who called whom with which token, how much was read, what to do now.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use inspector_core::{
    coverage::Coverage,
    handshake::call::StepKind,
    policy::Clock,
    report::{Handshake, HandshakeOutcome, Report, TokenSummary, Unexpected},
    token::{
        Token,
        principal::{Principal, application_name},
    },
    verdict::Outcome,
};

use super::token::{Moment, signature_words, validity};
use super::{place::Names, recordings::Line};
use crate::{
    commands::judging::Judged,
    output::{count, style, wrap},
};

/// Handshakes shown; the others are counted.
const HANDSHAKES: usize = 3;
/// Steps named under "next".
const STEPS: usize = 2;

/// The steps that are shown.
pub(crate) fn steps(report: &Report) -> &[String] {
    report.next_steps.get(..STEPS).unwrap_or(&report.next_steps)
}

/// Writes it. Of several recordings the table stands in place of the handshakes.
pub(crate) fn write(to: &mut dyn Write, judged: &Judged, recordings: &[Line<'_>]) -> io::Result<()> {
    let report = &judged.report;
    let word = report.outcome.as_str().to_uppercase();
    let painted = style::paint(style::of_outcome(report.outcome), &word);
    wrap::styled(to, &format!("{painted}  "), word.len() + 2, &report.reason)?;
    writeln!(to)?;
    if recordings.len() > 1 {
        super::recordings::write(to, recordings)?;
        writeln!(to)?;
    }
    let next = steps(report);
    for (number, step) in next.iter().enumerate() {
        for (line, text) in step.split('\n').enumerate() {
            row(to, if number == 0 && line == 0 { "next" } else { "" }, text)?;
        }
    }
    if next.is_empty() && report.outcome == Outcome::Pass {
        row(to, "next", "nothing to do")?;
    }
    row(to, "Basic", &basic(report))?;
    row(to, "read", &coverage(&report.coverage))?;
    if recordings.len() > 1 {
        return Ok(());
    }
    // Calls with other credentials are in the timeline, and in the findings.
    let mut calls: Vec<&Handshake> = report.handshakes.iter().filter(|one| one.flow != "other").collect();
    // Who was expected, in scope, with a call: what the question is about comes first.
    calls.sort_by_key(|one| (!one.in_scope, !one.expected, one.calls == 0));
    for handshake in calls.iter().take(HANDSHAKES) {
        writeln!(to)?;
        write_handshake(to, judged, handshake)?;
    }
    let more = calls.get(HANDSHAKES..).unwrap_or_default();
    if !more.is_empty() {
        let refused = more.iter().filter(|one| one.outcome == HandshakeOutcome::Refused).count();
        let refused = if refused > 0 { format!(", {refused} of them refused") } else { String::new() };
        let number = count(more.len() as u64, "more handshake", "more handshakes");
        row(to, "", &format!("and {number}{refused}; `inspector timeline` shows them"))?;
    }
    Ok(())
}

fn row(to: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    // Six letters and a blank leave 73 columns: a principal with a GUID for its realm fits on a line.
    let label = style::paint(style::FRAME, format_args!("{name:6}"));
    wrap::styled(to, &format!("{label} "), 7, text)
}

fn write_handshake(to: &mut dyn Write, judged: &Judged, handshake: &Handshake) -> io::Result<()> {
    let summary = handshake.token.and_then(|id| judged.report.tokens.iter().find(|one| one.token.id == id));
    row(to, "caller", &caller(handshake))?;
    if let Some(summary) = summary {
        write_issuers(to, &summary.token)?;
        if handshake.flow == "app-only"
            && let Some(claim) = handshake.caller_claim
        {
            row(to, "", &format!("who issued the token; the caller, an application by itself, is the {claim}"))?;
        }
    }
    let client = handshake.client.map(|client| format!(", called from {client}")).unwrap_or_default();
    let scope = if handshake.in_scope { "" } else { " (out of scope)" };
    let input = inputs(judged, handshake);
    row(to, "host", &format!("{}{scope}{client}{input}", handshake.resource))?;
    if let Some(audience) = &handshake.audience {
        row(to, "aud", audience)?;
    }
    if let Some(summary) = summary {
        row(to, "token", &token_line(judged, handshake, summary))?;
        row(to, "", &signature(summary))?;
    }
    row(to, "result", &outcome(judged, handshake))
}

/// `, in a.pcap and b.har`, where there are several inputs.
fn inputs(judged: &Judged, handshake: &Handshake) -> String {
    if judged.report.inputs.len() < 2 {
        return String::new();
    }
    let steps = handshake.steps.iter();
    let all: BTreeSet<_> =
        steps.flat_map(|step| std::iter::once(&step.evidence).chain(&step.also)).map(|place| place.input).collect();
    let known = Names::of(&judged.report);
    let names: Vec<&str> = all.iter().map(|source| known.get(*source)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!(", in {one}"),
        [one, two] => format!(", in {one} and {two}"),
        [one, rest @ ..] => format!(", in {one} and {} others", rest.len()),
    }
}

fn caller(handshake: &Handshake) -> String {
    let Some(caller) = &handshake.caller else {
        return match handshake.outcome {
            HandshakeOutcome::Discovery | HandshakeOutcome::Refused if handshake.calls == 0 => {
                "unknown: it asked without a token".to_owned()
            }
            _ => "unknown: no token names it".to_owned(),
        };
    };
    let unexpected = match handshake.unexpected {
        None => "",
        Some(Unexpected::Caller) => ", which this profile does not expect",
        Some(Unexpected::Realm) => ", not the realm that is expected",
        Some(Unexpected::NoRealm) => ", and no realm",
        Some(Unexpected::Audience) => ", with a token for another resource",
        Some(Unexpected::Authority) => ", with a token that does not show who issued it",
    };
    let realm = Principal::parse(caller).and_then(|one| one.realm().map(|realm| format!(", realm {realm}")));
    match &handshake.caller_name {
        Some(name) => format!("{name}{}{unexpected}", realm.unwrap_or_default()),
        None if handshake.unexpected.is_some() => format!("{caller}, no published application{unexpected}"),
        None => caller.clone(),
    }
}

/// `iss` as sent, and who issued the actor token, if that is another.
fn write_issuers(to: &mut dyn Write, token: &Token) -> io::Result<()> {
    let Some(outer) = token.claim("iss") else { return Ok(()) };
    row(to, "issuer", &outer)?;
    let inner = token.actor.as_deref().and_then(|actor| actor.claim("iss"));
    let Some(inner) = inner.filter(|inner| *inner != outer) else { return Ok(()) };
    let name = Principal::parse(&inner).and_then(|issuer| application_name(&issuer.name));
    row(to, "", &format!("actor token issued by {}", name.unwrap_or(&inner)))
}

/// `s2s-outer 1f2e…, valid …, 7 h 59 min left at the call`.
fn token_line(judged: &Judged, handshake: &Handshake, summary: &TokenSummary) -> String {
    let called = handshake.span.map(|(first, _)| first);
    let moment = match judged.clock {
        Clock::Capture => Moment { at: called, event: "the call" },
        Clock::Fixed(at) => Moment { at: Some(at), event: "the moment asked for" },
    };
    let valid = validity(&summary.token, moment).map(|valid| format!(", valid {valid}")).unwrap_or_default();
    format!("{} {}{valid}", summary.kind, summary.token.id)
}

/// The state of the signature that counts: the innermost, for it vouches for the caller.
fn signature(summary: &TokenSummary) -> String {
    match summary.signatures.last() {
        Some(state) if summary.signatures.len() > 1 => {
            format!("signature of the actor token {}", signature_words(state, false))
        }
        Some(state) => format!("signature {}", signature_words(state, false)),
        None => "signature not verified".to_owned(),
    }
}

fn outcome(judged: &Judged, handshake: &Handshake) -> String {
    if handshake.calls == 0 {
        let said = handshake.reason.as_ref().and_then(|reason| reason.text.as_deref()).unwrap_or_default();
        return match handshake.outcome {
            HandshakeOutcome::Issued if judged.report.coverage.sanitized => {
                "a token was issued; whether a call used it cannot be told, for values were taken out".to_owned()
            }
            HandshakeOutcome::Issued => "a token was issued, and no call with it was read".to_owned(),
            HandshakeOutcome::Refused if said.is_empty() => "no token was issued".to_owned(),
            HandshakeOutcome::Refused => format!("no token was issued; the server said: {said}"),
            // In the words of the answer itself: what was offered, if that was recorded.
            HandshakeOutcome::Discovery => {
                let challenge = handshake.steps.iter().rev().find(|step| step.kind == StepKind::Challenge);
                let offered = challenge.map_or("a challenge", |step| step.text.as_str());
                let called =
                    judged.report.handshakes.iter().any(|one| one.calls > 0 && one.resource == handshake.resource);
                let more = if called { "" } else { "; no call with a token was read" };
                format!("the server answered {offered}{more}")
            }
            _ => without_token(handshake).to_owned(),
        };
    }
    let mut parts = vec![format!("accepted {}", handshake.accepted)];
    parts.push(format!("refused {}", handshake.refused));
    let open = handshake.calls.saturating_sub(handshake.accepted + handshake.refused);
    if open > 0 {
        parts.push(format!("undecided {open}"));
    }
    let mut text = format!("{}: {}", count(handshake.calls, "call", "calls"), parts.join(", "));
    if handshake.seen_again > 0 {
        text.push_str(&format!(" (recorded {} more in other places)", count(handshake.seen_again, "time", "times")));
    }
    if let Some(status) = handshake.status {
        text.push_str(&format!("; last answer {status}"));
        if status >= 400 && handshake.outcome == HandshakeOutcome::Accepted {
            text.push_str(", an error in the product's form that is not about authentication");
        }
    }
    if let Some(reason) = &handshake.reason {
        let said = reason.describe();
        if !said.is_empty() {
            text.push_str(&format!("; the server said: {said}"));
        }
        if let Some(explanation) = reason.explanation() {
            text.push_str(&format!(" - {}", explanation.meaning));
        }
    }
    text
}

/// What was asked of an authorization server, where no token was read that it gave.
fn without_token(handshake: &Handshake) -> &'static str {
    let has = |kind| handshake.steps.iter().any(|step| step.kind == kind);
    match (has(StepKind::Introspection), has(StepKind::Revocation), has(StepKind::Done)) {
        (true, _, true) => "a server asked what a token is worth, and was answered",
        (true, _, false) => "a server asked what a token is worth; no answer was read",
        (false, true, true) => "a token was given back",
        (false, true, false) => "a token was given back; no answer was read",
        (false, false, _) if has(StepKind::TokenRequest) || has(StepKind::Renewal) => {
            "a token was asked for; no answer with a token was read"
        }
        (false, false, _) if has(StepKind::DeviceRequest) => {
            "a device asked for a code; no request for a token was read"
        }
        (false, false, _) if has(StepKind::Authorization) || has(StepKind::AuthorizationResponse) => {
            "a user was sent to sign in; no request for a token was read"
        }
        (false, false, _) => "a token was asked for; no answer with a token was read",
    }
}

/// `sent 0, offered 3`: to hosts in scope; elsewhere only if there is something to tell.
fn basic(report: &Report) -> String {
    let total = |codes: &[&str], in_scope: bool| -> u64 {
        let matching = |finding: &&inspector_core::finding::Finding| {
            codes.contains(&finding.meta.code) && finding.in_scope == in_scope
        };
        // What the profile ignores was sent all the same.
        let ignored = report.ignored.iter().flat_map(|one| &one.findings);
        report.findings.iter().chain(ignored).filter(matching).map(|finding| finding.count).sum()
    };
    let mut text = format!("sent {}, offered {}", total(&["BAS-001"], true), total(&["BAS-003"], true));
    if report.findings.iter().any(|finding| finding.blocks) {
        text.push_str(" in what could be read");
    }
    let others = ["BAS-005", "BAS-006", "BAS-008", "BAS-017", "BAS-018"];
    let purposes: Vec<&str> =
        others.into_iter().filter(|code| total(&[code], true) + total(&[code], false) > 0).collect();
    if !purposes.is_empty() {
        text.push_str(&format!("; sent for other purposes ({})", purposes.join(", ")));
    }
    let elsewhere = total(&["BAS-001", "BAS-002"], false) + total(&["BAS-002"], true);
    if elsewhere > 0 {
        text.push_str(&format!("; sent {elsewhere} to proxies or hosts out of scope"));
    }
    let others: BTreeSet<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.in_scope && finding.fails && finding.meta.code.starts_with("BAS-"))
        .map(|finding| finding.meta.code)
        .filter(|code| *code != "BAS-001" && !purposes.contains(code))
        .collect();
    if !others.is_empty() {
        text.push_str(&format!("; see also {}", others.into_iter().collect::<Vec<_>>().join(", ")));
    }
    text
}

/// `41 of 43 TLS connections decrypted; 2 without key; 0 gaps; 3 bodies cut; 120 exchanges`.
fn coverage(coverage: &Coverage) -> String {
    let mut parts = Vec::new();
    if coverage.tls_connections > 0 {
        let (all, read) = (coverage.tls_connections, coverage.tls_decrypted);
        parts.push(format!("{read} of {} decrypted", count(all, "TLS connection", "TLS connections")));
        if all > read {
            parts.push(format!("{} not", all - read));
        }
    } else if coverage.connections > 0 {
        parts.push(count(coverage.connections, "connection", "connections"));
    }
    parts.push(count(coverage.exchanges, "exchange", "exchanges"));
    if coverage.exchanges_without_response > 0 {
        parts.push(format!("{} without response", coverage.exchanges_without_response));
    }
    if coverage.connections > 0 {
        let missing =
            if coverage.bytes_missing > 0 { format!(" ({} bytes)", coverage.bytes_missing) } else { String::new() };
        parts.push(format!("{}{missing}", count(coverage.gaps, "gap", "gaps")));
    }
    parts.push(format!("{} cut", count(coverage.bodies_cut, "body", "bodies")));
    if coverage.entries_skipped > 0 {
        parts.push(format!("{} skipped", count(coverage.entries_skipped, "entry", "entries")));
    }
    if coverage.packets_skipped > 0 {
        parts.push(format!("{} not understood", count(coverage.packets_skipped, "packet", "packets")));
    }
    if coverage.sanitized {
        parts.push("values were taken out".to_owned());
    }
    parts.join("; ")
}
