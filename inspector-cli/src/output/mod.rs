//! What is printed, and how it is made safe to print.

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use inspector_core::output::json;

pub(crate) mod claims;
pub(crate) mod escape;
pub(crate) mod human;
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

/// Columns of prose.
pub(crate) const WIDTH: usize = 80;

/// Columns of lists and ladders: those of the terminal they are written to, else as many as prose has.
static COLUMNS: AtomicUsize = AtomicUsize::new(WIDTH);

/// Columns a list may take.
pub(crate) fn width() -> usize {
    COLUMNS.load(Ordering::Relaxed)
}

/// Asks the terminal that is standard output for its columns.
pub(crate) fn take_terminal_width() {
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(std::io::stdout()) {
        COLUMNS.store(usize::from(columns).clamp(NARROW, WIDE), Ordering::Relaxed);
    }
}

/// Narrower, nothing can be read; wider, no line can be followed.
const NARROW: usize = 60;
const WIDE: usize = 240;
