//! What may be shown of tokens and of texts that hold some.
//!
//! Claims are facts a report needs; signatures, opaque tokens and passwords never leave. The masks here are what every
//! excerpt is made with.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Members, Token, classify::family, scan::scan};
use crate::{
    http::auth,
    secret::{
        Fingerprint,
        names::{SecretKind, secret_kind},
    },
};

/// Letters of a JWT's header that are shown. They tell the header's first member, no secret.
const SHOWN: usize = 4;
/// From this length on a value with the prefix of an opaque token is taken for one. Identifiers of the same family
/// (the `rh` claim) are shorter.
const OPAQUE: usize = 100;
/// JSON texts inside JSON texts that are masked member by member; deeper ones are masked as a whole.
const DEPTH: usize = 4;

/// `eyJ0…(2129 chars, sha256 1f2e3d4c5b6a7988)` for a JWT; for an opaque token no characters at all.
pub fn masked_token(raw: &str) -> String {
    let raw = raw.trim();
    let shown = match scan(raw.as_bytes()).next() {
        Some(hit) if hit.range.start == 0 => raw.chars().take(SHOWN).chain(['\u{2026}']).collect(),
        _ => String::new(),
    };
    format!("{shown}({} chars, sha256 {})", raw.chars().count(), Fingerprint::of(raw.as_bytes()))
}

/// `text` with every JWT in it masked.
pub fn masked_text(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut done = 0;
    for hit in scan(text.as_bytes()) {
        masked.push_str(text.get(done..hit.range.start).unwrap_or_default());
        masked.push_str(&masked_token(text.get(hit.range.clone()).unwrap_or_default()));
        done = hit.range.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(masked)
}

/// The claims with nested tokens and secrets masked, everything else verbatim, in their order.
pub fn claims_for_display(token: &Token) -> Members {
    outermost(&token.claims, DEPTH)
}

/// The header's parameters with secrets masked, everything else verbatim, in their order.
pub fn header_for_display(token: &Token) -> Members {
    outermost(&token.header, DEPTH)
}

/// A name that can be shown: of one that is or may be a secret only length and fingerprint.
pub(super) fn safe_name(name: &str) -> Cow<'_, str> {
    if name.chars().count() > 64 || scan(name.as_bytes()).next().is_some() {
        return Cow::Owned(masked_token(name));
    }
    Cow::Borrowed(name)
}

fn outermost(members: &Members, depth: usize) -> Members {
    let key = members.contains_key("kty");
    members.iter().map(|(name, member)| masked(name, member, key, depth)).collect()
}

fn object(members: &Map<String, Value>, depth: usize) -> Map<String, Value> {
    let key = members.contains_key("kty");
    members.iter().map(|(name, member)| masked(name, member, key, depth)).collect()
}

/// A member as it may be shown. `key` tells that it is of a JWK.
fn masked(name: &str, member: &Value, key: bool, depth: usize) -> (String, Value) {
    let secret = is_secret(name) || (key && is_private(name));
    (safe_name(name).into_owned(), value(member, secret, depth))
}

fn value(member: &Value, secret: bool, depth: usize) -> Value {
    match member {
        Value::String(text) => Value::String(string(text, secret, depth)),
        Value::Number(_) if secret => Value::String("(masked)".to_owned()),
        Value::Array(all) => Value::Array(all.iter().map(|one| value(one, secret, depth)).collect()),
        Value::Object(members) if secret => {
            let all = members.iter().map(|(name, one)| (safe_name(name).into_owned(), value(one, true, depth)));
            Value::Object(all.collect())
        }
        Value::Object(members) => Value::Object(object(members, depth)),
        Value::Null | Value::Bool(_) | Value::Number(_) => member.clone(),
    }
}

fn string(text: &str, secret: bool, depth: usize) -> String {
    if secret && !text.is_empty() && !auth::is_redacted(text) {
        return masked_token(text);
    }
    if text.len() >= OPAQUE && family(text).is_some() {
        return masked_token(text);
    }
    // SharePoint's `appctx` is JSON in a string.
    if text.trim_start().starts_with(['{', '[']) {
        let Ok(inner) = serde_json::from_str::<Value>(text) else { return masked_text(text).into_owned() };
        let Some(depth) = depth.checked_sub(1) else { return masked_token(text) };
        let masked = value(&inner, false, depth);
        return if masked == inner { text.to_owned() } else { masked.to_string() };
    }
    masked_text(text).into_owned()
}

/// Whether a member of that name holds a secret. Facts about a password (`pwd_exp`, `pwd_url`) do not.
fn is_secret(member: &str) -> bool {
    const NAMES: &[&str] = &[
        "accesstoken",
        "actort",
        "actortoken",
        "apikey",
        "assertion",
        "at",
        "clientassertion",
        "credential",
        "idtoken",
        "passwd",
        "privatekey",
        "pwd",
        "refreshtoken",
        "subjecttoken",
        "token",
    ];
    const ENDINGS: &[&str] = &["exp", "expires", "expiry", "hint", "in", "length", "type", "uri", "url", "version"];
    let name: String =
        member.chars().filter(|c| !matches!(c, '_' | '-' | '.')).map(|c| c.to_ascii_lowercase()).collect();
    let about = ["password", "passphrase", "secret", "refreshtoken", "accesstoken", "privatekey"];
    // A credential in claims can be a verifiable one, which is public.
    let kind = secret_kind(member).filter(|_| !name.contains("credential"));
    NAMES.contains(&name.as_str())
        || matches!(kind, Some(SecretKind::Password | SecretKind::Key))
        || about.iter().any(|word| name.contains(word)) && !ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The private parameters of a JWK (RFC 7518 §6).
fn is_private(name: &str) -> bool {
    ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.pLaNtEdSiGnAtUrE";

    #[test]
    fn tokens_are_masked_by_kind() {
        let shown = masked_token(JWT);
        assert_eq!(shown, format!("eyJh\u{2026}({} chars, sha256 {})", JWT.len(), Fingerprint::of(JWT.as_bytes())));
        let opaque = masked_token("0.AXoApLaNtEd");
        assert!(opaque.starts_with("(13 chars, sha256 "), "{opaque}");
        assert_eq!(masked_text("nothing"), "nothing");
        assert_eq!(masked_text(&format!("a {JWT}, b {JWT}")), format!("a {shown}, b {shown}"));
    }

    #[test]
    fn trap_15_claims_are_shown_without_secrets() {
        let opaque = format!("0.A{}pLaNtEd", "x".repeat(100));
        let planted = json!({
            "iss": "a", "pwd_exp": 12, "pwd_url": "https://x", "flag": true, "rh": "0.AXoAshort",
            "actortoken": JWT, "note": format!("see {JWT}"), "password": "pLaNtEd", "client_secret": "pLaNtEd",
            "refresh_token": "pLaNtEd", "list": [JWT, {"accessToken": "pLaNtEd"}], "other": opaque,
            "cnf": {"jwk": {"kty": "oct", "k": "pLaNtEd"}}, "secrets": {"x": "pLaNtEd", "y": ["pLaNtEd"]},
            "appctx": "{\"CacheKey\":\"c\",\"refreshtoken\":\"pLaNtEd\"}", "pin_secret": 1234567,
            "d": "kept", (JWT): "x",
        });
        let Value::Object(members) = planted else { panic!() };
        let shown = object(&members, DEPTH);
        let text = Value::Object(shown.clone()).to_string();
        for secret in ["pLaNtEd", "SiGnAtUrE", "1234567"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        for (name, value) in [("iss", json!("a")), ("pwd_exp", json!(12)), ("pwd_url", json!("https://x"))] {
            assert_eq!(shown[name], value);
        }
        assert_eq!((&shown["flag"], &shown["rh"], &shown["d"]), (&json!(true), &json!("0.AXoAshort"), &json!("kept")));
        assert!(shown["appctx"].as_str().unwrap().contains("\"CacheKey\":\"c\""));
        assert_eq!(shown["actortoken"], masked_token(JWT));
    }
}
