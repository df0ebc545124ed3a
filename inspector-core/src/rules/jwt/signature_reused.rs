use std::collections::{BTreeMap, BTreeSet, HashMap};

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
        let ledger = context.ledger;
        let signed = || super::layers(ledger).filter(|layer| layer.is_readable()).filter_map(Signed::of);
        // Nearly every token has its text and the end of its signature to itself.
        let (mut texts, mut ends) = (HashMap::new(), HashMap::new());
        for one in signed() {
            *texts.entry(one.text).or_insert(0_u32) += 1;
            *ends.entry(one.end()).or_insert(0_u32) += 1;
        }
        let is_several = |count: Option<&u32>| count.is_some_and(|count| *count > 1);
        let may_share = |one: &Signed<'_>| is_several(texts.get(one.text)) || is_several(ends.get(&one.end()));
        let all: Vec<Signed<'_>> = signed().filter(may_share).collect();
        let mut by_signature: BTreeMap<&[u8], Vec<&Signed<'_>>> = BTreeMap::new();
        let mut by_text: BTreeMap<&str, Vec<&Signed<'_>>> = BTreeMap::new();
        for one in &all {
            by_text.entry(one.text).or_default().push(one);
            by_signature.entry(&one.signature).or_default().push(one);
        }
        for group in by_signature.values() {
            let texts: BTreeSet<&str> = group.iter().map(|one| one.text).collect();
            let issuers: BTreeSet<String> = group.iter().map(|one| one.issuer()).collect();
            let headers: BTreeSet<&str> = group.iter().map(|one| one.header).collect();
            if texts.len() > 1 && issuers.len() == 1 && headers.len() == 1 && !group.iter().any(|one| one.is_plain()) {
                report(group, "one signature over different claims", context);
            }
        }
        for group in by_text.values() {
            let signatures: BTreeSet<&[u8]> = group.iter().map(|one| &*one.signature).collect();
            if signatures.len() > 1 && group.iter().all(|one| one.is_deterministic()) {
                report(group, "different signatures over the same claims", context);
            }
        }
    }
}

fn report(group: &[&Signed<'_>], what: &str, context: &mut Context<'_>) {
    let ids: BTreeSet<String> = group.iter().map(|one| one.layer.token.id.to_string()).collect();
    let ids = ids.into_iter().take(4).collect::<Vec<_>>().join(", ");
    // Where one was refused wherever it came, it is the forged one, and nothing is wrong with the other.
    let is_forged = |one: &&&Signed<'_>| {
        let facts = one.layer.facts;
        facts.presented > 0 && facts.presented_to.iter().all(|host| facts.is_refused_by(*host))
    };
    let forged = group.iter().filter(is_forged).count();
    let told = |one: &&&Signed<'_>| forged == 0 || forged == group.len() || is_forged(one);
    for one in group.iter().filter(|one| one.layer.is_used()).filter(told) {
        let subject = Fingerprint::of(&one.signature).to_string();
        for draft in one.layer.drafts(SignatureReused::META, "alg", &one.layer.token.algorithm()) {
            context.find(draft.subject(subject.clone()).detail(format!("{what}: tokens {ids}")));
        }
    }
}

/// A token with a signature.
struct Signed<'l> {
    layer: Layer<'l>,
    header: &'l str,
    /// Header and claims as they were signed.
    text: &'l str,
    signature: Vec<u8>,
}

impl<'l> Signed<'l> {
    fn of(layer: Layer<'l>) -> Option<Self> {
        let token = layer.token;
        let (text, signature) = token.raw.reveal().rsplit_once('.')?;
        let (header, _) = text.split_once('.')?;
        if token.signature_length < SHORTEST || token.is_unsigned() {
            return None;
        }
        Some(Self { header, text, signature: base64::decode(signature)?.bytes, layer })
    }

    /// The last bytes of the signature.
    fn end(&self) -> [u8; 8] {
        self.signature.last_chunk().copied().unwrap_or_default()
    }

    fn issuer(&self) -> String {
        self.layer.token.claim("iss").unwrap_or_default().into_owned()
    }

    fn is_deterministic(&self) -> bool {
        let algorithm = self.layer.token.algorithm();
        ["RS", "HS", "EdDSA", "Ed"].iter().any(|start| algorithm.starts_with(start))
    }

    /// The signature has few different bytes.
    fn is_plain(&self) -> bool {
        self.signature.iter().collect::<BTreeSet<_>>().len() < FEWEST_VALUES
    }
}
