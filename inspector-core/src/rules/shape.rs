//! What exchanges have in common that are judged alike: the same tokens at the same places, the same host, an answer of
//! the same meaning.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::{
    evidence::Part,
    exchange::{Marks, Scheme},
    finding::Concern,
    handshake::{
        ledger::Ledger,
        observation::{Answer, CLOCK_SKEW, Carried, Endpoint, Observation},
    },
    hosts::HostId,
    time::Timestamp,
    token::{Role, Sighting, Token, TokenKind},
};

/// Tokens of an exchange that has a shape.
const MOST_TOKENS: usize = 8;
/// Longest name of a place of a token in a shape, in bytes.
const LONGEST_NAME: usize = 128;

/// How a token lies to the moment at which validity is judged. Clocks may differ by [`CLOCK_SKEW`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Lifetime {
    /// The moment is known.
    judged: bool,
    /// It is after `exp`.
    over: bool,
    /// It is before `nbf`.
    ahead: bool,
    /// It is before `iat`.
    unissued: bool,
}

impl Lifetime {
    fn of(token: &Token, now: Option<Timestamp>) -> Self {
        let Some(now) = now.map(Timestamp::seconds) else { return Self::default() };
        let beyond = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).is_ok_and(|by| by > CLOCK_SKEW);
        Self {
            judged: true,
            over: token.expires.is_some_and(|end| beyond(end.seconds(), now)),
            ahead: token.not_before.is_some_and(|begin| beyond(now, begin.seconds())),
            unissued: token.issued_at.is_some_and(|issued| beyond(now, issued.seconds())),
        }
    }

    /// That of a token and of the actor token inside it.
    fn of_layers(token: &Token, now: Option<Timestamp>) -> [Self; 2] {
        [Self::of(token, now), token.actor.as_deref().map_or_else(Self::default, |actor| Self::of(actor, now))]
    }
}

/// What the verdict of a rule may rest on that declares [`super::occasion::Basis::Shape`]: these fields, what follows
/// from them (caller, expected caller, direction) and the policy. Only exchanges with a token have a shape; those that are
/// part of an OAuth flow or tell why they were refused have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    rest: Rest,
    /// Its tokens, in order. Nearly every exchange has one, which lies beside the rest: of a recording's shapes most are
    /// far from the processor when they are looked at.
    places: SmallVec<[Place; 1]>,
}

/// A short name that lies where it is kept.
type Name = SmallVec<[u8; 24]>;

/// A token at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Its number among the tokens of the ledger.
    token: usize,
    kind: TokenKind,
    role: Role,
    part: Part,
    name: Name,
    scheme: Option<Name>,
    lifetimes: [Lifetime; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Rest {
    host: HostId,
    server: Option<IpAddr>,
    scheme: Scheme,
    endpoint: Endpoint,
    s2s: bool,
    carried: Carried,
    answer: Answer,
    status: Option<u16>,
    marks: Marks,
    /// Request, response, a server name from TLS are there.
    parts: [bool; 3],
    concern: Concern,
    /// Who calls, and whether somebody expected does.
    caller: Option<Arc<str>>,
    expected: bool,
}

impl Rest {
    fn of(observation: &Observation<'_>) -> Self {
        let exchange = observation.exchange;
        let named = exchange.tls.as_ref().is_some_and(|tls| tls.server_name.is_some());
        Self {
            host: observation.host,
            server: exchange.server.map(|server| server.address),
            scheme: exchange.scheme,
            endpoint: observation.endpoint.clone(),
            s2s: observation.s2s,
            carried: observation.carried,
            answer: observation.answer,
            status: observation.status,
            marks: exchange.marks,
            parts: [exchange.request.is_some(), exchange.response.is_some(), named],
            concern: observation.concern(),
            caller: observation.call_key.clone(),
            expected: observation.expected.is_some(),
        }
    }
}

impl Place {
    fn of(token: (usize, [Lifetime; 2]), sighting: &Sighting) -> Self {
        Self {
            token: token.0,
            lifetimes: token.1,
            kind: sighting.kind,
            role: sighting.role,
            part: sighting.part,
            name: sighting.name.as_bytes().into(),
            scheme: sighting.scheme.as_deref().map(|scheme| scheme.as_bytes().into()),
        }
    }

    fn is(&self, token: (usize, [Lifetime; 2]), sighting: &Sighting) -> bool {
        (self.token, self.lifetimes) == token
            && (self.kind, self.role, self.part) == (sighting.kind, sighting.role, sighting.part)
            && *self.name == *sighting.name.as_bytes()
            && self.scheme.as_deref() == sighting.scheme.as_deref().map(str::as_bytes)
    }
}

impl Shape {
    fn is(&self, key: &Key, sightings: &[Sighting]) -> bool {
        self.rest == key.rest
            && self.places.len() == sightings.len()
            && self.places.iter().zip(&key.tokens).zip(sightings).all(|((place, token), s)| place.is(*token, s))
    }
}

/// Values by shape. Holds a bounded number; shapes that come later have none.
#[derive(Debug)]
pub(super) struct Shapes<V> {
    /// By hash. Shapes of one hash are told apart by comparing them.
    known: HashMap<u64, Vec<(Shape, V)>, RandomState>,
    hasher: RandomState,
    count: usize,
    limit: usize,
}

/// Where a shape is kept, or would be.
#[derive(Debug)]
pub(super) struct Key {
    hash: u64,
    tokens: SmallVec<[(usize, [Lifetime; 2]); 2]>,
    rest: Rest,
}

impl<V> Shapes<V> {
    /// Room for `limit` shapes.
    pub(super) fn new(limit: usize) -> Self {
        Self { known: HashMap::default(), hasher: RandomState::default(), count: 0, limit }
    }

    /// The key of an exchange's shape, if it has one.
    pub(super) fn key(&self, observation: &Observation<'_>, ledger: &Ledger) -> Option<Key> {
        let sightings = &observation.extraction.sightings;
        if sightings.is_empty() || sightings.len() > MOST_TOKENS || is_special(observation) {
            return None;
        }
        let mut state = self.hasher.build_hasher();
        let mut tokens = SmallVec::new();
        let now = observation.valid_at();
        for sighting in sightings {
            let token = ledger.token_number(&sighting.token).filter(|_| sighting.name.len() <= LONGEST_NAME)?;
            let lifetimes = Lifetime::of_layers(&sighting.token, now);
            tokens.push((token, lifetimes));
            (token, lifetimes, sighting.kind, sighting.role, sighting.part).hash(&mut state);
            (sighting.name.as_str(), sighting.scheme.as_deref()).hash(&mut state);
        }
        let rest = Rest::of(observation);
        rest.hash(&mut state);
        Some(Key { hash: state.finish(), tokens, rest })
    }

    /// The value of the exchange's shape.
    pub(super) fn get(&mut self, key: &Key, observation: &Observation<'_>) -> Option<&mut V> {
        let same = |shape: &Shape| shape.is(key, &observation.extraction.sightings);
        self.known.get_mut(&key.hash)?.iter_mut().find(|(shape, _)| same(shape)).map(|(_, value)| value)
    }

    /// All values.
    pub(super) fn values(&mut self) -> impl Iterator<Item = &mut V> {
        self.known.values_mut().flatten().map(|(_, value)| value)
    }

    /// Keeps the value of a shape that has none.
    pub(super) fn keep(&mut self, key: Key, observation: &Observation<'_>, value: V) {
        if self.count >= self.limit {
            return;
        }
        self.count += 1;
        let places = key.tokens.iter().zip(&observation.extraction.sightings).map(|(token, s)| Place::of(*token, s));
        let of_hash = self.known.entry(key.hash).or_default();
        of_hash.reserve_exact(1);
        of_hash.push((Shape { places: places.collect(), rest: key.rest }, value));
    }
}

/// Whether an exchange is one of those that have no shape: part of an OAuth flow, or telling why it was refused.
fn is_special(observation: &Observation<'_>) -> bool {
    let flow = &observation.flow;
    let flows = flow.authorization.is_some() || flow.response.is_some() || flow.answer.is_some();
    let token = observation.token_request.is_some() || observation.token_error.is_some();
    flows || token || observation.reason.is_some() || !observation.diagnostics.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{limits::Limits, policy::Policy, rules::testing, token::testing::OUTER};

    /// Keys of a transcript's exchanges, and which of them share a shape with the first.
    fn same_as_first(text: &str) -> Vec<Option<bool>> {
        let (policy, limits): (Policy, _) = (testing::policy(), Limits::default());
        let mut ledger = Ledger::new(&limits);
        let mut shapes = Shapes::new(1);
        let exchanges = testing::exchanges(text);
        let judged = exchanges.iter().map(|exchange| {
            let extraction = testing::extract(exchange);
            let observation = Observation::new(exchange, &extraction, &policy, &mut ledger);
            ledger.record(&observation);
            let key = shapes.key(&observation, &ledger)?;
            let known = shapes.get(&key, &observation).is_some();
            shapes.keep(key, &observation, ());
            Some(known)
        });
        judged.collect()
    }

    #[test]
    fn a_token_that_has_expired_makes_another_shape() {
        let call = |time: &str| {
            format!(
                "# @time {time}\nGET /ews HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {OUTER}\n\nHTTP/1.1 200 OK\n"
            )
        };
        let times = ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T09:00:00Z", "2025-01-01T00:00:00Z"];
        let found = same_as_first(&times.map(call).join("\n###\n"));
        assert_eq!(found, [Some(false), Some(true), Some(false), Some(false)]);
    }

    #[test]
    fn exchanges_share_a_shape_by_token_place_host_and_answer() {
        let call = |path: &str, field: &str, status: u16| {
            format!("GET {path} HTTP/1.1\nHost: mail.contoso.com\n{field}: Bearer {OUTER}\n\nHTTP/1.1 {status} OK\n")
        };
        let calls = [
            call("/ews/1", "Authorization", 200),
            call("/ews/2", "Authorization", 200),
            call("/ews/1", "X-Token", 200),
            call("/ews/1", "Authorization", 401),
            call("/other", "Authorization", 200),
            call("/ews/3", "Authorization", 200).replace("mail.", "owa."),
            call("/ews/4", "Authorization", 200),
            "GET /ews/1 HTTP/1.1\nHost: mail.contoso.com\n\nHTTP/1.1 200 OK\n".to_owned(),
        ];
        let [yes, no] = [Some(true), Some(false)];
        assert_eq!(same_as_first(&calls.join("\n###\n")), [no, yes, no, no, no, no, yes, None]);
    }
}
