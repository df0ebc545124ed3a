//! Reads recorded HTTP traffic and judges server-to-server OAuth in it.
//!
//! Captures (pcap, pcapng) and exports (HAR, transcripts) go in; HTTP exchanges, tokens and a verdict with evidence come
//! out. Nothing in this crate reads a clock, prints, opens a file or a connection: bytes in, facts out.
//!
//! # Judge a recording
//!
//! ```
//! use inspector_core::{Judge, Outcome, Policy, Profile};
//!
//! let transcript = b"GET /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.contoso.com\r\nAuthorization: Basic dXNlcjpwYXNz\r\n\r\n\
//!                    HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
//! let mut judge = Judge::new(Policy::new(Profile::builtin("exchange-s2s").expect("built in")));
//! let report = judge.recording("example.http", &mut &transcript[..])?;
//! assert_eq!((report.outcome, report.exit_code()), (Outcome::Fail, 1));
//! assert!(report.findings.iter().any(|finding| finding.meta.code == "BAS-001"));
//! # Ok::<(), inspector_core::Error>(())
//! ```
//!
//! # List the exchanges
//!
//! ```
//! use inspector_core::{Judge, Policy, Profile, input::Control};
//!
//! let transcript = b"GET /EWS/Exchange.asmx HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\nHTTP/1.1 401 Unauthorized\r\n\r\n";
//! let mut judge = Judge::new(Policy::new(Profile::builtin("generic").expect("built in")));
//! let mut statuses = Vec::new();
//! judge.exchanges(&|| Ok(Box::new(std::io::Cursor::new(&transcript[..]))), &mut |exchange| {
//!     statuses.push(exchange.status());
//!     Control::Continue
//! })?;
//! assert_eq!(statuses, [Some(401)]);
//! # Ok::<(), inspector_core::Error>(())
//! ```
//!
//! # Make JSON
//!
//! ```
//! # use inspector_core::{Judge, Policy, Profile, output};
//! # let mut judge = Judge::new(Policy::new(Profile::builtin("generic").expect("built in")));
//! # let report = judge.recording("example.http", &mut &b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"[..])?;
//! let mut json = Vec::new();
//! output::find("json").expect("built in").write(&report, &mut json)?;
//! assert!(json.starts_with(b"{"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Bounds and errors
//!
//! Every buffer has a bound in [`Limits`]; one that is reached is a finding, never silence. [`Error`] is for a recording of
//! which nothing could be read: later damage is a finding, too. Programs that want everything as it is read implement
//! [`engine::Receiver`] and call [`engine::read`].
//!
//! [`pages`] has the pages: how it is built and its layers, what the rules know, what the outcomes mean.
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod analysis;
#[doc(hidden)]
pub mod app;
#[doc(hidden)]
pub mod bounded;
#[doc(hidden)]
pub mod coding;
pub mod connection;
#[doc(hidden)]
pub mod context;
pub mod convert;
pub mod coverage;
pub mod diff;
mod encoding;
pub mod engine;
pub mod evidence;
pub mod exchange;
pub mod finding;
#[doc(hidden)]
pub mod flow;
pub mod handshake;
mod heap;
pub mod host;
pub mod hosts;
pub mod http;
pub mod input;
mod judge;
pub mod keys;
pub mod limits;
mod losses;
#[doc(hidden)]
pub mod moment;
pub mod note;
pub mod output;
#[doc(hidden)]
pub mod packet;
pub mod partial;
pub mod policy;
#[doc(hidden)]
pub mod probe;
pub mod profile;
mod quic;
pub mod redact;
pub mod report;
pub mod rules;
pub mod scope;
pub mod secret;
#[doc(hidden)]
pub mod secrets;
pub mod settings;
mod shard;
pub mod sharing;
pub mod split;
pub mod time;
#[doc(hidden)]
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

pub use exchange::Exchange;
pub use finding::{Finding, Severity};
pub use input::ReadError as Error;
pub use judge::{Judge, Opener};
pub use limits::Limits;
pub use policy::Policy;
pub use profile::Profile;
pub use report::Report;
pub use token::Token;
pub use verdict::Outcome;
