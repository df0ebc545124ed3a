use std::io;

use super::{Level, Output, Row};
use crate::{report::Report, verdict::Outcome};

/// Markdown, for a ticket or the summary of a workflow.
pub(super) struct Markdown;

/// Findings that are written out; the others are counted.
const SHOWN: usize = 100;

impl Output for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn media_type(&self) -> &'static str {
        "text/markdown; charset=utf-8"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        writeln!(to, "## {}: {}\n", word(report.outcome), escaped(&super::plain(&report.reason)))?;
        for step in &report.next_steps {
            writeln!(to, "- {}", escaped(&super::plain(step)))?;
        }
        if !report.next_steps.is_empty() {
            writeln!(to)?;
        }
        if report.inputs.len() > 1 {
            writeln!(to, "| input | outcome | reason |\n|---|---|---|")?;
            for input in &report.inputs {
                let (path, reason) = (super::plain(&input.path), super::plain(&input.verdict.reason));
                writeln!(to, "| {} | {} | {} |", escaped(&path), word(input.verdict.outcome), escaped(&reason))?;
            }
            writeln!(to)?;
        }
        let rows = Row::all(report);
        let grave = rows.iter().filter(|row| row.level() > Level::Note || row.finding.fails);
        let shown: Vec<&Row<'_>> = grave.collect();
        if !shown.is_empty() {
            writeln!(to, "| rule | severity | finding | where | times |\n|---|---|---|---|---:|")?;
            for row in shown.iter().take(SHOWN) {
                let finding = row.finding;
                let input = row.input.map(super::file_name).map(super::plain).unwrap_or_default();
                writeln!(
                    to,
                    "| [{}]({}) | {} | {}: {} | {} | {} |",
                    finding.meta.code,
                    finding.meta.reference,
                    finding.severity.as_str(),
                    escaped(&row.title),
                    escaped(&row.detail),
                    escaped(format!("{input} {}", row.place).trim()),
                    finding.count,
                )?;
            }
            writeln!(to)?;
        }
        let others = rows.len() - shown.len().min(SHOWN);
        match others {
            0 => Ok(()),
            1 => writeln!(to, "1 further finding or fact."),
            count => writeln!(to, "{count} further findings and facts."),
        }
    }
}

const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Inconclusive => "INCONCLUSIVE",
    }
}

/// A text that Markdown and HTML show as it is: what could mean anything is a character reference.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '!' | '~' | '@' | '$' | '"' | '\'' => {
                escaped.push_str(&format!("&#{};", u32::from(c)));
            }
            // Addresses become links by themselves.
            ':' => escaped.push_str("&#58;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_means_anything() {
        let text = escaped("<script>|*x*|`y` [a](https://b) @megan #1");
        assert!(!text.contains(['<', '>', '|', '*', '`', '[', '@']), "{text}");
        assert!(!text.contains("https:"), "{text}");
    }
}
