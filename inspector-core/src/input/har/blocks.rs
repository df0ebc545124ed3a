//! Entries converted by whichever thread has time, a block of them at a time.
//!
//! ```text
//! calling thread    input ─► block │ block │ block …       each ends where an entry seems to begin
//! any thread                   └─► exchanges, and how far they go
//! calling thread    exchanges in order, as long as each block was used up; else the bytes go back to the scanner
//! ```
//!
//! Where a block ends is a guess: the last object in it that begins as the first entry did. The guess is proven when the
//! block before it ends exactly there, between two entries. What a block leaves (damage, the end of the entries, an entry
//! that is cut) goes back to the scanner with all that follows, so that the scanner judges whatever is not plain, and the
//! items are the same for any number of threads.
//!
//! **Bounds.** At most one block for each thread and [`WAITING`] besides are held at once. The blocks take a quarter of
//! [`Limits::in_flight`] and their exchanges half of it, however many they are: a block is left at the exchange by which those
//! of it weigh its share.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use memchr::memrchr;

use super::{
    convert::{Outcome, exchange_from_start},
    scan::between_entries,
    window::{first_name, is_element},
};
use crate::{
    exchange::Exchange,
    input::helpers::{Helpers, Over},
    limits::Limits,
};

/// Bytes of a block, as long as entries are smaller. Small enough to stay in the processor's cache.
pub(super) const BLOCK: usize = 256 << 10;
/// Bytes of the smallest block, where entries are so small that their exchanges weigh more.
const LEAST: usize = 32 << 10;
/// Bytes of the largest block. A larger entry is left to the scanner.
const MOST: usize = 2 << 20;
/// What an exchange weighs besides its bytes.
const OVERHEAD: usize = 1536;
/// Threads that are of use.
const THREADS: usize = 6;
/// Blocks that wait besides those at work, so that nobody has to be woken for each.
const WAITING: usize = 4;

/// Bytes that begin with an entry, and white space or commas before it.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    filled: usize,
}

impl Block {
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    /// Fills it anew with `carried`.
    pub(super) fn begin(&mut self, carried: &[u8]) {
        self.filled = 0;
        self.room(carried.len());
        if let Some(to) = self.bytes.get_mut(..carried.len()) {
            to.copy_from_slice(carried);
            self.filled = carried.len();
        }
    }

    /// Room for `count` bytes more.
    pub(super) fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.filled.saturating_add(count);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// So many bytes were written into the room.
    pub(super) fn add(&mut self, count: usize) {
        self.filled = self.filled.saturating_add(count).min(self.bytes.len());
    }

    /// Takes off what begins with the last object that begins with a member of that name, unless that is all there is.
    pub(super) fn split_off(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        let bytes = self.bytes();
        let mut end = bytes.len();
        while let Some(brace) = memrchr(b'{', bytes.get(..end)?) {
            let (before, object) = bytes.split_at_checked(brace)?;
            if first_name(object) == Some(name) && is_element(before) {
                if between_entries(before) == before.len() {
                    return None;
                }
                let rest = object.to_vec();
                self.filled = brace;
                return Some(rest);
            }
            end = brace;
        }
        None
    }
}

/// What became of a block.
pub(super) struct Converted {
    /// Of its entries, counted from the first of the block.
    pub(super) outcomes: Vec<Outcome>,
    block: Block,
    used: usize,
    /// Its exchanges would weigh too much.
    pub(super) heavy: bool,
}

impl Converted {
    /// Converts the entries of a block until their exchanges weigh `most`: many small entries weigh more than the block.
    fn new(block: Block, most: usize, limits: &Limits) -> Self {
        let mut converted = Self { outcomes: Vec::new(), block, used: 0, heavy: false };
        let mut weight = 0;
        loop {
            let rest = converted.rest();
            let between = between_entries(rest);
            let entry = rest.get(between..).unwrap_or_default();
            let index = converted.outcomes.len() as u64;
            let Ok((outcome, length)) = exchange_from_start(entry, index, limits) else { return converted };
            weight += OVERHEAD + outcome.as_ref().map_or(0, |converted| held_by(&converted.exchange));
            converted.outcomes.push(outcome);
            converted.used += between + length;
            if weight >= most {
                converted.heavy = true;
                return converted;
            }
        }
    }

    /// All its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.block.bytes()
    }

    /// The bytes behind its last entry.
    pub(super) fn rest(&self) -> &[u8] {
        self.block.bytes().get(self.used..).unwrap_or_default()
    }

    /// Whether nothing but what separates entries is left.
    pub(super) fn is_used_up(&self) -> bool {
        between_entries(self.rest()) == self.rest().len()
    }
}

/// Bytes of an exchange's messages.
fn held_by(exchange: &Exchange) -> usize {
    let messages = [&exchange.request, &exchange.response];
    messages.into_iter().flatten().fold(0, |sum, message| {
        let fields = size_of_val(message.head.fields());
        sum + message.head.bytes().len() + fields + message.body.kept.as_ref().map_or(0, |kept| kept.len())
    })
}

/// Where a block is put when it was converted.
type Slot = Arc<Mutex<Option<Converted>>>;

/// The threads, and what they have to do.
pub(super) struct Team<'h> {
    helpers: &'h dyn Helpers,
    limits: Arc<Limits>,
    /// Blocks that were left to them, in order, with their sizes.
    sent: VecDeque<(Slot, usize)>,
    /// So many besides those that wait.
    most: usize,
    flying: usize,
    filling: bool,
    spare: Vec<Block>,
    /// Bytes of the next blocks.
    pub(super) size: usize,
    largest: usize,
}

impl<'h> Team<'h> {
    /// A team with these helpers. `block`: bytes of a block, as long as entries are smaller.
    pub(super) fn new(helpers: &'h dyn Helpers, block: usize, limits: &Limits) -> Self {
        Self {
            helpers,
            limits: Arc::new(limits.clone()),
            sent: VecDeque::new(),
            most: helpers.count().clamp(1, THREADS),
            flying: 0,
            filling: true,
            spare: Vec::new(),
            size: block,
            largest: block,
        }
    }

    /// Whether another block may be sent. Once there are enough, none is sent until half of those that wait are gone.
    pub(super) fn has_room(&mut self) -> bool {
        let blocks = self.sent.len();
        if blocks >= self.most + WAITING {
            self.filling = false;
        } else if blocks <= self.most + WAITING / 2 {
            self.filling = true;
        }
        self.filling && self.flying < self.limits.in_flight / 4
    }

    /// A block to fill.
    pub(super) fn block(&mut self) -> Block {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes a block back.
    pub(super) fn keep(&mut self, block: Block) {
        if block.bytes.len() <= 2 * BLOCK && self.spare.len() <= self.most + WAITING {
            self.spare.push(block);
        }
    }

    /// Leaves the next block to the threads.
    pub(super) fn send(&mut self, block: Block) {
        let (slot, size) = (Slot::default(), block.filled);
        self.sent.push_back((Arc::clone(&slot), size));
        self.flying += size;
        let limits = Arc::clone(&self.limits);
        let share = limits.in_flight / 2 / (self.most + WAITING);
        self.helpers.leave(Box::new(move || {
            let converted = Converted::new(block, share, &limits);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(converted);
        }));
    }

    /// The first of the blocks that were sent, once it was converted; `None` if there is none.
    ///
    /// # Errors
    /// Reading is over.
    pub(super) fn receive(&mut self) -> Result<Option<Converted>, Over> {
        let Some((slot, size)) = self.sent.pop_front() else { return Ok(None) };
        let mut converted = None;
        self.helpers.help_until(&mut || {
            converted = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            converted.is_some()
        })?;
        self.flying = self.flying.saturating_sub(size);
        converted.map(Some).ok_or(Over)
    }

    /// Takes a block back that was handed out. Where its exchanges were too many, the next ones are smaller.
    pub(super) fn done(&mut self, converted: Converted) {
        let size = if converted.heavy { (self.size / 2).max(LEAST) } else { self.size * 2 };
        self.size = size.min(self.largest);
        self.keep(converted.block);
    }
}

/// How far a block is filled that has no entry's start in it yet; `None` if it is as large as can be.
pub(super) fn larger(size: usize) -> Option<usize> {
    (size < MOST).then(|| size.saturating_mul(2).min(MOST))
}
