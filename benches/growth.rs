//! How the time grows with the input: each workload once, and ten times as large. The throughput must stay.

use std::hint::black_box;

use benches::{capture, http1, http2, measure, run};
use criterion::{BenchmarkId, Throughput};

/// A workload of a size.
type Make = fn(usize) -> Vec<u8>;

const WORKLOADS: [(&str, usize, Make); 5] = [
    ("short connections", 2_000, |count| capture::pcap(&capture::connections(count))),
    ("requests on one connection", 1_000, |count| capture::pcap(&capture::packets(&http1::conversation(count, 10)))),
    ("one large response, bytes", 1 << 20, |bytes| capture::pcap(&capture::packets(&http1::large_response(bytes)))),
    ("every second packet out of order, bytes", 1 << 20, |bytes| {
        capture::pcap(&capture::swapped(capture::packets(&http1::large_response(bytes))))
    }),
    ("streams at once", 100, |count| capture::pcap(&capture::packets(&http2::conversation(count, 10, count)))),
];

fn main() {
    measure(|criterion| {
        for (name, small, make) in WORKLOADS {
            let mut group = criterion.benchmark_group(format!("growth/{name}"));
            group.sample_size(10);
            for count in [small, small * 10] {
                let recording = make(count);
                group.throughput(Throughput::Bytes(recording.len() as u64));
                group.bench_with_input(BenchmarkId::from_parameter(count), &recording, |bencher, recording| {
                    bencher.iter(|| run::check(black_box(recording), ""));
                });
            }
            group.finish();
        }
    });
}
