//! Names under which tokens travel, and what a token is used for there.
//!
//! A value under one of these names is taken for a token whatever it looks like; elsewhere only what looks like a JWT is.

use super::Site;
use crate::token::Role;

/// The kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenName {
    /// `access_token` exactly: the parameter of RFC 6750 and the member of RFC 6749 §5.1.
    AccessToken,
    /// Its other spellings (`accessToken`, SharePoint's `AccessToken`).
    AccessTokenLike,
    /// `id_token`, in any spelling.
    IdToken,
    /// `refresh_token`, in any spelling.
    RefreshToken,
    /// An input of the token endpoint: assertions (RFC 7521), subject and actor tokens (RFC 8693).
    Assertion,
    /// Another name that always means a token.
    Other,
    /// A name that may mean other things; the value must be long and without blanks.
    Weak,
}

/// The shortest value that is a token under a [`TokenName::Weak`] name.
const SHORTEST_WEAK: usize = 16;
/// The longest name in the table below.
const LONGEST: usize = 24;

/// What `name` says about its value. Letter case, `_`, `-` and `.` do not matter.
pub(super) fn token_name(name: &str) -> Option<TokenName> {
    if name.eq_ignore_ascii_case("access_token") {
        return Some(TokenName::AccessToken);
    }
    let mut plain = [0_u8; LONGEST];
    let mut length = 0;
    for byte in name.bytes().filter(|b| !matches!(b, b'_' | b'-' | b'.')) {
        *plain.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    Some(match plain.get(..length)? {
        b"accesstoken" => TokenName::AccessTokenLike,
        b"idtoken" => TokenName::IdToken,
        b"refreshtoken" => TokenName::RefreshToken,
        b"assertion" | b"clientassertion" | b"subjecttoken" | b"actortoken" => TokenName::Assertion,
        b"authtoken" | b"usertoken" | b"bearertoken" | b"sessiontoken" | b"skypetoken" | b"skypetokenasm"
        | b"registrationtoken" | b"idtokenhint" | b"spapptoken" | b"appcontext" | b"appcontexttoken"
        | b"oauthtoken" | b"tokenvalue" | b"cwt" => TokenName::Other,
        b"token" | b"jwt" => TokenName::Weak,
        _ => return None,
    })
}

impl TokenName {
    /// Whether `value` is taken for a token under this name.
    pub(super) fn accepts(self, value: &str) -> bool {
        let value = value.trim();
        match self {
            Self::Weak => value.len() >= SHORTEST_WEAK && !value.contains([' ', '<', '{']),
            // SharePoint's context can be JSON, and an assertion can be SAML.
            _ => !value.is_empty() && !value.starts_with(['<', '{', '[']) || crate::http::auth::is_redacted(value),
        }
    }

    /// What a token is used for under this name at that place.
    pub(super) const fn role(self, site: Site) -> Role {
        match (site, self) {
            (Site::Parameter, Self::AccessToken) => Role::Presented,
            (Site::Opening, Self::AccessToken | Self::AccessTokenLike | Self::IdToken | Self::Other | Self::Weak) => {
                Role::Presented
            }
            (Site::Parameter | Site::RequestMember, Self::Assertion | Self::RefreshToken) => Role::Assertion,
            (
                Site::ResponseMember | Site::Location,
                Self::AccessToken | Self::AccessTokenLike | Self::IdToken | Self::RefreshToken,
            ) => Role::Issued,
            _ => Role::Mentioned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_every_spelling() {
        for (name, expected) in [
            ("access_token", Some(TokenName::AccessToken)),
            ("ACCESS_TOKEN", Some(TokenName::AccessToken)),
            ("accessToken", Some(TokenName::AccessTokenLike)),
            ("refreshToken", Some(TokenName::RefreshToken)),
            ("client_assertion", Some(TokenName::Assertion)),
            ("SPAppToken", Some(TokenName::Other)),
            ("skypetoken_asm", Some(TokenName::Other)),
            ("token", Some(TokenName::Weak)),
            ("token_type", None),
            ("", None),
            ("a-name-longer-than-any-in-the-table", None),
        ] {
            assert_eq!(token_name(name), expected, "{name}");
        }
        assert!(TokenName::AccessToken.accepts("x") && TokenName::AccessToken.accepts("[REDACTED]"));
        for value in ["short", "two words that are long enough", ""] {
            assert!(!TokenName::Weak.accepts(value), "{value}");
        }
        assert!(!TokenName::Assertion.accepts("<saml:Assertion/>") && !TokenName::Other.accepts("{\"a\":1}"));
    }
}
