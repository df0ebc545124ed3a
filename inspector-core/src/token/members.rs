//! The members of a token's header or payload.
//!
//! A rule asks for a dozen claims of each token, and a token has about as many members: comparing their names in their
//! order is faster than hashing the name that is asked for, and takes less memory than a map. Of a hostile token with
//! thousands of members the places are kept by name, so that none is searched for.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::heap;

/// So many members are searched one by one.
const FEW: usize = 32;

/// Members of a JSON object by their names, in the order of their first occurrence.
#[derive(Clone, Debug, Default)]
pub struct Members {
    all: Vec<(Box<str>, Value)>,
    /// A mark of each of the first names, side by side: a name that is not there is told without a look at those that are.
    marks: [u16; FEW],
    /// The place of each name; `None` while they are few.
    places: Option<HashMap<Box<str>, usize, RandomState>>,
}

impl Members {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).and_then(|place| self.all.get(place)).map(|(_, value)| value)
    }

    fn place(&self, name: &str) -> Option<usize> {
        if let Some(places) = &self.places {
            return places.get(name).copied();
        }
        let mark = mark(name);
        let marked = self.marks.iter().zip(&self.all).enumerate().filter(|(_, (known, _))| **known == mark);
        marked
            .map(|(place, (_, (known, _)))| (place, known))
            .find(|(_, known)| ***known == *name)
            .map(|(place, _)| place)
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The members in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.all.iter().map(|(name, value)| (&**name, value))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds a member, or gives the one of that name another value and the name back.
    pub(super) fn insert(&mut self, name: Box<str>, value: Value) -> Option<Box<str>> {
        if let Some((_, known)) = self.place(&name).and_then(|place| self.all.get_mut(place)) {
            *known = value;
            return Some(name);
        }
        if self.all.len() == FEW {
            self.places = Some(self.all.iter().zip(0..).map(|((name, _), place)| (name.clone(), place)).collect());
        }
        if let Some(places) = &mut self.places {
            places.insert(name.clone(), self.all.len());
        }
        if let Some(marked) = self.marks.get_mut(self.all.len()) {
            *marked = mark(&name);
        }
        self.all.push((name, value));
        None
    }

    /// Gives back the room for further members: there may be thousands of tokens.
    pub(super) fn shrink(&mut self) {
        self.all.shrink_to_fit();
    }

    /// Bytes of memory they take, about.
    pub(super) fn weight(&self) -> usize {
        // A name has a place in the map, too, of which up to half are empty.
        const PLACE: usize = 2 * (size_of::<(Box<str>, usize)>() + 1);
        let places = self.places.as_ref().map_or(0, HashMap::len);
        let names = self.all.iter().map(|(name, _)| heap::block(name.len())).fold(0, usize::saturating_add);
        let values = self.all.iter().map(|(_, value)| weight_of(value)).fold(0, usize::saturating_add);
        heap::block(self.all.capacity().saturating_mul(size_of::<(Box<str>, Value)>()))
            .saturating_add(names)
            .saturating_add(values)
            .saturating_add(if places == 0 { 0 } else { names.saturating_add(places.saturating_mul(PLACE)) })
    }

    /// The same as an object of `serde_json`.
    pub fn to_object(&self) -> Map<String, Value> {
        self.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
    }
}

/// Two bytes that most names of a token do not share: most claims are three letters long, and begin or end alike.
fn mark(name: &str) -> u16 {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first().copied().unwrap_or_default(), bytes.last().copied().unwrap_or_default());
    u16::from_le_bytes([first, last.wrapping_add((bytes.len() as u8).wrapping_mul(37))])
}

fn weight_of(value: &Value) -> usize {
    // The map has a hash of each name, and an index of one to two places for each.
    const MEMBER: usize = size_of::<(usize, String, Value)>() + 2 * (size_of::<usize>() + 1);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => heap::block(text.len()),
        Value::Array(values) => {
            values.iter().fold(0, |sum, value| sum.saturating_add(size_of::<Value>()).saturating_add(weight_of(value)))
        }
        Value::Object(members) => members.iter().fold(0, |sum, (name, value)| {
            sum.saturating_add(MEMBER).saturating_add(heap::block(name.len())).saturating_add(weight_of(value))
        }),
    }
}

/// Of two members of one name the last counts, at the place of the first.
impl<N: Into<Box<str>>> FromIterator<(N, Value)> for Members {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut all = Self { all: Vec::with_capacity(members.size_hint().0), ..Self::default() };
        for (name, value) in members {
            all.insert(name.into(), value);
        }
        all
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_found_in_their_order() {
        for number in [0, 1, FEW - 1, FEW, FEW + 1, 1000] {
            let name = |number: usize| format!("claim{number}");
            let mut members: Members = (0..number).map(|number| (name(number), Value::from(number))).collect();
            assert_eq!((members.len(), members.is_empty()), (number, number == 0));
            for number in 0..number {
                assert_eq!(members.get(&name(number)), Some(&Value::from(number)));
            }
            assert!(!members.contains_key(&name(number)));
            for (place, (known, _)) in members.iter().enumerate() {
                assert_eq!(known, name(place));
            }
            assert!(members.insert("last".into(), Value::Null).is_none());
            assert_eq!(members.insert("last".into(), Value::Bool(true)).as_deref(), Some("last"));
            assert_eq!(members.iter().last(), Some(("last", &Value::Bool(true))));
            assert_eq!(members.len(), number + 1);
            assert_eq!(serde_json::to_string(&members).unwrap(), Value::Object(members.to_object()).to_string());
        }
    }

    #[test]
    fn what_is_weighed_grows_with_names_and_values() {
        let weight = |text: &str| {
            let Value::Object(members) = serde_json::from_str(text).unwrap() else { panic!() };
            members.into_iter().collect::<Members>().weight()
        };
        assert_eq!(weight("{}"), 0);
        let long = "x".repeat(1000);
        for member in
            [format!(r#"{{"{long}":1}}"#), format!(r#"{{"a":["{long}"]}}"#), format!(r#"{{"a":{{"b":"{long}"}}}}"#)]
        {
            assert!(weight(&member) > weight(r#"{"a":1}"#) + 900, "{member}");
        }
    }
}
