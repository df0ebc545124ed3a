use crate::{evidence::Part, finding::Severity, handshake::{oauth_message::{self, AuthorizationRequest, Carriage}, observation::Observation}, hosts, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

declare_rule! {
    /// An authorization response goes to another place than the request named in `redirect_uri`, or a code is redeemed
    /// with another `redirect_uri`, and the server takes it: a code can be carried off. It is medium where only the path is
    /// another.
    ///
    /// # Evidence
    /// Both places.
    ///
    /// # Traps
    /// Without `redirect_uri` in the request the registered one counts, which nobody sees. A server that sends the browser
    /// to itself has not answered yet. Ports of a loopback address may differ (RFC 8252 §7.3). Parameters in a request
    /// object or a pushed request that was not recorded are unknown. What the
    /// token endpoint refused is info.
    pub(crate) RedirectMismatch = "OAU-036" "redirect-mismatch" High,
    title: "An authorization response or a code is used with another redirect_uri",
    remedy: "Compare redirect_uri exactly with the registered one, and at the token endpoint with that of the request.",
    source: "RFC 6749 §4.1.3; RFC 9700 §2.1, §4.1.3",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.1.3",
}

impl Rule for RedirectMismatch {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        answered(observation, context);
        if super::grant(observation) == Some("authorization_code")
            && (super::succeeded(observation) || super::was_refused(observation))
        {
            redeemed(observation, context);
        }
    }
}

/// The answer of the authorization endpoint.
fn answered(observation: &Observation<'_>, context: &mut Context<'_>) {
    let Some(response) = &observation.flow.response else { return };
    if response.carriage != Carriage::Location || !(response.code.is_some() || response.tokens) {
        return;
    }
    let of_state = || context.ledger.flows().of_state(observation.host, response.state?).map(|asked| &asked.request);
    let asked = observation.flow.authorization.as_ref().or_else(of_state);
    let (Some(wanted), Some(led)) = (asked.and_then(redirect_of), response.redirect.as_deref()) else { return };
    let to_itself = oauth_message::parts(led).is_none_or(|(_, host, _)| host == *observation.host_name);
    let Some(severity) = differs(wanted, led).filter(|_| !to_itself) else { return };
    let (wanted, led) = (mask::text(wanted), mask::text(led));
    let detail = format!("{}: the request named {wanted}, the answer went to {led}", observation.host_name);
    let evidence = observation.in_response(Part::ResponseHeader, "Location", led);
    context.find(RedirectMismatch::META.of(observation).severity(severity).detail(detail).evidence(evidence));
}

/// A code that the token endpoint took or refused.
fn redeemed(observation: &Observation<'_>, context: &mut Context<'_>) {
    let Some(code) = super::posted(observation, "code") else { return };
    let asked = context.ledger.flows().of_code(Fingerprint::of(code.as_bytes())).map(|asked| &asked.request);
    let (Some(wanted), Some(named)) = (asked.and_then(redirect_of), super::posted(observation, "redirect_uri")) else {
        return;
    };
    let Some(severity) = differs(wanted, named) else { return };
    let (wanted, named) = (mask::text(wanted), mask::text(named));
    let accepted = super::succeeded(observation);
    let outcome = if accepted { "redeemed" } else { "refused" };
    let detail = format!("{}: asked for with {wanted}, {outcome} with {named}", observation.host_name);
    let evidence = observation.in_request(Part::RequestBody, "redirect_uri", named);
    let draft = RedirectMismatch::META.of(observation).severity(severity).detail(detail).evidence(evidence);
    context.find(super::as_tried(draft, accepted, "A code was tried with another redirect_uri"));
}

fn redirect_of(request: &AuthorizationRequest) -> Option<&str> {
    request.redirect.as_deref().filter(|_| !request.by_reference)
}

/// How grave it is that two redirection URIs differ, queries aside; `None` if they do not.
fn differs(one: &str, other: &str) -> Option<Severity> {
    let (Some(one), Some(other)) = (oauth_message::parts(one), oauth_message::parts(other)) else {
        let plain = |uri: &str| uri.split(['?', '#']).next().unwrap_or_default().to_owned();
        return (plain(one) != plain(other)).then_some(RedirectMismatch::META.severity);
    };
    let both_here = super::is_loopback(&one.1) && super::is_loopback(&other.1);
    let same_host = one.1 == other.1 || (both_here && hosts::bare(&one.1) == hosts::bare(&other.1));
    let path = |path: &str| if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    match (one.0.eq_ignore_ascii_case(other.0) && same_host, path(one.2) == path(other.2)) {
        (true, true) => None,
        (true, false) => Some(Severity::Medium),
        (false, _) => Some(RedirectMismatch::META.severity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirection_uris_are_compared_without_their_queries() {
        for (one, other, severity) in [
            ("https://app.test/cb", "https://app.test/cb?x=1", None),
            ("https://app.test", "https://APP.test:443/", None),
            ("http://127.0.0.1:5000/cb", "http://127.0.0.1:6000/cb", None),
            ("https://app.test:8443/cb", "https://app.test/cb", Some(Severity::High)),
            ("https://app.test/cb", "https://app.test/other", Some(Severity::Medium)),
            ("https://app.test/cb", "http://app.test/cb", Some(Severity::High)),
            ("https://app.test/cb", "https://app.test.evil/cb", Some(Severity::High)),
            ("com.contoso.app:/cb", "com.contoso.app:/cb", None),
            ("com.contoso.app:/cb", "com.evil.app:/cb", Some(Severity::High)),
        ] {
            assert_eq!(differs(one, other), severity, "{one} {other}");
        }
    }
}
