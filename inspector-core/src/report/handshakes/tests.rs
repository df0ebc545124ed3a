use serde_json::json;

use super::*;
use crate::{
    analysis::Analysis, coverage::Coverage, evidence::SourceId, limits::Limits, profile::Profile, report::Report,
    rules::testing,
};

const SKYPE: &str = "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
const REALM: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

/// Judges each text as an input of its own and joins the reports.
fn told(profile: &str, texts: &[String]) -> Report {
    let judge = |(number, text): (u32, &String)| {
        let policy = Policy::new(Profile::builtin(profile).unwrap());
        let mut analysis = Analysis::new(policy, &Limits::default());
        analysis.input(SourceId(number), &format!("{number}.http"), "http");
        let exchanges = testing::exchanges(text);
        for mut exchange in exchanges.iter().cloned() {
            exchange.source = SourceId(number);
            analysis.exchange(&exchange, &testing::extract(&exchange));
        }
        analysis.input_done(SourceId(number), Coverage { exchanges: exchanges.len() as u64, ..Coverage::default() });
        analysis.finish()
    };
    Report::merge((0..).zip(texts).map(judge).collect()).unwrap()
}

/// An exchange so many seconds after a moment, of that client.
fn at(second: u32, client: &str, request: &str, response: &str) -> String {
    let client = if client.is_empty() { String::new() } else { format!("# @client {client}:5000\n") };
    let (minute, second) = (second / 60, second % 60);
    format!("# @time 2026-01-01T10:{minute:02}:{second:02}Z\n{client}{request}\n\n{response}\n\n###\n")
}

fn call(second: u32, client: &str, token: &str, id: &str, response: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("client-request-id: {id}\n") };
    let request =
        format!("POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n{id}Authorization: Bearer {token}");
    at(second, client, &request, response)
}

fn form(
    second: u32,
    client: &str,
    host: &str,
    path: &str,
    body: &str,
    status: &str,
    answer: &serde_json::Value,
) -> String {
    let request =
        format!("POST {path} HTTP/1.1\nHost: {host}\nContent-Type: application/x-www-form-urlencoded\n\n{body}");
    at(second, client, &request, &format!("HTTP/1.1 {status}\nContent-Type: application/json\n\n{answer}"))
}

/// A token request of the ACS dialect for the actor token inside `outer`.
fn acs(second: u32, client: &str, outer: &str) -> String {
    let inner = testing::decode(outer).actor.unwrap();
    let assertion = testing::jwt(
        &json!({"typ": "JWT", "alg": "RS256", "x5t": "AAAA"}),
        &json!({"aud": format!("00000001-0000-0000-c000-000000000000/accounts.accesscontrol.windows.net@{REALM}"),
                "iss": SKYPE, "nbf": "1767261600", "exp": "1767261900"}),
        256,
    );
    let body = format!(
        "grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer&assertion={assertion}\
         &resource=00000002-0000-0ff1-ce00-000000000000%2Fmail.contoso.com%40{REALM}"
    );
    let answer = json!({"token_type": "Bearer", "expires_in": "86400", "access_token": inner.raw.reveal().to_string()});
    form(
        second,
        client,
        "accounts.accesscontrol.windows.net",
        &format!("/{REALM}/tokens/OAuth/2"),
        &body,
        "200 OK",
        &answer,
    )
}

const OK: &str = "HTTP/1.1 200 OK";
const EXPIRED: &str = "HTTP/1.1 401 Unauthorized\nx-ms-diagnostics: 2000002;reason=\"The token has expired.\";\
                       error_category=\"token_expired\"\nWWW-Authenticate: Bearer client_id=\"x\", trusted_issuers=\"y@z\"";

fn steps(handshake: &Handshake) -> Vec<(&'static str, u32)> {
    handshake.steps.iter().map(|step| (step.kind.as_str(), step.evidence.input.0)).collect()
}

fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.meta.code).collect()
}

#[test]
fn a_token_request_in_another_input_belongs_to_the_call_that_uses_its_token() {
    let token = testing::outer(SKYPE);
    let (sts, resource) = (acs(0, "10.0.0.1", &token), call(5, "", &token, "", OK));
    let alone = told("exchange-s2s", std::slice::from_ref(&resource));
    assert!(codes(&alone).contains(&"COV-008") && alone.handshakes[0].grants.is_empty());
    let alone = told("exchange-s2s", std::slice::from_ref(&sts));
    assert!(codes(&alone).contains(&"S2S-029"));
    assert_eq!((alone.handshakes[0].flow, alone.handshakes[0].outcome), ("token-only", HandshakeOutcome::Issued));
    for texts in [[sts.clone(), resource.clone()], [resource, sts]] {
        let both = told("exchange-s2s", &texts);
        assert_eq!(both.handshakes.len(), 1);
        let names: Vec<&str> = steps(&both.handshakes[0]).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["token-request", "token", "call", "answer"], "in the order of time");
        assert_eq!((both.handshakes[0].flow, &*both.handshakes[0].grants), ("app-asserted", &[GrantKind::Acs][..]));
        assert!(!codes(&both).contains(&"COV-008") && !codes(&both).contains(&"S2S-029"), "{:?}", codes(&both));
    }
    // The token of somebody else says nothing about it.
    let other = testing::outer(&SKYPE.replace("00000004", "00000007"));
    let apart = told("exchange-s2s", &[acs(0, "10.0.0.1", &other), call(5, "", &token, "", OK)]);
    assert!(codes(&apart).contains(&"COV-008") && codes(&apart).contains(&"S2S-029"));
    assert_eq!(apart.handshakes.len(), 2);
}

#[test]
fn both_sides_of_a_proxy_show_one_call() {
    let token = testing::outer(SKYPE);
    let one_side = |client: &str, skew: u32| {
        [("a", 10), ("b", 20)].map(|(id, second)| call(second + skew, client, &token, id, OK)).concat()
    };
    let report = told("exchange-s2s", &[one_side("10.0.0.1", 0), one_side("10.9.9.9", 40)]);
    let handshake = &report.handshakes[0];
    assert_eq!(report.handshakes.len(), 1);
    assert_eq!((handshake.calls, handshake.accepted, handshake.seen_again), (2, 2, 2));
    let also: Vec<_> =
        handshake.steps.iter().map(|step| step.also.iter().map(|one| one.input.0).collect::<Vec<_>>()).collect();
    assert_eq!(also, [vec![1], vec![1]], "{:?}", handshake.steps);
    // Other ids are other calls, and machines with one token and no call in common are two.
    let other = [("c", 10), ("d", 20)].map(|(id, second)| call(second, "10.9.9.9", &token, id, OK)).concat();
    let report = told("exchange-s2s", &[one_side("10.0.0.1", 0), other]);
    assert_eq!(report.handshakes.iter().map(|one| (one.calls, one.seen_again)).collect::<Vec<_>>(), [(2, 0), (2, 0)]);
    // Without ids, target and moment must do.
    let bare = |client: &str, second| call(second, client, &token, "", OK);
    let near = told("exchange-s2s", &[bare("10.0.0.1", 10), bare("", 11)]);
    assert_eq!((near.handshakes[0].calls, near.handshakes[0].seen_again), (1, 1));
    let far = told("exchange-s2s", &[bare("10.0.0.1", 10), bare("", 30)]);
    assert_eq!((far.handshakes[0].calls, far.handshakes[0].seen_again), (2, 0));
    // What was accepted here and refused there is not one call.
    let refused = told("exchange-s2s", &[bare("10.0.0.1", 10), call(10, "", &token, "", EXPIRED)]);
    assert_eq!((refused.handshakes[0].calls, refused.handshakes[0].refused), (2, 1));
}

#[test]
fn a_token_that_is_refused_and_renewed() {
    let first = testing::outer(SKYPE);
    let second = testing::outer(&SKYPE.replace("@", "/@"));
    let text = [
        acs(0, "10.0.0.1", &first),
        call(1, "10.0.0.1", &first, "", OK),
        call(2, "10.0.0.1", &first, "", EXPIRED),
        acs(3, "10.0.0.1", &second),
        call(4, "10.0.0.1", &second, "", OK),
    ];
    let report = told("exchange-s2s", &[text.concat()]);
    let handshake = &report.handshakes[0];
    let names: Vec<&str> = steps(handshake).into_iter().map(|(name, _)| name).collect();
    let story = ["token-request", "token", "call", "answer", "call", "answer", "renewal", "token", "call", "answer"];
    assert_eq!(names, story, "{:?}", handshake.steps);
    assert_eq!((handshake.renewals, handshake.outcome), (1, HandshakeOutcome::Accepted));
    assert!(handshake.steps[6].text.contains("before the last one ends"), "{}", handshake.steps[6].text);
}

#[test]
fn a_challenge_that_another_input_answers_is_not_abandoned() {
    let probe = at(
        0,
        "10.0.0.1",
        "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer",
        "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer client_id=\"c\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@*\"",
    );
    let later = at(500, "10.0.0.2", "GET / HTTP/1.1\nHost: elsewhere.example", "HTTP/1.1 200 OK");
    let probe = probe + &later;
    assert!(codes(&told("exchange-s2s", std::slice::from_ref(&probe))).contains(&"S2S-031"));
    let token = testing::outer(SKYPE);
    let joined = told("exchange-s2s", &[probe.clone(), call(30, "", &token, "", OK)]);
    assert!(!codes(&joined).contains(&"S2S-031"));
    assert_eq!(steps(&joined.handshakes[0]), [("probe", 0), ("challenge", 0), ("call", 1), ("answer", 1)]);
    let late = told("exchange-s2s", &[probe, call(300, "", &token, "", OK)]);
    assert!(codes(&late).contains(&"S2S-031") && late.handshakes.len() == 2);
}

#[test]
fn a_refused_token_request_belongs_to_the_discovery_it_was_made_for() {
    let probe = at(
        0,
        "10.0.0.1",
        "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer",
        "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer client_id=\"c\", trusted_issuers=\"00000001-0000-0000-c000-000000000000@*\"",
    );
    let token = testing::outer(SKYPE);
    let refused = acs(1, "10.0.0.1", &token).replace("200 OK", "401 Unauthorized");
    let (head, _) = refused.rsplit_once("\n\n{").unwrap();
    let refused =
        format!("{head}\n\n{}\n\n###\n", json!({"error": "invalid_client", "error_description": "AADSTS50012: no"}));
    let report = told("exchange-s2s", &[probe, refused]);
    let handshake = &report.handshakes[0];
    assert_eq!(report.handshakes.len(), 1);
    assert_eq!(handshake.outcome, HandshakeOutcome::Refused);
    let said = handshake.reason.as_ref().and_then(|reason| reason.text.clone()).unwrap();
    assert!(said.contains("AADSTS50012") && handshake.status == Some(401), "{said}");
    assert_eq!(steps(handshake), [("probe", 0), ("challenge", 0), ("token-request", 1), ("token", 1)]);
}

/// A user's token for an API.
fn access(number: u32) -> String {
    let claims = json!({"iss": "https://as.example", "aud": "https://api.example", "sub": "u", "exp": 1_767_262_200, "jti": number});
    testing::jwt(&json!({"typ": "at+jwt", "alg": "RS256"}), &claims, 256)
}

fn api(second: u32, host: &str, token: &str, status: &str) -> String {
    let request = format!("GET /things HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}");
    at(second, "10.0.0.1", &request, &format!("HTTP/1.1 {status}"))
}

fn tokens(second: u32, body: &str, status: &str, answer: &serde_json::Value) -> String {
    form(second, "10.0.0.1", "as.example", "/token", body, status, answer)
}

#[test]
fn an_authorization_code_with_pkce_refreshed_looked_up_and_given_back() {
    let (first, second) = (access(1), access(2));
    let text = [
        at(
            0,
            "10.0.0.1",
            "GET /authorize?response_type=code&client_id=app&state=st&code_challenge=ch&code_challenge_method=S256\
             &redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=things HTTP/1.1\nHost: as.example",
            "HTTP/1.1 302 Found\nLocation: https://app.example/cb?code=c0de&state=st",
        ),
        at(1, "10.0.0.1", "GET /cb?code=c0de&state=st HTTP/1.1\nHost: app.example", "HTTP/1.1 200 OK"),
        tokens(
            2,
            "grant_type=authorization_code&code=c0de&code_verifier=v&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb",
            "200 OK",
            &json!({"token_type": "Bearer", "access_token": first, "refresh_token": "refresh-1", "expires_in": 600}),
        ),
        api(3, "api.example", &first, "200 OK"),
        tokens(
            900,
            "grant_type=refresh_token&refresh_token=refresh-1&client_id=app",
            "200 OK",
            &json!({"token_type": "Bearer", "access_token": second, "refresh_token": "refresh-2", "expires_in": 600}),
        ),
        api(901, "api.example", &second, "200 OK"),
        form(
            902,
            "10.0.0.1",
            "as.example",
            "/introspect",
            &format!("token={second}&client_id=app"),
            "200 OK",
            &json!({"active": true}),
        ),
        form(903, "10.0.0.1", "as.example", "/revoke", &format!("token={second}&client_id=app"), "200 OK", &json!({})),
    ];
    // Whether in one input, or each exchange in one of its own.
    for texts in [vec![text.concat()], text.to_vec()] {
        let report = told("generic", &texts);
        let handshake = report.handshakes.iter().find(|one| &*one.resource == "api.example").unwrap();
        let names: Vec<&str> = steps(handshake).into_iter().map(|(name, _)| name).collect();
        let story = [
            "authorization",
            // The code comes back once: from the server, not again from the browser that brings it.
            "authorization-response",
            "token-request",
            "token",
            "call",
            "answer",
            "renewal",
            "token",
            "call",
            "answer",
            "introspection",
            "done",
            "revocation",
            "done",
        ];
        assert_eq!(names, story, "{:#?}", handshake.steps);
        let grants = [
            GrantKind::AuthorizationCodePkce,
            GrantKind::RefreshToken,
            GrantKind::Introspection,
            GrantKind::Revocation,
        ];
        assert_eq!((handshake.flow, &*handshake.grants, handshake.renewals), ("bearer", &grants[..], 1));
        assert!(handshake.steps[6].text.contains("after the last one ended"), "{}", handshake.steps[6].text);
        assert!(handshake.steps[11].text.contains("active"));
        for step in &handshake.steps {
            for secret in ["c0de", "refresh-1", "refresh-2", &first, &second] {
                assert!(!step.text.contains(secret), "{}", step.text);
            }
        }
    }
}

#[test]
fn a_device_waits_for_its_user() {
    let token = access(3);
    let poll = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=d3vice&client_id=app";
    let pending = json!({"error": "authorization_pending"});
    let mut text = form(
        0,
        "10.0.0.1",
        "as.example",
        "/device_authorization",
        "client_id=app&scope=things",
        "200 OK",
        &json!({"device_code": "d3vice", "user_code": "ABCD", "verification_uri": "https://as.example/device", "interval": 5}),
    );
    (1..=40).for_each(|number| text += &tokens(number * 5, poll, "400 Bad Request", &pending));
    text += &tokens(205, poll, "200 OK", &json!({"token_type": "Bearer", "access_token": token, "expires_in": 600}));
    text += &api(206, "api.example", &token, "200 OK");
    let report = told("generic", &[text]);
    let handshake = report.handshakes.iter().find(|one| &*one.resource == "api.example").unwrap();
    let names: Vec<&str> = steps(handshake).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["device-request", "device-code", "token-request", "token", "token-request", "token", "call", "answer"],
        "{:#?}",
        handshake.steps
    );
    assert!(handshake.steps[3].text.ends_with("(40 times)"), "{}", handshake.steps[3].text);
    assert_eq!(report.handshakes.len(), 1, "the polls are no handshake of their own");
    assert_eq!(handshake.renewals, 0);
    // A flow that ends without a call is a story by itself, with its polls folded.
    let alone = told(
        "generic",
        &[form(
            0,
            "10.0.0.1",
            "as.example",
            "/device_authorization",
            "client_id=app",
            "200 OK",
            &json!({"device_code": "d3vice", "user_code": "ABCD"}),
        ) + &tokens(5, poll, "400 Bad Request", &pending)
            + &tokens(10, poll, "400 Bad Request", &pending)],
    );
    let handshake = &alone.handshakes[0];
    assert!(handshake.steps.last().unwrap().text.ends_with("(2 times)"), "{:#?}", handshake.steps);
    assert_eq!(handshake.outcome, HandshakeOutcome::Undecided);
}

#[test]
fn what_a_server_puts_off_is_part_of_the_story() {
    let token = access(9);
    let nonce = json!({"error": "use_dpop_nonce", "error_description": "a nonce is needed"});
    let issued = json!({"token_type": "DPoP", "access_token": token, "expires_in": 600});
    for ask in [
        "grant_type=authorization_code&code=c0de&code_verifier=v&client_id=app",
        "grant_type=refresh_token&refresh_token=refresh-1&client_id=app",
        "grant_type=client_credentials&client_id=app&scope=things",
    ] {
        let text = tokens(0, ask, "400 Bad Request", &nonce) + &tokens(1, ask, "200 OK", &issued);
        let report = told("generic", &[text + &api(2, "api.example", &token, "200 OK")]);
        assert_eq!(report.handshakes.len(), 1, "{ask}");
        let texts: Vec<&str> = report.handshakes[0].steps.iter().map(|step| step.text.as_str()).collect();
        assert!(texts[1].starts_with("asks for a nonce in the proof: 400 use_dpop_nonce"), "{texts:?}");
    }
    // What is refused for good is none of it.
    let ask = "grant_type=client_credentials&client_id=app&scope=things";
    let refused = tokens(0, ask, "400 Bad Request", &json!({"error": "invalid_scope"}));
    let report = told("generic", &[refused + &api(2, "api.example", &token, "200 OK")]);
    assert_eq!(report.handshakes.len(), 2);
}

#[test]
fn a_pushed_request_begins_the_story_whatever_its_path() {
    let token = access(10);
    for (path, of_object) in [("/par", false), ("/request", false), ("/request", true)] {
        let asked = if of_object {
            "request=eyJhbGciOiJFUzI1NiJ9.eyJyZXNwb25zZV90eXBlIjoiY29kZSIsInN0YXRlIjoic3QiLCJjb2RlX2NoYWxsZW5nZSI6ImNoIiwiY29kZV9jaGFsbGVuZ2VfbWV0aG9kIjoiUzI1NiJ9.c2ln"
        } else {
            "response_type=code&state=st&code_challenge=ch&code_challenge_method=S256"
        };
        let text = form(
            0,
            "10.0.0.1",
            "as.example",
            path,
            &format!("client_id=app&{asked}"),
            "201 Created",
            &json!({"request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c", "expires_in": 60}),
        ) + &at(
            1,
            "10.0.0.1",
            "GET /auth?client_id=app&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c HTTP/1.1\nHost: as.example",
            "HTTP/1.1 303 See Other\nLocation: /sign-in",
        ) + &at(
            1,
            "10.0.0.1",
            "GET /auth/resume HTTP/1.1\nHost: as.example",
            "HTTP/1.1 303 See Other\nLocation: https://app.example/cb?code=c0de&state=st",
        ) + &tokens(
            2,
            "grant_type=authorization_code&code=c0de&code_verifier=v&client_id=app",
            "200 OK",
            &json!({"token_type": "Bearer", "access_token": token}),
        ) + &api(3, "api.example", &token, "200 OK");
        let report = told("generic", &[text]);
        assert_eq!(report.handshakes.len(), 1, "{path} {of_object}");
        let handshake = &report.handshakes[0];
        let texts: Vec<&str> = handshake.steps.iter().map(|step| step.text.as_str()).collect();
        assert!(texts[0].starts_with("pushes its authorization request to as.example"), "{texts:?}");
        assert!(texts[1].starts_with("gives a reference"), "{texts:?}");
        assert_eq!(*handshake.grants, [GrantKind::AuthorizationCodePkce], "{path} {of_object}");
    }
}

#[test]
fn a_server_asks_on_behalf_of_its_caller_and_another_in_its_own_name() {
    let (user, behalf, own) = (access(4), access(5), access(6));
    let text = [
        api(0, "api.example", &user, "200 OK"),
        tokens(
            1,
            &format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&requested_token_use=on_behalf_of\
                      &assertion={user}&client_id=api&scope=graph"
            ),
            "200 OK",
            &json!({"token_type": "Bearer", "access_token": behalf}),
        ),
        api(2, "graph.example", &behalf, "200 OK"),
        tokens(
            3,
            "grant_type=client_credentials&client_id=job&scope=graph",
            "200 OK",
            &json!({"access_token": own, "token_type": "Bearer"}),
        ),
        api(4, "jobs.example", &own, "403 Forbidden"),
    ];
    let report = told("generic", &[text.concat()]);
    let grants = |host: &str| {
        let handshake = report.handshakes.iter().find(|one| &*one.resource == host).unwrap();
        handshake.grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(grants("api.example"), Vec::<&str>::new());
    assert_eq!(grants("graph.example"), ["on-behalf-of"]);
    assert_eq!(grants("jobs.example"), ["client-credentials"]);
}

#[test]
fn all_messages_are_told_if_they_are_asked_for() {
    let token = testing::outer(SKYPE);
    let text = [
        at(0, "10.0.0.1", "GET /owa/ HTTP/1.1\nHost: mail.contoso.com", "HTTP/1.1 200 OK"),
        call(1, "10.0.0.1", &token, "", OK),
        at(2, "10.0.0.1", "GET /picture HTTP/1.1\nHost: www.example", "HTTP/1.1 200 OK"),
    ];
    let policy = Policy { all_messages: true, ..testing::policy() };
    let report = testing::judge_by(policy, &text.concat());
    let all: Vec<_> = report.handshakes.iter().map(|one| (&*one.resource, one.flow, steps(one).len())).collect();
    assert_eq!(all, [("mail.contoso.com", "app-asserted", 4), ("www.example", "other", 2)]);
    assert_eq!(testing::judge(&text.concat()).handshakes.len(), 1);
}

#[test]
fn memory_is_bounded_on_endless_input() {
    let mut text = String::new();
    for number in 0..60 {
        text += &tokens(
            number,
            &format!("grant_type=client_credentials&client_id=c{number}"),
            "200 OK",
            &json!({"access_token": format!("opaque-{number}-0123456789"), "token_type": "Bearer"}),
        );
    }
    let limits = Limits { calls: 10, ..Limits::default() };
    let mut analysis = Analysis::new(Policy::new(Profile::builtin("generic").unwrap()), &limits);
    analysis.input(SourceId(0), "test.http", "http");
    for exchange in testing::exchanges(&text) {
        analysis.exchange(&exchange, &testing::extract(&exchange));
    }
    let report = testing::done(analysis, 60);
    assert_eq!(report.handshakes.len(), 10);
    assert!(codes(&report).contains(&"COV-009"), "what was given up is said");
}
