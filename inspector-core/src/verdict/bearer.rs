//! Profiles of the kind [`Judgement::Bearer`]: how every host in scope took the bearer tokens it was called with.
//!
//! A caller is told by what its tokens say: the application (`azp`, `appid`, `client_id`, `cid`), else the subject; tokens
//! that say nothing are of the caller at the client's address. A token that is forged or damaged by itself and was refused
//! is nobody's: it neither speaks for its caller nor against the host.
//!
//! [`Judgement::Bearer`]: crate::profile::Judgement::Bearer

use std::{collections::BTreeMap, collections::HashSet, net::IpAddr, sync::Arc};

use crate::{
    finding::{Finding, pending::Pending},
    handshake::{
        caller::issuing_tenant,
        facts::{Reception, TokenFacts},
        ledger::Ledger,
    },
    hosts::HostId,
    moment::Moment,
    policy::Policy,
    scope::Scope,
    secret::Fingerprint,
    token::{Token, mask, principal::Principal},
};

/// Longest name of a caller that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// What is said of a refusal that may have been lifted in what is missing.
pub(super) const LATER_IS_MISSING: &str = "but evidence of what came later is missing";

/// What is said of an acceptance that is not wanted, where the one that is may be missing.
const OTHERS_ARE_MISSING: &str = "but evidence of other calls is missing";

/// Tokens that were refused and are forged or damaged by themselves.
pub(crate) type Forgeries = HashSet<Fingerprint, foldhash::fast::RandomState>;

/// How the hosts in scope took bearer tokens.
#[derive(Debug, Default)]
pub struct Bearer {
    /// Those that were called with any, in the order they were first seen.
    pub hosts: Vec<Taken>,
}

/// How one host took bearer tokens.
#[derive(Debug)]
pub struct Taken {
    /// Its name.
    pub host: Arc<str>,
    /// Calls that were accepted, with tokens that count.
    pub accepted: u64,
    /// Calls in all.
    pub calls: u64,
    /// The callers, in the order of their first tokens.
    callers: Vec<Caller>,
    /// An issuer whose readable token was accepted although the profile does not want it.
    foreign: Option<String>,
    /// A token was accepted that does not tell its issuer.
    accepted_opaque: bool,
    /// What is missing may hide another call that was accepted.
    open: bool,
}

/// What tells callers apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    /// By a claim.
    Named(String),
    /// By the client's address.
    At(Option<IpAddr>),
}

/// How a host took the tokens of one caller.
#[derive(Debug)]
struct Caller {
    name: String,
    calls: u64,
    accepted: Option<Moment>,
    refused: Option<Moment>,
    refusals: u64,
    status: Option<u16>,
    /// What is missing may hide that it was accepted later.
    open: bool,
}

/// What stands against a pass.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// It fails: the sentence.
    Fails(String),
    /// It leaves the answer open: the sentence.
    Open(String),
}

impl Bearer {
    pub(crate) fn new(
        policy: &Policy,
        findings: &[Finding],
        scope: &Scope,
        ledger: &Ledger,
        forgeries: &Forgeries,
    ) -> Self {
        let mut all: BTreeMap<HostId, (Taken, BTreeMap<Who, usize>)> = BTreeMap::new();
        for facts in ledger.tokens().iter().filter(|facts| !facts.receptions.is_empty()) {
            if policy.profile.is_publishable(&facts.token) {
                continue;
            }
            let counts = Counts::of(&facts.token, policy);
            for reception in &facts.receptions {
                let host = reception.host;
                let nobodys = forgeries.contains(&facts.token.id) && facts.is_refused_by(host);
                if nobodys || !(scope.has(host) || host == HostId::OTHER) {
                    continue;
                }
                let (taken, callers) = all.entry(host).or_insert_with(|| {
                    let host = Arc::clone(ledger.host_name(host));
                    let (callers, foreign) = (Vec::new(), None);
                    (
                        Taken { host, accepted: 0, calls: 0, callers, foreign, accepted_opaque: false, open: false },
                        BTreeMap::new(),
                    )
                });
                let (who, name) = who(facts, reception);
                let at = *callers.entry(who).or_insert_with(|| {
                    taken.callers.push(Caller::new(name));
                    taken.callers.len() - 1
                });
                taken.add(at, reception, &counts);
            }
        }
        for (host, (taken, _)) in &mut all {
            taken.open_where(*host, findings, ledger);
        }
        Self { hosts: all.into_values().map(|(taken, _)| taken).collect() }
    }

    /// What stands against a pass, the gravest first.
    pub(super) fn against(&self) -> Vec<Against> {
        let mut all: Vec<Against> = self.hosts.iter().flat_map(Taken::against).collect();
        all.sort_by_key(|one| matches!(one, Against::Open(_)));
        all
    }

    /// Calls that were accepted.
    pub(super) fn accepted(&self) -> u64 {
        self.hosts.iter().fold(0, |sum, taken| sum.saturating_add(taken.accepted))
    }

    /// Whether every host that was called accepted a token, and none has the last word against a caller.
    pub(super) fn is_shown(&self) -> bool {
        !self.hosts.is_empty() && self.hosts.iter().all(|taken| taken.against().next().is_none())
    }
}

/// Whether an acceptance of a token counts.
enum Counts {
    /// It does.
    Yes,
    /// The profile wants tokens of other issuers.
    Foreign(String),
    /// The token does not tell its issuer.
    Opaque,
}

impl Counts {
    fn of(token: &Token, policy: &Policy) -> Self {
        if !policy.profile.issuers_only {
            return Self::Yes;
        }
        let Some(issuer) = token.claim("iss").filter(|_| token.kind.is_readable()) else { return Self::Opaque };
        let tenants = [issuing_tenant(token), token.claim("tid").map(std::borrow::Cow::into_owned)];
        let realm = Principal::parse(&issuer).and_then(|issuer| issuer.realm);
        let mut tenants = tenants.into_iter().flatten().chain(realm).peekable();
        let wanted = |tenant: &String| policy.realms.iter().any(|realm| realm.eq_ignore_ascii_case(tenant.as_str()));
        let of_realm = policy.realms.is_empty() || (tenants.peek().is_some() && tenants.all(|tenant| wanted(&tenant)));
        if policy.profile.admits_issuer(&issuer) && of_realm { Self::Yes } else { Self::Foreign(shown(&issuer)) }
    }
}

impl Caller {
    const fn new(name: String) -> Self {
        Self { name, calls: 0, accepted: None, refused: None, refusals: 0, status: None, open: false }
    }

    /// The last decided answer is a refusal.
    fn is_refused_last(&self) -> bool {
        self.refused.is_some_and(|refused| self.accepted.is_none_or(|accepted| refused.is_after(accepted)))
    }
}

impl Taken {
    fn add(&mut self, at: usize, reception: &Reception, counts: &Counts) {
        self.calls = self.calls.saturating_add(reception.calls);
        let Some(caller) = self.callers.get_mut(at) else { return };
        caller.calls = caller.calls.saturating_add(reception.calls);
        if let Some(refused) = reception.refused {
            caller.refusals = caller.refusals.saturating_add(reception.refusals);
            refused.keep_latest(&mut caller.refused);
            if caller.refused == Some(refused) {
                caller.status = reception.status;
            }
        }
        if let Some(accepted) = reception.accepted {
            accepted.keep_latest(&mut caller.accepted);
            match counts {
                Counts::Yes => self.accepted = self.accepted.saturating_add(reception.acceptances),
                Counts::Foreign(issuer) => {
                    self.foreign.get_or_insert_with(|| issuer.clone());
                }
                Counts::Opaque => self.accepted_opaque = true,
            }
        }
    }

    /// Marks the callers of that host whose refusal may have been lifted in what is missing.
    fn open_where(&mut self, host: HostId, findings: &[Finding], ledger: &Ledger) {
        let may_be_lifted = |pending: Pending| {
            let mut missing = findings.iter().filter(|finding| finding.blocks);
            missing.any(|it| pending.may_be_lifted_in(it.hides, it.concern, ledger))
        };
        for caller in self.callers.iter_mut().filter(|caller| caller.accepted.is_none()) {
            caller.open = caller.refused.is_some_and(|refused| may_be_lifted(Pending::by(host, Some(refused))));
        }
        self.open = may_be_lifted(Pending::by(host, None));
    }

    fn against(&self) -> impl Iterator<Item = Against> + '_ {
        let host = mask::text(&self.host);
        let refused = self.callers.iter().filter(|caller| caller.is_refused_last());
        let of_callers: Vec<Against> = refused
            .map(|caller| {
                let status = caller.status.map(|status| format!(", last with {status}")).unwrap_or_default();
                let name = &caller.name;
                if caller.accepted.is_none() {
                    let all = match caller.calls {
                        1 => "the only call".to_owned(),
                        calls => format!("all {calls} calls"),
                    };
                    let all = if caller.refusals == caller.calls { all } else { format!("{} calls", caller.refusals) };
                    let refused = format!("{host} refused {all} of {name} with a bearer token{status}");
                    return if caller.open {
                        Against::Open(format!("{refused}, {LATER_IS_MISSING}"))
                    } else {
                        Against::Fails(refused)
                    };
                }
                Against::Open(format!(
                    "{host} accepted {name} with a bearer token before, but refused what was sent last{status}"
                ))
            })
            .collect();
        let decided = self.callers.iter().any(|caller| caller.accepted.is_some() || caller.refused.is_some());
        let of_host = match (&self.foreign, self.accepted) {
            (_, 1..) => None,
            (Some(issuer), 0) => {
                let foreign = format!(
                    "{host} accepted a token of the issuer {issuer}; one of an issuer of the profile, and of the realm that \
                     was asked for, was expected"
                );
                Some(if self.open {
                    Against::Open(format!("{foreign}, {OTHERS_ARE_MISSING}"))
                } else {
                    Against::Fails(foreign)
                })
            }
            (None, 0) if self.accepted_opaque => Some(Against::Open(format!(
                "{host} accepted only tokens that do not tell their issuer (opaque or encrypted)"
            ))),
            (None, 0) if !decided => Some(Against::Open(format!(
                "whether {host} accepted the bearer tokens it was called with cannot be told from its answers"
            ))),
            (None, 0) => None,
        };
        of_callers.into_iter().chain(of_host)
    }
}

/// Who calls, and how to name that.
fn who(facts: &TokenFacts, reception: &Reception) -> (Who, String) {
    let token = &facts.token;
    if let Some(key) = facts.caller_key() {
        return (Who::Named(key.to_owned()), format!("the caller {}", shown(key)));
    }
    let named = ["azp", "appid", "client_id", "cid"].into_iter().find_map(|name| token.claim(name));
    if let Some(application) = named.filter(|name| !name.trim().is_empty()) {
        let name = format!("the client {}", shown(&application));
        return (Who::Named(application.to_ascii_lowercase()), name);
    }
    let subject = ["nameid", "sub", "iss"].into_iter().find_map(|name| token.claim(name));
    if let Some(subject) = subject.filter(|_| token.kind.is_readable()) {
        let issuer = token.claim("iss").unwrap_or_default();
        return (Who::Named(format!("{issuer} {subject}")), format!("the caller {}", shown(&subject)));
    }
    let name = match reception.client {
        Some(client) => format!("the client at {client}"),
        None => "the client".to_owned(),
    };
    (Who::At(reception.client), name)
}

fn shown(name: &str) -> String {
    mask::text(&name.chars().take(LONGEST_NAME).collect::<String>())
}
