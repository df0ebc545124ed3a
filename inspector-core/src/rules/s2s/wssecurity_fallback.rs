use std::collections::BTreeMap;

use crate::{
    finding::{Seen, Severity},
    handshake::observation::Observation,
    hosts::HostId,
    rules::{Context, Declared, Occasions, Rule, Summary, declare_rule},
    token::mask,
};

/// Hosts kept.
const HOSTS: usize = 1024;
/// Places kept per host.
const PLACES: usize = 3;

declare_rule! {
    /// A server asks by WS-Security (the older way, by delegation tokens) instead of OAuth. It is low for free/busy between
    /// organisations at a host that was not seen to offer OAuth: there it is the normal way.
    ///
    /// # Evidence
    /// The request and its user agent.
    ///
    /// # Traps
    /// It is legitimate where the connector was disabled by choice, and between organisations that federate. Anyone can
    /// send the user agent.
    pub(crate) WssecurityFallback = "S2S-038" "wssecurity-fallback" Medium,
    title: "A server uses WS-Security instead of OAuth",
    remedy: "Enable the connector: Get-IntraOrganizationConnector, Set-IntraOrganizationConnector -Enabled $true, and test \
             it with Test-OAuthConnectivity.",
    source: "Resolve free/busy errors in Exchange hybrid",
    reference: "https://learn.microsoft.com/exchange/troubleshoot/calendars/free-busy/hybrid-free-busy-errors",
    state: { hosts: BTreeMap<(HostId, bool), Seen> },
}

impl Rule for WssecurityFallback {
    fn occasions(&self) -> Occasions {
        Occasions::ANY
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        if !observation.is_resource() || !observation.path.contains("/wssecurity") {
            return;
        }
        let agent = observation.request().and_then(|head| head.text("user-agent")).unwrap_or_default();
        let caller = observation.is_caller_agent();
        if !caller && !agent.contains("CrossForest") {
            return;
        }
        let key = (observation.host, caller);
        if self.hosts.len() < HOSTS || self.hosts.contains_key(&key) {
            let evidence =
                || observation.in_request(crate::evidence::Part::RequestHeader, "User-Agent", mask::text(agent));
            self.hosts.entry(key).or_default().add(PLACES, evidence);
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for ((host, caller), seen) in &self.hosts {
            let offers = ledger.facts(*host).offers_bearer;
            let severity = if *caller || offers { Self::META.severity } else { Severity::Low };
            let who = if *caller { "a client of the callers' kind" } else { "free/busy of another server" };
            let detail = format!("{}: {who}", ledger.host_name(*host));
            context.find(Self::META.host(*host).severity(severity).detail(detail).seen(seen));
        }
    }
}
