use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

/// Pieces of a user agent and the application that sends them.
const AGENTS: [(&str, &str); 1] = [("SchedulingService", "7557eb47-c689-4224-abcf-aef9bd7573df")];

declare_rule! {
    /// The user agent says one application, the token another.
    ///
    /// # Evidence
    /// Both.
    ///
    /// # Traps
    /// User agents are free text: anyone can send them, and products change them.
    pub(crate) CallerVsUa = "S2S-049" "caller-vs-ua" Info,
    title: "The user agent is of another application than the token",
    remedy: "Nothing to do unless the caller is unexpected.",
    source: "Teams and Exchange interaction",
    reference: "https://learn.microsoft.com/microsoftteams/troubleshoot/exchange-integration/teams-exchange-interaction-issue",
}

impl Rule for CallerVsUa {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some((sighting, _)) = observation.actors().next() else { return };
        let Some(caller) = &observation.caller else { return };
        let agent = observation.request().and_then(|head| head.text("user-agent")).unwrap_or_default();
        let Some((piece, id)) = AGENTS.iter().find(|(piece, _)| agent.contains(piece)) else { return };
        if caller.principal.is(id) {
            return;
        }
        let principal = caller.principal.to_string();
        let detail = format!("the user agent names {piece}, the token {}", mask::text(&principal));
        let evidence = observation.claimed(sighting, caller.layer.as_str(), &principal);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
