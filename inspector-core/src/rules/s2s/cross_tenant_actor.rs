use crate::{
    handshake::{caller, observation::Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The outer token speaks of one tenant, the actor token inside it of another. A receiver that looks at one of them
    /// only lets a caller of one tenant act in another: the shape of CVE-2025-55241.
    ///
    /// # Evidence
    /// Both realms.
    ///
    /// # Traps
    /// Issuer is compared with caller and audience with audience, only where both realms are there and neither is `*`.
    /// That callers are of a tenant's id and resources of its domain, in both layers alike, is no such case.
    pub(crate) CrossTenantActor = "S2S-007" "cross-tenant-actor" Critical,
    title: "The outer token and its actor token are of different tenants",
    remedy: "Treat it as an attack until explained: find out who minted the outer token, and whether the resource \
             accepted it.",
    source: "[MS-XOAUTH] §3.2.5.6; CVE-2025-55241",
    reference: "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2025-55241",
}

impl Rule for CrossTenantActor {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted() {
            let pairs =
                [(sighting.token.issuer(), caller::actor_caller(actor)), (sighting.token.audience(), actor.audience())];
            let differing = pairs.into_iter().find(|(one, other)| super::realms_differ(*one, *other));
            let Some((Some(one), Some(other))) = differing else { continue };
            let detail = format!("outer: {}, inner: {}", mask::text(&one.to_string()), mask::text(&other.to_string()));
            let evidence = observation.claimed(sighting, "realm of the outer token", &one.to_string());
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
