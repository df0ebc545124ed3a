use std::borrow::Cow;

use crate::{
    evidence::Evidence,
    finding::{Concern, Finding, Severity, pending::Hides},
    rules::{Declared, Rule, declare_rule},
};

declare_rule! {
    /// What was recorded was read, credentials were sent to hosts in scope, and no call of an expected caller was seen to
    /// work: the fourth rule of the verdict, which fails. The finding says what was expected and what was seen instead.
    ///
    /// # Evidence
    /// The first call of somebody else, or the first other credentials.
    ///
    /// # Traps
    /// An application of one's own is no fault (the dedicated Exchange hybrid application is one): the profile lacks it.
    /// Where evidence is missing, the answer is inconclusive and this rule is silent.
    pub(crate) ExpectedIssuerMissing = "S2S-056" "expected-issuer-missing" High,
    title: "No call of the expected issuer was seen to work",
    remedy: "Check the OAuth settings of the caller; if another application calls that may, add it to the profile's callers.",
    source: "This program's verdict",
    reference: "https://learn.microsoft.com/skypeforbusiness/deploy/integrate-with-exchange-server/oauth-with-online-and-on-premises",
}

/// It is found by the verdict, when all else is known.
impl Rule for ExpectedIssuerMissing {}

/// The finding of a verdict that failed without another.
pub(crate) fn expected_issuer_missing(
    title: &str,
    detail: String,
    remedy: Option<String>,
    evidence: Option<Evidence>,
) -> Finding {
    let meta = &ExpectedIssuerMissing::META;
    Finding {
        known: false,
        identity: None,
        meta,
        severity: Severity::High,
        blocks: false,
        in_scope: true,
        fails: true,
        lowered: false,
        open: false,
        concern: Concern::Nothing,
        hides: Hides::Anything,
        host: None,
        title: Cow::Owned(title.to_owned()),
        detail,
        count: 1,
        evidence: evidence.into_iter().collect(),
        remedy: remedy.map_or(Cow::Borrowed(meta.remedy), Cow::Owned),
    }
}
