//! Streams to plaintext streams.

pub(crate) mod cipher;
pub(crate) mod direction;
pub mod facts;
pub(crate) mod hello;
pub mod keylog;
pub(crate) mod messages;
pub(crate) mod negotiation;
pub mod probe;
pub(crate) mod record;
pub(crate) mod rsa_key;
pub(crate) mod schedule;
pub mod session;
pub(crate) mod suites;
