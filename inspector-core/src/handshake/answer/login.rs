//! Where somebody is sent, or shown a form, to sign in.

use std::borrow::Cow;

use memchr::memmem;

use crate::{
    exchange::{Scheme, message::Head},
    hosts,
    profile::Profile,
};

/// Words that a segment of a path begins with where somebody signs in.
const WORDS: [&str; 7] = ["login", "logon", "signin", "sign-in", "sign_in", "ssologin", "saml2sso"];

/// Whether a redirect leads to where somebody signs in: of a product, a SAML or an OpenID provider, or by its name.
/// `own` is the target that was asked, as `host` and `path`: the same by another scheme is not another page.
pub(super) fn is_redirect(head: &Head, profile: &Profile, own: (&str, &str)) -> bool {
    head.value("location").is_some_and(|location| leads_to_login(location, profile, own))
}

/// Whether a field `Refresh` leads there.
pub(super) fn is_refresh(head: &Head, profile: &Profile, own: (&str, &str)) -> bool {
    let Some(value) = head.value("refresh") else { return false };
    let lower = value.to_ascii_lowercase();
    let url = memmem::find(&lower, b"url=").and_then(|at| value.get(at + 4..));
    url.is_some_and(|url| leads_to_login(url.trim_ascii(), profile, own))
}

fn leads_to_login(location: &[u8], profile: &Profile, (own_host, own_path): (&str, &str)) -> bool {
    let location: Cow<'_, str> = String::from_utf8_lossy(location);
    let location = location.trim().to_ascii_lowercase();
    let end = location.find('#').unwrap_or(location.len());
    let location = location.get(..end).unwrap_or_default();
    let absolute = location.split_once("://").filter(|(scheme, _)| !scheme.contains('/'));
    let relative = location.strip_prefix("//");
    let (authority, rest) = match absolute.map(|(_, rest)| rest).or(relative) {
        Some(rest) => rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or((rest, "")),
        None => ("", location),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = hosts::normalize(authority, Scheme::Https);
    let is_own = host.is_empty() || hosts::bare(&host) == hosts::bare(own_host);
    if is_own && path.trim_end_matches('/') == own_path.trim_end_matches('/') {
        return false;
    }
    let names = |text: &str| profile.login_paths.iter().any(|login| text.contains(login.as_str()));
    let by_path =
        |path: &str| path.split(['/', '\\']).any(|segment| WORDS.iter().any(|word| segment.starts_with(word)));
    let first = hosts::bare(&host).split('.').next().unwrap_or_default();
    names(path)
        || names(query)
        || by_path(path)
        || (query.contains("response_type=") && query.contains("client_id="))
        || (!is_own && (profile.is_token_host(&host) || is_login_label(first, profile)))
}

/// `login`, `login2`, `sso-eu`, but not `loginsight`.
fn is_login_label(label: &str, profile: &Profile) -> bool {
    profile.login_hosts.iter().any(|known| {
        label
            .strip_prefix(known.as_str())
            .is_some_and(|rest| rest.chars().next().is_none_or(|c| !c.is_ascii_alphabetic()))
    })
}

/// Whether a page asks for a password, or posts itself to an identity provider (SAML 2.0 bindings §3.5, WS-Federation).
pub(super) fn is_page(content: &[u8]) -> bool {
    const FIELDS: [&[u8]; 6] = [
        b"type=\"password\"",
        b"type='password'",
        b"type=password",
        b"name=\"samlrequest\"",
        b"name='samlrequest'",
        b"name=samlrequest",
    ];
    let page = content.to_ascii_lowercase();
    FIELDS.iter().any(|field| memmem::find(&page, field).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::message::HeadBuilder;

    #[test]
    fn redirects_to_login() {
        let profile = Profile::builtin("exchange-s2s").unwrap();
        let leads = |location: &str| {
            let mut builder = HeadBuilder::response(302, b"");
            builder.field(b"Location", location.as_bytes());
            is_redirect(&builder.finish(), &profile, ("mail.contoso.com", "/ews/exchange.asmx"))
        };
        for location in [
            "/my.policy",
            "https://mail.contoso.com/my.policy",
            "/vpn/index.html",
            "https://gw.contoso.com/vpn/index.html?x",
            "/cgi/login",
            "/CookieAuth.dll?GetLogon?curl=Z2Fews&reason=0",
            "https://sso.contoso.com/idp/SSO.saml2?SAMLRequest=abc",
            "https://idp.test/x?SAMLRequest=fZ",
            "https://fs.contoso.com/adfs/ls/?wa=wsignin1.0&wtrealm=x",
            "https://op.test/a?client_id=x&response_type=code&scope=openid",
            "https://login.contoso.com/",
            "//login.contoso.com",
            "https://login.microsoftonline.com/common/x",
            "/owa/auth/logon.aspx?url=x",
            "/Account/Login?ReturnUrl=%2fews",
            "/users/sign_in",
            "https://sso2.test/",
            "/dana-na/auth/url_default/welcome.cgi",
            "https://key.test/realms/a/protocol/openid-connect/auth?x",
            "/+CSCOE+/logon.html",
        ] {
            assert!(leads(location), "{location}");
        }
        for location in [
            "https://mail.contoso.com/ews/exchange.asmx",
            "http://mail.contoso.com/EWS/Exchange.asmx/",
            "https://mail.contoso.com/owa/",
            "https://cdn.example.net/f?X-Amz-Signature=abc",
            "/maintenance.html",
            "https://loginsight.test/",
            "https://www.contoso.com/#/login",
            "",
        ] {
            assert!(!leads(location), "{location}");
        }
    }
}
