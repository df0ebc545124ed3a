use crate::{
    handshake::observation::{CLOCK_SKEW, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// The outer token outlives the actor token that gives it its authority, by more than five minutes.
    ///
    /// # Evidence
    /// `exp` of both.
    ///
    /// # Traps
    /// Actor tokens are kept for a day, so that the two lifetimes overlap in part: only the end is compared.
    pub(crate) OuterOutsideInner = "S2S-046" "outer-outside-inner" Low,
    title: "The outer token outlives its actor token",
    remedy: "Let the caller end the outer token with the actor token at the latest.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for OuterOutsideInner {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted() {
            let (Some(outer), Some(inner)) = (sighting.token.expires, actor.expires) else { continue };
            let beyond = outer.seconds().saturating_sub(inner.seconds());
            if u64::try_from(beyond).is_ok_and(|beyond| beyond > CLOCK_SKEW) {
                let evidence = observation.claimed(sighting, "exp", &format!("{outer}, of the actor token {inner}"));
                let detail = format!("{}: the outer token ends after its actor token", observation.host_name);
                context.find(Self::META.of(observation).detail(detail).evidence(evidence));
            }
        }
    }
}
