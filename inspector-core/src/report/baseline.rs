//! Findings that are known: a run tells them from new ones, and from those that are gone.
//!
//! A baseline is a list of what an earlier run found. What stands in it no longer counts for `--fail-on`. It takes nothing
//! else away: a finding that makes the outcome fail, or blocks a pass, does so whether it is known or not.
//!
//! ```json
//! {"schema": "inspector-baseline/1", "findings": [
//!   {"rule": "BAS-003", "host": "mail.contoso.com", "subject": "1f2e3d4c5b6a7988", "title": "Basic is offered"}]}
//! ```
//!
//! A finding is the same as before if rule, host and subject are: not by frame numbers, places, counts or the order of
//! inputs, which are others in every recording. The title is for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    finding::{Finding, Severity},
    redact,
    report::Report,
};

/// What the file calls itself.
pub const SCHEMA: &str = "inspector-baseline/1";

/// Findings at most.
const MOST: usize = 100_000;

/// Why a file is no baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// It is no JSON of this shape.
    #[error("it is no baseline: {0}")]
    Shape(#[from] serde_json::Error),
    /// It is another document, or one of a later version.
    #[error("its schema is \"{0}\", not \"{SCHEMA}\"")]
    Schema(String),
    /// It is larger than any recording gives.
    #[error("it holds more than {MOST} findings")]
    TooLarge,
}

/// One known finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Code of the rule.
    pub rule: String,
    /// The host it is about; empty if it is about none.
    #[serde(default)]
    pub host: String,
    /// What tells it from others of its rule and host: 16 hexadecimal digits, or nothing.
    #[serde(default)]
    pub subject: String,
    /// What it says, for people.
    #[serde(default)]
    pub title: String,
}

impl Known {
    fn of(finding: &Finding) -> Self {
        Self {
            rule: finding.meta.code.to_owned(),
            host: finding.host.as_deref().unwrap_or_default().to_owned(),
            subject: finding.identity.map(|id| id.to_string()).unwrap_or_default(),
            title: redact::escaped_where(&finding.title, |c| c.is_control() || redact::is_invisible(c)).into_owned(),
        }
    }

    fn key(&self) -> (String, String, String) {
        (self.rule.clone(), self.host.clone(), self.subject.clone())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    findings: Vec<Known>,
}

/// The findings of an earlier run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline(Vec<Known>);

impl Baseline {
    /// What a report finds, facts and good news left out.
    pub fn of(report: &Report) -> Self {
        let mut all: Vec<Known> = report.findings.iter().filter(|one| counts(one)).map(Known::of).collect();
        all.sort();
        all.dedup_by(|one, other| one.key() == other.key());
        Self(all)
    }

    /// The findings, in their order.
    pub fn findings(&self) -> &[Known] {
        &self.0
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`BaselineError`] if it is none.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BaselineError> {
        let document: Document = serde_json::from_slice(bytes)?;
        if document.schema != SCHEMA {
            return Err(BaselineError::Schema(redact::excerpt(&document.schema)));
        }
        if document.findings.len() > MOST {
            return Err(BaselineError::TooLarge);
        }
        Ok(Self(document.findings))
    }

    /// The text of the file.
    ///
    /// # Errors
    /// None that is known: its own types are serialised.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let document = Document { schema: SCHEMA.to_owned(), findings: self.0.clone() };
        serde_json::to_string_pretty(&document).map(|text| text + "\n")
    }
}

/// What became of a baseline in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Findings that were known.
    pub known: u64,
    /// Findings that were not.
    pub new: u64,
    /// Known ones that were not found any more.
    pub gone: Vec<Known>,
}

impl Report {
    /// Tells known findings from new ones. Only `fails_on` can change: the outcome, and what it rests on, stays.
    pub fn compare(&mut self, baseline: &Baseline) {
        let mut expected: BTreeMap<(String, String, String), bool> =
            baseline.0.iter().map(|known| (known.key(), false)).collect();
        let mut comparison = Comparison::default();
        for finding in self.findings.iter_mut().filter(|one| counts(one)) {
            let found = expected.get_mut(&Known::of(finding).key());
            finding.known = found.is_some();
            match found {
                Some(seen) => {
                    *seen = true;
                    comparison.known += 1;
                }
                None => comparison.new += 1,
            }
        }
        let is_gone = |known: &&Known| expected.get(&known.key()) == Some(&false);
        comparison.gone = baseline.0.iter().filter(is_gone).cloned().collect();
        let limit = self.fail_on;
        let fails = |one: &Finding| limit.is_some_and(|limit| one.severity >= limit);
        // What fails the verdict or blocks a pass is never known away.
        self.fails_on = self.findings.iter().any(|one| fails(one) && (!one.known || one.fails || one.blocks));
        self.baseline = Some(comparison);
    }
}

/// Whether a finding is more than a fact.
fn counts(finding: &Finding) -> bool {
    finding.severity > Severity::Info || finding.blocks || finding.fails
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::Policy, profile::Profile, rules::testing, verdict::Outcome};

    const CALLER: &str = "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

    fn call(authorization: &str, answer: &str) -> String {
        format!(
            "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: {authorization}\n\n{answer}\n###\n"
        )
    }

    fn judged(text: &str, fail_on: Severity) -> Report {
        let mut policy = Policy::new(Profile::builtin("exchange-s2s").unwrap());
        policy.fail_on = Some(fail_on);
        testing::judge_by(policy, text)
    }

    #[test]
    fn known_findings_no_longer_fail_the_run_and_new_ones_do() {
        let good = call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n");
        let mut report = judged(&good, Severity::Low);
        let low = report.findings.iter().filter(|one| counts(one) && !one.blocks && !one.fails).count();
        assert!(low > 0 && report.fails_on, "the call gives something to complain of");
        let baseline = Baseline::of(&report);
        report.compare(&baseline);
        assert!(!report.fails_on);
        let comparison = report.baseline.clone().unwrap();
        assert_eq!((comparison.known as usize, comparison.new, comparison.gone.len()), (low, 0, 0));
        // Again from its file; nothing of what was there is there: all are gone, and what there is is new.
        let baseline = Baseline::from_json(baseline.to_json().unwrap().as_bytes()).unwrap();
        let mut other = judged(&good.replace("mail.contoso.com", "other.contoso.com"), Severity::Low);
        other.compare(&baseline);
        assert!(other.fails_on);
        let comparison = other.baseline.unwrap();
        assert_eq!(comparison.gone.len(), baseline.findings().len());
        assert!(comparison.new > 0);
    }

    #[test]
    fn a_fail_and_a_block_stay() {
        let basic = call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n");
        let open = call(&format!("Bearer {}", testing::outer(CALLER)), "");
        for (text, outcome, code) in [(basic, Outcome::Fail, 1), (open, Outcome::Inconclusive, 3)] {
            let mut report = judged(&text, Severity::Critical);
            let baseline = Baseline::of(&report);
            report.compare(&baseline);
            assert_eq!((report.outcome, report.exit_code()), (outcome, code));
            // Below --fail-on, what fails or blocks does so as before.
            let mut strict = judged(&text, Severity::Info);
            strict.compare(&baseline);
            assert_eq!(strict.exit_code(), 1);
        }
    }

    #[test]
    fn frame_numbers_and_order_do_not_matter() {
        let good = call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n");
        let other = "GET /x HTTP/1.1\nHost: www.example.org\n\nHTTP/1.1 200 OK\n\n###\n";
        let baseline = Baseline::of(&judged(&good, Severity::Low));
        let mut later = judged(&format!("{other}{other}{good}"), Severity::Low);
        later.compare(&baseline);
        assert_eq!(later.baseline.unwrap().gone, []);
    }

    #[test]
    fn what_is_no_baseline_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"schema":"inspector-report/1","findings":[]}"#,
            r#"{"schema":"inspector-baseline/2","findings":[]}"#,
            r#"{"schema":"inspector-baseline/1","findings":[{"rule":"BAS-003","hots":"x"}]}"#,
        ] {
            assert!(Baseline::from_json(text.as_bytes()).is_err(), "{text}");
        }
    }
}
