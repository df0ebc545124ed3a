//! Metadata documents in the recording: what an issuer publishes about itself and its keys.
//!
//! Three products write three spellings ([MS-XOAUTH] §3.1.5, [MS-SPS2SAUTH] §3.1.5), so member names are compared without
//! letter case:
//!
//! ```text
//! Exchange    {"issuer":"00000002-…@*","keys":[{"usage":"signing","keyinfo":{"x5t":…},"keyvalue":{"type":…,"value":…}}],"endpoints":[…]}
//! SharePoint  {"issuer":"00000003-…@<realm>","keys":[{"keyValue":{"type":…,"value":…},"usage":"Signing"}]}
//! ```

use serde_json::{Map, Value};

use crate::{
    handshake::observation::{Endpoint, Observation},
    http::base64,
};

/// Longest document read, in bytes.
const LONGEST: usize = 1 << 20;
/// Keys and endpoints read.
const MOST: usize = 64;

/// A published signing key.
pub(super) struct Key {
    /// `x5t`, if it is told.
    pub(super) x5t: Option<String>,
    /// The certificate in DER form, if it can be read.
    pub(super) certificate: Option<Vec<u8>>,
}

/// A metadata document.
pub(super) struct Metadata {
    /// `issuer`.
    pub(super) issuer: Option<String>,
    /// Keys for signing.
    pub(super) keys: Vec<Key>,
    /// `location` of its endpoints.
    pub(super) endpoints: Vec<String>,
}

impl Metadata {
    /// The document an exchange answered; `None` if it is none of this form (XML, an error page).
    pub(super) fn read(observation: &Observation<'_>) -> Option<Self> {
        if observation.endpoint != Endpoint::Metadata || observation.status != Some(200) {
            return None;
        }
        let body = observation.exchange.response.as_ref()?.body.kept.as_deref().filter(|body| body.len() <= LONGEST)?;
        let document: Value = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok()?;
        let document = document.as_object()?;
        let keys = list(document, "keys")
            .filter_map(Value::as_object)
            .filter(|key| text(key, "usage").is_none_or(|usage| usage.eq_ignore_ascii_case("signing")));
        let endpoints = list(document, "endpoints").filter_map(Value::as_object);
        Some(Self {
            issuer: text(document, "issuer").map(str::to_owned),
            keys: keys.map(Key::read).collect(),
            endpoints: endpoints.filter_map(|one| text(one, "location").map(str::to_owned)).collect(),
        })
    }
}

impl Key {
    fn read(key: &Map<String, Value>) -> Self {
        let object = |name: &str| member(key, name).and_then(Value::as_object);
        let value = object("keyvalue").and_then(|value| text(value, "value"));
        Self {
            x5t: object("keyinfo").and_then(|info| text(info, "x5t")).map(str::to_owned),
            certificate: value.and_then(base64::decode).map(|decoded| decoded.bytes),
        }
    }
}

fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn text<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    member(object, name).and_then(Value::as_str)
}

fn list<'v>(object: &'v Map<String, Value>, name: &str) -> impl Iterator<Item = &'v Value> {
    member(object, name).and_then(Value::as_array).into_iter().flatten().take(MOST)
}
