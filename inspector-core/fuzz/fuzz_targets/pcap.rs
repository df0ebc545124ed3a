//! A recording of any format to items; read in pieces of any size it yields the same.
#![no_main]

use inspector_core_fuzz::{items, limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let whole = items(bytes, usize::MAX, &limits);
    if bytes.len() <= 2048 {
        assert_eq!(whole, items(bytes, 7, &limits));
    }
});
