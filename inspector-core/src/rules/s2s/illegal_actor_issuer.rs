use crate::{
    profile::Issuer,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

declare_rule! {
    /// The actor token is signed by an issuer that is neither among those of the profile, nor the caller itself, nor
    /// among the issuers the resource says it trusts.
    ///
    /// # Evidence
    /// `iss` of the actor token.
    ///
    /// # Traps
    /// National clouds have issuers of their own; add them to the profile. What the resource lists in `trusted_issuers` is
    /// legal there, whenever it says so in the recording.
    pub(crate) IllegalActorIssuer = "S2S-023" "illegal-actor-issuer" High,
    title: "The actor token is of an issuer nobody trusts",
    remedy: "If the issuer is legitimate, create it at the resource (New-AuthServer) and add it to the profile's issuers.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for IllegalActorIssuer {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (id, name, facts) in ledger.hosts() {
            let trusted: Vec<Issuer> = facts
                .trusted_issuers
                .iter()
                .map(|issuer| Issuer { issuer: issuer.clone(), name: None, source: None })
                .collect();
            for (issuer, seen) in &facts.unknown_issuers {
                if trusted.iter().any(|known| known.admits(issuer)) {
                    continue;
                }
                let shown = if issuer.is_empty() { "no issuer at all".to_owned() } else { mask::text(issuer) };
                let detail = format!("{name}: {shown}");
                context.find(Self::META.host(id).detail(detail).seen(seen));
            }
        }
    }
}
