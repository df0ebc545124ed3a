//! Findings: written by rules, folded as they come, weighed at the end.
//!
//! Whether a finding blocks a pass, or moves the outcome, depends on whether it concerns a host in scope, and that is
//! known at the end only. So a folded finding keeps what it concerns ([`Concern`]), and findings about different hosts
//! are never folded into one while they are collected.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use super::{
    Family, RuleMeta, Severity,
    exceptions::Exceptions,
    pending::{Hides, Pending},
    remedies,
};
use crate::{
    evidence::{Evidence, SourceId},
    handshake::{
        facts::{InputFacts, Seen},
        ledger::Ledger,
        meaning::Subject,
    },
    heap,
    hosts::HostId,
    limits::Limits,
    profile::Judgement,
    scope::Scope,
    secret::Fingerprint,
};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Concern {
    /// A host.
    Host(HostId),
    /// A connection that told no name, by its server's address.
    Address(IpAddr),
    /// Two hosts by their addresses, of which either may be the one that counts.
    Between(IpAddr, IpAddr),
    /// All hosts of an input.
    Input(SourceId),
    /// Something whose host cannot be told, so that it may be any.
    Anything,
    /// No host: a fact about the recording that hides nothing.
    Nothing,
}

/// What a finding is about besides its concern. It is weighed at the end, when it is known what became of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct About {
    /// A token that this host refused.
    refused_by: Option<HostId>,
    /// Which, where that matters: a rule of the family JWT judges it.
    refused: Option<Fingerprint>,
    /// That token names no caller the profile expects.
    stranger: bool,
    /// A token that got where it does not belong.
    leaked: Option<Fingerprint>,
    /// A request for a token, or its answer: what was asked for may be what was presented in scope.
    issuance: bool,
}

/// A finding in the making. Made by [`RuleMeta::of`] and its kin.
#[derive(Debug)]
#[must_use = "a draft is reported by Context::find"]
pub struct Draft {
    meta: &'static RuleMeta,
    severity: Severity,
    concern: Concern,
    overturns: bool,
    aside: bool,
    about: About,
    pending: Option<Pending>,
    hides: Hides,
    subject: Option<String>,
    title: Option<Cow<'static, str>>,
    detail: String,
    remedy: Option<Cow<'static, str>>,
    count: u64,
    evidence: Vec<Evidence>,
}

impl Draft {
    pub(super) const fn new(meta: &'static RuleMeta, concern: Concern) -> Self {
        Self {
            meta,
            severity: meta.severity,
            concern,
            overturns: false,
            aside: false,
            about: About { refused_by: None, refused: None, stranger: false, leaked: None, issuance: false },
            pending: None,
            hides: Hides::Anything,
            subject: None,
            title: None,
            detail: String::new(),
            remedy: None,
            count: 1,
            evidence: Vec::new(),
        }
    }

    /// Another severity than the rule's usual one.
    pub const fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// What is found, in one sentence with its particulars, masked. Findings are equal if their details are, unless
    /// [`Draft::subject`] says what makes them equal.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// What makes findings equal, where the detail varies.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Another title than the rule's.
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// A remedy for the case at hand; an empty one keeps the rule's.
    pub fn remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        let remedy = remedy.into();
        if !remedy.is_empty() {
            self.remedy = Some(remedy);
        }
        self
    }

    /// One more piece of evidence.
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        // Most have one piece, and there may be thousands of them.
        self.evidence.reserve_exact(1);
        self.evidence.push(evidence);
        self
    }

    /// It is about a token that this host refused, of a stranger or of somebody the profile expects.
    pub(crate) const fn refused_by(mut self, host: HostId, stranger: bool) -> Self {
        self.about.refused_by = Some(host);
        self.about.stranger = stranger;
        self
    }

    /// It is about this token, which was refused.
    pub(crate) fn refused(mut self, token: Fingerprint) -> Self {
        self.about.refused = Some(token).filter(|_| self.meta.family() == Family::Jwt);
        self
    }

    /// It is about a token that got where it does not belong. It counts where the token belongs, too.
    pub(crate) const fn leaks(mut self, token: Fingerprint) -> Self {
        self.about.leaked = Some(token);
        self
    }

    /// It is about a request for a token, or its answer.
    pub(super) const fn of_issuance(mut self, is: bool) -> Self {
        self.about.issuance = is;
        self
    }

    /// It is about a refusal that something later would lift.
    pub(crate) const fn pending(mut self, pending: Pending) -> Self {
        self.pending = Some(pending);
        self
    }

    /// What can be in that which is missing, if it is about something missing; anything by default.
    pub(super) const fn hides(mut self, hides: Hides) -> Self {
        self.hides = hides;
        self
    }

    /// Count and evidence that were gathered elsewhere.
    pub fn seen(mut self, seen: &Seen) -> Self {
        if let (true, Concern::Host(host)) = (seen.is_of_strangers(), self.concern) {
            self = self.refused_by(host, true);
        }
        self.count = seen.count;
        self.evidence.extend(seen.evidence.iter().cloned());
        self
    }

    /// Bytes of memory it takes once it is kept, about, the finding that is made of it at the end among them.
    fn weight(&self) -> usize {
        const KEPT: usize = size_of::<(Key, Draft)>() + 2 * size_of::<(Key, usize)>() + size_of::<Finding>();
        let texts =
            [Some(self.detail.as_str()), self.subject.as_deref(), self.title.as_deref(), self.remedy.as_deref()];
        let texts = texts.into_iter().flatten().fold(0, |sum, text| heap::block(text.len()).saturating_add(sum));
        self.evidence.iter().fold(KEPT.saturating_add(texts), |sum, evidence| sum.saturating_add(evidence.weight()))
    }

    /// How many this stands for.
    pub const fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Coverage only: what is missing could overturn the answer, so that it blocks a pass if it concerns the scope.
    pub const fn overturns(mut self) -> Self {
        self.overturns = true;
        self
    }

    /// It does not move the outcome whatever its severity (credentials for a proxy).
    pub const fn aside(mut self) -> Self {
        self.aside = true;
        self
    }
}

/// A folded finding of the report.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The rule.
    pub meta: &'static RuleMeta,
    /// How grave.
    pub severity: Severity,
    /// Coverage only: a pass is not possible because of it.
    pub blocks: bool,
    /// It concerns the scope.
    pub in_scope: bool,
    /// It makes the outcome fail, by family, severity and scope.
    pub fails: bool,
    /// It would make the outcome fail, had the profile not lowered its severity.
    pub lowered: bool,
    /// It would make the outcome fail, but what is missing may hide that it was lifted: a refusal before an answer that was
    /// lost.
    pub open: bool,
    /// It stands in the baseline.
    pub known: bool,
    /// What makes it equal to others of its rule and host; `None` where too many were found to be told apart.
    pub identity: Option<Fingerprint>,
    /// What it is about.
    pub(crate) concern: Concern,
    /// Coverage only: what can be in that which is missing.
    pub(crate) hides: Hides,
    /// The host it is about.
    pub host: Option<Arc<str>>,
    /// What it says, in one line.
    pub title: Cow<'static, str>,
    /// With its particulars, masked.
    pub detail: String,
    /// How many it stands for.
    pub count: u64,
    /// The first few places.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    code: &'static str,
    severity: Severity,
    concern: Concern,
    overturns: bool,
    aside: bool,
    about: About,
    subject: Option<Fingerprint>,
}

/// The findings of an analysis, folded.
#[derive(Debug)]
pub struct Findings {
    list: Vec<(Key, Draft)>,
    index: HashMap<Key, usize, foldhash::fast::RandomState>,
    per_rule: HashMap<&'static str, usize, foldhash::fast::RandomState>,
    most: usize,
    evidence: usize,
    /// Bytes of memory they take, about, and may take.
    bytes: usize,
    total: usize,
    overflowed: bool,
    /// What was added since it was asked for last, while somebody listens.
    reported: Vec<Reported>,
    listening: bool,
}

/// A draft that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    /// The folded finding it is part of.
    at: usize,
    count: u64,
    has_evidence: bool,
}

impl Findings {
    /// No findings yet; bounded by `Limits::findings`, `Limits::findings_total` and `Limits::evidence`.
    pub fn new(limits: &Limits) -> Self {
        Self {
            list: Vec::new(),
            index: HashMap::default(),
            per_rule: HashMap::default(),
            most: limits.findings,
            evidence: limits.evidence,
            bytes: 0,
            total: limits.findings_total,
            overflowed: false,
            reported: Vec::new(),
            listening: false,
        }
    }

    /// Begins or ends to note what is added.
    pub(super) fn listen(&mut self, listening: bool) {
        self.reported.clear();
        self.listening = listening;
    }

    /// What was added since this was called last.
    pub(super) fn take_reported(&mut self) -> std::vec::Drain<'_, Reported> {
        self.reported.drain(..)
    }

    /// Whether one of a deciding family is grave already.
    pub(crate) fn have_grave(&self, decides: &dyn Fn(Family) -> bool) -> bool {
        self.list.iter().any(|(_, draft)| draft.severity >= Severity::High && decides(draft.meta.family()))
    }

    /// Whether more of the same would only be counted; once so, it stays so.
    pub(super) fn have_evidence(&self, all: &[Reported]) -> bool {
        let is_full = |at: usize| self.list.get(at).is_some_and(|(_, draft)| draft.evidence.len() >= self.evidence);
        all.iter().all(|reported| !reported.has_evidence || is_full(reported.at))
    }

    /// Counts the same so many times more. Only where [`Findings::have_evidence`] says so.
    pub(super) fn repeat(&mut self, all: &[Reported], times: u64) {
        for reported in all.iter().filter(|_| times > 0) {
            if let Some((_, folded)) = self.list.get_mut(reported.at) {
                folded.count = folded.count.saturating_add(reported.count.saturating_mul(times));
                // When it was is not told.
                folded.hides = match folded.hides {
                    Hides::Until(_) => Hides::Anything,
                    known => known,
                };
            }
        }
    }

    /// Whether some were not kept apart, for want of memory: then a pass is not possible.
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Adds one, or counts it with its equals. Beyond `Limits::findings` of a rule, all of one severity and concern
    /// count as equal, so that none is lost for the outcome. Beyond `Limits::findings_total` the concern is lost, too: what
    /// would block a pass then does so whatever it concerns, and nothing else moves the outcome.
    pub fn add(&mut self, draft: Draft) {
        self.add_seen(draft, || None);
    }

    /// Adds one with a further piece of evidence, which is only worked out if it is kept.
    pub(super) fn add_seen(&mut self, mut draft: Draft, seen: impl FnOnce() -> Option<Evidence>) {
        let subject = draft.subject.as_deref().unwrap_or(&draft.detail);
        let mut key = Key {
            code: draft.meta.code,
            severity: draft.severity,
            concern: draft.concern,
            overturns: draft.overturns,
            aside: draft.aside,
            about: draft.about,
            subject: Some(Fingerprint::of(subject.as_bytes())),
        };
        let known = self.per_rule.get(key.code).copied().unwrap_or(0);
        if known >= self.most && !self.index.contains_key(&key) {
            key.subject = None;
            // Of which token it was is not told apart any more; that it was refused is.
            (key.about.leaked, key.about.refused) = (None, None);
            draft.about = key.about;
        }
        let weight = draft.weight();
        if self.bytes.saturating_add(weight) > self.total && !self.index.contains_key(&key) {
            self.overflowed = true;
            key.subject = None;
            key.about = About::default();
            draft.about = key.about;
            key.concern = if draft.overturns { Concern::Anything } else { Concern::Nothing };
            draft.concern = key.concern;
        }
        let at = self.index.get(&key).copied();
        let known = at.and_then(|at| self.list.get(at));
        let is_full = known.is_some_and(|(_, folded)| folded.evidence.len() >= self.evidence);
        draft.evidence.extend(if is_full { None } else { seen() });
        if self.listening {
            let has_evidence = is_full || !draft.evidence.is_empty();
            self.reported.push(Reported { at: at.unwrap_or(self.list.len()), count: draft.count, has_evidence });
        }
        if let Some((_, folded)) = at.and_then(|at| self.list.get_mut(at)) {
            folded.count = folded.count.saturating_add(draft.count);
            folded.hides = folded.hides.and(draft.hides);
            folded.pending = folded.pending.zip(draft.pending).map(|(one, other)| one.and(other));
            let room = self.evidence.saturating_sub(folded.evidence.len());
            for evidence in draft.evidence.into_iter().take(room) {
                self.bytes = self.bytes.saturating_add(evidence.weight());
                folded.evidence.push(evidence);
            }
            return;
        }
        self.bytes = self.bytes.saturating_add(draft.weight());
        if key.subject.is_none() {
            draft.detail.push_str(" (and others of this kind)");
        }
        draft.evidence.truncate(self.evidence.max(1));
        *self.per_rule.entry(key.code).or_default() += 1;
        self.index.insert(key.clone(), self.list.len());
        self.list.push((key, draft));
    }

    /// The tokens that were refused and about which a finding of the family JWT is high or critical by itself: forged,
    /// or damaged.
    pub fn refused_forgeries(&self) -> HashSet<Fingerprint, foldhash::fast::RandomState> {
        let grave = self.list.iter().filter(|(key, _)| key.severity >= Severity::High);
        grave.filter_map(|(key, _)| key.about.refused).collect()
    }

    /// Weighs the findings by the scope and puts them in their order: what blocks and what is grave first.
    pub fn finish(self, scope: &Scope, ledger: &Ledger, weighing: &Weighing<'_>) -> Vec<Finding> {
        let evidence = self.evidence;
        let mut all: Vec<Finding> = Vec::with_capacity(self.list.len());
        let mut outside: Vec<(&'static str, Severity, usize)> = Vec::new();
        let mut equals: HashMap<(Key, Weight), usize, foldhash::fast::RandomState> = HashMap::default();
        let is_open = is_open(&self.list, scope, ledger, weighing);
        for (key, draft) in self.list {
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

/// What fails and what blocks first, then by severity, rule and place.
pub(crate) fn sort(findings: &mut [Finding]) {
    let order = |finding: &Finding| {
        let first = finding.evidence.first().cloned().unwrap_or_default();
        let place = (first.input, first.entry, first.frame, first.exchange);
        (!finding.fails, !finding.blocks, std::cmp::Reverse(finding.severity), finding.meta.code, place)
    };
    findings.sort_by(|a, b| {
        order(a).cmp(&order(b)).then_with(|| a.host.cmp(&b.host)).then_with(|| a.detail.cmp(&b.detail))
    });
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
