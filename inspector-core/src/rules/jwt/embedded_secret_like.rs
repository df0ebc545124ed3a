use serde_json::{Map, Value};

use crate::{
    finding::Severity,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::mask,
};

/// Ends of names under which secrets stand, without `_`, `-` and `.`.
const NAMES: [&str; 6] = ["password", "passwd", "passphrase", "clientsecret", "privatekey", "secretkey"];
/// The same, as whole names only.
const WHOLE: [&str; 2] = ["secret", "pwd"];
/// Values that are switches, not secrets.
const SWITCHES: [&str; 8] = ["true", "false", "0", "1", "yes", "no", "null", "none"];
/// Objects inside objects that are looked into.
const DEPTH: usize = 8;

declare_rule! {
    /// The payload holds what looks like a secret: a password, a client's secret, a private key. Claims are not encrypted:
    /// whoever sees the token has it.
    ///
    /// # Evidence
    /// The name of the member and the length of its value.
    ///
    /// # Traps
    /// Facts about a password (`pwd_exp`, `pwd_url`), switches and empty values are none. A token that was merely seen in a
    /// content is low.
    pub(crate) EmbeddedSecretLike = "JWT-025" "embedded-secret-like" High,
    title: "A token's claims hold a secret",
    remedy: "Take the secret out of the token, and change it.",
    source: "RFC 7519 §12; RFC 8725 §2.6",
    reference: "https://www.rfc-editor.org/rfc/rfc7519#section-12",
}

impl Rule for EmbeddedSecretLike {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let Some((name, length)) = search(layer.token.claims.iter(), layer.token.claims.contains_key("kty"), DEPTH)
            else {
                continue;
            };
            let used = layer.is_used() || layer.facts.in_head;
            let severity = if used { Self::META.severity } else { Severity::Low };
            let name = mask::text(&name);
            for draft in layer.drafts(Self::META, &name, &format!("({length} bytes, masked)")) {
                context.find(draft.severity(severity).detail(format!("{}: {name}", layer.token.kind)));
            }
        }
    }
}

/// The first member that looks like a secret, and the length of its value.
/// `key` tells that they are of a JWK.
fn search<'m>(members: impl Iterator<Item = (&'m str, &'m Value)>, key: bool, depth: usize) -> Option<(String, usize)> {
    for (name, value) in members {
        match value {
            Value::String(text) if is_secret(name, key) => {
                let text = text.trim();
                if !text.is_empty() && !SWITCHES.iter().any(|switch| text.eq_ignore_ascii_case(switch)) {
                    return Some((name.to_owned(), text.len()));
                }
            }
            Value::Object(inner) if depth > 0 => {
                if let Some(found) = search_inside(inner, depth - 1) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

fn search_inside(members: &Map<String, Value>, depth: usize) -> Option<(String, usize)> {
    search(members.iter().map(|(name, value)| (name.as_str(), value)), members.contains_key("kty"), depth)
}

fn is_secret(name: &str, key: bool) -> bool {
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-' | '.')).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|end| plain.ends_with(end)) || WHOLE.contains(&plain.as_str()) || (key && name == "d")
}
