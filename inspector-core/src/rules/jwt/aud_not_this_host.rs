use crate::{
    finding::Severity,
    handshake::observation::{Answer, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The token's audience is a URL of another host than the one it was sent to. It is medium if a token for a service of
    /// Microsoft's went elsewhere, or the host refused it; otherwise low, for an audience is a name and need not be the
    /// address.
    ///
    /// # Evidence
    /// `aud` and the request's host.
    ///
    /// # Traps
    /// Names of one organisation, relays of the profile, and services of Microsoft's among each other are left out; so are
    /// audiences that are ids, which do not tell a host. Tokens of server-to-server OAuth are judged by S2S-013.
    pub(crate) AudNotThisHost = "JWT-009" "aud-not-this-host" Medium,
    title: "A token was sent to another host than it is for",
    remedy: "Let the client ask for a token for this resource, and check aud strictly at the resource.",
    source: "RFC 8725 §3.9; RFC 9700 §4.10.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.10",
}

impl Rule for AudNotThisHost {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.presented() {
            let Some(named) = super::foreign_host(observation, sighting) else { continue };
            let leaves = super::is_of_microsoft(&named);
            let refused = observation.answer == Answer::Refused;
            let severity = if leaves || refused { Self::META.severity } else { Severity::Low };
            let detail =
                format!("the token is for {}, the request went to {}", mask::text(&named), observation.host_name);
            let evidence = observation.claimed(sighting, "aud", &named);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}
