//! What one exchange is in an OAuth flow: an authorization request, its response, a token endpoint's answer.
//!
//! An authorization code flow passes these places, of which a recording may hold any:
//!
//! ```text
//! GET /authorize?response_type=code&client_id=…&state=…     request: query, form, or pushed (RFC 9126)
//! 302 Location: https://app/cb?code=…&state=…               response: Location
//! GET /cb?code=…&state=…   or   POST /cb  code=…&state=…    the same response, at the client
//! POST /token  grant_type=authorization_code&code=…         token request
//! 200 {"access_token":…,"refresh_token":…}                  token response
//! ```
//!
//! Values that are secrets are kept as fingerprints only.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::Value;

use crate::{
    evidence::Part,
    exchange::{Exchange, Scheme},
    handshake::{
        observation::{Endpoint, is_readable},
        token_endpoint,
    },
    http::form,
    secret::Fingerprint,
    token::{Token, extract::Extraction},
};

/// Longest text of a request or an answer that is kept, in characters.
const LONGEST: usize = 2048;
/// Longest answer of a token endpoint that is read, in bytes.
const LONGEST_ANSWER: usize = 256 << 10;

/// What one exchange is in an OAuth flow.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// An authorization request (RFC 6749 §4.1.1, §4.2.1; OpenID Connect Core §3.1.2.1).
    pub authorization: Option<AuthorizationRequest>,
    /// An authorization response (RFC 6749 §4.1.2, §4.2.2).
    pub response: Option<AuthorizationResponse>,
    /// A token endpoint's answer, or a device authorization endpoint's.
    pub answer: Option<TokenAnswer>,
}

/// An authorization request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// `client_id`.
    pub client: String,
    /// `response_type`, its words.
    pub response_types: Vec<String>,
    /// `response_mode`.
    pub response_mode: Option<String>,
    /// `redirect_uri`.
    pub redirect: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// `resource`.
    pub resource: Option<String>,
    /// `state`.
    pub state: Option<Fingerprint>,
    /// `nonce`.
    pub nonce: Option<Fingerprint>,
    /// `code_challenge`.
    pub challenge: Option<Fingerprint>,
    /// `code_challenge_method` is `S256`.
    pub hashed: bool,
    /// `prompt`.
    pub prompt: Option<String>,
    /// `max_age` in seconds.
    pub max_age: Option<u64>,
    /// Some of its parameters are elsewhere: in a request object or at the pushed request (`request`, `request_uri`).
    pub by_reference: bool,
    /// `request_uri`.
    pub reference: Option<Fingerprint>,
    /// It was sent to the pushed authorization request endpoint.
    pub pushed: bool,
}

impl AuthorizationRequest {
    /// Whether that type of response is asked for.
    pub fn asks_for(&self, response_type: &str) -> bool {
        self.response_types.iter().any(|word| word.eq_ignore_ascii_case(response_type))
    }

    /// Reads the parameters; those of a request object that could be read stand for all others (RFC 9101 §6.3).
    fn read(outside: &[(Cow<'_, str>, Cow<'_, str>)], object: Option<&Token>) -> Option<Self> {
        let inside = object.map(claims_of).unwrap_or_default();
        let value = |name: &str| {
            let mut pairs = inside.iter().chain(outside);
            let (_, value) = pairs.find(|(known, value)| known == name && !value.is_empty())?;
            Some(value.as_ref())
        };
        let text = |name: &str| value(name).map(|value| value.chars().take(LONGEST).collect::<String>());
        let fingerprint = |name: &str| value(name).map(|value| Fingerprint::of(value.as_bytes()));
        let by_reference = (value("request").is_some() && object.is_none()) || value("request_uri").is_some();
        if value("grant_type").is_some() || (value("response_type").is_none() && !by_reference) {
            return None;
        }
        let types = text("response_type").unwrap_or_default();
        Some(Self {
            client: text("client_id")?,
            // Some clients divide by commas.
            response_types: types.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            response_mode: text("response_mode"),
            redirect: text("redirect_uri"),
            scope: text("scope"),
            resource: text("resource"),
            state: fingerprint("state"),
            nonce: fingerprint("nonce"),
            challenge: fingerprint("code_challenge"),
            hashed: value("code_challenge_method").is_some_and(|method| method.eq_ignore_ascii_case("S256")),
            prompt: text("prompt"),
            max_age: value("max_age").and_then(|age| age.trim().parse().ok()),
            by_reference,
            reference: fingerprint("request_uri"),
            pushed: false,
        })
    }
}

/// The claims of a request object that are text or a number, as parameters.
fn claims_of(object: &Token) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    object.claims.iter().filter_map(|(name, value)| Some((Cow::Borrowed(name), Cow::Owned(text(value)?)))).collect()
}

/// The request object of a request, if it can be read.
fn object_of(extraction: &Extraction) -> Option<&Token> {
    let named = |name: &str| name.trim_start_matches('/').eq_ignore_ascii_case("request");
    let mut all = extraction.sightings.iter();
    let sighting = all.find(|s| matches!(s.part, Part::RequestUrl | Part::RequestBody) && named(&s.name))?;
    is_readable(&sighting.token).then_some(&*sighting.token)
}

/// Where an authorization response was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carriage {
    /// `Location` of the authorization server's redirect.
    Location,
    /// The query of the request to the redirection URI.
    Query,
    /// The form the browser posts to the redirection URI.
    Form,
}

/// An authorization response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationResponse {
    /// Where it was.
    pub carriage: Carriage,
    /// Where `Location` leads: scheme, authority and path.
    pub redirect: Option<String>,
    /// `code`.
    pub code: Option<Fingerprint>,
    /// `state`.
    pub state: Option<Fingerprint>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
    /// An access token or an id_token is in it.
    pub tokens: bool,
    /// `error`.
    pub error: Option<String>,
}

impl AuthorizationResponse {
    /// Reads a URL that is an authorization response of its own: query, with something that ties it to a request.
    pub fn of_url(url: &[u8]) -> Option<Self> {
        let pairs: Vec<_> = form::pairs(query(url)).collect();
        Self::read(&pairs, Carriage::Query, false)
    }

    fn read(pairs: &[(Cow<'_, str>, Cow<'_, str>)], carriage: Carriage, asked: bool) -> Option<Self> {
        let value = |name: &str| {
            let (_, value) = pairs.iter().find(|(known, value)| known == name && !value.is_empty())?;
            Some(value.as_ref())
        };
        // A redirect to an authorization endpoint and a token request have these parameters too.
        if ["response_type", "grant_type", "client_id", "client_secret"].iter().any(|name| value(name).is_some()) {
            return None;
        }
        let fingerprint = |name: &str| value(name).map(|value| Fingerprint::of(value.as_bytes()));
        let text = |name: &str| value(name).map(|value| value.chars().take(LONGEST).collect::<String>());
        let tokens = value("access_token").is_some() || value("id_token").is_some();
        let answers = value("code").is_some() || tokens || value("error").is_some();
        let tied = value("state").is_some() || value("session_state").is_some() || value("iss").is_some();
        (answers && (asked || tied)).then(|| Self {
            carriage,
            redirect: None,
            code: fingerprint("code"),
            state: fingerprint("state"),
            issuer: text("iss"),
            tokens,
            error: text("error"),
        })
    }
}

/// What a token endpoint (RFC 6749 §5) or a device authorization endpoint (RFC 8628 §3.2) answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenAnswer {
    /// Fingerprint of `access_token`.
    pub access_token: Option<Fingerprint>,
    /// Fingerprint of `refresh_token`.
    pub refresh_token: Option<Fingerprint>,
    /// `token_type`.
    pub token_type: Option<String>,
    /// `expires_in` in seconds, sent as a number or as text.
    pub expires_in: Option<u64>,
    /// `scope`.
    pub scope: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `error_description`.
    pub description: Option<String>,
    /// `device_code`.
    pub device_code: Option<Fingerprint>,
    /// `request_uri` of a pushed authorization request (RFC 9126 §2.2).
    pub request_uri: Option<Fingerprint>,
    /// `user_code`.
    pub user_code: Option<Fingerprint>,
    /// `interval` in seconds.
    pub interval: Option<u64>,
    /// `verification_uri` (also `verification_url`).
    pub verification: Option<String>,
}

impl TokenAnswer {
    /// Reads a response's content; `None` if it is no JSON object.
    pub fn read(content: &[u8]) -> Option<Self> {
        let content = content.get(..LONGEST_ANSWER).unwrap_or(content);
        let document: Value = serde_json::from_slice(content).ok()?;
        let document = document.as_object()?;
        let value = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let fingerprint = |name: &str| value(name).map(|text| Fingerprint::of(text.trim().as_bytes()));
        let text = |name: &str| value(name).map(|text| text.chars().take(LONGEST).collect::<String>());
        let number = |name: &str| {
            let member = document.get(name)?;
            member.as_u64().or_else(|| member.as_str()?.trim().parse().ok())
        };
        Some(Self {
            access_token: fingerprint("access_token"),
            refresh_token: fingerprint("refresh_token"),
            token_type: text("token_type"),
            expires_in: number("expires_in"),
            scope: text("scope"),
            error: text("error"),
            description: text("error_description"),
            device_code: fingerprint("device_code"),
            request_uri: fingerprint("request_uri"),
            user_code: fingerprint("user_code"),
            interval: number("interval"),
            verification: text("verification_uri").or_else(|| text("verification_url")),
        })
    }
}

impl Flow {
    /// Reads an exchange.
    pub fn read(exchange: &Exchange, extraction: &Extraction, endpoint: &Endpoint) -> Self {
        let mut flow = Self::default();
        if let Some(request) = &exchange.request {
            let query = query(request.head.target());
            let any = ["response_type=", "code=", "client_id=", "error="];
            if any.iter().any(|name| memmem::find(query, name.as_bytes()).is_some()) {
                let pairs: Vec<_> = form::pairs(query).collect();
                flow.authorization = AuthorizationRequest::read(&pairs, object_of(extraction));
                flow.response = AuthorizationResponse::read(&pairs, Carriage::Query, false);
            }
            let posted = posted(extraction);
            if !posted.is_empty() && flow.authorization.is_none() {
                flow.authorization = AuthorizationRequest::read(&posted, object_of(extraction))
                    .map(|posted| AuthorizationRequest { pushed: *endpoint == Endpoint::Token, ..posted });
                flow.response = flow.response.or_else(|| AuthorizationResponse::read(&posted, Carriage::Form, false));
            }
        }
        let Some(response) = &exchange.response else { return flow };
        let status = response.head.status().unwrap_or(0);
        if (300..400).contains(&status)
            && let Some(location) = response.head.value("location")
        {
            flow.redirected(location, flow.authorization.is_some());
        }
        let tokens = matches!(endpoint, Endpoint::Token | Endpoint::PossibleToken);
        flow.answer =
            response.body.kept.as_deref().filter(|content| tokens && !content.is_empty()).and_then(TokenAnswer::read);
        flow
    }

    fn redirected(&mut self, location: &[u8], asked: bool) {
        let (before, fragment) = divide(location, b'#');
        let (place, query) = divide(before, b'?');
        let pairs: Vec<_> = form::pairs(query).chain(form::pairs(fragment)).collect();
        let Some(mut response) = AuthorizationResponse::read(&pairs, Carriage::Location, asked) else { return };
        response.redirect = Some(String::from_utf8_lossy(place).chars().take(LONGEST).collect());
        self.response = Some(response);
    }
}

/// The query of a target, without its fragment.
pub fn query(target: &[u8]) -> &[u8] {
    divide(divide(target, b'#').0, b'?').1
}

/// The fragment of a target or a URL.
pub fn fragment(target: &[u8]) -> &[u8] {
    divide(target, b'#').1
}

fn divide(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match memchr::memchr(at, text) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..).unwrap_or_default()),
        None => (text, b""),
    }
}

/// The parameters of a request's content, if they tell anything of a flow.
fn posted(extraction: &Extraction) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let tells = ["response_type", "client_id", "code", "id_token", "access_token", "error"];
    if !tells.iter().any(|name| token_endpoint::form_parameter(extraction, name).is_some()) {
        return Vec::new();
    }
    let of_body = extraction.parameters.iter().filter(|p| p.part == Part::RequestBody);
    of_body.map(|p| (Cow::Borrowed(p.name.as_str()), Cow::Borrowed(p.value.reveal().as_str()))).collect()
}

/// Scheme, host (normalised, with a port that is not the default) and path of an absolute URL. Custom schemes have no
/// host.
pub fn parts(url: &str) -> Option<(&str, String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    if scheme.is_empty() || !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')) {
        return None;
    }
    let Some(rest) = rest.strip_prefix("//") else { return Some((scheme, String::new(), rest)) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let secure = if scheme.eq_ignore_ascii_case("http") { Scheme::Http } else { Scheme::Https };
    let end = path.find(['?', '#']).unwrap_or(path.len());
    Some((scheme, crate::hosts::normalize(authority, secure), path.get(..end).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn flow(text: &str) -> Flow {
        let exchange = testing::exchanges(text).remove(0);
        Flow::read(&exchange, &testing::extract(&exchange), &Endpoint::Token)
    }

    #[test]
    fn authorization_requests_are_told_from_what_looks_like_them() {
        let asked = flow(
            "GET /authorize?client_id=a&response_type=code%20id_token&state=s&code_challenge=c&code_challenge_method=S256#x HTTP/1.1\nHost: h\n",
        )
        .authorization
        .unwrap();
        assert!(asked.asks_for("code") && asked.asks_for("id_token") && asked.hashed && !asked.by_reference);
        assert_eq!(asked.state, Some(Fingerprint::of(b"s")));
        for (target, found) in [
            ("/authorize?client_id=a&request_uri=urn:x", true),
            ("/authorize?response_type=code", false),
            ("/api?client_id=a&type=b", false),
            ("/#client_id=a&response_type=code", false),
        ] {
            let text = format!("GET {target} HTTP/1.1\nHost: h\n");
            assert_eq!(flow(&text).authorization.is_some(), found, "{target}");
        }
    }

    #[test]
    fn authorization_responses() {
        let location = |location: &str| {
            flow(&format!("GET /x HTTP/1.1\nHost: h\n\nHTTP/1.1 302 Found\nLocation: {location}\n")).response
        };
        let found = location("https://app/cb?code=c&state=s&iss=https%3A%2F%2Fas").unwrap();
        assert_eq!((found.redirect.as_deref(), found.issuer.as_deref()), (Some("https://app/cb"), Some("https://as")));
        assert!(location("https://app/cb#access_token=t&state=s").unwrap().tokens);
        for other in ["https://app/?code=DE", "https://as/authorize?client_id=a&response_type=code&state=s", "/login"] {
            assert_eq!(location(other), None, "{other}");
        }
        let at_client = flow("GET /cb?code=c&state=s HTTP/1.1\nHost: app\n").response.unwrap();
        assert_eq!((at_client.carriage, at_client.code), (Carriage::Query, Some(Fingerprint::of(b"c"))));
    }

    #[test]
    fn answers_of_token_endpoints() {
        let answer = TokenAnswer::read(br#"{"access_token":"a","expires_in":"3600","token_type":"Bearer"}"#).unwrap();
        assert_eq!((answer.expires_in, answer.access_token), (Some(3600), Some(Fingerprint::of(b"a"))));
        assert_eq!(TokenAnswer::read(b"[]"), None);
        assert_eq!(TokenAnswer::read(b"<html>"), None);
    }

    #[test]
    fn parts_of_urls() {
        for (url, expected) in [
            ("https://App:443/cb?x#y", Some(("https", "app", "/cb"))),
            ("http://127.0.0.1:8080", Some(("http", "127.0.0.1:8080", ""))),
            ("com.app:/cb", Some(("com.app", "", "/cb"))),
            ("/cb", None),
            ("", None),
        ] {
            let found = parts(url);
            assert_eq!(found.as_ref().map(|(s, h, p)| (*s, h.as_str(), *p)), expected, "{url}");
        }
    }
}
