//! Transcripts to reports, for tests: a reader of the fixtures' form and an extractor of just the places they use.
//!
//! ```text
//! # @time 2026-01-01T00:00:00Z
//! # @client 10.0.0.1:5000
//! POST /EWS/Exchange.asmx HTTP/1.1
//! Host: mail.contoso.com
//! Authorization: Bearer {…}
//!
//! HTTP/1.1 200 OK
//!
//! ###
//! ```

use std::{net::SocketAddr, sync::Arc};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value};

use crate::{
    analysis::{Analysis, Policy},
    coverage::Coverage,
    evidence::{At, Endpoint, Part, SourceId},
    http::{
        auth::{Basic, Challenge, Credentials, CredentialsKind, Ntlm},
        exchange::{Exchange, Mark, Marks, Protocol, Scheme},
        message::{Body, Head, HeadBuilder, Message},
    },
    limits::Limits,
    profile::Profile,
    report::Report,
    secret::{Fingerprint, Secret},
    time::Timestamp,
    token::{
        Role, Sighting, Token, TokenKind,
        extract::{Extraction, Parameter, Password, PasswordCarrier},
        principal::Principal,
    },
};

/// A report on a transcript by the usual profile.
pub(crate) fn judge(text: &str) -> Report {
    judge_by(policy(), text)
}

/// The usual policy.
pub(crate) fn policy() -> Policy {
    Policy::new(Profile::builtin("exchange-s2s").unwrap())
}

/// A report on a transcript.
pub(crate) fn judge_by(policy: Policy, text: &str) -> Report {
    judge_exchanges(policy, exchanges(text))
}

/// A report on exchanges.
pub(crate) fn judge_exchanges(policy: Policy, exchanges: Vec<Exchange>) -> Report {
    let mut analysis = analysis(policy);
    for exchange in &exchanges {
        analysis.exchange(exchange, &extract(exchange));
    }
    done(analysis, exchanges.len())
}

/// An analysis with one input begun.
pub(crate) fn analysis(policy: Policy) -> Analysis {
    let mut analysis = Analysis::new(policy, &Limits::default());
    analysis.input(SourceId(0), "test.http", "http");
    analysis
}

/// Ends the input and the analysis.
pub(crate) fn done(mut analysis: Analysis, exchanges: usize) -> Report {
    let coverage = Coverage { exchanges: exchanges as u64, ..Coverage::default() };
    analysis.input_done(SourceId(0), coverage);
    analysis.finish()
}

/// The codes of a report's findings above a severity, in order.
pub(crate) fn codes(report: &Report, above: super::Severity) -> Vec<&'static str> {
    report.findings.iter().filter(|f| f.severity > above).map(|f| f.meta.code).collect()
}

/// The exchanges of a transcript.
pub(crate) fn exchanges(text: &str) -> Vec<Exchange> {
    let text = text.replace("\r\n", "\n");
    text.split("\n###")
        .map(|piece| piece.trim_matches('\n'))
        .filter(|piece| !piece.trim().is_empty())
        .zip(1..)
        .map(exchange)
        .collect()
}

fn exchange((text, number): (&str, u64)) -> Exchange {
    let mut exchange = Exchange {
        source: SourceId(0),
        number,
        connection: None,
        stream: None,
        protocol: Protocol::Http11,
        scheme: Scheme::Https,
        client: None,
        server: None,
        tls: None,
        request: None,
        response: None,
        marks: Marks::default(),
    };
    let mut time = None;
    let mut rest = text.trim_start_matches('#').trim_start();
    while let Some(line) = rest.strip_prefix("# @").or_else(|| rest.strip_prefix("@")) {
        let (line, after) = line.split_once('\n').unwrap_or((line, ""));
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let endpoint = || value.parse::<SocketAddr>().ok().map(|a| Endpoint { address: a.ip(), port: a.port() });
        match name {
            "time" => time = Timestamp::parse_rfc3339(value),
            "scheme" if value == "http" => exchange.scheme = Scheme::Http,
            "client" => exchange.client = endpoint(),
            "server" => exchange.server = endpoint(),
            _ => {}
        }
        rest = after;
    }
    let at = At::Entry { index: number - 1, time };
    let split = rest.starts_with("HTTP/").then_some(0).or_else(|| rest.find("\nHTTP/").map(|at| at + 1));
    let (request, response) = rest.split_at(split.unwrap_or(rest.len()));
    exchange.request = (!request.trim().is_empty()).then(|| message(request, at));
    exchange.response = (!response.trim().is_empty()).then(|| message(response, at));
    if exchange.response.is_none() {
        exchange.marks.add(Mark::ResponseMissing);
    }
    exchange
}

fn message(text: &str, at: At) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (one, two) = (first.next().unwrap(), first.next().unwrap_or_default());
    let mut builder = match one.strip_prefix("HTTP/") {
        Some(_) => HeadBuilder::response(two.parse().unwrap(), b""),
        None => HeadBuilder::request(one.as_bytes(), two.as_bytes(), None),
    };
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        builder.field(name.as_bytes(), value.trim().as_bytes());
    }
    let body = body.trim_end_matches('\n').as_bytes();
    let kept = (!body.is_empty()).then(|| Box::from(body));
    let body = Body { transferred: body.len() as u64, decoded: Some(body.len() as u64), kept, cut: None };
    Message { head: builder.finish(), body, trailers: None, first: at, head_end: at, end: at }
}

/// The few places fixtures use.
pub(crate) fn extract(exchange: &Exchange) -> Extraction {
    let mut found = Extraction::default();
    if let Some(request) = &exchange.request {
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in request.head.values(name) {
                credentials(&mut found, name, std::str::from_utf8(value).unwrap().trim(), request.head_end);
            }
        }
        let target = String::from_utf8_lossy(request.head.target()).into_owned();
        if let Some((_, query)) = target.split_once('?') {
            parameters(&mut found, query, Part::RequestUrl);
        }
        let userinfo = target.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        if let Some((user, password)) = userinfo.and_then(|(userinfo, _)| userinfo.split_once(':')) {
            password_of(&mut found, PasswordCarrier::Url, user, password, Part::RequestUrl);
        }
        if let Some(body) = request.body.kept.as_deref().map(String::from_utf8_lossy) {
            request_body(&mut found, &request.head, &body, request.head_end);
        }
    }
    if let Some(response) = &exchange.response {
        for (name, proxy) in [("WWW-Authenticate", false), ("Proxy-Authenticate", true)] {
            for value in response.head.values(name) {
                found.challenges.push(challenge(std::str::from_utf8(value).unwrap(), proxy));
            }
        }
        let body = response.body.kept.as_deref().and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(raw) = body.as_ref().and_then(|body| body.get("access_token")).and_then(Value::as_str) {
            let token = Arc::new(decode(raw));
            let kind = token.kind;
            found.sightings.push(Sighting {
                token,
                kind,
                role: Role::Issued,
                part: Part::ResponseBody,
                name: "/access_token".into(),
                scheme: None,
                at: response.head_end,
            });
        }
    }
    found
}

fn request_body(found: &mut Extraction, head: &Head, body: &str, at: At) {
    if head.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
        parameters(found, body, Part::RequestBody);
    }
    if let Some(raw) = found.parameters.iter().find(|p| p.name == "assertion" && p.part == Part::RequestBody) {
        let token = Arc::new(decode(raw.value.reveal()));
        let (part, name) = (Part::RequestBody, "assertion".into());
        found.sightings.push(Sighting {
            token,
            kind: TokenKind::S2sAssertion,
            role: Role::Assertion,
            part,
            name,
            scheme: None,
            at,
        });
    }
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<wsse:{name}"))?;
        let (attributes, rest) = rest.split_once('>')?;
        Some((attributes.to_owned(), rest.split_once('<')?.0.to_owned()))
    };
    if let (Some((_, user)), Some((kind, password))) =
        (element("Username>").or_else(|| element("Username")), element("Password"))
    {
        let carrier = if kind.contains("PasswordDigest") { PasswordCarrier::WsDigest } else { PasswordCarrier::WsText };
        password_of(found, carrier, &user, &password, Part::RequestBody);
    }
}

fn password_of(found: &mut Extraction, carrier: PasswordCarrier, user: &str, password: &str, part: Part) {
    let (user, password) = (user.to_owned(), Secret::new(password.to_owned()));
    found.passwords.push(Password { carrier, user, password, part, name: "Password".into() });
}

fn parameters(found: &mut Extraction, text: &str, part: Part) {
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.parameters.push(Parameter { name: unescape(name), value: Secret::new(unescape(value)), part });
    }
}

fn unescape(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(out).unwrap()
}

fn credentials(found: &mut Extraction, field: &str, value: &str, at: At) {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim();
    let kind = match scheme.to_ascii_lowercase().as_str() {
        _ if rest.is_empty() => CredentialsKind::Empty,
        _ if rest == "[REDACTED]" => CredentialsKind::Redacted,
        "basic" => CredentialsKind::Basic(basic(rest)),
        "ntlm" => CredentialsKind::Ntlm(Ntlm {
            message: 3,
            domain: "CONTOSO".into(),
            user: "svc".into(),
            workstation: "FE01".into(),
        }),
        "negotiate" => CredentialsKind::Negotiate,
        "digest" => CredentialsKind::Digest { user: "svc".into() },
        "bearer" => CredentialsKind::Token,
        _ => CredentialsKind::Other,
    };
    if kind == CredentialsKind::Token {
        let token = Arc::new(decode(rest));
        let kind = token.kind;
        let (part, name, scheme) = (Part::RequestHeader, field.to_owned(), Some(scheme.to_owned()));
        found.sightings.push(Sighting { token, kind, role: Role::Presented, part, name, scheme, at });
    }
    found.credentials.push(Credentials {
        scheme: scheme.to_owned(),
        field: field.to_owned(),
        part: Part::RequestHeader,
        proxy: field.starts_with("Proxy"),
        kind,
        id: Fingerprint::of(rest.as_bytes()),
        length: rest.len(),
    });
}

fn basic(text: &str) -> Basic {
    let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user, password)) => Basic {
            user: user.to_owned(),
            password_length: password.len(),
            password: Secret::new(password.to_owned()),
            malformed: false,
        },
        None => {
            Basic { user: String::new(), password: Secret::default(), password_length: text.len(), malformed: true }
        }
    }
}

fn challenge(text: &str, proxy: bool) -> Challenge {
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let mut parameters = Vec::new();
    let mut rest = rest;
    while let Some((name, value)) = rest.split_once("=\"") {
        let (value, after) = value.split_once('"').unwrap();
        parameters.push((name.trim_matches([',', ' ']).to_owned(), value.to_owned()));
        rest = after;
    }
    Challenge { scheme: scheme.to_owned(), token68: None, parameters, proxy }
}

/// A compact JWT; the signature is zeros.
pub(crate) fn jwt(header: &Value, claims: &Value, signature: usize) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        part(header.to_string().as_bytes()),
        part(claims.to_string().as_bytes()),
        part(&vec![7; signature])
    )
}

/// Decodes and classifies, for well-formed tokens only.
pub(crate) fn decode(raw: &str) -> Token {
    let parts: Vec<&str> = raw.split('.').collect();
    let json = |part: Option<&&str>| {
        let bytes = URL_SAFE_NO_PAD.decode(part?).ok()?;
        serde_json::from_slice::<Map<String, Value>>(&bytes).ok()
    };
    let header = json(parts.first()).filter(|_| parts.len() > 1);
    let claims = json(parts.get(1)).unwrap_or_default();
    let actor = claims.get("actortoken").and_then(Value::as_str).map(|raw| Arc::new(decode(raw)));
    let time = |name: &str| match claims.get(name)? {
        Value::String(text) => text.parse().ok().map(Timestamp::from_seconds),
        value => value.as_i64().map(Timestamp::from_seconds),
    };
    let mut token = Token {
        id: Fingerprint::of(raw.as_bytes()),
        raw: Secret::new(raw.into()),
        kind: TokenKind::Opaque,
        family: None,
        header_json: header.as_ref().map(|header| Value::Object(header.clone()).to_string().into()),
        signature_length: parts
            .get(2)
            .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
            .map_or(0, |bytes| bytes.len()),
        not_before: time("nbf"),
        expires: time("exp"),
        issued_at: time("iat"),
        claims_json: None,
        actor,
        defects: Vec::new(),
        claims,
        header: header.clone().unwrap_or_default(),
    };
    if header.is_some() {
        token.kind = classify(&token, parts.len());
    }
    token
}

fn classify(token: &Token, parts: usize) -> TokenKind {
    let guid = |principal: Option<Principal>| principal.is_some_and(|p| p.is_guid() && p.realm.is_some());
    let issuer = token.claim("iss").unwrap_or_default().into_owned();
    let named = token.audience().is_some_and(|audience| audience.realm.is_some() || audience.host.is_some());
    if parts == 5 {
        TokenKind::Jwe
    } else if token.actor.is_some() {
        TokenKind::S2sOuter
    } else if token.claims.contains_key("appctx") {
        TokenKind::AppContext
    } else if token.claim("ver").as_deref() == Some("hashedprooftoken") {
        TokenKind::ProofToken
    } else if token.audience().is_some_and(|audience| audience.name.starts_with("00000001-")) {
        TokenKind::S2sAssertion
    } else if named && (issuer.starts_with("00000001-") || (guid(token.issuer()) && guid(token.name_id()))) {
        TokenKind::S2sActor
    } else if issuer.starts_with("https://sts.windows.net/") {
        TokenKind::EntraAccess
    } else {
        TokenKind::Jwt
    }
}

/// An outer token in that caller's name, with the actor token that fits.
pub(crate) fn outer(caller: &str) -> String {
    let realm = caller.rsplit('@').next().unwrap_or_default();
    let audience = format!("00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@{realm}");
    let inner = serde_json::json!({
        "aud": audience, "iss": format!("00000001-0000-0000-c000-000000000000@{realm}"), "nameid": caller,
        "trustedfordelegation": "true"
    });
    let inner = jwt(&serde_json::json!({"typ": "JWT", "alg": "RS256"}), &inner, 256);
    let claims = serde_json::json!({
        "aud": audience, "iss": caller, "nameid": "10032001a1b2c3d4", "upn": "megan@contoso.com", "actortoken": inner
    });
    jwt(&serde_json::json!({"typ": "JWT", "alg": "none"}), &claims, 0)
}
