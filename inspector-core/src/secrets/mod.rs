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
