use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{TokenKind, mask},
};

declare_rule! {
    /// The token does not say for whom it is: `aud` is absent, `*`, or names only a realm. Whoever gets it can use it
    /// elsewhere. It is medium where the kind of token must have an audience (server-to-server, Entra, `at+jwt`), and low for
    /// other bearer tokens, many of whose issuers leave it out.
    ///
    /// # Evidence
    /// `aud`.
    ///
    /// # Traps
    /// `*` as realm in metadata documents is right, and no token. Proofs of possession have no audience.
    pub(crate) AudMissingOrWildcard = "JWT-008" "aud-missing-or-wildcard" Medium,
    title: "A token does not say for whom it is",
    remedy: "Let the issuer name the resource in aud, and check it strictly at the receiver.",
    source: "RFC 8725 §3.9; RFC 7519 §4.1.3",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.9",
}

impl Rule for AudMissingOrWildcard {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_readable()) {
            let token = layer.token;
            let typed = token.parameter("typ").is_some_and(|kind| kind.to_ascii_lowercase().ends_with("at+jwt"));
            let severity = match token.kind {
                TokenKind::S2sOuter | TokenKind::S2sActor | TokenKind::S2sAssertion => Severity::Medium,
                TokenKind::EntraAccess | TokenKind::EntraId => Severity::Medium,
                TokenKind::Jwt if typed || layer.nested => Severity::Medium,
                TokenKind::Jwt => Severity::Low,
                _ => continue,
            };
            if !(layer.facts.presented > 0 || layer.facts.asserted) {
                continue;
            }
            let audiences = token.audiences();
            let odd = audiences.iter().find(|aud| aud.trim() == "*" || aud.starts_with('@') || aud.trim().is_empty());
            let detail = match odd {
                Some(odd) => format!("{}: aud \"{}\"", token.kind, mask::text(odd)),
                None if audiences.is_empty() => format!("{}: aud is absent", token.kind),
                None => continue,
            };
            for draft in layer.drafts(Self::META, "aud", odd.map_or("absent", String::as_str)) {
                context.find(draft.severity(severity).detail(detail.clone()));
            }
        }
    }
}
