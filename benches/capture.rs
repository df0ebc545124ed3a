//! A capture's bytes to packets.

use std::hint::black_box;

use benches::{capture, http1, measure, run};
use criterion::Throughput;
use inspector_core::limits::Limits;

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("capture");
        let limits = Limits::default();
        let large = capture::pcap(capture::packets(&http1::conversation(1_000, 10)));
        let small = capture::pcap(capture::connections(500));
        for (name, recording) in [("large packets", large), ("small packets", small)] {
            group.throughput(Throughput::Bytes(recording.len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| run::items(black_box(&recording), &limits)));
        }
        group.finish();
    });
}
