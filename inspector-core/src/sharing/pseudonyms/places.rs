//! Where names stand in a text.

use std::ops::Range;

/// A name that its place tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'t> {
    /// `megan@contoso.com`.
    Mail(&'t str, &'t str),
    /// `https://mail.contoso.com/`.
    Host(&'t str),
    /// `CONTOSO\megan`, `username=megan`, `S-1-5-21-…`.
    User(&'t str),
    /// `…@7f9c2b1e-…`, `https://sts.windows.net/7f9c2b1e-…/`, `realm="7f9c2b1e-…"`.
    Tenant(&'t str),
}

/// The names whose places tell them, also behind `%40` and `%5C`.
pub(super) fn named(text: &str) -> Vec<Named<'_>> {
    let mut all = Vec::new();
    let bytes = text.as_bytes();
    for at in memchr::memchr3_iter(b'@', b'\\', b'%', bytes) {
        let sign: &[u8] = match bytes.get(at) {
            Some(b'%') => bytes.get(at..at + 3).unwrap_or_default(),
            _ => bytes.get(at..=at).unwrap_or_default(),
        };
        let before = text.get(..at).map_or("", |before| tail(before));
        let behind = text.get(at + sign.len()..).map_or("", head);
        match sign {
            b"@" | b"%40" => {
                if crate::redact::opaque::is_uuid(behind) {
                    all.push(Named::Tenant(behind));
                } else if !crate::redact::opaque::is_uuid(before) && behind.contains('.') && !before.is_empty() {
                    all.push(Named::Mail(before, behind));
                } else if behind.contains('.') {
                    all.push(Named::Host(behind));
                }
            }
            _ => {}
        }
    }
    for at in memchr::memmem::find_iter(bytes, b"://") {
        let behind = text.get(at + 3..).unwrap_or_default();
        let authority =
            behind.split(['/', '?', '#', '"', '\'', '<', '>', ' ', '\\', ',', ';']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        all.push(Named::Host(host.split(':').next().unwrap_or_default()));
        let path = behind.get(authority.len() + 1..).unwrap_or_default();
        let first = path.get(..36).unwrap_or_default();
        if crate::redact::opaque::is_uuid(first) {
            all.push(Named::Tenant(first));
        }
    }
    for opening in ["realm=\"", "\"tid\":\"", "tenant_id=", "\"tenantId\":\"", "\"realm\":\""] {
        for at in memchr::memmem::find_iter(bytes, opening.as_bytes()) {
            if let Some(id) = text.get(at + opening.len()..at + opening.len() + 36) {
                all.push(Named::Tenant(id));
            }
        }
    }
    for at in memchr::memmem::find_iter(bytes, b"S-1-5-21-") {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.bytes().position(|byte| !byte.is_ascii_digit() && byte != b'-' && byte != b'S');
        all.push(Named::User(rest.get(9..end.unwrap_or(rest.len())).unwrap_or_default()));
    }
    for opening in [
        "username=",
        "user=",
        "login=",
        "login_hint=",
        "<wsse:Username>",
        "<Username>",
        "\"username\":\"",
        "\"user\":\"",
        "\"upn\":\"",
    ] {
        for at in memchr::memmem::find_iter(bytes, opening.as_bytes()) {
            let rest = text.get(at + opening.len()..).unwrap_or_default();
            let end = rest.find(['&', '"', '<', '>', ' ', '\r', '\n', ',', ';']).unwrap_or(rest.len());
            let value = rest.get(..end).unwrap_or_default();
            if value.len() <= 64 && !value.contains('%') {
                all.push(Named::User(value));
            }
        }
    }
    all
}

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// The name at the end of a text.
fn tail(text: &str) -> &str {
    let length = text.bytes().rev().take(64).take_while(|byte| is_part(*byte)).count();
    text.get(text.len() - length..).unwrap_or_default().trim_start_matches(['.', '-'])
}

/// The name at its beginning.
fn head(text: &str) -> &str {
    let length = text.bytes().take(253).take_while(|byte| is_part(*byte)).count();
    text.get(..length).unwrap_or_default().trim_end_matches(['.', '-'])
}

/// Runs of letters that may be base64 of something: parts of tokens, and values behind a sign of equality.
pub(super) fn runs(text: &str) -> Vec<Range<usize>> {
    const SHORTEST: usize = 8;
    let bytes = text.as_bytes();
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(&byte);
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(begin) = rest.iter().position(|byte| is_letter(*byte)) else { break };
        let start = at + begin;
        let length =
            bytes.get(start..).map_or(0, |rest| rest.iter().position(|byte| !is_letter(*byte)).unwrap_or(rest.len()));
        let padding =
            bytes.get(start + length..).map_or(0, |rest| rest.iter().take(2).take_while(|byte| **byte == b'=').count());
        let whole = start..start + length + padding;
        at = whole.end;
        if length < SHORTEST {
            continue;
        }
        // What follows the last slash of a path may be one by itself.
        let word = text.get(whole.clone()).unwrap_or_default();
        if super::base::decode(word).is_none()
            && let Some(slash) = word.rfind('/').filter(|slash| word.len() - slash > SHORTEST)
        {
            all.push(whole.start + slash + 1..whole.end);
        } else {
            all.push(whole);
        }
    }
    all
}
