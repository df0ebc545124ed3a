//! Recordings that can be handed over: secrets are replaced, and what was written is searched for them.
//!
//! ```text
//! first reading ─► Redactor::learn    every secret that parsing or looks tell
//! second        ─► Redactor::…        marks in their places, of the same lengths
//! third         ─► Search             the output, raw and decoded: nothing of what was learnt may be there
//! ```
//!
//! A mark ([`mark`]) has the length of what it replaces, is the same wherever the same secret stood, and is told from a
//! secret by its form. Tokens stay tokens: header and claims stay, the signature is marked; of credentials the user's name
//! stays. So the recording is judged as it was before, and what was removed is said to be so.

mod base;
pub mod capture;
pub mod json;
mod pseudonyms;
mod readdress;
pub mod receipt;
mod redactor;
pub mod search;
pub(crate) mod stand_ins;
pub mod text;
mod word;

pub use pseudonyms::{Pseudonyms, Who};
pub use redactor::{Kind, Redactor};

pub use crate::redact::mark;
