use crate::{
    finding::Severity,
    handshake::{caller, observation::Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{Sighting, Token, mask, principal},
};

declare_rule! {
    /// The names in one token are of different realms: issuer, caller and audience should all be of the tenant the call
    /// is made in. It is high where two tenant ids differ, and medium where a tenant id stands beside a domain or two
    /// domains differ, for the recording does not tell whether they are one organisation; also where the policy names both
    /// realms, and where only the letter case differs.
    ///
    /// # Evidence
    /// The two claims with their realms.
    ///
    /// # Traps
    /// Empty realms and `*` say nothing. Skype for Business Server names its SIP domain, Exchange its SMTP domain. Identity
    /// tokens have the mail host as realm and are no tokens of server-to-server OAuth. `nameid` of the outer token is the
    /// user.
    pub(crate) RealmMissingOrInconsistent = "S2S-006" "realm-missing-or-inconsistent" High,
    title: "The names in a token are of different realms",
    remedy: "Let caller and resource use one realm, the tenant id with the cloud: Set-CsOAuthConfiguration -Realm on \
             Skype for Business Server; compare Get-AuthServer and Get-PartnerApplication on Exchange.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for RealmMissingOrInconsistent {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.actors() {
            let realms = realms(sighting, actor);
            let mut worst: Option<(Severity, String)> = None;
            for (at, (one_claim, one)) in realms.iter().enumerate() {
                for (other_claim, other) in realms.iter().skip(at + 1) {
                    let Some(severity) = severity(one, other, &context.policy.realms) else { continue };
                    if worst.as_ref().is_none_or(|(known, _)| *known < severity) {
                        let (one, other) = (mask::text(one), mask::text(other));
                        worst = Some((severity, format!("{one_claim} is of {one}, {other_claim} of {other}")));
                    }
                }
            }
            let Some((severity, detail)) = worst else { continue };
            let evidence = observation.claimed(sighting, "realms", &detail);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

/// Claims and their realms, where there are any.
fn realms(sighting: &Sighting, actor: &Token) -> Vec<(&'static str, String)> {
    let mut names = Vec::with_capacity(5);
    if sighting.token.id != actor.id {
        names.push(("outer iss", sighting.token.issuer()));
        names.push(("outer aud", sighting.token.audience()));
    }
    names.push(("actor iss", actor.issuer()));
    names.push(("actor nameid", caller::actor_caller(actor)));
    names.push(("actor aud", actor.audience()));
    let telling = names.into_iter().filter_map(|(claim, name)| {
        let name = name.filter(|name| name.is_guid())?;
        let realm = name.realm().filter(|realm| *realm != "*")?.to_owned();
        Some((claim, realm))
    });
    telling.chain(caller::issuing_tenant(actor).map(|tenant| ("actor iss", tenant))).collect()
}

fn severity(one: &str, other: &str, expected: &[String]) -> Option<Severity> {
    let named = |realm: &str| expected.iter().any(|known| known.eq_ignore_ascii_case(realm));
    if one == other {
        return None;
    }
    let tenants = principal::is_guid(one) && principal::is_guid(other) && !one.eq_ignore_ascii_case(other);
    Some(if tenants && !(named(one) && named(other)) { Severity::High } else { Severity::Medium })
}
