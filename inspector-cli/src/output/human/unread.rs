//! What a recording lacks besides connections that could not be read: the coverage findings of its judgement, so that
//! `doctor` never passes over what `check` misses.

use std::io::{self, Write};

use inspector_core::{finding::Finding, report::Report};

use super::place;
use crate::output::{count, style, wrap};

/// Whether something is missing or hidden, and is not told with the connections. That a clock is odd, that a token was
/// issued before the recording began, and that no host of interest is in it, hides nothing.
fn is_told(finding: &Finding) -> bool {
    let code = finding.meta.code;
    code.starts_with("COV-") && !matches!(code, "COV-001" | "COV-007" | "COV-008" | "COV-012")
}

/// Whether the recording lacks nothing besides what its connections tell.
pub(crate) fn is_empty(report: &Report) -> bool {
    !report.findings.iter().any(is_told)
}

/// Writes what is missing, by rule, with its first place and the remedy.
pub(crate) fn write(to: &mut dyn Write, report: &Report) -> io::Result<()> {
    let mut told: Vec<&Finding> = report.findings.iter().filter(|finding| is_told(finding)).collect();
    // Stable: within a rule the weightiest stay first.
    told.sort_by_key(|finding| (finding.meta.code, &finding.title));
    let mut told = told.into_iter().peekable();
    let mut latest = None;
    while let Some(finding) = told.next() {
        let kind = (finding.meta.code, &finding.title);
        if latest != Some(kind) {
            writeln!(to)?;
            let label = style::paint(style::UNSURE, format_args!("{}: ", finding.meta.code));
            wrap::styled(to, &label, finding.meta.code.len() + 2, &finding.title)?;
        }
        latest = Some(kind);
        let times = count(finding.count, "time", "times");
        let first = finding.evidence.first().map(|first| format!(", first at {}", place::words(first, report)));
        wrap::hanging(to, "  ", &format!("{}: {times}{}", finding.detail, first.unwrap_or_default()))?;
        let next = told.peek().map(|next| (next.meta.code, &next.title, &next.remedy));
        if next != Some((finding.meta.code, &finding.title, &finding.remedy)) {
            let label = format!("{}{}", style::paint(style::FRAME, "  = "), style::paint(style::STRONG, "help: "));
            wrap::styled(to, &label, 10, &finding.remedy)?;
        }
    }
    Ok(())
}
