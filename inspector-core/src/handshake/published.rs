//! Answers that publish keys: what a recording itself shows to verify its tokens with.
//!
//! Only the answer of a resource that looks like one of keys or metadata is read: by its path, by its media type, or
//! because it is a JWK Set. Whoever could change a token in the recording could change such an answer too, so its keys
//! tell that a token is unchanged and never who made it ([`Trust::IntegrityOnly`]). Against a token they tell more: where
//! the issuer published them itself, at the place its discovery document names or at its own host, a token that names one
//! of them and does not fit it is none of the issuer's.
//!
//! [`Trust::IntegrityOnly`]: crate::token::verify::Trust::IntegrityOnly

use std::{collections::HashSet, sync::LazyLock};

use memchr::memmem;

use super::{
    identity::LONGEST_NAME,
    observation::{Endpoint, Observation},
};
use crate::{
    exchange::message::{Body, Head},
    handshake::oauth_message,
    hosts,
    secret::Fingerprint,
    token::verify::VerificationKeys,
};

/// Longest document that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// Bytes at the beginning of a content that tell what it is.
const BEGINNING: usize = 512;

/// Documents told apart. Later ones are not read: the keys of an issuer are few.
const MOST: usize = 256;

/// Pieces of paths at which keys are published, in lower case.
const PIECES: [&str; 3] = ["/.well-known/", "/metadata/json/", "/federationmetadata"];

/// Last segments of such paths.
const ENDS: [&str; 7] = ["jwks", "jwks.json", "jwks_uri", "keys", "certs", "jwk", "federationmetadata.xml"];

/// The keys a recording shows.
#[derive(Debug)]
pub(crate) struct PublishedKeys {
    keys: VerificationKeys,
    /// Documents that were read: clients fetch them again and again.
    read: HashSet<Fingerprint>,
}

impl PublishedKeys {
    pub(crate) fn new(keys: VerificationKeys) -> Self {
        Self { keys, read: HashSet::new() }
    }

    pub(crate) const fn keys(&self) -> &VerificationKeys {
        &self.keys
    }

    /// Reads the keys of an answer, if it publishes any.
    pub(crate) fn observe(&mut self, observation: &Observation<'_>) {
        let Some(document) = document(observation) else { return };
        let place = place(&observation.host_name, &observation.path);
        let seen = Fingerprint::of([place.as_bytes(), b"\n", document].concat().as_slice());
        if self.read.len() < MOST && self.read.insert(seen) {
            // A document without a key that can be used is the matter of a rule.
            let _ = self.keys.add_published(document, &place);
            self.discover(&observation.host_name, document);
        }
    }

    /// Keeps where the issuer whose own discovery document this is has its keys.
    fn discover(&mut self, host: &str, document: &[u8]) {
        if memmem::find(document, b"jwks_uri").is_none() {
            return;
        }
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(document) else { return };
        let text = |name: &str| document.get(name).and_then(serde_json::Value::as_str);
        let (Some(issuer), Some(uri)) = (text("issuer"), text("jwks_uri")) else { return };
        let (Some((_, of, _)), Some((_, at, path))) = (oauth_message::parts(issuer), oauth_message::parts(uri)) else {
            return;
        };
        if hosts::bare(&of) == hosts::bare(host) && issuer.len() <= LONGEST_NAME && uri.len() <= LONGEST_NAME {
            self.keys.add_discovery(issuer, &place(&at, &path.to_ascii_lowercase()));
        }
    }
}

/// Host and path of a document, without port.
fn place(host: &str, path: &str) -> String {
    let path: String = path.chars().take(LONGEST_NAME).collect();
    format!("{}{}", hosts::bare(host), path.trim_end_matches('/'))
}

/// The document of an answer that publishes keys.
pub(crate) fn document<'o>(observation: &Observation<'o>) -> Option<&'o [u8]> {
    let get = observation.request().is_none_or(|head| head.method().eq_ignore_ascii_case(b"GET"));
    if observation.status != Some(200) || !get {
        return None;
    }
    let Body { kept: Some(body), cut: None, .. } = &observation.exchange.response.as_ref()?.body else { return None };
    let publishes = observation.endpoint == Endpoint::Metadata
        || is_path_of_keys(&observation.path)
        || observation.response().is_some_and(is_type_of_keys)
        || begins_as_keys(body);
    (publishes && body.len() <= LONGEST).then_some(body)
}

fn is_path_of_keys(path: &str) -> bool {
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    ENDS.contains(&last) || PIECES.iter().any(|piece| path.contains(piece))
}

fn is_type_of_keys(head: &Head) -> bool {
    head.media_type().is_some_and(|media| {
        ["application/jwk-set+json", "application/jwk+json", "application/samlmetadata+xml"].contains(&&*media)
    })
}

/// The name of the element that SAML metadata begins with.
static DESCRIPTOR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("EntityDescriptor"));

/// Whether a content begins as a JWK Set (`{"keys":[`) or as SAML metadata does. Cheap, for every content is asked.
fn begins_as_keys(body: &[u8]) -> bool {
    let start = body.get(..BEGINNING).unwrap_or(body).trim_ascii_start();
    if start.first() == Some(&b'<') {
        return DESCRIPTOR.find(start).is_some();
    }
    let mut rest = Some(start);
    for wanted in [b"{".as_slice(), b"\"keys\"", b":", b"["] {
        rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(wanted));
    }
    rest.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    /// The number of keys taken from the answer to a request.
    fn taken(method: &str, path: &str, status: u16, content_type: &str, body: &str) -> usize {
        let text = format!(
            "{method} {path} HTTP/1.1\nHost: login.example\n\nHTTP/1.1 {status} X\nContent-Type: {content_type}\n\n{body}\n"
        );
        let policy = testing::policy();
        let mut ledger = crate::handshake::ledger::Ledger::new(&crate::limits::Limits::default());
        let mut published = PublishedKeys::new(VerificationKeys::default());
        for exchange in testing::exchanges(&text) {
            let extraction = testing::extract(&exchange);
            published.observe(&Observation::new(&exchange, &extraction, &policy, &mut ledger));
        }
        published.keys().keys().len()
    }

    #[test]
    fn keys_are_taken_from_resources_of_keys_only() {
        let json = "application/json";
        // Not as a JWK Set begins, so that the path or the type has to tell.
        let other = KEYS.replacen('{', "{\"a\":1,", 1);
        for (path, content_type, body, keys) in [
            ("/discovery/v2.0/keys", json, &other, 1),
            ("/discovery/keys?appid=1", json, &other, 1),
            ("/realms/a/protocol/openid-connect/certs", json, &other, 1),
            ("/.well-known/jwks.json", json, &other, 1),
            ("/oauth2/JWKS/", json, &other, 1),
            ("/things", "application/jwk-set+json; charset=utf-8", &other, 1),
            ("/things", json, &KEYS.to_owned(), 1),
            ("/things", json, &KEYS.replacen("\"keys\"", " \"keys\" ", 1), 1),
            ("/things", json, &other, 0),
            ("/monkeys", json, &other, 0),
            ("/things", json, &"{\"keys\":1}".to_owned(), 0),
            ("/discovery/keys", json, &"{}".to_owned(), 0),
        ] {
            assert_eq!(taken("GET", path, 200, content_type, body), keys, "{path} {body}");
        }
        assert_eq!(taken("GET", "/jwks", 404, json, KEYS), 0);
        assert_eq!(taken("POST", "/jwks", 200, json, KEYS), 0);
    }

    #[test]
    fn federation_metadata_is_told_by_its_beginning() {
        assert!(begins_as_keys(b"<?xml version=\"1.0\"?>\n<md:EntityDescriptor entityID='a'>"));
        assert!(!begins_as_keys(b"<html><body>"));
        assert!(!begins_as_keys(b""));
    }

    #[test]
    fn secrets_in_a_published_set_are_never_keys() {
        let secret = r#"{"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}]}"#;
        assert_eq!(taken("GET", "/jwks", 200, "application/json", secret), 0);
    }
}
