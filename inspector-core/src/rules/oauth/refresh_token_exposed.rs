use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::{Endpoint, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::{Sighting, mask},
};

declare_rule! {
    /// A refresh token that a token endpoint issued is sent to another host that is none: it is worth more than an access
    /// token, and only its issuer needs it.
    ///
    /// # Evidence
    /// Where it was, its length and fingerprint, and who issued it.
    ///
    /// # Traps
    /// The value has to be the same as in an earlier answer of a token endpoint. The issuing host may take it at any
    /// path; hosts of the same site are medium.
    pub(crate) RefreshTokenExposed = "OAU-013" "refresh-token-exposed" High,
    title: "A refresh token was sent to a host that did not issue it",
    remedy: "Send it to the token endpoint only, and revoke the family of tokens.",
    source: "RFC 6749 §10.4; RFC 9700 §4.14",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.14",
}

impl Rule for RefreshTokenExposed {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if matches!(observation.endpoint, Endpoint::Token | Endpoint::PossibleToken) {
            return;
        }
        let of_request = |s: &&Sighting| matches!(s.part, Part::RequestHeader | Part::RequestUrl | Part::RequestBody);
        for sighting in observation.extraction.sightings.iter().filter(of_request) {
            let Some(issued) = context.ledger.flows().refresh_token(sighting.token.id) else { continue };
            let profile = observation.profile;
            let known = profile.is_token_host(&issued.host_name) && profile.is_token_host(&observation.host_name);
            if issued.host == observation.host || known {
                continue;
            }
            let same_site = super::site(&issued.host_name) == super::site(&observation.host_name);
            let severity = if same_site { Severity::Medium } else { Self::META.severity };
            let name = mask::text(&sighting.name);
            let detail = format!("{}: {name}, issued by {}", observation.host_name, issued.host_name);
            let evidence = observation.sighted(sighting);
            context.find(
                Self::META
                    .of(observation)
                    .severity(severity)
                    .leaks(sighting.token.id)
                    .detail(detail)
                    .evidence(evidence),
            );
        }
    }
}
