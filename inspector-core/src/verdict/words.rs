//! The sentence of a verdict: what was found for hosts in scope, and nothing more.

use super::{
    Facts,
    bearer::{Against, LATER_IS_MISSING},
};
use crate::{
    finding::{Family, Finding},
    profile::Judgement,
    token::mask,
};

/// Rules that say that Basic was sent, to whomever and for whatever.
const BASIC_SENT: [&str; 7] = ["BAS-001", "BAS-002", "BAS-005", "BAS-006", "BAS-008", "BAS-017", "BAS-018"];

/// Coverage findings that hide nothing that was recorded: clocks, and what was before the recording.
const HIDES_NOTHING: [&str; 2] = ["COV-007", "COV-008"];

/// Where no Basic was sent at all.
const NEVER_SENT: &str = "Basic was never sent";

/// Where nothing at all was unreadable.
const NOTHING_UNREADABLE: &str = "nothing in scope was unreadable";

fn says_basic_sent(finding: &Finding) -> bool {
    BASIC_SENT.contains(&finding.meta.code)
}

fn says_unreadable(finding: &Finding) -> bool {
    finding.meta.family() == Family::Coverage && !HIDES_NOTHING.contains(&finding.meta.code)
}

/// The sentence of one of several inputs: it says no more than is true of all of them.
pub(crate) fn of_several(mut reason: String, findings: &[Finding]) -> String {
    if findings.iter().any(says_basic_sent) {
        reason = reason.replace(NEVER_SENT, "no Basic credentials were sent to a host in scope");
    }
    if findings.iter().any(says_unreadable) {
        reason = reason.replace(NOTHING_UNREADABLE, "what could not be read cannot change that");
    }
    reason
}

pub(super) fn because_of(facts: &Facts<'_>, first: &Finding) -> String {
    let others = facts.findings.iter().filter(|finding| finding.fails).count().saturating_sub(1);
    let host = first.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    let more = match others {
        0 => String::new(),
        1 => ", and one more finding fails".to_owned(),
        n => format!(", and {n} more findings fail"),
    };
    let particulars = words_of_finding(first);
    format!("{}: {}{host}{particulars}{more}.", first.meta.code, first.title)
}

/// What the title does not say: what was expected and what was seen, where the detail tells.
fn words_of_finding(first: &Finding) -> String {
    let detail = first.detail.trim();
    if detail.is_empty() || detail.chars().count() > LONGEST_DETAIL {
        return String::new();
    }
    // The host stands in the sentence already.
    let host = first.host.as_deref().unwrap_or_default();
    let rest = detail.strip_prefix(host).filter(|_| !host.is_empty()).unwrap_or(detail);
    let rest = rest.trim_start_matches([':', ' ']).trim_end_matches('.').replace(": ", ", ");
    if rest.is_empty() { rest } else { format!("; {rest}") }
}

/// A detail that fits into a sentence.
const LONGEST_DETAIL: usize = 300;

pub(super) fn blocked(facts: &Facts<'_>, first: &Finding, count: usize) -> String {
    let open = facts.findings.iter().find(|finding| finding.open).map(|finding| {
        let host = finding.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
        format!("{}: {}{host}, {LATER_IS_MISSING}", finding.meta.code, finding.title)
    });
    let open = open.or_else(|| match facts.bearer.against().into_iter().next() {
        Some(Against::Open(reason)) if reason.ends_with("is missing") => Some(reason),
        Some(Against::Open(reason)) => Some(format!("{reason}, and evidence is missing")),
        _ => None,
    });
    let so_far = open.as_deref().unwrap_or_else(|| {
        if facts.shown() { "what was read is in order, but evidence is missing" } else { "evidence is missing" }
    });
    let host = first.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    let more = match count {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    sentence(&format!("{so_far} ({}): {}{host}{more}", first.meta.code, first.title))
}

pub(super) fn passed(facts: &Facts<'_>) -> String {
    let unreadable = unreadable(facts);
    let clean = if facts.set_aside.is_empty() {
        format!("{}, and {unreadable}", basic(facts))
    } else {
        let codes: Vec<String> = facts.set_aside.iter().map(|(code, count)| format!("{code} ({count})")).collect();
        format!("{unreadable}, but what would fail was found and the profile sets it aside: {}", codes.join(", "))
    };
    match (facts.profile.judgement, &facts.call) {
        (Judgement::ServerToServer, Some((caller, host))) => {
            format!("{host} accepted {} by {caller}; {clean}.", calls(facts.accepted))
        }
        _ => {
            let hosts = &facts.bearer.hosts;
            let first = hosts.first().map(|taken| mask::text(&taken.host)).unwrap_or_default();
            let more = match hosts.len() {
                0 | 1 => String::new(),
                2 => " and one more host".to_owned(),
                n => format!(" and {} more hosts", n - 1),
            };
            format!("{first}{more} accepted {} with bearer tokens; {clean}.", calls(facts.bearer.accepted()))
        }
    }
}

/// What a pass rests on, for a table.
pub(super) fn accepted_briefly(facts: &Facts<'_>) -> String {
    match facts.profile.judgement {
        Judgement::ServerToServer => format!("Accepted {}", calls(facts.accepted)),
        Judgement::Bearer => format!("Accepted {}", calls(facts.bearer.accepted())),
    }
}

fn calls(count: u64) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}

/// What can be said about Basic beside a pass.
fn basic(facts: &Facts<'_>) -> &'static str {
    let sent = || facts.findings.iter().filter(|finding| says_basic_sent(finding));
    if sent().next().is_none() {
        return NEVER_SENT;
    }
    // In scope and no failure: it said nothing, or authenticated a client at a token endpoint.
    if sent().any(|finding| finding.in_scope) {
        return "no user's password was sent by Basic to a host in scope";
    }
    "no Basic credentials were sent to a host in scope"
}

/// What can be said about what was not read beside a pass.
fn unreadable(facts: &Facts<'_>) -> &'static str {
    let hidden = || facts.findings.iter().filter(|finding| says_unreadable(finding));
    if hidden().next().is_none() {
        return NOTHING_UNREADABLE;
    }
    if hidden().any(|finding| finding.in_scope || finding.host.is_none()) {
        return "what could not be read cannot change that";
    }
    "what could not be read is about other hosts"
}

pub(super) fn undecided(facts: &Facts<'_>) -> String {
    let (caller, host) = facts.call.clone().unwrap_or_default();
    format!(
        "calls of the expected issuer were recorded ({caller} to {host}), but whether they were accepted cannot be told from the answers"
    )
}

/// That no bearer token was sent, and which credentials were.
pub(super) fn no_bearer(facts: &Facts<'_>) -> String {
    let sent = &facts.sent;
    let mut all = Vec::new();
    for (what, host) in [
        ("passwords (Basic and others)", &sent.passwords),
        ("other schemes (NTLM, Negotiate, Digest)", &sent.others),
        ("keys that are meant to be published, or tokens to hosts out of scope", &sent.tokens),
        ("API keys", &sent.keys),
        ("signed URLs", &sent.signed_urls),
        ("cookies", &sent.cookies),
    ] {
        if let Some(host) = host {
            all.push(format!("{what}, first to {}", mask::text(host)));
        }
    }
    let none = if facts.patterns.is_empty() && sent.tokens.is_none() {
        "no request carried a bearer token"
    } else {
        "no bearer token was sent to a host in scope"
    };
    if all.is_empty() {
        return format!("{none}, nor any other credentials");
    }
    format!("{none}; what was sent: {}", all.join("; "))
}

pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
