//! RSA private keys: what opens a recording whose key exchange is RSA, and nothing else.
//!
//! A key is found by its modulus, which a certificate holds verbatim: a server's certificate tells which key is
//! its own, or that none is, before anything is decrypted.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use memchr::memmem;
use rsa::{
    Pkcs1v15Encrypt, RsaPrivateKey, pkcs1::DecodeRsaPrivateKey, pkcs8::DecodePrivateKey, traits::PublicKeyParts,
};

use super::KeyError;

/// An RSA private key.
#[derive(Clone)]
pub(crate) struct RsaKey {
    key: RsaPrivateKey,
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    /// Which of the sources it came from.
    source: usize,
    /// Shared with the clones.
    used: Arc<AtomicU64>,
}

impl RsaKey {
    fn new(key: RsaPrivateKey) -> Self {
        Self { modulus: key.n().to_bytes_be(), key, source: 0, used: Arc::default() }
    }

    /// The same, from a source.
    pub(crate) fn from(self, source: usize) -> Self {
        Self { source, ..self }
    }

    /// The source it came from.
    pub(crate) const fn source(&self) -> usize {
        self.source
    }

    /// Length of the modulus in bits.
    pub(crate) fn bits(&self) -> usize {
        self.key.n().bits()
    }

    /// Connections opened with it.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// A connection was opened with it.
    pub(crate) fn mark_used(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts what was opened with the same key, unless both count together.
    pub(crate) fn absorb(&self, other: &Self) {
        if !Arc::ptr_eq(&self.used, &other.used) {
            self.used.fetch_add(other.used(), Ordering::Relaxed);
        }
    }

    /// Whether both are the same key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.modulus == other.modulus
    }

    /// Whether a certificate (DER) is for this key.
    pub(crate) fn fits(&self, certificate: &[u8]) -> bool {
        memmem::find(certificate, &self.modulus).is_some()
    }

    /// The premaster secret of a ClientKeyExchange; `None` if it was encrypted for another key.
    pub(crate) fn decrypt(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        self.key.decrypt(Pkcs1v15Encrypt, encrypted).ok().filter(|premaster| premaster.len() == 48)
    }
}

/// Shows no secret.
impl fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaKey").field("bits", &self.bits()).finish_non_exhaustive()
    }
}

/// Whether `bytes` look like a file of keys or certificates: PEM anywhere in it, or DER.
pub(crate) fn looks_like_key_file(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x81..=0x84, ..]) || memmem::find(bytes, b"-----BEGIN ").is_some()
}

/// Reads all RSA private keys of a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<RsaKey>, KeyError> {
    if bytes.first() == Some(&0x30) {
        let key = RsaPrivateKey::from_pkcs8_der(bytes).ok().or_else(|| RsaPrivateKey::from_pkcs1_der(bytes).ok());
        return key.map(|key| vec![RsaKey::new(key)]).ok_or(KeyError::Der);
    }
    let text = String::from_utf8_lossy(bytes);
    let mut keys = Vec::new();
    let mut found = None;
    let mut rest: &str = &text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, _)) = after.split_once("-----") else { break };
        let begin = rest.len() - after.len() - "-----BEGIN ".len();
        let footer = format!("-----END {label}-----");
        let Some(length) = rest.get(begin..).and_then(|block| Some(block.find(&footer)? + footer.len())) else {
            return Err(KeyError::Cut);
        };
        let block = rest.get(begin..begin + length).unwrap_or_default();
        rest = rest.get(begin + length..).unwrap_or_default();
        match label {
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" if block.contains("ENCRYPTED") => return Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" => keys.push(RsaPrivateKey::from_pkcs1_pem(block).map_err(|_| KeyError::Damaged)?),
            "PRIVATE KEY" => match RsaPrivateKey::from_pkcs8_pem(block) {
                Ok(key) => keys.push(key),
                Err(_) => found = found.or(Some(KeyError::NotRsa)),
            },
            "EC PRIVATE KEY" | "DSA PRIVATE KEY" => found = found.or(Some(KeyError::NotRsa)),
            _ => {}
        }
    }
    if keys.is_empty() {
        return Err(found.unwrap_or(KeyError::NoPrivateKey));
    }
    Ok(keys.into_iter().map(RsaKey::new).collect())
}
