//! A handshake as a ladder, as wide as the terminal, else of 80 columns.
//!
//! ```text
//!          client                          resource      token endpoint
//!          | asks without credentials            |                    |
//!          |------------------------------------>|                    |  frame 4
//!          | 401, offers Bearer                  |                    |
//!  +0.004  |<------------------------------------|                    |  frame 6
//! ```
//!
//! A label that is too long is cut in its middle, and stands whole in a legend below.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use inspector_core::{
    handshake::call::Step,
    report::{Handshake, Report},
    time::Timestamp,
};

use super::place;
use crate::output::{count, escape, moment, style, width, wrap};

/// Column of the client's lifeline.
const CLIENT: usize = 9;
/// Columns of the places: of one recording, and of several, with their names.
const PLACE: [usize; 2] = [12, 24];

/// Where things stand.
struct Columns {
    /// The lifelines besides the client's.
    lanes: Vec<usize>,
    /// The last of them.
    right: usize,
    /// The places behind it.
    place: usize,
}

impl Columns {
    fn new(report: &Report, two: bool) -> Self {
        let place = if report.inputs.len() > 1 { PLACE[1] } else { PLACE[0] };
        let right = width().saturating_sub(place + 3);
        let middle = CLIENT + (right - CLIENT) * 3 / 5;
        Self { lanes: if two { vec![middle, right] } else { vec![right] }, right, place }
    }
}

/// Writes the ladder of one handshake.
pub(crate) fn write(to: &mut dyn Write, report: &Report, handshake: &Handshake) -> io::Result<()> {
    let client = handshake.client.map_or_else(|| "client".to_owned(), |client| client.to_string());
    let title = format!("{client} to {}", handshake.resource);
    writeln!(to, "{}", style::paint(style::STRONG, escape::middle(&title, width())))?;
    wrap::hanging(to, &" ".repeat(CLIENT), &facts(handshake))?;
    let begin = handshake.steps.iter().find_map(|step| step.time);
    if let Some(begin) = begin {
        writeln!(to, "{:CLIENT$}begins {}", "", moment::utc(begin))?;
    }
    let of_issuer = |step: &Step| step.kind.is_of_issuer();
    let (any, all) = (handshake.steps.iter().any(of_issuer), handshake.steps.iter().all(of_issuer));
    // Without a call the authorization server is the only other party.
    let columns = Columns::new(report, any && !all);
    heads(to, handshake, &client, &columns)?;
    let mut legend = Vec::new();
    for step in &handshake.steps {
        let lane =
            if of_issuer(step) { columns.right } else { columns.lanes.first().copied().unwrap_or(columns.right) };
        message(to, report, handshake, step, begin, lane, &columns, &mut legend)?;
    }
    if handshake.steps_omitted > 0 {
        let more = count(handshake.steps_omitted, "further step", "further steps");
        writeln!(to, "{:CLIENT$}| and {more}", "")?;
    }
    for (number, text) in legend.iter().enumerate() {
        wrap::hanging(to, &format!("{:CLIENT$}[{}] ", "", number + 1), text)?;
    }
    Ok(())
}

/// Writes steps as they come, a line each.
pub(crate) fn follow(to: &mut dyn Write, steps: &[(Option<IpAddr>, Step)]) -> io::Result<()> {
    for (client, step) in steps {
        let time = step.time.map(moment::utc).unwrap_or_default();
        let client = client.map_or_else(|| "client".to_owned(), |client| client.to_string());
        let (from, to_whom) =
            if step.kind.is_answer() { (&*step.host, client.as_str()) } else { (client.as_str(), &*step.host) };
        writeln!(to, "{time}  {} -> {}  {}", escape::line(from), escape::line(to_whom), escape::line(&step.text))?;
    }
    to.flush()
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

fn heads(to: &mut dyn Write, handshake: &Handshake, client: &str, columns: &Columns) -> io::Result<()> {
    let lanes = &columns.lanes;
    let room = lanes.first().copied().unwrap_or(columns.right).saturating_sub(CLIENT + 3);
    let mut issuers: Vec<&str> = Vec::new();
    for step in handshake.steps.iter().filter(|step| step.kind.is_of_issuer()) {
        if !issuers.contains(&&*step.host) {
            issuers.push(&step.host);
        }
    }
    let issuer = match issuers.as_slice() {
        [one] => escape::middle(one, room),
        _ => "authorization servers".to_owned(),
    };
    let resource = escape::middle(&handshake.resource, room);
    let names = if lanes.len() > 1 { vec![resource, issuer] } else { vec![resource] };
    let mut line = format!("{:CLIENT$}{}", "", escape::middle(client, 16));
    for (name, lane) in names.iter().zip(lanes) {
        // Names end at their lifeline, so that nothing leaves the screen.
        let width = (lane + 1).saturating_sub(line.chars().count());
        line.push_str(&format!("{:>width$}", escape::middle(name, width.saturating_sub(1))));
    }
    writeln!(to, "{line}")
}

#[expect(clippy::too_many_arguments, reason = "a message stands between all of these")]
fn message(
    to: &mut dyn Write,
    report: &Report,
    handshake: &Handshake,
    step: &Step,
    begin: Option<Timestamp>,
    lane: usize,
    columns: &Columns,
    legend: &mut Vec<String>,
) -> io::Result<()> {
    let text = label(handshake, step);
    let room = lane.saturating_sub(CLIENT + 3);
    let mut shown = escape::line(&text).into_owned();
    if shown.chars().count() > room {
        let mark = format!(" [{}]", legend.len() + 1);
        shown = format!("{}{mark}", escape::middle(&shown, room.saturating_sub(mark.len())));
        legend.push(text);
    }
    writeln!(to, "{}", rungs(" ".repeat(CLIENT), &format!(" {shown}"), lane, columns))?;
    let length = lane.saturating_sub(CLIENT + 2);
    let arrow =
        if step.kind.is_answer() { format!("<{}", "-".repeat(length)) } else { format!("{}>", "-".repeat(length)) };
    let clock =
        format!("{:<CLIENT$}", begin.zip(step.time).map(|(begin, time)| since(begin, time)).unwrap_or_default());
    let several = report.inputs.len() > 1;
    let place = escape::middle(&place::brief(&step.evidence, report, several), columns.place);
    writeln!(to, "{}  {place}", rungs(clock, &arrow, lane, columns))?;
    if !step.also.is_empty() {
        let also: Vec<String> = step.also.iter().map(|again| place::brief(again, report, several)).collect();
        let text = format!("also {}", also.join(", "));
        let cut = escape::middle(&text, lane.saturating_sub(CLIENT + 3));
        writeln!(to, "{}", rungs(" ".repeat(CLIENT), &format!(" {cut}"), lane, columns).trim_end())?;
    }
    Ok(())
}

/// What the step says, and how long it took.
fn label(handshake: &Handshake, step: &Step) -> String {
    let mut text = step.text.clone();
    if let Some(took) = handshake.took(step) {
        text.push_str(&format!(", after {}", duration(took)));
    }
    text
}

/// What the step says, how long it took, and where it is.
pub(crate) fn words(report: &Report, handshake: &Handshake, step: &Step) -> String {
    let text = label(handshake, step);
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
fn rungs(clock: String, content: &str, lane: usize, columns: &Columns) -> String {
    let mut line: Vec<char> = clock.chars().take(CLIENT).collect();
    line.resize(columns.right + 1, ' ');
    let mut put = |at: usize, c: char| {
        if let Some(place) = line.get_mut(at) {
            *place = c;
        }
    };
    put(CLIENT, '|');
    for other in &columns.lanes {
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
