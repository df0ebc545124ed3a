//! Keys in files of their own: PEM (RFC 7468), DER, and the base64 of DER.

use super::{certificate::Certificate, key::Candidate, public_key::PublicKey, source::Found};
use crate::http::base64;

const BEGIN: &str = "-----BEGIN ";

/// Whether this text holds PEM.
pub(super) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Reads every block of a PEM file; text between the blocks is commentary.
pub(super) fn read(text: &str, found: &mut Found) {
    for (index, block) in text.split(BEGIN).skip(1).enumerate() {
        let Some((label, rest)) = block.split_once("-----") else {
            found.skip(index, "its first line is not closed");
            continue;
        };
        if label == "EC PARAMETERS" {
            continue;
        }
        if label.contains("PRIVATE KEY") {
            found.skip(index, "it is a private key; give its certificate or public key instead");
            continue;
        }
        let Some((body, _)) = rest.split_once("-----END ") else {
            found.skip(index, "its last line is missing");
            continue;
        };
        let Some(bytes) = base64::decode(body.trim()).map(|decoded| decoded.bytes) else {
            found.skip(index, "it is not base64");
            continue;
        };
        match label {
            "CERTIFICATE" | "X509 CERTIFICATE" => found.certificate(index, &bytes),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => match public_key(&bytes) {
                Some(key) => found.push(index, key.map(Candidate::of_key)),
                None => found.skip(index, "it is no public key, or a damaged one"),
            },
            _ => found.skip(index, "blocks of this label hold no key for signatures"),
        }
    }
}

/// Reads one certificate or public key in DER; `false` if it is neither.
pub(super) fn read_der(bytes: &[u8], found: &mut Found) -> bool {
    if let Some(key) = public_key(bytes) {
        found.push(0, key.map(Candidate::of_key));
        return true;
    }
    if Certificate::parse(bytes).is_ok() {
        found.certificate(0, bytes);
        return true;
    }
    false
}

/// A public key in either of its forms.
fn public_key(bytes: &[u8]) -> Option<Result<PublicKey, super::public_key::BadKey>> {
    PublicKey::of_subject_public_key_info(bytes).or_else(|| PublicKey::of_pkcs1(bytes))
}
