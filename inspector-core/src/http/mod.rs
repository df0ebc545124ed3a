//! Streams to exchanges: HTTP/1 framing, HTTP/2, HTTP/3, content codings, and the fields this program reads.

pub mod auth;
pub mod barren;
pub mod chunked;
pub mod coding;
pub(crate) mod compression;
pub mod content;
pub mod exchange;
pub mod form;
pub mod h1;
pub mod h2;
pub mod h3;
mod lately;
pub mod message;
mod multiplexed;
pub mod websocket;

pub(crate) use crate::encoding::base64;
