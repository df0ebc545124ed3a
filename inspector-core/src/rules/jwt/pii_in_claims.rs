use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

/// Claims that tell who or where somebody is.
const CLAIMS: [&str; 11] = [
    "upn",
    "unique_name",
    "preferred_username",
    "email",
    "name",
    "given_name",
    "family_name",
    "smtp",
    "sip",
    "ipaddr",
    "onprem_sid",
];

declare_rule! {
    /// A token with a person's data was sent to a host it is not for.
    ///
    /// # Evidence
    /// The names of the claims, not their values.
    ///
    /// # Traps
    /// At its own audience a token may tell who calls. Audiences that are ids do not tell a host and are not judged.
    pub(crate) PiiInClaims = "JWT-021" "pii-in-claims" Info,
    title: "A token with personal data was sent to a host it is not for",
    remedy: "Send the token to its audience only, and leave out of it what the audience does not need.",
    source: "RFC 7519 §12; RFC 9700 §2.3",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-12",
}

impl Rule for PiiInClaims {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.presented() {
            let Some(named) = super::foreign_host(observation, sighting) else { continue };
            let claims: Vec<&str> =
                CLAIMS.iter().copied().filter(|name| sighting.token.claims.contains_key(name)).collect();
            if claims.is_empty() {
                continue;
            }
            let detail = format!(
                "{} of a token for {}, sent to {}",
                claims.join(", "),
                mask::text(&named),
                observation.host_name
            );
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}
