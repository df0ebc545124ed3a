use crate::{
    exchange::Mark,
    handshake::observation::{Observation, has, is_whole},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{TokenKind, mask},
};

declare_rule! {
    /// A signature has a length that no key of its algorithm produces: it was made up. That is told without any key.
    ///
    /// # Evidence
    /// `alg` and the length of the decoded signature.
    ///
    /// # Traps
    /// A token cut by the recording or cleaned by its exporter is not judged.
    pub(crate) JunkSignature = "S2S-019" "junk-signature" Critical,
    title: "A token's signature has an impossible length",
    remedy: "Treat it as a forgery: refuse it at the receiver, install its security updates, and find out who sent it.",
    source: "RFC 7518 §3.3, §3.4; RFC 8017 §8.2.2",
    reference: "https://www.rfc-editor.org/rfc/rfc7518#section-3",
}

impl Rule for JunkSignature {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if has(observation, Mark::HeadCut) || has(observation, Mark::Gap) {
            return;
        }
        for sighting in observation.s2s_tokens().filter(|sighting| sighting.kind != TokenKind::ProofToken) {
            let layers = [Some(&*sighting.token), sighting.token.actor.as_deref()];
            for token in layers
                .into_iter()
                .flatten()
                .filter(|token| is_whole(token) && crate::token::verify::has_impossible_signature(token))
            {
                let algorithm = mask::text(&token.algorithm());
                let detail = format!("alg \"{algorithm}\", {}", super::signature_words(token));
                context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
            }
        }
    }
}
