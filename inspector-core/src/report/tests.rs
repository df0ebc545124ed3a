use serde_json::{Value, json};

use super::{HandshakeOutcome, Report, v1};
use crate::{
    analysis::Analysis,
    coverage::Coverage,
    evidence::SourceId,
    finding::Severity,
    handshake::facts::token_weight,
    limits::Limits,
    rules::testing,
    token::{self, compact::decode},
    verdict::Outcome,
};

const CALLER: &str = "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f";

fn call(authorization: &str, response: &str) -> String {
    format!(
        "# @time 2026-01-01T00:00:00Z\n# @client 10.0.0.1:5000\nPOST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n\
         Authorization: {authorization}\n\n{response}\n###\n"
    )
}

/// A conversation with everything the report can say: discovery, token, refusal, acceptance, Basic.
fn conversation() -> String {
    let outer = testing::outer(CALLER);
    let bearer = format!("Bearer {outer}");
    let challenge = "HTTP/1.1 401 U\nWWW-Authenticate: Bearer client_id=\"c\", trusted_issuers=\"a@b\"\nWWW-Authenticate: Basic realm=\"x\"\n";
    let refusal = "HTTP/1.1 401 U\nx-ms-diagnostics: 2000002;reason=\"over\";error_category=\"token_expired\"\n";
    let actor = testing::decode(&outer).actor.map(|actor| actor.raw.reveal().to_string()).unwrap_or_default();
    let issued = json!({"access_token": actor});
    call("Bearer", challenge)
        + "POST /t/tokens/OAuth/2 HTTP/1.1\nHost: accounts.accesscontrol.windows.net\nContent-Type: application/x-www-form-urlencoded\n\n\
           grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer&resource=x\n"
        + &format!("HTTP/1.1 200 OK\nContent-Type: application/json\n\n{issued}\n###\n")
        + &call(&bearer, refusal)
        + &call(&bearer, "HTTP/1.1 200 OK\n")
        + &call("Bearer cwt=AAEBHAEFAAAApLaNtEdSeCrEt0123456789012345678901234567890123456789", "HTTP/1.1 200 OK\n")
        + &call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "")
        + "GET /?password=pLaNtEdSeCrEt HTTP/1.1\nHost: mail.contoso.com\n\nHTTP/1.1 200 OK\n"
}

/// Checks a value against the part of JSON Schema the schema uses.
fn check(value: &Value, schema: &Value, root: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return check(value, root.pointer(name.trim_start_matches('#')).unwrap(), root, path, wrong);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let fits = any.iter().any(|schema| {
            let mut inner = Vec::new();
            check(value, schema, root, path, &mut inner);
            inner.is_empty()
        });
        if !fits {
            wrong.push(format!("{path}: fits no alternative"));
        }
        return;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::String(one) => one == kind,
        Value::Array(all) => all.iter().any(|one| one == kind),
        _ => true,
    };
    let listed = schema["enum"].as_array().is_none_or(|all| all.contains(value));
    let constant = schema.get("const").is_none_or(|constant| constant == value);
    let large = schema["minimum"].as_u64().zip(value.as_u64()).is_none_or(|(least, number)| number >= least);
    if !(allowed && listed && constant && large) {
        wrong.push(format!("{path}: {value} against {schema}"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter(|_| value.is_object()) {
        if value.get(name.as_str().unwrap()).is_none() {
            wrong.push(format!("{path}: lacks {name}"));
        }
    }
    if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, member) in members {
            match known.get(name) {
                Some(schema) => check(member, schema, root, &format!("{path}/{name}"), wrong),
                None => wrong.push(format!("{path}: {name} is not in the schema")),
            }
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, &format!("{path}/{at}"), wrong);
    }
}

#[test]
fn the_json_fits_its_schema() {
    let schema: Value = serde_json::from_str(v1::SCHEMA).unwrap();
    for text in [conversation(), String::new(), call("Bearer", "HTTP/1.1 401 U\n")] {
        let document = serde_json::to_value(v1::Report::from(&testing::judge(&text))).unwrap();
        let mut wrong = Vec::new();
        check(&document, &schema, &schema, "", &mut wrong);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
    let mut wrong = Vec::new();
    check(&json!({"schema": "other", "extra": 1}), &schema, &schema, "", &mut wrong);
    assert!(wrong.len() > 3, "the check checks nothing");
}

#[test]
fn the_members_of_the_schema_are_there() {
    let document = serde_json::to_value(v1::Report::from(&testing::judge(&conversation()))).unwrap();
    assert_eq!((&document["schema"], &document["outcome"]), (&json!("inspector-report/1"), &json!("fail")));
    let finding = document["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "S2S-001").unwrap();
    assert_eq!((&finding["name"], &finding["severity"]), (&json!("expected-issuer-present"), &json!("info")));
    assert_eq!(
        (&finding["evidence"][0]["input"], &finding["evidence"][0]["part"]),
        (&json!("test.http"), &json!("request.header"))
    );
    assert_eq!((&finding["evidence"][0]["entry"], &finding["count"]), (&json!(2), &json!(2)));
    assert!(finding.get("blocks").is_none());
    let missing = document["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "COV-006").unwrap();
    assert_eq!(missing["blocks"], json!(true));
    let token = document["tokens"].as_array().unwrap().iter().find(|t| t["kind"] == "s2s-outer").unwrap();
    assert_eq!((&token["signature"], &token["count"]), (&json!("absent"), &json!(2)));
    assert_eq!((&token["actor"]["signature"], &token["actor"]["kind"]), (&json!("unverifiable"), &json!("s2s-actor")));
    assert_eq!(token["claims"]["iss"], json!(CALLER));
    assert_eq!(token["principal"]["realm"], json!("7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f"));
}

#[test]
fn the_handshake_is_told_step_by_step() {
    let report = testing::judge(&conversation());
    let handshake = report.handshakes.iter().find(|handshake| handshake.expected).unwrap();
    assert_eq!((handshake.calls, handshake.accepted, handshake.refused), (2, 1, 1));
    assert_eq!((handshake.outcome, handshake.status), (HandshakeOutcome::Accepted, Some(200)));
    assert_eq!(handshake.caller_name.as_deref(), Some("Skype for Business Online"));
    assert_eq!(handshake.reason.as_ref().unwrap().category.as_deref(), Some("token_expired"));
    let steps: Vec<&str> = handshake.steps.iter().map(|step| step.kind.as_str()).collect();
    assert_eq!(steps, ["probe", "challenge", "token-request", "token", "call", "answer", "call", "answer", "call"]);
}

#[test]
fn no_secret_is_in_a_report() {
    let report = testing::judge(&conversation());
    let shown = serde_json::to_string(&v1::Report::from(&report)).unwrap() + &format!("{report:?}");
    let outer = testing::outer(CALLER);
    let parts: Vec<&str> = outer.split('.').collect();
    for secret in ["w0rd", "Y29udG9zb1", "pLaNtEdSeCrEt", parts[1]] {
        assert!(!shown.contains(secret), "{secret}");
    }
    assert!(shown.contains("svc-s4b"), "user names may show");
    let json = serde_json::to_string(&v1::Report::from(&report)).unwrap();
    let actor = testing::decode(&outer).actor.unwrap();
    assert!(actor.raw.reveal().split('.').all(|part| !json.contains(part)), "the nested token shows");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = || serde_json::to_string(&v1::Report::from(&testing::judge(&conversation()))).unwrap();
    assert_eq!(bytes(), bytes());
}

#[test]
fn endless_input_stays_within_its_bounds() {
    let mut limits = Limits::default();
    (limits.hosts, limits.calls, limits.tokens, limits.findings) = (20, 10, 15, 5);
    let mut analysis = Analysis::new(testing::policy(), &limits);
    analysis.input(SourceId(0), "x", "http");
    for number in 0..200 {
        let text = call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n")
            .replace("mail", &format!("h{number}"))
            + &call(
                &format!("Bearer {}", testing::outer(&format!("00000004-0000-0ff1-ce00-000000000000@r{number}"))),
                "HTTP/1.1 401 U\n",
            );
        for exchange in &testing::exchanges(&text) {
            analysis.exchange(exchange, &testing::extract(exchange));
        }
    }
    let report = testing::done(analysis, 400);
    // Calls without a token have as much room again.
    assert!(report.tokens.len() <= 15 && report.handshakes.len() <= 20 && report.scope.len() <= 21);
    let basic: Vec<_> = report.findings.iter().filter(|f| f.meta.code == "BAS-001").collect();
    assert!(basic.len() <= 21, "{}", basic.len());
    assert_eq!(basic.iter().map(|f| f.count).sum::<u64>(), 200);
    assert!(report.findings.iter().any(|f| f.meta.code == "COV-009" && f.blocks));
    assert!(report.findings.iter().all(|f| f.evidence.len() <= 3));
    let refused = report.findings.iter().filter(|f| f.meta.code == "S2S-032" && f.severity == Severity::High);
    assert_eq!(refused.map(|f| f.count).sum::<u64>(), 200);
}

#[test]
fn every_input_is_judged_by_itself_and_the_outcomes_add_up() {
    let judge = |number: u32, text: &str| {
        let mut analysis = Analysis::new(testing::policy(), &Limits::default());
        analysis.input(SourceId(number), &format!("{number}.http"), "http");
        let exchanges = testing::exchanges(text);
        for mut exchange in exchanges.iter().cloned() {
            exchange.source = SourceId(number);
            analysis.exchange(&exchange, &testing::extract(&exchange));
        }
        analysis.input_done(SourceId(number), Coverage { exchanges: exchanges.len() as u64, ..Coverage::default() });
        analysis.finish()
    };
    let works = call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n");
    let basic = call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n");
    let open = call("Bearer", "HTTP/1.1 401 U\nWWW-Authenticate: Bearer client_id=\"c\"\n");
    for (texts, outcome, reason) in [
        (vec![&works], Outcome::Pass, "mail.contoso.com accepted"),
        (vec![&works, &works], Outcome::Pass, "Of 2 recordings 2 pass; in 0.http, "),
        (vec![&works, &open], Outcome::Inconclusive, "Of 2 recordings 1 is inconclusive and 1 passes; in 1.http, "),
        (
            vec![&open, &works, &basic],
            Outcome::Fail,
            "Of 3 recordings 1 fails, 1 is inconclusive and 1 passes; in 2.http, BAS-001",
        ),
    ] {
        let reports = (0..).zip(&texts).map(|(number, text)| judge(number, text)).collect();
        let report = Report::merge(reports).unwrap();
        assert_eq!(report.outcome, outcome, "{}", report.reason);
        assert!(report.reason.starts_with(reason), "{}", report.reason);
        assert_eq!((report.inputs.len(), report.coverage.exchanges), (texts.len(), texts.len() as u64));
        let document = serde_json::to_value(v1::Report::from(&report)).unwrap();
        let last = document["inputs"].as_array().unwrap().last().unwrap();
        assert_eq!(last["path"], json!(format!("{}.http", texts.len() - 1)));
    }
    let twice = Report::merge(vec![judge(0, &works), judge(1, &works)]).unwrap();
    let found: Vec<_> = twice.findings.iter().filter(|f| f.meta.code == "S2S-001").collect();
    assert_eq!((found.len(), found[0].count), (1, 2));
    assert_eq!((twice.tokens.len(), twice.tokens[0].count), (1, 2));
    // One token at one place at one moment is one call that was recorded twice.
    assert_eq!((twice.handshakes.len(), twice.handshakes[0].calls, twice.handshakes[0].seen_again), (1, 1, 1));
    assert!(twice.handshakes[0].steps.iter().all(|step| step.also.len() == 1));
    assert!(Report::merge(Vec::new()).is_none());
}

#[test]
fn reports_of_different_judges_keep_their_evidence_apart() {
    let judge = |path: &str, text: &str| {
        let mut analysis = Analysis::new(testing::policy(), &Limits::default());
        analysis.input(SourceId(0), path, "http");
        let exchanges = testing::exchanges(text);
        exchanges.iter().for_each(|exchange| analysis.exchange(exchange, &testing::extract(exchange)));
        testing::done(analysis, exchanges.len())
    };
    let works = call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n");
    let basic = call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n");
    // Each of them counts its inputs from 0, also one that is merged itself.
    let inner = Report::merge(vec![judge("b.http", &works), judge("c.http", &basic)]).unwrap();
    let report = Report::merge(vec![judge("a.http", &works), inner, judge("d.http", &works)]).unwrap();
    let document = serde_json::to_value(v1::Report::from(&report)).unwrap();
    let paths: Vec<&Value> = document["inputs"].as_array().unwrap().iter().map(|input| &input["path"]).collect();
    assert_eq!(paths, ["a.http", "b.http", "c.http", "d.http"]);
    let named = |rule: &str| -> Vec<String> {
        let all = document["findings"].as_array().unwrap().iter().filter(|finding| finding["rule"] == rule);
        let places = all.flat_map(|finding| finding["evidence"].as_array().unwrap());
        places.map(|place| place["input"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(named("BAS-001"), ["c.http"]);
    assert_eq!(named("S2S-001"), ["a.http", "b.http", "d.http"]);
    let handshake = &document["handshakes"][0];
    let also = handshake["steps"][0]["also"].as_array().unwrap();
    assert_eq!(also.iter().map(|place| &place["input"]).collect::<Vec<_>>(), ["b.http", "d.http"]);
    assert_eq!((&handshake["calls"], &handshake["seen_again"]), (&json!(1), &json!(2)));
    // Where the caller numbered them, the numbers stay.
    assert_eq!(report.inputs.iter().map(|input| input.source.0).collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_streamed_document_is_the_same() {
    let report = testing::judge(&conversation());
    let [made, streamed] =
        [serde_json::to_string(&v1::Report::from(&report)), serde_json::to_string(&v1::Report::streamed(&report))];
    assert!(!report.tokens.is_empty());
    assert_eq!(made.unwrap(), streamed.unwrap());
}

#[test]
fn tokens_are_kept_by_their_bytes_and_what_is_not_kept_is_told() {
    let call = |token: &str| {
        format!("GET /ews HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {token}\n\nHTTP/1.1 200 OK\n")
    };
    let token = |number: u32| token::testing::unsigned(&format!(r#"{{"iss":"a@b","n":{number}}}"#));
    let text = [call(&token(1)), call(&token(2)), call(&token(1))].join("\n###\n");
    let weight = [1, 2].map(|number| token_weight(&decode(&token(number), &Limits::default()))).iter().sum::<usize>();
    for (total, kept) in [(weight, 2), (weight - 1, 1)] {
        let limits = Limits { tokens_total: total, ..Limits::default() };
        let mut analysis = Analysis::new(testing::policy(), &limits);
        analysis.input(SourceId(0), "test.http", "http");
        let exchanges = testing::exchanges(&text);
        for exchange in &exchanges {
            analysis.exchange(exchange, &testing::extract(exchange));
        }
        let report = testing::done(analysis, exchanges.len());
        assert_eq!(report.tokens.iter().map(|token| token.count).sum::<u64>(), kept + 1);
        let told = report.findings.iter().any(|finding| finding.meta.code == "COV-009");
        assert_eq!((report.tokens.len() as u64, told), (kept, kept == 1));
    }
}

/// A pass by default, with that many further hosts in it that were called with a token.
fn passing(hosts: usize) -> String {
    let accepted = call(&format!("Bearer {}", testing::outer(CALLER)), "HTTP/1.1 200 OK\n");
    let others = (0..hosts).map(|number| accepted.replace("Host: mail", &format!("Host: mail{number}")));
    accepted.clone() + &others.collect::<String>()
}

fn judged_within(limits: &Limits, text: &str) -> Report {
    let mut analysis = Analysis::new(testing::policy(), limits);
    analysis.input(SourceId(0), "test.http", "http");
    let exchanges = testing::exchanges(text);
    for exchange in &exchanges {
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    testing::done(analysis, exchanges.len())
}

fn told(report: &Report, limit: &str) -> bool {
    let detail = format!("limit: {limit}");
    report
        .findings
        .iter()
        .any(|finding| finding.meta.code == "COV-009" && finding.blocks && finding.detail.starts_with(&detail))
}

#[test]
fn a_pass_needs_all_findings_and_all_facts_of_hosts() {
    let text = passing(3);
    assert_eq!(judged_within(&Limits::default(), &text).outcome, Outcome::Pass);
    for (limits, name) in [
        (Limits { findings_total: 0, ..Limits::default() }, "findings_total"),
        (Limits { findings_total: 6000, ..Limits::default() }, "findings_total"),
        (Limits { host_facts: 2, ..Limits::default() }, "host_facts"),
    ] {
        let report = judged_within(&limits, &text);
        assert_eq!(report.outcome, Outcome::Inconclusive, "{name}");
        assert!(told(&report, name), "{name}");
    }
}

#[test]
fn a_failure_is_one_whatever_findings_come_after_it() {
    let basic = call("Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=", "HTTP/1.1 200 OK\n");
    let text = basic + &passing(40);
    let report = judged_within(&Limits { findings_total: 20_000, ..Limits::default() }, &text);
    assert!(told(&report, "findings_total"));
    assert_eq!(report.outcome, Outcome::Fail);
}

#[test]
fn findings_are_kept_apart_only_as_far_as_memory_allows() {
    let text = passing(200);
    let count = |report: &Report| report.findings.iter().map(|finding| finding.count).sum::<u64>();
    let whole = judged_within(&Limits::default(), &text);
    let bounded = judged_within(&Limits { findings_total: 100_000, ..Limits::default() }, &text);
    assert!(
        bounded.findings.len() < whole.findings.len() / 2,
        "{} of {}",
        bounded.findings.len(),
        whole.findings.len()
    );
    // What is counted only is counted; and there is one more, that says so.
    assert_eq!(count(&bounded), count(&whole) + 1);
}

#[test]
fn details_of_calls_are_bounded_in_all_and_the_first_of_each_is_kept() {
    let caller = |number: u32| CALLER.replace("7f9c2b1e", &format!("{number:08x}"));
    let text: String = (0..60)
        .map(|number| {
            let bearer = format!("Bearer {}", testing::outer(&caller(number % 20)));
            call(&bearer, if number < 20 { "HTTP/1.1 200 OK\n" } else { "HTTP/1.1 401 U\n" })
        })
        .collect();
    let steps = |details: usize| {
        let report = judged_within(&Limits { call_details: details, ..Limits::default() }, &text);
        assert_eq!(report.handshakes.iter().map(|handshake| handshake.calls).sum::<u64>(), 60);
        report.handshakes.iter().map(|handshake| handshake.steps.len()).collect::<Vec<_>>()
    };
    assert_eq!(steps(usize::MAX), [6; 20]);
    assert_eq!(steps(0), [2; 20]);
    let some = steps(100);
    assert!(some.iter().sum::<usize>() < 110 && some.iter().all(|steps| *steps >= 2), "{some:?}");
}
