use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// The actor token holds an actor token itself. Server-to-server OAuth has two layers; a third is there to confuse a
    /// receiver about whose authority counts.
    ///
    /// # Evidence
    /// The token.
    ///
    /// # Traps
    /// Posted to a token endpoint as assertion, a token with an actor token inside is another message and not judged.
    pub(crate) NestedDepth = "S2S-018" "nested-depth" High,
    title: "An actor token holds another actor token",
    remedy: "Refuse it at the receiver, and find out who minted it.",
    source: "[MS-XOAUTH] §2.2, §4.4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for NestedDepth {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted() {
            let names = ["actortoken", "actort"];
            let Some(name) = names.into_iter().find(|name| actor.claims.contains_key(name)) else { continue };
            let detail = format!("{}: the actor token has {name}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}
