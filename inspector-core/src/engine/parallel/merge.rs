//! The last stage: the producers' results in the order of turns, handed out where one thread would have done so.

use std::collections::VecDeque;

use super::{
    crew::{Crew, Presence, Role, Taken},
    results::{Kind, Yield},
};
use crate::{
    context::Sink as _,
    engine::delivery::{Handout, Outcome as _, Results},
    input::Control,
    limits::Limits,
};

/// Joins the producers.
pub(super) struct Merge<'h, 'a> {
    handout: &'h mut Handout<'a>,
    results: Results,
    producers: Vec<Producer>,
    /// The item whose results are gathered.
    item: u64,
}

struct Producer {
    results: VecDeque<Yield>,
    /// All results of turns before this one were seen.
    covered: u64,
}

impl<'h, 'a> Merge<'h, 'a> {
    pub(super) fn new(handout: &'h mut Handout<'a>, limits: &Limits, producers: usize) -> Self {
        let nothing = || Producer { results: VecDeque::new(), covered: 0 };
        let producers = (0..producers).map(|_| nothing()).collect();
        Self { handout, results: Results::new(limits), producers, item: 0 }
    }

    /// Takes all there is until the producers are done.
    pub(super) fn run(mut self, crew: &Crew) {
        let _presence = Presence(crew, Role::Merge);
        while let Some(result) = self.next(crew) {
            self.apply(result);
            if self.handout.control == Control::Stop {
                crew.stop();
            }
        }
        self.close();
    }

    /// The result whose turn it is; `None` once all producers are done.
    fn next(&mut self, crew: &Crew) -> Option<Yield> {
        loop {
            // The producer that may have the earliest result: the turn of its next one, or the turn it may have it from.
            let earliest = |producer: &Producer| match producer.results.front() {
                Some(result) => (result.turn, false),
                None => (producer.covered, true),
            };
            let all = self.producers.iter().map(earliest).enumerate();
            let (number, (turn, lacking)) = all.min_by_key(|(_, earliest)| *earliest)?;
            let producer = self.producers.get_mut(number)?;
            if !lacking {
                return producer.results.pop_front();
            }
            if turn == u64::MAX {
                return None;
            }
            match crew.take(number, producer.covered, std::mem::take(&mut producer.results)) {
                Taken::Results(chunk) => producer.results = chunk.results,
                Taken::Covered(turn) => producer.covered = turn,
            }
        }
    }

    fn apply(&mut self, result: Yield) {
        if result.item != self.item {
            self.close();
            self.item = result.item;
        }
        match result.kind {
            Kind::Exchange(exchange) => self.results.push(exchange),
            Kind::Note(note) => self.results.note(note),
            Kind::Open { connection, before, now } => self.results.open(connection, before, now),
            Kind::Report(report) => self.results.report(*report),
            Kind::Direct(note) => self.handout.note(note),
            Kind::Entry(exchange) => self.handout.entry(exchange),
            Kind::Settled => self.close(),
            Kind::Finished => self.handout.hand_out(&mut self.results, true),
        }
    }

    /// An item is dealt with.
    fn close(&mut self) {
        if self.results.is_changed() {
            self.handout.hand_out(&mut self.results, false);
        }
    }
}
