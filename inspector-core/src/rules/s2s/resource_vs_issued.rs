use serde_json::Value;

use crate::{handshake::{observation::Observation, token_endpoint}, hosts, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::{Role, mask, principal::Principal}};

/// Longest token response read for its echo, in bytes.
const LONGEST_RESPONSE: usize = 256 << 10;

declare_rule! {
    /// The token endpoint issued a token for another resource than the one asked for.
    ///
    /// # Evidence
    /// `resource` of the request, and `aud` of the token or `resource` of the response.
    ///
    /// # Traps
    /// ACS writes names in lower case: letter case does not count, nor do parts one of the two leaves out. A URL that ACS
    /// maps to the id of a principal is not compared with it. Names of a content that is cut can be cut themselves.
    pub(crate) ResourceVsIssued = "S2S-028" "resource-vs-issued" High,
    title: "The token endpoint issued a token for another resource",
    remedy: "Check the resource's service principal names: Get-MgServicePrincipal, and the caller's configuration.",
    source: "[MS-XOAUTH] §3.2.5.2",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for ResourceVsIssued {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let messages = [&observation.exchange.request, &observation.exchange.response];
        if messages.into_iter().flatten().any(|message| message.body.cut.is_some()) {
            return;
        }
        let asked = observation.token_request.as_ref().is_some_and(|request| request.server_to_server);
        let Some(resource) = token_endpoint::form_parameter(observation.extraction, "resource").filter(|_| asked) else { return };
        let echo = echo(observation);
        let tokens = observation.extraction.sightings.iter().filter(|sighting| sighting.role == Role::Issued);
        let issued = tokens.filter(|s| s.name == "/access_token").flat_map(|s| s.token.audiences());
        for given in issued.chain(echo) {
            if is_same(resource, &given) {
                continue;
            }
            let detail = format!("asked for {}, issued for {}", mask::text(resource), mask::text(&given));
            context.find(Self::META.of(observation).detail(detail).evidence(observation.answered()));
        }
    }
}

/// `resource` of the response.
fn echo(observation: &Observation<'_>) -> Option<String> {
    let body = observation.exchange.response.as_ref()?.body.kept.as_deref().filter(|b| b.len() <= LONGEST_RESPONSE)?;
    let document: Value = serde_json::from_slice(body).ok()?;
    document.get("resource").and_then(Value::as_str).map(str::to_owned)
}

/// Whether two names can be one resource's.
fn is_same(asked: &str, given: &str) -> bool {
    match (Principal::parse(asked), Principal::parse(given)) {
        (Some(asked), Some(given)) => {
            let hosts = asked.host().zip(given.host());
            asked.is(&given.name)
                && hosts.is_none_or(|(asked, given)| hosts::bare(&asked) == hosts::bare(&given))
                && !super::realms_differ(Some(&asked), Some(&given))
        }
        (None, None) => asked.trim_end_matches('/').eq_ignore_ascii_case(given.trim_end_matches('/')),
        _ => true,
    }
}
