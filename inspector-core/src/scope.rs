//! Which hosts the outcome is about.
//!
//! Three circles, for what is missing or wrong at a token endpoint weighs less than at the resource itself:
//!
//! | circle | hosts | what counts there |
//! |---|---|---|
//! | in scope | those of `--host`, or those the traffic tells; with all their ports, unless a pattern names one, and under their addresses | everything |
//! | issuers | those that issued a token which was presented in scope | what is missing, and passwords sent; everything for profiles of the kind [`Judgement::Bearer`] |
//! | perhaps issuers | those that may have done so unseen | what is missing |

use std::{collections::HashSet, net::IpAddr};

use crate::{
    finding::{Concern, Family, RuleMeta},
    handshake::{
        facts::{HostFacts, TokenFacts},
        ledger::Ledger,
    },
    hosts::{self, HostId, HostPattern},
    policy::Policy,
    profile::{Judgement, Profile},
    secret::Fingerprint,
};

type Set<T> = HashSet<T, foldhash::fast::RandomState>;

/// Rules about a password that was sent to a token endpoint.
const PASSWORDS: [&str; 2] = ["BAS-010", "BAS-014"];

/// Which hosts the outcome is about.
#[derive(Debug, Default)]
pub struct Scope {
    patterns: Vec<HostPattern>,
    hosts: Set<HostId>,
    names: Set<String>,
    addresses: Set<IpAddr>,
    /// Hosts that issued a token which was presented in scope, and their addresses.
    issuers: Set<HostId>,
    issuers_addresses: Set<IpAddr>,
    /// Token hosts that were not asked for a token, as far as was read.
    perhaps_issuers: Set<HostId>,
    /// Tokens that were presented in scope, and those inside them.
    tokens: Set<Fingerprint>,
    /// Of one of them it was not seen who issued it.
    issuer_unseen: bool,
    /// A resource is among the hosts, not token endpoints only.
    identified: bool,
}

impl Scope {
    /// The scope of what was seen.
    pub fn new(policy: &Policy, ledger: &Ledger) -> Self {
        let profile = &policy.profile;
        let mut scope = Self { patterns: policy.hosts.clone(), ..Self::default() };
        let called = Called::new(ledger, profile);
        for (id, name, facts) in ledger.hosts() {
            let chosen = if scope.patterns.is_empty() {
                is_of_interest(id, facts, name, profile, &called)
            } else {
                id != HostId::OTHER && scope.patterns.iter().any(|pattern| pattern.matches(name))
            };
            // A host that was only named (by a server name indication) is in scope by its pattern, and tells no address.
            if chosen && (was_asked(facts) || !scope.patterns.is_empty()) {
                scope.identified |= facts.tally.requests > 0 || !scope.patterns.is_empty();
                scope.add(id, name, facts);
            } else if scope.patterns.is_empty()
                && profile.judgement == Judgement::ServerToServer
                && profile.is_token_host(name)
            {
                scope.perhaps_issuers.insert(id);
            }
        }
        if scope.patterns.is_empty() {
            scope.add_other_ports(ledger);
        }
        scope.add_addresses_of_hosts(ledger);
        scope.add_issuers(ledger, profile);
        scope
    }

    fn add(&mut self, id: HostId, name: &str, facts: &HostFacts) {
        self.hosts.insert(id);
        self.names.insert(hosts::bare(name).to_owned());
        self.addresses.extend(facts.addresses.iter().copied());
    }

    /// A host is the same on whatever port it is asked.
    fn add_other_ports(&mut self, ledger: &Ledger) {
        let same = |name: &str| !name.is_empty() && self.names.contains(hosts::bare(name));
        let others = ledger
            .hosts()
            .filter(|(id, name, facts)| *id != HostId::OTHER && !self.has(*id) && was_asked(facts) && same(name));
        let others: Vec<_> = others.collect();
        others.into_iter().for_each(|(id, name, facts)| self.add(id, name, facts));
    }

    /// A host in scope that was asked by its server's address is the same host.
    fn add_addresses_of_hosts(&mut self, ledger: &Ledger) {
        let by_address = ledger.hosts().filter(|(id, name, facts)| {
            *id != HostId::OTHER
                && was_asked(facts)
                && hosts::address_of(name).is_some_and(|address| self.addresses.contains(&address))
        });
        let ids: Vec<HostId> = by_address.map(|(id, ..)| id).collect();
        self.hosts.extend(ids);
    }

    /// The token endpoints that issued what was presented in scope.
    fn add_issuers(&mut self, ledger: &Ledger, profile: &Profile) {
        let mut names: Set<String> = Set::default();
        for facts in ledger.tokens() {
            let in_scope = |host: &HostId| *host == HostId::OTHER || self.has(*host);
            let hosts = facts.presented_to.iter().chain(facts.receptions.iter().map(|reception| &reception.host));
            if facts.presented == 0 || !hosts.into_iter().any(in_scope) {
                continue;
            }
            let layers = std::iter::successors(Some(&*facts.token), |token| token.actor.as_deref());
            let mut unseen = true;
            for token in layers {
                self.tokens.insert(token.id);
                for id in ledger.token(token.id).iter().flat_map(|facts| &facts.issued_by) {
                    unseen = false;
                    self.issuers.insert(*id);
                    self.issuers_addresses.extend(ledger.facts(*id).addresses.iter().copied());
                    names.insert(hosts::bare(ledger.host_name(*id)).to_owned());
                }
            }
            self.issuer_unseen |= unseen;
        }
        let same = |name: &str| !name.is_empty() && names.contains(hosts::bare(name));
        self.issuers.extend(ledger.hosts().filter(|(_, name, _)| same(name)).map(|(id, ..)| id));
        if profile.judgement == Judgement::Bearer && self.patterns.is_empty() {
            self.hosts.extend(self.issuers.iter().copied());
            self.addresses.extend(self.issuers_addresses.iter().copied());
            self.names.extend(names);
        }
    }

    /// Whether a host is in scope.
    pub fn has(&self, host: HostId) -> bool {
        self.hosts.contains(&host)
    }

    /// Whether a token belongs to a host in scope: it was presented to one, by itself or inside another, or issued by one.
    pub fn owns(&self, token: Fingerprint, ledger: &Ledger) -> bool {
        let issued = || ledger.token(token).is_some_and(|facts| facts.issued_by.iter().any(|host| self.has(*host)));
        self.tokens.contains(&token) || issued()
    }

    /// Whether hosts were named by the user.
    pub const fn is_chosen(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Whether a finding of that rule counts. `issuance` tells that a token may have been issued in the exchange it is
    /// about, without the recording showing it.
    pub(crate) fn covers_finding(&self, meta: &RuleMeta, concern: Concern, issuance: bool, ledger: &Ledger) -> bool {
        if self.covers(concern, ledger) {
            return true;
        }
        let is_missing = meta.family() == Family::Coverage;
        // A connection that is dark or has gaps: any request can be in it.
        let hides_requests = matches!(meta.code, "COV-001" | "COV-002");
        match concern {
            Concern::Host(id) => {
                ((is_missing || PASSWORDS.contains(&meta.code)) && self.issuers.contains(&id))
                    || (hides_requests && self.perhaps_issuers.contains(&id))
                    || (is_missing && issuance && self.issuer_unseen)
            }
            Concern::Address(address) => {
                is_missing
                    && (self.issuers_addresses.contains(&address.to_canonical()) || (issuance && self.issuer_unseen))
            }
            Concern::Between(one, other) => {
                is_missing
                    && [one, other].iter().any(|address| self.issuers_addresses.contains(&address.to_canonical()))
            }
            _ => false,
        }
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
            Concern::Between(one, other) => {
                self.covers(Concern::Address(one), ledger) || self.covers(Concern::Address(other), ledger)
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
        self.names.contains(hosts::bare(name)) || !self.identified
    }
}

/// Whether anything was asked of a host, or of a proxy in its name; others were only named.
const fn was_asked(facts: &HostFacts) -> bool {
    facts.exchanges > 0 || facts.tunnels.count > 0
}

/// Hosts by the tokens they were called with.
struct Called {
    /// With a bearer token that is no publishable key.
    by_bearer: Set<HostId>,
    /// With any token that was kept.
    by_any: Set<HostId>,
}

impl Called {
    fn new(ledger: &Ledger, profile: &Profile) -> Self {
        let mut called = Self { by_bearer: Set::default(), by_any: Set::default() };
        if profile.judgement == Judgement::ServerToServer {
            return called;
        }
        for TokenFacts { token, receptions, .. } in ledger.tokens().iter().filter(|it| !it.receptions.is_empty()) {
            let hosts = receptions.iter().map(|reception| reception.host);
            called.by_any.extend(hosts.clone());
            if !profile.is_publishable(token) {
                called.by_bearer.extend(hosts);
            }
        }
        called
    }

    /// Whether a host was sent a bearer token: one that was kept, one that a limit kept from it, or one that the recording
    /// took out.
    fn has(&self, id: HostId, facts: &HostFacts) -> bool {
        let tally = &facts.tally;
        let tokens = tally.readable_tokens.saturating_add(tally.unreadable_tokens);
        self.by_bearer.contains(&id) || tally.redacted > 0 || (tokens > 0 && !self.by_any.contains(&id))
    }
}

fn is_of_interest(id: HostId, facts: &HostFacts, name: &str, profile: &Profile, called: &Called) -> bool {
    match profile.judgement {
        Judgement::ServerToServer => {
            let issues = facts.token_endpoint && profile.is_token_host(name);
            facts.endpoint || facts.token || facts.challenge || issues
        }
        Judgement::Bearer => called.has(id, facts) && !profile.is_analytics(name),
    }
}
