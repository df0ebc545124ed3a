use crate::{evidence::Part, handshake::{oauth_message, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

/// Parameters that belong in the content of a token request.
const NAMES: [&str; 13] = [
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "assertion",
    "username",
    "password",
    "device_code",
    "subject_token",
    "actor_token",
    "token",
];

declare_rule! {
    /// A token request has its parameters in the query: codes, secrets and tokens end in the logs of everything on the
    /// way.
    ///
    /// # Evidence
    /// The parameters' names.
    ///
    /// # Traps
    /// `client_id` and `grant_type` alone are harmless. A 400 to a browser that opens the token endpoint is no token request.
    pub(crate) TokenEndpointQuery = "OAU-035" "token-endpoint-query" High,
    title: "A token request has its parameters in the query",
    remedy: "Send token requests as POST with their parameters in the content.",
    source: "RFC 6749 §3.2, §2.3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-3.2",
}

impl Rule for TokenEndpointQuery {
    fn occasions(&self) -> Occasions {
        Occasions::QUERY
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !super::is_token_endpoint(observation) {
            return;
        }
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        let pairs: Vec<_> = form::pairs(oauth_message::query(target)).filter(|(_, value)| !value.trim().is_empty()).collect();
        let has = |name: &str| pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        // `code` and `token` are names of other things too, where the path merely ends like a token endpoint's.
        let known = observation.profile.is_token_host(&observation.host_name);
        let oauth = observation.token_request.is_some() || has("grant_type") || has("client_id") || known;
        let found: Vec<&str> = NAMES.into_iter().filter(|name| has(name)).collect();
        if !oauth || found.iter().all(|name| *name == "grant_type") {
            return;
        }
        let names = found.join(", ");
        let evidence = observation.in_request(Part::RequestUrl, "query", format!("{names} (masked)"));
        let detail = format!("{}: {names}", mask::text(&observation.place()));
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
