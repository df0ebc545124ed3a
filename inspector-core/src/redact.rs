//! What may be shown of the bytes of a recording.
//!
//! Outputs print fields and URLs of hostile, secret-laden traffic. This module turns them into text that holds no
//! password, signature, opaque token, client secret or cookie value: each is replaced by its length and fingerprint, so
//! that two occurrences of one secret can still be told to be the same. Masking goes by place first (the fields and
//! parameters known to carry secrets) and by shape second (anything that looks like a JWT, wherever it stands).
//!
//! It knows nothing of terminals: escaping control characters is the work of whoever prints.

use std::{borrow::Cow, fmt::Write as _};

use crate::secret::{Fingerprint, names::secret_kind};

/// Fields whose whole value is a secret, apart from an authentication scheme in front of it.
const SECRET_FIELDS: &[&str] = &[
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
];

/// The value of a field as it may be shown.
pub fn field_value<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "cookie" => Cow::Owned(cookies(value)),
        "set-cookie" | "set-cookie2" => Cow::Owned(set_cookie(value)),
        "www-authenticate" | "proxy-authenticate" => challenge(value),
        "sec-websocket-protocol" => Cow::Owned(subprotocols(value)),
        name if SECRET_FIELDS.contains(&name) => Cow::Owned(credentials(value)),
        name if is_secret_name(name) => Cow::Owned(credentials(value)),
        _ if looks_like_url(value) => url(value),
        _ => jwts(value),
    }
}

/// A URL or request target: password of the user information, values of secret parameters in query and fragment, and
/// anything shaped like a JWT are masked.
pub fn url(text: &str) -> Cow<'_, str> {
    let Some(cut) = text.find(['?', '#', '@']) else { return jwts(text) };
    let mut out = String::with_capacity(text.len());
    let rest = match user_information(text) {
        Some((before, user, password, after)) => {
            out.push_str(before);
            out.push_str(user);
            if let Some(password) = password {
                let _ = write!(out, ":{}", mask(password.as_bytes()));
            }
            after
        }
        None if text.as_bytes().get(cut) == Some(&b'@') && !text.contains(['?', '#']) => return jwts(text),
        None => text,
    };
    let Some(start) = rest.find(['?', '#']) else {
        out.push_str(&jwts(rest));
        return Cow::Owned(out);
    };
    let (path, parameters) = rest.split_at(start);
    out.push_str(&jwts(path));
    for piece in split_keeping(parameters, |c| matches!(c, '?' | '#' | '&' | ';')) {
        match piece.split_once('=') {
            Some((name, value))
                if !value.is_empty() && is_secret_name(name.trim_start_matches(['?', '#', '&', ';'])) =>
            {
                let _ = write!(out, "{name}={}", mask(value.as_bytes()));
            }
            Some((name, value)) if value.contains("%3A%2F%2F") || value.contains("://") || value.contains("%3D") => {
                // A URL inside a parameter: its own parameters are encoded, so that names are found after decoding.
                if hides_secret(value) {
                    let _ = write!(out, "{name}={}", mask(value.as_bytes()));
                } else {
                    out.push_str(&jwts(piece));
                }
            }
            _ => out.push_str(&jwts(piece)),
        }
    }
    Cow::Owned(out)
}

/// Masks whatever is shaped like a JWT in free text (diagnostics, error descriptions, field values).
pub fn jwts(text: &str) -> Cow<'_, str> {
    let mut out: Option<String> = None;
    let mut done = 0;
    let mut from = 0;
    while let Some((start, end)) = next_jwt(text, from) {
        let buffer = out.get_or_insert_with(|| String::with_capacity(text.len()));
        buffer.push_str(text.get(done..start).unwrap_or_default());
        buffer.push_str(&token(text.get(start..end).unwrap_or_default()));
        (done, from) = (end, end);
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.push_str(text.get(done..).unwrap_or_default());
            Cow::Owned(out)
        }
    }
}

/// A token as it may be shown: the start of a JWT's header, else nothing of it, with length and fingerprint.
pub fn token(raw: &str) -> String {
    let head = if raw.contains('.') && starts_like_jwt(raw) { raw.get(..4).unwrap_or_default() } else { "" };
    format!("{head}…({} chars, sha256 {})", raw.len(), Fingerprint::of(raw.as_bytes()))
}

/// A secret as it may be shown: its length and fingerprint.
///
/// A short secret has no fingerprint either: it could be found by trying.
pub fn mask(secret: &[u8]) -> String {
    if secret.len() < 16 {
        return format!("***({} bytes)", secret.len());
    }
    format!("***({} bytes, sha256 {})", secret.len(), Fingerprint::of(secret))
}

/// Whether a name of a field, parameter or member marks its value as a secret.
pub fn is_secret_name(name: &str) -> bool {
    SECRET_FIELDS.iter().any(|known| name.eq_ignore_ascii_case(known)) || secret_kind(name).is_some()
}

/// `scheme credentials`: the scheme and, for a scheme that is a word, nothing of what follows it.
fn credentials(value: &str) -> String {
    let value = value.trim();
    if value.is_empty() {
        return String::new();
    }
    match value.split_once([' ', '\t']) {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let rest = rest.trim();
            if rest.is_empty() { scheme.to_owned() } else { format!("{scheme} {}", shown(rest)) }
        }
        _ if is_scheme(value) && value.len() <= 12 && value.bytes().all(|b| b.is_ascii_alphabetic()) => {
            if ["bearer", "basic", "negotiate", "ntlm", "digest"].iter().any(|s| value.eq_ignore_ascii_case(s)) {
                value.to_owned()
            } else {
                mask(value.as_bytes())
            }
        }
        _ => shown(value),
    }
}

fn shown(secret: &str) -> String {
    if starts_like_jwt(secret) { token(secret) } else { mask(secret.as_bytes()) }
}

fn is_scheme(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 24
        && !word.contains('=')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

fn cookies(value: &str) -> String {
    value.split(';').map(|pair| cookie(pair.trim())).collect::<Vec<_>>().join("; ")
}

fn set_cookie(value: &str) -> String {
    let mut parts = value.splitn(2, ';');
    let mut out = cookie(parts.next().unwrap_or_default().trim());
    if let Some(attributes) = parts.next() {
        out.push(';');
        out.push_str(&jwts(attributes));
    }
    out
}

fn cookie(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, "")) => format!("{name}="),
        Some((name, value)) => format!("{name}={}", mask(value.as_bytes())),
        None if pair.is_empty() => String::new(),
        None => mask(pair.as_bytes()),
    }
}

/// Subprotocols are short registered names; a longer item is a token smuggled past the browser's API.
fn subprotocols(value: &str) -> String {
    let shown = value
        .split(',')
        .map(str::trim)
        .map(|item| if item.len() > 24 || item.contains("bearer.") { shown(item).into() } else { Cow::Borrowed(item) });
    shown.collect::<Vec<_>>().join(", ")
}

/// A challenge is shown but for what its schemes carry as `token68` (NTLM and Kerberos messages).
fn challenge(value: &str) -> Cow<'_, str> {
    let trimmed = value.trim();
    match trimmed.split_once([' ', '\t']) {
        Some((scheme, rest))
            if (scheme.eq_ignore_ascii_case("ntlm") || scheme.eq_ignore_ascii_case("negotiate"))
                && !rest.contains([',', '"']) =>
        {
            Cow::Owned(format!("{scheme} {}", mask(rest.trim().as_bytes())))
        }
        _ => jwts(value),
    }
}

fn looks_like_url(value: &str) -> bool {
    value.contains("://") || (value.starts_with('/') && value.contains(['?', '#']))
}

/// `(scheme://, user, password, @ and the rest)` of an absolute URL with user information.
fn user_information(text: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let authority = text.find("://")?.checked_add(3)?;
    let rest = text.get(authority..)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest.get(..end)?.rfind('@')?;
    let information = rest.get(..at)?;
    let (user, password) = match information.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (information, None),
    };
    Some((text.get(..authority)?, user, password, rest.get(at..)?))
}

/// Whether an encoded URL or form inside a parameter has a secret parameter of its own.
fn hides_secret(value: &str) -> bool {
    let mut decoded = value.to_owned();
    for _ in 0..2 {
        decoded = percent_decoded(&decoded);
    }
    next_jwt(&decoded, 0).is_some()
        || decoded
            .split(['?', '#', '&', ';'])
            .filter_map(|piece| piece.split_once('='))
            .any(|(name, value)| !value.is_empty() && is_secret_name(name))
        || user_information(&decoded).is_some_and(|(_, _, password, _)| password.is_some())
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let value = (*byte == b'%')
            .then(|| tail.first_chunk::<2>())
            .flatten()
            .and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        out.push(value.unwrap_or(*byte));
        rest = if value.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Splits before every separator, keeping it at the head of its piece.
fn split_keeping(text: &str, separator: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let skip = rest.chars().next().map_or(1, char::len_utf8);
        let end = rest.get(skip..)?.find(&separator).map_or(rest.len(), |at| at + skip);
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// A JOSE header's base64url begins `ey` when it is compact JSON, `ew`/`eyAi` with white space inside.
fn starts_like_jwt(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.starts_with(b"ey") || bytes.starts_with(b"ew0K") || bytes.starts_with(b"ewog") || bytes.starts_with(b"ewo")
}

/// The next run of at least 16 token characters that starts like a JWT, at a word boundary, with a dot in it; or a base64
/// of one.
fn next_jwt(text: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut position = from;
    while let Some(start) = bytes.get(position..).and_then(|rest| memchr::memchr2(b'e', b'Z', rest)) {
        let start = start.checked_add(position)?;
        position = start.checked_add(1)?;
        let before = bytes.get(..start).unwrap_or_default();
        let inside = before.last().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        let encoded = [b"%22", b"%3D", b"%3d", b"%20", b"%2F", b"%3A"].iter().any(|escape| before.ends_with(*escape));
        if inside && !encoded {
            continue;
        }
        let tail = bytes.get(start..)?;
        let end = start + tail.iter().position(|b| !is_token_byte(*b)).unwrap_or(tail.len());
        let run = text.get(start..end)?;
        let compact = starts_like_jwt(run) && run.contains('.') && run.len() >= 16;
        if compact || (run.starts_with("ZXlK") && run.len() >= 40) {
            return Some((start, end));
        }
    }
    None
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ";

    #[test]
    fn secrets_do_not_survive() {
        let jwt = JWT;
        for (name, value, secret) in [
            ("Authorization", "Basic Y29udG9zbzpQQHNz", "Y29udG9zbzpQQHNz"),
            ("authorization", "Bearer opaque-token-value-1234", "opaque"),
            ("Authorization", "opaque-token-value-1234567", "opaque"),
            ("Authorization", "SecretWord", "SecretWord"),
            ("Cookie", "a=first-secret; b=second-secret", "secret"),
            ("Set-Cookie", "FedAuth=cookie-secret; Path=/; HttpOnly", "cookie-secret"),
            ("X-Api-Key", "0123456789abcdef", "0123456789abcdef"),
            ("X-Skypetoken", "opaque", "opaque"),
            ("Location", "https://u:p4ss@h/?access_token=opaque#id_token=opaque", "opaque"),
            ("Location", "https://u:p4ss@h/", "p4ss"),
            ("Referer", "https://h/x?next=https%3A%2F%2Fh2%2F%3Faccess_token%3Dopaque", "opaque"),
            ("NTLM", "x", "!"),
            ("WWW-Authenticate", "NTLM TlRMTVNTUAACAAAA", "TlRMTVNTUA"),
        ] {
            let shown = field_value(name, value);
            assert!(!shown.contains(secret), "{name}: {shown}");
        }
        for text in [
            format!("x={jwt}"),
            jwt.to_owned(),
            format!("reason=\"{jwt}\""),
            format!("/path/{jwt}/more"),
            format!("authtoken=Bearer%3D{jwt}"),
        ] {
            for shown in [field_value("X-Other", &text).into_owned(), url(&text).into_owned(), jwts(&text).into_owned()]
            {
                assert!(!shown.contains("c2lnbmF0"), "{text} -> {shown}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for (name, value) in [
            ("Host", "mail.contoso.com"),
            ("Authorization", "Bearer"),
            ("WWW-Authenticate", "Bearer client_id=\"x\", trusted_issuers=\"a@*\",Negotiate,NTLM,Basic realm=\"\""),
            ("Content-Type", "text/xml; charset=utf-8"),
            ("x-ms-diagnostics", "2000000;reason=\"The token has an invalid signature.\""),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Location", "/ews/exchange.asmx?a=1&token_type=Bearer"),
        ] {
            assert_eq!(field_value(name, value), value, "{name}");
        }
        assert_eq!(url("https://h/a?b=c&d=e#f"), "https://h/a?b=c&d=e#f");
        assert_eq!(url("https://user@h/a"), "https://user@h/a");
        assert_eq!(url("/mailto?to=a@b.c"), "/mailto?to=a@b.c");
        assert!(field_value("Set-Cookie", "a=b; Path=/; Secure").ends_with("; Path=/; Secure"));
        assert!(field_value("Authorization", &format!("Bearer {JWT}")).starts_with("Bearer eyJ0…("));
    }
}
