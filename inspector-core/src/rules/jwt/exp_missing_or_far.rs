use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule, s2s},
    token::TokenKind,
};

/// Longest lifetime of an access token, in seconds: a day, and ten minutes for clocks.
const ACCESS: i64 = 86_400 + 600;
/// The same of Entra's, whose tokens with continuous access evaluation live up to 28 hours.
const ENTRA: i64 = 28 * 3600 + 600;

declare_rule! {
    /// A token that was presented has no end (`exp`), or lives longer than a day.
    ///
    /// # Evidence
    /// `exp` and the lifetime.
    ///
    /// # Traps
    /// Entra's access tokens live up to 28 hours where access is evaluated continuously. Id tokens, context tokens, refresh
    /// tokens and artefacts of brokers live longer; the lifetime of tokens of server-to-server OAuth is judged by S2S-044.
    pub(crate) ExpMissingOrFar = "JWT-011" "exp-missing-or-far" Medium,
    title: "An access token has no end or a far one",
    remedy: "Shorten the lifetime at the issuer; renew tokens instead.",
    source: "RFC 9700 §2.2.1; RFC 8725 §3.8",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.2",
}

impl Rule for ExpMissingOrFar {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_readable() && layer.facts.presented > 0) {
            let token = layer.token;
            let most = match token.kind {
                TokenKind::EntraAccess => ENTRA,
                TokenKind::Jwt => ACCESS,
                TokenKind::S2sOuter | TokenKind::S2sActor => i64::MAX,
                _ => continue,
            };
            let detail = match s2s::lifetime(token) {
                _ if !token.claims.contains_key("exp") => format!("{}: exp is absent", token.kind),
                Some(seconds) if seconds > most => format!("{}: it lives {seconds} s", token.kind),
                _ => continue,
            };
            for draft in layer.drafts(Self::META, "exp", &token.claim("exp").unwrap_or_else(|| "absent".into())) {
                context.find(draft.detail(detail.clone()));
            }
        }
    }
}
