use crate::{
    finding::Severity,
    handshake::observation::Observation,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Sighting, Token, mask},
};

declare_rule! {
    /// `MSAuth1.0` carries a pair of tokens, the caller's and the user's (PFAT): one of them is missing, or the two are of
    /// different tenants.
    ///
    /// # Evidence
    /// The tenants.
    ///
    /// # Traps
    /// Tokens that cannot be read leave the matter open. The pair is another protocol than that of the outer and actor
    /// token, and never counts as its handshake; a pair that goes together is a fact (info).
    pub(crate) PfatConsistency = "S2S-052" "pfat-consistency" Medium,
    title: "The two tokens of MSAuth1.0 do not go together",
    remedy: "Find out which service sent the pair, and whether it may act in the user's tenant.",
    source: "Public traces of MSAuth1.0 (PFAT)",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for PfatConsistency {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let pair: Vec<&Sighting> = observation
            .extraction
            .sightings
            .iter()
            .filter(|s| s.scheme.as_deref().is_some_and(|scheme| scheme.eq_ignore_ascii_case("MSAuth1.0")))
            .collect();
        let named = |end: &str| pair.iter().find(|s| s.name.to_ascii_lowercase().ends_with(end)).copied();
        let (actor, access) = (named("actortoken"), named("accesstoken"));
        let what = match (actor, access) {
            (Some(actor), Some(access)) => match (tenant(&actor.token), tenant(&access.token)) {
                (Some(one), Some(other)) if !one.eq_ignore_ascii_case(&other) => {
                    format!("the actor token is of {}, the access token of {}", mask::text(&one), mask::text(&other))
                }
                _ => {
                    let what = "an actor token and an access token, whose tenants do not differ";
                    let draft = Self::META.of(observation).severity(Severity::Info).title(TOGETHER).detail(what);
                    context.find(draft.evidence(observation.sighted(actor)).evidence(observation.sighted(access)));
                    return;
                }
            },
            (Some(_), None) => "the access token is missing".to_owned(),
            (None, Some(_)) => "the actor token is missing".to_owned(),
            (None, None) => return,
        };
        let Some(sighting) = actor.or(access) else { return };
        context.find(Self::META.of(observation).detail(what).evidence(observation.sighted(sighting)));
    }
}

/// What is said of a pair that is in order.
const TOGETHER: &str = "A pair of tokens (PFAT) was sent, which is no server-to-server call";

/// The tenant of a token: `tid`, that of an Entra issuer's URL, or the realm of its issuer.
fn tenant(token: &Token) -> Option<String> {
    if let Some(tenant) = token.claim("tid") {
        return Some(tenant.into_owned());
    }
    let issuer = token.claim("iss")?;
    if let Some((_, rest)) = issuer.split_once("://") {
        return rest.split('/').nth(1).filter(|tenant| !tenant.is_empty()).map(str::to_owned);
    }
    token.issuer()?.realm().map(str::to_owned)
}
