//! Keys in the metadata documents of Exchange, SharePoint and ACS.
//!
//! ```json
//! {"usage":"signing","keyinfo":{"x5t":"…"},"keyvalue":{"type":"x509Certificate","value":"MII…"}}      Exchange
//! {"usage":"Signing","keyValue":{"type":"x509certificate","value":"MII…"}}                           SharePoint
//! {"usage":"signing","keyInfo":{"x5t":"…"},"keyValue":{"type":"x509certificate","value":"MII…"}}      ACS
//! ```

use serde_json::{Map, Value};

use super::{
    json::member,
    source::{Found, certified},
    thumbprint::Thumbprint,
};
use crate::http::base64;

/// Reads one key.
pub(super) fn read(index: usize, key: &Map<String, Value>, issuer: Option<&str>, found: &mut Found) {
    if let Some(usage) = text(key, "usage").filter(|usage| !usage.eq_ignore_ascii_case("signing")) {
        let usage: String = usage.chars().take(16).collect();
        return found.skip(index, format!("it is not for signatures (usage: {usage})"));
    }
    let value = member(key, "keyvalue").and_then(Value::as_object);
    let is_certificate =
        value.and_then(|value| text(value, "type")).is_none_or(|kind| kind.eq_ignore_ascii_case("x509certificate"));
    let Some(bytes) = value.filter(|_| is_certificate).and_then(|value| text(value, "value")) else {
        return found.skip(index, "its value is no certificate");
    };
    let Some(bytes) = base64::decode(bytes).map(|decoded| decoded.bytes) else {
        return found.skip(index, "its certificate is not base64");
    };
    let info = member(key, "keyinfo").and_then(Value::as_object);
    found.push(
        index,
        certified(&bytes).map(|mut candidate| {
            candidate.issuer = issuer.map(str::to_owned);
            candidate.kid = info.and_then(|info| text(info, "kid")).map(str::to_owned);
            candidate.claimed =
                info.and_then(|info| text(info, "x5t")).and_then(Thumbprint::parse).into_iter().collect();
            candidate
        }),
    );
}

fn text<'o>(object: &'o Map<String, Value>, name: &str) -> Option<&'o str> {
    member(object, name)?.as_str()
}
