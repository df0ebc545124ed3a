use crate::{
    handshake::{caller, observation::Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The caller's application id is neither in the profile nor among the published ones.
    ///
    /// # Evidence
    /// The claim as sent.
    ///
    /// # Traps
    /// Companies register applications of their own (the dedicated Exchange hybrid application is one): that is no fault.
    pub(crate) UnknownPrincipal = "S2S-005" "unknown-principal" Info,
    title: "A call was made in the name of an application that is not known",
    remedy: "If the application is yours, add it to the profile's callers.",
    source: "Published Microsoft application ids",
    reference: "https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in",
}

impl Rule for UnknownPrincipal {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, _) in observation.actors() {
            for caller in caller::callers(&sighting.token, sighting.kind) {
                let principal = &caller.principal;
                if !principal.is_guid() || observation.profile.application_name(&principal.name).is_some() {
                    continue;
                }
                let text = principal.to_string();
                let detail = format!("{} ({})", mask::text(&text), caller.layer.as_str());
                let evidence = observation.claimed(sighting, caller.layer.as_str(), &text);
                context.find(
                    Self::META
                        .of(observation)
                        .subject(principal.name.to_ascii_lowercase())
                        .detail(detail)
                        .evidence(evidence),
                );
            }
        }
    }
}
