use crate::{handshake::{observation::{Observation, is_whole}, token_endpoint::ACS_GRANT}, rules::{Context, Declared, Rule, declare_rule, occasion::Occasions}, token::{Role, Token, TokenKind, mask, principal}};

/// Longest lifetime of an assertion, in seconds.
const LONGEST: i64 = 3600;

declare_rule! {
    /// The assertion by which a server asks ACS for an actor token is not of the form the dialect wants: `iss` is
    /// `app@tenant`, `aud` the ACS principal of the same tenant, the tenant is that of the URL, it lives an hour at most,
    /// and it is signed by RSA with `x5t` telling the certificate.
    ///
    /// # Evidence
    /// The claim or header parameter that deviates.
    ///
    /// # Traps
    /// Times as strings and a missing `sub` are right in this dialect. Assertions of RFC 7523 and tokens exchanged on
    /// behalf of a user are other messages. A URL may name the tenant by a domain, which is not compared.
    pub(crate) AssertionShape = "S2S-027" "assertion-shape" Medium,
    title: "The assertion for the token endpoint is not of the form it wants",
    remedy: "Correct the caller's configuration: its realm, the token endpoint of its tenant, and its certificate \
             (Set-AuthConfig -NewCertificateThumbprint, -PublishCertificate).",
    source: "[MS-XOAUTH] §3.2.5.2, §4.1",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for AssertionShape {
    fn occasions(&self) -> Occasions {
        Occasions::OAUTH
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(request) = &observation.token_request else { return };
        let posted = observation.extraction.sightings.iter().filter(|sighting| {
            sighting.role == Role::Assertion && sighting.kind == TokenKind::S2sAssertion && is_whole(&sighting.token)
        });
        for sighting in posted {
            if request.grant_type != ACS_GRANT && !is_for_acs(observation, &sighting.token) {
                continue;
            }
            for (claim, what) in deviations(&sighting.token, &observation.path) {
                let value = sighting.token.claim(claim).or_else(|| sighting.token.parameter(claim));
                let evidence = observation.claimed(sighting, claim, &value.unwrap_or_else(|| "absent".into()));
                context.find(Self::META.of(observation).detail(what).evidence(evidence));
            }
        }
    }
}

fn is_for_acs(observation: &Observation<'_>, token: &Token) -> bool {
    token.audience().is_some_and(|audience| observation.profile.admits_issuer(&format!("{}@*", audience.name)))
}

/// What deviates: the claim or parameter, and how.
fn deviations(token: &Token, path: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let (issuer, audience) = (token.issuer(), token.audience());
    if !issuer.as_ref().is_some_and(|issuer| issuer.is_guid() && issuer.realm().is_some()) {
        found.push(("iss", "iss is not of the form app@tenant".to_owned()));
    }
    let acs = audience.as_ref().is_some_and(|audience| {
        let name = audience.name.to_ascii_lowercase();
        name.starts_with("00000001-000") && name.ends_with("-0000-c000-000000000000")
    });
    if !acs {
        found.push(("aud", "aud is not the principal of ACS".to_owned()));
    } else if super::realms_differ(issuer, audience) {
        found.push(("aud", "iss and aud are of different tenants".to_owned()));
    }
    let tenant = path.trim_start_matches('/').split('/').next().filter(|first| principal::is_guid(first));
    let realm = issuer.as_ref().and_then(|issuer| issuer.realm()).filter(|realm| principal::is_guid(realm));
    if let (Some(tenant), Some(realm)) = (tenant, realm)
        && !tenant.eq_ignore_ascii_case(realm)
    {
        let detail = format!("the URL is of {}, iss of {}", mask::text(tenant), mask::text(realm));
        found.push(("iss", detail));
    }
    match super::lifetime(token) {
        Some(seconds) if seconds <= LONGEST => {}
        Some(seconds) => found.push(("exp", format!("it lives {seconds} s"))),
        None => found.push(("exp", "its lifetime is not told".to_owned())),
    }
    let algorithm = token.algorithm();
    if !algorithm.starts_with("RS") {
        found.push(("alg", format!("alg is \"{}\"", mask::text(&algorithm))));
    }
    if !["x5t", "x5t#S256"].iter().any(|name| token.header.contains_key(name)) {
        found.push(("x5t", "x5t is absent".to_owned()));
    }
    found
}
