//! The reader of a connection, fed with frames.

use std::net::{IpAddr, Ipv4Addr};

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::coding::barren::FORM;
use crate::{
    context::{BodyPolicy, Context, Sink},
    evidence::{At, ConnectionId, Endpoint},
    exchange::{Exchange, Mark},
    flow::{Connection, Side},
    limits::Limits,
    note::Note,
    secrets::keylog::Keys,
};

#[derive(Default)]
struct Recorder(Vec<Exchange>);

impl Sink for Recorder {
    fn exchange(&mut self, exchange: Exchange) {
        self.0.push(exchange);
    }
    fn note(&mut self, _: Note) {}
}

fn at(number: u64) -> At {
    At::Frame { number, time: None }
}

fn connection() -> Connection {
    let end = |port| Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    Connection {
        roles_known: true,
        from_start: [true; 2],
        ..Connection::new(ConnectionId(1), end(5000), end(443), at(1))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Literals without indexing.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            out.push(u8::try_from(text.len()).unwrap());
            out.extend(text.as_bytes());
        }
    }
    out
}

fn request(path: &str) -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "mail.contoso.com"),
        (":path", path),
        ("authorization", "Bearer x"),
    ])
}

type Piece = (Side, Vec<u8>);

fn run(joined: bool, pieces: &[Piece]) -> Vec<String> {
    run_within(&Limits::default(), joined, pieces)
}

fn run_within(limits: &Limits, joined: bool, pieces: &[Piece]) -> Vec<String> {
    let (mut recorder, keys, mut connection) = (Recorder::default(), Keys::default(), connection());
    let mut cx = Context {
        connection: &mut connection,
        tls: None,
        keys: &keys,
        limits,
        bodies: BodyPolicy::Tokens,
        barren: &crate::coding::barren::Barren::new(crate::token::extract::may_tell),
        sink: &mut recorder,
    };
    let mut h2 = if joined { Http2::joined(&cx) } else { Http2::new(&cx) };
    for (number, (side, bytes)) in pieces.iter().enumerate() {
        if bytes.starts_with(b"GAP") {
            h2.gap(*side, bytes[3..].len() as u64, &mut cx);
        } else {
            h2.data(*side, bytes, at(number as u64 + 1), &mut cx);
        }
        // What it is summed up to as streams change is what they weigh.
        assert_eq!(h2.weight(), h2.weighed_anew());
        // The tables and what is being gathered come on top of the streams.
        assert!(h2.weight() <= limits.connections_total.saturating_add(64 << 10));
    }
    h2.close(&mut cx);
    recorder.0.iter().map(shown).collect()
}

fn shown(exchange: &Exchange) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let body = |kept: &Option<Box<[u8]>>| kept.as_ref().map_or(String::new(), |kept| text(kept));
    let request = exchange.request.as_ref().map_or("-".to_owned(), |m| {
        format!(
            "{} {} {:?} {}",
            text(m.head.method()),
            text(m.head.target()),
            m.head.text("authorization"),
            body(&m.body.kept)
        )
    });
    let response = exchange.response.as_ref().map_or("-".to_owned(), |m| {
        format!("{} {} {}", m.head.status().unwrap(), body(&m.body.kept), m.trailers.as_ref().map_or("", |_| "T"))
    });
    let marks: Vec<_> = exchange.marks.iter().map(Mark::as_str).collect();
    format!("{} | {request} | {response} | {}", exchange.stream.unwrap(), marks.join(","))
}

/// Two interleaved exchanges with every kind of frame in between.
fn conversation() -> Vec<Piece> {
    let (c, s) = (Side::Client, Side::Server);
    let block = request("/b");
    let answer = fields(&[(":status", "200"), ("content-type", "text/xml")]);
    vec![
        (c, [PREFACE, &frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])].concat()),
        (s, [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat()),
        (c, frame(1, 0x24, 1, &[&[0, 0, 0, 0, 15], &request("/a")[..]].concat())),
        (c, [frame(1, 1, 3, &block[..20]), frame(9, 0, 3, &block[20..40]), frame(9, 4, 3, &block[40..])].concat()),
        (c, frame(0, 8, 1, &[3, b'b', b'o', 0, 0, 0])),
        (s, frame(1, 4, 3, &fields(&[(":status", "103"), ("link", "x")]))),
        (s, frame(1, 4, 3, &answer)),
        (c, [frame(8, 0, 0, &[0, 0, 1, 0]), frame(0, 1, 1, b"dy")].concat()),
        (s, [frame(0, 0, 3, b"he"), frame(6, 0, 0, &[0; 8]), frame(1, 4, 1, &answer), frame(0, 1, 3, b"llo")].concat()),
        (
            s,
            [
                frame(0, 0, 1, b"first"),
                frame(0xbe, 0xff, 9, b"unknown type"),
                frame(1, 5, 1, &fields(&[("grpc-status", "0")])),
            ]
            .concat(),
        ),
    ]
}

#[test]
fn a_conversation() {
    assert_eq!(
        run(false, &conversation()),
        ["3 | POST /b Some(\"Bearer x\")  | 200 hello  | ", "1 | POST /a Some(\"Bearer x\") body | 200 first T | ",]
    );
}

#[test]
fn endings() {
    let (c, s) = (Side::Client, Side::Server);
    let hello = || vec![(c, PREFACE.to_vec()), (s, frame(4, 0, 0, &[]))];
    let with = |more: Vec<Piece>| run(false, &[hello(), more].concat());
    let get = frame(1, 5, 1, &request("/a"));
    let ok = frame(1, 5, 1, &fields(&[(":status", "204")]));
    assert_eq!(with(vec![(c, get.clone())]), ["1 | POST /a Some(\"Bearer x\")  | - | response-missing"]);
    assert_eq!(
        with(vec![(c, get.clone()), (s, frame(3, 0, 1, &[0; 4]))]),
        ["1 | POST /a Some(\"Bearer x\")  | - | response-missing,stream-reset,no-answer"]
    );
    assert_eq!(with(vec![(s, ok.clone())]), ["1 | - | 204   | request-missing"]);
    // The server answers before the request is whole, then asks for no more of it.
    let open = frame(1, 4, 1, &request("/a"));
    assert_eq!(
        with(vec![(c, open), (s, ok), (s, frame(3, 0, 1, &[0; 4]))]),
        ["1 | POST /a Some(\"Bearer x\")  | 204   | closed-early"]
    );
    // A promised exchange.
    let promise = frame(5, 4, 1, &[&2_u32.to_be_bytes()[..], &request("/pushed")].concat());
    let pushed = frame(1, 5, 2, &fields(&[(":status", "200")]));
    assert_eq!(
        with(vec![(c, get), (s, [promise, pushed].concat())]),
        [
            "2 | POST /pushed Some(\"Bearer x\")  | 200   | pushed",
            "1 | POST /a Some(\"Bearer x\")  | - | response-missing"
        ]
    );
}

#[test]
fn losses() {
    let (c, s) = (Side::Client, Side::Server);
    let start = vec![(c, [PREFACE, &frame(1, 5, 1, &request("/a"))].concat()), (s, frame(4, 0, 0, &[]))];
    let head = frame(1, 4, 1, &fields(&[(":status", "200"), ("content-type", "text/xml")]));
    // A hole inside one DATA frame: what follows is in its place.
    let cut = vec![
        (s, [&head[..], &frame(0, 1, 1, b"0123456789")[..12]].concat()),
        (s, b"GAP1234".to_vec()),
        (s, b"789".to_vec()),
    ];
    assert_eq!(
        run(false, &[start.clone(), cut].concat()),
        ["1 | POST /a Some(\"Bearer x\")  | 200 012  | body-cut,gap"]
    );
    // A hole that swallows the response's head: the next exchange is read again.
    let lost = vec![
        (s, b"GAP1234567".to_vec()),
        (s, b"rest of a frame".to_vec()),
        (c, frame(1, 5, 3, &request("/b"))),
        (s, [frame(8, 0, 0, &[0, 0, 1, 0]), frame(1, 5, 3, &fields(&[(":status", "401")]))].concat()),
    ];
    assert_eq!(
        run(false, &[start.clone(), lost].concat()),
        ["3 | POST /b Some(\"Bearer x\")  | 401   | ", "1 | POST /a Some(\"Bearer x\")  | - | response-missing,gap"]
    );
    // A hole that ends where the DATA frame ends: its END_STREAM is known from its header.
    let tail = vec![
        (s, [&head[..], &frame(0, 1, 1, b"0123456789")[..12]].concat()),
        (s, b"GAP3456789".to_vec()),
        (c, frame(1, 5, 3, &request("/b"))),
    ];
    assert_eq!(
        run(false, &[start, tail].concat()),
        [
            "1 | POST /a Some(\"Bearer x\")  | 200 012  | body-cut,gap",
            "3 | POST /b Some(\"Bearer x\")  | - | response-missing"
        ]
    );
    // A hole of one frame without a payload (settings acknowledged): the table still knows what came before.
    let indexed = [&[0x83, 0x84, 0x86, 0x40, 1, b'x', 1, b'1'][..], &[0xbe]].concat();
    let acknowledged = vec![
        (c, [PREFACE, &frame(1, 5, 1, &indexed)].concat()),
        (c, b"GAP123456789".to_vec()),
        (c, frame(1, 5, 3, &[0x83, 0x84, 0x86, 0xbe])),
    ];
    assert_eq!(
        run(false, &acknowledged),
        ["1 | POST / None  | - | response-missing", "3 | POST / None  | - | response-missing"]
    );
    // Joined late: an index that was never recorded.
    let block = [&[0x83, 0xc8][..], &fields(&[("authorization", "Bearer x")])].concat();
    let joined = vec![(c, [frame(8, 0, 0, &[0, 0, 1, 0]), frame(1, 5, 9, &block)].concat())];
    assert_eq!(run(true, &joined), ["9 | POST  Some(\"Bearer x\")  | - | response-missing,header-unknown"]);
}

/// What is compared with a content known to hold nothing, as it comes, is what it is: that one, or another.
#[test]
fn contents_that_begin_like_one_known_to_hold_nothing() {
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let dull = "<nothing to see here ".repeat(20);
    let other = format!("{}somewhere else", &dull[..300]);
    let known = gzip(&dull);
    let contents = [&known, &known, &gzip(&other), &known[..200].to_vec(), &known];
    let head = fields(&[(":status", "200"), ("content-encoding", "gzip")]);
    for size in [1, 63, 64, 100, 1000] {
        let mut pieces = vec![(Side::Client, PREFACE.to_vec())];
        for (id, content) in (0_u32..).map(|i| 2 * i + 1).zip(contents) {
            pieces.push((Side::Client, frame(1, 5, id, &request("/a"))));
            pieces.push((Side::Server, frame(1, 4, id, &head)));
            pieces.extend(content.chunks(size).map(|piece| (Side::Server, frame(0, 0, id, piece))));
            pieces.push((Side::Server, frame(0, 1, id, b"")));
        }
        let expected =
            [(&dull[..], ""), (&dull[..FORM], ""), (&other, ""), (&dull[..185], "coding-unknown"), (&dull[..FORM], "")];
        let expected = (0..)
            .zip(expected)
            .map(|(i, (text, marks))| format!("{} | POST /a Some(\"Bearer x\")  | 200 {text}  | {marks}", 2 * i + 1));
        assert_eq!(run(false, &pieces), expected.collect::<Vec<_>>(), "{size}");
    }
}

#[test]
fn a_thousand_streams_at_once() {
    let mut pieces = vec![(Side::Client, PREFACE.to_vec())];
    let ids = || (0..1000_u32).map(|i| 2 * i + 1);
    pieces.extend(ids().map(|id| (Side::Client, frame(1, 5, id, &request("/a")))));
    pieces.extend(ids().rev().map(|id| (Side::Server, frame(1, 5, id, &fields(&[(":status", "200")])))));
    let found = run(false, &pieces);
    assert_eq!(found.len(), 1000);
    assert!(found.iter().all(|line| line.ends_with("200   | ")));
}

/// One large entry of the table that a thousand requests refer to, and contents of streams that stay open.
#[test]
fn open_streams_take_no_more_than_all_connections_may() {
    let limits = Limits { connections_total: 100 << 10, ..Limits::default() };
    let large = [&[0x40, 1, b'a', 0x7f, 0xa1, 0x1e][..], &[b'b'; 4000]].concat();
    let mut pieces = vec![(Side::Client, PREFACE.to_vec())];
    let first = [b"\x82\x86\x84\x41\x01a", &large[..]].concat();
    pieces.push((Side::Client, frame(1, 5, 1, &first)));
    let refer = [&b"\x82\x86\x84"[..], &[0xbe; 10]].concat();
    pieces.extend((1..=1000_u32).map(|i| (Side::Client, frame(1, 5, 2 * i + 1, &refer))));
    let found = run_within(&limits, false, &pieces);
    assert_eq!(found.len(), 1001, "each is given, the oldest before their responses could come");

    let mut pieces = vec![(Side::Client, PREFACE.to_vec())];
    for id in (1..100_u32).step_by(2) {
        pieces.push((Side::Client, frame(1, 4, id, &request("/a"))));
        pieces.push((Side::Client, frame(0, 0, id, &[b'{'; 10_000])));
    }
    assert_eq!(run_within(&limits, false, &pieces).len(), 50);
}

proptest! {
    /// Any cut of the two directions gives the same exchanges.
    #[test]
    fn any_split_gives_the_same(cuts in proptest::collection::vec(1_usize..40, 1..60)) {
        let mut cuts = cuts.iter().cycle();
        let mut pieces = Vec::new();
        for (side, bytes) in conversation() {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (piece, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                pieces.push((side, piece.to_vec()));
                rest = tail;
            }
        }
        prop_assert_eq!(run(false, &pieces), run(false, &conversation()));
    }

    #[test]
    fn any_bytes_end(pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)), 0..20), joined: bool) {
        let pieces: Vec<Piece> = pieces.into_iter().map(|(client, bytes)| (if client { Side::Client } else { Side::Server }, bytes)).collect();
        run(joined, &pieces);
    }

    /// A conversation with one octet changed.
    #[test]
    fn any_change_ends(piece in 0_usize..10, place in 0_usize..60, value: u8) {
        let mut pieces = conversation();
        if let Some(byte) = pieces[piece].1.get_mut(place) {
            *byte = value;
        }
        run(false, &pieces);
    }
}

#[test]
fn a_message_is_complete_where_the_last_of_its_frames_is() {
    let pieces = [
        (Side::Client, PREFACE.to_vec()),
        (Side::Client, frame(1, 0, 1, &request("/"))),
        (Side::Client, frame(9, 4, 1, &fields(&[("a", "b")]))),
        (Side::Client, frame(0, 1, 1, b"ab")),
        (Side::Server, frame(1, 4, 1, &fields(&[(":status", "200")]))),
        (Side::Server, frame(0, 0, 1, b"ab")),
        (Side::Server, frame(0, 1, 1, b"cd")),
    ];
    let limits = Limits::default();
    for (numbers, asked, answered) in [
        ([1, 2, 3, 4, 5, 6, 7], [2, 3, 4], [5, 5, 7]),
        ([1, 4, 3, 2, 7, 6, 5], [4, 4, 4], [7, 7, 7]),
        ([9, 2, 4, 3, 5, 7, 6], [2, 4, 4], [5, 5, 7]),
        ([7, 6, 5, 4, 1, 2, 3], [6, 6, 6], [1, 1, 3]),
    ] {
        let (mut recorder, keys, mut connection) = (Recorder::default(), Keys::default(), connection());
        let mut cx = Context {
            connection: &mut connection,
            tls: None,
            keys: &keys,
            limits: &limits,
            bodies: BodyPolicy::Tokens,
            barren: &crate::coding::barren::Barren::new(crate::token::extract::may_tell),
            sink: &mut recorder,
        };
        let mut h2 = Http2::new(&cx);
        for (number, (side, bytes)) in numbers.into_iter().zip(&pieces) {
            h2.data(*side, bytes, at(number), &mut cx);
        }
        h2.close(&mut cx);
        let exchange = &recorder.0[0];
        for (message, expected) in [(&exchange.request, asked), (&exchange.response, answered)] {
            let message = message.as_ref().unwrap();
            assert_eq!([message.first, message.head_end, message.end], expected.map(at), "{numbers:?}");
        }
    }
}
