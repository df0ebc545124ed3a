//! HTTP/3 connections (RFC 9114): the streams of a QUIC connection to exchanges.
//!
//! ```text
//!   0, 4, 8 …   requests, both ways       HEADERS, DATA …, HEADERS           frames: type, length, payload
//!   2, 6, 10 …  the client's own          | type | control: SETTINGS … |
//!   3, 7, 11 …  the server's own          | type | encoder's instructions | …
//! ```
//!
//! Each stream is read by itself, so that a hole in one takes nothing from the others but what its field sections refer to.
//! What has to wait for the encoder's instructions waits here; it is read without them when the connection is over.

mod connection;
mod qpack;
mod reader;
mod table;
#[cfg(test)]
mod tests;

pub use connection::Http3;
