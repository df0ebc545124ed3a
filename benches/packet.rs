//! Packets to segments.

use std::hint::black_box;

use benches::{capture, http1, measure, run};
use criterion::Throughput;
use inspector_core::{limits::Limits, packet::Dissector};

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("packet");
        let limits = Limits::default();
        let packets = capture::packets(&http1::conversation(1_000, 10));
        let frames = run::frames(&packets);
        group.throughput(Throughput::Bytes(packets.iter().map(|packet| packet.bytes.len() as u64).sum()));
        group.bench_function("ethernet, ipv4, tcp", |bencher| {
            bencher.iter(|| {
                let mut dissector = Dissector::default();
                frames.iter().filter(|frame| dissector.dissect(black_box(frame), &limits).is_ok()).count()
            });
        });
        group.finish();
    });
}
