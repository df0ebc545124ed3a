//! Reads recorded HTTP traffic and judges server-to-server OAuth in it.
//!
//! Captures (pcap, pcapng) and exports (HAR, transcripts) go in; HTTP exchanges, tokens and a verdict with evidence come
//! out. Nothing in this crate reads a clock, prints, opens a file or a connection: bytes in, facts out.
//!
//! ```text
//! engine::read ─► Exchange ─► token::extract ─► Analysis ─► Report (verdict, findings, handshakes, tokens)
//! ```
//!
//! ```
//! use inspector_core::{Judge, policy::Policy, profile::Profile};
//!
//! let transcript = b"GET /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.contoso.com\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n\
//!                    HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
//! let mut judge = Judge::new(Policy::new(Profile::builtin("exchange-s2s").expect("built in")));
//! let report = judge.recording("example.http", &mut &transcript[..])?;
//! assert_eq!(report.exit_code(), 1);
//! assert!(report.findings.iter().any(|finding| finding.meta.code == "BAS-001"));
//! # Ok::<(), inspector_core::input::ReadError>(())
//! ```
//!
//! [`Judge`] is the paved path. Programs that want the exchanges or the tokens themselves implement
//! [`engine::Receiver`] and call [`engine::read`].
//!
//! [`pages`] has the pages: how it is built, what the rules know, what the outcomes mean.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod analysis;
pub mod app;
pub mod bounded;
pub mod coding;
pub mod connection;
pub mod context;
pub mod convert;
pub mod coverage;
pub mod diff;
mod encoding;
pub mod engine;
pub mod evidence;
pub mod exchange;
pub mod finding;
pub mod flow;
pub mod handshake;
mod heap;
pub mod host;
pub mod hosts;
pub mod http;
pub mod input;
mod judge;
pub mod keys;
mod lanes;
pub mod limits;
mod losses;
pub mod moment;
pub mod note;
pub mod output;
pub mod packet;
pub mod policy;
pub mod probe;
pub mod profile;
mod quic;
pub mod redact;
pub mod report;
pub mod rules;
pub mod scope;
pub mod secret;
pub mod secrets;
pub mod settings;
pub mod sharing;
pub mod time;
pub mod tls;
pub mod token;
pub mod verdict;

/// Pages about the crate.
pub mod pages {
    #[doc = include_str!("../docs/architecture.md")]
    pub mod architecture {}
    #[doc = include_str!("../docs/protocol.md")]
    pub mod protocol {}
    #[doc = include_str!("../docs/verdict.md")]
    pub mod verdict {}
}

pub use judge::{Judge, Opener};
