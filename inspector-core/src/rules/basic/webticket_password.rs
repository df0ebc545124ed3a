use crate::{evidence::Part, finding::Severity, handshake::{observation::Observation, token_endpoint}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::mask};

declare_rule! {
    /// Skype for Business issued, or was asked for, a web ticket by a password.
    ///
    /// # Evidence
    /// The grant, the user name and the length of the password.
    ///
    /// # Traps
    /// Joining a meeting as a guest (`urn:microsoft.rtc:anonmeeting`) is no user's password, and low.
    /// `urn:microsoft.rtc:windows` carries none. BAS-010 reports the password grant as such.
    pub(crate) WebticketPassword = "BAS-015" "webticket-password" Medium,
    title: "A web ticket was asked for by a password",
    remedy: "Sign in to Skype for Business by modern authentication or a certificate.",
    source: "Skype UCWA authentication; [MS-OCAUTHWS]",
    reference: "https://learn.microsoft.com/skype-sdk/ucwa/authenticationinucwa",
}

impl Rule for WebticketPassword {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let parameter = |name: &str| {
            token_endpoint::form_parameter(observation.extraction, name).map(str::trim).filter(|value| !value.is_empty())
        };
        let Some(grant) = parameter("grant_type").map(str::to_ascii_lowercase) else { return };
        let guest = grant.starts_with("urn:microsoft.rtc:anon");
        if !observation.path.contains("/webticket/") || !(guest || grant == "password") {
            return;
        }
        let secret = ["password", "conferencekey", "ms_rtc_conferenceuri"]
            .into_iter()
            .find_map(|name| parameter(name).map(|value| (name, value.len())));
        let Some((name, length)) = secret else { return };
        let (severity, title) = if guest {
            (Severity::Low, "A guest's web ticket was asked for")
        } else {
            (Self::META.severity, Self::META.title)
        };
        let user = mask::text(parameter("username").unwrap_or("(none)"));
        let grant = mask::text(&grant);
        let excerpt = format!("grant_type={grant}, {name} of {length} bytes (masked)");
        let evidence = observation.in_request(Part::RequestBody, name, excerpt);
        let detail = format!("{}: {grant}, user \"{user}\"", observation.host_name);
        context.find(Self::META.of(observation).severity(severity).title(title).detail(detail).evidence(evidence));
    }
}
