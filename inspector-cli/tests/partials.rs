//! Parts of a recording, read apart and merged in any order and grouping, are judged as the whole.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use crate::common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{RECORDINGS, Run, run, scenario_names, scenarios};
use serde_json::Value;

/// A folder of one test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("inspector-partials-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Numbers without an order, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % most.max(1) as u64) as usize
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn tell(arguments: &[String]) -> Run {
    common::run_all(arguments)
}

fn with_keys(mut arguments: Vec<String>, keys: Option<&str>) -> Vec<String> {
    arguments.extend(["-q", "--no-found-keys"].map(str::to_owned));
    if let Some(keys) = keys {
        arguments.extend(["--keys".to_owned(), keys.to_owned()]);
    }
    arguments
}

/// The partial results of a capture's parts.
fn partials(capture: &str, keys: Option<&str>, parts: usize, folder: &Path) -> Vec<PathBuf> {
    let split =
        tell(&["split".into(), "--by-flow".into(), parts.to_string(), capture.into(), "-o".into(), text(folder)]);
    assert_eq!(split.code, 0, "{}", split.err);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "pcapng"));
    files.sort();
    assert_eq!(files.len(), parts);
    files.iter().map(|file| partial(&text(file), keys, &file.with_extension("partial"))).collect()
}

fn partial(recording: &str, keys: Option<&str>, to: &Path) -> PathBuf {
    let arguments = vec!["check".into(), "--partial".into(), recording.into(), "-o".into(), text(to)];
    let run = tell(&with_keys(arguments, keys));
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{recording}");
    to.to_owned()
}

fn merge(partials: &[PathBuf]) -> Run {
    let files = partials.iter().map(|path| text(path));
    let all = ["merge", "--format", "json", "-q"].map(str::to_owned).into_iter().chain(files).collect::<Vec<_>>();
    tell(&all)
}

/// Puts some of them together, again and again, until few are left.
fn grouped(partials: &[PathBuf], dice: &mut Dice, folder: &Path) -> Vec<PathBuf> {
    let mut all = partials.to_vec();
    dice.shuffle(&mut all);
    for round in 0..dice.below(3) {
        let count = (1 + dice.below(all.len())).min(all.len());
        let group: Vec<PathBuf> = all.drain(..count).collect();
        let to = folder.join(format!("group-{round}-{}", dice.below(1 << 30)));
        let mut bytes = Vec::new();
        for one in &group {
            bytes.extend(fs::read(one).unwrap());
        }
        if dice.below(2) == 0 {
            // What the command does.
            fs::write(&to, bytes).unwrap();
        } else {
            let files = group.iter().map(|path| text(path));
            let mut arguments = ["merge", "--partial", "-q", "-o"].map(str::to_owned).to_vec();
            arguments.push(text(&to));
            assert_eq!(tell(&arguments.into_iter().chain(files).collect::<Vec<_>>()).code, 0);
            assert_eq!(fs::read(&to).unwrap(), bytes);
        }
        all.push(to);
        dice.shuffle(&mut all);
    }
    all
}

#[test]
fn every_scenario_in_parts_is_judged_as_the_whole() {
    let mut dice = Dice(17);
    let names = scenario_names();
    for (number, scenario) in names.iter().enumerate() {
        // Each scenario in one of its recordings; the long form takes all.
        let (recording, keys) = RECORDINGS[number % RECORDINGS.len()];
        same(scenario, recording, keys, 1, &mut dice);
    }
}

fn same(scenario: &str, recording: &str, keys: Option<&str>, groupings: usize, dice: &mut Dice) -> usize {
    let folder = folder(&format!("{scenario}-{recording}"));
    let (path, keys) = (format!("{scenario}/{recording}"), keys.map(|keys| format!("{scenario}/{keys}")));
    let arguments = vec!["check".into(), path.clone(), "--format".into(), "json".into()];
    let whole = tell(&with_keys(arguments, keys.as_deref()));
    let parts = if recording.ends_with(".har") {
        vec![partial(&path, keys.as_deref(), &folder.join("whole.partial"))]
    } else {
        partials(&path, keys.as_deref(), 1 + dice.below(5), &folder)
    };
    for _ in 0..groupings {
        let merged = merge(&grouped(&parts, dice, &folder));
        assert_eq!(merged.out, whole.out, "{path} in {} parts", parts.len());
        assert_eq!(merged.code, whole.code, "{path}");
    }
    fs::remove_dir_all(folder).unwrap();
    groupings
}

/// By hand: `cargo test -p inspector-cli --test commands -- --ignored partials::`.
#[test]
#[ignore = "takes many minutes"]
fn ten_thousand_groupings_make_no_difference() {
    let mut dice = Dice(1717);
    let mut done = 0;
    let names = scenario_names();
    while done < 10_000 {
        for scenario in &names {
            for (recording, keys) in RECORDINGS {
                done += same(scenario, recording, keys, 12, &mut dice);
            }
        }
    }
    assert!(done >= 10_000, "{done}");
}

fn live(name: &str) -> String {
    text(&scenarios().join("../live").join(name))
}

#[test]
fn what_parts_do_not_tell_blocks_a_pass() {
    let folder = folder("lost");
    let capture = live("chromium/recording.pcap");
    let keys = live("chromium/tls.keys");
    let keys = Path::new(&keys).exists().then_some(keys.as_str());
    let all = partials(&capture, keys, 3, &folder);
    let outcome = |run: &Run| run.json()["outcome"].as_str().unwrap().to_owned();
    let said = |run: &Run, what: &str| {
        let report = run.json();
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().any(|it| it["blocks"] == Value::Bool(true) && it["detail"].as_str().unwrap().contains(what))
    };
    let missing = merge(&all[..2]);
    assert!(said(&missing, "part 3 of 3 is missing"), "{}", missing.out);
    assert_ne!(outcome(&missing), "pass");
    let doubled = merge(&[&all[..], &all[..1]].concat());
    assert!(said(&doubled, "part 1 of 3 was given more than once"), "{}", doubled.out);
    // One that breaks off, behind a line and inside one.
    let whole = fs::read_to_string(&all[1]).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let cut = folder.join("cut.partial");
    for text in [lines[..lines.len() - 1].concat(), whole[..whole.len() - 20].to_owned()] {
        fs::write(&cut, text).unwrap();
        let run = merge(&[all[0].clone(), cut.clone(), all[2].clone()]);
        assert!(said(&run, "part 2 of 3 breaks off"), "{}", run.out);
    }
    // One in which a line is missing.
    if lines.len() > 3 {
        fs::write(&cut, [&lines[..1], &lines[2..]].concat().concat()).unwrap();
        let run = merge(&[all[0].clone(), cut.clone(), all[2].clone()]);
        assert!(said(&run, "lines of a partial result are missing"), "{}", run.out);
    }
    // A part by itself is no recording.
    let part = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
    let part = part.filter(|path| path.extension().is_some_and(|it| it == "pcapng")).min().unwrap();
    let run = run(&["check", &text(&part), "--format", "json", "-q"]);
    assert_ne!(outcome(&run), "pass");
    assert!(run.out.contains("one of the parts inspector split made"), "{}", run.out);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn no_secret_is_in_a_partial_result() {
    let folder = folder("secrets");
    let token = |alg: &str, signature: &str| {
        let encode = |text: &str| common::base64url(text.as_bytes());
        format!(
            "{}.{}.{signature}",
            encode(&format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#)),
            encode(r#"{"iss":"a@b","aud":"c"}"#)
        )
    };
    let signature = "pLaNtEdSiGnAtUrE0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP";
    let basic = "Y29udG9zb1xzdmM6cExhTnRFZDpQQHNzIQ==";
    let secrets = [
        signature,
        basic,
        "pLaNtEd:P@ss!",
        "pLaNtEdCookie77",
        "pLaNtEdOpAqUe0123456789abcdEFGH",
        "pLaNtEdClientSecret1",
        "pLaNtEdForm9",
    ];
    let recording = folder.join("planted.http");
    fs::write(
        &recording,
        format!(
            "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {}\nCookie: session=pLaNtEdCookie77; a=b\n\n\
             HTTP/1.1 200 OK\nSet-Cookie: session=pLaNtEdCookie77; path=/\n\n###\n\
             GET /EWS/a HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Basic {basic}\n\nHTTP/1.1 401 U\n\n###\n\
             GET /api?access_token=pLaNtEdOpAqUe0123456789abcdEFGH HTTP/1.1\nHost: api.contoso.com\n\nHTTP/1.1 200 OK\n\n###\n\
             POST /oauth/token HTTP/1.1\nHost: login.contoso.com\nContent-Type: application/x-www-form-urlencoded\n\n\
             grant_type=password&username=u&password=pLaNtEdForm9&client_id=x&client_secret=pLaNtEdClientSecret1\n\n\
             HTTP/1.1 200 OK\nContent-Type: application/json\n\n{{\"access_token\":\"pLaNtEdOpAqUe0123456789abcdEFGH\"}}\n###\n",
            token("RS256", signature)
        ),
    )
    .unwrap();
    let path = partial(&text(&recording), None, &folder.join("planted.partial"));
    let written = fs::read_to_string(&path).unwrap();
    for secret in secrets {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
    assert!(!written.contains("pLaNtEd"), "{written}");
    let whole = run(&["check", &text(&recording), "--format", "json", "-q"]);
    assert_eq!(merge(&[path]).out, whole.out);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn recordings_of_several_sources_and_files_are_merged_as_they_are_checked() {
    let folder = folder("several");
    let sets = scenarios().join("../sets");
    for names in [
        ["sides/acs.pcap", "sides/exchange.pcap", "sides/front.pcap"].as_slice(),
        &["dumpcap"],
        &["tcpdump"],
        &["dumpcap-tls"],
    ] {
        let paths: Vec<String> = names.iter().map(|name| text(&sets.join(name))).collect();
        let whole =
            tell(&[vec!["check".into(), "--format".into(), "json".into(), "-q".into()], paths.clone()].concat());
        let apart: Vec<PathBuf> = paths
            .iter()
            .enumerate()
            .map(|(number, path)| {
                let to = folder.join(format!("{number}.partial"));
                let run = tell(&["check", "--partial", "-q", "-o", &text(&to), path].map(str::to_owned));
                assert_eq!(run.code, 0, "{}", run.err);
                to
            })
            .rev()
            .collect();
        let merged = merge(&apart);
        let of = |run: &Run| {
            let mut report = run.json();
            report["skipped"] = Value::Null;
            report
        };
        assert_eq!(of(&merged), of(&whole), "{names:?}");
        assert_eq!(merged.code, whole.code);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_no_partial_result_is_said() {
    let run = run(&["merge", "golden/clear.pcap"]);
    assert_eq!(run.code, 4);
    assert!(run.err.contains("it is no partial result"), "{}", run.err);
    assert_eq!(common::run(&["merge", "missing.partial"]).code, 4);
    assert_eq!(common::run(&["check", "--partial", "golden/clear.pcap"]).code, 2);
    let folder = folder("har");
    let split = common::run(&["split", "--by-flow", "2", "golden/recording.har", "-o", &text(&folder)]);
    assert_eq!((split.code, fs::read_dir(&folder).unwrap().count()), (4, 0), "{}", split.err);
    fs::remove_dir_all(folder).unwrap();
}
