//! Other people's test vectors, where they are: Wycheproof's JWS vectors and the cookbook of JOSE (RFC 7520).
//!
//! They are read in place, beside the project, and the tests say so and end where they are not there. Every exception has
//! its reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stderr)]

use std::{fs, path::PathBuf};

use inspector_core::{
    limits::Limits,
    token::{
        compact,
        verify::{Origin, Signature, VerificationKeys},
    },
};
use serde_json::{Value, json};

/// A document of the corpus, if it is there.
fn document(path: &str) -> Option<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/jwt").join(path);
    let Ok(text) = fs::read_to_string(&path) else {
        eprintln!("skipped: {path:?} is not there");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// What the program says of a token with that key; a key that cannot be used is none.
fn verified(token: &str, key: &Value) -> Signature {
    let mut keys = VerificationKeys::default();
    let _ = keys.add(key.to_string().as_bytes(), &Origin::File("vector".into()));
    keys.verify(&compact::decode(token, &Limits::default()))
}

const fn word(signature: &Signature) -> &'static str {
    match signature {
        Signature::Verified { .. } => "verified",
        Signature::Invalid { .. } => "invalid",
        Signature::Unverifiable { .. } => "unverifiable",
        Signature::Absent => "absent",
    }
}

/// Vectors whose answer here is not the file's: number, answer, reason.
const EXCEPTIONS: [(u64, &str, &str); 9] = [
    (346, "invalid", "the key says alg PS256, the token PS384: a key is used for its own algorithm (RFC 8725 §3.1)"),
    (350, "invalid", "as 346"),
    (347, "unverifiable", "ES512 is not among the algorithms of the library that does the cryptography"),
    (351, "unverifiable", "as 347"),
    (
        367,
        "verified",
        "the padding its comment names is not in the file: the text is a whole token, and its MAC is right",
    ),
    (370, "verified", "as 367, with the same text"),
    (372, "unverifiable", "valid only for a reader that drops foreign characters before decoding"),
    (373, "unverifiable", "as 372"),
    (
        375,
        "verified",
        "the MAC is over the text as sent, whose last bits are not zero: the remark lax-base64 and JWT-016 say so",
    ),
];

#[test]
fn json_web_signatures() {
    let Some(document) = document("C2SP+wycheproof/json_web_signature_test.json") else { return };
    let (mut wrong, mut count) = (Vec::new(), 0);
    for group in document["testGroups"].as_array().unwrap() {
        let key = if group["public"].is_null() { &group["private"] } else { &group["public"] };
        for test in group["tests"].as_array().unwrap() {
            count += 1;
            let (number, comment) = (test["tcId"].as_u64().unwrap(), test["comment"].as_str().unwrap());
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let signature = verified(&token, key);
            let answer = word(&signature);
            let is_right = match EXCEPTIONS.iter().find(|(exception, ..)| *exception == number) {
                Some((_, expected, _)) => answer == *expected,
                None => (answer == "verified") == (test["result"] == "valid"),
            };
            if !is_right {
                wrong.push(format!("{number} {comment}: {answer}, not {}", test["result"]));
            }
        }
    }
    assert_eq!(count, 401);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    let lax = verified(
        "eyJraWQiOiJoczI1Ni1rZXkiLCJhbGciOiJIUzI1NiJ9.AB.9phoKDvkBMAqTgeVIYeqAi6-lvC0pbKg9ER--3T97w0",
        &json!({
        "kty": "oct", "kid": "hs256-key", "alg": "HS256", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
    );
    assert!(format!("{lax:?}").contains("LaxBase64"), "{lax:?}");
}

#[test]
fn the_cookbook() {
    for (path, expected) in [
        ("curve25519/jws.json", "verified"),
        ("jws/4_1.rsa_v15_signature.json", "verified"),
        ("jws/4_3.ecdsa_signature.json", "verified"),
        // A payload that was sent apart; one that was signed without base64.
        ("jws/4_5.signature_with_detached_content.json", "unverifiable"),
        ("rfc7797/hmac-sha2_b64_false.json", "unverifiable"),
        ("jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json", "unverifiable"),
        ("jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json", "unverifiable"),
    ] {
        let Some(document) = document(&format!("ietf-jose+cookbook/{path}")) else { return };
        let token = document["output"]["compact"].as_str().unwrap();
        assert_eq!(word(&verified(token, &document["input"]["key"])), expected, "{path}");
    }
}

/// The same from the text of RFC 7520 (sections 4 and 5), which are here in any case.
#[test]
fn the_examples_of_rfc_7520() {
    let examples: Vec<Value> = serde_json::from_str(include_str!("vectors/rfc7520.json")).unwrap();
    assert_eq!(examples.len(), 7);
    for example in examples {
        let token = example["token"].as_str().unwrap();
        assert_eq!(word(&verified(token, &example["key"])), example["signature"], "{}", example["section"]);
        // Any other character of the signature makes it another one.
        if example["signature"] == "verified" {
            let at = token.rfind('.').unwrap() + 9;
            let other = if token[at..].starts_with('A') { "B" } else { "A" };
            let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!(word(&verified(&forged, &example["key"])), "invalid", "{}", example["section"]);
        }
    }
}

/// The golden vector: whole, with an outer token around it, and with each of its changes.
#[test]
fn the_golden_vector_and_its_variants() {
    let certificate = include_str!("vectors/golden.cer.txt").trim();
    let actor = include_str!("vectors/golden.actor.txt").trim();
    let mut keys = VerificationKeys::default();
    keys.add(certificate.as_bytes(), &Origin::File("golden".into())).unwrap();
    let parts: Vec<&str> = actor.split('.').collect();
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let symmetric = encode(r#"{"typ":"JWT","alg":"HS256","x5t":"kffOifMumUumZzdvj-9dJbxzK1Y"}"#);
    let flipped = format!("{}x{}", &parts[2][..9], &parts[2][10..]);
    for (token, expected) in [
        (actor.to_owned(), "verified"),
        (format!("{}.{}.{flipped}", parts[0], parts[1]), "invalid"),
        (format!("{}.{}.AAAA", parts[0], parts[1]), "invalid"),
        (format!("{symmetric}.{}.{}", parts[1], parts[2]), "invalid"),
        (format!("{}.{}.", parts[0], parts[1]), "absent"),
    ] {
        let outer = format!(
            "{}.{}.",
            encode(r#"{"typ":"JWT","alg":"none"}"#),
            encode(&json!({"actortoken": token}).to_string())
        );
        let decoded = compact::decode(&outer, &Limits::default());
        let inner = decoded.actor.as_deref().unwrap();
        assert_eq!(word(&keys.verify(inner)), expected, "{token}");
        assert_eq!(word(&keys.verify(&decoded)), "absent");
    }
}
