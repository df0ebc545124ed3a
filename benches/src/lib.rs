//! Deterministic workloads for the benches, and what they are run with.
//!
//! Everything is made from the number of things wanted: no files, no clock, and no randomness but [`Random`] with its
//! fixed seed, so that two runs measure the same bytes.
//!
//! | module | makes |
//! |---|---|
//! | [`token`] | tokens as the S2S protocol has them |
//! | [`http1`], [`http2`], [`har`] | requests that carry them, and their responses |
//! | [`hpack`] | field blocks with the dynamic table and Huffman's code |
//! | [`tls`] | TLS 1.3 around these, with its key log |
//! | [`capture`] | packets around these, in order or not |
//! | [`made`] | recordings of any size, which are made as they are read |
//! | [`cases`] | those of which growth is measured |
//! | [`hostile`] | those made to take much memory or time |
//! | [`run`] | the stages that read them |
#![forbid(unsafe_code)]
// What is made here is not hostile: a mistake shall end the bench.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

pub mod capture;
pub mod cases;
pub mod har;
pub mod hostile;
pub mod hpack;
pub mod http1;
pub mod http2;
pub mod made;
pub mod run;
pub mod tls;
pub mod token;

use std::time::Duration;

use criterion::Criterion;
use inspector_core::flow::Side;
use mimalloc::MiMalloc;

/// The allocator of the program: what is measured is what it does.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What the two sides of a connection send, in order.
pub type Pieces = Vec<(Side, Vec<u8>)>;

/// Bytes in all pieces.
pub fn size(pieces: &Pieces) -> u64 {
    pieces.iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

/// Runs `bench` as `cargo bench` wants it: few samples, as the workloads are large.
pub fn measure(bench: impl FnOnce(&mut Criterion)) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    bench(&mut criterion);
    criterion.final_summary();
}

/// The generator xorshift64*, from a fixed seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl Random {
    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }
}

#[cfg(test)]
mod tests {
    use inspector_core::limits::Limits;

    use super::*;
    use crate::run::{Found, check};

    const REQUESTS: usize = 20;

    /// What each workload holds is also found in it.
    #[test]
    fn workloads_are_read_whole() {
        let http1 = http1::conversation(REQUESTS, 5);
        let http2 = http2::conversation(REQUESTS, 5, 4);
        let (sealed, key_log) = tls::sealed(&http1);
        let (sealed_h2, key_log_h2) = tls::sealed(&http2);
        let cases = [
            ("http/1.1", capture::pcap(capture::packets(&http1)), String::new()),
            ("tls", capture::pcap(capture::packets(&sealed)), key_log),
            ("h2", capture::pcap(capture::packets(&http2)), String::new()),
            ("h2 in tls", capture::pcap(capture::packets(&sealed_h2)), key_log_h2),
            ("h2 indexed", capture::pcap(capture::packets(&http2::indexed(REQUESTS, 5, 4))), String::new()),
            ("h2 interleaved", capture::pcap(capture::stream(http2::interleaved(REQUESTS, 5, 4))), String::new()),
            ("swapped", capture::pcap(capture::swapped(capture::packets(&http1))), String::new()),
            ("har", har::file(REQUESTS, 5), String::new()),
        ];
        for (name, bytes, key_log) in cases {
            let found = check(&bytes, &key_log);
            // An outer token and an actor token each.
            let wanted = Found { exchanges: REQUESTS as u64, answered: REQUESTS as u64, tokens: 10, gaps: 0 };
            assert_eq!(found, wanted, "{name}");
        }
    }

    #[test]
    fn short_connections_are_kept_apart_and_losses_are_seen() {
        let found = check(&capture::pcap(capture::connections(REQUESTS)), "");
        assert_eq!((found.exchanges, found.answered, found.gaps), (20, 20, 0));
        let packets = capture::packets(&http1::large_response(400_000));
        let lossy = capture::lossy(packets, 10);
        assert!(check(&capture::pcap(lossy), "").gaps > 10);
    }

    #[test]
    fn entries_of_any_size_are_read() {
        let huge = check(&har::huge(40 << 20).into_bytes(), "");
        assert_eq!((huge.exchanges, huge.answered, huge.tokens), (1, 1, 2));
        let tiny = check(&har::tiny(REQUESTS).into_bytes(), "");
        assert_eq!((tiny.exchanges, tiny.answered), (20, 20));
    }

    #[test]
    fn what_is_remembered_of_open_connections_counts() {
        // Two tables of up to 4096 bytes are most of it.
        const EACH: usize = 8_000;
        let connections = 100;
        let name = "open HTTP/2 connections with full tables";
        let case = cases::CASES.iter().find(|case| case.name == name).expect("the case is known");
        let reached = |total| {
            let mut limits = Limits::default();
            limits.connections_total = total;
            run::limits_reached(&mut (case.make)(connections), "", limits)
        };
        assert_eq!(reached(connections * EACH), ["connections"]);
        assert!(reached(connections * EACH * 10).is_empty());
    }

    #[test]
    fn the_same_again() {
        let make = || capture::pcap(capture::packets(&tls::sealed(&http2::conversation(3, 2, 2)).0));
        assert!(make() == make());
    }
}
