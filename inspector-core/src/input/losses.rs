//! What each format loses is said, and damage is no fault of the program: the formats of tools that record messages.

use std::io::Cursor;

use super::*;
use crate::{
    exchange::{Mark, Scheme},
    input::{archive::zip::tests::archive, helpers::Nobody, tests::items_of},
};

/// The exchanges and notes of a recording, and what it was read as.
fn read(mut bytes: &[u8]) -> (Result<Recording, ReadError>, Vec<Exchange>, Vec<NoteKind>) {
    let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => exchanges.push(*exchange),
            Item::Note(note) => notes.push(note.kind),
            _ => {}
        }
        Control::Continue
    };
    let result = read_recording(&mut bytes, &Limits::default(), &mut sink);
    (result, exchanges, notes)
}

const ASKED: &str =
    "POST https://mail.contoso.com/ews HTTP/1.1\r\nHost: mail.contoso.com\r\nContent-Length: 5\r\n\r\nhello";
const REFUSED: &str =
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\nTransfer-Encoding: chunked\r\n\r\n";

fn saz(numbers: &[u32]) -> Vec<u8> {
    let facts: Vec<String> = numbers
        .iter()
        .map(|number| {
            format!(
                "<Session SID=\"{number}\"><SessionTimers ClientBeginRequest=\"2026-11-28T21:01:01.1+01:00\" \
                 ServerDoneResponse=\"0001-01-01T00:00:00\" /><SessionFlags><SessionFlag N=\"x-hostip\" V=\"192.0.2.1\" />\
                 </SessionFlags></Session>"
            )
        })
        .collect();
    let names: Vec<[String; 3]> =
        (1..=numbers.len()).map(|at| ["c.txt", "s.txt", "m.xml"].map(|part| format!("Raw\\{at:03}_{part}"))).collect();
    let chunked = format!("{REFUSED}3\r\nabc\r\n0\r\n\r\n");
    let plain = format!("{REFUSED}not chunked any more");
    let mut members: Vec<(&str, &[u8])> = Vec::new();
    for (at, ([request, response, meta], facts)) in names.iter().zip(&facts).enumerate() {
        members.push((request, ASKED.as_bytes()));
        members.push((response, if at % 2 == 0 { chunked.as_bytes() } else { plain.as_bytes() }));
        members.push((meta, facts.as_bytes()));
    }
    archive(b"", &members)
}

fn curl() -> Vec<u8> {
    let record = |kind: &str, text: &str| {
        let mut out = format!("{kind}, {} bytes (0x{:x})\n", text.len(), text.len());
        for (row, bytes) in text.as_bytes().chunks(16).enumerate() {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x} ")).collect();
            out += &format!("{:04x}: {hex:<48}{}\n", row * 16, ".".repeat(bytes.len()));
        }
        out
    };
    let heads: String = REFUSED.split_inclusive("\r\n").map(|line| record("<= Recv header", line)).collect();
    let sent = ASKED.strip_suffix("hello").unwrap();
    format!(
        "{}{}{heads}{}",
        record("=> Send header", sent),
        record("=> Send data", "hello"),
        record("<= Recv data", "0\r\n\r\n")
    )
    .into()
}

const CHARLES: &str = r#"[{"status":"COMPLETE","method":"POST","protocolVersion":"HTTP/1.1","scheme":"https","host":"mail.contoso.com",
"port":null,"actualPort":443,"path":"/ews","query":"a=b","keptAlive":false,"remoteAddress":"mail.contoso.com/192.0.2.1",
"request":{"sizes":{"headers":9,"body":5},"header":{"firstLine":"POST /ews HTTP/1.1","headers":[{"name":"Host","value":"mail.contoso.com"}]}},
"response":{"status":401,"header":{"headers":[{"name":"Content-Encoding","value":"gzip"}]},"body":{"encoding":"base64","encoded":"aGVsbG8="}}}]"#;

const CHARLES_XML: &str = "<?xml version=\"1.0\"?><!DOCTYPE charles-session [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
<charles-session><transaction method=\"GET\" protocol=\"http\" host=\"a\" path=\"/&x;\" startTimeMillis=\"1000\"><request body=\"true\">\
<headers><header><name>Host</name><value>&lt;a&x;&#65;</value></header></headers></request></transaction></charles-session>";

const BURP: &str = "<?xml version=\"1.1\"?>\n<!DOCTYPE items [\n<!ELEMENT items (item*)>\n]>\n<!-- as is -->\n\
<items burpVersion=\"2025.6.5\"><item><url><![CDATA[https://mail.contoso.com/ews]]></url><host ip=\"192.0.2.1\">mail.contoso.com</host>\
<port>443</port><protocol>https</protocol><request base64=\"true\"><![CDATA[R0VUIC9ld3MgSFRUUC8xLjENCkhvc3Q6IG1haWwuY29udG9zby5jb20NCg0K]]></request>\
<response base64=\"false\"><![CDATA[HTTP/1.1 200 OK\nContent-Length: 99\n\na]]]]><![CDATA[>b]]></response></item></items>";

const ZAP: &str = "=== 1 ==========\nPOST https://mail.contoso.com/ews HTTP/1.1\nhost: mail.contoso.com\ncontent-length: 5\n\nhello\n\
HTTP/1.1 401 X\nWWW-Authenticate: Basic realm=\"a\"\n\nno\n\n====2 ==========\nGET https://mail.contoso.com/b HTTP/1.1\n\n\n\n";

/// A capture of exported units between a client and port 443.
fn exported() -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 2 | 4 << 16, 0, 0, 1 << 18, 252].map(u32::to_le_bytes).concat();
    let sent = ASKED.replace("https://mail.contoso.com", "");
    for (is_answer, bytes) in [(false, &*sent), (true, "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n")] {
        let mut unit = b"\0\x0c\0\x04http".to_vec();
        let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let (source, destination) = if is_answer { (server, client) } else { (client, server) };
        let (from, to) = if is_answer { (443_u32, 50_000) } else { (50_000, 443_u32) };
        unit.extend([&[0, 20, 0, 4][..], &source, &[0, 21, 0, 4], &destination].concat());
        unit.extend([&[0, 25, 0, 4][..], &from.to_be_bytes(), &[0, 26, 0, 4], &to.to_be_bytes(), &[0; 4]].concat());
        unit.extend(bytes.as_bytes());
        let length = unit.len() as u32;
        file.extend([1, 0, length, length].map(u32::to_le_bytes).concat());
        file.extend(unit);
    }
    file
}

#[test]
fn sessions_of_fiddler() {
    let (result, exchanges, notes) = read(&saz(&[7, 8]));
    assert_eq!(result.unwrap().format, "saz");
    let told: Vec<_> =
        exchanges.iter().map(|one| (one.status(), one.response.as_ref().unwrap().body.kept.clone())).collect();
    let kept = |text: &str| Some(text.as_bytes().into());
    assert_eq!(told, [(Some(401), kept("abc")), (Some(401), kept("not chunked any more"))]);
    assert_eq!(exchanges[0].server.unwrap().to_string(), "192.0.2.1:0");
    assert_eq!(exchanges[0].request.as_ref().unwrap().first.time().unwrap().seconds(), 1_795_896_061);
    assert!(notes.is_empty(), "{notes:?}");
    assert!(matches!(read(&saz(&[7, 9])).2[..], [NoteKind::Selected { .. }]));
    let mut locked = saz(&[1]);
    for at in memchr::memmem::find_iter(&locked.clone(), b"PK\x01\x02") {
        locked[at + 8] |= 1;
    }
    assert!(read(&locked).0.unwrap_err().to_string().contains("encrypted (1 sessions)"));
}

#[test]
fn a_trace_of_curl() {
    let (result, exchanges, notes) = read(&curl());
    assert_eq!((result.unwrap().format, exchanges.len(), notes.len()), ("curl-trace", 1, 0));
    assert_eq!(exchanges[0].request.as_ref().unwrap().body.kept.as_deref(), Some(&b"hello"[..]));
    assert_eq!((exchanges[0].status(), exchanges[0].marks.any()), (Some(401), false));
    let whole = curl();
    let (_, _, notes) = read(&whole[..whole.len() - 60]);
    assert!(matches!(notes[..], [NoteKind::TruncatedInput { .. }]), "{notes:?}");
    // Asked twice before an answer came.
    let asked = &whole[..memchr::memmem::find(&whole, b"<= Recv").unwrap()];
    let (_, exchanges, notes) = read(&[asked, &whole].concat());
    assert_eq!(exchanges.len(), 2);
    assert!(matches!(notes[..], [NoteKind::MalformedBlock { .. }]));
}

#[test]
fn sessions_of_charles() {
    let (result, exchanges, _) = read(CHARLES.as_bytes());
    assert_eq!(result.unwrap().format, "charles-json");
    let exchange = &exchanges[0];
    assert_eq!(exchange.url(), "https://mail.contoso.com/ews?a=b");
    assert_eq!(exchange.response.as_ref().unwrap().body.kept.as_deref(), Some(&b"hello"[..]));
    // The request had five bytes that are not there.
    assert!(exchange.marks.has(Mark::BodyCut));
    let (_, _, notes) = read(&CHARLES.as_bytes()[..CHARLES.len() - 1]);
    assert!(matches!(notes[..], [NoteKind::TruncatedInput { .. }]));
    let (result, exchanges, _) = read(CHARLES_XML.as_bytes());
    assert_eq!(result.unwrap().format, "charles-xml");
    assert_eq!((exchanges[0].url().as_str(), exchanges[0].scheme), ("http://a/&x;", Scheme::Http));
    assert_eq!(exchanges[0].request.as_ref().unwrap().head.text("host"), Some("<a&x;A"));
    assert!(exchanges[0].marks.has(Mark::BodyCut));
}

#[test]
fn what_users_chose() {
    for (name, bytes, count) in [("burp", BURP, 1), ("zap", ZAP, 2)] {
        let (result, exchanges, notes) = read(bytes.as_bytes());
        assert_eq!((result.unwrap().format, exchanges.len()), (name, count));
        assert!(matches!(notes[..], [NoteKind::Selected { .. }]), "{name} {notes:?}");
    }
    let exchanges = read(BURP.as_bytes()).1;
    let answer = &exchanges[0].response.as_ref().unwrap().body;
    assert_eq!((answer.kept.as_deref(), answer.cut.is_some()), (Some(&b"a]]>b"[..]), true));
    let exchanges = read(ZAP.as_bytes()).1;
    assert_eq!(exchanges[0].request.as_ref().unwrap().body.kept.as_deref(), Some(&b"hello"[..]));
    assert!(exchanges[1].response.is_none());
}

#[test]
fn exported_units_are_streams_that_may_lack_some() {
    let (result, exchanges, notes) = read(&exported());
    assert_eq!((result.unwrap().format, exchanges.len()), ("pcap", 1));
    let exchange = &exchanges[0];
    assert_eq!(
        (exchange.url().as_str(), exchange.status(), exchange.scheme),
        ("https://mail.contoso.com/ews", Some(401), Scheme::Https)
    );
    assert!(matches!(notes[..], [NoteKind::Selected { .. }]), "{notes:?}");
}

/// What nobody may take for a whole recording: every one says something of it, whether for all or at an exchange.
fn is_said(bytes: &[u8]) -> bool {
    let (result, exchanges, notes) = read(bytes);
    let marks = [
        Mark::EntryMalformed,
        Mark::HeadCut,
        Mark::BodyCut,
        Mark::RequestMissing,
        Mark::ResponseMissing,
        Mark::EntryCut,
    ];
    let is_marked = exchanges.iter().any(|exchange| marks.iter().any(|mark| exchange.marks.has(*mark)));
    let is_noted = notes.iter().any(|note| !matches!(note, NoteKind::HarmlessDamage { .. }));
    result.is_err() || is_marked || is_noted
}

const ACCEPTED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HIDDEN: &str = "GET https://mail.contoso.com/ews HTTP/1.1\r\nAuthorization: Basic dTpw\r\n\r\n";
/// A zip's end: there is one member.
const ENTRIES: [u8; 4] = [1, 0, 1, 0];

fn session(members: &[(&str, &str)]) -> Vec<u8> {
    let all: Vec<(&str, &[u8])> = members.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    archive(b"", &all)
}

#[test]
fn nothing_of_an_archive_of_sessions_is_left_out_in_silence() {
    let whole = [("raw/1_c.txt", ASKED), ("raw/1_s.txt", ACCEPTED)];
    let systems =
        [("_index.htm", "<html>"), ("[Content_Types].xml", "<Types/>"), ("raw/1_m.xml", "<Session SID=\"7\"/>")];
    assert!(!is_said(&session(&[&whole[..], &systems].concat())));
    for more in [
        &[("raw/1_c.txt", HIDDEN)][..],
        &[("raw/01_c.txt", HIDDEN)],
        &[("more/raw/1_c.txt", HIDDEN), ("more/raw/1_s.txt", ACCEPTED)],
        &[("raw/3_c.txt", ASKED), ("raw/3_s.txt", ACCEPTED)],
        &[("traces/server.har", HIDDEN)],
        &[("raw/2_c.bak", HIDDEN)],
    ] {
        assert!(is_said(&session(&[more, &whole].concat())), "{more:?}");
        assert!(is_said(&session(&[&whole, more].concat())), "{more:?}");
    }
    // Fiddler's number of one stands twice, and hides that of another that is missing.
    let numbered = |numbers: [u32; 3]| {
        let facts = numbers.map(|number| format!("<Session SID=\"{number}\" />"));
        let [one, two, three] = &facts;
        let mut members = whole.to_vec();
        members.extend([
            ("raw/2_c.txt", ASKED),
            ("raw/2_s.txt", ACCEPTED),
            ("raw/3_c.txt", ASKED),
            ("raw/3_s.txt", ACCEPTED),
        ]);
        members.extend([("raw/1_m.xml", &**one), ("raw/2_m.xml", two), ("raw/3_m.xml", three)]);
        session(&members)
    };
    assert!(!is_said(&numbered([1, 2, 3])));
    assert!(is_said(&numbered([1, 1, 3])));
    let mut fewer = session(&whole);
    let end = memchr::memmem::rfind(&fewer, b"PK\x05\x06").unwrap();
    fewer[end + 8..end + 12].copy_from_slice(&ENTRIES);
    assert!(is_said(&fewer));
}

#[test]
fn a_message_behind_another_one_is_not_lost_in_silence() {
    let chunked = "POST https://mail.contoso.com/ews HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let get = "GET https://mail.contoso.com/ews HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n";
    for asked in [ASKED, chunked, get] {
        let with = |request: &str, response: &str| session(&[("raw/1_c.txt", request), ("raw/1_s.txt", response)]);
        assert!(!is_said(&with(asked, ACCEPTED)), "{asked}");
        assert!(!is_said(&with(&format!("{asked}\r\n"), ACCEPTED)), "{asked}");
        assert!(is_said(&with(&format!("{asked}{HIDDEN}"), ACCEPTED)), "{asked}");
        assert!(is_said(&with(asked, &format!("{ACCEPTED}{REFUSED}"))), "{asked}");
    }
    let odd = get.replace("\r\nHost", "\r\nAuthorization Basic dTpw\r\nHost");
    assert!(is_said(&session(&[("raw/1_c.txt", &odd), ("raw/1_s.txt", ACCEPTED)])));
}

#[test]
fn a_field_without_a_value_is_no_empty_one() {
    let host = r#"{"name":"Host","value":"mail.contoso.com"}"#;
    let whole = CHARLES.replace(r#","body":5"#, "");
    assert!(!is_said(whole.as_bytes()));
    assert!(!is_said(whole.replace(host, r#"{"name":"Host","value":""}"#).as_bytes()));
    for odd in [r#"{"name":"Authorization"}"#, r#"{"name":"Authorization","value":null}"#, r#"{"value":"Basic dTpw"}"#]
    {
        assert!(is_said(whole.replace(host, &format!("{host},{odd}")).as_bytes()), "{odd}");
    }
    let transaction = "<transaction method=\"GET\" protocol=\"https\" host=\"a\" path=\"/\"><request><headers><header><name>Host</name>\
         <value>a</value></header></headers></request><response status=\"200\"><headers/></response></transaction>";
    let xml = |inside: &str| format!("<charles-session>{inside}</charles-session>");
    assert!(!is_said(xml(&transaction.repeat(2)).as_bytes()));
    let header = "<header><name>a</name><value>b</value></header>";
    let many = transaction.replace("<headers><header>", &format!("<headers>{}<header>", header.repeat(100_000)));
    assert!(read(xml(&many).as_bytes()).1[0].marks.has(Mark::HeadCut));
    for odd in [
        transaction.replace("<value>a</value>", ""),
        transaction.replace("<name>Host</name>", ""),
        transaction.replace("</transaction>", "</other>"),
        transaction.replace("transaction", "other"),
    ] {
        assert!(is_said(xml(&format!("{odd}{transaction}")).as_bytes()), "{odd}");
    }
}

#[test]
fn records_that_a_trace_of_curl_lost_are_missed() {
    let whole = String::from_utf8(curl()).unwrap();
    assert!(!is_said(whole.repeat(2).as_bytes()));
    let at = whole.find("<= Recv").unwrap();
    let (asked, answered) = whole.split_at(at);
    let (_, bytes) = asked.split_once('\n').unwrap();
    // The second request is not there, or the first line of its record, or that is damaged.
    for lost in [answered.to_owned(), format!("{bytes}{answered}"), whole.replace("=> Send h", "=> Sent h")] {
        assert!(is_said(format!("{whole}{lost}").as_bytes()), "{lost}");
    }
    // The answer to a request that is not there is not that of the one before it.
    let (_, exchanges, _) = read(format!("{whole}{answered}").as_bytes());
    let told: Vec<_> = exchanges.iter().map(|one| (one.request.is_some(), one.status())).collect();
    assert_eq!(told, [(true, Some(401)), (false, Some(401))]);
    // Contents that come before their head are another transfer's.
    let data = answered.find("<= Recv data").map(|at| answered[at..].to_owned()).unwrap();
    assert!(is_said(format!("{whole}{asked}{data}{answered}").as_bytes()));
}

#[test]
fn damage_never_panics() {
    let samples: [Vec<u8>; 8] = [
        saz(&[1]),
        curl(),
        CHARLES.into(),
        CHARLES_XML.into(),
        BURP.into(),
        ZAP.into(),
        exported(),
        b"0000  45 00 00 28\n".repeat(9),
    ];
    for sample in samples {
        for at in 0..sample.len() {
            let mut bytes = sample.clone();
            bytes[at] ^= 0x1c;
            let _ = items_of(&mut &bytes[..], &Limits::default());
            let _ = items_of(&mut &sample[..at], &Limits::default());
            let mut sink = |_: Item<'_>| Control::Continue;
            let _ = read_file_with(&mut Cursor::new(&bytes), &Limits::default(), &Nobody, &mut sink);
        }
    }
}
