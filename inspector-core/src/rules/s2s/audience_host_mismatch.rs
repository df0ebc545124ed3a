use crate::{
    finding::Severity,
    handshake::observation::{Answer, Observation},
    hosts,
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::mask,
};

declare_rule! {
    /// The host in the token's audience is not the host the request was sent to. It is high if the server refused the
    /// token for this reason (`invalid_resource`).
    ///
    /// # Evidence
    /// `aud` and the request's host, compared without letter case, port and trailing dot.
    ///
    /// # Traps
    /// Behind a publishing proxy or the hybrid agent the names differ rightly; hosts of the hybrid agent are left out.
    pub(crate) AudienceHostMismatch = "S2S-013" "audience-host-mismatch" Medium,
    title: "The token's audience names another host than the request",
    remedy: "Register the published name as a service principal name (Update-MgServicePrincipal -ServicePrincipalNames), \
             and do not offload TLS in front of OAuth endpoints.",
    source: "[MS-XOAUTH] §3.2.5.6",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for AudienceHostMismatch {
    fn occasions(&self) -> Occasions {
        Occasions::S2S_TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.profile.is_relay(&observation.host_name) || observation.host_name.is_empty() {
            return;
        }
        for (sighting, _) in observation.actors() {
            let Some(audience) = sighting.token.audience() else { continue };
            let Some(named) = audience.host() else { continue };
            let named = hosts::bare(&named).trim_end_matches('.').to_owned();
            let category = observation.reason.as_ref().and_then(|reason| reason.category.as_deref());
            let refused = observation.answer == Answer::Refused && category == Some("invalid_resource");
            // The server may know itself by another name or scheme than the request's: then it says so.
            let same = named == hosts::bare(&observation.host_name);
            if same && !refused {
                continue;
            }
            let severity = if refused { Severity::High } else { Self::META.severity };
            let detail = if same {
                format!(
                    "the token and the request are for {}, which the server does not take for its own",
                    mask::text(&named)
                )
            } else {
                format!("the token is for {}, the request went to {}", mask::text(&named), observation.host_name)
            };
            let evidence = observation.claimed(sighting, "aud", &audience.to_string());
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}
