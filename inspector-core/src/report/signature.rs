//! What is known of the signatures of tokens.

use crate::{
    handshake::ledger::Index,
    profile::Issuer,
    secret::Fingerprint,
    token::{Token, TokenKind},
};

/// The state of a token's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signature {
    /// It fits a key the user gave.
    Verified,
    /// It fits none of the keys that would have to.
    Invalid,
    /// It cannot be told.
    Unverifiable,
    /// There is none.
    Absent,
}

/// The reason of [`Signature::Unverifiable`] where keys were given and none has the token's `x5t` or `kid`.
pub const KEY_UNKNOWN: &str = "no key that was given has its x5t or kid";

/// Issuers kept that publish keys.
const PUBLISHERS: usize = 1024;

/// Results of verification, by token.
#[derive(Debug)]
pub struct Signatures {
    known: Index<Fingerprint, (Signature, String)>,
    limit: usize,
    publishers: Vec<Issuer>,
}

impl Signatures {
    /// Room for `limit` tokens.
    pub fn new(limit: usize) -> Self {
        Self { known: Index::default(), limit, publishers: Vec::new() }
    }

    /// Keeps that an issuer (an `iss` value, or a pattern of one such as `id@*`) publishes the public keys it signs with.
    pub fn add_publisher(&mut self, issuer: &str) {
        let known = self.publishers.iter().any(|publisher| publisher.issuer == issuer);
        if !known && !issuer.is_empty() && self.publishers.len() < PUBLISHERS {
            self.publishers.push(Issuer { issuer: issuer.to_owned(), name: None, source: None });
        }
    }

    /// Whether the issuer publishes the public keys it signs with, by the keys that were given.
    pub fn publishes(&self, issuer: &str) -> bool {
        self.publishers.iter().any(|publisher| publisher.admits(issuer))
    }

    /// The result of verifying that token, if one was given.
    pub fn result(&self, token: Fingerprint) -> Option<(Signature, &str)> {
        self.known.get(&token).map(|(signature, reason)| (*signature, reason.as_str()))
    }

    /// Keeps a result.
    pub fn add(&mut self, token: Fingerprint, signature: Signature, reason: &str) {
        if self.known.len() < self.limit {
            self.known.insert(token, (signature, reason.to_owned()));
        }
    }

    /// The state of a token's signature and why.
    pub fn of(&self, token: &Token) -> (Signature, String) {
        if let Some(known) = self.known.get(&token.id) {
            return known.clone();
        }
        if token.kind == TokenKind::Opaque {
            return (Signature::Unverifiable, "the token is opaque".to_owned());
        }
        if token.kind == TokenKind::Jwe {
            return (Signature::Unverifiable, "the token is encrypted".to_owned());
        }
        if token.is_unsigned() {
            return (Signature::Absent, format!("alg is \"{}\"", token.algorithm()));
        }
        if token.header.contains_key("nonce") {
            return (
                Signature::Unverifiable,
                "its header has a nonce, which its issuer replaces before signing".to_owned(),
            );
        }
        (Signature::Unverifiable, "no key was given".to_owned())
    }
}
