//! Token endpoints: what was asked for, and the error that came back.
//!
//! ```text
//! {"error":"invalid_client","error_description":"AADSTS70002: … AADSTS50012: … \r\nTrace ID: …","error_codes":[70002,50012]}
//! ```
//!
//! A description holds one or more codes; the last is the most specific. Codes "may change and must not be relied on",
//! so the `error` stands first and the code only adds an explanation.

use serde_json::Value;

use crate::{
    evidence::Part,
    profile::Profile,
    token::{Role, Sighting, TokenKind, principal::Principal},
};

use crate::token::extract::Extraction;

/// Longest error document read, in bytes.
const LONGEST_ERROR: usize = 256 << 10;

/// The grant of the ACS dialect, older than RFC 7523.
pub const ACS_GRANT: &str = "http://oauth.net/grant_type/jwt/1.0/bearer";

/// A request to a token endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// `grant_type` in lower case.
    pub grant_type: String,
    /// `resource`, else `scope`.
    pub resource: Option<String>,
    /// Who asks: the assertion's issuer, else `client_id`.
    pub client: Option<String>,
    /// It asks for an actor token of server-to-server OAuth.
    pub server_to_server: bool,
}

impl TokenRequest {
    /// Reads the request of an exchange with a token endpoint. `is_s2s_host` tells whether a host was seen to take
    /// server-to-server tokens.
    pub fn read(extraction: &Extraction, profile: &Profile, is_s2s_host: impl Fn(&str) -> bool) -> Option<Self> {
        // Some clients ask by GET, or put some parameters into the query.
        let parameter = |name: &str| form_parameter(extraction, name).or_else(|| query_parameter(extraction, name));
        let grant_type = parameter("grant_type")?.trim().to_ascii_lowercase();
        let assertion = extraction.sightings.iter().find(|s| s.role == Role::Assertion && s.part == Part::RequestBody);
        let client = assertion
            .and_then(|s| s.token.claim("iss"))
            .map(std::borrow::Cow::into_owned)
            .or_else(|| parameter("client_id").map(str::to_owned));
        let resource = parameter("resource").or_else(|| parameter("scope")).map(str::to_owned);
        let to_acs = assertion.is_some_and(|s| is_acs_assertion(s, profile));
        let server_to_server = grant_type == ACS_GRANT
            || to_acs
            || (grant_type == "client_credentials" && {
                let caller = client.as_deref().and_then(Principal::parse);
                caller.is_some_and(|caller| profile.caller(&caller.name).is_some())
                    || resource.as_deref().is_some_and(|resource| names_resource(resource, profile, is_s2s_host))
            });
        Some(Self { grant_type, resource, client, server_to_server })
    }
}

/// Whether a `grant_type` is one of the standards' or a URI of an extension (RFC 6749 §4.5).
pub fn is_grant(text: &str) -> bool {
    let text = text.trim();
    let known =
        ["authorization_code", "client_credentials", "refresh_token", "password", "device_code", "srv_challenge"];
    known.iter().any(|grant| text.eq_ignore_ascii_case(grant)) || text.contains(':')
}

/// Whether the grant is the password's (RFC 6749 §4.3), named in the content or in the query of a request with content.
pub fn asks_by_password(extraction: &Extraction) -> bool {
    let grant = form_parameter(extraction, "grant_type").or_else(|| query_parameter(extraction, "grant_type"));
    grant.is_some_and(|grant| grant.trim().eq_ignore_ascii_case("password"))
}

/// The first parameter of that name in the request's content, letter case aside.
pub fn form_parameter<'e>(extraction: &'e Extraction, name: &str) -> Option<&'e str> {
    let mut of_body = extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
    of_body.find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.value.reveal().as_str())
}

/// The first parameter of that name in the request's query, letter case aside.
pub fn query_parameter<'e>(extraction: &'e Extraction, name: &str) -> Option<&'e str> {
    let mut of_query = extraction.parameters.iter().filter(|p| p.part == Part::RequestUrl);
    of_query.find(|p| p.name.eq_ignore_ascii_case(name)).map(|p| p.value.reveal().as_str())
}

/// An assertion whose audience is one of the profile's issuers, as ACS wants it.
fn is_acs_assertion(sighting: &Sighting, profile: &Profile) -> bool {
    matches!(sighting.kind, TokenKind::S2sAssertion | TokenKind::S2sActor | TokenKind::S2sOuter)
        && sighting.token.audience().is_some_and(|audience| {
            profile.issuers.iter().any(|issuer| {
                Principal::parse(&issuer.issuer).is_some_and(|known| known.is_guid() && known.is(&audience.name))
            })
        })
}

/// Whether a `resource` or a scope names a resource of the profile, or a host known to take such tokens.
fn names_resource(resource: &str, profile: &Profile, is_s2s_host: impl Fn(&str) -> bool) -> bool {
    resource.split_ascii_whitespace().any(|one| {
        if let Some((_, rest)) = one.split_once("://") {
            let host = rest.split('/').next().unwrap_or_default();
            return is_s2s_host(&host.to_ascii_lowercase());
        }
        let name = one.trim_end_matches("/.default");
        Principal::parse(name).is_some_and(|principal| profile.resource(&principal.name).is_some())
    })
}

/// An error of a token endpoint (RFC 6749 §5.2, with Microsoft's members).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenError {
    /// `error`.
    pub error: String,
    /// `error_description`, first line.
    pub description: String,
    /// Codes in the order of the description, with their prefix: `AADSTS50012`, `ACS50012`.
    pub codes: Vec<String>,
    /// `trace_id`.
    pub trace: Option<String>,
    /// `correlation_id`.
    pub correlation: Option<String>,
}

impl TokenError {
    /// Reads a response's content; `None` if it is no such error.
    pub fn read(content: &[u8]) -> Option<Self> {
        let content = content.get(..LONGEST_ERROR).unwrap_or(content);
        let document: Value = serde_json::from_slice(content).ok()?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        let error = text("error")?.to_owned();
        let description = text("error_description").unwrap_or_default();
        let mut codes = codes_in(description);
        if codes.is_empty() {
            let numbers = document.get("error_codes").and_then(Value::as_array);
            codes.extend(numbers.into_iter().flatten().filter_map(Value::as_u64).take(8).map(|n| format!("AADSTS{n}")));
        }
        let labelled = |label: &str| after_label(description, label);
        Some(Self {
            error,
            description: description.lines().next().unwrap_or_default().trim().to_owned(),
            codes,
            trace: text("trace_id").map(str::to_owned).or_else(|| labelled("Trace ID:")),
            correlation: text("correlation_id").map(str::to_owned).or_else(|| labelled("Correlation ID:")),
        })
    }

    /// The most specific code.
    pub fn code(&self) -> Option<&str> {
        self.codes.last().map(String::as_str)
    }

    /// Whether the endpoint was busy or out of order for a while, and says nothing about the request.
    pub fn is_temporary(&self) -> bool {
        let by_error = [
            "temporarily_unavailable",
            "server_error",
            "service_unavailable",
            "slow_down",
            "throttled",
            "too_many_requests",
        ];
        by_error.iter().any(|error| self.error.eq_ignore_ascii_case(error))
            || self.codes.iter().any(|code| number(code).is_some_and(|number| TRANSIENT.contains(&number)))
    }

    /// Meaning and remedy of the most specific code that is known.
    pub fn explanation(&self) -> Option<&'static CodeExplanation> {
        self.codes.iter().rev().find_map(|code| explain(code))
    }
}

/// `AADSTS` or `ACS` followed by digits, each once, at most eight.
fn codes_in(text: &str) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for (at, _) in text.match_indices(['A']) {
        let rest = text.get(at..).unwrap_or_default();
        let Some(prefix) = ["AADSTS", "ACS"].into_iter().find(|prefix| rest.starts_with(prefix)) else { continue };
        let before = text.get(..at).and_then(|t| t.chars().next_back());
        if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
            continue;
        }
        let digits: String =
            rest.get(prefix.len()..).unwrap_or_default().chars().take_while(char::is_ascii_digit).take(9).collect();
        let code = format!("{prefix}{digits}");
        if !digits.is_empty() && !codes.contains(&code) && codes.len() < 8 {
            codes.push(code);
        }
    }
    codes
}

fn after_label(text: &str, label: &str) -> Option<String> {
    let (_, rest) = text.split_once(label)?;
    let value: String =
        rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    (!value.is_empty()).then_some(value)
}

/// What a code of the token endpoint means and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeExplanation {
    /// The number, without its prefix.
    pub code: u32,
    /// What it means.
    pub meaning: &'static str,
    /// What to do; empty where nothing particular is known.
    pub remedy: &'static str,
}

const SPN: &str = "Register the resource's URL as a service principal name of 00000002-0000-0ff1-ce00-000000000000.";
const CERTIFICATE: &str = "Upload the Exchange authorization certificate to the service principal: \
                           Set-AuthConfig -NewCertificateThumbprint, -PublishCertificate, -ClearPreviousCertificate.";
const CLOCK: &str = "Synchronise the clocks.";
const APPLICATION: &str = "Check that the application exists and is enabled in the tenant.";
const PASSWORD: &str = "A password was used: replace it by a certificate or a managed identity.";

/// Codes of ACS and Entra ID that server-to-server requests meet (Microsoft Entra error codes, 2024-04; ACS error codes).
const CODES: &[CodeExplanation] = &[
    CodeExplanation { code: 50001, meaning: "the resource is not known in the tenant", remedy: SPN },
    CodeExplanation { code: 500_011, meaning: "the resource principal is not in the tenant", remedy: SPN },
    CodeExplanation { code: 50003, meaning: "the application has no signing key", remedy: CERTIFICATE },
    CodeExplanation { code: 50006, meaning: "the signing key is not valid", remedy: CERTIFICATE },
    CodeExplanation { code: 50010, meaning: "the audience of the assertion is not accepted", remedy: "" },
    CodeExplanation {
        code: 50012,
        meaning: "the client assertion's signature does not fit a registered key",
        remedy: CERTIFICATE,
    },
    CodeExplanation { code: 50013, meaning: "the assertion is not valid", remedy: CLOCK },
    CodeExplanation { code: 500_133, meaning: "the assertion is outside its lifetime", remedy: CLOCK },
    CodeExplanation {
        code: 50027,
        meaning: "the assertion is malformed or of an unexpected issuer or audience",
        remedy: "",
    },
    CodeExplanation { code: 50048, meaning: "subject and issuer of the client assertion differ", remedy: "" },
    CodeExplanation {
        code: 50049,
        meaning: "the request went to another cloud",
        remedy: "Use the token endpoint of the tenant's cloud.",
    },
    CodeExplanation { code: 50053, meaning: "the account is locked", remedy: PASSWORD },
    CodeExplanation { code: 50055, meaning: "the password has expired", remedy: PASSWORD },
    CodeExplanation { code: 50057, meaning: "the account is disabled", remedy: PASSWORD },
    CodeExplanation { code: 50076, meaning: "multi-factor authentication is required", remedy: "" },
    CodeExplanation { code: 50126, meaning: "user name or password is wrong", remedy: PASSWORD },
    CodeExplanation { code: 50146, meaning: "the application needs its own signing key", remedy: CERTIFICATE },
    CodeExplanation { code: 50169, meaning: "the realm is not configured", remedy: "Set-CsOAuthConfiguration -Realm." },
    CodeExplanation { code: 50173, meaning: "the grant was revoked", remedy: "" },
    CodeExplanation { code: 53003, meaning: "Conditional Access blocked the request", remedy: "" },
    CodeExplanation { code: 530_035, meaning: "security defaults blocked legacy authentication", remedy: "" },
    CodeExplanation {
        code: 65001,
        meaning: "consent is missing",
        remedy: "Grant the application consent in the tenant.",
    },
    CodeExplanation { code: 65002, meaning: "the applications are not preauthorised for each other", remedy: "" },
    CodeExplanation { code: 650_057, meaning: "the resource is not in the application's registration", remedy: SPN },
    CodeExplanation { code: 67003, meaning: "the actor is not a valid service identity", remedy: APPLICATION },
    CodeExplanation { code: 70001, meaning: "the client application is unknown or disabled", remedy: APPLICATION },
    CodeExplanation { code: 700_011, meaning: "the client application is unknown", remedy: APPLICATION },
    CodeExplanation { code: 700_016, meaning: "the client application is not in the tenant", remedy: APPLICATION },
    CodeExplanation { code: 70002, meaning: "the client's credentials were not accepted", remedy: CERTIFICATE },
    CodeExplanation {
        code: 700_027,
        meaning: "the client assertion's signature does not fit a registered key",
        remedy: CERTIFICATE,
    },
    CodeExplanation { code: 700_030, meaning: "the certificate's subject is not authorised", remedy: CERTIFICATE },
    CodeExplanation { code: 70003, meaning: "the grant type is not supported", remedy: "" },
    CodeExplanation { code: 70008, meaning: "the grant has expired", remedy: "" },
    CodeExplanation { code: 700_082, meaning: "the refresh token has expired", remedy: "" },
    CodeExplanation { code: 70043, meaning: "the refresh token was revoked by policy", remedy: "" },
    CodeExplanation { code: 70011, meaning: "the scope is not valid", remedy: "" },
    CodeExplanation { code: 7_000_112, meaning: "the application is disabled", remedy: APPLICATION },
    CodeExplanation { code: 7_000_114, meaning: "the application may not act on behalf of users", remedy: "" },
    CodeExplanation {
        code: 7_000_215,
        meaning: "the client secret is wrong",
        remedy: "Renew the client secret, or use a certificate.",
    },
    CodeExplanation { code: 7_000_218, meaning: "the client sent no secret or assertion", remedy: "" },
    CodeExplanation {
        code: 7_000_222,
        meaning: "the client secret has expired",
        remedy: "Renew the client secret, or use a certificate.",
    },
    CodeExplanation { code: 90002, meaning: "the tenant does not exist", remedy: "Check the realm." },
    CodeExplanation { code: 90011, meaning: "the request's parameters are not valid", remedy: "" },
    CodeExplanation { code: 90014, meaning: "a field is missing", remedy: "" },
    CodeExplanation { code: 900_144, meaning: "a parameter is missing from the content", remedy: "" },
    CodeExplanation { code: 90016, meaning: "a claim is missing from the token", remedy: "" },
    CodeExplanation { code: 90019, meaning: "the realm is missing", remedy: "Check the realm." },
    CodeExplanation { code: 90022, meaning: "a principal name is not of the form name[/host][@realm]", remedy: "" },
    CodeExplanation {
        code: 90038,
        meaning: "the tenant is in a national cloud",
        remedy: "Use the token endpoint of the tenant's cloud.",
    },
    CodeExplanation { code: 90100, meaning: "a parameter is not valid", remedy: "" },
    CodeExplanation { code: 900_384, meaning: "a token's signature is not valid", remedy: CERTIFICATE },
    CodeExplanation {
        code: 901_002,
        meaning: "the v2 endpoint takes no resource parameter",
        remedy: "Use scope, or the v1 endpoint.",
    },
    CodeExplanation { code: 240_002, meaning: "an id_token is not usable as a grant", remedy: "" },
];

/// Codes of conditions that pass: retryable errors, timeouts, throttling, directories that cannot be reached (Microsoft
/// Entra error codes).
const TRANSIENT: &[u32] = &[40010, 50033, 50087, 80002, 90006, 90012, 90024, 90025, 90033, 90055, 90090, 90091];

/// The number of a code with or without its prefix.
fn number(code: &str) -> Option<u32> {
    code.trim_start_matches("AADSTS").trim_start_matches("ACS").parse().ok()
}

/// The explanation of a code with or without its prefix.
pub fn explain(code: &str) -> Option<&'static CodeExplanation> {
    let number = number(code)?;
    CODES.iter().find(|known| known.code == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_errors() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS70002: Error validating credentials. AADSTS50012: Client assertion contains an invalid signature.\r\nTrace ID: 11112222-3333-4444-5555-666677778888\r\nCorrelation ID: c","error_codes":[70002,50012]}"#;
        let error = TokenError::read(body).unwrap();
        assert_eq!(error.codes, ["AADSTS70002", "AADSTS50012"]);
        assert_eq!((error.error.as_str(), error.code()), ("invalid_client", Some("AADSTS50012")));
        assert_eq!(error.trace.as_deref(), Some("11112222-3333-4444-5555-666677778888"));
        assert!(error.explanation().unwrap().meaning.contains("signature"));
        assert!(!error.description.contains("Trace"));
    }

    #[test]
    fn some_errors_pass() {
        for (body, temporary) in [
            (r#"{"error":"temporarily_unavailable"}"#, true),
            (r#"{"error":"invalid_request","error_description":"AADSTS90033: A transient error has occurred."}"#, true),
            (r#"{"error":"x","error_codes":[90055]}"#, true),
            (r#"{"error":"invalid_client","error_description":"AADSTS70002"}"#, false),
            (r#"{"error":"invalid_grant"}"#, false),
        ] {
            assert_eq!(TokenError::read(body.as_bytes()).unwrap().is_temporary(), temporary, "{body}");
        }
    }

    #[test]
    fn codes_have_two_prefixes_and_a_list() {
        assert_eq!(codes_in("ACS50012: Authentication failed. XACS1 AADSTS"), ["ACS50012"]);
        assert_eq!(explain("ACS50012").map(|e| e.code), Some(50012));
        assert_eq!(explain("AADSTS999999"), None);
        let listed = TokenError::read(br#"{"error":"x","error_codes":[90002]}"#).unwrap();
        assert_eq!(listed.code(), Some("AADSTS90002"));
        for body in [&b"{}"[..], b"[]", b"<html>", b"{\"error\":{\"code\":\"x\"}}", b""] {
            assert_eq!(TokenError::read(body), None);
        }
        let mut numbers: Vec<u32> = CODES.iter().map(|c| c.code).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len());
    }
}
