//! Calls: which client, in whose name, to which host, with which outcome; and the steps around them.

use std::{net::IpAddr, sync::Arc};

use super::{
    caller::Caller,
    diagnostics::ServerReason,
    facts::SHORT_LIST,
    observation::{self, Answer, Observation},
};
use crate::{
    evidence::{Evidence, Part, SourceId},
    exchange::message::Head,
    finding::Seen,
    hosts::HostId,
    http::auth::{Credentials, CredentialsKind},
    moment::Moment,
    secret::Fingerprint,
    time::Timestamp,
    token::{Sighting, TokenKind, mask},
};

/// A call: which client, in whose name, to which host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct CallKey {
    pub(super) client: Option<IpAddr>,
    pub(super) host: HostId,
    caller: Arc<str>,
}

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Status of the first.
    pub status: u16,
    /// What the server said to the first.
    pub reason: Option<ServerReason>,
    /// How often, and where.
    pub seen: Seen,
    /// The last of them.
    pub last: Moment,
}

/// A step of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A request without credentials.
    Probe,
    /// 401 with challenges.
    Challenge,
    /// A user is sent to the authorization server (RFC 6749 §4.1.1).
    Authorization,
    /// The authorization server's answer: a code, tokens, or an error.
    AuthorizationResponse,
    /// A device asks for a code to show (RFC 8628 §3.1).
    DeviceRequest,
    /// The code it gets.
    DeviceCode,
    /// A request to the token endpoint.
    TokenRequest,
    /// A request to the token endpoint by a client that had a token for the same resource before.
    Renewal,
    /// The token endpoint's answer.
    Token,
    /// A server asks what a token is (RFC 7662).
    Introspection,
    /// A client gives a token back (RFC 7009).
    Revocation,
    /// The answer to one of these two.
    Done,
    /// A request with a token.
    Call,
    /// The resource's answer.
    Answer,
    /// Any other request; only in a timeline of all.
    Request,
    /// Its response.
    Response,
}

impl StepKind {
    /// The word in `handshakes[].steps[]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Challenge => "challenge",
            Self::Authorization => "authorization",
            Self::AuthorizationResponse => "authorization-response",
            Self::DeviceRequest => "device-request",
            Self::DeviceCode => "device-code",
            Self::TokenRequest => "token-request",
            Self::Renewal => "renewal",
            Self::Token => "token",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::Done => "done",
            Self::Call => "call",
            Self::Answer => "answer",
            Self::Request => "request",
            Self::Response => "response",
        }
    }

    /// Whether it goes to the client.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Challenge
                | Self::AuthorizationResponse
                | Self::DeviceCode
                | Self::Token
                | Self::Done
                | Self::Answer
                | Self::Response
        )
    }

    /// Whether the other party is an authorization server rather than the resource.
    pub const fn is_of_issuer(self) -> bool {
        !matches!(self, Self::Probe | Self::Challenge | Self::Call | Self::Answer | Self::Request | Self::Response)
    }
}

/// One step and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub kind: StepKind,
    /// When.
    pub time: Option<Timestamp>,
    /// What, for people; masked.
    pub text: String,
    /// Where.
    pub evidence: Evidence,
    /// The host asked.
    pub host: Arc<str>,
    /// The token that is presented or issued.
    pub token: Option<Fingerprint>,
    /// Id of the request, as client or server gave it; masked.
    pub request_id: Option<String>,
    /// Status of an answer.
    pub status: Option<u16>,
    /// Where the same message is, too: on the other side of a proxy, or in another input.
    pub also: Vec<Evidence>,
}

impl Step {
    /// A request.
    pub(super) fn asked(kind: StepKind, observation: &Observation<'_>, text: String, evidence: Evidence) -> Self {
        Self {
            kind,
            time: observation.time,
            text,
            evidence,
            host: Arc::clone(&observation.host_name),
            token: None,
            request_id: request_id(observation),
            status: None,
            also: Vec::new(),
        }
    }

    /// The response to it.
    pub(super) fn answered(kind: StepKind, observation: &Observation<'_>, text: String) -> Self {
        let time = observation.exchange.response.as_ref().and_then(|response| response.first.time());
        let step = Self::asked(kind, observation, text, observation.answered());
        Self { time, status: observation.status, ..step }
    }

    /// Whether it is an answer that the user's browser brings to the client: a request by itself.
    pub fn is_brought(&self) -> bool {
        self.kind == StepKind::AuthorizationResponse && self.status.is_none()
    }

    /// About that token.
    pub(super) fn about(mut self, token: Option<Fingerprint>) -> Self {
        self.token = token;
        self
    }
}

/// Longest id of a request that is kept, in characters.
const LONGEST_ID: usize = 64;

/// What client or server call the request: the client's id first, for both sides of a proxy see it.
fn request_id(observation: &Observation<'_>) -> Option<String> {
    const OF_CLIENT: [&str; 4] = ["client-request-id", "x-ms-client-request-id", "x-request-id", "traceparent"];
    const OF_SERVER: [&str; 3] = ["request-id", "x-ms-request-id", "x-request-id"];
    let first = |head: Option<&Head>, names: &[&str]| {
        let head = head?;
        names
            .iter()
            .find_map(|name| head.text(name).filter(|id| !id.is_empty() && id.len() <= LONGEST_ID).map(mask::text))
    };
    first(observation.request(), &OF_CLIENT).or_else(|| first(observation.response(), &OF_SERVER))
}

/// Calls of which it is kept what tells them from others, per client, caller and host.
const MARKS: usize = 64;

/// What tells one call from another, to find the same call in another input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its place: input and connection.
    pub place: (SourceId, Option<u64>),
    /// Id of the request.
    pub request_id: Option<String>,
    /// The token.
    pub token: Fingerprint,
    /// The path asked, in lower case.
    pub path: Fingerprint,
    /// Status of the answer.
    pub status: Option<u16>,
    /// When it was sent.
    pub time: Option<Timestamp>,
    /// What became of it.
    pub answer: Answer,
}

/// All calls of one client in one caller's name to one host.
#[derive(Clone, Debug)]
pub struct Call {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The host.
    pub host: HostId,
    /// The caller, `None` where no token tells.
    pub caller: Option<Arc<Caller>>,
    /// `aud` of the first token, masked.
    pub audience: Option<String>,
    /// The first token.
    pub token: Fingerprint,
    /// Its class.
    pub kind: TokenKind,
    /// Its actor token, if it has one; itself, if it is one.
    pub actor: Option<Fingerprint>,
    /// The caller is one the profile expects.
    pub expected: bool,
    /// One of its tokens names such a caller, though perhaps falsely or elsewhere.
    pub is_known: bool,
    /// The actor token is signed by an issuer of the profile (not by its caller).
    pub from_issuer: bool,
    /// The exchanges belong to server-to-server OAuth.
    pub s2s: bool,
    /// Requests.
    pub calls: u64,
    /// Past authentication.
    pub accepted: u64,
    /// Refused.
    pub refused: u64,
    /// Refusals that no acceptance followed.
    pub pending: Vec<Refusal>,
    /// Refusals that an acceptance followed.
    pub recovered: Vec<Refusal>,
    /// The first acceptance and the last.
    pub acceptances: Option<(Moment, Moment)>,
    /// The last answer.
    last: Option<Moment>,
    /// The last refusal.
    last_refusal: Option<Moment>,
    /// Status of the last answer.
    pub status: Option<u16>,
    /// What the server said last to a refusal.
    pub reason: Option<ServerReason>,
    /// First and last request.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The first steps: probe and challenge before it, the first call with each token, and the refusals.
    pub steps: Vec<Step>,
    /// The tokens presented, the first few: each with its actor token, or the token itself without one.
    pub tokens: Vec<(Fingerprint, Fingerprint)>,
    /// The first few calls one by one.
    pub marks: Vec<Mark>,
}

/// What the same client did before at the same host as the same caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Calls.
    pub calls: u64,
    /// Accepted ones.
    pub accepted: u64,
    /// Refused ones.
    pub refused: u64,
}

/// A probe and the challenge it met, by client and host.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The host.
    pub host: HostId,
    /// How often.
    pub seen: Seen,
    /// Probe and challenge.
    pub steps: Vec<Step>,
    /// The challenge offered Bearer.
    pub offers_bearer: bool,
    /// A call with a token followed.
    pub followed: bool,
}

/// A request for a token and its answer.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// The token endpoint's host.
    pub host: HostId,
    /// The token, if one was issued.
    pub token: Option<Fingerprint>,
    /// Request and answer.
    pub steps: Vec<Step>,
}

pub(super) fn call_key(observation: &Observation<'_>) -> Option<CallKey> {
    let caller = Arc::clone(observation.call_key.as_ref()?);
    Some(CallKey { client: observation.client, host: observation.host, caller })
}

pub(super) fn new_call(observation: &Observation<'_>, sighting: &Sighting) -> Call {
    let token = &sighting.token;
    let actor = match sighting.kind {
        TokenKind::S2sActor => Some(&**token),
        _ => token.actor.as_deref(),
    };
    let from_issuer =
        actor.and_then(|actor| actor.claim("iss")).is_some_and(|iss| observation.profile.admits_issuer(&iss));
    Call {
        client: observation.client,
        host: observation.host,
        caller: observation.caller.clone(),
        audience: token.audiences().first().map(|audience| mask::text(audience)),
        token: token.id,
        kind: sighting.kind,
        actor: actor.map(|actor| actor.id),
        expected: observation.expected.is_some(),
        is_known: observation.is_known_caller,
        from_issuer,
        s2s: observation.s2s,
        calls: 0,
        accepted: 0,
        refused: 0,
        pending: Vec::new(),
        recovered: Vec::new(),
        acceptances: None,
        last: None,
        last_refusal: None,
        status: None,
        reason: None,
        span: None,
        steps: Vec::new(),
        tokens: Vec::new(),
        marks: Vec::new(),
    }
}

/// Notes the token of a call; whether it is another than those before.
fn note_token(call: &mut Call, observation: &Observation<'_>, most_marks: usize) -> bool {
    let Some(sighting) = observation.presented().next() else { return false };
    let token = &sighting.token;
    let actor = token.actor.as_ref().map_or(token.id, |actor| actor.id);
    if call.marks.len() < most_marks {
        call.marks.push(Mark {
            place: (observation.exchange.source, observation.exchange.connection.map(|id| id.0)),
            request_id: request_id(observation),
            token: token.id,
            path: Fingerprint::of(observation.path.as_bytes()),
            status: observation.status,
            time: observation.time,
            answer: observation.answer,
        });
    }
    let known = call.tokens.iter().any(|(known, _)| *known == token.id);
    // Users of one service have their own outer tokens around one actor token: the actor token tells what is new.
    let new = !call.tokens.iter().any(|(_, known)| *known == actor);
    if !known && call.tokens.len() < SHORT_LIST {
        call.tokens.push((token.id, actor));
    }
    new && call.tokens.len() < SHORT_LIST
}

/// Takes a further call. While there is `room` for them, its steps are kept, and what tells it from others; of the first
/// of its kind they always are.
pub(super) fn update_call(call: &mut Call, observation: &Observation<'_>, limit: usize, room: bool) {
    let (most_steps, most_marks) = if room { (SHORT_LIST, MARKS) } else { (0, 1) };
    call.calls += 1;
    call.s2s |= observation.s2s;
    call.expected |= observation.expected.is_some();
    call.is_known |= observation.is_known_caller;
    if let Some(time) = observation.time {
        call.span = Some(call.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }
    let first = note_token(call, observation, most_marks);
    let (refused, moment) = (observation.is_refusal(), observation.moment);
    let first_accepted = observation.answer == Answer::Accepted && call.accepted == 0;
    if call.calls == 1 || ((first || refused || first_accepted) && call.steps.len() < most_steps) {
        call.steps.extend(call_steps(observation));
    }
    if observation.status.is_some() && call.last.is_none_or(|last| !last.is_after(moment)) {
        call.status = observation.status;
        call.last = Some(moment);
    }
    if observation.answer == Answer::Accepted {
        call.accepted += 1;
        let (first, last) = call.acceptances.unwrap_or((moment, moment));
        call.acceptances = Some((if first.is_after(moment) { moment } else { first }, last.latest(moment)));
        for refusal in std::mem::take(&mut call.pending) {
            // Refusals of one kind are one: if the last of them is later, none counts as made good.
            let list = if refusal.last.is_after(moment) { &mut call.pending } else { &mut call.recovered };
            merge_refusal(list, refusal, limit);
        }
    } else if refused {
        call.refused += 1;
        if call.last_refusal.is_none_or(|last| !last.is_after(moment)) {
            call.reason.clone_from(&observation.reason);
            call.last_refusal = Some(moment);
        }
        let made_good = call.acceptances.is_some_and(|(_, last)| last.is_after(moment));
        add_refusal(if made_good { &mut call.recovered } else { &mut call.pending }, observation, limit);
    }
}

pub(super) fn add_refusal(list: &mut Vec<Refusal>, observation: &Observation<'_>, limit: usize) {
    let mut seen = Seen::default();
    seen.add(limit, || refusal_evidence(observation));
    let (status, last) = (observation.status.unwrap_or(0), observation.moment);
    let refusal = Refusal { status, reason: observation.reason.clone(), seen, last };
    merge_refusal(list, refusal, limit);
}

fn merge_refusal(list: &mut Vec<Refusal>, refusal: Refusal, limit: usize) {
    let category = |r: &Refusal| r.reason.as_ref().and_then(|reason| reason.category.clone());
    let same = |known: &Refusal| known.status == refusal.status && category(known) == category(&refusal);
    let last = list.len() >= SHORT_LIST;
    if let Some(at) = list.iter().position(same).or(last.then_some(list.len().saturating_sub(1))) {
        if let Some(known) = list.get_mut(at) {
            known.seen.merge(refusal.seen, limit);
            known.last = known.last.latest(refusal.last);
        }
    } else {
        list.push(refusal);
    }
}

fn refusal_evidence(observation: &Observation<'_>) -> Evidence {
    let head = observation.response();
    if let Some(value) = head.and_then(|head| head.value("x-ms-diagnostics")) {
        return observation.in_response(Part::ResponseHeader, "x-ms-diagnostics", observation::shown(value));
    }
    observation.answered()
}

/// An exchange for a timeline of all.
pub(super) fn other_steps(observation: &Observation<'_>) -> Vec<Step> {
    let line = observation.request_line();
    let text = line.excerpt.clone().unwrap_or_default();
    let mut steps = vec![Step::asked(StepKind::Request, observation, text, line)];
    if let Some(status) = observation.status {
        steps.push(Step::answered(StepKind::Response, observation, status.to_string()));
    }
    steps
}

/// The steps of an exchange by itself.
pub(super) fn steps_of(observation: &Observation<'_>, all: bool) -> Vec<Step> {
    if observation.is_call() && observation.presented().next().is_some() {
        return call_steps(observation);
    }
    if observation.carries_no_token() {
        return credentials_steps(observation);
    }
    if observation.status == Some(401) && observation.challenges().next().is_some() {
        return discovery_steps(observation);
    }
    if all || observation.token_request.is_some() { other_steps(observation) } else { Vec::new() }
}

/// A call with credentials that are no token, marked as what it is.
pub(super) fn credentials_steps(observation: &Observation<'_>) -> Vec<Step> {
    let kinds = |credentials: &Credentials| match &credentials.kind {
        CredentialsKind::Basic(_) => Some("Basic"),
        _ => None,
    };
    let sent = observation.extraction.credentials.iter().filter(|credentials| !credentials.proxy);
    let basic = sent.filter_map(|credentials| Some((kinds(credentials)?, credentials)));
    let first = basic.chain(observation.other_schemes()).next();
    let scheme = first.map_or("a password", |(scheme, _)| scheme);
    let place =
        first.map_or_else(|| observation.request_line(), |(_, credentials)| observation.credentials(credentials));
    let text = format!("! calls {} with {scheme}, not OAuth", observation.place());
    let mut steps = vec![Step::asked(StepKind::Call, observation, text, place)];
    if let Some(status) = observation.status {
        steps.push(Step::answered(StepKind::Answer, observation, status.to_string()));
    }
    steps
}

pub(super) fn discovery_steps(observation: &Observation<'_>) -> Vec<Step> {
    let empty = observation.extraction.credentials.iter().find(|c| c.kind == CredentialsKind::Empty && !c.proxy);
    let empty = empty.map(|credentials| match credentials.scheme.as_str() {
        "" => "asks with an empty Authorization field".to_owned(),
        scheme => format!("asks with an empty {}", mask::text(scheme)),
    });
    let probe = empty.unwrap_or_else(|| "asks without credentials".to_owned());
    let schemes: Vec<&str> = observation.challenges().map(|challenge| challenge.scheme.as_str()).collect();
    let offers = match schemes.as_slice() {
        [] => "401, and what it offers was not recorded".to_owned(),
        schemes => format!("401, offers {}", mask::text(&schemes.join(", "))),
    };
    vec![
        Step::asked(
            StepKind::Probe,
            observation,
            format!("{probe}: {}", observation.place()),
            observation.request_line(),
        ),
        Step::answered(StepKind::Challenge, observation, offers),
    ]
}

fn call_steps(observation: &Observation<'_>) -> Vec<Step> {
    let Some(sighting) = observation.presented().next() else { return Vec::new() };
    let who = observation.caller.as_ref().map(|c| format!(" as {}", c.shown())).unwrap_or_default();
    let text = format!("calls {}{who} with {}", observation.place(), sighting.kind);
    let token = Some(sighting.token.id);
    let mut steps = vec![Step::asked(StepKind::Call, observation, text, observation.sighted(sighting)).about(token)];
    if let Some(status) = observation.status {
        let said = observation.reason.as_ref().filter(|_| observation.answer == Answer::Refused);
        let said = said.map(|reason| format!(", {}", reason.describe())).unwrap_or_default();
        steps.push(Step::answered(StepKind::Answer, observation, format!("{status}{said}")).about(token));
    }
    steps
}
