//! Reads damaged recordings in one piece and in parts, and compares: the long form of the test of the same name.
//!
//! ```text
//! cargo run --profile campaign -p inspector-core --example parts -- FIRST COUNT
//! ```
//!
//! Cases that differ are named, and written to `target/parts/NUMBER`. Exit code 1 if there is any.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/support/parts.rs"]
mod parts;

use std::{
    fs,
    path::Path,
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse::<u64>().unwrap());
    let (first, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(20_000));
    let bases = parts::bases();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/parts");
    let (next, wrong) = (AtomicU64::new(first), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + count {
                        return;
                    }
                    if let Err((difference, bytes)) = parts::case(&bases, number) {
                        wrong.fetch_add(1, Ordering::Relaxed);
                        println!("{difference}\n");
                        fs::create_dir_all(&folder).unwrap();
                        fs::write(folder.join(number.to_string()), bytes).unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner();
    println!("{count} cases of {} recordings, {wrong} differ", bases.len());
    if wrong > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
