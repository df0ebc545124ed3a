//! What the ledger knows of a host, a token and an input: counts, flags and short lists.

use std::{net::IpAddr, sync::Arc};

use super::{
    identity::Identity,
    lineage::Station,
    observation::{Answer, Observation},
};
use crate::{
    coverage::Coverage,
    evidence::{Evidence, SourceId},
    finding::Seen,
    hosts::HostId,
    moment::Moment,
    time::Timestamp,
    token::{Token, TokenKind},
};

/// Members of a short list: addresses of a host, issuers it trusts, places of a token.
pub(super) const SHORT_LIST: usize = 32;

/// Requests to a resource by what they carried. One request may count in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All requests.
    pub requests: u64,
    /// With any credentials.
    pub credentialed: u64,
    /// With a token whose claims can be read.
    pub readable_tokens: u64,
    /// With a token that cannot be read.
    pub unreadable_tokens: u64,
    /// With credentials the recording replaced.
    pub redacted: u64,
    /// With Basic or another password.
    pub passwords: u64,
    /// With NTLM, Negotiate, Digest or another scheme.
    pub others: u64,
    /// With a token, and past authentication.
    pub accepted_tokens: u64,
}

impl Tally {
    /// Adds another's.
    pub const fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.credentialed += other.credentialed;
        self.readable_tokens += other.readable_tokens;
        self.unreadable_tokens += other.unreadable_tokens;
        self.redacted += other.redacted;
        self.passwords += other.passwords;
        self.others += other.others;
        self.accepted_tokens += other.accepted_tokens;
    }
}

/// What was seen of one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Server addresses of its exchanges.
    pub addresses: Vec<IpAddr>,
    /// An endpoint of server-to-server OAuth was asked, by path.
    pub endpoint: bool,
    /// It is a token endpoint.
    pub token_endpoint: bool,
    /// A token of server-to-server OAuth was presented, posted or issued.
    pub token: bool,
    /// It challenged for server-to-server OAuth.
    pub challenge: bool,
    /// Any bearer token was presented to it, or it challenged for Bearer.
    pub bearer: bool,
    /// Its 401 offered Bearer.
    pub offers_bearer: bool,
    /// A request to it carried cookies.
    pub cookies: bool,
    /// A request to it had a signed URL.
    pub signed_urls: bool,
    /// A request to it carried a key by its name: `X-Api-Key`, `?apikey=`.
    pub keys: bool,
    /// Exchanges with it, tunnels aside.
    pub exchanges: u64,
    /// Exchanges whose request was read.
    pub readable: u64,
    /// Tunnels asked of a proxy in its name.
    pub tunnels: Seen,
    /// Requests to it as a resource.
    pub tally: Tally,
    /// Schemes of its credentials that are neither tokens nor Basic: `NTLM`, `Negotiate`, …
    pub schemes: Vec<&'static str>,
    /// The first request with such credentials.
    pub schemes_first: Option<Evidence>,
    /// Calls with a token of an expected caller.
    pub expected: Seen,
    /// Of these, accepted.
    pub expected_accepted: Seen,
    /// Of these, accepted or refused.
    pub expected_decided: u64,
    /// A name of the first expected caller, masked.
    pub expected_caller: Option<String>,
    /// Calls with any token that were accepted.
    pub accepted: u64,
    /// `trusted_issuers` of its challenges; none of a senseless length.
    pub trusted_issuers: Vec<String>,
    /// `client_id` of its challenges.
    pub client_ids: Vec<String>,
    /// An expected caller among its trusted issuers: where.
    pub trusts_caller: Option<(String, Evidence)>,
    /// Issuers of actor tokens presented to it that the profile does not know, as sent.
    pub unknown_issuers: Vec<(String, Seen)>,
    /// `token_types` of its challenges.
    pub token_types: Vec<String>,
    /// What the server-to-server tokens presented to it say.
    pub actors: ActorFacts,
}

/// What the server-to-server tokens presented to a host say: short lists, to be compared with its challenges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActorFacts {
    /// `iss` of the actor tokens, as sent.
    pub issuers: Vec<(String, Seen)>,
    /// Ids in `aud` of the tokens, in lower case, where they are principal names.
    pub audiences: Vec<(String, Seen)>,
    /// Their classes.
    pub kinds: Vec<(TokenKind, Seen)>,
}

/// One distinct token.
#[derive(Clone, Debug)]
pub struct TokenFacts {
    /// The token.
    pub token: Arc<Token>,
    /// Its class at its first place.
    pub kind: TokenKind,
    /// Occurrences.
    pub count: u64,
    /// The first.
    pub first: Evidence,
    /// The moment its validity is judged at: that of its first place, unless the policy names another.
    pub judged_at: Option<Timestamp>,
    /// Distinct places: role and name.
    pub places: Vec<String>,
    /// Its way, a station for each step at a host.
    pub lineage: Vec<Station>,
    /// Presented so often.
    pub presented: u64,
    /// Refused so often.
    pub refused: u64,
    /// Issued in the recording.
    pub issued: bool,
    /// Sent to a token endpoint as assertion.
    pub asserted: bool,
    /// Seen in a header section or a target, for whatever purpose.
    pub in_head: bool,
    /// The host of its first place.
    pub host: HostId,
    /// Hosts it was presented to; [`HostId::OTHER`] for those beyond the short list.
    pub presented_to: Vec<HostId>,
    /// How the hosts took it that were called with it as their resource; of those beyond the short list as one.
    pub receptions: Vec<Reception>,
    /// Hosts that issued it, the first few.
    pub issued_by: Vec<HostId>,
    /// What it says of its caller, once it was presented.
    pub(super) identity: Option<Arc<Identity>>,
}

/// How a host took a token, from one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reception {
    /// The host; [`HostId::OTHER`] for those beyond the short list.
    pub host: HostId,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Calls with it.
    pub calls: u64,
    /// Its last acceptance.
    pub accepted: Option<Moment>,
    /// Acceptances.
    pub acceptances: u64,
    /// Its last refusal.
    pub refused: Option<Moment>,
    /// Refusals.
    pub refusals: u64,
    /// Status of the last refusal.
    pub status: Option<u16>,
}

impl TokenFacts {
    /// Whether a host refused it, and never accepted it.
    pub fn is_refused_by(&self, host: HostId) -> bool {
        let of_host = || self.receptions.iter().filter(|reception| reception.host == host);
        of_host().any(|it| it.refused.is_some()) && !of_host().any(|it| it.accepted.is_some())
    }

    /// Whether it names a caller the profile expects; unknown, hence `false`, before it is presented.
    pub fn is_of_known_caller(&self) -> bool {
        self.identity.as_ref().is_some_and(|says| says.is_known)
    }

    /// The name it gives its caller where it is of server-to-server OAuth or of Entra ID, once it was presented.
    pub fn caller_key(&self) -> Option<&str> {
        self.identity.as_ref().and_then(|says| says.called.as_ref()).map(|named| &*named.key)
    }

    /// Counts a call with it.
    pub(super) fn receive(&mut self, observation: &Observation<'_>) {
        let (client, mut host) = (observation.client, observation.host);
        let find = |all: &[Reception], host| all.iter().position(|it| (it.host, it.client) == (host, client));
        let mut known = find(&self.receptions, host);
        if known.is_none() && self.receptions.len() + 1 >= SHORT_LIST {
            host = HostId::OTHER;
            known = self.receptions.iter().position(|it| it.host == host);
        }
        let at = known.unwrap_or_else(|| {
            self.receptions.reserve_exact(1);
            self.receptions.push(Reception {
                host,
                client,
                calls: 0,
                accepted: None,
                acceptances: 0,
                refused: None,
                refusals: 0,
                status: None,
            });
            self.receptions.len() - 1
        });
        let Some(reception) = self.receptions.get_mut(at) else { return };
        reception.calls = reception.calls.saturating_add(1);
        if observation.answer == Answer::Accepted {
            observation.moment.keep_latest(&mut reception.accepted);
            reception.acceptances = reception.acceptances.saturating_add(1);
        } else if observation.is_refusal() {
            observation.moment.keep_latest(&mut reception.refused);
            reception.refusals = reception.refusals.saturating_add(1);
            if reception.refused == Some(observation.moment) {
                reception.status = observation.status;
            }
        }
    }

    /// Bytes that are kept of a token besides itself, about: this, some places, a station or two, what it says of its
    /// caller, the shapes it makes, its signature's state, and the same again in the report.
    pub(super) const WEIGHT: usize = 3 << 9;
}

/// Bytes of memory a token takes with the tokens inside it, and with what is kept of it.
pub(crate) fn token_weight(token: &Token) -> usize {
    let layers = std::iter::successors(Some(token), |token| token.actor.as_deref());
    layers.fold(TokenFacts::WEIGHT, |sum, layer| sum.saturating_add(layer.weight()))
}

/// What was seen of one input.
#[derive(Clone, Debug, Default)]
pub struct InputFacts {
    /// Its number.
    pub source: SourceId,
    /// Its path.
    pub path: String,
    /// Its format's name.
    pub format: String,
    /// Its figures, once it is done.
    pub coverage: Option<Coverage>,
    /// Exchanges.
    pub exchanges: u64,
    /// Exchanges with an `Authorization` field, a cookie in either direction.
    pub with_secrets: u64,
    /// Hosts asked, by number.
    pub hosts: Vec<bool>,
    /// Resources that answered without credentials what they do not answer without: signs of a sanitised recording.
    pub unexplained: Vec<(HostId, Seen)>,
    /// The earliest time of an exchange.
    pub first: Option<Timestamp>,
    /// Seconds `Date` is ahead of the recording's clock, of exchanges with credentials.
    pub clock: Vec<i64>,
    /// Where the first of these was.
    pub clock_evidence: Option<Evidence>,
}

impl HostFacts {
    /// Names that were kept of it.
    pub(super) fn names(&self) -> usize {
        let actors = &self.actors;
        self.addresses.len()
            + self.trusted_issuers.len()
            + self.client_ids.len()
            + self.unknown_issuers.len()
            + self.token_types.len()
            + actors.issuers.len()
            + actors.audiences.len()
            + actors.kinds.len()
    }
}

impl InputFacts {
    /// Seconds `Date` is ahead of the recording's clock: the median.
    pub fn skew(&self) -> Option<i64> {
        let mut samples = self.clock.clone();
        samples.sort_unstable();
        samples.get(samples.len() / 2).copied()
    }

    /// Whether the host was asked in this input.
    pub fn has_host(&self, host: HostId) -> bool {
        self.hosts.get(host.index()).copied().unwrap_or(false)
    }
}

pub(super) fn push_once<T: PartialEq>(list: &mut Vec<T>, value: T, most: usize) {
    if list.len() < most && !list.contains(&value) {
        list.reserve_exact(1);
        list.push(value);
    }
}

/// Counts a sight of `key` in a list of at most `most` keys.
pub(super) fn see<K: PartialEq>(
    list: &mut Vec<(K, Seen)>,
    key: K,
    most: usize,
    limit: usize,
    evidence: impl FnOnce() -> Evidence,
) {
    if let Some((_, seen)) = list.iter_mut().find(|(known, _)| *known == key) {
        seen.add(limit, evidence);
    } else if list.len() < most {
        let mut seen = Seen::default();
        seen.add(limit, evidence);
        list.reserve_exact(1);
        list.push((key, seen));
    }
}

/// The same of a text, which is copied only if it is new.
pub(super) fn see_text(
    list: &mut Vec<(String, Seen)>,
    text: &str,
    most: usize,
    limit: usize,
    evidence: impl FnOnce() -> Evidence,
) {
    match list.iter_mut().find(|(known, _)| known == text) {
        Some((_, seen)) => seen.add(limit, evidence),
        None => see(list, text.to_owned(), most, limit, evidence),
    }
}
