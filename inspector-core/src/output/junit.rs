use std::io;

use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{Output, Row, of_input};
use crate::{
    finding::Family,
    report::{Input, Report},
    verdict::Outcome,
};

/// JUnit: a suite an input, a case a question and one a finding that fails the run. Inconclusive is an error: it is neither a
/// failure nor skipped.
pub(super) struct Junit;

/// The rule that says that a call was accepted.
const ACCEPTED: &str = "S2S-033";

impl Output for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn media_type(&self) -> &'static str {
        "application/xml"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        let rows = Row::all(report);
        let mut document = Document::new("inspector");
        for input in &report.inputs {
            let own: Vec<&Row<'_>> = of_input(&rows, report, input.source).collect();
            document.add_test_suite(suite(report, input, &own));
        }
        if report.inputs.is_empty() {
            let mut nothing = TestSuite::new("inspector");
            nothing.add_test_case(case(
                "inspector",
                "verdict",
                Err((NonSuccessKind::Error, super::plain(&report.reason))),
            ));
            document.add_test_suite(nothing);
        }
        let text = document.to_string().map_err(io::Error::other)?;
        // The schema readers go by knows the count of skipped cases of a suite, not of all.
        let text = text.replacen(" skipped=\"0\"", "", 1);
        to.write_all(text.as_bytes())
    }
}

fn suite(report: &Report, input: &Input, rows: &[&Row<'_>]) -> TestSuite {
    let name = super::plain(&input.path);
    let reason = super::plain(&input.verdict.reason);
    let mut suite = TestSuite::new(name.clone());
    let undecided = || Err((NonSuccessKind::Error, format!("inconclusive: {reason}")));
    let failing = |family: Family| rows.iter().find(|row| row.finding.fails && row.is_of(family));
    let of_basic = match (failing(Family::Basic), input.verdict.outcome) {
        (Some(row), _) => Err((NonSuccessKind::Failure, row.message())),
        (None, Outcome::Inconclusive) => undecided(),
        (None, _) => Ok(()),
    };
    let of_token = match (
        failing(Family::S2s).or_else(|| failing(Family::Jwt)).or_else(|| failing(Family::OAuth)),
        input.verdict.outcome,
    ) {
        (Some(row), _) => Err((NonSuccessKind::Failure, row.message())),
        (None, Outcome::Pass) => Ok(()),
        (None, Outcome::Inconclusive) => undecided(),
        // A password fails the recording, whatever became of the token.
        (None, Outcome::Fail) if of_basic.is_err() => match rows.iter().any(|row| row.finding.meta.code == ACCEPTED) {
            true => Ok(()),
            false => Err((NonSuccessKind::Error, "no accepted call was seen beside the password".to_owned())),
        },
        (None, Outcome::Fail) => Err((NonSuccessKind::Failure, reason.clone())),
    };
    let of_coverage = match rows.iter().find(|row| row.finding.blocks) {
        Some(row) => Err((NonSuccessKind::Error, row.message())),
        None => Ok(()),
    };
    suite.add_test_case(case(&name, "OAuth worked", of_token));
    suite.add_test_case(case(&name, "Basic was never sent", of_basic));
    suite.add_test_case(case(&name, "nothing that matters is missing", of_coverage));
    let limit = report.fails_from();
    let grave = rows.iter().filter(|row| limit.is_some_and(|limit| row.finding.severity >= limit));
    for row in grave {
        let title = format!("{} {}", row.finding.meta.code, row.title);
        suite.add_test_case(case(&name, &title, Err((NonSuccessKind::Failure, row.message()))));
    }
    suite
}

fn case(class: &str, name: &str, answer: Result<(), (NonSuccessKind, String)>) -> TestCase {
    let status = match answer {
        Ok(()) => TestCaseStatus::success(),
        Err((kind, message)) => {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(message);
            status
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}
