use super::*;
use crate::{
    exchange::Exchange,
    input::{
        Control, Item, read_recording,
        tests::{Dribble, items_of},
    },
};

const NAMES: [&str; 14] = [
    "REQUEST_ALIVE",
    "URL_REQUEST_START_JOB",
    "HTTP_TRANSACTION_SEND_REQUEST_HEADERS",
    "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS",
    "HTTP_TRANSACTION_QUIC_SEND_REQUEST_HEADERS",
    "HTTP_TRANSACTION_READ_RESPONSE_HEADERS",
    "URL_REQUEST_JOB_BYTES_READ",
    "URL_REQUEST_JOB_FILTERED_BYTES_READ",
    "UPLOAD_DATA_STREAM_INIT",
    "HTTP2_SESSION_SEND_HEADERS",
    "HTTP2_SESSION_RECV_HEADERS",
    "HTTP3_HEADERS_SENT",
    "HTTP3_HEADERS_DECODED",
    "SOMETHING_ELSE",
];

/// A file of these events: source, its type (1 is a request), phase, name and parameters. Numbers are the file's own.
fn file(mode: &str, first: u32, events: &[(u64, u32, u32, &str, &str)]) -> String {
    let number = |name: &str| first + NAMES.iter().position(|known| *known == name).unwrap() as u32;
    let types: Vec<_> = NAMES.iter().map(|name| format!("\"{name}\":{}", number(name))).collect();
    let events: Vec<_> = events
        .iter()
        .enumerate()
        .map(|(at, (id, kind, phase, name, params))| {
            let params = if params.is_empty() { String::new() } else { format!("\"params\":{{{params}}},") };
            let source = format!("{{\"id\":{id},\"start_time\":\"1\",\"type\":{kind}}}");
            format!(
                "{{{params}\"phase\":{phase},\"source\":{source},\"time\":\"{}\",\"type\":{}}}",
                1000 + at,
                number(name)
            )
        })
        .collect();
    format!(
        "{{\"constants\":{{\"logEventPhase\":{{\"PHASE_BEGIN\":1,\"PHASE_END\":2,\"PHASE_NONE\":0}},\"logEventTypes\":\
         {{{}}},\"logSourceType\":{{\"URL_REQUEST\":1,\"HTTP2_SESSION\":2}},\"logCaptureMode\":\"{mode}\",\
         \"timeTickOffset\":\"1795899101824\"}},\n\"events\": [\n{}],\n\"polledData\":[{{}}]}}\n",
        types.join(","),
        events.join(",\n")
    )
}

const GET: &str =
    "\"line\":\"GET /ews HTTP/1.1\\r\\n\",\"headers\":[\"Host: mail.contoso.com\",\"Authorization: Bearer a.b.c\"]";
const H2: &str = "\"headers\":[\":method: POST\",\":authority: mail.contoso.com\",\":scheme: https\",\":path: /ews?a=b:c\",\"x: y\"]";
const REFUSED: &str =
    "\"headers\":[\"HTTP/1.1 401 Unauthorized\",\"www-authenticate: Basic realm=\\\"a: b\\\"\",\"content-length: 0\"]";
const START: &str = "\"method\":\"GET\",\"url\":\"https://mail.contoso.com/ews\"";

fn simple() -> Vec<(u64, u32, u32, &'static str, &'static str)> {
    vec![
        (5, 1, 1, "REQUEST_ALIVE", ""),
        (5, 1, 1, "URL_REQUEST_START_JOB", START),
        (5, 1, 0, "HTTP_TRANSACTION_SEND_REQUEST_HEADERS", GET),
        (7, 3, 0, "SOMETHING_ELSE", "\"bytes\":\"xx\""),
        (5, 1, 0, "HTTP_TRANSACTION_READ_RESPONSE_HEADERS", REFUSED),
        (5, 1, 2, "URL_REQUEST_START_JOB", ""),
        // Asked again, with the same source.
        (5, 1, 1, "URL_REQUEST_START_JOB", START),
        (5, 1, 0, "HTTP_TRANSACTION_SEND_REQUEST_HEADERS", GET),
        (5, 1, 0, "HTTP_TRANSACTION_READ_RESPONSE_HEADERS", "\"headers\":[\"HTTP/1.1 200 OK\",\"content-length: 5\"]"),
        (5, 1, 0, "URL_REQUEST_JOB_FILTERED_BYTES_READ", "\"byte_count\":5,\"bytes\":\"aGVsbG8=\""),
        (5, 1, 2, "REQUEST_ALIVE", ""),
        // Answered by the cache.
        (6, 1, 1, "URL_REQUEST_START_JOB", START),
        (6, 1, 2, "REQUEST_ALIVE", ""),
    ]
}

fn read(text: &str) -> (Vec<Exchange>, Vec<NoteKind>) {
    let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => exchanges.push(*exchange),
            Item::Note(note) => notes.push(note.kind),
            _ => {}
        }
        Control::Continue
    };
    let recording = read_recording(&mut text.as_bytes(), &Limits::default(), &mut sink).unwrap();
    assert_eq!(recording.format, "netlog");
    (exchanges, notes)
}

#[test]
fn each_start_of_a_job_is_an_exchange_whatever_the_numbers_are() {
    for first in [0, 100, 4000] {
        let (exchanges, notes) = read(&file("Everything", first, &simple()));
        let told: Vec<_> =
            exchanges.iter().map(|e| (e.url(), e.status(), e.response.as_ref().unwrap().body.kept.clone())).collect();
        let url = "https://mail.contoso.com/ews".to_owned();
        assert_eq!(told, [(url.clone(), Some(401), None), (url, Some(200), Some((*b"hello").into()))]);
        assert_eq!(exchanges[0].response.as_ref().unwrap().head.text("www-authenticate"), Some("Basic realm=\"a: b\""));
        assert_eq!(exchanges[0].request.as_ref().unwrap().first.time().unwrap().nanos(), 1_795_899_102_826_000_000);
        assert!(notes.is_empty());
    }
}

#[test]
fn headers_of_sessions_count_once() {
    let sent = (9, 2, 0, "HTTP2_SESSION_SEND_HEADERS", H2);
    let received = (9, 2, 0, "HTTP2_SESSION_RECV_HEADERS", "\"headers\":[\":status: 200\"],\"stream_id\":0");
    let own = [
        (5, 1, 1, "URL_REQUEST_START_JOB", START),
        (5, 1, 0, "HTTP_TRANSACTION_HTTP2_SEND_REQUEST_HEADERS", H2),
        sent,
        received,
        (5, 1, 0, "HTTP_TRANSACTION_READ_RESPONSE_HEADERS", "\"headers\":[\"HTTP/1.1 200\"]"),
    ];
    for events in [&own[..], &[sent, received]] {
        let (exchanges, _) = read(&file("Everything", 1, events));
        assert_eq!(exchanges.len(), 1);
        let exchange = &exchanges[0];
        assert_eq!((exchange.url().as_str(), exchange.status()), ("https://mail.contoso.com/ews?a=b:c", Some(200)));
        assert_eq!(exchange.protocol, Protocol::H2);
        // What a request sent as content is not told.
        assert!(exchange.marks.has(Mark::BodyCut));
    }
}

#[test]
fn the_default_mode_says_nothing_of_credentials() {
    let stripped = "\"line\":\"GET / HTTP/1.1\\r\\n\",\"headers\":[\"Authorization: [54 bytes were stripped]\"]";
    let events =
        [(5, 1, 1, "URL_REQUEST_START_JOB", START), (5, 1, 0, "HTTP_TRANSACTION_SEND_REQUEST_HEADERS", stripped)];
    let (exchanges, notes) = read(&file("Default", 1, &events));
    assert!(exchanges[0].marks.has(Mark::Sanitized));
    assert!(matches!(notes[..], [NoteKind::Sanitized { .. }]));
}

#[test]
fn a_file_without_an_end_is_read_up_to_there() {
    let whole = file("IncludeSensitive", 1, &simple());
    let (exchanges, _) = read(&whole);
    let list = whole.find("\"events\": [").unwrap() + 11;
    for length in list..whole.find("],\n\"polled").unwrap() {
        let (part, notes) = read(&whole[..length]);
        assert!(part.len() <= exchanges.len());
        assert!(matches!(notes[..], [NoteKind::TruncatedInput { .. }]), "{length} {notes:?}");
    }
}

#[test]
fn other_layouts_and_splits_give_the_same() {
    let whole = file("Everything", 1, &simple());
    let json: serde_json::Value = serde_json::from_str(&whole).unwrap();
    let (_, wanted) = items_of(&mut whole.as_bytes(), &Limits::default());
    assert_eq!(wanted.len(), 2);
    for text in [
        serde_json::to_string(&json).unwrap(),
        serde_json::to_string_pretty(&json).unwrap(),
        format!("\u{feff}{whole}"),
    ] {
        let (_, items) = items_of(&mut text.as_bytes(), &Limits::default());
        assert_eq!(items, wanted);
        let (_, items) = items_of(&mut Dribble::new(text.as_bytes(), 7), &Limits::default());
        assert_eq!(items, wanted);
    }
}

#[test]
fn heads_without_a_whole_are_said() {
    let is_said = |text: &str| {
        let (exchanges, notes) = read(text);
        !notes.is_empty()
            || exchanges.iter().any(|one| one.marks.has(Mark::EntryMalformed) || one.marks.has(Mark::RequestMissing))
    };
    let whole = file("IncludeSensitive", 100, &simple());
    assert!(!is_said(&whole));
    // A field that is none, one whose value is no text, and what was asked is not there.
    assert!(is_said(&whole.replace("Authorization: Bearer", "Authorization Bearer")));
    let object = r#""headers":{"Host":"mail.contoso.com","Authorization":["Bearer a.b.c"]}"#;
    let list = GET.split_once(",").unwrap().1;
    assert!(is_said(&whole.replace(list, object)));
    assert!(!is_said(&whole.replace(list, &object.replace(['[', ']'], ""))));
    let lost: Vec<_> =
        simple().into_iter().filter(|(_, _, _, name, _)| *name != "HTTP_TRANSACTION_SEND_REQUEST_HEADERS").collect();
    assert!(is_said(&file("IncludeSensitive", 100, &lost)));
    assert!(is_said(&format!("{whole}{{}}")));
    // Whatever a source is, its requests were sent.
    let other: Vec<_> = simple().into_iter().map(|(id, _, phase, name, params)| (id, 9, phase, name, params)).collect();
    let requests = |text: &str| read(text).0.iter().filter(|one| one.request.is_some()).count();
    assert_eq!(requests(&file("IncludeSensitive", 100, &other)), requests(&whole));
}

#[test]
fn damage_never_panics() {
    let whole = file("Everything", 1, &simple());
    for at in 0..whole.len() {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] ^= 0x0d;
        let _ = items_of(&mut &bytes[..], &Limits::default());
    }
}
