use crate::{
    finding::Severity,
    handshake::{caller, observation::Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{mask, principal::Principal},
};

declare_rule! {
    /// The issuer of the outer token is not the caller the actor token names. The actor token's authority is borrowed:
    /// the outer token is only as good as this binding.
    ///
    /// # Evidence
    /// `iss` of the outer and `nameid` of the actor token.
    ///
    /// # Traps
    /// The spellings `id@realm`, `id/@realm` and `/id@realm` name the same caller. If only the letter case differs the
    /// finding is medium: receivers compare it, but two stacks may write it differently.
    pub(crate) OuterInnerBinding = "S2S-010" "outer-inner-binding" Critical,
    title: "The outer token's issuer is not the caller its actor token names",
    remedy: "Find out who minted the outer token. A receiver must refuse it: outer iss and inner nameid have to be equal.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for OuterInnerBinding {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (sighting, actor) in observation.app_asserted() {
            let outer = sighting.token.issuer();
            let inner = caller::actor_caller(actor).or_else(|| caller::self_issuer(actor));
            let severity = match (&outer, &inner) {
                (Some(outer), Some(inner)) if parts(outer) == parts(inner) => continue,
                (Some(outer), Some(inner)) if lower(outer) == lower(inner) => Severity::Medium,
                _ => Severity::Critical,
            };
            let shown = |principal: Option<&Principal>| {
                principal.map_or_else(|| "absent".to_owned(), |principal| mask::text(&principal.to_string()))
            };
            let evidence = observation.claimed(sighting, "iss", &sighting.token.claim("iss").unwrap_or_default());
            let detail = format!("outer iss {}, inner nameid {}", shown(outer), shown(inner));
            let draft = Self::META.of(observation).severity(severity).detail(detail).evidence(evidence);
            context.find(match severity {
                Severity::Medium => draft.title("Outer issuer and inner caller differ in letter case"),
                _ => draft,
            });
        }
    }
}

fn parts(principal: &Principal) -> (String, String) {
    (principal.name.clone(), principal.realm().unwrap_or_default().to_owned())
}

fn lower(principal: &Principal) -> (String, String) {
    let (name, realm) = parts(principal);
    (name.to_ascii_lowercase(), realm.to_ascii_lowercase())
}
