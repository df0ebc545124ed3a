use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// A decoded token that was presented to the resource names one of the expected callers, with a realm: as `iss` of the
    /// outer token, as `nameid` of the actor token, or as `iss` of an actor token it signed itself. This is the check the
    /// article asks for, made on what the token says.
    ///
    /// # Evidence
    /// The token, the claim, and the name as sent. The spellings `id@realm`, `id/@realm`, `/id@realm` and
    /// `id/host@realm` are one.
    ///
    /// # Traps
    /// The same id in `trusted_issuers`, `client_id` or `aud`, in an assertion to the token endpoint, or in any content
    /// proves no call. Neither does a token for another resource, or one of the reverse direction.
    pub(crate) ExpectedIssuerPresent = "S2S-001" "expected-issuer-present" Info,
    title: "A token of the expected issuer was sent to the resource",
    remedy: "Nothing to do.",
    source: "Configure Integration between Skype for Business Online or Microsoft Teams and Exchange Server; [MS-XOAUTH] §4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for ExpectedIssuerPresent {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(caller) = &observation.expected else { return };
        let Some(sighting) = observation.presented().next() else { return };
        let name = observation.profile.application_name(&caller.principal.name).unwrap_or("an expected caller");
        let principal = caller.shown();
        let detail = format!("{}: {principal} ({name}), {}", observation.host_name, caller.layer.as_str());
        let evidence = || observation.claimed(sighting, caller.layer.as_str(), principal);
        context.find_usual(Self::META.of(observation).detail(detail), evidence);
    }
}
