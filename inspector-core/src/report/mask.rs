//! What a report shows of a token, and of text from a recording.
//!
//! An excerpt is made by these functions and nothing else, so that a report holds no secret at all: whoever wants to show
//! one has to go back to the [`crate::secret::Secret`] it came from.

pub use crate::redact::excerpt as text;
use crate::token::Token;

/// A token: how it begins if that says nothing secret, its length and its fingerprint.
pub fn token(token: &Token) -> String {
    let start = if token.kind.is_readable() { "eyJ…" } else { token.family.unwrap_or(token.kind.as_str()) };
    format!("{start} ({} characters, sha256 {})", token.raw.reveal().len(), token.id)
}
