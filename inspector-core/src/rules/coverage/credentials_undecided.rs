use crate::{
    handshake::observation::{Endpoint, Observation},
    profile::Judgement,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// Basic credentials were sent of which it cannot be told whether they are a user's password: they cannot be decoded,
    /// or the endpoint may be a token endpoint but the content that would tell is not there. Saying that Basic was never
    /// sent would be a guess.
    ///
    /// # Evidence
    /// The credentials, masked.
    ///
    /// # Traps
    /// Basic with neither user nor password says nothing and is no such case.
    pub(crate) CredentialsUndecided = "COV-013" "credentials-undecided" Info,
    title: "Basic credentials were sent whose meaning cannot be told",
    remedy: "Look at the credentials and the endpoint; see BAS-006 and BAS-008.",
    source: "RFC 7617 §2, RFC 6749 §2.3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc7617#section-2",
}

impl Rule for CredentialsUndecided {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let is_server_to_server = observation.profile.judgement == Judgement::ServerToServer;
        for (credentials, basic) in observation.basics() {
            let what = match observation.endpoint {
                _ if basic.malformed => "Basic that cannot be decoded",
                Endpoint::PossibleToken => "Basic at an endpoint that may be a token endpoint",
                // The server may take them for a user's whatever the content asks for.
                Endpoint::Token if is_server_to_server && !observation.is_known_token_endpoint() => {
                    "Basic at an endpoint that only the content tells to be a token endpoint"
                }
                _ => continue,
            };
            let detail = format!("{}: {what}", observation.host_name);
            let evidence = observation.credentials(credentials);
            context.find(Self::META.of(observation).detail(detail).overturns().evidence(evidence));
        }
    }
}
