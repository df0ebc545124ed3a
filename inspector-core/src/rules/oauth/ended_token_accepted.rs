use super::Period;
use crate::{
    bounded::Memory,
    evidence::{Evidence, Part},
    handshake::observation::{Answer, Observation},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
};

declare_rule! {
    /// A token is accepted though its issuer has said before that it is over: it was revoked (RFC 7009), or an introspection
    /// called it inactive (RFC 7662).
    ///
    /// # Evidence
    /// The revocation or the introspection, and the acceptance.
    ///
    /// # Traps
    /// It counts what came later by the times of the recording. The revocation has to be answered with success. A server
    /// that answers a revocation before it takes effect everywhere is what the rule is about. What was refused is info.
    pub(crate) EndedTokenAccepted = "OAU-038" "ended-token-accepted" High,
    title: "A token was accepted after it was revoked or called inactive",
    remedy: "Let resources ask the issuer, or give access tokens minutes; end refresh tokens at their revocation.",
    source: "RFC 7009 §2; RFC 7662 §2.2, §4",
    reference: "https://www.rfc-editor.org/rfc/rfc7009#section-2",
    state: { ended: Memory<Fingerprint, Ended> },
}

/// A token that is over.
pub(crate) struct Ended {
    period: Period,
    how: &'static str,
    evidence: Evidence,
}

impl Rule for EndedTokenAccepted {
    fn occasions(&self) -> Occasions {
        Occasions::POSTED.or(Occasions::TOKEN).or(Occasions::OAUTH)
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if let Some((id, how)) = ends(observation) {
            let evidence = observation.in_request(Part::RequestBody, "token", format!("token (sha256 {id})"));
            if self.ended.recall(&id).is_none() {
                self.ended.keep(id, Ended { period: Period::of(observation), how, evidence });
            }
            return;
        }
        if self.ended.is_empty() {
            return;
        }
        if observation.answer == Answer::Accepted || observation.is_refusal() {
            for sighting in observation.presented() {
                let evidence = observation.sighted(sighting);
                self.accepted(observation, context, sighting.token.id, "an access token", evidence);
            }
        }
        if super::grant(observation) == Some("refresh_token")
            && (super::succeeded(observation) || super::was_refused(observation))
            && let Some(token) = super::posted(observation, "refresh_token")
        {
            let id = Fingerprint::of(token.as_bytes());
            let excerpt = format!("refresh_token ({} characters, sha256 {id})", token.len());
            let evidence = observation.in_request(Part::RequestBody, "refresh_token", excerpt);
            self.accepted(observation, context, id, "a refresh token", evidence);
        }
    }
}

impl EndedTokenAccepted {
    fn accepted(
        &self,
        observation: &Observation<'_>,
        context: &mut Context<'_>,
        id: Fingerprint,
        what: &str,
        evidence: Evidence,
    ) {
        let Some(ended) = self.ended.recall(&id) else { return };
        let now = Period::of(observation);
        if !now.is_after(ended.period) {
            return;
        }
        let accepted = observation.answer == Answer::Accepted || super::succeeded(observation);
        let outcome = if accepted { "accepted" } else { "refused" };
        let detail = format!("{}: {what} was {outcome} after {}", observation.host_name, ended.how);
        let draft = Self::META.of(observation).detail(detail).evidence(ended.evidence.clone()).evidence(evidence);
        context.find(super::as_tried(draft, accepted, "A token was tried after it was revoked or called inactive"));
    }
}

/// The token an exchange shows to be over.
fn ends(observation: &Observation<'_>) -> Option<(Fingerprint, &'static str)> {
    let path = observation.path.trim_end_matches('/');
    let token = super::posted(observation, "token")?;
    let id = Fingerprint::of(token.as_bytes());
    if ["/revoke", "/revocation"].iter().any(|end| path.ends_with(end)) {
        return super::succeeded(observation).then_some((id, "its revocation"));
    }
    let introspects = ["/introspect", "/introspection", "/token_info", "/tokeninfo"];
    if !introspects.iter().any(|end| path.ends_with(end)) {
        return None;
    }
    (super::told_active(observation) == Some(false)).then_some((id, "an introspection called it inactive"))
}
