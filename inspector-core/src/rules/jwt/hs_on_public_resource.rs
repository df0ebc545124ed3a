use serde_json::Value;

use crate::{
    handshake::observation::Observation,
    profile::Issuer,
    report::mask,
    rules::{Context, Declared, Rule, Summary, declare_rule, metadata::Metadata, occasion::Occasions},
    token::TokenKind,
};

/// Issuers kept.
const ISSUERS: usize = 64;
/// Longest document read, in bytes.
const LONGEST: usize = 256 << 10;
/// Longest issuer kept, in bytes.
const LONGEST_ISSUER: usize = 512;

declare_rule! {
    /// A token has an HMAC, and its issuer publishes public keys: a receiver that lets the token choose the algorithm takes
    /// the public key for the secret, and anyone can sign.
    ///
    /// # Evidence
    /// `alg` and `iss`.
    ///
    /// # Traps
    /// Only issuers whose keys were given, or whose metadata or discovery document is in the recording, are judged.
    /// Context tokens of SharePoint and artefacts of brokers have an HMAC rightly.
    pub(crate) HsOnPublicResource = "JWT-003" "hs-on-public-resource" High,
    title: "A token has an HMAC although its issuer signs with key pairs",
    remedy: "Refuse it at the receiver: pin the accepted algorithms per issuer, never take them from the token.",
    source: "RFC 8725 §2.1, §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-2.1",
    state: { issuers: Vec<Issuer> },
}

impl Rule for HsOnPublicResource {
    fn occasions(&self) -> Occasions {
        Occasions::METADATA
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        let published = Metadata::read(observation)
            .filter(|metadata| metadata.keys.iter().any(|key| key.certificate.is_some()))
            .and_then(|metadata| metadata.issuer)
            .or_else(|| discovered(observation));
        let Some(issuer) = published.filter(|issuer| issuer.len() <= LONGEST_ISSUER) else { return };
        if self.issuers.len() < ISSUERS && !self.issuers.iter().any(|known| known.issuer == issuer) {
            self.issuers.push(Issuer { issuer, name: None, source: None });
        }
    }

    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole() && layer.is_used()) {
            let token = layer.token;
            let algorithm = token.algorithm();
            let rightly = matches!(token.kind, TokenKind::AppContext | TokenKind::Broker);
            if rightly || !algorithm.to_ascii_uppercase().starts_with("HS") {
                continue;
            }
            let Some(issuer) = token.claim("iss") else { continue };
            let known = self.issuers.iter().any(|known| known.admits(&issuer));
            if known || summary.signatures.publishes(&issuer) {
                let detail = format!("alg \"{}\", iss {}", mask::text(&algorithm), mask::text(&issuer));
                for draft in layer.drafts(Self::META, "alg", &algorithm) {
                    context.find(draft.detail(detail.clone()));
                }
            }
        }
    }
}

/// The issuer of a discovery document (OpenID Connect Discovery, RFC 8414) that signs with key pairs only.
fn discovered(observation: &Observation<'_>) -> Option<String> {
    let documents = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    if observation.status != Some(200) || !documents.iter().any(|document| observation.path.contains(document)) {
        return None;
    }
    let body = observation.exchange.response.as_ref()?.body.kept.as_deref().filter(|body| body.len() <= LONGEST)?;
    let document: Value = serde_json::from_slice(body).ok()?;
    document.get("jwks_uri").and_then(Value::as_str)?;
    let algorithms = document.get("id_token_signing_alg_values_supported").and_then(Value::as_array)?;
    if algorithms.iter().filter_map(Value::as_str).any(|algorithm| algorithm.starts_with("HS")) {
        return None;
    }
    // Entra's common document has a placeholder for the tenant.
    let issuer = document.get("issuer").and_then(Value::as_str)?;
    Some(match (issuer.split_once('{'), issuer.split_once('}')) {
        (Some((before, _)), Some((_, after))) => format!("{before}*{after}"),
        _ => issuer.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn issuers_of_given_keys_are_known() {
        for (publisher, fires) in [("joe", true), ("jane", false), ("", false)] {
            let report = super::super::report_on(crate::token::testing::RFC7515_A1, |analysis, _| {
                analysis.publisher(publisher);
            });
            let found = report.findings.iter().any(|finding| finding.meta.code == "JWT-003");
            assert_eq!(found, fires, "{publisher}");
        }
    }
}
