//! Which response answers which request, where packets are missing: what is told as certain must be true.
//!
//! Every recording is read whole, which gives the true pairs, and then once more for every packet (and for many pairs of
//! packets) that is left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::support;

use std::path::Path;

use inspector_core::{
    connection::ConnectionReport,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::{Exchange, message::Message},
    input::Control,
    note::Note,
    secrets::keylog::Keys,
};
use support::{
    capture::{Capture, frame, preface},
    literals::block,
};

#[derive(Default)]
struct Read {
    pairs: Vec<(String, String)>,
    gaps: u64,
    uncertain: usize,
}

impl Receiver for Read {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        let head = |message: &Message| String::from_utf8_lossy(message.head.bytes()).into_owned();
        let uncertain = exchange.marks.iter().any(|mark| mark.as_str() == "pair-uncertain");
        self.uncertain += usize::from(uncertain);
        if let (Some(request), Some(response), false) = (&exchange.request, &exchange.response, uncertain) {
            self.pairs.push((head(request), head(response)));
        }
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.gaps += report.connection.gaps.iter().sum::<u64>();
    }

    fn note(&mut self, _: Note) {}
}

fn read(file: &[u8], keys: &[u8]) -> Read {
    let mut known = Keys::default();
    if !keys.is_empty() {
        known.add(keys).unwrap();
    }
    let mut read = Read::default();
    engine::read(SourceId(0), &mut &*file, &mut known, &Options::default(), &mut read).unwrap();
    read
}

/// The file's header, and its packets with theirs.
fn packets(file: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (header, mut rest) = file.split_at(24);
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize + 16;
        packets.push(&rest[..length]);
        rest = &rest[length..];
    }
    (header, packets)
}

/// Whether a head may be what a hole has left of another: its end cut off, or fields that are in a table.
fn is_part(part: &str, whole: &str) -> bool {
    part.lines().all(|line| whole.lines().any(|other| other.starts_with(line)))
}

fn check(name: &str, file: &[u8], keys: &[u8]) {
    let (header, all) = packets(file);
    let truth = read(file, keys);
    assert!(!truth.pairs.is_empty(), "{name}");
    assert_eq!((truth.uncertain, truth.gaps), (0, 0), "{name}");
    for first in 0..all.len() {
        for second in first..all.len().min(first + 7) {
            let kept = all.iter().enumerate().filter(|(at, _)| *at != first && *at != second);
            let part: Vec<u8> = header.iter().chain(kept.flat_map(|(_, packet)| packet.iter())).copied().collect();
            for (request, response) in read(&part, keys).pairs {
                let is_true = truth
                    .pairs
                    .iter()
                    .any(|(asked, answered)| is_part(&request, asked) && is_part(&response, answered));
                assert!(is_true, "{name} without {} and {}:\n{request}{response}", first + 1, second + 1);
            }
        }
    }
}

fn request(number: usize, size: usize) -> Vec<u8> {
    let content = "x".repeat(size);
    format!("POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n{content}").into_bytes()
}

fn response(number: usize, size: usize) -> Vec<u8> {
    let content = "y".repeat(size);
    format!("HTTP/1.1 200 N{number}\r\nContent-Length: {size}\r\n\r\n{content}").into_bytes()
}

#[test]
fn no_pair_is_wrong_where_each_request_waits_for_its_response() {
    for size in [0, 50, 2000] {
        let mut capture = Capture::new();
        let mut connection = capture.connect();
        for number in 1..=5 {
            connection.exchange(&mut capture, &request(number, size), &response(number, size / 2));
        }
        connection.close(&mut capture);
        check("sequence", &capture.bytes(), b"");
    }
}

#[test]
fn no_pair_is_wrong_in_a_pipeline() {
    for size in [0, 50, 2000] {
        for before in [0, 1] {
            for together in [false, true] {
                let mut capture = Capture::new();
                let mut connection = capture.connect();
                for number in 1..=before {
                    connection.exchange(&mut capture, &request(number, size), &response(number, size));
                }
                let numbers = before + 1..=before + 4;
                let requests: Vec<_> = numbers.clone().map(|number| request(number, size)).collect();
                let responses: Vec<_> = numbers.map(|number| response(number, size / 3)).collect();
                if together {
                    connection.exchange(&mut capture, &requests.concat(), &responses.concat());
                } else {
                    requests.iter().for_each(|bytes| connection.send(&mut capture, true, bytes));
                    responses.iter().for_each(|bytes| connection.send(&mut capture, false, bytes));
                }
                connection.exchange(&mut capture, &request(8, size), &response(8, size));
                connection.close(&mut capture);
                check("pipeline", &capture.bytes(), b"");
            }
        }
    }
}

#[test]
fn no_pair_is_wrong_in_http2() {
    let mut capture = Capture::new();
    let mut connection = capture.connect();
    connection.send(&mut capture, true, &preface());
    connection.send(&mut capture, false, &frame(4, 0, 0, b""));
    for stream in [1_u32, 3, 5, 7] {
        let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", &*format!("/{stream}"))];
        connection.send(&mut capture, true, &frame(1, 5, stream, &block(&fields)));
    }
    for stream in [3_u32, 1, 7, 5] {
        let fields = [(":status", &*format!("20{stream}")), ("content-type", "text/plain")];
        connection.send(&mut capture, false, &frame(1, 4, stream, &block(&fields)));
        connection.send(&mut capture, false, &frame(0, 1, stream, b"answer"));
    }
    connection.close(&mut capture);
    check("h2", &capture.bytes(), b"");
}

#[test]
fn no_pair_is_wrong_inside_tls() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios/handshake-complete");
    for name in ["clear", "tls12", "tls13", "h2"] {
        let file = std::fs::read(folder.join(name).with_extension("pcap")).unwrap();
        let keys = std::fs::read(folder.join(name).with_extension("keys")).unwrap_or_default();
        check(name, &file, &keys);
    }
}
