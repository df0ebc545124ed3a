use serde_json::{Map, Value};

use crate::{
    evidence::Part,
    finding::Severity,
    handshake::{observation::Observation, published},
    http::base64,
    rules::{Context, Declared, Rule, declare_rule, occasion::Occasions},
    secret::names::PRIVATE_JWK,
    token::mask,
};

/// Keys of a set that are judged.
const MOST: usize = 64;
/// Shortest RSA modulus that is safe, in bits (RFC 7518 §3.3).
const SHORTEST_RSA: usize = 2048;

declare_rule! {
    /// A published key set has what must stay secret (the private members of a key pair, or a symmetric key), or RSA keys
    /// that can be broken: a modulus below 2048 bits, an exponent of one or an even one. Whoever reads it can write tokens.
    ///
    /// # Evidence
    /// The key's number and id, and its members' names; never their values.
    ///
    /// # Traps
    /// Only answers that publish a set of keys are read, not files of keys. Members that are empty are left alone.
    pub(crate) PublishedKeyUnsafe = "JWT-034" "published-key-unsafe" Critical,
    title: "A published key set has a secret or a weak key",
    remedy: "Take the key out of the set, replace it at the issuer, and refuse tokens it signed.",
    source: "RFC 7517 §9.2; RFC 7518 §3.3, §6.2.2, §6.3.2, §6.4; RFC 8725 §3.5",
    reference: "https://www.rfc-editor.org/rfc/rfc7517#section-9.2",
}

impl Rule for PublishedKeyUnsafe {
    fn occasions(&self) -> Occasions {
        Occasions::KEYS
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        for (number, key) in keys(observation).iter().enumerate() {
            for (severity, what) in faults(key) {
                let id = key.get("kid").and_then(Value::as_str).map(|id| format!(" (kid {})", mask::text(id)));
                let id = id.unwrap_or_default();
                let detail = format!("{}: key {}{id}: {what}", mask::text(&observation.place()), number + 1);
                let evidence = observation.in_response(Part::ResponseBody, "keys", what);
                context.find(Self::META.of(observation).severity(severity).detail(detail).evidence(evidence));
            }
        }
    }
}

/// The keys of the set an exchange answered.
pub(super) fn keys(observation: &Observation<'_>) -> Vec<Map<String, Value>> {
    let document = published::document(observation).and_then(|body| serde_json::from_slice::<Value>(body).ok());
    let Some(mut document) = document else { return Vec::new() };
    match document.get_mut("keys").map(Value::take) {
        Some(Value::Array(keys)) => keys
            .into_iter()
            .take(MOST)
            .filter_map(|key| match key {
                Value::Object(key) => Some(key),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn faults(key: &Map<String, Value>) -> Vec<(Severity, String)> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).filter(|value| !value.is_empty());
    let number = |name: &str| text(name).and_then(base64::decode).map(|decoded| decoded.bytes);
    let mut found = Vec::new();
    let secret: Vec<&str> = PRIVATE_JWK.into_iter().filter(|name| key.get(*name).is_some_and(is_there)).collect();
    let pair = text("kty") != Some("oct");
    if !secret.is_empty() && (text("kty").is_some() || secret.contains(&"d")) {
        let kind = if pair { "a private key" } else { "a symmetric key" };
        found.push((Severity::Critical, format!("{kind} ({})", secret.join(", "))));
    }
    if text("kty") == Some("RSA") {
        let modulus = number("n").unwrap_or_default();
        let modulus: &[u8] =
            modulus.iter().position(|byte| *byte != 0).and_then(|at| modulus.get(at..)).unwrap_or_default();
        let bits = modulus.first().map_or(0, |first| modulus.len() * 8 - first.leading_zeros() as usize);
        if bits > 0 && bits < SHORTEST_RSA {
            found.push((Severity::High, format!("its RSA modulus has {bits} bits")));
        }
        if let Some(exponent) = number("e") {
            let is_one = exponent.iter().rev().skip(1).all(|byte| *byte == 0) && exponent.last() == Some(&1);
            let is_even = exponent.last().is_some_and(|last| last % 2 == 0);
            if is_one || is_even {
                let what = if is_one { "one" } else { "even" };
                found.push((Severity::Critical, format!("its RSA exponent is {what}")));
            }
        }
    }
    found
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        _ => false,
    }
}
