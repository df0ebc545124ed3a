use std::net::IpAddr;

use serde_json::Value;

use crate::{
    bounded::Memory,
    evidence::{Evidence, Part},
    exchange::Scheme,
    handshake::observation::{Endpoint, Observation},
    hosts,
    rules::{Context, Declared, Occasions, Rule, declare_rule},
    token::mask,
};

/// Longest answer read, in bytes.
const LONGEST: usize = 64 << 10;

declare_rule! {
    /// Autodiscover told a caller one host for EWS, and the caller called another.
    ///
    /// # Evidence
    /// Autodiscover's answer and the call.
    ///
    /// # Traps
    /// A hybrid agent, and a configured TargetSharingEpr, lead to another host rightly. Only calls of the same client with a
    /// token are compared.
    pub(crate) AutodiscoverEwsHost = "S2S-054" "autodiscover-ews-host" Info,
    title: "EWS was called at another host than Autodiscover told",
    remedy: "If calls fail, compare Get-WebServicesVirtualDirectory, and Set-OrganizationRelationship -TargetSharingEpr, \
             with the host called.",
    source: "Resolve free/busy errors in Exchange hybrid",
    reference: "https://learn.microsoft.com/exchange/troubleshoot/calendars/free-busy/hybrid-free-busy-errors",
    state: { told: Memory<Option<IpAddr>, (String, Evidence)> },
}

impl Rule for AutodiscoverEwsHost {
    fn occasions(&self) -> Occasions {
        Occasions::ANY
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint == Endpoint::Anonymous {
            if let Some(host) = ews_host(observation) {
                let evidence = observation.in_response(Part::ResponseBody, "Url", mask::text(&host));
                self.told.keep(observation.client, (host, evidence));
            }
            return;
        }
        if !observation.path.starts_with("/ews/") || observation.presented().next().is_none() {
            return;
        }
        let Some((told, evidence)) = self.told.recall(&observation.client) else { return };
        if hosts::bare(told) == hosts::bare(&observation.host_name) {
            return;
        }
        let detail = format!("told {}, called {}", mask::text(told), observation.host_name);
        let draft = Self::META.of(observation).detail(detail);
        context.find(draft.evidence(evidence.clone()).evidence(observation.request_line()));
    }
}

/// The host of `{"Protocol":"EWS","Url":"https://…"}`.
fn ews_host(observation: &Observation<'_>) -> Option<String> {
    let body = observation.exchange.response.as_ref()?.body.kept.as_deref().filter(|body| body.len() <= LONGEST)?;
    let document: Value = serde_json::from_slice(body).ok()?;
    let protocol = document.get("Protocol").and_then(Value::as_str)?;
    let (_, rest) = document.get("Url").and_then(Value::as_str)?.split_once("://")?;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    protocol.eq_ignore_ascii_case("ews").then(|| hosts::normalize(authority, Scheme::Https))
}
