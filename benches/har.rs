//! HAR files to exchanges.

use std::hint::black_box;

use benches::{har, measure, run};
use criterion::Throughput;
use inspector_core::limits::Limits;

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("har");
        let limits = Limits::default();
        let file = har::file(1_000, 10);
        assert_eq!(run::items(&file, &limits), 1_000);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function("1000 entries", |bencher| bencher.iter(|| run::items(black_box(&file), &limits)));
        group.finish();
    });
}
