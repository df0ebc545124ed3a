use std::net::IpAddr;

use crate::{
    finding::Severity,
    handshake::{caller, observation::Observation},
    hosts::{self, Reach},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, Sighting},
};

declare_rule! {
    /// A token of server-to-server OAuth travelled without TLS: whoever sees it can use it. It is medium on loopback,
    /// private and link-local addresses, where the hop behind a TLS terminator is normal.
    ///
    /// # Evidence
    /// The token and the server's address.
    ///
    /// # Traps
    /// What a proxy recorded is readable though it was protected on the wire: the scheme counts, not the readability.
    pub(crate) CleartextS2s = "S2S-050" "cleartext-s2s" Critical,
    title: "A server-to-server token was sent without TLS",
    remedy: "Use TLS end to end, and let the exposed token expire before relying on it again.",
    source: "RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-5.3",
}

impl Rule for CleartextS2s {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.is_protected() {
            return;
        }
        let Some(sighting) = observation.extraction.sightings.iter().find(|s| is_of_s2s(s, observation)) else {
            return;
        };
        let address = observation.exchange.server.map(|server| server.address);
        let address =
            address.or_else(|| hosts::bare(&observation.host_name).trim_matches(['[', ']']).parse::<IpAddr>().ok());
        let local = match address {
            Some(address) => hosts::reach(address) == Reach::Local,
            None => hosts::bare(&observation.host_name) == "localhost",
        };
        let at = address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
        let severity = if local { Severity::Medium } else { Severity::Critical };
        let detail = format!("{} at {at}", observation.host_name);
        let draft = Self::META.of(observation).severity(severity).detail(detail);
        context.find_usual(draft, || observation.sighted(sighting));
    }
}

fn is_of_s2s(sighting: &Sighting, observation: &Observation<'_>) -> bool {
    match sighting.role {
        Role::Presented => caller::is_presented(sighting) && (observation.s2s || caller::is_s2s_kind(sighting.kind)),
        Role::Assertion | Role::Issued => observation.token_request.as_ref().is_some_and(|r| r.server_to_server),
        Role::Mentioned => false,
    }
}
