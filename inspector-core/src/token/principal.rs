//! The principal names of server-to-server OAuth, and the application ids Microsoft has published.
//!
//! Grammar (protocol.md §1.1; [MS-XOAUTH], AADSTS90022: `name[/host][@realm]`), with the spellings seen in real traffic:
//!
//! ```text
//! principal = ["/"] name ["/" [host]] ["@" [realm]]
//! 00000004-0000-0ff1-ce00-000000000000@contoso.com      the article's issuer
//! 00000004-0000-0ff1-ce00-000000000000/@contoso.com     "sometimes with a / before the @"
//! /7557eb47-c689-4224-abcf-aef9bd7573df@7f9c…           2025 edition
//! 00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@7f9c…
//! ```

use std::fmt;

/// A parsed principal name. Parts are kept as sent; compare them with the methods.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    /// Application id or other name, without slashes and `@`.
    pub name: String,
    /// Host, possibly with a port; `None` if absent, `Some("")` if its slash is there and nothing behind it.
    pub host: Option<String>,
    /// Realm; `None` without `@`, `Some("")` if nothing follows it.
    pub realm: Option<String>,
}

impl Principal {
    /// Parses `text`; `None` for a URL, an empty name, or text with white space.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains("://") || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let body = text.strip_prefix('/').unwrap_or(text);
        let (left, realm) = match body.rsplit_once('@') {
            Some((left, realm)) => (left, Some(realm.to_owned())),
            None => (body, None),
        };
        let (name, host) = match left.split_once('/') {
            Some((name, host)) => (name, Some(host.to_owned())),
            None => (left, None),
        };
        if name.is_empty() || name.contains('@') {
            return None;
        }
        Some(Self { name: name.to_owned(), host, realm })
    }

    /// Whether the name is a GUID.
    pub fn is_guid(&self) -> bool {
        is_guid(&self.name)
    }

    /// Whether the name is that application id, letter case aside.
    pub fn is(&self, id: &str) -> bool {
        self.name.eq_ignore_ascii_case(id)
    }

    /// The realm, unless it is absent or empty.
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref().filter(|realm| !realm.is_empty())
    }

    /// The host in lower case without a trailing dot, unless it is absent or empty.
    pub fn host(&self) -> Option<String> {
        let host = self.host.as_deref()?.trim_end_matches('.').to_ascii_lowercase();
        (!host.is_empty()).then_some(host)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(host) = &self.host {
            write!(f, "/{host}")?;
        }
        self.realm.as_ref().map_or(Ok(()), |realm| write!(f, "@{realm}"))
    }
}

/// Whether `text` is 8-4-4-4-12 hexadecimal digits.
pub fn is_guid(text: &str) -> bool {
    let mut groups = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|length| {
        groups.next().is_some_and(|group| group.len() == *length && group.bytes().all(|b| b.is_ascii_hexdigit()))
    }) && groups.next().is_none()
}
