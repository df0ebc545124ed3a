//! Segments to streams: in order, with every second segment swapped, and with a tenth of them lost.

use std::hint::black_box;

use benches::{capture, http1, measure, run};
use criterion::Throughput;
use inspector_core::limits::Limits;

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("reassembly");
        let limits = Limits::default();
        let in_order = capture::packets(&http1::large_response(4 << 20));
        let cases = [
            ("in order", in_order.clone()),
            ("swapped", capture::swapped(in_order.clone()).collect()),
            ("10 % lost", capture::lossy(in_order, 10)),
            ("short connections", capture::connections(1_000).collect()),
        ];
        for (name, packets) in cases {
            let frames = run::frames(&packets);
            let segments = run::segments(&frames);
            group.throughput(Throughput::Bytes(segments.iter().map(|segment| segment.payload.len() as u64).sum()));
            group.bench_function(name, |bencher| {
                bencher.iter(|| run::reassemble(black_box(&segments), &limits));
            });
        }
        group.finish();
    });
}
