//! Streams recorded from OpenSSL (`fixtures/gen/tls.py`), whole, cut, damaged and with holes.

use std::{net::IpAddr, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::{
    bounded::Budget,
    context::{BodyPolicy, Sink},
    evidence::{ConnectionId, Endpoint},
    exchange::Exchange,
    flow::Connection,
    limits::Limits,
    secrets::keylog::Keys,
    shard::Shards,
};

const AT: At = At::Frame { number: 1, time: None };

/// Name, version and suite. All carry the same plaintext.
const LOGGED: &[(&str, &str, &str)] = &[
    ("tls13", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-hrr", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-mtls", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-aes-128-gcm", "1.3", "TLS_AES_128_GCM_SHA256"),
    ("tls13-chacha20-poly1305", "1.3", "TLS_CHACHA20_POLY1305_SHA256"),
    ("tls13-aes-128-ccm", "1.3", "TLS_AES_128_CCM_SHA256"),
    ("tls13-aes-128-ccm-8", "1.3", "TLS_AES_128_CCM_8_SHA256"),
    ("tls13-keyupdate", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-early", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls13-early-refused", "1.3", "TLS_AES_256_GCM_SHA384"),
    ("tls12", "1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    ("tls12-mtls", "1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ("tls12-renegotiation", "1.2", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ("tls12-ecdhe-rsa-chacha20-poly1305", "1.2", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("tls12-dhe-rsa-aes256-ccm", "1.2", "TLS_DHE_RSA_WITH_AES_256_CCM"),
    ("tls12-ecdhe-ecdsa-aes128-ccm8", "1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    ("tls12-ecdhe-ecdsa-aria256-gcm-sha384", "1.2", "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384"),
    ("tls12-ecdhe-rsa-camellia128-sha256", "1.2", "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    ("tls12-dhe-rsa-camellia256-sha256", "1.2", "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256"),
    ("tls12-ecdhe-rsa-aes128-sha", "1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    ("tls12-ecdhe-rsa-aes256-sha384", "1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ("tls12-ecdhe-rsa-aes128-sha256-noetm", "1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    ("tls12-ecdhe-rsa-aes256-sha384-noetm", "1.2", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    ("tls12-aecdh-null-sha", "1.2", "TLS_ECDH_anon_WITH_NULL_SHA"),
    ("tls12-adh-aes128-sha256", "1.2", "TLS_DH_anon_WITH_AES_128_CBC_SHA256"),
    ("tls12-null-sha256", "1.2", "TLS_RSA_WITH_NULL_SHA256"),
    ("tls10-aes128-sha", "1.0", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    ("tls10-aes256-sha-noetm", "1.0", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ("tls11-aes128-sha", "1.1", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    ("tls11-aes256-sha-noetm", "1.1", "TLS_RSA_WITH_AES_256_CBC_SHA"),
    ("tls12-3des-sha", "1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    ("tls10-3des-sha", "1.0", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    ("tls11-rc4-sha", "1.1", "TLS_RSA_WITH_RC4_128_SHA"),
    ("ssl3-3des-sha", "ssl3", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    ("ssl3-v2hello-rc4-md5", "ssl3", "TLS_RSA_WITH_RC4_128_MD5"),
];

/// Opened with the private key.
const BY_PRIVATE_KEY: &[&str] =
    &["rsa-noems", "rsa-tls10", "rsa-ems", "rsa-ems-sha384", "rsa-mtls", "rsa-ticket-1", "rsa-session-id-1"];

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tls").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn streams(name: &str) -> [Vec<u8>; 2] {
    [file(&format!("{name}.c2s")), file(&format!("{name}.s2c"))]
}

fn keys(files: &[&str]) -> Keys {
    let mut keys = Keys::default();
    for name in files {
        keys.add(&file(name)).unwrap();
    }
    keys
}

fn logged(name: &str) -> Keys {
    keys(&[&format!("{name}.keys")])
}

fn plain() -> [Bytes; 2] {
    streams("plain").map(Bytes)
}

/// Bytes whose `Debug` is short.
#[derive(Clone, PartialEq, Eq)]
struct Bytes(Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes {:?}…", self.0.len(), String::from_utf8_lossy(&self.0[..self.0.len().min(40)]))
    }
}

/// What a connection gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Plaintext by side, record by record.
    records: [Vec<Vec<u8>>; 2],
    gaps: [u64; 2],
    ends: [u32; 2],
    notes: Vec<NoteKind>,
    session: Option<Arc<TlsSession>>,
    /// Something came after the end of its side.
    late: bool,
}

impl Seen {
    fn data(&self) -> [Bytes; 2] {
        [Bytes(self.records[0].concat()), Bytes(self.records[1].concat())]
    }
}

impl Sink for Seen {
    fn exchange(&mut self, _: Exchange) {}

    fn note(&mut self, note: Note) {
        assert_eq!(note.connection, Some(ConnectionId(7)));
        self.notes.push(note.kind);
    }
}

/// A step of a connection.
#[derive(Clone, Debug)]
enum Step<'a> {
    Data(Side, &'a [u8]),
    Gap(Side, u64),
}

struct Driver<'k> {
    tls: Tls,
    seen: Seen,
    connection: Connection,
    keys: &'k Keys,
    limits: Limits,
}

impl<'k> Driver<'k> {
    fn new(keys: &'k Keys) -> Self {
        let endpoint = Endpoint { address: IpAddr::from([127, 0, 0, 1]), port: 443 };
        let connection = Connection {
            roles_known: true,
            from_start: [true; 2],
            ..Connection::new(ConnectionId(7), Endpoint { port: 50_000, ..endpoint }, endpoint, AT)
        };
        Self { tls: Tls::new(), seen: Seen::default(), connection, keys, limits: Limits::default() }
    }

    fn act(&mut self, act: impl FnOnce(&mut Tls, &mut Context<'_>, &mut Out<'_>) -> bool) -> bool {
        let mut seen = std::mem::take(&mut self.seen);
        let mut events = Seen::default();
        let mut cx = Context {
            connection: &mut self.connection,
            tls: None,
            keys: self.keys,
            limits: &self.limits,
            bodies: BodyPolicy::default(),
            barren: &crate::coding::barren::Barren::new(crate::token::extract::may_tell),
            sink: &mut seen,
        };
        let mut ended = [false; 2];
        let result = act(&mut self.tls, &mut cx, &mut |event, cx| match event {
            TlsEvent::Data { side, bytes, .. } => {
                events.late |= ended[side.index()];
                events.session = cx.tls.cloned();
                events.records[side.index()].push(bytes.to_vec());
            }
            TlsEvent::Gap { side, bytes, .. } => events.gaps[side.index()] += bytes,
            TlsEvent::End { side, .. } => {
                ended[side.index()] = true;
                events.ends[side.index()] += 1;
            }
        });
        for side in 0..2 {
            events.late |= seen.ends[side] > 0 && !events.records[side].is_empty();
            seen.records[side].append(&mut events.records[side]);
            seen.gaps[side] += events.gaps[side];
            seen.ends[side] += events.ends[side];
        }
        seen.late |= events.late;
        seen.session = events.session.or(seen.session);
        self.seen = seen;
        result
    }

    fn step(&mut self, step: Step<'_>) -> bool {
        self.act(|tls, cx, out| match step {
            Step::Data(side, bytes) => tls.data(side, bytes, AT, cx, out),
            Step::Gap(side, bytes) => {
                tls.gap(side, bytes, AT, cx, out);
                false
            }
        })
    }

    fn finish(mut self) -> (Seen, TlsFacts) {
        for side in [Side::Client, Side::Server] {
            self.act(|tls, cx, out| {
                tls.end(side, End::Fin, AT, cx, out);
                false
            });
        }
        assert_eq!(self.seen.ends, [1, 1]);
        assert!(!self.seen.late && !self.tls.is_waiting());
        (self.seen, self.tls.facts())
    }
}

fn run(keys: &Keys, steps: &[Step<'_>]) -> (Seen, TlsFacts) {
    let mut driver = Driver::new(keys);
    for step in steps {
        driver.step(step.clone());
    }
    driver.finish()
}

fn whole(keys: &Keys, streams: &[Vec<u8>; 2]) -> (Seen, TlsFacts) {
    run(keys, &[Step::Data(Side::Client, &streams[0]), Step::Data(Side::Server, &streams[1])])
}

fn reason(keys: &Keys, streams: &[Vec<u8>; 2]) -> Reason {
    let (seen, facts) = whole(keys, streams);
    assert_eq!(seen.data(), [Bytes(vec![]), Bytes(vec![])]);
    assert!(!facts.decrypted && facts.detail.len() > 20, "{facts:?}");
    facts.reason.unwrap()
}

/// Cuts two streams at some places and shuffles them together.
fn mixed<'a>(streams: &'a [Vec<u8>; 2], cuts: &[usize], order: &[bool]) -> Vec<Step<'a>> {
    let mut parts = [Side::Client, Side::Server].map(|side| {
        let stream = &streams[side.index()];
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (stream.len() + 1)).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        cuts.windows(2).map(|cut| Step::Data(side, &stream[cut[0]..cut[1]])).collect::<std::collections::VecDeque<_>>()
    });
    let mut order = order.iter().cycle();
    let mut steps = Vec::new();
    while parts.iter().any(|part| !part.is_empty()) {
        let which = usize::from(*order.next().unwrap_or(&true));
        steps.extend(parts[which].pop_front().or_else(|| parts[1 - which].pop_front()));
    }
    steps
}

fn is_subsequence(part: &[Vec<u8>], of: &[Vec<u8>]) -> bool {
    let mut of = of.iter();
    part.iter().all(|record| of.any(|other| other == record))
}

#[test]
fn every_recorded_stream_is_read() {
    for (name, version, suite) in LOGGED {
        let (keys, streams) = (logged(name), streams(name));
        let (seen, facts) = whole(&keys, &streams);
        assert_eq!(seen.data(), plain(), "{name}: {facts:?}");
        assert_eq!((facts.version, facts.suite.as_deref()), (*version, Some(*suite)), "{name}");
        assert_eq!((facts.decrypted, facts.reason, seen.gaps), (true, None, [0; 2]), "{name}");
        assert_eq!(seen.notes, [], "{name}");
        assert_eq!(keys.sources().map(|source| source.connections).collect::<Vec<_>>(), [1], "{name}");
        assert_eq!(facts.plaintext, plain().map(|plain| plain.0.len() as u64), "{name}");
        let session = seen.session.unwrap();
        assert_eq!((session.version, &*session.suite), (*version, *suite));
        let named = !matches!(
            *name,
            "tls12-3des-sha" | "tls10-3des-sha" | "tls11-rc4-sha" | "ssl3-3des-sha" | "ssl3-v2hello-rc4-md5"
        );
        assert_eq!(session.server_name.as_deref(), named.then_some("exch.contoso.example"), "{name}");
        let protocol = [("tls13", "http/1.1"), ("tls12", "h2")].iter().find(|(of, _)| of == name).map(|(_, p)| *p);
        assert_eq!(session.application_protocol.as_deref(), protocol, "{name}");
    }
}

/// RFC 8448 §3: both sides send the bytes 0 to 49.
#[test]
fn the_trace_of_rfc_8448_is_read() {
    let expected: Vec<u8> = (0..50).collect();
    let (seen, facts) = whole(&logged("rfc8448"), &streams("rfc8448"));
    assert_eq!(seen.records, [[expected.clone()], [expected]]);
    assert!(facts.decrypted);
    assert_eq!((facts.server_name.as_deref(), facts.alert), (Some("server"), None));
}

#[test]
fn what_is_remembered_has_weight() {
    // The round keys of AES-128 alone.
    const CIPHER: usize = 11 * 16;
    let [client, server] = streams("tls13-aes-128-gcm");
    let keys = logged("tls13-aes-128-gcm");
    let mut driver = Driver::new(&keys);
    assert_eq!(driver.tls.weight(), 0);
    // Without the end, at which all is forgotten.
    for (side, bytes) in [(Side::Client, &client), (Side::Server, &server)] {
        driver.step(Step::Data(side, &bytes[..bytes.len() - 1]));
    }
    for side in [0, 1] {
        let weight = driver.tls.weight();
        assert!(driver.tls.directions[side].keyed.take().is_some());
        assert!(driver.tls.weight() + CIPHER <= weight);
    }
    let weight = driver.tls.weight();
    driver.tls.session = None;
    assert!(driver.tls.weight() < weight);
}

#[test]
fn the_order_of_the_directions_does_not_matter() {
    for (name, ..) in LOGGED {
        let (keys, streams) = (logged(name), streams(name));
        let server_first = [Step::Data(Side::Server, &streams[1]), Step::Data(Side::Client, &streams[0])];
        assert_eq!(run(&keys, &server_first).0.data(), plain(), "{name}");
        let cuts: Vec<_> = (0..5000).collect();
        assert_eq!(run(&keys, &mixed(&streams, &cuts, &[false, true])).0.data(), plain(), "{name}");
    }
}

#[test]
fn a_private_key_opens_rsa_key_exchange() {
    for key in ["rsa.pem", "rsa-pkcs1.pem", "rsa.der"] {
        for name in BY_PRIVATE_KEY {
            let keys = keys(&["other.pem", key]);
            for steps in [[0, 1], [1, 0]] {
                let streams = streams(name);
                let sides = [Side::Client, Side::Server];
                let steps = steps.map(|side| Step::Data(sides[side], &streams[side]));
                let (seen, facts) = run(&keys, &steps);
                assert_eq!(seen.data(), plain(), "{name}: {facts:?}");
                assert!(facts.decrypted);
            }
            assert_eq!(keys.sources().map(|source| source.connections).collect::<Vec<_>>(), [0, 2], "{name}");
        }
    }
}

#[test]
fn a_resumed_session_needs_the_connection_it_resumes() {
    for name in ["rsa-ticket", "rsa-session-id"] {
        let second = streams(&format!("{name}-2"));
        let keys = keys(&["rsa.pem"]);
        assert_eq!(reason(&keys, &second), Reason::ResumptionUnknown);
        whole(&keys, &streams(&format!("{name}-1")));
        for order in [true, false] {
            let steps = mixed(&second, &[], &[order]);
            let (seen, facts) = run(&keys, &steps);
            assert_eq!((seen.data(), facts.decrypted), (plain(), true), "{name}: {facts:?}");
        }
    }
}

#[test]
fn certificates_of_clients_are_kept() {
    let pem = String::from_utf8(file("ec.crt")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body).unwrap();
    for (name, keys) in
        [("tls13-mtls", logged("tls13-mtls")), ("tls12-mtls", logged("tls12-mtls")), ("rsa-mtls", keys(&["rsa.pem"]))]
    {
        let session = whole(&keys, &streams(name)).0.session.unwrap();
        assert_eq!(session.client_certificate.as_deref(), Some(der.as_slice()), "{name}");
    }
    assert_eq!(whole(&logged("tls13"), &streams("tls13")).0.session.unwrap().client_certificate, None);
}

/// Records that a limit did not let wait are given up for good once both sides ended.
#[test]
fn a_limit_leaves_nothing_waiting_at_the_end() {
    let (keys, streams) = (Keys::default(), streams("tls13"));
    let mut driver = Driver::new(&keys);
    driver.limits.tls_pending_total = 64;
    driver.step(Step::Data(Side::Server, &streams[1]));
    driver.step(Step::Data(Side::Client, &streams[0]));
    assert!(driver.tls.is_waiting());
    assert!(!driver.finish().1.decrypted);
}

/// Of lines for one client random that contradict each other, whichever their order, the right one is found.
#[test]
fn contradictory_lines_of_a_key_log_are_all_tried() {
    for name in ["tls13", "tls12", "tls10-aes128-sha", "tls13-early", "tls12-renegotiation", "ssl3-v2hello-rc4-md5"] {
        let log = String::from_utf8(file(&format!("{name}.keys"))).unwrap();
        let wrong = |seed: usize| {
            let spoilt = log.lines().filter(|line| !line.starts_with('#')).map(|line| {
                let (head, value) = line.rsplit_once(' ').unwrap();
                let digits = value.len();
                format!("{head} {}\n", format!("{:02x}", 0x11 * seed).repeat(digits / 2))
            });
            spoilt.collect::<String>()
        };
        for parts in [
            vec![wrong(1), log.clone()],
            vec![log.clone(), wrong(1)],
            vec![wrong(1), wrong(2), log.clone(), wrong(3), wrong(4)],
        ] {
            let mut keys = Keys::default();
            for part in &parts {
                keys.add(part.as_bytes()).unwrap();
            }
            let (seen, facts) = whole(&keys, &streams(name));
            assert_eq!((seen.data(), facts.decrypted), (plain(), true), "{name} {} {}", parts.len(), facts.detail);
            assert_eq!(seen.notes, [], "{name}");
        }
        let mut keys = Keys::default();
        keys.add((wrong(1) + &wrong(2)).as_bytes()).unwrap();
        assert_eq!(reason(&keys, &streams(name)), Reason::NotAuthentic, "{name}");
    }
}

#[test]
fn keys_may_come_after_the_records() {
    for name in ["tls13", "tls12", "tls10-aes128-sha", "tls13-early", "tls12-renegotiation"] {
        let (mut late, streams) = (Keys::default(), streams(name));
        let (tls, seen) = {
            let mut driver = Driver::new(&late);
            driver.step(Step::Data(Side::Server, &streams[1][..streams[1].len() / 2]));
            driver.step(Step::Data(Side::Client, &streams[0]));
            assert!(driver.tls.is_waiting());
            assert_eq!(driver.tls.facts().reason, Some(Reason::NoKey), "{name}");
            (driver.tls, driver.seen)
        };
        late.add_recorded(&file(&format!("{name}.keys")));
        let mut driver = Driver::new(&late);
        (driver.tls, driver.seen) = (tls, seen);
        driver.step(Step::Data(Side::Server, &streams[1][streams[1].len() / 2..]));
        assert!(!driver.tls.is_waiting());
        let (seen, facts) = driver.finish();
        assert_eq!((seen.data(), facts.decrypted), (plain(), true), "{name}");
    }
}

#[test]
fn what_waits_is_bounded_and_its_loss_is_told() {
    let streams = streams("tls12");
    let limits = Limits { tls_handshake: 600, tls_pending_total: 1000, ..Limits::default() };
    let mut none = Keys::default();
    let mut driver = Driver { limits: limits.clone(), ..Driver::new(&none) };
    driver.step(Step::Data(Side::Client, &streams[0][..streams[0].len() - 200]));
    driver.step(Step::Data(Side::Server, &streams[1][..streams[1].len() - 200]));
    let (tls, seen) = (driver.tls, driver.seen);
    none.add(&file("tls12.keys")).unwrap();
    let mut driver = Driver { limits, ..Driver::new(&none) };
    (driver.tls, driver.seen) = (tls, seen);
    driver.step(Step::Data(Side::Client, &streams[0][streams[0].len() - 200..]));
    driver.step(Step::Data(Side::Server, &streams[1][streams[1].len() - 200..]));
    let (seen, facts) = driver.finish();
    for (data, plain) in seen.data().iter().zip(plain()) {
        assert!(!data.0.is_empty() && plain.0.ends_with(&data.0), "{data:?}");
    }
    assert!(seen.gaps.iter().all(|gap| *gap > 0));
    assert_eq!((facts.decrypted, facts.reason), (false, Some(Reason::Limit)));
}

#[test]
fn says_why_a_connection_is_dark() {
    let (tls13, tls12, rsa) = (streams("tls13"), streams("tls12"), streams("rsa-ems"));
    assert_eq!(reason(&Keys::default(), &tls13), Reason::NoKey);
    assert_eq!(reason(&logged("tls13"), &tls12), Reason::NoKey);
    assert_eq!(reason(&keys(&["rsa.pem"]), &tls12), Reason::ForwardSecrecy);
    assert_eq!(reason(&keys(&["rsa.pem"]), &tls13), Reason::ForwardSecrecy);
    assert_eq!(reason(&keys(&["other.pem"]), &rsa), Reason::PrivateKeyMismatch);

    let log = String::from_utf8(file("tls13.keys")).unwrap();
    let random = log.lines().next().and_then(|line| line.split(' ').nth(1)).unwrap().to_owned();
    let with = |log: &str| {
        let mut keys = Keys::default();
        keys.add(log.as_bytes()).unwrap();
        keys
    };
    assert_eq!(reason(&with(&format!("CLIENT_RANDOM {random} {}\n", "ab".repeat(48))), &tls13), Reason::WrongKeyKind);
    let some: String = log.lines().filter(|line| line.contains("HANDSHAKE")).map(|line| format!("{line}\n")).collect();
    assert_eq!(reason(&with(&some), &tls13), Reason::KeyIncomplete);
    let random12 = String::from_utf8(file("tls12.keys")).unwrap().split(' ').nth(1).unwrap().to_owned();
    let wrong = format!("CLIENT_TRAFFIC_SECRET_0 {random12} {}\n", "ab".repeat(32));
    assert_eq!(reason(&with(&wrong), &tls12), Reason::WrongKeyKind);
    let wrong = format!("CLIENT_RANDOM {random12} {}\n", "ab".repeat(48));
    assert_eq!(reason(&with(&wrong), &tls12), Reason::NotAuthentic);

    let cut =
        |streams: &[Vec<u8>; 2], from: [usize; 2]| [streams[0][from[0]..].to_vec(), streams[1][from[1]..].to_vec()];
    let first = |stream: &[u8]| usize::from(u16::from_be_bytes([stream[3], stream[4]])) + 5;
    assert_eq!(reason(&logged("tls12"), &cut(&tls12, [first(&tls12[0]), 0])), Reason::HandshakeMissing);
    assert_eq!(reason(&logged("tls12"), &cut(&tls12, [0, first(&tls12[1])])), Reason::HandshakeMissing);
    assert_eq!(reason(&logged("tls12"), &[tls12[0].clone(), vec![]]), Reason::HandshakeMissing);
    assert_eq!(reason(&logged("tls12"), &[tls12[0][..first(&tls12[0])].to_vec(), vec![]]), Reason::HandshakeFailed);
    let refused = [tls12[0][..first(&tls12[0])].to_vec(), b"\x15\x03\x03\0\x02\x02\x28".to_vec()];
    assert_eq!(reason(&logged("tls12"), &refused), Reason::HandshakeFailed);
    assert!(whole(&logged("tls12"), &refused).1.detail.contains("handshake_failure"));
    let empty = [tls12[0][..first(&tls12[0])].to_vec(), tls12[1][..first(&tls12[1])].to_vec()];
    assert_eq!(reason(&Keys::default(), &empty), Reason::HandshakeFailed);
    let mut unknown = tls12.clone();
    let suite = 5 + 4 + 2 + 32 + 1 + usize::from(unknown[1][43]);
    unknown[1][suite..suite + 2].copy_from_slice(&[0x00, 0xc7]);
    assert_eq!(reason(&logged("tls12"), &unknown), Reason::SuiteUnsupported);
}

#[test]
fn details_name_the_particulars() {
    let (_, facts) = whole(&Keys::default(), &streams("tls12"));
    let random: String = facts.client_random.unwrap()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        facts.detail,
        format!("no keys were given (TLS 1.2, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, client random {random}…)")
    );
}

#[test]
fn only_the_secrets_of_application_data_suffice() {
    for name in ["tls13", "tls13-aes-128-ccm", "tls13-keyupdate"] {
        let log = String::from_utf8(file(&format!("{name}.keys"))).unwrap();
        let log: String =
            log.lines().filter(|line| !line.contains("HANDSHAKE")).map(|line| format!("{line}\n")).collect();
        let mut keys = Keys::default();
        keys.add(log.as_bytes()).unwrap();
        let (seen, facts) = whole(&keys, &streams(name));
        assert_eq!((seen.data(), facts.decrypted, seen.gaps), (plain(), true, [0; 2]), "{name}");
    }
}

#[test]
fn early_data_without_its_secret_is_a_gap() {
    let log = String::from_utf8(file("tls13-early.keys")).unwrap();
    let log: String = log.lines().filter(|line| !line.contains("EARLY")).map(|line| format!("{line}\n")).collect();
    let mut keys = Keys::default();
    keys.add(log.as_bytes()).unwrap();
    let (seen, facts) = whole(&keys, &streams("tls13-early"));
    assert_eq!((facts.decrypted, facts.reason), (false, Some(Reason::KeyIncomplete)));
    let plain = plain();
    assert!(seen.gaps[0] > 100 && seen.gaps[1] == 0);
    assert!(plain[0].0.ends_with(&seen.data()[0].0) && seen.data()[0].0.len() > 200);
    assert_eq!(seen.data()[1], plain[1]);
}

#[test]
fn roles_that_were_guessed_wrongly_are_exchanged() {
    for name in ["tls13", "tls12"] {
        for first in [Side::Client, Side::Server] {
            let (keys, streams) = (logged(name), streams(name));
            let mut driver = Driver::new(&keys);
            driver.connection.roles_known = false;
            let (client, server) = (driver.connection.client, driver.connection.server);
            // The streams are the wrong way round at first.
            assert!(driver.step(Step::Data(first.other(), &streams[first.index()])));
            assert!(!driver.step(Step::Data(first.other(), &streams[1 - first.index()])));
            assert_eq!((driver.connection.client, driver.connection.server), (server, client));
            assert_eq!(driver.finish().0.data(), plain());

            let mut driver = Driver::new(&keys);
            assert!(!driver.step(Step::Data(Side::Server, &streams[0])));
            assert!(!driver.step(Step::Data(Side::Client, &streams[1])));
            assert_eq!(driver.connection.client, client);
            let [ours, theirs] = plain();
            assert_eq!(driver.finish().0.data(), [theirs, ours]);
        }
    }
}

/// A hole of some records in the server's application data: what follows is read again.
#[test]
fn reading_goes_on_after_a_gap() {
    for (name, ..) in LOGGED {
        let (keys, streams) = (logged(name), streams(name));
        let clean = whole(&keys, &streams).0;
        let end = streams[1].len();
        // Somewhere in the last records, of about 100 to 200 bytes each.
        for (from, to, chunk) in [
            (end - 900, end - 880, 5000),
            (end - 1000, end - 600, 5000),
            (end - 1000, end - 600, 1),
            (end - 900, end - 890, 7),
            (end - 1100, end - 500, 100),
        ] {
            let mut steps = vec![
                Step::Data(Side::Client, &streams[0]),
                Step::Data(Side::Server, &streams[1][..from]),
                Step::Gap(Side::Server, (to - from) as u64),
            ];
            steps.extend(streams[1][to..].chunks(chunk).map(|chunk| Step::Data(Side::Server, chunk)));
            let (seen, facts) = run(&keys, &steps);
            assert_eq!(seen.records[0], clean.records[0], "{name}");
            assert!(
                is_subsequence(&seen.records[1], &clean.records[1]) && seen.records[1].len() < clean.records[1].len()
            );
            if !name.contains("rc4") {
                assert_eq!(seen.records[1].last(), clean.records[1].last(), "{name} {from}..{to} {facts:?}");
                assert_eq!((facts.decrypted, facts.reason), (true, None), "{name}: {facts:?}");
            } else {
                assert_eq!((facts.decrypted, facts.reason), (false, Some(Reason::Gap)), "{name}: {facts:?}");
            }
            assert!(seen.gaps[1] >= (to - from) as u64, "{name} {:?}", seen.gaps);
            assert_eq!(seen.notes, [], "{name}");
        }
    }
}

#[test]
fn a_damaged_record_is_noted_and_the_next_one_read() {
    for name in
        ["tls13", "tls12", "tls12-ecdhe-rsa-aes128-sha", "tls12-ecdhe-rsa-aes128-sha256-noetm", "tls12-aecdh-null-sha"]
    {
        let (keys, mut streams) = (logged(name), streams(name));
        let clean = whole(&keys, &streams).0;
        let end = streams[1].len();
        streams[1][end - 700] ^= 1;
        let (seen, facts) = whole(&keys, &streams);
        assert_eq!(seen.records[1].len(), clean.records[1].len() - 1, "{name}");
        assert!(is_subsequence(&seen.records[1], &clean.records[1]));
        assert!(matches!(seen.notes[..], [NoteKind::RecordNotAuthentic { record }] if record > 5), "{:?}", seen.notes);
        assert_eq!((facts.decrypted, facts.reason), (false, Some(Reason::NotAuthentic)), "{name}");
        assert!(seen.gaps[1] > 50 && seen.gaps[0] == 0);
    }
}

#[test]
fn connections_can_be_read_on_many_threads() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    is_send::<Tls>();
    is_sync::<Keys>();
}

#[test]
fn memory_is_given_back() {
    let keys = Keys::default();
    let streams = streams("tls13");
    let mut driver = Driver::new(&keys);
    driver.step(Step::Data(Side::Client, &streams[0]));
    driver.step(Step::Data(Side::Server, &streams[1][..streams[1].len() - 3]));
    assert_ne!(format!("{:?}", keys.pending), format!("{:?}", Shards::<Arc<Budget>>::default()));
    driver.finish();
    for budget in [&keys.pending, &keys.gathered] {
        assert_eq!(format!("{budget:?}"), format!("{:?}", Shards::<Arc<Budget>>::default()));
    }
}

fn any_stream() -> impl Strategy<Value = &'static str> {
    prop::sample::select(LOGGED.iter().map(|(name, ..)| *name).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_and_order_gives_the_same_plaintext(
        name in any_stream(),
        cuts in prop::collection::vec(0_usize..10_000, 0..30),
        order in prop::collection::vec(any::<bool>(), 1..30),
    ) {
        let (keys, streams) = (logged(name), streams(name));
        let (seen, facts) = run(&keys, &mixed(&streams, &cuts, &order));
        prop_assert_eq!(seen.data(), plain());
        prop_assert!(facts.decrypted);
    }

    #[test]
    fn a_flipped_byte_never_gives_wrong_plaintext(
        name in any_stream(), side in 0_usize..2, place in 0_usize..10_000, flip in 1_u8..=255,
    ) {
        let (keys, mut streams) = (logged(name), streams(name));
        let clean = whole(&keys, &streams).0;
        let place = place % streams[side].len();
        streams[side][place] ^= flip;
        let (seen, _) = whole(&keys, &streams);
        for side in 0..2 {
            prop_assert!(is_subsequence(&seen.records[side], &clean.records[side]));
        }
    }

    #[test]
    fn a_gap_never_gives_wrong_plaintext(
        name in any_stream(), side in 0_usize..2, from in 0_usize..10_000, length in 0_usize..3000,
        cuts in prop::collection::vec(0_usize..10_000, 0..10),
    ) {
        let (keys, streams) = (logged(name), streams(name));
        let clean = whole(&keys, &streams).0;
        let from = from % streams[side].len();
        let to = (from + length).min(streams[side].len());
        let sides = [Side::Client, Side::Server];
        let mut steps = vec![];
        for which in [0, 1] {
            if which == side {
                steps.push(Step::Data(sides[which], &streams[which][..from]));
                steps.push(Step::Gap(sides[which], (to - from) as u64));
                let rest = [vec![], streams[which][to..].to_vec()];
                let cut: Vec<_> = mixed(&rest, &cuts, &[true]).into_iter().filter_map(|step| match step {
                    Step::Data(_, bytes) => Some(bytes.len()),
                    Step::Gap(..) => None,
                }).collect();
                let mut at = to;
                for length in cut {
                    steps.push(Step::Data(sides[which], &streams[which][at..at + length]));
                    at += length;
                }
            } else {
                steps.push(Step::Data(sides[which], &streams[which]));
            }
        }
        let (seen, facts) = run(&keys, &steps);
        for side in 0..2 {
            prop_assert!(is_subsequence(&seen.records[side], &clean.records[side]));
        }
        let all = seen.data() == plain();
        prop_assert!(all || facts.reason.is_some() || seen.gaps[side] > 0, "silent loss: {:?}", facts);
    }

    #[test]
    fn nothing_panics(
        name in any_stream(),
        keep in prop::collection::vec((any::<bool>(), 0_usize..4000, prop::collection::vec(any::<u8>(), 0..40), 0_u64..100_000), 1..12),
    ) {
        let (keys, streams) = (logged(name), streams(name));
        let mut driver = Driver::new(&keys);
        let mut at = [0, 0];
        for (server, take, noise, gap) in &keep {
            let side = if *server { Side::Server } else { Side::Client };
            let stream = &streams[side.index()];
            let from = at[side.index()];
            let to = (from + take).min(stream.len());
            at[side.index()] = to;
            driver.step(Step::Data(side, &stream[from..to]));
            if gap % 3 == 0 {
                driver.step(Step::Gap(side, *gap));
            }
            driver.step(Step::Data(side, noise));
        }
        let (seen, _) = driver.finish();
        let clean = whole(&keys, &streams).0;
        for side in 0..2 {
            prop_assert!(is_subsequence(&seen.records[side], &clean.records[side]));
        }
    }
}
