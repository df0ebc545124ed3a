use crate::{evidence::Part, handshake::{oauth_message::{self, Carriage}, observation::{Answer, Observation}}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

declare_rule! {
    /// What one authorization server gave out is used with another: the `iss` of an authorization response is not the
    /// issuer of the server that was asked, a code goes to a token endpoint that is not its server's, or a token is
    /// refused by a resource that wants another server. It is the shape of a mix-up attack.
    ///
    /// # Evidence
    /// The names of both servers.
    ///
    /// # Traps
    /// Which token endpoint belongs to which authorization endpoint is known only from metadata in the recording; without
    /// it nothing is said. Aliases of one site, and Microsoft's token hosts among each other, count as one.
    pub(crate) MixedTokenServer = "OAU-016" "mixed-token-server" Medium,
    title: "What one authorization server gave out is used with another",
    remedy: "Use a redirection URI of its own for each authorization server, or check the iss parameter of RFC 9207.",
    source: "RFC 9207; RFC 9700 §4.4",
    reference: "https://www.rfc-editor.org/rfc/rfc9207",
}

impl Rule for MixedTokenServer {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH.or(Occasions::CHALLENGE)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        Self::responses(observation, context);
        Self::codes(observation, context);
        Self::resources(observation, context);
    }
}

impl MixedTokenServer {
    /// `iss` of the server's own redirect against the issuers of its metadata.
    fn responses(observation: &Observation<'_>, context: &mut Context<'_>) {
        let response = observation.flow.response.as_ref().filter(|r| r.carriage == Carriage::Location);
        let Some(issuer) = response.and_then(|response| response.issuer.as_deref()) else { return };
        let mut servers = context.ledger.flows().servers(&observation.host_name).peekable();
        let same = |known: &str| known.trim_end_matches('/') == issuer.trim_end_matches('/') || known.contains('{');
        if servers.peek().is_none() || servers.any(|server| same(&server.issuer)) {
            return;
        }
        let Some((_, named, _)) = oauth_message::parts(issuer) else { return };
        if super::are_related(&named, &observation.host_name, observation.profile) {
            return;
        }
        let evidence = observation.in_response(Part::ResponseHeader, "Location iss", mask::text(issuer));
        let detail = format!("{}: its response names the issuer {}", observation.host_name, mask::text(issuer));
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }

    /// A code against the token endpoint of the server that gave it.
    fn codes(observation: &Observation<'_>, context: &mut Context<'_>) {
        if super::grant(observation) != Some("authorization_code") {
            return;
        }
        let Some(code) = super::posted(observation, "code") else { return };
        let flows = context.ledger.flows();
        let Some(asked) = flows.of_code(Fingerprint::of(code.as_bytes())) else { return };
        let mut servers = flows.servers(&asked.host_name).peekable();
        let here = &observation.host_name;
        if servers.peek().is_none()
            || servers.any(|server| super::are_related(&server.token, here, observation.profile))
            || super::are_related(&asked.host_name, here, observation.profile)
        {
            return;
        }
        let detail = format!("{here}: a code that {} gave is redeemed here", asked.host_name);
        let evidence = observation.in_request(Part::RequestBody, "code", "code (masked)");
        context.find(Self::META.of(observation).detail(detail).evidence(asked.evidence.clone()).evidence(evidence));
    }

    /// A refused token against the server its resource asks for.
    fn resources(observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.answer != Answer::Refused {
            return;
        }
        let wanted = observation.challenges().filter(|c| c.is("Bearer")).find_map(|c| c.parameter("authorization_uri"));
        let Some((_, wanted, _)) = wanted.and_then(oauth_message::parts) else { return };
        for sighting in observation.presented() {
            let Some(issued) = context.ledger.flows().access_token(sighting.token.id) else { continue };
            let related = |host: &str| super::are_related(&issued.host_name, host, observation.profile);
            if related(&wanted) || context.ledger.flows().servers(&wanted).any(|server| related(&server.token)) {
                continue;
            }
            let detail = format!(
                "{}: it wants tokens of {}, and was sent one of {}",
                observation.host_name,
                mask::text(&wanted),
                issued.host_name
            );
            let evidence = observation.sighted(sighting);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
