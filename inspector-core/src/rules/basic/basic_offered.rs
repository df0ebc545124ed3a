use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A server or proxy offers Basic. Offering is not sending.
    ///
    /// # Evidence
    /// The challenge.
    ///
    /// # Traps
    /// It is normal in Exchange's 401, next to Bearer.
    pub(crate) BasicOffered = "BAS-003" "basic-offered" Info,
    title: "Basic is offered",
    remedy: "Once nothing uses it, disable it: Set-WebServicesVirtualDirectory and Set-AutodiscoverVirtualDirectory \
             -BasicAuthentication $false.",
    source: "RFC 7617 §2",
    reference: "https://www.rfc-editor.org/rfc/rfc7617#section-2",
}

impl Rule for BasicOffered {
    fn occasions(&self) -> Occasions {
        Occasions::CHALLENGE
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !matches!(observation.status, Some(401 | 407)) {
            return;
        }
        let Some(challenge) = observation.extraction.challenges.iter().find(|challenge| challenge.is("Basic")) else {
            return;
        };
        let name = if challenge.proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
        let realm = mask::text(challenge.parameter("realm").unwrap_or_default());
        let evidence = observation.in_response(Part::ResponseHeader, name, format!("Basic realm=\"{realm}\""));
        context
            .find(Self::META.of(observation).detail(format!("{}: {name}", observation.host_name)).evidence(evidence));
    }
}
