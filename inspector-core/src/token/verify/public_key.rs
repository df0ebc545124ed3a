//! Public keys (and secrets) made ready for `jsonwebtoken`, with what that crate leaves to its caller.
//!
//! Its verifiers index into keys that are too short, and call a signature bad when it is the key they cannot use (RSA
//! above 4096 bits). So every key is measured here first: a damaged one is refused when it is added, and one of a kind
//! that cannot be verified with stays known by its kind, so that a token it signed is *unverifiable*, not *invalid*.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey};
use k256::ecdsa::signature::Verifier as _;

use super::{
    algorithm::Verifier,
    confusion::Encoded,
    der::{self, INTEGER, OBJECT_IDENTIFIER, Reader, SEQUENCE},
};
use crate::{http::base64, secret::Fingerprint};

const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P_256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P_384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P_521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];

/// Shortest RSA modulus that is taken for one, in bits.
const RSA_SHORTEST: usize = 512;
/// Longest RSA modulus the `rsa` crate verifies with, in bits.
const RSA_LONGEST: usize = 4096;
/// Largest RSA exponent the `rsa` crate verifies with.
const RSA_LARGEST_EXPONENT: u64 = (1 << 33) - 1;

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA, with the length of its modulus in bits.
    Rsa {
        /// Bits.
        bits: usize,
    },
    /// The curve P-256.
    P256,
    /// The curve P-384.
    P384,
    /// The curve P-521.
    P521,
    /// The curve secp256k1 (RFC 8812).
    Secp256k1,
    /// Ed25519 (RFC 8037).
    Ed25519,
    /// A secret for HMAC.
    Secret,
    /// A kind this program cannot verify with; its name.
    Unsupported(&'static str),
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::P256 => f.write_str("EC P-256"),
            Self::P384 => f.write_str("EC P-384"),
            Self::P521 => f.write_str("EC P-521"),
            Self::Secp256k1 => f.write_str("EC secp256k1"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Secret => f.write_str("secret"),
            Self::Unsupported(name) => f.write_str(name),
        }
    }
}

/// Why a key cannot be used, in words for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadKey(pub(super) &'static str);

/// A key as what verifies with it takes it.
#[derive(Clone)]
enum Decoding {
    Common(DecodingKey),
    P521(p521::ecdsa::VerifyingKey),
    K256(k256::ecdsa::VerifyingKey),
}

impl fmt::Debug for Decoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Common(_) => "Common",
            Self::P521(_) => "P521",
            Self::K256(_) => "K256",
        })
    }
}

impl Decoding {
    /// Whether `signature` (base64url) is by this key.
    fn verifies(&self, verifier: Verifier, signature: &str, input: &[u8]) -> bool {
        let bytes = || base64::decode(signature).map(|decoded| decoded.bytes).unwrap_or_default();
        match (self, verifier) {
            (Self::Common(key), Verifier::Common(algorithm)) => {
                jsonwebtoken::crypto::verify(signature, input, key, algorithm).is_ok_and(|it| it)
            }
            (Self::P521(key), Verifier::P521) => {
                p521::ecdsa::Signature::from_slice(&bytes()).is_ok_and(|it| key.verify(input, &it).is_ok())
            }
            (Self::K256(key), Verifier::K256) => k256::ecdsa::Signature::from_slice(&bytes()).is_ok_and(|it| {
                // The crate takes the lower of the two values of `s` only, RFC 8812 either.
                key.verify(input, &it.normalize_s().unwrap_or(it)).is_ok()
            }),
            _ => false,
        }
    }
}

/// A key ready to verify with.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    pub(super) kind: KeyKind,
    /// What to try: one key, or the two readings of a secret. Empty for an unsupported kind.
    decoding: Vec<Decoding>,
    /// Tells equal keys.
    pub(super) identity: Fingerprint,
    /// For a secret, its length in bytes.
    pub(super) secret_length: usize,
    /// Its DER, for one that is public.
    pub(super) encoded: Option<Encoded>,
}

impl PublicKey {
    fn unsupported(name: &'static str, identity: &[u8]) -> Self {
        Self {
            kind: KeyKind::Unsupported(name),
            decoding: Vec::new(),
            identity: Fingerprint::of(identity),
            secret_length: 0,
            encoded: None,
        }
    }

    fn with(self, encoded: Encoded) -> Self {
        Self { encoded: Some(encoded), ..self }
    }

    fn new(kind: KeyKind, key: DecodingKey, identity: &[u8]) -> Self {
        Self::of(kind, Decoding::Common(key), identity)
    }

    fn of(kind: KeyKind, key: Decoding, identity: &[u8]) -> Self {
        Self { kind, decoding: vec![key], identity: Fingerprint::of(identity), secret_length: 0, encoded: None }
    }

    /// Whether `signature` (base64url) over `input` is by this key.
    pub(super) fn verifies(&self, verifier: Verifier, signature: &str, input: &[u8]) -> bool {
        self.decoding.iter().any(|key| key.verifies(verifier, signature, input))
    }

    /// RSA by modulus and exponent, big-endian.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, BadKey> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
        if bits < RSA_SHORTEST || !odd(modulus) {
            return Err(BadKey("its RSA modulus is too short or even"));
        }
        if bits > RSA_LONGEST {
            let encoded = Encoded::rsa(RSA_ENCRYPTION, modulus, exponent);
            return Ok(Self::unsupported("RSA above 4096 bits", modulus).with(encoded));
        }
        let value = exponent
            .iter()
            .try_fold(0_u64, |value, &byte| value.checked_mul(256)?.checked_add(u64::from(byte)))
            .unwrap_or(u64::MAX);
        if value < 3 || !odd(exponent) {
            return Err(BadKey("its RSA exponent is below 3 or even"));
        }
        if value > RSA_LARGEST_EXPONENT {
            return Ok(Self::unsupported("RSA with an exponent above 33 bits", modulus));
        }
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        let encoded = Encoded::rsa(RSA_ENCRYPTION, modulus, exponent);
        Ok(Self::new(KeyKind::Rsa { bits }, key, &[modulus, exponent].concat()).with(encoded))
    }

    /// A point of a curve (SEC 1 §2.3.3) by the curve's JWK name (RFC 7518 §6.2.1.1).
    pub(super) fn ec(curve: &str, point: &[u8]) -> Result<Self, BadKey> {
        let (kind, algorithm, size) = match curve {
            "P-256" => (KeyKind::P256, Algorithm::ES256, 32),
            "P-384" => (KeyKind::P384, Algorithm::ES384, 48),
            "P-521" => {
                let encoded = Encoded::of_curve(EC_PUBLIC_KEY, P_521, point);
                let key = p521::ecdsa::VerifyingKey::from_sec1_bytes(point);
                let key = Decoding::P521(key.map_err(|_| BadKey("its point is not on its curve"))?);
                return Ok(Self::of(KeyKind::P521, key, point).with(encoded));
            }
            "secp256k1" => {
                let encoded = Encoded::of_curve(EC_PUBLIC_KEY, SECP256K1, point);
                let key = k256::ecdsa::VerifyingKey::from_sec1_bytes(point);
                let key = Decoding::K256(key.map_err(|_| BadKey("its point is not on its curve"))?);
                return Ok(Self::of(KeyKind::Secp256k1, key, point).with(encoded));
            }
            _ => return Ok(Self::unsupported("an unknown curve", point)),
        };
        if ![1 + size, 1 + 2 * size].contains(&point.len()) {
            return Err(BadKey("its point has not the length of its curve"));
        }
        let curve = if size == 32 { P_256 } else { P_384 };
        let encoded = Encoded::of_curve(EC_PUBLIC_KEY, curve, point);
        Self::new(kind, DecodingKey::from_ec_der(point), point)
            .with(encoded)
            .probed(algorithm, "its point is not on its curve")
    }

    /// An Edwards curve by its JWK name (RFC 8037 §2).
    pub(super) fn edwards(curve: &str, point: &[u8]) -> Result<Self, BadKey> {
        match curve {
            "Ed25519" if point.len() == 32 => Self::new(KeyKind::Ed25519, DecodingKey::from_ed_der(point), point)
                .with(Encoded::of_curve(ED25519, &[], point))
                .probed(Algorithm::EdDSA, "its point is not on its curve"),
            "Ed25519" => Err(BadKey("an Ed25519 key has 32 bytes")),
            "Ed448" => Ok(Self::unsupported("Ed448", point)),
            _ => Ok(Self::unsupported("an unknown curve", point)),
        }
    }

    /// A secret as its bytes; `other` is a second reading of the same secret.
    pub(super) fn secret(bytes: &[u8], other: Option<&[u8]>) -> Result<Self, BadKey> {
        if bytes.is_empty() {
            return Err(BadKey("it is empty"));
        }
        let mut key = Self::new(KeyKind::Secret, DecodingKey::from_secret(bytes), bytes);
        let other = other.filter(|other| !other.is_empty()).map(DecodingKey::from_secret);
        key.decoding.extend(other.map(Decoding::Common));
        key.secret_length = bytes.len();
        Ok(key)
    }

    /// `RSAPublicKey` (RFC 8017 §A.1.1); `None` if it is none.
    pub(super) fn of_pkcs1(bytes: &[u8]) -> Option<Result<Self, BadKey>> {
        let mut key = der::only(bytes, SEQUENCE)?;
        let (modulus, exponent) = (key.expect(INTEGER)?, key.expect(INTEGER)?);
        key.is_empty().then(|| Self::rsa(modulus, exponent))
    }

    /// `SubjectPublicKeyInfo` (RFC 5280 §4.1); `None` if it is none.
    pub(super) fn of_subject_public_key_info(bytes: &[u8]) -> Option<Result<Self, BadKey>> {
        let mut info = der::only(bytes, SEQUENCE)?;
        let mut algorithm = info.enter(SEQUENCE)?;
        let kind = algorithm.expect(OBJECT_IDENTIFIER)?;
        let key = info.octets_of_bit_string()?;
        if !info.is_empty() {
            return None;
        }
        Some(match kind {
            RSA_ENCRYPTION | RSASSA_PSS => Self::of_pkcs1(key).unwrap_or(Err(BadKey("its RSA key is damaged"))),
            EC_PUBLIC_KEY => Self::ec(curve(algorithm), key),
            ED25519 => Self::edwards("Ed25519", key),
            ED448 => Self::edwards("Ed448", key),
            _ => Ok(Self::unsupported("a key of an unknown kind", bytes)),
        })
    }

    /// Refuses a key the verifier cannot even be made of.
    fn probed(self, algorithm: Algorithm, why: &'static str) -> Result<Self, BadKey> {
        super::install_provider();
        let signature = super::encode(&[0; 64]);
        let usable = self.decoding.iter().all(|key| match key {
            Decoding::Common(key) => jsonwebtoken::crypto::verify(&signature, b"", key, algorithm).is_ok(),
            Decoding::P521(_) | Decoding::K256(_) => true,
        });
        if usable { Ok(self) } else { Err(BadKey(why)) }
    }
}

/// The JWK name of the named curve in an algorithm's parameters; empty for others.
fn curve(mut parameters: Reader<'_>) -> &'static str {
    match parameters.expect(OBJECT_IDENTIFIER) {
        Some(P_256) => "P-256",
        Some(P_384) => "P-384",
        Some(P_521) => "P-521",
        Some(SECP256K1) => "secp256k1",
        _ => "",
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    number.get(number.iter().take_while(|&&byte| byte == 0).count()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_measured_before_they_are_used() {
        let odd = |bytes: usize| vec![0xff; bytes];
        let kind = |key: Result<PublicKey, BadKey>| key.map(|key| key.kind).map_err(|bad| bad.0);
        for (modulus, exponent, expected) in [
            (odd(256), vec![1, 0, 1], Ok(KeyKind::Rsa { bits: 2048 })),
            ([vec![0, 0, 0x0f], odd(255)].concat(), vec![3], Ok(KeyKind::Rsa { bits: 2044 })),
            (odd(513), vec![3], Ok(KeyKind::Unsupported("RSA above 4096 bits"))),
            (odd(256), vec![1; 9], Ok(KeyKind::Unsupported("RSA with an exponent above 33 bits"))),
            (odd(63), vec![3], Err("its RSA modulus is too short or even")),
            (vec![0; 256], vec![3], Err("its RSA modulus is too short or even")),
            (vec![], vec![], Err("its RSA modulus is too short or even")),
            ([odd(255), vec![2]].concat(), vec![3], Err("its RSA modulus is too short or even")),
            (odd(256), vec![1], Err("its RSA exponent is below 3 or even")),
            (odd(256), vec![1, 0], Err("its RSA exponent is below 3 or even")),
            (odd(256), vec![], Err("its RSA exponent is below 3 or even")),
        ] {
            assert_eq!(kind(PublicKey::rsa(&modulus, &exponent)), expected);
        }
        for (curve, point, expected) in [
            ("P-256", vec![4; 65], Err("its point is not on its curve")),
            ("P-256", vec![4; 32], Err("its point has not the length of its curve")),
            ("P-384", vec![], Err("its point has not the length of its curve")),
            ("P-521", vec![4; 133], Err("its point is not on its curve")),
            ("P-521", vec![], Err("its point is not on its curve")),
            ("secp256k1", vec![4; 65], Err("its point is not on its curve")),
            ("secp256k1", vec![4; 64], Err("its point is not on its curve")),
            ("brainpoolP256r1", vec![4; 65], Ok(KeyKind::Unsupported("an unknown curve"))),
        ] {
            assert_eq!(kind(PublicKey::ec(curve, &point)), expected, "{curve}");
        }
        for (curve, point, expected) in [
            ("Ed25519", vec![0; 31], Err("an Ed25519 key has 32 bytes")),
            ("Ed25519", vec![0; 33], Err("an Ed25519 key has 32 bytes")),
            ("Ed25519", [vec![2], vec![0; 31]].concat(), Err("its point is not on its curve")),
            ("Ed448", vec![0; 57], Ok(KeyKind::Unsupported("Ed448"))),
        ] {
            assert_eq!(kind(PublicKey::edwards(curve, &point)), expected, "{curve}");
        }
        assert_eq!(kind(PublicKey::secret(b"", None)), Err("it is empty"));
    }
}
