//! Exchanges to tokens: known ones, as a server sends the same for an hour, and ones never seen.

use std::hint::black_box;

use benches::{capture, http1, measure, run, size};
use criterion::{BatchSize, Throughput};
use inspector_core::{
    exchange::Exchange,
    limits::Limits,
    token::{extract::extract, interner::Interner},
};

fn sightings(exchanges: &[Exchange], interner: &mut Interner, limits: &Limits) -> usize {
    exchanges.iter().map(|exchange| extract(exchange, interner, limits).sightings.len()).sum()
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("token");
        let limits = Limits::default();
        let pieces = http1::conversation(500, 500);
        let exchanges = run::exchanges(&capture::pcap(capture::packets(&pieces)));
        let mut known = Interner::new(&limits);
        assert_eq!(sightings(&exchanges, &mut known, &limits), 500);
        group.throughput(Throughput::Bytes(size(&pieces)));
        group.bench_function("seen before", |bencher| {
            bencher.iter(|| sightings(black_box(&exchanges), &mut known, &limits));
        });
        group.bench_function("new", |bencher| {
            let fresh = || Interner::new(&limits);
            let run = |mut interner| sightings(black_box(&exchanges), &mut interner, &limits);
            bencher.iter_batched(fresh, run, BatchSize::SmallInput);
        });
        group.finish();
    });
}
