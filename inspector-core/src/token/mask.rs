//! What is shown of a token, of its header and claims, and of text from a recording ([`crate::redact`] knows what of it is a
//! secret).
//!
//! An excerpt is made by these functions and nothing else, so that a report holds no secret at all: whoever wants to show
//! one has to go back to the [`crate::secret::Secret`] it came from.

pub(super) use crate::redact::name as safe_name;
pub use crate::redact::{excerpt as text, token as masked_token, tokens_masked};

use super::{Members, Token};
use crate::redact::Facts;

/// The claims with nested tokens and secrets masked, everything else verbatim, in their order.
pub fn claims_for_display(token: &Token) -> Members {
    members_for_display(&token.claims, &mut Facts::default())
}

/// The header's parameters with secrets masked, everything else verbatim, in their order.
pub fn header_for_display(token: &Token) -> Members {
    members_for_display(&token.header, &mut Facts::default())
}

/// Members of a header or claims with nested tokens and secrets masked, everything else verbatim, in their order. `facts`
/// remembers what the tokens of a report have in common.
pub fn members_for_display(members: &Members, facts: &mut Facts) -> Members {
    let in_key = members.contains_key("kty");
    members.iter().map(|(name, value)| facts.member(name, value, in_key)).collect()
}

/// A token: how it begins if that says nothing secret, its length and its fingerprint.
pub fn token(token: &Token) -> String {
    let start = if token.kind.is_readable() { "eyJ…" } else { token.family.unwrap_or(token.kind.as_str()) };
    format!("{start} ({} characters, sha256 {})", token.raw.reveal().len(), token.id)
}
