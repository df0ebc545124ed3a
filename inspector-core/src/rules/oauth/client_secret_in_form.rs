use crate::{
    evidence::Part,
    handshake::observation::{Endpoint, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client authenticates at the token endpoint by its secret in the content (`client_secret_post`).
    ///
    /// # Evidence
    /// The client id and the length of the secret.
    ///
    /// # Traps
    /// It is allowed, and usual at ACS and Entra ID; a client assertion or a certificate is the better choice.
    pub(crate) ClientSecretInForm = "OAU-011" "client-secret-in-form" Info,
    title: "A client authenticated by a secret in the content",
    remedy: "Prefer a client assertion (private_key_jwt) or a client certificate over a secret.",
    source: "RFC 6749 §2.3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1",
}

impl Rule for ClientSecretInForm {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(secret) = super::posted(observation, "client_secret") else { return };
        if observation.endpoint != Endpoint::Token {
            return;
        }
        let client = mask::text(super::posted(observation, "client_id").unwrap_or("(none)"));
        let excerpt = format!("client \"{client}\", client_secret of {} bytes (masked)", secret.len());
        let evidence = observation.in_request(Part::RequestBody, "client_secret", excerpt);
        let detail = format!("{}: client \"{client}\"", observation.host_name);
        context.find(Self::META.of(observation).detail(detail).evidence(evidence));
    }
}
