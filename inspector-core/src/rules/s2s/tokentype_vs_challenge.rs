use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::TokenKind,
};

declare_rule! {
    /// The caller used a kind of token the resource does not name in its challenge: a user's token where only applications
    /// are taken, or the reverse.
    ///
    /// # Evidence
    /// The token, and `token_types` of the challenge.
    ///
    /// # Traps
    /// Without `token_types`, or where one of its words is garbled, nothing is said.
    pub(crate) TokentypeVsChallenge = "S2S-026" "tokentype-vs-challenge" Medium,
    title: "The resource does not offer to take this kind of token",
    remedy: "Check which token profiles the virtual directory takes (2000001: token profile not applicable), and how the \
             caller calls: for a user, or as application.",
    source: "[MS-XOAUTH] §3.2.5.4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for TokentypeVsChallenge {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (id, name, facts) in ledger.hosts() {
            if facts.token_types.is_empty() || !facts.token_types.iter().all(|word| is_word(word)) {
                continue;
            }
            for (kind, seen) in &facts.actors.kinds {
                let wanted = match kind {
                    TokenKind::S2sOuter => "app_asserted_user_v1",
                    TokenKind::S2sActor => "service_asserted_app_v1",
                    _ => continue,
                };
                if facts.token_types.iter().any(|word| word.eq_ignore_ascii_case(wanted)) {
                    continue;
                }
                let detail = format!("{name} takes {}, the token is {wanted}", facts.token_types.join(", "));
                context.find(Self::META.host(id).detail(detail).seen(seen));
            }
        }
    }
}

/// Whether a word is of the form `name_v1`.
fn is_word(word: &str) -> bool {
    word.rsplit_once("_v").is_some_and(|(name, version)| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && !version.is_empty()
            && version.bytes().all(|b| b.is_ascii_digit())
    })
}
