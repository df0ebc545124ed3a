use std::collections::BTreeSet;

use serde_json::Value;

use crate::{handshake::{oauth_message, observation::Observation}, hosts, profile::Issuer, rules::{Context, Declared, Rule, Summary, declare_rule, metadata::Metadata, occasion::Occasions}, token::{Token, TokenKind, mask, verify}};

/// Issuers kept.
const ISSUERS: usize = 64;
/// Longest document read, in bytes.
const LONGEST: usize = 256 << 10;
/// Longest issuer kept, in bytes.
const LONGEST_ISSUER: usize = 512;

declare_rule! {
    /// A token has an HMAC, and its issuer publishes public keys, or signed another token in the recording by a key pair of
    /// the same id: a receiver that lets the token choose the algorithm takes the public key for the secret, and anyone can
    /// sign.
    ///
    /// # Evidence
    /// `alg` and `iss`.
    ///
    /// # Traps
    /// Only issuers whose keys were given, or whose metadata, discovery document or key set is in the recording, are
    /// judged, and those that signed a token with that key id otherwise. An issuer that has both kinds of keys gives the
    /// secret an id of its own, which is in no key set. Context tokens of SharePoint and artefacts of brokers have an HMAC
    /// rightly.
    pub(crate) HsOnPublicResource = "JWT-003" "hs-on-public-resource" High,
    title: "A token has an HMAC although its issuer signs with key pairs",
    remedy: "Refuse it at the receiver: pin the accepted algorithms per issuer, never take them from the token.",
    source: "RFC 8725 §2.1, §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-2.1",
    state: { issuers: Vec<Issuer>, places: Vec<(String, String)>, sets: Vec<(String, Vec<Option<String>>)> },
}

impl Rule for HsOnPublicResource {
    fn occasions(&self) -> Occasions {
        Occasions::METADATA.or(Occasions::KEYS)
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        self.keep_set(observation);
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
        // Key ids of issuers that signed by key pairs.
        let used = || super::layers(context.ledger).filter(|layer| layer.is_whole() && layer.is_used());
        let is_by_pair = |token: &Token| token.signature_length > 0 && verify::is_asymmetric(token);
        let has_hmac = |token: &Token| token.algorithm().to_ascii_uppercase().starts_with("HS");
        let mut pairs: BTreeSet<(String, String)> = BTreeSet::new();
        if used().any(|layer| has_hmac(layer.token)) {
            let names = |token: &Token| Some((token.claim("iss")?.into_owned(), token.parameter("kid")?.into_owned()));
            pairs.extend(used().filter(|layer| is_by_pair(layer.token)).filter_map(|layer| names(layer.token)));
        }
        for layer in used() {
            let token = layer.token;
            let rightly = matches!(token.kind, TokenKind::AppContext | TokenKind::Broker);
            if rightly || !has_hmac(token) {
                continue;
            }
            let algorithm = token.algorithm();
            let Some(issuer) = token.claim("iss") else { continue };
            let id = token.parameter("kid");
            let known = self.issuers.iter().any(|known| known.admits(&issuer))
                || summary.signatures.publishes(&issuer)
                || self.is_in_set(&issuer, id.as_deref())
                || id.is_some_and(|id| pairs.contains(&(issuer.as_ref().to_owned(), id.into_owned())));
            if known {
                let detail = format!("alg \"{}\", iss {}", mask::text(&algorithm), mask::text(&issuer));
                for draft in layer.drafts(Self::META, "alg", &algorithm) {
                    context.find(draft.detail(detail.clone()));
                }
            }
        }
    }
}

impl HsOnPublicResource {
    /// Keeps which keys a set publishes, and where the sets of issuers are.
    fn keep_set(&mut self, observation: &Observation<'_>) {
        let place = |host: &str, path: &str| format!("{}{}", hosts::bare(host), path.trim_end_matches('/'));
        let keys = super::published_key_unsafe::keys(observation);
        let pairs =
            keys.iter().filter(|key| matches!(key.get("kty").and_then(Value::as_str), Some("RSA" | "EC" | "OKP")));
        let id = |key: &serde_json::Map<String, Value>| {
            let id = key.get("kid").and_then(Value::as_str)?;
            (id.len() <= LONGEST_ISSUER).then(|| id.to_owned())
        };
        let ids: Vec<Option<String>> = pairs.map(id).collect();
        if !ids.is_empty() && self.sets.len() < ISSUERS {
            let at = place(&observation.host_name, &observation.path);
            self.sets.push((at, ids));
        }
        if self.places.len() < ISSUERS
            && let Some(document) = document(observation)
        {
            let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|it| it.len() <= LONGEST_ISSUER);
            if let (Some(issuer), Some((_, host, path))) = (text("issuer"), text("jwks_uri").and_then(oauth_message::parts)) {
                self.places.push((issuer.to_owned(), place(&host, &path.to_ascii_lowercase())));
            }
        }
    }

    /// Whether the issuer's key set has a public key of that id, or has public keys and the token names none.
    fn is_in_set(&self, issuer: &str, id: Option<&str>) -> bool {
        let own = oauth_message::parts(issuer).map(|(_, host, _)| host).filter(|host| !host.is_empty());
        let is_of_issuer = |place: &str| {
            self.places.iter().any(|(of, at)| of == issuer && at == place)
                || own.as_deref().is_some_and(|own| place.split('/').next() == Some(hosts::bare(own)))
        };
        self.sets.iter().filter(|(place, _)| is_of_issuer(place)).any(|(_, ids)| match id {
            Some(id) => ids.iter().flatten().any(|known| known == id),
            None => true,
        })
    }
}

/// A discovery document.
fn document(observation: &Observation<'_>) -> Option<Value> {
    let documents = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
    if observation.status != Some(200) || !documents.iter().any(|document| observation.path.contains(document)) {
        return None;
    }
    let body = observation.exchange.response.as_ref()?.body.kept.as_deref().filter(|body| body.len() <= LONGEST)?;
    serde_json::from_slice(body).ok()
}

/// The issuer of a discovery document (OpenID Connect Discovery, RFC 8414) that signs with key pairs only.
fn discovered(observation: &Observation<'_>) -> Option<String> {
    let document = document(observation)?;
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
