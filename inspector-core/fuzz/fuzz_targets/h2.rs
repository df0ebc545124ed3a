//! HTTP/2 frames. The input's first byte tells how the connection begins, and whether its pieces are raw bytes or the
//! payloads of well-formed frames:
//!
//! ```text
//! | mode |  then a script, or  | side 1 bit, kind | flags | stream | length, 2 | payload |  again and again
//! ```
#![no_main]

use inspector_core::{flow::Side, http::h2::Http2, secrets::keylog::Keys};
use inspector_core_fuzz::{AT, PREFACE, Step, limits, steps, with_context};
use libfuzzer_sys::fuzz_target;

/// Frames of the two sides.
fn frames(mut input: &[u8]) -> Vec<(Side, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(([kind, flags, stream, low, high], rest)) = input.split_first_chunk::<5>() {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (payload, after) = rest.split_at(rest.len().min(length));
        input = after;
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend_from_slice(&[kind & 0x0f, *flags, 0, 0, 0, *stream]);
        frame.extend_from_slice(payload);
        frames.push((if kind & 0x80 == 0 { Side::Client } else { Side::Server }, frame));
    }
    frames
}

fuzz_target!(|input: &[u8]| {
    let Some((mode, rest)) = input.split_first() else { return };
    let limits = limits(input);
    let keys = Keys::default();
    let recorder = with_context(&keys, &limits, |cx| {
        let mut http = if mode & 1 == 0 { Http2::new(cx) } else { Http2::joined(cx) };
        if mode & 2 == 0 {
            for step in steps(rest) {
                match step {
                    Step::Data(side, bytes) => http.data(side, bytes, AT, cx),
                    Step::Gap(side, bytes) => http.gap(side, bytes, cx),
                    Step::End(..) => {}
                }
                let _ = http.oldest_open();
            }
        } else {
            http.data(Side::Client, PREFACE, AT, cx);
            for (side, frame) in frames(rest) {
                let pieces = if mode & 4 == 0 { frame.len() } else { 5 };
                frame.chunks(pieces).for_each(|piece| http.data(side, piece, AT, cx));
            }
        }
        http.close(cx);
        assert_eq!(http.oldest_open(), None, "a stream is still open");
    });
    for message in recorder.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten() {
        assert!(message.head.bytes().len() <= limits.head, "a head beyond its limit");
        assert!(message.head.fields().len() <= limits.fields, "more fields than their limit");
    }
});
