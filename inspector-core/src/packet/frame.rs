//! A captured packet as a recording gives it.

use std::sync::Arc;

use crate::evidence::At;

/// A link-layer header type, numbered as in the tcpdump.org LINKTYPE_ registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

/// A buffer of what is read, which others may keep to look at its bytes.
pub type Buffer = Arc<Vec<u8>>;

/// One captured packet, borrowed from the read window.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// How to read its first header.
    pub link: LinkType,
    /// Number and time.
    pub at: At,
    /// Length on the wire; larger than `bytes.len()` where the capture's snap length cut it.
    pub original_length: u32,
    /// The interface it was recorded on, by its number in the recording; 0 where there is but one.
    pub interface: u32,
    /// The captured bytes.
    pub bytes: &'a [u8],
    /// The buffer they are part of. Who keeps it can look at them later.
    pub buffer: Option<&'a Buffer>,
}
