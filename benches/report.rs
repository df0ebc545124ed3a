//! A report to JSON, of which the bytes are counted; and reports of several inputs to one.
// What is made here is not hostile: a mistake shall end the bench.
#![allow(clippy::expect_used)]

use std::hint::black_box;

use benches::{capture, http1, measure, run};
use criterion::{BatchSize, Throughput};
use inspector_core::report::{Report, v1};

fn json(report: &Report) -> Vec<u8> {
    serde_json::to_vec_pretty(&v1::Report::streamed(report)).expect("a report can be written")
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("report");
        let few = run::report(&capture::pcap(capture::packets(&http1::conversation(500, 10))));
        let many = run::report(&capture::pcap(capture::packets(&http1::conversation(500, 500))));
        assert_eq!((few.tokens.len(), many.tokens.len()), (10, 500));
        for (name, report) in [("json, 10 tokens", &few), ("json, 500 tokens", &many)] {
            group.throughput(Throughput::Bytes(json(report).len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| json(black_box(report))));
        }
        let bytes = (json(&many).len() + json(&few).len()) as u64;
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function("two joined", |bencher| {
            let both = || vec![many.clone(), few.clone()];
            bencher.iter_batched(both, |reports| Report::merge(black_box(reports)), BatchSize::LargeInput);
        });
        group.finish();
    });
}
