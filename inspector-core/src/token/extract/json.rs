//! JSON contents, walked as they are parsed: no tree is built, and of duplicate members both are seen.
//!
//! Sightings are named by JSON pointer (RFC 6901). JSON in a string is walked too, under the string's pointer. Where the
//! text breaks off or breaks the grammar, the rest is searched for JWTs by value.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Extractor, Place, Site, token_name};
use crate::{
    evidence::Part,
    http::auth::is_whole_basic,
    token::{
        Role,
        mask::safe_name,
        scan::{may_hold, scan},
    },
};

/// JSON texts inside JSON texts that are walked.
const DEPTH: usize = 4;
/// Longest pointer that is written; what lies deeper keeps the name of its ancestor.
const LONGEST_POINTER: usize = 1024;

impl Extractor<'_> {
    /// A JSON content; also several values in a row, as in NDJSON.
    pub(super) fn json(&mut self, place: Place, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut members = self.limits.json_members;
        // What stands before the first value guards against inclusion as a script.
        let start = text.find(['{', '[']).unwrap_or(text.len());
        let opens = self.socket && place.part == Part::RequestBody;
        let place = if opens { Place { site: Site::Opening, ..place } } else { place };
        self.json_text(place, text.get(start..).unwrap_or_default(), String::new(), &mut members, DEPTH);
    }

    /// `text` at `pointer`, reading at most `members` members.
    fn json_text(&mut self, place: Place, text: &str, pointer: String, members: &mut usize, depth: usize) {
        let top = pointer.len();
        let mut rest = text;
        let mut walk = Walk { extractor: self, place, pointer, top, name: String::new(), members, depth };
        loop {
            let mut values = serde_json::Deserializer::from_str(rest);
            if DeserializeSeed::deserialize(&mut walk, &mut values).is_err() {
                break;
            }
            if values.end().is_ok() {
                return;
            }
            if walk.place.site == Site::Opening {
                walk.place.site = Site::RequestMember;
            }
            // More values follow; a stream tells where.
            let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
            stream.next();
            rest = rest.get(stream.byte_offset()..).unwrap_or_default().trim_start();
            if rest.is_empty() {
                return;
            }
        }
        walk.pointer.truncate(top);
        let pointer = std::mem::take(&mut walk.pointer);
        let exhausted = *walk.members == 0;
        if exhausted {
            self.reached("json_members");
        }
        self.json_rest(place, &pointer, text);
    }

    /// Searches a text that could not be walked to its end for the tokens that were not found in it yet.
    fn json_rest(&mut self, place: Place, pointer: &str, text: &str) {
        let name = if pointer.is_empty() { "content" } else { pointer };
        for hit in scan(text.as_bytes()) {
            let token = self.interner.intern(&hit.token);
            let known = self.found.sightings.iter().rev().take_while(|sighting| sighting.part == place.part);
            if known.into_iter().all(|sighting| sighting.token.id != token.id)
                && self.sight(place, Role::Mentioned, name, None, &hit.token).is_none()
            {
                return;
            }
        }
    }
}

/// Walks one value.
struct Walk<'w, 'e> {
    extractor: &'w mut Extractor<'e>,
    place: Place,
    pointer: String,
    /// Length of the pointer of the text itself.
    top: usize,
    /// Name of the member the walk is in; array elements have that of their array.
    name: String,
    members: &'w mut usize,
    depth: usize,
}

impl Walk<'_, '_> {
    /// Counts a member; an error once there were too many.
    fn count<E: Error>(&mut self) -> Result<(), E> {
        *self.members = self.members.checked_sub(1).ok_or_else(|| E::custom("too many members"))?;
        Ok(())
    }

    fn push(&mut self, name: &str) {
        if self.pointer.len() + name.len() < LONGEST_POINTER {
            self.pointer.push('/');
            if name.contains(['~', '/']) {
                self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            } else {
                self.pointer.push_str(name);
            }
        }
    }

    fn text(&mut self, value: &str) {
        let (place, top_level) = (self.place, self.is_top_level());
        if top_level && self.top == 0 && place.part == Part::RequestBody {
            self.extractor.parameter(place.part, &self.name, value);
        }
        if place.part == Part::RequestBody && self.is_batch_field() {
            let role = Role::Presented;
            let (name, pointer) = (std::mem::take(&mut self.name), &self.pointer);
            self.extractor.batch_field(place, &name, pointer, value, role);
            self.name = name;
            return;
        }
        if place.site == Site::Opening && crate::http::auth::is_credentials_field(self.name.as_bytes()) {
            self.extractor.credentials(place, &self.name, value.as_bytes(), Role::Presented);
            return;
        }
        let in_batch = self.pointer.starts_with("/requests/");
        if in_batch && place.part == Part::RequestBody && is_whole_basic(value) {
            self.extractor.credentials(place, &self.pointer, value.as_bytes(), Role::Mentioned);
            return;
        }
        let named = token_name(&self.name).is_some_and(|kind| kind.accepts(value));
        if !named && value.len() < 24 {
            return;
        }
        if !named && self.depth > 0 && value.trim_start().starts_with(['{', '[']) {
            let pointer = self.pointer.clone();
            self.extractor.json_text(place, value, pointer, self.members, self.depth - 1);
            return;
        }
        if named || may_hold(value.as_bytes()) {
            self.extractor.named(place, &self.name, &self.pointer, value);
        }
    }

    /// Whether the value is a member of the outermost object.
    fn is_top_level(&self) -> bool {
        self.pointer.get(self.top..).is_some_and(|path| path.matches('/').count() == 1) && !self.name.is_empty()
    }

    /// `/requests/0/headers/Authorization` of a JSON batch (OData 4.01 §11.7.7).
    fn is_batch_field(&self) -> bool {
        let Some(path) = self.pointer.strip_prefix("/requests/") else { return false };
        let mut steps = path.split('/').skip(1);
        steps.next() == Some("headers") && steps.next().is_some() && steps.next().is_none()
    }
}

impl Extractor<'_> {
    /// A field of a request inside a JSON batch.
    fn batch_field(&mut self, place: Place, name: &str, pointer: &str, value: &str, role: Role) {
        if crate::http::auth::is_credentials_field(name.as_bytes()) {
            self.credentials(place, name, value.as_bytes(), role);
        } else if may_hold(value.as_bytes()) {
            self.search(place, Role::Mentioned, pointer, value.as_bytes());
        }
    }
}

impl<'de> DeserializeSeed<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.text(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        let outer = self.pointer.len();
        for index in 0_usize.. {
            self.push(&index.to_string());
            let more = sequence.next_element_seed(&mut *self)?.is_some();
            self.pointer.truncate(outer);
            if !more {
                break;
            }
            self.count()?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (outer, outer_name) = (self.pointer.len(), std::mem::take(&mut self.name));
        while let Some(name) = map.next_key::<String>()? {
            self.count()?;
            if name.len() >= 24 && may_hold(name.as_bytes()) {
                let pointer = if self.pointer.is_empty() { "content" } else { &self.pointer };
                self.extractor.search(self.place, Role::Mentioned, pointer, name.as_bytes());
            }
            self.push(&safe_name(&name));
            self.name = name;
            map.next_value_seed(&mut *self)?;
            self.pointer.truncate(outer);
        }
        self.name = outer_name;
        Ok(())
    }
}
