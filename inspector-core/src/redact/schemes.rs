//! Credentials behind the name of an authentication scheme (RFC 9110 §11.4), in whatever text: `Basic dXNlcjp…`.
//!
//! Many schemes are named by words of the language. What follows is credentials unless it is a word too ("Basic
//! authentication"), a version, or a parameter of a challenge (`Bearer realm="…"`).

use std::sync::LazyLock;

use super::{
    Level,
    glance::Bytes,
    opaque,
    table::Table,
    text::{Spots, is_masked},
};

/// Schemes whose credentials are one text.
const STRONG: &[&str] = &[
    "basic",
    "bearer",
    "negotiate",
    "ntlm",
    "kerberos",
    "dpop",
    "apikey",
    "api-key",
    "msauth1.0",
    "msauth1.1",
    "googlelogin",
    "sapisidhash",
    "vapid",
    "privatetoken",
    "private-token",
    "passport1.4",
    "scram-sha-1",
    "scram-sha-256",
    "scram-sha-512",
    "plain",
    "xoauth2",
    "oauthbearer",
    "hoba",
    "mutual",
    "authtoken",
    "sharedkey",
    "sharedkeylite",
    "gnap",
    "splunk",
    "tls-dsk",
];
/// The same, of schemes named by words that stand in many sentences.
const WEAK: &[&str] = &[
    "token",
    "key",
    "digest",
    "pop",
    "mac",
    "oauth",
    "oauth2",
    "signature",
    "jwt",
    "saml",
    "hawk",
    "wrap",
    "session",
    "ticket",
];
/// Schemes whose credentials are parameters: all of them are secrets but those that are known to be none.
const BY_PARAMETERS: &[&str] = &[
    "digest",
    "hawk",
    "mac",
    "oauth",
    "aws4-hmac-sha256",
    "aws4-ecdsa-p256-sha256",
    "aws",
    "sharedkey",
    "sharedaccesssignature",
    "signature",
    "usernametoken",
    "wrap",
    "vapid",
    "scram-sha-1",
    "scram-sha-256",
    "scram-sha-512",
    "mutual",
    "googlelogin",
    "hmac-sha256",
    "hmac",
    "acs-hmac-sha256",
    "goog4-rsa-sha256",
    "hoba",
    "tls-dsk",
    "gssapi-data",
    "kerberos",
    "ntlm",
];
/// Parameters that say who and how, not the secret.
const HARMLESS: &[&str] = &[
    "username",
    "user",
    "realm",
    "algorithm",
    "qop",
    "nc",
    "uri",
    "created",
    "created_at",
    "type",
    "domain",
    "version",
    "id",
    "ts",
    "resource",
    "error",
    "error_description",
    "stale",
    "charset",
    "userhash",
    "headers",
    "signedheaders",
    "keyid",
    "sr",
    "se",
    "st",
    "sp",
    "sv",
    "skn",
    "oauth_version",
    "oauth_timestamp",
    "oauth_signature_method",
    "oauth_consumer_key",
    "scope",
    "client_id",
    "targetname",
    "expires",
    "host",
    "service",
    "sid_type",
    "crand",
];

/// All of them.
static SCHEMES: LazyLock<Table> = LazyLock::new(|| Table::new(&[STRONG, WEAK, BY_PARAMETERS].concat()));

/// Bytes of credentials that are looked at to tell whether they are some.
const LONGEST: usize = 4 << 10;

/// Notes the credentials in a text.
pub(super) fn find(text: &str, level: Level, spots: &mut Spots) {
    const LETTERS: Bytes = Bytes::letters_and(b"-.");
    let mut covered = 0;
    for run in super::text::runs(text, &LETTERS) {
        if run.start < covered {
            continue;
        }
        let word = text.get(run.clone()).unwrap_or_default();
        if word.len() < 3 || word.len() > 24 {
            continue;
        }
        if !SCHEMES.has(word) {
            continue;
        }
        let is = |list: &[&str]| list.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
        let (strong, by_parameters) = (is(STRONG), is(BY_PARAMETERS));
        let behind = text.get(run.end..).unwrap_or_default();
        let rest = behind.trim_start_matches(|c: char| {
            let divides = c.is_whitespace() || matches!(c, '+' | '=' | '"' | '\'' | '\\' | '|' | '\0');
            // What a report says goes on with what it says it of: `an empty Bearer: mail.contoso.com/EWS`.
            divides || (c == ':' && level != Level::Facts)
        });
        let gap = behind.len() - rest.len();
        if gap == 0 || gap > 8 {
            continue;
        }
        let start = run.end + gap;
        let head = rest.get(..rest.floor_char_boundary(LONGEST)).unwrap_or(rest);
        let credentials = head.get(..head.find(ends).unwrap_or(head.len())).unwrap_or_default();
        let behind = head.get(credentials.len()..).unwrap_or_default();
        let is_quoted = credentials.ends_with('=') && behind.starts_with(['"', '\'', '\\']);
        let is_parameter = is_quoted || credentials.trim_end_matches('=').contains('=');
        if is_parameter && by_parameters {
            covered = parameters(text, start, spots);
        } else if !is_parameter {
            let alone = run.start == 0 && start + credentials.len() >= text.trim_end().len() && level == Level::Field;
            let host = credentials.split(['/', ':']).next().unwrap_or_default();
            let is_place = level == Level::Facts && opaque::is_host(host);
            if !is_place && is_secret(credentials, strong, alone) {
                let more = rest.get(credentials.len()..).unwrap_or_default();
                let end = text.len() - more.len() + more.find(ends).unwrap_or(more.len());
                covered = end;
                spots.add(start..end);
            }
        }
    }
}

fn ends(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '<' | '>' | '(' | ')' | '\\' | '&' | '|' | '{' | '}')
}

/// Whether what follows a scheme is credentials. `alone` tells that there is nothing else in a field.
fn is_secret(credentials: &str, strong: bool, alone: bool) -> bool {
    let bare = credentials.trim_end_matches(['.', ':', '!', '?']);
    let is_version = bare.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && bare.len() <= 5;
    if bare.len() < 3 || is_version || is_masked(credentials) || bare.contains("://") {
        return false;
    }
    if !strong {
        let mixed = bare.bytes().any(|b| b.is_ascii_digit()) && bare.bytes().any(|b| b.is_ascii_alphabetic());
        return bare.len() >= 8 && (mixed || opaque::is_opaque(bare, Level::Field)) && !opaque::is_uuid(bare);
    }
    (alone && bare.len() >= 6) || !opaque::is_wordy(bare)
}

/// Notes the values of `name=value` from `at` on, as long as parameters follow, but for those that are known to be
/// harmless. Yields where they end.
fn parameters(text: &str, mut at: usize, spots: &mut Spots) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let skipped = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&'));
        at += rest.len() - skipped.len();
        let name_length = skipped
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte)))
            .unwrap_or(skipped.len());
        let (name, behind) = skipped.split_at_checked(name_length).unwrap_or_default();
        let value = behind.trim_start();
        if name.is_empty() || !value.starts_with('=') {
            return at;
        }
        let value = value.get(1..).unwrap_or_default().trim_start();
        at = text.len() - value.len();
        let (length, next) = match value.strip_prefix('"') {
            Some(quoted) => {
                at += 1;
                let end = quoted.find('"').unwrap_or(quoted.len());
                (end, end + usize::from(end < quoted.len()))
            }
            None => {
                let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&');
                let end = value.find(is_end).unwrap_or(value.len());
                (end, end)
            }
        };
        let shown = text.get(at..at + length).unwrap_or_default();
        if !HARMLESS.iter().any(|known| known.eq_ignore_ascii_case(name)) && !is_masked(shown) {
            spots.add(at..at + length);
        }
        at += next;
    }
}
