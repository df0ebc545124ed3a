//! Which response belongs to which request.
//!
//! Responses come in the order of their requests (RFC 9112 §9.3.2), so a queue pairs them, unless something is
//! missing. Then the positions in the recording decide, so that no response is ever given to a request it cannot
//! belong to:
//!
//! - After a gap of the client (requests may be in it) a response older than the oldest open request has none.
//! - After a gap of the server (responses may be in it) the newest request before the response has it: clients that do
//!   not pipeline send a request only after the response to the one before. If the client was seen to pipeline, order
//!   decides.
//! - Requests handed out early because of a limit are owed a response each; those responses are handed out alone.

use std::collections::VecDeque;

use super::framing::Method;
use crate::{
    context::Context,
    evidence::{At, Endpoint, SourceId},
    http::{
        exchange::{Exchange, Mark, Marks, Protocol, Scheme},
        message::{Body, Message},
    },
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
}

impl Pending {
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
    pub(super) fn push(&mut self, pending: Pending, cx: &mut Context<'_>) {
        if self.pending.len() >= cx.limits.pipeline.max(1) {
            self.hand_out_early(cx);
        }
        self.pipelined |= !self.server_gap && self.is_waiting();
        self.pending.push_back(Box::new(pending));
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
    pub(super) fn answer(&mut self, first: At, protocol: Protocol, cx: &mut Context<'_>) {
        let index = if self.owed > 0 {
            self.owed -= 1;
            None
        } else {
            self.choose(first)
        };
        let Some(index) = index else {
            self.pending.push_front(Box::new(Pending {
                method: Method::Other,
                upgrade: false,
                protocol,
                first,
                marks: Marks::default(),
                request_open: false,
                request: None,
                response_open: true,
                response: None,
                withheld: false,
            }));
            return;
        };
        self.server_gap = false;
        for _ in 0..index {
            if let Some(mut unanswered) = self.pop() {
                unanswered.marks.add(Mark::Gap);
                self.emit(unanswered, cx);
            }
        }
        if let Some(pending) = self.pending.front_mut() {
            pending.response_open = true;
        }
    }

    /// Index of the request a response that began at `first` belongs to.
    fn choose(&self, first: At) -> Option<usize> {
        let mut waiting = self.pending.iter().enumerate().filter(|(_, pending)| !pending.has_response());
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

    fn emit(&mut self, pending: Box<Pending>, cx: &mut Context<'_>) {
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
