//! The streams of an HTTP/3 connection: what happens on them, and frames.
//!
//! ```text
//! | side 1 bit, what, 3 bits, stream, 4 bits | length, 2 | bytes |  again and again
//!                   0-2 data, 3 data in frames: the first byte is the type, 4 end, 5 a gap, 6 reset, 7 stop or stall
//! ```
#![no_main]

use inspector_core::{flow::Side, http::h3::Http3, limits::Limits, secrets::keylog::Keys};
use inspector_core_fuzz::{AT, limits, with_context};
use libfuzzer_sys::fuzz_target;

fn exchanges(input: &[u8], at_once: usize, limits: &Limits) -> Vec<String> {
    let recorder = with_context(&Keys::default(), limits, |cx| {
        let mut http = Http3::new(cx);
        let mut script = input;
        while let Some(([operation, low, high], rest)) = script.split_first_chunk::<3>() {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            let (bytes, after) = rest.split_at(rest.len().min(length));
            script = after;
            let side = if operation & 0x80 == 0 { Side::Client } else { Side::Server };
            let id = u64::from(operation & 0x0f);
            match operation >> 4 & 7 {
                0..=2 => bytes.chunks(at_once).for_each(|piece| http.data(id, side, piece, AT, cx)),
                3 => {
                    let Some((kind, payload)) = bytes.split_first() else { continue };
                    let length = (payload.len() as u32 | 0x8000_0000).to_be_bytes();
                    let frame = [&[kind & 0x0f][..], &length, payload].concat();
                    frame.chunks(at_once).for_each(|piece| http.data(id, side, piece, AT, cx));
                }
                4 => http.end(id, side, AT, cx),
                5 => http.gap(id, side, length as u64, AT, cx),
                6 => http.reset(id, side, AT, cx),
                _ if length % 2 == 0 => http.stop(id, side),
                _ => http.stall(id, side, length % 4 == 1, AT, cx),
            }
            let _ = http.weight();
        }
        http.close(input.len() % 2 == 0, cx);
        assert_eq!(http.oldest_open(), None, "a stream is still open");
    });
    for message in recorder.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten() {
        assert!(message.head.bytes().len() <= limits.head, "a head beyond its limit");
        assert!(message.head.fields().len() <= limits.fields, "more fields than their limit");
    }
    recorder.exchanges.iter().map(|exchange| format!("{exchange:?}")).collect()
}

fuzz_target!(|input: &[u8]| {
    let limits = limits(input);
    exchanges(input, usize::MAX, &limits);
    // Where bounds are reached it matters in which pieces bytes come.
    if input.len() % 2 == 0 {
        let mut limits = limits;
        limits.qpack_table = 64 << 20;
        assert_eq!(exchanges(input, usize::MAX, &limits), exchanges(input, 3, &limits));
    }
});
