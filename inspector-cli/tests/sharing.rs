//! Recordings in another form, and recordings that can be handed over: judged as before, and without their secrets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{collections::BTreeMap, fs, io::Read as _, path::Path, process::Command};

use common::{RECORDINGS, base64url, folder, ran, run, scenarios};
use serde_json::{Value, json};

/// What a judgement rests on: the outcome, and the findings with their weights and hosts.
fn judged(path: &str, keys: Option<&str>) -> (Value, Vec<String>, Vec<String>) {
    let mut arguments = vec!["check", "-q", "--format", "json", path];
    if let Some(keys) = keys {
        arguments.extend(["--keys", keys]);
    }
    let report = run(&arguments).json();
    let finding =
        |it: &Value| format!("{} {} {} {} {}", it["rule"], it["severity"], it["blocks"], it["host"], it["count"]);
    let list = |name: &str, text: &dyn Fn(&Value) -> String| {
        let mut all: Vec<String> = report[name].as_array().unwrap().iter().map(text).collect();
        all.sort();
        all
    };
    (report["outcome"].clone(), list("findings", &finding), list("tokens", &|token| token["id"].to_string()))
}

/// A few scenarios of every outcome; all of them take minutes.
const SCENARIOS: [&str; 9] = [
    "handshake-complete",
    "basic-sent",
    "discovery-only",
    "ntlm-instead",
    "opaque-bearer",
    "password-grant",
    "token-in-url",
    "username-token",
    "pfat",
];

#[test]
fn a_recording_as_har_or_transcript_is_judged_as_before() {
    let folder = folder("round");
    let har = folder.join("out.har").display().to_string();
    for scenario in SCENARIOS {
        for (recording, keys) in RECORDINGS {
            let (input, keys) = (format!("{scenario}/{recording}"), keys.map(|keys| format!("{scenario}/{keys}")));
            let mut arguments = vec!["convert", "-q", "--show-secrets", &input, "-o", &har];
            if let Some(keys) = &keys {
                arguments.extend(["--keys", keys]);
            }
            ran(0, &arguments);
            assert_eq!(judged(&input, keys.as_deref()), judged(&har, None), "{input}");
        }
    }
    // Masked: the same but for the tokens' identity.
    let masked = folder.join("masked.har").display().to_string();
    for scenario in ["handshake-complete", "basic-sent", "password-grant"] {
        let input = format!("{scenario}/clear.pcap");
        ran(0, &["convert", "-q", &input, "-o", &masked]);
        let ((outcome, findings, _), (again, found, _)) = (judged(&input, None), judged(&masked, None));
        assert_eq!((outcome, findings), (again, found), "{input}");
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn what_was_missing_is_missing_in_every_form() {
    let folder = folder("losses");
    // No keys beside it: nothing was read, and so it stays.
    let capture = folder.join("dark.pcap").display().to_string();
    fs::copy(scenarios().join("handshake-complete/tls13.pcap"), &capture).unwrap();
    let capture = capture.as_str();
    assert_eq!(judged(capture, None).0, "inconclusive");
    for form in ["har", "http"] {
        let out = folder.join(format!("out.{form}")).display().to_string();
        ran(0, &["convert", "-q", "--no-found-keys", capture, "-o", &out]);
        let run = run(&["check", "-q", "--format", "json", &out]);
        assert!(matches!(run.code, 3 | 4), "{form}: {}", run.out);
    }
    // One connection dark, the other read: the pass of the latter is not enough.
    let keys = fs::read_to_string(scenarios().join("handshake-complete/tls13.keys")).unwrap();
    let random = "25de07b8ea118890";
    let some: String = keys.lines().filter(|line| !line.contains(random)).map(|line| format!("{line}\n")).collect();
    let log = folder.join("some.keys");
    fs::write(&log, some).unwrap();
    let log = log.display().to_string();
    for form in ["har", "http", "pcapng"] {
        let out = folder.join(format!("some.{form}")).display().to_string();
        ran(0, &["convert", "-q", capture, "--keys", &log, "-o", &out]);
        assert_eq!(judged(&out, None).0, judged(capture, Some(&log)).0, "{form}");
    }
    // Exported packets never prove that nothing is missing.
    let out = folder.join("out.pcapng").display().to_string();
    ran(0, &["convert", "-q", "handshake-complete/clear.pcap", "-o", &out]);
    assert_eq!(judged(&out, None).0, "inconclusive");
    if let Ok(output) =
        Command::new("tshark").args(["-r", &out, "-Y", "http.request", "-T", "fields", "-e", "http.host"]).output()
        && output.status.success()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("mail.contoso.com"), "{text}");
    }
    ran(2, &["convert", "-q", "handshake-complete", "-o", &out]);
    ran(2, &["convert", "-q", "handshake-complete/clear.pcap", "-o", "x.unknown"]);
    ran(4, &["convert", "-q", "nothing.pcap", "-o", &out]);
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn a_redacted_recording_is_judged_as_before_and_says_so() {
    let folder = folder("redacted");
    for scenario in SCENARIOS {
        for (recording, keys) in RECORDINGS {
            let in_place = matches!(recording, "clear.pcap" | "recording.har");
            let ending = if in_place { recording.rsplit('.').next().unwrap() } else { "har" };
            let out = folder.join(format!("out.{ending}")).display().to_string();
            let (input, keys) = (format!("{scenario}/{recording}"), keys.map(|keys| format!("{scenario}/{keys}")));
            let mut arguments = vec!["redact", "-q", &input, "-o", &out];
            if let Some(keys) = &keys {
                arguments.extend(["--keys", keys]);
            }
            ran(0, &arguments);
            let ((outcome, findings, tokens), (again, found, others)) =
                (judged(&input, keys.as_deref()), judged(&out, None));
            assert_eq!((outcome, findings, tokens.len()), (again, found, others.len()), "{input}");
            if in_place {
                assert_eq!(
                    fs::metadata(&out).unwrap().len(),
                    fs::metadata(scenarios().join(&input)).unwrap().len(),
                    "{input}"
                );
            }
        }
    }
    let out = folder.join("said.har").display().to_string();
    let receipt = folder.join("receipt.json");
    let said = ran(
        0,
        &["redact", "handshake-complete/recording.har", "-o", &out, "--receipt", &receipt.display().to_string()],
    );
    assert!(said.err.contains("signatures replaced"), "{}", said.err);
    let receipt: Value = serde_json::from_slice(&fs::read(receipt).unwrap()).unwrap();
    assert_eq!(receipt["schema"], "inspector-redaction/1");
    assert_eq!(receipt["outputs"][0]["bytes"], fs::metadata(&out).unwrap().len());
    assert_eq!(receipt["outputs"][0]["sha256"].as_str().unwrap().len(), 64);
    assert!(receipt["replaced"]["signatures"].as_u64().unwrap() > 0);
    let tokens = ran(0, &["tokens", "-q", "--format", "ndjson", &out]).out;
    assert!(tokens.contains("removed by redaction"), "{tokens}");
    // Twice is once.
    let again = folder.join("again.har").display().to_string();
    ran(0, &["redact", "-q", &out, "-o", &again]);
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn a_diff_names_the_first_divergence_in_every_form() {
    let good = "golden/recording.har";
    for (bad, code, first) in [
        (good, 0, None),
        ("golden/clear.pcap", 1, Some("finding")),
        ("wrong-resource/recording.har", 1, Some("audience")),
        ("golden-other-realm/recording.har", 1, Some("realm")),
        ("refused-invalid-tenant/recording.har", 1, Some("")),
        ("discovery-only/recording.har", 3, Some("")),
    ] {
        for format in ["human", "json", "markdown"] {
            let run = ran(code, &["diff", good, bad, "--format", format]);
            assert!(!run.out.is_empty(), "{bad} {format}");
            if format == "json" {
                let diff = run.json();
                assert_eq!(diff["schema"], "inspector-diff/1");
                let top = diff["differences"][0]["what"].as_str();
                assert_eq!((top.is_some(), diff["first"].is_null()), (first.is_some(), first.is_none()), "{bad}");
                if let Some(first) = first.filter(|first| !first.is_empty()) {
                    assert_eq!(top, Some(first), "{bad}");
                }
            }
        }
    }
    ran(4, &["diff", good, "nothing.har"]);
    ran(2, &["diff", good]);
}

/// Random text from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn word(&mut self, length: usize, letters: &[u8]) -> String {
        (0..length).map(|_| char::from(letters[(self.next() % letters.len() as u64) as usize])).collect()
    }

    fn secret(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        // Every class of letters, so that it cannot be a word.
        let length = 14 + (self.next() % 30) as usize;
        format!("q7Z{}", self.word(length, LETTERS))
    }
}

/// Requests with a secret in every place, and the secrets.
fn planted(random: &mut Random) -> (Vec<Value>, Vec<String>) {
    let mut secrets = Vec::new();
    let mut new = |random: &mut Random| {
        let secret = random.secret();
        secrets.push(secret.clone());
        secret
    };
    let header = |name: &str, value: String| json!({"name": name, "value": value});
    let basic = |text: String| {
        let coded = base64url(text.as_bytes()).replace('-', "+").replace('_', "/");
        let padding = "=".repeat((4 - coded.len() % 4) % 4);
        format!("Basic {coded}{padding}")
    };
    let token = |signature: &str| {
        let (header, claims) =
            (base64url(br#"{"alg":"RS256","typ":"JWT"}"#), base64url(br#"{"iss":"a","aud":"b","exp":1790000000}"#));
        format!("{header}.{claims}.{signature}")
    };
    let mut entries = Vec::new();
    let mut entry = |headers: Vec<Value>,
                     url: String,
                     body: Option<(String, &str)>,
                     answer: (String, &str),
                     fields: Vec<Value>| {
        let mut request = json!({"method": if body.is_some() {"POST"} else {"GET"}, "url": url, "httpVersion": "HTTP/1.1",
            "headers": headers, "cookies": [], "queryString": [], "headersSize": -1, "bodySize": -1});
        if let Some((text, kind)) = body {
            request["bodySize"] = text.len().into();
            request["postData"] = json!({"mimeType": kind, "text": text});
        }
        entries.push(json!({"startedDateTime": "2026-01-01T00:00:00.000Z", "time": 1, "request": request,
            "response": {"status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "headers": fields, "cookies": [],
                "content": {"size": answer.0.len(), "mimeType": answer.1, "text": answer.0}, "redirectURL": "",
                "headersSize": -1, "bodySize": answer.0.len()},
            "cache": {}, "timings": {"send": 0, "wait": 1, "receive": 0}}));
    };
    let host = || header("Host", "mail.contoso.com".to_owned());
    let url = |rest: String| format!("https://mail.contoso.com{rest}");
    let plain = || ("<html>nothing</html>".to_owned(), "text/html");
    let basics = basic(format!("megan:{}", new(random)));
    entry(vec![host(), header("Authorization", basics)], url("/EWS/Exchange.asmx".to_owned()), None, plain(), vec![]);
    let bearer = format!("Bearer {}", new(random));
    entry(vec![host(), header("authorization", bearer)], url("/a".to_owned()), None, plain(), vec![]);
    let signed = format!("Bearer {}", token(&new(random).repeat(6)[..86]));
    secrets_fixed(&mut entry, vec![host(), header("Authorization", signed)], url("/b".to_owned()), plain());
    let cookies = format!("a={}; session={}", new(random), new(random));
    let set = format!("sid={}; Path=/; HttpOnly", new(random));
    entry(
        vec![host(), header("Cookie", cookies)],
        url("/c".to_owned()),
        None,
        plain(),
        vec![header("Set-Cookie", set)],
    );
    let query = format!("/d?access_token={}&x=1", new(random));
    entry(
        vec![host()],
        url(query),
        None,
        plain(),
        vec![header("Location", format!("https://h/#id_token={}", new(random)))],
    );
    let saml = format!("<samlp:Response><ds:SignatureValue>{}</ds:SignatureValue></samlp:Response>", new(random));
    let saml = format!("/adfs/ls?wctx=1&SAMLResponse={}", base64url(saml.as_bytes()));
    entry(vec![host()], url(saml), None, plain(), vec![]);
    let form = format!("grant_type=password&username=megan&password={}&client_secret={}", new(random), new(random));
    let answer = format!(
        "{{\"access_token\":\"{}\",\"refresh_token\":\"{}\",\"token_type\":\"Bearer\"}}",
        new(random),
        new(random)
    );
    entry(
        vec![host(), header("Content-Type", "application/x-www-form-urlencoded".to_owned())],
        url("/oauth2/token".to_owned()),
        Some((form, "application/x-www-form-urlencoded")),
        (answer, "application/json"),
        vec![],
    );
    let login = format!(
        "{{\"user\":\"megan\",\"password\":\"{}\",\"nested\":{{\"apiKey\":\"{}\"}}}}",
        new(random),
        new(random)
    );
    entry(
        vec![host(), header("X-Api-Key", new(random)), header("Content-Type", "application/json".to_owned())],
        url("/login".to_owned()),
        Some((login, "application/json")),
        plain(),
        vec![],
    );
    let soap = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><wsse:Security xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><wsse:UsernameToken><wsse:Username>megan</wsse:Username><wsse:Password>{}</wsse:Password></wsse:UsernameToken></wsse:Security></s:Header><s:Body/></s:Envelope>",
        new(random)
    );
    entry(
        vec![host(), header("Content-Type", "text/xml".to_owned())],
        url("/EWS/Exchange.asmx".to_owned()),
        Some((soap, "text/xml")),
        plain(),
        vec![],
    );
    (entries, secrets)
}

fn write_har(path: &Path, entries: &[Value]) {
    let har = json!({"log": {"version": "1.2", "creator": {"name": "t", "version": "1"}, "entries": entries}});
    fs::write(path, har.to_string()).unwrap();
}

fn secrets_fixed(
    entry: &mut impl FnMut(Vec<Value>, String, Option<(String, &str)>, (String, &str), Vec<Value>),
    headers: Vec<Value>,
    url: String,
    answer: (String, &str),
) {
    entry(headers, url, None, answer, vec![]);
}

/// Everything that can be decoded from bytes, without the program's help.
fn views(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut views = vec![bytes.to_vec(), bytes.to_ascii_lowercase()];
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_+/".contains(byte);
    let mut decoded = Vec::new();
    for word in bytes.split(|byte| !is_letter(byte)).filter(|word| word.len() >= 8) {
        let (mut bits, mut held) = (0_u32, 0);
        for letter in word {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' | b'-' => 62,
                _ => 63,
            };
            bits = bits << 6 | u32::from(value);
            held += 6;
            if held >= 8 {
                held -= 8;
                decoded.push((bits >> held) as u8);
                bits &= (1 << held) - 1;
            }
        }
        decoded.push(b'\n');
    }
    views.push(decoded);
    views
}

fn assert_clean(path: &Path, secrets: &[String]) {
    let mut bytes = Vec::new();
    fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    for (number, view) in views(&bytes).iter().enumerate() {
        // One pass over the view: every window of eight letters that begins a secret.
        let mut starts: BTreeMap<[u8; 8], &String> = BTreeMap::new();
        for secret in secrets {
            for at in [3, secret.len() - 8] {
                let piece: Vec<u8> = secret.as_bytes()[at..at + 8].to_vec();
                let piece = if number == 1 { piece.to_ascii_lowercase() } else { piece };
                starts.insert(piece.try_into().unwrap(), secret);
            }
        }
        for window in view.windows(8) {
            let window: [u8; 8] = window.try_into().unwrap();
            assert!(!starts.contains_key(&window), "{}: {} stands in view {number}", path.display(), starts[&window]);
        }
    }
}

#[test]
fn planted_secrets_are_found_in_no_output() {
    let folder = folder("planted");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut entries, mut secrets) = (Vec::new(), Vec::new());
    // 16 a round.
    for _ in 0..630 {
        let (some, new) = planted(&mut random);
        entries.extend(some);
        secrets.extend(new);
    }
    assert!(secrets.len() >= 10_000, "{}", secrets.len());
    let har = folder.join("in.har");
    write_har(Path::new(&har), &entries);
    let har = har.display().to_string();
    let at = |name: &str| folder.join(name).display().to_string();
    ran(0, &["redact", "-q", &har, "-o", &at("out.har"), "--receipt", &at("receipt.json")]);
    for name in ["out.har", "receipt.json"] {
        assert_clean(&folder.join(name), &secrets);
    }
    // The same through every form that can be written, and each of those redacted again from its raw form.
    let (mut entries, mut secrets) = (Vec::new(), Vec::new());
    for _ in 0..30 {
        let (some, new) = planted(&mut random);
        entries.extend(some);
        secrets.extend(new);
    }
    write_har(Path::new(&har), &entries);
    for form in ["har", "ndjson", "http", "pcapng"] {
        ran(0, &["convert", "-q", &har, "-o", &at(&format!("masked.{form}"))]);
        assert_clean(&folder.join(format!("masked.{form}")), &secrets);
    }
    ran(0, &["convert", "-q", "--show-secrets", &har, "-o", &at("raw.http")]);
    ran(0, &["redact", "-q", &at("raw.http"), "-o", &at("redacted.http")]);
    assert_clean(&folder.join("redacted.http"), &secrets);
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn what_cannot_be_redacted_is_refused_and_leaves_nothing() {
    let folder = folder("refused");
    let at = |name: &str| folder.join(name).display().to_string();
    ran(2, &["redact", "-q", "handshake-complete/dsb.pcapng", "-o", &at("x.pcapng")]);
    ran(2, &["redact", "-q", "handshake-complete", "-o", &at("x.har")]);
    ran(2, &["redact", "-q", "--only-hosts", "handshake-complete/recording.har", "-o", &at("x.har")]);
    ran(2, &["redact", "-q", "--show-secrets", "handshake-complete/recording.har", "-o", &at("x.har")]);
    ran(4, &["redact", "-q", "nothing.har", "-o", &at("x.har")]);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    // Contents left out leave the question open; other hosts left out, too.
    ran(0, &["redact", "-q", "--drop-bodies", "basic-sent/recording.har", "-o", &at("bodies.har")]);
    assert!(!fs::read_to_string(folder.join("bodies.har")).unwrap().contains("\"text\""));
    ran(
        0,
        &[
            "redact",
            "-q",
            "--only-hosts",
            "--host",
            "mail.contoso.com",
            "handshake-complete/recording.har",
            "-o",
            &at("one.har"),
        ],
    );
    let text = fs::read_to_string(folder.join("one.har")).unwrap();
    assert!(text.contains("mail.contoso.com") && !text.contains("accesscontrol.windows.net/"), "{text}");
    // Encrypted, with the keys of one host only.
    ran(
        0,
        &[
            "redact",
            "-q",
            "--keep-encrypted",
            "--host",
            "mail.contoso.com",
            "handshake-complete/dsb.pcapng",
            "-o",
            &at("one.pcapng"),
        ],
    );
    let audit = ran(0, &["keys", "audit", "--format", "json", &at("one.pcapng")]).json();
    let opened = audit["connections"].as_array().unwrap().iter().filter(|one| one["opened"] == true).count();
    assert_eq!(opened, 1);
    let _ = fs::remove_dir_all(&folder);
}

/// Everything of a capture that TShark would show as text, and everything of an export: letters as they are.
fn shown(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    views(&bytes).iter().map(|view| String::from_utf8_lossy(view).into_owned()).collect::<String>().to_lowercase()
}

#[test]
fn names_are_replaced_and_the_answer_stays() {
    let folder = folder("names");
    let key = folder.join("key");
    fs::write(&key, "sixteen bytes or more").unwrap();
    let key = key.display().to_string();
    let who = "users,hosts,addresses,tenants";
    for (input, name, code) in [
        ("handshake-complete/recording.har", "pass.har", 0),
        ("handshake-complete/clear.pcap", "pass.pcap", 0),
        ("handshake-complete/tls13.pcap", "tls.har", 0),
        ("basic-sent/recording.har", "fail.har", 1),
        ("basic-sent/clear.pcap", "fail.pcap", 1),
        ("cross-tenant/recording.har", "cross.har", 1),
        ("username-token/recording.har", "username.http", 1),
        ("discovery-only/clear.pcap", "open.pcap", 3),
    ] {
        let to = folder.join(name).display().to_string();
        let receipt = folder.join("receipt.json").display().to_string();
        let options = ["--pseudonymise", who, "--pseudonym-key", &key, "--receipt", &receipt];
        let done = ran(0, &[["redact", input, "-o", &to].as_slice(), &options].concat());
        let text = shown(&folder.join(name));
        for gone in ["contoso", "7f9c2b1e-4d3a", "svc-s4b", "megan"] {
            assert!(!text.contains(gone), "{name}: {gone}");
        }
        let before = run(&["check", "--format", "json", input]).json();
        let after = ran(code, &["check", "--format", "json", &to]).json();
        let codes = |report: &Value| -> Vec<String> {
            report["findings"].as_array().unwrap().iter().map(|one| one["rule"].to_string()).collect()
        };
        assert_eq!(before["outcome"], after["outcome"], "{name}");
        if name != "tls.har" && !name.ends_with(".http") {
            assert_eq!(codes(&before), codes(&after), "{name}");
        }
        let receipt: Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
        assert!(receipt["replaced"]["hosts"].as_u64() > Some(0), "{name}: {receipt}");
        assert_eq!(receipt["options"]["pseudonymise"].as_array().unwrap().len(), 4);
        assert!(done.err.contains("hosts replaced"), "{}", done.err);
    }
    // The same key, the same names: in another form, too.
    let host = |name: &str| {
        let report = run(&["check", "--format", "json", &folder.join(name).display().to_string()]).json();
        report["scope"][0].as_str().unwrap().to_owned()
    };
    assert_eq!(host("pass.har"), host("fail.pcap"));
    ran(
        2,
        &[
            "redact",
            "basic-sent/recording.har",
            "-o",
            &folder.join("x.har").display().to_string(),
            "--pseudonymise",
            "everything",
        ],
    );
    let _ = fs::remove_dir_all(&folder);
}
