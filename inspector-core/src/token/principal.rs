//! The principal names of server-to-server OAuth, and the application ids Microsoft has published.
//!
//! Grammar ([MS-XOAUTH], AADSTS90022: `name[/host][@realm]`), with the spellings seen in real traffic:
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
        if is_url(text) || has_blank(text) {
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

fn is_url(text: &str) -> bool {
    memchr::memchr_iter(b':', text.as_bytes()).any(|at| text.get(at..).is_some_and(|rest| rest.starts_with("://")))
}

/// Whether there is white space or a control character. Every call of a recording has several names, all of them ASCII.
fn has_blank(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
    }
    text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Whether `text` is 8-4-4-4-12 hexadecimal digits.
pub fn is_guid(text: &str) -> bool {
    let fits =
        |(at, byte): (usize, u8)| if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// Application ids of Microsoft's services (the page [`protocol`](crate::pages::protocol)). An id that is not here is unknown, never wrong: every
/// dedicated hybrid application has an id of its own.
pub const APPLICATIONS: &[(&str, &str)] = &[
    ("00000001-0000-0000-c000-000000000000", "Azure ESTS Service (Access Control Service)"),
    ("00000002-0000-0000-c000-000000000000", "Windows Azure Active Directory"),
    ("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
    ("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    ("00000003-0000-0ff1-ce00-000000000000", "Office 365 SharePoint Online"),
    ("00000004-0000-0ff1-ce00-000000000000", "Skype for Business Online"),
    ("00000005-0000-0ff1-ce00-000000000000", "Viva Engage"),
    ("00000006-0000-0ff1-ce00-000000000000", "Microsoft Office 365 Portal"),
    ("00000007-0000-0ff1-ce00-000000000000", "Microsoft Exchange Online Protection"),
    ("00000007-0000-0000-c000-000000000000", "Dataverse"),
    ("00000009-0000-0000-c000-000000000000", "Power BI Service"),
    ("0000000c-0000-0000-c000-000000000000", "Microsoft App Access Panel"),
    ("00b41c95-dab0-4487-9791-b9d2c32c80f2", "Office 365 Management"),
    ("00f82732-f451-4a01-918c-0e9896e784f9", "Skype for Business Application Configuration Service"),
    ("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Microsoft Azure CLI"),
    ("13d54852-ae25-4f0b-823a-b09eea89f431", "Outlook Service for Exchange"),
    ("1e70cd27-4707-4589-8ec5-9bd20c472a46", "Skype Presence Service"),
    ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "Microsoft Teams (client)"),
    ("26a18ebc-cdf7-4a6a-91cb-beb352805e81", "Skype Teams Calling API"),
    ("27922004-5251-4030-b22d-91ecd9a37ea4", "Outlook Mobile"),
    ("39624784-6cbe-4a60-afbe-9f46d10fdb27", "Teams and Skype for Business Administration"),
    ("47629505-c2b6-4a80-adb1-9b3a3d233b7b", "Microsoft Exchange Web Services"),
    ("48ac35b8-9aa8-4d74-927d-1f4a14a0b239", "Skype and Teams Tenant Admin API"),
    ("48af08dc-f6d2-435f-b2a7-069abd99c086", "Connectors"),
    ("497effe9-df71-4043-a8bb-14cf78c4b63b", "Exchange Admin Center"),
    ("5d661950-3475-41cd-a2c3-d671a3162bc1", "Microsoft Outlook"),
    ("5e3ce6c0-2b1f-4285-8d4b-75ee78787346", "Microsoft Teams Web Client"),
    ("66c23536-2118-49d3-bc66-54730b057680", "Skype Core Calling"),
    ("7557eb47-c689-4224-abcf-aef9bd7573df", "Teams Calendar Scheduler Service"),
    ("797f4846-ba00-4fd7-ba43-dac1f8f63013", "Azure Resource Manager"),
    ("a0c73c16-a7e3-4564-9a95-2bdf47383716", "Legacy Exchange Online (remote PowerShell)"),
    ("cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", "Microsoft Teams Services"),
    ("d3590ed6-52b3-4102-aeff-aad2292ab01c", "Microsoft Office"),
    ("db7de2b5-2149-435e-8043-e080dd50afae", "Cloud Voicemail"),
    ("dfe74da8-9279-44ec-8fb2-2aed9e1c73d0", "O365 SkypeSpaces Ingestion"),
    ("e1829006-9cf1-4d05-8b48-2e665cb48e6a", "Microsoft Teams Web Client"),
    ("ef56c0de-36fc-4ef8-b417-3d82ba9d073c", "Teams Calendar (Teams app)"),
    ("fb78d390-0c51-40cd-8e17-fdbfab77341b", "Microsoft Exchange REST API Based Powershell"),
];

/// The name of a published application id, letter case aside.
pub fn application_name(id: &str) -> Option<&'static str> {
    APPLICATIONS.iter().find(|(known, _)| id.eq_ignore_ascii_case(known)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKYPE: &str = "00000004-0000-0ff1-ce00-000000000000";

    #[test]
    fn trap_5_principals_in_the_spellings_of_protocol_10_4() {
        let table: &[(&str, &str, Option<&str>, Option<&str>)] = &[
            ("00000004-0000-0ff1-ce00-000000000000@7f9c", SKYPE, None, Some("7f9c")),
            ("00000004-0000-0ff1-ce00-000000000000/@7f9c", SKYPE, Some(""), Some("7f9c")),
            ("/00000004-0000-0ff1-ce00-000000000000@7f9c", SKYPE, None, Some("7f9c")),
            ("/7557eb47-c689-4224-abcf-aef9bd7573df@7f9c", "7557eb47-c689-4224-abcf-aef9bd7573df", None, Some("7f9c")),
            ("00000004-0000-0FF1-CE00-000000000000@contoso.com", SKYPE, None, Some("contoso.com")),
            ("00000004-0000-0ff1-ce00-000000000000/mail.c.com:443@*", SKYPE, Some("mail.c.com:443"), Some("*")),
            ("00000004-0000-0ff1-ce00-000000000000@", SKYPE, None, Some("")),
            ("00000004-0000-0ff1-ce00-000000000000", SKYPE, None, None),
        ];
        for (text, id, host, realm) in table {
            let found = Principal::parse(text).unwrap();
            assert!(found.is(id) && found.is_guid(), "{text}");
            assert_eq!((found.host.as_deref(), found.realm.as_deref()), (*host, *realm), "{text}");
            assert_eq!(found.to_string(), text.trim_start_matches('/'));
        }
        for text in [
            "x00000004-0000-0ff1-ce00-000000000000@7f9c",
            "00000002-0000-0ff1-ce00-000000000000/00000004-0000-0ff1-ce00-000000000000@7f9c",
        ] {
            assert!(!Principal::parse(text).unwrap().is(SKYPE), "{text}");
        }
        for text in ["https://sts.windows.net/7f9c/", "", "/", "@7f9c", "/@7f9c", "a b@c", "a@b@c"] {
            assert_eq!(Principal::parse(text), None, "{text}");
        }
        let found = Principal::parse("id/Mail.Contoso.com.@r").unwrap();
        assert_eq!((found.host().as_deref(), found.realm()), (Some("mail.contoso.com"), Some("r")));
    }

    #[test]
    fn published_ids_have_names() {
        assert_eq!(application_name("00000004-0000-0FF1-CE00-000000000000"), Some("Skype for Business Online"));
        assert_eq!(application_name("11111111-0000-0ff1-ce00-000000000000"), None);
        for (at, (id, name)) in APPLICATIONS.iter().enumerate() {
            assert!(is_guid(id) && !name.is_empty() && id.chars().all(|c| !c.is_ascii_uppercase()), "{id}");
            assert!(APPLICATIONS.iter().skip(at + 1).all(|(other, _)| other != id), "{id}");
        }
    }
}
