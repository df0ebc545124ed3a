use std::{fmt::Write as _, io::Read};

use proptest::prelude::*;
use serde_json::{Value, json, value::RawValue};

use super::{
    json::Flaw,
    scan::{Piece, Scanner},
    *,
};
use crate::{
    exchange::{Exchange, Mark, Protocol, Scheme, message::BodyCut},
    input::helpers::tests::Lazy,
    time::Timestamp,
};

/// Hands out its bytes in pieces of the given lengths, over and over.
struct Pieces<'a> {
    rest: &'a [u8],
    lengths: std::iter::Cycle<std::iter::Copied<std::slice::Iter<'a, usize>>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths.next().unwrap().clamp(1, room.len()).min(self.rest.len());
        room[..length].copy_from_slice(&self.rest[..length]);
        self.rest = &self.rest[length..];
        Ok(length)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    exchanges: Vec<Exchange>,
    notes: Vec<Note>,
    error: Option<String>,
}

impl Outcome {
    fn indexes(&self) -> Vec<u64> {
        let index =
            |exchange: &Exchange| exchange.request.as_ref().or(exchange.response.as_ref()).unwrap().first.entry();
        self.exchanges.iter().map(|exchange| index(exchange).unwrap()).collect()
    }

    fn sanitized(&self) -> bool {
        self.notes.iter().any(|note| matches!(note.kind, NoteKind::Sanitized { .. }))
    }

    fn skipped(&self) -> Vec<u64> {
        let skipped = |note: &&Note| matches!(note.kind, NoteKind::EntrySkipped { .. });
        self.notes.iter().filter(skipped).map(|note| note.at.unwrap().entry().unwrap()).collect()
    }
}

fn read_in(document: &[u8], lengths: &[usize], limits: &Limits) -> Outcome {
    read_by(document, lengths, limits, 0, 0)
}

/// With so many helpers and blocks of that size.
fn read_by(document: &[u8], lengths: &[usize], limits: &Limits, helpers: usize, block: usize) -> Outcome {
    let mut outcome = Outcome::default();
    let mut input = Pieces { rest: document, lengths: lengths.iter().copied().cycle() };
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => outcome.exchanges.push(*exchange),
            Item::Note(note) => outcome.notes.push(note),
            other => panic!("{other:?}"),
        }
        Control::Continue
    };
    let result = super::read(&mut input, limits, &Lazy::new(helpers), block, &mut sink);
    outcome.error = result.err().map(|error| error.to_string());
    outcome
}

fn read(document: &[u8]) -> Outcome {
    read_in(document, &[usize::MAX], &Limits::default())
}

/// A HAR with these entries.
fn har(entries: &[Value]) -> String {
    json!({"log": {"version": "1.2", "creator": {"name": "test", "version": "1"}, "entries": entries}}).to_string()
}

/// The exchange of one entry.
fn one(entry: Value) -> Exchange {
    let outcome = read(har(&[entry]).as_bytes());
    assert_eq!((outcome.exchanges.len(), &outcome.error), (1, &None), "{outcome:?}");
    outcome.exchanges.into_iter().next().unwrap()
}

fn get(more: Value) -> Value {
    let mut request = json!({"method": "GET", "url": "https://mail.contoso.com/ews", "headers": []});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn entry(request: Value, response: Value) -> Value {
    json!({"startedDateTime": "2026-01-01T00:00:00.000Z", "time": 1.5, "request": get(request), "response": response})
}

fn ok(content: Value) -> Value {
    json!({"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": [], "content": content})
}

fn fields(message: &Option<crate::exchange::message::Message>) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    message.as_ref().unwrap().head.iter().map(|(name, value)| (text(name), text(value))).collect()
}

fn kept(body: &crate::exchange::message::Body) -> String {
    String::from_utf8_lossy(body.kept.as_deref().unwrap_or_default()).into_owned()
}

/// A document with what makes splitting hard: quotation marks behind runs of escapes, long strings, brackets in strings.
fn sample(entries: usize) -> (String, Vec<usize>) {
    let mut text =
        String::from("\u{feff}{ \"log\" : {\"pages\":[{\"title\":\"]},\\\"entries\\\":[{\"}],\n\"entries\": [");
    let mut ends = Vec::new();
    for index in 0..entries {
        let comma = if index == 0 { "" } else { " ,\n" };
        let escapes = r#"{\"a\":\"\\\"}]\\"#.repeat(index * 30) + &"\\\\".repeat(index * 7);
        write!(
            text,
            r#"{comma}{{"startedDateTime":"2026-01-01T00:00:00Z","_x":[[],{{}},"]"],"time":{index},
"request":{{"method":"POST","url":"https://h/{index}","headers":[{{"name":"A\u0062","value":"v\\"}}],
"postData":{{"text":"{escapes}"}}}},"response":{{"status":"200","headers":[],"content":
{{"mimeType":"application/json","text":"{escapes}"}}}}}}"#
        )
        .unwrap();
        ends.push(text.len());
    }
    text.push_str("], \"creator\": {\"name\":\"test\"}}}\n");
    (text, ends)
}

#[test]
fn reads_an_entry() {
    let exchange = one(json!({
        "startedDateTime": "2026-01-01T01:00:00.250+01:00", "time": 750, "serverIPAddress": "[2001:db8::1]",
        "request": {"method": "POST", "url": "https://mail.contoso.com:444/ews?a=b", "httpVersion": "h2", "headers": [
            {"name": ":authority", "value": "mail.contoso.com"}, {"name": "authorization", "value": "Bearer a.b.c"}],
            "postData": {"mimeType": "text/xml", "text": "<s:\u{c4}/>\n"}},
        "response": {"status": 401, "statusText": "Unauthorized", "httpVersion": "h2", "headers": [
            {"name": "Content-Type", "value": "application/json"}, {"name": "WWW-Authenticate", "value": "Negotiate\nNTLM"}],
            "content": {"size": 9, "mimeType": "application/json", "text": "{\"a\":\"b\"}"}, "bodySize": 5},
    }));
    let (request, response) = (exchange.request.as_ref().unwrap(), exchange.response.as_ref().unwrap());
    assert_eq!(request.head.method(), b"POST");
    assert_eq!(exchange.url(), "https://mail.contoso.com:444/ews?a=b");
    assert_eq!(exchange.server.unwrap().to_string(), "[2001:db8::1]:444");
    assert_eq!((exchange.protocol, exchange.scheme, exchange.status()), (Protocol::H2, Scheme::Https, Some(401)));
    assert_eq!((exchange.connection, exchange.client, exchange.marks.iter().count()), (None, None, 0));
    assert_eq!(
        fields(&exchange.request),
        [("authorization".into(), "Bearer a.b.c".into()), ("Content-Type".into(), "text/xml".into())]
    );
    assert_eq!(
        fields(&exchange.response)[1..],
        [("WWW-Authenticate", "Negotiate"), ("WWW-Authenticate", "NTLM")].map(|(n, v)| (n.into(), v.into()))
    );
    assert_eq!((kept(&request.body), request.body.size()), ("<s:\u{c4}/>\n".into(), 8));
    assert_eq!((kept(&response.body), response.body.size(), response.body.transferred), ("{\"a\":\"b\"}".into(), 9, 5));
    let second = Timestamp::from_seconds(1_767_225_600);
    assert_eq!(request.first.time().unwrap().nanos(), second.nanos() + 250_000_000);
    assert_eq!(response.end, At::Entry { index: 0, time: Some(Timestamp::from_seconds(1_767_225_601)) });
}

#[test]
fn finds_the_entries_wherever_they_are() {
    let entry = entry(json!({}), ok(json!({}))).to_string();
    for (document, count) in [
        (format!("{{\"log\":{{\"entries\":[{entry}],\"creator\":{{}}}}}}"), 1),
        (
            format!(
                "\u{feff} \r\n{{\"x\":[{{\"entries\":[1]}}],\"log\":{{\"pages\":[],\"entries\":[{entry},{entry}]}}}}"
            ),
            2,
        ),
        (format!("{{\"entries\":[{entry}],\"log\":{{\"entries\":[{entry}]}}}}"), 2),
        (format!("[{entry},{entry}]"), 2),
        (format!("{{\"log\":{{\"entries\":[{entry} {entry},]}}}}"), 2),
        ("{\"log\":{\"entries\":[]}}".into(), 0),
    ] {
        let outcome = read(document.as_bytes());
        assert_eq!((outcome.exchanges.len(), &outcome.error), (count, &None), "{document}");
        assert_eq!(outcome.notes, [], "{document}");
    }
}

#[test]
fn says_what_is_no_har() {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (document, says) in [
        (b"".to_vec(), "the file is empty"),
        (b"{}".to_vec(), "har: it has no log.entries"),
        (b"{\"log\":{\"entries\":{}}}".to_vec(), "har: it has no log.entries"),
        (b"<html>".to_vec(), "har: it does not begin as JSON does"),
        (b"{\"log\":{\"entries\":[{\"request\":".to_vec(), "har: the file ends before its first entry is complete"),
        (utf16("{\"log\":{}}"), "har: it has no log.entries"),
        (utf16("\u{feff}{\"log\":{}}"), "har: it has no log.entries"),
        (b"{\"log\":{]}".to_vec(), "har: a member's name is missing or damaged"),
    ] {
        assert_eq!(read(&document).error.as_deref(), Some(says), "{:?}", String::from_utf8_lossy(&document));
    }
}

#[test]
fn probes_by_content() {
    for (head, probe) in [
        (&b"{\"log\":{"[..], Probe::Certain),
        (b"\xef\xbb\xbf{\n  \"log\" : {\"version\"", Probe::Certain),
        (b"{\"entries\":[{\"request\":{", Probe::Likely),
        (b"[{\"request\":{},\"response\":{", Probe::Likely),
        (b"{\0\"\0l\0", Probe::Likely),
        (b"\xff\xfe{\0\"\0", Probe::Likely),
        (b"{\"name\":\"log\"}", Probe::No),
        (b"{\"log\":\"x\"}", Probe::No),
        (b"[1,2]", Probe::No),
        (b"\x0a\x0d\x0d\x0a", Probe::No),
        (b"", Probe::No),
    ] {
        assert_eq!(Har.probe(head), probe, "{:?}", String::from_utf8_lossy(head));
    }
}

#[test]
fn reads_headers_of_every_shape() {
    for (shape, expected) in [
        (json!([{"name": "A", "value": "b", "comment": "c"}, {"value": 5, "name": "N"}]), vec![("A", "b"), ("N", "5")]),
        (json!([["A", "b"], ["C", "d", "e"]]), vec![("A", "b"), ("C", "d")]),
        (json!({"A": "b", "Set-Cookie": ["c", "d"]}), vec![("A", "b"), ("Set-Cookie", "c"), ("Set-Cookie", "d")]),
        (json!([{"A": "b"}, "C: d", ":path: /"]), vec![("A", "b"), ("C", "d")]),
        (json!([{"name": "A"}, {"name": "B", "value": null}, {"value": "c"}, 1, null, {}]), vec![("A", ""), ("B", "")]),
        (json!([{"name": ":path", "value": "/"}, {"name": "A", "value": " b\n c"}]), vec![("A", "b"), ("A", "c")]),
        (json!(null), vec![]),
        (json!("none"), vec![]),
    ] {
        let exchange = one(entry(json!({"headers": shape}), ok(json!({}))));
        let expected: Vec<_> = expected.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        assert_eq!(fields(&exchange.request), expected, "{shape}");
    }
}

#[test]
fn a_field_that_cannot_be_read_is_not_absent() {
    let field = |field: Value| json!([["Host", "h"], field, ["A", "b"]]);
    for (headers, odd) in [
        (field(json!({"name": "X", "value": "y"})), false),
        (field(json!({"name": "X", "value": ""})), false),
        (field(json!({"name": "X", "value": 5})), false),
        (field(json!({"X": "y"})), false),
        (field(json!("X: y")), false),
        (json!({"X": "y", "Y": ["z"]}), false),
        (field(json!({"name": "", "value": "Basic YTpi"})), true),
        (field(json!({"name": " ", "value": "Basic YTpi"})), true),
        (field(json!({"name": null, "value": "Basic YTpi"})), true),
        (field(json!({"name": 5, "value": "Basic YTpi"})), true),
        (field(json!({"name": ["X"], "value": "Basic YTpi"})), true),
        (field(json!({"value": "Basic YTpi"})), true),
        (field(json!({"key": "Authorization", "value": "Basic YTpi"})), true),
        (field(json!({"a": "b", "c": "d"})), true),
        (field(json!({"name": "Authorization"})), true),
        (field(json!({"name": "X"})), true),
        (field(json!({"name": "X", "value": null})), true),
        (field(json!({"name": "X", "value": true})), true),
        (field(json!({"name": "X", "value": ["y"]})), true),
        (field(json!({"name": "X", "value": {"y": 1}})), true),
        (field(json!({"name": "Authorization", "value": 5})), true),
        (field(json!({"name": "Authorization", "value": ""})), true),
        (field(json!({"name": "Au thorization", "value": "Basic YTpi"})), true),
        (field(json!({"name": "Authorization: ", "value": "Basic YTpi"})), true),
        (field(json!({})), true),
        (field(json!([])), true),
        (field(json!(["X"])), true),
        (field(json!([null, "y"])), true),
        (field(json!(null)), true),
        (field(json!(5)), true),
        (field(json!("Authorization")), true),
        (field(json!({"Authorization": {"a": 1}})), true),
        (json!({"Authorization": null, "Host": "h"}), true),
        (json!("Authorization: Basic YTpi"), true),
        (json!(7), true),
        (json!(null), true),
    ] {
        let asked = one(entry(json!({"headers": headers}), ok(json!({}))));
        assert_eq!(asked.marks.has(Mark::EntryMalformed), odd, "{headers}");
        let answered = json!({"status": 200, "headers": headers, "content": {"size": 0}});
        let answered = one(entry(json!({"headers": [["Host", "h"]]}), answered));
        assert_eq!(answered.marks.has(Mark::EntryMalformed), odd, "{headers}");
    }
    // Who was sent nothing asks for it.
    for (status, odd) in [(401, false), (200, true), (403, true)] {
        let asked = json!({"headers": [["Authorization", ""]]});
        let exchange = one(entry(asked, json!({"status": status, "headers": [["A", "b"]]})));
        assert_eq!(exchange.marks.has(Mark::EntryMalformed), odd, "{status}");
    }
    // Names that come twice.
    for pair in
        [r#"{"name":"A","name":"Authorization","value":"b"}"#, r#"{"name":"A","value":"Basic YTpi","value":"b"}"#]
    {
        let document = format!(r#"[{{"request":{{"method":"GET","url":"https://h/","headers":[{pair}]}}}}]"#);
        assert!(read(document.as_bytes()).exchanges[0].marks.has(Mark::EntryMalformed), "{pair}");
    }
}

#[test]
fn a_member_of_another_type_is_not_absent() {
    let request = json!({"method": "GET", "url": "https://h/", "headers": [["A", "b"]]});
    let response = json!({"status": 200, "headers": [["A", "b"]], "content": {"size": 0}});
    let with = |what: &Value, member: &str, value: Value| {
        let mut what = what.clone();
        what[member] = value;
        what
    };
    for (entry, odd) in [
        (json!({"request": request, "response": response}), false),
        (json!({"request": with(&request, "url", json!(["https://h/"])), "response": response}), true),
        (json!({"request": with(&request, "url", json!(5)), "response": response}), true),
        (json!({"request": with(&request, "url", json!("")), "response": response}), true),
        (json!({"request": with(&request, "method", json!(null)), "response": response}), true),
        (json!({"request": with(&request, "method", json!({})), "response": response}), true),
        (json!({"request": request, "response": with(&response, "status", json!(null))}), true),
        (json!({"request": request, "response": with(&response, "status", json!("none"))}), true),
        (json!({"request": request, "response": [response]}), true),
        (json!({"request": "GET https://h/", "response": response}), true),
        (json!({"request": with(&request, "cookies", json!([{"name": "a"}])), "response": response}), true),
        (json!({"request": with(&request, "cookies", json!({"a": "b"})), "response": response}), true),
        (json!({"request": with(&request, "queryString", json!([{"value": "a"}])), "response": response}), true),
        (json!({"request": with(&request, "queryString", json!([5])), "response": response}), true),
        (json!({"request": request, "response": with(&response, "cookies", json!([null]))}), true),
    ] {
        assert_eq!(one(entry.clone()).marks.has(Mark::EntryMalformed), odd, "{entry}");
    }
}

#[test]
fn reads_what_is_listed_beside_the_fields() {
    let pairs = json!([{"name": "a", "value": "b c"}, {"name": "d", "value": "e", "path": "/"}]);
    let listed = json!({"cookies": pairs, "queryString": pairs, "url": "https://h/p#f"});
    let exchange = one(entry(listed, json!({"status": 200, "headers": [], "cookies": pairs})));
    assert_eq!(exchange.url(), "https://h/p?a=b+c&d=e#f");
    assert_eq!(fields(&exchange.request), [("Cookie".into(), "a=b c".into()), ("Cookie".into(), "d=e".into())]);
    assert_eq!(fields(&exchange.response).len(), 2);
    assert_eq!(exchange.marks.iter().count(), 0);
    // What is there is not listed twice.
    let both = json!({"headers": [["cookie", "x=y"]], "cookies": pairs, "queryString": pairs, "url": "https://h/p?q"});
    let exchange = one(entry(both, json!({"status": 200, "headers": [["Set-Cookie", "x=y"]], "cookies": pairs})));
    assert_eq!((exchange.url().as_str(), fields(&exchange.request).len()), ("https://h/p?q", 1));
    assert_eq!(fields(&exchange.response).len(), 1);
}

#[test]
fn says_which_texts_a_limit_cut() {
    let limits = Limits { entry: 64 << 10, head: 1 << 20, body: 1 << 20, ..Limits::default() };
    let (long, filler) = ("ab".repeat(15_000), "y".repeat(50_000));
    let typed = json!([["Content-Type", "application/json"]]);
    for (request, response, cut) in [
        (json!({}), json!({}), None),
        (json!({"url": format!("https://h/{long}")}), json!({}), Some(Mark::StringCut)),
        (json!({"headers": [["Authorization", format!("Bearer {long}")]]}), json!({}), Some(Mark::StringCut)),
        (json!({"headers": [{"name": "Cookie", "value": long}]}), json!({}), Some(Mark::StringCut)),
        (json!({"headers": [{"name": long, "value": "a"}]}), json!({}), Some(Mark::StringCut)),
        (json!({"headers": [format!("Cookie: {long}")]}), json!({}), Some(Mark::StringCut)),
        (json!({"headers": {"Cookie": [long]}}), json!({}), Some(Mark::StringCut)),
        (json!({"cookies": [{"name": "a", "value": long}]}), json!({}), Some(Mark::StringCut)),
        (json!({"queryString": [{"name": "a", "value": long}]}), json!({}), Some(Mark::StringCut)),
        (json!({"method": "POST", "postData": {"text": long}}), json!({}), Some(Mark::BodyLimit)),
        (
            json!({"method": "POST", "postData": {"params": [{"name": "a", "value": long}]}}),
            json!({}),
            Some(Mark::BodyLimit),
        ),
        (json!({}), json!({"headers": [["WWW-Authenticate", long]]}), Some(Mark::StringCut)),
        (json!({}), json!({"redirectURL": long}), Some(Mark::StringCut)),
        (json!({}), json!({"headers": typed, "content": {"text": long}}), Some(Mark::StringCut)),
    ] {
        // What nobody reads makes the entry too large, and may be lost.
        let mut answer = json!({"status": 200, "headers": [["A", "b"]], "content": {"size": 0, "comment": filler}});
        answer.as_object_mut().unwrap().extend(response.as_object().unwrap().clone());
        let mut asked = get(json!({"comment": filler}));
        asked.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let document = har(&[json!({"request": asked, "response": answer})]);
        let whole = read_in(document.as_bytes(), &[usize::MAX], &limits);
        let exchange = &whole.exchanges[0];
        let what = format!("{request:.60} {response:.60}");
        assert!(cut.is_none_or(|cut| exchange.marks.has(cut)), "{what}");
        assert_eq!(exchange.marks.any(), cut.is_some(), "{what} {:?}", exchange.marks);
        assert!(read_in(document.as_bytes(), &[977], &limits) == whole, "{what}");
        assert!(!read(document.as_bytes()).exchanges[0].marks.any(), "{what}");
    }
}

#[test]
fn the_last_entry_gives_what_it_has() {
    let good = entry(json!({}), ok(json!({}))).to_string();
    // The order of members is that of the document.
    let last = format!(
        r#"{{"startedDateTime":"2026-01-01T00:00:00Z","request":{},"response":{}}}"#,
        r#"{"method":"POST","url":"https://mail.contoso.com/ews/exchange.asmx","headers":[{"name":"Host","value":"mail.contoso.com"},{"name":"Authorization","value":"Basic YTpiYzpkZQ=="}],"postData":{"mimeType":"text/xml","text":"<a/>"}}"#,
        r#"{"status":401,"headers":[["WWW-Authenticate","Basic"]],"content":{"text":"no"}}"#
    );
    let start = format!("{{\"log\":{{\"entries\":[{good},");
    let document = format!("{start}{last}");
    let place = |what: &str| start.len() + last.find(what).unwrap() + what.len();
    let (host, basic, response) = (place("contoso.com/"), place("\"Basic "), place("\"Basic\"]],"));
    for length in start.len()..document.len() {
        let outcome = read(&document.as_bytes()[..length]);
        if length < host {
            assert_eq!((outcome.exchanges.len(), outcome.skipped()), (1, vec![1]), "{length}");
            continue;
        }
        assert_eq!((outcome.exchanges.len(), outcome.skipped()), (2, vec![]), "{length}");
        let exchange = &outcome.exchanges[1];
        assert!(exchange.marks.has(Mark::EntryCut), "{length}");
        assert_eq!(exchange.authority().as_deref(), Some("mail.contoso.com"), "{length}");
        let value = exchange.request.as_ref().unwrap().head.text("authorization").map(str::to_owned);
        assert_eq!(value.is_some_and(|value| value.starts_with("Basic")), length >= basic, "{length}");
        assert_eq!(exchange.response.is_some(), length >= response, "{length}");
        assert!(exchange.response.is_some() || exchange.marks.has(Mark::ResponseMissing), "{length}");
    }
}

#[test]
fn entries_behind_damage_outside_of_them_are_not_lost() {
    let entry = |index: usize| entry(json!({"url": format!("https://h/{index}")}), ok(json!({}))).to_string();
    let (a, b) = (entry(1), entry(2));
    for (document, read_too) in [
        (format!("{{\"log\":{{\"entries\":[{a}],{b}]}}}}"), true),
        (format!("{{\"log\":{{\"entries\":[{a}]}}}}, {b}"), true),
        (format!("{{\"log\":{{\"entries\":[{a}]}}}}]]x{b}"), true),
        (format!("[{a}]{b}"), false),
        (format!("[{a}],{b}]"), true),
        (format!("{{\"log\":{{\"entries\":[{a},]{}]}}}}", &b[1..]), false),
        (format!("{{\"log\":{{\"entries\":[{a}],]{}]}}}}", &b[1..]), false),
        (format!("{{\"log\":{{\"entries\":[{a},}}{}]}}}}", &b[1..]), false),
    ] {
        let outcome = read(document.as_bytes());
        assert_eq!(outcome.exchanges.len(), 1 + usize::from(read_too), "{document}");
        assert!(!outcome.skipped().is_empty(), "{document}");
    }
    // Nothing can be in what follows.
    let outcome = read(format!("[{a}]\0\0\0").as_bytes());
    assert_eq!((outcome.exchanges.len(), outcome.notes.len(), outcome.skipped()), (1, 1, vec![]));
}

#[test]
fn tolerates_missing_and_mistyped_members() {
    let request = |exchange: &Exchange| {
        let head = &exchange.request.as_ref().unwrap().head;
        (String::from_utf8_lossy(head.method()).into_owned(), String::from_utf8_lossy(head.target()).into_owned())
    };
    let exchange = one(json!({"request": {"url": "http://h/"}, "startedDateTime": "soon", "response": null}));
    assert_eq!((request(&exchange), exchange.scheme), (("".into(), "http://h/".into()), Scheme::Http));
    assert!(exchange.marks.has(Mark::EntryMalformed) && exchange.marks.has(Mark::ResponseMissing));
    assert_eq!(exchange.request.unwrap().first.time(), None);
    let pseudo = json!([[":method", "PUT"], [":scheme", "https"], [":authority", "h"], [":path", "/p"]]);
    let exchange = one(json!({"request": {"headers": pseudo}, "response": {"status": "204"}}));
    assert_eq!((request(&exchange), exchange.protocol), (("PUT".into(), "https://h/p".into()), Protocol::H2));
    assert_eq!(exchange.status(), Some(204));
    let exchange = one(json!({"response": {"headers": [["A", "b"]]}, "request": {}}));
    assert!(exchange.marks.has(Mark::RequestMissing) && exchange.request.is_none());
    assert_eq!(exchange.status(), Some(0));
    let outcome = read(
        har(&[json!({"pageref": "p"}), json!(7), json!(null), json!([]), entry(json!({}), ok(json!({})))]).as_bytes(),
    );
    assert_eq!((outcome.skipped(), outcome.indexes()), (vec![0, 1, 2, 3], vec![4]));
}

#[test]
fn keeps_the_headers_of_duplicate_members() {
    let document = r#"{"log":{"entries":[{"request":{"method":"GET","url":"a","url":"https://h/","headers":[["A","1"]],
        "headers":[["B","2"]]},"request":{"headers":[["C","3"]],"method":"PUT"},"response":{"status":200}}]}}"#;
    let outcome = read(document.as_bytes());
    let exchange = &outcome.exchanges[0];
    assert_eq!(fields(&exchange.request).len(), 3);
    assert_eq!((exchange.url().as_str(), exchange.marks.has(Mark::EntryMalformed)), ("https://h/", true));
}

#[test]
fn replaces_lone_surrogates() {
    for (raw, expected) in [
        (r"a\ud83d\ude00b", "a\u{1f600}b"),
        (r"\ud800", "\u{fffd}"),
        (r"\udc00\ud800x", "\u{fffd}\u{fffd}x"),
        (r"\ud800\u0041", "\u{fffd}A"),
        (r"\ud800\ud800\udc00", "\u{fffd}\u{10000}"),
        (r"\u00e9\n\r\t\b\f\/\\\u0000", "\u{e9}\n\r\t\u{8}\u{c}/\\\0"),
        (r"\q\u12", "\\q\u{fffd}12"),
    ] {
        let document = format!(
            r#"{{"log":{{"entries":[{{"request":{{"method":"GET","url":"{raw}","postData":{{"text":"{raw}"}}}},"response":{{"statusText":"{raw}","status":200}}}}]}}}}"#
        );
        let outcome = read(document.as_bytes());
        let request = outcome.exchanges[0].request.as_ref().unwrap();
        assert_eq!(request.head.target(), expected.as_bytes(), "{raw}");
        assert_eq!((kept(&request.body).as_str(), request.body.size()), (expected, expected.len() as u64), "{raw}");
    }
}

#[test]
fn knows_the_spellings_of_versions() {
    for (request, response, expected) in [
        ("HTTP/1.1", "HTTP/1.1", Protocol::Http11),
        ("1.0", "", Protocol::Http10),
        ("", "HTTP/1.0", Protocol::Http10),
        ("HTTP/1.1", "1.0", Protocol::Http11),
        ("http/2.0", "http/2.0", Protocol::H2),
        ("HTTP/2", "", Protocol::H2),
        ("h2", "h2", Protocol::H2),
        ("HTTP/1.1", "h3", Protocol::H3),
        ("HTTP/3", "h3-29", Protocol::H3),
        ("http/2+quic/46", "", Protocol::H3),
        ("spdy/3.1", "spdy/3.1", Protocol::H2),
        ("unknown", "me:", Protocol::Http11),
    ] {
        let exchange = one(entry(json!({"httpVersion": request}), json!({"status": 200, "httpVersion": response})));
        assert_eq!(exchange.protocol, expected, "{request} {response}");
    }
}

#[test]
fn reads_the_server_address() {
    for (address, url, expected) in [
        ("1.2.3.4", "https://h/", Some("1.2.3.4:443")),
        ("1.2.3.4", "http://u:p@h/a:1", Some("1.2.3.4:80")),
        ("1.2.3.4:8443", "https://h/", Some("1.2.3.4:8443")),
        ("[::1]", "https://[::1]:444/", Some("[::1]:444")),
        ("::1", "https://[::1]/", Some("[::1]:443")),
        ("fe80::1%eth0", "/relative", Some("[fe80::1]:0")),
        ("", "https://h/", None),
        ("cached", "https://h/", None),
    ] {
        let mut entry = entry(json!({"url": url}), ok(json!({})));
        entry["serverIPAddress"] = json!(address);
        assert_eq!(one(entry).server.map(|server| server.to_string()).as_deref(), expected, "{address} {url}");
    }
}

#[test]
fn tells_not_sent_from_not_answered() {
    let blank = |more: Value| {
        let mut response =
            json!({"status": 0, "statusText": "", "headers": [], "content": {"size": 0, "mimeType": "x-unknown"}});
        response.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        response
    };
    let sent = |more: Value| entry(json!({"headers": [["Authorization", "Basic YTpi"]]}), more);
    for (entry, not_sent, missing) in [
        (sent(blank(json!({}))), false, true),
        (sent(blank(json!({"_error": "net::ERR_BLOCKED_BY_CLIENT"}))), true, false),
        (sent(blank(json!({"_error": "net::ERR_NAME_NOT_RESOLVED"}))), true, false),
        (sent(blank(json!({"_error": "net::ERR_CONNECTION_RESET"}))), false, true),
        (sent(blank(json!({"_error": "net::ERR_FAILED"}))), false, true),
        (sent(blank(json!({"_error": "net::ERR_BLOCKED_BY_RESPONSE"}))), false, true),
        (sent(blank(json!({"_error": "net::ERR_EMPTY_RESPONSE"}))), false, true),
        (sent(blank(json!({"_error": "net::ERR_ABORTED"}))), false, true),
        (sent(json!({})), false, true),
        (sent(json!(null)), false, true),
        (json!({"request": get(json!({})), "_error": "blocked"}), true, false),
        (json!({"request": get(json!({})), "response": ok(json!({})), "_fromCache": "memory"}), true, false),
        (json!({"request": get(json!({})), "response": ok(json!({})), "_fromCache": false}), false, false),
        (json!({"request": get(json!({"url": "data:text/plain,a"})), "response": ok(json!({}))}), true, false),
        (sent(ok(json!({}))), false, false),
    ] {
        let exchange = one(entry.clone());
        let marks = (exchange.marks.has(Mark::NotSent), exchange.marks.has(Mark::ResponseMissing));
        assert_eq!(marks, (not_sent, missing), "{entry}");
        assert!(!missing || exchange.response.is_none());
    }
}

#[test]
fn keeps_contents_that_can_hold_a_token() {
    let words = "a token".to_owned();
    for (content, expected, size) in [
        (json!({"mimeType": "application/json; charset=utf-8", "text": words}), Some("a token"), 7),
        (json!({"mimeType": "application/soap+xml", "text": words}), Some("a token"), 7),
        (json!({"mimeType": "text/html", "text": words}), Some("a token"), 7),
        (json!({"mimeType": "multipart/mixed", "text": words}), Some("a token"), 7),
        (json!({"mimeType": "x-unknown", "text": words}), Some("a token"), 7),
        (json!({"text": words}), Some("a token"), 7),
        (json!(words), Some("a token"), 7),
        (json!({"mimeType": "application/json", "text": "YSB0b2tlbg", "encoding": "base64"}), Some("a token"), 7),
        (json!({"mimeType": "application/json", "text": "YSB0\nb2tlbg==", "encoding": "base64"}), Some("a token"), 7),
        (json!({"mimeType": "image/png", "text": "YSB0b2tlbg==", "encoding": "base64"}), None, 7),
        (json!({"mimeType": "image/png", "size": 70}), None, 70),
        (json!({"mimeType": "text/javascript", "text": "\"x\""}), None, 3),
        (json!({"mimeType": "text/javascript", "text": "'eyJ0'"}), Some("'eyJ0'"), 6),
        (json!({"mimeType": "font/woff2", "text": "\"x\"", "size": 5}), None, 5),
    ] {
        let exchange = one(entry(json!({}), ok(content.clone())));
        let body = &exchange.response.as_ref().unwrap().body;
        assert_eq!(body.kept.as_deref(), expected.map(str::as_bytes), "{content}");
        assert_eq!((body.size(), body.cut, exchange.marks.iter().count()), (size, None, 0), "{content}");
    }
}

#[test]
fn keeps_the_beginning_of_a_content_in_which_nothing_is_to_be_found() {
    let dull = "<a b=\"c\">\nword</a>".repeat(20);
    let answer = |status: u16, kind: &str, more: &str| {
        let headers = json!([{"name": "Content-Type", "value": kind}]);
        let content = json!({"mimeType": kind, "text": format!("{dull}{more}")});
        let request = json!({"method": "GET", "url": "https://a.example/"});
        let response = json!({"status": status, "headers": headers, "content": content});
        one(entry(request, response)).response.unwrap().body
    };
    let length = dull.len() as u64;
    for kind in ["text/xml", "application/json"] {
        let body = answer(200, kind, "");
        assert_eq!((body.decoded, body.transferred, body.cut), (Some(length), length, None));
        assert_eq!(body.kept.as_deref(), dull.as_bytes().get(..body.kept.as_ref().unwrap().len()));
        assert!((200..=256).contains(&body.kept.unwrap().len()));
    }
    // An escape is not cut in two.
    for more in 0..4 {
        let text = format!("[{}{}", "x".repeat(250 + more), "\n\n\n\n".repeat(20));
        let content = json!({"mimeType": "application/json", "text": text});
        let headers = json!([{"name": "Content-Type", "value": "application/json"}]);
        let response = json!({"status": 200, "headers": headers, "content": content});
        let body = one(entry(json!({"method": "GET", "url": "https://a.example/"}), response)).response.unwrap().body;
        assert!(text.as_bytes().starts_with(&body.kept.unwrap()), "{more}");
    }
    // Errors and pages are read in other ways, too.
    for (status, kind, more) in [
        (401, "text/xml", ""),
        (500, "text/xml", ""),
        (0, "text/xml", ""),
        (200, "text/html", ""),
        (200, "application/xhtml+xml", ""),
        (200, "text/xml", "eyJ"),
        (200, "text/xml", "\u{1}"),
        (200, "text/xml", "<s:Fault>"),
        (200, "application/json", "errors"),
        (200, "application/json", "\njwt\n"),
    ] {
        assert_eq!(kept(&answer(status, kind, more)), format!("{dull}{more}"), "{status} {kind} {more}");
    }
    let untyped = one(entry(json!({"method": "GET", "url": "https://a.example/"}), ok(json!({"text": dull}))));
    assert!(untyped.response.unwrap().body.kept.is_some(), "it may be a page");
}

#[test]
fn says_where_a_content_was_left_out() {
    let size = json!({"size": 10, "mimeType": "application/json"});
    let response = |status: u16, content: Value| json!({"status": status, "headers": [], "content": content});
    let long = json!({"size": 800_000, "mimeType": "application/json", "text": "x".repeat(500_000)});
    for (entry, cut) in [
        (entry(json!({}), ok(size.clone())), true),
        (entry(json!({}), ok(json!({"size": 10, "mimeType": "text/html", "text": ""}))), true),
        (entry(json!({}), json!({"status": 200, "bodySize": 10, "content": {"mimeType": ""}})), true),
        (entry(json!({}), ok(json!({"mimeType": "text/html", "comment": "Response bodies are not included."}))), true),
        (entry(json!({}), ok(json!({"mimeType": "text/html", "text": "x", "_cut": true}))), true),
        (entry(json!({}), json!({"status": 200, "content": {}, "_responseBodyStatus": "discarded:too-large"})), true),
        (entry(json!({}), ok(long)), true),
        (entry(json!({"method": "POST", "bodySize": 10}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 0}), ok(json!({}))), false),
        (entry(json!({"method": "POST", "bodySize": 100, "postData": {"text": "x".repeat(50)}}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 50, "postData": {"text": "x".repeat(50)}}), ok(json!({}))), false),
        // A little is missing, and more than a byte order mark and other line ends account for.
        (entry(json!({"method": "POST", "bodySize": 60, "postData": {"text": "x".repeat(50)}}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 54, "postData": {"text": "x".repeat(50)}}), ok(json!({}))), false),
        (
            entry(json!({"method": "POST", "bodySize": 60, "postData": {"text": "xxxx\n".repeat(10)}}), ok(json!({}))),
            false,
        ),
        (
            entry(json!({"method": "POST", "bodySize": 60, "postData": {"text": "x".repeat(48) + "é"}}), ok(json!({}))),
            false,
        ),
        (entry(json!({}), ok(json!({"size": 100, "mimeType": "text/xml", "text": "x".repeat(50)}))), true),
        (entry(json!({}), ok(json!({"size": 100, "mimeType": "text/xml", "text": "x".repeat(90)}))), true),
        // Text that is not ASCII has other lengths in other encodings.
        (entry(json!({}), ok(json!({"size": 100, "mimeType": "text/xml", "text": "ü".repeat(45)}))), false),
        (entry(json!({}), ok(json!({"size": 100, "mimeType": "text/css", "text": "x".repeat(50)}))), false),
        (entry(json!({"method": "HEAD"}), ok(size.clone())), false),
        (entry(json!({}), response(304, size.clone())), false),
        (entry(json!({}), response(302, size)), false),
        (entry(json!({}), ok(json!({"size": 10, "mimeType": "image/gif"}))), false),
        (entry(json!({}), ok(json!({"size": 10, "mimeType": "text/css"}))), false),
        (entry(json!({}), ok(json!({"size": -1, "mimeType": "application/json"}))), true),
        (entry(json!({}), ok(json!({"mimeType": "application/json"}))), true),
        (entry(json!({}), ok(json!({"size": null, "mimeType": "text/html", "text": null}))), true),
        (entry(json!({}), ok(json!({"size": 0, "mimeType": "application/json"}))), false),
        (entry(json!({}), ok(json!({"size": -1, "mimeType": "image/png"}))), false),
        (entry(json!({}), ok(json!({}))), false),
        (entry(json!({}), response(204, json!({"size": -1}))), false),
        (entry(json!({}), ok(json!({"text": {"a": 1}, "mimeType": "application/json"}))), true),
        (entry(json!({}), ok(json!([]))), true),
        // What is sent by a method that has a content.
        (entry(json!({"method": "POST", "bodySize": -1}), ok(json!({}))), true),
        (entry(json!({"method": "POST"}), ok(json!({}))), true),
        (entry(json!({"method": "post", "bodySize": "unknown"}), ok(json!({}))), true),
        (
            entry(
                json!({"method": "POST", "bodySize": -1, "postData": {"mimeType": "a/b", "text": ""}}),
                ok(json!({})),
            ),
            true,
        ),
        (entry(json!({"method": "POST", "bodySize": -1, "headers": [["Content-Length", 0]]}), ok(json!({}))), false),
        (entry(json!({"method": "POST", "bodySize": 0, "headers": [["content-length", "9"]]}), ok(json!({}))), true),
        (entry(json!({"method": "GET", "bodySize": -1}), ok(json!({}))), false),
        (entry(json!({"method": "GET", "headers": [["Transfer-Encoding", "chunked"]]}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 1, "postData": "a"}), ok(json!({}))), false),
        (entry(json!({"method": "POST", "bodySize": 1, "postData": 7}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 1, "postData": []}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 1, "postData": {"text": ["a"]}}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "bodySize": 1, "postData": {"text": 7}}), ok(json!({}))), false),
        (
            entry(
                json!({"method": "POST", "bodySize": 3, "postData": {"params": [{"name": "a", "value": "b"}]}}),
                ok(json!({})),
            ),
            false,
        ),
        (entry(json!({"method": "POST", "postData": {"params": [{"name": "a"}]}}), ok(json!({}))), true),
        (entry(json!({"method": "POST", "postData": {"params": [{"value": "a"}]}}), ok(json!({}))), true),
        (
            entry(
                json!({"method": "POST", "postData": {"params": [null, {"name": "a", "value": "b"}]}}),
                ok(json!({})),
            ),
            true,
        ),
        (entry(json!({"method": "POST", "postData": {"params": {"a": "b"}}}), ok(json!({}))), true),
    ] {
        assert_eq!(one(entry.clone()).marks.has(Mark::BodyCut), cut, "{entry:.300}");
    }
    let broken = one(entry(json!({}), ok(json!({"mimeType": "text/xml", "text": "§", "encoding": "base64"}))));
    assert!(broken.marks.has(Mark::CodingUnknown));
    for (encoding, unknown) in [("gzip", true), ("hex", true), ("utf-8", false), ("", false), ("base64", false)] {
        let content = json!({"text": "YQ==", "encoding": encoding});
        let posted = one(entry(json!({"method": "POST", "postData": content}), ok(json!({}))));
        let answered = one(entry(json!({}), ok(content)));
        for exchange in [posted, answered] {
            assert_eq!(exchange.marks.has(Mark::CodingUnknown), unknown, "{encoding}");
        }
    }
}

#[test]
fn writes_parameters_as_a_form() {
    let exchange = one(entry(
        json!({"method": "POST", "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [
            {"name": "grant_type", "value": "password"}, {"name": "p", "value": "a&b c+%41"}, {"name": "e"}, {"value": "x"}]}}),
        ok(json!({})),
    ));
    let request = exchange.request.as_ref().unwrap();
    assert_eq!(kept(&request.body), "grant_type=password&p=a%26b+c%2B%41&e=");
    assert_eq!(request.head.media_type().as_deref(), Some("application/x-www-form-urlencoded"));
}

#[test]
fn takes_the_redirect_for_a_missing_location() {
    let response = |headers: Value| json!({"status": 302, "headers": headers, "redirectURL": "/next#token"});
    assert_eq!(
        fields(&one(entry(json!({}), response(json!([])))).response),
        [("Location".into(), "/next#token".into())]
    );
    assert_eq!(fields(&one(entry(json!({}), response(json!([["location", "/"]])))).response).len(), 1);
}

#[test]
fn tells_a_sanitised_recording() {
    let agent = |version: &str| json!(["User-Agent", format!("Mozilla/5.0 Chrome/{version} Safari/537.36")]);
    for (creator, headers, url, sanitized, marked) in [
        ("WebInspector", json!([agent("130.0.0.0")]), "", true, false),
        ("WebInspector", json!([]), "", true, false),
        ("WebInspector", json!([agent("129.0.0.0")]), "", false, false),
        ("WebInspector", json!([agent("131.0.0.0"), ["authorization", "Bearer a.b.c"]]), "", false, false),
        ("WebInspector", json!([agent("131.0.0.0"), ["Cookie", "a=b"]]), "", false, false),
        ("Firefox", json!([]), "", false, false),
        ("Firefox", json!([["Authorization", "Bearer [REDACTED]"]]), "", true, true),
        ("Firefox", json!([["Authorization", "[authorization redacted]"]]), "", true, true),
        ("Firefox", json!([["Authorization", format!("Bearer eyJ{}.eyJ.redacted", "a".repeat(999))]]), "", true, true),
        ("Firefox", json!([["Authorization", "Basic ***"]]), "", true, true),
        ("Firefox", json!([["Cookie", "a=<removed>"]]), "", true, true),
        ("Firefox", json!([["Authorization", "Basic cmVkYWN0ZWQ6eHh4"], ["X-Note", "redacted"]]), "", false, false),
        ("Firefox", json!([["X-Secret", "[x-secret redacted]"]]), "", true, true),
        ("Firefox", json!([]), "https://h/?code=%5Bcode%20redacted%5D", true, true),
    ] {
        let request = if url.is_empty() { json!({"headers": headers}) } else { json!({"url": url}) };
        let entries = [entry(request.clone(), ok(json!({}))), entry(json!({}), ok(json!({})))];
        let document =
            json!({"log": {"entries": entries, "creator": {"version": "537.36", "name": creator}}}).to_string();
        let outcome = read(document.as_bytes());
        let seen = (outcome.sanitized(), outcome.exchanges[0].marks.has(Mark::Sanitized), outcome.notes.len());
        assert_eq!(seen, (sanitized, marked, usize::from(sanitized)), "{creator} {request:.200}");
    }
    let body = entry(
        json!({}),
        ok(json!({"mimeType": "application/json", "text": "{\"access_token\":\"[access_token redacted]\"}"})),
    );
    assert!(one(body).marks.has(Mark::Sanitized));
}

#[test]
fn goes_on_behind_a_damaged_entry() {
    let entry = |index: usize| {
        let entry = entry(
            json!({"url": format!("https://h/{index}")}),
            ok(json!({"text": "{\"a\":[\"b\"]}", "mimeType": "text/plain"})),
        );
        serde_json::to_string_pretty(&entry).unwrap()
    };
    let good = entry(2);
    for (what, bad) in [
        ("a quotation mark lost", good.replacen("\"GET\"", "\"GET", 1)),
        ("an opening mark lost", good.replacen("\"GET\"", "GET\"", 1)),
        ("a content's end lost", good.replacen("\\\"]}\"", "\\\"]}", 1)),
        ("a closing mark escaped", good.replacen("\"GET\"", "\"GET\\\"", 1)),
        ("an escape lost", good.replacen("\\\"b\\\"", "\"b\\\"", 1)),
        ("the last brace lost", good[..good.len() - 1].to_owned()),
        ("a brace too many", good.replacen("\"GET\"", "\"GET\"}", 1)),
        ("a bracket for a brace", format!("{}]", &good[..good.len() - 1])),
        ("a colon lost", good.replacen(':', " ", 1)),
        ("a comma lost", good.replacen(',', " ", 1)),
        ("half of it lost", good[..good.len() / 2].to_owned()),
        ("bytes between", format!("{good}, \u{1}\u{2}")),
        ("a raw value", good.replacen("\"GET\"", "<GET>", 1)),
    ] {
        let document =
            format!("{{\"log\":{{\"entries\":[{},{},{bad},{},{}]}}}}", entry(0), entry(1), entry(3), entry(4));
        let outcome = read(document.as_bytes());
        let urls: Vec<_> = outcome.exchanges.iter().map(Exchange::url).collect();
        for index in [0, 1, 3, 4] {
            assert!(urls.contains(&format!("https://h/{index}")), "{what}: {urls:?}");
        }
        assert!(!outcome.notes.is_empty() && outcome.error.is_none(), "{what}: {outcome:?}");
    }
}

#[test]
fn an_entry_without_end_swallows_no_other() {
    let good = entry(json!({}), ok(json!({"text": "x".repeat(600), "mimeType": "text/plain"}))).to_string();
    let good = [good.as_str(); 30].join(",");
    for bad in [
        "{\"request\":{\"headers\":[{\"name\":\"A\",\"value\":\"b\"}",
        "{\"startedDateTime\":\"2026\",\"_x\":[{\"a\":1}",
        "{\"request\":{\"method\":\"GET\"}",
        "{\"a\":[",
    ] {
        for close in ["]}}", "]}]}}", "", "]}]}]}}}}"] {
            let document = format!("{{\"log\":{{\"entries\":[{good},{bad},{good}{close}");
            for limit in [16 << 10, 16 << 20] {
                let limits = Limits { entry: limit, ..Limits::default() };
                let outcome = read_in(document.as_bytes(), &[1000], &limits);
                let skipped = outcome.skipped();
                assert_eq!((outcome.exchanges.len(), skipped.first()), (60, Some(&30)), "{bad} {close} {limit}");
                // The brackets that the bad one lacks are too many at the end.
                assert!(skipped.len() == 1 || (skipped.len() == 2 && close.len() > 3), "{bad} {close} {limit}");
            }
        }
    }
}

#[test]
fn an_extension_may_have_the_names_of_an_entry() {
    let mut extended =
        entry(json!({"startedDateTime": "2026", "_a": {"b": 1, "startedDateTime": "2026"}}), ok(json!({})));
    extended["_x"] = json!({"y": [{"z": 1, "startedDateTime": "2026", "request": {}}]});
    let outcome = read(har(&[extended.clone(), extended]).as_bytes());
    assert_eq!((outcome.exchanges.len(), outcome.notes.len()), (2, 0));
}

#[test]
fn finds_the_entries_behind_damage() {
    let entry = entry(json!({}), ok(json!({})));
    let outcome = read(format!("{{\"log\":{{\"pages\":[{{\"title\":\"a\"b\"}}],\"entries\":[{entry}]}}}}").as_bytes());
    assert_eq!(outcome.exchanges.len(), 1);
    assert!(matches!(outcome.notes[..], [Note { kind: NoteKind::HarmlessDamage { .. }, .. }]));
    let first = format!("{{\"log\":{{\"entries\":[{entry}]}}}}");
    let outcome = read(format!("{first} {first}").as_bytes());
    assert_eq!((outcome.exchanges.len(), outcome.notes.len(), outcome.skipped()), (2, 1, vec![]));
    // One that shows no entries hides them.
    for second in
        [format!("{first} {{\"log\":{{\"entr\":[{entry}]}}}}"), format!("{first} {{\"log\":{{\"entr\":[{entry}]")]
    {
        let outcome = read(second.as_bytes());
        assert_eq!((outcome.exchanges.len(), outcome.skipped()), (1, vec![1]), "{second}");
    }
}

#[test]
fn cuts_the_contents_of_a_large_entry() {
    let limits = Limits { entry: 64 << 10, ..Limits::default() };
    let text = "\\\"\u{e9}\\u00e9\\ud83d\\ude00".repeat(20_000);
    let messages = vec![json!({"type": "send", "data": "x"}); 20_000];
    let document = format!(
        r#"{{"log":{{"entries":[{{"_webSocketMessages":{0},"_initiator":{{"s":"{text}"}},"request":{{"postData":{{"text":"{text}"}},
        "method":"POST","url":"https://h/","headers":[["Authorization","Bearer a.b.c"]]}},"response":{{"content":{{"size":9000000,
        "mimeType":"application/json","text":"{text}"}},"status":200,"headers":[["A","b"]]}},"_big":{0},"time":1}},
        {{"request":{{"url":"https://h/2","method":"GET"}}}}]}}}}"#,
        Value::Array(messages)
    );
    let outcome = read_in(document.as_bytes(), &[usize::MAX], &limits);
    assert_eq!((outcome.exchanges.len(), &outcome.notes), (2, &vec![]));
    let exchange = &outcome.exchanges[0];
    let (request, response) = (exchange.request.as_ref().unwrap(), exchange.response.as_ref().unwrap());
    assert_eq!((request.head.text("authorization"), exchange.status()), (Some("Bearer a.b.c"), Some(200)));
    assert!(exchange.marks.has(Mark::BodyLimit));
    assert_eq!((request.body.cut, response.body.cut), (Some(BodyCut::Limit), Some(BodyCut::Limit)));
    assert_eq!(response.body.size(), 9_000_000);
    let whole = "\"\u{e9}\u{e9}\u{1f600}".repeat(20_000);
    for body in [&request.body, &response.body] {
        let kept = kept(body);
        assert!(whole.starts_with(&kept) && kept.len() > 1000, "{}", kept.len());
    }
    for lengths in [vec![1000], vec![4096, 7], vec![65_536, 1, 70_000]] {
        assert!(read_in(document.as_bytes(), &lengths, &limits) == outcome, "{lengths:?}");
    }
}

#[test]
fn skips_an_entry_that_stays_too_large() {
    let limits = Limits { entry: 64 << 10, ..Limits::default() };
    let headers: Vec<_> = (0..20_000).map(|n| json!(["A", n])).collect();
    let entries = [
        entry(json!({}), ok(json!({}))),
        entry(json!({"headers": headers}), ok(json!({}))),
        entry(json!({}), ok(json!({}))),
    ];
    let outcome = read_in(har(&entries).as_bytes(), &[5000, usize::MAX], &limits);
    assert_eq!((outcome.indexes(), outcome.skipped()), (vec![0, 2], vec![1]));
}

#[test]
fn bounds_the_header_section() {
    let headers: Vec<_> = (0..3000).map(|n| json!(["A", n])).collect();
    let exchange = one(entry(json!({"headers": headers}), ok(json!({}))));
    assert_eq!(fields(&exchange.request).len(), Limits::default().fields);
    assert!(exchange.marks.has(Mark::HeadCut));
}

#[test]
fn survives_nesting() {
    let bomb = "[{\"a\":".repeat(200_000);
    let closed = format!("{bomb}1{}", "}]".repeat(200_000));
    for document in [
        bomb.clone(),
        format!("{{\"log\":{bomb}"),
        format!("{{\"log\":{{\"entries\":[{{\"request\":{{\"headers\":{bomb}"),
    ] {
        assert!(read(document.as_bytes()).error.is_some());
    }
    let request = format!("{{\"request\":{{\"method\":\"GET\",\"url\":\"https://h/\",\"cookies\":{closed}}}}}");
    let outcome = read(format!("{{\"log\":{{\"x\":{closed},\"entries\":[{request},{request}]}}}}").as_bytes());
    assert_eq!((outcome.exchanges.len(), outcome.notes.len()), (2, 0));
}

#[test]
fn stops_when_told() {
    let (text, _) = sample(3);
    let mut count = 0;
    let mut sink = |_: Item<'_>| {
        count += 1;
        Control::Stop
    };
    Har.read(&mut text.as_bytes(), &Limits::default(), &mut sink).unwrap();
    assert_eq!(count, 1);
}

#[test]
fn every_prefix_keeps_the_entries_before() {
    let (text, ends) = sample(4);
    for length in 0..text.len() {
        let outcome = read(&text.as_bytes()[..length]);
        // The last one gives what it has once its host is told.
        let begun = text.get(..length).unwrap_or_default().matches("\"url\":\"https://h/").count();
        assert_eq!(outcome.exchanges.len(), begun, "{length}");
        let complete = ends.iter().filter(|end| **end <= length).count();
        let cut = outcome.exchanges.iter().filter(|exchange| exchange.marks.has(Mark::EntryCut)).count();
        assert_eq!(cut, begun - complete, "{length}");
        let promised = text.get(..length).is_some_and(|text| text.ends_with(['{', ',']) || text.ends_with(",\n"));
        assert!(cut > 0 || !promised || complete == 0 || length > ends[3] || !outcome.skipped().is_empty(), "{length}");
        let truncated = outcome.notes.iter().any(|note| matches!(note.kind, NoteKind::TruncatedInput { .. }));
        // Only white space follows the last bracket.
        assert!(outcome.error.is_some() || truncated || length == text.len() - 1, "{length}: {outcome:?}");
    }
}

#[test]
fn a_truncation_names_its_offset() {
    let (text, ends) = sample(3);
    let outcome = read(&text.as_bytes()[..ends[2] - 1]);
    let NoteKind::TruncatedInput { offset } = outcome.notes[0].kind else { panic!("{outcome:?}") };
    assert!(text.as_bytes()[offset as usize..].starts_with(b"{\"startedDateTime\""));
}

#[test]
fn entries_are_told_by_their_own_first_name() {
    // Not by the creator's, which stands before them as an object does that is whole.
    let document = br#"{"log":{"creator":{"name":"test"},"entries":[{"_first":1,"request":{"url":"u"}},{}]}}"#;
    let limits = Limits::default();
    let mut input = &document[..];
    let mut scanner = Scanner::new(&mut input, &limits);
    assert!(matches!(scanner.next().unwrap(), Some(Piece::Creator(_))));
    assert!(!scanner.is_among_entries());
    assert!(matches!(scanner.next().unwrap(), Some(Piece::Entry(_))));
    assert!(scanner.is_among_entries());
    assert_eq!(scanner.window().first_name(), b"_first");
}

#[test]
fn small_entries_in_blocks_are_many() {
    let entries = vec![r#"{"request":{"url":"u"}}"#; 40_000].join(",");
    let document = format!("{{\"log\":{{\"entries\":[{entries}]}}}}");
    let limits = Limits::default();
    let whole = read(document.as_bytes());
    assert_eq!((whole.exchanges.len(), &whole.error), (40_000, &None));
    assert!(read_by(document.as_bytes(), &[usize::MAX], &limits, 2, BLOCK) == whole);
}

#[test]
fn an_entry_larger_than_a_block_is_read() {
    let text = "x".repeat(3 << 20);
    let entries = (0..12).map(|n| {
        let text = if n % 4 == 2 { text.as_str() } else { "a" };
        entry(json!({"url": format!("https://h/{n}")}), ok(json!({"mimeType": "text/plain", "text": text})))
    });
    let document = har(&entries.collect::<Vec<_>>());
    let limits = Limits::default();
    let whole = read(document.as_bytes());
    assert_eq!((whole.exchanges.len(), &whole.error), (12, &None));
    assert!(read_by(document.as_bytes(), &[1000, 100_000], &limits, 2, BLOCK) == whole);
}

#[test]
fn stops_when_told_in_the_middle_of_a_block() {
    let (text, _) = sample(12);
    let mut count = 0;
    let mut sink = |_: Item<'_>| {
        count += 1;
        if count == 4 { Control::Stop } else { Control::Continue }
    };
    super::read(&mut text.as_bytes(), &Limits::default(), &Lazy::new(2), 1000, &mut sink).unwrap();
    assert_eq!(count, 4);
}

#[test]
fn an_error_of_the_input_comes_behind_what_was_read() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk fell out"))
        }
    }
    let (text, ends) = sample(12);
    for helpers in [0, 2] {
        let mut count = 0;
        let mut sink = |_: Item<'_>| {
            count += 1;
            Control::Continue
        };
        let mut input = text.as_bytes()[..ends[8] + 20].chain(Broken);
        let result = super::read(&mut input, &Limits::default(), &Lazy::new(helpers), 1000, &mut sink);
        assert_eq!((count, result.unwrap_err().to_string().as_str()), (9, "the disk fell out"), "{helpers}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,12}",
        "[\"\\\\]{0,9}",
        r#"\PC{0,6}"#,
        (0_usize..1500).prop_map(|n| "x\"\\\u{e9}".repeat(n / 4))
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-z\"\\\\{}]{0,8}", inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A text as bodies and fields have them: plain, of what has to be escaped, and long.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,20}",
        "[\"\\\\/\u{1}\n\u{e9}\u{1f600}]{0,40}",
        (0_usize..80, "[a-z\"\\\\{}\u{e9} ]{1,9}").prop_map(|(count, text)| text.repeat(count)),
    ]
}

fn any_message(first: &'static str, content: &'static str) -> impl Strategy<Value = Value> {
    let headers = prop::collection::vec(("[A-Za-z][A-Za-z-]{0,9}", any_text()), 0..5);
    (any_text(), headers, any_text(), any_json(), any::<prop::sample::Index>()).prop_map(
        move |(value, headers, text, other, place)| {
            let headers: Vec<_> = headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            let mut members = vec![
                (first.to_owned(), json!(format!("x{value}"))),
                ("headers".to_owned(), json!(headers)),
                (content.to_owned(), json!({"mimeType": "application/x-some", "text": text})),
            ];
            members.insert(place.index(4), ("_other".to_owned(), other));
            Value::Object(members.into_iter().collect())
        },
    )
}

/// An entry with members this program reads and some it does not, in any order.
fn any_entry() -> impl Strategy<Value = Value> {
    (
        any_message("url", "postData"),
        any_message("statusText", "content"),
        any_json(),
        prop::sample::subsequence(vec!["startedDateTime", "time", "serverIPAddress", "_error"], 0..=4),
    )
        .prop_flat_map(|(request, response, other, more)| {
            let mut members = vec![
                ("request".to_owned(), request),
                ("response".to_owned(), response),
                ("_other".to_owned(), other.clone()),
            ];
            members.extend(more.into_iter().map(|name| (name.to_owned(), other.clone())));
            Just(members).prop_shuffle().prop_map(|members| Value::Object(members.into_iter().collect()))
        })
}

/// A way to damage a document.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static str),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Cut(prop::sample::Index),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |index: &prop::sample::Index| index.index(bytes.len().max(1)).min(bytes.len());
        match self {
            Self::Set(index, byte) => {
                let at = place(index);
                bytes.get_mut(at).into_iter().for_each(|place| *place = *byte);
            }
            Self::Insert(index, text) => _ = bytes.splice(place(index)..place(index), text.bytes()).count(),
            Self::Remove(index, length) => _ = bytes.drain(place(index)..(place(index) + length).min(bytes.len())),
            Self::Repeat(index, length) => {
                let at = place(index);
                let part = bytes[at..(at + length).min(bytes.len())].to_vec();
                _ = bytes.splice(at..at, part).count();
            }
            Self::Cut(index) => bytes.truncate(place(index)),
        }
    }
}

fn any_edit() -> impl Strategy<Value = Edit> {
    let texts = vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "{\"startedDateTime\":\"a\",",
        "\"entries\":[",
        "\0",
        "]}",
        "}}",
    ];
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        (any::<prop::sample::Index>(), prop::sample::select(texts)).prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<prop::sample::Index>(), 1_usize..4000).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<prop::sample::Index>(), 1_usize..4000).prop_map(|(at, length)| Edit::Repeat(at, length)),
        any::<prop::sample::Index>().prop_map(Edit::Cut),
    ]
}

/// A document with members nobody reads, of which some are large and some hold what looks like entries.
fn rich_sample() -> String {
    let large = format!("[{}]", vec![r#"{"type":"send","data":"x"}"#; 3000].join(","));
    let like = r#"{"y":[{"z":1,"startedDateTime":"2026","request":{}}],"w":[{"_first":1}]}"#;
    let entries = (0..12).map(|index| {
        let unread = match index % 4 {
            1 => large.as_str(),
            2 => like,
            _ => "[[],{},\"]\"]",
        };
        let text = r#"{\"a\":\"\\\"}]"#.repeat(index * 40);
        format!(
            r#"{{"_first":{index},"_x":{unread},"startedDateTime":"2026-01-01T00:00:00Z","request":{{"method":"POST","url":"https://h/{index}","headers":[{{"name":"A","value":"v"}}],"postData":{{"text":"{text}"}}}},"response":{{"status":200,"headers":[],"content":{{"size":0}}}}}}"#
        )
    });
    format!("{{\"log\":{{\"entries\":[{}]}}}}", entries.collect::<Vec<_>>().join(",\n"))
}

/// What the scanner makes of an array of entries that begins with `entry`: the length of its first and its exchange.
fn first_by_scanner(entry: &[u8]) -> Option<(usize, Option<Exchange>)> {
    let document = [b"[", entry].concat();
    let mut input = document.as_slice();
    let limits = Limits::default();
    match Scanner::new(&mut input, &limits).next().unwrap() {
        Some(Piece::Entry(raw)) => {
            Some((raw.bytes.len(), exchange_from_entry(raw, 7, &limits).ok().map(|converted| converted.exchange)))
        }
        _ => None,
    }
}

fn first_by_parser(entry: &[u8]) -> Result<(usize, Option<Exchange>), Flaw> {
    let (outcome, length) = exchange_from_start(entry, 7, &Limits::default())?;
    Ok((length, outcome.ok().map(|converted| converted.exchange)))
}

#[test]
fn the_parser_leaves_doubts_to_the_scanner() {
    let request = r#""request":{"method":"GET","url":"u"}"#;
    let large = "1,".repeat(40_000);
    for (entry, flaw) in [
        (format!("{{{request}}}"), None),
        (format!("{{{request},}} ,"), None),
        (format!("{{{request},\"a\":[1,{{\"b\":[[],{{}},],}},null,]}}"), None),
        ("1}".to_owned(), Some(Flaw::Doubt)),
        ("\"a\"".to_owned(), Some(Flaw::Doubt)),
        (String::new(), Some(Flaw::End)),
        (format!("{{{request}"), Some(Flaw::End)),
        (format!("{{{request},\"a"), Some(Flaw::End)),
        (format!("{{{request},\"a\":1"), Some(Flaw::End)),
        (format!("{{{request},,}}"), Some(Flaw::Doubt)),
        (format!("{{,{request}}}"), Some(Flaw::Doubt)),
        (format!("{{{request} \"a\":1}}"), Some(Flaw::Doubt)),
        (format!("{{{request}]"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\" 1}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":[1 2]}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":[1}}}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":<b>}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":[{{\"startedDateTime\":1}}]}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"request\":{{\"startedDateTime\":1}}}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":[{large}]}}"), Some(Flaw::Doubt)),
        (format!("{{{request},\"a\":{}1{}}}", "[".repeat(80), "]".repeat(80)), Some(Flaw::Doubt)),
    ] {
        assert_eq!(first_by_parser(entry.as_bytes()).err(), flaw, "{entry:.200}");
    }
}

#[derive(serde::Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    log: Log<'a>,
}

#[derive(serde::Deserialize)]
struct Log<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_split_gives_the_same(lengths in prop::collection::vec(1_usize..3000, 1..8), small in any::<bool>()) {
        let (text, _) = sample(5);
        let limits = if small { Limits { entry: 2048, ..Limits::default() } } else { Limits::default() };
        let whole = read_in(text.as_bytes(), &[usize::MAX], &limits);
        prop_assert_eq!(whole.exchanges.len(), 5);
        prop_assert!(whole == read_in(text.as_bytes(), &lengths, &limits));
    }

    #[test]
    fn parts_give_the_same(
        edits in prop::collection::vec(any_edit(), 0..4),
        lengths in prop::collection::vec(1_usize..3000, 1..8),
        helpers in 0_usize..4,
        block in 50_usize..9000,
        limit in prop::sample::select(vec![700, 2048, 8192, 16 << 20]),
        rich in any::<bool>(),
    ) {
        let mut bytes = if rich { rich_sample() } else { sample(14).0 }.into_bytes();
        edits.iter().for_each(|edit| edit.apply(&mut bytes));
        let limits = Limits { entry: limit, ..Limits::default() };
        let whole = read_in(&bytes, &[usize::MAX], &limits);
        prop_assert!(whole == read_by(&bytes, &lengths, &limits, helpers, block));
    }

    #[test]
    fn splits_as_serde_json_does(
        before in any_json(),
        entries in prop::collection::vec(prop::collection::btree_map("[a-z\"\\\\]{0,8}", any_json(), 0..5), 0..5),
        pretty in any::<bool>(),
        lengths in prop::collection::vec(1_usize..200, 1..4),
    ) {
        let document = json!({"log": {"before": before, "entries": entries, "after": 1}});
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let expected: Document<'_> = serde_json::from_str(&text).unwrap();
        let mut input = Pieces { rest: text.as_bytes(), lengths: lengths.iter().copied().cycle() };
        let mut scanner = Scanner::new(&mut input, &Limits::default());
        for entry in expected.log.entries {
            match scanner.next().unwrap() {
                Some(Piece::Entry(raw)) => {
                    prop_assert_eq!(raw.bytes, entry.get().as_bytes());
                    for long in raw.long {
                        prop_assert_eq!((raw.bytes[long.start - 1], raw.bytes[long.end], long.missing), (b'"', b'"', 0));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        prop_assert!(scanner.next().unwrap().is_none());
    }

    #[test]
    fn reads_entries_as_serde_json_does(entry in any_entry(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&entry) } else { serde_json::to_string(&entry) }.unwrap();
        let (length, exchange) = first_by_parser(format!("{text},").as_bytes()).unwrap();
        prop_assert_eq!(length, text.len());
        let exchange = exchange.unwrap();
        prop_assert_eq!(Some((length, Some(exchange.clone()))), first_by_scanner(text.as_bytes()));
        let (request, response) = (exchange.request.as_ref().unwrap(), exchange.response.as_ref());
        prop_assert_eq!(request.head.target(), entry["request"]["url"].as_str().unwrap().as_bytes());
        for (message, member, content) in [(Some(request), "request", "postData"), (response, "response", "content")] {
            let Some(message) = message else { continue };
            let body = entry[member][content]["text"].as_str().unwrap();
            prop_assert_eq!(message.body.kept.as_deref().unwrap_or_default(), body.as_bytes());
            let expected = entry[member]["headers"].as_array().unwrap().iter().flat_map(|header| {
                let lines = header["value"].as_str().unwrap().split('\n');
                lines.map(|line| (header["name"].as_str().unwrap(), line.trim_ascii()))
            });
            let expected: Vec<_> = expected.map(|(name, line)| (name.as_bytes(), line.as_bytes())).collect();
            prop_assert_eq!(&message.head.iter().collect::<Vec<_>>()[..expected.len()], &expected[..]);
        }
    }

    #[test]
    fn the_parser_and_the_scanner_agree_on_damage(
        entry in any_entry(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(&b"\"\\{}[],: 1x"[..]), any::<bool>()), 0..4),
    ) {
        let mut text = entry.to_string().into_bytes();
        for (place, byte, insert) in edits {
            let place = place.index(text.len());
            if insert { text.insert(place, byte) } else { text[place] = byte }
        }
        text.extend_from_slice(b",{\"request\":{}}]");
        if let Ok(parsed) = first_by_parser(&text) {
            prop_assert_eq!(Some(parsed), first_by_scanner(&text));
        }
    }

    #[test]
    fn strings_end_where_they_end(pieces in prop::collection::vec(
        prop::sample::select(vec!["\"", "\\", "\\\\", "\\\"", "a", "bcdefgh", "0123456789012345678901234567890123456789"]), 0..40,
    ), odd in any::<bool>()) {
        let text = pieces.concat();
        let mut escaped = odd;
        let mut end = None;
        for (at, byte) in text.bytes().enumerate() {
            match byte {
                b'"' if !escaped => {
                    end = Some(at);
                    break;
                }
                b'\\' => escaped = !escaped,
                _ => escaped = false,
            }
        }
        prop_assert_eq!(window::closing_quote(text.as_bytes(), odd), end);
    }

    #[test]
    fn unescapes_as_serde_json_does(text in any_text()) {
        let quoted = serde_json::to_string(&text).unwrap();
        let raw = json::Text::new(&quoted.as_bytes()[1..quoted.len() - 1]);
        prop_assert_eq!(raw.text(), text.as_str());
        // Whatever the limit is, and whether it has to be looked at.
        for limit in [0, text.len() / 2, quoted.len()] {
            let mut out = Vec::new();
            prop_assert_eq!(json::unescape(raw.raw, limit, &mut out), text.len() as u64);
            prop_assert_eq!(&out[..], &text.as_bytes()[..text.len().min(limit)]);
        }
    }

    #[test]
    fn numbers_are_read_as_floats_are(text in "[0-9]{0,20}|-?[0-9]{1,20}(\\.[0-9]{1,3})?|[0-9]{1,3}e[0-9]") {
        let text = json::Text::new(text.as_bytes());
        prop_assert_eq!(text.integer(), text.number().map(|number| number as i64));
    }

    #[test]
    fn a_length_is_that_of_the_content(pieces in prop::collection::vec(
        prop::sample::select(vec!["\\\"", "\\n", "\\t", "\\\\", "\\/", "\\b", "\\x", "\\", "\\u0041", "u", "n", "a word ", "\u{e4}"]),
        0..80,
    ), calm in 0_usize..200) {
        let raw = ["a".repeat(calm), pieces.concat()].concat();
        let (mut out, is_simple) = (Vec::new(), !pieces.contains(&"\\u0041"));
        json::unescape(raw.as_bytes(), usize::MAX, &mut out);
        let length = json::simple_length(raw.as_bytes());
        prop_assert!(length.is_none_or(|length| length == out.len() as u64));
        // What an escape JSON does not know ends in may read as another.
        prop_assert!(length.is_some() || !is_simple || raw.contains("\\u"));
    }

    #[test]
    fn damage_never_panics_nor_invents(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        lengths in prop::collection::vec(1_usize..5000, 1..4),
    ) {
        let (text, _) = sample(5);
        let mut bytes = text.into_bytes();
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let limits = Limits { entry: 4096, ..Limits::default() };
        let outcome = read_in(&bytes, &lengths, &limits);
        prop_assert!(outcome.exchanges.len() <= 5);
    }

    #[test]
    fn tokens_in_any_order_never_panic(tokens in prop::collection::vec(
        prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\"", "\"", "1", "\\", " ", "\"request\"", "\"headers\"",
            "\"response\"", "\"postData\"", "\"text\"", "\"params\"", "null", "{\"request\":{", "\"name\""]), 0..60)) {
        let document = format!("{{\"log\":{{\"entries\":[{{\"request\":{{\"url\":\"u\"}},{}", tokens.concat());
        read(document.as_bytes());
        // The parser behind the scanner bears what the scanner would refuse.
        let entry = format!("{{\"request\":{{\"url\":\"u\"}},{}", tokens.concat());
        let raw = RawEntry { bytes: entry.as_bytes(), long: &[] };
        _ = exchange_from_entry(raw, 0, &Limits::default());
    }
}

/// An entry has the list of its fields, be it empty; without it nobody knows what they were.
#[test]
fn an_entry_without_its_list_of_fields_is_malformed() {
    let whole = entry(json!({}), ok(json!({})));
    assert!(!one(whole.clone()).marks.has(Mark::EntryMalformed));
    for side in ["request", "response"] {
        for rename in [false, true] {
            let mut entry = whole.clone();
            let list = entry[side].as_object_mut().unwrap().remove("headers").unwrap();
            if rename {
                entry[side]["_headers"] = list;
            }
            assert!(one(entry).marks.has(Mark::EntryMalformed), "{side} {rename}");
        }
    }
    // A response that was not seen has none.
    let unseen = entry(json!({}), json!({"status": 0}));
    assert!(!one(unseen).marks.has(Mark::EntryMalformed));
}
