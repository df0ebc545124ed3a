//! The tests of the library, in one program: linking takes longer than most of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod adversary;
mod dispatch;
mod layers;
mod pairs;
mod parts;
mod rules;
mod support;
mod times;
mod traps;
mod unscripted;
mod vectors;
