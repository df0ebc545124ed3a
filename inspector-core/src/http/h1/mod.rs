//! HTTP/1 connections (RFC 9112): two byte streams in, exchanges out.
//!
//! Each side is read by its own small state machine; the queue between them (`pairing`) knows which response belongs
//! to which request, and tells the server's side what its framing depends on (`HEAD`, `CONNECT`).
//!
//! ```text
//!          ┌───────────────────────────── next message ─────────────────────────────┐
//!          ▼                                                                         │
//!   Start ─► head ─┬─ Length ──────────────────────────────────────────────────────┤
//!     │            ├─ Begin ─┬─ Chunked ─ Trailers ────────────────────────────────┤
//!     │            │         └─ Length, Close (it was not chunked)                  │
//!     │            ├─ Close ─ end of stream                                         │
//!     │            └─ (no content) ────────────────────────────────────────────────┘
//!     ├─ Held     a response before its request: packets may be recorded in the wrong order
//!     ├─ Await    bytes behind a CONNECT or an upgrade, before the response tells what they are
//!     └─ Lost     no message begins here: the next start line is looked for
//! ```
//!
//! The straight path copies nothing: a head that lies in one piece is parsed there and copied once, into its
//! [`Head`]; a content of no interest is counted.
//!
//! # Lenient readings
//! - Heads: see `head`. Lengths: see `framing`. Each deviation is marked on the exchange.
//! - A response without request is held (up to [`Limits::held`]) if the client's stream was recorded from its start,
//!   until a request, a gap or the end comes; otherwise it is an exchange of its own.
//! - Interim responses (1xx except 101) are passed over.
//! - `Expect: 100-continue`: if a final response came before the content, and the client's next bytes are a request,
//!   the content was never sent.
//! - Bytes that begin no message are passed over up to the next start line, at the beginning of a piece or behind a
//!   line end. The next message of that side is marked [`Mark::Gap`] (after a gap) or [`Mark::Malformed`], and a
//!   [`NoteKind::Unread`] counts them.
//! - Gaps: within a content of known length they are counted through; elsewhere the message is cut and the next start
//!   line is looked for. Nothing behind a hole is read as if it followed what was before it.
//! - Roles: while no exchange is open, a request on the server's side (or a response on the client's) turns the two
//!   sides around. Exchanges then name the ends by what they do; the [`Connection`](crate::flow::Connection) itself is
//!   left to the caller.

mod body;
mod framing;
mod head;
mod pairing;
mod start;
mod trouble;

pub use self::head::{looks_like_request, looks_like_response};
use self::{
    framing::{Framing, Method, Plain, has_word},
    head::{
        Kind, Parsed, Scan, begins_known_method, empty_lines, is_cut_request_line, is_versioned, kind, parse,
        probe_versioned, without_cut_version,
    },
    pairing::{Pending, Queue},
};
use super::{
    chunked::{Chunked, Step, begins_chunked},
    content::Collector,
};
pub use crate::probe::Probe;
use crate::{
    context::Context,
    evidence::At,
    exchange::{
        Exchange, Mark, Marks,
        message::{Head, Message},
    },
    flow::{End, Side},
    limits::Limits,
    note::{Note, NoteKind},
};

/// How the connection goes on.
#[derive(Debug)]
pub enum Next {
    /// With HTTP/1.
    Continue,
    /// With another protocol; this value takes no more bytes, only [`Http1::close`].
    Switch(Switch),
}

/// The end of HTTP/1 on a connection: what comes next, and the bytes of each side that belong to it already.
#[derive(Debug)]
pub struct Switch {
    /// The protocol that follows.
    pub to: SwitchTo,
    /// First bytes of the client; at most [`Limits::held`] and one piece.
    pub client_rest: Vec<u8>,
    /// First bytes of the server.
    pub server_rest: Vec<u8>,
    /// Where `client_rest` begins.
    pub client_at: Option<At>,
    /// Where `server_rest` begins.
    pub server_at: Option<At>,
    /// The exchange that made the switch, where the next protocol goes on with it: the messages of a WebSocket are its
    /// content, the answer to an upgrade to h2c comes on stream 1. It was not handed out.
    pub exchange: Option<Box<Exchange>>,
}

/// What a connection switched to.
#[derive(Debug)]
pub enum SwitchTo {
    /// A tunnel to `authority` (2xx to `CONNECT`): any protocol, most often TLS.
    Tunnel {
        /// Target of the request.
        authority: Box<[u8]>,
    },
    /// WebSocket (RFC 6455).
    WebSocket {
        /// Value of the response's `Sec-WebSocket-Extensions`, empty if there is none.
        extensions: Box<[u8]>,
    },
    /// HTTP/2 without TLS.
    H2c {
        /// The client's `HTTP2-Settings` (base64url of a SETTINGS payload).
        settings: Option<Box<[u8]>>,
    },
    /// Another protocol; value of `Upgrade`.
    Other {
        /// Its name as sent.
        name: Box<[u8]>,
    },
}

/// What one side is reading.
#[derive(Debug, Default)]
enum Reading {
    /// A start line comes next, or its head is being gathered in `buffer`.
    #[default]
    Start,
    /// A content that may begin with a chunk is being gathered in `buffer`.
    Begin { strict: bool, or: Plain },
    /// A content of known length.
    Length(u64),
    /// Chunks.
    Chunked(Chunked),
    /// The section behind the last chunk, gathered in `buffer`.
    Trailers,
    /// A content to the end of the stream.
    Close,
    /// No message; `buffer` may hold the beginning of a start line.
    Lost,
    /// Responses before their request, in `stash`.
    Held,
    /// Bytes of the protocol to come, in `stash`.
    Await,
    /// Over.
    Off,
}

/// A message whose content is being read.
#[derive(Debug)]
struct Open {
    head: Head,
    collector: Collector,
    trailers: Option<Box<Head>>,
    first: At,
    head_end: At,
    marks: Marks,
    /// `Expect: 100-continue`, and no byte of the content came.
    expects: bool,
}

impl Open {
    /// The next bytes of the content.
    #[inline]
    fn take(&mut self, piece: &[u8], cx: &Context<'_>) {
        self.collector.meet(piece, cx.barren);
        self.collector.push(piece, cx.limits);
    }
}

/// Bytes kept with the positions of their pieces.
#[derive(Debug, Default)]
struct Stash {
    bytes: Vec<u8>,
    /// Where each piece begins, its packet, and up to where that acknowledges the other side's stream.
    pieces: Vec<(usize, At, Option<u64>)>,
}

impl Stash {
    fn push(&mut self, bytes: &[u8], at: At, covers: Option<u64>) {
        if bytes.is_empty() {
            return;
        }
        if self.pieces.last().is_none_or(|(_, last, _)| *last != at) {
            self.pieces.push((self.bytes.len(), at, covers));
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn pieces(&self) -> impl Iterator<Item = (&[u8], At, Option<u64>)> {
        let ends = self.pieces.iter().skip(1).map(|(start, ..)| *start).chain([self.bytes.len()]);
        let piece = |start, end| self.bytes.get(start..end).unwrap_or_default();
        self.pieces.iter().zip(ends).map(move |((start, at, covers), end)| (piece(*start, end), *at, *covers))
    }
}

/// One side of the connection.
#[derive(Debug, Default)]
struct Half {
    reading: Reading,
    open: Option<Box<Open>>,
    buffer: Vec<u8>,
    /// Where `buffer` begins.
    first: Option<At>,
    /// Offset in the side's stream at or before which `buffer` begins.
    began: Option<u64>,
    /// Up to where the packet in which `buffer` begins acknowledges the other side's stream.
    covers: Option<u64>,
    scan: Scan,
    /// `buffer` is known to begin a message.
    judged: bool,
    stash: Stash,
    /// Marks for the next message.
    marks: Marks,
    unread: u64,
    unread_at: Option<At>,
    ended: bool,
    /// The end came while bytes were held.
    end_held: Option<(End, At)>,
    /// Responses are not held any more.
    unheld: bool,
    gap: bool,
    last: Option<At>,
    /// The latest packet that holds anything of the message being read. Its last byte can be in an earlier one.
    latest: Option<At>,
}

impl Half {
    /// Takes bytes that lie wholly inside a content of known length, as most do. Whether they are such.
    #[inline]
    fn goes_on(&mut self, bytes: &[u8], at: At, cx: &Context<'_>) -> bool {
        let (Reading::Length(left), Some(open)) = (&mut self.reading, &mut self.open) else { return false };
        let length = bytes.len() as u64;
        if length >= *left || open.expects {
            return false;
        }
        *left -= length;
        open.take(bytes, cx);
        self.met(at);
        true
    }

    /// Bytes of this packet are read.
    #[inline]
    fn met(&mut self, at: At) {
        self.last = Some(at);
        self.latest = Some(self.latest_with(at));
    }

    /// The later of `at` and every packet of the message being read.
    fn latest_with(&self, at: At) -> At {
        self.latest.map_or(at, |latest| latest.later(at))
    }

    /// A message begins in this packet.
    fn begin_at(&mut self, at: At, cx: &Context<'_>) {
        self.first = Some(at);
        self.latest = Some(at);
        self.began = cx.connection.standing.acknowledged.map(|_| cx.connection.standing.began);
        self.covers = cx.connection.standing.acknowledged;
    }

    /// Bytes of memory besides its own, about.
    fn weight(&self) -> usize {
        let open = self.open.as_ref().map_or(0, |open| {
            size_of::<Open>().saturating_add(open.head.weight()).saturating_add(open.collector.weight())
        });
        open.saturating_add(self.buffer.capacity()).saturating_add(self.stash.bytes.capacity())
    }

    fn unread(&mut self, bytes: usize, at: At) {
        if bytes > 0 {
            self.unread = self.unread.saturating_add(bytes as u64);
            self.unread_at.get_or_insert(at);
            if !self.gap {
                self.marks.add(Mark::Malformed);
            }
        }
    }
}

/// Why a message is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Gap,
    End(End),
}

/// Longest start line that is waited for while none is known to begin.
const START_LINE: usize = 16 << 10;

/// The state of one connection.
#[derive(Debug, Default)]
pub struct Http1 {
    client: Half,
    server: Half,
    queue: Queue,
    switch: Option<SwitchTo>,
    over: bool,
    /// Bytes of the client that belong to no message.
    unread: u64,
}

impl Http1 {
    /// A connection at its beginning, or joined somewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// A connection of which bytes are missing before the first that are known to be HTTP: the offset
    /// at which that hole ends, by `Side::index`.
    pub fn behind(missed: [Option<u64>; 2]) -> Self {
        let mut http = Self::default();
        for (side, missed) in [Side::Client, Side::Server].into_iter().zip(missed) {
            if let Some(end) = missed {
                http.queue.hole(side, end);
                http.half(side).gap = true;
            }
        }
        http
    }

    /// Exchanges handed out so far.
    pub const fn exchanges(&self) -> u64 {
        self.queue.emitted
    }

    /// Bytes the client sent that belong to no message; known once the connection is over.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Where the oldest exchange that is not complete begins.
    pub fn oldest_open(&self) -> Option<At> {
        self.queue.oldest()
    }

    /// Bytes of memory it takes, about.
    pub fn weight(&self) -> usize {
        let halves = self.client.weight().saturating_add(self.server.weight());
        size_of::<Self>().saturating_add(halves).saturating_add(self.queue.weight())
    }

    /// Takes the next bytes of `side`. Whatever they hold, the call takes time in proportion to them.
    pub fn data(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) -> Next {
        if self.over {
            return Next::Continue;
        }
        let role = self.role(side);
        if self.switch.is_none() && self.half(role).goes_on(bytes, at, cx) {
            return Next::Continue;
        }
        self.feed(role, bytes, at, cx);
        self.take_switch(cx)
    }

    /// `bytes` of `side` are not in the recording. A [`Next::Switch`] comes before the gap: hand the gap on to the
    /// protocol that follows.
    pub fn gap(&mut self, side: Side, bytes: u64, at: At, cx: &mut Context<'_>) -> Next {
        if self.over || bytes == 0 {
            return Next::Continue;
        }
        let role = self.role(side);
        self.missing(role, bytes, at, cx);
        self.take_switch(cx)
    }

    /// `side` is over. Bytes that come all the same are read on.
    pub fn end(&mut self, side: Side, how: End, at: At, cx: &mut Context<'_>) {
        let role = self.role(side);
        if self.over || self.half(role).ended {
            return;
        }
        match role {
            Side::Client => {
                self.client.ended = true;
                self.cut(role, Cut::End(how), at, cx);
                self.client.reading = Reading::Off;
                self.release_held(cx);
            }
            Side::Server if matches!(self.server.reading, Reading::Held) => self.server.end_held = Some((how, at)),
            Side::Server => {
                self.server.ended = true;
                self.cut(role, Cut::End(how), at, cx);
                self.server.reading = Reading::Off;
                self.queue.server_over = matches!(how, End::Fin | End::Reset)
                    && self.server.unread == 0
                    && self.server.stash.bytes.is_empty()
                    && (self.server.last.is_some() || cx.connection.from_start.get(side.index()) == Some(&true));
            }
        }
    }

    /// The connection is over: hands out what is left. Ends of sides that were not told are taken as [`End::Input`].
    pub fn close(&mut self, cx: &mut Context<'_>) {
        if !self.over {
            let at = cx.connection.last;
            self.end(Side::Client, End::Input, at, cx);
            self.end(Side::Server, End::Input, at, cx);
            self.release_held(cx);
        }
        self.queue.flush(cx);
        if let Some(exchange) = self.queue.withheld.take() {
            cx.sink.exchange(*exchange);
        }
        for role in [Side::Client, Side::Server] {
            let half = self.half(role);
            let (stashed, last) = (half.stash.bytes.len(), half.last);
            if let Some(last) = last.filter(|_| matches!(half.reading, Reading::Off)) {
                half.unread(stashed, last);
            }
            let (bytes, at) = (std::mem::take(&mut half.unread), half.unread_at);
            if bytes > 0 {
                if role == Side::Client {
                    self.unread = self.unread.saturating_add(bytes);
                }
                let kind = NoteKind::Unread { bytes };
                cx.sink.note(Note { at, connection: Some(cx.connection.id), kind });
            }
        }
        self.over = true;
    }

    const fn role(&self, side: Side) -> Side {
        if self.queue.reversed { side.other() } else { side }
    }

    const fn half(&mut self, role: Side) -> &mut Half {
        match role {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Reads `input` to its end, message by message.
    fn feed(&mut self, mut role: Side, mut input: &[u8], at: At, cx: &mut Context<'_>) {
        while !input.is_empty() {
            if self.switch.is_some() && !(role == Side::Client && self.client.open.is_some()) {
                let half = self.half(role);
                half.stash.push(input, at, None);
                return;
            }
            let reversed = self.queue.reversed;
            let expects = self.expects(role);
            let used = match self.half(role).reading {
                Reading::Start => self.start(role, input, at, cx),
                Reading::Lost => self.lost(role, input, at, cx),
                Reading::Held => self.hold(input, at, cx),
                Reading::Await => self.await_response(input, at),
                // The end was none: a reset that was not meant for this connection.
                Reading::Off => {
                    let half = self.half(role);
                    half.reading = Reading::Start;
                    half.ended = false;
                    0
                }
                _ if expects => self.expected(input, at, cx),
                _ => self.content(role, input, at, cx),
            };
            if reversed != self.queue.reversed {
                role = role.other();
            }
            self.half(role).met(at);
            input = input.get(used..).unwrap_or_default();
        }
    }
    /// The switch, once nothing of HTTP is left to read.
    fn take_switch(&mut self, cx: &mut Context<'_>) -> Next {
        let held = self.client.stash.bytes.len().max(self.server.stash.bytes.len());
        if self.switch.is_none() && matches!(self.client.reading, Reading::Await) && held > cx.limits.held {
            self.missing_answer();
        }
        if self.switch.is_none() || (self.client.open.is_some() && held <= cx.limits.held) {
            return Next::Continue;
        }
        let Some(to) = self.switch.take() else { return Next::Continue };
        let at = cx.connection.last;
        for role in [Side::Client, Side::Server] {
            if self.half(role).open.is_some() {
                self.cut(role, Cut::End(End::Input), at, cx);
            }
        }
        let rest = |half: &mut Half| {
            let stash = std::mem::take(&mut half.stash);
            let first = if half.buffer.is_empty() { stash.pieces.first().map(|(_, at, _)| *at) } else { half.first };
            let mut bytes = std::mem::take(&mut half.buffer);
            bytes.extend_from_slice(&stash.bytes);
            half.reading = Reading::Off;
            (bytes, first)
        };
        let mut client = rest(&mut self.client);
        let mut server = rest(&mut self.server);
        if self.queue.reversed {
            std::mem::swap(&mut client, &mut server);
        }
        self.queue.flush(cx);
        self.over = true;
        let ((client_rest, client_at), (server_rest, server_at)) = (client, server);
        let exchange = self.queue.withheld.take();
        Next::Switch(Switch { to, client_rest, server_rest, client_at, server_at, exchange })
    }
}

#[cfg(test)]
mod tests;
