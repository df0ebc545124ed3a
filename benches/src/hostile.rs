//! Recordings made to take much memory or much time: each would, if what it fills had no bound or what reads it went over
//! the same bytes again and again. Sizes are such that it shows: hundreds of megabytes, or hours.

use std::io::{self, Read, Write as _};

use flate2::{Compression, write::GzEncoder};
use inspector_core::flow::Side;

use crate::{Pieces, capture, cases::Recording, har, hpack, http2, made::Made, token};

/// A recording of that kind.
pub struct Hostile {
    /// How it is called.
    pub name: &'static str,
    /// Makes it.
    pub make: fn() -> Recording,
}

/// All of them.
pub const HOSTILE: [Hostile; 17] = [
    Hostile { name: "zeros", make: || Box::new(io::repeat(0).take(128 << 20)) },
    Hostile { name: "gzip of zeros", make: || packed(&[0; 1 << 20], 128) },
    Hostile { name: "gzip of blanks", make: || packed(&[b' '; 1 << 20], 64) },
    Hostile { name: "references to a large entry of HPACK", make: || captured(bomb(1_000)) },
    Hostile { name: "fragments without their last", make: || Box::new(capture::streamed(capture::fragments(20_000))) },
    Hostile { name: "half-open connections", make: || Box::new(capture::streamed(capture::half_open(30_000))) },
    Hostile {
        name: "requests that never end",
        make: || {
            let head = format!("GET /ews/ HTTP/1.1\r\nHost: mail.contoso.com\r\nX-Filler: {}", "a".repeat(4_000));
            Box::new(capture::streamed(capture::open(6_000, vec![(Side::Client, head.into_bytes())])))
        },
    },
    Hostile {
        name: "hosts",
        make: || calls(6_000, |number| (format!("host{number}.contoso.com"), format!("Bearer {}", token::short(0)))),
    },
    Hostile {
        name: "passwords at many hosts",
        make: || {
            calls(6_000, |number| {
                let user = token::base64(&format!("user{number}@contoso.com:secret{number}"));
                (format!("host{number}.contoso.com"), format!("Basic {user}"))
            })
        },
    },
    Hostile {
        name: "tokens",
        make: || calls(4_000, |number| ("mail.contoso.com".to_owned(), format!("Bearer {}", token::outer(number)))),
    },
    Hostile { name: "coded contents", make: || captured(coded(100)) },
    Hostile { name: "folded lines of a head", make: || captured((0..30).flat_map(|_| folded())) },
    Hostile { name: "quotes in markup", make: || content(&"<a '>'".repeat(600_000)) },
    Hostile { name: "attributes in markup", make: || content(&format!("<a {}", "b=\\\"c\\\" ".repeat(400_000))) },
    Hostile { name: "comments in markup", make: || content(&"<!---->x".repeat(500_000)) },
    Hostile {
        name: "objects in a har that never end",
        make: || pieces(r#"{"log":{"entries":["#, r#"{"_":["#, 700_000),
    },
    Hostile {
        name: "entries in a har that begin anew",
        make: || pieces(r#"{"log":{"entries":["#, r#"{"request":{"url":"https://a/","headers":["#, 100_000),
    },
];

fn captured(pieces: impl Iterator<Item = (Side, Vec<u8>)> + Send + 'static) -> Recording {
    Box::new(capture::streamed(capture::stream(pieces)))
}

/// Calls, each of its host and with its credentials.
fn calls(count: usize, of: fn(usize) -> (String, String)) -> Recording {
    Box::new(har::log((0..count).map(move |number| {
        let (host, credentials) = of(number);
        har::call(&host, "/ews/", &[("Authorization", credentials)])
    })))
}

/// A recording of one call of Exchange that is answered with this markup, which is written as a string of JSON has it.
fn content(markup: &str) -> Recording {
    let entry = format!(
        r#"{{"request":{{"method":"POST","url":"https://mail.contoso.com/ews/exchange.asmx","headers":[]}},"response":{{"status":200,"headers":[],"content":{{"mimeType":"text/xml","text":"{markup}"}}}}}}"#
    );
    Box::new(har::log([entry].into_iter()))
}

/// A beginning, and a piece many times.
fn pieces(beginning: &'static str, piece: &'static str, count: usize) -> Recording {
    let beginning = [beginning.as_bytes().to_vec()].into_iter();
    Box::new(Made::new(beginning.chain((0..count).map(|_| piece.as_bytes().to_vec()))))
}

/// Requests whose fields are all the one large entry of the dynamic table (RFC 7541 §6.1), so that a few octets stand for
/// a head of a quarter of a megabyte. None is answered.
fn bomb(requests: usize) -> impl Iterator<Item = (Side, Vec<u8>)> {
    const SIZE: usize = 4_000;
    let mut first =
        http2::block([(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "mail.contoso.com")]);
    // A literal with incremental indexing (§6.2.1): the dynamic table's only entry.
    first.push(0x40);
    for text in ["x-filler", &"a".repeat(SIZE)] {
        hpack::integer(&mut first, 0, 7, text.len());
        first.extend_from_slice(text.as_bytes());
    }
    let head =
        http2::block([(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "mail.contoso.com")]);
    let later = [head, vec![0x80 | 62; 60]].concat();
    let asked = (0..requests).map(move |number| {
        let block = if number == 0 { &first } else { &later };
        let stream = u32::try_from(2 * number + 1).expect("so many streams");
        // END_STREAM and END_HEADERS.
        (Side::Client, http2::frame(1, 5, stream, block))
    });
    http2::start().into_iter().chain(asked)
}

/// Exchanges whose contents are a megabyte each once their coding is undone.
fn coded(count: usize) -> impl Iterator<Item = (Side, Vec<u8>)> {
    let zeros = vec![0; 1 << 20];
    (0..count).flat_map(move |number| {
        let packed = gzip([&number.to_le_bytes()[..], &zeros].into_iter());
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            packed.len()
        );
        [
            (Side::Client, b"GET /ews/ HTTP/1.1\r\nHost: mail.contoso.com\r\n\r\n".to_vec()),
            (Side::Server, [head.into_bytes(), packed].concat()),
        ]
    })
}

/// A request with a field of a quarter of a megabyte in lines of one blank each (RFC 9112 §5.2), and its answer.
fn folded() -> Pieces {
    let lines = "\r\n ".repeat(80_000);
    vec![
        (Side::Client, format!("GET /ews/ HTTP/1.1\r\nHost: mail.contoso.com\r\nX: y{lines}\r\n\r\n").into_bytes()),
        (Side::Server, b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
    ]
}

/// The beginning of a HAR file, and a piece so many times, in gzip.
fn packed(piece: &[u8], count: usize) -> Recording {
    let beginning = [&br#"{"log":{"entries":["#[..]].into_iter();
    Box::new(io::Cursor::new(gzip(beginning.chain(std::iter::repeat_n(piece, count)))))
}

fn gzip<'p>(pieces: impl Iterator<Item = &'p [u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for piece in pieces {
        encoder.write_all(piece).expect("a vector takes all");
    }
    encoder.finish().expect("a vector takes all")
}
