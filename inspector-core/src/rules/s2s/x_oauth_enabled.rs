use std::collections::BTreeMap;

use crate::{
    evidence::Part,
    exchange::message::Head,
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
/// What Autodiscover tells beside `X-OAuth-Enabled`.
const OTHERS: [&str; 4] =
    ["x-soap-enabled", "x-wssecurity-enabled", "x-wssecurity-symmetrickey-enabled", "x-wssecurity-x509cert-enabled"];

declare_rule! {
    /// Autodiscover tells by fields of its answers which ways to authenticate it takes. That OAuth is among them is
    /// information; that others are and OAuth is not is medium: OAuth is off there.
    ///
    /// # Evidence
    /// The fields.
    ///
    /// # Traps
    /// Other virtual directories (EWS) do not send them, and an answer without any of them does not tell. A host that
    /// accepted a token, or told of OAuth elsewhere in the recording, has it on.
    pub(crate) XOauthEnabled = "S2S-055" "x-oauth-enabled" Info,
    title: "Autodiscover tells whether it takes OAuth",
    remedy: "If it is off: Set-AutodiscoverVirtualDirectory -OAuthAuthentication $true, and restart IIS.",
    source: "EWS Managed API, AutodiscoverService",
    reference: "https://github.com/OfficeDev/ews-managed-api/blob/master/Autodiscover/AutodiscoverService.cs",
    state: { on: BTreeMap<HostId, Seen>, off: BTreeMap<HostId, Seen> },
}

impl Rule for XOauthEnabled {
    fn occasions(&self) -> Occasions {
        Occasions::ANY
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        if !observation.path.starts_with("/autodiscover/") {
            return;
        }
        let Some(head) = observation.response() else { return };
        let (list, name, value) = match told(head, "x-oauth-enabled") {
            Some(value) => (&mut self.on, "X-OAuth-Enabled", value),
            None => match OTHERS.iter().find_map(|name| Some((*name, told(head, name)?))) {
                Some((name, value)) => (&mut self.off, name, value),
                None => return,
            },
        };
        if list.len() < HOSTS || list.contains_key(&observation.host) {
            let evidence = || observation.in_response(Part::ResponseHeader, name, mask::text(value));
            list.entry(observation.host).or_default().add(PLACES, evidence);
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (host, seen) in &self.on {
            let detail = format!("{}: Autodiscover takes OAuth", ledger.host_name(*host));
            context.find(Self::META.host(*host).title("Autodiscover takes OAuth").detail(detail).seen(seen));
        }
        for (host, seen) in &self.off {
            if self.on.contains_key(host) || ledger.facts(*host).accepted > 0 {
                continue;
            }
            let detail = format!("{}: Autodiscover names other ways, and not OAuth", ledger.host_name(*host));
            let draft = Self::META.host(*host).severity(Severity::Medium).title("Autodiscover does not take OAuth");
            context.find(draft.detail(detail).seen(seen));
        }
    }
}

fn told<'h>(head: &'h Head, name: &'h str) -> Option<&'h str> {
    head.text(name).filter(|value| !value.is_empty())
}
