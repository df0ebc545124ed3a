//! QUIC (RFC 9000, RFC 9001, RFC 9369): datagrams to the streams of a connection, with the secrets of a key log.
//!
//! | file | from | to |
//! |---|---|---|
//! | `packet`, `version` | datagrams | packets, as far as they are unprotected |
//! | `protection`, `opening` | packets, and secrets | frames' bytes |
//! | `frame` | these | frames |
//! | `handshake` | CRYPTO frames | what decides which secrets are needed |
//! | `receive`, `ranges`, `streams` | STREAM frames | streams in order, and what is missing |
//! | `connection`, `report` | all of these | exchanges of [HTTP/3](crate::http::h3), and what became of the connection |
//!
//! **Identity.** A connection is known by its identifiers, which both ends choose and change; its addresses may change, too.
//!
//! **Loss.** Bytes of streams that were lost on the way come again in other packets; those only the recorder lost do not, and
//! are holes. A packet that was not recorded can have held anything: the other end's acknowledgments tell whether it got
//! there ([`connection`]).

pub(crate) mod connection;
mod frame;
mod handshake;
mod opening;
pub(crate) mod packet;
mod protection;
mod ranges;
mod receive;
mod report;
mod streams;
#[cfg(test)]
pub(crate) mod tests;
mod version;
