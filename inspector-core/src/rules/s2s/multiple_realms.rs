use crate::{
    evidence::Evidence,
    handshake::{caller, observation::Observation},
    hosts::HostId,
    rules::{
        Context, Declared, Rule, Summary, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

/// Realms kept.
const REALMS: usize = 32;

declare_rule! {
    /// Callers of more than one realm were seen: several tenants, or a tenant by its id and by its domain.
    ///
    /// # Evidence
    /// The first call of each realm.
    ///
    /// # Traps
    /// Hosts of several organisations and laboratories have them rightly.
    pub(crate) MultipleRealms = "S2S-008" "multiple-realms" Info,
    title: "Callers of several realms were seen",
    remedy: "If only one is expected, name it with --realm, so that calls of others do not count.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
    state: { realms: Vec<(String, HostId, Evidence)> },
}

impl Rule for MultipleRealms {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        for (sighting, _) in observation.actors() {
            for found in caller::callers(&sighting.token, sighting.kind) {
                let Some(realm) = found.principal.realm().filter(|realm| *realm != "*") else { continue };
                let known = self.realms.iter().any(|(known, ..)| known.eq_ignore_ascii_case(realm));
                if known || self.realms.len() >= REALMS {
                    continue;
                }
                let evidence = observation.claimed(sighting, found.layer.as_str(), &found.principal.to_string());
                self.realms.push((realm.to_owned(), observation.host, evidence));
            }
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let (Some((_, host, _)), true) = (self.realms.first(), self.realms.len() > 1) else { return };
        let names: Vec<String> = self.realms.iter().map(|(realm, ..)| mask::text(realm)).collect();
        let mut draft = Self::META.host(*host).detail(names.join(", "));
        for (.., evidence) in &self.realms {
            draft = draft.evidence(evidence.clone());
        }
        context.find(draft);
    }
}
