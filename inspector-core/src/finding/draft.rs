//! A finding in the making.

use std::borrow::Cow;

use super::{
    Concern, Finding, Seen,
    pending::{Hides, Pending},
    rule::{Family, RuleMeta, Severity},
};
use crate::{
    evidence::{Evidence, SourceId},
    heap,
    hosts::HostId,
    secret::Fingerprint,
};

/// What a finding is about besides its concern. It is weighed at the end, when it is known what became of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct About {
    /// A token that this host refused.
    pub(crate) refused_by: Option<HostId>,
    /// Which, where that matters: a rule of the family JWT judges it.
    pub(crate) refused: Option<Fingerprint>,
    /// That token names no caller the profile expects.
    pub(crate) stranger: bool,
    /// A token that got where it does not belong.
    pub(crate) leaked: Option<Fingerprint>,
    /// A request for a token, or its answer: what was asked for may be what was presented in scope.
    pub(crate) issuance: bool,
}

/// A finding in the making. Made by [`RuleMeta::of`] and its kin.
#[derive(Debug)]
#[must_use = "a draft is reported by Context::find"]
pub struct Draft {
    pub(crate) meta: &'static RuleMeta,
    pub(crate) severity: Severity,
    pub(crate) concern: Concern,
    pub(crate) overturns: bool,
    pub(crate) aside: bool,
    pub(crate) about: About,
    pub(crate) pending: Option<Pending>,
    pub(crate) hides: Hides,
    pub(crate) subject: Option<String>,
    pub(crate) title: Option<Cow<'static, str>>,
    pub(crate) detail: String,
    pub(crate) remedy: Option<Cow<'static, str>>,
    pub(crate) count: u64,
    pub(crate) evidence: Vec<Evidence>,
}

impl RuleMeta {
    /// The start of a finding about a host.
    pub const fn host(&'static self, host: HostId) -> Draft {
        Draft::new(self, Concern::Host(host))
    }

    /// The start of a finding about an input.
    pub const fn input(&'static self, input: SourceId) -> Draft {
        Draft::new(self, Concern::Input(input))
    }

    /// The start of a finding about something else.
    pub const fn about(&'static self, concern: Concern) -> Draft {
        Draft::new(self, concern)
    }
}

impl Draft {
    pub(crate) const fn new(meta: &'static RuleMeta, concern: Concern) -> Self {
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
    pub(crate) const fn of_issuance(mut self, is: bool) -> Self {
        self.about.issuance = is;
        self
    }

    /// It is about a refusal that something later would lift.
    pub(crate) const fn pending(mut self, pending: Pending) -> Self {
        self.pending = Some(pending);
        self
    }

    /// What can be in that which is missing, if it is about something missing; anything by default.
    pub(crate) const fn hides(mut self, hides: Hides) -> Self {
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
    pub(crate) fn weight(&self) -> usize {
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

/// What makes drafts equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) code: &'static str,
    pub(crate) severity: Severity,
    pub(crate) concern: Concern,
    pub(crate) overturns: bool,
    pub(crate) aside: bool,
    pub(crate) about: About,
    pub(crate) subject: Option<Fingerprint>,
}
