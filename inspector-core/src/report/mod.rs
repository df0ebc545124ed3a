//! The report: everything the outputs need, and no secret except inside [`crate::secret::Secret`].
//!
//! Outputs render this one structure. Its JSON is [`v1`], which is frozen. An output that shows secrets
//! (`--show-secrets`) finds them in [`TokenSummary::token`]; excerpts and texts are masked already and stay so.

pub mod baseline;
mod conceal;
mod dedupe;
mod handshakes;
mod merge;
mod next;
pub mod v1;

use std::{net::IpAddr, sync::Arc};

use crate::{
    bounded::Index,
    coverage::Coverage,
    evidence::{Evidence, SourceId},
    finding::{Finding, Severity},
    handshake::{
        call::Step,
        diagnostics::ServerReason,
        grants::GrantKind,
        ledger::Ledger,
        lineage::{self, Station},
        meaning::Subject,
        signatures::{SignatureState, Signatures},
    },
    policy::Policy,
    report::{baseline::Comparison, handshakes::Threads},
    scope::Scope,
    secret::Fingerprint,
    time::Timestamp,
    token::{Token, TokenKind, mask},
    verdict::{Outcome, Verdict, exceptions::Ignored},
};

/// Suggestions at most.
const NEXT_STEPS: usize = 5;

/// One input of the run.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its number, by which evidence names it.
    pub source: SourceId,
    /// How it was named.
    pub path: String,
    /// Its format.
    pub format: String,
    /// How much of it was read.
    pub coverage: Coverage,
    /// The recording it is a part of: of the later files of a set, the number of the first.
    pub recording: SourceId,
    /// The answer of this input by itself; of the files of a set, that of the set.
    pub verdict: Verdict,
    /// Who called in it, as people call that application: the expected caller, else the first.
    pub caller: Option<String>,
    /// The gravest finding of this input by itself that is no mere fact.
    pub worst: Option<Worst>,
}

impl Input {
    /// A file of a set, which [`Report::by_file`] gives its verdict.
    pub fn file(source: SourceId, path: String, format: String, coverage: Coverage) -> Self {
        let verdict = Verdict::new(Outcome::Inconclusive, "", "");
        Self { source, path, format, coverage, recording: source, verdict, caller: None, worst: None }
    }
}

/// The gravest finding of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worst {
    /// Code of its rule.
    pub code: &'static str,
    /// Its severity.
    pub severity: Severity,
    /// It blocks a pass.
    pub blocks: bool,
}

impl Worst {
    /// Findings are in their order, the weightiest first.
    fn of(findings: &[Finding]) -> Option<Self> {
        let of = |one: &Finding| Self { code: one.meta.code, severity: one.severity, blocks: one.blocks };
        let first = findings.iter().find(|one| one.fails || one.blocks);
        let gravest = || findings.iter().filter(|one| one.severity > Severity::Info).max_by_key(|one| one.severity);
        first.or_else(gravest).map(of)
    }
}

/// A file that lay in a folder and was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Where it lies.
    pub path: String,
    /// Why.
    pub why: String,
}

/// How the calls of one client in one caller's name to one host went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandshakeOutcome {
    /// A call was accepted, and none was refused after it.
    Accepted,
    /// The last that was heard is a refusal.
    Refused,
    /// The server asked for OAuth, and no call followed.
    Discovery,
    /// A token was issued, and no call with it was recorded.
    Issued,
    /// Neither acceptance nor refusal was seen.
    Undecided,
}

/// Why a call does not count as one of an expected caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// The profile does not expect that application.
    Caller,
    /// It does, but of another realm.
    Realm,
    /// It does, but the token names no realm.
    NoRealm,
    /// It does, but the token is for somebody else.
    Audience,
    /// It does, but the token does not show that its issuer vouches for it.
    Authority,
}

/// Who called whom, with which token, and what the server said.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The host called.
    pub resource: Arc<str>,
    /// The caller as its token names it.
    pub caller: Option<String>,
    /// What that application is called.
    pub caller_name: Option<String>,
    /// Which claim told.
    pub caller_claim: Option<&'static str>,
    /// The profile expects this caller.
    pub expected: bool,
    /// Why the call does not count as one of an expected caller.
    pub unexpected: Option<Unexpected>,
    /// The host is in scope.
    pub in_scope: bool,
    /// `aud` of the first token.
    pub audience: Option<String>,
    /// The first token.
    pub token: Option<Fingerprint>,
    /// Its class.
    pub token_kind: Option<TokenKind>,
    /// Calls.
    pub calls: u64,
    /// Accepted ones.
    pub accepted: u64,
    /// Refused ones.
    pub refused: u64,
    /// How it went.
    pub outcome: HandshakeOutcome,
    /// Status of the last answer.
    pub status: Option<u16>,
    /// What the server said to the last refusal.
    pub reason: Option<ServerReason>,
    /// First and last call.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What kind of handshake it is: `app-asserted`, `app-only`, `self-issued`, `bearer`, `token-only`, `discovery`.
    pub flow: &'static str,
    /// How tokens were asked for, in the order of time; empty if no request for a token was recorded.
    pub grants: Vec<GrantKind>,
    /// Requests for a token by a client that had one for the same resource before.
    pub renewals: u64,
    /// Further recordings of these calls, on the other side of a proxy or in another input. A call counts once.
    pub seen_again: u64,
    /// The first steps, in the order of time over all inputs.
    pub steps: Vec<Step>,
    /// Further steps that are not listed.
    pub steps_omitted: u64,
}

impl Handshake {
    /// Nanoseconds between an answer and its request; `None` of a request, and where a time is missing.
    pub fn took(&self, step: &Step) -> Option<i64> {
        let of = |asked: &&Step| {
            !asked.kind.is_answer()
                && asked.evidence.input == step.evidence.input
                && asked.evidence.exchange == step.evidence.exchange
        };
        let asked = self.steps.iter().find(of).filter(|_| step.kind.is_answer())?;
        step.time?.nanos().checked_sub(asked.time?.nanos())
    }
}

/// One distinct token.
#[derive(Clone, Debug)]
pub struct TokenSummary {
    /// The token; its raw text is a secret.
    pub token: Arc<Token>,
    /// Its class at its first place.
    pub kind: TokenKind,
    /// Occurrences.
    pub count: u64,
    /// The first.
    pub first: Evidence,
    /// Distinct places: role, part and name.
    pub places: Vec<String>,
    /// Its way: where it was issued, used, exchanged, or seen in a URL.
    pub lineage: Vec<Station<Arc<str>>>,
    /// State of its signature, and of those of the tokens inside it, the outermost first.
    pub signatures: Vec<SignatureState>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The answer.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// What to do next, the most useful first.
    pub next_steps: Vec<String>,
    /// The profile's name.
    pub profile: String,
    /// Hosts in scope.
    pub scope: Vec<Arc<str>>,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// What lay in a folder and was not read. The caller fills it in, who knows of folders.
    pub skipped: Vec<Skipped>,
    /// How much of all inputs was read.
    pub coverage: Coverage,
    /// What was found, the weightiest first.
    pub findings: Vec<Finding>,
    /// What became of the ignores of the profile, and what they took out of the findings.
    pub ignored: Vec<Ignored>,
    /// Who called whom.
    pub handshakes: Vec<Handshake>,
    /// The tokens.
    pub tokens: Vec<TokenSummary>,
    /// First and last moment of the recording.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What became of the baseline, if the run was compared with one.
    pub baseline: Option<Comparison>,
    /// An inconclusive outcome does not fail the run: the user said so.
    pub allows_inconclusive: bool,
    /// A finding at or above `--fail-on`.
    pub fails_on: bool,
    /// From this severity on a finding fails the run.
    pub(crate) fail_on: Option<Severity>,
    /// The next steps with their weights, to be joined with those of other inputs.
    pub(crate) advice: Vec<next::Advice>,
    /// What the handshakes are made of, to be joined with that of other inputs.
    pub(crate) threads: Threads,
}

impl Report {
    pub(crate) fn new(
        verdict: Verdict,
        mut findings: Vec<Finding>,
        policy: &Policy,
        scope: &Scope,
        ledger: &Ledger,
        signatures: &Signatures,
    ) -> Self {
        let worst = Worst::of(&findings);
        let threads = Threads::new(policy, scope, ledger);
        let handshakes = threads.handshakes();
        let caller = main_caller(&handshakes);
        let inputs: Vec<Input> = ledger
            .inputs()
            .map(|input| Input {
                source: input.source,
                path: input.path.clone(),
                format: input.format.clone(),
                coverage: input.coverage.unwrap_or_default(),
                recording: input.source,
                verdict: verdict.clone(),
                caller: caller.clone(),
                worst,
            })
            .collect();
        let mut coverage = Coverage::default();
        for input in &inputs {
            coverage.add(&input.coverage);
        }
        // A finding about the whole of a recording names it, so that it can be told from those of others.
        if let [input] = inputs.as_slice() {
            let place = Evidence { input: input.source, ..Evidence::default() };
            let bare = findings.iter_mut().filter(|finding| finding.evidence.is_empty());
            bare.for_each(|finding| finding.evidence.push(place.clone()));
        }
        let advice = next::of(&verdict, &findings, Subject::of(&policy.profile));
        Self {
            next_steps: next::texts(&advice),
            advice,
            fails_on: policy.fail_on.is_some_and(|limit| findings.iter().any(|finding| finding.severity >= limit)),
            outcome: verdict.outcome,
            reason: verdict.reason,
            skipped: Vec::new(),
            profile: policy.profile.name.clone(),
            scope: ledger.hosts().filter(|(id, ..)| scope.has(*id)).map(|(_, name, _)| Arc::clone(name)).collect(),
            inputs,
            coverage,
            findings,
            ignored: Vec::new(),
            baseline: None,
            allows_inconclusive: false,
            handshakes,
            threads,
            fail_on: policy.fail_on,
            tokens: tokens(ledger, signatures),
            span: ledger.span(),
        }
    }

    /// From this severity on a finding fails the run, if the user said so.
    pub const fn fails_from(&self) -> Option<Severity> {
        self.fail_on
    }

    /// The exit code: 0, 1 or 3.
    pub const fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::Fail => 1,
            _ if self.fails_on => 1,
            Outcome::Inconclusive if self.allows_inconclusive => 0,
            Outcome::Inconclusive => 3,
            Outcome::Pass => 0,
        }
    }

    /// Puts steps before all others that the report names: what the caller knows of the keys it gave.
    pub fn advise(&mut self, steps: Vec<String>) {
        self.next_steps.splice(0..0, steps.into_iter().map(|step| mask::text(&step)));
        self.next_steps.truncate(NEXT_STEPS);
    }

    /// The path of an input, as evidence names it.
    pub fn path(&self, evidence: &Evidence) -> &str {
        let input = self.inputs.iter().find(|input| input.source == evidence.input);
        input.map_or("", |input| input.path.as_str())
    }

    /// The gravest severity found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Who called: the expected caller in scope before others.
fn main_caller(handshakes: &[Handshake]) -> Option<String> {
    let named = handshakes.iter().filter(|one| one.caller.is_some());
    let first = named.min_by_key(|one| (!one.in_scope, !one.expected, one.calls == 0))?;
    first.caller_name.clone().or_else(|| first.caller.clone())
}

fn tokens(ledger: &Ledger, signatures: &Signatures) -> Vec<TokenSummary> {
    let summary = |facts: &crate::handshake::facts::TokenFacts| TokenSummary {
        token: Arc::clone(&facts.token),
        kind: facts.kind,
        count: facts.count,
        first: facts.first.clone(),
        places: facts.places.clone(),
        lineage: facts.lineage.iter().map(|it| it.named(Arc::clone(ledger.host_name(it.host)))).collect(),
        signatures: signatures.of_layers(&facts.token),
    };
    let mut all: Vec<TokenSummary> = ledger.tokens().iter().map(summary).collect();
    // An actor token is used inside others.
    let index: Index<Fingerprint, usize> = all.iter().enumerate().map(|(at, one)| (one.token.id, at)).collect();
    let mut inside = Vec::new();
    for one in &all {
        let used = one.lineage.iter().filter(|station| station.step == lineage::Step::Used);
        let used: Vec<_> = used.map(|it| Station { step: lineage::Step::Inside, ..it.clone() }).collect();
        let actors = std::iter::successors(one.token.actor.as_deref(), |actor| actor.actor.as_deref());
        inside.extend(actors.filter_map(|actor| index.get(&actor.id)).map(|at| (*at, used.clone())));
    }
    for (at, used) in inside {
        if let Some(one) = all.get_mut(at) {
            lineage::merge(&mut one.lineage, used);
        }
    }
    all
}

#[cfg(test)]
mod tests;
