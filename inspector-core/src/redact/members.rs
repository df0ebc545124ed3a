//! Members of a token's header and claims, and of JSON inside them.
//!
//! Claims are facts a report needs, and stay as sent. Secrets among them go by their names at any depth, the private
//! parameters of a JWK by the object they are in, and tokens by their shape.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Level, escaped_where, is_invisible, name as shown_name, opaque,
    pairs::kind_of,
    plain::Plain,
    shown, shown_line,
    text::{is_masked, text},
};
use crate::secret::names::{PRIVATE_JWK, SecretKind, is_switch};

/// JSON texts inside JSON texts that are masked member by member; deeper ones are masked as a whole.
const DEPTH: usize = 4;
/// Numbers under the name of a secret from which on they are one.
const SHORTEST_NUMBER: usize = 4;

/// Masks the members of tokens and the lines of a report, and remembers which of them hid nothing.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Texts that are shown as they are.
    texts: Plain,
    /// Names that are shown as they are, of values that are no secrets by them.
    names: Plain,
}

impl Facts {
    /// A member as it may be shown. `in_key` tells that it is of a JWK (RFC 7517): of an object with `kty`.
    pub fn member(&mut self, name: &str, value: &Value, in_key: bool) -> (String, Value) {
        self.masked(name, value, in_key, DEPTH)
    }

    /// As [`shown_line`].
    pub fn line<'t>(&mut self, line: &'t str) -> Cow<'t, str> {
        if self.texts.has(line) {
            return Cow::Borrowed(line);
        }
        let shown = shown_line(line);
        // A line is looked at as the text of a member is, except for what only a whole value can be.
        if matches!(shown, Cow::Borrowed(_)) && !is_whole_value(line) {
            self.texts.keep(line);
        }
        shown
    }

    fn masked(&mut self, name: &str, value: &Value, in_key: bool, depth: usize) -> (String, Value) {
        if !in_key && self.names.has(name) {
            return (name.to_owned(), self.content(value, false, depth));
        }
        let secret = is_secret(name) || (in_key && is_private(name));
        let shown = shown_name(name);
        if !secret && matches!(shown, Cow::Borrowed(_)) {
            self.names.keep(name);
        }
        (shown.into_owned(), self.content(value, secret, depth))
    }

    fn object(&mut self, members: &Map<String, Value>, secret: bool, depth: usize) -> Value {
        let in_key = members.contains_key("kty");
        // `{"name": "password", "value": "…"}`
        let by_neighbour = ["name", "key", "field", "type", "id"]
            .iter()
            .any(|name| members.get(*name).and_then(Value::as_str).is_some_and(is_secret));
        let shown = members.iter().map(|(name, value)| {
            let is_value = by_neighbour && ["value", "val", "content"].contains(&name.as_str());
            if secret || is_value {
                (shown_name(name).into_owned(), self.content(value, true, depth))
            } else {
                self.masked(name, value, in_key, depth)
            }
        });
        Value::Object(shown.collect())
    }

    fn content(&mut self, value: &Value, secret: bool, depth: usize) -> Value {
        match value {
            Value::String(text) if !secret && self.texts.has(text) => value.clone(),
            Value::String(text) => {
                let shown = self.string(text, secret, depth);
                // The two breaks are escaped where a line is shown.
                if !secret && shown == *text && !text.contains(['\n', '\t']) {
                    self.texts.keep(text);
                }
                Value::String(shown)
            }
            Value::Number(number) if secret && number.to_string().len() >= SHORTEST_NUMBER => {
                Value::String("***(a number)".to_owned())
            }
            Value::Array(all) => Value::Array(all.iter().map(|one| self.content(one, secret, depth)).collect()),
            Value::Object(members) => self.object(members, secret, depth),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn string(&mut self, text: &str, secret: bool, depth: usize) -> String {
        let shown = self.masked_string(text, secret, depth);
        match escaped_where(&shown, |c| is_invisible(c) && !matches!(c, '\n' | '\t')) {
            Cow::Borrowed(_) => shown,
            Cow::Owned(escaped) => escaped,
        }
    }

    fn masked_string(&mut self, content_text: &str, secret: bool, depth: usize) -> String {
        if secret && !is_switch(content_text) && !is_masked(content_text) {
            return shown(content_text);
        }
        if opaque::is_long_token(content_text) {
            return shown(content_text);
        }
        // SharePoint's `appctx` is JSON in a string.
        if is_json(content_text) {
            let Ok(inner) = serde_json::from_str::<Value>(content_text) else {
                return text(content_text, Level::Facts).into_owned();
            };
            let Some(depth) = depth.checked_sub(1) else { return shown(content_text) };
            let masked = self.content(&inner, false, depth);
            return if masked == inner { content_text.to_owned() } else { masked.to_string() };
        }
        match text(content_text, Level::Facts) {
            Cow::Borrowed(same) => same.to_owned(),
            Cow::Owned(masked) => masked,
        }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// Whether there is more to be looked at in a text if it is the whole value of a member.
fn is_whole_value(text: &str) -> bool {
    is_json(text) || opaque::is_long_token(text)
}

/// Whether a member of that name holds a secret. A credential in claims can be a verifiable one, which is public, and
/// details of an authorization are facts.
fn is_secret(name: &str) -> bool {
    const TOKENS: [&str; 6] = ["token", "jwt", "actort", "assertion", "bearer", "samlresponse"];
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match kind_of(name, Level::Facts) {
        Some(SecretKind::Password) => true,
        Some(SecretKind::Key) => !plain.contains("credential") || plain.contains("secret"),
        Some(SecretKind::Token) => TOKENS.iter().any(|end| plain.ends_with(end)) || plain.ends_with("tokens"),
        _ => ["at", "actort", "cookie", "connectionstring"].contains(&plain.as_str()),
    }
}

/// The private parameters of a JWK, and those of its further primes (RFC 7518 §6.3.2.7).
fn is_private(name: &str) -> bool {
    PRIVATE_JWK.contains(&name) || ["r", "t"].contains(&name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.pLaNtEdSiGnAtUrE";

    #[test]
    fn trap_15_claims_are_shown_without_secrets() {
        let opaque = format!("0.A{}pLaNtEd", "xY1".repeat(40));
        let planted = json!({
            "iss": "a", "pwd_exp": 12, "pwd_url": "https://x", "flag": true, "rh": "0.AXoAshort", "nonce": "n0nce",
            "actortoken": JWT, "note": format!("see {JWT}"), "password": "pLaNtEd", "client_secret": "pLaNtEd",
            "refresh_token": "pLaNtEd", "list": [JWT, {"accessToken": "pLaNtEd"}], "other": opaque,
            "cnf": {"jwk": {"kty": "oct", "k": "pLaNtEd"}}, "secrets": {"x": "pLaNtEd", "y": ["pLaNtEd"]},
            "appctx": "{\"CacheKey\":\"c\",\"refreshtoken\":\"pLaNtEd\"}", "pin_secret": 1234567,
            "keys": [{"kty": "RSA", "n": "kept-n", "d": "pLaNtEd", "p": "pLaNtEd", "q": "pLaNtEd", "dp": "pLaNtEd",
                      "dq": "pLaNtEd", "qi": "pLaNtEd", "oth": [{"r": "pLaNtEd", "d": "pLaNtEd", "t": "pLaNtEd"}]}],
            "x": {"pwd": "pLaNtEd", "apiKey": "pLaNtEd", "client-secret": "pLaNtEd", "privateKey": "pLaNtEd"},
            "PaSsWoRd": "pLaNtEd", "pair": [{"name": "password", "value": "pLaNtEd"}], "otp": 1234567,
            "said": "Basic pLaNtEd1x== password=pLaNtEd", "url": "https://u:pLaNtEd@h/?sig=pLaNtEd",
            "d": "kept", (JWT): "x",
        });
        let text = Facts::default().object(planted.as_object().unwrap(), false, DEPTH);
        let shown = text.as_object().unwrap().clone();
        let text = text.to_string();
        for secret in ["pLaNtEd", "SiGnAtUrE", "1234567"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        for (name, value) in [
            ("iss", json!("a")),
            ("pwd_exp", json!(12)),
            ("pwd_url", json!("https://x")),
            ("flag", json!(true)),
            ("rh", json!("0.AXoAshort")),
            ("d", json!("kept")),
            ("nonce", json!("n0nce")),
        ] {
            assert_eq!(shown[name], value);
        }
        assert!(shown["appctx"].as_str().unwrap().contains("\"CacheKey\":\""));
        assert!(text.contains("kept-n"));
        assert_eq!(shown["actortoken"], super::super::token(JWT));
    }
}
