//! What is asked of authorization servers: who asked for what by which grant, and what came back.
//!
//! ```text
//! ACS            assertion ─► actor token                        [MS-XOAUTH], grant http://oauth.net/…/jwt/1.0/bearer
//! client         client_credentials ─► access token              RFC 6749 §4.4
//! user           authorize ─► code ─► access, refresh, id token  RFC 6749 §4.1, with PKCE RFC 7636
//! device         device code ─► (pending)* ─► tokens             RFC 8628
//! refresh        refresh token ─► tokens                         RFC 6749 §6
//! on behalf of   the caller's token ─► token for another API     RFC 8693, Entra's jwt-bearer
//! ```
//!
//! Each exchange is one [`Grant`]. What one gives and another uses (a code, a refresh token, a device code, an assertion)
//! joins them, and the token a call presents joins them to the call, whatever connection or input they were in. Values are
//! kept as fingerprints only.

use std::{net::IpAddr, sync::Arc};

use super::{
    call::{Step, StepKind},
    observation::{Endpoint, Observation},
};
use crate::{
    bounded::Index,
    handshake::{
        oauth_message::{AuthorizationRequest, Carriage, TokenAnswer},
        token_endpoint::{self, ACS_GRANT},
    },
    hosts::HostId,
    secret::Fingerprint,
    time::Timestamp,
    token::{Role, mask, principal::Principal},
};

/// Fingerprints kept of what one exchange gives or uses.
const LINKS: usize = 8;
/// Longest answer about a token that is read, in bytes.
const LONGEST_ANSWER: usize = 64 << 10;

/// How a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GrantKind {
    /// The ACS dialect: an assertion for an actor token.
    Acs,
    /// The client's own credentials.
    ClientCredentials,
    /// An authorization code, its request and its response among it.
    AuthorizationCode,
    /// The same with PKCE.
    AuthorizationCodePkce,
    /// Tokens straight from the authorization endpoint.
    Implicit,
    /// A device code.
    DeviceCode,
    /// A refresh token.
    RefreshToken,
    /// A caller's token for one of another resource.
    OnBehalfOf,
    /// An assertion of another issuer (RFC 7521).
    Assertion,
    /// A user's password.
    Password,
    /// A token for a repository of a container registry.
    Registry,
    /// A token is looked up.
    Introspection,
    /// A token is given back.
    Revocation,
    /// Any other.
    Other,
}

impl GrantKind {
    /// The word in `handshakes[].grants[]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acs => "acs",
            Self::ClientCredentials => "client-credentials",
            Self::AuthorizationCode => "authorization-code",
            Self::AuthorizationCodePkce => "authorization-code+pkce",
            Self::Implicit => "implicit",
            Self::DeviceCode => "device-code",
            Self::RefreshToken => "refresh-token",
            Self::OnBehalfOf => "on-behalf-of",
            Self::Assertion => "assertion",
            Self::Password => "password",
            Self::Registry => "registry",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::Other => "other",
        }
    }

    /// By the request's parameters.
    fn of(grant_type: &str, parameter: &dyn Fn(&str) -> bool, on_behalf_of: bool) -> Self {
        match grant_type {
            ACS_GRANT => Self::Acs,
            "client_credentials" => Self::ClientCredentials,
            "authorization_code" if parameter("code_verifier") => Self::AuthorizationCodePkce,
            "authorization_code" => Self::AuthorizationCode,
            "refresh_token" => Self::RefreshToken,
            "password" => Self::Password,
            "urn:ietf:params:oauth:grant-type:device_code" | "device_code" => Self::DeviceCode,
            "urn:ietf:params:oauth:grant-type:token-exchange" => Self::OnBehalfOf,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" if on_behalf_of => Self::OnBehalfOf,
            "urn:ietf:params:oauth:grant-type:jwt-bearer" | "urn:ietf:params:oauth:grant-type:saml2-bearer" => {
                Self::Assertion
            }
            _ => Self::Other,
        }
    }

    /// What the client shows for a token, for people.
    const fn with(self) -> &'static str {
        match self {
            Self::Acs | Self::Assertion => " with an assertion",
            Self::ClientCredentials => " with its own credentials",
            Self::AuthorizationCode => " with the code",
            Self::AuthorizationCodePkce => " with the code and its PKCE verifier",
            Self::DeviceCode => " with the device code",
            Self::RefreshToken => " with its refresh token",
            Self::OnBehalfOf => " on behalf of its caller",
            Self::Password => " with a user's password",
            _ => "",
        }
    }
}

/// How an authorization server answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It gave what was asked for.
    Yes,
    /// It refused.
    No,
    /// It asks for patience: the user has not answered on the device yet.
    Pending,
    /// No answer was recorded, or it cannot be read.
    Unknown,
}

/// One exchange with an authorization server.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The server.
    pub host: HostId,
    /// Its name.
    pub host_name: Arc<str>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// The client: `client_id`, or the assertion's issuer; masked.
    pub client: Option<String>,
    /// `resource`, or else `scope`; masked.
    pub resource: Option<String>,
    /// The host the resource names, in lower case.
    pub resource_host: Option<String>,
    /// How it asks.
    pub kind: GrantKind,
    /// Whether it tells PKCE by itself: a callback and a request by reference do not.
    pub tells_kind: bool,
    /// It asks for an actor token of server-to-server OAuth.
    pub server_to_server: bool,
    /// The authorization code that came back.
    pub code: Option<Fingerprint>,
    /// The server sent that code here; else the browser brought it.
    pub from_server: bool,
    /// The access token it got.
    pub token: Option<Fingerprint>,
    /// What it got: tokens, codes, a `state` to be answered.
    pub gives: Vec<Fingerprint>,
    /// What it showed for it.
    pub uses: Vec<Fingerprint>,
    /// How it was answered.
    pub given: Given,
    /// When it was asked.
    pub time: Option<Timestamp>,
    /// When the access token ends.
    pub expires: Option<Timestamp>,
    /// Requests it stands for: polls for one device code are one.
    pub count: u64,
    /// Status and words of a refusal.
    pub refusal: Option<(u16, String)>,
    /// Request and answer.
    pub steps: Vec<Step>,
}

/// The exchanges with authorization servers, within bounds.
#[derive(Debug)]
pub struct Grants {
    all: Vec<Grant>,
    /// The polls for a device code.
    polls: Index<Fingerprint, usize>,
    most: usize,
    beyond: u64,
}

impl Grants {
    /// Room for so many.
    pub fn new(most: usize) -> Self {
        Self { all: Vec::new(), polls: Index::default(), most, beyond: 0 }
    }

    /// All that were kept, in order.
    pub fn all(&self) -> &[Grant] {
        &self.all
    }

    /// Whether there were more.
    pub const fn overflowed(&self) -> bool {
        self.beyond > 0
    }

    /// Takes an exchange, if it is one with an authorization server.
    pub fn record(&mut self, observation: &Observation<'_>) {
        let Some(grant) = read(observation) else { return };
        if let Some(code) = grant.uses.first().filter(|_| grant.kind == GrantKind::DeviceCode).copied() {
            let known = self.polls.get(&code).and_then(|at| self.all.get_mut(*at));
            if let (Some(known), Given::Pending) = (known, grant.given) {
                known.count += 1;
                return;
            }
            if grant.given == Given::Pending && self.polls.len() < self.most {
                self.polls.insert(code, self.all.len());
            }
        }
        if self.all.len() < self.most {
            self.all.push(grant);
        } else {
            self.beyond += 1;
        }
    }
}

fn read(observation: &Observation<'_>) -> Option<Grant> {
    let mut grant = Grant {
        host: observation.host,
        host_name: Arc::clone(&observation.host_name),
        address: observation.client,
        client: None,
        resource: None,
        resource_host: None,
        kind: GrantKind::Other,
        tells_kind: true,
        server_to_server: false,
        code: None,
        from_server: false,
        token: None,
        gives: Vec::new(),
        uses: Vec::new(),
        given: Given::Unknown,
        time: observation.time,
        expires: None,
        count: 1,
        refusal: None,
        steps: Vec::new(),
    };
    if let Some(request) = &observation.token_request {
        token(&mut grant, observation, request);
    } else if let Some(request) = &observation.flow.authorization {
        authorization(&mut grant, observation, request);
    } else if is_registry_login(observation) {
        registry(&mut grant, observation);
    } else if is_device_request(observation) {
        device(&mut grant, observation);
    } else if observation.flow.response.is_some() && observation.endpoint != Endpoint::Token {
        callback(&mut grant, observation)?;
    } else {
        inspect(&mut grant, observation)?;
    }
    grant.gives.truncate(LINKS);
    grant.uses.truncate(LINKS);
    Some(grant)
}

fn parameter<'o>(observation: &'o Observation<'_>, name: &str) -> Option<&'o str> {
    token_endpoint::form_parameter(observation.extraction, name).map(str::trim).filter(|value| !value.is_empty())
}

fn fingerprint(observation: &Observation<'_>, name: &str) -> Option<Fingerprint> {
    parameter(observation, name).map(|value| Fingerprint::of(value.as_bytes()))
}

/// The host a resource names: of `id/host@realm`, or of a URL.
fn host_of(resource: &str) -> Option<String> {
    let first = resource.split_ascii_whitespace().next()?;
    let host = match crate::handshake::oauth_message::parts(first) {
        Some((_, host, _)) if !host.is_empty() => host,
        _ => Principal::parse(first)?.host?.to_ascii_lowercase(),
    };
    Some(host.chars().take(259).collect())
}

fn set_resource(grant: &mut Grant, resource: Option<&str>) {
    let shown: String = resource.unwrap_or_default().chars().take(512).collect();
    grant.resource = Some(mask::text(&shown)).filter(|text| !text.is_empty());
    grant.resource_host = host_of(&shown);
}

/// A token request.
fn token(grant: &mut Grant, observation: &Observation<'_>, request: &token_endpoint::TokenRequest) {
    let shows = |name: &str| parameter(observation, name).is_some();
    let on_behalf = parameter(observation, "requested_token_use").is_some_and(|word| word == "on_behalf_of");
    grant.kind = GrantKind::of(&request.grant_type, &shows, on_behalf);
    grant.server_to_server = request.server_to_server;
    grant.client = request.client.as_deref().map(|client| mask::text(&client.chars().take(512).collect::<String>()));
    set_resource(grant, request.resource.as_deref());
    let used = ["code", "device_code", "refresh_token", "assertion", "subject_token"];
    grant.uses.extend(used.iter().filter_map(|name| fingerprint(observation, name)));
    let wanted = grant.resource.as_ref().map(|resource| format!(" for {resource}")).unwrap_or_default();
    let text = format!("asks {} for a token{wanted}{}", grant.host_name, grant.kind.with());
    grant.steps.push(Step::asked(StepKind::TokenRequest, observation, text, observation.request_line()));
    answer(grant, observation);
}

/// What a token endpoint answered.
fn answer(grant: &mut Grant, observation: &Observation<'_>) {
    let given = observation.flow.answer.as_ref();
    let issued = observation.extraction.sightings.iter().find(|sighting| {
        sighting.role == Role::Issued
            && given.is_none_or(|given| given.access_token.is_none_or(|id| id == sighting.token.id))
    });
    grant.token = given.and_then(|given| given.access_token).or_else(|| issued.map(|sighting| sighting.token.id));
    grant.gives.extend(grant.token);
    grant.gives.extend(given.and_then(|given| given.refresh_token));
    let stated = issued.and_then(|sighting| sighting.token.expires);
    let lasts = given.and_then(|given| given.expires_in).and_then(|seconds| i64::try_from(seconds).ok());
    let answered = observation.exchange.response.as_ref().and_then(|response| response.first.time());
    let counted = lasts
        .zip(answered)
        .map(|(seconds, at)| Timestamp::from_nanos(at.nanos().saturating_add(seconds.saturating_mul(1_000_000_000))));
    grant.expires = stated.or(counted);
    let Some(status) = observation.status else { return };
    let error = given.and_then(|given| given.error.as_deref());
    let text = if grant.token.is_some() {
        grant.given = Given::Yes;
        let refresh =
            if given.is_some_and(|given| given.refresh_token.is_some()) { " and a refresh token" } else { "" };
        let what = issued.map_or_else(|| "an opaque token".to_owned(), |sighting| mask::token(&sighting.token));
        let lasts = lasts.map(|seconds| format!(", valid {}", span(seconds))).unwrap_or_default();
        format!("issues {what}{refresh}{lasts}")
    } else if let Some(error) = error {
        let pending = matches!(error, "authorization_pending" | "slow_down");
        let code = observation.token_error.as_ref().and_then(token_endpoint::TokenError::code).unwrap_or_default();
        let meaning = observation.token_error.as_ref().and_then(token_endpoint::TokenError::explanation);
        let meaning = meaning.map(|known| format!(" ({})", known.meaning)).unwrap_or_default();
        let said = mask::text(format!("{error} {code}").trim());
        if pending {
            grant.given = Given::Pending;
            format!("not yet: {said}")
        } else {
            refuse(grant, status, &format!("{said}{meaning}"))
        }
    } else {
        if status >= 400 {
            grant.given = Given::No;
            grant.refusal = Some((status, String::new()));
        }
        format!("answers {status}")
    };
    grant.steps.push(Step::answered(StepKind::Token, observation, text).about(grant.token));
}

/// `1 h`, `90 min`, `45 s`.
fn span(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A user is sent to the authorization server.
fn authorization(grant: &mut Grant, observation: &Observation<'_>, request: &AuthorizationRequest) {
    grant.kind = match () {
        () if !request.asks_for("code") && !request.by_reference => GrantKind::Implicit,
        () if request.challenge.is_some() => GrantKind::AuthorizationCodePkce,
        () => GrantKind::AuthorizationCode,
    };
    grant.client = Some(mask::text(&request.client.chars().take(512).collect::<String>()));
    set_resource(grant, request.resource.as_deref().or(request.scope.as_deref()));
    grant.tells_kind = !request.by_reference;
    grant.gives.extend(request.state);
    grant.uses.extend(request.reference);
    let wanted = grant.resource.as_ref().map(|resource| format!(" for {resource}")).unwrap_or_default();
    let pkce = if request.challenge.is_some() { ", with PKCE" } else { "" };
    let text = match request.pushed {
        true => format!("pushes its authorization request to {}{wanted}{pkce}", grant.host_name),
        false => format!("sends the user to {}{wanted}{pkce}", grant.host_name),
    };
    grant.steps.push(Step::asked(StepKind::Authorization, observation, text, observation.request_line()));
    let Some(status) = observation.status else { return };
    let text = match &observation.flow.response {
        Some(response) => {
            grant.gives.extend(response.code);
            (grant.code, grant.from_server) = (response.code, true);
            grant.given = if response.error.is_some() { Given::No } else { Given::Yes };
            match (&response.error, response.code.is_some(), response.tokens) {
                (Some(error), ..) => {
                    let error = mask::text(error);
                    grant.refusal = Some((status, error.clone()));
                    format!("refuses: {error}")
                }
                (None, true, true) => "answers with a code and tokens".to_owned(),
                (None, true, false) => "answers with a code".to_owned(),
                _ => "answers with tokens".to_owned(),
            }
        }
        None => pushed(grant, observation, status),
    };
    grant.gives.extend(issued(observation));
    grant.steps.push(Step::answered(StepKind::AuthorizationResponse, observation, text));
}

/// What came back for a pushed authorization request; of any other only the status tells.
fn pushed(grant: &mut Grant, observation: &Observation<'_>, status: u16) -> String {
    let answer = observation.flow.answer.as_ref();
    if let Some(reference) = answer.and_then(|answer| answer.request_uri) {
        grant.gives.push(reference);
        grant.given = Given::Yes;
        return "gives a reference to it".to_owned();
    }
    let Some(error) = answer.and_then(|answer| answer.error.as_deref()).filter(|_| status >= 400) else {
        return format!("answers {status}");
    };
    refuse(grant, status, &mask::text(error))
}

/// Takes the words of a refusal; what asks for a nonce in the proof of possession only delays (RFC 9449 §8).
fn refuse(grant: &mut Grant, status: u16, said: &str) -> String {
    if said == "use_dpop_nonce" {
        grant.given = Given::Pending;
        return format!("asks for a nonce in the proof: {status} {said}");
    }
    grant.given = Given::No;
    grant.refusal = Some((status, said.to_owned()));
    format!("refuses: {status} {said}")
}

fn issued<'o>(observation: &'o Observation<'_>) -> impl Iterator<Item = Fingerprint> + 'o {
    let all = observation.extraction.sightings.iter();
    all.filter(|sighting| sighting.role == Role::Issued).map(|sighting| sighting.token.id)
}

/// The browser brings the authorization server's answer to the client.
fn callback(grant: &mut Grant, observation: &Observation<'_>) -> Option<()> {
    let response = observation.flow.response.as_ref()?;
    let state = response.state?;
    grant.kind = GrantKind::AuthorizationCode;
    grant.uses.push(state);
    grant.gives.extend(response.code);
    (grant.code, grant.from_server) = (response.code, response.carriage == Carriage::Location);
    grant.given = if response.error.is_some() { Given::No } else { Given::Yes };
    grant.tells_kind = false;
    let what = match (&response.error, response.code.is_some()) {
        (Some(error), _) => format!("the error {}", mask::text(error)),
        (None, true) => "the code".to_owned(),
        (None, false) => "the answer".to_owned(),
    };
    let text = match &response.redirect {
        Some(redirect) => format!("sends the user back to {} with {what}", place_of(redirect)),
        None => format!("the user comes back to {} with {what}", observation.place()),
    };
    let step = Step::asked(StepKind::AuthorizationResponse, observation, text, observation.request_line());
    grant.steps.push(step);
    Some(())
}

/// Host and path of where a redirect leads; of an application's own scheme, all of it.
fn place_of(redirect: &str) -> String {
    match crate::handshake::oauth_message::parts(redirect) {
        Some((_, host, path)) if !host.is_empty() => format!("{host}{}", mask::text(path)),
        _ => mask::text(redirect),
    }
}

/// The login of container registries: a token by the name of a service and a scope, without a grant.
fn is_registry_login(observation: &Observation<'_>) -> bool {
    observation.endpoint == Endpoint::Token
        && token_endpoint::query_parameter(observation.extraction, "service").is_some()
}

fn registry(grant: &mut Grant, observation: &Observation<'_>) {
    grant.kind = GrantKind::Registry;
    let query =
        |name: &str| token_endpoint::query_parameter(observation.extraction, name).filter(|value| !value.is_empty());
    grant.client = query("account").or_else(|| query("client_id")).map(mask::text);
    set_resource(grant, query("scope").or_else(|| query("service")));
    let wanted = grant.resource.as_ref().map(|resource| format!(" for {resource}")).unwrap_or_default();
    let how = if observation.carried.any() { " with its own credentials" } else { ", without credentials" };
    let text = format!("asks {} for a token{wanted}{how}", grant.host_name);
    grant.steps.push(Step::asked(StepKind::TokenRequest, observation, text, observation.request_line()));
    answer(grant, observation);
}

fn is_device_request(observation: &Observation<'_>) -> bool {
    let answered = observation.flow.answer.as_ref().is_some_and(|answer: &TokenAnswer| answer.device_code.is_some());
    let asked = observation.path.contains("device") && parameter(observation, "client_id").is_some();
    answered || (asked && observation.endpoint == Endpoint::Token)
}

/// A device asks for a code to show.
fn device(grant: &mut Grant, observation: &Observation<'_>) {
    grant.kind = GrantKind::DeviceCode;
    grant.client =
        parameter(observation, "client_id").map(|client| mask::text(&client.chars().take(512).collect::<String>()));
    set_resource(grant, parameter(observation, "resource").or_else(|| parameter(observation, "scope")));
    let wanted = grant.resource.as_ref().map(|resource| format!(" for {resource}")).unwrap_or_default();
    let text = format!("asks {} for a device code{wanted}", grant.host_name);
    grant.steps.push(Step::asked(StepKind::DeviceRequest, observation, text, observation.request_line()));
    let Some(status) = observation.status else { return };
    let answer = observation.flow.answer.as_ref();
    let text = match answer.and_then(|answer| answer.device_code) {
        Some(code) => {
            grant.gives.push(code);
            grant.given = Given::Yes;
            let page = answer.and_then(|answer| answer.verification.as_deref());
            let page = page.map(|page| format!(", to be confirmed at {}", mask::text(page))).unwrap_or_default();
            format!("gives a device code{page}")
        }
        None => {
            grant.given = if status >= 400 { Given::No } else { Given::Unknown };
            let error = answer.and_then(|answer| answer.error.as_deref()).map(mask::text).unwrap_or_default();
            grant.refusal = (status >= 400).then(|| (status, error.clone()));
            format!("answers {status} {error}").trim_end().to_owned()
        }
    };
    grant.steps.push(Step::answered(StepKind::DeviceCode, observation, text));
}

/// A token is looked up or given back.
fn inspect(grant: &mut Grant, observation: &Observation<'_>) -> Option<()> {
    if observation.endpoint != Endpoint::Token {
        return None;
    }
    let token = fingerprint(observation, "token")?;
    let revokes = observation.path.contains("revo");
    if !revokes && !observation.path.contains("introspect") {
        return None;
    }
    let (kind, step, verb) = if revokes {
        (GrantKind::Revocation, StepKind::Revocation, "gives a token back to")
    } else {
        (GrantKind::Introspection, StepKind::Introspection, "asks what a token is:")
    };
    grant.kind = kind;
    grant.uses.push(token);
    grant.client =
        parameter(observation, "client_id").map(|client| mask::text(&client.chars().take(512).collect::<String>()));
    let text = format!("{verb} {}", grant.host_name);
    grant.steps.push(Step::asked(step, observation, text, observation.request_line()).about(Some(token)));
    if let Some(status) = observation.status {
        grant.given = if status < 400 { Given::Yes } else { Given::No };
        let said = match active(observation) {
            Some(true) => ", the token is active",
            Some(false) => ", the token is not active",
            None => "",
        };
        let text = format!("{status}{said}");
        grant.steps.push(Step::answered(StepKind::Done, observation, text).about(Some(token)));
    }
    Some(())
}

/// `active` of an introspection response.
fn active(observation: &Observation<'_>) -> Option<bool> {
    let body = observation.exchange.response.as_ref()?.body.kept.as_deref()?;
    let document: serde_json::Value = serde_json::from_slice(body.get(..LONGEST_ANSWER).unwrap_or(body)).ok()?;
    document.get("active")?.as_bool()
}
