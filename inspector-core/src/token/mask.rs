//! What is shown of a token's header and claims ([`crate::redact`] knows what of them is a secret).

pub(super) use crate::redact::name as safe_name;
pub use crate::redact::{token as masked_token, tokens_masked};

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
