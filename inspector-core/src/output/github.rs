use std::io;

use super::{Level, Output, Row};
use crate::report::Report;

/// Commands in the log of a GitHub workflow, which become annotations: `::error file=…,title=…::message`.
pub(super) struct Github;

/// Annotations of a level that GitHub shows of a step.
const SHOWN: usize = 10;

impl Output for Github {
    fn name(&self) -> &'static str {
        "github"
    }

    fn media_type(&self) -> &'static str {
        "text/plain; charset=utf-8"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        let verdict = match report.exit_code() {
            0 => "notice",
            3 => "warning",
            _ => "error",
        };
        let reason = super::plain(&report.reason);
        writeln!(to, "::{verdict} title=inspector::{}: {}", report.outcome.as_str(), data(&reason))?;
        let rows = Row::all(report);
        for (level, command) in [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "notice")] {
            // The verdict takes a place of its level.
            let room = if command == verdict { SHOWN - 1 } else { SHOWN };
            let of_level: Vec<&Row<'_>> = rows.iter().filter(|row| row.level() == level).collect();
            let shown = if of_level.len() > room { room - 1 } else { of_level.len() };
            for row in of_level.iter().take(shown) {
                let file =
                    row.input.map(|input| format!("file={},", property(&super::plain(input)))).unwrap_or_default();
                let place = if row.place.is_empty() { String::new() } else { format!(" [{}]", row.place) };
                let title = property(&format!("{} {}", row.finding.meta.code, row.title));
                writeln!(to, "::{command} {file}title={title}::{}", data(&format!("{}{place}", row.detail)))?;
            }
            if shown < of_level.len() {
                writeln!(to, "::{command} title=inspector::{} more findings of this level", of_level.len() - shown)?;
            }
        }
        Ok(())
    }
}

/// The message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
