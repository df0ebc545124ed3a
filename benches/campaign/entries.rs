//! What can happen to a HAR.

use serde_json::{Value, json};

use crate::{judge::Given, packets::Change, random::Random};

/// What a change took from an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Taken {
    /// Nothing.
    Nothing,
    /// Something that no rule needs, or that could have been so from the start.
    Light,
    /// Something that may matter, so that nobody can see that it was there.
    Unseen,
    /// The end of a text, so that nobody can see it: what is left of a token may be called a forgery.
    Shortened,
    /// Something that was there, as what is left shows.
    Seen,
}

/// An entry on its way.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// Its place in the recording; `None` for one that was added.
    pub(crate) origin: Option<usize>,
    pub(crate) taken: Taken,
}

/// A HAR on its way to a mutant.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) entries: Vec<Entry>,
    /// How the text is written.
    form: Form,
    /// Where the text is cut, in thousandths.
    cut: Option<u64>,
    /// The file is cut inside an entry, or before all.
    pub(crate) is_cut: bool,
    /// So many entries are left, the one that is cut not counted.
    pub(crate) left: usize,
    pub(crate) same_content: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Form {
    pretty: bool,
    reversed: bool,
    mark: bool,
    crlf: bool,
    entries_last: bool,
    gzip: bool,
}

type Kind = (&'static str, bool, fn(&mut Mutant, [u64; 3]) -> Option<String>);

/// All kinds: name, whether only the form changes, and what it does.
pub(crate) const KINDS: &[Kind] = &[
    ("drop an entry", false, drop_entry),
    ("drop several entries", false, drop_entries),
    ("duplicate an entry", false, duplicate_entry),
    ("swap entries", true, shuffle),
    ("drop a member", false, drop_member),
    ("drop a member", false, drop_member),
    ("drop a member", false, drop_member),
    ("change a type", false, change_type),
    ("change a type", false, change_type),
    ("change a type", false, change_type),
    ("rename a member", false, rename_member),
    ("drop a field", false, drop_field),
    ("duplicate a field", false, duplicate_field),
    ("field without name or value", false, hollow_field),
    ("field without name or value", false, hollow_field),
    ("cut a string", false, cut_string),
    ("cut a content", false, cut_content),
    ("take a content", false, take_content),
    ("take a content", false, take_content),
    ("change a size", false, change_size),
    ("change a size", false, change_size),
    ("write otherwise", true, write_otherwise),
    ("encode contents", true, encode),
    ("cut the file", false, cut_file),
    ("cut the file", false, cut_file),
    ("add an unrelated entry", false, add_unrelated),
    ("add an entry nobody can read", false, add_broken),
];

impl Mutant {
    pub(crate) fn new(entries: &[Value]) -> Self {
        let entry = |(index, value): (usize, &Value)| Entry {
            value: value.clone(),
            origin: Some(index),
            taken: Taken::Nothing,
        };
        Self {
            entries: entries.iter().enumerate().map(entry).collect(),
            form: Form::default(),
            cut: None,
            is_cut: false,
            left: usize::MAX,
            same_content: true,
        }
    }

    pub(crate) fn change(&mut self, change: Change) -> Option<String> {
        let (_, same_content, apply) = KINDS[change.kind];
        let text = apply(self, change.picks)?;
        self.same_content &= same_content;
        Some(text)
    }

    pub(crate) fn given(&mut self) -> Given {
        let entries: Vec<Value> = self.entries.iter().map(|entry| entry.value.clone()).collect();
        let head = json!({"version": "1.2", "creator": {"name": "campaign", "version": "1"}});
        let mut log = head.as_object().cloned().unwrap_or_default();
        log.insert("entries".to_owned(), entries.into());
        if !self.form.entries_last {
            log.insert("comment".to_owned(), "nothing more".into());
        }
        let mut har = json!({ "log": log });
        if self.form.reversed {
            reverse(&mut har);
        }
        let text = if self.form.pretty { serde_json::to_string_pretty(&har) } else { serde_json::to_string(&har) };
        let mut text = text.expect("JSON is written to memory");
        if self.form.crlf {
            text = text.replace('\n', "\r\n");
        }
        if self.form.mark {
            text.insert(0, '\u{feff}');
        }
        let mut bytes = text.into_bytes();
        if let Some(cut) = self.cut {
            let at = (bytes.len() as u64 * cut / 1000) as usize;
            (self.left, self.is_cut) = entries_before(&bytes[..at]);
            bytes.truncate(at);
        }
        if self.form.gzip {
            use std::io::Write as _;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).expect("memory takes everything");
            bytes = encoder.finish().expect("memory takes everything");
        }
        Given { recordings: vec![vec![bytes]], keys: None }
    }
}

/// How many entries a cut text still has, and whether it is cut elsewhere than between two.
fn entries_before(text: &[u8]) -> (usize, bool) {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let (mut in_entries, mut entries, mut done) = (false, 0, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                // The only list at this depth.
                in_entries |= depth == 3 && *byte == b'[';
            }
            b'}' | b']' if !in_string => {
                depth -= 1;
                entries += usize::from(in_entries && depth == 3);
                done |= in_entries && depth == 2;
                in_entries &= !done;
            }
            _ => {}
        }
    }
    (entries, !done && (!in_entries || depth > 3))
}

/// Members in the opposite order, everywhere.
fn reverse(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(reverse);
            let all: Vec<_> = std::mem::take(members).into_iter().collect();
            members.extend(all.into_iter().rev());
        }
        Value::Array(items) => items.iter_mut().for_each(reverse),
        _ => {}
    }
}

fn pick(number: u64, length: usize) -> Option<usize> {
    (length > 0).then(|| (number % length as u64) as usize)
}

/// An entry of the recording.
fn entry(mutant: &mut Mutant, number: u64) -> Option<&mut Entry> {
    let mut own: Vec<&mut Entry> = mutant.entries.iter_mut().filter(|entry| entry.origin.is_some()).collect();
    let place = pick(number, own.len())?;
    Some(own.swap_remove(place))
}

fn named(entry: &Entry) -> String {
    entry.origin.map_or_else(|| "an added entry".to_owned(), |index| format!("entry {index}"))
}

impl Entry {
    fn take(&mut self, taken: Taken) {
        self.taken = self.taken.max(taken);
    }
}

fn drop_entry(mutant: &mut Mutant, [a, ..]: [u64; 3]) -> Option<String> {
    let place = pick(a, mutant.entries.len())?;
    let entry = mutant.entries.remove(place);
    Some(format!("{} dropped", named(&entry)))
}

fn drop_entries(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let mut random = Random::new(a);
    let names: Vec<String> = (0..2 + b % 2).filter_map(|_| drop_entry(mutant, [random.next(), 0, 0])).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn duplicate_entry(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let copy = entry(mutant, a)?.clone();
    let name = named(&copy);
    let place = pick(b, mutant.entries.len() + 1)?;
    mutant.entries.insert(place, copy);
    Some(format!("{name} again at place {place}"))
}

fn shuffle(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let (first, second) = (pick(a, mutant.entries.len())?, pick(b, mutant.entries.len())?);
    mutant.entries.swap(first, second);
    Some(format!("places {first} and {second} swapped"))
}

/// The paths of all values in an entry.
fn paths(value: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, to: &mut Vec<String>) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
            Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
            _ => Vec::new(),
        };
        for (name, value) in children {
            let path = format!("{path}/{name}");
            to.push(path.clone());
            walk(value, &path, to);
        }
    }
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all
}

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// What an entry loses with what is at `path`: when it is gone, or of another type.
fn worth(value: &Value, path: &str) -> Taken {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let has_content = !text(value, "/request/postData/text").is_empty();
    let is_answered = !text(value, "/response/content/text").is_empty();
    let seen = |is: bool| if is { Taken::Seen } else { Taken::Light };
    match parts.as_slice() {
        ["request" | "response"]
        | ["request" | "response", "headers"]
        | ["request", "method" | "url"]
        | ["response", "status"]
        | ["request" | "response", "headers", _, _] => Taken::Seen,
        ["request" | "response", "headers", _] => Taken::Unseen,
        ["request", "postData"] | ["request", "postData", "text"] => seen(has_content),
        ["response", "content"] | ["response", "content", "text"] => seen(is_answered),
        ["startedDateTime"]
        | ["request", "postData", "mimeType"]
        | ["request" | "response", "bodySize"]
        | ["response", "content", "size" | "mimeType"] => Taken::Unseen,
        _ => Taken::Light,
    }
}

fn remove(value: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = path.rsplit_once('/')?;
    match value.pointer_mut(parent)? {
        Value::Object(members) => members.shift_remove(name),
        Value::Array(items) => Some(items.remove(name.parse().ok()?)),
        _ => None,
    }
}

fn drop_member(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let all: Vec<String> = paths(&entry.value);
    let path = &all[pick(b, all.len())?];
    entry.take(worth(&entry.value, path));
    remove(&mut entry.value, path)?;
    Some(format!("{path} of {} dropped", named(entry)))
}

fn rename_member(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let all: Vec<String> =
        paths(&entry.value).into_iter().filter(|path| !path.ends_with(|c: char| c.is_ascii_digit())).collect();
    let path = all[pick(b, all.len())?].clone();
    entry.take(worth(&entry.value, &path));
    let old = remove(&mut entry.value, &path)?;
    let (parent, name) = path.rsplit_once('/')?;
    entry.value.pointer_mut(parent)?.as_object_mut()?.insert(format!("_{name}"), old);
    Some(format!("{path} of {} renamed", named(entry)))
}

fn change_type(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let all = paths(&entry.value);
    let path = &all[pick(b, all.len())?];
    let new = [json!(null), json!(0), json!(true), json!({}), json!([]), json!("")][pick(c, 6)?].clone();
    let place = entry.value.pointer_mut(path)?;
    if *place == new {
        return None;
    }
    let old = place.clone();
    let is_field = path.contains("/headers/");
    // An empty list of fields, an empty value and a number can have been there from the start.
    let mut taken = worth(&entry.value, path);
    let plausible = match path.rsplit('/').next()? {
        "headers" => new == json!([]),
        "value" if is_field => new == json!("") || new == json!(0),
        // A content that is a number or a word of JSON.
        "text" => new == json!(0) || new == json!(true),
        _ => false,
    };
    if plausible {
        taken = Taken::Unseen;
    } else if is_field {
        taken = Taken::Seen;
    }
    *entry.value.pointer_mut(path)? = new.clone();
    entry.take(taken);
    let old = old.to_string().chars().take(30).collect::<String>();
    Some(format!("{path} of {}: {new} instead of {old}", named(entry)))
}

/// A path of a field of the request or the response.
fn field(entry: &Entry, number: u64) -> Option<String> {
    let all = paths(&entry.value);
    let fields: Vec<&String> =
        all.iter().filter(|path| path.contains("/headers/") && path.split('/').count() == 4).collect();
    Some(fields[pick(number, fields.len())?].clone())
}

fn drop_field(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let path = field(entry, b)?;
    let gone = remove(&mut entry.value, &path)?;
    entry.take(Taken::Unseen);
    Some(format!("field {} of {} dropped", gone["name"], named(entry)))
}

fn duplicate_field(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let path = field(entry, b)?;
    let copy = entry.value.pointer(&path)?.clone();
    let (parent, _) = path.rsplit_once('/')?;
    let name = copy["name"].clone();
    entry.value.pointer_mut(parent)?.as_array_mut()?.push(copy);
    entry.take(Taken::Unseen);
    Some(format!("field {name} of {} twice", named(entry)))
}

fn hollow_field(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let path = field(entry, b)?;
    let place = entry.value.pointer_mut(&path)?;
    let name = place["name"].clone();
    let what = ["no name", "no value", "null as name", "null as value", "an empty name", "an object as value", "null"]
        [pick(c, 7)?];
    let members = place.as_object_mut()?;
    match what {
        "no name" => drop(members.shift_remove("name")),
        "no value" => drop(members.shift_remove("value")),
        "null as name" => drop(members.insert("name".to_owned(), json!(null))),
        "null as value" => drop(members.insert("value".to_owned(), json!(null))),
        "an empty name" => drop(members.insert("name".to_owned(), json!(""))),
        "an object as value" => drop(members.insert("value".to_owned(), json!({"a": 1}))),
        _ => *place = json!(null),
    }
    entry.take(Taken::Seen);
    Some(format!("field {name} of {} with {what}", named(entry)))
}

/// Any string in half; that its content was longer is told by the size beside it.
fn cut_string(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let all: Vec<String> = paths(&entry.value).into_iter().filter(|path| text(&entry.value, path).len() > 1).collect();
    let path = &all[pick(b, all.len())?];
    let whole = text(&entry.value, path).to_owned();
    let kept = cut(&whole, c);
    let is_content = matches!(path.as_str(), "/request/postData/text" | "/response/content/text");
    let taken = if is_content || path.contains("/headers/") || path.ends_with("/url") {
        Taken::Shortened
    } else {
        worth(&entry.value, path).min(Taken::Unseen)
    };
    entry.take(taken);
    let length = kept.len();
    *entry.value.pointer_mut(path)? = kept.into();
    Some(format!("{path} of {} cut to {length} bytes", named(entry)))
}

fn cut(whole: &str, number: u64) -> String {
    let characters = whole.chars().count() as u64;
    whole.chars().take((number % characters) as usize).collect()
}

/// What a content of `length` bytes lost by a size of `told`. A byte order mark and line ends, and other encodings of
/// what is not ASCII, account for a difference.
fn shorter(length: usize, told: usize) -> Taken {
    if told > length + 4 { Taken::Seen } else { Taken::Shortened }
}

/// The two contents of an entry: text and size.
const CONTENTS: [(&str, &str); 2] =
    [("/request/postData/text", "/request/bodySize"), ("/response/content/text", "/response/content/size")];

fn content(entry: &Entry, number: u64) -> Option<(&'static str, &'static str)> {
    let all: Vec<_> = CONTENTS.into_iter().filter(|(path, _)| !text(&entry.value, path).is_empty()).collect();
    Some(all[pick(number, all.len())?])
}

fn cut_content(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let (path, size) = content(entry, b)?;
    // Where no size stands beside it, nobody can tell.
    let whole = entry.value.pointer(size).and_then(Value::as_u64).unwrap_or(0) as usize;
    let kept = cut(text(&entry.value, path), c);
    let length = kept.len();
    *entry.value.pointer_mut(path)? = kept.into();
    entry.take(shorter(length, whole));
    Some(format!("{path} of {} cut to {length} bytes", named(entry)))
}

/// The content is gone; its size stays, is unknown, or says that there was none.
fn take_content(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let (path, size) = content(entry, b)?;
    let whole_object = c / 4 % 2 == 0 && path.starts_with("/request");
    remove(&mut entry.value, if whole_object { "/request/postData" } else { path })?;
    let what = ["its size stays", "its size is -1", "no size", "its size is 0"][pick(c, 4)?];
    match what {
        "its size is -1" => *entry.value.pointer_mut(size)? = json!(-1),
        "its size is 0" => *entry.value.pointer_mut(size)? = json!(0),
        "no size" => drop(remove(&mut entry.value, size)?),
        _ => {}
    }
    entry.take(if what == "its size is 0" { Taken::Unseen } else { Taken::Seen });
    Some(format!("{path} of {} taken, {what}", named(entry)))
}

fn change_size(mutant: &mut Mutant, [a, b, c]: [u64; 3]) -> Option<String> {
    let entry = entry(mutant, a)?;
    let (path, size) = content(entry, b)?;
    let length = text(&entry.value, path).len();
    let new = [json!(-1), json!(null), json!("many"), json!(length + 100)][pick(c, 4)?].clone();
    *entry.value.pointer_mut(size)? = new.clone();
    entry.take(new.as_u64().map_or(Taken::Light, |told| shorter(length, told as usize)));
    Some(format!("{size} of {}: {new}", named(entry)))
}

fn write_otherwise(mutant: &mut Mutant, [a, ..]: [u64; 3]) -> Option<String> {
    let bit = |number: u32| a >> number & 1 == 1;
    mutant.form =
        Form { pretty: bit(0), reversed: bit(1), mark: bit(2), crlf: bit(3), entries_last: bit(4), gzip: bit(5) };
    Some(format!("{:?}", mutant.form))
}

/// Contents of responses in Base64, as HAR allows.
fn encode(mutant: &mut Mutant, _: [u64; 3]) -> Option<String> {
    use base64::Engine as _;
    for entry in &mut mutant.entries {
        let Some(content) = entry.value.pointer_mut("/response/content").and_then(Value::as_object_mut) else {
            continue;
        };
        if content.contains_key("encoding") {
            continue;
        }
        let Some(text) = content.get("text").and_then(Value::as_str) else { continue };
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        content.insert("text".to_owned(), encoded.into());
        content.insert("encoding".to_owned(), "base64".into());
    }
    Some("contents of responses in Base64".to_owned())
}

fn cut_file(mutant: &mut Mutant, [a, ..]: [u64; 3]) -> Option<String> {
    mutant.cut = Some(a % 1000);
    Some(format!("the text cut at {} of 1000", a % 1000))
}

fn add_unrelated(mutant: &mut Mutant, [a, ..]: [u64; 3]) -> Option<String> {
    let place = pick(a, mutant.entries.len() + 1)?;
    let time = mutant
        .entries
        .first()
        .map_or(json!("2026-01-01T00:00:00.000Z"), |entry| entry.value["startedDateTime"].clone());
    let value = json!({"startedDateTime": time, "time": 3, "cache": {}, "timings": {"send": 0, "wait": 3, "receive": 0},
        "request": {"method": "GET", "url": "https://www.other.test/news", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": "Host", "value": "www.other.test"}], "queryString": [], "headersSize": -1, "bodySize": 0},
        "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": "Content-Type", "value": "text/plain"}],
            "content": {"size": 5, "mimeType": "text/plain", "text": "hello"}, "redirectURL": "", "headersSize": -1, "bodySize": 5}});
    mutant.entries.insert(place, Entry { value, origin: None, taken: Taken::Nothing });
    Some(format!("an entry of another host at place {place}"))
}

fn add_broken(mutant: &mut Mutant, [a, b, _]: [u64; 3]) -> Option<String> {
    let place = pick(a, mutant.entries.len() + 1)?;
    let value =
        [json!(null), json!(7), json!({}), json!("entry"), json!({"request": {}, "response": {}})][pick(b, 5)?].clone();
    let text = value.to_string();
    mutant.entries.insert(place, Entry { value, origin: None, taken: Taken::Seen });
    Some(format!("an entry {text} at place {place}"))
}
