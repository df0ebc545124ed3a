//! The secrets that open encrypted connections: key logs, and private keys of RSA.

pub mod keylog;
pub(crate) mod rsa_key;

/// A master secret.
pub(crate) type MasterSecret = [u8; 48];

/// Who the master secret is thanks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A source of the key log.
    Log(u8),
    /// A private key.
    Private(usize),
    /// An earlier connection.
    Resumed,
}

/// Why a file with keys cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No line of an NSS key log, and no PEM or DER.
    #[error("neither an NSS key log (SSLKEYLOGFILE) nor an RSA private key")]
    Unknown,
    /// A key log without a secret: no bytes, only comments and blank lines, a first line that is not whole yet, or lines
    /// that decrypt no records. It may be given all the same ([`keylog::Keys::add_empty`]).
    #[error("the key log has no secrets: was the file copied before the client wrote to it?")]
    Empty,
    /// PEM without a private key.
    #[error("the PEM file has no private key: a certificate or public key decrypts nothing")]
    NoPrivateKey,
    /// A private key that is not RSA.
    #[error(
        "not an RSA private key: other keys only sign the handshake and decrypt no recording; use a key log instead"
    )]
    NotRsa,
    /// The private key is protected by a password.
    #[error("the private key is encrypted: remove its password first (openssl pkey -in KEY -out PLAIN)")]
    Encrypted,
    /// The private key cannot be parsed.
    #[error("the RSA private key is damaged")]
    Damaged,
    /// DER that is no RSA private key.
    #[error(
        "DER, but no RSA private key in PKCS#1 or PKCS#8 (a PKCS#12 file must be converted: openssl pkcs12 -nodes)"
    )]
    Der,
    /// PEM whose end is missing.
    #[error("the PEM file is cut off")]
    Cut,
}
