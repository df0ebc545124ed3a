use std::collections::HashSet;

use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    secret::Fingerprint,
};

declare_rule! {
    /// An actor token that was issued in the recording was not used in it.
    ///
    /// # Evidence
    /// The token's answer.
    ///
    /// # Traps
    /// The call may lie behind the end of the recording, or on another line. Actor tokens are kept for about a day.
    pub(crate) IssuedVsUsed = "S2S-029" "issued-vs-used" Info,
    title: "An issued actor token was not used in the recording",
    remedy: "If a call is missing, record longer and at the caller's side of all its connections.",
    source: "[MS-XOAUTH] §3.2.5",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for IssuedVsUsed {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        let used: HashSet<Fingerprint> = ledger
            .tokens()
            .iter()
            .filter(|facts| facts.presented > 0)
            .flat_map(|facts| [Some(facts.token.id), facts.token.actor.as_ref().map(|actor| actor.id)])
            .flatten()
            .collect();
        for issuance in ledger.issuances() {
            let Some(token) = issuance.token.filter(|token| !used.contains(token)) else { continue };
            let mut draft = Self::META.host(issuance.host).detail(format!("token sha256 {token}"));
            if let Some(step) = issuance.steps.last() {
                draft = draft.evidence(step.evidence.clone());
            }
            context.find(draft);
        }
    }
}
