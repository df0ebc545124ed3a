//! Pass, fail or inconclusive: the contract's four rules, in their order, over what is in scope.
//!
//! 1. **fail** if an in-scope finding of the deciding families is high or critical;
//! 2. **pass** if a call of an expected caller was accepted and no coverage finding blocks;
//! 3. **inconclusive** if a coverage finding blocks, if no request to a resource in scope carried any credentials, or if
//!    the only ones were tokens that cannot be read;
//! 4. **fail** otherwise.
//!
//! # Scope
//! The hosts of `--host`; without it the hosts that saw endpoints, tokens or challenges of server-to-server OAuth, and
//! of the profile's token hosts those that were asked for a token (a password sent there answers the question too), or
//! of which a connection could not be read or lacks bytes, so that they may have been. A connection that told no name
//! counts by its server's address, if a host in scope was reached there, and so does a request that names that address; if no resource could be identified at all,
//! everything that could not be read counts. For profiles of the kind [`Judgement::Bearer`] the hosts are those that saw
//! any credentials, a Bearer challenge or a token request.
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

use std::{collections::HashSet, net::IpAddr};

use crate::{
    analysis::Policy,
    handshake::{
        facts::{HostFacts, Tally},
        host::{self, HostId, HostPattern},
        ledger::Ledger,
    },
    profile::{Judgement, Profile},
    rules::{
        Family,
        exceptions::Ignored,
        finding::{Concern, Finding},
    },
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
    /// The contract's word.
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

/// Which hosts the outcome is about.
#[derive(Debug, Default)]
pub struct Scope {
    patterns: Vec<HostPattern>,
    hosts: HashSet<HostId, foldhash::fast::RandomState>,
    names: HashSet<String, foldhash::fast::RandomState>,
    addresses: HashSet<IpAddr, foldhash::fast::RandomState>,
    /// Token hosts that were not asked for a token, as far as was read.
    issuers: HashSet<HostId, foldhash::fast::RandomState>,
    /// A resource is among the hosts, not token endpoints only.
    identified: bool,
}

impl Scope {
    /// The scope of what was seen.
    pub fn new(policy: &Policy, ledger: &Ledger) -> Self {
        let mut scope = Self { patterns: policy.hosts.clone(), ..Self::default() };
        for (id, name, facts) in ledger.hosts() {
            let chosen = if scope.patterns.is_empty() {
                is_of_interest(facts, name, &policy.profile)
            } else {
                id != HostId::OTHER && scope.patterns.iter().any(|pattern| pattern.matches(name))
            };
            // A host that was only named (by a server name indication) is in scope by its pattern, and tells no address.
            if chosen && (facts.exchanges > 0 || facts.tunnels.count > 0 || !scope.patterns.is_empty()) {
                scope.identified |= facts.tally.requests > 0 || !scope.patterns.is_empty();
                scope.hosts.insert(id);
                scope.names.insert(host::bare(name).to_owned());
                scope.addresses.extend(facts.addresses.iter().copied());
            } else if scope.patterns.is_empty()
                && policy.profile.judgement == Judgement::ServerToServer
                && policy.profile.is_token_host(name)
            {
                scope.issuers.insert(id);
            }
        }
        scope.add_addresses_of_hosts(ledger);
        scope
    }

    /// A host in scope that was asked by its server's address is the same host.
    fn add_addresses_of_hosts(&mut self, ledger: &Ledger) {
        let by_address = ledger.hosts().filter(|(id, name, facts)| {
            *id != HostId::OTHER
                && (facts.exchanges > 0 || facts.tunnels.count > 0)
                && host::address_of(name).is_some_and(|address| self.addresses.contains(&address))
        });
        let ids: Vec<HostId> = by_address.map(|(id, ..)| id).collect();
        self.hosts.extend(ids);
    }

    /// Whether a host is in scope.
    pub fn has(&self, host: HostId) -> bool {
        self.hosts.contains(&host)
    }

    /// Whether requests that could not be read may have been for a token, so that their host would be in scope.
    pub fn may_have_issued(&self, concern: Concern) -> bool {
        matches!(concern, Concern::Host(id) if self.issuers.contains(&id))
    }

    /// Whether hosts were named by the user.
    pub const fn is_chosen(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Whether what a finding concerns is in scope.
    pub fn covers(&self, concern: Concern, ledger: &Ledger) -> bool {
        match concern {
            Concern::Host(HostId::OTHER) | Concern::Anything => true,
            Concern::Host(id) => {
                let only_named = ledger.facts(id).exchanges == 0;
                self.has(id) || (only_named && self.covers_name(ledger.host_name(id)))
            }
            Concern::Address(address) => {
                let named = || self.patterns.iter().any(|pattern| pattern.matches(&address.to_string()));
                !self.identified
                    || self.addresses.is_empty()
                    || self.addresses.contains(&address.to_canonical())
                    || named()
            }
            Concern::Between(a, b) => {
                self.covers(Concern::Address(a), ledger) || self.covers(Concern::Address(b), ledger)
            }
            Concern::Input(input) => {
                let facts = ledger.find_input(input);
                !self.identified
                    || self.hosts.contains(&HostId::OTHER)
                    || facts.is_some_and(|facts| {
                        let numbers = ledger.hosts().map(|(id, ..)| id);
                        facts.exchanges == 0 || numbers.filter(|id| self.has(*id)).any(|id| facts.has_host(id))
                    })
            }
            Concern::Nothing => false,
        }
    }

    /// A host that was named but never asked as far as was read: by pattern, by the same name on another port, or any if none is known.
    fn covers_name(&self, name: &str) -> bool {
        if name.is_empty() {
            return true;
        }
        if self.is_chosen() {
            return self.patterns.iter().any(|pattern| pattern.matches(name));
        }
        self.names.contains(host::bare(name)) || !self.identified
    }
}

fn is_of_interest(facts: &HostFacts, name: &str, profile: &Profile) -> bool {
    match profile.judgement {
        Judgement::ServerToServer => {
            let issues = facts.token_endpoint && profile.is_token_host(name);
            facts.endpoint || facts.token || facts.challenge || issues
        }
        Judgement::Bearer => facts.bearer || facts.token_endpoint || facts.tally.credentialed > 0,
    }
}

/// Everything the four rules look at.
#[derive(Debug)]
pub struct Facts<'a> {
    /// What is expected.
    pub profile: &'a Profile,
    /// All findings, weighed and in order.
    pub findings: &'a [Finding],
    /// Requests to resources in scope.
    pub tally: Tally,
    /// Calls of an expected caller to hosts in scope.
    pub expected: u64,
    /// Of these, accepted.
    pub accepted: u64,
    /// Name of an expected caller, as sent, and the host it called.
    pub call: Option<(String, String)>,
    /// Hosts in scope.
    pub hosts: usize,
    /// Findings that would fail, but the profile ignores or lowers them: rule and count.
    pub set_aside: Vec<(&'static str, u64)>,
}

impl<'a> Facts<'a> {
    /// Gathers them.
    pub fn new(profile: &'a Profile, findings: &'a [Finding], scope: &Scope, ledger: &Ledger) -> Self {
        let mut facts = Self {
            profile,
            findings,
            tally: Tally::default(),
            expected: 0,
            accepted: 0,
            call: None,
            hosts: 0,
            set_aside: Vec::new(),
        };
        findings.iter().filter(|finding| finding.lowered).for_each(|finding| facts.set_aside(finding));
        for (_, name, host) in ledger.hosts().filter(|(id, ..)| scope.has(*id)) {
            facts.hosts += 1;
            facts.tally.add(&host.tally);
            facts.expected += host.expected.count;
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
    const fn shown(&self) -> bool {
        match self.profile.judgement {
            Judgement::ServerToServer => self.expected > 0 && self.accepted > 0,
            Judgement::Bearer => self.tally.accepted_tokens > 0,
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

/// The outcome and its reason in one sentence.
pub fn judge(facts: &Facts<'_>) -> (Outcome, String) {
    if let Some(first) = facts.findings.iter().find(|finding| finding.fails) {
        return (Outcome::Fail, because_of(facts, first));
    }
    let blockers: Vec<&Finding> = facts.findings.iter().filter(|finding| finding.blocks).collect();
    if let Some(first) = blockers.first() {
        return (Outcome::Inconclusive, blocked(facts, first, blockers.len()));
    }
    if facts.shown() {
        return (Outcome::Pass, passed(facts));
    }
    let tally = facts.tally;
    if tally.credentialed == 0 {
        let reason = if tally.requests == 0 {
            "no request to a resource in scope was recorded"
        } else {
            "no request to a resource in scope carried any credentials, so that no call was seen"
        };
        return (Outcome::Inconclusive, sentence(reason));
    }
    let readable = tally.readable_tokens + tally.passwords + tally.others;
    if readable == 0 {
        let reason = "the only credentials sent were tokens that cannot be read (opaque, encrypted, cut or redacted)";
        return (Outcome::Inconclusive, sentence(reason));
    }
    (Outcome::Fail, not_shown(facts))
}

fn because_of(facts: &Facts<'_>, first: &Finding) -> String {
    let others = facts.findings.iter().filter(|finding| finding.fails).count().saturating_sub(1);
    let host = first.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    let more = match others {
        0 => String::new(),
        1 => ", and one more finding fails".to_owned(),
        n => format!(", and {n} more findings fail"),
    };
    format!("{}: {}{host}{more}.", first.meta.code, first.title)
}

fn blocked(facts: &Facts<'_>, first: &Finding, count: usize) -> String {
    let so_far =
        if facts.shown() { "what was read is in order, but evidence is missing" } else { "evidence is missing" };
    let host = first.host.as_ref().map(|host| format!(" ({host})")).unwrap_or_default();
    let more = match count {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    sentence(&format!("{so_far}: {}: {}{host}{more}", first.meta.code, first.title))
}

fn passed(facts: &Facts<'_>) -> String {
    let calls = |count: u64| if count == 1 { "1 call".to_owned() } else { format!("{count} calls") };
    let clean = if facts.set_aside.is_empty() {
        "Basic was never sent, and nothing in scope was unreadable".to_owned()
    } else {
        let codes: Vec<String> = facts.set_aside.iter().map(|(code, count)| format!("{code} ({count})")).collect();
        format!(
            "nothing in scope was unreadable, but what would fail was found and the profile sets it aside: {}",
            codes.join(", ")
        )
    };
    match (facts.profile.judgement, &facts.call) {
        (Judgement::ServerToServer, Some((caller, host))) => {
            format!("{host} accepted {} by {caller}; {clean}.", calls(facts.accepted))
        }
        _ => format!("{} with a bearer token got past authentication; {clean}.", calls(facts.tally.accepted_tokens)),
    }
}

fn not_shown(facts: &Facts<'_>) -> String {
    let reason = match facts.profile.judgement {
        Judgement::ServerToServer if facts.expected > 0 => {
            "calls of the expected issuer were recorded, but none was seen to be accepted"
        }
        Judgement::ServerToServer => "credentials were sent, and none of them came from the expected issuer",
        Judgement::Bearer if facts.tally.readable_tokens + facts.tally.unreadable_tokens > 0 => {
            "bearer tokens were sent, and none was seen to be accepted"
        }
        Judgement::Bearer => "credentials were sent, and none of them was a bearer token",
    };
    sentence(reason)
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

#[cfg(test)]
mod tests;
