use std::collections::BTreeMap;

use crate::{
    evidence::Part,
    exchange::Mark,
    finding::{Seen, Severity},
    handshake::observation::{Answer, Observation, has},
    hosts::HostId,
    http::auth::CredentialsKind,
    rules::{Context, Declared, Rule, Summary, declare_rule, occasion::Occasions},
};

/// Marks of an exchange that may have had a challenge which is not there any more.
const HIDING: [Mark; 5] = [Mark::HeadCut, Mark::Gap, Mark::HeaderUnknown, Mark::EntryMalformed, Mark::Sanitized];
/// Hosts kept; the number of resources of a deployment is far below.
const HOSTS: usize = 1024;

declare_rule! {
    /// A caller asked with an empty Bearer, which is how it asks for OAuth, and the resource did not offer Bearer: OAuth is
    /// off at this endpoint. It is medium if the host accepted a token in the same recording.
    ///
    /// # Evidence
    /// The challenges of the 401.
    ///
    /// # Traps
    /// Some load balancers strip challenges, and a damaged recording may have lost one. A 401 to a request without any `Authorization` does not count.
    pub(crate) BearerNotOffered = "S2S-030" "bearer-not-offered" High,
    title: "The resource does not offer OAuth to a caller that asks for it",
    remedy: "Enable OAuth on the virtual directory: Set-WebServicesVirtualDirectory and Set-AutodiscoverVirtualDirectory \
             with -OAuthAuthentication $true; exempt the endpoint from pre-authentication at the reverse proxy.",
    source: "[MS-XOAUTH] §3.2.5.4",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
    state: { hosts: BTreeMap<HostId, Seen> },
}

impl Rule for BearerNotOffered {
    fn occasions(&self) -> Occasions {
        Occasions::NO_TOKEN
    }

    fn exchange(&mut self, observation: &Observation<'_>, _: &mut Context<'_>) {
        let asks = observation
            .extraction
            .credentials
            .iter()
            .any(|c| !c.proxy && c.kind == CredentialsKind::Empty && c.is("Bearer"));
        if !asks
            || !observation.is_resource()
            || observation.answer != Answer::Discovery
            || observation.offers("Bearer")
            || HIDING.into_iter().any(|mark| has(observation, mark))
        {
            return;
        }
        if self.hosts.len() < HOSTS || self.hosts.contains_key(&observation.host) {
            let offered: Vec<&str> = observation.challenges().map(|challenge| challenge.scheme.as_str()).collect();
            let offered = if offered.is_empty() { "no challenge".to_owned() } else { offered.join(", ") };
            let evidence = || {
                observation.in_response(Part::ResponseHeader, "WWW-Authenticate", crate::token::mask::text(&offered))
            };
            self.hosts.entry(observation.host).or_default().add(3, evidence);
        }
    }

    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for (host, seen) in &self.hosts {
            let works = context.ledger.facts(*host).accepted > 0;
            let severity = if works { Severity::Medium } else { Self::META.severity };
            let detail =
                format!("{}: 401 to an empty Bearer without a Bearer challenge", context.ledger.host_name(*host));
            context.find(Self::META.host(*host).severity(severity).detail(detail).seen(seen));
        }
    }
}
