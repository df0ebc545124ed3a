use crate::{
    finding::Severity,
    handshake::observation::{Observation, is_readable},
    hosts,
    rules::{
        Context, Declared, Rule, Summary, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, Sighting, Token, TokenKind},
};

declare_rule! {
    /// A token of another kind was sent to an API as if it were an access token: an id_token, which tells a client who
    /// signed in, a refresh token, a logout token or a client assertion; or an access token was handed out as id_token.
    /// Of id_tokens it is high at a service of Microsoft's or a resource of the profile, medium at other hosts and for
    /// tokens that say so themselves or were issued so in the recording, and low where only their claims tell.
    ///
    /// # Evidence
    /// The token, and what tells its kind.
    ///
    /// # Traps
    /// An id_token has a nonce, its client as audience, and no permissions. Frontends send it to their own API, and some
    /// APIs (Kubernetes, gateways before functions) take id_tokens by design. A host that refused the token is not at
    /// fault. What was issued under two names is what the better one says.
    pub(crate) IdTokenAsAccessToken = "JWT-028" "id-token-as-access-token" High,
    title: "A token of another kind was taken for an access token",
    remedy: "Let the client ask for an access token for the API, and the API refuse tokens whose audience is the client.",
    source: "RFC 8725 §3.12; RFC 9068 §4; OpenID Connect Core §2; RFC 7523 §3",
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
                Role::Presented if declared(&sighting.token).is_some() => {
                    let (severity, what) = declared(&sighting.token).unwrap_or((Severity::Low, ""));
                    (severity, what)
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

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| !layer.nested && layer.facts.presented > 0) {
            let token = layer.token;
            if layer.is_s2s() || token.kind == TokenKind::EntraId || (layer.is_readable() && declared(token).is_some())
            {
                continue;
            }
            let places = |role: &str, names: &[&str]| {
                layer.facts.places.iter().any(|place| {
                    let mut words = place.split([' ', '/', '.']).filter(|word| !word.is_empty());
                    words.next() == Some(role) && words.next_back().is_some_and(|name| names.contains(&name))
                })
            };
            if places(Role::Issued.as_str(), &["access_token", "accessToken", "token"]) {
                continue;
            }
            let (severity, what) = if places(Role::Issued.as_str(), &["id_token", "idToken"]) {
                (Severity::Medium, "it was issued as id_token")
            } else if places(Role::Issued.as_str(), &["refresh_token", "refreshToken"]) {
                (Severity::High, "it was issued as refresh_token")
            } else if places(Role::Assertion.as_str(), &["client_assertion"]) {
                (Severity::High, "it was sent as client_assertion")
            } else {
                continue;
            };
            for draft in layer.drafts(Self::META, "iss", &token.claim("iss").unwrap_or_default()) {
                context.find(draft.severity(severity).detail(format!("{}: {what}", token.kind)));
            }
        }
    }
}

/// What a token says itself that it is, if that is something else than an access token.
fn declared(token: &Token) -> Option<(Severity, &'static str)> {
    if !matches!(token.kind, TokenKind::Jwt | TokenKind::EntraAccess | TokenKind::S2sActor) {
        return None;
    }
    let header = token.parameter("typ").unwrap_or_default().to_ascii_lowercase();
    let header = header.strip_prefix("application/").unwrap_or(&header);
    let claim = token.claim("typ").unwrap_or_default().to_ascii_lowercase();
    let usage = token.claim("token_use").unwrap_or_default().to_ascii_lowercase();
    let events = token.claims.get("events").and_then(serde_json::Value::as_object);
    let logs_out = events.is_some_and(|all| all.keys().any(|event| event.ends_with("/backchannel-logout")));
    if matches!(header, "rt+jwt" | "refresh+jwt" | "refresh_token+jwt" | "refresh-token+jwt")
        || matches!(claim.as_str(), "refresh" | "offline" | "refresh_token")
        || matches!(usage.as_str(), "refresh" | "refresh_token")
    {
        return Some((Severity::High, "a refresh token was presented"));
    }
    if header == "logout+jwt" || claim == "logout" || logs_out {
        return Some((Severity::High, "a logout token was presented"));
    }
    if header == "client-authentication+jwt" || is_client_assertion(token) {
        return Some((Severity::High, "a client assertion was presented"));
    }
    if matches!(header, "id+jwt" | "id_token+jwt" | "id-token+jwt")
        || matches!(claim.as_str(), "id" | "id_token")
        || matches!(usage.as_str(), "id" | "id_token")
    {
        return Some((Severity::Medium, "an id_token was presented"));
    }
    None
}

/// Whether a token is what a client proves itself with: by itself, about itself, for a token endpoint (RFC 7523 §3).
fn is_client_assertion(token: &Token) -> bool {
    let (Some(issuer), Some(subject)) = (token.claim("iss"), token.claim("sub")) else { return false };
    let is_endpoint = |audience: &String| {
        let path = audience.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
        audience.contains("://") && (path.ends_with("/token") || path.ends_with("/oauth2/v2.0/token"))
    };
    let audiences = token.audiences();
    let permits = ["scope", "scp", "roles", "permissions"].iter().any(|name| token.claims.contains_key(name));
    issuer == subject
        && !issuer.contains("://")
        && !permits
        && !audiences.is_empty()
        && audiences.iter().all(is_endpoint)
}

fn of_entra(observation: &Observation<'_>) -> Severity {
    let service = super::is_of_microsoft(hosts::bare(&observation.host_name));
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
