//! Contents by their types: XML, multipart, JSON, forms, text. The first byte is the type, the rest the content of a request
//! and of its response.
//!
//! What is found does not depend on which message was read first, nothing beyond the limits is kept, and a token that is
//! found is masked wherever the content is shown.
#![no_main]

use inspector_core::{
    exchange::message::{HeadBuilder, Message},
    redact::{self, Level},
    token::mask,
};
use inspector_core_fuzz::{
    extracted, limits,
    made::{exchange, message},
};
use libfuzzer_sys::fuzz_target;

const TYPES: [&[u8]; 12] = [
    b"text/xml; charset=utf-8",
    b"application/soap+xml; charset=utf-16",
    b"multipart/form-data; boundary=b",
    b"multipart/related; type=\"application/xop+xml\"; boundary=\"b\"",
    b"multipart/mixed",
    b"application/json",
    b"application/x-www-form-urlencoded",
    b"text/html",
    b"text/event-stream",
    b"application/grpc-web-text",
    b"application/octet-stream",
    b"",
];

fn of_kind(mut head: HeadBuilder, kind: &[u8], content: &[u8]) -> Message {
    if !kind.is_empty() {
        head.field(b"Content-Type", kind);
    }
    message(head.finish(), Some(content))
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, content)) = input.split_first() else { return };
    let limits = limits(input);
    let kind = TYPES[usize::from(*kind) % TYPES.len()];
    let request =
        of_kind(HeadBuilder::request(b"POST", b"/ews/exchange.asmx", Some(b"mail.contoso.com")), kind, content);
    let response = of_kind(HeadBuilder::response(200, b"OK"), kind, content);
    let text = String::from_utf8_lossy(content);
    for exchange in [
        exchange(Some(request.clone()), Some(response.clone())),
        exchange(Some(request), None),
        exchange(None, Some(response)),
    ] {
        let found = extracted(&exchange, &limits);
        for sighting in &found.sightings {
            let raw: &str = sighting.token.raw.reveal();
            if !sighting.kind.is_readable() || raw.len() < 24 {
                continue;
            }
            for shown in
                [redact::text(&text, Level::Facts), redact::text(&text, Level::Prose), mask::text(&text).into()]
            {
                assert!(!shown.contains(raw), "{raw} in {shown}");
            }
        }
    }
});
