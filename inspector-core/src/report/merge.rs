//! Several inputs, one report: each was judged by itself, and the outcomes add up: fail if any fails, else inconclusive if any is.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Input, Report, TokenSummary,
    next::{self, Advice},
};
use crate::{
    bounded::Index,
    coverage::Coverage,
    evidence::{Evidence, SourceId},
    finding::{self, Finding},
    handshake::lineage,
    secret::Fingerprint,
    verdict::{Outcome, words},
};

/// What makes findings of two inputs equal.
type Same = (&'static str, finding::Severity, bool, bool, Option<Arc<str>>, String);

impl Report {
    /// One report of several: fail if any fails, else inconclusive if any is, else pass. Equal findings are folded, and a
    /// token seen in several inputs is one. `None` if there are none.
    ///
    /// Reports may come from different judges, which all count their inputs from 0: where a number is taken, the later
    /// report's inputs get the next free ones.
    pub fn merge(mut reports: Vec<Self>) -> Option<Self> {
        number_apart(&mut reports);
        let several = reports.len() > 1;
        let outcome = reports.iter().map(|report| report.outcome).reduce(Outcome::and)?;
        let reason = if several { of_several(&reports, outcome) } else { reports.first()?.reason.clone() };
        let mut advice = next::of_all(&reports, outcome);
        if let Some(step) = without_the_silent(&reports) {
            advice.insert(0, Advice::first(step));
        }
        let mut all = reports.into_iter();
        let mut merged = all.next()?;
        for report in all {
            merged.absorb(report);
        }
        merged.outcome = outcome;
        // It says something of all of them, beside what was found in all.
        merged.reason = words::of_several(reason, &merged.findings);
        if several {
            merged.handshakes = merged.threads.handshakes();
            withdraw(&mut merged, &mut advice);
        }
        merged.findings = folded(merged.findings);
        for one in &mut merged.ignored {
            one.findings = folded(std::mem::take(&mut one.findings));
        }
        merged.next_steps = next::texts(&advice);
        merged.advice = advice;
        merged.tokens = distinct(merged.tokens);
        merged.inputs.sort_by_key(|input| input.source);
        merged.coverage = Coverage::default();
        for input in &merged.inputs {
            merged.coverage.add(&input.coverage);
        }
        merged.conceal();
        Some(merged)
    }

    /// Names the files of an input that was written in several files: they take its place among the inputs, and every
    /// evidence names its file and the frame in that file.
    #[must_use]
    pub fn by_file(mut self, input: SourceId, mut files: Vec<Input>) -> Self {
        if let Some(whole) = self.inputs.iter().find(|one| one.source == input) {
            for file in &mut files {
                let Input { recording, verdict, caller, worst, .. } = whole.clone();
                (file.recording, file.verdict, file.caller, file.worst) = (recording, verdict, caller, worst);
            }
        }
        let place = self.inputs.iter().position(|one| one.source == input).unwrap_or(self.inputs.len());
        let end = self.inputs.len().min(place + 1);
        self.inputs.splice(place..end, files);
        self.each_place(&mut Evidence::localize);
        self.handshakes = self.threads.handshakes();
        self
    }

    /// Visits every place the report names, but those of the handshakes, which are made of the threads'.
    fn each_place(&mut self, visit: &mut dyn FnMut(&mut Evidence)) {
        let ignored = self.ignored.iter_mut().flat_map(|one| &mut one.findings);
        let of_findings = self.findings.iter_mut().chain(ignored).flat_map(|finding| &mut finding.evidence);
        let of_tokens = self.tokens.iter_mut().flat_map(|token| {
            let of_stations = token.lineage.iter_mut().map(|station| &mut station.first);
            std::iter::once(&mut token.first).chain(of_stations)
        });
        of_findings.chain(of_tokens).for_each(&mut *visit);
        self.threads.each_place(visit);
    }

    /// Adds `more` to the numbers of all inputs. The handshakes are to be made anew.
    fn shift(&mut self, more: u32) {
        let up = |source: SourceId| SourceId(source.0.saturating_add(more));
        for input in &mut self.inputs {
            (input.source, input.recording) = (up(input.source), up(input.recording));
        }
        self.each_place(&mut |place| place.input = up(place.input));
        self.threads.each_source(&mut |source| *source = up(*source));
    }

    fn absorb(&mut self, other: Self) {
        for host in other.scope {
            if !self.scope.contains(&host) {
                self.scope.push(host);
            }
        }
        self.inputs.extend(other.inputs);
        self.findings.extend(other.findings);
        // Both are by the same profile.
        for (own, other) in self.ignored.iter_mut().zip(other.ignored) {
            own.absorb(other);
        }
        self.threads.extend(other.threads);
        self.tokens.extend(other.tokens);
        self.fails_on |= other.fails_on;
        self.span = match (self.span, other.span) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (one, other) => one.or(other),
        };
    }
}

/// Gives the inputs of reports numbers of their own, where a number stands for two.
fn number_apart(reports: &mut [Report]) {
    let (mut taken, mut next) = (BTreeSet::new(), 0_u32);
    for report in reports {
        let own: Vec<u32> = report.inputs.iter().map(|input| input.source.0).collect();
        let (Some(first), false) = (own.iter().min(), own.iter().all(|number| !taken.contains(number))) else {
            next = own.iter().fold(next, |next, number| next.max(number.saturating_add(1)));
            taken.extend(own);
            continue;
        };
        let more = next.saturating_sub(*first);
        report.shift(more);
        next = own.iter().fold(next, |next, number| next.max(number.saturating_add(more).saturating_add(1)));
        taken.extend(own.iter().map(|number| number.saturating_add(more)));
    }
}

/// Takes back findings that only say that something was not recorded, where another input has it.
fn withdraw(report: &mut Report, advice: &mut Vec<Advice>) {
    let threads = &report.threads;
    let (kept, withdrawn): (Vec<_>, Vec<_>) =
        std::mem::take(&mut report.findings).into_iter().partition(|finding| !threads.supplies(finding));
    advice.retain(|step| {
        let of = |finding: &Finding| finding.remedy == step.text();
        kept.iter().any(of) || !withdrawn.iter().any(of)
    });
    report.findings = kept;
    report.fails_on = report.fail_on.is_some_and(|limit| report.findings.iter().any(|one| one.severity >= limit));
}

/// What to do where all that stands against a pass is inputs in which nobody called: a recording of the token endpoint
/// alone, or of the time before. They are judged by themselves, and that is easily overlooked.
fn without_the_silent(reports: &[Report]) -> Option<String> {
    let is_silent = |report: &&Report| {
        report.outcome == Outcome::Inconclusive
            && report.handshakes.iter().all(|handshake| handshake.calls == 0)
            && !report.findings.iter().any(|finding| finding.blocks)
    };
    let (silent, others): (Vec<&Report>, Vec<&Report>) = reports.iter().partition(is_silent);
    if silent.is_empty() || others.is_empty() || others.iter().any(|report| report.outcome != Outcome::Pass) {
        return None;
    }
    let names: Vec<&str> = silent.iter().flat_map(|report| &report.inputs).map(|input| input.path.as_str()).collect();
    let (which, hold, them) = match names.as_slice() {
        [one] => ((*one).to_owned(), "holds", "it"),
        [one, two] => (format!("{one} and {two}"), "hold", "them"),
        all => (format!("{} of the inputs", all.len()), "hold", "them"),
    };
    Some(format!("{} {hold} no call to judge; the other inputs pass without {them}.", crate::token::mask::text(&which)))
}

/// How many recordings came out how, and why the first of those did that decided.
fn of_several(reports: &[Report], outcome: Outcome) -> String {
    let counts = [
        (Outcome::Fail, "fail", "fails"),
        (Outcome::Inconclusive, "are inconclusive", "is inconclusive"),
        (Outcome::Pass, "pass", "passes"),
    ]
    .map(|(which, many, one)| {
        let number = reports.iter().filter(|report| report.outcome == which).count();
        (number, format!("{number} {}", if number == 1 { one } else { many }))
    });
    let said: Vec<String> = counts.into_iter().filter(|(number, _)| *number > 0).map(|(_, text)| text).collect();
    let said = match said.as_slice() {
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => String::new(),
    };
    let Some(first) = reports.iter().find(|report| report.outcome == outcome) else { return said };
    let names: Vec<&str> = first.inputs.iter().map(|input| short(&input.path)).collect();
    let name = match names.as_slice() {
        [one] => (*one).to_owned(),
        [one, .., last] => format!("{one} to {last}"),
        [] => String::new(),
    };
    format!("Of {} recordings {said}; in {}, {}", reports.len(), crate::token::mask::text(&name), first.reason)
}

/// The file's name: the folders are in the list of inputs.
fn short(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

fn folded(findings: Vec<Finding>) -> Vec<Finding> {
    let mut all: Vec<Finding> = Vec::with_capacity(findings.len());
    let mut index: Index<Same, usize> = Index::default();
    for finding in findings {
        let key = (
            finding.meta.code,
            finding.severity,
            finding.blocks,
            finding.in_scope,
            finding.host.clone(),
            finding.detail.clone(),
        );
        let Some(known) = index.get(&key).and_then(|at| all.get_mut(*at)) else {
            index.insert(key, all.len());
            all.push(finding);
            continue;
        };
        known.count = known.count.saturating_add(finding.count);
        known.fails |= finding.fails;
        known.lowered |= finding.lowered;
        // The first place in each input, so that a finding names every input it was made in, and the first few besides.
        let most = known.evidence.len().max(finding.evidence.len());
        for evidence in finding.evidence {
            let is_named = known.evidence.iter().any(|one| one.input == evidence.input);
            if !is_named || known.evidence.len() < most {
                known.evidence.push(evidence);
            }
        }
    }
    finding::sort(&mut all);
    all
}

fn distinct(tokens: Vec<TokenSummary>) -> Vec<TokenSummary> {
    let mut all: Vec<TokenSummary> = Vec::with_capacity(tokens.len());
    let mut index: Index<Fingerprint, usize> = Index::default();
    for token in tokens {
        let Some(known) = index.get(&token.token.id).and_then(|at| all.get_mut(*at)) else {
            index.insert(token.token.id, all.len());
            all.push(token);
            continue;
        };
        known.count = known.count.saturating_add(token.count);
        lineage::merge(&mut known.lineage, token.lineage);
        for place in token.places {
            if !known.places.contains(&place) {
                known.places.push(place);
            }
        }
    }
    all
}
