//! Judges one recording and prints the verdict: `cargo run --example judge -- RECORDING [KEYS]`.

use std::{env, error::Error, fs, fs::File, process::ExitCode};

use inspector_core::{Judge, policy::Policy, profile::Profile};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("name a recording")?;
    let mut judge = Judge::new(Policy::new(Profile::builtin("exchange-s2s")?));
    if let Some(keys) = arguments.next() {
        judge.add_keys(&fs::read(keys)?)?;
    }
    let report = judge.recording(&path, &mut File::open(&path)?)?;
    print(&format!("{}: {}", report.outcome.as_str(), report.reason));
    Ok(ExitCode::from(report.exit_code()))
}

#[allow(clippy::print_stdout)]
fn print(line: &str) {
    println!("{line}");
}
