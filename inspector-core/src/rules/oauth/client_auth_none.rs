use crate::{
    evidence::Part,
    exchange::Mark,
    finding::Severity,
    handshake::observation::{Answer, Observation, has},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A client asks for a token of its own (`client_credentials`) without authenticating: anyone who knows its id can.
    ///
    /// # Evidence
    /// The client id.
    ///
    /// # Traps
    /// An assertion authenticates, and so does a client certificate. Whether one was used is seen in a decrypted capture
    /// only; where it cannot be seen, it is low. A refused request is low too.
    pub(crate) ClientAuthNone = "OAU-012" "client-auth-none" Medium,
    title: "A client asks for its own token without authenticating",
    remedy: "Use a client assertion (private_key_jwt) or a client certificate.",
    source: "RFC 6749 §4.4",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
}

impl Rule for ClientAuthNone {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if super::grant(observation) != Some("client_credentials")
            || super::authenticates_client(observation)
            || has(observation, Mark::Sanitized)
            || has(observation, Mark::BodyCut)
        {
            return;
        }
        let seen = observation.exchange.tls.is_some() || !observation.is_protected();
        let refused = observation.status.is_some_and(|status| status >= 400) || observation.answer == Answer::Missing;
        let severity = if seen && !refused { Self::META.severity } else { Severity::Low };
        let client = mask::text(super::posted(observation, "client_id").unwrap_or("(none)"));
        let unseen = if seen { "" } else { "; a client certificate would not show in this recording" };
        let excerpt = format!("client_id={client}, nothing that authenticates");
        let evidence = observation.in_request(Part::RequestBody, "client_id", excerpt);
        let detail = format!("{}: client \"{client}\"{unseen}", observation.host_name);
        context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
    }
}
