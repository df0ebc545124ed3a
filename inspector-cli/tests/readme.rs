//! The README says only what is true: its first command is run, and its output compared.

#![allow(clippy::expect_used)]

use std::{env, fs, path::Path, process::Command};

const RECORDING: &str = "fixtures/scenarios/handshake-complete/tls13.pcap";
const KEYS: &str = "fixtures/scenarios/handshake-complete/tls13.keys";

/// The text between `<!-- check:begin -->` and `<!-- check:end -->`, as the program prints it today.
fn block() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(env!("CARGO_BIN_EXE_inspector"))
        .args(["check", RECORDING, "--keys", KEYS])
        .current_dir(root)
        .env_remove("COLUMNS")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    format!("\n```text\n{}```\n", String::from_utf8_lossy(&output.stdout))
}

/// With `UPDATE_SNAPSHOTS=1` the README is rewritten instead.
#[test]
fn the_first_command_prints_what_the_readme_shows() {
    const BEGIN: &str = "<!-- check:begin -->";
    const END: &str = "<!-- check:end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).expect("the README is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the block begins");
    let (shown, after) = rest.split_once(END).expect("the block ends");
    let printed = block();
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{printed}{END}{after}")).expect("the README can be written");
        return;
    }
    assert_eq!(shown, printed);
    assert!(readme.contains(&format!("cargo run --release -- check {RECORDING} \\\n    --keys {KEYS}")));
}
