use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule, s2s},
    token::{mask, verify},
};

declare_rule! {
    /// A signature has a length that no key of its algorithm gives, or is no base64url: it was made up, or damaged.
    ///
    /// # Evidence
    /// `alg` and the length of the decoded signature.
    ///
    /// # Traps
    /// RSA keys of unusual sizes from 1024 bits give whole numbers of eight bytes. What a recording cut is not judged, and
    /// tokens of server-to-server OAuth are judged by S2S-019. A token that was merely seen is low.
    pub(crate) SignatureLength = "JWT-019" "signature-length" High,
    title: "A token's signature has an impossible length",
    remedy: "Refuse it at the receiver, install its security updates, and find out who sent it.",
    source: "RFC 7518 §3.3, §3.4; RFC 8017 §8.2.2",
    reference: "https://www.rfc-editor.org/rfc/rfc7518#section-3",
}

impl Rule for SignatureLength {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_readable() && !layer.is_s2s()) {
            let (token, length) = (layer.token, layer.token.signature_length);
            let algorithm = token.algorithm().to_ascii_uppercase();
            let rsa = algorithm.starts_with("RS") || algorithm.starts_with("PS");
            let rare = rsa && (128..=2048).contains(&length) && length.is_multiple_of(8);
            if rare || !verify::has_impossible_signature(token) {
                continue;
            }
            let severity = if layer.is_used() { Self::META.severity } else { Severity::Low };
            let detail = format!("alg \"{}\", {}", mask::text(&token.algorithm()), s2s::signature_words(token));
            for draft in layer.drafts(Self::META, "alg", &token.algorithm()) {
                context.find(draft.severity(severity).detail(detail.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing;

    #[test]
    fn a_damaged_signature_is_there() {
        let whole = testing::jwt(
            &serde_json::json!({"alg": "RS256"}),
            &serde_json::json!({"iss": "https://as.test", "exp": 1_767_229_200}),
            256,
        );
        let stub = whole.rsplit_once('.').unwrap().0;
        for (signature, unsigned, damaged) in [
            (&whole[stub.len() + 1..], false, false),
            (&whole[stub.len() + 1..whole.len() - 1], false, true),
            ("AAAAA", false, true),
            ("A", false, true),
            ("A~!", false, true),
            ("", true, false),
        ] {
            let report = super::super::report_on(&format!("{stub}.{signature}"), |_, _| {});
            let has = |code: &str| report.findings.iter().any(|finding| finding.meta.code == code);
            assert_eq!((has("JWT-001"), has("JWT-019")), (unsigned, damaged), "{signature}");
        }
    }
}
