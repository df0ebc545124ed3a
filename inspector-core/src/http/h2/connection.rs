//! The reader of one HTTP/2 connection.

use std::collections::BTreeMap;

use super::{
    frame::{FrameHeader, HEADER, PREFACE, flag, kind, looks_like_frames, unpadded},
    hpack::Decoder,
};
use crate::{
    context::Context,
    evidence::At,
    exchange::{Exchange, Mark, Protocol, message::Message},
    flow::{End, Side},
    http::multiplexed::Stream,
    note::{Note, NoteKind},
};

/// Where the reader of one direction stands.
#[derive(Debug)]
enum Position {
    /// Before the client's preface, or what is left of it.
    Preface,
    /// At a frame header.
    Frame,
    /// In the payload of a DATA frame.
    Data {
        header: FrameHeader,
        /// Payload octets still to come, padding included.
        left: usize,
        /// Padding octets at the end of the payload.
        padding: usize,
        /// The pad length octet is still to come.
        pad_length_next: bool,
    },
    /// In a frame of no interest.
    Skip { left: usize },
    /// Somewhere: looking for the next run of frames.
    Lost,
}

/// One direction.
#[derive(Debug)]
struct Direction {
    position: Position,
    /// A frame that came in pieces.
    partial: Vec<u8>,
    partial_at: Option<At>,
    decoder: Decoder,
    /// A field block that is continued: its frame, its fragments, where it began.
    block: Option<Continued>,
}

#[derive(Debug)]
struct Continued {
    header: FrameHeader,
    /// For a push promise, the promised stream.
    promised: Option<u32>,
    fragments: Vec<u8>,
    first: At,
    cut: bool,
}

/// An HTTP/2 connection.
#[derive(Debug)]
pub struct Http2 {
    directions: [Direction; 2],
    /// Boxed, for the tree moves its entries about.
    streams: BTreeMap<u32, Box<Stream>>,
    /// What they weigh together: summed up as they change, for many of them are far apart in memory.
    weight: usize,
    /// Highest stream the client opened, to know late frames of streams that are over.
    highest: u32,
    /// Bytes of the client that belong to no frame that could be read.
    unread: u64,
    /// Frames of the server are missing.
    server_lost: bool,
    /// The server's stream ended, with everything that was sent.
    server_over: bool,
    /// The highest stream the server said it would answer (GOAWAY).
    last_answered: Option<u32>,
}

impl Http2 {
    /// A connection whose next bytes are the client's preface and the server's first frame.
    pub fn new(cx: &Context<'_>) -> Self {
        let direction = |position| Direction {
            position,
            partial: Vec::new(),
            partial_at: None,
            decoder: Decoder::new(cx.limits),
            block: None,
        };
        Self {
            directions: [direction(Position::Preface), direction(Position::Frame)],
            streams: BTreeMap::new(),
            weight: 0,
            highest: 0,
            unread: 0,
            server_lost: false,
            server_over: false,
            last_answered: None,
        }
    }

    /// A connection whose beginning was not recorded: what its tables hold is unknown.
    pub fn joined(cx: &Context<'_>) -> Self {
        let mut connection = Self::new(cx);
        connection.server_lost = true;
        for direction in &mut connection.directions {
            direction.position = Position::Lost;
            direction.decoder.lose();
        }
        connection
    }

    /// A connection that HTTP/1.1 upgraded to h2c (RFC 7540 §3.2): the request is stream 1, half closed by the client.
    pub fn upgraded(cx: &Context<'_>, request: Message) -> Self {
        let mut connection = Self::new(cx);
        connection.insert(1, Stream::upgraded(request));
        connection.highest = 1;
        connection
    }

    /// The place of the oldest exchange that is not finished.
    pub fn oldest_open(&self) -> Option<At> {
        self.streams.first_key_value().map(|(_, stream)| stream.first)
    }

    /// Bytes of memory it takes, about.
    pub fn weight(&self) -> usize {
        let directions = self.directions.iter().fold(0_usize, |sum, direction| {
            let block = direction.block.as_ref().map_or(0, |block| block.fragments.capacity());
            sum.saturating_add(direction.partial.capacity())
                .saturating_add(direction.decoder.weight())
                .saturating_add(block)
        });
        size_of::<Self>().saturating_add(directions).saturating_add(self.weight)
    }

    /// The same, with all streams weighed now.
    #[cfg(test)]
    pub(super) fn weighed_anew(&self) -> usize {
        self.weight() - self.weight + self.streams.values().map(|stream| stream.weight()).sum::<usize>()
    }

    /// Takes the next bytes of one side.
    pub fn data(&mut self, side: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        let mut rest = bytes;
        if matches!(self.direction(side).position, Position::Lost) {
            let Some(found) = resynchronised(rest) else { return self.pass_over(side, rest.len()) };
            rest = found;
            self.direction(side).position = Position::Frame;
        }
        while !rest.is_empty() {
            rest = match self.direction(side).position {
                Position::Preface => self.preface(side, rest, at),
                Position::Frame => self.frame(side, rest, at, cx),
                Position::Data { .. } => self.content(side, rest, at, cx),
                Position::Skip { left } => {
                    let taken = left.min(rest.len());
                    self.direction(side).position =
                        if taken == left { Position::Frame } else { Position::Skip { left: left - taken } };
                    rest.get(taken..).unwrap_or_default()
                }
                Position::Lost => return,
            };
        }
    }

    /// Bytes of one side are missing.
    pub fn gap(&mut self, side: Side, bytes: u64, cx: &mut Context<'_>) {
        let missing = usize::try_from(bytes).unwrap_or(usize::MAX);
        let direction = self.direction(side);
        match direction.position {
            // The hole lies inside one frame's content: the frames after it are where they should be.
            Position::Data { header, left, padding, pad_length_next: false } if missing <= left => {
                let left = left - missing;
                if let Some(stream) = self.streams.get_mut(&header.stream) {
                    stream.missing(side);
                }
                self.direction(side).position = if left == 0 {
                    Position::Frame
                } else {
                    Position::Data { header, left, padding, pad_length_next: false }
                };
                if left == 0 {
                    self.end_of_data(side, header, cx);
                }
            }
            Position::Skip { left } if missing < left => {
                direction.position = Position::Skip { left: left - missing };
            }
            Position::Skip { left } if missing == left => direction.position = Position::Frame,
            // One frame without a payload, as captures lack that were saved through a display filter: an acknowledgment
            // of settings, or the end of a stream. It holds no header fields, so that the tables stay right.
            Position::Frame if missing == HEADER && direction.partial.is_empty() && direction.block.is_none() => {}
            _ => self.lose(side),
        }
    }

    /// Bytes the client sent that belong to no frame that could be read; known once the connection is over.
    pub const fn unread(&self) -> u64 {
        self.unread
    }

    /// Counts what is not read of a side.
    const fn pass_over(&mut self, side: Side, bytes: usize) {
        if matches!(side, Side::Client) {
            self.unread = self.unread.saturating_add(bytes as u64);
        }
    }

    /// A side sends nothing more.
    pub fn end(&mut self, side: Side, how: End) {
        if side == Side::Server {
            self.server_over = matches!(how, End::Fin | End::Reset) && self.direction(Side::Server).partial.is_empty();
        }
    }

    /// The connection is over: what is open is handed out as far as it came.
    pub fn close(&mut self, cx: &mut Context<'_>) {
        let client = self.direction(Side::Client);
        let begun = std::mem::take(&mut client.partial).len();
        let block = client.block.take().map_or(0, |block| block.fragments.len().max(1));
        self.pass_over(Side::Client, begun + block);
        self.weight = 0;
        for (id, mut stream) in std::mem::take(&mut self.streams) {
            let refused = self.last_answered.is_some_and(|last| id > last);
            if (self.server_over || refused) && !self.server_lost && !stream.has_answer() {
                stream.mark(Mark::NoAnswer);
            }
            emit(id, *stream, cx);
        }
    }

    fn direction(&mut self, side: Side) -> &mut Direction {
        let [client, server] = &mut self.directions;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn lose(&mut self, side: Side) {
        self.server_lost |= side == Side::Server;
        let direction = self.direction(side);
        direction.position = Position::Lost;
        direction.partial.clear();
        direction.block = None;
        direction.decoder.lose();
        for stream in self.streams.values_mut() {
            stream.missing(side);
        }
    }

    fn preface<'b>(&mut self, side: Side, bytes: &'b [u8], at: At) -> &'b [u8] {
        let direction = self.direction(side);
        if direction.partial.is_empty() {
            direction.partial_at = Some(at);
        }
        let wanted = PREFACE.get(direction.partial.len()..).unwrap_or_default();
        let common = wanted.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        direction.partial.extend_from_slice(bytes.get(..common).unwrap_or_default());
        if direction.partial.len() == PREFACE.len() {
            direction.partial.clear();
            direction.position = Position::Frame;
            return bytes.get(common..).unwrap_or_default();
        }
        if common < bytes.len() {
            // Some clients of a CONNECT or an upgrade send none.
            direction.partial.clear();
            direction.position = Position::Frame;
            return bytes.get(common..).unwrap_or_default();
        }
        b""
    }

    /// At a frame header: takes what belongs to the frame and acts on it once it is whole.
    fn frame<'b>(&mut self, side: Side, bytes: &'b [u8], at: At, cx: &mut Context<'_>) -> &'b [u8] {
        let most = cx.limits.head;
        let direction = self.direction(side);
        if direction.partial.is_empty()
            && let Some((first, rest)) = bytes.split_first_chunk::<HEADER>()
        {
            let header = FrameHeader::parse(first);
            if let Some(position) = streaming(header, most) {
                direction.position = position;
                self.begin_streaming(side, header, at, cx);
                return rest;
            }
            if let Some((payload, rest)) = rest.split_at_checked(header.length) {
                self.act(side, header, payload, (at, at), cx);
                return rest;
            }
        }
        if direction.partial.is_empty() {
            direction.partial_at = Some(at);
        }
        let needed = match direction.partial.first_chunk::<HEADER>() {
            Some(first) => HEADER + FrameHeader::parse(first).length,
            None => HEADER,
        };
        let (piece, rest) =
            bytes.split_at_checked(needed.saturating_sub(direction.partial.len())).unwrap_or((bytes, b""));
        direction.partial.extend_from_slice(piece);
        let Some((first, payload)) = direction.partial.split_first_chunk::<HEADER>() else { return rest };
        let header = FrameHeader::parse(first);
        if payload.is_empty()
            && let Some(position) = streaming(header, most)
        {
            direction.position = position;
            direction.partial.clear();
            self.begin_streaming(side, header, at, cx);
            return rest;
        }
        if payload.len() < header.length {
            return rest;
        }
        let first_at = direction.partial_at.unwrap_or(at);
        let whole = std::mem::take(&mut direction.partial);
        self.act(side, header, whole.get(HEADER..).unwrap_or_default(), (first_at, at), cx);
        // The buffer is used again, unless it grew large.
        if whole.capacity() <= 32 << 10 {
            let mut whole = whole;
            whole.clear();
            self.direction(side).partial = whole;
        }
        rest
    }

    /// A DATA frame begins, or one that is skipped: an empty one ends here and now.
    fn begin_streaming(&mut self, side: Side, header: FrameHeader, at: At, cx: &mut Context<'_>) {
        if header.kind != kind::DATA {
            self.pass_over(side, header.length);
        }
        // A stream that is over may still be sent content its receiver no longer wants.
        if header.kind == kind::DATA && header.stream > self.highest {
            self.open(header.stream, at, cx);
            // Content whose header section was not recorded.
            if let Some(stream) = self.streams.get_mut(&header.stream) {
                stream.missing(side);
            }
        }
        if header.length == 0 {
            self.direction(side).position = Position::Frame;
            if header.kind == kind::DATA {
                self.end_of_data(side, header, cx);
            }
        }
    }

    fn content<'b>(&mut self, side: Side, bytes: &'b [u8], at: At, cx: &mut Context<'_>) -> &'b [u8] {
        let Position::Data { header, mut left, mut padding, pad_length_next } = self.direction(side).position else {
            return bytes;
        };
        let mut rest = bytes;
        if pad_length_next {
            let Some((length, tail)) = rest.split_first() else { return rest };
            (rest, left) = (tail, left.saturating_sub(1));
            padding = usize::from(*length).min(left);
        }
        let taken = left.min(rest.len());
        let (piece, tail) = rest.split_at_checked(taken).unwrap_or((rest, b""));
        let wanted = left.saturating_sub(padding).min(piece.len());
        if let Some(stream) = self.streams.get_mut(&header.stream) {
            let before = stream.content_weight(side);
            stream.data(side, piece.get(..wanted).unwrap_or_default(), at, cx);
            let after = stream.content_weight(side);
            self.weight = self.weight.saturating_sub(before).saturating_add(after);
            self.make_room(at, cx);
        }
        left -= taken;
        if left == 0 {
            self.direction(side).position = Position::Frame;
            self.end_of_data(side, header, cx);
        } else {
            self.direction(side).position = Position::Data { header, left, padding, pad_length_next: false };
        }
        tail
    }

    fn end_of_data(&mut self, side: Side, header: FrameHeader, cx: &mut Context<'_>) {
        if header.has(flag::END_STREAM) {
            self.end_stream(side, header.stream, cx);
        }
    }

    fn end_stream(&mut self, side: Side, id: u32, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.end(side);
        if stream.is_complete() {
            self.finish(id, cx);
        }
    }

    fn finish(&mut self, id: u32, cx: &mut Context<'_>) {
        if let Some(stream) = self.streams.remove(&id) {
            self.weight = self.weight.saturating_sub(stream.weight());
            emit(id, *stream, cx);
        }
    }

    /// Acts on a whole frame other than DATA.
    fn act(&mut self, side: Side, header: FrameHeader, payload: &[u8], at: (At, At), cx: &mut Context<'_>) {
        match header.kind {
            kind::HEADERS => {
                let Some(fragment) = unpadded(header, payload) else { return self.broken(side, header) };
                let priority = if header.has(flag::PRIORITY) { 5 } else { 0 };
                let Some(fragment) = fragment.get(priority..) else { return self.broken(side, header) };
                self.fragment(side, header, None, fragment, at, cx);
            }
            kind::PUSH_PROMISE => {
                let Some(fragment) = unpadded(header, payload) else { return self.broken(side, header) };
                let Some((promised, fragment)) = fragment.split_first_chunk::<4>() else {
                    return self.broken(side, header);
                };
                let promised = u32::from_be_bytes(*promised) & 0x7fff_ffff;
                self.fragment(side, header, Some(promised), fragment, at, cx);
            }
            kind::CONTINUATION => self.continuation(side, header, payload, at.1, cx),
            kind::RST_STREAM => self.reset(side, header.stream, cx),
            kind::GOAWAY if side == Side::Server => {
                if let Some(last) = payload.first_chunk::<4>() {
                    self.last_answered = Some(u32::from_be_bytes(*last) & 0x7fff_ffff);
                }
            }
            kind::SETTINGS => {}
            _ => {}
        }
    }

    /// A frame that contradicts itself: its field block is lost.
    fn broken(&mut self, side: Side, header: FrameHeader) {
        self.pass_over(side, header.length.max(1));
        self.direction(side).decoder.lose();
        if let Some(stream) = self.streams.get_mut(&header.stream) {
            stream.mark(Mark::Malformed);
        }
    }

    fn fragment(
        &mut self,
        side: Side,
        header: FrameHeader,
        promised: Option<u32>,
        fragment: &[u8],
        at: (At, At),
        cx: &mut Context<'_>,
    ) {
        if header.has(flag::END_HEADERS) {
            return self.block(side, header, promised, fragment, at, cx);
        }
        let continued = Continued { header, promised, fragments: fragment.to_vec(), first: at.0, cut: false };
        self.direction(side).block = Some(continued);
    }

    fn continuation(&mut self, side: Side, header: FrameHeader, payload: &[u8], at: At, cx: &mut Context<'_>) {
        let direction = self.direction(side);
        let Some(mut continued) = direction.block.take() else {
            direction.decoder.lose();
            return self.pass_over(side, payload.len().max(1));
        };
        if continued.fragments.len().saturating_add(payload.len()) > cx.limits.head {
            continued.cut = true;
        } else {
            continued.fragments.extend_from_slice(payload);
        }
        if !header.has(flag::END_HEADERS) {
            direction.block = Some(continued);
            return;
        }
        let Continued { header, promised, fragments, first, cut } = continued;
        self.block(side, header, promised, &fragments, (first, at), cx);
        if cut {
            self.direction(side).decoder.lose();
            if let Some(stream) = self.streams.get_mut(&header.stream) {
                stream.mark(Mark::HeadCut);
            }
        }
    }

    /// A whole field block.
    fn block(
        &mut self,
        side: Side,
        header: FrameHeader,
        promised: Option<u32>,
        block: &[u8],
        at: (At, At),
        cx: &mut Context<'_>,
    ) {
        let block = self.direction(side).decoder.decode(block, cx.limits);
        let id = promised.unwrap_or(header.stream);
        if !self.streams.contains_key(&id) {
            self.open(id, at.0, cx);
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let before = stream.weight();
        if promised.is_some() {
            stream.promised(block, at, cx.bodies);
        } else {
            stream.headers(side, block, at, header.has(flag::END_STREAM), cx.bodies);
        }
        self.weight = self.weight.saturating_sub(before).saturating_add(stream.weight());
        if promised.is_none() && stream.is_complete() {
            self.finish(id, cx);
        } else {
            self.make_room(at.1, cx);
        }
    }

    fn reset(&mut self, side: Side, id: u32, cx: &mut Context<'_>) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        // A server that has answered may tell the client to stop sending (§8.1): nothing is missing then.
        if side == Side::Client || !stream.is_answered() {
            stream.mark(Mark::StreamReset);
        }
        // Whatever it was for: nothing came before, and nothing comes after.
        if side == Side::Server && !self.server_lost && !stream.has_answer() {
            stream.mark(Mark::NoAnswer);
        }
        self.finish(id, cx);
    }

    /// Opens a stream; the oldest is given up for it past the limit.
    fn open(&mut self, id: u32, at: At, cx: &mut Context<'_>) {
        if id == 0 {
            return;
        }
        if self.streams.len() >= cx.limits.h2_streams {
            self.give_up_oldest("h2_streams", at, cx);
        }
        self.highest = self.highest.max(id);
        self.insert(id, Stream::new(at));
    }

    /// The streams of one connection take no more than what all connections may take: the oldest are given up.
    fn make_room(&mut self, at: At, cx: &mut Context<'_>) {
        while self.weight > cx.limits.connections_total && self.streams.len() > 1 {
            self.give_up_oldest("connections_total", at, cx);
        }
    }

    fn give_up_oldest(&mut self, limit: &'static str, at: At, cx: &mut Context<'_>) {
        let Some((oldest, stream)) = self.streams.pop_first() else { return };
        let kind = NoteKind::Limit { limit };
        cx.sink.note(Note { at: Some(at), connection: Some(cx.connection.id), kind });
        self.weight = self.weight.saturating_sub(stream.weight());
        emit(oldest, *stream, cx);
    }

    fn insert(&mut self, id: u32, stream: Stream) {
        self.weight = self.weight.saturating_add(stream.weight());
        if let Some(replaced) = self.streams.insert(id, Box::new(stream)) {
            self.weight = self.weight.saturating_sub(replaced.weight());
        }
    }
}

fn emit(id: u32, stream: Stream, cx: &mut Context<'_>) {
    let exchange: Option<Exchange> = stream.finish(u64::from(id), Protocol::H2, cx);
    if let Some(exchange) = exchange {
        cx.sink.exchange(exchange);
    }
}

/// Frames whose payload is not gathered: DATA, and those too long to be of use.
const fn streaming(header: FrameHeader, most: usize) -> Option<Position> {
    match header.kind {
        kind::DATA => Some(Position::Data {
            header,
            left: header.length,
            padding: 0,
            pad_length_next: header.has(flag::PADDED) && header.length > 0,
        }),
        _ if header.length > most => Some(Position::Skip { left: header.length }),
        _ => None,
    }
}

/// The rest of `bytes` from where frames begin again: at its head.
fn resynchronised(bytes: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = bytes.strip_prefix(PREFACE) {
        return Some(rest);
    }
    looks_like_frames(bytes).then_some(bytes)
}
