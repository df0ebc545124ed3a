use crate::{
    handshake::observation::{Answer, CLOCK_SKEW, Observation},
    policy::Clock,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
};

declare_rule! {
    /// A token of server-to-server OAuth was presented outside its lifetime, with five minutes allowed for clocks.
    ///
    /// # Evidence
    /// `exp` or `nbf`, and the moment it is judged at.
    ///
    /// # Traps
    /// Where the recording's clock and the server's differ by more than five minutes, the server's `Date` counts. The policy
    /// may name another moment. Without times nothing is said.
    pub(crate) ExpiredOrNotYetValid = "S2S-045" "expired-or-not-yet-valid" Medium,
    title: "A token was presented outside its lifetime",
    remedy: "Synchronise the clocks of caller and server (w32tm /resync), and restart a caller that keeps a stale token.",
    source: "RFC 7519 §4.1.4, §4.1.5",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4",
}

/// The title where the moment is not that of the recording.
const AT_MOMENT: &str = "A token is outside its lifetime at the moment it is judged at";

impl Rule for ExpiredOrNotYetValid {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(now) = observation.valid_at() else { return };
        // The user named a moment: what was presented then is another question.
        let asked = matches!(context.policy.clock, Clock::Fixed(_));
        for (sighting, actor) in observation.actors() {
            let outer = (sighting.token.id != actor.id).then_some((&*sighting.token, "outer token"));
            for (token, layer) in [outer, Some((actor, "actor token"))].into_iter().flatten() {
                let Some((claim, moment)) = super::outside(token, now, CLOCK_SKEW) else { continue };
                let refused = if observation.answer == Answer::Refused { ", and refused" } else { "" };
                let what = match (claim, asked) {
                    ("exp", true) => "has expired by then",
                    ("exp", false) => "had expired",
                    (_, true) => "is not valid yet then",
                    (_, false) => "was not valid yet",
                };
                let detail = format!("the {layer} {what}{refused}");
                let evidence = observation.claimed(sighting, claim, &format!("{moment}, judged at {now}"));
                let draft = Self::META.of(observation).detail(detail).evidence(evidence);
                context.find(if asked { draft.title(AT_MOMENT) } else { draft });
            }
        }
    }
}
