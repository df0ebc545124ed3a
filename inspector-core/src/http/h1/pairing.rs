//! Which response belongs to which request.
//!
//! Responses come in the order of their requests (RFC 9112 §9.3.2), so a queue pairs them, unless something is
//! missing. A response whose packet does not acknowledge the first byte of a request does not answer it. Beyond that holes
//! decide, each at its place in the streams:
//!
//! ```text
//!   request  (hole of the server)  response      uncertain: the answer may be in the hole
//!   (hole of the client)  request  response      uncertain: the answer may be that to a request in the hole
//!   (hole of the server)  request  response      certain, if the client does not pipeline: it sent the request after all
//!                                                that was in the hole, and the next bytes of the server begin the response
//!   (hole of the client)  responses  request  response     likewise, once more was answered than was asked before the hole
//! ```
//!
//! Of a client that was seen to pipeline no pair behind a hole is certain. The two messages of an uncertain pair are handed
//! out each by itself ([`Mark::PairUncertain`]), so that nothing is concluded from it.
//!
//! - Requests handed out early because of a limit are owed a response each; those responses are handed out alone.

use std::collections::VecDeque;

use super::framing::Method;
use crate::{
    context::Context,
    evidence::{At, Endpoint, SourceId},
    exchange::{
        Exchange, Mark, Marks, Protocol, Scheme,
        message::{Body, Message},
    },
    flow::Side,
    note::{Note, NoteKind},
};

/// An exchange that is not complete.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) method: Method,
    /// The request asks for another protocol.
    pub(super) upgrade: bool,
    pub(super) protocol: Protocol,
    /// Where it begins.
    pub(super) first: At,
    pub(super) marks: Marks,
    /// The request's header section was seen, its content is being read.
    pub(super) request_open: bool,
    pub(super) request: Option<Message>,
    pub(super) response_open: bool,
    pub(super) response: Option<Message>,
    /// The protocol that follows goes on with this exchange: it is given to it, not handed out.
    pub(super) withheld: bool,
    /// Offset in the client's stream at or before which it begins, if that is known.
    pub(super) sent: Option<u64>,
    /// A response that comes may be that to another request.
    pub(super) doubted: bool,
    /// The response that came may be that to another request.
    pub(super) uncertain: bool,
}

impl Pending {
    /// One of which nothing came yet.
    pub(super) fn new(method: Method, protocol: Protocol, first: At) -> Self {
        Self {
            method,
            upgrade: false,
            protocol,
            first,
            marks: Marks::default(),
            request_open: false,
            request: None,
            response_open: false,
            response: None,
            withheld: false,
            sent: None,
            doubted: false,
            uncertain: false,
        }
    }

    fn has_response(&self) -> bool {
        self.response_open || self.response.is_some()
    }

    fn is_complete(&self) -> bool {
        !self.request_open && !self.response_open && self.response.is_some()
    }
}

/// The exchanges of a connection that are not complete, oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pending: VecDeque<Box<Pending>>,
    /// Responses still to come to requests that were handed out already.
    owed: u64,
    /// Bytes kept of the requests that wait.
    kept: usize,
    /// Bytes kept of responses that wait for the end of their requests, or for those before them.
    answered: usize,
    /// A request was sent before the response to the one before began.
    pipelined: bool,
    limit_noted: bool,
    /// Since the last response, bytes of the server's stream are missing that may have held responses.
    pub(super) server_gap: bool,
    /// Since the queue was last empty, bytes of the client's stream are missing that may have held requests.
    pub(super) client_gap: bool,
    /// There ever was such a gap, by `Side::index`.
    holes: [bool; 2],
    /// Behind a hole of the server it is not certain yet where a response begins.
    unsettled: bool,
    /// Responses still to come to what was asked before the latest hole of the client, and one more; 0 if there is none.
    unanswered: u64,
    /// Offset at which the latest hole of the client ends.
    hole_end: u64,
    /// The server's stream ended, with everything that was sent.
    pub(super) server_over: bool,
    /// Exchanges handed out.
    pub(super) emitted: u64,
    /// The recording has the two ends the wrong way around.
    pub(super) reversed: bool,
    /// The exchange the next protocol goes on with.
    pub(super) withheld: Option<Box<Exchange>>,
}

impl Queue {
    /// Where the oldest exchange that is not complete begins.
    pub(super) fn oldest(&self) -> Option<At> {
        self.pending.front().map(|pending| pending.first)
    }

    /// A request's header section is complete.
    pub(super) fn push(&mut self, mut pending: Pending, cx: &mut Context<'_>) {
        let idle = !self.is_waiting() && !self.pending.iter().any(|pending| pending.response_open);
        pending.doubted = (self.unsettled && self.pending.iter().any(|pending| pending.response_open))
            || self.unanswered > 0
            || (self.pipelined && self.holes != [false; 2]);
        if self.unanswered == 1 && idle && !self.pipelined {
            self.unanswered = 0;
            pending.doubted = false;
        }
        if self.pending.len() >= cx.limits.pipeline.max(1) {
            self.hand_out_early(cx);
        }
        // One that may have been answered in a hole was, if the client does not pipeline.
        self.pipelined |=
            self.owed > 0 || self.pending.iter().any(|pending| !pending.has_response() && !pending.doubted);
        self.pending.push_back(Box::new(pending));
    }

    /// Bytes of a side are missing in which messages may have been.
    pub(super) fn hole(&mut self, side: Side, end: u64) {
        match side {
            Side::Client => {
                self.client_gap = true;
                self.hole_end = end;
                self.unanswered = self.count_waiting().saturating_add(2);
            }
            Side::Server => {
                self.server_gap = true;
                self.unsettled = true;
                self.doubt();
            }
        }
        let [client, server] = &mut self.holes;
        *(if side == Side::Client { client } else { server }) = true;
    }

    /// Whether bytes are missing in which messages may have been.
    pub(super) fn has_holes(&self) -> bool {
        self.holes != [false; 2] || self.owed > 0
    }

    fn count_waiting(&self) -> u64 {
        self.pending.iter().filter(|pending| !pending.has_response()).count() as u64
    }

    /// What the server sent behind a hole begins no response: what waits may have been answered in it.
    pub(super) fn doubt_if_unsettled(&mut self) {
        if self.unsettled {
            self.doubt();
        }
    }

    fn doubt(&mut self) {
        self.pending.iter_mut().filter(|pending| !pending.has_response()).for_each(|pending| pending.doubted = true);
    }

    /// Whether some request waits for its response.
    pub(super) fn is_waiting(&self) -> bool {
        self.owed > 0 || self.pending.iter().rev().any(|pending| !pending.has_response())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The exchange whose request is being read.
    pub(super) fn asking(&mut self) -> Option<&mut Pending> {
        self.pending.iter_mut().map(Box::as_mut).rev().find(|pending| pending.request_open)
    }

    /// The exchange whose response is being read.
    pub(super) fn answering(&mut self) -> Option<&mut Pending> {
        self.pending.iter_mut().map(Box::as_mut).find(|pending| pending.response_open)
    }

    /// The newest exchange.
    pub(super) fn newest(&mut self) -> Option<&mut Pending> {
        self.pending.back_mut().map(Box::as_mut)
    }

    /// Whether the request being read has begun to be answered.
    pub(super) fn is_asking_answered(&mut self) -> bool {
        self.asking().is_some_and(|pending| pending.has_response())
    }

    /// A response that began at `first`: opens the exchange it belongs to, which then is the [`Self::answering`] one.
    /// Requests before it that will get none are handed out.
    pub(super) fn answer(&mut self, first: At, covers: Option<u64>, protocol: Protocol, cx: &mut Context<'_>) {
        let index = if self.owed > 0 {
            self.owed -= 1;
            None
        } else {
            self.choose(first, covers)
        };
        // One that acknowledges all of the hole may answer a request in it, and the next request was sent after that.
        if self.unanswered > 1 && covers.is_some_and(|covers| covers >= self.hole_end) {
            self.unanswered -= 1;
        }
        let Some(index) = index else {
            let uncertain = self.has_holes() && self.is_waiting();
            let alone = Pending { response_open: true, uncertain, ..Pending::new(Method::Other, protocol, first) };
            self.pending.push_front(Box::new(alone));
            return;
        };
        self.server_gap = false;
        for _ in 0..index {
            if let Some(mut unanswered) = self.pop() {
                unanswered.marks.add(Mark::Gap);
                self.emit(unanswered, cx);
            }
        }
        let [_, server_hole] = self.holes;
        let piped = self.pipelined && server_hole;
        if let Some(pending) = self.pending.front_mut() {
            pending.response_open = true;
            pending.uncertain = pending.doubted || piped;
            if !pending.uncertain {
                self.unsettled = false;
            }
        }
    }

    /// Index of the request a response that began at `first` belongs to, whose packet acknowledges the client's stream up to
    /// `covers`.
    fn choose(&self, first: At, covers: Option<u64>) -> Option<usize> {
        let contradicts = |pending: &Pending| covers.zip(pending.sent).is_some_and(|(covers, sent)| covers <= sent);
        let mut waiting =
            self.pending.iter().enumerate().filter(|(_, pending)| !pending.has_response() && !contradicts(pending));
        let is_before = |pending: &Pending| pending.first.order() <= first.order();
        if self.server_gap && !self.pipelined {
            return waiting.rfind(|(_, pending)| is_before(pending)).map(|(index, _)| index);
        }
        let (index, pending) = waiting.next()?;
        (!self.client_gap || is_before(pending)).then_some(index)
    }

    /// The request being read is complete.
    pub(super) fn request_done(&mut self, message: Message, marks: Marks, cx: &mut Context<'_>) {
        self.kept = self.kept.saturating_add(kept(&message));
        if let Some(pending) = self.asking() {
            pending.request = Some(message);
            pending.request_open = false;
            pending.marks.merge(marks);
        }
        self.settle(cx);
        while self.kept > cx.limits.decoded_body && self.pending.len() > 1 && self.hand_out_early(cx) {}
    }

    /// The response being read is complete.
    pub(super) fn response_done(&mut self, message: Message, marks: Marks, cx: &mut Context<'_>) {
        self.answered = self.answered.saturating_add(kept(&message));
        if let Some(pending) = self.answering() {
            pending.response = Some(message);
            pending.response_open = false;
            pending.marks.merge(marks);
        }
        self.settle(cx);
    }

    /// Hands out what is complete.
    fn settle(&mut self, cx: &mut Context<'_>) {
        while self.pending.front().is_some_and(|pending| pending.is_complete()) {
            if let Some(complete) = self.pop() {
                self.emit(complete, cx);
            }
        }
        if self.pending.is_empty() {
            self.client_gap = false;
        }
    }

    /// Makes room: the oldest request is handed out without its response. Whether there was one.
    fn hand_out_early(&mut self, cx: &mut Context<'_>) -> bool {
        if self.pending.front().is_none_or(|oldest| oldest.response_open || oldest.request_open) {
            return false;
        }
        if !self.limit_noted {
            self.limit_noted = true;
            let kind = NoteKind::Limit { limit: "pipeline" };
            cx.sink.note(Note { at: None, connection: Some(cx.connection.id), kind });
        }
        if let Some(oldest) = self.pop() {
            self.owed = self.owed.saturating_add(u64::from(oldest.response.is_none()));
            self.emit(oldest, cx);
        }
        true
    }

    /// Nothing more will come: hands out the rest.
    pub(super) fn flush(&mut self, cx: &mut Context<'_>) {
        while let Some(mut pending) = self.pop() {
            if self.server_gap && pending.response.is_none() {
                pending.marks.add(Mark::Gap);
            }
            if self.server_over && !self.has_holes() && pending.response.is_none() && pending.request.is_some() {
                pending.marks.add(Mark::NoAnswer);
            }
            self.emit(pending, cx);
        }
    }

    /// Bytes of memory, about.
    pub(super) fn weight(&self) -> usize {
        self.pending.len().saturating_mul(size_of::<Pending>()).saturating_add(self.kept).saturating_add(self.answered)
    }

    fn pop(&mut self) -> Option<Box<Pending>> {
        let pending = self.pending.pop_front()?;
        self.kept = self.kept.saturating_sub(pending.request.as_ref().map_or(0, kept));
        self.answered = self.answered.saturating_sub(pending.response.as_ref().map_or(0, kept));
        Some(pending)
    }

    fn emit(&mut self, mut pending: Box<Pending>, cx: &mut Context<'_>) {
        if pending.uncertain {
            pending.marks.add(Mark::PairUncertain);
        }
        let splits = pending.uncertain && !pending.withheld && pending.request.is_some();
        let response = if splits { pending.response.take() } else { None };
        let alone = response.map(|response| {
            let mut marks = Marks::default();
            marks.add(Mark::PairUncertain);
            Pending {
                response: Some(response),
                request: None,
                marks,
                ..Pending::new(pending.method, pending.protocol, pending.first)
            }
        });
        self.emit_one(pending, cx);
        if let Some(alone) = alone {
            self.emit_one(Box::new(alone), cx);
        }
    }

    fn emit_one(&mut self, pending: Box<Pending>, cx: &mut Context<'_>) {
        let Pending { mut marks, request, response, protocol, withheld, .. } = *pending;
        if request.is_none() && response.is_none() {
            return;
        }
        if request.is_none() {
            marks.add(Mark::RequestMissing);
        }
        if response.is_none() {
            marks.add(Mark::ResponseMissing);
        }
        let ends = [cx.connection.client, cx.connection.server];
        let [client, server]: [Endpoint; 2] = if self.reversed { [ends[1], ends[0]] } else { ends };
        let exchange = Exchange {
            source: SourceId(0),
            number: 0,
            connection: Some(cx.connection.id),
            stream: None,
            protocol,
            scheme: if cx.tls.is_some() { Scheme::Https } else { Scheme::Http },
            client: Some(client),
            server: Some(server),
            tls: cx.tls.cloned(),
            request,
            response,
            marks,
        };
        if withheld && self.withheld.is_none() {
            self.withheld = Some(Box::new(exchange));
            return;
        }
        self.emitted += 1;
        cx.sink.exchange(exchange);
    }
}

/// Bytes of a message that stay in memory.
fn kept(message: &Message) -> usize {
    let Body { kept, .. } = &message.body;
    kept.as_ref().map_or(0, |kept| kept.len()).saturating_add(message.head.bytes().len())
}
