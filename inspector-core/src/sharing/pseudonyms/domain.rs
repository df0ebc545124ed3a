//! Of a host's name, the labels that tell whose it is.
//!
//! ```text
//! mail.contoso.com                    contoso
//! dc01.corp.contoso.co.uk             dc01, corp, contoso
//! contoso.sharepoint.com              contoso
//! accounts.accesscontrol.windows.net  none
//! ```

/// Domains of services, whose own names tell nothing; what stands in front of them is a customer's.
const SERVICES: [&str; 26] = [
    "windows.net",
    "microsoftonline.com",
    "microsoftonline.us",
    "microsoftonline.de",
    "partner.microsoftonline.cn",
    "chinacloudapi.cn",
    "microsoft.com",
    "office.com",
    "office365.com",
    "office365.us",
    "outlook.com",
    "live.com",
    "lync.com",
    "skype.com",
    "sharepoint.com",
    "onmicrosoft.com",
    "azure.com",
    "azure.net",
    "azurewebsites.net",
    "googleapis.com",
    "google.com",
    "okta.com",
    "auth0.com",
    "amazonaws.com",
    "w3.org",
    "xmlsoap.org",
];

/// Domains of services in front of which there is a customer's name.
const CUSTOMERS: [&str; 6] =
    ["onmicrosoft.com", "sharepoint.com", "okta.com", "auth0.com", "azurewebsites.net", "mail.protection.outlook.com"];

/// Second levels under which names are registered, below a country.
const SECOND: [&str; 9] = ["co", "com", "org", "net", "ac", "gov", "edu", "gv", "or"];

/// Labels that say what a host is for.
const ROLES: [&str; 44] = [
    "access",
    "accounts",
    "adfs",
    "api",
    "app",
    "auth",
    "autodiscover",
    "cloud",
    "connect",
    "discover",
    "edge",
    "ews",
    "exchange",
    "federation",
    "fs",
    "gateway",
    "graph",
    "host",
    "identity",
    "imap",
    "lyncdiscover",
    "login",
    "lync",
    "mail",
    "mx",
    "oauth",
    "oidc",
    "outlook",
    "owa",
    "pop",
    "proxy",
    "resource",
    "server",
    "sip",
    "smtp",
    "sso",
    "sts",
    "test",
    "token",
    "vpn",
    "web",
    "webmail",
    "ws",
    "www",
];

/// Names anybody may use (RFC 2606, RFC 6761).
const RESERVED: [&str; 6] = ["example", "invalid", "local", "localhost", "test", "internal"];

/// Whether a word is no name of anybody's.
pub(super) fn is_common(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    ROLES.contains(&lower.as_str())
        || RESERVED.contains(&lower.as_str())
        || ["nt authority", "builtin"].contains(&lower.as_str())
}

/// The labels of a host in lower case that tell whose it is, each with the one behind it.
pub(super) fn telling(host: &str) -> Vec<(&str, &str)> {
    let host = host.trim_end_matches('.');
    let is_host = host.contains('.')
        && host.len() <= 253
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && host.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !is_host {
        return Vec::new();
    }
    let below = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let customers = CUSTOMERS.iter().filter(|domain| below(domain)).max_by_key(|domain| domain.len());
    if let Some(domain) = customers {
        return labels(host, host.len().saturating_sub(domain.len()));
    }
    if SERVICES.iter().any(|domain| below(domain)) {
        return Vec::new();
    }
    let all: Vec<&str> = host.split('.').collect();
    let country = all.last().is_some_and(|last| last.len() == 2);
    let second = all.len() > 2 && all.get(all.len() - 2).is_some_and(|label| SECOND.contains(label));
    let suffix = if country && second { 2 } else { 1 };
    let end: usize = all.iter().rev().take(suffix).map(|label| label.len() + 1).sum();
    labels(host, host.len().saturating_sub(end))
}

/// The labels up to a place.
fn labels(host: &str, end: usize) -> Vec<(&str, &str)> {
    let mut all = Vec::new();
    let mut at = 0;
    for label in host.split('.') {
        if at >= end {
            break;
        }
        at += label.len() + 1;
        let next = host.get(at..).unwrap_or_default().split('.').next().unwrap_or_default();
        if label.bytes().any(|byte| byte.is_ascii_alphabetic()) && !is_common(label) {
            all.push((label, next));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_is_told_from_what_does_not() {
        for (host, labels) in [
            ("mail.contoso.com", vec!["contoso"]),
            ("dc01.corp.contoso.co.uk", vec!["dc01", "corp", "contoso"]),
            ("contoso.sharepoint.com", vec!["contoso"]),
            ("contoso-com.mail.protection.outlook.com", vec!["contoso-com"]),
            ("accounts.accesscontrol.windows.net", vec![]),
            ("outlook.office365.com", vec![]),
            ("notoffice365.com", vec!["notoffice365"]),
            ("localhost", vec![]),
            ("10.0.0.1", vec![]),
            ("1.5", vec![]),
        ] {
            let found: Vec<&str> = telling(host).into_iter().map(|(label, _)| label).collect();
            assert_eq!(found, labels, "{host}");
        }
    }
}
