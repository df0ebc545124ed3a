//! Calls: which client, in whose name, to which host, with which outcome; and the steps around them.

use std::{net::IpAddr, sync::Arc};

use super::{
    caller::Caller,
    diagnostics::ServerReason,
    facts::{SHORT_LIST, Seen},
    host::HostId,
    observation::{self, Answer, Observation},
};
use crate::{
    evidence::{Evidence, Part},
    http::auth::CredentialsKind,
    report::mask,
    secret::Fingerprint,
    time::Timestamp,
    token::{Sighting, TokenKind},
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
}

/// A step of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A request without credentials.
    Probe,
    /// 401 with challenges.
    Challenge,
    /// A request to the token endpoint.
    TokenRequest,
    /// The token endpoint's answer.
    Token,
    /// A request with a token.
    Call,
    /// The resource's answer.
    Answer,
}

impl StepKind {
    /// The word in `handshakes[].steps[]`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Challenge => "challenge",
            Self::TokenRequest => "token-request",
            Self::Token => "token",
            Self::Call => "call",
            Self::Answer => "answer",
        }
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
    /// Status of the last answer.
    pub status: Option<u16>,
    /// What the server said last to a refusal.
    pub reason: Option<ServerReason>,
    /// First and last request.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The first steps: probe and challenge before it, the first call and answer, and the last refusal.
    pub steps: Vec<Step>,
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
        from_issuer,
        s2s: observation.s2s,
        calls: 0,
        accepted: 0,
        refused: 0,
        pending: Vec::new(),
        recovered: Vec::new(),
        status: None,
        reason: None,
        span: None,
        steps: Vec::new(),
    }
}

pub(super) fn update_call(call: &mut Call, observation: &Observation<'_>, limit: usize) {
    call.calls += 1;
    call.s2s |= observation.s2s;
    call.expected |= observation.expected.is_some();
    if let Some(time) = observation.time {
        call.span = Some(call.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }
    let first = call.calls == 1;
    let refused = matches!(observation.answer, Answer::Refused | Answer::Login);
    let first_accepted = observation.answer == Answer::Accepted && call.accepted == 0;
    if first || ((refused || first_accepted) && call.steps.len() < SHORT_LIST) {
        call.steps.extend(call_steps(observation));
    }
    if observation.status.is_some() {
        call.status = observation.status;
    }
    if observation.answer == Answer::Accepted {
        call.accepted += 1;
        for refusal in std::mem::take(&mut call.pending) {
            merge_refusal(&mut call.recovered, refusal, limit);
        }
    } else if refused {
        call.refused += 1;
        call.reason.clone_from(&observation.reason);
        add_refusal(&mut call.pending, observation, limit);
    }
}

pub(super) fn add_refusal(list: &mut Vec<Refusal>, observation: &Observation<'_>, limit: usize) {
    let mut seen = Seen::default();
    seen.add(limit, || refusal_evidence(observation));
    let refusal = Refusal { status: observation.status.unwrap_or(0), reason: observation.reason.clone(), seen };
    merge_refusal(list, refusal, limit);
}

fn merge_refusal(list: &mut Vec<Refusal>, refusal: Refusal, limit: usize) {
    let category = |r: &Refusal| r.reason.as_ref().and_then(|reason| reason.category.clone());
    let same = |known: &Refusal| known.status == refusal.status && category(known) == category(&refusal);
    let last = list.len() >= SHORT_LIST;
    if let Some(at) = list.iter().position(same).or(last.then_some(list.len().saturating_sub(1))) {
        if let Some(known) = list.get_mut(at) {
            known.seen.merge(refusal.seen, limit);
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

pub(super) fn discovery_steps(observation: &Observation<'_>) -> Vec<Step> {
    let empty = observation.extraction.credentials.iter().any(|c| c.kind == CredentialsKind::Empty && !c.proxy);
    let probe = if empty { "asks with an empty Bearer" } else { "asks without credentials" };
    let schemes: Vec<&str> = observation.challenges().map(|challenge| challenge.scheme.as_str()).collect();
    vec![
        Step {
            kind: StepKind::Probe,
            time: observation.time,
            text: format!("{probe}: {}", observation.place()),
            evidence: observation.request_line(),
        },
        Step {
            kind: StepKind::Challenge,
            time: observation.exchange.response.as_ref().and_then(|r| r.first.time()),
            text: format!("401, offers {}", mask::text(&schemes.join(", "))),
            evidence: observation.answered(),
        },
    ]
}

fn call_steps(observation: &Observation<'_>) -> Vec<Step> {
    let Some(sighting) = observation.presented().next() else { return Vec::new() };
    let who = observation
        .caller
        .as_ref()
        .map(|c| format!(" as {}", mask::text(&c.principal.to_string())))
        .unwrap_or_default();
    let mut steps = vec![Step {
        kind: StepKind::Call,
        time: observation.time,
        text: format!("calls {}{who} with {}", observation.place(), sighting.kind),
        evidence: observation.sighted(sighting),
    }];
    if let Some(status) = observation.status {
        let said = observation.reason.as_ref().filter(|_| observation.answer == Answer::Refused);
        let said = said.map(|reason| format!(", {}", reason.describe())).unwrap_or_default();
        steps.push(Step {
            kind: StepKind::Answer,
            time: observation.exchange.response.as_ref().and_then(|r| r.first.time()),
            text: format!("{status}{said}"),
            evidence: observation.answered(),
        });
    }
    steps
}
