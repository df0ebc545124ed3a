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
    keep_pages_small();
    exit::guard(|| commands::dispatch(args::parse()?))
}

/// Has the system give memory in small pages. In huge ones, which the allocator asks for, a heap with holes takes a tenth
/// more, and nothing is faster for it.
fn keep_pages_small() {
    #[cfg(target_os = "linux")]
    {
        // Where that is not possible, it takes more.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}
