use crate::{
    evidence::{Evidence, Part},
    finding::Severity,
    handshake::observation::{Observation, is_readable},
    hosts::HostId,
    rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    token::TokenKind,
};

/// Tokens in pages that are kept to the end.
const TOKENS: usize = 1024;
/// How far a page is searched for the form that posts its tokens, in bytes.
const FORM_SEARCH: usize = 256 << 10;

declare_rule! {
    /// A page or a script carries a token: it is in caches and histories, and every script of the page has it.
    ///
    /// # Evidence
    /// The token's length and fingerprint.
    ///
    /// # Traps
    /// Samples in documentation and sources are no tokens in use: it is medium only if the recording has the token
    /// issued or presented to a resource as well, and low if it is valid and names a user. The page by which an
    /// authorization server posts its response (form_post) is by design.
    pub(crate) TokenInPage = "OAU-034" "token-in-page" Medium,
    title: "A page or a script carries a token",
    remedy: "Keep tokens out of pages: fetch them by a request of their own, or keep them on the server.",
    source: "RFC 9700 §4.3.2; RFC 6750 §5.3",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-5.3",
    state: { found: Vec<Found> },
}

/// A token in a page.
pub(crate) struct Found {
    token: Fingerprint,
    host: HostId,
    personal: bool,
    evidence: Evidence,
}

impl Rule for TokenInPage {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        let Some(response) = &observation.exchange.response else { return };
        let mut in_page = observation.extraction.sightings.iter().filter(|s| s.part == Part::ResponseBody).peekable();
        if in_page.peek().is_none() {
            return;
        }
        let media = response.head.media_type().unwrap_or_default();
        let is_page = media == "text/html" || media == "application/xhtml+xml" || media.ends_with("javascript");
        if !is_page || posts_its_tokens(response.body.kept.as_deref().unwrap_or_default()) {
            return;
        }
        for sighting in in_page {
            let token = &sighting.token;
            let known = self.found.iter().any(|found| found.token == token.id && found.host == observation.host);
            if !is_readable(token) || known || self.found.len() >= TOKENS {
                continue;
            }
            let valid = token.expires.zip(observation.judged_at).is_some_and(|(end, now)| end > now);
            let names_user = ["sub", "upn", "nameid", "oid", "preferred_username", "email"];
            let personal = valid && names_user.iter().any(|claim| token.claims.contains_key(claim));
            self.found.push(Found {
                token: token.id,
                host: observation.host,
                personal: personal && token.kind != TokenKind::EntraId,
                evidence: observation.sighted(sighting),
            });
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for found in &self.found {
            let used = context.ledger.token(found.token).is_some_and(|facts| facts.presented > 0 || facts.issued);
            let severity = match (used, found.personal) {
                (true, _) => Self::META.severity,
                (false, true) => Severity::Low,
                (false, false) => continue,
            };
            let use_of_it = if used { "that is used" } else { "that names a user" };
            let detail = format!("{}: a token {use_of_it}", context.ledger.host_name(found.host));
            let draft = Self::META.host(found.host).leaks(found.token).severity(severity).detail(detail);
            context.find(draft.evidence(found.evidence.clone()));
        }
    }
}

/// Whether a page is a form that posts an authorization response to the client.
fn posts_its_tokens(page: &[u8]) -> bool {
    let page = page.get(..FORM_SEARCH).unwrap_or(page).to_ascii_lowercase();
    let has = |text: &str| memchr::memmem::find(&page, text.as_bytes()).is_some();
    let fields = ["id_token", "access_token", "code", "token", "id_token_hint", "jwt"];
    let named = fields.iter().any(|name| has(&format!("name=\"{name}\"")) || has(&format!("name='{name}'")));
    has("<form") && named
}
