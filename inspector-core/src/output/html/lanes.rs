//! Which token was used when, how that went, and whether it was valid then: what the time axis shows.

use std::collections::HashMap;

use crate::{
    evidence::{Evidence, SourceId},
    handshake::{
        call::{Step, StepKind},
        lineage,
    },
    report::{Handshake, Report, TokenSummary},
    secret::Fingerprint,
    time::Timestamp,
    token::Token,
};

/// Clocks may differ by so much before a token counts as presented outside its lifetime.
const SKEW: i64 = 300 * 1_000_000_000;
/// Uses of one token that are kept.
const KEPT: usize = 200;
/// Rules that say that something for one use was used again.
const REPLAYS: [&str; 4] = ["JWT-020", "OAU-014", "OAU-015", "OAU-040"];

/// What became of a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Refused,
    Undecided,
}

/// A token presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) time: Timestamp,
    pub(super) answer: Answer,
}

/// What is wrong with a token's uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// Used within its lifetime.
    Valid,
    /// Never seen in use with a time.
    Unused,
    /// Its lifetime is not told, or cannot be read.
    Unknown,
    /// Used so many nanoseconds outside of it, which different clocks can explain.
    Skewed(i64),
    /// Meant for one use and used again, or used by several clients.
    Replayed,
    /// Used so long before its begin.
    Early(i64),
    /// Used so long after its end.
    Expired(i64),
}

/// A token and its uses; one inside another has those of the other.
#[derive(Clone, Debug)]
pub(super) struct Lane<'r> {
    pub(super) token: &'r Token,
    pub(super) kind: &'static str,
    /// It stands inside the token before it.
    pub(super) nested: bool,
    pub(super) uses: Vec<Use>,
    /// Uses that are not kept.
    pub(super) more: u64,
    pub(super) states: Vec<State>,
}

impl Lane<'_> {
    /// The gravest of its states.
    pub(super) fn worst(&self) -> State {
        self.states.iter().copied().max().unwrap_or(State::Unused)
    }
}

/// The uses of all tokens of a report.
#[derive(Debug, Default)]
pub(super) struct Uses {
    of: HashMap<Fingerprint, Vec<Use>, foldhash::fast::RandomState>,
    more: HashMap<Fingerprint, u64, foldhash::fast::RandomState>,
    replayed: Vec<Fingerprint>,
}

impl Uses {
    pub(super) fn of(report: &Report) -> Self {
        let mut all = Self::default();
        let mut clients: HashMap<Fingerprint, String, foldhash::fast::RandomState> = HashMap::default();
        let places: Vec<(SourceId, Option<u64>)> = report
            .findings
            .iter()
            .filter(|finding| REPLAYS.contains(&finding.meta.code))
            .flat_map(|finding| finding.evidence.iter().map(place))
            .collect();
        for handshake in &report.handshakes {
            let client = super::parties::client(handshake);
            let calls = handshake.steps.iter().filter(|step| step.kind == StepKind::Call);
            for (step, token) in calls.filter_map(|step| Some((step, step.token?))) {
                if let Some(time) = step.time {
                    all.add(token, Use { time, answer: answer(handshake, step) });
                }
                let first = clients.entry(token).or_insert_with(|| client.clone());
                // One and the same request that was recorded twice is no replay.
                if *first != client && client != "client" && first != "client" && step.also.is_empty() {
                    all.replay(token);
                }
            }
        }
        for summary in &report.tokens {
            let used = summary.lineage.iter().filter(|station| {
                matches!(station.step, lineage::Step::Used | lineage::Step::Exchanged | lineage::Step::Inside)
            });
            for station in used {
                if places.contains(&place(&station.first)) {
                    all.replay(summary.token.id);
                }
                let known = all.of.contains_key(&summary.token.id);
                if let Some(time) = station.time.filter(|_| !known || station.step == lineage::Step::Exchanged) {
                    let answer = if station.refused > 0 { Answer::Refused } else { Answer::Undecided };
                    all.add(summary.token.id, Use { time, answer });
                }
            }
        }
        all
    }

    fn add(&mut self, token: Fingerprint, one: Use) {
        let uses = self.of.entry(token).or_default();
        if uses.len() < KEPT {
            uses.push(one);
        } else {
            *self.more.entry(token).or_default() += 1;
        }
    }

    fn replay(&mut self, token: Fingerprint) {
        if !self.replayed.contains(&token) {
            self.replayed.push(token);
        }
    }

    /// The lanes of a token: its own, and those of the tokens inside it.
    pub(super) fn lanes<'r>(&self, summary: &'r TokenSummary) -> Vec<Lane<'r>> {
        let outer = &*summary.token;
        let mut uses = self.of.get(&outer.id).cloned().unwrap_or_default();
        uses.sort_by_key(|one| one.time);
        let more = self.more.get(&outer.id).copied().unwrap_or_default();
        let layers = std::iter::successors(Some(outer), |token| token.actor.as_deref());
        let mut lanes = Vec::new();
        for token in layers {
            let nested = !lanes.is_empty();
            let kind = if nested { token.kind.as_str() } else { summary.kind.as_str() };
            let replayed = !nested && self.replayed.contains(&token.id);
            let states = states(token, &uses, replayed);
            lanes.push(Lane { token, kind, nested, uses: uses.clone(), more, states });
        }
        lanes
    }
}

fn place(evidence: &Evidence) -> (SourceId, Option<u64>) {
    (evidence.input, evidence.exchange)
}

/// How the answer in the same exchange was taken.
fn answer(handshake: &Handshake, call: &Step) -> Answer {
    let same = |step: &&Step| step.kind == StepKind::Answer && place(&step.evidence) == place(&call.evidence);
    handshake.steps.iter().find(same).map_or(Answer::Undecided, |step| taken(handshake, step))
}

/// How an answer of a handshake was taken. Where the handshake as a whole does not tell, its words and its status do: what
/// a server says of a refusal stands behind the status.
pub(super) fn taken(handshake: &Handshake, step: &Step) -> Answer {
    let says_why = step.text.contains(", ");
    match step.status {
        _ if handshake.calls > 0 && handshake.accepted == handshake.calls => Answer::Accepted,
        _ if handshake.calls > 0 && handshake.refused == handshake.calls => Answer::Refused,
        Some(401 | 403) => Answer::Refused,
        _ if says_why => Answer::Refused,
        Some(200..=299) if handshake.accepted > 0 => Answer::Accepted,
        _ => Answer::Undecided,
    }
}

fn states(token: &Token, uses: &[Use], replayed: bool) -> Vec<State> {
    let (begin, end) = lifetime(token);
    let mut states = Vec::new();
    let outside = uses.iter().filter(|one| !one.time.is_relative()).filter_map(|one| {
        let early = begin.map_or(0, |begin| begin.nanos().saturating_sub(one.time.nanos()));
        let late = end.map_or(0, |end| one.time.nanos().saturating_sub(end.nanos()));
        match (early, late) {
            (early, _) if early > SKEW => Some(State::Early(early)),
            (_, late) if late > SKEW => Some(State::Expired(late)),
            (early, late) if early.max(late) > 0 => Some(State::Skewed(early.max(late))),
            _ => None,
        }
    });
    states.extend(outside.max());
    if replayed {
        states.push(State::Replayed);
    }
    if states.is_empty() {
        states.push(match (uses.is_empty(), begin.or(end)) {
            (_, None) => State::Unknown,
            (true, _) => State::Unused,
            (false, _) => State::Valid,
        });
    }
    states
}

/// Begin and end of a token, as far as it tells them.
pub(super) fn lifetime(token: &Token) -> (Option<Timestamp>, Option<Timestamp>) {
    (token.not_before.filter(|moment| !moment.is_cut()), token.expires.filter(|moment| !moment.is_cut()))
}
