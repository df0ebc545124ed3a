//! Contents: by length, by chunks, to the end; trailers; contents that were announced and never sent.

use super::*;

/// Contents.
impl Http1 {
    /// Reads content. Returns how many bytes of `input` were used.
    pub(super) fn content(&mut self, role: Side, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
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
                open.take(input.get(..take).unwrap_or_default(), cx);
                if is_over {
                    self.finish(role, at, cx);
                }
                take
            }
            Reading::Close => {
                open.take(input, cx);
                input.len()
            }
            Reading::Begin { strict, or } => {
                let (strict, or) = (*strict, *or);
                self.decide_chunked(role, input, strict, or, at, cx)
            }
            Reading::Chunked(chunked) => {
                let (used, step) = chunked.step(input);
                let (damaged, bare_lf) = (chunked.damaged, chunked.bare_lf);
                match step {
                    Step::Data(data) => open.take(data, cx),
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

    /// Gathers the first line of a content until it tells whether it is chunked.
    fn decide_chunked(
        &mut self,
        role: Side,
        input: &[u8],
        strict: bool,
        or: Plain,
        at: At,
        cx: &mut Context<'_>,
    ) -> usize {
        let half = self.half(role);
        let mut gathered = std::mem::take(&mut half.buffer);
        // Nearly always the first bytes tell, and are read where they lie.
        let is_first = gathered.is_empty();
        if !is_first {
            gathered.extend_from_slice(input);
        }
        let view = if is_first { input } else { &gathered };
        match begins_chunked(view, strict) {
            None if view.len() <= START_LINE => {
                half.buffer = if is_first { input.to_vec() } else { gathered };
                return input.len();
            }
            Some(true) => half.reading = Reading::Chunked(Chunked::default()),
            _ => {
                if let Some(open) = &mut half.open {
                    open.marks.add(Mark::BadChunk);
                }
                match Framing::from(or) {
                    Framing::Length(length) => half.reading = Reading::Length(length),
                    Framing::Close => half.reading = Reading::Close,
                    Framing::None | Framing::Chunked { .. } => {
                        self.finish(role, at, cx);
                        self.lose(role);
                    }
                }
            }
        }
        if is_first {
            return 0;
        }
        self.feed(role, &gathered, at, cx);
        input.len()
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
        if half.buffer.is_empty() && input.starts_with(b"\r\n") {
            self.finish(role, at, cx);
            return 2;
        }
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

    pub(super) fn add_trailers(&mut self, role: Side, section: &[u8], limits: &Limits) {
        let half = self.half(role);
        let parsed = parse(section, Kind::Trailers, half.scan.bare_lf, limits);
        if let Some(open) = &mut half.open {
            open.marks.merge(parsed.marks);
            if !parsed.head.fields().is_empty() {
                open.trailers = Some(Box::new(parsed.head));
            }
        }
    }

    /// Whether the client may still leave out the content: it waits for `100 Continue` and was answered otherwise, or
    /// never announced a length.
    pub(super) fn expects(&mut self, role: Side) -> bool {
        role == Side::Client
            && self.client.open.as_ref().is_some_and(|open| open.expects)
            && (matches!(self.client.reading, Reading::Close) || self.queue.is_asking_answered())
    }

    /// Bytes that are the content, or the next request.
    pub(super) fn expected(&mut self, input: &[u8], at: At, cx: &mut Context<'_>) -> usize {
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
    pub(super) fn finish(&mut self, role: Side, at: At, cx: &mut Context<'_>) {
        let half = self.half(role);
        half.reading = Reading::Start;
        half.buffer = Vec::new();
        let Some(open) = half.open.take() else { return };
        let open = *open;
        let end = half.latest_with(open.head_end.later(at));
        let (body, mut marks) = open.collector.finish(cx.limits, cx.barren);
        marks.merge(open.marks);
        let message =
            Message { head: open.head, body, trailers: open.trailers, first: open.first, head_end: open.head_end, end };
        match role {
            Side::Client => self.queue.request_done(message, marks, cx),
            Side::Server => {
                // An answered request that lasts "until the end" is over.
                if matches!(self.client.reading, Reading::Close)
                    && self.queue.asking().is_some_and(|asking| asking.response_open)
                {
                    let begun = std::mem::take(&mut self.client.buffer);
                    if let Some(open) = &mut self.client.open {
                        open.collector.push(&begun, cx.limits);
                    }
                    let end = self.client.last.unwrap_or(at);
                    self.finish(Side::Client, end, cx);
                }
                self.queue.response_done(message, marks, cx);
            }
        }
    }
}
