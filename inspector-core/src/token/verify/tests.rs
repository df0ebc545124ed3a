//! Tokens against keys: who is verified, who is refuted, and who can only be shrugged at.

use std::sync::{Arc, LazyLock};

use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{vectors::*, *};
use crate::{
    http::base64,
    limits::Limits,
    secret::{Fingerprint, Secret},
    time::Timestamp,
    token::{Defect, Members, Token, TokenKind},
};

const A1: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const A1_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

/// A token as far as its signature matters.
fn token(raw: &str) -> Token {
    let part = |index: usize| base64::decode(raw.trim().split('.').nth(index)?).map(|decoded| decoded.bytes);
    let object = |index| part(index).and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).ok());
    let members = |index| object(index).unwrap_or_default().into_iter().collect::<Members>();
    let header = members(0);
    let kind = match (header.is_empty(), header.contains_key("enc")) {
        (true, _) => TokenKind::Opaque,
        (_, true) => TokenKind::Jwe,
        _ => TokenKind::Jwt,
    };
    Token {
        id: Fingerprint::of(raw.as_bytes()),
        raw: Secret::new(raw.into()),
        kind,
        family: None,
        header,
        has_header: false,
        claims: members(1),
        actor: None,
        signature_length: part(2).map_or(0, |signature| signature.len()),
        not_before: None,
        expires: None,
        issued_at: None,
        defects: Vec::new(),
        names: std::sync::OnceLock::new(),
    }
}

fn file() -> Origin {
    Origin::File("keys".into())
}

fn keys(source: impl AsRef<[u8]>) -> VerificationKeys {
    let mut keys = VerificationKeys::default();
    keys.add(source.as_ref(), &file()).unwrap();
    keys
}

fn code(signature: &Signature) -> &'static str {
    signature.reason().map_or(signature.as_str(), |reason| reason.code.as_str())
}

fn remarks(signature: &Signature) -> Vec<&'static str> {
    match signature {
        Signature::Verified { remarks, .. } => remarks.iter().map(Remark::as_str).collect(),
        other => panic!("{other:?}"),
    }
}

/// A token signed by the Ed25519 key of RFC 8037 A.1.
fn signed(header: &Value, claims: &Value) -> Token {
    let key = EncodingKey::from_ed_der(&base64_of(ED25519_PRIVATE));
    signed_with(header, claims, &key, Algorithm::EdDSA)
}

fn signed_with(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> Token {
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    install_provider();
    let signature = jsonwebtoken::crypto::sign(input.as_bytes(), key, algorithm).unwrap();
    token(&format!("{input}.{signature}"))
}

fn golden_jwks() -> String {
    json!({"keys": [{"kty": "RSA", "use": "sig", "kid": GOLDEN_X5T, "x5t": GOLDEN_X5T, "n": GOLDEN_MODULUS, "e": "AQAB"}]})
        .to_string()
}

#[test]
fn the_golden_vector_is_verified_by_every_source() {
    let with_x5c = json!({"kty": "RSA", "kid": "other", "x5c": [GOLDEN_CERTIFICATE]});
    let exchange = json!({"id": "x", "version": "1.0", "realm": "*", "issuer": "00000001-0000-0000-c000-000000000000@*", "keys": [
        {"usage": "signing", "keyinfo": {"x5t": GOLDEN_X5T}, "keyvalue": {"type": "x509Certificate", "value": GOLDEN_CERTIFICATE}}]});
    let sharepoint = json!({"issuer": "00000001-0000-0000-c000-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", "keys": [
        {"keyValue": {"type": "x509certificate", "value": GOLDEN_CERTIFICATE}, "usage": "Signing"}]});
    let acs = json!({"keys": [{"usage": "signing", "keyInfo": {"x5t": GOLDEN_X5T},
        "keyValue": {"type": "x509certificate", "value": GOLDEN_CERTIFICATE}}]});
    let federation = format!(
        "<?xml version=\"1.0\"?><EntityDescriptor xmlns=\"urn:x\" entityID=\"https://sts.windows.net/{{tenantid}}/\">\
         <Signature><KeyInfo><X509Data><X509Certificate>{EXPIRED_CERTIFICATE}</X509Certificate></X509Data></KeyInfo></Signature>\
         <RoleDescriptor><md:KeyDescriptor use=\"encryption\"><X509Certificate>{EXPIRED_CERTIFICATE}</X509Certificate></md:KeyDescriptor>\
         <md:KeyDescriptor use=\"signing\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\r\n{GOLDEN_CERTIFICATE}\r\n\
         </ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor></RoleDescriptor></EntityDescriptor>"
    );
    let utf_16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(acs.to_string().encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for (name, source, format, extra) in [
        ("DER", base64_of(GOLDEN_CERTIFICATE), KeyFormat::Der, vec![]),
        ("base64", GOLDEN_CERTIFICATE.into(), KeyFormat::Der, vec![]),
        ("PEM", pem("CERTIFICATE", GOLDEN_CERTIFICATE).into(), KeyFormat::Pem, vec![]),
        ("SPKI", GOLDEN_SPKI.into(), KeyFormat::Pem, vec!["found-by-trial"]),
        ("PKCS#1", GOLDEN_PKCS1.into(), KeyFormat::Pem, vec!["found-by-trial"]),
        ("JWKS", golden_jwks().into(), KeyFormat::Jwks, vec![]),
        ("x5c", with_x5c.to_string().into(), KeyFormat::Jwk, vec![]),
        ("Exchange", exchange.to_string().into(), KeyFormat::Metadata, vec![]),
        ("SharePoint", sharepoint.to_string().into(), KeyFormat::Metadata, vec![]),
        ("ACS", acs.to_string().into(), KeyFormat::Metadata, vec![]),
        ("UTF-16", utf_16, KeyFormat::Metadata, vec![]),
        ("XML", federation.into(), KeyFormat::FederationMetadata, vec!["other-issuer"]),
    ] {
        for (origin, trust) in [(file(), Trust::Pinned), (Origin::Recording, Trust::IntegrityOnly)] {
            let mut keys = VerificationKeys::default();
            let added = keys.add(&source, &origin).unwrap();
            assert_eq!((added.format, added.keys.len(), added.skipped.len()), (format, 1, 0), "{name}");
            let Signature::Verified { key, trust: proved, remarks } = keys.verify(&token(ACTOR)) else {
                panic!("{name}: {:?}", keys.verify(&token(ACTOR)));
            };
            assert_eq!((proved, &key), (trust, &added.keys[0]), "{name}");
            assert_eq!(remarks.iter().map(Remark::as_str).collect::<Vec<_>>(), extra, "{name}");
            assert_eq!(keys.verify(&token(ACTOR)).is_pinned(), trust == Trust::Pinned, "{name}");
        }
    }
}

#[test]
fn the_golden_vectors_negative_variants() {
    let keys = keys(GOLDEN_CERTIFICATE);
    let parts: Vec<&str> = ACTOR.split('.').collect();
    let header = encode(format!(r#"{{"typ":"JWT","alg":"HS256","x5t":"{GOLDEN_X5T}"}}"#).as_bytes());
    let length = |found: &str| format!("{}.{}.{found}", parts[0], parts[1]);
    for (raw, expected) in [
        (length("AAAA"), "signature-length"),
        (length(&encode(&[0; 255])), "signature-length"),
        (length(&encode(&[0; 256])), "signature-mismatch"),
        (length(&encode(&[0xff; 256])), "signature-mismatch"),
        (length("a"), "signature-not-base64"),
        (length("*"), "signature-not-base64"),
        (length(""), "absent"),
        (format!("{}.{}", parts[0], parts[1]), "absent"),
        (format!("{header}.{}.{}", parts[1], parts[2]), "signature-length"),
        (format!("{header}.{}.{}", parts[1], encode(&[7; 32])), "algorithm-key-mismatch"),
        (format!("{}..{}", parts[0], parts[2]), "detached-payload"),
        (format!("{ACTOR}.AAAA"), "not-compact-jws"),
        (format!("{}.{}*.{}", parts[0], parts[1], parts[2]), "not-compact-jws"),
        (ACTOR.replace('.', ".\n "), "white-space"),
        (parts[1].to_owned(), "not-compact-jws"),
        ("hello".to_owned(), "opaque"),
    ] {
        assert_eq!(code(&keys.verify(&token(&raw))), expected, "{raw}");
    }
    let flip = |index: usize| {
        let mut bytes = ACTOR.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'Q' { b'R' } else { b'Q' };
        String::from_utf8(bytes).unwrap()
    };
    let signature = ACTOR.len() - parts[2].len();
    for index in [signature, signature + 100, signature + 340] {
        let answer = keys.verify(&token(&flip(index)));
        assert_eq!(code(&answer), "signature-mismatch");
        assert_eq!(answer.key().unwrap().name(), "sts.example");
        assert!(answer.reason().unwrap().text.contains("sts.example"), "{answer:?}");
    }
    for index in (parts[0].len() + 1..signature - 1).step_by(97) {
        assert_eq!(code(&keys.verify(&token(&flip(index)))), "signature-mismatch", "{index}");
    }
}

#[test]
fn rfc_examples() {
    let a2_key = json!({"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"});
    let a2 = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let a3 = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let a3_key = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let a4 = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    let a4_key = json!({"kty": "EC", "crv": "P-521", "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk", "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"});
    let ed = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let rfc_7519 = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
    let a1_key = json!({"kty": "oct", "k": A1_KEY});
    for (name, key, raw, expected) in [
        ("7515 A.1", a1_key.to_string(), A1, "verified"),
        ("7515 A.2", a2_key.to_string(), a2, "verified"),
        ("7515 A.3", a3_key.to_string(), a3, "verified"),
        ("7515 A.3", P256_SPKI.to_owned(), a3, "verified"),
        ("7515 A.4", a4_key.to_string(), a4, "verified"),
        ("7515 A.4", P256_SPKI.to_owned(), a4, "no-fitting-key"),
        ("8037 A.4", ED25519_SPKI.to_owned(), ed, "verified"),
        ("8037 A.4", pem("CERTIFICATE", EXPIRED_CERTIFICATE), ed, "verified"),
        ("7519 6.1", P256_SPKI.to_owned(), rfc_7519, "absent"),
        ("wrong key", P256_SPKI.to_owned(), ed, "no-fitting-key"),
        ("wrong key", GOLDEN_SPKI.to_owned(), a2, "no-key-verifies"),
    ] {
        assert_eq!(code(&keys(key).verify(&token(raw))), expected, "{name}");
        assert_ne!(VerificationKeys::default().verify(&token(raw)).as_str(), "verified", "{name}");
    }
    let p256 = keys(P256_SPKI);
    let head = &a3[..a3.rfind('.').unwrap() + 1];
    let der = encode(&[&[0x30, 0x44, 0x02, 0x20][..], &[7; 32], &[0x02, 0x20], &[7; 32]].concat());
    for (signature, expected) in [
        (encode(&[7; 63]), "signature-length"),
        (encode(&[7; 65]), "signature-length"),
        (encode(&[0; 64]), "no-key-verifies"),
        (der, "signature-length"),
    ] {
        let answer = p256.verify(&token(&format!("{head}{signature}")));
        assert_eq!(code(&answer), expected);
        assert_eq!(answer.reason().unwrap().text.contains("DER"), signature.starts_with("ME"), "{answer:?}");
    }
}

#[test]
fn every_rsa_algorithm() {
    let plain = keys(json!({"kty": "RSA", "kid": "r", "n": RSA_MODULUS, "e": "AQAB"}).to_string());
    let bound = keys(json!({"kty": "RSA", "kid": "r", "n": RSA_MODULUS, "e": "AQAB", "alg": "PS256"}).to_string());
    for (algorithm, signature) in RSA_SIGNATURES {
        let input = format!("{}.{}", encode(format!(r#"{{"alg":"{algorithm}","kid":"r"}}"#).as_bytes()), encode(b"{}"));
        let token = token(&format!("{input}.{signature}"));
        assert_eq!(remarks(&plain.verify(&token)), [""; 0], "{algorithm}");
        let expected = if algorithm == "PS256" { "verified" } else { "algorithm-key-mismatch" };
        assert_eq!(code(&bound.verify(&token)), expected, "{algorithm}");
        for (other, _) in RSA_SIGNATURES.iter().filter(|(other, _)| *other != algorithm) {
            let header = encode(format!(r#"{{"alg":"{other}","kid":"r"}}"#).as_bytes());
            let other = self::token(&format!("{header}.{}.{signature}", encode(b"{}")));
            assert_eq!(code(&plain.verify(&other)), "signature-mismatch", "{algorithm}");
        }
    }
}

#[test]
fn a_token_names_its_key_in_many_ways() {
    let certificate = keys(EXPIRED_CERTIFICATE);
    let jwk = keys(
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
            .to_string(),
    );
    let microsoft = keys(json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": EXPIRED_X5T, "x5t": EXPIRED_X5T, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}).to_string());
    let bare = keys(ED25519_SPKI);
    let hexadecimal = EXPIRED_THUMBPRINT;
    let padded = format!("{EXPIRED_X5T}=");
    let of_text = encode(hexadecimal.as_bytes());
    let (form, trial) = ("thumbprint-form", "found-by-trial");
    for (keys, names, expected) in [
        (&certificate, json!({"x5t": EXPIRED_X5T}), Ok(vec![])),
        (&certificate, json!({"x5t#S256": EXPIRED_X5T_S256}), Ok(vec![])),
        (&certificate, json!({"kid": EXPIRED_X5T}), Ok(vec![])),
        (&certificate, json!({"kid": hexadecimal}), Ok(vec![])),
        (&certificate, json!({"kid": "anything", "x5t": EXPIRED_X5T}), Ok(vec![])),
        (&certificate, json!({"x5t": hexadecimal}), Ok(vec![form])),
        (&certificate, json!({"x5t": hexadecimal.to_lowercase()}), Ok(vec![form])),
        (&certificate, json!({"x5t": padded}), Ok(vec![form])),
        (&certificate, json!({"x5t": of_text}), Ok(vec![form])),
        (&certificate, json!({"x5t": EXPIRED_X5T_S256}), Ok(vec![form])),
        (&certificate, json!({"x5t": "no thumbprint"}), Ok(vec![form, trial])),
        (&certificate, json!({"kid": "one"}), Ok(vec![trial])),
        (&certificate, json!({}), Ok(vec![trial])),
        (&certificate, json!({"x5t": GOLDEN_X5T}), Err("unknown-key")),
        (&certificate, json!({"x5t": GOLDEN_X5T, "kid": EXPIRED_X5T}), Ok(vec!["names-another-key"])),
        (&jwk, json!({"kid": "one"}), Ok(vec![])),
        (&jwk, json!({"kid": "two"}), Err("unknown-key")),
        (&jwk, json!({"kid": 1}), Err("unknown-key")),
        (&jwk, json!({"kid": "One"}), Err("unknown-key")),
        (&jwk, json!({"x5t": EXPIRED_X5T}), Ok(vec![trial])),
        (&jwk, json!({}), Ok(vec![trial])),
        (&microsoft, json!({"kid": EXPIRED_X5T}), Ok(vec![])),
        (&microsoft, json!({"x5t": EXPIRED_X5T}), Ok(vec![])),
        (&microsoft, json!({"x5t": hexadecimal}), Ok(vec![form])),
        (&microsoft, json!({"x5t": GOLDEN_X5T}), Err("unknown-key")),
        (&bare, json!({"kid": "two", "x5t": GOLDEN_X5T}), Ok(vec![trial])),
    ] {
        for algorithm in ["EdDSA", "Ed25519"] {
            let mut header = names.clone();
            header["alg"] = algorithm.into();
            let answer = keys.verify(&signed(&header, &json!({"iss": "a"})));
            match &expected {
                Ok(expected) => assert_eq!(&remarks(&answer), expected, "{names}"),
                Err(expected) => assert_eq!(code(&answer), *expected, "{names}"),
            }
        }
    }
}

#[test]
fn a_key_refutes_only_a_token_that_certainly_means_it() {
    let other = "_w0uCRTqQcV7O9L7yDfCPpMJw-0KqHDqrQvlTRiPN1A";
    let jwk = |kid: &str, issuer: Option<&str>| {
        let key =
            json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"});
        json!({"keys": [key], "issuer": issuer}).to_string()
    };
    assert_eq!(other.len(), 43);
    let token = |names: Value| {
        let mut header = names;
        header["alg"] = "EdDSA".into();
        signed(&header, &json!({"iss": "https://sts.example/"}))
    };
    let named = token(json!({"kid": "1"}));
    let unnamed = token(json!({}));
    for (source, origin, token, expected) in [
        (jwk("1", None), file(), &named, "signature-mismatch"),
        (jwk("1", Some("https://sts.example")), file(), &named, "signature-mismatch"),
        // The same kid in another issuer's keys, or in keys anybody can have put there, says nothing.
        (jwk("1", Some("https://other.example")), file(), &named, "no-key-verifies"),
        (jwk("1", None), Origin::Recording, &named, "no-key-verifies"),
        (jwk("2", None), file(), &named, "unknown-key"),
        (jwk("2", None), file(), &unnamed, "no-key-verifies"),
        (jwk("2", Some("https://sts.example")), file(), &unnamed, "signature-mismatch"),
        (jwk("2", Some("https://sts.example")), Origin::Recording, &unnamed, "no-key-verifies"),
        (GOLDEN_SPKI.into(), file(), &named, "unknown-key"),
        (GOLDEN_SPKI.into(), file(), &unnamed, "no-fitting-key"),
    ] {
        let mut keys = VerificationKeys::default();
        keys.add(source.as_bytes(), &origin).unwrap();
        assert_eq!(code(&keys.verify(token)), expected, "{source} {origin}");
        // The right key decides, whatever stands beside it.
        keys.add(ED25519_SPKI.as_bytes(), &file()).unwrap();
        let refuted = expected == "signature-mismatch" && token.header.contains_key("kid");
        assert_eq!(keys.verify(token).is_pinned(), !refuted, "{source} {origin}");
    }
}

#[test]
fn keys_the_user_gave_go_before_recorded_ones() {
    let claims = json!({"iss": "https://sts.example"});
    let unnamed = signed(&json!({"alg": "EdDSA"}), &claims);
    let named = signed(&json!({"alg": "EdDSA", "kid": "1"}), &claims);
    let of_other = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}],
        "issuer": "https://sts.example"});
    let mut keys = VerificationKeys::default();
    keys.add(ED25519_SPKI.as_bytes(), &Origin::Recording).unwrap();
    for token in [&unnamed, &named] {
        assert!(matches!(keys.verify(token), Signature::Verified { trust: Trust::IntegrityOnly, .. }));
    }
    keys.add(of_other.to_string().as_bytes(), &file()).unwrap();
    for token in [&unnamed, &named] {
        assert_eq!(code(&keys.verify(token)), "signature-mismatch");
    }
    keys.add(ED25519_SPKI.as_bytes(), &file()).unwrap();
    assert!(keys.verify(&unnamed).is_pinned());
    assert_eq!(keys.keys().len(), 3);
    keys.add(ED25519_SPKI.as_bytes(), &file()).unwrap();
    assert_eq!(keys.keys().len(), 3, "the same key again");
}

#[test]
fn what_nobody_but_the_receiver_can_verify_is_never_called_invalid() {
    let all = {
        let mut keys = keys(pem("CERTIFICATE", GOLDEN_CERTIFICATE) + ED25519_SPKI);
        keys.add_secret(&Secret::new(b"secret".to_vec()), &file()).unwrap();
        keys
    };
    let by = |header: Value| {
        let header = encode(header.to_string().as_bytes());
        token(&format!("{header}.{}.{}", encode(b"{}"), encode(&[7; 256])))
    };
    let cases = [
        (by(json!({"alg": "RS256", "x5t": GOLDEN_X5T, "nonce": "n"})), "header-nonce"),
        (by(json!({"alg": "HS256", "ctx": "c"})), "derived-key"),
        (by(json!({"alg": "RS256", "x5t": GOLDEN_X5T, "crit": ["exp"], "exp": 1})), "critical-extension"),
        (by(json!({"alg": "RS256", "x5t": GOLDEN_X5T, "crit": ["b64"], "b64": false})), "unencoded-payload"),
        (by(json!({"alg": "RS256", "x5t": GOLDEN_X5T, "b64": "false"})), "unencoded-payload"),
        (by(json!({"alg": "RS256", "x5t": GOLDEN_X5T, "b64": true})), "signature-mismatch"),
        (by(json!({"alg": "rs256", "x5t": GOLDEN_X5T})), "unknown-algorithm"),
        (by(json!({"alg": "XS256", "x5t": GOLDEN_X5T})), "unknown-algorithm"),
        (by(json!({"alg": 5, "x5t": GOLDEN_X5T})), "unknown-algorithm"),
        (by(json!({"x5t": GOLDEN_X5T})), "unknown-algorithm"),
        (by(json!({"alg": "RS1", "x5t": GOLDEN_X5T})), "unsupported-algorithm"),
        (by(json!({"alg": "NoNe", "x5t": GOLDEN_X5T})), "absent"),
        (by(json!({"alg": "dir", "enc": "A256GCM"})), "encrypted"),
    ];
    for (token, expected) in &cases {
        assert_eq!(code(&all.verify(token)), *expected, "{:?}", token.header);
    }
    for (defect, raw, expected) in [
        (Defect::Redacted, format!("{}.e30.", encode(br#"{"alg":"RS256"}"#)), "redacted"),
        (Defect::Redacted, format!("{}.e30", encode(br#"{"alg":"RS256"}"#)), "redacted"),
        (Defect::Redacted, format!("{}.e30.redacted", encode(br#"{"alg":"RS256"}"#)), "redacted"),
        (Defect::Redacted, format!("{}.e30.[x]", encode(br#"{"alg":"RS256"}"#)), "redacted"),
        (Defect::Redacted, ACTOR.replace(".eyJhdWQi", ".eyJhdWQx"), "redacted"),
        (Defect::Redacted, "[REDACTED]".into(), "redacted"),
        (Defect::TooLarge, ACTOR[..600].into(), "too-large"),
        (Defect::Redacted, ACTOR.into(), "verified"),
    ] {
        let mut token = token(&raw);
        token.defects.push(defect);
        assert_eq!(code(&all.verify(&token)), expected, "{raw}");
    }
}

#[test]
fn what_a_token_brings_along_is_no_key() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for (name, value) in [
        ("jwk", jwk),
        ("x5c", json!([EXPIRED_CERTIFICATE])),
        ("jku", json!("https://x/")),
        ("x5u", json!("https://x/")),
    ] {
        let token = signed(&json!({"alg": "EdDSA", name: value}), &json!({}));
        for keys in [VerificationKeys::default(), keys(GOLDEN_CERTIFICATE)] {
            let answer = keys.verify(&token);
            assert_eq!(answer.as_str(), "unverifiable", "{name}");
            assert!(answer.reason().unwrap().text.contains(name), "{answer:?}");
        }
    }
}

#[test]
fn a_public_key_is_never_a_secret() {
    let spki = GOLDEN_SPKI.as_bytes();
    let modulus = base64::decode(GOLDEN_MODULUS).unwrap().bytes;
    let certificate = base64_of(GOLDEN_CERTIFICATE);
    let jwks = golden_jwks();
    for source in [GOLDEN_SPKI, GOLDEN_PKCS1, GOLDEN_CERTIFICATE, &jwks] {
        let keys = keys(source);
        for secret in [spki, &modulus, &certificate, source.as_bytes(), b""] {
            for names in [json!({"alg": "HS256"}), json!({"alg": "HS256", "kid": GOLDEN_X5T})] {
                let token = signed_with(&names, &json!({}), &EncodingKey::from_secret(secret), Algorithm::HS256);
                assert!(matches!(code(&keys.verify(&token)), "no-secret" | "algorithm-key-mismatch"), "{names}");
            }
        }
    }
}

#[test]
fn secrets() {
    let add = |secret: &[u8]| {
        let mut keys = VerificationKeys::default();
        keys.add_secret(&Secret::new(secret.to_vec()), &file()).map(|_| keys)
    };
    let of = |secret: &[u8]| {
        signed_with(&json!({"alg": "HS256"}), &json!({}), &EncodingKey::from_secret(secret), Algorithm::HS256)
    };
    let secret = b"0123456789abcdef0123456789abcdef";
    let text = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    assert_eq!(remarks(&add(secret).unwrap().verify(&of(secret))), ["found-by-trial"]);
    assert_eq!(remarks(&add(text.as_bytes()).unwrap().verify(&of(secret))), ["found-by-trial"]);
    assert_eq!(remarks(&add(text.as_bytes()).unwrap().verify(&of(text.as_bytes()))), ["found-by-trial"]);
    assert_eq!(remarks(&add(b"short").unwrap().verify(&of(b"short"))), ["found-by-trial", "weak-key"]);
    assert_eq!(code(&add(b"other").unwrap().verify(&of(secret))), "no-key-verifies");
    assert_eq!(code(&keys(GOLDEN_SPKI).verify(&of(secret))), "no-secret");
    assert_eq!(code(&VerificationKeys::default().verify(&of(secret))), "no-secret");
    assert!(matches!(add(b""), Err(KeyError::NoKey { .. })));
    assert!(!format!("{:?}", add(secret)).contains("0123456789"));

    let oct = json!({"kty": "oct", "k": A1_KEY});
    let rsa = json!({"kty": "RSA", "n": GOLDEN_MODULUS, "e": "AQAB"});
    let set = |keys: &[&Value]| json!({"keys": keys}).to_string();
    let mut keys = VerificationKeys::default();
    let mixed = keys.add(set(&[&oct, &rsa]).as_bytes(), &file()).unwrap();
    assert_eq!((mixed.keys.len(), mixed.skipped[0].which.as_str()), (1, "key 1"));
    assert!(keys.add(set(&[&oct]).as_bytes(), &Origin::Recording).is_err());
    assert_eq!(code(&keys.verify(&token(A1))), "no-secret");
    keys.add(set(&[&oct]).as_bytes(), &file()).unwrap();
    assert!(keys.verify(&token(A1)).is_pinned());
}

#[test]
fn lax_base64_is_verified_as_sent() {
    let mut keys = VerificationKeys::default();
    let secret = b"0123456789abcdef0123456789abcdef";
    keys.add_secret(&Secret::new(secret.to_vec()), &file()).unwrap();
    let header = encode(br#"{"alg":"HS256"}"#);
    let sign = |input: &str| {
        jsonwebtoken::crypto::sign(input.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256).unwrap()
    };
    install_provider();
    for payload in ["e30", "e30=", "eyJhIjoiPz8_In0", "eyJhIjoiPz8/In0=", "e31"] {
        let input = format!("{header}.{payload}");
        let signature = sign(&input);
        let strict = matches!(payload, "e30" | "eyJhIjoiPz8_In0");
        let lax = if strict { vec!["found-by-trial"] } else { vec!["found-by-trial", "lax-base64"] };
        assert_eq!(remarks(&keys.verify(&token(&format!("{input}.{signature}")))), lax, "{payload}");
        let padded = format!("{input}.{signature}=");
        assert_eq!(remarks(&keys.verify(&token(&padded))), ["found-by-trial", "lax-base64"], "{payload}");
    }
    let strict = sign(&format!("{header}.e30"));
    assert_eq!(code(&keys.verify(&token(&format!("{header}.e30=.{strict}")))), "no-key-verifies");
}

#[test]
fn an_expired_certificate_verifies_and_says_so() {
    let keys = keys(EXPIRED_CERTIFICATE);
    let answer = keys.verify(&signed(&json!({"alg": "EdDSA", "x5t": EXPIRED_X5T}), &json!({})));
    let certificate = answer.key().unwrap().certificate.as_ref().unwrap();
    assert_eq!(certificate.validity(Timestamp::from_seconds(1_767_225_600)), Validity::Expired);
    assert_eq!(certificate.validity(Timestamp::from_seconds(1_560_000_000)), Validity::Valid);
    assert_eq!(
        (certificate.thumbprint().as_str(), certificate.x5t_s256().as_str()),
        (EXPIRED_THUMBPRINT, EXPIRED_X5T_S256)
    );
}

#[test]
fn damaged_keys_do_not_cost_the_others() {
    let chain = [
        "subject=sts\n".to_owned(),
        pem("CERTIFICATE", GOLDEN_CERTIFICATE),
        pem("CERTIFICATE", &GOLDEN_CERTIFICATE[..400]),
        pem("CERTIFICATE", "!"),
        pem("PRIVATE KEY", ED25519_PRIVATE),
        pem("EC PARAMETERS", "BggqhkjOPQMBBw=="),
        pem("PKCS7", "MAA="),
        pem("PUBLIC KEY", "MAA="),
        P256_SPKI.replace('\n', "\r\n"),
        "\n-----BEGIN CERTIFICATE-----\nMII".to_owned(),
    ]
    .concat();
    let added = VerificationKeys::default().add(chain.as_bytes(), &file()).unwrap();
    assert_eq!(added.keys.iter().map(|key| key.name()).collect::<Vec<_>>(), ["sts.example", "EC P-256"]);
    let skipped: Vec<(&str, &str)> = added.skipped.iter().map(|it| (it.which.as_str(), it.why.as_str())).collect();
    assert_eq!(
        skipped,
        [
            ("PEM block 2", "it is no X.509 certificate, or a damaged one"),
            ("PEM block 3", "it is not base64"),
            ("PEM block 4", "it is a private key; give its certificate or public key instead"),
            ("PEM block 6", "blocks of this label hold no key for signatures"),
            ("PEM block 7", "it is no public key, or a damaged one"),
            ("PEM block 9", "its last line is missing"),
        ]
    );

    let good = json!({"kty": "RSA", "n": GOLDEN_MODULUS, "e": "AQAB"});
    let unreadable = [
        (json!({"kty": "RSA", "kid": "a", "n": GOLDEN_MODULUS}), "it lacks the members of its key type"),
        (json!({"kty": "RSA", "n": "*", "e": "AQAB"}), "one of its numbers is not base64url"),
        (json!({"kty": "RSA", "n": 5, "e": "AQAB"}), "one of its numbers is not base64url"),
        (json!({"kty": "RSA", "n": "AA", "e": "AQAB"}), "its RSA modulus is too short or even"),
        (json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}), "its point is not on its curve"),
        (json!({"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}), "an Ed25519 key has 32 bytes"),
        (json!({"kty": "XYZ"}), "its key type (kty) is not known"),
        (json!({"kty": "RSA", "use": "enc", "n": GOLDEN_MODULUS, "e": "AQAB"}), "it is not for signatures (use: enc)"),
        (
            json!({"kty": "RSA", "key_ops": ["encrypt"], "n": GOLDEN_MODULUS, "e": "AQAB"}),
            "it is not for signatures (key_ops)",
        ),
        (json!({"kty": "RSA", "alg": "RSA-OAEP", "n": GOLDEN_MODULUS, "e": "AQAB"}), "it is not for signatures (alg)"),
        (
            json!({"kty": "RSA", "n": GOLDEN_MODULUS, "e": "AQAB", "x5c": [EXPIRED_CERTIFICATE]}),
            "its certificate (x5c) is for another key",
        ),
        (
            json!({"kty": "RSA", "alg": "ES256", "n": GOLDEN_MODULUS, "e": "AQAB"}),
            "its algorithm (alg) is for keys of another kind",
        ),
        (json!({"kty": "RSA", "alg": "RS224", "n": GOLDEN_MODULUS, "e": "AQAB"}), "its algorithm (alg) is not known"),
        (json!({"kty": "RSA", "x5c": ["*"]}), "its x5c is not base64"),
        (
            json!({"usage": "encryption", "keyValue": {"value": GOLDEN_CERTIFICATE}}),
            "it is not for signatures (usage: encryption)",
        ),
        (json!({"keyValue": {"type": "rsa", "value": GOLDEN_CERTIFICATE}}), "its value is no certificate"),
        (
            json!({"keyValue": {"type": "x509Certificate", "value": "AAAA"}}),
            "it is no X.509 certificate, or a damaged one",
        ),
        (json!({"keyValue": 5}), "its value is no certificate"),
        (json!({}), "it is neither a JWK (kty) nor a key of metadata (keyValue)"),
        (json!("x"), "it is neither a JWK (kty) nor a key of metadata (keyValue)"),
    ];
    for (key, why) in unreadable {
        let document = json!({"keys": [key, good]});
        let added = VerificationKeys::default().add(document.to_string().as_bytes(), &file()).unwrap();
        assert_eq!((added.keys.len(), added.skipped.len(), added.skipped[0].why.as_str()), (1, 1, why));
        let kid = if key.get("kid").is_some() { "key 1 (kid a)" } else { "key 1" };
        assert_eq!(added.skipped[0].which, kid);
        let alone = VerificationKeys::default().add(json!({"keys": [key]}).to_string().as_bytes(), &file());
        assert!(matches!(alone, Err(KeyError::NoKey { ref skipped, .. }) if skipped.len() == 1), "{alone:?}");
    }
}

#[test]
fn the_curves_beyond_the_common_ones_are_verified_too() {
    use k256::ecdsa::signature::Signer as _;
    let input = |algorithm: &str| {
        let header = json!({"alg": algorithm, "kid": "p"}).to_string();
        format!("{}.{}", encode(header.as_bytes()), encode(br#"{"iss":"a"}"#))
    };
    let jwk = |curve: &str, point: &[u8]| {
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({"keys": [{"kty": "EC", "crv": curve, "kid": "p", "x": encode(x), "y": encode(y)}]}).to_string()
    };
    let p521 = p521::ecdsa::SigningKey::from_slice(&[1; 66]).unwrap();
    let k256 = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let of_p521 = |text: &str| {
        let signature: p521::ecdsa::Signature = p521.sign(text.as_bytes());
        signature.to_bytes().to_vec()
    };
    let of_k256 = |text: &str| {
        let signature: k256::ecdsa::Signature = k256.sign(text.as_bytes());
        signature.to_bytes().to_vec()
    };
    // The other value of `s` that fits, which that crate by itself refuses.
    let high = |text: &str| {
        let signature: k256::ecdsa::Signature = k256.sign(text.as_bytes());
        let (r, s) = signature.split_scalars();
        k256::ecdsa::Signature::from_scalars(r, -*s).unwrap().to_bytes().to_vec()
    };
    let point = p521::ecdsa::VerifyingKey::from(&p521).to_encoded_point(false);
    let keys_p521 = jwk("P-521", point.as_bytes());
    let keys_k256 = jwk("secp256k1", k256.verifying_key().to_encoded_point(false).as_bytes());
    for (algorithm, set, signature) in [
        ("ES512", &keys_p521, of_p521(&input("ES512"))),
        ("ES256K", &keys_k256, of_k256(&input("ES256K"))),
        ("ES256K", &keys_k256, high(&input("ES256K"))),
    ] {
        let set = keys(set.clone());
        let text = input(algorithm);
        let good = token(&format!("{text}.{}", encode(&signature)));
        assert_eq!(set.verify(&good).as_str(), "verified", "{algorithm}");
        let mut other = signature;
        other[10] ^= 1;
        let bad = token(&format!("{text}.{}", encode(&other)));
        assert_eq!(set.verify(&bad).as_str(), "invalid", "{algorithm}");
    }
}

#[test]
fn keys_of_kinds_that_cannot_be_verified_with_are_known_by_kind() {
    let keys = keys(json!({"keys": [{"kty": "OKP", "crv": "Ed448", "kid": "p", "x": "AQ"}]}).to_string());
    assert_eq!(keys.keys().next().unwrap().kind, KeyKind::Unsupported("Ed448"));
    let token = signed(&json!({"alg": "EdDSA", "kid": "p"}), &json!({}));
    assert_eq!(code(&keys.verify(&token)), "unsupported-algorithm");
}

#[test]
fn other_files_are_refused_with_what_is_accepted() {
    let discovery = json!({"issuer": "https://sts.example", "jwks_uri": "https://sts.example/keys"}).to_string();
    let add = |bytes: &[u8]| VerificationKeys::default().add(bytes, &file()).unwrap_err();
    for bytes in [
        &b""[..],
        b"\xff\xfe\x00",
        b"hello",
        b"5",
        b"0",
        b"{}",
        b"[]",
        b"[1]",
        b"<html></html>",
        b"\x30\x00",
        b"\x89PNG",
    ] {
        let error = add(bytes);
        assert!(matches!(error, KeyError::Unknown | KeyError::NoKey { .. }), "{bytes:?} {error:?}");
    }
    assert!(add(b"hello").to_string().contains("JWKS"));
    assert!(matches!(add(b"{\"keys\":"), KeyError::Json(_)));
    assert_eq!(add(discovery.as_bytes()), KeyError::Discovery);
    assert!(add(b"{\"keys\":[]}").to_string().starts_with("no key in this JWKS"));
    assert!(add(pem("RSA PRIVATE KEY", "AAAA").as_bytes()).to_string().contains("private key"));
    assert!(matches!(add(&vec![b' '; Limits::default().decoded_body + 1]), KeyError::TooLong { .. }));
}

#[test]
fn limits() {
    let limits = Limits { signing_keys: 4, key_trials: 2, ..Limits::default() };
    let secret = |index: u8| json!({"kty": "oct", "k": encode(&[index; 32])});
    let document = json!({"keys": (0..9).map(secret).collect::<Vec<_>>()}).to_string();
    let mut keys = VerificationKeys::new(&limits);
    let added = keys.add(document.as_bytes(), &file()).unwrap();
    assert_eq!((added.keys.len(), added.beyond_limit, keys.keys().len()), (4, 5, 4));
    let of = |index: u8| {
        signed_with(&json!({"alg": "HS256"}), &json!({}), &EncodingKey::from_secret(&[index; 32]), Algorithm::HS256)
    };
    assert!(keys.verify(&of(1)).is_pinned());
    assert_eq!(code(&keys.verify(&of(2))), "too-many-keys");
    assert_eq!(code(&keys.verify(&of(200))), "too-many-keys");
}

#[test]
fn the_set_can_be_shared() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Arc::new(VerificationKeys::default()));
}

proptest! {
    #[test]
    fn hostile_sources_and_tokens_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[{<\"a-zA-Z0-9:.,>}\\]=/ -]{0,80}") {
        let mut keys = VerificationKeys::default();
        let _ = keys.add(&bytes, &Origin::Recording);
        let _ = keys.add(text.as_bytes(), &Origin::Recording);
        static KEYS: LazyLock<VerificationKeys> = LazyLock::new(|| self::keys(P256_SPKI));
        prop_assert_ne!(keys.verify(&token(&text)).as_str(), "verified");
        prop_assert_ne!(KEYS.verify(&token(&text)).as_str(), "verified");
    }

    #[test]
    fn a_changed_token_is_never_verified(index in 0_usize..1000, character in "[A-Za-z0-9_-]") {
        static ORIGINAL: LazyLock<Token> =
            LazyLock::new(|| signed(&json!({"alg": "EdDSA", "x5t": EXPIRED_X5T}), &json!({"iss": "a"})));
        static KEYS: LazyLock<VerificationKeys> = LazyLock::new(|| keys(EXPIRED_CERTIFICATE));
        let original = &*ORIGINAL;
        let mut raw = original.raw.reveal().to_string();
        let index = index % raw.len();
        raw.replace_range(index..=index, &character);
        // The last character's unused bits belong to no byte.
        prop_assume!(index + 1 < raw.len() && raw != **original.raw.reveal());
        prop_assert_ne!(KEYS.verify(&token(&raw)).as_str(), "verified");
    }

    #[test]
    fn a_damaged_certificate_is_survived(index in 0_usize..353, byte in any::<u8>()) {
        let mut bytes = base64_of(EXPIRED_CERTIFICATE);
        bytes[index] = byte;
        let mut keys = VerificationKeys::default();
        if let Ok(added) = keys.add(&bytes, &file()) {
            let certificate = added.keys[0].certificate.as_ref().unwrap();
            prop_assert_eq!(certificate.thumbprint() == EXPIRED_THUMBPRINT, bytes == base64_of(EXPIRED_CERTIFICATE));
        }
    }
}
