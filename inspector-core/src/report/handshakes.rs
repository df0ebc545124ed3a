//! Handshakes told as stories: probe, challenge, token request, token, call, answer, renewal, joined over connections,
//! hosts and inputs.
//!
//! ```text
//! input 1 ─► threads (calls, discoveries, grants) ─┐
//! input 2 ─► threads                              ─┴─► handshakes
//! ```
//!
//! A call belongs to another if the same token is presented to the same host in the same caller's name, or the same client
//! presents it. A grant belongs to a call by the token it gives, and to another grant by what that gives and it uses: a
//! code, a refresh token, a device code, an assertion. A grant that failed belongs to the handshake whose host it names.
//! The same exchange recorded on both sides of a proxy is one step that is seen twice.

use std::{collections::HashSet, net::IpAddr, sync::Arc};

use crate::{
    bounded::Index,
    evidence::{Evidence, SourceId},
    finding::Finding,
    handshake::{
        call::{Call, Mark, Step, StepKind},
        diagnostics::ServerReason,
        grants::{Given, Grant, GrantKind},
        ledger::Ledger,
        observation::Answer,
    },
    policy::Policy,
    profile::Judgement,
    report::{Handshake, HandshakeOutcome, Unexpected, dedupe},
    scope::Scope,
    secret::Fingerprint,
    time::Timestamp,
    token::{TokenKind, principal::Principal},
};

/// Steps listed of one handshake.
const STEPS: usize = 200;
/// Threads kept of all inputs: what is told of more inputs than anybody gives at once.
const THREADS: usize = 65_536;
/// Requests that were put off and showed nothing that can be told again, of all inputs.
const DELAYED: usize = 256;
/// Seconds within which a call follows its challenge.
const WINDOW: i64 = 120;

/// A call or a discovery of one input, as a handshake with the steps of that input.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    handshake: Handshake,
    /// Tokens presented, each with its actor token.
    tokens: Vec<(Fingerprint, Fingerprint)>,
    marks: Vec<Mark>,
    /// Its actor token is signed by an issuer, so that somebody asked for it.
    from_issuer: bool,
    /// It belongs to server-to-server OAuth.
    s2s: bool,
}

/// A grant, whether its host is in scope, and whether it is told of whatever was made of it.
#[derive(Clone, Debug)]
struct Offer {
    grant: Grant,
    in_scope: bool,
    is_told: bool,
}

/// What the handshakes of one or several inputs are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Threads {
    calls: Vec<Thread>,
    offers: Vec<Offer>,
    /// Requests and responses that are none of these, if they were asked for.
    others: Vec<(Option<IpAddr>, Step)>,
}

impl Threads {
    /// Those of one input.
    pub(crate) fn new(policy: &Policy, scope: &Scope, ledger: &Ledger) -> Self {
        // Calls of other APIs are no handshakes of the question at hand.
        let asked = ledger.calls().iter().filter(|call| call.s2s || scope.has(call.host));
        let calls = asked.map(|call| of_call(call, policy, scope, ledger));
        let open = ledger.discoveries().iter().filter(|discovery| !discovery.followed).map(|discovery| {
            let base = blank(discovery.client, Arc::clone(ledger.host_name(discovery.host)));
            let handshake = Handshake {
                in_scope: scope.has(discovery.host),
                outcome: HandshakeOutcome::Discovery,
                status: Some(401),
                flow: "discovery",
                steps: discovery.steps.clone(),
                ..base
            };
            Thread { handshake, tokens: Vec::new(), marks: Vec::new(), from_issuer: false, s2s: true }
        });
        let of_any = policy.profile.judgement == Judgement::Bearer;
        let offers = ledger.grants().iter().map(|grant| {
            let in_scope = scope.has(grant.host);
            Offer { grant: grant.clone(), in_scope, is_told: of_any || in_scope }
        });
        Self { calls: calls.chain(open).collect(), offers: offers.collect(), others: ledger.others().to_vec() }
    }

    /// Adds those of another input.
    pub(crate) fn extend(&mut self, other: Self) {
        let room = THREADS.saturating_sub(self.calls.len());
        self.calls.extend(other.calls.into_iter().take(room));
        let room = THREADS.saturating_sub(self.offers.len());
        self.offers.extend(other.offers.into_iter().take(room));
        let room = THREADS.saturating_sub(self.others.len());
        self.others.extend(other.others.into_iter().take(room));
    }

    /// Visits the place of every step.
    pub(crate) fn each_place(&mut self, visit: &mut dyn FnMut(&mut Evidence)) {
        let of_calls = self.calls.iter_mut().flat_map(|thread| &mut thread.handshake.steps);
        let of_grants = self.offers.iter_mut().flat_map(|offer| &mut offer.grant.steps);
        let others = self.others.iter_mut().map(|(_, step)| step);
        for step in of_calls.chain(of_grants).chain(others) {
            visit(&mut step.evidence);
            step.also.iter_mut().for_each(&mut *visit);
        }
    }

    /// Visits the input of every mark.
    pub(crate) fn each_source(&mut self, visit: &mut dyn FnMut(&mut SourceId)) {
        self.calls.iter_mut().flat_map(|thread| &mut thread.marks).for_each(|mark| visit(&mut mark.place.0));
    }

    /// The stories, in the order of their first steps' places.
    pub(crate) fn handshakes(&self) -> Vec<Handshake> {
        let offers = without_echoes(fold_twins(&self.offers));
        let giving = Giving::new(&offers);
        let mut stories: Vec<Story> = Vec::new();
        for group in self.groups() {
            stories.push(Story::of(&group));
        }
        for story in &mut stories {
            story.attach(&offers, &giving);
        }
        let mut used: HashSet<usize> = stories.iter().flat_map(|story| story.offers.iter().copied()).collect();
        for (place, offer) in offers.iter().enumerate() {
            if used.contains(&place) {
                continue;
            }
            if let Some(story) = stories.iter_mut().find(|story| story.may_want(&offer.grant)) {
                story.offers.push(place);
                used.insert(place);
            }
        }
        let mut all: Vec<Handshake> = stories.into_iter().map(|story| story.finish(&offers)).collect();
        all.extend(alone(&offers, &used, &giving));
        self.add_others(&mut all);
        let timed = all.iter().all(|handshake| handshake.steps.first().is_some_and(|step| step.time.is_some()));
        all.sort_by_key(|handshake| {
            let first = handshake.steps.first();
            first.map(|step| (step.time.filter(|_| timed), step.evidence.input, step.evidence.exchange))
        });
        all
    }

    /// Puts what was exchanged besides into the handshakes of the same client and host, or else into ladders of its own.
    fn add_others(&self, all: &mut Vec<Handshake>) {
        if self.others.is_empty() {
            return;
        }
        let place = |step: &Step| (step.evidence.input, step.evidence.exchange);
        let told: HashSet<_> = all.iter().flat_map(|handshake| &handshake.steps).map(place).collect();
        let mut by_parties: Index<(Option<IpAddr>, Arc<str>), usize> = Index::default();
        for (at, handshake) in all.iter().enumerate() {
            by_parties.entry((handshake.client, Arc::clone(&handshake.resource))).or_insert(at);
        }
        for (client, step) in self.others.iter().filter(|(_, step)| !told.contains(&place(step))) {
            let at = *by_parties.entry((*client, Arc::clone(&step.host))).or_insert_with(|| {
                let ladder = blank(*client, Arc::clone(&step.host));
                all.push(Handshake { flow: "other", ..ladder });
                all.len() - 1
            });
            if let Some(handshake) = all.get_mut(at) {
                handshake.steps.push(step.clone());
            }
        }
        all.iter_mut().for_each(|handshake| order(&mut handshake.steps));
    }

    /// Threads that are one story.
    fn groups(&self) -> Vec<Vec<&Thread>> {
        let mut groups: Vec<Vec<&Thread>> = Vec::new();
        // By what can make threads one: host and caller with a token, or with a client.
        let mut by_token: Index<(&str, Option<&str>, Fingerprint), usize> = Index::default();
        let mut by_client: Index<(&str, Option<&str>, IpAddr), usize> = Index::default();
        let (calls, open): (Vec<_>, Vec<_>) = self.calls.iter().partition(|thread| thread.handshake.calls > 0);
        for thread in calls {
            let (host, caller) = (&*thread.handshake.resource, thread.handshake.caller.as_deref());
            let tokens = thread.tokens.iter();
            let client = thread.handshake.client;
            // Several machines of one service present one token: only a call that was recorded twice makes them one.
            let shared = tokens.clone().find_map(|(token, _)| by_token.get(&(host, caller, *token)).copied());
            let shared = shared.filter(|at| {
                groups.get(*at).into_iter().flatten().any(|other| {
                    dedupe::may_be_same(other.handshake.client, client)
                        || !dedupe::pair(&other.marks, &thread.marks).is_empty()
                })
            });
            let known = shared.or_else(|| by_client.get(&(host, caller, client?)).copied());
            let known = known.or_else(|| {
                // Two sides of which one does not tell the client, with one actor token around which users change.
                let at = tokens.clone().find_map(|(_, actor)| by_token.get(&(host, caller, *actor)).copied())?;
                let others = groups.get(at)?;
                others.iter().all(|other| dedupe::may_be_same(other.handshake.client, client)).then_some(at)
            });
            let at = known.unwrap_or_else(|| {
                groups.push(Vec::new());
                groups.len() - 1
            });
            for (token, actor) in &thread.tokens {
                by_token.entry((host, caller, *token)).or_insert(at);
                by_token.entry((host, caller, *actor)).or_insert(at);
            }
            if let Some(client) = client {
                by_client.entry((host, caller, client)).or_insert(at);
            }
            if let Some(group) = groups.get_mut(at) {
                group.push(thread);
            }
        }
        for thread in open {
            let fits = |group: &Vec<&Thread>| group.iter().any(|other| thread.precedes(other));
            match groups.iter_mut().find(|group| fits(group)) {
                Some(group) => group.push(thread),
                None => groups.push(vec![thread]),
            }
        }
        groups
    }

    /// Whether another input has what a finding says was not recorded.
    pub(crate) fn supplies(&self, finding: &Finding) -> bool {
        let calls = self.calls.iter().filter(|thread| thread.handshake.calls > 0);
        match finding.meta.code {
            // The token request of a call.
            "COV-008" => {
                let issued: HashSet<Fingerprint> = self.offers.iter().filter_map(|offer| offer.grant.token).collect();
                let host = finding.host.as_deref();
                let mut asking = calls
                    .filter(|thread| thread.from_issuer && thread.handshake.expected)
                    .filter(|thread| host == Some(&*thread.handshake.resource))
                    .peekable();
                asking.peek().is_some()
                    && asking.all(|thread| thread.tokens.iter().any(|(_, actor)| issued.contains(actor)))
            }
            // The call with an issued token.
            "S2S-029" => {
                let used: HashSet<Fingerprint> =
                    calls.flat_map(|thread| thread.tokens.iter().flat_map(|(token, actor)| [*token, *actor])).collect();
                let of = |evidence: &Evidence| {
                    let grants = self.offers.iter().map(|offer| &offer.grant);
                    grants
                        .filter(|grant| grant.steps.iter().any(|step| step.evidence == *evidence))
                        .any(|grant| grant.token.is_some_and(|token| used.contains(&token)))
                };
                !finding.evidence.is_empty()
                    && finding.count <= finding.evidence.len() as u64
                    && finding.evidence.iter().all(of)
            }
            // The call after a challenge.
            "S2S-031" => {
                let calls: Vec<&Thread> = calls.collect();
                let of = |evidence: &Evidence| {
                    let steps = self.calls.iter().flat_map(|thread| &thread.handshake.steps);
                    let mut challenges = steps.filter(|step| step.evidence == *evidence);
                    challenges.any(|challenge| calls.iter().any(|call| call.follows(challenge)))
                };
                !finding.evidence.is_empty()
                    && finding.count <= finding.evidence.len() as u64
                    && finding.evidence.iter().all(of)
            }
            _ => false,
        }
    }
}

impl Thread {
    /// Whether a call of it follows a challenge of another input: at the same host, soon.
    fn follows(&self, challenge: &Step) -> bool {
        let Some(at) = challenge.time.filter(|_| challenge.host == self.handshake.resource) else { return false };
        self.marks
            .iter()
            .filter(|mark| mark.place.0 != challenge.evidence.input)
            .filter_map(|mark| mark.time)
            .any(|time| (0..=WINDOW).contains(&time.seconds().saturating_sub(at.seconds())))
    }

    /// Whether it is the discovery before a call that another input has.
    fn precedes(&self, call: &Self) -> bool {
        call.handshake.calls > 0
            && dedupe::may_be_same(self.handshake.client, call.handshake.client)
            && self
                .handshake
                .steps
                .iter()
                .filter(|step| step.kind == StepKind::Challenge)
                .any(|step| call.follows(step))
    }
}

/// Which offers give a thing, and which were only put off.
struct Giving {
    by_thing: Index<Fingerprint, Vec<usize>>,
    /// Requests for an authorization, by the reference to what was pushed.
    referring: Index<Fingerprint, Vec<usize>>,
    /// Requests that the server put off, by what they showed.
    delayed: Index<Fingerprint, Vec<usize>>,
    /// Those that showed nothing that can be told again.
    delayed_plain: Vec<usize>,
}

impl Giving {
    fn new(offers: &[Offer]) -> Self {
        let mut giving = Self {
            by_thing: Index::default(),
            referring: Index::default(),
            delayed: Index::default(),
            delayed_plain: Vec::new(),
        };
        for (place, offer) in offers.iter().enumerate() {
            for given in &offer.grant.gives {
                giving.by_thing.entry(*given).or_default().push(place);
            }
            if offer.grant.steps.first().is_some_and(|step| step.kind == StepKind::Authorization) {
                for used in &offer.grant.uses {
                    giving.referring.entry(*used).or_default().push(place);
                }
            }
            if offer.grant.given != Given::Pending {
                continue;
            }
            for used in &offer.grant.uses {
                giving.delayed.entry(*used).or_default().push(place);
            }
            if offer.grant.uses.is_empty() && giving.delayed_plain.len() < DELAYED {
                giving.delayed_plain.push(place);
            }
        }
        giving
    }

    /// The requests of which that one is the repetition: the server had put them off.
    fn tries_of<'s>(&'s self, grant: &'s Grant, offers: &'s [Offer]) -> impl Iterator<Item = usize> + 's {
        let other = move |place: &usize| {
            let other = offers.get(*place).map(|offer| &offer.grant);
            other.is_some_and(|other| other.kind == grant.kind && other.host_name == grant.host_name)
        };
        let same = move |place: &usize| {
            let other = offers.get(*place).map(|offer| &offer.grant);
            other.is_some_and(|other| is_same_client(other, grant))
        };
        let shown = grant.uses.iter().flat_map(|used| self.delayed.get(used)).flatten();
        let plain = self.delayed_plain.iter().filter(|_| grant.uses.is_empty()).filter(move |place| same(place));
        shown.chain(plain).filter(move |place| other(place)).copied()
    }

    /// The requests that refer to what that one pushed.
    fn referring_to<'s>(&'s self, grant: &'s Grant) -> impl Iterator<Item = usize> + 's {
        grant.gives.iter().filter_map(|given| self.referring.get(given)).flatten().copied()
    }

    fn of(&self, thing: Fingerprint) -> impl Iterator<Item = usize> + '_ {
        self.by_thing.get(&thing).into_iter().flatten().copied()
    }
}

/// One handshake in the making.
struct Story {
    handshake: Handshake,
    tokens: Vec<(Fingerprint, Fingerprint)>,
    s2s: bool,
    /// Places of the grants that belong to it.
    offers: Vec<usize>,
}

impl Story {
    fn of(group: &[&Thread]) -> Self {
        let mut threads = group.iter();
        let Some(first) = threads.next() else {
            return Self { handshake: blank(None, "".into()), tokens: Vec::new(), s2s: false, offers: Vec::new() };
        };
        let mut story = Self {
            handshake: first.handshake.clone(),
            tokens: first.tokens.clone(),
            s2s: first.s2s,
            offers: Vec::new(),
        };
        let mut marks = first.marks.clone();
        for thread in threads {
            story.add(thread, &marks);
            marks.extend(thread.marks.iter().cloned());
        }
        story
    }

    /// Adds the thread of another input, or of the other side of a proxy.
    fn add(&mut self, thread: &Thread, marks: &[Mark]) {
        let (mine, other) = (&mut self.handshake, &thread.handshake);
        let twice = dedupe::pair(marks, &thread.marks);
        let of = |wanted: &[Answer]| {
            let twins = twice.iter().filter_map(|place| thread.marks.get(*place));
            twins.filter(|mark| wanted.contains(&mark.answer)).count() as u64
        };
        let again = twice.len() as u64;
        mine.seen_again += again + other.seen_again;
        mine.calls += other.calls.saturating_sub(again);
        mine.accepted += other.accepted.saturating_sub(of(&[Answer::Accepted]));
        mine.refused += other.refused.saturating_sub(of(&[Answer::Refused, Answer::Login]));
        mine.client = mine.client.or(other.client);
        mine.in_scope |= other.in_scope;
        mine.expected |= other.expected;
        // What came last decides.
        if other.span.map(|(_, last)| last) > mine.span.map(|(_, last)| last) {
            mine.outcome = other.outcome;
            mine.status = other.status.or(mine.status);
            mine.reason = other.reason.clone().or_else(|| mine.reason.take());
        }
        mine.span = match (mine.span, other.span) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (one, other) => one.or(other),
        };
        let mut taken = vec![false; mine.steps.len()];
        for step in &other.steps {
            let twin = mine.steps.iter().zip(&taken).position(|(known, taken)| !taken && dedupe::of_steps(known, step));
            match twin.and_then(|place| mine.steps.get_mut(place).map(|known| (place, known))) {
                Some((place, known)) => {
                    known.also.push(step.evidence.clone());
                    if let Some(taken) = taken.get_mut(place) {
                        *taken = true;
                    }
                }
                None => mine.steps.push(step.clone()),
            }
        }
        for pair in &thread.tokens {
            if !self.tokens.contains(pair) {
                self.tokens.push(*pair);
            }
        }
        self.s2s |= thread.s2s;
    }

    /// Finds the grants that belong to it: by its tokens, and by what those grants used in turn.
    fn attach(&mut self, offers: &[Offer], giving: &Giving) {
        let wanted: Vec<Fingerprint> = self.tokens.iter().flat_map(|(token, actor)| [*token, *actor]).collect();
        let mut open: Vec<usize> = wanted.iter().flat_map(|thing| giving.of(*thing)).collect();
        close(&mut open, offers, giving, &mut self.offers);
        // What became afterwards of the tokens, and of what was issued with them.
        let given = self.offers.iter().filter_map(|place| offers.get(*place)).flat_map(|offer| &offer.grant.gives);
        let wanted: HashSet<Fingerprint> = wanted.iter().chain(given).copied().collect();
        let mut known: HashSet<usize> = self.offers.iter().copied().collect();
        for (place, offer) in offers.iter().enumerate() {
            let after = matches!(offer.grant.kind, GrantKind::Introspection | GrantKind::Revocation);
            if after && offer.grant.uses.iter().any(|thing| wanted.contains(thing)) && known.insert(place) {
                self.offers.push(place);
            }
        }
    }

    /// Whether a grant that gave nothing it has may be one it asked for: it names its host, or repeats a grant of it.
    fn may_want(&self, grant: &Grant) -> bool {
        let names = grant.resource_host.as_deref() == Some(&*self.handshake.resource);
        let may = dedupe::may_be_same(self.handshake.client, grant.address);
        (self.s2s && grant.server_to_server && names && may) && (grant.given != Given::Yes || self.handshake.calls == 0)
    }

    fn finish(self, offers: &[Offer]) -> Handshake {
        let mut handshake = self.handshake;
        let mut grants: Vec<Grant> =
            self.offers.iter().filter_map(|place| offers.get(*place)).map(|offer| offer.grant.clone()).collect();
        sort_grants(&mut grants);
        tell(&mut handshake, &mut grants);
        if handshake.calls == 0 {
            settle(&mut handshake, &grants);
        }
        handshake
    }
}

/// All grants that follow from those in `open` by what they used, added to `found`.
fn close(open: &mut Vec<usize>, offers: &[Offer], giving: &Giving, found: &mut Vec<usize>) {
    let mut seen: HashSet<usize> = found.iter().copied().collect();
    while let Some(place) = open.pop() {
        let Some(offer) = offers.get(place) else { continue };
        if !seen.insert(place) {
            continue;
        }
        found.push(place);
        open.extend(offer.grant.uses.iter().flat_map(|thing| giving.of(*thing)));
        open.extend(giving.tries_of(&offer.grant, offers));
        open.extend(giving.referring_to(&offer.grant));
    }
    found.sort_unstable();
}

/// Grants that no call belongs to, as stories of their own: of server-to-server OAuth, or of a host in scope.
fn alone(offers: &[Offer], used: &HashSet<usize>, giving: &Giving) -> Vec<Handshake> {
    let mut told: HashSet<usize> = used.clone();
    let mut stories: Vec<(Vec<usize>, Handshake)> = Vec::new();
    // The last of a chain knows the others: what it used they gave.
    for place in (0..offers.len()).rev() {
        let Some(offer) = offers.get(place).filter(|_| !told.contains(&place)) else { continue };
        let mut places = Vec::new();
        close(&mut vec![place], offers, giving, &mut places);
        places.retain(|place| !told.contains(place));
        told.extend(places.iter().copied());
        if !(offer.grant.server_to_server || offer.is_told) {
            continue;
        }
        let same = |story: &&mut (Vec<usize>, Handshake)| {
            story
                .0
                .iter()
                .filter_map(|place| offers.get(*place))
                .any(|other| is_same_client(&other.grant, &offer.grant))
        };
        if let Some((known, handshake)) = stories.iter_mut().find(same) {
            known.extend(places);
            handshake.in_scope |= offer.in_scope;
            continue;
        }
        let grant = &offer.grant;
        let base = blank(grant.address, Arc::clone(&grant.host_name));
        let handshake =
            Handshake { in_scope: offer.in_scope, flow: "token-only", caller: grant.client.clone(), ..base };
        stories.push((places, handshake));
    }
    let finish = |(mut places, mut handshake): (Vec<usize>, Handshake)| {
        places.sort_unstable();
        let mut grants: Vec<Grant> =
            places.iter().filter_map(|place| offers.get(*place)).map(|offer| offer.grant.clone()).collect();
        sort_grants(&mut grants);
        handshake.span = grants.first().and_then(|grant| grant.time).zip(grants.last().and_then(|grant| grant.time));
        handshake.token = grants.iter().find_map(|grant| grant.token);
        handshake.audience = grants.iter().find_map(|grant| grant.resource.clone());
        tell(&mut handshake, &mut grants);
        settle(&mut handshake, &grants);
        handshake
    };
    stories.into_iter().map(finish).collect()
}

fn is_same_client(one: &Grant, other: &Grant) -> bool {
    one.host_name == other.host_name
        && one.client.is_some()
        && one.client == other.client
        && one.address == other.address
        && one.resource == other.resource
}

fn sort_grants(grants: &mut [Grant]) {
    let timed = grants.iter().all(|grant| grant.time.is_some());
    grants.sort_by_key(|grant| {
        let place = grant.steps.first().map(|step| (step.evidence.input, step.evidence.exchange));
        (grant.time.filter(|_| timed), place)
    });
}

/// Puts the steps of the grants into the story, tells renewals from first requests, and orders all by time.
fn tell(handshake: &mut Handshake, grants: &mut [Grant]) {
    for at in 0..grants.len() {
        let (before, rest) = grants.split_at_mut(at);
        let Some(grant) = rest.first_mut() else { continue };
        if grant.tells_kind && !handshake.grants.contains(&grant.kind) {
            handshake.grants.push(grant.kind);
        }
        let earlier = before.iter().rev().find(|known| {
            known.given == Given::Yes
                && known.token.is_some()
                && known.client == grant.client
                && known.host_name == grant.host_name
                && (known.resource == grant.resource || grant.kind == GrantKind::RefreshToken)
        });
        let asks = grant.steps.first().is_some_and(|step| step.kind == StepKind::TokenRequest);
        if asks && (earlier.is_some() || grant.kind == GrantKind::RefreshToken) {
            handshake.renewals += 1;
            if let Some(step) = grant.steps.first_mut() {
                step.kind = StepKind::Renewal;
                let when = earlier.and_then(|known| relation(known.expires?, grant.time?)).unwrap_or_default();
                step.text = step.text.replacen("asks ", "renews: asks ", 1) + &when;
            }
        }
        if grant.count > 1
            && let Some(step) = grant.steps.last_mut()
        {
            step.text.push_str(&format!(" ({} times)", grant.count));
        }
    }
    let codes = [GrantKind::AuthorizationCode, GrantKind::AuthorizationCodePkce, GrantKind::Implicit];
    if !handshake.grants.iter().any(|kind| codes.contains(kind)) {
        handshake.grants.extend(grants.iter().find(|grant| !grant.tells_kind).map(|grant| grant.kind));
    }
    handshake.steps.extend(grants.iter().flat_map(|grant| grant.steps.iter().cloned()));
    order(&mut handshake.steps);
    handshake.steps_omitted = handshake.steps.len().saturating_sub(STEPS) as u64;
    handshake.steps.truncate(STEPS);
}

/// Orders steps by time; where one has none, by their places.
fn order(steps: &mut [Step]) {
    let timed = steps.iter().all(|step| step.time.is_some());
    steps.sort_by_key(|step| {
        (step.time.filter(|_| timed), step.evidence.input, step.evidence.exchange, step.kind.is_answer())
    });
}

/// How a renewal lies to the end of the token before it.
fn relation(expires: Timestamp, asked: Timestamp) -> Option<String> {
    let left = expires.seconds().checked_sub(asked.seconds())?;
    let words = |seconds: i64| match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    };
    Some(if left >= 0 {
        format!(", {} before the last one ends", words(left))
    } else {
        format!(", {} after the last one ended", words(left.saturating_neg()))
    })
}

/// How a story without a call ended: by what came of its last request for a token.
fn settle(handshake: &mut Handshake, grants: &[Grant]) {
    let asked =
        grants.iter().rev().find(|grant| !matches!(grant.kind, GrantKind::Introspection | GrantKind::Revocation));
    let Some(last) = asked else { return };
    match last.given {
        Given::Yes if last.token.is_some() => {
            handshake.outcome = HandshakeOutcome::Issued;
            handshake.status = Some(200);
        }
        Given::No => {
            handshake.outcome = HandshakeOutcome::Refused;
            if let Some((status, said)) = &last.refusal {
                handshake.status = Some(*status);
                let text = Some(said.clone()).filter(|said| !said.is_empty());
                handshake.reason = Some(ServerReason { text, said_in: "token endpoint", ..ServerReason::default() });
            }
        }
        _ => {}
    }
}

/// Each grant once, with the places of its twins.
fn fold_twins(offers: &[Offer]) -> Vec<Offer> {
    let mut folded: Vec<Offer> = Vec::with_capacity(offers.len());
    // Twins agree in the token they give, or else in what they use.
    let mut by_link: Index<Fingerprint, Vec<usize>> = Index::default();
    for offer in offers {
        let link = offer.grant.token.or(offer.grant.uses.first().copied());
        let mut known = link.and_then(|link| by_link.get(&link)).into_iter().flatten().copied();
        let twin = known.find(|at| folded.get(*at).is_some_and(|one| dedupe::of_grants(&one.grant, &offer.grant)));
        if let Some(known) = twin.and_then(|at| folded.get_mut(at)) {
            for (step, again) in known.grant.steps.iter_mut().zip(&offer.grant.steps) {
                step.also.push(again.evidence.clone());
            }
            known.in_scope |= offer.in_scope;
            continue;
        }
        if let Some(link) = link {
            by_link.entry(link).or_default().push(folded.len());
        }
        folded.push(offer.clone());
    }
    folded
}

/// Without the callbacks that bring a code which the server was seen to send: it comes back once, from who sent it.
fn without_echoes(mut offers: Vec<Offer>) -> Vec<Offer> {
    let sent = offers.iter().filter(|offer| offer.grant.from_server).filter_map(|offer| offer.grant.code);
    let sent: HashSet<Fingerprint> = sent.collect();
    offers.retain(|offer| offer.grant.from_server || offer.grant.code.is_none_or(|code| !sent.contains(&code)));
    offers
}

const fn blank(client: Option<IpAddr>, resource: Arc<str>) -> Handshake {
    Handshake {
        client,
        resource,
        caller: None,
        caller_name: None,
        caller_claim: None,
        expected: false,
        unexpected: None,
        in_scope: false,
        audience: None,
        token: None,
        token_kind: None,
        calls: 0,
        accepted: 0,
        refused: 0,
        outcome: HandshakeOutcome::Undecided,
        status: None,
        reason: None,
        span: None,
        flow: "bearer",
        grants: Vec::new(),
        renewals: 0,
        seen_again: 0,
        steps: Vec::new(),
        steps_omitted: 0,
    }
}

fn of_call(call: &Call, policy: &Policy, scope: &Scope, ledger: &Ledger) -> Thread {
    let outcome = if !call.pending.is_empty() {
        HandshakeOutcome::Refused
    } else if call.accepted > 0 {
        HandshakeOutcome::Accepted
    } else {
        HandshakeOutcome::Undecided
    };
    let flow = match (call.kind, call.from_issuer) {
        (TokenKind::S2sOuter, true) => "app-asserted",
        (TokenKind::S2sActor, true) => "app-only",
        (TokenKind::S2sOuter | TokenKind::S2sActor, false) => "self-issued",
        _ => "bearer",
    };
    let caller = call.caller.as_ref();
    let handshake = Handshake {
        caller: caller.map(|caller| caller.shown().to_owned()),
        caller_name: caller.and_then(|c| policy.profile.application_name(&c.principal.name)).map(str::to_owned),
        caller_claim: caller.map(|caller| caller.layer.as_str()),
        expected: call.expected,
        unexpected: unexpected(call, policy),
        in_scope: scope.has(call.host),
        audience: call.audience.clone(),
        token: Some(call.token),
        token_kind: Some(call.kind),
        calls: call.calls,
        accepted: call.accepted,
        refused: call.refused,
        outcome,
        status: call.status,
        reason: call.reason.clone(),
        span: call.span,
        flow,
        steps: call.steps.clone(),
        ..blank(call.client, Arc::clone(ledger.host_name(call.host)))
    };
    Thread {
        handshake,
        tokens: call.tokens.clone(),
        marks: call.marks.clone(),
        from_issuer: call.from_issuer,
        s2s: call.s2s,
    }
}

/// Why a call is none of an expected caller, where the profile expects certain callers.
fn unexpected(call: &Call, policy: &Policy) -> Option<Unexpected> {
    if call.expected || policy.profile.judgement != Judgement::ServerToServer {
        return None;
    }
    let principal = &call.caller.as_ref()?.principal;
    if policy.profile.caller(&principal.name).is_none() {
        return Some(Unexpected::Caller);
    }
    let Some(realm) = principal.realm().filter(|realm| *realm != "*") else { return Some(Unexpected::NoRealm) };
    if !policy.realms.is_empty() && !policy.realms.iter().any(|wanted| wanted.eq_ignore_ascii_case(realm)) {
        return Some(Unexpected::Realm);
    }
    let audience = call.audience.as_deref().and_then(Principal::parse);
    match audience {
        Some(audience) if policy.profile.resource(&audience.name).is_none() => Some(Unexpected::Audience),
        _ => Some(Unexpected::Authority),
    }
}

#[cfg(test)]
mod tests;
