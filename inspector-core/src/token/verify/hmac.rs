//! Whether a secret made the HMAC of a token (RFC 7518 §3.2).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use crate::{http::base64, token::Token};

/// What a token with an HMAC says, and the HMAC.
pub(crate) struct HmacStatement<'t> {
    signed: &'t [u8],
    tag: Vec<u8>,
    fits: fn(&[u8], &[u8], &[u8]) -> bool,
}

impl<'t> HmacStatement<'t> {
    /// That of a token; `None` if its algorithm is none of HS256, HS384 and HS512, or its signature no base64.
    pub(crate) fn of(token: &'t Token) -> Option<Self> {
        let fits = match token.algorithm().as_ref() {
            "HS256" => fits::<Hmac<Sha256>>,
            "HS384" => fits::<Hmac<Sha384>>,
            "HS512" => fits::<Hmac<Sha512>>,
            _ => return None,
        };
        let (signed, signature) = token.raw.reveal().rsplit_once('.')?;
        Some(Self { signed: signed.as_bytes(), tag: base64::decode(signature)?.bytes, fits })
    }

    /// Whether it was made with this secret.
    pub(crate) fn is_by(&self, secret: &[u8]) -> bool {
        (self.fits)(secret, self.signed, &self.tag)
    }
}

fn fits<M: Mac + KeyInit>(secret: &[u8], signed: &[u8], tag: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return false };
    mac.update(signed);
    mac.verify_slice(tag).is_ok()
}
