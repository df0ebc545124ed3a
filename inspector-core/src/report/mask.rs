//! What may be shown of what was recorded.
//!
//! An excerpt is made by these functions and nothing else, so that a report holds no secret at all: whoever wants to show
//! one has to go back to the [`crate::secret::Secret`] it came from.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{
    secret::Fingerprint,
    token::{Members, Token},
};

/// Longest excerpt, in characters.
const LONGEST: usize = 300;
/// Words so long that they may be secrets.
const LONG_WORD: usize = 48;
/// Members whose text is a secret whatever it looks like.
const SECRET_MEMBERS: [&str; 12] = [
    "password",
    "passwd",
    "client_secret",
    "secret",
    "refreshtoken",
    "refresh_token",
    "access_token",
    "id_token",
    "actortoken",
    "actort",
    "private_key",
    "d",
];

/// A token: how it begins if that says nothing secret, its length and its fingerprint.
pub fn token(token: &Token) -> String {
    let start = if token.kind.is_readable() { "eyJ…" } else { token.family.unwrap_or(token.kind.as_str()) };
    format!("{start} ({} characters, sha256 {})", token.raw.reveal().len(), token.id)
}

/// Text from a recording: long words and anything shaped like a JWT are replaced by length and fingerprint, control
/// characters by their escapes, and the rest is cut at 300 characters.
pub fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(LONGEST));
    let in_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'=' | b'~' | b'%');
    let mut rest = text;
    while !rest.is_empty() && shown.len() <= LONGEST {
        let end = rest.bytes().position(|byte| !in_word(byte)).unwrap_or(rest.len());
        // A byte that is no word's ends the word at a character's boundary: words are ASCII.
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        push_word(&mut shown, word);
        let mut chars = after.chars();
        match chars.next() {
            Some(c) if c.is_control() => shown.extend(c.escape_default()),
            Some(c) => shown.push(c),
            None => {}
        }
        rest = chars.as_str();
    }
    if shown.len() > LONGEST {
        let end = shown.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST).last().unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown
}

fn push_word(shown: &mut String, word: &str) {
    if word.len() >= LONG_WORD || is_token(word) {
        let _ = write!(shown, "({} characters, sha256 {})", word.len(), Fingerprint::of(word.as_bytes()));
    } else {
        shown.push_str(word);
    }
}

/// Whether a word has the shape of a compact JWT: dots, and a first part that is base64url of `{` and more.
fn is_token(word: &str) -> bool {
    (word.starts_with("ey") || word.starts_with("ew")) && word.find('.').is_some_and(|first| first >= 8)
}

/// Claims or a header for display: nested tokens and secret members masked, everything else as sent.
pub fn members(members: &Members) -> Members {
    members.iter().map(|(name, value)| (name, member(name, value))).collect()
}

fn object(members: &Map<String, Value>) -> Map<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), member(name, value))).collect()
}

fn member(name: &str, value: &Value) -> Value {
    match value {
        Value::String(content) if SECRET_MEMBERS.iter().any(|secret| secret.eq_ignore_ascii_case(name)) => {
            Value::String(format!("({} characters, sha256 {})", content.len(), Fingerprint::of(content.as_bytes())))
        }
        Value::String(content) => Value::String(masked_string(content)),
        Value::Array(items) => Value::Array(items.iter().map(|item| member(name, item)).collect()),
        Value::Object(inner) => Value::Object(object(inner)),
        other => other.clone(),
    }
}

/// A claim's text: a JSON document inside is masked by its members, tokens anywhere are masked, all else stays.
fn masked_string(content: &str) -> String {
    if content.trim_start().starts_with('{')
        && let Ok(Value::Object(inner)) = serde_json::from_str::<Value>(content)
    {
        return Value::Object(object(&inner)).to_string();
    }
    let mut shown = String::with_capacity(content.len());
    for (number, word) in content.split(' ').enumerate() {
        if number > 0 {
            shown.push(' ');
        }
        if is_token(word) {
            let _ = write!(shown, "({} characters, sha256 {})", word.len(), Fingerprint::of(word.as_bytes()));
        } else {
            shown.push_str(word);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_long_words_do_not_show() {
        let jwt = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJhIjoxfQ.";
        let long = "a".repeat(64);
        for secret in [jwt, long.as_str()] {
            let shown = text(&format!("Bearer {secret}, x"));
            assert!(!shown.contains(secret) && shown.contains("sha256"), "{shown}");
        }
        assert_eq!(
            text("00000004-0000-0ff1-ce00-000000000000@contoso.com"),
            "00000004-0000-0ff1-ce00-000000000000@contoso.com"
        );
        assert_eq!(text("a\u{1b}[31m\r\n"), "a\\u{1b}[31m\\r\\n");
        assert!(text(&"ab ".repeat(1000)).chars().count() <= LONGEST + 1);
        assert!(text(&"é ".repeat(1000)).ends_with('…'));
    }

    #[test]
    fn members_keep_their_shape() {
        let sent = serde_json::json!({
            "iss": "a@b", "actortoken": "eyJhbGciOiJub25lIn0.e30.", "exp": 5, "refreshtoken": "abc",
            "appctx": "{\"CacheKey\":\"k\",\"refreshtoken\":\"zzz\"}",
            "aud": ["eyJhbGciOiJub25lIn0.e30.x", "y"], "cnf": {"jwk": {"kty": "RSA", "d": "private"}}
        });
        let shown = Value::Object(object(sent.as_object().unwrap())).to_string();
        for secret in ["e30", "\"abc\"", "zzz", "private"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        for kept in ["\"a@b\"", "CacheKey", "\"y\"", "RSA", "\"exp\":5"] {
            assert!(shown.contains(kept), "{kept} in {shown}");
        }
    }
}
