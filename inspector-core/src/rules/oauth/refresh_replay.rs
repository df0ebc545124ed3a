use super::Period;
use crate::{
    bounded::Memory,
    evidence::{Evidence, Part},
    finding::Severity,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
};

/// Seconds in which a client that lost an answer may try again; servers that rotate allow for it.
const GRACE: i64 = 10;

declare_rule! {
    /// A refresh token is accepted again after another was issued in its place: the server does not end rotated tokens,
    /// or two parties hold the same one.
    ///
    /// # Evidence
    /// Both token requests.
    ///
    /// # Traps
    /// Entra ID allows public clients to reuse refresh tokens; there it is info. A repetition within seconds is a client
    /// that lost an answer, and low. The two sides of a proxy show the same request twice, which is no reuse. A refused one is info.
    pub(crate) RefreshReplay = "OAU-014" "refresh-replay" High,
    title: "A refresh token was accepted after it was replaced",
    remedy: "Revoke the family of tokens; end rotated refresh tokens, or bind them to their client.",
    source: "RFC 9700 §4.14.2",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2",
    state: { rotated: Memory<Fingerprint, (Period, Evidence)> },
}

impl Rule for RefreshReplay {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if super::grant(observation) != Some("refresh_token") {
            return;
        }
        let accepted = super::succeeded(observation);
        if !accepted && !super::was_refused(observation) {
            return;
        }
        let Some(token) = super::posted(observation, "refresh_token") else { return };
        let id = Fingerprint::of(token.as_bytes());
        let excerpt = format!("refresh_token ({} characters, sha256 {id})", token.len());
        let evidence = observation.in_request(Part::RequestBody, "refresh_token", excerpt);
        match self.rotated.recall(&id) {
            Some((earlier, first)) if Period::of(observation).is_apart(*earlier) => {
                let late = Period::of(observation).between(*earlier).is_none_or(|seconds| seconds > GRACE);
                let severity = match late {
                    _ if observation.profile.is_token_host(&observation.host_name) => Severity::Info,
                    true => Self::META.severity,
                    false => Severity::Low,
                };
                let outcome = if accepted { "accepted again" } else { "refused" };
                let detail = format!("{}: a replaced refresh token was {outcome}", observation.host_name);
                let draft = Self::META.of(observation).severity(severity).detail(detail);
                let draft = draft.evidence(first.clone()).evidence(evidence);
                context.find(super::as_tried(draft, accepted, "A refresh token was tried after it was replaced"));
            }
            Some(_) => {}
            None if accepted => {
                let next = observation.flow.answer.as_ref().and_then(|answer| answer.refresh_token);
                if next.is_some_and(|next| next != id) {
                    self.rotated.keep(id, (Period::of(observation), evidence));
                }
            }
            None => {}
        }
    }
}
