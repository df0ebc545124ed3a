//! HTTP/2 connections (RFC 9113): frames to exchanges.
//!
//! The two directions are read independently; a frame is gathered only if it is cut by the pieces the stream comes in,
//! and DATA is handed to its stream's content as it comes. After a hole the reader looks for the next run of plausible
//! frames at the head of a piece (a TLS record or a segment begins with a frame more often than not); what the lost
//! frames would have inserted into the HPACK table is unknown from then on, and every exchange that was open says so.

mod connection;
mod frame;
mod hpack;
mod table;
#[cfg(test)]
mod tests;

pub use connection::Http2;
pub(crate) use frame::{PREFACE, looks_like_frames};
