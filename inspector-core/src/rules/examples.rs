//! Every rule's examples in `fixtures/rules/<code>-<name>` do what their names say.

use std::{fs, path::PathBuf};

use super::{Severity, catalogue, testing};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/rules"))
}

#[test]
fn examples_do_what_their_names_say() {
    let mut wrong = Vec::new();
    for meta in catalogue() {
        let Ok(files) = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name))) else { continue };
        for file in files {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "http") {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let report = testing::judge(&fs::read_to_string(&path).unwrap());
            let fired = report.findings.iter().any(|finding| finding.meta.code == meta.code);
            if fired != name.starts_with("fires") {
                let codes = testing::codes(&report, Severity::Info);
                wrong.push(format!("{} {name}: fired is {fired}; {codes:?}", meta.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Discovery, Graph, a browser, a printer, an expired sign-in: nothing of it may alarm.
#[test]
fn ordinary_traffic_is_quiet() {
    let text = fs::read_to_string(folder().join("../ordinary/mixed.http")).unwrap();
    let report = testing::judge(&text);
    assert_eq!(testing::codes(&report, Severity::Low), Vec::<&str>::new());
}
