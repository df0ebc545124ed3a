use crate::{
    handshake::observation::{Endpoint, Observation},
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::{mask, principal::Principal},
};

declare_rule! {
    /// A token was sent to the resource whose audience is another application.
    ///
    /// # Evidence
    /// `aud` as sent, and the path of the request.
    ///
    /// # Traps
    /// In the reverse direction (Exchange calls Skype for Business) the audience is the other side, rightly. Only paths
    /// that are the resource's beyond doubt are judged, and audiences that are no principal names are left to other rules.
    pub(crate) WrongResource = "S2S-012" "wrong-resource" High,
    title: "A token was sent to a resource it is not for",
    remedy: "Check which resource the caller asks the token for, and the service principal names of the resource.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for WrongResource {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::SilentByShape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if !matches!(observation.endpoint, Endpoint::Resource { alone: true, .. }) {
            return;
        }
        for (sighting, _) in observation.actors() {
            let audiences = sighting.token.audiences();
            let named: Vec<Principal> = audiences.iter().filter_map(|text| Principal::parse(text)).collect();
            let Some(first) = named.first().filter(|first| first.is_guid()) else { continue };
            if named.iter().any(|audience| observation.profile.resource(&audience.name).is_some()) {
                continue;
            }
            let name = observation.profile.application_name(&first.name).unwrap_or("an unknown application");
            let text = first.to_string();
            let detail = format!("{}: the token is for {} ({name})", observation.place(), mask::text(&text));
            let evidence = observation.claimed(sighting, "aud", &text);
            context.find(Self::META.of(observation).subject(first.name.clone()).detail(detail).evidence(evidence));
        }
    }
}
