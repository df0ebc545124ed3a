use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use crate::{
    http::base64,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    secret::Secret,
    token::Token,
};

declare_rule! {
    /// The token's HMAC was made with a word of the list that was given: anyone can guess it and write tokens.
    ///
    /// # Evidence
    /// The number of the word in the list, not the word.
    ///
    /// # Traps
    /// Nothing is tried unless a list is given.
    pub(crate) WeakHmac = "JWT-026" "weak-hmac" High,
    title: "A token's HMAC was made with a word of the list",
    remedy: "Replace the secret by 256 random bits at least, or sign with a key pair (RS256, ES256).",
    source: "RFC 7518 §3.2; RFC 8725 §3.5",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.5",
}

impl Rule for WeakHmac {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let words = &context.policy.words;
        if words.is_empty() {
            return;
        }
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some(number) = guess(layer.token, words) else { continue };
            let algorithm = layer.token.algorithm();
            for draft in layer.drafts(Self::META, "alg", &algorithm) {
                let subject = format!("{} {number}", layer.token.claim("iss").unwrap_or_default());
                context.find(draft.subject(subject).detail(format!("word {} of the list", number + 1)));
            }
        }
    }
}

/// The position of the word the token's HMAC was made with.
fn guess(token: &Token, words: &[Secret<String>]) -> Option<usize> {
    let (signed, signature) = token.raw.reveal().rsplit_once('.')?;
    let algorithm = token.algorithm();
    if !["HS256", "HS384", "HS512"].contains(&algorithm.as_ref()) {
        return None;
    }
    let tag = base64::decode(signature)?.bytes;
    words.iter().position(|word| {
        let word = word.reveal().as_bytes();
        match algorithm.as_ref() {
            "HS256" => fits::<Hmac<Sha256>>(word, signed, &tag),
            "HS384" => fits::<Hmac<Sha384>>(word, signed, &tag),
            _ => fits::<Hmac<Sha512>>(word, signed, &tag),
        }
    })
}

fn fits<M: Mac + KeyInit>(key: &[u8], signed: &str, tag: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    mac.update(signed.as_bytes());
    mac.verify_slice(tag).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    /// HS256 with the word "secret".
    const WEAK: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0";

    #[test]
    fn tries_the_words_that_were_given() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(WEAK.as_bytes());
        let token = format!("{WEAK}.{}", crate::token::testing::encode(mac.finalize().into_bytes()));
        for (words, fires) in [(vec![], false), (vec!["guess"], false), (vec!["guess", "secret"], true)] {
            let mut policy = testing::policy();
            policy.words = words.iter().map(|word| Secret::new((*word).to_owned())).collect();
            let text = format!("GET /a HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer {token}\n\nHTTP/1.1 200 OK\n\n");
            let report = testing::judge_by(policy, &text);
            let found = report.findings.iter().find(|finding| finding.meta.code == "JWT-026");
            assert_eq!(found.is_some(), fires, "{words:?}");
            assert!(found.is_none_or(|finding| finding.detail == "word 2 of the list"));
        }
    }
}
