use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// The authorization endpoint answers a page that any other page may show in a frame: a user can be made to click on
    /// what he does not see.
    ///
    /// # Evidence
    /// The fields that are missing.
    ///
    /// # Traps
    /// With `prompt=none` the answer is meant for a frame. Without the response nothing is known.
    pub(crate) FramingAllowed = "OAU-030" "framing-allowed" Info,
    title: "A page of the authorization endpoint may be framed",
    remedy: "Send Content-Security-Policy: frame-ancestors 'none', and X-Frame-Options: DENY.",
    source: "RFC 9700 §4.16; RFC 6749 §10.13",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.16",
}

impl Rule for FramingAllowed {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.flow.authorization else { return };
        let Some(head) = observation.response().filter(|_| observation.status == Some(200)) else { return };
        let silent = request.prompt.as_deref() == Some("none");
        let is_page = head.media_type().is_some_and(|media| media == "text/html" || media == "application/xhtml+xml");
        let policy = head.values("content-security-policy").any(|value| {
            let value = value.to_ascii_lowercase();
            memchr::memmem::find(&value, b"frame-ancestors").is_some()
        });
        if silent || !is_page || policy || head.value("x-frame-options").is_some() {
            return;
        }
        let excerpt = "neither X-Frame-Options nor frame-ancestors";
        let evidence = observation.in_response(Part::ResponseHeader, "X-Frame-Options", excerpt);
        context.find(Self::META.of(observation).detail(observation.place()).evidence(evidence));
    }
}
