//! What is printed, and how it is made safe to print.

pub(crate) mod claims;
pub(crate) mod escape;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod mermaid;
pub(crate) mod moment;
pub(crate) mod remedy;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod wrap;

/// `1 call`, `2 calls`.
pub(crate) fn count(number: u64, singular: &str, plural: &str) -> String {
    format!("{number} {}", if number == 1 { singular } else { plural })
}

/// Columns of human output.
pub(crate) const WIDTH: usize = 80;
