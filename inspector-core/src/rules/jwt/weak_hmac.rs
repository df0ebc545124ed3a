use std::sync::Arc;

use crate::{
    finding::{Concern, Severity},
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{verify::HmacStatement, words::WordList},
};

declare_rule! {
    /// The token's HMAC was made with a word of the list that was given, or with an empty secret: anyone can guess it and
    /// write tokens.
    ///
    /// # Evidence
    /// The number of the word in the list, not the word.
    ///
    /// # Traps
    /// Nothing but the empty secret is tried unless a list is given (`--words`). A secret that is in no list can be weak
    /// all the same.
    pub(crate) WeakHmac = "JWT-026" "weak-hmac" High,
    title: "A token's HMAC was made with a word of the list",
    remedy: "Replace the secret by 256 random bits at least, or sign with a key pair (RS256, ES256).",
    source: "RFC 7518 §3.2; RFC 8725 §3.5",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.5",
}

impl Rule for WeakHmac {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some(statement) = HmacStatement::of(layer.token) else { continue };
            if statement.is_by(b"") {
                for draft in layer.drafts(Self::META, "alg", &layer.token.algorithm()) {
                    let draft = draft.title("A token's HMAC was made with an empty secret");
                    context.find(draft.detail("the secret is empty"));
                }
            }
        }
        let words = Arc::clone(&context.policy.words);
        if words.is_empty() {
            return;
        }
        let mut trials = context.ledger.limits().word_trials;
        let mut untried = 0;
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some(statement) = HmacStatement::of(layer.token) else { continue };
            match guess(&statement, &words, &mut trials) {
                Guess::Word(number) => {
                    let algorithm = layer.token.algorithm();
                    for draft in layer.drafts(Self::META, "alg", &algorithm) {
                        let subject = format!("{} {number}", layer.token.claim("iss").unwrap_or_default());
                        context.find(draft.subject(subject).detail(format!("word {} of the list", number + 1)));
                    }
                }
                Guess::None => {}
                Guess::Limited => untried += 1,
            }
        }
        if untried > 0 || words.is_cut() {
            let detail = match untried {
                0 => "the list is longer than is read".to_owned(),
                number => format!("limit: word_trials; tokens not tried with every word: {number}"),
            };
            let draft = Self::META.about(Concern::Nothing).severity(Severity::Info).detail(detail);
            context.find(draft.title("The list of words was not tried to its end"));
        }
    }
}

/// What trying the words gave.
enum Guess {
    /// The position of the word the HMAC was made with.
    Word(usize),
    /// It is none of them.
    None,
    /// The trials were used up.
    Limited,
}

fn guess(statement: &HmacStatement<'_>, words: &WordList, trials: &mut usize) -> Guess {
    for (number, word) in words.words().enumerate() {
        let Some(left) = trials.checked_sub(1) else { return Guess::Limited };
        *trials = left;
        if statement.is_by(word) {
            return Guess::Word(number);
        }
    }
    Guess::None
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;
    use crate::{limits::Limits, rules::testing};

    /// HS256 with the word "secret".
    const WEAK: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0";

    #[test]
    fn tries_the_words_that_were_given() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        mac.update(WEAK.as_bytes());
        let token = format!("{WEAK}.{}", crate::token::testing::encode(mac.finalize().into_bytes()));
        for (words, fires) in [("", false), ("guess", false), ("guess\nsecret\n", true)] {
            let mut policy = testing::policy();
            policy.words = Arc::new(WordList::new(words.into(), &Limits::default()));
            let text =
                format!("GET /a HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer {token}\n\nHTTP/1.1 200 OK\n\n");
            let report = testing::judge_by(policy, &text);
            let found = report.findings.iter().find(|finding| finding.meta.code == "JWT-026");
            assert_eq!(found.is_some(), fires, "{words:?}");
            assert!(found.is_none_or(|finding| finding.detail == "word 2 of the list"));
        }
    }

    #[test]
    fn trials_are_bounded() {
        let token = crate::token::compact::decode(
            &format!("{WEAK}.{}", crate::token::testing::encode([0; 32])),
            &Limits::default(),
        );
        let words = WordList::new(b"a\nb\nc".to_vec(), &Limits::default());
        for (mut trials, limited) in [(2, true), (3, false)] {
            let guess = guess(&HmacStatement::of(&token).unwrap(), &words, &mut trials);
            assert_eq!(matches!(guess, Guess::Limited), limited, "{trials}");
        }
    }
}
