//! An entry of a dynamic table.

/// RFC 7541 §4.1, RFC 9204 §3.2.1: what an entry counts besides its name and value.
const OVERHEAD: usize = 32;

/// What an entry of those lengths counts.
pub(crate) const fn size_of_entry(name: Option<&[u8]>, value: &[u8]) -> usize {
    let name = match name {
        Some(name) => name.len(),
        None => 0,
    };
    name.saturating_add(value.len()).saturating_add(OVERHEAD)
}

/// Name and value in one allocation.
#[derive(Debug)]
pub(crate) struct Entry {
    bytes: Box<[u8]>,
    name: usize,
    name_known: bool,
}

impl Entry {
    /// An entry; a name that was not recorded is `None`, and counts as empty.
    pub(crate) fn new(name: Option<&[u8]>, value: &[u8]) -> Self {
        let bytes = [name.unwrap_or_default(), value].concat().into_boxed_slice();
        Self { bytes, name: name.map_or(0, <[u8]>::len), name_known: name.is_some() }
    }

    /// What it counts.
    pub(crate) const fn size(&self) -> usize {
        self.bytes.len().saturating_add(OVERHEAD)
    }

    /// Name and value.
    pub(crate) fn parts(&self) -> (Option<&[u8]>, &[u8]) {
        let (name, value) = self.bytes.split_at_checked(self.name).unwrap_or_default();
        (self.name_known.then_some(name), value)
    }
}
