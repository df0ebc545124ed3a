//! What a mutant may be answered, by what is left of its recording.
//!
//! The rules: from a pass no mutant may fail, and it may pass only if nothing in scope lost
//! evidence so that what is left shows it. From a fail none may pass, unless what decided was removed without a trace. What
//! was removed without a trace leaves a recording of its own: it is answered as the exchanges that are left.
//!
//! A packet or an entry is lost *without a trace* when nothing that is left tells of it:
//!
//! ```text
//! connection   SYN  request 1  response 1  request 2  response 2  FIN
//! no trace     (nothing at all), or its head up to the end of a response, and no number beyond
//! trace        anything else: a hole, a request without its response, a part of a message, a FIN or ACK beyond
//! beginning    its tail, from a request on: the recording began later
//! ```

use std::collections::BTreeSet;

use inspector_core::verdict::Outcome;

use crate::{
    base::{Base, Capture},
    capture::{BODY, EITHER, HEAD, SYN},
    entries::{self, Taken},
    packets::{self, Apart},
};

/// The answers a mutant may get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) pass: bool,
    pub(crate) fail: bool,
    pub(crate) inconclusive: bool,
    /// Why, in a few words.
    pub(crate) why: String,
}

impl Allowed {
    fn new(words: &str, why: &str) -> Self {
        let has = |letter| words.contains(letter);
        Self { pass: has('p'), fail: has('f'), inconclusive: has('i'), why: why.to_owned() }
    }

    fn only(outcome: Outcome, why: &str) -> Self {
        Self::new(&outcome.as_str()[..1], why)
    }

    /// Whether the word of an answer is allowed. That nothing could be read is no verdict.
    pub(crate) fn has(&self, word: &str) -> bool {
        match word {
            "pass" => self.pass,
            "fail" => self.fail,
            "inconclusive" => self.inconclusive,
            "unreadable" => self.inconclusive,
            _ => false,
        }
    }

    pub(crate) fn text(&self) -> String {
        let words = [(self.pass, "pass"), (self.fail, "fail"), (self.inconclusive, "inconclusive")];
        let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        format!("{} ({})", words.join(" or "), self.why)
    }
}

/// What a mutant lost.
#[derive(Clone, Debug, Default)]
struct Loss {
    /// Exchanges that are gone or incomplete.
    lost: BTreeSet<usize>,
    /// Of these, those of which something left tells.
    traced: BTreeSet<usize>,
    /// Of these, those before the beginning.
    before: BTreeSet<usize>,
}

/// What a mutant of a capture may be answered.
pub(crate) fn of_capture(base: &Base, capture: &Capture, mutant: &packets::Mutant) -> Allowed {
    let mut allowed = capture_rules(base, capture, mutant);
    // By other times the refusal may be the last word.
    allowed.fail |= base.outcome == Outcome::Pass && base.refusals && mutant.retimed;
    allowed
}

/// What a mutant of a HAR may be answered.
pub(crate) fn of_archive(base: &Base, mutant: &entries::Mutant) -> Allowed {
    archive_rules(base, mutant)
}

fn capture_rules(base: &Base, capture: &Capture, mutant: &packets::Mutant) -> Allowed {
    let loss = loss(capture, mutant);
    let marks = mutant.packets.iter().fold(0, |marks, packet| marks | packet.dark);
    let is_dark = marks & (HEAD | BODY) == HEAD | BODY;
    let dark_keys = capture.encrypted && keys_taken(capture, mutant);
    if mutant.no_rule {
        return Allowed::new("pfi", "what was changed may mean anything");
    }
    if marks & EITHER != 0 && !loss.lost.is_empty() {
        return Allowed::new("pfi", "a copy with other contents may stand for what was lost");
    }
    if matches!(mutant.apart, Apart::Times(_) | Apart::Flows(_)) {
        // Each part is a recording by itself.
        let words = match base.outcome {
            Outcome::Pass if base.refusals || !loss.lost.is_empty() => "pfi",
            Outcome::Pass => "pi",
            Outcome::Fail if loss.lost.is_empty() => "fi",
            _ => "pfi",
        };
        return Allowed::new(words, "recordings by themselves");
    }
    if dark_keys || is_dark {
        // Somewhere in scope it is dark: as if a part of everything were missing.
        let words = match base.outcome {
            Outcome::Pass if marks & EITHER != 0 => "fi",
            Outcome::Pass => "i",
            Outcome::Fail => "fi",
            Outcome::Inconclusive => "pfi",
        };
        // Keys of a connection out of scope.
        if dark_keys && !is_dark && !base.aside.is_empty() {
            return Allowed::new(if base.outcome == Outcome::Pass { "pi" } else { "fi" }, "keys are missing");
        }
        return Allowed::new(words, "something in scope is dark");
    }
    from_loss(base, &loss, mutant.same_content)
}

fn archive_rules(base: &Base, mutant: &entries::Mutant) -> Allowed {
    let mut loss = Loss { lost: (0..base.exchanges).collect(), ..Loss::default() };
    let mut unseen = BTreeSet::new();
    let mut shortened = false;
    let mut same = mutant.same_content;
    let mut broken = mutant.is_cut;
    let kept = mutant.entries.iter().take(mutant.left);
    for entry in kept {
        same &= entry.taken == Taken::Nothing;
        let Some(index) = entry.origin else {
            broken |= entry.taken == Taken::Seen;
            continue;
        };
        match entry.taken {
            Taken::Nothing | Taken::Light => drop(loss.lost.remove(&index)),
            Taken::Unseen => drop(unseen.insert(index)),
            Taken::Shortened => {
                unseen.insert(index);
                shortened = true;
            }
            Taken::Seen => drop(loss.traced.insert(index)),
        }
    }
    loss.lost.retain(|index| !unseen.contains(index) || loss.traced.contains(index));
    if broken {
        // Nobody knows what was in it.
        let words = match base.outcome {
            Outcome::Pass => "i",
            Outcome::Fail => "fi",
            Outcome::Inconclusive => "pfi",
        };
        return Allowed::new(words, "an entry cannot be read");
    }
    if !unseen.is_empty() && loss.traced.is_empty() {
        let words = match base.outcome {
            Outcome::Pass if base.refusals || shortened || !loss.lost.is_empty() => "pfi",
            Outcome::Pass => "pi",
            Outcome::Fail if unseen.is_disjoint(&base.deciding) && loss.lost.is_disjoint(&base.deciding) => "fi",
            _ => "pfi",
        };
        return Allowed::new(words, "something was taken that nobody can miss");
    }
    from_loss(base, &loss, same)
}

fn from_loss(base: &Base, loss: &Loss, same: bool) -> Allowed {
    if loss.lost.is_empty() {
        return match base.outcome {
            outcome if same => Allowed::only(outcome, "only the form was changed"),
            Outcome::Pass => Allowed::new("pi", "nothing was lost"),
            Outcome::Fail => Allowed::new("fi", "nothing was lost"),
            Outcome::Inconclusive => Allowed::new("pfi", "no rule"),
        };
    }
    if base.outcome == Outcome::Inconclusive {
        return Allowed::new("pfi", "no rule");
    }
    let concerns = |set: &BTreeSet<usize>| set.iter().any(|index| !base.aside.contains(index));
    let left: BTreeSet<usize> = (0..base.exchanges).filter(|index| !loss.lost.contains(index)).collect();
    if concerns(&loss.traced) {
        return match base.outcome {
            Outcome::Pass => Allowed::new("i", "evidence was lost, and what is left shows it"),
            _ => Allowed::new("fi", "evidence was lost, and what is left shows it"),
        };
    }
    let basic_left = base.basic.iter().any(|index| left.contains(index));
    let mut allowed = match base.of_exchanges(&left) {
        Some(outcome) => {
            let mut allowed = Allowed::only(outcome, "the exchanges that are left");
            allowed.inconclusive = true;
            allowed
        }
        None => Allowed::new("pfi", "evidence was lost without a trace"),
    };
    if !loss.traced.is_empty() || !loss.before.is_empty() {
        allowed.pass |= base.outcome == Outcome::Pass;
    }
    if basic_left {
        allowed.pass = false;
    }
    allowed
}

/// Whether a secret that was there is gone or another one.
fn keys_taken(capture: &Capture, mutant: &packets::Mutant) -> bool {
    // What opens nothing but the handshake, or nothing at all, need not be there.
    let needed = |line: &&String| line.contains("_TRAFFIC_SECRET_0") || line.contains("CLIENT_RANDOM");
    capture.keys.iter().filter(needed).any(|line| !mutant.keys.contains(line))
}

/// What of the payloads of exchanges is gone, and whether it shows.
fn loss(capture: &Capture, mutant: &packets::Mutant) -> Loss {
    let facts = &capture.facts;
    // What is left of every packet.
    let mut held: Vec<Vec<std::ops::Range<usize>>> = vec![Vec::new(); facts.len()];
    let mut present = vec![false; facts.len()];
    for packet in &mutant.packets {
        if let Some((index, range)) = &packet.origin {
            held[*index].push(range.clone());
            present[*index] = true;
        }
    }
    let is_whole: Vec<bool> = held.iter_mut().zip(facts).map(|(ranges, fact)| covers(ranges, fact.payload)).collect();
    let connections = facts.iter().map(|fact| fact.connection.wrapping_add(1)).max().unwrap_or(0);
    let mut loss = Loss::default();
    for connection in 0..connections {
        let of = || (0..facts.len()).filter(move |index| facts[*index].connection == connection);
        let lost: Vec<usize> = of().filter(|index| facts[*index].carries.is_some() && !is_whole[*index]).collect();
        let exchanges: BTreeSet<usize> = lost.iter().filter_map(|index| facts[*index].carries).collect();
        loss.lost.extend(&exchanges);
        if exchanges.is_empty() || !of().any(|index| present[index]) {
            continue;
        }
        let torn = of()
            .any(|index| facts[index].carries.is_some_and(|exchange| exchanges.contains(&exchange)) && present[index]);
        // The numbers that what is left shows of each side.
        let shown = |from_client: bool| {
            let own = of().filter(|index| present[*index] && facts[*index].from_client == from_client);
            let other = of().filter(|index| present[*index] && facts[*index].from_client != from_client);
            own.map(|index| facts[index].end).chain(other.map(|index| facts[index].acknowledged)).max().unwrap_or(0)
        };
        let shown = [shown(false), shown(true)];
        let behind = lost.iter().all(|index| facts[*index].sequence >= shown[usize::from(facts[*index].from_client)]);
        let last_lost = lost.iter().copied().max().unwrap_or(0);
        let later =
            of().filter(|index| present[*index]).all(|index| index > last_lost && facts[index].flags & SYN == 0);
        if torn || (!behind && !later) {
            loss.traced.extend(&exchanges);
        } else if later && capture.encrypted && of().any(|index| present[index] && facts[index].payload > 0) {
            // Nothing of an encrypted connection can be read without its beginning.
            loss.traced.extend(&exchanges);
        } else if later {
            loss.before.extend(&exchanges);
        }
    }
    loss
}

/// Whether ranges cover everything up to `length`.
fn covers(ranges: &mut [std::ops::Range<usize>], length: usize) -> bool {
    ranges.sort_by_key(|range| range.start);
    let mut end = 0;
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        if range.start > end {
            break;
        }
        end = end.max(range.end);
    }
    end >= length
}
