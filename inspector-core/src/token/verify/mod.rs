//! Verifies the signatures of tokens, offline, with keys the user gave or the recording showed.
//!
//! ```text
//! keys      source by its content                      file
//! keys.rs   JWKS, JWK                                  json.rs, jwk.rs
//!           metadata JSON (Exchange, SharePoint, ACS)  json.rs, metadata.rs
//!           federation metadata                        federation.rs
//!           PEM, DER                                   pem.rs, certificate.rs, public_key.rs
//! check.rs  token + keys -> Signature
//! ```
//!
//! Three answers are not enough. A recording often lacks the right key, and some tokens cannot be verified by anybody but
//! their receiver; calling them forged would be a false alarm, calling them good would be worse. So a signature is
//! *invalid* only if a key the token certainly means refutes it (or no key could ever make it), *verified* only by a key
//! that was given or seen, and *unverifiable* with a reason otherwise. A key the token brings along (`jwk`, `x5c`) or
//! points at (`jku`, `x5u`) proves nothing and is never used. Times are not judged here: whoever asks has the token's
//! time and [`Certificate::validity`].

mod algorithm;
mod certificate;
mod check;
mod confusion;
mod der;
mod federation;
mod hmac;
mod json;
mod jwk;
mod key;
mod keys;
mod metadata;
mod pem;
mod public_key;
mod signature;
mod source;
mod thumbprint;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

use std::sync::Once;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub(crate) use self::hmac::HmacStatement;
pub use self::{
    algorithm::{has_impossible_signature, is_asymmetric},
    certificate::{Certificate, Validity},
    key::{KeyInfo, Origin, Trust},
    keys::{Added, KeyError, KeyFormat, VerificationKeys},
    public_key::KeyKind,
    signature::{Reason, ReasonCode, Remark, Signature},
    source::Skipped,
    thumbprint::ThumbprintForm,
};

/// Chooses the implementation of `jsonwebtoken`. Left to itself, it panics when another crate of the build turns on a
/// second one.
fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that the process chose one before; that one serves as well.
        let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    });
}

/// Base64url without padding.
fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
