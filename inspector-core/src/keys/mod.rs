//! The secrets of recordings as things that are handed over: which of them open what, and taking them out, putting them in
//! and leaving them out.
//!
//! A key log often holds the secrets of a whole day, and a capture with such a log inside opens far more than the one
//! connection it is sent for. [`log`] reads lines as text, so that what is kept stays as it was written; [`blocks`]
//! rewrites a pcapng block by block, and changes nothing but its decryption secrets; [`audit`] tells which secrets open
//! which connections, which are unused, and which are missing.

pub mod audit;
pub mod blocks;
pub mod log;
