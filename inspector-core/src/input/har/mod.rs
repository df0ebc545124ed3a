//! HAR (HTTP Archive 1.2, <http://www.softwareishard.com/blog/har-12-spec/>), as exporters write it and not only as it
//! is specified.
//!
//! Three stages, so that the first can run ahead of the others:
//!
//! ```text
//! bytes ─ scan: finds each entry, checks the order of tokens ─► one entry's bytes
//!       ─ convert (json, model, content): a pure function   ─► Exchange + traces of its exporter
//!       ─ sanitized: sums the traces up                      ─► one note a file
//! ```
//!
//! An entry that cannot be read costs that entry: it becomes a note with its index and the reason. A recording without
//! credentials is told apart from one whose exporter took them out, because the second proves nothing.

mod blocks;
mod content;
mod convert;
pub(super) mod json;
mod model;
mod own;
pub(super) mod sanitized;
mod scan;
mod utf16;
mod window;

#[cfg(test)]
mod tests;

use std::io;

use memchr::memmem;

use self::{
    blocks::{BLOCK, Block, Team},
    convert::{Converted, Outcome, exchange_from_cut, exchange_from_entry, exchange_from_start},
    json::Json,
    sanitized::Summary,
    scan::{Piece, Scanner},
    utf16::Utf16,
    window::{READ, RawEntry},
};
use super::{
    Control, Format, Item, ItemSink, ReadError,
    helpers::{Helpers, Nobody},
};
use crate::{
    evidence::At,
    limits::Limits,
    losses::Losses,
    note::{Note, NoteKind},
    probe::Probe,
};

/// The format.
#[derive(Clone, Copy, Debug)]
pub struct Har;

impl Format for Har {
    fn name(&self) -> &'static str {
        "har"
    }

    fn probe(&self, head: &[u8]) -> Probe {
        if is_utf16(head) {
            return Probe::Likely;
        }
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        let has = |name: &[u8], follows: u8| has_member(text, name, follows);
        match text.first() {
            Some(b'{') if has(b"\"log\"", b'{') => Probe::Certain,
            Some(b'{') if has(b"\"entries\"", b'[') && has(b"\"request\"", b'{') => Probe::Likely,
            Some(b'[') if has(b"\"request\"", b'{') && (has(b"\"response\"", b'{') || has(b"\"url\"", b'"')) => {
                Probe::Likely
            }
            _ => Probe::No,
        }
    }

    fn read(&self, input: &mut dyn io::Read, limits: &Limits, sink: &mut dyn ItemSink) -> Result<(), ReadError> {
        self.read_with(input, limits, &Nobody, sink)
    }

    fn read_with(
        &self,
        input: &mut dyn io::Read,
        limits: &Limits,
        helpers: &dyn Helpers,
        sink: &mut dyn ItemSink,
    ) -> Result<(), ReadError> {
        read(input, limits, helpers, BLOCK, sink)
    }
}

/// Reads a document, with other threads that get blocks of that size.
fn read(
    input: &mut dyn io::Read,
    limits: &Limits,
    helpers: &dyn Helpers,
    block: usize,
    sink: &mut dyn ItemSink,
) -> Result<(), ReadError> {
    let mut head = [0; 4];
    let length = read_head(input, &mut head)?;
    let head = head.get(..length).unwrap_or_default();
    if head.is_empty() {
        return Err(ReadError::Empty);
    }
    let is_utf16 = is_utf16(head);
    let big_endian = matches!(head, [0xfe, 0xff, ..] | [0, ..]);
    // The scanner skips the byte order mark in UTF-8.
    let mut whole = io::Read::chain(head, input);
    let mut converted;
    let whole: &mut dyn io::Read = if is_utf16 {
        converted = Utf16::new(whole, big_endian);
        &mut converted
    } else {
        &mut whole
    };
    let scanner = Scanner::new(whole, limits);
    let reading = Reading { scanner, limits, index: 0, items: 0, summary: Summary::default() };
    let team = (helpers.count() > 0).then(|| Team::new(helpers, block, limits));
    reading.run(sink, team)
}

/// Reads up to the length of `head`.
fn read_head(input: &mut dyn io::Read, head: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(room) = head.get_mut(length..).filter(|room| !room.is_empty()) {
        match input.read(room) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// A byte order mark, or an opening bracket, in UTF-16.
fn is_utf16(head: &[u8]) -> bool {
    matches!(
        head,
        [0xff, 0xfe, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n', 0, ..]
            | [0xfe, 0xff, 0, b'{' | b'[' | b' ' | b'\t' | b'\r' | b'\n', ..]
            | [b'{' | b'[', 0, _, 0, ..]
            | [0, b'{' | b'[', 0, _, ..]
    )
}

/// Whether `text` has a member of that name (with its quotation marks) whose value begins with `follows`.
fn has_member(text: &[u8], name: &[u8], follows: u8) -> bool {
    memmem::find_iter(text, name).any(|at| {
        let rest = text.get(at + name.len()..).unwrap_or_default().trim_ascii_start();
        rest.strip_prefix(b":").is_some_and(|value| value.trim_ascii_start().first() == Some(&follows))
    })
}

fn damaged(what: String) -> ReadError {
    ReadError::Damaged { format: "har", what }
}

/// One run over an input.
struct Reading<'r> {
    scanner: Scanner<'r>,
    limits: &'r Limits,
    /// Index of the next entry.
    index: u64,
    /// Exchanges and notes about entries handed out.
    items: u64,
    summary: Summary,
}

impl Reading<'_> {
    fn run(mut self, sink: &mut dyn ItemSink, mut team: Option<Team<'_>>) -> Result<(), ReadError> {
        loop {
            if let Some(team) = &mut team
                && self.scanner.is_among_entries()
                && self.scanner.window().ahead().len() < READ
                && self.run_blocks(team, sink) == Control::Stop
            {
                return Ok(());
            }
            let (index, limits) = (self.index, self.limits);
            if let Some(outcome) = self.scanner.entry_by(|bytes| exchange_from_start(bytes, index, limits))? {
                let item = self.entry(outcome);
                self.items += 1;
                if sink.item(item) == Control::Stop {
                    return Ok(());
                }
                continue;
            }
            let Some(piece) = self.scanner.next()? else { break };
            let item = match piece {
                Piece::Creator(creator) => {
                    self.summary.devtools |= is_devtools(creator);
                    continue;
                }
                Piece::Losses(losses) => {
                    let Losses { connections, notes } = Losses::read(losses.bytes);
                    let connections = connections.into_iter().map(|report| Item::Connection(Box::new(report)));
                    let items = notes.into_iter().map(Item::Note).chain(connections);
                    for item in items.collect::<Vec<_>>() {
                        if sink.item(item) == Control::Stop {
                            return Ok(());
                        }
                    }
                    continue;
                }
                Piece::Entry(entry) => {
                    let outcome = exchange_from_entry(entry, self.index, self.limits);
                    self.entry(outcome)
                }
                Piece::Skipped(why) => {
                    self.index += 1;
                    skipped(self.index - 1, why.to_owned())
                }
                Piece::TooLarge => {
                    self.index += 1;
                    let limit = self.limits.entry;
                    skipped(self.index - 1, format!("it is larger than {limit} bytes without its contents"))
                }
                Piece::Hopeless(what) => return Err(damaged(what.to_owned())),
                Piece::Damaged(what) => note(NoteKind::HarmlessDamage { what }),
                Piece::Hiding(what) => skipped(self.index, what.to_owned()),
                Piece::Cut(offset, entry) => {
                    let is_begun = entry.is_some();
                    let entry = entry.and_then(|entry| exchange_from_cut(entry, self.index, self.limits));
                    if entry.is_none() && self.items == 0 {
                        return Err(damaged("the file ends before its first entry is complete".to_owned()));
                    }
                    self.items += 1;
                    let cut = "the recording ends inside it, before it tells which host was asked".to_owned();
                    let item = match entry {
                        Some(entry) => Some(self.entry(Ok(entry))),
                        None => is_begun.then(|| skipped(self.index, cut)),
                    };
                    if item.is_some_and(|item| sink.item(item) == Control::Stop) {
                        return Ok(());
                    }
                    note(NoteKind::TruncatedInput { offset })
                }
            };
            self.items += 1;
            if sink.item(item) == Control::Stop {
                return Ok(());
            }
        }
        if !self.scanner.found_entries() {
            return Err(damaged("it has no log.entries".to_owned()));
        }
        if let Some(how) = self.summary.verdict() {
            _ = sink.item(note(NoteKind::Sanitized { how }));
        }
        Ok(())
    }

    /// Hands out entries by blocks, as long as nothing else comes. What is left is ahead in the window.
    fn run_blocks(&mut self, team: &mut Team<'_>, sink: &mut dyn ItemSink) -> Control {
        let mut carried = self.scanner.window().take().to_vec();
        let mut is_over = false;
        loop {
            while !is_over && team.has_room() {
                match self.next_block(team, &mut carried) {
                    Some(block) => team.send(block),
                    None => is_over = true,
                }
            }
            let Ok(converted) = team.receive() else { return Control::Stop };
            let Some(mut converted) = converted else { break };
            let before = self.index;
            for mut outcome in converted.outcomes.drain(..) {
                if let Ok(converted) = &mut outcome {
                    converted.move_by(before);
                }
                let item = self.entry(outcome);
                self.items += 1;
                if sink.item(item) == Control::Stop {
                    return Control::Stop;
                }
            }
            if !converted.is_used_up() {
                let mut left = converted.rest().to_vec();
                team.done(converted);
                loop {
                    let Ok(unproven) = team.receive() else { return Control::Stop };
                    let Some(unproven) = unproven else { break };
                    left.extend_from_slice(unproven.bytes());
                    team.done(unproven);
                }
                left.append(&mut carried);
                carried = left;
                break;
            }
            team.done(converted);
        }
        self.scanner.window().give_back(&carried);
        Control::Continue
    }

    /// The next block, which begins with what is `carried`, and what is carried on from it. `None` at the end of the
    /// input, and where no entry begins behind the first one because that is large.
    fn next_block(&mut self, team: &mut Team<'_>, carried: &mut Vec<u8>) -> Option<Block> {
        let mut block = team.block();
        block.begin(carried);
        let mut size = team.size;
        loop {
            let window = self.scanner.window();
            let mut is_end = false;
            while block.bytes().len() < size && !is_end {
                let count = window.read_past(block.room(size - block.bytes().len()));
                block.add(count);
                is_end = count == 0;
            }
            // A little that is left is not worth a thread.
            let rest = if is_end { None } else { block.split_off(window.first_name()) };
            if let Some(rest) = rest {
                *carried = rest;
                return Some(block);
            }
            match blocks::larger(size).filter(|_| !is_end) {
                Some(larger) => size = larger,
                None => break,
            }
        }
        *carried = block.bytes().to_vec();
        team.keep(block);
        None
    }

    /// Takes what became of the next entry.
    fn entry(&mut self, outcome: Outcome) -> Item<'static> {
        self.index += 1;
        match outcome {
            Ok(Converted { exchange, traces }) => {
                self.summary.add(traces);
                Item::Exchange(Box::new(exchange))
            }
            Err(why) => skipped(self.index - 1, why.to_owned()),
        }
    }
}

fn note(kind: NoteKind) -> Item<'static> {
    Item::Note(Note::input(kind))
}

fn skipped(index: u64, why: String) -> Item<'static> {
    Item::Note(Note::at(At::Entry { index, time: None }, NoteKind::EntrySkipped { why }))
}

/// Whether a creator is the developer tools of Chrome or Edge.
fn is_devtools(creator: RawEntry<'_>) -> bool {
    let mut json = Json::new(creator);
    let mut found = false;
    if json.enter_object() {
        while let Some(name) = json.name() {
            match name {
                b"name" => found = json.scalar().is_some_and(|name| name.raw == b"WebInspector"),
                _ => json.skip(),
            }
        }
    }
    found
}
