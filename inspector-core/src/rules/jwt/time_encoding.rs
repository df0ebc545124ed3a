use serde_json::Value;

use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Defect, Token},
};

declare_rule! {
    /// A time in the token is not a plain number of seconds: a string, milliseconds, a Windows FILETIME, a fraction, or with
    /// leading zeros. It was normalised; receivers that go by the letter of RFC 7519 refuse it.
    ///
    /// # Evidence
    /// The claim and its form.
    ///
    /// # Traps
    /// Strings are right in tokens of server-to-server OAuth, by its own specification.
    pub(crate) TimeEncoding = "JWT-014" "time-encoding" Info,
    title: "A token's times are not plain numbers of seconds",
    remedy: "Nothing to do unless a receiver refuses the token; then write NumericDate values.",
    source: "RFC 7519 §2; [MS-XOAUTH] §2.2",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-2",
}

impl Rule for TimeEncoding {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger) {
            for (claim, form) in forms(layer.token) {
                let value = layer.token.claim(claim).unwrap_or_default();
                for draft in layer.drafts(Self::META, claim, &value) {
                    context.find(draft.detail(format!("{}: {claim} as {form}", layer.token.kind)));
                }
            }
        }
    }
}

fn forms(token: &Token) -> Vec<(&'static str, &'static str)> {
    let told = token.defects.iter().filter_map(|defect| match defect {
        Defect::TimeEncoding { claim, form } => Some((*claim, *form)),
        _ => None,
    });
    let padded = ["nbf", "exp", "iat"].into_iter().filter_map(|claim| match token.claims.get(claim) {
        Some(Value::String(text)) if text.len() > 1 && text.starts_with('0') => Some((claim, "leading zeros")),
        _ => None,
    });
    told.chain(padded).collect()
}
