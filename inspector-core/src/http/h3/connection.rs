//! The reader of one HTTP/3 connection.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    qpack::Decoder,
    reader::{Position, Reader, kind},
};
use crate::{
    context::Context,
    encoding::varint::variable_integer,
    evidence::At,
    exchange::{Mark, Protocol},
    flow::Side,
    http::{compression::FieldSection, multiplexed::Stream},
    note::{Note, NoteKind},
};

/// Largest frame of a control stream that is read, in bytes.
const LARGEST_CONTROL: u64 = 16 << 10;

/// Most streams that go one way: three of each side, and a few that mean nothing.
const MOST_ONE_WAY: usize = 64;

/// Types of streams that go one way (RFC 9114 §6.2, RFC 9204 §4.2).
mod way {
    pub(super) const CONTROL: u64 = 0;
    pub(super) const PUSH: u64 = 1;
    pub(super) const ENCODER: u64 = 2;
    pub(super) const DECODER: u64 = 3;
}

/// Settings (RFC 9204 §5).
const QPACK_MAX_TABLE_CAPACITY: u64 = 1;

/// A request with its response.
#[derive(Debug)]
struct Request {
    stream: Stream,
    readers: [Reader; 2],
    /// The server wants nothing more of the client.
    stopped: bool,
}

/// A stream that goes one way.
#[derive(Debug)]
enum OneWay {
    /// Its type is not known yet; what came of it.
    Beginning(Vec<u8>),
    Control(Reader),
    Encoder,
    /// Of no interest.
    Ignored,
    /// Of an unknown type: what a client sends on it is not read.
    Unknown,
}

/// An HTTP/3 connection.
#[derive(Debug)]
pub struct Http3 {
    /// Boxed, for the tree moves its entries about.
    requests: BTreeMap<u64, Box<Request>>,
    /// Where those began: frame and stream.
    begun: BTreeMap<(u64, u64), At>,
    /// What they weigh together.
    weight: usize,
    one_way: BTreeMap<u64, OneWay>,
    /// Of the sections each side sends.
    decoders: [Decoder; 2],
    /// Streams and sides that wait for instructions.
    waiting: BTreeSet<(u64, Side)>,
    /// Bytes held back behind these.
    held: usize,
    /// The highest stream that was given up.
    given_up: Option<u64>,
    /// Bytes of the client that belong to nothing that could be read.
    unread: u64,
    /// The lowest stream the server said it would not answer (GOAWAY).
    refused_from: Option<u64>,
}

impl Http3 {
    /// A connection on which nothing came yet.
    pub fn new(cx: &Context<'_>) -> Self {
        Self {
            requests: BTreeMap::new(),
            begun: BTreeMap::new(),
            weight: 0,
            one_way: BTreeMap::new(),
            decoders: [Decoder::new(cx.limits), Decoder::new(cx.limits)],
            waiting: BTreeSet::new(),
            held: 0,
            given_up: None,
            unread: 0,
            refused_from: None,
        }
    }

    /// The place of the oldest exchange that is not finished.
    pub fn oldest_open(&self) -> Option<At> {
        self.begun.first_key_value().map(|(_, at)| *at)
    }

    /// Bytes of memory it takes, about.
    pub fn weight(&self) -> usize {
        let [client, server] = &self.decoders;
        let one_way = self.one_way.values().map(|stream| match stream {
            OneWay::Control(reader) => reader.weight(),
            OneWay::Beginning(bytes) => bytes.capacity(),
            OneWay::Encoder | OneWay::Ignored | OneWay::Unknown => 0,
        });
        let one_way = one_way.fold(self.one_way.len().saturating_mul(size_of::<OneWay>() + 16), usize::saturating_add);
        size_of::<Self>()
            .saturating_add(client.weight())
            .saturating_add(server.weight())
            .saturating_add(one_way)
            .saturating_add(self.weight)
    }

    /// Bytes the client sent that belong to nothing that could be read; known once the connection is over.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Takes the next bytes of a stream, which that side sent.
    pub fn data(&mut self, id: u64, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        match (id & 3, side) {
            (0, _) => self.request(id, side, bytes, at, cx),
            (2, Side::Client) | (3, Side::Server) => self.one_way(id, side, bytes, at, cx),
            _ => self.pass_over(side, bytes.len() as u64),
        }
    }

    /// A side sends nothing more on a stream.
    pub fn end(&mut self, id: u64, side: Side, at: At, cx: &mut Context<'_>) {
        if id & 3 != 0 || !self.open(id, at, cx) {
            return;
        }
        let Some(request) = self.requests.get_mut(&id) else { return };
        let reader = reader_of(&mut request.readers, side);
        if reader.waiting.is_some() {
            reader.ends = Some(at);
            return;
        }
        self.ended(id, side, cx);
    }

    /// Bytes of a stream were not recorded. `at` is the packet after them.
    pub fn gap(&mut self, id: u64, side: Side, bytes: u64, at: At, cx: &mut Context<'_>) {
        match (id & 3, side) {
            (0, _) => self.request_gap(id, side, bytes, at, cx),
            (2, Side::Client) | (3, Side::Server) => self.one_way_gap(id, side, at, cx),
            _ => {}
        }
    }

    /// Whether bytes of a stream are waited for though later ones came.
    pub fn stall(&mut self, id: u64, side: Side, stalled: bool, at: At, cx: &mut Context<'_>) {
        if matches!(self.one_way.get(&id), Some(OneWay::Encoder)) {
            self.decoder(side).stall(stalled);
            if !stalled {
                self.retry(at, cx);
            }
        }
    }

    /// A side gives its part of a stream up (RESET_STREAM).
    pub fn reset(&mut self, id: u64, side: Side, at: At, cx: &mut Context<'_>) {
        if id & 3 != 0 || !self.open(id, at, cx) {
            return;
        }
        self.without_instructions(id, side, cx);
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Request { stream, readers, stopped } = &mut **request;
        let reader = reader_of(readers, side);
        if reader.over {
            return;
        }
        reader.over = true;
        // A server that has answered may tell the client to stop sending (§4.1): nothing is missing then.
        if side == Side::Server || !*stopped || !stream.is_answered() {
            stream.mark(Mark::StreamReset);
        }
        // Whatever it was for: nothing came before, and nothing comes after.
        if side == Side::Server && reader.position != Position::Lost && !stream.has_answer() {
            stream.mark(Mark::NoAnswer);
        }
        self.finish_if_over(id, cx);
    }

    /// A side wants nothing more of a stream (STOP_SENDING).
    pub fn stop(&mut self, id: u64, side: Side) {
        if let Some(request) = self.requests.get_mut(&id)
            && side == Side::Server
        {
            request.stopped = true;
        }
    }

    /// The connection is over: what is open is handed out as far as it came. `server_over`: everything the server sent was
    /// recorded, up to its end.
    pub fn close(&mut self, server_over: bool, cx: &mut Context<'_>) {
        for (id, side) in std::mem::take(&mut self.waiting) {
            self.without_instructions(id, side, cx);
        }
        self.weight = 0;
        self.begun.clear();
        for (id, mut request) in std::mem::take(&mut self.requests) {
            let Request { stream, readers: [client, server], .. } = &mut *request;
            self.unread = self.unread.saturating_add(client.unfinished());
            let refused = self.refused_from.is_some_and(|from| id >= from);
            if (server_over || refused) && server.position != Position::Lost && !stream.has_answer() {
                stream.mark(Mark::NoAnswer);
            }
            emit(id, request.stream, cx);
        }
    }

    const fn decoder(&mut self, side: Side) -> &mut Decoder {
        let [client, server] = &mut self.decoders;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    /// Counts what is not read of a side.
    const fn pass_over(&mut self, side: Side, bytes: u64) {
        if matches!(side, Side::Client) {
            self.unread = self.unread.saturating_add(bytes);
        }
    }

    /// Opens the stream of a request if it is not; `false` if it was given up.
    fn open(&mut self, id: u64, at: At, cx: &mut Context<'_>) -> bool {
        if self.requests.contains_key(&id) {
            return true;
        }
        if self.given_up.is_some_and(|given_up| id <= given_up) {
            return false;
        }
        if self.requests.len() >= cx.limits.h3_streams {
            self.give_up_oldest("h3_streams", at, cx);
        }
        let request = Request { stream: Stream::new(at), readers: [Reader::new(), Reader::new()], stopped: false };
        self.weight = self.weight.saturating_add(request.weight());
        self.begun.insert((at.order(), id), at);
        self.requests.insert(id, Box::new(request));
        true
    }

    fn request(&mut self, id: u64, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        if !self.open(id, at, cx) {
            return self.pass_over(side, bytes.len() as u64);
        }
        let Some(request) = self.requests.get_mut(&id) else { return };
        let reader = reader_of(&mut request.readers, side);
        if reader.waiting.is_some() {
            reader.held.push((at, bytes.into()));
            self.held = self.held.saturating_add(bytes.len());
            self.weight = self.weight.saturating_add(bytes.len());
            if self.held > cx.limits.out_of_order {
                let kind = NoteKind::Limit { limit: "out_of_order" };
                cx.sink.note(Note { at: Some(at), connection: Some(cx.connection.id), kind });
                self.without_instructions(id, side, cx);
            }
            return;
        }
        self.read(id, side, bytes, at, cx);
        self.make_room(at, cx);
    }

    /// Reads on in a stream of which nothing waits.
    fn read(&mut self, id: u64, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let before = request.weight();
        let decoder = decoder_of(&mut self.decoders, side);
        let outcome = request.read(side, bytes, at, decoder, cx);
        self.weight = self.weight.saturating_sub(before).saturating_add(request.weight());
        match outcome {
            Read::All { unread } => self.pass_over(side, unread),
            Read::Waits { rest } => {
                let reader = reader_of(&mut request.readers, side);
                if !rest.is_empty() {
                    reader.held.push((at, rest.into()));
                    self.held = self.held.saturating_add(rest.len());
                    self.weight = self.weight.saturating_add(rest.len());
                }
                self.waiting.insert((id, side));
            }
        }
    }

    /// Takes what is held of a stream on which nothing waits any more.
    fn resume(&mut self, id: u64, side: Side, cx: &mut Context<'_>) {
        self.waiting.remove(&(id, side));
        let Some(request) = self.requests.get_mut(&id) else { return };
        let before = request.weight();
        let reader = reader_of(&mut request.readers, side);
        let held = std::mem::take(&mut reader.held);
        let ends = reader.ends.take();
        self.weight = self.weight.saturating_sub(before).saturating_add(request.weight());
        let mut pieces = held.into_iter();
        for (at, bytes) in pieces.by_ref() {
            self.held = self.held.saturating_sub(bytes.len());
            self.read(id, side, &bytes, at, cx);
            if self.waiting.contains(&(id, side)) {
                break;
            }
        }
        if self.waiting.contains(&(id, side)) {
            let Some(request) = self.requests.get_mut(&id) else { return };
            let before = request.weight();
            let reader = reader_of(&mut request.readers, side);
            reader.held.extend(pieces);
            reader.ends = ends;
            self.weight = self.weight.saturating_sub(before).saturating_add(request.weight());
        } else if ends.is_some() {
            self.ended(id, side, cx);
        }
    }

    /// Instructions came, or the settings: goes on where these were waited for.
    fn retry(&mut self, at: At, cx: &mut Context<'_>) {
        let waiting: Vec<(u64, Side)> = self.waiting.iter().copied().collect();
        for (id, side) in waiting {
            let Some(request) = self.requests.get_mut(&id) else {
                self.waiting.remove(&(id, side));
                continue;
            };
            let reader = reader_of(&mut request.readers, side);
            let Some(waiting) = &reader.waiting else { continue };
            let Some(section) = decoder_of(&mut self.decoders, side).again(&waiting.0, cx.limits) else { continue };
            let (first, last) = waiting.1;
            self.unblock(id, side, section, (first, last.later(at)), cx);
        }
    }

    /// Nothing waits any longer on a stream: what a section refers to is unknown.
    fn without_instructions(&mut self, id: u64, side: Side, cx: &mut Context<'_>) {
        loop {
            let Some(request) = self.requests.get_mut(&id) else { return };
            let reader = reader_of(&mut request.readers, side);
            let Some(waiting) = &reader.waiting else { return };
            let places = waiting.1;
            let section = decoder_of(&mut self.decoders, side).without(&waiting.0, cx.limits);
            self.unblock(id, side, section, places, cx);
        }
    }

    fn unblock(&mut self, id: u64, side: Side, section: FieldSection, places: (At, At), cx: &mut Context<'_>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let before = request.weight();
        reader_of(&mut request.readers, side).waiting = None;
        request.stream.headers(side, section, places, false, cx.bodies);
        self.weight = self.weight.saturating_sub(before).saturating_add(request.weight());
        self.resume(id, side, cx);
    }

    /// A side's part of a stream is over, with all that was sent.
    fn ended(&mut self, id: u64, side: Side, cx: &mut Context<'_>) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Request { stream, readers, .. } = &mut **request;
        let reader = reader_of(readers, side);
        reader.over = true;
        match reader.position {
            Position::Frame if reader.partial.is_empty() => stream.end(side),
            Position::Lost => {}
            // The frame is longer than the stream.
            _ => stream.mark(Mark::Malformed),
        }
        let unfinished = reader.unfinished();
        self.pass_over(side, unfinished);
        self.finish_if_over(id, cx);
    }

    fn finish_if_over(&mut self, id: u64, cx: &mut Context<'_>) {
        let is_over = self.requests.get(&id).is_some_and(|request| request.readers.iter().all(|reader| reader.over));
        if is_over && let Some(request) = self.requests.remove(&id) {
            self.forget(id, &request);
            emit(id, request.stream, cx);
        }
    }

    fn forget(&mut self, id: u64, request: &Request) {
        self.weight = self.weight.saturating_sub(request.weight());
        self.begun.remove(&(request.stream.first.order(), id));
        for (side, reader) in [Side::Client, Side::Server].into_iter().zip(&request.readers) {
            let held = reader.held.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
            self.held = self.held.saturating_sub(held);
            self.waiting.remove(&(id, side));
        }
    }

    /// The streams of one connection take no more than what all QUIC connections may take: the oldest are given up.
    fn make_room(&mut self, at: At, cx: &mut Context<'_>) {
        while self.weight > cx.limits.quic_total && self.requests.len() > 1 {
            self.give_up_oldest("quic_total", at, cx);
        }
    }

    fn give_up_oldest(&mut self, limit: &'static str, at: At, cx: &mut Context<'_>) {
        let Some((oldest, request)) = self.requests.pop_first() else { return };
        let kind = NoteKind::Limit { limit };
        cx.sink.note(Note { at: Some(at), connection: Some(cx.connection.id), kind });
        self.forget(oldest, &request);
        let [client, _] = &request.readers;
        self.unread = self.unread.saturating_add(client.unfinished());
        self.given_up = self.given_up.max(Some(oldest));
        emit(oldest, request.stream, cx);
    }

    fn request_gap(&mut self, id: u64, side: Side, bytes: u64, at: At, cx: &mut Context<'_>) {
        if !self.open(id, at, cx) {
            return;
        }
        self.without_instructions(id, side, cx);
        let Some(request) = self.requests.get_mut(&id) else { return };
        let Request { stream, readers, .. } = &mut **request;
        let reader = reader_of(readers, side);
        stream.missing(side);
        reader.position = match reader.position {
            // The hole lies inside one frame: the frames after it are where they should be.
            Position::Data { left } if bytes <= left => next_after(left - bytes, |left| Position::Data { left }),
            Position::Skip { left } if bytes <= left => next_after(left - bytes, |left| Position::Skip { left }),
            _ => Position::Lost,
        };
        let begun = reader.partial.len() as u64;
        if reader.position == Position::Lost {
            reader.partial = Vec::new();
            self.pass_over(side, begun);
        }
    }

    fn one_way(&mut self, id: u64, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        if !self.one_way.contains_key(&id) {
            if self.one_way.len() >= MOST_ONE_WAY {
                return self.pass_over(side, bytes.len() as u64);
            }
            self.one_way.insert(id, OneWay::Beginning(Vec::new()));
        }
        let Some(stream) = self.one_way.get_mut(&id) else { return };
        let mut bytes = bytes;
        let whole;
        if let OneWay::Beginning(begun) = stream {
            begun.extend_from_slice(bytes);
            let Some((kind, rest)) = variable_integer(begun) else { return };
            whole = rest.to_vec();
            bytes = &whole;
            *stream = match kind {
                way::CONTROL => OneWay::Control(Reader::new()),
                way::ENCODER => OneWay::Encoder,
                way::DECODER | way::PUSH => OneWay::Ignored,
                // Reserved ones mean nothing (§6.2.3).
                kind if kind >= 0x21 && (kind - 0x21).is_multiple_of(0x1f) => OneWay::Ignored,
                _ => OneWay::Unknown,
            };
        }
        match stream {
            OneWay::Control(reader) => {
                let mut settings = None;
                control(reader, bytes, at, &mut |kind, payload| match kind {
                    kind::SETTINGS => settings = Some(table_capacity(payload)),
                    kind::GOAWAY if side == Side::Server => {
                        self.refused_from = variable_integer(payload).map(|(id, _)| id);
                    }
                    _ => {}
                });
                if let Some(capacity) = settings {
                    self.decoder(side.other()).allow(capacity);
                    self.retry(at, cx);
                }
            }
            OneWay::Encoder => {
                let outcome = self.decoder(side).instructions(bytes, cx.limits);
                self.retry(at, cx);
                if outcome.is_err() {
                    self.decoder(side).lose();
                    self.retry(at, cx);
                }
            }
            OneWay::Unknown => self.pass_over(side, bytes.len() as u64),
            OneWay::Beginning(_) | OneWay::Ignored => {}
        }
    }

    fn one_way_gap(&mut self, id: u64, side: Side, at: At, cx: &mut Context<'_>) {
        let has_room = self.one_way.len() < MOST_ONE_WAY;
        match self.one_way.get_mut(&id) {
            Some(OneWay::Control(reader)) => reader.position = Position::Lost,
            Some(OneWay::Encoder) => {
                self.decoder(side).lose();
                self.retry(at, cx);
            }
            // It may have been any.
            Some(OneWay::Beginning(_)) | None if has_room => {
                self.one_way.insert(id, OneWay::Unknown);
                self.decoder(side).lose();
                self.retry(at, cx);
            }
            _ => {}
        }
    }
}

/// How far a piece was read.
enum Read<'b> {
    /// All of it; so many bytes belong to nothing that could be read.
    All { unread: u64 },
    /// A field section has to wait, and what comes after it.
    Waits { rest: &'b [u8] },
}

impl Request {
    /// Bytes of memory it takes, about.
    fn weight(&self) -> usize {
        let readers = self.readers.iter().map(Reader::weight).fold(0, usize::saturating_add);
        size_of::<Self>().saturating_add(self.stream.weight()).saturating_add(readers).saturating_add(64)
    }

    fn read<'b>(
        &mut self,
        side: Side,
        bytes: &'b [u8],
        at: At,
        decoder: &mut Decoder,
        cx: &mut Context<'_>,
    ) -> Read<'b> {
        let Self { stream, readers, .. } = self;
        let reader = reader_of(readers, side);
        let (mut rest, mut unread) = (bytes, 0);
        while !rest.is_empty() {
            match reader.position {
                Position::Frame => {
                    let Some((kind, length, after)) = reader.header(rest, at) else { break };
                    rest = after;
                    reader.position = match kind {
                        kind::DATA => next_after(length, |left| Position::Data { left }),
                        kind::HEADERS => match usize::try_from(length) {
                            Ok(length) if length <= cx.limits.head => Position::Section { length },
                            _ => {
                                stream.mark(Mark::HeadCut);
                                unread += length;
                                Position::Skip { left: length }
                            }
                        },
                        kind::WEBTRANSPORT if !reader.begun => Position::Lost,
                        _ => next_after(length, |left| Position::Skip { left }),
                    };
                    reader.begun = true;
                }
                Position::Data { left } => {
                    let (piece, after) = split(rest, left);
                    stream.data(side, piece, at, cx);
                    rest = after;
                    reader.position = next_after(left - piece.len() as u64, |left| Position::Data { left });
                }
                Position::Skip { left } => {
                    let (piece, after) = split(rest, left);
                    rest = after;
                    reader.position = next_after(left - piece.len() as u64, |left| Position::Skip { left });
                }
                Position::Section { length } => {
                    reader.meet(at);
                    let (piece, after) = split(rest, length.saturating_sub(reader.partial.len()) as u64);
                    rest = after;
                    let outcome = if piece.len() == length {
                        decoder.section(piece, cx.limits)
                    } else {
                        reader.partial.extend_from_slice(piece);
                        if reader.partial.len() < length {
                            break;
                        }
                        let outcome = decoder.section(&reader.partial, cx.limits);
                        reader.partial = Vec::new();
                        outcome
                    };
                    reader.position = Position::Frame;
                    let places = reader.places.take().unwrap_or((at, at));
                    match outcome {
                        Ok(section) => stream.headers(side, section, places, false, cx.bodies),
                        Err(waiting) => {
                            reader.waiting = Some(Box::new((waiting, places)));
                            return Read::Waits { rest };
                        }
                    }
                }
                Position::Lost => {
                    unread += rest.len() as u64;
                    break;
                }
            }
        }
        Read::All { unread }
    }
}

/// Reads on in a control stream, and hands whole frames out.
fn control(reader: &mut Reader, bytes: &[u8], at: At, act: &mut dyn FnMut(u64, &[u8])) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match reader.position {
            Position::Frame => {
                let Some((kind, length, after)) = reader.header(rest, at) else { return };
                rest = after;
                reader.position = match (kind, usize::try_from(length)) {
                    (kind::SETTINGS | kind::GOAWAY, Ok(size)) if length <= LARGEST_CONTROL => {
                        // The kind stands before the payload.
                        reader.partial.push(u8::try_from(kind).unwrap_or_default());
                        Position::Section { length: size }
                    }
                    _ => next_after(length, |left| Position::Skip { left }),
                };
            }
            Position::Section { .. } => {}
            Position::Skip { left } | Position::Data { left } => {
                let (piece, after) = split(rest, left);
                rest = after;
                reader.position = next_after(left - piece.len() as u64, |left| Position::Skip { left });
            }
            Position::Lost => return,
        }
        if let Position::Section { length } = reader.position {
            let missing = (length + 1).saturating_sub(reader.partial.len());
            let (piece, after) = split(rest, missing as u64);
            rest = after;
            reader.partial.extend_from_slice(piece);
            if let Some((kind, payload)) = reader.partial.split_first()
                && payload.len() == length
            {
                act(u64::from(*kind), payload);
                reader.partial.clear();
                reader.position = Position::Frame;
            }
        }
    }
}

/// The largest dynamic table a side allows, by its settings.
fn table_capacity(mut settings: &[u8]) -> u64 {
    while let Some((kind, rest)) = variable_integer(settings)
        && let Some((value, rest)) = variable_integer(rest)
    {
        if kind == QPACK_MAX_TABLE_CAPACITY {
            return value;
        }
        settings = rest;
    }
    0
}

/// Up to `most` bytes, and the rest.
fn split(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    usize::try_from(most).ok().and_then(|most| bytes.split_at_checked(most)).unwrap_or((bytes, b""))
}

/// Where a reader stands that has so much of a payload before it.
fn next_after(left: u64, inside: impl FnOnce(u64) -> Position) -> Position {
    if left == 0 { Position::Frame } else { inside(left) }
}

const fn reader_of(readers: &mut [Reader; 2], side: Side) -> &mut Reader {
    let [client, server] = readers;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}

const fn decoder_of(decoders: &mut [Decoder; 2], side: Side) -> &mut Decoder {
    let [client, server] = decoders;
    match side {
        Side::Client => client,
        Side::Server => server,
    }
}

fn emit(id: u64, stream: Stream, cx: &mut Context<'_>) {
    if let Some(exchange) = stream.finish(id, Protocol::H3, cx) {
        cx.sink.exchange(exchange);
    }
}
