use crate::{
    handshake::{
        caller,
        observation::{Observation, is_whole},
    },
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Role, Sighting, TokenKind},
};

declare_rule! {
    /// A token that nothing signs was presented to the resource, and no signed actor token is inside: anyone can write it.
    /// With `ver` `hashedprooftoken` it is the forgery of CVE-2023-29357.
    ///
    /// # Evidence
    /// The token, its `alg`, and that it holds no actor token.
    ///
    /// # Traps
    /// `alg` `none` is right for an outer token with an actor token inside. A token whose signature an exporter took out
    /// is not judged.
    pub(crate) OrphanUnsigned = "S2S-017" "orphan-unsigned" Critical,
    title: "An unsigned token without an actor token was presented",
    remedy: "Refuse it at the receiver and install its security updates; find out who sent it.",
    source: "[MS-XOAUTH] §2.2; CVE-2023-29357; RFC 8725 §3.2",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.2",
}

impl Rule for OrphanUnsigned {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for sighting in observation.extraction.sightings.iter().filter(|sighting| is_orphan(sighting, observation)) {
            let detail = match sighting.kind {
                TokenKind::ProofToken => "an unsigned hashedprooftoken (the forgery of CVE-2023-29357)".to_owned(),
                kind => format!("{kind} with alg \"{}\"", crate::token::mask::text(&sighting.token.algorithm())),
            };
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}

fn is_orphan(sighting: &Sighting, observation: &Observation<'_>) -> bool {
    let token = &sighting.token;
    let used = caller::is_presented(sighting) || sighting.role == Role::Assertion;
    let of_s2s = match sighting.kind {
        TokenKind::S2sActor | TokenKind::S2sAssertion | TokenKind::ProofToken => true,
        TokenKind::Jwt | TokenKind::EntraAccess => observation.s2s,
        _ => false,
    };
    used && of_s2s && token.actor.is_none() && token.is_unsigned() && is_whole(token) && !has_actor_claim(sighting)
}

/// An actor token that was too deep or too large to be decoded is still there.
fn has_actor_claim(sighting: &Sighting) -> bool {
    ["actortoken", "actort"].iter().any(|name| sighting.token.claims.contains_key(name))
}
