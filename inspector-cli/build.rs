//! Tells the program the commit it is built from, for `--version`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What is not there would be taken for changed each time.
    for file in ["../.git/HEAD", "../.git/logs/HEAD"] {
        if std::path::Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    println!("cargo::rerun-if-env-changed=INSPECTOR_COMMIT");
    // Packages are built without a repository.
    let given = std::env::var("INSPECTOR_COMMIT").ok();
    let asked = || {
        let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit =
        given.or_else(asked).filter(|commit| !commit.is_empty()).unwrap_or_else(|| "unknown commit".to_owned());
    println!("cargo::rustc-env=INSPECTOR_COMMIT={commit}");
}
