//! The profiles `generic` and `entra`.

use super::*;

fn generic() -> Policy {
    Policy::new(Profile::builtin("generic").unwrap())
}

fn entra_only() -> Policy {
    Policy::new(Profile::builtin("entra").unwrap())
}

fn get(time: u64, host: &str, authorization: Option<&str>, answer: &str) -> String {
    let field = authorization.map(|value| format!("Authorization: {value}\n")).unwrap_or_default();
    format!("# @time 2026-01-01T00:02:{time:02}Z\nGET /v1/me HTTP/1.1\nHost: {host}\n{field}\n{answer}\n###\n")
}

const YES: &str = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"ok\":true}";
const NO: &str = "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer error=\"invalid_token\"\n";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\n";
const API: &str = "api.example.com";

fn claims(client: &str, host: &str) -> serde_json::Value {
    serde_json::json!({"iss": "https://as.example.com", "sub": "user1", "aud": format!("https://{host}"),
        "client_id": client, "iat": 1_767_225_660, "exp": 1_767_229_260, "jti": client})
}

fn token(client: &str) -> String {
    testing::jwt(&serde_json::json!({"alg": "RS256", "typ": "at+jwt", "kid": "1"}), &claims(client, API), 256)
}

fn bearer(client: &str) -> String {
    format!("Bearer {}", token(client))
}

fn unsigned(client: &str) -> String {
    format!("Bearer {}", testing::jwt(&serde_json::json!({"alg": "none"}), &claims(client, API), 0))
}

#[track_caller]
fn judged_as(policy: Policy, text: &str, outcome: Outcome, words: &str) -> Report {
    let report = testing::judge_by(policy, text);
    assert_eq!(report.outcome, outcome, "{}", report.reason);
    assert!(report.reason.contains(words), "{words}: {}", report.reason);
    report
}

#[test]
fn every_host_and_every_caller_counts() {
    use Outcome::{Fail, Inconclusive, Pass};
    let a = bearer("app1");
    let b = bearer("app2");
    let call = |time, host, token: &str, answer| get(time, host, Some(token), answer);
    let other = "b.example.net";
    let opaque = "Bearer 0paque0paque0paque";
    for (text, outcome, words) in [
        (call(1, API, &a, YES), Pass, API),
        (call(1, API, &a, YES) + &call(2, other, &a, YES), Pass, "one more host"),
        (call(1, API, &a, NO), Fail, API),
        (call(1, API, &a, YES) + &call(2, other, &a, NO), Fail, other),
        (call(1, other, &a, NO) + &call(2, other, &a, NO) + &call(3, API, &a, YES), Fail, "all 2 calls"),
        (call(1, API, &a, YES) + &call(2, API, &b, NO), Fail, "app2"),
        (call(1, API, &a, NO) + &call(2, API, &a, YES), Pass, API),
        (call(2, API, &a, YES) + &call(1, API, &a, NO), Pass, API),
        (call(1, API, &a, YES) + &call(2, API, &a, NO), Inconclusive, "refused what was sent last"),
        (call(2, API, &a, NO) + &call(1, API, &a, YES), Inconclusive, "refused what was sent last"),
        (call(1, API, &a, BUSY), Inconclusive, "cannot be told"),
        (call(1, API, &a, YES) + &call(2, other, &a, BUSY), Inconclusive, other),
        (call(1, API, &a, YES) + &call(2, API, &a, BUSY), Pass, API),
        (call(1, API, opaque, NO), Fail, "the client"),
        (call(1, API, opaque, YES), Pass, API),
        // At the issuer's own endpoint it is accepted, and the API refuses it.
        (call(1, "as.example.com", &a, YES) + &call(2, API, &a, NO), Fail, API),
    ] {
        judged_as(generic(), &text, outcome, words);
    }
}

#[test]
fn without_a_bearer_token_the_reason_says_what_was_sent() {
    use Outcome::{Fail, Inconclusive, Pass};
    for (authorization, words) in [
        (Some(BASIC), "passwords (Basic and others), first to api.example.com"),
        (Some("NTLM TlRMTVNTUAADAAAA"), "NTLM"),
        (Some("Bearer pk_live_0123456789abcdef"), "published"),
        (None, "nor any other credentials"),
    ] {
        judged_as(generic(), &get(1, API, authorization, YES), Inconclusive, words);
    }
    for (field, words) in [
        ("Cookie: session=0123456789abcdef", "No request carried a bearer token; what was sent: cookies, first to api"),
        ("X-API-Key: 0123456789abcdef", "what was sent: API keys, first to api.example.com"),
        ("Ocp-Apim-Subscription-Key: 0123456789abcdef", "what was sent: API keys"),
        ("X-Request-Id: 0123456789abcdef", "No request carried a bearer token, nor any other credentials"),
    ] {
        let text = format!("GET /v1/items HTTP/1.1\nHost: {API}\n{field}\n\n{YES}\n###\n");
        judged_as(generic(), &text, Inconclusive, words);
        judged_as(generic(), &text.replace("/v1/items", "/v1/items?apikey=0123456789abcdef"), Inconclusive, "API keys");
    }
    // Where the host is named, Basic was sent in scope.
    judged_as(generic().host(API), &get(1, API, Some(BASIC), YES), Fail, "BAS-001");
    let both = get(1, API, Some(&bearer("app1")), YES) + &get(2, API, Some(BASIC), YES);
    judged_as(generic(), &both, Fail, "BAS-001");
    let elsewhere = get(1, API, Some(&bearer("app1")), YES) + &get(2, "api.segment.io", Some(BASIC), YES);
    judged_as(generic(), &elsewhere, Pass, "to a host in scope");
}

#[test]
fn publishable_keys_and_analytics_are_nobodys_api() {
    let good = get(1, API, Some(&bearer("app1")), YES);
    for (host, authorization) in [
        ("api.stripe.com", "Bearer pk_live_0123456789abcdef"),
        ("abc.supabase.co", "Bearer sb_publishable_0123456789"),
        ("o1.ingest.sentry.io", "Bearer 0123456789abcdef0123"),
        ("dc.services.visualstudio.com", "Bearer 0123456789abcdef0123"),
    ] {
        for answer in [YES, NO, BUSY, ""] {
            let text = good.clone() + &get(2, host, Some(authorization), answer);
            judged_as(generic(), &text, Outcome::Pass, API);
        }
    }
    let in_url =
        "GET /styles?access_token=pk.eyJ1IjoiZXhhbXBsZSJ9.abcdefghijklmnopqrst HTTP/1.1\nHost: api.mapbox.com\n\n";
    judged_as(generic(), &format!("{good}{in_url}{YES}\n###\n"), Outcome::Pass, API);
    // The same as a secret of the host's own counts.
    let secret = good + &get(2, "api.stripe.com", Some("Bearer sk_live_0123456789abcdef"), NO);
    judged_as(generic(), &secret, Outcome::Fail, "api.stripe.com");
}

#[test]
fn what_was_repelled_does_not_fail_who_repelled_it() {
    use Outcome::{Fail, Pass};
    let good = |time| get(time, API, Some(&bearer("app1")), YES);
    let header = serde_json::json!({"alg": "RS256", "kid": "1"});
    let short = format!("Bearer {}", testing::jwt(&header, &claims("app1", API), 3));
    for forged in [unsigned("app1"), unsigned("app2"), short] {
        let attack = |time, answer| get(time, API, Some(&forged), answer);
        for text in [attack(1, NO) + &good(2), good(1) + &attack(2, NO), attack(3, NO) + &good(1) + &good(4)] {
            let report = judged_as(generic(), &text, Pass, API);
            let grave = testing::codes(&report, Severity::Low);
            assert!(!grave.iter().any(|code| code.starts_with("JWT-001") || code.starts_with("JWT-019")), "{grave:?}");
        }
        // Accepted, or refused where nothing good was accepted.
        judged_as(generic(), &(good(1) + &attack(2, YES)), Fail, "JWT-0");
        judged_as(generic(), &(good(1) + &attack(2, BUSY)), Fail, "JWT-0");
        judged_as(generic(), &attack(1, NO), Fail, "JWT-0");
        // One acceptance among refusals is one too many.
        judged_as(generic(), &(good(1) + &attack(2, NO) + &attack(3, YES)), Fail, "JWT-0");
    }
}

#[test]
fn a_leak_counts_where_the_token_belongs() {
    let leak = |token: &str| {
        format!(
            "GET /c HTTP/1.1\nHost: analytics.test\nReferer: https://app.example.com/?access_token={token}\n\n{YES}\n###\n"
        )
    };
    let good = get(1, API, Some(&bearer("app1")), YES);
    for text in [good.clone() + &leak(&token("app1")), leak(&token("app1")) + &good] {
        judged_as(generic(), &text, Outcome::Fail, "OAU-008");
    }
    judged_as(generic(), &(good + &leak(&token("app9"))), Outcome::Pass, API);
}

#[test]
fn who_answers_a_token_request_is_a_token_endpoint() {
    let issued = |token: &str| {
        format!(
            "HTTP/1.1 200 OK\nContent-Type: application/json\nCache-Control: no-store\n\n{{\"access_token\":\"{token}\"}}"
        )
    };
    let query = "grant_type=client_credentials&client_id=a&client_secret=sssss";
    for method in ["GET", "POST", "PUT"] {
        for path in ["/token", "/x/y"] {
            let request = format!("{method} {path}?{query} HTTP/1.1\nHost: as.example.com\n\n");
            let text =
                |token: &str| format!("{request}{}\n###\n{}", issued(token), get(1, API, Some(&bearer("app1")), YES));
            judged_as(generic(), &text(&token("app1")), Outcome::Fail, "as.example.com");
            // Who issued another token is nobody's concern.
            judged_as(generic(), &text(&token("app9")), Outcome::Pass, API);
        }
    }
}

#[test]
fn entra_wants_its_issuers_and_the_realm() {
    use Outcome::{Fail, Inconclusive, Pass};
    const TENANT: &str = "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";
    const OTHER: &str = "aaaaaaaa-0000-4000-8000-000000000001";
    let of = |issuer: &str, tenant: &str| {
        let claims = serde_json::json!({"iss": issuer, "aud": "https://api.example.com", "azp": "app", "tid": tenant,
            "ver": "2.0", "scp": "a", "iat": 1_767_225_660, "exp": 1_767_229_260});
        format!("Bearer {}", testing::jwt(&serde_json::json!({"alg": "RS256"}), &claims, 256))
    };
    let v2 = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let v1 = format!("https://sts.windows.net/{TENANT}/");
    let evil = format!("https://login.microsoftonline.com.evil.test/{TENANT}/v2.0");
    for (authorization, realm, outcome, words) in [
        (of(&v2, TENANT), None, Pass, API),
        (of(&v1, TENANT), None, Pass, API),
        (of(&v2, TENANT), Some(TENANT), Pass, API),
        (of(&v2, TENANT), Some(OTHER), Fail, "realm"),
        (of(&v2, OTHER), Some(TENANT), Fail, "realm"),
        (of(&evil, TENANT), None, Fail, "evil.test"),
        (of("https://as.example.com", TENANT), None, Fail, "as.example.com"),
        ("Bearer 0paque0paque0paque".to_owned(), None, Inconclusive, "opaque"),
    ] {
        let policy = realm.map_or_else(entra_only, |realm| entra_only().realm(realm));
        judged_as(policy, &get(1, API, Some(&authorization), YES), outcome, words);
    }
    // A good one beside an opaque one at the same host.
    let text = get(1, API, Some(&of(&v2, TENANT)), YES) + &get(2, API, Some("Bearer 0paque0paque0paque"), YES);
    judged_as(entra_only(), &text, Pass, API);
}

/// The key of RFC 8037 A.2, under a name.
const KEYS: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

#[test]
fn the_issuers_own_keys_disprove_a_token() {
    let fetch = |url: &str, document: &str| {
        let (host, path) = url.split_once('/').unwrap();
        let answer = format!("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{document}");
        format!("GET /{path} HTTP/1.1\nHost: {host}\n\n{answer}\n###\n")
    };
    let discovery = |host: &str, at: &str| {
        let document = format!(r#"{{"issuer":"https://as.example.com","jwks_uri":"https://{at}"}}"#);
        fetch(&format!("{host}/.well-known/openid-configuration"), &document)
    };
    let forged = |kid: Option<&str>| {
        let mut header = serde_json::json!({"alg": "EdDSA", "typ": "at+jwt"});
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        format!("Bearer {}", testing::jwt(&header, &claims("app1", API), 64))
    };
    let (own, elsewhere) = (fetch("as.example.com/jwks", KEYS), fetch("keys.example.net/jwks", KEYS));
    let told = discovery("as.example.com", "keys.example.net/jwks") + &elsewhere;
    let lied = discovery("evil.test", "keys.example.net/jwks") + &elsewhere;
    for (published, kid, disproved) in [
        (&own, Some("k"), true),
        (&told, Some("k"), true),
        (&told, None, true),
        // Another key may have signed it, or the keys may be anybody's.
        (&own, None, false),
        (&own, Some("other"), false),
        (&told, Some("other"), false),
        (&elsewhere, Some("k"), false),
        (&lied, Some("k"), false),
        (&lied, None, false),
    ] {
        let call = get(1, API, Some(&forged(kid)), YES);
        for text in [published.clone() + &call, call.clone() + published] {
            let report = testing::judge_by(generic(), &text);
            let found: Vec<_> = report
                .findings
                .iter()
                .filter(|finding| finding.meta.code == "JWT-018" && finding.severity > Severity::Info)
                .map(|finding| finding.severity)
                .collect();
            assert_eq!(found, if disproved { vec![Severity::High] } else { vec![] }, "{kid:?} {published}");
            assert_eq!(report.outcome, if disproved { Outcome::Fail } else { Outcome::Pass }, "{}", report.reason);
        }
    }
    // Repelled it is nobody's.
    let text = own + &get(1, API, Some(&bearer("app2")), YES) + &get(2, API, Some(&forged(Some("k"))), NO);
    judged_as(generic(), &text, Outcome::Pass, API);
}

#[test]
fn a_code_redeemed_twice_is_found_in_any_order() {
    let redeem = |minute: u64| {
        let form = "Content-Type: application/x-www-form-urlencoded\n";
        let answer = "HTTP/1.1 200 OK\nContent-Type: application/json\nCache-Control: no-store\n\n{\"access_token\":\"";
        format!(
            "# @time 2026-01-01T00:{minute:02}:00Z\nPOST /token HTTP/1.1\nHost: as.example.com\n{form}\n\
             grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&client_id=app1&code_verifier=v\n{answer}{}\"}}\n###\n",
            token("app1")
        )
    };
    let call = get(1, API, Some(&bearer("app1")), YES);
    for text in [redeem(1) + &redeem(5) + &call, redeem(5) + &redeem(1) + &call] {
        judged_as(generic(), &text, Outcome::Fail, "OAU-015");
    }
    judged_as(generic(), &(redeem(1) + &call), Outcome::Pass, API);
}

#[test]
fn callers_of_any_api_are_known_by_what_their_tokens_name_them() {
    let call = |claims: &str| {
        let claims = serde_json::from_str(claims).unwrap();
        let token = testing::jwt(&serde_json::json!({"alg": "RS256"}), &claims, 256);
        get(1, API, Some(&format!("Bearer {token}")), YES)
    };
    for (claims, caller) in [
        (r#"{"client_id":"App-One","azp":"other","sub":"megan"}"#, Some("App-One")),
        (r#"{"azp":"app-two"}"#, Some("app-two")),
        (r#"{"appid":"6b1c"}"#, Some("6b1c")),
        (r#"{"cid":"0oa1"}"#, Some("0oa1")),
        (r#"{"sub":"abc@clients"}"#, Some("abc@clients")),
        (r#"{"sub":"abc","gty":"client-credentials"}"#, Some("abc")),
        (r#"{"sub":"abc","idtyp":"app"}"#, Some("abc")),
        (r#"{"sub":"svc@project.example","iss":"svc@project.example"}"#, Some("svc@project.example")),
        (r#"{"sub":"megan","iss":"https://idp.example.com"}"#, None),
        (r#"{"client_id":" "}"#, None),
        (r#"{"client_id":7}"#, Some("7")),
    ] {
        let report = testing::judge_by(generic(), &call(claims));
        let callers: Vec<Option<&str>> = report.handshakes.iter().map(|one| one.caller.as_deref()).collect();
        assert_eq!(callers, [caller], "{claims}");
        assert!(report.handshakes.iter().all(|one| one.unexpected.is_none()), "{claims}");
    }
    // Two clients of one API are two handshakes, also where only the letters' case tells them apart.
    let both =
        call(r#"{"client_id":"app"}"#) + &call(r#"{"client_id":"APP"}"#) + &call(r#"{"client_id":"app","jti":"2"}"#);
    let report = testing::judge_by(generic(), &both);
    let calls: Vec<(Option<&str>, u64)> =
        report.handshakes.iter().map(|one| (one.caller.as_deref(), one.calls)).collect();
    assert_eq!(calls, [(Some("app"), 2), (Some("APP"), 1)]);
}
