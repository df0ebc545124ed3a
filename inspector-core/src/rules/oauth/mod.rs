//! OAU-…: OAuth flows. Reported; they do not move the outcome of server-to-server profiles.
//!
//! What these rules share: how near a server is, which hosts belong together, and in which order two exchanges happened.
//! A proxy's recording shows a request on both of its sides, and behind a TLS terminator clear text is normal; neither
//! is anybody's mistake.

super::rules![
    token_in_url::TokenInUrl,
    token_in_fragment::TokenInFragment,
    implicit_grant::ImplicitGrant,
    ropc_used::RopcUsed,
    no_pkce::NoPkce,
    no_state::NoState,
    redirect_over_http::RedirectOverHttp,
    open_redirector_leak::OpenRedirectorLeak,
    token_response_cacheable::TokenResponseCacheable,
    token_over_cleartext::TokenOverCleartext,
    client_secret_in_form::ClientSecretInForm,
    client_auth_none::ClientAuthNone,
    refresh_token_exposed::RefreshTokenExposed,
    refresh_replay::RefreshReplay,
    code_replay::CodeReplay,
    mixed_token_server::MixedTokenServer,
    wide_scope::WideScope,
    resource_scope_mixing::ResourceScopeMixing,
    long_lived_token::LongLivedToken,
    error_swallow::ErrorSwallow,
    error_info_leak::ErrorInfoLeak,
    device_code_abuse::DeviceCodeAbuse,
    user_code_exposed::UserCodeExposed,
    oidc_nonce::OidcNonce,
    client_assertion_shape::ClientAssertionShape,
    introspection_exposure::IntrospectionExposure,
    token_type_mismatch::TokenTypeMismatch,
    redirect_credential_leak::RedirectCredentialLeak,
    login_post_redirected::LoginPostRedirected,
    framing_allowed::FramingAllowed,
    duplicate_parameter::DuplicateParameter,
    two_bearer_carriers::TwoBearerCarriers,
    bearer_malformed::BearerMalformed,
    token_in_page::TokenInPage,
    token_endpoint_query::TokenEndpointQuery,
    redirect_mismatch::RedirectMismatch,
    secret_sent_elsewhere::SecretSentElsewhere,
    ended_token_accepted::EndedTokenAccepted,
    grant_of_another_client::GrantOfAnotherClient,
    one_time_value_reused::OneTimeValueReused,
    id_token_claims::IdTokenClaims,
    endpoint_without_tls::EndpointWithoutTls,
    metadata_contradicted::MetadataContradicted,
    client_secret_in_browser::ClientSecretInBrowser,
    client_secret_shared::ClientSecretShared,
    guessable_token::GuessableToken,
    introspection_open::IntrospectionOpen,
    authorization_cors::AuthorizationCors,
];

use std::net::IpAddr;

use crate::{
    evidence::Part,
    finding::Severity,
    handshake::{
        oauth_message,
        observation::{Endpoint, Observation},
        token_endpoint,
    },
    hosts::{self, Reach, site},
    http::{auth::CredentialsKind, form},
    profile::Profile,
    rules::Draft,
    time::Timestamp,
};

/// How near the server of an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distance {
    /// On the same machine.
    Loopback,
    /// On a private network: the hop behind a TLS terminator looks like this.
    Local,
    /// Anywhere.
    Global,
}

fn distance(observation: &Observation<'_>) -> Distance {
    if is_loopback(&observation.host_name) {
        return Distance::Loopback;
    }
    let address = observation.exchange.server.map(|server| server.address.to_canonical());
    match address.or_else(|| address_of(&observation.host_name)) {
        Some(address) if address.is_loopback() => Distance::Loopback,
        Some(address) if hosts::reach(address) == Reach::Local => Distance::Local,
        _ => Distance::Global,
    }
}

fn address_of(name: &str) -> Option<IpAddr> {
    hosts::bare(name).trim_matches(['[', ']']).parse().ok()
}

/// Whether a host name is this machine's (RFC 8252 §7.3, RFC 6761 §6.3).
fn is_loopback(name: &str) -> bool {
    let bare = hosts::bare(name);
    bare == "localhost" || bare.ends_with(".localhost") || address_of(name).is_some_and(|address| address.is_loopback())
}

/// Whether two hosts belong to one owner, as far as can be told, or both are token endpoints of Microsoft's.
fn are_related(one: &str, other: &str, profile: &Profile) -> bool {
    one == other || site(one) == site(other) || (profile.is_token_host(one) && profile.is_token_host(other))
}

/// A parameter of the request's content that is not empty.
fn posted<'e>(observation: &Observation<'e>, name: &str) -> Option<&'e str> {
    token_endpoint::form_parameter(observation.extraction, name).map(str::trim).filter(|value| !value.is_empty())
}

/// The client secret of a request: where it is, under which name, and itself. Basic's user is the client at a token
/// endpoint.
fn client_secret<'e>(observation: &Observation<'e>) -> Option<(Part, &'static str, &'e str)> {
    let extraction = observation.extraction;
    let posted = posted(observation, "client_secret").map(|secret| (Part::RequestBody, "client_secret", secret));
    let by_basic = || {
        extraction.credentials.iter().filter(|credentials| !credentials.proxy).find_map(|credentials| {
            let CredentialsKind::Basic(basic) = &credentials.kind else { return None };
            let secret = basic.password.reveal().as_str();
            (!secret.is_empty()).then_some((Part::RequestHeader, "Authorization", secret))
        })
    };
    posted.or_else(by_basic)
}

/// `grant_type` of a token request.
fn grant<'o>(observation: &'o Observation<'_>) -> Option<&'o str> {
    observation.token_request.as_ref().map(|request| request.grant_type.as_str())
}

/// Whether a token request carries anything that could authenticate the client.
fn authenticates_client(observation: &Observation<'_>) -> bool {
    let in_content = ["client_secret", "client_assertion", "assertion", "request"];
    let by_header =
        observation.extraction.credentials.iter().any(|c| !c.proxy && !matches!(c.kind, CredentialsKind::Empty));
    let by_certificate = observation.exchange.tls.as_ref().is_some_and(|tls| tls.client_certificate.is_some());
    by_header || by_certificate || in_content.iter().any(|name| posted(observation, name).is_some())
}

/// The client that asks at a token endpoint: by `client_id`, by the user of Basic, or by the client assertion's issuer.
fn client_of(observation: &Observation<'_>) -> Option<String> {
    let assertion = || {
        let mut all = observation.extraction.sightings.iter();
        let sighting =
            all.find(|s| s.part == Part::RequestBody && s.name.trim_start_matches('/') == "client_assertion")?;
        sighting.token.claim("iss").map(std::borrow::Cow::into_owned)
    };
    let basic = || {
        let (_, basic) = observation.basics().find(|(credentials, _)| !credentials.proxy)?;
        // RFC 6749 §2.3.1: encoded as in a form.
        let pairs = format!("u={}", basic.user);
        form::pairs(pairs.as_bytes()).next().map(|(_, user)| user.into_owned()).filter(|user| !user.is_empty())
    };
    posted(observation, "client_id").map(str::to_owned).or_else(basic).or_else(assertion)
}

/// What an introspection says of its token (RFC 7662 §2.2): `active`, where the answer tells.
fn told_active(observation: &Observation<'_>) -> Option<bool> {
    /// Longest answer that is read, in bytes.
    const LONGEST: usize = 64 << 10;
    let response = observation.exchange.response.as_ref().filter(|_| observation.status == Some(200))?;
    let content = response.body.kept.as_deref().filter(|content| content.len() <= LONGEST)?;
    let answer: serde_json::Value = serde_json::from_slice(content).ok()?;
    answer.get("active")?.as_bool()
}

/// Whether the answer is a 2xx without an `error` member.
fn succeeded(observation: &Observation<'_>) -> bool {
    let failed = observation.flow.answer.as_ref().is_some_and(|answer| answer.error.is_some());
    observation.status.is_some_and(|status| (200..300).contains(&status)) && !failed
}

/// Whether the token endpoint refused: neither busy nor out of order.
fn was_refused(observation: &Observation<'_>) -> bool {
    observation.status.is_some_and(|status| matches!(status, 400 | 401 | 403))
        && observation.token_error.as_ref().is_some_and(|error| !error.is_temporary())
}

/// A finding that is one only if the server took what it had to refuse; what it refused is told as that, and info.
fn as_tried(draft: Draft, accepted: bool, title: &'static str) -> Draft {
    if accepted { draft } else { draft.severity(Severity::Info).title(title) }
}

/// When an exchange began and when its response was complete.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    began: Option<Timestamp>,
    ended: Option<Timestamp>,
}

impl Period {
    fn of(observation: &Observation<'_>) -> Self {
        let ended = observation.exchange.response.as_ref().and_then(|response| response.end.time());
        Self { began: observation.time, ended }
    }

    /// Whether one was over before the other began, in whatever order they were read. One inside another is the same
    /// request on the other side of a proxy. Without times they are apart.
    fn is_apart(self, other: Self) -> bool {
        let before = |one: Self, other: Self| one.ended.zip(other.began).map(|(ended, began)| began >= ended);
        match (before(self, other), before(other, self)) {
            (None, None) => true,
            (one, other) => one == Some(true) || other == Some(true),
        }
    }

    /// Whether it began once the other was over. Without times the order of the recording tells, which is that of the rules.
    fn is_after(self, other: Self) -> bool {
        self.began.zip(other.ended.or(other.began)).is_none_or(|(began, ended)| began >= ended)
    }

    /// Seconds between the end of the first and the begin of the second.
    fn between(self, other: Self) -> Option<i64> {
        let (first, second) = if other.began < self.began { (other, self) } else { (self, other) };
        Some(second.began?.seconds().saturating_sub(first.ended?.seconds()))
    }
}

/// Whether the endpoint is a token endpoint, or its path says so.
const fn is_token_endpoint(observation: &Observation<'_>) -> bool {
    matches!(observation.endpoint, Endpoint::Token | Endpoint::PossibleToken)
}

/// Whether a redirection URI leads the browser through a network without TLS. Loopback is by design (RFC 8252 §7.3).
fn is_exposed(redirect: &str) -> bool {
    oauth_message::parts(redirect)
        .is_some_and(|(scheme, host, _)| scheme.eq_ignore_ascii_case("http") && !is_loopback(&host))
}

/// What a parameter's name says of a token in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UrlName {
    /// An access, refresh or id token.
    Token,
    /// A hint: an id_token that is no longer a credential.
    Hint,
    /// SharePoint's context token.
    Context,
    /// An authorization code that is a JWT.
    Code,
    /// No credential whatever its shape: `state`, request objects, assertions that have rules of their own.
    NoCredential,
    /// Anything else.
    Unknown,
}

fn url_name(name: &str) -> UrlName {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-' | '.')).take(32).map(|c| c.to_ascii_lowercase()).collect();
    match plain.as_str() {
        "accesstoken" | "refreshtoken" | "idtoken" => UrlName::Token,
        "idtokenhint" | "loginhint" | "logouthint" => UrlName::Hint,
        "spapptoken" | "appcontext" | "appcontexttoken" => UrlName::Context,
        "code" => UrlName::Code,
        "state" | "nonce" | "request" | "response" | "relaystate" | "ctx" | "context" | "clientassertion"
        | "assertion" | "codechallenge" | "claims" => UrlName::NoCredential,
        _ => UrlName::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_lie_apart_in_any_order() {
        let period = |began: i64, ended: i64| Period {
            began: Some(Timestamp::from_seconds(began)),
            ended: Some(Timestamp::from_seconds(ended)),
        };
        for (one, other, apart) in [
            (period(0, 1), period(1, 2), true),
            (period(0, 3), period(1, 2), false),
            (period(0, 2), period(1, 3), false),
            (period(0, 1), Period::default(), true),
            (Period::default(), Period::default(), true),
        ] {
            assert_eq!((one.is_apart(other), other.is_apart(one)), (apart, apart), "{one:?} {other:?}");
        }
        assert_eq!((period(5, 6).between(period(0, 1)), period(0, 1).between(period(5, 6))), (Some(4), Some(4)));
    }

    #[test]
    fn loopback_and_exposed_redirects() {
        for (url, exposed) in [
            ("http://app.contoso.com/cb", true),
            ("http://localhost.contoso.com/cb", true),
            ("http://127.0.0.1.contoso.com/cb", true),
            ("https://app.contoso.com/cb", false),
            ("http://127.0.0.1:5000/cb", false),
            ("http://[::1]/cb", false),
            ("http://localhost/cb", false),
            ("msal00000000://auth", false),
            ("com.contoso.app:/cb", false),
            ("urn:ietf:wg:oauth:2.0:oob", false),
            ("/cb", false),
        ] {
            assert_eq!(is_exposed(url), exposed, "{url}");
        }
    }
}
