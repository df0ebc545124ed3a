use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{mask, verify::HmacStatement},
};

declare_rule! {
    /// The token's HMAC was made with the text of a public key that was given or seen: whoever reads the key can write
    /// tokens, and a receiver that takes the algorithm from the token accepts them.
    ///
    /// # Evidence
    /// `alg`, the key, and the form of its text.
    ///
    /// # Traps
    /// The usual forms of the text are tried: SubjectPublicKeyInfo and PKCS #1 as PEM, with and without the last line
    /// break, and as DER; and no more keys than the limit of trials. Other forms go unseen.
    pub(crate) HmacWithPublicKey = "JWT-033" "hmac-with-public-key" Critical,
    title: "A token's HMAC was made with a public key",
    remedy: "Pin the accepted algorithms per issuer at the receiver; find out who sent the token.",
    source: "RFC 8725 §2.1, §3.1",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-2.1",
}

impl Rule for HmacWithPublicKey {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let given = context.policy.keys.clone();
        // Made once, and only where there is an HMAC.
        let mut texts = None;
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some(statement) = HmacStatement::of(layer.token) else { continue };
            let texts = texts.get_or_insert_with(|| {
                let given = given.texts().map(|text| (text, "that was given"));
                given.chain(summary.recorded.texts().map(|text| (text, "that was seen"))).collect::<Vec<_>>()
            });
            let Some((known, whence)) = texts.iter().find(|(known, _)| statement.is_by(&known.text)) else { continue };
            let algorithm = layer.token.algorithm();
            let detail =
                format!("alg \"{algorithm}\", key {} {whence}, as {}", mask::text(&known.key.name()), known.form);
            for draft in layer.drafts(Self::META, "alg", &algorithm) {
                context.find(draft.detail(detail.clone()));
            }
        }
    }
}
