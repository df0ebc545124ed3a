//! What HPACK (RFC 7541) and QPACK (RFC 9204) have in common: integers, strings, Huffman's code, entries of
//! dynamic tables, and the section of fields that comes of them.
//!
//! ```text
//!   integer with a prefix of n bits      | flags, 8-n | value, or 2^n - 1 and 7 bits in each further octet |
//!   string with a prefix of n bits       | flags, 7-n | H | length, a prefix of n bits | octets, coded if H |
//! ```

mod entry;
mod huffman;
mod literal;
mod section;
mod strings;

pub(crate) use self::{
    entry::{Entry, size_of_entry},
    literal::{Broken, integer, string},
    section::{FieldSection, SectionBuilder},
};
