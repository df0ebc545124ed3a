//! Status by status and form by form, over each transport's message.

use std::sync::LazyLock;

use super::*;
use crate::{
    exchange::message::{Body, BodyCut, HeadBuilder},
    handshake::{ledger::Ledger, observation::Observation},
    limits::Limits,
    policy::Policy,
    rules::testing,
};

const EWS: &str = "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer eyJ0.eyJ1.c2ln";
const API: &str = "GET /v1/me HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer eyJ0.eyJ1.c2ln";
const SOAP: &str = "<s:Envelope><s:Body><m:R/></s:Body></s:Envelope>";

fn fault(code: &str) -> String {
    format!("<s:Envelope><s:Body><s:Fault><faultcode>{code}</faultcode></s:Fault></s:Body></s:Envelope>")
}

/// How an exchange is answered by a profile's measure.
fn by(profile: &str, exchange: &Exchange) -> Answer {
    static POLICIES: LazyLock<[Policy; 2]> =
        LazyLock::new(|| ["exchange-s2s", "generic"].map(|name| Policy::new(Profile::builtin(name).unwrap())));
    let policy = POLICIES.iter().find(|policy| policy.profile.name == profile).unwrap();
    let mut ledger = Ledger::new(&Limits::default());
    let extraction = testing::extract(exchange);
    Observation::new(exchange, &extraction, policy, &mut ledger).answer
}

fn answer(profile: &str, request: &str, status: u16, fields: &str, content: &str) -> Answer {
    let text =
        format!("{request}\n\nHTTP/1.1 {status} X\nx-y: z\n{fields}Content-Length: {}\n\n{content}", content.len());
    by(profile, &testing::exchanges(&text).remove(0))
}

fn ews(status: u16, fields: &str, content: &str) -> Answer {
    answer("exchange-s2s", EWS, status, fields, content)
}

fn api(status: u16, fields: &str, content: &str) -> Answer {
    answer("generic", API, status, fields, content)
}

const XML: &str = "Content-Type: text/xml; charset=utf-8\n";
const JSON: &str = "Content-Type: application/json\n";
const HTML: &str = "Content-Type: text/html\n";

#[test]
fn status_by_status() {
    use Answer::{Accepted, Forbidden, Refused, Undecided};
    let refusal = fault("a:ErrorInvalidToken");
    let other = fault("a:ErrorNonExistentMailbox");
    let error = r#"{"error":"name required"}"#;
    let token = r#"{"error":"invalid_token"}"#;
    for status in 100..600 {
        let success = if (200..300).contains(&status) { Accepted } else { Undecided };
        let plain = match status {
            401 | 440 | 456 => Refused,
            403 => Forbidden,
            _ => success,
        };
        assert_eq!(ews(status, XML, SOAP), plain, "{status}");
        assert_eq!(api(status, JSON, "{\"id\":1}"), plain, "{status}");
        let own = if status == 500 { Accepted } else { plain };
        assert_eq!(ews(status, XML, &other), own, "{status}: a fault about something else");
        let undecided = if plain == Accepted { Undecided } else { plain };
        assert_eq!(api(status, JSON, error), undecided, "{status}: an error about something else");
        for page in ["<html><p>Blocked</p></html>", "<!DOCTYPE html>", "200 OK"] {
            assert_eq!(ews(status, HTML, page), undecided, "{status} {page}");
            assert_eq!(api(status, HTML, page), undecided, "{status} {page}");
        }
        assert_eq!(ews(status, "", ""), undecided, "{status}: the endpoint gives content");
        assert_eq!(api(status, "", ""), plain, "{status}: it may give none");
        let refused = match status {
            ..=199 | 407 | 300..=399 => Undecided,
            _ => Refused,
        };
        assert_eq!(ews(status, XML, &refusal), refused, "{status}");
        assert_eq!(ews(status, JSON, token), refused, "{status}");
        assert_eq!(api(status, JSON, token), refused, "{status}");
        let diagnostic = "x-ms-diagnostics: 2000003;reason=\"x\";error_category=\"invalid_resource\"\n";
        assert_eq!(ews(status, diagnostic, ""), refused, "{status}");
    }
}

#[test]
fn forms_of_exchange() {
    let at = |path: &str, fields: &str, content: &str| {
        let request = EWS.replace("/EWS/Exchange.asmx", path);
        answer("exchange-s2s", &request, 200, fields, content)
    };
    let type_of = |kind: &str| format!("Content-Type: {kind}\n");
    for (path, kind, content) in [
        ("/EWS/Exchange.asmx", "text/xml", SOAP),
        ("/EWS/Exchange.asmx", "application/soap+xml; charset=utf-8", "<env:Envelope><env:Body/></env:Envelope>"),
        ("/EWS/Exchange.asmx", "", "<?xml version='1.0'?>\r\n<!-- c --><Envelope><Body/></Envelope>"),
        ("/EWS/Exchange.asmx", "text/xml", "\u{feff}<s:Envelope><s:Body/></s:Envelope>"),
        ("/EWS/Exchange.asmx", "text/xml", &fault("s:Client")),
        (
            "/EWS/Exchange.asmx",
            "multipart/related; type=\"application/xop+xml\"; boundary=b",
            "--b\r\nContent-Type: application/xop+xml; type=\"text/xml\"\r\nContent-ID: <a>\r\n\r\n<s:Envelope><s:Body/></s:Envelope>\r\n--b--",
        ),
        ("/ews/exchange.asmx/s/GetUserPhoto?email=a", "image/jpeg", "\u{fffd}JFIF"),
        ("/autodiscover/autodiscover.svc", "text/xml", SOAP),
        ("/Autodiscover/Autodiscover.xml", "text/xml", "<Autodiscover><Response/></Autodiscover>"),
        (
            "/Autodiscover/Autodiscover.xml",
            "application/xml",
            "<Autodiscover><Response><Error><ErrorCode>600</ErrorCode></Error></Response></Autodiscover>",
        ),
        ("/mapi/emsmdb/?MailboxId=a", "application/mapi-http", "PROCESSING\r\nDONE\r\nX-ResponseCode: 0\r\n\r\n\u{1}"),
        ("/Microsoft-Server-ActiveSync?Cmd=Sync", "application/vnd.ms-sync.wbxml", "\u{3}\u{1}j"),
        ("/Microsoft-Server-ActiveSync?Cmd=Sync", "application/vnd.ms-sync.wbxml", ""),
        ("/OAB/x/oab.xml", "application/xml", "<OAL id='a'/>"),
        ("/OAB/x/data.lzx", "application/octet-stream", "\u{fffd}"),
        ("/rpc/rpcproxy.dll?a:6001", "application/rpc", "\u{5}"),
        ("/api/v2.0/me/messages", "application/json; odata.metadata=minimal", r#"{"@odata.context":"x","value":[]}"#),
        ("/owa/service.svc", "application/json", "{}"),
        ("/ucwa/oauth/v1/applications", "application/json", r#"{"_links":{}}"#),
        ("/webticket/webticketservice.svc", "text/xml", SOAP),
        ("/_vti_bin/client.svc/ProcessQuery", "application/json", "[]"),
    ] {
        let field = if kind.is_empty() { String::new() } else { type_of(kind) };
        assert_eq!(at(path, &field, content), Answer::Accepted, "{path} {kind} {content}");
        // The same place, a device's page in front.
        let page = "<html><head><title>Request Rejected</title></head></html>";
        assert_eq!(at(path, HTML, page), Answer::Undecided, "{path}");
        assert_eq!(at(path, &field, page), Answer::Undecided, "{path} {kind}: a page is none of its kind");
    }
    for (path, kind, content) in [
        ("/EWS/Exchange.asmx", "application/json", "{}"),
        ("/EWS/Exchange.asmx", "text/plain", "OK"),
        ("/EWS/Exchange.asmx", "application/octet-stream", "\u{fffd}"),
        ("/mapi/emsmdb/", "text/xml", SOAP),
        ("/mapi/emsmdb/", "application/mapi-http", ""),
        ("/api/v2.0/me", "text/plain", "OK"),
        ("/ews/healthcheck.htm", "text/html", "200 OK"),
        ("/ews/healthcheck.htm", "text/xml", SOAP),
        ("/owa/healthcheck.htm", "", ""),
        ("/autodiscover/autodiscover.json?Email=a", "application/json", "{}"),
        ("/autodiscover/metadata/json/1", "application/json", "{}"),
    ] {
        let field = if kind.is_empty() { String::new() } else { type_of(kind) };
        assert_eq!(at(path, &field, content), Answer::Undecided, "{path} {kind} {content}");
    }
}

#[test]
fn forms_of_apis() {
    let type_of = |kind: &str| format!("Content-Type: {kind}\n");
    for (kind, content) in [
        ("application/json", "{}"),
        ("application/hal+json", "{}"),
        ("text/plain", "{\"a\":1}"),
        ("application/x-ndjson", "{\"a\":1}\n{\"b\":2}\n"),
        ("application/xml", "<a/>"),
        ("application/atom+xml", "<feed/>"),
        ("application/soap+xml", SOAP),
        ("text/event-stream", "data: {\"id\":1}\n\n"),
        ("text/csv", "a,b\n1,2\n"),
        ("text/plain; charset=utf-8", "hello"),
        ("application/pdf", "%PDF-1.7"),
        ("application/zip", "PK"),
        ("application/octet-stream", "{not json"),
        ("image/png", "PNG"),
        ("application/vnd.docker.distribution.manifest.v2+json", "{\"schemaVersion\":2}"),
    ] {
        assert_eq!(api(200, &type_of(kind), content), Answer::Accepted, "{kind} {content}");
    }
    for (kind, content) in [
        ("text/html", "<div>"),
        ("application/xhtml+xml", "<html xmlns='x'/>"),
        ("application/json", "<!doctype html><p>"),
        ("application/json", "nonsense"),
        ("text/css", "a{}"),
        ("application/javascript", "alert(1)"),
        ("application/grpc", ""),
        ("application/grpc-web+proto", "\u{0}\u{0}\u{0}\u{0}\u{0}"),
        ("text/event-stream", ""),
        ("text/html", ""),
    ] {
        assert_eq!(api(200, &type_of(kind), content), Answer::Undecided, "{kind} {content}");
    }
    for (kind, content) in [
        ("text/plain", "Unauthorized"),
        ("application/x-www-form-urlencoded", "error=invalid_token&error_description=x"),
        ("text/event-stream", "event: error\ndata: {\"code\":401}\n\n"),
        ("application/xml", "<Error><Code>InvalidToken</Code></Error>"),
        ("application/grpc-web-text", "gAAAAC9ncnBjLXN0YXR1czoxNg0KZ3JwYy1tZXNzYWdlOnVuYXV0aGVudGljYXRlZA0K"),
    ] {
        assert_eq!(api(200, &type_of(kind), content), Answer::Refused, "{kind} {content}");
    }
    for path in ["/healthz", "/api/health", "/.well-known/openid-configuration", "/healthcheck.htm", "/oauth/jwks.json"]
    {
        assert_eq!(answer("generic", &API.replace("/v1/me", path), 200, JSON, "{}"), Answer::Undecided, "{path}");
    }
}

#[test]
fn statuses_of_grpc() {
    for (status, expected) in
        [("0", Answer::Accepted), ("16", Answer::Refused), ("7", Answer::Undecided), ("x", Answer::Undecided)]
    {
        let field = format!("Content-Type: application/grpc\ngrpc-status: {status}\n");
        assert_eq!(api(200, &field, ""), expected, "{status} in the header section");
        let text = format!("{API}\n\nHTTP/1.1 200 OK\nContent-Type: application/grpc\n\n\0");
        let mut exchange = testing::exchanges(&text).remove(0);
        assert_eq!(by("generic", &exchange), Answer::Undecided, "without trailers");
        let mut trailers = HeadBuilder::trailers();
        trailers.field(b"grpc-status", status.as_bytes());
        exchange.response.as_mut().unwrap().trailers = Some(Box::new(trailers.finish()));
        assert_eq!(by("generic", &exchange), expected, "{status} in trailers");
    }
}

#[test]
fn who_is_answered_and_by_which_method() {
    let with = |from: &str, to: &str| answer("exchange-s2s", &EWS.replace(from, to), 200, XML, SOAP);
    for (method, expected) in [
        ("OPTIONS", Answer::Undecided),
        ("TRACE", Answer::Undecided),
        ("options", Answer::Undecided),
        ("HEAD", Answer::Undecided),
        ("GET", Answer::Accepted),
    ] {
        assert_eq!(with("POST", method), expected, "{method}");
    }
    let head = API.replace("GET", "HEAD");
    assert_eq!(answer("generic", &head, 200, JSON, ""), Answer::Accepted);
    assert_eq!(answer("generic", &head, 200, HTML, ""), Answer::Undecided);
    assert_eq!(answer("generic", &API.replace("GET", "OPTIONS"), 401, "", ""), Answer::Undecided);
    let first = "Authorization: Bearer eyJ0.eyJ1.c2ln";
    for (more, expected) in [
        ("Authorization: Bearer eyJ0.eyJ1.c2ln", Answer::Accepted),
        ("Authorization: Bearer other", Answer::Undecided),
        ("Authorization: Basic dTpw", Answer::Undecided),
        ("Authorization: Bearer null", Answer::Accepted),
        ("Proxy-Authorization: Basic dTpw", Answer::Accepted),
        ("Cookie: a=eyJ0.eyJ1.c2ln", Answer::Accepted),
    ] {
        assert_eq!(with(first, &format!("{first}\n{more}")), expected, "{more}");
    }
    assert_eq!(with(first, "Authorization: Bearer eyJ0.eyJ1.c2ln, Bearer other"), Answer::Undecided);
    assert_eq!(with("asmx HTTP", "asmx?access_token=abcdefgh HTTP"), Answer::Undecided);
    assert_eq!(with("asmx HTTP", "asmx?access_token=undefined HTTP"), Answer::Accepted);
    // Without credentials there is nothing to accept.
    for nothing in ["Bearer null", "Bearer undefined", "Bearer", "Bearer $TOKEN", "null", ""] {
        assert_eq!(with(first, &format!("Authorization: {nothing}")), Answer::Anonymous, "{nothing}");
        let request = EWS.replace(first, &format!("Authorization: {nothing}"));
        assert_eq!(answer("exchange-s2s", &request, 401, "", ""), Answer::Discovery, "{nothing}");
    }
}

#[test]
fn redirects_and_logins() {
    for (fields, expected) in [
        ("Location: /my.policy\n", Answer::Login),
        ("Location: https://idp.test/?SAMLRequest=x\n", Answer::Login),
        ("Location: https://mail.contoso.com/owa/\n", Answer::Undecided),
        ("Location: https://mail.contoso.com/EWS/Exchange.asmx\n", Answer::Undecided),
        ("", Answer::Undecided),
    ] {
        assert_eq!(ews(302, fields, ""), expected, "{fields}");
        assert_eq!(api(302, fields, ""), expected, "{fields}");
    }
    assert_eq!(api(302, "Location: https://api.contoso.com/v1/me\n", ""), Answer::Undecided, "http to https");
    assert_eq!(ews(200, HTML, "<form><input type=\"password\"></form>"), Answer::Login);
    assert_eq!(ews(200, HTML, "<form action=x><input type=hidden name=\"SAMLRequest\" value=y></form>"), Answer::Login);
    assert_eq!(ews(200, "Content-Type: text/html\nRefresh: 0; URL=/vpn/index.html\n", "<html>"), Answer::Login);
}

#[test]
fn what_was_not_recorded_decides_nothing() {
    let told = |change: &dyn Fn(&mut Body), kind: &str| {
        let text = format!("{API}\n\nHTTP/1.1 200 OK\nContent-Type: {kind}\n\n{{}}");
        let mut exchange = testing::exchanges(&text).remove(0);
        change(&mut exchange.response.as_mut().unwrap().body);
        by("generic", &exchange)
    };
    let lost = |body: &mut Body| *body = Body { cut: Some(BodyCut::Recording), decoded: Some(9), ..Body::default() };
    let undone = |body: &mut Body| body.cut = Some(BodyCut::Coding);
    let unread = |body: &mut Body| *body = Body { decoded: Some(9), ..Body::default() };
    assert_eq!(told(&|_| {}, "application/json"), Answer::Accepted);
    assert_eq!(told(&lost, "application/json"), Answer::Undecided);
    assert_eq!(told(&undone, "application/json"), Answer::Undecided);
    assert_eq!(told(&unread, "image/png"), Answer::Accepted);
    assert_eq!(told(&unread, "text/html"), Answer::Undecided);
    assert_eq!(told(&unread, "text/javascript"), Answer::Undecided);
}

#[test]
fn errors_in_any_coding_of_characters() {
    let fault = fault("a:ErrorInvalidToken");
    let text = format!("{EWS}\n\nHTTP/1.1 500 X\nContent-Type: text/xml; charset=utf-16\n\n{SOAP}");
    let mut exchange = testing::exchanges(&text).remove(0);
    for little in [true, false] {
        let wide = |unit: u16| if little { unit.to_le_bytes() } else { unit.to_be_bytes() };
        let content: Vec<u8> = fault.encode_utf16().flat_map(wide).collect();
        exchange.response.as_mut().unwrap().body.kept = Some(content.into());
        assert_eq!(by("exchange-s2s", &exchange), Answer::Refused, "{little}");
    }
}

#[test]
fn a_websocket_takes_a_token_by_opening_or_by_its_first_message() {
    use Answer::{Accepted, Anonymous, Refused, Undecided};
    const TOKEN: &str = "eyJ0.eyJ1.c2ln";
    let opened = |profile: &str, fields: &str, said: &str, heard: &str| {
        let text = format!(
            "GET /graphql HTTP/1.1\nHost: api.contoso.com\nConnection: Upgrade\nUpgrade: websocket\n{fields}\n\
             HTTP/1.1 101 X\nConnection: Upgrade\nUpgrade: websocket\n\n"
        );
        let mut exchange = testing::exchanges(&text).remove(0);
        for (message, kept) in [(&mut exchange.request, said), (&mut exchange.response, heard)] {
            message.as_mut().unwrap().body.kept = Some(kept.as_bytes().into()).filter(|_| !kept.is_empty());
        }
        by(profile, &exchange)
    };
    let first = format!("{{\"type\":\"connection_init\",\"payload\":{{\"Authorization\":\"Bearer {TOKEN}\"}}}}\n");
    let home = format!("{{\"type\":\"auth\",\"access_token\":\"{TOKEN}\"}}\n{{\"id\":1}}\n");
    let second = format!("{{\"type\":\"connection_init\"}}\n{{\"token\":\"{TOKEN}\"}}\n");
    let in_field = format!("Authorization: Bearer {TOKEN}\n");
    let in_protocol = format!("Sec-WebSocket-Protocol: bearer, {TOKEN}\n");
    let (ack, no) = ("{\"type\":\"connection_ack\"}\n", "{\"type\":\"connection_error\"}\n");
    for (fields, said, heard, answer) in [
        ("", first.as_str(), ack, Accepted),
        ("", &first, no, Refused),
        ("", &first, "", Undecided),
        ("", &home, "{\"type\":\"auth_required\"}\n{\"type\":\"auth_ok\"}\n", Accepted),
        ("", &home, "{\"type\":\"auth_required\"}\n{\"type\":\"auth_invalid\"}\n", Refused),
        // What comes later presents nothing.
        ("", &second, ack, Anonymous),
        (&in_field, "", "", Accepted),
        (&in_field, "", no, Refused),
        (&in_protocol, "", "{\"price\":1}\n", Accepted),
    ] {
        assert_eq!(opened("generic", fields, said, heard), answer, "{fields} {said} {heard}");
    }
    // Nothing of Exchange is asked over a WebSocket.
    assert_eq!(opened("exchange-s2s", &in_field, "", ""), Undecided);
}
