//! `inspector`: did server-to-server OAuth work, and was Basic authentication never sent?
//!
//! The program is thin: it opens files, hands them to `inspector_core`, prints what comes back, and turns the outcome
//! into an exit code. Data goes to standard output, everything else to standard error.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod args;
mod commands;
mod config;
mod exit;
mod inputs;
mod live;
mod output;
mod run;
mod sets;
mod staged;
mod workers;

use std::process::ExitCode;

/// Exchanges are made on one thread and forgotten on another, where the C library's allocator has them wait for each other.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    exit::guard(|| commands::dispatch(args::parse()?))
}
