//! One stream of HTTP/2 or HTTP/3: a request, its response, and what is missing of them (RFC 9113 §8.1, RFC 9114 §4.1).

use crate::{
    context::{BodyPolicy, Context},
    evidence::At,
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme,
        message::{Body, Head, Message, Start},
    },
    flow::Side,
    http::{compression::FieldSection, content::Collector},
};

/// One side's message on a stream.
#[derive(Debug)]
struct Half {
    head: Option<(Head, At, At)>,
    content: Option<Collector>,
    trailers: Option<Box<Head>>,
    end: At,
    ended: bool,
    /// The message, if it came whole.
    whole: Option<Box<Message>>,
}

/// A stream with the messages of both sides, by `Side::index`.
#[derive(Debug)]
pub(in crate::http) struct Stream {
    /// Where it began.
    pub(in crate::http) first: At,
    halves: [Half; 2],
    marks: Marks,
}

impl Stream {
    pub(in crate::http) fn new(first: At) -> Self {
        let half = || Half { head: None, content: None, trailers: None, end: first, ended: false, whole: None };
        Self { first, halves: [half(), half()], marks: Marks::default() }
    }

    /// Stream 1 of an upgraded connection: its request came as HTTP/1.1.
    pub(in crate::http) fn upgraded(request: Message) -> Self {
        let mut stream = Self::new(request.first);
        stream.marks.add(Mark::Upgraded);
        let half = stream.half(Side::Client);
        half.end = request.end;
        half.ended = true;
        half.whole = Some(Box::new(request));
        stream
    }

    pub(in crate::http) const fn mark(&mut self, mark: Mark) {
        self.marks.add(mark);
    }

    /// Takes a field block. `at` are the places of its first and its last frame.
    pub(in crate::http) fn headers(
        &mut self,
        side: Side,
        block: FieldSection,
        at: (At, At),
        end: bool,
        bodies: BodyPolicy,
    ) {
        self.marks.merge(block.marks);
        let half = self.half(side);
        let last = at.0.later(at.1);
        half.end = if half.head.is_some() { half.end.later(last) } else { last };
        half.ended |= end;
        let interim = matches!(block.head.start(), Start::Response { status: 100..200, .. }) && !end;
        if interim {
            return;
        }
        if half.head.is_some() {
            half.trailers = Some(Box::new(block.head));
            return;
        }
        let head = as_start_of(side, block);
        half.content = Some(Collector::new(&head, bodies));
        half.head = Some((head, at.0, last));
    }

    /// A request the server promises (§8.4).
    pub(in crate::http) fn promised(&mut self, block: FieldSection, at: (At, At), bodies: BodyPolicy) {
        self.headers(Side::Client, block, at, true, bodies);
        self.marks.add(Mark::Pushed);
    }

    /// Takes a piece of content.
    pub(in crate::http) fn data(&mut self, side: Side, piece: &[u8], at: At, cx: &Context<'_>) {
        let half = self.half(side);
        half.end = half.end.later(at);
        if let Some(content) = &mut half.content {
            content.meet(piece, cx.barren);
            content.push(piece, cx.limits);
        }
    }

    /// Bytes of memory it takes, about.
    pub(in crate::http) fn weight(&self) -> usize {
        self.halves.iter().fold(size_of::<Self>(), |sum, half| {
            let head = half.head.as_ref().map_or(0, |(head, ..)| head.weight());
            let content = half.content.as_ref().map_or(0, Collector::weight);
            let trailers = half.trailers.as_ref().map_or(0, |head| size_of::<Head>().saturating_add(head.weight()));
            let whole = half.whole.as_ref().map_or(0, |message| size_of::<Message>().saturating_add(message.weight()));
            sum.saturating_add(head).saturating_add(content).saturating_add(trailers).saturating_add(whole)
        })
    }

    /// Bytes of memory that side's content takes, about.
    pub(in crate::http) fn content_weight(&self, side: Side) -> usize {
        let [client, server] = &self.halves;
        let half = if side == Side::Client { client } else { server };
        half.content.as_ref().map_or(0, Collector::weight)
    }

    /// Content of that side is missing.
    pub(in crate::http) fn missing(&mut self, side: Side) {
        self.marks.add(Mark::Gap);
        if let Some(content) = &mut self.half(side).content {
            content.missing();
        }
    }

    pub(in crate::http) fn end(&mut self, side: Side) {
        self.half(side).ended = true;
    }

    /// Both messages are whole.
    pub(in crate::http) fn is_complete(&self) -> bool {
        self.halves.iter().all(|half| half.ended)
    }

    /// The response is whole; a client may still be sending.
    pub(in crate::http) const fn is_answered(&self) -> bool {
        self.halves[1].ended
    }

    /// A response has begun.
    pub(in crate::http) const fn has_answer(&self) -> bool {
        let [_, response] = &self.halves;
        response.head.is_some() || response.whole.is_some()
    }

    /// The exchange, with marks for what never came. `None` if no header section was recorded.
    pub(in crate::http) fn finish(self, id: u64, protocol: Protocol, cx: &Context<'_>) -> Option<Exchange> {
        let Self { halves: [request, response], mut marks, .. } = self;
        for half in [&request, &response] {
            if half.head.is_some() && !half.ended {
                let content = half.content.as_ref().is_some_and(|content| content.transferred() > 0);
                marks.add(if content { Mark::BodyCut } else { Mark::ClosedEarly });
            }
        }
        let request = request.finish(&mut marks, cx);
        let response = response.finish(&mut marks, cx);
        if request.is_none() && response.is_none() {
            return None;
        }
        if request.is_none() {
            marks.add(Mark::RequestMissing);
        }
        if response.is_none() {
            marks.add(Mark::ResponseMissing);
        }
        Some(Exchange {
            source: crate::evidence::SourceId::default(),
            number: 0,
            connection: Some(cx.connection.id),
            stream: Some(id),
            protocol,
            scheme: if cx.tls.is_some() { Scheme::Https } else { Scheme::Http },
            client: Some(cx.connection.client),
            server: Some(cx.connection.server),
            tls: cx.tls.cloned(),
            request,
            response,
            marks,
        })
    }

    fn half(&mut self, side: Side) -> &mut Half {
        let [client, server] = &mut self.halves;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }
}

impl Half {
    fn finish(self, marks: &mut Marks, cx: &Context<'_>) -> Option<Message> {
        if let Some(whole) = self.whole {
            return Some(*whole);
        }
        let (head, first, head_end) = self.head?;
        let mut body = Body::default();
        if let Some(content) = self.content {
            let (finished, found) = content.finish(cx.limits, cx.barren);
            marks.merge(found);
            body = finished;
        }
        Some(Message { head, body, trailers: self.trailers, first, head_end, end: self.end })
    }
}

/// A side's first field block, whatever pseudo-header fields of it are known: a lost table entry may have held the
/// method or the status.
fn as_start_of(side: Side, block: FieldSection) -> Head {
    let wanted = match (side, block.head.start()) {
        (Side::Client, Start::Request { .. }) | (Side::Server, Start::Response { .. }) => return block.head,
        (Side::Client, _) => Start::Request { method: 0..0, target: 0..0, authority: None },
        (Side::Server, _) => Start::Response { status: 0, reason: 0..0 },
    };
    Head::new(block.head.bytes(), wanted, block.head.fields().to_vec())
}
