use crate::{
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The actor token is not signed by a key pair: its `alg` is `none`, its signature is empty, or it is an HMAC, which
    /// anyone with the verification key can forge. The actor token is what gives the call its authority.
    ///
    /// # Evidence
    /// `alg` and the length of the signature.
    ///
    /// # Traps
    /// The outer token is unsigned by design; only the inner one is judged. A token cut or cleaned by its exporter is not
    /// judged.
    pub(crate) UnsignedActor = "S2S-015" "unsigned-actor" Critical,
    title: "The actor token is not signed by an issuer's key",
    remedy: "Refuse it at the receiver: pin the accepted algorithms per issuer and require a signature on the actor token.",
    source: "[MS-XOAUTH] §2.2; RFC 8725 §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.1",
}

impl Rule for UnsignedActor {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.actors() {
            // One that is presented alone and unsigned is the orphan of another rule.
            let alone = sighting.token.id == actor.id;
            let unsigned = actor.is_unsigned() || !crate::token::verify::is_asymmetric(actor);
            if !unsigned || (alone && actor.is_unsigned()) {
                continue;
            }
            let algorithm = mask::text(&actor.algorithm());
            let detail = format!("alg \"{algorithm}\", {}", super::signature_words(actor));
            let evidence = observation.claimed(sighting, "alg of the actor token", &algorithm);
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}
