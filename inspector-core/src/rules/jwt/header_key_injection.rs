use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, TokenKind, mask},
};

declare_rule! {
    /// The header brings its own key (`jwk`) or says where to fetch it (`jku`, `x5u`). A receiver that follows it lets the
    /// sender choose the key. A URL of the issuer's own host, and a certificate chain (`x5c`), are information; without TLS
    /// it is medium, and one that leads on to another host (an open redirector) is high.
    ///
    /// # Evidence
    /// The header parameter.
    ///
    /// # Traps
    /// Proofs of possession (DPoP, PoP, credential proofs) bring their key rightly. `x5c` is normal for assertions and
    /// devices; whether it chains to a trusted root is not told here. A token that was merely seen is low.
    pub(crate) HeaderKeyInjection = "JWT-004" "header-key-injection" High,
    title: "A token brings the key it is to be verified with",
    remedy: "Resolve keys only from pinned metadata of the issuer; never from jwk, jku, x5u or x5c of the token.",
    source: "RFC 8725 §3.10; RFC 7515 §4.1.2",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.10",
}

impl Rule for HeaderKeyInjection {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            if matches!(layer.token.kind, TokenKind::Dpop | TokenKind::Pop | TokenKind::Broker) {
                continue;
            }
            let used = layer.nested || layer.facts.presented > 0 || layer.facts.asserted;
            for (name, severity) in keys(layer.token) {
                if name == "x5c" && layer.facts.presented == 0 {
                    continue;
                }
                let severity = if used { severity } else { severity.min(Severity::Low) };
                let value = layer.token.parameter(name).unwrap_or_else(|| "a key".into());
                let detail = format!("{} with {name}", layer.token.kind);
                for draft in layer.drafts(Self::META, name, &mask::text(&value)) {
                    context.find(draft.severity(severity).detail(detail.clone()));
                }
            }
        }
    }
}

/// Parameters that bring a key, each with its severity.
fn keys(token: &Token) -> Vec<(&'static str, Severity)> {
    let mut found = Vec::new();
    let proof = token.parameter("typ").is_some_and(|kind| kind.to_ascii_lowercase().contains("proof"));
    if token.header.contains_key("jwk") && !proof {
        found.push(("jwk", Severity::High));
    }
    let issuer = token.claim("iss").and_then(|issuer| super::url_host(&issuer));
    for name in ["jku", "x5u"] {
        let Some(url) = token.parameter(name) else { continue };
        let own = issuer.is_some() && super::url_host(&url) == issuer;
        let severity = match () {
            () if !own || leads_elsewhere(&url) => Severity::High,
            // Whoever is on the way can answer with another key.
            () if !url.trim_start().get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://")) => {
                Severity::Medium
            }
            () => Severity::Info,
        };
        found.push((name, severity));
    }
    if token.header.contains_key("x5c") {
        found.push(("x5c", Severity::Info));
    }
    found
}

/// Whether a URL names another URL inside itself, as an open redirector's does, or has a user before its host.
fn leads_elsewhere(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return true };
    let (authority, path) = rest.find(['/', '?', '#']).map_or((rest, ""), |at| rest.split_at(at));
    let path = path.to_ascii_lowercase();
    authority.contains(['@', '\\'])
        || path.contains("://")
        || path.contains("%3a%2f%2f")
        || path.contains("%253a%252f%252f")
        || path.split(['=', '&']).skip(1).any(|value| value.starts_with("//") || value.starts_with("%2f%2f"))
}
