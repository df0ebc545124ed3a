//! Every rule lines up with its documentation and its examples: code, name, folder, what makes it speak and what does not.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use inspector_core::{finding::RuleMeta, rules::catalogue};

/// Rules that only keys, captures or limits can show: the file and the test that makes each of them speak and stay quiet.
const TESTED_ELSEWHERE: [(&str, &str, &str); 12] = [
    ("COV-001", "tests/unscripted.rs", "cov_001_an_encrypted_connection_without_its_key"),
    ("COV-002", "tests/unscripted.rs", "cov_002_a_hole_in_a_stream"),
    ("COV-003", "tests/unscripted.rs", "cov_003_a_content_that_is_not_whole"),
    ("COV-009", "tests/unscripted.rs", "cov_009_a_limit_of_this_program"),
    ("COV-010", "tests/unscripted.rs", "cov_010_damage"),
    ("COV-011", "tests/unscripted.rs", "cov_011_packets_of_protocols_that_are_not_read"),
    ("COV-014", "tests/adversary.rs", "bytes_that_are_not_read_block"),
    ("JWT-018", "src/rules/jwt/signature_invalid.rs", "speaks_where_keys_were_given"),
    ("JWT-026", "src/rules/jwt/weak_hmac.rs", "tries_the_words_that_were_given"),
    ("JWT-029", "src/rules/jwt/cert_bound_mismatch.rs", "compares_with_the_certificate_of_the_handshake"),
    ("S2S-020", "src/rules/s2s/x5t_unknown.rs", "speaks_only_of_unknown_keys"),
    ("S2S-021", "src/rules/s2s/actor_signature.rs", "only_a_wrong_signature_fails"),
];

/// Rules whose remedy is a command of PowerShell.
const WITH_POWERSHELL: [&str; 19] = [
    "BAS-001", "BAS-003", "BAS-004", "S2S-002", "S2S-006", "S2S-013", "S2S-014", "S2S-020", "S2S-023", "S2S-024",
    "S2S-027", "S2S-028", "S2S-030", "S2S-037", "S2S-038", "S2S-041", "S2S-048", "S2S-054", "S2S-055",
];

/// The numbers the protocol's catalogue has of each family; S2S-000, S2S-009 and BAS-000 are no rules. Further coverage
/// rules are this program's own, and so is S2S-056, the verdict's fourth rule as a finding.
fn expected() -> BTreeSet<String> {
    let families: [(&str, &[u32], u32); 5] =
        [("S2S", &[9], 55), ("BAS", &[], 18), ("JWT", &[], 34), ("OAU", &[], 48), ("COV", &[], 8)];
    let codes = families.into_iter().flat_map(|(family, missing, last)| {
        (1..=last).filter(|number| !missing.contains(number)).map(move |number| format!("{family}-{number:03}"))
    });
    codes.collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn examples() -> PathBuf {
    root().join("../fixtures/rules")
}

#[test]
fn the_catalogue_is_whole() {
    let expected = expected();
    assert_eq!(expected.len(), 162);
    let known: BTreeSet<String> = catalogue().iter().map(|meta| meta.code.to_owned()).collect();
    assert_eq!(expected.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    let own: Vec<&String> = known.difference(&expected).collect();
    assert!(own.iter().all(|code| code.starts_with("COV-") || *code == "S2S-056"), "{own:?}");
}

#[test]
fn codes_and_names_are_unique() {
    let all = catalogue();
    for distinct in
        [all.iter().map(|meta| meta.code).collect::<BTreeSet<_>>(), all.iter().map(|meta| meta.name).collect()]
    {
        assert_eq!(distinct.len(), all.len());
    }
}

/// A command such as `Set-AuthServer`.
fn names_command(text: &str) -> bool {
    let verbs = ["Get-", "Set-", "New-", "Test-", "Update-", "Remove-"];
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .any(|word| verbs.iter().any(|verb| word.strip_prefix(verb).is_some_and(|noun| noun.len() > 4)))
}

#[test]
fn every_rule_is_documented() {
    let lacking = |meta: &RuleMeta| {
        let sections = ["meaning", "evidence", "traps", "remedy", "source"];
        let mut lacking: Vec<&str> = sections.into_iter().filter(|name| meta.section(name).len() < 4).collect();
        lacking.extend(meta.since.split('.').count().ne(&3).then_some("since"));
        lacking.extend((!meta.reference.starts_with("https://")).then_some("reference"));
        let command = WITH_POWERSHELL.contains(&meta.code) && !names_command(meta.remedy);
        lacking.extend(command.then_some("the command of its remedy"));
        lacking
    };
    let all: BTreeMap<&str, Vec<&str>> = catalogue()
        .into_iter()
        .map(|meta| (meta.code, lacking(meta)))
        .filter(|(_, lacking)| !lacking.is_empty())
        .collect();
    assert!(all.is_empty(), "{all:?}");
    let known: BTreeSet<&str> = catalogue().iter().map(|meta| meta.code).collect();
    assert!(WITH_POWERSHELL.iter().all(|code| known.contains(code)));
}

#[test]
fn every_rule_has_examples_that_fire_and_that_stay_quiet() {
    let mut lacking = Vec::new();
    for meta in catalogue() {
        if TESTED_ELSEWHERE.iter().any(|(code, ..)| *code == meta.code) {
            continue;
        }
        let names: Vec<String> = fs::read_dir(examples().join(format!("{}-{}", meta.code, meta.name)))
            .map(|files| files.filter_map(|file| Some(file.ok()?.file_name().to_string_lossy().into_owned())).collect())
            .unwrap_or_default();
        for kind in ["fires", "quiet"] {
            if !names.iter().any(|name| name.starts_with(kind)) {
                lacking.push(format!("{} {kind}", meta.code));
            }
        }
    }
    assert!(lacking.is_empty(), "without examples: {lacking:?}");
}

/// None is left out silently: the tests that stand in for examples are there, and no rule has both.
#[test]
fn rules_without_examples_have_the_tests_that_are_named() {
    for (code, file, test) in TESTED_ELSEWHERE {
        let meta = catalogue().into_iter().find(|meta| meta.code == code).expect("a rule");
        let source = fs::read_to_string(root().join(file)).expect(file);
        let at = source.find(&format!("fn {test}() {{")).expect(test);
        let before: String = source[..at].trim_end().chars().rev().take(8).collect();
        assert!(before.starts_with("]tset[#"), "{test} is a test");
        assert!(source.contains(code), "{file} names {code}");
        assert!(
            !examples().join(format!("{code}-{}", meta.name)).exists(),
            "{code} has examples: drop it from the list"
        );
    }
}

#[test]
fn every_folder_of_examples_belongs_to_a_rule() {
    let rules: BTreeSet<String> = catalogue().iter().map(|meta| format!("{}-{}", meta.code, meta.name)).collect();
    for entry in fs::read_dir(examples()).expect("fixtures/rules is there") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(rules.contains(&name), "{name} belongs to no rule");
    }
}

/// The page of what the rules know names each of them with its severity, title and source.
#[test]
fn the_protocol_page_lists_every_rule() {
    let page = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let listed: BTreeSet<&str> = page.lines().filter(|line| line.contains("-0")).collect();
    for meta in catalogue() {
        let severity = meta.severity.as_str();
        let line = format!("| {} | {} | {severity} | {} | {} |", meta.code, meta.name, meta.title, meta.source);
        assert!(listed.contains(line.as_str()), "inspector-core/docs/protocol.md lacks the line\n{line}");
    }
    let rows =
        page.lines().filter(|line| line.starts_with("| ") && line.split(['|', '-']).nth(2).is_some_and(is_number));
    assert_eq!(rows.count(), catalogue().len());
}

fn is_number(text: &str) -> bool {
    text.trim().len() == 3 && text.trim().bytes().all(|byte| byte.is_ascii_digit())
}
