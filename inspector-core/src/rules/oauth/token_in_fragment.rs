use crate::{evidence::Part, handshake::{oauth_message, observation::Observation}, http::form, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, secret::Fingerprint, token::mask};

declare_rule! {
    /// A redirect hands a token to the browser in the fragment of its `Location`: every script of the page and the
    /// browser's history have it.
    ///
    /// # Evidence
    /// The parameter's name and the value's length and fingerprint.
    ///
    /// # Traps
    /// The fragment never reaches the server. A HAR can hold it in the URL of a page, which counts too. A code in a
    /// fragment is none of this.
    pub(crate) TokenInFragment = "OAU-002" "token-in-fragment" Medium,
    title: "A redirect carries a token in its fragment",
    remedy: "Use the authorization code grant with PKCE instead of response types that return tokens, or form_post.",
    source: "RFC 6749 §4.2.2; RFC 9700 §2.1.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.1.2",
}

impl Rule for TokenInFragment {
    fn occasions(&self) -> Occasions {
        Occasions::FRAGMENT
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let location = observation.response().and_then(|head| head.value("location")).unwrap_or_default();
        let target = observation.request().map(|head| head.target()).unwrap_or_default();
        for (part, url) in [(Part::ResponseHeader, location), (Part::RequestUrl, target)] {
            for (name, value) in form::pairs(oauth_message::fragment(url)) {
                if !matches!(name.as_ref(), "access_token" | "id_token") || value.is_empty() {
                    continue;
                }
                let id = Fingerprint::of(value.as_bytes());
                let excerpt = format!("{name} ({} characters, sha256 {id})", value.len());
                let (evidence, at) = match part {
                    Part::ResponseHeader => (observation.in_response(part, "Location", excerpt), "Location"),
                    _ => (observation.in_request(part, "target", excerpt), "the URL"),
                };
                let detail = format!("{}: {} in the fragment of {at}", observation.host_name, mask::text(&name));
                context.find(Self::META.of(observation).leaks(id).detail(detail).evidence(evidence));
            }
        }
    }
}
