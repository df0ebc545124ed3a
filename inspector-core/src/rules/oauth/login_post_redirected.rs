use crate::{evidence::Part, finding::Severity, handshake::{oauth_message, observation::Observation}, rules::{Context, Declared, Rule, basic::login_form, declare_rule, occasion::Occasions}, token::mask};

declare_rule! {
    /// A form with a password is answered with 307 or 308: the browser posts the password again, to wherever the redirect
    /// leads.
    ///
    /// # Evidence
    /// The status and the host the redirect leads to.
    ///
    /// # Traps
    /// A redirect within the same host sends the password to whom it was meant for, and is low.
    pub(crate) LoginPostRedirected = "OAU-029" "login-post-redirected" High,
    title: "A password is posted again to where a redirect leads",
    remedy: "Answer the form with 303.",
    source: "RFC 9700 §4.12",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.12",
}

impl Rule for LoginPostRedirected {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(status @ (307 | 308)) = observation.status else { return };
        if login_form(observation).is_none() {
            return;
        }
        let location = observation.response().and_then(|head| head.text("location")).unwrap_or_default();
        let host = oauth_message::parts(location).map(|(_, host, _)| host).filter(|host| *host != *observation.host_name);
        let severity = if host.is_some() { Self::META.severity } else { Severity::Low };
        let to = mask::text(host.as_deref().unwrap_or("the same host"));
        let evidence = observation.in_response(Part::ResponseHeader, "Location", format!("status {status}, to {to}"));
        let detail = format!("{}: {status} to {to}", observation.place());
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }
}
