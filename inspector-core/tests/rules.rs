//! Every rule lines up with its documentation and its examples: code, name, folder.

#![allow(clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::PathBuf};

use inspector_core::rules::catalogue;

/// What only a capture, a HAR or a limit can show; these rules have tests of their own.
const WITHOUT_TRANSCRIPTS: [&str; 12] = [
    "COV-001", "COV-002", "COV-003", "COV-009", "COV-010", "COV-011", "COV-014", "S2S-020", "S2S-021", "JWT-018",
    "JWT-026", "JWT-029",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/rules")
}

#[test]
fn every_rule_has_examples_that_fire_and_that_stay_quiet() {
    let mut lacking = Vec::new();
    for meta in catalogue().into_iter().filter(|meta| !WITHOUT_TRANSCRIPTS.contains(&meta.code)) {
        let names: Vec<String> = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name)))
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

#[test]
fn every_folder_of_examples_belongs_to_a_rule() {
    let rules: BTreeSet<String> = catalogue().iter().map(|meta| format!("{}-{}", meta.code, meta.name)).collect();
    for entry in fs::read_dir(folder()).expect("fixtures/rules is there") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(rules.contains(&name), "{name} belongs to no rule");
    }
}
