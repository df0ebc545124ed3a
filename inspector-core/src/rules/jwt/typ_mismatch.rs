use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, TokenKind, mask},
};

declare_rule! {
    /// `typ` is no type of JWT, or the token lacks what its type requires: `at+jwt` (RFC 9068) iss, exp, aud, sub,
    /// client_id, iat and jti; `dpop+jwt` (RFC 9449) a key, jti, htm, htu and iat.
    ///
    /// # Evidence
    /// `typ`, and the claims that are missing.
    ///
    /// # Traps
    /// `typ` is optional, and written with or without `application/` and in any letter case.
    pub(crate) TypMismatch = "JWT-007" "typ-mismatch" Info,
    title: "A token is not of the type it says",
    remedy: "Write the right typ where tokens are minted, and check it at the receiver.",
    source: "RFC 8725 §3.11; RFC 9068 §2; RFC 9449 §4.2",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.11",
}

impl Rule for TypMismatch {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let token = layer.token;
            if matches!(token.kind, TokenKind::Opaque | TokenKind::Jwe) {
                continue;
            }
            let Some(kind) = token.parameter("typ") else { continue };
            let lower = kind.trim().to_ascii_lowercase();
            let name = lower.strip_prefix("application/").unwrap_or(&lower);
            let what = if name == "jwt" || name == "pop" || name.ends_with("+jwt") {
                let missing = missing(token, name);
                if missing.is_empty() {
                    continue;
                }
                format!("without {}", missing.join(", "))
            } else {
                "no type of JWT".to_owned()
            };
            for draft in layer.drafts(Self::META, "typ", &kind) {
                context.find(draft.detail(format!("typ \"{}\": {what}", mask::text(&kind))));
            }
        }
    }
}

/// What a type requires and the token lacks.
fn missing(token: &Token, kind: &str) -> Vec<&'static str> {
    let (claims, key): (&[&str], bool) = match kind {
        "at+jwt" => (&["iss", "exp", "aud", "sub", "client_id", "iat", "jti"], false),
        "dpop+jwt" => (&["jti", "htm", "htu", "iat"], true),
        _ => return Vec::new(),
    };
    let mut missing: Vec<&'static str> =
        claims.iter().copied().filter(|name| !token.claims.contains_key(name)).collect();
    if key && !token.header.contains_key("jwk") {
        missing.push("jwk");
    }
    missing
}
