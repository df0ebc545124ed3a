//! Exchanges in capture order.
//!
//! Connections finish their exchanges in any order: a long poll that began at packet 10 ends after hundreds that began
//! later. Reports and listings are in the order in which the exchanges began, the same for any number of workers, so
//! finished exchanges wait here until nothing that began before them is still open. The wait is bounded: past
//! `Limits::reorder` exchanges or [`Ordered::BYTES`] the oldest go out all the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::{evidence::ConnectionId, exchange::Exchange, limits::Limits};

/// Where an exchange began: frame or entry, connection, and a running number for several in one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    began: u64,
    connection: u64,
    serial: u64,
}

/// Holds finished exchanges back until it is their turn.
#[derive(Debug)]
pub(crate) struct Ordered {
    waiting: BTreeMap<Key, Box<Exchange>>,
    bytes: usize,
    open: BTreeSet<(u64, ConnectionId)>,
    serial: u64,
    handed_out: u64,
    most: usize,
}

impl Ordered {
    /// Content held by waiting exchanges, in bytes.
    const BYTES: usize = 4 << 20;

    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            waiting: BTreeMap::new(),
            bytes: 0,
            open: BTreeSet::new(),
            serial: 0,
            handed_out: 0,
            most: limits.reorder,
        }
    }

    /// Takes a finished exchange.
    pub(crate) fn push(&mut self, exchange: Box<Exchange>) {
        let began = began(&exchange);
        self.serial += 1;
        self.bytes = self.bytes.saturating_add(exchange.weight());
        let connection = exchange.connection.map_or(0, |id| id.0);
        self.waiting.insert(Key { began, connection, serial: self.serial }, exchange);
    }

    /// Notes that a connection's oldest unfinished exchange changed from `before` to `now` (frame numbers).
    pub(crate) fn open(&mut self, connection: ConnectionId, before: Option<u64>, now: Option<u64>) {
        if before == now {
            return;
        }
        if let Some(frame) = before {
            self.open.remove(&(frame, connection));
        }
        if let Some(frame) = now {
            self.open.insert((frame, connection));
        }
    }

    /// The next exchange whose turn it is, numbered. With `all`, the rest of the input.
    pub(crate) fn pop(&mut self, all: bool) -> Option<Box<Exchange>> {
        let first = self.waiting.first_key_value()?.0;
        let full = self.waiting.len() > self.most || self.bytes > Self::BYTES;
        let blocked = self.open.first().is_some_and(|(frame, _)| *frame < first.began);
        if blocked && !full && !all {
            return None;
        }
        let (_, mut exchange) = self.waiting.pop_first()?;
        self.bytes = self.bytes.saturating_sub(exchange.weight());
        self.handed_out += 1;
        exchange.number = self.handed_out;
        Some(exchange)
    }
}

fn began(exchange: &Exchange) -> u64 {
    exchange.request.as_ref().or(exchange.response.as_ref()).map_or(0, |message| message.first.order())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        evidence::{At, SourceId},
        exchange::{
            Marks, Protocol, Scheme,
            message::{Body, HeadBuilder, Message},
        },
    };

    fn exchange(frame: u64) -> Box<Exchange> {
        let at = At::Frame { number: frame, time: None };
        let head = HeadBuilder::request(b"GET", b"/", None).finish();
        Box::new(Exchange {
            source: SourceId(0),
            number: 0,
            connection: Some(ConnectionId(1)),
            stream: None,
            protocol: Protocol::Http11,
            scheme: Scheme::Http,
            client: None,
            server: None,
            tls: None,
            request: Some(Message { head, body: Body::default(), trailers: None, first: at, head_end: at, end: at }),
            response: None,
            marks: Marks::default(),
        })
    }

    fn drain(ordered: &mut Ordered, all: bool) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| ordered.pop(all)).map(|e| (began(&e), e.number)).collect()
    }

    #[test]
    fn a_long_poll_holds_back_what_began_after_it() {
        let mut ordered = Ordered::new(&Limits::default());
        ordered.open(ConnectionId(1), None, Some(10));
        ordered.push(exchange(30));
        ordered.push(exchange(20));
        ordered.push(exchange(5));
        assert_eq!(drain(&mut ordered, false), [(5, 1)]);
        ordered.open(ConnectionId(1), Some(10), None);
        ordered.push(exchange(10));
        assert_eq!(drain(&mut ordered, false), [(10, 2), (20, 3), (30, 4)]);
    }

    #[test]
    fn the_wait_is_bounded() {
        let limits = Limits { reorder: 2, ..Limits::default() };
        let mut ordered = Ordered::new(&limits);
        ordered.open(ConnectionId(1), None, Some(1));
        (2..=5).for_each(|frame| ordered.push(exchange(frame)));
        assert_eq!(drain(&mut ordered, false), [(2, 1), (3, 2)]);
        assert_eq!(drain(&mut ordered, true), [(4, 3), (5, 4)]);
    }
}
