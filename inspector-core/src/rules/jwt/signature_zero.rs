use crate::{
    finding::Severity,
    http::base64,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, mask, verify},
};

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER_P256: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
/// The order of P-384 (FIPS 186-4 §D.1.2.4).
const ORDER_P384: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0,
    0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

declare_rule! {
    /// The signature is a number no key can make: r or s of an ECDSA signature is zero or not below the curve's order, or an
    /// RSA signature is zero or one. Receivers with a known fault take the former for any text and any key.
    ///
    /// # Evidence
    /// `alg`, and which number it is.
    ///
    /// # Traps
    /// A recording that was sanitised can have zeros in the place of all signatures: then the tokens' claims tell nothing
    /// either. A token that was merely seen is low. An empty signature is the matter of JWT-001,
    /// one of an impossible length that of JWT-019 and S2S-019.
    pub(crate) SignatureZero = "JWT-032" "signature-zero" Critical,
    title: "A token's signature is a number no key can make",
    remedy: "Refuse it at the receiver, install its security updates (CVE-2022-21449), and find out who sent it.",
    source: "FIPS 186-5 §6.4.2; RFC 8017 §8.2.2; RFC 8725 §3.3",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.3",
}

impl Rule for SignatureZero {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_readable()) {
            let Some(what) = impossible(layer.token) else { continue };
            let severity = if layer.is_used() { Self::META.severity } else { Severity::Low };
            let algorithm = layer.token.algorithm();
            let detail = format!("alg \"{}\": {what}", mask::text(&algorithm));
            for draft in layer.drafts(Self::META, "alg", &algorithm) {
                context.find(draft.severity(severity).detail(detail.clone()));
            }
        }
    }
}

/// What makes the signature one no key can make.
fn impossible(token: &Token) -> Option<&'static str> {
    // A length no key gives is the matter of JWT-019 and S2S-019.
    if token.signature_length == 0 || verify::has_impossible_signature(token) {
        return None;
    }
    let (_, signature) = token.raw.reveal().rsplit_once('.')?;
    let signature = base64::decode(signature)?.bytes;
    let algorithm = token.algorithm().to_ascii_uppercase();
    if algorithm.starts_with("RS") || algorithm.starts_with("PS") {
        let (last, front) = signature.split_last()?;
        let small = front.iter().all(|byte| *byte == 0) && *last <= 1;
        return small.then_some("the RSA signature is zero or one");
    }
    if !algorithm.starts_with("ES") || signature.len() % 2 != 0 {
        return None;
    }
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    let order: &[u8] = match algorithm.as_str() {
        "ES256" => &ORDER_P256,
        "ES384" => &ORDER_P384,
        _ => &[],
    };
    let is_zero = |number: &[u8]| number.iter().all(|byte| *byte == 0);
    match (is_zero(r), is_zero(s)) {
        (true, true) => Some("r and s are zero"),
        (true, false) => Some("r is zero"),
        (false, true) => Some("s is zero"),
        _ if [r, s].iter().any(|number| number.len() == order.len() && *number >= order) => {
            Some("r or s is not below the order of the curve")
        }
        _ => None,
    }
}
