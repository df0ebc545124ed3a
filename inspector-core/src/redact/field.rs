//! Fields of messages (RFC 9110 §5): what their names say of their values.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    Level, mask, opaque,
    pairs::kind_of,
    shown,
    table::Table,
    text::{is_masked, text},
};
use crate::secret::names::is_switch;

/// Fields whose whole value is credentials, apart from an authentication scheme in front of them.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-forwarded-authorization",
    "x-original-authorization",
    "x-authorization",
    "authentication",
    "registrationtoken",
    "dpop",
    "x-proof_token",
    "x-user-identity-token",
    "x-ms-refreshtokencredential",
    "x-ms-devicecredential",
    "ocp-apim-subscription-key",
    "authentication-info",
    "proxy-authentication-info",
    "x-wsse",
];

/// Fields whose values are known to be no secrets, however they look: names and numbers of requests, versions, dates.
const KNOWN: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "cf-ray",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-range",
    "content-security-policy",
    "content-security-policy-report-only",
    "content-type",
    "date",
    "digest",
    "etag",
    "expect",
    "expires",
    "feature-policy",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "keep-alive",
    "last-modified",
    "max-forwards",
    "mime-version",
    "ms-cv",
    "nel",
    "origin",
    "permissions-policy",
    "pragma",
    "priority",
    "range",
    "report-to",
    "retry-after",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-version",
    "server",
    "server-timing",
    "soapaction",
    "strict-transport-security",
    "te",
    "timing-allow-origin",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "warning",
    "x-amz-cf-pop",
    "x-amz-id-2",
    "x-aspnet-version",
    "x-azure-ref",
    "x-backendhttpstatus",
    "x-beserver",
    "x-calculatedbetarget",
    "x-calculatedfetarget",
    "x-content-type-options",
    "x-diaginfo",
    "x-feserver",
    "x-firsthopcafeefz",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-frame-options",
    "x-msedge-ref",
    "x-ms-edge-ref",
    "x-powered-by",
    "x-proxy-backendserverstatus",
    "x-proxy-routingcorrectness",
    "x-requested-with",
    "x-robots-tag",
    "x-rum-validated",
    "x-served-by",
    "x-ua-compatible",
    "x-xss-protection",
];

/// The same, to be asked.
static KNOWN_NAMES: LazyLock<Table> = LazyLock::new(|| Table::new(KNOWN));

/// Ends of the names of such fields.
const KNOWN_ENDS: &[&str] =
    &["-id", "requestid", "correlationid", "traceid", "-version", "-etag", "-server", "-date", "-time"];

/// Parameters of cookies that are no cookie (RFC 6265 §4.1).
const ATTRIBUTES: &[&str] = &[
    "expires",
    "max-age",
    "domain",
    "path",
    "secure",
    "httponly",
    "samesite",
    "priority",
    "partitioned",
    "version",
    "comment",
];

/// Whether the value of a field of that name is credentials.
pub(super) fn is_credentials(name: &str) -> bool {
    CREDENTIALS.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The name of a field as it may be shown: names are no secrets, but anything can stand in their place.
pub fn field_name(name: &str) -> Cow<'_, str> {
    let is_usual = name.len() <= 40
        && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
        && name.bytes().filter(u8::is_ascii_uppercase).count() <= name.len() / 2;
    if is_usual { Cow::Borrowed(name) } else { super::name(name) }
}

/// The value of a field as it may be shown.
pub fn field_value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if value.is_empty() {
        return Cow::Borrowed(value);
    }
    if is("cookie") || is("cookie2") {
        return Cow::Owned(cookies(value));
    }
    if is("set-cookie") || is("set-cookie2") {
        return Cow::Owned(set_cookie(value));
    }
    if is("sec-websocket-protocol") {
        return Cow::Owned(subprotocols(value));
    }
    if is("www-authenticate") || is("proxy-authenticate") {
        return text(value, Level::Prose);
    }
    if KNOWN_NAMES.has(name) {
        return text(value, Level::Known);
    }
    if is_credentials(name) || kind_of(name, Level::Field).is_some() {
        return credentials(name, value);
    }
    let ends_in = |end: &&str| {
        name.len()
            .checked_sub(end.len())
            .and_then(|at| name.get(at..))
            .is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    if KNOWN_ENDS.iter().any(ends_in) {
        return text(value, Level::Known);
    }
    let level = if ["location", "content-location", "referer", "link", "refresh", "x-ms-diagnostics"]
        .iter()
        .any(|known| is(known))
    {
        Level::Prose
    } else {
        Level::Field
    };
    text(value, level)
}

/// `scheme credentials`: the scheme and, for a scheme that is a word, nothing of what follows it.
fn credentials<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    let trimmed = value.trim();
    if is_switch(trimmed) || is_masked(trimmed) {
        return Cow::Borrowed(value);
    }
    match trimmed.split_once(|c: char| c.is_whitespace()) {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let rest = rest.trim();
            if rest.is_empty() || is_masked(rest) {
                return Cow::Borrowed(value);
            }
            // The user of a digest or a WS-Security header is no secret.
            if rest.contains("sername=")
                && (scheme.eq_ignore_ascii_case("digest") || scheme.eq_ignore_ascii_case("usernametoken"))
            {
                return text(value, Level::Field);
            }
            Cow::Owned(format!("{scheme} {}", shown(rest)))
        }
        None if ["bearer", "basic", "negotiate", "ntlm", "digest", "kerberos", "dpop", "pop"]
            .iter()
            .any(|scheme| trimmed.eq_ignore_ascii_case(scheme)) =>
        {
            Cow::Borrowed(value)
        }
        _ if is_credentials(name) || !trimmed.contains(char::is_whitespace) => Cow::Owned(shown(trimmed)),
        // A sentence under such a name, or several values.
        _ => Cow::Owned(mask(trimmed.as_bytes())),
    }
}

/// Whether a word can be a scheme's name: letters, and digits of a version.
fn is_scheme(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 24
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && !opaque::is_opaque(word, Level::Field)
        && word.bytes().filter(u8::is_ascii_digit).count() * 2 < word.len()
}

fn cookies(value: &str) -> String {
    value.split(';').map(|pair| cookie(pair.trim())).collect::<Vec<_>>().join("; ")
}

fn set_cookie(value: &str) -> String {
    let mut parts = value.split(';');
    let mut out = cookie(parts.next().unwrap_or_default().trim());
    for attribute in parts {
        out.push(';');
        let (name, content) = attribute.split_once('=').unwrap_or((attribute, ""));
        if ATTRIBUTES.iter().any(|known| name.trim().eq_ignore_ascii_case(known)) {
            out.push_str(&text(attribute, Level::Prose));
        } else if content.is_empty() {
            out.push_str(&super::name(attribute));
        } else {
            out.push(' ');
            out.push_str(&cookie(attribute.trim()));
        }
    }
    out
}

fn cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, "")) => format!("{}=", super::name(name)),
        Some((name, value)) if is_masked(value) => format!("{}={value}", super::name(name)),
        Some((name, value)) => format!("{}={}", super::name(name), mask(value.as_bytes())),
        None if pair.is_empty() || is_masked(pair) => pair.to_owned(),
        None => mask(pair.as_bytes()),
    }
}

/// Subprotocols are names of few letters and a version. Clients in browsers, which can set no other field, send tokens
/// there, alone, behind the word that says so, or behind a dot.
fn subprotocols(value: &str) -> String {
    let mut announced = false;
    let mut shown_items = Vec::new();
    for item in value.split(',').map(str::trim) {
        let lower = item.to_ascii_lowercase();
        let is_secret = announced && !item.is_empty();
        announced = ["bearer", "token", "authorization", "auth", "jwt", "apikey", "basic", "session"]
            .iter()
            .any(|word| lower == *word || lower.ends_with(&format!("_{word}")) || lower.ends_with(&format!("-{word}")));
        let is_name = item.len() <= 40
            && item.split(['.', '-', '_', ':', '/']).all(|part| {
                let letters = part.trim_start_matches(|c: char| c.is_ascii_digit());
                let letters = letters.trim_end_matches(|c: char| c.is_ascii_digit());
                part.len() <= 4 || (part.len() <= 20 && part.len() - letters.len() <= 3 && opaque::is_wordy(letters))
            });
        shown_items.push(if is_secret || !is_name { Cow::Owned(shown(item)) } else { Cow::Borrowed(item) });
    }
    shown_items.join(", ")
}
