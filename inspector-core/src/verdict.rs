//! Pass, fail or inconclusive: four rules, in their order, over what is in scope (the page [`verdict`](crate::pages::verdict)).
//!
//! 1. **fail** if an in-scope finding of the deciding families is high or critical;
//! 2. **pass** if a call of an expected caller was accepted and no coverage finding blocks;
//! 3. **inconclusive** if a coverage finding blocks, if no request to a resource in scope carried any credentials, if
//!    the only ones were tokens that cannot be read, or if no call of an expected caller has a decided answer;
//! 4. **fail** otherwise.
//!
//! Profiles of the kind [`Judgement::Bearer`] have words of their own for the second and the fourth ([`bearer`]). Which
//! hosts are in scope, [`crate::scope`] tells.
//!
//! # What blocks
//! A coverage finding blocks if it concerns a host in scope and what is missing *could overturn the answer*. By that
//! measure:
//!
//! | missing | could overturn | because |
//! |---|---|---|
//! | an undecrypted connection, a gap, a cut header | yes | any request can be in it |
//! | a response, whatever the request | yes | it may be a refusal |
//! | a request of which only the response was recorded | yes | it may have carried Basic |
//! | part of a request's content | yes, unless its type is one of pictures, sound, fonts, style sheets, scripts or PDF | it may hold a password |
//! | part of a response's content | likewise, if the recording lacks it | it may be a fault or an error |
//! | the tail of a response's content that this program did not keep (a limit) | no | the status and the beginning are there, and a fault stands at the beginning |
//! | values that an exporter took out | yes | they may be Basic |
//! | entries that could not be read | yes | any request can be in it |
//! | the packet or entry in which a recording ends, what a damaged part of it held | yes | any request can be in it |
//! | Basic that cannot be decoded, or whose purpose is not clear | yes | it may be a password |

pub mod bearer;
pub mod exceptions;
mod seen;
pub mod weigh;
pub(crate) mod words;

use std::sync::Arc;

use self::bearer::{Against, Bearer, Forgeries};
use self::seen::Seen;
pub use crate::scope::Scope;
use crate::{
    finding::{Family, Finding},
    handshake::{facts::Tally, ledger::Ledger},
    hosts::HostPattern,
    policy::Policy,
    profile::{Judgement, Profile},
    verdict::exceptions::Ignored,
};

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was shown to work, and nothing that could show otherwise is missing.
    Pass,
    /// It was shown not to work, or what must not be there is there.
    Fail,
    /// Evidence is missing.
    Inconclusive,
}

impl Outcome {
    /// Its word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// One outcome of several: fail if any fails, else inconclusive if any is, else pass.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::Inconclusive, _) | (_, Self::Inconclusive) => Self::Inconclusive,
            (Self::Pass, Self::Pass) => Self::Pass,
        }
    }
}

/// Everything the four rules look at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What is expected.
    pub profile: &'a Profile,
    /// Of which realms; of any if empty.
    pub realms: &'a [String],
    /// Which hosts were asked for; those the traffic tells if empty.
    pub patterns: &'a [HostPattern],
    /// All findings, weighed and in order.
    pub findings: &'a [Finding],
    /// Requests to resources in scope.
    pub tally: Tally,
    /// Requests to resources wherever, with the first host of each kind.
    pub sent: Sent,
    /// Calls of an expected caller to hosts in scope.
    pub expected: u64,
    /// Of these, with a decided answer.
    pub decided: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Name of an expected caller, as sent, and the host it called.
    pub call: Option<(String, String)>,
    /// What hosts in scope were called with instead of a token of an expected caller.
    pub(crate) seen: Seen,
    /// How hosts in scope took bearer tokens, for profiles that judge any.
    pub bearer: Bearer,
    /// Hosts in scope.
    pub hosts: usize,
    /// Findings that would fail, but the profile ignores or lowers them: rule and count.
    pub set_aside: Vec<(&'static str, u64)>,
}

/// Which credentials were sent wherever, each kind with the first host.
#[derive(Debug, Default)]
pub struct Sent {
    /// Basic and other passwords.
    pub passwords: Option<Arc<str>>,
    /// NTLM, Negotiate, Digest and other schemes.
    pub others: Option<Arc<str>>,
    /// Tokens; where no host in scope got any, keys that are meant to be published.
    pub tokens: Option<Arc<str>>,
    /// Keys by their names: `X-Api-Key`.
    pub keys: Option<Arc<str>>,
    /// URLs that carry their own permission.
    pub signed_urls: Option<Arc<str>>,
    /// Cookies.
    pub cookies: Option<Arc<str>>,
}

impl<'a> Facts<'a> {
    /// Gathers them.
    pub fn new(
        policy: &'a Policy,
        findings: &'a [Finding],
        scope: &Scope,
        ledger: &Ledger,
        forgeries: &Forgeries,
    ) -> Self {
        let profile = &policy.profile;
        let bearer = match profile.judgement {
            Judgement::Bearer => Bearer::new(policy, findings, scope, ledger, forgeries),
            Judgement::ServerToServer => Bearer::default(),
        };
        let mut facts = Self {
            profile,
            realms: &policy.realms,
            patterns: &policy.hosts,
            findings,
            tally: Tally::default(),
            sent: Sent::default(),
            expected: 0,
            decided: 0,
            accepted: 0,
            call: None,
            seen: Seen::new(policy, scope, ledger),
            bearer,
            hosts: 0,
            set_aside: Vec::new(),
        };
        findings.iter().filter(|finding| finding.lowered).for_each(|finding| facts.set_aside(finding));
        for (id, name, host) in ledger.hosts() {
            let tally = &host.tally;
            let first = |known: &mut Option<Arc<str>>, count: u64| {
                if count > 0 {
                    known.get_or_insert_with(|| Arc::clone(name));
                }
            };
            first(&mut facts.sent.passwords, tally.passwords);
            first(&mut facts.sent.others, tally.others);
            first(&mut facts.sent.tokens, tally.readable_tokens.saturating_add(tally.unreadable_tokens));
            first(&mut facts.sent.keys, u64::from(host.keys));
            first(&mut facts.sent.signed_urls, u64::from(host.signed_urls));
            first(&mut facts.sent.cookies, u64::from(host.cookies));
            if !scope.has(id) {
                continue;
            }
            facts.hosts += 1;
            facts.tally.add(tally);
            facts.expected += host.expected.count;
            facts.decided += host.expected_decided;
            facts.accepted += host.expected_accepted.count;
            let better = host.expected_accepted.count > 0 && facts.accepted == host.expected_accepted.count;
            if let Some(caller) = host.expected_caller.as_ref().filter(|_| facts.call.is_none() || better) {
                facts.call = Some((caller.clone(), name.to_string()));
            }
        }
        facts
    }

    /// With what the profile ignores.
    #[must_use]
    pub fn without(mut self, ignored: &[Ignored]) -> Self {
        let all = ignored.iter().flat_map(|one| &one.findings);
        all.filter(|finding| finding.fails || finding.lowered).for_each(|finding| self.set_aside(finding));
        self
    }

    fn set_aside(&mut self, finding: &Finding) {
        let code = finding.meta.code;
        match self.set_aside.iter_mut().find(|(known, _)| *known == code) {
            Some((_, count)) => *count = count.saturating_add(finding.count),
            None => self.set_aside.push((code, finding.count)),
        }
    }

    /// Whether the profile's positive fact was shown.
    fn shown(&self) -> bool {
        match self.profile.judgement {
            Judgement::ServerToServer => self.expected > 0 && self.accepted > 0,
            Judgement::Bearer => self.bearer.is_shown(),
        }
    }
}

/// The families whose findings make the outcome fail.
pub const fn decides(judgement: Judgement, family: Family) -> bool {
    match judgement {
        Judgement::ServerToServer => matches!(family, Family::S2s | Family::Basic),
        Judgement::Bearer => !matches!(family, Family::Coverage),
    }
}

/// The outcome with its reason.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The answer.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// Why, in the few words of a table's cell.
    pub brief: String,
    /// What the reader can do about it, where that is not the remedy of a finding.
    pub next: Vec<String>,
    /// The finding it rests on, if no rule made it.
    pub finding: Option<Finding>,
}

impl Verdict {
    pub(crate) fn new(outcome: Outcome, reason: impl Into<String>, brief: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), brief: brief.into(), next: Vec::new(), finding: None }
    }
}

/// The outcome and its reason.
pub fn judge(facts: &Facts<'_>) -> Verdict {
    use Outcome::{Fail, Inconclusive, Pass};
    if let Some(first) = facts.findings.iter().find(|finding| finding.fails) {
        return Verdict::new(Fail, words::because_of(facts, first), &*first.title);
    }
    let against = facts.bearer.against();
    if let Some(Against::Fails(reason)) = against.first() {
        let mut verdict = Verdict::new(Fail, format!("{reason}."), reason);
        verdict.finding = Some(facts.seen.finding(reason, reason, None));
        return verdict;
    }
    if let Some(said) = facts.seen.no_host(facts) {
        return said;
    }
    let blockers: Vec<&Finding> = facts.findings.iter().filter(|finding| finding.blocks).collect();
    let is_silent = facts.profile.judgement == Judgement::Bearer && facts.bearer.hosts.is_empty();
    // That nothing in scope was read goes without saying where no bearer token was sent at all.
    if let Some(first) = blockers.first().filter(|first| !(is_silent && first.meta.code == "COV-012")) {
        return Verdict::new(Inconclusive, words::blocked(facts, first, blockers.len()), &*first.title);
    }
    if is_silent {
        return Verdict::new(Inconclusive, words::sentence(&words::no_bearer(facts)), "No bearer token was sent");
    }
    if let Some(Against::Open(reason)) = against.first() {
        return Verdict::new(Inconclusive, format!("{reason}."), reason);
    }
    if facts.shown() {
        return Verdict::new(Pass, words::passed(facts), words::accepted_briefly(facts));
    }
    let tally = facts.tally;
    if tally.credentialed == 0 {
        let reason = if tally.requests == 0 {
            "no request to a resource in scope was recorded"
        } else {
            "no request to a resource in scope carried any credentials, so that no call was seen"
        };
        return Verdict::new(Inconclusive, words::sentence(reason), "No call was recorded");
    }
    let readable = tally.readable_tokens + tally.passwords + tally.others;
    if readable == 0 {
        let reason = "the only credentials sent were tokens that cannot be read (opaque, encrypted, cut or redacted)";
        return Verdict::new(Inconclusive, words::sentence(reason), "The only tokens cannot be read");
    }
    if facts.expected > 0 && facts.decided == 0 {
        let brief = "Whether the call was accepted is open";
        return Verdict::new(Inconclusive, words::sentence(&words::undecided(facts)), brief);
    }
    facts.seen.not_shown(facts)
}

#[cfg(test)]
mod tests;
