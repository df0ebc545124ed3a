//! Challenges and credentials (RFC 9110 §11, RFC 7617, RFC 6750, [MS-NTHT]).

use std::borrow::Cow;

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
    /// Parameters as sent, in order; quoted pairs undone.
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
    /// Scheme as sent; empty where a bare token stands without one.
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
    /// User name, decoded as UTF-8, else Latin-1.
    pub user: String,
    /// Password.
    pub password: Secret<String>,
    /// It is not base64, or there is no `:` in it; `user` holds what could be read.
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
        match &self.kind {
            CredentialsKind::Empty => format!("{} (empty)", self.scheme).into(),
            CredentialsKind::Basic(basic) => {
                format!("{} user \"{}\", password of {} bytes (masked)", self.scheme, basic.user, basic.password_length)
                    .into()
            }
            _ => format!("{} ({} bytes, sha256 {})", self.scheme, self.length, self.id).into(),
        }
    }
}
