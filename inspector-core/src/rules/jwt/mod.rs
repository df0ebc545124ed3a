//! JWT-…: tokens by themselves, whoever uses them. Reported; they do not move the outcome of server-to-server profiles.
//!
//! What a token says by itself is judged once per distinct token, at the end, however often it was sent; what depends on
//! the request is judged at each. Where a rule of the family S2S judges the same fact of tokens of server-to-server OAuth
//! (lifetime, length of a signature, the signature itself, the audience's host), those tokens are left to it.

super::rules![
    alg_none::AlgNone,
    alg_unusual::AlgUnusual,
    hs_on_public_resource::HsOnPublicResource,
    header_key_injection::HeaderKeyInjection,
    kid_suspicious::KidSuspicious,
    crit_unknown::CritUnknown,
    typ_mismatch::TypMismatch,
    aud_missing_or_wildcard::AudMissingOrWildcard,
    aud_not_this_host::AudNotThisHost,
    iss_missing_or_unexpected::IssMissingOrUnexpected,
    exp_missing_or_far::ExpMissingOrFar,
    presented_outside_lifetime::PresentedOutsideLifetime,
    iat_future::IatFuture,
    time_encoding::TimeEncoding,
    duplicate_members::DuplicateMembers,
    lax_encoding::LaxEncoding,
    jwe_opaque::JweOpaque,
    signature_invalid::SignatureInvalid,
    signature_length::SignatureLength,
    replayed_jti::ReplayedJti,
    pii_in_claims::PiiInClaims,
    privilege::Privilege,
    token_in_cookie_domain::TokenInCookieDomain,
    nested_jwt::NestedJwt,
    embedded_secret_like::EmbeddedSecretLike,
    weak_hmac::WeakHmac,
    client_mismatch::ClientMismatch,
    id_token_as_access_token::IdTokenAsAccessToken,
    cert_bound_mismatch::CertBoundMismatch,
    dpop_bindings::DpopBindings,
    signature_reused::SignatureReused,
    signature_zero::SignatureZero,
    hmac_with_public_key::HmacWithPublicKey,
    published_key_unsafe::PublishedKeyUnsafe,
];

use crate::{
    evidence::Evidence,
    exchange::Scheme,
    finding::{Draft, RuleMeta},
    handshake::{
        caller,
        facts::TokenFacts,
        ledger::Ledger,
        observation::{self, Observation},
    },
    hosts::{self, HostId},
    token::{Sighting, Token, TokenKind, mask},
};

/// A distinct token of the recording, or one inside it.
struct Layer<'l> {
    token: &'l Token,
    /// What is known of the outermost token.
    facts: &'l TokenFacts,
    /// It is inside another.
    nested: bool,
}

/// All distinct tokens with those inside them, each with what is known of the outermost.
fn layers(ledger: &Ledger) -> impl Iterator<Item = Layer<'_>> {
    ledger.tokens().iter().flat_map(|facts| {
        let first = Some((&*facts.token, false));
        let tokens = std::iter::successors(first, |(token, _)| token.actor.as_deref().map(|actor| (actor, true)));
        tokens.map(move |(token, nested)| Layer { token, facts, nested })
    })
}

impl<'l> Layer<'l> {
    /// Nothing of it is missing.
    fn is_whole(&self) -> bool {
        observation::is_whole(self.token)
    }

    /// Its claims can be read and are what was sent.
    fn is_readable(&self) -> bool {
        observation::is_readable(self.token)
    }

    /// It was presented, posted as assertion or issued, not merely seen somewhere.
    const fn is_used(&self) -> bool {
        self.facts.presented > 0 || self.facts.asserted || self.facts.issued
    }

    /// It is an actor token that was presented, inside another or alone.
    fn is_actor(&self) -> bool {
        self.facts.presented > 0 && (self.nested || self.token.kind == TokenKind::S2sActor)
    }

    /// It is of server-to-server OAuth.
    fn is_s2s(&self) -> bool {
        self.nested || caller::is_s2s_kind(self.token.kind) || self.token.kind == TokenKind::S2sAssertion
    }

    /// The beginning of a finding for each host it was presented to, or for that of its first place. `value` is masked.
    fn drafts(&self, meta: &'static RuleMeta, name: &str, value: &str) -> impl Iterator<Item = Draft> + use<'l> {
        let excerpt = Some(format!("{name}: {}", mask::text(value)));
        let evidence = Evidence { excerpt, ..self.facts.first.clone() };
        let facts = self.facts;
        let first: &[HostId] =
            if facts.presented_to.is_empty() { std::slice::from_ref(&facts.host) } else { &facts.presented_to };
        first.iter().map(move |host| {
            let draft = meta.host(*host).count(facts.count).evidence(evidence.clone());
            if facts.is_refused_by(*host) {
                return draft.refused_by(*host, !facts.is_of_known_caller()).refused(facts.token.id);
            }
            draft
        })
    }
}

/// The thumbprint of a key or a certificate for people: it is no secret, though it looks like one.
fn thumbprint(text: &str) -> String {
    let is_one = text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if is_one { text.to_owned() } else { mask::text(text) }
}

/// The host a token is for, if that is another than the one it was sent to, as far as URLs in `aud` tell.
fn foreign_host(observation: &Observation<'_>, sighting: &Sighting) -> Option<String> {
    let judged = matches!(sighting.kind, TokenKind::EntraAccess | TokenKind::Jwt);
    if !judged || !observation::is_readable(&sighting.token) || observation.host_name.is_empty() {
        return None;
    }
    let asked = hosts::bare(&observation.host_name);
    // An audience that is no URL may stand for any host.
    let hosts: Option<Vec<String>> = sighting.token.audiences().iter().map(|audience| url_host(audience)).collect();
    let hosts = hosts?;
    let here = |named: &String| is_one_organisation(named, asked) || (is_of_microsoft(named) && is_of_microsoft(asked));
    if observation.profile.is_relay(asked) || hosts.iter().any(here) {
        return None;
    }
    hosts.into_iter().next()
}

/// The host of a URL, in lower case without port.
fn url_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    Some(hosts::bare(&hosts::normalize(authority, Scheme::Https)).to_owned())
}

/// Whether two hosts share their last two labels, which counts as one organisation.
fn is_one_organisation(one: &str, other: &str) -> bool {
    let end = |name: &str| name.rmatch_indices('.').nth(1).map_or(0, |(at, _)| at + 1);
    let numeric = |name: &str| name.parse::<std::net::Ipv4Addr>().is_ok();
    one == other || (!numeric(one) && one.get(end(one)..) == other.get(end(other)..))
}

/// Whether a host is of a service of Microsoft's.
fn is_of_microsoft(name: &str) -> bool {
    const DOMAINS: [&str; 22] = [
        "azure.com",
        "azure.net",
        "azurewebsites.net",
        "cloud.microsoft",
        "dynamics.com",
        "live.com",
        "microsoft.com",
        "microsoft.us",
        "microsoftazure.com",
        "microsoftonline.com",
        "microsoftonline.us",
        "office.com",
        "office.net",
        "office365.com",
        "office365.us",
        "outlook.com",
        "powerbi.com",
        "sharepoint.com",
        "skype.com",
        "visualstudio.com",
        "windows.net",
        "windowsazure.com",
    ];
    DOMAINS.iter().any(|domain| name.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

/// A report on a call with a token, after something was told about the token.
#[cfg(test)]
fn report_on(
    token: &str,
    tell: impl FnOnce(&mut crate::analysis::Analysis, crate::secret::Fingerprint),
) -> crate::report::Report {
    use crate::{rules::testing, secret::Fingerprint};
    let text = format!(
        "# @time 2026-01-01T00:02:00Z\nGET /things HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer {token}\n\n\
         HTTP/1.1 200 OK\n\n"
    );
    let mut analysis = testing::analysis(testing::policy());
    let exchanges = testing::exchanges(&text);
    for exchange in &exchanges {
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    tell(&mut analysis, Fingerprint::of(token.as_bytes()));
    testing::done(analysis, exchanges.len())
}
