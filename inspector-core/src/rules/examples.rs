//! Every rule's examples in `fixtures/rules/<code>-<name>` do what their names say.

use std::{fs, path::PathBuf};

use super::{catalogue, testing};
use crate::{
    coding::barren::Barren,
    context::BodyPolicy,
    evidence::Endpoint,
    exchange::{
        Exchange,
        message::{Body, HeadBuilder},
    },
    finding::Severity,
    http::content::Collector,
    limits::Limits,
};

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/rules"))
}

#[test]
fn examples_do_what_their_names_say() {
    let mut wrong = Vec::new();
    for meta in catalogue() {
        let Ok(files) = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name))) else { continue };
        for file in files {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "http") {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let report = testing::judge(&fs::read_to_string(&path).unwrap());
            let fired = report.findings.iter().any(|finding| finding.meta.code == meta.code);
            if fired != name.starts_with("fires") {
                let codes = testing::codes(&report, Severity::Info);
                wrong.push(format!("{} {name}: fired is {fired}; {codes:?}", meta.code));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Discovery, Graph, a browser that signs in and refreshes, a printer, an expired sign-in: nothing of it may alarm.
#[test]
fn ordinary_traffic_is_quiet() {
    let mut files = 0;
    for file in fs::read_dir(folder().join("../ordinary")).unwrap() {
        let path = file.unwrap().path();
        // Folders are recordings of programs, which a test of the command line reads.
        if path.is_dir() {
            continue;
        }
        let report = testing::judge(&fs::read_to_string(&path).unwrap());
        assert_eq!(testing::codes(&report, Severity::Low), Vec::<&str>::new(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 4);
}

/// The passwords, secrets, codes and opaque tokens of the examples, as sent or in base64.
const SECRETS: [&str; 9] = [
    "P@ss:w0rd!",
    "UEBzczp3MHJk",
    "s3cr",
    "opaque-access-token",
    "opaque-refresh-token",
    "code-0001",
    "state-0001",
    "nonce-0001",
    "WDJB-MJHT",
];

#[test]
fn findings_show_no_secret() {
    for meta in catalogue() {
        let Ok(files) = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name))) else { continue };
        for file in files {
            let path = file.unwrap().path();
            let report = testing::judge(&fs::read_to_string(&path).unwrap());
            for finding in &report.findings {
                let shown = format!("{} {} {:?}", finding.title, finding.detail, finding.evidence);
                let leaked = SECRETS.iter().find(|secret| shown.contains(*secret));
                assert_eq!(leaked, None, "{}: {} {shown}", path.display(), finding.meta.code);
            }
        }
    }
}

/// A gzip of stored blocks (RFC 1951 §3.2.4, RFC 1952).
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    for piece in content.chunks(60_000) {
        let length = u16::try_from(piece.len()).unwrap();
        out.push(0);
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
    out.extend([1, 0, 0, 0xff, 0xff]);
    let mut crc = u32::MAX;
    for byte in content {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    out.extend((!crc).to_le_bytes());
    out.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    out
}

/// The exchange with its response's content as it is read from a stream, compressed if `coded`.
fn read_again(mut exchange: Exchange, coded: bool, barren: &Barren) -> Exchange {
    let limits = Limits::default();
    if let Some(response) = exchange.response.as_mut().filter(|response| response.body.cut.is_none()) {
        let content = response.body.kept.take().unwrap_or_default();
        let mut head = HeadBuilder::response(response.head.status().unwrap_or(0), b"");
        for (name, value) in response.head.iter() {
            head.field(name, value);
        }
        let is_coded = coded && !content.is_empty();
        if is_coded {
            head.field(b"Content-Encoding", b"gzip");
        }
        let content = if is_coded { gzip(&content) } else { content.into_vec() };
        response.head = head.finish();
        let mut collector = Collector::new(&response.head, BodyPolicy::Tokens);
        for piece in content.chunks(100) {
            collector.meet(piece, barren);
            collector.push(piece, &limits);
        }
        response.body = collector.finish(&limits, barren).0;
    }
    exchange
}

/// The same answer to another client, which asked another host for something else.
fn to_another_client(exchange: &Exchange) -> Exchange {
    let mut other = exchange.clone();
    other.client = Some(Endpoint { address: [10, 99, 9, 9].into(), port: 55_555 });
    if let Some(request) = &mut other.request {
        let mut head = HeadBuilder::request(b"GET", b"/something/else", None);
        head.field(b"Host", b"else.fabrikam.com");
        request.head = head.finish();
        request.body = Body::default();
    }
    other
}

#[test]
fn an_answer_that_was_seen_before_tells_the_same() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for meta in catalogue() {
        let Ok(files) = fs::read_dir(folder().join(format!("{}-{}", meta.code, meta.name))) else { continue };
        for file in files {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.starts_with("fires") || !name.ends_with(".http") {
                continue;
            }
            let exchanges = testing::exchanges(&fs::read_to_string(&path).unwrap());
            for coded in [false, true] {
                let barren = Barren::new(crate::token::extract::may_tell);
                // Twice: what a content holds is known after the first.
                let others = exchanges.iter().chain(&exchanges).map(to_another_client);
                let all = others.chain(exchanges.iter().cloned());
                let all = all.map(|exchange| read_again(exchange, coded, &barren)).collect();
                let report = testing::judge_exchanges(testing::policy(), all);
                if !report.findings.iter().any(|finding| finding.meta.code == meta.code) {
                    wrong.push(format!("{} {name}, compressed: {coded}", meta.code));
                }
                count += 1;
            }
        }
    }
    assert!(count > 400);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
