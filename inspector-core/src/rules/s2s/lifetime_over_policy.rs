use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

/// Longest lifetime of an actor token, in seconds: a day, and ten minutes for clocks.
const ACTOR: i64 = 86_400 + 600;
/// Longest lifetime of an outer token, in seconds: twelve hours, and ten minutes for clocks.
const OUTER: i64 = 43_200 + 600;

declare_rule! {
    /// A token lives longer than the issuers of server-to-server OAuth make them: an actor token more than a day, an outer
    /// token more than twelve hours.
    ///
    /// # Evidence
    /// The lifetime, from `nbf` (else `iat`) to `exp`.
    ///
    /// # Traps
    /// Actor tokens of 24 hours are normal, and so are outer tokens of five minutes, eight hours (Exchange) and twelve
    /// (SharePoint). Times as strings, milliseconds or FILETIME are normalised before.
    pub(crate) LifetimeOverPolicy = "S2S-044" "lifetime-over-policy" Low,
    title: "A token lives longer than it should",
    remedy: "Shorten the lifetime where the caller mints the token; those of ACS cannot be shortened. Check the clocks.",
    source: "[MS-XOAUTH] §2.2; RFC 9700 §2.2.1",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.2",
}

impl Rule for LifetimeOverPolicy {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.actors() {
            let outer = (sighting.token.id != actor.id).then_some((&*sighting.token, OUTER, "outer token"));
            for (token, most, layer) in [Some((actor, ACTOR, "actor token")), outer].into_iter().flatten() {
                let Some(seconds) = super::lifetime(token).filter(|seconds| *seconds > most) else { continue };
                let detail = format!("{layer} of {seconds} s");
                let evidence = observation.claimed(sighting, "exp", &token.claim("exp").unwrap_or_default());
                context.find(Self::META.of(observation).detail(detail).evidence(evidence));
            }
        }
    }
}
