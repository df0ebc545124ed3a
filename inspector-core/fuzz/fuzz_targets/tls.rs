//! TLS records: a script through a session that has the keys of `fixtures/tls`. Nothing but the plaintext of those
//! connections can come out, as nothing else is authenticated by their keys.
#![no_main]

use inspector_core::tls::session::Tls;
use inspector_core_fuzz::{limits, plaintext::Watch, steps, stream_keys, with_context};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let limits = limits(script);
    let keys = stream_keys(&limits);
    with_context(&keys, &limits, |cx| {
        let mut tls = Tls::new();
        let mut watch = Watch::default();
        for step in steps(script) {
            watch.step(&mut tls, step, cx);
            let _ = (tls.facts(), tls.is_waiting(), tls.session());
        }
        watch.close(&mut tls, cx);
        assert!(!tls.is_waiting(), "records are still held after both ends");
    });
});
