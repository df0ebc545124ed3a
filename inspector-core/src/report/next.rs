//! What to do next: the steps of the findings that decided, the gravest first, each once.

use super::{NEXT_STEPS, Report};
use crate::{
    finding::{Finding, Severity},
    handshake::meaning::Subject,
    verdict::{Outcome, Verdict},
};

/// A step, and how much weighs what asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    weight: Weight,
    text: String,
}

/// The greater, the sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Nothing was found that tells what to do.
    General,
    /// A finding that is worth looking at.
    Found(Severity),
    /// A finding that blocks a pass.
    Blocks,
    /// A finding that decided.
    Decides(Severity),
    /// What the verdict itself asks for.
    Verdict,
}

/// The advice of one input.
pub(super) fn of(verdict: &Verdict, findings: &[Finding], subject: Subject) -> Vec<Advice> {
    let outcome = verdict.outcome;
    let mut all: Vec<Advice> =
        verdict.next.iter().map(|text| Advice { weight: Weight::Verdict, text: text.clone() }).collect();
    let grave = |finding: &Finding| finding.severity >= Severity::Medium;
    // Beside a pass there is something to do for other hosts, too.
    let near = findings.iter().filter(|it| it.in_scope);
    let far = findings.iter().filter(|it| outcome == Outcome::Pass && !it.in_scope);
    for finding in near.chain(far) {
        let weight = match outcome {
            Outcome::Fail if finding.fails => Weight::Decides(finding.severity),
            Outcome::Inconclusive if finding.blocks => Weight::Blocks,
            // A fail is not mended by what did not decide it.
            _ if grave(finding) && outcome != Outcome::Fail => Weight::Found(finding.severity),
            _ => continue,
        };
        all.push(Advice { weight, text: finding.remedy.to_string() });
    }
    // What blocks may concern no host at all.
    let elsewhere = findings.iter().filter(|it| outcome == Outcome::Inconclusive && it.blocks && !it.in_scope);
    all.extend(elsewhere.map(|it| Advice { weight: Weight::Blocks, text: it.remedy.to_string() }));
    if all.is_empty() && outcome != Outcome::Pass {
        all.push(Advice { weight: Weight::General, text: record_again(subject).to_owned() });
    }
    joined(all)
}

/// The advice of several inputs: that of those whose outcome is the outcome of all.
pub(super) fn of_all(reports: &[Report], outcome: Outcome) -> Vec<Advice> {
    let deciding = reports.iter().filter(|report| report.outcome == outcome);
    joined(deciding.flat_map(|report| report.advice.iter().cloned()).collect())
}

/// Their texts, as many as are shown.
pub(super) fn texts(all: &[Advice]) -> Vec<String> {
    all.iter().take(NEXT_STEPS).map(|one| one.text.clone()).collect()
}

impl Advice {
    /// What comes before all others.
    pub(super) const fn first(text: String) -> Self {
        Self { weight: Weight::Verdict, text }
    }

    /// What to do.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The gravest first, none twice. What holds for any recording is said only where nothing else is.
fn joined(mut all: Vec<Advice>) -> Vec<Advice> {
    all.sort_by_key(|one| std::cmp::Reverse(one.weight));
    let mut kept: Vec<Advice> = Vec::new();
    for one in all {
        if !kept.iter().any(|known| known.text == one.text) {
            kept.push(one);
        }
    }
    kept
}

const fn record_again(subject: Subject) -> &'static str {
    match subject {
        Subject::Exchange => {
            "Record again while a Teams or Skype for Business user looks up a calendar, long enough to see the call \
             and its answer, on the server or with the keys to decrypt it."
        }
        Subject::SharePoint => {
            "Record again while the application calls SharePoint, long enough to see the call and its answer, on the \
             server or with the keys to decrypt it."
        }
        Subject::Api => {
            "Record again while a client calls the API with a bearer token, long enough to see the call and its \
             answer."
        }
    }
}
