use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::{
    analysis::Analysis,
    connection::{Application, ConnectionReport, Reason, Transport},
    evidence::{At, ConnectionId, Endpoint, SourceId},
    exchange::{Exchange, Mark, message::BodyCut},
    finding::Severity,
    flow::Connection,
    note::{Between, Guess, Note, NoteKind, PacketSkip},
    report::Report,
    rules::testing,
};

/// The bearer of a call that works.
fn outer() -> String {
    testing::outer("00000004-0000-0ff1-ce00-000000000000@7f9c")
}

fn ask(path: &str, host: &str, authorization: Option<&str>) -> String {
    let field = authorization.map(|value| format!("Authorization: {value}\n")).unwrap_or_default();
    format!("# @server 203.0.113.7:443\n# @client 10.0.0.1:5000\nPOST {path} HTTP/1.1\nHost: {host}\n{field}\n")
}

fn mail(authorization: Option<&str>, response: &str) -> String {
    format!("{}{response}\n###\n", ask("/EWS/Exchange.asmx", "mail.contoso.com", authorization))
}

fn works() -> String {
    mail(Some(&format!("Bearer {}", outer())), "HTTP/1.1 200 OK\n")
}

fn refused(category: &str) -> String {
    let response = format!(
        "HTTP/1.1 401 Unauthorized\nx-ms-diagnostics: 2000002;reason=\"r\";error_category=\"{category}\"\n\
         WWW-Authenticate: Bearer client_id=\"c\"\n"
    );
    mail(Some(&format!("Bearer {}", outer())), &response)
}

fn elsewhere(authorization: Option<&str>, response: &str) -> String {
    format!("{}{response}\n###\n", ask("/", "www.contoso.com", authorization))
}

const BASIC: &str = "Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=";
const EMPTY_BEARER: &str = "Bearer";
const OK: &str = "HTTP/1.1 200 OK\n";
const CHALLENGE: &str = "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", \
                         trusted_issuers=\"00000004-0000-0ff1-ce00-000000000000@contoso.com\"\n";

fn entra() -> String {
    let claims = serde_json::json!({
        "iss": "https://sts.windows.net/t/", "aud": "https://outlook.office365.com/", "appid": "11111111-2222-4333-8444-555555555555"
    });
    testing::jwt(&serde_json::json!({"alg": "RS256"}), &claims, 256)
}

#[test]
fn the_four_rules_in_their_order() {
    use Outcome::{Fail, Inconclusive, Pass};
    let bearer = |token: &str| format!("Bearer {token}");
    let entra = bearer(&entra());
    let opaque = bearer("cwt=AAEBHAEFAAAA");
    let orphan = bearer(&testing::jwt(
        &serde_json::json!({"alg": "none"}),
        &serde_json::json!({"iss": "00000004-0000-0ff1-ce00-000000000000@t", "nameid": "00000004-0000-0ff1-ce00-000000000000@t",
            "aud": "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@t"}),
        0,
    ));
    let again = mail(Some(&bearer(&outer())), "");
    let replaced = mail(Some("Bearer [REDACTED]"), OK);
    let basic = mail(Some(BASIC), OK);
    let other = elsewhere(Some(&bearer(&outer())), "");
    let table: Vec<(&str, String, Outcome, &str)> = vec![
        // 2: both facts, nothing missing.
        ("works", works(), Pass, "accepted 1 call"),
        ("discovery and call", mail(Some(EMPTY_BEARER), CHALLENGE) + &works(), Pass, ""),
        ("absent credentials and call", mail(None, CHALLENGE) + &works(), Pass, ""),
        (
            "a fault of the application",
            mail(
                Some(&bearer(&outer())),
                "HTTP/1.1 500 E\nContent-Type: text/xml\n\n<Envelope><Body><Fault/></Body></Envelope>",
            ),
            Pass,
            "",
        ),
        ("refused, then accepted", refused("token_expired") + &works(), Pass, ""),
        ("Basic out of scope", works() + &elsewhere(Some(BASIC), OK), Pass, ""),
        ("empty Basic probe", works() + &mail(Some("Basic Og=="), "HTTP/1.1 401 U\n"), Pass, ""),
        // 1: before everything else.
        ("works, and Basic", works() + &mail(Some(BASIC), OK), Fail, "BAS-001"),
        ("Basic alone", mail(Some(BASIC), OK), Fail, "BAS-001"),
        ("Basic, and no response", mail(Some(BASIC), ""), Fail, "BAS-001"),
        ("refused", refused("invalid_signature"), Fail, "S2S-032"),
        ("accepted, then refused", works() + &refused("token_expired"), Fail, "S2S-032"),
        ("refused, and a response missing", refused("invalid_token") + &mail(None, ""), Fail, "S2S-032"),
        ("orphan", mail(Some(&orphan), OK), Fail, "S2S-017"),
        // 3: something is missing, or nothing was shown.
        ("works, and a response missing", works() + &mail(None, ""), Inconclusive, "COV-006"),
        ("response missing", mail(Some(&bearer(&outer())), ""), Inconclusive, "COV-006"),
        ("no credentials", mail(None, CHALLENGE), Inconclusive, "credentials"),
        ("empty Bearer only", mail(Some(EMPTY_BEARER), CHALLENGE), Inconclusive, "credentials"),
        ("empty Basic only", mail(Some("Basic Og=="), "HTTP/1.1 401 U\n"), Inconclusive, "credentials"),
        ("opaque only", mail(Some(&opaque), OK), Inconclusive, "cannot be read"),
        // 3: the refusal may have been lifted in what is missing.
        ("refused, and the next answer missing", refused("invalid_token") + &again, Inconclusive, "S2S-032"),
        ("an answer missing, then refused", again.clone() + &refused("invalid_token"), Fail, "S2S-032"),
        ("refused, and the next field replaced", refused("invalid_token") + &replaced, Inconclusive, "came later"),
        ("refused, the next answer missing, and Basic", refused("invalid_token") + &again + &basic, Fail, "BAS-001"),
        ("orphan, and the next answer missing", mail(Some(&orphan), OK) + &again, Fail, "S2S-017"),
        ("refused, and an answer of another host missing", refused("invalid_token") + &other, Fail, "S2S-032"),
        ("redacted only", mail(Some("Bearer [REDACTED]"), OK), Inconclusive, "COV-004"),
        ("works, and redacted", works() + &mail(Some("Bearer [REDACTED]"), OK), Inconclusive, "COV-004"),
        ("works, and malformed Basic", works() + &mail(Some("Basic !!!"), OK), Inconclusive, "COV-013"),
        ("nothing in scope", elsewhere(Some(BASIC), OK), Inconclusive, "COV-012"),
        ("nothing at all", String::new(), Inconclusive, "COV-012"),
        // 4: credentials, and none of the expected issuer.
        ("Entra", mail(Some(&entra), OK), Fail, "none of them came from the expected issuer"),
        ("NTLM", mail(Some("NTLM TlRMTVNTUAADAAAA"), OK), Fail, "expected issuer"),
        ("opaque and NTLM", mail(Some(&opaque), OK) + &mail(Some("NTLM TlRM"), OK), Fail, "expected issuer"),
        // 3: the expected issuer's calls have no decided answer.
        ("neither accepted nor refused", mail(Some(&bearer(&outer())), "HTTP/1.1 503 S\n"), Inconclusive, "accepted"),
        ("forbidden by somebody", mail(Some(&bearer(&outer())), "HTTP/1.1 403 F\n"), Inconclusive, "accepted"),
    ];
    for (name, text, outcome, word) in table {
        let report = testing::judge(&text);
        let codes = testing::codes(&report, Severity::Info);
        assert_eq!(report.outcome, outcome, "{name}: {} {codes:?}", report.reason);
        assert!(report.reason.contains(word), "{name}: {}", report.reason);
        assert_eq!(
            report.exit_code(),
            match outcome {
                Pass => 0,
                Fail => 1,
                Inconclusive => 3,
            },
            "{name}"
        );
        assert!(report.reason.ends_with('.') && !report.reason.contains('\n'), "{name}: {}", report.reason);
    }
}

#[test]
fn severities_the_verdict_page_sets() {
    let severity = |text: &str, code: &str| {
        let report = testing::judge(text);
        report.findings.iter().filter(|f| f.meta.code == code).map(|f| f.severity).max()
    };
    assert_eq!(severity(&refused("x"), "S2S-032"), Some(Severity::High));
    assert_eq!(severity(&(refused("x") + &works()), "S2S-032"), Some(Severity::Medium));
    // Another client, another caller: not the same.
    let other = works().replace("10.0.0.1", "10.0.0.2");
    assert_eq!(severity(&(refused("x") + &other), "S2S-032"), Some(Severity::High));
    let scheduler = format!("Bearer {}", testing::outer("7557eb47-c689-4224-abcf-aef9bd7573df@7f9c"));
    assert_eq!(severity(&(refused("x") + &mail(Some(&scheduler), OK)), "S2S-032"), Some(Severity::High));

    let clear =
        |server: &str| works().replace("# @server 203.0.113.7:443", &format!("# @scheme http\n# @server {server}:80"));
    for (server, expected) in [
        ("203.0.113.7", Severity::Critical),
        ("40.97.1.1", Severity::Critical),
        ("[2603:1026::1]", Severity::Critical),
        ("10.0.0.9", Severity::Medium),
        ("127.0.0.1", Severity::Medium),
        ("169.254.3.4", Severity::Medium),
        ("[fe80::1]", Severity::Medium),
        ("[::1]", Severity::Medium),
    ] {
        assert_eq!(severity(&clear(server), "S2S-050"), Some(expected), "{server}");
    }
    assert_eq!(testing::judge(&clear("10.0.0.9")).outcome, Outcome::Pass);

    let proxied =
        "# @scheme http\nCONNECT mail.contoso.com:443 HTTP/1.1\nHost: mail.contoso.com:443\nProxy-Authorization: "
            .to_owned()
            + BASIC
            + "\n\nHTTP/1.1 200 OK\n\n###\n";
    assert_eq!(severity(&proxied, "BAS-002"), Some(Severity::High));
    assert_eq!(testing::judge(&(proxied + &works())).outcome, Outcome::Pass);
}

#[test]
fn fail_on_moves_the_exit_code_and_not_the_outcome() {
    let mut policy = testing::policy();
    policy.fail_on = Some(Severity::Medium);
    let report = testing::judge_by(policy, &(refused("x") + &works()));
    assert_eq!((report.outcome, report.exit_code()), (Outcome::Pass, 1));
}

#[test]
fn the_realm_can_be_asked_for() {
    assert_eq!(testing::judge_by(testing::policy().realm("7F9C"), &works()).outcome, Outcome::Pass);
    assert_eq!(testing::judge_by(testing::policy().realm("contoso.com"), &works()).outcome, Outcome::Fail);
}

#[test]
fn the_generic_profile_judges_any_bearer() {
    let generic = || Policy::new(Profile::builtin("generic").unwrap());
    let api = |authorization: Option<&str>, response: &str| elsewhere(authorization, response);
    for (name, text, outcome) in [
        ("accepted", api(Some("Bearer opaque"), OK), Outcome::Pass),
        ("accepted, JWT", api(Some(&format!("Bearer {}", entra())), OK), Outcome::Pass),
        ("refused", api(Some("Bearer opaque"), "HTTP/1.1 401 U\n"), Outcome::Fail),
        ("refused, JWT", api(Some(&format!("Bearer {}", entra())), "HTTP/1.1 401 U\n"), Outcome::Fail),
        ("Basic", api(Some("Bearer opaque"), OK) + &api(Some(BASIC), OK), Outcome::Fail),
        ("nothing", api(None, OK), Outcome::Inconclusive),
        ("no response", api(Some("Bearer opaque"), ""), Outcome::Inconclusive),
    ] {
        let report = testing::judge_by(generic(), &text);
        assert_eq!(report.outcome, outcome, "{name}: {}", report.reason);
    }
}

fn dark(name: Option<&str>, server: &str, reason: Reason) -> ConnectionReport {
    let at = At::Frame { number: 1, time: None };
    let endpoint = |text: &str| {
        let address: SocketAddr = text.parse().unwrap();
        Endpoint { address: address.ip(), port: address.port() }
    };
    ConnectionReport {
        connection: Connection {
            roles_known: true,
            from_start: [true, true],
            packets: 10,
            bytes: [100, 100],
            ..Connection::new(ConnectionId(7), endpoint("10.0.0.1:6000"), endpoint(server), at)
        },
        transport: Transport::Tcp,
        application: Application::Unknown,
        server_name: name.map(str::to_owned),
        application_protocol: None,
        tls: Some("1.3"),
        client_randoms: Vec::new(),
        suite: None,
        decrypted: false,
        reason: Some(reason),
        detail: String::new(),
        exchanges: 0,
        unread: 0,
        tunnel: None,
        plaintext: None,
    }
}

fn judged(policy: Policy, text: &str, more: impl FnOnce(&mut Analysis)) -> Report {
    let exchanges = testing::exchanges(text);
    let mut analysis = testing::analysis(policy);
    for exchange in &exchanges {
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    more(&mut analysis);
    testing::done(analysis, exchanges.len())
}

#[test]
fn a_dark_connection_blocks_if_it_concerns_the_scope() {
    use Outcome::{Inconclusive, Pass};
    let host = |pattern: &str| testing::policy().host(pattern);
    let table = [
        (testing::policy(), Some("mail.contoso.com"), "198.51.100.1:443", Reason::NoKey, Inconclusive),
        (testing::policy(), Some("Mail.Contoso.Com"), "198.51.100.1:443", Reason::HandshakeMissing, Inconclusive),
        (testing::policy(), Some("other.test"), "198.51.100.1:443", Reason::NoKey, Pass),
        (testing::policy(), Some("login.microsoftonline.com"), "198.51.100.1:443", Reason::NoKey, Inconclusive),
        (host("mail.contoso.com"), Some("login.microsoftonline.com"), "198.51.100.1:443", Reason::NoKey, Pass),
        (testing::policy(), Some("other.test"), "203.0.113.7:443", Reason::NoKey, Pass),
        (testing::policy(), None, "203.0.113.7:443", Reason::NoKey, Inconclusive),
        (testing::policy(), None, "198.51.100.1:443", Reason::NoKey, Pass),
        (testing::policy(), Some("public.test"), "203.0.113.7:443", Reason::EncryptedClientHello, Inconclusive),
        (testing::policy(), None, "203.0.113.7:443", Reason::Quic, Inconclusive),
        (testing::policy(), Some("mail.contoso.com"), "203.0.113.7:443", Reason::HandshakeFailed, Pass),
        (testing::policy(), Some("mail.contoso.com"), "203.0.113.7:25", Reason::StartTls, Pass),
        (host("mail.contoso.com"), Some("other.test"), "198.51.100.1:443", Reason::NoKey, Pass),
        (host("*.contoso.com"), Some("autodiscover.contoso.com"), "198.51.100.1:443", Reason::NoKey, Inconclusive),
        (host("mail.*"), None, "203.0.113.7:443", Reason::NoKey, Inconclusive),
    ];
    for (number, (policy, name, server, reason, outcome)) in table.into_iter().enumerate() {
        let report = judged(policy, &works(), |analysis| analysis.connection(SourceId(0), &dark(name, server, reason)));
        assert_eq!(report.outcome, outcome, "{number}: {}", report.reason);
        let blocks = report.findings.iter().any(|f| f.meta.code == "COV-001" && f.blocks);
        assert_eq!(blocks, outcome == Inconclusive, "{number}");
    }
}

#[test]
fn without_any_host_every_dark_connection_counts() {
    for name in [Some("anything.test"), None] {
        let report = judged(testing::policy(), "", |analysis| {
            analysis.connection(SourceId(0), &dark(name, "198.51.100.1:443", Reason::NoKey));
        });
        assert_eq!(report.outcome, Outcome::Inconclusive);
        assert!(report.findings.iter().any(|f| f.meta.code == "COV-001" && f.blocks), "{name:?}");
    }
    let named = testing::policy().host("mail.contoso.com");
    let report = judged(named, "", |analysis| {
        analysis.connection(SourceId(0), &dark(Some("other.test"), "198.51.100.1:443", Reason::NoKey));
    });
    assert!(report.findings.iter().all(|f| f.meta.code != "COV-001" || !f.blocks));
}

#[test]
fn dark_connections_out_of_scope_become_one_finding() {
    let report = judged(testing::policy(), &works(), |analysis| {
        for number in 0..50 {
            analysis
                .connection(SourceId(0), &dark(Some(&format!("h{number}.test")), "198.51.100.1:443", Reason::NoKey));
        }
    });
    let found: Vec<_> = report.findings.iter().filter(|f| f.meta.code == "COV-001").collect();
    assert_eq!((found.len(), found[0].count, found[0].blocks), (1, 50, false));
    assert!(found[0].evidence.len() <= 3);
}

#[test]
fn what_could_not_overturn_the_answer_does_not_block() {
    let image =
        works() + &ask("/owa/x.png", "mail.contoso.com", None) + "HTTP/1.1 200 OK\nContent-Type: image/png\n\nx\n###\n";
    let cut = |kind: &str, cut: BodyCut| {
        let mut exchanges = testing::exchanges(&image.replace("image/png", kind));
        exchanges[1].response.as_mut().unwrap().body.cut = Some(cut);
        testing::judge_exchanges(testing::policy(), exchanges).outcome
    };
    assert_eq!(cut("image/png", BodyCut::Recording), Outcome::Pass);
    assert_eq!(cut("text/html", BodyCut::Recording), Outcome::Inconclusive);
    assert_eq!(cut("text/html", BodyCut::Limit), Outcome::Pass);
    assert_eq!(cut("text/html", BodyCut::Coding), Outcome::Inconclusive);

    for (kind, outcome) in [
        (NoteKind::TruncatedInput { offset: 5 }, Outcome::Inconclusive),
        (NoteKind::MalformedBlock { what: "x" }, Outcome::Inconclusive),
        (NoteKind::MalformedBlock { what: "a name resolution block is damaged" }, Outcome::Pass),
        (NoteKind::Duplicate, Outcome::Pass),
        (NoteKind::Limit { limit: "body" }, Outcome::Pass),
        (NoteKind::Limit { limit: "connections" }, Outcome::Inconclusive),
        (NoteKind::EntrySkipped { why: "x".into() }, Outcome::Inconclusive),
        (NoteKind::Sanitized { how: "x" }, Outcome::Inconclusive),
    ] {
        let report = judged(testing::policy(), &works(), |a| a.note(SourceId(0), &Note::input(kind.clone())));
        assert_eq!(report.outcome, outcome, "{kind:?}: {}", report.reason);
    }
}

#[test]
fn packets_that_are_not_understood_block_by_their_addresses() {
    let esp = PacketSkip::Encrypted("IPsec ESP");
    let unknown = PacketSkip::EtherType(0x88b5);
    let hosts = |a: [u8; 4], b: [u8; 4]| Between::Hosts(a.into(), b.into());
    let (server, client, other) = ([203, 0, 113, 7], [10, 0, 0, 1], [10, 9, 9, 9]);
    let mapped = std::net::Ipv4Addr::from(server).to_ipv6_mapped();
    for (what, between, outcome) in [
        (esp, hosts(client, server), Outcome::Inconclusive),
        (esp, hosts(server, other), Outcome::Inconclusive),
        (esp, Between::Hosts([1; 16].into(), mapped.into()), Outcome::Inconclusive),
        (esp, hosts(client, other), Outcome::Pass),
        (PacketSkip::IpProtocol(132), hosts(client, server), Outcome::Inconclusive),
        (PacketSkip::IpProtocol(132), hosts(client, other), Outcome::Pass),
        (PacketSkip::IpProtocol(1), hosts(client, server), Outcome::Pass),
        (PacketSkip::Datagram(4444), hosts(client, server), Outcome::Inconclusive),
        (PacketSkip::Fragment, hosts(client, server), Outcome::Inconclusive),
        (PacketSkip::EtherType(0x806), Between::Stations([2; 6], [4; 6]), Outcome::Pass),
        (PacketSkip::Control("spanning tree"), Between::Unknown, Outcome::Pass),
        (PacketSkip::IpProtocol(253), hosts(server, [224, 0, 0, 9]), Outcome::Pass),
        // No address tells that it is another host's.
        (unknown, Between::Stations([2; 6], [4; 6]), Outcome::Inconclusive),
        (unknown, Between::Unknown, Outcome::Inconclusive),
        (unknown, Between::Stations([2; 6], [0xff; 6]), Outcome::Pass),
    ] {
        let note = Note::input(NoteKind::PacketSkipped { what, between, packets: 3 });
        let report = judged(testing::policy(), &works(), |a| a.note(SourceId(0), &note));
        assert_eq!(report.outcome, outcome, "{what:?} {between:?}: {}", report.reason);
        let found = report.findings.iter().find(|finding| finding.meta.code == "COV-011");
        assert_eq!(found.map(|finding| finding.count), (!what.is_control()).then_some(3), "{what:?}");
        if let Some(finding) = found {
            let shown = if between.is_to_group() { between } else { between.unordered() };
            assert!(finding.detail.contains(&format!("3 packets {shown}")), "{}", finding.detail);
        }
        let nothing_known = judged(testing::policy(), "", |a| a.note(SourceId(0), &note));
        let blocks = nothing_known.findings.iter().any(|finding| finding.meta.code == "COV-011" && finding.blocks);
        assert_eq!(blocks, !what.is_control() && !between.is_to_group(), "{what:?} {between:?}");
    }
}

#[test]
fn a_pass_does_not_rest_on_packets_read_by_their_form() {
    let note = |between| Note::input(NoteKind::PacketGuessed { what: Guess::WirelessAsEthernet, between, packets: 9 });
    let in_scope = note(Between::Hosts([10, 0, 0, 1].into(), [203, 0, 113, 7].into()));
    let report = judged(testing::policy(), &works(), |a| a.note(SourceId(0), &in_scope));
    assert_eq!(report.outcome, Outcome::Inconclusive);
    let report = judged(testing::policy(), &mail(Some(BASIC), OK), |a| a.note(SourceId(0), &in_scope));
    assert_eq!(report.outcome, Outcome::Fail);
    let elsewhere = note(Between::Hosts([10, 0, 0, 1].into(), [203, 0, 113, 8].into()));
    let report = judged(testing::policy(), &works(), |a| a.note(SourceId(0), &elsewhere));
    assert_eq!(report.outcome, Outcome::Pass);
}

/// Many pairs of hosts are told of in a few findings, and none is lost for the outcome.
#[test]
fn many_pairs_of_hosts_become_few_findings() {
    let what = PacketSkip::Encrypted("IPsec ESP");
    let report = judged(testing::policy(), &works(), |a| {
        for number in 0..=9999_u32 {
            let host = |base: u32| std::net::Ipv4Addr::from_bits(base + number).into();
            for between in [
                Between::Hosts(host(0x0a00_0000), [203, 0, 113, 7].into()),
                Between::Hosts(host(0x0a00_0000), host(0x0b00_0000)),
            ] {
                a.note(SourceId(0), &Note::input(NoteKind::PacketSkipped { what, between, packets: 1 }));
            }
        }
    });
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.meta.code == "COV-011").collect();
    assert!(found.len() < 40 && report.outcome == Outcome::Inconclusive, "{}", found.len());
    assert_eq!(found.iter().map(|finding| finding.count).sum::<u64>(), 20_000);
}

#[test]
fn a_sanitised_input_blocks_only_if_it_has_the_hosts() {
    let mut analysis = testing::analysis(testing::policy());
    for exchange in &testing::exchanges(&works()) {
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    analysis.input(SourceId(1), "b.har", "har");
    for exchange in &mut testing::exchanges(&elsewhere(None, OK)) {
        exchange.source = SourceId(1);
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    analysis.note(SourceId(1), &Note::input(NoteKind::Sanitized { how: "x" }));
    assert_eq!(testing::done(analysis, 2).outcome, Outcome::Pass);
}

#[test]
fn a_har_whose_resource_answers_without_credentials_was_sanitised() {
    let judge = |format: &str, more: &str| {
        let mut analysis = testing::analysis(testing::policy());
        for exchange in &testing::exchanges(&works()) {
            analysis.exchange(exchange, &testing::extract(exchange));
        }
        analysis.input(SourceId(1), "b", format);
        for exchange in &mut testing::exchanges(&(mail(None, OK) + more)) {
            exchange.source = SourceId(1);
            analysis.exchange(exchange, &testing::extract(exchange));
        }
        testing::done(analysis, 2).outcome
    };
    assert_eq!(judge("har", ""), Outcome::Inconclusive);
    assert_eq!(judge("pcap", ""), Outcome::Pass);
    assert_eq!(judge("har", &elsewhere(None, "HTTP/1.1 200 OK\nSet-Cookie: a=b\n")), Outcome::Pass);
}

/// Takes one thing away from a passing recording.
fn damage(exchanges: &mut [Exchange], which: usize, how: usize) {
    let exchange = &mut exchanges[which];
    match how {
        0 => {
            exchange.response = None;
            exchange.marks.add(Mark::ResponseMissing);
        }
        1 => {
            exchange.request = None;
            exchange.marks.add(Mark::RequestMissing);
        }
        2 => exchange.marks.add(Mark::Gap),
        3 => exchange.marks.add(Mark::HeadCut),
        4 => exchange.marks.add(Mark::HeaderUnknown),
        5 => exchange.request.as_mut().unwrap().body.cut = Some(BodyCut::Recording),
        6 => exchange.response.as_mut().unwrap().body.cut = Some(BodyCut::Recording),
        7 => exchange.marks.add(Mark::BodyCut),
        8 => exchange.marks.add(Mark::Sanitized),
        9 => exchange.request.as_mut().unwrap().body.cut = Some(BodyCut::Limit),
        _ => exchange.response.as_mut().unwrap().body.cut = Some(BodyCut::Coding),
    }
}

fn passing() -> Vec<Exchange> {
    testing::exchanges(&(mail(Some(EMPTY_BEARER), CHALLENGE) + &works() + &works() + &mail(None, CHALLENGE)))
}

proptest! {
    /// Whatever is taken away, and wherever, a run that misses something in scope does not pass, and says what blocks.
    #[test]
    fn a_recording_that_lacks_something_never_passes(
        damages in prop::collection::vec((0_usize..4, 0_usize..11), 1..4),
        dark_too in any::<bool>(),
    ) {
        let mut exchanges = passing();
        for (which, how) in damages {
            if exchanges[which].request.is_some() && exchanges[which].response.is_some() {
                damage(&mut exchanges, which, how);
            }
        }
        let mut analysis = testing::analysis(testing::policy());
        for exchange in &exchanges {
            analysis.exchange(exchange, &testing::extract(exchange));
        }
        if dark_too {
            analysis.connection(SourceId(0), &dark(Some("mail.contoso.com"), "203.0.113.7:443", Reason::NoKey));
        }
        let report = testing::done(analysis, 4);
        prop_assert_ne!(report.outcome, Outcome::Pass);
        prop_assert!(report.findings.iter().any(|finding| finding.blocks));
    }
}

#[test]
fn every_single_loss_is_inconclusive_and_nothing_lost_passes() {
    assert_eq!(testing::judge_exchanges(testing::policy(), passing()).outcome, Outcome::Pass);
    for which in 0..4 {
        for how in 0..11 {
            let mut exchanges = passing();
            damage(&mut exchanges, which, how);
            let report = testing::judge_exchanges(testing::policy(), exchanges);
            assert_eq!(report.outcome, Outcome::Inconclusive, "{which} {how}: {}", report.reason);
        }
    }
    // Without the header there is no call: nothing blocks, and nothing is shown.
    let without = works().replace("Authorization: Bearer ", "X-Other: ");
    assert_eq!(testing::judge(&without).outcome, Outcome::Inconclusive);
}

#[test]
fn outcomes_of_several_add_up() {
    use Outcome::{Fail, Inconclusive, Pass};
    for (one, other, both) in
        [(Pass, Pass, Pass), (Pass, Inconclusive, Inconclusive), (Inconclusive, Fail, Fail), (Fail, Pass, Fail)]
    {
        assert_eq!((one.and(other), other.and(one)), (both, both));
    }
}

#[test]
fn a_password_sent_to_the_profiles_token_endpoint_fails() {
    let grant = |host: &str| {
        let form = "Content-Type: application/x-www-form-urlencoded\n";
        let head = format!("POST /t/oauth2/token HTTP/1.1\nHost: {host}\n{form}\n");
        works() + &head + "grant_type=password&username=a&password=b\nHTTP/1.1 200 OK\n\n###\n"
    };
    assert_eq!(testing::judge(&grant("login.microsoftonline.com")).outcome, Outcome::Fail);
    assert_eq!(testing::judge(&grant("login.elsewhere.test")).outcome, Outcome::Pass);
}

#[test]
fn a_token_endpoint_alone_identifies_no_resource() {
    let token = "# @server 198.51.100.9:443\nPOST /t/tokens/OAuth/2 HTTP/1.1\nHost: accounts.accesscontrol.windows.net\n\
                 Content-Type: application/x-www-form-urlencoded\n\n\
                 grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer&resource=x\nHTTP/1.1 200 OK\n\n###\n";
    for name in [Some("mail.contoso.com"), None] {
        let report = judged(testing::policy(), token, |analysis| {
            analysis.connection(SourceId(0), &dark(name, "203.0.113.7:443", Reason::NoKey));
        });
        assert!(report.reason.contains("COV-001"), "{}", report.reason);
    }
}

#[test]
fn what_was_not_sent_proves_nothing() {
    for mark in [Mark::NotSent, Mark::Pushed] {
        let mut exchanges = testing::exchanges(&works());
        exchanges[0].marks.add(mark);
        let report = testing::judge_exchanges(testing::policy(), exchanges);
        assert_eq!(report.outcome, Outcome::Inconclusive, "{mark:?}: {}", report.reason);
        assert!(report.findings.iter().all(|f| !["S2S-001", "S2S-033"].contains(&f.meta.code)));
    }
}

mod bearer;
mod deciding;
