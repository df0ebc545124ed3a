//! Several inputs: ring buffers read as one, one handshake from several places, several threads, and folders as they are sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{Run, run, scenarios};
use serde_json::Value;

/// The recordings in several files.
fn sets() -> PathBuf {
    scenarios().join("../sets")
}

fn names(folder: &str) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(sets().join(folder)).unwrap().map(|one| one.unwrap().path().display().to_string()).collect();
    names.sort();
    names
}

/// A folder for files of one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, from: &Path) {
        fs::copy(from, self.0.join(name)).unwrap();
    }

    fn path(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn check(paths: &[String], rest: &[&str]) -> Run {
    let mut arguments = vec!["check", "--format", "json"];
    arguments.extend(paths.iter().map(String::as_str));
    arguments.extend(rest);
    run(&arguments)
}

fn rules(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

/// The member of every object in an array.
fn each<'v>(array: &'v Value, member: &str) -> Vec<&'v Value> {
    array.as_array().unwrap().iter().map(|one| &one[member]).collect()
}

#[test]
fn a_ring_buffer_is_one_recording() {
    for (folder, files) in [("dumpcap", 3), ("dumpcap-tls", 5), ("tcpdump", 3), ("times", 4)] {
        let paths = names(folder);
        assert_eq!(paths.len(), files, "{folder}");
        let path = sets().join(folder).display().to_string();
        let mut backwards = paths.clone();
        backwards.reverse();
        // As a folder, as files, and in the wrong order: connections go on across the files, and TLS sessions with them.
        let by_folder = check(&[path], &[]);
        let report = by_folder.json();
        assert_eq!((by_folder.code, &report["outcome"]), (0, &Value::from("pass")), "{folder}: {}", by_folder.out);
        assert!(by_folder.err.contains(&format!("{files} files from")), "{folder}: {}", by_folder.err);
        assert_eq!(check(&paths, &[]).json()["findings"], report["findings"], "{folder}");
        assert_eq!(check(&backwards, &[]).out, by_folder.out, "{folder}");
        assert_eq!(
            (&report["coverage"]["connections"], &report["coverage"]["gaps"]),
            (&Value::from(2), &Value::from(0))
        );
        // The folder's path has a detour, the files' names tell.
        let of = |paths: Vec<&str>| paths.into_iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect();
        let (listed, wanted): (Vec<String>, Vec<String>) = (
            of(each(&report["inputs"], "path").into_iter().map(|path| path.as_str().unwrap()).collect()),
            of(paths.iter().map(String::as_str).collect()),
        );
        assert_eq!(listed, wanted, "{folder}");
        // The files' figures add up.
        for figure in ["packets", "connections", "tls_connections", "tls_decrypted", "exchanges", "packets_skipped"] {
            let of = |input: &Value| input["coverage"][figure].as_u64().unwrap();
            let sum: u64 = report["inputs"].as_array().unwrap().iter().map(of).sum();
            assert_eq!(Value::from(sum), report["coverage"][figure], "{folder} {figure}");
        }
        // Each piece by itself is another matter.
        assert_ne!(check(&paths[..1], &[]).code, 0, "{folder}");
    }
}

#[test]
fn evidence_names_the_file_and_the_frame_in_it() {
    let path = sets().join("tcpdump").display().to_string();
    let rows: Vec<Value> = run(&["exchanges", &path, "--format", "ndjson"])
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let place = |row: &Value| {
        let name = row["input"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (name, row["request_frame"].as_u64().unwrap(), row["response_frame"].as_u64().unwrap())
    };
    // Eight packets a file: what was packet 15 of the whole is the seventh of the second file.
    assert_eq!(
        rows.iter().map(place).collect::<Vec<_>>(),
        [("trace.pcap".to_owned(), 4, 6), ("trace.pcap1".to_owned(), 3, 5), ("trace.pcap1".to_owned(), 7, 8),]
    );
    assert_eq!(each(&Value::Array(rows), "exchange"), [1, 2, 3]);
    let report = run(&["check", &path, "--format", "json"]).json();
    let found = report["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "S2S-033").unwrap();
    let evidence = &found["evidence"][0];
    assert!(evidence["input"].as_str().unwrap().ends_with("trace.pcap1") && evidence["frame"] == 8, "{evidence}");
    let steps = &report["handshakes"][0]["steps"];
    assert_eq!(each(steps, "step"), ["probe", "challenge", "token-request", "token", "call", "answer"]);
    let connections = run(&["doctor", &path, "--format", "ndjson"]).out;
    let first = connections.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["first_frame"].clone());
    assert_eq!(first.collect::<Vec<_>>(), [1, 8]);
}

#[test]
fn a_response_in_the_next_file_is_named_there() {
    let folder = Folder::new("seam");
    let whole = fs::read(scenarios().join("handshake-cached/clear.pcap")).unwrap();
    let (head, mut rest) = whole.split_at(24);
    let mut records = Vec::new();
    while rest.len() >= 16 {
        let length = 16 + u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        records.push(&rest[..length]);
        rest = &rest[length..];
    }
    // Packet 4 is the request, so that its response begins the second file.
    for (name, part) in [("t.pcap", &records[..4]), ("t.pcap1", &records[4..])] {
        fs::write(folder.0.join(name), [head, &part.concat()].concat()).unwrap();
    }
    let rows = run(&["exchanges", &folder.path(), "--format", "ndjson"]).out;
    let row: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    assert!(row["input"].as_str().unwrap().ends_with("t.pcap") && row["request_frame"] == 4, "{row}");
    assert!(row["response_input"].as_str().unwrap().ends_with("t.pcap1"), "{row}");
    assert!(row["response_frame"].as_u64().unwrap() < 4 && row["status"] == 200, "{row}");
}

#[test]
fn a_hole_in_the_middle_is_said_and_blocks() {
    let paths = names("dumpcap");
    let report = check(&[paths[0].clone(), paths[2].clone()], &[]);
    let document = report.json();
    assert_eq!(report.code, 3, "{}", report.out);
    let hole = document["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "COV-010").unwrap();
    assert_eq!(
        (&hole["blocks"], &hole["title"]),
        (&true.into(), &"Files are missing in the middle of the recording".into())
    );
    assert!(hole["evidence"][0]["input"].as_str().unwrap().contains("_00003_"), "{hole}");
    assert!(report.err.contains("one between them is missing"), "{}", report.err);
    // The beginning and the end of a recording are nobody's hole.
    let tail = check(&paths[1..], &[]).json();
    assert!(!rules(&tail).contains(&"COV-010"));
}

#[test]
fn a_damaged_file_of_a_set_is_said_and_does_not_end_the_others() {
    let folder = Folder::new("damaged-piece");
    for path in names("dumpcap") {
        folder.put(Path::new(&path).file_name().unwrap().to_str().unwrap(), Path::new(&path));
    }
    let third = fs::read_dir(&folder.0).unwrap().map(|one| one.unwrap().path()).max().unwrap();
    let whole = fs::read(&third).unwrap();
    fs::write(&third, &whole[..whole.len() - 6]).unwrap();
    let report = check(&[folder.path()], &[]);
    let document = report.json();
    assert_eq!(report.code, 3, "the packet it ends in is cut: {}", report.out);
    let damage = document["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == "COV-010").unwrap();
    assert!(damage["evidence"][0]["input"].as_str().unwrap().contains("_00003_"), "{damage}");
}

#[test]
fn files_with_numbers_that_overlap_are_recordings_of_their_own() {
    let folder = Folder::new("numbers");
    for (name, scenario) in [("host1.pcap", "handshake-complete"), ("host2.pcap", "handshake-complete")] {
        folder.put(name, &scenarios().join(scenario).join("clear.pcap"));
    }
    let report = check(&[folder.path()], &[]);
    assert!(!report.err.contains("read as one recording"), "{}", report.err);
    assert_eq!(report.json()["coverage"]["exchanges"], 6);
}

#[test]
fn one_handshake_seen_from_four_places() {
    let side = |name: &str| sets().join("sides").join(name).display().to_string();
    // The resource's side does not see the token request, and the token endpoint's sees no call.
    let exchange = check(&[side("exchange.pcap")], &[]).json();
    assert!(rules(&exchange).contains(&"COV-008"));
    let both = check(&[side("acs.pcap"), side("exchange.pcap")], &[]);
    let report = both.json();
    assert!(!rules(&report).contains(&"COV-008") && !rules(&report).contains(&"S2S-029"), "{:?}", rules(&report));
    // Each input is judged by itself, and the one in which nobody calls is named.
    assert_eq!(both.code, 3);
    let next = report["next_steps"][0].as_str().unwrap();
    assert!(next.contains("acs.pcap holds no call") && next.contains("pass without it"), "{next}");

    let all = check(&[sets().join("sides").display().to_string()], &[]).json();
    assert_eq!(all["handshakes"].as_array().unwrap().len(), 1);
    let handshake = &all["handshakes"][0];
    assert_eq!(
        each(&handshake["steps"], "step"),
        [
            "probe",
            "challenge",
            "token-request",
            "token",
            "call",
            "answer",
            "call",
            "answer",
            "renewal",
            "token",
            "call",
            "answer",
        ]
    );
    // Three calls, each at the caller, at the proxy and at the resource.
    assert_eq!((&handshake["calls"], &handshake["accepted"], &handshake["refused"]), (&3.into(), &2.into(), &1.into()));
    assert_eq!((&handshake["seen_again"], &handshake["renewals"]), (&6.into(), &1.into()));
    assert_eq!(handshake["inputs"].as_array().unwrap().len(), 4);
    for step in handshake["steps"].as_array().unwrap() {
        let of_issuer = ["token-request", "token", "renewal"].contains(&step["step"].as_str().unwrap());
        assert_eq!(step["also"].as_array().unwrap().len(), if of_issuer { 1 } else { 2 }, "{step}");
    }
    let text = run(&["timeline", &side("acs.pcap"), &side("exchange.pcap")]).out;
    assert!(text.contains("acs.pcap frame") && text.contains("exchange.pcap frame"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn the_output_is_the_same_for_any_number_of_jobs() {
    let folder = Folder::new("jobs");
    let all: Vec<PathBuf> = fs::read_dir(scenarios()).unwrap().map(|one| one.unwrap().path()).collect();
    let mut all: Vec<PathBuf> = all.into_iter().filter(|path| path.is_dir()).collect();
    all.sort();
    for (number, path) in all.iter().enumerate() {
        let name = path.file_name().unwrap().to_str().unwrap().replace(char::is_numeric, "");
        for (recording, extension) in [("clear.pcap", "pcap"), ("dsb.pcapng", "pcapng"), ("recording.har", "har")] {
            if number % 3 == extension.len() % 3 {
                folder.put(&format!("{name}.{extension}"), &path.join(recording));
            }
        }
    }
    for path in names("dumpcap-tls") {
        folder.put(Path::new(&path).file_name().unwrap().to_str().unwrap(), Path::new(&path));
    }
    fs::write(folder.0.join("broken.pcap"), b"\xd4\xc3\xb2\xa1\x02").unwrap();
    fs::write(folder.0.join("notes.txt"), b"nothing").unwrap();
    let path = folder.path();
    for (command, formats) in [
        ("check", &["human", "json"][..]),
        ("exchanges", &["human", "json", "ndjson"]),
        ("tokens", &["ndjson"]),
        ("doctor", &["human", "json", "ndjson"]),
        ("timeline", &["human", "mermaid", "json"]),
    ] {
        for format in formats {
            let by = |jobs: &str| run(&[command, &path, "missing.har", "--format", format, "--jobs", jobs]);
            let one = by("1");
            assert!(one.err.contains("broken.pcap") && one.err.contains("missing.har"), "{}", one.err);
            assert!(!one.out.is_empty(), "{command} {format}");
            for jobs in ["2", "8"] {
                let more = by(jobs);
                assert!(more.out == one.out, "{command} {format} --jobs {jobs}");
                assert_eq!((more.code, &more.err), (one.code, &one.err), "{command} {format} --jobs {jobs}");
            }
        }
    }
}

#[test]
fn keys_among_the_recordings_are_used_and_said() {
    let folder = Folder::new("keys-beside");
    folder.put("trace.pcap", &scenarios().join("handshake-complete/tls13.pcap"));
    assert_eq!(run(&["check", &folder.path()]).code, 3);
    folder.put("sslkeys.txt", &scenarios().join("handshake-complete/tls13.keys"));
    for paths in [vec![folder.path()], vec![folder.path() + "/trace.pcap", folder.path() + "/sslkeys.txt"]] {
        let got = check(&paths, &[]);
        assert_eq!((got.code, got.json()["inputs"].as_array().unwrap().len()), (0, 1), "{}", got.err);
        let lines: Vec<&str> = got.err.lines().collect();
        assert!(lines.len() == 1 && lines[0].contains("sslkeys.txt' is a TLS key log and is used"), "{}", got.err);
    }
    let doctor = run(&["doctor", &folder.path()]).out;
    assert!(doctor.contains("sslkeys.txt, key log with"), "{doctor}");
    let only = run(&["check", &(folder.path() + "/sslkeys.txt")]);
    assert!(only.code == 4 && only.err.contains("no recording was found"), "{}", only.err);
}

#[test]
fn a_key_log_beside_a_named_recording_is_used_and_said() {
    let folder = Folder::new("keys-beside-named");
    folder.put("trace.pcap", &scenarios().join("handshake-complete/tls13.pcap"));
    let named = folder.path() + "/trace.pcap";
    for name in ["trace.keys", "sslkeys.log", "Trace.txt"] {
        folder.put(name, &scenarios().join("handshake-complete/tls13.keys"));
        let got = check(std::slice::from_ref(&named), &[]);
        assert_eq!(got.code, 0, "{name}: {}", got.err);
        assert!(got.err.contains(name) && got.err.contains("is used, as with --keys"), "{name}: {}", got.err);
        assert_eq!(check(std::slice::from_ref(&named), &["--no-found-keys"]).code, 3, "{name}");
        // Who gives keys means these.
        let other = scenarios().join("basic-sent/tls13.keys").display().to_string();
        let wrong = check(std::slice::from_ref(&named), &["--keys", &other]);
        let step = wrong.json()["next_steps"][0].as_str().unwrap().to_owned();
        assert!(wrong.code == 3 && step.contains("tls13.keys does not belong to this recording"), "{name}: {step}");
        fs::remove_file(folder.0.join(name)).unwrap();
    }
    // Another recording's notes, and a private key, are not taken.
    folder.put("other.keys", &scenarios().join("handshake-complete/tls13.keys"));
    assert_eq!(check(std::slice::from_ref(&named), &[]).code, 3);
}

#[test]
fn a_table_of_many_recordings_and_the_same_file_twice() {
    let folder = Folder::new("many");
    let cases = [("pass", "handshake-cached"), ("fail", "basic-sent"), ("open", "discovery-only")];
    for number in 1..=12 {
        let (_, scenario) = cases[number % 3];
        folder.put(&format!("case{number}.har"), &scenarios().join(scenario).join("recording.har"));
    }
    let path = folder.path();
    let document = check(std::slice::from_ref(&path), &[]).json();
    let names: Vec<&str> = each(&document["inputs"], "path")
        .iter()
        .map(|path| path.as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(names[..3], ["case1.har", "case2.har", "case3.har"]);
    assert_eq!(names[9..], ["case10.har", "case11.har", "case12.har"]);
    assert_eq!(each(&document["inputs"], "outcome")[..3], ["fail", "inconclusive", "pass"]);
    assert!(document["inputs"][0]["reason"].as_str().unwrap().contains("BAS-001"));
    let reason = document["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("Of 12 recordings 4 fail, 4 are inconclusive and 4 pass; in case1.har, BAS-001"),
        "{reason}"
    );
    assert_eq!((&document["exit_code"], &document["tool"]["name"]), (&1.into(), &"inspector".into()));
    for finding in document["findings"].as_array().unwrap() {
        assert!(!finding["evidence"][0]["input"].as_str().unwrap().is_empty(), "{finding}");
    }
    let table = run(&["check", "--summary", &path]).out;
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 13, "{table}");
    assert!(
        lines[1].starts_with("fail") && lines[1].contains("case1.har") && lines[1].contains("high BAS-001"),
        "{table}"
    );
    assert!(
        lines[5].starts_with("inconclusive") && lines[9].starts_with("pass") && lines[12].contains("case12.har"),
        "{table}"
    );
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{table}");
    let whole = run(&["check", &path]).out;
    assert!(whole.find("outcome ").unwrap() < whole.find("next ").unwrap(), "{whole}");
    let one = format!("{path}/case1.har");
    let twice = check(&[one.clone(), format!("{path}/../many-{}/case1.har", std::process::id()), path], &[]);
    assert_eq!(twice.json()["inputs"].as_array().unwrap().len(), 12);
    assert!(twice.err.contains("was named before, and is read once"), "{}", twice.err);
}

#[test]
fn a_har_in_utf_16_is_read() {
    let folder = Folder::new("utf16");
    let text = fs::read_to_string(scenarios().join("handshake-complete/recording.har")).unwrap();
    let little: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (name, bytes) in [("little.har", little), ("big.har", big)] {
        fs::write(folder.0.join(name), bytes).unwrap();
        for jobs in ["1", "2"] {
            let got = check(&[format!("{}/{name}", folder.path())], &["--jobs", jobs]);
            assert_eq!((got.code, &got.json()["coverage"]["exchanges"]), (0, &3.into()), "{name}: {}", got.err);
        }
    }
}

#[test]
fn a_folder_as_it_is_sent() {
    let folder = Folder::new("as-sent");
    for number in 0..30 {
        let name = format!("case {} {}.har", (b'a' + number % 26) as char, if number < 26 { "x" } else { "y" });
        folder.put(&name, &scenarios().join("handshake-cached/recording.har"));
    }
    let mut etl = vec![0; 128];
    etl[..4].copy_from_slice(&0x1_0000_u32.to_le_bytes());
    etl[74..76].copy_from_slice(&[2, 0xc0]);
    fs::write(folder.0.join("server.etl"), etl).unwrap();
    fs::write(folder.0.join("all.7z"), b"7z\xbc\xaf\x27\x1ctrace.pcapng").unwrap();
    fs::write(folder.0.join("readme.txt"), b"see mail").unwrap();
    let path = folder.path();
    let fine = check(std::slice::from_ref(&path), &[]);
    assert_eq!((fine.code, fine.json()["inputs"].as_array().unwrap().len()), (0, 30), "{}", fine.err);
    // A line each, with the next step.
    let lines: Vec<&str> = fine.err.lines().collect();
    assert_eq!(lines.len(), 3, "{}", fine.err);
    for (name, step) in [("all.7z", "Unpack it first"), ("readme.txt", "plain text"), ("server.etl", "pktmon etl2pcap")]
    {
        assert!(lines.iter().any(|line| line.contains(name) && line.contains(step)), "{name}: {}", fine.err);
    }
    // The same files, named, were asked for: they are inputs that could not be read, and nothing passes with them.
    for name in ["server.etl", "all.7z"] {
        let named = check(&[path.clone() + "/case a x.har", format!("{path}/{name}")], &[]);
        assert_eq!(named.code, 3, "{name}: {}", named.err);
        assert!(named.err.contains(name) && named.json()["inputs"][1]["format"] == "unreadable", "{name}");
    }
    fs::write(folder.0.join("broken.pcapng"), b"\x0a\x0d\x0d\x0a\0").unwrap();
    let broken = check(&[path], &[]);
    assert_eq!(broken.code, 3);
    let error = broken.err.lines().find(|line| line.starts_with("error:")).unwrap();
    assert!(error.contains("broken.pcapng") && error.contains("section header"), "{error}");
}

#[cfg(unix)]
#[test]
fn strange_names_and_missing_permissions() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new("strange");
    let name = "two  blanks\nand \u{1b}[31m red.har";
    folder.put(name, &scenarios().join("handshake-cached/recording.har"));
    fs::write(folder.0.join("bad\u{7}\n.pcap"), b"\xd4\xc3").unwrap();
    let got = check(&[folder.path()], &[]);
    assert_eq!(got.code, 3, "{}", got.err);
    assert_eq!(got.err.lines().count(), 1, "one line, whatever the name: {}", got.err);
    assert!(!got.err.contains('\u{1b}') && got.err.contains("bad\\u{7}\\n.pcap"), "{}", got.err);
    // Names come from whoever sent the recording: what a terminal obeys is escaped in JSON, too.
    let escaped = name.replace('\u{1b}', "\\u{1b}");
    let got = got.json();
    let mut paths = got["inputs"].as_array().unwrap().iter().map(|input| input["path"].as_str().unwrap());
    assert!(paths.any(|path| path.contains(&escaped)), "{got}");
    fs::remove_file(folder.0.join("bad\u{7}\n.pcap")).unwrap();
    let secret = folder.0.join("secret.pcap");
    fs::write(&secret, b"\xd4\xc3\xb2\xa1").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&secret).is_ok() {
        return; // Whoever runs as root may read everything.
    }
    let got = check(&[folder.path()], &[]);
    assert_eq!(got.code, 3, "{}", got.err);
    assert!(got.err.contains("secret.pcap") && got.err.contains("permissions"), "{}", got.err);
}
