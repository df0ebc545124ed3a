use crate::{evidence::Part, handshake::{oauth_message, observation::Observation}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::Sighting};

declare_rule! {
    /// A token is posted for introspection or revocation to a host that did not issue it: that host has the token now.
    ///
    /// # Evidence
    /// The token's length and fingerprint, and its issuer.
    ///
    /// # Traps
    /// The issuer is known only if the recording has the token's issuance, or the token is a JWT with a URL as issuer.
    /// Hosts of the issuer's site are its own. A parameter named `token` at other paths is something else.
    pub(crate) IntrospectionExposure = "OAU-026" "introspection-exposure" High,
    title: "A token was posted for introspection to a host that did not issue it",
    remedy: "Ask the issuer about its tokens, and revoke this one.",
    source: "RFC 7662 §4; RFC 7009 §5",
    reference: "https://www.rfc-editor.org/rfc/rfc7662#section-4",
}

impl Rule for IntrospectionExposure {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let ends = ["/introspect", "/introspection", "/revoke", "/revocation", "/tokeninfo", "/token_info"];
        let path = observation.path.trim_end_matches('/');
        let asks =
            ends.iter().any(|end| path.ends_with(end)) || super::posted(observation, "token_type_hint").is_some();
        let Some(token) = super::posted(observation, "token").filter(|_| asks) else { return };
        let id = Fingerprint::of(token.as_bytes());
        let flows = context.ledger.flows();
        let issued =
            flows.access_token(id).or_else(|| flows.refresh_token(id)).map(|issued| issued.host_name.to_string());
        let of_token = |s: &&Sighting| s.part == Part::RequestBody && s.token.id == id;
        let sighting = observation.extraction.sightings.iter().find(of_token);
        let named = || {
            let issuer = sighting?.token.claim("iss")?;
            oauth_message::parts(&issuer).filter(|(_, host, _)| !host.is_empty()).map(|(_, host, _)| host)
        };
        let Some(issuer) = issued.or_else(named) else { return };
        if super::are_related(&issuer, &observation.host_name, observation.profile) {
            return;
        }
        let evidence = match sighting {
            Some(sighting) => observation.sighted(sighting),
            None => {
                let excerpt = format!("token ({} characters, sha256 {id})", token.len());
                observation.in_request(Part::RequestBody, "token", excerpt)
            }
        };
        let detail = format!("{}: a token of {}", observation.host_name, crate::token::mask::text(&issuer));
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
