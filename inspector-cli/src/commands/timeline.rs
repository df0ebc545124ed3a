//! `inspector timeline`: the authentication messages in their order.

use std::io::{self, Write};

use inspector_core::report::{Report, v1};

use super::judging;
use crate::{
    args::{Timeline, TimelineFormat},
    exit::{Exit, Failure},
    output::{human::ladder, json, mermaid},
};

/// Runs the command.
pub(crate) fn run(timeline: &Timeline) -> Result<Exit, Failure> {
    let reading = &timeline.reading;
    let judged =
        judging::judge(reading, &timeline.judging, &judging::Asked { only_hosts: true, ..Default::default() })?;
    let mut to = super::output_of(reading)?;
    let report = &judged.report;
    match timeline.format {
        TimelineFormat::Human => write_human(&mut *to, report)?,
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

fn write_human(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    for handshake in &report.handshakes {
        ladder::write(to, report, handshake)?;
        writeln!(to)?;
    }
    match report.handshakes.len() {
        0 => writeln!(to, "No authentication message of a handshake in {} exchanges.", report.coverage.exchanges),
        _ => writeln!(to, "The first steps of each handshake. `inspector exchanges` lists every exchange."),
    }
}
