//! Streams in, exchanges out, written in one line each: `METHOD target {content} -> status {content} [marks]`.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::{
    context::{BodyPolicy, Sink},
    evidence::{ConnectionId, Endpoint},
    exchange::{
        Exchange,
        message::{Body, BodyCut},
    },
    flow::Connection,
    secrets::keylog::Keys,
};

#[derive(Default)]
struct Recorder {
    exchanges: Vec<Exchange>,
    notes: Vec<NoteKind>,
}

impl Sink for Recorder {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn note(&mut self, note: Note) {
        self.notes.push(note.kind);
    }
}

#[derive(Clone, Debug)]
enum Event {
    C(Vec<u8>),
    S(Vec<u8>),
    GapC(u64),
    GapS(u64),
    EndC(End),
    EndS(End),
}
use Event::{C, EndC, EndS, GapC, GapS, S};

fn c(bytes: impl AsRef<[u8]>) -> Event {
    C(bytes.as_ref().to_vec())
}

fn s(bytes: impl AsRef<[u8]>) -> Event {
    S(bytes.as_ref().to_vec())
}

struct Outcome {
    exchanges: Vec<Exchange>,
    notes: Vec<NoteKind>,
    switch: Option<Switch>,
    counted: u64,
    /// [`Http1::weight`] after each event.
    weights: Vec<usize>,
}

struct Setup {
    limits: Limits,
    bodies: BodyPolicy,
    from_start: [bool; 2],
}

impl Default for Setup {
    fn default() -> Self {
        Self { limits: Limits::default(), bodies: BodyPolicy::Tokens, from_start: [true; 2] }
    }
}

fn endpoint(last: u8, port: u16) -> Endpoint {
    Endpoint { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), port }
}

fn frame(number: u64) -> At {
    At::Frame { number, time: None }
}

impl Setup {
    /// Plays events; the bytes of each come in pieces whose lengths `cut` gives. Every event is one frame.
    fn play(&self, events: &[Event], cut: impl FnMut() -> usize) -> Outcome {
        self.play_in(1.., events, cut)
    }

    /// As [`Setup::play`], with the numbers of the frames: a stream's bytes come out of the recording's order where a packet
    /// was late.
    fn play_in(
        &self,
        frames: impl IntoIterator<Item = u64>,
        events: &[Event],
        mut cut: impl FnMut() -> usize,
    ) -> Outcome {
        let mut connection = Connection {
            roles_known: true,
            from_start: self.from_start,
            ..Connection::new(ConnectionId(1), endpoint(1, 40_000), endpoint(2, 80), frame(1))
        };
        let (keys, mut recorder, mut http, mut switch) = (Keys::default(), Recorder::default(), Http1::new(), None);
        let mut context = Context {
            connection: &mut connection,
            tls: None,
            keys: &keys,
            limits: &self.limits,
            bodies: self.bodies,
            barren: &crate::coding::barren::Barren::new(crate::token::extract::may_tell),
            sink: &mut recorder,
        };
        let cx = &mut context;
        let mut weights = Vec::new();
        for (number, event) in frames.into_iter().zip(events) {
            let at = frame(number);
            cx.connection.last = at;
            let next = match event {
                C(bytes) | S(bytes) => {
                    let side = if matches!(event, C(_)) { Side::Client } else { Side::Server };
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let (piece, after) = rest.split_at(cut().clamp(1, rest.len()));
                        rest = after;
                        match (http.data(side, piece, at, cx), &mut switch) {
                            (Next::Switch(found), _) => switch = Some(found),
                            (Next::Continue, Some(Switch { client_rest, server_rest, .. })) => match side {
                                Side::Client => client_rest.extend_from_slice(piece),
                                Side::Server => server_rest.extend_from_slice(piece),
                            },
                            _ => {}
                        }
                    }
                    Next::Continue
                }
                GapC(bytes) => http.gap(Side::Client, *bytes, at, cx),
                GapS(bytes) => http.gap(Side::Server, *bytes, at, cx),
                EndC(how) | EndS(how) => {
                    http.end(if matches!(event, EndC(_)) { Side::Client } else { Side::Server }, *how, at, cx);
                    Next::Continue
                }
            };
            if let Next::Switch(found) = next {
                switch = Some(found);
            }
            weights.push(http.weight());
        }
        http.close(cx);
        Outcome { exchanges: recorder.exchanges, notes: recorder.notes, switch, counted: http.exchanges(), weights }
    }

    fn show(&self, events: &[Event], cut: impl FnMut() -> usize) -> Vec<String> {
        let outcome = self.play(events, cut);
        assert_eq!(outcome.counted, outcome.exchanges.len() as u64);
        outcome.exchanges.iter().map(show).collect()
    }

    /// Checks what comes out whole, byte by byte, and at some splits between.
    fn check(&self, events: &[Event], expected: &[&str]) {
        for size in [usize::MAX, 1, 2, 3, 7, 16] {
            assert_eq!(self.show(events, || size), expected, "pieces of {size}: {}", transcript(events));
        }
    }
}

#[test]
fn what_is_gathered_has_weight() {
    let setup = Setup::default();
    let long = "x".repeat(10_000);
    let weights = |events: &[Event]| {
        let weights = setup.play(events, || 1000).weights;
        weights.iter().map(|weight| (weight - size_of::<Http1>()) / 10_000).collect::<Vec<_>>()
    };
    let get = c(format!("GET /{long} HTTP/1.1\r\n\r\n"));
    let ok = |length| s(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{long}"));
    assert_eq!(weights(&[get.clone(), ok(10_000), get.clone(), ok(10_001), s("x")]), [1, 0, 1, 2, 0]);
    // A head of which the end is missing; a response that waits for the end of its request.
    assert!(weights(&[c(format!("GET /{long}"))])[0] >= 1);
    let post = c("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na");
    assert_eq!(weights(&[post, ok(10_000), c("b")]), [0, 1, 0]);
    assert_eq!(
        weights(&[
            c("GET / HTTP/1.1\r\n\r\n"),
            s(format!("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 99999\r\n\r\n{long}"))
        ]),
        [0, 0]
    );
}

fn transcript(events: &[Event]) -> String {
    let one = |event: &Event| match event {
        C(bytes) => format!("\n  > {:?}", String::from_utf8_lossy(bytes)),
        S(bytes) => format!("\n  < {:?}", String::from_utf8_lossy(bytes)),
        other => format!("\n  {other:?}"),
    };
    events.iter().map(one).collect()
}

fn show_body(body: &Body) -> String {
    let cut = match body.cut {
        None => "",
        Some(BodyCut::Recording) => "…",
        Some(BodyCut::Limit) => "^",
        Some(BodyCut::Coding) => "?",
    };
    match &body.kept {
        Some(kept) if kept.is_empty() && cut.is_empty() => String::new(),
        Some(kept) => format!(" {{{}{cut}}}", String::from_utf8_lossy(kept)),
        None => format!(" #{}{cut}", body.transferred),
    }
}

fn show_message(message: &Message) -> String {
    let head = &message.head;
    let start = match head.status() {
        Some(status) => status.to_string(),
        None => format!("{} {}", String::from_utf8_lossy(head.method()), String::from_utf8_lossy(head.target())),
    };
    let trailers = message.trailers.as_ref().map_or(0, |trailers| trailers.fields().len());
    format!("{start}{}{}", show_body(&message.body), if trailers > 0 { format!(" +{trailers}") } else { String::new() })
}

fn show(exchange: &Exchange) -> String {
    let part = |message: &Option<Message>| message.as_ref().map_or("-".to_owned(), show_message);
    let marks: Vec<_> = exchange.marks.iter().map(Mark::as_str).collect();
    let marks = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(" ")) };
    format!("{} -> {}{marks}", part(&exchange.request), part(&exchange.response))
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Requests and responses that follow each other on a connection recorded from start to end.
fn check(events: &[Event], expected: &[&str]) {
    Setup::default().check(events, expected);
}

fn fin() -> [Event; 2] {
    [EndC(End::Fin), EndS(End::Fin)]
}

/// One response to `GET /`, then the end of both sides.
fn check_response(response: &[u8], expected: &str) {
    check(&[&[c(GET), s(response)], fin().as_slice()].concat(), &[&format!("GET / -> {expected}")]);
}

/// One request, answered.
fn check_request(request: &[u8], expected: &str) {
    check(&[&[c(request), s(OK)], fin().as_slice()].concat(), &[expected]);
}

#[test]
fn probes_tell_requests_from_other_protocols() {
    use Probe::{Certain, Likely, No};
    for (bytes, request, response) in [
        (b"GET / HTTP/1.1\r\n".as_slice(), Certain, No),
        (b"\r\nPOST /a b HTTP/1.0\r\n", Certain, No),
        (b"PROPFIND /x HTTP/1.1\n", Certain, No),
        (b"RPC_IN_DATA /rpc/rpcproxy.dll?a:6002 HTTP/1.1\r\n", Certain, No),
        (b"M-SEARCH * HTTP/1.1\r\n", Certain, No),
        (b"get /x HTTP/1.1\r\n", Certain, No),
        (b"PRI * HTTP/2.0\r\n", Certain, No),
        (b"GET /index.html\r\n", Certain, No),
        (b"FOO /index.html\r\n", No, No),
        (b"OPTIONS rtsp://a/ RTSP/1.0\r\n", No, No),
        (b"INVITE sip:a@b SIP/2.0\r\n", No, No),
        (b"GET /x RTSP/1.0\r\n", No, No),
        (b"REQMOD icap://a/ ICAP/1.0\r\n", No, No),
        (b"EHLO mail.example.org\r\n", No, No),
        (b"USER anonymous\r\n", No, No),
        (b"GE", Likely, No),
        (b"GET /long", Likely, No),
        (b"", Likely, Likely),
        (b"GET\0/ HTTP/1.1\r\n", No, No),
        (b"GET \x01\x02", No, No),
        (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", No, No),
        (b"\x16\x03\x01\x02\0\x01", No, No),
        (b" GET / HTTP/1.1\r\n", No, No),
        (b"HTTP/1.1 200 OK\r\n", No, Certain),
        (b"\r\nHTTP/1.0 401\r\n", No, Certain),
        (b"HTTP/2 200\r\n", No, Certain),
        (b"HTTP/1.1\t 200 ok\r\n", No, Certain),
        (b"HTTP/1\0.1 200 ok\r\n", No, Certain),
        (b"HTTP/1.\xc5 200 OK\r\n", No, Certain),
        (b"HTTP/1.1\r 200 ok\r\n", No, No),
        (b"ICY 200 OK\r\n", No, Certain),
        (b"HTTP/1.", No, Likely),
        (b"HTTP/1.1 20", No, Likely),
        (b"H", Likely, Likely),
        (b"HTTP/1.1 2 ok\r\n", No, No),
        (b"HTTP/1.1foobar\r\n", No, No),
        (b"HTTP/ 200\r\n", No, No),
        (b"http/1.1 200 ok\r\n", No, No),
        (b"SIP/2.0 200 ok\r\n", No, No),
        (b"RTSP/1.0 200 OK\r\n", No, No),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!((looks_like_request(bytes), looks_like_response(bytes)), (request, response), "{shown:?}");
    }
}

#[test]
fn a_head_is_read_leniently_and_marked() {
    for (request, expected) in [
        ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a -> 200 {ok}"),
        ("\r\n\r\nGET /a HTTP/1.1\r\n\r\n", "GET /a -> 200 {ok}"),
        ("GET /a HTTP/1.1\nHost: a\n\n", "GET /a -> 200 {ok} [bare-lf]"),
        ("GET /a HTTP/1.1\r\nHost: a\n\r\n", "GET /a -> 200 {ok} [bare-lf]"),
        ("GET /a HTTP/1.1\nHost: a\r\n\n", "GET /a -> 200 {ok} [bare-lf]"),
        ("GET /a b HTTP/9 c HTTP/1.1\r\n\r\n", "GET /a b HTTP/9 c -> 200 {ok} [malformed]"),
        ("GET  /a  HTTP/1.1\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/2\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "GET /a -> 200 {ok} [obs-fold]"),
        ("GET /a HTTP/1.1\r\nA : b\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/1.1\r\nno colon\r\nB: c\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/1.1\r\n A: b\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/1.1\r\nA: b\0c\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a HTTP/1.1\r\nA: b\rAuthorization: c\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET /a\r\n\r\n", "GET /a -> 200 {ok}"),
        ("GET /a\r\nHost: b\r\n\r\n", "GET /a -> 200 {ok} [malformed]"),
        ("GET HTTP/1.1\r\nHost: b\r\n\r\n", "GET HTTP/1.1 -> 200 {ok} [malformed]"),
        ("SUBSCRIBE /a HTTP/1.1\r\n\r\n", "SUBSCRIBE /a -> 200 {ok}"),
        ("BITS_POST /a HTTP/1.1\r\n\r\n", "BITS_POST /a -> 200 {ok}"),
    ] {
        check_request(request.as_bytes(), expected);
    }
    check_request(b"GET /\xe4 HTTP/1.1\r\n\r\n", "GET /\u{fffd} -> 200 {ok} [malformed]");
}

#[test]
fn fields_of_a_malformed_head_are_found() {
    let events = [
        c(
            "GET / HTTP/1.1\r\nA:  b \r\n  c\r\n\td\r\nX-Foo : e\r\nnonsense\r\n f\r\nG: h\r Authorization: Basic x\r: i\r\nE:\r\n\r\n",
        ),
        c("GET /2 HTTP/1.1\r\nB: b\rAuthorization: Basic eA==\r\nC: d\re\r\n\r\n"),
    ];
    let outcome = Setup::default().play(&events, || usize::MAX);
    let fields = |index: usize| -> Vec<String> {
        let head = &outcome.exchanges[index].request.as_ref().unwrap().head;
        head.iter().map(|(n, v)| format!("{}={}", String::from_utf8_lossy(n), String::from_utf8_lossy(v))).collect()
    };
    assert_eq!(fields(0), ["A=b     c  \td", "X-Foo=e", "G=h  Authorization: Basic x : i", "E="]);
    assert_eq!(fields(1), ["B=b", "Authorization=Basic eA==", "C=d e"]);
}

#[test]
fn many_fields_and_long_lines_are_read() {
    for (count, marks) in [(60, ""), (100, ""), (300, ""), (2048, ""), (2100, " [head-cut malformed]")] {
        let fields: String = (0..count).map(|n| format!("A{n}: {n}\r\n")).collect();
        let events = [c(format!("GET / HTTP/1.1\r\n{fields}\r\n")), s(OK)];
        let outcome = Setup::default().play(&events, || 1000);
        assert_eq!(show(&outcome.exchanges[0]), format!("GET / -> 200 {{ok}}{marks}"));
        assert_eq!(outcome.exchanges[0].request.as_ref().unwrap().head.fields().len(), count.min(2048));
    }
    let long = format!("GET /{} HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(100_000), "y".repeat(100_000));
    let outcome = Setup::default().play(&[c(&long), s(OK)], || 1460);
    assert_eq!(outcome.exchanges[0].request.as_ref().unwrap().head.bytes(), long.as_bytes());
}

#[test]
fn a_head_beyond_the_limit_is_cut() {
    let setup = Setup { limits: Limits { head: 100, ..Limits::default() }, ..Setup::default() };
    let events = [c(format!("GET /a HTTP/1.1\r\nA: {}", "x".repeat(200))), c("\r\n\r\n"), c(GET), s(OK), s(OK)];
    let shown = setup.show(&events, || 50);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].starts_with("GET /a"), "{shown:?}");
    assert!(shown[0].ends_with("-> 200 {ok} [body-cut head-cut malformed]"), "{shown:?}");
    assert!(shown[1].starts_with("GET / -> 200 {ok}"), "{shown:?}");
}

#[test]
fn a_head_beyond_the_limit_is_cut_in_whatever_pieces_it_comes() {
    for head in [60, 100, 105, 106, 150] {
        let setup = Setup { limits: Limits { head, ..Limits::default() }, ..Setup::default() };
        let one = format!("GET /a HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(72));
        let other = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nB: {}\r\n\r\nok", "x".repeat(72));
        for events in [[c(&one), s(OK)], [c(GET), s(&other)]] {
            let whole = setup.play(&events, || usize::MAX);
            for message in whole.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten()
            {
                assert!(message.head.bytes().len() <= head, "{head}: {}", message.head.bytes().len());
            }
            let shown = setup.show(&events, || usize::MAX);
            for length in [1, 7, 50, 99, 120] {
                assert_eq!(setup.show(&events, || length), shown, "{head} {length}");
            }
        }
    }
}

#[test]
fn fields_beyond_the_limit_are_cut_however_small_it_is() {
    let setup = Setup { limits: Limits { fields: 4, ..Limits::default() }, ..Setup::default() };
    let head = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    for (count, shown) in [(4, "GET / -> 200 {ok}"), (5, "GET / -> 200 {ok} [head-cut malformed]")] {
        let outcome = setup.play(&[c(head(count)), s(OK)], || 1000);
        assert_eq!(show(&outcome.exchanges[0]), shown);
        assert_eq!(outcome.exchanges[0].request.as_ref().unwrap().head.fields().len(), 4);
    }
}

#[test]
fn a_length_frames_a_content() {
    for (response, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 {abc}"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"),
        ("HTTP/1.1 200\r\nContent-Length: 3, 3\r\n\r\nabc", "200 {abc}"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "200 {abc}"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", "200 {abcde} [ambiguous-length]"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3;\r\n\r\nabc", "200 {abc} [ambiguous-length]"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc", "200 {abc} [ambiguous-length]"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nabc", "200 {abc} [ambiguous-length]"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n 5\r\n\r\nabc", "200 {abc} [ambiguous-length obs-fold]"),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "200 {to the end}"),
        ("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\nto the end", "200 #10"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "204"),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", "204 [ambiguous-length]"),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "304"),
        ("HTTP/1.0 200 K\u{f6}ln\r\nContent-Length: 3\r\n\r\nabc", "200 {abc}"),
        ("ICY 200 OK\r\nicy-name: x\r\nContent-Type: audio/mpeg\r\n\r\nmusic", "200 #5"),
        ("HTTP/2 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 {abc} [malformed]"),
        ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "200 {abc} [malformed]"),
    ] {
        check_response(response.as_bytes(), expected);
    }
}

#[test]
fn chunks_frame_a_content() {
    for (fields, content, expected) in [
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", "200 {abcde}"),
        ("Transfer-Encoding: Chunked", "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", "200 {abc} +2"),
        ("Transfer-Encoding: chunked", "0\r\n\r\n", "200"),
        ("Transfer-Encoding: chunked", "3\nabc\n0\n\n", "200 {abc} [bare-lf]"),
        ("Transfer-Encoding: chunked", "\r\n3\r\nabc\r\n0\r\n\r\n", "200 {abc} [bad-chunk]"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n\r\n0\r\n\r\n", "200 {abc} [bad-chunk]"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\nxyz\r\n\r\n", "200 {abc?} [bad-chunk]"),
        ("Transfer-Encoding: chunked", "not chunked", "200 {not chunked} [bad-chunk]"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n", "200 {abc} [bad-chunk closed-early]"),
        ("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\nfoo", "200 {abc} [malformed bad-chunk closed-early]"),
        ("Transfer-Encoding: chunked", "5\r\nabc", "200 {abc…} [body-cut closed-early]"),
        // Contradictions, each with a content that fits either reading.
        ("Transfer-Encoding: chunked\r\nContent-Length: 9", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [ambiguous-length]"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", "xyz", "200 {xyz} [ambiguous-length bad-chunk]"),
        ("Transfer-Encoding: xchunked", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [ambiguous-length]"),
        ("Transfer-Encoding: xchunked", "plain", "200 {plain} [ambiguous-length bad-chunk]"),
        ("Transfer-Encoding: chunked;", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [ambiguous-length]"),
        ("Transfer-Encoding:\r\n chunked", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [obs-fold]"),
        ("Transfer-Encoding: \r\n \r\n\t chunked\r\n \r\n ", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [obs-fold]"),
        (
            "Transfer-Encoding: foo\r\nTransfer-Encoding: chunked",
            "3\r\nabc\r\n0\r\n\r\n",
            "200 {abc} [ambiguous-length]",
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: foo",
            "3\r\nabc\r\n0\r\n\r\n",
            "200 {abc} [ambiguous-length]",
        ),
        ("Transfer-Encoding : chunked", "3\r\nabc\r\n0\r\n\r\n", "200 {abc} [malformed]"),
        ("Transfer-Encoding: identity\r\nContent-Length: 3", "abc", "200 {abc}"),
        ("Transfer-Encoding: foo\r\nContent-Length: 3", "abc", "200 {abc} [ambiguous-length]"),
        ("Transfer-Encoding: foo", "abc", "200 {abc} [ambiguous-length]"),
    ] {
        check_response(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{content}").as_bytes(), expected);
    }
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    check_response(format!("{old}3\r\nabc\r\n0\r\n\r\n").as_bytes(), "200 {abc} [ambiguous-length]");
    check_response(format!("{old}Add it").as_bytes(), "200 {Add it} [ambiguous-length bad-chunk]");
}

#[test]
fn a_last_chunk_without_empty_line_does_not_swallow_the_next_message() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n";
    check(&[c(GET), s(chunked), c(GET), s(OK)], &["GET / -> 200 {abc} [bad-chunk]", "GET / -> 200 {ok}"]);
    let post = "POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
    check(
        &[c([post, GET].concat()), s([OK, OK].concat())],
        &["POST /1 {a} -> 200 {ok} [bad-chunk]", "GET / -> 200 {ok}"],
    );
}

#[test]
fn requests_have_contents() {
    for (request, expected) in [
        ("POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na=b", "POST / {a=b} -> 200 {ok}"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", "POST / {a=b} -> 200 {ok}"),
        ("POST / HTTP/1.1\r\n\r\n", "POST / -> 200 {ok}"),
        ("POST / HTTP/1.0\r\n\r\na=b", "POST / {a=b} -> 200 {ok}"),
        ("POST / HTTP/1.0\r\n\r\nPOST", "POST / {POST} -> 200 {ok}"),
        ("POST / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "POST / -> 200 {ok}"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n",
            "POST / {a=b} -> 200 {ok} [ambiguous-length]",
        ),
    ] {
        check_request(request.as_bytes(), expected);
    }
}

#[test]
fn a_content_without_length_hides_no_request() {
    check(
        &[c("POST /1 HTTP/1.0\r\n\r\nPOST /2 HTTP/1.0\r\n\r\nx=y"), EndC(End::Fin), s([OK, OK].concat())],
        &["POST /1 -> 200 {ok}", "POST /2 {x=y} -> 200 {ok}"],
    );
}

#[test]
fn responses_follow_the_order_of_requests() {
    let two = "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n";
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    check(&[c(two), s([OK, head, OK].concat())], &["GET /1 -> 200 {ok}", "HEAD /2 -> 200", "GET /3 -> 200 {ok}"]);
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 P\r\n\r\n";
    check(&[c(GET), s([interim, OK].concat())], &["GET / -> 200 {ok}"]);
    let refused = "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
    check(
        &[c([post, "ab"].concat()), s(refused), c(["cd", GET].concat()), s(OK)],
        &["POST / {abcd} -> 413", "GET / -> 200 {ok}"],
    );
    check(&[c(GET), c(GET), s(OK)], &["GET / -> 200 {ok}", "GET / -> - [response-missing]"]);
}

#[test]
fn a_content_that_was_expected_need_not_come() {
    let post = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let (go_on, refused) = ("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    check(&[c(post), s(go_on), c("abcd"), s(OK)], &["POST / {abcd} -> 200 {ok}"]);
    check(&[c(post), s(refused), c(GET), s(OK)], &["POST / -> 401", "GET / -> 200 {ok}"]);
    check(&[c(post), s(refused), c("abcd"), c(GET), s(OK)], &["POST / {abcd} -> 401", "GET / -> 200 {ok}"]);
    check(&[c(post), s(refused), EndC(End::Fin)], &["POST / -> 401"]);
    check(&[c(post), EndC(End::Fin)], &["POST / {…} -> - [response-missing body-cut closed-early]"]);
}

#[test]
fn a_response_waits_for_its_request() {
    let head = ["HEAD / HTTP/1.1\r\n\r\n", "GET /2 HTTP/1.1\r\n\r\n"];
    let responses = ["HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", OK];
    let expected = ["HEAD / -> 200", "GET /2 -> 200 {ok}"];
    check(&[s(responses.concat()), c(head.concat())], &expected);
    check(&[s(responses.concat()), EndS(End::Fin), c(head.concat()), EndC(End::Fin)], &expected);
    check(&[s(OK), EndC(End::Fin)], &["- -> 200 {ok} [request-missing]"]);
    check(&[s(OK)], &["- -> 200 {ok} [request-missing]"]);
    check(&[s(OK), GapC(100), c(GET)], &["- -> 200 {ok} [request-missing]", "GET / -> - [response-missing gap]"]);
    let joined = Setup { from_start: [false; 2], ..Setup::default() };
    joined.check(&[s(OK), c(GET), s(OK)], &["- -> 200 {ok} [request-missing]", "GET / -> 200 {ok}"]);
    let small = Setup { limits: Limits { held: 20, ..Limits::default() }, ..Setup::default() };
    small.check(&[s(OK), c(GET), s(OK)], &["- -> 200 {ok} [request-missing]", "GET / -> 200 {ok}"]);
}

#[test]
fn an_end_cuts_a_message() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    let to_the_end = "HTTP/1.1 200 OK\r\n\r\nabc";
    for (how, by_length, by_close, in_head) in [
        (End::Fin, "{abc…} [body-cut closed-early]", "{abc}", "{…} [body-cut head-cut closed-early]"),
        (End::Reset, "{abc…} [body-cut closed-early]", "{abc} [closed-early]", "{…} [body-cut head-cut closed-early]"),
        (End::Input, "{abc…} [body-cut]", "{abc…} [body-cut]", "{…} [body-cut head-cut]"),
        (End::Abandoned, "{abc…} [body-cut]", "{abc…} [body-cut]", "{…} [body-cut head-cut]"),
    ] {
        check(&[c(GET), s(long), EndS(how)], &[&format!("GET / -> 200 {by_length}")]);
        check(&[c(GET), s(to_the_end), EndS(how)], &[&format!("GET / -> 200 {by_close}")]);
        check(&[c(GET), s("HTTP/1.1 200 OK\r\nContent-Le"), EndS(how)], &[&format!("GET / -> 200 {in_head}")]);
    }
    check(
        &[c("GET /a HTTP/1.1\r\nAuthorization: Basic eA"), EndC(End::Fin), EndS(End::Fin)],
        &["GET /a {…} -> - [response-missing body-cut head-cut closed-early no-answer]"],
    );
    let cut = ["GET /a {…} -> - [response-missing body-cut head-cut]"];
    for line in ["GET /a", "GET /a HT", "GET /a HTTP/1.1", "GET /a HTTP/1.1\r"] {
        check(&[c(line), EndC(End::Input)], &cut);
    }
    for line in ["GE", "GET", "GET ", "GET \u{1}", "FOO /a"] {
        check(&[c(line), EndC(End::Input)], &[]);
    }
    // A reset from elsewhere does not end the stream.
    check(&[EndC(End::Reset), c(GET), s(OK)], &["GET / -> 200 {ok}"]);
}

#[test]
fn http_0_9_is_a_line() {
    check(&[c("GET /a\r\n"), s("<p>"), EndS(End::Fin)], &["GET /a -> - [response-missing]"]);
    check(&[c("GET /a\r\n"), EndC(End::Fin), EndS(End::Fin)], &["GET /a -> - [response-missing no-answer]"]);
    check(&[c("GET /a\r\n"), s(OK), EndS(End::Fin)], &["GET /a -> 200 {ok}"]);
}

#[test]
fn a_gap_in_a_content_is_counted_through() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    check(
        &[c(GET), s(long), GapS(4), s("hi"), s(OK), c(GET)],
        &["GET / -> 200 {abc…} [body-cut gap]", "GET / -> 200 {ok}"],
    );
    check(&[c(GET), s(long), GapS(6), c(GET), s(OK)], &["GET / -> 200 {abc…} [body-cut gap]", "GET / -> 200 {ok}"]);
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc";
    check(
        &[c(GET), s(chunked), GapS(4), s("hi\r\n0\r\n\r\n"), c(GET), s(OK)],
        &["GET / -> 200 {abc…} [body-cut gap]", "GET / -> 200 {ok}"],
    );
    let post = "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n";
    check(&[c(post), GapC(9), s(OK), c(GET), s(OK)], &["POST / {…} -> 200 {ok} [body-cut gap]", "GET / -> 200 {ok}"]);
    check(
        &[c(GET), s("HTTP/1.1 200 OK\r\n\r\nabc"), GapS(3), s("def"), EndS(End::Fin)],
        &["GET / -> 200 {abc…} [body-cut gap]"],
    );
}

#[test]
fn a_gap_elsewhere_is_followed_by_the_next_start_line() {
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc";
    check(
        &[c(GET), s(long), GapS(20), c("GET /2 HTTP/1.1\r\n\r\n"), s("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")],
        &["GET / -> 200 {abc…} [body-cut gap]", "GET /2 -> 404 [gap]"],
    );
    check(
        &[
            c(GET),
            s("HTTP/1.1 200 OK\r\nA: b"),
            GapS(20),
            s("x\r\n\r\ndata\r\nHTTP/1.1 2"),
            s("00 OK\r\n\r\n"),
            EndS(End::Fin),
        ],
        &["GET / -> 200 {…} [body-cut gap head-cut]", "- -> 200 [request-missing gap]"],
    );
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc";
    check(
        &[c(GET), s(chunked), GapS(40), s("rest\r\n0\r\n\r\n"), c("GET /2 HTTP/1.1\r\n\r\n"), s(OK)],
        &["GET / -> 200 {abc…} [body-cut gap]", "GET /2 -> 200 {ok} [gap]"],
    );
    check(
        &[c("GET /1 HTTP/1.1\r\nA: "), GapC(9), c("b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n"), s([OK, OK].concat())],
        // Another request may be in the hole, and the second response its answer.
        &[
            "GET /1 {…} -> 200 {ok} [body-cut gap head-cut]",
            "GET /2 -> - [response-missing gap pair-uncertain]",
            "- -> 200 {ok} [request-missing pair-uncertain]",
        ],
    );
}

#[test]
fn after_a_gap_no_response_is_given_to_the_wrong_request() {
    let answer = |n: u16| s(format!("HTTP/1.1 {n} X\r\nContent-Length: 0\r\n\r\n"));
    let ask = |n: u16| c(format!("GET /{n} HTTP/1.1\r\n\r\n"));
    // The second response is lost.
    check(
        &[ask(201), answer(201), ask(202), GapS(50), ask(203), answer(203), ask(204), answer(204)],
        &["GET /201 -> 201", "GET /202 -> - [response-missing gap]", "GET /203 -> 203 [gap]", "GET /204 -> 204"],
    );
    // The second request is lost.
    check(
        &[ask(201), answer(201), GapC(50), answer(202), ask(203), answer(203)],
        &[
            "GET /201 -> 201",
            "- -> 202 [request-missing]",
            "GET /203 -> - [response-missing gap pair-uncertain]",
            "- -> 203 [request-missing pair-uncertain]",
        ],
    );
    // Pipelined: the order holds.
    check(
        &[ask(201), ask(202), ask(203), answer(201), GapS(0), answer(202), answer(203)],
        &["GET /201 -> 201", "GET /202 -> 202", "GET /203 -> 203"],
    );
}

#[test]
fn bytes_that_are_no_message_are_passed_over_and_counted() {
    let events = [c(GET), s("\0\x01garbage\r\nmore\r\n"), s(OK), c("junk\r\n"), c(GET), s(OK)];
    check(&events, &["GET / -> 200 {ok} [malformed]", "GET / -> 200 {ok} [malformed]"]);
    let outcome = Setup::default().play(&events, || usize::MAX);
    assert_eq!(outcome.notes, [NoteKind::Unread { bytes: 6 }, NoteKind::Unread { bytes: 17 }]);
    let tail = Setup { from_start: [false; 2], ..Setup::default() };
    let events = [c("tail of a content\r\nGET /x HTTP/1.1\r\n\r\n"), s(OK)];
    tail.check(&events, &["GET /x -> 200 {ok} [malformed]"]);
}

#[test]
fn a_connect_becomes_a_tunnel() {
    let connect = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n";
    let established = "HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n";
    for size in [usize::MAX, 1, 5] {
        let events = [c(connect), c("\x16\x03\x01"), s([established, "\x16\x03"].concat()), c("more")];
        let outcome = Setup::default().play(&events, || size);
        assert_eq!(outcome.exchanges.iter().map(show).collect::<Vec<_>>(), ["CONNECT a:443 -> 200 [upgraded]"]);
        let switch = outcome.switch.expect("a tunnel");
        assert!(matches!(&switch.to, SwitchTo::Tunnel { authority } if **authority == *b"a:443"), "{switch:?}");
        assert_eq!((switch.client_rest.as_slice(), switch.client_at), (b"\x16\x03\x01more".as_slice(), Some(frame(2))));
        assert_eq!(switch.server_rest, b"\x16\x03");
        assert!(switch.server_at.is_none_or(|at| at == frame(3)));
    }
    let refused = "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno";
    check(
        &[c([connect, GET].concat()), s([refused, OK].concat())],
        &["CONNECT a:443 -> 407 {no}", "GET / -> 200 {ok}"],
    );
    for lost in [vec![c(connect), c("\x16\x03\x01"), GapS(39)], vec![c(connect), c(vec![0x16; 70_000])]] {
        let outcome = Setup::default().play(&lost, || 1000);
        assert!(matches!(outcome.switch, Some(Switch { to: SwitchTo::Tunnel { .. }, .. })));
        assert!(show(&outcome.exchanges[0]).contains("response-missing"));
    }
}

#[test]
fn an_upgrade_switches_protocols() {
    let upgrade = |to: &str| format!("GET /ws HTTP/1.1\r\nUpgrade: {to}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
    let granted = |to: &str| {
        format!("HTTP/1.1 101 Switching\r\nUpgrade: {to}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    };
    let switch_to = |to: &str, size: usize| {
        let events = [c(upgrade(to)), c("\x01\x00early"), s([&granted(to), "\x01\x02hi"].concat()), c("later")];
        let outcome = Setup::default().play(&events, || size);
        let switch = outcome.switch.expect("a switch");
        // The next protocol goes on with the exchange of a WebSocket and of h2c.
        let exchanges: Vec<_> = outcome.exchanges.iter().chain(switch.exchange.as_deref()).map(show).collect();
        assert_eq!(exchanges, ["GET /ws -> 101 [upgraded]"]);
        assert_eq!(switch.exchange.is_some(), to != "TLS/1.0");
        assert_eq!(
            (switch.client_rest.as_slice(), switch.server_rest.as_slice()),
            (b"\x01\x00earlylater".as_slice(), b"\x01\x02hi".as_slice())
        );
        switch.to
    };
    for size in [usize::MAX, 1, 10] {
        let to = switch_to("WebSocket", size);
        assert!(matches!(&to, SwitchTo::WebSocket { extensions } if **extensions == *b"permessage-deflate"), "{to:?}");
        let to = switch_to("h2c", size);
        let SwitchTo::H2c { settings } = to else { panic!("{to:?}") };
        assert_eq!(settings.as_deref(), Some(b"AAMAAABk".as_slice()));
        assert!(matches!(switch_to("TLS/1.0", size), SwitchTo::Other { .. }));
    }
    check(&[c(upgrade("h2c")), s(OK), c(GET), s(OK)], &["GET /ws -> 200 {ok}", "GET / -> 200 {ok}"]);
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04";
    let outcome = Setup::default().play(&[c(GET), s(OK), c(preface)], || 3);
    let switch = outcome.switch.expect("a switch");
    assert_eq!((outcome.exchanges.len(), switch.client_rest.as_slice()), (1, preface.as_bytes()));
}

#[test]
fn sides_recorded_the_wrong_way_around_are_turned() {
    for from_start in [[true; 2], [false; 2]] {
        let setup = Setup { from_start, ..Setup::default() };
        let events = [s(GET), c(OK), s("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na"), c(OK)];
        setup.check(&events, &["GET / -> 200 {ok}", "POST / {a} -> 200 {ok}"]);
        let outcome = setup.play(&events, || 3);
        assert_eq!(outcome.exchanges[0].client, Some(endpoint(2, 80)));
        assert_eq!(outcome.exchanges[0].server, Some(endpoint(1, 40_000)));
    }
    let joined = Setup { from_start: [false; 2], ..Setup::default() };
    joined.check(&[c(OK), s(GET), c(OK)], &["- -> 200 {ok} [request-missing]", "GET / -> 200 {ok}"]);
}

#[test]
fn more_requests_than_the_limit_are_handed_out_alone() {
    let setup = Setup { limits: Limits { pipeline: 2, ..Limits::default() }, ..Setup::default() };
    let ask = |n: u16| format!("GET /{n} HTTP/1.1\r\n\r\n");
    let answer = |n: u16| format!("HTTP/1.1 {n} X\r\nContent-Length: 0\r\n\r\n");
    let events = [c((201..204).map(ask).collect::<String>()), s((201..204).map(answer).collect::<String>())];
    setup.check(
        &events,
        &["GET /201 -> - [response-missing]", "- -> 201 [request-missing]", "GET /202 -> 202", "GET /203 -> 203"],
    );
    assert!(setup.play(&events, || 9).notes.contains(&NoteKind::Limit { limit: "pipeline" }));
    // What waiting requests keep is bounded too: only the client's side is recorded here.
    let setup = Setup { limits: Limits { decoded_body: 10_000, ..Limits::default() }, ..Setup::default() };
    let post = format!("POST / HTTP/1.1\r\nContent-Length: 900\r\n\r\n{}", "x".repeat(900));
    let events: Vec<_> = (0..100).map(|_| c(&post)).collect();
    let shown = setup.show(&events, || 1000);
    assert!(shown.len() == 100 && shown.iter().all(|line| line.ends_with("[response-missing]")), "{shown:?}");
}

#[test]
fn a_content_of_no_interest_is_only_counted() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 10000000000\r\n\r\n";
    let mut events = vec![c(GET), s(head)];
    events.extend((0..1000).map(|_| s(vec![0; 10_000])));
    events.push(GapS(10_000_000_000 - 10_000_000));
    events.extend([c(GET), s(OK)]);
    let shown = Setup::default().show(&events, || usize::MAX);
    assert_eq!(shown, ["GET / -> 200 #10000000…  [body-cut gap]".replace("  ", " "), "GET / -> 200 {ok}".to_owned()]);
}

#[test]
fn positions_are_those_of_the_frames() {
    let events = [
        c("POST / HTTP/1.1\r\nContent-Le"),
        c("ngth: 4\r\n\r\nab"),
        c("cd"),
        s("HTTP/1.1 200 OK\r\n"),
        s("Content-Length: 1\r\n\r\n"),
        s("x"),
    ];
    let outcome = Setup::default().play(&events, || usize::MAX);
    let places = |message: &Option<Message>| {
        let message = message.as_ref().unwrap();
        [message.first, message.head_end, message.end].map(|at| at.frame().unwrap())
    };
    assert_eq!((places(&outcome.exchanges[0].request), places(&outcome.exchanges[0].response)), ([1, 2, 3], [4, 5, 6]));
    let held = Setup::default().play(&[s(OK), c(GET)], || 4);
    assert_eq!((places(&held.exchanges[0].request), places(&held.exchanges[0].response)), ([2, 2, 2], [1, 1, 1]));
}

#[test]
fn a_message_is_complete_where_the_last_of_its_packets_is() {
    let request = ["POST / HTTP/1.1\r\nHost: a\r\n", "Content-Length", ": 4\r\n\r\n", "ab", "cd"].map(c);
    let close = ["HTTP/1.1 200 OK\r\n", "Server: a\r\n", "\r\n", "ab", "cd"].map(s);
    let chunked = ["HTTP/1.1 200 OK\r\nTransfer-Enc", "oding: chunked\r", "\n\r\n2\r", "\nab\r\n0\r\n", "\r\n"].map(s);
    // The frames of the five pieces, and where the head and the message end.
    for (frames, head_end, end) in [
        ([1, 2, 3, 4, 5], 3, 5),
        ([2, 1, 3, 4, 5], 3, 5),
        ([5, 4, 3, 2, 1], 5, 5),
        ([1, 5, 2, 3, 4], 5, 5),
        ([1, 2, 3, 5, 4], 3, 5),
        ([2, 3, 1, 5, 4], 3, 5),
    ] {
        for (pieces, role) in [(&request, 0), (&close, 1), (&chunked, 1)] {
            let outcome = Setup::default().play_in(frames, pieces, || usize::MAX);
            let exchange = &outcome.exchanges[0];
            let message = [&exchange.request, &exchange.response][role].as_ref().unwrap();
            let places = [message.first, message.head_end, message.end].map(|at| at.frame().unwrap());
            assert_eq!(places, [frames[0], head_end, end], "{frames:?} {pieces:?}");
        }
    }
    // What came before does not count.
    let two = [c(GET), c("GET /b HTTP/1.1\r\n"), c("\r\n")];
    let outcome = Setup::default().play_in([9, 4, 3], &two, || usize::MAX);
    let second = outcome.exchanges[1].request.as_ref().unwrap();
    assert_eq!([second.first, second.head_end, second.end], [4, 4, 4].map(frame));
}

/// A conversation of well-formed and odd messages.
fn conversation() -> impl Strategy<Value = Vec<Event>> {
    let request = prop::sample::select(vec![
        (GET, false),
        ("HEAD /h HTTP/1.1\r\n\r\n", true),
        ("POST /p HTTP/1.1\r\nContent-Length: 5\r\n\r\nab=cd", false),
        ("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n", false),
        ("\r\nPUT /o HTTP/1.1\nA : b\n c\nTransfer-Encoding: xchunked\n\n2\r\nhi\r\n0\r\n\r\n", false),
        ("GET /a b HTTP/1.1\r\nA: b\rC: d\r\n\r\n", false),
    ]);
    let response = prop::sample::select(vec![
        OK,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\nWWW-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6 \r\n world\r\n0\r\n\r\n",
        "HTTP/1.1 204 No\r\n\r\n",
        "HTTP/1.0 200 OK\nContent-Length: 3, 3\nContent-Type: image/gif\n\nGIF",
    ]);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n";
    prop::collection::vec((request, response), 1..6).prop_map(move |pairs| {
        pairs
            .into_iter()
            .flat_map(|((ask, is_head), answer)| [c(ask), s(if is_head { head } else { answer })])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_exchanges(events in conversation(), cuts in prop::collection::vec(1..40_usize, 1..20)) {
        let setup = Setup::default();
        let whole = setup.show(&events, || usize::MAX);
        prop_assert_eq!(whole.len(), events.len() / 2);
        prop_assert!(whole.iter().all(|line| !line.contains("missing")), "{:?}", whole);
        let mut sizes = cuts.iter().copied().cycle();
        prop_assert_eq!(&setup.show(&events, || sizes.next().unwrap_or(1)), &whole);
        prop_assert_eq!(&setup.show(&events, || 1), &whole);
        // The order between the sides does not matter either: all of the server's packets first, or last.
        let (clients, servers): (Vec<_>, Vec<_>) = events.iter().cloned().partition(|event| matches!(event, C(_)));
        prop_assert_eq!(&setup.show(&[servers.clone(), clients.clone()].concat(), || 5), &whole);
        prop_assert_eq!(&setup.show(&[clients, servers].concat(), || 5), &whole);
    }

    #[test]
    fn damage_never_panics_and_marks_what_is_missing(
        events in conversation(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..8),
        extra in prop::collection::vec((any::<prop::sample::Index>(), 0..6_u8, any::<Vec<u8>>()), 0..6),
        size in 1..50_usize,
    ) {
        let mut events = events;
        for (event, byte, value) in flips {
            let index = event.index(events.len());
            if let C(bytes) | S(bytes) = &mut events[index] {
                let at = byte.index(bytes.len());
                bytes[at] = value;
            }
        }
        for (at, kind, bytes) in extra {
            let event = match kind {
                0 => GapC(bytes.len() as u64 * 3),
                1 => GapS(bytes.len() as u64 * 3),
                2 => EndC(End::Fin),
                3 => EndS(End::Reset),
                4 => C(bytes),
                _ => S(bytes),
            };
            let at = at.index(events.len() + 1);
            events.insert(at, event);
        }
        let outcome = Setup::default().play(&events, || size);
        for exchange in &outcome.exchanges {
            prop_assert!(exchange.request.is_some() || exchange.response.is_some());
            prop_assert_eq!(exchange.request.is_none(), exchange.marks.has(Mark::RequestMissing));
            prop_assert_eq!(exchange.response.is_none(), exchange.marks.has(Mark::ResponseMissing));
        }
    }
}
