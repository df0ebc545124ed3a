//! The recordings, each with its own answer.

use maud::{Markup, html};

use super::{left_out, tone, verdict};
use crate::{
    output::{file_name, plain},
    report::Report,
};

/// Recordings that are listed.
const LISTED: usize = 200;
/// Files that were not read, of those that are listed.
const SKIPPED: usize = 50;

pub(super) fn section(report: &Report) -> Markup {
    let count = report.inputs.len();
    let content = html! {
        @if report.inputs.is_empty() {
            p { "No recording was read." }
        } @else {
            table .inputs {
                thead { tr {
                    th scope="col" { "Recording" }
                    th scope="col" { "Outcome" }
                    th scope="col" { "Caller" }
                    th scope="col" { "Why" }
                    th scope="col" .number { "Exchanges" }
                } }
                tbody {
                    @for input in report.inputs.iter().take(LISTED) {
                        @let folder = folder(&input.path);
                        tr {
                            th scope="row" {
                                span .path { (plain(file_name(&input.path))) }
                                span .quiet { (plain(&input.format)) @if !folder.is_empty() { " in " (plain(folder)) } }
                            }
                            td .outcome { span .tag .(tone(input.verdict.outcome)) { (verdict::word(input.verdict.outcome)) } }
                            td .caller {
                                @match &input.caller {
                                    Some(caller) => (super::short(&plain(caller))),
                                    None => span .quiet { "none named" },
                                }
                            }
                            td .why {
                                (plain(&input.verdict.reason))
                                @if let Some(worst) = input.worst { " " code { (worst.code) } }
                            }
                            td .number { (input.coverage.exchanges) span .unit { " exchanges" } }
                        }
                    }
                }
            }
            (left_out(count.saturating_sub(LISTED) as u64, "recording", "recordings"))
        }
        @if !report.skipped.is_empty() {
            details {
                summary { "Not read: " (super::counted(report.skipped.len() as u64, "file", "files")) }
                ul .plain {
                    @for one in report.skipped.iter().take(SKIPPED) {
                        li { span .path { (plain(&one.path)) } ": " (plain(&one.why)) }
                    }
                }
                (left_out(report.skipped.len().saturating_sub(SKIPPED) as u64, "file", "files"))
            }
        }
    };
    super::section("inputs", &html! {}, &content)
}

/// The folder of a path, by its own name: recordings of many folders are often called alike.
fn folder(path: &str) -> &str {
    let before = path.strip_suffix(file_name(path)).unwrap_or_default();
    file_name(before.trim_end_matches(['/', '\\']))
}
