use crate::{
    handshake::observation::Observation,
    http::auth::{Credentials, CredentialsKind},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client that calls itself one of the expected callers authenticated to the resource without OAuth.
    ///
    /// # Evidence
    /// The scheme and the user agent.
    ///
    /// # Traps
    /// Anyone can send that user agent; monitoring probes do. Basic is reported by BAS-001 with its own severity.
    pub(crate) NonOauthScheme = "S2S-039" "non-oauth-scheme" Medium,
    title: "A client of the callers' kind authenticated without OAuth",
    remedy: "Check the partner application and the OAuth settings of the caller; disable the scheme on the virtual \
             directory once OAuth works.",
    source: "Teams and Exchange interaction",
    reference: "https://learn.microsoft.com/microsoftteams/troubleshoot/exchange-integration/teams-exchange-interaction-issue",
}

impl Rule for NonOauthScheme {
    fn occasions(&self) -> Occasions {
        Occasions::NO_TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !observation.is_resource() || !observation.is_caller_agent() {
            return;
        }
        for credentials in observation.extraction.credentials.iter().filter(|c| !c.proxy && is_without_oauth(c)) {
            let agent = observation.request().and_then(|head| head.text("user-agent")).unwrap_or_default();
            let detail = format!("{} by {}", mask::text(&credentials.scheme), mask::text(agent));
            context.find(Self::META.of(observation).detail(detail).evidence(observation.credentials(credentials)));
        }
    }
}

const fn is_without_oauth(credentials: &Credentials) -> bool {
    use CredentialsKind::{Basic, Digest, Negotiate, Ntlm};
    matches!(credentials.kind, Basic(_) | Digest { .. } | Ntlm(_) | Negotiate)
}
