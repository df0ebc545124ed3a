//! HTTP/1.1 streams to exchanges.

use std::hint::black_box;

use benches::{Pieces, http1, measure, run, size};
use criterion::Throughput;
use inspector_core::{http::h1::Http1, limits::Limits, secrets::keylog::Keys};

fn exchanges(pieces: &Pieces, at_once: usize, limits: &Limits) -> u64 {
    run::with_context(&Keys::default(), limits, |cx| {
        let mut http = Http1::new();
        for (side, bytes) in pieces {
            for piece in bytes.chunks(at_once) {
                http.data(*side, piece, run::AT, cx);
            }
        }
        http.close(cx);
    })
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("http1");
        let limits = Limits::default();
        let short = http1::conversation(1_000, 10);
        let large = http1::large_response(4 << 20);
        for (name, pieces, at_once, wanted) in [
            ("whole messages", &short, usize::MAX, 1_000),
            ("segments", &short, 1460, 1_000),
            ("large response", &large, 1460, 1),
        ] {
            assert_eq!(exchanges(pieces, at_once, &limits), wanted, "{name}");
            group.throughput(Throughput::Bytes(size(pieces)));
            group.bench_function(name, |bencher| bencher.iter(|| exchanges(black_box(pieces), at_once, &limits)));
        }
        group.finish();
    });
}
