//! Message starts: gathering a head, judging what a side begins with, and what a head means for the connection.

use super::*;

/// Message starts.
impl Http1 {
    /// Gathers a head. Returns how many bytes of `input` were used.
    pub(super) fn start(&mut self, role: Side, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        if role == Side::Server && self.server.buffer.is_empty() {
            self.finish_simple_request(at, cx);
            if self.holds(cx) && !self.is_unasked_now(cx) && looks_like_response(input) != Probe::No {
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
            half.begin_at(at, cx);
            half.scan = Scan::default();
            half.judged = false;
        } else {
            gathered.extend_from_slice(fresh);
        }
        let view = if was_empty { fresh } else { &gathered };
        // A start line that goes on and on is not judged again for every piece of it.
        let is_middle = view.len() - fresh.len() > 128 && view.len() <= cx.limits.head && !fresh.contains(&b'\n');
        if !half.judged {
            let judged = if is_middle { Judged::Wait } else { self.judge(role, view, cx) };
            let half = match judged {
                Judged::Turned => {
                    // The half moved; it reads on as the other side.
                    gathered.truncate(gathered.len().saturating_sub(fresh.len()));
                    self.half(role.other()).buffer = gathered;
                    return skipped;
                }
                Judged::Foreign if was_empty => return skipped,
                Judged::Foreign => {
                    let (first, rest) = (self.half(role).first.unwrap_or(at), view.to_vec());
                    self.feed(role, &rest, first, cx);
                    return input.len();
                }
                Judged::Wait | Judged::Yes => self.half(role),
            };
            if !half.judged {
                half.buffer = if was_empty { gather(fresh) } else { gathered };
                return input.len();
            }
        }
        let half = self.half(role);
        let first = half.first.unwrap_or(at);
        match half.scan.find(view) {
            Some(length) if length <= cx.limits.head => {
                let (bare_lf, beyond) = (half.scan.bare_lf, view.len() - length);
                let parsed = parse(view.get(..length).unwrap_or_default(), kind(role), bare_lf, cx.limits);
                self.begin(role, parsed, first, at, cx);
                input.len().saturating_sub(beyond)
            }
            // What lies beyond the limit is no part of the head, in whatever pieces it came.
            found if found.is_some() || view.len() > cx.limits.head => {
                let (kept, beyond) = view.split_at_checked(cx.limits.head).unwrap_or((view, &[]));
                self.give_up_head(role, kept, at, cx);
                input.len().saturating_sub(beyond.len())
            }
            _ => {
                half.buffer = if was_empty { gather(fresh) } else { gathered };
                input.len()
            }
        }
    }

    /// A head is longer than [`Limits::head`].
    fn give_up_head(&mut self, role: Side, view: &[u8], at: At, cx: &mut Context<'_>) {
        self.cut_head(role, view, at, cx);
        if let Some(open) = &mut self.half(role).open {
            open.marks.add(Mark::Malformed);
            open.collector.missing();
        }
        self.finish(role, at, cx);
        self.lose(role);
    }

    /// Whether `view` begins a message of this side.
    fn judge(&mut self, role: Side, view: &[u8], cx: &Context<'_>) -> Judged {
        let look = |role| match role {
            Side::Client => looks_like_request(view),
            Side::Server => looks_like_response(view),
        };
        let own = look(role);
        if own == Probe::Certain {
            self.half(role).judged = true;
            return Judged::Yes;
        }
        let is_idle = self.queue.is_empty() && self.half(role.other()).is_idle() && self.half(role).open.is_none();
        match (own, look(role.other())) {
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
    pub(super) fn begin(&mut self, role: Side, mut parsed: Parsed, first: At, at: At, cx: &mut Context<'_>) {
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
            self.client.stash.push(parsed.head.bytes(), first, None);
            self.switch = Some(SwitchTo::H2c { settings: None });
            return;
        }
        let framing = framing::of_request(&mut parsed);
        let method = Method::of(&parsed.head);
        let expects =
            framing != Framing::None && parsed.head.values("expect").any(|value| has_word(value, b"100-continue"));
        self.queue.push(
            Pending {
                upgrade: parsed.head.value("upgrade").is_some(),
                request_open: true,
                sent: self.client.began,
                ..Pending::new(method, parsed.protocol, first)
            },
            cx,
        );
        self.open(Side::Client, parsed, framing, (first, at), cx);
        if let Some(open) = &mut self.client.open {
            // A content without length may as well be another request.
            open.expects = expects || framing == Framing::Close;
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
        let unasked = self.is_unasked(cx);
        self.queue.answer(first, self.server.covers, parsed.protocol, cx);
        if unasked && let Some(pending) = self.queue.answering() {
            pending.marks.add(Mark::Unsolicited);
        }
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
            stash.pieces().for_each(|(bytes, at, _)| self.feed(Side::Client, bytes, at, cx));
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

    pub(super) fn open(
        &mut self,
        role: Side,
        parsed: Parsed,
        framing: Framing,
        (first, at): (At, At),
        cx: &Context<'_>,
    ) {
        let collector = Collector::new(&parsed.head, cx.bodies);
        let half = self.half(role);
        half.reading = match framing {
            Framing::None => Reading::Start,
            Framing::Length(length) => Reading::Length(length),
            Framing::Chunked { strict, or } => Reading::Begin { strict, or },
            Framing::Close => Reading::Close,
        };
        half.first = None;
        half.open = Some(Box::new(Open {
            head: parsed.head,
            collector,
            trailers: None,
            first,
            head_end: half.latest_with(first.later(at)),
            marks: parsed.marks,
            expects: false,
        }));
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

/// The first piece of a head that goes on in another, with room for one as large.
fn gather(fresh: &[u8]) -> Vec<u8> {
    let mut gathered = Vec::with_capacity(fresh.len().saturating_mul(2));
    gathered.extend_from_slice(fresh);
    gathered
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
