use crate::{evidence::Part, handshake::{oauth_message, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

/// Parameters of OAuth and OpenID Connect that must not repeat. `resource` (RFC 8707) and `audience` (RFC 8693) may.
const NAMES: [&str; 20] = [
    "grant_type",
    "client_id",
    "client_secret",
    "code",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_type",
    "response_mode",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "refresh_token",
    "username",
    "password",
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "prompt",
];

declare_rule! {
    /// A parameter of an OAuth request is there twice: what checks the first and what uses the last are not of one mind.
    ///
    /// # Evidence
    /// The parameter's name.
    ///
    /// # Traps
    /// `resource` and `audience` may repeat.
    pub(crate) DuplicateParameter = "OAU-031" "duplicate-parameter" Medium,
    title: "A parameter of an OAuth request is repeated",
    remedy: "Send every parameter once, and refuse requests that repeat one.",
    source: "RFC 6749 §3.1, §3.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-3.2",
}

impl Rule for DuplicateParameter {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.flow.authorization.is_none() && observation.token_request.is_none() {
            return;
        }
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        let in_query: Vec<String> = form::pairs(oauth_message::query(target)).map(|(name, _)| name.into_owned()).collect();
        let of_body = observation.extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
        let in_content: Vec<String> = of_body.map(|p| p.name.clone()).collect();
        for (part, names) in [(Part::RequestUrl, in_query), (Part::RequestBody, in_content)] {
            for name in NAMES {
                let count = names.iter().filter(|known| known.as_str() == name).count();
                if count < 2 {
                    continue;
                }
                let evidence = observation.in_request(part, name, format!("{name}, {count} times"));
                let detail = format!("{}: {name}, {count} times", mask::text(&observation.place()));
                context.find(Self::META.of(observation).detail(detail).evidence(evidence));
            }
        }
    }
}
