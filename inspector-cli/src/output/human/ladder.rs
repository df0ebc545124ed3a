//! A handshake as a ladder of 80 columns.
//!
//! ```text
//!          client                            resource                  token endpoint
//!          |-- asks without credentials: ----->|                                 |
//!  +0.004  |<-- 401, offers Bearer ------------|                                 |
//! ```

use std::io::{self, Write};

use inspector_core::{
    handshake::call::Step,
    report::{Handshake, Report},
    time::Timestamp,
};

use super::place;
use crate::output::{count, escape, moment, style, wrap};

/// Columns of the lifelines: the client's, and those of the others.
const CLIENT: usize = 9;
const MIDDLE: usize = 44;
const RIGHT: usize = 78;

/// Writes the ladder of one handshake.
pub(crate) fn write(to: &mut dyn Write, report: &Report, handshake: &Handshake) -> io::Result<()> {
    let client = handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string());
    let title = format!("{client} to {}", handshake.resource);
    writeln!(to, "{}", style::paint(style::STRONG, escape::fitted(&title, RIGHT + 1)))?;
    wrap::hanging(to, &" ".repeat(CLIENT), &facts(handshake))?;
    let begin = handshake.steps.iter().find_map(|step| step.time);
    if let Some(begin) = begin {
        writeln!(to, "{:CLIENT$}begins {}", "", moment::utc(begin))?;
    }
    let of_issuer = |step: &Step| step.kind.is_of_issuer();
    let (any, all) = (handshake.steps.iter().any(of_issuer), handshake.steps.iter().all(of_issuer));
    // Without a call the authorization server is the only other party.
    let lanes = if any && !all { vec![MIDDLE, RIGHT] } else { vec![RIGHT] };
    heads(to, handshake, &client, &lanes)?;
    for step in &handshake.steps {
        let lane = if of_issuer(step) { RIGHT } else { lanes.first().copied().unwrap_or(RIGHT) };
        message(to, report, handshake, step, begin, lane, &lanes)?;
    }
    if handshake.steps_omitted > 0 {
        let more = count(handshake.steps_omitted, "further step", "further steps");
        writeln!(to, "{:CLIENT$}| and {more}", "")?;
    }
    Ok(())
}

/// What kind of handshake it is, and how it went, in a line or two.
fn facts(handshake: &Handshake) -> String {
    let mut parts = vec![handshake.flow.to_owned()];
    if !handshake.grants.is_empty() {
        let grants: Vec<&str> = handshake.grants.iter().map(|grant| grant.as_str()).collect();
        parts.push(format!("token by {}", grants.join(", ")));
    } else if matches!(handshake.flow, "app-asserted" | "app-only" | "bearer") {
        parts.push("the token was issued before, or elsewhere".to_owned());
    }
    if handshake.calls > 0 {
        let undecided = handshake.calls.saturating_sub(handshake.accepted + handshake.refused);
        let undecided = if undecided > 0 { format!(", undecided {undecided}") } else { String::new() };
        parts.push(format!(
            "{}: accepted {}, refused {}{undecided}",
            count(handshake.calls, "call", "calls"),
            handshake.accepted,
            handshake.refused
        ));
    }
    if handshake.renewals > 0 {
        parts.push(count(handshake.renewals, "renewal", "renewals"));
    }
    if handshake.seen_again > 0 {
        parts.push(format!("recorded {} more in other places", count(handshake.seen_again, "time", "times")));
    }
    parts.join("; ")
}

fn heads(to: &mut dyn Write, handshake: &Handshake, client: &str, lanes: &[usize]) -> io::Result<()> {
    let room = MIDDLE - CLIENT - 3;
    let mut issuers: Vec<&str> = Vec::new();
    for step in handshake.steps.iter().filter(|step| step.kind.is_of_issuer()) {
        if !issuers.contains(&&*step.host) {
            issuers.push(&step.host);
        }
    }
    let issuer = match issuers.as_slice() {
        [one] => escape::fitted(one, room),
        _ => "authorization servers".to_owned(),
    };
    let resource = escape::fitted(&handshake.resource, room);
    let names = if lanes.len() > 1 { vec![resource, issuer] } else { vec![resource] };
    let mut line = format!("{:CLIENT$}{}", "", escape::fitted(client, 24));
    for (name, lane) in names.iter().zip(lanes) {
        // Names end at their lifeline, so that nothing leaves the screen.
        let width = (lane + 1).saturating_sub(line.chars().count());
        line.push_str(&format!("{:>width$}", escape::fitted(name, width.saturating_sub(1))));
    }
    writeln!(to, "{line}")
}

fn message(
    to: &mut dyn Write,
    report: &Report,
    handshake: &Handshake,
    step: &Step,
    begin: Option<Timestamp>,
    lane: usize,
    lanes: &[usize],
) -> io::Result<()> {
    let text = words(report, handshake, step);
    for text in wrap::lines(&text, lane - CLIENT - 3) {
        writeln!(to, "{}", rungs(" ".repeat(CLIENT), &format!(" {text}"), lane, lanes))?;
    }
    let width = lane - CLIENT - 1;
    let arrow = if step.kind.is_answer() {
        format!("<{}", "-".repeat(width - 1))
    } else {
        format!("{}>", "-".repeat(width - 1))
    };
    let clock =
        format!("{:<CLIENT$}", begin.zip(step.time).map(|(begin, time)| since(begin, time)).unwrap_or_default());
    writeln!(to, "{}", rungs(clock, &arrow, lane, lanes))
}

/// What the step says, how long it took, and where it is.
pub(crate) fn words(report: &Report, handshake: &Handshake, step: &Step) -> String {
    let mut text = step.text.clone();
    if let Some(took) = handshake.took(step) {
        text.push_str(&format!(", after {}", duration(took)));
    }
    let mut places = place::words(&step.evidence, report);
    for again in &step.also {
        places.push_str(&format!("; also {}", place::words(again, report)));
    }
    format!("{text} ({places})")
}

/// `40 us`, `1.4 ms`, `12 ms`, `3.2 s`.
fn duration(nanos: i64) -> String {
    let micros = nanos / 1000;
    match micros.abs() {
        ..=999 => format!("{micros} us"),
        1000..=9_999 => format!("{}.{} ms", micros / 1000, (micros % 1000).abs() / 100),
        10_000..=999_999 => format!("{} ms", micros / 1000),
        _ => format!("{}.{} s", micros / 1_000_000, (micros % 1_000_000).abs() / 100_000),
    }
}

/// `+0.004`, `+59.2`, `+12:03`, `+3:12:03`, `+2 d 3 h`: never wider than its column.
fn since(begin: Timestamp, time: Timestamp) -> String {
    let millis = time.nanos().saturating_sub(begin.nanos()) / 1_000_000;
    let sign = if millis < 0 { '-' } else { '+' };
    let millis = millis.unsigned_abs();
    let seconds = millis / 1000;
    match seconds {
        0..=599 => format!("{sign}{seconds}.{:03}", millis % 1000),
        600..=3599 => format!("{sign}{}:{:02}", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
        _ => format!("{sign}{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fit_their_column() {
        for (nanos, text) in [(40_000, "40 us"), (1_400_000, "1.4 ms"), (12_000_000, "12 ms"), (3_250_000_000, "3.2 s")]
        {
            assert_eq!(duration(nanos), text);
        }
        let at = |seconds| since(Timestamp::from_seconds(0), Timestamp::from_seconds(seconds));
        for (seconds, text) in
            [(0, "+0.000"), (599, "+599.000"), (723, "+12:03"), (-5, "-5.000"), (86_399, "+23:59:59")]
        {
            assert_eq!(at(seconds), text);
        }
        assert_eq!(at(100 * 86_400), "+100d 0h");
    }
}
