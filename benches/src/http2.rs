//! HTTP/2 conversations. Field blocks are literals without indexing (RFC 7541 §6.2.2) and without Huffman coding.

use inspector_core::flow::Side;

use crate::{Pieces, http1, token};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).expect("a payload fits a frame").to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A field block of literals.
pub fn block<'f>(fields: impl IntoIterator<Item = (&'f str, &'f str)>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, length: usize) {
    const MOST: usize = 127;
    if length < MOST {
        block.push(length as u8);
        return;
    }
    block.push(MOST as u8);
    let mut rest = length - MOST;
    while rest >= 128 {
        block.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    block.push(rest as u8);
}

/// A connection of `requests` requests that carry `tokens` different tokens in turn; `at_once` of them are open at the
/// same time.
pub fn conversation(requests: usize, tokens: usize, at_once: usize) -> Pieces {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    let mut pieces = vec![
        (Side::Client, [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()),
        (Side::Server, frame(SETTINGS, 0, 0, &[])),
    ];
    let numbers: Vec<usize> = (0..requests).collect();
    for batch in numbers.chunks(at_once.max(1)) {
        pieces.extend(batch.iter().map(|number| (Side::Client, request(*number, &tokens[number % tokens.len()]))));
        pieces.extend(batch.iter().map(|number| (Side::Server, response(*number))));
    }
    pieces
}

fn stream(number: usize) -> u32 {
    u32::try_from(2 * number + 1).expect("so many streams fit a connection")
}

fn request(number: usize, token: &str) -> Vec<u8> {
    let fields = http1::request_fields(token);
    let pseudo = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "mail.contoso.com"),
        (":path", "/EWS/Exchange.asmx"),
    ];
    let regular = fields.iter().filter(|(name, _)| *name != "host").map(|(name, value)| (*name, value.as_str()));
    let mut bytes = frame(HEADERS, END_HEADERS, stream(number), &block(pseudo.into_iter().chain(regular)));
    bytes.extend(frame(DATA, END_STREAM, stream(number), http1::soap_request(number).as_bytes()));
    bytes
}

fn response(number: usize) -> Vec<u8> {
    let fields = http1::response_fields(number);
    let regular = fields.iter().map(|(name, value)| (*name, value.as_str()));
    let mut bytes =
        frame(HEADERS, END_HEADERS, stream(number), &block([(":status", "200")].into_iter().chain(regular)));
    bytes.extend(frame(DATA, END_STREAM, stream(number), http1::soap_response(number).as_bytes()));
    bytes
}
