//! TLS handshake messages: each piece of a script is put into well-formed records, so that what is fuzzed is what they
//! carry. Nothing is encrypted here, so no plaintext may come out.
#![no_main]

use inspector_core::tls::session::Tls;
use inspector_core_fuzz::{Step, limits, plaintext::Watch, steps, stream_keys, with_context};
use libfuzzer_sys::fuzz_target;

/// The content type is told by what the piece begins with: a handshake message, unless it is short.
fn records(content: &[u8]) -> Vec<u8> {
    let kind = match content {
        [1] => 20,
        [_, _] => 21,
        _ => 22,
    };
    let mut records = Vec::with_capacity(content.len() + 5);
    for piece in content.chunks(1 << 14) {
        records.extend_from_slice(&[kind, 3, 3]);
        records.extend_from_slice(&(piece.len() as u16).to_be_bytes());
        records.extend_from_slice(piece);
    }
    records
}

fuzz_target!(|script: &[u8]| {
    let limits = limits(script);
    let keys = stream_keys(&limits);
    with_context(&keys, &limits, |cx| {
        let mut tls = Tls::new();
        let mut watch = Watch::default();
        for step in steps(script) {
            match step {
                Step::Data(side, content) => watch.step(&mut tls, Step::Data(side, &records(content)), cx),
                other => watch.step(&mut tls, other, cx),
            }
            let _ = (tls.facts(), tls.session());
        }
        watch.close(&mut tls, cx);
        assert_eq!(watch.bytes, 0, "plaintext of nothing");
    });
});
