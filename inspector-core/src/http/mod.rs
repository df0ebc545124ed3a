//! Streams to exchanges: HTTP/1 framing, HTTP/2, HTTP/3, content codings, and the fields this program reads.

pub mod auth;
pub mod chunked;
pub(crate) mod compression;
pub mod content;
mod decode_cache;
pub mod form;
pub mod h1;
pub mod h2;
pub mod h3;
mod multiplexed;
pub mod websocket;

pub(crate) use crate::encoding::base64;
