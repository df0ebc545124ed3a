//! Keys that verify signatures: JWKS, JWK, certificates and public keys in PEM and DER, metadata of Exchange, SharePoint and
//! ACS, federation metadata. The first byte tells whether the rest is a file, or DER that is put into one.
//!
//! DER gives the same keys in whichever file it stands, and a file given twice changes nothing.
#![no_main]

use std::collections::BTreeSet;

use inspector_core::{
    limits::Limits,
    token::{
        compact,
        verify::{Origin, Signature, VerificationKeys},
    },
};
use inspector_core_fuzz::{limits, made};
use libfuzzer_sys::fuzz_target;

const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsIng1dCI6ImFiYyIsImtpZCI6ImEifQ.eyJpc3MiOiJhIn0.QUJD";

/// The names of the keys in a file, and in what state it leaves the collection.
fn added(file: &[u8], limits: &Limits) -> Option<BTreeSet<String>> {
    let origin = Origin::File("keys".into());
    let mut keys = VerificationKeys::new(limits);
    let added = keys.add(file, &origin);
    let count = keys.keys().len();
    let names = keys
        .keys()
        .map(|key| {
            let certificate = key.certificate.as_ref().map(|found| (found.thumbprint(), found.x5t(), found.x5t_s256()));
            format!("{:?} {certificate:?}", key.kind)
        })
        .collect();
    let token = compact::decode(TOKEN, limits);
    assert!(!matches!(keys.verify(&token), Signature::Verified { .. }), "nobody signed this");
    match added {
        Ok(added) => {
            assert!(added.keys.len() >= count && count > 0, "{} in the file, {count} kept", added.keys.len());
            let _ = keys.add(file, &origin);
            assert_eq!(keys.keys().len(), count, "given twice");
            Some(names)
        }
        Err(error) => {
            assert_eq!(count, 0, "keys of no file");
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, bytes)) = input.split_first() else { return };
    let limits = limits(input);
    let file = added(bytes, &limits);
    // What begins as a certificate does.
    if mode % 2 == 1 && bytes.starts_with(&[0x30]) && bytes.len() < 4096 {
        let limits = Limits::default();
        let whole = added(bytes, &limits);
        let certificate = added(&made::pem("CERTIFICATE", bytes), &limits);
        if let Some(certificate) = certificate {
            let chain = format!("{{\"keys\":[{{\"kty\":\"RSA\",\"x5c\":[\"{}\"]}}]}}", made::base64(bytes));
            let _ = added(chain.as_bytes(), &limits);
            assert_eq!(whole, Some(certificate), "DER and PEM of a certificate");
        }
        if let Some(key) = added(&made::pem("PUBLIC KEY", bytes), &limits) {
            assert_eq!(whole, Some(key), "DER and PEM of a public key");
        }
    }
    let _ = file;
});
