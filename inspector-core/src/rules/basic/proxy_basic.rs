use crate::{
    finding::Severity,
    handshake::observation::{Endpoint, Observation},
    http::auth::CredentialsKind,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// Basic was sent to a proxy. It is high where it travelled without TLS, as it does on the way to most proxies.
    ///
    /// # Evidence
    /// The field, the user name and the length of the password.
    ///
    /// # Traps
    /// It is the proxy's matter and says nothing about the resource: it does not move the outcome.
    pub(crate) ProxyBasic = "BAS-002" "proxy-basic" Medium,
    title: "Basic credentials were sent to a proxy",
    remedy: "Let the proxy authenticate by Negotiate or client certificate, or reach it over TLS.",
    source: "RFC 9110 §11.7; RFC 7617",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-11.7",
}

impl Rule for ProxyBasic {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for credentials in observation.extraction.credentials.iter().filter(|credentials| credentials.proxy) {
            let CredentialsKind::Basic(basic) = &credentials.kind else { continue };
            let in_clear = observation.endpoint == Endpoint::Tunnel && !observation.is_protected();
            let severity = if in_clear { Severity::High } else { Self::META.severity };
            let detail =
                format!("user \"{}\", on the way to {}", crate::token::mask::text(&basic.user), observation.host_name);
            let draft = Self::META.of(observation).severity(severity).detail(detail).aside();
            context.find(draft.evidence(observation.credentials(credentials)));
        }
    }
}
