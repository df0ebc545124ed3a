use crate::{
    handshake::observation::{Endpoint, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// A token was sent to an endpoint that is anonymous by design (Autodiscover V2): it is exposed there without need.
    ///
    /// # Evidence
    /// The token.
    ///
    /// # Traps
    /// The endpoint answers anyone; that it answered says nothing about the token.
    pub(crate) AutodiscoverV2Anonymous = "S2S-053" "autodiscover-v2-anonymous" Info,
    title: "A token was sent to an endpoint that takes none",
    remedy: "Nothing to do on the server; a caller need not send a token there.",
    source: "Teams and Exchange interaction",
    reference: "https://learn.microsoft.com/microsoftteams/troubleshoot/exchange-integration/teams-exchange-interaction-issue",
}

impl Rule for AutodiscoverV2Anonymous {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::SilentByShape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint != Endpoint::Anonymous {
            return;
        }
        let Some(sighting) = observation.presented().next() else { return };
        let detail = observation.place();
        context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
    }
}
