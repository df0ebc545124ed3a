use crate::{
    evidence::Part,
    finding::Severity,
    handshake::observation::{Endpoint, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A token endpoint's answer with a token lacks `Cache-Control: no-store`, so that a cache may keep the token.
    ///
    /// # Evidence
    /// The value of `Cache-Control`.
    ///
    /// # Traps
    /// The token endpoints of container registries take no grant and no POST, and nothing says so of them. Values are compared without letter case, as a list and over repeated fields; `private` alone does not do. With
    /// `no-store` but without `Pragma: no-cache`, which only caches of HTTP/1.0 need, it is low.
    pub(crate) TokenResponseCacheable = "OAU-009" "token-response-cacheable" Medium,
    title: "A token response may be stored by caches",
    remedy: "Add Cache-Control: no-store (and Pragma: no-cache for old caches) to responses with tokens.",
    source: "RFC 6749 §5.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-5.1",
}

impl Rule for TokenResponseCacheable {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let has_token =
            observation.flow.answer.as_ref().is_some_and(|a| a.access_token.is_some() || a.refresh_token.is_some());
        if observation.endpoint != Endpoint::Token || observation.token_request.is_none() || !has_token || !super::succeeded(observation) {
            return;
        }
        // A recording without any field tells nothing about one.
        let Some(head) = observation.response().filter(|head| !head.fields().is_empty()) else { return };
        let lists = |name: &'static str, word: &str| {
            head.values(name).any(|value| {
                String::from_utf8_lossy(value).split(',').any(|item| item.trim().eq_ignore_ascii_case(word))
            })
        };
        let (severity, title, what) = if !lists("cache-control", "no-store") {
            (Self::META.severity, Self::META.title, "without Cache-Control: no-store")
        } else if !lists("pragma", "no-cache") {
            (Severity::Low, "A token response lacks Pragma: no-cache", "without Pragma: no-cache")
        } else {
            return;
        };
        let value = head.text("cache-control").map_or_else(|| "(none)".to_owned(), mask::text);
        let evidence = observation.in_response(Part::ResponseHeader, "Cache-Control", value);
        let detail = format!("{}: a response with tokens {what}", observation.host_name);
        context.find(Self::META.of(observation).severity(severity).title(title).detail(detail).evidence(evidence));
    }
}
