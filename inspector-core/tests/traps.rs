//! The traps of the protocol, each by its number: what is easily taken for something else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::support;

use inspector_core::{
    finding::Severity,
    policy::Policy,
    profile::Profile,
    report::{Report, v1},
    verdict::Outcome,
};
use serde_json::{Value, json};
use support::{
    ACS, BASIC, EXCHANGE, HOST, NOW, OTHER_REALM, REALM, SCHEDULER, SKYPE, actor, blocks, call, codes, entry, good,
    grave, har, has, judge, judge_by, judge_exchanges, judge_one, jwt, none, ok, outer_of, passes, policy, request,
    response, rs256, severity,
};

/// `CN=sts.example`, RSA 2048, 2025 to 2035; the key was thrown away.
const CERTIFICATE: &str = include_str!("vectors/golden.cer.txt");
/// An actor token that this certificate verifies.
const GOLDEN_ACTOR: &str = include_str!("vectors/golden.actor.txt");

const VOICEMAIL: &str = "db7de2b5-2149-435e-8043-e080dd50afae";

fn bearer(token: &str) -> Vec<u8> {
    call(&format!("Bearer {token}"))
}

/// One call with a token that is accepted.
fn with(token: &str) -> Report {
    judge_one(bearer(token), ok())
}

/// A token in that caller's name, with the actor token that fits.
fn of_caller(caller: &str) -> String {
    let realm = caller.rsplit('@').next().unwrap();
    let audience = format!("{EXCHANGE}/{HOST}@{realm}");
    let inner = actor(json!({"nameid": caller, "aud": audience, "iss": format!("{ACS}@{realm}")}));
    outer_of(&inner, json!({"iss": caller, "aud": audience}))
}

fn challenge() -> String {
    format!(
        "WWW-Authenticate: Bearer client_id=\"{EXCHANGE}\", trusted_issuers=\"{ACS}@{REALM},{SKYPE}@contoso.com\", \
         token_types=\"app_asserted_user_v1 service_asserted_app_v1\", \
         authorization_uri=\"https://login.windows.net/common/oauth2/authorize\", error=\"invalid_token\"\r\n"
    )
}

/// The probe with an empty Bearer and its 401.
fn discovery(fields: &str) -> (Vec<u8>, Vec<u8>) {
    (
        request("/autodiscover/autodiscover.svc", "Authorization: Bearer\r\n", ""),
        response("401 Unauthorized", fields, ""),
    )
}

fn token_endpoint(fields: &str, content: &str, answer: &str) -> (Vec<u8>, Vec<u8>) {
    let content_type = "Content-Type: application/x-www-form-urlencoded\r\n";
    let target = format!("https://accounts.accesscontrol.windows.net/{REALM}/tokens/OAuth/2");
    let asked = request(&target, &format!("{fields}{content_type}"), content);
    let cached = "Content-Type: application/json\r\nCache-Control: no-store\r\nPragma: no-cache\r\n";
    (asked, response("200 OK", cached, answer))
}

#[test]
fn trap_01_the_expected_issuer_is_the_outer_iss_or_the_inner_nameid() {
    let expected = [good(), actor(json!({})), outer_of(&actor(json!({"iss": format!("{SKYPE}@{REALM}")})), json!({}))];
    for token in &expected {
        let report = with(token);
        assert!(!token.contains(SKYPE), "in base64 the name does not show");
        assert!(passes(&report) && has(&report, "S2S-001"), "{:?}", codes(&report));
    }
    // The name where it means something else: trusted, asked in reverse, mentioned, asserted to the token service.
    let reverse = jwt(
        &rs256(),
        &json!({"aud": format!("{SKYPE}/fe.contoso.com@{REALM}"), "iss": format!("{EXCHANGE}@{REALM}"), "nbf": NOW,
            "exp": NOW + 3600, "nameid": format!("{EXCHANGE}@{REALM}")}),
        256,
    );
    let asserted = jwt(
        &rs256(),
        &json!({"aud": format!("{ACS}/accounts.accesscontrol.windows.net@{REALM}"), "iss": format!("{SKYPE}@{REALM}"),
            "nbf": (NOW + 100).to_string(), "exp": (NOW + 400).to_string(), "iat": (NOW + 100).to_string()}),
        256,
    );
    let grant = format!("grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer&assertion={asserted}");
    let page = response("200 OK", "Content-Type: text/html\r\n", &format!("<p>iss {SKYPE}@{REALM}</p>"));
    for report in [
        judge_exchanges(&[discovery(&challenge())]),
        with(&reverse),
        judge_one(request("/EWS/Exchange.asmx", "", &format!("<iss>{SKYPE}@{REALM}</iss>")), page),
        judge_exchanges(&[token_endpoint("", &grant, "{\"token_type\":\"Bearer\",\"access_token\":\"opaque-0001\"}")]),
    ] {
        assert!(!has(&report, "S2S-001") && !passes(&report), "{:?}", codes(&report));
    }
    assert!(has(&judge_exchanges(&[discovery(&challenge())]), "S2S-003"));
}

#[test]
fn trap_02_alg_none_is_right_around_a_signed_and_bound_actor_token_only() {
    let report = with(&good());
    assert_eq!((severity(&report, "JWT-001"), passes(&report)), (Some(Severity::Info), true));
    let unsigned = |token: String| token.rsplit_once('.').map(|(start, _)| format!("{start}.")).unwrap();
    let bare = jwt(&none(), &json!({"alg": "none"}), 0);
    for (token, code) in [
        (outer_of("", json!({"actortoken": null})), "S2S-017"),
        (outer_of(&unsigned(actor(json!({}))), json!({})), "S2S-015"),
        (outer_of(&jwt(&none(), &support::actor_claims(json!({})), 0), json!({})), "S2S-015"),
        (outer_of(&jwt(&json!({"alg": "HS256"}), &support::actor_claims(json!({})), 32), json!({})), "S2S-015"),
        (outer_of(&actor(json!({"nameid": format!("{SCHEDULER}@{REALM}")})), json!({})), "S2S-010"),
        (jwt(&none(), &support::actor_claims(json!({})), 0), "S2S-017"),
    ] {
        let report = with(&token);
        assert_eq!(severity(&report, code), Some(Severity::Critical), "{code}: {:?}", codes(&report));
        assert_eq!(report.outcome, Outcome::Fail, "{code}");
    }
    assert!(!has(&with(&bare), "S2S-001"));
}

#[test]
fn trap_03_actort_and_actortoken_are_tokens_and_actor_is_a_name() {
    let inner = actor(json!({}));
    let spelled = outer_of(&inner, json!({"actortoken": null, "actort": inner}));
    let report = with(&spelled);
    assert!(passes(&report) && has(&report, "S2S-001") && !has(&report, "S2S-017"), "{:?}", codes(&report));
    // ACS's user and application token: `actor` names the application.
    let named = actor(json!({"actor": format!("{SKYPE}@{REALM}"), "nameid": "10032001a1b2c3d4"}));
    let report = with(&named);
    let quiet = ["S2S-004", "S2S-010", "S2S-017"].iter().all(|code| !has(&report, code));
    assert!(has(&report, "S2S-001") && quiet, "{:?}", codes(&report));
    // A token under `actor` makes no outer token.
    let orphan = outer_of(&inner, json!({"actortoken": null, "actor": inner}));
    assert!(has(&with(&orphan), "S2S-017"));
}

#[test]
fn trap_04_times_are_strings_numbers_and_filetime() {
    let seconds = |time: u64| json!(time);
    let text = |time: u64| json!(time.to_string());
    let filetime = |time: u64| json!((time + 11_644_473_600) * 10_000_000);
    let filetime_text = |time: u64| json!(((time + 11_644_473_600) * 10_000_000).to_string());
    let forms: [(&str, &dyn Fn(u64) -> Value); 4] =
        [("seconds", &seconds), ("text", &text), ("FILETIME", &filetime), ("FILETIME text", &filetime_text)];
    for (name, form) in forms {
        let fresh = outer_of(
            &actor(json!({"nbf": form(NOW), "exp": form(NOW + 3600)})),
            json!({"nbf": form(NOW), "exp": form(NOW + 3600)}),
        );
        let report = with(&fresh);
        assert!(
            passes(&report) && !has(&report, "S2S-045") && !has(&report, "S2S-044"),
            "{name}: {:?}",
            codes(&report)
        );
        let noted = report.findings.iter().filter(|f| f.meta.code == "JWT-014").count();
        assert_eq!(noted == 0, name == "seconds", "{name}");
        let stale = outer_of(&actor(json!({})), json!({"nbf": form(NOW - 7200), "exp": form(NOW - 3600)}));
        assert!(has(&with(&stale), "S2S-045"), "{name}");
    }
    // Numbers of token responses are strings.
    let answer =
        |life: &str| json!({"token_type": "Bearer", "expires_in": life, "access_token": "opaque-0001"}).to_string();
    let grant = "grant_type=client_credentials&client_id=x&client_secret=y&scope=z";
    assert!(!has(&judge_exchanges(&[token_endpoint("", grant, &answer("86399"))]), "OAU-019"));
    assert!(has(&judge_exchanges(&[token_endpoint("", grant, &answer("864000"))]), "OAU-019"));
}

#[test]
fn trap_05_realms_and_slashes() {
    let upper = SKYPE.to_ascii_uppercase();
    for caller in [
        format!("{SKYPE}@{REALM}"),
        format!("{SKYPE}/@{REALM}"),
        format!("/{SKYPE}@{REALM}"),
        format!("{SKYPE}@contoso.com"),
        format!("{SKYPE}/lync.contoso.com@contoso.com"),
        format!("/{SCHEDULER}@{REALM}"),
        format!("{upper}@contoso.com"),
    ] {
        let report = with(&of_caller(&caller));
        assert!(passes(&report) && has(&report, "S2S-001"), "{caller}: {:?}", codes(&report));
    }
    for caller in [
        format!("{SKYPE}@*"),
        format!("{SKYPE}@"),
        SKYPE.to_owned(),
        format!("x{SKYPE}@{REALM}"),
        format!("{EXCHANGE}/{SKYPE}@{REALM}"),
        format!("https://x/{SKYPE}@{REALM}"),
        format!("{SKYPE}x@{REALM}"),
    ] {
        let report = with(&of_caller(&caller));
        assert!(!has(&report, "S2S-001") && !passes(&report), "{caller}: {:?}", codes(&report));
    }
    // The realm of an add-in's identity token is a host's name; it is no call.
    let identity = jwt(
        &rs256(),
        &json!({"aud": "https://addin.contoso.com/", "iss": format!("{EXCHANGE}@{HOST}"), "nbf": NOW, "exp": NOW + 3600,
            "appctxsender": format!("{EXCHANGE}@{HOST}"), "isbrowserhostedapp": "true",
            "appctx": {"msexchuid": "53e925fa-76ba-45e1-be0f-4ef08b59d389@mail.contoso.com", "version": "ExIdTok.V1",
                "amurl": format!("https://{HOST}:443/autodiscover/metadata/json/1")}}),
        256,
    );
    let message = request("https://addin.contoso.com/api", &format!("Authorization: Bearer {identity}\r\n"), "");
    let report = judge_exchanges(&[(message, ok()), (bearer(&good()), ok())]);
    assert!(passes(&report) && has(&report, "S2S-047") && grave(&report).is_empty(), "{:?}", codes(&report));
}

#[test]
fn trap_06_a_cached_token_and_its_lifetime_are_normal() {
    let day = actor(json!({"nbf": NOW, "exp": NOW + 86_700}));
    for life in [300, 8 * 3600, 12 * 3600] {
        let report = with(&outer_of(&day, json!({"nbf": NOW + 60, "exp": NOW + 60 + life})));
        assert!(passes(&report) && grave(&report).is_empty(), "{life}: {:?}", codes(&report));
        assert!(!has(&report, "S2S-044") && !has(&report, "S2S-046"), "{life}: {:?}", codes(&report));
        assert_eq!(severity(&report, "COV-008"), Some(Severity::Info));
    }
    let long = with(&outer_of(&actor(json!({"exp": NOW + 3 * 86_400})), json!({"exp": NOW + 2 * 86_400})));
    assert!(has(&long, "S2S-044"));
}

#[test]
fn trap_07_the_401_before_the_200_is_discovery() {
    let all = format!(
        "{}WWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
        challenge()
    );
    let anonymous = (request("/EWS/Exchange.asmx", "", ""), response("401 Unauthorized", &all, ""));
    for first in [discovery(&all), anonymous] {
        let report = judge_exchanges(&[first.clone(), (bearer(&good()), ok())]);
        assert!(passes(&report) && grave(&report).is_empty(), "{:?}", codes(&report));
        assert_eq!(severity(&report, "BAS-003"), Some(Severity::Info));
        assert!(!has(&report, "S2S-032") && !has(&report, "BAS-004") && !has(&report, "BAS-001"));
        let alone = judge_exchanges(&[first]);
        assert!(alone.outcome == Outcome::Inconclusive && !has(&alone, "S2S-032"), "{:?}", codes(&alone));
    }
}

#[test]
fn trap_08_basic_at_a_token_endpoint_is_the_clients() {
    let grant = "grant_type=client_credentials&resource=x";
    let answer = "{\"token_type\":\"Bearer\",\"expires_in\":\"3599\",\"access_token\":\"opaque-0001\"}";
    let secret = token_endpoint(&format!("Authorization: Basic {BASIC}\r\n"), grant, answer);
    let report = judge_exchanges(&[secret, (bearer(&good()), ok())]);
    assert!(passes(&report) && !has(&report, "BAS-001"), "{:?}", codes(&report));
    assert_eq!(severity(&report, "BAS-005"), Some(Severity::Info));
    // A user's password beside it stays one.
    let password = token_endpoint(
        &format!("Authorization: Basic {BASIC}\r\n"),
        "grant_type=password&username=a&password=b",
        answer,
    );
    let report = judge_exchanges(&[password, (bearer(&good()), ok())]);
    assert!(
        report.outcome == Outcome::Fail && has(&report, "BAS-005") && has(&report, "BAS-010"),
        "{:?}",
        codes(&report)
    );
}

#[test]
fn trap_09_the_category_decides_and_not_the_number() {
    let refused = |diagnostics: &str| {
        let fields = format!("x-ms-diagnostics: {diagnostics}\r\n{}", challenge());
        judge_one(bearer(&good()), response("401 Unauthorized", &fields, ""))
    };
    for (diagnostics, word) in [
        ("2000009;reason=\"r\";error_category=\"invalid_issuer\"", "trusts"),
        ("2000009;reason=\"r\";error_category=\"invalid_signature\"", "keys"),
        ("2000099;reason= \"r\" ; error_category = \"invalid_user\" ", "user"),
        ("2000020;reason=\"r\";error_category=\"insufficiant_claims\"", "claims"),
        ("2000020;reason=\"r\";error_category=\"insufficient_claims\"", "claims"),
        ("3005004;reason=\"r\";category=\"invalid_client\"", "application"),
    ] {
        let report = refused(diagnostics);
        let finding = report.findings.iter().find(|f| f.meta.code == "S2S-032").unwrap();
        assert!(
            finding.detail.contains(word) && finding.severity == Severity::High,
            "{diagnostics}: {}",
            finding.detail
        );
    }
    // A number that contradicts its category, or that nobody knows, is told and not explained.
    assert!(has(&refused("2000009;reason=\"r\";error_category=\"invalid_signature\""), "S2S-040"));
    let skype = refused("28020;source=\"fe01.contoso.com\";reason=\"No valid security token.\"");
    let said = skype.findings.iter().find(|f| f.meta.code == "S2S-032").unwrap();
    assert!(
        said.detail.contains("No valid security token") && !said.detail.contains("partner application"),
        "{}",
        said.detail
    );
}

#[test]
fn trap_10_metadata_has_two_spellings_and_another_language() {
    let certificate = CERTIFICATE.trim();
    let exchange = json!({"id": "x", "version": "1.0", "name": "ACS", "realm": REALM, "serviceName": ACS,
        "issuer": format!("{ACS}@{REALM}"), "allowedAudiences": [], "endpoints": [],
        "keys": [{"usage": "signing", "keyinfo": {"x5t": "kffOifMumUumZzdvj-9dJbxzK1Y"},
            "keyvalue": {"type": "x509Certificate", "value": certificate}}]});
    let sharepoint = json!({"issuer": format!("{ACS}@{REALM}"), "name": "SharePoint", "serviceName": ACS,
        "keys": [{"usage": "Signing", "keyValue": {"type": "x509certificate", "value": certificate}}]});
    let federation = format!(
        "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"https://sts.windows.net/{REALM}/\">\
         <RoleDescriptor><KeyDescriptor use=\"signing\"><KeyInfo><X509Data><X509Certificate>{certificate}</X509Certificate>\
         </X509Data></KeyInfo></KeyDescriptor></RoleDescriptor></EntityDescriptor>"
    );
    for (target, content_type, document) in [
        ("/autodiscover/metadata/json/1", "application/json", exchange.to_string()),
        ("/_layouts/15/metadata/json/1", "application/json", sharepoint.to_string()),
        ("/contoso.com/federationmetadata/2007-06/federationmetadata.xml", "application/xml", federation),
    ] {
        let published = response("200 OK", &format!("Content-Type: {content_type}\r\n"), &document);
        let asked = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes();
        let metadata = (asked, published);
        let token = outer_of(GOLDEN_ACTOR.trim(), json!({}));
        let report = judge_exchanges(&[metadata, (bearer(&token), ok())]);
        assert!(passes(&report) && !has(&report, "S2S-048"), "{target}: {:?} {}", codes(&report), report.reason);
        let shown = serde_json::to_value(v1::Report::from(&report)).unwrap();
        let outer = shown["tokens"].as_array().unwrap().iter().find(|token| !token["actor"].is_null()).unwrap();
        assert_eq!(outer["actor"]["signature"], "verified", "{target}: {outer}");
    }
}

#[test]
fn trap_11_a_nonce_in_the_header_makes_a_token_unverifiable() {
    let mut given = inspector_core::token::verify::VerificationKeys::default();
    given.add(CERTIFICATE.trim().as_bytes(), &inspector_core::token::verify::Origin::File("keys".into())).unwrap();
    let keys = std::sync::Arc::new(given);
    let claims = json!({"aud": "https://graph.microsoft.com", "iss": format!("https://sts.windows.net/{REALM}/"), "tid": REALM,
        "appid": SCHEDULER, "ver": "1.0", "nbf": NOW, "exp": NOW + 3600});
    let states = |header: Value| {
        let token = jwt(&header, &claims, 256);
        let message = request("https://graph.microsoft.com/v1.0/me", &format!("Authorization: Bearer {token}\r\n"), "");
        let policy = Policy { keys: std::sync::Arc::clone(&keys), ..policy() };
        let report = judge_by(policy, "graph.http", &support::transcript(&[(message, ok())]));
        let shown = serde_json::to_value(v1::Report::from(&report)).unwrap();
        (
            shown["tokens"][0]["signature"].as_str().unwrap().to_owned(),
            severity(&report, "JWT-018") > Some(Severity::Info),
        )
    };
    let header = json!({"typ": "JWT", "alg": "RS256", "x5t": "kffOifMumUumZzdvj-9dJbxzK1Y"});
    let with_nonce = json!({"typ": "JWT", "alg": "RS256", "x5t": "kffOifMumUumZzdvj-9dJbxzK1Y", "nonce": "AQAB"});
    assert_eq!(states(with_nonce), ("unverifiable".to_owned(), false));
    assert_eq!(states(header), ("invalid".to_owned(), true));
}

#[test]
fn trap_12_challenges_interim_responses_and_letter_case() {
    // All challenges in one field, with commas inside quotes.
    let merged = format!("{},Negotiate,NTLM,Basic realm=\"a,b\"\r\n", challenge().trim_end());
    let report = judge_exchanges(&[discovery(&merged), (bearer(&good()), ok())]);
    assert!(
        passes(&report) && has(&report, "BAS-003") && !has(&report, "S2S-030") && !has(&report, "BAS-004"),
        "{:?}",
        codes(&report)
    );
    // The interim response is not the answer.
    let mut capture = support::capture::Capture::new();
    let mut connection = capture.connect();
    let (probe, refusal) = discovery(&merged);
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    connection.exchange(&mut capture, &probe, &[interim, &refusal[..]].concat());
    connection.exchange(&mut capture, &bearer(&good()), &[interim, &ok()[..]].concat());
    connection.close(&mut capture);
    let report = judge("capture.pcap", &capture.bytes());
    assert!(passes(&report) && !has(&report, "S2S-032"), "{:?} {}", codes(&report), report.reason);
    // Lower case in an archive; and an archive that was sanitised proves nothing.
    let mut lower = entry(None);
    lower["request"]["headers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "authorization", "value": format!("Bearer {}", good())}));
    assert!(passes(&judge("lower.har", &har(&[lower]))));
    let sanitised = judge("sanitised.har", &har(&[entry(None), entry(None)]));
    assert!(blocks(&sanitised, "COV-004") && sanitised.outcome == Outcome::Inconclusive, "{:?}", codes(&sanitised));
}

#[test]
fn trap_13_opaque_tokens_are_no_damaged_ones() {
    for token in [
        "cwt=AAEBHAEFAAAAAAAFFQAAAPlantedOpaque",
        "EwBwA8l6BAAUO9chh8cJscQLmU+LSWpbnr0vmwwAAQ",
        "t=EwC4A8l6BAAUqK4sd",
        "0.AXAA1234567890.AgABAAEAAAD",
        "ya29.a0AfH6SMBx",
        "2YotnFZFEjr1zCsicMWpAA",
    ] {
        let report = with(token);
        assert_eq!(report.outcome, Outcome::Inconclusive, "{token}: {}", report.reason);
        for code in ["JWT-016", "JWT-001", "S2S-004", "S2S-017", "S2S-019", "JWT-019"] {
            assert!(!has(&report, code), "{token}: {code}");
        }
    }
}

#[test]
fn trap_14_what_a_proxy_decrypted_was_not_clear_text_on_the_wire() {
    let protected = judge("proxy.har", &har(&[entry(Some(&format!("Bearer {}", good())))]));
    assert!(
        passes(&protected) && !has(&protected, "S2S-050") && !has(&protected, "OAU-010"),
        "{:?}",
        codes(&protected)
    );
    let mut clear = entry(Some(&format!("Bearer {}", good())));
    clear["request"]["url"] = json!("http://mail.contoso.com/EWS/Exchange.asmx");
    clear["serverIPAddress"] = json!("203.0.113.9");
    let report = judge("proxy.har", &har(&[clear.clone()]));
    assert_eq!(severity(&report, "S2S-050"), Some(Severity::Critical), "{:?}", codes(&report));
    // The hop behind a TLS terminator.
    clear["serverIPAddress"] = json!("10.0.0.9");
    let report = judge("proxy.har", &har(&[clear]));
    assert_eq!((severity(&report, "S2S-050"), passes(&report)), (Some(Severity::Medium), true));
}

#[test]
fn trap_15_the_report_holds_no_secret() {
    let inner = actor(json!({}));
    let refresh = "planted-refresh-token-0001";
    let form = "grant_type=password&username=megan&password=Planted-Passw0rd&client_secret=Planted-S3cret";
    let answer = json!({"token_type": "Bearer", "access_token": inner, "refresh_token": refresh}).to_string();
    let cookie = "Cookie: session=planted-cookie-value-0001\r\n";
    let message = request("/EWS/Exchange.asmx", &format!("Authorization: Basic {BASIC}\r\n{cookie}"), "");
    let report = judge_exchanges(&[
        token_endpoint("", form, &answer),
        (bearer(&outer_of(&inner, json!({}))), ok()),
        (message, ok()),
        (request("/EWS/x?access_token=planted-query-token-0001", "", ""), ok()),
    ]);
    assert_eq!(report.outcome, Outcome::Fail);
    let text = format!("{} {report:?}", serde_json::to_string(&v1::Report::from(&report)).unwrap());
    let signature = inner.rsplit('.').next().unwrap();
    for secret in [
        "P@ss:w0rd!",
        BASIC,
        "Planted-Passw0rd",
        "Planted-S3cret",
        refresh,
        "planted-cookie-value",
        "planted-query-token",
        &signature[..40],
    ] {
        assert!(!text.contains(secret), "{secret} is shown");
    }
    assert!(text.contains("svc-s4b") && text.contains("10"), "user and length are");
}

#[test]
fn trap_16_duplicates_and_large_numbers_are_seen() {
    let inner = actor(json!({}));
    let claims = support::outer_claims(&inner, json!({})).to_string();
    let doubled = claims.replacen('{', &format!("{{\"iss\":\"{SCHEDULER}@{OTHER_REALM}\","), 1);
    let encode = |text: &str| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text);
    let token = format!("{}.{}.", support::part(&none()), encode(&doubled));
    let report = with(&token);
    assert_eq!(severity(&report, "JWT-015"), Some(Severity::High), "{:?}", codes(&report));
    assert!(!has(&with(&good()), "JWT-015"));
    // 2026-01-01T00:00:00.0000001Z as FILETIME: an f64 would lose the last digits.
    let filetime = 134_116_992_000_000_001_u64;
    let report = with(&outer_of(&inner, json!({"nbf": filetime, "exp": filetime + 36_000_000_000})));
    let shown = serde_json::to_value(v1::Report::from(&report)).unwrap();
    let outer = shown["tokens"].as_array().unwrap().iter().find(|token| !token["actor"].is_null()).unwrap();
    assert_eq!(outer["not_before"], "2026-01-01T00:00:00.0000001Z", "{outer}");
    assert_eq!(outer["claims"]["nbf"].to_string(), filetime.to_string());
}

#[test]
fn trap_17_callers_are_data() {
    for id in [SKYPE, SCHEDULER, VOICEMAIL] {
        assert!(passes(&with(&of_caller(&format!("{id}@{REALM}")))), "{id}");
    }
    // The dedicated hybrid application of a tenant has a random id.
    let own = "11111111-2222-4333-8444-555555555555";
    let token = of_caller(&format!("{own}@{REALM}"));
    let report = with(&token);
    assert_eq!(
        (report.outcome, severity(&report, "S2S-005")),
        (Outcome::Fail, Some(Severity::Info)),
        "{:?}",
        codes(&report)
    );
    let text = format!("name = \"own\"\nextends = \"exchange-s2s\"\n[[callers]]\nid = \"{own}\"\nname = \"Hybrid\"");
    let policy = Policy::new(Profile::from_toml(&text).unwrap());
    let report = judge_by(policy, "own.http", &support::transcript(&[(bearer(&token), ok())]));
    assert!(passes(&report) && !has(&report, "S2S-005"), "{:?}", codes(&report));
}
