//! Who decides: hosts with their ports, issuers of tokens, strangers' tokens, and the order by time.

use super::*;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\n";

fn at(time: &str, text: &str) -> String {
    format!("# @time 2026-01-01T00:{time}Z\n{text}")
}

fn severity(report: &Report, code: &str) -> Option<Severity> {
    report.findings.iter().filter(|finding| finding.meta.code == code).map(|finding| finding.severity).max()
}

#[test]
fn later_is_by_time_whatever_the_order_of_reading() {
    use Outcome::{Fail, Pass};
    let (accepted, refused) = (|time| at(time, &works()), |time| at(time, &refused("token_expired")));
    for (name, text, outcome) in [
        ("in order", accepted("01:00") + &refused("02:00"), Fail),
        ("newest first", refused("02:00") + &accepted("01:00"), Fail),
        ("renewed", refused("01:00") + &accepted("02:00"), Pass),
        ("renewed, newest first", accepted("02:00") + &refused("01:00"), Pass),
        ("at once, by place", accepted("01:00") + &refused("01:00"), Fail),
        ("at once, by place", refused("01:00") + &accepted("01:00"), Pass),
        ("refused between", accepted("03:00") + &refused("02:00") + &accepted("01:00"), Pass),
        ("refused around", refused("03:00") + &accepted("02:00") + &refused("01:00"), Fail),
        ("refused around", refused("01:00") + &refused("03:00") + &accepted("02:00"), Fail),
        ("without times", works() + &super::refused("token_expired"), Fail),
        ("without times", super::refused("token_expired") + &works(), Pass),
    ] {
        let report = testing::judge(&text);
        assert_eq!(report.outcome, outcome, "{name}: {}", report.reason);
        let handshake = &report.handshakes[0];
        assert_eq!(handshake.outcome == crate::report::HandshakeOutcome::Refused, outcome == Fail, "{name}");
        assert_eq!(handshake.status, Some(if outcome == Fail { 401 } else { 200 }), "{name}");
    }
}

#[test]
fn a_host_is_in_scope_with_all_its_ports() {
    let basic = |host: &str| ask("/owa/", host, Some(BASIC)) + OK + "\n###\n";
    for (policy, host, outcome) in [
        (testing::policy(), "mail.contoso.com:8443", Outcome::Fail),
        (testing::policy(), "MAIL.contoso.com.:444", Outcome::Fail),
        (testing::policy(), "mail.contoso.com.evil.test:8443", Outcome::Pass),
        (testing::policy(), "www.contoso.com:8443", Outcome::Pass),
        (testing::policy().host("mail.contoso.com"), "mail.contoso.com:8443", Outcome::Fail),
        (testing::policy().host("mail.contoso.com:443"), "mail.contoso.com:8443", Outcome::Pass),
        (testing::policy().host("mail.contoso.com:443"), "mail.contoso.com", Outcome::Fail),
    ] {
        let report = testing::judge_by(policy, &(works() + &basic(host)));
        assert_eq!(report.outcome, outcome, "{host}: {}", report.reason);
        assert!(severity(&report, "BAS-001") >= Some(Severity::High), "{host}");
        // What was sent anywhere was not never sent.
        assert!(!report.reason.contains("Basic was never sent"), "{host}: {}", report.reason);
    }
}

/// A grant at a host that need not be known, and a call with what it gave.
fn granted(host: &str, grant: &str, answer: &str) -> String {
    let actor = testing::actor("00000004-0000-0ff1-ce00-000000000000@7f9c");
    let request = format!("POST /adfs/oauth2/token HTTP/1.1\nHost: {host}\n{FORM}\n{grant}\n");
    let answer = answer.replace("TOKEN", &actor);
    let call = mail(Some(&format!("Bearer {actor}")), OK);
    format!("{request}{answer}\n###\n{call}")
}

const GRANT: &str = "grant_type=password&username=a&password=b&client_id=c";
const ISSUES: &str =
    "HTTP/1.1 200 OK\nContent-Type: application/json\n\n{\"access_token\":\"TOKEN\",\"token_type\":\"Bearer\"}";

#[test]
fn a_password_counts_where_a_token_in_scope_was_issued() {
    use Outcome::{Fail, Inconclusive, Pass};
    let policy = || testing::policy().host("mail.contoso.com");
    for (name, text, outcome) in [
        ("a password", granted("sts.fabrikam.test", GRANT, ISSUES), Fail),
        ("none", granted("sts.fabrikam.test", "grant_type=client_credentials&client_id=c", ISSUES), Pass),
        ("the answer is missing", granted("sts.fabrikam.test", GRANT, ""), Inconclusive),
        ("nothing was given", granted("sts.fabrikam.test", GRANT, "HTTP/1.1 400 Bad Request\n"), Pass),
        ("another token", granted("sts.fabrikam.test", GRANT, &ISSUES.replace("TOKEN", "0paque")), Pass),
    ] {
        for policy in [testing::policy(), policy()] {
            let report = testing::judge_by(policy, &text);
            assert_eq!(report.outcome, outcome, "{name}: {}", report.reason);
        }
    }
    // What would tell of the password is lost: never a pass.
    let text = granted("sts.fabrikam.test", GRANT, ISSUES);
    for (how, which) in [(1, 0), (5, 0), (3, 0), (8, 0), (2, 0)] {
        let mut exchanges = testing::exchanges(&text);
        damage(&mut exchanges, which, how);
        if how == 5 {
            exchanges[0].request.as_mut().unwrap().body.kept = None;
        }
        let report = testing::judge_exchanges(policy(), exchanges);
        assert_ne!(report.outcome, Pass, "{how}: {}", report.reason);
    }
}

#[test]
fn the_refusal_of_a_strangers_token_does_not_decide() {
    use Outcome::{Fail, Pass};
    let no = "HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer client_id=\"c\"\n";
    let bearer = |token: String, answer: &str| mail(Some(&format!("Bearer {token}")), answer);
    let orphan = |caller: &str| {
        let claims = serde_json::json!({"iss": caller, "nameid": caller,
            "aud": "00000002-0000-0ff1-ce00-000000000000/mail.contoso.com@t"});
        testing::jwt(&serde_json::json!({"alg": "none"}), &claims, 0)
    };
    let (stranger, known) = ("11111111-2222-4333-8444-555555555555@t", "00000004-0000-0ff1-ce00-000000000000@t");
    for (name, more, outcome) in [
        ("another product's", bearer(entra(), no), Pass),
        ("a scanner's", bearer("0paque0paque0paque".to_owned(), no), Pass),
        ("another application's", bearer(testing::outer(stranger), no), Pass),
        ("a stranger's without an actor token", bearer(orphan(stranger), no), Pass),
        ("by a login page", bearer(entra(), "HTTP/1.1 302 Found\nLocation: /owa/auth/logon.aspx\n"), Pass),
        // What was accepted decides, and what names an expected caller.
        ("without an actor token, accepted", bearer(orphan(stranger), OK), Fail),
        ("an expected caller's without an actor token", bearer(orphan(known), no), Fail),
        ("an expected caller's", refused("invalid_signature"), Fail),
    ] {
        for text in [works() + &more, more.clone() + &works()] {
            let outcome = match (name, text.starts_with(&more)) {
                ("an expected caller's", true) => Pass,
                _ => outcome,
            };
            let report = testing::judge(&text);
            assert_eq!(report.outcome, outcome, "{name}: {}", report.reason);
            if outcome == Pass && name != "an expected caller's" {
                let codes = testing::codes(&report, Severity::Low);
                assert!(!codes.iter().any(|code| code.starts_with("S2S-0")), "{name}: {codes:?}");
                assert_eq!(severity(&report, "S2S-032"), Some(Severity::Low), "{name}");
            }
        }
        // Alone it is no pass.
        assert_ne!(testing::judge(&more).outcome, Pass, "{name}");
    }
}

#[test]
fn a_fail_names_what_was_expected_and_what_was_seen() {
    let report = testing::judge_by(
        testing::policy().realm("contoso.com"),
        &(mail(Some(&format!("Bearer {}", entra())), OK) + &mail(Some("NTLM TlRM"), OK)),
    );
    for words in ["Skype for Business Online", "contoso.com", "11111111-2222-4333-8444-555555555555", "NTLM"] {
        assert!(report.reason.contains(words), "{words}: {}", report.reason);
    }
}

#[test]
fn a_pass_says_no_more_than_is_true() {
    let told = |text: &str| {
        let report = testing::judge(text);
        assert_eq!(report.outcome, Outcome::Pass, "{}", report.reason);
        report.reason
    };
    assert!(told(&works()).contains("Basic was never sent, and nothing in scope was unreadable"));
    for more in [mail(Some("Basic Og=="), "HTTP/1.1 401 U\n"), elsewhere(Some(BASIC), OK)] {
        let reason = told(&(works() + &more));
        assert!(!reason.contains("Basic was never sent") && reason.contains("to a host in scope"), "{reason}");
    }
    let reason = told(&(works() + &elsewhere(None, "")));
    assert!(reason.contains("other hosts") && !reason.contains("nothing in scope was unreadable"), "{reason}");
}

#[test]
fn the_sentence_of_several_inputs_is_true_of_all() {
    let merged = |texts: &[String]| {
        let reports = texts.iter().map(|text| testing::judge(text)).collect();
        Report::merge(reports).unwrap().reason
    };
    assert!(merged(&[works(), works()]).contains("Basic was never sent"));
    for more in [elsewhere(Some(BASIC), OK), mail(Some("Basic Og=="), "HTTP/1.1 401 U\n")] {
        let texts = [works(), works() + &more];
        assert!(!merged(&texts).contains("Basic was never sent"), "{}", merged(&texts));
    }
    let texts = [works(), works() + &elsewhere(None, "")];
    assert!(!merged(&texts).contains("nothing in scope was unreadable"), "{}", merged(&texts));
}

#[test]
fn a_challenge_is_not_abandoned_where_the_call_was_read_before() {
    let challenge = at("01:00", &mail(Some(EMPTY_BEARER), CHALLENGE));
    let late = at("30:00", &elsewhere(None, OK));
    let call = |time| at(time, &works());
    for (text, abandoned) in [
        (challenge.clone() + &call("01:30") + &late, false),
        (late.clone() + &call("01:30") + &challenge, false),
        (late.clone() + &challenge, true),
        (late.clone() + &call("00:30") + &challenge, true),
        (call("20:00") + &challenge, true),
    ] {
        let codes = testing::codes(&testing::judge(&text), Severity::Info);
        assert_eq!(codes.contains(&"S2S-031"), abandoned, "{text}");
    }
}
