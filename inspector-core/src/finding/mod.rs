//! Findings: written by rules, folded as they come, weighed at the end.
//!
//! Whether a finding blocks a pass, or moves the outcome, depends on whether it concerns a host in scope, and that is
//! known at the end only. So a folded finding keeps what it concerns ([`Concern`]), and findings about different hosts
//! are never folded into one while they are collected.

mod collected;
mod draft;
pub(crate) mod pending;
mod rule;
mod seen;

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use self::pending::Hides;
pub use self::{
    collected::Findings,
    draft::Draft,
    rule::{Family, RuleMeta, Severity},
    seen::Seen,
};
pub(crate) use self::{
    collected::Reported,
    draft::{About, Key},
};
use crate::{
    evidence::{Evidence, SourceId},
    hosts::HostId,
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
