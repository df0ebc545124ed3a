//! The judgement's front door: facts go in as they come, one report comes out.
//!
//! ```text
//! input ─► (exchange | connection | note)* ─► input_done ─► … ─► finish ─► Report
//! ```
//!
//! Every input is judged by itself: the engine makes one analysis an input (or one for the parts of a capture that was
//! written in pieces, as several inputs) and joins the reports with [`Report::merge`]. A run of several inputs fails if
//! any fails, else inconclusive if any is, else pass.
//!
//! Nothing here knows formats. What is kept is bounded whatever the length of the recording: the ledger by its limits,
//! findings because equal ones are folded as they come.

use std::net::IpAddr;

use crate::{
    connection::ConnectionReport,
    coverage::Coverage,
    evidence::SourceId,
    exchange::Exchange,
    finding::Findings,
    handshake::{
        call::Step,
        ledger::Ledger,
        meaning::Subject,
        observation::Observation,
        published::PublishedKeys,
        signatures::{Signature, Signatures},
    },
    limits::Limits,
    note::Note,
    policy::Policy,
    profile::{Judgement, Profile},
    report::Report,
    rules::{self, Context, Summary, dispatch::Dispatch},
    scope::Scope,
    secret::Fingerprint,
    token::{extract::Extraction, verify::VerificationKeys},
    verdict::{self, Facts, weigh::Weighing},
};

/// The judgement of one input, or of several that belong together.
pub struct Analysis {
    policy: Policy,
    ledger: Ledger,
    rules: Dispatch,
    findings: Findings,
    signatures: Signatures,
    /// Keys the recording shows.
    recorded: PublishedKeys,
    /// Signatures were verified where the tokens were read; here they have stand-ins.
    is_verified: bool,
    /// In so many parts.
    parts: usize,
}

impl Analysis {
    /// A run without inputs yet.
    pub fn new(policy: Policy, limits: &Limits) -> Self {
        Self {
            policy,
            ledger: Ledger::new(limits),
            rules: Dispatch::new(limits),
            findings: Findings::new(limits),
            signatures: Signatures::new(limits.tokens),
            recorded: PublishedKeys::new(VerificationKeys::new(limits)),
            is_verified: false,
            parts: 1,
        }
    }

    /// What comes was read elsewhere, with the results of verifying signatures: nothing is verified here.
    pub(crate) const fn verified_before(&mut self, parts: usize) {
        self.is_verified = true;
        self.parts = parts;
    }

    /// Asks every rule about every exchange, also those that have declared that they would find nothing new. The report is
    /// the same; it takes several times longer.
    #[must_use]
    pub fn thorough(mut self) -> Self {
        self.rules.ask_all();
        self
    }

    /// An input begins. `path` is how the report names it, `format` what its content told.
    pub fn input(&mut self, source: SourceId, path: &str, format: &str) {
        let input = self.ledger.input(source);
        path.clone_into(&mut input.path);
        format.clone_into(&mut input.format);
    }

    /// Takes an exchange with what was found in it. Exchanges of an input come in capture order.
    pub fn exchange(&mut self, exchange: &Exchange, extraction: &Extraction) {
        let observation = Observation::new(exchange, extraction, &self.policy, &mut self.ledger);
        self.ledger.record(&observation);
        self.ledger.tell(&observation, self.policy.all_messages);
        if self.policy.all_messages {
            self.ledger.list(&observation);
        } else if observation.carries_no_token() {
            self.ledger.list_credentials(&observation);
        }
        self.recorded.observe(&observation);
        self.rules.exchange(&observation, &self.policy, &self.ledger, &mut self.findings);
    }

    /// Whether the answer is there, as far as it was read: a call of an expected caller was answered, or something fails.
    pub fn is_decided(&self) -> bool {
        let judgement = self.policy.profile.judgement;
        let bearer = judgement == Judgement::Bearer;
        self.ledger.hosts().any(|(.., host)| host.expected_decided > 0 || (bearer && host.accepted > 0))
            || self.findings.have_grave(&|family| verdict::decides(judgement, family))
    }

    /// The steps of the latest exchange, as a timeline tells them; none of an exchange that is not about authentication,
    /// unless the policy wants all messages.
    pub fn latest_steps(&mut self) -> Vec<(Option<IpAddr>, Step)> {
        self.ledger.take_latest()
    }

    /// Takes what became of a connection.
    pub fn connection(&mut self, source: SourceId, report: &ConnectionReport) {
        // A name that was only heard of gets its number, so that findings can be weighed by it.
        if let Some(name) = report.server_name.as_deref() {
            self.ledger.host(&crate::hosts::normalize(name, crate::exchange::Scheme::Https));
        }
        let mut context = Context::new(&self.policy, &self.ledger, &mut self.findings);
        self.rules.connection(source, report, &mut context);
    }

    /// Takes a note.
    pub fn note(&mut self, source: SourceId, note: &Note) {
        let mut context = Context::new(&self.policy, &self.ledger, &mut self.findings);
        self.rules.note(source, note, &mut context);
    }

    /// Takes the result of verifying a token's signature.
    pub fn signature(&mut self, token: Fingerprint, signature: Signature, reason: &str) {
        self.signatures.add(token, signature, reason);
    }

    /// Takes that an issuer publishes the public keys it signs with, by the keys that were given.
    pub fn publisher(&mut self, issuer: &str) {
        self.signatures.add_publisher(issuer);
    }

    /// An input is over.
    pub fn input_done(&mut self, source: SourceId, coverage: Coverage) {
        self.ledger.input(source).coverage = Some(coverage);
    }

    /// The input could not be read at all: anything can be in it, so that a pass is not possible. `path` is how the report
    /// names it.
    pub fn unreadable(&mut self, source: SourceId, path: &str, why: &str) {
        self.input(source, path, "unreadable");
        // That no request was read either goes without saying.
        self.rules.dismiss();
        self.findings.add(rules::coverage::unreadable(source, why));
    }

    /// One file of an input that was written in several could not be read. `file` is its number.
    pub fn file_unreadable(&mut self, file: SourceId, why: &str) {
        self.findings.add(rules::coverage::unreadable(file, why));
    }

    /// A part of a recording that was read in parts is not there, or not as it was.
    pub(crate) fn lacks_part(&mut self, source: SourceId, why: &str) {
        self.findings.add(rules::coverage::lacks_part(source, why));
    }

    /// Verifies the tokens that were kept. It is done at the end, for a recording can show keys after the tokens.
    fn verify(&mut self) {
        self.signatures.add_publishers(&self.policy.keys);
        if self.is_verified {
            let open = self.ledger.tokens().iter().any(|facts| self.signatures.is_open(&facts.token));
            self.signatures.note_recorded(self.recorded.keys());
            if open && !self.recorded.keys().is_empty() && self.parts > 1 {
                let why = "keys that one part shows could not be tried on the tokens of another; give them with --jwks";
                let first = self.ledger.inputs().next().map_or(SourceId(0), |input| input.source);
                self.findings.add(rules::coverage::lacks_part(first, why));
            }
            return;
        }
        for facts in self.ledger.tokens() {
            self.signatures.verify(&facts.token, &self.policy.keys, self.recorded.keys(), facts.judged_at);
        }
    }

    /// The report over all inputs.
    pub fn finish(mut self) -> Report {
        self.verify();
        let scope = Scope::new(&self.policy, &self.ledger);
        let mut context = Context::new(&self.policy, &self.ledger, &mut self.findings);
        let summary = Summary { scope: &scope, signatures: &self.signatures, recorded: self.recorded.keys() };
        self.rules.finish(&summary, &mut context);
        if self.findings.overflowed() {
            self.findings.add(rules::coverage::limit_reached("findings_total"));
        }
        let Profile { judgement, exceptions, .. } = &self.policy.profile;
        let subject = Subject::of(&self.policy.profile);
        let weighing = Weighing { decides: verdict::decides, judgement: *judgement, subject, exceptions };
        let forgeries = self.findings.refused_forgeries();
        let findings = self.findings.finish(&scope, &self.ledger, &weighing);
        let end = self.policy.clock.at(self.ledger.span().map(|(_, last)| last));
        let (findings, ignored) = exceptions.apply(findings, end);
        let facts = Facts::new(&self.policy, &findings, &scope, &self.ledger, &forgeries).without(&ignored);
        let mut verdict = verdict::judge(&facts);
        let mut findings = findings;
        if let Some(finding) = verdict.finding.take() {
            findings.push(finding);
            crate::finding::sort(&mut findings);
        }
        let mut report = Report::new(verdict, findings, &self.policy, &scope, &self.ledger, &self.signatures);
        report.ignored = ignored;
        report.conceal();
        report
    }
}
