//! The answer, why, and what to do next: what most readers came for.

use maud::{Markup, html};

use super::{counted, tone};
use crate::{finding::Severity, report::Report, verdict::Outcome};

/// The word of an outcome, as it stands at the top.
pub(super) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "Pass",
        Outcome::Fail => "Fail",
        Outcome::Inconclusive => "Inconclusive",
    }
}

pub(super) fn section(report: &Report) -> Markup {
    html! {
        section .verdict .(tone(report.outcome)) aria-labelledby="verdict" {
            div .answer {
                (sign(report.outcome))
                div {
                    h1 #verdict tabindex="-1" { (word(report.outcome)) }
                    p .reason { (crate::output::plain(&report.reason)) }
                }
            }
            div .next {
                h2 { "What to do next" }
                @if report.next_steps.is_empty() {
                    p { "Nothing." }
                } @else {
                    ol {
                        @for text in &report.next_steps { li { (step(text)) } }
                    }
                }
            }
            (figures(report))
        }
    }
}

/// A step. Lines behind its first are what is put into a file.
fn step(text: &str) -> Markup {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    html! {
        (crate::output::plain(first))
        @if !rest.is_empty() {
            pre { @for line in rest.lines() { (crate::output::plain(line)) "\n" } }
        }
    }
}

/// A tick, a cross or a question mark. The word beside it says the same.
fn sign(outcome: Outcome) -> Markup {
    let stroke = match outcome {
        Outcome::Pass => "M14 25 l7 7 l14 -16",
        Outcome::Fail => "M16 16 l16 16 M32 16 l-16 16",
        Outcome::Inconclusive => "M17.5 18.5 a6.5 6.5 0 1 1 9.5 6 q-3 1.8 -3 5 M24 35 v0.5",
    };
    html! {
        svg .sign width="48" height="48" viewBox="0 0 48 48" aria-hidden="true" focusable="false" {
            circle cx="24" cy="24" r="23" {}
            path d=(stroke) {}
        }
    }
}

/// The figures of the run in a row.
fn figures(report: &Report) -> Markup {
    let sum = |of: fn(&crate::report::Handshake) -> u64| report.handshakes.iter().map(of).sum::<u64>();
    let (calls, accepted, refused) = (sum(|one| one.calls), sum(|one| one.accepted), sum(|one| one.refused));
    let grave = report.findings.iter().filter(|one| one.severity >= Severity::High).count() as u64;
    let others = report.findings.iter().filter(|one| one.severity > Severity::Info).count() as u64 - grave;
    let facts = report.findings.len() as u64 - grave - others;
    let blocking = report.findings.iter().filter(|one| one.blocks).count() as u64;
    let mut parts = vec![format!("{grave} grave")];
    if blocking > 0 {
        parts.push(format!("{blocking} in the way of a pass"));
    }
    parts.push(format!("and {}", counted(facts, "fact", "facts")));
    let inputs = report.inputs.len() as u64;
    let figure = |name: &str, value: String, more: String| {
        html! {
            div {
                dt { (name) }
                dd { b { (value) } @if !more.is_empty() { span { (more) } } }
            }
        }
    };
    let scope = match report.scope.as_slice() {
        [] => "none in scope".to_owned(),
        [one] => crate::output::plain(one),
        [one, rest @ ..] => {
            format!("{} and {}", crate::output::plain(one), counted(rest.len() as u64, "other", "others"))
        }
    };
    html! {
        dl .figures {
            (figure("Hosts in scope", report.scope.len().to_string(), scope))
            (figure("Exchanges", report.coverage.exchanges.to_string(), counted(inputs, "recording", "recordings")))
            (figure("Calls with a token", calls.to_string(), format!("{accepted} accepted, {refused} refused")))
            (figure("Tokens", report.tokens.len().to_string(), (if report.tokens.is_empty() { "none found" } else { "all decoded below" }).to_owned()))
            (figure("Findings", (grave + others).to_string(), parts.join(", ")))
        }
    }
}
