//! Lifetimes of tokens on an axis of time, above the calls that used them.
//!
//! ```text
//!      before         ┊        the recording        ┊        after
//!  ███████████████████████████████████████████████████████████████      valid: the calls lie below its bar
//!                     ┊    ●      ●        ●        ┊
//!  ███████████        ┊                             ┊                   expired: they lie behind it
//!                     ┊    ✕      ✕                 ┊
//! ```
//!
//! A recording takes seconds and a token lives for hours: the time of the recording has the middle of the axis for itself,
//! in its own measure. Before and behind it distances are logarithmic, so that an end a second too early is seen as one a
//! year too early.

use maud::{Markup, html};

use super::{
    brief,
    lanes::{Answer, Lane, State, Use, Uses, lifetime},
    left_out, moment, short, svg,
};
use crate::{output::plain, report::Report, time::Timestamp};

/// Tokens that are drawn, those with troubles first.
const DRAWN: usize = 60;
/// Width of the axis.
const WIDTH: i64 = 1000;
/// Where the recording begins and ends on it.
const MIDDLE: (i64, i64) = (260, 740);
/// Height of a token's lane.
const LANE: usize = 58;
/// Above the first lane.
const TOP: usize = 44;
const SECOND: i64 = 1_000_000_000;
const YEAR: i64 = 365 * 86_400 * SECOND;
/// Longest distance that is told apart.
const FARTHEST: i64 = 10 * YEAR;
/// Distances from the recording that have a mark.
const MARKS: [(i64, &str); 5] = [
    (60 * SECOND, "1 min"),
    (3600 * SECOND, "1 h"),
    (86_400 * SECOND, "1 d"),
    (30 * 86_400 * SECOND, "30 d"),
    (YEAR, ""),
];

pub(super) fn section(report: &Report, uses: &Uses) -> Markup {
    let mut groups: Vec<Vec<Lane<'_>>> = report.tokens.iter().map(|token| uses.lanes(token)).collect();
    // Those with troubles first; the others stay in their order.
    groups.sort_by_key(|group| std::cmp::Reverse(group.iter().map(Lane::worst).max().filter(|it| is_trouble(*it))));
    let all: usize = groups.iter().map(Vec::len).sum();
    let lanes: Vec<Lane<'_>> = groups.into_iter().flatten().take(DRAWN).collect();
    let times = || lanes.iter().flat_map(|lane| &lane.uses).map(|one| one.time).filter(|time| !time.is_relative());
    let span = report.span.filter(|(first, _)| !first.is_relative());
    let begin = times().chain(span.map(|(first, _)| first)).min();
    let end = times().chain(span.map(|(_, last)| last)).max();
    let left = all.saturating_sub(lanes.len()) as u64;
    let content = html! {
        @match begin.zip(end).filter(|_| !lanes.is_empty()) {
            Some((begin, end)) => {
                (legend())
                (picture(&lanes, &Axis::new(begin, end)))
                (left_out(left, "token", "tokens"))
                details {
                    summary { "The same as a table" }
                    (table(&lanes))
                }
            }
            None if lanes.is_empty() => { p .lead { "No token was found." } }
            None => {
                p .lead { "The recording has no times of the calendar, so calls cannot be put on an axis. " code { "--at" }
                    " names the moment its tokens are judged at." }
                (table(&lanes))
            }
        }
    };
    super::section("lifetimes", &html! {}, &content)
}

/// From moments to places.
struct Axis {
    begin: Timestamp,
    end: Timestamp,
    /// Nanoseconds of the recording.
    span: i64,
}

impl Axis {
    fn new(begin: Timestamp, end: Timestamp) -> Self {
        let span = end.nanos().saturating_sub(begin.nanos());
        // A single moment stands in the middle of a second.
        let around = if span < SECOND / 100 { SECOND / 2 } else { span / 25 };
        let begin = Timestamp::from_nanos(begin.nanos().saturating_sub(around));
        let end = Timestamp::from_nanos(end.nanos().saturating_add(around));
        Self { begin, end, span: end.nanos().saturating_sub(begin.nanos()).max(1) }
    }

    fn x(&self, time: Timestamp) -> i64 {
        if time < self.begin {
            return MIDDLE.0 - far(self.begin.nanos().saturating_sub(time.nanos()), MIDDLE.0);
        }
        if time > self.end {
            return MIDDLE.1 + far(time.nanos().saturating_sub(self.end.nanos()), WIDTH - MIDDLE.1);
        }
        let within = i128::from(time.nanos() - self.begin.nanos()) * i128::from(MIDDLE.1 - MIDDLE.0);
        MIDDLE.0 + i64::try_from(within / i128::from(self.span)).unwrap_or_default()
    }
}

/// How far from the middle something stands that lies so many nanoseconds from it.
fn far(distance: i64, room: i64) -> i64 {
    let share = (distance.min(FARTHEST) as f64 / SECOND as f64).ln_1p() / (FARTHEST as f64 / SECOND as f64).ln_1p();
    // At least so much that it is seen to be outside.
    (share * (room - 6) as f64) as i64 + 3
}

const fn is_trouble(state: State) -> bool {
    matches!(state, State::Skewed(_) | State::Replayed | State::Early(_) | State::Expired(_))
}

/// The class of a state, and what it is called.
fn told(state: State) -> (&'static str, String) {
    match state {
        State::Valid => ("good", "valid when used".to_owned()),
        State::Unused => ("quiet", "not seen in use".to_owned()),
        State::Unknown => ("quiet", "lifetime not told".to_owned()),
        State::Skewed(by) => ("open", format!("{} outside, as clocks differ", moment::duration(by))),
        State::Replayed => ("replayed", "replayed".to_owned()),
        State::Early(by) => ("bad", format!("not yet valid, by {}", moment::duration(by))),
        State::Expired(by) => ("bad", format!("expired {} before", moment::duration(by))),
    }
}

fn legend() -> Markup {
    let mark = |answer: Answer, words: &str| {
        html! {
            li {
                svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" focusable="false" {
                    g .use .good { (sign(answer, 8, 8)) }
                }
                (words)
            }
        }
    };
    html! {
        p .lead { "A bar is the lifetime of a token, and the signs below it are the calls that used it. The middle is the \
            time of the recording; before and behind it distances are logarithmic." }
        ul .legend {
            li { span .swatch .life {} "lifetime" }
            (mark(Answer::Accepted, "accepted"))
            (mark(Answer::Refused, "refused"))
            (mark(Answer::Undecided, "not decided"))
            li { span .swatch .bad {} "outside its lifetime" }
            li { span .swatch .replayed {} "replayed" }
        }
    }
}

/// A dot, a cross or a ring.
fn sign(answer: Answer, x: i64, y: usize) -> Markup {
    let (x, y) = (x, y as i64);
    html! {
        @match answer {
            Answer::Accepted => circle .dot cx=(x) cy=(y) r="5.5" {},
            Answer::Refused => path .cross d={ "M" (x - 4) " " (y - 4) " l8 8 m0 -8 l-8 8" } {},
            Answer::Undecided => circle .ring cx=(x) cy=(y) r="4.5" {},
        }
    }
}

fn picture(lanes: &[Lane<'_>], axis: &Axis) -> Markup {
    let height = TOP + lanes.len() * LANE + 8;
    let troubled = lanes.iter().filter(|lane| is_trouble(lane.worst())).count();
    html! {
        section .scroll tabindex="0" aria-label="Lifetimes and calls" {
            svg .axis role="img" width=(WIDTH) height=(height) viewBox={ "0 0 " (WIDTH) " " (height) }
                aria-labelledby="axis-title axis-told" {
                title #axis-title { "Lifetimes of tokens above the calls that used them" }
                desc #axis-told {
                    (super::counted(lanes.len() as u64, "token", "tokens")) ", " (troubled)
                    " of them used outside the lifetime or again. The table behind the diagram tells each."
                }
                (grid(axis, height))
                @for (number, lane) in lanes.iter().enumerate() { (row(lane, axis, TOP + number * LANE)) }
            }
        }
    }
}

/// The middle, and marks of time.
fn grid(axis: &Axis, height: usize) -> Markup {
    html! {
        g .grid {
            rect .middle x=(MIDDLE.0) y="0" width=(MIDDLE.1 - MIDDLE.0) height=(height) {}
            text .zone x="6" y="15" { "before" }
            text .zone x=(MIDDLE.0 + 8) y="15" { "the recording, " (moment::span(axis.begin, axis.end)) }
            text .zone .end x=(WIDTH - 6) y="15" { "after" }
            line x1=(MIDDLE.0) y1="0" x2=(MIDDLE.0) y2=(height) {}
            line x1=(MIDDLE.1) y1="0" x2=(MIDDLE.1) y2=(height) {}
            @for (distance, words) in MARKS {
                @let (before, behind) = (MIDDLE.0 - far(distance, MIDDLE.0), MIDDLE.1 + far(distance, WIDTH - MIDDLE.1));
                line .tick x1=(before) y1="36" x2=(before) y2=(height) {}
                line .tick x1=(behind) y1="36" x2=(behind) y2=(height) {}
                @if distance < YEAR {
                    text .mark x=(before) y="31" { "\u{2212}" (words) }
                    text .mark x=(behind) y="31" { "+" (words) }
                }
            }
        }
    }
}

fn row(lane: &Lane<'_>, axis: &Axis, top: usize) -> Markup {
    let (begin, end) = lifetime(lane.token);
    let (tone, _) = told(lane.worst());
    let words: Vec<String> = lane.states.iter().map(|state| told(*state).1).collect();
    let issuer = lane.token.claim("iss").map(|issuer| short(&plain(&crate::redact::shown_line(&issuer))));
    let name = format!(
        "{}{} {}{}",
        if lane.nested { "\u{2514} inside: " } else { "" },
        lane.kind,
        brief(lane.token.id),
        issuer.map(|issuer| format!(" by {issuer}")).unwrap_or_default()
    );
    let x = |time: Option<Timestamp>, otherwise: i64| time.map_or(otherwise, |time| axis.x(time));
    let (from, to) = (x(begin, 0), x(end, WIDTH));
    let (bar, below) = (top + 20, top + 42);
    html! {
        g .lane .(tone) {
            text .name x=(if lane.nested { 18 } else { 6 }) y=(top + 13) {
                tspan .state { (words.join(", ")) } tspan dx="8" { (svg::cut(&name, 92, false)) }
            }
            @if begin.or(end).is_some() {
                rect .life x=(from) y=(bar) width=((to - from).max(3)) height="9" rx="3" {}
            } @else {
                line .unknown x1="0" y1=(bar + 5) x2=(WIDTH) y2=(bar + 5) {}
            }
            @for (at, one) in lane.uses.iter().enumerate() {
                @let place = axis.x(one.time);
                // Signs that would hide each other are drawn once.
                @if !lane.uses.iter().take(at).any(|other| other.answer == one.answer && axis.x(other.time).abs_diff(place) < 4) {
                    (used(lane, one, place, begin, end, (bar, below)))
                }
            }
        }
    }
}

/// A call, and how far from the lifetime it lies if it is outside.
fn used(
    lane: &Lane<'_>,
    one: &Use,
    place: i64,
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
    (bar, below): (usize, usize),
) -> Markup {
    let outside = begin.is_some_and(|begin| one.time < begin) || end.is_some_and(|end| one.time > end);
    let tone = match lane.worst() {
        State::Replayed => "replayed",
        State::Skewed(_) if outside => "open",
        _ if outside => "bad",
        _ => "good",
    };
    html! {
        g .use .(tone) {
            line .drop x1=(place) y1=(bar + if outside { 4 } else { 9 }) x2=(place) y2=(below - 7) {}
            (sign(one.answer, place, below))
        }
    }
}

fn table(lanes: &[Lane<'_>]) -> Markup {
    let time = |time: Option<Timestamp>| time.map_or_else(|| "not told".to_owned(), moment::full);
    html! {
        section .scroll tabindex="0" aria-label="Table of lifetimes" {
            table {
                thead { tr {
                    th scope="col" { "Token" }
                    th scope="col" { "Valid from" }
                    th scope="col" { "Until" }
                    th scope="col" { "First use" }
                    th scope="col" .number { "Uses" }
                    th scope="col" { "State" }
                } }
                tbody {
                    @for lane in lanes {
                        @let (begin, end) = lifetime(lane.token);
                        tr {
                            th scope="row" { (lane.kind) " " code { (brief(lane.token.id)) } @if lane.nested { " (inside)" } }
                            td { (time(begin)) }
                            td { (time(end)) }
                            td { (lane.uses.first().map_or_else(|| "none seen".to_owned(), |one| moment::full(one.time))) }
                            td .number { (lane.uses.len() as u64 + lane.more) }
                            td {
                                @for state in &lane.states {
                                    @let (tone, words) = told(*state);
                                    span .tag .(tone) { (words) } " "
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_times() {
        let at = Timestamp::from_seconds;
        let axis = Axis::new(at(1_800_000_000), at(1_800_000_010));
        let order: Vec<i64> = [
            at(0),
            at(1_790_000_000),
            at(1_799_999_000),
            at(1_799_999_999),
            at(1_800_000_000),
            at(1_800_000_005),
            at(1_800_000_010),
            at(1_800_000_011),
            at(1_800_030_000),
            Timestamp::MAX,
        ]
        .map(|time| axis.x(time))
        .to_vec();
        assert!(order.is_sorted(), "{order:?}");
        assert!(order.iter().all(|x| (0..=WIDTH).contains(x)), "{order:?}");
        assert!(order[3] < MIDDLE.0 && order[4] > MIDDLE.0 && order[6] < MIDDLE.1 && order[7] > MIDDLE.1, "{order:?}");
        let moment = Axis::new(at(1_800_000_000), at(1_800_000_000));
        assert_eq!(moment.x(at(1_800_000_000)), (MIDDLE.0 + MIDDLE.1) / 2);
    }
}
