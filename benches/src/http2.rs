//! HTTP/2 conversations. Field blocks are literals without indexing (RFC 7541 §6.2.2) and without Huffman coding, but for
//! those of [`indexed`].

use inspector_core::flow::Side;

use crate::{
    Pieces,
    hpack::{self, Encoder},
    http1, token,
};

/// Octets of content that a stream sends in its turn.
const TURN: usize = 500;
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
            hpack::integer(&mut block, 0, 7, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// A connection of `requests` requests that carry `tokens` different tokens in turn; `at_once` of them are open at the
/// same time.
pub fn conversation(requests: usize, tokens: usize, at_once: usize) -> Pieces {
    let mut blocks = |_: Side, fields: &[(&str, &str)]| block(fields.iter().copied());
    coded(requests, tokens, at_once, &mut blocks)
}

/// The same with field blocks as servers write them.
pub fn indexed(requests: usize, tokens: usize, at_once: usize) -> Pieces {
    let mut encoders = [Encoder::default(), Encoder::default()];
    let mut blocks = |side: Side, fields: &[(&str, &str)]| encoders[side.index()].block(fields.iter().copied());
    coded(requests, tokens, at_once, &mut blocks)
}

/// Writes the field block of a message of that side.
type Blocks<'b> = dyn FnMut(Side, &[(&str, &str)]) -> Vec<u8> + 'b;

fn coded(requests: usize, tokens: usize, at_once: usize, blocks: &mut Blocks<'_>) -> Pieces {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    let mut pieces = start().to_vec();
    let numbers: Vec<usize> = (0..requests).collect();
    for batch in numbers.chunks(at_once.max(1)) {
        for number in batch {
            let content = http1::soap_request(*number);
            let head = request_head(*number, &tokens[number % tokens.len()], blocks);
            pieces.push((Side::Client, [head, last(*number, &content)].concat()));
        }
        for number in batch {
            let content = http1::soap_response(*number);
            pieces.push((Side::Server, [response_head(*number, blocks), last(*number, &content)].concat()));
        }
    }
    pieces
}

/// How both sides begin.
pub fn start() -> [(Side, Vec<u8>); 2] {
    let settings = frame(SETTINGS, 0, 0, &[]);
    [(Side::Client, [PREFACE, &settings].concat()), (Side::Server, settings)]
}

/// The frame that ends a message.
fn last(number: usize, content: &str) -> Vec<u8> {
    frame(DATA, END_STREAM, stream(number), content.as_bytes())
}

/// A connection of `requests` requests as [`conversation`] has them, made batch by batch: the frames of those that are
/// open at the same time take turns.
pub fn interleaved(requests: usize, tokens: usize, at_once: usize) -> impl Iterator<Item = (Side, Vec<u8>)> {
    let tokens: Vec<String> = (0..tokens).map(token::outer).collect();
    let at_once = at_once.max(1);
    let batches = (0..requests).step_by(at_once).flat_map(move |first| {
        let batch = first..requests.min(first + at_once);
        let mut blocks = |_: Side, fields: &[(&str, &str)]| block(fields.iter().copied());
        let asked = in_turns(batch.clone().map(|number| {
            let content = http1::soap_request(number);
            (stream(number), request_head(number, &tokens[number % tokens.len()], &mut blocks), content)
        }));
        let answered = in_turns(
            batch.map(|number| (stream(number), response_head(number, &mut blocks), http1::soap_response(number))),
        );
        let from = |side| move |frame| (side, frame);
        asked.into_iter().map(from(Side::Client)).chain(answered.into_iter().map(from(Side::Server)))
    });
    start().into_iter().chain(batches)
}

/// The frames of messages: the HEADERS frame of each, then DATA frames of each in turn.
fn in_turns(messages: impl Iterator<Item = (u32, Vec<u8>, String)>) -> Vec<Vec<u8>> {
    let (mut frames, mut contents) = (Vec::new(), Vec::new());
    for (stream, head, content) in messages {
        frames.push(head);
        contents.push((stream, content.into_bytes()));
    }
    let longest = contents.iter().map(|(_, content)| content.len()).max().unwrap_or_default();
    for turn in 0..longest.div_ceil(TURN) {
        for (stream, content) in &contents {
            let Some(rest) = content.get(turn * TURN..).filter(|rest| !rest.is_empty()) else { continue };
            let flags = if rest.len() <= TURN { END_STREAM } else { 0 };
            frames.push(frame(DATA, flags, *stream, &rest[..rest.len().min(TURN)]));
        }
    }
    frames
}

fn stream(number: usize) -> u32 {
    u32::try_from(2 * number + 1).expect("so many streams fit a connection")
}

fn request_head(number: usize, token: &str, blocks: &mut Blocks<'_>) -> Vec<u8> {
    let fields = http1::request_fields(token);
    let pseudo = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "mail.contoso.com"),
        (":path", "/EWS/Exchange.asmx"),
    ];
    let regular = fields.iter().filter(|(name, _)| *name != "host").map(|(name, value)| (*name, value.as_str()));
    let fields: Vec<_> = pseudo.into_iter().chain(regular).collect();
    frame(HEADERS, END_HEADERS, stream(number), &blocks(Side::Client, &fields))
}

fn response_head(number: usize, blocks: &mut Blocks<'_>) -> Vec<u8> {
    let fields = http1::response_fields(number);
    let regular = fields.iter().map(|(name, value)| (*name, value.as_str()));
    let fields: Vec<_> = [(":status", "200")].into_iter().chain(regular).collect();
    frame(HEADERS, END_HEADERS, stream(number), &blocks(Side::Server, &fields))
}
