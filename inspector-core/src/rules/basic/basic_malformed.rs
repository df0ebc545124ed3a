use super::Use;
use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// The scheme is Basic, but what follows is not base64 of `user:password`.
    ///
    /// # Evidence
    /// The field and its length.
    ///
    /// # Traps
    /// base64url and missing padding are decoded. For a host in scope it keeps the run from passing (COV-013): a password
    /// may be in it.
    pub(crate) BasicMalformed = "BAS-008" "basic-malformed" Low,
    title: "Basic credentials cannot be decoded",
    remedy: "Look at what the client sends; if it is a password, treat it as BAS-001.",
    source: "RFC 7617 §2",
    reference: "https://www.rfc-editor.org/rfc/rfc7617#section-2",
}

impl Rule for BasicMalformed {
    fn occasions(&self) -> Occasions {
        Occasions::BASIC
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (credentials, basic) in observation.basics() {
            if super::use_of(observation, basic) == Use::Malformed {
                let excerpt = format!("Basic ({} bytes, sha256 {})", credentials.length, credentials.id);
                let evidence = observation.in_request(credentials.part, &credentials.field, excerpt);
                let detail = format!("{}: {} bytes", observation.host_name, credentials.length);
                context.find(Self::META.of(observation).detail(detail).evidence(evidence));
            }
        }
    }
}
