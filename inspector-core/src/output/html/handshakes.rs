//! Who called whom, each handshake with its diagram and its steps.

use std::io;

use maud::{Markup, html};

use super::{
    brief, counted, left_out, moment,
    parties::{STEPS, parties},
    put, sequence, short,
};
use crate::{
    output::plain,
    report::{Handshake, HandshakeOutcome, Report},
};

/// Handshakes that are drawn.
const DRAWN: usize = 16;

/// Writes the section, one handshake at a time.
pub(super) fn write(report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
    to.write_all(b"<section aria-labelledby=\"handshakes\">\n<h2 id=\"handshakes\">Handshakes</h2>\n")?;
    if report.handshakes.is_empty() {
        put(to, &html! { p .lead { "No authentication message to a host in scope was recorded." } })?;
    }
    for (number, handshake) in (1..).zip(report.handshakes.iter().take(DRAWN)) {
        put(to, &one(report, handshake, number))?;
    }
    put(to, &left_out(report.handshakes.len().saturating_sub(DRAWN) as u64, "handshake", "handshakes"))?;
    to.write_all(b"</section>\n")
}

fn one(report: &Report, handshake: &Handshake, number: usize) -> Markup {
    let caller = handshake.caller_name.clone().or_else(|| handshake.caller.as_deref().map(short));
    let caller = caller.map_or_else(|| "a client".to_owned(), |caller| plain(&caller));
    let id = format!("handshake-{number}");
    let left = handshake.steps_omitted + handshake.steps.len().saturating_sub(STEPS) as u64;
    html! {
        article .card aria-labelledby=(id) {
            div .title {
                h3 id=(id) { (caller) span .arrow { " to " } (plain(&handshake.resource)) }
                (outcome(handshake.outcome))
            }
            p .lead { (facts(handshake)) }
            @if let Some(reason) = &handshake.reason {
                p .said { "The server said: " q { (plain(&reason.describe())) }
                    @if let Some(told) = reason.explanation() { " " (plain(told.meaning)) }
                }
            }
            @if handshake.steps.is_empty() {
                p { "No step of it is known by itself." }
            } @else {
                (sequence::diagram(handshake, number))
                (left_out(left, "step", "steps"))
                details {
                    summary { "The same as a list, with places" }
                    (steps(report, handshake))
                }
            }
        }
    }
}

fn outcome(outcome: HandshakeOutcome) -> Markup {
    let (tone, word) = match outcome {
        HandshakeOutcome::Accepted => ("good", "accepted"),
        HandshakeOutcome::Refused => ("bad", "refused"),
        HandshakeOutcome::Discovery => ("open", "only asked"),
        HandshakeOutcome::Issued => ("open", "only issued"),
        HandshakeOutcome::Undecided => ("open", "undecided"),
    };
    html! { span .tag .(tone) { (word) } }
}

/// What kind of handshake it is, and how it went.
fn facts(handshake: &Handshake) -> String {
    let mut parts = vec![handshake.flow.to_owned()];
    if !handshake.grants.is_empty() {
        let grants: Vec<&str> = handshake.grants.iter().map(|grant| grant.as_str()).collect();
        parts.push(format!("token by {}", grants.join(", ")));
    }
    if handshake.calls > 0 {
        parts.push(format!(
            "{}, {} accepted, {} refused",
            counted(handshake.calls, "call", "calls"),
            handshake.accepted,
            handshake.refused
        ));
    }
    if handshake.renewals > 0 {
        parts.push(counted(handshake.renewals, "renewal", "renewals"));
    }
    if let Some((first, last)) = handshake.span {
        parts.push(moment::span(first, last));
    }
    if !handshake.in_scope {
        parts.push("not in scope".to_owned());
    }
    parts.join(" \u{b7} ")
}

fn steps(report: &Report, handshake: &Handshake) -> Markup {
    html! {
        ol .steps {
            @for step in handshake.steps.iter().take(STEPS) {
                @let (from, to) = parties(handshake, step);
                li {
                    span .quiet {
                        @if let Some(time) = step.time { (moment::full(time)) ", " }
                        (plain(&from)) " to " (plain(&to))
                        @if let Some(took) = handshake.took(step) { ", after " (moment::duration(took)) }
                    }
                    br;
                    (plain(&step.text))
                    @if let Some(token) = step.token { " " span .quiet { "token " code { (brief(token)) } } }
                    " " span .quiet { (place(report, &step.evidence)) }
                }
            }
        }
    }
}

/// Where something stands: `recording.har, entries[2]`.
pub(super) fn place(report: &Report, evidence: &crate::evidence::Evidence) -> String {
    let mut parts = Vec::new();
    if report.inputs.len() > 1 {
        parts.push(plain(crate::output::file_name(report.path(evidence))));
    }
    match (evidence.frame, evidence.entry) {
        (Some(frame), _) => parts.push(format!("frame {frame}")),
        (None, Some(entry)) => parts.push(format!("entries[{entry}]")),
        (None, None) => {}
    }
    if let Some(exchange) = evidence.exchange {
        parts.push(format!("exchange {exchange}"));
    }
    parts.join(", ")
}
