//! `inspector timeline`: the authentication messages in their order.

use std::io::{self, Write};

use inspector_core::report::{Report, v1};

use super::judging;
use crate::{
    args::{Timeline, TimelineFormat},
    exit::{Exit, Failure},
    output::{count, human::ladder, json, mermaid, wrap},
};

/// Runs the command.
pub(crate) fn run(timeline: &Timeline) -> Result<Exit, Failure> {
    let reading = &timeline.reading;
    let judged = judging::judge(
        reading,
        &timeline.judging,
        &judging::Asked { only_hosts: true, all_messages: timeline.all, ..Default::default() },
    )?;
    let mut to = super::output_of(reading)?;
    let report = &judged.report;
    match timeline.format {
        TimelineFormat::Human => write_human(&mut *to, report, timeline.all)?,
        TimelineFormat::Mermaid => mermaid::write(&mut *to, report)?,
        TimelineFormat::Json => json::write_pretty(&mut *to, &v1::Report::from(report).handshakes)?,
        TimelineFormat::Ndjson => {
            for handshake in &v1::Report::from(report).handshakes {
                json::write_line(&mut *to, handshake)?;
            }
        }
    }
    to.flush()?;
    Ok(Exit::Pass)
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
