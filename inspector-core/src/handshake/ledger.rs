//! What spans exchanges, within bounds: hosts, calls and their outcomes, tokens and where they came from, clocks.
//!
//! Everything here is a count, a flag or a short list; a recording of any length ends in the same few megabytes. What
//! does not fit is counted in a shared entry and shows in the report ([`Ledger::overflowed`]).

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{
    call::{
        Call, CallKey, Discovery, History, Issuance, Step, StepKind, add_refusal, call_key, credentials_steps,
        discovery_steps, new_call, other_steps, steps_of, update_call,
    },
    caller,
    facts::{self, HostFacts, InputFacts, SHORT_LIST, TokenFacts, push_once, see, see_text},
    grants::{Grant, Grants},
    identity::{self, ActorSays, Identity, LONGEST_NAME},
    lineage,
    observation::{self, Answer, Endpoint, Observation},
    signed_url,
};
use crate::{
    bounded::Index,
    evidence::{Part, SourceId},
    exchange::{Mark, Scheme},
    finding::Seen,
    handshake::oauth_ledger::Flows,
    hosts::{self, HostId, HostNames},
    limits::Limits,
    moment::Moment,
    policy::Policy,
    profile::Judgement,
    secret::Fingerprint,
    time::Timestamp,
    token::{Role, Sighting, Token, mask, principal::Principal},
};

/// Longest authority whose host is remembered, in bytes; of longer ones it is worked out anew.
const USUAL_AUTHORITY: usize = 64;
/// Differences between `Date` and the recording's clock kept per input.
const CLOCK_SAMPLES: usize = 4096;

/// The memory of an analysis.
#[derive(Debug)]
pub struct Ledger {
    limits: Limits,
    names: HostNames,
    hosts: Vec<HostFacts>,
    other: HostFacts,
    calls: Vec<Call>,
    call_index: Index<CallKey, usize>,
    /// Steps and marks of them.
    call_details: usize,
    discoveries: Vec<Discovery>,
    discovery_index: Index<(Option<IpAddr>, HostId), usize>,
    issuances: Vec<Issuance>,
    /// Names kept of all hosts, and whether some were not.
    host_names: usize,
    host_names_beyond: bool,
    tokens: Vec<TokenFacts>,
    /// Names of callers that tokens share.
    shared: identity::Names,
    token_index: Index<Fingerprint, usize>,
    /// Bytes of memory they take.
    token_bytes: usize,
    tokens_beyond: u64,
    calls_beyond: u64,
    callers: Vec<(String, Seen)>,
    inputs: BTreeMap<SourceId, InputFacts>,
    span: Option<(Timestamp, Timestamp)>,
    flows: Flows,
    /// Hosts by authorities as they were sent, for each scheme.
    authorities: [Index<Box<str>, HostId>; 2],
    /// The last `Date` that was read.
    date: (String, Option<Timestamp>),
    /// Exchanges so far.
    places: u64,
    grants: Grants,
    others: Vec<(Option<IpAddr>, Step)>,
    others_beyond: u64,
    /// Somebody follows the steps.
    is_followed: bool,
    latest: Vec<(Option<IpAddr>, Step)>,
}

/// Steps of calls without a token that are kept for the timeline.
const CREDENTIALS: usize = 64;

/// Kinds of schemes that are told apart.
const SCHEMES: usize = 4;

impl Ledger {
    /// An empty ledger.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            names: HostNames::new(limits.hosts),
            hosts: Vec::new(),
            other: HostFacts::default(),
            calls: Vec::new(),
            call_index: Index::default(),
            call_details: 0,
            discoveries: Vec::new(),
            discovery_index: Index::default(),
            issuances: Vec::new(),
            host_names: 0,
            host_names_beyond: false,
            tokens: Vec::new(),
            shared: identity::Names::default(),
            token_index: Index::default(),
            token_bytes: 0,
            tokens_beyond: 0,
            calls_beyond: 0,
            callers: Vec::new(),
            inputs: BTreeMap::new(),
            span: None,
            flows: Flows::default(),
            authorities: [Index::default(), Index::default()],
            date: (String::new(), None),
            places: 0,
            grants: Grants::new(limits.calls),
            others: Vec::new(),
            others_beyond: 0,
            is_followed: false,
            latest: Vec::new(),
        }
    }

    /// The number of the host an authority names.
    pub(super) fn authority(&mut self, authority: &str, scheme: Scheme) -> HostId {
        let [http, https] = &self.authorities;
        let known = if scheme == Scheme::Https { https } else { http };
        if let Some(id) = known.get(authority) {
            return *id;
        }
        let id = self.host(&hosts::normalize(authority, scheme));
        let [http, https] = &mut self.authorities;
        let known = if scheme == Scheme::Https { https } else { http };
        if known.len() < self.limits.hosts && authority.len() <= USUAL_AUTHORITY {
            known.insert(authority.into(), id);
        }
        id
    }

    /// The moment of the next exchange.
    pub(super) const fn moment(&mut self, time: Option<Timestamp>) -> Moment {
        self.places = self.places.saturating_add(1);
        Moment::new(time, self.places)
    }

    /// Reads `Date`. Neighbours have the same.
    pub(super) fn date(&mut self, text: &str) -> Option<Timestamp> {
        if self.date.0 != text {
            self.date = (text.to_owned(), Timestamp::parse_http_date(text));
        }
        self.date.1
    }

    /// What a presented token says of its caller.
    pub(super) fn identity(&mut self, sighting: &Sighting, policy: &Policy) -> Arc<Identity> {
        let known = self.token_number(&sighting.token).filter(|_| sighting.kind == sighting.token.kind);
        let known = known.and_then(|number| self.tokens.get(number)?.identity.as_ref());
        if let Some(known) = known {
            return Arc::clone(known);
        }
        Arc::new(Identity::new(sighting, policy, &mut self.shared))
    }

    /// The number of a host, given anew if it was not seen before.
    pub fn host(&mut self, name: &str) -> HostId {
        let id = self.names.intern(name);
        if id != HostId::OTHER && id.index() >= self.hosts.len() {
            self.hosts.push(HostFacts::default());
        }
        id
    }

    /// The number of a host that was seen before.
    pub fn find_host(&self, name: &str) -> Option<HostId> {
        self.names.find(name)
    }

    /// The name of a host.
    pub fn host_name(&self, id: HostId) -> &Arc<str> {
        self.names.name(id)
    }

    /// What was seen of a host.
    pub fn facts(&self, id: HostId) -> &HostFacts {
        self.hosts.get(id.index()).unwrap_or(&self.other)
    }

    fn facts_mut(&mut self, id: HostId) -> &mut HostFacts {
        self.hosts.get_mut(id.index()).unwrap_or(&mut self.other)
    }

    /// All hosts in the order they were first seen, the shared entry last.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &Arc<str>, &HostFacts)> {
        let known = self.hosts.iter().enumerate().filter_map(|(number, facts)| {
            let id = self.names.at(number)?;
            Some((id, self.names.name(id), facts))
        });
        let other = self.names.overflowed().then_some((HostId::OTHER, self.names.name(HostId::OTHER), &self.other));
        known.chain(other)
    }

    /// Whether a host (in lower case, without port) was seen to belong to server-to-server OAuth.
    pub fn is_s2s_host(&self, name: &str) -> bool {
        self.find_host(hosts::bare(name)).is_some_and(|id| {
            let facts = self.facts(id);
            facts.endpoint || facts.token || facts.challenge
        })
    }

    /// Calls with a token, in order.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// Probes and their challenges, in order.
    pub fn discoveries(&self) -> &[Discovery] {
        &self.discoveries
    }

    /// Requests for tokens, in order.
    pub fn issuances(&self) -> &[Issuance] {
        &self.issuances
    }

    /// Distinct tokens in order of their first occurrence.
    pub fn tokens(&self) -> &[TokenFacts] {
        &self.tokens
    }

    /// A token that was seen before (nested ones are not).
    pub fn token(&self, id: Fingerprint) -> Option<&TokenFacts> {
        self.token_index.get(&id).and_then(|at| self.tokens.get(*at))
    }

    /// The number of a token in [`Ledger::tokens`], if it is the very token that was seen before.
    pub fn token_number(&self, token: &Arc<Token>) -> Option<usize> {
        let number = *self.token_index.get(&token.id)?;
        let known = &self.tokens.get(number)?.token;
        // A fingerprint alone can be made to fit another token.
        (Arc::ptr_eq(known, token) || known.raw == token.raw).then_some(number)
    }

    /// Application ids of callers of server-to-server OAuth in lower case, in order of their first call.
    pub fn callers(&self) -> &[(String, Seen)] {
        &self.callers
    }

    /// The inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &InputFacts> {
        self.inputs.values()
    }

    /// First and last moment of the recording.
    pub const fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// Authorization requests, codes and issued tokens.
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// The bounds it keeps.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What was asked of authorization servers, in order.
    pub fn grants(&self) -> &[Grant] {
        self.grants.all()
    }

    /// Requests and responses for a timeline of all, each with its client.
    pub fn others(&self) -> &[(Option<IpAddr>, Step)] {
        &self.others
    }

    /// Keeps an exchange for a timeline of all.
    pub fn list(&mut self, observation: &Observation<'_>) {
        if self.others.len() + 2 > self.limits.steps {
            self.others_beyond += 1;
            return;
        }
        self.others.extend(other_steps(observation).into_iter().map(|step| (observation.client, step)));
    }

    /// Notes the steps of an exchange for whoever follows.
    pub fn tell(&mut self, observation: &Observation<'_>, all: bool) {
        if !self.is_followed {
            return;
        }
        let steps = steps_of(observation, all);
        self.latest = steps.into_iter().map(|step| (observation.client, step)).collect();
    }

    /// The steps of the latest exchange. From the first call on they are kept.
    pub fn take_latest(&mut self) -> Vec<(Option<IpAddr>, Step)> {
        self.is_followed = true;
        std::mem::take(&mut self.latest)
    }

    /// Keeps a call with credentials that are no token for the timeline, the first of them.
    pub fn list_credentials(&mut self, observation: &Observation<'_>) {
        if self.others.len() < CREDENTIALS.min(self.limits.calls) {
            self.others.extend(credentials_steps(observation).into_iter().map(|step| (observation.client, step)));
        }
    }

    /// The limit that was reached, if one was: then not everything was kept apart.
    pub const fn overflowed(&self) -> Option<&'static str> {
        if self.names.overflowed() {
            Some("hosts")
        } else if self.host_names_beyond {
            Some("host_facts")
        } else if self.calls_beyond > 0 || self.grants.overflowed() {
            Some("calls")
        } else if self.others_beyond > 0 {
            Some("steps")
        } else if self.tokens_beyond > 0 {
            Some("tokens")
        } else {
            None
        }
    }

    /// The facts of an input, made if new.
    pub fn input(&mut self, source: SourceId) -> &mut InputFacts {
        self.inputs.entry(source).or_insert_with(|| InputFacts { source, ..InputFacts::default() })
    }

    /// The facts of an input that was begun.
    pub fn find_input(&self, source: SourceId) -> Option<&InputFacts> {
        self.inputs.get(&source)
    }

    /// What the same client did before at this host as the same caller, as far as it was read.
    pub fn history(&self, observation: &Observation<'_>) -> History {
        let Some(key) = call_key(observation) else { return History::default() };
        let call = self.call_index.get(&key).and_then(|at| self.calls.get(*at));
        call.map_or_else(History::default, |call| {
            let before = call.acceptances.is_some_and(|(first, _)| observation.moment.is_after(first));
            let accepted = if before { call.accepted } else { 0 };
            History { calls: call.calls, accepted, refused: call.refused }
        })
    }

    /// Takes an exchange.
    pub fn record(&mut self, observation: &Observation<'_>) {
        self.record_span(observation.time);
        self.record_input(observation);
        if observation.endpoint == Endpoint::Tunnel {
            let limit = self.limits.evidence;
            self.facts_mut(observation.host).tunnels.add(limit, || observation.request_line());
            return;
        }
        self.flows.record(observation);
        self.grants.record(observation);
        let before = self.facts(observation.host).names();
        self.record_host(observation);
        self.record_actors(observation);
        let more = self.facts(observation.host).names().saturating_sub(before);
        self.host_names = self.host_names.saturating_add(more);
        self.record_tokens(observation);
        self.record_issuance(observation);
        if observation.presented().next().is_some() {
            self.record_call(observation);
        } else if observation.answer == Answer::Discovery && observation.s2s {
            self.record_discovery(observation);
        }
    }

    fn record_span(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        self.span = Some(self.span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
    }

    fn record_input(&mut self, observation: &Observation<'_>) {
        let limit = self.limits.evidence;
        let host = observation.host;
        let exchange = observation.exchange;
        let input = self.input(exchange.source);
        input.exchanges += 1;
        if let Some(time) = observation.time {
            input.first = Some(input.first.map_or(time, |first| first.min(time)));
        }
        if host != HostId::OTHER {
            if input.hosts.len() <= host.index() {
                input.hosts.resize(host.index() + 1, false);
            }
            if let Some(flag) = input.hosts.get_mut(host.index()) {
                *flag = true;
            }
        }
        let names = ["authorization", "cookie", "set-cookie"];
        let has_field = |head: Option<&crate::exchange::message::Head>| head.is_some_and(|head| head.has_any(&names));
        if has_field(observation.request()) || has_field(observation.response()) {
            input.with_secrets += 1;
        }
        let answered = matches!(observation.answer, Answer::Anonymous) && observation.status.is_some_and(|s| s < 300);
        let reads_anonymously =
            observation.request().is_some_and(|head| head.method().eq_ignore_ascii_case(b"OPTIONS"));
        if observation.is_resource() && answered && observation.is_sent() && !reads_anonymously {
            let line = || observation.request_line();
            see(&mut input.unexplained, host, SHORT_LIST, limit, line);
        }
        let authenticates = observation.s2s || observation.endpoint == Endpoint::Token || observation.carried.any();
        if authenticates
            && input.clock.len() < CLOCK_SAMPLES
            && let Some(ahead) = clock_sample(observation)
        {
            input.clock.push(ahead);
            let date = || observation.response().and_then(|head| head.text("date")).unwrap_or_default();
            let evidence = || observation.in_response(Part::ResponseHeader, "Date", mask::text(date()));
            input.clock_evidence.get_or_insert_with(evidence);
        }
    }

    /// How long the lists of names of a host may be. Once there are too many in all, none is added any more: whether one
    /// would have been is not asked.
    fn most_names(&mut self) -> usize {
        self.host_names_beyond |= self.host_names >= self.limits.host_facts;
        if self.host_names_beyond { 0 } else { SHORT_LIST }
    }

    fn record_host(&mut self, observation: &Observation<'_>) {
        let (limit, most) = (self.limits.evidence, self.most_names());
        let extraction = observation.extraction;
        let facts = self.facts_mut(observation.host);
        facts.exchanges += 1;
        facts.readable += u64::from(observation.exchange.request.is_some());
        if let Some(server) = observation.exchange.server {
            push_once(&mut facts.addresses, server.address.to_canonical(), most);
        }
        facts.endpoint |= observation.is_resource();
        facts.token_endpoint |= observation.endpoint == Endpoint::Token;
        if observation.profile.judgement == Judgement::Bearer && !observation.carried.any() {
            facts.cookies |= observation.request().is_some_and(|head| head.value("cookie").is_some());
            let signed = signed_url::is_signed(observation);
            facts.signed_urls |= signed;
            facts.keys = facts.keys || (!signed && observation::carries_key(observation));
        }
        facts.token |= extraction.sightings.iter().any(|sighting| is_of_s2s(sighting, observation));
        for challenge in observation.challenges().filter(|challenge| challenge.is("Bearer")) {
            facts.bearer = true;
            facts.offers_bearer = true;
            facts.challenge |= observation::is_s2s_challenge(challenge);
            if let Some(id) = challenge.parameter("client_id").filter(|id| id.len() <= LONGEST_NAME) {
                push_once(&mut facts.client_ids, id.to_owned(), most);
            }
            for issuer in challenge.trusted_issuers().filter(|issuer| issuer.len() <= LONGEST_NAME) {
                push_once(&mut facts.trusted_issuers, issuer.to_owned(), most);
                let named = Principal::parse(issuer).filter(|p| observation.profile.caller(&p.name).is_some());
                if named.is_some() && facts.trusts_caller.is_none() {
                    let excerpt = format!("trusted_issuers: {}", mask::text(issuer));
                    let evidence = observation.in_response(Part::ResponseHeader, "WWW-Authenticate", excerpt);
                    facts.trusts_caller = Some((mask::text(issuer), evidence));
                }
            }
        }
        if !observation.is_call() {
            return;
        }
        let carried = observation.carried;
        facts.bearer |= carried.token();
        let tally = &mut facts.tally;
        tally.requests += 1;
        tally.credentialed += u64::from(carried.any());
        tally.readable_tokens += u64::from(carried.readable_token);
        tally.unreadable_tokens += u64::from(carried.unreadable_token);
        tally.redacted += u64::from(carried.redacted);
        tally.passwords += u64::from(carried.password);
        tally.others += u64::from(carried.other);
        if carried.other && facts.schemes.len() < SCHEMES {
            for (scheme, credentials) in observation.other_schemes() {
                if !facts.schemes.contains(&scheme) {
                    facts.schemes.push(scheme);
                    facts.schemes_first.get_or_insert_with(|| observation.credentials(credentials));
                }
            }
        }
        let accepted = observation.answer == Answer::Accepted && carried.token();
        tally.accepted_tokens += u64::from(accepted);
        facts.accepted += u64::from(accepted);
        if let Some(caller) = &observation.expected {
            let evidence = || {
                observation.presented().next().map_or_else(|| observation.request_line(), |s| observation.sighted(s))
            };
            facts.expected.add(limit, evidence);
            facts.expected_caller.get_or_insert_with(|| caller.shown().to_owned());
            facts.expected_decided += u64::from(accepted || observation.is_refusal());
            if accepted {
                facts.expected_accepted.add(limit, || observation.answered());
            }
        }
    }

    /// What actor tokens say, and challenges want, to be compared at the end: a challenge may come after the token.
    fn record_actors(&mut self, observation: &Observation<'_>) {
        let (limit, most) = (self.limits.evidence, self.most_names());
        let facts = self.facts_mut(observation.host);
        for challenge in observation.challenges().filter(|challenge| challenge.is("Bearer")) {
            for kind in challenge.parameter("token_types").unwrap_or_default().split([' ', ',']) {
                if !kind.is_empty() {
                    push_once(&mut facts.token_types, bounded(kind), most);
                }
            }
        }
        for (sighting, actor) in observation.actors() {
            let is_first = observation.presented().next().is_some_and(|first| std::ptr::eq(first, sighting));
            match observation.identity.as_ref().filter(|_| is_first).and_then(|says| says.actor.as_ref()) {
                Some(says) => record_actor(facts, observation, (sighting, actor), says, (limit, most)),
                None => {
                    let says = ActorSays::new(&sighting.token, actor, observation.profile);
                    record_actor(facts, observation, (sighting, actor), &says, (limit, most));
                }
            }
        }
        let Some(id) = observation.caller_id.as_ref().filter(|_| observation.actors().next().is_some()) else { return };
        let evidence =
            || observation.presented().next().map_or_else(|| observation.request_line(), |s| observation.sighted(s));
        see_text(&mut self.callers, id, SHORT_LIST * 8, limit, evidence);
    }

    fn record_tokens(&mut self, observation: &Observation<'_>) {
        let is_call = observation.is_call();
        for sighting in &observation.extraction.sightings {
            let id = sighting.token.id;
            let presented = sighting.role == Role::Presented;
            let at = match self.token_index.get(&id) {
                Some(at) => *at,
                None => {
                    let bytes = self.token_bytes.saturating_add(facts::token_weight(&sighting.token));
                    if self.tokens.len() >= self.limits.tokens || bytes > self.limits.tokens_total {
                        self.tokens_beyond += 1;
                        continue;
                    }
                    self.token_bytes = bytes;
                    self.token_index.insert(id, self.tokens.len());
                    self.tokens.push(TokenFacts {
                        token: Arc::clone(&sighting.token),
                        kind: sighting.kind,
                        count: 0,
                        first: observation.sighted(sighting),
                        judged_at: observation.judged_at,
                        places: Vec::new(),
                        lineage: Vec::new(),
                        presented: 0,
                        refused: 0,
                        issued: false,
                        asserted: false,
                        in_head: false,
                        host: observation.host,
                        presented_to: Vec::new(),
                        receptions: Vec::new(),
                        issued_by: Vec::new(),
                        identity: None,
                    });
                    self.tokens.len() - 1
                }
            };
            let Some(facts) = self.tokens.get_mut(at) else { continue };
            facts.count += 1;
            facts.presented += u64::from(presented);
            let refused = presented && observation.answer == Answer::Refused;
            facts.refused += u64::from(refused);
            lineage::note(&mut facts.lineage, lineage::Step::of(sighting), observation.host, refused, || {
                (sighting.at.time(), observation.sighted(sighting))
            });
            if sighting.role == Role::Issued {
                facts.issued = true;
                push_once(&mut facts.issued_by, observation.host, SHORT_LIST);
            }
            if is_call && caller::is_presented(sighting) && sighting.part != Part::ResponseBody {
                facts.receive(observation);
            }
            note_place(facts, sighting, observation.host);
            if facts.places.len() < SHORT_LIST && !facts.places.iter().any(|known| is_place(known, sighting)) {
                let name: String = sighting.name.chars().take(LONGEST_NAME).collect();
                let place = format!("{} {} {name}", sighting.role.as_str(), sighting.part.as_str());
                push_once(&mut facts.places, place, SHORT_LIST);
            }
            let is_first = observation.presented().next().is_some_and(|first| std::ptr::eq(first, sighting));
            if is_first && facts.identity.is_none() && sighting.kind == sighting.token.kind {
                facts.identity.clone_from(&observation.identity);
            }
        }
    }

    fn record_issuance(&mut self, observation: &Observation<'_>) {
        let Some(request) = observation.token_request.as_ref().filter(|request| request.server_to_server) else {
            return;
        };
        if self.issuances.len() >= self.limits.calls {
            return;
        }
        let issued = observation.extraction.sightings.iter().find(|s| s.role == Role::Issued);
        let asked = request.resource.as_deref().map(|r| format!(" for {}", mask::text(r))).unwrap_or_default();
        let text = format!("asks {} for a token{asked}", observation.host_name);
        let mut steps = vec![Step::asked(StepKind::TokenRequest, observation, text, observation.request_line())];
        let answered = match (issued, &observation.token_error) {
            (Some(sighting), _) => Some(format!("issues {}", mask::token(&sighting.token))),
            (None, Some(error)) => Some(format!("refuses: {} {}", error.error, error.code().unwrap_or_default())),
            (None, None) => observation.status.map(|status| format!("answers {status}")),
        };
        if let Some(text) = answered {
            steps.push(Step::answered(StepKind::Token, observation, text));
        }
        self.issuances.push(Issuance { host: observation.host, token: issued.map(|s| s.token.id), steps });
    }

    fn record_discovery(&mut self, observation: &Observation<'_>) {
        let limit = self.limits.evidence;
        let key = (observation.client, observation.host);
        let at = match self.discovery_index.get(&key) {
            Some(at) => *at,
            None if self.discoveries.len() >= self.limits.calls => return,
            None => {
                self.discovery_index.insert(key, self.discoveries.len());
                self.discoveries.push(Discovery {
                    client: observation.client,
                    host: observation.host,
                    seen: Seen::default(),
                    steps: discovery_steps(observation),
                    offers_bearer: false,
                    followed: false,
                });
                self.discoveries.len() - 1
            }
        };
        if let Some(discovery) = self.discoveries.get_mut(at) {
            discovery.seen.add(limit, || observation.answered());
            discovery.offers_bearer |= observation.offers("Bearer");
        }
    }

    fn record_call(&mut self, observation: &Observation<'_>) {
        let (Some(key), Some(sighting)) = (call_key(observation), observation.presented().next()) else { return };
        let limit = self.limits.evidence;
        let discovered = self.discovery_index.get(&(key.client, key.host)).copied();
        let at = match self.call_index.get(&key) {
            Some(at) => *at,
            None if self.calls.len() >= self.limits.calls => {
                // All further calls share the last entry: their refusals stay pending, which is the careful reading.
                self.calls_beyond += 1;
                let last = self.calls.len().saturating_sub(1);
                if let (Answer::Refused | Answer::Login, Some(call)) = (observation.answer, self.calls.get_mut(last)) {
                    add_refusal(&mut call.pending, observation, limit);
                }
                return;
            }
            None => {
                let mut call = new_call(observation, sighting);
                if let Some(discovery) = discovered.and_then(|at| self.discoveries.get(at)) {
                    call.steps.splice(0..0, discovery.steps.iter().cloned());
                }
                self.call_index.insert(key, self.calls.len());
                self.calls.push(call);
                self.calls.len() - 1
            }
        };
        if let Some(discovery) = discovered.and_then(|at| self.discoveries.get_mut(at)) {
            discovery.followed = true;
        }
        if let Some(call) = self.calls.get_mut(at) {
            let before = call.steps.len() + call.marks.len();
            update_call(call, observation, limit, self.call_details < self.limits.call_details);
            let more = (call.steps.len() + call.marks.len()).saturating_sub(before);
            self.call_details = self.call_details.saturating_add(more);
        }
    }
}

impl HostNames {
    fn at(&self, number: usize) -> Option<HostId> {
        let name = self.by_number(number)?;
        self.find(name)
    }
}

fn bounded(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// Keeps of a host what the actor token says that gives a presented token its authority.
fn record_actor(
    facts: &mut HostFacts,
    observation: &Observation<'_>,
    (sighting, actor): (&Sighting, &Token),
    says: &ActorSays,
    (limit, most): (usize, usize),
) {
    let issuer = || actor.claim("iss").unwrap_or_default();
    let stranger = observation.is_of_stranger();
    if says.is_unknown {
        let known = says.issuer.as_deref().unwrap_or_default();
        let evidence = || observation.claimed(sighting, "iss", &issuer());
        see_text(&mut facts.unknown_issuers, known, most, limit, evidence);
        note_stranger(&mut facts.unknown_issuers, |issuer| issuer == known, stranger);
    }
    see(&mut facts.actors.kinds, sighting.kind, most, limit, || observation.sighted(sighting));
    note_stranger(&mut facts.actors.kinds, |kind| *kind == sighting.kind, stranger);
    if let Some(id) = &says.audience {
        let audience = || sighting.token.audience().map(|audience| audience.to_string()).unwrap_or_default();
        see_text(&mut facts.actors.audiences, id, most, limit, || observation.claimed(sighting, "aud", &audience()));
        note_stranger(&mut facts.actors.audiences, |known| **known == **id, stranger);
    }
    if let Some(known) = &says.issuer {
        let evidence = || observation.claimed(sighting, "iss of the actor token", &issuer());
        see_text(&mut facts.actors.issuers, known, most, limit, evidence);
        note_stranger(&mut facts.actors.issuers, |issuer| **issuer == **known, stranger);
    }
}

/// Counts that what was just seen is about a stranger's token.
fn note_stranger<K>(list: &mut [(K, Seen)], is: impl Fn(&K) -> bool, stranger: bool) {
    if let Some((_, seen)) = list.iter_mut().find(|(known, _)| stranger && is(known)) {
        seen.strangers = seen.strangers.saturating_add(1);
    }
}

/// Whether a place of a token is that of a sighting.
fn is_place(known: &str, sighting: &Sighting) -> bool {
    fn behind<'t>(text: &'t str, word: &str) -> Option<&'t str> {
        text.strip_prefix(word)?.strip_prefix(' ')
    }
    let name = behind(known, sighting.role.as_str()).and_then(|rest| behind(rest, sighting.part.as_str()));
    name == Some(sighting.name.as_str())
}

/// Adds what a token is used for at a place, and at which host.
fn note_place(facts: &mut TokenFacts, sighting: &Sighting, host: HostId) {
    facts.asserted |= sighting.role == Role::Assertion;
    facts.in_head |= matches!(sighting.part, Part::RequestHeader | Part::ResponseHeader | Part::RequestUrl);
    if sighting.role == Role::Presented {
        let room = facts.presented_to.len() + 1 < SHORT_LIST;
        push_once(&mut facts.presented_to, if room { host } else { HostId::OTHER }, SHORT_LIST);
    }
}

/// Whether a sighting makes its host one of server-to-server OAuth.
fn is_of_s2s(sighting: &Sighting, observation: &Observation<'_>) -> bool {
    match sighting.role {
        Role::Presented => caller::is_presented(sighting) && caller::is_s2s_kind(sighting.kind),
        Role::Assertion | Role::Issued => observation.token_request.as_ref().is_some_and(|r| r.server_to_server),
        Role::Mentioned => false,
    }
}

/// Seconds `Date` is ahead of the recording's clock. Answers from a cache (`Age`) and entries that were never sent do not
/// tell.
fn clock_sample(observation: &Observation<'_>) -> Option<i64> {
    let response = observation.exchange.response.as_ref()?;
    if response.head.value("age").is_some() || observation.exchange.marks.has(Mark::NotSent) {
        return None;
    }
    let recorded = response.first.time()?;
    Some(observation.date()?.seconds().saturating_sub(recorded.seconds()))
}
