use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{TokenKind, mask},
};

declare_rule! {
    /// The token is encrypted: what it says cannot be read, and most rules cannot judge it.
    ///
    /// # Evidence
    /// `alg` and `enc`.
    ///
    /// # Traps
    /// That is no fault. Answers of brokers and some identity providers are encrypted by design.
    pub(crate) JweOpaque = "JWT-017" "jwe-opaque" Info,
    title: "A token is encrypted and was not judged",
    remedy: "Nothing to do; to judge it, record where it is decrypted.",
    source: "RFC 7516",
    reference: "https://www.rfc-editor.org/rfc/rfc7516",
}

impl Rule for JweOpaque {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.token.kind == TokenKind::Jwe) {
            let encryption = layer.token.parameter("enc").unwrap_or_default();
            let detail =
                format!("alg \"{}\", enc \"{}\"", mask::text(&layer.token.algorithm()), mask::text(&encryption));
            for draft in layer.drafts(Self::META, "enc", &encryption) {
                context.find(draft.detail(detail.clone()));
            }
        }
    }
}
