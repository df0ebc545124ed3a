//! What is printed, and how it is made safe to print.

pub(crate) mod escape;
pub(crate) mod json;
