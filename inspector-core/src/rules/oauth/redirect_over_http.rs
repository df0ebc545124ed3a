use crate::{evidence::Part, handshake::{oauth_message, observation::Observation}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

declare_rule! {
    /// A code or a token is to be returned, or is returned, to a URL without TLS: everybody on the way can take it.
    ///
    /// # Evidence
    /// The redirection URI without its query.
    ///
    /// # Traps
    /// Loopback addresses and own schemes of apps are by design (RFC 8252).
    pub(crate) RedirectOverHttp = "OAU-007" "redirect-over-http" High,
    title: "An authorization response goes to a URL without TLS",
    remedy: "Register and use an https redirection URI; revoke what was exposed.",
    source: "RFC 6749 §3.1.2.1; RFC 9700 §2.6",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.6",
}

impl Rule for RedirectOverHttp {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let asked = observation.flow.authorization.as_ref().and_then(|request| request.redirect.as_deref());
        let answered = observation.flow.response.as_ref().filter(|response| response.code.is_some() || response.tokens);
        let answered = answered.and_then(|response| response.redirect.as_deref());
        for (part, name, url) in
            [(Part::RequestUrl, "redirect_uri", asked), (Part::ResponseHeader, "Location", answered)]
        {
            let Some(url) = url.filter(|url| super::is_exposed(url)) else { continue };
            let Some((scheme, host, path)) = oauth_message::parts(url) else { continue };
            let shown = mask::text(&format!("{scheme}://{host}{path}"));
            let evidence = match part {
                Part::ResponseHeader => observation.in_response(part, name, shown.clone()),
                part => observation.in_request(part, name, shown.clone()),
            };
            let detail = format!("{}: {name} {shown}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
