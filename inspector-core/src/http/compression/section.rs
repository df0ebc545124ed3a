//! Fields to a header section, or to a trailer section.

use std::ops::Range;

use crate::{
    exchange::{
        Mark, Marks,
        message::{Field, Head, Start},
    },
    limits::Limits,
};

/// Name given to a field whose name was not recorded.
const UNKNOWN: &[u8] = b"?";
/// Capacity in bytes up to which a buffer is used again.
const REUSED: usize = 32 << 10;

/// A decoded field section.
#[derive(Debug)]
pub(crate) struct FieldSection {
    /// A request if it has `:method` or `:path`, a response if it has `:status`, else trailers.
    pub(crate) head: Head,
    /// What is unknown or wrong in it.
    pub(crate) marks: Marks,
}

/// A section in the making: bytes and ranges. Used again and again.
#[derive(Debug, Default)]
pub(crate) struct SectionBuilder {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    method: Option<Range<u32>>,
    path: Option<Range<u32>>,
    authority: Option<Range<u32>>,
    status: Option<u16>,
    marks: Marks,
}

impl SectionBuilder {
    /// Adds a field; `None` if its name was not recorded.
    pub(crate) fn push(&mut self, name: Option<&[u8]>, value: &[u8], limits: &Limits) {
        let length = name.map_or(1, <[u8]>::len).saturating_add(value.len()).saturating_add(4);
        if self.bytes.len().saturating_add(length) > limits.head || self.fields.len() >= limits.fields {
            self.marks.add(Mark::HeadCut);
            return;
        }
        if name.is_none() {
            self.marks.add(Mark::HeaderUnknown);
        }
        let name = self.append(name.unwrap_or(UNKNOWN));
        self.bytes.extend_from_slice(b": ");
        let value_range = self.append(value);
        self.bytes.extend_from_slice(b"\r\n");
        let name_bytes = self.bytes.get(name.start as usize..name.end as usize).unwrap_or_default();
        match name_bytes {
            b":method" => self.method = Some(value_range),
            b":path" => self.path = Some(value_range),
            b":authority" => self.authority = Some(value_range),
            b":status" => self.status = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok()),
            [b':', ..] => {}
            _ => self.fields.push(Field { name, value: value_range }),
        }
    }

    fn append(&mut self, piece: &[u8]) -> Range<u32> {
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(piece);
        start..u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    /// Something is unknown or wrong.
    pub(crate) const fn mark(&mut self, mark: Mark) {
        self.marks.add(mark);
    }

    /// Bytes of memory it takes besides its own, about.
    pub(crate) fn weight(&self) -> usize {
        let fields = self.fields.capacity().saturating_mul(size_of::<Field>());
        self.bytes.capacity().saturating_add(fields)
    }

    /// The section, and all made ready for the next.
    pub(crate) fn finish(&mut self) -> FieldSection {
        let (method, path, authority) = (self.method.take(), self.path.take(), self.authority.take());
        let start = if let Some(status) = self.status.take() {
            Start::Response { status, reason: 0..0 }
        } else if method.is_some() || path.is_some() || authority.is_some() {
            Start::Request { method: method.unwrap_or(0..0), target: path.unwrap_or(0..0), authority }
        } else {
            Start::Trailers
        };
        let head = Head::new(self.bytes.as_slice(), start, self.fields.clone());
        self.fields.clear();
        self.bytes.clear();
        self.bytes.shrink_to(REUSED);
        FieldSection { head, marks: std::mem::take(&mut self.marks) }
    }
}
