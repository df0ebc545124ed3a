//! The tokens of a report as they were sent, for whoever asked to see secrets.

use std::io::{self, Write};

use inspector_core::report::Report;

use crate::output::{escape, style};

/// The id and text of each distinct token, those inside others too, in the order of the report.
pub(crate) fn tokens(report: &Report) -> Vec<(String, &str)> {
    let mut all: Vec<(String, &str)> = Vec::new();
    for summary in &report.tokens {
        let mut layer = Some(&*summary.token);
        while let Some(token) = layer {
            let id = token.id.to_string();
            if !all.iter().any(|(known, _)| *known == id) {
                let raw: &str = token.raw.reveal();
                all.push((id, raw));
            }
            layer = token.actor.as_deref();
        }
    }
    all
}

/// Writes them by their ids, which the report names.
pub(crate) fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    let tokens = tokens(report);
    if tokens.is_empty() {
        return Ok(());
    }
    writeln!(to, "\n{}", style::paint(style::STRONG, "Tokens as they were sent"))?;
    for (id, raw) in tokens {
        writeln!(to, "  {id}  {}", escape::line(raw))?;
    }
    Ok(())
}
