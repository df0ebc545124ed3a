//! QPACK: instructions and field sections, each section in a frame of its own. Cut into other pieces the
//! same fields come out.
//!
//! ```text
//! | 0 instructions or 1 section, 1 bit; length, 7 bits | bytes |  again and again
//! ```
#![no_main]

use inspector_core::{exchange::Exchange, flow::Side, http::h3::Http3, limits::Limits, secrets::keylog::Keys};
use inspector_core_fuzz::{AT, limits, with_context};
use libfuzzer_sys::fuzz_target;

/// Settings that allow a table of 4096 bytes.
const SETTINGS: &[u8] = &[0, 4, 3, 1, 0x50, 0];

fn exchanges(parts: &[(bool, &[u8])], at_once: usize, limits: &Limits) -> Vec<Exchange> {
    let recorder = with_context(&Keys::default(), limits, |cx| {
        let mut http = Http3::new(cx);
        http.data(3, Side::Server, SETTINGS, AT, cx);
        http.data(2, Side::Client, &[2], AT, cx);
        let mut id = 0;
        for (is_section, bytes) in parts {
            if !is_section {
                bytes.chunks(at_once).for_each(|piece| http.data(2, Side::Client, piece, AT, cx));
                continue;
            }
            let frame = [&[1, 0x40, bytes.len() as u8][..], bytes].concat();
            frame.chunks(at_once).for_each(|piece| http.data(id, Side::Client, piece, AT, cx));
            http.end(id, Side::Client, AT, cx);
            id += 4;
        }
        http.close(false, cx);
    });
    recorder.exchanges
}

fuzz_target!(|input: &[u8]| {
    let mut limits = limits(input);
    if input.len() % 2 == 0 {
        limits.qpack_table = 64 << 20;
    }
    let (mut parts, mut rest) = (Vec::new(), input);
    while let Some((first, after)) = rest.split_first() {
        let (bytes, after) = after.split_at(after.len().min(usize::from(first & 0x7f)));
        parts.push((first & 0x80 != 0, bytes));
        rest = after;
    }
    let whole = exchanges(&parts, usize::MAX, &limits);
    for message in whole.iter().filter_map(|exchange| exchange.request.as_ref()) {
        assert!(message.head.bytes().len() <= limits.head, "a head beyond its limit");
        assert!(message.head.fields().len() <= limits.fields, "more fields than their limit");
    }
    if input.len() % 2 == 0 {
        assert_eq!(whole, exchanges(&parts, 1, &limits));
    }
});
