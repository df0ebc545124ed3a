//! HPACK field blocks, each in a HEADERS frame of its own. Cut into other pieces the same fields come out, and what came
//! out, written as literals, comes out again.
//!
//! ```text
//! | side 1 bit, length 7 bits, 1 | block |  again and again
//! ```
#![no_main]

use inspector_core::{exchange::Exchange, flow::Side, http::h2::Http2, limits::Limits, secrets::keylog::Keys};
use inspector_core_fuzz::{AT, PREFACE, limits, with_context};
use libfuzzer_sys::fuzz_target;

type Block = (Side, Vec<u8>);

fn blocks(mut input: &[u8]) -> Vec<Block> {
    let mut blocks = Vec::new();
    while let Some((first, rest)) = input.split_first() {
        let (block, after) = rest.split_at(rest.len().min(usize::from(first & 0x7f)));
        blocks.push((if first & 0x80 == 0 { Side::Client } else { Side::Server }, block.to_vec()));
        input = after;
    }
    blocks
}

/// The exchanges of these blocks, each on the next stream of its side.
fn exchanges(blocks: &[Block], at_once: usize, limits: &Limits) -> Vec<Exchange> {
    let recorder = with_context(&Keys::default(), limits, |cx| {
        let mut http = Http2::new(cx);
        let mut streams = [1_u32; 2];
        http.data(Side::Client, PREFACE, AT, cx);
        for (side, block) in blocks {
            let mut frame = (block.len() as u32).to_be_bytes()[1..].to_vec();
            // END_STREAM, END_HEADERS
            frame.extend_from_slice(&[1, 5]);
            frame.extend_from_slice(&streams[side.index()].to_be_bytes());
            streams[side.index()] += 2;
            frame.extend_from_slice(block);
            frame.chunks(at_once).for_each(|piece| http.data(*side, piece, AT, cx));
        }
        http.close(cx);
    });
    recorder.exchanges
}

/// All fields, by side and in order.
fn fields(exchanges: &[Exchange]) -> [Vec<(Vec<u8>, Vec<u8>)>; 2] {
    let of = |message: &dyn Fn(&Exchange) -> Vec<(Vec<u8>, Vec<u8>)>| exchanges.iter().flat_map(message).collect();
    let list = |head: Option<&inspector_core::exchange::message::Head>| {
        head.map(|head| head.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()).unwrap_or_default()
    };
    [
        of(&|exchange| list(exchange.request.as_ref().map(|message| &message.head))),
        of(&|exchange| list(exchange.response.as_ref().map(|message| &message.head))),
    ]
}

fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    for text in [name, value] {
        match text.len() {
            short @ 0..127 => block.push(short as u8),
            long => {
                let mut rest = long - 127;
                block.push(127);
                while rest >= 128 {
                    block.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                block.push(rest as u8);
            }
        }
        block.extend_from_slice(text);
    }
}

fuzz_target!(|input: &[u8]| {
    let limits = limits(input);
    let blocks = blocks(input);
    let whole = exchanges(&blocks, usize::MAX, &limits);
    assert_eq!(whole, exchanges(&blocks, 3, &limits));
    for message in whole.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten() {
        assert!(message.head.bytes().len() <= limits.head, "a head beyond its limit");
        assert!(message.head.fields().len() <= limits.fields, "more fields than their limit");
    }
    for (side, sent) in [Side::Client, Side::Server].into_iter().zip(fields(&whole)) {
        let mut block = Vec::new();
        if side == Side::Client {
            literal(&mut block, b":method", b"GET");
        } else {
            literal(&mut block, b":status", b"200");
        }
        sent.iter().for_each(|(name, value)| literal(&mut block, name, value));
        let limits = Limits::default();
        if sent.len() > limits.fields || block.len() >= 1 << 16 {
            continue;
        }
        let again = fields(&exchanges(&[(side, block)], usize::MAX, &limits));
        assert_eq!(again[side.index()], sent);
    }
});
