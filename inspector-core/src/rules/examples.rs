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

/// Discovery, Graph, a browser that signs in and refreshes, a printer, an expired sign-in: nothing of it may alarm.
#[test]
fn ordinary_traffic_is_quiet() {
    let mut files = 0;
    for file in fs::read_dir(folder().join("../ordinary")).unwrap() {
        let path = file.unwrap().path();
        let report = testing::judge(&fs::read_to_string(&path).unwrap());
        assert_eq!(testing::codes(&report, Severity::Low), Vec::<&str>::new(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 4);
}

/// The passwords, secrets, codes and opaque tokens of the examples, as sent or in base64.
const SECRETS: [&str; 9] = [
    "P@ss:w0rd!",
    "UEBzczp3MHJk",
    "s3cr",
    "opaque-access-token",
    "opaque-refresh-token",
    "code-0001",
    "state-0001",
    "nonce-0001",
    "WDJB-MJHT",
];

#[test]
fn findings_show_no_secret() {
    for meta in catalogue() {
        let Ok(files) = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name))) else { continue };
        for file in files {
            let path = file.unwrap().path();
            let report = testing::judge(&fs::read_to_string(&path).unwrap());
            for finding in &report.findings {
                let shown = format!("{} {} {:?}", finding.title, finding.detail, finding.evidence);
                let leaked = SECRETS.iter().find(|secret| shown.contains(*secret));
                assert_eq!(leaked, None, "{}: {} {shown}", path.display(), finding.meta.code);
            }
        }
    }
}
