use crate::{
    finding::Severity,
    http::base64,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

/// Longest `kid` that is usual, in bytes.
const LONGEST: usize = 256;

declare_rule! {
    /// `kid` looks like an attack on how the receiver finds the key: a path, SQL, a shell or template expression, or it is
    /// longer than 256 bytes. A URL is low.
    ///
    /// # Evidence
    /// `kid`.
    ///
    /// # Traps
    /// Ids, thumbprints, base64 in either alphabet (with `/`), and DIDs are usual. A token that was merely seen is low.
    pub(crate) KidSuspicious = "JWT-005" "kid-suspicious" Medium,
    title: "A token's kid looks like an injection",
    remedy: "Look keys up by comparing kid with the ids of pinned metadata; never use it in a path, query or command.",
    source: "RFC 8725 §3.10",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.10",
}

impl Rule for KidSuspicious {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some(kid) = layer.token.parameter("kid") else { continue };
            let Some((severity, what)) = judge(&kid) else { continue };
            let severity = if layer.is_used() { severity } else { Severity::Low };
            for draft in layer.drafts(Self::META, "kid", &kid) {
                context.find(draft.severity(severity).detail(format!("kid {}: {what}", mask::text(&kid))));
            }
        }
    }
}

fn judge(kid: &str) -> Option<(Severity, &'static str)> {
    if kid.len() > LONGEST {
        return Some((Severity::Medium, "it is very long"));
    }
    if kid.contains(['\'', '"', ';', '$', '(', ')', '{', '}', '<', '>', '|', '`', '\\'])
        || kid.chars().any(char::is_control)
    {
        return Some((Severity::Medium, "it has characters of SQL or of a shell"));
    }
    if kid.contains("..") {
        return Some((Severity::Medium, "it is a path"));
    }
    if kid.starts_with("https://") {
        return Some((Severity::Low, "it is a URL"));
    }
    let is_base64 = kid.len() >= 20 && base64::decode(kid).is_some();
    let is_path = kid.starts_with('/')
        || kid.contains("://")
        || (kid.contains('/') && kid.contains('.') && !kid.starts_with("did:"));
    (is_path && !is_base64).then_some((Severity::Medium, "it is a path"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_and_unusual_ids() {
        for (kid, expected) in [
            ("kffOifMumUumZzdvj-9dJbxzK1Y", None),
            ("7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", None),
            ("nmo1Qp4RMUG1Jw/mKnf9S2dU+Eix/5EYX1A2Z3b4c5d=", None),
            ("/mo1Qp4RMUG1JwemKnf9S2dU+Eix/5EYX1A2Z3b4c5d=", None),
            ("did:web:example.com#key-1", None),
            ("key.1", None),
            ("public:hydra.openid", None),
            ("https://vault.azure.net/keys/a/1", Some(Severity::Low)),
            ("../../../../dev/null", Some(Severity::Medium)),
            ("/dev/null", Some(Severity::Medium)),
            ("file:///etc/passwd", Some(Severity::Medium)),
            ("keys/secret.pem", Some(Severity::Medium)),
            ("x' UNION SELECT 'k", Some(Severity::Medium)),
            ("$(id)", Some(Severity::Medium)),
        ] {
            assert_eq!(judge(kid).map(|(severity, _)| severity), expected, "{kid}");
        }
        assert!(judge(&"a".repeat(LONGEST)).is_none() && judge(&"a".repeat(LONGEST + 1)).is_some());
    }
}
