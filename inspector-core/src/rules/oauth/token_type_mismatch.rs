use crate::{
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    token::mask,
};

declare_rule! {
    /// A token that was issued with another `token_type` than Bearer is presented as a bearer token: the proof of
    /// possession it was issued for is not made.
    ///
    /// # Evidence
    /// The token and the `token_type` of its issuance.
    ///
    /// # Traps
    /// `Bearer` is compared without letter case. The issuance has to be in the recording.
    pub(crate) TokenTypeMismatch = "OAU-027" "token-type-mismatch" Low,
    title: "A token of another type is presented as Bearer",
    remedy: "Present the token as its token_type says, or ask for a bearer token.",
    source: "RFC 6749 §7.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6749#section-7.1",
}

impl Rule for TokenTypeMismatch {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.presented() {
            if !sighting.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Bearer")) {
                continue;
            }
            let issued = context.ledger.flows().access_token(sighting.token.id);
            let Some(kind) = issued.and_then(|issued| issued.token_type.as_deref()) else { continue };
            if kind.eq_ignore_ascii_case("Bearer") {
                continue;
            }
            let detail = format!("{}: a token of type \"{}\"", observation.host_name, mask::text(kind));
            let evidence = observation.sighted(sighting);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
