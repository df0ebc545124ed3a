//! The JSON of a report, schema `inspector-report/1`: frozen.
//!
//! These types exist to be serialised and nothing else. Members may be added; none changes its name or meaning. The
//! schema is `schema/inspector-report-1.json` of this crate, also in [`SCHEMA`].

pub mod exchange;
pub mod revealed;

use std::sync::Arc;

use serde::Serialize;

use super::{HandshakeOutcome, Report as Source, TokenSummary};
use crate::{
    coverage::Coverage,
    evidence::{Evidence as Place, Part},
    finding::{Finding as SourceFinding, Severity},
    handshake::{
        lineage::Station as SourceStation,
        signatures::{Signature, SignatureState, Signatures},
    },
    redact::Facts,
    report::baseline::Comparison,
    secret::Fingerprint,
    time::Timestamp,
    token::{
        Members, Token as SourceToken, mask, mask as display,
        verify::{KeyInfo, Trust},
    },
    verdict::{
        Outcome,
        exceptions::{Ignored as SourceIgnored, Kept},
    },
};

pub use exchange::Exchange;
pub use revealed::{TokenRows, tokens};

/// The JSON Schema (draft 2020-12) of [`Report`].
pub const SCHEMA: &str = include_str!("../../schema/inspector-report-1.json");

/// The whole document. `T` is how its tokens are held: made, or made as they are written ([`Report::streamed`]).
#[derive(Clone, Debug, Serialize)]
pub struct Report<T = Vec<Token>> {
    /// `inspector-report/1`.
    pub schema: &'static str,
    /// Who made it.
    pub tool: Tool,
    /// The answer.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// The exit code of the process that prints it: 0, 1 or 3.
    pub exit_code: u8,
    /// Name of the profile.
    pub profile: String,
    /// Hosts in scope.
    pub scope: Vec<String>,
    /// What to do next.
    pub next_steps: Vec<String>,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// What lay in a folder and was not read.
    pub skipped: Vec<Skipped>,
    /// The sum over the inputs.
    pub coverage: Coverage,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What the profile ignores; not part of `findings`. One for each of its ignores.
    pub ignored: Vec<Ignored>,
    /// What became of the baseline, if the run was compared with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Comparison>,
    /// Who called whom.
    pub handshakes: Vec<Handshake>,
    /// The tokens.
    pub tokens: T,
}

/// The tokens of a report, of which only one at a time takes memory: there may be thousands, each with its claims.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'r>(&'r Source);

impl Serialize for Tokens<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(made(self.0))
    }
}

/// The tokens of a report, each made when it is asked for.
pub fn made(report: &Source) -> impl Iterator<Item = Token> {
    let place = |evidence: &Place| Evidence::new(evidence, report.path(evidence));
    let mut facts = Facts::default();
    report.tokens.iter().map(move |token| Token::new(token, &place, &mut facts))
}

/// One input.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    /// How it was named.
    pub path: String,
    /// Its format.
    pub format: String,
    /// The answer of this input by itself.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// How much of it was read.
    pub coverage: Coverage,
}

/// The program that made a report.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tool {
    /// `inspector`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// This program.
pub const TOOL: Tool = Tool { name: "inspector", version: env!("CARGO_PKG_VERSION") };

/// A file that was not read.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Where it lies.
    pub path: String,
    /// Why.
    pub why: String,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Code.
    pub rule: &'static str,
    /// Name.
    pub name: &'static str,
    /// Severity.
    pub severity: Severity,
    /// A pass is not possible because of it; coverage only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<bool>,
    /// It stands in the baseline; only if the run was compared with one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub known: bool,
    /// It concerns a host in scope.
    pub in_scope: bool,
    /// The host it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// One line.
    pub title: String,
    /// With its particulars.
    pub detail: String,
    /// How many it stands for.
    pub count: u64,
    /// The first few places.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: String,
    /// Where to read on.
    pub reference: &'static str,
}

/// What became of an ignore of the profile.
#[derive(Clone, Debug, Serialize)]
pub struct Ignored {
    /// Code of the rule.
    pub rule: &'static str,
    /// Name of the rule.
    pub name: &'static str,
    /// Only about such hosts.
    pub host: Option<String>,
    /// Why, as the profile says.
    pub reason: String,
    /// The last day.
    pub until: Option<String>,
    /// How many findings it took out, with their counts.
    pub count: u64,
    /// How many it is about that are reported all the same.
    pub kept: u64,
    /// Why: `expired`, `no-time`, `blocks` or `decides`.
    pub kept_because: Option<Kept>,
    /// What it took out.
    pub findings: Vec<Finding>,
}

/// One place.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// The input's path.
    pub input: String,
    /// Frame number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    /// Connection number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    /// Exchange number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<u64>,
    /// Entry index from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// Part of the exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Field, parameter or member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Masked text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

/// One handshake.
#[derive(Clone, Debug, Serialize)]
pub struct Handshake {
    /// The client's address.
    pub client: Option<String>,
    /// The host called.
    pub resource: String,
    /// The caller as its token names it.
    pub caller: Option<String>,
    /// What that application is called.
    pub caller_name: Option<String>,
    /// Which claim told.
    pub caller_claim: Option<&'static str>,
    /// The profile expects this caller.
    pub expected: bool,
    /// The host is in scope.
    pub in_scope: bool,
    /// `aud` of the first token.
    pub audience: Option<String>,
    /// `id` of the first token.
    pub token: Option<Fingerprint>,
    /// Its class.
    pub token_kind: Option<&'static str>,
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
    pub server_reason: Option<ServerReason>,
    /// First call.
    pub first: Option<Timestamp>,
    /// Last call.
    pub last: Option<Timestamp>,
    /// `app-asserted`, `app-only`, `self-issued`, `bearer`, `token-only`, `discovery`, `other`.
    pub flow: &'static str,
    /// How tokens were asked for: `acs`, `client-credentials`, `authorization-code+pkce`, …
    pub grants: Vec<&'static str>,
    /// Renewals.
    pub renewals: u64,
    /// Further recordings of the calls; a call counts once.
    pub seen_again: u64,
    /// The inputs that tell of it.
    pub inputs: Vec<String>,
    /// The first steps, by time.
    pub steps: Vec<Step>,
    /// Further ones.
    pub steps_omitted: u64,
}

/// What a server said to a refusal.
#[derive(Clone, Debug, Serialize)]
pub struct ServerReason {
    /// The number.
    pub code: Option<u32>,
    /// The category.
    pub category: Option<String>,
    /// Its words.
    pub text: Option<String>,
    /// Where it said so.
    pub said_in: &'static str,
    /// What that means, if it is known.
    pub meaning: Option<&'static str>,
}

/// A step of a handshake.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Which.
    pub step: &'static str,
    /// When.
    pub time: Option<Timestamp>,
    /// What, for people.
    pub text: String,
    /// Who sent it: the client's address, `client` where it is not told, or a host.
    pub from: String,
    /// Who got it.
    pub to: String,
    /// Microseconds after its request, of an answer.
    pub took_us: Option<u64>,
    /// Status, of an answer.
    pub status: Option<u16>,
    /// `id` of the token presented or issued.
    pub token: Option<Fingerprint>,
    /// Id of the request, by client or server.
    pub request_id: Option<String>,
    /// Where.
    pub evidence: Evidence,
    /// Where the same message was recorded, too.
    pub also: Vec<Evidence>,
}

/// One distinct token; also a line of `inspector tokens --format ndjson`.
#[derive(Clone, Debug, Serialize)]
pub struct Token {
    /// The input of its first occurrence; absent for a nested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// SHA-256 prefix of its text.
    pub id: Fingerprint,
    /// Its class.
    pub kind: &'static str,
    /// Occurrences; absent for a nested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Its first occurrence; absent for a nested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Evidence>,
    /// Distinct places.
    pub places: Vec<String>,
    /// Its way; absent for a nested one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Vec<Station>>,
    /// Header as sent, secrets masked; null if it cannot be read.
    pub header: Option<Members>,
    /// Claims as sent, secrets and nested tokens masked; null if they cannot be read.
    pub claims: Option<Members>,
    /// The nested actor token.
    pub actor: Option<Box<Self>>,
    /// State of its signature.
    pub signature: Signature,
    /// Why.
    pub signature_reason: String,
    /// The key that verifies or refutes it; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_key: Option<SigningKey>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `iss` as sent.
    pub issuer: Option<String>,
    /// `aud` as sent; the first.
    pub audience: Option<String>,
    /// Whom the token names as caller: the parsed principal of `nameid`, else of `iss`.
    pub principal: Option<Principal>,
}

/// A step of a token at a host.
#[derive(Clone, Debug, Serialize)]
pub struct Station {
    /// `issued`, `used`, `inside`, `exchanged`, `in-url` or `seen`.
    pub step: &'static str,
    /// The host.
    pub host: String,
    /// How often.
    pub count: u64,
    /// Refused so often.
    pub refused: u64,
    /// When first.
    pub time: Option<Timestamp>,
    /// Where first.
    pub first: Evidence,
}

/// A key that verifies or refutes a signature.
#[derive(Clone, Debug, Serialize)]
pub struct SigningKey {
    /// The file it is from, or `the recording`.
    pub origin: String,
    /// The user gave it. One of the recording shows that a token is unchanged, not who made it.
    pub pinned: bool,
    /// `RSA 2048`, `EC P-256`, …
    pub kind: String,
    /// Its `kid`.
    pub kid: Option<String>,
    /// The issuer its source says it belongs to.
    pub issuer: Option<String>,
    /// Its certificate.
    pub certificate: Option<SigningCertificate>,
}

/// The certificate of a key.
#[derive(Clone, Debug, Serialize)]
pub struct SigningCertificate {
    /// Its subject.
    pub subject: String,
    /// SHA-1 in upper-case hexadecimal.
    pub thumbprint: String,
    /// SHA-1 in base64url.
    pub x5t: String,
    /// Begin of its validity.
    pub not_before: Timestamp,
    /// End of its validity; null if it is after 2262.
    pub not_after: Option<Timestamp>,
}

impl SigningKey {
    fn new(key: &KeyInfo) -> Self {
        Self {
            origin: key.origin.to_string(),
            pinned: key.origin.trust() == Trust::Pinned,
            kind: key.kind.to_string(),
            kid: key.kid.as_deref().map(mask::text),
            issuer: key.issuer.as_deref().map(mask::text),
            certificate: key.certificate.as_ref().map(|certificate| SigningCertificate {
                subject: mask::text(&certificate.subject),
                thumbprint: certificate.thumbprint(),
                x5t: certificate.x5t(),
                not_before: certificate.not_before,
                not_after: certificate.not_after,
            }),
        }
    }
}

/// A parsed principal name.
#[derive(Clone, Debug, Serialize)]
pub struct Principal {
    /// Application id or other name.
    pub name: String,
    /// Host.
    pub host: Option<String>,
    /// Realm.
    pub realm: Option<String>,
}

impl From<&Source> for Report {
    fn from(report: &Source) -> Self {
        Self::with(report, made(report).collect())
    }
}

impl<'r> Report<TokenRows<'r>> {
    /// A document whose tokens are made as they are written, with the tokens themselves if secrets are to be shown.
    pub fn revealed(report: &'r Source, show_secrets: bool) -> Self {
        Self::with(report, TokenRows { report, show_secrets })
    }
}

impl<'r> Report<Tokens<'r>> {
    /// A document whose tokens are made as they are written.
    pub fn streamed(report: &'r Source) -> Self {
        Self::with(report, Tokens(report))
    }
}

impl<T> Report<T> {
    fn with(report: &Source, tokens: T) -> Self {
        let place = |evidence: &Place| Evidence::new(evidence, report.path(evidence));
        Self {
            schema: "inspector-report/1",
            tool: TOOL,
            exit_code: report.exit_code(),
            outcome: report.outcome,
            reason: report.reason.clone(),
            profile: report.profile.clone(),
            scope: report.scope.iter().map(ToString::to_string).collect(),
            next_steps: report.next_steps.clone(),
            inputs: report
                .inputs
                .iter()
                .map(|input| Input {
                    path: input.path.clone(),
                    format: input.format.clone(),
                    outcome: input.verdict.outcome,
                    reason: input.verdict.reason.clone(),
                    coverage: input.coverage,
                })
                .collect(),
            skipped: report
                .skipped
                .iter()
                .map(|one| Skipped { path: one.path.clone(), why: one.why.clone() })
                .collect(),
            coverage: report.coverage,
            findings: report.findings.iter().map(|finding| Finding::new(finding, &place)).collect(),
            ignored: report.ignored.iter().map(|one| Ignored::new(one, &place)).collect(),
            baseline: report.baseline.clone(),
            handshakes: report.handshakes.iter().map(|handshake| Handshake::new(handshake, &place)).collect(),
            tokens,
        }
    }
}

impl Evidence {
    fn new(evidence: &Place, path: &str) -> Self {
        Self {
            input: path.to_owned(),
            frame: evidence.frame,
            connection: evidence.connection,
            exchange: evidence.exchange,
            entry: evidence.entry,
            part: evidence.part,
            name: evidence.name.clone(),
            excerpt: evidence.excerpt.clone(),
        }
    }
}

impl Finding {
    fn new(finding: &SourceFinding, place: &impl Fn(&Place) -> Evidence) -> Self {
        let is_coverage = finding.meta.family() == crate::finding::Family::Coverage;
        Self {
            rule: finding.meta.code,
            name: finding.meta.name,
            severity: finding.severity,
            blocks: is_coverage.then_some(finding.blocks),
            known: finding.known,
            in_scope: finding.in_scope,
            host: finding.host.as_deref().map(str::to_owned),
            title: finding.title.to_string(),
            detail: finding.detail.clone(),
            count: finding.count,
            evidence: finding.evidence.iter().map(place).collect(),
            remedy: finding.remedy.to_string(),
            reference: finding.meta.reference,
        }
    }
}

impl Ignored {
    fn new(ignored: &SourceIgnored, place: &impl Fn(&Place) -> Evidence) -> Self {
        let ignore = &ignored.ignore;
        Self {
            rule: ignore.rule.code,
            name: ignore.rule.name,
            host: ignore.host.clone(),
            reason: ignore.reason.clone(),
            until: ignore.until.clone(),
            count: ignored.count,
            kept: ignored.kept,
            kept_because: ignored.why_kept,
            findings: ignored.findings.iter().map(|finding| Finding::new(finding, place)).collect(),
        }
    }
}

impl Handshake {
    fn new(handshake: &super::Handshake, place: &impl Fn(&Place) -> Evidence) -> Self {
        Self {
            client: handshake.client.map(|client| client.to_string()),
            resource: handshake.resource.to_string(),
            caller: handshake.caller.clone(),
            caller_name: handshake.caller_name.clone(),
            caller_claim: handshake.caller_claim,
            expected: handshake.expected,
            in_scope: handshake.in_scope,
            audience: handshake.audience.clone(),
            token: handshake.token,
            token_kind: handshake.token_kind.map(crate::token::TokenKind::as_str),
            calls: handshake.calls,
            accepted: handshake.accepted,
            refused: handshake.refused,
            outcome: handshake.outcome,
            status: handshake.status,
            server_reason: handshake.reason.as_ref().map(|reason| ServerReason {
                code: reason.code,
                category: reason.category.clone(),
                text: reason.text.clone(),
                said_in: reason.said_in,
                meaning: reason.explanation().map(|explanation| explanation.meaning),
            }),
            first: handshake.span.map(|(first, _)| first),
            last: handshake.span.map(|(_, last)| last),
            flow: handshake.flow,
            grants: handshake.grants.iter().map(|grant| grant.as_str()).collect(),
            renewals: handshake.renewals,
            seen_again: handshake.seen_again,
            inputs: inputs(handshake, place),
            steps: handshake.steps.iter().map(|step| Step::new(step, handshake, place)).collect(),
            steps_omitted: handshake.steps_omitted,
        }
    }
}

/// The paths of the inputs that tell of a handshake, in their order.
fn inputs(handshake: &super::Handshake, place: &impl Fn(&Place) -> Evidence) -> Vec<String> {
    let all = handshake.steps.iter().flat_map(|step| std::iter::once(&step.evidence).chain(&step.also));
    let mut seen: Vec<&Place> = all.collect();
    seen.sort_by_key(|evidence| evidence.input);
    seen.dedup_by_key(|evidence| evidence.input);
    seen.into_iter().map(|evidence| place(evidence).input).collect()
}

impl Step {
    fn new(
        step: &crate::handshake::call::Step,
        handshake: &super::Handshake,
        place: &impl Fn(&Place) -> Evidence,
    ) -> Self {
        let client = handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string());
        let host = step.host.to_string();
        let (from, to) = if step.kind.is_answer() && !step.is_brought() { (host, client) } else { (client, host) };
        Self {
            step: step.kind.as_str(),
            time: step.time,
            text: step.text.clone(),
            from,
            to,
            took_us: handshake.took(step).and_then(|nanos| u64::try_from(nanos / 1000).ok()),
            status: step.status,
            token: step.token,
            request_id: step.request_id.clone(),
            evidence: place(&step.evidence),
            also: step.also.iter().map(place).collect(),
        }
    }
}

impl Token {
    fn new(summary: &TokenSummary, place: &impl Fn(&Place) -> Evidence, facts: &mut Facts) -> Self {
        let first = place(&summary.first);
        let mut token = Self::layer(&summary.token, &summary.signatures, facts);
        token.kind = summary.kind.as_str();
        token.input = Some(first.input.clone());
        token.count = Some(summary.count);
        token.first = Some(first);
        token.places.clone_from(&summary.places);
        let station = |station: &SourceStation<Arc<str>>| Station {
            step: station.step.as_str(),
            host: station.host.to_string(),
            count: station.count,
            refused: station.refused,
            time: station.time,
            first: place(&station.first),
        };
        token.lineage = Some(summary.lineage.iter().map(station).collect());
        token
    }

    /// A token without a place, as `inspector decode` shows it.
    pub fn decoded(token: &SourceToken, signatures: &Signatures) -> Self {
        Self::layer(token, &signatures.of_layers(token), &mut Facts::default())
    }

    fn layer(token: &SourceToken, signatures: &[SignatureState], facts: &mut Facts) -> Self {
        let readable = token.kind.is_readable();
        let state = signatures.iter().find(|state| state.token == token.id);
        let named = token.acting().or_else(|| token.name_id().filter(|p| p.is_guid()));
        let principal = named.or_else(|| token.issuer());
        Self {
            input: None,
            id: token.id,
            kind: token.kind.as_str(),
            count: None,
            first: None,
            places: Vec::new(),
            lineage: None,
            header: token.has_header.then(|| display::members_for_display(&token.header, facts)),
            claims: readable.then(|| display::members_for_display(&token.claims, facts)),
            actor: token.actor.as_deref().map(|actor| Box::new(Self::layer(actor, signatures, facts))),
            signature: state.map_or(Signature::Unverifiable, |state| state.signature),
            signature_reason: state.map(|state| state.reason.clone()).unwrap_or_default(),
            signature_key: state.and_then(|state| state.key.as_deref()).map(SigningKey::new),
            not_before: token.not_before.filter(|moment| !moment.is_cut()),
            expires: token.expires.filter(|moment| !moment.is_cut()),
            issuer: token.claim("iss").map(|issuer| facts.line(&issuer).into_owned()),
            audience: token.audiences().first().map(|audience| facts.line(audience).into_owned()),
            principal: principal.map(|p| Principal {
                name: facts.line(&p.name).into_owned(),
                host: p.host.as_deref().map(|host| facts.line(host).into_owned()),
                realm: p.realm.as_deref().map(|realm| facts.line(realm).into_owned()),
            }),
        }
    }
}
