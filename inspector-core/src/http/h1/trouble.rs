//! What goes wrong: gaps, ends in the middle, responses before requests, bytes that are no message.

use super::*;

/// Trouble: gaps, ends, bytes that are no message.
impl Http1 {
    pub(super) fn lose(&mut self, role: Side) {
        let half = self.half(role);
        half.reading = Reading::Lost;
        half.judged = false;
        half.first = None;
        half.buffer = Vec::new();
    }

    /// Looks for a start line at the beginning of `input` and behind its line ends.
    pub(super) fn lost(&mut self, role: Side, input: &[u8], at: At, cx: &Context<'_>) -> usize {
        let before = self.half(role).unread;
        let used = self.search(role, input, at, cx);
        if role == Side::Server && self.server.unread > before {
            self.queue.doubt_if_unsettled();
        }
        used
    }

    fn search(&mut self, role: Side, input: &[u8], at: At, cx: &Context<'_>) -> usize {
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
                    half.begin_at(at, cx);
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

    /// Whether the server says something that nobody asked for: it had received nothing but what is answered.
    fn had_nothing_to_answer(&self, covers: Option<u64>, cx: &Context<'_>) -> bool {
        let client = if self.queue.reversed { Side::Server } else { Side::Client };
        let index = client.index();
        let reached = cx.connection.standing.reached.get(index).copied();
        let from_start = cx.connection.from_start.get(index) == Some(&true);
        let idle = matches!(self.client.reading, Reading::Start | Reading::Off)
            && self.client.buffer.is_empty()
            && self.client.open.is_none();
        from_start
            && idle
            && !self.queue.is_waiting()
            && !self.queue.has_holes()
            && covers.is_some()
            && covers <= reached
    }

    /// The same of the response that has begun.
    pub(super) fn is_unasked(&self, cx: &Context<'_>) -> bool {
        self.had_nothing_to_answer(self.server.covers, cx)
    }

    /// The same of one that begins with the bytes at hand.
    pub(super) fn is_unasked_now(&self, cx: &Context<'_>) -> bool {
        self.had_nothing_to_answer(cx.connection.standing.acknowledged, cx)
    }

    /// Whether a response must wait for its request.
    pub(super) fn holds(&mut self, cx: &Context<'_>) -> bool {
        let client = if self.queue.reversed { Side::Server } else { Side::Client };
        !self.server.unheld
            && !self.queue.is_waiting()
            && !self.client.ended
            && !self.client.gap
            && !self.queue.client_gap
            && !matches!(self.client.reading, Reading::Lost | Reading::Off)
            && cx.connection.from_start.get(client.index()) == Some(&true)
    }

    pub(super) fn hold(&mut self, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
        let is_beginning = self.server.stash.bytes.len() < 64;
        self.server.stash.push(input, at, cx.connection.standing.acknowledged);
        let held = &self.server.stash.bytes;
        if held.len() > cx.limits.held || (is_beginning && looks_like_response(held) == Probe::No) {
            self.server.unheld = true;
            self.release_held(cx);
        }
        input.len()
    }

    /// Reads what was held.
    pub(super) fn release_held(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.server.reading, Reading::Held) {
            return;
        }
        self.server.reading = Reading::Start;
        let stash = std::mem::take(&mut self.server.stash);
        let now = cx.connection.standing.acknowledged;
        for (bytes, at, covers) in stash.pieces() {
            cx.connection.standing.acknowledged = covers;
            self.feed(Side::Server, bytes, at, cx);
        }
        cx.connection.standing.acknowledged = now;
        if !matches!(self.server.reading, Reading::Held)
            && let Some((how, at)) = self.server.end_held.take()
        {
            self.server.ended = true;
            self.cut(Side::Server, Cut::End(how), at, cx);
            self.server.reading = Reading::Off;
        }
    }

    /// Bytes behind a `CONNECT` or an upgrade. Too many of them tell that the response is not recorded.
    pub(super) fn await_response(&mut self, input: &[u8], at: At) -> usize {
        self.client.stash.push(input, at, None);
        input.len()
    }

    /// `bytes` of a side are missing.
    pub(super) fn missing(&mut self, role: Side, bytes: u64, at: At, cx: &mut Context<'_>) {
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
        // What was begun before the hole was there before it.
        self.cut(role, Cut::Gap, at, cx);
        let side = self.role(role);
        let end = cx.connection.standing.reached.get(side.index()).copied().unwrap_or_default();
        self.queue.hole(role, end);
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
    pub(super) fn missing_answer(&mut self) {
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
    pub(super) fn cut(&mut self, role: Side, why: Cut, at: At, cx: &mut Context<'_>) {
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
        if self.expects(role) && (why == Cut::End(End::Fin) || !matches!(self.client.reading, Reading::Close)) {
            let begun = std::mem::take(&mut self.client.buffer);
            if let Some(open) = &mut self.client.open {
                open.collector.push(&begun, cx.limits);
            }
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
    pub(super) fn cut_head(&mut self, role: Side, bytes: &[u8], at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        let first = half.first.unwrap_or(at);
        let has_line = memchr::memchr(b'\n', bytes).is_some();
        let is_start = match role {
            Side::Client => looks_like_request(bytes) == Probe::Certain || is_cut_request_line(bytes),
            Side::Server => looks_like_response(bytes) == Probe::Certain,
        };
        let bytes = if has_line { bytes } else { without_cut_version(bytes) };
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
                    request_open: true,
                    sent: half.began,
                    ..Pending::new(Method::of(&parsed.head), parsed.protocol, first)
                };
                self.queue.push(pending, cx);
            }
            Side::Server => self.queue.answer(first, self.server.covers, parsed.protocol, cx),
        }
        let framing = if is_simple { Framing::None } else { Framing::Close };
        self.open(role, parsed, framing, (first, at), cx);
        if is_simple {
            self.finish(role, at, cx);
        }
    }
}
