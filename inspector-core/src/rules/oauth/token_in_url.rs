use super::UrlName;
use crate::{evidence::Part, finding::Severity, handshake::{oauth_message, observation::Observation, signed_url}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::{mask, Sighting, TokenKind}};

declare_rule! {
    /// A token or a client's secret is in the query or the path of a request: it ends in logs, histories and `Referer`.
    ///
    /// # Evidence
    /// The parameter's name, the token's length and fingerprint.
    ///
    /// # Traps
    /// An authorization code alone is info: it is bound to its client and used once. SharePoint's `SPAppToken` and the
    /// query tokens of WebSocket, SignalR and event streams, which cannot send a header from a browser, are medium. A
    /// JWT under a name that says nothing is medium unless it is used as a token elsewhere. `state`, request objects
    /// and `id_token_hint` are no credentials. A token that names the path of the URL and ends within the hour signs the URL:
    /// low. A fragment never reaches the server (OAU-002).
    pub(crate) TokenInUrl = "OAU-001" "token-in-url" High,
    title: "A token is part of a URL",
    remedy: "Send tokens in the Authorization header or by form_post, and set Referrer-Policy: no-referrer.",
    source: "RFC 6750 §2.3, §5.3; RFC 9700 §4.3.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.3.2",
}

impl Rule for TokenInUrl {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN.or(Occasions::QUERY)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        let fragment = oauth_message::fragment(target);
        for sighting in observation.extraction.sightings.iter().filter(|s| s.part == Part::RequestUrl) {
            if is_within(fragment, sighting) {
                continue;
            }
            let Some(severity) = severity(observation, sighting, context) else { continue };
            let name = mask::text(&sighting.name);
            let detail = format!("{}: {name}", observation.host_name);
            let evidence = observation.sighted(sighting);
            let draft = Self::META.of(observation).severity(severity).leaks(sighting.token.id);
            context.find(draft.detail(detail).evidence(evidence));
        }
        for (name, value) in form::pairs(oauth_message::query(target)) {
            if name.eq_ignore_ascii_case("client_secret") && !value.trim().is_empty() {
                let excerpt = format!("client_secret=({} bytes, masked)", value.len());
                let evidence = observation.in_request(Part::RequestUrl, "client_secret", excerpt);
                let detail = format!("{}: client_secret", observation.host_name);
                let draft = Self::META.of(observation).title("A client's secret is part of a URL");
                context.find(draft.detail(detail).evidence(evidence));
            }
        }
        if observation.flow.response.as_ref().is_some_and(|r| r.code.is_some() && r.redirect.is_none())
            && form::pairs(oauth_message::query(target)).any(|(name, value)| name == "code" && !value.is_empty())
        {
            let evidence = observation.in_request(Part::RequestUrl, "code", "code (masked)");
            let detail = format!("{}: code", observation.host_name);
            let draft = Self::META.of(observation).severity(Severity::Info);
            context.find(draft.title("An authorization code is part of a URL").detail(detail).evidence(evidence));
        }
    }
}

fn severity(observation: &Observation<'_>, sighting: &Sighting, context: &Context<'_>) -> Option<Severity> {
    let readable = sighting.token.kind.is_readable() || sighting.token.kind == TokenKind::Jwe;
    let intentional = is_stream(observation);
    match super::url_name(&sighting.name) {
        UrlName::Token if intentional => Some(Severity::Medium),
        UrlName::Token => Some(Severity::High),
        UrlName::Context => Some(Severity::Medium),
        UrlName::Hint if readable => Some(Severity::Low),
        UrlName::Unknown if readable && signed_url::is_signed_by(observation, &sighting.token) => Some(Severity::Low),
        UrlName::Unknown if readable => {
            let known = context.ledger.token(sighting.token.id);
            let used = known.is_some_and(|known| known.presented > 0 || known.issued);
            let is_access = !matches!(sighting.token.kind, TokenKind::Jwt | TokenKind::Jwe);
            Some(if (used || is_access) && !intentional { Severity::High } else { Severity::Medium })
        }
        UrlName::Code | UrlName::NoCredential | UrlName::Hint | UrlName::Unknown => None,
    }
}

/// Whether the request opens a WebSocket, an event stream or a SignalR connection.
fn is_stream(observation: &Observation<'_>) -> bool {
    let field = |name: &str| {
        let value = observation.request().and_then(|head| head.text(name));
        value.unwrap_or_default().to_ascii_lowercase()
    };
    let target = observation.request().map(|head| head.target()).unwrap_or_default();
    let scheme = target.get(..6).unwrap_or_default().to_ascii_lowercase();
    scheme.starts_with(b"ws:")
        || scheme.starts_with(b"wss:")
        || field("upgrade").contains("websocket")
        || field("accept").contains("text/event-stream")
        || ["signalr", "/hubs/", "/hub", "/negotiate"].iter().any(|piece| observation.path.contains(piece))
}

/// Whether the token stands in a fragment.
fn is_within(fragment: &[u8], sighting: &Sighting) -> bool {
    !fragment.is_empty()
        && (memchr::memmem::find(fragment, sighting.token.raw.reveal().as_bytes()).is_some()
            || form::pairs(fragment).any(|(_, value)| Fingerprint::of(value.trim().as_bytes()) == sighting.token.id))
}
