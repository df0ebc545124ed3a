//! Keys in JSON: which of the documents it is.
//!
//! A JWKS and the metadata of Exchange, SharePoint and ACS both hold their keys in `keys`; each key tells by its members
//! what it is. Microsoft's documents differ in the case of member names, so names are compared without it.

use serde_json::{Map, Value};

use super::{
    jwk,
    keys::{KeyError, KeyFormat},
    metadata,
    source::Found,
};

/// Reads the keys of a JSON document. `symmetric` allows secrets among them.
pub(super) fn read(document: &Value, symmetric: bool, found: &mut Found) -> Result<KeyFormat, KeyError> {
    let (keys, issuer) = match document {
        Value::Array(all) => (all, None),
        Value::Object(object) => match (member(object, "keys"), member(object, "jwks_uri")) {
            (Some(Value::Array(all)), _) => (all, member(object, "issuer").and_then(Value::as_str)),
            (_, Some(_)) => return Err(KeyError::Discovery),
            _ if object.contains_key("kty") => {
                let symmetric = symmetric && jwk::is_symmetric(object);
                jwk::read(0, object, None, symmetric, found);
                return Ok(KeyFormat::Jwk);
            }
            _ => return Err(KeyError::Unknown),
        },
        _ => return Err(KeyError::Unknown),
    };
    // A set of public keys is published; a secret in it would be known to all, or turns a public key into a secret.
    let symmetric = symmetric && keys.iter().filter_map(Value::as_object).all(jwk::is_symmetric);
    let mut format = None;
    for (index, key) in keys.iter().enumerate() {
        let object = key.as_object();
        if let Some(object) = object.filter(|object| object.contains_key("kty")) {
            format.get_or_insert(KeyFormat::Jwks);
            jwk::read(index, object, issuer, symmetric, found);
        } else if let Some(object) = object.filter(|object| member(object, "keyvalue").is_some()) {
            format.get_or_insert(KeyFormat::Metadata);
            metadata::read(index, object, issuer, found);
        } else {
            found.skip(index, "it is neither a JWK (kty) nor a key of metadata (keyValue)");
        }
    }
    format.or_else(|| document.is_object().then_some(KeyFormat::Jwks)).ok_or(KeyError::Unknown)
}

/// A member by its name in any case; the exact spelling goes before others.
pub(super) fn member<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}
