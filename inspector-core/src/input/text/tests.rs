use super::*;
use crate::input::tests::Dribble;

fn read_all(text: &[u8]) -> (Vec<Exchange>, Vec<NoteKind>, Option<String>) {
    let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => exchanges.push(*exchange),
            Item::Note(note) => notes.push(note.kind),
            other => panic!("{other:?}"),
        }
        Control::Continue
    };
    let error = Transcript.read(&mut &*text, &Limits::default(), &mut sink).err().map(|error| error.to_string());
    (exchanges, notes, error)
}

fn read(text: &str) -> Vec<Exchange> {
    let (exchanges, notes, error) = read_all(text.as_bytes());
    assert_eq!((notes, error), (vec![], None), "{text}");
    exchanges
}

fn content(message: &Option<Message>) -> String {
    let kept = message.as_ref().unwrap().body.kept.as_deref();
    String::from_utf8(kept.unwrap_or_default().to_vec()).unwrap()
}

/// `METHOD URL STATUS request/response` of an exchange, and its marks.
fn line(exchange: &Exchange) -> String {
    let method = exchange.request.as_ref().map(|r| String::from_utf8_lossy(r.head.method()).into_owned());
    let contents = [&exchange.request, &exchange.response].map(|m| m.as_ref().map(|_| content(m)).unwrap_or_default());
    let marks: Vec<_> = exchange.marks.iter().map(Mark::as_str).collect();
    let status = exchange.status().unwrap_or(0);
    format!("{} {} {status} {} {}", method.unwrap_or_default(), exchange.url(), contents.join("/"), marks.join(","))
}

fn lines(text: &str) -> Vec<String> {
    read(text).iter().map(|exchange| line(exchange).trim_end().to_owned()).collect()
}

#[test]
fn reads_messages_in_order() {
    let head = "POST /a HTTP/1.1\nHost: h\nContent-Length: 2\n\n{}\nHTTP/1.1 200 OK\nContent-Type: text/plain\n\nyes\n";
    for (text, expected) in [
        (head.to_owned(), vec!["POST https://h/a 200 {}/yes"]),
        (head.replace('\n', "\r\n"), vec!["POST https://h/a 200 {}/yes"]),
        (format!("\u{feff}# a comment\n\n{head}\n\n{head}"), vec!["POST https://h/a 200 {}/yes"; 2]),
        (format!("{head}### next\n{head}"), vec!["POST https://h/a 200 {}/yes"; 2]),
        ("GET http://h/a HTTP/1.0\n\nHTTP/1.0 204 No Content".into(), vec!["GET http://h/a 204 /"]),
        (
            "GET http://h/a\nA: b\n###\nHTTP/2 404\n".into(),
            vec!["GET http://h/a 0 / response-missing", "  404 / request-missing"],
        ),
        (
            "PUT /a HTTP/1.1\nHost: h\nExpect: 100-continue\n\nx\n\nHTTP/1.1 100 Continue\n\nHTTP/1.1 201 Created\n\n"
                .into(),
            vec!["PUT https://h/a 201 x/"],
        ),
        (
            "GET /a HTTP/1.1\nHost: h\n\nGET /b HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n\nb".into(),
            vec!["GET https://h/a 0 / response-missing", "GET https://h/b 200 /b"],
        ),
        ("HEAD /a HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\nContent-Length: 99\n\n".into(), vec!["HEAD https://h/a 200 /"]),
        (
            "GET /a HTTP/1.1\nHost: h\nX: 1\n  2\nbroken\n\nHTTP/1.1 200 OK\n\n".into(),
            vec!["GET https://h/a 200 / malformed,obs-fold"],
        ),
    ] {
        assert_eq!(lines(&text), expected, "{text}");
    }
}

#[test]
fn a_content_ends_at_its_length_if_it_is_truthful() {
    let response =
        |fields: &str, rest: &str| format!("GET /a HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n{fields}\n\n{rest}");
    let inner = "GET /inner HTTP/1.1\n\n";
    for (text, expected) in [
        (response("Content-Length: 22", &format!("{inner}x\n\nGET /b HTTP/1.1\n")), format!("{inner}x")),
        (response("Content-Length: 3", "longer\n\n"), "longer".into()),
        (response("Content-Length: 0", "longer"), "longer".into()),
        (response("Content-Length: 3", "abc\n\n# note\n// note\nGET /b HTTP/1.1\n"), "abc".into()),
        (response("Content-Length: 4", "a\nb\n"), "a\nb\n".into()),
        (response("Content-Length: 3", "abcHTTP/1.1 200 OK\n\n"), "abc".into()),
        // Its carriage returns were lost.
        (response("Content-Length: 6", "a\nb\n###"), "a\nb".into()),
        (response("Transfer-Encoding: chunked", "3;x\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"), "abcd".into()),
        (response("Transfer-Encoding: chunked", "bad\n"), "bad".into()),
        (
            response("Content-Type: multipart/mixed; boundary=\"b\"", &format!("--b\n\n{inner}\n--b--\n\n")),
            format!("--b\n\n{inner}\n--b--"),
        ),
    ] {
        let exchanges = read(&text);
        assert_eq!(
            (content(&exchanges[0].response), exchanges[0].marks.has(Mark::BodyCut)),
            (expected, false),
            "{text}"
        );
    }
    let cut = read(&response("Content-Length: 30", "short\n"));
    assert_eq!((content(&cut[0].response).as_str(), cut[0].marks.has(Mark::BodyCut)), ("short", true));
    let (coded, ..) = read_all(b"HTTP/1.1 200 OK\nContent-Encoding: gzip\n\n\x1f\x8b\x08\xff");
    assert!(coded[0].marks.has(Mark::CodingUnknown));
}

#[test]
fn takes_facts_from_comments() {
    let text = "# @time 2026-01-01T00:00:00Z\n# @scheme http\n// @client 10.0.0.1:5000\n# @server [2001:db8::1]:80\n# @name x\n\
        GET /a HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n\nyes\n# @server 192.0.2.1\nGET /b HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n\n";
    let exchanges = read(text);
    let facts = |exchange: &Exchange| {
        let ends = [exchange.client, exchange.server].map(|end| end.map(|end| end.to_string()).unwrap_or_default());
        (exchange.url(), ends, exchange.response.as_ref().unwrap().first)
    };
    let time = Some(Timestamp::from_seconds(1_767_225_600));
    assert_eq!(
        facts(&exchanges[0]),
        ("http://h/a".into(), ["10.0.0.1:5000".into(), "[2001:db8::1]:80".into()], At::Entry { index: 0, time })
    );
    assert_eq!(
        facts(&exchanges[1]),
        ("https://h/b".into(), [String::new(), "192.0.2.1:0".into()], At::Entry { index: 1, time: None })
    );
    assert_eq!(content(&exchanges[0].response), "yes");
}

#[test]
fn reads_what_curl_prints() {
    let text = "*   Trying 192.0.2.1:443...\n* Connected to h (192.0.2.1) port 443 (#0)\n* ALPN: offers h2,http/1.1\n\
        } [5 bytes data]\n> POST /a HTTP/2\r\n> Host: h\r\n> Content-Length: 8\r\n> \r\n{ [5 bytes data]\n\
        * We are completely uploaded and fine\n< HTTP/2 401 \r\n< www-authenticate: Bearer\r\n< content-length: 6\r\n<\r\n\
        denied* Connection #0 to host h left intact\n* Connected to i (::1) port 80 (#1)\n> GET /b HTTP/1.1\n> Host: i\n>\n\
        < HTTP/1.1 200 OK\n<\n< no\n> header\nyes\n* Closing connection\n";
    let (exchanges, notes, _) = read_all(text.as_bytes());
    let lines: Vec<_> = exchanges.iter().map(|exchange| line(exchange).trim_end().to_owned()).collect();
    assert_eq!(lines[0], "POST https://h/a 401 /denied body-cut");
    assert_eq!(exchanges[0].server.unwrap().to_string(), "192.0.2.1:443");
    assert_eq!((exchanges[0].protocol, exchanges[1].protocol), (Protocol::H2, Protocol::Http11));
    assert_eq!((exchanges[1].scheme, exchanges[1].server.unwrap().to_string().as_str()), (Scheme::Http, "[::1]:80"));
    assert_eq!((exchanges.len(), notes.len()), (2, 1));
    let newer = "* Established connection to h (192.0.2.1 port 8080) from 10.0.0.1 port 5000\n> GET / HTTP/1.1\n>\n< HTTP/1.1 200 OK\n<\na\n";
    let exchange = &read(newer)[0];
    assert_eq!(exchange.client.unwrap().to_string(), "10.0.0.1:5000");
    assert_eq!((exchange.server.unwrap().port, content(&exchange.response).as_str()), (8080, "a"));
}

#[test]
fn tells_what_it_could_not_read() {
    let (exchanges, notes, _) = read_all(b"stray\nmore\nGET / HTTP/1.1\nAuthorization: Bearer [REDACTED]\n\n");
    assert!(matches!(notes[..], [NoteKind::MalformedBlock { .. }, NoteKind::Sanitized { .. }]), "{notes:?}");
    assert!(exchanges[0].marks.has(Mark::Sanitized));
    assert_eq!(read_all(b"").2.as_deref(), Some("the file is empty"));
    assert_eq!(read_all(b"hello\n").2.as_deref(), Some("http: no request or response was found"));
}

#[test]
fn bounds_what_it_reads() {
    let limits = Limits { entry: 300, body: 4, decoded_body: 5, head: 64, fields: 2, ..Limits::default() };
    let text =
        "POST / HTTP/1.1\nA: 1\nB: 2\nC: 3\n\n123456\nHTTP/1.1 200 OK\n\n123456\n".to_owned() + &"\n".repeat(300);
    let (mut exchanges, mut notes) = (Vec::new(), Vec::new());
    let mut sink = |item: Item<'_>| {
        match item {
            Item::Exchange(exchange) => exchanges.push(*exchange),
            Item::Note(note) => notes.push(note.kind),
            _ => {}
        }
        Control::Continue
    };
    Transcript.read(&mut text.as_bytes(), &limits, &mut sink).unwrap();
    assert_eq!(line(&exchanges[0]), "POST https:/// 200 1234/12345 body-limit,head-cut,malformed");
    assert_eq!(notes, [NoteKind::Limit { limit: "file" }]);
}

#[test]
fn probes_by_start_lines() {
    for (head, probe) in [
        (&b"GET / HTTP/1.1\r\n"[..], Probe::Likely),
        (b"\xef\xbb\xbf# c\n\n###\nGET https://h/\n", Probe::Likely),
        (b"HTTP/1.1 200 OK\n", Probe::Likely),
        (b"* Trying\n> GET / HTTP/2\n", Probe::Likely),
        (b"< HTTP/1.1 404 Not Found\n", Probe::Likely),
        (b"GET the book\n", Probe::No),
        (b"HTTP/1.1 is old\n", Probe::No),
        (b"get / HTTP/1.1\n", Probe::No),
        (b"{\"log\":{}}", Probe::No),
        (b"\xd4\xc3\xb2\xa1\0\0\0\nGET / HTTP/1.1\n", Probe::No),
        (b"", Probe::No),
    ] {
        assert_eq!(Transcript.probe(head), probe, "{:?}", String::from_utf8_lossy(head));
    }
}

proptest::proptest! {
    #[test]
    fn lines_in_any_order_never_panic(lines in proptest::collection::vec(proptest::sample::select(vec![
        "GET / HTTP/1.1", "HTTP/1.1 200 OK", "> GET / HTTP/2", "< HTTP/2 200", "A: b", " fold", "", "Content-Length: 5", "###",
        "> A: b", "< ", ">", "* x", "* Connected to h (", "# @time", "# @time x", "Transfer-Encoding: chunked", "5", "0", "abcde",
        "Content-Type: multipart/mixed; boundary=", "HTTP/1.1 100 C", ":", "\u{e9}", "----"]), 0..40)) {
        read_all(lines.join("\n").as_bytes());
    }
}

#[test]
fn no_more_is_read_than_the_limit_in_room_for_no_more() {
    for (length, most) in
        [(0, 10), (9, 10), (10, 10), (11, 10), (300_000, 200_000), (200_000, 300_000), (1 << 20, 1 << 20)]
    {
        let data: Vec<u8> = (0..length).map(|at: usize| at as u8).collect();
        for reads in [1000, 70_000, usize::MAX] {
            let (text, beyond) = read_at_most(&mut Dribble::new(&data, reads), most).unwrap();
            assert_eq!((text.len(), beyond), (length.min(most), length > most), "{length} {most}");
            assert_eq!(text, data[..text.len()]);
            assert!(text.capacity() <= most, "{length} {most}: {}", text.capacity());
        }
    }
}

#[test]
fn of_a_long_content_only_the_first_bytes_are_kept() {
    let limits = Limits { decoded_body: 100, ..Limits::default() };
    let line = "0123456789\n".repeat(100);
    let chunked = format!("200\r\n{}\r\n24c\r\n{}\r\n0\r\n\r\n", &line[..0x200], &line[0x200..]);
    let response =
        |fields: &str, content: &str| format!("GET /a HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n{fields}\n\n{content}");
    for (text, length) in [
        (response("Content-Length: 1100", &line), 1100),
        (response("Transfer-Encoding: chunked", &chunked), 1100),
        (response("A: b", &line), 1099),
    ] {
        let mut exchanges = Vec::new();
        let mut sink = |item: Item<'_>| {
            exchanges.extend(match item {
                Item::Exchange(exchange) => Some(*exchange),
                _ => None,
            });
            Control::Continue
        };
        Transcript.read(&mut text.as_bytes(), &limits, &mut sink).unwrap();
        let body = &exchanges[0].response.as_ref().unwrap().body;
        assert_eq!((body.transferred, body.cut), (length, Some(BodyCut::Limit)), "{text}");
        assert_eq!(body.kept.as_deref(), Some(&line.as_bytes()[..100]), "{text}");
        assert!(exchanges[0].marks.has(Mark::BodyLimit));
    }
}

#[test]
fn a_coded_content_that_is_text_stays_one_where_it_is_cut() {
    // The bound lies within a character.
    let content = "é".repeat(30);
    for (bound, chunked) in [(31, true), (31, false), (30, true), (100, true)] {
        let limits = Limits { decoded_body: bound, ..Limits::default() };
        let fields = if chunked { "Transfer-Encoding: chunked" } else { "Content-Length: 60" };
        let content = if chunked { format!("3c\n{content}\n0\n\n") } else { content.clone() };
        let text =
            format!("GET /a HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\nContent-Encoding: gzip\n{fields}\n\n{content}");
        let mut marks = Vec::new();
        let mut sink = |item: Item<'_>| {
            if let Item::Exchange(exchange) = item {
                marks.push(exchange.marks.has(Mark::CodingUnknown));
            }
            Control::Continue
        };
        Transcript.read(&mut text.as_bytes(), &limits, &mut sink).unwrap();
        assert_eq!(marks, [false], "{bound} {chunked}");
    }
}
