//! What limits the conclusions, as JSON: so that a recording that was made of another one tells what the other lacked.
//!
//! A capture that is written as HAR has no packets any more, and what could not be read of them would be forgotten: an
//! inconclusive recording would pass. So connections and notes are written beside the entries and read again from there. What
//! is read only ever adds to what is missing.
//!
//! Words of the closed sets in [`crate::note`] are `&'static str`; those of a file are interned, a bounded number of them.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value, json};

use crate::{
    connection::{Application, ConnectionReport, Reason, Transport},
    evidence::{At, ConnectionId, Endpoint},
    exchange::{Mark, Marks},
    flow::{Connection, Standing},
    note::{Between, Guess, Note, NoteKind, PacketSkip},
    time::Timestamp,
};

/// Words that are kept for good.
const WORDS: usize = 512;
/// Longest of them.
const LONGEST: usize = 160;

/// A word that stays. Beyond the bounds it is another one, which says no less.
pub(crate) fn word(text: &str) -> &'static str {
    static POOL: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = pool.get(text) {
        return known;
    }
    if pool.len() >= WORDS || text.len() > LONGEST {
        return "something";
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    pool.insert(kept);
    kept
}

fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    value.get(name)?.as_str()
}

fn number(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn two<T: Copy + Default>(value: &Value, name: &str, read: impl Fn(&Value) -> T) -> [T; 2] {
    let of = |at| value.get(name).and_then(|list| list.get(at)).map(&read).unwrap_or_default();
    [of(0), of(1)]
}

fn number_of(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// Marks as their words.
pub(crate) fn marks_to_json(marks: Marks) -> Value {
    marks.iter().map(Mark::as_str).collect::<Vec<_>>().into()
}

/// Marks of their words; `None` if it is no list of words. Of a word that is not known something is missing.
pub(crate) fn marks_from_json(value: &Value) -> Option<Marks> {
    let mut marks = Marks::default();
    for word in value.as_array()? {
        marks.add(Mark::named(word.as_str()?).unwrap_or(Mark::EntryMalformed));
    }
    Some(marks)
}

fn at_to_json(at: At) -> Value {
    let time = at.time().map(|time| time.nanos());
    match at {
        At::Frame { number, .. } => json!({"frame": number, "time": time}),
        At::Entry { index, .. } => json!({"entry": index, "time": time}),
    }
}

fn at_from_json(value: &Value) -> Option<At> {
    let time = value.get("time").and_then(Value::as_i64).map(Timestamp::from_nanos);
    let frame = value.get("frame").and_then(Value::as_u64).map(|number| At::Frame { number, time });
    frame.or_else(|| value.get("entry").and_then(Value::as_u64).map(|index| At::Entry { index, time }))
}

pub(crate) fn endpoint_from(text: &str) -> Option<Endpoint> {
    let address: SocketAddr = text.parse().ok()?;
    Some(Endpoint { address: address.ip(), port: address.port() })
}

/// A connection.
pub(crate) fn connection_to_json(report: &ConnectionReport) -> Value {
    let c = &report.connection;
    json!({
        "connection": c.id.0,
        "first": at_to_json(c.first),
        "last": at_to_json(c.last),
        "client": c.client.to_string(),
        "server": c.server.to_string(),
        "roles_known": c.roles_known,
        "from_start": c.from_start,
        "packets": c.packets,
        "gaps": c.gaps,
        "bytes_missing": c.bytes_missing,
        "duplicates": c.duplicates,
        "overlaps_differing": c.overlaps_differing,
        "strays": c.strays,
        "bytes": c.bytes,
        "transport": report.transport.as_str(),
        "application": report.application.as_str(),
        "server_name": report.server_name,
        "application_protocol": report.application_protocol,
        "tls": report.tls,
        "suite": report.suite,
        "decrypted": report.decrypted,
        "reason": report.reason.map(Reason::as_str),
        "detail": report.detail,
        "exchanges": report.exchanges,
        "unread": report.unread,
        "tunnel": report.tunnel,
    })
}

/// A connection that was written so; `None` if it is none.
pub(crate) fn connection_from_json(value: &Value) -> Option<ConnectionReport> {
    let owned = |name| text(value, name).map(str::to_owned);
    let is_set = |it: &Value| it.as_bool().unwrap_or_default();
    let reason = value.get("reason").filter(|reason| !reason.is_null());
    Some(ConnectionReport {
        connection: Connection {
            id: ConnectionId(value.get("connection")?.as_u64()?),
            first: at_from_json(value.get("first")?)?,
            last: at_from_json(value.get("last")?)?,
            client: endpoint_from(text(value, "client")?)?,
            server: endpoint_from(text(value, "server")?)?,
            roles_known: flag(value, "roles_known"),
            from_start: two(value, "from_start", is_set),
            packets: number(value, "packets"),
            gaps: two(value, "gaps", number_of),
            bytes_missing: two(value, "bytes_missing", number_of),
            duplicates: number(value, "duplicates"),
            overlaps_differing: number(value, "overlaps_differing"),
            strays: number(value, "strays"),
            bytes: two(value, "bytes", number_of),
            standing: Standing::default(),
        },
        transport: if text(value, "transport") == Some("quic") { Transport::Quic } else { Transport::Tcp },
        application: application(text(value, "application").unwrap_or_default()),
        server_name: owned("server_name"),
        application_protocol: owned("application_protocol"),
        tls: text(value, "tls").map(word),
        client_randoms: Vec::new(),
        suite: owned("suite").map(Cow::Owned),
        decrypted: flag(value, "decrypted"),
        // A reason that is not known hides something.
        reason: reason.map(|reason| Reason::named(reason.as_str().unwrap_or_default()).unwrap_or(Reason::Limit)),
        detail: owned("detail").unwrap_or_default(),
        exchanges: number(value, "exchanges"),
        unread: number(value, "unread"),
        tunnel: owned("tunnel"),
        plaintext: None,
    })
}

fn application(name: &str) -> Application {
    let known = [Application::Http1, Application::H2, Application::H3, Application::WebSocket, Application::Unknown];
    known.into_iter().find(|one| one.as_str() == name).unwrap_or_else(|| Application::Other(word(name)))
}

fn between_to_json(between: Between) -> Value {
    match between {
        Between::Hosts(a, b) => json!([a.to_string(), b.to_string()]),
        Between::Stations(a, b) => json!([a, b]),
        Between::Unknown => Value::Null,
    }
}

fn between_from_json(value: Option<&Value>) -> Between {
    let host = |at: usize| value?.get(at)?.as_str()?.parse::<IpAddr>().ok();
    let station = |at: usize| -> Option<[u8; 6]> {
        let mut bytes = [0; 6];
        for (to, from) in bytes.iter_mut().zip(value?.get(at)?.as_array()?) {
            *to = u8::try_from(from.as_u64()?).ok()?;
        }
        Some(bytes)
    };
    match (host(0).zip(host(1)), station(0).zip(station(1))) {
        (Some((a, b)), _) => Between::Hosts(a, b),
        (None, Some((a, b))) => Between::Stations(a, b),
        _ => Between::Unknown,
    }
}

fn skip_to_json(skip: PacketSkip) -> (&'static str, Value) {
    match skip {
        PacketSkip::LinkType(number) => ("link-type", number.into()),
        PacketSkip::EtherType(number) => ("ether-type", number.into()),
        PacketSkip::IpProtocol(number) => ("ip-protocol", number.into()),
        PacketSkip::Control(name) => ("control", name.into()),
        PacketSkip::Protocol(name) => ("protocol", name.into()),
        PacketSkip::Malformed(name) => ("malformed", name.into()),
        PacketSkip::TooDeep => ("too-deep", Value::Null),
        PacketSkip::Fragment => ("fragment", Value::Null),
        PacketSkip::Encrypted(name) => ("encrypted", name.into()),
        PacketSkip::Datagram(port) => ("datagram", port.into()),
    }
}

fn skip_from_json(value: &Value) -> PacketSkip {
    let of = value.get("of").unwrap_or(&Value::Null);
    let small = || u16::try_from(number_of(of)).unwrap_or_default();
    let name = || word(of.as_str().unwrap_or_default());
    match text(value, "what").unwrap_or_default() {
        "link-type" => PacketSkip::LinkType(small()),
        "ether-type" => PacketSkip::EtherType(small()),
        "ip-protocol" => PacketSkip::IpProtocol(u8::try_from(number_of(of)).unwrap_or_default()),
        "control" => PacketSkip::Control(name()),
        "malformed" => PacketSkip::Malformed(name()),
        "too-deep" => PacketSkip::TooDeep,
        "fragment" => PacketSkip::Fragment,
        "encrypted" => PacketSkip::Encrypted(name()),
        "datagram" => PacketSkip::Datagram(small()),
        _ => PacketSkip::Protocol(name()),
    }
}

const GUESSES: [(Guess, &str); 3] = [
    (Guess::WirelessAsEthernet, "wireless-as-ethernet"),
    (Guess::WirelessInTunnel, "wireless-in-tunnel"),
    (Guess::EspNull, "esp-null"),
];

/// A note.
pub(crate) fn note_to_json(note: &Note) -> Value {
    let mut value = match &note.kind {
        NoteKind::TruncatedInput { offset } => json!({"note": "truncated-input", "offset": offset}),
        NoteKind::MalformedBlock { what } => json!({"note": "malformed-block", "what": what}),
        NoteKind::HarmlessDamage { what } => json!({"note": "harmless-damage", "what": what}),
        NoteKind::DamagedCompression { what } => json!({"note": "damaged-compression", "what": what}),
        NoteKind::PacketSkipped { what, between, packets } => {
            let (what, of) = skip_to_json(*what);
            json!({"note": "packet-skipped", "what": what, "of": of, "between": between_to_json(*between), "packets": packets})
        }
        NoteKind::PacketGuessed { what, between, packets } => {
            let name = GUESSES.iter().find(|(guess, _)| guess == what).map(|(_, name)| *name);
            json!({"note": "packet-guessed", "what": name, "between": between_to_json(*between), "packets": packets})
        }
        NoteKind::EntrySkipped { why } => json!({"note": "entry-skipped", "why": why}),
        NoteKind::Limit { limit } => json!({"note": "limit", "what": limit}),
        NoteKind::Gap { bytes } => json!({"note": "gap", "bytes": bytes}),
        NoteKind::Unread { bytes } => json!({"note": "unread", "bytes": bytes}),
        NoteKind::OverlapDiffers => json!({"note": "overlap-differs"}),
        NoteKind::Duplicate => json!({"note": "duplicate"}),
        NoteKind::RecordNotAuthentic { record } => json!({"note": "record-not-authentic", "record": record}),
        NoteKind::BadKeyLogLine => json!({"note": "bad-key-log-line"}),
        NoteKind::FilesMissing { count } => json!({"note": "files-missing", "count": count}),
        NoteKind::FilesOverlap { nanos } => json!({"note": "files-overlap", "nanos": nanos}),
        NoteKind::Sanitized { how } => json!({"note": "sanitized", "what": how}),
        NoteKind::Selected { how } => json!({"note": "selected", "what": how}),
        NoteKind::Edited { how } => json!({"note": "edited", "what": how}),
    };
    if let Some(members) = value.as_object_mut() {
        if let Some(at) = note.at {
            members.insert("at".to_owned(), at_to_json(at));
        }
        if let Some(connection) = note.connection {
            members.insert("connection".to_owned(), connection.0.into());
        }
    }
    value
}

/// A note that was written so. One that is not known is an entry that could not be read: something is missing.
pub(crate) fn note_from_json(value: &Value) -> Note {
    let what = || word(text(value, "what").unwrap_or_default());
    let bytes = number(value, "bytes");
    let between = between_from_json(value.get("between"));
    let packets = number(value, "packets");
    let kind = match text(value, "note").unwrap_or_default() {
        "truncated-input" => NoteKind::TruncatedInput { offset: number(value, "offset") },
        "malformed-block" => NoteKind::MalformedBlock { what: what() },
        "harmless-damage" => NoteKind::HarmlessDamage { what: what() },
        "damaged-compression" => NoteKind::DamagedCompression { what: what().to_owned() },
        "packet-skipped" => NoteKind::PacketSkipped { what: skip_from_json(value), between, packets },
        "packet-guessed" => {
            let guess = GUESSES.iter().find(|(_, name)| text(value, "what") == Some(name));
            NoteKind::PacketGuessed { what: guess.map_or(Guess::EspNull, |(guess, _)| *guess), between, packets }
        }
        "limit" => NoteKind::Limit { limit: what() },
        "gap" => NoteKind::Gap { bytes },
        "unread" => NoteKind::Unread { bytes },
        "overlap-differs" => NoteKind::OverlapDiffers,
        "duplicate" => NoteKind::Duplicate,
        "record-not-authentic" => NoteKind::RecordNotAuthentic { record: number(value, "record") },
        "bad-key-log-line" => NoteKind::BadKeyLogLine,
        "files-missing" => NoteKind::FilesMissing { count: number(value, "count") },
        "files-overlap" => NoteKind::FilesOverlap { nanos: number(value, "nanos") },
        "sanitized" => NoteKind::Sanitized { how: what() },
        "selected" => NoteKind::Selected { how: what() },
        "edited" => NoteKind::Edited { how: what() },
        "entry-skipped" => NoteKind::EntrySkipped { why: text(value, "why").unwrap_or_default().to_owned() },
        _ => NoteKind::EntrySkipped { why: "the recording this one was made of lacked something".to_owned() },
    };
    let connection = value.get("connection").and_then(Value::as_u64).map(ConnectionId);
    Note { at: value.get("at").and_then(at_from_json), connection, kind }
}

/// What one document tells of another's losses.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) connections: Vec<ConnectionReport>,
    pub(crate) notes: Vec<Note>,
}

impl Losses {
    /// Reads `{"connections": […], "notes": […]}`. What of it cannot be read is a note, too.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut losses = Self::default();
        let unread = |notes: &mut Vec<Note>| {
            let why = "what the recording this one was made of lacked cannot be read".to_owned();
            notes.push(Note::input(NoteKind::EntrySkipped { why }));
        };
        let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(bytes) else {
            unread(&mut losses.notes);
            return losses;
        };
        let list = |members: &Map<String, Value>, name: &str| match members.get(name) {
            Some(Value::Array(list)) => Some(list.clone()),
            Some(_) => None,
            None => Some(Vec::new()),
        };
        match (list(&members, "connections"), list(&members, "notes")) {
            (Some(connections), Some(notes)) => {
                losses.notes.extend(notes.iter().map(note_from_json));
                for one in &connections {
                    match connection_from_json(one) {
                        Some(report) => losses.connections.push(report),
                        None => unread(&mut losses.notes),
                    }
                }
            }
            _ => unread(&mut losses.notes),
        }
        losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_note_comes_back_as_it_was() {
        let hosts = Between::Hosts([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let kinds = [
            NoteKind::TruncatedInput { offset: 7 },
            NoteKind::MalformedBlock { what: "a block" },
            NoteKind::HarmlessDamage { what: "b" },
            NoteKind::DamagedCompression { what: "c".to_owned() },
            NoteKind::PacketSkipped { what: PacketSkip::LinkType(147), between: hosts, packets: 3 },
            NoteKind::PacketSkipped {
                what: PacketSkip::Encrypted("ESP"),
                between: Between::Stations([1; 6], [2; 6]),
                packets: 3,
            },
            NoteKind::PacketSkipped { what: PacketSkip::TooDeep, between: Between::Unknown, packets: 1 },
            NoteKind::PacketSkipped { what: PacketSkip::Datagram(4433), between: hosts, packets: 1 },
            NoteKind::PacketGuessed { what: Guess::WirelessInTunnel, between: hosts, packets: 2 },
            NoteKind::EntrySkipped { why: "d".to_owned() },
            NoteKind::Limit { limit: "connections" },
            NoteKind::Gap { bytes: 9 },
            NoteKind::Unread { bytes: 9 },
            NoteKind::OverlapDiffers,
            NoteKind::Duplicate,
            NoteKind::RecordNotAuthentic { record: 4 },
            NoteKind::BadKeyLogLine,
            NoteKind::FilesMissing { count: 2 },
            NoteKind::FilesOverlap { nanos: 2 },
            NoteKind::Sanitized { how: "e" },
            NoteKind::Selected { how: "f" },
            NoteKind::Edited { how: "g" },
        ];
        for kind in kinds {
            let at = Some(At::Frame { number: 3, time: Some(Timestamp::from_seconds(1_700_000_000)) });
            let note = Note { at, connection: Some(ConnectionId(2)), kind };
            assert_eq!(note_from_json(&note_to_json(&note)), note);
        }
    }

    #[test]
    fn what_cannot_be_read_is_missing() {
        for bytes in [
            &b""[..],
            b"[]",
            b"{\"notes\": 1}",
            b"{\"connections\": [{}]}",
            b"{\"notes\": [{\"note\": \"new\"}]}",
            b"{\"notes\": [1]}",
        ] {
            let losses = Losses::read(bytes);
            assert!(losses.notes.iter().any(|note| matches!(note.kind, NoteKind::EntrySkipped { .. })), "{bytes:?}");
        }
        assert!(Losses::read(b"{}").notes.is_empty());
        assert_eq!(marks_from_json(&json!(["gap", "unheard-of"])).map(|marks| marks.iter().count()), Some(2));
        assert!(marks_from_json(&json!("gap")).is_none());
    }

    #[test]
    fn words_are_bounded() {
        for number in 0..2 * WORDS {
            word(&number.to_string());
        }
        assert_eq!(word(&"x".repeat(1000)), "something");
        assert_eq!(word("surely a new one"), "something");
    }
}
