//! What a profile changes about findings: severities, and findings that are known and ignored for a time.

use crate::{
    finding::{Finding, RuleMeta, Severity},
    hosts::HostPattern,
    time::Timestamp,
};

/// Findings of a rule that are known, with the reason to ignore them.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// The rule.
    pub rule: &'static RuleMeta,
    /// Only findings about such hosts; of all hosts, and of none, if empty.
    pub host: Option<String>,
    /// Why.
    pub reason: String,
    /// The last day, as it was written.
    pub until: Option<String>,
    /// The first moment at which it no longer ignores.
    pub end: Option<Timestamp>,
}

/// Two are equal if they say the same.
impl PartialEq for Ignore {
    fn eq(&self, other: &Self) -> bool {
        let said = |it: &Self| (it.rule.code, it.host.clone(), it.reason.clone(), it.until.clone());
        said(self) == said(other)
    }
}

impl Eq for Ignore {}

impl Ignore {
    /// Whether a finding is what it is about.
    pub(crate) fn fits(&self, finding: &Finding) -> bool {
        finding.meta.code == self.rule.code
            && self.host.as_deref().is_none_or(|pattern| {
                let pattern = HostPattern::new(pattern);
                finding.host.as_deref().is_some_and(|host| pattern.matches(host))
            })
    }
}

/// What a profile changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// Severities of rules, by code.
    pub severities: Vec<(&'static str, Severity)>,
    /// Findings that are ignored.
    pub ignores: Vec<Ignore>,
}

impl Exceptions {
    /// The severity of a finding of that rule. Good news of a rule that otherwise warns stays good news.
    pub(crate) fn severity(&self, meta: &RuleMeta, severity: Severity) -> Severity {
        let is_news = severity == Severity::Info && meta.severity != Severity::Info;
        let own = self.severities.iter().find(|(code, _)| *code == meta.code).filter(|_| !is_news);
        own.map_or(severity, |(_, own)| *own)
    }
}
