//! A script through the reader of HTTP/1 connections.
#![no_main]

use inspector_core::{
    flow::{End, Side},
    http::h1::{Http1, Next},
    secrets::keylog::Keys,
};
use inspector_core_fuzz::{AT, Step, limits, look_at, steps, with_context};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let limits = limits(script);
    let recorder = with_context(&Keys::default(), &limits, |cx| {
        let mut http = Http1::new();
        let mut ended = [false; 2];
        for step in steps(script) {
            let (Step::Data(side, _) | Step::Gap(side, _) | Step::End(side, _)) = step;
            if ended[side.index()] {
                continue;
            }
            let next = match step {
                Step::Data(side, bytes) => http.data(side, bytes, AT, cx),
                Step::Gap(side, bytes) => http.gap(side, bytes, AT, cx),
                Step::End(side, how) => {
                    ended[side.index()] = true;
                    http.end(side, how, AT, cx);
                    Next::Continue
                }
            };
            let _ = http.oldest_open();
            if let Next::Switch(switch) = next {
                if let Some(exchange) = &switch.exchange {
                    look_at(exchange);
                }
                http.close(cx);
                return;
            }
        }
        for side in [Side::Client, Side::Server] {
            if !ended[side.index()] {
                http.end(side, End::Input, AT, cx);
            }
        }
        http.close(cx);
        assert_eq!(http.oldest_open(), None, "an exchange is still open");
    });
    for message in recorder.exchanges.iter().flat_map(|exchange| [&exchange.request, &exchange.response]).flatten() {
        assert!(
            message.head.bytes().len() <= limits.head.saturating_add(limits.head / 2) + 64,
            "a head beyond its limit"
        );
        assert!(message.head.fields().len() <= limits.fields, "more fields than their limit");
        let kept = message.body.kept.as_deref().map_or(0, <[u8]>::len);
        assert!(kept <= limits.decoded_body.max(limits.body), "a body beyond its limit");
    }
});
