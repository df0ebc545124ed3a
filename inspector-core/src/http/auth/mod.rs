//! Challenges and credentials (RFC 9110 §11, RFC 7617, RFC 6750, [MS-NTHT]).
//!
//! These fields count as credentials ([`is_credentials_field`]): `Authorization`; `Authentication`, the name Skype's services use;
//! `X-Authorization`, `X-Forwarded-Authorization` and `X-Original-Authorization`, in which a proxy hands the client's
//! credentials on; and `Proxy-Authorization`, whose credentials are for a proxy. A password in any of them was sent; but
//! only a token in `Authorization` or `Authentication` counts as presented to the resource (see `token::extract`). `Basic`
//! with a user and a password is one in any field of a request, and in a cookie: gateways move credentials under names of
//! their own.

mod challenge;
mod credentials;
mod grammar;
mod ntlm;

use std::borrow::Cow;

pub(crate) use crate::redact::placeholder::is_partly_redacted;
pub use crate::redact::placeholder::{is_placeholder, is_redacted};
pub use challenge::challenges;
pub use credentials::{credentials, is_credentials_field};
pub(crate) use credentials::{is_whole_basic, parse};
pub(crate) use grammar::text;

use crate::{
    evidence::Part,
    secret::{Fingerprint, Secret},
};

/// One challenge of a `WWW-Authenticate` or `Proxy-Authenticate` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Scheme as sent.
    pub scheme: String,
    /// `token68`, as NTLM and Negotiate use it.
    pub token68: Option<String>,
    /// Parameters as sent, in order; quoted pairs undone. What the grammar has no place for is kept under an empty name.
    pub parameters: Vec<(String, String)>,
    /// It came in `Proxy-Authenticate`.
    pub proxy: bool,
}

impl Challenge {
    /// Whether the scheme is that, letter case aside.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The first parameter of that name, letter case aside.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// `trusted_issuers` (also spelled `trustedissuers`) as a list.
    pub fn trusted_issuers(&self) -> impl Iterator<Item = &str> {
        let list = self.parameter("trusted_issuers").or_else(|| self.parameter("trustedissuers")).unwrap_or_default();
        list.split(',').map(str::trim).filter(|issuer| !issuer.is_empty())
    }
}

/// The credentials of one `Authorization` or `Proxy-Authorization` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Scheme as sent; empty where a bare token stands without one. Never part of a secret: a word that is no known
    /// scheme and stands alone is taken for a token.
    pub scheme: String,
    /// Field name as sent.
    pub field: String,
    /// Where: the request's header, or its content for requests embedded in a batch.
    pub part: Part,
    /// They are for a proxy.
    pub proxy: bool,
    /// What they hold.
    pub kind: CredentialsKind,
    /// Fingerprint of what follows the scheme.
    pub id: Fingerprint,
    /// Length in bytes of what follows the scheme.
    pub length: usize,
}

/// What credentials hold, by scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialsKind {
    /// The field is empty, or a scheme stands alone (the empty `Bearer` of discovery).
    Empty,
    /// Basic (RFC 7617).
    Basic(Basic),
    /// A token presented by a bearer-like scheme (Bearer, PoP, DPoP, WLID1.0, MSAuth1.0, …) or bare. Its decoded form
    /// is among the extraction's sightings.
    Token,
    /// Digest (RFC 7616).
    Digest {
        /// `username`.
        user: String,
    },
    /// NTLM, or Negotiate carrying NTLM.
    Ntlm(Ntlm),
    /// Negotiate with another mechanism (Kerberos), or Kerberos.
    Negotiate,
    /// The recording replaced the value (`[REDACTED]`, `***`).
    Redacted,
    /// Another scheme.
    Other,
}

/// Basic credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basic {
    /// User name, decoded as UTF-8, else Latin-1. Masked if it is a token itself (`token:x-oauth-basic`).
    pub user: String,
    /// Password.
    pub password: Secret<String>,
    /// It is not base64, or there is no `:` in it. Text without `:` may be a secret, so `password` holds it all and
    /// `user` is empty.
    pub malformed: bool,
    /// Bytes of the password.
    pub password_length: usize,
}

/// What an NTLM message tells ([MS-NLMP] §2.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ntlm {
    /// 1 negotiate, 2 challenge, 3 authenticate; 0 if unreadable.
    pub message: u8,
    /// Domain of message 3.
    pub domain: String,
    /// User of message 3.
    pub user: String,
    /// Workstation of message 3.
    pub workstation: String,
}

impl Credentials {
    /// Whether the scheme is that, letter case aside.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// What may be shown of them: the scheme, lengths, user names and the fingerprint, never the secret.
    pub fn masked(&self) -> Cow<'static, str> {
        let scheme = if self.scheme.is_empty() { "(no scheme)" } else { &self.scheme };
        let size = format_args!("{} bytes, sha256 {}", self.length, self.id);
        match &self.kind {
            CredentialsKind::Empty => format!("{scheme} (empty)"),
            CredentialsKind::Redacted => format!("{scheme} (redacted by the recording)"),
            CredentialsKind::Basic(basic) => {
                let malformed = if basic.malformed { "malformed, " } else { "" };
                let length = basic.password_length;
                format!("{scheme} {malformed}user \"{}\", password of {length} bytes (masked)", basic.user)
            }
            CredentialsKind::Digest { user } => format!("{scheme} user \"{user}\" ({size})"),
            CredentialsKind::Ntlm(ntlm) if ntlm.message == 3 => {
                format!("{scheme} user \"{}\\{}\" at \"{}\" ({size})", ntlm.domain, ntlm.user, ntlm.workstation)
            }
            _ => format!("{scheme} ({size})"),
        }
        .into()
    }
}
