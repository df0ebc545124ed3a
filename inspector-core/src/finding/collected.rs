//! The findings of an analysis, folded as they come.

use std::collections::{HashMap, HashSet};

use super::{
    Concern,
    draft::{About, Draft, Key},
    pending::Hides,
    rule::{Family, Severity},
};
use crate::{evidence::Evidence, limits::Limits, secret::Fingerprint};

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
pub(crate) struct Reported {
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
    pub(crate) fn listen(&mut self, listening: bool) {
        self.reported.clear();
        self.listening = listening;
    }

    /// What was added since this was called last.
    pub(crate) fn take_reported(&mut self) -> std::vec::Drain<'_, Reported> {
        self.reported.drain(..)
    }

    /// Whether one of a deciding family is grave already.
    pub(crate) fn have_grave(&self, decides: &dyn Fn(Family) -> bool) -> bool {
        self.list.iter().any(|(_, draft)| draft.severity >= Severity::High && decides(draft.meta.family()))
    }

    /// Whether more of the same would only be counted; once so, it stays so.
    pub(crate) fn have_evidence(&self, all: &[Reported]) -> bool {
        let is_full = |at: usize| self.list.get(at).is_some_and(|(_, draft)| draft.evidence.len() >= self.evidence);
        all.iter().all(|reported| !reported.has_evidence || is_full(reported.at))
    }

    /// Counts the same so many times more. Only where [`Findings::have_evidence`] says so.
    pub(crate) fn repeat(&mut self, all: &[Reported], times: u64) {
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
    pub(crate) fn add_seen(&mut self, mut draft: Draft, seen: impl FnOnce() -> Option<Evidence>) {
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

    /// The folded drafts in the order they came, and how many pieces of evidence each may have.
    pub(crate) fn into_drafts(self) -> (Vec<(Key, Draft)>, usize) {
        (self.list, self.evidence)
    }
}
