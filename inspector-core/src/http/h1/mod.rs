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
//! [`Head`](super::message::Head); a content of no interest is counted.
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

mod framing;
mod head;
mod pairing;

pub use self::head::{Probe, looks_like_request, looks_like_response};
use self::{
    framing::{Framing, Method, Plain, has_word},
    head::{Kind, Parsed, Scan, begins_known_method, empty_lines, parse},
    pairing::{Pending, Queue},
};
use super::{
    chunked::{Chunked, Step, begins_chunked},
    content::Collector,
    exchange::{Exchange, Mark, Marks},
    message::{Head, Message},
};
use crate::{
    context::Context,
    evidence::At,
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

/// Bytes kept with the positions of their pieces.
#[derive(Debug, Default)]
struct Stash {
    bytes: Vec<u8>,
    /// Where each piece begins.
    pieces: Vec<(usize, At)>,
}

impl Stash {
    fn push(&mut self, bytes: &[u8], at: At) {
        if bytes.is_empty() {
            return;
        }
        if self.pieces.last().is_none_or(|(_, last)| *last != at) {
            self.pieces.push((self.bytes.len(), at));
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn pieces(&self) -> impl Iterator<Item = (&[u8], At)> {
        let ends = self.pieces.iter().skip(1).map(|(start, _)| *start).chain([self.bytes.len()]);
        self.pieces.iter().zip(ends).map(|((start, at), end)| (self.bytes.get(*start..end).unwrap_or_default(), *at))
    }
}

/// One side of the connection.
#[derive(Debug, Default)]
struct Half {
    reading: Reading,
    open: Option<Open>,
    buffer: Vec<u8>,
    /// Where `buffer` begins.
    first: Option<At>,
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
}

impl Half {
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
}

impl Http1 {
    /// A connection at its beginning, or joined somewhere.
    pub fn new() -> Self {
        Self::default()
    }

    /// Exchanges handed out so far.
    pub const fn exchanges(&self) -> u64 {
        self.queue.emitted
    }

    /// Where the oldest exchange that is not complete begins.
    pub fn oldest_open(&self) -> Option<At> {
        self.queue.oldest()
    }

    /// Takes the next bytes of `side`. Whatever they hold, the call takes time in proportion to them.
    pub fn data(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) -> Next {
        if self.over {
            return Next::Continue;
        }
        let role = self.role(side);
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

    /// `side` is over.
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
                half.stash.push(input, at);
                return;
            }
            let reversed = self.queue.reversed;
            let expects = self.expects(role);
            let used = match self.half(role).reading {
                Reading::Start => self.start(role, input, at, cx),
                Reading::Lost => self.lost(role, input, at),
                Reading::Held => self.hold(input, at, cx),
                Reading::Await => self.await_response(input, at),
                Reading::Off => return,
                _ if expects => self.expected(input, at, cx),
                _ => self.content(role, input, at, cx),
            };
            if reversed != self.queue.reversed {
                role = role.other();
            }
            self.half(role).last = Some(at);
            input = input.get(used..).unwrap_or_default();
        }
    }
}

/// Message starts.
impl Http1 {
    /// Gathers a head. Returns how many bytes of `input` were used.
    fn start(&mut self, role: Side, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        if role == Side::Server && self.server.buffer.is_empty() {
            self.finish_simple_request(at, cx);
            if self.holds(cx) && looks_like_response(input) != Probe::No {
                self.server.reading = Reading::Held;
                return 0;
            }
        }
        let half = self.half(role);
        let mut gathered = std::mem::take(&mut half.buffer);
        let was_empty = gathered.is_empty();
        let skipped = if was_empty { empty_lines(input) } else { 0 };
        let fresh = input.get(skipped..).unwrap_or_default();
        if skipped > 0 && role == Side::Server {
            half.marks.add(Mark::Malformed);
        }
        if fresh.is_empty() {
            return skipped;
        }
        if was_empty {
            half.first = Some(at);
            half.scan = Scan::default();
            half.judged = false;
        } else {
            gathered.extend_from_slice(fresh);
        }
        let view = if was_empty { fresh } else { &gathered };
        if !half.judged {
            let half = match self.judge(role, view, cx) {
                Judged::Turned => {
                    // The half moved; it reads on as the other side.
                    gathered.truncate(gathered.len().saturating_sub(fresh.len()));
                    self.half(role.other()).buffer = gathered;
                    return skipped;
                }
                Judged::Foreign => {
                    let (first, rest) = (self.half(role).first.unwrap_or(at), view.to_vec());
                    self.feed(role, &rest, first, cx);
                    return input.len();
                }
                Judged::Wait | Judged::Yes => self.half(role),
            };
            if !half.judged {
                half.buffer = if was_empty { fresh.to_vec() } else { gathered };
                return input.len();
            }
        }
        let half = self.half(role);
        let first = half.first.unwrap_or(at);
        match half.scan.find(view) {
            Some(length) => {
                let (bare_lf, beyond) = (half.scan.bare_lf, view.len() - length);
                let parsed = parse(view.get(..length).unwrap_or_default(), kind(role), bare_lf, cx.limits);
                self.begin(role, parsed, first, at, cx);
                input.len().saturating_sub(beyond)
            }
            None if view.len() > cx.limits.head => {
                self.cut_head(role, view, at, cx);
                if let Some(open) = &mut self.half(role).open {
                    open.marks.add(Mark::Malformed);
                    open.collector.missing();
                }
                self.finish(role, at, cx);
                self.lose(role);
                input.len()
            }
            None => {
                half.buffer = if was_empty { fresh.to_vec() } else { gathered };
                input.len()
            }
        }
    }

    /// Whether `view` begins a message of this side.
    fn judge(&mut self, role: Side, view: &[u8], cx: &Context<'_>) -> Judged {
        let (own, other) = match role {
            Side::Client => (looks_like_request(view), looks_like_response(view)),
            Side::Server => (looks_like_response(view), looks_like_request(view)),
        };
        let is_idle = self.queue.is_empty() && self.half(role.other()).is_idle() && self.half(role).open.is_none();
        match (own, other) {
            (Probe::Certain, _) => {
                self.half(role).judged = true;
                Judged::Yes
            }
            (Probe::Likely, _) if view.len() <= cx.limits.head => Judged::Wait,
            (Probe::No, Probe::Likely) if is_idle && view.len() <= START_LINE => Judged::Wait,
            (Probe::No, Probe::Certain) if is_idle && is_versioned(role.other(), view) => {
                self.queue.reversed = !self.queue.reversed;
                std::mem::swap(&mut self.client, &mut self.server);
                Judged::Turned
            }
            _ if role == Side::Client && self.queue.newest().is_some_and(|newest| newest.upgrade) => {
                self.client.reading = Reading::Await;
                Judged::Foreign
            }
            _ => {
                self.lose(role);
                Judged::Foreign
            }
        }
    }

    /// A head is complete: its framing, and its place in the queue.
    fn begin(&mut self, role: Side, mut parsed: Parsed, first: At, at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        half.judged = false;
        parsed.marks.merge(std::mem::take(&mut half.marks));
        half.gap = false;
        match role {
            Side::Client => self.begin_request(parsed, first, at, cx),
            Side::Server => self.begin_response(parsed, first, at, cx),
        }
    }

    fn begin_request(&mut self, mut parsed: Parsed, first: At, at: At, cx: &mut Context<'_>) {
        if parsed.head.method() == b"PRI" && parsed.head.target() == b"*" {
            self.client.stash.push(parsed.head.bytes(), first);
            self.switch = Some(SwitchTo::H2c { settings: None });
            return;
        }
        let framing = framing::of_request(&mut parsed);
        let method = Method::of(&parsed.head);
        let expects =
            framing != Framing::None && parsed.head.values("expect").any(|value| has_word(value, b"100-continue"));
        self.queue.push(
            Pending {
                method,
                upgrade: parsed.head.value("upgrade").is_some(),
                protocol: parsed.protocol,
                first,
                marks: Marks::default(),
                request_open: true,
                request: None,
                response_open: false,
                response: None,
                withheld: false,
            },
            cx,
        );
        self.open(Side::Client, parsed, framing, (first, at), cx);
        if let Some(open) = &mut self.client.open {
            open.expects = expects;
        }
        if framing == Framing::None {
            self.finish(Side::Client, at, cx);
        }
        if method == Method::Connect {
            self.client.reading = Reading::Await;
        }
        self.server.unheld = false;
        self.release_held(cx);
    }

    fn begin_response(&mut self, mut parsed: Parsed, first: At, at: At, cx: &mut Context<'_>) {
        let status = parsed.head.status().unwrap_or_default();
        let upgrade = parsed.head.value("upgrade").map(Box::<[u8]>::from);
        if (100..200).contains(&status) && (status != 101 || upgrade.is_none()) {
            self.server.marks.merge(parsed.marks);
            return;
        }
        self.queue.answer(first, parsed.protocol, cx);
        let method = self.queue.answering().map_or(Method::Other, |pending| pending.method);
        let switch = match (status, method, upgrade) {
            (101, _, Some(name)) => Some(self.upgrade_to(&name, &parsed.head)),
            (200..300, Method::Connect, _) => Some(SwitchTo::Tunnel { authority: self.target_of_connect() }),
            _ => None,
        };
        if let Some(to) = switch {
            if let Some(pending) = self.queue.answering() {
                pending.marks.add(Mark::Upgraded);
                pending.withheld = matches!(to, SwitchTo::WebSocket { .. } | SwitchTo::H2c { .. });
            }
            self.open(Side::Server, parsed, Framing::None, (first, at), cx);
            self.finish(Side::Server, at, cx);
            self.switch = Some(to);
            return;
        }
        let framing = framing::of_response(&mut parsed, method);
        self.open(Side::Server, parsed, framing, (first, at), cx);
        if framing == Framing::None {
            self.finish(Side::Server, at, cx);
        }
        if matches!(self.client.reading, Reading::Await) && !self.queue.is_waiting() {
            self.client.reading = Reading::Start;
            if let Some(refused) = self.queue.newest() {
                refused.upgrade = false;
            }
            let stash = std::mem::take(&mut self.client.stash);
            stash.pieces().for_each(|(bytes, at)| self.feed(Side::Client, bytes, at, cx));
        }
    }

    /// What a 101 response switches to.
    fn upgrade_to(&mut self, name: &[u8], response: &Head) -> SwitchTo {
        if has_word(name, b"websocket") {
            let extensions = response.value("sec-websocket-extensions").unwrap_or_default().into();
            return SwitchTo::WebSocket { extensions };
        }
        if !has_word(name, b"h2c") {
            return SwitchTo::Other { name: name.into() };
        }
        let request = self.queue.answering().and_then(|pending| pending.request.as_ref());
        let settings = request.and_then(|request| request.head.value("http2-settings")).map(Box::from);
        SwitchTo::H2c { settings }
    }

    fn target_of_connect(&mut self) -> Box<[u8]> {
        let request = self.queue.answering().and_then(|pending| pending.request.as_ref());
        request.map(|request| request.head.target().into()).unwrap_or_default()
    }

    fn open(&mut self, role: Side, parsed: Parsed, framing: Framing, (first, at): (At, At), cx: &Context<'_>) {
        let collector = Collector::new(&parsed.head, cx.bodies);
        let half = self.half(role);
        half.reading = match framing {
            Framing::None => Reading::Start,
            Framing::Length(length) => Reading::Length(length),
            Framing::Chunked { strict, or } => Reading::Begin { strict, or },
            Framing::Close => Reading::Close,
        };
        half.first = None;
        half.open = Some(Open {
            head: parsed.head,
            collector,
            trailers: None,
            first,
            head_end: at,
            marks: parsed.marks,
            expects: false,
        });
    }

    /// An HTTP/0.9 request has no end of its own but its line's; the server's answer tells that it is complete.
    fn finish_simple_request(&mut self, at: At, cx: &mut Context<'_>) {
        let half = &mut self.client;
        let is_simple = matches!(half.reading, Reading::Start)
            && half.judged
            && half.buffer.ends_with(b"\n")
            && !is_versioned(Side::Client, &half.buffer)
            && memchr::memchr_iter(b'\n', &half.buffer).count() == 1;
        if is_simple {
            let line = std::mem::take(&mut half.buffer);
            let first = half.first.unwrap_or(at);
            let parsed = parse(&line, Kind::Request, false, cx.limits);
            let head_end = half.last.unwrap_or(first);
            self.begin(Side::Client, parsed, first, head_end, cx);
        }
    }
}

/// Outcome of [`Http1::judge`].
enum Judged {
    Yes,
    Wait,
    /// No message; the side reads on as something else.
    Foreign,
    /// The sides were exchanged.
    Turned,
}

impl Half {
    /// No message of this side has begun.
    fn is_idle(&self) -> bool {
        matches!(self.reading, Reading::Start | Reading::Lost) && self.buffer.is_empty() && self.open.is_none()
    }
}

const fn kind(role: Side) -> Kind {
    match role {
        Side::Client => Kind::Request,
        Side::Server => Kind::Response,
    }
}

/// Whether a message begins here beyond doubt: unlike HTTP/0.9, a version tells.
fn is_versioned(role: Side, view: &[u8]) -> bool {
    match role {
        Side::Server => looks_like_response(view) == Probe::Certain,
        Side::Client => {
            let line = memchr::memchr(b'\n', view).and_then(|end| view.get(..end)).unwrap_or(view);
            looks_like_request(view) == Probe::Certain && memchr::memmem::find(line, b" HTTP/").is_some()
        }
    }
}

/// Contents.
impl Http1 {
    /// Reads content. Returns how many bytes of `input` were used.
    fn content(&mut self, role: Side, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        let half = self.half(role);
        let Some(open) = &mut half.open else {
            half.reading = Reading::Lost;
            return 0;
        };
        open.expects = false;
        match &mut half.reading {
            Reading::Length(left) => {
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= take as u64;
                let is_over = *left == 0;
                open.collector.push(input.get(..take).unwrap_or_default(), cx.limits);
                if is_over {
                    self.finish(role, at, cx);
                }
                take
            }
            Reading::Close => {
                open.collector.push(input, cx.limits);
                input.len()
            }
            Reading::Begin { strict, or } => {
                let mut gathered = std::mem::take(&mut half.buffer);
                gathered.extend_from_slice(input);
                match begins_chunked(&gathered, *strict) {
                    None if gathered.len() <= START_LINE => {
                        half.buffer = gathered;
                        return input.len();
                    }
                    Some(true) => half.reading = Reading::Chunked(Chunked::default()),
                    _ => {
                        open.marks.add(Mark::BadChunk);
                        half.reading = match Framing::from(*or) {
                            Framing::Length(length) => Reading::Length(length),
                            Framing::Close => Reading::Close,
                            _ => Reading::Lost,
                        };
                        if matches!(half.reading, Reading::Lost) {
                            self.finish(role, at, cx);
                            self.lose(role);
                        }
                    }
                }
                self.feed(role, &gathered, at, cx);
                input.len()
            }
            Reading::Chunked(chunked) => {
                let (used, step) = chunked.step(input);
                let (damaged, bare_lf) = (chunked.damaged, chunked.bare_lf);
                match step {
                    Step::Data(data) => open.collector.push(data, cx.limits),
                    Step::More => {}
                    Step::Last => {
                        half.reading = Reading::Trailers;
                        half.scan = Scan::default();
                        half.first = Some(at);
                    }
                    Step::Broken => {
                        open.collector.broken();
                        self.chunk_marks(role, damaged, bare_lf);
                        self.finish(role, at, cx);
                        self.lose(role);
                        return used;
                    }
                }
                if damaged || bare_lf {
                    self.chunk_marks(role, damaged, bare_lf);
                }
                used
            }
            Reading::Trailers => self.trailers(role, input, at, cx),
            _ => input.len(),
        }
    }

    fn chunk_marks(&mut self, role: Side, damaged: bool, bare_lf: bool) {
        if let Some(open) = &mut self.half(role).open {
            for (is_so, mark) in [(damaged, Mark::BadChunk), (bare_lf, Mark::BareLf)] {
                if is_so {
                    open.marks.add(mark);
                }
            }
        }
    }

    /// Gathers a trailer section. One that is missing altogether, so that the next message follows the last chunk, is
    /// taken as empty.
    fn trailers(&mut self, role: Side, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        let half = self.half(role);
        let mut gathered = std::mem::take(&mut half.buffer);
        let before = gathered.len();
        gathered.extend_from_slice(input);
        let used = |length: usize| length.saturating_sub(before);
        match gathered.as_slice() {
            [b'\r', b'\n', ..] => {
                self.finish(role, at, cx);
                return used(2);
            }
            [b'\n', ..] => {
                self.chunk_marks(role, false, true);
                self.finish(role, at, cx);
                return used(1);
            }
            _ => {}
        }
        if before < START_LINE && memchr::memchr(b'\n', &gathered).is_some() && is_versioned(role, &gathered) {
            self.chunk_marks(role, true, false);
            self.finish(role, at, cx);
            // The line's beginning may have come in an earlier piece.
            let first = self.half(role).first.unwrap_or(at);
            self.feed(role, &gathered, first, cx);
            return input.len();
        }
        let half = self.half(role);
        match half.scan.find(&gathered) {
            None if gathered.len() <= cx.limits.head => {
                half.buffer = gathered;
                input.len()
            }
            None => {
                half.unread(gathered.len(), at);
                self.chunk_marks(role, true, false);
                self.finish(role, at, cx);
                self.lose(role);
                input.len()
            }
            Some(length) => {
                self.add_trailers(role, gathered.get(..length).unwrap_or_default(), cx.limits);
                self.finish(role, at, cx);
                used(length)
            }
        }
    }

    fn add_trailers(&mut self, role: Side, section: &[u8], limits: &Limits) {
        let half = self.half(role);
        let parsed = parse(section, Kind::Trailers, half.scan.bare_lf, limits);
        if let Some(open) = &mut half.open {
            open.marks.merge(parsed.marks);
            if !parsed.head.fields().is_empty() {
                open.trailers = Some(Box::new(parsed.head));
            }
        }
    }

    /// Whether the client may still leave out the content it announced.
    fn expects(&mut self, role: Side) -> bool {
        role == Side::Client
            && self.client.open.as_ref().is_some_and(|open| open.expects)
            && self.queue.is_asking_answered()
    }

    /// Bytes that are the content an `Expect: 100-continue` held back, or the next request.
    fn expected(&mut self, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        let mut gathered = std::mem::take(&mut self.client.buffer);
        gathered.extend_from_slice(input);
        let is_known = begins_known_method(&gathered);
        match looks_like_request(&gathered) {
            Probe::Certain if is_known && is_versioned(Side::Client, &gathered) => self.finish(Side::Client, at, cx),
            Probe::Likely if is_known && gathered.len() <= START_LINE => {
                self.client.buffer = gathered;
                return input.len();
            }
            _ => {
                if let Some(open) = &mut self.client.open {
                    open.expects = false;
                }
            }
        }
        self.feed(Side::Client, &gathered, at, cx);
        input.len()
    }

    /// The message being read is complete (or will not become more so).
    fn finish(&mut self, role: Side, at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        half.reading = Reading::Start;
        half.buffer = Vec::new();
        let Some(open) = half.open.take() else { return };
        let (body, mut marks) = open.collector.finish(cx.limits);
        marks.merge(open.marks);
        let message = Message {
            head: open.head,
            body,
            trailers: open.trailers,
            first: open.first,
            head_end: open.head_end,
            end: at,
        };
        match role {
            Side::Client => self.queue.request_done(message, marks, cx),
            Side::Server => {
                // An answered request that lasts "until the end" is over.
                if matches!(self.client.reading, Reading::Close)
                    && self.queue.asking().is_some_and(|asking| asking.response_open)
                {
                    let end = self.client.last.unwrap_or(at);
                    self.finish(Side::Client, end, cx);
                }
                self.queue.response_done(message, marks, cx);
            }
        }
    }
}

/// Trouble: gaps, ends, bytes that are no message.
impl Http1 {
    fn lose(&mut self, role: Side) {
        let half = self.half(role);
        half.reading = Reading::Lost;
        half.judged = false;
        half.first = None;
        half.buffer = Vec::new();
    }

    /// Looks for a start line at the beginning of `input` and behind its line ends.
    fn lost(&mut self, role: Side, input: &[u8], at: At) -> usize {
        let half = self.half(role);
        let mut position = 0;
        if !half.buffer.is_empty() {
            position = memchr::memchr(b'\n', input).map_or(input.len(), |end| end + 1);
            half.buffer.extend_from_slice(input.get(..position).unwrap_or_default());
            match probe_versioned(role, &half.buffer) {
                Probe::Certain => {
                    half.reading = Reading::Start;
                    half.scan = Scan::default();
                    return position;
                }
                Probe::Likely if half.buffer.len() <= START_LINE => return position,
                _ => {
                    let (bytes, first) = (half.buffer.len(), half.first.take().unwrap_or(at));
                    half.buffer = Vec::new();
                    half.unread(bytes, first);
                }
            }
        }
        while let Some(rest) = input.get(position..).filter(|rest| !rest.is_empty()) {
            let empty = empty_lines(rest);
            if empty > 0 {
                half.unread(empty, at);
                position += empty;
                continue;
            }
            match probe_versioned(role, rest) {
                Probe::Certain => {
                    half.reading = Reading::Start;
                    return position;
                }
                Probe::Likely if rest.len() <= START_LINE => {
                    half.buffer = rest.to_vec();
                    half.first = Some(at);
                    return input.len();
                }
                _ => {
                    let skip = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
                    half.unread(skip, at);
                    position += skip;
                }
            }
        }
        input.len()
    }

    /// Whether a response must wait for its request.
    fn holds(&mut self, cx: &Context<'_>) -> bool {
        let client = if self.queue.reversed { Side::Server } else { Side::Client };
        !self.server.unheld
            && !self.queue.is_waiting()
            && !self.client.ended
            && !self.client.gap
            && !self.queue.client_gap
            && !matches!(self.client.reading, Reading::Lost | Reading::Off)
            && cx.connection.from_start.get(client.index()) == Some(&true)
    }

    fn hold(&mut self, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        let is_beginning = self.server.stash.bytes.len() < 64;
        self.server.stash.push(input, at);
        let held = &self.server.stash.bytes;
        if held.len() > cx.limits.held || (is_beginning && looks_like_response(held) == Probe::No) {
            self.server.unheld = true;
            self.release_held(cx);
        }
        input.len()
    }

    /// Reads what was held.
    fn release_held(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.server.reading, Reading::Held) {
            return;
        }
        self.server.reading = Reading::Start;
        let stash = std::mem::take(&mut self.server.stash);
        stash.pieces().for_each(|(bytes, at)| self.feed(Side::Server, bytes, at, cx));
        if !matches!(self.server.reading, Reading::Held)
            && let Some((how, at)) = self.server.end_held.take()
        {
            self.server.ended = true;
            self.cut(Side::Server, Cut::End(how), at, cx);
            self.server.reading = Reading::Off;
        }
    }

    /// Bytes behind a `CONNECT` or an upgrade. Too many of them tell that the response is not recorded.
    fn await_response(&mut self, input: &[u8], at: At) -> usize {
        self.client.stash.push(input, at);
        input.len()
    }

    /// `bytes` of a side are missing.
    fn missing(&mut self, role: Side, bytes: u64, at: At, cx: &mut Context<'_>) {
        if role == Side::Server && matches!(self.server.reading, Reading::Held) {
            self.server.unheld = true;
            self.release_held(cx);
        }
        let half = self.half(role);
        half.gap = true;
        let mut is_over = false;
        let stays = match (&mut half.reading, &mut half.open) {
            (Reading::Length(left), Some(open)) if bytes <= *left && half.buffer.is_empty() => {
                *left -= bytes;
                is_over = *left == 0;
                open.collector.missing();
                open.expects = false;
                true
            }
            (Reading::Chunked(chunked), Some(open)) => {
                let is_known = chunked.skip(bytes);
                if is_known {
                    open.collector.missing();
                }
                is_known
            }
            (Reading::Close, Some(open)) => {
                open.collector.missing();
                true
            }
            (Reading::Await, _) => {
                self.missing_answer();
                true
            }
            (Reading::Off, _) => true,
            _ => false,
        };
        if stays {
            let half = self.half(role);
            half.gap = false;
            if let Some(open) = &mut half.open {
                open.marks.add(Mark::Gap);
            }
            if is_over {
                self.finish(role, at, cx);
            }
            return;
        }
        match role {
            Side::Client => self.queue.client_gap = true,
            Side::Server => self.queue.server_gap = true,
        }
        self.cut(role, Cut::Gap, at, cx);
        // The request of what is held may be in the gap.
        self.server.unheld = true;
        self.release_held(cx);
        self.lose(role);
        let half = self.half(role);
        half.gap = true;
        half.marks.add(Mark::Gap);
        if role == Side::Server && matches!(self.client.reading, Reading::Await) {
            self.missing_answer();
        }
    }

    /// The response to a `CONNECT` or an upgrade is not recorded, but what the client sent after it tells that it was
    /// granted.
    fn missing_answer(&mut self) {
        let Some(newest) = self.queue.newest() else { return };
        let head = newest.request.as_ref().map(|request| &request.head);
        let value = |name| head.and_then(|head| head.value(name)).map(Box::<[u8]>::from).unwrap_or_default();
        self.switch = Some(match newest.method {
            Method::Connect => {
                SwitchTo::Tunnel { authority: head.map(|head| head.target().into()).unwrap_or_default() }
            }
            _ if has_word(&value("upgrade"), b"websocket") => SwitchTo::WebSocket { extensions: Box::default() },
            _ => SwitchTo::Other { name: value("upgrade") },
        });
    }

    /// The message being read is cut.
    fn cut(&mut self, role: Side, why: Cut, at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        match half.reading {
            Reading::Start if !half.buffer.is_empty() => {
                let head = std::mem::take(&mut half.buffer);
                self.cut_head(role, &head, at, cx);
            }
            Reading::Lost => {
                let (bytes, first) = (half.buffer.len(), half.first.unwrap_or(at));
                half.unread(bytes, first);
                return;
            }
            _ => {}
        }
        if self.expects(role) {
            self.finish(role, at, cx);
            return;
        }
        let half = self.half(role);
        let Some(open) = &mut half.open else { return };
        let is_whole = match half.reading {
            Reading::Close => !open.marks.has(Mark::HeadCut),
            Reading::Trailers => {
                let section = std::mem::take(&mut half.buffer);
                open.marks.add(Mark::BadChunk);
                self.add_trailers(role, &section, cx.limits);
                true
            }
            Reading::Begin { or, .. } => {
                let gathered = std::mem::take(&mut half.buffer);
                let length = match or {
                    Plain::Length(length) => usize::try_from(length).unwrap_or(usize::MAX).max(1),
                    _ => gathered.len().max(1),
                };
                open.collector.push(gathered.get(..length).unwrap_or(&gathered), cx.limits);
                if !gathered.is_empty() {
                    open.marks.add(Mark::BadChunk);
                    half.reading = Reading::Close;
                }
                gathered.len() >= length
            }
            _ => false,
        };
        let half = self.half(role);
        let Some(open) = &mut half.open else { return };
        match why {
            Cut::Gap => {
                open.marks.add(Mark::Gap);
                open.collector.missing();
            }
            Cut::End(End::Fin) if is_whole => {
                if !matches!(half.reading, Reading::Close) {
                    open.marks.add(Mark::ClosedEarly);
                }
            }
            Cut::End(End::Reset) if is_whole => open.marks.add(Mark::ClosedEarly),
            Cut::End(End::Fin | End::Reset) => {
                open.marks.add(Mark::ClosedEarly);
                open.collector.missing();
            }
            Cut::End(End::Abandoned | End::Input) => open.collector.missing(),
        }
        self.finish(role, at, cx);
    }

    /// Opens the message of a head that is cut, as far as its start line tells one.
    fn cut_head(&mut self, role: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        let first = half.first.unwrap_or(at);
        let has_line = memchr::memchr(b'\n', bytes).is_some();
        let is_start = match role {
            Side::Client => looks_like_request(bytes) == Probe::Certain,
            Side::Server => looks_like_response(bytes) == Probe::Certain,
        };
        if !is_start {
            half.unread(bytes.len(), first);
            return;
        }
        // A field without its colon is no malformed line here.
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        let tail = bytes.get(whole..).unwrap_or_default();
        let bytes = if whole > 0 && !tail.contains(&b':') { bytes.get(..whole).unwrap_or(bytes) } else { bytes };
        let mut parsed = parse(bytes, kind(role), false, cx.limits);
        parsed.marks.merge(std::mem::take(&mut half.marks));
        let is_simple = role == Side::Client && has_line && !is_versioned(role, bytes) && bytes.ends_with(b"\n");
        if !is_simple {
            parsed.marks.add(Mark::HeadCut);
        }
        match role {
            Side::Client => {
                let pending = Pending {
                    method: Method::of(&parsed.head),
                    upgrade: false,
                    protocol: parsed.protocol,
                    first,
                    marks: Marks::default(),
                    request_open: true,
                    request: None,
                    response_open: false,
                    response: None,
                    withheld: false,
                };
                self.queue.push(pending, cx);
            }
            Side::Server => self.queue.answer(first, parsed.protocol, cx),
        }
        let framing = if is_simple { Framing::None } else { Framing::Close };
        self.open(role, parsed, framing, (first, at), cx);
        if is_simple {
            self.finish(role, at, cx);
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
            let first = if half.buffer.is_empty() { stash.pieces.first().map(|(_, at)| *at) } else { half.first };
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

/// A start line with its version; HTTP/0.9 is not looked for among other bytes.
fn probe_versioned(role: Side, bytes: &[u8]) -> Probe {
    let probe = match role {
        Side::Client => looks_like_request(bytes),
        Side::Server => looks_like_response(bytes),
    };
    if probe == Probe::Certain && !is_versioned(role, bytes) { Probe::No } else { probe }
}

#[cfg(test)]
mod tests;
