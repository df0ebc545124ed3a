use serde_json::Value;

use super::Distance;
use crate::{evidence::Part, finding::Severity, handshake::{oauth_message, observation::{Endpoint, Observation}, published}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

/// Endpoints that metadata name.
const NAMED: [&str; 9] = [
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
];

declare_rule! {
    /// The authorization endpoint, an issuer's keys or its metadata are fetched without TLS, or metadata name such an
    /// endpoint: whoever is on the way can put own keys and own endpoints in their place. It is low on private addresses,
    /// where the hop behind a TLS terminator is normal.
    ///
    /// # Evidence
    /// The request line, or the endpoint.
    ///
    /// # Traps
    /// Loopback is left out, and so is an answer that sends the client to `https`. Tokens and token requests without TLS
    /// are OAU-010.
    pub(crate) EndpointWithoutTls = "OAU-042" "endpoint-without-tls" Medium,
    title: "An endpoint of the authorization server is used without TLS",
    remedy: "Serve metadata, keys and the authorization endpoint by https alone, and name no other in the metadata.",
    source: "RFC 6749 §3.1; RFC 8414 §3, §6.1; RFC 9700 §2.6",
    reference: "https://www.rfc-editor.org/rfc/rfc8414#section-6.1",
}

impl Rule for EndpointWithoutTls {
    fn occasions(&self) -> Occasions {
        Occasions::METADATA.or(Occasions::KEYS).or(Occasions::OAUTH)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint == Endpoint::Tunnel {
            return;
        }
        let document = published::document(observation);
        let is_metadata = document.is_some() || observation.path.contains("/.well-known/");
        let severity = match super::distance(observation) {
            Distance::Loopback => return,
            Distance::Local => Severity::Low,
            Distance::Global => Self::META.severity,
        };
        if !observation.is_protected() && !leads_to_tls(observation) && observation.status.is_some_and(|it| it < 400) {
            let what = match (is_metadata, observation.flow.authorization.is_some()) {
                (true, _) if observation.status == Some(200) && document.is_some() => {
                    Some("keys or metadata were fetched")
                }
                (_, true) => Some("authorization was asked for"),
                _ => None,
            };
            if let Some(what) = what {
                let detail = format!("{}: {what} without TLS", observation.host_name);
                let draft = Self::META.of(observation).severity(severity).detail(detail);
                context.find(draft.evidence(observation.request_line()));
                return;
            }
        }
        let Some(document) = document.filter(|_| observation.path.contains("/.well-known/")) else { return };
        let Ok(document) = serde_json::from_slice::<Value>(document) else { return };
        for name in NAMED {
            let Some(url) = document.get(name).and_then(Value::as_str) else { continue };
            let is_exposed = oauth_message::parts(url).is_some_and(|(scheme, host, _)| {
                scheme.eq_ignore_ascii_case("http") && !super::is_loopback(&host) && is_reachable(&host)
            });
            if is_exposed {
                let url = mask::text(url);
                let detail = format!("{}: the metadata name {name} without TLS: {url}", observation.host_name);
                let evidence = observation.in_response(Part::ResponseBody, name, url);
                context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
            }
        }
    }
}

/// Whether a name can be reached from elsewhere: names without a dot are those of containers and machines nearby.
fn is_reachable(host: &str) -> bool {
    host.contains('.') || host.contains(':')
}

/// Whether the answer sends the client to `https`.
fn leads_to_tls(observation: &Observation<'_>) -> bool {
    let redirects = observation.status.is_some_and(|status| (300..400).contains(&status));
    let location = observation.response().and_then(|head| head.text("location"));
    let is_code = observation.flow.response.as_ref().is_some_and(|response| response.code.is_some() || response.tokens);
    redirects
        && !is_code
        && location.is_some_and(|to| to.get(..8).is_some_and(|it| it.eq_ignore_ascii_case("https://")))
}
