//! A recording of any format, read from front to back and from place to place: the same exchanges, and no panic.
#![no_main]

use std::io::Cursor;

use inspector_core::{
    input::{Control, Item, helpers::Nobody, read_file_with, read_recording},
    limits::Limits,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::for_memory(8 << 20);
    let (mut there, mut here) = (0_u64, 0_u64);
    let mut sink = |item: Item<'_>| {
        there += u64::from(matches!(item, Item::Frame(_) | Item::Exchange(_)));
        Control::Continue
    };
    let forth = read_recording(&mut &*bytes, &limits, &mut sink).is_ok();
    let mut sink = |item: Item<'_>| {
        here += u64::from(matches!(item, Item::Frame(_) | Item::Exchange(_)));
        Control::Continue
    };
    let anywhere = read_file_with(&mut Cursor::new(bytes), &limits, &Nobody, &mut sink).is_ok();
    // What is a whole file from front to back may be larger than what is held.
    if forth && anywhere && bytes.len() < limits.file {
        assert_eq!(there, here);
    }
});
