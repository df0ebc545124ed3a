use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The outer token is signed. Exchange wants the user context unsigned and refuses others (2000001).
    ///
    /// # Evidence
    /// `alg` of the outer token.
    ///
    /// # Traps
    /// A signed token without an actor token inside is another kind.
    pub(crate) SignedOuter = "S2S-016" "signed-outer" Medium,
    title: "The outer token is signed although it holds an actor token",
    remedy: "Let the caller send the user context with alg none; the actor token inside carries the signature.",
    source: "[MS-XOAUTH] §2.2",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for SignedOuter {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, _) in observation.app_asserted() {
            let algorithm = sighting.token.algorithm();
            if algorithm.eq_ignore_ascii_case("none") {
                continue;
            }
            let evidence = observation.claimed(sighting, "alg", &algorithm);
            context.find(
                Self::META.of(observation).detail(format!("alg \"{}\"", mask::text(&algorithm))).evidence(evidence),
            );
        }
    }
}
