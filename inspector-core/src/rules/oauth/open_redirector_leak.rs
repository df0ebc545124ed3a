use super::UrlName;
use crate::{evidence::Part, finding::Severity, handshake::{oauth_message::{self, AuthorizationResponse}, observation::Observation}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::{Sighting, mask}};

declare_rule! {
    /// A request tells another host, in its `Referer`, a token or an authorization code: the page it came from has it in
    /// its URL.
    ///
    /// # Evidence
    /// The host of the page, the name of the parameter, the token's length and fingerprint.
    ///
    /// # Traps
    /// Among hosts of one site it is low. `state` and hints are no credentials.
    pub(crate) OpenRedirectorLeak = "OAU-008" "open-redirector-leak" High,
    title: "A Referer tells another host a token or a code",
    remedy: "Take tokens out of URLs, set Referrer-Policy: no-referrer, and redirect once more after the code came in.",
    source: "RFC 9700 §4.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.2",
}

impl Rule for OpenRedirectorLeak {
    fn occasions(&self) -> Occasions {
        Occasions::REFERER
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(referer) = observation.request().and_then(|head| head.value("referer")) else { return };
        let text = String::from_utf8_lossy(referer);
        let Some((_, from, _)) = oauth_message::parts(&text).filter(|(_, from, _)| *from != *observation.host_name) else {
            return;
        };
        let mut found: Vec<(&str, String, Option<Fingerprint>)> = observation
            .extraction
            .sightings
            .iter()
            .filter_map(|sighting| Some((leaked(sighting)?, mask::token(&sighting.token), Some(sighting.token.id))))
            .collect();
        if AuthorizationResponse::of_url(referer).is_some_and(|response| response.code.is_some()) {
            found.push(("code", "code (masked)".to_owned(), None));
        }
        let same_site = super::site(&from) == super::site(&observation.host_name);
        let severity = if same_site { Severity::Low } else { Self::META.severity };
        for (name, excerpt, token) in found {
            let detail = format!("{}: {} of a page of {}", observation.host_name, mask::text(name), mask::text(&from));
            let evidence = observation.in_request(Part::RequestHeader, "Referer", excerpt);
            let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
            context.find(match token {
                Some(token) => draft.leaks(token),
                None => draft,
            });
        }
    }
}

/// The parameter's name, if the sighting is a credential in a `Referer`.
fn leaked(sighting: &Sighting) -> Option<&str> {
    let (field, name) = sighting.name.split_once(' ')?;
    if sighting.part != Part::RequestHeader || !field.eq_ignore_ascii_case("referer") {
        return None;
    }
    match super::url_name(name) {
        UrlName::Token | UrlName::Context => Some(name),
        UrlName::Unknown if sighting.token.kind.is_readable() => Some(name),
        _ => None,
    }
}
