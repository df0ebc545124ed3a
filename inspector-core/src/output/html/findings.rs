//! What was found, the weightiest first, with the masked text it rests on.

use std::io;

use maud::{Markup, html};

use super::{counted, left_out, put};
use crate::{
    finding::Severity,
    output::{file_name, plain},
    report::v1,
};

/// Findings that are told.
const TOLD: usize = 300;
/// Severities, the gravest first.
const SEVERITIES: [Severity; 5] = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low, Severity::Info];

/// Writes the section, one finding at a time.
pub(super) fn write<T>(document: &v1::Report<T>, to: &mut dyn io::Write) -> io::Result<()> {
    to.write_all(b"<section class=\"findings\" aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n")?;
    if document.findings.is_empty() {
        put(to, &html! { p .lead { "Nothing was found." } })?;
    } else {
        put(to, &filter(document))?;
    }
    let several = document.inputs.len() > 1;
    for finding in document.findings.iter().take(TOLD) {
        put(to, &one(finding, several))?;
    }
    put(to, &left_out(document.findings.len().saturating_sub(TOLD) as u64, "finding", "findings"))?;
    let ignored: u64 = document.ignored.iter().map(|one| one.count).sum();
    if ignored > 0 {
        put(to, &ignores(document, ignored))?;
    }
    to.write_all(b"</section>\n")
}

/// Boxes that hide what is below them, by the page's style alone.
fn filter<T>(document: &v1::Report<T>) -> Markup {
    let count = |severity: Severity| document.findings.iter().filter(|one| one.severity == severity).count();
    html! {
        fieldset .filter {
            legend { "Show" }
            @for severity in SEVERITIES {
                @if count(severity) > 0 {
                    @let id = format!("show-{}", severity.as_str());
                    span .choice {
                        input type="checkbox" id=(id) checked;
                        label for=(id) { (severity.as_str()) " " span .count { (count(severity)) } }
                    }
                }
            }
        }
    }
}

fn one(finding: &v1::Finding, several: bool) -> Markup {
    let blocks = finding.blocks == Some(true);
    let open = finding.severity >= Severity::Medium || blocks;
    html! {
        details .finding .(finding.severity.as_str()) open[open] {
            summary {
                span .tag .(finding.severity.as_str()) { (finding.severity.as_str()) }
                @if blocks { " " span .tag .open { "blocks a pass" } }
                @if finding.known { " " span .tag .quiet { "in the baseline" } }
                " " code { (finding.rule) } " "
                strong { (plain(&finding.title)) }
                @if finding.count > 1 { " " span .quiet { (counted(finding.count, "time", "times")) } }
                " " span .detail { (plain(&finding.detail)) }
            }
            @if !finding.evidence.is_empty() {
                ul .places {
                    @for evidence in &finding.evidence {
                        li {
                            span .quiet { (place(evidence, several)) }
                            @if let Some(excerpt) = &evidence.excerpt { code .excerpt { (plain(excerpt)) } }
                        }
                    }
                }
            }
            p .remedy { b { "What to do: " } (plain(&finding.remedy)) }
            p .reference { a href=(finding.reference) rel="noreferrer" { "The text behind " (finding.rule) } }
        }
    }
}

/// Where: `recording.har, frame 10, response.header WWW-Authenticate`.
pub(super) fn place(evidence: &v1::Evidence, several: bool) -> String {
    let mut parts = Vec::new();
    if several {
        parts.push(plain(file_name(&evidence.input)));
    }
    match (evidence.frame, evidence.entry) {
        (Some(frame), _) => parts.push(format!("frame {frame}")),
        (None, Some(entry)) => parts.push(format!("entries[{entry}]")),
        (None, None) => {}
    }
    if let Some(exchange) = evidence.exchange {
        parts.push(format!("exchange {exchange}"));
    }
    let part = evidence.part.map(|part| part.as_str());
    let name = evidence.name.as_deref().map(plain);
    match (part, name) {
        (Some(part), Some(name)) => parts.push(format!("{part} {name}")),
        (Some(one), None) => parts.push(one.to_owned()),
        (None, Some(name)) => parts.push(name),
        (None, None) => {}
    }
    if parts.is_empty() {
        parts.push("the recording as a whole".to_owned());
    }
    parts.join(", ")
}

fn ignores<T>(document: &v1::Report<T>, count: u64) -> Markup {
    html! {
        details {
            summary { "Ignored by the profile: " (counted(count, "finding", "findings")) }
            ul .plain {
                @for one in document.ignored.iter().filter(|one| one.count > 0) {
                    li { code { (one.rule) } " " (counted(one.count, "time", "times")) ": " (plain(&one.reason)) }
                }
            }
        }
    }
}
