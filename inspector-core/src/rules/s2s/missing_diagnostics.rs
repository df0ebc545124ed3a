use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A call with a token was answered 401 or 403 without a word about OAuth: no diagnostics, no Bearer challenge. So
    /// answers a proxy that authenticates itself, not the resource.
    ///
    /// # Evidence
    /// The status and the `Server` field.
    ///
    /// # Traps
    /// An endpoint with OAuth disabled answers alike.
    pub(crate) MissingDiagnostics = "S2S-037" "missing-diagnostics" Medium,
    title: "A token was refused without a word about OAuth",
    remedy: "Exempt the endpoint from pre-authentication at the reverse proxy, and enable OAuth \
             (Set-WebServicesVirtualDirectory -OAuthAuthentication $true).",
    source: "[MS-XOAUTH] §3.2.5.4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for MissingDiagnostics {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let refused = matches!(observation.status, Some(401 | 403));
        let silent = observation.diagnostics.is_empty() && !observation.offers("Bearer");
        if !refused || !silent || !observation.s2s || observation.presented().next().is_none() {
            return;
        }
        let server = observation.response().and_then(|head| head.text("server")).unwrap_or("absent");
        let status = observation.status.unwrap_or_default();
        let detail = format!("{}: {status}, Server: {}", observation.host_name, mask::text(server));
        let evidence = observation.in_response(Part::ResponseHeader, "Server", mask::text(server));
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
