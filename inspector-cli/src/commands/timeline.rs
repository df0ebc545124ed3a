//! `inspector timeline`: the authentication messages in their order.

use std::io::{self, Write};

use inspector_core::report::{Report, v1};

use serde_json::Value;

use super::{check::internal, judging};
use crate::{
    args::{Timeline, TimelineFormat},
    exit::{Exit, Failure},
    output::{
        count,
        human::{self, ladder},
        json, mermaid, wrap,
    },
    run,
};

/// Runs the command.
pub(crate) fn run(timeline: &Timeline) -> Result<Exit, Failure> {
    let reading = &timeline.reading;
    let judged = judging::judge(
        reading,
        &timeline.judging,
        &judging::Asked {
            only_hosts: true,
            all_messages: timeline.all,
            follow: is_followed(timeline),
            ..Default::default()
        },
    )?;
    let mut to = super::output_of(reading)?;
    let report = &judged.report;
    let unseen = json::Unseen::with(reading.show_secrets);
    match timeline.format {
        TimelineFormat::Human => {
            write_human(&mut *to, report, timeline.all)?;
            if reading.show_secrets {
                human::revealed::write(&mut *to, report)?;
            }
        }
        TimelineFormat::Mermaid => {
            mermaid::write(&mut *to, report)?;
            if reading.show_secrets {
                mermaid::write_tokens(&mut *to, report)?;
            }
        }
        TimelineFormat::Json => json::write_pretty(&mut *to, &handshakes(report, reading.show_secrets)?, unseen)?,
        TimelineFormat::Ndjson => {
            for handshake in &handshakes(report, reading.show_secrets)? {
                json::write_line(&mut *to, handshake, unseen)?;
            }
        }
    }
    to.flush()?;
    super::say_lacking(reading, &judged.session);
    Ok(Exit::Pass)
}

/// Whether steps are printed as they come, before the ladders: of a pipe, for people.
fn is_followed(timeline: &Timeline) -> bool {
    let reading = &timeline.reading;
    run::is_live(reading) && timeline.format == TimelineFormat::Human && reading.output.is_none()
}

/// The handshakes as objects of the schema. With secrets a step that has a token has it as it was sent, too.
fn handshakes(report: &Report, show_secrets: bool) -> Result<Vec<Value>, Failure> {
    let raw = human::revealed::tokens(report);
    let reveal = |mut handshake: Value| {
        let steps = handshake.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten();
        for step in steps.filter(|_| show_secrets).filter_map(Value::as_object_mut) {
            let id = step.get("token").and_then(Value::as_str).unwrap_or_default();
            if let Some((_, text)) = raw.iter().find(|(known, _)| known == id) {
                step.insert("raw".to_owned(), Value::String((*text).to_owned()));
            }
        }
        handshake
    };
    let all = v1::Report::from(report).handshakes;
    all.iter().map(|one| serde_json::to_value(one).map(reveal).map_err(internal)).collect()
}

fn write_human(to: &mut dyn Write, report: &Report, all: bool) -> io::Result<()> {
    for handshake in &report.handshakes {
        ladder::write(to, report, handshake)?;
        writeln!(to)?;
    }
    let exchanges = count(report.coverage.exchanges, "exchange", "exchanges");
    let text = match (report.handshakes.len(), all) {
        (0, false) => format!("No authentication message of a handshake in {exchanges}; --all shows them all."),
        (0, true) => format!("No message in {exchanges}."),
        (_, true) => format!("All messages of {exchanges}."),
        (_, false) => {
            "Of each handshake the first call with each token, and what was refused; --all shows all messages."
                .to_owned()
        }
    };
    wrap::hanging(to, "", &text)
}
