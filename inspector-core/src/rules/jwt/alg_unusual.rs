use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{TokenKind, mask},
};

/// Algorithms of RFC 7518, 8037, 8812 and 9864.
const USUAL: [&str; 17] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
    "Ed448", "HS256", "HS384", "HS512", "none",
];

declare_rule! {
    /// `alg` is none of the usual algorithms: absent, unknown, weak (RSA with SHA-1), or in the wrong letter case. `none` in
    /// another case is high: it is a known way around a check for it. A token that was merely seen, not used, is information.
    ///
    /// # Evidence
    /// `alg`.
    ///
    /// # Traps
    /// Registered algorithms are fine, however rare; so are those of encrypted tokens, which are others.
    pub(crate) AlgUnusual = "JWT-002" "alg-unusual" Medium,
    title: "A token's algorithm is unusual",
    remedy: "Pin the accepted algorithms at the receiver; sign with RS256, PS256 or ES256.",
    source: "RFC 7518 §3.1; RFC 8725 §3.2",
    reference: "https://www.iana.org/assignments/jose/jose.xhtml",
}

impl Rule for AlgUnusual {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let algorithm = layer.token.algorithm();
            if matches!(layer.token.kind, TokenKind::Jwe | TokenKind::Opaque) || USUAL.contains(&algorithm.as_ref()) {
                continue;
            }
            let usual = USUAL.iter().find(|usual| usual.eq_ignore_ascii_case(&algorithm));
            let (severity, what) = match usual {
                Some(&"none") => (Severity::High, "none in another letter case"),
                Some(_) => (Severity::Medium, "in another letter case"),
                None if algorithm.is_empty() => (Severity::Medium, "absent"),
                None => (Severity::Medium, "not known, or weak"),
            };
            let severity = if layer.is_used() { severity } else { Severity::Info };
            let algorithm = mask::text(&algorithm);
            for draft in layer.drafts(Self::META, "alg", &algorithm) {
                context.find(draft.severity(severity).detail(format!("alg \"{algorithm}\": {what}")));
            }
        }
    }
}
