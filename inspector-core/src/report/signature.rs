//! What is known of the signatures of tokens.

use crate::{
    handshake::ledger::Index,
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

/// Results of verification, by token.
#[derive(Debug)]
pub struct Signatures {
    known: Index<Fingerprint, (Signature, String)>,
    limit: usize,
}

impl Signatures {
    /// Room for `limit` tokens.
    pub fn new(limit: usize) -> Self {
        Self { known: Index::default(), limit }
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
