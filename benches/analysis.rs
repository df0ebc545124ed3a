//! Exchanges and their tokens to a verdict: what is learnt of them, the rules, and the end.

use std::hint::black_box;

use benches::{capture, http1, measure, run, size};
use criterion::Throughput;
use inspector_core::{
    exchange::Exchange,
    limits::Limits,
    report::Report,
    token::{
        extract::{Extraction, extract},
        interner::Interner,
    },
};

fn judged(exchanges: &[(Exchange, Extraction)], thorough: bool, limits: &Limits) -> Report {
    let mut analysis = run::analysis(limits);
    if thorough {
        analysis = analysis.thorough();
    }
    for (exchange, extraction) in exchanges {
        analysis.exchange(exchange, extraction);
    }
    analysis.finish()
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("analysis");
        let limits = Limits::default();
        for (name, tokens, thorough) in
            [("few tokens", 10, false), ("few tokens, all rules", 10, true), ("a token each", 500, false)]
        {
            let pieces = http1::conversation(500, tokens);
            let mut interner = Interner::new(&limits);
            let exchanges: Vec<(Exchange, Extraction)> = run::exchanges(&capture::pcap(capture::packets(&pieces)))
                .into_iter()
                .map(|exchange| {
                    let extraction = extract(&exchange, &mut interner, &limits);
                    (exchange, extraction)
                })
                .collect();
            let report = judged(&exchanges, thorough, &limits);
            assert_eq!(report.handshakes.iter().map(|handshake| handshake.calls).sum::<u64>(), 500, "{name}");
            group.throughput(Throughput::Bytes(size(&pieces)));
            group.bench_function(name, |bencher| bencher.iter(|| judged(black_box(&exchanges), thorough, &limits)));
        }
        group.finish();
    });
}
