//! The tests of the command line, in one program: linking takes longer than most of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod action;
mod cli;
mod common;
mod faults;
mod formats;
mod jobs;
mod jwks;
mod keys;
mod leaks;
mod library;
mod live;
mod oidc;
mod ordinary;
mod outputs;
mod partials;
mod planted;
mod policy;
mod readme;
mod removal;
mod scenarios;
mod several;
mod sharing;
mod snapshots;
mod support;
mod words;
