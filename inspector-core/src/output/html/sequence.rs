//! A handshake as a sequence diagram: token issuers on the left of the client, resources on its right.
//!
//! ```text
//!          [token issuer]        [client]            [resource]
//!   +0.000 s      ┆                 │ asks for a token    ┆
//!                 ┆◄────────────────│                     ┆
//! ```

use maud::{Markup, html};

use super::{
    lanes::{self, Answer},
    moment,
    parties::{STEPS, client, parties},
    short, svg,
};
use crate::{
    handshake::call::{Step, StepKind},
    output::plain,
    report::Handshake,
};

/// Room for the times, on the left.
const GUTTER: usize = 92;
/// Height of the parties' boxes.
const HEAD: usize = 52;
/// From one line of a label to the next.
const LINE: usize = 16;
/// Lines of a label.
const LINES: usize = 3;
/// Parties that are drawn; what goes between others is listed only.
const PARTIES: usize = 7;
/// Width of a column of text, about, in tenths.
const COLUMN: usize = 65;

/// A party and what it is.
struct Party {
    name: String,
    role: &'static str,
}

/// Where things stand.
struct Layout {
    parties: Vec<Party>,
    distance: usize,
}

impl Layout {
    fn new(handshake: &Handshake) -> Self {
        let mut issuers: Vec<Party> = Vec::new();
        let mut resources: Vec<Party> = Vec::new();
        for step in &handshake.steps {
            let (side, role) =
                if step.kind.is_of_issuer() { (&mut issuers, "token issuer") } else { (&mut resources, "resource") };
            if !side.iter().any(|party| *party.name == *step.host) {
                side.push(Party { name: step.host.to_string(), role });
            }
        }
        resources.retain(|party| !issuers.iter().any(|issuer| issuer.name == party.name));
        resources.truncate(PARTIES / 2);
        issuers.truncate(PARTIES - 1 - resources.len());
        let own = Party { name: client(handshake), role: "client" };
        let parties: Vec<Party> = issuers.into_iter().chain(std::iter::once(own)).chain(resources).collect();
        let distance = match parties.len() {
            0..=2 => 420,
            3 => 340,
            4 => 250,
            _ => 220,
        };
        Self { parties, distance }
    }

    fn x(&self, party: usize) -> usize {
        GUTTER + self.half() + party * self.distance
    }

    /// Half of a box.
    fn half(&self) -> usize {
        (self.distance - 24).min(270) / 2
    }

    fn width(&self) -> usize {
        self.x(self.parties.len().saturating_sub(1)) + self.half() + 8
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.parties.iter().position(|party| party.name == name)
    }
}

/// A message with its place.
struct Message<'h> {
    step: &'h Step,
    from: usize,
    to: usize,
    lines: Vec<String>,
    /// Top of the label.
    top: usize,
}

impl Message<'_> {
    /// Height of the arrow.
    const fn line(&self) -> usize {
        self.top + self.lines.len() * LINE + 5
    }
}

/// The diagram of a handshake, which is the page's `number`th.
pub(super) fn diagram(handshake: &Handshake, number: usize) -> Markup {
    let layout = Layout::new(handshake);
    let messages = messages(handshake, &layout);
    let height = messages.last().map_or(HEAD, Message::line) + 26;
    let begin = handshake.steps.iter().find_map(|step| step.time);
    let (title, told) = (format!("sequence-{number}-title"), format!("sequence-{number}-told"));
    html! {
        section .scroll tabindex="0" aria-label={ "Sequence diagram " (number) } {
            svg .sequence role="img" width=(layout.width()) height=(height)
                viewBox={ "0 0 " (layout.width()) " " (height) } aria-labelledby={ (title) " " (told) } {
                title id=(title) { "Sequence of the messages of handshake " (number) }
                desc id=(told) { (description(handshake, &layout, &messages)) }
                @for (at, party) in layout.parties.iter().enumerate() {
                    (lifeline(&layout, at, party, height))
                }
                @for message in &messages { (arrow(handshake, &layout, message, begin)) }
            }
        }
    }
}

fn messages<'h>(handshake: &'h Handshake, layout: &Layout) -> Vec<Message<'h>> {
    let mut top = HEAD + 18;
    let mut messages = Vec::new();
    for step in handshake.steps.iter().take(STEPS) {
        let (from, to) = parties(handshake, step);
        let (Some(from), Some(to)) = (layout.find(&from), layout.find(&to)) else { continue };
        let room = from.abs_diff(to).max(1) * layout.distance - 28;
        let mut text = short(&plain(&step.text));
        if let Some(took) = handshake.took(step) {
            text.push_str(&format!(", after {}", moment::duration(took)));
        }
        let lines = svg::broken(&text, room * 10 / COLUMN, LINES);
        let message = Message { step, from, to, lines, top };
        top = message.line() + 16;
        messages.push(message);
    }
    messages
}

fn description(handshake: &Handshake, layout: &Layout, messages: &[Message<'_>]) -> String {
    let names: Vec<String> =
        layout.parties.iter().map(|party| format!("{} ({})", plain(&party.name), party.role)).collect();
    format!(
        "{} between {}; {} calls, {} accepted, {} refused. The list behind the diagram tells each message.",
        super::counted(messages.len() as u64, "message", "messages"),
        names.join(", "),
        handshake.calls,
        handshake.accepted,
        handshake.refused
    )
}

fn lifeline(layout: &Layout, at: usize, party: &Party, height: usize) -> Markup {
    let (x, half) = (layout.x(at), layout.half());
    let name = svg::cut(&plain(&party.name), (2 * half - 16) * 10 / COLUMN, false);
    html! {
        g .party {
            line x1=(x) y1=(HEAD) x2=(x) y2=(height - 6) {}
            rect x=(x - half) y="1" width=(2 * half) height=(HEAD - 4) rx="8" {}
            text .role x=(x) y="19" { (party.role) }
            text .name x=(x) y="37" { (name) }
        }
    }
}

fn arrow(
    handshake: &Handshake,
    layout: &Layout,
    message: &Message<'_>,
    begin: Option<crate::time::Timestamp>,
) -> Markup {
    let (from, to, y) = (layout.x(message.from), layout.x(message.to), message.line());
    let (left, right) = (from.min(to), from.max(to));
    let rightwards = from < to;
    let head =
        if rightwards { format!("M{} {} l-9 -4.5 v9 z", to - 1, y) } else { format!("M{} {} l9 -4.5 v9 z", to + 1, y) };
    let (x1, x2) = if rightwards { (left + 1, right - 9) } else { (left + 9, right - 1) };
    let answer = if message.step.kind.is_answer() { "reply" } else { "call" };
    html! {
        g .message .(answer) .(tone(handshake, message.step)) {
            @if let Some((begin, time)) = begin.zip(message.step.time) {
                text .when x=(GUTTER - 14) y=(y + 4) { (moment::since(begin, time)) }
            }
            @for (number, line) in message.lines.iter().enumerate() {
                text x=(left + 14) y=(message.top + number * LINE + 11) { (line) }
            }
            line x1=(x1) y1=(y) x2=(x2) y2=(y) {}
            path d=(head) {}
        }
    }
}

/// How a step went, for its colour.
fn tone(handshake: &Handshake, step: &Step) -> &'static str {
    match (step.kind, step.status) {
        // A call without what it should carry is marked in its text.
        (kind, _) if !kind.is_answer() => {
            if step.text.starts_with('!') {
                "bad"
            } else {
                "request"
            }
        }
        (StepKind::Answer, _) => match lanes::taken(handshake, step) {
            Answer::Accepted => "good",
            Answer::Refused => "bad",
            Answer::Undecided => "asks",
        },
        (StepKind::Challenge, _) => "asks",
        (_, Some(200..=299)) => "good",
        (_, Some(400..=599)) => "bad",
        _ => "asks",
    }
}
