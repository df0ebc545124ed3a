//! Contents by their types: XML, multipart, JSON, forms, text. The first byte is the type, the rest the content of a request
//! and of its response.
//!
//! What is found does not depend on which message was read first, nothing beyond the limits is kept, and a token that is
//! found is masked wherever the content is shown.
#![no_main]

use inspector_core::{
    evidence::SourceId,
    http::{
        exchange::{Exchange, Marks, Protocol, Scheme},
        message::{Body, Head, HeadBuilder, Message},
    },
    redact::{self, Level},
    report::mask,
    token::{extract::extract, interner::Interner},
};
use inspector_core_fuzz::{AT, limits};
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

fn message(mut head: HeadBuilder, kind: &[u8], content: &[u8]) -> Message {
    if !kind.is_empty() {
        head.field(b"Content-Type", kind);
    }
    let head: Head = head.finish();
    let body = Body { transferred: content.len() as u64, decoded: None, kept: Some(content.into()), cut: None };
    Message { head, body, trailers: None, first: AT, head_end: AT, end: AT }
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, content)) = input.split_first() else { return };
    let limits = limits(input);
    let kind = TYPES[usize::from(*kind) % TYPES.len()];
    let request =
        message(HeadBuilder::request(b"POST", b"/ews/exchange.asmx", Some(b"mail.contoso.com")), kind, content);
    let response = message(HeadBuilder::response(200, b"OK"), kind, content);
    let exchange = |request: Option<Message>, response: Option<Message>| Exchange {
        source: SourceId(0),
        number: 1,
        connection: None,
        stream: None,
        protocol: Protocol::Http11,
        scheme: Scheme::Https,
        client: None,
        server: None,
        tls: None,
        request,
        response,
        marks: Marks::default(),
    };
    let text = String::from_utf8_lossy(content);
    for exchange in [
        exchange(Some(request.clone()), Some(response.clone())),
        exchange(Some(request), None),
        exchange(None, Some(response)),
    ] {
        let mut interner = Interner::new(&limits);
        let found = extract(&exchange, &mut interner, &limits);
        for kept in [found.credentials.len(), found.sightings.len(), found.parameters.len(), found.passwords.len()] {
            assert!(kept <= limits.per_exchange, "{kept} kept");
        }
        assert_eq!(
            format!("{found:?}"),
            format!("{:?}", extract(&exchange, &mut interner, &limits)),
            "extracted again"
        );
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
