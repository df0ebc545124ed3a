//! Reads recorded HTTP traffic and judges server-to-server OAuth in it.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod analysis;
pub mod app;
pub mod connection;
pub mod context;
pub mod coverage;
pub mod engine;
pub mod evidence;
pub mod flow;
pub mod handshake;
pub mod host;
pub mod http;
pub mod input;
pub mod limits;
pub mod note;
pub mod packet;
pub mod profile;
pub mod redact;
pub mod report;
pub mod rules;
pub mod secret;
pub mod time;
pub mod tls;
pub mod token;
pub mod verdict;
