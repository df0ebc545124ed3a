use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{mask, principal::Principal},
};

declare_rule! {
    /// The token is for another application than the one the resource says it is.
    ///
    /// # Evidence
    /// `aud` of the token and `client_id` of the host's challenges.
    ///
    /// # Traps
    /// Without a challenge of the same host nothing is said. One host can serve several applications: all ids it names in
    /// the recording count. Audiences that are URLs, and a `client_id` that is no application id, are not compared.
    pub(crate) AudienceVsChallenge = "S2S-025" "audience-vs-challenge" High,
    title: "The token is for another application than the resource says it is",
    remedy: "Let the caller ask for a token of the application the challenge names in client_id.",
    source: "[MS-XOAUTH] §3.2.5.4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for AudienceVsChallenge {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (id, name, facts) in ledger.hosts() {
            let named: Vec<Principal> =
                facts.client_ids.iter().filter_map(|id| Principal::parse(id)).filter(Principal::is_guid).collect();
            for (audience, seen) in &facts.actors.audiences {
                if named.is_empty() || named.iter().any(|known| known.is(audience)) {
                    continue;
                }
                let ids: Vec<String> = named.iter().map(|known| mask::text(&known.to_string())).collect();
                let detail = format!("{name} is {}, the token is for {}", ids.join(", "), mask::text(audience));
                context.find(Self::META.host(id).detail(detail).seen(seen));
            }
        }
    }
}
