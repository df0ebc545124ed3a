//! Writes a workload to standard output, for the program itself to read:
//!
//! ```text
//! cargo run --release -p benches --example workload -- "distinct tokens" 20000 | inspector check -
//! cargo run --release -p benches --example workload -- "half-open connections" | inspector check -
//! ```

// A mistake shall end it.
#![allow(clippy::expect_used)]

use std::{env, io};

use benches::{
    cases::{CASES, Recording},
    hostile::HOSTILE,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [name] = arguments.as_slice()
        && let Some(case) = HOSTILE.iter().find(|case| case.name == name)
    {
        return write((case.make)());
    }
    let [name, size, rest @ ..] = arguments.as_slice() else {
        CASES.iter().for_each(|case| print(&format!("{} ({})\n", case.name, case.unit)));
        HOSTILE.iter().for_each(|case| print(&format!("{}\n", case.name)));
        return;
    };
    let case = CASES.iter().find(|case| case.name == name).expect("a case is named");
    if rest.first().is_some_and(|argument| argument == "--keys") {
        return print(&(case.key_log)());
    }
    write((case.make)(size.parse().expect("a size is a number")));
}

fn write(mut recording: Recording) {
    // Whoever reads may have enough.
    let _ = io::copy(&mut recording, &mut io::stdout().lock());
}

#[expect(clippy::print_stdout, reason = "that is what it is for")]
fn print(text: &str) {
    print!("{text}");
}
