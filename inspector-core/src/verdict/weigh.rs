//! What findings weigh: by the scope, by the profile, and by what became of the tokens they are about.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use crate::{
    evidence::SourceId,
    finding::{
        About, Concern, Draft, Family, Finding, Findings, Key, Severity,
        pending::{Hides, Pending},
        sort,
    },
    handshake::{facts::InputFacts, ledger::Ledger, meaning::Subject},
    hosts::{self, HostId},
    profile::{Judgement, exceptions::Exceptions},
    rules::remedies,
    scope::Scope,
};

impl Findings {
    /// Weighs the findings by the scope and puts them in their order: what blocks and what is grave first.
    pub fn finish(self, scope: &Scope, ledger: &Ledger, weighing: &Weighing<'_>) -> Vec<Finding> {
        let (list, evidence) = self.into_drafts();
        let mut all: Vec<Finding> = Vec::with_capacity(list.len());
        let mut outside: Vec<(&'static str, Severity, usize)> = Vec::new();
        let mut equals: HashMap<(Key, Weight), usize, foldhash::fast::RandomState> = HashMap::default();
        let is_open = is_open(&list, scope, ledger, weighing);
        for (key, draft) in list {
            let mut finding = weigh(draft, scope, ledger, weighing);
            finding.identity = key.subject;
            if is_open && finding.fails {
                (finding.fails, finding.open) = (false, true);
            }
            if !is_of_no_weight(&finding) {
                let key = (Key { about: About::default(), ..key }, Weight::of(&finding));
                match equals.get(&key).and_then(|at| all.get_mut(*at)) {
                    Some(known) => add_equal(known, finding, evidence),
                    None => {
                        equals.insert(key, all.len());
                        all.push(finding);
                    }
                }
                continue;
            }
            let (code, severity) = (finding.meta.code, finding.severity);
            let same = outside.iter().find(|(c, s, _)| *c == code && *s == severity);
            match same.and_then(|(.., at)| all.get_mut(*at)) {
                Some(known) => absorb(known, finding, evidence),
                None => {
                    outside.push((code, severity, all.len()));
                    all.push(finding);
                }
            }
        }
        sort(&mut all);
        all
    }
}

/// What was told apart until it was weighed, and weighs the same, is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Weight {
    severity: Severity,
    blocks: bool,
    in_scope: bool,
    fails: bool,
    lowered: bool,
}

impl Weight {
    const fn of(finding: &Finding) -> Self {
        let Finding { severity, blocks, in_scope, fails, lowered, .. } = *finding;
        Self { severity, blocks, in_scope, fails, lowered }
    }
}

fn add_equal(known: &mut Finding, other: Finding, evidence: usize) {
    known.count = known.count.saturating_add(other.count);
    known.hides = known.hides.and(other.hides);
    let room = evidence.saturating_sub(known.evidence.len());
    known.evidence.extend(other.evidence.into_iter().take(room));
}

/// What the profile says about the weight of findings.
#[derive(Debug)]
pub struct Weighing<'a> {
    /// Which families decide the outcome.
    pub decides: fn(Judgement, Family) -> bool,
    /// The question.
    pub judgement: Judgement,
    /// The product it asks about.
    pub subject: Subject,
    /// Severities of the user's.
    pub exceptions: &'a Exceptions,
}

/// Rules about what a token discloses, which it does to whoever refuses it, too.
const DISCLOSES: [&str; 3] = ["JWT-021", "JWT-023", "JWT-025"];

/// What a draft weighs, by the scope and by what became of the token it is about.
struct Weighed {
    severity: Severity,
    in_scope: bool,
    blocks: bool,
    fails: bool,
    lowered: bool,
    /// It fails, and something later would lift that.
    pending: Option<Pending>,
}

impl Weighed {
    fn new(draft: &Draft, scope: &Scope, ledger: &Ledger, weighing: &Weighing<'_>) -> Self {
        let family = draft.meta.family();
        let in_scope = scope.covers_finding(draft.meta, draft.concern, draft.about.issuance, ledger)
            || draft.about.leaked.is_some_and(|token| scope.owns(token, ledger));
        let of_stranger = draft.about.stranger && family == Family::S2s;
        let may_fail = (weighing.decides)(weighing.judgement, family) && in_scope && !draft.aside && !of_stranger;
        // The host's acceptance of another token makes little of the refusal.
        let spared = match family {
            Family::Jwt => !DISCLOSES.contains(&draft.meta.code),
            Family::S2s => of_stranger || weighing.judgement == Judgement::Bearer,
            _ => false,
        };
        let refused_by = draft.about.refused_by.filter(|_| spared);
        let weighed = match refused_by {
            Some(host) if ledger.facts(host).accepted > 0 => draft.severity.min(Severity::Low),
            _ => draft.severity,
        };
        let would_fail = may_fail && weighed >= Severity::High;
        let mut severity = weighing.exceptions.severity(draft.meta, weighed);
        if would_fail && weighed == Severity::Critical {
            severity = severity.max(Severity::High);
        }
        Self {
            severity,
            in_scope,
            blocks: family == Family::Coverage && draft.overturns && in_scope,
            fails: may_fail && severity >= Severity::High,
            lowered: would_fail && severity < Severity::High,
            pending: draft.pending.or_else(|| refused_by.map(|host| Pending::by(host, None))),
        }
    }
}

/// Whether all that fails are refusals of which what is missing may hide that they were lifted.
fn is_open(list: &[(Key, Draft)], scope: &Scope, ledger: &Ledger, weighing: &Weighing<'_>) -> bool {
    let weighed = || list.iter().map(|(_, draft)| (draft, Weighed::new(draft, scope, ledger, weighing)));
    let blockers: Vec<(Concern, Hides)> =
        weighed().filter(|(_, weighed)| weighed.blocks).map(|(draft, _)| (draft.concern, draft.hides)).collect();
    let is_open =
        |pending: Pending| blockers.iter().any(|(concern, hides)| pending.may_be_lifted_in(*hides, *concern, ledger));
    !blockers.is_empty()
        && weighed().filter(|(_, weighed)| weighed.fails).all(|(_, weighed)| weighed.pending.is_some_and(is_open))
}

fn weigh(draft: Draft, scope: &Scope, ledger: &Ledger, weighing: &Weighing<'_>) -> Finding {
    let Weighed { severity, in_scope, blocks, fails, lowered, .. } = Weighed::new(&draft, scope, ledger, weighing);
    let host = match draft.concern {
        Concern::Host(id) => Some(Arc::clone(ledger.host_name(id))).filter(|name| !name.is_empty()),
        Concern::Address(address) => Some(address.to_string().into()),
        _ => None,
    };
    let remedy = draft.remedy.unwrap_or_else(|| {
        let input = draft.evidence.first().map(|evidence| evidence.input).or(match draft.concern {
            Concern::Input(input) => Some(input),
            _ => None,
        });
        Cow::Borrowed(remedies::of_recording(draft.meta, is_capture(input, ledger)))
    });
    Finding {
        meta: draft.meta,
        severity,
        blocks,
        in_scope,
        fails,
        lowered,
        open: false,
        known: false,
        identity: None,
        concern: draft.concern,
        hides: draft.hides,
        host,
        title: draft.title.unwrap_or(Cow::Borrowed(draft.meta.title)),
        detail: draft.detail,
        count: draft.count,
        evidence: draft.evidence,
        remedy: remedies::fitting(draft.meta.code, remedy, weighing.subject),
    }
}

/// Whether an input is a capture of packets; of what cannot be told, whether any is.
fn is_capture(input: Option<SourceId>, ledger: &Ledger) -> bool {
    let of_packets = |facts: &InputFacts| facts.format.contains("pcap") || facts.format.is_empty();
    match input.and_then(|input| ledger.find_input(input)) {
        Some(facts) => of_packets(facts),
        None => ledger.inputs().any(of_packets),
    }
}

/// Coverage findings about hosts out of scope are of one interest only: that there are some. They become one.
fn is_of_no_weight(finding: &Finding) -> bool {
    finding.meta.family() == Family::Coverage && !finding.in_scope && finding.host.is_some()
}

fn absorb(known: &mut Finding, other: Finding, evidence: usize) {
    const OTHERS: &str = " (out of scope; further hosts likewise)";
    if !known.detail.ends_with(OTHERS) {
        known.detail.push_str(OTHERS);
    }
    known.count = known.count.saturating_add(other.count);
    let room = evidence.saturating_sub(known.evidence.len());
    known.evidence.extend(other.evidence.into_iter().take(room));
}

impl Pending {
    /// Whether what is missing may hide that it was lifted.
    pub(crate) fn may_be_lifted_in(self, hides: Hides, concern: Concern, ledger: &Ledger) -> bool {
        let late_enough = match hides {
            Hides::NoCall => false,
            Hides::Until(moment) => self.last.is_none_or(|last| !last.is_after(moment)),
            Hides::Anything => true,
        };
        late_enough && self.may_be_concerned(concern, ledger)
    }

    fn may_be_concerned(self, concern: Concern, ledger: &Ledger) -> bool {
        let facts = ledger.facts(self.host);
        let has = |address: std::net::IpAddr| {
            facts.addresses.is_empty() || facts.addresses.iter().any(|own| own.to_canonical() == address.to_canonical())
        };
        match concern {
            Concern::Host(HostId::OTHER) | Concern::Anything => true,
            Concern::Host(id) => {
                let (own, other) = (ledger.host_name(self.host), ledger.host_name(id));
                id == self.host || other.is_empty() || hosts::bare(own) == hosts::bare(other)
            }
            Concern::Address(address) => has(address),
            Concern::Between(one, other) => has(one) || has(other),
            Concern::Input(input) => {
                ledger.find_input(input).is_none_or(|facts| facts.exchanges == 0 || facts.has_host(self.host))
            }
            Concern::Nothing => false,
        }
    }
}
