//! One exchange with everything the judgement asks of it, worked out once.
//!
//! Rules are short because of this type: which host, what the endpoint is for, what credentials came, who calls, what
//! the server answered and why.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use memchr::memmem;

pub use super::answer::Answer;
use super::{
    answer::{Question, Reading},
    call::History,
    caller::{self, Caller, Direction},
    diagnostics::{Diagnostic, ServerReason},
    identity::{Identity, Named},
    ledger::Ledger,
    meaning::{self, Refused},
};
use crate::{
    evidence::{Evidence, Part},
    exchange::{Exchange, Mark, Scheme, message::Head},
    finding::Concern,
    handshake::{
        oauth_message::{Flow, TokenAnswer},
        token_endpoint::{self, TokenError, TokenRequest},
    },
    hosts::{self, HostId},
    http::auth::{Basic, Challenge, Credentials, CredentialsKind},
    moment::Moment,
    policy::Policy,
    profile::{EndpointKind, Profile},
    secret::names::{SecretKind, secret_kind},
    time::Timestamp,
    token::{
        Defect, Role, Sighting, Token, TokenKind,
        extract::{Extraction, Parameter},
        mask,
    },
};

/// Seconds clocks may differ.
pub const CLOCK_SKEW: u64 = 300;

/// What an endpoint is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A resource of the profile, by its path.
    Resource {
        /// Whose it is.
        product: Arc<str>,
        /// The path tells by itself that the host is of interest.
        alone: bool,
    },
    /// Anonymous by design (Autodiscover V2).
    Anonymous,
    /// Published keys and configuration.
    Metadata,
    /// A token endpoint or one of its kin (introspection, revocation, pushed requests, device codes).
    Token,
    /// The path looks like one, but the content is not that of an OAuth request, or is not there.
    PossibleToken,
    /// `CONNECT`: a tunnel through a proxy.
    Tunnel,
    /// Anything else.
    Other,
}

/// Which credentials a request carried for the server (not for a proxy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Carried {
    /// A token whose claims can be read.
    pub readable_token: bool,
    /// A token that is opaque, encrypted, cut or too large.
    pub unreadable_token: bool,
    /// A value the recording replaced.
    pub redacted: bool,
    /// Basic that says something, or a password elsewhere.
    pub password: bool,
    /// NTLM, Negotiate, Digest or another scheme.
    pub other: bool,
    /// An `Authorization` field that says nothing: empty, a scheme alone, or Basic with neither user nor password.
    pub empty: bool,
}

impl Carried {
    /// Whether anything was carried that says something.
    pub const fn any(self) -> bool {
        self.readable_token || self.unreadable_token || self.redacted || self.password || self.other
    }

    /// Whether a token was carried.
    pub const fn token(self) -> bool {
        self.readable_token || self.unreadable_token
    }
}

/// One exchange, worked out.
#[derive(Debug)]
pub struct Observation<'a> {
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Its tokens, credentials, challenges and parameters.
    pub extraction: &'a Extraction,
    /// What is expected.
    pub profile: &'a Profile,
    /// The host asked: authority, else server address.
    pub host: HostId,
    /// Its name.
    pub host_name: Arc<str>,
    /// Path of the target in lower case, without query.
    pub path: String,
    /// What the endpoint is for.
    pub endpoint: Endpoint,
    /// It belongs to server-to-server OAuth: by path, token or challenge. Never for anonymous endpoints.
    pub s2s: bool,
    /// Which credentials it carried.
    pub carried: Carried,
    /// What the answer means.
    pub answer: Answer,
    /// Status of the final response; `None` without one.
    pub status: Option<u16>,
    /// When the request was recorded.
    pub time: Option<Timestamp>,
    /// When validity is judged: the recording's time, unless the policy names another.
    pub judged_at: Option<Timestamp>,
    /// Who asked, as far as the recording tells.
    pub client: Option<IpAddr>,
    /// `x-ms-diagnostics` fields.
    pub diagnostics: Vec<Diagnostic>,
    /// Why the server refused, if it said so.
    pub reason: Option<ServerReason>,
    /// The request, if the endpoint is a token endpoint.
    pub token_request: Option<TokenRequest>,
    /// The error it answered.
    pub token_error: Option<TokenError>,
    /// Who calls, by the first presented token that tells.
    pub caller: Option<Arc<Caller>>,
    /// The expected caller, if a presented token names one in the forward direction.
    pub expected: Option<Arc<Caller>>,
    /// Tokens were presented, and one of them names a caller the profile expects, though perhaps falsely or elsewhere.
    pub is_known_caller: bool,
    /// When it was sent, to tell earlier from later.
    pub moment: Moment,
    /// Direction of the first presented token.
    pub direction: Option<Direction>,
    /// What the same client did before at this host as the same caller.
    pub history: History,
    /// What it is in an OAuth flow.
    pub flow: Flow,
    /// What the first presented token says.
    pub(super) identity: Option<Arc<Identity>>,
    /// The caller, or the class of the first presented token: what tells calls apart.
    pub(crate) call_key: Option<Arc<str>>,
    /// The caller's id in lower case.
    pub(super) caller_id: Option<Arc<str>>,
    /// `Date` of the answer.
    date: Option<Timestamp>,
    concern: Concern,
}

impl<'a> Observation<'a> {
    /// Works out an exchange. The ledger gives hosts their numbers and tells what was known before.
    pub fn new(exchange: &'a Exchange, extraction: &'a Extraction, policy: &'a Policy, ledger: &mut Ledger) -> Self {
        let profile = &policy.profile;
        let authority = authority_of(exchange);
        let tunnel = exchange.request.as_ref().is_some_and(|r| r.head.method().eq_ignore_ascii_case(b"CONNECT"));
        let tls_name = exchange.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let is_named = authority.is_some() || tls_name.is_some();
        let host = match (authority, exchange.server) {
            (Some(name), _) if tunnel => ledger.authority(&name, Scheme::Https),
            (Some(name), _) => ledger.authority(&name, exchange.scheme),
            (None, _) if tls_name.is_some() => ledger.authority(tls_name.unwrap_or_default(), exchange.scheme),
            (None, Some(server)) => ledger.authority(&server.to_string(), exchange.scheme),
            (None, None) => ledger.host(""),
        };
        let host_name = Arc::clone(ledger.host_name(host));
        let request = exchange.request.as_ref();
        let response = exchange.response.as_ref();
        let path = request.map(|r| path_of(r.head.target())).unwrap_or_default();
        let published = ledger.flows().publishes_endpoint(&host_name, &path);
        let endpoint = classify(exchange, extraction, profile, (&host_name, &path), published);
        let carried = carried(extraction);
        let challenged = extraction.challenges.iter().any(|c| !c.proxy && is_s2s_challenge(c));
        let s2s = is_s2s(extraction, &endpoint, challenged);
        let diagnostics: Vec<Diagnostic> = response
            .map(|r| {
                r.head.values("x-ms-diagnostics").map(|v| Diagnostic::parse(&String::from_utf8_lossy(v))).collect()
            })
            .unwrap_or_default();
        let status = exchange.status().filter(|status| *status != 0);
        let is_head = request.is_some_and(|r| r.head.method().eq_ignore_ascii_case(b"HEAD"));
        let reading = response.filter(|_| carried.any()).map(|response| Reading::of(response, is_head));
        let reason = server_reason(extraction, &diagnostics, reading.as_ref());
        let question = Question {
            exchange,
            extraction,
            profile,
            place: (&host_name, &path),
            endpoint: &endpoint,
            carried,
            diagnostics: &diagnostics,
            was_sent: was_sent(exchange),
            is_only_embedded: is_only_embedded(extraction),
        };
        let answer = question.answer(reading.as_ref());
        let is_token = endpoint == Endpoint::Token;
        let token_request =
            is_token.then(|| TokenRequest::read(extraction, profile, |host| ledger.is_s2s_host(host))).flatten();
        let failed = is_token && status.is_some_and(|status| status >= 400);
        let token_error = response.filter(|_| failed).and_then(|r| r.body.kept.as_deref()).and_then(TokenError::read);
        let to_resource = match &endpoint {
            Endpoint::Resource { product, .. } => profile.resources.iter().any(|resource| *resource.name == **product),
            _ => false,
        };
        let sent = was_sent(exchange);
        let (mut identity, mut called, mut expected) = (None, None::<Named>, None::<Named>);
        let mut is_known_caller = false;
        // What stands beside a batch is what its answer is about.
        let alone = |s: &Sighting| !is_embedded(s) || is_only_embedded(extraction);
        for sighting in by_worth(extraction, profile) {
            let says = ledger.identity(sighting, policy);
            let is_alone = alone(sighting);
            is_known_caller |= says.is_known;
            if is_alone {
                called = called.or_else(|| says.called.clone());
            }
            if is_alone && sent {
                expected = expected.or_else(|| says.expected(to_resource).cloned());
            }
            identity.get_or_insert(says);
        }
        let named = expected.as_ref().or(called.as_ref());
        let kind = identity.as_ref().map(|says| Arc::clone(&says.kind));
        let date = response.and_then(|r| r.head.text("date")).and_then(|date| ledger.date(date));
        let time = request.or(response).and_then(|message| message.first.time());
        let flow = Flow::read(exchange, extraction, &endpoint);
        let moment = ledger.moment(time);
        let mut observation = Self {
            is_known_caller,
            moment,
            exchange,
            extraction,
            profile,
            host,
            host_name,
            path,
            endpoint,
            s2s,
            carried,
            answer,
            status,
            time,
            judged_at: policy.clock.at(time),
            client: exchange.client.map(|client| client.address.to_canonical()),
            diagnostics,
            reason,
            token_request,
            token_error,
            direction: identity.as_ref().map(|says| says.direction),
            call_key: kind.map(|kind| named.map_or(kind, |named| Arc::clone(&named.key))),
            caller_id: named.map(|named| Arc::clone(&named.id)),
            caller: named.map(|named| Arc::clone(&named.caller)),
            expected: expected.map(|named| named.caller),
            identity,
            history: History::default(),
            flow,
            date,
            concern: concern(exchange, host, is_named),
        };
        observation.history = ledger.history(&observation);
        observation.explain();
        observation
    }

    /// Works out what the server's reason means.
    fn explain(&mut self) {
        let time = self.valid_at();
        let Some(reason) = &mut self.reason else { return };
        let token = self.extraction.sightings.iter().find(|sighting| caller::is_presented(sighting));
        let refused = Refused {
            profile: self.profile,
            host: &self.host_name,
            product: match &self.endpoint {
                Endpoint::Resource { product, .. } => product,
                _ => "",
            },
            token: token.map(|sighting| (&*sighting.token, sighting.kind)),
            time,
            content: self.exchange.response.as_ref().and_then(|response| response.body.kept.as_deref()),
        };
        meaning::explain(reason, &refused);
    }

    /// What a finding about this exchange concerns: its host; if neither the request nor TLS names it, whoever is at the
    /// server's address; if it has several names, any.
    pub const fn concern(&self) -> Concern {
        self.concern
    }

    /// The request's header section.
    pub fn request(&self) -> Option<&'a Head> {
        self.exchange.request.as_ref().map(|message| &message.head)
    }

    /// The response's header section.
    pub fn response(&self) -> Option<&'a Head> {
        self.exchange.response.as_ref().map(|message| &message.head)
    }

    /// Whether the client sent the request: not answered from a cache, blocked, or promised by the server.
    pub const fn is_sent(&self) -> bool {
        was_sent(self.exchange)
    }

    /// Whether TLS protected it where it was recorded.
    pub fn is_protected(&self) -> bool {
        self.exchange.scheme == Scheme::Https
    }

    /// Whether the server refused the credentials: by its status, its words, or by a login page.
    pub const fn is_refusal(&self) -> bool {
        matches!(self.answer, Answer::Refused | Answer::Login)
    }

    /// Whether a token was refused that names no caller the profile expects: of another product, or a scanner's.
    pub fn is_of_stranger(&self) -> bool {
        self.is_refusal() && !self.is_known_caller && self.presented().next().is_some()
    }

    /// Whether the path is a resource of the profile that tells by itself.
    pub const fn is_resource(&self) -> bool {
        matches!(self.endpoint, Endpoint::Resource { alone: true, .. })
    }

    /// Whether the endpoint is known for a token endpoint by its host or its path, not by what is posted to it only.
    pub fn is_known_token_endpoint(&self) -> bool {
        let named = self.profile.endpoint(&self.path).is_some_and(|found| found.kind == EndpointKind::Token);
        named || self.profile.is_token_path(&self.path) || self.profile.is_token_host(&self.host_name)
    }

    /// Whether the exchange asks a resource (rather than a token endpoint, a proxy or published metadata).
    pub const fn asks_resource(&self) -> bool {
        matches!(self.endpoint, Endpoint::Resource { .. } | Endpoint::Other | Endpoint::PossibleToken)
    }

    /// Whether a token may have been issued here that the recording does not show.
    pub fn may_issue(&self) -> bool {
        matches!(self.endpoint, Endpoint::Token | Endpoint::PossibleToken)
            && self.status.is_none_or(|status| status < 400)
            && !self.extraction.sightings.iter().any(|sighting| sighting.role == Role::Issued)
    }

    /// Whether a request to a resource was sent and read.
    pub const fn is_call(&self) -> bool {
        self.asks_resource() && self.exchange.request.is_some() && self.is_sent()
    }

    /// Tokens presented to the resource, without those of `MSAuth1.0`.
    pub fn presented(&self) -> impl Iterator<Item = &'a Sighting> {
        self.extraction.sightings.iter().filter(|s| caller::is_presented(s))
    }

    /// Tokens of server-to-server OAuth that were presented or posted as assertion, and are whole.
    pub fn s2s_tokens(&self) -> impl Iterator<Item = &'a Sighting> {
        self.extraction.sightings.iter().filter(|sighting| {
            let used = caller::is_presented(sighting) || sighting.role == Role::Assertion;
            let kind = caller::is_s2s_kind(sighting.kind) || sighting.kind == TokenKind::S2sAssertion;
            used && kind && is_whole(&sighting.token)
        })
    }

    /// Presented outer tokens with their readable actor token.
    pub fn app_asserted(&self) -> impl Iterator<Item = (&'a Sighting, &'a Token)> {
        self.s2s_tokens().filter(|s| caller::is_presented(s) && s.kind == TokenKind::S2sOuter).filter_map(|sighting| {
            let actor = sighting.token.actor.as_deref()?;
            (actor.kind.is_readable() && is_whole(actor)).then_some((sighting, actor))
        })
    }

    /// Tokens that carry a caller's authority: the actor inside a presented outer token, or one presented alone.
    pub fn actors(&self) -> impl Iterator<Item = (&'a Sighting, &'a Token)> {
        let alone = self.s2s_tokens().filter(|s| caller::is_presented(s) && s.kind == TokenKind::S2sActor);
        self.app_asserted().chain(alone.map(|sighting| (sighting, &*sighting.token)))
    }

    /// Basic credentials for the server, with their field.
    pub fn basics(&self) -> impl Iterator<Item = (&'a Credentials, &'a Basic)> {
        self.extraction.credentials.iter().filter(|c| !c.proxy).filter_map(|c| match &c.kind {
            CredentialsKind::Basic(basic) => Some((c, basic)),
            _ => None,
        })
    }

    /// Challenges of the server (not of a proxy).
    pub fn challenges(&self) -> impl Iterator<Item = &'a Challenge> {
        self.extraction.challenges.iter().filter(|challenge| !challenge.proxy)
    }

    /// Whether the server offers a scheme.
    pub fn offers(&self, scheme: &str) -> bool {
        self.challenges().any(|challenge| challenge.is(scheme))
    }

    /// Whether `User-Agent` is one of the callers' (a hint).
    pub fn is_caller_agent(&self) -> bool {
        let agent = self.request().and_then(|head| head.text("user-agent")).unwrap_or_default();
        self.profile.user_agents.iter().any(|piece| agent.contains(piece.as_str()))
    }

    /// `Date` of the answer.
    pub const fn date(&self) -> Option<Timestamp> {
        self.date
    }

    /// When the lifetime of a token is judged: [`Observation::judged_at`]; but where the recording's clock and `Date` of the
    /// answer differ by more than five minutes, the server's. Where the recording only counts from its beginning, the
    /// server's clock alone tells, if it does.
    pub fn valid_at(&self) -> Option<Timestamp> {
        if self.judged_at.is_none() && self.time.is_some_and(Timestamp::is_relative) {
            return self.date.filter(|_| self.response().is_some_and(|head| head.value("age").is_none()));
        }
        let judged = self.judged_at?;
        let recorded = self.exchange.response.as_ref().and_then(|response| response.first.time());
        let head = self.response().filter(|head| self.judged_at == self.time && head.value("age").is_none());
        match (head.and(self.date), recorded) {
            (Some(date), Some(recorded)) if date.seconds().abs_diff(recorded.seconds()) > CLOCK_SKEW => Some(date),
            _ => Some(judged),
        }
    }

    /// Evidence in the request.
    pub fn in_request(&self, part: Part, name: &str, excerpt: impl Into<String>) -> Evidence {
        let at = self.exchange.request.as_ref().map(|message| message.head_end);
        self.evidence(at, part, name, excerpt.into())
    }

    /// Evidence in the response.
    pub fn in_response(&self, part: Part, name: &str, excerpt: impl Into<String>) -> Evidence {
        let at = self.exchange.response.as_ref().map(|message| message.head_end);
        self.evidence(at, part, name, excerpt.into())
    }

    /// A sighting as evidence: its token masked.
    pub fn sighted(&self, sighting: &Sighting) -> Evidence {
        let scheme = sighting.scheme.as_deref().map(|scheme| format!("{scheme} ")).unwrap_or_default();
        let excerpt = format!("{scheme}{}", mask::token(&sighting.token));
        self.evidence(Some(sighting.at), sighting.part, &sighting.name, excerpt)
    }

    /// A claim of a token as evidence.
    pub fn claimed(&self, sighting: &Sighting, claim: &str, value: &str) -> Evidence {
        let excerpt = format!("{claim}: {}", mask::text(value));
        self.evidence(Some(sighting.at), sighting.part, &sighting.name, excerpt)
    }

    /// Credentials as evidence, masked.
    pub fn credentials(&self, credentials: &Credentials) -> Evidence {
        self.in_request(credentials.part, &credentials.field, credentials.masked())
    }

    /// The request line as evidence, without query.
    pub fn request_line(&self) -> Evidence {
        let method = self.request().map(|head| String::from_utf8_lossy(head.method()).into_owned()).unwrap_or_default();
        self.in_request(Part::RequestUrl, "target", format!("{method} {}", self.place()))
    }

    /// The status as evidence.
    pub fn answered(&self) -> Evidence {
        let status = self.status.map_or_else(|| "no response".to_owned(), |status| format!("status {status}"));
        self.in_response(Part::ResponseHeader, "status", status)
    }

    /// Host and path for people, the path in its own letter case.
    pub fn place(&self) -> String {
        // The target of CONNECT is the host itself (RFC 9110 §7.1).
        if self.endpoint == Endpoint::Tunnel {
            return self.host_name.to_string();
        }
        let path = self.request().map(|head| path_as_sent(head.target())).unwrap_or_default();
        format!("{}{}", self.host_name, mask::text(&path))
    }

    fn evidence(&self, at: Option<crate::evidence::At>, part: Part, name: &str, excerpt: String) -> Evidence {
        let message = self.exchange.request.as_ref().or(self.exchange.response.as_ref());
        let at = at.or_else(|| message.map(|message| message.head_end));
        Evidence {
            input: self.exchange.source,
            frame: at.and_then(crate::evidence::At::frame),
            connection: self.exchange.connection.map(|id| id.0),
            exchange: Some(self.exchange.number),
            entry: at.and_then(crate::evidence::At::entry),
            part: Some(part),
            name: Some(name.to_owned()),
            excerpt: Some(excerpt),
        }
    }
}

/// Whether nothing of a token is missing or taken out.
pub fn is_whole(token: &Token) -> bool {
    !token.defects.iter().any(|defect| matches!(defect, Defect::TooLarge | Defect::Redacted))
}

/// Whether the claims of a token can be read and trusted to be what was sent.
pub fn is_readable(token: &Token) -> bool {
    token.kind.is_readable()
        && is_whole(token)
        && !token.defects.iter().any(|d| matches!(d, Defect::HeaderNotJson | Defect::PayloadNotJson))
}

/// Whether a challenge is one of server-to-server OAuth: Bearer that names trusted issuers.
pub fn is_s2s_challenge(challenge: &Challenge) -> bool {
    challenge.is("Bearer") && challenge.trusted_issuers().next().is_some()
}

/// Whether content of that media type can hold a credential or a token that bears on the outcome. Unknown types can.
pub fn may_hold_credentials(media_type: Option<&str>) -> bool {
    let Some(media) = media_type else { return true };
    let family = media.split('/').next().unwrap_or_default();
    !(matches!(family, "image" | "audio" | "video" | "font")
        || matches!(
            media,
            "text/css" | "text/javascript" | "application/javascript" | "application/wasm" | "application/pdf"
        ))
}

/// Basic with neither user nor password: `Og==`, sent by probes.
pub const fn is_empty_basic(basic: &Basic) -> bool {
    !basic.malformed && basic.user.is_empty() && basic.password_length == 0
}

/// The authority a request names. A proxy that records transparently writes the address into the URL; the name is in
/// `Host` then.
fn authority_of(exchange: &Exchange) -> Option<Cow<'_, str>> {
    let said = |name: &Cow<'_, str>| !name.trim().is_empty();
    let authority = exchange.authority().filter(said)?;
    // A name is told by its first letter that is no hexadecimal digit.
    let is_name = |name: &str| name.bytes().any(|byte| matches!(byte.to_ascii_lowercase(), b'g'..=b'z'));
    let is_address =
        |name: &str| !is_name(name) && hosts::address_of(&hosts::normalize(name, exchange.scheme)).is_some();
    if is_address(&authority)
        && let Some(head) = exchange.request.as_ref().map(|request| &request.head)
        && let Some(name) = head.value("host").map(String::from_utf8_lossy).filter(said)
        && !is_address(&name)
    {
        return Some(name);
    }
    Some(authority)
}

fn concern(exchange: &Exchange, host: HostId, is_named: bool) -> Concern {
    match exchange.server {
        _ if exchange.request.as_ref().is_some_and(|request| has_several_hosts(&request.head)) => Concern::Anything,
        _ if is_named => Concern::Host(host),
        Some(server) => Concern::Address(server.address.to_canonical()),
        None => Concern::Anything,
    }
}

/// Whether a request has several `Host` fields that differ: servers and proxies choose different ones.
fn has_several_hosts(head: &Head) -> bool {
    let mut all = head.values("host");
    let first = all.next();
    all.any(|other| first.is_some_and(|first| !first.eq_ignore_ascii_case(other)))
}

/// Whether a token was in a request inside the content: the answer to the whole tells nothing about it.
fn is_embedded(sighting: &Sighting) -> bool {
    sighting.part == Part::RequestBody && sighting.scheme.is_some()
}

/// Whether all credentials are in requests inside the content.
fn is_only_embedded(extraction: &Extraction) -> bool {
    let mut presented = extraction.sightings.iter().filter(|s| caller::is_presented(s)).peekable();
    let mut credentials = extraction.credentials.iter().filter(|c| !c.proxy && c.kind != CredentialsKind::Empty);
    presented.peek().is_some()
        && presented.all(is_embedded)
        && credentials.all(|credentials| credentials.part == Part::RequestBody)
}

/// The path of a target in lower case: paths are compared without it.
fn path_of(target: &[u8]) -> String {
    let mut path = path_as_sent(target);
    path.make_ascii_lowercase();
    path
}

/// The path of a target: without scheme, authority, query and fragment, and as servers read it: letters, digits and
/// `-._~` decoded (RFC 3986 §6.2.2.2), without empty segments.
fn path_as_sent(target: &[u8]) -> String {
    let cut = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    let target = target.get(..cut).unwrap_or_default();
    let path = match memmem::find(target, b"://").and_then(|at| target.split_at_checked(at)) {
        Some((scheme, rest)) if !scheme.contains(&b'/') => {
            let rest = rest.get(3..).unwrap_or_default();
            memchr::memchr(b'/', rest).and_then(|slash| rest.get(slash..)).unwrap_or(b"/")
        }
        _ => target,
    };
    let path = String::from_utf8_lossy(path);
    plain_path(&path).into_owned()
}

fn plain_path(path: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', path.as_bytes()).is_none() && memmem::find(path.as_bytes(), b"//").is_none() {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(next) = rest.chars().next() {
        let hex = rest.strip_prefix('%').and_then(|behind| behind.get(..2));
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        let (character, length) = match code.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~'))
        {
            Some(decoded) => (decoded, 3),
            None => (next, next.len_utf8()),
        };
        if character != '/' || !plain.ends_with('/') {
            plain.push(character);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Cow::Owned(plain)
}

/// What the endpoint at `place` (host and path) is for. `published`: an authorization server of the recording names it
/// among those where clients authenticate.
fn classify(
    exchange: &Exchange,
    extraction: &Extraction,
    profile: &Profile,
    (host, path): (&str, &str),
    published: bool,
) -> Endpoint {
    let method = exchange.request.as_ref().map(|request| request.head.method()).unwrap_or_default();
    if method.eq_ignore_ascii_case(b"CONNECT") {
        return Endpoint::Tunnel;
    }
    if let Some(found) = profile.endpoint(path) {
        match found.kind {
            EndpointKind::Resource => {
                return Endpoint::Resource { product: Arc::clone(&found.product), alone: found.alone };
            }
            EndpointKind::Anonymous => return Endpoint::Anonymous,
            EndpointKind::Metadata => return Endpoint::Metadata,
            EndpointKind::Token => return Endpoint::Token,
        }
    }
    let by_content = has_oauth_content(extraction);
    let by_path = published || profile.is_token_path(path);
    let grants = token_endpoint::form_parameter(extraction, "grant_type").is_some_and(token_endpoint::is_grant);
    match (by_path, by_content, profile.is_token_host(host)) {
        (true, true, _) | (true, _, true) => Endpoint::Token,
        _ if grants && method.eq_ignore_ascii_case(b"POST") => Endpoint::Token,
        (false, true, _)
            if method.eq_ignore_ascii_case(b"POST") && (begins_flow(exchange) || pushes_request(extraction)) =>
        {
            Endpoint::Token
        }
        // Whatever the method: what gives a token to who asks for one with a grant is a token endpoint.
        _ if grants_in_query(extraction) && issues(extraction) => Endpoint::Token,
        // The login of container registries: who asks for a scope of a service by its path gets a token (the token
        // authentication of the Distribution specification).
        (true, false, false) if asks_for_service(extraction) && gives_token(extraction) => Endpoint::Token,
        (true, false, false) => Endpoint::PossibleToken,
        _ => Endpoint::Other,
    }
}

/// Whether the content is an authorization request, which only a client of its own sends by POST with its credentials.
fn pushes_request(extraction: &Extraction) -> bool {
    let has = |name: &str| token_endpoint::form_parameter(extraction, name).is_some_and(|value| !value.is_empty());
    has("response_type") && has("redirect_uri") && has("code_challenge")
}

/// Whether the answer is that of an endpoint at which a client begins a flow: a device code with what its user enters
/// (RFC 8628 §3.2), or the reference to a pushed authorization request (RFC 9126 §2.2).
fn begins_flow(exchange: &Exchange) -> bool {
    let content = exchange.response.as_ref().and_then(|response| response.body.kept.as_deref()).unwrap_or_default();
    let names = |name: &[u8]| memmem::find(content, name).is_some();
    if !names(b"\"request_uri\"") && !names(b"\"device_code\"") {
        return false;
    }
    TokenAnswer::read(content).is_some_and(|answer| {
        (answer.request_uri.is_some() && answer.expires_in.is_some())
            || (answer.device_code.is_some() && answer.user_code.is_some())
    })
}

/// Whether the query names a grant.
fn grants_in_query(extraction: &Extraction) -> bool {
    token_endpoint::query_parameter(extraction, "grant_type").is_some_and(token_endpoint::is_grant)
}

/// Whether the query names the service a token is for.
fn asks_for_service(extraction: &Extraction) -> bool {
    ["service", "scope"].iter().all(|name| token_endpoint::query_parameter(extraction, name).is_some())
        || token_endpoint::query_parameter(extraction, "service")
            .is_some_and(|_| token_endpoint::query_parameter(extraction, "account").is_some())
}

/// Whether a member of the answer is a token, by the names that registries use.
fn gives_token(extraction: &Extraction) -> bool {
    let of_answer = |name: &str| matches!(name, "/token" | "/access_token");
    extraction.sightings.iter().any(|it| it.part == Part::ResponseBody && of_answer(&it.name))
}

/// Whether the answer has a token for who asked.
fn issues(extraction: &Extraction) -> bool {
    extraction.sightings.iter().any(|sighting| sighting.role == Role::Issued && sighting.part == Part::ResponseBody)
}

/// Whether the request's content has a parameter of OAuth requests (RFC 6749, 7009, 7662, 8628, 9126).
fn has_oauth_content(extraction: &Extraction) -> bool {
    const NAMES: [&str; 9] = [
        "grant_type",
        "token",
        "response_type",
        "request",
        "device_code",
        "client_id",
        "scope",
        "assertion",
        "client_assertion",
    ];
    extraction
        .parameters
        .iter()
        .any(|p| p.part == Part::RequestBody && NAMES.iter().any(|name| p.name.eq_ignore_ascii_case(name)))
}

fn is_s2s(extraction: &Extraction, endpoint: &Endpoint, challenged: bool) -> bool {
    if matches!(endpoint, Endpoint::Anonymous | Endpoint::Metadata | Endpoint::Tunnel | Endpoint::Token) {
        return false;
    }
    let token = extraction.sightings.iter().any(|s| caller::is_presented(s) && caller::is_s2s_kind(s.kind));
    matches!(endpoint, Endpoint::Resource { alone: true, .. }) || token || challenged
}

impl Observation<'_> {
    /// A call to a resource with a password or by another scheme, and without a token.
    pub fn carries_no_token(&self) -> bool {
        (self.carried.password || self.carried.other) && !self.carried.token() && self.is_call()
    }

    /// The credentials for the server that are neither tokens nor Basic, with the words for their schemes.
    pub fn other_schemes(&self) -> impl Iterator<Item = (&'static str, &Credentials)> {
        self.extraction.credentials.iter().filter(|credentials| !credentials.proxy).filter_map(|credentials| {
            let word = match &credentials.kind {
                CredentialsKind::Ntlm(_) => "NTLM",
                CredentialsKind::Negotiate => "Negotiate",
                CredentialsKind::Digest { .. } => "Digest",
                CredentialsKind::Other => "another scheme",
                _ => return None,
            };
            Some((word, credentials))
        })
    }
}

fn carried(extraction: &Extraction) -> Carried {
    let mut carried = Carried::default();
    for credentials in extraction.credentials.iter().filter(|c| !c.proxy) {
        match &credentials.kind {
            CredentialsKind::Empty => carried.empty = true,
            CredentialsKind::Basic(basic) if is_empty_basic(basic) => carried.empty = true,
            CredentialsKind::Basic(_) => carried.password = true,
            CredentialsKind::Redacted => carried.redacted = true,
            CredentialsKind::Token => carried.unreadable_token |= !has_token(extraction, credentials.part),
            _ => carried.other = true,
        }
    }
    for sighting in extraction.sightings.iter().filter(|s| s.role == Role::Presented && s.part != Part::ResponseBody) {
        // An outer token is worth what its actor token is.
        let actor = sighting.token.actor.as_deref().filter(|_| sighting.kind == TokenKind::S2sOuter);
        let is_redacted = |token: &Token| token.defects.contains(&Defect::Redacted);
        if is_redacted(&sighting.token) || actor.is_some_and(is_redacted) {
            carried.redacted = true;
        } else if is_readable(&sighting.token) && actor.is_none_or(is_readable) {
            carried.readable_token = true;
        } else {
            carried.unreadable_token = true;
        }
    }
    let in_request = [Part::RequestHeader, Part::RequestUrl, Part::RequestBody];
    carried.password |= extraction.passwords.iter().any(|p| in_request.contains(&p.part));
    carried
}

/// Whether a token of credentials was decoded; a limit can keep it from that.
fn has_token(extraction: &Extraction, part: Part) -> bool {
    extraction.sightings.iter().any(|sighting| sighting.part == part)
}

/// What the server said about a refusal, the most telling first.
fn server_reason(
    extraction: &Extraction,
    diagnostics: &[Diagnostic],
    reading: Option<&Reading>,
) -> Option<ServerReason> {
    if let Some(said) = diagnostics.iter().find(|d| d.is_oauth()).or_else(|| diagnostics.first()) {
        return Some(ServerReason {
            category: said.category.as_deref().map(mask::text),
            code: said.code,
            text: said.reason.as_deref().map(mask::text),
            said_in: "x-ms-diagnostics",
            explained: None,
        });
    }
    if let Some(said) = reading.and_then(Reading::refusal) {
        return Some(said.clone());
    }
    let challenge = extraction.challenges.iter().find(|c| !c.proxy && c.parameter("error").is_some())?;
    Some(ServerReason {
        category: challenge.parameter("error").map(mask::text),
        code: None,
        text: challenge.parameter("error_description").map(mask::text),
        said_in: "WWW-Authenticate",
        explained: None,
    })
}

/// A field's value for people: lossy UTF-8, tokens masked.
pub fn shown(value: &[u8]) -> String {
    let text: Cow<'_, str> = String::from_utf8_lossy(value);
    mask::text(&text)
}

/// The tokens that were presented: keys that are meant to be published stand behind those that permit something.
fn by_worth<'e>(extraction: &'e Extraction, profile: &'e Profile) -> impl Iterator<Item = &'e Sighting> {
    let presented = || extraction.sightings.iter().filter(|s| caller::is_presented(s));
    let has_several = presented().nth(1).is_some();
    let is_last = move |sighting: &&Sighting| has_several && profile.is_publishable(&sighting.token);
    presented().filter(move |sighting| !is_last(sighting)).chain(presented().filter(is_last))
}

/// Whether the client sent the request: not answered from a cache, blocked, or promised by the server.
const fn was_sent(exchange: &Exchange) -> bool {
    !exchange.marks.has(Mark::NotSent) && !exchange.marks.has(Mark::Pushed)
}

/// Whether the request carries what its name says is a key (`X-Api-Key`, `Ocp-Apim-Subscription-Key`, `?apikey=`).
pub fn carries_key(observation: &Observation<'_>) -> bool {
    let is_key = |name: &str| secret_kind(name) == Some(SecretKind::Key);
    let of_target = |parameter: &Parameter| parameter.part == Part::RequestUrl && is_key(&parameter.name);
    observation.extraction.parameters.iter().any(of_target)
        || observation.request().is_some_and(|head| {
            head.iter().any(|(name, value)| !value.is_empty() && std::str::from_utf8(name).is_ok_and(is_key))
        })
}

/// Whether the mark is on the exchange.
pub const fn has(observation: &Observation<'_>, mark: Mark) -> bool {
    observation.exchange.marks.has(mark)
}
