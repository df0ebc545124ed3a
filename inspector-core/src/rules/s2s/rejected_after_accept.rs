use crate::{
    handshake::observation::{Answer, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
};

declare_rule! {
    /// A token that was accepted before had expired and was refused: the moment a caller gets a new one.
    ///
    /// # Evidence
    /// The refusal.
    ///
    /// # Traps
    /// It is normal if an accepted call follows; what remains refused is reported by S2S-032.
    pub(crate) RejectedAfterAccept = "S2S-034" "rejected-after-accept" Info,
    title: "An expired token was refused after earlier calls were accepted",
    remedy: "Nothing to do if calls go on being accepted; otherwise check the clocks and the caller's token renewal.",
    source: "RFC 6750 §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc6750#section-3.1",
}

impl Rule for RejectedAfterAccept {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.answer != Answer::Refused || !observation.s2s || observation.history.accepted == 0 {
            return;
        }
        let Some(sighting) = observation.presented().next() else { return };
        let said = observation.reason.as_ref().and_then(|reason| reason.category.as_deref()) == Some("token_expired");
        let over = sighting.token.expires.zip(observation.judged_at).is_some_and(|(expires, now)| expires < now);
        if said || over {
            let detail = format!("{}: the token had expired", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.answered()));
        }
    }
}
