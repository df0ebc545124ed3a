use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// The resource offers Basic and neither Bearer nor Negotiate or NTLM: a client has no better choice.
    ///
    /// # Evidence
    /// The schemes of the 401.
    ///
    /// # Traps
    /// Devices and sites that are no endpoint of the profile offer only Basic rightly; they are not reported.
    pub(crate) BasicOnlyChallenge = "BAS-004" "basic-only-challenge" Medium,
    title: "The resource offers nothing but Basic",
    remedy: "Enable OAuth on the virtual directories (Set-WebServicesVirtualDirectory and \
             Set-AutodiscoverVirtualDirectory -OAuthAuthentication $true), and disable Basic.",
    source: "RFC 7617 §2; [MS-XOAUTH] §3.2.5.4",
    reference: "https://www.rfc-editor.org/rfc/rfc7617#section-2",
}

impl Rule for BasicOnlyChallenge {
    fn occasions(&self) -> Occasions {
        Occasions::CHALLENGE
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let better = ["Bearer", "Negotiate", "NTLM", "Kerberos"].iter().any(|scheme| observation.offers(scheme));
        if observation.status != Some(401) || !observation.is_resource() || better || !observation.offers("Basic") {
            return;
        }
        let evidence = observation.in_response(Part::ResponseHeader, "WWW-Authenticate", "Basic");
        context.find(Self::META.of(observation).detail(observation.place()).evidence(evidence));
    }
}
