use crate::{
    finding::Severity,
    handshake::observation::Observation,
    hosts,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{mask, principal::Principal},
};

declare_rule! {
    /// The actor token was issued for another audience than the outer token around it. It is medium if only the host
    /// differs.
    ///
    /// # Evidence
    /// `aud` of both.
    ///
    /// # Traps
    /// One resource has several host names (mail, autodiscover). Parts that one of the two leaves out, `*`, and audiences
    /// that are URLs are not compared.
    pub(crate) InnerAudience = "S2S-011" "inner-audience" High,
    title: "The actor token is for another audience than the outer token",
    remedy: "Let the caller ask for an actor token of the very resource it calls, and register all its names as service \
             principal names of 00000002-0000-0ff1-ce00-000000000000.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for InnerAudience {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted() {
            let (Some(outer), Some(inner)) = (sighting.token.audience(), actor.audience()) else { continue };
            let Some(severity) = severity(outer, inner) else { continue };
            let (outer, inner) = (outer.to_string(), inner.to_string());
            let detail = format!("outer: {}, inner: {}", mask::text(&outer), mask::text(&inner));
            let evidence = observation.claimed(sighting, "aud of the actor token", &inner);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

fn severity(outer: &Principal, inner: &Principal) -> Option<Severity> {
    let telling = |principal: &Principal| principal.realm().filter(|realm| *realm != "*").map(str::to_owned);
    let realms = telling(outer).zip(telling(inner));
    if !outer.is(&inner.name) || realms.is_some_and(|(outer, inner)| outer != inner) {
        return Some(Severity::High);
    }
    let (outer, inner) = outer.host().zip(inner.host())?;
    (hosts::bare(&outer) != hosts::bare(&inner)).then_some(Severity::Medium)
}
