use crate::{
    finding::Severity,
    handshake::signatures::{GET_KEYS, Signature},
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

declare_rule! {
    /// The signature of an actor token, verified with the keys that were given. One that does not fit is critical: the
    /// token was changed or forged. One that fits, or cannot be told, is information; one that fits a key whose
    /// certificate had expired is low, for resources differ in whether they mind.
    ///
    /// # Evidence
    /// The token, its issuer and the reason.
    ///
    /// # Traps
    /// Without keys nothing is said. A header with a nonce, an encrypted token or an unknown key leaves the matter open:
    /// such tokens are never called forged.
    pub(crate) ActorSignature = "S2S-021" "actor-signature" Critical,
    title: "The signature of an actor token is wrong",
    remedy: "Refuse it at the receiver and install its security updates; find out who sent it, and change the \
             application's certificate if the resource accepted it.",
    source: "[MS-XOAUTH] §3.2.5.6; RFC 7515 §5.2",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-5.2",
}

impl Rule for ActorSignature {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (facts, actor) in super::presented_actors(ledger) {
            let Some(state) = summary.signatures.result(actor.id) else { continue };
            let reason = &state.reason;
            let mut remedy = "";
            let (severity, title) = match state.signature {
                Signature::Invalid if summary.signatures.may_be_wrong_key(state) => {
                    remedy = GET_KEYS;
                    (Severity::Critical, "The keys that were given do not fit an actor token, or it was changed")
                }
                Signature::Invalid => (Severity::Critical, Self::META.title),
                Signature::Verified if state.is_outside_validity() => {
                    (Severity::Low, "The certificate behind the signature of an actor token is not valid at its time")
                }
                Signature::Verified => (Severity::Info, "The signature of an actor token was verified"),
                Signature::Unverifiable if !state.keys_do_not_fit() => {
                    (Severity::Info, "The signature of an actor token cannot be verified")
                }
                // Unsigned tokens and unknown keys have rules of their own.
                Signature::Unverifiable | Signature::Absent => continue,
            };
            let issuer = mask::text(&actor.claim("iss").unwrap_or_default());
            let detail = format!("actor token of {issuer}: {}", mask::text(reason));
            for host in &facts.presented_to {
                let draft =
                    Self::META.host(*host).severity(severity).title(title).detail(detail.clone()).remedy(remedy);
                let draft = draft.count(facts.presented).evidence(facts.first.clone());
                let refused = facts.is_refused_by(*host);
                let stranger = !facts.is_of_known_caller();
                context.find(if refused { draft.refused_by(*host, stranger) } else { draft });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handshake::signatures::KEY_UNKNOWN, verdict::Outcome};

    #[test]
    fn only_a_wrong_signature_fails() {
        for (signature, reason, severity, outcome) in [
            (Signature::Invalid, "it fits no key", Some(Severity::Critical), Outcome::Fail),
            (Signature::Verified, "key of x5t", Some(Severity::Info), Outcome::Pass),
            (Signature::Unverifiable, "its header has a nonce", Some(Severity::Info), Outcome::Pass),
            (Signature::Unverifiable, KEY_UNKNOWN, None, Outcome::Pass),
            (Signature::Absent, "alg is none", None, Outcome::Pass),
        ] {
            let report = super::super::report_by_signature(signature, reason);
            let found = report.findings.iter().find(|finding| finding.meta.code == "S2S-021");
            assert_eq!(found.map(|finding| finding.severity), severity, "{reason}");
            assert_eq!(report.outcome, outcome, "{reason}");
        }
    }
}
