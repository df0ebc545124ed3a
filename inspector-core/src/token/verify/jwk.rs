//! JSON Web Keys (RFC 7517, RFC 7518 §6, RFC 8037 §2), read one by one so that a damaged one does not cost the others.

use serde_json::{Map, Value};

use super::{
    algorithm::SignatureAlgorithm,
    key::Candidate,
    public_key::{BadKey, KeyKind, PublicKey},
    source::{Found, certified},
    thumbprint::Thumbprint,
};
use crate::http::base64;

/// Whether it is a secret.
pub(super) fn is_symmetric(key: &Map<String, Value>) -> bool {
    text(key, "kty") == Some("oct")
}

/// Reads one key of a set.
pub(super) fn read(index: usize, key: &Map<String, Value>, issuer: Option<&str>, symmetric: bool, found: &mut Found) {
    let kid = text(key, "kid");
    if let Err(why) = is_for_signatures(key) {
        return found.skip_named(index, kid, why);
    }
    if is_symmetric(key) && !symmetric {
        return found.skip_named(index, kid, "it is a secret; secrets are taken from files that hold nothing else");
    }
    match candidate(key) {
        Ok(mut candidate) => {
            candidate.issuer = text(key, "issuer").or(issuer).map(str::to_owned);
            found.push(index, Ok(candidate));
        }
        Err(BadKey(why)) => found.skip_named(index, kid, why),
    }
}

/// RFC 7517 §4.2, §4.3, §4.4: `use`, `key_ops`, `alg`.
fn is_for_signatures(key: &Map<String, Value>) -> Result<(), String> {
    if let Some(usage) = text(key, "use").filter(|usage| !usage.eq_ignore_ascii_case("sig")) {
        return Err(format!("it is not for signatures (use: {})", usage.chars().take(16).collect::<String>()));
    }
    let operations = key.get("key_ops").and_then(Value::as_array);
    if operations.is_some_and(|all| !all.iter().any(|one| matches!(one.as_str(), Some("verify" | "sign")))) {
        return Err("it is not for signatures (key_ops)".to_owned());
    }
    let encryption = ["RSA1_5", "RSA-OAEP", "ECDH-ES", "dir", "A128", "A192", "A256", "PBES2"];
    if text(key, "alg").is_some_and(|alg| encryption.iter().any(|start| alg.starts_with(start))) {
        return Err("it is not for signatures (alg)".to_owned());
    }
    Ok(())
}

fn candidate(key: &Map<String, Value>) -> Result<Candidate, BadKey> {
    let certificate = match key.get("x5c").and_then(Value::as_array).and_then(|chain| chain.first()) {
        Some(first) => {
            let decoded = first.as_str().and_then(base64::decode).ok_or(BadKey("its x5c is not base64"))?;
            Some(certified(&decoded.bytes)?)
        }
        None => None,
    };
    let own = public_key(key)?;
    let mut candidate = match (own, certificate) {
        (Some(own), Some(certified)) if own.identity != certified.key.identity => {
            return Err(BadKey("its certificate (x5c) is for another key"));
        }
        (None, Some(certified)) => certified,
        (Some(own), certified) => {
            let certificate = certified.and_then(|certified| certified.certificate);
            Candidate { certificate, ..Candidate::of_key(own) }
        }
        (None, None) => return Err(BadKey("it lacks the members of its key type")),
    };
    candidate.kid = text(key, "kid").map(str::to_owned);
    candidate.claimed = ["x5t", "x5t#S256"].iter().filter_map(|name| Thumbprint::parse(text(key, name)?)).collect();
    if let Some(name) = text(key, "alg") {
        let only = SignatureAlgorithm::named(name).ok_or(BadKey("its algorithm (alg) is not known"))?;
        if !only.is_for(candidate.key.kind) && !matches!(candidate.key.kind, KeyKind::Unsupported(_)) {
            return Err(BadKey("its algorithm (alg) is for keys of another kind"));
        }
        candidate.algorithm = Some(only);
    }
    Ok(candidate)
}

/// The key by its own members; `None` if they are not there.
fn public_key(key: &Map<String, Value>) -> Result<Option<PublicKey>, BadKey> {
    let Some(kind) = text(key, "kty") else { return Ok(None) };
    let curve = text(key, "crv").unwrap_or_default();
    match kind {
        "RSA" => {
            let (Some(modulus), Some(exponent)) = (number(key, "n")?, number(key, "e")?) else { return Ok(None) };
            PublicKey::rsa(&modulus, &exponent).map(Some)
        }
        "EC" => {
            let (Some(x), Some(y)) = (number(key, "x")?, number(key, "y")?) else { return Ok(None) };
            let size = match curve {
                "P-256" => 32,
                "P-384" => 48,
                "P-521" => 66,
                "secp256k1" => 32,
                _ => x.len().max(y.len()),
            };
            // RFC 7518 §6.2.1.2 wants full length; some senders leave leading zeros out.
            let mut point = vec![0x04];
            for coordinate in [&x, &y] {
                point.resize(point.len() + size.saturating_sub(coordinate.len()), 0);
                point.extend_from_slice(coordinate);
            }
            PublicKey::ec(curve, &point).map(Some)
        }
        "OKP" => number(key, "x")?.map(|point| PublicKey::edwards(curve, &point)).transpose(),
        "oct" => number(key, "k")?.map(|secret| PublicKey::secret(&secret, None)).transpose(),
        _ => Err(BadKey("its key type (kty) is not known")),
    }
}

/// A base64url member; `None` if it is absent.
fn number(key: &Map<String, Value>, name: &str) -> Result<Option<Vec<u8>>, BadKey> {
    let Some(value) = key.get(name) else { return Ok(None) };
    let decoded = value.as_str().and_then(base64::decode);
    decoded.map(|decoded| Some(decoded.bytes)).ok_or(BadKey("one of its numbers is not base64url"))
}

fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    key.get(name)?.as_str()
}
