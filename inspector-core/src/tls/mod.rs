//! Streams to plaintext streams.

pub mod keylog;
pub mod session;
