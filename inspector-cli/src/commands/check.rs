//! `inspector check`: the verdict, why, the findings, and how much was read.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use inspector_core::{
    output,
    report::{Report, baseline::Baseline},
    verdict::Outcome,
};

use super::judging;
use crate::{
    args::{Check, Form, Reading},
    exit::{Exit, Failure, complain},
    output::human,
    run::read_small,
};

/// Runs the command. The exit code tells the outcome even if the reader of the output has gone.
pub(crate) fn run(check: &Check) -> Result<Exit, Failure> {
    if check.partial {
        return super::partial::run(check);
    }
    let reading = &check.reading;
    let asked = judging::Asked {
        fail_on: check.fail_on,
        words: check.words.as_deref(),
        until_verdict: check.until_verdict,
        ..Default::default()
    };
    let judged = judging::judge(reading, &check.judging, &asked)?;
    tell(check, judged)
}

/// Writes what came out in the forms that were asked for. The exit code tells the outcome.
pub(super) fn tell(check: &Check, mut judged: judging::Judged) -> Result<Exit, Failure> {
    let reading = &check.reading;
    let baseline = check.baseline.as_deref().map(read_baseline).transpose()?;
    if let Some(baseline) = &baseline {
        judged.report.compare(baseline);
    }
    if let Some(path) = &check.write_baseline {
        write_baseline(reading, path, &judged.report)?;
    }
    if judged.report.allows_inconclusive && judged.report.outcome == Outcome::Inconclusive && !reading.quiet {
        complain("warning: the outcome is inconclusive, and the settings allow that (allow-inconclusive)");
    }
    for written in &check.report {
        let mut to = super::report_file(reading, &written.path)?;
        ended(write(written.form, &mut *to, &judged, check), &mut *to)?;
    }
    let mut to = match check.format {
        Form::Human => super::output_of(reading)?,
        _ => super::plain_output_of(reading)?,
    };
    ended(write(check.format, &mut *to, &judged, check), &mut *to)?;
    let is_github = |form: Form| matches!(form, Form::Other(output) if output.name() == "github");
    if is_github(check.format) || check.report.iter().any(|written| is_github(written.form)) {
        summarise(&judged.report)?;
    }
    Ok(exit(&judged.report))
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let wrong = |what: String| Failure::Usage(format!("the baseline '{}': {what}", path.display()));
    let bytes = read_small(path).map_err(|error| wrong(error.to_string()))?;
    Baseline::from_json(&bytes).map_err(|error| wrong(error.to_string()))
}

fn write_baseline(reading: &Reading, path: &Path, report: &Report) -> Result<(), Failure> {
    super::spare(reading, path, "--write-baseline")?;
    let text = Baseline::of(report).to_json().map_err(internal)?;
    fs::write(path, text)
        .map_err(|error| Failure::Usage(format!("cannot write '{}' (--write-baseline): {error}", path.display())))
}

/// Writes one form of the answer.
fn write(form: Form, to: &mut dyn Write, judged: &judging::Judged, check: &Check) -> Result<(), Failure> {
    let report = &judged.report;
    let show_secrets = check.reading.show_secrets;
    match form {
        Form::Human => {
            human::report::write(to, judged, detail(check))?;
            if show_secrets {
                human::revealed::write(to, report)?;
            }
        }
        Form::Other(output) if show_secrets => output.write_revealed(report, to)?,
        Form::Other(output) => output.write(report, to)?,
    }
    Ok(())
}

/// Flushes what was written. That the reader of a pipe has gone is no failure: the exit code tells the outcome.
fn ended(written: Result<(), Failure>, to: &mut dyn Write) -> Result<(), Failure> {
    match written.and_then(|()| to.flush().map_err(Failure::Output)) {
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Adds the answer in Markdown to the summary of a GitHub workflow's step, where there is one.
fn summarise(report: &Report) -> Result<(), Failure> {
    let (Some(path), Some(markdown)) = (std::env::var_os("GITHUB_STEP_SUMMARY"), output::find("markdown")) else {
        return Ok(());
    };
    if path.is_empty() {
        return Ok(());
    }
    let mut to = fs::OpenOptions::new().append(true).create(true).open(path)?;
    markdown.write(report, &mut to)?;
    Ok(())
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

/// Serialising our own types cannot fail but for a defect.
pub(super) fn internal(error: serde_json::Error) -> Failure {
    Failure::Internal(format!("a result could not be written as JSON: {error}"))
}
