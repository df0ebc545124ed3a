//! The signature algorithms of JWS (RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9864): key family and signature length.

use jsonwebtoken::Algorithm;

use super::public_key::KeyKind;
use crate::token::{Defect, Token};

/// What kind of key an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Hmac,
    Rsa,
    EcP256,
    EcP384,
    EcP521,
    EcK256,
    Edwards,
    /// Registered, but not among those this program verifies.
    Unsupported,
}

/// What verifies signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verifier {
    /// `jsonwebtoken`.
    Common(Algorithm),
    /// ES512, by the curve's own crate.
    P521,
    /// ES256K, by the curve's own crate.
    K256,
}

/// One algorithm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignatureAlgorithm {
    /// `alg`; case matters.
    pub(super) name: &'static str,
    pub(super) family: Family,
    pub(super) verifier: Option<Verifier>,
    /// Bytes of every signature by it, where the key does not matter.
    pub(super) length: Option<usize>,
    /// Bytes of its hash.
    pub(super) hash: usize,
}

const fn known(
    name: &'static str,
    family: Family,
    verifier: Algorithm,
    length: Option<usize>,
    hash: usize,
) -> SignatureAlgorithm {
    SignatureAlgorithm { name, family, verifier: Some(Verifier::Common(verifier)), length, hash }
}

const fn of_curve(
    name: &'static str,
    family: Family,
    verifier: Verifier,
    length: usize,
    hash: usize,
) -> SignatureAlgorithm {
    SignatureAlgorithm { name, family, verifier: Some(verifier), length: Some(length), hash }
}

const fn unsupported(name: &'static str, length: Option<usize>) -> SignatureAlgorithm {
    SignatureAlgorithm { name, family: Family::Unsupported, verifier: None, length, hash: 0 }
}

static ALGORITHMS: [SignatureAlgorithm; 18] = [
    known("HS256", Family::Hmac, Algorithm::HS256, Some(32), 32),
    known("HS384", Family::Hmac, Algorithm::HS384, Some(48), 48),
    known("HS512", Family::Hmac, Algorithm::HS512, Some(64), 64),
    known("RS256", Family::Rsa, Algorithm::RS256, None, 32),
    known("RS384", Family::Rsa, Algorithm::RS384, None, 48),
    known("RS512", Family::Rsa, Algorithm::RS512, None, 64),
    known("PS256", Family::Rsa, Algorithm::PS256, None, 32),
    known("PS384", Family::Rsa, Algorithm::PS384, None, 48),
    known("PS512", Family::Rsa, Algorithm::PS512, None, 64),
    known("ES256", Family::EcP256, Algorithm::ES256, Some(64), 32),
    known("ES384", Family::EcP384, Algorithm::ES384, Some(96), 48),
    known("EdDSA", Family::Edwards, Algorithm::EdDSA, None, 64),
    known("Ed25519", Family::Edwards, Algorithm::EdDSA, Some(64), 64),
    of_curve("ES512", Family::EcP521, Verifier::P521, 132, 64),
    of_curve("ES256K", Family::EcK256, Verifier::K256, 64, 32),
    unsupported("Ed448", Some(114)),
    unsupported("RS1", None),
    unsupported("HS1", Some(20)),
];

impl SignatureAlgorithm {
    /// The algorithm of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        ALGORITHMS.iter().find(|algorithm| algorithm.name == name)
    }

    /// Whether keys of this kind are for it.
    pub(super) const fn is_for(&self, kind: KeyKind) -> bool {
        match self.family {
            Family::Hmac => matches!(kind, KeyKind::Secret),
            Family::Rsa => matches!(kind, KeyKind::Rsa { .. }),
            Family::EcP256 => matches!(kind, KeyKind::P256),
            Family::EcP384 => matches!(kind, KeyKind::P384),
            Family::EcP521 => matches!(kind, KeyKind::P521),
            Family::EcK256 => matches!(kind, KeyKind::Secp256k1),
            Family::Edwards => matches!(kind, KeyKind::Ed25519),
            Family::Unsupported => false,
        }
    }
}

/// Whether a token names an algorithm of key pairs, as actor tokens must.
pub fn is_asymmetric(token: &Token) -> bool {
    let algorithm = token.algorithm().to_ascii_uppercase();
    ["RS", "PS", "ES", "ED"].iter().any(|family| algorithm.starts_with(family))
}

/// Whether no key of the algorithm gives such a signature: by its length, or because it is no base64url at all. Empty
/// signatures are the matter of other rules.
pub fn has_impossible_signature(token: &Token) -> bool {
    let length = token.signature_length;
    if token.defects.contains(&Defect::SignatureNotBase64) {
        return !token.algorithm().eq_ignore_ascii_case("none");
    }
    if length == 0 {
        return false;
    }
    let plausible: &[usize] = match token.algorithm().to_ascii_uppercase().as_str() {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => &[128, 256, 384, 512],
        "ES256" => &[64],
        "EDDSA" => &[64, 114],
        "ES384" => &[96],
        "ES512" => &[132],
        _ => return false,
    };
    !plausible.contains(&length)
}
