//! Frames to streams, and streams to HTTP/3; and what is missing of them once the connection is over.

use std::collections::BTreeMap;

use super::{
    connection::{Connection, Env, MOST_IDENTIFIERS, Space},
    frame::{Frame, Piece},
    handshake::{Early, News},
    packet::{Identifier, Kind, long},
    receive::{Receive, Received},
};
use crate::{
    context::Context,
    evidence::At,
    flow::Side,
    http::h3::Http3,
    note::{Note, NoteKind},
};

/// Most numbers in a row that are looked for elsewhere than among the packets with application data.
const MOST_EXPLAINED: u64 = 256;

impl Connection {
    pub(super) fn frame(&mut self, sender: Side, space: Space, frame: Frame<'_>, at: At, env: &mut Env<'_>) {
        match frame {
            Frame::Acknowledge(acknowledged) => {
                if space == Space::Application {
                    let other = self.side_mut(sender.other());
                    acknowledged.tell(&mut other.acknowledged, &mut other.told);
                }
            }
            Frame::Crypto { offset, data } => self.crypto(sender, space, offset, data, at, env),
            Frame::Close => self.side_mut(sender).closed = true,
            _ if space != Space::Application => {}
            Frame::Stream(piece) => self.stream(sender, piece, at, env),
            Frame::Reset { id, size } => self.reset(sender, id, size, at, env),
            Frame::Stop { id } => {
                if let Some(http) = &mut self.http {
                    http.stop(id, sender);
                }
            }
            Frame::Identifier { id, token } => {
                if let Some(id) = Identifier::new(id) {
                    self.learn(sender, id);
                }
                self.add_token(sender, *token);
            }
            Frame::Datagram { data } => self.pass_over(sender, data.len()),
            Frame::Other => {}
        }
    }

    fn add_token(&mut self, side: Side, token: [u8; 16]) {
        let tokens = &mut self.side_mut(side).tokens;
        if tokens.len() < MOST_IDENTIFIERS && !tokens.contains(&token) {
            tokens.push(token);
        }
    }

    /// Application data that belongs to no stream of HTTP/3.
    const fn pass_over(&mut self, sender: Side, bytes: usize) {
        let [client, server] = &mut self.other;
        let count = if matches!(sender, Side::Client) { client } else { server };
        *count = count.saturating_add(bytes as u64);
    }

    fn crypto(&mut self, sender: Side, space: Space, offset: u64, data: &[u8], at: At, env: &Env<'_>) {
        let limit = env.limits.tls_handshake;
        let [client, server] = &mut self.sides;
        let side = if sender == Side::Client { client } else { server };
        let [initial, handshake] = &mut side.crypto;
        let crypto = match space {
            Space::Initial => initial,
            Space::Handshake => handshake,
            // Tickets for later connections.
            Space::Application => return,
        };
        if offset.saturating_add(data.len() as u64) > limit as u64 {
            return;
        }
        let mut receive = std::mem::take(&mut crypto.receive);
        let (facts, mut news) = (&mut self.handshake, News::default());
        receive.push(offset, data, false, at, &mut |received| {
            if let Received::Data(bytes, _) = received {
                crypto.data(sender, bytes, limit, facts, &mut news);
            }
        });
        crypto.receive = receive;
        if let Some(id) = news.identifier {
            self.learn(Side::Server, id);
        }
        for token in news.tokens {
            self.add_token(Side::Server, token);
        }
        if news.progress {
            self.news();
        }
    }

    /// Does something to the streams in their context. Makes HTTP/3 of them if it is not yet.
    fn with_streams<R>(
        &mut self,
        env: &mut Env<'_>,
        act: impl FnOnce(&mut Http3, &mut BTreeMap<(u64, Side), Receive>, &mut Context<'_>) -> R,
    ) -> R {
        let session = self.handshake.session();
        let Self { http, connection, streams, .. } = self;
        let mut cx = Context {
            connection,
            tls: Some(&session),
            keys: env.keys,
            limits: env.limits,
            bodies: env.bodies,
            barren: env.barren,
            sink: &mut *env.sink,
        };
        let http = http.get_or_insert_with(|| Box::new(Http3::new(&cx)));
        act(http, streams, &mut cx)
    }

    fn stream(&mut self, sender: Side, piece: Piece<'_>, at: At, env: &mut Env<'_>) {
        let Piece { id, offset, data, last } = piece;
        if !self.begin_stream(sender, id, data.len(), at, env) {
            return;
        }
        let limit = env.limits.out_of_order;
        let others = self.held;
        let (before, after, is_over) = self.with_streams(env, |http, streams, cx| {
            let Some(receive) = streams.get_mut(&(id, sender)) else { return (0, 0, false) };
            let (before, was_stalled) = (receive.held(), receive.is_stalled());
            let mut out = |received: Received<'_>| deliver(http, id, sender, received, cx);
            receive.push(offset, data, last, at, &mut out);
            if others.saturating_sub(before).saturating_add(receive.held()) > limit && receive.give_up(&mut out) {
                note_limit("out_of_order", at, cx);
            }
            if was_stalled != receive.is_stalled() {
                http.stall(id, sender, receive.is_stalled(), at, cx);
            }
            (before, receive.held(), receive.is_over())
        });
        self.held = self.held.saturating_sub(before).saturating_add(after);
        if is_over {
            self.end_stream(sender, id);
        }
    }

    fn reset(&mut self, sender: Side, id: u64, size: u64, at: At, env: &mut Env<'_>) {
        if !self.begin_stream(sender, id, 0, at, env) {
            return;
        }
        let before = self.with_streams(env, |http, streams, cx| {
            let Some(receive) = streams.get_mut(&(id, sender)) else { return 0 };
            let before = receive.held();
            receive.reset(size, at, &mut |received| deliver(http, id, sender, received, cx));
            http.reset(id, sender, at, cx);
            before
        });
        self.held = self.held.saturating_sub(before);
        self.end_stream(sender, id);
    }

    /// Makes ready for what comes on a stream; `false` if it is not to be read.
    fn begin_stream(&mut self, sender: Side, id: u64, bytes: usize, at: At, env: &mut Env<'_>) -> bool {
        if !self.handshake.may_be_http() {
            self.pass_over(sender, bytes);
            return false;
        }
        if self.done.get(slot(id, sender)).is_some_and(|done| done.has(id >> 2)) {
            return false;
        }
        if id & 3 == 0 {
            self.requests.insert(id >> 2, (id >> 2) + 1);
        }
        if self.streams.contains_key(&(id, sender)) {
            return true;
        }
        if self.streams.len() >= env.limits.quic_streams {
            self.connection.gaps = [self.connection.gaps[0] + 1, self.connection.gaps[1]];
            self.with_streams(env, |_, _, cx| note_limit("quic_streams", at, cx));
            self.end_stream(sender, id);
            return false;
        }
        self.streams.insert((id, sender), Receive::default());
        true
    }

    fn end_stream(&mut self, sender: Side, id: u64) {
        self.streams.remove(&(id, sender));
        if let Some(done) = self.done.get_mut(slot(id, sender)) {
            done.insert(id >> 2, (id >> 2) + 1);
        }
    }

    /// The connection is over: hands out what is open.
    pub(crate) fn finish(&mut self, env: &mut Env<'_>) {
        self.give_up_waiting(env);
        if self.http.is_none() {
            return;
        }
        let lost = [Side::Client, Side::Server].map(|side| self.lost(side));
        let odd = self.sides.iter().map(|side| side.odd).collect::<Vec<_>>();
        let unseen = self.requests.holes(0, self.requests.end()).iter().map(|(from, to)| to - from).sum::<u64>();
        let [client, server] = &self.sides;
        let [_, lost_of_server] = lost;
        let server_over =
            server.closed && lost_of_server == 0 && server.dark == 0 && client.dark == 0 && server.odd == 0;
        let unread = self.with_streams(env, |http, streams, cx| {
            for (&(id, sender), receive) in streams.iter_mut() {
                receive.finish(&mut |received| deliver(http, id, sender, received, cx));
            }
            // What the server sent is whole in its streams, or told of there.
            let [of_client, of_server] = &mut cx.connection.gaps;
            let [lost_of_client, _] = lost;
            let [odd_of_client, odd_of_server] = odd.as_slice() else { return 0 };
            *of_client = of_client.saturating_add(lost_of_client).saturating_add(unseen).saturating_add(*odd_of_client);
            *of_server = of_server.saturating_add(*odd_of_server);
            http.close(server_over && cx.connection.gaps == [0; 2], cx);
            http.unread()
        });
        self.streams.clear();
        self.unread = unread;
    }

    /// What still waits for keys stays dark.
    pub(super) fn give_up_waiting(&mut self, env: &Env<'_>) {
        env.pending.set(env.pending.get().saturating_sub(self.pending_bytes));
        self.pending_bytes = 0;
        for waiting in std::mem::take(&mut self.pending) {
            let packet = waiting.bytes.get(waiting.start..).unwrap_or_default();
            let side = self.side_mut(waiting.sender);
            match long(packet).map(|(packet, _)| packet.kind) {
                Some(Kind::Early) => side.dark_early += 1,
                Some(Kind::Handshake | Kind::Initial | Kind::Retry) => {}
                None => side.dark += 1,
            }
        }
    }

    /// How many runs of packets with application data that a side sent were not recorded though they may have got there.
    fn lost(&self, side: Side) -> u64 {
        let sender = self.side(side);
        let [initial, handshake, received] = &sender.received;
        let Some(first) = received.first() else { return 0 };
        let end = received.end().max(sender.acknowledged.end());
        let together = sender.counts_together();
        // Early packets that were refused have numbers, too.
        let mut refused = if self.handshake.early == Early::Refused { sender.dark_early } else { 0 };
        let mut lost = 0;
        for (from, to) in received.holes(0, end) {
            let was_acknowledged = sender.acknowledged.holes(from, to) != [(from, to)];
            let untold = sender.told.holes(from, to);
            let mut count = untold.iter().map(|(from, to)| to - from).sum::<u64>();
            if count <= MOST_EXPLAINED {
                let numbers = untold.iter().flat_map(|(from, to)| *from..*to);
                // Some begin to count with 1.
                let is_first = |number: u64| number == 0 && initial.first() == Some(1);
                let is_other = |number: u64| together && (initial.has(number) || handshake.has(number));
                count -= numbers.filter(|number| is_first(*number) || is_other(*number)).count() as u64;
                let early = if from < first { count.min(refused) } else { 0 };
                refused -= early;
                count -= early;
            }
            lost += u64::from(was_acknowledged || count > 0);
        }
        lost + u64::from(received.forgotten() > 0)
    }
}

/// Hands on what a stream yields.
fn deliver(http: &mut Http3, id: u64, sender: Side, received: Received<'_>, cx: &mut Context<'_>) {
    match received {
        Received::Data(bytes, at) => http.data(id, sender, bytes, at, cx),
        Received::Gap(bytes, at) => {
            let [gaps_of_client, gaps_of_server] = &mut cx.connection.gaps;
            let [missing_of_client, missing_of_server] = &mut cx.connection.bytes_missing;
            let (gaps, missing) = match sender {
                Side::Client => (gaps_of_client, missing_of_client),
                Side::Server => (gaps_of_server, missing_of_server),
            };
            *gaps = gaps.saturating_add(1);
            *missing = missing.saturating_add(bytes);
            http.gap(id, sender, bytes, at, cx);
        }
        Received::End(at) => http.end(id, sender, at, cx),
    }
}

fn note_limit(limit: &'static str, at: At, cx: &mut Context<'_>) {
    let kind = NoteKind::Limit { limit };
    cx.sink.note(Note { at: Some(at), connection: Some(cx.connection.id), kind });
}

/// The place of a type of streams and a side.
const fn slot(id: u64, sender: Side) -> usize {
    ((id & 3) << 1) as usize | sender.index()
}
