//! Tests over whole exchanges.

use std::fmt::Write;

use super::*;
use crate::{
    evidence::SourceId,
    exchange::{
        Marks, Protocol, Scheme,
        message::{Body, Head, HeadBuilder, Message},
    },
    http::auth::CredentialsKind,
    token::testing::*,
};

const AT: At = At::Entry { index: 7, time: None };
const REALM: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

/// A message of the text of its fields and its content.
fn message(mut builder: HeadBuilder, fields: &str, body: &[u8]) -> Message {
    for line in fields.lines().filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').unwrap();
        builder.field(name.as_bytes(), value.trim().as_bytes());
    }
    let body = Body { transferred: body.len() as u64, decoded: None, kept: Some(body.into()), cut: None };
    Message { head: builder.finish(), body, trailers: None, first: AT, head_end: AT, end: AT }
}

fn request(target: &str, fields: &str, body: &[u8]) -> Message {
    message(HeadBuilder::request(b"POST", target.as_bytes(), None), fields, body)
}

fn response(fields: &str, body: &[u8]) -> Message {
    message(HeadBuilder::response(200, b"OK"), fields, body)
}

fn exchange(request: Option<Message>, response: Option<Message>) -> Exchange {
    Exchange {
        source: SourceId(0),
        number: 1,
        connection: None,
        stream: None,
        protocol: Protocol::Http11,
        scheme: Scheme::Https,
        client: None,
        server: None,
        tls: None,
        request,
        response,
        marks: Marks::default(),
    }
}

fn run(request: Option<Message>, response: Option<Message>) -> Extraction {
    let limits = Limits::default();
    extract(&exchange(request, response), &mut Interner::new(&limits), &limits)
}

fn sent(target: &str, fields: &str, body: &str) -> Extraction {
    run(Some(request(target, fields, body.as_bytes())), None)
}

fn received(fields: &str, body: &str) -> Extraction {
    run(None, Some(response(fields, body.as_bytes())))
}

/// `role part name` a line, with a check that every token is `token`.
fn places(found: &Extraction, token: &str) -> Vec<String> {
    let line = |sighting: &Sighting| {
        assert_eq!(sighting.token.raw.reveal().as_ref(), token, "{sighting:?}");
        assert_eq!(sighting.at, AT);
        format!("{} {} {}", sighting.role.as_str(), sighting.part.as_str(), sighting.name)
    };
    found.sightings.iter().map(line).collect()
}

fn base64(text: &str) -> String {
    ::base64::Engine::encode(&::base64::engine::general_purpose::STANDARD, text)
}

#[test]
fn request_fields() {
    let cookie = format!("authtoken=Bearer%253D{OUTER}%2526Origin%253Dx; other=1");
    let odd = format!("a=Bearer%3D{OUTER}%26Origin");
    let kubernetes = format!("base64url.bearer.authorization.k8s.io.{}, v1", encode(OUTER));
    let table = [
        (format!("Authorization: Bearer {OUTER}"), "presented request.header Authorization"),
        (format!("aUTHORIZATION:   bEaReR \t {OUTER}"), "presented request.header aUTHORIZATION"),
        (format!("Authorization: {OUTER}"), "presented request.header Authorization"),
        (format!("Authorization: Unheard-Of x={OUTER}"), "presented request.header Authorization"),
        (format!("Authorization: Bearer token=\"{OUTER}\""), "presented request.header Authorization"),
        (format!("Authentication: skypetoken={OUTER}"), "presented request.header Authentication"),
        (format!("Proxy-Authorization: Bearer {OUTER}"), "mentioned request.header Proxy-Authorization"),
        (format!("X-Forwarded-Authorization: Bearer {OUTER}"), "mentioned request.header X-Forwarded-Authorization"),
        (format!("X-Skypetoken: {OUTER}"), "mentioned request.header X-Skypetoken"),
        (format!("Cf-Access-Jwt-Assertion: {OUTER}"), "mentioned request.header Cf-Access-Jwt-Assertion"),
        (format!("X-Whatever: a, {OUTER};b"), "mentioned request.header X-Whatever"),
        (format!("X-Whatever: {}", base64(OUTER)), "mentioned request.header X-Whatever"),
        (format!("Cookie: x=1; id_token={OUTER}"), "mentioned request.header Cookie id_token"),
        (format!("Cookie: {cookie}"), "mentioned request.header Cookie authtoken"),
        (format!("Cookie: {odd}"), "mentioned request.header Cookie a"),
        (format!("Cookie: b={}", OUTER.replace('.', "%252E")), "mentioned request.header Cookie b"),
        (format!("Referer: https://h/p?access_token={OUTER}&x=1"), "mentioned request.header Referer access_token"),
        (format!("Referer: https://h/{OUTER}/x"), "mentioned request.header Referer path"),
        (format!("Sec-WebSocket-Protocol: bearer, {OUTER}"), "presented request.header Sec-WebSocket-Protocol"),
        (format!("Sec-WebSocket-Protocol: {kubernetes}"), "presented request.header Sec-WebSocket-Protocol"),
        (format!("Sec-WebSocket-Protocol: v1, bearer.{OUTER}"), "presented request.header Sec-WebSocket-Protocol"),
        (
            format!("Sec-WebSocket-Protocol: Authorization, {OUTER}, v1"),
            "presented request.header Sec-WebSocket-Protocol",
        ),
        (format!("Sec-WebSocket-Protocol: {OUTER}"), "presented request.header Sec-WebSocket-Protocol"),
        (
            format!("RegistrationToken: registrationToken={OUTER}"),
            "mentioned request.header RegistrationToken registrationToken",
        ),
    ];
    for (field, expected) in table {
        let found = sent("/", &field, "");
        assert_eq!(places(&found, OUTER), [expected], "{field:.60}");
        assert!(found.limits.is_empty());
    }
}

#[test]
fn the_golden_exchange_shares_one_decoded_token() {
    let limits = Limits::default();
    let mut interner = Interner::new(&limits);
    let message = request("/EWS/Exchange.asmx", &format!("Host: mail.contoso.com\nAuthorization: Bearer {OUTER}"), b"");
    let exchange = exchange(Some(message), None);
    let first = extract(&exchange, &mut interner, &limits);
    let second = extract(&exchange, &mut interner, &limits);
    assert!(Arc::ptr_eq(&first.sightings[0].token, &second.sightings[0].token));
    assert_eq!((first.sightings.len(), first.sightings[0].kind), (1, TokenKind::S2sOuter));
    assert_eq!(first.sightings[0].scheme.as_deref(), Some("Bearer"));
    assert!(first.sightings[0].token.actor.is_some());
    let credentials = &first.credentials[0];
    assert_eq!((&credentials.kind, credentials.length), (&CredentialsKind::Token, 2129));
    assert_eq!(credentials.id, crate::secret::Fingerprint::of(OUTER.as_bytes()));
    // The two layers.
    assert_eq!((interner.len(), interner.overflow()), (2, 0));
}

#[test]
fn several_tokens_and_credentials_in_one_field() {
    let found = sent(
        "/",
        &format!(
            "Authorization: MSAuth1.0 actortoken=\"Bearer {ACTOR}\", accesstoken=\"Bearer {OUTER}\", type=\"PFAT\""
        ),
        "",
    );
    let seen: Vec<_> = found.sightings.iter().map(|s| (s.name.as_str(), s.kind, s.role)).collect();
    assert_eq!(
        seen,
        [
            ("Authorization actortoken", TokenKind::S2sActor, Role::Presented),
            ("Authorization accesstoken", TokenKind::S2sOuter, Role::Presented),
        ]
    );
    assert_eq!(found.credentials[0].kind, CredentialsKind::Token);

    let merged = sent("/", &format!("Authorization: Bearer {OUTER}, Basic YTpi\nauthorization: NTLM TlRM"), "");
    let schemes: Vec<_> = merged.credentials.iter().map(|c| c.scheme.as_str()).collect();
    assert_eq!(schemes, ["Bearer", "Basic", "NTLM"]);
    assert_eq!(merged.sightings.len(), 1);

    let pop = jwt(r#"{"alg":"RS256","typ":"pop"}"#, &format!(r#"{{"at":"{ACTOR}","cnf":{{}}}}"#));
    let found = sent("/", &format!("Authorization: PoP {pop}"), "");
    let seen: Vec<_> = found.sightings.iter().map(|s| (s.name.as_str(), s.kind)).collect();
    assert_eq!(seen, [("Authorization", TokenKind::Pop), ("Authorization at", TokenKind::S2sActor)]);

    // BAS-017: a token in the place of a password is both.
    let found = sent("/", &format!("Authorization: Basic {}", base64(&format!("oauth2:{RFC7515_A1}"))), "");
    assert!(matches!(found.credentials[0].kind, CredentialsKind::Basic(_)));
    assert_eq!(places(&found, RFC7515_A1), ["presented request.header Authorization"]);
}

#[test]
fn trap_13_opaque_bearers_are_tokens() {
    for (value, family) in
        [("Bearer cwt=AAEBHAEFAAAA", Some("cwt")), ("WLID1.0 t=EwBAA8l6", Some("msa")), ("Bearer 2YotnFZFEjr1", None)]
    {
        let found = sent("/", &format!("Authorization: {value}"), "");
        let token = &found.sightings[0].token;
        assert_eq!((token.kind, token.family, token.defects.len()), (TokenKind::Opaque, family, 0), "{value}");
        assert_eq!((found.sightings[0].role, &found.credentials[0].kind), (Role::Presented, &CredentialsKind::Token));
    }
    // Neither discovery nor a redacted field is a token.
    for (value, kind) in [("Bearer", CredentialsKind::Empty), ("Bearer [REDACTED]", CredentialsKind::Redacted)] {
        let found = sent("/", &format!("Authorization: {value}"), "");
        assert_eq!((found.sightings.len(), &found.credentials[0].kind), (0, &kind));
    }
    let cut = sent("/", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.[REDACTED]", "");
    assert_eq!(cut.sightings[0].token.defects, [Defect::Redacted]);
    assert!(!cut.sightings[0].token.is_unsigned());
}

/// What is made of a token's end would be made of the place where its content was cut.
#[test]
fn a_token_at_the_end_of_a_cut_content_is_cut() {
    use crate::exchange::message::BodyCut;
    let whole = format!("a={OUTER}&assertion={ACTOR}");
    let cases = [
        ("application/x-www-form-urlencoded", whole.clone()),
        ("application/json", format!(r#"{{"first":"{OUTER}","access_token":"{ACTOR}"#)),
        ("text/xml", format!("<a><First>{OUTER}</First><Token>{ACTOR}")),
        ("text/plain", format!("{OUTER} {ACTOR}")),
    ];
    for (media, text) in &cases {
        for lost in [0, 1, 40, 300] {
            let text = &text.as_bytes()[..text.len() - lost];
            for cut in [BodyCut::Recording, BodyCut::Limit] {
                let fields = format!("Content-Type: {media}");
                let mut messages = [request("/", &fields, text), response(&fields, text)];
                messages.iter_mut().for_each(|message| message.body.cut = Some(cut));
                let [request, response] = messages;
                for found in [run(Some(request), None), run(None, Some(response))] {
                    let ends: Vec<bool> = found
                        .sightings
                        .iter()
                        .map(|sighting| sighting.token.defects.contains(&Defect::Redacted))
                        .collect();
                    assert!(ends == [false, true] || ends == [false], "{media} -{lost}: {ends:?}");
                }
            }
        }
    }
    // The same content as a whole.
    let found = sent("/", "Content-Type: application/x-www-form-urlencoded", &whole);
    assert!(found.sightings.iter().all(|sighting| !sighting.token.defects.contains(&Defect::Redacted)));
    assert_eq!(found.sightings.len(), 2);
}

#[test]
fn targets_and_parameters() {
    let table = [
        (format!("/x?access_token={OUTER}"), "presented request.url access_token"),
        (format!("/x?access_token={}", OUTER.replace('.', "%2E")), "presented request.url access_token"),
        (format!("https://h/x?a=b#access_token={OUTER}"), "presented request.url access_token"),
        (format!("/_layouts/15/AppRedirect.aspx?SPAppToken={OUTER}"), "mentioned request.url SPAppToken"),
        (format!("/x?client_assertion={OUTER}"), "assertion request.url client_assertion"),
        (format!("/x?whatever=a{OUTER}"), "mentioned request.url whatever"),
        (format!("/x?{OUTER}"), "mentioned request.url content"),
        (format!("/x?access_token=t%3D{OUTER}%26x"), "presented request.url access_token"),
        (format!("/x/{OUTER}/y"), "mentioned request.url path"),
        (format!("/x?w={}", base64(OUTER).replace('=', "%3D")), "mentioned request.url w"),
        (format!("/x?j=%7B%22a%22%3A%22{OUTER}%22%7D"), "mentioned request.url j"),
    ];
    for (target, expected) in table {
        assert_eq!(places(&sent(&target, "", ""), OUTER), [expected], "{target:.40}");
    }
    let found = sent("/x?grant_type=a+b&empty=&flag#frag=1", "", "");
    let pairs: Vec<_> = found.parameters.iter().map(|p| (p.name.as_str(), p.value.reveal().as_str(), p.part)).collect();
    let part = Part::RequestUrl;
    assert_eq!(pairs, [("grant_type", "a b", part), ("empty", "", part), ("flag", "", part), ("frag", "1", part)]);
    let redirect = run(
        None,
        Some(response(&format!("Location: https://app/cb?code=c&state=s#id_token={OUTER}&access_token={OUTER}"), b"")),
    );
    assert_eq!(
        places(&redirect, OUTER),
        ["issued response.header Location id_token", "issued response.header Location access_token"]
    );
    assert_eq!(redirect.parameters.len(), 4);
    assert!(redirect.parameters.iter().all(|p| p.part == Part::ResponseHeader));
}

#[test]
fn token_requests_and_responses() {
    let assertion = jwt(
        r#"{"typ":"JWT","alg":"RS256","x5t":"x"}"#,
        &format!(
            r#"{{"aud":"00000001-0000-0000-c000-000000000000/h@{REALM}","iss":"00000004-0000-0ff1-ce00-000000000000@{REALM}"}}"#
        ),
    );
    let form = "Content-Type: application/x-www-form-urlencoded";
    let body = format!(
        "grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer&assertion={assertion}&resource=00000002-0000-0ff1-ce00-000000000000%2Fmail.contoso.com%40{REALM}"
    );
    let found = sent("/tokens/OAuth/2", form, &body);
    assert_eq!(places(&found, &assertion), ["assertion request.body assertion"]);
    assert_eq!(found.sightings[0].kind, TokenKind::S2sAssertion);
    assert_eq!(found.parameters.len(), 3);
    assert_eq!(found.parameters[0].value.reveal(), "http://oauth.net/grant_type/jwt/1.0/bearer");

    // An actor token posted as an assertion is one; an outer token and an Entra token stay what they are.
    let entra = jwt(r#"{"alg":"RS256"}"#, r#"{"iss":"https://sts.windows.net/t/"}"#);
    for (name, token, kind) in [
        ("assertion", ACTOR, TokenKind::S2sAssertion),
        ("client_assertion", ACTOR, TokenKind::S2sAssertion),
        ("actor_token", ACTOR, TokenKind::S2sActor),
        ("assertion", OUTER, TokenKind::S2sOuter),
        ("assertion", &entra, TokenKind::EntraAccess),
    ] {
        let found = sent("/token", form, &format!("{name}={token}"));
        assert_eq!((found.sightings[0].kind, found.sightings[0].role), (kind, Role::Assertion), "{name}");
    }
    for (content_type, body, expected) in [
        (form, "refresh_token=0.AXoA.x", "assertion request.body refresh_token"),
        (form, "access_token=0.AXoA.x", "presented request.body access_token"),
        (form, "refresh_token=[REDACTED]", "assertion request.body refresh_token"),
        ("", "refresh_token=0.AXoA.x", "assertion request.body refresh_token"),
        ("Content-Type: application/json", "{\"refresh_token\":\"0.AXoA.x\"}", "assertion request.body /refresh_token"),
        ("Content-Type: application/json", "{\"access_token\":\"0.AXoA.x\"}", "mentioned request.body /access_token"),
    ] {
        let found = sent("/token", content_type, body);
        let seen: Vec<_> =
            found.sightings.iter().map(|s| format!("{} {} {}", s.role.as_str(), s.part.as_str(), s.name)).collect();
        assert_eq!(seen, [expected], "{body}");
        assert_eq!(found.parameters.len(), 1);
    }

    let answer = format!(r#"{{"token_type":"Bearer","expires_in":"86699","access_token":"{ACTOR}"}}"#);
    assert_eq!(
        places(&received("Content-Type: application/json", &answer), ACTOR),
        ["issued response.body /access_token"]
    );
    let legacy = "{\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\",\"refresh_token\":\"[REDACTED]\"}";
    let found = received("Content-Type: application/json", legacy);
    let seen: Vec<_> = found.sightings.iter().map(|s| (s.name.as_str(), s.role, s.token.defects.len())).collect();
    assert_eq!(seen, [("/access_token", Role::Issued, 0), ("/refresh_token", Role::Issued, 1)]);
}

#[test]
fn trap_12_fields_of_any_case_and_lists() {
    let found = run(
        None,
        Some(response(
            "www-authenticate: Bearer client_id=\"a\", trusted_issuers=\"x@*,y@z\",Negotiate,NTLM,Basic realm=\"\"\nWWW-AUTHENTICATE: Digest nonce=\"n\"\nproxy-authenticate: Basic realm=p",
            b"",
        )),
    );
    let seen: Vec<_> = found.challenges.iter().map(|c| (c.scheme.as_str(), c.proxy)).collect();
    assert_eq!(
        seen,
        [
            ("Bearer", false),
            ("Negotiate", false),
            ("NTLM", false),
            ("Basic", false),
            ("Digest", false),
            ("Basic", true)
        ]
    );
    // A token a server echoes is sighted and masked.
    let echo = run(None, Some(response(&format!("WWW-Authenticate: Bearer error_description=\"bad {OUTER}\""), b"")));
    assert_eq!(places(&echo, OUTER), ["mentioned response.header WWW-Authenticate"]);
    assert!(echo.challenges[0].parameters[0].1.starts_with("bad eyJ0\u{2026}(2129 chars"));
}

#[test]
fn json_bodies() {
    let json = "Content-Type: application/json; charset=utf-8";
    let inner = format!("{{\\\"deep\\\":{{\\\"t\\\":\\\"{OUTER}\\\"}}}}");
    let table = [
        (format!(r#"{{"a":{{"b":[1,{{"c":"x {OUTER}"}}]}}}}"#), vec!["mentioned response.body /a/b/1/c"]),
        (format!(r#"{{"data":{{"accessToken":"{OUTER}"}}}}"#), vec!["issued response.body /data/accessToken"]),
        (format!(r#"{{"a/b":{{"~":"{OUTER}"}}}}"#), vec!["mentioned response.body /a~1b/~0"]),
        (format!(r#"{{"s":"{inner}"}}"#), vec!["mentioned response.body /s/deep/t"]),
        (format!(r#"{{"t":"{}"}}"#, OUTER.replace('.', "\\u002e")), vec!["mentioned response.body /t"]),
        (format!(r#"{{"t":"{}"}}"#, base64(OUTER)), vec!["mentioned response.body /t"]),
        (format!(r#"["{OUTER}"]"#), vec!["mentioned response.body /0"]),
        (format!(")]}}',\n{{\"t\":\"{OUTER}\"}}"), vec!["mentioned response.body /t"]),
        (format!("\u{feff}{{\"t\":\"{OUTER}\"}}"), vec!["mentioned response.body /t"]),
        (format!("{{\"x\":1}}\n{{\"t\":\"{OUTER}\"}}\n"), vec!["mentioned response.body /t"]),
        // Cut or broken: once by name, and the rest by value.
        (format!(r#"{{"t":"{OUTER}","u":"#), vec!["mentioned response.body /t"]),
        (format!(r#"{{"u":x,"t":"{OUTER}"}}"#), vec!["mentioned response.body content"]),
        (format!(r#"{{"{OUTER}":1}}"#), vec!["mentioned response.body content"]),
    ];
    for (body, expected) in table {
        assert_eq!(places(&received(json, &body), OUTER), expected, "{body:.60}");
    }
    // Duplicates are both seen (trap 16).
    let twice = received(json, r#"{"access_token":"first","access_token":"second"}"#);
    assert_eq!(twice.sightings.len(), 2);
    let found = sent("/", json, r#"{"grant_type":"password","password":"p","n":1,"o":{"password":"q"}}"#);
    let pairs: Vec<_> = found.parameters.iter().map(|p| (p.name.as_str(), p.value.reveal().as_str(), p.part)).collect();
    assert_eq!(pairs, [("grant_type", "password", Part::RequestBody), ("password", "p", Part::RequestBody)]);
}

#[test]
fn pages_and_scripts_mention() {
    for (kind, body) in [
        ("text/html", format!("<html><script>var t = \"{OUTER}\";</script>")),
        ("application/javascript", format!("const t='{OUTER}'")),
        ("text/html", format!("<input name=\"id_token\" value=\"{OUTER}\">")),
        ("text/plain", format!("token: {OUTER} ")),
        ("image/png", format!("\u{0}{OUTER}\u{0}")),
    ] {
        let found = places(&received(&format!("Content-Type: {kind}"), &body), OUTER);
        assert_eq!(found.len(), 1, "{kind}");
        assert!(found[0].starts_with("mentioned response.body"), "{found:?}");
    }
    // The application id in a page is no token.
    assert!(received("Content-Type: text/html", "00000004-0000-0ff1-ce00-000000000000@x token").sightings.is_empty());
}

#[test]
fn soap_bodies() {
    let xml = "Content-Type: text/xml; charset=utf-8";
    let security = |value: &str| {
        format!(
            "<?xml version=\"1.0\"?><!-- <Password>no</Password> --><s:Envelope xmlns:s='x'><s:Header><q:Security>{value}</q:Security></s:Header></s:Envelope>"
        )
    };
    let token = |text: &str| {
        security(&format!(
            "<q:BinarySecurityToken ValueType=\"urn:x#JWT\" EncodingType=\"…#Base64Binary\">\r\n {text}\r\n</q:BinarySecurityToken>"
        ))
    };
    for text in [OUTER.to_owned(), base64(OUTER), format!("<![CDATA[{OUTER}]]>"), OUTER.replace('.', "&#46;")] {
        let expected = ["presented request.body BinarySecurityToken"];
        assert_eq!(places(&sent("/", xml, &token(&text)), OUTER), expected, "{text:.20}");
    }
    let certificate = security("<BinarySecurityToken ValueType=\"…#X509v3\">MIIC0zCCAbug</BinarySecurityToken>");
    assert!(sent("/", xml, &certificate).sightings.is_empty());
    let value =
        format!("<m:Token><t:TokenType>CallerIdentity</t:TokenType><t:TokenValue>{OUTER}</t:TokenValue></m:Token>");
    assert_eq!(places(&received(xml, &value), OUTER), ["issued response.body TokenValue"]);
    assert_eq!(places(&sent("/", xml, &format!("<a x=\"{OUTER}\"/>")), OUTER), ["mentioned request.body a"]);

    let login = |kind: &str| {
        security(&format!(
            "<wsse:UsernameToken wsu:Id=\"u>1\"><wsse:Username>contoso\\m&amp;m</wsse:Username><wsse:Password{kind}>P&lt;<![CDATA[&]]>d</wsse:Password><Nonce>n</Nonce></wsse:UsernameToken>"
        ))
    };
    for (kind, carrier) in [
        (" Type=\"http://docs…#PasswordText\"", PasswordCarrier::WsText),
        ("", PasswordCarrier::WsText),
        (" wsse:Type='http://docs…#PasswordDigest'", PasswordCarrier::WsDigest),
    ] {
        let found = sent("/", xml, &login(kind));
        let [password] = found.passwords.as_slice() else { panic!("{found:?}") };
        assert_eq!((password.carrier, password.user.as_str()), (carrier, "contoso\\m&m"));
        assert_eq!((password.password.reveal().as_str(), password.part), ("P<&d", Part::RequestBody));
    }
    // Cut inside, and UTF-16.
    let cut = login("");
    assert_eq!(sent("/", xml, cut.split("<Nonce>").next().unwrap()).passwords.len(), 1);
    let wide: Vec<u8> = [0xfeff].into_iter().chain(cut.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(run(Some(request("/", xml, &wide)), None).passwords.len(), 1);
}

#[test]
fn multipart_bodies() {
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"access_token\"\r\n\r\n{OUTER}\r\n--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--b--\r\n"
    );
    let found = sent("/", "Content-Type: multipart/form-data; boundary=\"b\"", &form);
    assert_eq!(places(&found, OUTER), ["presented request.body access_token"]);
    assert_eq!(found.parameters.iter().map(|p| p.value.reveal().len()).collect::<Vec<_>>(), [2129, 1]);

    let one = |fields: &str| {
        format!("Content-Type: application/http\r\n\r\nGET /api/me HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n")
    };
    let batch = format!(
        "--out\r\n{}--out\r\nContent-Type: multipart/mixed; boundary=output\r\n\r\n--output\r\n{}--output--\r\n--out--",
        one(&format!("Authorization: Bearer {OUTER}")),
        one("authorization: Basic YTpi"),
    );
    for content_type in ["Content-Type: multipart/mixed; boundary=out", "Content-Type: multipart/mixed"] {
        let found = sent("/$batch", content_type, &batch);
        assert_eq!(places(&found, OUTER), ["presented request.body Authorization"]);
        let seen: Vec<_> = found.credentials.iter().map(|c| (c.scheme.as_str(), c.part)).collect();
        assert_eq!(seen, [("Bearer", Part::RequestBody), ("Basic", Part::RequestBody)]);
    }
    let json = format!(
        r#"{{"requests":[{{"id":"1","headers":{{"Authorization":"Bearer {OUTER}"}}}},{{"headers":{{"authorization":"Basic YTpi"}}}}]}}"#
    );
    let found = sent("/$batch", "Content-Type: application/json", &json);
    assert_eq!(places(&found, OUTER), ["presented request.body Authorization"]);
    assert_eq!(found.credentials.iter().map(|c| c.scheme.as_str()).collect::<Vec<_>>(), ["Bearer", "Basic"]);

    let mtom = format!(
        "--m\r\nContent-Type: application/xop+xml\r\n\r\n<e><BinarySecurityToken>{OUTER}</BinarySecurityToken></e>\r\n--m\r\nContent-Type: application/octet-stream\r\n\r\n\u{1}{RFC7515_A1}\r\n--m--"
    );
    let found = sent("/", "Content-Type: multipart/related; boundary=m", &mtom);
    assert_eq!(found.sightings.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["BinarySecurityToken", "content"]);
}

#[test]
fn passwords_in_urls() {
    let table: &[(&str, &str, &str, &str, &str)] = &[
        ("https://m%C3%BC:p%40ss:x@h/p", "", "mü", "p@ss:x", "url"),
        ("/p", "Referer: http://u:p@h/", "u", "p", "Referer"),
        ("/p", "Host: u:p@h", "u", "p", "Host"),
        ("/p", "Link: <http://u:p@h/x>; rel=next", "u", "p", "Link"),
    ];
    for (target, fields, user, password, name) in table {
        let found = sent(target, fields, "");
        let [one] = found.passwords.as_slice() else { panic!("{target}: {found:?}") };
        assert_eq!((one.user.as_str(), one.password.reveal().as_str(), one.name.as_str()), (*user, *password, *name));
        assert_eq!(one.carrier, PasswordCarrier::Url);
    }
    assert_eq!(received("Location: //u:p@h/x", "").passwords[0].part, Part::ResponseHeader);
    let connect = message(HeadBuilder::request(b"CONNECT", b"u:p@h:443", None), "", b"");
    assert_eq!(run(Some(connect), None).passwords.len(), 1);
    for target in ["https://user@h/", "/a:b@c", "/x?mail=a:b@c", "/redirect//u:p@h", "https://h/u:p@x"] {
        assert!(sent(target, "Host: h:443", "").passwords.is_empty(), "{target}");
    }
}

#[test]
fn trailers_are_read() {
    let trailers =
        |fields: &str| -> Option<Box<Head>> { Some(Box::new(message(HeadBuilder::trailers(), fields, b"").head)) };
    let mut asked = request("/", "", b"");
    asked.trailers = trailers(&format!("Authorization: Basic YTpi\nX: {OUTER}"));
    let mut answered = response("", b"");
    answered.trailers = trailers("WWW-Authenticate: Basic realm=x");
    let found = run(Some(asked), Some(answered));
    assert_eq!(places(&found, OUTER), ["mentioned request.header X"]);
    assert_eq!((found.credentials.len(), found.challenges.len()), (1, 1));
}

#[test]
fn limits_are_told() {
    let limits = Limits { per_exchange: 3, json_members: 4, token: 1000, ..Limits::default() };
    let run = |fields: &str, body: &str| {
        extract(&exchange(Some(request("/", fields, body.as_bytes())), None), &mut Interner::new(&limits), &limits)
    };
    let found = run("Content-Type: application/x-www-form-urlencoded", "a=1&b=2&c=3&d=4");
    assert_eq!((found.parameters.len(), found.limits.as_slice()), (3, ["per_exchange"].as_slice()));
    let found = run("Content-Type: application/json", &format!(r#"{{"a":1,"b":[1,1,1,1],"t":"{RFC7515_A1}"}}"#));
    assert_eq!(found.limits, ["json_members"]);
    assert_eq!(places(&found, RFC7515_A1), ["mentioned request.body content"]);
    assert_eq!(run(&format!("Authorization: Bearer {OUTER}"), "").limits, ["token"]);
}

#[test]
fn hostile_bodies_end() {
    for body in [
        "eyJ".repeat(300_000),
        format!("{{\"token\":{}", "[".repeat(500_000)),
        format!("{{\"token\":\"{}", "\\\"{".repeat(200_000)),
        "<token a=\"".repeat(50_000),
        "<a><![CDATA[token".repeat(30_000),
        "&lt;".repeat(100_000) + "token",
        "--token\r\n".repeat(50_000),
        "token=%25".repeat(50_000),
    ] {
        for kind in
            ["application/json", "text/xml", "multipart/mixed", "application/x-www-form-urlencoded", "text/html"]
        {
            let _ = sent("/", &format!("Content-Type: {kind}"), &body);
        }
    }
}

#[test]
fn trap_15_nothing_printed_holds_a_secret() {
    let planted = "pLaNtEdSeCrEt";
    let signature = ACTOR.rsplit_once('.').unwrap().1;
    let token = format!(
        "{}.{}.{planted}",
        encode(r#"{"alg":"HS256"}"#),
        encode(format!(r#"{{"password":"{planted}","actortoken":"{ACTOR}"}}"#))
    );
    let bodies = [
        (
            "application/json",
            format!(
                r#"{{"access_token":"{token}","password":"{planted}","{token}":{{"x":"{token}"}},"token":"{planted}{planted}"}}"#
            ),
        ),
        (
            "application/x-www-form-urlencoded",
            format!("password={planted}&{token}=1&{token}&assertion={token}&x=1&{}", planted.repeat(4)),
        ),
        (
            "text/xml",
            format!(
                "<UsernameToken><Username>u</Username><Password>{planted}</Password></UsernameToken><a.{token}>{token}</a>"
            ),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nContent-Disposition: form-data; name=\"{token}\"\r\n\r\n{token}\r\n--b--"),
        ),
    ];
    for (kind, body) in bodies {
        let fields = format!(
            "Content-Type: {kind}\nAuthorization: Bearer {token}\nX-Authorization: {planted}\nProxy-Authorization: Basic {}\nCookie: {token}={token}\nReferer: https://u:{planted}@h/{token}?access_token={planted}\nX-Skypetoken: {planted}\nSec-WebSocket-Protocol: bearer, {planted}",
            base64(&format!("u:{planted}")),
        );
        let answer = format!(
            "Content-Type: {kind}\nLocation: https://u:{planted}@h/#access_token={token}\nSet-Cookie: a={token}\nWWW-Authenticate: Bearer error=\"{token}\""
        );
        let found = run(
            Some(request(&format!("https://u:{planted}@h/?access_token={token}&{token}"), &fields, body.as_bytes())),
            Some(response(&answer, body.as_bytes())),
        );
        let mut shown = format!("{found:?}");
        for sighting in &found.sightings {
            write!(shown, "{sighting:?}{:?}", crate::token::mask::claims_for_display(&sighting.token)).unwrap();
        }
        found.credentials.iter().for_each(|c| shown.push_str(&c.masked()));
        assert!(found.sightings.len() > 8 && !found.passwords.is_empty(), "{found:?}");
        for secret in [planted, &base64(planted)[..12], &signature[..16], &encode(planted)] {
            let at = shown.find(secret);
            assert_eq!(at, None, "{kind}: {}", &shown[at.unwrap_or(0).saturating_sub(200)..][..300]);
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(128))]
    #[test]
    fn any_exchange_is_read(target: String, name in "Cookie|Location|Authorization|Sec-WebSocket-Protocol|Referer|Link|X", value: Vec<u8>,
        kind in "application/json|text/xml|multipart/mixed; boundary=b|application/http|application/x-www-form-urlencoded|", body: Vec<u8>) {
        let mut head = HeadBuilder::request(b"GET", target.as_bytes(), None);
        head.field(name.as_bytes(), &value).field(b"Content-Type", kind.as_bytes());
        let mut asked = message(head, "", &body);
        let mut answered = response("", &body);
        std::mem::swap(&mut answered.trailers, &mut asked.trailers);
        let _ = run(Some(asked), Some(answered));
    }

    #[test]
    fn a_token_in_structured_bodies_is_found(kind in 0..4_usize, filler in "[a-z0-9 ]{0,20}") {
        let (kind, body) = match kind {
            0 => ("application/json", format!(r#"{{"f":"{filler}","g":[{{"t":"{OUTER}"}}]}}"#)),
            1 => ("text/xml", format!("<f a='{filler}'>{filler}<t>{OUTER}</t></f>")),
            2 => ("application/x-www-form-urlencoded", format!("f={filler}&t={OUTER}")),
            _ => ("multipart/form-data; boundary=b", format!("--b\r\n\r\n{filler}\r\n--b\r\n\r\n{OUTER}\r\n--b--")),
        };
        let found = sent("/", &format!("Content-Type: {kind}"), &body);
        proptest::prop_assert_eq!(found.sightings.len(), 1);
    }
}
