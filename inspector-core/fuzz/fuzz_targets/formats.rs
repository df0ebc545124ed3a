//! One exchange as a capture of HTTP/1.1 and of HTTP/2, as an archive and as a transcript: the same tokens, credentials and
//! challenges in the same places. The input is that of `extract`; what frames a message or cannot stand in all formats is
//! left out of it.
#![no_main]

use std::collections::BTreeSet;

use inspector_core::{
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::Control,
    limits::Limits,
    note::Note,
    secrets::keylog::Keys,
    token::{extract::extract, interner::Interner},
};
use inspector_core_fuzz::made::{Fields, Made};
use libfuzzer_sys::fuzz_target;

/// What is found in a recording.
#[derive(Default)]
struct Found {
    facts: BTreeSet<String>,
    exchanges: usize,
}

impl Receiver for Found {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let limits = Limits::default();
        let found = extract(&exchange, &mut Interner::new(&limits), &limits);
        self.exchanges += 1;
        for sighting in &found.sightings {
            let name = sighting.name.to_ascii_lowercase();
            self.facts.insert(format!("{} {:?} {:?} {name}", sighting.token.id, sighting.role, sighting.part));
        }
        for credentials in &found.credentials {
            self.facts.insert(format!("{} in {:?}", credentials.masked(), credentials.part));
        }
        for challenge in &found.challenges {
            self.facts.insert(format!("{challenge:?}"));
        }
        Control::Continue
    }

    fn connection(&mut self, _: ConnectionReport) {}

    fn note(&mut self, _: Note) {}
}

fn found(recording: &[u8]) -> Found {
    let mut found = Found::default();
    let options = Options::default();
    let read = engine::read(SourceId(0), &mut &*recording, &mut Keys::default(), &options, &mut found);
    assert!(read.is_ok(), "{read:?}");
    found
}

/// Fields that can stand in every format, and frame nothing.
fn fields(lines: &str) -> Fields {
    const FRAMING: [&str; 19] = [
        "content-length",
        "transfer-encoding",
        "content-encoding",
        "connection",
        "upgrade",
        "expect",
        "host",
        "te",
        "trailer",
        "keep-alive",
        "proxy-connection",
        "http2-settings",
        "sec-websocket-protocol",
        "content-range",
        // Browsers take cookies apart, and some fields tell the format who wrote the archive.
        "cookie",
        "set-cookie",
        "date",
        "content-transfer-encoding",
        "age",
    ];
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let mut fields = Fields::new();
    for line in lines.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let is_usual =
            !name.is_empty() && name.bytes().all(is_name) && value.bytes().all(|byte| (b' '..0x7f).contains(&byte));
        let is_known = FRAMING.iter().any(|known| name.eq_ignore_ascii_case(known));
        let is_second = fields.iter().any(|(known, _): &(String, String)| known.eq_ignore_ascii_case(name));
        if is_usual && !value.is_empty() && !is_known && !is_second {
            // HTTP/2 has names in lower case alone.
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    fields
}

/// Text that no transcript takes for a line of its own.
fn content(part: Option<&[u8]>) -> Option<String> {
    let text = std::str::from_utf8(part.unwrap_or_default()).ok()?;
    let is_marked = |line: &str| {
        let line = line.trim_start();
        line.starts_with(['#', '*', '<', '>', '{', '}', '|', '=', '-', '.', '\u{feff}'])
            && !line.starts_with("<s:")
            && !line.starts_with("{\"")
            || line.contains("HTTP/")
    };
    let is_plain = !text.chars().any(|letter| letter.is_control() && letter != '\n') && !text.lines().any(is_marked);
    (is_plain && text.len() < 20_000).then(|| text.trim().to_owned())
}

fuzz_target!(|input: &[u8]| {
    let mut parts = input.split(|byte| *byte == 0xff);
    let request = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (target, lines) = request.split_once('\n').unwrap_or((&request, ""));
    let target = target.trim();
    if !target.starts_with('/') || target.starts_with("//") || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return;
    }
    // What archives and browsers cannot keep.
    if target.contains(['#', '"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return;
    }
    let Some(asked) = content(parts.next()) else { return };
    let answer = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let Some(answered) = content(parts.next()) else { return };
    let status = [200, 401, 302, 500][input.len() % 4];
    let made = Made {
        target: target.to_owned(),
        asked: (fields(lines), asked),
        answered: (fields(&answer), answered),
        status,
    };
    let first = found(&made.http1());
    assert_eq!(first.exchanges, 1, "{made:?}");
    for (format, recording) in [("HTTP/2", made.http2()), ("HAR", made.har()), ("transcript", made.transcript())] {
        let other = found(&recording);
        assert_eq!((first.exchanges, &first.facts), (other.exchanges, &other.facts), "HTTP/1.1 and {format}: {made:?}");
    }
});
