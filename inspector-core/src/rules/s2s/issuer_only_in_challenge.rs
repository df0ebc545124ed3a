use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
};

declare_rule! {
    /// The resource says it trusts the expected caller, but no call of that caller was recorded. The configuration is
    /// there; whether it works is not shown.
    ///
    /// # Evidence
    /// `trusted_issuers` of the challenge.
    ///
    /// # Traps
    /// The recording may be too short: without any call to the resource it is a fact (info).
    pub(crate) IssuerOnlyInChallenge = "S2S-003" "issuer-only-in-challenge" Medium,
    title: "The expected issuer is trusted by the resource but was not seen to call",
    remedy: "Trigger a call (let a Teams user look up a calendar) and record until its answer.",
    source: "[MS-XOAUTH] §4.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for IssuerOnlyInChallenge {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        if ledger.hosts().any(|(.., facts)| facts.expected.count > 0) {
            return;
        }
        for (id, name, facts) in ledger.hosts() {
            let Some((issuer, evidence)) = &facts.trusts_caller else { continue };
            let detail = format!("{name} trusts {}", crate::token::mask::text(issuer));
            // Nobody called at all: the recording is too short to tell.
            let severity = if facts.tally.credentialed == 0 { Severity::Info } else { Self::META.severity };
            context.find(Self::META.host(id).severity(severity).detail(detail).evidence(evidence.clone()));
        }
    }
}
