//! QPACK: field sections to heads (RFC 9204).
//!
//! ```text
//! section       | required insert count, 8 | S, delta base, 7 | field lines
//!   1Txxxxxx              indexed                       0001xxxx        indexed, after the base
//!   01NTxxxx value        literal, name by reference    0000Nxxx value  the same, after the base
//!   001NHxxx name value   literal
//! instruction
//!   1Txxxxxx value        insert, name by reference     001xxxxx        capacity
//!   01Hxxxxx name value   insert                        000xxxxx        duplicate
//! ```
//!
//! Field sections and the instructions that fill the table come on different streams, and a recording has them in the order
//! of its packets. A section that refers to an entry that was not inserted yet waits; one that refers to an entry that was
//! not recorded has unknown fields, and says so.

use super::table::{Found, Table, fixed};
use crate::{
    exchange::Mark,
    http::compression::{Broken, FieldSection, SectionBuilder, integer, string},
    limits::Limits,
};

/// Bytes an entry takes at least (§3.2.1): so much capacity has room for one.
const LEAST_ENTRY: u64 = 32;

/// Capacity in bytes up to which a buffer is used again.
const REUSED: usize = 32 << 10;

/// The decoder of the field sections that one side sends.
#[derive(Debug)]
pub(super) struct Decoder {
    table: Table,
    /// The beginning of an instruction.
    partial: Vec<u8>,
    /// The capacity the other side allows the table at most, once it said so.
    maximum: Option<u64>,
    /// The largest capacity the encoder has set.
    capacity: u64,
    /// Instructions are waited for that were sent before others that are there.
    stalled: bool,
    /// Instructions are missing: what is inserted from now on has no number.
    lost: bool,
    name: Vec<u8>,
    value: Vec<u8>,
    building: SectionBuilder,
}

/// A section that waits for instructions.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) section: Vec<u8>,
    /// Entries that were inserted when it came.
    inserted: u64,
    /// Instructions were waited for then: there may have been more.
    stalled: bool,
}

/// How many entries a section needs.
enum Required {
    /// None: it has no references to the dynamic table.
    Nothing,
    /// So many.
    Entries(u64),
    /// It cannot be told, now or ever.
    Later,
    Never,
    /// The number is impossible.
    Invalid,
}

impl Decoder {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            table: Table::new(limits.qpack_table),
            partial: Vec::new(),
            maximum: None,
            capacity: 0,
            stalled: false,
            lost: false,
            name: Vec::new(),
            value: Vec::new(),
            building: SectionBuilder::default(),
        }
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        let buffers = [&self.partial, &self.name, &self.value].iter().map(|buffer| buffer.capacity()).sum::<usize>();
        self.table.weight().saturating_add(buffers).saturating_add(self.building.weight())
    }

    /// The other side said how large the table may be.
    pub(super) const fn allow(&mut self, maximum: u64) {
        self.maximum = Some(maximum);
    }

    /// Whether instructions are waited for though later ones came.
    pub(super) const fn stall(&mut self, stalled: bool) {
        self.stalled = stalled;
    }

    /// Instructions were not recorded.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.partial = Vec::new();
    }

    /// Takes the next bytes of the encoder's stream; [`Broken`] if nothing more can be read of it. What came before that
    /// holds.
    pub(super) fn instructions(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Broken> {
        if self.lost {
            return Ok(());
        }
        let mut gathered = std::mem::take(&mut self.partial);
        let (done, outcome) = if gathered.is_empty() {
            let (done, outcome) = self.all_instructions(bytes, limits);
            gathered.extend_from_slice(bytes.get(done..).unwrap_or_default());
            (0, outcome)
        } else {
            gathered.extend_from_slice(bytes);
            self.all_instructions(&gathered, limits)
        };
        gathered.drain(..done);
        if gathered.is_empty() {
            gathered.shrink_to(REUSED);
        }
        self.partial = gathered;
        outcome?;
        if self.partial.len() > limits.head.saturating_add(16) { Err(Broken) } else { Ok(()) }
    }

    /// Follows whole instructions; how many bytes they are.
    fn all_instructions(&mut self, bytes: &[u8], limits: &Limits) -> (usize, Result<(), Broken>) {
        let mut rest = bytes;
        let mut outcome = Ok(());
        while let Some((instruction, after)) = first_instruction(rest).filter(|_| outcome.is_ok()) {
            rest = after;
            outcome = self.instruction(instruction, limits);
        }
        (bytes.len() - rest.len(), outcome)
    }

    fn instruction(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Broken> {
        let first = *bytes.first().ok_or(Broken)?;
        let inserted = self.table.inserted();
        let before = |index: usize| inserted.checked_sub(1)?.checked_sub(index as u64);
        if first & 0xe0 == 0x20 {
            self.capacity = self.capacity.max(integer(bytes, 5)?.0 as u64);
            return Ok(());
        }
        self.name.clear();
        self.value.clear();
        let mut name_known = true;
        if first & 0xe0 == 0 {
            let (index, _) = integer(bytes, 5)?;
            match before(index).and_then(|index| self.table.find(index)) {
                Some((name, value)) => {
                    name_known = name.is_some();
                    self.name.extend_from_slice(name.unwrap_or_default());
                    self.value.extend_from_slice(value);
                }
                None => name_known = false,
            }
        } else {
            let rest = if first & 0x80 != 0 {
                let (index, rest) = integer(bytes, 6)?;
                let found = if first & 0x40 != 0 {
                    fixed(index)
                } else {
                    before(index).and_then(|index| self.table.find(index))
                };
                match found {
                    Some((Some(name), _)) => self.name.extend_from_slice(name),
                    _ => name_known = false,
                }
                rest
            } else {
                string(bytes, 5, &mut self.name, limits.head)?
            };
            string(rest, 7, &mut self.value, limits.head)?;
        }
        self.table.insert(name_known.then_some(self.name.as_slice()), &self.value);
        Ok(())
    }

    /// A field section, unless it has to wait for instructions.
    pub(super) fn section(&mut self, section: &[u8], limits: &Limits) -> Result<FieldSection, Waiting> {
        let (inserted, stalled) = (self.table.inserted(), self.stalled);
        let found = self.resolved(section, inserted, stalled, limits);
        found.ok_or_else(|| Waiting { section: section.to_vec(), inserted, stalled })
    }

    /// A section that waited, if it need not wait any longer.
    pub(super) fn again(&mut self, waiting: &Waiting, limits: &Limits) -> Option<FieldSection> {
        self.resolved(&waiting.section, waiting.inserted, waiting.stalled, limits)
    }

    /// A section that cannot wait any longer: what it refers to is unknown.
    pub(super) fn without(&mut self, waiting: &Waiting, limits: &Limits) -> FieldSection {
        self.decode(&waiting.section, None, limits)
    }

    fn resolved(&mut self, section: &[u8], at: u64, stalled: bool, limits: &Limits) -> Option<FieldSection> {
        match self.required(section, at, stalled) {
            Required::Nothing => Some(self.decode(section, Some(0), limits)),
            Required::Entries(count) if count <= self.table.inserted() => {
                Some(self.decode(section, Some(count), limits))
            }
            Required::Entries(_) | Required::Later => None,
            Required::Never => Some(self.decode(section, None, limits)),
            Required::Invalid => {
                let mut found = self.decode(section, None, limits);
                found.marks.add(Mark::Malformed);
                Some(found)
            }
        }
    }

    /// §4.5.1.1: the number is sent modulo twice the entries there may be, and was near `at`, the entries there were.
    fn required(&self, section: &[u8], at: u64, stalled: bool) -> Required {
        let Ok((encoded, _)) = integer(section, 8) else { return Required::Invalid };
        let Some(before) = (encoded as u64).checked_sub(1) else { return Required::Nothing };
        if self.lost {
            return Required::Never;
        }
        if self.stalled {
            return Required::Later;
        }
        let Some(maximum) = self.maximum else {
            // The encoder's own capacity is no larger: before as many entries the number is what it is.
            let no_more_than = self.capacity / LEAST_ENTRY;
            let exact = at <= no_more_than && before < no_more_than;
            return if exact { Required::Entries(before) } else { Required::Later };
        };
        let most = maximum / LEAST_ENTRY;
        let range = most.saturating_mul(2);
        if before >= range {
            return Required::Invalid;
        }
        // So many were inserted meanwhile that it may be another.
        if stalled && self.table.inserted().saturating_sub(at) > most {
            return Required::Never;
        }
        let highest = at.saturating_add(most);
        let mut count = (highest / range.max(1)).saturating_mul(range).saturating_add(before);
        if count > highest {
            let Some(less) = count.checked_sub(range) else { return Required::Invalid };
            count = less;
        }
        if count == 0 { Required::Invalid } else { Required::Entries(count) }
    }

    /// Decodes a section of which it is known how many entries it needs, or not.
    fn decode(&mut self, section: &[u8], required: Option<u64>, limits: &Limits) -> FieldSection {
        let mut building = std::mem::take(&mut self.building);
        if self.lines(section, required, &mut building, limits).is_err() {
            building.mark(Mark::Malformed);
        }
        let section = building.finish();
        self.building = building;
        for buffer in [&mut self.name, &mut self.value] {
            buffer.clear();
            buffer.shrink_to(REUSED);
        }
        section
    }

    fn lines(
        &mut self,
        section: &[u8],
        required: Option<u64>,
        building: &mut SectionBuilder,
        limits: &Limits,
    ) -> Result<(), Broken> {
        let (_, rest) = integer(section, 8)?;
        let negative = rest.first().is_some_and(|byte| byte & 0x80 != 0);
        let (delta, mut rest) = integer(rest, 7)?;
        let delta = delta as u64;
        let base = match required {
            Some(required) if negative => {
                Some(required.checked_sub(delta).and_then(|base| base.checked_sub(1)).ok_or(Broken)?)
            }
            Some(required) => Some(required.saturating_add(delta)),
            None => None,
        };
        while let Some(first) = rest.first().copied() {
            let (reference, after) = match first {
                0x80.. => integer(rest, 6)?,
                0x40..0x80 => integer(rest, 4)?,
                0x20..0x40 => (0, rest),
                0x10..0x20 => integer(rest, 4)?,
                0..0x10 => integer(rest, 3)?,
            };
            let index = reference as u64;
            let table = &self.table;
            let before = || base.and_then(|base| base.checked_sub(1)?.checked_sub(index));
            let behind = || base.and_then(|base| base.checked_add(index));
            let dynamic = |absolute: Option<u64>| -> Option<Found<'_>> {
                let absolute = absolute.filter(|absolute| required.is_some_and(|required| *absolute < required));
                table.find(absolute?)
            };
            let found = match first {
                0xc0.. => fixed(reference),
                0x80..0xc0 => dynamic(before()),
                0x50..0x60 | 0x70..0x80 => fixed(reference),
                0x40..0x80 => dynamic(before()),
                0x20..0x40 => None,
                0..0x20 => dynamic(behind()),
            };
            if matches!(first, 0x80.. | 0x10..0x20) {
                match found {
                    Some((name, value)) => building.push(name, value, limits),
                    None if first >= 0xc0 => building.mark(Mark::Malformed),
                    None => building.mark(Mark::HeaderUnknown),
                }
                rest = after;
                continue;
            }
            self.name.clear();
            self.value.clear();
            let (name_known, after) = if matches!(first, 0x20..0x40) {
                (true, string(rest, 3, &mut self.name, limits.head)?)
            } else {
                let name = found.and_then(|(name, _)| name);
                self.name.extend_from_slice(name.unwrap_or_default());
                (name.is_some(), after)
            };
            rest = string(after, 7, &mut self.value, limits.head)?;
            building.push(name_known.then_some(self.name.as_slice()), &self.value, limits);
        }
        Ok(())
    }
}

/// The instruction at the front, if it is whole, and what comes after it.
fn first_instruction(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = |bytes, bits| -> Option<&[u8]> {
        let (length, rest) = integer(bytes, bits).ok()?;
        rest.get(length..)
    };
    let rest = match *bytes.first()? {
        0x80.. => text(integer(bytes, 6).ok()?.1, 7)?,
        0x40..0x80 => text(text(bytes, 5)?, 7)?,
        _ => integer(bytes, 5).ok()?.1,
    };
    bytes.split_at_checked(bytes.len() - rest.len())
}
