//! Streams to plaintext streams.
//!
//! | file | from | to |
//! |---|---|---|
//! | `probe` | first bytes | whether a stream is TLS |
//! | `record` | stream | records |
//! | `open` | records | content, or the reason why not |
//! | `messages` | content | handshake messages |
//! | `hello` | messages | what they tell |
//! | `handshake`, `negotiation` | what they tell, and secrets | keys |
//! | `schedule`, `suites`, `cipher`, `gcm`, `compression` | secrets | keys and opened records |
//! | `keylog`, `rsa_key` | files of the user | secrets |
//! | `session`, `direction`, `facts` | all of these | [`session::TlsEvent`]s and [`facts::TlsFacts`] |
//!
//! This module knows the streams below ([`crate::flow`]) and nothing of what is spoken inside.

pub(crate) mod cipher;
pub(crate) mod compression;
pub(crate) mod direction;
pub mod facts;
pub(crate) mod gcm;
pub(crate) mod handshake;
pub(crate) mod hello;
pub(crate) mod messages;
pub(crate) mod negotiation;
pub(crate) mod open;
pub mod probe;
pub(crate) mod record;
pub(crate) mod schedule;
mod seed;
pub mod session;
pub(crate) mod suites;
