use crate::{handshake::{observation::{Observation, is_readable}, token_endpoint}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::{Role, mask, principal::Principal}};

declare_rule! {
    /// A token endpoint issued an access token for another client than the one that asked.
    ///
    /// # Evidence
    /// `client_id` of the request, and `appid`, `azp` or `client_id` of the token.
    ///
    /// # Traps
    /// ACS writes clients as `id@realm`: ids are compared. An application that asks through a broker has another id rightly.
    pub(crate) ClientMismatch = "JWT-027" "client-mismatch" Medium,
    title: "A token was issued for another client than the one that asked",
    remedy: "Check which application the client is configured as, and whether its credentials are used by another.",
    source: "RFC 9068 §2.2; Microsoft Entra access token claims reference",
    reference: "https://www.rfc-editor.org/rfc/rfc9068#section-2.2",
}

impl Rule for ClientMismatch {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let parameter = |name: &str| token_endpoint::form_parameter(observation.extraction, name);
        let Some(asked) = parameter("client_id").filter(|_| observation.token_request.is_some()) else { return };
        if ["brk_client_id", "request"].iter().any(|name| parameter(name).is_some()) {
            return;
        }
        let issued = observation.extraction.sightings.iter().filter(|s| s.role == Role::Issued);
        for sighting in issued.filter(|s| s.name == "/access_token" && is_readable(&s.token)) {
            let found =
                ["appid", "azp", "client_id"].iter().find_map(|name| Some((*name, sighting.token.claim(name)?)));
            let Some((claim, got)) = found.filter(|(_, got)| id(got) != id(asked)) else { continue };
            let detail = format!("{} asked, {claim} is {}", mask::text(asked), mask::text(&got));
            let evidence = observation.claimed(sighting, claim, &got);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

/// The id of a client, with or without a realm, in lower case.
fn id(client: &str) -> String {
    Principal::parse(client).map_or_else(|| client.to_owned(), |principal| principal.name).to_ascii_lowercase()
}
