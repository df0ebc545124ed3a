use crate::{
    profile::Issuer,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{mask, principal::Principal},
};

declare_rule! {
    /// The actor token's issuer is not among the issuers the resource says it trusts.
    ///
    /// # Evidence
    /// `iss` of the actor token, and `trusted_issuers` of the host's challenges.
    ///
    /// # Traps
    /// Without a challenge of the same host nothing is said. A challenge for another realm does not tell about this one:
    /// only entries for all realms or for the token's count, and URLs are compared with URLs.
    pub(crate) IssuerVsChallenge = "S2S-024" "issuer-vs-challenge" High,
    title: "The actor token's issuer is not among those the resource trusts",
    remedy: "Create or enable the authorization server at the resource: New-AuthServer, Set-AuthServer -Enabled $true, \
             and check its realm and -DomainName.",
    source: "[MS-XOAUTH] §3.2.5.4, §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for IssuerVsChallenge {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (id, name, facts) in ledger.hosts() {
            for (issuer, seen) in &facts.actors.issuers {
                let mut telling =
                    facts.trusted_issuers.iter().filter(|trusted| tells_about(trusted, issuer)).peekable();
                if telling.peek().is_none() || telling.any(|trusted| admits(trusted, issuer)) {
                    continue;
                }
                let list: Vec<String> = facts.trusted_issuers.iter().map(|issuer| mask::text(issuer)).collect();
                let detail = format!("{name}: {} is not one of {}", mask::text(issuer), list.join(", "));
                context.find(Self::META.host(id).subject(issuer.clone()).detail(detail).seen(seen));
            }
        }
    }
}

/// Whether an entry of the list would be that issuer's if it were trusted: of the same kind, and for its realm.
fn tells_about(trusted: &str, issuer: &str) -> bool {
    match (Principal::parse(trusted), Principal::parse(issuer)) {
        (Some(trusted), Some(issuer)) => {
            let (one, other) = (trusted.realm().unwrap_or("*"), issuer.realm().unwrap_or_default());
            one == "*" || one.eq_ignore_ascii_case(other)
        }
        (None, None) => true,
        _ => false,
    }
}

fn admits(trusted: &str, issuer: &str) -> bool {
    Issuer { issuer: trusted.to_owned(), name: None, source: None }.admits(issuer)
}
