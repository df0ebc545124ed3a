//! HTTP/2 frames to exchanges, one stream after the other and many at once, with plain field blocks and coded ones.

use std::hint::black_box;

use benches::{Pieces, http2, measure, run, size};
use criterion::Throughput;
use inspector_core::{http::h2::Http2, limits::Limits, secrets::keylog::Keys};

fn exchanges(pieces: &Pieces, limits: &Limits) -> u64 {
    run::with_context(&Keys::default(), limits, |cx| {
        let mut http = Http2::new(cx);
        for (side, bytes) in pieces {
            http.data(*side, bytes, run::AT, cx);
        }
        http.close(cx);
    })
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("h2");
        let limits = Limits::default();
        for (name, pieces) in [
            ("one stream at once", http2::conversation(1_000, 10, 1)),
            ("100 streams at once", http2::conversation(1_000, 10, 100)),
            ("100 streams at once, indexed and Huffman-coded", http2::indexed(1_000, 10, 100)),
        ] {
            assert_eq!(exchanges(&pieces, &limits), 1_000, "{name}");
            group.throughput(Throughput::Bytes(size(&pieces)));
            group.bench_function(name, |bencher| bencher.iter(|| exchanges(black_box(&pieces), &limits)));
        }
        group.finish();
    });
}
