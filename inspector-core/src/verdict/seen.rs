//! What was called and by whom, where that is not what was expected: the words of the fourth rule, and of patterns that
//! match nothing.

use super::{Facts, Outcome, Verdict, words};
use crate::{
    evidence::Evidence,
    finding::Finding,
    handshake::{call::Call, ledger::Ledger, meaning::Subject},
    hosts::HostId,
    policy::Policy,
    profile::nearest::nearest,
    rules::s2s::expected_issuer_missing,
    scope::Scope,
    token::{mask, principal::Principal},
};

/// Callers that are listed as expected.
const EXPECTED: usize = 4;
/// Other callers, hosts and realms that are named.
const NAMED: usize = 3;

/// What was seen of hosts, realms and callers.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Hosts that were asked, with their exchanges, the most asked first.
    hosts: Vec<(String, u64)>,
    /// Realms of callers the profile knows, with their calls, the most first.
    realms: Vec<(String, u64)>,
    /// Other callers of hosts in scope.
    others: Vec<Other>,
    /// Schemes other than tokens and Basic that were sent to hosts in scope.
    schemes: Vec<&'static str>,
    /// Where the first of these was.
    first: Option<Evidence>,
}

/// A caller of a host in scope that is not the expected one.
#[derive(Debug)]
struct Other {
    principal: Option<Principal>,
    /// As its token names it, for people.
    name: String,
    /// What that application is called.
    title: Option<String>,
    host: String,
    audience: Option<String>,
    /// The profile knows the application.
    is_known: bool,
    first: Option<Evidence>,
}

impl Seen {
    pub(super) fn new(policy: &Policy, scope: &Scope, ledger: &Ledger) -> Self {
        let mut seen = Self::default();
        for (id, name, facts) in ledger.hosts().filter(|(id, ..)| *id != HostId::OTHER) {
            if facts.exchanges > 0 {
                seen.hosts.push((mask::text(name), facts.exchanges));
            }
            if !scope.has(id) {
                continue;
            }
            for scheme in &facts.schemes {
                if !seen.schemes.contains(scheme) {
                    seen.schemes.push(scheme);
                }
            }
            if seen.first.is_none() {
                seen.first.clone_from(&facts.schemes_first);
            }
        }
        for call in ledger.calls().iter().filter(|call| scope.has(call.host)) {
            seen.add(call, policy, ledger);
        }
        seen.hosts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        seen.realms.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        seen
    }

    fn add(&mut self, call: &Call, policy: &Policy, ledger: &Ledger) {
        let principal = call.caller.as_ref().map(|caller| caller.principal.clone());
        let is_known = principal.as_ref().is_some_and(|one| policy.profile.caller(&one.name).is_some());
        if let Some(realm) = principal.as_ref().and_then(Principal::realm).filter(|_| is_known) {
            let realm = mask::text(&realm.to_ascii_lowercase());
            match self.realms.iter_mut().find(|(known, _)| *known == realm) {
                Some((_, calls)) => *calls = calls.saturating_add(call.calls),
                None => self.realms.push((realm, call.calls)),
            }
        }
        if call.expected || self.others.len() >= NAMED {
            return;
        }
        let name = match &principal {
            Some(principal) => format!("a token of {}", mask::text(&principal.to_string())),
            None => format!("a token that names no caller ({})", call.kind),
        };
        if self.others.iter().all(|known| known.name != name) {
            let title = principal.as_ref().and_then(|one| policy.profile.application_name(&one.name));
            self.others.push(Other {
                title: title.map(str::to_owned),
                name,
                host: mask::text(ledger.host_name(call.host)),
                audience: call.audience.clone(),
                is_known,
                first: call
                    .steps
                    .iter()
                    .find(|step| step.token.is_some())
                    .or(call.steps.first())
                    .map(|s| s.evidence.clone()),
                principal,
            });
        }
    }

    /// A verdict that failed without a finding gets one.
    pub(super) fn finding(&self, title: &str, detail: &str, remedy: Option<String>) -> Finding {
        let first = self.others.iter().find_map(|other| other.first.clone()).or_else(|| self.first.clone());
        expected_issuer_missing(title, detail.to_owned(), remedy, first)
    }

    /// Where `--host` fits none of the hosts that were recorded, that is said before all else.
    pub(super) fn no_host(&self, facts: &Facts<'_>) -> Option<Verdict> {
        if facts.patterns.is_empty() || facts.hosts > 0 || self.hosts.is_empty() {
            return None;
        }
        let wanted = facts.patterns.iter().map(ToString::to_string).collect::<Vec<_>>();
        let known = self.hosts.iter().map(|(name, _)| name.as_str());
        let meant = wanted.first().and_then(|wanted| nearest(wanted, known));
        let meant = meant.map(|meant| format!("; perhaps {meant} is meant")).unwrap_or_default();
        let reason = format!(
            "No recorded host matches {} (--host); seen were {}{meant}",
            mask::text(&wanted.join(", ")),
            counted(&self.hosts)
        );
        let mut verdict = Verdict::new(Outcome::Inconclusive, format!("{reason}."), "No recorded host matches --host");
        verdict.next.push("Give --host one of the hosts that were seen, or leave it out.".to_owned());
        Some(verdict)
    }

    /// What was expected and what was seen, where nothing of what was expected was.
    pub(super) fn not_shown(&self, facts: &Facts<'_>) -> Verdict {
        let (reason, brief, remedy) = self.words(facts);
        let mut verdict = Verdict::new(Outcome::Fail, words::sentence(&reason), brief);
        verdict.finding = Some(self.finding(brief, &reason, remedy));
        verdict
    }

    /// The sentence, a few words, and what to do.
    fn words(&self, facts: &Facts<'_>) -> (String, &'static str, Option<String>) {
        if facts.expected > 0 {
            let caller =
                facts.call.as_ref().map(|(caller, host)| format!(" by {caller} to {host}")).unwrap_or_default();
            let reason = format!("calls{caller} were recorded, but none was seen to be accepted");
            return (reason, "No call of the expected issuer was accepted", None);
        }
        let realms = mask::text(&facts.realms.join(" or "));
        let other_realm = !facts.realms.is_empty()
            && !self.realms.is_empty()
            && !self.realms.iter().any(|(seen, _)| facts.realms.iter().any(|realm| realm.eq_ignore_ascii_case(seen)));
        if other_realm {
            let meant = nearest(&realms, self.realms.iter().map(|(realm, _)| realm.as_str()));
            let meant = meant.map(|meant| format!("; perhaps {meant} is meant")).unwrap_or_default();
            let reason = format!(
                "expected were calls of realm {realms}, and none of that realm was seen; seen were calls of realm {}{meant}",
                counted(&self.realms)
            );
            let commands = at_exchange(facts, " (Get-AuthServer, Get-PartnerApplication)");
            let remedy = format!(
                "Give --realm the realm of your tenant as the tokens name it; if they name another tenant, correct the realm \
                 the caller asks its tokens for{commands}."
            );
            return (reason, "The calls are of another realm", Some(remedy));
        }
        let names: Vec<&str> = facts.profile.callers.iter().map(|caller| caller.name.as_str()).collect();
        let wanted = match names.get(..EXPECTED) {
            Some(first) => format!("{} and others", first.join(", ")),
            None => names.join(", "),
        };
        let of_realm = if facts.realms.is_empty() { String::new() } else { format!(" of realm {realms}") };
        let known = self.others.iter().find(|other| other.is_known);
        if let Some(other) = known {
            let title = other.title.as_deref().unwrap_or(&other.name);
            let realm = other.principal.as_ref().and_then(Principal::realm).filter(|realm| *realm != "*");
            let (what, brief) = match (realm, &other.audience) {
                (None, _) => ("its token names no realm".to_owned(), "The caller's token names no realm"),
                (_, Some(audience)) if !is_resource(facts, audience) => (
                    format!("its token is for {audience}, which is none of the profile's resources"),
                    "The token is for another resource",
                ),
                _ => ("its token does not show who issued it".to_owned(), "The token does not show who issued it"),
            };
            let reason = format!(
                "{title} called {}, but {what}; expected was a token of it{of_realm} for {}",
                other.host,
                facts.profile.resources.first().map_or("the resource", |resource| resource.name.as_str())
            );
            return (reason, brief, None);
        }
        let mut seen: Vec<String> = self.others.iter().map(|other| other.name.clone()).collect();
        if facts.tally.passwords > 0 {
            seen.push("passwords".to_owned());
        }
        seen.extend(self.schemes.iter().map(|scheme| (*scheme).to_owned()));
        let verb = if seen.len() == 1 { "was" } else { "were" };
        let seen_words = if seen.is_empty() { String::new() } else { format!("; seen {verb} {}", seen.join(", ")) };
        let reason = format!(
            "credentials were sent, and none of them came from the expected issuer: expected was a token of \
             {wanted}{of_realm}{seen_words}"
        );
        let unknown = self.others.iter().find_map(|other| other.principal.as_ref());
        let brief = match (unknown, self.schemes.as_slice()) {
            (Some(_), _) => "An application called that is not expected",
            (None, [scheme, ..]) if self.others.is_empty() => used(scheme),
            _ => "No token of the expected issuer was sent",
        };
        let settings = || {
            match at_exchange(facts, "exchange") {
            "" => None,
            _ => Some(
                "Check the partner application (Get-PartnerApplication) and the OAuth settings of the caller, and turn off what \
                 it used instead once OAuth works."
                    .to_owned(),
            ),
        }
        };
        (reason, brief, unknown.map(|principal| expect(principal, facts)).or_else(settings))
    }
}

/// How to expect an application: the lines to paste; or what to correct.
fn expect(principal: &Principal, facts: &Facts<'_>) -> String {
    let id = mask::text(&principal.name);
    format!(
        "If {id} is an application of yours, expect it: put the lines below into a file, and give that with --profile; if not, \
         correct which application the resource lets in{}.\nname = \"mine\"\nextends = \
         \"{}\"\n[[callers]]\nid = \"{id}\"\nname = \"my application\"",
        at_exchange(facts, " (Get-PartnerApplication)"),
        facts.profile.name
    )
}

/// Words that hold only where the profile asks about Exchange.
fn at_exchange<'w>(facts: &Facts<'_>, words: &'w str) -> &'w str {
    if Subject::of(facts.profile) == Subject::Exchange { words } else { "" }
}

fn used(scheme: &str) -> &'static str {
    match scheme {
        "NTLM" => "NTLM was used instead of OAuth",
        "Negotiate" => "Negotiate was used instead of OAuth",
        "Digest" => "Digest was used instead of OAuth",
        _ => "Another scheme was used instead of OAuth",
    }
}

fn is_resource(facts: &Facts<'_>, audience: &str) -> bool {
    Principal::parse(audience).is_none_or(|audience| facts.profile.resource(&audience.name).is_some())
}

/// `a (3), b (1) and 2 more`.
pub(crate) fn counted(all: &[(String, u64)]) -> String {
    let named: Vec<String> = all.iter().take(NAMED).map(|(name, count)| format!("{name} ({count})")).collect();
    match all.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
