//! What exchanges have in common that are judged alike: the same tokens at the same places, the same host, an answer of
//! the same meaning.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher},
    net::IpAddr,
};

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::{
    evidence::Part,
    handshake::{
        host::HostId,
        ledger::Ledger,
        observation::{Answer, Carried, Endpoint, Observation},
    },
    http::exchange::{Marks, Scheme},
    token::{Role, Sighting, TokenKind},
};

/// Tokens of an exchange that has a shape.
const MOST_TOKENS: usize = 8;
/// Longest name of a place of a token in a shape, in bytes.
const LONGEST_NAME: usize = 128;

/// What the verdict of a rule may rest on that declares [`super::occasion::Basis::Shape`]: these fields, what follows
/// from them (caller, expected caller, direction) and the policy. Only exchanges with a token have a shape; those that are
/// part of an OAuth flow or tell why they were refused have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its tokens, in order.
    places: Box<[Place]>,
    rest: Rest,
}

/// A token at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// Its number among the tokens of the ledger.
    token: usize,
    kind: TokenKind,
    role: Role,
    part: Part,
    name: Box<str>,
    scheme: Option<Box<str>>,
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
        }
    }
}

impl Place {
    fn of(token: usize, sighting: &Sighting) -> Self {
        Self {
            token,
            kind: sighting.kind,
            role: sighting.role,
            part: sighting.part,
            name: sighting.name.as_str().into(),
            scheme: sighting.scheme.as_deref().map(Into::into),
        }
    }

    fn is(&self, token: usize, sighting: &Sighting) -> bool {
        self.token == token
            && (self.kind, self.role, self.part) == (sighting.kind, sighting.role, sighting.part)
            && *self.name == *sighting.name
            && self.scheme.as_deref() == sighting.scheme.as_deref()
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
    tokens: SmallVec<[usize; 2]>,
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
        for sighting in sightings {
            let token = ledger.token_number(&sighting.token).filter(|_| sighting.name.len() <= LONGEST_NAME)?;
            tokens.push(token);
            (token, sighting.kind, sighting.role, sighting.part).hash(&mut state);
            (sighting.name.as_str(), sighting.scheme.as_deref()).hash(&mut state);
        }
        let rest = Rest::of(observation);
        rest.hash(&mut state);
        Some(Key { hash: state.finish(), tokens, rest })
    }

    /// The value of the exchange's shape.
    pub(super) fn get(&self, key: &Key, observation: &Observation<'_>) -> Option<&V> {
        let same = |shape: &Shape| shape.is(key, &observation.extraction.sightings);
        self.known.get(&key.hash)?.iter().find(|(shape, _)| same(shape)).map(|(_, value)| value)
    }

    /// Keeps the value of a shape that has none.
    pub(super) fn keep(&mut self, key: Key, observation: &Observation<'_>, value: V) {
        if self.count >= self.limit {
            return;
        }
        self.count += 1;
        let places = key.tokens.iter().zip(&observation.extraction.sightings).map(|(token, s)| Place::of(*token, s));
        self.known.entry(key.hash).or_default().push((Shape { places: places.collect(), rest: key.rest }, value));
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
    use crate::{analysis::Policy, limits::Limits, rules::testing, token::testing::OUTER};

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
