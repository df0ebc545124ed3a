//! How sure a reader is that what it looks at is its own.

/// How sure a format, or a protocol, is of being the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Probe {
    /// It is something else.
    No,
    /// It may be.
    Likely,
    /// A magic number says so.
    Certain,
}
