//! Everything found in one exchange. The input is a request's head, its content, a response's head and its content,
//! with a byte 0xff between them; heads are lines of names and values, the request's first line is its target.
#![no_main]

use inspector_core::{
    exchange::message::{Head, HeadBuilder},
    http::auth::CredentialsKind,
};
use inspector_core_fuzz::{
    extracted, limits,
    made::{exchange, message},
};
use libfuzzer_sys::fuzz_target;

fn head(mut builder: HeadBuilder, lines: &[u8]) -> Head {
    for line in lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        if let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            builder.field(name, value.trim_ascii());
        }
    }
    builder.finish()
}

fuzz_target!(|input: &[u8]| {
    let limits = limits(input);
    let mut parts = input.split(|byte| *byte == 0xff);
    let request = parts.next().unwrap_or_default();
    let (target, lines) = request.split_at(request.iter().position(|byte| *byte == b'\n').unwrap_or(request.len()));
    let request = message(head(HeadBuilder::request(b"POST", target, None), lines), parts.next());
    let response = parts.next().map(|lines| message(head(HeadBuilder::response(200, b"OK"), lines), parts.next()));
    let found = extracted(&exchange(Some(request), response), &limits);
    for sighting in &found.sightings {
        let raw: &str = sighting.token.raw.reveal();
        let shown = format!("{:?}", (&sighting.name, &sighting.scheme, &sighting.token));
        assert!(!sighting.kind.is_readable() || raw.len() < 24 || !shown.contains(raw), "{raw} in {shown}");
    }
    for credentials in &found.credentials {
        let _ = (credentials.masked(), matches!(credentials.kind, CredentialsKind::Empty));
    }
});
