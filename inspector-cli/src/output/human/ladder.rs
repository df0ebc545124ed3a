//! A handshake as a ladder of 80 columns.
//!
//! ```text
//!          client                            resource                  token endpoint
//!          |-- asks without credentials: ----->|                                 |
//!  +0.004  |<-- 401, offers Bearer ------------|                                 |
//! ```

use std::io::{self, Write};

use inspector_core::{
    handshake::call::{Step, StepKind},
    report::{Handshake, Report},
    time::Timestamp,
};

use super::place;
use crate::output::{escape, moment, style, wrap};

/// Columns of the lifelines: the client's, and those of the others.
const CLIENT: usize = 9;
const MIDDLE: usize = 44;
const RIGHT: usize = 78;

/// Writes the ladder of one handshake.
pub(crate) fn write(to: &mut dyn Write, report: &Report, handshake: &Handshake) -> io::Result<()> {
    let client = handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string());
    let title = format!("{client} to {}", handshake.resource);
    writeln!(to, "{}", style::paint(style::STRONG, escape::line(&title)))?;
    let begin = handshake.steps.iter().find_map(|step| step.time);
    if let Some(begin) = begin {
        writeln!(to, "{:CLIENT$}begins {}", "", moment::utc(begin))?;
    }
    let endpoint = handshake.steps.iter().any(|step| is_endpoint(step.kind));
    let lanes = if endpoint { vec![MIDDLE, RIGHT] } else { vec![RIGHT] };
    heads(to, handshake, &client, &lanes)?;
    for step in &handshake.steps {
        let lane = if is_endpoint(step.kind) { RIGHT } else { lanes.first().copied().unwrap_or(RIGHT) };
        message(to, report, step, begin, lane, &lanes)?;
    }
    Ok(())
}

/// Whether the other party is the token endpoint.
pub(crate) const fn is_endpoint(kind: StepKind) -> bool {
    matches!(kind, StepKind::TokenRequest | StepKind::Token)
}

/// Whether the message goes to the client.
pub(crate) const fn is_answer(kind: StepKind) -> bool {
    matches!(kind, StepKind::Challenge | StepKind::Token | StepKind::Answer)
}

fn heads(to: &mut dyn Write, handshake: &Handshake, client: &str, lanes: &[usize]) -> io::Result<()> {
    let room = MIDDLE - CLIENT - 3;
    let mut names = vec![escape::fitted(&handshake.resource, room)];
    if lanes.len() > 1 {
        names.push("token endpoint".to_owned());
    }
    let mut line = format!("{:CLIENT$}{}", "", escape::fitted(client, 24));
    for (name, lane) in names.iter().zip(lanes) {
        // Names end at their lifeline, so that nothing leaves the screen.
        let width = (lane + 1).saturating_sub(line.chars().count());
        line.push_str(&format!("{name:>width$}"));
    }
    writeln!(to, "{line}")
}

fn message(
    to: &mut dyn Write,
    report: &Report,
    step: &Step,
    begin: Option<Timestamp>,
    lane: usize,
    lanes: &[usize],
) -> io::Result<()> {
    let where_seen = place::words(&step.evidence, report);
    for text in wrap::lines(&format!("{} ({where_seen})", step.text), lane - CLIENT - 3) {
        writeln!(to, "{}", rungs(" ".repeat(CLIENT), &format!(" {text}"), lane, lanes))?;
    }
    let width = lane - CLIENT - 1;
    let arrow = if is_answer(step.kind) {
        format!("<{}", "-".repeat(width - 1))
    } else {
        format!("{}>", "-".repeat(width - 1))
    };
    let after = begin.zip(step.time).map(|(begin, time)| {
        let milliseconds = time.nanos().saturating_sub(begin.nanos()) / 1_000_000;
        format!("{:+}.{:03}", milliseconds / 1000, (milliseconds % 1000).abs())
    });
    let clock = format!("{:<CLIENT$}", after.unwrap_or_default());
    writeln!(to, "{}", rungs(clock, &arrow, lane, lanes))
}

/// A line with all lifelines; `content` stands between the client's and `lane`.
fn rungs(clock: String, content: &str, lane: usize, lanes: &[usize]) -> String {
    let mut line: Vec<char> = clock.chars().take(CLIENT).collect();
    line.resize(RIGHT + 1, ' ');
    let mut put = |at: usize, c: char| {
        if let Some(place) = line.get_mut(at) {
            *place = c;
        }
    };
    put(CLIENT, '|');
    for other in lanes {
        put(*other, '|');
    }
    for (offset, c) in content.chars().take(lane - CLIENT - 1).enumerate() {
        put(CLIENT + 1 + offset, c);
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}
