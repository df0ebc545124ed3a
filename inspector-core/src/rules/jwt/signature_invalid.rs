use crate::{
    finding::Severity,
    handshake::signatures::{GET_KEYS, Signature, Signatures},
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, mask},
};

declare_rule! {
    /// The signature of a token, verified with the keys that were given or seen. One that does not fit is critical, and high
    /// where the issuer's own keys in the recording tell; one that fits, or cannot be told, is information; one that fits a
    /// key whose certificate had expired is low. Where keys were given for the token's issuer, or for nobody in particular,
    /// and none of them is its key, it is medium.
    ///
    /// # Evidence
    /// The token's issuer and the reason.
    ///
    /// # Traps
    /// Without keys nothing is said. A header with a nonce (Microsoft Graph, SharePoint) and encrypted tokens cannot be
    /// verified by anyone but their receiver, by design. Actor tokens are judged by S2S-021.
    pub(crate) SignatureInvalid = "JWT-018" "signature-invalid" Critical,
    title: "The signature of a token is wrong",
    remedy: "Refuse it at the receiver; find out who sent it, and change the issuer's key if it was accepted.",
    source: "RFC 7515 §5.2; RFC 8725 §3.3",
    reference: "https://www.rfc-editor.org/rfc/rfc7515#section-5.2",
}

impl Rule for SignatureInvalid {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| !layer.is_actor()) {
            let Some(state) = summary.signatures.result(layer.token.id) else { continue };
            let reason = &state.reason;
            let mut remedy = "";
            let (severity, title) = match state.signature {
                // Whoever wrote the recording could have written the keys.
                Signature::Invalid if state.is_by_recording() => (Severity::High, Self::META.title),
                Signature::Invalid if summary.signatures.may_be_wrong_key(state) => {
                    remedy = GET_KEYS;
                    (Severity::Critical, "The keys that were given do not fit a token, or it was changed")
                }
                Signature::Invalid => (Severity::Critical, Self::META.title),
                Signature::Unverifiable
                    if state.keys_do_not_fit() && layer.is_used() && is_meant(summary.signatures, layer.token) =>
                {
                    remedy = GET_KEYS;
                    (Severity::Medium, "The keys that were given do not fit a token")
                }
                Signature::Verified if state.is_outside_validity() => {
                    (Severity::Low, "The certificate behind a token's signature is not valid at its time")
                }
                Signature::Verified => (Severity::Info, "The signature of a token was verified"),
                Signature::Unverifiable => (Severity::Info, "The signature of a token cannot be verified"),
                Signature::Absent => continue,
            };
            let issuer = mask::text(&layer.token.claim("iss").unwrap_or_default());
            let detail = format!("{} of {issuer}: {}", layer.token.kind, mask::text(reason));
            for draft in layer.drafts(Self::META, "iss", &issuer) {
                context.find(draft.severity(severity).title(title).detail(detail.clone()).remedy(remedy));
            }
        }
    }
}

/// Whether the keys that were given can be meant for the issuer of a token: their sources name it, or nobody.
fn is_meant(signatures: &Signatures, token: &Token) -> bool {
    let issuer = token.claim("iss").unwrap_or_default();
    !signatures.has_publishers() || signatures.publishes(&issuer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::signatures::KEY_UNKNOWN;

    #[test]
    fn speaks_where_keys_were_given() {
        for (result, severity) in [
            (None, None),
            (Some((Signature::Invalid, "it fits no key")), Some(Severity::Critical)),
            (Some((Signature::Verified, "fits")), Some(Severity::Info)),
            (Some((Signature::Unverifiable, "its header has a nonce")), Some(Severity::Info)),
            (Some((Signature::Unverifiable, KEY_UNKNOWN)), Some(Severity::Medium)),
            (Some((Signature::Unverifiable, "the keys that were given do not fit: 1 tried")), Some(Severity::Medium)),
            (Some((Signature::Absent, "alg is none")), None),
        ] {
            let report = super::super::report_on(crate::token::testing::RFC7515_A1, |analysis, id| {
                if let Some((signature, reason)) = result {
                    analysis.signature(id, signature, reason);
                }
            });
            let found = report.findings.iter().find(|finding| finding.meta.code == "JWT-018");
            assert_eq!(found.map(|finding| finding.severity), severity, "{result:?}");
        }
    }
}
