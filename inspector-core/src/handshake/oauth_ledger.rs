//! What of OAuth flows spans exchanges: authorization requests and the codes they gave, tokens and who issued them, and
//! what authorization servers publish about themselves.
//!
//! Every table forgets its oldest entries beyond `ENTRIES`; then a rule knows less and stays silent.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::{
    bounded::Memory,
    evidence::Evidence,
    handshake::{
        oauth_message::{self, AuthorizationRequest, Carriage},
        observation::{Endpoint, Observation},
    },
    hosts::{self, HostId},
    secret::Fingerprint,
    time::Timestamp,
};

/// Entries of a table.
const ENTRIES: usize = 4096;
/// Authorization servers whose metadata is kept.
const SERVERS: usize = 64;
/// Endpoints of authorization servers that are kept.
const ENDPOINTS: usize = 512;
/// Members of metadata that name endpoints at which clients authenticate (RFC 8414 §2, RFC 8628 §4, RFC 9126 §5).
const AUTHENTICATED: [&str; 5] = [
    "token_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "pushed_authorization_request_endpoint",
    "device_authorization_endpoint",
];
/// Longest metadata document read, in bytes.
const LONGEST_METADATA: usize = 256 << 10;

/// An authorization request that was seen.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Its number among the authorization requests, from 1.
    pub number: u64,
    /// The authorization server.
    pub host: HostId,
    /// The server's name.
    pub host_name: Arc<str>,
    /// What was asked.
    pub request: AuthorizationRequest,
    /// Where: the request line, without query.
    pub evidence: Evidence,
    /// When.
    pub time: Option<Timestamp>,
    /// An authorization response with a code or a token was seen.
    pub answered: bool,
}

/// Who handed out a token, and as what.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token endpoint's host.
    pub host: HostId,
    /// Its name.
    pub host_name: Arc<str>,
    /// `token_type`, of access tokens.
    pub token_type: Option<String>,
}

/// What an authorization server publishes (RFC 8414, OpenID Connect Discovery).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// `issuer`.
    pub issuer: String,
    /// Host of `authorization_endpoint`.
    pub authorization: String,
    /// Host of `token_endpoint`.
    pub token: String,
}

/// The memory of OAuth flows.
#[derive(Debug)]
pub struct Flows {
    count: u64,
    requests: Memory<u64, Authorization>,
    by_state: Memory<(HostId, Fingerprint), u64>,
    by_code: Memory<Fingerprint, u64>,
    access: Memory<Fingerprint, Issued>,
    refresh: Memory<Fingerprint, Issued>,
    servers: Vec<Server>,
    /// Where clients authenticate: hosts and paths in lower case.
    endpoints: BTreeSet<(String, String)>,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            count: 0,
            requests: Memory::new(ENTRIES),
            by_state: Memory::new(ENTRIES),
            by_code: Memory::new(ENTRIES),
            access: Memory::new(ENTRIES),
            refresh: Memory::new(ENTRIES),
            servers: Vec::new(),
            endpoints: BTreeSet::new(),
        }
    }
}

impl Flows {
    /// The first authorization request with that `state` at that server.
    pub fn of_state(&self, host: HostId, state: Fingerprint) -> Option<&Authorization> {
        self.requests.recall(self.by_state.recall(&(host, state))?)
    }

    /// The authorization request that code answered.
    pub fn of_code(&self, code: Fingerprint) -> Option<&Authorization> {
        self.requests.recall(self.by_code.recall(&code)?)
    }

    /// Who issued an access token.
    pub fn access_token(&self, id: Fingerprint) -> Option<&Issued> {
        self.access.recall(&id)
    }

    /// Who issued a refresh token.
    pub fn refresh_token(&self, id: Fingerprint) -> Option<&Issued> {
        self.refresh.recall(&id)
    }

    /// Takes an exchange.
    pub fn record(&mut self, observation: &Observation<'_>) {
        let asked = observation.flow.authorization.as_ref().map(|request| self.asked(observation, request));
        if let Some(response) = &observation.flow.response {
            let of_state = |host| response.state.and_then(|state| self.by_state.recall(&(host, state)).copied());
            let number = match response.carriage {
                Carriage::Location => asked.or_else(|| of_state(observation.host)),
                Carriage::Query | Carriage::Form => None,
            };
            if let Some(number) = number {
                if let Some(request) = self.requests.recall_mut(&number) {
                    request.answered |= response.code.is_some() || response.tokens;
                }
                if let Some(code) = response.code {
                    self.by_code.keep(code, number);
                }
            }
        }
        if let Some(answer) = &observation.flow.answer {
            let issued = Issued {
                host: observation.host,
                host_name: Arc::clone(&observation.host_name),
                token_type: answer.token_type.clone(),
            };
            // Who issued a token first is its issuer: relays repeat it.
            if let Some(id) = answer.access_token.filter(|id| self.access.recall(id).is_none()) {
                self.access.keep(id, issued.clone());
            }
            if let Some(id) = answer.refresh_token.filter(|id| self.refresh.recall(id).is_none()) {
                self.refresh.keep(id, issued);
            }
        }
        self.published(observation);
    }

    /// Keeps an authorization request; the first of a state stays the one of that state.
    fn asked(&mut self, observation: &Observation<'_>, request: &AuthorizationRequest) -> u64 {
        self.count += 1;
        let number = self.count;
        let authorization = Authorization {
            number,
            host: observation.host,
            host_name: Arc::clone(&observation.host_name),
            request: request.clone(),
            evidence: observation.request_line(),
            time: observation.time,
            answered: false,
        };
        self.requests.keep(number, authorization);
        if let Some(state) = request.state {
            let key = (observation.host, state);
            match self.by_state.recall(&key) {
                Some(first) if self.requests.recall(first).is_some() => {}
                _ => self.by_state.keep(key, number),
            }
        }
        number
    }

    fn published(&mut self, observation: &Observation<'_>) {
        let known = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];
        if observation.endpoint == Endpoint::Tunnel || !known.iter().any(|path| observation.path.contains(path)) {
            return;
        }
        let content = observation.exchange.response.as_ref().and_then(|response| response.body.kept.as_deref());
        let Some(content) = content.filter(|content| content.len() <= LONGEST_METADATA) else { return };
        let Ok(document) = serde_json::from_slice::<Value>(content) else { return };
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| text.len() <= 2048);
        self.learn_endpoints(&observation.host_name, &document);
        let host = |name: &str| text(name).and_then(oauth_message::parts).map(|(_, host, _)| host);
        if let (Some(issuer), Some(authorization), Some(token)) =
            (text("issuer"), host("authorization_endpoint"), host("token_endpoint"))
        {
            let server = Server { issuer: issuer.to_owned(), authorization, token };
            if self.servers.len() < SERVERS && !self.servers.contains(&server) {
                self.servers.push(server);
            }
        }
    }

    /// Keeps where clients authenticate. A server speaks for hosts of its own site only.
    fn learn_endpoints(&mut self, at: &str, document: &Value) {
        let aliases = document.get("mtls_endpoint_aliases");
        for endpoint in [Some(document), aliases].into_iter().flatten() {
            for name in AUTHENTICATED {
                let Some(url) = endpoint.get(name).and_then(Value::as_str).filter(|url| url.len() <= 2048) else {
                    continue;
                };
                let Some((_, host, path)) = oauth_message::parts(url) else { continue };
                if self.endpoints.len() < ENDPOINTS && hosts::site(&host) == hosts::site(at) {
                    self.endpoints.insert((host, path.to_ascii_lowercase()));
                }
            }
        }
    }

    /// Whether an authorization server's metadata names it as one at which clients authenticate. The path is in lower case.
    pub fn publishes_endpoint(&self, host: &str, path: &str) -> bool {
        !self.endpoints.is_empty() && self.endpoints.contains(&(host.to_owned(), path.to_owned()))
    }

    /// Whether neither a request nor a token of a flow was seen.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.access.is_empty() && self.refresh.is_empty()
    }

    /// The issuers whose metadata name that host's token endpoint.
    pub fn issuers_of<'f>(&'f self, token: &'f str) -> impl Iterator<Item = &'f str> {
        self.servers.iter().filter(move |server| server.token == token).map(|server| server.issuer.as_str())
    }

    /// The servers with that authorization endpoint: several tenants can share one.
    pub fn servers<'f>(&'f self, authorization: &'f str) -> impl Iterator<Item = &'f Server> {
        self.servers.iter().filter(move |server| server.authorization == authorization)
    }
}

#[cfg(test)]
mod tests {
    use crate::{finding::Severity, rules::testing};

    /// Basic with form content to a path that says nothing, after metadata of that host.
    fn codes(published_at: &str, metadata: &str, content: &str, answer: &str) -> Vec<&'static str> {
        let text = format!(
            "GET /.well-known/openid-configuration HTTP/1.1\nHost: {published_at}\n\nHTTP/1.1 200 OK\n\
             Content-Type: application/json\n\n{metadata}\n###\n\
             POST /Broker/Ask HTTP/1.1\nHost: login.example.test\nAuthorization: Basic d2ViOnMzY3I=\n\
             Content-Type: application/x-www-form-urlencoded\n\n{content}\nHTTP/1.1 200 OK\n\
             Content-Type: application/json\n\n{answer}\n###\n"
        );
        let report = testing::judge(&text);
        testing::codes(&report, Severity::Info).into_iter().filter(|code| code.starts_with("BAS")).collect()
    }

    #[test]
    fn clients_authenticate_where_metadata_says_so() {
        let names = |member: &str| {
            format!(r#"{{"issuer":"https://login.example.test","{member}":"https://login.example.test/broker/ASK"}}"#)
        };
        for member in super::AUTHENTICATED {
            assert!(
                codes("login.example.test", &names(member), "token=abc", r#"{"active":true}"#).is_empty(),
                "{member}"
            );
        }
        let aliases = r#"{"mtls_endpoint_aliases":{"introspection_endpoint":"https://login.example.test/Broker/Ask"}}"#;
        assert!(codes("sts.example.test", aliases, "token=abc", "{}").is_empty());
        // Nobody speaks for another site's hosts, and a request without such content is none to an authorization server.
        for (at, content) in [("login.evil.test", "token=abc"), ("login.example.test", "a=b")] {
            let found = codes(at, &names("introspection_endpoint"), content, "{}");
            assert!(found.iter().any(|code| ["BAS-001", "BAS-006"].contains(code)), "{at} {content}: {found:?}");
        }
    }

    #[test]
    fn what_begins_a_flow_is_told_by_its_answer() {
        for (content, answer) in [
            ("client_id=web&response_type=code", r#"{"request_uri":"urn:x:1","expires_in":60}"#),
            (
                "client_id=web&scope=a",
                r#"{"device_code":"d","user_code":"u","verification_uri":"https://login.example.test/d"}"#,
            ),
        ] {
            assert!(codes("login.example.test", "{}", content, answer).is_empty(), "{content}");
            assert_eq!(codes("login.example.test", "{}", content, "{}"), ["BAS-001"], "{content}");
        }
    }
}
