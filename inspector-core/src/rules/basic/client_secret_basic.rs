use super::Use;
use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client authenticated at a token endpoint by its secret in `Authorization: Basic`. That is OAuth
    /// (`client_secret_basic`), and no user's password.
    ///
    /// # Evidence
    /// The client id and the length of the secret.
    ///
    /// # Traps
    /// Together with `grant_type=password` a user's password is in the content: BAS-010 reports that.
    pub(crate) ClientSecretBasic = "BAS-005" "client-secret-basic" Info,
    title: "A client authenticated at a token endpoint by its secret",
    remedy: "Prefer a client assertion or a client certificate over a secret.",
    source: "RFC 6749 §2.3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1",
}

impl Rule for ClientSecretBasic {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (credentials, basic) in observation.basics() {
            if super::use_of(observation, basic) == Use::Client {
                let detail = format!("{}: client \"{}\"", observation.host_name, mask::text(&basic.user));
                context.find(Self::META.of(observation).detail(detail).evidence(observation.credentials(credentials)));
            }
        }
    }
}
