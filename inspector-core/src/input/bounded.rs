//! Bounds of the formats of tools that record messages: what is beyond one is given up and said, and no more is kept.

use super::*;
use crate::{exchange::Mark, input::archive::zip::tests::archive};

/// The exchanges and notes of a recording within these limits.
fn read(mut bytes: &[u8], limits: &Limits) -> (Vec<Exchange>, Vec<NoteKind>) {
    let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => exchanges.push(*exchange),
            Item::Note(note) => notes.push(note.kind),
            _ => {}
        }
        Control::Continue
    };
    let _ = read_recording(&mut bytes, limits, &mut sink);
    (exchanges, notes)
}

fn is_skipped(notes: &[NoteKind], words: &str) -> bool {
    notes.iter().any(|note| matches!(note, NoteKind::EntrySkipped { why } if why.contains(words)))
}

/// A record of a trace of curl.
fn record(kind: &str, text: &str) -> String {
    let mut out = format!("{kind}, {} bytes (0x{:x})\n", text.len(), text.len());
    for (row, bytes) in text.as_bytes().chunks(16).enumerate() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
        out += &format!("{:04x}: {hex:<48}{}\n", row * 16, ".".repeat(bytes.len()));
    }
    out
}

fn trace(request: &str, response: &str, content: &str) -> String {
    let heads: String = response.split_inclusive("\r\n").map(|line| record("<= Recv header", line)).collect();
    format!("{}{heads}{}", record("=> Send header", request), record("<= Recv data", content))
}

#[test]
fn of_endless_fields_as_many_are_kept_as_of_any_message() {
    let limits = Limits { fields: 20, ..Limits::default() };
    let fields = "a: b\r\n".repeat(1000);
    let origin = format!("GET /ews HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let absolute = origin.replace(" /ews", " https://a/ews");
    let saz = archive(b"", &[("raw/1_c.txt", absolute.as_bytes()), ("raw/1_s.txt", b"HTTP/1.1 200 OK\r\n\r\n")]);
    let burp = format!(
        "<?xml version=\"1.1\"?><items burpVersion=\"2025.6.5\"><item><request base64=\"false\"><![CDATA[{}]]></request></item></items>",
        origin.replace("\r\n", "\n")
    );
    let header = "<header><name>a</name><value>b</value></header>".repeat(1000);
    let charles = format!(
        "<?xml version=\"1.0\"?><charles-session><transaction method=\"GET\" host=\"a\" path=\"/\"><request><headers>{header}\
         </headers></request></transaction></charles-session>"
    );
    let zap = format!("=== 1 ==========\n{absolute}\nHTTP/1.1 200 OK\r\n\r\n");
    let curl = trace(&origin, "HTTP/1.1 200 OK\r\n\r\n", "");
    for (name, bytes) in [
        ("saz", saz),
        ("burp", burp.into_bytes()),
        ("charles", charles.into_bytes()),
        ("zap", zap.into_bytes()),
        ("curl", curl.into_bytes()),
    ] {
        let (exchanges, _) = read(&bytes, &limits);
        let [exchange] = exchanges.as_slice() else { panic!("{name}: {}", exchanges.len()) };
        let head = &exchange.request.as_ref().unwrap().head;
        assert!(head.fields().len() <= limits.fields, "{name}");
        assert!(exchange.marks.has(Mark::HeadCut) && exchange.marks.has(Mark::Malformed), "{name}");
    }
}

#[test]
fn the_parts_of_a_session_have_one_bound() {
    let limits = Limits { entry: 1000, ..Limits::default() };
    let response = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(700));
    let marked = |messages: usize| {
        let messages = "y".repeat(messages);
        let saz = archive(
            b"",
            &[
                ("raw/1_c.txt", b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
                ("raw/1_s.txt", response.as_bytes()),
                ("raw/1_w.txt", messages.as_bytes()),
            ],
        );
        let (exchanges, _) = read(&saz, &limits);
        exchanges[0].marks.has(Mark::BodyCut)
    };
    assert!(!marked(100) && marked(500));
}

#[test]
fn attributes_and_texts_of_xml_end_somewhere() {
    let transaction = |path: &str, body: &str| {
        format!(
            "<?xml version=\"1.0\"?><charles-session><transaction method=\"GET\" host=\"a\" path=\"/{path}\"><request>\
             <body>{body}</body></request></transaction></charles-session>"
        )
    };
    let (exchanges, notes) = read(transaction("", &"x".repeat(50_000)).as_bytes(), &Limits::default());
    assert_eq!(exchanges[0].request.as_ref().unwrap().body.transferred, 50_000);
    assert!(notes.is_empty());
    let (_, notes) = read(transaction(&"p".repeat(2 << 20), "").as_bytes(), &Limits::default());
    assert!(is_skipped(&notes, "limit: entry"), "{notes:?}");
    let limits = Limits { entry: 10_000, ..Limits::default() };
    for body in ["x".repeat(20_000), "x&amp;".repeat(9000)] {
        let (exchanges, notes) = read(transaction("", &body).as_bytes(), &limits);
        assert!(is_skipped(&notes, "limit: entry"), "{} {notes:?}", exchanges.len());
    }
    // Of a text with elements in it, some is lost.
    let (exchanges, _) = read(transaction("", "secret=a<a/>b").as_bytes(), &limits);
    assert!(exchanges[0].marks.has(Mark::EntryMalformed));
    let item = |request: &str| {
        format!(
            "<?xml version=\"1.1\"?><items burpVersion=\"1\"><item><request>{request}</request><response/></item></items>"
        )
    };
    for (request, is_odd) in [("GET / HTTP/1.1\nHost: a\n\n", false), ("GET / <b/>HTTP/1.1\nHost: a<c/>\n\n", true)] {
        let (exchanges, notes) = read(item(request).as_bytes(), &limits);
        let is_said = exchanges.is_empty() || exchanges[0].marks.has(Mark::EntryMalformed);
        assert_eq!(is_said, is_odd, "{notes:?}");
    }
}

#[test]
fn what_is_no_transaction_is_counted_in_one_note() {
    let session = |between: &str| {
        format!(
            "<?xml version=\"1.0\"?><charles-session>{between}<transaction method=\"GET\" host=\"a\" path=\"/\">\
             <request/></transaction>{between}</charles-session>"
        )
    };
    for (between, wanted) in [("", None), ("<x/>", Some("2 elements")), ("<x><y/></x><z/>", Some("4 elements"))] {
        let (exchanges, notes) = read(session(between).as_bytes(), &Limits::default());
        assert_eq!((exchanges.len(), notes.len()), (1, usize::from(wanted.is_some())), "{notes:?}");
        assert!(wanted.is_none_or(|wanted| is_skipped(&notes, wanted)), "{notes:?}");
    }
}

#[test]
fn a_message_with_a_line_that_is_too_long_costs_only_itself() {
    let limits = Limits { entry: 5000, ..Limits::default() };
    let message = |content: &str| {
        format!("=== 1 ==========\nGET https://a/ HTTP/1.1\nHost: a\n\n\nHTTP/1.1 200 OK\n\n{content}\n\n")
    };
    // What looks like a separator within the line is none.
    for long in ["x".repeat(200_000), format!("{}=== 7 ==========", "x".repeat(5001 - 62)), "y\n".repeat(9000)] {
        let text = [message(""), message(&long), message("")].concat();
        let (exchanges, notes) = read(text.as_bytes(), &limits);
        assert_eq!(exchanges.len(), 2, "{notes:?}");
        assert!(is_skipped(&notes, "limit: entry"), "{notes:?}");
    }
}

#[test]
fn lines_of_a_trace_that_are_missing_or_stand_twice_are_not_read_over() {
    let request =
        "GET /ews HTTP/1.1\r\nHost: mail.contoso.com\r\nAuthorization: Bearer abcdefghijklmnopqrstuvwxyz\r\n\r\n";
    let whole = trace(request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok");
    let (exchanges, notes) = read(whole.as_bytes(), &Limits::default());
    assert_eq!((exchanges.len(), notes.len()), (1, 0), "{notes:?}");
    let lines: Vec<&str> = whole.lines().collect();
    for at in 1..7 {
        let mut torn = lines.clone();
        torn.remove(at);
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        // The last one again is in no record, which is said.
        twice.truncate(if at == 6 { 0 } else { usize::MAX });
        for (what, lines) in [("without", torn), ("twice", twice)].into_iter().filter(|(_, lines)| !lines.is_empty()) {
            let (exchanges, notes) = read((lines.join("\n") + "\n").as_bytes(), &Limits::default());
            let is_read = exchanges.iter().any(|one| one.request.is_some());
            assert!(!is_read && !notes.is_empty(), "{what} {at}: {notes:?}");
        }
    }
}

#[test]
fn transfers_that_go_on_at_once_have_one_bound() {
    let limits = Limits { entry: 20_000, ..Limits::default() };
    let mut text = String::new();
    let transfer = |number: usize, text: &str| {
        let lines = text.lines().map(|line| match line.starts_with(['=', '<']) {
            true => format!("[{number}-0] {line}\n"),
            false => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    for number in 0..10 {
        let one = trace("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", &"x".repeat(5000));
        text += &transfer(number, &one);
    }
    let (exchanges, _) = read(text.as_bytes(), &limits);
    assert_eq!(exchanges.len(), 10);
    let cut = exchanges.iter().filter(|one| one.marks.has(Mark::BodyCut)).count();
    assert!((5..10).contains(&cut), "{cut}");
    // A record that is larger than what is kept of any content.
    let limits = Limits { decoded_body: 1000, ..Limits::default() };
    let text = trace("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", &"x".repeat(5000));
    let (exchanges, notes) = read(text.as_bytes(), &limits);
    assert!(exchanges[0].marks.has(Mark::BodyCut) && notes.is_empty(), "{notes:?}");
}
