//! Watches what a TLS session hands out: only what was in `fixtures/tls`, and in the order of a stream.

use inspector_core::{
    context::Context,
    flow::{End, Side},
    tls::session::{Tls, TlsEvent},
};

use crate::{AT, Step};

/// What every connection in `fixtures/tls` carries.
pub const PLAIN: [&[u8]; 2] =
    [include_bytes!("../../../fixtures/tls/plain.c2s"), include_bytes!("../../../fixtures/tls/plain.s2c")];

/// Events of one session.
#[derive(Default)]
pub struct Watch {
    /// Sides that ended below.
    closed: [bool; 2],
    ended: [bool; 2],
    /// Plaintext seen, in bytes.
    pub bytes: u64,
}

impl Watch {
    /// Takes a step; a side that ended takes no more.
    pub fn step(&mut self, tls: &mut Tls, step: Step<'_>, cx: &mut Context<'_>) {
        let (Step::Data(side, _) | Step::Gap(side, _) | Step::End(side, _)) = step;
        if self.closed[side.index()] {
            return;
        }
        let Self { closed, ended, bytes } = self;
        let mut out = |event: TlsEvent<'_>, _: &mut Context<'_>| check(event, ended, bytes);
        match step {
            Step::Data(side, bytes) => {
                if tls.data(side, bytes, AT, cx, &mut out) {
                    closed.swap(0, 1);
                    ended.swap(0, 1);
                }
            }
            Step::Gap(side, bytes) => tls.gap(side, bytes, AT, cx, &mut out),
            Step::End(side, how) => {
                closed[side.index()] = true;
                tls.end(side, how, AT, cx, &mut out);
            }
        }
    }

    /// Ends both sides.
    pub fn close(&mut self, tls: &mut Tls, cx: &mut Context<'_>) {
        for side in [Side::Client, Side::Server] {
            self.step(tls, Step::End(side, End::Input), cx);
        }
        assert_eq!(self.ended, [true; 2], "an end was not told");
    }
}

fn check(event: TlsEvent<'_>, ended: &mut [bool; 2], seen: &mut u64) {
    let (TlsEvent::Data { side, .. } | TlsEvent::Gap { side, .. } | TlsEvent::End { side, .. }) = event;
    assert!(!ended[side.index()], "an event after the end of its side");
    match event {
        TlsEvent::Data { bytes, .. } => {
            let known = PLAIN.iter().any(|plain| plain.windows(bytes.len().max(1)).any(|window| window == bytes));
            assert!(bytes.is_empty() || known, "plaintext of no connection");
            *seen += bytes.len() as u64;
        }
        TlsEvent::Gap { bytes, .. } => assert!(bytes > 0, "an empty gap"),
        TlsEvent::End { .. } => ended[side.index()] = true,
    }
}
