use std::io;

use serde_json::{Value, json};

use super::{Output, Row, relative_uri};
use crate::{finding::Severity, report::Report};

/// GitLab's Code Quality: an array of violations.
pub(super) struct Gitlab;

impl Output for Gitlab {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn media_type(&self) -> &'static str {
        "application/json"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        let violations: Vec<Value> = Row::all(report)
            .iter()
            .map(|row| {
                json!({
                    "description": row.message(),
                    "check_name": row.finding.meta.code,
                    "fingerprint": row.fingerprint().to_string(),
                    "severity": severity(row),
                    "location": {"path": relative_uri(row.input.unwrap_or_default()), "lines": {"begin": 1}},
                })
            })
            .collect();
        serde_json::to_writer_pretty(&mut *to, &violations)?;
        to.write_all(b"\n")
    }
}

const fn severity(row: &Row<'_>) -> &'static str {
    match row.finding.severity {
        Severity::Critical => "blocker",
        Severity::High => "critical",
        Severity::Medium => "major",
        Severity::Low | Severity::Info if row.finding.blocks => "major",
        Severity::Low => "minor",
        Severity::Info => "info",
    }
}
