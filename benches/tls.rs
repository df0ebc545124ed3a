//! Records to plaintext, with a key log and without.

use std::hint::black_box;

use benches::{Pieces, http1, measure, run, size, tls};
use criterion::Throughput;
use inspector_core::{
    context::Context,
    limits::Limits,
    secrets::keylog::Keys,
    tls::session::{Tls, TlsEvent},
};

/// Bytes of plaintext.
fn open(records: &Pieces, keys: &Keys, limits: &Limits) -> u64 {
    let mut plaintext = 0;
    run::with_context(keys, limits, |cx| {
        let mut session = Tls::new();
        let mut out = |event: TlsEvent<'_>, _: &mut Context<'_>| {
            if let TlsEvent::Data { bytes, .. } = event {
                plaintext += bytes.len() as u64;
            }
        };
        for (side, bytes) in records {
            session.data(*side, bytes, run::AT, cx, &mut out);
        }
    });
    plaintext
}

fn main() {
    measure(|criterion| {
        let mut group = criterion.benchmark_group("tls");
        let limits = Limits::default();
        let plain = http1::conversation(500, 10);
        let bulk = http1::large_response(2 << 20);
        for (name, plain, has_keys) in
            [("short records", &plain, true), ("full records", &bulk, true), ("without keys", &plain, false)]
        {
            let (records, key_log) = tls::sealed(plain);
            let keys = run::keys(if has_keys { &key_log } else { "" });
            assert_eq!(open(&records, &keys, &limits), if has_keys { size(plain) } else { 0 }, "{name}");
            group.throughput(Throughput::Bytes(size(&records)));
            group.bench_function(name, |bencher| bencher.iter(|| open(black_box(&records), &keys, &limits)));
        }
        group.finish();
    });
}
