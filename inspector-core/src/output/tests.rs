//! Every output, read by a reader of its form, of a recording that holds something hostile in every place.

use serde_json::Value;

use super::*;
use crate::rules::testing;

/// Texts that mean something to one form or another.
const HOSTILE: &str = "]]>%0A::error::x,<script>alert(1)</script>|`=1+1\u{202e}\u{1b}[31m";

/// A recording whose host, path, fields and content say them, as far as a transcript can.
pub(super) fn hostile() -> Report {
    let text = format!(
        "POST /EWS/Exchange.asmx?q={HOSTILE} HTTP/1.1\nHost: mail.contoso.com\n\
         Authorization: Basic Y29udG9zb1xzdmMtczRiOlBAc3M6dzByZCE=\nX-Forwarded-For: {HOSTILE}\nUser-Agent: {HOSTILE}\n\n\
         HTTP/1.1 401 {HOSTILE}\nx-ms-diagnostics: 2000002;reason=\"{HOSTILE}\";error_category=\"{HOSTILE}\"\n\
         WWW-Authenticate: Bearer realm=\"{HOSTILE}\"\n\n###\n\
         POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {}\n\n\
         HTTP/1.1 401 U\nx-ms-diagnostics: 2000002;reason=\"{HOSTILE}\";error_category=\"invalid_token\"\n\n",
        testing::outer("00000004-0000-0ff1-ce00-000000000000@7f9c")
    );
    let mut report = testing::judge(&text);
    for input in &mut report.inputs {
        input.path = format!("folder/{HOSTILE}.http");
    }
    report
}

fn written(name: &str, report: &Report) -> String {
    let mut bytes = Vec::new();
    find(name).unwrap().write(report, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn no_output_has_what_is_not_seen_nor_a_secret() {
    let report = hostile();
    assert!(report.findings.iter().any(|finding| finding.detail.contains("script")), "the texts get into the report");
    for output in OUTPUTS {
        let text = written(output.name(), &report);
        assert!(!text.is_empty() && find(output.name()).is_some());
        let unseen = |c: char| !matches!(c, '\n' | '\r') && (redact::is_invisible(c) || c.is_control());
        assert!(!text.contains(unseen), "{}: {:?}", output.name(), text.find(unseen));
        assert!(!text.contains("P@ss") && !text.contains("Y29udG9zb1xzdmM"), "{}", output.name());
    }
}

#[test]
fn sarif_and_gitlab_are_json_with_stable_fingerprints() {
    let report = hostile();
    let sarif: Value = serde_json::from_str(&written("sarif", &report)).unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(run["invocations"][0]["exitCode"], 1);
    let rules: Vec<&str> =
        run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    let results = run["results"].as_array().unwrap();
    assert!(results.iter().any(|result| result["ruleId"] == "BAS-001" && result["level"] == "error"));
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(result["ruleId"], rules[index]);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        assert!(uri.starts_with("folder/") && !uri.contains(['<', ':', ' ', '|']), "{uri}");
    }
    let prints = |report: &Report| -> Vec<String> {
        let document: Value = serde_json::from_str(&written("gitlab", report)).unwrap();
        let all = document.as_array().unwrap().iter();
        let mut all: Vec<String> = all.map(|one| one["fingerprint"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let mut moved = hostile();
    moved.inputs[0].path = format!("/another/place/{HOSTILE}.http");
    for finding in &mut moved.findings {
        finding.evidence.iter_mut().for_each(|evidence| evidence.entry = Some(77));
    }
    moved.findings.reverse();
    assert_eq!(prints(&report), prints(&moved));
    moved.inputs[0].path = "another.http".to_owned();
    assert_ne!(prints(&report), prints(&moved));
}

#[test]
fn github_gets_one_command_a_line() {
    let text = written("github", &hostile());
    for line in text.lines() {
        let (properties, _) = line.strip_prefix("::").and_then(|rest| rest.split_once("::")).unwrap();
        assert!(["error ", "warning ", "notice "].iter().any(|command| properties.starts_with(command)), "{line}");
    }
    for command in ["error", "warning", "notice"] {
        assert!(text.lines().filter(|line| line.starts_with(&format!("::{command} "))).count() <= 10);
    }
    assert!(text.starts_with("::error title=inspector::fail: "), "{text}");
}

#[test]
fn junit_tells_inconclusive_from_failed() {
    let text = written("junit", &hostile());
    assert!(text.contains("<failure") && text.contains("Basic was never sent"), "{text}");
    assert!(!text.contains("<script>") && !text.contains("]]>"), "{text}");
    let open = testing::judge("POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n\nHTTP/1.1 401 U\n\n");
    let text = written("junit", &open);
    assert!(text.contains("<error") && !text.contains("<failure") && !text.contains("<skipped"), "{text}");
}

#[test]
fn csv_has_eight_fields_a_line() {
    let text = written("csv", &hostile());
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("input,rule,severity,blocks,title,detail,count,place"));
    for line in lines.filter(|line| !line.is_empty()) {
        let mut quoted = false;
        let commas = line.chars().filter(|c| {
            quoted ^= *c == '"';
            *c == ',' && !quoted
        });
        assert_eq!(commas.count(), 7, "{line}");
    }
}

#[test]
fn markdown_says_the_verdict_first() {
    let text = written("markdown", &hostile());
    assert!(text.starts_with("## FAIL: "), "{text}");
    assert!(!text.contains("<script") && !text.contains("`"), "{text}");
}
