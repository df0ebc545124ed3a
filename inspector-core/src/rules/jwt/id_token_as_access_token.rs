use crate::{
    handshake::{
        host,
        observation::{Observation, is_readable},
    },
    rules::{
        Context, Declared, Rule, Severity, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, Sighting, TokenKind},
};

declare_rule! {
    /// An id_token, which tells a client who signed in, was sent to an API as if it were an access token; or an access token
    /// was handed out as id_token. It is high at a service of Microsoft's or a resource of the profile, medium at other
    /// hosts, which may be the client's own, and low for other issuers, where some APIs take id_tokens by design.
    ///
    /// # Evidence
    /// The token, and what tells its kind.
    ///
    /// # Traps
    /// An id_token has a nonce, its client as audience, and no permissions. Frontends send it to their own API.
    pub(crate) IdTokenAsAccessToken = "JWT-028" "id-token-as-access-token" High,
    title: "An id_token and an access token were taken for each other",
    remedy: "Let the client ask for an access token for the API, and the API refuse tokens whose audience is the client.",
    source: "RFC 8725 §3.12; OpenID Connect Core §2",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.12",
}

impl Rule for IdTokenAsAccessToken {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.extraction.sightings.iter().filter(|s| is_readable(&s.token)) {
            let (severity, what) = match sighting.role {
                Role::Presented if sighting.kind == TokenKind::EntraId => {
                    (of_entra(observation), "an id_token of Entra was presented")
                }
                Role::Presented if is_id_token(sighting) => (Severity::Low, "an id_token was presented"),
                Role::Issued if sighting.name == "/id_token" && sighting.token.claims.contains_key("scp") => {
                    (Severity::High, "an access token was issued as id_token")
                }
                _ => continue,
            };
            let detail = format!("{}: {what}", observation.host_name);
            let draft = Self::META.of(observation).severity(severity).detail(detail);
            context.find(draft.evidence(observation.sighted(sighting)));
        }
    }
}

fn of_entra(observation: &Observation<'_>) -> Severity {
    let service = super::is_of_microsoft(host::bare(&observation.host_name));
    if service || observation.is_resource() { Severity::High } else { Severity::Medium }
}

/// Whether a token of another issuer is an id_token beyond doubt.
fn is_id_token(sighting: &Sighting) -> bool {
    let has = |name: &str| sighting.token.claims.contains_key(name);
    sighting.kind == TokenKind::Jwt
        && has("nonce")
        && (has("at_hash") || has("c_hash"))
        && !["scp", "scope", "roles"].iter().any(|name| has(name))
}
