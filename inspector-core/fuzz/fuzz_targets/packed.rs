//! Compression around recordings. The first byte tells what is done with the rest: it is read as it is, whatever it turns
//! out to be, in one piece and in several; or gzip, zstd and lz4 are put around it in one or two layers, and it reads
//! as without them.
//!
//! ```text
//! | layers 2 bits: 0 none; gzip, zstd or lz4 of the inner, the outer layer 2 bits each | recording |
//! ```
#![no_main]

use inspector_core::limits::Limits;
use inspector_core_fuzz::{items, limits, packed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((mode, bytes)) = input.split_first() else { return };
    if mode & 3 == 0 {
        let limits = limits(input);
        let whole = items(bytes, usize::MAX, &limits);
        if bytes.len() <= 2048 {
            assert_eq!(whole, items(bytes, 5, &limits), "read in pieces");
        }
        return;
    }
    // Small bounds on unpacking would end one and not the other.
    let limits = Limits::default();
    let bare = items(bytes, usize::MAX, &limits);
    let mut wrapped = bytes.to_vec();
    for layer in 0..(mode & 3).min(2) {
        wrapped = match mode >> (2 + 2 * layer) & 3 {
            0 | 3 => packed::gzip(&wrapped),
            1 => packed::zstd(&wrapped),
            _ => packed::lz4(&wrapped),
        };
    }
    let is_packed_inside =
        [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"].iter().any(|magic| bytes.starts_with(magic))
            || bytes.get(1..4) == Some(b"\x2a\x4d\x18");
    // Layers beyond the second are left alone.
    if !is_packed_inside {
        assert_eq!(bare, items(&wrapped, usize::MAX, &limits), "packed");
        if bytes.len() <= 1024 {
            assert_eq!(bare, items(&wrapped, 3, &limits), "packed and read in pieces");
        }
    }
});
