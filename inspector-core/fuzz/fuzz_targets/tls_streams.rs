//! The connections of `fixtures/tls`, cut, damaged, reordered and with holes: what comes out is theirs.
//!
//! ```text
//! | connection, 1 |   | operation, 1 | argument, 1 |  again and again
//!   bit 0: the server's;  bits 1-3: 0-3 the next argument·8 bytes, 4 the same with a byte flipped, 5 leave out and tell,
//!   6 leave out silently, 7 the same again (a duplicate)
//! ```
#![no_main]

use inspector_core::{flow::Side, limits::Limits, secrets::keylog::Keys, tls::session::Tls};
use inspector_core_fuzz::{Step, plaintext::Watch, with_context};
use libfuzzer_sys::fuzz_target;

/// Client's stream, server's stream, keys.
const CONNECTIONS: &[[&[u8]; 3]] = &include!("../src/streams.in");

fuzz_target!(|input: &[u8]| {
    let Some((which, edits)) = input.split_first() else { return };
    let [client, server, key_file] = CONNECTIONS[usize::from(*which) % CONNECTIONS.len()];
    let limits = Limits::default();
    let mut keys = Keys::new(&limits);
    keys.add(key_file).expect("the fixture's keys can be read");
    with_context(&keys, &limits, |cx| {
        let (mut tls, mut watch) = (Tls::new(), Watch::default());
        let mut left = [client, server];
        for edit in edits.chunks_exact(2) {
            let [operation, argument] = *edit else { continue };
            let side = if operation & 1 == 0 { Side::Client } else { Side::Server };
            let rest = &mut left[side.index()];
            let (piece, after) = rest.split_at(rest.len().min(usize::from(argument) * 8));
            *rest = after;
            match operation >> 1 & 7 {
                0..4 => watch.step(&mut tls, Step::Data(side, piece), cx),
                4 => {
                    let mut damaged = piece.to_vec();
                    if let Some(byte) = damaged.get_mut(usize::from(operation >> 4)) {
                        *byte ^= 1 << (argument & 7);
                    }
                    watch.step(&mut tls, Step::Data(side, &damaged), cx);
                }
                5 => watch.step(&mut tls, Step::Gap(side, piece.len() as u64), cx),
                6 => {}
                _ => {
                    watch.step(&mut tls, Step::Data(side, piece), cx);
                    watch.step(&mut tls, Step::Data(side, piece), cx);
                }
            }
        }
        watch.step(&mut tls, Step::Data(Side::Client, left[0]), cx);
        watch.step(&mut tls, Step::Data(Side::Server, left[1]), cx);
        watch.close(&mut tls, cx);
    });
});
