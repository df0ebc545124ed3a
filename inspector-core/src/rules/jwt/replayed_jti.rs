use std::net::IpAddr;

use crate::{
    bounded::Memory,
    evidence::Evidence,
    handshake::observation::{Answer, Observation, is_readable},
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::Fingerprint,
    time::Timestamp,
    token::{Role, Sighting, TokenKind},
};

/// Within which an assertion may be used again from another address, in seconds.
const WINDOW: u64 = 120;

declare_rule! {
    /// Something that is for one use was used twice: a proof of possession (DPoP) with the same `jti`, or an assertion from
    /// another client more than two minutes later.
    ///
    /// # Evidence
    /// Both uses.
    ///
    /// # Traps
    /// Access tokens are used again and again: that is no replay. A repetition after no answer came is a retry. Clients behind
    /// one address, or behind several, look alike: an assertion of the same client is not judged.
    pub(crate) ReplayedJti = "JWT-020" "replayed-jti" Medium,
    title: "A token for one use was used twice",
    remedy: "Let the receiver remember the jti of proofs and assertions within their lifetime, and refuse repetitions.",
    source: "RFC 9449 §11.1; RFC 7523 §3",
    reference: "https://www.rfc-editor.org/rfc/rfc9449#section-11.1",
    state: { seen: Memory<Fingerprint, Use> },
}

/// One use.
#[derive(Clone, Debug)]
pub(crate) struct Use {
    client: Option<IpAddr>,
    time: Option<Timestamp>,
    evidence: Evidence,
}

impl Rule for ReplayedJti {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in &observation.extraction.sightings {
            let Some((key, proof)) = key(sighting) else { continue };
            let used =
                Use { client: observation.client, time: observation.time, evidence: observation.sighted(sighting) };
            match self.seen.recall(&key) {
                Some(first) if proof || is_elsewhere(first, &used) => {
                    let what = if proof { "proof of possession" } else { "assertion" };
                    let detail = format!("{}: the same {what} again", observation.host_name);
                    let draft = Self::META.of(observation).subject(key.to_string()).detail(detail);
                    context.find(draft.evidence(first.evidence.clone()).evidence(used.evidence));
                }
                Some(_) => {}
                // What got no answer may be repeated.
                None if matches!(observation.answer, Answer::Missing | Answer::Undecided) => {}
                None => self.seen.keep(key, used),
            }
        }
    }
}

/// What may occur once only, and whether it is a proof.
fn key(sighting: &Sighting) -> Option<(Fingerprint, bool)> {
    let token = &sighting.token;
    if !is_readable(token) {
        return None;
    }
    if token.kind == TokenKind::Dpop && sighting.name.eq_ignore_ascii_case("dpop") {
        let id = token.claim("jti")?;
        let key = token.header.get("jwk").map(ToString::to_string).unwrap_or_default();
        return Some((Fingerprint::of(format!("{id} {key}").as_bytes()), true));
    }
    let assertion = matches!(sighting.name.as_str(), "assertion" | "client_assertion");
    // An access token exchanged on behalf of its user is one no less.
    let exchanged = matches!(token.kind, TokenKind::EntraAccess | TokenKind::EntraId);
    (sighting.role == Role::Assertion && assertion && !exchanged).then_some((token.id, false))
}

fn is_elsewhere(first: &Use, again: &Use) -> bool {
    let apart = first.time.zip(again.time).is_some_and(|(one, other)| other.seconds().abs_diff(one.seconds()) > WINDOW);
    apart && first.client.is_some() && again.client.is_some() && first.client != again.client
}
