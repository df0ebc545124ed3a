use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule, s2s},
    time::Timestamp,
    token::{Defect, Token, TokenKind},
};

/// Longest lifetime of an access token, in seconds: a day, and ten minutes for clocks.
const ACCESS: i64 = 86_400 + 600;
/// The same of Entra's, whose tokens with continuous access evaluation live up to 28 hours.
const ENTRA: i64 = 28 * 3600 + 600;

declare_rule! {
    /// A token that was presented has no end (`exp`), one that is no time, or lives longer than a day. A whole number in
    /// `exp` counts seconds,
    /// whatever was meant: one of milliseconds ends tens of thousands of years from now.
    ///
    /// # Evidence
    /// `exp` and the lifetime.
    ///
    /// # Traps
    /// Entra's access tokens live up to 28 hours where access is evaluated continuously. Id tokens, context tokens, refresh
    /// tokens and artefacts of brokers live longer; provider tokens of APNs have no end and those of MusicKit one of months
    /// by their maker's specification; keys that are meant to be published permit nothing; the lifetime of tokens of server-to-server OAuth is judged by S2S-044.
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
                _ if token.expires == Some(Timestamp::MAX) => {
                    format!("{}: exp lies beyond the year 2262{}", token.kind, meant(token))
                }
                // RFC 7519 §4.1.4: a NumericDate. Receivers take other things for none.
                _ if token.expires.is_none() => format!("{}: exp is no time", token.kind),
                Some(seconds) if seconds > most => format!("{}: it lives {seconds} s", token.kind),
                _ => continue,
            };
            let names = layer.facts.presented_to.iter().map(|host| &**context.ledger.host_name(*host));
            if context.policy.profile.is_publishable(token) {
                continue;
            }
            if names.clone().next().is_some() && names.into_iter().all(|name| is_by_design(name, token)) {
                continue;
            }
            for draft in layer.drafts(Self::META, "exp", &token.claim("exp").unwrap_or_else(|| "absent".into())) {
                context.find(draft.detail(detail.clone()));
            }
        }
    }
}

/// Services whose makers specify provider tokens that the client signs itself: without `exp`, as the service judges `iat`,
/// or of months (Apple: "Establishing a token-based connection to APNs", "Accessing and modifying per-device data",
/// "Generating developer tokens" of MusicKit, at most 15777000 s).
fn is_by_design(host: &str, token: &Token) -> bool {
    const WITHOUT_END: [&str; 3] = ["push.apple.com", "devicecheck.apple.com", "api.development.devicecheck.apple.com"];
    const LONG: [&str; 2] = ["api.music.apple.com", "amp-api.music.apple.com"];
    const MUSIC: i64 = 15_777_000;
    let name = crate::hosts::bare(host);
    let is_of = |all: &[&str]| {
        all.iter().any(|domain| name.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.')))
    };
    let by_provider = token.algorithm() == "ES256" && token.parameter("kid").is_some() && token.issued_at.is_some();
    let endless = !token.claims.contains_key("exp") && is_of(&WITHOUT_END);
    let long = s2s::lifetime(token).is_some_and(|seconds| seconds <= MUSIC) && is_of(&LONG);
    by_provider && (endless || long)
}

/// What a far end was probably meant to be.
fn meant(token: &Token) -> &'static str {
    let milliseconds = Defect::TimeEncoding { claim: "exp", form: "milliseconds" };
    if token.defects.contains(&milliseconds) { ", as if milliseconds were meant" } else { "" }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing;

    /// The codes above and the detail of JWT-011 for a token with that `exp`.
    fn found(exp: &serde_json::Value) -> (Vec<&'static str>, Option<String>) {
        let claims = serde_json::json!({"iss": "https://as.test", "aud": "https://api.contoso.com", "exp": exp});
        let token = testing::jwt(&serde_json::json!({"alg": "RS256"}), &claims, 256);
        let report = super::super::report_on(&token, |_, _| {});
        let detail = report.findings.iter().find(|finding| finding.meta.code == "JWT-011").map(|it| it.detail.clone());
        (report.findings.iter().map(|finding| finding.meta.code).collect(), detail)
    }

    #[test]
    fn a_whole_number_counts_seconds() {
        // Judged at 2026-01-01T00:02:00Z.
        for (exp, far, words) in [
            (serde_json::json!(1_767_229_200_000_i64), true, "milliseconds"),
            (serde_json::json!(1_767_222_000_000_i64), true, "milliseconds"),
            (serde_json::json!("1767222000000"), true, "milliseconds"),
            (serde_json::json!(1_767_229_200_000_000_i64), true, "milliseconds"),
            (serde_json::json!(32_503_680_000_i64), true, "beyond"),
            (serde_json::json!(1_767_229_200), false, ""),
        ] {
            let (codes, detail) = found(&exp);
            assert_eq!(codes.contains(&"JWT-011"), far, "{exp}");
            assert!(!codes.contains(&"JWT-012"), "{exp}");
            assert!(detail.unwrap_or_default().contains(words), "{exp}");
        }
        assert!(found(&serde_json::json!(1_767_222_000)).0.contains(&"JWT-012"));
    }
}
