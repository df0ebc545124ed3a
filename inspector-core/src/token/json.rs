//! JSON objects of tokens, read so that nothing a receiver could read differently goes unnoticed.
//!
//! `serde_json::Value` keeps the last of two members with one name and says nothing; RFC 7519 §4 lets receivers refuse
//! such a token or take the last, so two receivers can read two tokens in one. The visitor here builds the same value
//! and names the duplicates. Nesting deeper than 128 is an error of `serde_json`'s, so the stack is bounded.

use std::fmt;

use crate::heap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, value::RawValue};

/// Duplicates named per document.
const MOST_DUPLICATES: usize = 16;

/// An object and the member names that occur twice in it, or in an object inside it.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) members: Map<String, Value>,
    pub(super) duplicates: Vec<String>,
}

/// Reads one object; `None` if the text is anything else.
pub(super) fn object(text: &str) -> Result<Option<Object>, serde_json::Error> {
    let mut duplicates = Vec::new();
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Tree { duplicates: &mut duplicates }.deserialize(&mut reader)?;
    reader.end()?;
    let Value::Object(members) = value else { return Ok(None) };
    Ok(Some(Object { members: fitted(members), duplicates }))
}

/// The same members without room for further ones: there may be thousands of tokens.
fn fitted(members: Map<String, Value>) -> Map<String, Value> {
    let mut fitted = Map::with_capacity(members.len());
    fitted.extend(members);
    fitted
}

/// Bytes of memory the members take, about.
pub(super) fn weight(members: &Map<String, Value>) -> usize {
    // The map has a hash of each name, and an index of one to two places for each.
    const MEMBER: usize = size_of::<(usize, String, Value)>() + 2 * (size_of::<usize>() + 1);
    members.iter().fold(0, |sum, (name, value)| {
        sum.saturating_add(MEMBER).saturating_add(heap::block(name.len())).saturating_add(weight_of(value))
    })
}

fn weight_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => heap::block(text.len()),
        Value::Array(values) => {
            values.iter().fold(0, |sum, value| sum.saturating_add(size_of::<Value>()).saturating_add(weight_of(value)))
        }
        Value::Object(members) => weight(members),
    }
}

/// The spelling of a number or string member of the outermost object; of duplicates the last.
pub(super) fn spelling<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    struct Find<'n>(&'n str);

    impl<'de> Visitor<'de> for Find<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(name) = map.next_key::<String>()? {
                if name == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    serde_json::Deserializer::from_str(text).deserialize_map(Find(name)).ok()?.map(RawValue::get)
}

/// Builds a [`Value`] and collects duplicate names.
struct Tree<'d> {
    duplicates: &'d mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = sequence.next_element_seed(Tree { duplicates: &mut *self.duplicates })? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Tree { duplicates: &mut *self.duplicates })?;
            if members.contains_key(&name)
                && self.duplicates.len() < MOST_DUPLICATES
                && !self.duplicates.contains(&name)
            {
                self.duplicates.push(name.clone());
            }
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trap_16_duplicates_are_named_at_any_depth() {
        for (text, duplicates) in [
            (r#"{"a":1,"b":{"a":2}}"#, vec![]),
            (r#"{"iss":"x","iss":"y"}"#, vec!["iss"]),
            (r#"{"i\u0073s":"x","iss":"y","iss":"z"}"#, vec!["iss"]),
            (r#"{"a":[{"b":{"c":1,"c":1}}],"d":0,"d":0}"#, vec!["c", "d"]),
        ] {
            assert_eq!(object(text).unwrap().unwrap().duplicates, duplicates, "{text}");
        }
        let last = object(r#"{"iss":"x","iss":"y"}"#).unwrap().unwrap();
        assert_eq!(last.members["iss"], "y");
        assert!(object("[1]").unwrap().is_none());
        assert!(object("{} x").is_err());
    }

    #[test]
    fn the_value_is_serde_jsons() {
        let text = r#"{"z":1,"a":[-1,18446744073709551615,1.5,null,true,"\u00fc"],"m":{"k":{}}}"#;
        let expected: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object(text).unwrap().unwrap().members, expected);
    }

    #[test]
    fn hostile_nesting_is_an_error() {
        let deep = format!("{{\"a\":{}", "[".repeat(100_000));
        assert!(object(&deep).is_err());
    }

    #[test]
    fn spellings_are_verbatim() {
        let text = r#"{ "exp" : 129592882368666656 , "nbf":"\u0031", "x":{"iat":1}, "exp":1e10 }"#;
        assert_eq!(spelling(text, "exp"), Some("1e10"));
        assert_eq!(spelling(text, "nbf"), Some(r#""\u0031""#));
        assert_eq!(spelling(text, "iat"), None);
        assert_eq!(spelling("[]", "exp"), None);
    }
}
