use crate::{
    handshake::{caller, observation::Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::Token,
};

declare_rule! {
    /// The outer token speaks for a user, but the actor token does not say that its bearer may do so.
    ///
    /// # Evidence
    /// `trustedfordelegation` of the actor token.
    ///
    /// # Traps
    /// The claim is a string or a boolean. A caller that signs its own actor token may leave it out.
    pub(crate) TrustedForDelegation = "S2S-014" "trusted-for-delegation" High,
    title: "The token speaks for a user, and its actor may not",
    remedy: "Let the token endpoint mark the application as trusted for delegation, give the partner application its \
             account (Set-PartnerApplication -LinkedAccount <account>), or call as application only.",
    source: "[MS-XOAUTH] §2.2",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for TrustedForDelegation {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted().filter(|(sighting, _)| names_user(&sighting.token)) {
            let value = actor.claim("trustedfordelegation");
            let own = caller::self_issuer(actor).is_some();
            match value.as_deref() {
                Some(value) if value.trim().eq_ignore_ascii_case("true") => continue,
                None if own => continue,
                _ => {}
            }
            let value = value.as_deref().unwrap_or("absent");
            let evidence = observation.claimed(sighting, "trustedfordelegation", value);
            let detail = format!("trustedfordelegation is {}", crate::token::mask::text(value));
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

fn names_user(outer: &Token) -> bool {
    ["nameid", "upn", "smtp", "sip"].iter().any(|name| outer.claim(name).is_some_and(|value| !value.is_empty()))
}
