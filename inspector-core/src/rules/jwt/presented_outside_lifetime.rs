use crate::{
    finding::Severity,
    handshake::observation::{Answer, CLOCK_SKEW, Observation, is_readable},
    policy::Clock,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
        s2s,
    },
    token::TokenKind,
};

declare_rule! {
    /// A token was presented after its end or before its begin, with five minutes allowed for clocks. It is low if it was
    /// refused: so a client learns that it needs a new one.
    ///
    /// # Evidence
    /// `exp` or `nbf`, and the moment it is judged at.
    ///
    /// # Traps
    /// Where the recording's clock and the server's differ by more than five minutes, the server's `Date` counts. Without
    /// times nothing is said. Tokens of server-to-server OAuth are judged by S2S-045.
    pub(crate) PresentedOutsideLifetime = "JWT-012" "presented-outside-lifetime" Medium,
    title: "A token was presented outside its lifetime",
    remedy: "Synchronise the clocks; let the client renew the token before it ends, and the resource refuse it after.",
    source: "RFC 7519 §4.1.4, §4.1.5",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4",
}

/// The title where the moment is not that of the recording.
const AT_MOMENT: &str = "A token is outside its lifetime at the moment it is judged at";

impl Rule for PresentedOutsideLifetime {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(now) = observation.valid_at() else { return };
        // The user named a moment: what was presented then is another question.
        let asked = matches!(context.policy.clock, Clock::Fixed(_));
        let kinds = [TokenKind::Jwt, TokenKind::EntraAccess, TokenKind::EntraId, TokenKind::AppContext];
        for sighting in observation.presented().filter(|s| kinds.contains(&s.kind) && is_readable(&s.token)) {
            let Some((claim, moment)) = s2s::outside(&sighting.token, now, CLOCK_SKEW) else { continue };
            let refused = observation.answer == Answer::Refused;
            let severity = if refused { Severity::Low } else { Self::META.severity };
            let what = match (claim, asked) {
                ("exp", true) => "has expired by then",
                ("exp", false) => "had expired",
                (_, true) => "is not valid yet then",
                (_, false) => "was not valid yet",
            };
            let then = if refused { ", and refused" } else { "" };
            let detail = format!("{}: the token {what}{then}", observation.host_name);
            let evidence = observation.claimed(sighting, claim, &format!("{moment}, judged at {now}"));
            let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
            context.find(if asked { draft.title(AT_MOMENT) } else { draft });
        }
    }
}
