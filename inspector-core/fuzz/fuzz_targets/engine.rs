//! A whole recording to exchanges, connections and notes.
#![no_main]

use inspector_core::{
    connection::ConnectionReport,
    context::BodyPolicy,
    engine::{self, Options, Receiver},
    evidence::SourceId,
    exchange::Exchange,
    input::Control,
    note::Note,
};
use inspector_core_fuzz::{limits, look_at, recording_keys};
use libfuzzer_sys::fuzz_target;

#[derive(Default)]
struct Counted {
    exchanges: u64,
    connections: u64,
    of_connections: u64,
}

impl Receiver for Counted {
    fn exchange(&mut self, exchange: Box<Exchange>) -> Control {
        look_at(&exchange);
        self.exchanges += 1;
        assert_eq!(exchange.number, self.exchanges, "exchanges are numbered in order");
        Control::Continue
    }

    fn connection(&mut self, report: ConnectionReport) {
        self.connections += 1;
        self.of_connections += report.exchanges;
    }

    fn note(&mut self, _: Note) {}
}

fuzz_target!(|bytes: &[u8]| {
    let limits = limits(bytes);
    let mut keys = recording_keys(&limits);
    let options = Options { limits, bodies: BodyPolicy::Measure, digests: bytes.len() % 3 == 0, jobs: 1 };
    let mut counted = Counted::default();
    let Ok(reading) = engine::read(SourceId(0), &mut &*bytes, &mut keys, &options, &mut counted) else { return };
    assert_eq!(reading.coverage.exchanges, counted.exchanges);
    assert_eq!(reading.coverage.connections, counted.connections);
    if counted.connections > 0 {
        assert_eq!(counted.of_connections, counted.exchanges, "exchanges belong to connections");
    }
});
