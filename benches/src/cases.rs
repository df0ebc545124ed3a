//! Workloads that can have any size: those that grow in length, and those that grow in what has to be remembered.

use std::io::Read;

use inspector_core::{flow::Side, limits::Limits};

use crate::{Pieces, capture, har, http1, http2, tls, token};

/// What is read.
pub type Recording = Box<dyn Read + Send>;

/// A workload that can have any size.
pub struct Case {
    /// How it is called.
    pub name: &'static str,
    /// What its size counts.
    pub unit: &'static str,
    /// The usual size and the full one.
    pub sizes: [usize; 2],
    /// Makes one of a size.
    pub make: fn(usize) -> Recording,
    /// The key log that goes with it, empty if there is none.
    pub key_log: fn() -> String,
    /// Exchanges in a recording of a size; `None` if not all of them can be found within the bounds of memory.
    pub exchanges: fn(usize) -> Option<usize>,
}

/// All of them.
pub const CASES: [Case; 18] = [
    Case {
        name: "short connections",
        unit: "connections",
        sizes: [2_000, 200_000],
        make: |count| Box::new(capture::streamed(capture::connections(count))),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "requests on one connection",
        unit: "requests",
        sizes: [2_000, 10_000],
        make: |count| Box::new(capture::streamed(capture::stream(http1::exchanges(count, 10)))),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "one large response",
        unit: "bytes",
        sizes: [32_000_000, 1_000_000_000],
        make: |bytes| Box::new(capture::streamed(capture::stream(http1::large(bytes)))),
        key_log: String::new,
        exchanges: |_| Some(1),
    },
    Case {
        name: "every second packet out of order",
        unit: "bytes",
        sizes: [8_000_000, 1_000_000_000],
        make: |bytes| Box::new(capture::streamed(capture::swapped(capture::stream(http1::large(bytes))))),
        key_log: String::new,
        exchanges: |_| Some(1),
    },
    Case {
        name: "streams at once",
        unit: "streams",
        sizes: [400, 1_000],
        make: |count| {
            let at_once = count.min(Limits::default().h2_streams);
            Box::new(capture::streamed(capture::stream(http2::interleaved(count, 10, at_once))))
        },
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "har",
        unit: "entries",
        sizes: [2_000, 100_000],
        make: |count| Box::new(har::streamed(count, 10)),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "har of one huge entry",
        unit: "bytes",
        sizes: [32_000_000, 1_000_000_000],
        make: |bytes| Box::new(har::huge(bytes)),
        key_log: String::new,
        exchanges: |_| Some(1),
    },
    Case {
        name: "har of tiny entries",
        unit: "entries",
        sizes: [20_000, 1_000_000],
        make: |count| Box::new(har::tiny(count)),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "distinct tokens",
        unit: "entries",
        sizes: [1_000, 20_000],
        make: |count| Box::new(har::log((0..count).map(|number| har::entry(number, &token::outer(number))))),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "distinct short tokens",
        unit: "entries",
        sizes: [2_000, 100_000],
        make: |count| {
            Box::new(har::log((0..count).map(|number| har::call(HOST, "/ews/", &bearer(&token::short(number))))))
        },
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "distinct opaque tokens",
        unit: "entries",
        sizes: [2_000, 200_000],
        make: |count| {
            let entry = |number| {
                let [first, second] = [2 * number, 2 * number + 1].map(token::opaque);
                har::call(
                    HOST,
                    "/ews/",
                    &[("Authorization", format!("Bearer {first}")), ("Cookie", format!("session={second}"))],
                )
            };
            Box::new(har::log((0..count).map(entry)))
        },
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "distinct findings",
        unit: "entries",
        sizes: [2_000, 100_000],
        make: |count| {
            let entry = |number| {
                let token = token::short(number);
                let path = format!("/ews/{number}?access_token={token}&password={number}");
                let user = token::base64(&format!("user{number}@contoso.com:{number}"));
                har::call(
                    &format!("host{}.contoso.com", number % 1000),
                    &path,
                    &[("Authorization", format!("Basic {user}"))],
                )
            };
            Box::new(har::log((0..count).map(entry)))
        },
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "hosts",
        unit: "entries",
        sizes: [2_000, 100_000],
        make: |count| {
            let token = token::outer(0);
            let entry = move |number| har::call(&format!("host{number}.contoso.com"), "/ews/", &bearer(&token));
            Box::new(har::log((0..count).map(entry)))
        },
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "handshakes",
        unit: "connections",
        sizes: [1_000, 20_000],
        make: |count| Box::new(capture::streamed(capture::clients(count))),
        key_log: String::new,
        exchanges: Some,
    },
    Case {
        name: "open connections with half a head",
        unit: "connections",
        sizes: [2_000, 100_000],
        make: |count| {
            let head = format!("GET /ews/ HTTP/1.1\r\nHost: {HOST}\r\nX-Filler: {}", "a".repeat(600));
            Box::new(capture::streamed(capture::open(count, vec![(Side::Client, head.into_bytes())])))
        },
        key_log: String::new,
        exchanges: |_| None,
    },
    Case {
        name: "open TLS connections without keys",
        unit: "connections",
        sizes: [2_000, 100_000],
        make: |count| Box::new(capture::streamed(capture::open(count, tls::sealed(&http1::conversation(1, 1)).0))),
        key_log: String::new,
        exchanges: |_| Some(0),
    },
    Case {
        name: "open TLS connections with keys",
        unit: "connections",
        sizes: [2_000, 50_000],
        make: |count| Box::new(capture::streamed(capture::open(count, tls::sealed(&http1::conversation(1, 1)).0))),
        key_log: || tls::sealed(&Pieces::new()).1,
        exchanges: Some,
    },
    Case {
        name: "open HTTP/2 connections with full tables",
        unit: "connections",
        sizes: [500, 20_000],
        make: |count| Box::new(capture::streamed(capture::open(count, http2::indexed(20, 1, 20)))),
        key_log: String::new,
        exchanges: |count| Some(20 * count),
    },
];

/// The resource of most calls.
const HOST: &str = "mail.contoso.com";

fn bearer(token: &str) -> [(&'static str, String); 1] {
    [("Authorization", format!("Bearer {token}"))]
}
