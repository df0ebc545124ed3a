//! WebSocket frames: a script of both sides' bytes, with and without compression. In pieces of one byte they give the same
//! texts.
//!
//! ```text
//! | extensions | script |
//! ```
#![no_main]

use inspector_core::{flow::Side, http::websocket::WebSocket, limits::Limits};
use inspector_core_fuzz::{Step, limits, steps};
use libfuzzer_sys::fuzz_target;

const EXTENSIONS: [&[u8]; 3] = [b"", b"permessage-deflate", b"permessage-deflate; server_no_context_takeover"];

fn texts(extensions: &[u8], script: &[u8], at_once: usize, limits: &Limits) -> String {
    let mut socket = WebSocket::new(extensions);
    for step in steps(script) {
        match step {
            Step::Data(side, bytes) => bytes.chunks(at_once).for_each(|piece| socket.data(side, piece, limits)),
            Step::Gap(side, _) => socket.gap(side),
            Step::End(..) => {}
        }
        assert!(socket.weight() < 4 * limits.decoded_body + (1 << 20), "{} bytes held", socket.weight());
    }
    let texts = socket.into_texts();
    for side in [Side::Client, Side::Server] {
        let text = &texts[side.index()];
        assert!(text.kept.len() <= limits.decoded_body.max(limits.body) + 1, "{} bytes kept", text.kept.len());
    }
    format!("{texts:?}")
}

fuzz_target!(|input: &[u8]| {
    let Some((extensions, script)) = input.split_first() else { return };
    let limits = limits(input);
    let extensions = EXTENSIONS[usize::from(*extensions) % EXTENSIONS.len()];
    let whole = texts(extensions, script, usize::MAX, &limits);
    assert_eq!(whole, texts(extensions, script, 1, &limits), "byte by byte");
    assert_eq!(whole, texts(extensions, script, 13, &limits), "in pieces");
});
