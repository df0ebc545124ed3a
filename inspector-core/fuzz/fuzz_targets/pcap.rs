//! A recording of any format to items; read in pieces of any size it yields the same.
#![no_main]

use inspector_core::{
    input::{Control, Frame, Item, read_recording},
    limits::Limits,
};
use inspector_core_fuzz::{Dribble, limits};
use libfuzzer_sys::fuzz_target;

fn items(bytes: &[u8], at_once: usize, limits: &Limits) -> (bool, Vec<String>) {
    let mut items = Vec::new();
    let mut sink = |item: Item<'_>| {
        // The buffer a frame lies in is that of the reads.
        items.push(match item {
            Item::Frame(frame) => format!("{:?}", Item::Frame(Frame { buffer: None, ..frame })),
            item => format!("{item:?}"),
        });
        Control::Continue
    };
    let result = read_recording(&mut Dribble(bytes, at_once), limits, &mut sink);
    (result.is_ok(), items)
}

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let whole = items(bytes, usize::MAX, &limits);
    if bytes.len() <= 2048 {
        assert_eq!(whole, items(bytes, 7, &limits));
    }
});
