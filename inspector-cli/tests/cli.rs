//! The program from outside: exit codes in every format, standard input, pipes, and that no secret leaves it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::Stdio,
    thread,
};

use common::{RECORDINGS, inspector, on, run, run_all, run_with, scenarios};
use serde_json::Value;

/// Secrets planted in the scenarios, each in an encoding it is sent in.
const PLANTED: [&str; 8] = [
    "P@ss:w0rd!",
    "UEBzczp3MHJkI",
    "Planted-Passw0rd",
    "opaque-access-token-",
    "PlantedOpaque",
    "s3cr+et",
    "s3cr%2Bet",
    "TlRMTVNTUAACAAAA",
];

/// A folder for files of one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn exit_codes_are_the_same_in_every_format() {
    let folder = Folder::new("codes");
    let empty = folder.file("empty.pcap", b"");
    let junk = folder.file("junk.bin", &[0xfe, 0x00, 0x81, 0x17].repeat(100));
    let cut = fs::read(scenarios().join("handshake-complete/clear.pcap")).unwrap();
    let header_only = folder.file("header.pcap", cut.get(..24).unwrap());
    let pass = "handshake-complete/clear.pcap";
    let fail = "basic-sent/clear.pcap";
    let dark = "basic-sent/tls13.pcap";
    let table: Vec<(i32, Vec<&str>)> = vec![
        (0, vec![pass]),
        (1, vec![fail]),
        (3, vec![dark]),
        (3, vec![&header_only]),
        (1, vec![pass, fail]),
        (3, vec![pass, dark]),
        (1, vec![dark, fail]),
        (4, vec![&empty]),
        (4, vec![&junk]),
        (4, vec!["missing.pcap"]),
        (4, vec!["missing.pcap", &junk]),
        // What was asked for and could not be read is never passed over.
        (3, vec![pass, &junk]),
        (3, vec![pass, &empty]),
        (3, vec![pass, "missing.pcap"]),
        (1, vec![fail, "missing.pcap"]),
        (0, vec![pass, "--fail-on", "high"]),
        (1, vec![pass, "--fail-on", "info"]),
        (1, vec![pass, "--fail-on", "medium"]),
        (3, vec![dark, "--fail-on", "critical"]),
        // A host that is nowhere was not read.
        (3, vec![fail, "--host", "none.example"]),
        (1, vec![fail, "--host", "none.example", "--fail-on", "critical"]),
        (2, vec![]),
        (2, vec![pass, "--no-such-option"]),
        (2, vec![pass, "--fail-on", "dreadful"]),
        (2, vec![pass, "--profile", "no-such-profile"]),
        (2, vec![pass, "--at", "yesterday"]),
        (2, vec![pass, "--max-memory", "lots"]),
        (2, vec![pass, "--max-memory", "3M"]),
        (0, vec![pass, "--max-memory", "16M"]),
        (0, vec![pass, "--max-memory", "64M"]),
        (0, vec![pass, "--max-memory", "1G"]),
        (2, vec![pass, "--keys", "missing.keys"]),
        (2, vec![pass, "--keys", pass]),
        (2, vec![pass, "--output", "no/such/folder/report.txt"]),
    ];
    for format in ["human", "json", "ndjson"] {
        for (code, arguments) in &table {
            let mut all = vec!["check", "--no-found-keys", "--format", format];
            all.extend(arguments);
            let got = run(&all);
            assert_eq!(got.code, *code, "{all:?}: {}\n{}", got.out, got.err);
            let spoke = matches!(code, 0 | 1 | 3);
            assert_eq!(!got.out.is_empty(), spoke, "{all:?}");
            assert!(spoke || !got.err.is_empty(), "{all:?} fails in silence");
            if spoke && format != "human" {
                assert_eq!(got.json()["schema"], "inspector-report/1", "{all:?}");
                assert_eq!(got.out.lines().count() == 1, format == "ndjson", "{all:?}");
            }
        }
    }
}

#[test]
fn listing_commands_end_with_0_when_done_and_4_without_input() {
    for command in ["exchanges", "tokens", "doctor", "timeline"] {
        for format in ["human", "json", "ndjson"] {
            let done = run(&[command, "handshake-complete/clear.pcap", "--format", format]);
            assert_eq!(done.code, 0, "{command} {format}: {}", done.err);
            assert!(!done.out.is_empty() && done.err.is_empty(), "{command} {format}: {}", done.err);
            match format {
                "json" => assert!(!done.json().as_array().unwrap().is_empty(), "{command}"),
                "ndjson" => {
                    for line in done.out.lines() {
                        assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{command}: {line}");
                    }
                }
                _ => {}
            }
            assert_eq!(run(&[command, "missing.pcap", "--format", format]).code, 4, "{command} {format}");
        }
        assert_eq!(run(&[command]).code, 2, "{command}");
    }
}

#[test]
fn a_folder_is_searched_and_its_other_files_are_passed_over() {
    let folder = Folder::new("folder");
    let recording = fs::read(scenarios().join("handshake-complete/recording.har")).unwrap();
    folder.file("a.har", &recording);
    folder.file("notes.txt", b"no recording at all");
    let path = folder.0.display().to_string();
    let found = run(&["check", &path, "--format", "json"]);
    assert_eq!((found.code, found.json()["inputs"].as_array().unwrap().len()), (0, 1), "{}", found.err);
    assert!(found.err.contains("passed over"), "{}", found.err);
    assert!(run(&["check", &path, "--quiet"]).err.is_empty());
    let empty = Folder::new("empty-folder");
    assert_eq!(run(&["check", &empty.0.display().to_string()]).code, 4);
}

#[test]
fn a_recording_that_is_empty_or_damaged_is_not_passed_over() {
    let recording = fs::read(scenarios().join("handshake-complete/recording.har")).unwrap();
    let damaged = [b"<{\"lxg", &recording[6..]].concat();
    let cases: [(&str, &[u8], bool); 9] = [
        ("b.har", b"", true),
        ("b.PCAP", b"", true),
        ("b.pcap12", b"", true),
        ("b.pcapng.gz", b"", true),
        ("b.pcap", &[0; 200], true),
        ("b.json", &damaged, true),
        ("b.txt", b"", false),
        ("README", b"", false),
        ("b.json", b"{\"entries\":[]}", false),
    ];
    for (name, bytes, is_input) in cases {
        let folder = Folder::new("damaged-recording");
        folder.file("a.har", &recording);
        folder.file(name, bytes);
        let path = folder.0.display().to_string();
        let found = run(&["check", &path, "--format", "json"]);
        assert_eq!(found.code, if is_input { 3 } else { 0 }, "{name}: {}", found.err);
        let rules = found.json()["findings"].as_array().unwrap().clone();
        assert_eq!(rules.iter().any(|finding| finding["rule"] == "COV-010"), is_input, "{name}");
        assert_eq!(found.err.contains("passed over"), !is_input, "{name}: {}", found.err);
    }
}

#[test]
fn standard_input_is_read_like_a_file() {
    for (recording, keys) in RECORDINGS {
        let bytes = fs::read(scenarios().join("handshake-complete").join(recording)).unwrap();
        let keys = keys.map(|keys| format!("handshake-complete/{keys}"));
        let mut arguments = vec!["check", "-", "--format", "json"];
        if let Some(keys) = &keys {
            arguments.extend(["--keys", keys]);
        }
        let got = run_with(&arguments, &bytes);
        assert_eq!(got.code, 0, "{recording}: {}", got.err);
        assert_eq!(got.json()["inputs"][0]["path"], "-", "{recording}");
    }
    assert_eq!(run_with(&["check", "-"], b"").code, 4);
    assert_eq!(run_with(&["check", "-"], b"hello").code, 4);
}

#[test]
fn a_reader_that_leaves_is_no_failure_and_changes_no_outcome() {
    for (arguments, code) in [
        (vec!["check", "basic-sent/clear.pcap"], 1),
        (vec!["check", "handshake-complete/clear.pcap"], 0),
        (vec!["rules", "--format", "markdown"], 0),
        (vec!["tokens", "handshake-complete/clear.pcap"], 0),
    ] {
        let mut child = inspector(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut child = inspector(&["rules"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty() && child.wait().unwrap().success());
}

#[test]
fn no_secret_leaves_in_any_command_and_format() {
    let mut names: Vec<String> =
        fs::read_dir(scenarios()).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.contains('.'));
    assert!(names.len() >= 50);
    let revealed: usize = thread::scope(|scope| {
        let threads: Vec<_> = names.chunks(names.len().div_ceil(4)).map(|some| scope.spawn(|| search(some))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    // The test would be empty if --show-secrets did not show them.
    assert!(revealed > 50, "{revealed}");
}

/// Looks for secrets in everything the program says of these scenarios. The number of tokens that were looked for.
fn search(names: &[String]) -> usize {
    const COMMANDS: [(&str, &[&str]); 5] = [
        ("check", &["human", "json", "ndjson"]),
        ("exchanges", &["human", "json", "ndjson"]),
        ("tokens", &["human", "json", "ndjson"]),
        ("doctor", &["human", "ndjson"]),
        ("timeline", &["human", "mermaid", "json", "ndjson"]),
    ];
    let mut revealed = 0;
    for name in names {
        let raw = raw_tokens(name);
        revealed += raw.len();
        for (command, format) in COMMANDS.iter().flat_map(|(command, all)| all.iter().map(move |one| (command, one))) {
            for recording in ["clear.pcap", "recording.har"] {
                let got = run_all(&on(command, name, recording, None, &["--format", format]));
                for text in [&got.out, &got.err] {
                    let place = format!("{command} {name} {recording} {format}");
                    for secret in PLANTED {
                        assert!(!text.contains(secret), "{place}: {secret}");
                    }
                    for token in &raw {
                        let signature = token.rsplit('.').next().unwrap();
                        let leaks = text.contains(token.as_str()) || (signature.len() > 40 && text.contains(signature));
                        assert!(!leaks, "{place}: a token");
                    }
                }
            }
        }
    }
    revealed
}

/// Tokens of a scenario as they were sent, those inside them too.
fn raw_tokens(scenario: &str) -> Vec<String> {
    let got = run_all(&on("tokens", scenario, "clear.pcap", None, &["--format", "ndjson", "--show-secrets"]));
    let mut raw = Vec::new();
    for line in got.out.lines() {
        let mut token = &serde_json::from_str::<Value>(line).unwrap();
        while token.is_object() {
            raw.push(token["raw"].as_str().unwrap().to_owned());
            token = &token["actor"];
        }
    }
    raw
}

#[test]
fn decode_takes_what_people_paste() {
    let raw = raw_tokens("handshake-complete");
    let token = raw.iter().find(|raw| raw.ends_with('.')).unwrap();
    let actor = raw.iter().find(|raw| !raw.ends_with('.')).unwrap();
    for text in [
        token.clone(),
        format!("Bearer {token}"),
        format!("Authorization: Bearer {token}\r\n"),
        format!("grant_type=x&assertion={token}"),
        format!("authtoken=Bearer%3D{token}; a=b"),
    ] {
        let by_input = run_with(&["decode", "--format", "json"], text.as_bytes());
        let by_argument = run(&["decode", "--format", "json", &text]);
        assert_eq!((by_input.code, by_argument.code), (0, 0), "{text}: {}", by_input.err);
        assert_eq!(by_input.out, by_argument.out);
        let object = by_input.json();
        assert_eq!(object["kind"], "s2s-outer", "{text}");
        assert_eq!(object["actor"]["kind"], "s2s-actor");
        assert_eq!(object["signature"], "absent");
    }
    for format in ["human", "json", "ndjson"] {
        for text in [token, actor] {
            let got = run(&["decode", "--format", format, text]);
            let signature = actor.rsplit('.').next().unwrap();
            assert!(got.code == 0 && !got.out.contains(signature) && !got.out.contains(text.as_str()), "{format}");
            let shown = run(&["decode", "--format", format, "--show-secrets", text]);
            assert!(format == "human" || shown.out.contains(text.as_str()), "{format}");
        }
    }
    for text in ["", "hello", "Basic dXNlcjpwYXNz", "a=b&c=d"] {
        let got = run_with(&["decode"], text.as_bytes());
        assert!(got.code == 4 && got.err.contains("Expected"), "{text:?}: {}", got.err);
    }
}

#[test]
fn the_catalogue_is_listed_and_every_rule_explained() {
    let all = run(&["rules", "--format", "json"]).json();
    let all = all.as_array().unwrap();
    assert!(all.len() > 40);
    let human = run(&["rules"]).out;
    let markdown = run(&["rules", "--format", "markdown"]).out;
    for rule in all {
        let (code, name) = (rule["code"].as_str().unwrap(), rule["name"].as_str().unwrap());
        assert!(human.contains(code) && markdown.contains(&format!("## {code} {name}")), "{code}");
    }
    for typed in ["S2S-001", "s2s-001", "expected-issuer-present"] {
        let got = run(&["explain", typed]);
        assert_eq!(got.code, 0, "{typed}");
        for heading in ["S2S-001", "Evidence", "Traps", "Remedy", "Source"] {
            assert!(got.out.contains(heading), "{typed}: {heading}");
        }
        assert!(got.out.lines().all(|line| line.chars().count() <= 80), "{}", got.out);
    }
    let unknown = run(&["explain", "S2S-01"]);
    assert!(unknown.code == 2 && unknown.err.contains("S2S-001"), "{}", unknown.err);
}

#[test]
fn the_output_goes_where_it_is_sent_and_colour_only_where_it_is_wanted() {
    let folder = Folder::new("output");
    let path = folder.file("report.txt", b"");
    let direct = run(&["check", "basic-sent/clear.pcap"]);
    let got = run(&["check", "basic-sent/clear.pcap", "--output", &path, "--color", "always"]);
    assert!(got.code == 1 && got.out.is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), direct.out);
    assert!(!direct.out.contains('\u{1b}'));
    let coloured = run(&["check", "basic-sent/clear.pcap", "--color", "always"]).out;
    assert!(coloured.contains("\u{1b}["));
    assert_eq!(without_colour(&coloured), direct.out);
}

fn without_colour(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = from.split_once('m').unwrap().1;
    }
    plain + rest
}

#[test]
fn an_input_is_never_written_over() {
    let folder = Folder::new("over");
    let recording = fs::read(scenarios().join("handshake-complete/recording.har")).unwrap();
    let path = folder.file("a.har", &recording);
    for command in ["check", "exchanges", "tokens", "doctor", "timeline"] {
        assert_eq!(run(&[command, &path, "--output", &path]).code, 2, "{command}");
        assert!(fs::read(&path).unwrap() == recording, "{command}");
    }
}

#[test]
fn lifetimes_are_judged_at_the_moment_asked_for() {
    let late = run(&["check", "handshake-complete/clear.pcap", "--at", "2040-01-01T00:00:00Z"]);
    assert!(late.out.contains("before the moment asked for"), "{}", late.out);
    let now = run(&["check", "handshake-complete/clear.pcap", "--at", "now"]);
    assert!(now.out.contains("the moment asked for"), "{}", now.out);
}

#[test]
fn doctor_describes_every_connection() {
    let dark = run(&["doctor", "basic-sent/tls13.pcap", "--no-found-keys", "--format", "ndjson"]);
    let row: Value = serde_json::from_str(dark.out.lines().next().unwrap()).unwrap();
    assert_eq!((&row["reason"], &row["decrypted"]), (&Value::from("no-key"), &Value::from(false)));
    assert!(row["plaintext"].is_null() && row["remedy"].as_str().unwrap().contains("SSLKEYLOGFILE"));
    let keys = ["--keys", "basic-sent/tls13.keys"];
    let open = run_all(&on("doctor", "basic-sent", "tls13.pcap", Some("tls13.keys"), &["--format", "ndjson"]));
    let row: Value = serde_json::from_str(open.out.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&row["reason"], &row["decrypted"], &row["tls"]),
        (&Value::Null, &Value::from(true), &Value::from("1.3"))
    );
    assert_eq!(row["plaintext"]["client_sha256"].as_str().unwrap().len(), 64);
    let unused = run(&["doctor", "handshake-complete/tls13.pcap", keys[0], keys[1]]);
    assert!(unused.out.contains("opened no connection"), "{}", unused.out);
    let used = run(&["doctor", "basic-sent/tls13.pcap", keys[0], keys[1]]);
    assert!(used.out.contains("opened 1 connection") && used.out.contains("nothing is hidden"), "{}", used.out);
}

/// What hides in packets that are not understood must not look like nothing.
#[test]
fn doctor_says_what_could_not_be_read_besides_connections() {
    let folder = Folder::new("unread");
    let whole = fs::read(scenarios().join("handshake-complete/clear.pcap")).unwrap();
    let mut other_link = whole.clone();
    // LINKTYPE_NETLINK, in the byte order of the file's header.
    let is_little = whole[..4] == [0xd4, 0xc3, 0xb2, 0xa1] || whole[..4] == [0x4d, 0x3c, 0xb2, 0xa1];
    let link_type = if is_little { 253_u32.to_le_bytes() } else { 253_u32.to_be_bytes() };
    other_link[20..24].copy_from_slice(&link_type);
    let told = run(&["doctor", &folder.file("netlink.pcap", &other_link)]).out;
    assert!(told.contains("COV-011") && told.contains("link type 253 is not dissected"), "{told}");
    assert!(!told.contains("nothing is hidden"), "{told}");
    let told = run(&["doctor", &folder.file("cut.pcap", &whole[..whole.len() - 5])]).out;
    assert!(told.contains("COV-010") && told.contains("first at cut.pcap"), "{told}");
    let told = run(&["doctor", "handshake-complete/clear.pcap"]).out;
    assert!(told.contains("nothing is hidden") && !told.contains("COV-"), "{told}");
    // Each thing that is taken away or put in, and what tells of it.
    let frames = frames_of(&whole);
    // The first segment asks the server to open the connection.
    let server_port = frames[0][36..38].to_vec();
    let from_server = |frame: &Vec<u8>| frame[34..36] == server_port;
    let with_data = |frame: &Vec<u8>| frame.len() > 150;
    let without = |drop: &dyn Fn(usize, &Vec<u8>) -> bool| {
        frames.iter().enumerate().filter(|(at, frame)| !drop(*at, frame)).map(|(_, frame)| frame.clone()).collect()
    };
    let middle = frames.iter().enumerate().filter(|(_, frame)| with_data(frame)).nth(1).unwrap().0;
    let foreign = |protocol: u8| {
        let mut foreign = frames[middle].clone();
        foreign[23] = protocol;
        [&frames[..], &[foreign]].concat()
    };
    let mut unknown = frames[0].clone();
    unknown[12..14].copy_from_slice(&[0x88, 0xb5]);
    let mut cut = frames.clone();
    let short = cut[middle].len() - 30;
    cut[middle].truncate(short);
    let cases: [(&str, Vec<Vec<u8>>, &str); 8] = [
        ("one-way", without(&|_, frame| from_server(frame)), "COV-006"),
        ("other-way", without(&|_, frame| !from_server(frame)), "COV-006"),
        ("gap", without(&|at, _| at == middle), "COV-0"),
        ("cut-packet", cut, "COV-0"),
        ("sctp", foreign(132), "IP protocol 132 (SCTP)"),
        ("ipcomp", foreign(108), "IPComp"),
        ("esp", foreign(50), "IPsec ESP"),
        ("unknown", [&frames[..], &[unknown]].concat(), "EtherType 0x88b5"),
    ];
    for (name, frames, words) in cases {
        let told = run(&["doctor", &folder.file(&format!("{name}.pcap"), &pcap_of(&whole, &frames))]).out;
        assert!(told.contains(words) && !told.contains("nothing is hidden"), "{name}: {told}");
    }
}

/// The frames of a capture in little endian.
fn frames_of(pcap: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (&pcap[24..], Vec::new());
    while let Some((header, after)) = rest.split_first_chunk::<16>() {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        frames.push(after[..length].to_vec());
        rest = &after[length..];
    }
    frames
}

/// A capture of these frames with the file header of another.
fn pcap_of(other: &[u8], frames: &[Vec<u8>]) -> Vec<u8> {
    let mut pcap = other[..24].to_vec();
    for (number, frame) in (1_u32..).zip(frames) {
        // As many bytes were sent as the IP header says.
        let sent = u32::from(u16::from_be_bytes([frame[16], frame[17]])) + 14;
        for field in [1_780_315_200, number, frame.len() as u32, sent.max(frame.len() as u32)] {
            pcap.extend(field.to_le_bytes());
        }
        pcap.extend(frame);
    }
    pcap
}

/// A key log to which nothing was written yet is no reason not to judge the recording.
#[test]
fn an_empty_key_log_is_warned_of_and_told() {
    let folder = Folder::new("empty-keys");
    for (number, text) in
        ["", "\n", "# SSL/TLS secrets log file\n", "CLIENT_RANDOM 01", "\u{feff}"].into_iter().enumerate()
    {
        let keys = folder.file(&format!("{number}.keys"), text.as_bytes());
        for recording in ["basic-sent/tls13.pcap", "basic-sent/tls12.pcap"] {
            let judged = run(&["check", recording, "--keys", &keys, "--format", "json"]);
            assert!(judged.err.contains("warning: the key file") && judged.err.contains("is empty"), "{}", judged.err);
            let report: Value = serde_json::from_str(&judged.out).unwrap();
            assert_eq!(report["outcome"], "inconclusive");
            let dark =
                report["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "COV-001").unwrap();
            assert!(dark["detail"].as_str().unwrap().contains("the key log that was given is empty"), "{dark}");
            let told = run(&["doctor", recording, "--keys", &keys]).out;
            assert!(told.contains("key-log-empty") && told.contains("it is empty"), "{told}");
        }
        let clear = run(&["check", "basic-sent/clear.pcap", "--keys", &keys, "--format", "json"]);
        assert!(
            clear.out.contains("\"outcome\":\"fail\"") || clear.out.contains("\"outcome\": \"fail\""),
            "{}",
            clear.out
        );
    }
    // With another log that has secrets, only the warning is left.
    let keys = folder.file("empty.keys", b"");
    let both = run(&[
        "check",
        "basic-sent/tls13.pcap",
        "--keys",
        &keys,
        "--keys",
        "basic-sent/tls13.keys",
        "--format",
        "json",
    ]);
    assert!(both.err.contains("is empty") && !both.out.contains("key-log-empty"), "{}", both.err);
    // What is no key log stays an error.
    let other = folder.file("other.keys", b"hello world\n");
    assert_eq!(run(&["check", "basic-sent/tls13.pcap", "--keys", &other]).code, 2);
}

/// HS256 with the secret `correct horse`.
const GUESSABLE: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.P6c1ol0m47-ovixKmGC2yKt_lFNEpXJoSXyzlTgLRBc";

#[test]
fn a_list_of_words_finds_a_weak_secret_and_never_shows_it() {
    let folder = Folder::new("words");
    let text = format!(
        "GET /things HTTP/1.1\nHost: api.contoso.com\nAuthorization: Bearer {GUESSABLE}\n\nHTTP/1.1 200 OK\n\n"
    );
    let recording = folder.file("weak.http", text.as_bytes());
    let found = |words: &[u8], format: &str| {
        let list = folder.file("words.txt", words);
        let got = run(&["check", &recording, "--profile", "generic", "--words", &list, "--format", format]);
        assert!(!got.out.contains("horse") && !got.err.contains("horse"), "{}{}", got.out, got.err);
        (got.out.contains("JWT-026"), got.code)
    };
    for format in ["human", "json"] {
        assert_eq!(found(b"password\r\ncorrect horse\r\n", format), (true, 1));
        assert_eq!(found(b"password\nhunter2\n", format), (false, 0));
    }
    let empty = folder.file("empty.txt", b"");
    for list in [empty.as_str(), "missing.txt"] {
        assert_eq!(run(&["check", &recording, "--words", list]).code, 2);
    }
}

#[test]
fn a_har_gives_the_same_output_for_any_number_of_jobs() {
    let folder = Folder::new("har-jobs");
    let document: Value =
        serde_json::from_slice(&fs::read(scenarios().join("handshake-complete/recording.har")).unwrap()).unwrap();
    let entries = document["log"]["entries"].as_array().unwrap();
    let mut texts: Vec<String> =
        (0..200).flat_map(|_| entries).map(|entry| serde_json::to_string_pretty(entry).unwrap()).collect();
    // Damage in the middle sends what is behind it back, and one at the end is cut off.
    let damaged = texts.len() / 2;
    texts[damaged] = texts[damaged].replacen("\"GET\"", "\"GET", 1).replacen("\"POST\"", "\"POST", 1);
    let whole = format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{}]}}}}", texts.join(","));
    assert!(whole.len() > 1 << 20);
    let path = folder.file("large.har", whole.as_bytes());
    let cut = folder.file("cut.har", &whole.as_bytes()[..whole.len() - 300]);
    for path in [&path, &cut] {
        for command in [["check", "json"], ["exchanges", "ndjson"], ["tokens", "ndjson"]] {
            let with = |jobs| run(&[command[0], "--format", command[1], "--jobs", jobs, path]);
            let one = with("1");
            assert!(one.out.len() > 1000, "{command:?}: {}", one.err);
            for jobs in ["2", "3", "8"] {
                let many = with(jobs);
                assert_eq!((many.code, &many.err), (one.code, &one.err), "{command:?} {jobs}");
                assert!(many.out == one.out, "{command:?} {jobs}");
            }
        }
    }
    let piped = |jobs| run_with(&["check", "--format", "json", "--jobs", jobs, "-"], whole.as_bytes()).out;
    assert!(piped("1") == piped("2"));
}

#[test]
fn a_profile_of_ones_own_is_told_what_it_does_and_what_it_cannot() {
    let folder = Folder::new("profile");
    let profile =
        |text: &str| folder.file("own.toml", format!("name = \"own\"\nextends = \"exchange-s2s\"\n{text}").as_bytes());
    let check = |text: &str, more: &[&str]| {
        let own = profile(text);
        run(&[
            &["check", "basic-beside-oauth/tls13.pcap", "--keys", "basic-beside-oauth/tls13.keys", "--profile", &own],
            more,
        ]
        .concat())
    };
    assert_eq!(check("", &[]).code, 1);
    let ignore = "[[ignores]]\nrule = \"BAS-001\"\nreason = \"the probe of the load balancer\"\n";
    // Ignored: counted, with its reason, and the pass says so.
    let got = check(ignore, &[]);
    assert_eq!((got.code, got.err.as_str()), (0, ""), "{}", got.out);
    for words in [
        "PASS",
        "sets it aside: BAS-001 (1)",
        "BAS-001: 1 finding: the probe of the load balancer",
        "Basic  sent 1",
        "; 1 ignored",
    ] {
        assert!(
            got.out
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
                .contains(&words.split_whitespace().collect::<Vec<_>>().join(" ")),
            "{words}: {}",
            got.out
        );
    }
    let report = check(ignore, &["--format", "json"]).json();
    assert!(report["findings"].as_array().unwrap().iter().all(|finding| finding["rule"] != "BAS-001"));
    assert_eq!(
        (&report["ignored"][0]["count"], &report["ignored"][0]["findings"][0]["rule"]),
        (&1.into(), &"BAS-001".into())
    );
    // Over, unused, or not to be ignored: said on standard error, unless it is to be quiet.
    for (text, code, words) in [
        (format!("{ignore}until = 2020-01-01"), 1, "did not ignore 1 finding: it has expired"),
        (
            format!("{ignore}[[ignores]]\nrule = \"BAS-010\"\nreason = \"r\""),
            0,
            "the ignore of BAS-010 matched nothing",
        ),
        (
            format!("{ignore}host = \"other.contoso.com\""),
            1,
            "the ignore of BAS-001 for other.contoso.com matched nothing",
        ),
    ] {
        let got = check(&text, &[]);
        assert_eq!(got.code, code, "{text}");
        assert!(got.err.contains(words) && got.err.contains("own.toml"), "{text}: {}", got.err);
        assert_eq!(check(&text, &["--quiet"]).err, "", "{text}");
    }
    // Scope by the profile, and by the command line before it.
    assert_eq!(check("hosts = [\"other.contoso.com\"]", &[]).code, 3);
    assert_eq!(check("hosts = [\"other.contoso.com\"]", &["--host", "mail.contoso.com"]).code, 1);
    // An error names the file, the line and what was meant.
    let got = check("relams = []", &[]);
    assert_eq!(got.code, 2);
    for words in ["own.toml", "line 3", "`relams`", "did you mean `realms`?"] {
        assert!(got.err.contains(words), "{words}: {}", got.err);
    }
}

#[test]
fn init_writes_a_profile_that_loads_and_never_overwrites() {
    let folder = Folder::new("init");
    let plain = run(&["init"]);
    assert_eq!((plain.code, plain.err.as_str()), (0, ""));
    let bare = folder.file("bare.toml", plain.out.as_bytes());
    // As it is, it judges as the profile it extends.
    for recording in ["handshake-complete/clear.pcap", "basic-sent/clear.pcap", "discovery-only/clear.pcap"] {
        let (own, base) = (run(&["check", recording, "--profile", &bare]), run(&["check", recording]));
        assert_eq!((own.code, own.out, own.err), (base.code, base.out, base.err), "{recording}");
    }
    // Filled from a recording: what was seen, where, and what the user has to decide as a comment.
    let path = folder.0.join("own.toml").display().to_string();
    let recordings = ["handshake-complete/recording.har", "cross-tenant/recording.har"];
    let got = run(&[&["init", "--output", &path], &recordings[..]].concat());
    assert_eq!((got.code, got.out.as_str()), (0, ""), "{}", got.err);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("    \"7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f\",  # seen in "), "{text}");
    assert!(text.contains("#     \"mail.contoso.com\",  # seen in "), "{text}");
    assert_eq!(run(&["check", recordings[0], "--profile", &path]).code, 0);
    let again = run(&["init", "--output", &path]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("not overwritten"), "{}", again.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    // A caller nobody expects is proposed, not trusted.
    let unknown = run(&["init", "entra-app-token/recording.har"]).out;
    assert!(unknown.contains("# [[callers]]\n# id = \"") && !unknown.contains("\n[[callers]]"), "{unknown}");
    assert_eq!(run(&["init", "--profile", "own"]).code, 2);
    assert_eq!(run(&["init", "missing.pcap"]).code, 4);
    for base in ["generic", "entra", "sharepoint-s2s"] {
        let own = folder.file("base.toml", run(&["init", "--profile", base]).out.as_bytes());
        assert_ne!(run(&["check", recordings[0], "--profile", &own]).code, 2, "{base}");
    }
}

#[test]
fn decode_reads_whatever_is_pasted_and_shows_no_secret() {
    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3N0cy53aW5kb3dzLm5ldC83ZjljMmIxZS8iLCJhbXIiOlsicHdkIiwibWZhIl0sIm93biI6MX0.c2VjcmV0LXNpZ25hdHVyZQ";
    const OPAQUE: &str = "opaque-refresh-token-0123456789";
    let signature = JWT.rsplit('.').next().unwrap();
    for (text, number) in [
        (JWT.to_owned(), 1),
        (format!("Bearer {JWT}"), 1),
        (format!("Authorization: Bearer {JWT}\r\nCookie: authtoken={OPAQUE}\r\n"), 2),
        (format!("grant_type=refresh_token&refresh_token={OPAQUE}&assertion={JWT}"), 2),
        (format!("{{\"access_token\":\"{JWT}\",\"refresh_token\":\"{OPAQUE}\",\"expires_in\":3599}}"), 2),
        (
            format!("curl 'https://a.test/?access_token={OPAQUE}' \\\n  -H 'Authorization: Bearer {JWT}' --compressed"),
            2,
        ),
    ] {
        for by_argument in [true, false] {
            let decode = |more: &[&str]| {
                let input = if by_argument { text.as_str() } else { "-" };
                run_with(&[&["decode", input], more].concat(), text.as_bytes())
            };
            let got = decode(&[]);
            assert_eq!(got.code, 0, "{text}: {}", got.err);
            for words in [
                "Microsoft Entra ID, tenant 7f9c2b1e",
                "password, several factors",
                "a name of the issuer's own",
                "signature",
            ] {
                assert!(got.out.contains(words) || !text.contains(JWT), "{words}: {}", got.out);
            }
            assert!(!got.out.contains(signature) && !got.out.contains(OPAQUE), "{text}: {}", got.out);
            let all = decode(&["--format", "ndjson"]);
            assert_eq!(all.out.lines().count(), number, "{text}: {}", all.out);
            assert!(!all.out.contains(signature) && !all.out.contains(OPAQUE), "{text}: {}", all.out);
            assert!(decode(&["--show-secrets"]).out.contains(signature), "{text}");
        }
    }
}
