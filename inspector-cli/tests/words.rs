//! What people read is true: the summary of every scenario and every rule's example against the facts of its report, and
//! the report against its schema.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{fs, path::PathBuf};

use common::{Run, run, scenarios};
use serde_json::Value;

/// Rules that say that Basic was sent to anybody.
const BASIC_SENT: [&str; 7] = ["BAS-001", "BAS-002", "BAS-005", "BAS-006", "BAS-008", "BAS-017", "BAS-018"];
/// Coverage findings that hide nothing.
const HIDES_NOTHING: [&str; 2] = ["COV-007", "COV-008"];

fn findings(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().unwrap().iter()
}

fn rule(finding: &Value) -> &str {
    finding["rule"].as_str().unwrap()
}

fn is_grave(finding: &Value, severities: &[&str]) -> bool {
    severities.contains(&finding["severity"].as_str().unwrap())
}

/// What the summary says that the report does not bear out.
fn lies(report: &Value, human: &str) -> Vec<String> {
    let mut lies = Vec::new();
    let mut say = |is_lie: bool, what: &str| {
        if is_lie {
            lies.push(what.to_owned());
        }
    };
    let flat = human.split_whitespace().collect::<Vec<_>>().join(" ");
    let reason = report["reason"].as_str().unwrap();
    let outcome = report["outcome"].as_str().unwrap();
    let steps: Vec<&str> = report["next_steps"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    let handshakes = report["handshakes"].as_array().unwrap();
    let medium = ["medium", "high", "critical"];

    say(
        flat.contains("Basic was never sent") && findings(report).any(|it| BASIC_SENT.contains(&rule(it))),
        "Basic was sent",
    );
    let hides = |it: &Value| rule(it).starts_with("COV-") && !HIDES_NOTHING.contains(&rule(it));
    say(reason.contains("nothing in scope was unreadable") && findings(report).any(hides), "something was unreadable");
    say(flat.contains("nothing to do") && findings(report).any(|it| is_grave(it, &medium)), "there is something to do");
    say(flat.contains("asked for OAuth"), "what the server asked for is told by its challenge");
    say(flat.contains("no call followed"), "what followed is not known");
    say(outcome != "pass" && steps.is_empty(), "no next step");
    let decides = |it: &Value| is_grave(it, &["high", "critical"]);
    say(outcome == "fail" && !findings(report).any(decides), "the finding that decides is missing");
    say(outcome == "fail" && flat.contains("no findings"), "no findings under FAIL");
    let code = reason.split(':').next().unwrap();
    say(code.len() == 7 && !findings(report).any(|it| rule(it) == code), "the reason's rule is not among the findings");
    let steps_of = |it: &Value| it["steps"].as_array().into_iter().flatten().cloned().collect::<Vec<_>>();
    let asks = |step: &Value| ["token-request", "renewal"].iter().any(|kind| step["step"] == *kind);
    let asked = handshakes.iter().flat_map(steps_of).any(|step| asks(&step));
    say(flat.contains("a token was asked for") && !asked, "no token was asked for");
    let foreign = |it: &&Value| it["expected"] == false && it["calls"].as_u64().unwrap() > 0;
    say(
        flat.contains("which this profile does not expect") && !handshakes.iter().any(|it| foreign(&it)),
        "all are expected",
    );
    let used = |it: &Value| it["outcome"] == "issued" && report["coverage"]["sanitized"] == true;
    say(flat.contains("no call with it was") && handshakes.iter().any(used), "its call may have been taken out");
    say(
        flat.contains("no call with a token was read") && handshakes.iter().any(called_where_asked(handshakes)),
        "a call followed",
    );
    let mut distinct = steps.clone();
    distinct.sort_unstable();
    distinct.dedup();
    say(distinct.len() != steps.len(), "a step twice");
    let again = steps.iter().any(|step| step.starts_with("Record again while a"));
    say(again && outcome == "fail", "recording again does not mend a fail");
    say(reason.matches(": ").count() > 1, "several colons in a sentence");
    say(!reason.ends_with('.') || reason.ends_with("..") || reason.contains("?."), "no sentence");
    say(first_screen_ends(human) > 24, "the next step is not on the first screen");
    say(!odd_plurals(&flat).is_empty(), "an odd plural");
    for finding in findings(report) {
        let first = finding["evidence"][0]["input"].as_str().unwrap_or_default();
        say(first.is_empty(), "a finding that names no input");
        let remedy = finding["remedy"].as_str().unwrap();
        let remedy = remedy.split_whitespace().collect::<Vec<_>>().join(" ");
        say(remedy.len() > 40 && flat.matches(&*remedy).count() > 1, "a help text twice");
    }
    lies
}

/// Whether a handshake asked a host that another called.
fn called_where_asked(all: &[Value]) -> impl Fn(&Value) -> bool {
    let called: Vec<String> =
        all.iter().filter(|it| it["calls"].as_u64() > Some(0)).map(|it| it["resource"].to_string()).collect();
    move |it| it["outcome"] == "discovery" && called.contains(&it["resource"].to_string())
}

/// The line in which the next steps end.
fn first_screen_ends(human: &str) -> usize {
    let lines: Vec<&str> = human.lines().collect();
    let begin = lines.iter().position(|line| line.starts_with("next "));
    let Some(begin) = begin else { return 0 };
    begin + 1 + lines[begin + 1..].iter().take_while(|line| line.starts_with("       ")).count()
}

fn odd_plurals(flat: &str) -> Vec<&str> {
    let words = [
        "exchanges",
        "calls",
        "findings",
        "facts",
        "connections",
        "entries",
        "gaps",
        "bodies",
        "packets",
        "times",
        "tokens",
    ];
    let mut before = "";
    let mut odd = Vec::new();
    for word in flat.split(' ') {
        if before == "1" && words.contains(&word.trim_end_matches([',', ';', '.', ')', ':'])) {
            odd.push(word);
        }
        before = word;
    }
    odd
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
    if !(allowed && listed && constant) {
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

fn schema() -> Value {
    serde_json::from_str(inspector_core::report::v1::SCHEMA).unwrap()
}

/// Runs both outputs over some recordings on two threads, and collects what is wrong.
fn examine(recordings: &[Vec<String>]) {
    let schema = schema();
    let half = recordings.len().div_ceil(2);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = recordings
            .chunks(half.max(1))
            .map(|part| {
                let schema = &schema;
                scope
                    .spawn(move || part.iter().flat_map(|recording| examine_one(recording, schema)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn examine_one(recording: &[String], schema: &Value) -> Vec<String> {
    let with = |format: &str| -> Run {
        let mut words = vec!["check", "--no-found-keys", "--format", format];
        words.extend(recording.iter().map(String::as_str));
        run(&words)
    };
    let report = with("json");
    if report.code == 4 {
        return Vec::new();
    }
    let document = report.json();
    let human = with("human").out;
    let mut wrong = lies(&document, &human);
    check(&document, schema, schema, "", &mut wrong);
    if document["exit_code"] != report.code {
        wrong.push("another exit code than the process's".to_owned());
    }
    wrong.into_iter().map(|what| format!("{}: {what}: {}", recording.join(" "), document["reason"])).collect()
}

fn files(folder: PathBuf, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    paths.sort();
    let named = |path: &PathBuf| wanted(&path.file_name().unwrap().to_string_lossy());
    paths.into_iter().filter(named).map(|path| path.display().to_string()).collect()
}

#[test]
fn of_every_scenario() {
    let mut all = Vec::new();
    for folder in fs::read_dir(scenarios()).unwrap().map(|one| one.unwrap().path()).filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        all.push(vec![format!("{name}/recording.har")]);
        all.push(vec![format!("{name}/tls13.pcap")]);
    }
    assert!(all.len() >= 120);
    examine(&all);
}

#[test]
fn of_every_rules_examples() {
    let mut all = Vec::new();
    for folder in fs::read_dir(scenarios().join("../rules")).unwrap().map(|one| one.unwrap().path()) {
        for name in ["fires.http", "fires-1.http", "quiet.http", "quiet-1.http"] {
            all.extend(files(folder.clone(), |file| file == name).into_iter().map(|path| vec![path]));
        }
    }
    assert!(all.len() > 250, "{}", all.len());
    examine(&all);
}

#[test]
fn of_recordings_of_real_traffic_and_of_several() {
    let mut all = Vec::new();
    for folder in fs::read_dir(scenarios().join("../live")).unwrap().map(|one| one.unwrap().path()) {
        all.extend(
            files(folder, |file| file.starts_with("recording.") && file != "recording.keys")
                .into_iter()
                .map(|it| vec![it]),
        );
    }
    for profile in ["generic", "entra", "sharepoint-s2s"] {
        for name in ["entra-app-token", "handshake-complete", "basic-sent", "opaque-bearer", "ntlm-instead"] {
            all.push(["--profile", profile, &format!("{name}/recording.har")].map(str::to_owned).to_vec());
        }
    }
    let complete = "handshake-complete/recording.har";
    for words in [
        vec!["--realm", "elsewhere.test", complete],
        vec!["--host", "mial.contoso.com", complete],
        vec!["--at", "now", complete],
        vec![complete, "basic-sent/recording.har", "discovery-only/recording.har"],
        vec![complete, "handshake-cached/recording.har"],
        vec!["handshake-complete/tls13.pcap", "--keys", "basic-sent/tls13.keys"],
    ] {
        all.push(words.into_iter().map(str::to_owned).collect());
    }
    examine(&all);
}

#[test]
fn of_damaged_recordings() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("words-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut all = Vec::new();
    for recording in ["recording.har", "clear.pcap", "dsb.pcapng", "h2.pcap"] {
        let bytes = fs::read(scenarios().join("handshake-complete").join(recording)).unwrap();
        for eighths in [1, 3, 5, 7] {
            let path = folder.join(format!("{eighths}-{recording}"));
            fs::write(&path, &bytes[..bytes.len() * eighths / 8]).unwrap();
            all.push(vec![path.display().to_string()]);
        }
        let mut junk = bytes.clone();
        junk.iter_mut().skip(400).step_by(97).for_each(|byte| *byte ^= 0x15);
        let path = folder.join(format!("junk-{recording}"));
        fs::write(&path, junk).unwrap();
        all.push(vec![path.display().to_string()]);
    }
    examine(&all);
    for words in &all {
        if let Ok(report) = serde_json::from_str::<Value>(&run(&["check", "--format", "json", &words[0]]).out) {
            for evidence in findings(&report).flat_map(|it| it["evidence"].as_array().unwrap()) {
                assert_ne!(evidence["frame"], 0, "{}: frames count from 1", words[0]);
            }
        }
    }
    fs::remove_dir_all(folder).unwrap();
}
