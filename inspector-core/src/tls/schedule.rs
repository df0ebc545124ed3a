//! From secrets to keys: the PRF of each version, and the key schedule of TLS 1.3.
//!
//! | version | master secret and key block |
//! |---|---|
//! | SSL 3.0 | MD5 over SHA-1 with salts `A`, `BB`, `CCC` (RFC 6101 §6.1) |
//! | TLS 1.0, 1.1 | P_MD5 of one half xor P_SHA-1 of the other (RFC 2246 §5) |
//! | TLS 1.2 | P_SHA-256, or P_SHA-384 where the suite names it (RFC 5246 §5) |
//! | TLS 1.3 | HKDF-Expand-Label of the traffic secrets that the key log holds (RFC 8446 §7.1) |

use crate::secrets::MasterSecret;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

/// A hash of the cipher suites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    /// MD5.
    Md5,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// Length of its output in bytes.
    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// The way a version derives its master secret and its key block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prf {
    /// SSL 3.0.
    Ssl3,
    /// TLS 1.0 and 1.1.
    Md5Sha1,
    /// TLS 1.2 with SHA-256.
    Sha256,
    /// TLS 1.2 with SHA-384.
    Sha384,
}

impl Prf {
    /// Fills `out` with the function of `secret`, `label` and `seed` (the parts of it one after the other).
    /// SSL 3.0 has no labels.
    pub(crate) fn fill(self, secret: &[u8], label: &str, seed: &[&[u8]], out: &mut [u8]) {
        match self {
            Self::Ssl3 => ssl3(secret, seed, out),
            Self::Md5Sha1 => {
                let half = secret.len().div_ceil(2);
                let first = secret.get(..half).unwrap_or_default();
                let second = secret.get(secret.len() - half..).unwrap_or_default();
                p_hash::<Hmac<Md5>>(first, label, seed, out);
                p_hash::<Hmac<Sha1>>(second, label, seed, out);
            }
            Self::Sha256 => p_hash::<Hmac<Sha256>>(secret, label, seed, out),
            Self::Sha384 => p_hash::<Hmac<Sha384>>(secret, label, seed, out),
        }
    }

    /// The master secret of a premaster secret (RFC 5246 §8.1).
    pub(crate) fn master(self, premaster: &[u8], client_random: &[u8], server_random: &[u8]) -> MasterSecret {
        let mut master = [0; 48];
        self.fill(premaster, "master secret", &[client_random, server_random], &mut master);
        master
    }

    /// The master secret where both sides agreed on RFC 7627: `handshake` is all messages up to and with
    /// ClientKeyExchange, in parts.
    pub(crate) fn extended_master(self, premaster: &[u8], handshake: &[&[u8]]) -> MasterSecret {
        let mut master = [0; 48];
        let mut fill = |hash: &[&[u8]]| self.fill(premaster, "extended master secret", hash, &mut master);
        match self {
            Self::Ssl3 | Self::Md5Sha1 => fill(&[&digest::<Md5>(handshake), &digest::<Sha1>(handshake)]),
            Self::Sha256 => fill(&[&digest::<Sha256>(handshake)]),
            Self::Sha384 => fill(&[&digest::<Sha384>(handshake)]),
        }
        master
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

/// Adds (xor) P_hash of RFC 5246 §5 to `out`, which begins as zeros: the older PRF is the sum of two.
fn p_hash<M: Mac + KeyInit + Clone>(secret: &[u8], label: &str, seed: &[&[u8]], out: &mut [u8]) {
    let Ok(keyed) = <M as KeyInit>::new_from_slice(secret) else { return };
    let seeded = |mut mac: M| {
        mac.update(label.as_bytes());
        seed.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut a = seeded(keyed.clone());
    for chunk in out.chunks_mut(a.len()) {
        let mut mac = keyed.clone();
        mac.update(&a);
        for (to, from) in chunk.iter_mut().zip(seeded(mac)) {
            *to ^= from;
        }
        let mut mac = keyed.clone();
        mac.update(&a);
        a = mac.finalize().into_bytes();
    }
}

fn ssl3(secret: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    for (round, chunk) in out.chunks_mut(16).enumerate() {
        let letter = u8::try_from(round).map_or(b'Z', |round| b'A'.saturating_add(round));
        let salt = vec![letter; round + 1];
        let mut inner = Sha1::new_with_prefix(&salt);
        inner.update(secret);
        seed.iter().for_each(|part| inner.update(part));
        let outer = Md5::new_with_prefix(secret).chain_update(inner.finalize()).finalize();
        chunk.iter_mut().zip(outer).for_each(|(to, from)| *to = from);
    }
}

/// A traffic secret of TLS 1.3.
#[derive(Clone)]
pub(crate) struct TrafficSecret {
    hash: Hash,
    bytes: Vec<u8>,
}

impl TrafficSecret {
    /// A secret of the key log; `None` if its length is not the hash's.
    pub(crate) fn new(hash: Hash, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == hash.length()).then(|| Self { hash, bytes: bytes.to_vec() })
    }

    /// The key of its records, `length` bytes long.
    pub(crate) fn key(&self, length: usize) -> Vec<u8> {
        self.expand("key", length)
    }

    /// The IV of its records.
    pub(crate) fn iv(&self) -> [u8; 12] {
        self.expand("iv", 12).try_into().unwrap_or_default()
    }

    /// The secret after a KeyUpdate (RFC 8446 §7.2).
    pub(crate) fn next(&self) -> Self {
        self.update("traffic upd")
    }

    /// The secret that follows it, by this label.
    pub(crate) fn update(&self, label: &str) -> Self {
        Self { hash: self.hash, bytes: self.expand(label, self.bytes.len()) }
    }

    /// HKDF-Expand-Label with an empty context.
    pub(crate) fn expand(&self, label: &str, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        let [high, low] = u16::try_from(length).unwrap_or_default().to_be_bytes();
        let label_length = u8::try_from(label.len()).unwrap_or_default().saturating_add(6);
        let info: Vec<u8> =
            [high, low, label_length].into_iter().chain(*b"tls13 ").chain(label.bytes()).chain([0]).collect();
        // Both fail only for lengths that `new` and the callers exclude; the keys would then open nothing.
        let _ = match self.hash {
            Hash::Sha384 => Hkdf::<Sha384>::from_prk(&self.bytes).map(|hkdf| hkdf.expand(&info, &mut out)),
            Hash::Md5 | Hash::Sha1 | Hash::Sha256 => {
                Hkdf::<Sha256>::from_prk(&self.bytes).map(|hkdf| hkdf.expand(&info, &mut out))
            }
        };
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::keylog::tests::unhex;

    /// The vectors for P_SHA256 and P_SHA384 that were posted to the TLS working group's list for RFC 5246.
    #[test]
    fn prf_of_tls_1_2() {
        let mut out = [0; 100];
        let seed = unhex("a0ba9f936cda311827a6f796ffd5198c");
        Prf::Sha256.fill(&unhex("9bbe436ba940f017b17652849a71db35"), "test label", &[&seed], &mut out);
        assert_eq!(
            out.as_slice(),
            unhex(concat!(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af",
                "0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701",
                "87347b66"
            ))
        );
        let mut out = [0; 148];
        let seed = unhex("cd665cf6a8447dd6ff8b27555edb7465");
        Prf::Sha384.fill(&unhex("b80b733d6ceefcdc71566ea48e5567df"), "test label", &[&seed], &mut out);
        assert_eq!(
            out.as_slice(),
            unhex(concat!(
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0",
                "e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d918425",
                "9b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f"
            ))
        );
    }

    /// RFC 8448 §3: the server's handshake traffic secret and its write keys.
    #[test]
    fn traffic_keys_of_tls_1_3() {
        let secret = unhex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
        let secret = TrafficSecret::new(Hash::Sha256, &secret).unwrap();
        assert_eq!(secret.key(16), unhex("3fce516009c21727d0f2e4e86ee403bc"));
        assert_eq!(secret.iv().as_slice(), unhex("5d313eb2671276ee13000b30"));
        assert!(TrafficSecret::new(Hash::Sha384, &[0; 32]).is_none());
        assert_ne!(secret.next().bytes, secret.bytes);
    }
}
