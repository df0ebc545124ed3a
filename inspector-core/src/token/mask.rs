//! What is shown of a token's header and claims ([`crate::redact`] knows what of them is a secret).

pub(super) use crate::redact::name as safe_name;
pub use crate::redact::{token as masked_token, tokens_masked};

use super::{Members, Token};
use crate::redact;

/// The claims with nested tokens and secrets masked, everything else verbatim, in their order.
pub fn claims_for_display(token: &Token) -> Members {
    outermost(&token.claims)
}

/// The header's parameters with secrets masked, everything else verbatim, in their order.
pub fn header_for_display(token: &Token) -> Members {
    outermost(&token.header)
}

fn outermost(members: &Members) -> Members {
    let in_key = members.contains_key("kty");
    members.iter().map(|(name, value)| redact::member(name, value, in_key)).collect()
}
