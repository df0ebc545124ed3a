//! `inspector check`: the verdict, why, the findings, and how much was read.

use std::io::{self, Write};

use inspector_core::report::{Report, v1};
use serde::Serialize;

use super::{judging, tokens};
use crate::{
    args::{Check, Format},
    exit::{Exit, Failure},
    output::{human, json},
};

/// Runs the command. The exit code tells the outcome even if the reader of the output has gone.
pub(crate) fn run(check: &Check) -> Result<Exit, Failure> {
    let reading = &check.reading;
    let asked = judging::Asked {
        fail_on: check.fail_on,
        words: check.words.as_deref(),
        until_verdict: check.until_verdict,
        ..Default::default()
    };
    let judged = judging::judge(reading, &check.judging, &asked)?;
    let report = &judged.report;
    let mut to = match check.format {
        Format::Human => super::output_of(reading)?,
        Format::Json | Format::Ndjson => super::plain_output_of(reading)?,
    };
    let written = match check.format {
        Format::Human => {
            human::report::write(&mut *to, &judged, detail(check)).and_then(|()| match reading.show_secrets {
                true => human::revealed::write(&mut *to, report),
                false => Ok(()),
            })
        }
        Format::Json => json::write_pretty(
            &mut *to,
            &document(report, reading.show_secrets)?,
            json::Unseen::with(reading.show_secrets),
        ),
        Format::Ndjson => json::write_line(
            &mut *to,
            &document(report, reading.show_secrets)?,
            json::Unseen::with(reading.show_secrets),
        ),
    };
    match written.and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(exit(report)),
    }
}

const fn detail(check: &Check) -> human::report::Detail {
    match (check.summary, check.verbose) {
        (true, _) => human::report::Detail::Table,
        (false, true) => human::report::Detail::All,
        (false, false) => human::report::Detail::Usual,
    }
}

fn exit(report: &Report) -> Exit {
    match report.exit_code() {
        0 => Exit::Pass,
        3 => Exit::Inconclusive,
        _ => Exit::Fail,
    }
}

/// The document `inspector-report/1`.
#[derive(Serialize)]
#[serde(untagged)]
enum Document<'r> {
    Usual(Box<v1::Report<v1::Tokens<'r>>>),
    WithSecrets(serde_json::Value),
}

fn document(report: &Report, show_secrets: bool) -> Result<Document<'_>, Failure> {
    let document = v1::Report::streamed(report);
    if !show_secrets {
        return Ok(Document::Usual(Box::new(document)));
    }
    let mut document = serde_json::to_value(document).map_err(internal)?;
    if let Some(member) = document.get_mut("tokens") {
        let objects: Result<_, _> = tokens::objects(report, true).collect();
        *member = serde_json::Value::Array(objects.map_err(internal)?);
    }
    Ok(Document::WithSecrets(document))
}

/// Serialising our own types cannot fail but for a defect.
pub(super) fn internal(error: serde_json::Error) -> Failure {
    Failure::Internal(format!("a result could not be written as JSON: {error}"))
}
