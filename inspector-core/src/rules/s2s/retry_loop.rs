use crate::{
    bounded::Memory,
    handshake::observation::{Answer, Observation},
    hosts::HostId,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    time::Timestamp,
};

/// Within which the refusals have to lie, in seconds.
const WINDOW: i64 = 120;

declare_rule! {
    /// The very same token was refused three times or more within two minutes: the caller repeats what cannot work.
    ///
    /// # Evidence
    /// The refusals.
    ///
    /// # Traps
    /// A token that is renewed after a refusal is another one. Without times nothing is said.
    pub(crate) RetryLoop = "S2S-035" "retry-loop" Medium,
    title: "A refused token is sent again and again",
    remedy: "Mend the cause the server names (S2S-032), and let the caller drop a token that was refused.",
    source: "RFC 6750 §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-3.1",
    state: { refused: Memory<(HostId, Fingerprint), [Option<Timestamp>; 2]> },
}

impl Rule for RetryLoop {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !observation.s2s || observation.answer != Answer::Refused {
            return;
        }
        let (Some(time), Some(sighting)) = (observation.time, observation.presented().next()) else { return };
        let key = (observation.host, sighting.token.id);
        let [before, last] = self.refused.recall(&key).copied().unwrap_or_default();
        // Whatever the order in which they were read: the first and the last of three lie that near.
        let three = [before, last, Some(time)].into_iter().flatten().map(Timestamp::seconds);
        let span = three.clone().max().zip(three.min()).map(|(last, first)| last.saturating_sub(first));
        if before.is_some() && span.is_some_and(|span| span <= WINDOW) {
            let name = &observation.host_name;
            let detail = format!("{name} refused token sha256 {} three times within {WINDOW} s", sighting.token.id);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.answered()));
        }
        self.refused.keep(key, [last, Some(time)]);
    }
}
