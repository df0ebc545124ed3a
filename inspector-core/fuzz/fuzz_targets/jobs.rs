//! A whole recording, read and judged by one thread in one piece and by several in pieces: the same exchanges, connections,
//! notes and report.
#![no_main]

use inspector_core_fuzz::{Dribble, hear_bytes, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let whole = hear_bytes(bytes, 1, &limits);
    let jobs = 2 + bytes.len() % 3;
    let at_once = [usize::MAX, 1000, 61][bytes.len() / 3 % 3];
    assert_eq!(whole, hear_bytes(Dribble(bytes, at_once), jobs, &limits), "{jobs} jobs, reads of {at_once}");
});
