//! No secret of a recording is in any output of any command: planted in every place a secret can be in, in every encoding,
//! and looked for as it is, percent-decoded, decoded from base64, and with JSON's escapes undone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{fmt::Write as _, fs, path::PathBuf};

use common::{Run, base64url, run, run_with};
use serde_json::{Value, json};

/// Secrets, made as they are needed: each place has its own.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn keep(&mut self, place: &str, secret: String) -> String {
        self.0.push((place.to_owned(), secret.clone()));
        secret
    }

    /// Letters and digits as a generator of tokens makes them; the same for the same place.
    fn opaque(&mut self, place: &str) -> String {
        let secret = random(place, 24, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
        self.keep(place, secret)
    }

    /// A password somebody made up: letters of one kind. It is told by its name only.
    fn word(&mut self, place: &str) -> String {
        let secret = random(place, 12, b"bcdfghklmnprstvz");
        self.keep(place, secret)
    }

    /// Hexadecimal digits.
    fn hex(&mut self, place: &str) -> String {
        let secret = random(place, 40, b"0123456789abcdef");
        self.keep(place, secret)
    }

    /// A JWT whose signature is the secret.
    fn jwt(&mut self, place: &str, claims: &Value) -> String {
        self.signed(place, &json!({"typ": "JWT", "alg": "RS256", "x5t": "JwvDu6qsMznP6Mw7mnpegmka6qY"}), claims)
    }

    fn signed(&mut self, place: &str, header: &Value, claims: &Value) -> String {
        let signature = random(place, 342, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        self.keep(place, signature[100..140].to_owned());
        format!("{}.{}.{signature}", part(header), part(claims))
    }
}

fn random(seed: &str, length: usize, alphabet: &[u8]) -> String {
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length).map(|_| char::from(alphabet[usize::try_from(next() >> 33).unwrap() % alphabet.len()])).collect()
}

fn base64(bytes: &[u8]) -> String {
    let mut text = base64url(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        write!(out, "%{byte:02X}").unwrap();
        out
    })
}

/// One exchange.
struct Message {
    target: String,
    fields: Vec<(String, String)>,
    content: (String, String),
    status: u16,
    answer: Vec<(String, String)>,
    answer_content: (String, String),
}

impl Message {
    fn get(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            fields: Vec::new(),
            content: (String::new(), String::new()),
            status: 200,
            answer: vec![("Content-Type".into(), "text/xml; charset=utf-8".into())],
            answer_content: (String::new(), "<ok/>".into()),
        }
    }

    fn field(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    fn answer(mut self, name: &str, value: impl Into<String>) -> Self {
        self.answer.push((name.to_owned(), value.into()));
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn post(mut self, media: &str, content: impl Into<String>) -> Self {
        self.content = (media.to_owned(), content.into());
        self
    }

    fn gives(mut self, media: &str, content: impl Into<String>) -> Self {
        self.answer_content = (media.to_owned(), content.into());
        self
    }

    fn method(&self) -> &'static str {
        if self.content.1.is_empty() { "GET" } else { "POST" }
    }

    fn request(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: mail.contoso.com\r\n", self.method(), self.target);
        for (name, value) in &self.fields {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        if !self.content.1.is_empty() {
            write!(text, "Content-Type: {}\r\nContent-Length: {}\r\n", self.content.0, self.content.1.len()).unwrap();
        }
        format!("{text}\r\n{}", self.content.1)
    }

    fn response(&self) -> String {
        let mut text = format!("HTTP/1.1 {} Answer\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n", self.status);
        for (name, value) in &self.answer {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        write!(text, "Content-Length: {}\r\n\r\n{}", self.answer_content.1.len(), self.answer_content.1).unwrap();
        text
    }

    fn entry(&self) -> Value {
        let list = |all: &[(String, String)]| -> Vec<Value> {
            all.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
        };
        let mut fields = list(&self.fields);
        fields.insert(0, json!({"name": "Host", "value": "mail.contoso.com"}));
        if !self.content.1.is_empty() {
            fields.push(json!({"name": "Content-Type", "value": self.content.0}));
        }
        json!({
            "startedDateTime": "2026-11-23T12:00:00.000Z", "time": 1, "cache": {},
            "timings": {"send": 0, "wait": 1, "receive": 0}, "serverIPAddress": "10.0.0.9",
            "request": {
                "method": self.method(), "httpVersion": "HTTP/1.1", "cookies": [], "queryString": [],
                "url": format!("https://mail.contoso.com{}", self.target), "headersSize": -1,
                "headers": fields, "bodySize": self.content.1.len(),
                "postData": {"mimeType": self.content.0, "text": self.content.1, "params": []},
            },
            "response": {
                "status": self.status, "statusText": "Answer", "httpVersion": "HTTP/1.1", "cookies": [],
                "headers": list(&self.answer), "redirectURL": "", "headersSize": -1,
                "bodySize": self.answer_content.1.len(),
                "content": {"size": self.answer_content.1.len(), "mimeType": self.answer_content.0, "text": self.answer_content.1},
            },
        })
    }
}

fn claims() -> Value {
    json!({
        "iss": "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f",
        "aud": "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f",
        "nbf": 1_795_430_000, "exp": 1_795_460_000,
    })
}

const EWS: &str = "/EWS/Exchange.asmx";
const FORM: &str = "application/x-www-form-urlencoded";

/// Credentials in fields of requests, by every name and scheme.
fn in_fields(s: &mut Secrets) -> Vec<Message> {
    let mut all = Vec::new();
    let names = [
        "Authorization",
        "Proxy-Authorization",
        "X-Authorization",
        "Authentication",
        "X-Upstream-Login",
        "X-Anything",
        "X-Trace",
        "X-Request-Id",
        "User-Agent",
        "Forwarded",
        "From",
        "X-Note",
        "ETag",
        "Via",
        "Origin",
        "Accept-Language",
        "SOAPAction",
    ];
    for name in names {
        let password = s.word(&format!("Basic in {name}"));
        let basic = base64(format!("megan:{password}").as_bytes());
        s.keep(&format!("Basic's text in {name}"), basic.trim_end_matches('=').to_owned());
        all.push(Message::get(EWS).field(name, format!("Basic {basic}")).status(401));
        let token = s.opaque(&format!("Bearer in {name}"));
        all.push(Message::get(EWS).field(name, format!("Bearer {token}")));
        let jwt = s.jwt(&format!("JWT in {name}"), &claims());
        all.push(Message::get(EWS).field(name, format!("Bearer {jwt}")));
        let jwt = s.jwt(&format!("JWT with encoded dots in {name}"), &claims()).replace('.', "%2E");
        all.push(Message::get(EWS).field(name, format!("x={jwt}")));
        let sig = s.opaque(&format!("SAS in {name}"));
        all.push(Message::get(EWS).field(name, format!("SharedAccessSignature sr=x&sig={sig}%3D&se=1&skn=root")));
        let sig = s.word(&format!("SAS URL in {name}"));
        all.push(Message::get(EWS).field(name, format!("https://a.blob.test/c?sv=2020-01-01&sig={sig}&se=2026")));
        let secret = s.word(&format!("JSON in {name}"));
        all.push(Message::get(EWS).field(name, json!({"a": [{"client-secret": secret}]}).to_string()));
        let secret = s.word(&format!("double percent in {name}"));
        all.push(Message::get(EWS).field(name, percent(&percent(&format!("os_password={secret}")))));
        let secret = s.word(&format!("mixed case in {name}"));
        all.push(Message::get(EWS).field(name, format!("PaSsWoRd={secret}")));
        let secret = s.word(&format!("base64 in {name}"));
        all.push(Message::get(EWS).field(name, base64(json!({"password": secret}).to_string().as_bytes())));
        let secret = s.word(&format!("UTF-16 in {name}"));
        let utf16: Vec<u8> = format!("megan:{secret}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        all.push(Message::get(EWS).field(name, format!("x {}", base64(&utf16))));
        let secret = s.word(&format!("user information in {name}"));
        all.push(Message::get(EWS).field(name, format!("https://megan:{secret}@h.test/x")));
    }
    for name in
        ["X-Api-Key", "Ocp-Apim-Subscription-Key", "X-Auth-Token", "X-CSRF-Token", "X-Session-Id", "X-Gateway-Password"]
    {
        for secret in [
            s.word(&format!("word as {name}")),
            s.hex(&format!("hex as {name}")),
            s.opaque(&format!("opaque as {name}")),
        ] {
            all.push(Message::get(EWS).field(name, secret));
        }
    }
    for name in ["X-Anything", "X-Zq", "Foo"] {
        let (opaque, hex) = (s.opaque(&format!("opaque in {name}")), s.hex(&format!("hex in {name}")));
        all.push(Message::get(EWS).field(name, opaque).field(name, hex));
    }
    let (response, cnonce) = (s.hex("Digest response"), s.word("Digest cnonce"));
    let digest = format!(
        "Digest username=\"megan\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"{response}\", cnonce=\"{cnonce}\""
    );
    for name in ["Authorization", "X-Anything"] {
        all.push(Message::get(EWS).field(name, digest.clone()).status(401));
    }
    let ntlm = s.opaque("NTLM");
    all.push(Message::get(EWS).field("Authorization", format!("NTLM TlRMTVNTUAADAAAA{ntlm}")).status(401));
    all.push(Message::get(EWS).field("Authorization", format!("Negotiate YIIGeQYGKwYBBQUC{ntlm}==")));
    let wsse = s.opaque("X-WSSE");
    all.push(
        Message::get(EWS)
            .field("X-WSSE", format!("UsernameToken Username=\"megan\", PasswordDigest=\"{wsse}=\", Nonce=\"{wsse}\"")),
    );
    let (first, second) = (s.word("cookie"), s.opaque("cookie of an opaque value"));
    all.push(Message::get(EWS).field("Cookie", format!("a={first}; FedAuth={second}; {second}")));
    let (alone, announced, dotted) =
        (s.opaque("subprotocol"), s.word("subprotocol behind a word"), s.opaque("dotted subprotocol"));
    let protocols =
        format!("graphql-ws, {alone}, access_token, {announced}, base64url.bearer.authorization.k8s.io.{dotted}");
    all.push(Message::get(EWS).field("Sec-WebSocket-Protocol", protocols));
    let aws = s.hex("AWS");
    all.push(Message::get(EWS).field(
        "Authorization",
        format!("AWS4-HMAC-SHA256 Credential=AKIA/20261123/x/s3/aws4_request, SignedHeaders=host, Signature={aws}"),
    ));
    let key = s.opaque("connection string");
    all.push(
        Message::get(EWS).field("X-Anything", format!("Endpoint=sb://a/;SharedAccessKeyName=n;SharedAccessKey={key}=")),
    );
    let soap = s.word("XML in a field");
    all.push(Message::get(EWS).field("X-Anything", format!("<o:Password Type=\"x\">{soap}</o:Password>")));
    let escaped = s.word("escaped JSON");
    all.push(Message::get(EWS).field("X-Anything", format!("{{\\\"pwd\\\":\\\"{escaped}\\\"}}")));
    let escaped = s.word("JSON's escapes");
    all.push(Message::get(EWS).field("X-Anything", format!("{{\"\\u0070assword\":\"{escaped}\"}}")));
    all
}

/// Secrets in targets and in what points to one.
fn in_urls(s: &mut Secrets) -> Vec<Message> {
    let mut all = Vec::new();
    let mut urls = Vec::new();
    for name in [
        "password",
        "os_password",
        "sap-password",
        "access_token",
        "code",
        "refresh_token",
        "client_secret",
        "sig",
        "SAMLResponse",
        "id_token_hint",
        "apiKey",
        "PaSsWd",
        "otp",
    ] {
        urls.push(format!("/x?a=b&{name}={}", s.word(&format!("query {name}"))));
        urls.push(format!("/x#{name}={}&token_type=Bearer", s.word(&format!("fragment {name}"))));
        let inner = format!("https://h.test/?{name}={}", s.word(&format!("nested {name}")));
        urls.push(format!("/x?next={}", percent(&inner)));
        let inner = format!("https://h.test/?{name}={}", s.word(&format!("doubly nested {name}")));
        urls.push(format!("/x?next={}", percent(&percent(&inner))));
        urls.push(format!("/x?{}={}", percent(name), s.word(&format!("encoded name {name}"))));
    }
    for name in ["jsessionid", "PHPSESSID", "sid", "session"] {
        urls.push(format!("/ews/x;{name}={}/more?x=1", s.word(&format!("path parameter {name}"))));
    }
    urls.push(format!("/reset/{}/confirm", s.opaque("path")));
    urls.push(format!("/x/{}", s.jwt("JWT in a path", &claims())));
    urls.push(format!("/x?t={}", s.jwt("JWT in a query", &claims()).replace('.', "%2e")));
    for url in urls {
        all.push(Message::get(&url));
        for (name, request) in [("Referer", true), ("Location", false), ("Content-Location", false)] {
            let absolute = format!("https://mail.contoso.com{url}");
            let message = Message::get(EWS);
            all.push(if request { message.field(name, absolute) } else { message.answer(name, absolute).status(302) });
        }
        all.push(Message::get(EWS).answer("Refresh", format!("0;url={url}")));
        all.push(Message::get(EWS).answer("Link", format!("<{url}>; rel=\"next\"")));
    }
    let password = s.word("user information");
    for name in ["Location", "Refresh", "Link"] {
        all.push(Message::get(EWS).answer(name, format!("https://megan:{password}@h.test/")).status(302));
    }
    all.push(Message::get(&format!("http://megan:{password}@mail.contoso.com/EWS/Exchange.asmx")));
    all
}

/// Secrets in what servers say.
fn in_answers(s: &mut Secrets) -> Vec<Message> {
    let mut all = Vec::new();
    let (cookie, attribute) = (s.word("Set-Cookie"), s.word("attribute of a cookie"));
    all.push(
        Message::get(EWS).answer("Set-Cookie", format!("FedAuth={cookie}; Path=/x;jsessionid={attribute}; HttpOnly")),
    );
    let mut said = Vec::new();
    said.push(format!("cannot parse Bearer {}", s.opaque("said Bearer")));
    said.push(format!("password={}", s.word("said password")));
    said.push(format!("wrong password '{}' of megan", s.word("said in quotation marks")));
    said.push(format!("the token {} is unknown", s.opaque("said token")));
    said.push(format!("see https://h.test/?access_token={}", s.word("said URL")));
    said.push(format!("Basic {}", base64(format!("megan:{}", s.word("said Basic")).as_bytes())));
    said.push(format!("got {}", s.jwt("said JWT", &claims())));
    said.push(format!("client_secret: {}", s.opaque("said after a colon")));
    for text in said {
        let diagnostics = format!("2000001;reason=\"{text}\";error_category=\"invalid_token\"");
        let challenge = format!("Bearer realm=\"x\", error=\"invalid_token\", error_description=\"{text}\"");
        let bearer = format!("Bearer {}", s.jwt("refused", &claims()));
        let refused = || Message::get(EWS).field("Authorization", bearer.clone()).status(401);
        all.push(refused().answer("x-ms-diagnostics", diagnostics));
        all.push(refused().answer("WWW-Authenticate", challenge));
        let body = json!({"error": "invalid_grant", "error_description": text}).to_string();
        let form =
            format!("grant_type=client_credentials&client_id=x&client_secret={}", s.word("client secret in a form"));
        all.push(Message::get("/7f9c2b1e/oauth2/token").post(FORM, form).status(400).gives("application/json", body));
    }
    let ntlm = s.opaque("NTLM challenge");
    all.push(Message::get(EWS).status(401).answer("WWW-Authenticate", format!("NTLM TlRMTVNTUAACAAAA{ntlm}")));
    all.push(
        Message::get(EWS).status(401).answer("WWW-Authenticate", format!("Negotiate oYIB{ntlm}, Basic realm=\"x\"")),
    );
    for name in ["Authentication-Info", "X-Subject-Token", "X-Anything"] {
        let token = s.opaque(&format!("answered {name}"));
        all.push(Message::get(EWS).answer(name, token));
    }
    all
}

/// Secrets in contents, and in the claims of tokens.
fn in_contents(s: &mut Secrets) -> Vec<Message> {
    let mut all = Vec::new();
    for grant in ["password", "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"] {
        let mut form = format!("grant_type={}&client_id=x&username=megan%40contoso.com", percent(grant));
        for name in ["password", "client_secret", "code", "refresh_token", "device_code", "code_verifier"] {
            write!(form, "&{name}={}", s.word(&format!("form {grant} {name}"))).unwrap();
        }
        let answer = json!({
            "token_type": "Bearer", "access_token": s.opaque(&format!("issued {grant}")),
            "refresh_token": s.opaque(&format!("renewal {grant}")), "id_token": s.jwt(&format!("id {grant}"), &claims()),
            "nested": {"client_secret": s.word(&format!("nested {grant}"))},
        });
        all.push(Message::get("/7f9c2b1e/oauth2/token").post(FORM, form).gives("application/json", answer.to_string()));
    }
    let login = format!("username=megan&j_password={}&pin={}", s.word("login form"), s.word("login pin"));
    all.push(Message::get("/login").post(FORM, login));
    let login = json!({"username": "megan", "password": s.word("JSON login"), "deep": [{"otp": s.word("JSON otp")}]});
    all.push(Message::get("/login").post("application/json", login.to_string()));
    let part = s.word("multipart");
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nmegan\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{part}\r\n--b--\r\n"
    );
    all.push(Message::get("/login").post("multipart/form-data; boundary=b", multipart));
    let soap = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><o:Security xmlns:o=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><o:UsernameToken><o:Username>megan</o:Username><o:Password Type=\"PasswordText\">{}</o:Password><o:Nonce>{}</o:Nonce></o:UsernameToken></o:Security></s:Header><s:Body/></s:Envelope>",
        s.word("SOAP password"),
        s.opaque("SOAP nonce")
    );
    all.push(Message::get(EWS).post("text/xml; charset=utf-8", soap));
    let saml = base64(
        format!("<samlp:Response><saml:Assertion>{}</saml:Assertion></samlp:Response>", s.word("SAML")).as_bytes(),
    );
    s.keep("SAML's text", saml[30..60].to_owned());
    all.push(Message::get("/adfs/ls").post(FORM, format!("SAMLResponse={}", percent(&saml))));
    let word = |s: &mut Secrets, name: &str| s.word(&format!("claim {name}"));
    let mut more = claims();
    for name in [
        "pwd",
        "password",
        "api_key",
        "client-secret",
        "clientSecret",
        "privateKey",
        "passphrase",
        "refreshtoken",
        "PaSsWoRd",
    ] {
        more[name] = json!(word(s, name));
    }
    more["x"] = json!({"pwd": word(s, "nested pwd"), "list": [{"api_key": word(s, "list api_key")}]});
    more["said"] = json!(format!("Basic {}", base64(format!("megan:{}", word(s, "said")).as_bytes())));
    more["appctx"] = json!(json!({"refreshtoken": word(s, "appctx")}).to_string());
    more["actortoken"] = json!(s.jwt("inner", &claims()));
    let private = |s: &mut Secrets, place: &str| {
        let mut key = json!({"kty": "RSA", "n": "modulus", "e": "AQAB"});
        for name in ["k", "d", "p", "q", "dp", "dq", "qi"] {
            key[name] = json!(s.opaque(&format!("{place} {name}")));
        }
        key["oth"] = json!([{"r": s.opaque(&format!("{place} r")), "d": s.opaque(&format!("{place} oth d"))}]);
        key
    };
    more["cnf"] = json!({"jwk": private(s, "cnf")});
    more["keys"] = json!([private(s, "keys")]);
    let header = json!({"typ": "JWT", "alg": "RS256", "jwk": private(s, "header"), "pwd": word(s, "header pwd")});
    let token = s.signed("JWT with secrets", &header, &more);
    all.push(Message::get(EWS).field("Authorization", format!("Bearer {token}")));
    all
}

fn messages(s: &mut Secrets) -> Vec<Message> {
    let discovery = Message::get(EWS).field("Authorization", "Bearer").status(401).answer(
        "WWW-Authenticate",
        "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", trusted_issuers=\"00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f\"",
    );
    let mut all = vec![discovery];
    all.extend(in_fields(s));
    all.extend(in_urls(s));
    all.extend(in_answers(s));
    all.extend(in_contents(s));
    all
}

/// A capture of one connection, in Ethernet, IPv4 and TCP; checksums are left to a network card.
fn pcap(messages: &[Message], websocket: &str) -> Vec<u8> {
    let mut file =
        [0xa1b2_c3d4_u32.to_le_bytes(), [2, 0, 4, 0], [0; 4], [0; 4], 0x4_0000_u32.to_le_bytes(), 1_u32.to_le_bytes()]
            .concat();
    let mut next = [1_000_u32, 5_000];
    let mut time = 0_u32;
    let mut packet = |from_client: bool, flags: u8, payload: &[u8]| {
        let (own, other) = if from_client { (0, 1) } else { (1, 0) };
        let ends = [([10, 0, 0, 1], 40_000_u16), ([10, 0, 0, 9], 80_u16)];
        let mut tcp = [ends[own].1.to_be_bytes(), ends[other].1.to_be_bytes()].concat();
        tcp.extend(next[own].to_be_bytes());
        tcp.extend(if flags == 2 { [0; 4] } else { next[other].to_be_bytes() });
        tcp.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        tcp.extend(payload);
        let mut ip = vec![0x45, 0];
        ip.extend(u16::try_from(20 + tcp.len()).unwrap().to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
        ip.extend(ends[own].0);
        ip.extend(ends[other].0);
        let frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..], &ip, &tcp].concat();
        time += 100;
        let length = u32::try_from(frame.len()).unwrap();
        for number in [1_795_435_200 + time / 1_000_000, time % 1_000_000, length, length] {
            file.extend(number.to_le_bytes());
        }
        file.extend(frame);
        next[own] = next[own].wrapping_add(u32::try_from(payload.len()).unwrap() + u32::from(flags & 3 != 0));
    };
    packet(true, 2, b"");
    packet(false, 0x12, b"");
    packet(true, 0x10, b"");
    for message in messages {
        for (from_client, text) in [(true, message.request()), (false, message.response())] {
            for piece in text.as_bytes().chunks(1400) {
                packet(from_client, 0x18, piece);
            }
        }
    }
    let upgrade = "GET /ws HTTP/1.1\r\nHost: mail.contoso.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    packet(true, 0x18, upgrade.as_bytes());
    packet(false, 0x18, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    let length = u16::try_from(websocket.len()).unwrap().to_be_bytes();
    packet(true, 0x18, &[&[0x81, 0xfe][..], &length, &[0; 4], websocket.as_bytes()].concat());
    packet(true, 0x11, b"");
    packet(false, 0x11, b"");
    file
}

/// A text in all the ways somebody could read it.
fn views(text: &str) -> Vec<String> {
    // Words that are broken over lines, in columns of a ladder too.
    let joined: String = text.split('\n').map(|line| line.trim_matches([' ', '|'])).collect();
    let once = decoded(text);
    let twice = decoded(&once);
    let mut all = vec![joined, unescaped(text), once, twice];
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c))).filter(|word| word.len() >= 8);
    let opened: Vec<String> = words.filter_map(from_base64).collect();
    all.push(opened.join("\n"));
    all.push(text.to_owned());
    all
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let value = tail.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match value.filter(|_| *byte == b'%') {
            Some(value) => {
                out.push(value);
                rest = &tail[2..];
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The strings of a JSON document, or of one on each line.
fn unescaped(text: &str) -> String {
    fn strings(value: &Value, out: &mut String) {
        match value {
            Value::String(text) => {
                out.push_str(text);
                out.push('\n');
            }
            Value::Array(all) => all.iter().for_each(|one| strings(one, out)),
            Value::Object(members) => members.iter().for_each(|(name, one)| {
                out.push_str(name);
                out.push('\n');
                strings(one, out);
            }),
            _ => {}
        }
    }
    let mut out = String::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok) {
        strings(&value, &mut out);
    }
    out
}

fn from_base64(word: &str) -> Option<String> {
    let mut bits = (0_u32, 0);
    let mut bytes = Vec::new();
    for letter in word.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = ((bits.0 << 6) | u32::from(value), bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            bytes.push((bits.0 >> bits.1) as u8);
            bits.0 &= (1 << bits.1) - 1;
        }
    }
    bytes.retain(|byte| *byte != 0);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Every command that reads recordings, in every format.
const COMMANDS: &[&[&str]] = &[
    &["check"],
    &["check", "--format", "json"],
    &["check", "--format", "ndjson"],
    &["check", "--profile", "generic"],
    &["check", "--profile", "generic", "--format", "json"],
    &["exchanges"],
    &["exchanges", "--format", "json"],
    &["exchanges", "--format", "ndjson"],
    &["tokens"],
    &["tokens", "--format", "json"],
    &["tokens", "--format", "ndjson"],
    &["timeline"],
    &["timeline", "--all"],
    &["timeline", "--format", "mermaid", "--all"],
    &["timeline", "--format", "json", "--all"],
    &["timeline", "--format", "ndjson"],
    &["doctor"],
    &["doctor", "--format", "json"],
    &["doctor", "--format", "ndjson"],
    &["init"],
];

fn leaks(got: &Run, what: &str, secrets: &Secrets, found: &mut Vec<String>) {
    for text in views(&got.out).iter().chain(&views(&got.err)) {
        for (place, secret) in &secrets.0 {
            if let Some(at) = text.find(secret.as_str()) {
                let start = (at.saturating_sub(60)..=at).find(|start| text.is_char_boundary(*start)).unwrap();
                found.push(format!("{what}: {place}: …{}", &text[start..at + secret.len()].replace('\n', " ")));
            }
        }
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn no_planted_secret_is_in_any_output() {
    let mut secrets = Secrets::default();
    let all = messages(&mut secrets);
    let word = secrets.word("WebSocket message");
    let message = json!({"type": "auth", "password": word, "authorization": format!("Bearer {}", secrets.opaque("WebSocket token"))});
    let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("leaks-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let entries: Vec<Value> = all.iter().map(Message::entry).collect();
    let har =
        json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": entries}}).to_string();
    let transcript: String =
        all.iter().map(|one| format!("{}\r\n\r\n{}\r\n\r\n", one.request(), one.response())).collect();
    let files = [
        ("r.har", har.into_bytes()),
        ("r.http", transcript.into_bytes()),
        ("r.pcap", pcap(&all, &message.to_string())),
    ];
    let (mut found, mut shown) = (Vec::new(), 0);
    for (name, bytes) in files {
        let path = folder.0.join(name).display().to_string();
        fs::write(&path, bytes).unwrap();
        for command in COMMANDS {
            let arguments: Vec<&str> = command.iter().copied().chain([path.as_str()]).collect();
            let got = run(&arguments);
            assert!(matches!(got.code, 0 | 1 | 3), "{command:?} {name}: {} {}", got.code, got.err);
            leaks(&got, &format!("{} {name}", command.join(" ")), &secrets, &mut found);
        }
        let open = run(&["exchanges", "--format", "ndjson", "--show-secrets", &path]);
        assert!(open.out.lines().count() >= all.len() * 9 / 10, "{name}: {}", open.out.lines().count());
        shown += secrets.0.iter().filter(|(_, secret)| open.out.contains(secret.as_str())).count();
    }
    // The test would be empty if nothing of it was read.
    assert!(shown > 500, "{shown} are shown with --show-secrets");
    found.sort();
    found.dedup();
    assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found[..found.len().min(60)].join("\n"));
}

#[test]
fn no_secret_is_in_what_is_decoded() {
    let mut secrets = Secrets::default();
    let tokens: Vec<String> = in_contents(&mut secrets)
        .iter()
        .flat_map(|message| message.fields.iter().map(|(_, value)| value.clone()))
        .collect();
    assert!(!tokens.is_empty());
    let mut found = Vec::new();
    for token in &tokens {
        for text in [
            token.clone(),
            format!("Authorization: {token}"),
            format!("x=1&access_token={}", token.trim_start_matches("Bearer ")),
        ] {
            for format in ["human", "json", "ndjson"] {
                let got = run_with(&["decode", "--format", format], text.as_bytes());
                assert_eq!(got.code, 0, "{}", got.err);
                leaks(&got, &format!("decode {format}"), &secrets, &mut found);
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What somebody needs to know stays: users, claims, hosts, numbers of requests.
#[test]
fn what_is_no_secret_is_shown() {
    let mut secrets = Secrets::default();
    let id = "5f0c6c7e-1b2a-4c3d-8e9f-0123456789ab";
    let message = Message::get("/EWS/Exchange.asmx?client-request-id=5f0c6c7e-1b2a-4c3d-8e9f-0123456789ab")
        .field("Authorization", format!("Bearer {}", secrets.jwt("x", &claims())))
        .field("client-request-id", id)
        .field("X-AnchorMailbox", "megan@contoso.com")
        .answer("X-FEServer", "DB3PR0102CA0018");
    let har =
        json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": [message.entry()]}})
            .to_string();
    let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shown-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("r.har").display().to_string();
    fs::write(&path, har).unwrap();
    let listed = run(&["exchanges", "--format", "ndjson", &path]).out;
    for text in [id, "megan@contoso.com", "DB3PR0102CA0018", "/EWS/Exchange.asmx?client-request-id=5f0c6c7e"] {
        assert!(listed.contains(text), "{text}: {listed}");
    }
    let tokens = run(&["tokens", "--format", "ndjson", &path]).out;
    assert!(
        tokens.contains("00000004-0000-0ff1-ce00-000000000000@7f9c2b1e")
            && tokens.contains("JwvDu6qsMznP6Mw7mnpegmka6qY")
    );
}

/// `--show-secrets` shows tokens wherever it is offered, but for the tables of connections, which have none.
#[test]
fn secrets_are_shown_where_it_is_asked_for() {
    let mut secrets = Secrets::default();
    let token = secrets.jwt("x", &claims());
    let message = Message::get(EWS).field("Authorization", format!("Bearer {token}"));
    let har =
        json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": [message.entry()]}})
            .to_string();
    let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("asked-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("r.har").display().to_string();
    fs::write(&path, har).unwrap();
    for command in COMMANDS.iter().filter(|command| !["doctor", "init"].contains(&command[0])) {
        if command[0] == "exchanges" && command.len() == 1 {
            continue;
        }
        let arguments: Vec<&str> = command.iter().copied().chain(["--show-secrets", path.as_str()]).collect();
        let got = run(&arguments);
        let text: String = got.out.split_whitespace().collect();
        assert!(text.contains(&token), "{command:?}: {}", got.out);
    }
    assert_eq!(run(&["init", "--show-secrets", &path]).code, 2);
}

#[test]
fn characters_that_are_not_seen_are_escaped_in_every_format() {
    let unseen: Vec<char> = "\u{1}\u{1b}\u{7f}\u{85}\u{9b}\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200f}\u{2028}\u{2029}\u{202e}\u{2066}\u{2069}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{e0001}\u{e0041}\u{e0100}".chars().collect();
    let mut secrets = Secrets::default();
    let mut all = Vec::new();
    for c in &unseen {
        let mut odd = claims();
        odd["name"] = json!(format!("a{c}b"));
        odd[format!("x{c}y")] = json!(1);
        let token = secrets.jwt("x", &odd);
        all.push(
            Message::get(&format!("/EWS/Exchange.asmx?a{c}b"))
                .field("Authorization", format!("Bearer {token}"))
                .field("X-Note", format!("a{c}b"))
                .status(401)
                .answer("x-ms-diagnostics", format!("2000001;reason=\"a{c}b\";error_category=\"a{c}b\"")),
        );
        all.push(
            Message::get(EWS).field("Authorization", format!("Basic {}", base64(format!("me{c}gan:x").as_bytes()))),
        );
    }
    let entries: Vec<Value> = all.iter().map(Message::entry).collect();
    let har =
        json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": entries}}).to_string();
    let folder = Folder(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("unseen-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("r.har").display().to_string();
    fs::write(&path, har).unwrap();
    for command in COMMANDS {
        let arguments: Vec<&str> = command.iter().copied().chain([path.as_str()]).collect();
        let got = run(&arguments);
        for (text, c) in
            [&got.out, &got.err, &unescaped(&got.out)].iter().flat_map(|text| unseen.iter().map(move |c| (text, c)))
        {
            assert!(!text.contains(*c), "{command:?}: {c:?}");
        }
    }
}
