//! A public key taken for the secret of an HMAC: the texts a program would read the key from (RFC 8725 §2.1).
//!
//! ```text
//! SEQUENCE { SEQUENCE { OID, parameters }, BIT STRING key }      SubjectPublicKeyInfo, PEM "PUBLIC KEY"
//! SEQUENCE { INTEGER modulus, INTEGER exponent }                 PKCS #1, PEM "RSA PUBLIC KEY"
//! ```

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    VerificationKeys,
    der::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, SEQUENCE},
    key::KeyInfo,
};
/// Characters of a line of PEM (RFC 7468 §2).
const LINE: usize = 64;

/// A public key in DER: as `SubjectPublicKeyInfo` and, of RSA keys, as `RSAPublicKey`.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    info: Vec<u8>,
    pkcs1: Option<Vec<u8>>,
}

impl Encoded {
    pub(super) fn rsa(algorithm: &[u8], modulus: &[u8], exponent: &[u8]) -> Self {
        let pkcs1 = element(SEQUENCE, &[integer(modulus), integer(exponent)].concat());
        let info = info(&[element(OBJECT_IDENTIFIER, algorithm), vec![0x05, 0x00]].concat(), &pkcs1);
        Self { info, pkcs1: Some(pkcs1) }
    }

    pub(super) fn of_curve(algorithm: &[u8], curve: &[u8], point: &[u8]) -> Self {
        let parameters = if curve.is_empty() { Vec::new() } else { element(OBJECT_IDENTIFIER, curve) };
        Self { info: info(&[element(OBJECT_IDENTIFIER, algorithm), parameters].concat(), point), pkcs1: None }
    }

    /// The texts, each with the name of its form.
    fn texts(&self) -> Vec<(Vec<u8>, &'static str)> {
        let mut all = Vec::new();
        let forms = [
            (Some(&self.info), "PUBLIC KEY", "SubjectPublicKeyInfo in PEM", "SubjectPublicKeyInfo in DER"),
            (self.pkcs1.as_ref(), "RSA PUBLIC KEY", "PKCS #1 in PEM", "PKCS #1 in DER"),
        ];
        for (der, label, as_pem, as_der) in forms {
            let Some(der) = der.filter(|der| !der.is_empty()) else { continue };
            for line_end in ["\n", "\r\n"] {
                let text = pem(label, der, line_end);
                all.push((format!("{text}{line_end}").into_bytes(), as_pem));
                all.push((text.into_bytes(), as_pem));
            }
            all.push((STANDARD.encode(der).into_bytes(), as_der));
            all.push((der.clone(), as_der));
        }
        all
    }
}

fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = element(BIT_STRING, &[&[0], key].concat());
    element(SEQUENCE, &[element(SEQUENCE, algorithm), bits].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let bytes = content.len().to_be_bytes();
    let length = bytes.iter().position(|byte| *byte != 0).and_then(|at| bytes.get(at..)).unwrap_or(&[0]);
    let mut all = vec![tag];
    match length {
        [short] if *short < 0x80 => all.push(*short),
        long => {
            all.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            all.extend_from_slice(long);
        }
    }
    all.extend_from_slice(content);
    all
}

fn integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if number.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, number].concat())
}

fn pem(label: &str, der: &[u8], line_end: &str) -> String {
    let text = STANDARD.encode(der);
    let mut lines = vec![format!("-----BEGIN {label}-----")];
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, behind) = rest.split_at_checked(LINE).unwrap_or((rest, ""));
        lines.push(line.to_owned());
        rest = behind;
    }
    lines.push(format!("-----END {label}-----"));
    lines.join(line_end)
}

/// The text of a public key, as a program reads it from a file.
pub(crate) struct KeyText<'k> {
    /// The key.
    pub(crate) key: &'k KeyInfo,
    /// The name of the text's form.
    pub(crate) form: &'static str,
    /// The text.
    pub(crate) text: Vec<u8>,
}

impl VerificationKeys {
    /// The texts of the public keys, in every form, of no more keys than
    /// [`Limits::key_trials`](crate::limits::Limits::key_trials).
    pub(crate) fn texts(&self) -> impl Iterator<Item = KeyText<'_>> {
        self.encoded()
            .take(self.trials)
            .flat_map(|(key, encoded)| encoded.texts().into_iter().map(move |(text, form)| KeyText { key, form, text }))
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::{super::pem as reader, *};
    use crate::token::verify::{HmacStatement, Origin};

    /// Every key that is read from a document becomes the text programs keep.
    #[test]
    fn texts_are_those_of_the_key() {
        let jwk =
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}"#;
        let mut keys = VerificationKeys::default();
        keys.add(jwk.as_bytes(), &Origin::Recording).unwrap();
        let (_, encoded) = keys.encoded().next().unwrap();
        let text = String::from_utf8(encoded.texts().remove(0).0).unwrap();
        assert!(reader::is_pem(&text), "{text}");
        let mut again = VerificationKeys::default();
        again.add(text.as_bytes(), &Origin::Recording).unwrap();
        assert_eq!(again.keys().next().unwrap().kind, keys.keys().next().unwrap().kind);
        for (text, form) in encoded.texts() {
            let signed = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0";
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&text).unwrap();
            mac.update(signed.as_bytes());
            let token = format!("{signed}.{}", super::super::encode(&mac.finalize().into_bytes()));
            let token = crate::token::compact::decode(&token, &crate::limits::Limits::default());
            let statement = HmacStatement::of(&token).unwrap();
            let found = keys.texts().find(|known| statement.is_by(&known.text));
            assert_eq!(found.map(|found| found.form), Some(form));
            assert!(VerificationKeys::default().texts().next().is_none());
        }
    }
}
