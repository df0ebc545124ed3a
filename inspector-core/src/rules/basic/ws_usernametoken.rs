use crate::{
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::{extract::PasswordCarrier, mask},
};

declare_rule! {
    /// A SOAP header carries a user name and a password (WS-Security `UsernameToken`). A digest of the password is medium.
    ///
    /// # Evidence
    /// The user name and the kind of password.
    ///
    /// # Traps
    /// WS-Security with certificates or SAML carries no password.
    pub(crate) WsUsernametoken = "BAS-011" "ws-usernametoken" High,
    title: "A SOAP header carries a user's password",
    remedy: "Replace UsernameToken by OAuth or a certificate, and change the password.",
    source: "OASIS Web Services Security UsernameToken Profile 1.1.1",
    reference: "https://docs.oasis-open.org/wss-m/wss/v1.1.1/os/wss-UsernameTokenProfile-v1.1.1-os.html",
}

impl Rule for WsUsernametoken {
    fn occasions(&self) -> Occasions {
        Occasions::PASSWORD
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for found in &observation.extraction.passwords {
            let (severity, kind) = match found.carrier {
                PasswordCarrier::WsText => (Self::META.severity, "in clear text"),
                PasswordCarrier::WsDigest => (Severity::Medium, "as digest"),
                _ => continue,
            };
            let user = mask::text(&found.user);
            let excerpt = format!("user \"{user}\", password {kind} (masked)");
            let evidence = observation.in_request(found.part, &found.name, excerpt);
            let detail = format!("{}: user \"{user}\", password {kind}", observation.host_name);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}
