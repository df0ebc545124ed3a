use super::Distance;
use crate::{
    finding::Severity,
    handshake::observation::{Endpoint, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, Sighting},
};

declare_rule! {
    /// A token, or a request to a token endpoint, travels without TLS: whoever sees it can use it. It is medium on private
    /// and link-local addresses, where the hop behind a TLS terminator is normal.
    ///
    /// # Evidence
    /// The token, or the request line of the token request.
    ///
    /// # Traps
    /// The scheme counts, not whether the recording can be read. Loopback is left out. S2S-050 reports
    /// server-to-server tokens as well. A placeholder (`${token}`) is no token.
    pub(crate) TokenOverCleartext = "OAU-010" "token-over-cleartext" Critical,
    title: "A token was sent without TLS",
    remedy: "Use TLS end to end, and revoke what was exposed.",
    source: "RFC 6750 §5.3; RFC 6749 §3.2",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-5.3",
}

impl Rule for TokenOverCleartext {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH.or(Occasions::TOKEN)
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let severity = match super::distance(observation) {
            _ if observation.is_protected() => return,
            Distance::Loopback => return,
            Distance::Local => Severity::Medium,
            Distance::Global => Self::META.severity,
        };
        let is_token = |s: &&Sighting| s.role != Role::Mentioned && !is_placeholder(s.token.raw.reveal());
        let token = observation.extraction.sightings.iter().find(is_token);
        let what = match token {
            Some(_) => "a token",
            None if observation.endpoint == Endpoint::Token && observation.token_request.is_some() => "a token request",
            None => return,
        };
        let address = observation.exchange.server.map(|server| format!(" at {}", server.address)).unwrap_or_default();
        let detail = format!("{}{address}: {what}", observation.host_name);
        let draft = Self::META.of(observation).severity(severity).detail(detail);
        match token {
            Some(sighting) => context.find_usual(draft.leaks(sighting.token.id), || observation.sighted(sighting)),
            None => context.find_usual(draft, || observation.request_line()),
        }
    }
}

/// Whether a text is the name of a variable that a tool did not fill in.
fn is_placeholder(text: &str) -> bool {
    ["${", "{{", "<", "%{"].iter().any(|start| text.starts_with(start)) && text.ends_with(['}', '>'])
}
