//! What differs between a recording that works and one that does not, in the terms of the handshake.
//!
//! Handshakes are paired by caller and resource; where only one of the two is the same, by that; what is left stands alone.
//! Compared is what somebody configures or a server decides: who called, whom, with which issuer, realm, audience, algorithm
//! and certificate, for how long the token is good, how it was got, and what was answered. Times, identifiers and the numbers of
//! calls are others in every recording, and are not.
//!
//! Differences stand in the order of the handshake, so that the first one is the first divergence.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{
    evidence::Evidence as Place,
    finding::{Family, Severity},
    report::{Handshake, Report, TokenSummary},
    token::{Token, mask, principal::Principal},
    verdict::Outcome,
};

/// Handshakes of a recording that are compared.
const MOST: usize = 200;

/// A difference, schema `inspector-diff/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs: `audience`, `issuer`, `answer` …
    pub what: String,
    /// The host it is about; empty for what is about the whole.
    pub host: String,
    /// In the recording that works; `None` if it is not there.
    pub good: Option<String>,
    /// In the other.
    pub bad: Option<String>,
    /// Where it was seen.
    pub evidence: Sides,
}

/// A place in each recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sides {
    /// In the recording that works.
    pub good: Option<String>,
    /// In the other.
    pub bad: Option<String>,
}

/// Two recordings side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// `inspector-diff/1`.
    pub schema: &'static str,
    /// Outcome of the recording that works.
    pub good: Outcome,
    /// Outcome of the other.
    pub bad: Outcome,
    /// The first divergence, in one line; `None` if there is none.
    pub first: Option<String>,
    /// All of them.
    pub differences: Vec<Difference>,
    /// What is the same.
    pub equal: Vec<String>,
}

impl Diff {
    /// 0 equal, 1 different, 3 if one of the two is inconclusive.
    pub const fn exit_code(&self) -> u8 {
        if matches!(self.good, Outcome::Inconclusive) || matches!(self.bad, Outcome::Inconclusive) {
            return 3;
        }
        if self.differences.is_empty() { 0 } else { 1 }
    }
}

/// Compares two reports.
pub fn compare(good: &Report, bad: &Report) -> Diff {
    let mut found = Found { differences: Vec::new(), equal: Vec::new() };
    for (one, other) in pairs(good, bad) {
        let sides = [one.map(|it| (good, it)), other.map(|it| (bad, it))];
        match sides {
            [Some(one), Some(other)] => found.handshake(one, other),
            [Some((report, it)), None] => found.alone(report, it, true),
            [None, Some((report, it))] => found.alone(report, it, false),
            [None, None] => {}
        }
    }
    found.findings(good, bad);
    found.add(
        "outcome",
        "",
        Some(good.outcome.as_str().to_owned()),
        Some(bad.outcome.as_str().to_owned()),
        Sides::default(),
    );
    let first = found.differences.first().map(Difference::line);
    found.equal.sort();
    found.equal.dedup();
    let differing: BTreeSet<&String> = found.differences.iter().map(|it| &it.what).collect();
    found.equal.retain(|what| !differing.contains(what));
    Diff {
        schema: "inspector-diff/1",
        good: good.outcome,
        bad: bad.outcome,
        first,
        differences: found.differences,
        equal: found.equal,
    }
}

impl Difference {
    /// `audience of mail.contoso.com: … in the good one, … in the bad one`.
    pub fn line(&self) -> String {
        let of = if self.host.is_empty() { String::new() } else { format!(" ({})", self.host) };
        let said = |side: &Option<String>| side.clone().unwrap_or_else(|| "none".to_owned());
        format!("{}{of}: good {}, bad {}", self.what, said(&self.good), said(&self.bad))
    }
}

/// Whether two handshakes belong together.
type Fits<'f> = &'f dyn Fn(&Handshake, &Handshake) -> bool;

type Paired<'r> = (Option<&'r Handshake>, Option<&'r Handshake>);

/// Pairs handshakes by caller and resource, then by either.
fn pairs<'r>(good: &'r Report, bad: &'r Report) -> Vec<Paired<'r>> {
    let list = |report: &'r Report| {
        let mut all: Vec<&Handshake> = report.handshakes.iter().take(MOST).collect();
        // Those that matter first: in scope, of expected callers, with calls.
        all.sort_by_key(|it| (!it.in_scope, !it.expected, it.calls == 0));
        all
    };
    let (mut ones, mut others) = (list(good), list(bad));
    let mut pairs: Vec<Paired<'r>> = Vec::new();
    let same_caller =
        |a: &Handshake, b: &Handshake| application(a) == application(b) && a.caller.is_some() == b.caller.is_some();
    let same_resource = |a: &Handshake, b: &Handshake| a.resource.eq_ignore_ascii_case(&b.resource);
    let rounds: [Fits<'_>; 3] =
        [&|a, b| same_caller(a, b) && same_resource(a, b), &|a, b| same_resource(a, b), &|a, b| {
            same_caller(a, b) && a.caller.is_some()
        }];
    for fits in rounds {
        let mut left = Vec::new();
        for one in ones {
            match others.iter().position(|other| fits(one, other)) {
                Some(at) => pairs.push((Some(one), Some(others.remove(at)))),
                None => left.push(one),
            }
        }
        ones = left;
    }
    pairs.extend(ones.into_iter().map(|one| (Some(one), None)));
    pairs.extend(others.into_iter().map(|other| (None, Some(other))));
    pairs
}

/// The application that called, without its realm.
fn application(handshake: &Handshake) -> Option<String> {
    let caller = handshake.caller.as_deref()?;
    Some(Principal::parse(caller).map_or_else(|| caller.to_owned(), |it| it.name.to_string()).to_ascii_lowercase())
}

struct Found {
    differences: Vec<Difference>,
    equal: Vec<String>,
}

impl Found {
    fn add(&mut self, what: &str, host: &str, good: Option<String>, bad: Option<String>, evidence: Sides) {
        if good == bad {
            if good.is_some() {
                self.equal.push(what.to_owned());
            }
            return;
        }
        // A thumbprint is public, and looks like a secret.
        let is_thumbprint = |text: &str| {
            text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_plain = what == "certificate" && [&good, &bad].into_iter().flatten().all(|text| is_thumbprint(text));
        let shown = |side: Option<String>| side.map(|text| if is_plain { text } else { mask::text(&text) });
        let (good, bad) = (shown(good), shown(bad));
        self.differences.push(Difference { what: what.to_owned(), host: host.to_owned(), good, bad, evidence });
    }

    /// Compares what two handshakes are made of, in the order in which it comes to be.
    fn handshake(&mut self, (good, one): (&Report, &Handshake), (bad, other): (&Report, &Handshake)) {
        let (facts, others) = (facts(good, one), facts(bad, other));
        let sides = |at: usize| Sides {
            good: facts.get(at).and_then(|(.., place)| place.clone()),
            bad: others.get(at).and_then(|(.., place)| place.clone()),
        };
        let pairs = facts.iter().zip(&others).enumerate();
        for (at, ((what, good, _), (_, bad, _))) in pairs {
            self.add(what, &one.resource, good.clone(), bad.clone(), sides(at));
        }
    }

    /// A handshake that only one of the two has.
    fn alone(&mut self, report: &Report, handshake: &Handshake, is_good: bool) {
        let caller = handshake.caller_name.clone().or_else(|| handshake.caller.clone());
        let said = match caller {
            Some(caller) => format!("{caller} at {} ({})", handshake.resource, outcome(handshake)),
            None => format!("{} at {}", outcome(handshake), handshake.resource),
        };
        let place = handshake.steps.first().map(|step| place(report, &step.evidence));
        let (sides, good, bad) = if is_good {
            (Sides { good: place, bad: None }, Some(said), None)
        } else {
            (Sides { good: None, bad: place }, None, Some(said))
        };
        self.add("handshake", &handshake.resource, good, bad, sides);
    }

    /// Rules that speak of one and not of the other.
    fn findings(&mut self, good: &Report, bad: &Report) {
        let codes = |report: &Report| {
            let all = report.findings.iter().filter(|one| one.severity >= Severity::Medium || one.blocks);
            all.map(|one| one.meta.code).collect::<BTreeSet<&str>>()
        };
        let (one, other) = (codes(good), codes(bad));
        for code in one.symmetric_difference(&other) {
            let of = |report: &Report| {
                let finding = report
                    .findings
                    .iter()
                    .find(|it| it.meta.code == *code && (it.severity >= Severity::Medium || it.blocks));
                finding.map(|it| {
                    (format!("{code} {}", it.title), it.evidence.first().map(|at| place(report, at)), it.meta.family())
                })
            };
            let (good, bad) = (of(good), of(bad));
            let family = good.as_ref().or(bad.as_ref()).map(|(.., family)| *family);
            let what = if family == Some(Family::Coverage) { "coverage" } else { "finding" };
            let sides = Sides {
                good: good.as_ref().and_then(|(_, at, _)| at.clone()),
                bad: bad.as_ref().and_then(|(_, at, _)| at.clone()),
            };
            self.add(what, "", good.map(|(text, ..)| text), bad.map(|(text, ..)| text), sides);
        }
    }
}

fn outcome(handshake: &Handshake) -> String {
    serde_json::to_value(handshake.outcome).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

/// `frame 10`, `entries[3]`, `exchange 2`.
fn place(report: &Report, evidence: &Place) -> String {
    let path = report.path(evidence);
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let at = match (evidence.frame, evidence.entry, evidence.exchange) {
        (Some(frame), ..) => format!("frame {frame}"),
        (None, Some(entry), _) => format!("entries[{entry}]"),
        (None, None, Some(exchange)) => format!("exchange {exchange}"),
        _ => String::new(),
    };
    mask::text(format!("{name} {at}").trim())
}

type Fact = (&'static str, Option<String>, Option<String>);

/// What a handshake is made of: each fact with its value and its place, in a fixed order.
fn facts(report: &Report, handshake: &Handshake) -> Vec<Fact> {
    let summary = report.tokens.iter().find(|summary| Some(summary.token.id) == handshake.token);
    let token = summary.map(|summary| &*summary.token);
    let actor = token.and_then(|token| token.actor.as_deref());
    let at_token = summary.map(|summary: &TokenSummary| place(report, &summary.first));
    let at_last =
        handshake.steps.iter().rev().find(|step| step.kind.is_answer()).map(|step| place(report, &step.evidence));
    let at_first = handshake.steps.first().map(|step| place(report, &step.evidence));
    let realm = handshake.caller.as_deref().and_then(Principal::parse).and_then(|it| it.realm().map(str::to_owned));
    let header = |token: Option<&Token>, name: &str| {
        token.and_then(|it| it.header.get(name)).and_then(|it| it.as_str().map(str::to_owned))
    };
    let lifetime = |token: Option<&Token>| {
        let token = token?;
        let (start, end) = (token.not_before.or(token.issued_at)?, token.expires?);
        Some(format!("{} min", (end.seconds() - start.seconds()) / 60))
    };
    let algorithm = |token: Option<&Token>| token.map(|it| it.algorithm().into_owned());
    let signer = actor.or(token);
    let kinds: Vec<&str> = handshake.steps.iter().map(|step| step.kind.as_str()).collect();
    let has = |kind: &str| kinds.contains(&kind).then(|| "seen".to_owned());
    let grants: BTreeSet<String> = handshake.grants.iter().map(|grant| grant.as_str().to_owned()).collect();
    let issued: BTreeSet<String> = summary
        .into_iter()
        .flat_map(|summary| &summary.lineage)
        .filter(|station| station.step == crate::handshake::lineage::Step::Issued)
        .map(|station| station.host.to_string())
        .collect();
    let joined = |set: BTreeSet<String>| (!set.is_empty()).then(|| set.into_iter().collect::<Vec<_>>().join(", "));
    let reason = handshake.reason.as_ref().map(|it| {
        let parts = [it.code.map(|code| code.to_string()), it.category.clone(), it.text.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    });
    vec![
        ("endpoint", Some(handshake.resource.to_string()), at_first.clone()),
        ("challenge", has("challenge"), at_first),
        ("flow", Some(handshake.flow.to_owned()), at_token.clone()),
        ("caller", application(handshake), at_token.clone()),
        ("realm", realm, at_token.clone()),
        ("issuer", token.and_then(|it| it.claim("iss")).map(std::borrow::Cow::into_owned), at_token.clone()),
        ("actor's issuer", actor.and_then(|it| it.claim("iss")).map(std::borrow::Cow::into_owned), at_token.clone()),
        ("audience", handshake.audience.clone(), at_token.clone()),
        ("kind of token", handshake.token_kind.map(|kind| kind.as_str().to_owned()), at_token.clone()),
        ("algorithm", algorithm(signer), at_token.clone()),
        ("certificate", header(signer, "x5t").or_else(|| header(signer, "kid")), at_token.clone()),
        ("lifetime", lifetime(token), at_token.clone()),
        ("actor's lifetime", lifetime(actor), at_token.clone()),
        ("call", has("call"), at_last.clone()),
        ("answer", handshake.status.map(|status| status.to_string()), at_last.clone()),
        ("server's reason", reason, at_last.clone()),
        ("result", Some(outcome(handshake)), at_last),
        // A token may have been got before the recording began: that comes last.
        ("token request", has("token-request"), at_token.clone()),
        ("token endpoint", joined(issued), at_token.clone()),
        ("grants", joined(grants), at_token),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    const CALLER: &str = "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

    fn call(caller: &str, answer: &str) -> String {
        format!(
            "# @time 2026-01-01T00:02:00Z\nPOST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {}\n\n{answer}\n###\n",
            testing::outer(caller)
        )
    }

    #[test]
    fn a_recording_equals_itself_also_twice_as_long() {
        let text = call(CALLER, "HTTP/1.1 200 OK\n");
        let one = testing::judge(&text);
        let diff = compare(&one, &one);
        assert!(diff.differences.is_empty() && diff.first.is_none(), "{diff:?}");
        assert!(diff.equal.contains(&"audience".to_owned()) && diff.exit_code() == 0);
        let twice = testing::judge(&format!("{text}{text}"));
        assert_eq!(compare(&one, &twice).differences, []);
    }

    #[test]
    fn the_first_divergence_stands_on_top() {
        let good = testing::judge(&call(CALLER, "HTTP/1.1 200 OK\n"));
        let refused = "HTTP/1.1 401 U\nx-ms-diagnostics: 2000003;reason=\"no\";error_category=\"invalid_issuer\"\n";
        let other = CALLER.replace("7f9c2b1e", "11111111");
        let bad = testing::judge(&call(&other, refused));
        let diff = compare(&good, &bad);
        let whats: Vec<&str> = diff.differences.iter().map(|it| it.what.as_str()).collect();
        assert_eq!(whats.first(), Some(&"realm"), "{whats:?}");
        assert!(whats.contains(&"answer") && whats.contains(&"result"), "{whats:?}");
        assert_eq!(diff.exit_code(), 1);
        assert!(diff.first.unwrap().starts_with("realm (mail.contoso.com): good 7f9c"), "{:?}", diff.differences[0]);
        // What one of them lacks.
        let nothing = testing::judge("GET / HTTP/1.1\nHost: www.example.org\n\nHTTP/1.1 200 OK\n\n");
        let diff = compare(&good, &nothing);
        assert_eq!((diff.differences[0].what.as_str(), diff.exit_code()), ("handshake", 3));
    }
}
