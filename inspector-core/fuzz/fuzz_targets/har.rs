//! A HAR file; read in pieces of any size it yields the same exchanges.
#![no_main]

use inspector_core::{
    input::{Control, Format, Item, har::Har},
    limits::Limits,
};
use inspector_core_fuzz::{Dribble, limits, look_at};
use libfuzzer_sys::fuzz_target;

fn items(bytes: &[u8], at_once: usize, limits: &Limits) -> (bool, Vec<String>) {
    let mut items = Vec::new();
    let mut sink = |item: Item<'_>| {
        if let Item::Exchange(exchange) = &item {
            look_at(exchange);
        }
        items.push(format!("{item:?}"));
        Control::Continue
    };
    let result = Har.read(&mut Dribble(bytes, at_once), limits, &mut sink);
    (result.is_ok(), items)
}

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let whole = items(bytes, usize::MAX, &limits);
    if bytes.len() <= 4096 {
        assert_eq!(whole, items(bytes, 11, &limits));
    }
});
