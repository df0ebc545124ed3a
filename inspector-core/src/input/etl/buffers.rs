//! The buffers of the file, and its clock.

use std::io::{Read, SeekFrom};

use super::{
    super::{ReadError, Seekable, netmon::file_time, order::Order},
    Notes,
};
use crate::{limits::Limits, time::Timestamp};

/// Length of a buffer's header.
pub(super) const HEADER: usize = 0x48;
/// Where the first event's data begins: behind the buffer's header and a system event's.
const LOGFILE: usize = HEADER + 0x20;
/// The buffer is compressed.
const COMPRESSED: u16 = 0x40;
/// Events or buffers were lost before it.
const LOST: u16 = 0x02 | 0x04;

/// How times are counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// They are FILETIMEs.
    FileTime,
    /// Ticks of so many a second, from a moment (FILETIME) and its tick on.
    Ticks { start: u64, first: i64, frequency: u64 },
}

impl Clock {
    pub(super) fn time(self, ticks: i64) -> Option<Timestamp> {
        match self {
            Self::FileTime => u64::try_from(ticks).ok().and_then(file_time),
            Self::Ticks { frequency: 0, .. } => None,
            Self::Ticks { start, first, frequency } => {
                // Hundreds of nanoseconds.
                let since = i128::from(ticks.saturating_sub(first)) * 10_000_000 / i128::from(frequency);
                u64::try_from(i128::from(start) + since).ok().and_then(file_time)
            }
        }
    }
}

/// A buffer's events.
pub(super) struct Buffer {
    /// Where it lies in the file.
    pub(super) offset: u64,
    pub(super) processor: u16,
    pub(super) bytes: Vec<u8>,
}

/// The file.
pub(super) struct File<'f> {
    input: &'f mut dyn Seekable,
    offset: u64,
    pub(super) clock: Clock,
    /// Events and buffers that were lost.
    pub(super) lost: u32,
}

impl<'f> File<'f> {
    /// Reads what the first event tells.
    pub(super) fn open(input: &'f mut dyn Seekable) -> Result<Self, ReadError> {
        let damaged = |what: &str| ReadError::Damaged { format: "etl", what: what.to_owned() };
        let mut head = vec![0; LOGFILE + 0x118];
        input.read_exact(&mut head).map_err(|_| damaged("its header is cut"))?;
        let logfile = head.get(LOGFILE..).unwrap_or_default();
        let word = |at| Order::Little.u32(logfile, at).unwrap_or(0);
        let long = |at| Order::Little.i64(logfile, at).unwrap_or(0);
        // The last five members come behind two pointers and the time zone.
        let end = if word(44) == 4 { 0x110 } else { 0x118 };
        let (frequency, start, clock) = (long(end - 24), long(end - 16), word(end - 8));
        let first = Order::Little.i64(&head, HEADER + 0x10).unwrap_or(0);
        let start = u64::try_from(start).unwrap_or(0);
        let clock = match clock {
            2 => Clock::FileTime,
            3 => Clock::Ticks { start, first, frequency: u64::from(word(52)) * 1_000_000 },
            _ => Clock::Ticks { start, first, frequency: u64::try_from(frequency).unwrap_or(0) },
        };
        let lost = word(48).saturating_add(word(end - 4));
        Ok(Self { input, offset: 0, clock, lost })
    }

    pub(super) fn input(&mut self) -> &mut dyn Seekable {
        self.input
    }

    /// The next buffer with events that can be read.
    pub(super) fn next_buffer(&mut self, limits: &Limits, notes: &mut Notes) -> Result<Option<Buffer>, ReadError> {
        loop {
            let offset = self.offset;
            self.input.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            (&mut *self.input).take(HEADER as u64).read_to_end(&mut bytes)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let size = Order::Little.u32(&bytes, 0).unwrap_or(0) as usize;
            let filled = Order::Little.u32(&bytes, 0x30).unwrap_or(0) as usize;
            let flags = Order::Little.u16(&bytes, 0x34).unwrap_or(0);
            let processor = Order::Little.u16(&bytes, 0x28).unwrap_or(0);
            if bytes.len() < HEADER {
                notes.truncated = Some(offset);
                return Ok(None);
            }
            if size < HEADER || filled > size {
                notes.add("a buffer contradicts its own lengths; what follows it cannot be found");
                return Ok(None);
            }
            self.offset += size as u64;
            if flags & LOST != 0 {
                notes.add("events were lost while it was recorded");
            }
            if flags & COMPRESSED != 0 {
                notes.add("a buffer is compressed, which is not read: record without compression");
                continue;
            }
            if size > limits.block {
                notes.add("a buffer is larger than what is read at once (limit: block)");
                continue;
            }
            let rest = filled.saturating_sub(HEADER);
            let read = (&mut *self.input).take(rest as u64).read_to_end(&mut bytes)?;
            if read < rest {
                notes.truncated = Some(offset);
            }
            return Ok(Some(Buffer { offset, processor, bytes }));
        }
    }
}
