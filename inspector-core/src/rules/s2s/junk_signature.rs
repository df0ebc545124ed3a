use crate::{
    handshake::observation::{Observation, has, is_whole},
    http::exchange::Mark,
    report::mask,
    rules::{Context, Declared, Rule, declare_rule},
    token::{Token, TokenKind},
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
    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if has(observation, Mark::HeadCut) || has(observation, Mark::Gap) {
            return;
        }
        for sighting in observation.s2s_tokens().filter(|sighting| sighting.kind != TokenKind::ProofToken) {
            let layers = [Some(&*sighting.token), sighting.token.actor.as_deref()];
            for token in layers.into_iter().flatten().filter(|token| is_whole(token) && is_junk(token)) {
                let algorithm = mask::text(&token.algorithm());
                let detail = format!("alg \"{algorithm}\", signature of {} bytes", token.signature_length);
                context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
            }
        }
    }
}

/// Whether no key of the algorithm gives a signature of that length. Empty signatures are the matter of other rules.
fn is_junk(token: &Token) -> bool {
    let length = token.signature_length;
    if length == 0 {
        return false;
    }
    let plausible: &[usize] = match token.algorithm().to_ascii_uppercase().as_str() {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => &[128, 256, 384, 512],
        "ES256" => &[64],
        "EDDSA" => &[64, 114],
        "ES384" => &[96],
        "ES512" => &[132],
        _ => return false,
    };
    !plausible.contains(&length)
}
