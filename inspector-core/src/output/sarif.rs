use std::io;

use serde_json::{Value, json};

use super::{Level, Output, Row, relative_uri};
use crate::{
    finding::{Family, RuleMeta, Severity},
    report::{Report, v1},
};

/// SARIF 2.1.0 (OASIS): results with their rules, and what was not recorded as notifications too.
pub(super) struct Sarif;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Output for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn media_type(&self) -> &'static str {
        "application/sarif+json"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        let rows = Row::all(report);
        let mut used: Vec<&'static RuleMeta> = rows.iter().map(|row| row.finding.meta).collect();
        used.sort_unstable_by_key(|meta| meta.code);
        used.dedup_by_key(|meta| meta.code);
        let number =
            |row: &Row<'_>| used.iter().position(|meta| meta.code == row.finding.meta.code).unwrap_or_default();
        // What is missing is a fact about the recording; it is a result only where it stands against a pass.
        let is_result = |row: &&Row<'_>| !row.is_of(Family::Coverage) || row.finding.blocks;
        let results: Vec<Value> = rows.iter().filter(is_result).map(|row| result(row, number(row))).collect();
        let notifications: Vec<Value> =
            rows.iter().filter(|row| row.is_of(Family::Coverage)).map(notification).collect();
        let verdict = json!({
            "level": match report.exit_code() { 0 => "note", 3 => "warning", _ => "error" },
            "message": {"text": format!("{}: {}", report.outcome.as_str(), super::plain(&report.reason))},
            "descriptor": {"id": "verdict"},
        });
        let tool = v1::TOOL;
        let document = json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": {"driver": {
                    "name": tool.name,
                    "version": tool.version,
                    "semanticVersion": tool.version,
                    "rules": used.iter().map(|meta| rule(meta)).collect::<Vec<Value>>(),
                }},
                "invocations": [{
                    "executionSuccessful": true,
                    "exitCode": report.exit_code(),
                    "exitCodeDescription": report.outcome.as_str(),
                    "toolExecutionNotifications": std::iter::once(verdict).chain(notifications).collect::<Vec<Value>>(),
                }],
                "columnKind": "unicodeCodePoints",
                "artifacts": report.inputs.iter().map(|input| json!({"location": {"uri": relative_uri(&input.path)}})).collect::<Vec<Value>>(),
                "results": results,
                "properties": {"outcome": report.outcome.as_str(), "profile": report.profile},
            }],
        });
        serde_json::to_writer_pretty(&mut *to, &document)?;
        to.write_all(b"\n")
    }
}

fn result(row: &Row<'_>, index: usize) -> Value {
    let finding = row.finding;
    json!({
        "ruleId": finding.meta.code,
        "ruleIndex": index,
        "level": level(row.level()),
        "message": {"text": row.message()},
        "partialFingerprints": {"inspector/v1": row.fingerprint().to_string()},
        "locations": [location(row)],
        "properties": {
            "severity": finding.severity.as_str(),
            "count": finding.count,
            "inScope": finding.in_scope,
            "blocks": finding.blocks,
            "host": finding.host.as_deref(),
            "remedy": super::plain(&finding.remedy),
        },
    })
}

fn location(row: &Row<'_>) -> Value {
    let input = row.input.unwrap_or_default();
    let place = if row.place.is_empty() { "recording" } else { row.place.as_str() };
    json!({
        "physicalLocation": {
            "artifactLocation": {"uri": relative_uri(input)},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{
            "name": place,
            "fullyQualifiedName": format!("{} {place}", super::plain(super::file_name(input))).trim(),
            "kind": "element",
        }],
    })
}

fn notification(row: &Row<'_>) -> Value {
    json!({
        "level": level(row.level()),
        "message": {"text": row.message()},
        "descriptor": {"id": row.finding.meta.code},
        "locations": [location(row)],
    })
}

fn rule(meta: &RuleMeta) -> Value {
    let meaning = meta.section("meaning");
    let help = format!("{meaning}\n\nWhat to do: {}\n\nSource: {}", meta.remedy, meta.source);
    json!({
        "id": meta.code,
        "name": meta.name,
        "shortDescription": {"text": meta.title},
        "fullDescription": {"text": meaning},
        "help": {"text": help, "markdown": help},
        "helpUri": meta.reference,
        "defaultConfiguration": {"level": level(match meta.severity {
            Severity::Critical | Severity::High => Level::Error,
            Severity::Medium => Level::Warning,
            Severity::Low | Severity::Info => Level::Note,
        })},
        "properties": {
            "tags": ["security", meta.code.get(..3).unwrap_or_default()],
            "security-severity": match meta.severity {
                Severity::Critical => "9.5",
                Severity::High => "8.0",
                Severity::Medium => "5.5",
                Severity::Low => "3.0",
                Severity::Info => "0.0",
            },
        },
    })
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}
