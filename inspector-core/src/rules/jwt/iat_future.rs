use crate::{
    handshake::observation::{CLOCK_SKEW, Observation, is_readable},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, TokenKind},
};

declare_rule! {
    /// A token was used that says it will be issued more than five minutes later: a clock is wrong, or the token made up.
    ///
    /// # Evidence
    /// `iat`, and the moment it is judged at.
    ///
    /// # Traps
    /// Tokens without `iat` are common. Where the recording's clock and the server's differ, the server's counts. Proofs of
    /// possession are judged by JWT-030.
    pub(crate) IatFuture = "JWT-013" "iat-future" Low,
    title: "A token was used before it was issued",
    remedy: "Synchronise the clocks of issuer and client.",
    source: "RFC 7519 §4.1.6",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.6",
}

impl Rule for IatFuture {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(now) = observation.valid_at() else { return };
        for sighting in &observation.extraction.sightings {
            let used = matches!(sighting.role, Role::Presented | Role::Assertion);
            if !used || sighting.kind == TokenKind::Dpop || !is_readable(&sighting.token) {
                continue;
            }
            let layers = [Some(&*sighting.token), sighting.token.actor.as_deref()];
            for token in layers.into_iter().flatten() {
                // One that no clock will reach is the matter of JWT-014.
                let Some(issued) = token.issued_at.filter(|issued| !issued.is_cut()) else { continue };
                let ahead = issued.seconds().saturating_sub(now.seconds());
                if u64::try_from(ahead).is_ok_and(|ahead| ahead > CLOCK_SKEW) {
                    let evidence = observation.claimed(sighting, "iat", &format!("{issued}, judged at {now}"));
                    let detail = format!("{}: iat lies ahead", token.kind);
                    context.find(Self::META.of(observation).detail(detail).evidence(evidence));
                }
            }
        }
    }
}
