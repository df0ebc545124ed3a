//! JSON objects of tokens, read so that nothing a receiver could read differently goes unnoticed.
//!
//! `serde_json::Value` keeps the last of two members with one name and says nothing; RFC 7519 §4 lets receivers refuse
//! such a token or take the last, so two receivers can read two tokens in one. The visitor here builds the same value
//! and names the duplicates. Nesting deeper than 128 is an error of `serde_json`'s, so the stack is bounded.

use std::fmt;

use super::Members;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, value::RawValue};

/// Duplicates named per document.
const MOST_DUPLICATES: usize = 16;

/// An object and the member names that occur twice in it, or in an object inside it.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) members: Members,
    pub(super) duplicates: Vec<String>,
}

/// Reads one object; `None` if the text is anything else.
pub(super) fn object(text: &str) -> Result<Option<Object>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    if !text.trim_start_matches([' ', '\n', '\r', '\t']).starts_with('{') {
        Tree { duplicates: &mut Vec::new() }.deserialize(&mut reader)?;
        reader.end()?;
        return Ok(None);
    }
    let mut object = reader.deserialize_map(Outermost)?;
    reader.end()?;
    object.members.shrink();
    Ok(Some(object))
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

/// Builds an [`Object`].
struct Outermost;

impl<'de> Visitor<'de> for Outermost {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object::default();
        while let Some(name) = map.next_key::<Box<str>>()? {
            let value = map.next_value_seed(Tree { duplicates: &mut object.duplicates })?;
            if let Some(name) = object.members.insert(name, value) {
                add_duplicate(&mut object.duplicates, &name);
            }
        }
        Ok(object)
    }
}

fn add_duplicate(duplicates: &mut Vec<String>, name: &str) {
    if duplicates.len() < MOST_DUPLICATES && !duplicates.iter().any(|known| known == name) {
        duplicates.push(name.to_owned());
    }
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
            if members.contains_key(&name) {
                add_duplicate(self.duplicates, &name);
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
        assert_eq!(last.members.get("iss").unwrap(), "y");
        assert!(object("[1]").unwrap().is_none());
        assert!(object("{} x").is_err());
    }

    #[test]
    fn the_value_is_serde_jsons() {
        let text = r#"{"z":1,"a":[-1,18446744073709551615,1.5,null,true,"\u00fc"],"m":{"k":{}}}"#;
        let expected: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object(text).unwrap().unwrap().members.to_object(), expected);
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
