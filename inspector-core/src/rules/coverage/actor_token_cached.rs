use crate::rules::{Context, Declared, Rule, Summary, declare_rule};

declare_rule! {
    /// The caller used an actor token that no token endpoint issued within the recording. Actor tokens are kept for about
    /// a day, so this is the normal case and only says that the token request could not be judged.
    ///
    /// # Evidence
    /// The first call with the token.
    ///
    /// # Traps
    /// A caller that signs its own actor tokens asks no token endpoint at all.
    pub(crate) ActorTokenCached = "COV-008" "actor-token-cached" Info,
    title: "The actor token was issued before the recording began",
    remedy: "To see the token request too, record longer or restart the calling service.",
    source: "[MS-XOAUTH] §3.2.5",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for ActorTokenCached {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for call in ledger.calls().iter().filter(|call| call.expected && call.from_issuer) {
            let issued = call.actor.is_some_and(|actor| ledger.token(actor).is_some_and(|facts| facts.issued));
            if issued {
                continue;
            }
            let detail = format!("{}: no token request for the actor token was recorded", ledger.host_name(call.host));
            let mut draft = Self::META.host(call.host).detail(detail);
            if let Some(step) = call.steps.last() {
                draft = draft.evidence(step.evidence.clone());
            }
            context.find(draft);
        }
    }
}
