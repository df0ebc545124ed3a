use std::collections::{BTreeMap, BTreeSet};

use super::Layer;
use crate::{
    http::base64,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    secret::Fingerprint,
};

/// Distinct values of bytes in a signature below which something else was put in its place.
const FEWEST_VALUES: usize = 12;
/// Shortest signature that is compared, in bytes.
const SHORTEST: usize = 32;

declare_rule! {
    /// Two tokens contradict each other: they have one signature but say different things, or they say the same and have
    /// two signatures of an algorithm that gives just one. One of them is forged, whatever the key is.
    ///
    /// # Evidence
    /// The algorithm, and both tokens' fingerprints.
    ///
    /// # Traps
    /// RSASSA-PSS and most ECDSA signatures differ each time. What stands in the place of signatures in a sanitised recording
    /// is alike in all tokens, also of other issuers and headers, or of few different bytes; then nothing is said of the first.
    pub(crate) SignatureReused = "JWT-031" "signature-reused" High,
    title: "Two tokens contradict each other by their signatures",
    remedy: "Refuse both at the receiver, which has to verify signatures; find out who changed one of them.",
    source: "RFC 7515 §5.2; RFC 8725 §3.3; RFC 8017 §8.2.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.3",
}

impl Rule for SignatureReused {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let mut by_signature: BTreeMap<Fingerprint, Vec<Signed<'_>>> = BTreeMap::new();
        let mut by_text: BTreeMap<Fingerprint, Vec<Signed<'_>>> = BTreeMap::new();
        let signed = super::layers(context.ledger).filter(|layer| layer.is_readable()).filter_map(Signed::of);
        for token in signed {
            by_text.entry(token.text).or_default().push(token.clone());
            by_signature.entry(token.signature).or_default().push(token);
        }
        for group in by_signature.values() {
            let texts: BTreeSet<Fingerprint> = group.iter().map(|one| one.text).collect();
            let issuers: BTreeSet<&str> = group.iter().map(|one| one.issuer.as_str()).collect();
            let headers: BTreeSet<&str> = group.iter().map(|one| one.header).collect();
            let plain = group.iter().any(|one| one.is_plain);
            if texts.len() > 1 && !plain && issuers.len() == 1 && headers.len() == 1 {
                report(group, "one signature over different claims", context);
            }
        }
        for group in by_text.values() {
            let signatures: BTreeSet<Fingerprint> = group.iter().map(|one| one.signature).collect();
            if signatures.len() > 1 && group.iter().all(|one| one.is_deterministic) {
                report(group, "different signatures over the same claims", context);
            }
        }
    }
}

fn report(group: &[Signed<'_>], what: &str, context: &mut Context<'_>) {
    let ids: BTreeSet<String> = group.iter().map(|one| one.layer.token.id.to_string()).collect();
    let ids = ids.into_iter().take(4).collect::<Vec<_>>().join(", ");
    for one in group.iter().filter(|one| one.layer.is_used()) {
        for draft in one.layer.drafts(SignatureReused::META, "alg", &one.layer.token.algorithm()) {
            context.find(draft.subject(one.signature.to_string()).detail(format!("{what}: tokens {ids}")));
        }
    }
}

/// A token with a signature.
#[derive(Clone)]
struct Signed<'l> {
    layer: std::rc::Rc<Layer<'l>>,
    header: &'l str,
    text: Fingerprint,
    signature: Fingerprint,
    issuer: String,
    is_deterministic: bool,
    /// It has few different bytes.
    is_plain: bool,
}

impl<'l> Signed<'l> {
    fn of(layer: Layer<'l>) -> Option<Self> {
        let token = layer.token;
        let (text, signature) = token.raw.reveal().rsplit_once('.')?;
        let (header, _) = text.split_once('.')?;
        if token.signature_length < SHORTEST || token.is_unsigned() {
            return None;
        }
        let signature = base64::decode(signature)?.bytes;
        let values: BTreeSet<u8> = signature.iter().copied().collect();
        let algorithm = token.algorithm();
        Some(Self {
            header,
            text: Fingerprint::of(text.as_bytes()),
            signature: Fingerprint::of(&signature),
            issuer: token.claim("iss").unwrap_or_default().into_owned(),
            is_deterministic: ["RS", "HS", "EdDSA", "Ed"].iter().any(|start| algorithm.starts_with(start)),
            is_plain: values.len() < FEWEST_VALUES,
            layer: std::rc::Rc::new(layer),
        })
    }
}
