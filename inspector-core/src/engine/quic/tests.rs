//! Connections made for tests, recorded in any order and with loss.

use proptest::prelude::*;

use super::World;
use crate::{
    connection::{Application, ConnectionReport, Reason},
    context::Sink,
    engine::{Options, datagrams::Datagrams, delivery::Outcome},
    evidence::{At, ConnectionId, Endpoint},
    exchange::{Exchange, Mark},
    flow::Side,
    limits::Limits,
    note::Note,
    packet::Datagram,
    quic::tests::made::{
        Maker, acknowledge, client_hello, crypto, encrypted_extensions, integer, key_log, server_hello, stream,
    },
    secrets::keylog::Keys,
    time::Timestamp,
};

const SERVER_ID: &[u8] = b"server's";
const CLIENT_ID: &[u8] = b"client's";
/// Another identifier of the server, which the client changes to.
const SECOND_ID: &[u8] = b"another!";

#[derive(Default)]
struct Recorder {
    exchanges: Vec<Exchange>,
    reports: Vec<ConnectionReport>,
    open: Vec<(u64, ConnectionId)>,
}

impl Sink for Recorder {
    fn exchange(&mut self, exchange: Exchange) {
        self.exchanges.push(exchange);
    }
    fn note(&mut self, _: Note) {}
}

impl Outcome for Recorder {
    fn exchanges(&self) -> u64 {
        self.exchanges.len() as u64
    }
    fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>) {
        self.open.retain(|open| before != Some(open.0) || open.1 != connection);
        self.open.extend(now.map(|now| (now, connection)));
    }
    fn report(&mut self, report: ConnectionReport) {
        self.reports.push(report);
    }
}

/// A datagram: the client's port (the server's is 443), who has sent it, and its bytes.
#[derive(Clone, Debug)]
struct Sent {
    port: u16,
    side: Side,
    bytes: Vec<u8>,
}

fn read_with(sent: &[Sent], log: &str, limits: &Limits) -> Recorder {
    let mut keys = Keys::default();
    let _ = keys.add(log.as_bytes());
    let options = Options { limits: limits.clone(), ..Options::default() };
    let (mut recorder, mut all) = (Recorder::default(), Datagrams::new(&options));
    let mut world = World { keys: &keys, limits, outcome: &mut recorder };
    let mut latest = 0;
    let mut number = || {
        latest += 1;
        ConnectionId(latest)
    };
    for (index, sent) in (1..).zip(sent) {
        let client = Endpoint { address: [10, 0, 0, 1].into(), port: sent.port };
        let server = Endpoint { address: [10, 0, 0, 2].into(), port: 443 };
        let (source, destination) = if sent.side == Side::Client { (client, server) } else { (server, client) };
        let at = At::Frame { number: index, time: Some(Timestamp::from_seconds(index as i64)) };
        all.push(&Datagram { source, destination, payload: &sent.bytes, at }, &mut world, &mut number);
    }
    all.finish(&mut number);
    all.close(&mut world);
    assert_eq!(recorder.open, [], "an exchange that is over holds others back");
    recorder
}

fn read(sent: &[Sent]) -> Recorder {
    read_with(sent, &key_log(), &Limits::default())
}

fn field(name: &str, value: &str) -> Vec<u8> {
    let short = |text: &str, first: u8, most: usize| match text.len().checked_sub(most) {
        None => [&[first | text.len() as u8][..], text.as_bytes()].concat(),
        Some(rest) => [&[first | most as u8, rest as u8][..], text.as_bytes()].concat(),
    };
    [short(name, 0x20, 7), short(value, 0, 127)].concat()
}

fn headers(fields: &[(&str, &str)]) -> Vec<u8> {
    let lines: Vec<u8> = fields.iter().flat_map(|(name, value)| field(name, value)).collect();
    [&[1][..], &integer(lines.len() + 2), &[0, 0], &lines].concat()
}

fn request(path: &str, authorization: &str) -> Vec<u8> {
    let content = b"<soap/>";
    let head =
        [(":method", "POST"), (":authority", "mail.contoso.com"), (":path", path), ("authorization", authorization)];
    [headers(&head), [&[0, content.len() as u8][..], content].concat()].concat()
}

fn answer(status: &str) -> Vec<u8> {
    [headers(&[(":status", status)]), [&[0, 5][..], b"hello"].concat()].concat()
}

/// A whole connection: the first half of the datagrams is the handshake.
fn connection(version: u32, port: u16) -> Vec<Sent> {
    let mut client = Maker::new(true, version, b"original", CLIENT_ID);
    let mut server = Maker::new(false, version, CLIENT_ID, SERVER_ID);
    let mut all = Vec::new();
    let mut send = |side, bytes| all.push(Sent { port, side, bytes });
    let hello = client_hello("mail.contoso.com");
    // In two packets, the end first.
    let (front, back) = hello.split_at(40);
    send(Side::Client, client.initial(&[crypto(40, back), vec![0; 900]].concat()));
    send(Side::Client, client.initial(&[crypto(0, front), vec![0; 900]].concat()));
    client.destination = SERVER_ID.to_vec();
    let first = server.initial(&crypto(0, &server_hello()));
    let second = server.handshake(&crypto(0, &encrypted_extensions("h3")));
    let third = server.short(&stream(3, 0, &[0, 4, 0], false));
    send(Side::Server, [first, second, third].concat());
    let finished = client.handshake(&[0; 30]);
    let control = client.short(&stream(2, 0, &[0, 4, 0], false));
    send(Side::Client, [finished, control].concat());
    for (number, (path, authorization, status)) in
        [("/ews", "", "401"), ("/ews", "Bearer abc", "200"), ("/mapi", "Bearer abc", "500")].into_iter().enumerate()
    {
        let (request, answer) = (request(path, authorization), answer(status));
        let id = 4 * number;
        let (front, back) = request.split_at(request.len() / 2);
        send(Side::Client, client.short(&stream(id, 0, front, false)));
        send(Side::Client, client.short(&stream(id, front.len(), back, true)));
        let acknowledged = acknowledge(0, client.numbers[2] - 1);
        send(Side::Server, server.short(&[acknowledged, stream(id, 0, &answer, true)].concat()));
        // After the first the keys are new, after the second the identifier.
        client.updates = number + 1;
        server.updates = number + 1;
        if number == 0 {
            let further = [&[0x18, 1, 0, SECOND_ID.len() as u8][..], SECOND_ID, &[9; 16]].concat();
            send(Side::Server, server.short(&further));
        }
        if number == 1 {
            client.destination = SECOND_ID.to_vec();
        }
    }
    let acknowledged = acknowledge(0, server.numbers[2] - 1);
    send(Side::Client, client.short(&[acknowledged, vec![0x1d, 0x41, 0, 0]].concat()));
    all
}

/// What the exchanges say, by stream.
fn shown(recorder: &Recorder) -> Vec<String> {
    let text = |exchange: &Exchange| {
        let request = exchange.request.as_ref();
        let authorization =
            request.and_then(|request| request.head.value("authorization")).unwrap_or_default().to_vec();
        let lengths = [&exchange.request, &exchange.response].map(|m| m.as_ref().map_or(0, |m| m.body.transferred));
        format!(
            "{:?} {} {} {} {lengths:?} {:?}",
            exchange.stream,
            exchange.url(),
            String::from_utf8_lossy(&authorization),
            exchange.status().unwrap_or_default(),
            exchange.marks
        )
    };
    let mut all: Vec<String> = recorder.exchanges.iter().map(text).collect();
    all.sort();
    all
}

fn expected() -> Vec<String> {
    [("0", "ews", "", 401), ("4", "ews", "Bearer abc", 200), ("8", "mapi", "Bearer abc", 500)]
        .map(|(id, path, value, status)| {
            format!("Some({id}) https://mail.contoso.com/{path} {value} {status} [7, 5] {{}}")
        })
        .to_vec()
}

/// Nothing of it is missing, as far as it was recorded.
fn is_whole(recorder: &Recorder) -> bool {
    recorder.reports.iter().all(|report| {
        let gaps = report.connection.gaps;
        report.decrypted && gaps == [0; 2] && report.unread == 0
    }) && !recorder.exchanges.iter().any(|exchange| exchange.marks.any())
}

#[test]
fn connections_are_read() {
    for version in [1, 0x6b33_43cf] {
        let recorder = read(&connection(version, 50_000));
        assert_eq!(shown(&recorder), expected());
        let [report] = recorder.reports.as_slice() else { panic!() };
        assert_eq!((report.decrypted, report.reason, report.application), (true, None, Application::H3));
        assert_eq!(
            (report.server_name.as_deref(), report.application_protocol.as_deref()),
            (Some("mail.contoso.com"), Some("h3"))
        );
        assert_eq!((report.suite.as_deref(), report.exchanges), (Some("TLS_AES_128_GCM_SHA256"), 3));
        assert_eq!((report.connection.gaps, report.connection.from_start), ([0; 2], [true; 2]));
        assert!(is_whole(&recorder));
        let tls = recorder.exchanges[0].tls.as_ref().unwrap();
        assert_eq!((tls.version, tls.server_name.as_deref()), ("1.3", Some("mail.contoso.com")));
    }
}

/// The server answers in version 2 what was asked in version 1.
#[test]
fn a_compatible_upgrade_is_followed() {
    let mut all = connection(0x6b33_43cf, 50_000);
    let mut client = Maker::new(true, 1, b"original", CLIENT_ID);
    let first = client.initial(&[crypto(0, &client_hello("mail.contoso.com")), vec![0; 900]].concat());
    all[0].bytes = first;
    all.remove(1);
    let recorder = read(&all);
    assert_eq!(shown(&recorder), expected());
    assert_eq!(recorder.reports.len(), 1);
}

#[test]
fn dark_connections_have_their_reasons() {
    let all = connection(1, 50_000);
    let log = key_log();
    let lines: Vec<&str> = log.lines().collect();
    let other = log.replace("5a5a", "5b5b");
    let wrong = log.replace("434c49454e545f54", "ffffffffffffffff");
    let without = |word: &str| {
        lines.iter().filter(|line| !line.starts_with(word)).map(|line| format!("{line}\n")).collect::<String>()
    };
    let master = format!("CLIENT_RANDOM {} {}\n", "5a".repeat(32), "00".repeat(48));
    for (log, reason) in [
        (String::new(), Reason::NoKey),
        (other, Reason::NoKey),
        (without("CLIENT_TRAFFIC"), Reason::KeyIncomplete),
        (without("SERVER_TRAFFIC"), Reason::KeyIncomplete),
        (master, Reason::WrongKeyKind),
        (wrong, Reason::NotAuthentic),
    ] {
        let recorder = read_with(&all, &log, &Limits::default());
        let report = &recorder.reports[0];
        assert_eq!((report.reason, report.decrypted), (Some(reason), false));
        assert_eq!(report.server_name.as_deref(), Some("mail.contoso.com"));
        assert!(!report.detail.is_empty());
    }
    // Without the secrets of the handshake all that matters is read.
    let recorder = read_with(&all, &without("SERVER_HANDSHAKE"), &Limits::default());
    assert_eq!(shown(&recorder), expected());
    assert!(is_whole(&recorder));
    // Without the handshake itself nothing is.
    for from in 1..5 {
        let recorder = read(&all[from..]);
        assert!(recorder.reports.iter().any(|report| report.reason == Some(Reason::HandshakeMissing)), "{from}");
        assert!(recorder.exchanges.is_empty());
    }
    // Not HTTP/3.
    let mut others = all.clone();
    let mut server = Maker::new(false, 1, CLIENT_ID, SERVER_ID);
    let packets =
        [server.initial(&crypto(0, &server_hello())), server.handshake(&crypto(0, &encrypted_extensions("doq")))];
    others[2].bytes = packets.concat();
    let report = &read(&others).reports[0];
    assert_eq!((report.reason, report.application), (Some(Reason::NotHttp), Application::Other("doq")));
}

/// Other addresses in the middle; two connections at once; the same identifiers in another connection.
#[test]
fn identifiers_tell_connections_apart() {
    let mut all = connection(1, 50_000);
    let half = all.len() / 2;
    all[half..].iter_mut().for_each(|sent| sent.port = 50_001);
    let recorder = read(&all);
    assert_eq!((shown(&recorder), recorder.reports.len()), (expected(), 1));
    assert!(is_whole(&recorder));
    // The same again from other ports: identifiers, keys and random are the same, addresses are not.
    let (one, other) = (connection(1, 50_000), connection(1, 50_002));
    let both: Vec<Sent> = one.iter().zip(&other).flat_map(|(one, other)| [one.clone(), other.clone()]).collect();
    let recorder = read(&both);
    assert_eq!((recorder.reports.len(), recorder.exchanges.len()), (2, 6));
    assert!(is_whole(&recorder));
    let recorder = read(&[one, other].concat());
    assert_eq!((recorder.reports.len(), recorder.exchanges.len()), (2, 6));
    assert!(is_whole(&recorder));
}

/// Several datagrams recorded as one, of any size.
#[test]
fn joined_datagrams_are_parted() {
    for size in [80, 700, 1200, 1357, 1444, 1500] {
        let mut client = Maker::new(true, 1, SERVER_ID, CLIENT_ID);
        client.numbers = [0, 0, 1];
        let mut all = connection(1, 50_000)[..4].to_vec();
        let body = request("/ews", "Bearer abc");
        let mut joined = Vec::new();
        let overhead = 1 + SERVER_ID.len() + 4 + 16;
        let room = size - overhead - 13;
        let pieces: Vec<&[u8]> = body.chunks(room.min(31)).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let last = number + 1 == pieces.len();
            let mut frames = stream(0, number * room.min(31), piece, last);
            if !last {
                frames.resize(size - overhead, 0);
            }
            joined.extend(client.short(&frames));
        }
        all.push(Sent { port: 50_000, side: Side::Client, bytes: joined });
        let recorder = read(&all);
        let exchange = &recorder.exchanges[0];
        assert_eq!(exchange.request.as_ref().unwrap().body.transferred, 7, "{size}");
        assert!(recorder.reports[0].decrypted);
    }
}

/// What is lost is never taken for whole, and a connection of which the client's requests are all there is.
#[test]
fn every_lost_datagram_shows() {
    let all = connection(1, 50_000);
    for lost in 0..all.len() {
        let mut rest = all.clone();
        let gone = rest.remove(lost);
        let recorder = read(&rest);
        // The last one only closes the connection.
        let is_last = lost + 1 == all.len();
        assert!(!is_whole(&recorder) || is_last || gone.side == Side::Server, "{lost}");
        let complete = shown(&recorder) == expected();
        assert!(!is_whole(&recorder) || complete || lost < 4, "{lost}: {:?}", shown(&recorder));
        // Cut by a snap length.
        for length in [0, 1, 20, 30, gone.bytes.len() / 2, gone.bytes.len() - 1] {
            let mut cut = all.clone();
            cut[lost].bytes.truncate(length);
            let recorder = read(&cut);
            assert!(!is_whole(&recorder) || shown(&recorder) == expected(), "{lost} {length}");
        }
    }
}

/// A packet that the server acknowledged and nobody recorded can have held a request.
#[test]
fn an_acknowledged_packet_that_was_not_recorded_is_a_hole() {
    let mut client = Maker::new(true, 1, SERVER_ID, CLIENT_ID);
    let mut server = Maker::new(false, 1, CLIENT_ID, SERVER_ID);
    client.numbers = [0, 0, 20];
    server.numbers = [0, 0, 20];
    server.updates = 0;
    let begin = connection(1, 50_000)[..7].to_vec();
    let with = |frames: Vec<u8>, server: &mut Maker, client: &mut Maker| {
        let mut all = begin.clone();
        all.push(Sent { port: 50_000, side: Side::Client, bytes: client.short(&[1, 0, 0]) });
        all.push(Sent { port: 50_000, side: Side::Server, bytes: server.short(&frames) });
        read(&all).reports[0].connection.gaps
    };
    // Numbers 3 to 19 were not recorded: the server has all of them, says nothing of them, or does not have them.
    assert_eq!(with(acknowledge(0, 20), &mut server, &mut client), [1, 0]);
    assert_eq!(with(acknowledge(20, 21), &mut server, &mut client), [1, 0]);
    let told = [&[2][..], &integer(22), &[0, 1], &integer(0), &integer(18), &integer(2)].concat();
    assert_eq!(with(told, &mut server, &mut client), [0, 0]);
}

#[test]
fn bounds_are_kept_and_told() {
    let all: Vec<Sent> = (0..40).flat_map(|number| connection(1, 50_000 + number)).collect();
    let limits = Limits { quic_total: 64 << 10, ..Limits::default() };
    let recorder = read_with(&all, &key_log(), &limits);
    assert_eq!((recorder.reports.len(), recorder.exchanges.len()), (40, 120));
    // Packets before their keys, beyond what is kept of them.
    let mut late = connection(1, 50_000);
    let hello = late.remove(0);
    late.push(hello);
    let limits = Limits { quic_pending: 64, ..Limits::default() };
    let recorder = read_with(&late, &key_log(), &limits);
    assert!(!is_whole(&recorder));
    assert!(is_whole(&read(&late)), "with room for them all is read");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Datagrams in any order, some of them twice: the same exchanges, once.
    #[test]
    fn order_makes_no_difference(seed: u64, again in proptest::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let mut all = connection(1, 50_000);
        for index in again {
            let copy = index.get(&all).clone();
            all.push(copy);
        }
        let mut state = seed;
        for place in (1..all.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            all.swap(place, (state >> 33) as usize % (place + 1));
        }
        let recorder = read(&all);
        prop_assert_eq!(recorder.reports.len(), 1);
        prop_assert!(!is_whole(&recorder) || shown(&recorder) == expected());
        for text in shown(&recorder).iter().filter(|text| text.ends_with("{}")) {
            prop_assert!(expected().contains(text), "{}", text);
        }
    }

    /// Whatever is lost: what is said to be whole is.
    #[test]
    fn loss_never_turns_to_more(lost in proptest::collection::vec(any::<bool>(), 30), cut: prop::sample::Index) {
        let all = connection(1, 50_000);
        let mut rest: Vec<Sent> =
            all.iter().zip(&lost).filter(|(_, lost)| !**lost).map(|(sent, _)| sent.clone()).collect();
        if !rest.is_empty() {
            let place = cut.index(rest.len());
            let length = cut.index(rest[place].bytes.len() + 1);
            rest[place].bytes.truncate(length);
        }
        let recorder = read(&rest);
        for exchange in &recorder.exchanges {
            let whole = !exchange.marks.any();
            let text = shown(&Recorder { exchanges: vec![exchange.clone()], ..Recorder::default() });
            prop_assert!(!whole || expected().contains(&text[0]));
            prop_assert!(exchange.status().is_none_or(|status| [401, 200, 500].contains(&status)));
        }
        // As long as the last request was recorded, nothing before it can be missing unseen.
        let requests = recorder.exchanges.iter().filter(|exchange| !exchange.marks.has(Mark::RequestMissing)).count();
        if is_whole(&recorder) && recorder.exchanges.iter().any(|exchange| exchange.stream == Some(8)) {
            prop_assert_eq!(requests, 3);
        }
    }

    #[test]
    fn any_datagrams_end(sent in proptest::collection::vec((any::<bool>(), 0..3_u16, proptest::collection::vec(any::<u8>(), 0..80), 0..14_usize), 0..30)) {
        let all = connection(1, 50_000);
        let mixed: Vec<Sent> = sent
            .into_iter()
            .map(|(side, port, bytes, place)| match all.get(place).filter(|_| bytes.len() % 3 > 0) {
                Some(known) => {
                    let mut known = known.clone();
                    for (byte, change) in known.bytes.iter_mut().skip(20).zip(bytes.iter().take(bytes.len() % 2)) {
                        *byte ^= change;
                    }
                    known.port += port;
                    known
                }
                None => Sent { port: 50_000 + port, side: if side { Side::Client } else { Side::Server }, bytes },
            })
            .collect();
        read(&mixed);
        read_with(&mixed, "", &Limits { quic_total: 4096, quic_pending: 2000, quic_streams: 1, h3_streams: 1, ..Limits::default() });
    }
}
