use crate::{
    finding::Severity,
    handshake::signatures::Signature,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, TokenKind, mask, verify},
};

declare_rule! {
    /// Nothing signs the token: `alg` is `none`, or the signature is empty. It is critical for a token that was presented or
    /// posted as assertion, medium for one a token endpoint issued, low elsewhere, and information for the outer token of
    /// server-to-server OAuth, which is unsigned by design while the actor token inside is signed.
    ///
    /// # Evidence
    /// `alg` and the length of the signature.
    ///
    /// # Traps
    /// An outer token whose actor token is not signed, or whose actor token's signature is wrong, is no such case. A
    /// signature an exporter took out is not missing. OpenID Connect lets a token endpoint issue an unsigned id_token.
    pub(crate) AlgNone = "JWT-001" "alg-none" Critical,
    title: "A token is not signed",
    remedy: "Refuse it at the receiver: pin the accepted algorithms per issuer, and require a signature over every layer.",
    source: "RFC 8725 §3.1, §3.2; RFC 7519 §6",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.2",
}

impl Rule for AlgNone {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole() && layer.token.is_unsigned()) {
            let wrong = |actor: &Token| {
                summary.signatures.result(actor.id).is_some_and(|state| state.signature == Signature::Invalid)
            };
            let actor = layer.token.actor.as_deref().filter(|_| layer.token.kind == TokenKind::S2sOuter);
            let by_design =
                actor.is_some_and(|actor| !actor.is_unsigned() && verify::is_asymmetric(actor) && !wrong(actor));
            let severity = match () {
                () if by_design => Severity::Info,
                () if layer.facts.presented > 0 || layer.facts.asserted => Severity::Critical,
                () if layer.facts.issued => Severity::Medium,
                () => Severity::Low,
            };
            let algorithm = mask::text(&layer.token.algorithm());
            let why = if by_design { ", by design: the actor token inside is signed" } else { "" };
            let detail = format!("{} with alg \"{algorithm}\"{why}", layer.token.kind);
            for draft in layer.drafts(Self::META, "alg", &algorithm) {
                let draft = draft.severity(severity).detail(detail.clone());
                context.find(if by_design { draft.title("An outer token is unsigned by design") } else { draft });
            }
        }
    }
}
