//! Recordings to reports: clear-text HTTP/1.1, TLS 1.3, HTTP/2 inside TLS 1.3, and HAR.

use std::hint::black_box;

use benches::{capture, har, http1, http2, measure, run, tls};
use criterion::Throughput;

const REQUESTS: usize = 500;
const TOKENS: usize = 10;

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("end to end");
        let plain = http1::conversation(REQUESTS, TOKENS);
        let (sealed, key_log) = tls::sealed(&plain);
        let (sealed_h2, key_log_h2) = tls::sealed(&http2::conversation(REQUESTS, TOKENS, 10));
        let cases = [
            ("http/1.1", capture::pcap(capture::packets(&plain)), String::new()),
            ("tls 1.3", capture::pcap(capture::packets(&sealed)), key_log),
            ("h2 in tls 1.3", capture::pcap(capture::packets(&sealed_h2)), key_log_h2),
            ("har", har::file(REQUESTS, TOKENS), String::new()),
        ];
        for (name, recording, key_log) in cases {
            assert_eq!(run::check(&recording, &key_log).answered, REQUESTS as u64, "{name}");
            group.throughput(Throughput::Bytes(recording.len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| run::check(black_box(&recording), &key_log)));
        }
        group.finish();
    });
}
