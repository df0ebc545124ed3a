use crate::{
    evidence::Part,
    handshake::{
        flow,
        observation::{Endpoint, Observation, is_readable},
    },
    report::mask,
    rules::{Context, Declared, Rule, Severity, declare_rule, memory::Memory, occasion::Occasions},
    secret::Fingerprint,
    token::Token,
};

use super::{Distance, Period};

declare_rule! {
    /// A client authenticates by an assertion that is not what RFC 7523 wants: its audience is another server, `sub` is
    /// not `iss`, `exp` is missing, or its `jti` was used before.
    ///
    /// # Evidence
    /// The claim.
    ///
    /// # Traps
    /// The `assertion` of the ACS dialect is another thing. Microsoft's token hosts are aliases of each other, and take
    /// an assertion more than once: there a repeated `jti` is low. Behind a TLS terminator the host of the request is
    /// not the one of the audience: low on private addresses.
    pub(crate) ClientAssertionShape = "OAU-025" "client-assertion-shape" Medium,
    title: "A client assertion is malformed",
    remedy: "Set iss and sub to the client id, aud to the token endpoint or the issuer, and a short exp and a new jti.",
    source: "RFC 7523 §3",
    reference: "https://www.rfc-editor.org/rfc/rfc7523#section-3",
    state: { used: Memory<Fingerprint, Period> },
}

impl Rule for ClientAssertionShape {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        if observation.endpoint != Endpoint::Token {
            return;
        }
        let is_posted = |name: &str, part: Part| {
            part == Part::RequestBody && matches!(name, "client_assertion" | "/client_assertion")
        };
        let Some(sighting) = observation.extraction.sightings.iter().find(|s| is_posted(&s.name, s.part)) else {
            return;
        };
        let token = &sighting.token;
        if !is_readable(token) {
            return;
        }
        let mut found: Vec<(Severity, String)> = Vec::new();
        let medium = Self::META.severity;
        match (token.claim("iss"), token.claim("sub")) {
            (Some(issuer), Some(subject)) if issuer == subject => {}
            (Some(_), Some(_)) => found.push((medium, "sub is not iss".to_owned())),
            (None, _) => found.push((medium, "iss is missing".to_owned())),
            (_, None) => found.push((medium, "sub is missing".to_owned())),
        }
        if token.expires.is_none() {
            found.push((medium, "exp is missing".to_owned()));
        }
        if let Some(problem) = audience(observation, token, context) {
            let near = super::distance(observation) != Distance::Global;
            found.push((if near { Severity::Low } else { medium }, problem));
        }
        if let Some(id) = token.claim("jti") {
            let issuer = token.claim("iss").unwrap_or_default();
            let key = Fingerprint::of(format!("{issuer} {id}").as_bytes());
            match self.used.recall(&key) {
                Some(earlier) if Period::of(observation).is_apart(*earlier) => {
                    let takes_it_again = observation.profile.is_token_host(&observation.host_name);
                    let severity = if takes_it_again { Severity::Low } else { medium };
                    found.push((severity, "jti was used before".to_owned()));
                }
                Some(_) => {}
                None if observation.status.is_some() => self.used.keep(key, Period::of(observation)),
                None => {}
            }
        }
        for (severity, what) in found {
            let detail = format!("{}: {what}", observation.host_name);
            let evidence = observation.sighted(sighting);
            context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
        }
    }
}

/// What is wrong with the audience: none, or none of them this server.
fn audience(observation: &Observation<'_>, token: &Token, context: &Context<'_>) -> Option<String> {
    let audiences = token.audiences();
    let Some(first) = audiences.first() else { return Some("aud is missing".to_owned()) };
    let here = &observation.host_name;
    let is_here = |audience: &String| {
        let host = flow::parts(audience).map(|(_, host, _)| host);
        let alias = host.as_deref().is_some_and(|host| {
            host == here.as_ref()
                || (observation.profile.is_token_host(host) && observation.profile.is_token_host(here))
        });
        let published =
            |host: &str| context.ledger.flows().servers(host).any(|s| s.token == **here || s.issuer == *audience);
        alias || published(here) || host.as_deref().is_some_and(published)
    };
    (!audiences.iter().any(is_here)).then(|| format!("aud is \"{}\"", mask::text(first)))
}
