//! The reader of a connection, fed with frames.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::Http3;
use crate::{
    coding::barren::Barren,
    context::{BodyPolicy, Context, Sink},
    evidence::{At, ConnectionId, Endpoint},
    exchange::{Exchange, Mark, message::Head},
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

const fn at(number: u64) -> At {
    At::Frame { number, time: None }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len() / 2).map(|i| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Data(u64, Side, Vec<u8>),
    End(u64, Side),
    Gap(u64, Side, u64),
    Reset(u64, Side),
    Stop(u64, Side),
    Stall(u64, Side, bool),
}

use Side::{Client, Server};
use Step::{Data, End, Gap, Reset, Stall, Stop};

/// What came of these steps, each in a packet of its own.
fn read_with(steps: &[Step], server_over: bool, limits: &Limits) -> (Vec<Exchange>, u64) {
    let end = |port| Endpoint { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port };
    let mut connection = Connection {
        roles_known: true,
        from_start: [true; 2],
        ..Connection::new(ConnectionId(1), end(5000), end(443), at(1))
    };
    let (mut sink, keys, barren) = (Recorder::default(), Keys::default(), Barren::new(crate::token::extract::may_tell));
    let mut cx = Context {
        connection: &mut connection,
        tls: None,
        keys: &keys,
        limits,
        bodies: BodyPolicy::Tokens,
        barren: &barren,
        sink: &mut sink,
    };
    let mut http = Http3::new(&cx);
    for (number, step) in (1..).zip(steps) {
        let at = at(number);
        match step {
            Data(id, side, bytes) => http.data(*id, *side, bytes, at, &mut cx),
            End(id, side) => http.end(*id, *side, at, &mut cx),
            Gap(id, side, bytes) => http.gap(*id, *side, *bytes, at, &mut cx),
            Reset(id, side) => http.reset(*id, *side, at, &mut cx),
            Stop(id, side) => http.stop(*id, *side),
            Stall(id, side, stalled) => http.stall(*id, *side, *stalled, at, &mut cx),
        }
    }
    http.close(server_over, &mut cx);
    assert_eq!(http.oldest_open(), None);
    (sink.0, http.unread())
}

fn read(steps: &[Step]) -> Vec<Exchange> {
    read_with(steps, false, &Limits::default()).0
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = 0x4000 | u16::try_from(payload.len()).unwrap();
    [&[kind][..], &length.to_be_bytes(), payload].concat()
}

/// A section of literals.
fn literals(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut section = vec![0, 0];
    for (name, value) in fields {
        let mut text = |text: &str, first: u8, bits: u32| {
            let most = (1 << bits) - 1;
            match u8::try_from(text.len()) {
                Ok(length) if length < most => section.push(first | length),
                _ => {
                    section.push(first | most);
                    let rest = text.len() - usize::from(most);
                    section.extend([rest as u8 & 0x7f | 0x80, (rest >> 7) as u8]);
                }
            }
            section.extend(text.as_bytes());
        };
        text(name, 0x20, 3);
        text(value, 0, 7);
    }
    section
}

fn request(path: &str) -> Vec<u8> {
    frame(1, &literals(&[(":method", "POST"), (":authority", "mail.contoso.com"), (":path", path)]))
}

fn answer(status: &str) -> Vec<u8> {
    frame(1, &literals(&[(":status", status), ("www-authenticate", "Bearer")]))
}

fn shown(head: &Head) -> String {
    let mut out = format!(
        "{} {} {}",
        String::from_utf8_lossy(head.method()),
        String::from_utf8_lossy(head.target()),
        head.status().unwrap_or_default()
    );
    for (name, value) in head.iter() {
        out += &format!("|{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    }
    out
}

fn requests(exchanges: &[Exchange]) -> Vec<String> {
    exchanges
        .iter()
        .map(|exchange| exchange.request.as_ref().map_or(String::new(), |request| shown(&request.head)))
        .collect()
}

/// Settings of the server with a table of so many bytes.
fn settings(capacity: u8) -> Step {
    Data(3, Server, [&[0, 4, 3, 1, 0x40][..], &[capacity]].concat())
}

/// RFC 9204 appendix B, with a table of 220 bytes: 13 entries of 32 bytes and 7 that are no entry.
fn appendix_b() -> Vec<Step> {
    let headers = |text: &str| [&[1, hex(text).len() as u8][..], &hex(text)].concat();
    vec![
        settings(220),
        Data(0, Client, headers("0000 510b 2f69 6e64 6578 2e68 746d 6c")),
        Data(2, Client, hex("02 3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d c10c 2f73 616d 706c 652f 7061 7468")),
        Data(4, Client, headers("0381 10 11")),
        Data(2, Client, hex("4a63 7573 746f 6d2d 6b65 790c 6375 7374 6f6d 2d76 616c 7565")),
        Data(2, Client, hex("02")),
        Data(8, Client, headers("0500 80 c1 81")),
        Data(2, Client, hex("810d 6375 7374 6f6d 2d76 616c 7565 32")),
    ]
}

#[test]
fn examples_of_rfc_9204() {
    let mut steps = appendix_b();
    let expected = [" /index.html 0", " /sample/path 0", " / 0|custom-key=custom-value"];
    let exchanges = read(&steps);
    assert_eq!(requests(&exchanges), expected);
    let authority = |exchange: &Exchange| exchange.authority().unwrap_or_default().into_owned();
    assert_eq!(exchanges.iter().map(authority).collect::<Vec<_>>(), ["", "www.example.com", "www.example.com"]);
    assert!(exchanges.iter().all(|exchange| !exchange.marks.has(Mark::Malformed)));
    // Whatever way the sections and the instructions were recorded in: those that came early wait, and those that are late
    // find what was evicted.
    for order in
        [[1, 3, 6, 0, 2, 4, 5, 7], [0, 2, 4, 5, 7, 6, 3, 1], [6, 3, 1, 2, 4, 0, 5, 7], [2, 4, 5, 7, 0, 1, 3, 6]]
    {
        steps = order.map(|index: usize| appendix_b()[index].clone()).to_vec();
        assert_eq!(requests(&read(&steps)), expected, "{order:?}");
    }
    // One byte at a time.
    let mut pieces = Vec::new();
    for step in appendix_b() {
        let Data(id, side, bytes) = step else { panic!() };
        pieces.extend(bytes.into_iter().map(|byte| Data(id, side, vec![byte])));
    }
    assert_eq!(requests(&read(&pieces)), expected);
}

/// Without settings (the keys of one side only): what can have one meaning only is read.
#[test]
fn what_the_settings_would_tell_is_told_by_the_encoder() {
    let steps: Vec<Step> = appendix_b().into_iter().skip(1).collect();
    assert_eq!(requests(&read(&steps))[..2], [" /index.html 0", " /sample/path 0"]);
    let last = &read(&steps)[2];
    assert!(
        last.marks.has(Mark::HeaderUnknown) || shown(&last.request.as_ref().unwrap().head).contains("custom-value")
    );
}

#[test]
fn lost_instructions_make_unknown_what_refers_to_them() {
    for lost in [2, 4, 5] {
        let mut steps = appendix_b();
        let Data(id, side, bytes) = steps[lost].clone() else { panic!() };
        steps[lost] = Gap(id, side, bytes.len() as u64);
        let exchanges = read(&steps);
        let last = &exchanges[2];
        assert!(last.marks.has(Mark::HeaderUnknown), "{lost}");
        assert!(!shown(&last.request.as_ref().unwrap().head).contains("www"));
        assert_eq!(exchanges[1].marks.has(Mark::HeaderUnknown), lost == 2);
        assert!(!exchanges[0].marks.has(Mark::HeaderUnknown));
    }
    // While instructions are waited for nothing is read by a number that may be another.
    let mut steps = appendix_b();
    steps.insert(3, Stall(2, Client, true));
    steps.push(Stall(2, Client, false));
    assert_eq!(requests(&read(&steps)), requests(&read(&appendix_b())));
    steps.pop();
    assert!(read(&steps)[1].marks.has(Mark::HeaderUnknown));
}

/// The number of entries needed is sent modulo twice the most there can be: here 2 * 6.
#[test]
fn required_counts_wrap() {
    let mut steps = vec![settings(220), Data(2, Client, vec![2])];
    for number in 0..40_u64 {
        // An insert with the name of `:path`, and a section that needs it and no later one.
        steps.push(Data(2, Client, [&[0xc1, 3][..], format!("/{number:02}").as_bytes()].concat()));
        let encoded = (number + 1) % 12 + 1;
        steps.push(Data(4 * number, Client, vec![1, 3, encoded as u8, 0, 0x80]));
    }
    let exchanges = read(&steps);
    let expected: Vec<String> = (0..40).map(|number| format!(" /{number:02} 0")).collect();
    assert_eq!(requests(&exchanges), expected);
    // Numbers no encoder can send.
    for section in ["0d 00 80", "0c 00 80", "ff", "02 82 80", ""] {
        let section = hex(section);
        let steps = [
            settings(220),
            Data(0, Client, [&[1, section.len() as u8][..], &section].concat()),
            Data(0, Client, vec![0, 0]),
        ];
        let exchanges = read(&steps);
        let marks = exchanges[0].marks;
        assert!(marks.has(Mark::Malformed) || marks.has(Mark::HeaderUnknown), "{section:02x?}");
    }
}

/// Instructions that come at once tell of a section that came before them what they would tell one by one.
#[test]
fn what_comes_at_once_tells_no_less() {
    let section = Data(0, Client, vec![1, 3, 2, 0, 0x80]);
    let mut instructions = hex("02 3f21 c00f 7777 772e 6578 616d 706c 652e 636f 6d");
    instructions.extend([2; 40]);
    let at_once = vec![section.clone(), Data(2, Client, instructions.clone())];
    let one_by_one: Vec<Step> =
        [section].into_iter().chain(instructions.into_iter().map(|byte| Data(2, Client, vec![byte]))).collect();
    for steps in [at_once, one_by_one] {
        let exchanges = read(&steps);
        assert!(!exchanges[0].marks.has(Mark::HeaderUnknown));
        assert_eq!(exchanges[0].authority().as_deref(), Some("www.example.com"));
    }
}

fn exchange_steps() -> Vec<Step> {
    vec![
        Data(0, Client, request("/ews")),
        Data(0, Client, frame(0, b"<soap")),
        Data(0, Client, frame(0x21, b"grease")),
        Data(0, Client, frame(0, b"/>")),
        End(0, Client),
        Data(0, Server, answer("103")),
        Data(0, Server, answer("401")),
        Data(0, Server, frame(0, b"no")),
        Data(0, Server, frame(1, &literals(&[("grpc-status", "16")]))),
        End(0, Server),
    ]
}

#[test]
fn an_exchange_with_interim_response_and_trailers() {
    let exchanges = read(&exchange_steps());
    let [exchange] = exchanges.as_slice() else { panic!("{exchanges:?}") };
    let (request, response) = (exchange.request.as_ref().unwrap(), exchange.response.as_ref().unwrap());
    assert_eq!(shown(&request.head), "POST /ews 0");
    assert_eq!(shown(&response.head), "  401|www-authenticate=Bearer");
    assert_eq!((request.body.transferred, response.body.transferred), (7, 2));
    assert_eq!(response.trailers.as_ref().unwrap().iter().count(), 1);
    assert_eq!((request.head_end, response.head_end), (at(1), at(7)));
    assert!(!exchange.marks.any());
    assert_eq!((exchange.stream, exchange.protocol.as_str()), (Some(0), "h3"));
}

/// Each part of an exchange lost in turn: nothing is whole that is not.
#[test]
fn holes_are_marked() {
    for lost in [0, 1, 2, 3, 5, 6, 7, 8] {
        let mut steps = exchange_steps();
        let Data(id, side, bytes) = steps[lost].clone() else { panic!() };
        steps[lost] = Gap(id, side, bytes.len() as u64);
        let exchanges = read(&steps);
        assert_eq!(exchanges.len(), 1);
        assert!(exchanges[0].marks.has(Mark::Gap), "{lost}");
        assert!(exchanges[0].status() != Some(401) || lost != 6);
    }
    // A hole inside content: what follows is read.
    let content = frame(0, &[b'x'; 100]);
    let steps = [
        Data(0, Client, [request("/a"), content[..50].to_vec()].concat()),
        Gap(0, Client, 53),
        Data(0, Client, frame(1, &literals(&[("t", "1")]))),
        End(0, Client),
        Data(0, Server, answer("200")),
        End(0, Server),
    ];
    let exchanges = read(&steps);
    assert!(exchanges[0].marks.has(Mark::Gap) && exchanges[0].request.as_ref().unwrap().trailers.is_some());
    assert_eq!(exchanges[0].status(), Some(200));
}

#[test]
fn resets_and_refusals() {
    let with = |steps: &[Step], server_over| {
        let all = [&[Data(0, Client, request("/a")), End(0, Client)][..], steps].concat();
        let exchanges = read_with(&all, server_over, &Limits::default()).0;
        (exchanges[0].marks.has(Mark::NoAnswer), exchanges[0].marks.has(Mark::StreamReset), exchanges[0].status())
    };
    assert_eq!(with(&[Reset(0, Server)], false), (true, true, None));
    assert_eq!(with(&[], false), (false, false, None));
    assert_eq!(with(&[], true), (true, false, None));
    assert_eq!(with(&[Gap(0, Server, 9), Reset(0, Server)], true), (false, true, None));
    let goaway = |id| Data(3, Server, [&[0, 4, 0][..], &[7, 1, id]].concat());
    assert_eq!(with(&[goaway(0)], false), (true, false, None));
    assert_eq!(with(&[goaway(4)], false), (false, false, None));
    // The server answers before the content has come, and wants no more of it.
    let early = [
        Data(0, Client, request("/a")),
        Data(0, Server, answer("401")),
        End(0, Server),
        Stop(0, Server),
        Reset(0, Client),
    ];
    let exchanges = read(&early);
    assert_eq!((exchanges.len(), exchanges[0].marks.has(Mark::StreamReset)), (1, false));
}

#[test]
fn what_is_no_frame_is_counted() {
    let steps = [Data(0, Client, [&[0x40, 0x41, 0][..], &[9; 50]].concat())];
    assert_eq!(read_with(&steps, false, &Limits::default()).1, 50);
    let steps =
        [Data(2, Client, [&[0x40, 0x54, 0][..], &[9; 50]].concat()), Data(6, Client, [&[0x21][..], &[9; 50]].concat())];
    assert_eq!(read_with(&steps, false, &Limits::default()).1, 51);
    // A server opens no streams of requests.
    assert_eq!(read_with(&[Data(1, Client, vec![0; 40])], false, &Limits::default()).1, 40);
}

#[test]
fn bounds() {
    let limits = Limits { h3_streams: 2, head: 64, out_of_order: 100, ..Limits::default() };
    let steps: Vec<Step> = (0..5).map(|number| Data(4 * number, Client, request("/a"))).collect();
    assert_eq!(read_with(&steps, false, &limits).0.len(), 5);
    // A section beyond the limit, and content behind one that waits for ever.
    let long = frame(1, &literals(&[(":path", &"x".repeat(100))]));
    assert!(read_with(&[Data(0, Client, long)], false, &limits).1 >= 100);
    let blocked = Data(0, Client, vec![1, 3, 5, 0, 0x80]);
    let steps = [settings(220), blocked, Data(0, Client, frame(0, &[b'x'; 200])), End(0, Client)];
    let exchanges = read_with(&steps, false, &limits).0;
    assert!(exchanges[0].marks.has(Mark::HeaderUnknown));
    assert_eq!(exchanges[0].request.as_ref().map_or(0, |request| request.body.transferred), 200);
}

/// The same on another stream.
fn elsewhere(step: Step) -> Step {
    match step {
        Data(id, side, bytes) => Data(id + 400, side, bytes),
        End(id, side) => End(id + 400, side),
        other => other,
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let side = prop_oneof![Just(Client), Just(Server)];
    let id = prop_oneof![0..12_u64, Just(2), Just(3)];
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        Just(request("/x")),
        Just(answer("200")),
        Just(frame(0, b"content")),
        Just(vec![1, 4, 3, 0, 0x80, 0xc1]),
        Just(hex("02 3fbd01 c00f 7777 772e 6578 616d 706c 652e 636f 6d")),
        Just(hex("00 04 03 01 40 dc")),
    ];
    (id, side, bytes, 0..8_u8).prop_map(|(id, side, bytes, what)| match what {
        0 => End(id, side),
        1 => Gap(id, side, bytes.len() as u64),
        2 => Reset(id, side),
        3 => Stall(id, side, bytes.len() % 2 == 0),
        _ => Data(id, side, bytes),
    })
}

proptest! {
    /// Any steps, with bounds that are reached.
    #[test]
    fn any_steps_end(steps in proptest::collection::vec(any_step(), 0..40), small: bool) {
        let limits = if small {
            Limits { h3_streams: 2, head: 32, out_of_order: 16, qpack_table: 64, ..Limits::default() }
        } else {
            Limits::default()
        };
        read_with(&steps, steps.len() % 2 == 0, &limits);
    }

    /// Whatever pieces a stream comes in.
    #[test]
    fn pieces_make_no_difference(cuts in proptest::collection::vec(1..30_usize, 1..20)) {
        let (mut steps, mut cuts) = (Vec::new(), cuts.into_iter().cycle());
        let whole: Vec<Step> = appendix_b().into_iter().chain(exchange_steps().into_iter().map(elsewhere)).collect();
        for step in whole.clone() {
            let Data(id, side, bytes) = step else {
                steps.push(step);
                continue;
            };
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                steps.push(Data(id, side, piece.to_vec()));
                rest = after;
            }
        }
        let text = |steps: &[Step]| -> Vec<(Option<u64>, String)> {
            let mut all: Vec<_> = read(steps).iter().map(|exchange| (exchange.stream, format!("{:?}", exchange.request.as_ref().map(|r| shown(&r.head))) + &format!("{:?}{:?}", exchange.status(), exchange.marks))).collect();
            all.sort();
            all
        };
        prop_assert_eq!(text(&steps), text(&whole));
    }
}
